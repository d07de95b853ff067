"""What stands for data while a function is recorded for `deltaprop.compile`.

In place of arrays and floats, Values then hold `Symbol`s: data that will only be known
when the recorded program runs. Code that asks for them as numbers gets a `TraceError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .node import MODE


class TraceError(TypeError):
    """A function asked for something that is not known while it is being recorded."""


class UnfitError(TraceError):
    """A compiled function is to run as it is, this time: what was recorded does not hold."""


class Symbol:
    """Data that is not known yet: it has a shape and a dtype, but no value."""

    __slots__ = ()

    shape: tuple[int, ...]
    dtype: Any
    number: bool  # whether it stands for a Python number
    # whether it stands for a Python float
    real_number = False

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """The entries converted, as of an array."""
        raise NotImplementedError

    def as_number(self) -> Any:
        """What it is as a Python number, for data without axes."""
        raise NotImplementedError


def tracing() -> Any:
    """The recording for `deltaprop.compile` that this code runs in, or None."""
    mode = MODE.get()
    return None if mode is None else mode.trace


def is_array(x: Any) -> bool:
    """Whether it is an array or one of NumPy's scalars, or stands for one."""
    if isinstance(x, Symbol):
        return x.dtype is not None and not x.number
    return isinstance(x, np.ndarray | np.generic)


def as_array(x: Any, dtype: Any = None) -> Any:
    """An array of a number, of nested lists, ...; a symbol stands for one already.

    Raises
    ------
    TypeError
        If `x` is a masked array or a list of them: NumPy would drop the mask.
    """
    if isinstance(x, Symbol):
        return x if dtype is None else x.astype(dtype, copy=False)
    if type(x) is not np.ndarray:
        refuse_masks(x)
    return np.asarray(x, dtype)


def refuse_masks(x: Any) -> None:
    """Raise a TypeError if `x` is a masked array or an np.matrix, or holds one in its lists."""
    if isinstance(x, list | tuple):
        for row in x:
            if isinstance(row, list | tuple | np.ndarray):
                refuse_masks(row)
    elif isinstance(x, np.matrix):
        raise TypeError(
            "data must be a plain array, got an np.matrix, whose * is another product: "
            "convert it first, np.asarray(x), and write @ for the matrix product"
        )
    elif isinstance(x, np.ndarray) and hasattr(x, "mask"):  # without an import of numpy.ma
        raise TypeError(MASKED)


MASKED = (
    "data must be without a mask, got a masked array: fill it first, x.filled(value), or take the "
    "entries that are not masked by indexing, x.data[~x.mask]"
)


def verify(check: Callable[..., None], *args: Any, always: bool = True) -> None:
    """Call a function that raises unless its arguments, raw data, are right.

    While a function is recorded, it is called now and in each run (now alone, if not
    `always`).
    """
    if any(isinstance(x, Symbol) for x in args):
        tracing().emit(check, args, {}, effect=always)
    else:
        check(*args)
