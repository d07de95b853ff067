"""Reductions and running totals: functions that make fewer numbers out of many.

Everywhere below, `axis` is None (the whole array), an int, or, where several axes make sense, a
tuple of ints. Negative axes count from the end. With `keepdims` the reduced axes stay, with length
1. All this is as in NumPy, with NumPy's errors for an axis that does not exist.

A rule may return a cotangent that only broadcasts to the shape of the argument: the rule of a sum
over everything returns the single number that it gets, and copies nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..graph import (
    Custom,
    Linear,
    Masked,
    Selection,
    as_array,
    broadcast_to,
    conjugated,
    dtype_of,
    is_complex,
    is_known,
    raw,
    shape_of,
    verify,
)
from ..graph.batches import along
from ..graph.cotangent import adds_by_product, ones
from ..graph.domains import Case, case
from ..graph.primitive import Rule
from .elementwise import (
    absolute,
    add,
    exp,
    imag,
    kept,
    log,
    maximum,
    minimum,
    multiply,
    real,
    root,
    root_of_power,
    sign,
    square,
    where,
)
from .indexing import sort
from .shaping import _array, _row, astype, concatenate, floating, moveaxis, reshape, transpose
from .signatures import like, of_array

__all__ = [
    "amax", "amin", "average", "cumprod", "cumsum", "diff", "log_softmax", "logsumexp", "max",
    "mean", "median", "min", "norm", "percentile", "prod", "ptp", "quantile", "softmax", "std",
    "sum", "trapezoid", "var",
]  # fmt: skip

Axis: TypeAlias = int | tuple[int, ...] | None


# -- axes ---------------------------------------------------------------------------------


def _axes(x: Any, axis: Axis) -> tuple[int, ...]:
    ndim = len(shape_of(x))
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def _count(x: Any, y: Any) -> int:
    """Return how many entries of `x` each entry of its reduction `y` depends on."""
    return int(np.size(raw(x)) // (np.size(raw(y)) or 1))


def _kept(y: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Return a reduction of `x`, reshaped so that it broadcasts against `x`."""
    if axis is None or keepdims or not len(shape_of(y)):
        return y
    shape = list(shape_of(x))
    for i in axis if isinstance(axis, tuple) else (axis,):
        shape[i] = 1
    return y.reshape(tuple(shape))


def _cut(axis: int, *bounds: int | None) -> tuple[Any, ...]:
    """Return the index that cuts a slice along one axis."""
    if axis < 0:
        return (..., slice(*bounds), *(slice(None),) * (-axis - 1))
    return (*(slice(None),) * axis, slice(*bounds))


def _backwards(axis: int) -> tuple[Any, ...]:
    return _cut(axis, None, None, -1)


def _reductions(**params: Any) -> list[Case]:
    return [
        case((3, 4), axis=None, keepdims=False, **params),
        case((3, 4), axis=-1, keepdims=True, **params),
        case((2, 3, 4), axis=(0, -1), keepdims=False, **params),
        case((0, 3), axis=1, keepdims=False, **params),
        case((), axis=None, keepdims=False, **params),
    ]


_RUNNING = [case((5,), axis=0), case((2, 3, 4), axis=-2), case((0, 3), axis=0)]
_NORMALISED = [case((3, 4), axis=-1), case((2, 3, 4), axis=(0, -1)), case((0, 3), axis=0)]


# -- sums ---------------------------------------------------------------------------------


