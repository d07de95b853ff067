"""Data types and functions about them: the dtypes are NumPy's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import (
    bool,  # noqa: A004
    complex64,
    complex128,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    isdtype,
    uint8,
    uint16,
    uint32,
    uint64,
)

from ..graph import raw
from ..value import Value

__all__ = [
    "bool", "can_cast", "complex64", "complex128", "e", "finfo", "float32", "float64", "iinfo",
    "inf", "int8", "int16", "int32", "int64", "isdtype", "nan", "newaxis", "pi", "result_type",
    "uint8", "uint16", "uint32", "uint64",
]  # fmt: skip

e: float = math.e
pi: float = math.pi
inf: float = math.inf
nan: float = math.nan
newaxis = None


def _dtype(x: Any) -> np.dtype[Any]:
    """Return the dtype of an array or a Value, or the dtype that `x` names."""
    if isinstance(x, Value):
        return x.dtype
    return x.dtype if isinstance(x, np.ndarray | np.generic) else np.dtype(x)


@dataclass(frozen=True)
class FloatInfo:
    """The limits of a floating dtype, as Python numbers."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: np.dtype[Any]

    @property
    def tiny(self) -> float:
        """The same number as `smallest_normal`, under NumPy's other name."""
        return self.smallest_normal


def finfo(type: Any, /) -> FloatInfo:
    """Return the limits of a floating or complex dtype, or of the dtype of an array.

    Parameters
    ----------
    type : dtype, array or Value

    Returns
    -------
    FloatInfo
        The fields `bits`, `eps`, `max`, `min`, `smallest_normal` and `dtype`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> dnp.finfo(dp.Value(1.0)).eps
    2.220446049250313e-16
    >>> dnp.finfo(dnp.float32).bits
    32
    """
    info = np.finfo(_dtype(type))
    eps, largest, least = float(info.eps), float(info.max), float(info.min)
    return FloatInfo(info.bits, eps, largest, least, float(info.smallest_normal), info.dtype)


def iinfo(type: Any, /) -> np.iinfo[Any]:
    """Return the limits of an integer dtype, or of the dtype of an array.

    Parameters
    ----------
    type : dtype, array or Value

    Returns
    -------
    numpy.iinfo
        The fields `bits`, `max`, `min` and `dtype`.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.iinfo(dnp.int8).max
    127
    """
    return np.iinfo(_dtype(type))


def can_cast(from_: Any, to: Any, /, casting: Any = "safe") -> Any:
    """Return whether a dtype, or the dtype of an array, converts to another without loss.

    Parameters
    ----------
    from_ : dtype, array or Value
    to : dtype
    casting : str, optional
        The rule, as in NumPy.

    Returns
    -------
    bool

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop.numpy as dnp
    >>> dnp.can_cast(np.float32, np.float64)
    True
    >>> dnp.can_cast(np.float64, np.int64)
    False
    """
    return np.can_cast(_dtype(from_), np.dtype(to), casting)


def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """Return the dtype of a result of these arrays, dtypes and Python numbers.

    Parameters
    ----------
    *arrays_and_dtypes : array_like, Value or dtype

    Returns
    -------
    dtype

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> dnp.result_type(dp.Value([1.0]), dnp.float32)
    dtype('float64')
    """
    return np.result_type(*[raw(x) for x in arrays_and_dtypes])
