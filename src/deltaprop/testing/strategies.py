"""Hypothesis strategies for property tests of gradients, of our operations and of yours.

>>> from hypothesis import given
>>> from deltaprop.testing import strategies as dst
>>> @given(dst.arrays(dst.Domain(0.0)))
... def test_my_logarithm(x):
...     assert np.all(np.exp(np.log(x)) > 0)
>>> test_my_logarithm()
"""

from ..calculus.domains import Domain
from .expressions import Expression, expressions
from .inputs import arrays, axes, broadcastable, einsums, indices, operands
from .networks import Problem, mlps

__all__ = [
    "Domain", "Expression", "Problem", "arrays", "axes", "broadcastable", "einsums",
    "expressions", "indices", "mlps", "operands",
]  # fmt: skip
