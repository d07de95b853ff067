"""Linear algebra against PyTorch: values, gradients and second derivatives, real and complex."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop.numpy import linalg as la

tl = torch.linalg
PLANES = pytest.mark.parametrize("plane", [False, True], ids=["real", "complex"])


def matrix(rng: np.random.Generator, *shape: int, plane: bool) -> np.ndarray:
    x = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if plane else 0)
    return 0.3 * x + np.eye(*shape[-2:]) * (2 * np.arange(1, shape[-1] + 1))


def part(x: Any) -> Any:
    """The Hermitian part: of PyTorch's `eigh`, gradients are right along Hermitian directions."""
    return (x + x.conj().mT) / 2


def space(v: Any) -> Any:
    return v[..., :1] @ v[..., :1].conj().mT


def rebuilt(result: Any) -> Any:
    """A function of a factorisation that signs and phases do not change."""
    u, s, vh = result
    k = s.shape[-1]
    return (u[..., :k] * s[..., None, :] ** 2) @ vh[..., :k, :]


def turned(result: Any, sign: Callable[[Any], Any]) -> Any:
    """R with a positive diagonal."""
    r = result[1]
    k = min(r.shape[-2:])
    return r[..., :k, :] * sign(r).conj()[..., None]


def sign(r: Any) -> Any:
    r = np.asarray(getattr(r, "_held", r))
    return np.sign(np.diagonal(r, 0, -2, -1))


def of_eig(w: Any, v: Any, inverse: Any) -> Any:
    return (v * w[..., None, :] ** 2) @ inverse(v)


PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "solve": (la.solve, tl.solve, ((2, 3, 3), (3, 2))),
    "solve a vector": (la.solve, tl.solve, ((3, 3), (3,))),
    "inv": (la.inv, tl.inv, ((2, 3, 3),)),
    "pinv": (la.pinv, tl.pinv, ((2, 4, 2),)),
    "pinv, wide": (la.pinv, tl.pinv, ((2, 4),)),
    "lstsq": (
        lambda a, b: la.lstsq(a, b)[0],
        lambda a, b: tl.lstsq(a, b, driver="gelsd").solution,
        ((4, 2), (4, 3)),
    ),
    "det": (la.det, tl.det, ((2, 3, 3),)),
    "slogdet": (
        lambda a: la.slogdet(a)[0] * la.slogdet(a)[1],
        lambda a: tl.slogdet(a)[0] * tl.slogdet(a)[1],
        ((2, 3, 3),),
    ),
    "cholesky": (
        lambda a: la.cholesky(a @ a.conj().mT),
        lambda a: tl.cholesky(a @ a.conj().mT),
        ((2, 3, 3),),
    ),
    "upper cholesky": (
        lambda a: la.cholesky(a @ a.conj().mT, upper=True),
        lambda a: tl.cholesky(a @ a.conj().mT, upper=True),
        ((3, 3),),
    ),
    "eigvalsh": (lambda a: la.eigvalsh(part(a)), lambda a: tl.eigvalsh(part(a)), ((2, 3, 3),)),
    "eigh": (
        lambda a: space(la.eigh(part(a))[1]),
        lambda a: space(tl.eigh(part(a))[1]),
        ((2, 3, 3),),
    ),
    "eig": (
        lambda a: of_eig(*la.eig(a), la.inv),
        lambda a: of_eig(*tl.eig(a), tl.inv),
        ((2, 3, 3),),
    ),
    "eigvals": (
        lambda a: (la.eigvals(a) ** 2).sum(axis=-1),
        lambda a: (tl.eigvals(a) ** 2).sum(-1),
        ((2, 3, 3),),
    ),
    "svdvals": (la.svdvals, tl.svdvals, ((2, 3, 4),)),
    **{
        f"svd {s}": (
            lambda a: rebuilt(la.svd(a, full_matrices=False)),
            lambda a: rebuilt(tl.svd(a, full_matrices=False)),
            (s,),
        )
        for s in ((2, 3, 3), (4, 2), (2, 4))
    },
    **{
        f"qr {s}": (
            lambda a: turned(la.qr(a), sign),
            lambda a: turned(tl.qr(a), lambda r: torch.from_numpy(sign(r.detach().numpy()))),
            (s,),
        )
        for s in ((2, 3, 3), (4, 2), (2, 4))
    },
    "expm": (la.expm, torch.matrix_exp, ((2, 3, 3),)),
    **{
        f"power {n}": (
            lambda a, n=n: la.matrix_power(a, n),
            lambda a, n=n: tl.matrix_power(a, n),
            ((2, 3, 3),),
        )
        for n in (-3, 2, 5)
    },
    **{
        f"norm {p}": (
            lambda a, p=p: la.matrix_norm(a, ord=p, keepdims=True),
            lambda a, p=p: tl.matrix_norm(a, ord=p, keepdim=True),
            ((2, 3, 4),),
        )
        for p in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
    },
    **{
        f"vector norm {p}": (
            lambda a, p=p: la.vector_norm(a, ord=p, axis=(0, 2)),
            lambda a, p=p: tl.vector_norm(a, ord=p, dim=(0, 2)),
            ((2, 3, 4),),
        )
        for p in (1, 2, 3.5, -1, np.inf)
    },
    "cond": (la.cond, tl.cond, ((2, 3, 3),)),
    "multi_dot": (
        lambda *xs: la.multi_dot(xs),
        lambda *xs: tl.multi_dot(xs),
        ((2, 3), (3, 4), (4, 2)),
    ),
    "cross": (la.cross, tl.cross, ((4, 3), (4, 3))),
}


