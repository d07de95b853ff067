"""The elementwise operations: the function and its partials, a line each.

A partial is a function of the output and the inputs, ``(y, x)`` or ``(y, a, b)``; a
name that begins with an underscore is not needed. `1`, `-1` and `0` stand for
themselves, None for an input that is not differentiated, and a boolean partial for a
choice: where it is False, the output does not depend on the input at all.

To add an operation, add its line. The tests find it in the table by itself.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph import Elementwise, Masked, Node, along, as_array, gathered, over, raw
from ..graph import conj as _conj
from . import libm
from .domains import NONZERO, POSITIVE, REAL, UNIT, Domain
from .signatures import Binary, OfArray, OfThree, Unary, of_array

__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "angle",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "around",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "cbrt",
    "ceil",
    "clip",
    "conj",
    "conjugate",
    "copysign",
    "cos",
    "cosh",
    "deg2rad",
    "degrees",
    "divide",
    "equal",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "fabs",
    "fix",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "greater",
    "greater_equal",
    "heaviside",
    "hypot",
    "imag",
    "invert",
    "isfinite",
    "isinf",
    "isnan",
    "left_shift",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "nan_to_num",
    "negative",
    "nextafter",
    "not_equal",
    "positive",
    "pow",
    "power",
    "rad2deg",
    "radians",
    "real",
    "real_if_close",
    "reciprocal",
    "remainder",
    "right_shift",
    "rint",
    "round",
    "sigmoid",
    "sign",
    "signbit",
    "sin",
    "sinc",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "trunc",
    "where",
    "xlogy",
]

LN2, LN10, RADIAN = math.log(2.0), math.log(10.0), math.pi / 180.0
INV_SQRT_PI = 1.0 / math.sqrt(math.pi)


def _power(a: Any, b: Any) -> Any:
    """a**b."""
    return a**b if isinstance(a, np.ndarray) else np.power(a, b)


def _power_in_base(y: Any, a: Any, b: Any) -> Any:
    if not isinstance(b, float | int) or b == 0:
        # 0**0 is flat in the base: 0 * 0**-1 must not be asked
        a = where((raw(a) == 0) & (raw(b) == 0), 1.0, a)
    slope, lost = b * power(a, b - 1), (raw(b) == 0) | ((raw(b) - 1) + 1 != raw(b))
    if isinstance(b, float | int) and not lost:
        return slope
    # a large or tiny base makes much of an exponent b - 1 that was rounded, 1 / a may overflow
    return where(lost & (raw(a) != 0), b * y / a, slope)


def _power_in_exponent(y: Any, a: Any, _b: Any) -> Any:
    # 0**b is flat in b wherever it is finite, so log(0) must not be asked
    return y * log(where(raw(a) == 0, 1.0, a))


def _share(y: Any, mine: Any, other: Any, wins: Any) -> Masked:
    """The part of a maximum or minimum that is `mine`: ties are split, NaN stays.

    `mine` is not compared with y: a number beside float32 is rounded in y, and equals it not.
    """
    y = raw(y)
    weight = np.where(raw(mine) == raw(other), 0.5, np.where(wins, 1.0, 0.0))
    weight = np.where(np.isnan(y), np.nan, weight).astype(np.result_type(y), copy=False)
    return Masked(weight, weight != 0)


def _share_nan(y: Any, mine: Any, other: Any, wins: Any) -> Masked:
    """As `_share`, for fmax and fmin, which prefer a number to NaN."""
    y, other = raw(y), raw(other)
    split = (raw(mine) == other) | np.isnan(y)
    weight = np.where(split, 0.5, np.where(wins | np.isnan(other), 1.0, 0.0))
    return Masked(weight.astype(np.result_type(y), copy=False), weight != 0)


def _bound(binds: Any, x: Any, low: Any, high: Any) -> Masked:
    """The part of a clipped x that is one of its bounds: x below two equal ones is both."""
    x, low, high = raw(x), raw(low), raw(high)
    weight = np.where((x < low) & (low == high), 0.5, np.where(binds, 1.0, 0.0))
    return Masked(weight.astype(np.result_type(x, low, high), copy=False), weight != 0)


def _abs_slope(_y: Any, x: Any) -> Any:
    # d|z| = Re(conj(z) / |z| dz)
    return conj(sign(x)) if np.iscomplexobj(raw(x)) else _sign(x)


def _arcsinh_slope(_y: Any, x: Any) -> Any:
    return 1 / (sqrt(1 + x * x) if np.iscomplexobj(raw(x)) else hypot(1.0, x))


def _sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), and 1 at 0."""
    return np.sinc(x)


