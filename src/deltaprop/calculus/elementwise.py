"""The elementwise operations: each entry is a function and its partials.

A partial is a function of the output and the inputs, ``(y, x)`` or ``(y, a, b)``. A parameter
whose name begins with an underscore is not needed. The partials `1`, `-1` and `0` are constants.
None marks an input that is not differentiated. A boolean partial is a choice: where it is False,
the output does not depend on the input at all.

To add an operation, add its line; the tests find the line in the table. An operation has the name
of its function. On Python floats it is the function of this name in `math`, except where NumPy's
function is more accurate (``scalar=False``).

The docstring below an entry says what the operation is, and its derivatives as formulas, which the
tests check. `help` adds the operands, the result and an example.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..graph import Elementwise, Masked, Node, as_array, dtype_of, gathered, is_complex, over, raw
from ..graph import conj as _conj
from ..graph.arrays import is_known
from ..graph.domains import NONZERO, POSITIVE, REAL, UNIT, Domain
from ..graph.elementwise import has_no_nan
from ..graph.primitive import Rule
from . import libm
from .signatures import Binary, OfArray, OfThree, Unary, of_array

__all__ = [
    "abs", "absolute", "acos", "acosh", "add", "angle", "arccos", "arccosh", "arcsin", "arcsinh",
    "arctan", "arctan2", "arctanh", "around", "asin", "asinh", "atan", "atan2", "atanh",
    "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "cbrt", "ceil", "clip", "conj", "conjugate", "copysign",
    "cos", "cosh", "deg2rad", "degrees", "divide", "equal", "erf", "erfc", "exp", "exp2", "expm1",
    "fabs", "fix", "floor", "floor_divide", "fmax", "fmin", "fmod", "greater", "greater_equal",
    "heaviside", "hypot", "imag", "invert", "isfinite", "isinf", "isnan", "left_shift", "less",
    "less_equal", "log", "log1p", "log2", "log10", "logaddexp", "logaddexp2", "logical_and",
    "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "mod", "multiply",
    "nan_to_num", "negative", "nextafter", "not_equal", "positive", "pow", "power", "rad2deg",
    "radians", "real", "real_if_close", "reciprocal", "remainder", "right_shift", "rint", "round",
    "sigmoid", "sign", "signbit", "sin", "sinc", "sinh", "sqrt", "square", "subtract", "tan",
    "tanh", "true_divide", "trunc", "where", "xlogy",
]  # fmt: skip

LN2, LN10, RADIAN = math.log(2.0), math.log(10.0), math.pi / 180.0
INV_SQRT_PI = 1.0 / math.sqrt(math.pi)


def _power(a: Any, b: Any) -> Any:
    """a**b."""
    return a**b if isinstance(a, np.ndarray) else np.power(a, b)


def _power_in_base(y: Any, a: Any, b: Any) -> Any:
    if not isinstance(b, float | int) or b == 0:
        # 0**0 is flat in the base: 0 * 0**-1 must not be computed
        a = where((raw(a) == 0) & (raw(b) == 0), 1.0, a)
    slope, lost = b * power(a, b - 1), (raw(b) == 0) | ((raw(b) - 1) + 1 != raw(b))
    if isinstance(b, float | int) and not lost:
        return slope
    # a rounded exponent b - 1 costs accuracy for a large or tiny base, and 1 / a may overflow
    return where(lost & (raw(a) != 0), b * y / a, slope)


def _power_in_exponent(y: Any, a: Any, _b: Any) -> Any:
    # 0**b is flat in b wherever it is finite, so log(0) must not be computed
    return y * log(where(raw(a) == 0, 1.0, a))


def _share(y: Any, mine: Any, other: Any, beats: Rule, unknown: float = math.nan) -> Any:
    """Return the part of a maximum or minimum that is `mine`: ties are split, NaN stays.

    `mine` is compared with the other input, not with y, because a number next to a float32 array
    is rounded in y.
    """
    y, mine, other = raw(y), raw(mine), raw(other)
    wins, loses = beats(mine, other), beats(other, mine)
    if is_known(wins) and np.count_nonzero(wins | loses) == np.size(wins):
        return wins  # every entry has a winner
    weight = np.multiply(wins, 0.5) + 0.5  # where it loses, the mask counts
    if not has_no_nan(y):
        weight = np.where(np.isnan(y), unknown, weight)
    return Masked(weight.astype(np.result_type(y), copy=False), np.logical_not(loses))


def _extreme(function: np.ufunc, beats: Rule, unknown: float = math.nan) -> Elementwise:
    """Return the operation that selects the input that beats the other."""
    return Elementwise(
        function,
        lambda y, a, b: _share(y, a, b, beats, unknown),
        lambda y, a, b: _share(y, b, a, beats, unknown),
        chooses=True,
    )


def _greater(a: Any, b: Any) -> Any:
    return (a > b) | ((a == a) & (b != b))


def _less(a: Any, b: Any) -> Any:
    return (a < b) | ((a == a) & (b != b))


def _clipped(x: Any, low: Any, high: Any) -> Any:
    if isinstance(x, np.ndarray):
        return np.clip(x, low, high)  # the same, several times faster beside numbers
    return np.minimum(np.maximum(x, low), high)


def _bound(binds: Any, x: Any, low: Any, high: Any) -> Masked:
    """Return the part of a clipped x that is one of its bounds: half, below two equal bounds."""
    x, low, high = raw(x), raw(low), raw(high)
    weight = np.where((x < low) & (low == high), 0.5, np.where(binds, 1.0, 0.0))
    return Masked(weight.astype(np.result_type(x, low, high), copy=False), weight != 0)


def _taken(y: Any, a: Any, b: Any) -> Any:
    # y - a is a multiple of b up to rounding; a / b may round up to the next integer
    return rint((y - a) / b)


def _phase(_y: Any, x: Any) -> Any:
    # d|z| = Re(conj(z) / |z| dz)
    return conj(sign(x)) if is_complex(x) else _sign(x)


def _size(function: np.ufunc) -> Elementwise:
    """Return the operation of an absolute value, which is the root of its square."""
    return Elementwise(function, _phase, domain=NONZERO, squares=(1.0,), root=True, jumps=True)


def _leg(x: Any) -> Any:
    """Return the cosine of the angle whose sine is x, or the sine for a cosine x."""
    return sqrt((1 - x) * (1 + x))


def _arcsinh_slope(_y: Any, x: Any) -> Any:
    return 1 / (sqrt(1 + x * x) if is_complex(x) else hypot(1.0, x))


# the series of the derivative of sin(t) / t in powers of t * t, lowest first
_SINC = [(-1) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(1, 11)]


def _sinc_slope(y: Any, x: Any) -> Any:
    # near 0 the terms of (cos t - sinc x) / x cancel: the Taylor series replaces them
    t, series = math.pi * x, 0.0
    for coefficient in reversed(_SINC):
        series = series * (t * t) + coefficient
    return where(np.abs(raw(x)) < 0.5, math.pi * t * series, (cos(t) - y) / x)


def _bounded_exp(x: Any) -> Any:
    """Return exp(x), at most a number so large that adding 1 to it changes nothing."""
    return np.exp(np.minimum(x, 11.0 if getattr(x, "dtype", None) == np.float16 else 80.0))


def _sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), the logistic function, without overflow."""
    e = _bounded_exp(x)  # of x, not of -x: tiny results stay accurate
    e /= 1 + e
    return e


