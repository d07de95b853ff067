"""The XLA executor: a program as one function that JAX compiles for its devices.

What is random is drawn on the host, by the generators that NumPy's executor would ask, and so
are the same numbers; checks of data raise before anything outside is written. What the program
leaves in places outside stays on the devices too, and is not sent there again while it is what
these places hold; nor is a variable that is only read, or a read-only argument that comes again
and again. Computed is in the dtypes that were recorded, whatever `jax_enable_x64` says.

Two things NumPy does are dropped: a singular matrix is no error here, but gives inf and NaN;
and on the CPU subnormal numbers count as zero.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, cached_property, partial
from itertools import accumulate, starmap
from operator import attrgetter, is_, setitem
from operator import call as apply
from typing import Any

import jax
import numpy as np

from ..graph import copied
from ..graph.arrays import ducks_in
from ..graph.node import is_mutable
from ..tree import Structure
from .boundary import Boundary, Runners, fetches, input_names, results, stores
from .lanes import Vector, lanes
from .lowering import Lowered, Lowering, lowered
from .passes import PASSES, moves_little
from .program import Call, Program, Variable, flops, is_draw, listed, substituted
from .recording import Place, Recorded
from .sharding import Layout
from .table import Made
from .turns import consume
from .walkers import QUIET

_LARGE = 1 << 16  # of more bytes a copy takes longer than to do without
_WIDE = 8  # operations in a step of lanes, on average
_is_exposed = attrgetter("_extra.exposed")
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
        self.made: dict[Variable, Call] = {call.result: call for call in program.calls}
        effects = [call for call in program.calls if call.effect]
        draws = {call.result for call in effects if is_draw(call)}
        early: set[Variable] = set()
        self.after: list[Any] = []
        for call in effects:
            if call.result in draws or self._light(call, draws | early, places):
                early |= self._behind(call.reads, early) | {call.result}
            else:
                self.after.append(call)
        self.before: list[Call] = [call for call in program.calls if call.result in early]
        known = {*program.inputs, *draws}
        wanted = [*ducks_in(program.outputs), *[x for c in self.after for x in c.reads]]
        self.wanted: list[Any] = [x for x in dict.fromkeys(wanted) if x not in known]
        needed = self._behind(self.wanted, known)
        self.inside: list[Call] = [call for call in program.calls if call.result in needed]
        reads = dict.fromkeys(x for call in self.inside for x in call.reads)
        self.given: list[Variable] = [x for x in reads if x in known]

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

    name = "xla"

    def __init__(self, shard: Mapping[str, int]) -> None:
        self.layout: Layout = Layout(shard)
        self.held: dict[Any, tuple[Any, Any]] = {}
        self.options: dict[str, Any] = {}

    @cached_property
    def shared(self) -> bool:
        return jax.default_backend() == "cpu"

    def executable(
        self, recorded: Recorded, function: Any, structure: Structure, leaves: Sequence[Any]
    ) -> Callable[[Sequence[Any]], Any]:
        """The program as a function of a sequence of inputs."""
        recorded.program = _optimised(recorded.program)
        _verify_process()
        replay = _Replay(recorded, self, self.layout.axes(function, structure, leaves))
        return Runners(partial(Host, replay), recorded.structure).run

    def listing(self, recorded: Recorded, *_: Any) -> str:
        """The program, for people to read."""
        recorded.program = program = _optimised(recorded.program)
        inside = Split(program, {x for _, x in recorded.reads}).inside
        total = f"{len(inside)} calls, {sum(map(flops, inside)):,} flops, compiled by XLA"
        return listed(program, input_names(recorded), {}, f"{total} {self.layout}")

    def walker(self) -> Xla:
        """This: XLA runs the programs."""
        return self


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


@cache
def _process() -> int:
    """The process in which JAX began to compute."""
    return os.getpid()


def _verify_process() -> None:
    """Raise an error in a process that was forked since then: JAX has no threads there."""
    if _process() != os.getpid():
        raise RuntimeError(
            "JAX cannot compute in this process, which was forked after JAX began to: start it "
            "anew, as multiprocessing does after set_start_method('spawn'), or compile with "
            "executor='numpy'"
        )


class _Replay:
    """A program that JAX compiles, between the places it reads and those it writes.

    Small arrays of a dtype travel as one: to send or to receive an array takes longer than
    most of what is done with a small one.

    Attributes
    ----------
    variables : dict
        The Values that variables are the data of.
    made : set of Variable
        What the devices compute.
    given, wanted : list of list of Variable
        What is sent to the devices, and what comes from there: an array each.
    state : list of list of Variable
        The first of those given: what as many of those wanted take the place of, outside.
    names : list of tuple
        What arrays that are given are called in `Xla.held`.
    alone : set of Variable
        Results that come by themselves, and that nobody else holds.
    """

    def __init__(self, recorded: Recorded, executor: Xla, axes: Sequence[int | None]) -> None:
        self.recorded, self.executor, self.layout = recorded, executor, executor.layout
        rows = recorded.reads
        self.keys = {x: _key(place) for place, x in rows}
        self.variables = {x: place.owner for place, x in rows if place.name == "_held"}
        self.split = split = Split(recorded.program, set(self.keys))
        for x in (*split.given, *[call.result for call in split.inside]):
            _supported(x)
        self.made = set(split.wanted)
        outputs, count = recorded.program.outputs, len(recorded.wrapped)
        left = dict(zip(map(_key, recorded.left), outputs[count:], strict=True))
        new = self._successors(left)
        self.state = _together(new)
        self.given = [*self.state, *[[x] for x in split.given if x not in new]]
        self.wanted = [[new[x] for x in xs] for xs in self.state]
        rest = self.made.difference(new.values())
        self.wanted += _together(x for x in split.wanted if x in rest)
        uses = Counter(ducks_in([*outputs, *left.values()]))  # twice what is left
        self.alone = {xs[0] for xs in self.wanted if len(xs) == 1 and uses[xs[0]] == 1}
        alone = (None, None, np.asarray)
        self.parts = [
            [alone] if len(xs) == 1 and xs[0].shape else [*map(_part, xs, _ends(xs))]
            for xs in self.wanted
        ]
        self.fetch: list[Callable[..., Any]] = [*map(self._fetch, self.wanted), np.asarray]
        self.names = [tuple([self.keys.get(x, x) for x in xs]) for xs in self.given]
        args = [x for call in split.inside for x in call.args]
        # arrays of numbers that are part of the program; XLA need not know which
        self.constants = {id(x): x for x in args if type(x) is np.ndarray and x.dtype.kind in "fc"}
        self.messages: list[str] = []
        at = dict(zip(recorded.program.inputs, axes, strict=False))
        self.shardings = [self.layout.sharding(at.get(xs[0])) for xs in self.given]
        everywhere = self.layout.sharding(None)
        self.sent = [self.layout.placed(x, everywhere) for x in self.constants.values()]
        self.jitted = jax.jit(
            self.compute,
            donate_argnums=() if executor.shared else range(len(self.state)),
            **executor.options,
            **self.layout.options([*self.shardings, *[everywhere] * len(self.sent)]),
        )
        self.compiled: Any = None
        self.senders = [(self._sender(i), xs) for i, xs in enumerate(self.given)]

    def _successors(self, left: Mapping[Any, Any]) -> dict[Variable, Variable]:
        """What is computed to take the place outside of what was given."""
        found: dict[Variable, Variable] = {}
        for x in self.split.given:
            y: Any = left.get(self.keys[x]) if x in self.keys else None
            if self.is_made(y) and (x.shape, x.dtype) == (y.shape, y.dtype):
                found.setdefault(y, x)  # once: what two places hold is not donated twice
        return {x: y for y, x in found.items()}

    def is_made(self, x: Any) -> bool:
        """Whether an output is what the devices compute."""
        return isinstance(x, Variable) and x in self.made

    def _fetch(self, xs: Sequence[Variable]) -> Callable[..., Any]:
        """What makes an array of the devices one of NumPy's."""
        shared, alone = self.executor.shared, xs[0] in self.alone
        if shared and alone and self.layout.mesh is None and xs[0].nbytes > _LARGE:
            return lambda array: np.asarray(_Adopted(array))
        return np.asarray if shared and not alone else np.array

    def compute(self, *arrays: Any) -> list[Any]:
        """The program in JAX's terms: what is wanted of it, and where data were wrong."""
        known: dict[Any, Any] = {}
        for xs, array in zip(self.given, arrays, strict=False):
            for x, end in zip(xs, _ends(xs), strict=True):
                part = array if len(xs) == 1 else array[end - x.size : end].reshape(x.shape)
                known[x] = Lowered(part, x.number)
        rest = map(Lowered, arrays[len(self.given) :])
        constants = dict(zip(self.constants, rest, strict=True))
        mode = Lowering()
        with mode, jax.default_matmul_precision("highest"):
            for call in self.split.inside:
                args = tuple([constants.get(id(x), x) for x in call.args])
                args, params = substituted(args, known), substituted(call.params, known)
                known[call.result] = lowered(call, args, params)
        self.messages = [text for text, _ in mode.faults]
        faults = [jax.numpy.stack([fault for _, fault in mode.faults])] if mode.faults else []
        wanted = [_packed(xs, [known[x].array for x in xs], jax.numpy) for xs in self.wanted]
        return wanted + faults

    def _sender(self, i: int) -> Callable[..., Any]:
        """What gives an array on the devices, and sends it if it is no longer there."""
        xs, name, sharding = self.given[i], self.names[i], self.shardings[i]
        is_state, owner = i < len(self.state), self.variables.get(xs[0])
        held: dict[Any, Any] = self.executor.held if xs[0] in self.keys else {}
        found = held.pop if is_state and not self.executor.shared else held.get

        def sent(data: list[Any]) -> Any:
            before, array = found(name, _NOTHING)
            again = all(map(is_, before, data))
            if array is None or not again:
                array = _packed(xs, data, np)
                # to what a variable holds, and nobody has seen, nobody writes
                unseen = owner is not None and not owner.extra.exposed
                fixed = not is_state and (unseen or all(map(_is_fixed, data)))
                again = again and fixed  # and stays there
                if again or sharding is not None:
                    array = self.layout.placed(array, sharding)
                if fixed:
                    held[name] = data, array if again else None
            return array

        return sent

    def computed(self, *sent: Any) -> Any:
        """What the devices compute: there, and on the host."""
        try:
            if self.compiled and np.ndarray not in map(type, sent):
                arrays = self.compiled(*sent, *self.sent)
            else:
                with jax.enable_x64(True):
                    if not self.compiled:
                        self.compiled = self.jitted.lower(*sent, *self.sent).compile()
                    arrays = self.compiled(*sent, *self.sent)
            data = [fetch(array) for fetch, array in zip(self.fetch, arrays, strict=False)]
        except jax.errors.JaxRuntimeError as error:
            raise self.layout.explained(error) from error
        if self.messages:
            for text, fault in zip(self.messages, data.pop(), strict=True):
                if fault:
                    raise IndexError(text)
        return arrays, data


