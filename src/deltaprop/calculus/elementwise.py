"""The elementwise operations: each entry is a function and its partials.

A partial is a function of the output and the inputs, ``(y, x)`` or ``(y, a, b)``. A parameter
whose name begins with an underscore is not needed. The partials `1`, `-1` and `0` are constants.
None marks an input that is not differentiated. A boolean partial is a choice: where it is False,
the output does not depend on the input at all.

To add an operation, add its line; the tests find the line in the table. An operation has the name
of its function. On Python floats it is the function of this name in `math`, except where NumPy's
function is more accurate (``scalar=False``).
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


def _extreme(function: np.ufunc, beats: Rule, doc: str, unknown: float = math.nan) -> Elementwise:
    """Return the operation that selects the input that beats the other."""
    return Elementwise(
        function,
        lambda y, a, b: _share(y, a, b, beats, unknown),
        lambda y, a, b: _share(y, b, a, beats, unknown),
        chooses=True,
        doc=doc,
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


def _size(function: np.ufunc, doc: str) -> Elementwise:
    """Return the operation of an absolute value, which is the root of its square."""
    return Elementwise(
        function, _phase, domain=NONZERO, squares=(1.0,), root=True, jumps=True, doc=doc
    )


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
add: Binary = Elementwise(np.add, 1, 1, symbol="+", doc="Sum x1 + x2.")
subtract: Binary = Elementwise(np.subtract, 1, -1, symbol="-", doc="Difference x1 - x2.")
multiply: Binary = Elementwise(
    np.multiply,
    lambda _y, _a, b: b,
    lambda _y, a, _b: a,
    symbol="*",
    ones=(0, 1),
    even=[lambda _y, _a, _b: 1.0 if _a is _b else None] * 2,
    squares=(lambda _y, _a, b: b * b, lambda _y, a, _b: a * a),
    doc="Product x1 * x2.",
)
divide: Binary = Elementwise(
    np.divide,
    lambda _y, _a, b: 1 / b,
    lambda y, _a, b: -y / b,
    symbol="/",
    ones=(1,),
    scalar=operator.truediv,
    domain=(REAL, NONZERO),
    squares=(lambda _y, _a, b: 1 / (b * b), None),
    doc="Quotient x1 / x2.",
)
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
negative: Unary = Elementwise(np.negative, -1, symbol="-", squares=(1.0,), doc="-x.")
positive: Unary = Elementwise(np.positive, 1, silent=True, squares=(1.0,), doc="x, a copy of it.")
absolute: Unary = _size(np.absolute, doc="|x|; its derivative at 0 is 0.")
fabs: Unary = _size(np.fabs, doc="|x| of real numbers.")
square: Unary = Elementwise(np.square, lambda _y, x: 2 * x, even=(2.0,), doc="Square x * x.")
sqrt: Unary = Elementwise(np.sqrt, lambda y, _x: 0.5 / y, domain=POSITIVE, doc="Square root.")
cbrt: Unary = Elementwise(
    np.cbrt, lambda y, _x: 1 / (3 * y * y), domain=NONZERO, scalar=False, doc="Cube root."
)
reciprocal: Unary = Elementwise(np.reciprocal, lambda y, _x: -y * y, domain=NONZERO, doc="1 / x.")
hypot: Binary = Elementwise(
    np.hypot,
    lambda y, a, _b: over(a, y),
    lambda y, _a, b: over(b, y),
    domain=NONZERO,
    squares=(1.0, 1.0),
    root=True,
    doc="sqrt(x1**2 + x2**2), without overflow; at 0 its derivative is 0.",
)
# roots whose derivative at 0 is 0, not infinite: the last step of norms and deviations
root: Unary = Elementwise(
    np.sqrt,
    lambda y, _s: over(0.5, y),
    name="root",
    domain=POSITIVE,
    squares=(0.5,),
    root=True,
    radical=True,
    doc="Square root, at 0 with the derivative 0.",
)
root_of_power: Binary = Elementwise(
    _power,
    lambda y, a, b: over(b * y, a),
    None,
    name="root_of_power",
    domain=(POSITIVE, REAL),
    doc="a**b, without a derivative in b; where a is 0, its derivative is 0.",
)

# steps: flat except where they jump
_sign: Unary = Elementwise(np.sign, 0, domain=NONZERO, scalar=_sign_float, doc="-1, 0 or 1.")
floor: Unary = Elementwise(np.floor, 0, domain=UNIT, doc="Next integer below.")
ceil: Unary = Elementwise(np.ceil, 0, domain=UNIT, doc="Next integer above.")
trunc: Unary = Elementwise(np.trunc, 0, domain=UNIT, doc="Next integer towards 0.")
rint: Unary = Elementwise(np.rint, 0, domain=UNIT, doc="Nearest integer, of two the even one.")
heaviside: Binary = Elementwise(
    np.heaviside,
    0,
    lambda _y, a, _b: raw(a) == 0,
    chooses=True,
    domain=(NONZERO, REAL),
    doc="0 where x1 is negative, 1 where it is positive, x2 where it is 0.",
)
copysign: Binary = Elementwise(
    np.copysign,
    lambda _y, a, b: _sign(a) * copysign(1.0, b),
    0,
    domain=NONZERO,
    squares=(1.0, 0.0),
    root=True,
    jumps=True,
    doc="x1 with the sign of x2.",
)
remainder: Binary = Elementwise(
    np.remainder,
    1,
    _taken,
    symbol="%",
    scalar=operator.mod,
    domain=POSITIVE,
    doc="What is left of x1 after whole multiples of x2, with the sign of x2.",
)
fmod: Binary = Elementwise(np.fmod, 1, _taken, domain=POSITIVE, doc="Remainder with x1's sign.")
nextafter: Binary = Elementwise(np.nextafter, 1, 0, domain=NONZERO, doc="Next float towards x2.")
floor_divide: Binary = Elementwise(
    np.floor_divide, 0, 0, domain=(POSITIVE, Domain(100.0)), doc="floor(x1 / x2)."
)

# exponentials and logarithms
exp: Unary = Elementwise(np.exp, lambda y, _x: y, doc="e**x.")
exp2: Unary = Elementwise(np.exp2, lambda y, _x: y * LN2, doc="2**x.")
expm1: Unary = Elementwise(np.expm1, lambda _y, x: exp(x), doc="exp(x) - 1, accurate near 0.")
log: Unary = Elementwise(np.log, lambda _y, x: 1 / x, domain=POSITIVE, doc="Natural log of x.")
log2: Unary = Elementwise(np.log2, lambda _y, x: 1 / (x * LN2), domain=POSITIVE, doc="log₂ x.")
log10: Unary = Elementwise(
    np.log10, lambda _y, x: 1 / (x * LN10), domain=POSITIVE, scalar=False, doc="log₁₀ x."
)
log1p: Unary = Elementwise(np.log1p, lambda _y, x: 1 / (1 + x), domain=Domain(-1.0), doc="ln(1+x).")
logaddexp: Binary = Elementwise(
    np.logaddexp,
    lambda y, a, b: where(raw(y) == -np.inf, 0.0, _logistic(a - b)),
    lambda y, a, b: where(raw(y) == -np.inf, 0.0, _logistic(b - a)),
    doc="log(exp(x1) + exp(x2)), without overflow.",
)
logaddexp2: Binary = Elementwise(
    np.logaddexp2,
    lambda y, a, b: where(raw(y) == -np.inf, 0.0, _logistic((a - b) * LN2)),
    lambda y, a, b: where(raw(y) == -np.inf, 0.0, _logistic((b - a) * LN2)),
    doc="log2(2**x1 + 2**x2), without overflow.",
)

# trigonometric and hyperbolic
sin: Unary = Elementwise(np.sin, lambda _y, x: cos(x), doc="Sine of x radians.")
cos: Unary = Elementwise(np.cos, lambda _y, x: -sin(x), doc="Cosine of x radians.")
tan: Unary = Elementwise(np.tan, lambda y, _x: 1 + y * y, domain=UNIT, doc="Tangent of x radians.")
arcsin: Unary = Elementwise(np.arcsin, lambda _y, x: 1 / _leg(x), domain=UNIT, doc="Inverse sin.")
arccos: Unary = Elementwise(np.arccos, lambda _y, x: -1 / _leg(x), domain=UNIT, doc="Inverse cos.")
arctan: Unary = Elementwise(np.arctan, lambda _y, x: 1 / (1 + x * x), doc="Inverse tan.")
arctan2: Binary = Elementwise(
    np.arctan2,
    lambda _y, a, b: over(over(b, hypot(a, b)), hypot(a, b)),
    lambda _y, a, b: -over(over(a, hypot(a, b)), hypot(a, b)),
    domain=NONZERO,
    doc="Angle of the point (x2, x1), from -pi to pi; at 0 its derivative is 0.",
)
sinh: Unary = Elementwise(np.sinh, lambda _y, x: cosh(x), scalar=False, doc="Hyperbolic sine.")
cosh: Unary = Elementwise(np.cosh, lambda _y, x: sinh(x), doc="Hyperbolic cosine.")
tanh: Unary = Elementwise(np.tanh, lambda y, _x: 1 - y * y, doc="Hyperbolic tangent.")
arcsinh: Unary = Elementwise(np.arcsinh, _arcsinh_slope, doc="Inverse sinh.")
arccosh: Unary = Elementwise(
    np.arccosh,
    lambda _y, x: 1 / (sqrt(x - 1) * sqrt(x + 1)),
    domain=Domain(1.0),
    doc="Inverse cosh.",
)
arctanh: Unary = Elementwise(
    np.arctanh, lambda _y, x: 1 / ((1 - x) * (1 + x)), domain=UNIT, doc="Inverse tanh."
)
deg2rad: Unary = Elementwise(np.deg2rad, lambda _y, _x: RADIAN, doc="Degrees in radians.")
rad2deg: Unary = Elementwise(np.rad2deg, lambda _y, _x: 1 / RADIAN, doc="Radians in degrees.")
sinc: Unary = Elementwise(np.sinc, _sinc_slope, doc="sin(pi x) / (pi x), and 1 at 0.")

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
maximum: Binary = _extreme(np.maximum, operator.gt, "Larger; ties share the slope.")
minimum: Binary = _extreme(np.minimum, operator.lt, "Smaller; ties share the slope.")
fmax: Binary = _extreme(np.fmax, _greater, "Larger, a number rather than NaN.", 0.5)
fmin: Binary = _extreme(np.fmin, _less, "Smaller, a number rather than NaN.", 0.5)
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
# the logistic function as a slope: this derivative, unlike y * (1 - y), rounds to 0 in no tail
_logistic: Unary = Elementwise(
    _sigmoid, lambda y, x: y * _logistic(-x), name="logistic", decomposed=True, scalar=_expit
)
erf: Unary = Elementwise(libm.erf, lambda _y, x: 2 * INV_SQRT_PI * _bell(x), scalar=math.erf)
erfc: Unary = Elementwise(libm.erfc, lambda _y, x: -2 * INV_SQRT_PI * _bell(x), scalar=math.erfc)
xlogy: Binary = Elementwise(
    _xlogy, lambda _y, _x, y: log(y), lambda _y, x, y: _quotient(x, y), domain=(REAL, POSITIVE)
)

# operations without derivative: the result is a constant
less: Binary = Elementwise(np.less, None, None, doc="x1 < x2.")
less_equal: Binary = Elementwise(np.less_equal, None, None, doc="x1 <= x2.")
greater: Binary = Elementwise(np.greater, None, None, doc="x1 > x2.")
greater_equal: Binary = Elementwise(np.greater_equal, None, None, doc="x1 >= x2.")
equal: Binary = Elementwise(np.equal, None, None, doc="x1 == x2.")
not_equal: Binary = Elementwise(np.not_equal, None, None, doc="x1 != x2.")
logical_and: Binary = Elementwise(np.logical_and, None, None, doc="Whether both are true.")
logical_or: Binary = Elementwise(np.logical_or, None, None, doc="Whether one is true.")
logical_xor: Binary = Elementwise(np.logical_xor, None, None, doc="Whether just one is true.")
logical_not: Unary = Elementwise(np.logical_not, None, doc="Whether x is false.")
bitwise_and: Binary = Elementwise(np.bitwise_and, None, None, doc="Bits that both have.")
bitwise_or: Binary = Elementwise(np.bitwise_or, None, None, doc="Bits that one has.")
bitwise_xor: Binary = Elementwise(np.bitwise_xor, None, None, doc="Bits that just one has.")
left_shift: Binary = Elementwise(np.left_shift, None, None, doc="x1 * 2**x2, by its bits.")
right_shift: Binary = Elementwise(np.right_shift, None, None, doc="x1 // 2**x2, by its bits.")
invert: Unary = Elementwise(np.invert, None, doc="Bits that x has not.")
isnan: Unary = Elementwise(np.isnan, None, doc="Whether x is NaN.")
isinf: Unary = Elementwise(np.isinf, None, doc="Whether x is infinite.")
isfinite: Unary = Elementwise(np.isfinite, None, doc="Whether x is a number, not NaN or infinite.")
signbit: Unary = Elementwise(np.signbit, None, doc="Whether the sign of x is negative.")


def _listed(x: Any) -> Any:
    """Return a list as one array or node; anything else as it is."""
    return gathered(x) if isinstance(x, list | tuple) else x


@of_array
def sign(x: Any) -> Any:
    """Return -1, 0 or 1, with derivative zero; for a complex number x / abs(x)."""
    x = _listed(x)
    return over(x, absolute(x)) if is_complex(x) else _sign(x)


@of_array
def real(x: Any) -> Any:
    """Return the real part; a real x as it is."""
    x = _listed(x)
    return _real(x) if is_complex(x) else x


@of_array
def imag(x: Any) -> Any:
    """Return the imaginary part; zeros if x is real."""
    return _imag(x)


@of_array
def angle(z: Any, deg: bool = False) -> Any:
    """Return the argument of z in radians (or degrees); its derivative at 0 is 0."""
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
    """Return x rounded to `decimals` places, half to even; the derivative is zero."""
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
    """Return the real part if all imaginary parts are within `tol` (times eps, if `tol` > 1)."""
    x = _listed(x)
    return real(x) if np.isrealobj(np.real_if_close(raw(x), tol)) else x


@of_array
def nan_to_num(x: Any, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Return x with NaN and infinities replaced; no derivative flows back to these entries."""
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
