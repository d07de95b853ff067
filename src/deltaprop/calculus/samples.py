"""Samples of functions and of random variables: interpolation, slopes, covariance, counts.

No function here is a primitive. Arguments and errors are those of the NumPy function of the same
name. float32 samples give float32 results, even where NumPy converts to float64.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..graph import Node, conjugated, dtype_of, is_complex, raw, shape_of
from ..graph.cotangent import scatter
from ..graph.primitive import Array
from . import reductions
from .elementwise import clip, equal, real, remainder, sqrt, where
from .indexing import _as_numpy, _constant_like, _constant_of, take
from .reductions import average, diff
from .reductions import sum as _sum
from .shaping import _array, astype, atleast_2d, concatenate, diag, floating, moveaxis, ravel
from .signatures import of_array, of_three, of_two

__all__ = [
    "bincount", "corrcoef", "cov", "digitize", "ediff1d", "gradient", "histogram",
    "histogram_bin_edges", "interp", "polyval", "unwrap",
]  # fmt: skip

# -- functions given by samples -----------------------------------------------------------


@of_three
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Array:
    """Return the piecewise linear function through the points (xp, fp) at x.

    The result is differentiable with respect to all three.

    At a knot, the derivative with respect to x is the one of least norm between the slopes on
    either side. At the first and the last knot it is the slope inside.

    Parameters
    ----------
    x : array_like or Value
    xp : array_like or Value of shape (n,)
        The knots, ascending unless there is a period.
    fp : array_like or Value of shape (n,)
    left, right : number or Value, optional
        The values outside the knots; None repeats the first and the last of `fp`.
    period : number, optional
        The period of the function; `left` and `right` are then ignored.

    Returns
    -------
    Value or array
        An array of the shape of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([0.5, 1.0, 1.5])
    >>> interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 4.0]).sum().backward()
    >>> x.grad
    array([1., 1., 3.])
    """
    x, xp, fp = map(_array, (x, xp, fp))
    wide = np.result_type(*map(dtype_of, (x, xp, fp)), np.float16)
    if is_complex(x) or is_complex(xp):
        raise TypeError("interp: places x and xp must be real; only the values fp may be complex")
    if len(shape_of(xp)) != 1 or shape_of(xp) != shape_of(fp) or not shape_of(xp)[0]:
        raise ValueError(
            f"interp: xp and fp must be non-empty sequences of the same length, got shapes "
            f"{shape_of(xp)} and {shape_of(fp)}"
        )
    xp, fp = astype(xp, np.finfo(wide).dtype, copy=False), astype(fp, wide, copy=False)
    if period is not None:
        x, xp, fp = _one_period(x, xp, fp, period)
        left = right = None
    at, knots = raw(x), raw(xp)
    before = np.clip(np.searchsorted(knots, at, "right") - 1, 0, len(knots) - 1)
    y = take(fp, before)
    if len(knots) > 1:
        y = y + _slope_at(at, xp, fp) * (x - take(xp, before))
    y = where(at > knots[-1], fp[-1] if right is None else right, y)
    return where(at < knots[0], fp[0] if left is None else left, y)


def _one_period(x: Array, xp: Array, fp: Array, period: Any) -> tuple[Array, Array, Array]:
    """Return one period of the points, in order, with one more point at either end."""
    if period == 0:
        raise ValueError("interp: period must be a number other than 0, or None, got 0")
    period = abs(period)
    x, xp = remainder(x, period), remainder(xp, period)
    order = np.argsort(raw(xp), stable=True)
    first, last = order[:1], order[-1:]
    xp = concatenate([xp[last] - period, xp[order], xp[first] + period])
    return x, xp, concatenate([fp[last], fp[order], fp[first]])


def _slope_at(at: Any, xp: Array, fp: Array) -> Array:
    """Return the slope of the line at each place; at a knot, the slope of least norm."""
    width = diff(xp)
    jump = raw(width) == 0
    slopes = where(jump, 0.0, diff(fp) / where(jump, 1.0, width))
    right, left = (
        np.clip(np.searchsorted(raw(xp), at, side) - 1, 0, len(jump) - 1)
        for side in ("right", "left")
    )
    ahead, behind = take(raw(slopes), right), take(raw(slopes), left)
    slope = take(slopes, np.where(np.abs(behind) < np.abs(ahead), left, right))
    return where(np.real(ahead * np.conj(behind)) < 0, 0.0, slope)


@of_two
def polyval(p: Any, x: Any) -> Array:
    """Return the polynomial with coefficients `p`, highest power first, at x (Horner's scheme).

    The derivative with respect to the coefficient of ``x**k`` is ``x**k``; with respect to `x` it
    is the derivative of the polynomial.

    Parameters
    ----------
    p : array_like or Value
        The coefficients, highest power first.
    x : array_like or Value

    Returns
    -------
    Value or array
        An array of the shape of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> p, x = dp.Value([3.0, 0.0, 1.0]), dp.Value(2.0)
    >>> polyval(p, x).backward()
    >>> p.grad, x.grad
    (array([4., 2., 1.]), 12.0)
    """
    x, p = _array(x), _array(p)
    if not isinstance(p, Node) and p.ndim == 1 and dtype_of(x).kind in "fc" and p.dtype == float:
        p = p.tolist()  # numbers, which do not widen float32
    y = np.zeros_like(raw(x))
    for i in range(len(p)):
        y = y * x + p[i]
    return y


@of_array
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2 * math.pi) -> Array:
    """Return angles without jumps: whole periods are added, which does not change derivatives.

    Parameters
    ----------
    p : array_like or Value
        Angles.
    discont : float, optional
        The least jump that is taken away, by default half a period.
    axis : int, optional
        The axis along which angles follow each other.
    period : float, optional
        The length of a period.

    Returns
    -------
    Value or array
        An array of the shape of `p`.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.unwrap([3.0, -3.0]).round(4)
    array([3.    , 3.2832])
    """
    p = _array(p)
    flat = np.unwrap(raw(p), discont, axis, period=period)
    with np.errstate(invalid="ignore"):  # inf - inf, where nothing is added
        return p + np.where(flat == raw(p), 0, flat - raw(p))


@of_array
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Array:
    """Return each entry minus the one before it, in the flattened array; ends may be attached.

    The derivatives are 1 and -1.

    Parameters
    ----------
    ary : array_like or Value
    to_end : array_like or Value, optional
        Numbers to put after the differences.
    to_begin : array_like or Value, optional
        Numbers to put before the differences.

    Returns
    -------
    Value or array
        One axis.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 4.0, 9.0])
    >>> y = dnp.ediff1d(x)
    >>> y
    Value([3., 5.], shape=(2,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([-1.,  0.,  1.])
    """
    ary = ravel(ary)
    ends = [None if end is None else _end_of(ary, end) for end in (to_begin, to_end)]
    parts = (ends[0], diff(ary) if shape_of(ary)[0] else ary, ends[1])
    return concatenate([part for part in parts if part is not None])


def _end_of(x: Array, end: Any) -> Array:
    """Return an end to attach to `x`, in the dtype of `x` unless this would lose a gradient."""
    end = ravel(end)
    if isinstance(end, Node):
        return end
    if not np.can_cast(end, dtype_of(x), "same_kind"):
        raise TypeError(f"ediff1d: ends must convert to {dtype_of(x)}, got {end.dtype}")
    return end.astype(dtype_of(x))


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Return the slopes of a sampled function: of the parabola through each point and neighbours.

    The slopes are differentiable with respect to the samples and to `varargs`, which are the
    distances or the places of the samples.

    The result is linear in `f`, so its derivatives are the coefficients of the differences.

    Parameters
    ----------
    f : array_like or Value
        The samples.
    *varargs : number or array_like, optional
        The distance of the samples, or their coordinates: one for all axes, or one for each.
    axis : int, tuple of int or None, optional
        The axes; None, the default, means all.
    edge_order : {1, 2}, optional
        The degree of the parabola at the ends.

    Returns
    -------
    Value, array or list
        It has the shape of `f`; a list for several axes.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> f = dp.Value([1.0, 4.0, 9.0])
    >>> y = dnp.gradient(f)
    >>> y
    Value([3., 4., 5.], shape=(3,), dtype=float64)
    >>> y.sum().backward()
    >>> f.grad
    array([-1.5,  0. ,  1.5])
    """
    f = floating(f)
    ndim = len(shape_of(f))
    axes = normalize_axis_tuple(range(ndim) if axis is None else axis, ndim)
    spaces = varargs or (1.0,)
    if len(spaces) == 1 and not shape_of(spaces[0]):
        spaces = spaces * len(axes)
    if len(spaces) != len(axes) or edge_order not in (1, 2):
        raise ValueError(
            "gradient needs no spacing, one number, or one per axis, and edge_order 1 or 2, "
            f"got {len(varargs)} spacings for {len(axes)} axes and edge_order={edge_order}"
        )
    slopes = [_slopes(f, h, i, edge_order) for h, i in zip(spaces, axes, strict=True)]
    return slopes[0] if len(axes) == 1 else tuple(slopes)


def _slopes(f: Array, space: Any, axis: int, edge_order: int) -> Array:
    f = moveaxis(f, axis, -1)
    n = shape_of(f)[-1]
    if n <= edge_order or (shape_of(space) and shape_of(space) != (n,)):
        raise ValueError(
            f"gradient needs at least {edge_order + 1} samples along axis {axis}, and a place for "
            f"each, got {n} samples at places of shape {shape_of(space)}"
        )
    h = diff(space) if shape_of(space) else space * np.ones(n - 1, raw(f).real.dtype)
    s = (f[..., 1:] - f[..., :-1]) / h
    near, far = h[:-1], h[1:]
    if isinstance(h, Node) or np.ptp(h):
        inner = (far * s[..., :-1] + near * s[..., 1:]) / (near + far)
    else:  # without the middle entry, which has no effect and may be NaN
        inner = (f[..., 2:] - f[..., :-2]) / (near + far)
    first, last = s[..., :1], s[..., -1:]
    if edge_order == 2:
        first = first + (first - s[..., 1:2]) * h[:1] / (h[:1] + h[1:2])
        last = last + (last - s[..., -2:-1]) * h[-1:] / (h[-1:] + h[-2:-1])
    return moveaxis(concatenate([first, inner, last], -1), -1, axis)


# -- random variables given by samples ----------------------------------------------------


@of_array
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Array:
    """Return the covariances of variables, one per row (or per column, without `rowvar`).

    The result is differentiable with respect to the samples `m` and `y` and the weights
    `aweights`.

    The derivatives follow from those of `mean` and of the products.

    Parameters
    ----------
    m : array_like or Value
        Variables and their observations.
    y : array_like or Value, optional
        More variables.
    rowvar : bool, optional
        Whether a variable is a row, not a column.
    bias : bool, optional
        Whether to divide by the number n of observations, not by n - 1.
    ddof : int, optional
        What is subtracted from n, instead of `bias`.
    fweights : array_like of int, optional
        How often each observation counts.
    aweights : array_like or Value, optional
        The weights of the observations.
    dtype : dtype, optional
        The dtype of the result.

    Returns
    -------
    Value or array
        A square matrix; a number for one variable.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([1.0, 2.0, 6.0])
    >>> cov(x).backward()
    >>> x.grad
    array([-2., -1.,  3.])
    """
    X = concatenate([_rows(x, rowvar) for x in (m, y) if x is not None])
    X = X if dtype is None else astype(X, dtype)
    n = shape_of(X)[1]
    f, a = (_weights(w, n, name) for w, name in ((fweights, "fweights"), (aweights, "aweights")))
    if f is not None and np.any(f != np.rint(f)):
        raise TypeError("cov: fweights must be integers, because they count samples")
    w = f if a is None else a if f is None else f * a
    ddof = int(not bias) if ddof is None else ddof
    count = n if w is None else _sum(w)
    lost = ddof if a is None or not ddof else ddof * _sum(w * a) / count
    count = count - lost
    if raw(count) <= 0:
        warnings.warn("cov: no degrees of freedom are left", RuntimeWarning, stacklevel=2)
        count = 0.0
    X = X - average(X, 1, w, keepdims=True)
    C = X @ (conjugated(X) if w is None else conjugated(X) * w).T / count
    return C.reshape(()) if shape_of(C) == (1, 1) else C


def _rows(x: Any, rowvar: bool) -> Array:
    """Return variables as rows, samples as columns, with a floating dtype."""
    x = floating(x)
    if len(shape_of(x)) > 2:
        raise ValueError(f"cov takes a vector or a matrix, got an array of shape {shape_of(x)}")
    return x.T if not rowvar and len(shape_of(x)) == 2 else atleast_2d(x)


def _weights(w: Any, n: int, name: str) -> Any:
    if w is None:
        return None
    w = np.asarray(raw(w)) if name == "fweights" else _array(w)
    if shape_of(w) != (n,) or np.any(raw(w) < 0):
        raise ValueError(
            f"cov: {name} must have one weight >= 0 for each of {n} samples, got {shape_of(w)}"
        )
    return w


@of_array
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Array:
    """Return the correlations of variables: covariances over standard deviations.

    The derivatives follow from those of `cov` and of the quotient.

    Parameters
    ----------
    x : array_like or Value
        Variables and their observations.
    y : array_like or Value, optional
        More variables.
    rowvar : bool, optional
        Whether a variable is a row, not a column.
    dtype : dtype, optional
        The dtype of the result.

    Returns
    -------
    Value or array
        A square matrix with ones on its diagonal.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0, 3.0], [1.0, 2.0, 4.0]])
    >>> y = dnp.corrcoef(x)
    >>> y
    Value([[1.        , 0.98198051],
           [0.98198051, 1.        ]], shape=(2, 2), dtype=float64)
    >>> y[0, 1].backward()
    >>> x.grad.round(3)
    array([[ 0.055, -0.109,  0.055],
           [-0.047,  0.07 , -0.023]])
    """
    C = cov(x, y, rowvar, dtype=dtype)
    if not shape_of(C):
        return C / C
    deviation = sqrt(real(diag(C)))
    C = C / deviation[:, None] / deviation[None, :]
    return C if is_complex(C) else clip(C, -1.0, 1.0)


# -- counts -------------------------------------------------------------------------------


@of_array
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Array:
    """Return how often each integer occurs (a constant), or the sums of differentiable weights.

    The gradient of a weight is that of the bin of its integer.

    Parameters
    ----------
    x : array_like of int
        Non-negative integers, one axis.
    weights : array_like or Value, optional
        What each integer counts.
    minlength : int, optional
        The least number of bins.

    Returns
    -------
    Value or array
        One axis, a bin for each integer from 0.

    Examples
    --------
    >>> import deltaprop as dp
    >>> weights = dp.Value([1.0, 10.0, 100.0])
    >>> sums = bincount([0, 2, 0], weights)
    >>> sums.data
    array([101.,   0.,  10.])
    """
    bins = np.array(raw(x))
    counts = np.bincount(bins, minlength=minlength)
    if weights is None:
        return _constant_like(x, counts)
    weights = _array(weights)
    if shape_of(weights) != bins.shape:
        raise ValueError(
            f"bincount: weights must have shape {bins.shape}, got shape {shape_of(weights)}"
        )
    dtype = np.result_type(raw(weights), np.float16)
    return scatter(weights, indices=(bins,), shape=counts.shape, dtype=dtype)


@_as_numpy
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """Return the number of the bin that each entry falls into.

    The result has no derivative.

    Parameters
    ----------
    x : array_like or Value
    bins : array_like or Value
        The edges of the bins, ascending or descending.
    right : bool, optional
        Whether a bin includes its right edge instead of its left one.

    Returns
    -------
    array or constant
        Integers, a constant if an argument is a Value.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.digitize([0.5, 1.0, 9.0], [0.0, 1.0, 2.0])
    array([1, 2, 3])
    """


_bin_edges = _constant_of(np.histogram_bin_edges)
_histogram = _constant_of(np.histogram)


@of_array
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """Return the edges of the bins, which move with the extreme entries, or with `range`.

    Parameters
    ----------
    a : array_like or Value
        Numbers; all axes are flattened.
    bins : int, array_like or Value, optional
        The number of bins, or their edges.
    range : pair of numbers, optional
        The first and the last edge; by default the extreme entries.
    weights : array_like or Value, optional
        What each entry counts.

    Returns
    -------
    Value or array
        One edge more than there are bins.

    Examples
    --------
    >>> import deltaprop as dp
    >>> a = dp.Value([1.0, 2.0, 5.0])
    >>> histogram_bin_edges(a, 2)[1].backward()
    >>> a.grad
    array([0.5, 0. , 0.5])
    """
    if isinstance(bins, Node):
        return bins
    a = _array(a)
    plain = _bin_edges(raw(a), bins, None if range is None else tuple(map(raw, range)), weights)
    if range is None and np.ndim(bins) == 0 and np.size(raw(a)):
        range = reductions.min(a), reductions.max(a)
    if range is None or all(not isinstance(x, Node) or x.is_constant for x in range):
        return _constant_like(a, plain)
    low, high = range
    pad = where(equal(low, high), 0.5, 0.0)
    low, high = low - pad, high + pad
    count = np.size(plain) - 1
    return low + (high - low) * (np.arange(count + 1) / count)


def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """Return the numbers of entries in each bin (constants) and the edges of the bins.

    A density varies with the edges. Weights cannot be variables.

    The counts are constant; sums of weights are differentiable.

    Parameters
    ----------
    a : array_like or Value
        Numbers; all axes are flattened.
    bins : int, array_like or Value, optional
        The number of bins, or their edges.
    range : pair of numbers, optional
        The first and the last edge; by default the extreme entries.
    density : bool, optional
        Whether the counts are divided so that the integral is 1.
    weights : array_like or Value, optional
        What each entry counts.

    Returns
    -------
    pair of Value or array
        The counts, and the edges: one more.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> counts, edges = dnp.histogram([1.0, 2.0, 2.5, 4.0], bins=3)
    >>> counts
    array([1, 2, 1])
    >>> edges
    array([1., 2., 3., 4.])
    """
    if isinstance(weights, Node) and not weights.is_constant:
        raise TypeError(
            "histogram has no derivative with respect to weights: sum them with "
            "bincount(digitize(a, edges), weights), or pass weights.detach()"
        )
    edges = histogram_bin_edges(a, bins, range, weights)
    vary = isinstance(edges, Node) and not edges.is_constant
    if not vary:
        return _histogram(a, bins, range, density, weights)
    counts, _ = _histogram(raw(a), raw(edges), weights=weights)
    if density:
        return counts / diff(edges) / np.sum(counts), edges
    return _constant_like(edges, counts), edges
