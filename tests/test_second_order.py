"""Where a function has no derivative, or its rule a singular point: second and higher order.

A derivative there is right, or NaN where there is none or none is found; it is never a
finite wrong number. The squares of norms, absolute values and deviations are smooth, and
right at every order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as m
import numpy as np
import pytest
from numpy.testing import assert_allclose

import deltaprop as dp
import deltaprop.numpy as dnp

ROW = np.array([[0.0, 0.0], [3.0, -4.0], [0.0, 0.0]])


def hessians(f: Callable[..., Any], x: Any) -> dict[str, np.ndarray]:
    """The Hessian by every way there is to a second derivative."""
    n = np.size(x)
    units = np.eye(n).reshape(n, *np.shape(x)) if np.ndim(x) else np.ones(1)
    units = [u if np.ndim(x) else float(u) for u in units]

    def along(u: Any) -> Callable[[Any], Any]:
        return lambda x: dp.jvp(f, (x,), (u,))[1]

    with np.errstate(all="ignore"):
        rows = {
            "hessian": dp.hessian(f)(x),
            "reverse over reverse": dp.jacobian(dp.grad(f))(x),
            "forward over reverse": [dp.jvp(dp.grad(f), (x,), (u,))[1] for u in units],
            "reverse over forward": [dp.grad(along(u))(x) for u in units],
            "forward over forward": [
                [dp.jvp(along(u), (x,), (v,))[1] for v in units] for u in units
            ],
        }
    return {way: np.reshape(rows, (n, n)) for way, rows in rows.items()}


SCALE = dp.Value([2.0, 0.5, 3.0])
SQUARES: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "norm(x)**2": (lambda x: dnp.norm(x) ** 2, np.zeros(3), 2 * np.eye(3)),
    "norm(x)**2.0": (lambda x: np.linalg.norm(x) ** 2.0, np.zeros(2), 2 * np.eye(2)),
    "square(norm)": (lambda x: np.square(np.linalg.norm(x)), np.zeros(2), 2 * np.eye(2)),
    "power(norm, 2)": (lambda x: np.power(np.linalg.norm(x), 2), np.zeros(2), 2 * np.eye(2)),
    "norm**4": (lambda x: dnp.norm(x) ** 4, np.zeros(2), np.zeros((2, 2))),
    "norm**3": (lambda x: dnp.norm(x) ** 3, np.zeros(2), np.zeros((2, 2))),
    "y * y": (lambda x: (lambda y: y * y)(np.linalg.norm(x)), np.zeros(2), 2 * np.eye(2)),
    "vector_norm": (lambda x: dnp.linalg.vector_norm(x) ** 2, np.zeros(2), 2 * np.eye(2)),
    "vector_norm at [0, 1]": (
        lambda x: dnp.linalg.vector_norm(x), np.array([0.0, 1.0]), np.diag([1.0, 0.0]),
    ),
    "matrix_norm": (
        lambda x: dnp.linalg.matrix_norm(x) ** 2, np.zeros((2, 2)), 2 * np.eye(4),
    ),
    "rows": (
        lambda x: np.sum(np.linalg.norm(x, axis=1) ** 2), ROW, 2 * np.eye(6),
    ),
    "rows kept": (
        lambda x: np.sum(np.linalg.norm(x, axis=1, keepdims=True) ** 2), ROW, 2 * np.eye(6),
    ),
    "rows reshaped": (
        lambda x: np.sum(dnp.norm(x, axis=1).reshape(3, 1) ** 2), ROW, 2 * np.eye(6),
    ),
    "rows transposed": (
        lambda x: np.sum(dnp.norm(x, axis=0, keepdims=True).T ** 2), ROW.T, 2 * np.eye(6),
    ),
    "rows indexed": (
        lambda x: (lambda n: n[0] ** 2 + n[1] ** 2 + n[2] ** 2)(dnp.norm(x, axis=1)),
        ROW, 2 * np.eye(6),
    ),
    "rows stacked": (
        lambda x: np.sum(np.stack([dnp.norm(x[0]), dnp.norm(x[1]), dnp.norm(x[2])]) ** 2),
        ROW, 2 * np.eye(6),
    ),
    "rows scaled": (
        lambda x: np.sum((dnp.norm(x, axis=1) * np.array([2.0, 0.5, 3.0])) ** 2), ROW,
        2 * np.diag(np.repeat([4.0, 0.25, 9.0], 2)),
    ),
    "over a scale": (lambda x: (dnp.norm(x) / 0.5) ** 2, np.zeros(2), 8 * np.eye(2)),
    "negative": (lambda x: (-dnp.norm(x)) ** 2 / 2, np.zeros(2), np.eye(2)),
    "Gaussian": (lambda x: np.exp(-((dnp.norm(x) / 2) ** 2)), np.zeros(2), -0.5 * np.eye(2)),
    "cauchy": (lambda x: 1 / (1 + dnp.norm(x) ** 2), np.zeros(2), -2 * np.eye(2)),
    "sqrt(1 + norm**2)": (lambda x: np.sqrt(1 + dnp.norm(x) ** 2), np.zeros(2), np.eye(2)),
    "hypot": (lambda x: np.hypot(x[0], x[1]) ** 2, np.zeros(2), 2 * np.eye(2)),
    "hypot of a norm": (
        lambda x: np.hypot(dnp.norm(x[:2]), x[2]) ** 2, np.zeros(3), 2 * np.eye(3),
    ),
    "std": (lambda x: np.std(x) ** 2, np.ones(2), [[0.5, -0.5], [-0.5, 0.5]]),
    "std of one entry": (np.std, np.ones(1), [[0.0]]),
    "std of a number": (np.std, 3.0, [[0.0]]),
    "std of rows of one entry": (
        lambda x: np.sum(np.std(x, axis=1)), np.ones((2, 1)), np.zeros((2, 2)),
    ),
    "nanstd": (lambda x: np.nanstd(x) ** 2, np.ones(2), [[0.5, -0.5], [-0.5, 0.5]]),
    "mean of std of rows": (
        lambda x: np.mean(np.std(x, axis=1) ** 2), np.ones((2, 2)),
        np.kron(np.eye(2), [[0.25, -0.25], [-0.25, 0.25]]),
    ),
    "abs(x)**2": (lambda x: np.abs(x) ** 2, 0.0, [[2.0]]),
    "abs(x)**3": (lambda x: np.abs(x) ** 3, 0.0, [[0.0]]),
    "abs(x) * abs(x)": (lambda x: (lambda y: y * y)(abs(x)), 0.0, [[2.0]]),
    "abs(abs(x))**2": (lambda x: np.abs(np.abs(x)) ** 2, 0.0, [[2.0]]),
    "relu(x)": (dnp.relu, 0.0, [[0.0]]),
    "sum(abs(fft)**2)": (
        lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2), np.ones(4), 8 * np.eye(4),
    ),
    "norm of a complex row": (
        lambda x: np.linalg.norm(x * (1 + 2j)) ** 2, np.zeros(2), 10 * np.eye(2),
    ),
    "copysign": (lambda x: np.sum(np.copysign(x, -2.0) ** 2), np.zeros(2), 2 * np.eye(2)),
}  # fmt: skip


@pytest.mark.parametrize("name", SQUARES)
def test_squares_of_roots_are_right(name: str) -> None:
    f, x, right = SQUARES[name]
    for way, found in hessians(f, x).items():
        assert_allclose(found, right, atol=1e-12, err_msg=way)


def plane(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a complex number as one of its two parts."""
    return lambda v: f(v[0] + 1j * v[1])


