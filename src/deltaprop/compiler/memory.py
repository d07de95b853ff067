"""Memory: where the numbers of each variable lie while a program runs.

A result has a piece of one block, from the call that computes it to the last call that reads it;
then other results go there. A view has no memory of its own. What lies outside (the data of a
variable that the program updates, a large argument, a large result) stays where it is.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, NamedTuple

import numpy as np

from ..graph.arrays import ducks_in
from .forms import kind, shows, succeeds
from .lanes import entry, scalar_entry
from .program import Call, Program, Variable, run
from .tiles import Region

_ALIGNMENT = 64


class View(NamedTuple):
    """A variable as a part of the memory of its root, in bytes from where that begins."""

    root: Variable
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: Any


@dataclass(slots=True, eq=False)
class _Slot:
    """A piece of the block, from the call that first writes to it to the last that reads it."""

    nbytes: int
    first: int
    last: int
    members: list[Variable] = field(default_factory=list)
    offset: int = 0


class Memory:
    """A plan of where results lie.

    Parameters
    ----------
    program : Program
    elsewhere : mapping
        Variables that lie outside the block, and their arrays; None for an array that is known
        only when the program runs.
    homes : mapping
        From what the program leaves in a variable to what the variable held before: it is computed
        there if nothing can go wrong from then on, and nobody needs what was there before.
    regions : sequence of Region
        Calls that are done tile by tile, all of them for one tile before the next one: what is
        inside needs no memory, and nothing may lie where another tile's numbers are still needed.
    kept : collection of Variable
        What places outside hold until the next run. Until an error can no longer come, nothing
        else is written there.

    Attributes
    ----------
    views : dict
        From variables to the memory that they are part of, whatever holds arrays.
    at_home : dict
        Those of `homes` that are computed there.
    offsets : dict
        From variables to where they begin in the block.
    sure : int
        From this call on, no error can come.
    asked, taken : int
        Bytes that results would take without reuse, and that they take.
    """

    def __init__(
        self,
        program: Program,
        elsewhere: Mapping[Variable, Any] | None = None,
        homes: Mapping[Variable, Variable] | None = None,
        regions: Sequence[Region] = (),
        kept: Collection[Variable] = (),
    ) -> None:
        self.elsewhere: Mapping[Variable, Any] = elsewhere or {}
        self._calls = calls = program.calls
        self._start = _starts(calls, regions)
        self.views: dict[Variable, View] = {}
        # whose numbers the entries of a tuple or a list may be
        self._holds: dict[Variable, frozenset[Variable]] = {}
        for x in (*program.inputs, *self.elsewhere):
            self._own(x)
        early = self._alias_inputs(program)
        for call in calls:
            self._find(call)
        self._last = self._last_uses(program)
        self.sure: int = len(calls)
        while self.sure and self._is_sure(calls[self.sure - 1]):
            self.sure -= 1
        self._slots: dict[Variable, _Slot] = {}
        self.at_home: dict[Variable, Variable] = {}
        for x in program.inputs:
            self._place(x, -1)
        inside = {x for region in regions for x in region.inside}
        for i, call in enumerate(calls):
            y = call.result
            if y in inside or y not in self.views or self.views[y].root is not y:
                continue
            before = (homes or {}).get(y)
            if before is not None and self._outlived(call, i, before):
                self.at_home[y] = before
            else:
                self._place(y, -1 if y in early else i, call)
        self._lay_out({root for x in kept for root in self.roots(x)})

    def _is_sure(self, call: Call) -> bool:
        view = self.views.get(call.result)
        return succeeds(call) or (view is not None and view.root is not call.result)

    def early(self, kept: Collection[Variable]) -> list[Variable]:
        """Which of these lie where something is written while an error may come."""
        slots = [(x, self._slots.get(root)) for x in kept for root in self.roots(x)]
        return [x for x, slot in slots if slot is not None and slot.first < self.sure]

    def roots(self, x: Any) -> frozenset[Variable]:
        """The variables whose memory holds the numbers of `x`."""
        if x in self._holds:
            return self._holds[x]
        return frozenset((self.views[x].root,)) if x in self.views else frozenset()

    def _own(self, x: Variable) -> None:
        if not x.boxed:
            array = self.elsewhere.get(x)
            strides = _strides(x) if array is None else array.strides
            self.views[x] = View(x, 0, x.shape, strides, x.dtype)

    def _find(self, call: Call) -> None:
        """Find out whose memory a result lies in."""
        x, y = call.args[0] if call.args else None, call.result
        if y.boxed:
            self._holds[y] = frozenset(root for z in call.reads for root in self.roots(z))
            return
        if call.function is entry or call.function is scalar_entry:
            root, offset, *_ = self.views[call.args[0]]
            self.views[y] = View(root, offset + 8 * call.args[1], (), (), y.dtype)
            return
        alone = len(call.reads) == 1 and x is call.reads[0]
        if alone and x in self.views and shows(call):
            base = self.views[x]
            whole = _like(base)
            part = run(call.function, (whole, *call.args[1:]), call.params, False)
            if type(part) is np.ndarray and np.may_share_memory(part, whole):
                offset = base.offset + part.ctypes.data - whole.ctypes.data
                self.views[y] = View(base.root, offset, part.shape, part.strides, part.dtype)
                return
        self._own(y)

    def _alias_inputs(self, program: Program) -> set[Variable]:
        """Let the numbers that lanes begin with be there from the start; return these lanes."""
        numbers = {x for x in program.inputs if x.number and x.dtype == np.float64}
        found: set[Variable] = set()
        for call in program.calls:
            if kind(call) == "lanes":
                for i, x in enumerate(call.args):
                    if x in numbers and self.views[x].root is x:
                        self.views[x] = View(call.result, 8 * i, (), (), x.dtype)
                        found.add(call.result)
        return found

    def _last_uses(self, program: Program) -> dict[Variable, int]:
        last: dict[Variable, int] = {}
        for i, call in enumerate(program.calls):
            for x in call.reads:
                for root in self.roots(x):
                    last[root] = i
            for root in self._holds.get(call.result, ()):
                last[root] = len(program.calls)  # as long as the tuple, whoever reads that
        for x in ducks_in(program.outputs):
            for root in self.roots(x):
                last[root] = len(program.calls)
        return last

    def _place(self, y: Variable, i: int, call: Call | None = None) -> None:
        if y in self.elsewhere or y not in self.views or self.views[y].root is not y:
            return
        slot = self._reused(call, i) if call is not None and kind(call) == "ufunc" else None
        if slot is None:
            slot = _Slot(y.nbytes, i, i)
        slot.last = max(slot.last, self._last.get(y, i))
        slot.members.append(y)
        self._slots[y] = slot

    def _outlived(self, call: Call, i: int, before: Variable) -> bool:
        """Whether a result can take the place of what was there before, which no error needs."""
        mine, home = self.views[call.result], self.views[before]
        last = self._last.get(before, -1)
        if mine[1:] != home[1:] or i < self.sure or last > i:
            return False
        direct = all(x is before for x in call.reads if before in self.roots(x))
        return last < i or (kind(call) == "ufunc" and direct)

    def _reused(self, call: Call, i: int) -> _Slot | None:
        """The memory of an argument that is not read again; of one of any call on these tiles."""
        start = self._start.get(i, i)
        wanted = self.views[call.result]
        reads = [x for c in self._calls[start : i + 1] for x in c.reads]
        for x in reads:
            slot = self._slots.get(x)
            if slot is None or not start <= slot.last <= i:
                continue
            alike = (wanted.shape, wanted.dtype, wanted.strides)
            views = [v for z in reads if self._slots.get((v := self.views[z]).root) is slot]
            if all((v.shape, v.dtype, v.strides) == alike for v in views):
                return slot
        return None

    def _lay_out(self, kept: Collection[Variable]) -> None:
        """Give the slots their places: the last ones first, each where it first fits.

        So what is kept comes before all else. What is there as long as an error may come must
        not be where it is.
        """
        slots = dict.fromkeys(self._slots.values())
        for slot in slots if self._start else ():
            slot.first = self._start.get(slot.first, slot.first)
        busy: list[tuple[int, int]] = []
        always: list[tuple[int, int]] = []
        ends: list[tuple[int, tuple[int, int]]] = []
        for slot in sorted(slots, key=lambda slot: (-slot.last, -slot.nbytes)):
            while ends and -ends[0][0] > slot.last:
                busy.remove(heappop(ends)[1])
            taken = busy if slot.first >= self.sure else sorted({*busy, *always})
            for start, stop in taken:
                if start - slot.offset >= slot.nbytes:
                    break
                slot.offset = max(slot.offset, stop)
            mine = slot.offset, slot.offset + slot.nbytes + -slot.nbytes % _ALIGNMENT
            insort(busy, mine)
            heappush(ends, (-slot.first, mine))
            if any(x in kept for x in slot.members):
                always.append(mine)
        self.asked: int = sum([x.nbytes for x in self._slots])
        self.taken: int = max([slot.offset + slot.nbytes for slot in slots], default=0)
        self.offsets: dict[Variable, int] = {x: slot.offset for x, slot in self._slots.items()}

    def laid(self) -> dict[Variable, np.ndarray]:
        """New memory, and the arrays in it; those that are known only in a run are left out."""
        block = _allocated(self.taken)
        arrays: dict[Variable, np.ndarray] = {}
        for x, view in self.views.items():
            root = self.at_home.get(view.root, view.root)
            if root in self.offsets:
                start = self.offsets[root] + view.offset
                arrays[x] = np.ndarray(view.shape, view.dtype, block, start, view.strides)
            elif self.elsewhere.get(root) is not None:
                arrays[x] = part_of(self.elsewhere[root], view)
        return arrays


def part_of(whole: np.ndarray, view: View) -> np.ndarray:
    """The part of an array that a view shows."""
    if view.offset == 0 and (view.shape, view.strides) == (whole.shape, whole.strides):
        return whole
    buffer = whole if whole.flags.c_contiguous else whole.T
    return np.ndarray(view.shape, view.dtype, buffer, view.offset, view.strides)


def _starts(calls: Sequence[Call], regions: Sequence[Region]) -> dict[int, int]:
    """Where what is done with each call of a region begins."""
    length = {region.calls[0]: len(region.calls) for region in regions}
    start: dict[int, int] = {}
    for i, call in enumerate(calls if length else ()):
        start.update(dict.fromkeys(range(i, i + length.get(call, 0)), i))
    return start


def _strides(x: Variable) -> tuple[int, ...]:
    """The strides of an array without gaps whose axes lie in the order that those of `x` had."""
    strides, step = [0] * len(x.shape), int(x.dtype.itemsize)
    axes = range(len(strides))
    for i in reversed(axes if x.dense else sorted(axes, key=lambda i: -abs(x.strides[i]))):
        strides[i] = step
        step *= max(x.shape[i], 1)
    return tuple(strides)


def _like(view: View) -> np.ndarray:
    """An array that lies in memory as a view does; its entries mean nothing."""
    ends = [(n - 1) * s for n, s in zip(view.shape, view.strides, strict=True)]
    block = np.empty(sum(map(abs, ends)) + view.dtype.itemsize, np.uint8)
    start = -sum([end for end in ends if end < 0])
    return np.ndarray(view.shape, view.dtype, block, start, view.strides)


def _allocated(nbytes: int) -> np.ndarray:
    """Memory that begins at a cache line."""
    whole = np.empty(nbytes + _ALIGNMENT, np.uint8)
    start = -whole.ctypes.data % _ALIGNMENT
    return whole[start : start + nbytes]
