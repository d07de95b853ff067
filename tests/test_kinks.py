"""At the kinks and in the corners: design table, row by row, on scalars and tensors.

Where there is a choice: the subgradient of least norm where the function is locally
convex or concave, an even split at ties, and NaN is never hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import deltaprop.numpy as dnp
from deltaprop import Value
from deltaprop.graph.forward import forward_sweep

INF, NAN = np.inf, np.nan


@dataclass
class Row:
    """A function, where it is differentiated, and its derivatives there.

    A number stands for an elementwise argument (tested as a scalar and as a tensor of
    that number), a list for an array, or for as many scalars stacked.
    """

    case: str
    f: Callable[..., Any]
    at: tuple[Any, ...]
    want: tuple[Any, ...]


def row(case: str, f: Callable[..., Any], at: Any, want: Any) -> Row:
    pack = [v if isinstance(v, tuple) else (v,) for v in (at, want)]
    return Row(case, f, pack[0], pack[1])


STEPS = [dnp.sign, dnp.floor, dnp.ceil, dnp.rint, dnp.round, dnp.trunc]
SELU = 1.0507009873554805

ROWS = [
    row("relu'(0) = 0", dnp.relu, 0.0, 0.0),
    row("leaky_relu'(0), slope 0.01: 0.01", dnp.leaky_relu, 0.0, 0.01),
    row("leaky_relu'(0), slope 2: 1", lambda x: dnp.leaky_relu(x, 2.0), 0.0, 1.0),
    *[
        row(f"leaky_relu'(0), slope {s}: 0", lambda x, s=s: dnp.leaky_relu(x, s), 0.0, 0.0)
        for s in (0.0, -0.5, -1.0, -2.0)
    ],
    row("elu'(0), alpha 1: 1", dnp.elu, 0.0, 1.0),
    row("elu'(0), alpha -2: 0", lambda x: dnp.elu(x, -2.0), 0.0, 0.0),
    row("elu'(0), alpha 0.5: 0.5", lambda x: dnp.elu(x, 0.5), 0.0, 0.5),
    row("elu'(0), alpha 2: 1", lambda x: dnp.elu(x, 2.0), 0.0, 1.0),
    row("selu'(0), alpha 1.67: 1.05", dnp.selu, 0.0, SELU),
    *[row(f"hard_tanh'({x}) = 1", dnp.hard_tanh, x, 1.0) for x in (-1.0, 1.0)],
    *[row(f"clip(x, 0, 1)'({x}) = 1", lambda x: dnp.clip(x, 0, 1), x, 1.0) for x in (0.0, 1.0)],
    *[row(f"clip(x, 0, 1)'({x}) = 0", lambda x: dnp.clip(x, 0, 1), x, 0.0) for x in (-0.1, 1.1)],
    row("clip in a bound that binds: 1", lambda lo: dnp.clip(-1.0, lo, 1.0), 0.0, 1.0),
    row("clip below two equal bounds: 0, 1/2, 1/2", dnp.clip, (0.0, 1.0, 1.0), (0.0, 0.5, 0.5)),
    row("clip on two equal bounds: 1, 0, 0", dnp.clip, (1.0, 1.0, 1.0), (1.0, 0.0, 0.0)),
    row("clip above two equal bounds: 0, 0, 1", dnp.clip, (2.0, 1.0, 1.0), (0.0, 0.0, 1.0)),
    row("clip between crossed bounds: 0, 0, 1", dnp.clip, (1.5, 2.0, 1.0), (0.0, 0.0, 1.0)),
    row("abs'(0) = 0", dnp.abs, 0.0, 0.0),
    row("abs'(-0.0) = 0", abs, -0.0, 0.0),
    *[row(f"{f.__name__}'({x}) = 0", f, x, 0.0) for f in STEPS for x in (0.0, 1.0, 2.5)],
    row("maximum(x, y) at x = y: 0.5, 0.5", dnp.maximum, (2.0, 2.0), (0.5, 0.5)),
    row("minimum(x, y) at x = y: 0.5, 0.5", dnp.minimum, (2.0, 2.0), (0.5, 0.5)),
    row("maximum(x, y) at inf = inf: 0.5, 0.5", dnp.maximum, (INF, INF), (0.5, 0.5)),
    row("fmax(x, y) at x = y: 0.5, 0.5", dnp.fmax, (2.0, 2.0), (0.5, 0.5)),
    row(
        "maximum(log(x), 0) at 0 and at 1: 0, 0.5",
        lambda x: dnp.maximum(dnp.log(x), 0.0).sum(),
        [0.0, 1.0, 2.0],
        [0.0, 0.5, 0.5],
    ),
    row(
        "fmin(-log(x), 0) at 0 and at 1: 0, -0.5",
        lambda x: dnp.fmin(-dnp.log(x), 0.0).sum(),
        [0.0, 1.0, 2.0],
        [0.0, -0.5, -0.5],
    ),
    row("maximum(x, x): 1", lambda x: dnp.maximum(x, x), 2.0, 1.0),
    row("minimum(x, x): 1", lambda x: dnp.minimum(x, x), 2.0, 1.0),
    row("max of ties, whole", dnp.max, [2.0, 2.0, 1.0], [0.5, 0.5, 0.0]),
    row("min of ties, whole", dnp.min, [2.0, 1.0, 1.0, 1.0], [0.0, 1 / 3, 1 / 3, 1 / 3]),
    row(
        "max of ties along an axis",
        lambda x: dnp.max(x.reshape(2, 2), axis=1).sum(),
        [3.0, 3.0, 1.0, 4.0],
        [0.5, 0.5, 0.0, 1.0],
    ),
    row("max of [1, 1] scaled by 3", lambda x: 3 * dnp.max(x), [1.0, 1.0], [1.5, 1.5]),
    row("median([1, 2]): 0.5, 0.5", dnp.median, [1.0, 2.0], [0.5, 0.5]),
    row("median([3, 1, 2]): 0, 0, 1", dnp.median, [3.0, 1.0, 2.0], [0.0, 0.0, 1.0]),
    row(
        "sort with ties: stable",
        lambda x: (dnp.sort(x) * np.array([1, 10, 100])).sum(),
        [2.0, 1.0, 2.0],
        [10.0, 1.0, 100.0],
    ),
    row("sqrt'(0) = inf", dnp.sqrt, 0.0, INF),
    row("log'(0) = inf", dnp.log, 0.0, INF),
    row("arcsin'(1) = inf", dnp.arcsin, 1.0, INF),
    row("arccos'(1) = -inf", dnp.arccos, 1.0, -INF),
    row("(x**0.5)'(0) = inf", lambda x: x**0.5, 0.0, INF),
    row("norm2 at 0: 0", dnp.norm, [0.0, 0.0], [0.0, 0.0]),
    row("norm2(x)**2 at 0: 0", lambda x: dnp.norm(x) ** 2, [0.0, 0.0], [0.0, 0.0]),
    row("np.linalg.norm at 0: 0", np.linalg.norm, [0.0, 0.0], [0.0, 0.0]),
    row("std of a constant: 0", dnp.std, [3.0, 3.0, 3.0], [0.0, 0.0, 0.0]),
    row("norm1([0, 1]): 0, 1", lambda x: dnp.norm(x, 1), [0.0, 1.0], [0.0, 1.0]),
    row("hypot(0, 0): 0, 0", dnp.hypot, (0.0, 0.0), (0.0, 0.0)),
    row("arctan2(0, 0): 0, 0", dnp.arctan2, (0.0, 0.0), (0.0, 0.0)),
    row("x**y at (0, 0): 0, 0", dnp.power, (0.0, 0.0), (0.0, 0.0)),
    row("x**y at (0, 2): 0, 0", dnp.power, (0.0, 2.0), (0.0, 0.0)),
    row("x**y at (-2, 2): -4, NaN", lambda x, y: x**y, (-2.0, 2.0), (-4.0, NAN)),
    row("x**0 at 0: 0", lambda x: x**0, 0.0, 0.0),
    row("x**0 at 1e-310: 0", lambda x: x**0, 1e-310, 0.0),
    row("x**y at (-1e-310, 0): dx 0", lambda x: x ** np.zeros(1), [-1e-310], [0.0]),
    row("x**1 at 0: 1", lambda x: x**1, 0.0, 1.0),
    row("x**2 at -3: -6", lambda x: x**2, -3.0, -6.0),
    row("x**-1 at -2: -1/4", lambda x: x**-1, -2.0, -0.25),
    row("0**x at 2: 0", lambda x: 0**x, 2.0, 0.0),
    row("prod([0, 2, 3]): 6, 0, 0", dnp.prod, [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
    row("prod([0, 2, 0]): 0, 0, 0", dnp.prod, [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]),
    row("xlogy(0, 0): -inf, 0", dnp.xlogy, (0.0, 0.0), (-INF, 0.0)),
    row("sinc'(0) = 0", dnp.sinc, 0.0, 0.0),
    row("logsumexp of all -inf: 0", dnp.logsumexp, [-INF, -INF], [0.0, 0.0]),
    row("logaddexp of all -inf: 0", dnp.logaddexp, (-INF, -INF), (0.0, 0.0)),
    row("maximum(x, NaN): NaN", lambda x: dnp.maximum(x, NAN), 1.0, NAN),
    row("maximum(NaN, y): NaN, NaN", dnp.maximum, (NAN, 1.0), (NAN, NAN)),
    row("minimum(x, NaN): NaN", lambda x: dnp.minimum(x, NAN), 1.0, NAN),
    row("max([1, NaN]): NaN", lambda x: dnp.max(x), [1.0, NAN], [NAN, NAN]),
    row("relu'(NaN) = NaN", dnp.relu, NAN, NAN),
    row("abs'(NaN) = NaN", dnp.abs, NAN, NAN),
    row("where(x > 0, log(x), 0)' at 0: 0", lambda x: dnp.where(x > 0, dnp.log(x), 0.0), 0.0, 0.0),
    row("maximum(log(x), -9)' at 0: 0", lambda x: dnp.maximum(dnp.log(x), -9.0), 0.0, 0.0),
    row("clip(log(x), -9, 9)' at 0: 0", lambda x: dnp.clip(dnp.log(x), -9.0, 9.0), 0.0, 0.0),
    row("max(log(x)) at [0, 2]: 0, 1/2", lambda x: dnp.max(dnp.log(x)), [0.0, 2.0], [0.0, 0.5]),
    row("log(x)[1] at [0, 2]: 0, 1/2", lambda x: dnp.log(x)[1], [0.0, 2.0], [0.0, 0.5]),
    row("1 through the mask: inf", lambda x: dnp.where(x < 1, dnp.sqrt(x), 0.0), 0.0, INF),
    row("sqrt(x * x)'(0) = NaN", lambda x: dnp.sqrt(x * x), 0.0, NAN),
    row("1/(1/x) at 0: NaN", lambda x: 1 / (1 / x), 0.0, NAN),
    row("log(x) * 0 at 0: NaN", lambda x: dnp.log(x) * 0.0, 0.0, NAN),
]


def on_scalars(r: Row) -> tuple[Any, list[Value], list[Any]]:
    """Every number a scalar Value; an array is a stack of them."""
    leaves: list[Value] = []
    args = []
    for x in r.at:
        own = [Value(v) for v in np.atleast_1d(x).tolist()]
        leaves += own
        args.append(dnp.stack(own) if isinstance(x, list) else own[0])
    return r.f(*args), leaves, [w for want in r.want for w in np.atleast_1d(want).tolist()]


def on_tensors(r: Row, dtype: Any) -> tuple[Any, list[Value], list[Any]]:
    filled = [x if isinstance(x, list) else np.full((2, 3), x) for x in r.at]
    leaves = [Value(np.asarray(x, dtype)) for x in filled]
    want = [np.broadcast_to(w, leaf.shape) for w, leaf in zip(r.want, leaves, strict=True)]
    return r.f(*leaves), leaves, want


@pytest.mark.parametrize("kind", ["scalars", "float32", "float64"])
@pytest.mark.parametrize("r", ROWS, ids=lambda r: r.case)
@pytest.mark.parametrize("graph", [False, True], ids=["", "recorded"])
def test_kink(r: Row, kind: str, graph: bool) -> None:
    """Rules run on raw data and, with create_graph, on Values: both take the same side."""
    with np.errstate(all="ignore"):
        y, leaves, want = on_scalars(r) if kind == "scalars" else on_tensors(r, kind)
        y.backward(np.ones(y.shape), create_graph=graph)
        for leaf, w in zip(leaves, want, strict=True):
            found = leaf.grad.numpy() if graph else leaf.grad
            np.testing.assert_allclose(found, w, rtol=1e-6)
            assert kind == "scalars" or found.dtype == kind


@pytest.mark.parametrize("kind", ["scalars", "float64"])
@pytest.mark.parametrize("r", ROWS, ids=lambda r: r.case)
def test_kink_forward(r: Row, kind: str) -> None:
    """Forward mode takes the same sides: pushed along one entry at a time."""
    with np.errstate(all="ignore"):
        y, leaves, want = on_scalars(r) if kind == "scalars" else on_tensors(r, kind)
        for leaf, w in zip(leaves, want, strict=True):
            for i in range(1 if y.shape else leaf.size):
                t = np.ones(leaf.shape) if y.shape else np.eye(leaf.size)[i].reshape(leaf.shape)
                (found,) = forward_sweep([y], {leaf: t if leaf.shape else 1.0})
                expected = w if y.shape else np.ravel(w)[i]
                np.testing.assert_allclose(0.0 if found is None else found, expected, rtol=1e-12)


def test_an_array_over_a_scalar_that_is_zero_has_ieee_derivatives() -> None:
    x, zero = Value([1.0, -2.0]), Value(0.0)
    with np.errstate(divide="ignore"):
        y = x / zero
    y.backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, [np.inf, np.inf])
    assert np.isnan(zero.grad)
