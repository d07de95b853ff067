"""Modes: what watches or changes the recording within a `with` block."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ContextDecorator, contextmanager
from typing import Any, Self

import numpy as np

from .cotangent import Masked, Scattered, raw
from .node import MODE, Node
from .primitive import Primitive

# this package and NumPy, which calls it back
_PACKAGES = tuple(os.path.dirname(x) + os.sep for x in (os.path.dirname(__file__), np.__file__))


class AnomalyError(FloatingPointError):
    """A NaN or an infinity appeared under `detect_anomaly`."""


class _Entered:
    """A mode inside the block that surrounds it."""

    __slots__ = ("mode", "number", "outer", "sweeping", "trace")

    def __init__(self, mode: Mode, outer: _Entered | None) -> None:
        self.mode = mode
        self.outer = outer
        self.sweeping = False  # whether what is recorded are derivatives
        self.trace: Any = mode.trace or (outer and outer.trace)
        self.number = None if outer else mode.number

    def record(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        return self.mode.record(self, primitive, args, params)

    def pulled(self, node: Node, contributions: Sequence[Any]) -> None:
        self.mode.pulled(node, contributions)
        if self.outer is not None:
            self.outer.pulled(node, contributions)

    def pull(self, node: Node, g: Any, graph: bool) -> Sequence[Any]:
        """The node's rule, seen by every mode around."""
        assert node.op is not None
        before, self.sweeping = self.sweeping, True
        try:
            contributions = node.op.pull(g, node, graph)
        finally:
            self.sweeping = before
        self.pulled(node, contributions)
        return contributions


class Mode(ContextDecorator):
    """A `with` block that sees every operation on Values; blocks nest."""

    trace: Any = None  # the recording for `deltaprop.compile`, if that is what the block is
    number: Any = None  # and the type of what stands for a float there

    def __enter__(self) -> Self:
        MODE.set(_Entered(self, MODE.get()))
        return self

    def __exit__(self, *exc: object) -> None:
        MODE.set(MODE.get().outer)

    def record(
        self,
        entered: _Entered,
        primitive: Primitive,
        args: Sequence[Any],
        params: dict[str, Any],
    ) -> Any:
        """Apply the operation as the block outside this one would."""
        if entered.outer is None:
            return primitive.apply(args, params)
        return entered.outer.record(primitive, args, params)

    def pulled(self, node: Node, contributions: Sequence[Any]) -> None:
        """See what the reverse sweep sends from `node` to its arguments."""


class no_grad(Mode):  # noqa: N801 - used like a statement, named as elsewhere in the field
    """Record nothing: operations on Values give constants.

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
        return result.leaf(result._held, constant=True) if isinstance(result, Node) else result


def is_recording() -> bool:
    """Whether no block around is `no_grad`."""
    entered = MODE.get()
    while entered is not None and not isinstance(entered.mode, no_grad):
        entered = entered.outer
    return entered is None


@contextmanager
def recording() -> Iterator[None]:
    """Record in here, whatever `no_grad` is around; the other modes stay."""
    if is_recording():
        yield
        return
    modes, entered = [], MODE.get()
    while entered is not None:
        modes.append(entered.mode)
        entered = entered.outer
    token = MODE.set(None)
    try:
        for mode in reversed(modes):
            if not isinstance(mode, no_grad):
                mode.__enter__()
        yield
    finally:
        MODE.reset(token)


class detect_anomaly(Mode):  # noqa: N801
    """Stop at the first NaN or infinity, forward or backward, and say who made it.

    Raises
    ------
    AnomalyError
        Names the operation, its arguments and the line of the caller that ran it.

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

    def record(
        self,
        entered: _Entered,
        primitive: Primitive,
        args: Sequence[Any],
        params: dict[str, Any],
    ) -> Any:
        if entered.sweeping:
            # a rule may pass through an infinity that a mask then drops; `pulled` judges it
            return super().record(entered, primitive, args, params)
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

    def pulled(self, node: Node, contributions: Sequence[Any]) -> None:
        for i, c in enumerate(contributions):
            values = c.values if isinstance(c, Masked) else None if isinstance(c, Scattered) else c
            bad = None if values is None else _first_bad(raw(values))
            if bad:
                origin = node.extra.origin or "a line recorded outside detect_anomaly"
                raise AnomalyError(
                    f"the derivative of {node.op} in argument {i} gave {bad} (backward), "
                    f"made at {origin}"
                )


def _bad_arg(x: Any) -> str | None:
    data = raw(x)
    return _first_bad(data) if isinstance(data, float | complex | np.ndarray) else None


def _first_bad(data: Any) -> str | None:
    """The first entry that is not finite, and where it is; None if all are finite."""
    array = np.asarray(data)
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
    """The innermost line of code outside this package, and outside NumPy."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGES):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
