"""Special functions of real numbers: each entry is a function, usually SciPy's, and its partials.

SciPy is imported when its first function is called. The derivatives follow the NIST Digital Library
of Mathematical Functions (dlmf.nist.gov, chapters 5 to 8, 10, 25). They are written so that
nothing cancels or overflows where the function itself does not.

At a pole of gamma, gammaln or psi the derivative is infinite or NaN. Where x is 0, the entropies
and x * log1p(y) are 0, and constant in y for every y; entr is infinitely steep in x.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import Elementwise, Node, raw
from ..graph.domains import NONZERO, POSITIVE, REAL, UNIT, Domain
from .activations import INV_SQRT_2PI, SQRT_2_OVER_PI, SQRT_HALF, log_sigmoid
from .elementwise import (
    _bell,
    _quotient,
    cos,
    divide,
    erfc,
    exp,
    log,
    log1p,
    multiply,
    sigmoid,
    sign,
    sin,
    where,
    xlogy,
)
from .libm import scipy
from .signatures import Binary, OfThree, Unary, of_array, of_two

__all__ = [
    "beta", "betainc", "betaln", "digamma", "entr", "erfcinv", "erfcx", "erfinv", "expit", "gamma",
    "gammainc", "gammaincc", "gammaln", "gammasgn", "i0", "i0e", "i1", "i1e", "iv", "ive", "j0",
    "j1", "jn", "jv", "kl_div", "log_expit", "log_ndtr", "logit", "multigammaln", "ndtr", "ndtri",
    "polygamma", "psi", "rel_entr", "rgamma", "xlog1py", "y0", "y1", "yn", "yv", "zeta",
]  # fmt: skip

SQRT_PI = math.sqrt(math.pi)
FRACTION = Domain(0.0, 1.0)


class _Special(Elementwise):
    """An operation whose inputs without a partial (usually orders) must not be variables."""

    def differentiable(self, args: Sequence[Any]) -> bool:
        for x, p, argument in zip(args, self.partials, self.operands, strict=True):
            if p is None and isinstance(x, Node) and not x.is_constant:
                raise TypeError(
                    f"{self} has no derivative with respect to {argument}: pass a number, an array "
                    f"or {argument}.detach() if no gradient should flow there"
                )
        return True


def _scipy(name: str, *partials: Any, domain: Domain | Sequence[Domain] = REAL) -> Elementwise:
    """Return the operation for the SciPy function of the same name."""

    def forward(*xs: Any) -> Any:
        if any(map(np.iscomplexobj, xs)):
            raise TypeError(f"{name} supports only real arguments, got complex ones")
        return getattr(scipy("special"), name)(*xs)

    return _Special(forward, *partials, name=name, domain=domain)


# -- gamma and its kin --------------------------------------------------------------------

# coefficients of the asymptotic series of psi in 1/x**2: Bernoulli numbers B[2k] / (2k)
_BERNOULLI = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760)


def _psi_gap(a: Any, b: Any) -> Any:
    """Return psi(a) - psi(a + b), for positive numbers without cancellation."""
    plain, usual, total = psi(a) - psi(a + b), (raw(a) > 0) & (raw(b) > 0), 0.0
    for _ in range(10):  # the recurrence, until the series converges
        total, a = total + b / (a + b) / a, a + 1
    p, q = 1 / a, 1 / (a + b)
    quotient, power, series = 0.0, 1.0, 0.0
    for coefficient in _BERNOULLI:  # quotient: (p**2k - q**2k) / (p**2 - q**2)
        quotient, power = quotient * (p * p) + power, power * (q * q)
        series = series + coefficient * quotient
    gap = total + log1p(b / a) + b * p * q * (0.5 + (p + q) * series)
    return where(usual, -gap, plain)


def _rgamma_slope(y: Any, x: Any) -> Any:
    # psi has poles where x is 0, -1, -2, ...: reflection there, sin(pi x) gamma(1 - x) / pi
    t = math.pi * x
    left = gamma(1 - x) * (cos(t) - psi(1 - x) * sin(t) / math.pi)
    return where(raw(x) > 0.5, -y * psi(x), left)


_zeta: Binary = _scipy(
    "zeta", None, lambda _y, s, x: -s * _zeta(s + 1, x), domain=(Domain(1.0), POSITIVE)
)
psi: Unary = _scipy("psi", lambda _y, x: _zeta(2.0, x), domain=POSITIVE)
"""Return the digamma function, the derivative of ``log(gamma(x))``.

