"""The elementwise kind: one local partial per input, broadcasting, structural zeros."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from inspect import Parameter, Signature
from itertools import zip_longest
from operator import and_
from typing import Any, ClassVar, TypeAlias

import numpy as np

from .arrays import as_array, as_number, is_float, is_known
from .batches import Batched, by_entry, of_all_samples
from .cotangent import (
    ZERO,
    Mask,
    Masked,
    Scattered,
    accumulate,
    broadcast_to,
    conjugated,
    entries_of,
    half_of,
    is_rooted,
    raw,
    restrict,
    sum_to,
    taken_apart,
    unbroadcast,
)
from .domains import NONZERO, REAL, Domain
from .node import MODE, Node, is_complex, shape_of, topological_order
from .primitive import Array, Primitive, Reads, Rule, reads
from .scalars import remember, vjp_of_scalars

Partial: TypeAlias = Rule | int | None
_ONE, _MINUS_ONE, _ZERO = 1, -1, 0


class Elementwise(Primitive):
    """An operation that acts on each entry separately.

    Parameters
    ----------
    forward : callable
        A NumPy ufunc, or any broadcasting function of arrays, with a docstring. The name of the
        operation may come before it, as for the other kinds; else `forward` gives the name.
    *partials : callable, 1, -1, 0 or None
        For each input ``partial(y, *xs)``, the derivative of the output `y` with respect to that
        input. 1 and -1 cost no multiplication. 0 is zero everywhere (`sign`, `floor`). None
        marks an input that is not differentiated (a condition).
    name : str, optional
        The name, by default that of `forward` without leading underscores.
    scalar : callable or bool
        The same function of Python floats, faster; if it raises, `forward` runs instead. The
        default for a ufunc with a derivative is the function of this name in `math`. False
        means that there is no such function.
    chooses : bool
        Whether each entry of the output is an entry of one of the inputs. The partials then
        return a boolean array or `Masked` values. The array is 1 where True; where it is False,
        the output does not depend on the input at all.
    domain : Domain or sequence of Domain
        Where the operation is smooth, for the generated tests: one domain, or one per input.
    ones : sequence of int
        The inputs that change nothing if they are 1: the output is then the other input.
    even, squares : sequence, optional
        For each input a rule ``(y, *xs)`` or a number: the derivative, with respect to
        x**2 / 2, of y (`even`) or of y**2 / 2 (`squares`). None, as an entry or as the result
        of a rule, means that there is none.
    root : bool
        Whether the tangent of y is recorded through y**2 / 2.
    jumps : bool
        Whether the partial jumps where the input is 0.
    radical : bool
        Whether `squares` is with respect to x itself, because y is a square root.
    half : {"vjp", "jvp"}, optional
        Marks an operation on a cotangent or a tangent of y**2 / 2 (first input) and a root y
        (second input); the output is the cotangent or the tangent of y.

    Notes
    -----
    A root (a norm, an absolute value) has no derivative where it is 0, but its square has
    derivatives of every order. So recorded derivatives go around the root. The cotangent of y
    for y**2 is recorded as ``along(2, y)``, which is 2 y. The rule of the root propagates the
    2, which is the cotangent of y**2 / 2. In forward mode, the tangent of a root is recorded
    as ``over(q, y)``, which is q / y, and the rule of the square continues with q.
    """

    accepts_masks = True
    # handles a call with more than the operands; set by `deltaprop.numpy.dispatch`
    with_keywords: ClassVar[Rule]

    def __init__(
        self,
        forward: Any,
        *partials: Any,
        name: str = "",
        scalar: Callable[..., Any] | bool = True,
        chooses: bool = False,
        domain: Domain | Sequence[Domain] = REAL,
        ones: Sequence[int] = (),
        even: Sequence[Any] = (),
        squares: Sequence[Any] = (),
        root: bool = False,
        jumps: bool = False,
        radical: bool = False,
        half: str | None = None,
        **facts: Any,
    ) -> None:
        if isinstance(forward, str):  # the name comes first, as for the other kinds
            name, forward, *partials = forward, *partials  # type: ignore[assignment]
        _check(name, forward, partials, domain)
        name = name or forward.__name__.lstrip("_")
        if name == "<lambda>":
            raise TypeError("an operation whose function is a lambda needs a name: pass name=")
        ufunc = isinstance(forward, np.ufunc)
        facts.setdefault("buffered", ufunc)
        facts.setdefault("batch", by_entry)
        super().__init__(name, forward, **facts)
        if scalar is True:
            known = ufunc and any(map(callable, partials))
            scalar = getattr(math, forward.__name__, False) if known else False
        self.scalar: Rule | None = scalar if callable(scalar) else None
        self.evaluate: Rule = self._evaluate if scalar else forward
        self.partials: tuple[Partial, ...] = tuple(partials)
        self.count: int = len(partials)
        self.chooses = chooses
        self.strong: bool = bool(chooses)
        if isinstance(domain, Domain):  # of bits and truths, reals are no domain
            domain = (domain,) * self.count if any(p is not None for p in partials) else ()
        self.domain: tuple[Domain, ...] = tuple(domain)
        self.ones = ones
        self.even: Sequence[Any] = even
        self.squares: Sequence[Any] = squares
        self.root: bool = root
        self.radical: bool = radical
        self.half: str | None = half
        self.jumps: bool = jumps
        self.rooted: bool = bool(squares)
        self.keeps_result: bool
        self.keeps: Reads
        self.keeps_alone: tuple[Reads, ...]
        of_each = zip_longest(partials, even, squares)
        self.keeps_result, self.keeps, self.keeps_alone = reads(*of_each, y=0, count=self.count)
        self.smooth: bool = None not in partials
        # the only partial of an operation like an activation
        alone = len(partials) == 1 and not chooses and callable(partials[0])
        self.slope: Any = partials[0] if alone else None
        self.vjp_floats: Rule = vjp_of_scalars(self)
        if ufunc:  # NumPy's docstring describes more than this operation does
            self.doc = facts.get("doc") or f"`numpy.{forward.__name__}`, on Values too."
        self.__dict__["__signature__"] = self._signature()

    @property
    def operands(self) -> tuple[str, ...]:
        """The names of the inputs: the parameters of a rule, or x1, x2 for a ufunc."""
        rule = next(filter(callable, self.partials), None)
        code = None if isinstance(self.forward, np.ufunc) else getattr(rule, "__code__", None)
        names = code.co_varnames[1 : code.co_argcount] if code else ()
        if len(names) != self.count:
            names = [f"x{i + 1}" for i in range(self.count)] if self.count > 1 else ["x"]
        return tuple([name.lstrip("_") for name in names])

    def _signature(self) -> Signature:
        """Return the operands, and the ufunc keywords that are supported."""
        operands = [Parameter(name, Parameter.POSITIONAL_ONLY) for name in self.operands]
        more = {"where": True, "casting": "same_kind", "dtype": None}
        given = [Parameter(k, Parameter.KEYWORD_ONLY, default=v) for k, v in more.items()]
        return Signature([*operands, *given])

    def differentiable(self, args: Sequence[Any]) -> bool:
        for x, p in zip(args, self.partials, strict=True):
            if p is not None and isinstance(x, Node):
                return True
        return False

    def __call__(self, *args: Array, **keywords: Any) -> Any:
        if keywords or len(args) != self.count:
            return self.with_keywords(self, args, keywords)
        x = args[0]
        if type(x) is np.ndarray and len(args) == 1:
            return self.forward(x)
        mode = MODE.get()
        if mode is not None:
            return mode.record(self, args, keywords)
        if len(args) == 1 and isinstance(x, Node) and self.smooth:
            extra: Any = x._extra
            if x.twin is None and (x.op or not (extra.constant or extra.exposed)):
                # the most common call, an activation, without the loops of the general code
                data = x._held
                kind = type(data)
                if kind is np.ndarray:
                    y = self.forward(data)
                else:
                    y = (self.mapped if kind is Batched else self.evaluate)(data)
                if type(y) is float and x.op is not None:
                    node = x.recorded(self, x, y)
                else:
                    node = x.recorded(self, (x,), y)
                    node.saved = (data,)
                return node if extra is None else remember(node, x)
        return self.apply(args, keywords)

    def _evaluate(self, *data: Any) -> Any:
        for x in data:
            if type(x) is not float:
                return self.forward(*data)
        try:
            return self.scalar(*data)  # type: ignore[misc]
        except (ArithmeticError, ValueError):
            return self.forward(*data).item()  # Python raises where IEEE arithmetic has a result

    def vjp(self, g: Array, node: Node, graph: bool) -> Sequence[Any]:
        kind, y = type(g), node._held
        if graph or kind is Masked or kind is Scattered or self.chooses:
            return self._vjp_masked(g, node, graph)
        scalar = type(y) is not np.ndarray
        if not is_float(y) if scalar else y.dtype.kind == "c":
            return self._vjp_masked(g, node, graph)
        if self.slope is not None and not scalar:
            return (g * self.slope(y, *node.saved),)
        args, partials = node.args, self.partials
        shape = () if scalar else y.shape
        xs: Any = None
        out: list[Any] = []
        i = 0
        for x in args:
            p = partials[i]
            i += 1
            if p is None or not isinstance(x, Node):
                out.append(None)
                continue
            if p is _ONE:
                c = g
            elif p is _ZERO:
                out.append(ZERO)
                continue
            elif p is _MINUS_ONE:
                c = -g
            else:
                if xs is None:
                    xs = node.operands(False)
                c = g * _partial(p, y, xs)
            if scalar:
                out.append(c if type(c) is float else as_number(c))
                continue
            data = x._held
            if (data.shape if type(data) is np.ndarray else ()) != shape:
                if np.shape(c) != shape:
                    c = np.broadcast_to(c, shape)
                c = unbroadcast(c, data)
            out.append(c)
        return out

    def _vjp_masked(self, g: Array, node: Node, graph: bool) -> Sequence[Any]:
        """Return the same as `vjp` in the general case: masks, rules on nodes, complex numbers."""
        y, xs = node if graph else node._held, node.operands(graph)
        shape = shape_of(node)
        g, mask = taken_apart(g, node._held)
        half = half_of(g, node) if graph else None
        out: list[Any] = []
        for i, (x, p) in enumerate(zip(node.args, self.partials, strict=True)):
            if p is None or not isinstance(x, Node):
                out.append(None)
                continue
            if p is _ZERO:
                out.append(ZERO)
                continue
            if graph and mask is None and (self.even or half is not None):
                c = self._around(i, g, half, y, xs)
                if c is not None:
                    out.append(c)
                    continue
            c, allowed = _times(g, p, y, xs, mask)
            if graph and self.jumps and _jumps(c, node, xs[i], allowed):
                c = c + over(0.0, xs[i])  # a zero without a derivative
            if shape_of(x) != shape:
                if shape_of(c) != shape:
                    c = broadcast_to(c, shape=shape)
                c = unbroadcast(c, x)
                if allowed is not None:
                    allowed = Mask(partial(_any_of, shape, shape_of(x)), allowed)
            if allowed is not None:
                # a sum of NumPy numbers is rounded to their dtype, even if one of them is 0
                decided = type(c) is float and isinstance(allowed, bool | np.bool_)
                c = Masked(c, allowed) if not decided else c if allowed else ZERO
            out.append(c)
        return out

    def _around(self, i: int, g: Any, half: Any, y: Any, xs: Sequence[Any]) -> Any:
        """Return the cotangent of an input, found through squares; None if that is impossible."""
        x = xs[i]
        if shape_of(x) != shape_of(y):
            return None
        if not (self.root or is_rooted(x)):
            return None  # nor is its data kept if the partial does not need it
        if half is not None and (f := _rule(self.squares, i, y, xs)) is not None:
            return half * f if self.radical else along(half * f, conjugated(x))
        if half is None and is_rooted(x) and (f := _rule(self.even, i, y, xs)) is not None:
            return along(g * f, x)
        return None

    def _around_forward(self, tangents: Sequence[Any], y: Any, xs: Sequence[Any]) -> Any:
        """Return the tangent of the output, found through squares; None if that is impossible."""
        given = [t.values if type(t) is Masked and _is_full(t.mask) else t for t in tangents]
        moving = [i for i, t in enumerate(given) if t is not None]
        if any(type(given[i]) is Masked for i in moving):
            return None
        halves = [half_of(t, x, "jvp") for t, x in zip(given, xs, strict=True)]
        whole = all(halves[i] is not None for i in moving)
        if whole and (q := self._total(self.even, moving, halves, y, xs)) is not None:
            return q
        if not self.root:
            q = self._total(self.squares, moving, halves, y, xs) if whole else None
            return None if q is None else over(q, y)
        for i in moving:
            if halves[i] is None:
                halves[i] = given[i] if self.radical else _real_product(xs[i], given[i])
        q = self._total(self.squares, moving, halves, y, xs)
        return None if q is None else over(q, y)

    @staticmethod
    def _total(
        table: Sequence[Any],
        moving: Sequence[int],
        halves: Sequence[Any],
        y: Any,
        xs: Sequence[Any],
    ) -> Any:
        total: Any = None
        for i in moving:
            f = _rule(table, i, y, xs)
            if f is None:
                return None
            total = f * halves[i] if total is None else total + f * halves[i]
        return total

    def jvp(self, tangents: Sequence[Any], node: Node, graph: bool) -> Any:
        y, xs = node if graph else node._held, node.operands(graph)
        if graph and (self.even or self.squares):
            t = self._around_forward(tangents, y, xs)
            if t is not None:
                return t
        total: Any = None
        for t, p in zip(tangents, self.partials, strict=True):
            if t is not None and p is not None and p is not _ZERO:
                t, mask = (t.values, t.lazy) if type(t) is Masked else (t, None)
                t, mask = _times(t, p, y, xs, mask)
                t = t if mask is None else Masked(t, mask)
                total = t if total is None else accumulate(total, t)
        return total


def _is_full(mask: Any) -> bool:
    mask = of_all_samples(mask)
    return is_known(mask) and bool(np.all(mask))


def _rule(table: Sequence[Any], i: int, y: Any, xs: Sequence[Any]) -> Any:
    rule = table[i] if table else None
    return rule(y, *xs) if callable(rule) else rule


def _check(name: str, forward: Any, partials: Sequence[Any], domain: Any) -> None:
    """Raise a TypeError unless an operation can be made of these, before its name is taken."""
    what = f"the operation {name!r}" if name else "an operation"
    if not callable(forward):
        raise TypeError(f"{what} needs a function of arrays, got {forward!r}")
    if not partials or not all(callable(p) or p in (1, -1, 0, None) for p in partials):
        raise TypeError(
            f"{what} needs a partial for each input, a function (y, *xs), 1, -1, 0 or None, "
            f"got {list(partials)}"
        )
    if not all(
        isinstance(d, Domain) for d in (domain if isinstance(domain, tuple | list) else [domain])
    ):
        raise TypeError(
            f"the domain of {what} must be a Domain, or one for each input, got {domain!r}"
        )


def _jumps(c: Any, node: Node, x: Node, allowed: Any) -> bool:
    """Return whether a cotangent that reaches x = 0 depends on `node`, or on another jump at 0.

    If it does, the effect of the jump of the partial is unknown. If it does not, the derivative
    is the same on both sides of the jump. A jump at 0 of other variables does not count.
    """
    data = x._held
    zero = data == 0 if allowed is None else (data == 0) & entries_of(allowed)
    if (is_known(zero) and not np.any(zero)) or not isinstance(c, Node) or np.iscomplexobj(data):
        return False
    order = topological_order(c, since=node.serial)
    if any(n is node for n in order):
        return True
    others = [
        n for n in order if getattr(n.op, "jumps", False) and np.any(n.operands(False)[0] == 0)
    ]
    own = {n.serial for n in topological_order(node) if n.op is None}
    return any(n.serial in own for n in topological_order(*others))


def _real_product(x: Any, t: Any) -> Any:
    """Return the tangent of x**2 / 2, or of abs(x)**2 / 2 if x is complex."""
    q = conjugated(x) * t
    return q.real if is_complex(q) else q


def _partial(p: Any, y: Any, xs: Sequence[Any]) -> Any:
    """Return a partial, even where Python floats raise and IEEE arithmetic has a result."""
    try:
        return p(y, *xs)
    except (ArithmeticError, ValueError):
        y, *xs = [np.float64(x) if type(x) is float else x for x in (y, *xs)]
        return p(y, *xs)


def _any_of(shape: tuple[int, ...], own: tuple[int, ...], mask: Any) -> Any:
    """Return the mask of an argument of shape `own`, given the mask of its broadcast to `shape`."""
    return sum_to(np.broadcast_to(mask, shape), shape=own) > 0


def _times(g: Any, p: Any, y: Any, xs: Sequence[Any], mask: Any) -> tuple[Any, Any]:
    """Return the product of a (co)tangent and a partial, with the mask where both masks allow it.

    Masked values are zero outside the mask. So are their products, unless one of them is NaN:
    the mask is computed only in this case.
    """
    if p is _ONE:
        return g, mask
    if p is _MINUS_ONE:
        return -g, mask
    p = _partial(p, y, xs)
    data = raw(p)
    chosen = type(data) is bool or getattr(data, "dtype", None) == np.bool_
    p, allowed = (_ONE, data) if chosen else taken_apart(p, y)
    c = g if chosen else g * p
    if allowed is not None:
        c = _where(allowed, c, y)
    if allowed is not None and mask is not None:
        mask = Mask(and_, mask, allowed)
    elif mask is None:
        return c, allowed
    return c if chosen or has_no_nan(c) else _where(entries_of(mask), c, y), mask


def has_no_nan(c: Any) -> bool:
    """Return whether no entry is NaN; False if that is not quickly known."""
    c = of_all_samples(c)
    total = np.add.reduce(c, None) if type(c) is np.ndarray else c
    return isinstance(total, float | complex | np.number) and total == total


def _where(mask: Any, c: Any, y: Any) -> Any:
    if is_float(c) and shape_of(y):  # otherwise the mask would make a float64 array of it
        c = as_array(c).astype(raw(y).dtype)
    elif type(c) is float and isinstance(mask, bool | np.bool_):
        return c if mask else 0.0
    return restrict(c, mask=mask)


def _over(q: Any, y: Any) -> Any:
    """The quotient q / y, and 0 where y is 0, where it has no derivative with respect to y."""
    zero = y == 0
    return np.where(zero, 0, q / np.where(zero, 1, y))


def _not_at_zero(y: Any) -> Any:
    """Return 0, but NaN where y is 0."""
    y = raw(y)
    if type(y) is float:
        return 0.0 if y else math.nan
    return np.where(y == 0, math.nan, np.zeros_like(y))


over: Elementwise


# h * y, recorded where h is the cotangent of y**2 / 2
along: Elementwise = Elementwise(
    np.multiply, lambda _z, _h, y: y, lambda _z, h, _y: h, name="along", half="vjp"
)
over = Elementwise(
    _over,
    lambda _z, _q, y: over(1.0, y),
    lambda z, _q, y: _not_at_zero(y) - over(z, y),
    scalar=lambda q, y: q / y if y else 0.0,
    domain=(REAL, NONZERO),
    half="jvp",
)
