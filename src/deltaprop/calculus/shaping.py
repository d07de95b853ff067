"""Shaping: the same entries in another shape, in another order, or joined with others.

Every operation here moves entries and computes nothing with them. Six primitives do this (reshape,
transpose, concatenate, stack, roll, astype). The other functions use them, basic indexing and
broadcasting.

Arguments and errors are those of the NumPy function of the same name. `x` may be a Value, an array
or nested lists. For raw arguments the result is raw, and a view where NumPy returns a view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from operator import index
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..graph import Node, Selection, as_array, dtype_of, gathered, is_array, raw, shape_of
from ..graph import broadcast_to as _broadcast_to
from ..graph.batches import along, reshaped, stacked, transposed
from ..graph.cotangent import scatter
from ..graph.domains import case
from ..graph.primitive import Array
from .elementwise import where
from .signatures import gives, of_array, of_sequence

if TYPE_CHECKING:
    from ..value import Value

__all__ = [
    "array_split", "astype", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays",
    "broadcast_to", "column_stack", "concatenate", "copy", "diag", "diagonal", "dsplit",
    "dstack", "expand_dims", "flip", "fliplr", "flipud", "hsplit", "hstack", "matrix_transpose",
    "meshgrid", "moveaxis", "pad", "permute_dims", "ravel", "repeat", "reshape", "roll",
    "rollaxis", "rot90", "row_stack", "split", "squeeze", "stack", "swapaxes", "tile", "trace",
    "transpose", "tril", "triu", "unstack", "vsplit", "vstack",
]  # fmt: skip

Axes: TypeAlias = int | Sequence[int]


def _array(x: Any) -> Array:
    """Return a node as it is, anything else as an ndarray; lists that hold nodes become a node."""
    if isinstance(x, Node):
        return x
    if isinstance(x, list | tuple):
        return gathered(x)
    x = as_array(x)
    return x if is_array(x) else x.astype(x.dtype)


def _line(x: Array, axis: int | None) -> tuple[Array, int]:
    """Return an array and one of its axes; if the axis is None, the flattened array."""
    return (ravel(x), 0) if axis is None else (_array(x), axis)


def _row(x: Array, axis: int | None) -> tuple[Array, int]:
    """Return the same as `_line`, with a number as a vector and the axis counted from 0."""
    x, axis = _line(x, axis)
    x = x if shape_of(x) else ravel(x)
    return x, normalize_axis_index(axis, len(shape_of(x)))


def floating(x: Array) -> Array:
    """Return an array or a node of floating or complex numbers: integers become float64."""
    x = _array(x)
    return x if dtype_of(x).kind in "fc" else astype(x, float)


def _part(x: Array, axis: int, index: Any) -> Array:
    return _array(x)[(slice(None),) * axis + (index,)]


def _pieces(g: Array, *xs: Array, axis: int) -> list[Array]:
    """Return the parts of a concatenation that came from each array."""
    stops = np.cumsum([0] + [shape_of(x)[axis] for x in xs]).tolist()
    return [_part(g, axis, slice(*ends)) for ends in pairwise(stops)]


def _inverse(axes: Sequence[int]) -> tuple[int, ...]:
    """Return the permutation that undoes another."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


_reshape: Selection = Selection(
    "reshape",
    lambda x, shape, order: np.asarray(x).reshape(shape, order=order),
    lambda g, x, shape, order: _reshape(g, shape=shape_of(x), order=order),
    silent=True,
    picks=True,
    batch=reshaped,
    cases=[
        case((3, 4), shape=(2, -1), order="C"),
        case((3, 4), shape=(2, 6), order="F"),
        case((), shape=(1, 1), order="C"),
        case((1, 1), shape=(), order="F"),
        case((0, 3), shape=(3, 0, 2), order="C"),
    ],
)
_transpose: Selection = Selection(
    "transpose",
    lambda x, axes: np.asarray(x).transpose(axes),
    lambda g, x, axes: _transpose(g, axes=_inverse(axes)),
    picks=True,
    batch=transposed,
    cases=[case((2, 3, 4), axes=(2, 0, 1)), case((0, 3), axes=(1, 0)), case((), axes=())],
)
_concatenate = Selection(
    "concatenate",
    lambda *xs, axis: np.concatenate(xs, axis),
    _pieces,
    several=True,
    views=False,
    picks=True,
    batch=along,
    cases=[case((2, 3), (4, 3), axis=0), case((2, 3), (2, 0), (2, 1), axis=1)],
)
_stack = Selection(
    "stack",
    lambda *xs, axis: np.stack(xs, axis),
    lambda g, *xs, axis: [_part(g, axis, i) for i in range(len(xs))],
    several=True,
    views=False,
    picks=True,
    batch=lambda op, level, data, params: stacked(op, level, data, {"axis": params["axis"] + 1}),
    cases=[case((2, 3), (2, 3), axis=1), case((), (), (), axis=0), case((0, 3), (0, 3), axis=2)],
)


def _rolled(op: Any, level: Any, data: Any, params: Any) -> Any:
    if params["axis"] is not None:
        return along(op, level, data, params)
    row = reshape(data[0], -1)
    return reshape(along(op, level, (row,), {**params, "axis": (0,)}), shape_of(data[0]))


