"""Discrete Fourier transforms: `numpy.fft` and the array API's `fft` extension, also on Values."""

from typing import Any

import numpy as np

from ..calculus.fft import *  # noqa: F403
from ..calculus.fft import __all__ as _transforms
from ..value import Value, constant

__all__ = [*_transforms, "fftfreq", "rfftfreq"]


def fftfreq(n: int, d: float = 1.0, dtype: Any = None, device: Any = None) -> Value:
    """Return the sample frequencies for `fft` of n points with spacing `d`: a constant.

    Parameters
    ----------
    n : int
        The number of points.
    d : float, optional
        The distance of the points.
    dtype : dtype, optional
        The dtype, by default float64.
    device : None or 'cpu', optional
        Only 'cpu' exists.

    Returns
    -------
    Value
        A constant of one axis.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.fft.fftfreq(4)
    constant([ 0.  ,  0.25, -0.5 , -0.25], shape=(4,), dtype=float64)
    """
    return constant(np.fft.fftfreq(n, d, device=device), dtype)


def rfftfreq(n: int, d: float = 1.0, dtype: Any = None, device: Any = None) -> Value:
    """Return the sample frequencies for `rfft` of n points with spacing `d`: a constant.

    Parameters
    ----------
    n : int
        The number of points.
    d : float, optional
        The distance of the points.
    dtype : dtype, optional
        The dtype, by default float64.
    device : None or 'cpu', optional
        Only 'cpu' exists.

    Returns
    -------
    Value
        A constant of one axis.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.fft.rfftfreq(4)
    constant([0.  , 0.25, 0.5 ], shape=(3,), dtype=float64)
    """
    return constant(np.fft.rfftfreq(n, d, device=device), dtype)


def __dir__() -> list[str]:
    return __all__
