"""The array namespace: NumPy's functions, on Values and arrays alike.

>>> import deltaprop as dp
>>> import deltaprop.numpy as dnp
>>> x = dp.Value([3.0, 4.0])
>>> dnp.sqrt(dnp.sum(x**2)).backward()
>>> x.grad
array([0.6, 0.8])
"""

from ..calculus.contractions import *  # noqa: F403
from ..calculus.elementwise import *  # noqa: F403
from ..calculus.indexing import *  # noqa: F403
from ..calculus.reductions import *  # noqa: F403
from ..calculus.shaping import *  # noqa: F403
from ..value import constant as asarray  # noqa: F401
from . import protocols  # noqa: F401 - tells Value what to answer NumPy with
