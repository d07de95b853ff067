"""What compiled functions give is the caller's own, and what eager functions give."""

from __future__ import annotations

import copy
import functools
import math
import numbers
import operator
import pickle
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop import TraceError, compiler

from .test_table import identical

dnp: Any = dp.numpy
A, B = np.arange(1.0, 5.0), np.array([0.5, -1.0, 2.0, 3.0])
M = np.arange(1.0, 5.0).reshape(2, 2)


def kept_results_agree(f: Callable[..., Any], *points: Any) -> None:
    """In every call, and all results after the last one."""
    compiled = compiler.compile(f)
    came = [compiled(*xs) for xs in points]
    for xs, result in zip(points, came, strict=True):
        identical(result, f(*xs))
    assert compiled.cache_info().misses == 1


WITHOUT_AXES: dict[str, Callable[..., Any]] = {
    "inner": lambda x, y: np.inner(x * y, y),
    "inner of Values": lambda x, y: np.inner(dp.constant(x) * y, y),
    "reshape": lambda x, y: (x * y)[:1].reshape(()),
    "reshape of a Value": lambda x, y: (dp.constant(x) * y)[:1].reshape(()),
    "squeeze": lambda x, y: np.squeeze(x[1:2] * y[1:2]),
    "squeeze of a Value": lambda x, y: dnp.squeeze(dp.constant(x)[1:2] * y[1:2]),
    "tensordot": lambda x, y: np.tensordot(x * y, y, 1),
    "tensordot of Values": lambda x, y: dnp.tensordot(dp.constant(x) * y, y, 1),
    "einsum": lambda x, y: np.einsum("i->", x * y),
    "einsum of an entry": lambda x, y: dnp.einsum("ii->", dnp.reshape((x * y)[:1], (1, 1))),
    "ellipsis": lambda x, y: (x * y)[2, ...],
    "diagonal": lambda x, y: np.diagonal((x * y)[:1].reshape(1, 1)).reshape(()),
    "transpose": lambda x, y: (x * y)[:1].reshape(()).T,
    "broadcast_to": lambda x, y: np.broadcast_to((x * y)[3], ()),
    "view": lambda x, y: (x * y)[3, ...].view(np.int64),
    "real": lambda x, y: ((x * y)[3, ...] + 0j).real,
    "split": lambda x, y: np.split(x * y, 4)[1].reshape(()),
}


@pytest.mark.parametrize("name", WITHOUT_AXES)
def test_results_without_axes_are_kept(name: str) -> None:
    def f(x: Any, y: Any) -> Any:
        z = WITHOUT_AXES[name](x, y)
        return z, np.exp(-(x * x)) * y, np.sin(y) + x, np.cos(x * y)

    kept_results_agree(f, (A, B), (B, A), (A + 1, A))


PIECES: dict[str, Callable[[Any], Any]] = {
    "split": lambda x: np.split(x, 2),
    "array_split": lambda x: np.array_split(x, 3),
    "hsplit": lambda x: np.hsplit(x, 2),
    "vsplit": lambda x: np.vsplit(x.reshape(2, 2), 2),
    "dsplit": lambda x: np.dsplit(x.reshape(1, 1, 4), 2),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, x.reshape(4, 1)),
    "broadcast with a constant": lambda x: np.broadcast_arrays(x[0], M),
    "unstack": lambda x: np.unstack(x.reshape(2, 2)),
    "atleast": lambda x: np.atleast_2d(x, x[0], x.reshape(2, 2)),
    "meshgrid": lambda x: np.meshgrid(x, x, copy=False, sparse=True),
    "ix_": lambda x: x.reshape(2, 2)[np.ix_([0, 1], [1])],
    "iteration": lambda x: [*x.reshape(2, 2)],
    "gradient": lambda x: np.gradient(x.reshape(2, 2)),
    "qr": lambda x: np.linalg.qr(x.reshape(2, 2)),
    "a piece of a piece": lambda x: np.split(np.split(x, 2)[1], 2)[0][::-1],
    "sliding_window_view": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2),
    "modf": np.modf,
    "divmod": lambda x: divmod(x, 0.7),
    "histogram": lambda x: np.histogram(x, 3),
    "nested": lambda x: {"a": (x, [x.T, x]), "b": np.ones(2), "c": x},
}


