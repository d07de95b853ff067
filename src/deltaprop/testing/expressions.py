"""Random expressions: whole graphs with sharing and fan-out, as code that can be printed.

An expression is built step by step. Each step is evaluated at once at the expression's point,
so the next step knows shapes and values. An argument outside the domain of an operation is
first mapped into the domain, and a step that is steep, curved or near a kink at the point is
dropped. The result is smooth around its point and of moderate size.
"""

from __future__ import annotations

import itertools
import math
import re
import string
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np
from hypothesis import strategies as st

from .. import numpy as dnp
from ..graph import REGISTRY, Elementwise
from ..graph.domains import Domain
from .inputs import SHAPES, Shape, axes, indices, pieces

_STEP = 0.01  # how far the arguments of a step are moved to test whether it is smooth
_LARGEST, _MOST = 100.0, 64  # bounds for the entries of a value, and for their number


class Term:
    """A part of an expression: code with a gap for each argument, and the value of the part."""

    def __init__(self, code: str, args: Sequence[Term], value: Any) -> None:
        self.code = code
        self.args: tuple[Term, ...] = tuple(args)
        self.value = value

    @property
    def shape(self) -> Shape:
        return np.shape(self.value)

    def written(self, names: dict[Term, str]) -> str:
        """Return the code, with brackets around the result of an operator inside another one."""
        parts = [names.get(x) or x.written(names) for x in self.args]
        if not self.code.startswith("dnp.") and not self.code.endswith("({})"):
            tight = [x in names or x.code.startswith(("dnp.", "{}[")) for x in self.args]
            parts = [p if t else f"({p})" for p, t in zip(parts, tight, strict=True)]
        return self.code.format(*parts)

    def visit(self, uses: Counter[Term]) -> list[Term]:
        """Collect the terms of this term, arguments first, and count how often each is used."""
        uses[self] += 1
        below = [t for x in self.args for t in x.visit(uses)] if uses[self] == 1 else []
        return [*below, self] if uses[self] == 1 else []


class Expression:
    """A function of arrays that prints as its own code.

    Call it with Values for a graph, with arrays for plain results, or hand it another
    array namespace: ``f.on(namespace)(*arrays)``.

    Parameters
    ----------
    root : Term
        The last operation.
    """

    def __init__(self, root: Term) -> None:
        uses: Counter[Term] = Counter()
        terms = root.visit(uses)
        inputs = [t for t in terms if not t.args]
        shared = [t for t in terms if t.args and uses[t] > 1]
        names = {t: f"x{i}" for i, t in enumerate(inputs)}
        names |= {t: f"y{i}" for i, t in enumerate(shared)}
        self.points: tuple[Any, ...] = tuple(t.value for t in inputs)
        self._inputs = ", ".join(names[t] for t in inputs)
        self._lines = [f"{names[t]} = {t.written(names)}" for t in shared]
        self._result = names.get(root) or root.written(names)

    def __repr__(self) -> str:
        if not self._lines:
            return f"lambda {self._inputs}: {self._result}"
        return "\n    ".join([f"def f({self._inputs}):", *self._lines, f"return {self._result}"])

    @cached_property
    def _program(self) -> Any:
        text = repr(self)
        return compile(text if self._lines else f"f = {text}", "<expression>", "exec")

    def on(self, namespace: Any) -> Callable[..., Any]:
        """Return the function with another namespace of the same names as `dnp`."""
        scope: dict[str, Any] = {"dnp": namespace}
        exec(self._program, scope)
        return scope["f"]

    def __call__(self, *xs: Any) -> Any:
        return self.on(dnp)(*xs)


# -- building -----------------------------------------------------------------------------


