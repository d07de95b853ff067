"""Batching: the block in which a function runs on all samples of a batch, and its boundary.

Four operations cross the boundary: `batch` and `unbatch` carry the samples in and out along an
axis, `enter` takes in what is the same for all samples, and its transpose, `total`, adds up what
the samples say of it. So a graph that was recorded inside is part of the graph around it, and a
variable from outside gets the sum of the gradients of all samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from .batches import BatchError, Level, is_of, order_of, run
from .cotangent import Selection
from .modes import Mode, _Entered
from .node import Node, _serial
from .outside import Outside, outside
from .primitive import Primitive, named

Randomness = Literal["error", "same", "different"]


def _crosses(forward: Any) -> Any:
    """Return the word of an operation between one level and the levels before it."""

    def word(op: Any, level: Level, data: Any, params: Any) -> Any:
        if level.rank <= params["level"].rank:
            return forward(*data, **params)
        # the batch of a later level is one more axis of what crosses
        if "axis" in params:
            params = {**params, "axis": params["axis"] + 1}
        return level.samples(run(op, *map(level.whole, data), **params))

    return word


def moved_axis(x: Any, start: int, end: int) -> Any:
    """Return an array with one axis at another place."""
    if start == end:
        return x
    return run(named("transpose"), x, axes=order_of(np.ndim(x), start, end))


def _batch(x: Any, axis: int, level: Level) -> Any:
    return level.samples(moved_axis(x, axis, 0))


def _unbatch(x: Any, axis: int, level: Level) -> Any:
    return moved_axis(level.whole(x), 0, axis)


def _enter(x: Any, level: Level) -> Any:  # noqa: ARG001
    return x.view() if isinstance(x, np.ndarray) else x


def _total(g: Any, level: Level) -> Any:
    return g.total() if is_of(g, level) else g * level.size


def _boundary(name: str, forward: Any, transpose: Any, **facts: Any) -> Selection:
    """Return an operation that carries data across the boundary of a batch."""
    word = _crosses(forward)
    return Selection(name, forward, transpose, decomposed=True, batch=word, **facts)


batch: Selection = _boundary(
    "batch", _batch, lambda g, x, axis, level: unbatch(g, axis=axis, level=level), picks=True
)
unbatch: Selection = _boundary(
    "unbatch", _unbatch, lambda g, x, axis, level: batch(g, axis=axis, level=level), picks=True
)
enter: Selection = _boundary("enter", _enter, lambda g, x, level: total(g, level=level), picks=True)
total: Selection = _boundary("total", _total, lambda g, x, level: enter(g, level=level), adds=True)
enter.enters = True
_BOUNDARY = (batch, enter)


class Batching(Mode):
    """The block in which a function runs on a batch.

    Parameters
    ----------
    size : int
        How many samples there are.
    randomness : {"error", "same", "different"}
        What layers that draw random numbers do.
    drawn : list
        What layers have drawn in another block, to be drawn again in this one if it is the same
        for all samples.
    """

    def __init__(
        self, size: int, randomness: Randomness = "same", drawn: list[Any] | None = None
    ) -> None:
        self.level: Level = Level(size, next(_serial))
        self.inside: dict[int, Any] = {}
        self.outside: Any = _Drawing(
            outside(), self.level, randomness, [] if drawn is None else drawn
        )

    def record(
        self, entered: _Entered, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]
    ) -> Any:
        """Apply the operation to what stands inside for variables from outside."""
        if primitive not in _BOUNDARY or params["level"] is not self.level:
            args = [self.entered(x, entered) if isinstance(x, Node) else x for x in args]
        return super().record(entered, primitive, args, params)

    def entered(self, x: Node, entered: _Entered) -> Any:
        """Return what stands inside for a node: itself, unless it is a variable from outside."""
        if x.serial < self.level.start or x.is_constant:
            return x
        known = self.inside.get(x.serial)
        if known is None or known[0] is not x._held:
            inner = super().record(entered, enter, (x,), {"level": self.level})
            known = self.inside[x.serial] = x._held, inner, x
        return known[1]


class _Drawing(Outside):
    """The outside around a batch, with other generators of random numbers."""

    def __init__(
        self, around: Outside, level: Level, randomness: Randomness, drawn: list[Any]
    ) -> None:
        for name in ("track_variable", "gradient_written", "depend", "data"):
            setattr(self, name, getattr(around, name))
        self.again = around.again  # type: ignore[method-assign]
        self.around = around
        self.level = level
        self.randomness = randomness
        self.drawn = drawn
        self.earlier = iter(list(drawn))
        self.summed: set[int] = set()  # serial numbers of variables

    def gradient_added(self, leaf: Node) -> None:
        self.around.gradient_added(leaf)
        if leaf.serial > self.level.start:
            self.summed.add(leaf.serial)

    def gradient_read(self, leaf: Node) -> None:
        if leaf.serial in self.summed and leaf._grad is not None:
            raise BatchError(
                "vmap: the gradient of a variable from outside the function is read after "
                "backward() inside it, but it is the sum over all samples: take the gradient of "
                "each with deltaprop.grad, or read the sum after vmap"
            )
        self.around.gradient_read(leaf)

    def generator(self, source: Any) -> Any:
        """Return a generator that draws for all samples at once, or the generator itself."""
        if self.randomness == "error":
            raise BatchError(
                "vmap: a layer draws random numbers: say with vmap(..., randomness='different') "
                "that each sample has its own, or with 'same' that they share them; or call "
                "model.eval() first"
            )
        return _Draws(self, self.around.generator(source))

    def draw(self, method: Callable[[], Any]) -> Any:
        """Return random numbers for all samples."""
        if self.randomness == "same":
            for x in self.earlier:
                return x
            self.drawn.append(method())
            return self.drawn[-1]
        rows = [method() for _ in range(max(self.level.size, 1))]
        return self.level.samples(np.stack(rows)[: self.level.size])


class _Draws:
    """A generator of random numbers for all samples."""

    def __init__(self, drawing: _Drawing, source: Any) -> None:
        self.drawing = drawing
        self.source = source

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.source, name)
        return lambda *args, **kwargs: self.drawing.draw(lambda: method(*args, **kwargs))