THERE_IS_NONE: dict[str, tuple[Callable[..., Any], Any]] = {
    "norm": (dnp.norm, np.zeros(2)),
    "norm, keepdims": (lambda x: np.sum(dnp.norm(x, axis=1)), ROW[:1]),
    "frobenius": (np.linalg.norm, np.zeros((2, 2))),
    "nuclear": (lambda x: np.linalg.norm(x, "nuc"), np.zeros((2, 2))),
    "nuclear at the identity": (lambda x: np.linalg.norm(x, "nuc"), np.diag([1.0, 0.0])),
    "spectral": (lambda x: np.linalg.norm(x, 2), np.zeros((2, 2))),
    "spectral at the identity": (lambda x: np.linalg.norm(x, 2), np.eye(2)),
    "smallest singular value": (lambda x: np.linalg.norm(x, -2), np.zeros((2, 2))),
    "ord 3": (lambda x: dnp.norm(x, 3), np.zeros(2)),
    "ord 1.5": (lambda x: dnp.norm(x, 1.5), np.array([0.0, 1.0])),
    "ord 0.5": (lambda x: dnp.norm(x, 0.5), np.array([0.0, 1.0])),
    "hypot": (lambda x: np.hypot(x[0], x[1]), np.zeros(2)),
    "arctan2": (lambda x: np.arctan2(x[0], x[1]), np.zeros(2)),
    "std": (np.std, np.ones(2)),
    "nanstd": (np.nanstd, np.ones(2)),
    "complex abs": (plane(np.abs), np.zeros(2)),
    "complex angle": (plane(np.angle), np.zeros(2)),
    "distance": (lambda x: np.sqrt(np.sum((x - 1.0) ** 2)), np.ones(2)),
    "one eigenvalue of two": (lambda x: np.linalg.eigvalsh(x)[0], np.eye(2)),
    "one singular value of two": (lambda x: np.linalg.svd(x)[1][0], np.eye(2)),
}


