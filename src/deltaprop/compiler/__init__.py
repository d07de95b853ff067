"""Record a function once, replay it as a program."""

from ..graph.symbol import TraceError as TraceError
from .compiled import Compiled as Compiled
from .compiled import compile as compile  # noqa: A004 - the name that the field gives it
