"""Passes: functions from a program to a program that computes the same numbers, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..calculus.elementwise import ceil, minimum
from .lanes import lanes
from .program import Call, Program, Variable, rewritten, symbols_in


def dead_code(program: Program) -> Program:
    """Without the calls whose results nobody needs."""
    needed = set(symbols_in(program.outputs))
    kept: list[Call] = []
    for call in reversed(program.calls):
        if call.effect or call.result in needed:
            kept.append(call)
            needed.update(call.reads)
    return program.with_calls(kept[::-1])


def common_subexpressions(program: Program) -> Program:
    """With one call in the place of several that are the same."""
    first: dict[Any, Variable] = {}
    known: dict[Variable, Any] = {}
    kept: list[Call] = []
    for call in program.calls:
        call = rewritten(call, known)
        key = None if call.effect else (call.function, call.item, _key((call.args, call.params)))
        if key is not None and key in first:
            known[call.result] = first[key]
            continue
        if key is not None:
            first[key] = call.result
        kept.append(call)
    return program.with_calls(kept, known)


def _key(x: Any) -> Any:
    """Something hashable that is equal for what is the same, and for nothing else."""
    if isinstance(x, Variable | np.ndarray):
        return id(x)
    if isinstance(x, tuple | list):
        return type(x), *[_key(item) for item in x]
    if isinstance(x, dict):
        return tuple([(key, _key(item)) for key, item in x.items()])
    if isinstance(x, slice):
        return slice, _key(x.start), _key(x.stop), _key(x.step)
    # -0.0 == 0.0 and 1 == True, but they are not the same
    return (type(x), repr(x)) if isinstance(x, float | int | np.generic) else id(x)


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


_ONE = {"multiply": (0, 1), "divide": (1,)}


def _unchanged(call: Call) -> Any:
    """The argument that the call only repeats."""
    for i in _ONE.get(call.name, ()):
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
        if call.name == "maximum" and y.shape and any(type(x) is int and x == 0 for x in call.args):
            positive.add(y)
        if call.name == "sign" and call.args[0] in positive:
            up = Variable(np.empty(y.shape, y.dtype))
            up.strides = y.strides
            kept.append(Call(ceil, call.args, {}, up, reads=call.reads))
            call = Call(minimum, (up, 1), {}, y, reads=(up,))
        kept.append(call)
    return program.with_calls(kept)


PASSES = (neutral, common_subexpressions, dead_code, rectified, lanes)


def optimised(program: Program) -> Program:
    """The program after all passes."""
    for step in PASSES:
        program = step(program)
    return program
