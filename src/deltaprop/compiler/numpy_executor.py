"""The NumPy executor: a program as a table of rows, and what goes in and out of it.

A call fetches what lies outside, walks the rows, and hands out the results. What the program
changes outside is written by the last rows, which no error and no signal can interrupt: all of it
is written, or nothing.
"""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import starmap
from operator import attrgetter, call, getitem, is_, setitem
from typing import Any, NamedTuple

import numpy as np

from ..graph import shape_of
from ..tree import LEAF, unflatten
from .forms import shows
from .memory import Memory, View, part_of
from .passes import dead_code, optimised
from .program import Call, Program, Variable, alias, flops, listed, symbols_in
from .recording import Place, Recorded
from .table import Table, fixed
from .tiles import Region, are_shared, regions
from .traced import UnfitError
from .turns import consume, exclusively
from .walkers import PythonWalker

_MANY = 16  # numbers in a row that are fetched, or stored, at once
_SMALL = 1 << 14  # bytes of an array that is copied, since that is faster than to point at it
_held = attrgetter("_held")


def walker() -> Any:
    """The class of the walker: the one in C if it was built, unless the environment says else.

    Raises
    ------
    ValueError
        If DELTAPROP_WALKER is set, but neither "python" nor "c".
    ImportError
        If it is "c", and the walker in C was not built.
    """
    wanted = os.environ.get("DELTAPROP_WALKER")
    if wanted not in (None, "", "c", "python"):
        raise ValueError(f'DELTAPROP_WALKER must be "c" or "python", got {wanted!r}')
    if wanted == "python":
        return PythonWalker
    try:
        from .native import NativeWalker
    except ImportError as error:
        if wanted == "c":
            raise ImportError(
                'DELTAPROP_WALKER is "c", but the walker in C was not built: install deltaprop '
                "again where there is a C compiler"
            ) from error
        return PythonWalker
    return NativeWalker


class _Leaf(NamedTuple):
    """What the program leaves at a place: an output, and the array it goes to, if there is one."""

    place: Place
    output: Any
    home: np.ndarray | None
    before: Variable | None


class Plan:
    """A program with all that is known before it runs: its memory, and where outputs go.

    Attributes
    ----------
    program : Program
    memory : Memory
    results : list
        Outputs that are the results of the function.
    leaves : list of _Leaf
    owners, homes : list
        The Values that the program updates, and the arrays that they hold.
    """

    def __init__(self, recorded: Recorded) -> None:
        program = recorded.program
        count = len(recorded.wrapped)
        known = {(p.owner, p.name): x for p, x in recorded.reads}
        self.owners: list[Any] = []
        self.homes: list[np.ndarray] = []
        elsewhere: dict[Variable, Any] = {}
        left: list[tuple[Place, Any, Any]] = []
        for place in recorded.left:
            home = before = None
            if place.name == "_held" and shape_of(place.owner):
                home = place.owner.expose()
                before = known.get((place.owner, "_held"), Variable(home))
                elsewhere[before] = home
                self.owners.append(place.owner)
                self.homes.append(home)
            left.append((place, home, before))
        program = _apart(program, count, left)
        early = self._lay_out(recorded, program, left, elsewhere)
        if early:
            self._lay_out(recorded, _at_the_end(program, early), left, elsewhere)

    def _lay_out(
        self,
        recorded: Recorded,
        program: Program,
        left: Sequence[tuple[Place, Any, Any]],
        elsewhere: dict[Variable, Any],
    ) -> Collection[Variable]:
        """Plan the memory; return the gradients that would be written while an error may come."""
        count = len(recorded.wrapped)
        self.results: list[Any] = program.outputs[:count]
        outputs = zip(left, program.outputs[count:], strict=True)
        self.leaves: list[_Leaf] = [
            _Leaf(place, y, home, before) for (place, home, before), y in outputs
        ]
        self.program: Program = dead_code(program)
        program = self.program
        self._late(recorded, elsewhere)
        homes: dict[Variable, Variable] = {}
        for leaf in self.leaves:
            if leaf.before is not None and isinstance(leaf.output, Variable):
                homes.setdefault(leaf.output, leaf.before)
        gradients = set(symbols_in([x.output for x in self.leaves if x.place.name == "_grad"]))
        self.regions: list[Region] = regions(program)
        self.shared: bool = bool(self.regions) and are_shared(self.regions, program)
        self.memory: Memory = Memory(program, elsewhere, homes, self.regions, gradients)
        return self.memory.early(gradients)

    def _late(self, recorded: Recorded, elsewhere: dict[Variable, Any]) -> None:
        """Find the large arrays that are pointed at: arguments, variables and results."""
        inputs = self.program.inputs
        pointed = {*inputs} - {x for place, x in recorded.reads if place.name == "_grad"}
        made = {c.result: c for c in self.program.calls}
        origins = Counter(_origin(x, made) for x in symbols_in(self.program.outputs))
        for x in inputs:
            lies = x.dense or (not x.boxed and _is_reversed(x))
            if x in pointed and x not in elsewhere and x.shape and x.nbytes > _SMALL and lies:
                elsewhere[x] = None
        for y in symbols_in(self.results):
            alone = origins[y] == 1 and y in made and _origin(y, made) is y
            if alone and not y.boxed and y.shape and y.nbytes > _SMALL:
                elsewhere[y] = None


