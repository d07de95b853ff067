"""Batches: what stands for one sample while a function runs on all samples of a batch at once.

`Batched` data have the shape of one sample, and hold the data of all. An operation on them runs
once, on all samples: how, says its *word*, a function ``batch(op, level, data, params)``. Most
words are one of those below. Elementwise operations line their axes up; an `axis` moves by one, a
`shape` gets one more length, an index one more slice. An operation without a word is mapped by a
loop. Data that are not `Batched` are the same for all samples.

Each `vmap` has a `Level`. Batches of several levels nest: the samples of the latest level are
what the levels before it see as their data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from inspect import signature
from itertools import count
from math import prod
from operator import and_, attrgetter
from typing import Any, NamedTuple, NoReturn, TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from .arrays import DATA, DuckArray, as_number, ducks_in, is_array, mapped, verify

Word: TypeAlias = Callable[[Any, "Level", Any, Any], Any]
_ranks = count(1)


class BatchError(TypeError):
    """Raised if a function asks for a number that differs between the samples of its batch.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import numpy as np
    >>> dp.vmap(lambda x: x if x > 0 else -x)(np.array([1.0, -1.0]))
    Traceback (most recent call last):
        ...
    deltaprop.graph.batches.BatchError: vmap: the code branches on ...
    """


class Level:
    """One run of `vmap`: how many samples there are, and the serial number of its beginning."""

    __slots__ = ("ended", "rank", "size", "start")

    def __init__(self, size: int, start: int) -> None:
        self.rank: int = next(_ranks)
        self.size: int = size
        self.start: int = start
        self.ended: bool = False

    def whole(self, x: Any) -> Any:
        """Return the data of all samples, the same for each if they are not batched."""
        if is_of(x, self):
            return x.whole
        return np.broadcast_to(x, (self.size, *np.shape(x)))

    def samples(self, whole: Any, number: bool = False) -> Any:
        """Return what stands for one sample; for several results, a tuple of these."""
        if isinstance(whole, tuple):
            return tuple([self.samples(x, number) for x in whole])
        return Batched(self, whole, number)


class Batched(DuckArray):
    """Data of one sample, which hold those of all.

    Attributes
    ----------
    whole : array
        The data of all samples, the batch first.
    number : bool
        Whether a sample is a Python number, which has no dtype of its own beside an array.
    """

    __slots__ = ("_whole", "dtype", "factors", "level", "number", "rank", "shape")

    def __init__(self, level: Level, whole: Any, number: bool = False) -> None:
        self.level: Level = level
        self.rank: int = level.rank
        self.shape: tuple[int, ...] = whole.shape[1:]
        self.dtype: Any = whole.dtype
        self.number: bool = number
        self._whole = whole
        self.factors: Any = None

    @property
    def whole(self) -> Any:
        if self._whole is None:
            a, b = self.factors
            self._whole = a[:, :, None] * b[:, None, :]
        return self._whole

    @classmethod
    def outer(cls, level: Level, a: Any, b: Any) -> Batched:
        """Return a product of a column and a row for each sample, computed once it is needed."""
        made = cls(level, a, False)
        made.shape, made.dtype = (a.shape[1], b.shape[1]), np.result_type(a, b)
        made._whole, made.factors = None, (a, b)
        return made

    def total(self) -> Any:
        """Return the sum over all samples; of outer products it is one product of matrices."""
        if self._whole is None:
            a, b = self.factors
            return a.T @ b
        return np.add.reduce(self._whole, 0)

    @property
    def real_number(self) -> bool:  # type: ignore[override]
        return self.number and self.dtype == float

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def strides(self) -> Any:
        return self.whole.strides[1:]

    @property
    def flags(self) -> Any:
        return (self.whole[0] if self.level.size else stand_ins(self)).flags

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        if self.dtype == dtype and not (copy and self.number):
            return self
        return Batched(self.level, self.whole.astype(dtype))

    def as_number(self) -> Any:
        if self.number:
            return self
        wide = np.result_type(self.dtype, type(self.dtype.type().item()))
        return Batched(self.level, self.whole.astype(wide, copy=False), True)

    def verify(self, check: Callable[..., None], args: Any, always: bool) -> None:
        level = top_of(args)
        for i in range(level.size):
            verify(check, *mapped(args, partial(_sample, level, i), Batched), always=always)

    def __getattr__(self, name: str) -> Any:
        if name in _NUMBERS:
            self._number()
        method = None if name[0] == "_" else self.methods.get(name)
        if method is None:
            raise AttributeError(f"the samples of a batch have no attribute {name!r}")
        return method.__get__(self, type(self))

    def __getitem__(self, index: Any) -> Any:
        return self.methods["__getitem__"](self, index)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a number has no len()")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<{self.level.size} samples of shape {self.shape}, {self.dtype}>"

    def _number(self, *_: Any, **__: Any) -> NoReturn:
        raise BatchError(
            f"vmap: a number (float(), item(), numpy(), ...) or an entry of a NumPy array was "
            f"asked of {self!r}, but each sample has its own: compute with functions of "
            "deltaprop.numpy, and convert what vmap returns"
        )

    __float__ = __int__ = __index__ = __complex__ = __array__ = _number
    __round__ = __trunc__ = __floor__ = __ceil__ = _number

    def __bool__(self) -> bool:
        raise BatchError(
            f"vmap: the code branches on {self!r}, but each sample would take its own branch: "
            "choose entries with deltaprop.numpy.where(condition, x, y)"
        )

    def __setitem__(self, index: Any, new: Any) -> NoReturn:
        raise BatchError(
            "vmap: an entry of a batched array was assigned in place: write "
            "x = x.at[index].set(new)"
        )

    def operate(self, ufunc: np.ufunc, args: Any) -> Any:
        if ufunc is np.matmul:
            return matmul(None, self.level, args, {})
        return elementwise(ufunc, self.level, args)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if not all(isinstance(x, (*DATA, list)) for x in args):
            return NotImplemented  # who knows better
        level = top_of(args)  # NumPy asks only one of several batches
        if kwargs.get("out") is not None or method == "at":
            raise BatchError(
                f"vmap: numpy.{ufunc.__name__} would write samples of a batch into an array (out=, "
                "or += on an array): write a = a + b"
            )
        if method == "__call__" and not ufunc.signature:
            return elementwise(partial(ufunc, **kwargs) if kwargs else ufunc, level, args)
        if ufunc is np.matmul and not kwargs:
            return matmul(None, level, args, {})
        if method in ("reduce", "accumulate"):
            x, axis = args[0], kwargs.pop("axis", args[1] if len(args) > 1 else 0)
            how = getattr(ufunc, method)
            return level.samples(how(x.whole, moved(axis, x.ndim), *args[2:], **kwargs))
        return looped(getattr(ufunc, method), level, args, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        level = top_of((args, kwargs))
        if any(not issubclass(kind, DATA) for kind in types):
            return NotImplemented
        if function in _STATIC:
            return function(*stand_ins(args), **stand_ins(kwargs))
        if function is np.where and len(args) == 3:
            return elementwise(np.where, level, args)
        if function is np.broadcast_to:
            return _spread(level, args[0], tuple(kwargs.get("shape", args[1:])[0]))
        if function in _ALONG and is_of(args[0], level):
            given = signature(function).bind(args[0].whole, *args[1:], **kwargs)
            given.apply_defaults()
            given.arguments["axis"] = moved(given.arguments["axis"], args[0].ndim)
            return level.samples(function(*given.args, **given.kwargs))
        return looped(function, level, args, kwargs)


# answered from shapes and dtypes alone
_STATIC = {
    np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj, np.can_cast,
    np.ones_like, np.zeros_like, np.empty_like, np.full_like, np.common_type,
}  # fmt: skip
_ALONG = {np.any, np.all, np.sum, np.mean, np.var, np.max, np.min, np.sort, np.argsort}
_NUMBERS = {"dumps", "item", "numpy", "tobytes", "tolist"}


# -- what is batched ----------------------------------------------------------------------


def is_batched(x: Any) -> bool:
    """Return whether arguments or parameters contain batched data."""
    kind = type(x)
    if kind is tuple or kind is list or kind is dict:
        for item in x.values() if kind is dict else x:  # noqa: SIM110 - any() takes three times as long
            if is_batched(item):
                return True
        return False
    return kind is Batched


def top_of(x: Any) -> Level:
    """Return the latest level of the batched data in `x`, of which there are some."""
    top: Any = None
    for found in ducks_in(x) if type(x) is not tuple else x:
        if type(found) is not Batched:
            found = max(ducks_in(found), key=_rank, default=None)
        if found is not None and (top is None or found.rank > top.rank):
            top = found
    level: Level = top.level
    return level


_rank = attrgetter("rank")


def _ndim(x: Any) -> int:
    return len(getattr(x, "shape", ()))


def is_of(x: Any, level: Level) -> bool:
    """Return whether data have their own numbers for each sample of this level."""
    return isinstance(x, Batched) and x.level is level


def of_all_samples(x: Any) -> Any:
    """Return the array that data stand for, of all samples of all levels."""
    while isinstance(x, Batched):
        x = x.whole
    return x


def refuse_samples(serial: int, data: Any) -> None:
    """Raise an error if data that differ between samples are written to a variable from outside."""
    if isinstance(data, Batched) and serial > data.level.start:
        raise BatchError(
            f"vmap: {data!r} are written to a variable from outside the function, which has one "
            "number for all samples: return them, and write what vmap returns"
        )


def refuse_leaks(data: Any) -> None:
    """Raise an error if results are samples of a batch that has ended."""
    if isinstance(data, Batched) and data.level.ended:
        raise BatchError(
            f"vmap: {data!r} were kept from inside a function that vmap has run: return them from "
            "the function"
        )


def stand_ins(x: Any) -> Any:
    """Return arguments with arrays of the same shape and dtype for those that are not known."""

    def array(x: DuckArray) -> np.ndarray:
        return np.ndarray(x.shape, x.dtype, _NOTHING, strides=(0,) * len(x.shape))

    return mapped(x, array)


_NOTHING = bytes(32)  # of the largest dtype


def _sample(level: Level, i: int, b: Batched) -> Any:
    if b.level is not level:
        return b
    return as_number(b.whole[i]) if b.number else b.whole[i]


def run(op: Any, *data: Any, **params: Any) -> Any:
    """Return an operation on data that may be recorded, or batched at an earlier level."""
    ducks = any(isinstance(x, DuckArray) for x in data)
    if ducks or (op.reads_params and next(ducks_in(params), None) is not None):
        return op(*data, **params)
    return op.evaluate(*data, **params)


# -- the loop: right for every operation --------------------------------------------------


def looped(function: Any, level: Level, args: Any, params: Any) -> Any:
    """Return the results of a function of each sample, stacked."""

    def row(pick: Callable[[Batched], Any]) -> Any:
        return function(*mapped(args, pick, Batched), **mapped(params, pick, Batched))

    rows = [row(partial(_sample, level, i)) for i in range(level.size)]
    # if there is no sample to tell the shape of the result, an invented one does
    invented = [] if rows else [row(lambda b: np.ones(b.shape, b.dtype))]
    return _joined(function, level, rows or invented)


def _joined(function: Any, level: Level, rows: list[Any]) -> Any:
    first = rows[0]
    if isinstance(first, tuple | list):
        parts = [_joined(function, level, list(column)) for column in zip(*rows, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    if first is None:
        return None
    if not isinstance(first, DATA) or any(np.shape(row) != np.shape(first) for row in rows):
        name = function.args[0] if isinstance(function, partial) else function.__name__
        raise BatchError(
            f"vmap: {name} gives no numbers, or its result has another shape for each sample: keep "
            "the shape, e.g. with deltaprop.numpy.where"
        )
    whole = np.stack(rows)[: level.size]
    return level.samples(whole, getattr(first, "number", type(first) in (float, int, complex)))


# -- the words ----------------------------------------------------------------------------


def elementwise(function: Callable[..., Any], level: Level, data: Any) -> Any:
    """Return a function of each entry: the axes of all arguments are lined up."""
    if function is np.multiply and all(is_of(x, level) and x.ndim == 2 for x in data):
        a, b = data
        if a.shape[1] == b.shape[0] == 1:
            return Batched.outer(level, a.whole[:, :, 0], b.whole[:, 0])
    ndim = max(map(_ndim, data))
    strong = [x.dtype for x in data if is_array(x)]
    lined: list[Any] = []
    numbers = not strong
    for x in data:
        if is_of(x, level):
            whole = x.whole
            if x.number and strong and whole.dtype.kind != "b":  # as NumPy takes a Python number
                whole = whole.astype(np.result_type(*strong, whole.dtype.type(0).item()))
            missing = ndim - len(x.shape)
            x = whole.reshape((level.size, *(1,) * missing, *x.shape)) if missing else whole
        lined.append(x)
    return level.samples(function(*lined), numbers)


def by_entry(op: Any, level: Level, data: Any, params: Any) -> Any:
    """The word of an operation on each entry."""
    return elementwise(lambda *xs: run(op, *xs, **params), level, data)


def stacked(op: Any, level: Level, data: Any, params: Any) -> Any:
    """The word of an operation that takes leading axes as they come."""
    return level.samples(run(op, *map(level.whole, data), **params))


def along(op: Any, level: Level, data: Any, params: Any) -> Any:
    """The word of an operation along an `axis`, or along `axes`."""
    name = "axes" if "axes" in params else "axis"
    return stacked(op, level, data, {**params, name: moved(params[name], _ndim(data[0]))})


def to_shape(_op: Any, level: Level, data: Any, params: Any) -> Any:
    """The word of an operation that broadcasts to a `shape`."""
    return _spread(level, data[0], params["shape"])


def reshaped(op: Any, level: Level, data: Any, params: Any) -> Any:
    """The word of an operation that reshapes: in order F, the batch comes last."""
    x, shape, order = level.whole(data[0]), params["shape"], params["order"]
    shape = np.broadcast_to(False, np.shape(data[0])).reshape(shape).shape  # without -1
    if order == "C":
        return level.samples(run(op, x, shape=(level.size, *shape), order=order))
    last = x.transpose((*range(1, len(x.shape)), 0))
    y = run(op, last, shape=(*shape, level.size), order=order)
    return level.samples(y.transpose((len(shape), *range(len(shape)))))


def transposed(op: Any, level: Level, data: Any, params: Any) -> Any:
    """The word of an operation that puts its `axes` into another order."""
    return stacked(op, level, data, {"axes": (0, *moved(params["axes"], len(params["axes"])))})


def summed(op: Any, level: Level, data: Any, params: Any) -> Any:
    """The word of an operation that sums back to a `shape` that was broadcast."""
    x, shape = level.whole(data[0]), params["shape"]
    lined = (level.size, *(1,) * (len(x.shape) - 1 - len(shape)), *shape)
    return level.samples(run(op, x, shape=lined).reshape((level.size, *shape)))


def by_mask(op: Any, level: Level, data: Any, params: Any) -> Any:
    """The word of an operation on each entry and the same entry of a `mask`."""
    return elementwise(lambda x, mask: run(op, x, mask=mask), level, (*data, params["mask"]))


def moved(axis: Any, ndim: int) -> Any:
    """Return the place of one or several axes behind the batch; None are all axes."""
    if axis is None:
        return tuple(range(1, ndim + 1))
    if isinstance(axis, tuple | list):
        return tuple([moved(i, ndim) for i in axis])
    return normalize_axis_index(axis, ndim) + 1


def steps(op: Any, _level: Level, data: Any, params: Any) -> Any:
    """The word of an operation that is a sequence of others."""
    return op.forward(*data, **params)


def _spread(level: Level, x: Any, shape: tuple[int, ...]) -> Any:
    whole = level.whole(x)
    lined = whole.reshape((level.size, *(1,) * (len(shape) - _ndim(x)), *np.shape(x)))
    return level.samples(np.broadcast_to(lined, (level.size, *shape)))


def matmul(_op: Any, level: Level, data: Any, _params: Any) -> Any:
    """The word of the matrix product: vectors become rows and columns, stacks are lined up."""
    a, b = data
    m, n, left, right = _ndim(a), _ndim(b), is_of(a, level), is_of(b, level)
    if not m or not n:
        np.matmul(*stand_ins(data))  # which says what is wrong
    if n == 1 and not right:
        return level.samples(a.whole @ b)
    if m == 1 and not left and n == 1:
        return level.samples(b.whole @ a)
    rows = a if m > 1 else level.samples(a.whole[:, None]) if left else a[None]
    columns = b if n > 1 else level.samples(b.whole[:, :, None]) if right else b[:, None]
    if left and rows.ndim == columns.ndim == 2 and not right:  # one product of all rows
        flat = rows.whole.reshape((level.size * rows.shape[0], rows.shape[1])) @ columns
        y = level.samples(flat.reshape((level.size, rows.shape[0], columns.shape[1])))
    else:
        y = elementwise(
            np.multiply if columns.shape[-2] == 1 else np.matmul, level, (rows, columns)
        )
    if m > 1 and n > 1:
        return y
    whole = y.whole[..., 0] if n == 1 else y.whole
    return level.samples(whole[..., 0] if m == n == 1 else whole[..., 0, :] if m == 1 else whole)


# -- indices ------------------------------------------------------------------------------


def order_of(ndim: int, source: Any, destination: Any) -> tuple[int, ...]:
    """Return the order of axes in which some are moved: a shape (0, 1, ...) shows where they go."""
    return np.moveaxis(np.empty(range(ndim)), source, destination).shape


class Led(NamedTuple):
    """The index of all samples; NumPy puts `axes` of what it reads to another place."""

    items: tuple[Any, ...]
    source: int = 0
    destination: int = 0
    axes: int = 0

    def ordered(self, entries: Any, back: bool = False) -> Any:
        """Return what was read with the batch first, then the axes of one sample; or undo it."""
        if self.source == self.destination or not self.axes:
            return entries
        ends = [range(at, at + self.axes) for at in (self.source, self.destination)]
        return entries.transpose(order_of(entries.ndim, *reversed(ends) if back else ends))


def led(index: Any, ndim: int, level: Level, batched: bool) -> Led | None:
    """Return the index of all samples, given that of one sample, which has `ndim` axes.

    `batched` says whether the array to index has its own entries for each sample. None stands for
    an index with arrays on both sides of a slice, whose axes NumPy puts first.
    """
    items = index if isinstance(index, tuple) else (index,)
    own = [is_of(i, level) for i in items]
    masks = [getattr(i, "dtype", None) == np.bool_ for i in items]
    if any(map(and_, own, masks)):
        raise BatchError(
            "vmap: an array is indexed by truth values that differ between the samples, and so "
            "would the number of entries: keep the shape, deltaprop.numpy.where(condition, x, y)"
        )
    arrays = [k for k, i in enumerate(items) if isinstance(i, _POSITIONS)]
    if not any(own[k] or _ndim(items[k]) for k in arrays):
        return Led((slice(None), *items))
    if arrays[-1] - arrays[0] >= len(arrays):
        return None
    if not any(own):
        return Led((slice(None), *items))
    shapes = [(1,) if masks[k] else np.shape(items[k]) for k in arrays]
    wide = len(np.broadcast_shapes(*shapes))
    taken = sum(_ndim(i) if mask else i is not None and i is not Ellipsis
                for i, mask in zip(items, masks, strict=True))  # fmt: skip
    before = sum(ndim - taken if i is Ellipsis else 1 for i in items[: arrays[0]])
    lined = [
        i.whole.reshape((level.size, *(1,) * (wide - i.ndim), *i.shape)) if mine else i
        for i, mine in zip(items, own, strict=True)
    ]
    if not batched:
        return Led(tuple(lined), before, 0, 1)
    lead = np.arange(level.size).reshape((level.size,) + (1,) * wide)
    return Led((lead, *lined), 1, 1 + before, wide)


_POSITIONS = (DuckArray, np.ndarray, np.integer, np.bool_, int)


def read(op: Any, level: Level, data: Any, params: Any) -> Any:
    """The word of an operation that reads the entries at an `index`."""
    (x,), index = data, params["index"]
    batched = is_of(x, level)
    found = led(index, _ndim(x), level, batched)
    if found is None:
        return looped(partial(run, op), level, data, params)
    y = run(op, x.whole if batched else x, index=found.items)
    return level.samples(found.ordered(y))


def written(op: Any, level: Level, data: Any, params: Any) -> Any:
    """The word of an operation that writes or adds entries at one `index`, or several."""
    many = "indices" in params
    indices = params["indices"] if many else (params["index"],)
    shape = params["shape"] if many else np.shape(data[0])
    found = [x for index in indices if (x := led(index, len(shape), level, True))]
    if len(found) < len(indices):
        return looped(partial(run, op), level, data, params)
    target = () if many else (data[0],)
    wholes = list(map(level.whole, target))
    for index, place, value in zip(indices, found, data[len(target) :], strict=True):
        like = np.broadcast_to(False, shape)[stand_ins(index)].shape
        wholes.append(place.ordered(_spread(level, value, like).whole, back=True))
    places = tuple([place.items for place in found])
    more = {"indices": places, "shape": (level.size, *shape)} if many else {"index": places[0]}
    return level.samples(run(op, *wholes, **{**params, **more}))
