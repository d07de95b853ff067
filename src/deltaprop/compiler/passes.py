"""Passes: functions from a program to a program that computes the same numbers, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def common_subexpressions(program: Program) -> Program:
    """With one call in the place of several that are the same, in the same turn."""
    first: dict[Any, Variable] = {}
    known: dict[Variable, Any] = {}
    kept: list[Call] = []
    for call in program.calls:
        call = rewritten(call, known)
        key: Any = None
        if not call.effect:
            params = _key(call.params) if call.params else ()
            key = call.function, call.item, call.turn, _key(call.args), params
        if key is not None and key in first:
            known[call.result] = first[key]
            continue
        if key is not None:
            first[key] = call.result
        kept.append(call)
    return program.with_calls(kept, known)


def _key(x: Any) -> Any:
    """Something hashable that is equal for what is the same, and for nothing else."""
    kind = type(x)
    if kind is np.ndarray or isinstance(x, Variable):
        return id(x)
    if kind is tuple:
        return tuple([_key(item) for item in x])
    if kind is float:
        return x.hex()  # -0.0 == 0.0, but they are not the same
    if isinstance(x, tuple | list):
        return type(x), *[_key(item) for item in x]
    if isinstance(x, dict):
        return tuple([(key, _key(item)) for key, item in x.items()])
    if isinstance(x, slice):
        return slice, _key(x.start), _key(x.stop), _key(x.step)
    # 1 == True, but they are not the same
    return (kind, repr(x)) if isinstance(x, int | np.generic) else id(x)


def neutral(program: Program) -> Program:
    """Without multiplications by one and additions of minus zero: they change no bit."""
    known: dict[Variable, Any] = {}
    kept: list[Call] = []
    for call in program.calls:
        call = rewritten(call, known)
        same = _unchanged(call)
        if same is None:
            kept.append(call)
        else:
            known[call.result] = same
    return program.with_calls(kept, known)


_ONE: dict[Any, tuple[int, ...]] = {multiply: (0, 1), divide: (1,), power: (1,)}


def _unchanged(call: Call) -> Any:
    """The argument that the call only repeats."""
    for i in _ONE.get(call.function, ()):
        other = call.args[1 - i]
        one = call.args[i]
        alike = isinstance(other, Variable) and (other.shape, other.dtype, other.number) == (
            call.result.shape, call.result.dtype, call.result.number
        )  # fmt: skip
        if alike and isinstance(one, float | int) and type(one) is not bool and one == 1:
            return other
    return None


def rectified(program: Program) -> Program:
    """With the sign of what is not negative, as relu' asks for it, in operations without branches.

    NumPy's sign takes ten times as long where signs change from entry to entry.
    """
    positive: set[Variable] = set()
    kept: list[Call] = []
    for call in program.calls:
        y = call.result
        if call.function is maximum and y.shape and any(map(_is_zero, call.args)):
            positive.add(y)
        if call.function is REGISTRY["sign"] and call.args[0] in positive:
            up = Variable(np.empty(y.shape, y.dtype))
            up.strides = y.strides
            kept.append(Call(REGISTRY["ceil"], call.args, {}, up, reads=call.reads))
            call = Call(minimum, (up, 1), {}, y, reads=(up,))
        kept.append(call)
    return program.with_calls(kept)


_POWERS = {2: "square", 0.5: "sqrt", -1: "reciprocal"}


def powers(program: Program) -> Program:
    """With the operations that NumPy takes for arrays to some powers."""
    kept: list[Call] = []
    for call in program.calls:
        if call.function is power and call.result.shape and call.result.dtype.kind == "f":
            x, exponent = call.args
            plain = isinstance(x, Variable) and type(exponent) in (int, float)
            name = _POWERS.get(exponent) if plain and x.shape else None
            if name:
                call = Call(REGISTRY[name], (x,), {}, call.result, reads=call.reads)
        kept.append(call)
    return program.with_calls(kept)


def _is_zero(x: Any) -> bool:
    return not isinstance(x, Variable) and np.ndim(x) == 0 and bool(x == 0)


def checks_first(program: Program) -> Program:
    """With checks of arguments before all that need not be done for them.

    So they raise before anything is computed. No random draw changes its place among them.
    """
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


PASSES = (powers, neutral, common_subexpressions, dead_code, rectified, lanes, checks_first)


def optimised(program: Program) -> Program:
    """The program after all passes."""
    for step in PASSES:
        program = step(program)
    return program
