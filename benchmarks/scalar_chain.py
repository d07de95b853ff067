"""A chain of n scalar operations: recorded, differentiated, freed. Time and bytes per node."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.memory import traced_bytes
from benchmarks.progress import Progress
from benchmarks.results import Comparison, Verdict, WorkloadResult, growth
from benchmarks.timing import Contender, Settings, compare

NAME = "scalar-chain"
TITLE = "Chain of n scalar operations (y = y * x; y = y + x ...): record, backward, free"

OURS = "deltaprop eager"
BY_HAND = "Python by hand"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
START = 0.5


@dataclass(frozen=True)
class _Library:
    """How a library records the chain and differentiates it; `largest` is the longest it is given.

    `record` returns the chain's start and end, `gradient` the start's gradient after backward.
    `in_python` says that its memory can be traced.
    """

    record: Callable[[int], Any]
    gradient: Callable[[Any], float]
    largest: int = SIZES[-1]
    in_python: bool = True

    def call(self, n: int) -> float:
        """Record n operations, differentiate, and let the graph go."""
        return self.gradient(self.record(n))


def run(settings: Settings, progress: Progress) -> WorkloadResult:
    """Time every library at every size it can do; trace the memory of those in Python."""
    libraries, absent = _libraries()
    sizes = SIZES[:3] if settings.quick else SIZES
    comparisons = [
        _compare(n, libraries, absent, settings, progress)
        for n in sizes
        if settings.wants_case(_case(n))
    ]
    return WorkloadResult(
        NAME,
        TITLE,
        comparisons,
        _verdicts(comparisons),
        [
            "Both operands of every operation are Values, so no constants are recorded. Bytes are"
            " traced by tracemalloc in an untimed pass: 'graph' is what recording leaves held,"
            " 'peak' the most held until backward() is done (gradients of all nodes included).",
            "micrograd's cycles are collected between turns, outside its time."
            " It recurses, so its chains end at 10,000.",
        ],
    )


def _compare(
    n: int,
    libraries: dict[str, _Library],
    absent: dict[str, str],
    settings: Settings,
    progress: Progress,
) -> Comparison:
    limit = 10_000 if settings.quick else SIZES[-1]
    chosen = {
        name: library
        for name, library in libraries.items()
        if settings.wants(name, BY_HAND)
        and (n <= min(library.largest, limit) or name in (OURS, BY_HAND))
    }
    expected = _by_hand(n)
    for name, library in chosen.items():
        found = library.call(n)
        if not abs(found - expected) <= 1e-9 * abs(expected):
            raise AssertionError(f"{name}: gradient {found}, expected {expected}")
    contenders = [Contender(name, partial(library.call, n)) for name, library in chosen.items()]
    comparison = compare(_case(n), contenders, BY_HAND, settings, progress)
    comparison.size, comparison.unit = n, "node"
    comparison.absent.update(absent)
    left_out = "too long a chain for it, or for the time"
    comparison.absent.update(
        {
            name: left_out
            for name in libraries
            if name not in chosen and settings.wants(name, BY_HAND)
        }
    )
    for name, library in chosen.items():
        if library.in_python and name != BY_HAND:
            held, peak = traced_bytes(partial(library.record, n), library.gradient)
            comparison.bytes_per_unit[name] = {"graph": held / n, "peak": peak / n}
    return comparison


def _case(n: int) -> str:
    return f"n = {n:,}"


def _verdicts(comparisons: list[Comparison]) -> list[Verdict]:
    """Judge time and bytes at a million nodes, and whether both grow linearly from a thousand."""
    largest = next((c for c in comparisons if c.size == SIZES[-1]), None)
    timing = largest.timing(OURS) if largest else None
    seconds = timing.spread.median if timing else None
    peak = largest.bytes_per_unit.get(OURS, {}).get("peak") if largest else None
    exponent = growth(comparisons, OURS)
    peaks = [
        c.bytes_per_unit[OURS]["peak"]
        for c in comparisons
        if OURS in c.bytes_per_unit and c.size > 1_000
    ]
    return [
        Verdict(
            f"{OURS}: at most 2 us per node at n = 10^6",
            2.0,
            None if seconds is None else 1e6 * seconds / SIZES[-1],
            disturbed=largest is not None and largest.disturbed,
        ),
        Verdict(f"{OURS}: at most 250 bytes per node at n = 10^6, peak", 250.0, peak),
        Verdict(
            f"{OURS}: time grows at most as n^1.1 (linear: 1)",
            1.1,
            exponent,
            disturbed=any(c.disturbed for c in comparisons),
        ),
        Verdict(
            f"{OURS}: bytes per node at most 1.1 x as many at the largest n (linear: 1)",
            1.1,
            peaks[-1] / peaks[0] if len(peaks) > 1 else None,
        ),
    ]


def _libraries() -> tuple[dict[str, _Library], dict[str, str]]:
    """Return the libraries that are installed, and why the others are absent."""
    libraries = {BY_HAND: _Library(lambda n: n, _by_hand)}
    absent: dict[str, str] = {}
    for name, load in (
        (OURS, _deltaprop),
        ("micrograd", _micrograd),
        ("PyTorch eager", _torch),
        ("autograd", _autograd),
    ):
        try:
            libraries[name] = load()
        except ImportError as error:
            absent[name] = str(error)
    return libraries, absent


def _by_hand(n: int) -> float:
    """Return the gradient by a tape kept by hand: the floor for any recording in Python."""
    x = y = START
    tape = []
    for _ in range(n // 2):
        tape.append(y)
        y = y * x + x
    cotangent, gradient = 1.0, 0.0
    for y in reversed(tape):
        gradient += cotangent * (y + 1.0)
        cotangent *= x
    return gradient + cotangent


def _extend(x: Any, n: int) -> Any:
    """Return the end of a chain of n operations that starts at x: y tends to x / (1 - x) = 1."""
    y = x
    for _ in range(n // 2):
        y = y * x
        y = y + x
    return y


def _deltaprop() -> _Library:
    from deltaprop import Value

    def gradient(ends: Any) -> float:
        start, end = ends
        end.backward()
        return float(start.grad)

    return _Library(lambda n: (x := Value(START), _extend(x, n)), gradient)


def _micrograd() -> _Library:
    from micrograd.engine import Value

    def gradient(ends: Any) -> float:
        start, end = ends
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(50_000)
        try:
            end.backward()
        finally:
            sys.setrecursionlimit(limit)
        return float(start.grad)

    return _Library(lambda n: (x := Value(START), _extend(x, n)), gradient, largest=10_000)


def _torch() -> _Library:
    import torch

    def record(n: int) -> Any:
        x = torch.tensor(START, dtype=torch.float64, requires_grad=True)
        return x, _extend(x, n)

    def gradient(ends: Any) -> float:
        start, end = ends
        end.backward()
        return float(start.grad)

    return _Library(record, gradient, largest=100_000, in_python=False)


def _autograd() -> _Library:
    from autograd import make_vjp

    def record(n: int) -> Any:
        return make_vjp(lambda x: _extend(x, n))(START)

    def gradient(recorded: Any) -> float:
        pull_back, _ = recorded
        return float(pull_back(1.0))

    return _Library(record, gradient, largest=10_000)
