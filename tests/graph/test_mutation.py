"""A recorded graph differentiates what was recorded, whatever is written afterwards."""

from __future__ import annotations

import ctypes
import operator
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
A = np.array([[1.2, 0.4, 2.5], [0.9, 1.6, 0.3]])


class Subclass(np.ndarray):
    """Stands for every subclass of ndarray: memmap, recarray, ..."""


# -- programs that need their operands again in the reverse sweep -------------------------

PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "multiply": lambda x, a: x * a,
    "reflected multiply": lambda x, a: a * x,
    "divide": lambda x, a: a / x + x / a,
    "power": lambda x, a: x**a + a**x,
    "broadcast": lambda x, a: x * a[0] * a[:, :1],
    "ufunc": lambda x, a: np.multiply(x, a) + np.exp(x) * np.arctan2(x, a),
    "square": lambda x, a: x * x + x,
    "unary": lambda x, a: dnp.sqrt(x) * dnp.sin(x) + dnp.log1p(x),
    "matmul": lambda x, a: (x @ a.T) @ x,
    "reflected matmul": lambda x, a: a.T @ x,
    "einsum": lambda x, a: dnp.einsum("ij,ij->i", x, a) * dnp.einsum("ij,kj->i", x, x),
    "dot": lambda x, a: dnp.tensordot(x, a) * dnp.vdot(x, a),
    "reshape": lambda x, a: x.reshape(-1) ** 2 * a.reshape(-1),
    "transpose": lambda x, a: x.T * x.T * a.T,
    "views of views": lambda x, a: x[::-1].T.reshape(-1)[1:] ** 3,
    "broadcast_to": lambda x, a: dnp.broadcast_to(x, (2, 2, 3)) * dnp.broadcast_to(x, (2, 2, 3)),
    "squeeze": lambda x, a: dnp.squeeze(dnp.expand_dims(x, 0)) ** 2,
    "getitem": lambda x, a: x[1] * x[:, [0, 2, 2]] * a[a > 0].reshape(2, 3),
    "where": lambda x, a: dnp.where(a > 1, x * x, x),
    "where on raw": lambda x, a: dnp.where(x > 1, x * a, a) * x,
    "maximum": lambda x, a: dnp.maximum(x, a) + dnp.minimum(x, a + 1) * x,
    "clip": lambda x, a: dnp.clip(x, a, 2.0) * x,
    "concatenate": lambda x, a: dnp.concatenate([x, a]) * dnp.stack([x, x]).reshape(4, 3),
    "prod": lambda x, a: x.prod() * a,
    "cumprod": lambda x, a: dnp.cumprod(x, axis=1) * a,
    "max": lambda x, a: x.max(axis=1) * x.min(),
    "var": lambda x, a: dnp.var(x, axis=0) * dnp.norm(x, axis=0),
    "softmax": lambda x, a: dnp.softmax(x) * a,
    "sort": lambda x, a: dnp.sort(x, axis=None) * dnp.median(x),
    "average": lambda x, a: dnp.average(x, weights=a) * x,
    "at": lambda x, a: x.at[0].multiply(a[1]).at[1].set(x[0] * a[0]),
    "astype": lambda x, a: x.astype(np.float64) * x,
}


def leaf_and_handle(kind: str) -> tuple[Value, Any]:
    """A variable, and an array that looks into its memory if there is one."""
    if kind.startswith("adopted"):
        array = np.repeat(X, 2, axis=0)
        return Value(array[::2], copy=False), array
    x = Value(X)
    if kind == "own":
        return x, None
    return x, x.data if kind == "data" else x.data.T


LEAVES = ["own", "data", "view of data", "adopted"]


def read_only_view(a: np.ndarray) -> np.ndarray:
    view = a[:]
    view.flags.writeable = False
    return view