# of the derivative of sin(t) / t in powers of t * t, from the lowest
_SINC = [(-1) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(1, 11)]


def _sinc_slope(y: Any, x: Any) -> Any:
    # near 0 both terms of (cos t - sinc x) / x cancel: there its Taylor series
    t, series = math.pi * x, 0.0
    for coefficient in reversed(_SINC):
        series = series * (t * t) + coefficient
    return where(np.abs(raw(x)) < 0.5, math.pi * t * series, (cos(t) - y) / x)


def _sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), the logistic function."""
    # exp of a negative number only: it never overflows, and tiny results keep their bits
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def _sigmoid_scalar(x: float) -> float:
    e = math.exp(-abs(x))
    return (1.0 if x >= 0 else e) / (1.0 + e)


def _bell(x: Any, scale: float = 1.0) -> Any:
    # exp(-scale * x * x), where a large x would make much of a rounded x * x: c * c is exact
    c = rint(clip(x, -40.0, 40.0) * 16) / 16
    return exp(-scale * c * c) * exp(scale * (c - x) * (c + x))


def _xlogy(x: Any, y: Any) -> Any:
    """x log(y), and 0 where x is 0 and y is not NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return x * np.log(np.where((x == 0) & ~np.isnan(y), 1, y))


def _quotient(x: Any, y: Any) -> Any:
    """x / y, and 0 where x is; without a derivative there where y is 0 or NaN."""
    return where((raw(x) == 0) & ~(np.abs(raw(y)) > 0), over(0.0, x), divide(x, y))


def _even_power(_y: Any, a: Any, b: Any) -> Any:
    """The derivative of a**b with respect to a**2 / 2, where it is finite."""
    if isinstance(b, Node) or np.iscomplexobj(b) or not np.all(np.greater_equal(b, 2)):
        return None
    return 2.0 if np.all(np.equal(b, 2)) else b * power(a, b - 2)


along.domain, over.domain = (REAL, REAL), (REAL, NONZERO)

# arithmetic
add: Binary = Elementwise("add", np.add, 1, 1, domain=(REAL, REAL))
subtract: Binary = Elementwise("subtract", np.subtract, 1, -1, domain=(REAL, REAL))
multiply: Binary = Elementwise(
    "multiply",
    np.multiply,
    lambda _y, _a, b: b,
    lambda _y, a, _b: a,
    domain=(REAL, REAL),
    even=[lambda _y, a, b: 1.0 if a is b else None] * 2,
    squares=(lambda _y, _a, b: b * b, lambda _y, a, _b: a * a),
)
divide: Binary = Elementwise(
    "divide",
    np.divide,
    lambda _y, _a, b: 1 / b,
    lambda y, _a, b: -y / b,
    scalar=lambda a, b: a / b,
    domain=(REAL, NONZERO),
    squares=(lambda _y, _a, b: 1 / (b * b), None),
)
power: Binary = Elementwise(
    "power",
    _power,
    _power_in_base,
    _power_in_exponent,
    scalar=math.pow,
    domain=(POSITIVE, REAL),
    even=(_even_power, None),
)
negative: Unary = Elementwise("negative", np.negative, -1, domain=(REAL,), squares=(1.0,))
positive: Unary = Elementwise("positive", np.positive, 1, domain=(REAL,), squares=(1.0,))
absolute: Unary = Elementwise(
    "absolute", np.absolute, _abs_slope, domain=(NONZERO,), squares=(1.0,), root=True, jumps=True
)
fabs: Unary = Elementwise(
    "fabs", np.fabs, _abs_slope, domain=(NONZERO,), squares=(1.0,), root=True, jumps=True
)
square: Unary = Elementwise("square", np.square, lambda _y, x: 2 * x, domain=(REAL,), even=(2.0,))
sqrt: Unary = Elementwise(
    "sqrt", np.sqrt, lambda y, _x: 0.5 / y, scalar=math.sqrt, domain=(POSITIVE,)
)
cbrt: Unary = Elementwise("cbrt", np.cbrt, lambda y, _x: 1 / (3 * y * y), domain=(NONZERO,))
reciprocal: Unary = Elementwise(
    "reciprocal", np.reciprocal, lambda y, _x: -y * y, domain=(NONZERO,)
)
hypot: Binary = Elementwise(
    "hypot",
    np.hypot,
    lambda y, a, _b: over(a, y),
    lambda y, _a, b: over(b, y),
    domain=(NONZERO, NONZERO),
    squares=(1.0, 1.0),
    root=True,
)
# roots whose derivative at 0 is 0, not infinite: norms and deviations end with them
root: Unary = Elementwise(
    "root",
    np.sqrt,
    lambda y, _s: over(0.5, y),
    scalar=math.sqrt,
    domain=(POSITIVE,),
    squares=(0.5,),
    root=True,
    radical=True,
)
root_of_power: Binary = Elementwise(
    "root_of_power", _power, lambda y, a, b: over(b * y, a), None, domain=(POSITIVE, REAL)
)