def _mean(x: Any, axis: Axis, keepdims: Any) -> Any:
    if type(x) is np.ndarray and x.size and x.dtype.kind == "f" and x.itemsize > 2:
        total = np.add.reduce(x, axis, keepdims=keepdims)
        return total / (x.size // total.size)
    return np.mean(x, axis, keepdims=keepdims)


sum_: Selection = Selection(
    "sum",
    lambda x, axis, keepdims: np.add.reduce(x, axis, keepdims=keepdims),
    lambda g, x, axis, keepdims: _kept(g, x, axis, keepdims),
    adds=True,
    views=False,
    buffered=True,
    batch=along,
    cases=[*_reductions(), case((0, 3), axis=0, keepdims=False)],
)
mean_: Selection = Selection(
    "mean",
    _mean,
    lambda g, x, axis, keepdims: _kept(g / (_count(x, g) or 1), x, axis, keepdims),
    adds=True,
    views=False,
    batch=along,
    cases=_reductions(),
)
cumsum_: Linear = Linear(
    "cumsum",
    lambda x, axis: np.add.accumulate(x, axis),
    lambda g, _x, axis: cumsum_(g[_backwards(axis)], axis=axis)[_backwards(axis)],
    batch=along,
    cases=_RUNNING,
)


# -- reductions whose derivative is one weight per entry ----------------------------------


def _weighted(
    name: str, forward: Rule, weight: Rule, cases: Sequence[Case], *, decomposed: bool = False
) -> Custom:
    """Return a reduction with one weight per entry, which multiplies the entry's tangent.

    ``weight(y, x, axis, **params)`` gets the output with its axes kept. It may return `Masked`
    weights: outside the mask the output does not depend on an entry at all.
    """

    def times(t: Any, y: Any, x: Any, axis: Axis, keepdims: bool, **params: Any) -> Any:
        w = weight(_kept(y, x, axis, keepdims), x, axis, **params)
        if isinstance(w, Masked):
            return Masked(where(w.mask, t * w.values, 0.0), w.mask)
        return t * w

    def vjp(g: Any, y: Any, x: Any, axis: Axis, keepdims: bool, **params: Any) -> Any:
        return times(_kept(g, x, axis, keepdims), y, x, axis, keepdims, **params)

    def jvp(
        tangents: Sequence[Any], y: Any, x: Any, axis: Axis, keepdims: bool, **params: Any
    ) -> Any:
        t = times(tangents[0], y, x, axis, keepdims, **params)
        return sum_(getattr(t, "values", t), axis=axis, keepdims=keepdims)

    word = None if decomposed else along
    return Custom(name, forward, [vjp], jvp, cases=cases, decomposed=decomposed, batch=word)


def _share_of_extreme(y: Any, x: Any, axis: Axis) -> Masked:
    """Return equal shares for tied entries; NaN shares where the extreme is NaN."""
    x = raw(x)
    chosen = x == raw(y)
    count = np.add.reduce(chosen, axis, keepdims=True)
    share = np.where(count, 1 / np.maximum(count, 1), np.nan).astype(np.result_type(x))
    return Masked(share, chosen | (count == 0))


def _deviation(y: Any, x: Any, axis: Axis, ddof: float) -> Any:
    free = _count(x, y) - ddof
    away = x - mean_(x, axis=axis, keepdims=True)
    return (2 / free if free > 0 else math.inf) * conjugated(away)


def _share_of_total(y: Any, x: Any, axis: Axis) -> Any:
    """Return exp(x) divided by its sum; 0 where every entry is -inf, so that the sum is 0."""
    none = raw(y) == -np.inf
    if is_known(none) and not np.any(none):
        return softmax_(x, axis=axis)
    return where(none, 0.0, softmax_(where(none, 0.0, x), axis=axis))


def _others(_y: Any, x: Any, axis: int) -> Any:
    """Return, for each entry, the product of all others: no division, so zeros are no problem."""
    back = _backwards(axis)
    return _before(x, axis) * _before(x[back], axis)[back]


def _before(x: Any, axis: int) -> Any:
    """Return, for each entry, the product of the entries before it."""
    first = np.ones_like(raw(x)[_cut(axis, None, 1)])
    return concatenate([first, cumprod_(x[_cut(axis, None, -1)], axis=axis)], axis)


def _shifted(x: Any, axis: Axis) -> tuple[Any, Any]:
    """Return `x` minus its largest entry, against overflow, and what was subtracted."""
    x = as_array(x)
    x = x.astype(float) if x.dtype.kind in "biu" else x
    top = np.maximum.reduce(x, axis, keepdims=True, initial=-np.inf)
    if not is_known(top) or not np.isfinite(top).all():
        top = np.where(np.isfinite(top), top, np.zeros_like(top))
    return x - top, top


def _totals(e: Any, axis: Axis) -> Any:
    """Return sums along an axis that is kept; sums of rows by a product, several times faster."""
    if axis in (1, -1) and adds_by_product(e) and 0 < e.shape[1] <= _SHORT:
        return e @ ones(e.shape[1], e.dtype)[:, None]
    return np.add.reduce(e, axis, keepdims=True)


_SHORT = 128  # entries; NumPy sums longer rows pairwise, which has a smaller rounding error


def _log_total(z: Any, axis: Axis) -> Any:
    total = _totals(np.exp(z), axis)
    with np.errstate(divide="ignore"):  # log(0), where every entry is -inf
        return np.log(total)


def _logsumexp(x: Any, axis: Axis, keepdims: bool) -> Any:
    z, top = _shifted(x, axis)
    y = _log_total(z, axis) + top
    return y if keepdims else y.squeeze(axis)


max_: Custom = _weighted(
    "max",
    lambda x, axis, keepdims: np.maximum.reduce(x, axis, keepdims=keepdims),
    _share_of_extreme,
    _reductions(),
)
min_: Custom = _weighted(
    "min",
    lambda x, axis, keepdims: np.minimum.reduce(x, axis, keepdims=keepdims),
    _share_of_extreme,
    _reductions(),
)
var_: Custom = _weighted(
    "var",
    lambda x, axis, ddof, keepdims: np.var(x, axis, ddof=ddof, keepdims=keepdims),
    _deviation,
    [*_reductions(ddof=0), *_reductions(ddof=0.5)[:3]],
)
logsumexp_: Custom = _weighted(
    "logsumexp", _logsumexp, _share_of_total, _reductions(), decomposed=True
)
prod_: Custom = _weighted(
    "prod",
    lambda x, axis, keepdims: np.multiply.reduce(x, axis, keepdims=keepdims),
    _others,
    [
        case((5,), axis=0, keepdims=False),
        case((2, 3, 4), axis=-2, keepdims=True),
        case((0, 3), axis=0, keepdims=False),
    ],
)


# -- running products, softmax ------------------------------------------------------------


def _tails(a: Any, g: Any, axis: int) -> Any:
    """Return s with s[i] = g[i] + a[i] * s[i + 1]; each round doubles the reach."""
    reach = 1
    while reach < shape_of(g)[axis]:
        near, far, end = _cut(axis, None, -reach), _cut(axis, reach, None), _cut(axis, -reach, None)
        g = concatenate([g[near] + a * g[far], g[end]], axis)
        a = a[near] * a[far]
        reach *= 2
    return g


def _cumprod_vjp(g: Any, _y: Any, x: Any, axis: int) -> Any:
    return _before(x, axis) * _tails(x[_cut(axis, 1, None)], g, axis)


def _cumprod_jvp(tangents: Sequence[Any], _y: Any, x: Any, axis: int) -> Any:
    back, t = _backwards(axis), tangents[0] * _before(x, axis)
    return _tails(x[_cut(axis, 1, None)][back], t[back], axis)[back]


def _softmax(x: Any, axis: Axis) -> Any:
    e = np.exp(_shifted(x, axis)[0])
    return e / _totals(e, axis)


def _log_softmax(x: Any, axis: Axis) -> Any:
    z, _ = _shifted(x, axis)
    return z - _log_total(z, axis)


def _softmax_slope(t: Any, y: Any, axis: Axis) -> Any:
    """Return the symmetric Jacobian times a tangent or a cotangent."""
    return y * (t - sum_(t * y, axis=axis, keepdims=True))


cumprod_: Custom = Custom(
    "cumprod",
    lambda x, axis: np.multiply.accumulate(x, axis),
    [_cumprod_vjp],
    _cumprod_jvp,
    batch=along,
    cases=_RUNNING,
)
softmax_: Custom = Custom(
    "softmax",
    _softmax,
    [lambda g, y, _x, axis: _softmax_slope(g, y, axis)],
    lambda tangents, y, _x, axis: _softmax_slope(tangents[0], y, axis),
    decomposed=True,
    cases=_NORMALISED,
)
log_softmax_: Custom = Custom(
    "log_softmax",
    _log_softmax,
    [lambda g, y, _x, axis: g - exp(y) * sum_(g, axis=axis, keepdims=True)],
    lambda ts, y, _x, axis: ts[0] - sum_(ts[0] * exp(y), axis=axis, keepdims=True),
    decomposed=True,
    cases=_NORMALISED,
)


# -- what users call ----------------------------------------------------------------------


# Where `where`, a boolean array, is False, an entry has no effect on a reduction: no derivative
# flows back to it, even if it is NaN. `initial` is one additional entry. Entries are converted to
# `dtype` first.


def _in(dtype: Any, function: Callable[..., Any], x: Any, **params: Any) -> Any:
    """Return a function of the entries of `x` converted to `dtype`."""
    if dtype is None:
        return function(x, **params)
    y = function(astype(x, dtype, copy=False), **params)
    return astype(y, dtype, copy=False)


def _chosen(condition: Any, x: Any, fill: Any) -> Any:
    """Return `x`, with `fill` where a reduction skips entries."""
    if condition is True:
        return x
    x, shape = _array(x), shape_of(condition)
    if np.broadcast_shapes(shape, shape_of(x)) != shape_of(x):
        raise ValueError(f"where= must broadcast to the shape of x, {x.shape}, got {shape}")
    return kept(condition, x, fill)


def _with_initial(function: Callable[..., Any], y: Any, initial: Any) -> Any:
    """Return the result of a reduction, combined with one additional entry."""
    if initial is None:
        return y
    if len(shape_of(initial)):
        raise ValueError(f"initial= must be a number, got an array of shape {np.shape(initial)}")
    return function(y, astype(initial, dtype_of(y), copy=False))


def number(x: Any, condition: Any, axis: Axis, keepdims: bool) -> Any:
    """Return how many entries a reduction sees, in the dtype of the mean; NaN for none."""
    kind = dtype_of(x)
    dtype = np.dtype(float) if kind.kind in "biu" else kind.type(0).real.dtype
    seen: Any = np.broadcast_to(as_array(raw(condition)), shape_of(x))
    count: Any = np.sum(seen, axis, dtype, keepdims=keepdims)
    return np.where(count > 0, count, np.nan).astype(dtype)[()]


@of_array
def sum(
    x: Any,
    axis: Axis = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """Return the sum of the entries, all or along `axis`, converted to `dtype` first.

    The gradient of each entry is 1.

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
    >>> y = sum(x * x, where=[True, False, True])
    >>> y.backward()
    >>> y.item(), x.grad
    (10.0, array([2., 0., 6.]))
    """
    if dtype is None and where is True and initial is None:
        return sum_(x, axis=axis, keepdims=keepdims)
    y = _in(dtype, sum_, _chosen(where, x, 0), axis=axis, keepdims=keepdims)
    return _with_initial(add, y, initial)


@of_array
def mean(
    x: Any, axis: Axis = None, dtype: Any = None, *, keepdims: bool = False, where: Any = True
) -> Any:
    """Return the arithmetic mean; NaN where there are no entries.

    The gradient of each entry is ``1 / n``, with n the number of entries.

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
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 6.0])
    >>> y = dnp.mean(x)
    >>> y
    Value(data=3.0, grad=None)
    >>> y.backward()
    >>> x.grad
    array([0.33333333, 0.33333333, 0.33333333])
    """
    if dtype is None and where is True:
        return mean_(x, axis=axis, keepdims=keepdims)
    if where is True:
        return _in(dtype, mean_, x, axis=axis, keepdims=keepdims)
    x = _array(x)
    kind = dtype_of(x)
    if dtype is None and kind == np.float16:  # as in NumPy: a sum with more digits
        return astype(mean(x, axis, np.float32, keepdims=keepdims, where=where), kind)
    total = sum(x, axis, dtype, keepdims=keepdims, where=where)
    y = total / number(x if dtype is None else astype(x, dtype), where, axis, keepdims)
    return y if dtype is None else astype(y, dtype, copy=False)


def _has_no_zero(total: Any) -> None:
    if np.any(total == 0):
        raise ZeroDivisionError("average: the weights sum to zero, so there is no mean")


def average(
    x: Any,
    axis: Axis = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
) -> Any:
    """Return the weighted mean ``sum(weights * x) / sum(weights)``.

    Weights have the shape of `x`, or the lengths of the axes `axis` only. If `returned`, return a
    pair: the mean, and the sum of the weights in the shape of the mean.

    The gradient with respect to `x` is ``weights / sum(weights)``; weights are differentiated too.

    Parameters
    ----------
    x : array_like or Value
    axis : int, tuple of int or None, optional
        The axes to reduce; None, the default, reduces all axes.
    weights : array_like or Value, optional
        One weight for each entry, or for each entry of the axis; equal by default.
    returned : bool, optional
        Whether the sum of the weights is returned too.
    keepdims : bool, optional
        Whether the reduced axes stay, with length 1.

    Returns
    -------
    Value or array
        The mean; with `returned`, a pair of the mean and the sum of the weights.

    Raises
    ------
    ValueError
        If the weights have another shape.
    ZeroDivisionError
        If the weights sum to zero.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 4.0])
    >>> dnp.average(x, weights=[3.0, 1.0]).backward()
    >>> x.grad
    array([0.75, 0.25])
    """
    _axes(x := _array(x), axis)
    if weights is None:
        y = mean(x, axis, keepdims=keepdims)
        return (y, np.full_like(raw(y), _count(x, y))[()]) if returned else y
    weights = _array(weights)
    shape, axes, given = shape_of(x), _axes(x, axis), shape_of(weights)
    if given != shape:
        if axis is None:
            raise TypeError(
                f"average: weights of shape {given} for an array of shape {shape} need axis="
            )
        if given != tuple(shape[i] for i in axes):
            raise ValueError(
                f"average: weights must have the shape of the array, {shape}, or the lengths of "
                f"its axes {axes}, got shape {given}"
            )
        in_order = transpose(weights, tuple(np.argsort(axes).tolist()))
        weights = reshape(in_order, tuple(m if i in axes else 1 for i, m in enumerate(shape)))
    wide = np.result_type(as_array(raw(x)), as_array(raw(weights)))
    total = sum(weights, axis, wide, keepdims=keepdims)
    verify(_has_no_zero, raw(total))
    y = sum(x * weights, axis, keepdims=keepdims) / total
    return (y, broadcast_to(total, shape=shape_of(y))) if returned else y


@of_array
def prod(
    x: Any,
    axis: Axis = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """Return the product of the entries; its derivative is right with any number of zeros.

    The derivative with respect to an entry is the product of the other entries.

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
    >>> import deltaprop as dp
    >>> x = dp.Value([0.0, 2.0, 3.0])
    >>> prod(x).backward()
    >>> x.grad
    array([6., 0., 0.])
    """
    x = _array(x)
    dtype = dtype or np.prod(np.empty(0, dtype_of(x))).dtype  # integers become wide
    x = astype(_chosen(where, x, 1), dtype, copy=False)
    axes = () if axis in (0, -1) and not len(shape_of(x)) else _axes(x, axis)
    for i in sorted(axes, reverse=True):
        x = prod_(x, axis=i, keepdims=keepdims)
    return _with_initial(multiply, astype(x, dtype, copy=False), initial)


def _extreme(
    reduction: Any,
    both: Any,
    x: Any,
    axis: Axis,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    if initial is None:
        if where is True:
            return reduction(x, axis=axis, keepdims=keepdims)
        raise ValueError(
            "the largest or smallest entry with where= needs initial= too, the result if no entry "
            "is left: pass e.g. initial=-numpy.inf for max, numpy.inf for min"
        )
    if not np.size(raw(x)):  # the sum of no entries has the right shape
        return sum(x, axis, keepdims=keepdims, initial=initial)
    x = _chosen(where, x, astype(initial, dtype_of(x), copy=False))
    return _with_initial(both, reduction(x, axis=axis, keepdims=keepdims), initial)


@of_array
def max(
    x: Any, axis: Axis = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """Return the largest entry; tied entries share the derivative evenly, NaN stays NaN.

    `initial` is one additional entry. `where` needs it: it is the result where no entry is left.

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
    >>> import deltaprop as dp
    >>> x = dp.Value([1.0, 3.0, 3.0])
    >>> max(x).backward()
    >>> x.grad
    array([0. , 0.5, 0.5])
    """
    return _extreme(max_, maximum, x, axis, keepdims, initial, where)


@like(max)
def min(x: Any, axis: Axis = None, **how: Any) -> Any:
    """Return the smallest entry, with the conventions of `max`.

    The derivative is 1 for the smallest entry and 0 for the others; tied entries share it evenly.

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
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([3.0, 1.0, 1.0])
    >>> smallest = dnp.min(x)
    >>> smallest
    Value(data=1.0, grad=None)
    >>> smallest.backward()
    >>> x.grad
    array([0. , 0.5, 0.5])
    """
    return _extreme(min_, minimum, x, axis, **how)


amax = max
amin = min


@of_array
def ptp(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return the difference of the largest and the smallest entry.

    The derivative is 1 for the largest entry, -1 for the smallest and 0 for the others; tied
    entries share it evenly.

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
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([3.0, 1.0, 7.0])
    >>> y = dnp.ptp(x)
    >>> y
    Value(data=6.0, grad=None)
    >>> y.backward()
    >>> x.grad
    array([ 0., -1.,  1.])
    """
    y = max(x, axis, keepdims=True) - min(x, axis, keepdims=True)
    return y if keepdims else y.squeeze(axis)


@of_array
def var(
    x: Any,
    axis: Axis = None,
    dtype: Any = None,
    *,
    correction: float = 0,
    ddof: float = 0,
    keepdims: bool = False,
    mean: Any = None,
    where: Any = True,
) -> Any:
    """Return the sum of the squared deviations from the mean over their number minus `correction`.

    `ddof` is NumPy's name for `correction`. `mean`, if it is known already, has its axes kept.

    The gradient is ``2 * (x - mean(x)) / n``, with n the number of entries minus `correction`.

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
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 6.0])
    >>> y = dnp.var(x)
    >>> y
    Value(data=4.666666666666667, grad=None)
    >>> y.backward()
    >>> x.grad
    array([-1.33333333, -0.66666667,  2.        ])
    """
    if ddof and correction:
        raise ValueError("var and std take ddof= or correction=, which mean the same, got both")
    free = correction or ddof
    if dtype is not None:
        if np.dtype(dtype).kind not in "fc":
            raise TypeError(f"var and std take a floating or complex dtype=, got {dtype}")
        x = astype(x, dtype, copy=False)
    if mean is None and where is True:
        return var_(x, axis=axis, ddof=free, keepdims=keepdims)
    x = _array(x)
    mean = _mean_of(x, axis, keepdims=True, where=where) if mean is None else mean
    away = _chosen(where, x - mean, 0)
    squares = _squares(away)
    count = np.maximum(np.nan_to_num(number(squares, where, axis, keepdims)) - free, 0)
    with np.errstate(divide="ignore"):
        return sum(squares, axis, keepdims=keepdims) / count


_mean_of = mean  # under a name that no parameter shadows


@like(var)
def std(x: Any, *args: Any, mean: Any = None, **how: Any) -> Any:
    """Return the square root of `var`; its derivative is 0 where all entries are equal.

    The gradient is ``(x - mean(x)) / (n * std(x))``, with n the number of entries minus
    `correction`.

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
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 6.0])
    >>> y = dnp.std(x)
    >>> y
    Value(data=2.160246899469287, grad=None)
    >>> y.backward()
    >>> x.grad
    array([-0.3086067 , -0.15430335,  0.46291005])
    """
    spread = var(x := _array(x), *args, mean=mean, **how)
    # a single entry always deviates by 0 from its own mean: this is smooth, a root is not
    return spread if mean is None and _count(x, spread) == 1 else root(spread)


@of_array
def norm(
    x: Any, ord: float | str | None = None, axis: Axis = None, *, keepdims: bool = False
) -> Any:
    """Return the norm of vectors, or of matrices if the norm needs no singular values.

    Its derivative is 0 at the zero vector, and with respect to entries that are 0.

    Parameters
    ----------
    x : array_like
    ord : {None, 'fro', 0, 1, 2, inf, -inf} or float
        For vectors ``sum(|x|**ord)**(1/ord)`` and its limits; None means 2. For matrices 'fro' (or
        None), or 1, -1, inf, -inf: the largest or smallest sum of a column or a row.
    axis : int or tuple of int, optional
        One axis for vectors, two for matrices. None takes all axes; if `ord` is None too, the
        array counts as one vector.

    Returns
    -------
    Value or array
        An array of the shape of `x` without the axes of the norm.

    Raises
    ------
    ValueError
        If there is no such norm for this number of axes.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([3.0, 4.0])
    >>> norm(x).backward()
    >>> x.grad
    array([0.6, 0.8])
    """
    x = floating(x)
    axes = _axes(x, axis)
    if ord is None or (ord, len(axes)) in ((2, 1), ("fro", 2)):
        return root(sum(_squares(x), axes, keepdims=keepdims))
    size = absolute(x)
    if len(axes) == 1 and not isinstance(ord, str):
        return _vector_norm(size, float(ord), axes, keepdims)
    if len(axes) == 2 and ord in (1, -1, math.inf, -math.inf):
        lines = sum(size, axes[0] if abs(float(ord)) == 1 else axes[1], keepdims=True)
        return _extreme_size(lines, float(ord), axes, keepdims)
    raise ValueError(
        f"norm: ord={ord!r} is not supported over {len(axes)} axes of shape {shape_of(x)}: use any "
        "number for vectors (one axis), 'fro', 1, -1, inf or -inf for matrices (two axes), and "
        "choose the axes with axis="
    )


def _squares(x: Any) -> Any:
    """Return |x|**2, which is smooth at 0 too."""
    return square(real(x)) + square(imag(x)) if is_complex(x) else square(x)


def _vector_norm(size: Any, p: float, axes: tuple[int, ...], keepdims: bool) -> Any:
    if math.isinf(p):
        return _extreme_size(size, p, axes, keepdims)
    if p in (0, 1):
        return sum(size if p else sign(size), axes, keepdims=keepdims)
    # for p < 1 the slopes of |x|**p at 0 are opposite and infinite: no derivative flows through 0
    powers = square(size) if p == 2 else size**p if p > 1 else root_of_power(size, p)
    total = sum(powers, axes, keepdims=keepdims)
    return root(total) if p == 2 else root_of_power(total, 1 / p)


def _extreme_size(size: Any, p: float, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Return the largest (0, if there is none) or the smallest of some sizes."""
    if p > 0 and not math.prod(shape_of(size)[i] for i in axes):
        return sum(size, axes, keepdims=keepdims)
    return (max if p > 0 else min)(size, axes, keepdims=keepdims)


@of_array
def median(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return the middle entry, or the mean of the middle two.

    The derivative is 1 for the middle entry, or 1/2 for each of the middle two, and 0 for the
    others.

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
    >>> import deltaprop as dp
    >>> x = dp.Value([4.0, 1.0, 2.0, 9.0])
    >>> median(x).backward()
    >>> x.grad
    array([0.5, 0. , 0.5, 0. ])
    """
    x = _array(x)
    if not math.prod(shape_of(x)[i] for i in _axes(x, axis)):
        return mean(x, axis, keepdims=keepdims)  # NaN
    return _quantile(x, 0.5, axis, "linear", keepdims)


@of_array
def percentile(
    x: Any, q: Any, axis: Axis = None, *, method: Any = "linear", keepdims: bool = False
) -> Any:
    """Return the `quantile` for `q` from 0 to 100.

    The gradient flows to the entries between which the percentile lies, in proportion to their
    weights.

    Parameters
    ----------
    x : array_like or Value
    q : array_like or Value
        Percentages from 0 to 100.
    axis : int, tuple of int or None, optional
        The axes to reduce; None, the default, reduces all axes.
    method : str, optional
        How to interpolate between entries, one of NumPy's names.
    keepdims : bool, optional
        Whether the reduced axes stay, with length 1.

    Returns
    -------
    Value or array
        An array of the shape of `q`, followed by that of `x` without the reduced axes.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 4.0])
    >>> dnp.percentile(x, 75).backward()
    >>> x.grad
    array([0. , 0.5, 0.5])
    """
    return quantile(x, np.true_divide(q, 100), axis, method=method, keepdims=keepdims)


@of_array
def quantile(
    x: Any, q: Any, axis: Axis = None, *, method: Any = "linear", keepdims: bool = False
) -> Any:
    """Return the entry, or the mixture of two, below which a fraction `q` of the entries lies.

    Parameters
    ----------
    x : array_like
    q : float or array_like
        The fractions, from 0 to 1. They are not differentiated, and their axes come first in the
        result.
    method : str
        Any method of `numpy.quantile`.

    Returns
    -------
    Value or array
        An array of the shape of `q`, followed by that of `x` without the reduced axes.

    Raises
    ------
    ValueError
        If `q` is out of range, or if the method is unknown.
    IndexError
        If there are no entries.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 4.0])
    >>> dnp.quantile(x, 0.75).backward()
    >>> x.grad
    array([0. , 0.5, 0.5])
    """
    x = _array(x)
    if is_complex(x):
        raise TypeError("quantile: complex numbers have no order: take .real, .imag or abs() first")
    return _quantile(x, q, axis, method, keepdims)


def _quantile(x: Any, q: Any, axis: Axis, method: Any, keepdims: bool) -> Any:
    q = np.asarray(q)
    axes, shape, dtype = _axes(x, axis), shape_of(x), np.result_type(raw(x))
    n, rest = math.prod(shape[i] for i in axes), [m for i, m in enumerate(shape) if i not in axes]
    if not n:
        raise IndexError(f"quantile needs at least one entry, got shape {shape} along axis {axis}")
    rows = sort(reshape(moveaxis(x, axes, tuple(range(len(axes)))), (n, *rest)), axis=0)
    # the quantile of 0, 1, ..., n - 1 is the position of the result: at an entry, or between two
    place = np.quantile(np.arange(n), q, method=method)
    low, high = np.floor(place).astype(int), np.ceil(place).astype(int)
    y = rows[low]
    if np.any(low != high):
        t = np.reshape(place - low, q.shape + (1,) * len(rest))
        t = t.astype(dtype.type(0).real.dtype if dtype.kind in "fc" else float)
        y = where(t == 0, y, y * (1 - t) + rows[high] * t)
    if dtype.kind in "iu":
        y = astype(y, np.quantile(np.zeros(1, dtype), 0.5, method=method).dtype)
    last = rows[-1]
    if dtype.kind in "fc":
        y = where(last != last, y * math.nan, y)  # NaN is sorted last, and stays
    if keepdims:
        y = reshape(y, q.shape + tuple(1 if i in axes else m for i, m in enumerate(shape)))
    return y


@of_array
def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Return each entry minus the one before it, `n` times; ends may be attached first.

    The derivatives are 1 and -1.

    Parameters
    ----------
    x : array_like or Value
    n : int, optional
        How often differences are taken.
    axis : int, optional
        The axis along which entries are subtracted.
    prepend : array_like or Value, optional
        Entries to put before `x`.
    append : array_like or Value, optional
        Entries to put after `x`.

    Returns
    -------
    Value or array
        `n` entries fewer along `axis`.

    Raises
    ------
    ValueError
        If `x` has no axis, or if `n` is negative.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 4.0, 9.0])
    >>> dnp.diff(x)
    Value([3., 5.], shape=(2,), dtype=float64)
    >>> dnp.diff(x, n=2).sum().backward()
    >>> x.grad
    array([ 1., -2.,  1.])
    """
    x = _array(x)
    shape = list(shape_of(x))
    if n == 0:
        return x
    if n < 0 or not shape:
        raise ValueError(f"diff needs n >= 0 and an axis, got n={n}, shape {tuple(shape)}")
    shape[axis] = 1
    parts = [part for part in (prepend, x, append) if part is not None]
    if len(parts) > 1:
        whole = (
            part if len(shape_of(part)) else broadcast_to(part, shape=tuple(shape))
            for part in parts
        )
        x = concatenate(whole, axis)
    for _ in range(n):
        x = x[_cut(axis, 1, None)] - x[_cut(axis, None, -1)]
    return x