def _expit(x: float) -> float:
    e = math.exp(min(x, 80.0))
    return e / (1.0 + e)


def _bell(x: Any, scale: float = 1.0) -> Any:
    # exp(-scale * x * x): rounding x * x would be amplified for large x, but c * c is exact
    c = rint(clip(x, -40.0, 40.0) * 16) / 16
    return exp(-scale * c * c) * exp(scale * (c - x) * (c + x))


def _xlogy(x: Any, y: Any) -> Any:
    """x log(y), and 0 where x is 0 and y is not NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return x * np.log(np.where((x == 0) & ~np.isnan(y), 1, y))


def _quotient(x: Any, y: Any) -> Any:
    """Return x / y, and 0 where x is 0; if y is 0 or NaN there, it has no derivative."""
    return where((raw(x) == 0) & ~(np.abs(raw(y)) > 0), over(0.0, x), divide(x, y))


def _sign_float(x: float) -> float:
    return 1.0 if x > 0 else -1.0 if x < 0 else x


def _even_power(_y: Any, a: Any, b: Any) -> Any:
    """Return the derivative of a**b with respect to a**2 / 2, where it is finite."""
    if isinstance(b, Node) or np.iscomplexobj(b) or not np.all(np.greater_equal(b, 2)):
        return None
    return 2.0 if np.all(np.equal(b, 2)) else b * power(a, b - 2)


# arithmetic
add: Binary = Elementwise(np.add, 1, 1, symbol="+")
"""Return the sum ``x1 + x2``.

The derivatives are ``1`` and ``1``.
"""

subtract: Binary = Elementwise(np.subtract, 1, -1, symbol="-")
"""Return the difference ``x1 - x2``.

The derivatives are ``1`` and ``-1``.
"""

multiply: Binary = Elementwise(
    np.multiply,
    lambda _y, _a, b: b,
    lambda _y, a, _b: a,
    symbol="*",
    ones=(0, 1),
    even=[lambda _y, _a, _b: 1.0 if _a is _b else None] * 2,
    squares=(lambda _y, _a, b: b * b, lambda _y, a, _b: a * a),
)
"""Return the product ``x1 * x2``.

The derivatives are ``x2`` and ``x1``.
"""

divide: Binary = Elementwise(
    np.divide,
    lambda _y, _a, b: 1 / b,
    lambda y, _a, b: -y / b,
    symbol="/",
    ones=(1,),
    scalar=operator.truediv,
    domain=(REAL, NONZERO),
    squares=(lambda _y, _a, b: 1 / (b * b), None),
)
"""Return the quotient ``x1 / x2``.

