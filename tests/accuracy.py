"""Values and derivatives of elementwise functions against mpmath, over all floating-point numbers.

    python -m tests.accuracy [--function NAME] [--points N]

writes `docs/accuracy.md`: the functions that are right to 4 units in the last place (ulp)
everywhere, and the others with their worst error, where it is, and the reason.

The truth is computed in 256 bits from formulas of its own. An error is measured in units of the
exact result's last place; inputs are taken as exact, so that a badly conditioned point is no
excuse. Where the value or the derivative is below the smallest normal number or beyond the
largest, nothing is asked.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
from mpmath import mp, mpf

import deltaprop.numpy as dnp
from deltaprop import Value
from deltaprop.graph import REGISTRY
from deltaprop.numpy import special

from .accuracy_exceptions import EXCEPTIONS

PAGE = Path(__file__).parents[1] / "docs" / "accuracy.md"
BITS = 256
LIMIT = 4.0
TINY, HUGE = float(np.finfo(float).tiny), float(np.finfo(float).max)
INF = math.inf


@dataclass(frozen=True)
class Truth:
    """A function and its derivatives for mpmath, and where they are asked.

    `near` are points of interest, kinks, zeros and ends, of which the neighbours are taken
    too. `low` and `high` bound the first argument, `pairs` says which pairs are in the domain.
    """

    value: Callable[..., Any]
    partials: Sequence[Callable[..., Any]]
    low: float = -INF
    high: float = INF
    near: tuple[float, ...] = ()
    pairs: Callable[..., Any] = lambda a, b: np.isfinite(a)


def _sech2(x: Any) -> Any:
    return 1 / mpmath.cosh(x) ** 2


def _logistic(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def _normal(x: Any) -> Any:
    return mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mp.pi)


def _sinc(x: Any) -> Any:
    return mpmath.sinpi(x) / (mp.pi * x)


def _sinc_slope(x: Any) -> Any:
    if abs(x) < mpf("1e-25"):
        return -(mp.pi**2) * x / 3
    return (mpmath.cospi(x) - _sinc(x)) / x


def _erfc(x: Any) -> Any:
    # mpmath's does not return for huge arguments
    return mpmath.erfc(x) if abs(x) < 100 else 1 - mpmath.sign(x) + mpf("1e-4000")


def _erfc_of_large(x: Any) -> Any:
    if x < 100:
        return mpmath.erfc(x)
    t = 1 / (2 * x * x)
    series = sum((-t) ** k * mpmath.fac2(2 * k - 1) for k in range(20))
    return mpmath.exp(-x * x) / (x * mpmath.sqrt(mp.pi)) * series


def _fraction(a: Any, b: Any) -> Any:
    with mp.workprec(2200):
        return a - b * mpmath.floor(a / b)


def _quotient(a: Any, b: Any) -> Any:
    with mp.workprec(2200):
        return mpmath.floor(a / b)


def _softplus(x: Any) -> Any:
    return mpmath.log1p(mpmath.exp(x)) if x < 700 else x + mpmath.exp(-x)


def _mish_slope(x: Any) -> Any:
    s = _softplus(x)
    return mpmath.tanh(s) + x * _sech2(s) * _logistic(x)


def _entire(f: Any, *partials: Any, **where: Any) -> Truth:
    return Truth(f, partials, **where)


def _positive(f: Any, *partials: Any, **where: Any) -> Truth:
    return Truth(f, partials, low=0.0, **where)


def _first_positive(a: Any, b: Any) -> Any:
    return (a > 0) & np.isfinite(b)


def _second_not_zero(a: Any, b: Any) -> Any:
    return np.isfinite(a) & (b != 0)


def _both_positive(a: Any, b: Any) -> Any:
    return (a > 0) & (b > 0)


TURNS = tuple(k * math.pi / 2 for k in range(-6, 7))

m = mpmath
TRUTHS: dict[str, Truth] = {
    "add": _entire(lambda a, b: a + b, lambda a, b: 1, lambda a, b: 1),
    "subtract": _entire(lambda a, b: a - b, lambda a, b: 1, lambda a, b: -1),
    "multiply": _entire(lambda a, b: a * b, lambda a, b: b, lambda a, b: a),
    "divide": _entire(
        lambda a, b: a / b, lambda a, b: 1 / b, lambda a, b: -a / b**2, pairs=_second_not_zero
    ),
    "along": _entire(lambda a, b: a * b, lambda a, b: b, lambda a, b: a),
    "over": _entire(
        lambda a, b: a / b, lambda a, b: 1 / b, lambda a, b: -a / b**2, pairs=_second_not_zero
    ),
    "root": _positive(m.sqrt, lambda x: 1 / (2 * m.sqrt(x))),
    "power": _entire(
        lambda a, b: a**b,
        lambda a, b: b * a ** (b - 1),
        lambda a, b: a**b * m.log(a),
        pairs=_first_positive,
        near=(1.0,),
    ),
    "hypot": _entire(
        lambda a, b: m.sqrt(a * a + b * b),
        lambda a, b: a / m.sqrt(a * a + b * b),
        lambda a, b: b / m.sqrt(a * a + b * b),
    ),
    "arctan2": _entire(
        lambda a, b: m.atan2(a, b),
        lambda a, b: b / (a * a + b * b),
        lambda a, b: -a / (a * a + b * b),
    ),
    "remainder": _entire(
        _fraction, lambda a, b: 1, lambda a, b: -_quotient(a, b), pairs=_both_positive
    ),
    "fmod": _entire(_fraction, lambda a, b: 1, lambda a, b: -_quotient(a, b), pairs=_both_positive),
    "copysign": _entire(
        lambda a, b: abs(a) if b > 0 else -abs(a),
        lambda a, b: m.sign(a) * m.sign(b),
        lambda a, b: 0,
        pairs=lambda a, b: (a != 0) & (b != 0),
    ),
    "logaddexp": _entire(
        lambda a, b: max(a, b) + m.log1p(m.exp(-abs(a - b))),
        lambda a, b: _logistic(a - b),
        lambda a, b: _logistic(b - a),
    ),
    "logaddexp2": _entire(
        lambda a, b: max(a, b) + m.log1p(m.exp(-abs(a - b) * m.ln2)) / m.ln2,
        lambda a, b: _logistic((a - b) * m.ln2),
        lambda a, b: _logistic((b - a) * m.ln2),
    ),
    "xlogy": _entire(
        lambda x, y: x * m.log(y),
        lambda x, y: m.log(y),
        lambda x, y: x / y,
        pairs=lambda x, y: y > 0,
        near=(1.0,),
    ),
    "leaky_relu": _entire(
        lambda x, s: x if x > 0 else s * x,
        lambda x, s: 1 if x > 0 else s,
        lambda x, s: 0 if x > 0 else x,
        pairs=lambda x, s: x != 0,
    ),
    "elu": _entire(
        lambda x, a: x if x > 0 else a * m.expm1(x),
        lambda x, a: 1 if x > 0 else a * m.exp(x),
        lambda x, a: 0 if x > 0 else m.expm1(x),
        pairs=lambda x, a: (x != 0) & (a > 0),
    ),
    "negative": _entire(lambda x: -x, lambda x: -1),
    "positive": _entire(lambda x: x, lambda x: 1),
    "absolute": _entire(lambda x: abs(x), lambda x: m.sign(x)),
    "fabs": _entire(lambda x: abs(x), lambda x: m.sign(x)),
    "square": _entire(lambda x: x * x, lambda x: 2 * x),
    "sqrt": _positive(m.sqrt, lambda x: 1 / (2 * m.sqrt(x))),
    "cbrt": _entire(
        lambda x: m.sign(x) * m.cbrt(abs(x)), lambda x: 1 / (3 * m.cbrt(abs(x)) ** 2), near=(1.0,)
    ),
    "reciprocal": _entire(lambda x: 1 / x, lambda x: -1 / x**2),
    "exp": _entire(m.exp, m.exp),
    "exp2": _entire(lambda x: mpf(2) ** x, lambda x: mpf(2) ** x * m.ln2),
    "expm1": _entire(m.expm1, m.exp),
    "log": _positive(m.log, lambda x: 1 / x, near=(1.0,)),
    "log2": _positive(lambda x: m.log(x) / m.ln2, lambda x: 1 / (x * m.ln2), near=(1.0,)),
    "log10": _positive(lambda x: m.log(x) / m.ln10, lambda x: 1 / (x * m.ln10), near=(1.0,)),
    "log1p": Truth(m.log1p, [lambda x: 1 / (1 + x)], low=-1.0, near=(-1.0,)),
    "sin": _entire(m.sin, m.cos, near=TURNS),
    "cos": _entire(m.cos, lambda x: -m.sin(x), near=TURNS),
    "tan": _entire(m.tan, lambda x: 1 / m.cos(x) ** 2, near=TURNS),
    "arcsin": Truth(m.asin, [lambda x: 1 / m.sqrt(1 - x * x)], -1.0, 1.0, near=(-1.0, 1.0)),
    "arccos": Truth(m.acos, [lambda x: -1 / m.sqrt(1 - x * x)], -1.0, 1.0, near=(-1.0, 1.0)),
    "arctan": _entire(m.atan, lambda x: 1 / (1 + x * x)),
    "sinh": _entire(m.sinh, m.cosh),
    "cosh": _entire(m.cosh, m.sinh),
    "tanh": _entire(m.tanh, _sech2),
    "arcsinh": _entire(m.asinh, lambda x: 1 / m.sqrt(1 + x * x)),
    "arccosh": Truth(m.acosh, [lambda x: 1 / m.sqrt(x * x - 1)], low=1.0, near=(1.0,)),
    "arctanh": Truth(m.atanh, [lambda x: 1 / (1 - x * x)], -1.0, 1.0, near=(-1.0, 1.0)),
    "deg2rad": _entire(lambda x: x * mp.pi / 180, lambda x: mp.pi / 180),
    "rad2deg": _entire(lambda x: x * 180 / mp.pi, lambda x: 180 / mp.pi),
    "sinc": _entire(_sinc, _sinc_slope, near=(*range(-4, 5), 1.4302966531242027)),
    "sinc (|x| < 0.9)": Truth(_sinc, [_sinc_slope], -0.9, 0.9, near=(0.5, -0.5, 0.8)),
    "relu": _entire(lambda x: max(x, 0), lambda x: 1 if x > 0 else 0),
    "sigmoid": _entire(_logistic, lambda x: _logistic(x) * _logistic(-x)),
    "logistic": _entire(_logistic, lambda x: _logistic(x) * _logistic(-x)),
    "softplus": _entire(_softplus, _logistic),
    "softsign": _entire(lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2),
    "log_sigmoid": _entire(lambda x: -_softplus(-x), lambda x: _logistic(-x)),
    "silu": _entire(
        lambda x: x * _logistic(x),
        lambda x: _logistic(x) * (1 + x * _logistic(-x)),
        near=(-1.2784645427610738,),
    ),
    "mish": _entire(lambda x: x * m.tanh(_softplus(x)), _mish_slope, near=(-1.1924312145154857,)),
    "gelu": _entire(
        lambda x: x * _erfc(-x / m.sqrt(2)) / 2,
        lambda x: _erfc(-x / m.sqrt(2)) / 2 + x * _normal(x),
        near=(-0.7517915246935645,),
    ),
    "rel_entr": _entire(
        lambda x, y: x * m.log(x / y),
        lambda x, y: m.log(x / y) + 1,
        lambda x, y: -x / y,
        pairs=_both_positive,
    ),
    "erfcx": Truth(
        lambda x: m.exp(x * x) * _erfc_of_large(x),
        [lambda x: 2 * x * m.exp(x * x) * _erfc_of_large(x) - 2 / m.sqrt(mp.pi)],
        low=-20.0,
        high=1e4,
        near=(10.0, 11.0),
    ),
    "betaln": _entire(
        lambda a, b: m.loggamma(a) + m.loggamma(b) - m.loggamma(a + b),
        lambda a, b: m.digamma(a) - m.digamma(a + b),
        lambda a, b: m.digamma(b) - m.digamma(a + b),
        pairs=lambda a, b: (a > 1e-8) & (b > 1e-8) & (a < 1e6) & (b < 1e6),
    ),
    "i1e": Truth(
        lambda x: m.besseli(1, x) * m.exp(-abs(x)),
        [lambda x: m.exp(-abs(x)) * (m.besseli(0, x) - m.besseli(1, x) * (1 / x + m.sign(x)))],
        low=-100.0,
        high=100.0,
    ),
    "erf": _entire(
        lambda x: m.erf(x) if abs(x) < 100 else m.sign(x),
        lambda x: 2 / m.sqrt(mp.pi) * m.exp(-x * x),
    ),
    "erfc": _entire(_erfc, lambda x: -2 / m.sqrt(mp.pi) * m.exp(-x * x)),
}


# -- where it is asked ---------------------------------------------------------------------


def numbers(rng: np.random.Generator, n: int, near: Sequence[float] = ()) -> np.ndarray:
    """Floating-point numbers of every magnitude, and those that functions stumble over."""
    log_uniform = np.ldexp(rng.uniform(0.5, 1, n), rng.integers(-1020, 1025, n))
    middle = np.ldexp(rng.uniform(0.5, 1, n), rng.integers(-60, 12, n))
    plain = np.concatenate([rng.uniform(0, 40, n // 2), rng.uniform(0, 750, n // 2)])
    special = [TINY, 1e-300, 1e-154, 1e-20, 2.0**-53, 1e-8, 1e-5, 0.1, 0.5, 1.0, 1 + 2.0**-52]
    special += [1 - 2.0**-53, 2.0, math.e, 10.0, 20.0, 36.7, 88.0, 700.0, 709.5, 745.0, 1e4, 1e8]
    special += [2.0**53, 1e16, 1e154, 1e200, 1e300, 1.7e308, HUGE]
    x = np.concatenate([special, log_uniform, middle, plain])
    x = np.concatenate([x, -x])
    around = [c + s for c in near for s in (0.0, *_steps(rng, n // 4, abs(c) or 1.0))]
    x = np.concatenate([x, around])
    return x[np.isfinite(x) & (np.abs(x) >= TINY)]


def _steps(rng: np.random.Generator, n: int, scale: float) -> Any:
    """From a unit in the last place up to a tenth, to either side."""
    up = scale * np.ldexp(1.0, rng.integers(-52, -3, n))
    return np.concatenate([up, -up])


def arguments(truth: Truth, n: int, seed: int = 0) -> list[np.ndarray]:
    """`n` points in the domain, by lot."""
    rng = np.random.default_rng(seed)
    a = numbers(rng, n, truth.near)
    a = a[(a > truth.low) & (a < truth.high)]
    if len(truth.partials) == 1:
        return [rng.permutation(np.unique(a))[:n]]
    b = rng.permutation(numbers(rng, n, truth.near))
    a = rng.permutation(a)[: b.size]
    b = b[: a.size]
    # a third apart by little, a third of like size, half of these nearly multiples
    close, alike = slice(0, a.size // 3), slice(a.size // 3, 2 * a.size // 3)
    with np.errstate(over="ignore"):
        b[close] = a[close] * (1 + _steps(rng, a.size, 1.0)[: b[close].size])
        ratio = rng.uniform(-8, 8, b[alike].size)
        whole = np.ceil(ratio) + (ratio > -1)
        b[alike] = a[alike] / np.where(rng.random(ratio.size) < 0.5, ratio, whole)
    fits = truth.pairs(a, b) & np.isfinite(b) & (np.abs(b) >= TINY)
    chosen = rng.permutation(np.flatnonzero(fits))[:n]
    return [a[chosen], b[chosen]]


# -- how far off it is ---------------------------------------------------------------------


def ulps(found: float, exact: Any) -> float:
    """The error in units of the exact result's last place; 0 where that is out of range."""
    if exact == 0:
        return 0.0 if found == 0 else INF
    if math.isnan(found):
        return INF
    size = abs(exact)
    if size < TINY or size > HUGE:
        return 0.0
    if math.isinf(found):
        return 0.0 if size > HUGE * (1 - 2.0**-50) else INF
    return float(abs(mpf(found) - exact) / mpf(math.ulp(float(size))))


