"""Special functions against mpmath (tiny and huge arguments), PyTorch, and at their corners.

That each derivative is right in the middle of its domain is what the generated tests show.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import deltaprop as dp
from deltaprop.calculus import libm
from deltaprop.numpy import special
from deltaprop.testing import check_grads
from deltaprop.value import Value

from .. import test_kinks
from ..test_kinks import row

DIGITS = 80


def normal(x: Any) -> Any:
    return mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi)


def normal_below(x: Any) -> Any:
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def inverse_erfc(x: Any) -> Any:
    if x > 1:
        return -inverse_erfc(2 - x)
    if x > 1e-5:
        return mpmath.erfinv(1 - x)
    start = mpmath.sqrt(-mpmath.log(x * mpmath.sqrt(mpmath.pi * -mpmath.log(x))))
    return mpmath.findroot(lambda t: mpmath.log(mpmath.erfc(t) / x), start)


def erfinv_slope(x: Any) -> Any:
    return mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(inverse_erfc(1 - abs(x)) ** 2)


def bessel(order: int) -> Callable[[Any], Any]:
    return lambda x: mpmath.besseli(order, x)


def bessel_slope(order: int) -> Callable[[Any], Any]:
    return lambda x: (mpmath.besseli(abs(order - 1), x) + mpmath.besseli(order + 1, x)) / 2


def scaled(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: f(x) * mpmath.exp(-abs(x))


def scaled_slope(order: int) -> Callable[[Any], Any]:
    f, slope = bessel(order), bessel_slope(order)
    return scaled(lambda x: slope(x) - mpmath.sign(x) * f(x))


GAMMA = [1e-150, 1e-10, 1e-3, 0.5, 0.9, 1.7, 3.3, 10, 50]
WIDE = [*GAMMA, 1e3, 1e8, 1e100, 1e300]
BESSEL = [-600, -50, -8, -1, -1e-10, 1e-300, 0.1, 1, 3, 7.9, 8.1, 30, 700]
FRACTIONS = [1e-300, 1e-100, 1e-10, 1e-3, 0.1, 0.3, 0.49, 0.51, 0.7, 0.9, 0.999, 1 - 1e-10]
NEAR_0 = [-1e-10, 1e-10, 0.1, -0.5]
EXACT: dict[str, tuple[Any, Any, list[float], float, float]] = {
    # name: value, derivative, places, and the errors allowed to both, in units of the last
    # place: 6 is what the best of these functions have, more is said in the comments
    # relative to a value that is near zero: it has zeros at 1 and 2
    "gammaln": (mpmath.loggamma, mpmath.digamma, WIDE, 30, 6),
    "psi": (mpmath.digamma, lambda x: mpmath.psi(1, x), WIDE, 6, 6),
    "gamma": (mpmath.gamma, lambda x: mpmath.gamma(x) * mpmath.digamma(x), GAMMA, 6, 6),
    "i0": (bessel(0), bessel(1), BESSEL, 6, 6),
    "i1": (bessel(1), bessel_slope(1), BESSEL, 6, 6),
    # two terms cancel: the error of the derivative grows as 2x
    "i0e": (scaled(bessel(0)), scaled_slope(0), [*BESSEL, 1e6], 6, 5e6),
    "i1e": (scaled(bessel(1)), scaled_slope(1), [*BESSEL, 1e6], 6, 5e6),
    # 2x**2 up to x = 10, where the series takes over
    "erfcx": (
        lambda x: mpmath.exp(x * x) * mpmath.erfc(x),
        lambda x: 2 * (x * mpmath.exp(x * x) * mpmath.erfc(x) - 1 / mpmath.sqrt(mpmath.pi)),
        [-26, -5, -1, *NEAR_0, 2, 9.9, 10.1, 50, 1e3, 1e8],
        6,
        100,
    ),
    "erfinv": (
        lambda x: mpmath.sign(x) * inverse_erfc(1 - abs(x)),
        erfinv_slope,
        [*NEAR_0, 0.9, -0.999, 1 - 1e-10, 1 - 1e-15],
        6,
        6,
    ),
    "erfcinv": (
        inverse_erfc,
        lambda x: -mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(inverse_erfc(x) ** 2),
        [*FRACTIONS, 1.1, 1.9, 1.999, 2 - 1e-6],
        6,
        6,
    ),
    "ndtri": (
        lambda x: -mpmath.sqrt(2) * inverse_erfc(2 * x),
        lambda x: mpmath.sqrt(2 * mpmath.pi) * mpmath.exp(inverse_erfc(2 * x) ** 2),
        FRACTIONS,
        6,
        6,
    ),
    # the square of the argument, rounded, goes into an exponential: x**2 to the right
    "ndtr": (normal_below, normal, [-37, -10, -1, *NEAR_0, 3, 30], 1000, 1000),
    "log_ndtr": (
        lambda x: mpmath.log1p(-normal_below(-x)) if x > 0 else mpmath.log(normal_below(x)),
        lambda x: normal(x) / normal_below(x),
        [-1e8, -1e4, -30, -5, -1, *NEAR_0, 3, 30],
        500,
        500,
    ),
    "logit": (lambda x: mpmath.log(x / (1 - x)), lambda x: 1 / (x * (1 - x)), FRACTIONS, 4, 4),
    "entr": (
        lambda x: -x * mpmath.log(x),
        lambda x: -1 - mpmath.log(x),
        [*FRACTIONS, 1.1, 10, 1e10, 1e300],
        4,
        4,
    ),
}


def ulps(found: float, exact: Any) -> float:
    """The error in units of the last place of the exact number, or of the smallest normal."""
    place = np.spacing(max(abs(float(exact)), sys.float_info.min))
    return float(abs(mpf(found) - exact) / mpf(float(place)))


@pytest.mark.parametrize("name", EXACT)
def test_values_and_derivatives_are_exact_to_the_last_places(name: str) -> None:
    value, slope, places, allowed, allowed_slope = EXACT[name]
    for place in map(float, places):
        x = Value(place)
        y = getattr(special, name)(x)
        y.backward()
        with mpmath.workdps(DIGITS):
            assert ulps(y.item(), value(mpf(place))) <= allowed, place
            assert ulps(x.grad, slope(mpf(place))) <= allowed_slope, place


@pytest.mark.parametrize(
    ("a", "b"),
    [(1e8, 2.0), (1e-10, 3.0), (0.5, 0.5), (1e300, 1e300), (9.5, 1e3), (1e15, 1e-3)],
)
def test_the_beta_function_of_unlike_arguments(a: float, b: float) -> None:
    """psi(a) - psi(a + b) would keep no digit of the derivative in a large a."""
    x, y = Value(a), Value(b)
    special.betaln(x, y).backward()
    with mpmath.workdps(400):  # psi(1e300) and psi(2e300) differ in the first digits, others later
        total = mpmath.digamma(mpf(a) + mpf(b))
        assert ulps(x.grad, mpmath.digamma(mpf(a)) - total) <= 4
        assert ulps(y.grad, mpmath.digamma(mpf(b)) - total) <= 4


def test_the_beta_function_of_negative_arguments() -> None:
    a = Value(-0.5)
    special.beta(a, 3.2).backward()
    with mpmath.workdps(30):
        exact = mpmath.diff(lambda t: mpmath.beta(t, 3.2), -0.5)
    assert a.grad == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("x", [-5.0, -9.9, -15.0, -1e4, -1e8])
def test_the_second_derivative_in_the_tail_of_the_normal_distribution(x: float) -> None:
    """Newton's method for a probit regression needs it where -h * (x + h) cancels."""
    with mpmath.workdps(DIGITS):
        h = normal(mpf(x)) / normal_below(mpf(x))
        assert ulps(dp.grad(dp.grad(special.log_ndtr))(x), -h * (mpf(x) + h)) <= 200


