"""The walker in C: the rows of a table as _walker.c reads them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from math import prod
from operator import setitem
from struct import Struct
from typing import Any

import numpy as np

from ..calculus.elementwise import power
from . import _walker
from .memory import View
from .program import Variable
from .table import Made, Table, Tiles, select
from .tiles import in_shares, scratch_memory, scratch_starts
from .turns import steadily
from .walkers import QUIET, called, tiled

_ROW = Struct("41q")
_LOOP, _CALL, _TILES = range(3)
_OPERANDS = 4
_BUSY = 1 << 15  # operations on numbers that are worth letting other threads have their turn


class NativeWalker:
    """Runs the rows in C. The arguments are those of the `PythonWalker`, and of the `Boundary`."""

    name = "c"
    signature = partial(_walker.signature, np.ndarray)

    def __init__(
        self, table: Table, fetches: Sequence[Any], stores: Sequence[Any], results: Sequence[Any]
    ) -> None:
        self._now, self._late = table.now, table.late
        self._kept: dict[int, Any] = {}  # the memory that rows point to
        self._calls: list[Any] = []
        rows = [self._row(*row) for row in table.rows]
        self._head, self._tail = b"".join(rows[: table.sure]), b"".join(rows[table.sure :])
        self._tiled = any(type(row[0]) is Tiles for row in table.rows[table.sure :])
        self.fetch = partial(_walker.fetch, tuple([(*row, _nbytes(row[2])) for row in fetches]))
        self._stores = tuple([(*store[1:3], *_quick(*store[3:])) for store in stores])
        self._results = tuple([(None, wrap, *_quick(*row)) for wrap, *row in results])
        memory = tuple(self._kept.values())  # in the place of calls, so that it lives as long
        whole = self._head + self._tail, memory, self._now, self._stores + self._results
        self.walk: Any = self._walk if self._calls else partial(_walker.walk, *whole)

    def _walk(self) -> list[Any]:
        """Run all rows."""
        calls = tuple([x if type(x) is tuple else self._known(x) for x in self._calls])
        run = QUIET.copy().run
        run(_walker.walk, self._head, calls, self._now, ())
        if self._tiled:
            steadily(run, _walker.walk, self._tail, calls, self._now, self._stores)
        else:
            run(_walker.walk, self._tail, calls, self._now, self._stores)
        return _walker.walk(b"", (), self._now, self._results)

    def _known(self, row: Any) -> Any:
        """A call with the arrays that are known only in a run."""
        function, *args = called([self._now[self._late[x]] if type(x) is View else x for x in row])
        return function, tuple(args)

    def _row(self, function: Any, *args: Any) -> bytes:
        row = None
        if type(function) is Tiles:
            row = self._tiles(function)
            function = partial(tiled, function, self._now, self._late)
        elif function is np.matmul:
            row = self._matmul(*args)
        elif isinstance(function, np.ufunc):
            row = self._loop(function, args)
        elif type(function) is Made and function.call.function is power:
            row = self._power(function)
        elif function is np.ndarray.take:
            kernel, _ = _walker.loop(None, b"take")  # type: ignore[misc]
            row = self._elementwise((kernel, self._at(args[0])[1]), (args[1], args[3]))
        elif function is select:
            found = _walker.loop(None, f"?{args[2].dtype.itemsize}".encode())
            row = self._elementwise(found, args) if found else None
        elif function is setitem:
            row = self._set(args[0], args[2])
        return self._call(function, args) if row is None else row

    def _power(self, made: Made) -> bytes | None:
        """Python's power of two numbers, if they are floats, and the first is known."""
        a, b = made.call.args
        known = type(a) is float and a > 0 and isinstance(b, Variable)
        if not known or not b.number or not b.dtype == made.call.result.dtype == float:
            return None
        xs = np.array(a), made.known[b][1], made.into
        return self._elementwise(_walker.loop(None, b"**"), xs)  # type: ignore[arg-type]

    def _call(self, function: Any, args: Sequence[Any]) -> bytes:
        if any(type(x) is View for x in args):
            self._calls.append([function, *args])
        else:
            function, *given = called((function, *args))
            self._calls.append((function, tuple(given)))
        return _packed(_CALL, dims=(len(self._calls) - 1,))

    def _at(self, x: Any, scratch: Sequence[int] = ()) -> tuple[int, int]:
        """Where an operand lies: the slot, and the place there."""
        if type(x) is int:
            return -1, scratch[x]
        if type(x) is View:
            return self._late[x] + 1, 0
        memory = x if x.base is None else x.base
        self._kept[id(memory)] = memory
        return 0, _walker.address(x)

    def _set(self, into: Any, x: Any) -> bytes | None:
        if x.dtype == into.dtype:
            kernel = str(x.dtype.itemsize).encode()
        else:
            kernel = f"{x.dtype.char}{into.dtype.char}".encode()
        found = _walker.loop(None, kernel)
        return None if found is None else self._elementwise(found, (x, into))

    def _loop(self, function: Any, args: tuple[Any, ...]) -> bytes | None:
        found = _found(function, tuple([x.dtype for x in args]))
        return None if found is None else self._elementwise(found, args)

    def _elementwise(self, found: tuple[int, int], args: tuple[Any, ...]) -> bytes | None:
        if not all(map(_is_plain, args)):
            return None
        return self._looped(found, args, args[-1].shape, [0] * len(args))

    def _looped(
        self,
        found: tuple[int, int],
        args: Sequence[Any],
        shape: tuple[int, ...],
        axes: Sequence[int],
        dims: tuple[int, ...] = (),
        core: Sequence[int] = (),
    ) -> bytes | None:
        """A row that runs an inner loop along a shape, if few loops around it will do.

        Each operand has so many core `axes`, which the inner loop goes along by itself: so many
        entries (`dims`), with the strides `core`.
        """
        counts, steps = _axes(shape, [_steps(x, shape, k) for x, k in zip(args, axes, strict=True)])
        if len(counts) > 3:
            return None
        return _packed(
            _LOOP, *found, prod(shape) * prod(dims) > _BUSY, len(args),
            dims=(counts[-1], *dims), steps=(*steps[-1], *core),
            outer=(1, 1, *counts[:-1])[-2:],
            strides=([(0,) * len(args)] * 2 + steps[:-1])[-2:],
            at=[self._at(x) for x in args],
        )  # fmt: skip

    def _matmul(self, a: Any, b: Any, y: Any) -> bytes | None:
        found = _found(np.matmul, (a.dtype, b.dtype, y.dtype))
        if found is None or not all(map(_is_plain, (a, b, y))):
            return None
        wide, high = len(a.shape) > 1, len(b.shape) > 1
        m, n, p = a.shape[-2] if wide else 1, a.shape[-1], b.shape[-1] if high else 1
        size = y.dtype.itemsize
        core = [
            *(a.strides[-2:] if wide else (n * size, a.strides[-1])),
            *(b.strides[-2:] if high else (b.strides[-1], size)),
            y.strides[-1 - high] if wide else p * size,
            y.strides[-1] if high else size,
        ]
        batch = y.shape[: len(y.shape) - wide - high]
        axes = 1 + wide, 1 + high, wide + high
        return self._looped(found, (a, b, y), batch, axes, (m, n, p), core)

    def _tiles(self, tiles: Tiles) -> bytes | None:
        """The rows of a region, after a row that says how many there are."""
        starts = scratch_starts(tiles.shape, tiles.scratch)
        rows: list[bytes] = []
        for (function, *args), cut in zip(tiles.rows, tiles.cut, strict=True):
            dtypes = [tiles.scratch[x] if type(x) is int else x.dtype for x in args]
            found = _found(function, tuple(dtypes))
            if found is None or not all(type(x) is int or _is_plain(x) for x in args):
                return None
            # each row of a tile apart, if there is something that is the same for all of them
            apart = tiles.row > 1 and any(
                not own and type(x) is not int and x.shape for x, own in zip(args, cut, strict=True)
            )
            sizes = [d.itemsize for d in dtypes]
            steps = [n if own or x.shape else 0 for x, own, n in zip(args, cut, sizes, strict=True)]
            whole = [n * tiles.row if own else 0 for own, n in zip(cut, sizes, strict=True)]
            rows.append(_packed(
                _LOOP, *found, 0, len(args),
                dims=(tiles.row,) if apart else (0,), steps=steps,
                strides=[whole if apart else [0] * len(args), [0] * len(args)],
                at=[self._at(x, starts) for x in args],
                tile=[n if own > 0 else 0 for own, n in zip(cut, whole, strict=True)],
                unit=0 if apart else tiles.row,
            ))  # fmt: skip
        scratch = np.empty(0 if tiles.shared else starts[-1], np.uint8)
        head = _packed(
            _TILES, 0, 0, 1, 0,
            dims=(len(rows), tiles.size, tiles.shape[0]), at=[self._at(scratch)],
        )  # fmt: skip
        joined = b"".join([head, *rows])
        if not tiles.shared:
            return joined
        work = partial(self._share, joined, starts[-1])
        return self._call(in_shares, (work, tiles.size, tiles.shape, True))

    def _share(self, rows: bytes, scratch: int, first: int, last: int) -> None:
        """Run the rows of a region for some of its tiles; this keeps the memory there is."""
        _walker.tiles(rows, self._now, scratch_memory(scratch), first, last)


