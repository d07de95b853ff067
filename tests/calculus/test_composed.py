"""What composes others: the numbers are NumPy's, and so are the derivatives' by differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop.testing import check_grads

REDUCTIONS = ("nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin", "nanmedian")
SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed: int, shape: tuple[int, ...], holes: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if holes:
        x[rng.random(shape) < 0.3] = np.nan
    return x


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of slices without numbers
@given(seed=SEEDS, axis=st.sampled_from([None, 0, 1, -1]), keepdims=st.booleans())
def test_reductions_pass_over_nan(name: str, seed: int, axis: int | None, keepdims: bool) -> None:
    x = drawn(seed, (3, 4), holes=True)
    ours = getattr(dnp, name)(dp.Value(x), axis, keepdims=keepdims)
    theirs = getattr(np, name)(x, axis, keepdims=keepdims)
    assert_allclose(ours.numpy(), theirs, rtol=1e-12, atol=1e-14)
    assert ours.shape == np.shape(theirs)
    through_numpy = getattr(np, name)(dp.Value(x), axis=axis, keepdims=keepdims)
    assert_array_equal(through_numpy.numpy(), ours.numpy())


@pytest.mark.parametrize("name", REDUCTIONS)
@given(seed=SEEDS)
def test_nothing_flows_back_to_nan_and_to_the_others_as_without_it(name: str, seed: int) -> None:
    x = drawn(seed, (6,))
    hole = seed % 6
    x[hole] = np.nan
    v, rest = dp.Value(x), dp.Value(np.delete(x, hole))
    getattr(dnp, name)(v).backward()
    getattr(dnp, name.removeprefix("nan"))(rest).backward()
    assert_allclose(np.delete(v.grad, hole), rest.grad, rtol=1e-12, atol=1e-15)
    assert v.grad[hole] == 0.0


@pytest.mark.parametrize("ddof", [0, 1])
def test_equal_entries_have_no_spread_and_no_slope(ddof: int) -> None:
    v = dp.Value([2.0, np.nan, 2.0])
    y = dnp.nanstd(v, ddof=ddof)
    y.backward()
    assert y.item() == 0.0
    assert_array_equal(v.grad, [0.0, 0.0, 0.0])


def test_one_entry_deviates_from_another_mean_than_its_own() -> None:
    v = dp.Value([3.0])
    y = dnp.std(v, mean=np.array([1.0]))
    y.backward()
    assert y.item() == 2.0
    assert_array_equal(v.grad, [1.0])


def test_without_numbers_there_is_nan() -> None:
    empty = dp.Value([[np.nan, np.nan], [1.0, 2.0]])
    for name in ("nanmean", "nanvar", "nanmax", "nanmin", "nanmedian"):
        y = getattr(dnp, name)(empty, 1)
        assert np.isnan(y.numpy()).tolist() == [True, False], name


EDITS = [
    ("append", lambda f, x, y: f(x, y)),
    ("append", lambda f, x, y: f(x, y, 0)),
    ("append", lambda f, x, y: f(x, y, axis=-1)),
    ("delete", lambda f, x, y: f(x, 1)),
    ("delete", lambda f, x, y: f(x, [0, -1], 0)),
    ("delete", lambda f, x, y: f(x, slice(None, None, 2), axis=1)),
    ("insert", lambda f, x, y: f(x, 1, 7.0)),
    ("insert", lambda f, x, y: f(x, [0, 2], y, 0) if len(y) == 2 else f(x, 2, y, 0)),
    ("insert", lambda f, x, y: f(x, 1, y[0], 0)),
    ("block", lambda f, x, y: f([[x, y], [y, x]])),
    ("block", lambda f, x, y: f([x, y[0]]) if x.ndim == 1 else f([x, y])),
    ("cross", lambda f, x, y: f(x[:, :3], y[:, :3])),
    ("cross", lambda f, x, y: f(x, y, axis=0)),
    ("matvec", lambda f, x, y: f(x, y[0])),
    ("vecmat", lambda f, x, y: f(x[:, 0], y)),
    ("float_power", lambda f, x, y: f(x * x + 1, y)),
    ("vander", lambda f, x, y: f(x[0])),
    ("vander", lambda f, x, y: f(x[0], 3, increasing=True)),
]


@pytest.mark.parametrize(("name", "call"), EDITS)
@given(seed=SEEDS)
def test_edits_and_products_are_numpys(name: str, call, seed: int) -> None:
    x, y = drawn(seed, (3, 4)), drawn(seed + 1, (3, 4))
    numpys = getattr(np, name, None) or pytest.skip(f"NumPy {np.__version__} has no {name}")
    theirs = call(numpys, x, y)
    for function in (getattr(dnp, name), numpys):
        assert_allclose(call(function, dp.Value(x), dp.Value(y)).numpy(), theirs, rtol=1e-12)
    assert_allclose(call(getattr(dnp, name), x, y), theirs, rtol=1e-12)


@pytest.mark.parametrize(("name", "call"), EDITS)
def test_edits_and_products_differentiate(name: str, call) -> None:
    x, y = drawn(3, (3, 4)), drawn(4, (3, 4))
    check_grads(lambda x, y: call(getattr(dnp, name), x, y) + 0.0 * x[0, 0] * y[0, 0], x, y)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_compiled_they_are_the_same(name: str) -> None:
    function = dp.grad(lambda x: getattr(dnp, name)(x, 1).sum())
    compiled = dp.compile(function)
    for seed in range(3):
        x = drawn(seed, (3, 5), holes=True)
        assert_array_equal(compiled(x), function(x))