ONE = [0.3, 0.9, 0.05]
TORCH: dict[str, list[Any]] = {
    "digamma": [ONE, [2.5, 30.0, 1e5]],
    "entr": [ONE, [1.0, 3.0, 1e10]],
    "erfcx": [[-3.0, 0.0, 0.5, 8.0]],
    "erfinv": [[-0.9, 0.0, 0.3]],
    "expit": [[-800.0, -1.0, 0.0, 3.0]],
    "gammaln": [ONE, [-0.5, -3.3, 7.0]],
    "i0": [[-3.0, 0.0, 2.0]],
    "i0e": [[-3.0, 0.0, 2.0]],
    "i1": [[-3.0, 0.0, 2.0]],
    "i1e": [[-3.0, 0.0, 2.0]],
    "log_ndtr": [[-30.0, -1.0, 0.0, 3.0]],
    "logit": [ONE],
    "ndtr": [[-3.0, 0.0, 0.5, 4.0]],
    "ndtri": [[1e-10, 0.3, 0.5, 0.9]],
    "psi": [ONE],
}


@pytest.mark.parametrize("name", TORCH)
def test_gradients_are_those_of_pytorch(name: str) -> None:
    """To 1e-8: PyTorch's trigamma at 2.5 has ten digits."""
    torch = pytest.importorskip("torch")
    for places in TORCH[name]:
        theirs = torch.tensor(places, dtype=torch.float64, requires_grad=True)
        y = getattr(torch.special, name)(theirs)
        y.backward(torch.ones_like(y))
        ours = Value(places)
        z = getattr(special, name)(ours)
        z.backward(np.ones(len(places)))
        assert theirs.grad is not None
        np.testing.assert_allclose(z.numpy(), y.detach().numpy(), rtol=1e-8)
        np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-8)