def _is_reversed(x: Variable) -> bool:
    """Whether the entries lie in a row, the first axis being the fastest."""
    step = int(x.dtype.itemsize)
    for n, stride in zip(x.shape, x.strides, strict=True):
        if n != 1 and stride != step:
            return False
        step *= n
    return True


def _origin(x: Any, made: dict[Any, Call]) -> Any:
    """The variable whose memory shows `x`, or might."""
    while x in made and shows(made[x]) and isinstance(made[x].args[0], Variable):
        x = made[x].args[0]
    return x


def _apart(program: Program, count: int, left: Sequence[tuple[Place, Any, Any]]) -> Program:
    """With copies of outputs that would be in the memory of something else that leaves.

    What an updated variable held before is copied at once, so that its array is free to be
    written. A gradient must be in memory of its own.
    """
    made = {call.result: call for call in program.calls}
    homes = {before for _, _, before in left if before is not None}
    outputs = [*program.outputs]
    origins = [_origin(x, made) if isinstance(x, Variable) else None for x in outputs]
    uses = Counter(origins[count:])
    after: dict[Any, list[Call]] = {}
    for k, (x, origin) in enumerate(zip(program.outputs, origins, strict=True)):
        if not isinstance(x, Variable) or x.boxed or not x.shape:
            continue
        gradient = k >= count and left[k - count][0].name == "_grad"
        taken = gradient and (uses[origin] > 1 or origin not in made)
        if origin in homes or taken:
            y = Variable.like(x)
            copy = Call(alias, (x,), {}, y, reads=(x,))
            after.setdefault(x if x in made else None, []).append(copy)
            outputs[k] = y
    calls = [*after.get(None, [])]
    for call_ in program.calls:
        calls += [call_, *after.get(call_.result, [])]
    return Program(program.inputs, calls, outputs)


def _at_the_end(program: Program, early: Collection[Variable]) -> Program:
    """With copies of some outputs, made after all else."""
    copies = {x: Variable.like(x) for x in early}
    calls = [Call(alias, (x,), {}, y, reads=(x,)) for x, y in copies.items()]
    outputs = [copies.get(x, x) if isinstance(x, Variable) else x for x in program.outputs]
    return Program(program.inputs, [*program.calls, *calls], outputs)


