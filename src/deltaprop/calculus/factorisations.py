"""Factorisations: Cholesky, QR, eigenvalues, singular values; and the solver they use.

All functions take stacks of matrices, (..., m, n), real or complex, and NumPy's arguments. A
factorisation with several results is one operation, whose result is one matrix with the results as
its rows. The rules follow Giles, 2008 (collected matrix derivative results), Wan and Zhang, 2019
(complex svd) and Roberts and Roberts, 2020 (qr).

*Hermitian input.* `cholesky`, `eigh`, `eigvalsh`, and `svd` and `pinv` with ``hermitian=True`` read
only one triangle of the matrix, as NumPy does, and ignore the imaginary part of the diagonal. The
gradient is that of this function, as finite differences confirm: it is zero in the other
triangle.

*Equal eigenvalues or singular values* leave the basis of their subspace undetermined. Differences
below the rounding error (eps n times the largest value) count as zero and contribute nothing.
First derivatives stay finite. They are right for sums over all equal values and for projections
on the whole subspace. A single one of several equal eigenvalues, a single vector of their subspace
and a matrix function V f(w) V^H have no derivative that can be found from the factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, overload

import numpy as np
from numpy.linalg import LinAlgError

from ..graph import Custom, Node, Primitive, conjugated, is_complex, over, raw, shape_of
from ..graph.batches import by_entry, stacked
from ..graph.cotangent import unbroadcast
from ..graph.domains import case
from ..graph.primitive import Array, Rule
from .elementwise import absolute, imag, positive, real, sign
from .indexing import take_along_axis
from .reductions import sum as _sum
from .shaping import _array, concatenate, tril
from .signatures import ArrayLike, T, gives, of_array

if TYPE_CHECKING:
    from ..value import Value

__all__ = ["cholesky", "eig", "eigh", "eigvals", "eigvalsh", "qr", "svd", "svdvals"]


class EigResult(NamedTuple, Generic[T]):
    """The results of `eig`."""

    eigenvalues: T
    eigenvectors: T


class EighResult(NamedTuple, Generic[T]):
    """The results of `eigh`."""

    eigenvalues: T
    eigenvectors: T


class QRResult(NamedTuple, Generic[T]):
    """The results of `qr`."""

    Q: T
    R: T


class SVDResult(NamedTuple, Generic[T]):
    """The results of `svd`."""

    U: T
    S: T
    Vh: T


_APART = np.diag([5.0, 11.0, 18.0])  # well conditioned: eigenvalues and singular values far apart
SQUARES = [case((2, 2), near=_APART[:2, :2]), case((2, 3, 3), near=_APART), case((0, 0))]
_RECTANGLES = [((3, 3), _APART), ((2, 3, 2), _APART[:, :2]), ((2, 3), _APART[:2])]


# -- helpers ------------------------------------------------------------------------------


def matrices(x: Any, *, square: bool = False) -> Array:
    """Return a node as it is, anything else as an array, with at least two axes."""
    shape = shape_of(x := _array(x))
    if len(shape) < 2 or (square and shape[-1] != shape[-2]):
        wanted = "(..., n, n)" if square else "(..., m, n)"
        raise LinAlgError(f"expected a matrix or a stack of matrices, {wanted}, got shape {shape}")
    return x


def star(x: Array) -> Array:
    """Return the conjugate transpose."""
    return conjugated(x).mT


def identity(x: Array) -> np.ndarray:
    """Return the identity of the size of `x`, in a dtype that does not widen others."""
    return np.eye(shape_of(x)[-1], dtype=np.float32)


def _halved(x: Array) -> Array:
    """Return the lower triangle, with half the diagonal."""
    return tril(x) * (1 - identity(x) / 2)


def hermitian(x: Array, UPLO: str = "L") -> Array:
    """Return the Hermitian matrix with the lower (or upper) triangle of `x`."""
    half = _halved(star(x) if UPLO == "U" else x)
    return half + star(half)


def _on_triangle(g: Array, UPLO: str = "L") -> Array:
    """Return the cotangent of the triangle that was read: the transpose of `hermitian`."""
    half = _halved(g + star(g))
    return star(half) if UPLO == "U" else half


def rounding(w: Array) -> Any:
    """Return a bound on the effect of rounding on eigenvalues or singular values, for each row.

    The errors of LAPACK, and of the matrix itself if it is a product, are a few n eps times the
    largest value. The factor 16 is above all errors observed.
    """
    w = raw(w)
    eps = np.finfo(w.dtype).eps
    return 16 * eps * w.shape[-1] * np.max(np.abs(w), -1, keepdims=True, initial=0)


def _inverse(x: Array, zero: Any) -> Array:
    """Return 1 / x, and 0 where x counts as zero, where it has no derivative."""
    return over(1.0, x * np.where(zero, 0, np.ones_like(raw(x))))


def _gaps(w: Array) -> Array:
    """Return 1 / (w_j - w_i) of a row w, and 0 where the two values count as equal."""
    eye, gap = identity(w), w - w.mT
    equal = np.abs(raw(gap)) <= rounding(w)
    return _inverse(gap + eye, equal & (eye == 0)) - eye


# -- equations ----------------------------------------------------------------------------


class _Solve(Primitive):
    """x of ``a x = b``; one more solution gives the cotangents of both `a` and `b`."""

    def vjp(self, g: Array, node: Node, graph: bool) -> Sequence[Any]:
        a, b = node.operands(graph)
        x: Any = node if graph else node._held
        c = self(a.mT, g)
        of_a, of_b = (isinstance(arg, Node) for arg in node.args)
        return unbroadcast(-(c @ x.mT), a) if of_a else None, unbroadcast(c, b) if of_b else None

    def jvp(self, tangents: Sequence[Any], node: Node, graph: bool) -> Any:
        a, _ = node.operands(graph)
        x: Any = node if graph else node._held
        s, t = tangents
        if s is not None:
            t = -(s @ x) if t is None else t - s @ x
        return self(a, t)


solve_: _Solve = _Solve(
    "solve",
    np.linalg.solve,
    batch=by_entry,
    cases=[
        case((2, 2), (2, 1), near=_APART[:2, :2]),
        case((2, 1, 2, 2), (3, 2, 2), near=_APART[:2, :2]),
        case((3, 2, 2), (2, 1), near=_APART[:2, :2]),
    ],
)
inv_: Custom = Custom(
    "inv",
    np.linalg.inv,
    [lambda g, y, _a: -(y.mT @ g @ y.mT)],
    lambda ts, y, _a: -(y @ ts[0] @ y),
    batch=stacked,
    cases=SQUARES,
)


# -- factorisations -----------------------------------------------------------------------


def _cholesky_vjp(g: Array, y: Array, _a: Array) -> Array:
    x = inv_(y)
    return _on_triangle(x.mT @ _halved(y.mT @ g) @ conjugated(x), "L")


def _cholesky_jvp(tangents: Sequence[Any], y: Array, _a: Array) -> Array:
    x = inv_(y)
    return y @ _halved(x @ hermitian(tangents[0]) @ star(x))


_cholesky = Custom(
    "cholesky",
    np.linalg.cholesky,
    [_cholesky_vjp],
    _cholesky_jvp,
    batch=stacked,
    cases=SQUARES,
)


def _phaseless(y: Array) -> Array:
    """Return what does not depend on the phases of vectors (columns above a row of values)."""
    v = y[..., :-1, :]
    return v[..., None, :] * conjugated(v)[..., None, :, :] + y[..., None, -1:, :]


def _eigen(name: str, forward: Rule, read: Rule, back: Rule, inverse: Rule, params: Any) -> Custom:
    """Return the operation for rows v, w: eigenvectors of norm 1 and eigenvalues.

    `read` returns the matrix that the operation reads, and `back` is its transpose. `inverse`
    returns the inverse of the matrix v.
    """

    def packed(a: np.ndarray, **params: Any) -> Any:
        w, v = forward(a, **params)
        return concatenate([v, w[..., None, :]], -2)

    def vjp(g: Array, y: Array, _a: Array, **params: Any) -> Array:
        v, w, gv, gw = (rows for p in (y, g) for rows in (p[..., :-1, :], p[..., -1:, :]))
        gv = gv - conjugated(v) * _sum(gv * v, -2, keepdims=True)
        c = _gaps(w) * (v.mT @ gv) + gw * identity(v)
        return back(inverse(v).mT @ c @ v.mT, **params)

    def jvp(tangents: Sequence[Any], y: Array, _a: Array, **params: Any) -> Array:
        v, w = y[..., :-1, :], y[..., -1:, :]
        m = inverse(v) @ read(tangents[0], **params) @ v
        turn = _gaps(w) * m
        t = v @ turn
        t = t - v * _sum(conjugated(v) * t, -2, keepdims=True)
        # equal eigenvalues have no second derivative, so `turn` is included
        return concatenate([t, _sum(m * identity(v) + 0.0 * turn, -2, keepdims=True)], -2)

    shapes = ((3, 3), (2, 3, 3))
    cases = [
        case(shape, near=_APART, seen=_phaseless, **given) for shape in shapes for given in params
    ]
    return Custom(name, packed, [vjp], jvp, batch=stacked, cases=cases)


_TRIANGLES = [{"UPLO": "L"}, {"UPLO": "U"}]
_eigh = _eigen("eigh", np.linalg.eigh, hermitian, _on_triangle, star, _TRIANGLES)
_eig = _eigen("eig", lambda a: [x + 0j for x in np.linalg.eig(a)], positive, positive, inv_, [{}])


def _svd_packed(a: np.ndarray) -> Any:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return concatenate([u, star(vh), s[..., None, :]], -2)


def _svd_parts(y: Array, a: Array) -> tuple[Array, Array, Array]:
    m = shape_of(a)[-2]
    return y[..., :m, :], y[..., m:-1, :], real(y[..., -1:, :])


def _svd_inverses(s: Array) -> tuple[Array, Array]:
    """Return 1 / (s_j^2 - s_i^2) and 1 / s_j."""
    return _gaps(s) * over(1.0, s + s.mT), _inverse(s, raw(s) <= rounding(s))


def _turned(p: Array) -> Array:
    """Return `p` with a real diagonal: the phase that u and v do not share goes to u."""
    return p - 1j * imag(p) * identity(p) if is_complex(p) else p


def _svd_vjp(g: Array, y: Array, _a: Array) -> Array:
    (u, v, s), (gu, gv, gs) = _svd_parts(y, _a), _svd_parts(g, _a)
    gap, over = _svd_inverses(s)
    cu, cv = u.mT @ gu, v.mT @ gv
    nu, nv = gap * cu, gap * cv
    c = (nu + star(nu)) * s + s.mT * (nv + star(nv)) + gs * identity(cu)
    c = c - _turned(cu) * over - star(cv * over)
    return (conjugated(u) @ c + gu * over) @ v.mT + conjugated(u) @ star(gv * over)


def _svd_jvp(tangents: Sequence[Any], y: Array, _a: Array) -> Array:
    (u, v, s), t = _svd_parts(y, _a), tangents[0]
    gap, over = _svd_inverses(s)
    p = star(u) @ t @ v
    pu, pv = p * s, s.mT * p
    tu = u @ (gap * (pu + star(pu)) - _turned(p) * over) + (t @ v) * over
    tv = v @ (gap * (pv + star(pv)) - star(p) * over) + (star(t) @ u) * over
    turn = gap * p + over  # equal or zero singular values have no second derivative
    ts = real(_sum(p * identity(p) + 0.0 * turn, -2, keepdims=True))
    return concatenate([tu, tv, ts], -2)


_svd = Custom(
    "svd",
    _svd_packed,
    [_svd_vjp],
    _svd_jvp,
    batch=stacked,
    cases=[case(shape, near=near, seen=_phaseless) for shape, near in _RECTANGLES],
)


def _qr_packed(a: np.ndarray) -> Any:
    q, r = np.linalg.qr(a)
    return concatenate([q, r.mT], -2)


def _qr_parts(y: Array, a: Array) -> tuple[Array, Array]:
    m = shape_of(a)[-2]
    return y[..., :m, :], y[..., m:, :].mT


def _qr_vjp(g: Array, y: Array, _a: Array) -> Array:
    (q, r), (gq, gr) = _qr_parts(y, _a), _qr_parts(g, _a)
    k = shape_of(q)[-1]
    c = q.mT @ gq
    turn = c - gr @ r.mT
    b = gq + conjugated(q) @ (_halved(turn - star(turn)) - c)
    ga = conjugated(q) @ gr
    return concatenate([ga[..., :k] + solve_(r[..., :k], b.mT).mT, ga[..., k:]], -1)


def _qr_jvp(tangents: Sequence[Any], y: Array, _a: Array) -> Array:
    (q, r), t = _qr_parts(y, _a), tangents[0]
    k = shape_of(q)[-1]
    b = solve_(r[..., :k].mT, t[..., :k].mT).mT
    c = star(q) @ b
    turn = _halved(c) - star(_halved(c))
    return concatenate([b + q @ (turn - c), (star(q) @ t - turn @ r).mT], -2)


_qr = Custom(
    "qr",
    _qr_packed,
    [_qr_vjp],
    _qr_jvp,
    batch=stacked,
    cases=[case(shape, near=near) for shape, near in _RECTANGLES],
)


def _completed(q: Array) -> Array:
    """Return orthonormal columns, with more to form a basis, which move as little as possible."""
    m, k = shape_of(q)[-2:]
    if m == k:
        return q
    more = np.linalg.qr(raw(q), mode="complete")[0][..., k:]
    return concatenate([q, qr(more - q @ (star(q) @ more)).Q], -1)


@of_array
def cholesky(a: Array, *, upper: bool = False) -> Array:
    """Return the lower triangular L with ``L @ L^H`` equal to a Hermitian matrix.

    The matrix is given by the lower triangle of `a`. With `upper` it is given by the upper
    triangle, and the result is ``L^H``.

    For a cotangent ``g``, the gradient is the symmetric part of ``inv(L).mT @ phi(L.mT @ g) @
    inv(L)``, where ``phi`` takes the lower triangle and halves its diagonal.
    The triangle that is read gets the gradients of both triangles.

    Parameters
    ----------
    a : array_like or Value
        Hermitian positive definite matrices (..., n, n).
    upper : bool, optional
        Whether the upper triangle is returned instead.

    Returns
    -------
    Value or array
        An array of the shape of `a`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[2.0, 1.0], [1.0, 3.0]])
    >>> L = dnp.linalg.cholesky(A)
    >>> L
    Value([[1.41421356, 0.        ],
           [0.70710678, 1.58113883]], shape=(2, 2), dtype=float64)
    >>> L.sum().backward()
    >>> A.grad.round(4)
    array([[0.2558, 0.    ],
           [0.3909, 0.3162]])
    """
    a = matrices(a, square=True)
    return star(_cholesky(star(a))) if upper else _cholesky(a)


@overload
def qr(a: Value) -> QRResult[Value]: ...
@overload
def qr(a: ArrayLike) -> QRResult[np.ndarray]: ...
@overload
def qr(a: Any, mode: Literal["reduced", "complete", "r"]) -> Any: ...
def qr(a: Array, mode: Literal["reduced", "complete", "r"] = "reduced") -> Any:
    """Return orthonormal columns and an upper triangle; modes 'reduced', 'complete' and 'r'.

    The derivative exists only if the first min(m, n) columns of `a` are linearly independent. The
    columns that 'complete' adds are differentiable only in functions that do not depend on
    the choice of this basis.

    Parameters
    ----------
    a : array_like or Value
        Matrices (..., m, n).
    mode : {'reduced', 'complete', 'r'}, optional
        Whether Q has min(m, n) or m columns; with 'r', only R is returned.

    Returns
    -------
    QRResult
        A named tuple of `Q` and `R`; with mode 'r', R alone.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[3.0, 1.0], [4.0, 2.0]])
    >>> Q, R = dnp.linalg.qr(A)
    >>> abs(R).numpy().round(4)
    array([[5. , 2.2],
           [0. , 0.4]])
    >>> abs(R[0, 0]).backward()
    >>> A.grad.round(4)
    array([[0.6, 0. ],
           [0.8, 0. ]])
    """
    a = matrices(a)
    q, r = _qr_parts(_qr(a), a)
    if mode == "complete":
        m, n = shape_of(a)[-2:]
        rest = np.zeros((*shape_of(a)[:-2], max(m - n, 0), n), raw(r).dtype)
        return QRResult(_completed(q), concatenate([r, rest], -2))
    if mode not in ("reduced", "r"):
        raise ValueError(f"qr: mode must be 'reduced', 'complete' or 'r', got {mode!r}")
    return r if mode == "r" else QRResult(q, r)


@gives(EighResult["Value"], EighResult[np.ndarray])
def eigh(a: Array, UPLO: str = "L") -> Any:
    """Return the eigenvalues, ascending, and orthonormal eigenvectors of a Hermitian matrix.

    The matrix is given by the lower triangle of `a`, or by the upper triangle if `UPLO` is 'U'.
    The other triangle is not read, and its gradient is zero.

    The derivative of an eigenvalue is ``v.mT @ dA @ v`` with its eigenvector v. The eigenvectors of
    equal eigenvalues have no derivative.
    The triangle that is read gets the gradients of both triangles.

    Parameters
    ----------
    a : array_like or Value
        Hermitian matrices (..., n, n).
    UPLO : {'L', 'U'}, optional
        Which triangle is read.

    Returns
    -------
    EighResult
        A named tuple of `eigenvalues` (..., n) and `eigenvectors` (..., n, n).

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[2.0, 1.0], [1.0, 3.0]])
    >>> w, V = dnp.linalg.eigh(A)
    >>> w
    Value([1.38196601, 3.61803399], shape=(2,), dtype=float64)
    >>> w[1].backward()
    >>> A.grad.round(4)
    array([[0.2764, 0.    ],
           [0.8944, 0.7236]])
    """
    a, UPLO = matrices(a, square=True), UPLO.upper()
    if UPLO not in ("L", "U"):
        raise ValueError(f"UPLO must be 'L' or 'U', the triangle that is read, got {UPLO!r}")
    y = _eigh(a, UPLO=UPLO)
    return EighResult(real(y[..., -1, :]), y[..., :-1, :])


@of_array
def eigvalsh(a: Array, UPLO: str = "L") -> Array:
    """Return the eigenvalues of `eigh`.

    The derivative of an eigenvalue is ``v.mT @ dA @ v`` with its eigenvector v.
    The triangle that is read gets the gradients of both triangles.

    Parameters
    ----------
    a : array_like or Value
        Hermitian matrices (..., n, n).
    UPLO : {'L', 'U'}, optional
        Which triangle is read.

    Returns
    -------
    Value or array
        Real numbers, of the shape (..., n).

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[2.0, 1.0], [1.0, 3.0]])
    >>> w = dnp.linalg.eigvalsh(A)
    >>> w
    Value([1.38196601, 3.61803399], shape=(2,), dtype=float64)
    >>> w[1].backward()
    >>> A.grad.round(4)
    array([[0.2764, 0.    ],
           [0.8944, 0.7236]])
    """
    return eigh(a, UPLO).eigenvalues


@gives(EigResult["Value"], EigResult[np.ndarray])
def eig(a: Array) -> Any:
    """Return eigenvalues and eigenvectors (columns of norm 1) of a square matrix; always complex.

    The derivative exists only if the eigenvectors are independent, and if the result does not
    depend on their phases.

    The derivative of an eigenvalue is ``inv(V)[i] @ dA @ V[:, i]``.

    Parameters
    ----------
    a : array_like or Value
        Square matrices (..., n, n).

    Returns
    -------
    EigResult
        A named tuple of `eigenvalues` (..., n) and `eigenvectors` (..., n, n).

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[2.0, 1.0], [0.0, 3.0]])
    >>> w, V = dnp.linalg.eig(A)
    >>> w
    Value([2.+0.j, 3.+0.j], shape=(2,), dtype=complex128)
    >>> w.real[1].backward()
    >>> A.grad
    array([[0., 0.],
           [1., 1.]])
    """
    y = _eig(matrices(a))
    return EigResult(y[..., -1, :], y[..., :-1, :])


@of_array
def eigvals(a: Array) -> Array:
    """Return the eigenvalues of `eig`.

    The derivative of an eigenvalue is ``inv(V)[i] @ dA @ V[:, i]``, with the eigenvectors V.

    Parameters
    ----------
    a : array_like or Value
        Square matrices (..., n, n).

    Returns
    -------
    Value or array
        Complex numbers, of the shape (..., n).

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[2.0, 1.0], [0.0, 3.0]])
    >>> w = dnp.linalg.eigvals(A)
    >>> w
    Value([2.+0.j, 3.+0.j], shape=(2,), dtype=complex128)
    >>> w.real[1].backward()
    >>> A.grad
    array([[0., 0.],
           [1., 1.]])
    """
    return eig(a).eigenvalues


@overload
def svd(a: Value, full_matrices: bool = True) -> SVDResult[Value]: ...
@overload
def svd(a: ArrayLike, full_matrices: bool = True) -> SVDResult[np.ndarray]: ...
@overload
def svd(
    a: Any, full_matrices: bool = True, *, compute_uv: bool, hermitian: bool = False
) -> Any: ...
@overload
def svd(a: Any, full_matrices: bool = True, *, hermitian: bool) -> Any: ...
@overload
def svd(a: Any, full_matrices: bool, compute_uv: bool, hermitian: bool = False) -> Any: ...
def svd(
    a: Array, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Return the singular value decomposition ``U @ diag(S) @ Vh``.

    With `hermitian`, the matrix is Hermitian and given by the lower triangle of `a`; its
    eigenvalues are used. Vectors with singular value zero count as constant. The vectors that
    `full_matrices` adds are differentiable only in functions that do not depend on the choice of
    this basis.

    The derivative of a singular value is ``u.mT @ dA @ v`` with its singular vectors. The vectors
    of equal singular values have no derivative.

    Parameters
    ----------
    a : array_like or Value
        Matrices (..., m, n).
    full_matrices : bool, optional
        Whether U and Vh are square.
    compute_uv : bool, optional
        Whether U and Vh are returned.
    hermitian : bool, optional
        Accepted for compatibility.

    Returns
    -------
    SVDResult
        A named tuple of `U`, `S` and `Vh`; without `compute_uv`, S alone.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[3.0, 0.0], [4.0, 5.0]])
    >>> U, S, Vh = dnp.linalg.svd(A)
    >>> S
    Value([6.70820393, 2.23606798], shape=(2,), dtype=float64)
    >>> S[0].backward()
    >>> A.grad.round(4)
    array([[0.2236, 0.2236],
           [0.6708, 0.6708]])
    """
    if hermitian:
        return _svd_by_eigenvalues(a, compute_uv)
    a = matrices(a)
    u, v, s = _svd_parts(_svd(a), a)
    if not compute_uv:
        return s[..., 0, :]
    u, v = (_completed(u), _completed(v)) if full_matrices else (u, v)
    return SVDResult(u, s[..., 0, :], star(v))


def _svd_by_eigenvalues(a: Array, compute_uv: bool) -> Any:
    w, v = eigh(a)
    order = np.argsort(np.abs(raw(w)), -1)[..., ::-1]
    w, v = take_along_axis(w, order), take_along_axis(v, order[..., None, :])
    return SVDResult(v, absolute(w), star(v * sign(w)[..., None, :])) if compute_uv else absolute(w)


@of_array
def svdvals(a: Array) -> Array:
    """Return the singular values, descending.

    The derivative of a singular value is ``u.mT @ dA @ v`` with its singular vectors.

    Parameters
    ----------
    a : array_like or Value
        Matrices (..., m, n).

    Returns
    -------
    Value or array
        An array of the shape (..., min(m, n)).

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[3.0, 0.0], [4.0, 5.0]])
    >>> S = dnp.linalg.svdvals(A)
    >>> S
    Value([6.70820393, 2.23606798], shape=(2,), dtype=float64)
    >>> S[0].backward()
    >>> A.grad.round(4)
    array([[0.2236, 0.2236],
           [0.6708, 0.6708]])
    """
    return svd(a, compute_uv=False)
