"""Node: one value of a recorded computation, and the snapshot of a variable.

A graph is made of nodes that point to their inputs. A node recorded by an
operation never changes. A *leaf* is a variable: its data may be replaced at any
time, so what is recorded of it is what it was: a node saves the data it was
computed from, and where there is no room for that (an operation on scalars) or a
node is needed (a derivative that is recorded itself), a *snapshot* stands for the
variable, a node with the data of that moment. That is why a graph differentiates
what was recorded, whatever is written afterwards.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from .arrays import DuckArray, as_array, as_number

if TYPE_CHECKING:
    from .primitive import Primitive

# Later nodes get smaller numbers: a min-heap of serials pops the newest node
# first, and "newest first" is a reverse topological order for free.
_serial = count(-1, -1)

# What watches the recording at present: None (record plainly), or an object with
# a method `record(primitive, args, params)` such as no_grad and detect_anomaly.
MODE: ContextVar[Any] = ContextVar("deltaprop_mode", default=None)


# so many bytes of a result are worth a record, which takes some hundred
LARGE = 1 << 16
TO_COME: Any = object()


class Extra:
    """What few nodes have: a name, hooks, an origin; and the state of a leaf."""

    changes = 0  # how often hooks of variables were set or removed

    __slots__ = (
        "argument",
        "constant",
        "dtype",
        "exposed",
        "hooks",
        "name",
        "origin",
        "owns_grad",
        "recorded",
        "snapshot",
    )

    def __init__(self) -> None:
        self.name: str | None = None
        self.hooks: dict[int, Callable[[Any], Any]] | None = None
        self.origin: str | None = None
        self.snapshot: weakref.ref[Node] | None = None
        self.exposed: bool = False
        self.owns_grad: bool = False
        self.constant: bool = False
        # for each `backward(create_graph=True)` that reached this leaf, the results whose
        # gradients it recorded: each is part of a cycle, from the result to its gradient and
        # from there, through the graph, back to the result
        self.recorded: tuple[list[Node], ...] = ()
        self.dtype: Any = None  # of a scalar, if it is another than its Python number's
        self.argument: bool = False  # whether it stands for an argument of a transformed function


class Node:
    """One value of a graph: its data, the operation and the inputs that made it.

    Attributes
    ----------
    op : Primitive or None
        The operation that made the node; None for a leaf.
    serial : int
        Unique, and smaller for nodes recorded later.
    first, second
        Where `args` and `params` are kept. An operation on scalars alone has its one or
        two operands here themselves: a tuple for each would be a third of the memory of a
        scalar graph, and half of what the garbage collector looks at.
    saved : sequence
        The data of `args` as the operation saw it; not of operations on scalars.
    twin : Node, weakref, TO_COME or None
        Of a large result, the record that takes its place in the graph once another operation
        uses it; of a record, the result, as long as somebody holds it; of all else None.
    """

    __slots__ = (
        "__weakref__",
        "_extra",
        "_grad",
        "_held",
        "first",
        "op",
        "saved",
        "second",
        "serial",
        "twin",
    )

    _held: Any
    _grad: Any
    _extra: Extra | None
    op: Primitive | None
    first: Any
    second: Any
    saved: Sequence[Any]
    serial: int
    twin: Any

    __hash__: ClassVar[Callable[[Any], int]] = object.__hash__

    @classmethod
    def recorded(
        cls, op: Primitive, args: Any, data: Any, params: dict[str, Any] | None = None
    ) -> Self:
        """A node that `op` made; a 0-d result is held as a Python number."""
        dtype = twin = None
        if type(data) is not np.ndarray or not data.ndim:
            dtype = narrow(data)
            data = as_number(data)
        elif data.nbytes >= LARGE:
            twin = TO_COME
        node = object.__new__(cls)
        node.op = op
        node.first = args
        node.second = params
        node.serial = next(_serial)
        node._held = data
        node._grad = None
        node._extra = None
        node.twin = twin
        if dtype is not None:
            node.extra.dtype = dtype
        return node

    @classmethod
    def leaf(
        cls, data: Any, *, constant: bool = False, exposed: bool = False, dtype: Any = None
    ) -> Self:
        """A variable or a constant that holds `data` itself (no copy)."""
        node = object.__new__(cls)
        node._become_leaf(data, constant, exposed)
        if dtype is not None:
            node.extra.dtype = np.dtype(dtype)
        return node

    def constant(self, data: Any) -> Self:
        """A constant that holds `data`, with the dtype of this node if that is a scalar."""
        return self.leaf(data, constant=True, dtype=self._extra and self._extra.dtype)

    def _become_leaf(self, data: Any, constant: bool = False, exposed: bool = False) -> None:
        self.op = None
        self.first = ()
        self.second = None
        self.serial = next(_serial)
        self._held = data
        self._grad = None
        self.twin = None
        self._extra = extra = Extra()
        extra.constant = constant
        extra.exposed = exposed

    @property
    def args(self) -> tuple[Any, ...]:
        """What the operation was applied to: nodes, and constants as raw data."""
        first = self.first
        if type(first) is tuple:
            return first
        return (first,) if self.second is None else (first, self.second)

    @property
    def params(self) -> dict[str, Any] | None:
        """The operation's static arguments (an axis, a shape, ...)."""
        return self.second if type(self.first) is tuple else None

    @property
    def extra(self) -> Extra:
        """The node's extras, made on first use."""
        if self._extra is None:
            self._extra = Extra()
            for twin in (in_graph(self), self.result()):
                twin._extra = self._extra
        return self._extra

    def result(self) -> Node:
        """The result that a record stands for, while somebody holds it; any other node itself."""
        result = self.twin() if type(self.twin) is weakref.ref else None
        return self if result is None else result

    def record(self) -> Node:
        """What stands in the graph for a result, with the numbers that its own rule reads.

        A graph keeps an array as long as a rule reads it, whoever made it; the result itself
        lives as long as its user holds it. What nobody keeps, `complete` computes again.
        """
        if self.twin is not TO_COME:
            return in_graph(self)
        op: Any = self.op
        node = object.__new__(type(self))
        node.op = op
        node.first, node.second, node.saved = self.first, self.second, self.saved
        node.serial = self.serial
        keeps = op.keeps_result or not _repeatable(self)
        node._held = self._held if keeps else absent(self._held)
        node._grad, node._extra = self._grad, self._extra
        node.twin = weakref.ref(self)
        self.twin = node
        return node

    @property
    def is_constant(self) -> bool:
        return self.op is None and self.extra.constant

    def operands(self, graph: bool) -> Sequence[Any]:
        """What the operation was applied to, as raw data or as nodes.

        The nodes are those of `args`, but for variables their snapshots.
        """
        args = self.args
        if type(self.first) is not tuple:
            return args if graph else [x._held if isinstance(x, Node) else x for x in args]
        if not graph:
            return self.saved
        return [
            x.snapshot(data) if isinstance(x, Node) and x.op is None else x
            for x, data in zip(args, self.saved, strict=True)
        ]

    def snapshot(self, saved: Any = None) -> Any:
        """A snapshot of this leaf, with the data it has or had; a constant's raw data.

        A leaf whose buffer the user may hold (`exposed`) is copied; any other is only ever
        rebound, so that one snapshot serves until the next write.
        """
        extra: Any = self._extra  # every leaf has one
        if extra.snapshot is not None:
            snapshot = extra.snapshot()
            if snapshot is not None and (saved is None or saved is snapshot._held):
                return snapshot
        data = self._held
        if extra.constant:
            return data
        current = saved is None or saved is data
        if current and extra.exposed:
            saved = data.copy() if saved is None else data
        snapshot = type(self).recorded(SNAPSHOT, self, data if saved is None else saved)
        snapshot.twin = None
        if extra.dtype is not None:
            snapshot.extra.dtype = extra.dtype
        if current and not extra.exposed:
            extra.snapshot = weakref.ref(snapshot)
        return snapshot

    def write(self, data: Any) -> None:
        """Replace a leaf's data (of the same shape and dtype) in every handle to it."""
        extra: Any = self._extra
        if extra.exposed and type(self._held) is np.ndarray:
            self._held[...] = data
        else:
            self._held = data
            extra.snapshot = None

    def forget_gradient(self) -> None:
        """Let go of the gradient, and of those that were recorded on the way to this leaf."""
        in_graph(self)._grad = None
        extra = self._extra
        if extra is not None and extra.recorded:
            for nodes in extra.recorded:
                for node in nodes:
                    node._grad = None
            extra.recorded = ()

    def expose(self) -> Any:
        """A leaf's data for the user to write into; from now on snapshots copy it."""
        extra = self.extra
        if not extra.exposed and not extra.constant and type(self._held) is np.ndarray:
            self._held = self._held.copy()
            extra.exposed = True
            extra.snapshot = None
        return self._held