@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "zeta"])
def test_gradients_in_the_second_argument_are_those_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    a, places = [1.0, 2.5, 40.0], [0.5, 3.0, 30.0]
    a = [t + 1 for t in a] if name == "zeta" else a
    theirs = torch.tensor(places, dtype=torch.float64, requires_grad=True)
    y = getattr(torch.special, name)(torch.tensor(a, dtype=torch.float64), theirs)
    ours = Value(places)
    z = getattr(special, name)(np.array(a), ours)
    np.testing.assert_allclose(z.numpy(), y.detach().numpy(), rtol=1e-8)
    z.backward(np.ones(3))
    if name != "zeta":  # of which PyTorch has no derivative
        y.backward(torch.ones_like(y))
        assert theirs.grad is not None
        np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-8)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_polygamma(n: int) -> None:
    x = Value([0.3, 4.0, -1.4])
    y = special.polygamma(n, x)
    y.backward(np.ones(3))
    for place, value, slope in zip(x.numpy(), y.numpy(), x.grad, strict=True):
        assert value == pytest.approx(float(mpmath.psi(n, place)), rel=1e-12)
        assert slope == pytest.approx(float(mpmath.psi(n + 1, place)), rel=1e-12)


INF, NAN = np.inf, np.nan


CORNERS: list[tuple[str, tuple[float, ...], Any, tuple[float, ...] | None]] = [
    # function, arguments, value, derivatives
    ("entr", (0.0,), 0.0, (INF,)),
    ("entr", (-1.0,), -INF, (NAN,)),
    ("logit", (0.0,), -INF, (INF,)),
    ("logit", (1.0,), INF, (INF,)),
    ("logit", (2.0,), NAN, None),
    ("xlog1py", (0.0, -1.0), 0.0, (-INF, 0.0)),
    ("xlog1py", (0.0, NAN), NAN, (NAN, 0.0)),
    ("xlog1py", (2.0, -1.0), -INF, (-INF, INF)),
    ("rel_entr", (0.0, 0.0), 0.0, (NAN, 0.0)),
    ("rel_entr", (0.0, 2.0), 0.0, (-INF, 0.0)),
    ("rel_entr", (2.0, 0.0), INF, (INF, -INF)),
    ("rel_entr", (1e300, 1e-300), 1e300 * 600 * np.log(10.0), None),
    ("kl_div", (0.0, 2.0), 2.0, (-INF, 1.0)),
    ("kl_div", (3.0, 3.0), 0.0, (0.0, 0.0)),
    ("erfinv", (1.0,), INF, (INF,)),
    ("erfinv", (-1.0,), -INF, (INF,)),
    ("erfcinv", (0.0,), INF, (-INF,)),
    ("ndtri", (0.0,), -INF, (INF,)),
    ("ndtri", (1.0,), INF, (INF,)),
    ("log_ndtr", (-INF,), -INF, (INF,)),
    ("gammaln", (0.0,), INF, (-INF,)),
    ("gammaln", (-1.0,), INF, (NAN,)),
    ("gamma", (-1.0,), NAN, (NAN,)),
    ("i0", (0.0,), 1.0, (0.0,)),
    ("i0e", (0.0,), 1.0, (0.0,)),
    ("i1", (0.0,), 0.0, (0.5,)),
    ("i1e", (0.0,), 0.0, (0.5,)),
    ("gammainc", (1.0, 0.0), 0.0, (1.0,)),
    ("gammainc", (3.0, 0.0), 0.0, (0.0,)),
    ("betainc", (1.0, 1.0, 0.0), 0.0, (1.0,)),
]
# the far ends, where rules go another way than in the middle of the domain
FAR = [
    row("erfcx'(12)", special.erfcx, 12.0, -0.003877862738062271),
    row("erfcx'(300)", special.erfcx, 300.0, -6.2686686738802135e-6),
    row("i1e'(0.001)", special.i1e, 0.001, 0.49900093691694),
    row(
        "kl_div'(x, y) of x / y = 1e60",
        lambda x: special.kl_div(x, 1e-30),
        1e30,
        138.15510557964274,
    ),
    row(
        "kl_div'(x, y) of x / y = 1e-60",
        lambda x: special.kl_div(x, 1e30),
        1e-30,
        -138.15510557964274,
    ),
    row("betaln'(1e8, 2)", lambda a: special.betaln(a, 2.0), 1e8, -1.9999999900000001e-8),
    row(
        "betaln'(0.5, 0.5)", special.betaln, (0.5, 0.5), (-1.3862943611198906, -1.3862943611198906)
    ),
    row(
        "betaln'(-20.25, 2.5)",
        special.betaln,
        (-20.25, 2.5),
        (6.4115381711587467, 0.94045917818950609),
    ),
    *[
        row(f"rgamma'({x:g})", special.rgamma, x, slope)
        for x, slope in (
            (0.0, 1.0),
            (-1.0, -1.0),
            (1.0, 0.5772156649015329),
            (3.0, -0.46139216754923357),
        )
    ],
    row("betaln'(-0.5, 3)", lambda a: special.betaln(a, 3.0), -0.5, -0.66666666666666667),
]