def _nbytes(into: Any) -> int:
    """How many bytes are copied to where an input is put; -1 for a float, 0 for whatever else."""
    if not isinstance(into, np.ndarray) or not into.flags.c_contiguous or into.dtype.hasobject:
        return 0
    return into.nbytes if into.shape else -int(into.dtype == float)


def _quick(get: Any, *args: Any) -> tuple[Any, Any]:
    """A function and its arguments, as the walker calls them: an object, or a float, is there."""
    if get is tuple.__getitem__:
        return None, args[0][0]
    if get is np.ndarray.item and args[0].dtype == float:
        return _walker.address(args[0]), args
    return get, args


def _packed(
    kind: int,
    loop: int = 0,
    data: int = 0,
    release: int = 0,
    count: int = 0,
    *,
    dims: Sequence[int] = (),
    steps: Sequence[int] = (),
    outer: Sequence[int] = (1, 1),
    strides: Sequence[Sequence[int]] = ((), ()),
    at: Sequence[tuple[int, int]] = (),
    tile: Sequence[int] = (),
    unit: int = 0,
) -> bytes:
    """A row, laid out as in C."""
    first, second = strides
    return _ROW.pack(
        kind, loop, data, release, count, *_filled(dims, 4), *_filled(steps, 9), *outer,
        *_filled(first, _OPERANDS), *_filled(second, _OPERANDS),
        *_filled([slot for slot, _ in at], _OPERANDS), *_filled([x for _, x in at], _OPERANDS),
        *_filled(tile, _OPERANDS), unit,
    )  # fmt: skip


