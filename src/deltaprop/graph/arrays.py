"""What operations require of data, for every kind of array.

Data are NumPy arrays and scalars, Python numbers, and objects that behave like them. A `DuckArray`
has a shape and a dtype, but its numbers may be known only later, or be somewhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

# the functions behind the operators
BINARY: dict[str, np.ufunc] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "pow": np.power,
    "mod": np.remainder, "floordiv": np.floor_divide, "matmul": np.matmul,
    "lshift": np.left_shift, "rshift": np.right_shift, "and": np.bitwise_and,
    "or": np.bitwise_or, "xor": np.bitwise_xor,
}  # fmt: skip
COMPARISONS: dict[str, np.ufunc] = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip
_UNARY: dict[str, np.ufunc] = {
    "neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert,
}  # fmt: skip


class DuckArray:
    """An array or a number that is neither NumPy's nor Python's."""

    __slots__ = ()

    # the methods of Values that any array has; a higher floor sets them
    methods: ClassVar[dict[str, Any]] = {}

    shape: tuple[int, ...]
    dtype: Any
    number: bool  # whether the object stands for a Python number
    # whether the object stands for a Python float
    real_number = False
    # of two kinds of objects, the one of higher rank knows what to do with both
    rank = 0

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """Return the entries converted, like `ndarray.astype`."""
        raise NotImplementedError

    def as_number(self) -> Any:
        """Return the object as a Python number, for data without axes."""
        raise NotImplementedError

    def operate(self, ufunc: np.ufunc, args: Any) -> Any:
        """Return the result of an operator with this object among its operands."""
        raise NotImplementedError

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    __hash__: ClassVar[Callable[[Any], int]] = object.__hash__

    def absent(self) -> Any:
        """The same without its numbers, which nobody will ask for."""
        raise NotImplementedError

    def verify_own(self) -> None:
        """Raise an error if the object belongs to another thread."""

    def verify(self, check: Callable[..., None], args: Any, always: bool) -> None:
        """Call `check` with the arguments, this object among them, once they are known."""
        raise NotImplementedError


def _operator(ufunc: np.ufunc, reflected: bool = False) -> Callable[..., Any]:
    def method(self: DuckArray, *other: Any) -> Any:
        if other and not isinstance(other[0], DATA):
            return NotImplemented
        # Python asks only the first of two objects of one class
        owner = other[0] if other and getattr(other[0], "rank", 0) > self.rank else self
        return owner.operate(ufunc, (*other, self) if reflected else (self, *other))

    return method


for _name, _ufunc in (BINARY | COMPARISONS | _UNARY).items():
    setattr(DuckArray, f"__{_name}__", _operator(_ufunc))
for _name, _ufunc in BINARY.items():
    setattr(DuckArray, f"__r{_name}__", _operator(_ufunc, reflected=True))

DATA = (float, np.ndarray, DuckArray, np.generic, int, complex)  # most common first


def ducks_in(x: Any) -> Iterator[Any]:
    """Yield the duck arrays in nested containers, slices included."""
    if isinstance(x, DuckArray):
        yield x
    elif isinstance(x, (tuple, list)):
        for item in x:
            yield from ducks_in(item)
    elif isinstance(x, dict):
        yield from ducks_in(tuple(x.values()))
    elif isinstance(x, slice):
        yield from ducks_in((x.start, x.stop, x.step))


def mapped(x: Any, change: Callable[[Any], Any], wanted: type = DuckArray) -> Any:
    """Return nested containers with `change` applied to the duck arrays (or others) in them."""
    kind = type(x)
    if kind is tuple:
        return tuple([mapped(item, change, wanted) for item in x])
    if isinstance(x, wanted):
        return change(x)
    if kind is float or kind is int or kind is np.ndarray:
        return x
    if isinstance(x, (tuple, list)):
        items = [mapped(item, change, wanted) for item in x]
        return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)
    if isinstance(x, dict):
        return {key: mapped(item, change, wanted) for key, item in x.items()}
    if isinstance(x, slice):
        return slice(*[mapped(i, change, wanted) for i in (x.start, x.stop, x.step)])
    return x


def is_known(x: Any) -> bool:
    """Return whether the code may depend on the numbers in `x`."""
    return not isinstance(x, DuckArray)


def is_float(x: Any) -> bool:
    """Return whether `x` is a Python float, or stands for a Python float."""
    return type(x) is float or (isinstance(x, DuckArray) and x.real_number)


def is_array(x: Any) -> bool:
    """Return whether `x` is an array or a NumPy scalar, or stands for one of these."""
    if isinstance(x, DuckArray):
        return x.dtype is not None and not x.number
    return isinstance(x, np.ndarray | np.generic)


def as_array(x: Any, dtype: Any = None) -> Any:
    """Return an array of a number, of nested lists, ...; a duck array is returned as it is.

    Raises
    ------
    TypeError
        If `x` is a masked array or a list of them: NumPy would drop the mask.
    """
    if isinstance(x, DuckArray):
        return x if dtype is None else x.astype(dtype, copy=False)
    if type(x) is not np.ndarray:
        refuse_masks(x)
    return np.asarray(x, dtype)


def as_number(x: Any) -> Any:
    """Return data without axes as a Python number; other data as they are."""
    if isinstance(x, (float, np.float32)):
        return float(x)  # five times faster than item()
    if isinstance(x, DuckArray):
        return x if x.shape else x.as_number()
    return x.item() if isinstance(x, np.ndarray | np.generic) and not x.ndim else x


def narrow(data: Any) -> Any:
    """Return the dtype of 0-d data if no Python number has it (such as float32), else None."""
    if type(data) in _WIDE:
        return None
    dtype = getattr(data, "dtype", None)
    return dtype if dtype is not None and dtype.char in "efF" and not data.shape else None


# the types whose dtype follows from the Python number
_WIDE = {float, int, complex, np.float64, np.complex128, bool, np.bool_}


def as_held(x: Any, dtype: Any) -> Any:
    """Return data in the form that nodes hold: a new array, or a Python number."""
    return as_array(x).astype(dtype) if np.shape(x) else as_number(as_array(x, dtype))


def copied(x: Any) -> Any:
    """Return the same data in new memory."""
    return x.copy() if isinstance(x, np.ndarray) else x


def frozen(x: Any) -> Any:
    """Make an array that nobody else holds read-only, so that recording need not copy it."""
    if type(x) is np.ndarray:
        x.flags.writeable = False
    return x


def refuse_masks(x: Any) -> None:
    """Raise a TypeError if `x` is a masked array or an np.matrix, or a list that contains one."""
    if isinstance(x, list | tuple):
        for row in x:
            if isinstance(row, list | tuple | np.ndarray):
                refuse_masks(row)
    elif isinstance(x, np.matrix):
        raise TypeError(
            "data must be a plain array, got an np.matrix, whose * is the matrix product: "
            "convert it first, np.asarray(x), and write @ for the matrix product"
        )
    elif isinstance(x, np.ndarray) and hasattr(x, "mask"):  # recognised without importing numpy.ma
        raise TypeError(MASKED)


MASKED = (
    "data must be without a mask, got a masked array: fill it first, x.filled(value), or take the "
    "entries that are not masked by indexing, x.data[~x.mask]"
)


def verify(check: Callable[..., None], *args: Any, always: bool = True) -> None:
    """Call `check`, a function that raises an error unless its arguments (raw data) are valid.

    Data that are not known yet are checked once they are: every time, or once if not `always`.
    """
    for x in args:
        if isinstance(x, DuckArray):
            x.verify(check, args, always)
            return
    check(*args)