# steps: flat wherever they are not a jump
_sign: Unary = Elementwise(
    "sign",
    np.sign,
    0,
    scalar=lambda x: 1.0 if x > 0 else -1.0 if x < 0 else x,
    domain=(NONZERO,),
)
floor: Unary = Elementwise("floor", np.floor, 0, domain=(UNIT,))
ceil: Unary = Elementwise("ceil", np.ceil, 0, domain=(UNIT,))
trunc: Unary = Elementwise("trunc", np.trunc, 0, domain=(UNIT,))
rint: Unary = Elementwise("rint", np.rint, 0, domain=(UNIT,))
heaviside: Binary = Elementwise(
    "heaviside",
    np.heaviside,
    0,
    lambda _y, a, _b: raw(a) == 0,
    chooses=True,
    domain=(NONZERO, REAL),
)
copysign: Binary = Elementwise(
    "copysign",
    np.copysign,
    lambda _y, a, b: _sign(a) * copysign(1.0, b),
    0,
    domain=(NONZERO, NONZERO),
    squares=(1.0, 0.0),
    root=True,
    jumps=True,
)
# y - a is a multiple of b to the last place; a / b may round up to the next
remainder: Binary = Elementwise(
    "remainder", np.remainder, 1, lambda y, a, b: rint((y - a) / b), domain=(POSITIVE, POSITIVE)
)
nextafter: Binary = Elementwise("nextafter", np.nextafter, 1, 0, domain=(NONZERO, REAL))
fmod: Binary = Elementwise(
    "fmod", np.fmod, 1, lambda y, a, b: rint((y - a) / b), domain=(POSITIVE, POSITIVE)
)

# exponentials and logarithms
exp: Unary = Elementwise("exp", np.exp, lambda y, _x: y, scalar=math.exp, domain=(REAL,))
exp2: Unary = Elementwise("exp2", np.exp2, lambda y, _x: y * LN2, domain=(REAL,))
expm1: Unary = Elementwise(
    "expm1", np.expm1, lambda _y, x: exp(x), scalar=math.expm1, domain=(REAL,)
)
log: Unary = Elementwise("log", np.log, lambda _y, x: 1 / x, scalar=math.log, domain=(POSITIVE,))
log2: Unary = Elementwise("log2", np.log2, lambda _y, x: 1 / (x * LN2), domain=(POSITIVE,))
log10: Unary = Elementwise("log10", np.log10, lambda _y, x: 1 / (x * LN10), domain=(POSITIVE,))
log1p: Unary = Elementwise(
    "log1p", np.log1p, lambda _y, x: 1 / (1 + x), scalar=math.log1p, domain=(Domain(-1.0),)
)
logaddexp: Binary = Elementwise(
    "logaddexp",
    np.logaddexp,
    lambda y, a, b: where(raw(y) == -np.inf, 0.0, _logistic(a - b)),
    lambda y, a, b: where(raw(y) == -np.inf, 0.0, _logistic(b - a)),
    domain=(REAL, REAL),
)
logaddexp2: Binary = Elementwise(
    "logaddexp2",
    np.logaddexp2,
    lambda y, a, b: where(raw(y) == -np.inf, 0.0, _logistic((a - b) * LN2)),
    lambda y, a, b: where(raw(y) == -np.inf, 0.0, _logistic((b - a) * LN2)),
    domain=(REAL, REAL),
)