_roll: Selection = Selection(
    "roll",
    lambda x, shift, axis: np.roll(x, shift, axis),
    lambda g, x, shift, axis: _roll(g, shift=tuple([-s for s in shift]), axis=axis),
    views=False,
    picks=True,
    batch=_rolled,
    cases=[
        case((3, 4), shift=(2,), axis=None),
        case((3, 4), shift=(1, -2), axis=(0, -1)),
        case((0, 3), shift=(1,), axis=1),
        case((), shift=(1,), axis=None),
    ],
)
# the argument casts the cotangent back
_astype = Selection(
    "astype",
    lambda x, dtype: np.asarray(x).astype(dtype),
    lambda g, x, dtype: g,
    views=False,
    silent=True,
    batch=stacked,
    cases=[case((2, 3), dtype=np.dtype(np.float64)), case((), dtype=np.dtype(np.float64))],
)


# one shape to another


@of_array
def reshape(x: Array, shape: Axes, order: str = "C", *, copy: bool | None = None) -> Array:
    """Return the entries in another shape, in order C or F, or A: the order in memory.

    With ``copy=False``, raise an error if the entries would have to move in memory.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    shape : int or tuple of int
        The new shape; one length may be -1, which stands for what fits.
    order : {'C', 'F', 'A'}, optional
        The order of the entries.
    copy : bool or None, optional
        Whether to copy; None copies if needed.

    Returns
    -------
    Value or array
        The entries in the new shape.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> reshape(x, -1, order="F").data
    array([1., 3., 2., 4.])
    """
    x = _array(x)
    if order == "A":
        order = "F" if as_array(raw(x)).flags.fnc else "C"
    if copy is not None:
        np.reshape(raw(x), shape, order=order, copy=copy)  # type: ignore[call-overload]
        x = np.array(x) if copy and not isinstance(x, Node) else x
    return _reshape(x, shape=_lengths(shape), order=order)


def _lengths(shape: Any) -> tuple[int, ...]:
    """Return integers as a tuple: a single integer, also as an array or a constant, or several."""
    try:
        return tuple(map(index, shape)) if isinstance(shape, tuple) else (index(shape),)
    except TypeError:
        return tuple(map(index, shape))


def _reshaped(function: Callable[..., np.ndarray], x: Array, *args: Any) -> Array:
    """Reshape as NumPy's `function` reshapes, which runs on an array of one byte."""
    x = _array(x)
    return reshape(x, function(np.broadcast_to(False, shape_of(x)), *args).shape)


@of_array
def ravel(x: Array, order: str = "C") -> Array:
    """Return all entries in one row; in order K, as they are in memory.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    order : {'C', 'F', 'A', 'K'}, optional
        Whether the last index varies fastest (C), the first (F), or as in memory.

    Returns
    -------
    Value or array
        One axis.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.ravel(x)
    >>> y
    Value([1., 2., 3., 4.], shape=(4,), dtype=float64)
    >>> y[1].backward()
    >>> x.grad
    array([[0., 1.],
           [0., 0.]])
    """
    if order == "K":
        strides = as_array(raw(x := _array(x))).strides
        return ravel(transpose(x, np.argsort([-abs(n) for n in strides], stable=True).tolist()))
    return reshape(x, (-1,), order)


@of_array
def expand_dims(x: Array, axis: Axes) -> Array:
    """Return the array with axes of length 1 inserted at positions `axis` of the result.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    axis : int or tuple of int
        The positions of the new axes in the result.

    Returns
    -------
    Value or array
        All entries of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0])
    >>> dnp.expand_dims(x, 0).shape
    (1, 2)
    >>> dnp.expand_dims(x, 0).sum().backward()
    >>> x.grad
    array([1., 1.])
    """
    return _reshaped(np.expand_dims, x, axis)


@of_array
def squeeze(x: Array, axis: Axes | None = None) -> Array:
    """Return the array without axes of length 1, all of them or those named.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    axis : int, tuple of int or None, optional
        The axes to remove, each of length 1; None, the default, removes all of these.

    Returns
    -------
    Value or array
        All entries of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0]])
    >>> dnp.squeeze(x)
    Value([1., 2.], shape=(2,), dtype=float64)
    >>> dnp.squeeze(x).sum().backward()
    >>> x.grad
    array([[1., 1.]])
    """
    return _reshaped(np.squeeze, x, axis)


def _at_least(function: Callable[..., np.ndarray], arrays: Sequence[Array]) -> Any:
    results = tuple([_reshaped(function, x) for x in arrays])
    return results[0] if len(results) == 1 else results


def atleast_1d(*arrays: Array) -> Any:
    """Return each array with at least one axis; a tuple, if there are several arrays.

    The gradient moves back with the entries.

    Parameters
    ----------
    *arrays : array_like or Value

    Returns
    -------
    Value or array
        One array, or a tuple of several.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value(2.0)
    >>> y = dnp.atleast_1d(x)
    >>> y.shape
    (1,)
    >>> y.sum().backward()
    >>> x.grad
    1.0
    """
    return _at_least(np.atleast_1d, arrays)


def atleast_2d(*arrays: Array) -> Any:
    """Return each array with at least two axes, new axes first.

    The gradient moves back with the entries.

    Parameters
    ----------
    *arrays : array_like or Value

    Returns
    -------
    Value or array
        One array, or a tuple of several.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value(2.0)
    >>> y = dnp.atleast_2d(x)
    >>> y.shape
    (1, 1)
    >>> y.sum().backward()
    >>> x.grad
    1.0
    """
    return _at_least(np.atleast_2d, arrays)


