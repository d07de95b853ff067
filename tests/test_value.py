"""Value: what it holds, what it refuses, and how NumPy's own functions and operators see it."""

from __future__ import annotations

import cmath
import copy
import math
import operator
import pickle
import re
import statistics
import sys
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop import Value

X = np.array([[0.5, 1.5, 2.0], [3.0, 0.7, 1.1]])

# -- what it holds -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([1, 2], np.float64),
        (np.arange(3, dtype=np.uint8), np.float64),
        (np.ones(2, np.float32), np.float32),
        (np.ones(2, np.float16), np.float16),
        (np.ones((2, 0)), np.float64),
        ([[1.0], [2.0]], np.float64),
        ([], np.float64),
        (np.ones(2, np.complex64), np.complex64),
        (dp.constant([1, 2]), np.float64),
        (range(3), np.float64),
    ],
)
def test_tensors_are_floating_and_keep_a_floating_dtype(data: Any, dtype: Any) -> None:
    v = Value(data)
    assert type(v.data) is np.ndarray
    assert v.dtype == dtype
    assert v.shape == np.shape(data)
    assert (v.ndim, v.size) == (np.ndim(v.data), np.size(v.data))
    assert not v.is_constant


@pytest.mark.parametrize(
    "data", [2, 2.0, np.float32(2), np.int8(2), np.array(2), np.array(2.0, np.float32), 2**70]
)
def test_a_scalar_is_a_python_float(data: Any) -> None:
    for v in (Value(data), Value(data, copy=False)):
        assert type(v.data) is float
        assert v.data == float(data)
        narrow = np.result_type(data) == np.float32
        assert (v.shape, v.ndim, v.size) == ((), 0, 1)
        assert v.dtype == (np.float32 if narrow else np.float64)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (True, "bool"),
        (np.bool_(False), "bool"),
        ([True, False], "bool"),
        ("1.5", "str"),
        (["a", "b"], "<U1"),
        (b"1", "bytes"),
        (None, "object"),
        ({}, "object"),
        ([1.0, None], "object"),
        ([[1.0, 2.0], [3.0]], "ragged"),
        (np.array([1, "a"], object), "object"),
        (np.datetime64("2020-01-01"), "datetime"),
        ([Value(1.0), Value(2.0)], "stack"),
        ([1.0, Value(2.0)], "stack"),
        (Value(1.0), "detach"),
    ],
)
def test_data_that_is_no_number_is_refused(data: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        Value(data)


def test_a_dtype_must_be_floating() -> None:
    assert Value([1, 2], dtype="float32").dtype == np.float32
    assert Value(0.1, dtype=np.float32).data == float(np.float32(0.1))
    for dtype in (int, bool, "U3"):
        with pytest.raises(TypeError, match="constant"):
            Value([1.0], dtype=dtype)


@pytest.mark.parametrize("data", [[1, 2], [True, False], 3, True, np.ones(2, np.float32)])
def test_a_constant_has_any_dtype_and_no_gradient(data: Any) -> None:
    for c in (dp.constant(data), dnp.asarray(data)):
        assert c.is_constant
        assert c.numpy().dtype == np.asarray(data).dtype
        x = Value(np.ones(np.shape(data)))
        y = c * x
        y.backward(np.ones(y.shape))
        np.testing.assert_array_equal(x.grad, np.asarray(data, float))
        assert c.grad is None


@pytest.mark.parametrize("op", [operator.add, operator.mul, operator.sub, operator.pow])
def test_constants_compute_as_numpy_does(op: Any) -> None:
    for a, b in [(2, [1, 2]), ([1, 2], 2), (1.5, [1, 2]), ([1, 2], [3, 4])]:
        left = dp.constant(a) if isinstance(a, list) else a
        right = dp.constant(b) if isinstance(b, list) else b
        want = op(*[np.array(v) if isinstance(v, list) else v for v in (a, b)])
        found = op(left, right)
        assert found.is_constant
        assert found.dtype == want.dtype
        np.testing.assert_array_equal(found.data, want)


# -- dtypes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * 2 + 1,
        lambda x: 2.5 / x - True,
        lambda x: x**2 + 2**x + x**-0.5,
        lambda x: x * Value(3.0),
        lambda x: Value(3.0) ** x,
        lambda x: x * x.sum() / x.size,
        lambda x: x - x.mean(axis=0) + x.max() * x[0, 0],
        lambda x: dnp.where(x > 1, x, 0) * dnp.maximum(x, 1.0),
        lambda x: dnp.softmax(x) @ x.T,
        lambda x: dnp.norm(x, axis=1) + dnp.std(x),
        lambda x: dnp.concatenate([x, x * np.float32(2)]),
        lambda x: dnp.sigmoid(x) + dnp.gelu(x) + dnp.erf(x) + dnp.sinc(x),
        lambda x: x[x > 1] * x[[0, 1, 1, 0], [0, 1, 2, 2]].sum(),
        lambda x: x.at[0].set(1.0).at[1, 1].add(2),
        lambda x: dnp.clip(x, 0, 1) + x % 2 + dnp.median(x),
        lambda x: np.multiply(np.ones(3, np.float32), x),
    ],
)
def test_float32_in_float32_out_float32_gradients(f: Any) -> None:
    x = Value(X.astype(np.float32))
    y = f(x)
    assert y.dtype == np.float32
    y.backward(np.ones(y.shape))
    assert x.grad.dtype == np.float32
    assert y.grad.dtype == np.float32
    exact = Value(X)
    f(exact).backward(np.ones(y.shape))
    np.testing.assert_allclose(x.grad, exact.grad, rtol=3e-5)


