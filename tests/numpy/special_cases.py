"""The special cases of floating-point functions, from the tables of the array API standard.

A row reads ``condition on x1, condition on x2 -> result``. Real functions are held to the
rows, complex ones to C99's annex G, as Python's cmath has it, where the standard leaves no
sign open.

The rows are checked on arrays. With an exponent without axes NumPy takes ``x ** 0.5`` for
``sqrt(x)``, which is another number at -inf and at -0; so does deltaprop.
"""

from __future__ import annotations

import cmath
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import deltaprop.numpy as dnp

from .calls import words

NUMBERS = [
    *(math.nan, math.inf, -math.inf, 0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5),
    *(2.0, -2.0, 2.5, -2.5, 3.0, -3.0, 100.0, -100.0),
]

CONDITIONS: dict[str, Callable[[float], bool]] = {
    "any": lambda x: True,
    "number": lambda x: x == x,
    "nan": lambda x: x != x,
    "finite": math.isfinite,
    "finite or nan": lambda x: not math.isinf(x),
    "inf": math.isinf,
    "+inf": lambda x: x == math.inf,
    "-inf": lambda x: x == -math.inf,
    "0": lambda x: x == 0,
    "+0": lambda x: x == 0 and math.copysign(1, x) > 0,
    "-0": lambda x: x == 0 and math.copysign(1, x) < 0,
    "not 0": lambda x: x != 0,
    "nonzero": lambda x: math.isfinite(x) and x != 0,
    "+": lambda x: 0 < x < math.inf,
    "-": lambda x: -math.inf < x < 0,
    "1": lambda x: x == 1,
    "-1": lambda x: x == -1,
    "not 1": lambda x: x != 1,
    ">0": lambda x: x > 0,
    "<0": lambda x: x < 0,
    ">1": lambda x: x > 1,
    "<1": lambda x: x < 1,
    "<-1": lambda x: x < -1,
    "|x|>1": lambda x: abs(x) > 1,
    "|x|<1": lambda x: abs(x) < 1,
    "|x|=1": lambda x: abs(x) == 1,
    "integer": lambda x: math.isfinite(x) and x == int(x),
    "fraction": lambda x: math.isfinite(x) and x != int(x),
    ">0 odd": lambda x: x > 0 and x % 2 == 1,
    ">0 not odd": lambda x: x > 0 and x % 2 != 1,
    "<0 odd": lambda x: x < 0 and x % 2 == 1,
    "<0 not odd": lambda x: x < 0 and x % 2 != 1,
    "0.5": lambda x: x == 0.5,
    "-0.5": lambda x: x == -0.5,
    "1.5": lambda x: x == 1.5,
    "2.5": lambda x: x == 2.5,
}

_QUOTIENTS = """inf, inf -> nan; 0, 0 -> nan; +0, >0 -> 0; -0, >0 -> -0.; +0, <0 -> -0.;
-0, <0 -> 0; >0, +0 -> inf; >0, -0 -> -inf; <0, +0 -> -inf; <0, -0 -> inf; +, +inf -> 0;
-, -inf -> 0; nan, any -> nan; any, nan -> nan"""
_WHOLE = "nan -> nan; +inf -> x1; -inf -> x1; 0 -> x1; integer -> x1"
_ODD = "nan -> nan; +0 -> x1; -0 -> x1"
_LOG = "nan -> nan; <0 -> nan; 0 -> -inf; 1 -> 0; +inf -> inf"