The derivatives are ``1 / x2`` and ``-x1 / x2**2``.
"""

power: Binary = Elementwise(
    _power,
    _power_in_base,
    _power_in_exponent,
    symbol="**",
    ones=(1,),
    scalar=math.pow,
    domain=(POSITIVE, REAL),
    even=(_even_power, None),
)
"""Return the power ``a**b``.

The derivatives are ``b * a**(b - 1)`` and ``a**b * log(a)``. Where `a` is 0, the derivative with
respect to `b` is 0 if the power is finite; where `b` is 0, the derivative with respect to `a` is 0.
For a negative `a`, the derivative with respect to `b` is NaN.
"""

negative: Unary = Elementwise(np.negative, -1, symbol="-", squares=(1.0,))
"""Return the negative, ``-x``.

The derivative is ``-1``.
"""

positive: Unary = Elementwise(np.positive, 1, silent=True, squares=(1.0,))
"""Return a copy of `x`, ``+x``.

The derivative is ``1``.
"""

absolute: Unary = _size(np.absolute)
"""Return the absolute value of `x`; for a complex `x` its modulus.

The derivative is ``sign(x)``. At the kink, x = 0, it is 0.
"""

fabs: Unary = _size(np.fabs)
"""Return the absolute value of a real `x`.

The derivative is ``sign(x)``. At the kink, x = 0, it is 0.
"""

square: Unary = Elementwise(np.square, lambda _y, x: 2 * x, even=(2.0,))
"""Return the square, ``x * x``.

The derivative is ``2 * x``.
"""

sqrt: Unary = Elementwise(np.sqrt, lambda y, _x: 0.5 / y, domain=POSITIVE)
"""Return the square root.

The derivative is ``1 / (2 * sqrt(x))``. At 0 it is infinite.
"""

cbrt: Unary = Elementwise(np.cbrt, lambda y, _x: 1 / (3 * y * y), domain=NONZERO, scalar=False)
"""Return the cube root, for a negative `x` the negative one.

The derivative is ``1 / (3 * cbrt(x)**2)``. At 0 it is infinite.
"""

reciprocal: Unary = Elementwise(np.reciprocal, lambda y, _x: -y * y, domain=NONZERO)
"""Return the reciprocal, ``1 / x``.

The derivative is ``-1 / x**2``.
"""

hypot: Binary = Elementwise(
    np.hypot,
    lambda y, a, _b: over(a, y),
    lambda y, _a, b: over(b, y),
    domain=NONZERO,
    squares=(1.0, 1.0),
    root=True,
)
"""Return the length ``sqrt(x1**2 + x2**2)``, without overflow.

The derivatives are ``x1 / hypot(x1, x2)`` and ``x2 / hypot(x1, x2)``. At the kink, x1 = x2 = 0,
they are 0.
"""

# roots whose derivative at 0 is 0, not infinite: the last step of norms and deviations
root: Unary = Elementwise(
    np.sqrt,
    lambda y, _s: over(0.5, y),
    name="root",
    domain=POSITIVE,
    squares=(0.5,),
    root=True,
    radical=True,
)
"""Return the square root, with the derivative 0 at 0."""

root_of_power: Binary = Elementwise(
    _power,
    lambda y, a, b: over(b * y, a),
    None,
    name="root_of_power",
    domain=(POSITIVE, REAL),
)
"""Return ``a**b`` without a derivative in `b`; where `a` is 0, the derivative is 0."""

# steps: flat except where they jump
_sign: Unary = Elementwise(np.sign, 0, domain=NONZERO, scalar=_sign_float)
"""Return -1, 0 or 1, the sign of a real number."""

floor: Unary = Elementwise(np.floor, 0, domain=UNIT)
"""Return the largest integer that is at most `x`.

The derivative is ``0``, also at the steps.
"""

ceil: Unary = Elementwise(np.ceil, 0, domain=UNIT)
"""Return the smallest integer that is at least `x`.

The derivative is ``0``, also at the steps.
"""

trunc: Unary = Elementwise(np.trunc, 0, domain=UNIT)
"""Return the integer part of `x`: `x` rounded towards 0.

The derivative is ``0``, also at the steps.
"""

rint: Unary = Elementwise(np.rint, 0, domain=UNIT)
"""Return the nearest integer; halfway between two integers, the even one.

The derivative is ``0``, also at the steps.
"""

heaviside: Binary = Elementwise(
    np.heaviside,
    0,
    lambda _y, a, _b: raw(a) == 0,
    chooses=True,
    domain=(NONZERO, REAL),
)
"""Return 0 where `x1` is negative, 1 where it is positive, and `x2` where it is 0.

The derivatives are ``0`` and ``1 - absolute(sign(x1))``, which is 1 where `x1` is 0.
"""

copysign: Binary = Elementwise(
    np.copysign,
    lambda _y, a, b: _sign(a) * copysign(1.0, b),
    0,
    domain=NONZERO,
    squares=(1.0, 0.0),
    root=True,
    jumps=True,
)
"""Return the absolute value of `x1` with the sign of `x2`.

