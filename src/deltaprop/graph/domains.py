"""Where operations are tested: domains with their kinks, and cases for the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

INF = float("inf")


@dataclass(frozen=True)
class Domain:
    """An open interval in which an elementwise operation is smooth, except at `kinks`.

    Parameters
    ----------
    low, high : float
        The ends of the interval.
    kinks : tuple of float
        Points inside the interval where the derivative jumps or is infinite.

    Examples
    --------
    >>> from deltaprop.testing.strategies import Domain
    >>> Domain(low=0.0)
    Domain(low=0.0, high=inf, kinks=())
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
        The interval that the numbers lie in.
    near : array_like
        An array that is added to the first argument, for operations that need a structure.
    seen : callable, optional
        A function of the result, if only this function of the result is determined.
    **params
        The static arguments of the operation.
    """

    def __init__(
        self,
        *shapes: tuple[int, ...],
        domain: Domain = Domain(),
        near: Any = 0.0,
        seen: Callable[[Any], Any] | None = None,
        **params: Any,
    ) -> None:
        self.shapes: tuple[tuple[int, ...], ...] = shapes
        self.params: dict[str, Any] = params
        self.domain: Domain = domain
        self.near: Any = near
        self.seen: Callable[[Any], Any] | None = seen


case = Case  # entries write it like a call of the operation
REAL = Domain()
POSITIVE = Domain(0.0)
NONZERO = Domain(kinks=(0.0,))
UNIT = Domain(-1.0, 1.0)