NAMES = ["add", "sub", "mul", "truediv", "pow", "mod", "floordiv"]
OPERATORS = [getattr(operator, n) for n in NAMES]
wholes = st.sampled_from([1, 2, 3])
numbers = st.sampled_from([0.5, 1.0, 2.0, 3.0])
operands = st.one_of(
    numbers,
    wholes,
    numbers.map(np.float64),
    numbers.map(np.float32),
    wholes.map(np.int64),
    st.builds(
        np.full, st.sampled_from([(), (3,), (2, 1)]), wholes, st.sampled_from(["f4", "f8", "i8"])
    ),
    st.lists(numbers, min_size=3, max_size=3),
    st.tuples(numbers, numbers, numbers),
)


@given(
    op=st.sampled_from(OPERATORS),
    other=operands,
    mine=st.one_of(
        numbers, st.builds(np.full, st.just((2, 3)), numbers, st.sampled_from(["f4", "f8"]))
    ),
    reflected=st.booleans(),
)
def test_operators_agree_with_numpy(op: Any, other: Any, mine: Any, reflected: bool) -> None:
    """With anything on either side: one Value, of NumPy's values, shape and dtype."""
    v = Value(mine)
    plain = np.asarray(other) if isinstance(other, list | tuple) else other
    found = op(other, v) if reflected else op(v, other)
    want = op(plain, mine) if reflected else op(mine, plain)
    assert type(found) is Value
    assert found.op is not None
    assert found.shape == np.shape(want)
    if found.shape:
        assert found.dtype == np.asarray(want).dtype
    np.testing.assert_allclose(found.numpy(), want, rtol=1e-6)
    found.backward(np.ones(found.shape))
    assert np.shape(v.grad) == v.shape