The derivative is ``zeta(2, x)``, the trigamma function.
"""

gammaln: Unary = _scipy("gammaln", lambda _y, x: psi(x), domain=POSITIVE)
"""Return the logarithm of the absolute value of the gamma function.

The derivative is ``psi(x)``.
"""

rgamma: Unary = _scipy("rgamma", _rgamma_slope)
"""Return the reciprocal of the gamma function, which is 0 at the poles of `gamma`.

The derivative is ``-psi(x) * rgamma(x)``, and its limit at the poles of `gamma`.
"""

gammasgn: Unary = _scipy("gammasgn", 0, domain=POSITIVE)
"""Return the sign of the gamma function.

The derivative is ``0``.
"""

gamma: Unary = _scipy("gamma", lambda y, x: y * psi(x), domain=POSITIVE)
"""Return the gamma function, which continues the factorial: ``gamma(n + 1) = n!``.

The derivative is ``gamma(x) * psi(x)``.
"""

betaln: Binary = _scipy(
    "betaln", lambda _y, a, b: _psi_gap(a, b), lambda _y, a, b: _psi_gap(b, a), domain=POSITIVE
)
"""Return the logarithm of the absolute value of the beta function.

The derivatives are ``psi(a) - psi(a + b)`` and ``psi(b) - psi(a + b)``.
"""

beta: Binary = _scipy(
    "beta", lambda y, a, b: y * _psi_gap(a, b), lambda y, a, b: y * _psi_gap(b, a), domain=POSITIVE
)
"""Return the beta function, ``gamma(a) * gamma(b) / gamma(a + b)``.

The derivatives are ``beta(a, b) * (psi(a) - psi(a + b))`` and
``beta(a, b) * (psi(b) - psi(a + b))``.
"""


def _gamma_density(a: Any, x: Any) -> Any:
    return exp(xlogy(a - 1, x) - x - gammaln(a))


gammainc: Binary = _scipy("gammainc", None, lambda _y, a, x: _gamma_density(a, x), domain=POSITIVE)
"""Return the regularised lower incomplete gamma function, the distribution function of gamma(a).

The derivative with respect to `x` is ``exp(-x) * x**(a - 1) / gamma(a)``.
There is no derivative with respect to `a`: a variable there raises a TypeError.
"""

gammaincc: Binary = _scipy(
    "gammaincc", None, lambda _y, a, x: -_gamma_density(a, x), domain=POSITIVE
)
"""Return the regularised upper incomplete gamma function, ``1 - gammainc(a, x)``.

The derivative with respect to `x` is ``-exp(-x) * x**(a - 1) / gamma(a)``.
There is no derivative with respect to `a`: a variable there raises a TypeError.
"""

betainc: OfThree[...] = _scipy(
    "betainc",
    None,
    None,
    lambda _y, a, b, x: exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b)),
    domain=(POSITIVE, POSITIVE, FRACTION),
)
"""Return the regularised incomplete beta function, the distribution function of beta(a, b).

The derivative with respect to `x` is ``x**(a - 1) * (1 - x)**(b - 1) / beta(a, b)``.
There is no derivative with respect to `a` or `b`: a variable there raises a TypeError.
"""


# -- Bessel functions ---------------------------------------------------------------------

jv: Binary = _scipy(
    "jv", None, lambda _y, v, x: 0.5 * (jv(v - 1, x) - jv(v + 1, x)), domain=POSITIVE
)
"""Return the Bessel function of the first kind and of real order `v`.

The derivative with respect to `x` is ``(jv(v - 1, x) - jv(v + 1, x)) / 2``.
There is no derivative with respect to `v`: a variable there raises a TypeError.
"""

yv: Binary = _scipy(
    "yv", None, lambda _y, v, x: 0.5 * (yv(v - 1, x) - yv(v + 1, x)), domain=POSITIVE
)
"""Return the Bessel function of the second kind and of real order `v`.

The derivative with respect to `x` is ``(yv(v - 1, x) - yv(v + 1, x)) / 2``.
There is no derivative with respect to `v`: a variable there raises a TypeError.
"""

j0: Unary = _scipy("j0", lambda _y, x: -j1(x))
"""Return the Bessel function of the first kind and of order 0.

The derivative is ``-j1(x)``.
"""

j1: Unary = _scipy("j1", lambda _y, x: 0.5 * (j0(x) - jv(2.0, x)))
"""Return the Bessel function of the first kind and of order 1.

