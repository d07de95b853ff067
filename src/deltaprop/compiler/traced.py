"""Traced: what stands for an array or a number while a function is recorded."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Sequence
from threading import get_ident
from typing import Any

import numpy as np

from ..calculus import indexing, shaping
from ..data import shown
from ..graph import REGISTRY, Node, as_number
from ..graph.arrays import BINARY, ducks_in, mapped
from ..graph.batches import Batched
from ..graph.modes import caller
from ..graph.node import absent
from .program import NO_PARAMS, Call, Variable, run
from .turns import change

# answered from shapes and dtypes alone
_STATIC = {
    np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj, np.can_cast,
    np.ones_like, np.zeros_like, np.empty_like, np.common_type,
}  # fmt: skip
# how long the result is depends on the data
UNSHAPED: set[Any] = {
    np.nonzero, np.flatnonzero, np.argwhere, np.extract, np.compress, np.unique,
    np.unique_values, np.unique_all, np.unique_counts, np.unique_inverse, np.trim_zeros,
}  # fmt: skip
# methods of arrays that are those of Values, and no functions of NumPy's
_AS_VALUES = {"T", "clip", "flatten", "mT", "ravel", "reshape", "squeeze", "swapaxes", "transpose"}
_KNOWN = {"device", "itemsize"}
_BETTER = (Node, Batched)  # who know what to do with recorded arrays
_NUMBERS = {"dumps", "item", "numpy", "tobytes", "tolist"}
_IN_PLACE = {
    "byteswap", "dump", "fill", "partition", "put", "resize", "setfield", "setflags", "sort",
    "tofile",
}  # fmt: skip
_SLOTS = {"_trace", "_value", "variable", *Variable.__slots__}
SHAPED = "Keep the shape: choose entries with deltaprop.numpy.where, or multiply by the condition"


class TraceError(TypeError):
    """Raised if a function asks for something that is not known while the function is recorded.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.compile(lambda x: x if x > 0 else -x)(1.0)
    Traceback (most recent call last):
        ...
    deltaprop.compiler.traced.TraceError: the code branches on a recorded value, ...
    """


class UnfitError(TraceError):
    """A compiled function is to run as it is, this time: what was recorded does not hold."""


def refused(what: str, instead: str, at: str | None = None) -> TraceError:
    """The error for what cannot be recorded: what, where, and the way out."""
    return TraceError(
        f"{what}, at {at or caller()}. A compiled function is recorded once, before its data are "
        f"known. {instead}"
    )


def _inside() -> bool:
    """Whether it is code of this package that asks; its own tests are elsewhere."""
    return sys._getframe(2).f_globals.get("__name__", "").startswith("deltaprop")


class Traced(Variable):
    """What stands for a variable of a program that is being recorded.

    The program knows the `variable`; `_value`, what it was in this run, lives as long as
    somebody holds this. It behaves like the array or number that it stands for, as long as
    operations on it are asked for, and not their outcome.
    """

    __slots__ = ("__weakref__", "_trace", "_value", "variable")

    def __init__(self, trace: Any, value: Any) -> None:
        Variable.__init__(self, value)
        self.variable: Variable = Variable(value)
        self._trace = trace
        self._value = value

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # whoever asks what it is shall go the way of the array or number that it stands for
        kind = type(self)
        return kind if self._trace.thread is None or _inside() else type(self._value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("dtype", "shape", "strides") and not _inside():
            raise refused(f"the {name} of a recorded array is assigned", "Write x.reshape()")
        object.__setattr__(self, name, value)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getattr__(self, name: str) -> Any:
        if name in _SLOTS or self._trace.thread is None:
            raise AttributeError(f"a recorded array has no attribute {name!r}")
        kind = type(self._value)
        if issubclass(kind, np.random.Generator):
            return getattr(self._trace.generator(self), name)
        method = None if name[0] == "_" else self.methods.get(name)
        inside = _inside()
        if name in _NUMBERS and (inside or hasattr(kind, name)):
            return self._number
        as_values = name in _AS_VALUES and issubclass(kind, np.ndarray)
        if method is not None and (inside or as_values):
            return method.__get__(self, type(self))
        if inside or not hasattr(kind, name):
            raise AttributeError(f"{kind.__name__!r} object has no attribute {name!r}")
        if name.startswith("__array_"):
            self._number()
        if name in _KNOWN:
            return getattr(self._value, name)
        if name == "T":
            return self  # a scalar's
        own = getattr(kind, name)
        if issubclass(kind, (np.ndarray, np.generic)) or name in ("real", "imag"):
            # which XLA knows, too
            own = own if name in _AS_VALUES else getattr(np, name, own)
        if name[0] == "_" or name in _IN_PLACE or not callable(own):
            raise refused(
                f"{name!r} of a recorded array or number is asked for",
                "Compute what you need of it with NumPy's functions, or outside",
            )
        if not callable(getattr(kind, name)):
            return foreign(own, (self,), {})
        return lambda *args, **kwargs: foreign(own, (self, *args), kwargs)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """The entries converted, as of an array."""
        if self.dtype == dtype and not (copy and self.number):
            return self.copy()
        # one of NumPy's scalars gives another
        scalar = issubclass(type(self._value), np.generic)
        how = np.generic.astype if scalar else shaping._astype
        return emit(how, (self,), {"dtype": np.dtype(dtype)})

    def as_number(self) -> Any:
        """The same as a Python number."""
        return self if self.number else emit(as_number, (self,), {})

    def absent(self) -> Traced:
        """The same variable, without what it was in this run."""
        made = Traced(self._trace, absent(self._value))
        made.strides, made.dense, made.variable = self.strides, self.dense, self.variable
        return made

    def copy(self) -> Any:
        """The data themselves: they never change, whatever is written to a variable."""
        return _live(self._trace).current(self)

    def verify(self, check: Callable[..., None], args: Any, always: bool) -> None:
        """Check the data now and in each run (now alone, if not `always`)."""
        emit(check, args, {}, effect=always)

    def __getitem__(self, index: Any) -> Any:
        if any(i.dtype.kind == "b" and i.shape for i in ducks_in(index)):
            raise refused("an array is indexed with recorded truth values", SHAPED)
        return indexing.getitem(self, index)

    def __setitem__(self, index: Any, new: Any) -> None:
        raise refused(
            "an entry of a recorded array is assigned in place", "Write x = x.at[index].set(new)"
        )

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a number has no len()")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        raise refused(
            "the code branches on a recorded value",
            "Choose with deltaprop.numpy.where, or let the branch depend on a bool, an int or "
            "another static argument",
        )

    def verify_own(self) -> None:
        """Raise an error if another thread makes the recording."""
        _live(self._trace)

    def _number(self, *_: Any, **__: Any) -> Any:
        self.verify_own()
        raise refused(
            "a recorded value is asked for as a number (float(), item(), numpy(), ...) or "
            "written into a NumPy array",
            "Return the value and convert it outside, or pass it as a static argument",
        )

    __float__ = __int__ = __index__ = __complex__ = __array__ = _number
    __round__ = __trunc__ = __floor__ = __ceil__ = __bytes__ = _number

    def _text(self, *_: Any) -> Any:
        self.verify_own()
        raise refused(
            "a recorded value is asked for as text (str(), format(), print(), an f-string)",
            "Return it and write it outside, or show its repr(), which has no numbers",
        )

    __str__ = __format__ = _text

    def __repr__(self) -> str:
        return f"<recorded {self.described}>"

    def __copy__(self) -> Traced:
        return self

    def __deepcopy__(self, _: Any) -> Traced:
        return self

    def __reduce_ex__(self, _: Any) -> Any:
        raise refused("a recorded value is pickled", "Return it and do that outside")

    def __array_namespace__(self, **_: Any) -> Any:
        return np

    def operate(self, ufunc: np.ufunc, args: Any) -> Any:
        """What an operator gives; on Python's numbers it is one of those, and not NumPy's."""
        operation = REGISTRY[ufunc.__name__]
        if self.number and all(map(is_number, args)):
            return number(operation, args)
        return emit(operation, args, {})

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        for x in args:
            if isinstance(x, _BETTER):
                return NotImplemented
        if kwargs.get("out") is not None or method == "at":
            raise refused(f"np.{ufunc.__name__} writes into an array", "Write a = a + b")
        if method != "__call__":
            return foreign(getattr(ufunc, method), args, kwargs)
        # NumPy makes a scalar of its own of Python's numbers
        known = None if all(map(is_number, args)) else _TABLE.get(ufunc)
        return foreign(ufunc, args, kwargs) if known is None else emit(known, args, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.shape and args and isinstance(args[0], Traced):
            return args[0].shape
        for kind in types:
            if issubclass(kind, _BETTER):
                return NotImplemented
        if function in _STATIC:
            return function(*values(args), **values(kwargs))
        if function is np.array2string and _inside():
            return repr(self)
        if function is np.where and len(args) == 3:
            function = REGISTRY["where"]
        return foreign(function, args, kwargs)


class Number(Traced):
    """As `Traced`, for a Python float; made by the ten thousand, so made of little."""

    __slots__ = ()

    __setattr__ = object.__setattr__  # type: ignore[assignment]
    variable: Any = property(lambda self: self)
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    dtype: Any = np.dtype(float)
    size = 1
    dense = number = real_number = True
    boxed = scalar = False

    def __init__(self, trace: Any, value: float) -> None:
        self._trace = trace
        self._value = value


class _OfArrays:
    """An attribute that arrays have, and Python's numbers have not: so `hasattr` says, outside."""

    def __init__(self, name: str, found: Any) -> None:
        self.name = name
        self.found = found

    def __get__(self, x: Any, owner: Any = None) -> Any:
        if x is not None and x._trace.thread is not None and not _inside():
            kind = type(x._value)
            missing = not hasattr(kind, self.name)
            scalar = issubclass(kind, np.generic) and self.name == "__getitem__"
            if scalar or (missing and self.name == "__array__"):
                x._number()  # else Python, or NumPy, would try something else
            if missing:
                raise AttributeError(f"{kind.__name__!r} object has no attribute {self.name!r}")
        return self.found.__get__(x, owner) if hasattr(self.found, "__get__") else self.found


