"""Derivatives of functions, compiled: transforms, and random expressions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop import compiler
from deltaprop.tree import flatten

from .test_table import identical

dnp: Any = dp.numpy
rng = np.random.default_rng(1)
X, W = rng.standard_normal((6, 5)), rng.standard_normal((5, 3))


def f(x: Any, w: Any) -> Any:
    return (np.tanh(x @ w) ** 2).sum()


def many(x: Any) -> Any:
    return (
        (dnp.sort(x, axis=0) * x).sum()
        + x.max() + dnp.median(x) + x[x.argmax(axis=0)].sum()
        + dnp.where(x > 0, dnp.log(x), 0).sum() + dnp.norm(x) + dnp.std(x) + dnp.prod(x[0])
        + dnp.clip(x, 0.0, 1.0).sum() + dnp.cumsum(x, 0)[2].sum() + x.at[0].set(x[1]).max()
    )  # fmt: skip


DERIVATIVES: dict[str, Callable[..., Any]] = {
    "grad": dp.grad(f, 1),
    "value_and_grad": dp.value_and_grad(f, (0, 1)),
    "jacobian": dp.jacobian(lambda x, w: np.tanh(x @ w), 1),
    "hvp": lambda x, w: dp.hvp(lambda v: f(x, v), (w,), (w * 2,)),
    "hessian": lambda x, w: dp.hessian(lambda v: f(x[:2], w * v))(w[0]),
    "jvp": lambda x, w: dp.jvp(lambda v: f(x, v), (w,), (w,)),
    "vjp": lambda x, w: dp.vjp(lambda v: f(x, v), w)[1](1.0),
    "grad of grad": dp.grad(lambda x, w: dp.grad(lambda v: f(x, v))(w).sum(), 1),
    "checkpoint": dp.grad(dp.checkpoint(f), 1),
    "create_graph": lambda x, w: _second(x, w),
    "kinks": lambda x, w: dp.grad(many)(x),
    "no_grad": lambda x, w: dp.no_grad()(lambda: f(dp.Value(x), w))(),
}


def _second(x: Any, w: Any) -> Any:
    v = dp.Value(w)
    f(x, v).backward(create_graph=True)
    g = v.grad
    v.grad = None
    (g * g).sum().backward(2.0)
    return v.grad


def close(a: Any, b: Any) -> None:
    """The same to rounding: eager copies operands, and so meets BLAS with another layout."""
    (xs, structure), (ys, other) = flatten(a), flatten(b)
    assert structure == other
    for x, y in zip(xs, ys, strict=True):
        assert type(x) is type(y)
        x, y = (v.numpy() if isinstance(v, dp.Value) else v for v in (x, y))
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_transforms(name: str) -> None:
    derivative = DERIVATIVES[name]
    compiled = compiler.compile(derivative)
    for x, w in ((X, W), (X * 0.5, W + 1.0), (X * 0.0, W)):
        with np.errstate(all="ignore"):
            close(compiled(x, w), derivative(x, w))
    assert compiled.cache_info().misses == 1


def test_a_checkpoint_that_draws_is_refused() -> None:
    dropout = dp.nn.Dropout(0.5, rng=0)
    f = compiler.compile(dp.grad(dp.checkpoint(lambda x: dropout(x).sum())))
    with pytest.raises(RuntimeError, match="a different result when it was recomputed"):
        f(X)


UNARY = (
    "tanh", "sin", "exp", "absolute", "square", "sigmoid", "relu", "negative", "softplus", "floor",
)  # fmt: skip
BINARY = ("add", "subtract", "multiply", "divide", "maximum", "minimum", "hypot", "arctan2")


@st.composite
def expressions(draw: st.DrawFn) -> Callable[..., Any]:
    """Functions of three arrays: a few operations, each on what is there already."""
    steps: list[tuple[Any, ...]] = []
    for count in range(3, 3 + draw(st.integers(1, 12))):
        index = st.integers(0, count - 1)
        kind = draw(st.sampled_from(["unary", "binary", "scale", "where", "keep", "flip"]))
        name = draw(st.sampled_from(UNARY if kind == "unary" else BINARY))
        steps.append((kind, name, draw(index), draw(index), draw(st.floats(-2, 2, width=16))))

    def run(*xs: Any) -> Any:
        known = list(xs)
        for kind, name, i, j, number in steps:
            a, b = known[i], known[j]
            if kind == "unary":
                y = getattr(dnp, name)(a)
            elif kind == "binary":
                y = getattr(dnp, name)(a, b)
            elif kind == "scale":
                y = number * a + b / 2
            elif kind == "where":
                y = dnp.where(a > b, a, number)
            elif kind == "keep":
                y = a.sum(axis=-1, keepdims=True) if len(np.shape(dp.graph.raw(a))) else a
            else:
                y = dnp.flip(a) * b
            known.append(y)
        return known[-1]

    run.__name__ = f"expression{steps}"
    return run


@given(expressions(), st.integers(0, 1000), st.sampled_from([np.float32, np.float64]))
@settings(max_examples=60)
def test_expressions(run: Callable[..., Any], seed: int, dtype: Any) -> None:
    """Values and gradients, replayed on other data, aliased, strided and scalar arguments."""

    def gradient(*xs: Any) -> Any:
        leaves = [dp.Value(x) for x in xs]
        y = run(*leaves)
        total = y.sum()
        total.backward()
        return y, total, [leaf.grad for leaf in leaves]

    compiled = compiler.compile(gradient)
    draw = np.random.default_rng(seed)
    big = draw.standard_normal((6, 4)).astype(dtype)
    row = draw.standard_normal(4).astype(dtype)
    with np.errstate(all="ignore"):
        for xs in (
            (big[:3], row, 0.5),
            (big[3:], big[0], -1.0),
            (big[:3], row * 0, 0.0),
            (big[::2], row, 2.0),
            (big[:3], big[:3], 1.0),
        ):
            # an entry that nothing depends on adds nothing here, and a zero there
            identical(compiled(*xs), gradient(*xs), signs=False)
    assert compiled.cache_info()[:2] == (2, 3)


@given(expressions(), st.integers(0, 1000), st.booleans(), st.booleans())
@settings(max_examples=60)
def test_expressions_of_variables(
    run: Callable[..., Any], seed: int, adds: bool, learns: bool
) -> None:
    """Gradients left in variables, in memory of their own; added up or not, used or not."""
    draw = np.random.default_rng(seed)
    start = [draw.standard_normal((3, 4)), draw.standard_normal((3, 4)), 0.5]

    def fresh() -> tuple[list[Any], Callable[..., Any]]:
        variables = [dp.Value(x) for x in start]

        def step(x: Any) -> Any:
            if not adds:
                for v in variables:
                    v.zero_grad()
            y = run(*variables)
            (y * x).sum().backward()
            if learns:
                for v in variables[:2]:
                    if v.grad is not None:
                        v.data -= 0.1 * v.grad
            return y

        return variables, step

    (one, eager), (two, replayed) = fresh(), fresh()
    compiled = compiler.compile(replayed)
    with np.errstate(all="ignore"):
        for k in range(4):
            x = draw.standard_normal((3, 4))
            identical(compiled(x), eager(x), signs=False)
            identical([v.numpy() for v in two], [v.numpy() for v in one], signs=False)
            identical([v.grad for v in two], [v.grad for v in one], signs=False)
            arrays = [v.grad for v in two if isinstance(v.grad, np.ndarray)]
            others = [x, *[v.numpy() for v in two]]
            for i, g in enumerate(arrays):
                assert not any(np.shares_memory(g, y) for y in (*arrays[:i], *others))
            if k == 1:  # a user clips them
                for v in (one[0], two[0]):
                    v.grad = None if v.grad is None else v.grad * 0.5
        for g in arrays:
            g *= 2.0


@given(expressions(), st.integers(0, 1000))
@settings(max_examples=20)
def test_expressions_of_numbers(run: Callable[..., Any], seed: int) -> None:
    def gradient(*xs: Any) -> Any:
        leaves = [dp.Value(x) for x in xs]
        y = run(*leaves)
        y.backward()
        return y, [leaf.grad for leaf in leaves]

    compiled = compiler.compile(gradient)
    draw = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        for _ in range(2):
            xs = draw.standard_normal(3).tolist()
            # what does not depend on a number at all adds nothing here, and a zero there
            identical(compiled(*xs), gradient(*xs), signs=False)


def test_the_gradient_of_a_number_is_a_number() -> None:
    """As it is in eager mode, also where an array's cotangent was summed up to it."""
    for f in (
        lambda x: (dnp.broadcast_to(x, (3,)) * np.arange(3.0)).sum(),
        lambda x: dnp.stack([x, x * x]).sum(),
        lambda x: dnp.where(x > 0, x, 2.0) * x,
    ):
        slope = dp.compile(dp.grad(f))(1.5)
        assert type(slope) is float
        assert slope == dp.grad(f)(1.5)


