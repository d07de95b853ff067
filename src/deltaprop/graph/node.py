"""Node: one value of a recorded computation, and the snapshot of a variable.

A graph consists of nodes that point to their inputs. A node recorded by an operation never
changes. A *leaf* is a variable, whose data may be replaced at any time. So a node saves the data
that it was computed from. If a node has no room for these data (an operation on scalars), or if a
node is required (for a derivative that is recorded itself), a *snapshot* stands for the variable:
a node with the data of that moment. Therefore a graph differentiates what was recorded, even if
the variables change afterwards.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from .arrays import DuckArray, as_array, as_number, narrow
from .batches import refuse_samples

if TYPE_CHECKING:
    from .primitive import Primitive

# Later nodes get smaller numbers, so a min-heap of serials pops the newest node first, and "newest
# first" is a reverse topological order.
_serial = count(-1, -1)

# The mode that watches the recording: None (record plainly), or an object with a method
# `record(primitive, args, params)`, such as no_grad and detect_anomaly.
MODE: ContextVar[Any] = ContextVar("deltaprop_mode", default=None)

# the transforms that run, as blocks: None if there are none
RUNNING: ContextVar[Any] = ContextVar("deltaprop_running", default=None)

# results of at least so many bytes get a record, which itself takes some hundred bytes
LARGE = 1 << 16
# the twins of large results without a record yet: of one that can be computed again, of another
TO_COME: Any = object()
TO_COME_WHOLE: Any = object()


class Extra:
    """Rare attributes of a node (a name, hooks, an origin), and the state of a leaf."""

    changes = 0  # how often hooks of variables were set or removed

    __slots__ = (
        "argument",
        "constant",
        "dtype",
        "exposed",
        "hooks",
        "name",
        "origin",
        "own_grad",
        "recorded",
        "snapshot",
    )

    def __init__(self) -> None:
        self.name: str | None = None
        self.hooks: dict[int, Callable[[Any], Any]] | None = None
        self.origin: str | None = None
        self.snapshot: weakref.ref[Node] | None = None
        self.exposed: bool = False
        self.own_grad: Any = None  # the gradient that the user has seen, and may have written to
        self.constant: bool = False
        # for each `backward(create_graph=True)` that reached this leaf, the results whose gradients
        # it recorded; each result is part of a cycle: result, gradient, graph, result
        self.recorded: tuple[list[Node], ...] = ()
        self.dtype: Any = None  # the dtype of a scalar, if its Python number has another
        self.argument: bool = False  # whether the leaf stands for an argument of a transform


class Node:
    """One value of a graph: its data, the operation and the inputs that made it.

    Attributes
    ----------
    op : Primitive or None
        The operation that made the node; None for a leaf.
    serial : int
        A unique number, smaller for nodes recorded later.
    first, second
        The slots of `args` and `params`. An operation on scalars stores its one or two operands
        here directly. A tuple for them would take a third of the memory of a scalar graph, and
        be half of the objects that the garbage collector visits.
    saved : sequence
        The data of `args` as the operation saw them; missing for operations on scalars.
    twin : Node, weakref, TO_COME, TO_COME_WHOLE or None
        For a large result, the record that takes its place in the graph once another operation
        uses it. For a record, its result, as long as somebody holds it. None for other nodes.
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

    def recorded(
        self, op: Primitive, args: Any, data: Any, params: dict[str, Any] | None = None
    ) -> Self:
        """Return a node of this class, made by `op`; a 0-d result is held as a Python number."""
        dtype = twin = None
        if type(data) is not np.ndarray or not data.ndim:
            dtype = narrow(data)
            data = as_number(data)
        elif data.nbytes >= LARGE and type(args) is tuple:
            # nobody asks a transform for intermediate results
            alone = RUNNING.get() is not None or is_repeatable(args, op.kept_of(args))
            twin = TO_COME if alone else TO_COME_WHOLE
        node = object.__new__(type(self))
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
        """Return a variable or a constant that holds `data` itself (no copy)."""
        node = object.__new__(cls)
        node._become_leaf(data, constant, exposed)
        node.extra.dtype = dtype
        return node

    def constant(self, data: Any) -> Self:
        """Return a constant that holds `data`, with the dtype of this node if it is a scalar."""
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
        """The operands: nodes, and constants as raw data."""
        first = self.first
        if type(first) is tuple:
            return first
        return (first,) if self.second is None else (first, self.second)

    @property
    def params(self) -> dict[str, Any] | None:
        """The static arguments of the operation (an axis, a shape, ...)."""
        return self.second if type(self.first) is tuple else None

    @property
    def extra(self) -> Extra:
        """The rare attributes of the node, created on first use."""
        if self._extra is None:
            self._extra = Extra()
            for twin in (in_graph(self), self.result()):
                twin._extra = self._extra
        return self._extra

    def result(self) -> Node:
        """Return the result of a record while somebody holds it, or else the node itself."""
        result = self.twin() if type(self.twin) is weakref.ref else None
        return self if result is None else result

    def record(self) -> Node:
        """Return the node in the graph that stands for a result, with the data its own rule reads.

        A graph keeps an array while any rule reads it; the result itself lives while its user holds
        it. `complete` recomputes arrays that nobody keeps.
        """
        whole = self.twin is TO_COME_WHOLE
        if self.twin is not TO_COME and not whole:
            return in_graph(self)
        op: Any = self.op
        node = object.__new__(type(self))
        node.op = op
        node.first, node.second, node.saved = self.first, self.second, self.saved
        node.serial = self.serial
        node._held = self._held if whole or op.keeps_result else absent(self._held)
        node._grad, node._extra = self._grad, self._extra
        node.twin = weakref.ref(self)
        self.twin = node
        return node

    @property
    def is_constant(self) -> bool:
        return self.op is None and self.extra.constant

    def operands(self, graph: bool) -> Sequence[Any]:
        """Return the operands as raw data or as nodes.

        The nodes are those of `args`, with a snapshot for each variable.
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
        """Return a snapshot of this leaf, with its present or saved data; a constant's raw data.

        A leaf whose buffer the user may hold (`exposed`) is copied. The data of any other leaf are
        only replaced as a whole, so one snapshot serves until the next write.
        """
        extra: Any = self._extra  # every leaf has one
        if extra.snapshot is not None:
            snapshot = extra.snapshot()
            if snapshot is not None and (self._held if saved is None else saved) is snapshot._held:
                return snapshot
        data = self._held
        if extra.constant:
            return data
        current = saved is None or saved is data
        if current and extra.exposed:
            saved = data.copy() if saved is None else data
        snapshot = self.recorded(SNAPSHOT, self, data if saved is None else saved)
        if extra.dtype is not None:
            snapshot.extra.dtype = extra.dtype
        if current and not extra.exposed:
            extra.snapshot = weakref.ref(snapshot)
        return snapshot

    def write(self, data: Any) -> None:
        """Replace the data of a leaf (same shape and dtype) in every handle to the leaf."""
        extra: Any = self._extra
        refuse_samples(self.serial, data)
        if extra.exposed and type(self._held) is np.ndarray and not isinstance(data, DuckArray):
            self._held[...] = data
        else:
            self.verify_own()
            self._held = data

    def verify_own(self) -> None:
        """Raise an error if another thread records a function that uses this leaf."""
        if isinstance(self._held, DuckArray):
            self._held.verify_own()

    def forget_gradient(self) -> None:
        """Drop the gradient, and the gradients recorded on the way to this leaf."""
        self.verify_own()
        (self if self.twin is None else in_graph(self))._grad = None
        extra = self._extra
        if extra is None:
            return
        extra.own_grad = None
        if extra.recorded:
            for nodes in extra.recorded:
                for node in nodes:
                    node._grad = None
            extra.recorded = ()

    def expose(self) -> Any:
        """Return the data of a leaf for the user to write to; from now on, snapshots copy them."""
        extra = self.extra
        if not extra.exposed and not extra.constant and type(self._held) is np.ndarray:
            self._held = self._held.copy()
            extra.exposed = True
            extra.snapshot = None
        return self._held


class _Snapshot:
    """The identity operation between a variable and the nodes that read it."""

    name = "read"

    def __repr__(self) -> str:
        return self.name


SNAPSHOT: Any = _Snapshot()


_NAN: dict[Any, np.ndarray] = {}


def absent(data: Any) -> Any:
    """Return an array of this shape and dtype whose entries are all one NaN: it takes no memory.

    Integers and booleans, which an operation of the user's may give, have no NaN: they are 0.
    """
    if isinstance(data, DuckArray):
        return data.absent()
    dtype = data.dtype
    if dtype not in _NAN:
        _NAN[dtype] = np.array(np.nan if dtype.kind in "fc" else 0, dtype)
        _NAN[dtype].flags.writeable = False
    return np.ndarray(data.shape, dtype, _NAN[dtype], strides=(0,) * data.ndim)


def is_absent(data: Any) -> bool:
    """Return whether the data stand for an array that nobody keeps."""
    return type(data) is np.ndarray and data.base is not None and data.base is _NAN.get(data.dtype)


def is_repeatable(args: Sequence[Any], keeps: Any, saved: Sequence[Any] | None = None) -> bool:
    """Return whether an operation on `args`, which keeps some of their values, can run again.

    An argument that is not kept must be one that nobody can write to until then. A leaf that was
    exposed since the operation ran has another buffer than the operation `saved`.
    """
    for i, x in enumerate(args):
        if keeps[i]:
            continue
        exposed = isinstance(x, Node) and x.op is None and x.extra.exposed
        if exposed and (saved is None or saved[i] is x._held):
            return False
        if isinstance(x, np.ndarray) and is_mutable(x):
            return False
    return True


@np.errstate(all="ignore")
def complete(node: Node) -> Any:
    """Return the node with its data and operands, recomputed if nobody kept them."""
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
                if not is_repeatable(node.first, node.op.kept_of(node.first), node.saved):
                    raise RuntimeError(
                        f"a transform did not keep the result of {node.op}, and cannot compute it "
                        "again, as somebody could have written to an argument since: return the "
                        "result from the function, with has_aux=True"
                    )
                node._held = node.op.repeated(*node.saved, **(node.params or {}))
        stack.pop()
    return node


def variable_of(node: Node) -> Node:
    """Return the variable behind a snapshot, or the node itself."""
    return node.first if node.op is SNAPSHOT else node


def in_graph(root: Node) -> Node:
    """Return the node that stands in the graph for a root: its record, if it has one."""
    return root.twin if isinstance(root.twin, Node) else root


def parents(node: Node) -> Iterator[Any]:
    """Yield the nodes that `node` was computed from; for a snapshot, its variable."""
    for x in node.args:
        if isinstance(x, Node):
            yield variable_of(x)


def is_mutable(array: np.ndarray) -> bool:
    """Return whether somebody could still write to the memory of `array`."""
    while True:
        if array.flags.writeable:
            return True
        base = array.base
        if not isinstance(base, np.ndarray):
            return base is not None and not isinstance(base, bytes)
        array = base


def shape_of(x: Any) -> tuple[int, ...]:
    """Return the shape of a node, or of data."""
    data = x._held if isinstance(x, Node) else x
    shape: Any = getattr(data, "shape", None)
    return np.shape(data) if shape is None else shape


def dtype_of(x: Any) -> np.dtype[Any]:
    """Return the dtype of a node, or of data as an array."""
    dtype: np.dtype[Any] = as_array(x._held if isinstance(x, Node) else x).dtype
    return dtype


def is_complex(x: Any) -> bool:
    """Return whether a node, or data, are complex."""
    data = x._held if isinstance(x, Node) else x
    return data.dtype.kind == "c" if isinstance(data, DuckArray) else np.iscomplexobj(data)


def topological_order(*roots: Node, since: float = inf) -> list[Node]:
    """Return every node that the roots depend on, inputs before their consumers.

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