@pytest.mark.parametrize("name", PIECES)
def test_pieces_are_kept(name: str) -> None:
    def f(x: Any) -> Any:
        pieces = PIECES[name](np.exp(x))
        return pieces, np.sin(x) * np.cos(x), np.exp(-x), PIECES[name](x)

    kept_results_agree(f, (A,), (A / 2,), (A - 7,))

    def first(x: Any) -> Any:
        pieces = f(x)[0]
        return pieces["a"] if name == "nested" else pieces[0]

    kept_results_agree(first, (A,), (A / 2,), (A - 7,))


def test_what_is_given_back_may_be_written_to() -> None:
    """Constants that a result would be a view of stay what they are."""
    f = compiler.compile(lambda x: [y.copy if False else y for y in np.atleast_1d(A, x)])
    first = f(2.0)
    first[0][...] = 0.0
    identical(f(2.0)[0], A)
    identical(A, np.arange(1.0, 5.0))


def test_numpys_functions_of_numbers_give_numpys_scalars() -> None:
    kept_results_agree(lambda x: (np.exp(x), np.tanh(x) / x, np.add(x, 1), -x), (0.5,), (0.25,))


def test_a_detached_number_in_a_slot() -> None:
    for cut in (lambda w: w.detach(), dp.stop_gradient, lambda w: dp.constant(w.data)):
        for run in (
            lambda w, c: c * w, lambda w, c: w * c, lambda w, c: (c + w) * (c - 2.0),
            lambda w, c: (c * 2.0) * (c * c) * w, lambda w, c: w / c + c / w, lambda w, c: c**w,
        ):  # fmt: skip
            w, twin = dp.Value(1.5), dp.Value(1.5)

            def step(v: Any) -> Any:
                v.zero_grad()
                y = run(v, cut(v))  # noqa: B023
                y.backward()
                v.data -= 0.1 * v.grad
                return y

            compiled = compiler.compile(functools.partial(step, w))
            for _ in range(3):
                identical(compiled(), step(twin))
                identical((w.data, w.grad), (twin.data, twin.grad))


def test_copies() -> None:
    kept_results_agree(
        lambda x, n: (copy.copy(x) * 2, copy.deepcopy([x, {"n": n}]), copy.copy(n) + 1),
        (A, 2.0), (B, 3.0),
    )  # fmt: skip


KINDS = (
    lambda x: isinstance(x, float),
    lambda x: isinstance(x, np.ndarray),
    lambda x: isinstance(x, (int, np.floating)),
    lambda x: isinstance(x, numbers.Real),
    lambda x: isinstance(x, numbers.Integral),
    lambda x: isinstance(x, complex),
    np.isscalar,
    np.iterable,
    callable,
    lambda x: issubclass(x.__class__, float),
    lambda x: hasattr(x, "shape"),
    lambda x: hasattr(x, "dtype"),
    lambda x: hasattr(x, "ndim"),
    lambda x: hasattr(x, "size"),
    lambda x: hasattr(x, "__len__"),
    lambda x: hasattr(x, "__iter__"),
    lambda x: hasattr(x, "is_integer"),
    lambda x: hasattr(x, "tolist"),
    lambda x: hasattr(x, "item"),
    lambda x: hasattr(x, "grad"),
    lambda x: hasattr(x, "value"),
    lambda x: hasattr(x, "relu"),
    lambda x: hasattr(x, "numpy"),
    lambda x: hasattr(x, "sum"),
    lambda x: hasattr(x, "copy"),
    lambda x: hasattr(x, "astype"),
    lambda x: hasattr(x, "__matmul__"),
    lambda x: matched(x) == "float",
    lambda x: matched(x) == "array",
    lambda x: dispatched(x) == "float",
    lambda x: dispatched(x) == "array",
)


