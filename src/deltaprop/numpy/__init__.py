"""The array namespace: NumPy's functions, for Values and arrays alike.

The namespace follows the Python array API standard: `Value.__array_namespace__()` returns it.
Code written for the standard runs on Values and can be differentiated.

>>> import deltaprop as dp
>>> import deltaprop.numpy as dnp
>>> x = dp.Value([3.0, 4.0])
>>> dnp.sqrt(dnp.sum(x**2)).backward()
>>> x.grad
array([0.6, 0.8])
"""

import sys as _sys
import typing as _t
from types import ModuleType as _ModuleType

import numpy as _np
from numpy import broadcast_shapes as broadcast_shapes

from ..calculus.activations import *  # noqa: F403
from ..calculus.composed import *  # noqa: F403
from ..calculus.contractions import *  # noqa: F403
from ..calculus.elementwise import *  # noqa: F403
from ..calculus.indexing import *  # noqa: F403
from ..calculus.reductions import *  # noqa: F403
from ..calculus.samples import *  # noqa: F403
from ..calculus.shaping import *  # noqa: F403
from ..habits import lacking as _lacking
from ..value import Value as _Value
from . import fft as fft
from . import linalg as linalg
from . import special as special
from .creation import *  # noqa: F403
from .dispatch import register as _register
from .dtypes import *  # noqa: F403
from .standard import *  # noqa: F403
from .standard import ArrayNamespaceInfo as _ArrayNamespaceInfo

if _t.TYPE_CHECKING:  # these names are found by `__getattr__`
    from numpy import allclose as allclose
    from numpy import array_equal as array_equal
    from numpy import iscomplexobj as iscomplexobj
    from numpy import isrealobj as isrealobj
    from numpy import ndim as ndim
    from numpy import shape as shape
    from numpy import size as size

    from ..calculus.signatures import OfTwo as _OfTwo
    from ..calculus.special import i0 as i0

    isclose: _OfTwo[...]

__array_api_version__ = "2025.12"
__array_namespace_info__ = _ArrayNamespaceInfo

_register(_sys.modules[__name__])


if not _t.TYPE_CHECKING:  # type checkers know every name, and report any other

    def __getattr__(name: str) -> _t.Any:
        theirs = getattr(_np, name, None)
        if callable(theirs):
            if theirs in _Value._functions:  # such as size or isclose, without derivative
                return _Value._functions[theirs]
            raise AttributeError(
                f"deltaprop.numpy has no {name} (no derivative rule): use numpy.{name} on "
                "constants, or define {name} with deltaprop.custom_gradient"
            )
        raise _lacking(__name__, name)


def __dir__() -> list[str]:
    hidden = {n for n, x in globals().items() if n[0] == "_" or isinstance(x, _ModuleType)}
    return sorted(globals().keys() - hidden | {"fft", "linalg", "special"})