# trigonometric and hyperbolic
sin: Unary = Elementwise("sin", np.sin, lambda _y, x: cos(x), scalar=math.sin, domain=(REAL,))
cos: Unary = Elementwise("cos", np.cos, lambda _y, x: -sin(x), scalar=math.cos, domain=(REAL,))
tan: Unary = Elementwise("tan", np.tan, lambda y, _x: 1 + y * y, scalar=math.tan, domain=(UNIT,))
arcsin: Unary = Elementwise(
    "arcsin", np.arcsin, lambda _y, x: 1 / sqrt((1 - x) * (1 + x)), domain=(UNIT,)
)
arccos: Unary = Elementwise(
    "arccos", np.arccos, lambda _y, x: -1 / sqrt((1 - x) * (1 + x)), domain=(UNIT,)
)
arctan: Unary = Elementwise("arctan", np.arctan, lambda _y, x: 1 / (1 + x * x), domain=(REAL,))
arctan2: Binary = Elementwise(
    "arctan2",
    np.arctan2,
    lambda _y, a, b: over(over(b, hypot(a, b)), hypot(a, b)),
    lambda _y, a, b: -over(over(a, hypot(a, b)), hypot(a, b)),
    domain=(NONZERO, NONZERO),
)
sinh: Unary = Elementwise("sinh", np.sinh, lambda _y, x: cosh(x), domain=(REAL,))
cosh: Unary = Elementwise("cosh", np.cosh, lambda _y, x: sinh(x), domain=(REAL,))
tanh: Unary = Elementwise(
    "tanh", np.tanh, lambda y, _x: 1 - y * y, scalar=math.tanh, domain=(REAL,)
)
arcsinh: Unary = Elementwise("arcsinh", np.arcsinh, _arcsinh_slope, domain=(REAL,))
arccosh: Unary = Elementwise(
    "arccosh",
    np.arccosh,
    lambda _y, x: 1 / (sqrt(x - 1) * sqrt(x + 1)),
    domain=(Domain(1.0),),
)
arctanh: Unary = Elementwise(
    "arctanh", np.arctanh, lambda _y, x: 1 / ((1 - x) * (1 + x)), domain=(UNIT,)
)
deg2rad: Unary = Elementwise("deg2rad", np.deg2rad, lambda _y, _x: RADIAN, domain=(REAL,))
rad2deg: Unary = Elementwise("rad2deg", np.rad2deg, lambda _y, _x: 1 / RADIAN, domain=(REAL,))
sinc: Unary = Elementwise("sinc", _sinc, _sinc_slope, domain=(REAL,))

# parts of a complex number: partials p for which dy = Re(p dx)
_real: Unary = Elementwise("real", lambda x: +np.real(x), lambda _y, _x: 1 + 0j, domain=(REAL,))
_imag: Unary = Elementwise(
    "imag",
    lambda x: np.copy(np.imag(x))[()],
    lambda _y, _x: -1j,
    domain=(REAL,),
)

