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
    """Return the matrix product ``x1 @ x2``.

    For a cotangent ``g``, the gradients are ``g @ x2.mT`` and ``x1.mT @ g``.

    Parameters
    ----------
    x1 : array_like or Value
        A vector (n,), or matrices (..., m, n).
    x2 : array_like or Value
        A vector (n,), or matrices (..., n, k).

    Returns
    -------
    Value or array
        An array of the shape (..., m, k), without m or k for a vector.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 10.0])
    >>> y = dnp.linalg.matmul([[1.0, 2.0], [3.0, 4.0]], x)
    >>> y
    Value([21., 43.], shape=(2,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([4., 6.])
    """
    return contractions.matmul(x1, x2)


@of_two
def outer(x1: Any, x2: Any, /) -> Any:
    """Return the products of each entry of the vector `x1` with each entry of `x2`.

    For a cotangent ``g``, the gradients are ``g @ x2`` and ``g.T @ x1``.

    Parameters
    ----------
    x1 : array_like or Value
        A vector (m,).
    x2 : array_like or Value
        A vector (n,).

    Returns
    -------
    Value or array
        An array of the shape (m, n).

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0])
    >>> y = dnp.linalg.outer(x, [1.0, 10.0])
    >>> y
    Value([[ 1., 10.],
           [ 2., 20.]], shape=(2, 2), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([11., 11.])
    """
    x1, x2 = shaping._array(x1), shaping._array(x2)
    shapes = shape_of(x1), shape_of(x2)
    if [*map(len, shapes)] != [1, 1]:
        raise ValueError(f"outer takes two vectors, got shapes {shapes[0]} and {shapes[1]}")
    return contractions.outer(x1, x2)


@of_two
def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """Return the product of two arrays, summed over one or several axes.

    For a cotangent ``g``, the gradients are its products with the other array over the axes that
    are left.

    Parameters
    ----------
    x1, x2 : array_like or Value
    axes : int or pair of sequences of int, optional
        The number of axes, the last of `x1` and the first of `x2`; or the axes of each.

    Returns
    -------
    Value or array
        The axes of `x1` that are left, then those of `x2`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 10.0])
    >>> y = dnp.linalg.tensordot([[1.0, 2.0], [3.0, 4.0]], x, axes=1)
    >>> y
    Value([21., 43.], shape=(2,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([4., 6.])
    """
    return contractions.tensordot(x1, x2, axes)


@of_two
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Return the inner products of vectors along one axis; the vectors of `x1` are conjugated.

    For a cotangent ``g``, the gradients are ``g * x2`` and ``g * x1``, with ``g`` broadcast along
    the axis.

    Parameters
    ----------
    x1, x2 : array_like or Value
    axis : int, optional
        The axis of the vectors.

    Returns
    -------
    Value or array
        The broadcast shape without the axis.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0])
    >>> y = dnp.linalg.vecdot(x, [3.0, 4.0])
    >>> y
    Value(data=11.0, grad=None)
    >>> y.backward()
    >>> x.grad
    array([3., 4.])
    """
    return contractions.vecdot(x1, x2, axis)


@of_array
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """Return the diagonals of the matrices in the last two axes.

    The gradient moves back with the entries; entries off the diagonal have the gradient 0.

    Parameters
    ----------
    x : array_like or Value
        Matrices (..., m, n).
    offset : int, optional
        The diagonal; positive numbers are above the main diagonal.

    Returns
    -------
    Value or array
        An array of the shape (..., min(m, n)) for the main diagonal.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.linalg.diagonal(x)
    >>> y
    Value([1., 4.], shape=(2,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([[1., 0.],
           [0., 1.]])
    """
    return shaping.diagonal(x, offset, -2, -1)


@of_array
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """Return the sums of `diagonal(x)`, whose entries are converted to `dtype`.

    The gradient is 1 on the diagonal and 0 elsewhere.

    Parameters
    ----------
    x : array_like or Value
        Matrices (..., m, n).
    offset : int, optional
        The diagonal; positive numbers are above the main diagonal.
    dtype : dtype, optional
        The dtype that the entries are converted to first.

    Returns
    -------
    Value or array
        An array of the shape (...).

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.linalg.trace(x)
    >>> y
    Value(data=5.0, grad=None)
    >>> y.backward()
    >>> x.grad
    array([[1., 0.],
           [0., 1.]])
    """
    return diagonal(x, offset=offset).sum(axis=-1, dtype=dtype)


def __dir__() -> list[str]:
    return __all__
