"""The XLA executor: a program as one function that JAX compiles for its devices.

What is random is drawn on the host, by the generators that NumPy's executor would ask, and so
are the same numbers; checks of data raise before anything outside is written. What the program
leaves in places outside stays on the devices too, and is not sent there again while it is what
these places hold; nor is a read-only argument that comes again and again. Computed is in the
dtypes that were recorded, whatever `jax_enable_x64` says.

Two things NumPy does are dropped: a singular matrix is no error here, but gives inf and NaN;
and on the CPU subnormal numbers count as zero.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import jax
import numpy as np

from ..graph import Node
from ..graph.node import is_mutable
from ..tree import LEAF, Structure, flatten, unflatten
from ..value import Value
from .lanes import Vector, lanes
from .lowering import Lowered, Lowering, lowered
from .numpy_executor import input_names
from .passes import PASSES, moves_little
from .program import Call, Program, Variable, flops, listed, run, substituted, symbols_in
from .recording import Place, Recorded
from .sharding import Layout

_LARGE = 1 << 16  # of more bytes a copy takes longer than to do without
_WIDE = 8  # operations in a step of lanes, on average
_WIDEST = {"b": 1, "i": 8, "u": 8, "f": 8, "c": 16}


class Split:
    """A program taken apart: what the host does before and after what the devices do.

    Attributes
    ----------
    before : list of Call
        Random draws, and checks of what the call was given.
    inside : list of Call
        All that is compiled.
    after : list of Call
        Checks of what was computed.
    given : list of Variable
        What is sent to the devices.
    """

    def __init__(self, program: Program, places: set[Variable]) -> None:
        self.made = {call.result: call for call in program.calls}
        effects = [call for call in program.calls if call.effect]
        used = {x for call in program.calls for x in call.reads} | set(symbols_in(program.outputs))
        draws = {call.result for call in effects if call.result in used}
        early: set[Variable] = set()
        self.after = []
        for call in effects:
            if call.result in used or self._light(call, draws | early, places):
                early |= self._behind(call.reads, early) | {call.result}
            else:
                self.after.append(call)
        self.before = [call for call in program.calls if call.result in early]
        known = {*program.inputs, *draws}
        wanted = [*symbols_in(program.outputs), *[x for c in self.after for x in c.reads]]
        self.wanted = [x for x in dict.fromkeys(wanted) if x not in known]
        needed = self._behind(self.wanted, known)
        self.inside = [call for call in program.calls if call.result in needed]
        reads = dict.fromkeys(x for call in self.inside for x in call.reads)
        self.given = [x for x in reads if x in known]

    def _behind(self, xs: Any, known: set[Variable]) -> set[Variable]:
        """The results that `xs` depend on, themselves included, but for those known."""
        found: set[Variable] = set()
        stack = list(xs)
        while stack:
            x = stack.pop()
            if x in self.made and x not in found and x not in known:
                found.add(x)
                stack += self.made[x].reads
        return found

    def _light(self, check: Call, known: set[Variable], places: set[Variable]) -> bool:
        """Whether the host can do a check by itself: it looks at arguments, entry by entry."""
        behind = self._behind(check.reads, known)
        reads = {*check.reads, *[x for y in behind for x in self.made[y].reads]}
        cheap = all(moves_little(self.made[y]) for y in behind)
        return cheap and places.isdisjoint(reads)


class Xla:
    """Makes the programs of one compiled function; see the module.

    Attributes
    ----------
    shared : bool
        Whether the host sees the memory of the devices, and needs no copies of it.
    held : dict
        For each place outside, what it was left with, and the same on the devices.
    options : dict
        Further arguments of `jax.jit`.
    """

    def __init__(self, shard: Mapping[str, int]) -> None:
        self.layout = Layout(shard)
        self.held: dict[Any, tuple[Any, jax.Array]] = {}
        self.options: dict[str, Any] = {}

    @cached_property
    def shared(self) -> bool:
        return jax.default_backend() == "cpu"

    def executable(
        self, recorded: Recorded, function: Any, structure: Structure, leaves: Sequence[Any]
    ) -> Callable[[Sequence[Any]], Any]:
        """The program as a function of a sequence of inputs."""
        recorded.program = _optimised(recorded.program)
        return _Replay(recorded, self, self.layout.axes(function, structure, leaves)).run

    def listing(self, recorded: Recorded, *_: Any) -> str:
        """The program, for people to read."""
        recorded.program = program = _optimised(recorded.program)
        places = {x for _, _, symbols in recorded.reads for x in symbols}
        inside = Split(program, places).inside
        total = f"{len(inside)} calls, {sum(map(flops, inside)):,} flops, compiled by XLA"
        return listed(program, input_names(recorded), {}, f"{total} {self.layout}")


def _optimised(program: Program) -> Program:
    """The program after all passes; but lanes must be wide, to be worth compiling each."""
    for step in PASSES:
        before = len(program.calls)
        after = step(program)
        vectors = [c.function for c in after.calls if isinstance(c.function, Vector)]
        gone = before - len(after.calls)
        if step is not lanes or all(gone > _WIDE * len(v.steps) for v in vectors):
            program = after
    return program


class _Replay:
    """A program that JAX compiles, between the places it reads and those it writes."""

    def __init__(self, recorded: Recorded, executor: Xla, axes: Sequence[int | None]) -> None:
        self.recorded = recorded
        self.executor = executor
        self.layout = layout = executor.layout
        self.program = program = recorded.program
        rows = recorded.reads
        self.keys = {x: key for row in rows for x, key in zip(row[2], _keys(*row), strict=True)}
        # the same for arguments that cannot change
        self.last: dict[Variable, tuple[Any, Any]] = {}
        self.writes = [(*row, _keys(*row)) for row in recorded.writes]
        self.split = Split(program, set(self.keys))
        for x in (*self.split.given, *[call.result for call in self.split.inside]):
            _supported(x)
        self.computed = set(self.split.wanted)
        self.alone = self._alone()
        self.donated = set() if executor.shared else self._donated()
        self.constants = self._constants()
        self.messages: list[str] = []
        at = dict(zip(program.inputs, axes, strict=False))
        self.shardings = [layout.sharding(at.get(x)) for x in self.split.given]
        everywhere = layout.sharding(None)
        self.compiled = jax.jit(
            self.compute,
            donate_argnums=[i for i, x in enumerate(self.split.given) if x in self.donated],
            **executor.options,
            **layout.options([*self.shardings, *[everywhere] * len(self.constants)]),
        )
        with jax.enable_x64(True):
            self.sent = [layout.placed(x, everywhere) for x in self.constants.values()]

    def _constants(self) -> dict[int, Any]:
        """Arrays of numbers that are part of the program; XLA need not know which."""
        args = [x for call in self.split.inside for x in call.args]
        return {id(x): x for x in args if type(x) is np.ndarray and x.dtype.kind in "fc"}

    def _donated(self) -> set[Variable]:
        """Whose memory becomes that of what takes its place outside."""
        new: dict[Any, Any] = {
            k: y for row in self.recorded.writes for k, y in zip(_keys(*row), row[2], strict=True)
        }
        pairs: dict[Variable, Variable] = {}
        for x in self.split.given:
            y: Any = new.get(self.keys.get(x))
            if self._made(y) and x.shape and (x.shape, x.dtype) == (y.shape, y.dtype):
                pairs.setdefault(y, x)
        return set(pairs.values())

    def _alone(self) -> set[Variable]:
        """Results that nobody else holds, and that it takes long to copy."""
        if not self.executor.shared or self.layout.mesh is not None:
            return set()
        uses = Counter(symbols_in(self.program.outputs))
        return {x for x in self.computed if uses[x] == 1 and x.nbytes > _LARGE}

    def compute(self, *xs: Any) -> tuple[list[Any], list[Any]]:
        """The program in JAX's terms: what is wanted of it, and where data were wrong."""
        count = len(self.split.given)
        known: dict[Any, Any] = {
            x: Lowered(jax.numpy.asarray(array, x.dtype), x.number)
            for x, array in zip(self.split.given, xs[:count], strict=True)
        }
        constants = dict(zip(self.constants, map(Lowered, xs[count:]), strict=True))
        mode = Lowering()
        with mode, jax.default_matmul_precision("highest"):
            for call in self.split.inside:
                args = tuple([constants.get(id(x), x) for x in call.args])
                args, params = substituted(args, known), substituted(call.params, known)
                known[call.result] = lowered(call, args, params)
        self.messages = [text for text, _ in mode.faults]
        return [known[x].array for x in self.split.wanted], [fault for _, fault in mode.faults]

    def run(self, inputs: Sequence[Any]) -> Any:
        """Do the recorded call again."""
        known = dict(zip(self.program.inputs, [*inputs, *self._read()], strict=True))
        for call in self.split.before:
            _ran(call, known)
        arrays = self._computed(known)
        for call in self.split.after:
            _ran(call, known)
        results = self._results(known, arrays)
        self._write(known, arrays)
        return results

    def _read(self) -> list[Any]:
        """What is in the places outside."""
        found: list[Any] = []
        for place, structure, _ in self.recorded.reads:
            found += [place.get()] if structure is LEAF else flatten(place.get())[0]
        return found

    def _computed(self, known: dict[Any, Any]) -> dict[Any, Any]:
        """What the devices compute, there; it is added to what is `known` on the host."""
        held, sent = self.executor.held, []
        with jax.enable_x64(True):
            for x, sharding in zip(self.split.given, self.shardings, strict=True):
                data = known[x]
                key = self.keys.get(x)
                found = held.pop if x in self.donated else held.get if key else self.last.get
                before, array = found(key or x, (None, None))
                if before is not data or array is None:
                    array = self.layout.placed(data, sharding)
                    if key is None:
                        array = self._kept(x, data, array, before is data)
                sent.append(array)
            try:
                wanted, faults = self.compiled(*sent, *self.sent)
                for x, array in zip(self.split.wanted, wanted, strict=True):
                    data = np.asarray(array) if self.executor.shared else np.array(array)
                    known[x] = data.item() if x.number else data if x.shape else data[()]
            except jax.errors.JaxRuntimeError as error:
                raise self.layout.explained(error) from error
        for text, fault in zip(self.messages, faults, strict=True):
            if fault:
                raise IndexError(text)
        return dict(zip(self.split.wanted, wanted, strict=True))

    def _kept(self, x: Variable, data: Any, array: Any, again: bool) -> Any:
        """An argument as it is sent; one that comes `again` and never changes, for good."""
        if type(data) is not np.ndarray or is_mutable(data):
            return array
        array = jax.device_put(array) if again else array
        self.last[x] = data, array if again else None
        return array

    def _results(self, known: dict[Any, Any], arrays: dict[Any, Any]) -> Any:
        """What the function returns, in memory that nobody else writes to."""
        results = []
        for x, wrapped in zip(self.program.outputs, self.recorded.wrapped, strict=False):
            is_made, data = self._made(x), known[x] if isinstance(x, Variable) else x
            if isinstance(data, np.ndarray) and not (wrapped and is_made):
                data = _adopted(arrays[x]) if is_made and x in self.alone else data.copy()
            results.append(Value.leaf(data, constant=True) if wrapped else data)
        return unflatten(self.recorded.structure, results)

    def _write(self, known: dict[Any, Any], arrays: dict[Any, Any]) -> None:
        """Leave outside what the function leaves there."""
        left = []
        for place, structure, xs, keys in self.writes:
            values = []
            for x, key in zip(xs, keys, strict=True):
                data = known[x] if isinstance(x, Variable) else x
                if isinstance(data, np.ndarray):
                    if not self._made(x):
                        data = data.copy()
                    elif x in arrays:  # once: what two places hold is not donated twice
                        self.executor.held[key] = data, arrays.pop(x)
                values.append(data)
            left.append((place, structure, values))
        for row in left:
            _put(*row)

    def _made(self, x: Any) -> bool:
        """Whether an output is what the devices compute."""
        return isinstance(x, Variable) and x in self.computed