def atleast_3d(*arrays: Array) -> Any:
    """Return arrays with at least three axes: (n,) becomes (1, n, 1) and (m, n) (m, n, 1).

    The gradient moves back with the entries.

    Parameters
    ----------
    *arrays : array_like or Value

    Returns
    -------
    Value or array
        One array, or a tuple of several.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value(2.0)
    >>> y = dnp.atleast_3d(x)
    >>> y.shape
    (1, 1, 1)
    >>> y.sum().backward()
    >>> x.grad
    1.0
    """
    return _at_least(np.atleast_3d, arrays)


# the order of axes and entries


def _reordered(function: Callable[..., np.ndarray], x: Array, *args: Any) -> Array:
    """Transpose as NumPy's `function` does: a shape (0, 1, 2, ...) shows where the axes go."""
    x = _array(x)
    axes = function(np.empty(range(len(shape_of(x)))), *args).shape
    return _transpose(x, axes=axes)


@of_array
def transpose(x: Array, axes: Sequence[int] | None = None) -> Array:
    """Return the array with its axes in the order `axes`; reversed, if None.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    axes : sequence of int or None, optional
        The old position of each new axis.

    Returns
    -------
    Value or array
        All entries of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.transpose(x)
    >>> y
    Value([[1., 3.],
           [2., 4.]], shape=(2, 2), dtype=float64)
    >>> (y * [[1.0, 2.0], [3.0, 4.0]]).sum().backward()
    >>> x.grad
    array([[1., 3.],
           [2., 4.]])
    """
    x = _array(x)
    if axes is None:
        return _transpose(x, axes=tuple(range(len(shape_of(x)) - 1, -1, -1)))
    return _reordered(np.transpose, x, axes)


permute_dims = transpose


@of_array
def rollaxis(x: Array, axis: int, start: int = 0) -> Array:
    """Return the array with an axis moved before axis `start`; `moveaxis` is easier to read.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    axis : int
        The axis to move.
    start : int, optional
        The axis before which it is moved.

    Returns
    -------
    Value or array
        All entries of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.rollaxis(x, 1)
    >>> y
    Value([[1., 3.],
           [2., 4.]], shape=(2, 2), dtype=float64)
    >>> (y * [[1.0, 2.0], [3.0, 4.0]]).sum().backward()
    >>> x.grad
    array([[1., 3.],
           [2., 4.]])
    """
    return _reordered(np.rollaxis, x, axis, start)


@of_array
def moveaxis(x: Array, source: Axes, destination: Axes) -> Array:
    """Return the array with axes `source` moved to `destination`, other axes in their order.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    source : int or sequence of int
        The axes to move.
    destination : int or sequence of int
        Their new positions.

    Returns
    -------
    Value or array
        All entries of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.moveaxis(x, 0, 1)
    >>> y
    Value([[1., 3.],
           [2., 4.]], shape=(2, 2), dtype=float64)
    >>> (y * [[1.0, 2.0], [3.0, 4.0]]).sum().backward()
    >>> x.grad
    array([[1., 3.],
           [2., 4.]])
    """
    return _reordered(np.moveaxis, x, source, destination)


@of_array
def swapaxes(x: Array, axis1: int, axis2: int) -> Array:
    """Return the array with two axes exchanged.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    axis1, axis2 : int

    Returns
    -------
    Value or array
        All entries of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.swapaxes(x, 0, 1)
    >>> y
    Value([[1., 3.],
           [2., 4.]], shape=(2, 2), dtype=float64)
    >>> (y * [[1.0, 2.0], [3.0, 4.0]]).sum().backward()
    >>> x.grad
    array([[1., 3.],
           [2., 4.]])
    """
    return _reordered(np.swapaxes, x, axis1, axis2)


@of_array
def matrix_transpose(x: Array) -> Array:
    """Return the array with its last two axes exchanged.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
        At least two axes.

    Returns
    -------
    Value or array
        All entries of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.matrix_transpose(x)
    >>> y
    Value([[1., 3.],
           [2., 4.]], shape=(2, 2), dtype=float64)
    >>> (y * [[1.0, 2.0], [3.0, 4.0]]).sum().backward()
    >>> x.grad
    array([[1., 3.],
           [2., 4.]])
    """
    return swapaxes(x, -1, -2)


@of_array
def flip(x: Array, axis: Axes | None = None) -> Array:
    """Return the entries reversed along all axes, or along those named.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    axis : int, tuple of int or None, optional
        The axes to reverse; None, the default, reverses all axes.

    Returns
    -------
    Value or array
        An array of the shape of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.flip(x, 1)
    >>> y
    Value([[2., 1.],
           [4., 3.]], shape=(2, 2), dtype=float64)
    >>> (y * [[1.0, 2.0], [3.0, 4.0]]).sum().backward()
    >>> x.grad
    array([[2., 1.],
           [4., 3.]])
    """
    x = _array(x)
    ndim = len(shape_of(x))
    named = range(ndim) if axis is None else normalize_axis_tuple(axis, ndim)
    return x[tuple([slice(None, None, -1 if i in named else None) for i in range(ndim)])]