def functions_of(name: str, args: tuple[float, ...]) -> tuple[Any, tuple[float, ...]]:
    """The function of the arguments that it has derivatives in, and these."""
    count = 1 if name in ("gammainc", "betainc") else len(args)
    return partial(getattr(special, name), *args[:-count]), args[-count:]


ROWS = [
    *[
        row(f"{name}{args}", *functions_of(name, args), slopes)
        for name, args, _, slopes in CORNERS
        if slopes is not None
    ],
    *FAR,
]


@pytest.mark.parametrize("r", ROWS, ids=lambda r: r.case)
@pytest.mark.parametrize("graph", [False, True], ids=["", "recorded"])
def test_derivatives_in_the_corners(r: test_kinks.Row, graph: bool) -> None:
    for kind in ("scalars", "float32", "float64"):
        test_kinks.test_kink(r, kind, graph)
    test_kinks.test_kink_forward(r, "float64")


@pytest.mark.parametrize(("name", "args", "value", "slopes"), CORNERS)
def test_values_in_the_corners(name: str, args: Any, value: float, slopes: Any) -> None:
    f, free = functions_of(name, args)
    np.testing.assert_allclose(f(*map(Value, free)).item(), value, rtol=1e-14)
    np.testing.assert_allclose(f(*[[x] for x in free]), [value], rtol=1e-14)


@pytest.mark.parametrize("x", [0.0, -1.0, -2.0, -6.0, -2.5, 1e-9, -1e-9, 0.4, 0.6, 3.0])
def test_the_reciprocal_of_gamma_at_its_zeros(x: float) -> None:
    f: Any = special.rgamma
    for order in range(1, 4):
        f = dp.grad(f)
        right = float(mpmath.diff(mpmath.rgamma, x, order))
        assert f(x) == pytest.approx(right, rel=1e-12), order


def test_no_derivative_is_lost_in_the_far_tail_of_a_bessel_function() -> None:
    """Through SciPy's ive(2, x), which is NaN there, it was NaN."""
    assert dp.grad(special.i1e)(1e10) == pytest.approx(-1.9947114017827584e-16, rel=1e-5, abs=0)


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda v: special.gammainc(v, 1.0), "a"),
        (lambda v: special.gammaincc(v, 1.0), "a"),
        (lambda v: special.betainc(v, 1.0, 0.5), "a"),
        (lambda v: special.betainc(1.0, v, 0.5), "b"),
        (lambda v: special.zeta(v, 1.0), "s"),
        (lambda v: special.iv(v, 1.0), "v"),
        (lambda v: special.jn(v, 1.0), "v"),
        (lambda v: special.yv(v, 1.0), "v"),
        (lambda v: special.ive(v, 1.0), "v"),
    ],
)
def test_an_argument_without_a_derivative_is_named(call: Any, argument: str) -> None:
    with pytest.raises(TypeError, match=f"{argument}.detach"):
        call(Value(2.0))
    assert call(Value(2.0).detach()).is_constant


