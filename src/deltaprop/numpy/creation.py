"""Arrays from numbers: constants of any dtype. Values among the numbers stay Values.

Arguments are those of the array API standard, plus those that NumPy adds. A constant without axes
keeps its dtype and promotes like an array; a Python number does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..calculus.elementwise import where
from ..calculus.shaping import astype, broadcast_to, expand_dims, reshape
from ..data import rectangular
from ..graph import Node, as_array, gathered, holds_nodes, raw, refuse_masks, shape_of
from ..value import Value

__all__ = [
    "arange", "array", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full",
    "full_like", "identity", "linspace", "ones", "ones_like", "zeros", "zeros_like",
]  # fmt: skip


def _constant(data: np.ndarray, device: Any = None) -> Value:
    if device not in (None, "cpu"):
        raise ValueError(f"device must be 'cpu', got {device!r}")
    return Value.leaf(data if data.ndim else data[()], constant=True)


def asarray(obj: Any, dtype: Any = None, *, device: Any = None, copy: bool | None = None) -> Value:
    """Return a constant of numbers or arrays; Values, and lists of Values, keep their gradients.

    Parameters
    ----------
    obj : array_like, Value, or nested lists of numbers and Values
    dtype : dtype, optional
        The dtype of the result; None keeps the dtype of `obj`.
    device : "cpu", optional
    copy : bool, optional
        Whether to copy the data. None copies anything but a Value. False uses an ndarray itself:
        writing to the array changes the constant.

    Returns
    -------
    Value
        A constant; with Values in `obj`, a Value that a gradient flows through.

    Raises
    ------
    TypeError
        If the rows of nested lists differ in length.
    ValueError
        If ``copy=False`` and the result requires a copy.

    Examples
    --------
    >>> import deltaprop as dp
    >>> a, b = dp.Value(1.0), dp.Value(2.0)
    >>> asarray([a, b, 3]).data
    array([1., 2., 3.])
    """
    if isinstance(obj, Node):
        return _of_node(obj, dtype, copy)
    refuse_masks(obj)
    if isinstance(obj, list | tuple):
        if holds_nodes(obj):
            joined = gathered(obj)
            return joined if dtype is None else astype(joined, dtype)
        obj = rectangular(obj) if dtype is None and copy is not False else obj
    return _constant(np.array(obj, dtype, copy=copy is not False), device)


def array(
    obj: Any,
    dtype: Any = None,
    *,
    device: Any = None,
    copy: bool | None = None,
    ndmin: int = 0,
) -> Value:
    """Return `asarray` of `obj`, with leading axes of length 1 up to `ndmin` axes.

    Parameters
    ----------
    obj : array_like, Value or nested list of Values
    dtype : dtype, optional
        Another dtype.
    device : None or 'cpu', optional
        Only 'cpu' exists.
    copy : bool or None, optional
        Whether to copy; None copies if needed.
    ndmin : int, optional
        The least number of axes.

    Returns
    -------
    Value
        A constant; with Values in `obj`, a Value that a gradient flows through.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> dnp.array([1.0, 2.0])
    constant([1., 2.], shape=(2,), dtype=float64)
    >>> x = dp.Value(3.0)
    >>> dnp.array([x, 2 * x]).sum().backward()
    >>> x.grad
    3.0
    """
    x = asarray(obj, dtype, device=device, copy=copy)
    return reshape(x, (1,) * (ndmin - x.ndim) + x.shape) if x.ndim < ndmin else x


def _of_node(x: Any, dtype: Any, copy: bool | None) -> Any:
    if dtype is not None and dtype != x.dtype:
        if copy is False:
            raise ValueError(f"a conversion from {x.dtype} to {np.dtype(dtype)} needs a copy")
        return astype(x, dtype)
    if not copy:
        return x
    return _constant(np.array(raw(x))) if x.is_constant else +x


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Value:
    """Return a constant of the array of another library, without a copy if possible.

    Parameters
    ----------
    x : object with `__dlpack__`
        An array of another library.
    device : None or 'cpu', optional
        Only 'cpu' exists.
    copy : bool or None, optional
        Whether to copy; None copies if needed.

    Returns
    -------
    Value
        A constant.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop.numpy as dnp
    >>> dnp.from_dlpack(np.arange(3.0))
    constant([0., 1., 2.], shape=(3,), dtype=float64)
    """
    return _constant(np.from_dlpack(x, device=device, copy=copy))


def arange(
    start: Any = None,
    stop: Any = None,
    step: Any = 1,
    dtype: Any = None,
    *,
    device: Any = None,
) -> Value:
    """Return the numbers from `start` (default 0) up to but excluding `stop`.

    Parameters
    ----------
    start : number
        The first number; the only argument is `stop`.
    stop : number, optional
        The end, which is excluded.
    step : number, optional
        The distance of the numbers.
    dtype : dtype, optional
        The dtype, by default that of the arguments.
    device : None or 'cpu', optional
        Only 'cpu' exists.

    Returns
    -------
    Value
        A constant of one axis.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.arange(4)
    constant([0, 1, 2, 3], shape=(4,), dtype=int64)
    >>> dnp.arange(1.0, 2.0, 0.25)
    constant([1.  , 1.25, 1.5 , 1.75], shape=(4,), dtype=float64)
    """
    if start is None and stop is None:
        raise TypeError("arange() needs an end, got none: arange(3) is [0, 1, 2]")
    ends = (0, start, step) if stop is None else (0 if start is None else start, stop, step)
    return _constant(np.arange(*ends, dtype=dtype), device)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """Return `num` evenly spaced numbers from `start` to `stop`, along a new axis.

    If `retstep`, return a pair: the numbers, and the step between neighbours.

    The derivatives of the k-th number with respect to `start` and `stop` are ``1 - k / n`` and ``k
    / n``, with n the number of steps.

    Parameters
    ----------
    start : array_like or Value
        The first number, or an array of them.
    stop : array_like or Value
        The last number.
    num : int, optional
        How many numbers.
    endpoint : bool, optional
        Whether `stop` is the last number.
    retstep : bool, optional
        Whether the distance of the numbers is returned too.
    dtype : dtype, optional
        The dtype of the result.
    axis : int, optional
        The axis of the numbers in the result.
    device : None or 'cpu', optional
        Only 'cpu' exists.

    Returns
    -------
    Value or array
        A Value if `start` or `stop` is one; with `retstep`, a pair with the distance.

    Examples
    --------
    >>> import deltaprop as dp
    >>> b = dp.Value(2.0)
    >>> linspace(0.0, b, 3).sum().backward()
    >>> b.grad
    1.5
    """
    if retstep:
        y = linspace(start, stop, num, endpoint, dtype=dtype, axis=axis, device=device)
        gaps = num - 1 if endpoint else num
        return y, (stop - start) / gaps if gaps > 0 else np.nan
    if not isinstance(start, Node) and not isinstance(stop, Node):
        return _constant(
            np.asarray(np.linspace(start, stop, num, endpoint, dtype=dtype, axis=axis)), device
        )
    ndim = max(len(shape_of(start)), len(shape_of(stop)))
    kind = np.result_type(raw(start), raw(stop), 1.0)
    place = np.arange(num, dtype=kind).reshape((-1,) + (1,) * (ndim - axis % (ndim + 1)))
    start, stop = (x if len(shape_of(x)) == 0 else expand_dims(x, axis) for x in (start, stop))
    start, gaps = start * 1.0, num - 1 if endpoint else num
    y = start + place * ((stop - start) / max(gaps, 1))
    if endpoint and num > 1:
        y = where(place == gaps, stop, y)
    return y if dtype is None else astype(y, dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None, *, device: Any = None) -> Value:
    """Return an array filled with one value; a Value is broadcast.

    The gradient of an entry is the sum of the gradients of its copies.

    Parameters
    ----------
    shape : int or tuple of int
    fill_value : number, array_like or Value
        The value of the entries, broadcast.
    dtype : dtype, optional
        The dtype, by default that of the value.
    device : None or 'cpu', optional
        Only 'cpu' exists.

    Returns
    -------
    Value
        A constant, unless the value is a Value that a gradient flows through.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> dnp.full(3, 7.0)
    constant([7., 7., 7.], shape=(3,), dtype=float64)
    >>> x = dp.Value(2.0)
    >>> dnp.full(3, x).sum().backward()
    >>> x.grad
    3.0
    """
    if isinstance(fill_value, Node):
        return broadcast_to(asarray(fill_value, dtype), shape)
    return _constant(np.full(shape, fill_value, dtype), device)


def full_like(
    x: Any, fill_value: Any, dtype: Any = None, shape: Any = None, *, device: Any = None
) -> Value:
    """Return `full` with the shape and dtype of `x`, unless others are given.

    The gradient of an entry is the sum of the gradients of its copies.

    Parameters
    ----------
    x : array_like or Value
        The array whose shape and dtype are taken.
    fill_value : number, array_like or Value
        The value of the entries, broadcast.
    dtype : dtype, optional
        Another dtype.
    shape : int or tuple of int, optional
        Another shape.
    device : None or 'cpu', optional
        Only 'cpu' exists.

    Returns
    -------
    Value
        A constant, unless the value is a Value that a gradient flows through.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.full_like([1.0, 2.0], 7.0)
    constant([7., 7.], shape=(2,), dtype=float64)
    """
    like = x if isinstance(x, Value) else as_array(x)
    shape = like.shape if shape is None else shape
    return full(shape, fill_value, dtype or like.dtype, device=device)


def eye(
    n_rows: int, n_cols: int | None = None, k: int = 0, dtype: Any = None, *, device: Any = None
) -> Value:
    """Return an array with ones on the diagonal `k` and zeros elsewhere.

    Parameters
    ----------
    n_rows : int
    n_cols : int, optional
        By default `n_rows`.
    k : int, optional
        The diagonal; positive numbers count upwards.
    dtype : dtype, optional
        The dtype, by default float64.
    device : None or 'cpu', optional
        Only 'cpu' exists.

    Returns
    -------
    Value
        A constant.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.eye(2)
    constant([[1., 0.],
              [0., 1.]], shape=(2, 2), dtype=float64)
    >>> dnp.eye(2, 3, k=1)
    constant([[0., 1., 0.],
              [0., 0., 1.]], shape=(2, 3), dtype=float64)
    """
    return _constant(np.eye(n_rows, n_cols, k, dtype or float), device)


def identity(n: int, dtype: Any = None) -> Value:
    """Return the square matrix with ones on its diagonal.

    Parameters
    ----------
    n : int
        The number of rows and columns.
    dtype : dtype, optional
        The dtype, by default float64.

    Returns
    -------
    Value
        A constant.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.identity(2)
    constant([[1., 0.],
              [0., 1.]], shape=(2, 2), dtype=float64)
    """
    return eye(n, dtype=dtype)


def zeros(shape: Any, dtype: Any = None, *, device: Any = None) -> Value:
    """Return an array of zeros, float64 by default.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : dtype, optional
        The dtype, by default float64.
    device : None or 'cpu', optional
        Only 'cpu' exists.

    Returns
    -------
    Value
        A constant.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.zeros((2, 2))
    constant([[0., 0.],
              [0., 0.]], shape=(2, 2), dtype=float64)
    >>> dnp.zeros(3, dtype=int)
    constant([0, 0, 0], shape=(3,), dtype=int64)
    """
    return _constant(np.zeros(shape, dtype or float), device)


def ones(shape: Any, dtype: Any = None, *, device: Any = None) -> Value:
    """Return an array of ones, float64 by default.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : dtype, optional
        The dtype, by default float64.
    device : None or 'cpu', optional
        Only 'cpu' exists.

    Returns
    -------
    Value
        A constant.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.ones((2, 2))
    constant([[1., 1.],
              [1., 1.]], shape=(2, 2), dtype=float64)
    >>> dnp.ones(3, dtype=int)
    constant([1, 1, 1], shape=(3,), dtype=int64)
    """
    return _constant(np.ones(shape, dtype or float), device)


def empty(shape: Any, dtype: Any = None, *, device: Any = None) -> Value:
    """Return an array of zeros, because the entries of a constant cannot be written later.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : dtype, optional
        The dtype, by default float64.
    device : None or 'cpu', optional
        Only 'cpu' exists.

    Returns
    -------
    Value
        A constant.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.empty((2, 2))
    constant([[0., 0.],
              [0., 0.]], shape=(2, 2), dtype=float64)
    """
    return zeros(shape, dtype, device=device)


def zeros_like(x: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Value:
    """Return zeros of the shape and dtype of `x`.

    Parameters
    ----------
    x : array_like or Value
        The array whose shape and dtype are taken.
    dtype : dtype, optional
        Another dtype.
    shape : int or tuple of int, optional
        Another shape.
    device : None or 'cpu', optional
        Only 'cpu' exists.

    Returns
    -------
    Value
        A constant.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.zeros_like([1.0, 2.0])
    constant([0., 0.], shape=(2,), dtype=float64)
    """
    return full_like(x, 0, dtype, shape, device=device)


def ones_like(x: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Value:
    """Return ones of the shape and dtype of `x`.

    Parameters
    ----------
    x : array_like or Value
        The array whose shape and dtype are taken.
    dtype : dtype, optional
        Another dtype.
    shape : int or tuple of int, optional
        Another shape.
    device : None or 'cpu', optional
        Only 'cpu' exists.

    Returns
    -------
    Value
        A constant.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.ones_like([1.0, 2.0])
    constant([1., 1.], shape=(2,), dtype=float64)
    """
    return full_like(x, 1, dtype, shape, device=device)


def empty_like(x: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Value:
    """Return zeros of the shape and dtype of `x`.

    Parameters
    ----------
    x : array_like or Value
        The array whose shape and dtype are taken.
    dtype : dtype, optional
        Another dtype.
    shape : int or tuple of int, optional
        Another shape.
    device : None or 'cpu', optional
        Only 'cpu' exists.

    Returns
    -------
    Value
        A constant.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.empty_like([1.0, 2.0])
    constant([0., 0.], shape=(2,), dtype=float64)
    """
    return full_like(x, 0, dtype, shape, device=device)
