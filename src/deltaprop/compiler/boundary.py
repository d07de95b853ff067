"""The boundary between the world and a program, whatever executes it.

A call fetches what lies outside, computes, and hands out the results. What the program leaves
outside is stored last, by functions that neither fail nor run Python code, so that no signal comes
in between: all of it is stored, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, starmap
from operator import attrgetter, call, is_, setitem
from typing import Any, Protocol

import numpy as np

from ..tree import LEAF, Structure, unflatten
from .program import Variable
from .recording import Place, Recorded
from .table import fixed
from .traced import UnfitError
from .turns import consume, exclusively

_held = attrgetter("_held")


class Runner(Protocol):
    """A program between what lies outside and memory of its own. One call at a time."""

    def fetch(self, inputs: Sequence[Any], /) -> bool:
        """Put what the program reads where it reads it; return whether it fits what is outside."""

    def walk(self) -> list[Any]:
        """Compute, store what is left outside, and return the results."""


class Runners:
    """A program that runs, laid out anew for each call that begins before another has ended.

    Parameters
    ----------
    make : callable
        Lays out the program.
    structure : Structure
        Of its results.
    """

    def __init__(self, make: Callable[[], Runner], structure: Structure) -> None:
        self._make, self._structure = make, structure
        self.idle: list[Runner] = [make()]

    def run(self, inputs: Sequence[Any]) -> Any:
        """Give what the function gives."""
        try:
            runner = self.idle.pop()
        except IndexError:
            runner = exclusively(self._make)
        if not runner.fetch(inputs):
            runner = exclusively(self._make)
            runner.fetch(inputs)
        try:
            results = runner.walk()
        except UnfitError:
            self.idle.append(runner)
            raise
        # after another error, threads may still compute in its memory
        self.idle.append(runner)
        return results[0] if self._structure is LEAF else unflatten(self._structure, results)


def fetches(
    recorded: Recorded, targets: Mapping[Any, Any], homes: Mapping[Any, np.ndarray]
) -> list[tuple[Any, ...]]:
    """Where inputs of a program come from, and where they are put: a container, and a key.

    A source is the place of an argument, or an owner with the name of an attribute. Without a
    container it is a condition that what is there is the key: Values still hold their arrays.
    """
    inputs, reads = recorded.program.inputs, recorded.reads
    sources: list[Any] = [(i, "") for i in range(len(inputs) - len(reads))]
    sources += [(place.owner, place.name) for place, _ in reads]
    found = [(*at, *targets[x]) for at, x in zip(sources, inputs, strict=True) if x in targets]
    return [(x, "_held", None, home) for x, home in homes.items()] + found


def value(y: Any, getter: Callable[[Variable], Any]) -> tuple[Any, ...]:
    """A function and its arguments, which give an output: of a constant array, a copy."""
    if isinstance(y, Variable):
        return tuple(getter(y))
    return (np.ndarray.copy, y) if isinstance(y, np.ndarray) else fixed(y)


def stores(
    recorded: Recorded,
    left: Iterable[tuple[Place, Any]],
    homes: Mapping[Any, np.ndarray],
    getter: Callable[[Variable], Any],
) -> list[tuple[Any, ...]]:
    """What is done at the end: places get outputs, or the arrays there do.

    Each is a function, an owner and a name; and a function with its arguments, which give what is
    stored.
    """
    found: list[tuple[Any, ...]] = []
    for place, y in left:
        home = homes.get(place.owner) if place.name == "_held" else None
        where = (setattr, place.owner, place.name) if home is None else (setitem, home, ...)
        found.append((*where, *value(y, getter)))
    if recorded.generators:
        found.append((setitem, recorded.drawn, slice(None), *fixed(())))
    return found


def results(recorded: Recorded, outputs: Iterable[Any], getter: Callable[[Variable], Any]) -> Any:
    """What makes a Value of each result, or None; and a function with its arguments."""
    rows = zip(recorded.wrapped, outputs, strict=False)
    return [(wrap, *value(y, getter)) for wrap, y in rows]


class Boundary:
    """What goes in and out of a program, all of it put and stored in C alone. One call at a time.

    Parameters
    ----------
    fetches, stores, results : sequence of tuple
        See the functions of these names.
    """

    def __init__(self, fetches: Any, stores: Sequence[Any], results: Sequence[Any]) -> None:
        self._owners, self._homes = [[x[k] for x in fetches if x[2] is None] for k in (0, 3)]
        fetches = [x for x in fetches if x[2] is not None]
        self._given = [i for i, *_ in fetches if type(i) is int]
        self._outside = [x[:2] for x in fetches[len(self._given) :]]
        self._targets, self._keys = [[x[k] for x in fetches] for k in (2, 3)]
        self._where = [*zip(*[x[:3] for x in stores], strict=True)] or [(), (), ()]
        self._what = [x[3:] for x in stores]
        self._wraps, self._results = [wrap for wrap, *_ in results], [x for _, *x in results]

    def fetch(self, inputs: Sequence[Any]) -> bool:
        """Put what the program reads where it reads it, if it fits what is outside."""
        if not all(map(is_, map(_held, self._owners), self._homes)):
            return False
        values = chain(map(inputs.__getitem__, self._given), starmap(getattr, self._outside))
        consume(map(setitem, self._targets, self._keys, values))
        return True

    def stored(self) -> Iterable[Any]:
        """An iterator that stores all."""
        return map(call, *self._where, starmap(call, self._what))

    def handed_out(self) -> list[Any]:
        """The results."""
        found = zip(self._wraps, starmap(call, self._results), strict=True)
        return [wrap(x) if wrap else x for wrap, x in found]


def input_names(recorded: Recorded) -> dict[Variable, str]:
    """What the inputs of a program are called."""
    names = {x: f"input {i}" for i, x in enumerate(recorded.program.inputs)}
    leaves: dict[int, str] = {}
    for place, x in recorded.reads:
        own = place.owner._extra.name if place.owner._extra else None
        names[x] = leaves.setdefault(id(place.owner), own or f"variable {len(leaves)}")
        names[x] += ".grad" if place.name == "_grad" else ""
    return names