KINDS_OF_NUMBERS = [
    (a, b) for a in (Value, dp.constant, float) for b in (Value, dp.constant, float)
]


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize(("left", "right"), KINDS_OF_NUMBERS[:-1])
def test_floats_take_a_short_way_that_records_the_same(op: Any, left: Any, right: Any) -> None:
    a, b = left(2.5), right(2.0)
    found, want = op(a, b), LONG_WAY[op.__name__](a, b)
    assert type(found.data) is float
    assert found.data == want.data
    assert found.op is want.op
    assert found.is_constant == want.is_constant
    operands = [x for x in (a, b) if isinstance(x, Value) and not x.is_constant]
    assert list(found.inputs) == list(want.inputs) == operands
    assert [type(x) for x in found.args] == [type(x) for x in want.args]


LONG_WAY = {
    "add": dnp.add, "sub": dnp.subtract, "mul": dnp.multiply, "truediv": dnp.divide,
    "pow": dnp.power, "mod": dnp.remainder, "floordiv": dnp.floor_divide,
}  # fmt: skip


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize("other", ["a", None, {}, object()])
def test_operators_refuse_what_is_no_number(op: Any, other: Any) -> None:
    for v in (Value(1.0), Value(X)):
        with pytest.raises(TypeError):
            op(v, other)
        if op is not operator.mod or other != "a":  # text % anything is Python's formatting
            with pytest.raises(TypeError):
                op(other, v)


