"""Walkers: what runs the rows of a table, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import Context, copy_context
from functools import partial
from itertools import chain, repeat, starmap
from operator import call
from typing import Any

import numpy as np

from .boundary import Boundary
from .memory import View
from .table import Table, Tiles, chooses, select
from .tiles import in_shares, scratch_memory, scratch_starts
from .turns import consume, steadily

QUIET: Context = copy_context()  # in which NumPy does not warn
QUIET.run(np.seterr, all="ignore")


class PythonWalker(Boundary):
    """Calls the function of each row.

    Parameters
    ----------
    table : Table
    *ends
        What is done before and after all rows: the arguments of `Boundary`.
    """

    name = "python"

    def __init__(self, table: Table, *ends: Any) -> None:
        super().__init__(*ends)
        self._now, self._late = table.now, table.late
        self._head = [self._called(row) for row in table.rows[: table.sure]]
        self._tail = [self._called(row) for row in table.rows[table.sure :]]
        self._tiled = any(type(row[0]) is Tiles for row in table.rows[table.sure :])
        # rows with arrays that are known only in a run
        self._open: list[tuple[list[Any], int, Any]] = []
        for i, row in enumerate(table.rows):
            if any(type(x) is View for x in row):
                at = (self._head, i) if i < table.sure else (self._tail, i - table.sure)
                self._open.append((*at, row))

    def _called(self, row: Sequence[Any]) -> Sequence[Any]:
        if type(row[0]) is Tiles:
            return (partial(tiled, row[0], self._now, self._late),)
        return called(row)

    @staticmethod
    def signature(xs: Sequence[Any]) -> Any:
        """Something equal for arrays of equal dtypes, shapes and strides; None for what is none."""
        known = tuple([(x.shape, x.dtype, x.strides) for x in xs if type(x) is np.ndarray])
        return known if len(known) == len(xs) else None

    def walk(self) -> list[Any]:
        """Run all rows."""
        QUIET.copy().run(self._walk)
        return self.handed_out()

    def _walk(self) -> None:
        now, late = self._now, self._late
        for rows, i, row in self._open:
            rows[i] = self._called([now[late[x]] if type(x) is View else x for x in row])
        consume(starmap(call, self._head))
        if self._tiled:
            steadily(QUIET.copy().run, self._end)
        else:
            self._end()

    def _end(self) -> None:
        consume(chain(starmap(call, self._tail), self.stored()))


def called(row: Sequence[Any]) -> Sequence[Any]:
    """The function of a row and its arguments, as they are called."""
    function, *args = row
    if chooses(function):
        # NumPy will not have the output of these two as a positional argument
        return (partial(function, out=args.pop()), *args)
    known = not any(type(x) is View for x in args)
    if function is np.matmul and known and max(x.ndim for x in args) <= 2:
        # where it takes the output, a quicker way to the same routine of BLAS
        return (np.ndarray.dot if args[2].flags.c_contiguous else function, *args)
    if function is select:
        flags, *args = args
        return (partial(np.positive, where=flags), *args)
    return row


def tiled(tiles: Tiles, now: Sequence[np.ndarray], late: Any) -> None:
    """Run the rows of a region, tile by tile."""
    rows: list[tuple[Any, ...]] = []
    flat = -1 if tiles.row == 1 else (-1, tiles.row)
    for (function, *operands), cut in zip(tiles.rows, tiles.cut, strict=True):
        arrays: list[Any] = []
        for x, parted in zip(operands, cut, strict=True):
            array = now[late[x]] if type(x) is View else x
            if type(array) is not int and array.shape and parted >= 0:
                array = array.reshape(flat)
            arrays.append((array, parted))
        rows.append((function, arrays))

    def work(first: int, last: int) -> None:
        starts = scratch_starts(tiles.shape, tiles.scratch)
        memory, step = scratch_memory(starts[-1]), tiles.shape[0]
        inner = [np.ndarray(tiles.shape, *x) for x in zip(tiles.scratch, repeat(memory), starts)]
        for start in range(first, last, step):
            i = slice(start, min(start + step, last))
            parts = (..., i, slice(i.stop - i.start))
            for function, arrays in rows:
                whole = [inner[x] if type(x) is int else x for x, _ in arrays]
                cuts = [parts[cut] for _, cut in arrays]
                args = [x[cut] for x, cut in zip(whole, cuts, strict=True)]
                function(*args[:-1], out=args[-1])

    def quietly(first: int, last: int) -> None:
        QUIET.copy().run(work, first, last)

    in_shares(quietly, tiles.size, tiles.shape, tiles.shared)
