"""Finite differences: right, and honest about how right."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltaprop.testing import finite_difference

# functions and their derivatives
SMOOTH = {
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "x^20": (lambda x: x**20, lambda x: 20 * x**19),
    "1 / (1 + x^2)": (lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
    "sin 500 x": (lambda x: np.sin(500 * x), lambda x: 500 * np.cos(500 * x)),
    "sin 32 pi x": (
        lambda x: np.sin(32 * np.pi * x),
        lambda x: 32 * np.pi * np.cos(32 * np.pi * x),
    ),
    "1e-9 x^3": (lambda x: 1e-9 * x**3, lambda x: 3e-9 * x**2),
    "1e9 cos": (lambda x: 1e9 * np.cos(x), lambda x: -1e9 * np.sin(x)),
}


@pytest.mark.parametrize("name", SMOOTH)
@given(x=st.floats(0.01, 3), sign=st.sampled_from([-1, 1]))
def test_smooth_functions(name: str, x: float, sign: int) -> None:
    f, derivative = SMOOTH[name]
    exact = derivative(sign * x)
    scale = abs(exact) + abs(f(sign * x))
    for method, accuracy in (
        ("central", 1e-5),
        ("ridders", 1e-8),
        ("complex", 1e-13),
        ("auto", 1e-8),
    ):
        value, error = finite_difference(f, sign * x, method)
        if method != "complex":
            assert abs(value - exact) <= 10 * error + 1e-12 * scale
            assert error <= accuracy * scale * 100
        assert abs(value - exact) <= accuracy * scale


@pytest.mark.parametrize("frequency", [1e4, 1e5, 1e6, 1e7])
def test_what_the_steps_are_too_long_for_is_not_believed(frequency: float) -> None:
    for x in np.random.default_rng(0).uniform(0.1, 1, 40):
        value, error = finite_difference(lambda x: np.sin(frequency * x), x, "ridders")
        assert abs(value - frequency * np.cos(frequency * x)) <= 5 * error


@pytest.mark.parametrize(
    ("f", "slope", "near"),
    [
        (lambda x: 1e8 + x * x, lambda x: 2 * x, 1e-5),  # rounded to 1e-8
        (lambda x: (1e8 + x * x) - 1e8, lambda x: 2 * x, 1e-5),  # and it does not show
        (lambda x: np.float64(np.float32(x * x)), lambda x: 2 * x, 1e-4),
    ],
)
def test_rounding_inside_is_seen(f: Any, slope: Any, near: float) -> None:
    for x in np.random.default_rng(1).uniform(0.5, 3, 40):
        value, error = finite_difference(f, x, "ridders")
        assert abs(value - slope(x)) <= 10 * error
        assert error < near


def test_small_steps_where_the_function_ends_or_bends() -> None:
    for f, x, slope in (
        (np.log, 1e-9, 1e9),
        (np.sqrt, 4e-12, 2.5e5),
        (math.log, 0.01, 100.0),  # raises below zero
        (lambda x: np.maximum(x, 0), 1e-6, 1.0),
        (lambda x: np.where(x > 1, 7.0, x), 1 - 1e-5, 1.0),
        (lambda x: np.where(x > 1, np.nan, x), 0.999, 1.0),
    ):
        value, _ = finite_difference(f, x, "ridders")
        assert value == pytest.approx(slope, rel=1e-6)


def test_scales_of_the_argument() -> None:
    x = np.array([1e-8, 1e-3, 0.0, 1.0, 1e4, 1e8])
    value, error = finite_difference(lambda x: np.sin(x) * x, x)
    np.testing.assert_allclose(np.diag(value), np.sin(x) + x * np.cos(x), rtol=1e-8)
    assert np.all(value[~np.eye(6, dtype=bool)] == 0)
    assert error.shape == (6, 6)


def test_double_precision_whatever_comes() -> None:
    seen = set()

    def f(x: Any) -> Any:
        seen.add(np.asarray(x).dtype)
        return np.tanh(x)

    x = np.linspace(-1, 1, 5, dtype=np.float32)
    value, _ = finite_difference(f, x, "ridders")
    assert seen == {np.dtype(np.float64)}
    np.testing.assert_allclose(np.diag(value), 1 - np.tanh(x.astype(float)) ** 2, rtol=1e-10)


def test_shapes_and_trees() -> None:
    class Pair(NamedTuple):
        a: Any
        b: Any

    def f(p: Any) -> Any:
        return p.a @ p.b[0] * p.b[1]

    rng = np.random.default_rng(0)
    a, v = rng.standard_normal((2, 3)), rng.standard_normal(3)
    value, error = finite_difference(f, Pair(a, [v, 2.0]))
    assert isinstance(value, Pair)
    assert value.a.shape == error.a.shape == (2, 2, 3)
    np.testing.assert_allclose(value.b[0], 2 * a, rtol=1e-10)
    np.testing.assert_allclose(value.b[1], a @ v, rtol=1e-10)
    assert finite_difference(np.sum, np.zeros((0, 3))).value.shape == (0, 3)
    assert isinstance(finite_difference(math.exp, 0.0).value, float)


def test_a_view_that_changes_later_is_no_matter() -> None:
    buffer = np.zeros(3)

    def f(x: Any) -> Any:
        np.multiply(x, x, out=buffer)
        return buffer[:]

    value, _ = finite_difference(f, np.array([1.0, 2.0, 3.0]), "ridders")
    np.testing.assert_allclose(value, np.diag([2.0, 4.0, 6.0]), rtol=1e-9)


def test_the_complex_step_is_not_believed_where_it_is_wrong() -> None:
    for f in (np.abs, lambda x: np.maximum(x.real, -x.real), lambda x: float(np.real(x)) ** 2):
        value, _ = finite_difference(f, np.float64(-2.0))
        assert value == pytest.approx(finite_difference(f, -2.0, "ridders").value, rel=1e-9)


def test_complex_arguments() -> None:
    z = np.array([1 + 2j, -0.5j])
    real, _ = finite_difference(lambda z: np.sum(np.abs(z) ** 2), z)
    np.testing.assert_allclose(real, 2 * z, rtol=1e-9)  # steepest ascent
    holomorphic, _ = finite_difference(lambda z: np.exp(z) * z, z)
    np.testing.assert_allclose(holomorphic, np.diag(np.exp(z) * (1 + z)), rtol=1e-9, atol=1e-12)
    wirtinger, _ = finite_difference(lambda z: z * z.conj(), z)
    np.testing.assert_allclose(wirtinger, np.diag(z.conj()), rtol=1e-9, atol=1e-12)
    curve, _ = finite_difference(lambda t: np.exp(1j * t), 0.5)
    assert curve == pytest.approx(1j * np.exp(0.5j), rel=1e-10)


def test_bad_input() -> None:
    with pytest.raises(
        ValueError, match=r"unknown method .*known: auto, central, complex, ridders"
    ):
        finite_difference(np.sin, 1.0, "newton")
    with pytest.raises(TypeError, match=r"x\['n'\] has dtype int64"):
        finite_difference(lambda p: p["n"], {"n": 3})
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match="is nan at index"):
        finite_difference(np.log, np.array([1.0, -1.0]))
    with pytest.raises(ValueError, match="real x"):
        finite_difference(np.exp, 1j, "complex")
    with pytest.raises(TypeError, match="must be a number"):
        finite_difference(lambda x: "one", 1.0)
