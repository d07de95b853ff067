"""Mutants of the compiler: what a slip of the pen could have made of the parts that run programs.

Whatever a mutant breaks (it may write anywhere in memory), it breaks in a process of its own.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Sequence
from types import FunctionType, ModuleType
from typing import Any
from zlib import crc32

from deltaprop.graph import arrays

from .changes import CHANGES_OF_THE_ENGINE, Source, mutated
from .mutants import Mutant, _numbered, _path, _recoded

MODULES = (
    "forms", "memory", "table", "walkers", "native", "boundary", "numpy_executor", "tiles", "lanes",
    "passes", "program", "compiled",
)  # fmt: skip
# what the program's own functions call, and batches too
SHARED = (arrays.ducks_in, arrays.mapped)
# what only people read, or how long something takes
OTHERS = {
    "numpy_executor.listing", "boundary.input_names", "program.listed", "program._text",
    "program.Call.name", "program.Variable.described", "compiled.compile", "compiled._executor",
    "tiles._threads", "tiles._pool", "numpy_executor.walker", "compiled.Compiled.walker",
}  # fmt: skip


def engine(names: Sequence[str] = MODULES, share: int = 1) -> list[Mutant]:
    """The mutants of the compiler's parts, with names of their own; or one of so many.

    Which these are depends on their names alone, so that an edit elsewhere changes nothing.
    """
    found: list[Mutant] = []
    for name in names:
        try:
            module = importlib.import_module(f"deltaprop.compiler.{name}")
        except ImportError:
            continue  # the walker in C was not built
        for function in functions_of(module):
            found += _of_function(function)
    for function in SHARED if "program" in names else ():
        found += _of_function(function)
    return [m for m in _numbered(found) if crc32(m.name.encode()) % share == 0]


def functions_of(module: ModuleType) -> Iterator[FunctionType]:
    """The functions and methods that a module defines, in the order of the source."""
    found: dict[Any, FunctionType] = {}
    owners = [x for x in vars(module).values() if inspect.isclass(x)]
    for owner in (module, *[x for x in owners if x.__module__ == module.__name__]):
        for x in vars(owner).values():
            x = x.fget if isinstance(x, property) else getattr(x, "__func__", x)
            x = inspect.unwrap(x) if callable(x) else x
            ours = isinstance(x, FunctionType) and x.__module__ == module.__name__
            if ours and x.__code__.co_filename == module.__file__ and _path(x) not in OTHERS:
                found.setdefault(x.__code__, x)
    yield from sorted(found.values(), key=lambda f: f.__code__.co_firstlineno)


def _of_function(function: FunctionType) -> Iterator[Mutant]:
    source = Source(function)
    for change, code in mutated(source, CHANGES_OF_THE_ENGINE):
        yield Mutant(f"{_path(function)}: {change}", (), _recoded([function], code))
