"""Outside: what a function reads of the world around it, and what it changes there.

Layers, optimisers and Values say here which variables, settings and state they use. Mostly
nobody listens. A mode that is to do the same again later listens, and may answer otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from .node import MODE, Node


class Outside:
    """The world as it is."""

    def track_variable(self, leaf: Node) -> None:
        """A variable is read, and may be written."""

    def gradient_read(self, leaf: Node) -> None:
        """The gradient of a variable is looked at."""

    def gradient_written(self, g: Any) -> None:
        """A gradient is about to be put in place by the user."""

    def track(self, owner: Any, name: Any) -> None:
        """An entry of a dict or list is read, and may be replaced: a state, a learning rate."""

    def depend(self, look: Callable[[Any], Any], owner: Any) -> None:
        """What the function does depends on ``look(owner)``, a setting."""

    def setting_changed(self, what: str, how: str) -> None:
        """A setting is about to change; `how` says what changes it between calls."""

    def data(self, leaf: Node) -> Any:
        """A variable's array, for the user to write into."""
        return leaf.expose()

    def generator(self, source: Any) -> Any:
        """What to draw random numbers from, for a generator."""
        return source

    def again(self) -> AbstractContextManager[Any]:
        """A block that computes once more what was not kept."""
        return nullcontext()


AS_IT_IS = Outside()


def outside() -> Outside:
    """The world, as the code that runs now sees it."""
    mode = MODE.get()
    return AS_IT_IS if mode is None else mode.outside
