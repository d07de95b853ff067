"""Options that users choose by a name or a number: checked, with an error that lists what fits."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import numpy as np


def brief(given: Any) -> str:
    """Return the type of what was given and the beginning of its repr, on one line.

    Examples
    --------
    >>> brief([1.0, 2.0]), brief(None)
    ('list [1.0, 2.0]', 'None')
    """
    name, text = type(given).__name__, " ".join(repr(given).split())
    text = text if len(text) <= 60 else text[:57] + "..."
    plain = isinstance(given, int | float | None) or text.startswith(name)
    return text if plain else f"{name} {text}"


def chosen(kind: str, given: Any, known: Collection[Any]) -> Any:
    """Return `given` if it is one of the known options.

    Examples
    --------
    >>> chosen("mode", "mni", ("min", "max"))
    Traceback (most recent call last):
    ValueError: unknown mode 'mni'; known: min, max
    """
    if not isinstance(given, str | int | np.bool_) or given not in known:
        given = repr(given) if isinstance(given, str) else brief(given)
        raise ValueError(f"unknown {kind} {given}; known: {', '.join(map(str, known))}")
    return given


def by_name(
    kind: str, given: str | Callable[..., Any], known: Mapping[str, Callable[..., Any]]
) -> Callable[..., Any]:
    """Return the function of this name; a function is returned as it is."""
    return given if callable(given) else known[chosen(kind, given, known)]


def is_integer(given: Any) -> bool:
    """Return whether something is an integer, of Python or NumPy; truth values are not.

    Examples
    --------
    >>> is_integer(3), is_integer(3.0), is_integer(True)
    (True, False, False)
    """
    return isinstance(given, int | np.integer) and not isinstance(given, bool)


def whole(what: str, given: Any, least: int = 1) -> int:
    """Return a whole number that is at least `least`.

    Examples
    --------
    >>> whole("patience", 3.0)
    3
    >>> whole("patience", 0)
    Traceback (most recent call last):
    ValueError: patience must be a whole number, at least 1, not 0
    """
    number = isinstance(given, int | float | np.number) and not isinstance(given, bool)
    if not number or given % 1 or given < least:
        raise ValueError(f"{what} must be a whole number, at least {least}, not {given!r}")
    return int(given)


def number(what: str, given: Any, below: float = math.inf, least: float = 0.0) -> float:
    """Return a number as a Python float: a NumPy scalar would widen float32.

    Examples
    --------
    >>> number("momentum", "0.9", below=1.0)
    Traceback (most recent call last):
    ValueError: momentum must be a number, below 1 and at least 0, got str '0.9'
    """
    try:
        found = math.nan if isinstance(given, str | bytes) else float(given)
    except (TypeError, ValueError):
        found = math.nan
    if not least <= found < below:
        limit = "finite" if below == math.inf else f"below {below:g}"
        raise ValueError(
            f"{what} must be a number, {limit} and at least {least:g}, got {brief(given)}"
        )
    return found


def generator(rng: Any) -> np.random.Generator:
    """Return the generator, or a new one for a seed or None.

    Examples
    --------
    >>> generator(-1)
    Traceback (most recent call last):
    ValueError: rng must be a numpy.random.Generator, a seed (an int >= 0) or None, got -1
    """
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"rng must be a numpy.random.Generator, a seed (an int >= 0) or None, got {brief(rng)}"
        ) from None


def of_kind(what: str, given: Any, kind: type | tuple[type, ...], write: str) -> Any:
    """Return `given`, which must be an instance of a type; `write` says what to do if it is not.

    Examples
    --------
    >>> of_kind("the state", "model.pt", Mapping, "give what state_dict() returns")
    Traceback (most recent call last):
    TypeError: the state must be of type Mapping, got str 'model.pt': give what state_dict() returns
    """
    if not isinstance(given, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        names = " or ".join(k.__name__ for k in kinds)
        raise TypeError(f"{what} must be of type {names}, got {brief(given)}: {write}")
    return given


def sequence(what: str, given: Any, kind: type | None = None, write: str = "") -> list[Any]:
    """Return the items of a list, a tuple or another iterable, which are all of one kind.

    Examples
    --------
    >>> sequence("the widths", 3, int, "write [2, 4, 1]")
    Traceback (most recent call last):
    TypeError: the widths must be a list of ints, got 3: write [2, 4, 1]
    """
    of = f" of {kind.__name__}s" if kind is not None else ""
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise TypeError(f"{what} must be a list{of}, got {brief(given)}: {write}")
    found = list(given)
    for x in found:
        if kind is not None and not isinstance(x, kind):
            raise TypeError(f"{what} must be a list{of}, got one with {brief(x)}: {write}")
    return found