def _filled(xs: Sequence[int], n: int) -> list[int]:
    return [*xs, *[0] * (n - len(xs))]


@lru_cache(maxsize=1 << 12)
def _found(function: Any, dtypes: tuple[Any, ...]) -> tuple[int, int] | None:
    """Where the inner loop of a ufunc for these dtypes is, and the data that it gets."""
    if not isinstance(function, np.ufunc) or len(dtypes) > _OPERANDS:
        return None
    return _walker.loop(function, bytes([dtype.num for dtype in dtypes]))


def _is_plain(x: Any) -> bool:
    """Whether an inner loop may read an array as it lies."""
    return x.dtype.isnative and (type(x) is View or x.flags.aligned)


def _steps(x: Any, shape: tuple[int, ...], core: int) -> tuple[int, ...]:
    """The strides of an operand along the axes of a result, without its `core` last axes."""
    axes = len(x.shape) - core
    own = [s if n != 1 else 0 for n, s in zip(x.shape[:axes], x.strides[:axes], strict=True)]
    return (0,) * (len(shape) - axes) + tuple(own)


def _axes(
    shape: tuple[int, ...], steps: Sequence[tuple[int, ...]]
) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """As few loops as will do, the innermost last: how often each runs, and all its strides."""
    rows = [(n, *s) for n, *s in zip(shape, *steps, strict=True) if n != 1]
    rows.sort(key=lambda row: -abs(row[-1]))  # as the result lies in memory
    found: list[tuple[int, ...]] = []
    for n, *s in rows:
        if found and all(a == b * n for a, b in zip(found[-1][1:], s, strict=True)):
            found[-1] = (found[-1][0] * n, *s)
        else:
            found.append((n, *s))
    found = found or [(1, *[0] * len(steps))]
    return tuple([row[0] for row in found]), [row[1:] for row in found]