# choices: a branch not taken sends back a structural zero
where: OfThree[...] = Elementwise(
    "where",
    np.where,
    None,
    lambda _y, c, _a, _b: raw(c) != 0,
    lambda _y, c, _a, _b: raw(c) == 0,
    chooses=True,
    domain=(NONZERO, REAL, REAL),
)
maximum: Binary = Elementwise(
    "maximum",
    np.maximum,
    lambda y, a, b: _share(y, a, b, raw(a) > raw(b)),
    lambda y, a, b: _share(y, b, a, raw(b) > raw(a)),
    chooses=True,
    domain=(REAL, REAL),
)
minimum: Binary = Elementwise(
    "minimum",
    np.minimum,
    lambda y, a, b: _share(y, a, b, raw(a) < raw(b)),
    lambda y, a, b: _share(y, b, a, raw(b) < raw(a)),
    chooses=True,
    domain=(REAL, REAL),
)
fmax: Binary = Elementwise(
    "fmax",
    np.fmax,
    lambda y, a, b: _share_nan(y, a, b, raw(a) > raw(b)),
    lambda y, a, b: _share_nan(y, b, a, raw(b) > raw(a)),
    chooses=True,
    domain=(REAL, REAL),
)
fmin: Binary = Elementwise(
    "fmin",
    np.fmin,
    lambda y, a, b: _share_nan(y, a, b, raw(a) < raw(b)),
    lambda y, a, b: _share_nan(y, b, a, raw(b) < raw(a)),
    chooses=True,
    domain=(REAL, REAL),
)

_clip: OfThree[...] = Elementwise(
    "clip",
    lambda x, low, high: np.minimum(np.maximum(x, low), high),
    lambda _y, x, low, high: np.logical_not((raw(x) < raw(low)) | (raw(x) > raw(high))),
    lambda _y, x, low, high: _bound((raw(x) < raw(low)) & (raw(low) <= raw(high)), x, low, high),
    lambda _y, x, low, high: _bound((raw(x) > raw(high)) | (raw(low) > raw(high)), x, low, high),
    chooses=True,
    domain=(REAL, Domain(-2.0, -1.0), Domain(1.0, 2.0)),
)

# the logistic function, the error function, and x log y
sigmoid: Unary = Elementwise(
    "sigmoid", _sigmoid, lambda y, _x: y * (1 - y), scalar=_sigmoid_scalar, domain=(REAL,)
)
# the same where it is a slope itself: its own, not y * (1 - y), rounds to 0 in neither tail
_logistic: Unary = Elementwise(
    "logistic", _sigmoid, lambda y, x: y * _logistic(-x), scalar=_sigmoid_scalar, domain=(REAL,)
)
erf: Unary = Elementwise(
    "erf",
    libm.erf,
    lambda _y, x: 2 * INV_SQRT_PI * _bell(x),
    scalar=math.erf,
    domain=(REAL,),
)
erfc: Unary = Elementwise(
    "erfc",
    libm.erfc,
    lambda _y, x: -2 * INV_SQRT_PI * _bell(x),
    scalar=math.erfc,
    domain=(REAL,),
)
xlogy: Binary = Elementwise(
    "xlogy",
    _xlogy,
    lambda _y, _x, y: log(y),
    lambda _y, x, y: _quotient(x, y),
    domain=(REAL, POSITIVE),
)

# what has no derivative: the result is a constant
less: Binary = Elementwise("less", np.less, None, None)
less_equal: Binary = Elementwise("less_equal", np.less_equal, None, None)
greater: Binary = Elementwise("greater", np.greater, None, None)
greater_equal: Binary = Elementwise("greater_equal", np.greater_equal, None, None)
equal: Binary = Elementwise("equal", np.equal, None, None)
not_equal: Binary = Elementwise("not_equal", np.not_equal, None, None)
logical_and: Binary = Elementwise("logical_and", np.logical_and, None, None)
logical_or: Binary = Elementwise("logical_or", np.logical_or, None, None)
logical_xor: Binary = Elementwise("logical_xor", np.logical_xor, None, None)
logical_not: Unary = Elementwise("logical_not", np.logical_not, None)
bitwise_and: Binary = Elementwise("bitwise_and", np.bitwise_and, None, None)
bitwise_or: Binary = Elementwise("bitwise_or", np.bitwise_or, None, None)
bitwise_xor: Binary = Elementwise("bitwise_xor", np.bitwise_xor, None, None)
left_shift: Binary = Elementwise("left_shift", np.left_shift, None, None)
right_shift: Binary = Elementwise("right_shift", np.right_shift, None, None)
invert: Unary = Elementwise("invert", np.invert, None)
isnan: Unary = Elementwise("isnan", np.isnan, None)
isinf: Unary = Elementwise("isinf", np.isinf, None)
isfinite: Unary = Elementwise("isfinite", np.isfinite, None)
signbit: Unary = Elementwise("signbit", np.signbit, None)
floor_divide: Binary = Elementwise(
    "floor_divide", np.floor_divide, 0, 0, domain=(POSITIVE, Domain(100.0))
)