def test_shapes_that_do_not_fit_are_both_named() -> None:
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        Value([1.0, 2.0]) + Value([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"\(2, ?3\).*\(2, ?3\)|3.*2"):
        Value(X) @ Value(X)
    with pytest.raises(TypeError, match="ragged"):
        Value(X) * [[1.0], [1.0, 2.0]]


@pytest.mark.parametrize("left", [X.T, X.T.tolist(), Value(X.T), X.T.astype(np.float32)])
def test_matmul_on_either_side(left: Any) -> None:
    v = Value(X)
    for found in (left @ v, (v.T @ Value(X)) if isinstance(left, Value) else left @ v):
        assert type(found) is Value
        np.testing.assert_allclose(found.data, X.T @ X, rtol=1e-6)
    assert type(v @ left) is Value


class Weight(Value):
    """A user's own kind of Value."""

    __slots__ = ()


@pytest.mark.parametrize("data", [2.0, X])
def test_a_subclass_of_value_is_a_value(data: Any) -> None:
    w, v = Weight(data), Value(data)
    for y in (w * w, w * v, v * w, v + w, w - 1, 1 - w):
        assert isinstance(y, Value)
    (w * v + w * w).sum().backward()
    np.testing.assert_array_equal(w.grad, 3 * np.asarray(data))


# -- comparisons, truth, hash --------------------------------------------------------------------

COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


@pytest.mark.parametrize("op", COMPARISONS)
@pytest.mark.parametrize("other", [1.5, 1, X[0], X[0].tolist(), np.float64(1.5), Value(1.5)])
def test_comparisons_are_elementwise_constants(op: Any, other: Any) -> None:
    v = Value(X)
    plain = other.data if isinstance(other, Value) else np.asarray(other)
    for found, want in [(op(v, other), op(X, plain)), (op(other, v), op(plain, X))]:
        assert type(found) is Value
        assert found.is_constant
        assert found.dtype == bool
        np.testing.assert_array_equal(found.data, want)
    assert bool(op(Value(1.0), 1.5)) is op(1.0, 1.5)


def test_truth_and_hash() -> None:
    assert Value(2.0)
    assert not Value(0.0)
    assert Value([[3.0]])
    with pytest.raises(ValueError, match="ambiguous"):
        bool(Value(X))
    a, b = Value(1.0), Value(1.0)
    assert len({a, b, a}) == 2
    assert {a: "a", b: "b"}[b] == "b"
    assert a in [b, a]
    assert (a == None) is False  # noqa: E711
    assert (a != None) is True  # noqa: E711
    assert sorted([Value(2.0), Value(1.0)])[0].data == 1.0
    assert max(a * 3, b * 2).data == 3.0


# -- parts and conversions -----------------------------------------------------------------------


def test_iteration_and_length() -> None:
    v = Value(X)
    assert len(v) == 2
    first, second = v
    (first * 2 + second).sum().backward()
    np.testing.assert_array_equal(v.grad, [[2.0] * 3, [1.0] * 3])
    assert [row.shape for row in reversed(v)] == [(3,), (3,)]
    for f in (len, iter, list):
        with pytest.raises(TypeError, match="scalar"):
            f(Value(1.0))
    with pytest.raises(IndexError):
        Value(1.0)[0]


@pytest.mark.parametrize("make", [lambda: Value(X), lambda: Value(X) * 2, lambda: dp.constant(X)])
def test_assigning_entries_names_the_way_to_do_it(make: Any) -> None:
    v = make()
    with pytest.raises(TypeError, match=r"\.at\["):
        v[0] = 1.0
    with pytest.raises(TypeError, match=r"\.at\["):
        v[0, 0] += 1.0


def test_conversions_of_one_entry() -> None:
    for v in (Value(2.7), Value([[2.7]]), Value([2.7, 1.0])[0]):
        assert v.item() == 2.7
        assert isinstance(v.item(), float)
        with dp.no_grad():
            assert float(v) == complex(v) == 2.7
            assert int(v) == math.trunc(v) == math.floor(v) == 2
            assert math.sin(v) == math.sin(2.7)
            np.testing.assert_array_equal(np.array([v.squeeze(), 1.0]), [2.7, 1.0])
    for f in (float, int, complex, Value.item):
        with pytest.raises(ValueError, match=r"\(2, 3\)"):
            f(dp.constant(X))
    assert Value(X).tolist() == X.tolist()
    with pytest.raises(TypeError, match="an index must be an integer"):
        range(dp.constant(2.0))
    assert [*range(dp.constant(2))] == [0, 1]


def test_constants_are_numbers() -> None:
    with dp.no_grad():
        y = Value(2.5) * 2.0
    assert (float(y), math.floor(y), math.sqrt(y * y)) == (5.0, 5, 5.0)
    assert (float(dp.constant(2.5)), int(dp.constant(3)), complex(dp.constant(1j))) == (2.5, 3, 1j)
    a = np.zeros(2)
    a[0] = y
    a.fill(dp.constant(a[0]))
    assert a.tolist() == [5.0, 5.0]


_NUMBERS: dict[str, Callable[[Any], Any]] = {
    "float": float,
    "int": int,
    "complex": complex,
    "complex with an imaginary part": lambda v: complex(1, v),
    "index": operator.index,
    "range": range,
    "a list's index": lambda v: [1, 2, 3][v],
    "math.trunc": math.trunc,
    "math.fsum": lambda v: math.fsum([v, v]),
    "math.dist": lambda v: math.dist([v], [1.0]),
    "math.hypot": lambda v: math.hypot(v, 1.0),
    "math.log": lambda v: math.log(2.0, v),
    "cmath.exp": cmath.exp,
    "fmean": lambda v: statistics.fmean([v, 1.0]),
    "geometric_mean": lambda v: statistics.geometric_mean([v, 1.0]),
    "NormalDist": lambda v: statistics.NormalDist(v, 1.0).cdf(0.5),
    "%": lambda v: "%.3f" % v,  # noqa: UP031
    "array": lambda v: array("d", [v]),
    "a[i] = v": lambda v: np.zeros(3).__setitem__(0, v),
    "a[:] = v": lambda v: np.zeros(3).__setitem__(slice(None), v),
    "a[:] = [v]": lambda v: np.zeros(1).__setitem__(slice(None), [v]),
    "float32": lambda v: np.zeros(3, np.float32).__setitem__(0, v),
    "integers": lambda v: np.zeros(3, int).__setitem__(0, v),
    "complex numbers": lambda v: np.zeros(3, complex).__setitem__(0, v),
    "fill": lambda v: np.zeros(3).fill(v),
    "put": lambda v: np.zeros(3).put([0], v),
    "fromiter": lambda v: np.fromiter([v, v], float),
    "initial of an array": lambda v: np.zeros(3).sum(initial=v),
    "initial": lambda v: np.sum(np.zeros(3), initial=v),
}
if sys.version_info >= (3, 15):  # Python's own TypeError takes the place of ours
    percent = _NUMBERS.pop("%")

    def test_percent_refuses_in_pythons_words() -> None:
        with pytest.raises(TypeError, match="requires a real number"):
            percent(Value(0.75))


for _name in ("sin", "floor", "ceil", "sqrt", "gamma", "isnan", "erf", "degrees"):
    _NUMBERS[f"math.{_name}"] = getattr(math, _name)
_DATA: dict[str, Callable[[Any], Any]] = {
    "array": np.array,
    "array of a list": lambda v: np.array([v, v]),
    "array of objects": lambda v: np.array([v], object),
    "asarray": np.asarray,
    "asarray with a dtype": lambda v: np.asarray(v, dtype=float),
    "array of a list with numbers": lambda v: np.array([v * 0.5, np.full(v.shape, 0.5)]),
    "sum of a list": lambda v: np.sum([v, v]),
}
for _scalar in (np.float64, np.float32, np.int64, np.complex128, np.bool_):
    _DATA[_scalar.__name__] = _scalar


@pytest.mark.parametrize("name", _NUMBERS)
def test_a_gradient_is_not_lost_in_a_number(name: str) -> None:
    for v in (Value(0.75), Value([0.75])[0] * 1.0, Value(np.float32(0.75))):
        with pytest.raises((TypeError, ValueError)) as raised:
            _NUMBERS[name](v)
        # NumPy says "setting an array element with a sequence" of everything that has v[i]
        error = raised.value.__cause__ if raised.type is ValueError else raised.value
        assert isinstance(error, TypeError)
        assert re.search(r"v\.item\(\).* v\.data", str(error))
    with pytest.raises(TypeError, match=r"v\.item\(\)"):
        dp.grad(lambda v: _NUMBERS[name](v) and v)(0.75)


@pytest.mark.parametrize("name", _DATA)
def test_a_gradient_is_not_lost_in_an_array(name: str) -> None:
    for v in (Value(0.75), Value([0.75])[0] * 1.0, Value([0.75])):
        with pytest.raises(TypeError, match=r"stack.*v\.numpy\(\)"):
            _DATA[name](v)


def test_what_shows_or_compares_a_value_gets_its_number() -> None:
    v = Value(2.5)
    assert (f"{v:.2f}", f"{v * v:8.3e}", f"{v}", bool(v)) == ("2.50", "6.250e+00", str(v), True)
    assert (v.item(), v.data, v.tolist(), round(v).item()) == (2.5, 2.5, 2.5, 2.0)
    assert max(v, v * 2).item() == 5.0
    assert [x.item() for x in sorted([v, v - 1, v + 1])] == [1.5, 2.5, 3.5]
    assert statistics.median([v, v * 3, v * 2]).item() == 5.0


@pytest.mark.parametrize("data", [2.0, X, X.astype(np.float32)])
@pytest.mark.parametrize("kind", [Value, dp.constant])
def test_leaves_are_copied_and_pickled(data: Any, kind: Any) -> None:
    v = kind(data)
    v.name = "weights"
    twins = [copy.deepcopy(v), pickle.loads(pickle.dumps(v)), copy.deepcopy({"a": [v, v]})["a"][0]]
    for twin in twins:
        assert (twin.name, twin.dtype, twin.is_constant) == ("weights", v.dtype, v.is_constant)
        np.testing.assert_array_equal(twin.data, v.data)
        if not twin.is_constant:
            twin.data = np.zeros(v.shape)
            (twin * 2).sum().backward()
    np.testing.assert_array_equal(v.data, data)
    assert v.grad is None


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("kind", [lambda z: z, np.asarray, dp.constant, Value, np.complex64])
def test_complex_gradients_of_what_is_real(kind: Any, graph: bool) -> None:
    for v in (Value(2.0), Value(2.0) * 3.0, Value(np.ones(2)), Value(np.float32(1.0))):
        z = np.full(v.shape, 1j)
        if kind is np.complex64 and v.shape:
            z = z.astype(np.complex64)
        elif v.shape:
            z = kind(z)
        else:
            z = kind(1j)
        with pytest.raises(TypeError, match=r"real.*complex"):
            v.backward(z, create_graph=graph)
        with pytest.raises(TypeError, match="complex"):
            v.grad = z
        v.register_hook(lambda g, z=z: z)
        with pytest.raises(TypeError, match=r"real.*complex"):
            v.sum().backward(create_graph=graph)
    w = Value(2.0 + 1j)
    w.backward(1j)
    assert w.grad == 1j


def test_a_copy_is_another_variable() -> None:
    for data in (2.0, X):
        v = Value(data)
        v.name = "weights"
        v.grad = data
        twin = copy.copy(v)
        assert type(twin) is Value
        assert (twin.name, twin.grad, twin.is_constant) == ("weights", None, False)
        twin.data -= 1.0
        np.testing.assert_array_equal(v.data, data)
        np.testing.assert_array_equal(twin.data, np.subtract(data, 1.0))
        (twin * twin).sum().backward()
        np.testing.assert_array_equal(v.grad, data)
        np.testing.assert_array_equal(twin.grad, 2 * np.subtract(data, 1.0))
    assert copy.copy(dp.constant(2)).is_constant


@pytest.mark.parametrize("take", [copy.copy, copy.deepcopy, pickle.dumps])
def test_the_gradient_of_a_copied_argument_is_not_lost(take: Any) -> None:
    for x in (3.0, X):
        for f in (dp.grad(lambda x: (take(x) * x).sum()), dp.grad(dp.grad(lambda x: take(x) * x))):
            with pytest.raises(TypeError, match="apart from its graph"):
                f(x)
    assert dp.grad(lambda x: (+x) * x)(3.0) == 6.0


@pytest.mark.parametrize("start", [1.0, X])
@pytest.mark.parametrize("step", [operator.isub, lambda w, g: operator.iadd(w, -g)])
def test_steps_that_lengthen_the_graph_are_refused(start: Any, step: Any) -> None:
    w = Value(start)
    ((w - 3.0) ** 2).sum().backward()
    with pytest.warns(UserWarning, match=r"stays as it is.*w\.data -= step.*optim"):
        w = step(w, 0.1 * w.grad)
    ((w - 3.0) ** 2).sum().backward()
    with pytest.raises(TypeError, match=r"w\.data -= step.*optim"):
        step(w, 0.1 * w.grad)
    w = Value(start)
    for _ in range(200):
        w.zero_grad()
        ((w - 3.0) ** 2).sum().backward()
        w.data -= 0.1 * w.grad
    np.testing.assert_allclose(w.data, np.full(np.shape(start), 3.0))


def test_sums_in_a_loop_are_no_steps() -> None:
    x, total = Value(2.0), Value(0.0)
    for k in range(3):
        total += x * k
        total *= 2.0
        total += 1.0
        total.backward()
    assert x.grad == 0.0 + 2.0 + 8.0
    y = x
    y += 1.0
    y.backward()
    y /= x
    assert y.item() == 1.5


def test_results_are_not_copied_apart_from_their_graph() -> None:
    y = Value(2.0) * 3
    for f in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="detach"):
            f(y)
    assert pickle.loads(pickle.dumps(y.detach())).data == 6.0