The derivatives are ``sign(x1) * sign(x2)`` and ``0``. At the kink, x1 = 0, both are 0.
"""

remainder: Binary = Elementwise(
    np.remainder,
    1,
    _taken,
    symbol="%",
    scalar=operator.mod,
    domain=POSITIVE,
)
"""Return the remainder of ``x1 / x2`` with the sign of `x2`, ``x1 - x2 * floor(x1 / x2)``.

The derivatives are ``1`` and ``-floor(x1 / x2)``, also at the steps.
"""

fmod: Binary = Elementwise(np.fmod, 1, _taken, domain=POSITIVE)
"""Return the remainder of ``x1 / x2`` with the sign of `x1`, ``x1 - x2 * trunc(x1 / x2)``.

The derivatives are ``1`` and ``-trunc(x1 / x2)``, also at the steps.
"""

nextafter: Binary = Elementwise(np.nextafter, 1, 0, domain=NONZERO)
"""Return the floating-point number next to `x1` in the direction of `x2`.

The derivatives are ``1`` and ``0``.
"""

floor_divide: Binary = Elementwise(np.floor_divide, 0, 0, domain=(POSITIVE, Domain(100.0)))
"""Return the quotient rounded down, ``floor(x1 / x2)``.

The derivatives are ``0`` and ``0``, also at the steps.

Examples
--------
>>> x1 = dp.Value([7.0, -7.0])
>>> y = dnp.floor_divide(x1, 2.0)
>>> y
Value([ 3., -4.], shape=(2,), dtype=float64)
>>> y.sum().backward()
>>> x1.grad
array([0., 0.])
"""


# exponentials and logarithms
exp: Unary = Elementwise(np.exp, lambda y, _x: y)
"""Return the exponential function, e to the power `x`.

The derivative is ``exp(x)``.
"""

exp2: Unary = Elementwise(np.exp2, lambda y, _x: y * LN2)
"""Return 2 to the power `x`.

The derivative is ``2**x * log(2)``.
"""

expm1: Unary = Elementwise(np.expm1, lambda _y, x: exp(x))
"""Return ``exp(x) - 1``, also accurate for a small `x`.

The derivative is ``exp(x)``.
"""

log: Unary = Elementwise(np.log, lambda _y, x: 1 / x, domain=POSITIVE)
"""Return the natural logarithm.

The derivative is ``1 / x``. At 0 it is infinite.
"""

log2: Unary = Elementwise(np.log2, lambda _y, x: 1 / (x * LN2), domain=POSITIVE)
"""Return the logarithm to base 2.

The derivative is ``1 / (x * log(2))``. At 0 it is infinite.
"""

log10: Unary = Elementwise(np.log10, lambda _y, x: 1 / (x * LN10), domain=POSITIVE, scalar=False)
"""Return the logarithm to base 10.

The derivative is ``1 / (x * log(10))``. At 0 it is infinite.
"""

log1p: Unary = Elementwise(np.log1p, lambda _y, x: 1 / (1 + x), domain=Domain(-1.0))
"""Return ``log(1 + x)``, also accurate for a small `x`.

The derivative is ``1 / (1 + x)``. At -1 it is infinite.
"""

logaddexp: Binary = Elementwise(
    np.logaddexp,
    lambda y, a, b: where(raw(y) == -np.inf, 0.0, _logistic(a - b)),
    lambda y, a, b: where(raw(y) == -np.inf, 0.0, _logistic(b - a)),
)
"""Return ``log(exp(x1) + exp(x2))``, without overflow.

The derivatives are ``sigmoid(x1 - x2)`` and ``sigmoid(x2 - x1)``. Where both operands are -inf,
they are 0.
"""

logaddexp2: Binary = Elementwise(
    np.logaddexp2,
    lambda y, a, b: where(raw(y) == -np.inf, 0.0, _logistic((a - b) * LN2)),
    lambda y, a, b: where(raw(y) == -np.inf, 0.0, _logistic((b - a) * LN2)),
)
"""Return ``log2(2**x1 + 2**x2)``, without overflow.

The derivatives are ``sigmoid(log(2) * (x1 - x2))`` and ``sigmoid(log(2) * (x2 - x1))``. Where both
operands are -inf, they are 0.
"""


# trigonometric and hyperbolic
sin: Unary = Elementwise(np.sin, lambda _y, x: cos(x))
"""Return the sine of an angle in radians.

The derivative is ``cos(x)``.
"""

cos: Unary = Elementwise(np.cos, lambda _y, x: -sin(x))
"""Return the cosine of an angle in radians.

The derivative is ``-sin(x)``.
"""

tan: Unary = Elementwise(np.tan, lambda y, _x: 1 + y * y, domain=UNIT)
"""Return the tangent of an angle in radians.

The derivative is ``1 + tan(x)**2``.
"""

arcsin: Unary = Elementwise(np.arcsin, lambda _y, x: 1 / _leg(x), domain=UNIT)
"""Return the angle in radians, from -pi/2 to pi/2, whose sine is `x`.