def matched(x: Any) -> str:
    match x:
        case float():
            return "float"
        case np.ndarray():
            return "array"
        case [_, *_]:
            return "sequence"
    return "other"


@functools.singledispatch
def dispatched(_: Any) -> str:
    return "other"


dispatched.register(float, lambda _: "float")
dispatched.register(np.ndarray, lambda _: "array")


@pytest.mark.parametrize(
    "x", [1.0, A, np.float64(2.0), M[:1], np.array(3.0), np.arange(3)], ids=repr
)
@pytest.mark.parametrize("asks", KINDS)
def test_questions_are_answered_as_of_what_it_is(asks: Callable[[Any], Any], x: Any) -> None:
    """For what is given, and for what is computed of it."""

    def f(x: Any) -> Any:
        return (x * 2 if asks(x) else x * 3), (x + 1 if asks(x * 2) else x - 1)

    identical(compiler.compile(f)(x), f(x))


REFUSED: dict[str, Callable[[Any], Any]] = {
    "np.asarray": np.asarray,
    "np.array of several": lambda x: np.array([x, x]),
    "np.fromiter": lambda x: np.fromiter([x, x], float),
    "np.full": lambda x: np.full(3, x),
    "np.arange": lambda x: np.arange(x),
    "an entry": lambda x: operator.setitem(np.zeros(3), 0, x),
    "f-string": lambda x: f"{x}",
    "f-string with a format": lambda x: f"{x:.2f}",
    "format": lambda x: format(x, ".3e"),
    "percent": lambda x: "%s" % x,  # noqa: UP031
    "percent with a format": lambda x: "%.3f" % x,  # noqa: UP031
    "str.format": lambda x: "{:g}".format(x),  # noqa: UP032
    "str": str,
    "round": round,
    "round to digits": lambda x: round(x, 2),
    "float": float,
    "int": int,
    "complex": complex,
    "bool": bool,
    "not": operator.not_,
    "math.sin": math.sin,
    "math.floor": math.floor,
    "math.ceil": math.ceil,
    "math.trunc": math.trunc,
    "math.isfinite": math.isfinite,
    "math.fsum": lambda x: math.fsum([x, x]),
    "in a list": lambda x: x in [1.0, 2.0],
    "sorted": lambda x: sorted([x, x * 2]),
    "max": lambda x: max(x, 2 * x),
    "min": lambda x: min(x, 2 * x),
    "any": lambda x: any([x, x]),
    "while": lambda x: next(iter([1] if x > 0 else [2])),
    "pickle": pickle.dumps,
    "__array__": lambda x: hasattr(x, "__array__"),
    "is_integer": lambda x: 1 if x.is_integer() else 2,
    "hex": lambda x: x.hex(),
}
if sys.version_info >= (3, 15):  # Python's own TypeError takes the place of ours
    percent = REFUSED.pop("percent with a format")

    def test_percent_refuses_in_pythons_words() -> None:
        with pytest.raises(TypeError, match="requires a real number"):
            compiler.compile(percent)(1.5)


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("computed", [False, True])
def test_what_asks_for_the_number_is_refused(name: str, computed: bool) -> None:
    """It works eagerly, so the error says that it is the recording's, and the line."""
    use = REFUSED[name]
    use(1.5)
    with pytest.raises(TraceError, match="A compiled function is recorded once") as error:
        compiler.compile(lambda x: (use(x * 2.0 if computed else x), x)[1])(1.5)
    assert f"{__file__}:" in str(error.value)


def test_a_repr_is_harmless() -> None:
    seen = []
    f = compiler.compile(lambda x: (seen.append(repr(x)), x * 2)[1])
    identical(f(2.0), 4.0)
    assert seen == ["<recorded float64>"]