def _listed(x: Any) -> Any:
    """What is in a list, in one array or node."""
    return gathered(x) if isinstance(x, list | tuple) else x


@of_array
def sign(x: Any) -> Any:
    """-1, 0 or 1, with derivative zero; of a complex number x / abs(x)."""
    x = _listed(x)
    return over(x, absolute(x)) if np.iscomplexobj(raw(x)) else _sign(x)


@of_array
def real(x: Any) -> Any:
    """The real part; x itself if it is real."""
    x = _listed(x)
    return _real(x) if np.iscomplexobj(raw(x)) else x


@of_array
def imag(x: Any) -> Any:
    """The imaginary part; zeros if x is real."""
    return _imag(x)


@of_array
def angle(z: Any, deg: bool = False) -> Any:
    """The argument of z in radians (or degrees); its derivative at 0 is 0."""
    z = _listed(z)
    a = arctan2(imag(z) if np.iscomplexobj(raw(z)) else 0, real(z))
    return rad2deg(a) if deg else a


@of_array
def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """x limited to [min, max]; the derivative is 1 on the bounds themselves.

    Parameters
    ----------
    x : array_like or Value
    min, max : array_like, Value or None
        None: no bound on that side.

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
        low, high = (-math.inf, math.inf) if kind.kind not in "iu" else _range(kind)
        min, max = low if min is None else min, high if max is None else max
    return _clip(x, min, max)


def _range(integers: np.dtype[Any]) -> tuple[int, int]:
    info = np.iinfo(integers)
    return int(info.min), int(info.max)


def kept(condition: Any, x: Any, fill: Any) -> Any:
    """x where a condition holds, and `fill` where not: these entries have no part in anything."""
    dtype = as_array(raw(condition)).dtype
    if dtype.kind != "b":
        raise TypeError(f"where= must be a boolean array, got one of {dtype}: write x > 0, say")
    return where(condition, x, fill)


@of_array
def round(x: Any, decimals: int = 0) -> Any:
    """x rounded to `decimals` places, half to even; its derivative is zero."""
    x = _listed(x)
    kind = as_array(raw(x)).dtype
    if decimals >= 0 and kind.kind in "iu":
        return positive(x)
    if not decimals:
        return rint(x)
    scale = 10.0 ** (decimals if decimals > 0 else -decimals)
    y = rint(x * scale) / scale if decimals > 0 else rint(x / scale) * scale
    return y.astype(kind) if kind.kind in "iu" else y


@of_array
def real_if_close(x: Any, tol: float = 100) -> Any:
    """The real part, if no imaginary part is larger than `tol` (times eps, if more than 1)."""
    x = _listed(x)
    return real(x) if np.isrealobj(np.real_if_close(raw(x), tol)) else x


@of_array
def nan_to_num(x: Any, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """x with NaN and infinities replaced; nothing flows back where they were."""
    x = _listed(x)
    kind = as_array(raw(x)).dtype
    if kind.kind not in "fc":
        return where(True, x, x)
    largest = np.finfo(kind).max
    x = where(np.isnan(raw(x)), nan, x)
    x = where(raw(x) == np.inf, largest if posinf is None else posinf, x)
    return where(raw(x) == -np.inf, -largest if neginf is None else neginf, x)


def power_of_floats(a: float, b: float) -> float:
    """a**b of Python floats; raises where NumPy has a NaN or an infinity."""
    return a**b if a > 0 or b.is_integer() else math.pow(a, b)


# NumPy's own other names
abs = absolute
conj: OfArray[[]] = _conj
conjugate = conj
pow = power
mod = remainder
around = round
true_divide = divide
fix = trunc
radians, degrees = deg2rad, rad2deg
asin, acos, atan, atan2 = arcsin, arccos, arctan, arctan2
asinh, acosh, atanh = arcsinh, arccosh, arctanh
bitwise_invert = bitwise_not = invert
bitwise_left_shift, bitwise_right_shift = left_shift, right_shift
