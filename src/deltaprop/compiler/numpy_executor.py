"""The NumPy executor: a program as a table of rows, and what goes in and out of it.

A call fetches what lies outside, walks the rows, and hands out the results. What the program
changes outside is written by the last rows, which no error and no signal can interrupt: all of it
is written, or nothing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from operator import setitem
from typing import Any, NamedTuple

import numpy as np

from ..graph import shape_of
from ..graph.arrays import ducks_in
from .boundary import Runners, fetches, input_names, results, stores
from .forms import shows
from .memory import Memory, View, part_of
from .passes import dead_code, optimised
from .program import Call, Program, Variable, alias, flops, listed
from .recording import Place, Recorded
from .table import Table
from .tiles import Region, are_shared, regions
from .walkers import PythonWalker

_SMALL = 1 << 14  # bytes of an array that is copied, since that is faster than to point at it


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
    """A program with all that is known before it runs: its memory, rows, and where outputs go.

    Attributes
    ----------
    program : Program
    memory : Memory
    results : list
        Outputs that are the results of the function.
    leaves : list of _Leaf
    homes : dict
        The arrays that the Values hold which the program updates.
    whole : dict
        In a run, the arrays that are pointed at.
    fresh : set of Variable
        Large results.
    table : Table
    ends : tuple
        What is fetched, stored and handed out: see `boundary`.
    """

    def __init__(self, recorded: Recorded) -> None:
        program = recorded.program
        known = {(p.owner, p.name): x for p, x in recorded.reads}
        self.homes: dict[Any, np.ndarray] = {}
        elsewhere: dict[Variable, Any] = {}
        left: list[tuple[Place, Any, Any]] = []
        for place in recorded.left:
            home = before = None
            if place.name == "_held" and shape_of(place.owner):
                home = self.homes[place.owner] = place.owner.expose()
                before = known.get((place.owner, "_held"), Variable(home))
                elsewhere[before] = home
            left.append((place, home, before))
        program = _apart(program, left)
        early = self._lay_out(recorded, program, left, elsewhere)
        if early:
            self._lay_out(recorded, _at_the_end(program, early), left, elsewhere)
        self.table: Table = Table(self.memory, self.program.calls, self.regions, self.shared)
        self.whole: dict[Variable, Any] = {}
        targets = {x: self._target(x) for x in self.program.inputs if elsewhere.get(x) is None}
        fresh = {x for x in ducks_in(self.results) if x in elsewhere}
        self.fresh: set[Variable] = fresh.difference(self.program.inputs)
        self.ends: tuple[Any, ...] = (
            fetches(recorded, targets, self.homes),
            stores(recorded, self._left(), {}, self.table.getter),
            results(recorded, self.results, self._result),
        )
        if not self.leaves:
            self.table.sure = len(self.table.rows)  # whatever comes, nothing changes outside

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
        gradients = [*ducks_in([x.output for x in self.leaves if x.place.name == "_grad"])]
        self.regions: list[Region] = regions(program)
        self.shared: bool = bool(self.regions) and are_shared(self.regions, program)
        self.memory: Memory = Memory(program, elsewhere, homes, self.regions, gradients)
        return self.memory.early(gradients)

    def _late(self, recorded: Recorded, elsewhere: dict[Variable, Any]) -> None:
        """Find the large arrays that are pointed at: arguments, variables and results."""
        inputs = self.program.inputs
        pointed = {*inputs} - {x for place, x in recorded.reads if place.name == "_grad"}
        made = {c.result: c for c in self.program.calls}
        origins = Counter(_origin(x, made) for x in ducks_in(self.program.outputs))
        for x in inputs:
            lies = x.dense or (not x.boxed and _is_reversed(x))
            if x in pointed and x not in elsewhere and x.shape and x.nbytes > _SMALL and lies:
                elsewhere[x] = None
        for y in ducks_in(self.results):
            alone = origins[y] == 1 and y in made and _origin(y, made) is y
            if alone and not y.boxed and y.shape and y.nbytes > _SMALL:
                elsewhere[y] = None

    def _target(self, x: Variable) -> tuple[Any, Any]:
        """Where an input is put."""
        if x.boxed:
            return self.table.boxes, x
        return (self.table.arrays[x], ...) if x in self.table.arrays else (self.whole, x)

    def _result(self, x: Variable) -> tuple[Any, ...]:
        """A function and its arguments, which give a result in memory of its own."""
        get, *args = self.table.getter(x)
        if x.number or x.scalar or x in self.fresh:
            return (get, *args)
        known = self.table.arrays.get(x)
        return (_copied, get, args) if known is None else (np.ndarray.copy, known, "K")

    def _left(self) -> Iterator[tuple[Place, Any]]:
        """What is put outside; there are rows for what is copied to arrays there."""
        for place, y, home, before in self.leaves:
            if home is None:
                yield place, y
            elif not isinstance(y, Variable) or self.memory.at_home.get(y) is not before:
                self.table.row(setitem, home, ..., self.table.array(y))


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


def _apart(program: Program, left: Sequence[tuple[Place, Any, Any]]) -> Program:
    """With copies of outputs that show what an updated variable held before.

    They are made at once, so that its array is free to be written.
    """
    made = {call.result: call for call in program.calls}
    homes = {before for _, _, before in left if before is not None}
    after: dict[Any, list[Call]] = {}
    outputs = [*program.outputs]
    for k, x in enumerate(program.outputs):
        if isinstance(x, Variable) and _origin(x, made) in homes:
            copy = _copy(x)
            after.setdefault(x if x in made else None, []).append(copy)
            outputs[k] = copy.result
    calls = [*after.get(None, [])]
    for call_ in program.calls:
        calls += [call_, *after.get(call_.result, [])]
    return Program(program.inputs, calls, outputs)


def _at_the_end(program: Program, early: Collection[Variable]) -> Program:
    """With copies of some outputs, made after all else."""
    copies = {x: _copy(x) for x in early}
    known = {x: copy.result for x, copy in copies.items()}
    return program.with_calls([*program.calls, *copies.values()], known)


def _copy(x: Variable) -> Call:
    """A call that copies."""
    return Call(alias, (x,), {}, Variable.like(x), reads=(x,))


class Runner:
    """What runs a plan, for variables that hold the arrays that they hold now.

    It keeps no more of the plan than a run needs.
    """

    def __init__(self, plan: Plan) -> None:
        table, views = plan.table, plan.memory.views
        self.walker: Any = walker()(table, *plan.ends)
        self.fetch: Any = self.walker.fetch
        self.walk: Any = self._pointing if table.late else self.walker.walk
        self._whole, self._homes = plan.whole, [*plan.homes.values()]
        self._fresh = {x: views[x] for x in plan.fresh}
        self._late, self._now = [*table.late], table.now

    def _pointing(self) -> Any:
        """Walk, with what is known only in a run."""
        known = self._whole
        for x, given in known.items():
            # the program writes to the memory of an argument, or loops cannot read it
            shared = any(np.may_share_memory(given, home) for home in self._homes)
            if shared or not given.flags.aligned:
                known[x] = given.copy("K")
        known |= {x: _empty(view) for x, view in self._fresh.items()}
        self._now[:] = [part_of(known[view.root], view) for view in self._late]
        known.clear()
        return self.walker.walk()


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
    recorded.program = optimised(recorded.program)
    return Runners(lambda: Runner(Plan(recorded)), recorded.structure).run


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