_METADATA = [
    _OfArrays(name, getattr(Number, name)) for name in ("dtype", "ndim", "shape", "size", "strides")
]
for _name in ("__array__", "__getitem__", "__iter__", "__len__", "astype", "copy"):
    setattr(Traced, _name, _OfArrays(_name, vars(Traced)[_name]))


def guard() -> None:
    """Let recorded numbers have shapes and dtypes for this package alone.

    The passes ask too often for what is guarded, so it is for the time of a recording.
    """
    for item in _METADATA:
        change(Number, item.name, item, vars(Number).get(item.name, item.found))


def emit(function: Any, args: Any, params: dict[str, Any], **how: Any) -> Any:
    """Note a call in the recording that its arguments belong to."""
    known = args and isinstance(args[0], Traced)
    first = args[0] if known else next(ducks_in((args, params)))
    return _live(first._trace).emit(function, args, params, **how)


def _live(trace: Any) -> Any:
    """The recording, if it still goes on in this thread."""
    if trace.thread is None:
        raise refused(
            "a value was kept from inside a compiled function",
            "Return it, or keep it in a dp.Value, which is read and written in each call",
        )
    if trace.thread != get_ident():
        raise refused(
            "a variable is used in one thread while another one records a function that uses it",
            "Call the compiled function once before there are several threads",
        )
    return trace


