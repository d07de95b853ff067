"""What operations take and give, for type checkers and editors.

One rule holds for all: where a `Value` is among the operands the result is a `Value`, else an
array. The protocols state it as overloads, once for each number of operands; `P` stands for
the parameters after them. A decorator such as `of_array` hands its function on as it is.
"""

# mypy: disable-error-code="overload-overlap"
# An ArrayLike is an Operand too: the first overload that fits counts.

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

# data without a Value, with one or more, and either
ArrayLike: TypeAlias = "np.ndarray | np.generic | complex | Sequence[ArrayLike]"
Values: TypeAlias = "Value | Sequence[Operand]"
Operand: TypeAlias = "Value | np.ndarray | np.generic | complex | Sequence[Operand]"


class Options(TypedDict, total=False):
    """What an elementwise operation takes by name."""

    where: Any
    dtype: Any
    casting: str


class Unary(Protocol):
    """An elementwise operation on one array."""

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
    def __call__(
        self, x1: ArrayLike, x2: ArrayLike, /, **options: Unpack[Options]
    ) -> np.ndarray: ...
    @overload
    def __call__(self, x1: Values, x2: Operand, /, **options: Unpack[Options]) -> Value: ...
    @overload
    def __call__(self, x1: Operand, x2: Values, /, **options: Unpack[Options]) -> Value: ...


class OfArray(Protocol[P]):
    """A function of one array."""

    @overload
    def __call__(self, x: ArrayLike, /, *args: P.args, **kwargs: P.kwargs) -> np.ndarray: ...
    @overload
    def __call__(self, x: Values, /, *args: P.args, **kwargs: P.kwargs) -> Value: ...
    @overload
    def __get__(self, instance: None, owner: Any = None, /) -> OfArray[P]: ...
    @overload
    def __get__(self, instance: Value, owner: Any = None, /) -> Callable[P, Value]: ...


class OfTwo(Protocol[P]):
    """A function of two arrays."""

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
    """Give a function the parameters of a known one."""

    def decorated(function: Any) -> Any:
        function.__signature__ = signature(known)  # type: ignore[arg-type]
        return function

    return decorated


def of_array(function: Callable[Concatenate[Any, P], Any]) -> OfArray[P]:
    """Of one array."""
    return function


def of_two(function: Callable[Concatenate[Any, Any, P], Any]) -> OfTwo[P]:
    """Of two arrays."""
    return function


def of_three(function: Callable[Concatenate[Any, Any, Any, P], Any]) -> OfThree[P]:
    """Of three arrays."""
    return function


def of_sequence(function: Callable[Concatenate[Any, P], Any]) -> OfSequence[P]:
    """Of a sequence of arrays."""
    return function
