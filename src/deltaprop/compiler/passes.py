"""Passes: functions from a program to a program that computes the same numbers, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from ..calculus.elementwise import divide, maximum, minimum, multiply, power
from ..graph import REGISTRY, Elementwise
from .lanes import lanes
from .program import Call, Program, Variable, rewritten, symbols_in


def dead_code(program: Program) -> Program:
    """Without the calls whose results nobody needs."""
    return without_dead_code(program)[0]


def without_dead_code(program: Program) -> tuple[Program, set[Variable]]:
    """The program without the calls whose results nobody needs; and all that is needed."""
    needed: set[Variable] = set(symbols_in(program.outputs))
    kept: list[Call] = []
    for call in reversed(program.calls):
        if call.effect or call.result in needed:
            kept.append(call)
            needed.update(call.reads)
    return program.with_calls(kept[::-1]), needed


# Takes a call and gives one in its place, or else what its result already is; it may note
# calls that come before it.
Rule: TypeAlias = Callable[[Call], Any]


def simplified(program: Program, *rules: Callable[[list[Call]], Rule]) -> Program:
    """With the rules (all, if none is named) applied to each call, in one walk.

    Each rule is made anew for a program, of the list of the calls so far.
    """
    known: dict[Variable, Any] = {}
    kept: list[Call] = []
    steps = [rule(kept) for rule in rules or RULES]
    for call in program.calls:
        y = call.result
        if not known.keys().isdisjoint(call.reads):
            call = rewritten(call, known)
        for step in steps:
            found = step(call)
            if type(found) is not Call:
                known[y] = found
                break
            call = found
        else:
            kept.append(call)
    return program.with_calls(kept, known)


def common_subexpressions(_: list[Call]) -> Rule:
    """One call in the place of several that are the same, in the same turn."""
    first: dict[Any, Variable] = {}

    def rule(call: Call) -> Any:
        if call.effect:
            return call
        key: Any = [call.function, call.item, call.turn, *map(_key, call.args)]
        if call.params:
            key.append(_key(call.params))
        found = first.setdefault(tuple(key), call.result)
        return call if found is call.result else found

    return rule


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


_ONE: dict[Any, tuple[int, ...]] = {multiply: (0, 1), divide: (1,), power: (1,)}


def neutral(_: list[Call]) -> Rule:
    """No multiplications by one: they change no bit."""

    def rule(call: Call) -> Any:
        for i in _ONE.get(call.function, ()):
            one, other, y = call.args[i], call.args[1 - i], call.result
            is_one = type(one) in (float, int) and one == 1
            if is_one and (other.shape, other.dtype, other.number) == (y.shape, y.dtype, y.number):
                return other
        return call

    return rule


def rectified(kept: list[Call]) -> Rule:
    """The sign of what is not negative, as relu' asks for it, in operations without branches.

    NumPy's sign takes ten times as long where signs change from entry to entry.
    """
    positive: set[Variable] = set()
    sign, ceil = REGISTRY["sign"], REGISTRY["ceil"]

    def rule(call: Call) -> Any:
        y = call.result
        if call.function is maximum and y.shape and any(map(_is_zero, call.args)):
            positive.add(y)
        elif call.function is sign and call.args[0] in positive:
            up = Variable(np.empty(y.shape, y.dtype))
            up.strides, up.dense = y.strides, y.dense
            kept.append(Call(ceil, call.args, {}, up, reads=call.reads))
            return Call(minimum, (up, 1), {}, y, reads=(up,))
        return call

    return rule


_POWERS = {2: "square", 0.5: "sqrt", -1: "reciprocal"}


def powers(_: list[Call]) -> Rule:
    """The operations that NumPy takes for arrays to some powers."""

    def rule(call: Call) -> Any:
        if call.function is power and call.result.shape and call.result.dtype.kind == "f":
            x, exponent = call.args
            plain = isinstance(x, Variable) and type(exponent) in (int, float)
            name = _POWERS.get(exponent) if plain and x.shape else None
            if name:
                return Call(REGISTRY[name], (x,), {}, call.result, reads=call.reads)
        return call

    return rule


RULES = (powers, neutral, common_subexpressions, rectified)


def _is_zero(x: Any) -> bool:
    return not isinstance(x, Variable) and np.ndim(x) == 0 and bool(x == 0)


def checks_first(program: Program) -> Program:
    """With checks of arguments before all that need not be done for them.

    So they raise before anything is computed. No random draw changes its place among them.
    """
    if not any(call.effect for call in program.calls):
        return program
    made = {call.result: call for call in program.calls}
    used = {x for call in program.calls for x in call.reads} | set(symbols_in(program.outputs))
    first: dict[Call, None] = {}
    for call in program.calls:
        if not call.effect:
            continue
        before = _behind(call, made)
        if call.result in used or not all(c in first or moves_little(c) for c in before):
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
    return isinstance(call.function, Elementwise) or call.name in ("astype", "getitem", "reshape")


PASSES = (simplified, lanes, checks_first)


def optimised(program: Program) -> Program:
    """The program after all passes."""
    for step in PASSES:
        program = step(program)
    return program