WRITES: dict[str, Callable[[Any], Any]] = {
    "sort": lambda x: x.sort(),
    "fill": lambda x: x.fill(1.0),
    "partition": lambda x: x.partition(1),
    "put": lambda x: x.put(0, 1.0),
    "resize": lambda x: x.resize(2),
    "setflags": lambda x: x.setflags(write=False),
    "nan_to_num": lambda x: np.nan_to_num(x, copy=False),
    "median": lambda x: np.median(x, overwrite_input=True),
    "out": lambda x: np.sum(x, axis=0, out=np.zeros(())),
    "out by position": lambda x: np.dot(x, x, np.zeros(())),
    "cumsum into it": lambda x: np.cumsum(x, out=x),
    "copyto": lambda x: np.copyto(np.zeros(4), x),
    "copyto it": lambda x: np.copyto(x, 1.0),
    "putmask": lambda x: np.putmask(x, x > 2, 0.0),
    "place": lambda x: np.place(x, x > 2, [0.0]),
    "put_along_axis": lambda x: np.put_along_axis(x, np.array([0]), 1.0, 0),
    "fill_diagonal": lambda x: np.fill_diagonal(x.reshape(2, 2), 0.0),
    "flat": lambda x: operator.setitem(x.flat, 0, 1.0),
    "shape": lambda x: setattr(x, "shape", (2, 2)),
}


# NumPy 2.5 would not have the shape set
@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")
@pytest.mark.parametrize("name", WRITES)
def test_writes_are_refused(name: str) -> None:
    x = A.copy()
    WRITES[name](A.copy())
    with pytest.raises(TraceError) as error:
        compiler.compile(lambda x: (WRITES[name](x * 1.0), x)[1])(x)
    assert f"{__file__}:" in str(error.value) or name == "shape"
    with pytest.raises(TraceError):
        compiler.compile(lambda x: (WRITES[name](x), x)[1])(x)
    identical(x, A)


ONE = np.array([0.5], np.float32)
ALIKE: dict[str, tuple[Callable[..., Any], Any]] = {
    "a constant of constants": (lambda x: x * (dp.constant(0.5) * 2), ONE),
    "a constant of constants, chosen": (
        lambda x: dnp.where(x > 1, x, dp.constant(0.5) - 1.0), ONE,
    ),
    "a sum of a constant": (lambda x: (dp.constant(x).sum(), dp.constant(x).sum() * x), ONE),
    "a Value of a scalar": (lambda x: dp.Value(x[0]).data, ONE),
    "NumPy's function of a constant": (lambda x: np.modf(dp.constant(x)), ONE),
    "NumPy's functions of constants": (
        lambda x: (np.ones_like(dp.constant(x)), np.isclose(dp.constant(x), x),
                   np.allclose(dp.constant(x), x), np.nextafter(dp.constant(x), x)), A,
    ),
    "T of a scalar": (lambda x: (x[0].T, x[0].real, x[0].imag, x[0].conj()), A),
    "methods of a scalar": (
        lambda x: (x[0].reshape(()), x[0].reshape(1), x[0].ravel(), x[0].squeeze(),
                   x[0].astype(np.float32), x[0].astype(int), x[0].sum(), x[0].round(2)), A,
    ),
    "entries": (lambda x: (x[0], x[0, ...], x[()], x[0, None], x[:0].sum(), x[[0]][0]), A),
    "shifts": (lambda x: (x << 1, x >> 1, 1 << x, 8 >> x, divmod(x, 2), divmod(7, x)),
               np.array([1, 2, 3])),
    "methods": (
        lambda x: (x.std(), x.var(ddof=1), x.prod(), x.cumprod(), x.argsort(), x.round(1),
                   x.clip(1, 2), x.trace(), x.max(initial=9.0), x.sum(dtype=np.float32)), M,
    ),
    "complex": (lambda x: (x.real, x.imag, x.conj(), abs(x), x.T, np.angle(x)), M + 1j * M),
    "bool": (lambda x: (x & True, ~x, x.any(), x.sum(), x | x, x ^ x), A > 2),
    "nothing": (lambda x: (x[:0], x[:0].sum(), x[:0].T, np.split(x[:0], 2), x[:0].mean(0)), A),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ALIKE)
