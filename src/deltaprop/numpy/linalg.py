"""`numpy.linalg`, the array API's `linalg` extension and `expm`, also on Values."""

from typing import Any

from numpy.linalg import LinAlgError as LinAlgError

from ..calculus import contractions, shaping
from ..calculus.contractions import multi_dot as multi_dot
from ..calculus.factorisations import *  # noqa: F403
from ..calculus.linalg import *  # noqa: F403
from ..calculus.linalg import __all__ as _calculus
from ..calculus.shaping import matrix_transpose as matrix_transpose
from ..calculus.signatures import of_array, of_two
from ..graph import shape_of

__all__ = [
    *_calculus, "LinAlgError", "diagonal", "matmul", "matrix_transpose", "multi_dot", "outer",
    "tensordot", "trace", "vecdot",
]  # fmt: skip


@of_two
def matmul(x1: Any, x2: Any, /) -> Any:
    """Return the matrix product ``x1 @ x2``."""
    return contractions.matmul(x1, x2)


@of_two
def outer(x1: Any, x2: Any, /) -> Any:
    """Return the products of each entry of the vector `x1` with each entry of `x2`."""
    x1, x2 = shaping._array(x1), shaping._array(x2)
    shapes = shape_of(x1), shape_of(x2)
    if [*map(len, shapes)] != [1, 1]:
        raise ValueError(f"outer takes two vectors, got shapes {shapes[0]} and {shapes[1]}")
    return contractions.outer(x1, x2)


@of_two
def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """Return the product of two arrays, summed over one or several axes."""
    return contractions.tensordot(x1, x2, axes)


@of_two
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Return the inner products of vectors along one axis; the vectors of `x1` are conjugated."""
    return contractions.vecdot(x1, x2, axis)


@of_array
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """Return the diagonals of the matrices in the last two axes."""
    return shaping.diagonal(x, offset, -2, -1)


@of_array
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """Return the sums of `diagonal(x)`, whose entries are converted to `dtype`."""
    return diagonal(x, offset=offset).sum(axis=-1, dtype=dtype)


def __dir__() -> list[str]:
    return __all__
