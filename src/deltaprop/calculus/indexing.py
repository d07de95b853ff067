"""Indexing: some entries of an array, by position, condition or order.

One primitive reads entries (`getitem`) and another replaces them (`x.at[index].set`); all other
functions use these two. The backward pass collects the contributions of ``x[i]`` and adds them
once, so a loop over the entries takes linear time.

Functions that return positions or truth values (argmax, nonzero, any, ...) have no gradient: for
Values they return constants.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Final, Literal

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..graph import (
    Masked,
    Node,
    Selection,
    as_array,
    dtype_of,
    holds_nodes,
    is_known,
    raw,
    shape_of,
)
from ..graph.batches import read, stand_ins, written
from ..graph.cotangent import Scattered, may_repeat, restrict, scatter, unbroadcast
from ..graph.domains import case
from ..graph.node import is_mutable
from ..graph.primitive import Array
from .elementwise import maximum, minimum, negative, where
from .shaping import Axes, _array, _line, _row, broadcast_to, ravel, reshape
from .signatures import OfArray, Operand, P, gives, of_array, of_two

if TYPE_CHECKING:
    from ..value import Value

__all__ = [
    "At", "all", "any", "argmax", "argmin", "argpartition", "argsort", "argwhere",
    "array_equiv", "compress", "count_nonzero", "extract", "flatnonzero", "getitem",
    "iscomplex", "isin", "isneginf", "isposinf", "isreal", "nonzero", "partition", "piecewise",
    "searchsorted", "select", "sort", "take", "take_along_axis", "unique",
]  # fmt: skip


def _picked(x: Any, index: Any) -> Any:
    return x[index] if type(x) is np.ndarray else np.asarray(x)[index]


def _put_back(g: Array, x: Array, index: Any) -> Any:
    return (
        Scattered(index, g)
        if isinstance(raw(x), np.ndarray) or len(shape_of(x))
        else unbroadcast(g, x)
    )


_ROWS, _MASK = np.array([2, 0, 2]), np.array([[True, False, True], [False, False, True]])

_getitem = Selection(
    "getitem",
    _picked,
    _put_back,
    picks=True,
    batch=read,
    cases=[
        case((3, 4), index=1),
        case((3, 4), index=(-1, 2)),
        case((3, 4), index=(slice(None, None, -2), None, slice(1, 3))),
        case((3, 4), index=(Ellipsis, 0)),
        case((3, 4), index=_ROWS),
        case((3, 4), index=(slice(1, None), _ROWS)),
        case((3, 4), index=(_ROWS[:, None], _ROWS)),
        case((2, 3), index=_MASK),
        case((2, 3), index=(_MASK[:, 0], slice(2))),
        case((0, 3), index=slice(None)),
        case((), index=()),
        case((), index=None),
    ],
)


def _written(x: Any, new: Any, index: Any, dtype: Any) -> np.ndarray:
    y = np.array(x, dtype)
    y[index] = new
    return y


def _unwrite(g: Array, x: Array, _new: Array, index: Any, dtype: Any) -> list[Any]:  # noqa: ARG001
    gone = np.zeros(shape_of(_new), bool)
    kept = _set(np.ones(shape_of(x), bool), gone, index=index, dtype=gone.dtype)
    return [Masked(restrict(g, mask=kept), kept), _getitem(g, index=index)]


# `new` has exactly the shape of x[index], and `index` names no entry twice
_set = Selection(
    "set",
    _written,
    _unwrite,
    several=True,
    views=False,
    batch=written,
    cases=[
        case((3, 4), (4,), index=1, dtype=np.dtype(float)),
        case((3, 4), (3, 2), index=(slice(None), _ROWS[:2]), dtype=np.dtype(float)),
        case((2, 3), (3,), index=_MASK, dtype=np.dtype(float)),
        case((0, 3), (0, 3), index=Ellipsis, dtype=np.dtype(float)),
        case((), (), index=(), dtype=np.dtype(float)),
    ],
)

_getitem.reads_params = _set.reads_params = True


def getitem(x: Array, index: Any) -> Array:
    """Return ``x[index]``, for every index that NumPy takes.

    Parameters
    ----------
    x : array_like or Value
    index : int, slice, None, Ellipsis, integer or boolean array, or a tuple of these
        The index. Its arrays may be constants, and are protected from later writes.

    Returns
    -------
    Value or array
        An array of the shape that NumPy gives.

    Raises
    ------
    TypeError
        If a differentiable Value is used as an index.
    IndexError
        If the index is out of bounds, or an array of anything but integers or booleans.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([1.0, -2.0, 3.0])
    >>> (x[[0, 0, 2]].sum() + x[x < 0].sum()).backward()
    >>> x.grad
    array([2., 1., 1.])
    """
    return _getitem(x, index=index if type(index) is int else _static(index))


def _static(index: Any) -> Any:
    """Return the index without Values, and without arrays that somebody could write to."""
    if isinstance(index, tuple):
        return tuple([_static_entry(i) for i in index])
    return _static_entry(index)


def _static_entry(i: Any) -> Any:
    if i is None or i is Ellipsis or isinstance(i, int | slice | str):
        return i
    if isinstance(i, Node):
        if not i.is_constant:
            raise TypeError(
                "a differentiable Value cannot be an index, because the result would not depend "
                "on it smoothly. Index with integers, a comparison, or v.detach().astype(int)"
            )
        i = raw(i)
    elif isinstance(i, list | tuple | range):
        i = as_array(i) if i else np.array(i, np.intp)
    elif hasattr(i, "__index__") and not hasattr(i, "shape"):
        i = operator.index(i)
    elif not isinstance(i, float):
        i = as_array(i)  # from a buffer, or from the array of another library
    if isinstance(i, np.ndarray) and is_mutable(i):
        i = i.copy()
    kind = getattr(i, "dtype", None)
    if isinstance(i, float) or (kind is not None and kind.kind not in "biu"):
        raise IndexError(f"indices must be integers or booleans, got {kind or 'float'}")
    return i


@of_array
def take(
    x: Array,
    indices: Any,
    axis: int | None = None,
    mode: Literal["raise", "wrap", "clip"] = "raise",
) -> Array:
    """Return the entries at `indices` along `axis`, or of the flattened `x` if `axis` is None.

    Parameters
    ----------
    x : array_like or Value
    indices : integer or array_like of integers
    axis : int, optional
    mode : {"raise", "wrap", "clip"}
        The treatment of positions out of bounds.

    Returns
    -------
    Value or array
        The axis is replaced by the axes of `indices`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> take(dp.Value([1.0, 2.0, 3.0]), [4, -1], mode="wrap").data
    array([2., 3.])
    """
    x, axis = _row(x, axis)
    shape = shape_of(x)
    at = as_array(_static_entry(indices), np.intp)
    if mode == "wrap":
        at = at % max(shape[axis], 1)
    elif mode == "clip":
        at = np.clip(at, 0, max(shape[axis] - 1, 0))
    elif mode != "raise":
        raise ValueError(f"mode must be 'raise', 'wrap' or 'clip', got {mode!r}")
    return _getitem(x, index=(slice(None),) * axis + (at if at.ndim else at[()],))


@of_array
def take_along_axis(x: Array, indices: Any, axis: int | None = -1) -> Array:
    """Return the entries at `indices`, which has its own positions along `axis` for each row.

    Parameters
    ----------
    x : array_like or Value
    indices : integer array
        Positions with as many axes as `x`, each of the same length or of length 1, except `axis`:
        argsort and argmax(keepdims=True) return such indices.
    axis : int or None
        The axis of the positions; None flattens `x`.

    Returns
    -------
    Value or array
        An array of the shape of `indices`, broadcast.

    Examples
    --------
    >>> import deltaprop as dp
    >>> logits = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> take_along_axis(logits, [[1], [0]]).data
    array([[2.],
           [3.]])
    """
    x, axis = _line(x, axis)
    shape = shape_of(x)
    axis = normalize_axis_index(axis, len(shape))
    at = _static_entry(indices)
    if np.ndim(at) != len(shape):
        raise ValueError(f"indices must have {len(shape)} axes like x, got shape {np.shape(at)}")
    index = list(np.ogrid[tuple(slice(n) for n in shape)])
    index[axis] = at
    return _getitem(x, index=tuple(index))


@of_two
def compress(condition: Any, x: Array, axis: int | None = None) -> Array:
    """Return the slices along `axis` (entries, if it is None) where the condition holds.

    The gradient of entries that are left out is 0.

    Parameters
    ----------
    condition : array_like of bool
        One entry for each slice.
    x : array_like or Value
    axis : int or None, optional
        The axis; None flattens the array first.

    Returns
    -------
    Value or array
        As many slices along `axis` as the condition has true entries.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0])
    >>> y = dnp.compress([True, False, True], x)
    >>> y
    Value([1., 3.], shape=(2,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([1., 0., 1.])
    """
    return take(x, np.flatnonzero(raw(condition)), axis)


@of_two
def extract(condition: Any, x: Array) -> Array:
    """Return the entries where the condition, which has the shape of `x`, holds.

    The gradient of entries that are left out is 0.

    Parameters
    ----------
    condition : array_like of bool
    x : array_like or Value

    Returns
    -------
    Value or array
        One axis.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0])
    >>> y = dnp.extract(x > 1.5, x)
    >>> y
    Value([2., 3.], shape=(2,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([0., 1., 1.])
    """
    return compress(np.ravel(raw(condition)), x)


# order


@of_array
def argsort(
    x: Array, axis: Any = -1, kind: Any = None, *, descending: bool = False, stable: Any = True
) -> Any:
    """Return the indices that sort an array, stable, and descending if asked.

    The result has no derivative.

    Parameters
    ----------
    x : array_like or Value
    axis : int or None, optional
        The axis to sort along; None flattens the array first.
    kind : str, optional
        Accepted for compatibility: the order is always stable.
    descending : bool, optional
        Whether the largest entry comes first.
    stable : bool, optional
        Accepted for compatibility.

    Returns
    -------
    array or constant
        Integers, of the shape of `x`.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.argsort([3.0, 1.0, 2.0])
    array([1, 2, 0])
    >>> dnp.argsort([3.0, 1.0, 2.0], descending=True)
    array([0, 2, 1])
    """
    del kind, stable  # always stable
    data = as_array(raw(x := _array(x)))
    if axis is None:
        data, axis = data.ravel(), 0
    if not descending:
        return _constant_like(x, np.argsort(data, axis, stable=True))
    backwards = np.argsort(np.flip(data, axis), axis, stable=True)
    return _constant_like(x, data.shape[axis] - 1 - np.flip(backwards, axis))


@of_array
def sort(
    x: Array, axis: Any = -1, kind: Any = None, *, descending: bool = False, stable: Any = True
) -> Array:
    """Return the entries in ascending or descending order; ties keep their order.

    The gradient follows the permutation. The sort is always stable, whatever `kind` and
    `stable` say.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    axis : int or None, optional
        The axis to sort along; None flattens the array first.
    kind : str, optional
        Accepted for compatibility: the order is always stable.
    descending : bool, optional
        Whether the largest entry comes first.
    stable : bool, optional
        Accepted for compatibility.

    Returns
    -------
    Value or array
        An array of the shape of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([3.0, 1.0, 2.0])
    >>> (sort(x) * [1.0, 10.0, 100.0]).sum().backward()
    >>> x.grad
    array([100.,   1.,  10.])
    """
    del kind, stable
    x, axis = _line(x, axis)
    return take_along_axis(x, argsort(x, axis, descending=descending), axis)


@of_array
def partition(x: Array, kth: Any, axis: int | None = -1) -> Array:
    """Return the entries with the `kth` at its sorted place, smaller before, larger after it.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    kth : int or sequence of int
        Positions that hold the entries that they hold in the sorted array.
    axis : int or None, optional
        The axis to partition along; None flattens the array first.

    Returns
    -------
    Value or array
        An array of the shape of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([3.0, 1.0, 2.0])
    >>> y = dnp.partition(x, 0)
    >>> y[0]
    Value(data=1.0, grad=None)
    >>> y[0].backward()
    >>> x.grad
    array([0., 1., 0.])
    """
    x, axis = _line(x, axis)
    return take_along_axis(x, np.argpartition(raw(x), kth, axis), axis)


def unique(
    x: Array,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
) -> Any:
    """Return the distinct entries, sorted; a gradient flows to the first occurrence of each.

    The further results are NumPy's: positions of first occurrences, positions in the result, and
    numbers of occurrences.

    Parameters
    ----------
    x : array_like or Value
    return_index : bool, optional
        Whether the first positions of the entries are returned too.
    return_inverse : bool, optional
        Whether the positions of all entries of `x` among the distinct ones are returned too.
    return_counts : bool, optional
        Whether the numbers of occurrences are returned too.
    axis : int or None, optional
        The axis whose slices are compared; None compares all entries.
    equal_nan : bool, optional
        Whether all NaN count as one.

    Returns
    -------
    Value or array
        The distinct entries; a tuple of these and of integers, if more is asked for.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([2.0, 1.0, 2.0])
    >>> y = dnp.unique(x)
    >>> y
    Value([1., 2.], shape=(2,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([1., 1., 0.])
    """
    data = as_array(raw(x := _array(x)))
    _, first, inverse, counts = np.unique(data, True, True, True, axis, equal_nan=equal_nan)
    asked = (return_index, return_inverse, return_counts)
    wanted = zip(asked, (first, inverse, counts), strict=True)
    further = [_constant_like(x, item) for chosen, item in wanted if chosen]
    values = take(x, first, axis)
    return (values, *further) if further else values


# positions and truth values: constants


def _constant_like(x: Any, result: Any) -> Any:
    return type(x).leaf(as_array(result)[()], constant=True) if isinstance(x, Node) else result


def _constant_of(function: Callable[..., Any]) -> Any:
    """Return the NumPy function for Values too, whose result is a constant (or several)."""

    def constant(x: Any, *args: Any, **kwargs: Any) -> Any:
        args = tuple([_array(a) if holds_nodes(a) else a for a in (x, *args)])
        given = [raw(a) for a in args]
        result = function(*given, **{key: raw(a) for key, a in kwargs.items()})
        node = next((a for a in (*args, *kwargs.values()) if isinstance(a, Node)), None)
        if isinstance(result, tuple):
            return tuple([_constant_like(node, item) for item in result])
        return _constant_like(node, result)

    return constant


def _as_numpy(ours: Callable[Concatenate[Any, P], Any]) -> OfArray[P]:
    """Return NumPy's function of this name for Values too, with the docstring of ours."""
    function: Any = wraps(ours)(_constant_of(getattr(np, ours.__name__)))
    return function


@_as_numpy
def argpartition(
    a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: None = None
) -> Any:
    """Return indices that put the entries `kth` at their sorted places, as `partition` does.

    The result has no derivative.

    Parameters
    ----------
    a : array_like or Value
    kth : int or sequence of int
        Positions in the sorted array.
    axis : int or None, optional
        The axis; None takes the flattened array.
    kind, order : optional
        As in NumPy.

    Returns
    -------
    array or constant
        Integers, a constant if an argument is a Value.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.argpartition([3.0, 1.0, 2.0], 0)
    array([1, 2, 0])
    """


@_as_numpy
def argmax(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """Return the index of the largest entry; of tied entries, the first.

    The result has no derivative.

    Parameters
    ----------
    a : array_like or Value
    axis : int or None, optional
        The axis; None takes the flattened array.
    keepdims : bool, optional
        Whether the reduced axes stay, with length 1.

    Returns
    -------
    array or constant
        Integers, a constant if an argument is a Value.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.argmax([[3.0, 5.0], [4.0, 2.0]], axis=1)
    array([1, 0])
    """


@_as_numpy
def argmin(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """Return the index of the smallest entry; of tied entries, the first.

    The result has no derivative.

    Parameters
    ----------
    a : array_like or Value
    axis : int or None, optional
        The axis; None takes the flattened array.
    keepdims : bool, optional
        Whether the reduced axes stay, with length 1.

    Returns
    -------
    array or constant
        Integers, a constant if an argument is a Value.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.argmin([[3.0, 5.0], [4.0, 2.0]], axis=1)
    array([0, 1])
    """


@_as_numpy
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """Return the positions in a sorted array before which `v` belongs.

    The result has no derivative.

    Parameters
    ----------
    a : array_like or Value
        Numbers in ascending order.
    v : array_like or Value
        The numbers to find a place for.
    side : {'left', 'right'}, optional
        Whether `v` goes before or after equal numbers.
    sorter : array_like of int, optional
        Indices that sort `a`.

    Returns
    -------
    array or constant
        Integers, a constant if an argument is a Value.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.searchsorted([1.0, 2.0, 3.0], [2.0, 2.5])
    array([1, 2])
    """


@gives(tuple[Any, ...], tuple[Any, ...])
@_as_numpy
def nonzero(a: Any) -> Any:
    """Return the indices of the entries that are not 0, one array for each axis.

    The result has no derivative.

    Parameters
    ----------
    a : array_like or Value

    Returns
    -------
    tuple of array or constant
        Integers, constants if `a` is a Value.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.nonzero([[0.0, 2.0], [3.0, 0.0]])
    (array([0, 1]), array([1, 0]))
    """


@_as_numpy
def flatnonzero(a: Any) -> Any:
    """Return the indices of the entries of the flattened array that are not 0.

    The result has no derivative.

    Parameters
    ----------
    a : array_like or Value

    Returns
    -------
    array or constant
        Integers, a constant if an argument is a Value.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.flatnonzero([0.0, 2.0, 3.0])
    array([1, 2])
    """


@_as_numpy
def argwhere(a: Any) -> Any:
    """Return the indices of the entries that are not 0, one row for each.

    The result has no derivative.

    Parameters
    ----------
    a : array_like or Value

    Returns
    -------
    array or constant
        Integers, a constant if an argument is a Value.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.argwhere([[0.0, 2.0], [3.0, 0.0]])
    array([[0, 1],
           [1, 0]])
    """


@_as_numpy
def count_nonzero(a: Any, axis: Axes | None = None, *, keepdims: bool = False) -> Any:
    """Return how many entries are not 0.

    The result has no derivative.

    Parameters
    ----------
    a : array_like or Value
    axis : int, tuple of int or None, optional
        The axes to reduce; None, the default, reduces all axes.
    keepdims : bool, optional
        Whether the reduced axes stay, with length 1.

    Returns
    -------
    int, array or constant
        Integers, a constant if `a` is a Value.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.count_nonzero([0.0, 2.0, 3.0])
    np.int64(2)
    """


@_as_numpy
def isin(
    element: Any,
    test_elements: Any,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: Any = None,
) -> Any:
    """Return whether each entry is among others.

    The result has no derivative.

    Parameters
    ----------
    element, test_elements : array_like or Value
    assume_unique, kind : optional
        As in NumPy; they affect the speed alone.
    invert : bool, optional
        Whether the answers are reversed.

    Returns
    -------
    array or constant
        Truths, a constant if an argument is a Value.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.isin([1.0, 2.0, 3.0], [2.0, 4.0])
    array([False,  True, False])
    """


@_as_numpy
def isreal(x: Any) -> Any:
    """Return whether the imaginary part of each entry is 0.

    The result has no derivative.

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    array or constant
        Truths, a constant if an argument is a Value.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.isreal([1.0, 1.0j])
    array([ True, False])
    """


@_as_numpy
def iscomplex(x: Any) -> Any:
    """Return whether the imaginary part of each entry is not 0.

    The result has no derivative.

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    array or constant
        Truths, a constant if an argument is a Value.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.iscomplex([1.0, 1.0j])
    array([False,  True])
    """


@_as_numpy
def isposinf(x: Any) -> Any:
    """Return whether each entry is inf.

    The result has no derivative.

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    array or constant
        Truths, a constant if an argument is a Value.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop.numpy as dnp
    >>> dnp.isposinf([1.0, np.inf, -np.inf])
    array([False,  True, False])
    """


@_as_numpy
def isneginf(x: Any) -> Any:
    """Return whether each entry is -inf.

    The result has no derivative.

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    array or constant
        Truths, a constant if an argument is a Value.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop.numpy as dnp
    >>> dnp.isneginf([1.0, np.inf, -np.inf])
    array([False, False,  True])
    """


@_as_numpy
def array_equiv(a1: Any, a2: Any) -> Any:
    """Return whether two arrays are equal after broadcasting.

    The result has no derivative.

    Parameters
    ----------
    a1, a2 : array_like or Value

    Returns
    -------
    bool

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.array_equiv([1.0, 2.0], [[1.0, 2.0], [1.0, 2.0]])
    True
    """


@_as_numpy
def any(a: Any, axis: Axes | None = None, keepdims: bool = False, *, where: Any = True) -> Any:
    """Return whether any entry is true (not 0).

    The result has no derivative.

    Parameters
    ----------
    a : array_like or Value
    axis : int, tuple of int or None, optional
        The axes to reduce; None, the default, reduces all axes.
    keepdims : bool, optional
        Whether the reduced axes stay, with length 1.
    where : array_like of bool, optional
        The entries that count.

    Returns
    -------
    array or constant
        Truths, a constant if an argument is a Value.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.any([[0.0, 2.0], [0.0, 0.0]], axis=1)
    array([ True, False])
    """


@_as_numpy
def all(a: Any, axis: Axes | None = None, keepdims: bool = False, *, where: Any = True) -> Any:
    """Return whether all entries are true (not 0).

    The result has no derivative.

    Parameters
    ----------
    a : array_like or Value
    axis : int, tuple of int or None, optional
        The axes to reduce; None, the default, reduces all axes.
    keepdims : bool, optional
        Whether the reduced axes stay, with length 1.
    where : array_like of bool, optional
        The entries that count.

    Returns
    -------
    array or constant
        Truths, a constant if an argument is a Value.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.all([[0.0, 2.0], [0.0, 0.0]], axis=1)
    array([False, False])
    """


# updates


def _update(
    formula: str, function: Callable[[Array, Array], Array]
) -> Callable[[At, Operand], Value]:
    def update(self: At, new: Operand) -> Value:
        return self._updated(function, new)

    update.__doc__ = f"{formula} there."
    return update


class At:
    """``x.at[index].set(new)`` and similar methods: an updated, differentiable copy of `x`.

    If the index names an entry several times, the updates of the entry are applied in turn.

    Parameters
    ----------
    x : array_like or Value
    index : any index that `getitem` takes

    Examples
    --------
    >>> import deltaprop as dp
    >>> x, new = dp.Value([1.0, 2.0, 3.0]), dp.Value(10.0)
    >>> y = x.at[1].set(new)
    >>> y.data
    array([ 1., 10.,  3.])
    >>> y.sum().backward()
    >>> x.grad, new.grad
    (array([1., 0., 1.]), 1.0)
    """

    __slots__ = ("_index", "_x")

    def __init__(self, x: Array, *index: Any) -> None:
        self._x: Array = x if isinstance(x, Node) else as_array(x)
        self._index = index

    def __getitem__(self, index: Any) -> At:
        return At(self._x, _static(index))

    def __setitem__(self, index: Any, new: Any) -> None:
        raise TypeError("x.at[index] cannot be assigned: write x = x.at[index].set(new)")

    def _place(self) -> tuple[Any, tuple[int, ...]]:
        """Return the index and the shape of the entries that it selects."""
        if not self._index:
            raise TypeError("x.at needs an index: x.at[index].set(new), not x.at.set(new)")
        (index,) = self._index
        return index, np.broadcast_to(False, shape_of(self._x))[stand_ins(index)].shape

    def get(self) -> Value:
        """Return ``x[index]``."""
        index, _ = self._place()
        return _getitem(self._x, index=index)

    def set(self, new: Operand) -> Value:
        """Replace the entries by `new`; if an entry is named several times, the last one counts.

        Raises
        ------
        ValueError
            If the shape of `new` does not broadcast to that of ``x[index]``.
        """
        return self._updated(None, new)

    def add(self, new: Operand) -> Value:
        """Replace the entries by x[index] + new."""
        x = self._x
        index, shape = self._place()
        new = _spread(new, shape)
        dtype = _common_dtype(x, new)
        return x + scatter(new, indices=(index,), shape=shape_of(x), dtype=dtype)

    def subtract(self, new: Operand) -> Value:
        """Replace the entries by x[index] - new."""
        return self.add(negative(new))

    multiply: Final = _update("x[index] * new", operator.mul)
    divide: Final = _update("x[index] / new", operator.truediv)
    power: Final = _update("x[index] ** new", operator.pow)
    min: Final = _update("minimum(x[index], new)", minimum)
    max: Final = _update("maximum(x[index], new)", maximum)

    def apply(self, function: Callable[[Value], Operand]) -> Value:
        """Replace the entries by ``function(x[index])``, where the function keeps the shape."""
        return self.set(function(self.get()))

    def _updated(self, function: Callable[..., Array] | None, new: Array) -> Array:
        index, shape = self._place()
        new = _spread(new, shape)
        if not may_repeat(index):
            return _assigned(self._x, index, function, new)
        # round k applies the k-th update of each entry; an assignment applies only the last
        x, new, whole = ravel(self._x), ravel(new), shape_of(self._x)
        flat = _getitem(np.arange(x.size).reshape(whole), index=index).reshape(-1)
        for mine in _rounds(flat, bool(function)):
            x = _assigned(x, flat[mine], function, _getitem(new, index=mine))
        return reshape(x, whole)


def _spread(new: Array, shape: tuple[int, ...]) -> Array:
    given = shape_of(new)
    if given == shape:
        return new
    try:
        return broadcast_to(new, shape)
    except ValueError:
        raise ValueError(
            f"the new entries must broadcast to the shape of x[index], {shape}, got shape {given}"
        ) from None


def _common_dtype(x: Array, new: Array) -> np.dtype[Any]:
    """Return the dtype of `x`, unless it would truncate `new`."""
    given = raw(new)
    kind = np.result_type(given) if hasattr(given, "dtype") else type(given)
    dtype: np.dtype[Any] = dtype_of(x)
    return dtype if np.can_cast(kind, dtype, "same_kind") else np.result_type(dtype, given)


def _assigned(x: Array, index: Any, function: Callable[..., Array] | None, new: Array) -> Array:
    if function is not None:
        new = function(_getitem(x, index=index), new)
    return _set(x, new, index=index, dtype=_common_dtype(x, new))


def _rounds(flat: Any, all_count: bool) -> Sequence[Any]:
    """Return which updates to apply together: none of the same entry, and each one in its turn."""
    if not is_known(flat):
        return range(flat.size)
    turn = _turns(flat) if all_count else _turns(flat[::-1])[::-1]
    return [np.flatnonzero(turn == k) for k in range(turn.max(initial=-1) + 1 if all_count else 1)]


def _turns(flat: np.ndarray) -> np.ndarray:
    """Return, for each entry of `flat`, how many equal entries stand before it."""
    order = np.argsort(flat, stable=True)
    ordered = flat[order]
    turns = np.empty_like(order)
    turns[order] = np.arange(flat.size) - np.searchsorted(ordered, ordered)
    return turns


# branches


def select(condlist: Sequence[Array], choicelist: Sequence[Array], default: Array = 0) -> Array:
    """Return, entry by entry, the choice of the first condition that holds.

    A choice is not differentiated where it is not taken, so no NaN leaks from there.

    Parameters
    ----------
    condlist : sequence of bool array_like or constant
    choicelist : sequence of array_like or Value
        The choices, one per condition; all arrays broadcast together.
    default : array_like or Value
        The result where no condition holds.

    Returns
    -------
    Value or array
        The broadcast shape of all arguments.

    Raises
    ------
    ValueError
        If the numbers of choices and conditions differ, or are zero.
    TypeError
        If a condition is not boolean.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([-1.0, 0.0, 4.0])
    >>> select([x < 0, x > 0], [-x, x * x]).sum().backward()
    >>> x.grad
    array([-1.,  0.,  8.])
    """
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(
            "select needs at least one condition, and one choice per condition, got "
            f"{len(condlist)} conditions and {len(choicelist)} choices"
        )
    condlist, choicelist = [_array(c) for c in condlist], [_array(c) for c in choicelist]
    result = default
    if not isinstance(default, Node):
        result = np.asarray(default, np.result_type(*map(raw, choicelist), default))
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        dtype = dtype_of(condition)
        if dtype.kind != "b":
            raise TypeError(f"conditions must be boolean arrays, got {dtype}: write e.g. x > 0")
        result = where(condition, choice, result)
    return result


@of_array
def piecewise(x: Array, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Array:
    """Return a function given in pieces; each piece gets only its own entries of `x`.

    So a piece is neither computed nor differentiated where it is not defined.

    Parameters
    ----------
    x : array_like or Value
    condlist : bool array of the shape of x, or a sequence of such arrays
        The conditions; if several hold, the last one counts.
    funclist : sequence of callable, number or Value
        The pieces, one per condition, and optionally one more for entries where no condition
        holds (default 0). ``function(entries, *args, **kw)`` gets a 1-d array and returns an
        array of the same length, or a number.

    Returns
    -------
    Value or array
        An array of the shape and dtype of `x`.

    Raises
    ------
    ValueError
        If the numbers of conditions and functions do not match.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([-1.0, 0.0, 4.0])
    >>> y = piecewise(x, [x > 0], [lambda t: t**0.5, 0.0])
    >>> y.data
    array([0., 0., 2.])
    >>> y.sum().backward()
    >>> x.grad
    array([0.  , 0.  , 0.25])
    """
    shape = shape_of(x := _array(x))
    masks = _own_parts(condlist, shape, len(funclist))
    flat = ravel(x)
    indices: list[Any] = []
    pieces: list[Array] = []
    kinds: list[Any] = []
    for mask, function in zip(masks, funclist, strict=True):
        count = np.count_nonzero(mask)
        if count:
            own = _getitem(flat, index=mask)
            piece = function(own, *args, **kw) if callable(function) else function
            indices.append(mask)
            kinds.append(raw(piece))
            pieces.append(_spread(piece, (int(count),)))
    dtype = dtype_of(x)
    if dtype.kind not in "fc":
        dtype = np.result_type(dtype, *kinds)
    whole = scatter(*pieces, indices=tuple(indices), shape=shape_of(flat), dtype=dtype)
    if isinstance(x, Node) and not isinstance(whole, Node):
        whole = where(False, flat, whole)  # a Value for a Value x, even if all pieces are numbers
    return reshape(whole, shape)


def _own_parts(condlist: Any, shape: tuple[int, ...], count: int) -> list[np.ndarray]:
    """Return disjoint masks of the flattened array, one for each of `count` functions."""
    one = isinstance(condlist, Node | np.ndarray | bool) and len(shape_of(condlist)) == len(shape)
    conditions = [condlist] if one else list(condlist)
    if count - len(conditions) not in (0, 1):
        raise ValueError(
            f"{len(conditions)} conditions need as many functions or one more, got {count}"
        )
    taken = np.zeros(np.prod(shape, dtype=int), bool)
    masks = []
    for condition in reversed(conditions):
        mask = np.broadcast_to(as_array(raw(condition), bool), shape).ravel() & ~taken
        taken = taken | mask
        masks.append(mask)
    masks.reverse()
    return masks if count == len(conditions) else [*masks, ~taken]
