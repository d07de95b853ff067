"""What users may give by name: an activation, an initialiser, a loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def by_name(
    kind: str, given: str | Callable[..., Any], known: Mapping[str, Callable[..., Any]]
) -> Callable[..., Any]:
    """The function of that name; a function stands for itself.

    Examples
    --------
    >>> by_name("unit", "metr", {"metre": float, "second": float})
    Traceback (most recent call last):
    ValueError: unknown unit 'metr'; known: metre, second
    """
    if callable(given):
        return given
    if not isinstance(given, str) or given not in known:
        raise ValueError(f"unknown {kind} {given!r}; known: {', '.join(known)}")
    return known[given]
