"""Reductions: NumPy's values for every axis form, right derivatives, the corner cases."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import deltaprop as dp
from deltaprop.calculus import reductions as r
from deltaprop.calculus.elementwise import log, where
from deltaprop.graph import forward

from .. import oracles

INF, NAN = math.inf, math.nan


def _numpy_logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


# ours, NumPy's, and the least length of an axis on which it is defined
REDUCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any], int]] = {
    "sum": (r.sum, np.sum, 0),
    "mean": (r.mean, np.mean, 1),
    "prod": (r.prod, np.prod, 0),
    "max": (r.max, np.max, 1),
    "min": (r.min, np.min, 1),
    "ptp": (r.ptp, np.ptp, 1),
    "var": (r.var, np.var, 1),
    "std": (r.std, np.std, 1),
    "median": (r.median, np.median, 1),
    "norm": (r.norm, lambda x, **kw: np.sqrt(np.sum(x * x, **kw)), 1),
    "logsumexp": (r.logsumexp, _numpy_logsumexp, 1),
    "average": (r.average, np.average, 1),
}


def grad_of(f: Callable[..., Any], x: Any) -> Any:
    leaf = dp.Value(x)
    with np.errstate(all="ignore"):
        f(leaf).backward()
    return leaf.grad


@st.composite
def shapes_and_axes(draw: Any, min_side: int = 0) -> tuple[tuple[int, ...], Any]:
    shape = tuple(draw(st.lists(st.integers(min_side, 4), max_size=3)))
    axes = draw(st.permutations(range(len(shape))))[: draw(st.integers(0, len(shape)))]
    signed = tuple(i - len(shape) if draw(st.booleans()) else i for i in axes)
    return shape, draw(st.sampled_from([None, signed, *signed[:1]]))


@pytest.mark.parametrize("name", REDUCTIONS)
@given(data=st.data(), keepdims=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_every_axis_form(name: str, data: Any, keepdims: bool, seed: int) -> None:
    ours, theirs, least = REDUCTIONS[name]
    shape, axis = data.draw(shapes_and_axes(least))
    if axis == () and name in ("median", "average"):
        axis = None  # NumPy itself has no answer
    rng = np.random.default_rng(seed)
    x = oracles.point(rng, shape)
    expected = theirs(np.asarray(x), axis=axis, keepdims=keepdims)
    got = ours(dp.Value(x), axis=axis, keepdims=keepdims)
    assert got.shape == np.shape(expected)
    assert_allclose(got.numpy(), expected, rtol=1e-12, atol=1e-12)
    assert_allclose(ours(x, axis=axis, keepdims=keepdims), expected, rtol=1e-12, atol=1e-12)
    if name != "std" or np.all(expected > 1e-3):  # one entry alone has std 0, a kink
        oracles.check(lambda v: ours(v, axis=axis, keepdims=keepdims), [x], rng)


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
def test_float32_stays(name: str, axis: Any) -> None:
    x = dp.Value(np.arange(6, dtype=np.float32).reshape(2, 3) + 1)
    y = r.sum(REDUCTIONS[name][0](x, axis=axis))
    y.backward()
    assert x.grad.dtype == np.float32
    kept = REDUCTIONS[name][0](x, axis=0)
    assert kept.dtype == np.float32


# -- sums, means, extremes ----------------------------------------------------------------


def test_the_cotangent_of_a_sum_is_not_copied() -> None:
    x = np.ones((3, 4))
    assert r.sum_.transpose(2.0, x, axis=None, keepdims=False) == 2.0
    g = np.ones(4)
    back = r.sum_.transpose(g, x, axis=0, keepdims=False)
    assert back.shape == (1, 4)
    assert np.shares_memory(back, g)


def test_mean_of_nothing_is_nan_with_an_empty_gradient() -> None:
    with pytest.warns(RuntimeWarning):
        assert grad_of(r.mean, np.zeros(0)).shape == (0,)
    with pytest.warns(RuntimeWarning):
        assert np.isnan(r.mean(dp.Value(np.zeros((0, 2))), axis=0).numpy()).all()


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("name", ["nanmean", "nanvar", "nanstd", "nansum", "nanmax"])
def test_a_number_counts_as_one_entry(name: str, axis: int) -> None:
    f = getattr(np, name)
    y = f(dp.Value(2.5), axis=axis)
    assert y.shape == np.shape(f(2.5, axis=axis)) == ()
    assert y.item() == f(2.5, axis=axis)
    with pytest.raises(np.exceptions.AxisError):
        f(dp.Value(2.5), axis=1)


@pytest.mark.parametrize("f", [np.cumulative_sum, np.cumulative_prod])
@pytest.mark.parametrize("initial", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_a_number_is_accumulated(f: Callable[..., Any], initial: bool, axis: Any) -> None:
    x = dp.Value(2.5)
    y = f(x, axis=axis, include_initial=initial)
    assert_array_equal(y.numpy(), f(2.5, axis=axis, include_initial=initial))
    y.sum().backward()
    assert x.grad == 1.0


def test_mean_of_float16_and_of_integers_is_numpys() -> None:
    half = np.full(4000, 30.0, np.float16)
    assert r.mean(half) == np.mean(half)
    assert r.mean([1, 2]) == 1.5


@pytest.mark.parametrize("f", [r.max, r.min, r.amax, r.amin])
def test_ties_share_evenly(f: Callable[..., Any]) -> None:
    assert_array_equal(grad_of(f, [2.0, 2.0, 2.0, 2.0]), [0.25] * 4)
    two = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    assert_array_equal(grad_of(lambda v: f(v, axis=0).sum(), two), np.full((2, 3), 0.5))


def test_nan_stays_in_extremes() -> None:
    x = np.array([[1.0, NAN, 3.0], [1.0, 2.0, 3.0]])
    g = grad_of(lambda v: r.max(v, axis=1).sum(), x)
    assert np.isnan(g[0]).all()
    assert_array_equal(g[1], [0, 0, 1])


@pytest.mark.parametrize("axis", [None, 0])
def test_the_loser_of_a_maximum_sends_a_structural_zero(axis: Any) -> None:
    x = dp.Value([0.0, 1.0, 4.0])
    with np.errstate(all="ignore"):
        y = r.max(log(x), axis=axis)  # log(0) = -inf never wins
        y.backward()
    assert_array_equal(x.grad, [0, 0, 0.25])


def test_an_infinite_cotangent_reaches_the_winner_alone() -> None:
    g = grad_of(lambda v: dp.numpy.sqrt(r.min(v)), [3.0, 0.0, 1.0])
    assert_array_equal(g, [0, INF, 0])


def test_max_of_nothing_is_numpys_error() -> None:
    with pytest.raises(ValueError, match="zero-size"):
        r.max(dp.Value(np.zeros((0, 2))))


# -- products -----------------------------------------------------------------------------


def _product_without(x: Any, *left_out: int) -> float:
    return math.prod(v for k, v in enumerate(x) if k not in left_out)


@pytest.mark.parametrize("f", [r.prod, r.cumprod])
@given(data=st.data())
def test_products_with_zeros_are_exact(f: Callable[..., Any], data: Any) -> None:
    """On small integers, to first and second order, in both modes."""
    whole = st.integers(-3, 3).map(float)
    x = data.draw(st.lists(st.just(0.0) | whole, min_size=1, max_size=7))
    n = len(x)
    u, w = (np.array(data.draw(st.lists(whole, min_size=n, max_size=n))) for _ in "uw")
    ends = {n: 1.0} if f is r.prod else dict(enumerate(w, start=1))  # y = sum of w * x[:end].prod

    def derivative(*wrt: int) -> float:
        return sum(c * _product_without(x[:end], *wrt) for end, c in ends.items() if max(wrt) < end)

    first = [derivative(i) for i in range(n)]
    second = [[derivative(i, j) if i != j else 0.0 for j in range(n)] for i in range(n)]
    leaf = dp.Value(x)
    y = f(leaf)
    total = y if f is r.prod else (y * w).sum()
    total.backward(create_graph=True)
    assert_array_equal(leaf.grad.numpy(), first)
    slope, leaf.grad = (leaf.grad * u).sum(), None
    (tangent,) = forward.forward_sweep([total], {leaf: u})
    assert tangent == np.dot(first, u)
    slope.backward()
    assert_array_equal(leaf.grad, u @ second)


def test_prod_over_two_axes_with_zeros() -> None:
    x = np.array([[0.0, 2.0], [3.0, 4.0]])
    assert_array_equal(grad_of(lambda v: r.prod(v, axis=(0, 1)), x), [[24, 0], [0, 0]])


def test_an_infinite_factor_is_honest() -> None:
    assert_array_equal(grad_of(r.prod, [INF, 2.0]), [2, INF])


@pytest.mark.parametrize("f", [r.cumsum, r.cumprod])
@pytest.mark.parametrize(
    ("shape", "axis"), [((), None), ((0,), 0), ((2, 3), None), ((2, 3, 4), 1), ((2, 3, 4), -3)]
)
def test_running_totals(f: Callable[..., Any], shape: tuple[int, ...], axis: Any) -> None:
    rng = np.random.default_rng(0)
    x = oracles.point(rng, shape)
    theirs = {r.cumsum: np.cumsum, r.cumprod: np.cumprod}[f]
    assert_array_equal(f(dp.Value(x), axis=axis).numpy(), theirs(x, axis=axis))
    oracles.check(lambda v: f(v, axis=axis), [x], rng)


# -- spread and norms ---------------------------------------------------------------------


@pytest.mark.parametrize("ddof", [0, 1, 0.5])
@pytest.mark.parametrize("axis", [None, 0, (0, -1)])
def test_ddof_and_correction(ddof: float, axis: Any) -> None:
    x = np.random.default_rng(0).standard_normal((3, 4, 2))
    for ours, theirs in ((r.var, np.var), (r.std, np.std)):
        expected = theirs(x, axis=axis, ddof=ddof)
        assert_allclose(ours(dp.Value(x), axis, ddof=ddof).numpy(), expected, rtol=1e-14)
        assert_allclose(ours(dp.Value(x), axis, correction=ddof).numpy(), expected, rtol=1e-14)
        oracles.check(lambda v, f=ours: f(v, axis, ddof=ddof), [x], np.random.default_rng(1))


def test_std_of_a_constant_is_flat() -> None:
    assert_array_equal(grad_of(r.std, [3.0, 3.0, 3.0]), [0, 0, 0])
    x = np.array([[1.0, 1.0], [1.0, 3.0]])
    assert_allclose(grad_of(lambda v: r.std(v, axis=1).sum(), x), [[0, 0], [-0.5, 0.5]])


def test_var_with_no_freedom_left_is_nan() -> None:
    with pytest.warns(RuntimeWarning):
        assert np.isnan(grad_of(lambda v: r.var(v, ddof=1), [2.0]))[0]


def test_norms_at_zero() -> None:
    assert_array_equal(grad_of(r.norm, [0.0, 0.0]), [0, 0])
    assert_array_equal(grad_of(lambda v: r.norm(v) ** 2, [0.0, 0.0]), [0, 0])
    assert_array_equal(grad_of(lambda v: r.norm(v, 1), [0.0, 1.0]), [0, 1])
    assert_array_equal(grad_of(lambda v: r.norm(v, 3), [0.0, 0.0]), [0, 0])
    assert_array_equal(grad_of(lambda v: r.norm(v, 0.5), [0.0, 4.0]), [0, 1])
    assert_array_equal(grad_of(lambda v: r.norm(v, INF), [0.0, 0.0]), [0, 0])
    rows = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert_allclose(grad_of(lambda v: r.norm(v, axis=1).sum(), rows), [[0, 0], [0.6, 0.8]])


@pytest.mark.parametrize("shape", [(3,), (2, 3), ()])
@pytest.mark.parametrize("f", [r.norm, r.std])
def test_zeros_are_flat_in_both_modes(f: Callable[..., Any], shape: Any) -> None:
    x = dp.Value(np.zeros(shape))
    with np.errstate(all="ignore"):
        y = f(x, axis=-1 if shape else None).sum()
        (tangent,) = forward.forward_sweep([y], {x: np.ones(shape) if shape else 1.0})
        y.backward()
    assert tangent == 0
    assert_array_equal(x.grad, np.zeros(shape))


@pytest.mark.parametrize("ord", [None, 0, 1, 2, 3, 2.5, 0.5, -1, -2, INF, -INF])
@pytest.mark.parametrize(
    ("shape", "axis", "keepdims"), [((5,), None, False), ((3, 4), 0, True), ((2, 3, 4), -2, False)]
)
def test_vector_norms(ord: Any, shape: tuple[int, ...], axis: Any, keepdims: bool) -> None:
    rng = np.random.default_rng(0)
    x = oracles.point(rng, shape, oracles.Domain(kinks=(0.0,)))
    expected = np.linalg.norm(x, ord, axis, keepdims)
    assert_allclose(r.norm(dp.Value(x), ord, axis, keepdims=keepdims).numpy(), expected, rtol=1e-13)
    oracles.check(lambda v: r.norm(v, ord, axis, keepdims=keepdims), [x], rng)


@pytest.mark.parametrize("ord", [None, "fro", 1, -1, INF, -INF])
@pytest.mark.parametrize(("shape", "axis"), [((3, 4), None), ((3, 2, 4), (-1, 0))])
@pytest.mark.parametrize("keepdims", [False, True])
def test_matrix_norms(ord: Any, shape: tuple[int, ...], axis: Any, keepdims: bool) -> None:
    rng = np.random.default_rng(0)
    x = oracles.point(rng, shape, oracles.Domain(kinks=(0.0,)))
    expected = np.linalg.norm(x, ord, axis, keepdims)
    assert_allclose(r.norm(dp.Value(x), ord, axis, keepdims=keepdims).numpy(), expected, rtol=1e-13)
    oracles.check(lambda v: r.norm(v, ord, axis, keepdims=keepdims), [x], rng)


def test_the_negative_norm_of_a_vector_with_a_zero_is_flat() -> None:
    with np.errstate(divide="ignore"):
        assert r.norm([0.0, 2.0], -1) == 0
    assert_array_equal(grad_of(lambda v: r.norm(v, -1), [0.0, 2.0]), [0, 0])


@pytest.mark.parametrize(
    ("ord", "shape"), [("nuc", (2, 2)), (2, (2, 2)), ("fro", (3,)), (1, (1, 1, 1))]
)
def test_norms_that_are_not_there_say_what_is(ord: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"'fro', 1, -1, inf or -inf for matrices"):
        r.norm(dp.Value(np.ones(shape)), ord)


# -- order statistics ---------------------------------------------------------------------

METHODS = [
    "linear", "lower", "higher", "nearest", "midpoint", "inverted_cdf", "averaged_inverted_cdf",
    "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased",
    "normal_unbiased",
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=15)
@given(data=st.data(), keepdims=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_quantile(method: str, data: Any, keepdims: bool, seed: int) -> None:
    shape, axis = data.draw(shapes_and_axes(1))
    axis = None if axis == () else axis
    fraction = st.floats(0, 1) | st.sampled_from([0.0, 0.25, 0.5, 1.0])
    q = data.draw(fraction | st.lists(fraction, min_size=1, max_size=3))
    rng = np.random.default_rng(seed)
    x = oracles.point(rng, shape)
    expected = np.quantile(x, q, axis=axis, method=method, keepdims=keepdims)
    got = r.quantile(dp.Value(x), q, axis, method=method, keepdims=keepdims)
    assert got.shape == expected.shape
    assert_allclose(got.numpy(), expected, rtol=1e-9, atol=1e-9)
    oracles.check(lambda v: r.quantile(v, q, axis, method=method, keepdims=keepdims), [x], rng)


def test_percentile_and_raw_input() -> None:
    assert r.percentile([1, 2, 3, 4], 25) == np.percentile([1, 2, 3, 4], 25)
    assert_array_equal(r.quantile(np.arange(5), [0.1, 0.3]), np.quantile(np.arange(5), [0.1, 0.3]))


def test_medians_of_ties_and_of_two() -> None:
    assert_array_equal(grad_of(r.median, [1.0, 2.0]), [0.5, 0.5])
    assert_array_equal(grad_of(r.median, [7.0, 7.0]), [0.5, 0.5])
    assert grad_of(r.median, [2.0, 2.0, 2.0]).sum() == 1


def test_nan_and_inf_in_medians() -> None:
    assert math.isnan(r.median(dp.Value([1.0, NAN, 3.0])).item())
    assert np.isnan(grad_of(r.median, [1.0, NAN, 3.0])).any()
    assert r.quantile(dp.Value([1.0, 2.0, INF]), 0.5).item() == 2.0
    assert r.median(dp.Value([INF, INF])).item() == INF
    assert_array_equal(grad_of(r.median, [-INF, 2.0, INF]), [0, 1, 0])


def test_bad_quantiles() -> None:
    x = dp.Value([1.0, 2.0])
    with pytest.raises(ValueError, match="range"):
        r.quantile(x, 1.5)
    with pytest.raises(IndexError, match=r"at least one entry, got shape \(0, 2\) along axis 0"):
        r.quantile(dp.Value(np.zeros((0, 2))), 0.5, 0)
    with pytest.raises(ValueError, match="method"):
        r.quantile(x, 0.5, method="fifth")


# -- averages, differences, integrals -----------------------------------------------------


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    ("wshape", "axis"), [((2, 3, 4), None), ((3,), 1), ((3,), -2), ((4, 2), (2, 0)), ((2, 3, 4), 0)]
)
def test_average(wshape: tuple[int, ...], axis: Any, keepdims: bool) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3, 4)), rng.uniform(1, 2, wshape)

    def f(v: Any, u: Any) -> Any:
        return r.average(v, axis, u, keepdims=keepdims)

    expected = np.average(x, axis, w, keepdims=keepdims)
    assert_allclose(f(dp.Value(x), w).numpy(), expected, rtol=1e-13)
    oracles.check(f, [x, w], rng)


def test_bad_weights() -> None:
    x = dp.Value(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"shape of the array, \(2, 3\).* got shape \(4,\)"):
        r.average(x, 1, np.ones(4))
    with pytest.raises(ZeroDivisionError, match="sum to zero"):
        r.average(x, 1, [1.0, -1.0, 0.0])


@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("ends", [{}, {"prepend": 1.0}, {"append": np.ones((3, 4)), "prepend": 0}])
def test_diff(n: int, axis: int, ends: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 4))
    assert_allclose(r.diff(dp.Value(x), n, axis, **ends).numpy(), np.diff(x, n, axis, **ends))
    oracles.check(lambda v: r.diff(v, n, axis, **ends), [x], rng)


def test_diff_differentiates_its_ends_too() -> None:
    a, b = dp.Value(2.0), dp.Value([7.0])
    r.diff(np.array([3.0, 5.0]), prepend=a, append=b).sum().backward()
    assert (a.grad, b.grad.tolist()) == (-1.0, [1.0])
    with pytest.raises(ValueError, match=r"n=-1, shape \(2,\)"):
        r.diff([1.0, 2.0], -1)
    with pytest.raises(ValueError, match=r"an axis.*shape \(\)"):
        r.diff(dp.Value(1.0))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("spaced", ["evenly", "along", "each"])
def test_trapezoid(axis: int, spaced: str) -> None:
    rng = np.random.default_rng(0)
    y = rng.standard_normal((3, 4))
    x = np.sort(rng.standard_normal(y.shape if spaced == "each" else y.shape[axis]), axis=0)
    if spaced == "evenly":
        assert_allclose(
            r.trapezoid(dp.Value(y), dx=0.5, axis=axis).numpy(), np.trapezoid(y, dx=0.5, axis=axis)
        )
        oracles.check(lambda v: r.trapezoid(v, dx=0.5, axis=axis), [y], rng)
    else:
        expected = np.trapezoid(y, x, axis=axis)
        assert_allclose(r.trapezoid(dp.Value(y), x, axis=axis).numpy(), expected)
        oracles.check(lambda v, u: r.trapezoid(v, u, axis=axis), [y, x], rng)


# -- exponentials -------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, -1, (0, 1), None])
def test_softmax_and_its_logarithm(axis: Any) -> None:
    rng = np.random.default_rng(0)
    x = 3 * rng.standard_normal((3, 4))
    p = np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)
    assert_allclose(r.softmax(dp.Value(x), axis).numpy(), p, rtol=1e-14)
    assert_allclose(r.log_softmax(dp.Value(x), axis).numpy(), np.log(p), rtol=1e-13)
    oracles.check(lambda v: r.softmax(v, axis), [x], rng)
    oracles.check(lambda v: r.log_softmax(v, axis), [x], rng)


def test_exponentials_neither_overflow_nor_cancel() -> None:
    x = np.array([1e4, 1e4 - 1.0], np.float32)
    assert_allclose(r.log_softmax(x), np.log([1 / (1 + np.exp(-1)), 1 / (1 + np.e)]), rtol=1e-6)
    assert r.logsumexp([-1e4, -1e4]) == -1e4 + math.log(2)
    assert_array_equal(grad_of(r.logsumexp, [-1e4, -1e4]), [0.5, 0.5])
    assert r.logsumexp([1, 2]) == pytest.approx(math.log(math.e + math.e**2))


def test_logsumexp_of_nothing() -> None:
    assert_array_equal(grad_of(r.logsumexp, [-INF, -INF]), [0, 0])
    assert r.logsumexp([-INF, -INF]) == -INF
    x = np.array([[-INF, -INF], [-INF, 1.0]])
    assert_array_equal(grad_of(lambda v: r.logsumexp(v, axis=1).sum(), x), [[0, 0], [0, 1]])
    assert_array_equal(r.logsumexp(dp.Value(np.zeros((2, 0))), axis=1).numpy(), [-INF, -INF])


def test_masked_logits_have_no_gradient() -> None:
    x = dp.Value([1.0, -INF, 2.0])
    r.log_softmax(x)[0].backward()
    assert x.grad[1] == 0
    assert np.isfinite(x.grad).all()


def test_nan_in_exponentials_stays() -> None:
    for f in (r.softmax, r.log_softmax, r.logsumexp):
        assert np.isnan(f(np.array([1.0, NAN]))).any()


# -- structural zeros, NumPy's names, torch -----------------------------------------------


def test_a_branch_not_taken_leaks_nothing_through_a_reduction() -> None:
    x = dp.Value([0.0, 1.0])
    with np.errstate(all="ignore"):
        r.sum(where(x > 0, log(x), 0.0)).backward()
    assert_array_equal(x.grad, [0, 1])


NUMPYS = "sum mean prod max min var std ptp median cumsum cumprod diff average trapezoid"


@pytest.mark.parametrize("name", NUMPYS.split())
def test_numpys_own_functions_take_values(name: str) -> None:
    x = np.array([[1.0, 2.0], [4.0, 3.0]])
    got = getattr(np, name)(dp.Value(x), axis=0)
    assert isinstance(got, dp.Value)
    assert_array_equal(got.numpy(), getattr(np, name)(x, axis=0))
    assert np.linalg.norm(dp.Value(x[0])).item() == np.linalg.norm(x[0])


def test_a_wrong_axis_is_numpys_error() -> None:
    for f in (r.sum, r.max, r.prod, r.median, r.norm, r.logsumexp, r.softmax):
        with pytest.raises(np.exceptions.AxisError, match="out of bounds"):
            f(dp.Value([1.0, 2.0]), axis=1)


TORCH: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sum": (r.sum, lambda t, x, a: t.sum(x, a)),
    "mean": (r.mean, lambda t, x, a: t.mean(x, a)),
    "prod": (r.prod, lambda t, x, a: t.prod(x, a)),
    "amax": (r.max, lambda t, x, a: t.amax(x, a)),
    "amin": (r.min, lambda t, x, a: t.amin(x, a)),
    "var": (lambda x, a: r.var(x, a, ddof=1), lambda t, x, a: t.var(x, a)),
    "std": (lambda x, a: r.std(x, a, ddof=1), lambda t, x, a: t.std(x, a)),
    "norm": (lambda x, a: r.norm(x, axis=a), lambda t, x, a: t.linalg.vector_norm(x, dim=a)),
    "norm 3": (lambda x, a: r.norm(x, 3, a), lambda t, x, a: t.linalg.vector_norm(x, 3, dim=a)),
    "quantile": (
        lambda x, a: r.quantile(x, [0.1, 0.7], a),
        lambda t, x, a: t.quantile(x, t.tensor([0.1, 0.7], dtype=x.dtype), a),
    ),
    "cumsum": (r.cumsum, lambda t, x, a: t.cumsum(x, a)),
    "cumprod": (r.cumprod, lambda t, x, a: t.cumprod(x, a)),
    "diff": (lambda x, a: r.diff(x, axis=a), lambda t, x, a: t.diff(x, dim=a)),
    "trapezoid": (lambda x, a: r.trapezoid(x, axis=a), lambda t, x, a: t.trapezoid(x, dim=a)),
    "logsumexp": (r.logsumexp, lambda t, x, a: t.logsumexp(x, a)),
    "softmax": (r.softmax, lambda t, x, a: t.softmax(x, a)),
    "log_softmax": (r.log_softmax, lambda t, x, a: t.log_softmax(x, a)),
}


@pytest.mark.parametrize(("name", "axis"), [*itertools.product(TORCH, (0, -1))])
def test_torch_agrees(name: str, axis: int) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = TORCH[name]
    rng = np.random.default_rng(0)
    data = rng.standard_normal((4, 5, 3))
    if name in ("prod", "cumprod", "amax", "amin"):
        data = np.round(data)  # ties and zeros
    x, t = dp.Value(data), torch.tensor(data, requires_grad=True)
    y, u = ours(x, axis), theirs(torch, t, axis)
    w = rng.standard_normal(y.shape)
    y.backward(w)
    u.backward(torch.tensor(w))
    assert_allclose(y.numpy(), u.detach().numpy(), rtol=1e-12, atol=1e-14)
    assert_allclose(x.grad, t.grad.numpy(), rtol=1e-11, atol=1e-13)


@given(
    n=st.integers(0, 40),
    m=st.integers(0, 140),
    dtype=st.sampled_from([np.float16, np.float32, np.float64, np.complex64, np.int64]),
    order=st.sampled_from(["C", "F", "strided"]),
)
def test_rows_are_summed_by_products(n: int, m: int, dtype: Any, order: str) -> None:
    """To rounding what NumPy gives, of its dtype, in any layout; infinities and NaN as well."""
    x = np.random.default_rng(n).standard_normal((n, 2 * m)) * 8
    x = x[:, ::2] if order == "strided" else np.array(x[:, m:], order=order)  # type: ignore[call-overload]
    x = x.astype(dtype, order="K")
    eps = 0 if dtype is np.int64 else np.finfo(dtype).eps
    within = {"rtol": 0, "atol": 50 * eps * float(np.abs(x).max(initial=0)) * max(n, m)}
    total = dp.graph.sum_to(x, shape=(m,))
    assert total.dtype == x.sum(0, dtype=dtype).dtype
    assert_allclose(total, x.sum(0, dtype=dtype), **within)
    if m and dtype is not np.complex64:
        p = np.exp(x.astype(float))
        found = r.softmax(x, 1)
        few = 100 * float(np.finfo(found.dtype).eps)
        assert_allclose(found, p / p.sum(1, keepdims=True), rtol=0, atol=few)
    if n and m and eps:
        x[0, 0] = np.inf
        x[-1, -1] = np.nan
        assert_array_equal(np.isfinite(dp.graph.sum_to(x, shape=(m,))), np.isfinite(x.sum(0)))
