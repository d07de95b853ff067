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
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, repeat
from operator import is_
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
_NOTHING = ((object(),), None)
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


class _Parcel:
    """Variables that travel in one array: a large one, or the small ones of a dtype and kind.

    To send and to receive an array takes longer than most of what is done with a small one.
    """

    def __init__(self, xs: Sequence[Variable]) -> None:
        self.xs = xs
        ends = [*accumulate(x.size for x in xs)]
        self.parts = [(slice(end - x.size, end), x.shape) for x, end in zip(xs, ends, strict=True)]
        self.keys: tuple[Any, ...] = ()
        self.state = False

    def packed(self, arrays: Sequence[Any], concatenate: Callable[..., Any]) -> Any:
        """All of these in one array."""
        if len(arrays) == 1:
            return arrays[0]
        return concatenate(arrays, axis=None, dtype=self.xs[0].dtype)

    def unpacked(self, array: Any) -> list[Any]:
        """What is in such an array."""
        if len(self.xs) == 1:
            return [array]
        return [array[where].reshape(shape) for where, shape in self.parts]


def _parcels(xs: Iterable[Variable], kind: Callable[[Variable], Any]) -> list[_Parcel]:
    groups: dict[Any, list[Variable]] = defaultdict(list)
    for x in xs:
        small = x.dtype is not None and x.nbytes <= _LARGE
        groups[(x.dtype, kind(x)) if small else x].append(x)
    return [_Parcel(group) for group in groups.values()]


class _Replay:
    """A program that JAX compiles, between the places it reads and those it writes."""

    def __init__(self, recorded: Recorded, executor: Xla, axes: Sequence[int | None]) -> None:
        self.recorded = recorded
        self.executor = executor
        self.layout = layout = executor.layout
        self.program = program = recorded.program
        rows = recorded.reads
        self.keys = {x: key for row in rows for x, key in zip(row[2], _keys(*row), strict=True)}
        # the same as `Xla.held`, for arguments
        self.last: dict[Any, tuple[Any, Any]] = {}
        self.split = Split(program, set(self.keys))
        for x in (*self.split.given, *[call.result for call in self.split.inside]):
            _supported(x)
        self.made = set(self.split.wanted)
        successors = self._successors()
        at = dict(zip(program.inputs, axes, strict=False))
        self.given = _parcels(
            self.split.given,
            lambda x: (x in self.keys, x in successors, None if at.get(x) is None else x),
        )
        for parcel in self.given:
            parcel.keys = tuple([self.keys[x] for x in parcel.xs if x in self.keys])
            parcel.state = parcel.xs[0] in successors
        self.state = [parcel for parcel in self.given if parcel.state]
        self.wanted = [_Parcel([successors[x] for x in parcel.xs]) for parcel in self.state]
        rest = self.made.difference(successors.values())
        self.wanted += _parcels([x for x in self.split.wanted if x in rest], lambda _: None)
        self.alone = self._alone()
        self.free = [*map(self._free, program.outputs, recorded.wrapped)]
        self.constants = self._constants()
        self.messages: list[str] = []
        self.shardings = [layout.sharding(at.get(parcel.xs[0])) for parcel in self.given]
        everywhere = layout.sharding(None)
        self.compiled = jax.jit(
            self.compute,
            donate_argnums=[
                i for i, x in enumerate(self.given) if x.state and not executor.shared
            ],
            **executor.options,
            **layout.options([*self.shardings, *[everywhere] * len(self.constants)]),
        )
        with jax.enable_x64(True):
            self.sent = [layout.placed(x, everywhere) for x in self.constants.values()]

    def _constants(self) -> dict[int, Any]:
        """Arrays of numbers that are part of the program; XLA need not know which."""
        args = [x for call in self.split.inside for x in call.args]
        return {id(x): x for x in args if type(x) is np.ndarray and x.dtype.kind in "fc"}

    def _successors(self) -> dict[Variable, Variable]:
        """What is computed to take the place outside of what was given."""
        rows = self.recorded.writes
        new = {key: y for row in rows for key, y in zip(_keys(*row), row[2], strict=True)}
        found: dict[Variable, Variable] = {}
        for x in self.split.given:
            y: Any = new.get(self.keys.get(x))
            if self._made(y) and (x.shape, x.dtype) == (y.shape, y.dtype):
                found.setdefault(y, x)  # once: what two places hold is not donated twice
        return {x: y for y, x in found.items()}

    def _alone(self) -> set[Variable]:
        """Results that nobody else holds, and that it takes long to copy."""
        if not self.executor.shared or self.layout.mesh is not None:
            return set()
        uses = Counter(symbols_in(self.program.outputs))
        return {x for x in self.made if uses[x] == 1 and x.nbytes > _LARGE}

    def _free(self, x: Any, wrapped: bool) -> bool:
        """Whether a result need not be copied, when it leaves."""
        whole = wrapped and any(len(p.xs) == 1 and p.xs[0] is x for p in self.wanted)
        return self._made(x) and (not x.shape or x in self.alone or whole)

    def compute(self, *arrays: Any) -> list[Any]:
        """The program in JAX's terms: what is wanted of it, and where data were wrong."""
        count = len(self.given)
        known: dict[Any, Any] = {}
        for parcel, array in zip(self.given, arrays[:count], strict=True):
            for x, part in zip(parcel.xs, parcel.unpacked(array), strict=True):
                known[x] = Lowered(jax.numpy.asarray(part, x.dtype), x.number)
        constants = dict(zip(self.constants, map(Lowered, arrays[count:]), strict=True))
        mode = Lowering()
        with mode, jax.default_matmul_precision("highest"):
            for call in self.split.inside:
                args = tuple([constants.get(id(x), x) for x in call.args])
                args, params = substituted(args, known), substituted(call.params, known)
                known[call.result] = lowered(call, args, params)
        self.messages = [text for text, _ in mode.faults]
        faults = [jax.numpy.stack([fault for _, fault in mode.faults])] if mode.faults else []
        concatenate = jax.numpy.concatenate
        wanted = [p.packed([known[x].array for x in p.xs], concatenate) for p in self.wanted]
        return wanted + faults

    def run(self, inputs: Sequence[Any]) -> Any:
        """Do the recorded call again."""
        known = dict(zip(self.program.inputs, [*inputs, *self._read()], strict=True))
        for call in self.split.before:
            _ran(call, known)
        arrays = self._computed(known)
        for call in self.split.after:
            _ran(call, known)
        results = self._results(known)
        self._write(known, arrays)
        return results

    def _read(self) -> list[Any]:
        """What is in the places outside."""
        found: list[Any] = []
        for place, structure, _ in self.recorded.reads:
            found += [place.get()] if structure is LEAF else flatten(place.get())[0]
        return found

    def _computed(self, known: dict[Any, Any]) -> Any:
        """What the devices compute, there; it is added to what is `known` on the host."""
        shared = self.executor.shared
        with jax.enable_x64(True):
            sent = [*map(self._placed, self.given, self.shardings, repeat(known)), *self.sent]
            try:
                arrays = self.compiled(*sent)
                for parcel, array in zip(self.wanted, arrays, strict=False):
                    if parcel.xs[0] in self.alone:
                        data = _adopted(array)
                    else:
                        data = np.asarray(array) if shared else np.array(array)
                    for x, part in zip(parcel.xs, parcel.unpacked(data), strict=True):
                        known[x] = part if x.shape else part.item() if x.number else part[()]
                faults = np.asarray(arrays[-1]) if self.messages else ()
            except jax.errors.JaxRuntimeError as error:
                raise self.layout.explained(error) from error
        for text, fault in zip(self.messages, faults, strict=True):
            if fault:
                raise IndexError(text)
        return arrays

    def _placed(self, parcel: _Parcel, sharding: Any, known: dict[Any, Any]) -> Any:
        """What is known of a parcel, on the devices; it is sent there if it is no longer there."""
        held = self.executor.held if parcel.keys else self.last
        data = [known[x] for x in parcel.xs]
        found = held.pop if parcel.state and not self.executor.shared else held.get
        before, array = found(parcel.keys or parcel, _NOTHING)
        again = all(map(is_, before, data))
        if array is None or not again:
            array = self.layout.placed(parcel.packed(data, np.concatenate), sharding)
            if not parcel.state and all(map(_is_fixed, data)):  # what comes again stays there
                array = jax.device_put(array) if again and sharding is None else array
                held[parcel.keys or parcel] = data, array if again else None
        return array

    def _results(self, known: dict[Any, Any]) -> Any:
        """What the function returns, in memory that nobody else writes to."""
        results = []
        for x, wrapped, free in zip(self.program.outputs, self.recorded.wrapped, self.free):
            data = known[x] if free else _copied(x, known)
            results.append(Value.leaf(data, constant=True) if wrapped else data)
        return unflatten(self.recorded.structure, results)

    def _write(self, known: dict[Any, Any], arrays: Sequence[Any]) -> None:
        """Leave outside what the function leaves there."""
        left = [
            [known[x] if self._made(x) else _copied(x, known) for x in xs]
            for _, _, xs in self.recorded.writes
        ]
        for parcel, wanted, array in zip(self.state, self.wanted, arrays, strict=False):
            self.executor.held[parcel.keys] = [known[x] for x in wanted.xs], array
        for (place, structure, _), values in zip(self.recorded.writes, left, strict=True):
            _put(place, structure, values)

    def _made(self, x: Any) -> bool:
        """Whether an output is what the devices compute."""
        return isinstance(x, Variable) and x in self.made