class _Snapshot:
    """The identity that stands between a variable and those who read it."""

    name = "read"

    def __repr__(self) -> str:
        return self.name


SNAPSHOT: Any = _Snapshot()


def narrow(data: Any) -> Any:
    """The dtype that no Python number tells, as float32, if the data are 0-d; else None."""
    if type(data) in _WIDE:
        return None
    dtype = getattr(data, "dtype", None)
    return dtype if dtype is not None and dtype.char in "efF" and not data.shape else None


def as_scalar(held: Any, dtype: Any) -> Any:
    """A node's number as a scalar of NumPy's, or what stands for one."""
    return dtype.type(held) if isinstance(held, float | complex) else held.astype(dtype)


def remember(node: Node, x: Node) -> Node:
    """The node, with the dtype of the one scalar that it is a function of."""
    dtype = None if x._extra is None else x._extra.dtype
    if dtype is not None and np.iscomplexobj(node._held) == (dtype.kind == "c"):
        node.extra.dtype = dtype
    return node


_WIDE = {float, int, complex, np.float64, np.complex128, bool, np.bool_}


_NAN: dict[Any, np.ndarray] = {}


def absent(data: Any) -> Any:
    """An array of this shape and dtype that takes no memory: all of its entries are one NaN."""
    if isinstance(data, DuckArray):
        return data.absent()
    dtype = data.dtype
    if dtype not in _NAN:
        _NAN[dtype] = np.array(np.nan, dtype)
        _NAN[dtype].flags.writeable = False
    return np.ndarray(data.shape, dtype, _NAN[dtype], strides=(0,) * data.ndim)


