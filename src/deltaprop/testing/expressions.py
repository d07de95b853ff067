"""Random expressions: whole graphs with sharing and fan-out, as code that can be printed.

An expression is built a step at a time. Each step is taken at once on the expression's
point, so the next one knows shapes and values: an argument outside the domain of an
operation goes through a map into it first, and a step that is steep, curved or near a
kink there is not taken. What comes out is smooth around its point and of moderate size.
"""

from __future__ import annotations

import itertools
import math
import string
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .. import numpy as dnp
from ..calculus.domains import Domain
from ..graph import REGISTRY, Elementwise
from .inputs import SHAPES, Shape, axes, indices, pieces

_STEP = 0.01  # how far the arguments of a step are moved to see whether it is smooth
_LARGEST, _MOST = 100.0, 64  # bounds for the entries of a value, and for their number
_SYMBOLS = {
    "add": "{} + {}",
    "subtract": "{} - {}",
    "multiply": "{} * {}",
    "divide": "{} / {}",
    "power": "{} ** {}",
    "remainder": "{} % {}",
    "negative": "-{}",
    "absolute": "abs({})",
    "where": "dnp.where({} > 0, {}, {})",
}
_CALLS = ("dnp.", "abs(")


class Term:
    """A part of an expression: code with a gap for each argument, and its value."""

    def __init__(self, code: str, args: Sequence[Term], value: Any) -> None:
        self.code = code
        self.args = tuple(args)
        self.value = value

    @property
    def shape(self) -> Shape:
        return np.shape(self.value)


class Expression:
    """A function of some arrays that prints as its own code.

    Call it with Values for a graph, with arrays for plain results, or hand it another
    array namespace: ``f.on(namespace)(*arrays)``.
    """

    def __init__(self, root: Term) -> None:
        order: dict[Term, None] = {}
        uses: Counter[Term] = Counter([root])
        _visit(root, order, uses)
        inputs = [t for t in order if not t.args]
        self.points = tuple(t.value for t in inputs)
        shared = [t for t in order if t.args and uses[t] > 1]
        names = {t: f"x{i}" for i, t in enumerate(inputs)}
        names |= {t: f"y{i}" for i, t in enumerate(shared)}
        self._lines = [f"{names[t]} = {_written(t, names)}" for t in shared]
        self._result = _written(root, names) if root.args else names[root]
        self._inputs = ", ".join(names[t] for t in inputs)

    def __repr__(self) -> str:
        if not self._lines:
            return f"lambda {self._inputs}: {self._result}"
        body = [*self._lines, f"return {self._result}"]
        return "\n    ".join([f"def f({self._inputs}):", *body])

    @cached_property
    def _program(self) -> Any:
        text = repr(self)
        return compile(text if self._lines else f"f = {text}", "<expression>", "exec")

    def on(self, namespace: Any) -> Callable[..., Any]:
        """The function, with `dnp` standing for another namespace of the same names."""
        scope: dict[str, Any] = {"dnp": namespace}
        exec(self._program, scope)
        return scope["f"]  # type: ignore[no-any-return]

    def __call__(self, *xs: Any) -> Any:
        return self.on(dnp)(*xs)


def _visit(term: Term, order: dict[Term, None], uses: Counter[Term]) -> None:
    """The terms below this one, arguments first, and how often each is used."""
    if term in order:
        return
    for x in term.args:
        uses[x] += 1
        _visit(x, order, uses)
    order[term] = None


def _written(term: Term, names: dict[Term, str]) -> str:
    """The term's code, with brackets around an operator's result in another operator."""
    parts = [names.get(x) or _written(x, names) for x in term.args]
    if not term.code.startswith(_CALLS) and not term.code.endswith("({})"):
        tight = [x in names or x.code.startswith((*_CALLS, "{}[")) for x in term.args]
        parts = [p if t else f"({p})" for p, t in zip(parts, tight, strict=True)]
    return term.code.format(*parts)


