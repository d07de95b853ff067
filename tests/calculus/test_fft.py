"""Fourier transforms: NumPy's values, PyTorch's gradients, differences of either order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop.graph import raw
from deltaprop.numpy import fft
from deltaprop.value import Value

from .. import oracles

ALONG_ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
ALONG_TWO = ("fft2", "ifft2", "rfft2", "irfft2")
ALONG_ANY = ("fftn", "ifftn", "rfftn", "irfftn")
OF_REALS = {"rfft", "ihfft", "rfft2", "rfftn"}
NORMS = st.sampled_from([None, "backward", "ortho", "forward"])
LENGTHS = st.integers(2, 7)


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, tuple[int, ...], dict[str, Any]]:
    """A transform, the shape of its input, and arguments."""
    name = draw(st.sampled_from(ALONG_ONE + ALONG_TWO + ALONG_ANY))
    shape = tuple(draw(st.lists(LENGTHS, min_size=2, max_size=3)))
    params: dict[str, Any] = {"norm": draw(NORMS)}
    if name in ALONG_ONE:
        params["axis"] = draw(st.integers(-len(shape), len(shape) - 1))
        params["n"] = draw(st.none() | st.integers(1, 9))
        return name, shape, params
    if name in ALONG_ANY:
        axes = draw(st.permutations(range(len(shape))))[: draw(st.integers(1, len(shape)))]
        params["axes"] = draw(st.none() | st.just(tuple(axes)))
    count = 2 if name in ALONG_TWO else len(params["axes"] or shape)
    s = draw(st.none() | st.lists(st.integers(1, 8), min_size=count, max_size=count).map(tuple))
    if s is not None and params.get("axes", ()) is None:
        params["axes"] = tuple(range(-count, 0))  # NumPy 2 wants them said
    return name, shape, params | {"s": s}


def numbers(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.asarray(oracles.point(np.random.default_rng(seed), shape, plane=name not in OF_REALS))


@given(call=calls(), seed=st.integers(0, 2**32 - 1), single=st.booleans())
def test_values_are_those_of_numpy(call: Any, seed: int, single: bool) -> None:
    name, shape, params = call
    x = numbers(name, shape, seed)
    if single:
        x = x.astype("F" if x.dtype.kind == "c" else "f")
    want = getattr(np.fft, name)(x, **params)
    got = getattr(fft, name)(Value(x), **params)
    assert got.dtype == want.dtype
    np.testing.assert_allclose(raw(got), want, rtol=1e-5 if single else 1e-12, atol=1e-5)
    np.testing.assert_array_equal(getattr(fft, name)(x, **params), raw(got))
    np.testing.assert_array_equal(raw(getattr(np.fft, name)(Value(x), **params)), raw(got))


@given(call=calls(), seed=st.integers(0, 2**32 - 1))
def test_gradients_are_those_of_pytorch(call: Any, seed: int) -> None:
    torch = pytest.importorskip("torch")
    name, shape, params = call
    x = numbers(name, shape, seed)
    params = {("dim" if k in ("axis", "axes") else k): v for k, v in params.items()}
    theirs = torch.tensor(x, requires_grad=True)
    y = getattr(torch.fft, name)(theirs, **params).resolve_conj().resolve_neg()
    w = np.asarray(oracles.direction(np.random.default_rng(seed), y.detach().numpy()))
    y.backward(torch.tensor(w))
    ours = Value(x)
    names = {"dim": "axis" if name in ALONG_ONE else "axes"}
    getattr(fft, name)(ours, **{names.get(k, k): v for k, v in params.items()}).backward(w)
    assert theirs.grad is not None
    np.testing.assert_allclose(
        ours.grad, theirs.grad.resolve_conj().resolve_neg().numpy(), rtol=1e-10, atol=1e-12
    )


@given(call=calls(), seed=st.integers(0, 2**32 - 1))
def test_derivatives_of_either_order_in_either_mode(call: Any, seed: int) -> None:
    name, shape, params = call

    def f(x: Any) -> Any:
        # squared, for a transform alone has no second derivative
        return abs(getattr(fft, name)(x * x, **params)) ** 2

    oracles.check(f, [numbers(name, shape, seed)], np.random.default_rng(seed))


@pytest.mark.parametrize("name", ["fft", "ifft", "irfft", "hfft"])
def test_real_input_has_a_real_gradient(name: str) -> None:
    x = Value([1.0, 2.0, 3.0, 5.0])
    abs(getattr(fft, name)(x)).sum().backward()
    assert x.grad.dtype == np.float64


@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from([None, 0, -1, (0, 1)]))
def test_shifts(m: int, n: int, axes: Any) -> None:
    x = np.arange(1.0 * m * n).reshape(m, n)
    np.testing.assert_array_equal(fft.fftshift(x, axes), np.fft.fftshift(x, axes))
    np.testing.assert_array_equal(fft.ifftshift(x, axes=axes), np.fft.ifftshift(x, axes))
    oracles.check(lambda v: fft.ifftshift(fft.fftshift(v * v, axes)), [x], np.random.default_rng(0))


@pytest.mark.parametrize("n", [1, 4, 7])
def test_frequencies_are_constants(n: int) -> None:
    for name in ("fftfreq", "rfftfreq"):
        f = getattr(fft, name)(n, d=0.5)
        assert f.is_constant
        np.testing.assert_array_equal(f.numpy(), getattr(np.fft, name)(n, d=0.5))
        assert getattr(fft, name)(n, dtype=np.float32).dtype == np.float32


def test_a_convolution_by_transforms_differentiates_like_one_by_sums() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal(6), rng.standard_normal(4)
    w = rng.standard_normal(9)
    direct = dp.grad(lambda a, b: (dp.numpy.convolve(a, b) * w).sum(), (0, 1))(a, b)
    spectral = dp.grad(
        lambda a, b: (fft.irfft(fft.rfft(a, 9) * fft.rfft(b, 9), 9) * w).sum(), (0, 1)
    )(a, b)
    for d, s in zip(direct, spectral, strict=True):
        np.testing.assert_allclose(s, d, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: fft.fft(v, n=0), "n=0"),
        (lambda v: fft.fft(v, n=-1), "n=-1"),
        (lambda v: fft.fftn(v, (4, 4, 4), (0, 1)), "3, for 2 axes|for 2 axes"),
        (lambda v: fft.irfft(v, axis=1), "lengths"),
        (lambda v: fft.fft(v, norm="other"), "other"),
        (lambda v: fft.fft(v, axis=2), "axis 2"),
    ],
)
def test_bad_arguments_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(Value(np.ones((3, 1))))


def test_a_half_spectrum_of_complex_numbers_is_refused() -> None:
    with pytest.raises(TypeError, match="use fft"):
        fft.rfft(Value([1j, 2.0]))
