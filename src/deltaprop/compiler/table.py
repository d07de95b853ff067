"""The table: a program as rows, each an operation that fills memory planned for its result.

Most rows are functions of NumPy's that write to an array they are given. Such a row raises no
error and runs no Python code, so that a signal cannot come in between. All other functions are
called as they are, and their results copied. A walker runs the rows one after the other; there
is one in Python and one in C.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import starmap
from operator import call as apply
from operator import setitem
from typing import Any, NamedTuple

import numpy as np

from ..graph import as_number
from ..graph.arrays import ducks_in
from ..graph.cotangent import adds_by_product, ones
from .forms import REDUCTIONS, SUM_TO, kind, ufunc_of
from .memory import Memory, View
from .program import Call, Variable, is_draw, substituted
from .tiles import Region, scratch_places, tile_shape
from .traced import UnfitError

_WHOLE = 1 << 14  # entries of constants that are written out


class Tiles(NamedTuple):
    """Rows that are done tile by tile.

    Attributes
    ----------
    rows : list of tuple
        A ufunc and its operands; an int is one of the scratch arrays of a tile.
    cut : list of tuple of int
        For each operand: 1 if it has a part for each tile, 0 if it is the same for each, and -1
        if it is as large as a tile.
    size, row : int
        How many entries there are, and in a row of each tile.
    shape : tuple of int
        Of a tile.
    scratch : tuple of dtype
    shared : bool
        Whether several threads may do it.
    """

    rows: list[tuple[Any, ...]]
    cut: list[tuple[int, ...]]
    size: int
    row: int
    shape: tuple[int, ...]
    scratch: tuple[Any, ...]
    shared: bool


class Table:
    """Rows, and the arrays that they read and write.

    Parameters
    ----------
    memory : Memory
    calls : sequence of Call
    regions : sequence of Region

    Attributes
    ----------
    rows : list of tuple
        A function and its arguments. A `View` among these is an array that is known only when the
        program runs; so is what a `Made` reads and writes.
    sure : int
        From this row on, no error can come, and no Python code runs.
    boxes : dict
        In a run, the variables that lie in no buffer.
    late : dict
        For each view of an array that is known only when the program runs, its place among these.
    """

    def __init__(
        self, memory: Memory, calls: Sequence[Call], regions: Sequence[Region], shared: bool
    ) -> None:
        self._shared = shared
        self.memory = memory
        self.arrays: dict[Variable, np.ndarray] = memory.laid()
        self.boxes: dict[Variable, Any] = {}
        self.rows: list[tuple[Any, ...]] = []
        self.sure: int = 0
        self.late: dict[View, int] = {}
        self.now: list[Any] = []  # the arrays of `late`, in a run
        self._casts: dict[Any, np.ndarray] = {}
        self._regions = {region.calls[0]: region for region in regions}
        self._inside = {call for region in regions for call in region.calls}
        for call in calls:
            if call in self._regions:
                self._tiles(self._regions[call])
            if call in self._inside:
                continue
            view = memory.views.get(call.result)
            if view is None or view.root is call.result:
                getattr(self, f"_{kind(call)}")(call)

    def row(self, function: Any, *args: Any) -> None:
        """Add a row that is a function of NumPy's."""
        self.rows.append((function, *args))

    def array(self, x: Any) -> Any:
        """The array of a variable, or the view of one that is known only in a run."""
        if not isinstance(x, Variable):
            return np.asarray(x)
        found = self.arrays.get(x)
        if found is not None:
            return found
        return self._pointed(self.memory.views[x])

    def _pointed(self, view: View) -> View:
        """The view, which has a place among those known only in a run."""
        self.late.setdefault(view, len(self.late))
        return view

    def getter(self, x: Any) -> Any:
        """A function and its arguments, which give what a variable is in a run."""
        if x.boxed:
            return dict.__getitem__, self.boxes, x
        array = self.array(x)
        if isinstance(array, View):
            return list.__getitem__, self.now, self.late[array]
        if x.number:
            return np.ndarray.item, array
        return (np.ndarray.__getitem__, array, ()) if x.scalar else fixed(array)

    # -- a method for each kind of call ----------------------------------------------------

    def _python(self, call: Call) -> None:
        y = call.result
        is_check = call.effect and not is_draw(call)  # its result is nothing
        into = self.boxes if y.boxed or is_check else self.array(y)
        known = {x: self.getter(x) for x in call.reads}
        self.rows.append((Made(call, known, into, self.now, self.late),))
        self.sure = len(self.rows)

    def _copy(self, call: Call) -> None:
        self._set(self.array(call.result), self._operand(call.args[0], call.result.dtype))

    def _lanes(self, call: Call) -> None:
        """A row for each step; those that gather its arguments come before it."""
        vector: Any = call.function
        numbers = self.array(call.result)
        for i, x in enumerate(call.args):
            if self.memory.views[x].root is not call.result:
                self._set(numbers[i : i + 1], self.array(x))
        first, last = vector.inputs, vector.known
        if first < last:
            self._set(numbers[first:last], vector.numbers[first:last].copy())
        aside: dict[int, np.ndarray] = {}
        for function, args, out, starts in vector.steps:
            xs: list[Any] = []
            for k, x in enumerate(args):
                if type(x) is slice:
                    xs.append(numbers[x])
                elif type(x) is float:
                    xs.append(_constant(repr(x), x, numbers.dtype, ()))
                else:
                    if k not in aside or len(aside[k]) < len(x):
                        aside[k] = np.empty(len(x))
                    xs.append(aside[k][: len(x)])
                    self.row(np.ndarray.take, numbers, x, None, xs[-1], "clip")
            if starts is None and isinstance(function, np.ufunc):
                self.row(function, *xs, numbers[out])
            elif starts is None:
                self.row(_filled, function, numbers[out], *xs)
                self.sure = len(self.rows)
            else:
                self.row(np.add.reduceat, *xs, starts, 0, None, numbers[out])

    def _where(self, call: Call) -> None:
        into = self.array(call.result)
        flags, x, other = [self._operand(x, call.result.dtype) for x in call.args]
        if flags.dtype != bool:
            numbers, flags = flags, np.empty(flags.shape, bool)
            self.row(np.not_equal, numbers, _constant("0", 0, numbers.dtype, ()), flags)
        self._set(into, other)
        self.row(select, flags, x, into)

    def _set(self, into: Any, x: Any) -> None:
        self.row(setitem, into, ..., x)

    def _into(self, y: Variable, dtype: Any) -> Any:
        """Where a result of this dtype is computed."""
        into = self.array(y)
        return into if y.dtype == dtype else np.empty(y.shape, dtype)

    def _done(self, y: Variable, into: Any) -> None:
        """Convert a result that was computed in another dtype."""
        if y.dtype != into.dtype:
            self._set(self.array(y), into)

    def _ufunc(self, call: Call) -> None:
        y, ufunc = call.result, ufunc_of(call)
        _, *dtypes, last = call.form
        whole = y.shape if chooses(ufunc) and y.size <= _WHOLE and y.dense else ()
        into = self._into(y, last)
        operands = [self._operand(x, d, whole) for x, d in zip(call.args, dtypes, strict=True)]
        self.row(ufunc, *operands, into)
        self._done(y, into)

    def _operand(self, x: Any, dtype: Any, whole: tuple[int, ...] = ()) -> Any:
        """The array of an operand: a number becomes one of the dtype of the loop.

        The larger of two NumPy finds three times as fast if a number is there for each entry.
        """
        if isinstance(x, Variable):
            if x.dtype == dtype or x.shape or x.dtype.kind == "b":
                return self.array(x)
            if (x, dtype) not in self._casts:
                self._casts[x, dtype] = np.empty((), dtype)
                self._set(self._casts[x, dtype], self.array(x))
            return self._casts[x, dtype]
        if type(x) in (float, int, complex):
            return _constant(repr(x), x, dtype, whole if np.isfinite(x) else ())
        return np.asarray(x).astype(dtype, copy=False)

    def _matmul(self, call: Call) -> None:
        a, b = map(self.array, call.args)
        self.row(np.matmul, a, b, self.array(call.result))

    def _vdot(self, call: Call) -> None:
        a, b = [self._flat(x) for x in call.args]
        into = self._into(call.result, call.args[0].dtype)
        self.row(np.matmul, a, b, into)
        self._done(call.result, into)

    def _flat(self, x: Variable) -> Any:
        array = self.array(x)
        if not isinstance(array, View):
            return array.reshape(-1)
        return self._pointed(array._replace(shape=(x.size,), strides=(x.dtype.itemsize,)))

    def _reduce(self, call: Call) -> None:
        x, y = call.args[0], call.result
        _, axis, keep = call.form
        array, into = self.array(x), self._into(y, x.dtype)
        if call.function is SUM_TO and axis == 0 and adds_by_product(x) and x.dtype == y.dtype:
            self.row(np.matmul, ones(x.shape[0], x.dtype), array, into)
        else:
            function = call.function if call.function in REDUCTIONS else np.add.reduce
            if function == np.maximum.reduce and len(x.shape) == 2 and 1 < x.shape[1] < 64:
                # the largest of a row is found faster where columns lie side by side
                aside = np.empty(x.shape[::-1], x.dtype).T
                self._set(aside, array)
                array = aside
            initial = [call.params["initial"]] if "initial" in call.params else []
            self.row(function, array, axis, None, into, keep, *initial)
        self._done(y, into)

    def _tiles(self, region: Region) -> None:
        """One row for all the calls of a region."""
        places, scratch = scratch_places(region)
        y = region.calls[0].result
        used = {x: x.dtype for c in region.calls for x in (*c.reads, c.result) if x.shape}
        outer = [d for x, d in used.items() if x not in region.inside and x not in region.rows]
        shape = tile_shape(y.size, region.row, [*outer, *scratch])
        rows: list[tuple[Any, ...]] = []
        cut: list[tuple[int, ...]] = []
        for call in region.calls:
            ufunc = ufunc_of(call)
            dtypes = call.form[1:]
            whole = shape if chooses(ufunc) else ()
            operands: list[Any] = []
            cuts: list[int] = []
            for x, dtype in zip((*call.args, call.result), dtypes, strict=True):
                number = not isinstance(x, Variable) or not x.shape
                inner = not number and x in places
                operands.append(places[x] if inner else self._operand(x, dtype, whole))
                if number or inner:
                    cuts.append(-1 if inner or operands[-1].shape else 0)
                else:
                    cuts.append(int(x not in region.rows))
            rows.append((ufunc, *operands))
            cut.append(tuple(cuts))
        tiles = Tiles(
            rows, cut, y.size // region.row, region.row, shape, tuple(scratch), self._shared
        )
        self.rows.append((tiles,))