TABLE = {
    "abs": "nan -> nan; -0 -> 0; -inf -> inf",
    "acos": "nan -> nan; >1 -> nan; <-1 -> nan; 1 -> 0",
    "acosh": "nan -> nan; <1 -> nan; 1 -> 0; +inf -> inf",
    "add": """nan, any -> nan; any, nan -> nan; +inf, -inf -> nan; -inf, +inf -> nan;
        +inf, +inf -> inf; -inf, -inf -> -inf; +inf, finite -> inf; -inf, finite -> -inf;
        finite, +inf -> inf; finite, -inf -> -inf; -0, -0 -> -0.; -0, +0 -> 0; +0, -0 -> 0;
        +0, +0 -> 0; 0, nonzero -> x2; nonzero, 0 -> x1""",
    "asin": f"{_ODD}; >1 -> nan; <-1 -> nan",
    "asinh": f"{_ODD}; +inf -> inf; -inf -> -inf",
    "atan": f"{_ODD}; +inf -> pi / 2; -inf -> -pi / 2",
    "atan2": """nan, any -> nan; any, nan -> nan; >0, +0 -> pi / 2; >0, -0 -> pi / 2; +0, >0 -> 0;
        +0, +0 -> 0; +0, -0 -> pi; +0, <0 -> pi; -0, >0 -> -0.; -0, +0 -> -0.; -0, -0 -> -pi;
        -0, <0 -> -pi; <0, +0 -> -pi / 2; <0, -0 -> -pi / 2; +, +inf -> 0; +, -inf -> pi;
        -, +inf -> -0.; -, -inf -> -pi; +inf, finite -> pi / 2; -inf, finite -> -pi / 2;
        +inf, +inf -> pi / 4; +inf, -inf -> 3 * pi / 4; -inf, +inf -> -pi / 4;
        -inf, -inf -> -3 * pi / 4""",
    "atanh": f"{_ODD}; <-1 -> nan; >1 -> nan; -1 -> -inf; 1 -> inf",
    "ceil": f"{_WHOLE}; -0.5 -> -0.; 0.5 -> 1; 1.5 -> 2",
    "copysign": """number, >0 -> abs(x1); number, +0 -> abs(x1); number, -0 -> -abs(x1);
        number, <0 -> -abs(x1); nan, number -> nan""",
    "cos": "nan -> nan; 0 -> 1; inf -> nan",
    "cosh": "nan -> nan; 0 -> 1; inf -> inf",
    "divide": f"""{_QUOTIENTS}; +inf, + -> inf; +inf, - -> -inf; -inf, + -> -inf; -inf, - -> inf;
        +, -inf -> -0.; -, +inf -> -0.""",
    "equal": """nan, any -> False; any, nan -> False; +inf, +inf -> True; -inf, -inf -> True;
        0, 0 -> True; inf, finite -> False; finite, finite -> x1 == x2""",
    "exp": "nan -> nan; 0 -> 1; +inf -> inf; -inf -> 0",
    "expm1": f"{_ODD}; +inf -> inf; -inf -> -1",
    "floor": f"{_WHOLE}; 0.5 -> 0; -0.5 -> -1; 1.5 -> 1",
    # for these six the standard lets a library follow Python's own // instead
    "floor_divide": f"""{_QUOTIENTS}; +inf, + -> inf | nan; +inf, - -> -inf | nan;
        -inf, + -> -inf | nan; -inf, - -> inf | nan; +, -inf -> -0. | -1; -, +inf -> -0. | -1""",
    "hypot": """inf, any -> inf; any, inf -> inf; 0, number -> abs(x2); number, 0 -> abs(x1);
        finite or nan, nan -> nan; nan, finite or nan -> nan""",
    "isfinite": "inf -> False; nan -> False; finite -> True",
    "isinf": "inf -> True; finite or nan -> False",
    "isnan": "nan -> True; number -> False",
    "log": _LOG,
    "log10": _LOG,
    "log1p": f"{_ODD}; <-1 -> nan; -1 -> -inf; +inf -> inf",
    "log2": _LOG,
    "logaddexp": "nan, any -> nan; any, nan -> nan; +inf, number -> inf; number, +inf -> inf",
    "maximum": "nan, any -> nan; any, nan -> nan",
    "minimum": "nan, any -> nan; any, nan -> nan",
    "multiply": """nan, any -> nan; any, nan -> nan; inf, 0 -> nan; 0, inf -> nan; +inf, >0 -> inf;
        +inf, <0 -> -inf; -inf, >0 -> -inf; -inf, <0 -> inf; >0, +inf -> inf; <0, +inf -> -inf;
        +0, >0 -> 0 if x2 < inf else nan; +0, - -> -0.; -0, + -> -0.; -0, - -> 0""",
    "nextafter": "nan, any -> nan; any, nan -> nan; -0, +0 -> 0; +0, -0 -> -0.",
    "not_equal": """nan, any -> True; any, nan -> True; +inf, -inf -> True;
        finite, finite -> x1 != x2""",
    "pow": """not 1, nan -> 1 if x2 == 0 else nan; any, 0 -> 1; nan, not 0 -> nan;
        |x|>1, +inf -> inf; |x|>1, -inf -> 0; |x|=1, inf -> 1; 1, number -> 1; |x|<1, +inf -> 0;
        |x|<1, -inf -> inf; +inf, >0 -> inf; +inf, <0 -> 0; -inf, >0 odd -> -inf;
        -inf, >0 not odd -> inf; -inf, <0 odd -> -0.; -inf, <0 not odd -> 0; +0, >0 -> 0;
        +0, <0 -> inf; -0, >0 odd -> -0.; -0, >0 not odd -> 0; -0, <0 odd -> -inf;
        -0, <0 not odd -> inf; -, fraction -> nan""",
    "reciprocal": "nan -> nan; +0 -> inf; -0 -> -inf; +inf -> 0; -inf -> -0.",
    "remainder": """nan, any -> nan; any, nan -> nan; inf, inf -> nan; any, 0 -> nan; +0, >0 -> 0;
        -0, >0 -> 0; +0, <0 -> -0.; -0, <0 -> -0.; inf, finite -> nan; +, +inf -> x1; +, -inf -> x2;
        -, +inf -> x2; -, -inf -> x1; nonzero, nonzero -> x1 % x2""",
    "round": f"{_WHOLE}; 0.5 -> 0; 1.5 -> 2; 2.5 -> 2; -0.5 -> -0.",
    "sign": "nan -> nan; <0 -> -1; 0 -> 0; >0 -> 1",
    "signbit": "+0 -> False; -0 -> True; +inf -> False; -inf -> True; + -> False; - -> True",
    "sin": f"{_ODD}; inf -> nan",
    "sinh": f"{_ODD}; +inf -> inf; -inf -> -inf",
    "sqrt": f"{_ODD}; <0 -> nan; +inf -> inf",
    "square": "nan -> nan; -0 -> 0; inf -> inf",
    "subtract": """nan, any -> nan; any, nan -> nan; +inf, +inf -> nan; -inf, -inf -> nan;
        +inf, finite -> inf; finite, +inf -> -inf; -0, +0 -> -0.; +0, +0 -> 0; +0, -0 -> 0""",
    "tan": f"{_ODD}; inf -> nan",
    "tanh": f"{_ODD}; +inf -> 1; -inf -> -1",
    "trunc": f"{_WHOLE}; 0.5 -> 0; -0.5 -> -0.; 1.5 -> 1",
}