@of_array
def fliplr(x: Array) -> Array:
    """Return the array with its columns reversed.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
        At least two axes.

    Returns
    -------
    Value or array
        An array of the shape of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.fliplr(x)
    >>> y
    Value([[2., 1.],
           [4., 3.]], shape=(2, 2), dtype=float64)
    >>> (y * [[1.0, 2.0], [3.0, 4.0]]).sum().backward()
    >>> x.grad
    array([[2., 1.],
           [4., 3.]])
    """
    return flip(x, 1)


@of_array
def flipud(x: Array) -> Array:
    """Return the array with its rows reversed.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
        At least one axis.

    Returns
    -------
    Value or array
        An array of the shape of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.flipud(x)
    >>> y
    Value([[3., 4.],
           [1., 2.]], shape=(2, 2), dtype=float64)
    >>> (y * [[1.0, 2.0], [3.0, 4.0]]).sum().backward()
    >>> x.grad
    array([[3., 4.],
           [1., 2.]])
    """
    return flip(x, 0)


@of_array
def rot90(x: Array, k: int = 1, axes: Sequence[int] = (0, 1)) -> Array:
    """Return the array rotated by `k` quarter turns, from the first of `axes` to the second.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    k : int, optional
        The number of quarter turns.
    axes : pair of int, optional
        The plane of rotation.

    Returns
    -------
    Value or array
        All entries of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.rot90(x)
    >>> y
    Value([[2., 4.],
           [1., 3.]], shape=(2, 2), dtype=float64)
    >>> (y * [[1.0, 2.0], [3.0, 4.0]]).sum().backward()
    >>> x.grad
    array([[3., 1.],
           [4., 2.]])
    """
    x = _array(x)
    first, second = normalize_axis_tuple(axes, len(shape_of(x)))
    turned = (x, flip(x, second), flip(x, (first, second)), flip(x, first))[k % 4]
    return swapaxes(turned, first, second) if k % 2 else turned


@of_array
def roll(x: Array, shift: Axes, axis: Axes | None = None) -> Array:
    """Return the entries shifted by `shift` along `axis`; entries beyond the end come first.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    shift : int or tuple of int
        How far entries are moved.
    axis : int, tuple of int or None, optional
        The axes; None, the default, shifts the flattened array.

    Returns
    -------
    Value or array
        An array of the shape of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.roll(x, 1, axis=1)
    >>> y
    Value([[2., 1.],
           [4., 3.]], shape=(2, 2), dtype=float64)
    >>> (y * [[1.0, 2.0], [3.0, 4.0]]).sum().backward()
    >>> x.grad
    array([[2., 1.],
           [4., 3.]])
    """
    return _roll(x, shift=_lengths(shift), axis=None if axis is None else _lengths(axis))


# copies


@of_array
def broadcast_to(x: Array, shape: Axes) -> Array:
    """Return the entries repeated, without a copy, along missing axes or axes of length 1.

    The gradient of an entry is the sum of the gradients of its copies.

    Parameters
    ----------
    x : array_like or Value
    shape : int or tuple of int

    Returns
    -------
    Value or array
        An array of the shape `shape`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0])
    >>> y = dnp.broadcast_to(x, (3, 2))
    >>> y.shape
    (3, 2)
    >>> y.sum().backward()
    >>> x.grad
    array([3., 3.])
    """
    return _broadcast_to(x, shape=_lengths(shape))


def broadcast_arrays(*arrays: Array) -> tuple[Array, ...]:
    """Return all arrays, broadcast to their common shape.

    The gradient of an entry is the sum of the gradients of its copies.

    Parameters
    ----------
    *arrays : array_like or Value

    Returns
    -------
    tuple of Value or array
        Arrays of one shape.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value(2.0)
    >>> y, z = dnp.broadcast_arrays(x, [1.0, 2.0, 3.0])
    >>> y
    Value([2., 2., 2.], shape=(3,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    3.0
    """
    shape = np.broadcast_shapes(*map(shape_of, arrays))
    return tuple([_broadcast_to(x, shape=shape) for x in arrays])


@of_array
def tile(x: Array, reps: Axes) -> Array:
    """Return the whole array repeated `reps` times along each axis.

    The gradient of an entry is the sum of the gradients of its copies.

    Parameters
    ----------
    x : array_like or Value
    reps : int or tuple of int
        The number of repetitions along each axis.

    Returns
    -------
    Value or array
        Each axis is longer by its number of repetitions.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0])
    >>> y = dnp.tile(x, 2)
    >>> y
    Value([1., 2., 1., 2.], shape=(4,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([2., 2.])
    """
    counts, shape = _lengths(reps), shape_of(x := _array(x))
    ndim = max(len(counts), len(shape))
    counts, shape = (1,) * (ndim - len(counts)) + counts, (1,) * (ndim - len(shape)) + shape
    pairs = list(zip(counts, shape, strict=True))
    apart = reshape(x, [n for _, size in pairs for n in (1, size)])
    copies = broadcast_to(apart, [n for pair in pairs for n in pair])
    return reshape(copies, [count * size for count, size in pairs])


