"""Functions that NumPy does not have: two from the C library, entry by entry, and SciPy's modules.

The two functions are accurate to the last place. A loop over the entries is faster than a series in
NumPy, which would pass over the array forty times.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ..extras import extra


@cache
def scipy(part: str) -> Any:
    """Return SciPy's module of this name, imported when its first function is called."""
    with extra("scipy", "this function needs SciPy"):
        return importlib.import_module(f"scipy.{part}")


def _entrywise(function: Callable[[float], float]) -> Callable[[Any], Any]:
    def on_array(x: Any) -> Any:
        x = np.asarray(x)
        if x.dtype.kind == "c":
            raise TypeError(f"{function.__name__} takes real numbers, got complex ones")
        values = np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size)
        dtype = x.dtype if x.dtype.kind == "f" else np.float64
        return values.reshape(x.shape).astype(dtype, copy=False)[()]

    on_array.__name__ = function.__name__
    return on_array


erf: Callable[[Any], Any] = _entrywise(math.erf)
erfc: Callable[[Any], Any] = _entrywise(math.erfc)