@pytest.mark.parametrize(
    ("v", "parts"),
    [
        (Value(2.0, name="w"), ["Value", "2.0", "grad=None", "w"]),
        (Value([1.0, 2.0]) * 2, ["Value", "[2., 4.]", "(2,)", "float64"]),
        (Value(np.ones((50, 50), np.float32)), ["...", "(50, 50)", "float32"]),
        (dp.constant([1, 2]), ["constant", "[1, 2]", "int64"]),
        (Value(1.0) > 0, ["constant", "True"]),
        (Value(np.ones((0, 3))), ["(0, 3)"]),
    ],
)
def test_repr(v: Value, parts: list[str]) -> None:
    text = repr(v)
    assert all(part in text for part in parts), text
    assert len(text) < 1000


def test_operation_inputs_and_name() -> None:
    x = Value(2.0, name="x")
    y = x * 3.0
    assert (x.name, y.name, x.op, x.inputs, y.inputs) == ("x", None, None, (), (x,))
    assert repr(y.op) == "multiply"


METHODS: dict[str, Callable[[Any], Any]] = {
    "T": lambda x: x.T + x.mT,
    "unary": lambda x: abs(-x) * +x,
    "sum": lambda x: x.sum(axis=0, keepdims=True),
    "mean": lambda x: x.mean(0),
    "prod": lambda x: x.prod(axis=1),
    "var": lambda x: x.var(ddof=1),
    "std": lambda x: x.std(axis=-1),
    "max": lambda x: x.max(axis=1) - x.min(),
    "cumsum": lambda x: x.cumsum(axis=1) + x.cumprod(axis=0),
    "dot": lambda x: x.dot(x.T),
    "ravel": lambda x: x.ravel() + x.flatten(),
    "reshape": lambda x: x.reshape(3, 2) + x.reshape((3, -1)),
    "transpose": lambda x: x.transpose(1, 0) + x.transpose() + x.transpose((1, 0)),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "squeeze": lambda x: x[None].squeeze(),
    "repeat": lambda x: x.repeat(2, axis=0),
    "diagonal": lambda x: x.diagonal() * x.trace(),
    "astype": lambda x: x.astype(np.float64),
    "take": lambda x: x.take([0, 2], axis=1),
    "clip": lambda x: x.clip(0.6, 2.5),
    "argmax": lambda x: x.argmax(axis=1) + x.argmin(),
    "argsort": lambda x: x.argsort(),
    "any": lambda x: (x > 1).any(axis=0) | (x > 1).all(),
    "round": lambda x: x.round(1),
    "nonzero": lambda x: (x > 1).nonzero()[0],
    "searchsorted": lambda x: x[0].searchsorted(1.0),
}