The derivative is ``1 / sqrt(1 - x**2)``. At -1 and 1 it is infinite.
"""

arccos: Unary = Elementwise(np.arccos, lambda _y, x: -1 / _leg(x), domain=UNIT)
"""Return the angle in radians, from 0 to pi, whose cosine is `x`.

The derivative is ``-1 / sqrt(1 - x**2)``. At -1 and 1 it is infinite.
"""

arctan: Unary = Elementwise(np.arctan, lambda _y, x: 1 / (1 + x * x))
"""Return the angle in radians, from -pi/2 to pi/2, whose tangent is `x`.

The derivative is ``1 / (1 + x**2)``.
"""

arctan2: Binary = Elementwise(
    np.arctan2,
    lambda _y, a, b: over(over(b, hypot(a, b)), hypot(a, b)),
    lambda _y, a, b: -over(over(a, hypot(a, b)), hypot(a, b)),
    domain=NONZERO,
)
"""Return the angle of the point (x2, x1) in radians, from -pi to pi.

The derivatives are ``x2 / (x1**2 + x2**2)`` and ``-x1 / (x1**2 + x2**2)``. At the origin they
are 0.
"""

sinh: Unary = Elementwise(np.sinh, lambda _y, x: cosh(x), scalar=False)
"""Return the hyperbolic sine.

The derivative is ``cosh(x)``.
"""

cosh: Unary = Elementwise(np.cosh, lambda _y, x: sinh(x))
"""Return the hyperbolic cosine.

The derivative is ``sinh(x)``.
"""

tanh: Unary = Elementwise(np.tanh, lambda y, _x: 1 - y * y)
"""Return the hyperbolic tangent.

The derivative is ``1 - tanh(x)**2``.
"""

arcsinh: Unary = Elementwise(np.arcsinh, _arcsinh_slope)
"""Return the number whose hyperbolic sine is `x`.

The derivative is ``1 / sqrt(1 + x**2)``.
"""

arccosh: Unary = Elementwise(
    np.arccosh,
    lambda _y, x: 1 / (sqrt(x - 1) * sqrt(x + 1)),
    domain=Domain(1.0),
)
"""Return the non-negative number whose hyperbolic cosine is `x`.

The derivative is ``1 / (sqrt(x - 1) * sqrt(x + 1))``. At 1 it is infinite.
"""

arctanh: Unary = Elementwise(np.arctanh, lambda _y, x: 1 / ((1 - x) * (1 + x)), domain=UNIT)
"""Return the number whose hyperbolic tangent is `x`.

The derivative is ``1 / (1 - x**2)``. At -1 and 1 it is infinite.
"""

deg2rad: Unary = Elementwise(np.deg2rad, lambda _y, _x: RADIAN)
"""Return an angle in radians, given in degrees.

The derivative is ``pi / 180``.
"""

rad2deg: Unary = Elementwise(np.rad2deg, lambda _y, _x: 1 / RADIAN)
"""Return an angle in degrees, given in radians.

The derivative is ``180 / pi``.
"""

sinc: Unary = Elementwise(np.sinc, _sinc_slope)
"""Return ``sin(pi * x) / (pi * x)``, which is 1 at 0.

The derivative is ``(cos(pi * x) - sinc(x)) / x``. At 0 it is 0.
"""


# parts of a complex number: partials p with dy = Re(p dx)
_real: Unary = Elementwise(lambda x: +np.real(x), lambda _y, _x: 1 + 0j, name="real")
_imag: Unary = Elementwise(lambda x: np.copy(np.imag(x))[()], lambda _y, _x: -1j, name="imag")

# choices: a branch not taken gets a structural zero
where: OfThree[...] = Elementwise(
    np.where,
    None,
    lambda _y, c, _a, _b: raw(c) != 0,
    lambda _y, c, _a, _b: raw(c) == 0,
    chooses=True,
    domain=(NONZERO, REAL, REAL),
)
maximum: Binary = _extreme(np.maximum, operator.gt)
"""Return the larger of `x1` and `x2`; NaN where one of them is NaN.

The derivatives are ``where(x1 > x2, 1, 0)`` and ``where(x2 > x1, 1, 0)``. At the kink, x1 = x2,
both are 1/2. Where the result is NaN, so are they.
"""

minimum: Binary = _extreme(np.minimum, operator.lt)
"""Return the smaller of `x1` and `x2`; NaN where one of them is NaN.

The derivatives are ``where(x1 < x2, 1, 0)`` and ``where(x2 < x1, 1, 0)``. At the kink, x1 = x2,
both are 1/2. Where the result is NaN, so are they.
"""

fmax: Binary = _extreme(np.fmax, _greater, 0.5)
"""Return the larger of `x1` and `x2`; where one of them is NaN, the other one.

