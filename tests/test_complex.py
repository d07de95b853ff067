"""Complex numbers: PyTorch's convention, for every operation that takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import deltaprop as dp
import deltaprop.numpy as dnp

from .oracles import slope

Z = Callable[..., Any]


def torch_flip(x: Any) -> Any:
    return torch.flip(x, (0, 1))


# each with PyTorch's twin; the points keep away from branch cuts and zeros
SAME = (
    "negative positive reciprocal square sqrt exp expm1 log log2 log10 log1p sin cos tan sinh cosh "
    "tanh arcsin arccos arctan arcsinh arccosh arctanh exp2 angle real conj sum mean prod ravel "
    "trace triu diff absolute"
)
UNARY = {name: (getattr(dnp, name), getattr(torch, name)) for name in SAME.split()}
UNARY |= {
    "sign": (dnp.sign, torch.sgn),
    "imag": (dnp.imag, lambda x: torch.imag(x)),
    "var": (dnp.var, lambda x: torch.var(x, correction=0)),
    "std": (dnp.std, lambda x: torch.std(x, correction=0)),
    "norm": (np.linalg.norm, torch.linalg.norm),
    "norm1": (lambda x: np.linalg.norm(x, 1), lambda x: torch.linalg.norm(x, 1)),
    "flip": (dnp.flip, torch_flip),
    "cumsum": (lambda x: dnp.cumsum(x, 1), lambda x: torch.cumsum(x, 1)),
    "cumprod": (lambda x: dnp.cumprod(x, 1), lambda x: torch.cumprod(x, 1)),
    "index": (lambda x: x[[0, 0, 1], 1:], lambda x: x[[0, 0, 1], 1:]),
    "where": (
        lambda x: np.where(np.abs(x) > 1.0, x * x, 2j),
        lambda x: torch.where(torch.abs(x) > 1.0, x * x, torch.tensor(2j)),
    ),
    "power 3": (lambda x: x**3, lambda x: x**3),
    "power i": (lambda x: x**1.5j, lambda x: x**1.5j),
    "einsum": (lambda x: np.einsum("ij,kj->ik", x, x), lambda x: torch.einsum("ij,kj->ik", x, x)),
    "real input": (lambda x: np.real(x) * (1 + 2j), lambda x: torch.real(x) * (1 + 2j)),
}
BINARY: dict[str, tuple[Z, Z]] = {
    "add": (dnp.add, torch.add),
    "subtract": (dnp.subtract, torch.subtract),
    "multiply": (dnp.multiply, torch.multiply),
    "divide": (dnp.divide, torch.divide),
    "power": (dnp.power, torch.pow),
    "matmul": (lambda a, b: a @ b.T, lambda a, b: a @ b.T),
    "vdot": (np.vdot, lambda a, b: torch.vdot(a.ravel(), b.ravel() + 0j)),
    "tensordot": (np.tensordot, lambda a, b: torch.tensordot(a, b + 0j, 2)),
    "kron": (np.kron, torch.kron),
}


def points(seed: int, count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [
        rng.uniform(0.3, 0.9, (2, 2)) + 1j * rng.uniform(0.2, 0.8, (2, 2)) for _ in range(count)
    ]


def weight(like: Any) -> np.ndarray:
    """A fixed complex cotangent (real for a real result), never all ones."""
    rng = np.random.default_rng(11)
    shape = np.shape(like)
    w = rng.standard_normal(shape)
    return w + 1j * rng.standard_normal(shape) if np.iscomplexobj(like) else w


def close(a: Any, b: Any) -> None:
    a, b = np.asarray(a), np.asarray(b)
    assert a.dtype == b.dtype
    np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12 * np.max(np.abs(b), initial=1.0))


def against_torch(ours: Z, theirs: Z, xs: list[np.ndarray]) -> None:
    values = [dp.Value(x) for x in xs]
    tensors = [torch.tensor(x, requires_grad=True) for x in xs]
    y, t = ours(*values), theirs(*tensors)
    close(y.numpy(), t.detach().resolve_conj().numpy())
    w = weight(y.numpy())
    y.backward(w)
    t.backward(torch.as_tensor(w))
    for value, tensor in zip(values, tensors, strict=True):
        close(value.grad, tensor.grad.resolve_conj().numpy())


def against_differences(f: Z, xs: list[np.ndarray]) -> None:
    """A real loss along a complex direction, by both modes, first and second order."""
    w = weight(dp.graph.raw(f(*xs)))
    vs = [points(5, 1)[0].reshape(x.shape) * (1 if np.iscomplexobj(x) else 1.0) for x in xs]
    vs = [v if np.iscomplexobj(x) else v.real for v, x in zip(vs, xs, strict=True)]

    def loss(*args: Any) -> Any:
        return dnp.sum(dnp.real(np.conj(w) * f(*args)))

    def along(h: float) -> float:
        return float(loss(*[x + h * v for x, v in zip(xs, vs, strict=True)]))

    expected, error = slope(along)
    bound = 1e-7 * max(1.0, abs(expected)) + 10 * error
    gradient = dp.grad(loss, range(len(xs)))(*xs)
    reverse = sum(np.sum((np.conj(g) * v).real) for g, v in zip(gradient, vs, strict=True))
    assert abs(reverse - expected) < bound
    assert abs(dp.jvp(loss, xs, vs)[1] - expected) < bound

    def second(h: float) -> float:
        return dp.jvp(loss, [x + h * v for x, v in zip(xs, vs, strict=True)], vs)[1]

    expected, error = slope(second)
    product = dp.hvp(loss, xs, vs)
    product = product if len(xs) > 1 else (product,)
    found = sum(np.sum((np.conj(g) * v).real) for g, v in zip(product, vs, strict=True))
    assert abs(found - expected) < 1e-6 * max(1.0, abs(expected)) + 10 * error


@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str) -> None:
    against_torch(*UNARY[name], points(0, 1))


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("which", ["complex and complex", "complex and real", "real and complex"])
def test_binary(name: str, which: str) -> None:
    a, b = points(1, 2)
    xs = {"complex and complex": [a, b], "complex and real": [a, b.real]}.get(which, [a.real, b])
    ours, theirs = BINARY[name]
    if name in ("matmul", "vdot", "tensordot", "kron"):
        against_torch(ours, lambda a, b: theirs(a + 0j, b + 0j), xs)
    else:
        against_torch(ours, theirs, xs)


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
@given(seed=st.integers(0, 1000))
@settings(max_examples=6)
def test_differences(name: str, seed: int) -> None:
    ours = (UNARY | BINARY)[name][0]
    against_differences(ours, points(seed, 1 if name in UNARY else 2))


def test_scalars_that_change_between_real_and_complex() -> None:
    a, b = dp.Value(1.0 + 2.0j), dp.Value(2.0)
    loss = abs(a * b * b + 1j).real * b
    loss.backward()
    s, t = (
        torch.tensor(1 + 2j, dtype=torch.complex128, requires_grad=True),
        torch.tensor(2.0, dtype=torch.float64, requires_grad=True),
    )
    (torch.abs(s * t * t + 1j) * t).backward()
    assert a.grad == pytest.approx(s.grad.item(), rel=1e-14)
    assert b.grad == pytest.approx(t.grad.item(), rel=1e-14)
    assert type(b.grad) is float


def test_a_real_number_inside_a_complex_expression_gets_a_real_gradient() -> None:
    x = dp.Value(np.array([0.5, 1.5]))
    middle = x * (1 + 1j)
    size = abs(middle * middle)
    inner = size * 1j
    dnp.sum(abs(inner * inner)).backward()
    # |i s|^2 with s = 2 x^2: 4 x^4
    close(x.grad, 16 * x.numpy() ** 3)
    assert middle.grad.dtype == complex


def test_gradients_of_variables_and_results_are_in_one_convention() -> None:
    z = dp.Value(np.array([1.0 + 2.0j]))
    y = z * 1.0
    dnp.sum(abs(y) ** 2).backward()
    close(z.grad, 2 * z.numpy())
    close(y.grad, z.grad)
    z.zero_grad()
    (g,) = [dp.grad(lambda v: dnp.sum(abs(v) ** 2))(z.numpy())]
    close(g, 2 * z.numpy())
    with pytest.raises(ValueError, match="read-only"):
        y.grad[0] = 0.0


def test_descent_on_complex_parameters_goes_down() -> None:
    z = dp.Value(np.array([1.0 + 2.0j, -0.5j]))
    optimizer = dp.optim.SGD([z], lr=0.25)
    for _ in range(40):
        optimizer.zero_grad()
        dnp.sum(abs(z - (3 - 1j)) ** 2).backward()
        optimizer.step()
    np.testing.assert_allclose(z.numpy(), 3 - 1j, rtol=1e-9)


def test_hooks_see_what_users_see() -> None:
    z, seen = dp.Value(np.array([1.0 + 2.0j])), []
    z.register_hook(seen.append)
    (2 * z).register_hook(lambda g: None)
    dnp.sum(abs(z) ** 2).backward()
    close(seen[0], 2 * z.numpy())
    doubled = z * 1.0
    doubled.register_hook(lambda g: g * 1j)
    z.zero_grad()
    dnp.sum(abs(doubled) ** 2).backward()
    close(z.grad, 2j * z.numpy())


def test_create_graph_keeps_the_convention() -> None:
    x = points(3, 1)[0]
    z, t = dp.Value(x), torch.tensor(x, requires_grad=True)
    dnp.sum(abs(np.exp(z) * z) ** 2).backward(create_graph=True)
    g = z.grad
    z.grad = None
    dnp.sum(dnp.real(g * (1 + 2j))).backward()
    (first,) = torch.autograd.grad(((torch.exp(t) * t).abs() ** 2).sum(), t, create_graph=True)
    (first * (1 + 2j)).real.sum().backward()
    close(z.grad, t.grad.numpy())


def test_vjp_and_jvp_are_pytorchs() -> None:
    x, v = points(4, 2)
    f: Any = lambda z: z * z * 1j  # noqa: E731
    (ours,) = dp.vjp(f, x)[1](v)
    _, theirs = torch.autograd.functional.vjp(f, torch.tensor(x), torch.tensor(v))
    close(ours, theirs.numpy())
    close(dp.jvp(f, (x,), (v,))[1], 2j * x * v)


def test_jacobians_between_real_and_complex() -> None:
    x = np.array([0.0, 1.0])
    close(dp.jacobian(lambda x: np.exp(1j * x))(x), np.diag(1j * np.exp(1j * x)))
    z = np.array([1.0 + 1.0j, 2.0])
    close(dp.jacobian(lambda z: abs(z) ** 2)(z), np.diag(2 * z))


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_dtypes_stay(dtype: Any) -> None:
    z = dp.Value(np.ones(3, dtype))
    (np.real(np.exp(z) * 2.0).sum()).backward()
    assert z.grad.dtype == dtype


def test_a_complex_result_needs_an_output_gradient() -> None:
    with pytest.raises(ValueError, match=r"complex Value.*abs\(v\)"):
        (dp.Value(1j) * 2.0).backward()


@pytest.mark.parametrize("data", [0.9, [0.9, -1.0]])
def test_the_imaginary_part_of_a_real_value_is_flat(data: Any) -> None:
    x = dp.Value(data)
    dnp.sum(dnp.imag(dnp.imag(x))).backward()
    np.testing.assert_array_equal(x.grad, np.zeros(np.shape(data)))


def test_a_real_number_joined_to_complex_ones_gets_a_real_cotangent() -> None:
    def f(z: Any) -> Any:
        joined = dnp.stack([dnp.real(z) * dnp.imag(z), 1j * z])
        return dnp.sum(dnp.abs(joined * (2 + 1j) * joined))

    against_differences(lambda z: f(z), points(8, 1))