@of_array
def repeat(x: Array, repeats: Axes, axis: int | None = None) -> Array:
    """Return each entry repeated along `axis`, by one number or by a number for each.

    Without an axis, `x` is flattened.

    The gradient of an entry is the sum of the gradients of its copies.

    Parameters
    ----------
    x : array_like or Value
    repeats : int or sequence of int
        How often each entry is repeated.
    axis : int or None, optional
        The axis; None flattens the array first.

    Returns
    -------
    Value or array
        Longer along `axis`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([1.0, 2.0])
    >>> y = repeat(x, [1, 3])
    >>> y.data
    array([1., 2., 2., 2.])
    >>> y.sum().backward()
    >>> x.grad
    array([1., 3.])
    """
    x, axis = _row(x, axis)
    shape = shape_of(x)
    counts = as_array(raw(repeats))
    if counts.size != 1 or counts.item() < 0:
        return _part(x, axis, np.repeat(np.arange(shape[axis]), counts))
    before, (n, *after), count = shape[:axis], shape[axis:], int(counts.item())
    copies = broadcast_to(expand_dims(x, axis + 1), (*before, n, count, *after))
    return reshape(copies, (*before, n * count, *after))


def meshgrid(*xi: Array, indexing: str = "xy", sparse: bool = False) -> tuple[Array, ...]:
    """Return the coordinates of a grid: array i varies along axis i (xy: first two swapped).

    The gradient of an entry is the sum of the gradients of its copies.

    Parameters
    ----------
    *xi : array_like or Value
        Vectors of coordinates.
    indexing : {'xy', 'ij'}, optional
        Whether the first vector runs along the second axis or along the first.
    sparse : bool, optional
        Whether the axes along which an array is constant have length 1.

    Returns
    -------
    tuple of Value or array
        One array for each vector.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0])
    >>> X, Y = dnp.meshgrid(x, [0.0, 1.0, 2.0])
    >>> X
    Value([[1., 2.],
           [1., 2.],
           [1., 2.]], shape=(3, 2), dtype=float64)
    >>> X.sum().backward()
    >>> x.grad
    array([3., 3.])
    """
    xi = tuple(map(_array, xi))
    thin = np.meshgrid(*[np.empty(np.size(raw(x))) for x in xi], indexing=indexing, sparse=True)  # type: ignore[call-overload]
    axes = tuple([reshape(x, like.shape) for x, like in zip(xi, thin, strict=True)])
    return axes if sparse else broadcast_arrays(*axes)


@of_array
def pad(
    x: Array,
    pad_width: Any,
    mode: Literal["constant", "edge", "reflect", "symmetric", "wrap"] = "constant",
    constant_values: Any = 0,
) -> Array:
    """Return `x` with a border.

    Parameters
    ----------
    x : array_like or Value
    pad_width : int, (before, after) or a pair for each axis
    mode : {"constant", "edge", "reflect", "symmetric", "wrap"}
    constant_values : number, (before, after) or a pair for each axis
        The values of the border, for the mode "constant".

    Returns
    -------
    Value or array
        An array of the shape of `x` with the borders.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([1.0, 2.0, 3.0])
    >>> y = pad(x, (2, 0), mode="reflect")
    >>> y.data
    array([3., 2., 1., 2., 3.])
    >>> y.sum().backward()
    >>> x.grad
    array([1., 2., 2.])
    """
    known = ("constant", "edge", "reflect", "symmetric", "wrap")
    if mode not in known:
        raise ValueError(f"pad: mode must be one of {', '.join(known)}, got {mode!r}")
    shape = shape_of(x := _array(x))
    widths = np.broadcast_to(pad_width, (len(shape), 2)).tolist()
    if not shape:
        return +x
    if mode == "constant":
        return _framed(x, widths, constant_values)
    for axis, (n, width) in enumerate(zip(shape, widths, strict=True)):
        positions: Any = np.pad(np.arange(n), width, mode=mode)
        x = _part(x, axis, positions) if width != [0, 0] else x
    return _array(x)


def _framed(x: Array, widths: Sequence[Sequence[int]], border: Any) -> Array:
    shape, dtype = shape_of(x), dtype_of(x)
    frame = np.pad(np.zeros(shape, dtype), widths, constant_values=border)
    inside = tuple([slice(a, a + n) for (a, _), n in zip(widths, shape, strict=True)])
    padded = scatter(_array(x), indices=(inside,), shape=frame.shape, dtype=dtype)
    return padded + frame if frame.any() else padded


# several arrays in one, and one in several


def _in(dtype: Any, casting: Any, arrays: Iterable[Array]) -> list[Array]:
    """Return the arrays converted to `dtype`, or to their common dtype, as `casting` allows."""
    given = [_array(x) for x in arrays]
    if (dtype is None and casting == "same_kind") or not given:
        return given
    wanted = np.result_type(*map(raw, given)) if dtype is None else np.dtype(dtype)
    return [astype(x, wanted, copy=False, casting=casting) for x in given]


@of_sequence
def concatenate(
    arrays: Iterable[Array],
    axis: int | None = 0,
    *,
    dtype: Any = None,
    casting: Any = "same_kind",
) -> Array:
    """Return the arrays one after the other along `axis`; flattened first, if it is None.

    Parameters
    ----------
    arrays : sequence of array_like or Value
        The arrays, of equal shape except along `axis`.
    dtype : dtype, optional
        The dtype of the result.
    casting : str
        The allowed conversions, as in `numpy.can_cast`.

    Returns
    -------
    Value or array
        As long along `axis` as all arrays together.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([1.0, 2.0])
    >>> concatenate([x, [10.0], x]).data
    array([ 1.,  2., 10.,  1.,  2.])
    """
    given = _in(dtype, casting, arrays)
    given = [ravel(x) for x in given] if axis is None else given
    if axis and given:
        axis = normalize_axis_index(axis, len(shape_of(given[0])))
    return _concatenate(*given, axis=axis or 0)