class Host(Boundary):
    """What the host does for a program, for variables that are exposed as they are now."""

    def __init__(self, replay: _Replay) -> None:
        self.replay, recorded = replay, replay.recorded
        self._boxes: dict[Any, Any] = {}
        self._before = [*map(self._made, replay.split.before)]
        self._after = [*map(self._made, replay.split.after)]
        outputs, left, count = [*recorded.program.outputs], recorded.left, len(recorded.wrapped)
        for i, x in enumerate(outputs):
            free = replay.is_made(x) and (i >= count or not x.shape or x in replay.alone)
            if isinstance(x, Variable) and not free:  # others may write to it
                outputs[i] = y = Variable.like(x)
                self._after.append(self._made(Call(copied, (x,), {}, y, reads=(x,))))
        targets = {x: (self._boxes, x) for x in recorded.program.inputs}
        owners = [place.owner for place in left if place.name == "_held"]
        # what a user may hold is written where it lies
        homes = {x: x._held for x in owners if _is_exposed(x)}
        self._hidden = [x for x in owners if x not in homes]
        changed = zip(left, outputs[count:], strict=True)
        self._state = [*zip(replay.names, replay.wanted, strict=False)][: len(replay.state)]
        held = [(setitem, replay.executor.held, x, *self._getter(x)) for x, _ in self._state]
        super().__init__(
            fetches(recorded, targets, homes),
            [*stores(recorded, changed, homes, self._getter), *held],
            results(recorded, outputs, self._getter),
        )

    def _made(self, call: Call) -> tuple[Made]:
        """A row that the host does by itself."""
        return (Made(call, {x: self._getter(x) for x in call.reads}, self._boxes),)

    def _getter(self, x: Any) -> tuple[Any, ...]:
        return dict.__getitem__, self._boxes, x

    def fetch(self, inputs: Sequence[Any]) -> bool:
        """Fetch what the program reads, if what a user may hold of the variables is the same."""
        return not any(map(_is_exposed, self._hidden)) and super().fetch(inputs)

    def walk(self) -> list[Any]:
        """Compute, store what is left outside, and give the results."""
        _verify_process()
        if self._before:
            QUIET.copy().run(consume, starmap(apply, self._before))
        replay, boxes = self.replay, self._boxes
        get = boxes.__getitem__
        arrays, data = replay.computed(*[send([*map(get, xs)]) for send, xs in replay.senders])
        for xs, parts, array in zip(replay.wanted, replay.parts, data, strict=True):
            for x, (at, shape, take) in zip(xs, parts, strict=True):
                boxes[x] = take(array, at) if take else array[at].reshape(shape)
        for (name, xs), array in zip(self._state, arrays, strict=False):
            boxes[name] = tuple(map(get, xs)), array
        if self._after:
            QUIET.copy().run(consume, starmap(apply, self._after))
        consume(self.stored())
        found = self.handed_out()
        boxes.clear()
        return found