METHODS = {
    "abs": "__abs__", "add": "__add__", "divide": "__truediv__", "equal": "__eq__",
    "floor_divide": "__floordiv__", "multiply": "__mul__", "not_equal": "__ne__",
    "pow": "__pow__", "remainder": "__mod__", "subtract": "__sub__",
}  # fmt: skip

# what a reduction of these must give
REDUCTIONS = {
    "max": "[1., nan] -> nan", "min": "[nan, 1.] -> nan", "mean": "[1., nan] -> nan",
    "prod": "[] -> 1", "sum": "[] -> 0", "std": "[1., nan] -> nan", "var": "[nan] -> nan",
    "cumulative_sum": "[nan] -> nan", "cumulative_prod": "[nan] -> nan", "all": "[] -> True",
    "any": "[] -> False",
}  # fmt: skip

COMPLEX = words("acos acosh asin asinh atan atanh cos cosh exp log log10 sin sinh sqrt tan tanh")


@dataclass(frozen=True)
class Row:
    """A row of the table, for a function or the method that stands for it."""

    function: str
    rule: str
    check: Callable[[], None]

    def __str__(self) -> str:
        return self.rule


def rows() -> Iterator[Row]:
    for name, text in TABLE.items():
        for rule in text.split(";"):
            rule = " ".join(rule.split())
            yield Row(name, rule, partial(real, getattr(dnp, name), rule))
            if name in METHODS:
                yield Row(METHODS[name], rule, partial(real, method(METHODS[name]), rule))
    for name, rule in REDUCTIONS.items():
        yield Row(name, rule, partial(reduction, name, rule))
    for name in COMPLEX:
        yield Row(name, "complex, as C99", partial(as_c99, name))
        yield Row(name, "of conj(z) is conj", partial(symmetric, name))


