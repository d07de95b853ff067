"""Proof by algebra: the partials of the elementwise table, run on SymPy's symbols.

A partial is the very function that computes on arrays. Here it gets symbols, and every
operation that it calls gives its formula. The result, less SymPy's own derivative of the
function's formula, must simplify to 0: then the rule is right for every number, not for
those that somebody tried.

    python -m tests.symbolic
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as s

import deltaprop.calculus.special
import deltaprop.nn  # noqa: F401 - the losses, too, are entries of the table
from deltaprop.graph import REGISTRY, Elementwise
from deltaprop.graph.node import MODE

# the formulas: what each operation is, independently of how the table computes it
FORMULAS: dict[str, Callable[..., Any]] = {
    "along": lambda a, b: a * b,
    "over": lambda a, b: a / b,
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": lambda a, b: a**b,
    "root_of_power": lambda a, b: a**b,
    "negative": lambda x: -x,
    "positive": lambda x: x,
    "absolute": s.Abs,
    "fabs": s.Abs,
    "square": lambda x: x**2,
    "sqrt": s.sqrt,
    "root": s.sqrt,
    "cbrt": lambda x: s.sign(x) * s.Abs(x) ** s.Rational(1, 3),
    "reciprocal": lambda x: 1 / x,
    "hypot": lambda a, b: s.sqrt(a**2 + b**2),
    "rgamma": lambda x: 1 / s.gamma(x),
    "jv": s.besselj,
    "yv": s.bessely,
    "j0": lambda x: s.besselj(0, x),
    "j1": lambda x: s.besselj(1, x),
    "y0": lambda x: s.bessely(0, x),
    "y1": lambda x: s.bessely(1, x),
    "sign": s.sign,
    "copysign": lambda a, b: s.Abs(a) * s.sign(b),
    "exp": s.exp,
    "exp2": lambda x: s.Integer(2) ** x,
    "expm1": lambda x: s.exp(x) - 1,
    "log": s.log,
    "log2": lambda x: s.log(x) / s.log(2),
    "log10": lambda x: s.log(x) / s.log(10),
    "log1p": lambda x: s.log(1 + x),
    "logaddexp": lambda a, b: s.log(s.exp(a) + s.exp(b)),
    "logaddexp2": lambda a, b: s.log(s.Integer(2) ** a + s.Integer(2) ** b) / s.log(2),
    "sin": s.sin,
    "cos": s.cos,
    "tan": s.tan,
    "arcsin": s.asin,
    "arccos": s.acos,
    "arctan": s.atan,
    "arctan2": s.atan2,
    "sinh": s.sinh,
    "cosh": s.cosh,
    "tanh": s.tanh,
    "arcsinh": s.asinh,
    "arccosh": s.acosh,
    "arctanh": s.atanh,
    "deg2rad": lambda x: x * s.pi / 180,
    "rad2deg": lambda x: x * 180 / s.pi,
    "sinc": lambda x: s.sin(s.pi * x) / (s.pi * x),
    "sigmoid": lambda x: 1 / (1 + s.exp(-x)),
    "logistic": lambda x: 1 / (1 + s.exp(-x)),
    "erf": s.erf,
    "erfc": s.erfc,
    "xlogy": lambda x, y: x * s.log(y),
    "relu": lambda x: (x + s.Abs(x)) / 2,
    "leaky_relu": lambda x, a: (x + s.Abs(x)) / 2 + a * (x - s.Abs(x)) / 2,
    "elu": lambda x, a: (x + s.Abs(x)) / 2 + a * (s.exp((x - s.Abs(x)) / 2) - 1),
    "softplus": lambda x: s.log(1 + s.exp(x)),
    "softsign": lambda x: x / (1 + s.Abs(x)),
    "log_sigmoid": lambda x: -s.log(1 + s.exp(-x)),
    "silu": lambda x: x / (1 + s.exp(-x)),
    "mish": lambda x: x * s.tanh(s.log(1 + s.exp(x))),
    "gelu": lambda x: x * s.erfc(-x / s.sqrt(2)) / 2,
    "zeta": s.zeta,
    "psi": lambda x: s.polygamma(0, x),
    "gammaln": s.loggamma,
    "gamma": s.gamma,
    "gammainc": lambda a, x: s.lowergamma(a, x) / s.gamma(a),
    "gammaincc": lambda a, x: s.uppergamma(a, x) / s.gamma(a),
    "betaln": lambda a, b: s.loggamma(a) + s.loggamma(b) - s.loggamma(a + b),
    "iv": s.besseli,
    "ive": lambda v, x: s.besseli(v, x) * s.exp(-s.Abs(x)),
    "i0": lambda x: s.besseli(0, x),
    "i0e": lambda x: s.besseli(0, x) * s.exp(-s.Abs(x)),
    "i1": lambda x: s.besseli(1, x),
    "i1e": lambda x: s.besseli(1, x) * s.exp(-s.Abs(x)),
    "erfcx": lambda x: s.exp(x**2) * s.erfc(x),
    "erfinv": s.erfinv,
    "erfcinv": s.erfcinv,
    "ndtri": lambda p: s.sqrt(2) * s.erfinv(2 * p - 1),
    "log_ndtr": lambda x: s.log(s.erfc(-x / s.sqrt(2)) / 2),
    "xlog1py": lambda x, y: x * s.log(1 + y),
    "logit": lambda x: s.log(x / (1 - x)),
    "entr": lambda x: -x * s.log(x),
    "rel_entr": lambda x, y: x * s.log(x / y),
    "kl_div": lambda x, y: x * s.log(x / y) - x + y,
    # inside rules: what their own derivative is does not matter there
    "rint": s.Function("rint", real=True),
    "clip": s.Function("clip", real=True),
    "conj": lambda x: x,
}
STEP = "a step: its derivative is 0 wherever it has one, which is no formula"
CHOICE = "a choice among its inputs: its weights are 0, 1/2 or 1"
# of the others: why there is no proof
BY_NUMBERS = {
    **dict.fromkeys(["floor", "ceil", "trunc", "rint", "heaviside", "floor_divide"], STEP),
    "gammasgn": STEP,
    **dict.fromkeys(["where", "maximum", "minimum", "fmax", "fmin", "clip"], CHOICE),
    **dict.fromkeys(["remainder", "fmod"], "x less a whole multiple of y, which is a step"),
    "nextafter": "of floating-point numbers, not of real ones",
    **dict.fromkeys(["real", "imag"], "a part of a complex number"),
    **dict.fromkeys(
        ["binary_cross_entropy", "binary_cross_entropy_with_logits", "relative_entropy"],
        "a loss, which is proven against its closed form in `tests/nn`",
    ),
    **dict.fromkeys(["gammainc", "gammaincc"], "SymPy's simplify does not come to an end"),
    **dict.fromkeys(["beta", "betaln"], "by an asymptotic series: psi(a) - psi(a + b) cancels"),
    "betainc": "SymPy has no derivative of the incomplete beta function",
}  # fmt: skip
CONSTANTS = [
    s.log(2), s.log(10), 1 / s.log(2), 1 / s.log(10), s.pi, s.sqrt(s.pi),
    1 / s.sqrt(s.pi), s.sqrt(2), s.sqrt(2 * s.pi), 1 / s.sqrt(2 * s.pi),
    s.sqrt(2 / s.pi), s.pi / 180, 180 / s.pi,
]  # fmt: skip
SIGNS: list[dict[str, bool]] = [{"positive": True}, {"negative": True}]


class Recorder:
    """Stands where a recording would: an operation on symbols gives its formula.

    Where a rule asks a question that the symbols' signs do not answer, it is run once for
    each answer.
    """

    number = None

    def __init__(self, answers: Sequence[bool]) -> None:
        self.answers, self.asked = list(answers), []

    def record(self, primitive: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        assert not params, primitive
        if primitive.name == "where":
            condition, yes, no = args
            return yes if self.holds(condition) else no
        return FORMULAS[primitive.name](*map(s.sympify, args))

    def holds(self, condition: Any) -> bool:
        condition = s.sympify(bool(condition) if not isinstance(condition, s.Basic) else condition)
        if condition in (s.true, s.false):
            return bool(condition)
        known = dict(self.asked)
        if condition not in known:
            answer = self.answers[len(self.asked)] if len(self.asked) < len(self.answers) else True
            self.asked.append((condition, answer))
        return dict(self.asked)[condition]


def cases(rule: Callable[..., Any], args: Sequence[Any]) -> Iterator[tuple[list[Any], Any]]:
    """What a partial is, and the answers to the questions on which that depends."""
    waiting: list[list[bool]] = [[]]
    while waiting:
        recorder = Recorder(waiting.pop())
        token = MODE.set(recorder)
        try:
            result = rule(*args)
        finally:
            MODE.reset(token)
        for i in range(len(recorder.answers), len(recorder.asked)):
            waiting.append([answer for _, answer in recorder.asked[:i]] + [False])
        result = result.item() if isinstance(result, np.ndarray) else result
        yield [c if answer else s.Not(c) for c, answer in recorder.asked], exact(result)


def exact(expression: Any) -> Any:
    """The expression with its floats as the numbers that they stand for."""
    expression = s.sympify(expression)
    return expression.xreplace({f: _meant(f) for f in expression.atoms(s.Float)})


def _meant(f: Any) -> Any:
    for c in (s.Integer(1), *CONSTANTS):
        ratio = Fraction(float(f) / float(c)).limit_denominator(64)
        if ratio and abs(float(ratio) * float(c) - float(f)) <= 4e-16 * abs(float(f)):
            return s.Rational(ratio) * c
    return s.Rational(float(f))


def vanishes(difference: Any) -> bool:
    """Whether an expression is 0: first at a few points, then by algebra."""
    free = sorted(difference.free_symbols, key=str)
    for numbers in ((0.3, 0.7), (0.6, 0.2)):
        at = {
            v: (-n if v.is_negative else n) if n else n
            for v, n in zip(free, map(s.Rational, map(str, numbers)), strict=False)
        }
        value = s.N(difference.subs(at).doit(), 40)
        if value.is_number and value.is_finite and abs(value) > 1e-25:
            return False
    return any(way(difference) == 0 for way in WAYS)


WAYS: list[Callable[[Any], Any]] = [
    s.expand,
    lambda d: s.cancel(s.together(s.expand_func(d))),
    lambda d: s.expand(s.expand_func(d).rewrite(s.zeta)),
    lambda d: s.cancel(s.together(s.powsimp(s.expand(d.rewrite(s.exp))))),
    s.simplify,
    lambda d: s.simplify(d.rewrite(s.exp)),
]


@dataclass
class Proof:
    """What was proven of one operation: everywhere, on regions, or nothing, and why."""

    name: str
    where: str
    why: str = ""


def unproven(op: Elementwise, i: int, xs: Sequence[Any]) -> list[Any] | None:
    """The conditions on which the i-th partial is not proven; None: it is on none."""
    f = FORMULAS[op.name](*xs)
    rule: Any = op.partials[i]
    slope = s.diff(f, xs[i])
    found = list(cases(rule, [f, *xs])) if callable(rule) else [([], s.Integer(rule))]
    wrong = [conditions for conditions, partial in found if not vanishes(partial - slope)]
    return None if len(wrong) == len(found) else [s.And(*conditions) for conditions in wrong]


def prove(op: Elementwise) -> Proof:
    """What algebra says of an operation's partials."""
    if op.name in BY_NUMBERS:
        return Proof(op.name, "by numbers", BY_NUMBERS[op.name])
    names = "xyz"[: len(op.partials)]
    active = [i for i, p in enumerate(op.partials) if p is not None]
    xs = [s.Symbol(n, real=True) for n in names]
    if all(unproven(op, i, xs) == [] for i in active):
        return Proof(op.name, "everywhere")
    regions = []
    domain = op.domain or (None,) * len(names)
    signs = [SIGNS[:1] if getattr(d, "low", -1.0) >= 0 else SIGNS for d in domain]
    for region in itertools.product(*signs):
        xs = [s.Symbol(n, **sign) for n, sign in zip(names, region, strict=True)]
        left = [unproven(op, i, xs) for i in active]
        if None not in left:
            parts = [f"{x} {'>' if x.is_positive else '<'} 0" for x in xs]
            parts += sorted({f"not {c}" for cs in left for c in cs or ()})
            regions.append(", ".join(parts))
    if regions:
        return Proof(op.name, "on a region", "; ".join(regions))
    return Proof(op.name, "by numbers", "SymPy does not simplify the difference to 0")


def provable() -> Iterator[Elementwise]:
    """The entries that state a derivative."""
    for op in REGISTRY.values():
        stated = isinstance(op, Elementwise) and any(p is not None for p in op.partials)
        if stated and not op.name.startswith("test"):
            yield op  # type: ignore[misc]


def page() -> str:
    """The proofs as a table in Markdown."""
    proofs = [prove(op) for op in provable()]
    lines = ["| proven | functions |", "|---|---|"]
    names = [f"`{p.name}`" for p in proofs if p.where == "everywhere"]
    lines.append(f"| everywhere: {len(names)} | {', '.join(names)} |")
    for where in ("on a region", "by numbers"):
        reasons: dict[str, list[str]] = {}
        for p in proofs:
            if p.where == where:
                reasons.setdefault(p.why.replace("|", "\\|"), []).append(f"`{p.name}`")
        lines += [f"| {where}: {why} | {', '.join(names)} |" for why, names in reasons.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(page())
