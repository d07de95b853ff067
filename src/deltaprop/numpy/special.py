"""Special functions, under the names of `scipy.special`, for Values and arrays alike.

>>> import deltaprop as dp
>>> x = dp.Value([1.0, 2.0, 3.0])
>>> dp.numpy.special.gammaln(x).sum().backward()
>>> x.grad.round(6)
array([-0.577216,  0.422784,  0.922784])
"""

import sys
from collections.abc import Callable
from typing import Any

from ..calculus.elementwise import cbrt, erf, erfc, exp2, expm1, log1p, sinc, xlogy
from ..calculus.reductions import log_softmax, logsumexp, softmax
from ..calculus.special import *  # noqa: F403
from ..calculus.special import __all__ as _functions

__all__ = [
    *_functions, "cbrt", "erf", "erfc", "exp2", "expm1", "log1p", "log_softmax", "logsumexp",
    "sinc", "softmax", "xlogy",
]  # fmt: skip


def of_scipy(ufunc: Any) -> Callable[..., Any] | None:
    """Return our function for a function of `scipy.special`, else None; SciPy is not imported."""
    name = getattr(ufunc, "__name__", "")
    theirs = getattr(sys.modules.get("scipy.special"), name, None)
    return globals()[name] if name in __all__ and theirs is ufunc else None


def __dir__() -> list[str]:
    return __all__