class Runner:
    """A program laid out in memory, for variables that hold the arrays that they hold now.

    One call at a time: see `Runners`.
    """

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self.plan: Plan = Plan(recorded)
        plan = self.plan
        self.table: Table = Table(plan.memory, plan.program.calls, plan.regions, plan.shared)
        table = self.table
        self._targets: list[Any] = []
        self._keys: list[Any] = []
        self._given: list[int] = []
        self._getters: list[Any] = []
        self._bases: list[tuple[Variable, Callable[..., Any], Any]] = []
        count = len(plan.program.inputs) - len(recorded.reads)
        for i, x in enumerate(plan.program.inputs[:count]):
            self._input(x, i)
        for place, x in recorded.reads:
            self._outside(x, place)
        self._many = self._together()
        given = {*plan.program.inputs}
        fresh = {x for x in symbols_in(plan.results) if x in plan.memory.elsewhere}
        self._fresh = fresh - given  # large results
        self._results = [self._result(x) for x in plan.results]
        stores = self._stores()
        if not plan.leaves:
            table.sure = len(table.rows)  # whatever comes, nothing changes outside
        self._views = [*table.late]
        self._walker = walker()(table, stores)

    def _input(self, x: Variable, i: int) -> None:
        if x.boxed:
            self._targets.append(self.table.boxes.setdefault(x, [None]))
            self._keys.append(0)
            self._given.append(i)
        elif x in self.table.arrays:
            self._targets.append(self.table.arrays[x])
            self._keys.append(...)
            self._given.append(i)
        else:
            self._bases.append((x, getitem, i))

    def _outside(self, x: Variable, place: Place) -> None:
        if self.plan.memory.elsewhere.get(x) is not None:
            return
        if x not in self.table.arrays:
            self._bases.append((x, getattr, place.owner))
            return
        self._targets.append(self.table.arrays[x])
        self._keys.append(...)
        self._getters.append((getattr, place.owner, place.name))

    def _together(self) -> list[tuple[Any, list[Any]]]:
        """Take out of what is fetched the numbers that lie in a row: they are fetched at once."""
        first = len(self._given)
        rows: list[list[int]] = []
        numbers = [i for i in range(first, len(self._targets)) if self._is_number(i)]
        numbers.sort(key=lambda i: self._address(i))
        for i in numbers:
            if rows and self._address(i) == self._address(rows[-1][-1]) + 8:
                rows[-1].append(i)
            else:
                rows.append([i])
        rows = [row for row in rows if len(row) >= _MANY]
        many: list[tuple[Any, list[Any]]] = []
        gone = {i for row in rows for i in row}
        for row in rows:
            cell = self._targets[row[0]]
            whole = np.lib.stride_tricks.as_strided(cell, (len(row),), (8,))
            view: Any = whole
            many.append((memoryview(view), [self._getters[i - first][1] for i in row]))
        keep = [i for i in range(len(self._targets)) if i not in gone]
        self._getters = [x for i, x in enumerate(self._getters, first) if i not in gone]
        self._targets = [self._targets[i] for i in keep]
        self._keys = [self._keys[i] for i in keep]
        return many

    def _is_number(self, i: int) -> bool:
        """Whether the target of a variable's data is a float."""
        array, getter = self._targets[i], self._getters[i - len(self._given)]
        return array.dtype == np.float64 and not array.shape and getter[2] == "_held"

    def _address(self, i: int) -> int:
        return int(self._targets[i].ctypes.data)

    def _result(self, x: Any) -> tuple[Any, ...]:
        """A function and its arguments, which give a result in memory of its own."""
        if not isinstance(x, Variable):
            return (np.ndarray.copy, x) if isinstance(x, np.ndarray) else fixed(x)
        if x in self._fresh:
            self.table.array(x)
            return self.table.getter(x)
        get, *args = self.table.getter(x)
        if x.number or x.scalar:
            return (get, *args)
        known = self.table.arrays.get(x)
        return (_copied, get, args) if known is None else (np.ndarray.copy, known, "K")

    def _stores(self) -> list[tuple[Any, ...]]:
        """What is left outside: copied to arrays there, or put there."""
        stores: list[tuple[Any, ...]] = []
        for place, y, home, before in self.plan.leaves:
            if home is not None:
                if not isinstance(y, Variable) or self.plan.memory.at_home.get(y) is not before:
                    self.table.row(setitem, home, ..., self.table.array(y))
                continue
            value = self.table.getter(y) if isinstance(y, Variable) else fixed(y)
            stores.append((setattr, place.owner, place.name, *value))
        if self.recorded.generators:
            stores.append((setitem, self.recorded.drawn, slice(None), *fixed(())))
        return stores

    def fits(self) -> bool:
        """Return whether the variables still hold these arrays."""
        return all(map(is_, map(_held, self.plan.owners), self.plan.homes))

    def __call__(self, inputs: Sequence[Any]) -> Any:
        plan = self.plan
        leaves = map(inputs.__getitem__, self._given)
        consume(map(setitem, self._targets, self._keys, [*leaves, *starmap(call, self._getters)]))
        for numbers, owners in self._many:
            numbers[:] = array("d", map(_held, owners))
        if self._views:
            known = {x: at._held if get is getattr else inputs[at] for x, get, at in self._bases}
            for x, given in known.items():
                # the program writes to the memory of an argument, or loops cannot read it
                shared = any(np.may_share_memory(given, home) for home in plan.homes)
                if shared or not given.flags.aligned:
                    known[x] = given.copy("K")
            known.update({x: _empty(plan.memory.views[x]) for x in self._fresh})
            self.table.now[:] = [part_of(known[view.root], view) for view in self._views]
        self._walker()
        results = [*starmap(call, self._results)]
        for i, wrap in enumerate(self.recorded.wrapped):
            if wrap is not None:
                results[i] = wrap(results[i])
        structure = self.recorded.structure
        return results[0] if structure is LEAF else unflatten(structure, results)


