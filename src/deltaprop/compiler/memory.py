"""Memory: which variables keep their numbers in buffers that serve in every run.

A variable owns its memory, or may share that of the arguments it was made of. Memory
is free again when the last call that reads any of its variables is done; the next
result of its size goes there. What was packed into one array is computed there at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import numpy as np

from .program import Call, Program, Variable, pack, part, run, symbols_in

_ALIGNMENT = 64


class Abilities(NamedTuple):
    """What an executor can do: of a call, whether

    - fill: it can write its result to an array that it is given
    - overwrite: that may be the memory of an argument of the same shape
    - view: it gives nothing but a view of its first argument
    """

    fill: Callable[[Call], bool]
    overwrite: Callable[[Call], bool]
    view: Callable[[Call], bool]


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
    inside : collection of Variable
        What needs no buffer: it only exists piece by piece.

    Attributes
    ----------
    buffers : dict
        From variables to arrays that are there before the program runs.
    views : list of Call
        Those that are done by the plan: they only show what is in a buffer.
    blocks : dict
        From variables to the number of the buffer that they are in.
    asked, taken : int
        Bytes that all results in buffers would take without reuse, and that they take.
    """

    def __init__(
        self,
        program: Program,
        can: Abilities,
        outside: Collection[Variable] = (),
        homes: Mapping[Variable, Variable] | None = None,
        inside: Collection[Variable] = (),
    ) -> None:
        self.can = can
        self.homes = dict(homes or {})
        self.buffers: dict[Variable, np.ndarray] = {}
        self.views: list[Call] = []
        self.blocks: dict[Variable, int] = {}
        self.asked = self.taken = 0
        self.owners = _owners(program, can.fill)
        self.last_use = _last_use(program, self.owners)
        self._free: dict[int, list[np.ndarray]] = {}
        self._live: dict[int, list[tuple[Variable, np.ndarray]]] = {}
        self._numbers: dict[int, int] = {}
        self._slots: dict[Variable, np.ndarray] = {}
        self._arena(program)
        self._packs(program, outside)
        for i, call in enumerate(program.calls):
            if call.result not in inside:
                self._place(call, i, outside)
            for owner, block in self._live.pop(i, ()):
                self._free.setdefault(owner.nbytes, []).append(block)

    def _arena(self, program: Program) -> None:
        """Lay out what is at home one after the other, what is packed together without gaps."""
        inside = set(self.homes.values())
        packs = [c for c in program.calls if c.function is pack and inside.issuperset(c.args)]
        offsets: dict[Variable, int] = {}
        size = 0
        for group in [*[call.args for call in packs], *[(x,) for x in self.homes.values()]]:
            size += -size % _ALIGNMENT
            for x in group:
                if x not in offsets:
                    offsets[x] = size
                    size += x.nbytes
        self.offsets = offsets
        self.arena = allocated(size)
        for x, at in offsets.items():
            self.buffers[x] = shaped(self.arena[at : at + x.nbytes], x)

    def _packs(self, program: Program, outside: Collection[Variable]) -> None:
        """Slots in one array for what is packed, if all of it is computed into buffers."""
        filled = {c.result for c in program.calls if self.can.fill(c)}.difference(outside)
        parts: dict[Variable, list[Variable]] = {}
        for call in program.calls:
            xs, y = call.args, call.result
            if call.function is part:
                parts.setdefault(xs[0], []).append(y)
            if call.function is not pack or not filled.issuperset(xs):
                continue
            if not self._slots.keys().isdisjoint(xs):
                continue
            self.buffers[y] = shaped(allocated(y.nbytes), y)
            self.taken += y.nbytes
            self.views.append(call)
            start = 0
            for x in xs:
                self._slots[x] = part(self.buffers[y], start, x.shape)
                start += x.size
        before = {c.args: c.result for c in program.calls if c.function is pack}
        for y, members in parts.items():
            held = tuple([self.homes.get(x) for x in members])
            if held in before:
                self.homes[y] = before[held]

    def _place(self, call: Call, i: int, outside: Collection[Variable]) -> None:
        y = call.result
        if call.function is pack and y not in self.buffers and self._in_a_row(call.args):
            start = self.offsets[call.args[0]]
            self.buffers[y] = shaped(self.arena[start : start + y.nbytes], y)
            self.offsets[y] = start
            self.views.append(call)
        elif y in self._slots:
            self.buffers[y] = self._slots[y]
        elif self.can.fill(call) and y not in outside:
            before = self.homes.get(y)
            if before is not None and self._outlived(call, i, before):
                self.buffers[y] = self.buffers[before]
                return
            block = self._reused(call, i) if self.can.overwrite(call) else None
            if block is None:
                block = self._new(y.nbytes)
            self.asked += y.nbytes
            self.buffers[y] = shaped(block, y)
            self.blocks[y] = self._numbers.setdefault(id(block), len(self._numbers))
            self._live.setdefault(self.last_use.get(y, i), []).append((y, block))
        elif self.can.view(call) and call.args[0] in self.buffers and len(call.reads) == 1:
            base = self.buffers[call.args[0]]
            view = run(call.function, (base, *call.args[1:]), call.params, False)
            if np.may_share_memory(view, base):
                self.buffers[y] = view
                self.views.append(call)

    def _in_a_row(self, xs: tuple[Variable, ...]) -> bool:
        """Whether all are at home, one right after the other."""
        at = [self.offsets.get(x, -1) for x in xs]
        ends = [start + x.nbytes for start, x in zip(at, xs, strict=True)]
        return min(at) >= 0 and at[1:] == ends[:-1]

    def forget(self) -> None:
        """Let go of the arrays."""
        self.buffers, self._free, self._live, self._slots = {}, {}, {}, {}

    def _new(self, nbytes: int) -> np.ndarray:
        stack = self._free.get(nbytes)
        if stack:
            return stack.pop()
        self.taken += nbytes
        return allocated(nbytes)

    def _outlived(self, call: Call, i: int, before: Variable) -> bool:
        """Whether a result can take the place of what was there before."""
        y, mine = call.result, self.owners[before]
        last = max([self.last_use.get(x, -1) for x in mine])
        if (y.shape, y.dtype) != (before.shape, before.dtype) or last > i:
            return False
        direct = all(x is before for x in call.reads if not mine.isdisjoint(self.owners[x]))
        return last < i or (self.can.overwrite(call) and direct)

    def _reused(self, call: Call, i: int) -> np.ndarray | None:
        """The memory of an argument that is read here for the last time."""
        y = call.result
        dying = self._live.get(i, [])
        for k, (owner, block) in enumerate(dying):
            mine = [x for x in call.reads if owner in self.owners[x]]
            if mine and all(
                x is owner and (x.shape, x.dtype, x.strides) == (y.shape, y.dtype, y.strides)
                for x in mine
            ):
                del dying[k]
                return block
        return None


def _owners(program: Program, fills: Callable[[Call], bool]) -> dict[Variable, frozenset[Variable]]:
    """Whose memory each variable's numbers may lie in."""
    owners = {x: frozenset((x,)) for x in program.inputs}
    for call in program.calls:
        mine = frozenset((call.result,))
        if not fills(call) and not call.result.number:
            mine = mine.union(*[owners[x] for x in call.reads if not x.number])
        owners[call.result] = mine
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


def shaped(block: np.ndarray, like: Variable) -> np.ndarray:
    """The memory as an array of the shape, dtype and order of `like`."""
    order = sorted(range(len(like.shape)), key=lambda i: -abs(like.strides[i]))
    dense = block.view(like.dtype).reshape([like.shape[i] for i in order])
    array: np.ndarray = dense.transpose(np.argsort(order))
    return array
