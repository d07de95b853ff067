"""Mutants of rows: a field of a row of the walker in C that is wrong, a row that is not there.

Each concerns one row of one of the programs of `tests.compiler.test_engine`, and only what counts:
a stride along an axis of one entry, say, does not.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import pytest

from deltaprop.compiler import native, numpy_executor
from deltaprop.compiler.memory import View

from ..compiler import test_engine as engine

WAYS = ("as they are", "as large ones", "as large ones, in one thread")
# where much is zero, far from its bounds, or moved by what does not count in the end
POOR = {
    "no entries", "one entry", "numbers", "layers", "Adam", "Adam, single", "equal, not the same",
    "mixed numbers", "momentum", "classes", "gradients of a softmax",
}  # fmt: skip
Fields = dict[str, Any]


@dataclass(frozen=True)
class RowMutant:
    """A change of the row of this number among the loops of a program."""

    program: str
    how: str
    row: int
    change: str

    @property
    def name(self) -> str:
        return f"{self.program}, {self.how}: row {self.row}, {self.change}"


def _is_loop(kind: int, fields: Fields) -> bool:
    return kind == native._LOOP and bool(fields.get("at"))


# whose result another time is another
_MOVING = [
    native._found(f, (np.dtype(float),) * n)
    for f, n in ((np.add, 3), (np.subtract, 3), (np.multiply, 3), (np.divide, 3), (np.sin, 2))
]


def changes(loop: int, fields: Fields, ours: Callable[[tuple[int, int]], bool]) -> Iterator[str]:
    """The changes of a row that count; `ours` says whether a place holds more than a constant."""
    dims, steps, at = fields["dims"], fields["steps"], fields["at"]
    if 1 in steps:
        return  # truth values: a wrong one is right by chance
    places = [i for i, x in enumerate(at) if ours(x)]
    if "tile" in fields:
        size, entries = fields["tiles"]
        unit = fields["unit"]
        if (entries if unit else dims[0]) > 1:
            yield from [f"steps {i}" for i in places if steps[i]]
        if size > entries:
            yield from [f"tile {i}" for i in places if fields["tile"][i]]
        yield from ["unit"] if unit else ["dims 0"] if dims[0] > 1 else []
    else:
        outer, strides = fields.get("outer", (1, 1)), fields["strides"]
        yield "dropped"
        if at[-1] in at[:-1] and loop in {found[0] for found in _MOVING if found}:
            yield "doubled"
        yield from [f"dims {i}" for i, n in enumerate(dims) if n > 1]
        yield from [f"outer {i}" for i, n in enumerate(outer) if n > 1]
        if dims[0] > 1:
            yield from [f"steps {i}" for i in places if steps[i]]
        for j, n in enumerate(outer):
            yield from [f"strides {j} {i}" for i in places if strides[j][i] and n > 1]
    yield from [f"at {i}" for i in places]


def changed(fields: Fields, change: str) -> Fields | None:
    """The fields of a row with a change."""
    what, *where = change.split()
    if what == "dropped":
        return None
    fields = {key: x for key, x in fields.items() if key != "tiles"}
    if what == "unit":
        fields["unit"] = 0
    elif what == "strides":
        rows = [[*s] for s in fields["strides"]]
        rows[int(where[0])][int(where[1])] = 0
        fields["strides"] = rows
    else:
        values, i = [*fields[what]], int(where[0])
        if what == "at":
            slot, place = values[i]
            values[i] = slot, place + (abs(fields["steps"][i]) or 8)
        else:
            values[i] = values[i] - 1 if what in ("dims", "outer") else 0
        fields[what] = values
    return fields


def mutants(seed: int = 0, count: int = 150) -> list[RowMutant]:
    """So many of all, chosen by lot."""
    found: list[RowMutant] = []
    for name in sorted(engine.PROGRAMS.keys() - POOR):
        for how in WAYS:
            found += _of_program(name, how)
    return Random(seed).sample(found, count)


def _of_program(name: str, how: str) -> list[RowMutant]:
    rows: list[tuple[int, Fields]] = []
    packed = native._packed

    def noted(kind: int, loop: int = 0, *args: Any, **fields: Any) -> bytes:
        if _is_loop(kind, fields):
            rows.append((loop, fields))
        elif kind == native._TILES:
            for _, row in rows[-fields["dims"][0] :]:
                row["tiles"] = fields["dims"][1:]
        return packed(kind, loop, *args, **fields)

    with pytest.MonkeyPatch.context() as patch, engine.way("c", how):
        patch.setattr(native, "_packed", noted)
        arrays = [*engine.laid_out(name)[0].table.arrays.values()]
    places = [(x.ctypes.data, x.ctypes.data + x.nbytes) for x in arrays]

    def ours(place: tuple[int, int]) -> bool:
        return place[0] != 0 or any(start <= place[1] < stop for start, stop in places)

    return [
        RowMutant(name, how, i, change)
        for i, (loop, fields) in enumerate(rows)
        for change in changes(loop, fields, ours)
    ]


def survives(mutant: RowMutant) -> bool:
    """Whether the program gives what it gives in eager mode, in a process of its own."""
    process = os.fork()
    if not process:
        code = 1
        try:
            with suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 1), os.dup2(null, 2)
            _run(mutant)
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(process, 0)[1] == 0


def _unlike(view: View, empty: Any = numpy_executor._empty) -> np.ndarray:
    """New memory for a result, in which nothing right is left from before."""
    made: np.ndarray = empty(view)
    made.fill(7)
    return made


def _run(mutant: RowMutant) -> None:
    packed, rows = native._packed, [-1]

    def wrong(kind: int, loop: int = 0, *args: Any, **fields: Any) -> bytes:
        if not _is_loop(kind, fields):
            return packed(kind, loop, *args, **fields)
        rows[0] += 1
        if rows[0] != mutant.row:
            return packed(kind, loop, *args, **fields)
        if mutant.change == "doubled":
            return packed(kind, loop, *args, **fields) * 2
        new = changed(fields, mutant.change)
        return b"" if new is None else packed(kind, loop, *args, **new)

    native._packed = wrong
    numpy_executor._empty = _unlike
    with engine.way("c", mutant.how):
        engine.PROGRAMS[mutant.program].check(8)
