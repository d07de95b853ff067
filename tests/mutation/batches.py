"""Mutants of `vmap`: what runs a function on a batch, and which word an operation has.

An operation without a word is right all the same, for a loop maps it. So no mutant takes a word
away; a wrong one must be noticed.
"""

from __future__ import annotations

from zlib import crc32

from deltaprop import batching as of_functions
from deltaprop.graph import REGISTRY, Elementwise, batches, batching

from .changes import CHANGES_OF_THE_ENGINE, Source, mutated
from .engine import functions_of
from .mutants import Mutant, _attribute, _numbered, _path, _recoded

# quickest to notice first
KILLERS = [
    "tests/graph/test_batching.py",
    "tests/test_vmap.py",
    "tests/graph/test_batched_kinks.py",
]
OTHERS = {"batches.Batched.__repr__"}  # what only people read
_WORDS = (batches.stacked, batches.by_entry, batches.along)


def words() -> list[Mutant]:
    """Each operation's word taken for another."""
    found = []
    for op in REGISTRY.values():
        elementwise = isinstance(op, Elementwise) and op.count == 1
        one = elementwise or (op.cases and all(len(case.shapes) == 1 for case in op.cases))
        axes = any({*case.params} & {"axis", "axes"} for case in op.cases)
        for word in _WORDS[: 2 + axes] if op.batch else ():
            alike = one and {op.batch, word} == {*_WORDS[:2]}  # the same for one argument
            if word is not op.batch and not alike:
                name = f"{op.name}, word: {word.__name__}"
                found.append(Mutant(name, (op.name,), _attribute(op, "batch", word)))
    return found


def parts(share: int = 1) -> list[Mutant]:
    """Changes of the functions that run batches; or one of so many."""
    found: list[Mutant] = []
    for module in (batches, batching, of_functions):
        for function in functions_of(module):
            if _path(function) not in OTHERS:
                found += [
                    Mutant(f"{_path(function)}: {change}", (), _recoded([function], code))
                    for change, code in mutated(Source(function), CHANGES_OF_THE_ENGINE)
                ]
    return [m for m in _numbered(found) if crc32(m.name.encode()) % share == 0]
