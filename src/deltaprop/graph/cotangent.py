"""Cotangents: what travels along an edge of the graph in the backward pass.

A cotangent of a node of shape S is one of

- a raw array or number (a Node under `create_graph`) of shape S, or of a shape that
  broadcasts to S: the cotangent of a sum is one number, not an array of copies of it;
- `Masked`: values, and a mask of the entries that the output depends on at all;
- `Scattered`: contributions of indexing, collected and added once;
- `ZERO`: the output does not depend on the node (a *structural* zero).

A structural zero stays zero whatever the partial is; a numeric zero times inf is NaN.

A complex cotangent g of y means dL = Re(sum(g * dy)) for a real L. So rules are plain transposes,
without a conjugate, and a real node takes the real part. Users see the conjugate (`as_gradient`),
as in PyTorch: the direction of steepest ascent of L.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from operator import or_
from typing import Any

import numpy as np

from .arrays import DuckArray, as_held
from .batches import by_entry, by_mask, summed, to_shape, written
from .node import MODE, Node, is_complex, shape_of
from .primitive import Linear, named


class Mask:
    """A mask that is computed when a rule asks for it, which is rare: only 0 * inf needs a mask.

    Parameters
    ----------
    function : callable
        The function that computes the mask from other masks.
    *sources : Mask or array
    """

    __slots__ = ("array", "function", "sources")

    def __init__(self, function: Callable[..., Any], *sources: Any) -> None:
        self.function: Callable[..., Any] = function
        self.sources: tuple[Any, ...] = sources
        self.array: Any = None

    def entries(self) -> Any:
        """Return the mask as an array. No recursion, so a chain of masks may be long."""
        stack = [self]
        while stack:
            mask = stack[-1]
            waiting = [m for m in mask.sources if type(m) is Mask and m.array is None]
            stack += waiting
            if not waiting:
                mask = stack.pop()
                if mask.array is None:
                    mask.array = mask.function(*map(entries_of, mask.sources))
                    mask.sources = ()
        return self.array


def entries_of(mask: Any) -> Any:
    """Return a mask as an array."""
    return mask.entries() if type(mask) is Mask else mask


class Masked:
    """Values that are zero outside a mask, where the output does not depend on the node."""

    __slots__ = ("lazy", "values")

    def __init__(self, values: Any, mask: Any) -> None:
        self.values: Any = values
        self.lazy: Any = mask  # an array, or a `Mask`

    @property
    def mask(self) -> Any:
        """The entries that the output depends on."""
        return entries_of(self.lazy)


ZERO = Masked(0.0, False)


class Scattered:
    """A sum of contributions to parts of an array, and of one contribution to the whole array."""

    __slots__ = ("dense", "parts")

    def __init__(self, index: Any, values: Any) -> None:
        self.parts: list[tuple[Any, Any]] = [(index, values)]
        self.dense: Any = None

    def mask(self, shape: tuple[int, ...]) -> Any:
        """Return the mask of the entries that any contribution touches; None if all are touched."""
        if not (self.dense is None or type(self.dense) is Masked):
            return None
        indices = tuple([index for index, _ in self.parts])
        masks = [value.lazy if type(value) is Masked else True for _, value in self.parts]

        def hits(whole: Any, *masks: Any) -> Any:
            return whole | scatter(*masks, indices=indices, shape=shape, dtype=np.bool_)

        return Mask(hits, False if self.dense is None else self.dense.lazy, *masks)


def taken_apart(g: Any, like: Any) -> tuple[Any, Any]:
    """Return the values of a cotangent and its mask (None: no structural zeros)."""
    if type(g) is Masked:
        return g.values, g.lazy
    if type(g) is Scattered:
        return materialize(g, like), g.mask(like.shape)
    return g, None


def raw(x: Any) -> Any:
    """Return the data of a node; anything else as it is."""
    if not isinstance(x, Node):
        return x
    if x.op is None:
        if (mode := MODE.get()) is not None:
            mode.outside.track_variable(x)
        elif isinstance(x._held, DuckArray):
            x._held.verify_own()
    return x._held


def is_rooted(x: Any) -> bool:
    """Return whether a node is a root, or an operation that moves or scales roots."""
    return isinstance(x, Node) and getattr(x.op, "rooted", False)


def half_of(g: Any, y: Any, sweep: str = "vjp") -> Any:
    """Return the (co)tangent of y**2 / 2 that `g`, that of a root y, was recorded from, or None."""
    if not isinstance(g, Node) or getattr(g.op, "half", None) != sweep:
        return None
    half, root = g.args
    return half if _outer(root) is _outer(y) else None


def _outer(x: Any) -> Any:
    """Return the node outside of a batch that a node inside stands for, or the node itself."""
    while getattr(x.op, "enters", False):
        (x,) = x.args
    return x


class Selection(Linear):
    """A linear operation with non-negative weights: it moves, drops or adds entries.

    The operation acts on a mask of the entries as it acts on the entries. The operation and its
    transpose carry values and mask, so a structural zero stays structural in
    ``where(x > 0, log(x).reshape(-1), 0)`` or ``sqrt(pad(x, 1))``. ``fills=True`` says that
    some entries of the result may come from no argument; ``picks=True`` that no entry is a
    sum; ``adds=True`` that some entries are sums.
    """

    accepts_masks = True

    def __init__(
        self,
        *args: Any,
        fills: bool = False,
        picks: bool = False,
        adds: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fills: bool = fills
        self.rooted: bool = picks
        self.moves: bool = not adds

    def vjp(self, g: Any, node: Node, graph: bool) -> Sequence[Any]:
        if graph and self.rooted and (half := half_of(g, node)) is not None:
            xs = node.operands(True)
            if all(is_rooted(x) for x in xs):  # the same operation recorded at another place
                halves = super().vjp(materialize(half, node._held), node, True)
                return [g.op(materialize(h, raw(x)), x) for h, x in zip(halves, xs, strict=True)]
        g, mask = taken_apart(g, node._held)
        values = super().vjp(materialize(g, node._held), node, graph)
        if mask is None:
            return values
        if type(values[0]) is Scattered:
            ((index, value),) = values[0].parts
            return [Scattered(index, Masked(value, mask))]
        xs, params, shape = node.operands(False), node.params or {}, shape_of(node)

        def moved(i: int, mask: Any) -> Any:
            back = self.transpose(np.broadcast_to(mask, shape), *xs, **params)
            return _positive(back[i] if self.several else back, np.shape(xs[i]))

        return [
            None if v is None else Masked(materialize(v, x), Mask(partial(moved, i), mask))
            for i, (v, x) in enumerate(zip(values, xs, strict=True))
        ]

    def jvp(self, tangents: Sequence[Any], node: Node, graph: bool) -> Any:
        if graph and self.rooted:
            halves = [half_of(t, x, "jvp") for t, x in zip(tangents, node.args, strict=True)]
            if all(h is not None for h in halves):
                return tangents[0].op(super().jvp(halves, node, True), node)
        values = [t.values if type(t) is Masked else t for t in tangents]
        total = super().jvp(values, node, graph)
        if not self.fills and all(
            t is v is not None for t, v in zip(tangents, values, strict=True)
        ):
            return total
        masks = [
            np.broadcast_to(t.mask if type(t) is Masked else t is not None, shape_of(x))
            for t, x in zip(tangents, node.args, strict=True)
        ]
        moved = super().jvp(masks, node, False)
        return Masked(total, _positive(moved, shape_of(node)))


def _positive(mask: Any, shape: tuple[int, ...]) -> Any:
    return materialize(mask, np.broadcast_to(0.0, shape)) > 0


def sum_of_rows(x: np.ndarray) -> Any:
    """Return the sum of a matrix along its first axis."""
    return ones(len(x), x.dtype).dot(x) if adds_by_product(x) else np.add.reduce(x, 0)


def adds_by_product(x: Any) -> bool:
    """Return whether `x` is a real matrix: BLAS sums its rows faster, as a product with ones.

    A complex matrix is excluded, because an infinity times 1 + 0j contains NaN.
    """
    return len(x.shape) == 2 and x.dtype.char in "fd"


def ones(n: int, dtype: Any) -> np.ndarray:
    """Return `n` ones in read-only memory."""
    return _kept_ones(n, dtype) if n <= _MANY else np.ones(n, dtype)


_MANY = 1 << 14


@lru_cache(maxsize=32)
def _kept_ones(n: int, dtype: Any) -> np.ndarray:
    made = np.ones(n, dtype)
    made.flags.writeable = False
    return made


def _sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    lead = x.ndim - len(shape)
    if lead and x.shape[lead:] == shape:
        if lead == 1 and type(x) is np.ndarray:
            return sum_of_rows(x)
        return np.add.reduce(x, tuple(range(lead)))
    stretched = [lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1]
    return np.add.reduce(x, (*range(lead), *stretched)).reshape(shape)


def _scatter(*values: Any, indices: Any, shape: Any, dtype: Any) -> np.ndarray:
    out = np.zeros(shape, dtype)
    for index, value in zip(indices, values, strict=True):
        entries = np.size(value)
        if not may_repeat(index, entries):
            out[index] += value
        elif entries < 200 or dtype != np.float64:
            np.add.at(out, index, value)
        else:  # same sums as `add.at`, several times faster
            places = np.arange(out.size).reshape(shape)[index]
            out += np.bincount(places.ravel(), np.ravel(value), out.size).reshape(shape)
    return out


_BITS: dict[int, Any] = {4: np.dtype(np.int32), 8: np.dtype(np.int64)}


def _restrict(x: Any, mask: Any) -> Any:
    if type(x) is np.ndarray and x.dtype.char in "fd":  # its bits times 1 or 0: no branches
        return (x.view(_BITS[x.itemsize]) * mask).view(x.dtype)
    return np.where(mask, x, 0)


broadcast_to: Selection
conj: Selection


def _conjugate(x: Any) -> Any:
    """Return the complex conjugate; a real `x` as it is.

    For a cotangent ``g``, the gradient is ``conj(g)``.

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    Value or array
        An array of the shape and dtype of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0 + 2.0j, 3.0 - 1.0j])
    >>> y = dnp.conj(x)
    >>> y
    Value([1.-2.j, 3.+1.j], shape=(2,), dtype=complex128)
    >>> y.real.sum().backward()
    >>> x.grad.real
    array([1., 1.])
    """
    return np.conjugate(x)


restrict: Selection

# Helpers of the operation kinds, themselves linear operations. sum_to and broadcast_to are each
# other's transposes: broadcasting is undone here and nowhere else.
sum_to: Selection = Selection(
    "sum_to",
    _sum_to,
    lambda g, x, shape: broadcast_to(g, shape=shape_of(x)),
    views=False,
    adds=True,
    buffered=True,
    batch=summed,
)
broadcast_to = Selection(
    "broadcast_to",
    lambda x, shape: np.broadcast_to(x, shape),
    lambda g, x, shape: unbroadcast(g, x),
    silent=True,
    batch=to_shape,
)
restrict = Selection(
    "restrict",
    _restrict,
    lambda g, x, mask: _restricted(g, x, mask),
    fills=True,
    views=False,
    batch=by_mask,
)
scatter: Selection = Selection(
    "scatter",
    _scatter,
    lambda g, *xs, indices, shape, dtype: [named("getitem")(g, index=i) for i in indices],
    several=True,
    fills=True,
    adds=True,
    views=False,
    batch=written,
)
restrict.reads_params = scatter.reads_params = True


conj = Selection("conj", _conjugate, lambda g, x: conj(g), views=False, batch=by_entry)


def conjugated(x: Any) -> Any:
    """Return the complex conjugate; real data as they are."""
    kind = type(x)
    if kind is float or (kind is np.ndarray and x.dtype.kind != "c"):
        return x
    return conj(x) if is_complex(x) else x


# turns a full cotangent into what users see, and the reverse
as_gradient = conjugated


def is_excess(g: Any, like: Any) -> bool:
    """Return whether a cotangent is complex although its node is real."""
    kind = type(g)
    if kind is float or (kind is np.ndarray and g.dtype.kind != "c") or kind is Scattered:
        return False
    return is_complex(g.values if kind is Masked else g) and not np.iscomplexobj(like)


def _restricted(g: Any, x: Any, mask: Any) -> Any:
    g = restrict(g, mask=mask)
    if np.shape(mask) == shape_of(x):
        return Masked(g, mask)
    seen = np.broadcast_to(mask, shape_of(g))
    return Masked(unbroadcast(g, x), unbroadcast(seen, raw(x)) > 0)


def may_repeat(index: Any, entries: float = np.inf) -> bool:
    """Return whether `index` could name an entry twice: only integer arrays can.

    The numbers of an integer array are compared if this takes little time beside `entries`.
    """
    items = index if isinstance(index, tuple) else (index,)
    if any(isinstance(i, DuckArray) and i.shape for i in items):
        return True
    arrays = [np.asarray(i) for i in items if isinstance(i, np.ndarray | list)]
    arrays = [i for i in arrays if i.size > 1 and i.dtype != bool]
    if len(arrays) != 1 or 16 * arrays[0].size > entries:
        return bool(arrays)
    places = np.sort(arrays[0], axis=None)
    return bool(places[0] < 0 <= places[-1] or (places[1:] == places[:-1]).any())


def unbroadcast(g: Any, like: Any) -> Any:
    """Sum a full cotangent back to the shape of the argument that was broadcast."""
    shape = like.shape if type(like) is np.ndarray else shape_of(like)
    if type(g) is np.ndarray:
        return g if g.shape == shape else _sum_to(g, shape)
    return g if shape_of(g) == shape else sum_to(g, shape=shape)


def materialize(g: Any, like: Any) -> Any:
    """Return the cotangent as a raw array, number or Node of exactly the shape and dtype of `like`.

    Every gradient passes here, so this function asserts that no rule forgot a broadcast sum.
    """
    kind = type(g)
    if kind is type(like):
        if kind is float:
            return g
        if kind is complex:
            return g
        if g.shape and g.shape == like.shape and g.dtype == like.dtype:
            return g
    elif kind is float and type(like) is np.ndarray:
        full = np.empty_like(like)
        full.fill(g)
        return full
    if kind is Masked:
        return materialize(g.values, like)
    if kind is Scattered:
        return _gather(g, like)
    return _fit(g, like)


def _gather(g: Scattered, like: Any) -> Any:
    indices = tuple(index for index, _ in g.parts)
    values = [value.values if type(value) is Masked else value for _, value in g.parts]
    total = scatter(*values, indices=indices, shape=like.shape, dtype=like.dtype)
    return total if g.dense is None else total + materialize(g.dense, like)


def _fit(g: Any, like: Any) -> Any:
    shape, dtype = np.shape(like), np.result_type(like)
    if is_complex(g) and dtype.kind != "c":
        g = g.real
    given = shape_of(g)
    if given != shape:
        if len(given) > len(shape) or np.broadcast_shapes(given, shape) != shape:
            raise AssertionError(
                f"a derivative rule gave a cotangent of shape {given} for an argument of "
                f"shape {shape}: the rule must sum over the axes it broadcast"
            )
        g = broadcast_to(g, shape=shape)
    if isinstance(g, Node):
        kept = not shape or raw(g).dtype == dtype
        return g if kept else g.astype(dtype)  # type: ignore[attr-defined]
    return as_held(g, dtype)


def accumulate(a: Any, b: Any) -> Any:
    """Return the sum of two cotangents of one node."""
    if type(a) is float and type(b) is float:
        return a + b
    if a is ZERO:
        return b
    if b is ZERO:
        return a
    if isinstance(a, Scattered) or isinstance(b, Scattered):
        if not isinstance(a, Scattered):
            a, b = b, a
        if isinstance(b, Scattered):
            a.parts += b.parts
            b = b.dense
        if b is not None:
            a.dense = b if a.dense is None else accumulate(a.dense, b)
        return a
    if isinstance(a, Node) and a.args and (half := half_of(a, a.args[-1])) is not None:
        more = half_of(b, a.args[-1])
        if more is not None:  # two cotangents of one root: so is their sum
            return named("along")(half + more, a.args[-1])
    if isinstance(a, Masked):
        if isinstance(b, Masked):
            return Masked(a.values + b.values, Mask(or_, a.lazy, b.lazy))
        return a.values + b
    return a + (b.values if isinstance(b, Masked) else b)