class Builder:
    """An expression under construction: the terms so far, and the source of random choices."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        # no two entries of the inputs are equal, so there are no accidental ties
        grid = np.concatenate([np.arange(0.1, 2.0, 0.004), -np.arange(0.102, 2.0, 0.004)])
        rng = np.random.default_rng(draw(st.integers(0, 2**16)))
        self.numbers: Iterator[Any] = itertools.cycle(rng.permutation(grid.round(3)).tolist())
        self.terms: list[Term] = [self.input(draw(SHAPES))]

    def one_of(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def input(self, shape: Shape) -> Term:
        numbers = [next(self.numbers) for _ in range(math.prod(shape))]
        return Term("", (), np.reshape(numbers, shape) if shape else numbers[0])

    def pick(self, fits: Callable[[Shape], bool], *new: Shape) -> Term:
        """Choose a suitable term, newest first, or else make an input of a new shape."""
        found = [t for t in self.terms[::-1] if fits(t.shape)]
        # the newest as often as all others: so graphs become deep, not only wide
        term: Term | None = self.one_of(*found[:1] * len(found), *found[1:], None)
        if term is None:
            term = self.input(self.one_of(*new))
            self.terms.insert(0, term)
        return term

    def array(self, ndim: int = 1) -> Term:
        return self.pick(lambda s: len(s) >= ndim, (2,) * ndim, (2, 3), (3, 1, 2))

    def add(self, code: str, *args: Term) -> None:
        """Add the step, if it is smooth at the point."""
        f, xs = _function(code, len(args)), [x.value for x in args]
        with np.errstate(all="ignore"):
            y = f(*xs)
            if 0 < np.size(y) <= _MOST and np.all(np.abs(y) < _LARGEST) and _is_smooth(f, xs, y):
                self.terms.append(Term(code, args, y))

    def into(self, domain: Domain, x: Term) -> Term:
        """Return the term, mapped into a domain unless it already lies inside."""
        size = float(np.max(np.abs(x.value)))
        if size > 3.0:
            x = _mapped(f"{2 / size:.1g} * {{}}", x)
        if np.min(x.value) > domain.low + 0.1 and np.max(x.value) < domain.high - 0.1:
            return x
        low, high = pieces(domain)[-1][0], pieces(domain)[0][1]
        shift = f"{(low + high) / 2:.3g} + " if low + high else ""
        return _mapped(f"{shift}{(high - low) / 2:.3g} * dnp.tanh({{}})", x)

    def result(self) -> Term:
        """Return the last term, plus the means of all terms that are not used otherwise."""
        last = self.terms[-1]
        last.visit(used := Counter[Term]())
        for t in self.terms[-2::-1]:
            if t.args and t not in used:
                t.visit(used)
                last = Term("{} + dnp.mean({})", (last, t), None)
        return last


@cache
def _function(code: str, count: int) -> Callable[..., Any]:
    names = [f"a{i}" for i in range(count)]
    return eval(f"lambda {', '.join(names)}: {code.format(*names)}", {"dnp": dnp})


def _mapped(code: str, x: Term) -> Term:
    return Term(code, (x,), _function(code, 1)(x.value))


def _is_smooth(f: Callable[..., Any], xs: Sequence[Any], y: Any) -> bool:
    """Check that small steps to both sides, in two directions, change `f` little and evenly."""
    rng = np.random.default_rng(0)
    size = _STEP * (1 + np.abs(y))
    for _ in range(2):
        steps = [_STEP * rng.choice([-1.0, -0.6, 0.6, 1.0], np.shape(x)) for x in xs]
        up, down = (f(*(x + sign * s for x, s in zip(xs, steps, strict=True))) for sign in (1, -1))
        if not np.all((np.abs(up - 2 * y + down) <= 0.1 * size) & (np.abs(up - y) <= 10 * size)):
            return False
    return True


# -- the steps ----------------------------------------------------------------------------


def _elementwise(b: Builder) -> None:
    name = b.draw(st.sampled_from(elementwise_names()))
    op: Any = REGISTRY[name]
    args = [b.pick(lambda s: True, ())]
    for _ in op.domain[1:]:
        shape = np.broadcast_shapes(*(x.shape for x in args))
        new = shape, (), shape[1:], (1,) * len(shape), (2, *shape)
        args.append(b.pick(lambda s, shape=shape: _broadcasts(s, shape), *new))  # type: ignore[misc]
    args = [b.into(d, x) for d, x in zip(op.domain, args, strict=True)]
    for domain, x in zip(op.domain, args, strict=True):
        if any(np.min(np.abs(x.value - kink)) < _STEP for kink in domain.kinks):
            return
    # what is not differentiated is a condition
    gaps = ["{} > 0" if p is None else "{}" for p in op.partials]
    if op.symbol:
        b.add(f" {op.symbol} ".join(gaps) if len(gaps) > 1 else f"{op.symbol}{{}}", *args)
    else:
        b.add(f"dnp.{name}({', '.join(gaps)})", *args)


def elementwise_names() -> list[str]:
    """Return the differentiable elementwise operations of the namespace, simplest first."""
    return _names(len(REGISTRY))  # which grows, and is never rewritten


@cache
def _names(_: int) -> list[str]:
    table = [
        op
        for op in REGISTRY.values()
        if isinstance(op, Elementwise) and any(p is not None for p in op.partials)
    ]
    offered = [op for op in table if callable(getattr(dnp, op.name, None))]
    offered.sort(key=lambda op: (op.count, not op.symbol))
    return [op.name for op in offered]


def _broadcasts(a: Shape, b: Shape) -> bool:
    return all(m == n or 1 in (m, n) for m, n in zip(a[::-1], b[::-1], strict=False))


# what a gap of these is filled with depends on the shape of the array, <x>
_REDUCTIONS = ("sum", "mean", "max", "min", "prod", "var", "std", "logsumexp", "ptp", "median")
_RUNNING = ("cumsum", "cumprod", "softmax", "log_softmax", "sort", "diff", "flip")
_OF_ONE = [
    *(f"dnp.{name}(<x>, axis=<axes>, keepdims=<flag>)" for name in _REDUCTIONS),
    "dnp.norm(<x>, axis=<axis>, keepdims=<flag>)",
    *(f"dnp.{name}(<x>, axis=<axis>)" for name in _RUNNING),
    "dnp.reshape(<x>, <shape>)",
    "dnp.transpose(<x>, <order>)",
    "dnp.swapaxes(<x>, <axis>, <axis>)",
    "dnp.moveaxis(<x>, <axis>, <axis>)",
    "dnp.expand_dims(<x>, <axis>)",
    "dnp.broadcast_to(<x>, <larger>)",
    "dnp.roll(<x>, <count>, axis=<axis>)",
    "dnp.tile(<x>, <count>)",
    "dnp.repeat(<x>, <count>, axis=<axis>)",
    "dnp.pad(<x>, <count>)",
    *["<x>[<index>]"] * 5,
]
_OF_A_MATRIX = [
    "dnp.diagonal(<x>)",
    "dnp.trace(<x>)",
    "dnp.tril(<x>, <count>)",
    "dnp.triu(<x>, <count>)",
]
_GAPS: dict[str, Callable[[Shape], st.SearchStrategy[Any]]] = {
    "axis": lambda s: axes(len(s), none=False, several=False),
    "axes": lambda s: axes(len(s)).filter(lambda axis: axis != ()),
    "flag": lambda s: st.booleans(),
    "count": lambda s: st.integers(1, 2),
    "shape": lambda s: st.sampled_from([(-1,), s[::-1], (*s, 1)]),
    "larger": lambda s: st.just((2, *s)),
    "order": lambda s: st.permutations(range(len(s))).map(tuple),
    "index": indices,
}


def _of_one(b: Builder) -> None:
    """Return an operation on one array: a reduction, a cumulative one, a new shape, a part."""
    x = b.array()
    code = b.one_of(*_OF_ONE, *(_OF_A_MATRIX if len(x.shape) > 1 else ()))

    def filled(gap: re.Match[str]) -> str:
        if gap[1] == "x":
            return "{}"
        value = b.draw(_GAPS[gap[1]](x.shape))
        return index_code(value) if gap[1] == "index" else repr(value)

    b.add(re.sub("<(.*?)>", filled, code), x)


def index_code(index: Any) -> str:
    """Return the code of an index, as it is written between the brackets."""
    if isinstance(index, tuple) and index:
        return ", ".join(map(index_code, index)) + ("," if len(index) == 1 else "")
    if isinstance(index, slice):
        parts = ["" if i is None else str(i) for i in (index.start, index.stop)]
        return ":".join(parts if index.step is None else [*parts, str(index.step)])
    if isinstance(index, np.ndarray | np.generic):
        return repr(index.tolist())
    return "..." if index is Ellipsis else repr(index)


def _of_two(b: Builder) -> None:
    """Return an operation that joins or contracts two arrays."""
    x = b.array()
    *lead, n = x.shape
    code = b.one_of(
        "dnp.concatenate([{}, {}], axis=-1)",
        "dnp.stack([{}, {}], axis=-2)",
        "{} @ {}",
        "dnp.outer({}, {})",
        "dnp.kron({}, {})",
        "dnp.inner({}, {})",
        "dnp.vecdot({}, {})",
        "dnp.tensordot({}, {}, axes=([-1], [-1]))",
        *["dnp.convolve({}, {}, 'full')", "dnp.convolve({}, {}, 'valid')"][: 2 * (not lead)],
    )
    if "[{}" in code:
        y = b.pick(lambda s: s == x.shape, x.shape)
    elif "@" in code:
        y = b.pick(lambda s: _multiplies(x.shape, s), (n,), (n, 2), (*lead[:-1], n, 1))
    elif "outer" in code or "kron" in code:
        y = b.array()
    elif "convolve" in code:
        y = b.pick(lambda s: len(s) == 1, (2,))
    else:
        y = b.pick(lambda s: s in (x.shape, (n,)), (n,), x.shape)
    b.add(code, x, y)


def _multiplies(a: Shape, b: Shape) -> bool:
    if len(b) < 2:
        return b == a[-1:]
    return a[-1] == b[-2] and _broadcasts(a[:-2], b[:-2])


def _einsum(b: Builder) -> None:
    """Return an einsum of an array and another one that shares some of its axes."""
    x = b.array()
    mine = string.ascii_lowercase[: len(x.shape)]
    if len(x.shape) > 1 and x.shape[0] == x.shape[-1] and b.draw(st.booleans()):
        mine = mine[:-1] + mine[0]  # a diagonal
    size = dict(zip(mine, x.shape, strict=True)) | {"z": 2}
    some = st.lists(st.sampled_from(sorted(size)), max_size=3, unique=True).map("".join)
    other, output = b.draw(some), b.draw(some)
    wanted = tuple(size[c] for c in other)
    kept = "".join(c for c in output if c in mine + other)
    b.add(
        f"dnp.einsum('{mine},{other}->{kept}', {{}}, {{}})",
        x,
        b.pick(lambda s: s == wanted, wanted),
    )


def _nothing(b: Builder) -> None:
    """Do nothing: the step to which Hypothesis shrinks every other step."""


_STEPS = (_nothing, *[_elementwise] * 4, *[_of_one] * 3, _of_two, _of_two, _einsum)


@st.composite
def expressions(
    draw: st.DrawFn, *, max_steps: int = 12
) -> tuple[Expression, tuple[float | np.ndarray, ...]]:
    """Generate random expressions and points where they are smooth: pairs ``f, xs`` for ``f(*xs)``.

    All families of operations take part: elementwise operations, reductions, contractions,
    shaping and indexing. Values are used more than once, and they are broadcast.

    Parameters
    ----------
    max_steps : int
        The largest number of operations, without maps into a domain and the final sum.

    Returns
    -------
    strategy
        It generates pairs of an `Expression` and a tuple of arrays and floats.

    Examples
    --------
    >>> from hypothesis import given
    >>> from deltaprop import Value
    >>> @given(expressions())
    ... def test(case):
    ...     f, xs = case
    ...     assert np.allclose(f(*map(Value, xs)).numpy(), f(*xs))
    >>> test()
    """
    builder = Builder(draw)
    for _ in range(draw(st.integers(min(3, max_steps), max_steps))):
        draw(st.sampled_from(_STEPS))(builder)
    f = Expression(builder.result())
    return f, f.points
