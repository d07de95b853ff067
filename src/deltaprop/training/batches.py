"""Batches: rows of arrays, or what an iterable of the user yields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import Any

import numpy as np

from ..graph import as_array, raw
from .imbalance import balanced_rows, class_weights

_PART = 2**23  # bytes: rows are brought into order in parts that stay in the cache


class Rows:
    """Arrays of one length: inputs, targets and, where there are any, weights.

    Parameters
    ----------
    data : tuple
        (X, Y) or (X, Y, weights); the weights are scaled to the mean 1.
    what : str
        For messages.

    Attributes
    ----------
    used : int
        The number of rows that an epoch of training uses: all rows, unless `drop` was called.
    """

    def __init__(self, data: Any, what: str) -> None:
        self.arrays: list[Any] = [as_array(raw(x)) for x in data]
        lengths = [x.shape[:1] for x in self.arrays]
        if any(not n for n in lengths) or len({*lengths}) > 1:
            shapes = " and ".join(str(x.shape) for x in self.arrays)
            raise ValueError(
                f"the {what} must be arrays with a row for each sample, equally many, but have "
                f"shapes {shapes}"
            )
        self.count: int = len(self.arrays[0])
        self.used: int = self.count
        if not self.count:
            raise ValueError(f"the {what} are empty: X has shape {self.arrays[0].shape}")
        for x in self.arrays:
            if x.dtype.kind not in "biufc":
                raise TypeError(f"the {what} must hold numbers, but one array is of {x.dtype}")
        if len(self.arrays) > 2:
            self.weigh(self.arrays.pop())

    def weigh(self, sample_weight: Any, class_weight: Any = None) -> None:
        """Multiply the weight of each row by a factor, and scale all weights to the mean 1."""
        weights = self.arrays[2] if len(self.arrays) > 2 else np.ones(self.count)
        if class_weight is not None:
            weights = weights * class_weights(self.arrays[1], class_weight)
        if sample_weight is not None:
            if np.shape(sample_weight) != (self.count,):
                raise ValueError(
                    f"sample_weight must have shape ({self.count},), a number for each row, but "
                    f"has {np.shape(sample_weight)}"
                )
            weights = weights * as_array(sample_weight, float)
        total = weights.sum()
        if not (np.all(weights >= 0) and 0 < total < np.inf):
            raise ValueError(
                "sample and class weights must be finite, none negative and not all zero, but go "
                f"from {weights.min()} to {weights.max()}"
            )
        self.arrays[2:] = [weights * (self.count / total)]

    def drop(self, size: int) -> None:
        """Use only as many rows as fill whole batches of a size."""
        if self.count < size:
            raise ValueError(
                f"drop_last would drop everything: {self.count} rows do not fill one batch of "
                f"{size}: give fewer rows a batch, or drop_last=False"
            )
        self.used = self.count - self.count % size

    def order(self, shuffle: bool | str, rng: np.random.Generator) -> np.ndarray | None:
        """Return the rows of an epoch, in its order; None for all rows in their own order."""
        if not shuffle:
            return None if self.used == self.count else np.arange(self.used)
        balanced = shuffle == "balanced"
        rows = balanced_rows(self.arrays[1], rng) if balanced else rng.permutation(self.count)
        return rows[: self.used]

    def batch_count(self, size: int) -> int:
        """How many batches an epoch has."""
        return -(-self.used // size)

    def batches(self, size: int, order: np.ndarray | None = None) -> Iterator[list[Any]]:
        """Yield arrays of `size` rows each; the last may have fewer."""
        if order is None:
            yield from _sliced(self.arrays, size)
            return
        row = sum(x.nbytes for x in self.arrays) // self.count
        part = size * max(1, _PART // max(1, size * row))
        for start in range(0, len(order), part):
            chosen = [np.take(x, order[start : start + part], 0) for x in self.arrays]
            for x in chosen:
                x.flags.writeable = False  # nobody else holds it: recording need not copy it
            yield from _sliced(chosen, size)


def _sliced(arrays: list[Any], size: int) -> Iterator[list[Any]]:
    for i in range(0, len(arrays[0]), size):
        yield [x[i : i + size] for x in arrays]


class Stream:
    """Batches from an iterable, or from a function that returns an iterator, in each epoch."""

    def __init__(self, data: Any, what: str) -> None:
        if not callable(data) and not isinstance(data, Iterable):
            raise TypeError(
                f"the {what} must be a tuple of arrays (X, Y), or batches (X, Y): a list of them, "
                f"or a function that gives an iterator of them, not {type(data).__name__}"
            )
        if isinstance(data, Iterator):
            raise TypeError(
                f"the {what} are an iterator, which ends after an epoch: give the function that "
                "makes it, to be called for each epoch"
            )
        self.data: Any = data
        self.what: str = what

    def batch_count(self, size: int) -> int | None:  # noqa: ARG002
        """Return the number of batches in an epoch, or None if the data do not tell."""
        return len(self.data) if isinstance(self.data, Sized) else None

    def batches(self, size: int, order: Any = None) -> Iterator[list[Any]]:  # noqa: ARG002
        """Yield the batches in the order in which they come."""
        empty = True
        # a Dataset may be callable as well as iterable: then it is iterated
        for item in self.data if isinstance(self.data, Iterable) else self.data():
            empty = False
            if not isinstance(item, tuple | list) or len(item) not in (2, 3):
                raise TypeError(
                    f"the {self.what} must come in batches (X, Y) or (X, Y, weights), not "
                    f"{type(item).__name__}: for arrays write a tuple, (X, Y)"
                )
            # weights of a batch mean what they say: only the whole could be scaled to a mean
            yield [*Rows(item[:2], self.what).arrays, *map(as_array, item[2:])]
        if empty:
            raise ValueError(f"the {self.what} gave no batches in this epoch")


def source(data: Any, what: str) -> Rows | Stream:
    """Return `Rows` for a tuple of arrays, a `Stream` for anything else."""
    if isinstance(data, tuple):
        if len(data) not in (2, 3):
            raise ValueError(f"the {what} must be (X, Y) or (X, Y, weights), not {len(data)} parts")
        return Rows(data, what)
    return Stream(data, what)
