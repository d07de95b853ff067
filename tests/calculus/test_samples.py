"""Interpolation, slopes, covariance, counts: NumPy's values, differences, PyTorch."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop.calculus import samples
from deltaprop.graph import raw
from deltaprop.value import Value

from .. import oracles

SEEDS = st.integers(0, 2**32 - 1)


def rng_of(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


# -- interpolation ------------------------------------------------------------------------


def knots(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.cumsum(rng.uniform(0.5, 2.0, n)) - 3.0, rng.standard_normal(n)


@given(
    seed=SEEDS,
    n=st.integers(1, 6),
    shape=hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=5),
    ends=st.sampled_from([{}, {"left": -1.0, "right": 7.0}, {"period": 2.5}]),
    steps=st.booleans(),
)
def test_interp_is_that_of_numpy(
    seed: int, n: int, shape: tuple[int, ...], ends: dict[str, Any], steps: bool
) -> None:
    rng = rng_of(seed)
    xp, fp = knots(rng, n)
    if steps and "period" not in ends:  # knots may coincide: the function jumps
        xp = np.round(xp)
    x = np.where(rng.random(shape) < 0.3, rng.choice(xp, shape), rng.uniform(-5, 5, shape))
    want = np.interp(x, xp, fp, **ends)
    np.testing.assert_allclose(samples.interp(x, xp, fp, **ends), want, rtol=1e-12, atol=1e-12)
    y = np.interp(Value(x), xp.tolist(), Value(fp), **ends)
    np.testing.assert_allclose(raw(y), want, rtol=1e-12, atol=1e-12)


@given(
    seed=SEEDS,
    n=st.integers(1, 6),
    ends=st.sampled_from([{}, {"left": -1.0, "right": 7.0}, {"period": 20.0}]),
    plane=st.booleans(),
)
def test_interp_differentiates_in_all_its_arguments(
    seed: int, n: int, ends: dict[str, Any], plane: bool
) -> None:
    rng = rng_of(seed)
    xp, fp = knots(rng, n)
    segment = rng.integers(-1, n, 5)
    edges = np.concatenate([[xp[0] - 2.0], xp, [xp[-1] + 2.0]])
    x = edges[segment + 1] + rng.uniform(0.2, 0.8, 5) * (edges[segment + 2] - edges[segment + 1])
    fp = fp + 1j * rng.standard_normal(n) if plane else fp
    oracles.check(lambda *xs: samples.interp(*xs, **ends), [x, xp, fp], rng, second=False)


@pytest.mark.parametrize(
    ("x", "slope"),
    [(0.0, 2.0), (1.0, 1.0), (2.0, 0.0), (3.0, -1.0), (4.0, -3.0), (-1.0, 0.0), (5.0, 0.0)],
)
def test_the_slope_in_a_knot_is_the_one_of_least_norm(x: float, slope: float) -> None:
    """And at the ends the one inside, as on the bounds of clip."""
    fp = [0.0, 2.0, 3.0, 2.0, -1.0]
    assert dp.grad(lambda x: samples.interp(x, [0.0, 1.0, 2.0, 3.0, 4.0], fp))(x) == slope


@pytest.mark.parametrize("period", [None, 2.5])
def test_interp_of_several_dtypes_is_computed_in_the_widest(period: float | None) -> None:
    x, wide, rng = np.linspace(-1, 3, 9), np.array([0.0, 0.7, 2.0]), np.random.default_rng(0)
    for xp in (wide, wide.astype(np.float32)):
        for fp in (rng.normal(size=3).astype(np.float32), np.array([1, 4, 2])):
            want = np.interp(x, xp, fp, period=period)
            y = samples.interp(Value(x), xp, fp, period=period)
            np.testing.assert_allclose(y.numpy(), want, rtol=1e-14)


def test_interp_compiled_takes_raw_knots() -> None:
    knots, values, x = np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 1.0]), np.array([0.5, 2.0])
    compiled = dp.compile(lambda x: samples.interp(x, knots, values))
    for at in (x, x[::-1].copy()):
        np.testing.assert_array_equal(compiled(at), np.interp(at, knots, values))


def test_where_interp_jumps_no_derivative_is_infinite() -> None:
    x = Value([0.5, 1.0, 1.5, 2.0])
    y = samples.interp(x, [0.0, 1.0, 1.0, 2.0, 2.0], [0.0, 1.0, 5.0, 5.0, 9.0])
    np.testing.assert_array_equal(y.numpy(), [0.5, 5.0, 5.0, 9.0])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1.0, 0.0, 0.0, 0.0])


def test_interp_of_nan_is_nan() -> None:
    assert np.isnan(samples.interp(Value(np.nan), [0.0, 1.0], [0.0, 1.0]).item())


def test_what_lies_outside_flows_to_the_ends_or_to_what_is_given_for_them() -> None:
    left, fp = Value(5.0), Value([1.0, 2.0])
    (samples.interp([-1.0, -2.0, 9.0], [0.0, 1.0], fp, left=left)).sum().backward()
    assert left.grad == 2.0
    np.testing.assert_array_equal(fp.grad, [0.0, 1.0])


# -- polynomials, differences, slopes -----------------------------------------------------


@given(seed=SEEDS, n=st.integers(0, 5), shape=hnp.array_shapes(min_dims=0, max_dims=2))
def test_polyval(seed: int, n: int, shape: tuple[int, ...]) -> None:
    rng = rng_of(seed)
    p, x = rng.standard_normal(n), rng.standard_normal(shape)
    np.testing.assert_allclose(samples.polyval(p, x), np.polyval(p, x), rtol=1e-12)
    np.testing.assert_allclose(raw(samples.polyval([*map(Value, p)], x)), np.polyval(p, x))
    if n:
        oracles.check(samples.polyval, [p, x], rng)


def test_polyval_keeps_float32() -> None:
    x = Value(np.ones(3, np.float32))
    assert samples.polyval([1.0, 2.0], x).dtype == np.float32


@given(seed=SEEDS, axis=st.integers(-2, 1), period=st.sampled_from([2 * np.pi, 1.0]))
def test_unwrap(seed: int, axis: int, period: float) -> None:
    rng = rng_of(seed)
    p = rng.uniform(-4, 4, (4, 5))
    want = np.unwrap(p, axis=axis, period=period)
    np.testing.assert_allclose(samples.unwrap(p, axis=axis, period=period), want, rtol=1e-14)
    oracles.check(lambda p: samples.unwrap(p * p, axis=axis, period=period), [p], rng)


@pytest.mark.parametrize("ends", [{}, {"to_begin": [7.0, 8.0]}, {"to_end": 9.0, "to_begin": 1.0}])
@pytest.mark.parametrize("shape", [(4,), (2, 3), (1,), (0,)])
def test_ediff1d(shape: tuple[int, ...], ends: dict[str, Any]) -> None:
    x = rng_of(1).standard_normal(shape)
    np.testing.assert_array_equal(samples.ediff1d(x, **ends), np.ediff1d(x, **ends))
    oracles.check(lambda x: samples.ediff1d(x, **ends), [x], rng_of(2))


@given(
    seed=SEEDS,
    shape=hnp.array_shapes(min_dims=1, max_dims=3, min_side=3, max_side=5),
    edge_order=st.sampled_from([1, 2]),
    spacing=st.sampled_from(["none", "one", "numbers", "places"]),
    data=st.data(),
)
def test_gradient_is_that_of_numpy(
    seed: int, shape: tuple[int, ...], edge_order: int, spacing: str, data: st.DataObject
) -> None:
    rng = rng_of(seed)
    f = rng.standard_normal(shape)
    axes = data.draw(st.permutations(range(len(shape))))[: data.draw(st.integers(1, len(shape)))]
    spaces: list[Any] = {
        "none": [],
        "one": [0.5],
        "numbers": [0.5 + i for i in axes],
        "places": [np.cumsum(rng.uniform(0.5, 1.5, shape[i])) for i in axes],
    }[spacing]
    axis = axes[0] if len(axes) == 1 else tuple(axes)

    def ours(f: Any, *spaces: Any) -> Any:
        slopes = samples.gradient(f, *spaces, axis=axis, edge_order=edge_order)
        return dp.numpy.stack(slopes) if isinstance(slopes, tuple) else slopes

    want = np.gradient(f, *spaces, axis=axis, edge_order=edge_order)
    np.testing.assert_allclose(ours(f, *spaces), np.asarray(want), rtol=1e-10, atol=1e-12)
    oracles.check(ours, [f, *spaces], rng, second=False)


def test_gradient_of_integers_and_of_float32() -> None:
    np.testing.assert_array_equal(samples.gradient(np.array([1, 4, 9], "u1")), [3.0, 4.0, 5.0])
    f = Value(np.ones((3, 4), np.float32))
    assert [s.dtype for s in samples.gradient(f, 0.5)] == [np.float32] * 2


# -- covariance ---------------------------------------------------------------------------


@st.composite
def weighted(draw: st.DrawFn, n: int) -> dict[str, Any]:
    rng = rng_of(draw(SEEDS))
    return {
        "fweights": draw(st.none() | st.just(rng.integers(1, 4, n))),
        "aweights": draw(st.none() | st.just(rng.uniform(0.5, 2.0, n))),
        "ddof": draw(st.sampled_from([None, 0, 1, 2])),
        "bias": draw(st.booleans()),
    }


@given(seed=SEEDS, params=weighted(6), rowvar=st.booleans(), second=st.booleans(), data=st.data())
def test_cov_is_that_of_numpy(
    seed: int, params: dict[str, Any], rowvar: bool, second: bool, data: st.DataObject
) -> None:
    rng = rng_of(seed)
    shape = data.draw(st.sampled_from([(6,), (3, 6), (1, 6)] if rowvar else [(6,), (6, 3)]))
    kind = data.draw(st.sampled_from([False, True]))
    m = oracles.point(rng, shape, plane=kind)
    y = oracles.point(rng, shape, plane=kind) if second else None
    want = np.cov(m, y, rowvar, **params)
    np.testing.assert_allclose(samples.cov(m, y, rowvar, **params), want, rtol=1e-12, atol=1e-14)
    aweights = params.pop("aweights")
    free = [x for x in (m, y, aweights) if x is not None]

    def ours(*xs: Any) -> Any:
        rest = iter(xs)
        given_m, given_y = next(rest), None if y is None else next(rest)
        return samples.cov(given_m, given_y, rowvar, aweights=next(rest, None), **params)

    oracles.check(ours, free, rng, second=False)


@given(seed=SEEDS, count=st.integers(1, 4), plane=st.booleans())
def test_corrcoef(seed: int, count: int, plane: bool) -> None:
    rng = rng_of(seed)
    x = oracles.point(rng, (count, 6), plane=plane)
    np.testing.assert_allclose(samples.corrcoef(x), np.corrcoef(x), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(samples.corrcoef(x.T, rowvar=False), np.corrcoef(x), atol=1e-12)
    if plane:
        return
    w = rng.standard_normal((count, count))
    torch = pytest.importorskip("torch")
    theirs = torch.tensor(x, requires_grad=True)
    (torch.corrcoef(theirs) * torch.tensor(w)).sum().backward()
    ours = Value(x)
    (samples.corrcoef(ours) * w).sum().backward()
    assert theirs.grad is not None
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-8, atol=1e-12)


def test_a_sample_alone_has_no_covariance() -> None:
    with pytest.warns(RuntimeWarning), np.errstate(all="ignore"):
        assert np.isnan(samples.cov([1.0]))


# -- counts -------------------------------------------------------------------------------


@given(seed=SEEDS, n=st.integers(0, 8), minlength=st.integers(0, 8))
def test_bincount_sums_weights(seed: int, n: int, minlength: int) -> None:
    rng = rng_of(seed)
    x, weights = rng.integers(0, 6, n), rng.standard_normal(n)
    np.testing.assert_array_equal(
        samples.bincount(x, None, minlength), np.bincount(x, None, minlength)
    )
    found = samples.bincount(x, weights, minlength)
    np.testing.assert_allclose(found, np.bincount(x, weights, minlength), atol=1e-14)
    oracles.check(lambda w: samples.bincount(x, w, minlength), [weights], rng)


def test_bins_are_kept_safe_from_later_writes() -> None:
    x, weights = np.array([0, 1, 1]), Value([1.0, 2.0, 3.0])
    sums = samples.bincount(x, weights)
    x[:] = 0
    sums.backward([1.0, 10.0])
    np.testing.assert_array_equal(weights.grad, [1.0, 10.0, 10.0])


def test_counts_are_constants() -> None:
    x = Value([0.1, 0.5, 0.7, 2.0])
    counts, edges = samples.histogram(x, 3)
    want = np.histogram(x.numpy(), 3)
    assert counts.is_constant
    np.testing.assert_array_equal(counts.numpy(), want[0])
    np.testing.assert_allclose(edges.numpy(), want[1], rtol=1e-15)
    for bins in ([0.0, 1.0], dp.constant([0.0, 1.0])):
        assert samples.histogram_bin_edges(x, bins).is_constant
    np.testing.assert_array_equal(samples.digitize(x, want[1]).numpy(), [1, 1, 1, 4])
    assert samples.bincount(dp.constant([1, 1])).is_constant


def test_the_edges_of_a_histogram_move_with_its_ends() -> None:
    x, low = Value([0.5, 0.1, 2.0, 0.7]), Value(0.0)
    edges = samples.histogram_bin_edges(x, 4)
    edges.backward([0.0, 1.0, 0.0, 0.0, 10.0])
    np.testing.assert_allclose(x.grad, [0.0, 0.75, 10.25, 0.0])
    samples.histogram(x, 4, range=(low, 1.0))[1].backward([1.0, 0.0, 1.0, 0.0, 0.0])
    assert low.grad == 1.5
    y = Value([1.0, 1.0])
    same = samples.histogram_bin_edges(y, 2)
    np.testing.assert_array_equal(same.numpy(), [0.5, 1.0, 1.5])
    same.backward([1.0, 0.0, 0.0])
    np.testing.assert_allclose(y.grad, [0.5, 0.5])
    dp.testing.check_grads(
        lambda a: samples.histogram(a, 3, density=True)[0], np.array([0.5, 0.1, 2.0, 0.7])
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda v: samples.interp(v, [0.0, 1.0], [0.0]), ValueError, "the same length"),
        (lambda v: samples.interp(v, [], []), ValueError, "non-empty"),
        (lambda v: samples.interp(v, [0.0], [1.0], period=0), ValueError, "period"),
        (lambda v: samples.gradient(v, 1.0, 2.0), ValueError, "2 spacings for 1 axes"),
        (lambda v: samples.gradient(v, edge_order=3), ValueError, "edge_order=3"),
        (lambda v: samples.gradient(v[:1]), ValueError, "at least 2 samples along axis 0"),
        (lambda v: samples.gradient(v, [1.0, 2.0]), ValueError, r"places of shape \(2,\)"),
        (lambda v: samples.cov(v, fweights=[1, 2]), ValueError, "fweights"),
        (lambda v: samples.cov(v, fweights=[1, 2, 1.5]), TypeError, "integers"),
        (lambda v: samples.cov(v, aweights=[1, 2, -1]), ValueError, "one weight >= 0"),
        (lambda v: samples.cov(v.reshape(1, 1, 3)), ValueError, "vector or a matrix"),
        (lambda v: samples.bincount([0, 1], v), ValueError, r"shape \(3,\)"),
        (lambda v: samples.histogram([0, 1, 1], weights=v), TypeError, "bincount"),
    ],
)
def test_bad_arguments_are_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(Value([1.0, 2.0, 3.0]))
