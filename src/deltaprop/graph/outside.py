"""Outside: the state that a function reads from its surroundings, and what it changes there.

All state is data and gradients of variables, which also hold what optimisers and layers keep. Here
is reported which variables and which settings are used. Usually nobody listens. A mode that will
repeat the computation later listens, and may answer otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from .node import MODE, Node


class Outside:
    """The outside as it is."""

    def track_variable(self, leaf: Node) -> None:
        """Report that a variable is read, and may be written."""

    def gradient_read(self, leaf: Node) -> None:
        """Report that the gradient of a variable is read."""

    def gradient_written(self, g: Any) -> None:
        """Report that the user is about to replace a gradient."""

    def gradient_added(self, leaf: Node) -> None:
        """Report that a backward pass has added to the gradient of a variable."""

    def depend(self, look: Callable[[Any], Any], owner: Any) -> None:
        """Report that the function depends on ``look(owner)``, a setting."""

    def data(self, leaf: Node) -> Any:
        """Return the array of a variable, which the user may write to."""
        return leaf.expose()

    def generator(self, source: Any) -> Any:
        """Return the source of random numbers to use for a generator."""
        return source

    def again(self) -> AbstractContextManager[Any]:
        """Return a block for recomputing what was not kept."""
        return nullcontext()


AS_IT_IS = Outside()


def outside() -> Outside:
    """Return the outside, as the running code sees it."""
    mode = MODE.get()
    return AS_IT_IS if mode is None else mode.outside
