"""Exact points at which a rule decides: ties, bounds, zeros, infinities, values not needed.

The table of the design is in `test_kinks`; here is what else a rule has a word for. Each
entry: an operation of the table, its arguments, the derivative in each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop import Value
from deltaprop.graph import REGISTRY, Custom
from deltaprop.graph.cotangent import ZERO, conj
from deltaprop.graph.forward import forward_sweep
from deltaprop.graph.primitive import needed

from . import oracles
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
    ("maximum", (2.0, NAN), (NAN, NAN)),
    ("minimum", (NAN, 2.0), (NAN, NAN)),
    ("fmax", (2.0, NAN), (1.0, 0.0)),
    ("fmin", (NAN, 2.0), (0.0, 1.0)),
    ("fmax", (NAN, NAN), (0.5, 0.5)),
    ("fmin", (NAN, NAN), (0.5, 0.5)),
    ("clip", (1.0, 1.0, 3.0), (1.0, 0.0, 0.0)),
    ("clip", (3.0, 1.0, 3.0), (1.0, 0.0, 0.0)),
    ("clip", (2.0, 2.0, 2.0), (1.0, 0.0, 0.0)),
    ("clip", (0.0, 1.0, 1.0), (0.0, 0.5, 0.5)),
    ("clip", (2.0, 1.0, 1.0), (0.0, 0.0, 1.0)),
    ("clip", (0.0, 3.0, 1.0), (0.0, 0.0, 1.0)),
    ("clip", (2.0, 3.0, 1.0), (0.0, 0.0, 1.0)),
    ("clip", (4.0, 3.0, 1.0), (0.0, 0.0, 1.0)),
    ("leaky_relu", (0.0, 0.5), (0.5, 0.0)),
    ("leaky_relu", (0.0, 1.0), (1.0, 0.0)),
    ("leaky_relu", (0.0, 2.0), (1.0, 0.0)),
    ("leaky_relu", (0.0, -2.0), (0.0, 0.0)),
    ("leaky_relu", (-1.0, 2.0), (2.0, -1.0)),
    ("elu", (0.0, 0.5), (0.5, 0.0)),
    ("elu", (0.0, 2.0), (1.0, 0.0)),
    ("elu", (-1.0, 2.0), (2 * np.exp(-1), np.expm1(-1))),
    ("elu", (800.0, 2.0), (1.0, 0.0)),
    ("copysign", (2.0, -3.0), (-1.0, 0.0)),
    ("copysign", (-2.0, -3.0), (1.0, 0.0)),
    ("hypot", (0.0, 0.0), (0.0, 0.0)),
    ("over", (0.0, 2.0), (0.5, 0.0)),
    ("over", (3.0, 0.0), (0.0, NAN)),
    ("elu", (0.0, -2.0), (0.0, 0.0)),
    ("arctan2", (0.0, 0.0), (0.0, 0.0)),
    ("power", (0.0, 0.0), (0.0, 0.0)),
    ("power", (0.0, 0.5), (INF, 0.0)),
    ("power", (0.0, 1.0), (1.0, 0.0)),
    ("power", (0.0, 3.0), (0.0, 0.0)),
    ("power", (2.0, 0.0), (0.0, np.log(2))),
    ("power", (0.0, 0.1), (INF, 0.0)),
    ("erf", (INF,), (0.0,)),
    ("erf", (1e20,), (0.0,)),
    ("erfc", (-INF,), (0.0,)),
    ("power", (1e-30, 2.0), (2e-30, 0.0)),
    ("power", (1e-15, 3.0), (3e-30, 0.0)),
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
            np.testing.assert_allclose(g, w, rtol=1e-6, atol=1e-40, err_msg=f"argument {i}")
    for leaf, w in zip(leaves, want, strict=True):
        with np.errstate(all="ignore"):
            (t,) = forward_sweep([y], {leaf: np.ones(shape, dtype) if shape else 1.0})
        np.testing.assert_allclose(0.0 if t is None else t, w, rtol=1e-6, atol=1e-40)


@pytest.mark.parametrize(("name", "xs", "want"), EDGES)
def test_edge_needs_no_more_than_it_says(name: str, xs: tuple[float, ...], want: Any) -> None:
    op = REGISTRY[name]
    with np.errstate(all="ignore"):
        needs_no_more_than_it_says(Trial(op, [np.full(2, x) for x in xs], {}, [False] * len(xs)))


@pytest.mark.parametrize("name", ["maximum", "fmax", "minimum", "fmin"])
@pytest.mark.parametrize("other", [np.float32(0.3), np.array(0.3, np.float32)])
def test_a_number_wins_beside_a_number_of_float32(name: str, other: Any) -> None:
    """The result is the number rounded, which is not equal to it."""
    sign = 1.0 if name.endswith("max") or name == "maximum" else -1.0
    for x, right in ((0.488 * sign, 1.0), (0.1 * sign, (1.0 - sign) / 2), (0.7 * sign, 1.0)):
        mine, its = Value(x), Value(other)
        REGISTRY[name](mine, its).backward()
        assert (mine.grad or 0.0, float(its.grad or 0.0)) == (right, 1 - right)


@pytest.mark.parametrize("name", ["remainder", "fmod"])
def test_the_slope_of_a_remainder_is_a_whole_number(name: str) -> None:
    rng = np.random.default_rng(0)
    b = Value(rng.uniform(0.1, 3, 1000))
    REGISTRY[name](b.numpy() * rng.integers(1, 20, 1000) * (1 - 2.0**-53), b).sum().backward()
    np.testing.assert_array_equal(b.grad, np.rint(b.grad))


def test_the_slope_of_a_power_at_exponent_zero_has_a_slope() -> None:
    """d/db of b * a ** (b - 1) at b = 0 is 1 / a, though the slope itself is 0."""
    a, b = Value(4.0), Value(0.0)
    (a**b).backward(create_graph=True)
    slope = a.grad
    b.zero_grad()
    slope.backward()  # type: ignore[union-attr]
    assert b.grad == pytest.approx(0.25)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_probability_of_zero_counts_as_tiny(dtype: str) -> None:
    p, t = Value(np.zeros(1, dtype)), np.full(1, 0.5, dtype)
    REGISTRY["relative_entropy"](p, t).sum().backward()
    np.testing.assert_allclose(p.grad, -0.5 / np.finfo(dtype).tiny, rtol=1e-6)


@pytest.mark.parametrize("scalar", [False, True], ids=["arrays", "scalars"])
def test_the_slope_of_a_power_of_an_extreme_base(scalar: bool) -> None:
    """The exponent b - 1 is rounded, and 700 = log(a) makes much of that."""
    mpmath = pytest.importorskip("mpmath")
    from .accuracy import ulps

    a, b = 1.5e300, -0.3
    x = Value(a) if scalar else Value([a])
    (x**b if scalar else x ** np.array([b])).sum().backward()
    with mpmath.workprec(200):
        exact = mpmath.mpf(b) * mpmath.mpf(a) ** (mpmath.mpf(b) - 1)
        assert ulps(float(np.sum(x.grad)), exact) <= 4


@pytest.mark.parametrize("name", ["eigh", "svd"])
def test_values_of_the_zero_matrix(name: str) -> None:
    """All are equal: what is asked of their sum alone is finite, as is a change of it."""
    a = Value(np.zeros((3, 3)))
    REGISTRY[name](a)[..., -1, :].sum().backward()
    assert np.all(np.isfinite(a.grad))


def test_the_slope_of_a_bessel_function_at_a_negative_number() -> None:
    mpmath = pytest.importorskip("mpmath")
    x = Value([-1.0])
    REGISTRY["ive"](2.0, x).sum().backward()
    slope = (mpmath.besseli(2, -1, 1) + mpmath.besseli(2, -1)) * mpmath.exp(-1)
    assert x.grad[0] == pytest.approx(float(slope))


def test_the_slope_of_a_beta_function_beside_a_tiny_number() -> None:
    """psi(a) - psi(a + b) is -b psi'(a), and must not cancel."""
    mpmath = pytest.importorskip("mpmath")
    a = Value([0.5])
    REGISTRY["betaln"](a, np.array([1e-12])).sum().backward()
    slope = -1e-12 * mpmath.polygamma(1, 0.5)
    assert a.grad[0] == pytest.approx(float(slope), rel=1e-10, abs=0)