def foreign(function: Any, args: Any, params: dict[str, Any]) -> Any:
    """As `emit`, of a function that may do anything: it must give data, and write nowhere."""
    trace = next(ducks_in((args, params)))._trace
    if trace.thread == get_ident() and function not in UNSHAPED:
        name = getattr(function, "__name__", function)
        data = values(args), values(params)
        try:
            y = _tried(function, data, shown)
        except ValueError:
            # for its own reasons, if it says so again
            _tried(function, data, np.array)
            y = None
        if function in _WHERE or not _is_data(y):
            raise refused(
                f"{name} of a recorded array writes into an array, or gives no numbers",
                "Use a function that gives a new array, or do that outside",
            )
    return emit(function, args, params)


def _tried(function: Any, data: Any, change: Callable[[Any], Any]) -> Any:
    args, params = mapped(data, change, np.ndarray)
    return run(function, args, params, False)


def _is_data(y: Any) -> bool:
    """Whether it is numbers, or a tuple or list of them."""
    if isinstance(y, (tuple, list)):
        return all(map(_is_data, y))
    if isinstance(y, (np.ndarray, np.generic)):
        return y.dtype.kind in "biufcmM"
    return isinstance(y, (int, float, complex))


# they say where arrays lie, not what is in them
_WHERE = {np.shares_memory, np.may_share_memory}
_new: Any = object.__new__
_TABLE = {op.forward: op for op in REGISTRY.values() if isinstance(op.forward, np.ufunc)}
_TABLE[np.matmul] = REGISTRY["matmul"]  # whose forward says more when shapes do not fit


def _in_place(name: str) -> Callable[..., Any]:
    """An operator such as ``+=``: of an array, it keeps the dtype and the shape."""

    def method(self: Traced, other: Any) -> Any:
        made = getattr(self, f"__{name}__")(other)
        kept = self._value
        if not isinstance(kept, np.ndarray) or not isinstance(made, Traced) or _inside():
            return made
        leaf, _ = self._trace.aliases.get(self, (None, None))
        if leaf is None and self._trace.is_argument(self):
            raise refused("an argument is changed in place", "Write x = x + y in place of x += y")
        if made.shape != self.shape or not np.can_cast(made.dtype, self.dtype, "same_kind"):
            raise TypeError(
                f"an array of shape {self.shape} and dtype {self.dtype} cannot hold, in place, "
                f"a result of shape {made.shape} and dtype {made.dtype}: write x = x + y"
            )
        if made.dtype != self.dtype or not made.shape:
            made = emit(shaping._astype, (made,), {"dtype": self.dtype})
        if leaf is not None:  # what v.data gave: v is written to
            leaf.write(made)
            self._trace.aliases[made] = leaf, made
        return made

    return method


