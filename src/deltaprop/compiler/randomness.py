"""Random numbers that a recording would take for constants: whether there are any, and where."""

from __future__ import annotations

import pickle
import random
import sys
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

from ..graph.modes import PACKAGES, here
from .traced import refused
from .turns import afterwards, undone

_SOURCES = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random)
_GLOBAL: dict[int, str] = {
    id(random._inst): "Python's global generator (the module random)",
    id(np.random.mtrand._rand): "NumPy's global generator (np.random)",
}
_LEVELS = 4  # of objects in objects that are looked through


class Watch:
    """The generators that a function reaches, beside its recorded arguments, and their states."""

    def __init__(self, function: Callable[..., Any], static: Iterable[Any]) -> None:
        own = [random._inst, np.random.mtrand._rand]
        found = [*own, *_sources([function, *static], _LEVELS, set())]
        self.seen: list[tuple[Any, Any]] = [
            (x, _state(x)) for x in {id(x): x for x in found}.values()
        ]

    def check(self, again: Callable[[], Any]) -> None:
        """Raise if the function drew from one, which is put back; `again` runs the function.

        Other threads may draw from those that all have in common, but not as much at the same
        line each time.
        """
        for source, state in self.seen:
            if _state(source) == state:
                continue
            alone = _is_alone(source)
            draws = []
            for _ in range(1 if alone else 3):
                _set(source, state)
                draws.append(_first_draw(source, again))
            _set(source, state)
            if alone or (draws[0][0] and len(set(draws)) == 1):
                what = _GLOBAL.get(id(source), f"a {type(source).__name__}")
                raise refused(
                    f"random numbers were drawn from {what}, which the recording knows nothing of",
                    "Pass the generator to the compiled function as an argument (a "
                    "numpy.random.Generator: np.random.default_rng(seed)), so that each run draws "
                    "anew",
                    at=draws[0][0] or None,
                )
        self.seen = []

    def put_back(self) -> None:
        """Put back what was drawn from, if `check` did not come to its end."""
        for source, state in self.seen:
            if _is_alone(source) and _state(source) != state:
                _set(source, state)


def _is_alone(source: Any) -> bool:
    return id(source) not in _GLOBAL or threading.active_count() == 1


def _state(source: Any) -> Hashable:
    if isinstance(source, random.Random):
        return source.getstate()
    if isinstance(source, np.random.RandomState):
        return pickle.dumps(source.get_state(legacy=False))
    return pickle.dumps(getattr(source, "bit_generator", source).state)


def _set(source: Any, state: Any) -> None:
    if isinstance(source, random.Random):
        source.setstate(state)
    elif isinstance(source, np.random.RandomState):
        source.set_state(pickle.loads(state))
    else:
        getattr(source, "bit_generator", source).state = pickle.loads(state)


def _sources(roots: Iterable[Any], levels: int, met: set[int]) -> Iterator[Any]:
    """The generators among objects, and among those that they refer to."""
    for x in roots:
        if id(x) in met:
            continue
        met.add(id(x))
        if isinstance(x, _SOURCES):
            if not isinstance(x, random.SystemRandom):
                yield x
        elif levels:
            yield from _sources(_inside(x), levels - 1, met)


def _inside(x: Any) -> Iterable[Any]:
    """What an object of the user's refers to, as far as a function would look at it."""
    if isinstance(x, MethodType):
        return [x.__self__, x.__func__]
    if isinstance(x, partial):
        return [x.func, *x.args, *x.keywords.values()]
    if isinstance(x, FunctionType):
        if x.__code__.co_filename.startswith(PACKAGES):
            return []
        cells = [cell.cell_contents for cell in x.__closure__ or () if not _is_empty(cell)]
        names = _names(x.__code__)
        wrapped = [vars(x)["__wrapped__"]] if "__wrapped__" in vars(x) else []
        given = [*(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values()]
        return [
            *cells,
            *given,
            *[x.__globals__[name] for name in names if name in x.__globals__],
            *wrapped,
        ]
    if isinstance(x, (list, tuple)):
        return x if len(x) < 100 else []
    if isinstance(x, dict):
        return list(x.values()) if len(x) < 100 else []
    if isinstance(x, type) or not hasattr(x, "__dict__") or isinstance(x, type(sys)):
        return []
    return list(vars(x).values())


def _is_empty(cell: Any) -> bool:
    try:
        return cell.cell_contents is cell
    except ValueError:
        return True


def _names(code: CodeType) -> set[str]:
    inner = [_names(x) for x in code.co_consts if isinstance(x, CodeType)]
    return set(code.co_names).union(*inner)


def _looked_at(look: Any, run: Callable[[], Any]) -> None:
    afterwards(sys.settrace, sys.gettrace())
    afterwards(sys.setswitchinterval, sys.getswitchinterval())
    sys.setswitchinterval(0.05)  # other threads draw in between
    sys.settrace(look)
    run()


def _first_draw(source: Any, run: Callable[[], Any]) -> tuple[str, Hashable]:
    """Where in the user's code a run draws from a generator first, and its state then."""
    before, last = _state(source), ""
    found: list[tuple[str, Hashable]] = []

    def look(frame: Any, event: str, _: Any) -> Any:
        nonlocal last
        name = frame.f_code.co_filename
        if found or name.startswith(PACKAGES) or name == random.__file__:
            return None
        now = _state(source)
        if now != before:
            found.append((last, now))
            return None
        if event == "line":
            last = here(frame)
        return look

    undone(_looked_at, look, run)
    now = _state(source)
    return found[0] if found else (last if now != before else "", now)
