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
    """Return ``x1 // x2`` and ``x1 % x2``."""
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
    """Return the sums of the entries up to each entry, after a 0 if `include_initial`."""
    return _cumulative(cumsum, 0, x, axis, dtype, include_initial)


@of_array
def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """Return the products of the entries up to each entry, after a 1 if `include_initial`."""
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
    """Return the distinct entries, with positions and counts; each NaN is distinct."""
    return UniqueAll(*unique(x, True, True, True, equal_nan=False))


def unique_counts(x: Any, /) -> UniqueCounts:
    """Return the distinct entries and how often each of them occurs."""
    return UniqueCounts(*unique(x, return_counts=True, equal_nan=False))


def unique_inverse(x: Any, /) -> UniqueInverse:
    """Return the distinct entries, and the position of each entry of `x` among them."""
    return UniqueInverse(*unique(x, return_inverse=True, equal_nan=False))


@of_array
def unique_values(x: Any, /) -> Any:
    """Return the distinct entries, sorted."""
    return unique(x, equal_nan=False)