def _keys(place: Place, _: Structure, xs: Sequence[Any]) -> list[Any]:
    """What the entries of a place are called in `Xla.held`."""
    return [(id(place.owner), place.name, i) for i in range(len(xs))]


def _put(place: Place, structure: Structure, values: Sequence[Any]) -> None:
    owner = place.owner
    if not isinstance(owner, Node):
        place.set(unflatten(structure, values))
    elif place.name == "_grad":
        place.set(values[0] if values else None)
        owner.extra.owns_grad = False
    else:
        owner.write(values[0])


def _ran(call: Call, known: dict[Any, Any]) -> None:
    """Do a call on the host."""
    args, params = substituted(call.args, known), substituted(call.params, known)
    with np.errstate(all="ignore"):
        known[call.result] = run(call.function, args, params, call.item)


def _supported(x: Variable) -> None:
    if x.dtype is not None and (
        x.dtype.kind not in "biufc" or x.dtype.itemsize > _WIDEST[x.dtype.kind]
    ):
        raise TypeError(f"JAX has no arrays of {x.dtype}: convert them, or use executor='numpy'")


def _adopted(array: jax.Array) -> np.ndarray:
    """The memory of an array that nobody else holds, for NumPy to write to."""
    memory: Any = (ctypes.c_char * array.nbytes).from_address(array.unsafe_buffer_pointer())
    memory.owner = array
    return np.frombuffer(memory, array.dtype).reshape(array.shape)
