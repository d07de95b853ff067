"""A machine that uses Values as people do, in any order, beside a naive reference.

Graphs are built, variables and operands written to, gradients taken from anywhere, added
up, cleared, differentiated again; after each step every value and every gradient that can
be seen is what the reference says.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop import Value
from deltaprop.graph import raw
from deltaprop.graph.reverse import sweep

from . import reference

SHAPES: list[tuple[int, ...]] = [(), (), (3,), (2, 3)]
NUMBERS = st.integers(-8, 8).map(lambda n: (n + 0.5) / 4)  # never 0: it hides what it multiplies
RARELY = st.sampled_from([False, False, True])
MOSTLY = st.sampled_from([True, True, True, False])
WAYS_TO_WRITE = ["data", "assign", "descend", "keep a handle", "in place", "in place"]
LARGEST, MOST_PATHS = 1e3, 300


def safe_ratio(a: Any, b: Any) -> Any:
    return a / (b * b + 1.0)


BINARY: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "add": (operator.add, operator.add),
    "subtract": (operator.sub, operator.sub),
    "multiply": (operator.mul, operator.mul),
    "maximum": (dnp.maximum, reference.larger),
    "matmul": (operator.matmul, operator.matmul),
    "divide": (safe_ratio, safe_ratio),
}
UNARY: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sin": (dnp.sin, reference.sin),
    "tanh": (dnp.tanh, reference.tanh),
    "negative": (operator.neg, operator.neg),
    "cube": (lambda x: x**3, lambda x: reference.power(x, 3)),
    "sum": (dnp.sum, reference.sum_all),
    "transpose": (dnp.transpose, reference.transpose),
    "ravel": (lambda x: dnp.reshape(x, -1), lambda x: reference.reshape(x, (x.value.size,))),
    "first": (lambda x: x[0], lambda x: reference.pick(x, 0)),
    "last": (lambda x: x[..., -1], lambda x: reference.pick(x, (..., -1))),
    "twice": (lambda x: x[[0, -1, 0]], lambda x: reference.pick(x, [0, -1, 0])),
}


class Pair:
    """A Value and its twin."""

    def __init__(self, ours: Value, twin: reference.Node | reference.Variable) -> None:
        self.ours: Any = ours
        self.twin: Any = twin
        self.handle: Any = None  # an array that shares memory with a variable's data

    @property
    def node(self) -> reference.Node:
        return reference.node(self.twin)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.node.shape


def contents(shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
    return hnp.arrays(float, shape, elements=NUMBERS) if shape else NUMBERS


ANY = st.sampled_from(SHAPES).flatmap(contents)


class Machine(RuleBasedStateMachine):
    """Few rules that do much: Hypothesis leaves some of them out of each run."""

    values: Bundle[Pair] = Bundle("values")

    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[Pair] = []
        self.variables: list[Pair] = []
        self.dropped: list[weakref.ref[Value]] = []
        self.operands: list[np.ndarray] = []
        self.cycles = False  # a recorded gradient depends on the very Values that hold it

    def seen(self, ours: Any, twin: Any) -> Any:
        """A pair to go on with, unless it has grown too large for the reference."""
        node = reference.node(twin)
        if np.max(np.abs(node.value), initial=0.0) > LARGEST or node.paths() > MOST_PATHS:
            return multiple()
        pair = Pair(ours, twin)
        self.pairs.append(pair)
        return pair

    # -- building -------------------------------------------------------------------------

    @initialize(target=values, data=st.tuples(*map(contents, SHAPES)), adopt=st.booleans())
    def some_variables(self, data: Any, adopt: bool) -> Any:
        for x in data:
            self.variables.append(self.seen(Value(x, copy=not adopt), reference.Variable(x)))
            if adopt and isinstance(x, np.ndarray):
                self.variables[-1].handle = x
        return multiple(*self.variables)

    @rule(target=values, x=values, name=st.sampled_from(list(UNARY)))
    def unary(self, x: Pair, name: str) -> Any:
        ours, theirs = UNARY[name]
        if name in ("first", "last", "twice") and not x.shape:
            return multiple()
        return self.seen(ours(x.ours), theirs(x.node))

    @rule(target=values, x=values, y=values, name=st.sampled_from(list(BINARY)), record=MOSTLY)
    def binary(self, x: Pair, y: Pair, name: str, record: bool) -> Any:
        if not fit(name, x.shape, y.shape):
            return multiple()
        ours, theirs = BINARY[name]
        if record:
            return self.seen(ours(x.ours, y.ours), theirs(x.node, y.node))
        with dp.no_grad():
            z = ours(x.ours, y.ours)
        return self.seen(z, reference.Node(theirs(x.node, y.node).value))

    @rule(target=values, x=values, raw=ANY, name=st.sampled_from(list(BINARY)), left=MOSTLY)
    def with_raw(self, x: Pair, raw: Any, name: str, left: bool) -> Any:
        if not fit(name, np.shape(raw), x.shape) or not fit(name, x.shape, np.shape(raw)):
            return multiple()
        if isinstance(raw, np.ndarray):
            self.operands.append(raw)
        ours, theirs = BINARY[name]
        constant = reference.node(raw)
        if left:
            return self.seen(ours(x.ours, raw), theirs(x.node, constant))
        return self.seen(ours(raw, x.ours), theirs(constant, x.node))

    @rule(target=values, x=values)
    def detached_or_its_gradient(self, x: Pair) -> Any:
        g = x.ours.grad
        if isinstance(g, Value):
            return self.seen(g, x.twin.grad)
        return self.seen(x.ours.detach(), reference.Node(x.node.value))

    # -- writing --------------------------------------------------------------------------

    @rule(which=st.integers(0, len(SHAPES) - 1), new=NUMBERS, how=st.sampled_from(WAYS_TO_WRITE))
    def write(self, which: int, new: float, how: str) -> None:
        """Write to a variable, and to all raw operands; graphs keep what they recorded."""
        x = self.variables[which]
        full: Any = np.full(x.shape, new) if x.shape else new
        if how == "descend":
            g = x.ours.grad if isinstance(x.ours.grad, float | np.ndarray) else full
            full = x.twin.value - new * g
            x.ours.data -= new * g
        elif how == "data":
            x.ours.data = full
        elif how == "assign":
            x.ours.assign(full)
        elif not x.shape:
            return
        elif how == "keep a handle":
            x.handle = x.ours.data.T
            return
        elif x.handle is None:
            np.copyto(x.ours.data, full)
        else:
            x.handle[...] = new
        x.twin.value = np.array(full, float)
        for array in self.operands:
            array[...] = new
        self.differentiates()

    # -- differentiating ------------------------------------------------------------------

    @rule(x=values, seed=NUMBERS, record=RARELY, retain=MOSTLY)
    def backward(self, x: Pair, seed: float, record: bool, retain: bool) -> None:
        full = np.full(x.shape, seed) if x.shape else seed
        if x.node.is_constant:
            with pytest.raises(TypeError, match="constant"):
                x.ours.backward(full)
            return
        self.cycles |= record
        x.ours.backward(full, create_graph=record, retain_grads=retain)
        reference.backward(x.node, full, record=record, retain=retain)

    @rule(how=st.sampled_from(["zero_grad", 0, None]), only=st.none() | values)
    def clear(self, how: Any, only: Pair | None) -> None:
        for x in self.pairs if only is None else [only]:
            if how == "zero_grad":
                x.ours.zero_grad()
            else:
                x.ours.grad = how
            x.twin.grad = None

    @rule(new=NUMBERS)
    def scribble_on_the_gradients(self, new: float) -> None:
        for i, x in enumerate(self.pairs):
            if isinstance(x.ours.grad, np.ndarray):
                x.ours.grad[...] = new + i
                x.twin.grad = reference.Node(np.full(x.shape, new + i))
        self.differentiates()

    @rule(x=consumes(values))
    def drop(self, x: Pair) -> None:
        if x not in self.variables:
            self.pairs.remove(x)
            self.dropped.append(weakref.ref(x.ours))
            x.ours = None

    def differentiates(self) -> None:
        """Whatever was just written, every graph still has the gradients it was recorded with."""
        for root in self.pairs:
            if root.node.is_constant:
                continue
            seed = np.arange(1.0, 1.0 + root.node.value.size).reshape(root.shape)
            found = reference.gradients(root.node, seed)
            for graph in (False, True):
                g = seed if root.shape else float(seed)
                with np.errstate(all="ignore"):
                    leaves = sweep(root.ours, g, graph=graph, retain=False)
                for x in self.variables:
                    assert (x.ours in leaves) == (x.twin in found)
                    if x.twin in found:
                        same(raw(leaves[x.ours]), found[x.twin].value)

    # -- what must hold -------------------------------------------------------------------

    @invariant()
    def agrees(self) -> None:
        for x in self.pairs:
            same(x.ours.numpy(), x.node.value)
            assert x.ours.is_constant == x.node.is_constant
            g = x.ours.grad
            assert (g is None) == (x.twin.grad is None), f"{g} here, {x.twin.grad} there"
            if g is not None:
                same(g.numpy() if isinstance(g, Value) else g, x.twin.grad.value)

    def teardown(self) -> None:
        """No Value outlives its last user: graphs leave no work to a garbage collector."""
        living = [*self.dropped, *(weakref.ref(x.ours) for x in self.pairs)]
        for x in self.pairs:
            x.ours = None
        assert self.cycles or all(value() is None for value in living)


def fit(name: str, a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    if name == "matmul":
        return len(a) == len(b) == 2 and a[1] == b[0]
    return all(m == n or 1 in (m, n) for m, n in zip(a[::-1], b[::-1], strict=False))


def same(ours: Any, theirs: np.ndarray) -> None:
    assert np.shape(ours) == theirs.shape
    size = 1e-9 * float(np.max(np.abs(theirs), initial=1.0))
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=size)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