def test_arrays_by_name() -> None:
    x = np.arange(6.0).reshape(3, 2)
    f = compiler.compile(lambda x: np.sum(a=x, axis=0) + np.shape(a=x)[0])
    for scale in (1.0, 2.0):
        identical(f(x * scale), (x * scale).sum(0) + 3)


def test_a_number_behind_a_mask_is_of_the_arrays_dtype() -> None:
    def f(x: Any, w: Any) -> Any:
        y = x + w
        return (w * dnp.where(y > x, y, 0.0)).sum()

    slopes = dp.grad(f, argnums=(0, 1))
    args = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32), 0.5
    identical(dp.compile(slopes)(*args), slopes(*args))


@pytest.mark.parametrize("w", [-1.0, 0.5, 2.0])
def test_a_number_behind_a_mask_of_nothing_is_added_as_any_other(w: float) -> None:
    """At -1 the maximum takes nothing of it, and a zero of single precision is added."""

    def f(x: Any, w: Any) -> Any:
        return (dnp.tanh(w) + dnp.maximum(x, dnp.tanh(w))).sum()

    slopes = dp.grad(f, argnums=(0, 1))
    x = np.random.default_rng(0).standard_normal(4).astype(np.float32)
    identical(dp.compile(slopes)(x, w), slopes(x, w))