def fixed(x: Any) -> tuple[Any, ...]:
    """A function of C's and its arguments, which give `x`."""
    return tuple.__getitem__, (x,), 0


def _filled(function: Any, into: np.ndarray, *xs: Any) -> None:
    into[...] = function(*xs)


def select(flags: Any, x: Any, into: Any) -> None:
    """Copy `x` where the flags are set."""
    np.positive(x, into, where=flags)


def chooses(ufunc: Any) -> bool:
    """Whether it is one of two ufuncs that NumPy treats in ways of their own."""
    return ufunc is np.maximum or ufunc is np.minimum


@lru_cache(maxsize=1 << 10)
def _constant(_: str, x: Any, dtype: Any, whole: tuple[int, ...]) -> np.ndarray:
    """A number as an array: by its text, since -0.0 == 0.0."""
    made = np.full(whole, x, dtype)
    made.flags.writeable = False
    return made


class Made:
    """A call of any function, whose result is put or copied to where it belongs.

    Parameters
    ----------
    call : Call
    known : dict
        For each variable that it reads a function and its arguments, which give it.
    into : dict, array or View
        The result is put in a dict, or copied to an array.
    now, late
        See `Table`.
    """

    def __init__(self, call: Call, known: Any, into: Any, now: Any = (), late: Any = None) -> None:
        self.function: Any = getattr(call.function, "evaluate", call.function)
        self.call: Call = call
        self.now: Any = now
        self.into: Any = into
        self.at: Any = late[into] if isinstance(into, View) else None
        self.known: Any = known
        nested = [x for x in call.args if not isinstance(x, Variable)]
        self.getters: Any = None
        if next(ducks_in((nested, call.params)), None) is None:
            self.getters = [known[x] if isinstance(x, Variable) else fixed(x) for x in call.args]

    def __call__(self) -> None:
        call = self.call
        if self.getters is not None:
            y = self.function(*starmap(apply, self.getters), **call.params)
        else:
            data = {x: f(*a) for x, (f, *a) in self.known.items()}
            args, params = substituted(call.args, data), substituted(call.params, data)
            y = self.function(*args, **params)
        y = as_number(y) if call.item else y
        if type(self.into) is dict:
            self.into[call.result] = y
            return
        into, result = self.into if self.at is None else self.now[self.at], call.result
        dtype = np.result_type(y) if result.number else getattr(y, "dtype", None)
        if np.shape(y) != result.shape or dtype != result.dtype:
            raise UnfitError(
                f"{call.name} gave {dtype}{list(np.shape(y))} where the recording had "
                f"{result.described}"
            )
        into[...] = y