@pytest.mark.parametrize("f", METHODS.values(), ids=METHODS.keys())
def test_methods_agree_with_ndarray(f: Any) -> None:
    want = f(X)
    found = f(Value(X))
    assert type(found) is Value
    assert found.shape == np.shape(want)
    assert found.numpy().dtype == want.dtype
    np.testing.assert_allclose(found.numpy(), want)


# -- NumPy's functions and protocols -------------------------------------------------------------

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sin": np.sin,
    "abs": np.abs,
    "add": lambda x: np.add(1.0, x),
    "power": lambda x: np.power(2, x) + np.power(x, 2),
    "maximum": lambda x: np.maximum(x, 1.0),
    "sum": lambda x: np.sum(x, axis=0) + np.sum(x),
    "mean": lambda x: np.mean(x, 0) + np.average(x, axis=0),
    "std": lambda x: np.std(x, ddof=1),
    "amax": lambda x: np.amax(x, axis=1),
    "median": lambda x: np.median(x, axis=0),
    "concatenate": lambda x: np.concatenate([x, X, x], axis=1),
    "stack": lambda x: np.stack([x, x]) + np.hstack([x]).sum() + np.vstack([x]),
    "where": lambda x: np.where(x > 1, x, 0.0),
    "where, positions": lambda x: np.where(x > 1)[1],
    "norm": np.linalg.norm,
    "trace": lambda x: np.linalg.trace(np.stack([x.T @ x, x.T @ x])),
    "diagonal": lambda x: np.linalg.diagonal(np.stack([x, x])),
    "matmul": lambda x: np.matmul(x, x.T) + np.dot(x, x.T) + np.inner(x, x),
    "einsum": lambda x: np.einsum("ij,ij->", x, x),
    "tensordot": lambda x: np.tensordot(x, x, axes=2),
    "reshape": lambda x: np.reshape(x, (3, 2)) + np.transpose(x),
    "expand_dims": lambda x: np.expand_dims(x, 0),
    "clip": lambda x: np.clip(x, 0, 1) + np.clip(x, a_min=0.0, a_max=1.0),
    "round": lambda x: np.round(x, 1) + np.around(x, 1),
    "cumsum": lambda x: np.cumsum(x, axis=1),
    "sort": lambda x: np.sort(x, axis=None),
    "argmax": lambda x: np.argmax(x, axis=0),
    "add.reduce": lambda x: np.add.reduce(x),
    "add.reduce, all": lambda x: np.add.reduce(x, axis=None),
    "maximum.reduce": lambda x: np.maximum.reduce(x),
    "multiply.reduce": lambda x: np.multiply.reduce(x, axis=1, keepdims=True),
    "multiply.outer": lambda x: np.multiply.outer(x, X),
    "logaddexp": lambda x: np.logaddexp(x, x[::-1]),
    "zeros_like": lambda x: np.zeros_like(x) + np.ones_like(x),
    "tile": lambda x: np.tile(x, 2),
    "isfinite": lambda x: np.isfinite(x) & np.isclose(x, 0.5),
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_functions_of_numpy_agree_with_numpy(f: Any) -> None:
    want = f(X)
    found = f(Value(X))
    assert type(found) is Value
    assert found.shape == np.shape(want)
    assert found.numpy().dtype == np.asarray(want).dtype
    np.testing.assert_allclose(found.numpy(), want, rtol=1e-14)