def test_types_and_dtypes_are_those_of_eager(name: str) -> None:
    f, x = ALIKE[name]
    compiled = compiler.compile(f)
    for _ in range(2):
        identical(compiled(x), f(x))


def _added(x: Any, y: Any) -> Any:
    x += y
    return x


IN_PLACE: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "wider": (lambda x, y: _added(x * 2, y), ONE, A[:1]),
    "of another dtype": (lambda x, y: _added(x + 1, y), ONE, np.array([3])),
    "without axes": (lambda x, y: _added((x * 2)[0, ...], y), A, 2.0),
    "broadcast": (lambda x, y: _added(x * 2, y), M, A[:2]),
    "a number": (_added, 1.5, A),
    "numbers": (_added, 1.5, 2.5),
    "of a scalar": (lambda x, y: _added(x[0], y), ONE, A[:1]),
    "other operators": (lambda x, y: [operator.imul(x * 2, y), operator.itruediv(x * 2, y),
        operator.ipow(x * 2, 2), operator.isub(x * 2, y), operator.imod(x * 2, y)], ONE, A[:1]),
    "@=": (lambda x, y: operator.imatmul(x * 2, y), M, M),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_operators_keep_the_dtype(name: str) -> None:
    f, x, y = IN_PLACE[name]
    compiled = compiler.compile(f)
    for _ in range(2):
        identical(compiled(x, y), f(copy.copy(x), y))


@pytest.mark.parametrize(
    "f", [lambda x, y: _added(np.arange(3), y), lambda x, y: _added(x[:1] * 2, y)]
)
def test_in_place_operators_that_do_not_fit_raise_errors(f: Callable[..., Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        f(A, B)
    with pytest.raises((TypeError, ValueError)):
        compiler.compile(f)(A, B)


@pytest.mark.parametrize("part", [lambda x: x, lambda x: x[1:], lambda x: x.T, lambda x: x[None]])
def test_arguments_are_not_changed_in_place(part: Callable[[Any], Any]) -> None:
    x = A.copy()
    with pytest.raises(TraceError, match="an argument is changed in place") as error:
        compiler.compile(lambda x: (_added(part(x), 1.0), x)[1])(x)
    assert f"{__file__}:" in str(error.value)
    identical(x, A)


@pytest.mark.parametrize("again", [False, True])
def test_what_data_gives_is_changed_in_place(again: bool) -> None:
    def step(v: Any, x: Any) -> Any:
        v.zero_grad()
        (v * v * x).sum().backward()
        data = v.data
        data -= 0.1 * v.grad
        if again:
            data *= 0.5
            v.data += 1.0
        return (v * 2.0).sum()

    w, twin = dp.Value(A), dp.Value(A)
    compiled = compiler.compile(functools.partial(step, w))
    for x in (A, B, A):
        identical(compiled(x), step(twin, x))
        identical((w.data, w.grad), (twin.data, twin.grad))


def test_a_recorded_index_picks_from_a_plain_table() -> None:
    table = np.arange(5.0)
    compiled = dp.compile(lambda i: np.take(dp.constant(table), i) + dp.numpy.take(table, i))
    for i in ([1, 2], [4, 0]):
        np.testing.assert_array_equal(compiled(np.array(i)), 2 * table[i])
    alone = dp.compile(lambda i: dp.numpy.take(table, i))
    for i in ([1, 2], [4, 0]):
        np.testing.assert_array_equal(alone(np.array(i)), table[i])