@pytest.mark.parametrize("name", THERE_IS_NONE)
def test_no_second_derivative_is_nan(name: str) -> None:
    f, x = THERE_IS_NONE[name]
    for way, found in hessians(f, x).items():
        assert not np.isfinite(np.trace(found)), (way, found)


@pytest.mark.parametrize("name", THERE_IS_NONE)
def test_the_first_derivative_is_as_the_table_of_kinks_says(name: str) -> None:
    f, x = THERE_IS_NONE[name]
    with np.errstate(all="ignore"):
        (_, twice), once = dp.value_and_grad(f)(x), dp.grad(f)(x)
        v = dp.Value(x)
        f(v).backward(create_graph=True)
    np.testing.assert_array_equal(once, twice)
    np.testing.assert_array_equal(v.grad.numpy(), once)


BOTH_SIDES = [np.abs, lambda x: x * np.abs(x), lambda x: 3 * np.abs(x) + x**3, dnp.relu]


@pytest.mark.parametrize("f", BOTH_SIDES)
def test_a_second_derivative_that_both_sides_of_a_jump_agree_on(f: Callable[..., Any]) -> None:
    for found in hessians(f, 0.0).values():
        assert found == 0 or np.isnan(found)
    assert dp.hessian(f)(0.0) == dp.grad(dp.grad(f))(0.0) == 0


# what depends on two jumps at the same point
TWO_JUMPS: dict[str, Callable[..., Any]] = {
    "abs(x) * abs(x)": lambda x: np.sum(np.abs(x) * np.abs(x)),
    "abs(x) @ abs(x)": lambda x: np.abs(x) @ np.abs(x),
    "vdot": lambda x: np.vdot(np.abs(x), np.abs(x)),
    "einsum": lambda x: np.einsum("i,i->", np.abs(x), np.fabs(x)),
    "of multiples": lambda x: np.sum(np.abs(4 * x) * np.abs(x / 4)),
    "copysign": lambda x: np.sum(np.copysign(x, 1.0) * np.abs(x)),
}


@pytest.mark.parametrize("name", TWO_JUMPS)
def test_a_product_of_jumps_is_right_or_nan(name: str) -> None:
    for way, found in hessians(TWO_JUMPS[name], np.array([0.0, 3.0])).items():
        wrong = np.isfinite(found) & ~np.isclose(found, 2 * np.eye(2), atol=1e-9)
        assert not wrong.any(), (way, found)
        if way in ("hessian", "reverse over reverse"):
            assert found[1, 1] == pytest.approx(2.0), (way, found)


def test_jumps_in_different_variables_do_not_meet() -> None:
    f = lambda x: np.abs(x[0]) * np.abs(x[1]) + np.sum(np.abs(x)) + np.sum(x * x)  # noqa: E731
    for way in ("hessian", "reverse over reverse", "forward over reverse"):
        found = hessians(f, np.array([0.0, 3.0]))[way]
        assert_allclose(found, 2 * np.eye(2), err_msg=way)


