"""The reverse sweep: right on any graph, repeatable, additive, differentiable again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop import Value
from deltaprop.graph import topological_order
from deltaprop.graph.forward import forward_sweep

# -- random programs against a naive reference -------------------------------------------------


class Dual:
    """An array and its whole Jacobian in all inputs: the slowest, plainest autodiff."""

    def __init__(self, value: Any, jacobian: Any) -> None:
        self.value, self.jacobian = np.asarray(value), jacobian

    def unary(self, y: Any, slope: Any) -> Dual:
        return Dual(y, slope[..., None] * self.jacobian)

    def binary(self, other: Dual, y: Any, left: Any, right: Any) -> Dual:
        ones = np.ones(np.shape(y))
        a, b = (left * ones)[..., None], (right * ones)[..., None]
        return Dual(y, a * self.jacobian + b * other.jacobian)


def dual_maximum(a: Dual, b: Dual) -> Dual:
    left = np.where(a.value == b.value, 0.5, a.value > b.value)
    return a.binary(b, np.maximum(a.value, b.value), left, 1 - left)


# name: (on Values, on duals); all shapes broadcast with each other, so any order works
UNARY: dict[str, tuple[Callable[[Any], Any], Callable[[Dual], Dual]]] = {
    "sin": (dnp.sin, lambda a: a.unary(np.sin(a.value), np.cos(a.value))),
    "tanh": (dnp.tanh, lambda a: a.unary(np.tanh(a.value), 1 - np.tanh(a.value) ** 2)),
    "square": (lambda a: a**2 / 2, lambda a: a.unary(a.value**2 / 2, a.value)),
    "relu": (dnp.relu, lambda a: a.unary(np.maximum(a.value, 0), (a.value > 0) * 1.0)),
    "sum": (
        lambda a: a.sum(axis=0) if a.shape else a,
        lambda a: Dual(a.value.sum(0), a.jacobian.sum(0)) if a.value.ndim else a,
    ),
    "first": (
        lambda a: a[0] if a.shape else a,
        lambda a: Dual(a.value[0], a.jacobian[0]) if a.value.ndim else a,
    ),
    "last, twice": (
        lambda a: a[..., [-1, -1]].sum(axis=-1, keepdims=True) if a.shape else a,
        lambda a: Dual(2 * a.value[..., -1:], 2 * a.jacobian[..., -1:, :]) if a.value.ndim else a,
    ),
}
BINARY: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Dual, Dual], Dual]]] = {
    "add": (lambda a, b: a + b, lambda a, b: a.binary(b, a.value + b.value, 1, 1)),
    "subtract": (lambda a, b: a - b, lambda a, b: a.binary(b, a.value - b.value, 1, -1)),
    "multiply": (lambda a, b: a * b, lambda a, b: a.binary(b, a.value * b.value, b.value, a.value)),
    "maximum": (dnp.maximum, dual_maximum),
    "where": (
        lambda a, b: dnp.where(a > b, a, b * 0.5),
        lambda a, b: a.binary(
            b,
            np.where(a.value > b.value, a.value, b.value / 2),
            a.value > b.value,
            (a.value <= b.value) / 2,
        ),
    ),
}
SHAPES = [(), (3,), (2, 3), (1, 3), (2, 1)]
numbers = st.sampled_from([-1.5, -1.0, -0.25, 0.0, 0.5, 1.0, 2.0])


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[np.ndarray], list[tuple[Any, ...]]]:
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    inputs = [
        np.array(draw(st.lists(numbers, min_size=n, max_size=n))).reshape(shape)
        for shape in shapes
        for n in [int(np.prod(shape))]
    ]
    steps: list[tuple[Any, ...]] = []
    for held in range(len(inputs), len(inputs) + draw(st.integers(1, 8))):
        which = st.integers(0, held - 1)
        if draw(st.booleans()):
            steps.append((draw(st.sampled_from(sorted(UNARY))), draw(which)))
        else:
            steps.append((draw(st.sampled_from(sorted(BINARY))), draw(which), draw(which)))
    return inputs, steps


def run(held: list[Any], steps: list[tuple[Any, ...]], column: int) -> Any:
    for name, *at in steps:
        table: dict[str, Any] = UNARY if len(at) == 1 else BINARY
        held.append(table[name][column](*[held[i] for i in at]))
    return held[-1]


def naive(inputs: list[np.ndarray], steps: list[tuple[Any, ...]]) -> tuple[Dual, list[slice]]:
    ends = np.cumsum([0] + [x.size for x in inputs])
    places = [slice(*ends[i : i + 2]) for i in range(len(inputs))]
    duals = []
    for x, place in zip(inputs, places, strict=True):
        jacobian = np.zeros((x.size, ends[-1]))
        jacobian[:, place] = np.eye(x.size)
        duals.append(Dual(x, jacobian.reshape((*x.shape, ends[-1]))))
    return run(duals, steps, 1), places


@given(program=programs(), again=st.booleans(), graph=st.booleans())
def test_any_program_has_the_gradient_of_the_naive_reference(
    program: Any, again: bool, graph: bool
) -> None:
    inputs, steps = program
    want, places = naive(inputs, steps)
    leaves = [Value(x) for x in inputs]
    y = run(list(leaves), steps, 0)
    np.testing.assert_allclose(y.numpy(), want.value, rtol=1e-13)
    w = np.linspace(0.5, 2.0, y.size).reshape(y.shape)
    for _ in range(1 + again):
        y.backward(w, create_graph=graph)
    for leaf, place in zip(leaves, places, strict=True):
        expected = np.tensordot(w, want.jacobian[..., place], w.ndim).reshape(leaf.shape)
        found = 0.0 if leaf.grad is None else leaf.grad
        found = found.numpy() if isinstance(found, Value) else found
        np.testing.assert_allclose(found, (1 + again) * expected, rtol=1e-13, atol=1e-13)


def tangent_agrees(program: Any) -> None:
    """Forward mode gives what the reference says."""
    inputs, steps = program
    leaves = [Value(x) for x in inputs]
    y = run(list(leaves), steps, 0)
    want, _ = naive(inputs, steps)
    v = [np.cos(np.arange(x.size)).reshape(x.shape) for x in inputs]
    tangents = [t if t.ndim else float(t) for t in v]
    (found,) = forward_sweep([y], dict(zip(leaves, tangents, strict=True)))
    expected = want.jacobian @ np.concatenate([t.ravel() for t in v])
    np.testing.assert_allclose(0.0 if found is None else found, expected, rtol=1e-13, atol=1e-13)


@given(program=programs())
def test_forward_and_reverse_agree_on_any_program(program: Any) -> None:
    tangent_agrees(program)


# -- shared parts, several sweeps --------------------------------------------------------------


@pytest.mark.parametrize("start", [3.0, np.array([3.0, -1.0])])
@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: x * x, lambda x: 2 * x),
        (lambda x: x + x, lambda x: 2 + 0 * x),
        (lambda x: x - x, lambda x: 0 * x),
        (lambda x: x / x, lambda x: 0 * x),
        (lambda x: (x * x) * (x + 1), lambda x: 3 * x**2 + 2 * x),
        (lambda x: [y := x * x, y * y + y][1], lambda x: 4 * x**3 + 2 * x),
        (lambda x: [b := x + x, b + b][1], lambda x: 4 + 0 * x),
        (lambda x: sum([x] * 5), lambda x: 5 + 0 * x),
    ],
)
def test_shared_subgraphs(start: Any, f: Any, slope: Any) -> None:
    x = Value(start)
    y = f(x)
    for calls in (1, 2, 3):
        y.backward(np.ones(y.shape))
        np.testing.assert_allclose(x.grad, calls * slope(start))
    for clear in (x.zero_grad, lambda: setattr(x, "grad", None), lambda: setattr(x, "grad", 0)):
        clear()
        assert x.grad is None
        f(x).backward(np.ones(y.shape))
        np.testing.assert_allclose(x.grad, slope(start))


def test_every_value_keeps_its_gradient_unless_told_not_to() -> None:
    x = Value([1.0, 2.0])
    y = x * x
    z = (3 * y).sum()
    z.backward()
    np.testing.assert_array_equal(y.grad, [3.0, 3.0])
    assert z.grad == 1.0
    z.backward()
    np.testing.assert_array_equal(y.grad, [6.0, 6.0])
    np.testing.assert_array_equal(x.grad, [12.0, 24.0])
    y.zero_grad()
    z.backward(retain_grads=False)
    assert y.grad is None
    np.testing.assert_array_equal(x.grad, [18.0, 36.0])


def test_graphs_that_share_a_part_and_parts_not_reached() -> None:
    x, w = Value(2.0), Value(5.0)
    y = x * x + 0 * w.detach()
    y.backward()
    z = 3 * y
    z.backward()
    assert (x.grad, y.grad, z.grad, w.grad) == (16.0, 4.0, 1.0, None)
    x.backward()
    (x.detach() * x).backward()
    assert x.grad == 19.0
    c = dp.constant([1.0])
    (c * x).sum().backward()
    assert c.grad is None
    with pytest.raises(TypeError, match="constant"):
        (c * 2).backward([1.0])
    with pytest.raises(TypeError, match="constant"):
        x.detach().backward()


@pytest.mark.parametrize(
    ("make", "gradient", "words"),
    [
        (lambda x: x * 2, None, r"\(2, 3\).*gradient"),
        (lambda x: x * 2, np.ones(3), r"\(2, 3\), got \(3,\)"),
        (lambda x: x * 2, 1.0, r"\(2, 3\), got \(\)"),
        (lambda x: x.sum(), np.ones(1), r"\(\), got \(1,\)"),
        (lambda x: x.sum(keepdims=True), None, r"\(1, 1\)"),
    ],
)
def test_a_wrong_output_gradient_changes_nothing(make: Any, gradient: Any, words: str) -> None:
    x = Value(np.ones((2, 3)))
    y = make(x)
    with pytest.raises(ValueError, match=words):
        y.backward(gradient)
    assert x.grad is None
    assert y.grad is None


@pytest.mark.parametrize("gradient", ["one", object(), [[1.0], [1.0, 2.0]]])
def test_an_output_gradient_that_is_no_number_is_an_error(gradient: Any) -> None:
    x = Value([[1.0, 2.0], [3.0, 4.0]])
    y = x[:, :1] if isinstance(gradient, list) else x.sum()
    with pytest.raises((TypeError, ValueError)):
        y.backward(gradient)
    assert x.grad is None
    assert y.grad is None


# -- hooks -------------------------------------------------------------------------------------


def test_a_hook_sees_the_whole_gradient_once_a_sweep() -> None:
    x = Value([1.0, 2.0])
    y = x * 1.0
    seen: list[Any] = []
    for node in (x, y):
        node.register_hook(lambda g: seen.append(g.copy()))
    z = (y * y + y * 3 + y[0]).sum() + x.sum()
    for sweep in (1, 2):
        z.backward()
        assert len(seen) == 2 * sweep
        np.testing.assert_array_equal(seen[-2], [7.0, 7.0])
        np.testing.assert_array_equal(seen[-1], [8.0, 8.0])


def test_hooks_replace_in_order_can_be_removed_and_must_keep_the_shape() -> None:
    x = Value(2.0)
    y = x * x
    remove = [y.register_hook(lambda g: 10 * g), y.register_hook(lambda g: g + 1)]
    leaf = x.register_hook(lambda g: -g)
    y.backward()
    assert (y.grad, x.grad) == (11.0, -44.0)
    for node in (x, y):
        node.zero_grad()
    remove[0]()
    remove[0]()
    leaf()
    y.backward()
    assert (y.grad, x.grad) == (2.0, 8.0)
    v = Value([1.0, 2.0])
    w = v * 2
    w.register_hook(lambda g: np.ones(3))
    with pytest.raises(ValueError, match=r"hook.*\(2,\).*\(3,\)"):
        w.sum().backward()
    assert v.grad is None


# -- higher orders -----------------------------------------------------------------------------


@pytest.mark.parametrize("start", [0.7, np.array([0.7, -1.3])])
def test_five_derivatives(start: Any) -> None:
    x = Value(start)
    f = dnp.sin(x) * x
    s, c = np.sin(start), np.cos(start)
    exact = [c * start + s, 2 * c - s * start, -3 * s - c * start, -4 * c + s * start]
    for derivative in [*exact, 5 * s + c * start]:
        x.zero_grad()
        f.backward(np.ones(f.shape), create_graph=True)
        f = x.grad
        assert isinstance(f, Value)
        np.testing.assert_allclose(f.numpy(), derivative, rtol=1e-13)


def test_every_gradient_is_a_value_under_create_graph() -> None:
    x = Value(np.array([1.0, 2.0], np.float32))
    y = x * x
    z = (y * y).sum()
    z.backward(create_graph=True)
    for node in (x, y, z):
        assert isinstance(node.grad, Value)
        assert node.grad.shape == node.shape
        assert node.grad.dtype == node.dtype


@pytest.mark.parametrize("start", [2.0, np.array([2.0, 3.0])])
def test_a_gradient_penalty(start: Any) -> None:
    """The derivative of f + (f')^2 in a parameter, mixed with a first-order gradient."""
    x, w = Value(start), Value(3.0)
    loss = (w * x**3).sum()
    loss.backward(create_graph=True)
    penalty = (x.grad * x.grad).sum()
    for leaf in (x, w):
        leaf.zero_grad()
    (loss + penalty).backward()
    np.testing.assert_allclose(x.grad, 9 * start**2 + 36 * 9 * start**3, rtol=1e-14)
    np.testing.assert_allclose(w.grad, np.sum(start**3 + 18 * 3 * start**4), rtol=1e-14)


def test_second_order_through_a_choice_with_a_scalar_cotangent() -> None:
    s, x = Value(2.0), Value([1.0, -1.0, 3.0])
    (s * dnp.where(x > 0, x * x, 0.0).sum()).backward(create_graph=True)
    g = x.grad
    for leaf in (s, x):
        leaf.zero_grad()
    g.sum().backward()
    assert s.grad == 8.0
    np.testing.assert_array_equal(x.grad, [4.0, 0.0, 4.0])


def test_output_gradients_and_hooks_take_part_in_recorded_derivatives() -> None:
    x, g = Value([1.0, 2.0]), Value(np.array([3.0, 4.0], np.float32))
    y = x * x
    y.register_hook(lambda c: c * c)
    y.backward(g, create_graph=True)
    np.testing.assert_array_equal(x.grad.numpy(), [18.0, 64.0])
    found = x.grad
    for leaf in (x, g):
        leaf.zero_grad()
    found.sum().backward()
    np.testing.assert_array_equal(x.grad, [18.0, 32.0])
    np.testing.assert_array_equal(g.grad, [12.0, 32.0])
    assert g.grad.dtype == np.float32


def test_create_graph_accumulates_too() -> None:
    x = Value(3.0)
    y = x**3
    y.backward(create_graph=True)
    y.backward()
    assert x.grad.item() == 54.0
    y.backward(create_graph=True)
    assert x.grad.item() == 81.0


# -- dtypes and order ----------------------------------------------------------------------------


def test_gradients_have_their_own_values_dtype() -> None:
    a, b = Value(np.ones(3, np.float32)), Value(np.ones(3))
    s = Value(2.0)
    y = a * b * s
    assert y.dtype == np.float64
    y.sum().backward()
    assert (a.grad.dtype, b.grad.dtype, type(s.grad)) == (np.float32, np.float64, float)
    z = a * s
    z.backward(np.ones(3))
    assert (z.dtype, z.grad.dtype, a.grad.dtype) == (np.float32,) * 3


@given(program=programs())
def test_inputs_come_before_their_consumers(program: Any) -> None:
    inputs, steps = program
    y = run([Value(x) for x in inputs], steps, 0)
    order = topological_order(y)
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order)
    assert order[-1] is y
    assert all(place[x] < place[node] for node in order for x in node.inputs)


def test_sweeps_over_shared_leaves_run_in_threads() -> None:
    x = Value(np.ones(50))
    roots = [(x * k).sum() * x[0] for k in range(4)]
    errors: list[BaseException] = []

    def work(root: Value) -> None:
        try:
            for _ in range(50):
                root.backward()
                assert x.grad is None or x.grad.shape == (50,)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(root,)) for root in roots]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