def _keys(place: Place, _: Structure, xs: Sequence[Any]) -> list[Any]:
    """What the entries of a place are called in `Xla.held`."""
    return [(id(place.owner), place.name, i) for i in range(len(xs))]


def _put(place: Place, structure: Structure, values: Sequence[Any]) -> None:
    owner = place.owner
    if not isinstance(owner, Node):
        place.set(unflatten(structure, values))
    elif place.name == "_grad":
        owner._grad = values[0] if values else None
        owner.extra.owns_grad = False
    else:
        owner.write(values[0])


def _ran(call: Call, known: dict[Any, Any]) -> None:
    """Do a call on the host."""
    args, params = substituted(call.args, known), substituted(call.params, known)
    with np.errstate(all="ignore"):
        known[call.result] = run(call.function, args, params, call.item)


def _copied(x: Any, known: dict[Any, Any]) -> Any:
    """What an output is, in memory that nobody else holds."""
    data = known[x] if isinstance(x, Variable) else x
    return data.copy() if isinstance(data, np.ndarray) else data


def _is_fixed(data: Any) -> bool:
    """Whether what was sent is right for as long as it is this object."""
    return not isinstance(data, np.ndarray) or not is_mutable(data)


def _supported(x: Variable) -> None:
    if x.dtype is not None and (
        x.dtype.kind not in "biufc" or x.dtype.itemsize > _WIDEST[x.dtype.kind]
    ):
        raise TypeError(f"JAX has no arrays of {x.dtype}: convert them, or use executor='numpy'")


def _adopted(array: jax.Array) -> np.ndarray:
    """The memory of an array that nobody else holds, for NumPy to write to."""
    pointer = array.block_until_ready().unsafe_buffer_pointer()
    memory: Any = (ctypes.c_char * array.nbytes).from_address(pointer)
    memory.owner = array
    return np.frombuffer(memory, array.dtype).reshape(array.shape)