def test_constants_are_what_they_are_in_eager_mode() -> None:
    """NumPy's tanh of its own numbers differs from Python's in the last bit."""
    w = dp.Value(0.7)
    layer = dp.checkpoint(lambda a: dnp.tanh(a * w))

    def f(x: Any) -> Any:
        y = layer(x)
        w.zero_grad()
        y.backward()
        return y, w.grad

    compiled = dp.compile(f)
    for x in np.random.default_rng(0).standard_normal(50):
        for y in (x, np.array(x), np.array(x, np.float32)):
            came, right = compiled(y), f(y)
            assert (came[0].item(), came[1]) == (right[0].item(), right[1])


@pytest.mark.parametrize("name", ["square", "sqrt", "silu", "log_sigmoid"])
def test_a_numbers_gradient_stays_a_number_among_arrays(name: str) -> None:
    """An array without axes would make arrays of single precision double."""

    def f(x: Any, w: Any) -> Any:
        return (getattr(dnp, name, getattr(dp.nn, name, None))((x * w * w).sum() / 7.1) * x).sum()

    slopes = dp.grad(f, argnums=(0, 1))
    draw = np.random.default_rng(0)
    x, w = (np.abs(draw.standard_normal((3, 4))).astype(np.float32) for _ in range(2))
    identical(dp.compile(slopes)(x, w), slopes(x, w))


@pytest.mark.parametrize("name", ["tanh", "exp", "log1p", "sin"])
def test_a_checkpoint_of_numbers_computes_with_numbers(name: str) -> None:
    """What operators make of Python's numbers are numbers, of which math's functions are taken."""
    function = getattr(dnp, name)
    w = dp.Value(0.0)
    piece = dp.checkpoint(lambda a: function(a * 2.0) * a)
    compiled = dp.compile(lambda: piece(w) * 1.0)
    for x in np.linspace(0.01, 0.99, 99).tolist():
        w.data = x
        assert compiled().item() == piece(w).item() == getattr(math, name)(2.0 * x) * x
