"""What a Value answers others: the standard's protocols, DLPack, NumPy's functions."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop.calculus import activations, elementwise, special
from deltaprop.graph import REGISTRY, Elementwise

V = dp.Value([1.0, 2.0, 3.0])

# -- the namespace -----------------------------------------------------------------------------


def test_the_namespace_is_answered_for_every_version() -> None:
    for version in (None, "2021.12", "2022.12", "2023.12", "2024.12", "2025.12"):
        assert V.__array_namespace__(api_version=version) is dnp
    assert dnp.__array_api_version__ == "2025.12"
    with pytest.raises(ValueError, match=r"2020\.01"):
        V.__array_namespace__(api_version="2020.01")


def test_help_for_operations_speaks_of_what_works() -> None:
    assert str(inspect.signature(dnp.sin)).startswith("(x, /, *, where=True,")
    assert list(inspect.signature(dnp.hypot).parameters)[:2] == ["x1", "x2"]
    assert list(inspect.signature(dnp.special.betainc).parameters)[:3] == ["a", "b", "x"]
    assert str(inspect.signature(dnp.conj)) == "(x: 'Any') -> 'Any'"
    for op in [op for op in REGISTRY.values() if isinstance(op, Elementwise)]:
        parameters = inspect.signature(op).parameters.values()
        assert len([p for p in parameters if p.kind is p.POSITIONAL_ONLY]) == op.count, op
        assert not {"out", "order", "subok"} & {p.name for p in parameters}
        assert "out=" not in (op.__doc__ or ""), op


def test_every_public_operation_says_in_a_line_what_it_is() -> None:
    """The first line is a sentence, which the reference shows."""
    for name in [*elementwise.__all__, *activations.__all__, *special.__all__]:
        line = (getattr(dnp, name, None) or getattr(dnp.special, name)).__doc__.partition("\n")[0]
        assert line.strip().endswith("."), (name, line)


@pytest.mark.parametrize(
    ("name", "words"), [("frexp", "custom_gradient"), ("sinn", "no attribute 'sinn'")]
)
def test_what_is_not_in_the_namespace_is_said(name: str, words: str) -> None:
    assert not hasattr(dnp, name)
    with pytest.raises(AttributeError, match=words):
        getattr(dnp, name)


def test_numpys_function_without_a_rule_is_named_with_the_way_to_give_it_one() -> None:
    with pytest.raises(TypeError, match=r"frexp has no derivative rule.*custom_gradient"):
        np.frexp(V)


def test_devices() -> None:
    assert V.device == "cpu"
    assert V.to_device("cpu") is V
    assert dnp.__array_namespace_info__().default_device() == "cpu"
    for call in (lambda: V.to_device("gpu"), lambda: V.to_device("cpu", stream=1)):
        with pytest.raises(ValueError, match="cpu"):
            call()
    for make in (dnp.zeros, dnp.ones, dnp.asarray, dnp.arange, dnp.eye):
        with pytest.raises(ValueError, match="gpu"):
            make(2, device="gpu")


# -- 0-d arrays and Python numbers ---------------------------------------------------------------


@pytest.mark.parametrize("make", [dnp.asarray, dnp.float32, lambda x: dnp.full((), x)])
def test_a_constant_without_axes_promotes_as_an_array(make: Callable[..., Any]) -> None:
    c = dnp.asarray(make(2.0))
    assert c.shape == ()
    wanted = np.float32 if make is dnp.float32 else np.float64
    assert c.dtype == wanted
    for y in (c + dnp.ones(2, dtype=dnp.float32), dnp.ones(2, dtype=dnp.float32) * c):
        assert y.dtype == wanted
    assert (c + 1).dtype == wanted
    assert (2.5 * c).dtype == wanted


@pytest.mark.parametrize("number", [True, 2, 2.0])
def test_a_python_number_promotes_weakly(number: Any) -> None:
    x = dnp.ones(2, dtype=dnp.float32)
    assert (x + number).dtype == (number * x).dtype == dnp.float32
    assert (dp.Value(2.0) * x).dtype == (x * dp.constant(2.0)).dtype == dnp.float32


# -- asarray and creation --------------------------------------------------------------------


def test_asarray_keeps_gradients() -> None:
    a, b = dp.Value(2.0), dp.Value([1.0, 3.0])
    assert dnp.asarray(b) is b
    assert dnp.asarray(b, dtype=float, copy=False) is b
    y = dnp.asarray([[a, 1.0], [b[0], b[1]]], dtype=dnp.float32)
    assert y.dtype == dnp.float32
    (y * [[1.0, 2.0], [3.0, 4.0]]).sum().backward()
    assert a.grad == 1.0
    np.testing.assert_array_equal(b.grad, [3.0, 4.0])
    copy = dnp.asarray(b, copy=True)
    b.data[0] = 9.0
    np.testing.assert_array_equal(copy.data, [1.0, 3.0])
    with pytest.raises(ValueError, match="copy"):
        dnp.asarray(b, dtype=dnp.float32, copy=False)


def test_asarray_copies_what_somebody_may_write_to() -> None:
    x = np.ones(3)
    kept, shown = dnp.asarray(x), dnp.asarray(x, copy=False)
    x[0] = 5.0
    assert kept[0].item() == 1.0
    assert shown[0].item() == 5.0
    assert kept.is_constant
    assert shown.is_constant
    assert not np.shares_memory(dnp.asarray(kept, copy=True).data, kept.data)
    with pytest.raises(TypeError, match="ragged"):
        dnp.asarray([[1.0], [2.0, 3.0]])


@given(st.integers(0, 6), st.booleans(), st.integers(-2, 1))
def test_linspace_between_values(num: int, endpoint: bool, axis: int) -> None:
    start, stop = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    y = dnp.linspace(dp.Value(start), stop, num, endpoint, axis=axis)
    wanted = np.linspace(start, stop, num, endpoint, axis=axis)
    np.testing.assert_allclose(y.data, wanted, rtol=1e-14, atol=1e-14)
    v = dp.Value(start)
    dnp.sum(dnp.linspace(v, stop, num, endpoint, axis=axis)).backward()
    t = np.linspace(0, 1, num, endpoint)
    np.testing.assert_allclose(v.grad, np.full(2, np.sum(1 - t)))


def test_linspace_keeps_the_dtype() -> None:
    assert dnp.linspace(dp.Value(np.ones(2, np.float32)), 2.0, 5).dtype == np.float32
    assert dnp.linspace(dp.Value(1.0), 2.0, 5, dtype=np.float32).dtype == np.float32


def test_an_array_of_one_value() -> None:
    v = dp.Value(2.0)
    y = dnp.full((2, 3), v) + dnp.full_like(dnp.zeros(3), v)
    y.sum().backward()
    assert v.grad == 12.0


# -- DLPack ----------------------------------------------------------------------------------


def test_dlpack_gives_constants_away_and_takes_others() -> None:
    torch = pytest.importorskip("torch")
    c = dnp.asarray([1.0, 2.0], dtype=dnp.float32)
    assert c.__dlpack_device__() == (1, 0)
    back = np.from_dlpack(c)
    np.testing.assert_array_equal(back, [1.0, 2.0])
    assert not back.flags.writeable
    taken = dnp.from_dlpack(torch.arange(3))
    assert taken.is_constant
    assert taken.dtype == dnp.int64
    old = torch.utils.dlpack.from_dlpack(c.__dlpack__())  # before 1.0: a copy, to write into
    old[0] = 7.0
    assert c[0].item() == 1.0
    with pytest.raises(BufferError, match="read-only"):
        c.__dlpack__(copy=False)


def test_dlpack_loses_no_gradient() -> None:
    with pytest.raises(TypeError, match=r"DLPack.*numpy\(\)"):
        np.from_dlpack(V)


# -- operators -------------------------------------------------------------------------------


def test_entries_are_not_assigned() -> None:
    for v in (V, V * 2, dp.constant([1, 2])):
        with pytest.raises(TypeError, match=r"\.at\["):
            v[0] = 1.0


@pytest.mark.parametrize("op", ["iadd", "isub", "imul", "itruediv", "ipow", "imatmul"])
def test_in_place_operators_give_the_name_a_new_value(op: str) -> None:
    v = w = dp.Value([1.0, 2.0])
    w = getattr(operator, op)(w, dp.Value([2.0, 3.0]))
    assert w is not v
    np.testing.assert_array_equal(v.data, [1.0, 2.0])
    assert v in w.inputs


def test_shifts_are_of_integers() -> None:
    c = dnp.asarray([1, 2])
    np.testing.assert_array_equal((c << 2).data, [4, 8])
    np.testing.assert_array_equal((8 >> c).data, [4, 2])
    with pytest.raises(TypeError):
        V << 1


# -- what NumPy has otherwise ----------------------------------------------------------------


def test_integers_stay_integers() -> None:
    c = dnp.asarray([-3, 5], dtype=dnp.int8)
    for y in (dnp.clip(c, max=2), dnp.clip(c, 0), dnp.clip(c), dnp.round(c), dnp.floor(c)):
        assert y.dtype == dnp.int8
    np.testing.assert_array_equal(dnp.clip(c, min=0).data, [0, 5])
    assert dnp.vecdot(c, c).dtype == dnp.int8
    assert dnp.prod(dnp.asarray(3, dtype=dnp.uint8)).dtype == dnp.uint64
    assert dnp.sum(c, dtype=dnp.int16).dtype == dnp.int16


def test_a_sum_in_another_dtype_differentiates() -> None:
    v = dp.Value(np.ones(3, np.float32))
    (dnp.sum(v, dtype=dnp.float64) * dnp.prod(v, dtype=dnp.float64)).backward()
    assert v.grad.dtype == np.float32
    np.testing.assert_array_equal(v.grad, np.full(3, 4.0))


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8), st.booleans())
def test_order_is_stable_in_both_directions(xs: list[int], descending: bool) -> None:
    order = dnp.argsort(dnp.asarray(xs), descending=descending)
    wanted = sorted(range(len(xs)), key=lambda i: (-xs[i] if descending else xs[i], i))
    np.testing.assert_array_equal(order.data, wanted)
    v = dp.Value(np.array(xs, float))
    w = np.arange(1.0, len(xs) + 1)
    dnp.sum(dnp.sort(v, descending=descending) * w).backward()
    np.testing.assert_array_equal(v.grad[wanted], w)


def test_nan_is_as_often_distinct_as_it_occurs() -> None:
    v = dp.Value([np.nan, 1.0, np.nan, 1.0])
    values, counts = dnp.unique_counts(v)
    np.testing.assert_array_equal(values.data, [1.0, np.nan, np.nan])
    np.testing.assert_array_equal(counts.data, [2, 1, 1])
    np.testing.assert_array_equal(np.unique(v.detach()).data, [1.0, np.nan])


def test_isin() -> None:
    c = dnp.asarray([1, 2, 3])
    np.testing.assert_array_equal(dnp.isin(c, [2, 3], invert=True).data, [True, False, False])


def test_reshape_without_a_copy_or_not_at_all() -> None:
    x = np.ones((2, 3))
    assert np.shares_memory(dnp.reshape(x, (3, 2), copy=False), x)
    assert not np.shares_memory(dnp.reshape(x, (3, 2), copy=True), x)
    with pytest.raises(ValueError, match="copy"):
        dnp.reshape(dp.Value(x).T, (6,), copy=False)


def test_several_results_of_numpys_are_constants_each() -> None:
    counts, edges = np.histogram(dp.constant([1.0, 2.0, 2.5]), bins=2)
    assert counts.is_constant
    assert edges.is_constant
    np.testing.assert_array_equal(counts.data, [1, 2])


def test_limits_of_dtypes_are_python_numbers() -> None:
    info = dnp.finfo(dnp.asarray([1j], dtype=dnp.complex64))
    assert info.dtype == np.float32
    assert (info.bits, info.eps, info.tiny) == (32, 2.0**-23, 2.0**-126)
    assert all(type(x) is float for x in (info.eps, info.max, info.min, info.smallest_normal))
    assert dnp.iinfo(dnp.asarray([1], dtype=dnp.int16)).max == 2**15 - 1


def test_running_totals_need_an_axis_to_run_along() -> None:
    with pytest.raises(ValueError, match="axis="):
        dnp.cumulative_sum(dnp.ones((2, 2)))


def test_what_numpys_own_functions_answer_for_values_is_in_the_namespace() -> None:
    x = dp.Value([[5.0, 7.0]])
    assert (dnp.size(x), dnp.ndim(x), dnp.shape(x)) == (2, 2, (1, 2))
    assert dnp.allclose(x, [[5.0, 7.0]])
    dnp.mod(x, 3.0).sum().backward()
    np.testing.assert_array_equal(x.grad, [[1.0, 1.0]])


def test_the_method_clip_of_an_array_takes_values_as_bounds() -> None:
    a, low, high = np.array([-1.0, 0.5, 4.0]), dp.Value(0.0), dp.Value([1.0, 2.0, 3.0])
    for y in (a.clip(low, high), np.clip(a, low, high)):
        low.zero_grad()
        high.zero_grad()
        y.sum().backward()
        np.testing.assert_array_equal(y.data, [0.0, 0.5, 3.0])
        assert low.grad == 1
        np.testing.assert_array_equal(high.grad, [0.0, 0.0, 1.0])
    for one in (a.clip(max=high), a.clip(low)):
        assert not one.is_constant
