"""Memory: which variables keep their numbers in buffers that serve in every run.

A variable owns its memory, or may share that of the arguments it was made of. Memory
is free again when the last call that reads any of its variables is done; other results
go there. What was packed into one array is computed there at once.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from .program import Call, Program, Variable, holds_array, pack, part, run, symbols_in
from .tiles import Region

_ALIGNMENT = 64


class Abilities(NamedTuple):
    """What an executor can do: of a call, whether

    - fill: it can write its result to an array that it is given
    - overwrite: that may be the memory of an argument of the same shape
    - view: it gives nothing but a view of its first argument
    - succeed: it raises no error, whatever its arguments hold
    """

    fill: Callable[[Call], bool]
    overwrite: Callable[[Call], bool]
    view: Callable[[Call], bool]
    succeed: Callable[[Call], bool]


@dataclass(slots=True, eq=False)
class _Slot:
    """A piece of memory, from the call that first writes to it to the last that reads it.

    `members` are the variables in it, and where each begins; `offset` is where it begins.
    """

    nbytes: int
    first: int
    last: int
    members: list[tuple[Variable, int]]
    packed: bool = False
    offset: int = 0


class Memory:
    """A plan: where results go.

    Parameters
    ----------
    program : Program
    can : Abilities
        What the executor can do.
    outside : collection of Variable
        What must not be in a buffer: it leaves the program.
    homes : mapping
        From what places outside hold in the end to what they held before, where that stays
        in a buffer of the program.
    regions : sequence of Region
        Calls that are done tile by tile, all of them for one before the next: what is inside
        needs no buffer, and nothing else may take the place of what another tile needs.
    kept : collection of Variable
        What places outside hold until the next run. In that, its memory serves others before
        it is computed, but not as long as the run may end in an error.

    Attributes
    ----------
    buffers : dict
        From variables to arrays that are there before the program runs.
    views : list of Call
        Those that are done by the plan: they only show what is in a buffer.
    offsets : dict
        From variables to where their buffers begin.
    asked, taken : int
        Bytes that all results in buffers would take without reuse, and that they take.
    """

    def __init__(
        self,
        program: Program,
        can: Abilities,
        outside: Collection[Variable] = (),
        homes: Mapping[Variable, Variable] | None = None,
        regions: Sequence[Region] = (),
        kept: Collection[Variable] = (),
    ) -> None:
        self.can = can
        self.homes: dict[Variable, Variable] = dict(homes or {})
        self.buffers: dict[Variable, np.ndarray] = {}
        self.views: list[Call] = []
        self.filled: set[Variable] = {call.result for call in program.calls if can.fill(call)}
        self.owners: dict[Variable, frozenset[Variable]] = _owners(program, self.filled)
        self.last_use: dict[Variable, int] = _last_use(program, self.owners)
        self._slots: dict[Variable, _Slot] = {}
        self._unsure = len(program.calls) - 1  # the last call that may raise an error
        while self._unsure >= 0 and can.succeed(program.calls[self._unsure]):
            self._unsure -= 1
        self._calls = program.calls
        self._tiles(regions)
        self._arena(program)
        self._packs(program, outside)
        inside = {x for region in regions for x in region.inside}
        for i, call in enumerate(program.calls):
            if call.result not in inside:
                self._place(call, i, outside)
        self._lay_out({y for x in kept for y in self.owners[x]})
        for call in program.calls:
            self._show(call)

    def _tiles(self, regions: Sequence[Region]) -> None:
        """Where what is done with each call begins, and where it stops."""
        first = {region.calls[0]: len(region.calls) for region in regions}
        self._start: dict[int, int] = {}
        self._stop: dict[int, int] = {}
        for i, call in enumerate(self._calls if first else ()):
            for k in range(i, i + first.get(call, 0)):
                self._start[k], self._stop[k] = i, i + first[call] - 1

    def _arena(self, program: Program) -> None:
        """Lay out what is at home one after the other, what is packed together without gaps."""
        inside = set(self.homes.values())
        packs = [c for c in program.calls if c.function is pack and inside.issuperset(c.args)]
        at_home: dict[Variable, int] = {}
        size = 0
        for group in [*[call.args for call in packs], *[(x,) for x in self.homes.values()]]:
            size += -size % _ALIGNMENT
            for x in group:
                if x not in at_home:
                    at_home[x] = size
                    size += x.nbytes
        self.at_home = at_home
        self.arena: np.ndarray = allocated(size)
        for x, at in at_home.items():
            self.buffers[x] = shaped(self.arena, at, x)

    def _packs(self, program: Program, outside: Collection[Variable]) -> None:
        """One slot for all that is packed, if all of it is computed into buffers."""
        filled = self.filled.difference(outside)
        parts: dict[Variable, list[Variable]] = {}
        for call in program.calls:
            xs, y = call.args, call.result
            if call.function is part:
                parts.setdefault(xs[0], []).append(y)
            if call.function is not pack or not filled.issuperset(xs):
                continue
            if not self._slots.keys().isdisjoint(xs):
                continue
            last = max([self.last_use.get(x, -1) for x in (y, *xs)])
            slot = _Slot(y.nbytes, last, last, [(y, 0)], packed=True)
            start = 0
            for x in xs:
                slot.members.append((x, start))
                start += x.nbytes
            self._slots.update(dict.fromkeys((y, *xs), slot))
            self.views.append(call)
        before = {c.args: c.result for c in program.calls if c.function is pack}
        for y, members in parts.items():
            held = tuple([self.homes.get(x) for x in members])
            if held in before:
                self.homes[y] = before[held]

    def _place(self, call: Call, i: int, outside: Collection[Variable]) -> None:
        y = call.result
        if y in self._slots:
            self._slots[y].first = min(self._slots[y].first, i)
        elif call.function is pack and self._in_a_row(call.args):
            start = self.at_home[call.args[0]]
            self.buffers[y] = shaped(self.arena, start, y)
            self.at_home[y] = start
            self.views.append(call)
        elif y in self.filled and y not in outside:
            before = self.homes.get(y)
            if before is not None and self._outlived(call, i, before):
                self.buffers[y] = self.buffers[before]
                return
            slot = self._reused(call, i) if self.can.overwrite(call) else None
            if slot is None:
                slot = _Slot(y.nbytes, i, i, [])
            slot.last = self.last_use.get(y, i)
            slot.members.append((y, 0))
            self._slots[y] = slot

    def _in_a_row(self, xs: tuple[Variable, ...]) -> bool:
        """Whether all are at home, one right after the other."""
        at = [self.at_home.get(x, -1) for x in xs]
        ends = [start + x.nbytes for start, x in zip(at, xs, strict=True)]
        return min(at) >= 0 and at[1:] == ends[:-1]

    def _outlived(self, call: Call, i: int, before: Variable) -> bool:
        """Whether a result can take the place of what was there before, which no error needs."""
        y, mine = call.result, self.owners[before]
        last = max([self.last_use.get(x, -1) for x in mine])
        if (y.shape, y.dtype) != (before.shape, before.dtype) or max(last, self._unsure) > i:
            return False
        direct = all(x is before for x in call.reads if not mine.isdisjoint(self.owners[x]))
        return last < i or (self.can.overwrite(call) and direct)

    def _reused(self, call: Call, i: int) -> _Slot | None:
        """The memory of an argument that is not read again; of one of any call on these tiles."""
        y, start = call.result, self._start.get(i, i)
        reads = [x for c in self._calls[start : i + 1] for x in c.reads]
        for owner in reads:
            slot = self._slots.get(owner)
            if slot is None or slot.packed or not start <= slot.last <= i:
                continue
            if all(
                x is owner and (x.shape, x.dtype, x.strides) == (y.shape, y.dtype, y.strides)
                for x in reads
                if owner in self.owners[x]
            ):
                return slot
        return None

    def _lay_out(self, kept: Collection[Variable]) -> None:
        """Give the slots their places in one array: the last ones first, each where it first fits.

        So what is kept comes before all else. What is there as long as an error may come must
        not be where it is.
        """
        slots = dict.fromkeys(self._slots.values())
        for slot in slots if self._start else ():
            slot.first = self._start.get(slot.first, slot.first)
            slot.last = self._stop.get(slot.last, slot.last)
        busy: list[tuple[int, int]] = []
        always: list[tuple[int, int]] = []
        ends: list[tuple[int, tuple[int, int]]] = []
        for slot in sorted(slots, key=lambda slot: (-slot.last, -slot.nbytes)):
            while ends and -ends[0][0] > slot.last:
                busy.remove(heappop(ends)[1])
            taken = busy if slot.first > self._unsure else sorted({*busy, *always})
            for start, stop in taken:
                if start - slot.offset >= slot.nbytes:
                    break
                slot.offset = max(slot.offset, stop)
            mine = slot.offset, slot.offset + slot.nbytes + -slot.nbytes % _ALIGNMENT
            insort(busy, mine)
            heappush(ends, (-slot.first, mine))
            if any(x in kept for x, _ in slot.members):
                always.append(mine)
        self.asked: int = sum(
            [x.nbytes for slot in slots for x, _ in slot.members if not slot.packed]
        )
        self.taken: int = max([slot.offset + slot.nbytes for slot in slots], default=0)
        block = allocated(self.taken)
        self.offsets: dict[Variable, int] = {}
        for slot in slots:
            for x, start in slot.members:
                at = self.offsets[x] = slot.offset + start
                self.buffers[x] = shaped(block, at, x)

    def _show(self, call: Call) -> None:
        """Do what only shows what is in a buffer."""
        y = call.result
        alone = len(call.reads) == 1 and any(x is call.reads[0] for x in call.args[:1])
        if y not in self.buffers and self.can.view(call) and alone:
            base = self.buffers.get(call.args[0])
            if base is None:
                return
            view = run(call.function, (base, *call.args[1:]), call.params, False)
            if np.may_share_memory(view, base):
                self.buffers[y] = view
                self.views.append(call)

    def forget(self) -> None:
        """Let go of the arrays."""
        self.buffers = {}


# stands for the arrays that the program was made with, among those whose memory is shared
CONSTANT = Variable(np.empty(0))


def _owners(program: Program, filled: Collection[Variable]) -> dict[Variable, frozenset[Variable]]:
    """Whose memory each variable's numbers may lie in."""
    owners = {x: frozenset((x,)) for x in program.inputs}
    for call in program.calls:
        y = call.result
        mine = frozenset((y,))
        if y not in filled and not y.number:
            mine = mine.union(*[owners[x] for x in call.reads if not x.number])
            if holds_array((call.args, call.params)):
                mine |= {CONSTANT}
        owners[y] = mine
    return owners


def _last_use(program: Program, owners: dict[Variable, frozenset[Variable]]) -> dict[Variable, int]:
    last: dict[Variable, int] = {}
    for i, call in enumerate(program.calls):
        for x in call.reads:
            for owner in owners[x]:
                last[owner] = i
    for x in symbols_in(program.outputs):
        for owner in owners[x]:
            last[owner] = len(program.calls)
    return last


def allocated(nbytes: int) -> np.ndarray:
    """Memory that begins at a cache line."""
    whole = np.empty(nbytes + _ALIGNMENT, np.uint8)
    start = -whole.ctypes.data % _ALIGNMENT
    return whole[start : start + nbytes]


def shaped(block: np.ndarray, start: int, like: Variable) -> np.ndarray:
    """The memory from `start` on as an array of the shape, dtype and order of `like`."""
    if like.dense:
        return np.ndarray(like.shape, like.dtype, block, start)
    strides, step = list(like.shape), int(like.dtype.itemsize)
    for i in sorted(range(len(strides)), key=lambda i: -abs(like.strides[i]))[::-1]:
        strides[i] = step
        step *= like.shape[i]
    return np.ndarray(like.shape, like.dtype, block, start, strides)