OPERANDS: dict[str, Callable[[np.ndarray], Any]] = {
    "array": lambda a: a,
    "read-only view of a writable array": read_only_view,
    "broadcast view": lambda a: np.broadcast_to(a, a.shape),
    "subclass": lambda a: a.view(Subclass),
    "over a buffer": lambda a: np.frombuffer(memoryview(a), a.dtype).reshape(a.shape),
    "constant": dp.constant,
}


def _view_of_bytes() -> tuple[Any, Callable[[], None]]:
    memory = bytearray(np.array([2, 1, 2]).tobytes())
    return (
        memoryview(memory).cast("q").toreadonly(),
        lambda: memory.__setitem__(slice(8), bytes(8)),
    )


def _foreign(kind: str) -> tuple[Any, Callable[[], None]]:
    """The integers 2, 1, 2 in what is no ndarray, and a later write of a 0."""
    x: Any
    if kind == "read-only memoryview":
        return _view_of_bytes()
    if kind == "tensor":
        x = pytest.importorskip("torch").tensor([2, 1, 2])
    elif kind == "series":
        x = pytest.importorskip("pandas").Series([2, 1, 2])
    elif kind == "column":
        x = pytest.importorskip("pandas").DataFrame({"a": [2, 1, 2], "b": [0, 0, 0]})["a"]
    elif kind == "ctypes":
        x = (ctypes.c_int64 * 3)(2, 1, 2)
    else:
        made = array("q", [2, 1, 2])
        x = {"array": made, "memoryview": memoryview(made), "list": [2, 1, 2]}[kind]
    return x, lambda: x.__setitem__(0, 0)


FOREIGN = ["list", "array", "memoryview", "read-only memoryview", "ctypes"]
FOREIGN += ["tensor", "series", "column"]
WITH_FOREIGN: dict[str, Callable[[Any, Any], Any]] = {
    "multiply": dnp.multiply,
    "ufunc": lambda x, a: np.power(x, a),
    "power": lambda x, a: dnp.power(a, x),
    "clip": lambda x, a: dnp.clip(x * 2, a, 2) * x,
    "maximum": lambda x, a: dnp.maximum(a, x) * x,
    "where": lambda x, a: dnp.where(a, x * x, x),
    "matmul": dnp.matmul,
    "einsum": lambda x, a: dnp.einsum("i,i->i", x, a),
    "average": lambda x, a: dnp.average(x, weights=a),
    "index": lambda x, a: x[a] ** 2,
    "one of two indices": lambda x, a: x[None][0, a] ** 2,
    "take": lambda x, a: dnp.take(x, a) ** 2,
    "at": lambda x, a: x.at[a].multiply(3.0),
    "mse": lambda x, a: dp.nn.mse(x, a),
    "cross-entropy": lambda x, a: dp.nn.softmax_cross_entropy(x * np.eye(3), a),
}

WRITES: dict[str, Callable[[Value], Any]] = {
    "data[...] =": lambda x: x.data.__setitem__(..., 7.0),
    "data[0] =": lambda x: x.data[0].__setitem__(1, 7.0),
    "data -=": lambda x: setattr(x, "data", operator.isub(x.data, 0.1 * X)),
    "data =": lambda x: setattr(x, "data", X + 5),
    "assign": lambda x: x.assign(X + 3),
    "a view of data": lambda x: x.data.T.reshape(-1, order="F").__setitem__(..., 9.0),
    "nothing": lambda x: None,
}


def gradients(
    program: Callable[[Any, Any], Any], leaf: str, operand: str, write: str | None, order: int
) -> list[np.ndarray]:
    """The first (and second) order gradients, with writes wherever one could hurt."""
    x, handle = leaf_and_handle(leaf)
    base = A.copy()
    a = OPERANDS[operand](base)

    def disturb() -> None:
        if write is not None:
            WRITES[write](x)
            base[...] = 11.0
            if handle is not None:
                handle[...] = 13.0

    y = program(x, a)
    y = y * y
    disturb()
    weights = np.linspace(1, 2, y.size).reshape(y.shape)
    y.backward(weights, create_graph=order == 2)
    weights[...] = 17.0
    disturb()
    found = x.grad
    if order == 1:
        return [found]
    x.zero_grad()
    disturb()
    (found * found).sum().backward()
    return [found.numpy(), x.grad]


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
@given(
    leaf=st.sampled_from(LEAVES),
    operand=st.sampled_from(sorted(OPERANDS)),
    write=st.sampled_from(sorted(WRITES)),
    order=st.sampled_from([1, 2]),
)
def test_writes_after_recording_change_nothing(
    program: Callable[[Any, Any], Any], leaf: str, operand: str, write: str, order: int
) -> None:
    want = gradients(program, "own", "array", None, order)
    found = gradients(program, leaf, operand, write, order)
    for g, w in zip(found, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-14, atol=0)


