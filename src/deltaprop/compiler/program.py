"""A program: the flat list of operations that a function was recorded as.

An operation of the table, or a NumPy function without derivatives, is applied to symbols
and constants and gives a symbol. Nothing here knows how it is executed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph import DuckArray, as_number
from ..graph.arrays import mapped

_FLOAT = np.dtype(float)


class Variable(DuckArray):
    """A symbol of a program: what it will hold, and where it came from.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype or None
        None for what is no array: a generator of random numbers, a tuple, a list.
    strides : tuple of int
        How its entries lay in memory when it was recorded.
    dense : bool
        Whether that was in a row, in order.
    size : int
    number : bool
        Whether it is a Python number, and no array.
    scalar : bool
        Whether it is one of NumPy's scalars.
    boxed : bool
        Whether it is no plain array: a tuple, a list, a generator, a matrix, an array of objects.
    """

    __slots__ = ("boxed", "dense", "dtype", "number", "scalar", "shape", "size", "strides")

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: Any
    dense: bool
    size: int

    def __init__(self, like: Any) -> None:
        self.number = not isinstance(like, (np.ndarray, np.generic))
        self.scalar: bool = isinstance(like, np.generic)
        if not self.number:
            self.shape, self.strides, self.dtype = like.shape, like.strides, like.dtype
            self.size, self.dense = like.size, like.flags.c_contiguous
            plain = self.scalar or type(like) is np.ndarray
            self.boxed: bool = like.dtype.hasobject or not plain
            return
        self.shape = self.strides = ()
        self.size, self.dense = 1, True
        self.number: bool = not isinstance(like, (tuple, list, np.random.Generator))
        self.dtype = (
            None if not self.number else _FLOAT if type(like) is float else np.result_type(like)
        )
        self.boxed = self.dtype is None or self.dtype.hasobject

    @classmethod
    def like(cls, x: Variable) -> Variable:
        """Another variable that looks the same."""
        made = object.__new__(Variable)
        for name in Variable.__slots__:
            setattr(made, name, getattr(x, name))
        return made

    @property
    def nbytes(self) -> int:
        return 0 if self.dtype is None else self.size * int(self.dtype.itemsize)

    @property
    def described(self) -> str:
        """Dtype and shape, for people to read."""
        if self.dtype is None:
            return "object"
        return f"{self.dtype.name}{list(self.shape)}" if not self.number else str(self.dtype)


NO_PARAMS: dict[str, Any] = {}


@dataclass(slots=True, eq=False)
class Call:
    """``result = function(*args, **params)``.

    Attributes
    ----------
    function : callable or Vector
        A Primitive, or a function of NumPy's; or many operations on numbers.
    args, params
        Variables, constants and containers of them.
    result : Variable
    item : bool
        Whether a result without axes becomes a Python number.
    effect : bool
        Whether it counts even if nobody uses the result, and every time: a random draw,
        a check.
    reads : tuple of Variable
        Those in `args` and `params`.
    recompute_id : int
        Not 0 for what a checkpoint computes again, so as not to keep it.
    form : tuple
        How an executor does it, once that was found out.
    """

    function: Any
    args: tuple[Any, ...]
    params: dict[str, Any]
    result: Variable
    item: bool = False
    effect: bool = False
    reads: tuple[Variable, ...] = ()
    recompute_id: int = 0
    form: Any = None

    @property
    def name(self) -> str:
        return str(getattr(self.function, "__name__", self.function))


@dataclass(slots=True)
class Program:
    """Inputs, calls and outputs; every variable is written once, before it is read.

    Attributes
    ----------
    inputs : list of Variable
    calls : list of Call
    outputs : list
        Variables, or constants.
    """

    inputs: list[Variable]
    calls: list[Call]
    outputs: list[Any]

    def with_calls(self, calls: list[Call], known: Mapping[Any, Any] | None = None) -> Program:
        """The program with other calls, and outputs replaced as `known` says."""
        outputs = self.outputs if not known else [substituted(x, known) for x in self.outputs]
        return Program(self.inputs, calls, outputs)


def is_draw(call: Call) -> bool:
    """Whether a call draws random numbers, which moves the generator on."""
    return getattr(np.random.Generator, call.name, None) is call.function


def flops(call: Call) -> int:
    """About how many operations on numbers a call takes: 0 for what only moves them."""
    if call.name in ("matmul", "affine"):
        shape = getattr(call.args[0], "shape", ())
        return 2 * max(call.result.size, 1) * (shape[-1] if shape else 1)
    if getattr(call.function, "moves", call.name in ("pack", "part")):
        return 0
    return max([x.size for x in (*call.reads, call.result)])


def listed(
    program: Program, names: Mapping[Variable, str], offsets: Mapping[Variable, int], total: str
) -> str:
    """The program for people to read: a call a line, with what it costs and where it writes.

    Parameters
    ----------
    program : Program
    names : mapping
        What inputs are called.
    offsets : mapping
        Where in the buffers a variable lies; other results are new arrays.
    total : str
        The last line.
    """
    names = dict(names)
    lines = [f"{names[x]}: {x.described}" for x in program.inputs]
    for i, call in enumerate(program.calls):
        y = names[call.result] = f"v{i}"
        args = [_text(x, names) for x in call.args]
        args += [f"{key}={_text(x, names)}" for key, x in call.params.items()]
        where = f"at {offsets[call.result]:,}" if call.result in offsets else ""
        text = f"{y}: {call.result.described} = {call.name}({', '.join(args)})"
        lines.append(
            f"{text:<64}{call.result.nbytes:>10,} B {flops(call):>12,} flops  {where}".rstrip()
        )
    outputs = ", ".join([_text(x, names) for x in program.outputs])
    return "\n".join([*lines, f"gives {outputs}", total])


def _text(x: Any, names: Mapping[Variable, str]) -> str:
    if isinstance(x, Variable):
        return names[x]
    if isinstance(x, tuple):
        return f"({', '.join([_text(item, names) for item in x])})"
    if isinstance(x, np.ndarray):
        return f"{x.dtype.name}{list(x.shape)}"
    return repr(x)


def rewritten(call: Call, known: Mapping[Any, Any]) -> Call:
    """The call with some of the variables that it reads replaced by others."""
    args, params = substituted(call.args, known), substituted(call.params, known)
    reads = tuple([known.get(x, x) for x in call.reads])
    return Call(
        call.function, args, params, call.result, call.item, call.effect, reads, call.recompute_id
    )


def substituted(x: Any, known: Mapping[Any, Any]) -> Any:
    """`x` with its variables replaced, where `known` has something for them."""
    return mapped(x, lambda variable: known.get(variable, variable))


def run(function: Callable[..., Any], args: Any, params: Any, item: bool) -> Any:
    """The result of a call, on data."""
    y = getattr(function, "evaluate", function)(*args, **params)
    return as_number(y) if item else y


def alias(x: Any) -> Any:
    """The same data under another name."""
    return x


def pack(*xs: Any) -> Any:
    """The entries of several arrays of one dtype in one row."""
    return np.concatenate([x.ravel() for x in xs])


def part(x: Any, start: int, shape: tuple[int, ...]) -> Any:
    """One of the arrays that were packed."""
    return x[start : start + math.prod(shape)].reshape(shape)
