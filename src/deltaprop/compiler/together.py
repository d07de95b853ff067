"""Together: like calls on several small arrays become one call on all of their entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..graph import Elementwise
from .program import Call, Program, Variable, pack, part

_LARGEST = 1 << 14  # of more entries the work is what takes the time, and not the call


def together(program: Program, packable: Callable[[Variable], bool]) -> Program:
    """With one call for several that do the same with small arrays.

    The update of many parameters by an optimiser is such a set. It is done where packing
    costs nothing: `packable` says whether a variable can be computed in its place right
    away.
    """
    known = _Known(packable)
    for group in _alike(program):
        known.join(group)
    if not known.calls:
        return program
    calls = [call for call in program.calls if call not in known.gone]
    return program.with_calls(_sorted(calls + known.calls))


def _alike(program: Program) -> list[list[Call]]:
    """Sets of calls that do the same, as far from the end as each other, the first ones first.

    So none of them depends on another; and what is done to each gradient, whenever that is
    known, is done to all at once in the end.
    """
    height: dict[Variable, int] = {}
    groups: dict[Any, list[Call]] = defaultdict(list)
    later = -1  # of the effect that comes next
    for call in reversed(program.calls):
        mine = height.get(call.result, 0)
        if call.effect:
            mine = later = max(mine, later + 1)
        for x in call.reads:
            if height.get(x, 0) <= mine:
                height[x] = mine + 1
        if isinstance(call.function, Elementwise):
            groups[mine, call.function].append(call)
    several: list[list[Call]] = []
    for _, calls in sorted(groups.items(), key=lambda item: -item[0][0]):
        if len(calls) > 1:
            alike: dict[Any, list[Call]] = defaultdict(list)
            for call in reversed(calls):
                alike[_pattern(call)].append(call)
            several += [calls for key, calls in alike.items() if key and len(calls) > 1]
    return several


def _pattern(call: Call) -> Any:
    """The dtype, and the scalars among the arguments, if the call may be joined with others."""
    y = call.result
    ufunc = isinstance(call.function.forward, np.ufunc)  # type: ignore[attr-defined]
    if not ufunc or not y.shape or not y.dense or y.size > _LARGEST:
        return None
    pattern: list[Any] = [y.dtype]
    for x in call.args:
        if not _is_array(x):
            pattern.append(id(x) if isinstance(x, Variable) else (type(x), repr(x)))
        elif isinstance(x, Variable) and x.dense and x.shape == y.shape and x.dtype == y.dtype:
            pattern.append(None)
        else:
            return None
    return tuple(pattern)


def _is_array(x: Any) -> bool:
    return bool(x.shape if isinstance(x, Variable) else np.shape(x))


class _Known:
    """What has been packed: sequences of variables, and the one that holds them all."""

    def __init__(self, packable: Callable[[Variable], bool]) -> None:
        self.packable = packable
        self.packs: dict[tuple[Variable, ...], Variable] = {}
        self.taken: set[Variable] = set()
        self.calls: list[Call] = []
        self.gone: set[Call] = set()

    def join(self, group: Sequence[Call]) -> None:
        """Put one call in the place of a group, if what it reads can be packed for free."""
        columns = [
            xs if _is_array(xs[0]) else xs[0] for xs in zip(*[c.args for c in group], strict=True)
        ]
        new = {xs for xs in columns if isinstance(xs, tuple) and xs not in self.packs}
        inside = [x for xs in new for x in xs]  # in one place each, else one is a copy
        if len(set(inside)) < len(inside) or not all(map(self.fresh, new)):
            return
        args = tuple([self.packed(xs) if isinstance(xs, tuple) else xs for xs in columns])
        results = tuple([call.result for call in group])
        whole = self.packs[results] = _row(results)
        reads = tuple([x for x in args if isinstance(x, Variable)])
        self.calls.append(Call(group[0].function, args, {}, whole, reads=reads))
        start = 0
        for y in results:
            self.calls.append(Call(part, (whole, start, y.shape), {}, y, reads=(whole,)))
            start += y.size
        self.gone.update(group)

    def fresh(self, xs: tuple[Any, ...]) -> bool:
        """Whether all can be computed where they are packed."""
        free = self.taken.isdisjoint(xs) and len(set(xs)) == len(xs)
        return free and all(isinstance(x, Variable) and self.packable(x) for x in xs)

    def packed(self, xs: tuple[Variable, ...]) -> Variable:
        """The variable that holds all of these."""
        if xs not in self.packs:
            self.packs[xs] = _row(xs)
            self.calls.append(Call(pack, xs, {}, self.packs[xs], reads=xs))
            self.taken.update(xs)
        return self.packs[xs]


def _row(xs: Sequence[Variable]) -> Variable:
    return Variable(np.empty(sum(x.size for x in xs), xs[0].dtype))


def _sorted(calls: Sequence[Call]) -> list[Call]:
    """The calls, each after those that it reads from, else in the order that they have.

    Effects keep their order: one waits for all before it.
    """
    made = {call.result: call for call in calls}
    effects = [call for call in calls if call.effect]
    previous = dict(zip(effects[1:], effects, strict=False))
    ordered: dict[Call, None] = {}
    stack = [*reversed(calls)]
    while stack:
        call = stack[-1]
        waits = [made[x] for x in call.reads if x in made]
        if call in previous:
            waits.append(previous[call])
        before = [c for c in waits if c not in ordered]
        if not before:
            ordered[stack.pop()] = None
        stack += before[::-1]
    return [*ordered]
