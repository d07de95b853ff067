"""Scalars: the parts that only graphs of Python numbers need.

A scalar is held as a Python number, ten times cheaper than an array without axes. A Python number
cannot say that it came from a float32 array, so its node remembers the dtype. An operation on
scalars alone keeps its one or two operands in two slots of the node. Its rule for the backward
pass is then a function of floats, without shapes and masks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import as_number, is_float
from .node import MODE, Node, _serial

if TYPE_CHECKING:
    from .elementwise import Elementwise
    from .primitive import Primitive


def as_scalar(held: Any, dtype: Any) -> Any:
    """Return the number of a node as a NumPy scalar, or what stands for one."""
    return dtype.type(held) if isinstance(held, float | complex) else held.astype(dtype)


def remember(node: Node, x: Node) -> Node:
    """Return the node, with the dtype of the scalar that it is a function of."""
    if x._extra is None or node._extra is not None or type(node._held) is np.ndarray:
        return node
    dtype = x._extra.dtype
    if dtype is not None and np.iscomplexobj(node._held) == (dtype.kind == "c"):
        node.extra.dtype = dtype
    return node


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


def with_short_way(
    cls: type[Node],
    primitive: Primitive,
    on_floats: Callable[[float, float], Any],
    general: Callable[..., Any],
    reflected: bool = False,
) -> Callable[..., Any]:
    """Return `general`, the method of a binary operator, with a short way for two floats.

    The short way is `primitive(a, b)` written out. A graph of scalars consists of such calls only,
    and the short way takes about a third of the time of the general way.
    """
    new = partial(object.__new__, cls)
    is_operator = on_floats.__module__ == "_operator"  # so it accepts symbols too

    def method(self: Any, other: Any, /) -> Any:
        mode = MODE.get()
        number: Any = float if mode is None else mode.number if is_operator else None
        a: Any = self._held
        if type(a) is number:
            if (kind := type(other)) is cls:
                b: Any = other._held
                alike = type(b) is number
            else:
                b = other = float(other) if kind is int else other
                alike = type(b) is float
            if alike:
                left: Any = self.snapshot() if self.op is None else self
                right = other
                if kind is cls and other.op is None:
                    right = other.snapshot()
                # a slot cannot hold a recorded constant
                if number is not float and number in (type(left), type(right)):
                    return general(self, other)
                if reflected:
                    a, b, left, right = b, a, right, left
                try:
                    data = on_floats(a, b)
                except (ArithmeticError, ValueError):
                    return general(self, other)
                if type(left) is number and not isinstance(right, Node):
                    return self.leaf(data, constant=True)
                node = new()
                node.op = primitive
                node.first = left
                node.second = right
                node.serial = next(_serial)
                node._held = data
                node._grad = None
                node._extra = None
                node.twin = None
                return node
        result = general(self, other)
        if mode is not None and is_float(a) and isinstance(result, Node):
            b = other._held if isinstance(other, Node) else other
            if is_float(b) or type(b) is int:
                result._held = as_number(result._held)  # Python operators turn floats into floats
        return result

    return method
