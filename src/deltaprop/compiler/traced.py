"""Traced: what stands for an array or a number while a function is recorded."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from threading import get_ident
from typing import Any

import numpy as np

from ..calculus import indexing, shaping
from ..graph import REGISTRY, Node
from ..graph.modes import caller
from ..graph.symbol import Symbol, TraceError
from ..value import Value
from .program import NO_PARAMS, Call, Variable, as_number, mapped, symbols_in

# answered from shapes and dtypes alone
_STATIC = {
    np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj, np.can_cast,
    np.ones_like, np.zeros_like, np.empty_like,
}  # fmt: skip
# how long the result is depends on the data
UNSHAPED = {
    np.nonzero, np.flatnonzero, np.argwhere, np.extract, np.compress, np.unique,
    np.unique_values, np.unique_all, np.unique_counts, np.unique_inverse, np.trim_zeros,
}  # fmt: skip
_METHODS: dict[str, Any] = {
    name: item for kind in Value.__mro__ for name, item in vars(kind).items()
}
# what Values have, and data do not
_OF_VALUES = {
    "assign", "at", "backward", "data", "detach", "grad", "inputs", "is_constant", "name",
    "register_hook", "zero_grad",
}  # fmt: skip
SHAPED = "Keep the shape: choose entries with deltaprop.numpy.where, or multiply by the condition"


def refused(what: str, instead: str) -> TraceError:
    """The error for what cannot be recorded: what, where, and the way out."""
    return TraceError(
        f"{what}, at {caller()}. A compiled function is recorded once, before its data are "
        f"known. {instead}"
    )


class Traced(Variable):
    """A variable of a program that is being recorded; `value` is what it was in this run.

    It behaves like the array or number that it stands for, as long as operations on it are
    asked for, and not their outcome.
    """

    __slots__ = ("trace", "value")

    def __init__(self, trace: Any, value: Any) -> None:
        Variable.__init__(self, value)
        self.trace = trace
        self.value = value

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getattr__(self, name: str) -> Any:
        if name != "dtype" and self.dtype is None and hasattr(np.random.Generator, name):
            return getattr(self.trace.generator(self), name)
        method = None if name in _OF_VALUES or name[0] == "_" else _METHODS.get(name)
        if method is None:
            raise AttributeError(f"a recorded array has no attribute {name!r}")
        return method.__get__(self, type(self))

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """The entries converted, as of an array."""
        if not copy and self.dtype == dtype:
            return self
        return emit(shaping._astype, (self,), {"dtype": np.dtype(dtype)})

    def as_number(self) -> Any:
        """The same as a Python number."""
        return self if self.number else emit(as_number, (self,), {})

    def copy(self) -> Traced:
        """Itself: data that were recorded never change."""
        return self

    def __getitem__(self, index: Any) -> Any:
        if any(i.dtype.kind == "b" and i.shape for i in symbols_in(index)):
            raise refused("an array is indexed with recorded truth values", SHAPED)
        return indexing.getitem(self, index)

    def __setitem__(self, index: Any, new: Any) -> None:
        raise refused("an entry of a recorded array is assigned", "Write x = x.at[index].set(new)")

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

    def _number(self, *_: Any, **__: Any) -> Any:
        raise refused(
            "a recorded value is asked for as a number (float(), item(), numpy(), ...) or "
            "written into an array of NumPy's",
            "Return it and do that outside, or pass it as a static argument",
        )

    __float__ = __int__ = __index__ = __complex__ = __array__ = item = tolist = numpy = _number

    def __repr__(self) -> str:
        return f"<recorded {self}>"

    __hash__ = object.__hash__

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        for x in args:
            if isinstance(x, Node):
                return NotImplemented  # Values know better
        if kwargs.get("out") is not None or method == "at":
            raise refused(f"np.{ufunc.__name__} writes into an array", "Write a = a + b")
        if method != "__call__":
            return emit(getattr(ufunc, method), args, kwargs)
        return emit(_TABLE.get(ufunc, ufunc), args, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.shape and args and isinstance(args[0], Traced):
            return args[0].shape
        for kind in types:
            if issubclass(kind, Node):
                return NotImplemented
        if function in _STATIC:
            return function(*values(args), **values(kwargs))
        if function is np.array2string:
            return repr(self)
        if function is np.where and len(args) == 3:
            function = REGISTRY["where"]
        return emit(function, args, kwargs)


class Number(Traced):
    """As `Traced`, for a Python float; made by the ten thousand, so made of little."""

    __slots__ = ()

    shape = strides = ()
    dtype = np.dtype(float)
    size = 1
    dense = number = real_number = True

    def __init__(self, trace: Any, value: float) -> None:
        self.trace = trace
        self.value = value


def emit(function: Any, args: Any, params: dict[str, Any], **how: Any) -> Any:
    """Note a call in the recording that its arguments belong to."""
    known = args and isinstance(args[0], Traced)
    trace = (args[0] if known else next(symbols_in((args, params)))).trace
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
    return trace.emit(function, args, params, **how)


_new: Any = object.__new__
_TABLE = {op.forward: op for op in REGISTRY.values() if isinstance(op.forward, np.ufunc)}
_TABLE[np.matmul] = REGISTRY["matmul"]  # whose forward says more when shapes do not fit
_RAW = (Symbol, np.ndarray, np.generic, float, int, complex)


def _operator(primitive: Any, reflected: bool = False) -> Callable[..., Any]:
    def method(self: Traced, *other: Any) -> Any:
        if other and not isinstance(other[0], _RAW):
            return NotImplemented
        args = (*other, self) if reflected else (self, *other)
        if self.number and all(map(is_number, args)):
            # as Python's operators do, those on numbers give numbers, not NumPy's scalars
            return number(primitive, args)
        return emit(primitive, args, {})

    return method


def _arithmetic(name: str, reflected: bool = False) -> Callable[..., Any]:
    """An operator of `Number`: that of any symbol, with a short way for two floats."""
    general = getattr(Traced, name)
    plain = name.strip("_").removeprefix("r" if reflected else "")
    primitive, on_floats = REGISTRY[_BINARY[plain]], getattr(operator, plain)

    def method(self: Number, other: Any) -> Any:
        trace, kind = self.trace, type(other)
        if trace.thread != get_ident():
            return general(self, other)  # which knows what to say
        if kind is Number and other.trace is trace:
            args = self, other
            return _noted(trace, primitive, args, args, on_floats(self.value, other.value))
        if kind is not float:
            return general(self, other)
        if reflected:
            return _noted(trace, primitive, (other, self), (self,), on_floats(other, self.value))
        return _noted(trace, primitive, (self, other), (self,), on_floats(self.value, other))

    return method


def number(function: Any, args: Sequence[Any]) -> Any:
    """As `emit`, of an operation on Python numbers, whose result becomes one."""
    reads = tuple([x for x in args if isinstance(x, Traced)])
    trace = reads[0].trace
    for x in reads:
        if x.trace is not trace or trace.thread != get_ident():
            return emit(function, args, {}, item=True)  # which knows what to say
    y = as_number(function.evaluate(*[x.value if isinstance(x, Traced) else x for x in args]))
    return _noted(trace, function, tuple(args), reads, y)


def _noted(trace: Any, function: Any, args: Any, reads: Any, y: Any) -> Any:
    """The symbol of a number that a call gives, and the call; both as if they were written out,
    since they are made by the ten thousand.
    """
    if type(y) is float:
        result: Any = _new(Number)
        result.trace = trace
        result.value = y
    else:
        result = trace.symbol(y)
    call = _new(Call)
    call.function = function
    call.args = args
    call.params = NO_PARAMS
    call.result = result
    call.item = True
    call.effect = False
    call.reads = reads
    call.turn = trace.turn
    trace.calls.append(call)
    return result


def is_number(x: Any) -> Any:
    """Whether `x` stands for a Python number."""
    kind = type(x)
    if kind is Traced:
        return x.number
    return kind is Number or kind is float or kind is int or kind is complex


_UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}
_BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power",
    "mod": "remainder", "floordiv": "floor_divide", "and": "bitwise_and", "or": "bitwise_or",
    "xor": "bitwise_xor",
}  # fmt: skip
_COMPARISONS = {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal",
    "ne": "not_equal",
}  # fmt: skip
for _name, _op in (_UNARY | _BINARY | _COMPARISONS).items():
    setattr(Traced, f"__{_name}__", _operator(REGISTRY[_op]))
for _name, _op in _BINARY.items():
    setattr(Traced, f"__r{_name}__", _operator(REGISTRY[_op], reflected=True))
for _name in ("__add__", "__sub__", "__mul__"):
    setattr(Number, _name, _arithmetic(_name))
for _name in ("__radd__", "__rsub__", "__rmul__"):
    setattr(Number, _name, _arithmetic(_name, reflected=True))
for _name in ("__matmul__", "__rmatmul__"):
    setattr(Traced, _name, getattr(Value, _name))


def values(x: Any) -> Any:
    """`x` with what its symbols were in this run."""
    return mapped(x, lambda symbol: symbol.value)


class Draws:
    """A `numpy.random.Generator` whose methods are recorded.

    `state` is the generator's from before the recording.
    """

    def __init__(self, trace: Any, source: Any, generator: np.random.Generator) -> None:
        self.trace = trace
        self.source = source
        self.generator = generator
        self.state = generator.bit_generator.state

    def __getattr__(self, name: str) -> Any:
        method = getattr(np.random.Generator, name)

        def draw(*args: Any, **kwargs: Any) -> Any:
            return self.trace.emit(method, (self.source, *args), kwargs, effect=True)

        return draw