def is_absent(data: Any) -> bool:
    """Whether it stands for an array that nobody keeps."""
    return type(data) is np.ndarray and data.base is not None and data.base is _NAN.get(data.dtype)


def _repeatable(node: Node) -> bool:
    """Whether the operation would give the same again, for nobody can write to what it read."""
    keeps: Any = node.op.keeps  # type: ignore[union-attr]
    for i, x in enumerate(node.args):
        if keeps is None or keeps[i]:
            continue
        if isinstance(x, Node) and x.op is None and x.extra.exposed:
            return False
        if isinstance(x, np.ndarray) and is_mutable(x):
            return False
    return True


@np.errstate(all="ignore")
def complete(node: Node) -> Any:
    """The node with its numbers and its operands', computed again where nobody kept them."""
    stack = [node]
    while stack:
        node = stack[-1]
        if type(node.first) is tuple and node.op is not None:
            missing = [i for i, data in enumerate(node.saved) if is_absent(data)]
            before = [x for i in missing if is_absent((x := node.first[i])._held)]
            if before:
                stack += before
                continue
            if missing:
                node.saved = [
                    node.first[i]._held if i in missing else data
                    for i, data in enumerate(node.saved)
                ]
            if is_absent(node._held):
                node._held = node.op.evaluate(*node.saved, **(node.params or {}))
        stack.pop()
    return node


def variable_of(node: Node) -> Node:
    """The variable behind a snapshot, or the node itself."""
    return node.first if node.op is SNAPSHOT else node


def in_graph(root: Node) -> Node:
    """The node that stands in the graph for a root: its record, if it has one."""
    return root.twin if isinstance(root.twin, Node) else root


def parents(node: Node) -> Iterator[Any]:
    """The nodes that `node` was computed from, variables for their snapshots."""
    for x in node.args:
        if isinstance(x, Node):
            yield variable_of(x)


def is_mutable(array: np.ndarray) -> bool:
    """Whether somebody could still write to the memory of `array`."""
    while True:
        if array.flags.writeable:
            return True
        base = array.base
        if not isinstance(base, np.ndarray):
            return base is not None and not isinstance(base, bytes)
        array = base


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of a node, or of data."""
    shape: tuple[int, ...] = np.shape(x._held if isinstance(x, Node) else x)
    return shape


def dtype_of(x: Any) -> np.dtype[Any]:
    """The dtype of the data of a node, or of data: of a number, that of an array of it."""
    dtype: np.dtype[Any] = as_array(x._held if isinstance(x, Node) else x).dtype
    return dtype


def is_complex(x: Any) -> bool:
    """Whether a node, or data, are complex numbers."""
    return np.iscomplexobj(x._held if isinstance(x, Node) else x)


def topological_order(*roots: Node, since: float = inf) -> list[Node]:
    """Every node that the roots depend on, inputs before their consumers.

    Nodes recorded before the one with the serial number `since` are left out.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value(2.0)
    >>> [node.op for node in topological_order(x * x + x)]
    [None, multiply, add]
    """
    seen = {node.serial: in_graph(node) for node in roots}
    stack = list(seen.values())
    while stack:
        for x in parents(stack.pop()):
            if x.serial not in seen and x.serial <= since:
                seen[x.serial] = x
                stack.append(x)
    return [seen[serial] for serial in sorted(seen, reverse=True)]
