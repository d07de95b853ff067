"""Indexing: picking, putting, ordering and branching, in both modes and at second order."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop.calculus import elementwise, indexing, shaping
from deltaprop.calculus.indexing import At, piecewise, select
from deltaprop.graph import Node
from deltaprop.graph.cotangent import Scattered
from deltaprop.graph.forward import forward_sweep
from deltaprop.graph.reverse import sweep
from tests import oracles

SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)


def integers(shape: Any, seed: int) -> Any:
    """Whole numbers as floats: sums and products of them are exact."""
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(float)


def distinct(shape: Any, seed: int) -> Any:
    """No two entries alike, none near another: order does not change nearby."""
    rng = np.random.default_rng(seed)
    return rng.permutation(np.arange(1.0, np.prod(shape, dtype=int) + 1)).reshape(shape) / 2


def held(x: Any) -> Any:
    return x._held if isinstance(x, Node) else x


def seed_of(w: Any) -> Any:
    return w if np.ndim(w) else float(w)


@st.composite
def mixed_indices(draw: Any, shape: tuple[int, ...]) -> Any:
    """Basic, integer-array and boolean entries side by side, with an Ellipsis at times."""
    arrays = draw(hnp.array_shapes(max_dims=2, max_side=3))
    entries: list[Any] = []
    for n in shape:
        kind = draw(st.sampled_from(["slice", "int", "array", "list", "mask"]))
        positions = st.integers(-n, n - 1)
        if kind == "slice":
            entries.append(draw(st.slices(n)))
        elif kind == "int":
            entries.append(draw(positions))
        elif kind == "array":
            entries.append(draw(hnp.arrays(np.intp, arrays, elements=positions)))
        elif kind == "list":
            entries.append(draw(st.lists(positions, min_size=1, max_size=3)))
        else:
            entries.append(draw(hnp.arrays(bool, n)))
    keep = draw(st.integers(0, len(entries)))
    if draw(st.booleans()):
        return (*entries[:keep], ..., *entries[keep + 1 :])
    return (*entries[:keep], None)


def indices(shape: tuple[int, ...]) -> Any:
    return st.one_of(
        hnp.basic_indices(shape, allow_newaxis=True),
        hnp.integer_array_indices(shape),
        hnp.arrays(bool, shape),
        hnp.arrays(bool, shape[:1]),
        mixed_indices(shape),
    )


def positions(shape: tuple[int, ...], index: Any) -> Any:
    """Which entries the index picks, or a discarded example where NumPy takes it for none."""
    try:
        return np.arange(np.prod(shape, dtype=int)).reshape(shape)[index]
    except IndexError:  # array entries that do not broadcast together
        assume(False)


class TestGetitem:
    @settings(max_examples=150)
    @given(data=st.data(), shape=SHAPES, seed=st.integers(0, 10**6))
    def test_is_the_exact_transpose(self, data: st.DataObject, shape: Any, seed: int) -> None:
        index = data.draw(indices(shape))
        at = positions(shape, index)
        x, t, u = (integers(shape, seed + i) for i in range(3))
        w = integers(np.shape(at), seed + 3)
        transposed = np.bincount(np.ravel(at), np.ravel(w), x.size).reshape(shape)
        v = dp.Value(x)
        y = v[index]
        np.testing.assert_array_equal(held(y), x[index])
        np.testing.assert_array_equal(sweep(y, seed_of(w))[v], transposed)
        (tangent,) = forward_sweep([y], {v: t})
        np.testing.assert_array_equal(tangent, t[index])
        first = sweep((v * v * v)[index], seed_of(w), graph=True)[v]
        np.testing.assert_array_equal(held(first), 3 * x * x * transposed)
        np.testing.assert_array_equal(sweep(first, u).get(v, 0.0), 6 * x * u * transposed)

    @given(data=st.data(), shape=SHAPES)
    def test_of_raw_arrays_is_numpys(self, data: st.DataObject, shape: Any) -> None:
        index = data.draw(indices(shape))
        positions(shape, index)
        x = integers(shape, 0)
        np.testing.assert_array_equal(indexing.getitem(x, index), x[index], strict=True)

    @pytest.mark.parametrize(
        "index", [(), ..., None, (None, ...), True, False, np.array(True), (True, None)]
    )
    def test_of_a_scalar(self, index: Any) -> None:
        x = dp.Value(3.0)
        y = (x * x)[index]
        expected = np.asarray(9.0)[index]
        np.testing.assert_array_equal(held(y), expected)
        y.backward(np.full(np.shape(expected), 2.0))
        assert x.grad == 12.0 * np.size(expected)

    def test_of_empty_arrays_and_empty_selections(self) -> None:
        for shape, index in [((0, 3), np.s_[:, 1]), ((3,), []), ((3,), np.zeros(3, bool))]:
            x = dp.Value(np.ones(shape))
            y = x[index]
            y.backward(np.ones(y.shape))
            np.testing.assert_array_equal(x.grad, np.zeros(shape))

    def test_repeated_indices_add_up(self) -> None:
        x = dp.Value([1.0, 2.0])
        (x[[0, 0, 1, 0]] * [1.0, 10.0, 100.0, 1000.0]).sum().backward()
        np.testing.assert_array_equal(x.grad, [1011.0, 100.0])

    def test_a_loop_over_entries_collects_its_contributions(self) -> None:
        n = 500
        x = dp.Value(np.arange(float(n)))
        total = dp.Value(0.0)
        for i in range(n):
            total = total + x[i] * x[i] + x[-1]
        total.backward()
        expected = 2 * np.arange(float(n))
        expected[-1] += n
        np.testing.assert_array_equal(x.grad, expected)
        y = x[3]
        (sent,) = y.op.vjp(1.0, y, False)
        assert isinstance(sent, Scattered), "a dense gradient per entry makes loops quadratic"

    def test_parts_and_the_whole(self) -> None:
        x = dp.Value([1.0, 2.0, 3.0])
        (x[0] + (x * x).sum() + x[1:].sum() + x[[2, 2]].sum()).backward()
        np.testing.assert_array_equal(x.grad, [3.0, 5.0, 9.0])

    def test_later_writes_to_an_index_do_not_show(self) -> None:
        x = dp.Value([1.0, 2.0, 3.0])
        at, mask, both = np.array([0, 1]), np.array([True, False, False]), np.array([[2]])
        y = x[at].sum() + x[mask].sum() + x[both, None].sum() + x.at[at].set(0.0).sum()
        at[:], mask[:], both[:] = 2, True, 0
        y.backward()
        np.testing.assert_array_equal(x.grad, [2.0, 1.0, 2.0])

    def test_values_as_indices(self) -> None:
        x = dp.Value([1.0, -2.0, 3.0])
        np.testing.assert_array_equal(x[x > 0].data, [1.0, 3.0])
        np.testing.assert_array_equal(x[dp.constant([2, 0])].data, [3.0, 1.0])
        assert x[indexing.argmax(x)].data == 3.0
        np.testing.assert_array_equal(x[dp.constant(1) :].data, [-2.0, 3.0])

    @pytest.mark.parametrize(
        ("index", "error", "words"),
        [
            (dp.Value([0.0]), TypeError, "differentiable Value cannot be an index"),
            (dp.constant([0.5]), IndexError, "integers or booleans, got float64"),
            (np.array([0.0]), IndexError, "got float64"),
            (1.0, IndexError, "got float"),
            ([0.5], IndexError, "got float64"),
            (3, IndexError, "out of bounds"),
            (np.array([-4]), IndexError, "out of bounds"),
            (np.ones(4, bool), IndexError, "boolean index did not match"),
            ((0, 0), IndexError, "too many indices"),
            ("a", IndexError, "valid indices"),
        ],
    )
    def test_errors(self, index: Any, error: type[Exception], words: str) -> None:
        with pytest.raises(error, match=words):
            dp.Value(np.ones(3))[index]

    def test_a_float32_gradient_stays(self) -> None:
        x = dp.Value(np.ones((2, 3), np.float32))
        (x[0, 1] + x[[0, 0]].sum() + x[1].sum()).backward()
        assert x.grad.dtype == np.float32


class TestTake:
    @pytest.mark.parametrize("axis", [None, 0, -1])
    @pytest.mark.parametrize("at", [1, -1, [0, 2, 0], [[1], [-2]], np.array([5, -7]), []])
    @pytest.mark.parametrize("mode", ["raise", "wrap", "clip"])
    def test_like_numpy(self, axis: Any, at: Any, mode: str) -> None:
        x = np.arange(12.0).reshape(3, 4)
        if mode == "raise" and np.size(at) and np.max(at) > 2 and axis is not None:
            with pytest.raises(IndexError, match="out of bounds"):
                indexing.take(dp.Value(x), at, axis, mode)
            return
        at = np.asarray(at, int)
        expected = np.take(x, at, axis, mode=mode)
        v = dp.Value(x)
        y = indexing.take(v, at, axis, mode)
        np.testing.assert_array_equal(held(y), expected)
        np.testing.assert_array_equal(indexing.take(x, at, axis, mode), expected)
        w = integers(np.shape(expected), 0)
        y.backward(w)
        counts = np.bincount(np.ravel(held(y)).astype(int), np.ravel(w), 12).reshape(3, 4)
        np.testing.assert_array_equal(v.grad, counts)

    def test_mode_errors(self) -> None:
        with pytest.raises(ValueError, match="'raise', 'wrap' or 'clip', got 'wrapp'"):
            indexing.take(dp.Value([1.0]), 0, mode="wrapp")

    @given(shape=SHAPES, seed=st.integers(0, 10**6), data=st.data())
    def test_take_along_axis(self, shape: Any, seed: int, data: st.DataObject) -> None:
        axis = data.draw(st.integers(-len(shape), len(shape) - 1))
        n = shape[axis]
        many = [1 if data.draw(st.booleans()) else k for k in shape]
        many[axis] = data.draw(st.integers(1, 4))
        at = data.draw(hnp.arrays(np.intp, tuple(many), elements=st.integers(-n, n - 1)))
        x = distinct(shape, seed)
        expected = np.take_along_axis(x, at, axis)
        v = dp.Value(x)
        y = indexing.take_along_axis(v, at, axis)
        np.testing.assert_array_equal(y.data, expected)
        w = integers(expected.shape, seed)
        y.backward(w)
        entries = (2 * expected).astype(int).ravel()
        sums = np.bincount(entries, w.ravel(), x.size + 1)
        np.testing.assert_array_equal(v.grad, sums[(2 * x).astype(int)])

    def test_take_along_no_axis(self) -> None:
        x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
        np.testing.assert_array_equal(indexing.take_along_axis(x, [3, 0], None).data, [4.0, 1.0])
        with pytest.raises(ValueError, match="must have 2 axes"):
            indexing.take_along_axis(x, [0, 1])

    def test_compress_and_extract(self) -> None:
        x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
        np.testing.assert_array_equal(indexing.extract(x > 1.5, x).data, [2.0, 3.0, 4.0])
        y = indexing.compress([False, True], x, axis=1)
        np.testing.assert_array_equal(y.data, [[2.0], [4.0]])
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, [[0.0, 1.0], [0.0, 1.0]])


class TestOrder:
    @given(shape=SHAPES, seed=st.integers(0, 10**6), data=st.data())
    def test_the_gradient_follows(self, shape: Any, seed: int, data: st.DataObject) -> None:
        axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
        n = np.prod(shape) if axis is None else shape[axis]
        kth = data.draw(st.integers(0, n - 1))
        x, rng = distinct(shape, seed), np.random.default_rng(seed)
        np.testing.assert_array_equal(held(indexing.sort(dp.Value(x), axis)), np.sort(x, axis))
        np.testing.assert_array_equal(indexing.sort(x, axis), np.sort(x, axis))
        lower = np.partition(x, kth, axis)
        np.testing.assert_array_equal(held(indexing.partition(dp.Value(x), kth, axis)), lower)
        oracles.check(lambda v: indexing.sort(v * v, axis), [x], rng)
        oracles.check(lambda v: indexing.partition(v * v, kth, axis), [x], rng)

    def test_ties_follow_the_stable_permutation(self) -> None:
        x = dp.Value([2.0, 1.0, 2.0, 1.0])
        (indexing.sort(x) * [1.0, 10.0, 100.0, 1000.0]).sum().backward()
        np.testing.assert_array_equal(x.grad, [100.0, 1.0, 1000.0, 10.0])

    def test_nan_goes_last(self) -> None:
        x = dp.Value([np.nan, 1.0])
        indexing.sort(x)[0].backward()
        np.testing.assert_array_equal(x.grad, [0.0, 1.0])

    def test_unique(self) -> None:
        x = dp.Value([3.0, 1.0, 3.0, 2.0])
        values, inverse, counts = indexing.unique(x, return_inverse=True, return_counts=True)
        np.testing.assert_array_equal(values.data, [1.0, 2.0, 3.0])
        np.testing.assert_array_equal(values.data[inverse.data], x.data)
        np.testing.assert_array_equal(counts.data, [1, 1, 2])
        assert counts.is_constant
        (values * [1.0, 10.0, 100.0]).sum().backward()
        np.testing.assert_array_equal(x.grad, [100.0, 1.0, 0.0, 10.0])
        np.testing.assert_array_equal(indexing.unique([2, 1, 2]), [1, 2])
        rows = indexing.unique(dp.Value([[1.0, 2.0], [0.0, 1.0], [1.0, 2.0]]), axis=0)
        np.testing.assert_array_equal(rows.data, [[0.0, 1.0], [1.0, 2.0]])


CONSTANTS: dict[str, Any] = {
    "all": lambda m, x: m.all(x, axis=-1),
    "any": lambda m, x: m.any(x, keepdims=True),
    "argmax": lambda m, x: m.argmax(x),
    "argmin": lambda m, x: m.argmin(x, axis=0),
    "argpartition": lambda m, x: m.argpartition(x, 1, axis=0),
    "argsort": lambda m, x: m.argsort(x, -1),
    "argwhere": lambda m, x: m.argwhere(x),
    "count_nonzero": lambda m, x: m.count_nonzero(x, axis=1),
    "flatnonzero": lambda m, x: m.flatnonzero(x),
    "nonzero": lambda m, x: m.nonzero(x)[1],
    "searchsorted": lambda m, x: m.searchsorted(x[0], [0.5, 1.5], side="right"),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_positions_and_truth_values_are_constants(name: str) -> None:
    x = np.array([[0.0, 1.0, 2.0], [3.0, 0.0, -1.0]])
    f, function = CONSTANTS[name], getattr(indexing, name)
    expected = f(np, x)
    assert not isinstance(f(indexing, x), Node)
    np.testing.assert_array_equal(f(indexing, x), expected)
    for v in (dp.Value(x), dp.constant(x)):
        y = f(indexing, v)
        assert isinstance(y, dp.Value)
        assert y.is_constant
        np.testing.assert_array_equal(y.data, expected)
    assert "no derivative" in function.__doc__


def test_a_value_among_later_arguments_makes_a_constant() -> None:
    y = indexing.searchsorted(np.arange(3.0), dp.Value([1.5]))
    assert isinstance(y, dp.Value)
    np.testing.assert_array_equal(y.data, [2])


UPDATES: dict[str, Any] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
    "min": np.minimum,
    "max": np.maximum,
}


class TestAt:
    @settings(max_examples=100)
    @given(data=st.data(), shape=SHAPES, seed=st.integers(0, 10**6))
    def test_like_ufunc_at(self, data: st.DataObject, shape: Any, seed: int) -> None:
        name = data.draw(st.sampled_from(["set", *UPDATES]))
        index = data.draw(indices(shape))
        at = positions(shape, index)
        # no two alike, so that minimum and maximum are smooth
        x = distinct((*shape, 2), seed)[..., 0]
        new = np.sqrt(distinct(np.shape(at), seed + 1)) + 1.1
        if name == "power":  # of powers of powers: exponents near 1
            new = 1 + 0.1 * np.sin(new)
        expected = x.copy()
        if name == "set":
            expected[index] = new
        else:
            UPDATES[name].at(expected, index, new)
        given_new = dp.Value(new) if np.size(new) else new
        y = getattr(dp.Value(x).at[index], name)(given_new)
        np.testing.assert_allclose(y.data, expected, rtol=1e-13)
        raw = getattr(At(x)[index], name)(new)
        assert isinstance(raw, np.ndarray)
        # NumPy's powers of numbers and of arrays differ in the last place
        np.testing.assert_allclose(raw, y.data, rtol=4e-16, atol=0)

        def f(a: Any, b: Any) -> Any:
            return getattr(At(a * a)[index], name)(b)

        oracles.check(f, [1 + x / x.size, new], np.random.default_rng(seed))

    def test_the_last_of_several_counts(self) -> None:
        x, new = dp.Value([1.0, 2.0]), dp.Value([10.0, 20.0, 30.0])
        y = x.at[[0, 0, 1]].set(new)
        np.testing.assert_array_equal(y.data, [20.0, 30.0])
        y.backward([1.0, 2.0])
        np.testing.assert_array_equal(x.grad, [0.0, 0.0])
        np.testing.assert_array_equal(new.grad, [0.0, 1.0, 2.0])

    def test_one_number_for_many_entries(self) -> None:
        x, new = dp.Value(np.ones((2, 3))), dp.Value(5.0)
        (x.at[:, 1].set(new) + x.at[0].multiply(new) + x.at[[0, 0]].add(new)).sum().backward()
        assert new.grad == 2.0 + 3.0 + 6.0
        np.testing.assert_array_equal(x.grad, [[7.0, 6.0, 7.0], [3.0, 2.0, 3.0]])

    def test_overwritten_entries_are_structural_zeros(self) -> None:
        x = dp.Value([0.0, 1.0])
        with np.errstate(divide="ignore"):
            y = elementwise.log(x)
        y.at[np.isinf(y.data)].set(0.0).sum().backward()
        np.testing.assert_array_equal(x.grad, [0.0, 1.0])

    def test_structural_zeros_pass_through(self) -> None:
        x = dp.Value([0.0, 1.0, 2.0])
        with np.errstate(divide="ignore"):
            y = elementwise.log(x).at[2].set(0.0)[[0, 1, 1, 2]]
        elementwise.where(np.isfinite(y.data), y, 0.0).sum().backward()
        np.testing.assert_array_equal(x.grad, [0.0, 2.0, 0.0])

    def test_a_second_derivative_through_what_is_kept(self) -> None:
        """The gradient is itself masked; its derivative must be so, too."""
        a = np.array([[2.0, 1.0], [1.0, 3.0]])
        x = dp.Value([1.0, 2.0])
        y = a @ (a @ x).at[0].set(0.0)
        (y * y).sum().backward(create_graph=True)
        g = x.grad
        x.zero_grad()
        (g * [1.0, 10.0]).sum().backward()
        b = a @ np.diag([0.0, 1.0]) @ a
        np.testing.assert_allclose(x.grad, 2 * b.T @ b @ [1.0, 10.0])

    def test_get_and_apply(self) -> None:
        x = dp.Value([1.0, 4.0, 9.0])
        np.testing.assert_array_equal(x.at[1:].get().data, [4.0, 9.0])
        y = x.at[1:].apply(elementwise.sqrt)
        np.testing.assert_array_equal(y.data, [1.0, 2.0, 3.0])
        y.sum().backward()
        np.testing.assert_allclose(x.grad, [1.0, 1 / 4, 1 / 6])

    def test_a_scalar(self) -> None:
        x, new = dp.Value(2.0), dp.Value(5.0)
        y = x.at[()].set(new) * x.at[...].multiply(new)
        y.backward()
        assert y.data == 50.0
        assert (x.grad, new.grad) == (25.0, 20.0)

    def test_dtypes(self) -> None:
        x = dp.Value(np.ones(2, np.float32))
        assert x.at[0].set(np.ones(())).dtype == np.float32
        assert x.at[0].add(np.ones(())).dtype == np.float32
        assert dp.constant([1, 2]).at[0].set(0).dtype == int
        y = dp.constant([1, 2]).at[0].set(dp.Value(0.5))
        np.testing.assert_array_equal(y.data, [0.5, 2.0])

    def test_the_original_stays(self) -> None:
        x = dp.Value([1.0, 2.0])
        for name in ("set", *UPDATES):
            getattr(x.at[0], name)(5.0)
        np.testing.assert_array_equal(x.data, [1.0, 2.0])

    def test_errors(self) -> None:
        x = dp.Value(np.ones((2, 3)))
        with pytest.raises(TypeError, match=r"x\.at\[index\]\.set"):
            x.at.set(1.0)
        with pytest.raises(ValueError, match=r"shape of x\[index\], \(3,\), got shape \(2,\)"):
            x.at[0].set([1.0, 2.0])
        with pytest.raises(IndexError, match="out of bounds"):
            x.at[2].add(1.0)
        with pytest.raises(TypeError, match=r"\.at\[index\]"):
            x[0] = 1.0


class TestSelect:
    def test_like_numpy(self) -> None:
        x = np.linspace(-2.0, 2.0, 9)
        conditions, choices = [x < -1, x < 0, x > 1], [x, -x, x * x]
        expected = np.select(conditions, choices, 7.0)
        v = dp.Value(x)
        y = select([v < -1, v < 0, v > 1], [v, -v, v * v], 7.0)
        np.testing.assert_array_equal(y.data, expected)
        np.testing.assert_array_equal(select(conditions, choices, 7.0), expected)
        y.sum().backward()
        slopes = np.select(conditions, [np.ones(9), -np.ones(9), 2 * x], 0.0)
        np.testing.assert_array_equal(v.grad, slopes)

    def test_broadcasting_and_a_default_with_a_gradient(self) -> None:
        a, b = dp.Value(2.0), dp.Value([1.0, 2.0, 3.0])
        select([np.array([[True], [False]])], [a], b).sum().backward()
        assert a.grad == 3.0
        np.testing.assert_array_equal(b.grad, [1.0, 1.0, 1.0])

    def test_no_nan_from_a_choice_not_taken(self) -> None:
        x = dp.Value([-1.0, 0.0, 4.0])
        with np.errstate(all="ignore"):
            y = select([x > 0, x == 0], [elementwise.log(x), x**0.5], 0.0)
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, [0.0, np.inf, 0.25])

    def test_errors(self) -> None:
        with pytest.raises(ValueError, match="2 conditions and 1 choices"):
            select([True, False], [1.0])
        with pytest.raises(ValueError, match="0 conditions"):
            select([], [])
        with pytest.raises(TypeError, match="boolean arrays, got float64"):
            select([np.ones(2)], [dp.Value([1.0, 2.0])])


class TestPiecewise:
    @given(shape=hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=4), data=st.data())
    def test_against_differences(self, shape: Any, data: st.DataObject) -> None:
        seed = data.draw(st.integers(0, 10**6))
        first, second = (data.draw(hnp.arrays(bool, shape)) for _ in range(2))
        x = distinct(shape, seed)
        pieces = [lambda t: t * t, elementwise.log]
        default = data.draw(st.sampled_from([[], [5.0], [elementwise.sin]]))

        def f(v: Any) -> Any:
            return piecewise(v, [first, second], [*pieces, *default])

        expected = np.piecewise(x, [first, second], [np.square, np.log, *default])
        np.testing.assert_allclose(held(f(dp.Value(x))), expected)
        np.testing.assert_allclose(f(x), expected)
        oracles.check(f, [x], np.random.default_rng(seed))

    def test_each_function_sees_its_own_entries_alone(self) -> None:
        seen: list[Any] = []

        def piece(t: Any) -> Any:
            seen.append(t.data.tolist())
            return t * 2

        x = dp.Value([-1.0, 0.0, 4.0])
        piecewise(x, [x < 0, x > 5, x > -3], [piece, piece, piece])
        assert seen == [[-1.0, 0.0, 4.0]], "the last condition that holds counts"

    def test_no_nan_where_a_piece_is_undefined(self) -> None:
        x = dp.Value([-1.0, 0.0, 4.0])
        y = piecewise(x, [x > 0], [lambda t: elementwise.log(t) * t**0.5])
        y.sum().backward(create_graph=True)
        g = x.grad
        x.zero_grad()
        g.sum().backward()
        np.testing.assert_array_equal(np.isfinite(x.grad), True)
        np.testing.assert_array_equal(x.grad[:2], 0.0)

    def test_values_among_the_pieces(self) -> None:
        c, scale = dp.Value(3.0), dp.Value(10.0)
        y = piecewise(
            np.array([1.0, 2.0, 3.0]), np.array([True, False, True]), [scale_by, c], scale
        )
        np.testing.assert_array_equal(y.data, [10.0, 3.0, 30.0])
        y.sum().backward()
        assert (c.grad, scale.grad) == (1.0, 4.0)

    def test_numbers_alone_give_a_value_with_gradient_zero(self) -> None:
        x = dp.Value([1.0, np.inf])
        y = piecewise(x, [x > 1], [3, -1])
        np.testing.assert_array_equal(y.data, [-1.0, 3.0])
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, [0.0, 0.0])

    def test_integers_are_not_truncated(self) -> None:
        y = piecewise(np.array([1, 2]), [[True, False]], [lambda t: t / 2, 0])
        np.testing.assert_array_equal(y, [0.5, 0.0])

    def test_errors(self) -> None:
        x = dp.Value([1.0, 2.0])
        with pytest.raises(ValueError, match="1 conditions need as many functions or one more"):
            piecewise(x, [x > 0], [1.0, 2.0, 3.0])
        with pytest.raises(ValueError, match=r"shape of x\[index\], \(2,\)"):
            piecewise(x, [x > 0], [lambda t: [1.0, 2.0, 3.0]])


def scale_by(t: Any, scale: Any) -> Any:
    return t * scale


def test_a_logarithm_of_the_positive_entries() -> None:
    x = dp.Value([-1.0, 0.0, 2.0])
    with np.errstate(all="ignore"):
        y = elementwise.log(x)[x.data > 0].sum()
    y.backward()
    np.testing.assert_array_equal(x.grad, [0.0, 0.0, 0.5])


def test_numpys_functions_and_the_methods_lead_here() -> None:
    x = dp.Value([3.0, 1.0, 2.0])
    for y in (np.sort(x), np.take(x, [0]), np.select([x > 1], [x]), np.partition(x, 1)):
        assert isinstance(y, dp.Value)
        assert not y.is_constant
    assert np.argmax(x).is_constant
    np.testing.assert_array_equal(x.sort().data, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(x.take([0, -1]).data, [3.0, 2.0])
    assert (x > 0).all()
    assert not (x > 3).any()
    np.testing.assert_array_equal(x.argsort().data, [1, 2, 0])


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch")
    x = distinct((3, 4), 0)
    at = np.array([[0, 3], [1, 1], [2, 0]])
    pairs: list[tuple[Any, Any]] = [
        (lambda v: v[at[:, 0], at[:, 1]], lambda t: t[at[:, 0], at[:, 1]]),
        (lambda v: v[:, [1, 1, 2]], lambda t: t[:, [1, 1, 2]]),
        (lambda v: v[v > 2], lambda t: t[t > 2]),
        (
            lambda v: indexing.take_along_axis(v, at, 1),
            lambda t: torch.gather(t, 1, torch.tensor(at)),
        ),
        (lambda v: indexing.sort(v, 0), lambda t: torch.sort(t, 0).values),
        (
            lambda v: v.at[[0, 0, 2]].add(shaping.flip(v)),
            lambda t: t.index_add(0, torch.tensor([0, 0, 2]), t.flip((0, 1))),
        ),
    ]
    for ours, theirs in pairs:
        v, t = dp.Value(x), torch.tensor(x, requires_grad=True)
        y, z = ours(v * v), theirs(t * t)
        np.testing.assert_array_equal(y.data, z.detach().numpy())
        w = integers(y.shape, 2)
        y.backward(w)
        z.backward(torch.tensor(w))
        np.testing.assert_array_equal(v.grad, t.grad.numpy())
