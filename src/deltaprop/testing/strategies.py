"""Hypothesis strategies for property tests of gradients, for built-in and your own operations.

>>> from hypothesis import given
>>> import deltaprop.numpy as dnp
>>> from deltaprop.testing import strategies as dst
>>> @given(dst.broadcastable([dst.Domain(0.0), dst.Domain(-1.0, 1.0)]))
... def test_my_operation(xs):
...     assert dnp.all(xs[0] + xs[1] > -1.0)
>>> test_my_operation()
"""

from ..extras import extra
from ..graph.domains import Domain

with extra("hypothesis", "deltaprop.testing.strategies needs Hypothesis"):
    from .expressions import Expression, expressions
    from .inputs import arrays, axes, broadcastable, einsums, indices, operands
    from .networks import Problem, mlps

__all__ = [
    "Domain", "Expression", "Problem", "arrays", "axes", "broadcastable", "einsums",
    "expressions", "indices", "mlps", "operands",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__