RIGHT_OR_NAN: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "cos(norm)": (lambda x: np.cos(dnp.norm(x)), np.zeros(2), -np.eye(2)),
    "cos(abs)": (lambda x: np.cos(np.abs(x)), 0.0, [[-1.0]]),
    "cos(abs) of a row": (
        lambda x: np.sum(np.cos(np.abs(x))), np.array([0.0, 1.0]), np.diag([-1, -np.cos(1)]),
    ),
    "matern": (
        lambda x: (lambda r: (1 + r) * np.exp(-r))(dnp.norm(x)), np.zeros(2), -np.eye(2),
    ),
    "norm * another norm": (
        lambda x: dnp.norm(x) * np.linalg.norm(x), np.zeros(2), 2 * np.eye(2),
    ),
    "complex abs": (plane(lambda z: np.abs(z) ** 2), np.zeros(2), 2 * np.eye(2)),
    "complex abs scaled": (plane(lambda z: np.abs(2j * z) ** 2), np.zeros(2), 8 * np.eye(2)),
    "sum of eigenvalues": (
        lambda x: np.sum(np.linalg.eigvalsh((x + x.T) / 2)), np.eye(2), np.zeros((4, 4)),
    ),
    "norm 4 to the fourth": (lambda x: dnp.norm(x, 4) ** 4, np.zeros(2), np.zeros((2, 2))),
    "spectral norm squared": (lambda x: np.linalg.norm(x, 2) ** 2, np.zeros((1, 2)), 2 * np.eye(2)),
    "ord inf of one": (lambda x: dnp.norm(x, np.inf) ** 2, np.zeros(1), [[2.0]]),
    "ord 1 of one": (lambda x: dnp.norm(x, 1) ** 2, np.zeros(1), [[2.0]]),
    "frobenius by singular values": (
        lambda x: np.sum(np.linalg.svd(x)[1] ** 2), np.eye(2), 2 * np.eye(4),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT_OR_NAN)
def test_right_or_nan(name: str) -> None:
    f, x, right = RIGHT_OR_NAN[name]
    for way, found in hessians(f, x).items():
        wrong = np.isfinite(found) & ~np.isclose(found, right, atol=1e-9)
        assert not wrong.any(), (way, found)


@pytest.mark.parametrize("root", [dnp.norm, lambda x: dnp.hypot(x[0], x[1]), lambda x: abs(x[0])])
def test_fourth_derivatives_of_a_fourth_power(root: Callable[..., Any]) -> None:
    """(t**2)**2 along a line through 0: its derivatives are 0, 0, 0 and 24."""
    f: Callable[..., Any] = lambda t: root(t * np.array([1.0, 0.0])) ** 4  # noqa: E731
    for right in (0.0, 0.0, 0.0, 24.0):
        f = dp.grad(f)
        assert_allclose(f(0.0), right)


# of functions with long tails, or that are written piece by piece: the second derivatives
TAILS: dict[str, tuple[Callable[[Any], Any], list[float]]] = {
    "log_sigmoid": (lambda x: -m.log1p(m.exp(-x)), [-700, -40, -37.43, -1, 0, 1, 37.43, 700]),
    "softplus": (lambda x: m.log1p(m.exp(x)), [-700, -40, -1, 0, 1, 37.43, 700]),
    "log_ndtr": (
        lambda x: m.log(m.erfc(-x / m.sqrt(2)) / 2), [-1000, -38, -1, -1e-9, 0, 1e-9, 1, 8, 20, 36],
    ),
    "ndtr": (lambda x: m.erfc(-x / m.sqrt(2)) / 2, [-36, -1, 0, 1, 8, 36]),
    "ndtri": (lambda p: m.sqrt(2) * m.erfinv(2 * p - 1), [1e-10, 0.1, 0.49, 0.5, 0.51, 0.9]),
    "erfinv": (m.erfinv, [-0.9, -0.1, 0, 0.1, 0.9]),
    "erfcinv": (lambda x: m.erfinv(1 - x), [1e-10, 0.5, 0.9, 1, 1.1, 1.9]),
    "sinc": (lambda x: m.sinc(m.pi * x), [0, 1e-8, 1e-3, 0.4999, 0.5001, 3.7]),
    "expm1": (m.expm1, [-50, -1, 0, 1e-10, 1]),
    "log1p": (m.log1p, [-0.9, 0, 1e-10, 1]),
    "logit": (lambda x: m.log(x / (1 - x)), [1e-10, 0.1, 0.5, 0.9]),
    "erfc": (m.erfc, [-5, 0, 1, 5, 26]),
}  # fmt: skip


