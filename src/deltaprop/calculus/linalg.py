"""Linear algebra: equations, determinants, functions and norms of matrices.

As in `factorisations`, all functions take stacks of matrices, real or complex, and NumPy's
arguments.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

import numpy as np
from numpy.linalg import LinAlgError

from ..graph import (
    Custom,
    Node,
    as_array,
    conjugated,
    is_complex,
    is_known,
    raw,
    shape_of,
    verify,
)
from ..graph.batches import stacked
from ..graph.domains import case
from ..graph.primitive import Array
from . import factorisations, reductions
from .elementwise import absolute, imag, isnan, kept, real, root_of_power, square, where
from .factorisations import *  # noqa: F403
from .factorisations import (
    SQUARES,
    identity,
    inv_,
    matrices,
    rounding,
    solve_,
    star,
    svdvals,
)
from .indexing import _constant_like
from .indexing import any as _any
from .libm import scipy
from .reductions import _axes
from .reductions import sum as _sum
from .shaping import (
    _array,
    astype,
    concatenate,
    expand_dims,
    floating,
    moveaxis,
    reshape,
    roll,
    stack,
    tril,
    triu,
)
from .signatures import T, gives, of_array, of_three, of_two

if TYPE_CHECKING:
    from ..value import Value  # noqa: F401 - in a type

__all__ = [
    *factorisations.__all__, "cond", "cross", "det", "expm", "inv", "lstsq", "matrix_norm",
    "matrix_power", "matrix_rank", "norm", "pinv", "slogdet", "solve", "solve_banded",
    "solve_sylvester", "solve_triangular", "sqrtm", "tensorinv", "tensorsolve", "vector_norm",
]  # fmt: skip


class SlogdetResult(NamedTuple, Generic[T]):
    """The results of `slogdet`."""

    sign: T
    logabsdet: T


# -- equations ----------------------------------------------------------------------------


def _pinv_vjp(g: Array, y: Array, a: Array, **_: Any) -> Array:
    p, gt = star(y), g.mT
    r, s = gt @ (y @ p), y @ gt
    return conjugated(r - a @ (y @ r) + p @ (s - (s @ y) @ a)) - y.mT @ (g @ y.mT)


def _pinv_jvp(tangents: Sequence[Any], y: Array, a: Array, **_: Any) -> Array:
    p, t = star(y), star(tangents[0])
    s = t @ p
    return (y @ p) @ (t - (t @ a) @ y) + (s - y @ (a @ s) - y @ tangents[0]) @ y


# for matrices at least as tall as wide: the rules never multiply two long sides
_pinv = Custom(
    "pinv",
    lambda a, rtol: np.linalg.pinv(a, rtol=rtol),
    [_pinv_vjp],
    _pinv_jvp,
    batch=stacked,
    cases=[case((4, 2), rtol=None), case((2, 3, 2), rtol=1e-9), case((2, 0), rtol=None)],
)


@of_two
def solve(a: Array, b: Array) -> Array:
    """Return x with ``a @ x = b``; `b` is a vector if it has one axis, else matrices.

    For a cotangent ``g``, the gradient with respect to `b` is ``solve(a.mT, g)``; times ``-x.mT``,
    it is that with respect to `a`.

    Parameters
    ----------
    a : array_like or Value
        Square matrices (..., n, n).
    b : array_like or Value
        A vector (n,), or matrices (..., n, k).

    Returns
    -------
    Value or array
        An array of the shape of `b`, broadcast.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[2.0, 1.0], [1.0, 3.0]])
    >>> x = dnp.linalg.solve(A, [3.0, 4.0])
    >>> x
    Value([1., 1.], shape=(2,), dtype=float64)
    >>> x.sum().backward()
    >>> A.grad.round(4)
    array([[-0.4, -0.4],
           [-0.2, -0.2]])
    """
    a, b = matrices(a), _array(b)
    return solve_(a, b[:, None])[..., 0] if len(shape_of(b)) == 1 else solve_(a, b)


@of_array
def inv(a: Array) -> Array:
    """Return the inverse, or raise `LinAlgError` if there is none.

    For a cotangent ``g``, the gradient is ``-inv(a).mT @ g @ inv(a).mT``.

    Parameters
    ----------
    a : array_like or Value
        Square matrices (..., n, n).

    Returns
    -------
    Value or array
        An array of the shape of `a`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[2.0, 1.0], [1.0, 3.0]])
    >>> y = dnp.linalg.inv(A)
    >>> y
    Value([[ 0.6, -0.2],
           [-0.2,  0.4]], shape=(2, 2), dtype=float64)
    >>> y[0, 0].backward()
    >>> A.grad.round(4)
    array([[-0.36,  0.12],
           [ 0.12, -0.04]])
    """
    return inv_(matrices(a))


@of_array
def pinv(a: Array, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Array:
    """Return the Moore-Penrose inverse, differentiated at constant rank.

    Singular values up to `rtol` (or `rcond`) times the largest count as zero; None means eps
    times the longer side. With `hermitian`, the matrix is Hermitian and given by the lower
    triangle of `a`. If `rtol` drops singular values larger than rounding errors, the derivative
    is that of the truncated inverse; a compiled function raises an error instead.

    Parameters
    ----------
    a : array_like or Value
        Matrices (..., m, n).
    rcond : float, optional
        NumPy's name for `rtol`.
    hermitian : bool, optional
        Accepted for compatibility.
    rtol : float, optional
        The relative tolerance.

    Returns
    -------
    Value or array
        An array of the shape (..., n, m).

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[2.0, 0.0], [0.0, 4.0], [0.0, 0.0]])
    >>> y = dnp.linalg.pinv(A)
    >>> y
    Value([[0.5 , 0.  , 0.  ],
           [0.  , 0.25, 0.  ]], shape=(2, 3), dtype=float64)
    >>> y[0, 0].backward()
    >>> A.grad.round(4)
    array([[-0.25,  0.  ],
           [ 0.  ,  0.  ],
           [ 0.  ,  0.  ]])
    """
    a, rtol = floating(matrices(a, square=hermitian)), rcond if rtol is None else rtol
    a = factorisations.hermitian(a) if hermitian else a
    if rtol is not None:
        if not is_known(raw(a)):
            verify(_cuts_nothing, raw(a), rtol)
        elif isinstance(a, Node) and _cuts(raw(a), rtol):
            return _truncated(a, rtol)
    tall = shape_of(a)[-2] >= shape_of(a)[-1]
    return _pinv(a, rtol=rtol) if tall else _pinv(a.mT, rtol=rtol).mT


def _cuts(a: np.ndarray, rtol: Any) -> bool:
    """Return whether `rtol` drops singular values larger than rounding errors."""
    s = np.linalg.svd(a, compute_uv=False)
    top = s.max(-1, keepdims=True, initial=0.0)
    noise = np.finfo(s.dtype).eps * max(a.shape[-2:]) * top
    return bool(np.any((s > noise) & (s <= np.expand_dims(rtol, -1) * top)))


def _cuts_nothing(a: np.ndarray, rtol: Any) -> None:
    if _cuts(a, rtol):
        raise ValueError(
            f"rtol or rcond {rtol} drops singular values that are not zero: a compiled function "
            "has no derivative for this; write it with svd, or call it without compile"
        )


def _truncated(a: Array, rtol: Any) -> Array:
    """Return the inverse of the part of `a` that belongs to its larger singular values."""
    u, s, vh = factorisations.svd(a, full_matrices=False)
    top = raw(s).max(-1, keepdims=True, initial=0.0)
    large = raw(s) > np.expand_dims(rtol, -1) * top
    inverses = kept(large, 1 / kept(large, s, 1.0), 0.0)
    return (star(vh) * inverses[..., None, :]) @ star(u)


def lstsq(a: Array, b: Array, rcond: float | None = None) -> tuple[Any, Any, int, Any]:
    """Return the least-squares solution of least norm, squared residuals, rank, singular values.

    As in NumPy. All results but the rank are differentiable, the solution at constant rank.

    The derivatives are those of ``pinv(a) @ b``.

    Parameters
    ----------
    a : array_like or Value
        A matrix (m, n).
    b : array_like or Value
        A vector (m,), or a matrix (m, k).
    rcond : float, optional
        The ratio to the largest singular value below which singular values count as 0.

    Returns
    -------
    tuple
        The solution (n,) or (n, k), the sums of squared residuals, the rank, and the singular
        values.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> b = dp.Value([1.0, 2.0, 2.0])
    >>> x, *_ = dnp.linalg.lstsq([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], b)
    >>> x.numpy().round(4)
    array([1.1667, 0.5   ])
    >>> x[1].backward()
    >>> b.grad.round(4)
    array([-0.5, -0. ,  0.5])
    """
    a, b = floating(matrices(a)), _array(b)
    wide = np.result_type(as_array(raw(a)), as_array(raw(b)))
    a, b = astype(a, wide, copy=False), astype(b, wide, copy=False)
    m, n = shape_of(a)
    if rcond is not None and not 0 < rcond < 1:
        rcond = np.finfo(wide).eps  # like LAPACK
    rank = int(np.linalg.matrix_rank(raw(a), rtol=rcond))
    x = pinv(a, rtol=rcond) @ b
    columns = reshape(b - a @ x, (m, math.prod(shape_of(b)[1:])))[
        :, slice(None if rank == n < m else 0)
    ]
    return x, _sum(square(absolute(columns)), 0), rank, svdvals(a)


@of_two
def tensorsolve(a: Array, b: Array, axes: Any = None) -> Array:
    """Return x with ``tensordot(a, x, x.ndim) = b``; `axes` of `a` are moved to its end first.

    The derivatives are those of `solve`.

    Parameters
    ----------
    a, b : array_like or Value
    axes : sequence of int, optional
        Axes of `a` that are moved to its end.

    Returns
    -------
    Value or array
        An array of the shape of the axes of `a` after those of `b`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> b = dp.Value([2.0, 4.0])
    >>> x = dnp.linalg.tensorsolve([[2.0, 0.0], [0.0, 4.0]], b)
    >>> x
    Value([1., 1.], shape=(2,), dtype=float64)
    >>> x.sum().backward()
    >>> b.grad
    array([0.5 , 0.25])
    """
    a, b = _array(a), _array(b)
    if axes is not None:
        a = moveaxis(a, axes, range(-len(axes), 0))
    shape = shape_of(a)[len(shape_of(b)) :]
    return reshape(solve(reshape(a, (-1, math.prod(shape))), reshape(b, -1)), shape)


@of_array
def tensorinv(a: Array, ind: int = 2) -> Array:
    """Return the inverse of ``x -> tensordot(a, x, a.ndim - ind)``.

    The derivatives are those of `inv`.

    Parameters
    ----------
    a : array_like or Value
    ind : int, optional
        The number of axes of `a` that belong to the image.

    Returns
    -------
    Value or array
        The axes of `a` after the first `ind`, then the first `ind`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[2.0, 0.0], [0.0, 4.0]])
    >>> y = dnp.linalg.tensorinv(A, ind=1)
    >>> y
    Value([[0.5 , 0.  ],
           [0.  , 0.25]], shape=(2, 2), dtype=float64)
    >>> y.sum().backward()
    >>> A.grad
    array([[-0.25  , -0.125 ],
           [-0.125 , -0.0625]])
    """
    shape = shape_of(a)
    flat = reshape(a, (math.prod(shape[:ind]), -1))
    return reshape(inv(flat), shape[ind:] + shape[:ind])


# -- equations as in SciPy ----------------------------------------------------------------


@of_two
def solve_triangular(
    a: Array, b: Array, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False
) -> Array:
    """Return x with ``a @ x = b``, where only the upper (or `lower`) triangle of `a` is read.

    The derivatives are those of `solve`, for the entries that are read.

    Parameters
    ----------
    a : array_like or Value of shape (..., n, n)
    b : array_like or Value
        The right-hand side: a vector, or matrices.
    trans : {0, 1, 2, 'N', 'T', 'C'}
        The system to solve: 1 or 'T' for ``a.T @ x = b``, 2 or 'C' for ``a.T.conj() @ x = b``.
    unit_diagonal : bool
        Whether the diagonal counts as ones and is not read.

    Returns
    -------
    Value or array
        An array of the shape of `b`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> b = dp.Value([4.0, 6.0])
    >>> x = dnp.linalg.solve_triangular([[1.0, 2.0], [0.0, 3.0]], b)
    >>> x
    Value([0., 2.], shape=(2,), dtype=float64)
    >>> x.sum().backward()
    >>> b.grad
    array([ 1.        , -0.33333333])
    """
    a = matrices(a, square=True)
    k = int(unit_diagonal)
    a = tril(a, -k) if lower else triu(a, k)
    a = a + identity(a) if unit_diagonal else a
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(f"trans must be 0, 1, 2 or 'N', 'T', 'C', got {trans!r}")
    return solve(a if trans in (0, "N") else a.mT if trans in (1, "T") else star(a), b)


def _sylvester_jvp(tangents: Sequence[Any], y: Array, a: Array, b: Array, _q: Array) -> Array:
    s, t, u = tangents
    terms = [None if s is None else -(s @ y), None if t is None else -(y @ t), u]
    return _sylvester(a, b, functools.reduce(operator.add, [x for x in terms if x is not None]))


_sylvester: Custom = Custom(
    "solve_sylvester",
    lambda a, b, q: scipy("linalg").solve_sylvester(a, b, q),
    [
        lambda g, y, a, b, _q: -(_sylvester(a.mT, b.mT, g) @ y.mT),
        lambda g, y, a, b, _q: -(y.mT @ _sylvester(a.mT, b.mT, g)),
        lambda g, _y, a, b, _q: _sylvester(a.mT, b.mT, g),
    ],
    _sylvester_jvp,
    cases=[case((3, 3), (2, 2), (3, 2), near=np.diag([5.0, 11.0, 18.0]))],
)
_sqrtm = Custom(
    "sqrtm",
    lambda a: scipy("linalg").sqrtm(a),
    [lambda g, y, _a: _sylvester(y.mT, y.mT, g)],
    lambda ts, y, _a: _sylvester(y, y, ts[0]),
    cases=[case((2, 2), near=SQUARES[0].near, seen=real)],
)


@of_three
def solve_sylvester(a: Array, b: Array, q: Array) -> Array:
    """Return x with ``a @ x + x @ b = q``.

    For a cotangent ``g``, the gradient with respect to `q` is the solution for ``a.mT``, ``b.mT``
    and ``g``.

    Parameters
    ----------
    a : array_like or Value
        A square matrix (n, n).
    b : array_like or Value
        A square matrix (k, k).
    q : array_like or Value
        A matrix (n, k).

    Returns
    -------
    Value or array
        An array of the shape of `q`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[2.0, 1.0], [1.0, 3.0]])
    >>> q = dp.Value([[1.0], [2.0]])
    >>> x = dnp.linalg.solve_sylvester(A, [[1.0]], q)
    >>> x.numpy().round(4)
    array([[0.1818],
           [0.4545]])
    >>> x.sum().backward()
    >>> q.grad.round(4)
    array([[0.2727],
           [0.1818]])
    """
    return _sylvester(matrices(a, square=True), matrices(b, square=True), matrices(q))


@of_array
def sqrtm(a: Array) -> Array:
    """Return the principal square root of a matrix, whose square is the matrix.

    For a cotangent ``g``, the gradient is the solution z of ``s.mT @ z + z @ s.mT = g``, where
    ``s`` is the result.

    Parameters
    ----------
    a : array_like or Value
        Square matrices (..., n, n).

    Returns
    -------
    Value or array
        An array of the shape of `a`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[4.0, 0.0], [0.0, 9.0]])
    >>> y = dnp.linalg.sqrtm(A)
    >>> y.numpy().round(4)
    array([[2., 0.],
           [0., 3.]])
    >>> y.sum().backward()
    >>> A.grad.round(4)
    array([[0.25  , 0.2   ],
           [0.2   , 0.1667]])
    """
    return _sqrtm(matrices(a, square=True))


def _diagonals(lower: int, upper: int) -> range:
    """Return the diagonals in the rows of a band matrix, uppermost first."""
    return range(upper, -lower - 1, -1)


def _inside(n: int, k: int) -> Any:
    """Return which entries of a row of the band matrix lie on diagonal k."""
    rows = np.arange(n) - k
    return (rows >= 0) & (rows < n)


def _band_transposed(ab: Array, lower: int, upper: int) -> Array:
    rows = [roll(ab[upper - k], -k) for k in _diagonals(lower, upper)]
    return stack(rows[::-1])


def _banded_vjp(g: Array, y: Array, ab: Array, _b: Array, lower: int, upper: int) -> Array:
    c, n = _banded(_band_transposed(ab, lower, upper), g, lower=upper, upper=lower), shape_of(y)[0]
    rows = [_sum(roll(c, k, 0) * y, -1) * _inside(n, k) for k in _diagonals(lower, upper)]
    return -stack(rows)


def _banded_jvp(
    tangents: Sequence[Any], y: Array, ab: Array, _b: Array, lower: int, upper: int
) -> Array:
    s, t = tangents
    if s is not None:
        for k in _diagonals(lower, upper):
            along = (s[upper - k] * _inside(shape_of(y)[0], k))[:, None] * y
            t = -roll(along, -k, 0) if t is None else t - roll(along, -k, 0)
    return _banded(ab, t, lower=lower, upper=upper)


_banded: Custom = Custom(
    "solve_banded",
    lambda ab, b, lower, upper: scipy("linalg").solve_banded((lower, upper), ab, b),
    [
        _banded_vjp,
        lambda g, _y, ab, _b, lower, upper: _banded(
            _band_transposed(ab, lower, upper), g, lower=upper, upper=lower
        ),
    ],
    _banded_jvp,
    cases=[
        case((3, 4), (4, 2), lower=1, upper=1, near=np.array([[0.0], [7.0], [0.0]])),
        case((3, 4), (4, 1), lower=2, upper=0, near=np.array([[7.0], [0.0], [0.0]])),
    ],
)


def solve_banded(l_and_u: tuple[int, int], ab: Array, b: Array) -> Array:
    """Return x with ``a @ x = b`` for a band matrix, whose diagonals are the rows of `ab`.

    The derivatives are those of `solve`.

    Parameters
    ----------
    l_and_u : (int, int)
        The numbers of diagonals below and above the main diagonal.
    ab : array_like or Value of shape (l + u + 1, n)
        The diagonals: entry (i, j) of the matrix is at (u + i - j, j).
    b : array_like or Value of shape (n,) or (n, k)

    Returns
    -------
    Value or array
        An array of the shape of `b`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> b = dp.Value([1.0, 2.0, 3.0])
    >>> x = dnp.linalg.solve_banded((1, 0), [[2.0, 2.0, 2.0], [1.0, 1.0, 0.0]], b)
    >>> x
    Value([0.5  , 0.75 , 1.125], shape=(3,), dtype=float64)
    >>> x.sum().backward()
    >>> b.grad
    array([0.375, 0.25 , 0.5  ])
    """
    lower, upper = map(index, l_and_u)
    ab, b = matrices(ab), _array(b)
    if shape_of(ab)[0] != lower + upper + 1:
        raise ValueError(
            f"solve_banded: ab must have {lower} + {upper} + 1 rows, got shape {shape_of(ab)}"
        )
    vector = len(shape_of(b)) == 1
    y = _banded(ab, b[:, None] if vector else b, lower=lower, upper=upper)
    return y[:, 0] if vector else y


# -- determinants -------------------------------------------------------------------------


def _without(s: np.ndarray) -> Any:
    """Return, for each entry of the last axis, the product of all others."""
    return np.where(identity(s), 1, s[..., None, :]).prod(-1)


def _cofactors(a: np.ndarray) -> Any:
    """Return the transposed adjugate; for a singular matrix, from its singular values."""
    try:
        return np.linalg.det(a)[..., None, None] * np.linalg.inv(a).mT
    except np.linalg.LinAlgError:
        u, s, vh = np.linalg.svd(a)
    phase = np.linalg.det(u) * np.linalg.det(vh)
    return (u.conj() * (phase[..., None] * _without(s))[..., None, :]) @ vh.conj()


def _cofactor_slope(t: Array, a: Array) -> Array:
    """Return the derivative of the cofactors along `t`; symmetric, so it is its own transpose."""
    if isinstance(t, Node) or isinstance(a, Node):
        x, y = inv_(a).mT, _cofactor(a)  # a third derivative needs an inverse
        return y * _sum(x * t, (-2, -1), keepdims=True) - x @ t.mT @ y
    u, s, vh = np.linalg.svd(a)
    t, eye, phase = star(u) @ t @ star(vh), identity(a), np.linalg.det(u) * np.linalg.det(vh)
    others = _without(np.where(eye, 1, s[..., None, :]))
    slope = eye * (others @ (t * eye).sum(-1, keepdims=True)) - others * t.mT
    return phase[..., None, None] * (u.conj() @ slope @ vh.conj())


_det = Custom(
    "det",
    np.linalg.det,
    [lambda g, _y, a: reshape(g, (*shape_of(g), 1, 1)) * _cofactor(a)],
    lambda ts, _y, a: _sum(_cofactor(a) * ts[0], (-2, -1)),
    batch=stacked,
    cases=SQUARES,
)
_cofactor: Custom = Custom(
    "cofactor",
    _cofactors,
    [lambda g, _y, a: _cofactor_slope(g, a)],
    lambda ts, _y, a: _cofactor_slope(ts[0], a),
    batch=stacked,
    cases=SQUARES,
)


def _slogdet_vjp(g: Array, y: Array, a: Array) -> Array:
    t = g[..., 1:]
    if is_complex(y):
        t = real(t) + 1j * imag(g * y)[..., :1]
    return t[..., None] * inv_(a).mT


def _slogdet_jvp(tangents: Sequence[Any], y: Array, a: Array) -> Array:
    t = _sum(inv_(a).mT * tangents[0], (-2, -1))
    turn = 1j * imag(t) * y[..., 0] if is_complex(y) else np.zeros_like(raw(t))
    return stack([turn, real(t)], -1)


_slogdet = Custom(
    "slogdet",
    lambda a: np.stack(np.linalg.slogdet(a), -1),
    [_slogdet_vjp],
    _slogdet_jvp,
    batch=stacked,
    cases=SQUARES,
)


@of_array
def det(a: Array) -> Array:
    """Return the determinant; the first two derivatives are right for singular matrices too.

    The gradient is ``det(a) * inv(a).mT``, and the matrix of cofactors where `a` is singular.

    Parameters
    ----------
    a : array_like or Value
        Square matrices (..., n, n).

    Returns
    -------
    Value or array
        An array of the shape (...).

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> a = dp.Value([[1.0, 2.0], [2.0, 4.0]])
    >>> det(a).backward()
    >>> np.round(a.grad, 9)
    array([[ 4., -2.],
           [-2.,  1.]])
    """
    return _det(matrices(a))


@gives(SlogdetResult["Value"], SlogdetResult[np.ndarray])
def slogdet(a: Array) -> Any:
    """Return the sign (or phase) of the determinant and the logarithm of its absolute value.

    The gradient of the logarithm is ``inv(a).mT``.

    Parameters
    ----------
    a : array_like or Value
        Square matrices (..., n, n).

    Returns
    -------
    SlogdetResult
        A named tuple of `sign` and `logabsdet`, of the shape (...).

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[2.0, 1.0], [1.0, 3.0]])
    >>> sign, logabsdet = dnp.linalg.slogdet(A)
    >>> sign, logabsdet
    (Value(data=1.0, grad=None), Value(data=1.6094379124341005, grad=None))
    >>> logabsdet.backward()
    >>> A.grad
    array([[ 0.6, -0.2],
           [-0.2,  0.4]])
    """
    y = _slogdet(matrices(a))
    return SlogdetResult(y[..., 0], real(y[..., 1]))


# -- functions of matrices ----------------------------------------------------------------


def _scaled_and_squared(a: np.ndarray) -> np.ndarray:
    """Return exp of a matrix: the [13/13] Pade approximant of a / 2^k, squared k times.

    The approximant is accurate up to norm 5.37. Higham, 2005: the scaling and squaring method
    for the matrix exponential revisited.
    """
    size = np.abs(a).sum(-2).max(-1, initial=0)
    times = np.maximum(np.frexp(size / 5.37)[1], 0)[..., None, None]
    a = a * np.ldexp(np.ones_like(a.real, shape=()), -times)
    two = a @ a
    four, six = two @ two, two @ two @ two

    def half(i: int) -> Any:
        b = [math.comb(13, k) / math.perm(26, k) for k in range(i, 14, 2)]
        high = six @ (b[4] * two + b[5] * four + b[6] * six)
        return b[0] * identity(a) + b[1] * two + b[2] * four + b[3] * six + high

    even, odd = half(0), a @ half(1)
    y = np.linalg.solve(even - odd, even + odd)
    for i in range(times.max(initial=0)):
        y = np.where(times > i, y @ y, y)
    return y


def _expm_slope(t: Array, a: Array) -> Array:
    """Return the derivative along `t`: a corner of exp([[a, t], [0, a]]), with `t` scaled."""
    size = np.max(np.abs(raw(t)), initial=0)
    size = size + (size == 0)
    n, zeros = shape_of(a)[-1], np.zeros_like(raw(a))
    rows = concatenate([a, t / size], -1), concatenate([zeros, a], -1)
    return size * _expm(concatenate(rows, -2))[..., :n, n:]


_expm = Custom(
    "expm",
    _scaled_and_squared,
    [lambda g, _y, a: _expm_slope(g, a.mT)],
    lambda ts, _y, a: _expm_slope(ts[0], a),
    batch=stacked,
    cases=SQUARES,
)


@of_array
def expm(a: Array) -> Array:
    """Return the matrix exponential.

    For a cotangent ``g``, the gradient is the Fréchet derivative of the exponential at ``a.mT``,
    along ``g``.

    Parameters
    ----------
    a : array_like or Value
        Square matrices (..., n, n).

    Returns
    -------
    Value or array
        An array of the shape of `a`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[0.0, 1.0], [0.0, 0.0]])
    >>> y = dnp.linalg.expm(A)
    >>> y
    Value([[1., 1.],
           [0., 1.]], shape=(2, 2), dtype=float64)
    >>> y[0, 1].backward()
    >>> A.grad.round(4)
    array([[0.5   , 1.    ],
           [0.1667, 0.5   ]])
    """
    return _expm(matrices(a, square=True))


@of_array
def matrix_power(a: Array, n: int) -> Array:
    """Return the n-th power by repeated squaring; of the inverse if n is negative.

    The derivatives are those of the products.

    Parameters
    ----------
    a : array_like or Value
        Square matrices (..., n, n).
    n : int
        The power.

    Returns
    -------
    Value or array
        An array of the shape of `a`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[2.0, 1.0], [1.0, 3.0]])
    >>> y = dnp.linalg.matrix_power(A, 3)
    >>> y
    Value([[15., 20.],
           [20., 35.]], shape=(2, 2), dtype=float64)
    >>> y[0, 0].backward()
    >>> A.grad
    array([[14.,  7.],
           [ 7.,  1.]])
    """
    a, n = matrices(a, square=True), index(n)
    if n == 0:
        one = np.broadcast_to(identity(a), shape_of(a)).astype(raw(a).dtype)
        return _constant_like(a, one)
    if n < 0:
        return matrix_power(inv(a), -n)
    half = matrix_power(a @ a, n // 2) if n > 1 else None
    return a if half is None else half @ a if n % 2 else half


@of_array
def matrix_rank(a: Array, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Array:
    """Return the number of singular values above the tolerance: a constant.

    Parameters
    ----------
    a : array_like or Value
        Matrices (..., m, n).
    tol : float, optional
        The absolute tolerance.
    hermitian : bool, optional
        Whether the matrices are Hermitian.
    rtol : float, optional
        The relative tolerance.

    Returns
    -------
    int, array or constant
        It has the shape (...).

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]])
    np.int64(1)
    """
    return _constant_like(a, np.linalg.matrix_rank(raw(a), tol, hermitian, rtol=rtol))


@of_array
def norm(x: Array, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """Return the norm of vectors or matrices, as in NumPy; its derivative at zero is zero.

    For matrices (two axes), 2, -2 and 'nuc' are the largest, the smallest and the sum of the
    singular values.

    The gradient of the 2-norm is ``x / norm(x)``.

    Parameters
    ----------
    x : array_like or Value
    ord : int, float, 'fro', 'nuc' or None, optional
        The norm, one of NumPy's.
    axis : int, pair of int or None, optional
        The axis of vectors, the axes of matrices; None takes all axes.
    keepdims : bool, optional
        Whether the axes of the norm stay, with length 1.

    Returns
    -------
    Value or array
        An array of the shape of `x` without the axes of the norm.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([3.0, 4.0])
    >>> y = dnp.linalg.norm(x)
    >>> y
    Value(data=5.0, grad=None)
    >>> y.backward()
    >>> x.grad
    array([0.6, 0.8])
    """
    axes = _axes(x := _array(x), axis)
    if ord not in (2, -2, "nuc") or len(axes) != 2:
        x = absolute(x) if is_complex(x) else x
        return reductions.norm(x, ord, axis, keepdims=keepdims)
    s = svdvals(moveaxis(x, axes, (-2, -1)))
    zero = np.where(raw(s) <= rounding(s), np.ones_like(raw(s)), 0)
    s = root_of_power(s * (1 - zero), 1.0) + raw(s) * zero  # a zero has no direction for a gradient
    y = _sum(s, -1) if ord == "nuc" else reductions._extreme_size(s, float(ord), (-1,), False)
    return expand_dims(y, axes) if keepdims else y


@of_array
def matrix_norm(x: Array, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """Return the `norm` over the last two axes.

    The derivative is that of `norm`.

    Parameters
    ----------
    x : array_like or Value
        Matrices (..., m, n).
    keepdims : bool, optional
        Whether the axes of the norm stay, with length 1.
    ord : int, float, 'fro' or 'nuc', optional
        The norm, one of NumPy's.

    Returns
    -------
    Value or array
        An array of the shape (...).

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[2.0, 1.0], [1.0, 3.0]])
    >>> y = dnp.linalg.matrix_norm(A)
    >>> y
    Value(data=3.872983346207417, grad=None)
    >>> y.backward()
    >>> A.grad.round(4)
    array([[0.5164, 0.2582],
           [0.2582, 0.7746]])
    """
    return norm(matrices(x), ord, (-2, -1), keepdims)


@of_array
def vector_norm(x: Array, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Array:
    """Return the norm of vectors along one axis, along several axes or along all axes.

    The gradient of the 2-norm is ``x / norm(x)``, and 0 where the norm is 0.

    Parameters
    ----------
    x : array_like or Value
    axis : int, tuple of int or None, optional
        The axes of the vectors.
    keepdims : bool, optional
        Whether the axes of the norm stay, with length 1.
    ord : int or float, optional
        The norm, one of NumPy's.

    Returns
    -------
    Value or array
        An array of the shape of `x` without the axes of the norm.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([3.0, 4.0])
    >>> y = dnp.linalg.vector_norm(x)
    >>> y
    Value(data=5.0, grad=None)
    >>> y.backward()
    >>> x.grad
    array([0.6, 0.8])
    """
    axes = _axes(x := _array(x), axis)
    x = floating(x)
    return reductions._vector_norm(absolute(x), 2.0 if ord is None else float(ord), axes, keepdims)


@of_array
def cond(x: Array, p: Any = None) -> Array:
    """Return the condition number ``norm(x, p) * norm(inv(x), p)``; None means 2.

    The derivatives are those of the norms and of the inverse.

    Parameters
    ----------
    x : array_like or Value
        Matrices (..., n, n); (..., m, n) for the 2-norm.
    p : int, float, 'fro' or None, optional
        The norm.

    Returns
    -------
    Value or array
        An array of the shape (...).

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[2.0, 1.0], [1.0, 3.0]])
    >>> y = dnp.linalg.cond(A)
    >>> y
    Value(data=2.6180339887498953, grad=None)
    >>> y.backward()
    >>> A.grad.round(4)
    array([[-1.1708,  1.1708],
           [ 1.1708, -0.    ]])
    """
    x = matrices(x)[None]  # a quotient of arrays keeps their dtype
    if not math.prod(shape_of(x)[-2:]):
        raise LinAlgError(f"cond needs a matrix that is not empty, got shape {shape_of(x)[1:]}")
    with np.errstate(divide="ignore", invalid="ignore"):
        if p in (None, 2, -2):
            s = svdvals(x)
            y = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
        else:
            y = matrix_norm(x, ord=p) * _norm_of_inverse(x, p)
    return where(isnan(y) & ~_any(isnan(x), (-2, -1)), np.inf, y)[0]


def _norm_of_inverse(x: Array, p: Any) -> Array:
    """Return the norm of the inverse, or infinity if there is no inverse."""
    try:
        return matrix_norm(inv(x), ord=p)
    except LinAlgError:
        lost = np.isinf(np.linalg.cond(raw(x), p))
        if not lost.any():
            raise
    rest = where(lost[..., None, None], identity(x), x)
    return where(lost, np.inf, matrix_norm(inv(rest), ord=p))


@of_two
def cross(a: Array, b: Array, *, axis: int = -1) -> Array:
    """Return the cross product of vectors of three entries along `axis`.

    For a cotangent ``g``, the gradients are ``cross(b, g)`` and ``cross(g, a)``.

    Parameters
    ----------
    a, b : array_like or Value
    axis : int, optional
        The axis of the vectors.

    Returns
    -------
    Value or array
        The broadcast shape.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> a = dp.Value([1.0, 0.0, 0.0])
    >>> y = dnp.linalg.cross(a, [0.0, 1.0, 0.0])
    >>> y
    Value([0., 0., 1.], shape=(3,), dtype=float64)
    >>> y.sum().backward()
    >>> a.grad
    array([ 1.,  0., -1.])
    """
    a, b = _array(a), _array(b)
    if shape_of(a)[axis] != 3 or shape_of(b)[axis] != 3:
        raise ValueError(
            f"cross needs 3 entries along axis {axis}, got shapes {shape_of(a)} and {shape_of(b)}"
        )
    return roll(a, -1, axis) * roll(b, -2, axis) - roll(a, -2, axis) * roll(b, -1, axis)