The derivatives are ``where(x1 > x2, 1, 0)`` and ``where(x2 > x1, 1, 0)``. At the kink, x1 = x2,
both are 1/2. No derivative flows to a NaN beside a number.
"""

fmin: Binary = _extreme(np.fmin, _less, 0.5)
"""Return the smaller of `x1` and `x2`; where one of them is NaN, the other one.

The derivatives are ``where(x1 < x2, 1, 0)`` and ``where(x2 < x1, 1, 0)``. At the kink, x1 = x2,
both are 1/2. No derivative flows to a NaN beside a number.
"""

_clip: OfThree[...] = Elementwise(
    _clipped,
    lambda _y, x, low, high: np.logical_not((raw(x) < raw(low)) | (raw(x) > raw(high))),
    lambda _y, x, low, high: _bound((raw(x) < raw(low)) & (raw(low) <= raw(high)), x, low, high),
    lambda _y, x, low, high: _bound((raw(x) > raw(high)) | (raw(low) > raw(high)), x, low, high),
    name="clip",
    decomposed=True,
    chooses=True,
    domain=(REAL, Domain(-2.0, -1.0), Domain(1.0, 2.0)),
)

# the logistic function, the error function, and x log y
sigmoid: Unary = Elementwise(_sigmoid, lambda y, _x: y * (1 - y), decomposed=True, scalar=_expit)
"""Return the logistic function, ``1 / (1 + exp(-x))``, without overflow.

The derivative is ``sigmoid(x) * (1 - sigmoid(x))``.
"""

# the logistic function as a slope: this derivative, unlike y * (1 - y), rounds to 0 in no tail
_logistic: Unary = Elementwise(
    _sigmoid, lambda y, x: y * _logistic(-x), name="logistic", decomposed=True, scalar=_expit
)
erf: Unary = Elementwise(libm.erf, lambda _y, x: 2 * INV_SQRT_PI * _bell(x), scalar=math.erf)
"""Return the error function, ``2 / sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to `x`.

The derivative is ``2 / sqrt(pi) * exp(-x**2)``.
"""

erfc: Unary = Elementwise(libm.erfc, lambda _y, x: -2 * INV_SQRT_PI * _bell(x), scalar=math.erfc)
"""Return the complementary error function, ``1 - erf(x)``, also accurate for a large `x`.

The derivative is ``-2 / sqrt(pi) * exp(-x**2)``.
"""

xlogy: Binary = Elementwise(
    _xlogy, lambda _y, _x, y: log(y), lambda _y, x, y: _quotient(x, y), domain=(REAL, POSITIVE)
)
"""Return ``x * log(y)``, which is 0 where `x` is 0 and `y` is not NaN.

The derivatives are ``log(y)`` and ``x / y``. Where `x` is 0, the derivative with respect to `y`
is 0 for every `y`, and the derivative with respect to `x` at y = 0 is -inf.
"""


# operations without derivative: the result is a constant
less: Binary = Elementwise(np.less, None, None)
"""Return whether ``x1 < x2``.

The result is a constant: it has no derivative.
"""

less_equal: Binary = Elementwise(np.less_equal, None, None)
"""Return whether ``x1 <= x2``.

The result is a constant: it has no derivative.
"""

greater: Binary = Elementwise(np.greater, None, None)
"""Return whether ``x1 > x2``.

The result is a constant: it has no derivative.
"""

greater_equal: Binary = Elementwise(np.greater_equal, None, None)
"""Return whether ``x1 >= x2``.

The result is a constant: it has no derivative.
"""

equal: Binary = Elementwise(np.equal, None, None)
"""Return whether ``x1 == x2``.

The result is a constant: it has no derivative.
"""

not_equal: Binary = Elementwise(np.not_equal, None, None)
"""Return whether ``x1 != x2``.

The result is a constant: it has no derivative.
"""

logical_and: Binary = Elementwise(np.logical_and, None, None)
"""Return whether `x1` and `x2` are both true (not 0).

The result is a constant: it has no derivative.
"""

logical_or: Binary = Elementwise(np.logical_or, None, None)
"""Return whether `x1` or `x2` is true (not 0), or both are.

The result is a constant: it has no derivative.
"""

logical_xor: Binary = Elementwise(np.logical_xor, None, None)
"""Return whether exactly one of `x1` and `x2` is true (not 0).

The result is a constant: it has no derivative.
"""

logical_not: Unary = Elementwise(np.logical_not, None)
"""Return whether `x` is false (0).

The result is a constant: it has no derivative.

Examples
--------
>>> dnp.logical_not([0.0, 2.0])
array([ True, False])
"""

bitwise_and: Binary = Elementwise(np.bitwise_and, None, None)
"""Return the integer whose bits are set in both `x1` and `x2`.

The result is a constant: it has no derivative.
"""

bitwise_or: Binary = Elementwise(np.bitwise_or, None, None)
"""Return the integer whose bits are set in `x1` or in `x2`.

The result is a constant: it has no derivative.
"""

bitwise_xor: Binary = Elementwise(np.bitwise_xor, None, None)
"""Return the integer whose bits are set in exactly one of `x1` and `x2`.