The derivative is ``(j0(x) - jv(2, x)) / 2``.
"""

y0: Unary = _scipy("y0", lambda _y, x: -y1(x), domain=POSITIVE)
"""Return the Bessel function of the second kind and of order 0.

The derivative is ``-y1(x)``.
"""

y1: Unary = _scipy("y1", lambda _y, x: 0.5 * (y0(x) - yv(2.0, x)), domain=POSITIVE)
"""Return the Bessel function of the second kind and of order 1.

The derivative is ``(y0(x) - yv(2, x)) / 2``.
"""


# -- modified Bessel functions ------------------------------------------------------------


def _i1e_slope(y: Any, x: Any) -> Any:
    return i0e(x) - sign(x) * y - where(raw(x) == 0, 0.5, y / x)


iv: Binary = _scipy(
    "iv", None, lambda _y, v, x: 0.5 * (iv(v - 1, x) + iv(v + 1, x)), domain=POSITIVE
)
"""Return the modified Bessel function of the first kind and of real order `v`.

The derivative with respect to `x` is ``(iv(v - 1, x) + iv(v + 1, x)) / 2``.
There is no derivative with respect to `v`: a variable there raises a TypeError.
"""

ive: Binary = _scipy(
    "ive",
    None,
    lambda y, v, x: 0.5 * (ive(v - 1, x) + ive(v + 1, x)) - sign(x) * y,
    domain=POSITIVE,
)
"""Return ``iv(v, x) * exp(-abs(x))``, which does not overflow.

The derivative with respect to `x` is
``(ive(v - 1, x) + ive(v + 1, x)) / 2 - sign(x) * ive(v, x)``.
There is no derivative with respect to `v`: a variable there raises a TypeError.
"""

i0: Unary = Elementwise(np.i0, lambda _y, x: i1(x))
"""Return the modified Bessel function of the first kind and of order 0.

The derivative is ``i1(x)``.
"""

i0e: Unary = _scipy("i0e", lambda y, x: i1e(x) - sign(x) * y, domain=NONZERO)
"""Return ``i0(x) * exp(-abs(x))``, which does not overflow.

The derivative is ``i1e(x) - sign(x) * i0e(x)``. At the kink, x = 0, it is 0.
"""

i1: Unary = _scipy("i1", lambda _y, x: 0.5 * (i0(x) + iv(2.0, x)))
"""Return the modified Bessel function of the first kind and of order 1.

The derivative is ``(i0(x) + iv(2, x)) / 2``.
"""

i1e: Unary = _scipy("i1e", _i1e_slope, domain=NONZERO)
"""Return ``i1(x) * exp(-abs(x))``, which does not overflow.

The derivative is ``i0e(x) - (sign(x) + 1 / x) * i1e(x)``. At 0 it is 1/2.
"""


# -- the normal distribution --------------------------------------------------------------


def _growth(z: Any, tail: Any) -> Any:
    """Return exp(z**2) for z with erfc(z) = tail, or twice that with ndtr(-sqrt(2) z) = tail."""
    return where(raw(tail) > 0, erfcx(z) / tail, math.inf)


def _log_ndtr_slope(y: Any, x: Any) -> Any:
    return where(
        raw(x) > 0,
        _bell(x, 0.5) * exp(-y) * INV_SQRT_2PI,
        SQRT_2_OVER_PI / erfcx(x * -SQRT_HALF),
    )


def _erfcx_slope(y: Any, x: Any) -> Any:
    # for large x the two terms cancel: the asymptotic series, in 1 / (2 x**2), replaces them
    t, series = 0.5 / (x * x), 1.0
    for k in range(25, 1, -2):
        series = 1 - k * t * series
    return where(raw(x) > 10, -2 / SQRT_PI * t * series, 2 * (x * y - 1 / SQRT_PI))


erfcx: Unary = _scipy("erfcx", _erfcx_slope)
"""Return ``exp(x**2) * erfc(x)``, which does not underflow.

The derivative is ``2 * x * erfcx(x) - 2 / sqrt(pi)``.
"""


# each by its nearer tail, which is accurate; the two tails agree at the median
erfinv: Unary = _scipy(
    "erfinv",
    lambda y, x: 0.5 * SQRT_PI * where(raw(x) < 0, _growth(-y, 1 + x), _growth(y, 1 - x)),
    domain=UNIT,
)
"""Return the inverse of the error function: the number whose `erf` is `x`.

