"""NumPy functions composed of other functions: reductions that skip NaN, edits, products.

A NaN that a reduction skips is a structural zero: no derivative flows back to it, and its effect on
a derivative is never computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph import Node, as_array, dtype_of, raw, shape_of
from ..tree import flatten, unflatten
from .contractions import matmul
from .elementwise import kept, power, root
from .elementwise import where as choose
from .indexing import sort, take_along_axis
from .linalg import cross as _cross
from .reductions import Axis, _axes, mean, number, prod, var
from .reductions import max as _max
from .reductions import min as _min
from .reductions import sum as _sum
from .shaping import (
    _array,
    astype,
    concatenate,
    expand_dims,
    floating,
    moveaxis,
    ravel,
    reshape,
    squeeze,
)
from .signatures import like, of_array, of_sequence, of_two

__all__ = [
    "append", "block", "cross", "delete", "float_power", "insert", "matvec", "nanmax", "nanmean",
    "nanmedian", "nanmin", "nanprod", "nanstd", "nansum", "nanvar", "vander", "vecmat",
]  # fmt: skip


def _counts(x: Any, condition: Any) -> Any:
    """Return a mask of the entries that are numbers and that the reduction includes."""
    return ~np.isnan(as_array(raw(_array(x)))) & as_array(raw(condition))


@like(_sum)
def nansum(x: Any, *args: Any, where: Any = True, **how: Any) -> Any:
    """Return the sum of the entries that are not NaN; 0 if there are none.

    The gradient is that of `sum` for the entries that are not NaN, and 0 for NaN.

    Parameters
    ----------
    x : array_like or Value
    axis : int, tuple of int or None, optional
        The axes to reduce; None, the default, reduces all axes.
    dtype : dtype, optional
        The dtype that the entries are converted to first.
    keepdims : bool, optional
        Whether the reduced axes stay, with length 1.
    initial : number or Value, optional
        One more entry.
    where : array_like of bool, optional
        The entries that count; the others do not affect the result or a derivative.

    Returns
    -------
    Value or array
        An array of the shape of `x` without the reduced axes, and the dtype of `x` unless another
        is given.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> x = dp.Value([1.0, np.nan, 3.0])
    >>> (nansum(x) ** 2).backward()
    >>> x.grad
    array([8., 0., 8.])
    """
    return _sum(x, *args, where=_counts(x, where), **how)


@like(prod)
def nanprod(x: Any, *args: Any, where: Any = True, **how: Any) -> Any:
    """Return the product of the entries that are not NaN; 1 if there are none.

    The gradient is that of `prod` for the entries that are not NaN, and 0 for NaN.

    Parameters
    ----------
    x : array_like or Value
    axis : int, tuple of int or None, optional
        The axes to reduce; None, the default, reduces all axes.
    dtype : dtype, optional
        The dtype that the entries are converted to first.
    keepdims : bool, optional
        Whether the reduced axes stay, with length 1.
    initial : number or Value, optional
        One more entry.
    where : array_like of bool, optional
        The entries that count; the others do not affect the result or a derivative.

    Returns
    -------
    Value or array
        An array of the shape of `x` without the reduced axes, and the dtype of `x` unless another
        is given.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, np.nan, 3.0])
    >>> y = dnp.nanprod(x)
    >>> y
    Value(data=3.0, grad=None)
    >>> y.backward()
    >>> x.grad
    array([3., 0., 1.])
    """
    return prod(x, *args, where=_counts(x, where), **how)


@like(mean)
def nanmean(x: Any, *args: Any, where: Any = True, **how: Any) -> Any:
    """Return the mean of the entries that are not NaN; NaN if there are none.

    The gradient is that of `mean` for the entries that are not NaN, and 0 for NaN.

    Parameters
    ----------
    x : array_like or Value
    axis : int, tuple of int or None, optional
        The axes to reduce; None, the default, reduces all axes.
    dtype : dtype, optional
        The dtype that the entries are converted to first.
    keepdims : bool, optional
        Whether the reduced axes stay, with length 1.
    where : array_like of bool, optional
        The entries that count; the others do not affect the result or a derivative.

    Returns
    -------
    Value or array
        An array of the shape of `x` without the reduced axes, and the dtype of `x` unless another
        is given.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, np.nan, 3.0])
    >>> y = dnp.nanmean(x)
    >>> y
    Value(data=2.0, grad=None)
    >>> y.backward()
    >>> x.grad
    array([0.5, 0. , 0.5])
    """
    return mean(x, *args, where=_counts(x, where), **how)


@like(var)
def nanvar(x: Any, axis: Axis = None, *args: Any, where: Any = True, **how: Any) -> Any:
    """Return the variance of the entries that are not NaN; NaN for at most `ddof` entries.

    The gradient is that of `var` for the entries that are not NaN, and 0 for NaN.

    Parameters
    ----------
    x : array_like or Value
    axis : int, tuple of int or None, optional
        The axes to reduce; None, the default, reduces all axes.
    dtype : dtype, optional
        The dtype that the entries are converted to first.
    correction : float, optional
        The number that is subtracted from the number of entries.
    ddof : float, optional
        NumPy's name for `correction`.
    keepdims : bool, optional
        Whether the reduced axes stay, with length 1.
    mean : array_like or Value, optional
        The mean, if it is known, with the reduced axes kept.
    where : array_like of bool, optional
        The entries that count; the others do not affect the result or a derivative.

    Returns
    -------
    Value or array
        An array of the shape of `x` without the reduced axes, and the dtype of `x` unless another
        is given.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, np.nan, 3.0])
    >>> y = dnp.nanvar(x)
    >>> y
    Value(data=1.0, grad=None)
    >>> y.backward()
    >>> x.grad
    array([-1.,  0.,  1.])
    """
    seen, free = _counts(x, where), how.get("correction") or how.get("ddof", 0)
    with np.errstate(invalid="ignore"):
        y = var(x, axis, *args, where=seen, **how)
    return choose(number(x, seen, axis, how.get("keepdims", False)) > free, y, np.nan)


@like(var)
def nanstd(x: Any, *args: Any, **how: Any) -> Any:
    """Return the square root of `nanvar`; its derivative is 0 where all entries are equal.

    The gradient is that of `std` for the entries that are not NaN, and 0 for NaN.

    Parameters
    ----------
    x : array_like or Value
    axis : int, tuple of int or None, optional
        The axes to reduce; None, the default, reduces all axes.
    dtype : dtype, optional
        The dtype that the entries are converted to first.
    correction : float, optional
        The number that is subtracted from the number of entries.
    ddof : float, optional
        NumPy's name for `correction`.
    keepdims : bool, optional
        Whether the reduced axes stay, with length 1.
    mean : array_like or Value, optional
        The mean, if it is known, with the reduced axes kept.
    where : array_like of bool, optional
        The entries that count; the others do not affect the result or a derivative.

    Returns
    -------
    Value or array
        An array of the shape of `x` without the reduced axes, and the dtype of `x` unless another
        is given.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, np.nan, 3.0])
    >>> y = dnp.nanstd(x)
    >>> y
    Value(data=1.0, grad=None)
    >>> y.backward()
    >>> x.grad
    array([-0.5,  0. ,  0.5])
    """
    return root(nanvar(x, *args, **how))


@like(_max)
def nanmax(x: Any, axis: Axis = None, **how: Any) -> Any:
    """Return the largest entry that is not NaN; NaN if there is none.

    The gradient is that of `max` for the entries that are not NaN, and 0 for NaN.

    Parameters
    ----------
    x : array_like or Value
    axis : int, tuple of int or None, optional
        The axes to reduce; None, the default, reduces all axes.
    keepdims : bool, optional
        Whether the reduced axes stay, with length 1.
    initial : number or Value, optional
        One more entry.
    where : array_like of bool, optional
        The entries that count; the others do not affect the result or a derivative.

    Returns
    -------
    Value or array
        An array of the shape of `x` without the reduced axes, and the dtype of `x` unless another
        is given.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, np.nan, 3.0])
    >>> y = dnp.nanmax(x)
    >>> y
    Value(data=3.0, grad=None)
    >>> y.backward()
    >>> x.grad
    array([0., 0., 1.])
    """
    return _extreme(_max, -np.inf, x, axis, **how)


@like(_min)
def nanmin(x: Any, axis: Axis = None, **how: Any) -> Any:
    """Return the smallest entry that is not NaN; NaN if there is none.

    The gradient is that of `min` for the entries that are not NaN, and 0 for NaN.

    Parameters
    ----------
    x : array_like or Value
    axis : int, tuple of int or None, optional
        The axes to reduce; None, the default, reduces all axes.
    keepdims : bool, optional
        Whether the reduced axes stay, with length 1.
    initial : number or Value, optional
        One more entry.
    where : array_like of bool, optional
        The entries that count; the others do not affect the result or a derivative.

    Returns
    -------
    Value or array
        An array of the shape of `x` without the reduced axes, and the dtype of `x` unless another
        is given.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, np.nan, 3.0])
    >>> y = dnp.nanmin(x)
    >>> y
    Value(data=1.0, grad=None)
    >>> y.backward()
    >>> x.grad
    array([1., 0., 0.])
    """
    return _extreme(_min, np.inf, x, axis, **how)


@of_array
def nanmedian(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return the median of the entries that are not NaN; NaN if there are none.

    The gradient is that of `median` for the entries that are not NaN, and 0 for NaN.

    Parameters
    ----------
    x : array_like or Value
    axis : int, tuple of int or None, optional
        The axes to reduce; None, the default, reduces all axes.
    keepdims : bool, optional
        Whether the reduced axes stay, with length 1.

    Returns
    -------
    Value or array
        An array of the shape of `x` without the reduced axes, and the dtype of `x` unless another
        is given.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, np.nan, 3.0])
    >>> y = dnp.nanmedian(x)
    >>> y
    Value(data=2.0, grad=None)
    >>> y.backward()
    >>> x.grad
    array([0.5, 0. , 0.5])
    """
    x = floating(x)
    axes, shape = _axes(x, axis), shape_of(x)
    rest = [n for i, n in enumerate(shape) if i not in axes]
    ends = tuple(range(-len(axes), 0))
    rows = reshape(moveaxis(x, axes, ends), (*rest, math.prod(shape[i] for i in axes)))
    number = np.sum(~np.isnan(raw(rows)), -1, keepdims=True)
    if not shape_of(rows)[-1]:
        rows = concatenate([rows, np.full((*rest, 1), np.nan, dtype_of(rows))], -1)
    ordered = sort(rows, -1)  # NaN is sorted last
    halves = (np.maximum(number - 1, 0) // 2, number // 2)
    low, high = (take_along_axis(ordered, i, -1) for i in halves)
    kept = [1 if i in axes else n for i, n in enumerate(shape)]
    return reshape(0.5 * (low + high), kept if keepdims else rest)


def _extreme(
    reduction: Any, least: float, x: Any, axis: Axis, *, where: Any = True, **how: Any
) -> Any:
    if not _inexact(x):
        return reduction(x, axis, where=where, **how)
    seen = _counts(x, where)
    if how.get("initial") is not None:
        return reduction(x, axis, where=seen, **how)
    found = np.any(seen, axis, keepdims=how.get("keepdims", False))
    return choose(found, reduction(kept(seen, x, least), axis, **how), np.nan)


def _inexact(x: Any) -> bool:
    return dtype_of(_array(x)).kind in "fc"


# -- edits: NumPy's own functions, applied to the numbers of entries, say where entries go --


def _moved(function: Callable[..., Any], *arrays: Any) -> Any:
    """Return the result of a function that only moves entries, applied to `arrays`."""
    arrays = tuple(map(_array, arrays))
    shapes = [shape_of(x) for x in arrays]
    first = np.cumsum([0, *map(math.prod, shapes)])
    numbers = [n + np.arange(math.prod(s)).reshape(s) for n, s in zip(first, shapes, strict=False)]
    return concatenate([ravel(x) for x in arrays])[function(*numbers)]


@of_two
def append(x: Any, values: Any, axis: int | None = None) -> Any:
    """Return x followed by `values` along `axis`; without an axis, both are flattened.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    values : array_like or Value
        The entries to append.
    axis : int or None, optional
        The axis; None flattens the arrays first.

    Returns
    -------
    Value or array
        As long along `axis` as both together.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0])
    >>> y = dnp.append(x, 3.0)
    >>> y
    Value([1., 2., 3.], shape=(3,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([1., 1.])
    """
    return concatenate([ravel(x), ravel(values)] if axis is None else [x, values], axis or 0)


@of_array
def delete(x: Any, obj: Any, axis: int | None = None) -> Any:
    """Return x without the entries `obj` (an index, indices, a slice or a mask) along `axis`.

    The gradient of entries that are left out is 0.

    Parameters
    ----------
    x : array_like or Value
    obj : int, slice, array_like of int or of bool
        The entries to leave out.
    axis : int or None, optional
        The axis; None flattens the arrays first.

    Returns
    -------
    Value or array
        The entries that are left.

    Examples
    --------
    >>> import numpy as np
    >>> delete(np.array([5.0, 6.0, 7.0]), 1)
    array([5., 7.])
    """
    return _moved(lambda n: np.delete(n, obj, axis), x)


def insert(x: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """Return x with `values` inserted before the entries `obj` along `axis`.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    obj : int, slice or array_like of int
        The positions in `x` before which values are inserted.
    values : array_like or Value
        The values, broadcast.
    axis : int or None, optional
        The axis; None flattens the arrays first.

    Returns
    -------
    Value or array
        The entries of `x` and the values.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0])
    >>> y = dnp.insert(x, 1, 9.0)
    >>> y
    Value([1., 9., 2.], shape=(3,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([1., 1.])
    """
    x, values = _array(x), _array(values)
    if not isinstance(values, Node):
        values = values.astype(dtype_of(x))
    return _moved(lambda n, new: np.insert(n, obj, new, axis), x, values)


@of_sequence
def block(arrays: Any) -> Any:
    """Return nested lists of blocks joined: innermost lists along the last axis, and so on.

    The gradient moves back with the entries.

    Parameters
    ----------
    arrays : nested list of array_like or Value

    Returns
    -------
    Value or array
        At least as many axes as the lists have levels.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0]])
    >>> y = dnp.block([[x], [2 * x]])
    >>> y
    Value([[1., 2.],
           [2., 4.]], shape=(2, 2), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([[3., 3.]])
    """
    leaves, structure = flatten(arrays)
    return _moved(lambda *numbers: np.block(unflatten(structure, numbers)), *leaves)


# -- products and powers ------------------------------------------------------------------


@of_two
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """Return the cross product of vectors of three entries, along one axis or an axis of each.

    A vector of two entries has 0 as third entry. If all vectors have two entries, the result is
    the third entry of the product.

    For a cotangent ``g``, the gradients are ``cross(b, g)`` and ``cross(g, a)``.

    Parameters
    ----------
    a, b : array_like or Value
    axisa : int, optional
        The axis of the vectors of `a`.
    axisb : int, optional
        The axis of the vectors of `b`.
    axisc : int, optional
        The axis of the vectors of the result.
    axis : int or None, optional
        The axis of all vectors, instead of the other three.

    Returns
    -------
    Value or array
        The broadcast shape.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> a, b = dp.Value([1.0, 0.0, 0.0]), dp.Value([0.0, 1.0, 0.0])
    >>> y = dnp.cross(a, b)
    >>> y
    Value([0., 0., 1.], shape=(3,), dtype=float64)
    >>> y.sum().backward()
    >>> a.grad, b.grad
    (array([ 1.,  0., -1.]), array([ 0.,  1., -1.]))
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    sizes = shape_of(a)[-1], shape_of(b)[-1]
    if sizes == (2, 2):
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    a, b = (
        concatenate([x, np.zeros((*shape_of(x)[:-1], 1), dtype_of(x))], -1) if n == 2 else x
        for x, n in zip((a, b), sizes, strict=True)
    )
    return moveaxis(_cross(a, b), -1, axisc)


@of_two
def matvec(x1: Any, x2: Any) -> Any:
    """Return matrices (..., m, n) times vectors (..., n).

    For a cotangent ``g``, the gradients are ``outer(g, x2)`` and ``vecmat(g, x1)``.

    Parameters
    ----------
    x1 : array_like or Value
        Matrices (..., m, n).
    x2 : array_like or Value
        Vectors (..., n).

    Returns
    -------
    Value or array
        An array of the shape (..., m).

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 10.0])
    >>> y = dnp.matvec([[1.0, 2.0], [3.0, 4.0]], x)
    >>> y
    Value([21., 43.], shape=(2,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([4., 6.])
    """
    return squeeze(matmul(x1, expand_dims(x2, -1)), -1)


@of_two
def vecmat(x1: Any, x2: Any) -> Any:
    """Return vectors (..., m), conjugated, times matrices (..., m, n).

    For a cotangent ``g``, the gradients are ``matvec(x2, g)`` and ``outer(x1, g)``.

    Parameters
    ----------
    x1 : array_like or Value
        Vectors (..., m).
    x2 : array_like or Value
        Matrices (..., m, n).

    Returns
    -------
    Value or array
        An array of the shape (..., n).

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 10.0])
    >>> y = dnp.vecmat(x, [[1.0, 2.0], [3.0, 4.0]])
    >>> y
    Value([31., 42.], shape=(2,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([3., 7.])
    """
    return squeeze(matmul(expand_dims(np.conjugate(x1), -2), x2), -2)


@of_two
def float_power(x1: Any, x2: Any) -> Any:
    """Return x1**x2 in float64 or complex128 at least.

    The derivatives are those of `power`.

    Parameters
    ----------
    x1, x2 : array_like or Value

    Returns
    -------
    Value or array
        The broadcast shape.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.float_power([2, 3], 2)
    array([4., 9.])
    """
    x1, x2 = _array(x1), _array(x2)
    wide = np.result_type(raw(x1), raw(x2), np.float64)
    return power(astype(x1, wide, copy=False), astype(x2, wide, copy=False))


@of_array
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Return the powers of a vector as columns: highest power first, or last if `increasing`.

    The derivative of a column is ``k * x**(k - 1)``, where k is its power.

    Parameters
    ----------
    x : array_like or Value
        A vector (n,).
    N : int, optional
        The number of columns, by default n.
    increasing : bool, optional
        Whether the powers rise from 0.

    Returns
    -------
    Value or array
        An array of the shape (n, N).

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([2.0, 3.0])
    >>> y = dnp.vander(x, 3)
    >>> y
    Value([[4., 2., 1.],
           [9., 3., 1.]], shape=(2, 3), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([5., 7.])
    """
    x = _array(x)
    if len(shape_of(x)) != 1:
        raise ValueError(f"vander takes a vector, got shape {shape_of(x)}")
    dtype = dtype_of(x) if dtype_of(x).kind in "fc" else np.dtype(int)
    n = shape_of(x)[0] if N is None else N
    powers = np.arange(n) if increasing else np.arange(n)[::-1]
    return power(expand_dims(astype(x, dtype, copy=False), -1), powers.astype(dtype))
