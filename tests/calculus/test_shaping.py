"""Shaping: each function against NumPy's, in both modes and at second order, exactly.

These functions only move entries. So NumPy's own function, asked to move the numbers 1
to n, tells where each entry of the result came from, and with that the transpose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop.calculus import elementwise, shaping
from deltaprop.graph import Node
from deltaprop.graph.forward import forward_sweep
from deltaprop.graph.reverse import sweep

Function = Callable[[Any, Any], Any]

# name: fewest axes, the call; `m` is numpy or our module
ONE: dict[str, tuple[int, Function]] = {
    "array_split": (1, lambda m, x: m.array_split(x, 3)[1]),
    "array_split at": (2, lambda m, x: m.array_split(x, [1, 2], axis=-1)[-1]),
    "atleast_1d": (0, lambda m, x: m.atleast_1d(x)),
    "atleast_2d": (0, lambda m, x: m.atleast_2d(x)),
    "atleast_3d": (0, lambda m, x: m.atleast_3d(x)),
    "broadcast_arrays": (1, lambda m, x: m.broadcast_arrays(x, np.ones((2, 1, 1, 1)))[0]),
    "broadcast_to": (0, lambda m, x: m.broadcast_to(x, (2, *x.shape))),
    "diag": (2, lambda m, x: m.diag(x[0], -1) if x.ndim == 2 else m.diag(x[0, 0], 2)),
    "diagonal": (2, lambda m, x: m.diagonal(x)),
    "diagonal above": (2, lambda m, x: m.diagonal(x, 1, -1, 0)),
    "diagonal below": (2, lambda m, x: m.diagonal(x, -2)),
    "expand_dims": (0, lambda m, x: m.expand_dims(x, -1)),
    "expand_dims twice": (1, lambda m, x: m.expand_dims(x, (0, -2))),
    "flip": (0, lambda m, x: m.flip(x)),
    "flip one": (1, lambda m, x: m.flip(x, -1)),
    "fliplr": (2, lambda m, x: m.fliplr(x)),
    "flipud": (1, lambda m, x: m.flipud(x)),
    "hsplit": (1, lambda m, x: m.hsplit(x, [1])[1]),
    "matrix_transpose": (2, lambda m, x: m.matrix_transpose(x)),
    "meshgrid": (1, lambda m, x: m.meshgrid([1.0, 2.0], m.ravel(x))[1]),
    "meshgrid ij": (1, lambda m, x: m.meshgrid(m.ravel(x), [1.0, 2.0], indexing="ij")[0]),
    "meshgrid sparse": (1, lambda m, x: m.meshgrid(m.ravel(x), [1.0], sparse=True)[0]),
    "moveaxis": (2, lambda m, x: m.moveaxis(x, 0, -1)),
    "moveaxis two": (2, lambda m, x: m.moveaxis(x, (0, -1), (-1, 0))),
    "pad": (1, lambda m, x: m.pad(x, 1)),
    "pad pair": (1, lambda m, x: m.pad(x, (1, 2))),
    "permute_dims": (0, lambda m, x: m.permute_dims(x)),
    "ravel": (0, lambda m, x: m.ravel(x)),
    "ravel F": (0, lambda m, x: m.ravel(x, order="F")),
    "repeat": (0, lambda m, x: m.repeat(x, 2)),
    "repeat axis": (1, lambda m, x: m.repeat(x, 3, axis=-1)),
    "repeat each": (1, lambda m, x: m.repeat(x, np.arange(x.shape[0]), axis=0)),
    "reshape": (0, lambda m, x: m.reshape(x, x.shape[::-1])),
    "reshape A": (1, lambda m, x: m.reshape(x, x.shape[::-1], order="A")),
    "reshape F": (1, lambda m, x: m.reshape(x, x.shape[::-1], order="F")),
    "roll": (0, lambda m, x: m.roll(x, 2)),
    "roll axes": (2, lambda m, x: m.roll(x, (1, -2), (0, -1))),
    "roll axis": (1, lambda m, x: m.roll(x, -1, -1)),
    "rot90": (2, lambda m, x: m.rot90(x)),
    "rot90 twice": (2, lambda m, x: m.rot90(x, 2)),
    "rot90 back": (2, lambda m, x: m.rot90(x, -1, (-1, 0))),
    "split": (1, lambda m, x: m.split(x, [2])[0]),
    "squeeze": (0, lambda m, x: m.squeeze(x)),
    "squeeze one": (1, lambda m, x: m.squeeze(m.expand_dims(x, 1), axis=1)),
    "swapaxes": (1, lambda m, x: m.swapaxes(x, 0, -1)),
    "tile": (0, lambda m, x: m.tile(x, 2)),
    "tile axes": (1, lambda m, x: m.tile(x, (2, 1, 3))),
    "transpose": (0, lambda m, x: m.transpose(x)),
    "transpose axes": (2, lambda m, x: m.transpose(x, (-1, *range(x.ndim - 1)))),
    "tril": (1, lambda m, x: m.tril(x)),
    "tril above": (2, lambda m, x: m.tril(x, 1)),
    "triu": (1, lambda m, x: m.triu(x)),
    "triu below": (2, lambda m, x: m.triu(x, -1)),
    "unstack": (2, lambda m, x: m.unstack(x, axis=1)[-1]),
    "rollaxis": (2, lambda m, x: m.rollaxis(x, 1)),
    "rollaxis start": (3, lambda m, x: m.rollaxis(x, 0, 2)),
    "dsplit": (3, lambda m, x: m.dsplit(x, [1])[0]),
    "row_stack": (2, lambda m, x: m.vstack([x, x]) if m is np else m.row_stack([x, x])),
    "ravel K": (2, lambda m, x: m.ravel(x, "K")),
    "vsplit": (2, lambda m, x: m.vsplit(x, [1])[0]),
    # several arrays, of which some are parts of x
    "column_stack": (2, lambda m, x: m.column_stack([m.ravel(x), m.reshape(x, (-1, 1))])),
    "concatenate": (1, lambda m, x: m.concatenate([x, x[:1], x[1:]])),
    "concatenate flat": (1, lambda m, x: m.concatenate((x, x[0]), axis=None)),
    "concatenate last": (1, lambda m, x: m.concatenate([x[..., :1], x], axis=-1)),
    "concatenate rows": (2, lambda m, x: m.concatenate(x)),
    "dstack": (1, lambda m, x: m.dstack([x, x])),
    "hstack": (1, lambda m, x: m.hstack([x, x[:, :1]] if x.ndim > 1 else [x, x[0]])),
    "stack": (0, lambda m, x: m.stack([x, x])),
    "stack last": (1, lambda m, x: m.stack([x[0], x[-1]], axis=-1)),
    "vstack": (1, lambda m, x: m.vstack([x, x])),
}
for _mode in ("edge", "reflect", "symmetric", "wrap"):
    ONE[f"pad {_mode}"] = (
        1,
        lambda m, x, mode=_mode: m.pad(x, [(2, 1)] + [(0, 3)] * (x.ndim - 1), mode=mode),
    )


def shapes(fewest: int, shortest: int = 1) -> Any:
    return hnp.array_shapes(min_dims=fewest, max_dims=3, min_side=shortest, max_side=4)


def integers(shape: tuple[int, ...], seed: int) -> Any:
    """Whole numbers as floats: sums and products of them are exact."""
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(float)


def held(x: Any) -> Any:
    return x._held if isinstance(x, Node) else x


def seed_of(w: Any) -> Any:
    return w if w.ndim else w.item()


def check_moves(f: Function, shape: tuple[int, ...], seed: int) -> None:
    """Value, transpose, forward mode and second order of something that moves entries."""
    x, t, u = (integers(shape, seed + i) for i in range(3))
    came_from = f(np, np.arange(1.0, x.size + 1).reshape(shape)).astype(int)
    w = integers(came_from.shape, seed + 3)
    transposed = np.bincount(came_from.ravel(), w.ravel(), x.size + 1)[1:].reshape(shape)

    plain = f(shaping, x)
    assert not isinstance(plain, Node)
    np.testing.assert_array_equal(plain, f(np, x), strict=True)
    v = dp.Value(x)
    y = f(shaping, v)
    np.testing.assert_array_equal(held(y), f(np, x))
    assert np.shape(held(y)) == came_from.shape

    np.testing.assert_array_equal(sweep(y, seed_of(w))[v], transposed)
    (tangent,) = forward_sweep([y], {v: seed_of(t)})
    np.testing.assert_array_equal(tangent, f(np, t))
    # f(x^3) * w: gradient 3 x^2 f^T(w); along u, its own is 6 x u f^T(w)
    first = sweep(f(shaping, v * v * v), seed_of(w), graph=True)[v]
    np.testing.assert_array_equal(held(first), 3 * x * x * transposed)
    again = sweep(first, seed_of(u)).get(v, 0.0)
    np.testing.assert_array_equal(again, 6 * x * u * transposed)


@pytest.mark.parametrize("name", ONE)
@settings(max_examples=15)
@given(data=st.data(), seed=st.integers(0, 10**6))
def test_moves_as_numpy_does(name: str, data: st.DataObject, seed: int) -> None:
    fewest, f = ONE[name]
    check_moves(f, data.draw(shapes(fewest)), seed)


@pytest.mark.parametrize("name", ["moveaxis", "reshape F", "roll axes", "rot90", "transpose axes"])
def test_equal_sides_hide_no_wrong_axis(name: str) -> None:
    check_moves(ONE[name][1], (3, 3, 3), 0)


EMPTY = ("array_split", "diagonal", "expand_dims", "flip", "pad", "repeat", "reshape", "stack")


@pytest.mark.parametrize(
    "name", [*EMPTY, "roll", "rot90", "tile", "transpose", "tril", "concatenate", "ravel"]
)
def test_empty_arrays(name: str) -> None:
    check_moves(ONE[name][1], (0, 3), 0)
    check_moves(ONE[name][1], (3, 0), 0)


def test_every_function_is_in_the_table() -> None:
    tested = {name.split()[0] for name in ONE} | {"astype", "copy", "trace"}
    assert tested == {*shaping.__all__}


@given(shape=shapes(2, 0), offset=st.integers(-3, 3), axes=st.permutations([0, 1]))
def test_trace_is_the_sum_of_the_diagonal(
    shape: tuple[int, ...], offset: int, axes: list[int]
) -> None:
    x = integers(shape, 0)
    v = dp.Value(x)
    y = shaping.trace(v, offset, *axes)
    expected = np.trace(x, offset, *axes)
    np.testing.assert_array_equal(held(y), expected)
    np.testing.assert_array_equal(shaping.trace(x, offset, *axes), expected)
    w = integers(np.shape(expected), 1)
    mask = np.zeros(shape)
    lines = np.moveaxis(mask, axes, (0, 1))
    for i in range(lines.shape[0]):
        if 0 <= i + offset < lines.shape[1]:
            lines[i, i + offset] = w
    np.testing.assert_array_equal(sweep(y, seed_of(w))[v], mask)


@pytest.mark.parametrize("name", sorted(set(ONE) - {"dsplit", "meshgrid", "meshgrid ij"}))
def test_float32_stays(name: str) -> None:
    x = dp.Value(integers((3, 3), 0).astype(np.float32))
    y = ONE[name][1](shaping, x)
    y.backward(np.ones(y.shape))
    assert y.dtype == x.grad.dtype == np.float32
    assert ONE[name][1](shaping, np.ones((3, 3), np.int8)).dtype.kind in "if"


@pytest.mark.parametrize("arrays", [np.concatenate, np.stack, np.vstack, np.hstack])
def test_values_join_with_raw_arrays_and_constants(arrays: Any) -> None:
    ours = getattr(shaping, arrays.__name__)
    x, raw, c = dp.Value([1.0, 2.0]), np.array([3.0, np.inf]), dp.constant([5, 6])
    y = ours([raw, x, [7.0, 8.0], c, x])
    np.testing.assert_array_equal(held(y), arrays([raw, [1, 2], [7, 8], [5, 6], [1, 2]]))
    w = np.arange(10.0).reshape(y.shape)
    y.backward(w)
    _, first, _, _, last = np.split(w, 5) if w.ndim > 1 else w.reshape(5, 2)
    np.testing.assert_array_equal(x.grad, (first + last).reshape(2))
    (tangent,) = forward_sweep([y], {x: np.array([10.0, 20.0])})
    np.testing.assert_array_equal(tangent, arrays([[0, 0], [10, 20], [0, 0], [0, 0], [10, 20]]))


def test_scalars_join() -> None:
    a, b = dp.Value(1.0), dp.Value(2.0)
    (shaping.stack([a, 5.0, b, a]) * [1.0, 10.0, 100.0, 1000.0]).sum().backward()
    assert (a.grad, b.grad) == (1001.0, 100.0)


def test_several_results() -> None:
    a, b = shaping.atleast_2d(dp.Value(1.0), [1.0, 2.0])
    assert isinstance(a, dp.Value)
    assert a.shape == (1, 1)
    assert b.shape == (1, 2)
    assert [p.shape for p in shaping.split(dp.Value(np.ones((6, 2))), 3)] == [(2, 2)] * 3
    grid = shaping.meshgrid(dp.Value([1.0, 2.0]), dp.Value([3.0, 4.0, 5.0]))
    assert [g.shape for g in grid] == [(3, 2), (3, 2)]


def test_pad_with_constants() -> None:
    x = dp.Value([[1.0, 2.0]])
    for border in (5.0, (-np.inf, 3.0), ((1, 2), (3, 4))):
        y = shaping.pad(x, ((1, 0), (0, 2)), constant_values=border)
        expected = np.pad([[1.0, 2.0]], ((1, 0), (0, 2)), constant_values=border)
        np.testing.assert_array_equal(y.data, expected)
    y.backward(np.arange(8.0).reshape(2, 4))
    np.testing.assert_array_equal(x.grad, [[4.0, 5.0]])


class TestAstype:
    def test_gradients_come_back_in_the_own_dtype(self) -> None:
        x = dp.Value(np.array([1.5, 2.5], np.float32))
        y = x.astype(np.float64)
        (y * y).sum().backward(create_graph=True)
        assert y.dtype == np.float64
        assert x.grad.dtype == np.float32
        g = x.grad
        x.zero_grad()
        g.sum().backward()
        np.testing.assert_array_equal(x.grad, np.array([2, 2], np.float32), strict=True)

    def test_integers_are_constants(self) -> None:
        y = dp.Value([1.5, -2.5]).astype(int)
        assert y.is_constant
        np.testing.assert_array_equal(y.data, [1, -2])
        assert dp.Value(2.5).astype(bool).is_constant
        assert shaping.astype([1.5], int).tolist() == [1]

    def test_a_scalar_is_rounded(self) -> None:
        x = dp.Value(0.1)
        y = x.astype("float32")
        y.backward()
        assert y.data == float(np.float32(0.1))
        assert x.grad == 1.0

    def test_a_cast_is_a_copy(self) -> None:
        x = dp.Value([1.0, 2.0])
        y = x.astype(float)
        x.data[0] = 9.0
        np.testing.assert_array_equal(y.data, [1.0, 2.0])


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.reshape(3, 2),
        lambda x: x.T,
        lambda x: shaping.flip(x),
        lambda x: shaping.broadcast_to(x, (2, 2, 3)),
        lambda x: shaping.diagonal(x),
        lambda x: shaping.unstack(x)[0],
    ],
)
def test_later_writes_do_not_show_in_views(view: Any) -> None:
    x = dp.Value(np.arange(6.0).reshape(2, 3))
    handle = x.data  # from here on the buffer may be written to
    y = view(x)
    before = y.numpy()
    z = (y * y).sum()
    handle[:] = -1.0
    x.assign(np.full((2, 3), 7.0))
    z.backward()
    np.testing.assert_array_equal(y.data, before)
    expected = dp.Value(np.arange(6.0).reshape(2, 3))
    (view(expected) ** 2).sum().backward()
    np.testing.assert_array_equal(x.grad, expected.grad)


MOVES: list[Callable[[Any], Any]] = [
    lambda x: x.reshape(-1),
    lambda x: x.T,
    lambda x: shaping.roll(x, 1),
    lambda x: shaping.stack([x, x]),
    lambda x: shaping.concatenate([x, [[1.0, 1.0]]]),
    lambda x: shaping.flip(x, 1),
    lambda x: x.astype(np.float32),
]


@pytest.mark.parametrize("moved", MOVES)
def test_structural_zeros_move_along(moved: Any) -> None:
    """log at 0 sends no NaN back through anything that moves entries."""
    x = dp.Value([[0.0, 1.0], [2.0, 0.0]])
    with np.errstate(divide="ignore"):
        y = moved(elementwise.log(x))
    elementwise.where(np.isfinite(y.data), y, 0.0).sum().backward()
    copies = y.size // 4 if y.ndim > 2 else 1
    np.testing.assert_array_equal(x.grad, [[0.0, copies], [0.5 * copies, 0.0]])


def test_structural_zeros_move_along_at_second_order() -> None:
    x = dp.Value([[0.0, 1.0], [2.0, 0.0]])
    with np.errstate(divide="ignore"):
        y = elementwise.log(x).T
    elementwise.where(np.isfinite(y.data), y, 0.0).sum().backward(create_graph=True)
    g = x.grad
    x.zero_grad()
    g.sum().backward()
    np.testing.assert_array_equal(x.grad, [[0.0, -1.0], [-0.25, 0.0]])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.reshape(4), ValueError, "cannot reshape"),
        (lambda x: shaping.squeeze(x, 0), ValueError, "size not equal to one"),
        (lambda x: shaping.transpose(x, (0, 0)), ValueError, "repeated axis"),
        (lambda x: shaping.moveaxis(x, 5, 0), ValueError, "out of bounds"),
        (lambda x: shaping.concatenate([]), ValueError, "at least one array"),
        (lambda x: shaping.concatenate([x, x[0]]), ValueError, "same number of dimensions"),
        (lambda x: shaping.stack([x, x.T]), ValueError, "same shape"),
        (lambda x: shaping.split(x, 2, axis=1), ValueError, "length 3 .* 2 equal parts"),
        (lambda x: shaping.array_split(x, 0), ValueError, "larger than 0"),
        (lambda x: shaping.pad(x, 1, mode="mirror"), ValueError, "must be one of constant, edge"),
        (lambda x: shaping.diag(x[None]), ValueError, r"shape \(1, 2, 3\)"),
        (lambda x: shaping.diagonal(x[0]), ValueError, "out of bounds"),
        (lambda x: shaping.broadcast_to(x, (3, 3)), ValueError, "broadcast"),
        (lambda x: shaping.rot90(x, axes=(0, 0)), ValueError, "repeated axis"),
        (lambda x: shaping.meshgrid(x[0], x[1], indexing="yx"), ValueError, "indexing"),
    ],
)
def test_errors(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call(dp.Value(np.ones((2, 3))))


def test_numpys_functions_and_the_methods_lead_here() -> None:
    x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    for y in (np.concatenate([x, x]), np.reshape(x, 4), np.pad(x, 1), np.tril(x), np.flip(x)):
        assert isinstance(y, dp.Value)
    np.testing.assert_array_equal(x.ravel().data, [1, 2, 3, 4])
    np.testing.assert_array_equal(x.transpose(1, 0).data, x.T.data)
    np.testing.assert_array_equal(x.repeat(2, axis=0).shape, (4, 2))
    assert x.trace().data == 5.0


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch")
    x = integers((3, 4), 1)
    pairs: list[tuple[Any, Any]] = [
        (lambda v: shaping.roll(v, (1, 2), (0, 1)), lambda t: torch.roll(t, (1, 2), (0, 1))),
        (lambda v: shaping.rot90(v, 3), lambda t: torch.rot90(t, 3)),
        (lambda v: shaping.diagonal(v, 1), lambda t: torch.diagonal(t, 1)),
        (lambda v: shaping.tile(v, (2, 2)), lambda t: torch.tile(t, (2, 2))),
        (lambda v: shaping.triu(v, 1), lambda t: torch.triu(t, 1)),
        (
            lambda v: shaping.repeat(v, [1, 0, 2], axis=0),
            lambda t: torch.repeat_interleave(t, torch.tensor([1, 0, 2]), 0),
        ),
        (
            lambda v: shaping.pad(v, ((0, 0), (2, 1)), mode="reflect"),
            lambda t: torch.nn.functional.pad(t, (2, 1), mode="reflect"),
        ),
    ]
    for ours, theirs in pairs:
        v, t = dp.Value(x), torch.tensor(x, requires_grad=True)
        y, z = ours(v), theirs(t)
        np.testing.assert_array_equal(y.data, z.detach().numpy())
        w = integers(y.shape, 2)
        y.backward(w)
        z.backward(torch.tensor(w))
        np.testing.assert_array_equal(v.grad, t.grad.numpy())