@pytest.mark.parametrize("v", [Value(X), Value(X) * 1.0, dp.constant(X)])
def test_questions_about_shape_are_answered(v: Value) -> None:
    assert (np.shape(v), np.ndim(v), np.size(v)) == ((2, 3), 2, 6)
    assert np.allclose(v, X)
    assert np.array_equal(v, X)
    np.testing.assert_allclose(v.numpy(), X)


def add_in_place(v: Value) -> None:
    array = np.ones(3)
    array += v


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (add_in_place, r"a = a \+ v"),
        (lambda v: np.sin(v, out=np.ones(3)), "out"),
        (lambda v: np.add(1.0, np.ones(3), out=v), "out"),
        (lambda v: np.sum(v, out=np.ones(())), "out"),
        (lambda v: np.sin(v, signature="d->d"), r"numpy\.sin\(\).*signature=.*dtype="),
        (lambda v: np.add.at(np.ones(3), [0, 1, 2], v), r"numpy\(\)"),
        (lambda v: np.histogram2d(v, v), r"histogram.*numpy\(\)"),
        (lambda v: np.modf(v), r"modf.*numpy\(\)"),
        (lambda v: np.subtract.accumulate(v), r"numpy\(\)"),
    ],
)
def test_what_numpy_cannot_do_with_a_value_is_said(f: Any, words: str) -> None:
    v = Value([1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match=words):
        f(v)
    assert (v.inputs, v.grad) == ((), None)


def test_numpy_functions_without_a_rule_work_on_constants() -> None:
    c = dp.constant([1.0, 2.0])
    found = np.unwrap(c)
    assert isinstance(found, Value)
    assert found.is_constant
    np.testing.assert_array_equal(found.data, [1.0, 2.0])
    np.testing.assert_array_equal(np.array([c[0], c[1]]), np.asarray(c))
    assert np.asarray(c, dtype=np.float32).dtype == np.float32