def test_a_slope_of_numbers_where_python_raises() -> None:
    x, y = Value(0.0), Value(0.5)
    with np.errstate(divide="ignore"):
        (x**y).backward()
    assert (x.grad, y.grad) == (np.inf, 0.0)


def test_cotangents_of_numbers_are_pythons_numbers() -> None:
    """Those of NumPy's would make float64 of the float32 arrays that they are multiplied by."""
    y = dp.numpy.sinh(Value(0.3))
    assert type(y.op.vjp(1.0, y, False)[0]) is float


def test_forward_mode_knows_a_variable_from_its_readings() -> None:
    """Operations on numbers, and derivatives that are recorded, read variables."""
    assert dp.jvp(lambda x: x * x + x, (2.0,), (1.0,)) == (6.0, 5.0)
    cubed = dp.hvp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    np.testing.assert_array_equal(cubed, [6.0, 0.0])


@pytest.mark.filterwarnings("ignore")
def test_both_modes_of_the_identity() -> None:
    """The root is the variable itself: nothing is swept, and hooks are called all the same."""
    x, seen = Value([1.0, 2.0]), []
    x.register_hook(seen.append)
    x.backward([3.0, 4.0])
    np.testing.assert_array_equal(x.grad, [3.0, 4.0])
    assert len(seen) == 1
    n = Value(2.0)
    snapshot = n.snapshot()
    snapshot.backward()
    assert n.grad == 1.0
    assert forward_sweep([snapshot], {n: 3.0}) == [3.0]
    assert dp.jvp(lambda x: x, (2.0,), (3.0,)) == (2.0, 3.0)
    assert dp.jvp(lambda x: (x * 1.0, x), (2.0,), (3.0,)) == ((2.0, 2.0), (3.0, 3.0))


