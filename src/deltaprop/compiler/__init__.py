"""Record a function once, and replay it as a program."""

from .compiled import Compiled as Compiled
from .compiled import compile as compile  # noqa: A004 - the name that the field gives it
from .traced import TraceError as TraceError

__all__ = ["Compiled", "TraceError", "compile"]


def __dir__() -> list[str]:
    return __all__