@pytest.mark.parametrize("program", WITH_FOREIGN)
@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_ndarray_may_change_after_recording(kind: str, program: str) -> None:
    found = []
    for late in (False, True):
        x, (a, write) = Value([1.5, 2.5, 0.5]), _foreign(kind)
        y = WITH_FOREIGN[program](x, a)
        if late:
            write()
            assert np.asarray(a)[0] == 0
        y.sum().backward()
        found.append(x.grad)
    np.testing.assert_array_equal(*found)


PARAMETERS: dict[str, tuple[Callable[[Any, Any], Any], Any, Any]] = {
    "axes": (lambda x, p: x.transpose(p), [1, 0], [0, 1]),
    "shape": (lambda x, p: x.reshape(p), [3, 2], [6, 1]),
    "tile": (lambda x, p: dnp.tile(x, p), [2, 1], [1, 1]),
    "repeat": (lambda x, p: dnp.repeat(x, p, axis=1), np.array([1, 2, 3]), [3, 2, 1]),
    "roll": (lambda x, p: dnp.roll(x, p, axis=[0, 1]), [1, 2], [0, 0]),
    "moveaxis": (lambda x, p: dnp.moveaxis(x, p, [1, 0]), [0, 1], [1, 0]),
    "pad": (lambda x, p: dnp.pad(x, p), np.array([[1, 0], [0, 2]]), 0),
    "split": (lambda x, p: dnp.split(x, p, axis=1)[1], [1, 2], [0, 1]),
    "index array": (lambda x, p: x[:, p], np.array([2, 0, 2]), [1, 1, 1]),
    "index list": (lambda x, p: x[:, p], [2, 0, 2], [1, 1, 1]),
    "mask": (lambda x, p: x[p], np.array([True, False]), [False, True]),
    "index view": (lambda x, p: x[:, p[::2]], np.array([2, 9, 0]), [1, 1, 1]),
    "take": (lambda x, p: dnp.take(x, p, axis=1), np.array([2, 2]), [0, 1]),
    "take_along_axis": (
        lambda x, p: dnp.take_along_axis(x, p, axis=1),
        np.array([[2], [0]]),
        [[1], [1]],
    ),
    "at": (lambda x, p: x.at[:, p].multiply(3.0), np.array([2, 0]), [1, 1]),
    "select": (lambda x, p: dnp.select([p], [x * x], x), X > 1, False),
    "piecewise": (lambda x, p: dnp.piecewise(x, [p], [dnp.square, 0.0]), X > 1, False),
    "where": (lambda x, p: dnp.where(p, x * x, x), X > 1, False),
    "operand list": (lambda x, p: dnp.multiply(x, p), [1.0, 2.0, 3.0], [0.0, 0.0, 0.0]),
    "operand list of np.": (lambda x, p: np.multiply(p, x), [1.0, 2.0, 3.0], [0.0, 0.0, 0.0]),
    "operand of *": (lambda x, p: x * p, [1.0, 2.0, 3.0], [0.0, 0.0, 0.0]),
    "0-d": (lambda x, p: x * p, np.array(3.0), 100.0),
    "0-d constant": (lambda x, p: x * dp.constant(p), np.array(3.0), 100.0),
    "constant": (lambda x, p: x * dp.constant(p), np.array([1.0, 2.0, 3.0]), 0.0),
    "quantile": (lambda x, p: dnp.quantile(x, p), np.array([0.2, 0.7]), 0.0),
    "concatenated list": (lambda x, p: dnp.concatenate([*p, x]), [X], [A]),
}


