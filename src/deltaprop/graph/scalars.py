"""Scalars: the parts that only graphs of Python numbers need.

A scalar is held as a Python number, ten times cheaper than an array without axes. A Python number
cannot say that it came from a float32 array, so its node remembers the dtype. An operation on
scalars alone keeps its one or two operands in two slots of the node. Its rule for the backward
pass is then a function of floats, without shapes and masks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .elementwise import Elementwise
    from .node import Node


def narrow(data: Any) -> Any:
    """Return the dtype of 0-d data if no Python number has it (such as float32), else None."""
    if type(data) in _WIDE:
        return None
    dtype = getattr(data, "dtype", None)
    return dtype if dtype is not None and dtype.char in "efF" and not data.shape else None


def as_scalar(held: Any, dtype: Any) -> Any:
    """Return the number of a node as a NumPy scalar, or what stands for one."""
    return dtype.type(held) if isinstance(held, float | complex) else held.astype(dtype)


def remember(node: Node, x: Node) -> Node:
    """Return the node, with the dtype of the scalar that it is a function of."""
    dtype = None if x._extra is None else x._extra.dtype
    if dtype is not None and np.iscomplexobj(node._held) == (dtype.kind == "c"):
        node.extra.dtype = dtype
    return node


# the types whose dtype follows from the Python number
_WIDE = {float, int, complex, np.float64, np.complex128, bool, np.bool_}


def vjp_of_scalars(op: Elementwise) -> Callable[[Node, float], Sequence[Any]]:
    """Return ``vjp(node, g)`` of an operation, for a node that keeps its operands in two slots.

    The function may return a cotangent for a raw operand too, which the backward pass ignores.
    """
    if op.partials == (1, 1):
        return lambda node, g: (g, g)
    if op.chooses or not op.smooth or 0 in op.partials or op.count > 2:
        return lambda node, g: op.vjp(g, node, False)
    rules = [p if callable(p) else _constant(float(p)) for p in op.partials if p is not None]
    p, q = rules[0], rules[-1]

    def one(node: Node, g: float) -> Sequence[Any]:
        try:
            return (g * p(node._held, node.first._held),)
        except (ArithmeticError, ValueError):
            return op.vjp(g, node, False)

    def two(node: Node, g: float) -> Sequence[Any]:
        y, a, b = node._held, node.first, node.second
        if type(a) is not float:
            a = a._held
        if type(b) is not float:
            b = b._held
        return g * p(y, a, b), g * q(y, a, b)

    return one if op.count == 1 else two


def _constant(p: float) -> Callable[..., float]:
    return lambda *_: p
