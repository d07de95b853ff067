"""Lanes: many operations on single numbers become a few on vectors of them.

Operations of one kind, none of which depends on another, form one vector operation; a chain
of additions is one sum of all its terms. So a graph of 65,000 scalar Values replays in a few
hundred calls of NumPy. Sums are formed in another order, and functions such as exp are those
that NumPy has for vectors: results differ from eager ones by rounding.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..calculus.elementwise import add, power
from ..graph import REGISTRY, Elementwise, as_number
from ..graph.arrays import ducks_in
from .program import Call, Program, Variable

_FLOAT = np.dtype(float)
# the operations that NumPy takes for arrays to these powers
_NAMES = {2: "square", 1: "positive", 0.5: "sqrt", -1: "reciprocal"}
POWERS = {p: REGISTRY[name] for p, name in _NAMES.items()}
_FEWEST = 256  # for fewer operations Python's own arithmetic is as fast


def lanes(program: Program) -> Program:
    """With one call in the place of all that compute with single numbers."""
    if len(program.calls) < _FEWEST:
        return program
    inside, before, after = _split(program.calls)
    if len(inside) < _FEWEST:
        return program
    made = {call.result for call in inside}
    outer = [x for call in after for x in call.reads] + list(ducks_in(program.outputs))
    wanted = list(dict.fromkeys(x for x in outer if x in made))
    inputs = list(dict.fromkeys(x for call in inside for x in call.reads if x not in made))
    vector = Vector(inside, inputs, wanted)
    whole = Variable(vector.numbers)
    calls = [Call(vector, tuple(inputs), {}, whole, reads=tuple(inputs))]
    for x, i in zip(wanted, vector.outputs, strict=True):
        calls.append(Call(entry if x.number else scalar_entry, (whole, i), {}, x, reads=(whole,)))
    return program.with_calls([*before, *calls, *after])


def entry(xs: Sequence[float], i: int) -> float:
    """One of several numbers."""
    return float(xs[i])


def scalar_entry(xs: Sequence[float], i: int) -> Any:
    """One of several numbers, as NumPy's scalar."""
    return np.float64(xs[i])


def _split(calls: Sequence[Call]) -> tuple[list[Call], list[Call], list[Call]]:
    """The calls on numbers; those that can be done before all of these; and all others."""
    inside: list[Call] = []
    before: list[Call] = []
    after: list[Call] = []
    numbers: set[Variable] = set()
    late: set[Variable] = set()
    for call in calls:
        waits = not late.isdisjoint(call.reads)
        if not waits and _on_numbers(call):
            inside.append(call)
            numbers.add(call.result)
        elif waits or call.effect or not numbers.isdisjoint(call.reads):
            after.append(call)
            late.add(call.result)
        else:
            before.append(call)
    return inside, before, after


def _on_numbers(call: Call) -> bool:
    known = isinstance(call.function, Elementwise) or call.function is as_number
    return known and _is_number(call.result) and all(map(_is_number, call.args))


def _is_number(x: Any) -> bool:
    """Whether `x` is a float, Python's or NumPy's."""
    if isinstance(x, Variable):
        return not x.shape and x.dtype == _FLOAT
    return type(x) is float or type(x) is int


