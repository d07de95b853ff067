"""Passes: functions from a program to a program that computes the same numbers, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

import numpy as np

from ..calculus.elementwise import maximum, minimum, power
from ..graph import REGISTRY, Elementwise
from ..graph.arrays import ducks_in
from .lanes import POWERS, lanes
from .program import Call, Program, Variable, alias, is_draw, rewritten


def dead_code(program: Program) -> Program:
    """Without the calls whose results nobody needs."""
    return without_dead_code(program)[0]


def without_dead_code(program: Program) -> tuple[Program, set[Variable]]:
    """The program without the calls whose results nobody needs; and all that is needed."""
    needed: set[Variable] = set(ducks_in(program.outputs))
    kept: list[Call] = []
    for call in reversed(program.calls):
        if call.effect or call.result in needed:
            kept.append(call)
            needed.update(call.reads)
    return program.with_calls(kept[::-1]), needed


# Takes a call, what the rule has noted so far, and the calls so far; gives a call in the place of
# this one, or else what its result already is.
Rule: TypeAlias = Callable[[Call, dict[Any, Any], list[Call]], Any]


def simplified(program: Program, *rules: Rule) -> Program:
    """With the rules (all, if none is named) applied to each call, in one walk."""
    known: dict[Variable, Any] = {}
    kept: list[Call] = []
    notes: dict[Rule, dict[Any, Any]] = {rule: {} for rule in rules or RULES}
    steps: dict[Any, list[tuple[Rule, dict[Any, Any]]]] = {}  # the rules for each function
    for call in program.calls:
        y, function = call.result, call.function
        if not known.keys().isdisjoint(call.reads):
            call = rewritten(call, known)
        if function not in steps:
            steps[function] = [x for x in notes.items() if function in (RULES[x[0]] or {function})]
        for rule, noted in steps[function]:
            found = rule(call, noted, kept)
            if type(found) is not Call:
                known[y] = found
                break
            call = found
        else:
            kept.append(call)
    return program.with_calls(kept, known)


def common_subexpressions(call: Call, first: dict[Any, Any], _: list[Call]) -> Any:
    """One call in the place of several that are the same, in the same turn."""
    if call.effect:
        return call
    key: Any = [call.function, call.item, call.recompute_id, *map(_key, call.args)]
    if call.params:
        key.append(_key(call.params))
    found = first.setdefault(tuple(key), call.result)
    return call if found is call.result else found


def _key(x: Any) -> Any:
    """Something hashable that is equal for what is the same, and for nothing else."""
    kind = type(x)
    if isinstance(x, Variable) or kind is np.ndarray:
        return id(x)
    if kind is float:
        return x.hex()  # -0.0 == 0.0, but they are not the same
    if isinstance(x, (tuple, list)):
        return kind, *map(_key, x)
    if isinstance(x, dict):
        return kind, *[(key, _key(item)) for key, item in x.items()]
    if isinstance(x, slice):
        return slice, _key(x.start), _key(x.stop), _key(x.step)
    # 1 == True, but they are not the same
    return (kind, repr(x)) if isinstance(x, (int, np.generic)) else id(x)


def other_names(call: Call, _: Any, __: Any) -> Any:
    """No other names for what has one."""
    return call.args[0]


def rectified(call: Call, positive: dict[Any, Any], kept: list[Call]) -> Any:
    """The sign of what is not negative, as relu' asks for it, in operations without branches.

    NumPy's sign takes ten times as long where signs change from entry to entry.
    """
    y = call.result
    if call.function is maximum:
        positive[y] = y.shape and any(map(_is_zero, call.args))
    elif positive.get(call.args[0]):
        up = Variable(np.empty(y.shape, y.dtype))
        up.strides, up.dense = y.strides, y.dense
        kept.append(Call(REGISTRY["ceil"], call.args, {}, up, reads=call.reads))
        return Call(minimum, (up, 1), {}, y, reads=(up,))
    return call


def powers(call: Call, _: Any, __: Any) -> Any:
    """The operations that NumPy takes for arrays to some powers."""
    x, exponent = call.args
    if call.result.shape and call.result.dtype.kind == "f" and type(exponent) in (int, float):
        known = POWERS.get(exponent) if x.shape else None
        if known:
            return Call(known, (x,), {}, call.result, reads=call.reads)
    return call


# in this order; and the functions that they are for, if not for all
RULES: dict[Rule, Collection[Any]] = {
    powers: {power},
    other_names: {alias},
    common_subexpressions: (),
    rectified: {maximum, REGISTRY["sign"]},
}


def _is_zero(x: Any) -> bool:
    return not isinstance(x, Variable) and np.ndim(x) == 0 and bool(x == 0)


def checks_first(program: Program) -> Program:
    """With checks of arguments before all that need not be done for them.

    So they raise before anything is computed. No random draw changes its place among them.
    """
    if not any(call.effect for call in program.calls):
        return program
    made = {call.result: call for call in program.calls}
    first: dict[Call, None] = {}
    for call in program.calls:
        if not call.effect:
            continue
        before = _behind(call, made)
        if is_draw(call) or not all(c in first or moves_little(c) for c in before):
            break
        first.update(dict.fromkeys([c for c in program.calls if c in before]))
        first[call] = None
    return program.with_calls([*first, *[c for c in program.calls if c not in first]])


def _behind(call: Call, made: Mapping[Variable, Call]) -> set[Call]:
    """All that a call depends on."""
    found: set[Call] = set()
    stack = [call]
    while stack:
        new = {made[x] for x in stack.pop().reads if x in made} - found
        found |= new
        stack += new
    return found


def moves_little(call: Call) -> bool:
    """Whether a call looks at its arguments entry by entry, or not at all."""
    return isinstance(call.function, Elementwise) or getattr(call.function, "moves", False)


PASSES = (simplified, lanes, checks_first)


def optimised(program: Program) -> Program:
    """The program after all passes."""
    for step in PASSES:
        program = step(program)
    return program