The derivative is ``sqrt(pi) / 2 * exp(erfinv(x)**2)``. At -1 and 1 it is infinite.
"""

erfcinv: Unary = _scipy(
    "erfcinv",
    lambda y, x: -0.5 * SQRT_PI * where(raw(x) < 1, _growth(y, x), _growth(-y, 2 - x)),
    domain=Domain(0.0, 2.0),
)
"""Return the inverse of the complementary error function: the number whose `erfc` is `x`.

The derivative is ``-sqrt(pi) / 2 * exp(erfcinv(x)**2)``. At 0 and 2 it is infinite.
"""

ndtri: Unary = _scipy(
    "ndtri",
    lambda y, p: (
        SQRT_HALF
        * SQRT_PI
        * where(raw(p) < 0.5, _growth(y * -SQRT_HALF, p), _growth(y * SQRT_HALF, 1 - p))
    ),
    domain=FRACTION,
)
"""Return the quantile function of the normal distribution: the number whose `ndtr` is `p`.

The derivative is ``sqrt(2 * pi) * exp(ndtri(p)**2 / 2)``. At 0 and 1 it is infinite.
"""

log_ndtr: Unary = _scipy("log_ndtr", _log_ndtr_slope)
"""Return the logarithm of the normal distribution function `ndtr`, also accurate in its tail.

The derivative is ``exp(-x**2 / 2) / (sqrt(2 * pi) * ndtr(x))``.
"""


# -- logarithms and entropies -------------------------------------------------------------


def _xlog1py(x: Any, y: Any) -> Any:
    """x log(1 + y), and 0 where x is 0 and y is not NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return x * np.log1p(np.where((x == 0) & ~np.isnan(y), 0, y))


def _logit(x: Any) -> Any:
    """log(x / (1 - x)), the inverse of the logistic function."""
    centred = 2 * np.asarray(x) - 1  # the logarithm of a ratio near 1 would lose its last digits
    near = np.abs(centred) < 0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.log(np.divide(x, np.subtract(1, x)))
    return np.where(near, 2 * np.arctanh(np.where(near, centred, 0)), far)


def _entr(x: Any) -> Any:
    """-x log(x), and 0 at 0."""
    with np.errstate(invalid="ignore"):
        return np.where(np.less(x, 0), -np.inf, -x * np.log(np.where(np.equal(x, 0), 1, x)))


def _log_ratio(x: Any, y: Any) -> Any:
    ratio = divide(x, y)
    usual = (raw(ratio) > 0) & (raw(ratio) < np.inf)
    return where(usual, log(ratio), log(x) - log(y))


def _kl_div(x: Any, y: Any) -> Any:
    """x log(x / y) - x + y, and y where x is 0."""
    return _rel_entr(x, y) - x + y


def _rel_entr(x: Any, y: Any) -> Any:
    """x log(x / y), and 0 where x is 0."""
    with np.errstate(all="ignore"):
        inside = np.where((x == 0) & (y >= 0), 0, x * _log_ratio(x, y))
    return np.where((x < 0) | (y < 0), np.inf, inside)


xlog1py: Binary = Elementwise(
    _xlog1py,
    lambda _y, _a, b: log1p(b),
    lambda _y, a, b: _quotient(a, 1 + b),
    domain=(REAL, Domain(-1.0)),
)
"""Return ``a * log(1 + b)``, which is 0 where `a` is 0 and `b` is not NaN.

The derivatives are ``log1p(b)`` and ``a / (1 + b)``. Where `a` is 0, the derivative with respect
to `b` is 0 for every `b`.
"""

logit: Unary = Elementwise(_logit, lambda _y, x: 1 / (x * (1 - x)), domain=FRACTION)
"""Return the log-odds ``log(x / (1 - x))``, the inverse of the logistic function.

The derivative is ``1 / (x * (1 - x))``. At 0 and 1 it is infinite.
"""

entr: Unary = Elementwise(_entr, lambda _y, x: -1 - log(x), domain=POSITIVE)
"""Return the entropy term ``-x * log(x)``, which is 0 at 0 and -inf for a negative `x`.

The derivative is ``-1 - log(x)``. At 0 it is infinite.
"""