class _Step(NamedTuple):
    """``numbers[out] = function(*args)``; an argument is a slice or places, or one number.

    `starts` says where the terms of each sum begin, if that is what the step does.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    out: slice
    starts: Any = None


class Vector:
    """A function of single numbers, as vector operations.

    Parameters
    ----------
    calls : sequence of Call
        Operations on numbers.
    inputs, outputs : sequence of Variable
        What it takes, and what is asked for of the numbers that it returns.

    Attributes
    ----------
    numbers : ndarray
        All numbers: the inputs, then the constants, then what the steps compute.
    inputs, known : int
        Where the constants begin, and where they end.
    steps : list of _Step
    outputs : list of int
        Where the numbers are that are asked for.
    """

    __name__ = "lanes"

    def __init__(
        self, calls: Sequence[Call], inputs: Sequence[Variable], outputs: Sequence[Variable]
    ) -> None:
        self._place: dict[Any, int] = {x: i for i, x in enumerate(inputs)}
        self.inputs: int = len(inputs)
        groups = _levels(_chained(calls, set(outputs)))
        terms = [x for _, items in groups for args, _ in items for x in args]
        constants = [x for x in terms if type(x) is float]
        for x in constants:
            self._place.setdefault(x, len(self._place))
        self.known: int = len(self._place)
        size = len(self._place) + sum(len(items) for _, items in groups)
        self.numbers: np.ndarray = np.zeros(size)
        for x in constants:
            self.numbers[self._place[x]] = x
        self.steps: list[_Step] = [self._step(function, items) for function, items in groups]
        self.outputs: list[int] = [self._place[x] for x in outputs]
        self._place = {}  # the program does not need it

    def _step(self, function: Any, items: Sequence[tuple[Any, Variable]]) -> _Step:
        start = len(self._place)
        if function is None:
            lengths = [len(terms) for terms, _ in items]
            args: tuple[Any, ...] = (self._places([x for terms, _ in items for x in terms]),)
            starts = np.cumsum([0, *lengths[:-1]])
        else:
            columns = zip(*[args for args, _ in items], strict=True)
            args = tuple([self._column(xs) for xs in columns])
            starts = None
        for _, y in items:
            self._place[y] = len(self._place)
        if function is power and type(args[1]) is float and args[1] in POWERS:
            function, args = POWERS[args[1]], args[:1]
        forward = np.power if function is power else getattr(function, "forward", np.positive)
        return _Step(forward, args, slice(start, len(self._place)), starts)

    def _column(self, xs: Sequence[Any]) -> Any:
        """Where an argument of all operations of a step is; or the one number that it is."""
        same = not isinstance(xs[0], Variable) and len(set(map(repr, xs))) == 1
        return float(xs[0]) if same else self._places(xs)

    def _places(self, xs: Sequence[Any]) -> Any:
        at = np.array([self._place[x] for x in xs], np.intp)
        in_a_row = len(at) > 0 and bool(np.all(np.diff(at) == 1))
        return slice(int(at[0]), int(at[-1]) + 1) if in_a_row else at


def _chained(calls: Sequence[Call], kept: set[Variable]) -> list[tuple[Any, list[Any], Variable]]:
    """(function, arguments, result) of each call. The function is None for a sum: an addition,
    and with it all those that make a term of it and of nothing else.
    """
    uses: Counter[Any] = Counter([x for call in calls for x in call.reads])
    sums: dict[Any, list[Any]] = {}
    done: list[tuple[Any, list[Any], Variable]] = []
    same: dict[Any, Any] = {}  # numbers of NumPy's that became Python's
    for call in calls:
        args = [float(x) if type(x) is int else same.get(x, x) for x in call.args]
        if call.function is as_number and call.result not in kept:
            same[call.result] = args[0]
            uses[args[0]] += uses[call.result] - 1
            continue
        if call.function is add:
            terms: list[Any] = []
            for x in args:
                inner = sums.pop(x, None) if uses[x] == 1 and x not in kept else None
                if inner is None:
                    terms.append(x)
                elif terms:
                    terms += inner
                else:
                    terms = inner
            sums[call.result] = terms
        done.append((call.function, args, call.result))
    return [
        (None, sums[y], y) if function is add else (function, args, y)
        for function, args, y in done
        if function is not add or y in sums
    ]


def _levels(items: Sequence[Any]) -> list[tuple[Any, list[Any]]]:
    """Groups of the same operation, none of which depends on another, in order."""
    level: dict[Variable, int] = {}
    groups: dict[Any, list[Any]] = defaultdict(list)
    for function, args, y in items:
        mine = 1 + max([level.get(x, 0) for x in args if isinstance(x, Variable)], default=0)
        level[y] = mine
        # a power is quicker if its exponent is one number for all
        exponent = repr(args[1]) if function is power else None
        key = mine, function, exponent
        groups[key].append((function, args, y))
    ordered = sorted(groups.items(), key=lambda pair: pair[0][0])
    return [(group[0][0], [(args, y) for _, args, y in group]) for _, group in ordered]