The result is a constant: it has no derivative.
"""

left_shift: Binary = Elementwise(np.left_shift, None, None)
"""Return `x1` with its bits moved up by `x2` places, ``x1 * 2**x2``.

The result is a constant: it has no derivative.
"""

right_shift: Binary = Elementwise(np.right_shift, None, None)
"""Return `x1` with its bits moved down by `x2` places, ``x1 // 2**x2``.

The result is a constant: it has no derivative.
"""

invert: Unary = Elementwise(np.invert, None)
"""Return the integer whose bits are the opposite of those of `x`, ``-x - 1``.

The result is a constant: it has no derivative.

Examples
--------
>>> dnp.invert([0, 5])
array([-1, -6])
"""

isnan: Unary = Elementwise(np.isnan, None)
"""Return whether `x` is NaN.

The result is a constant: it has no derivative.

Examples
--------
>>> import numpy as np
>>> dnp.isnan([-2.0, 0.0, np.inf, np.nan])
array([False, False, False,  True])
"""

isinf: Unary = Elementwise(np.isinf, None)
"""Return whether `x` is inf or -inf.

The result is a constant: it has no derivative.

Examples
--------
>>> import numpy as np
>>> dnp.isinf([-2.0, 0.0, np.inf, np.nan])
array([False, False,  True, False])
"""

isfinite: Unary = Elementwise(np.isfinite, None)
"""Return whether `x` is neither infinite nor NaN.

The result is a constant: it has no derivative.

Examples
--------
>>> import numpy as np
>>> dnp.isfinite([-2.0, 0.0, np.inf, np.nan])
array([ True,  True, False, False])
"""

signbit: Unary = Elementwise(np.signbit, None)
"""Return whether `x` has a negative sign, as -0.0 does.

The result is a constant: it has no derivative.