def test_bad_arguments() -> None:
    with pytest.raises(TypeError, match="only real"):
        special.gamma(Value([1j]))
    with pytest.raises(ValueError, match="at least 0, got -1"):
        special.polygamma(-1, 2.0)
    with pytest.raises(TypeError):
        special.polygamma(Value(1.0), 2.0)


PLACES = np.array([0.3, 1.7, 4.2])
LIKE_SCIPY: dict[str, Any] = {
    **{name: (lambda m, x, name=name: getattr(m, name)(x)) for name in (
        "j0", "j1", "y0", "y1", "rgamma", "gammasgn")},
    **{name: (lambda m, x, name=name: getattr(m, name)(2, x)) for name in ("jn", "jv", "yn", "yv")},
    "multigammaln": lambda m, x: m.multigammaln(x + 2, 3),
    "logsumexp": lambda m, x: m.logsumexp(x, 0, None, True),
    "logsumexp b": lambda m, x: m.logsumexp(x, b=np.array([1.0, 0.0, 2.0])),
    "logsumexp sign": lambda m, x: m.logsumexp(x, b=np.array([1, -2, -3.0]), return_sign=True)[0],
    "its sign": lambda m, x: m.logsumexp(x, b=np.array([1, -2, -3.0]), return_sign=True)[1],
    "sign without b": lambda m, x: m.logsumexp(x, return_sign=True)[0],
    "logsumexp rows": lambda m, x: m.logsumexp(
        x[:, None] * np.ones(2), axis=1, b=np.array([1.0, 3.0]), keepdims=True
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LIKE_SCIPY)
def test_values_are_scipys_and_derivatives_differences(name: str) -> None:
    scipy_special = pytest.importorskip("scipy.special")
    f = LIKE_SCIPY[name]
    expected = f(scipy_special, PLACES)
    for x in (PLACES, dp.constant(PLACES), Value(PLACES)):
        found = dp.graph.raw(f(special, x))
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert np.shape(found) == np.shape(expected)
    if name != "its sign":
        check_grads(lambda x: f(special, x), PLACES)


def test_factors_of_logsumexp() -> None:
    x, b = np.array([1.0, 2.0]), np.array([0.5, 3.0])
    check_grads(lambda b: special.logsumexp(x, b=b), b)
    gone = Value([-np.inf, -np.inf])
    y = special.logsumexp(gone, b=[1.0, 2.0])
    y.backward()
    assert y.item() == -np.inf
    np.testing.assert_array_equal(gone.grad, 0)
    assert np.isnan(special.logsumexp(Value(x), b=-b).item())
    with pytest.raises(ValueError, match=r"d=3: a must be greater than 1.0"):
        special.multigammaln(Value(1.0), 3)


@pytest.mark.parametrize("f", [special.erf, special.erfc])
def test_error_functions_take_real_numbers(f: Any) -> None:
    for z in (1 + 0.1j, Value(1 + 0.1j), Value([1 + 0.1j])):
        with pytest.raises(TypeError, match=r"erfc? takes real numbers"):
            f(z)


def test_raw_arguments_give_raw_results_without_warnings() -> None:
    for name in set(special.__all__) - {"betainc", "multigammaln", "polygamma", "zeta"}:
        function = getattr(special, name)
        for args in ((0.5,), ([0.0, 0.5, 1.0],)):
            try:
                y = function(*args)
            except TypeError:
                y = function(*args, *args)
            assert isinstance(y, float | np.ndarray | np.generic), name


def test_scipy_is_imported_when_it_is_needed() -> None:
    program = (
        "import sys, deltaprop as dp; from deltaprop.numpy import special;"
        "special.logit(dp.Value(0.3)).backward();"
        "assert 'scipy' not in sys.modules; special.psi(1.0); assert 'scipy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_scipy_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    libm.scipy.cache_clear()
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(ImportError, match="pip install scipy"):
        special.gammaln(Value(2.0))
    assert special.i0(Value(0.0)).item() == 1.0


def test_scipys_own_names_are_known() -> None:
    theirs = pytest.importorskip("scipy.special")
    assert special.of_scipy(theirs.gammaln) is special.gammaln
    assert special.of_scipy(theirs.erf) is special.erf
    assert special.of_scipy(theirs.airy) is None
    assert special.of_scipy(np.sin) is None
    x, other = Value([0.5, 2.0]), Value([0.5, 2.0])
    theirs.xlogy(2.0, theirs.gammaln(x)).sum().backward()
    special.xlogy(2.0, special.gammaln(other)).sum().backward()
    np.testing.assert_array_equal(x.grad, other.grad)
    assert np.i0(x).op is special.i0