@of_array
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Return the integral of samples `y`, at `x` or `dx` apart, by the trapezoidal rule.

    The gradient with respect to `y` is the width of the strips beside each sample, halved.

    Parameters
    ----------
    y : array_like or Value
        The samples.
    x : array_like or Value, optional
        The points of the samples; without it they are `dx` apart.
    dx : float or Value, optional
        The distance of the samples.
    axis : int, optional
        The axis of the samples.

    Returns
    -------
    Value or array
        An array of the shape of `y` without the axis.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> y = dp.Value([1.0, 3.0, 2.0])
    >>> integral = dnp.trapezoid(y, dx=0.5)
    >>> integral
    Value(data=2.25, grad=None)
    >>> integral.backward()
    >>> y.grad
    array([0.25, 0.5 , 0.25])
    """
    y = _array(y)
    if x is not None and len(shape_of(_array(x))) == 1:
        dx = reshape(diff(x), (-1,) + (1,) * (len(shape_of(y)) - 1 - axis % len(shape_of(y))))
    elif x is not None:
        dx = diff(x, axis=axis)
    return sum(dx * (y[_cut(axis, 1, None)] + y[_cut(axis, None, -1)]) / 2, axis)


@of_array
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Return the sums of the entries up to each entry; `axis` None flattens the array.

    The gradient is the running sum of the cotangent from the end.

    Parameters
    ----------
    x : array_like or Value
    axis : int or None, optional
        The axis to run along.
    dtype : dtype, optional
        The dtype that the entries are converted to first.

    Returns
    -------
    Value or array
        An array of the shape of `x`; one axis if `axis` is None.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0])
    >>> dnp.cumsum(x)
    Value([1., 3., 6.], shape=(3,), dtype=float64)
    >>> dnp.cumsum(x).sum().backward()
    >>> x.grad
    array([3., 2., 1.])
    """
    x, axis = _row(x, axis)
    return _in(dtype, cumsum_, x, axis=axis)