class Builder:
    """An expression in the making: the terms so far, and what chooses among them."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        rng = np.random.default_rng(draw(st.integers(0, 2**16)))
        # no two entries of the inputs are equal: nothing ties by accident
        grid = np.concatenate([np.arange(0.1, 2.0, 0.004), -np.arange(0.102, 2.0, 0.004)])
        self.numbers = itertools.cycle(rng.permutation(grid.round(3)).tolist())
        self.terms: list[Term] = []

    def one_of(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def input(self, shape: Shape) -> Term:
        numbers = [next(self.numbers) for _ in range(math.prod(shape))]
        return Term("", (), np.reshape(numbers, shape) if shape else numbers[0])

    def pick(
        self, *, new: Shape | None = None, fits: Callable[[Shape], bool] = lambda shape: True
    ) -> Term:
        """One of the terms so far, newest first, or else a new input."""
        found = [t for t in self.terms[::-1] if fits(t.shape)]
        # as often the newest as any other: graphs that are deep, not wide alone
        choices: list[Any] = [*found[:1] * len(found), *found[1:]]
        if new is not None or not choices:
            choices.append(None)
        term = self.one_of(*choices)
        if term is None:
            term = self.input(new or ())
            self.terms.insert(0, term)
        return term  # type: ignore[no-any-return]

    def add(self, code: str, *args: Term) -> Term | None:
        """Take the step, if it is a smooth one here."""
        f, xs = _function(code, len(args)), [x.value for x in args]
        with np.errstate(all="ignore"):
            y = f(*xs)
            moderate = 0 < np.size(y) <= _MOST and np.all(np.abs(y) < _LARGEST)
            if not moderate or not _is_smooth(f, xs, y):
                return None
        self.terms.append(Term(code, args, y))
        return self.terms[-1]

    def into(self, domain: Domain, x: Term) -> Term:
        """The term, or the term mapped into a domain where it is not inside it already."""
        size = float(np.max(np.abs(x.value)))
        if size > 3.0:
            x = self._mapped(f"{2 / size:.1g} * {{}}", x)
        if np.min(x.value) > domain.low + 0.1 and np.max(x.value) < domain.high - 0.1:
            return x
        low, high = pieces(domain)[0]
        middle, reach = (low + high) / 2, (high - low) / 2
        shift = f"{middle:.3g} + " if middle else ""
        return self._mapped(f"{shift}{reach:.3g} * dnp.tanh({{}})", x)

    def _mapped(self, code: str, x: Term) -> Term:
        return Term(code, (x,), _function(code, 1)(x.value))

    def result(self) -> Term:
        """The last term; others that nothing uses yet join it as their means."""
        *others, last = self.terms
        used = {x for t in self.terms for x in (*t.args, *(y for x in t.args for y in x.args))}
        for t in others:
            if t.args and t not in used:
                joined = Term("{} + dnp.mean({})", (last, t), last.value + np.mean(t.value))
                last = joined
        return last


def _function(code: str, count: int) -> Callable[..., Any]:
    names = [f"a{i}" for i in range(count)]
    return eval(f"lambda {', '.join(names)}: {code.format(*names)}", {"dnp": dnp})  # type: ignore[no-any-return]


def _is_smooth(f: Callable[..., Any], xs: Sequence[Any], y: Any) -> bool:
    """Whether small steps to both sides, in two directions, change `f` evenly."""
    for seed in (0, 1):
        rng = np.random.default_rng(seed)
        step = [_STEP * rng.uniform(0.5, 1, np.shape(x)) * rng.choice([-1, 1]) for x in xs]
        step = [s * np.where(rng.random(np.shape(s)) < 0.5, -1.0, 1.0) for s in step]
        ends = [
            np.asarray(f(*(_like(x + sign * s, x) for x, s in zip(xs, step, strict=True))))
            for sign in (1.0, -1.0)
        ]
        bend = np.abs(ends[0] - 2 * np.asarray(y) + ends[1])
        if not np.all(bend <= 0.1 * _STEP * (1 + np.abs(y))):
            return False
        if not np.all(np.abs(ends[0] - y) <= 10 * _STEP * (1 + np.abs(y))):
            return False
    return True


def _like(moved: Any, x: Any) -> Any:
    return float(moved) if isinstance(x, float) else moved


# -- the steps ----------------------------------------------------------------------------


def _keywords(**given: Any) -> str:
    return "".join(f", {k}={v!r}" for k, v in given.items() if v is not None and v is not False)


def _elementwise(b: Builder) -> None:
    name = b.draw(st.sampled_from(elementwise_names()))
    op: Any = REGISTRY[name]
    args = [b.pick()]
    for _ in op.domain[1:]:
        shape = np.broadcast_shapes(*(x.shape for x in args))
        new = b.one_of(shape, (), shape[1:], tuple(1 for _ in shape), (2, *shape))
        args.append(b.pick(new=new, fits=lambda s, shape=shape: _broadcasts(s, shape)))
    args = [b.into(d, x) for d, x in zip(op.domain, args, strict=True)]
    if any(_near_a_kink(d, x) for d, x in zip(op.domain, args, strict=True)):
        return
    b.add(_SYMBOLS.get(name) or f"dnp.{name}({', '.join('{}' for _ in args)})", *args)


def elementwise_names() -> list[str]:
    """The differentiable elementwise operations that the namespace offers, simplest first."""
    return _names(len(REGISTRY))  # which grows, and is never rewritten


@cache
def _names(_: int) -> list[str]:
    table = [
        name
        for name, op in REGISTRY.items()
        if isinstance(op, Elementwise) and op.domain and callable(getattr(dnp, name, None))
    ]
    return sorted(table, key=lambda name: (len(REGISTRY[name].domain), name not in _SYMBOLS))  # type: ignore[attr-defined]


def _near_a_kink(domain: Domain, x: Term) -> bool:
    return any(np.min(np.abs(x.value - kink)) < _STEP for kink in domain.kinks)


def _broadcasts(a: Shape, b: Shape) -> bool:
    return all(m == n or 1 in (m, n) for m, n in zip(a[::-1], b[::-1], strict=False))


def _array(b: Builder, ndim: int = 1) -> Term:
    """A term with so many axes at least."""
    return b.pick(new=b.one_of((2,) * ndim, (2, 3), (3, 1, 2)), fits=lambda s: len(s) >= ndim)


_REDUCTIONS = ("sum", "mean", "max", "min", "prod", "var", "std", "logsumexp", "ptp", "median")
_RUNNING = ("cumsum", "cumprod", "softmax", "log_softmax", "sort", "diff", "flip")


def _reduction(b: Builder) -> None:
    x, name = _array(b), b.one_of(*_REDUCTIONS, "norm")
    axis = b.draw(axes(len(x.shape), several=name != "norm"))
    if axis == () or (name == "norm" and axis is None and len(x.shape) > 2):
        axis = -1
    b.add(f"dnp.{name}({{}}{_keywords(axis=axis, keepdims=b.draw(st.booleans()))})", x)


def _along(b: Builder) -> None:
    x, name = _array(b), b.one_of(*_RUNNING)
    b.add(f"dnp.{name}({{}}, axis={b.draw(axes(len(x.shape), none=False, several=False))})", x)


def _shaping(b: Builder) -> None:
    x = _array(b)
    n, shape = len(x.shape), x.shape
    axis, place = (b.draw(st.integers(-n, n - 1)) for _ in range(2))
    amount = b.draw(st.integers(1, 2))
    call = b.one_of(
        f"reshape({{}}, {b.one_of((-1,), shape[::-1], (*shape, 1))})",
        f"transpose({{}}, {tuple(b.draw(st.permutations(range(n))))})",
        f"swapaxes({{}}, {axis}, {place})",
        f"moveaxis({{}}, {axis}, {place})",
        f"expand_dims({{}}, {axis})",
        f"broadcast_to({{}}, {(2, *shape)})",
        f"roll({{}}, {amount}, axis={axis})",
        f"tile({{}}, {amount})",
        f"repeat({{}}, {amount}, axis={axis})",
        f"pad({{}}, {amount})",
    )
    if n > 1:
        square = (
            f"tril({{}}, {amount - 1})",
            f"triu({{}}, {amount - 1})",
            "diagonal({})",
            "trace({})",
        )
        call = b.one_of(call, *square)
    b.add(f"dnp.{call}", x)


def _joining(b: Builder) -> None:
    x = _array(b)
    y = b.pick(new=x.shape, fits=lambda s: s == x.shape)
    name, axis = b.one_of("concatenate", "stack"), b.draw(st.integers(-len(x.shape), 0))
    b.add(f"dnp.{name}([{{}}, {{}}], axis={axis})", x, y)


def _indexing(b: Builder) -> None:
    x = _array(b)
    index = b.draw(indices(x.shape))
    b.add("{}[" + index_code(index) + "]", x)


def index_code(index: Any) -> str:
    """An index as it is written between the brackets."""
    if isinstance(index, tuple) and index:
        return ", ".join(map(index_code, index)) + ("," if len(index) == 1 else "")
    if isinstance(index, slice):
        parts = ["" if i is None else str(i) for i in (index.start, index.stop)]
        return ":".join(parts if index.step is None else [*parts, str(index.step)])
    if isinstance(index, np.ndarray | np.generic):
        return repr(index.tolist())
    return "..." if index is Ellipsis else repr(index)


def _contraction(b: Builder) -> None:
    x = _array(b)
    *lead, n = x.shape
    name = b.one_of("matmul", "einsum", "outer", "inner", "tensordot", "kron", "vecdot", "convolve")
    if name == "einsum":
        _einsum(b, x)
    elif name == "matmul":
        y = b.pick(
            new=b.one_of((n,), (n, 2), (*lead[:-1], n, 1)), fits=lambda s: _multiplies(x.shape, s)
        )
        b.add("{} @ {}", x, y)
    elif name in ("outer", "kron"):
        b.add(f"dnp.{name}({{}}, {{}})", x, b.pick(new=(2,), fits=lambda s: len(s) > 0))
    elif name == "convolve":
        x = b.pick(new=(3,), fits=lambda s: len(s) == 1)
        y = b.pick(new=(2,), fits=lambda s: len(s) == 1)
        b.add(f"dnp.convolve({{}}, {{}}, {b.one_of('full', 'same', 'valid')!r})", x, y)
    else:
        y = b.pick(new=b.one_of((n,), x.shape), fits=lambda s: s == x.shape or s == (n,))
        axes = f", axes=([-1], [-1])" if name == "tensordot" else ""
        b.add(f"dnp.{name}({{}}, {{}}{axes})", x, y)


def _multiplies(a: Shape, b: Shape) -> bool:
    if len(b) < 2:
        return b == a[-1:]
    return a[-1] == b[-2] and _broadcasts(a[:-2], b[:-2])


def _einsum(b: Builder, x: Term) -> None:
    """A contraction of a term with another that shares some of its axes."""
    mine = string.ascii_lowercase[: len(x.shape)]
    if len(x.shape) > 1 and x.shape[0] == x.shape[-1] and b.draw(st.booleans()):
        mine = mine[:-1] + mine[0]  # a diagonal
    size = dict(zip(mine, x.shape, strict=True)) | {"z": 2}
    letters = st.lists(st.sampled_from(sorted(size)), max_size=3, unique=True)
    other, output = "".join(b.draw(letters)), b.draw(letters)
    wanted = tuple(size[c] for c in other)
    y = b.pick(new=wanted, fits=lambda s: s == wanted)
    output = "".join(c for c in output if c in mine + other)
    b.add(f"dnp.einsum('{mine},{other}->{output}', {{}}, {{}})", x, y)


def _nothing(b: Builder) -> None:
    """What any step shrinks to."""


_STEPS = (
    _nothing, _elementwise, _elementwise, _elementwise, _reduction, _along, _shaping, _joining,
    _indexing, _contraction,
)  # fmt: skip


@st.composite
def expressions(
    draw: st.DrawFn, *, max_steps: int = 12
) -> tuple[Expression, tuple[float | np.ndarray, ...]]:
    """Random expressions, and points at which they are smooth: ``f, xs``; ``f(*xs)``.

    The whole table takes part: elementwise operations, reductions, contractions, shaping
    and indexing; values are used more than once, and broadcast.

    Parameters
    ----------
    max_steps : int
        Operations at most, not counting maps into a domain and the sum at the end.

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
    builder.terms.append(builder.input(draw(SHAPES)))
    for _ in range(draw(st.integers(min(3, max_steps), max_steps))):
        draw(st.sampled_from(_STEPS))(builder)
    f = Expression(builder.result())
    return f, f.points
