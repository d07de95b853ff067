"""Exact points at which a rule decides: ties, bounds, zeros, infinities, values not needed.

The table of the design is in `test_kinks`; here is what else a rule has a word for. Each
entry: an operation of the table, its arguments, the derivative in each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deltaprop import Value
from deltaprop.graph import REGISTRY
from deltaprop.graph.cotangent import ZERO
from deltaprop.graph.forward import push

from .test_rules import Trial, needs_no_more_than_it_says

INF, NAN = np.inf, np.nan

EDGES: list[tuple[str, tuple[float, ...], tuple[float, ...]]] = [
    ("heaviside", (0.0, 0.3), (0.0, 1.0)),
    ("heaviside", (-1.0, 0.3), (0.0, 0.0)),
    ("heaviside", (2.0, 0.3), (0.0, 0.0)),
    ("where", (0.0, 1.0, 2.0), (0.0, 0.0, 1.0)),
    ("where", (1.0, 1.0, 2.0), (0.0, 1.0, 0.0)),
    ("logaddexp", (-INF, -INF), (0.0, 0.0)),
    ("logaddexp", (-INF, 1.0), (0.0, 1.0)),
    ("logaddexp", (1.0, -INF), (1.0, 0.0)),
    ("logaddexp2", (-INF, -INF), (0.0, 0.0)),
    ("logaddexp2", (-INF, 1.0), (0.0, 1.0)),
    ("logaddexp2", (1.0, -INF), (1.0, 0.0)),
    ("maximum", (2.0, 2.0), (0.5, 0.5)),
    ("minimum", (2.0, 2.0), (0.5, 0.5)),
    ("maximum", (3.0, 2.0), (1.0, 0.0)),
    ("minimum", (3.0, 2.0), (0.0, 1.0)),
    ("maximum", (NAN, 2.0), (NAN, NAN)),
    ("minimum", (2.0, NAN), (NAN, NAN)),
    ("fmax", (2.0, 2.0), (0.5, 0.5)),
    ("fmin", (2.0, 2.0), (0.5, 0.5)),
    ("fmax", (NAN, 2.0), (0.0, 1.0)),
    ("fmin", (2.0, NAN), (1.0, 0.0)),
    ("fmax", (NAN, NAN), (0.5, 0.5)),
    ("fmin", (NAN, NAN), (0.5, 0.5)),
    ("clip", (1.0, 1.0, 3.0), (1.0, 0.0, 0.0)),
    ("clip", (3.0, 1.0, 3.0), (1.0, 0.0, 0.0)),
    ("clip", (2.0, 2.0, 2.0), (1.0, 0.0, 0.0)),
    ("clip", (0.0, 1.0, 1.0), (0.0, 1.0, 0.0)),
    ("clip", (2.0, 1.0, 1.0), (0.0, 0.0, 1.0)),
    ("clip", (0.0, 3.0, 1.0), (0.0, 0.0, 1.0)),
    ("clip", (2.0, 3.0, 1.0), (0.0, 0.0, 1.0)),
    ("clip", (4.0, 3.0, 1.0), (0.0, 0.0, 1.0)),
    ("leaky_relu", (0.0, 0.5), (0.5, 0.0)),
    ("leaky_relu", (0.0, 1.0), (1.0, 0.0)),
    ("leaky_relu", (0.0, 2.0), (1.0, 0.0)),
    ("leaky_relu", (0.0, -2.0), (1.0, 0.0)),
    ("leaky_relu", (-1.0, 2.0), (2.0, -1.0)),
    ("elu", (0.0, 0.5), (0.5, 0.0)),
    ("elu", (0.0, 2.0), (1.0, 0.0)),
    ("elu", (-1.0, 2.0), (2 * np.exp(-1), np.expm1(-1))),
    ("elu", (800.0, 2.0), (1.0, 0.0)),
    ("copysign", (2.0, -3.0), (-1.0, 0.0)),
    ("copysign", (-2.0, -3.0), (1.0, 0.0)),
    ("hypot", (0.0, 0.0), (0.0, 0.0)),
    ("arctan2", (0.0, 0.0), (0.0, 0.0)),
    ("power", (0.0, 0.0), (0.0, 0.0)),
    ("power", (0.0, 0.5), (INF, 0.0)),
    ("power", (0.0, 1.0), (1.0, 0.0)),
    ("power", (0.0, 3.0), (0.0, 0.0)),
    ("power", (2.0, 0.0), (0.0, np.log(2))),
    ("xlogy", (0.0, 0.0), (-INF, 0.0)),
    ("xlogy", (3.0, 0.0), (-INF, INF)),
    ("relu", (0.0,), (0.0,)),
    ("sinc", (0.0,), (0.0,)),
    ("binary_cross_entropy", (0.0, 0.0), (1.0, INF)),
    ("binary_cross_entropy", (1.0, 1.0), (-1.0, -INF)),
]


@pytest.mark.parametrize("kind", ["scalars", "float32", "float64"])
@pytest.mark.parametrize(("name", "xs", "want"), EDGES)
def test_edge(name: str, xs: tuple[float, ...], want: tuple[float, ...], kind: str) -> None:
    """Reverse mode, on raw data and on Values, and forward mode all decide alike."""
    op, shape = REGISTRY[name], () if kind == "scalars" else (2, 3)
    dtype = float if kind == "scalars" else kind
    for graph in (False, True):
        leaves = [Value(np.full(shape, x, dtype)) for x in xs]
        with np.errstate(all="ignore"):
            y = op(*leaves)
            y.backward(np.ones(y.shape), create_graph=graph)
        for i, (leaf, w) in enumerate(zip(leaves, want, strict=True)):
            g = 0.0 if leaf.grad is None else leaf.grad.numpy() if graph else leaf.grad
            np.testing.assert_allclose(g, w, rtol=1e-6, err_msg=f"argument {i}")
    for leaf, w in zip(leaves, want, strict=True):
        with np.errstate(all="ignore"):
            (t,) = push([y], {leaf: np.ones(shape, dtype) if shape else 1.0})
        np.testing.assert_allclose(0.0 if t is None else t, w, rtol=1e-6)


@pytest.mark.parametrize(("name", "xs", "want"), EDGES)
def test_edge_needs_no_more_than_it_says(name: str, xs: tuple[float, ...], want: Any) -> None:
    op = REGISTRY[name]
    with np.errstate(all="ignore"):
        needs_no_more_than_it_says(Trial(op, [np.full(2, x) for x in xs], {}, [False] * len(xs)))


def test_pseudo_gradients_of_propagations() -> None:
    """Of the operations that are not their functions' derivatives, and not meant to be."""
    rng = np.random.default_rng(0)
    a, x, w, g = (rng.standard_normal(s) for s in ((2, 3), (2, 4), (4, 3), (2, 3)))
    cut, bypass, linear = (REGISTRY[name] for name in ("cut", "bypass", "pass_error"))
    assert cut.vjps[0](g, x, x) is ZERO  # type: ignore[attr-defined]
    np.testing.assert_array_equal(cut.jvp([x], x, x), np.zeros_like(x))  # type: ignore[attr-defined]
    to_a, to_x, _ = bypass.vjps  # type: ignore[attr-defined]
    np.testing.assert_array_equal(to_a(g, a, a, x, w), g)
    np.testing.assert_array_equal(to_x(g, a, a, x, w), g @ w.T)
    for ta in (None, a):
        for tx in (None, x):
            t = bypass.jvp([ta, tx, None], a, a, x, w)  # type: ignore[attr-defined]
            want = (0 if ta is None else ta) + (0 if tx is None else tx @ w)
            np.testing.assert_allclose(t, np.broadcast_to(want, a.shape))
    square = np.square
    np.testing.assert_array_equal(linear.vjps[0](g, a, a, square), g)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(linear.jvp([g], a, a, square), g)  # type: ignore[attr-defined]