@PLANES
@pytest.mark.parametrize(("ours", "theirs", "shapes"), PAIRS.values(), ids=PAIRS)
def test_values_and_gradients(ours: Any, theirs: Any, shapes: Any, plane: bool) -> None:
    rng = np.random.default_rng(3)
    xs = [
        matrix(rng, *s, plane=plane) if len(s) > 1 else matrix(rng, 1, *s, plane=plane)[0]
        for s in shapes
    ]
    leaves, tensors = [dp.Value(x) for x in xs], [torch.tensor(x, requires_grad=True) for x in xs]
    y, z = ours(*leaves), theirs(*tensors)
    assert_allclose(y.numpy(), z.detach().numpy(), rtol=1e-9, atol=1e-11)
    w = rng.standard_normal(y.shape)
    if z.is_complex():
        w = w + 1j * rng.standard_normal(y.shape)
    (w * y).sum().real.backward(create_graph=True)
    loss = (torch.from_numpy(w) * z).sum().real
    slopes = torch.autograd.grad(loss, tensors, create_graph=True)
    firsts = [leaf.grad for leaf in leaves]
    for first, slope in zip(firsts, slopes, strict=True):
        assert_allclose(first.numpy(), numbers(slope), rtol=1e-8, atol=1e-10)
        u = rng.standard_normal(first.shape)
        expected = second(slope, u, tensors)
        for leaf in leaves:
            leaf.grad = None
        if not first.is_constant:
            (first * u).sum().real.backward()
        for leaf, e in zip(leaves, expected, strict=True):
            found = np.zeros(leaf.shape) if leaf.grad is None else leaf.grad
            assert_allclose(found, e, rtol=1e-7, atol=1e-9)


def numbers(t: torch.Tensor) -> np.ndarray:
    return t.detach().resolve_conj().numpy(force=True)


def second(slope: torch.Tensor, u: np.ndarray, tensors: list[torch.Tensor]) -> list[np.ndarray]:
    """The gradients of <u, slope>; zeros where there is no path."""
    if not slope.requires_grad:
        return [np.zeros(tuple(t.shape)) for t in tensors]
    total = (slope * torch.from_numpy(u)).sum().real
    found = torch.autograd.grad(
        total, tensors, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return [*map(numbers, found)]


@PLANES
def test_cholesky_sends_back_what_pytorch_does(plane: bool) -> None:
    """Its Hermitian part: PyTorch's gradient has entries in the triangle that is not read."""
    rng = np.random.default_rng(0)
    a = matrix(rng, 3, 3, plane=plane)
    a = a @ a.conj().T
    w = rng.standard_normal((3, 3))
    leaf, tensor = dp.Value(a), torch.tensor(a, requires_grad=True)
    dnp.sum(la.cholesky(leaf) * w).real.backward()
    (tl.cholesky(tensor) * torch.from_numpy(w)).sum().real.backward()
    assert_allclose(part(leaf.grad), numbers(part(tensor.grad)), rtol=1e-9, atol=1e-12)
    assert plane or torch.allclose(tensor.grad, tensor.grad.mT)