@pytest.mark.parametrize(("f", "parameter", "later"), PARAMETERS.values(), ids=PARAMETERS.keys())
def test_parameters_written_after_recording_change_nothing(
    f: Callable[[Any, Any], Any], parameter: Any, later: Any
) -> None:
    def gradient(write: bool) -> Any:
        x, p = Value(X), parameter.copy()
        y = f(x, p)
        if write:
            p[... if isinstance(p, np.ndarray) else slice(None)] = later
        (y * y).sum().backward()
        return x.grad

    np.testing.assert_array_equal(gradient(True), gradient(False))


# -- what a result gives away cannot be written through ------------------------------------


@pytest.mark.parametrize(
    "f", [lambda x: x * 2, lambda x: x.reshape(-1), lambda x: x[0], lambda x: x.T, lambda x: x > 1]
)
def test_the_data_of_results_is_read_only(f: Callable[[Any], Any]) -> None:
    y = f(Value(X))
    with pytest.raises(ValueError, match="read-only"):
        y.data[...] = 0.0
    with pytest.raises(TypeError, match="only a variable"):
        y.data = np.zeros(y.shape)
    y.numpy()[...] = 0.0
    y.detach().numpy()[...] = 0.0
    np.testing.assert_array_equal(y.data, f(X))


@pytest.mark.parametrize("through", [np.asarray, np.array, np.ravel, np.atleast_1d])
@pytest.mark.parametrize("make", [dp.constant, lambda a: Value(a).detach(), lambda a: Value(a) > 1])
def test_a_constant_gives_away_nothing_that_is_recorded(make: Any, through: Any) -> None:
    c, x = make(X), Value(X)
    before = c.numpy()
    y = (c * x).sum()
    given = through(c)
    if isinstance(given, np.ndarray) and given.flags.writeable:
        given[...] = 0
    for write in (
        lambda: np.put(c, [0], 0),
        lambda: np.copyto(c, 0),
        lambda: np.place(c, X > 1, 0),
    ):
        with pytest.raises((ValueError, TypeError)):
            write()
    y.backward()
    np.testing.assert_array_equal(x.grad, before)
    np.testing.assert_array_equal(c.data, before)


def test_a_value_copies_unless_told_to_adopt() -> None:
    array = X.copy()
    copied, adopted_ = Value(array), Value(array, copy=False)
    array[0, 0] = 50.0
    assert copied.data[0, 0] == 0.5
    assert adopted_.data[0, 0] == 50.0
    adopted_.data[0, 1] = 60.0
    adopted_.assign(adopted_.data + 1)
    assert array[0, 0] == 51.0
    assert array[0, 1] == 61.0


@pytest.mark.parametrize("start", [3.0, X])
def test_a_step_of_gradient_descent_is_an_assignment(start: Any) -> None:
    p = Value(start)
    old, graph = p.numpy(), p * p
    view = p.data
    graph.sum().backward()
    p.data -= 0.5 * p.grad
    np.testing.assert_array_equal(p.data, np.zeros_like(old))
    graph.sum().backward()
    np.testing.assert_array_equal(p.grad, 4 * old)
    if p.shape:
        assert p.data is view
        np.testing.assert_array_equal(view, 0)


@pytest.mark.parametrize("write", ["assign", "data"])
def test_what_was_assigned_may_change_later(write: str) -> None:
    p, new = Value(np.zeros(3)), np.ones(3)
    p.assign(new) if write == "assign" else setattr(p, "data", new)
    p.grad = new
    new[0] = 9.0
    np.testing.assert_array_equal(p.data, np.ones(3))
    np.testing.assert_array_equal(p.grad, np.ones(3))
    p.data = p.data[::-1]
    q = Value(np.arange(3.0))
    q.data = q.data[::-1]
    np.testing.assert_array_equal(q.data, [2.0, 1.0, 0.0])