@of_sequence
def stack(
    arrays: Iterable[Array], axis: int = 0, *, dtype: Any = None, casting: Any = "same_kind"
) -> Array:
    """Return the arrays, all of one shape, joined along a new axis.

    The gradient moves back with the entries.

    Parameters
    ----------
    arrays : iterable of array_like or Value
    axis : int, optional
        The position of the new axis.
    dtype : dtype, optional
        The dtype of the result.
    casting : str, optional
        The conversions that are allowed, as in NumPy.

    Returns
    -------
    Value or array
        One axis more than the arrays have.

    Examples
    --------
    >>> import deltaprop as dp
    >>> a, b = dp.Value(1.0), dp.Value(2.0)
    >>> stack([a, b, 3.0]).data
    array([1., 2., 3.])
    """
    given = _in(dtype, casting, arrays)
    if axis and given:
        axis = normalize_axis_index(axis, len(shape_of(given[0])) + 1)
    return _stack(*given, axis=axis)


@of_sequence
def hstack(arrays: Iterable[Array], *, dtype: Any = None, casting: Any = "same_kind") -> Array:
    """Return the arrays joined along the second axis (1-d arrays: along the only one).

    The gradient moves back with the entries.

    Parameters
    ----------
    arrays : iterable of array_like or Value
    dtype : dtype, optional
        The dtype of the result.
    casting : str, optional
        The conversions that are allowed, as in NumPy.

    Returns
    -------
    Value or array
        The entries of all arrays.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0])
    >>> y = dnp.hstack([x, [3.0, 4.0]])
    >>> y
    Value([1., 2., 3., 4.], shape=(4,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([1., 1.])
    """
    given = [atleast_1d(x) for x in arrays]
    axis = 0 if given and len(shape_of(given[0])) == 1 else 1
    return concatenate(given, axis, dtype=dtype, casting=casting)


@of_sequence
def vstack(arrays: Iterable[Array], *, dtype: Any = None, casting: Any = "same_kind") -> Array:
    """Return the arrays joined along the first axis, 1-d arrays as rows.

    The gradient moves back with the entries.

    Parameters
    ----------
    arrays : iterable of array_like or Value
    dtype : dtype, optional
        The dtype of the result.
    casting : str, optional
        The conversions that are allowed, as in NumPy.

    Returns
    -------
    Value or array
        The entries of all arrays.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0])
    >>> y = dnp.vstack([x, [3.0, 4.0]])
    >>> y
    Value([[1., 2.],
           [3., 4.]], shape=(2, 2), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([1., 1.])
    """
    return concatenate([atleast_2d(x) for x in arrays], 0, dtype=dtype, casting=casting)


@of_sequence
def dstack(arrays: Iterable[Array]) -> Array:
    """Return the arrays joined along the third axis.

    The gradient moves back with the entries.

    Parameters
    ----------
    arrays : iterable of array_like or Value

    Returns
    -------
    Value or array
        The entries of all arrays.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0])
    >>> y = dnp.dstack([x, [3.0, 4.0]])
    >>> y
    Value([[[1., 3.],
            [2., 4.]]], shape=(1, 2, 2), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([1., 1.])
    """
    return concatenate([atleast_3d(x) for x in arrays], 2)


row_stack = vstack


@of_sequence
def column_stack(arrays: Iterable[Array]) -> Array:
    """Return the arrays joined along the second axis, 1-d arrays as columns.

    The gradient moves back with the entries.

    Parameters
    ----------
    arrays : iterable of array_like or Value

    Returns
    -------
    Value or array
        The entries of all arrays.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0])
    >>> y = dnp.column_stack([x, [3.0, 4.0]])
    >>> y
    Value([[1., 3.],
           [2., 4.]], shape=(2, 2), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([1., 1.])
    """
    given = [x if len(shape_of(x)) > 1 else reshape(x, (-1, 1)) for x in map(_array, arrays)]
    return concatenate(given, 1)


@gives(list["Value"], list[np.ndarray])
def array_split(x: Array, indices_or_sections: Any, axis: int = 0) -> Any:
    """Return parts of `x`: a number of nearly equal parts, or those between given indices.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    indices_or_sections : int or sequence of int
        The number of parts, or the positions where a part ends.
    axis : int, optional
        The axis.

    Returns
    -------
    list of Value or array
        The parts.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0])
    >>> first, second = dnp.array_split(x, 2)
    >>> first
    Value([1., 2.], shape=(2,), dtype=float64)
    >>> first.sum().backward()
    >>> x.grad
    array([1., 1., 0.])
    """
    x = _array(x)
    axis = normalize_axis_index(axis, len(shape_of(x)))
    n = shape_of(x)[axis]
    if np.ndim(indices_or_sections):
        cuts = list(indices_or_sections)
    else:
        parts = np.array_split(np.empty(n), indices_or_sections)
        cuts = np.cumsum([part.size for part in parts[:-1]]).tolist()
    ends = zip([0, *cuts], [*cuts, n], strict=True)
    return [_part(x, axis, slice(start, stop)) for start, stop in ends]