Examples
--------
>>> import numpy as np
>>> dnp.signbit([-2.0, 0.0, np.inf, np.nan])
array([ True, False, False, False])
"""


def _listed(x: Any) -> Any:
    """Return a list as one array or node; anything else as it is."""
    return gathered(x) if isinstance(x, list | tuple) else x


@of_array
def sign(x: Any) -> Any:
    """Return -1, 0 or 1, with derivative zero; for a complex number x / abs(x).

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    Value or array
        An array of the shape of `x`. A floating dtype is kept.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([-2.0, 0.0, 3.0])
    >>> dnp.sign(x)
    Value([-1.,  0.,  1.], shape=(3,), dtype=float64)
    >>> dnp.sign(x).sum().backward()
    >>> x.grad
    array([0., 0., 0.])
    """
    x = _listed(x)
    return over(x, absolute(x)) if is_complex(x) else _sign(x)


@of_array
def real(x: Any) -> Any:
    """Return the real part; a real x as it is.

    The derivative with respect to the real part is 1, with respect to the imaginary part 0.

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    Value or array
        Real numbers, of the shape of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0 + 2.0j, 3.0 - 1.0j])
    >>> dnp.real(x)
    Value([1., 3.], shape=(2,), dtype=float64)
    >>> dnp.real(x).sum().backward()
    >>> x.grad
    array([1.-0.j, 1.-0.j])
    """
    x = _listed(x)
    return _real(x) if is_complex(x) else x


@of_array
def imag(x: Any) -> Any:
    """Return the imaginary part; zeros if x is real.

    The derivative with respect to the imaginary part is 1, with respect to the real part 0.

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    Value or array
        Real numbers, of the shape of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0 + 2.0j, 3.0 - 1.0j])
    >>> dnp.imag(x)
    Value([ 2., -1.], shape=(2,), dtype=float64)
    >>> dnp.imag(x).sum().backward()
    >>> x.grad
    array([0.+1.j, 0.+1.j])
    """
    return _imag(x)


@of_array
def angle(z: Any, deg: bool = False) -> Any:
    """Return the argument of z in radians (or degrees); its derivative at 0 is 0.

    For z = a + bi, the derivatives with respect to a and b are ``-b / (a**2 + b**2)`` and ``a /
    (a**2 + b**2)``.

    Parameters
    ----------
    z : array_like or Value
        Complex or real numbers.
    deg : bool, optional
        Whether the angle is in degrees instead of radians.

    Returns
    -------
    Value or array
        Real numbers, of the shape of `z`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> z = dp.Value([1.0 + 1.0j, -2.0j])
    >>> dnp.angle(z)
    Value([ 0.78539816, -1.57079633], shape=(2,), dtype=float64)
    >>> dnp.angle(z).sum().backward()
    >>> z.grad
    array([-0.5+0.5j,  0.5-0.j ])
    """
    z = _listed(z)
    a = arctan2(imag(z) if is_complex(z) else 0, real(z))
    return rad2deg(a) if deg else a


@of_array
def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """Return x limited to [min, max]; at the bounds the derivative is 1.

    Parameters
    ----------
    x : array_like or Value
    min, max : array_like, Value or None
        The bounds; None means no bound on that side.

    Returns
    -------
    Value or array
        The broadcast shape of `x` and the bounds.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([-1.0, 0.0, 0.5, 2.0])
    >>> dp.numpy.clip(x, 0.0, 1.0).sum().backward()
    >>> x.grad
    array([0., 1., 1., 0.])
    """
    x = _listed(x)
    if min is None or max is None:
        given = [raw(_listed(a)) for a in (x, min, max) if a is not None]
        kind = np.result_type(as_array(given[0]), *given[1:])
        low, high = -math.inf, math.inf
        if kind.kind in "iu":
            low, high = int(np.iinfo(kind).min), int(np.iinfo(kind).max)
        min, max = low if min is None else min, high if max is None else max
    return _clip(x, min, max)


def kept(condition: Any, x: Any, fill: Any) -> Any:
    """Return x where a condition holds, else `fill`: the other entries have no effect."""
    dtype = dtype_of(condition)
    if dtype.kind != "b":
        raise TypeError(f"where= must be a boolean array, got dtype {dtype}: write e.g. x > 0")
    return where(condition, x, fill)


@of_array
def round(x: Any, decimals: int = 0) -> Any:
    """Return x rounded to `decimals` places, half to even; the derivative is zero.

    Parameters
    ----------
    x : array_like or Value
    decimals : int, optional
        The number of digits after the point; before it, if negative.

    Returns
    -------
    Value or array
        An array of the shape of `x`. A floating dtype is kept.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([0.26, 0.5, -1.75])
    >>> dnp.round(x, 1)
    Value([ 0.3,  0.5, -1.8], shape=(3,), dtype=float64)
    >>> dnp.round(x).sum().backward()
    >>> x.grad
    array([0., 0., 0.])
    """
    x = _listed(x)
    kind = dtype_of(x)
    if decimals >= 0 and kind.kind in "iu":
        return positive(x)
    if not decimals:
        return rint(x)
    scale = 10.0 ** (decimals if decimals > 0 else -decimals)
    y = rint(x * scale) / scale if decimals > 0 else rint(x / scale) * scale
    return y.astype(kind) if kind.kind in "iu" else y


@of_array
def real_if_close(x: Any, tol: float = 100) -> Any:
    """Return the real part if all imaginary parts are within `tol` (times eps, if `tol` > 1).

    The derivative is that of `real` where the real part is returned.

    Parameters
    ----------
    x : array_like or Value
    tol : float, optional
        The bound of the imaginary parts.

    Returns
    -------
    Value or array
        An array of the shape of `x`. A floating dtype is kept.

    Examples
    --------
    >>> import deltaprop.numpy as dnp
    >>> dnp.real_if_close([1.0 + 1e-15j, 2.0])
    array([1., 2.])
    >>> dnp.real_if_close([1.0 + 1.0j, 2.0])
    array([1.+1.j, 2.+0.j])
    """
    x = _listed(x)
    return real(x) if np.isrealobj(np.real_if_close(raw(x), tol)) else x


@of_array
def nan_to_num(x: Any, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Return x with NaN and infinities replaced; no derivative flows back to these entries.

    Parameters
    ----------
    x : array_like or Value
    nan : float, optional
        The replacement of NaN.
    posinf : float, optional
        The replacement of inf; by default the largest finite number.
    neginf : float, optional
        The replacement of -inf; by default the smallest finite number.

    Returns
    -------
    Value or array
        An array of the shape of `x`. A floating dtype is kept.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, np.nan, np.inf])
    >>> dnp.nan_to_num(x, posinf=9.0)
    Value([1., 0., 9.], shape=(3,), dtype=float64)
    >>> dnp.nan_to_num(x, posinf=9.0).sum().backward()
    >>> x.grad
    array([1., 0., 0.])
    """
    x = _listed(x)
    kind = dtype_of(x)
    if kind.kind not in "fc":
        return where(True, x, x)
    largest = np.finfo(kind).max
    x = where(np.isnan(raw(x)), nan, x)
    x = where(raw(x) == np.inf, largest if posinf is None else posinf, x)
    return where(raw(x) == -np.inf, -largest if neginf is None else neginf, x)


def power_of_floats(a: float, b: float) -> float:
    """Return a**b of Python floats; raise an error where NumPy has a NaN or an infinity."""
    return a**b if a > 0 or b.is_integer() else math.pow(a, b)


# other names of NumPy
abs: Unary = absolute
conj: OfArray[[]] = _conj
conjugate = conj
pow: Binary = power
mod: Binary = remainder
around = round
true_divide: Binary = divide
fix: Unary = trunc
radians: Unary = deg2rad
degrees: Unary = rad2deg
asin: Unary = arcsin
acos: Unary = arccos
atan: Unary = arctan
atan2: Binary = arctan2
asinh: Unary = arcsinh
acosh: Unary = arccosh
atanh: Unary = arctanh
bitwise_invert: Unary = invert
bitwise_not: Unary = invert
bitwise_left_shift: Binary = left_shift
bitwise_right_shift: Binary = right_shift