def test_a_wrong_assignment_changes_nothing() -> None:
    p = Value(np.zeros(3), name="weights")
    with pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
        p.data = np.ones(2)
    with pytest.raises(ValueError, match=r"\(3,\).*\(\)"):
        p.assign(1.0)
    with pytest.raises(TypeError, match="constant"):
        dp.constant([1.0]).assign([2.0])
    with pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
        p.grad = np.ones(2)
    np.testing.assert_array_equal(p.data, np.zeros(3))
    assert p.grad is None


# -- gradients belong to the user ------------------------------------------------------------


def test_gradients_alias_nothing() -> None:
    x, w, seed = Value(X), Value(X), np.ones((2, 3))
    y = x + w
    z = y + 0.0
    t = z.reshape(2, 3).T.T
    t.backward(seed)
    nodes = [x, w, y, z, t]
    for i, node in enumerate(nodes):
        node.grad[...] = i
    seed[...] = 50.0
    for i, node in enumerate(nodes):
        np.testing.assert_array_equal(node.grad, np.full((2, 3), float(i)))
        np.testing.assert_array_equal(node.numpy(), 2 * X if i > 1 else X)
    t.backward(np.ones((2, 3)))
    np.testing.assert_array_equal(x.grad, np.ones((2, 3)))
    np.testing.assert_array_equal(t.grad, np.full((2, 3), 5.0))


def test_gradients_can_be_changed_and_stay_changed() -> None:
    x = Value([1.0, 2.0])
    y = x * x
    y.sum().backward()
    x.grad *= 2
    y.grad[0] = 7.0
    x.grad[0] = 1.0
    np.testing.assert_array_equal(x.grad, [1.0, 8.0])
    np.testing.assert_array_equal(y.grad, [7.0, 1.0])
    held = x.grad
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [3.0, 12.0])
    np.testing.assert_array_equal(held, [1.0, 8.0])
    s = Value(3.0)
    (s * s).backward()
    s.grad *= 2
    assert s.grad == 12.0


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("seed", ["variable", "constant"])
def test_an_output_gradient_given_as_a_value_is_copied(seed: str, graph: bool) -> None:
    x, g = Value(X), Value(X) if seed == "variable" else dp.constant(X)
    handle = g.data
    y = x + 0.0
    y.backward(g, create_graph=graph)
    if seed == "variable":
        handle[...] = 100.0
    for node in (x, y):
        found = node.grad.data if graph else node.grad
        np.testing.assert_array_equal(found, X)
        assert graph or not np.shares_memory(found, handle)


def test_what_a_hook_returns_or_gets_is_not_kept() -> None:
    x, buffer, seen = Value(X), np.ones((2, 3)), []

    def hook(g: np.ndarray) -> np.ndarray:
        seen.append(g)
        return buffer

    y = x + 0.0
    y.register_hook(hook)
    y.backward(2 * np.ones((2, 3)))
    buffer[...] = 100.0
    seen[0][...] = 100.0
    np.testing.assert_array_equal(x.grad, np.ones((2, 3)))
    np.testing.assert_array_equal(y.grad, np.ones((2, 3)))


@pytest.mark.parametrize("scaled", [lambda x: x / 2.0, lambda x: -x, lambda x: 3.0 * x, abs])
@pytest.mark.parametrize("squared", [lambda y: y * y, np.square, lambda y: y**2])
def test_a_write_does_not_reach_the_recorded_derivative_of_a_square(
    scaled: Any, squared: Any
) -> None:
    x = dp.Value([1.0, 2.0])
    handle = x.data  # from now on written in place
    loss = squared(scaled(x)).sum()
    handle[...] = 7.0
    loss.backward(create_graph=True)
    factor = float(scaled(1.0)) ** 2
    np.testing.assert_allclose(x.grad.numpy(), 2 * factor * np.array([1.0, 2.0]))