rel_entr: Binary = Elementwise(
    _rel_entr,
    lambda _y, a, b: _log_ratio(a, b) + 1,
    lambda _y, a, b: -_quotient(a, b),
    domain=POSITIVE,
)
"""Return the relative entropy term ``a * log(a / b)``, which is 0 where `a` is 0.

The derivatives are ``1 + log(a / b)`` and ``-a / b``. Where `a` is 0, the derivative with respect
to `b` is 0 for every `b`.
"""

kl_div: Binary = Elementwise(
    _kl_div,
    lambda _y, a, b: _log_ratio(a, b),
    lambda _y, a, b: 1 - _quotient(a, b),
    domain=POSITIVE,
)
"""Return the divergence ``a * log(a / b) - a + b``, which is `b` where `a` is 0.

The derivatives are ``log(a / b)`` and ``1 - a / b``. Where `a` is 0, the derivative with respect
to `b` is 1 for every `b`.
"""


# -- what users call ----------------------------------------------------------------------

digamma: Unary = psi
expit: Unary = sigmoid
log_expit: Unary = log_sigmoid


@of_array
def ndtr(x: Any) -> Any:
    """Return the normal distribution function: the area under the bell curve left of x.

    The derivative is ``exp(-x**2 / 2) / sqrt(2 * pi)``.

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    Value or array
        An array of the shape and floating dtype of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([-1.0, 0.0, 2.0])
    >>> y = dnp.special.ndtr(x)
    >>> y
    Value([0.15865525, 0.5       , 0.97724987], shape=(3,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([0.24197072, 0.39894228, 0.05399097])
    """
    return 0.5 * erfc(multiply(x, -SQRT_HALF))


def zeta(s: Any, x: Any = 1.0) -> Any:
    """Return Hurwitz's zeta function, ``sum((x + k)**-s)`` over k >= 0; Riemann's for x = 1.

    There is no derivative with respect to `s`: a variable `s` raises a TypeError.

    The derivative with respect to `x` is ``-s * zeta(s + 1, x)``.

    Parameters
    ----------
    s : array_like
        Numbers greater than 1.
    x : array_like or Value, optional

    Returns
    -------
    Value or array
        The broadcast shape.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0])
    >>> y = dnp.special.zeta(2.0, x)
    >>> y
    Value([1.64493407, 0.64493407], shape=(2,), dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([-2.40411381, -0.40411381])
    """
    return _zeta(s, x)


@of_two
def polygamma(n: int, x: Any) -> Any:
    """Return the n-th derivative of psi.

    The derivative with respect to `x` is ``polygamma(n + 1, x)``.

    Parameters
    ----------
    n : int
        The order, not negative.
    x : array_like or Value

    Returns
    -------
    Value or array
        An array of the shape and floating dtype of `x`.

    Raises
    ------
    ValueError
        If `n` is negative.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value(1.0)
    >>> y = polygamma(1, x)  # pi**2 / 6
    >>> y.backward()
    >>> round(y.item(), 6), round(x.grad, 6)
    (1.644934, -2.404114)
    """
    n = operator.index(n)
    if n < 0:
        raise ValueError(f"polygamma: the order n must be at least 0, got {n}")
    return psi(x) if n == 0 else (-1.0) ** (n + 1) * math.factorial(n) * _zeta(n + 1.0, x)


@of_array
def multigammaln(a: Any, d: int) -> Any:
    """Return the logarithm of the multivariate gamma function of dimension `d`.

    It is defined for a > (d - 1) / 2.

    The derivative is the sum of ``psi(a - j / 2)`` for j from 0 to d - 1.

    Parameters
    ----------
    a : array_like or Value
        Numbers greater than (d - 1) / 2.
    d : int
        The dimension.

    Returns
    -------
    Value or array
        An array of the shape and floating dtype of `a`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> a = dp.Value([2.0, 3.0])
    >>> y = dnp.special.multigammaln(a, 2)
    >>> y
    Value([0.45158271, 1.55019499], shape=(2,), dtype=float64)
    >>> y.sum().backward()
    >>> a.grad
    array([0.45927431, 1.62594098])
    """
    d = operator.index(d)
    if np.any(raw(a) <= 0.5 * (d - 1)):
        raise ValueError(f"multigammaln of dimension d={d}: a must be greater than {0.5 * (d - 1)}")
    total = sum(gammaln(a - 0.5 * j) for j in range(d))
    return total + d * (d - 1) * 0.25 * math.log(math.pi)


jn: Binary = jv
yn: Binary = yv