def method(name: str) -> Callable[..., Any]:
    return lambda x, *others: getattr(x, name)(*others)


def real(function: Callable[..., Any], rule: str) -> None:
    condition, _, result = rule.partition(" -> ")
    conditions = [CONDITIONS[c] for c in condition.split(", ")]
    found = 0
    for xs in itertools.product(NUMBERS, repeat=len(conditions)):
        if not all(c(x) for c, x in zip(conditions, xs, strict=True)):
            continue
        found += 1
        names = {f"x{i + 1}": x for i, x in enumerate(xs)}
        names |= {"pi": math.pi, "inf": math.inf, "nan": math.nan, "abs": abs}
        allowed = [eval(r, names) for r in result.split(" | ")]
        for dtype in (np.float64, np.float32):
            with np.errstate(all="ignore"):
                y = function(*[dnp.asarray([x], dtype=dtype) for x in xs]).item()
            assert any(alike(y, a, dtype) for a in allowed), f"{xs} gives {y}, not {result}"
    assert found, f"no number is {condition}"


def alike(y: Any, wanted: Any, dtype: Any) -> bool:
    """The same number, zeros and infinities with their signs."""
    if wanted != wanted or y != y:
        return wanted != wanted and y != y
    near = math.isclose(y, wanted, rel_tol=4 * float(np.finfo(dtype).eps))
    return near and math.copysign(1, y) == math.copysign(1, wanted)


def reduction(name: str, rule: str) -> None:
    given, _, wanted = rule.partition(" -> ")
    x = dnp.asarray(eval(given, {"nan": math.nan}), dtype=dnp.float64)
    y = getattr(dnp, name)(x)
    y, wanted = np.ravel(y.numpy())[-1].item(), eval(wanted, {"nan": math.nan})
    assert alike(y, wanted, np.float64), f"{y}, not {wanted}"


PLANE = [complex(a, b) for a in NUMBERS[:11] for b in NUMBERS[:11]]


# where C99 was corrected later (defect report 471), which cmath does not follow
CORRECTED = {
    ("acosh", "nanj"): complex(math.nan, math.pi / 2),
    ("acosh", "(-0+nanj)"): complex(math.nan, math.pi / 2),
    ("tanh", "nanj"): complex(0.0, math.nan),
    ("tanh", "(-0+nanj)"): complex(-0.0, math.nan),
    ("tan", "(nan+0j)"): complex(math.nan, 0.0),
    ("tan", "(nan-0j)"): complex(math.nan, -0.0),
}


def as_c99(name: str) -> None:
    for z in PLANE:
        with np.errstate(all="ignore"):
            y = getattr(dnp, name)(dnp.asarray(z)).item()
        try:
            wanted = getattr(cmath, name)(z)
        except (ValueError, OverflowError):  # where C99 has a pole, or an invalid operation
            assert not cmath.isfinite(y), f"{z} gives {y}"
            continue
        wanted = CORRECTED.get((name, repr(z)), wanted)
        if name == "acosh" and z.real == 0 and cmath.isnan(z) and math.isnan(y.imag):
            continue  # C99 has pi / 2 there, NumPy 2.1 NaN
        pairs = ((y.real, wanted.real), (y.imag, wanted.imag))
        # of infinite numbers and of NaN, the sign of a zero or an infinity may be open
        vague = not cmath.isfinite(z)
        ok = [alike(abs(a), abs(b), float) if vague else alike(a, b, float) for a, b in pairs]
        assert all(ok), f"{z} gives {y}, not {wanted}"


def symmetric(name: str) -> None:
    for z in PLANE:
        with np.errstate(all="ignore"):
            y, mirrored = (getattr(dnp, name)(dnp.asarray(w)) for w in (z, z.conjugate()))
        np.testing.assert_allclose(mirrored.item(), y.item().conjugate(), rtol=1e-15)