@pytest.mark.parametrize("name", TAILS)
def test_second_derivatives_in_the_tails(name: str) -> None:
    exact, places = TAILS[name]
    f = getattr(dnp, name, None) or getattr(dnp.special, name)
    slope, bend = dp.grad(f), dp.grad(dp.grad(f))
    for place in map(float, places):
        with m.workdps(400), np.errstate(all="ignore"):
            step = m.mpf(10) ** -18 * max(1, abs(place)) if abs(place) > 0.1 else m.mpf(10) ** -28
            first, second = (float(m.diff(exact, m.mpf(place), n, h=step)) for n in (1, 2))
            assert_allclose(slope(place), first, rtol=1e-12, atol=1e-300)
            assert_allclose(bend(place), second, rtol=1e-9, atol=1e-15 * abs(first))


XLOGY: list[tuple[Any, tuple[float, float], Any]] = [
    (dnp.xlogy, (0.0, 2.0), [[0, 0.5], [0.5, 0]]),
    (dnp.xlogy, (0.0, 0.5), [[0, 2], [2, 0]]),
    (dnp.xlogy, (3.0, 2.0), [[0, 0.5], [0.5, -0.75]]),
    (dnp.special.xlog1py, (0.0, 1.0), [[0, 0.5], [0.5, 0]]),
    (dnp.special.xlog1py, (3.0, 1.0), [[0, 0.5], [0.5, -0.75]]),
    (lambda x, y: -dnp.special.kl_div(x, y), (3.0, 2.0), [[-1 / 3, 0.5], [0.5, -0.75]]),
]


@pytest.mark.parametrize(("f", "at", "right"), XLOGY)
def test_second_derivatives_of_x_log_y(f: Any, at: tuple[float, float], right: Any) -> None:
    for found in hessians(lambda v: f(v[0], v[1]), np.array(at)).values():
        assert_allclose(found, right, atol=1e-12)


@pytest.mark.parametrize("f", [dnp.xlogy, dnp.special.rel_entr])
def test_the_corner_of_x_log_y_has_no_second_derivative(f: Any) -> None:
    for found in hessians(lambda v: f(v[0], v[1]), np.zeros(2)).values():
        assert not np.isfinite(found[0, 1])
        assert not np.isfinite(found[1, 0])


@pytest.mark.parametrize("name", ["logsumexp", "logaddexp"])
def test_second_derivatives_beside_minus_infinity(name: str) -> None:
    f = dnp.logsumexp if name == "logsumexp" else lambda v: np.logaddexp(v[0], v[1])
    for at in ([-np.inf, 0.0], [0.0, -np.inf], [-np.inf, -np.inf], [800.0, 0.0]):
        for found in hessians(f, np.array(at)).values():
            assert_allclose(found, np.zeros((2, 2)))


def test_a_cotangent_that_was_recorded_from_a_square_adds_up() -> None:
    """y * y + y**2 + 3 * y**4 of one root: three cotangents of y, all gone around."""

    def f(x: Any) -> Any:
        y = dnp.norm(x)
        return y * y + y**2 + 3 * y**4

    for found in hessians(f, np.zeros(2)).values():
        assert_allclose(found, 4 * np.eye(2))


@pytest.mark.parametrize("name", ["leaky_relu", "elu"])
@pytest.mark.parametrize(("slope", "mixed"), [(-0.5, 0.0), (0.5, 1.0), (1.0, 1.0), (2.0, 0.0)])
def test_mixed_derivatives_at_a_kink_are_those_of_the_side_taken(
    name: str, slope: float, mixed: float
) -> None:
    f = getattr(dnp, name)
    found = dp.hessian(lambda v: f(v[0], v[1]))(np.array([0.0, slope]))
    assert_allclose([found[0, 1], found[1, 0]], [mixed, mixed])


def test_near_eigenvalues_of_a_symmetric_function() -> None:
    """Equal eigenvalues that rounding has moved apart by some n eps count as equal."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        q = np.linalg.qr(rng.standard_normal((4, 4)) + 1j * rng.standard_normal((4, 4)))[0]
        w = np.array([1.0, 1.0, 1.0, 3.0])
        a = (q * w) @ q.conj().T

        def f(x: Any) -> Any:
            w, v = dnp.linalg.eigh((x + x.conj().T) / 2)
            return dnp.trace((v * np.exp(w)) @ v.conj().T).real

        right = (q * np.exp(w)) @ q.conj().T
        assert_allclose(dp.grad(f)(a), right, atol=1e-9)
