"""Modes: `with` blocks that watch or change the recording inside them."""

from __future__ import annotations

import inspect
import os
import sys
import types
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from functools import partial, wraps
from threading import local
from typing import Any, Self, TypeVar
from weakref import ref

import numpy as np

from .batches import of_all_samples
from .cotangent import Masked, Scattered, raw
from .node import MODE, RUNNING, Node
from .outside import AS_IT_IS, Outside
from .primitive import Primitive

F = TypeVar("F", bound=Callable[..., Any])
# this package, and NumPy, which calls functions of this package
PACKAGES = tuple(os.path.dirname(x) + os.sep for x in (os.path.dirname(__file__), np.__file__))


class AnomalyError(FloatingPointError):
    """A NaN or an infinity appeared under `detect_anomaly`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> with dp.detect_anomaly():
    ...     dp.numpy.log(dp.Value(-1.0))
    Traceback (most recent call last):
        ...
    deltaprop.graph.modes.AnomalyError: log gave nan (forward), made at ...
    """


class _Block:
    """One run of a `with` block, which knows whether the block is still open.

    Only the `with` statement holds the function that it will call at its end. If this function
    is garbage, the statement is over, even if an interrupt kept `end` from running.
    """

    __slots__ = ("held", "mode", "place")

    def __init__(self, mode: Mode) -> None:
        self.mode: Mode = mode
        self.held: Callable[[], Any] = _by_hand
        self.place: Any = None  # identifies the context in which the block began

    def end(self, *_: object) -> None:
        """Leave this block, even if it is not the innermost."""
        where = self.mode.where
        top = where.get()
        over = top is not None and top.block is self
        where.set(top.below if over else _only(top, lambda link: link.block is not self))
        place, self.place = self.place, None
        self.held = _nobody
        if place is not None and _is_here(place):
            self.held = _elsewhere


def _is_here(place: Token[None]) -> bool:
    """Return whether this is the context in which a block began, and not a copy of it."""
    try:
        _PLACE.reset(place)
    except ValueError:
        return False
    return True


def _by_hand() -> bool:
    """Mark a block that began without a `with` statement."""
    return True


def _elsewhere() -> bool:
    """Mark a block that has ended, but not for tasks that began inside it.

    A block that ends in another context than it began in ends everywhere.
    """
    return True


def _nobody() -> None:
    """Mark a block that is over."""


class _Beginning(local):
    """The blocks of the `with` statements that are about to begin in this thread."""

    def __init__(self) -> None:
        self.blocks: list[_Block] = []


_PLACE: ContextVar[None] = ContextVar("deltaprop_place", default=None)
_beginning = _Beginning()


