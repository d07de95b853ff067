"""What a run measured: timings, comparisons, verdicts. Plain data, no printing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

DISTURBED = 0.1
"""Share of our cores used by others from which on a round is called disturbed."""


@dataclass(frozen=True)
class Spread:
    """The median of a sample and its quartiles."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(sample: Sequence[float]) -> Spread:
        """Summarise a sample."""
        low, middle, high = (float(q) for q in np.quantile(np.asarray(sample), (0.25, 0.5, 0.75)))
        return Spread(middle, low, high)

    def scaled(self, factor: float) -> Spread:
        """Return the spread in another unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Timing:
    """One contender in one comparison: for every round, the mean seconds of its `calls` calls."""

    contender: str
    calls: int
    seconds: tuple[float, ...]

    @property
    def spread(self) -> Spread:
        """Median and quartiles over the rounds, in seconds per call."""
        return Spread.of(self.seconds)


@dataclass
class Comparison:
    """One case of a workload: its contenders timed in the same rounds.

    Attributes
    ----------
    case : str
        Such as ``"64-64-64-10, batch 64"``.
    timings : list of Timing
    baseline : str
        The contender that ratios are taken against.
    absent : mapping
        Contenders that could not be imported, or are left out of this case, and why.
    size : int
        Scalar operations, or loop steps, in a call; 1 where a call is the unit.
    unit : str
        What ``size`` counts.
    bytes_per_unit : mapping
        For each contender, named amounts of memory.
    busy_elsewhere : float or None
        Share of the machine's time that other processes and virtual machines used meanwhile.
    rounds_dropped : int
        Rounds left out because that share was high during them.
    rounds_dropped : int
        Rounds left out because that share was high during them.
    """

    case: str
    timings: list[Timing]
    baseline: str
    absent: dict[str, str] = field(default_factory=dict)
    size: int = 1
    unit: str = "call"
    bytes_per_unit: dict[str, dict[str, float]] = field(default_factory=dict)
    busy_elsewhere: float | None = None
    rounds_dropped: int = 0

    @property
    def disturbed(self) -> bool:
        """Whether others used so much of the machine that the times say little."""
        return self.busy_elsewhere is not None and self.busy_elsewhere >= DISTURBED

    def timing(self, contender: str) -> Timing | None:
        """Return the timing of the contender, or None where it was not measured."""
        return next((t for t in self.timings if t.contender == contender), None)

    def ratio(self, contender: str, against: str) -> Spread | None:
        """Return how many times as long as `against` the contender takes, paired by round."""
        mine, theirs = self.timing(contender), self.timing(against)
        if mine is None or theirs is None:
            return None
        return Spread.of([a / b for a, b in zip(mine.seconds, theirs.seconds, strict=True)])


@dataclass(frozen=True)
class Verdict:
    """A target of the project and what was measured.

    Attributes
    ----------
    statement : str
        What is measured, and its bound.
    bound : float
    measured : float or None
        None where nothing was measured.
    at_least : bool
        The bound is a lower one.
    disturbed : bool
        Others used the machine, so the number says little.
    """

    statement: str
    bound: float
    measured: float | None
    at_least: bool = False
    disturbed: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the bound is kept; None where nothing was measured."""
        if self.measured is None:
            return None
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    @property
    def word(self) -> str:
        """``met``, ``MISSED`` or ``not measured``; with a warning where it cannot be trusted."""
        word = {True: "met", False: "MISSED", None: "not measured"}[self.met]
        return f"{word} (disturbed)" if self.disturbed and self.met is not None else word


@dataclass
class WorkloadResult:
    """Everything that one workload measured.

    Where there are many comparisons of two contenders, `worst` says how many of them are shown.
    """

    name: str
    title: str
    comparisons: list[Comparison]
    verdicts: list[Verdict]
    notes: list[str] = field(default_factory=list)
    worst: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return plain data: every round's time too, so that any statistic can be redone."""
        return {
            "name": self.name,
            "title": self.title,
            "notes": self.notes,
            "comparisons": [_comparison_as_json(c) for c in self.comparisons],
            "targets": [
                {
                    "statement": v.statement,
                    "at_least" if v.at_least else "at_most": v.bound,
                    "measured": v.measured,
                    "met": v.met,
                    "disturbed": v.disturbed,
                }
                for v in self.verdicts
            ],
        }


def at_most(comparison: Comparison, contender: str, factor: float, against: str) -> Verdict:
    """Judge "`contender` takes at most `factor` times as long as `against`"."""
    ratio = comparison.ratio(contender, against)
    return Verdict(
        f"{comparison.case}: {contender} at most {factor:g} x the time of {against}",
        factor,
        None if ratio is None else ratio.median,
        disturbed=comparison.disturbed,
    )


def times_faster(comparison: Comparison, contender: str, factor: float, against: str) -> Verdict:
    """Judge "`contender` is at least `factor` times faster than `against`"."""
    ratio = comparison.ratio(against, contender)
    return Verdict(
        f"{comparison.case}: {contender} at least {factor:g} x faster than {against}",
        factor,
        None if ratio is None else ratio.median,
        at_least=True,
        disturbed=comparison.disturbed,
    )


def growth(comparisons: Sequence[Comparison], contender: str) -> float | None:
    """Return the exponent p of time ~ size**p, least squares over the cases; None below two."""
    points = [
        (math.log(c.size), math.log(timing.spread.median))
        for c in comparisons
        if (timing := c.timing(contender)) is not None
    ]
    if len(points) < 2:
        return None
    log_sizes, log_seconds = np.transpose(points)
    return float(np.polyfit(log_sizes, log_seconds, 1)[0])


def _comparison_as_json(comparison: Comparison) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for timing in comparison.timings:
        ratio = comparison.ratio(timing.contender, comparison.baseline)
        rows[timing.contender] = {
            "seconds": _spread_as_json(timing.spread),
            "ratio": None if ratio is None else _spread_as_json(ratio),
            "calls_per_round": timing.calls,
            "rounds": list(timing.seconds),
            "bytes_per_unit": comparison.bytes_per_unit.get(timing.contender),
        }
    return {
        "case": comparison.case,
        "baseline": comparison.baseline,
        "size": comparison.size,
        "unit": comparison.unit,
        "contenders": rows,
        "absent": comparison.absent,
        "busy_elsewhere": comparison.busy_elsewhere,
        "rounds_dropped": comparison.rounds_dropped,
    }


def _spread_as_json(spread: Spread) -> dict[str, float]:
    return {"median": spread.median, "lower_quartile": spread.low, "upper_quartile": spread.high}