class Runners:
    """A program that runs, laid out anew for each call that begins before another has ended."""

    def __init__(self, recorded: Recorded) -> None:
        recorded.program = optimised(recorded.program)
        self.recorded = recorded
        self.idle: list[Runner] = [Runner(recorded)]

    def run(self, inputs: Sequence[Any]) -> Any:
        """Give what the function gives."""
        try:
            runner = self.idle.pop()
        except IndexError:
            runner = None
        if runner is None or not runner.fits():
            runner = exclusively(Runner, self.recorded)
        try:
            result = runner(inputs)
        except UnfitError:
            self.idle.append(runner)
            raise
        # after another error, threads may still compute in its memory
        self.idle.append(runner)
        return result


def _copied(get: Any, args: Any) -> Any:
    y = get(*args)
    return y.copy("K") if isinstance(y, np.ndarray) else y


def _empty(view: View) -> np.ndarray:
    """A new array that lies in memory as a result did."""
    root = view.root
    if root.dense:
        return np.empty(view.shape, view.dtype)
    block = np.empty(root.nbytes, np.uint8)
    return np.ndarray(view.shape, view.dtype, block, 0, view.strides)


def executable(recorded: Recorded, *_: Any) -> Callable[[Sequence[Any]], Any]:
    """The program as a function of a sequence of inputs."""
    return Runners(recorded).run


def listing(recorded: Recorded, *_: Any) -> str:
    """The program, for people to read."""
    recorded.program = optimised(recorded.program)
    plan = Plan(recorded)
    memory, calls = plan.memory, plan.program.calls
    total = (
        f"{len(calls)} calls, {sum(map(flops, calls)):,} flops; buffers of {memory.taken:,} B in "
        f"place of {memory.asked:,} B"
    )
    return listed(plan.program, input_names(recorded), memory.offsets, total)


def input_names(recorded: Recorded) -> dict[Variable, str]:
    """What the inputs of a program are called."""
    names = {x: f"input {i}" for i, x in enumerate(recorded.program.inputs)}
    leaves: dict[int, str] = {}
    for place, x in recorded.reads:
        own = place.owner._extra.name if place.owner._extra else None
        names[x] = leaves.setdefault(id(place.owner), own or f"variable {len(leaves)}")
        names[x] += ".grad" if place.name == "_grad" else ""
    return names