class _Entered:
    """A mode inside its surrounding block; never changed, because tasks share it."""

    __slots__ = ("below", "block", "depth", "judged", "listener", "mode", "number", "outer")

    def __init__(self, block: _Block, below: _Entered | None) -> None:
        self.block: _Block = block
        mode = block.mode
        self.mode: Mode = mode
        self.below: _Entered | None = below
        self.depth: int = below.depth + 1 if below else 1
        outer = mode.around(below)
        self.outer: _Entered | None = outer
        self.judged: bool = mode.judges or (outer is not None and outer.judged)
        self.listener: Any = mode.outside or (outer and outer.listener)
        self.number: Any = None if outer else mode.number

    @property
    def outside(self) -> Outside:
        """The outside, as the innermost block that listens to it shows it."""
        top = entered()
        return (top and top.listener) or AS_IT_IS

    def record(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        top = entered()
        if top is None:
            return primitive.apply(args, params)
        return top.mode.record(top, primitive, args, params)

    def after_vjp(self, node: Node, contributions: Sequence[Any]) -> None:
        self.mode.after_vjp(node, contributions)
        if self.outer is not None:
            self.outer.after_vjp(node, contributions)

    def vjp(self, node: Node, g: Any, graph: bool) -> Sequence[Any]:
        """Apply the rule of the node, and show the result to every surrounding mode."""
        assert node.op is not None
        top = entered()
        if top is None or not top.judged:
            contributions = node.op.vjp(g, node, graph)
        else:
            with _IN_RULE:
                contributions = node.op.vjp(g, node, graph)
        if top is not None:
            top.after_vjp(node, contributions)
        return contributions


def entered(where: ContextVar[Any] = MODE) -> _Entered | None:
    """Return the innermost block of this context, and drop blocks cut off by an interrupt."""
    top = link = where.get()
    while link is not None:
        if link.block.held() is None:
            top = _only(top, lambda link: link.block.held() is not None)
            where.set(top)
            break
        link = link.below
    return top


def _only(top: _Entered | None, wanted: Callable[[_Entered], bool]) -> _Entered | None:
    """Return the wanted blocks, in the same order."""
    links = []
    while top is not None:
        links.append(top)
        top = top.below
    for link in reversed(links):
        if wanted(link):
            top = link if link.below is top else _Entered(link.block, top)
    return top


class _Exit:
    """`Mode.__exit__`: looked up when a `with` statement begins, called when it ends."""

    def __get__(self, mode: Mode | None, kind: Any = None) -> Callable[..., None]:
        if mode is None:
            return _exit
        link = mode.where.get()
        while link is not None:
            if link.mode is mode and link.block.held is _by_hand:
                end: Callable[..., None] = link.block.end
                return end
            link = link.below
        block = _Block(mode)
        end = partial(block.end)
        block.held = ref(end)
        _beginning.blocks.append(block)
        return end


def _begun(mode: Mode) -> _Block:
    """Return the block of the `with` statement that begins, or a new block if there is none."""
    blocks = _beginning.blocks
    for i in range(len(blocks) - 1, -1, -1):
        if blocks[i].held() is None:
            del blocks[i]  # an interrupt cut it off
        elif blocks[i].mode is mode:
            return blocks.pop(i)
    return _Block(mode)


def _exit(mode: Mode, *exc: object) -> None:
    mode.__exit__(*exc)


class _Called(type):
    def __enter__(cls) -> None:
        raise TypeError(f"{cls.__name__} must be called: write `with dp.{cls.__name__}():`")

    def __exit__(cls, *exc: object) -> None: ...


class Mode(metaclass=_Called):
    """A `with` block that sees every operation on Values; blocks nest.

    As a decorator, a mode covers the function body while it runs. It does not cover the time
    between the values of a generator, or the time in which a coroutine waits.
    """

    outside: Outside | None = None  # the outside that the block shows, if it shows another
    number: Any = None  # the type that stands for a float inside the block
    judges = False  # whether the block judges the results of operations
    where: ContextVar[Any] = MODE

    def __enter__(self) -> Self:
        block = _begun(self)
        block.place = _PLACE.set(None)
        self.where.set(_Entered(block, entered(self.where)))
        return self

    __exit__: _Exit = _Exit()

    def __call__(self, function: F) -> F:
        """Decorate a function, a generator function or a coroutine function."""
        return within(self, function)

    def around(self, below: _Entered | None) -> _Entered | None:
        """The block to hand operations on to."""
        return below

    def record(
        self,
        entered: _Entered,
        primitive: Primitive,
        args: Sequence[Any],
        params: dict[str, Any],
    ) -> Any:
        """Apply the operation as the surrounding block would apply it."""
        outer = entered.outer
        if outer is None:
            return primitive.apply(args, params)
        return outer.mode.record(outer, primitive, args, params)

    def after_vjp(self, node: Node, contributions: Sequence[Any]) -> None:
        """Watch the cotangents that the backward pass sends from `node` to its arguments."""


def within(mode: Mode, function: Any) -> Any:
    """Return the function, with its body running inside the mode."""
    if not callable(function):
        name = type(mode).__name__
        raise TypeError(
            f"{name}() decorates a function, got {function!r}: write @{name}() above a function, "
            f"or `with {name}():`"
        )
    inside = _in_function
    if inspect.isgeneratorfunction(function):
        inside = _in_generator
    elif inspect.iscoroutinefunction(function):
        inside = _in_coroutine
    elif inspect.isasyncgenfunction(function):
        inside = _in_async_generator
    return wraps(function)(inside(mode, function))


def _in_function(mode: Mode, function: Any) -> Any:
    def inside(*args: Any, **kwargs: Any) -> Any:
        with mode:
            return function(*args, **kwargs)

    return inside


def _in_generator(mode: Mode, function: Any) -> Any:
    def inside(*args: Any, **kwargs: Any) -> Any:
        return (yield from _steps(mode, function(*args, **kwargs)))

    return inside


def _in_coroutine(mode: Mode, function: Any) -> Any:
    async def inside(*args: Any, **kwargs: Any) -> Any:
        return await _waiting(mode, function(*args, **kwargs))

    return inside


def _in_async_generator(mode: Mode, function: Any) -> Any:
    async def inside(*args: Any, **kwargs: Any) -> Any:
        values = function(*args, **kwargs)
        step = values.asend(None)
        while True:
            try:
                value = await _waiting(mode, step)
            except StopAsyncIteration:
                return
            try:
                step = values.asend((yield value))
            except BaseException as error:
                step = values.athrow(error)

    return inside


def _steps(mode: Mode, values: Any) -> Generator[Any, Any, Any]:
    """Yield the values of a generator, which runs inside the mode and waits outside of it."""
    given, error = None, None
    while True:
        with mode:
            try:
                value = values.send(given) if error is None else values.throw(error)
            except StopIteration as stop:
                return stop.value
        given = error = None
        try:
            given = yield value
        except BaseException as raised:
            error = raised


@types.coroutine
def _waiting(mode: Mode, awaitable: Any) -> Generator[Any, Any, Any]:
    return (yield from _steps(mode, awaitable.__await__()))


class no_grad(Mode):  # noqa: N801 - used like a statement, named as elsewhere in the field
    """Record nothing: operations on Values return constants.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value(3.0)
    >>> with dp.no_grad():
    ...     y = x * x
    >>> y.is_constant
    True
    """

    def record(
        self,
        entered: _Entered,
        primitive: Primitive,
        args: Sequence[Any],
        params: dict[str, Any],
    ) -> Any:
        result = super().record(entered, primitive, args, params)
        return result.constant(result._held) if isinstance(result, Node) else result


def is_recording() -> bool:
    """Return whether no surrounding block is `no_grad`."""
    link = entered()
    while link is not None and not isinstance(link.mode, no_grad):
        link = link.outer
    return link is None


class _Recording(Mode):
    def around(self, below: _Entered | None) -> _Entered | None:
        return _only(below, lambda link: not isinstance(link.mode, no_grad))


def recording() -> AbstractContextManager[Any]:
    """Return a block that records inside any `no_grad`; the other modes stay."""
    return nullcontext() if is_recording() else _Recording()


class running(Mode):  # noqa: N801
    """The block in which a transform runs its function, or differentiates within another."""

    where = RUNNING


def depth() -> int:
    """Return the number of transforms running in this context."""
    top = entered(RUNNING)
    return top.depth if top else 0


class _InRule(Mode):
    """The block around a derivative rule, which may produce an infinity that a mask then drops."""

    def around(self, below: _Entered | None) -> _Entered | None:
        return _only(below, lambda link: not link.mode.judges)


_IN_RULE = _InRule()


class detect_anomaly(Mode):  # noqa: N801
    """Stop at the first NaN or infinity, forward or backward, and name its operation and line.

    Raises
    ------
    AnomalyError
        If an operation gives a NaN or an infinity. The message names the operation, its
        arguments and the line of the caller.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([1.0, 0.0])
    >>> with dp.detect_anomaly():
    ...     dp.numpy.log(x)
    Traceback (most recent call last):
    ...
    deltaprop.graph.modes.AnomalyError: log gave -inf at index (1,) (forward), made at ...
    """

    judges = True

    def record(
        self,
        entered: _Entered,
        primitive: Primitive,
        args: Sequence[Any],
        params: dict[str, Any],
    ) -> Any:
        origin = caller()
        with np.errstate(all="ignore"):
            result = super().record(entered, primitive, args, params)
        if isinstance(result, Node):
            result.extra.origin = origin
        bad = _first_bad(raw(result))
        if bad:
            already = [f"argument {i} held {b}" for i, x in enumerate(args) if (b := _bad_arg(x))]
            came = f"; {' and '.join(already)} already" if already else ""
            raise AnomalyError(f"{primitive} gave {bad} (forward), made at {origin}{came}")
        return result

    def after_vjp(self, node: Node, contributions: Sequence[Any]) -> None:
        for i, c in enumerate(contributions):
            values = c.values if isinstance(c, Masked) else None if isinstance(c, Scattered) else c
            bad = None if values is None else _first_bad(raw(values))
            if bad:
                origin = node.extra.origin or "a line recorded outside detect_anomaly"
                raise AnomalyError(
                    f"the derivative of {node.op} with respect to argument {i} gave {bad} "
                    f"(backward); {node.op} was called at {origin}"
                )


def _bad_arg(x: Any) -> str | None:
    data = raw(x)
    return _first_bad(data) if isinstance(data, float | complex | np.ndarray) else None


def _first_bad(data: Any) -> str | None:
    """Return the first entry that is not finite, and its index; None if all are finite."""
    array = np.asarray(of_all_samples(data))
    if array.dtype.kind not in "fc":
        return None
    finite = np.isfinite(array)
    if finite.all():
        return None
    if not array.ndim:
        return str(array.item())
    index = tuple(int(i) for i in np.argwhere(~finite)[0])
    return f"{array[index].item()} at index {index}"


def caller() -> str:
    """Return the innermost line of code outside this package and outside NumPy."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGES):
        frame = frame.f_back
    return here(frame)


def here(frame: types.FrameType) -> str:
    """Return the file, line and function of a frame."""
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