def _part(x: Variable, end: int) -> tuple[Any, Any, Any]:
    """Where it lies in an array that it shares: with its shape, or a function that takes it out."""
    if x.shape:
        return slice(end - x.size, end), x.shape, None
    return end - 1, (), np.ndarray.item if x.number else np.ndarray.take


def _together(xs: Iterable[Variable]) -> list[list[Variable]]:
    """Variables that travel in one array: the small ones of a dtype."""
    groups: dict[Any, list[Variable]] = defaultdict(list)
    for x in xs:
        groups[x.dtype if x.nbytes <= _LARGE else x].append(x)
    return list(groups.values())


def _ends(xs: Iterable[Variable]) -> Iterable[int]:
    """Where each ends in the array of all."""
    return accumulate(x.size for x in xs)


def _packed(xs: Sequence[Variable], arrays: Sequence[Any], space: Any) -> Any:
    """All of these in one array of NumPy's or JAX's."""
    if len(xs) == 1:
        return space.asarray(arrays[0], xs[0].dtype)
    return space.concatenate(arrays, axis=None, dtype=xs[0].dtype)


def _key(place: Place) -> tuple[int, str]:
    """What a place is called in `Xla.held`."""
    return id(place.owner), place.name


def _is_fixed(data: Any) -> bool:
    """Whether what was sent is right for as long as it is this object."""
    return not isinstance(data, np.ndarray) or not is_mutable(data)


def _supported(x: Variable) -> None:
    if x.dtype is not None and (
        x.dtype.kind not in "biufc" or x.dtype.itemsize > _WIDEST[x.dtype.kind]
    ):
        raise TypeError(f"JAX has no arrays of {x.dtype}: convert them, or use executor='numpy'")


class _Adopted:
    """The memory of an array that nobody else holds, for NumPy to write to."""

    def __init__(self, array: jax.Array) -> None:
        self.array = array.block_until_ready()
        self.__array_interface__ = {
            "data": (array.unsafe_buffer_pointer(), False),
            "shape": array.shape,
            "typestr": array.dtype.str,
            "version": 3,
        }