@gives(list["Value"], list[np.ndarray])
def split(x: Array, indices_or_sections: Any, axis: int = 0) -> Any:
    """Return the same as `array_split`, where a number of parts must divide the axis.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    indices_or_sections : int or sequence of int
        The number of parts, or the positions where a part ends.
    axis : int, optional
        The axis.

    Returns
    -------
    list of Value or array
        The parts.

    Raises
    ------
    ValueError
        If the number does not divide the length of the axis.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0])
    >>> first, second = dnp.split(x, [1])
    >>> first
    Value([1.], shape=(1,), dtype=float64)
    >>> first.sum().backward()
    >>> x.grad
    array([1., 0., 0.])
    """
    x = _array(x)
    n = shape_of(x)[normalize_axis_index(axis, len(shape_of(x)))]
    if not np.ndim(indices_or_sections) and n % indices_or_sections:
        raise ValueError(
            f"an axis of length {n} cannot be split into {indices_or_sections} equal parts: use "
            "array_split for nearly equal parts"
        )
    return array_split(x, indices_or_sections, axis)


@gives(list["Value"], list[np.ndarray])
def hsplit(x: Array, indices_or_sections: Any) -> Any:
    """Return `split` along the second axis (1-d: along the only one).

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    indices_or_sections : int or sequence of int
        The number of parts, or the positions where a part ends.

    Returns
    -------
    list of Value or array
        The parts.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0])
    >>> first, second = dnp.hsplit(x, [1])
    >>> first
    Value([1.], shape=(1,), dtype=float64)
    >>> first.sum().backward()
    >>> x.grad
    array([1., 0., 0.])
    """
    x = _of_axes(x, 1, "hsplit")
    return split(x, indices_or_sections, 0 if len(shape_of(x)) == 1 else 1)


@gives(list["Value"], list[np.ndarray])
def vsplit(x: Array, indices_or_sections: Any) -> Any:
    """Return `split` along the first axis, for at least two axes.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
        At least two axes.
    indices_or_sections : int or sequence of int
        The number of parts, or the positions where a part ends.

    Returns
    -------
    list of Value or array
        The parts.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> first, second = dnp.vsplit(x, 2)
    >>> first
    Value([[1., 2.]], shape=(1, 2), dtype=float64)
    >>> first.sum().backward()
    >>> x.grad
    array([[1., 1.],
           [0., 0.]])
    """
    return split(_of_axes(x, 2, "vsplit"), indices_or_sections, 0)


@gives(list["Value"], list[np.ndarray])
def dsplit(x: Array, indices_or_sections: Any) -> Any:
    """Return `split` along the third axis.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
        At least three axes.
    indices_or_sections : int or sequence of int
        The number of parts, or the positions where a part ends.

    Returns
    -------
    list of Value or array
        The parts.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[[1.0, 2.0]]])
    >>> first, second = dnp.dsplit(x, 2)
    >>> first
    Value([[[1.]]], shape=(1, 1, 1), dtype=float64)
    >>> first.sum().backward()
    >>> x.grad
    array([[[1., 0.]]])
    """
    return split(_of_axes(x, 3, "dsplit"), indices_or_sections, 2)


def _of_axes(x: Array, count: int, name: str) -> Array:
    if len(shape_of(x := _array(x))) < count:
        raise ValueError(f"{name} needs an array of at least {count} axes, got {shape_of(x)}")
    return x


@gives(tuple["Value", ...], tuple[np.ndarray, ...])
def unstack(x: Array, axis: int = 0) -> Any:
    """Return the slices along an axis, one array each: what `stack` joined.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    axis : int, optional
        The axis.

    Returns
    -------
    tuple of Value or array
        As many arrays as the axis is long.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> first, second = dnp.unstack(x)
    >>> first
    Value([1., 2.], shape=(2,), dtype=float64)
    >>> first.sum().backward()
    >>> x.grad
    array([[1., 1.],
           [0., 0.]])
    """
    x = _array(x)
    axis = normalize_axis_index(axis, len(shape_of(x)))
    return tuple([_part(x, axis, i) for i in range(shape_of(x)[axis])])


# triangles and diagonals


def _below(x: Array, k: int) -> Any:
    if not shape_of(x):
        raise TypeError("a triangle needs a matrix or a vector, got a number")
    rows, columns = (shape_of(x) * 2)[-2:]  # a vector is every row of a square matrix
    return np.tri(rows, columns, k, bool)


@of_array
def tril(x: Array, k: int = 0) -> Array:
    """Return the lower triangles of the matrices `x`, with zeros above diagonal `k`.

    The gradient of the entries that are replaced by 0 is 0.

    Parameters
    ----------
    x : array_like or Value
        Matrices (..., m, n).
    k : int, optional
        The diagonal; positive numbers are above the main diagonal.

    Returns
    -------
    Value or array
        An array of the shape of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.tril(x)
    >>> y
    Value([[1., 0.],
           [3., 4.]], shape=(2, 2), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([[1., 0.],
           [1., 1.]])
    """
    return where(_below(x := _array(x), k), x, np.zeros((), dtype_of(x)))


@of_array
def triu(x: Array, k: int = 0) -> Array:
    """Return the upper triangles of the matrices `x`, with zeros below diagonal `k`.

    The gradient of the entries that are replaced by 0 is 0.

    Parameters
    ----------
    x : array_like or Value
        Matrices (..., m, n).
    k : int, optional
        The diagonal; positive numbers are above the main diagonal.

    Returns
    -------
    Value or array
        An array of the shape of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.triu(x)
    >>> y
    Value([[1., 2.],
           [0., 4.]], shape=(2, 2), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([[1., 1.],
           [0., 1.]])
    """
    return where(_below(x := _array(x), k - 1), np.zeros((), dtype_of(x)), x)