@of_array
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Return the products of the entries up to each entry; `axis` None flattens the array.

    The derivatives are right with any number of zeros among the entries.

    Parameters
    ----------
    x : array_like or Value
    axis : int or None, optional
        The axis to run along.
    dtype : dtype, optional
        The dtype that the entries are converted to first.

    Returns
    -------
    Value or array
        An array of the shape of `x`; one axis if `axis` is None.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([2.0, 0.0, 3.0])
    >>> dnp.cumprod(x)
    Value([2., 0., 0.], shape=(3,), dtype=float64)
    >>> dnp.cumprod(x).sum().backward()
    >>> x.grad
    array([1., 8., 0.])
    """
    x, axis = _row(x, axis)
    return _in(dtype, cumprod_, x, axis=axis)


def logsumexp(
    x: Any, axis: Axis = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """Return ``log(sum(b * exp(x)))`` without overflow.

    The derivative is 0 where all of `x` is -inf. With `return_sign`, return the logarithm of the
    absolute value of the sum, and its sign. Otherwise the result is NaN where factors `b` make the
    sum negative.

    The gradient with respect to `x` is ``softmax(x)`` for ``b = 1``.

    Parameters
    ----------
    x : array_like or Value
    axis : int, tuple of int or None, optional
        The axes to reduce; None, the default, reduces all axes.
    b : array_like or Value, optional
        Factors of the exponentials.
    keepdims : bool, optional
        Whether the reduced axes stay, with length 1.
    return_sign : bool, optional
        Whether the sign of the sum is returned too, which may then be negative.

    Returns
    -------
    Value or array
        An array of the shape of `x` without the reduced axes; with `return_sign`, a pair of it and
        the sign.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([1000.0, 1000.0])
    >>> logsumexp(x).backward()
    >>> x.grad
    array([0.5, 0.5])
    """
    if b is None:
        y = logsumexp_(x, axis=axis, keepdims=keepdims)
        return (y, where(raw(y) == -math.inf, 0.0, 1.0 + 0 * sign(y))) if return_sign else y
    x, b = _array(x), _array(b)
    x = where(raw(b) == 0, -math.inf, x)
    _, top = _shifted(raw(x), axis)
    total = sum(b * exp(x - top), axis, keepdims=keepdims)
    nothing = raw(total) == 0
    size = absolute(total) if return_sign else total
    with np.errstate(invalid="ignore"):  # a negative sum
        y = where(nothing, -math.inf, log(where(nothing, 1.0, size)))
    y = y + (top if keepdims else np.reshape(top, shape_of(y)))
    return (y, sign(raw(total))) if return_sign else y


@of_array
def softmax(x: Any, axis: Axis = -1) -> Any:
    """Return ``exp(x) / sum(exp(x))`` along `axis`, without overflow.

    For a cotangent ``g``, the gradient is ``y * (g - sum(g * y))``, where ``y`` is the result.

    Parameters
    ----------
    x : array_like or Value
    axis : int, tuple of int or None, optional
        The axes over which the exponentials are summed.

    Returns
    -------
    Value or array
        An array of the shape and dtype of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0])
    >>> dnp.softmax(x)
    Value([0.09003057, 0.24472847, 0.66524096], shape=(3,), dtype=float64)
    >>> dnp.softmax(x)[2].backward()
    >>> x.grad
    array([-0.05989202, -0.1628034 ,  0.22269543])
    """
    return softmax_(x, axis=axis)


@of_array
def log_softmax(x: Any, axis: Axis = -1) -> Any:
    """Return ``x - logsumexp(x)`` along `axis`, accurate for large `x` too.

    For a cotangent ``g``, the gradient is ``g - softmax(x) * sum(g)``.

    Parameters
    ----------
    x : array_like or Value
    axis : int, tuple of int or None, optional
        The axes over which the exponentials are summed.

    Returns
    -------
    Value or array
        An array of the shape and dtype of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0])
    >>> dnp.log_softmax(x)
    Value([-2.40760596, -1.40760596, -0.40760596], shape=(3,), dtype=float64)
    >>> dnp.log_softmax(x)[2].backward()
    >>> x.grad
    array([-0.09003057, -0.24472847,  0.33475904])
    """
    return log_softmax_(x, axis=axis)
