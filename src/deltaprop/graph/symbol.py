"""What stands for data while a function is recorded for `deltaprop.compile`.

In place of arrays and floats, Values then hold `Symbol`s: data that will only be known
when the recorded program runs. Code that asks for them as numbers gets a `TraceError`.
"""

from __future__ import annotations

from typing import Any

from .node import MODE


class TraceError(TypeError):
    """A function asked for something that is not known while it is being recorded."""


class Symbol:
    """Data that is not known yet: it has a shape and a dtype, but no value."""

    __slots__ = ()


def tracing() -> Any:
    """The recording for `deltaprop.compile` that this code runs in, or None."""
    mode = MODE.get()
    return None if mode is None else mode.trace