def _along_diagonal(rows: int, columns: int, offset: int) -> slice:
    """Return the slice of a diagonal in a flattened matrix."""
    length = min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns)
    start = offset if offset >= 0 else -offset * columns
    return slice(start, start + max(length, 0) * (columns + 1), columns + 1)


@of_array
def diagonal(x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Return the entries (i, i + offset) of two axes, along a new last axis.

    The gradient moves back with the entries; entries off the diagonal have the gradient 0.

    Parameters
    ----------
    x : array_like or Value
    offset : int, optional
        The diagonal; positive numbers are above the main diagonal.
    axis1 : int, optional
        The axis of the rows.
    axis2 : int, optional
        The axis of the columns.

    Returns
    -------
    Value or array
        The diagonals, along a new last axis.

    Examples
    --------
    >>> import deltaprop as dp
    >>> diagonal(dp.Value([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), 1).data
    array([2., 6.])
    """
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    *lead, rows, columns = shape_of(x)
    flat = reshape(x, (*lead, rows * columns))
    return _part(flat, len(lead), _along_diagonal(rows, columns, offset))


@of_array
def trace(x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Array:
    """Return the sum of a diagonal, whose entries are converted to `dtype`.

    The gradient is 1 on the diagonal and 0 elsewhere.

    Parameters
    ----------
    x : array_like or Value
    offset : int, optional
        The diagonal; positive numbers are above the main diagonal.
    axis1 : int, optional
        The axis of the rows.
    axis2 : int, optional
        The axis of the columns.
    dtype : dtype, optional
        The dtype that the entries are converted to first.

    Returns
    -------
    Value or array
        An array of the shape of `x` without the two axes.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.trace(x)
    >>> y
    Value(data=5.0, grad=None)
    >>> y.backward()
    >>> x.grad
    array([[1., 0.],
           [0., 1.]])
    """
    return diagonal(x, offset, axis1, axis2).sum(axis=-1, dtype=dtype)


@of_array
def diag(x: Array, k: int = 0) -> Array:
    """Return the diagonal `k` of a matrix, or the matrix with vector `x` on that diagonal.

    The gradient moves back with the entries; entries off the diagonal have the gradient 0.

    Parameters
    ----------
    x : array_like or Value
        A vector, for a matrix with this diagonal; or a matrix, for its diagonal.
    k : int, optional
        The diagonal; positive numbers are above the main diagonal.

    Returns
    -------
    Value or array
        A matrix or a vector.

    Raises
    ------
    ValueError
        If `x` is neither a matrix nor a vector.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.diag(x)
    >>> y
    Value([1., 4.], shape=(2,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([[1., 0.],
           [0., 1.]])
    """
    shape = shape_of(x := _array(x))
    if len(shape) == 2:
        return diagonal(x, k)
    if len(shape) != 1:
        raise ValueError(f"diag takes a vector or a matrix, got an array of shape {shape}")
    n = shape[0] + abs(k)
    place = _along_diagonal(n, n, k)
    flat = scatter(_array(x), indices=(place,), shape=(n * n,), dtype=dtype_of(x))
    return reshape(flat, (n, n))


# dtypes


@of_array
def copy(x: Array) -> Array:
    """Return the same entries, with their gradient.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    Value or array
        An array of the shape and dtype of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0])
    >>> y = dnp.copy(x)
    >>> y
    Value([1., 2.], shape=(2,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([1., 1.])
    """
    return _astype(_array(x), dtype=dtype_of(x))


@of_array
def astype(
    x: Array,
    dtype: Any,
    *,
    copy: bool = True,
    device: Any = None,
    casting: Any = "unsafe",
) -> Array:
    """Return the entries converted to `dtype`; gradients come back in the dtype of `x`.

    Integers and booleans have no gradient, so a Value converted to them is a constant. A scalar
    Value is rounded to the precision of `dtype`, and stays a Python number. `casting` says which
    conversions are allowed, as in `numpy.can_cast`.

    Parameters
    ----------
    x : array_like or Value
    dtype : dtype
    copy : bool, optional
        Whether an array of the dtype already is copied.
    device : None or 'cpu', optional
        Only 'cpu' exists.
    casting : str, optional
        The conversions that are allowed, as in NumPy.

    Returns
    -------
    Value or array
        An array of the shape of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> astype(dp.Value([1.5, 2.5]), "float32").dtype
    dtype('float32')
    """
    x, dtype = _array(x), np.dtype(dtype)
    if device not in (None, "cpu"):
        raise ValueError(f"device must be 'cpu', got {device!r}")
    if casting != "unsafe" and not np.can_cast(dtype_of(x), dtype, casting):
        raise TypeError(
            f"cannot cast an array of {dtype_of(x)} to {dtype} with casting={casting!r}: "
            "convert it with .astype first, or pass casting='unsafe'"
        )
    if not copy and dtype == dtype_of(x):
        return x
    if isinstance(x, Node) and dtype.kind not in "fc":
        return type(x).leaf(as_array(raw(x)).astype(dtype), constant=True)
    return _astype(x, dtype=dtype)