def _arithmetic(name: str, reflected: bool = False) -> Callable[..., Any]:
    """An operator of `Number`: that of any symbol, with a short way for two floats."""
    general = getattr(Traced, name)
    plain = name.strip("_").removeprefix("r" if reflected else "")
    primitive, on_floats = REGISTRY[BINARY[plain].__name__], getattr(operator, plain)

    def method(self: Number, other: Any) -> Any:
        trace, kind = self._trace, type(other)
        if trace.thread != get_ident():
            return general(self, other)  # which knows what to say
        if kind is Number and other._trace is trace:
            args = (other, self) if reflected else (self, other)
            return _noted(trace, primitive, args, args, on_floats(self._value, other._value))
        if kind is not float:
            return general(self, other)
        if reflected:
            return _noted(trace, primitive, (other, self), (self,), on_floats(other, self._value))
        return _noted(trace, primitive, (self, other), (self,), on_floats(self._value, other))

    return method


def number(function: Any, args: Sequence[Any]) -> Any:
    """As `emit`, of an operation on Python numbers, whose result becomes one."""
    reads = tuple([x for x in args if isinstance(x, Traced)])
    trace = reads[0]._trace
    for x in reads:
        if x._trace is not trace or trace.thread != get_ident():
            return emit(function, args, {}, item=True)  # which knows what to say
    y = as_number(function.evaluate(*[x._value if isinstance(x, Traced) else x for x in args]))
    return _noted(trace, function, variables(tuple(args)), variables(reads), y)


def _noted(trace: Any, function: Any, args: Any, reads: Any, y: Any) -> Any:
    """The symbol of a number that a call gives, and the call; both as if they were written out,
    since they are made by the ten thousand.
    """
    if type(y) is float:
        result: Any = _new(Number)
        result._trace = trace
        result._value = y
    else:
        result = trace.symbol(y)
    call: Any = _new(Call)
    call.function = function
    call.args = args
    call.params = NO_PARAMS
    call.result = result.variable
    call.item = True
    call.effect = False
    call.reads = reads
    call.recompute_id = trace.recompute_id
    call.form = None
    trace.calls.append(call)
    return result


def is_number(x: Any) -> Any:
    """Whether `x` stands for a Python number."""
    kind = type(x)
    if kind is Traced:
        return x.number
    return kind is Number or kind is float or kind is int or kind is complex


for _name in BINARY:
    setattr(Traced, f"__i{_name}__", _in_place(_name))
for _name in ("__add__", "__sub__", "__mul__"):
    setattr(Number, _name, _arithmetic(_name))
    setattr(Number, _name.replace("__", "__i", 1), getattr(Number, _name))
for _name in ("__radd__", "__rsub__", "__rmul__"):
    setattr(Number, _name, _arithmetic(_name, reflected=True))
for _name in ("__matmul__", "__rmatmul__"):
    setattr(Traced, _name, _OfArrays(_name, getattr(Traced, _name)))


def values(x: Any) -> Any:
    """`x` with what its symbols were in this run."""
    return mapped(x, lambda symbol: symbol._value)


def variables(x: Any) -> Any:
    """`x` with the program's variables for its symbols."""
    return mapped(x, lambda symbol: symbol.variable)


# they change what they are given, or give no numbers
_NO_DRAWS = {"bit_generator", "bytes", "shuffle", "spawn"}
# methods that write into an array, if they are given so many arguments
_OUT = {
    "permuted": 3,
    "random": 3,
    "standard_exponential": 4,
    "standard_gamma": 4,
    "standard_normal": 3,
}
_DRAW = "Draw new arrays: rng.permutation(x) in place of rng.shuffle(x)"


class Draws:
    """A `numpy.random.Generator` whose methods are recorded."""

    def __init__(self, trace: Any, source: Any) -> None:
        self.trace = trace
        self.source = source

    def __getattr__(self, name: str) -> Any:
        method = getattr(np.random.Generator, name)
        if name in _NO_DRAWS or not callable(method):
            raise refused(f"{name!r} of a recorded generator is asked for", _DRAW)

        def draw(*args: Any, **kwargs: Any) -> Any:
            if kwargs.get("out") is not None or len(args) >= _OUT.get(name, 9):
                raise refused(f"{name} of a recorded generator writes into an array", _DRAW)
            return self.trace.emit(method, (self.source, *args), kwargs, effect=True)

        return draw