def test_what_does_not_depend_on_the_argument_is_not_asked_for_a_tangent() -> None:
    w = Value([1.0, 3.0])
    f = lambda x: x * dp.nn.mse(w, [0.0, 0.0])  # noqa: E731
    assert dp.jvp(f, (2.0,), (1.0,))[1] == 5.0


def test_the_conjugate_of_a_conjugate() -> None:
    z = Value([1 + 2j])
    conj(conj(z) * 1j).real.sum().backward()
    np.testing.assert_array_equal(z.grad, [1j])


def test_a_tangent_has_the_shape_of_what_it_belongs_to() -> None:
    for f in (lambda x: x + np.zeros(3), lambda x: np.broadcast_to(x, (3,)) * 1.0):
        value, tangent = dp.jvp(f, (2.0,), (5.0,))
        assert value.shape == tangent.shape == (3,)
    x = np.ones(2, np.float32)
    assert dp.jvp(lambda x: x * np.float32(2), (x,), (np.ones(2),))[1].dtype == np.float32
    f = lambda x: dp.numpy.where(x > 1, x, 0.0) + np.zeros((2, 1))  # noqa: E731
    value, tangent = dp.jvp(f, (np.array([0.0, 2.0, 3.0]),), (np.ones(3),))
    assert value.shape == tangent.shape == (2, 3)


def test_pinv_at_a_lower_rank_than_full() -> None:
    rng = np.random.default_rng(0)
    u, v = rng.uniform(1, 2, (3, 1)), rng.uniform(1, 2, (1, 2))
    oracles.check(lambda u, v: REGISTRY["pinv"](u @ v, rtol=1e-9), [u, v], rng)


def test_pseudo_gradients_of_propagations() -> None:
    """Of the operations that are not their functions' derivatives, and not meant to be."""
    rng = np.random.default_rng(0)
    a, x, w, g = (rng.standard_normal(s) for s in ((2, 3), (2, 4), (4, 3), (2, 3)))
    cut, bypass, linear = (operation(name) for name in ("cut", "bypass", "pass_error"))
    assert cut.vjps[0](g, x, x) is ZERO
    np.testing.assert_array_equal(cut.jvp_rule([x], x, x), np.zeros_like(x))
    to_a, to_x, _ = bypass.vjps
    # what is handed on as it is must not be written to, or the result would change
    assert needed(cut.vjps[0], 2, 1) == [True]
    assert needed(to_a, 2, 3) == [True, False, False]
    assert needed(to_x, 2, 3) == [False, False, True]
    np.testing.assert_array_equal(to_a(g, a, a, x, w), g)
    np.testing.assert_array_equal(to_x(g, a, a, x, w), g @ w.T)
    for ta in (None, a):
        for tx in (None, x):
            t = bypass.jvp_rule([ta, tx, None], a, a, x, w)
            want = (0 if ta is None else ta) + (0 if tx is None else tx @ w)
            np.testing.assert_allclose(t, np.broadcast_to(want, a.shape))
    np.testing.assert_array_equal(linear.vjps[0](g, a, a, np.square), g)
    np.testing.assert_array_equal(linear.jvp_rule([g], a, a, np.square), g)


def operation(name: str) -> Custom:
    op = REGISTRY[name]
    assert isinstance(op, Custom)
    return op
