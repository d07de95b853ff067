"""Linear algebra: derivatives of all of it, identities, NumPy's values, degenerate matrices.

What a derivative is taken of does not depend on the signs or phases that LAPACK chooses.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop.calculus.factorisations import star
from deltaprop.numpy import linalg as la
from deltaprop.testing import check_grads

from .. import oracles

SEEDS = st.integers(0, 2**32 - 1)
PLANES = pytest.mark.parametrize("plane", [False, True], ids=["real", "complex"])
Rng = np.random.Generator


def normals(rng: Rng, *shape: int, plane: bool = False) -> np.ndarray:
    x = rng.standard_normal(shape)
    return x + 1j * rng.standard_normal(shape) if plane else x


def matrix(rng: Rng, *shape: int, plane: bool = False) -> np.ndarray:
    """Well conditioned, eigenvalues and singular values apart, but of no other structure."""
    m, n = shape[-2:]
    diagonal = np.eye(m, n) * (2 * np.arange(1, n + 1))
    return diagonal + 0.2 * normals(rng, *shape, plane=plane)


def triangle(x: Any, upper: bool = False) -> Any:
    """The Hermitian matrix that has the lower (upper) triangle of `x`."""
    x = star(x) if upper else x
    rows = np.tril(x, -1)
    return rows + star(rows) + np.eye(x.shape[-1]) * x.real


def on_triangle(g: Any) -> Any:
    """The gradient of a function of the triangle, from a Hermitian one of the whole matrix."""
    return 2 * np.tril(g, -1) + np.eye(g.shape[-1]) * g


def positive(x: Any) -> Any:
    return x @ star(x) + np.eye(x.shape[-1])


def joined(*parts: Any) -> Any:
    return dnp.concatenate([dnp.reshape(part, -1) for part in parts])


def projection(v: Any) -> Any:
    return v @ star(v)


def gradient(f: Callable[..., Any], *xs: Any) -> Any:
    """The gradient in the first argument, of the real part of the sum of f."""
    leaves = [dp.Value(x) for x in xs]
    f(*leaves).sum().real.backward()
    return leaves[0].grad


# -- derivatives: either order, either mode, against differences --------------------------


def of_svd(full: bool) -> Callable[..., Any]:
    def f(a: Any) -> Any:
        u, s, vh = la.svd(a, full)
        k = s.shape[-1]
        scaled = (u[..., :k] * dnp.sqrt(s)[..., None, :]) @ vh[..., :k, :]
        spaces = [projection(u[..., :1]), projection(star(vh)[..., :1])]
        spaces += [projection(u[..., k:]), projection(star(vh)[..., k:])]
        return joined(scaled, s, *spaces)

    return f


def of_qr(mode: str) -> Callable[..., Any]:
    def f(a: Any) -> Any:
        q, r = la.qr(a, mode)
        k = min(a.shape[-2:])
        turn = np.sign(np.diagonal(oracles.data(r), 0, -2, -1))
        columns, rows = q[..., :k] * turn[..., None, :], r[..., :k, :] * turn.conj()[..., None]
        return joined(columns, rows, projection(q[..., k:]))

    return f


def of_eigh(a: Any) -> Any:
    w, v = la.eigh(a)
    weights = np.arange(1.0, 1.0 + v.shape[-1])
    return joined(
        w,
        projection(v[..., :1]),
        (v * weights) @ star(v),
        (v * dnp.exp(w / 9)[..., None, :]) @ star(v),
    )


def of_eig(a: Any) -> Any:
    w, v = la.eig(a)
    order = np.argsort(oracles.data(w).real)  # LAPACK's may change on the way
    w, v = w[order], v[:, order]
    return joined(w, dnp.abs(v) ** 2, (v * w) @ la.inv(v))


def _band(ab: Any) -> Any:
    """Of a band matrix with two diagonals above, the main one made large."""
    return ab + np.array([[0.0], [0.0], [8.0], [0.0]])


SHAPES = [(3, 3), (4, 2), (2, 3), (2, 3, 2)]
DERIVATIVES: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "solve": (la.solve, ((3, 3), (3, 2))),
    "solve a vector": (la.solve, ((2, 3, 3), (3,))),
    "solve broadcast": (la.solve, ((2, 1, 2, 2), (3, 2, 1))),
    "inv": (la.inv, ((2, 3, 3),)),
    "tensorsolve": (lambda a, b: la.tensorsolve(a.reshape(4, 2, 2), b), ((4, 4), (4,))),
    "tensorinv": (lambda a: la.tensorinv(a.reshape(2, 2, 4)), ((4, 4),)),
    "det": (la.det, ((2, 3, 3),)),
    "cubed det": (lambda a: la.det(a) ** 3, ((2, 2),)),
    "slogdet": (lambda a: joined(*la.slogdet(a)), ((2, 3, 3),)),
    "logabsdet": (lambda a: la.slogdet(a).logabsdet, ((3, 3),)),
    "cholesky": (la.cholesky, ((2, 3, 3),)),
    "upper cholesky": (lambda a: la.cholesky(positive(a), upper=True), ((3, 3),)),
    "eigh": (of_eigh, ((3, 3),)),
    "eighs": (of_eigh, ((2, 2, 2),)),
    "eigvalsh L": (lambda a: la.eigvalsh(a, "L"), ((3, 3),)),
    "eigvalsh U": (lambda a: la.eigvalsh(a, "U"), ((3, 3),)),
    "eig": (of_eig, ((3, 3),)),
    "eigvals": (lambda a: (la.eigvals(a) ** 3).sum(axis=-1), ((2, 3, 3),)),
    "svdvals": (la.svdvals, ((2, 3, 2),)),
    **{f"svd {s}": (of_svd(False), (s,)) for s in SHAPES},
    **{f"full svd {s}": (of_svd(True), (s,)) for s in SHAPES[1:]},
    **{f"qr {s}": (of_qr("reduced"), (s,)) for s in SHAPES},
    **{f"complete qr {s}": (of_qr("complete"), (s,)) for s in SHAPES[1:3]},
    "r of qr": (lambda a: dnp.abs(la.qr(a, "r")) ** 2, ((2, 2),)),
    **{f"pinv {s}": (la.pinv, (s,)) for s in SHAPES},
    "pinv of less rank": (lambda a, b: la.pinv(a @ b), ((4, 2), (2, 3))),
    "pinv of less rank, wide": (lambda a, b: la.pinv(a @ b), ((2, 1), (1, 3))),
    "lstsq": (lambda a, b: joined(*la.lstsq(a, b)[:2]), ((4, 2), (4,))),
    "lstsq, wide": (lambda a, b: joined(la.lstsq(a, b)[0], la.lstsq(a, b)[3]), ((2, 3), (2, 2))),
    "expm": (la.expm, ((2, 3, 3),)),
    "sqrtm": (lambda a: dnp.real(la.sqrtm(a)), ((2, 2),)),
    "solve_sylvester": (la.solve_sylvester, ((3, 3), (2, 2), (3, 2))),
    **{
        f"solve_triangular {trans} {lower} {unit}": (
            lambda a, b, how=(trans, lower, unit): la.solve_triangular(a, b, *how),
            ((3, 3), (3, 2)),
        )
        for trans, lower, unit in ((0, False, False), ("T", True, False), (2, False, True))
    },
    "solve_triangular of a vector": (la.solve_triangular, ((2, 3, 3), (3,))),
    "solve_banded": (lambda ab, b: la.solve_banded((1, 2), _band(ab), b), ((4, 5), (5, 2))),
    "solve_banded of a vector": (
        lambda ab, b: la.solve_banded((1, 2), _band(ab), b),
        ((4, 5), (5,)),
    ),
    "solve_banded, one side": (
        lambda ab, b: la.solve_banded((2, 1), _band(ab[::-1])[::-1], b),
        ((4, 5), (5,)),
    ),
    "expm of large": (lambda a: la.expm(4 * a - 15 * np.eye(2)), ((2, 2),)),
    **{f"power {n}": (lambda a, n=n: la.matrix_power(a, n), ((2, 2, 2),)) for n in (-2, 1, 3, 6)},
    **{
        f"norm {p}": (lambda a, p=p: la.norm(a, p, (0, 2)), ((3, 2, 2),))
        for p in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
    },
    **{
        f"vector norm {p}": (lambda a, p=p: la.vector_norm(a, axis=(0, -1), ord=p), ((2, 2, 3),))
        for p in (1, -1, 2, 3.5, np.inf, -np.inf)
    },
    **{f"cond {p}": (lambda a, p=p: la.cond(a, p), ((2, 2, 2),)) for p in (None, -2, 1, "fro")},
    "cross": (la.cross, ((4, 3), (2, 1, 3))),
    "multi_dot": (lambda a, b, c: la.multi_dot([a, b, c]), ((2, 3), (3, 4), (4,))),
}  # fmt: skip


@PLANES
@pytest.mark.parametrize(("f", "shapes"), DERIVATIVES.values(), ids=DERIVATIVES)
@settings(max_examples=2)
@given(seed=SEEDS)
def test_derivatives(f: Any, shapes: Any, plane: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    xs = [
        matrix(rng, *s, plane=plane) if len(s) > 1 else normals(rng, *s, plane=plane)
        for s in shapes
    ]
    assume(all(map(smooth_norms, xs)))
    oracles.check(f, xs, rng)


def smooth_norms(x: np.ndarray) -> bool:
    """Whether no entry is near 0, and no two entries or sums of them are near each other."""
    sizes = np.abs(x)
    sums = [sizes, *[sizes.sum(i) for i in range(x.ndim)]]
    gaps = [np.diff(np.sort(s, None), prepend=0.0) for s in sums]
    return all(gap.min(initial=1.0) > 5e-4 for gap in gaps)


def test_hessian_of_log_determinant() -> None:
    a = matrix(np.random.default_rng(0), 3, 3)
    found = dp.hessian(lambda x: la.slogdet(x).logabsdet)(a)
    inverse = np.linalg.inv(a)
    assert_allclose(found, -np.einsum("jk,li->ijkl", inverse, inverse), rtol=1e-12, atol=1e-14)


def test_a_tangent_of_one_side_of_an_equation() -> None:
    rng = np.random.default_rng(8)
    a, b, t, s = matrix(rng, 3, 3), normals(rng, 3), normals(rng, 3, 3), normals(rng, 3)
    x = np.linalg.solve(a, b)
    slopes = -np.linalg.solve(a, t @ x), np.linalg.solve(a, s)
    assert_allclose(dp.jvp(lambda a: la.solve(a, b), (a,), (t,))[1], slopes[0], rtol=1e-12)
    assert_allclose(dp.jvp(lambda b: la.solve(a, b), (b,), (s,))[1], slopes[1], rtol=1e-12)
    assert_allclose(dp.jvp(la.solve, (a, b), (t, s))[1], sum(slopes), rtol=1e-11)


def test_third_derivatives() -> None:
    a = matrix(np.random.default_rng(1), 2, 2)

    def third(f: Any) -> Any:
        along = f
        for _ in range(3):
            along = (lambda g: lambda t: dp.jvp(g, (t,), (1.0,))[1])(along)
        return along(0.0)

    e = np.random.default_rng(2).standard_normal((2, 2))
    # t -> det(a + t a e) = det(a) (1 + t tr e + t^2 det e); its exponential has a third derivative
    det, tr = np.linalg.det(a), np.trace(e)
    found = third(lambda t: dnp.exp(la.det(a + t * (a @ e))))
    p, q = det * tr, 2 * det * np.linalg.det(e)
    assert_allclose(found, np.exp(det) * (p**3 + 3 * p * q), rtol=1e-10)
    # t -> inv(a + t e) = (inv(a) sum (-t e inv(a))^k)
    inverse = np.linalg.inv(a)
    x = e @ inverse
    assert_allclose(third(lambda t: la.inv(a + t * e)), -6 * inverse @ x @ x @ x, rtol=1e-10)


# -- values: NumPy's, on Values, arrays and constants; identities -------------------------

VALUES: dict[str, tuple[Callable[..., Any], Any]] = {
    "solve": (lambda m, x: m.solve(x, np.ones((4, 3, 1))), (4, 3, 3)),
    "inv": (lambda m, x: m.inv(x), (2, 3, 3)),
    "pinv": (lambda m, x: m.pinv(x), (2, 3, 2)),
    "pinv rtol": (lambda m, x: m.pinv(x, rtol=0.5), (2, 3)),
    "pinv rcond": (lambda m, x: m.pinv(x, 0.5), (3, 3)),
    "lstsq": (lambda m, x: m.lstsq(x, np.ones((4, 2))), (4, 2)),
    "lstsq of a vector": (lambda m, x: m.lstsq(x, np.ones(4), rcond=0.6), (4, 2)),
    "lstsq, wide": (lambda m, x: m.lstsq(x, np.ones(2)), (2, 4)),
    "tensorsolve": (lambda m, x: m.tensorsolve(x, np.ones((2, 3)), axes=(0, 2)), (3, 2, 2, 3, 1)),
    "tensorinv": (lambda m, x: m.tensorinv(x.reshape(2, 2, 4)), (4, 4)),
    "det": (lambda m, x: m.det(x), (2, 3, 3)),
    "slogdet": (lambda m, x: tuple(m.slogdet(x)), (2, 3, 3)),
    "eigvals": (lambda m, x: np.sort_complex(oracles.data(m.eigvals(x))), (2, 3, 3)),
    "svdvals": (lambda m, x: m.svdvals(x), (2, 3, 4)),
    "svd without vectors": (lambda m, x: m.svd(x, compute_uv=False), (3, 4)),
    "qr": (lambda m, x: tuple(m.qr(x)), (2, 3, 2)),
    "r of qr": (lambda m, x: m.qr(x, "r"), (2, 3)),
    **{f"power {n}": (lambda m, x, n=n: m.matrix_power(x, n), (2, 3, 3)) for n in (-3, 0, 1, 5)},
    **{
        f"norm {p}": (lambda m, x, p=p: m.norm(x, p, (0, -1), True), (3, 2, 4))
        for p in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
    },
    "norm of all": (lambda m, x: m.norm(x), (3, 2, 4)),
    "norm of a matrix": (lambda m, x: m.norm(x, "nuc"), (3, 2)),
    **{
        f"vector norm {p}": (
            lambda m, x, p=p: m.vector_norm(x, axis=(2, 0), keepdims=True, ord=p),
            (3, 2, 4),
        )
        for p in (0, 1, -1, 2, 0.5, np.inf, -np.inf)
    },
    "vector norm of all": (lambda m, x: m.vector_norm(x), (3, 2)),
    **{
        f"cond {p}": (lambda m, x, p=p: m.cond(x, p), (2, 3, 3))
        for p in (None, 2, -2, 1, -np.inf, "fro", "nuc")
    },
    "rank": (lambda m, x: m.matrix_rank(x), (2, 3, 4)),
    "rank rtol": (lambda m, x: m.matrix_rank(x, rtol=0.4), (3, 4)),
    "cross": (lambda m, x: m.cross(x, x[..., ::-1]), (2, 3)),
    "cross along an axis": (lambda m, x: m.cross(x, x[:, ::-1], axis=0), (3, 2)),
    "multi_dot": (lambda m, x: m.multi_dot([x, x, x]), (3, 3)),
    "trace": (lambda m, x: m.trace(x, offset=1), (2, 3, 3)),
    "diagonal": (lambda m, x: m.diagonal(x, offset=-1), (2, 3, 3)),
    "outer": (lambda m, x: m.outer(x, x), (3,)),
    "matmul": (lambda m, x: m.matmul(x, x), (3, 3)),
    "tensordot": (lambda m, x: m.tensordot(x, x, axes=1), (3, 3)),
    "vecdot": (lambda m, x: m.vecdot(x, x, axis=0), (3, 2)),
    "matrix_transpose": (lambda m, x: m.matrix_transpose(x), (2, 3, 2)),
}  # fmt: skip


@PLANES
@pytest.mark.parametrize(("f", "shape"), VALUES.values(), ids=VALUES)
def test_values_are_numpys(f: Any, shape: tuple[int, ...], plane: bool) -> None:
    rng = np.random.default_rng(5)
    x = normals(rng, *shape, plane=plane)
    if f is VALUES["tensorsolve"][0]:
        x = normals(rng, 3, 2, 2, 3, plane=plane)
    expected = f(np.linalg, x)
    value = dp.Value(x)
    for module, given_x in ((la, x), (la, value), (la, dp.constant(x)), (np.linalg, value)):
        found = f(module, given_x)
        pairs = (
            zip(found, expected, strict=True) if type(expected) is tuple else [(found, expected)]
        )
        for ours, theirs in pairs:
            assert_allclose(oracles.data(ours), theirs, rtol=1e-11, atol=1e-13)
            assert np.shape(oracles.data(ours)) == np.shape(theirs)


@PLANES
@given(seed=SEEDS, n=st.integers(0, 4), stack=st.sampled_from([(), (2,), (0,), (2, 1)]))
@settings(max_examples=10)
def test_square_identities(plane: bool, seed: int, n: int, stack: tuple[int, ...]) -> None:
    a = matrix(np.random.default_rng(seed), *stack, n, n, plane=plane)
    h = triangle(a)
    one = np.broadcast_to(np.eye(n), a.shape)

    def same(x: Any, y: Any) -> None:
        assert_allclose(oracles.data(x), y, rtol=1e-9, atol=1e-9)

    v = dp.Value(a)
    same(v @ la.inv(v), one)
    same(la.solve(v, a), one)
    lower, upper = la.cholesky(positive(v)), la.cholesky(positive(v), upper=True)
    same(lower @ star(lower), positive(a))
    same(star(upper) @ upper, positive(a))
    assert_array_equal(np.triu(oracles.data(lower), 1), 0)
    w, x = la.eigh(v)
    assert w.dtype.kind == "f"
    same((x * w[..., None, :]) @ star(x), h)
    same(la.eigvalsh(v), np.linalg.eigvalsh(h))
    w, x = la.eig(v)
    same(a @ x, oracles.data(x * w[..., None, :]))
    sign, log = la.slogdet(v)
    same(sign * dnp.exp(log), np.linalg.det(a))
    same(la.expm(v) @ la.expm(-v), one)
    same(la.det(la.expm(v)) / dnp.exp(la.trace(v)), 1)
    same(la.pinv(v), np.linalg.inv(a))


@PLANES
@given(seed=SEEDS, m=st.integers(0, 4), n=st.integers(0, 4), stack=st.sampled_from([(), (2,)]))
@settings(max_examples=10)
def test_rectangular_identities(plane: bool, seed: int, m: int, n: int, stack: Any) -> None:
    a = normals(np.random.default_rng(seed), *stack, m, n, plane=plane)
    k, v = min(m, n), dp.Value(a)
    for full in (False, True):
        u, s, vh = la.svd(v, full)
        assert u.shape[-1] == (m if full else k)
        assert vh.shape[-2] == (n if full else k)
        assert_allclose(((u[..., :k] * s[..., None, :]) @ vh[..., :k, :]).data, a, atol=1e-12)
        for basis in (u, star(vh)):
            same = np.broadcast_to(np.eye(basis.shape[-1]), (*stack, *basis.shape[-1:] * 2))
            assert_allclose((star(basis) @ basis).data, same, atol=1e-12)
        q, r = la.qr(v, "complete" if full else "reduced")
        assert q.shape[-1] == (m if full else k)
        assert_allclose((q @ r).data, a, atol=1e-12)
        same = np.broadcast_to(np.eye(q.shape[-1]), (*stack, *q.shape[-1:] * 2))
        assert_allclose((star(q) @ q).data, same, atol=1e-12)
        assert_array_equal(np.tril(r.data, -1), 0)


def test_results_have_numpys_names() -> None:
    a = dp.Value(positive(np.arange(4.0).reshape(2, 2)))
    for name in ("eigh", "eig", "qr", "slogdet", "svd"):
        theirs = getattr(np.linalg, name)(a.numpy())
        ours = getattr(la, name)(a)
        assert ours._fields == theirs._fields
        assert type(ours).__name__ == type(theirs).__name__
        assert all(isinstance(part, dp.Value) for part in ours)


def test_the_namespace_has_all_of_numpys_names() -> None:
    assert not set(np.linalg.__all__) - set(la.__all__)
    for name in la.__all__:
        ours = getattr(la, name)
        if hasattr(np.linalg, name) and name != "LinAlgError":
            theirs = inspect.signature(getattr(np.linalg, name)).parameters
            extra = set(theirs) - {"out"} - set(inspect.signature(ours).parameters)
            positional = {p.name for p in theirs.values() if p.kind is p.POSITIONAL_ONLY}
            assert not extra - positional - {"A"}, f"{name} does not take {extra}"


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_single_precision_stays(dtype: Any) -> None:
    a = matrix(np.random.default_rng(0), 2, 3, 3).astype(dtype)
    functions = [
        la.inv, la.det, la.cholesky, la.pinv, la.expm, la.svdvals, la.eigvalsh, la.norm, la.cond,
        lambda x: la.slogdet(x).logabsdet, lambda x: la.qr(x).R, lambda x: la.eig(x)[1],
        lambda x: la.svd(x).U, lambda x: la.matrix_power(x, 0),
    ]  # fmt: skip
    for f in functions:
        y = f(dp.Value(a))
        assert y.dtype in (np.float32, np.complex64) or not y.shape
        if not y.is_constant:
            assert gradient(f, a).dtype == dtype


# -- expm ---------------------------------------------------------------------------------


def test_expm_of_known_matrices() -> None:
    t = 0.7
    turn = la.expm(dp.Value([[0.0, -t], [t, 0.0]]))
    assert_allclose(turn.data, [[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]], rtol=1e-14)
    nilpotent = np.array([[0.0, 1e5, 0.0], [0.0, 0.0, 1e5], [0.0, 0.0, 0.0]])
    assert_allclose(
        la.expm(nilpotent), np.eye(3) + nilpotent + nilpotent @ nilpotent / 2, rtol=1e-9
    )
    mixed = np.array([np.zeros((2, 2)), np.diag([1e-9, -700.0]), np.diag([30.0, 1.0])])
    assert_allclose(
        la.expm(mixed),
        [np.eye(2), *map(np.diag, np.exp(np.diagonal(mixed[1:], 0, 1, 2)))],
        rtol=1e-12,
    )
    assert_allclose(
        la.expm(np.array([[1, 2], [0, 1]])), np.e * np.array([[1, 2], [0, 1]]), rtol=1e-14
    )


def test_expm_against_a_series() -> None:
    a = normals(np.random.default_rng(3), 4, 4, plane=True)
    term, total = np.eye(4), np.eye(4)
    for k in range(1, 60):
        term = term @ a / k
        total = total + term
    assert_allclose(la.expm(a), total, rtol=1e-12)


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
def test_the_derivative_of_expm_is_accurate_along_directions_of_any_size(size: float) -> None:
    a = np.diag([0.5, -1.0])
    _, slope = dp.jvp(la.expm, (a,), (size * np.array([[0.0, 1.0], [0.0, 0.0]]),))
    assert_allclose(slope[0, 1] / size, (np.exp(0.5) - np.exp(-1.0)) / 1.5, rtol=1e-13)


# -- degenerate matrices ------------------------------------------------------------------


@PLANES
@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_det_of_singular_matrices(rank: int, plane: bool) -> None:
    """Against cofactors, one determinant of a minor each, and their differences."""
    rng = np.random.default_rng(rank)
    a = normals(rng, 4, rank, plane=plane) @ normals(rng, rank, 4, plane=plane)

    def cofactors(x: np.ndarray) -> np.ndarray:
        minor = [[np.delete(np.delete(x, i, 0), j, 1) for j in range(4)] for i in range(4)]
        return np.linalg.det(np.array(minor)) * (-1.0) ** np.add.outer(np.arange(4), np.arange(4))

    assert_allclose(gradient(la.det, a), cofactors(a).conj(), atol=1e-12)
    t = normals(rng, 4, 4, plane=plane)
    w = normals(rng, 4, 4, plane=plane)
    grad = dp.vjp(lambda x: dp.vjp(la.det, x)[1](1.0)[0], a)
    h = 1e-4
    slope = (cofactors(a + h * t) - cofactors(a - h * t)) / (2 * h)
    found = np.sum(np.conj(grad[1](w)[0]) * t)
    assert_allclose(found.real, np.sum(w * slope).real, rtol=1e-6, atol=1e-7)


@given(SEEDS, st.integers(1, 3), st.booleans())
def test_the_slope_of_det_in_exact_arithmetic(seed: int, rank: int, plane: bool) -> None:
    """Of 3 x 3 matrices of every rank, to rounding: the minors in fractions, not in floats.

    PyTorch, which divides by a pivot, gives 0 for some matrices of rank 2.
    """
    rng = np.random.default_rng(seed)
    a = normals(rng, 3, rank, plane=plane) @ normals(rng, rank, 3, plane=plane)
    real, imaginary = ([[Fraction(float(x)) for x in row] for row in p] for p in (a.real, a.imag))

    def times(i: int, j: int, k: int, m: int) -> tuple[Fraction, Fraction]:
        x, y, u, v = real[i][j], imaginary[i][j], real[k][m], imaginary[k][m]
        return x * u - y * v, x * v + y * u

    want = np.empty((3, 3), complex)
    for i, j in np.ndindex(3, 3):
        (p, q), (r, s) = ((i + 1) % 3, (i + 2) % 3), ((j + 1) % 3, (j + 2) % 3)
        one, other = times(p, r, q, s), times(p, s, q, r)
        want[i, j] = complex(float(one[0] - other[0]), -float(one[1] - other[1]))
    size = np.linalg.norm(a) ** 2
    assert_allclose(
        gradient(la.det, a), want if plane else want.real, rtol=1e-12, atol=1e-13 * size
    )


def test_singular_matrices_have_no_inverse() -> None:
    a = dp.Value(np.ones((2, 2)))
    for f in (la.inv, lambda x: la.solve(x, np.ones(2)), lambda x: la.slogdet(x)[1].backward()):
        with pytest.raises(la.LinAlgError, match="Singular"):
            f(a)
    sign, log = la.slogdet(a)
    assert (sign.item(), log.item()) == (0, -np.inf)
    with pytest.raises(la.LinAlgError, match="positive definite"):
        la.cholesky(dp.Value(-np.eye(2)))


@PLANES
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 3)])
def test_pinv_differentiates_what_a_large_rtol_leaves(shape: tuple[int, ...], plane: bool) -> None:
    a = matrix(np.random.default_rng(3), *shape, plane=plane)
    f = partial(la.pinv, rtol=0.7)
    assert_allclose(f(dp.Value(a)).data, np.linalg.pinv(a, rtol=0.7), atol=1e-13)
    assert not np.allclose(np.linalg.pinv(a, rtol=0.7), np.linalg.pinv(a))
    check_grads(f, a, order=2)
    with pytest.raises(ValueError, match=r"rtol.*svd"):
        dp.compile(f)(a)
    assert_allclose(dp.compile(partial(la.pinv, rtol=1e-9))(a), np.linalg.pinv(a), atol=1e-13)


def test_pinv_of_zero_is_zero_and_so_is_its_gradient() -> None:
    a = np.zeros((2, 3))
    assert_array_equal(la.pinv(a), a.T)
    assert_array_equal(gradient(la.pinv, a), a)


@PLANES
@settings(max_examples=5)
@given(seed=SEEDS)
def test_repeated_eigenvalues(plane: bool, seed: int) -> None:
    """What does not depend on the basis of an eigenspace has its derivative."""
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(normals(rng, 4, 4, plane=plane))[0]
    a = (q * np.array([1.0, 1.0, 1.0, 3.0])) @ star(q)
    p = q[:, :3] @ star(q[:, :3])

    def whole(x: Any) -> Any:  # the trace of a function of a matrix
        w, v = la.eigh(x)
        return la.trace((v * dnp.exp(w)[..., None, :]) @ star(v))

    exp = (q * np.exp([1.0, 1.0, 1.0, 3.0])) @ star(q)
    assert_allclose(gradient(whole, a), on_triangle(exp), atol=1e-9)
    assert_allclose(gradient(lambda x: la.eigvalsh(x)[:3], a), on_triangle(p), atol=1e-12)
    assert_allclose(gradient(lambda x: la.eigvalsh(x) ** 2, a), on_triangle(2 * a), atol=1e-12)
    # a projection on the whole subspace: its derivative in the direction t is known
    t = normals(rng, 4, 4, plane=plane)
    t = t + star(t)
    rest = np.eye(4) - p
    _, slope = dp.jvp(lambda x: projection(la.eigh(x).eigenvectors[:, :3]), (a,), (t,))
    assert_allclose(slope, (p @ t @ rest + rest @ t @ p) / (1 - 3), atol=1e-9)


def test_repeated_eigenvalues_never_give_nan() -> None:
    one = np.eye(3)
    for f in (lambda x: la.eigh(x).eigenvectors, lambda x: la.svd(x).U, lambda x: la.svd(x).Vh,
              lambda x: la.eig(x).eigenvectors.real):  # fmt: skip
        assert np.isfinite(gradient(lambda x, f=f: f(x) * np.arange(9.0).reshape(3, 3), one)).all()
    assert_array_equal(gradient(lambda x: la.eigvalsh(x)[-1], one).trace(), 1)


def test_repeated_and_zero_singular_values() -> None:
    rng = np.random.default_rng(4)
    u, v = (np.linalg.qr(rng.standard_normal((3, 3)))[0] for _ in "uv")
    a = u @ np.diag([2.0, 2.0, 1.0]) @ v.T
    assert_allclose(gradient(lambda x: la.norm(x, "nuc"), a), u @ v.T, atol=1e-12)
    found = gradient(lambda x: la.norm(x, 2), np.diag([2.0, 1.0, 2.0]))
    assert_allclose(found, np.diag([0.5, 0.0, 0.5]), atol=1e-12)
    a = u[:, :1] @ v[:, :1].T  # the subgradient of least norm: nothing of the null space
    assert_allclose(gradient(lambda x: la.norm(x, "nuc"), a), a, atol=1e-12)
    assert np.isfinite(gradient(lambda x: la.svd(x).U, a)).all()


@pytest.mark.parametrize("p", ["fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf])
@PLANES
def test_matrix_norms_of_zero(p: Any, plane: bool) -> None:
    zero = np.zeros((2, 3), complex if plane else float)
    assert_array_equal(gradient(lambda x: la.matrix_norm(x, ord=p), zero), zero)


@pytest.mark.parametrize("p", [0, 1, 2, 3, 0.5, np.inf])
def test_vector_norms_of_zero(p: Any) -> None:
    assert_array_equal(gradient(lambda x: la.vector_norm(x, ord=p), np.zeros(3)), np.zeros(3))


def test_cond_of_a_singular_matrix_is_infinite() -> None:
    a = np.diag([1.0, 0.0])
    assert la.cond(a) == np.inf
    assert la.cond(dp.Value(a), -2).item() == 0


HERMITIAN: dict[str, Callable[..., Any]] = {
    "cholesky": lambda m, x: m.cholesky(x),
    "upper cholesky": lambda m, x: m.cholesky(x, upper=True),
    "eigvalsh": lambda m, x: m.eigvalsh(x),
    "eigvalsh U": lambda m, x: m.eigvalsh(x, "U"),
    "eigvalsh u": lambda m, x: m.eigvalsh(x, UPLO="u"),
    "eigh": lambda m, x: m.eigh(x)[0],
    "eigh U": lambda m, x: m.eigh(x, "U")[0],
    "pinv": lambda m, x: m.pinv(x, hermitian=True),
    "pinv of less rank": lambda m, x: m.pinv(x, 0.3, hermitian=True),
    "svd": lambda m, x: m.svd(x, hermitian=True)[1],
    "svd of values": lambda m, x: m.svd(x, compute_uv=False, hermitian=True),
    "rebuilt svd": lambda m, x: (
        (svd := m.svd(x, hermitian=True))[0] * svd[1][..., None, :] ** 2 @ svd[2]
    ),
    "rank": lambda m, x: 1.0 * m.matrix_rank(x, hermitian=True),
}


@PLANES
@pytest.mark.parametrize("name", HERMITIAN)
@settings(max_examples=3)
@given(seed=SEEDS, shape=st.sampled_from([(3, 3), (2, 2, 2), (1, 1), (0, 0)]))
def test_one_triangle_is_read(name: str, plane: bool, seed: int, shape: tuple[int, ...]) -> None:
    """The value is NumPy's, of a matrix that is not Hermitian, and the gradient this function's."""
    f = HERMITIAN[name]
    x = matrix(np.random.default_rng(seed), *shape, plane=plane)
    try:
        expected = f(np.linalg, x)
    except ValueError:  # the rank of nothing, before NumPy 2.4.4
        assume(x.size)
        raise
    for module, given_x in (
        (la, x),
        (la, dp.constant(x)),
        (la, dp.Value(x)),
        (np.linalg, dp.Value(x)),
    ):
        assert_allclose(oracles.data(f(module, given_x)), expected, rtol=1e-10, atol=1e-12)
    if "rank" in name.split() or not x.size:
        return
    oracles.check(partial(f, la), [x], np.random.default_rng(seed))
    other = np.tril if "U" in name.upper().split() or "upper" in name else np.triu
    read = dp.Value(x)
    y = f(la, read)
    (y * normals(np.random.default_rng(1), *y.shape)).sum().real.backward()
    assert_array_equal(other(read.grad, -1 if other is np.tril else 1), 0)
    assert_array_equal(np.diagonal(read.grad, 0, -2, -1).imag, 0)


def test_eigenvectors_of_a_triangle_are_numpys() -> None:
    rng = np.random.default_rng(7)
    a = normals(rng, 2, 3, 3, plane=True)
    for uplo in ("L", "U"):
        for ours, theirs in zip(la.eigh(dp.Value(a), uplo), np.linalg.eigh(a, uplo), strict=True):
            assert_array_equal(ours.data, theirs)
        assert_allclose(la.eigvalsh(a, uplo), np.linalg.eigvalsh(triangle(a, uplo == "U")))


# -- SciPy's ------------------------------------------------------------------------------

SCIPYS: dict[str, Callable[..., Any]] = {
    "sqrtm": lambda m, a, b: m.sqrtm(a),
    "solve_sylvester": lambda m, a, b: m.solve_sylvester(a, a + np.eye(3), b),
    "solve_banded": lambda m, a, b: m.solve_banded((1, 1), a, b),
    "solve_banded of a vector": lambda m, a, b: m.solve_banded((0, 2), a[::-1], b[:, 0]),
    **{
        f"solve_triangular {trans} {lower} {unit}": (
            lambda m, a, b, trans=trans, lower=lower, unit=unit: m.solve_triangular(
                a, b, trans=trans, lower=lower, unit_diagonal=unit
            )
        )
        for trans in (0, 1, 2, "N", "T", "C")
        for lower in (False, True)
        for unit in (False, True)
    },
}


@PLANES
@pytest.mark.parametrize("name", SCIPYS)
def test_values_are_scipys(name: str, plane: bool) -> None:
    theirs = pytest.importorskip("scipy.linalg")
    rng = np.random.default_rng(8)
    a, b = matrix(rng, 3, 3, plane=plane) + 3 * np.eye(3), normals(rng, 3, 3, plane=plane)
    expected = SCIPYS[name](theirs, a, b)
    for given_a in (a, dp.constant(a), dp.Value(a)):
        found = oracles.data(SCIPYS[name](la, given_a, b))
        assert_allclose(found, expected, rtol=1e-11, atol=1e-13)
        assert np.shape(found) == expected.shape


def test_scipys_names_are_answered_with_ours() -> None:
    linalg, special = map(pytest.importorskip, ("scipy.linalg", "scipy.special"))
    a = dp.Value(np.eye(2))
    for call, ours in (
        (lambda: linalg.sqrtm(a), r"linalg\.sqrtm"),
        (lambda: linalg.solve_triangular(a, np.ones(2)), r"linalg\.solve_triangular"),
        (lambda: special.logsumexp(a), r"special\.logsumexp"),
        (lambda: special.multigammaln(a, 2), r"special\.multigammaln"),
    ):
        with pytest.raises(TypeError, match=rf"Call deltaprop\.numpy\.{ours} "):
            call()
    with pytest.raises(TypeError, match="SciPy's lu knows no gradients"):
        linalg.lu(a)
    with pytest.raises(TypeError) as error:
        np.asarray(a)
    assert "SciPy" not in str(error.value)


# -- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: la.inv(dp.Value([1.0, 2.0])), r"\(\.\.\., m, n\), got shape \(2,\)"),
        (lambda: la.svd(3.0), r"got shape \(\)"),
        (lambda: la.eigh(np.ones((2, 3))), r"\(\.\.\., n, n\), got shape \(2, 3\)"),
        (lambda: la.expm(np.ones((1, 3))), r"\(\.\.\., n, n\), got shape \(1, 3\)"),
        (lambda: la.matrix_power(np.ones((2, 3)), 2), "n, n"),
        (lambda: la.inv(dp.Value(np.ones((2, 3)))), "square"),
        (lambda: la.eigh(np.eye(2), "X"), "UPLO must be 'L' or 'U', .* got 'X'"),
        (lambda: la.qr(np.eye(2), "raw"), "'reduced', 'complete' or 'r', got 'raw'"),
        (lambda: la.cross(np.ones(3), np.ones(2)), r"shapes \(3,\) and \(2,\)"),
        (lambda: la.matrix_norm(np.eye(2), ord=3), "ord=3 is not supported over 2 axes"),
        (lambda: la.solve(np.eye(2), np.ones(3)), "mismatch"),
        (lambda: la.solve_triangular(np.eye(2), np.ones(2), 3), "trans must be 0, 1, 2 .* got 3"),
        (lambda: la.solve_banded((1, 1), np.eye(2), np.ones(2)), r"1 \+ 1 \+ 1 .* shape \(2, 2\)"),
    ],
)
def test_errors(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_the_power_is_an_integer() -> None:
    with pytest.raises(TypeError, match="integer"):
        la.matrix_power(np.eye(2), 0.5)  # type: ignore[arg-type]


def test_rank_is_a_constant() -> None:
    rank = la.matrix_rank(dp.Value(np.ones((2, 2))))
    assert rank.is_constant
    assert rank.item() == 1


@pytest.mark.parametrize("p", [None, 2, -2, 1, -1, np.inf, -np.inf, "fro", "nuc"])
def test_the_condition_number_has_the_dtype_of_the_matrix(p: Any) -> None:
    a = np.array([[1.0, 2.0], [3.0, 4.5]], np.float32)
    y = la.cond(dp.Value(a), p)
    assert y.numpy().dtype == np.float32
    assert_allclose(y.numpy(), np.linalg.cond(a, p), rtol=1e-6)
