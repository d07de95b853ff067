"""The boundary between the world and a program, whatever executes it.

A call fetches what lies outside, computes, and hands out the results. What the program leaves
outside is stored last, by functions that neither fail nor run Python code, so that no signal comes
in between: all of it is stored, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, starmap
from operator import call, setitem
from typing import Any

import numpy as np

from ..tree import LEAF, unflatten
from .program import Variable
from .recording import Place, Recorded
from .table import fixed
from .traced import UnfitError
from .turns import consume, exclusively


class Boundary:
    """A program between what lies outside and memory of its own. One call at a time.

    Parameters
    ----------
    recorded : Recorded
    targets : mapping
        Where inputs of the program are put when they are fetched: a container, and a key.
    results : sequence of tuple
        For each result a function and its arguments, which give it.
    """

    walk: Callable[[], None]  # computes, and stores what is left outside: see `stores`

    def __init__(self, recorded: Recorded, targets: Mapping[Any, Any], results: Any) -> None:
        inputs = recorded.program.inputs[: -len(recorded.reads) or None]
        self._given = [i for i, x in enumerate(inputs) if x in targets]
        self._outside = [(place.owner, place.name) for place, x in recorded.reads if x in targets]
        fetched = [x for x in recorded.program.inputs if x in targets]
        self._targets, self._keys = [[targets[x][k] for x in fetched] for k in (0, 1)]
        self._results, self._wrapped = results, recorded.wrapped
        self._structure = recorded.structure

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Give what the function gives."""
        fetched = map(inputs.__getitem__, self._given), starmap(getattr, self._outside)
        consume(map(setitem, self._targets, self._keys, chain(*fetched)))
        self.walk()
        results = [*starmap(call, self._results)]
        for i, wrap in enumerate(self._wrapped):
            if wrap is not None:
                results[i] = wrap(results[i])
        return results[0] if self._structure is LEAF else unflatten(self._structure, results)


class Runners:
    """A program that runs, laid out anew for each call that begins before another has ended.

    Parameters
    ----------
    make : callable
        Lays out the program.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self.idle: list[Any] = [make()]

    def run(self, inputs: Sequence[Any]) -> Any:
        """Give what the function gives."""
        try:
            runner = self.idle.pop()
        except IndexError:
            runner = None
        if runner is None or not runner.fits():
            runner = exclusively(self._make)
        try:
            result = runner(inputs)
        except UnfitError:
            self.idle.append(runner)
            raise
        # after another error, threads may still compute in its memory
        self.idle.append(runner)
        return result


def value(y: Any, getter: Callable[[Variable], Any]) -> tuple[Any, ...]:
    """A function and its arguments, which give an output: of a constant array, a copy."""
    if isinstance(y, Variable):
        return tuple(getter(y))
    return (np.ndarray.copy, y) if isinstance(y, np.ndarray) else fixed(y)


def stores(
    recorded: Recorded,
    left: Iterable[tuple[Place, Any, np.ndarray | None]],
    getter: Callable[[Variable], Any],
) -> list[tuple[Any, ...]]:
    """What is done at the end: places get outputs, or the arrays there do.

    Each is a function, an owner and a name; and a function with its arguments, which give what is
    stored.
    """
    found: list[tuple[Any, ...]] = []
    for place, y, home in left:
        where = (setattr, place.owner, place.name) if home is None else (setitem, home, ...)
        found.append((*where, *value(y, getter)))
    if recorded.generators:
        found.append((setitem, recorded.drawn, slice(None), *fixed(())))
    return found


def input_names(recorded: Recorded) -> dict[Variable, str]:
    """What the inputs of a program are called."""
    names = {x: f"input {i}" for i, x in enumerate(recorded.program.inputs)}
    leaves: dict[int, str] = {}
    for place, x in recorded.reads:
        own = place.owner._extra.name if place.owner._extra else None
        names[x] = leaves.setdefault(id(place.owner), own or f"variable {len(leaves)}")
        names[x] += ".grad" if place.name == "_grad" else ""
    return names
