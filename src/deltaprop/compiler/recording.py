"""Recording: run a function once on symbols, and note every operation in a program.

There is no second tracer: the function runs as it always does, on Values; only the data
that they hold are `Traced` symbols, and operations on these are noted where they would be
computed. What works on data, the reverse sweep and the optimisers, is noted as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from operator import attrgetter
from threading import get_ident
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from ..data import shown
from ..graph import Elementwise, Node, Primitive, as_number, gathered, narrow, raw
from ..graph.arrays import ducks_in
from ..graph.batches import Batched, is_batched
from ..graph.modes import Mode
from ..graph.node import LARGE, TO_COME, Extra, _serial, is_mutable
from ..graph.outside import Outside
from ..graph.primitive import is_operand, kept
from ..graph.scalars import as_scalar, remember
from ..tree import Structure, flatten, unflatten
from ..value import Value
from .passes import without_dead_code
from .program import Call, Program, Variable, alias, run
from .randomness import Watch
from .traced import (
    SHAPED,
    UNSHAPED,
    Draws,
    Number,
    Traced,
    TraceError,
    UnfitError,
    guard,
    is_number,
    number,
    refused,
    values,
    variables,
)
from .turns import afterwards, change, exclusively, uncollected, undone

_hooked = attrgetter("changes")


class Place:
    """The data or the gradient of a variable that the function reads, and may leave changed.

    Attributes
    ----------
    owner : Node
    name : str
        "_held" or "_grad".
    before : object
        What was there when the function was recorded; until it is.
    symbol : Traced
        What was put there.
    """

    def __init__(self, owner: Node, name: str, symbol: Any) -> None:
        self.owner = owner
        self.name = name
        self.before: Any = self.get()
        self.symbol = symbol
        change(owner, name, symbol, self.before)

    def get(self) -> Any:
        """What is there now."""
        return getattr(self.owner, self.name)


class Trace(Mode, Outside):
    """A recording in progress.

    Attributes
    ----------
    empty : set of Node
        Variables without a gradient. Of all others it is a symbol, also if there is none:
        most steps throw it away before anything depends on it.
    missing, present : set of Node
        Those whose gradient the function looked for, without one and with one.
    calls : list of Call
    places : dict
        What is outside, by owner and name.
    guards : dict
        What the recording depends on, by function and owner: see `Guard`.
    """

    number = Number
    thread: int | None = None  # when it has ended

    def __init__(self, empty: Iterable[Node] = (), whole: Collection[str] = ()) -> None:
        self.outside = self
        self.thread = get_ident()
        self.empty: set[Node] = set(empty)
        self.missing: set[Node] = set()
        self.present: set[Node] = set()
        self.whole = whole
        self.calls: list[Call] = []
        self.places: dict[Any, Place] = {}
        self.guards: dict[Any, Guard] = {}
        self.draws: dict[int, Draws] = {}
        self.aliases: dict[Any, tuple[Node, Any]] = {}
        self.given: list[Any] = []  # arrays that are arguments
        self.recompute_id: int = 0
        self.narrow: Any = None  # the dtype of the latest result, if it is a float32 or the like
        self._recompute_ids = count(1)
        self._met: set[Node] = set()
        self._symbols: list[ref[Traced]] = []
        self._arrays: dict[int, tuple[Any, Any]] = {}
        self._start = next(_serial)
        self.depend(_hooked, Extra)
        afterwards(self.end)

    # -- what a function meets ------------------------------------------------------------

    def symbol(self, value: Any) -> Traced:
        """A new symbol that was `value` in this run."""
        if type(value) is float:
            return Number(self, value)
        made = Traced(self, value)
        self._symbols.append(ref(made))
        return made

    def track_variable(self, leaf: Node) -> None:
        """Let a variable from outside hold symbols, in place of its data and gradient."""
        if leaf in self._met:
            return
        self._met.add(leaf)
        if leaf.is_constant or leaf.serial < self._start:
            return
        leaf.extra.snapshot = None
        held, g = leaf._held, raw(leaf._grad)
        self.places[leaf, "_held"] = Place(leaf, "_held", self.symbol(held))
        if g is not None or leaf not in self.empty:
            zeros = np.zeros_like(held) if isinstance(held, np.ndarray) else 0.0
            g = self.symbol(zeros if g is None else g)
        self.places[leaf, "_grad"] = Place(leaf, "_grad", g)

    def gradient_read(self, leaf: Node) -> None:
        """The function looks at a gradient: it may do something else if there is none."""
        if leaf.op is not None:
            return
        self.track_variable(leaf)
        place = self.places.get((leaf, "_grad"))
        if place is not None and leaf._grad is not None and leaf._grad is place.symbol:
            (self.missing if place.before is None else self.present).add(leaf)

    def gradient_written(self, g: Any) -> None:
        """A gradient of 0 would clear it."""
        if is_number(g) and isinstance(g, Traced):
            g.verify(_is_not_zero, (g,), True)

    def data(self, leaf: Node) -> Any:
        """What `.data` gives of a variable: its memory, that shows what is written there later."""
        held = leaf._held
        if not isinstance(held, Traced):
            return shown(held)
        made = self.emit(alias, (held,), {})
        self.aliases[made] = leaf, held
        return made

    def current(self, x: Any) -> Any:
        """The data themselves, if `x` is what `.data` gave: as long as they are still there."""
        leaf, held = self.aliases.get(x, (None, x)) if isinstance(x, Traced) else (None, x)
        if leaf is not None and leaf._held is not held:
            raise refused(
                "what v.data gave is used after v was written, when it would hold the new numbers",
                "Ask for v.data again, or keep the old numbers by v.detach().data",
            )
        return held

    def depend(self, look: Callable[[Any], Any], owner: Any) -> None:
        """The recording holds only while ``look(owner)`` is what it is now."""
        self.guards.setdefault((look, id(owner)), Guard(look, owner, copy(look(owner))))

    def generator(self, source: Any) -> Draws:
        """A generator of random numbers whose draws are recorded, to be drawn in each run."""
        if id(source) not in self.draws:
            generator = source._value if isinstance(source, Traced) else source
            self.draws[id(source)] = Draws(self, source)
            bits = generator.bit_generator
            afterwards(setattr, bits, "state", bits.state)
        return self.draws[id(source)]

    # -- what a function does -------------------------------------------------------------

    def record(self, _: Any, primitive: Any, args: Any, params: Any) -> Any:
        """Note an operation of the table, and build the graph as without a recording."""
        data: list[Any] = []
        sources: list[Any] = []
        node: Any = None
        variable, known, floats, slots, batched = False, True, not params, True, False
        for x in args:
            if type(x) is float:
                data.append(x)
                sources.append(x)
                continue
            held = x
            if isinstance(x, Node):
                node, leaf = x, x.op is None
                if leaf and x not in self._met:
                    self.track_variable(x)
                held = x._held
                if leaf and x.extra.constant:
                    x = held
                else:
                    variable = True
                if primitive.strong and node._extra is not None and node._extra.dtype is not None:
                    held = as_scalar(held, node._extra.dtype)
                    x = x if isinstance(x, Node) else held
            elif type(x) is not np.ndarray and not is_operand(x):
                held = x = gathered(x)
                if isinstance(x, Node):
                    whole = (*args[: len(data)], x, *args[len(data) + 1 :])
                    return self.record(_, primitive, whole, params)
            elif self.aliases:
                held = x = self.current(x)
            data.append(held)
            sources.append(x)
            kind = type(held)
            if kind is Number:
                known = False
                slots = slots and x is not held
            elif kind is not float:
                floats = False
                known = known and kind is not Traced
                batched = batched or kind is Batched
        if batched or (primitive.reads_params and is_batched(params)):
            return primitive.apply(args, params)  # which asks for operations on all samples
        if known and next(ducks_in((data, params)), None) is None:
            return primitive.apply(args, params)
        floats = floats and isinstance(primitive, Elementwise)
        if floats and slots and variable and primitive.smooth and len(data) < 3:
            # two slots are enough, with snapshots of variables: they may change
            first, *second = [
                x.snapshot() if type(x) is not float and not x.op else x for x in sources
            ]
            result = node.recorded(primitive, first, number(primitive, data), *second)
            return result if second else remember(result, node)
        # a result is held as a number if it is one; constants are held as they come
        made = variable and (primitive.smooth or primitive.differentiable(sources))
        if made:
            numbers = not params and all(map(is_number, data))
        else:
            # what is written for floats gives one
            numbers = floats and primitive.scalar is not None
        if numbers:
            result = number(primitive, data)
        else:
            result = self.emit(primitive, tuple(data), params, item=made)
        if node is None:
            return result
        if not made:
            return node.leaf(result, constant=True)
        keeps = primitive.keeps
        for i, x in enumerate(sources):
            if isinstance(x, Node) and x.twin is not None:
                sources[i] = kept(x, data, i, keeps is None or keeps[i])
        recorded = node.recorded(primitive, tuple(sources), result, params or None)
        if type(result) is Traced and result.nbytes >= LARGE:
            recorded.twin = TO_COME
        if numbers and len(data) == 1:
            remember(recorded, node)
        elif not numbers and self.narrow is not None:
            recorded.extra.dtype = self.narrow
        recorded.saved = data if numbers else [self.kept(x) for x in data]
        return recorded

    def emit(
        self, function: Any, args: Any, params: Any, *, item: bool = False, effect: bool = False
    ) -> Any:
        """Note a call, and give the symbol of its result."""
        name = getattr(function, "__name__", function)
        decomposed = isinstance(function, Primitive) and function.decomposed
        if decomposed and name not in self.whole and any(np.shape(x) for x in args):
            y = function.forward(*args, **params)
            result = y.as_number() if item and not np.ndim(y) else y
            self.narrow = narrow(y)
            return result
        given: list[Any] = []
        data: list[Any] = []
        safe: list[Any] = []
        for x in args:
            kind = type(x)
            if kind is Traced or kind is Number:
                given.append(x)
                data.append(x._value)
                x = x.variable
            elif kind is float or kind is int or kind is np.ndarray:
                data.append(x)
                x = self.kept(x)
            elif isinstance(x, Node):
                raise refused(f"{name} of data and a Value", "Use the one of deltaprop.numpy")
            else:
                given.extend(ducks_in(x))
                data.append(values(x))
                x = variables(x)
            safe.append(x)
        if params:
            given += ducks_in(params)
        for x in given:
            if x in self.aliases:
                self.current(x)
            if x._trace is not self:
                raise refused(
                    "a value is used that was kept from an earlier call",
                    "Return it, or keep it in a dp.Value, which is read and written in each call",
                )
        if function in UNSHAPED:
            raise refused(f"the shape of what {name} gives depends on the data", SHAPED)
        y = run(function, data, values(params) if params else params, False)
        self.narrow = narrow(y)  # what is lost of the dtype of an item
        y = as_number(y) if item else y
        result = self.symbol(y)
        reads = tuple([x.variable for x in given])
        call = function, tuple(safe), variables(params) if params else params, result.variable
        self.calls.append(Call(*call, item, effect, reads, self.recompute_id))
        if not isinstance(y, (tuple, list)):
            return result
        parts = [self.emit(_part, (result, i), {}) for i in range(len(y))]
        return type(y)(*parts) if hasattr(y, "_fields") else type(y)(parts)

    @contextmanager
    def again(self) -> Iterator[None]:
        """What is computed in here stays apart from the same that was computed before."""
        outer, self.recompute_id = self.recompute_id, next(self._recompute_ids)
        try:
            yield
        finally:
            self.recompute_id = outer

    def kept(self, x: Any) -> Any:
        """A constant array, safe from later writes."""
        if type(x) is not np.ndarray or not is_mutable(x):
            return x
        if id(x) not in self._arrays:
            self._arrays[id(x)] = x, x.copy()
        return self._arrays[id(x)][1]

    def is_argument(self, x: Traced) -> bool:
        """Whether an array is an argument of the function, or shows a part of one."""
        return any(np.may_share_memory(x._value, y) for y in self.given)

    def end(self) -> None:
        """End the lives of the symbols."""
        for symbol in self._symbols:
            if (held := symbol()) is not None:
                held._value = None
        self.thread = None


def _is_not_zero(g: Any) -> None:
    if g == 0:
        raise UnfitError("a gradient is set to 0, which clears it")


def _part(x: Any, i: int) -> Any:
    return x[i]


def _wrapping(x: Any) -> Any:
    """What makes a constant of the data of a result; None for one that was no Value."""
    dtype = x._extra.dtype if isinstance(x, Node) and x._extra else None
    return partial(Value.leaf, constant=True, dtype=dtype) if isinstance(x, Node) else None


def _gradient(leaf: Node) -> Any:
    """What the gradient of a variable is: None, "data" or a "graph" of its own."""
    g = leaf._grad
    return None if g is None else "graph" if isinstance(g, Node) else "data"


class Guard(NamedTuple):
    """A recording holds only as long as ``look(owner) == expected``."""

    look: Callable[[Any], Any]
    owner: Any
    expected: Any


@dataclass(slots=True)
class Recorded:
    """A program, and where its inputs come from and its outputs go.

    Attributes
    ----------
    program : Program
        Its inputs are those of the call, then what `reads` says; its outputs the results,
        then what it leaves in the places of `left`.
    reads : list of (Place, Variable)
        Places outside the function, and what is there.
    left : list of Place
        Those that it leaves changed.
    structure : Structure
        Of the function's result.
    wrapped : list of callable
        What makes a Value of each result; None for one that was none.
    guards : list of Guard
    generators : list
        Those of random numbers that are drawn from: themselves, or their places among the inputs.
    alone : bool
        Whether it has to do with variables or generators, so that threads take turns.
    drawn : list
        What puts the generators back that a call draws from, until all is written that it leaves.
    """

    program: Program
    reads: list[tuple[Place, Variable]]
    left: list[Place]
    structure: Structure
    wrapped: list[Any]
    guards: list[Guard]
    generators: list[Any]
    alone: bool
    drawn: list[Any] = field(default_factory=list)


def record(
    function: Callable[..., Any],
    structure: Structure,
    leaves: Sequence[Any],
    whole: Collection[str] = (),
) -> Recorded:
    """Record a call of the function; what is outside is left as it was.

    Parameters
    ----------
    function : callable
    structure : Structure
        Of ``(args, kwargs)``.
    leaves : sequence
        What symbols take the place of, and `Static` arguments.
    whole : collection of str
        Operations that are not decomposed.
    """
    return exclusively(undone, uncollected, _record, function, structure, leaves, whole)


def _record(
    function: Callable[..., Any],
    structure: Structure,
    leaves: Sequence[Any],
    whole: Collection[str],
) -> Recorded:
    empty: set[Node] = set()
    while True:
        trace, recorded = undone(_recorded, empty, whole, function, structure, leaves)
        # it has none, though the function does something with it: record what becomes of that
        missing = trace.missing.union(
            place.owner
            for place, _ in recorded.reads
            if place.name == "_grad" and place.before is None and place.owner not in empty
        )
        if not missing:
            for place in trace.places.values():
                place.before = place.symbol = None  # the program does not need them
            vars(trace).clear()  # the numbers in the program do not need it
            return recorded
        empty |= missing


def _recorded(
    empty: set[Node],
    whole: Collection[str],
    function: Callable[..., Any],
    structure: Structure,
    leaves: Sequence[Any],
) -> tuple[Trace, Recorded]:
    watch = Watch(function, [x.value for x in leaves if isinstance(x, Static)])
    afterwards(watch.put_back)

    def run() -> Any:
        # MODE and NumPy's settings end with a context, whatever happens
        return undone(copy_context().run, _run, empty, whole, function, structure, leaves)

    trace, inputs, results, result_structure, outputs, reads, writes = run()
    watch.check(run)
    outputs = variables([*outputs, *[new for _, new in writes]])
    program, used = without_dead_code(Program(inputs, trace.calls, outputs))
    reads = [(place, x) for place, x in reads if x in used]
    program.inputs += [x for _, x in reads]
    needed = [p.owner for p, _ in reads if p.name == "_grad" and p.before is not None]
    needed = [*trace.present.union(needed)]
    guards = [
        *trace.guards.values(),
        *[Guard(_gradient, leaf, None) for leaf in trace.empty],
        *[Guard(_gradient, leaf, "data") for leaf in needed],
    ]
    if any(isinstance(leaf._grad, Node) for leaf in needed):
        raise UnfitError("a gradient that was recorded itself (create_graph=True) is added to")
    left = [place for place, _ in writes]
    wrapped = [*map(_wrapping, results)]
    places = {x: i for i, x in enumerate(inputs)}
    sources = [variables(draws.source) for draws in trace.draws.values()]
    generators = [places.get(x, x) for x in sources]
    alone = bool(trace.places or generators)
    structure = result_structure
    return trace, Recorded(program, reads, left, structure, wrapped, guards, generators, alone)


def _run(
    empty: set[Node],
    whole: Collection[str],
    function: Callable[..., Any],
    structure: Structure,
    leaves: Sequence[Any],
) -> tuple[Any, ...]:
    """Run the function on symbols, in a context of its own."""
    np.seterr(all="ignore")
    trace = Trace(empty, whole)
    given, args, kwargs = _symbols(trace, structure, leaves)
    inputs: list[Variable] = [x.variable for x in given if isinstance(x, Traced)]
    guard()
    trace.__enter__()
    try:
        result = function(*args, **kwargs)
        results, result_structure = flatten(result)
        outputs = [trace.current(raw(x)) for x in results]
    except ValueError as error:
        # NumPy's own words for an array that it could not write to an element
        raise error.__cause__ if isinstance(error.__cause__, TraceError) else error from None
    return trace, inputs, results, result_structure, outputs, *_boundary(trace)


def _symbols(
    trace: Trace, structure: Structure, leaves: Sequence[Any]
) -> tuple[list[Any], Any, Any]:
    """What takes the place of the leaves; and the arguments made of that."""
    given = [x.value if isinstance(x, Static) else trace.symbol(raw(x)) for x in leaves]
    trace.given = [x for x in leaves if isinstance(x, np.ndarray)]
    held = [
        x.leaf(g, constant=True) if isinstance(x, Node) else g
        for x, g in zip(leaves, given, strict=True)
    ]
    args, kwargs = unflatten(structure, held)
    return given, args, kwargs


def _boundary(trace: Trace) -> tuple[list[Any], list[Any]]:
    """What the function read from outside, and what it left there."""
    reads, writes = [], []
    for place in trace.places.values():
        if place.symbol is not None:
            reads.append((place, place.symbol.variable))
        new = place.get()
        if new is not place.symbol:
            if place.name == "_grad" and isinstance(new, Node) and not new.is_constant:
                raise refused(
                    "a gradient that was recorded itself (create_graph=True) is left in .grad",
                    "Call zero_grad() before the last backward(), or keep the numbers alone: "
                    "v.grad = v.grad.data",
                )
            writes.append((place, raw(new)))
    return reads, writes


class Static:
    """An argument that is part of the signature, and not an input."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value: Any = value
