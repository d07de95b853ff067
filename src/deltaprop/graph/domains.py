"""Where operations are tested: intervals with their kinks, and cases for the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

INF = float("inf")


@dataclass(frozen=True)
class Domain:
    """An open interval in which an elementwise operation is smooth, but for `kinks`.

    Parameters
    ----------
    low, high : float
        Ends of the interval.
    kinks : tuple of float
        Points inside it where the derivative jumps or is infinite.
    """

    low: float = -INF
    high: float = INF
    kinks: tuple[float, ...] = ()


class Case:
    """Arguments for a generated test: shapes to fill with random numbers, and parameters.

    Parameters
    ----------
    *shapes : tuple of int
        One shape for each array argument.
    domain : Domain
        Where the numbers lie.
    near : array_like
        What is added to the first argument, for operations that want a structure.
    seen : callable, optional
        A function of the result, where only that is determined and not the result itself.
    **params
        The operation's static arguments.
    """

    def __init__(
        self,
        *shapes: tuple[int, ...],
        domain: Domain = Domain(),
        near: Any = 0.0,
        seen: Callable[[Any], Any] | None = None,
        **params: Any,
    ) -> None:
        self.shapes, self.params = shapes, params
        self.domain, self.near, self.seen = domain, near, seen


case = Case  # an entry writes it the way the operation is called
REAL = Domain()
POSITIVE = Domain(0.0)
NONZERO = Domain(kinks=(0.0,))
UNIT = Domain(-1.0, 1.0)