@dataclass
class Worst:
    """The largest error met, and where."""

    error: float = 0.0
    at: tuple[float, ...] = ()

    def meet(self, error: float, at: tuple[float, ...]) -> None:
        if not error <= self.error:
            self.error, self.at = error, at


def function(name: str) -> Any:
    """The function of the first word of a truth's name."""
    word = name.split()[0]
    return getattr(dnp, word, None) or getattr(special, word, None) or REGISTRY[word]


def computed(name: str, xs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What we say: the values, and the derivative in each argument."""
    with np.errstate(all="ignore"):
        leaves = [Value(x) for x in xs]
        y = function(name)(*leaves)
        y.backward(np.ones(y.shape))
        return [y.numpy(), *[np.zeros(y.shape) if v.grad is None else v.grad for v in leaves]]


def computed_on_floats(name: str, xs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The same on scalar Values, which have functions of their own."""
    rows = []
    with np.errstate(all="ignore"):
        for point in zip(*[x.tolist() for x in xs], strict=True):
            leaves = [Value(x) for x in point]
            y = function(name)(*leaves)
            y.backward()
            rows.append([y.item(), *[0.0 if v.grad is None else v.grad for v in leaves]])
    return list(np.array(rows).T)


def measure(name: str, n: int) -> dict[str, Worst]:
    """The worst errors of a function's value and of each derivative."""
    truth = TRUTHS[name]
    xs = arguments(truth, n)
    results = [computed(name, xs), computed_on_floats(name, xs)]
    worst = {part: Worst() for part in parts(truth)}
    with mp.workprec(BITS):
        for i, point in enumerate(zip(*[x.tolist() for x in xs], strict=True)):
            exactly = [mpf(x) for x in point]
            value = mpf(truth.value(*exactly))
            if value and not TINY <= abs(value) <= HUGE:
                continue
            derivatives = [mpf(f(*exactly)) for f in truth.partials]
            for k, (exact, w) in enumerate(zip((value, *derivatives), worst.values(), strict=True)):
                for result in results:
                    w.meet(ulps(float(result[k][i]), exact), point)
    return worst


def parts(truth: Truth) -> list[str]:
    n = len(truth.partials)
    return ["value", *(["derivative"] if n == 1 else [f"derivative in {i}" for i in range(n)])]


def excesses(name: str, n: int) -> Iterator[tuple[str, Worst]]:
    """Where a function is worse than 4 ulp, or than its entry in the list of exceptions."""
    for part, worst in measure(name, n).items():
        allowed = EXCEPTIONS.get((name, part), (LIMIT, ""))[0]
        if not worst.error <= allowed:
            yield part, worst


def holds(name: str, n: int) -> None:
    """Assert that a function is as accurate as it is said to be."""
    for part, worst in excesses(name, n):
        raise AssertionError(f"{name}, {part}: off by {worst.error:.3g} ulp at {worst.at}")


# -- the page ------------------------------------------------------------------------------

HEAD = """# Accuracy

Made by `python -m tests.accuracy`; do not edit.

Values and derivatives of every elementwise function are compared with {bits}-bit mpmath. The
inputs are exact float64 numbers of every magnitude from {tiny:.1e} to {huge:.1e}, also near kinks,
near zeros and near the ends of the domain; for two arguments also where they nearly coincide.
Arrays and scalars are compared. An error of 1 ulp is one unit in the last place of the exact
result. Points are left out where the value or the derivative is outside the range of normal
numbers.

**{good} of {all} values and derivatives are within {limit:.0f} ulp everywhere.** The table lists
the others, with the largest error at {points:,} points each, on NumPy {numpy}:

| function | of | worst error, ulp | at | why |
|---|---|---|---|---|
"""


def page(names: Sequence[str], n: int) -> str:
    rows, good, total, points = [], 0, 0, 0
    for i, name in enumerate(names, 1):
        print(f"\r{i}/{len(names)} {name:20}", end="", file=sys.stderr, flush=True)
        points = max(points, arguments(TRUTHS[name], n)[0].size)
        for part, worst in measure(name, n).items():
            total += 1
            good += worst.error <= LIMIT
            if worst.error > LIMIT:
                reason = EXCEPTIONS.get((name, part), (0, "NOT LISTED"))[1]
                at = ", ".join(f"{x:.6g}" for x in worst.at)
                shown = name.replace("|", r"\|")
                rows.append(f"| {shown} | {part} | {worst.error:,.3g} | {at} | {reason} |")
    print(file=sys.stderr)
    head = HEAD.format(
        bits=BITS, tiny=TINY, huge=HUGE, good=good, all=total, limit=LIMIT, points=points,
        numpy=np.__version__,
    )  # fmt: skip
    return head + "\n".join(rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--function", help="this one alone, to the screen")
    parser.add_argument("--points", type=int, default=2000)
    options = parser.parse_args()
    if options.function:
        print(page([options.function], options.points))
        return
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(list(TRUTHS), options.points), "utf-8")
    print(PAGE.read_text("utf-8"))


if __name__ == "__main__":
    main()
