"""Options that users choose by a name or a number: checked, with an error that lists what fits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np


def chosen(kind: str, given: Any, known: Collection[Any]) -> Any:
    """Return `given` if it is one of the known options.

    Examples
    --------
    >>> chosen("mode", "mni", ("min", "max"))
    Traceback (most recent call last):
    ValueError: unknown mode 'mni'; known: min, max
    """
    if not isinstance(given, str | int | np.bool_) or given not in known:
        raise ValueError(f"unknown {kind} {given!r}; known: {', '.join(map(str, known))}")
    return given


def by_name(
    kind: str, given: str | Callable[..., Any], known: Mapping[str, Callable[..., Any]]
) -> Callable[..., Any]:
    """Return the function of this name; a function is returned as it is."""
    return given if callable(given) else known[chosen(kind, given, known)]


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
