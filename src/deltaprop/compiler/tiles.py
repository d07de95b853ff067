"""Tiles: elementwise operations on large arrays, done piece by piece.

A piece that fits into the processor's cache goes through all operations of a region before
the next one is looked at, so that what is computed in between never goes to memory. Several
threads share the pieces: NumPy lets go of the interpreter's lock while it computes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..graph import Elementwise
from .program import Call, Program, Variable, symbols_in

TILE = 1 << 13  # entries
_SMALLEST = 1 << 15  # below that, all of it is in the cache anyway
_SHARED = 1 << 17  # below that, one thread is as fast


class Region(NamedTuple):
    """Consecutive calls on arrays of one size.

    Attributes
    ----------
    calls : sequence of Call
    inside : set of Variable
        Results that nobody else needs.
    """

    calls: Sequence[Call]
    inside: set[Variable]


def regions(program: Program, leaving: set[Variable]) -> list[Region]:
    """The regions of a program that are worth it."""
    found: list[Region] = []
    run: list[Call] = []
    for call in [*program.calls, None]:
        if call is not None and _fits(call) and (not run or call.result.size == run[0].result.size):
            run.append(call)
            continue
        if len(run) > 1:
            found.append(_region(run, program, leaving))
        run = [call] if call is not None and _fits(call) else []
    return found


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


def _region(calls: Sequence[Call], program: Program, leaving: set[Variable]) -> Region:
    mine = set(calls)
    others = {x for call in program.calls if call not in mine for x in call.reads}
    needed = others.union(symbols_in(program.outputs), leaving)
    return Region(tuple(calls), {call.result for call in calls} - needed)


def _fits(call: Call) -> bool:
    y = call.result
    if y.size < _SMALLEST or not isinstance(call.function, Elementwise):
        return False
    arrays = [x for x in call.args if getattr(x, "shape", ()) or isinstance(x, list | tuple)]
    return isinstance(call.function.forward, np.ufunc) and all(
        isinstance(x, Variable) and (x.shape, x.strides) == (y.shape, _rows(x))
        for x in (y, *arrays)
    )


def _rows(x: Variable) -> tuple[int, ...]:
    """The strides of an array of that shape whose entries lie in order."""
    steps, step = [], int(x.dtype.itemsize)
    for n in reversed(x.shape):
        steps.append(step)
        step *= n
    return tuple(reversed(steps))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_threads(), "deltaprop")


@cache
def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tiled(work: Callable[[slice, Sequence[np.ndarray]], None], size: int, scratch: Any) -> None:
    """Do the work on all tiles of `size` entries.

    Parameters
    ----------
    work : callable
        Gets a slice and arrays to compute in.
    size : int
    scratch : sequence of dtype
        Of these arrays.
    """

    def some(first: int, last: int) -> None:
        arrays = [np.empty(TILE, dtype) for dtype in scratch]
        with np.errstate(all="ignore"):
            for start in range(first, last, TILE):
                stop = min(start + TILE, last)
                work(slice(start, stop), [a[: stop - start] for a in arrays])

    threads = _threads() if size >= _SHARED else 1
    share = -(-size // (threads * TILE)) * TILE
    rest = [_pool().submit(some, i, min(i + share, size)) for i in range(share, size, share)]
    some(0, min(share, size))
    for future in rest:
        future.result()
