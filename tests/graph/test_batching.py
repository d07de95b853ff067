"""The fifth use of a rule, generated from the table: a batch equals the loop over its samples."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop.graph import REGISTRY, Elementwise, Primitive
from deltaprop.testing.inputs import pieces

SIZE = 3
SHAPES: list[tuple[tuple[int, ...], ...]] = [((), (2,), ()), ((2, 1), (3,), (2, 3))]
CROSSING = {"batch", "unbatch", "enter", "total"}
CALLS = {"checkpoint", "custom_gradient"}
TABLE = [op for name, op in REGISTRY.items() if name not in CROSSING | CALLS]


def arguments(op: Primitive) -> list[tuple[list[Any], dict[str, Any]]]:
    """Return samples of arguments, each with the batch first, and parameters."""
    rng = np.random.default_rng(0)
    found = []
    if isinstance(op, Elementwise):
        domains = op.domain or (None,) * op.count
        for shapes in SHAPES:
            xs = []
            for domain, shape in zip(domains, itertools.cycle(shapes)):
                if domain is None:
                    xs.append(rng.integers(0, 3, (SIZE, *shape)))
                    continue
                low, high = pieces(domain)[0]
                xs.append(rng.uniform(low, high, (SIZE, *shape)))
            found.append((xs, {}))
        return found
    for case in op.cases:
        xs = []
        for shape in case.shapes:
            ends = np.array(pieces(case.domain))
            low, high = np.moveaxis(ends[rng.integers(len(ends), size=(SIZE, *shape))], -1, 0)
            xs.append(rng.uniform(low, high) + (0.0 if xs else case.near))
        found.append((xs, case.params))
    return found


def leaves(tree: Any) -> list[Any]:
    return dp.tree.flatten(tree)[0]


def compare(f: Any, xs: list[Any], axes: tuple[int | None, ...]) -> None:
    """Compare a function's batch with its loop; an argument without an axis is its sample 0."""
    given = [
        x[0] if axis is None else np.moveaxis(x, 0, axis) for x, axis in zip(xs, axes, strict=True)
    ]
    rows = [
        f(*[x[0 if axis is None else i] for x, axis in zip(xs, axes, strict=True)])
        for i in range(SIZE)
    ]
    expected = [np.stack(column) for column in zip(*map(leaves, rows), strict=True)]
    got = leaves(dp.vmap(f, axes)(*given))
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, 1e-10, 1e-12)


def places(op: Primitive, xs: list[Any]) -> list[tuple[int | None, ...]]:
    """Return choices of axes in which at least one argument is batched."""
    ends = [(None, 0, -1) if x.ndim > 1 else (None, 0) for x in xs]
    found = [axes for axes in itertools.product(*ends) if any(a is not None for a in axes)]
    return found if len(found) < 9 else found[:4] + found[-4:]


@pytest.mark.parametrize("op", TABLE, ids=str)
def test_a_batch_is_the_loop(op: Primitive) -> None:
    for xs, params in arguments(op):
        for axes in places(op, xs):
            compare(lambda *x, params=params: op(*x, **params), xs, axes)


@pytest.mark.parametrize("op", [op for op in TABLE if op.smooth], ids=str)
def test_its_derivatives_are_the_loops(op: Primitive) -> None:
    rng = np.random.default_rng(1)
    for xs, params in arguments(op):
        if any(x.dtype.kind != "f" for x in xs):
            continue

        def f(*x: Any, params: Any = params) -> Any:
            return op(*x, **params)

        y = f(*[x[0] for x in xs])
        if np.iscomplexobj(y):
            continue
        g = rng.normal(size=np.shape(y))
        vs = [rng.normal(size=x.shape[1:]) for x in xs]

        def reverse(*x: Any, f: Any = f, g: Any = g) -> Any:
            return dp.vjp(f, *x)[1](g)

        def forward(*x: Any, f: Any = f, vs: Any = vs) -> Any:
            return dp.jvp(f, x, vs)

        def second(*x: Any, reverse: Any = reverse, vs: Any = vs) -> Any:
            return dp.jvp(reverse, x, vs)[1]

        for axes in places(op, xs):
            for derivative in (reverse, forward, second):
                compare(derivative, xs, axes)


@pytest.mark.parametrize("variable", [False, True])
def test_samples_of_two_levels_meet(variable: bool) -> None:
    X, W = np.random.default_rng(0).standard_normal((2, 3, 3))
    w = dp.Value(W) if variable else W
    found = dp.vmap(lambda x: dp.vmap(lambda y: (x - y) * (y / x))(W))(X)
    np.testing.assert_array_equal(found, [[(x - y) * (y / x) for y in W] for x in X])
    jacobians = dp.vmap(dp.jacobian(lambda x: np.tanh(x @ w)))(X)
    each = [dp.jacobian(lambda x: np.tanh(x @ w))(x) for x in X]
    np.testing.assert_allclose(jacobians, each, rtol=1e-14)


def test_samples_have_a_size_and_are_shown() -> None:
    def f(x: Any) -> Any:
        assert x.size == np.size(x) == 6
        return f"{x!r}, {x}"

    shown: list[str] = []
    dp.vmap(lambda x: shown.append(f(x)) or 0.0)(np.zeros((4, 2, 3)))
    assert shown == [", ".join(["constant(data=<4 samples of shape (2, 3), float64>)"] * 2)]
    losses = dp.vmap(lambda z, t: dp.nn.softmax_cross_entropy(z, t))(np.eye(3), np.arange(3))
    np.testing.assert_allclose(losses, np.log(np.e + 2) - 1)
