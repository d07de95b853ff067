"""The types of arguments and results of operations, for type checkers and editors.

One rule holds for all operations: if a `Value` is among the operands, the result is a `Value`, else
an array. The protocols state the rule as overloads, one protocol for each number of operands; `P`
stands for the other parameters. The first overload takes a Value, because checkers read the operand
of an unannotated lambda by the first overload. A decorator such as `of_array` returns its function
as it is.
"""

# mypy: disable-error-code="overload-overlap"
# An ArrayLike is also an Operand: the first overload that fits counts.

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from inspect import signature
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypedDict,
    TypeVar,
    Unpack,
    overload,
)

import numpy as np

if TYPE_CHECKING:
    from ..value import Value

P = ParamSpec("P")
F = TypeVar("F")
T = TypeVar("T")
OfValues = TypeVar("OfValues", covariant=True)
OfArrays = TypeVar("OfArrays", covariant=True)

# data without a Value, data with at least one, and both
ArrayLike: TypeAlias = "np.ndarray | np.generic | complex | Sequence[ArrayLike]"
Values: TypeAlias = "Value | Sequence[Operand]"
Operand: TypeAlias = "Value | np.ndarray | np.generic | complex | Sequence[Operand]"


class Options(TypedDict, total=False):
    """The keyword arguments of an elementwise operation."""

    where: Any
    dtype: Any
    casting: str


class Unary(Protocol):
    """An elementwise operation on one array."""

    @overload
    def __call__(self, x: Value, /, **options: Unpack[Options]) -> Value: ...
    @overload
    def __call__(self, x: float, /, **options: Unpack[Options]) -> float: ...
    @overload
    def __call__(self, x: ArrayLike, /, **options: Unpack[Options]) -> np.ndarray: ...
    @overload
    def __call__(self, x: Values, /, **options: Unpack[Options]) -> Value: ...
    @overload
    def __get__(self, instance: None, owner: Any = None, /) -> Unary: ...
    @overload
    def __get__(self, instance: Value, owner: Any = None, /) -> Callable[[], Value]: ...


class Binary(Protocol):
    """An elementwise operation on two arrays."""

    @overload
    def __call__(self, x1: Value, x2: Operand, /, **options: Unpack[Options]) -> Value: ...
    @overload
    def __call__(
        self, x1: ArrayLike, x2: ArrayLike, /, **options: Unpack[Options]
    ) -> np.ndarray: ...
    @overload
    def __call__(self, x1: Values, x2: Operand, /, **options: Unpack[Options]) -> Value: ...
    @overload
    def __call__(self, x1: Operand, x2: Values, /, **options: Unpack[Options]) -> Value: ...


class Of(Protocol[P, OfValues, OfArrays]):
    """A function of one array, with results of one type for Values, and of another for arrays."""

    @overload
    def __call__(self, x: Value, /, *args: P.args, **kwargs: P.kwargs) -> OfValues: ...
    @overload
    def __call__(self, x: ArrayLike, /, *args: P.args, **kwargs: P.kwargs) -> OfArrays: ...
    @overload
    def __call__(self, x: Values, /, *args: P.args, **kwargs: P.kwargs) -> OfValues: ...
    @overload
    def __get__(self, instance: None, owner: Any = None, /) -> Of[P, OfValues, OfArrays]: ...
    @overload
    def __get__(self, instance: Value, owner: Any = None, /) -> Callable[P, OfValues]: ...


OfArray: TypeAlias = "Of[P, Value, np.ndarray]"


class OfTwo(Protocol[P]):
    """A function of two arrays."""

    @overload
    def __call__(self, x1: Value, x2: Operand, /, *args: P.args, **kwargs: P.kwargs) -> Value: ...
    @overload
    def __call__(
        self, x1: ArrayLike, x2: ArrayLike, /, *args: P.args, **kwargs: P.kwargs
    ) -> np.ndarray: ...
    @overload
    def __call__(self, x1: Values, x2: Operand, /, *args: P.args, **kwargs: P.kwargs) -> Value: ...
    @overload
    def __call__(self, x1: Operand, x2: Values, /, *args: P.args, **kwargs: P.kwargs) -> Value: ...
    @overload
    def __get__(self, instance: None, owner: Any = None, /) -> OfTwo[P]: ...
    @overload
    def __get__(
        self, instance: Value, owner: Any = None, /
    ) -> Callable[Concatenate[Operand, P], Value]: ...


class OfThree(Protocol[P]):
    """A function of three arrays."""

    @overload
    def __call__(
        self, x1: Value, x2: Operand, x3: Operand, /, *args: P.args, **kwargs: P.kwargs
    ) -> Value: ...
    @overload
    def __call__(
        self, x1: ArrayLike, x2: ArrayLike, x3: ArrayLike, /, *args: P.args, **kwargs: P.kwargs
    ) -> np.ndarray: ...
    @overload
    def __call__(
        self, x1: Values, x2: Operand, x3: Operand, /, *args: P.args, **kwargs: P.kwargs
    ) -> Value: ...
    @overload
    def __call__(
        self, x1: Operand, x2: Values, x3: Operand, /, *args: P.args, **kwargs: P.kwargs
    ) -> Value: ...
    @overload
    def __call__(
        self, x1: Operand, x2: Operand, x3: Values, /, *args: P.args, **kwargs: P.kwargs
    ) -> Value: ...


class OfSequence(Protocol[P]):
    """A function of a sequence of arrays."""

    @overload
    def __call__(
        self, arrays: Iterable[ArrayLike], /, *args: P.args, **kwargs: P.kwargs
    ) -> np.ndarray: ...
    @overload
    def __call__(
        self, arrays: Value | Iterable[Operand], /, *args: P.args, **kwargs: P.kwargs
    ) -> Value: ...


def like(known: F) -> Callable[[Callable[..., Any]], F]:
    """Return a decorator that gives a function the parameters of a known function."""

    def decorated(function: Any) -> Any:
        function.__signature__ = signature(known)  # type: ignore[arg-type]
        return function

    return decorated


def of_array(function: Callable[Concatenate[Any, P], Any]) -> OfArray[P]:
    """Declare a function of one array."""
    return function


def gives(
    _of_values: type[OfValues], _of_arrays: type[OfArrays]
) -> Callable[[Callable[Concatenate[Any, P], Any]], Of[P, OfValues, OfArrays]]:
    """Return a decorator that declares a function of one array with results of these types."""
    return lambda function: function


def of_two(function: Callable[Concatenate[Any, Any, P], Any]) -> OfTwo[P]:
    """Declare a function of two arrays."""
    return function


def of_three(function: Callable[Concatenate[Any, Any, Any, P], Any]) -> OfThree[P]:
    """Declare a function of three arrays."""
    return function


def of_sequence(function: Callable[Concatenate[Any, P], Any]) -> OfSequence[P]:
    """Declare a function of a sequence of arrays."""
    return function
