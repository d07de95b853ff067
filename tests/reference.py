"""Automatic differentiation at its plainest, to compare the real one with.

A node holds its value and, for each input, a function that carries a cotangent back. The
gradient is the chain rule as it is written: the sum over all paths, by recursion, slowly.
The functions compute with nodes, so a gradient is a node too and has gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Pull = Callable[["Node"], "Node"]


class Node:
    """A value, the nodes it was computed from, and how cotangents go back to them."""

    def __init__(self, value: Any, *inputs: tuple[Node, Pull], variable: Variable | None = None):
        self.value = np.array(value, float)
        self.inputs = inputs
        self.variable = variable
        self.grad: Node | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def is_constant(self) -> bool:
        return self.variable is None and all(x.is_constant for x, _ in self.inputs)

    def paths(self) -> int:
        """How many ways lead from here to where a graph ends."""
        return 1 + sum(x.paths() for x, _ in self.inputs)

    def __add__(self, other: Any) -> Node:
        a, b = self, node(other)
        return Node(a.value + b.value, (a, lambda g: fit(g, a)), (b, lambda g: fit(g, b)))

    def __mul__(self, other: Any) -> Node:
        a, b = self, node(other)
        return Node(a.value * b.value, (a, lambda g: fit(g * b, a)), (b, lambda g: fit(g * a, b)))

    def __neg__(self) -> Node:
        return self * -1.0

    def __sub__(self, other: Any) -> Node:
        return self + -node(other)

    def __truediv__(self, other: Any) -> Node:
        # like ours, a quotient's rule uses the quotient: the gradient's graph leads through it
        a, b = self, node(other)
        y = Node(
            a.value / b.value,
            (a, lambda g: fit(g * power(b, -1), a)),
            (b, lambda g: fit(-(g * y * power(b, -1)), b)),
        )
        return y

    def __matmul__(self, other: Any) -> Node:
        a, b = self, node(other)
        back = (a, lambda g: g @ transpose(b)), (b, lambda g: transpose(a) @ g)
        return Node(a.value @ b.value, *back)


class Variable:
    """A box for a value; whoever computes with it gets a node that holds what it held."""

    def __init__(self, value: Any) -> None:
        self.value = np.array(value, float)
        self.grad: Node | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    def read(self) -> Node:
        return Node(self.value, variable=self)


def node(x: Any) -> Node:
    return x if isinstance(x, Node) else x.read() if isinstance(x, Variable) else Node(x)


def fit(g: Node, like: Node) -> Node:
    """The cotangent of what was broadcast: summed over the copies."""
    while len(g.shape) > len(like.shape):
        g = total(g, 0)
    for axis, n in enumerate(like.shape):
        if n == 1 != g.shape[axis]:
            g = reshape(total(g, axis), (*g.shape[:axis], 1, *g.shape[axis + 1 :]))
    return g


def total(x: Node, axis: int) -> Node:
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    return Node(x.value.sum(axis), (x, lambda g: reshape(g, shape) * np.ones(x.shape)))


def sum_all(x: Node) -> Node:
    return Node(x.value.sum(), (x, lambda g: g * np.ones(x.shape)))


def reshape(x: Node, shape: tuple[int, ...]) -> Node:
    return Node(x.value.reshape(shape), (x, lambda g: reshape(g, x.shape)))


def transpose(x: Node) -> Node:
    return Node(x.value.T, (x, transpose))


def power(x: Node, n: int) -> Node:
    return Node(x.value**n, (x, lambda g: g * power(x, n - 1) * float(n)))


def sin(x: Node) -> Node:
    return Node(np.sin(x.value), (x, lambda g: g * sin(x + np.pi / 2)))


def tanh(x: Node) -> Node:
    y = Node(np.tanh(x.value), (x, lambda g: g * (node(1.0) - y * y)))
    return y


def pick(x: Node, index: Any) -> Node:
    return Node(x.value[index], (x, lambda g: place(g, index, x.shape)))


def place(x: Node, index: Any, shape: tuple[int, ...]) -> Node:
    """Zeros, with the entries of `x` added at an index."""
    y = np.zeros(shape)
    np.add.at(y, index, x.value)
    return Node(y, (x, lambda g: pick(g, index)))


def larger(x: Node, y: Node) -> Node:
    """The larger of two, entry by entry; ties are split."""
    a, b = np.broadcast_arrays(x.value, y.value)
    share = np.where(a == b, 0.5, np.where(a > b, 1.0, 0.0))
    back = (x, lambda g: fit(g * share, x)), (y, lambda g: fit(g * (1 - share), y))
    return Node(np.maximum(a, b), *back)


def gradients(root: Node, seed: Any) -> dict[Any, Node]:
    """The derivatives of `root` in all it was computed from; in variables, not in readings."""
    found: dict[Any, Node] = {}

    def send(x: Node, g: Node) -> None:
        place = x.variable or x
        found[place] = found[place] + g if place in found else g
        for y, pull in x.inputs:
            if not y.is_constant:
                send(y, pull(g))

    send(root, node(seed))
    return found


def backward(root: Node, seed: Any, *, record: bool, retain: bool) -> None:
    """Add the derivatives to the gradients, of variables alone or of all nodes."""
    for x, g in gradients(root, seed).items():
        if retain or isinstance(x, Variable):
            g = g if record else Node(g.value)
            x.grad = g if x.grad is None else x.grad + g
