"""What the array API standard has under names of its own, written with NumPy's."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..calculus.indexing import unique
from ..calculus.reductions import cumprod, cumsum
from ..calculus.shaping import concatenate
from ..graph import raw

__all__ = [
    "concat", "cumulative_prod", "cumulative_sum", "unique_all", "unique_counts", "unique_inverse",
    "unique_values",
]  # fmt: skip

concat = concatenate


def _cumulative(
    running: Any, first: int, x: Any, axis: int | None, dtype: Any, include_initial: bool
) -> Any:
    shape = list(np.shape(raw(x)))
    if axis is None and len(shape) != 1:
        raise ValueError(f"an array of shape {tuple(shape)} needs axis=, to say along which")
    axis = 0 if axis is None else axis
    y = running(x, axis, dtype)
    if not include_initial:
        return y
    shape[axis] = 1
    return concatenate([np.full(shape, first, np.result_type(raw(y))), y], axis)


def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """The sums of the entries up to each, after a 0 if `include_initial`."""
    return _cumulative(cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """The products of the entries up to each, after a 1 if `include_initial`."""
    return _cumulative(cumprod, 1, x, axis, dtype, include_initial)


class UniqueAll(NamedTuple):
    """The distinct entries, where each stands first, where each entry is among them, how often."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """The distinct entries and how often each occurs."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """The distinct entries and where each entry is among them."""

    values: Any
    inverse_indices: Any


def unique_all(x: Any, /) -> UniqueAll:
    """Everything about the distinct entries; each NaN is one of its own."""
    return UniqueAll(*unique(x, True, True, True, equal_nan=False))


def unique_counts(x: Any, /) -> UniqueCounts:
    """The distinct entries and how often each occurs."""
    return UniqueCounts(*unique(x, return_counts=True, equal_nan=False))


def unique_inverse(x: Any, /) -> UniqueInverse:
    """The distinct entries and where each entry is among them."""
    return UniqueInverse(*unique(x, return_inverse=True, equal_nan=False))


def unique_values(x: Any, /) -> Any:
    """The distinct entries, sorted."""
    return unique(x, equal_nan=False)
