"""Functions of the array API standard that NumPy does not have or names differently."""

from __future__ import annotations

from typing import Any, NamedTuple, overload

import numpy as np

from ..calculus import elementwise
from ..calculus.composed import _moved
from ..calculus.indexing import nonzero, unique
from ..calculus.reductions import cumprod, cumsum
from ..calculus.shaping import _array, _row, concatenate
from ..calculus.signatures import ArrayLike, Operand, of_array
from ..graph import raw, shape_of
from ..value import Value

__all__ = [
    "c_", "concat", "cumulative_prod", "cumulative_sum", "divmod", "r_", "unique_all",
    "unique_counts", "unique_inverse", "unique_values", "where",
]  # fmt: skip

concat = concatenate


class ArrayNamespaceInfo(np.__array_namespace_info__):  # type: ignore[misc]
    """The capabilities of the namespace: NumPy's dtypes, on one device."""

    def devices(self) -> Any:
        """Return the devices, as a tuple, which the standard demands."""
        return ("cpu",)


def divmod(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Return ``x1 // x2`` and ``x1 % x2``.

    The derivatives are those of `floor_divide` and `remainder`.

    Parameters
    ----------
    x1, x2 : array_like or Value

    Returns
    -------
    pair of Value or array
        The quotient, rounded down, and the remainder; of the broadcast shape.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([7.0, -7.0])
    >>> quotient, rest = dnp.divmod(x, 2.0)
    >>> quotient, rest
    (Value([ 3., -4.], shape=(2,), dtype=float64), Value([1., 1.], shape=(2,), dtype=float64))
    >>> rest.sum().backward()
    >>> x.grad
    array([1., 1.])
    """
    return elementwise.floor_divide(x1, x2), elementwise.remainder(x1, x2)


@overload
def where(condition: Operand, /) -> tuple[Any, ...]: ...
@overload
def where(condition: Value, x1: Operand, x2: Operand, /) -> Value: ...
@overload
def where(condition: ArrayLike, x1: ArrayLike, x2: ArrayLike, /) -> np.ndarray: ...  # type: ignore[overload-overlap]
@overload
def where(condition: Operand, x1: Operand, x2: Operand, /) -> Value: ...
def where(condition: Any, x1: Any = None, x2: Any = None, /) -> Any:
    """Return `x1` where the condition holds, else `x2`; without both, the indices where it holds.

    The gradient flows to the branch that is taken; the branch that is not taken has the gradient 0,
    whatever its value.

    Parameters
    ----------
    condition : array_like or Value
        Truths; numbers other than 0 are true.
    x1, x2 : array_like or Value

    Returns
    -------
    Value or array
        The broadcast shape; a tuple of integers without branches.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([-1.0, 4.0])
    >>> where(x > 0, x, 0.0).sum().backward()
    >>> x.grad
    array([0., 1.])
    """
    if x1 is None and x2 is None:
        return nonzero(condition)
    if x1 is None or x2 is None:
        raise ValueError("where takes two branches, where(condition, x1, x2), or none, got one")
    return elementwise.where(condition, x1, x2)


class _Joined:
    """An object that joins arrays, numbers and slices in brackets, like NumPy's `r_` and `c_`."""

    def __init__(self, theirs: Any) -> None:
        self._theirs = theirs

    def __getitem__(self, key: Any) -> Any:
        items = key if isinstance(key, tuple) else (key,)
        how = items[:1] if isinstance(items[0], str) else ()
        parts = [np.r_[x] if isinstance(x, slice) else x for x in items[len(how) :]]
        return _moved(lambda *numbers: self._theirs[(*how, *numbers)], *parts)


r_: _Joined = _Joined(np.r_)
c_: _Joined = _Joined(np.c_)


def _cumulative(
    running: Any, first: int, x: Any, axis: int | None, dtype: Any, include_initial: bool
) -> Any:
    shape = shape_of(x := _array(x))
    if axis is None and len(shape) > 1:
        raise ValueError(f"an array of shape {shape} needs axis=: the axis to run along")
    x, axis = _row(x, 0 if axis is None else axis)
    ends = list(shape_of(x))
    y = running(x, axis, dtype)
    if not include_initial:
        return y
    ends[axis] = 1
    return concatenate([np.full(ends, first, np.result_type(raw(y))), y], axis)


@of_array
def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """Return the sums of the entries up to each entry, after a 0 if `include_initial`.

    The gradient is the running sum of the cotangent from the end.

    Parameters
    ----------
    x : array_like or Value
    axis : int or None, optional
        The axis to run along; an array of one axis needs none.
    dtype : dtype, optional
        The dtype that the entries are converted to first.
    include_initial : bool, optional
        Whether the result begins with the sum or product of nothing.

    Returns
    -------
    Value or array
        An array of the shape of `x`; one entry more along the axis with `include_initial`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0])
    >>> dnp.cumulative_sum(x)
    Value([1., 3., 6.], shape=(3,), dtype=float64)
    >>> dnp.cumulative_sum(x).sum().backward()
    >>> x.grad
    array([3., 2., 1.])
    """
    return _cumulative(cumsum, 0, x, axis, dtype, include_initial)


@of_array
def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """Return the products of the entries up to each entry, after a 1 if `include_initial`.

    The derivatives are right with any number of zeros among the entries.

    Parameters
    ----------
    x : array_like or Value
    axis : int or None, optional
        The axis to run along; an array of one axis needs none.
    dtype : dtype, optional
        The dtype that the entries are converted to first.
    include_initial : bool, optional
        Whether the result begins with the sum or product of nothing.

    Returns
    -------
    Value or array
        An array of the shape of `x`; one entry more along the axis with `include_initial`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0])
    >>> dnp.cumulative_prod(x)
    Value([1., 2., 6.], shape=(3,), dtype=float64)
    >>> dnp.cumulative_prod(x).sum().backward()
    >>> x.grad
    array([9., 4., 2.])
    """
    return _cumulative(cumprod, 1, x, axis, dtype, include_initial)


class UniqueAll(NamedTuple):
    """The distinct entries, their first positions, the number of each entry among them, counts."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """The distinct entries and how often each of them occurs."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """The distinct entries, and the position of each entry of the array among them."""

    values: Any
    inverse_indices: Any


def unique_all(x: Any, /) -> UniqueAll:
    """Return the distinct entries, with positions and counts; each NaN is distinct.

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    UniqueAll
        A named tuple of `values`, `indices`, `inverse_indices` and `counts`.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> values, indices, inverse, counts = dnp.unique_all([2.0, 1.0, 2.0])
    >>> values
    array([1., 2.])
    >>> indices, inverse, counts
    (array([1, 0]), array([1, 0, 1]), array([1, 2]))
    """
    return UniqueAll(*unique(x, True, True, True, equal_nan=False))


def unique_counts(x: Any, /) -> UniqueCounts:
    """Return the distinct entries and how often each of them occurs.

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    UniqueCounts
        A named tuple of `values` and `counts`.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> values, counts = dnp.unique_counts([2.0, 1.0, 2.0])
    >>> values, counts
    (array([1., 2.]), array([1, 2]))
    """
    return UniqueCounts(*unique(x, return_counts=True, equal_nan=False))


def unique_inverse(x: Any, /) -> UniqueInverse:
    """Return the distinct entries, and the position of each entry of `x` among them.

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    UniqueInverse
        A named tuple of `values` and `inverse_indices`.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> values, inverse = dnp.unique_inverse([2.0, 1.0, 2.0])
    >>> values, inverse
    (array([1., 2.]), array([1, 0, 1]))
    """
    return UniqueInverse(*unique(x, return_inverse=True, equal_nan=False))


@of_array
def unique_values(x: Any, /) -> Any:
    """Return the distinct entries, sorted.

    The gradient flows to the first occurrence of each entry.

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    Value or array
        One axis.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([2.0, 1.0, 2.0])
    >>> y = dnp.unique_values(x)
    >>> y
    Value([1., 2.], shape=(2,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([1., 1., 0.])
    """
    return unique(x, equal_nan=False)
