"""Tiles: elementwise operations on large arrays, done piece by piece.

A piece that fits into the processor's cache goes through all operations of a region before
the next one is looked at, so that what is computed in between never goes to memory. Several
threads share the pieces: NumPy lets go of the interpreter's lock while it computes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import prod
from threading import local
from typing import Any, NamedTuple

import numpy as np

from ..graph.arrays import ducks_in
from .forms import kind
from .program import Call, Program, Variable, flops
from .turns import beside, threads

_CACHE = 1 << 19  # bytes of a tile in all arrays: about half of a core's own cache
_SMALLEST = 1 << 15  # below that, all of it is in the cache anyway
_FLOPS = 64  # of a product in the time of an elementwise operation
_SHARED = 1 << 17  # below that, one thread is as fast


class Region(NamedTuple):
    """Consecutive calls on arrays of one size.

    Attributes
    ----------
    calls : sequence of Call
    inside : set of Variable
        Results that nobody else needs.
    rows : set of Variable
        What is the same for each row of the arrays, such as a bias.
    """

    calls: Sequence[Call]
    inside: set[Variable]
    rows: set[Variable]

    @property
    def row(self) -> int:
        """The length of the rows that tiles consist of."""
        return int(self.calls[0].result.shape[-1]) if self.rows else 1


def regions(program: Program) -> list[Region]:
    """The regions of a program that are worth it."""
    found: list[Region] = []
    run: list[Call] = []
    for call in [*program.calls, None]:
        if call is not None and _fits(call) and (not run or _alike(call, run[0])):
            run.append(call)
            continue
        if len(run) > 1:
            found.append(_region(run, program))
        run = [call] if call is not None and _fits(call) else []
    return found


def are_shared(found: Sequence[Region], program: Program) -> bool:
    """Whether the regions are most of the work.

    Else BLAS's threads wait for their next product without leaving their cores for a while,
    and ours would be in their way.
    """
    entries = sum([len(region.calls) * region.calls[0].result.size for region in found])
    products = [call for call in program.calls if call.name == "matmul"]
    return sum(map(flops, products)) < _FLOPS * entries


def scratch_places(region: Region) -> tuple[dict[Variable, int], list[Any]]:
    """Which scratch array each inner result is computed in, and the dtypes of these."""
    last = {x: i for i, call in enumerate(region.calls) for x in call.reads}
    places: dict[Variable, int] = {}
    dtypes: list[Any] = []
    free: list[int] = []
    for i, call in enumerate(region.calls):
        # an operation may write over what it reads for the last time
        free += [places[x] for x in dict.fromkeys(call.reads) if x in places and last[x] == i]
        y = call.result
        if y not in region.inside:
            continue
        fitting = [k for k in free if dtypes[k] == y.dtype]
        places[y] = fitting[0] if fitting else len(dtypes)
        if fitting:
            free.remove(fitting[0])
        else:
            dtypes.append(y.dtype)
    return places, dtypes


def _region(calls: Sequence[Call], program: Program) -> Region:
    mine = set(calls)
    others = {x for call in program.calls if call not in mine for x in call.reads}
    needed = others.union(ducks_in(program.outputs))
    rows = {x for call in calls for x in call.reads if x.shape and x.size < call.result.size}
    return Region(tuple(calls), {call.result for call in calls} - needed, rows)


def _alike(call: Call, other: Call) -> bool:
    x, y = call.result, other.result
    return (x.size, x.shape[-1]) == (y.size, y.shape[-1])


def _fits(call: Call) -> bool:
    y = call.result
    if y.size < _SMALLEST or not y.dense or kind(call) != "ufunc":
        return False
    operands = zip(call.args, call.form[1:], strict=False)
    return all(
        isinstance(x, Variable) and _follows(x, y) and x.dtype == dtype and dtype.isnative
        for x, dtype in operands
        if getattr(x, "shape", ())
    )


def _follows(x: Variable, y: Variable) -> bool:
    """Whether a tile of `y` needs the same tile of `x`, or all of it as each of its rows."""
    a_row = 1 < x.size == x.shape[-1] == y.shape[-1] and x.shape != y.shape
    return a_row or (x.shape == y.shape and x.dense)


def tile_shape(size: int, row: int, dtypes: Sequence[Any]) -> tuple[int, ...]:
    """The shape of a tile: whole rows, as many as the cache holds of arrays of these dtypes."""
    entries = max(_CACHE // sum([dtype.itemsize for dtype in dtypes]), 1)
    tiles = -(-size // entries)
    step = -(-size // (tiles * row))
    return (step,) if row == 1 else (step, row)


_scratch = local()


def scratch_starts(shape: Sequence[int], dtypes: Sequence[Any]) -> list[int]:
    """Where each scratch array begins in the memory of all, and where the last one ends."""
    sizes = [prod(shape) * dtype.itemsize + -prod(shape) * dtype.itemsize % 64 for dtype in dtypes]
    return list(accumulate(sizes, initial=0))


def scratch_memory(nbytes: int) -> np.ndarray:
    """Memory for this thread to compute in, until it asks for other memory."""
    memory: Any = getattr(_scratch, "memory", None)
    if memory is None or memory.nbytes < nbytes:
        memory = _scratch.memory = np.empty(nbytes, np.uint8)
    return memory


def in_shares(
    work: Callable[[int, int], Any], size: int, shape: Sequence[int], shared: bool
) -> None:
    """Do the work from the first tile to the last, a share of it in each thread.

    Parameters
    ----------
    work : callable
        Gets the first entry (or row) of a share, and the one after the last.
    size : int
        How many entries, or rows, there are.
    shape : sequence of int
        Of a tile.
    shared : bool
        Whether several threads may do it.
    """
    step = shape[0]
    shares = threads() if shared and size * prod(shape[1:]) >= _SHARED else 1
    share = max(-(-size // (shares * step)) * step, 1)
    rest = [(work, i, min(i + share, size)) for i in range(share, size, share)]
    if rest:
        beside(rest, work, 0, share)
    else:
        work(0, size)
