"""Interleaved measurement: rounds in which every contender is timed once, in shuffled order."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from benchmarks.machine import Busyness
from benchmarks.progress import Progress
from benchmarks.results import DISTURBED, Comparison, Timing

SHORTEST_ROUND = 0.2
"""Seconds that a round lasts at least: what others use is told in ticks of 0.01 s."""


@dataclass
class Contender:
    """A name and the call that is timed; the call keeps whatever state it needs.

    It has been made once before it is timed: what is compiled or cached at first is there.
    With `own_clock` the call returns the seconds that count: a part of it is being timed.
    """

    name: str
    call: Callable[[], Any]
    own_clock: bool = False

    def seconds(self, number: int) -> float:
        """Return the mean seconds of `number` calls."""
        repeats = range(number)
        call = self.call
        if self.own_clock:
            return fmean(call() for _ in repeats)
        start = time.perf_counter_ns()
        for _ in repeats:
            call()
        return (time.perf_counter_ns() - start) / number * 1e-9

    def calls_to_fill(self, turn: float) -> int:
        """Return how many calls last `turn` seconds; a very slow call is made once only."""
        self.rest()
        number = 1
        while True:
            cost = self.seconds(number)
            if cost < 0.3:
                cost = min(cost, self.seconds(number))
            if number * cost >= turn:
                return max(1, round(turn / cost))
            number *= 2

    def rest(self) -> None:
        """Collect garbage, and let threads fall asleep."""
        gc.collect()
        wait_until_quiet()


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Attributes
    ----------
    rounds, minimum_rounds : int
        Rounds wanted, and the fewest where ``budget`` would cut them.
    turn : float
        Seconds a contender's turn should last at least: fast calls are repeated to fill it.
    budget : float
        Seconds that the rounds of one comparison should take.
    patience : float
        Seconds that a comparison may wait for others to leave the machine.
    quick : bool
        Smaller and fewer cases.
    case : str
        Text that a case's name must have in it.
    contenders : tuple of str
        Texts of which a contender's name must have one in it, case ignored; none: all contenders.
    """

    rounds: int
    minimum_rounds: int
    turn: float
    budget: float
    patience: float
    quick: bool
    case: str = ""
    contenders: tuple[str, ...] = ()

    def wants_case(self, case: str) -> bool:
        """Say whether a case is to be measured."""
        return self.case in case

    def wants(self, contender: str, baseline: str) -> bool:
        """Say whether a contender is to be measured; the baseline always is."""
        named = any(text.lower() in contender.lower() for text in self.contenders)
        return not self.contenders or contender == baseline or named

    @staticmethod
    def full() -> Settings:
        """Return the settings for numbers worth keeping: a few minutes for everything."""
        return Settings(61, 7, 0.010, 20.0, 30.0, quick=False)

    @staticmethod
    def some() -> Settings:
        """Return the settings of ``--only``, for a look: a few seconds for each case."""
        return Settings(21, 3, 0.010, 4.0, 3.0, quick=False)

    @staticmethod
    def short() -> Settings:
        """Return the settings of ``--quick``: about twenty seconds for everything."""
        return Settings(7, 3, 0.004, 0.7, 0.0, quick=True)


def compare(
    case: str,
    contenders: Sequence[Contender],
    baseline: str,
    settings: Settings,
    progress: Progress,
) -> Comparison:
    """Time the contenders in interleaved rounds.

    After each turn, untimed: its garbage is collected, so that nobody pays for another's cycles,
    and its worker threads fall asleep. Before it, where calls are short, some bring the contender's
    own data back into the caches and its threads to life. The collector stays on during a turn.
    Ratios are meant to be taken within a round.
    """
    contenders = [c for c in contenders if settings.wants(c.name, baseline)]
    if not contenders:
        return Comparison(case, [], baseline)
    rounds: list[_Round] = []
    with fair_garbage_collection():
        patience = _wait_for_the_machine(settings.patience)
        turn = max(settings.turn, SHORTEST_ROUND / len(contenders))
        numbers: list[int] = []
        for contender in contenders:
            numbers.append(contender.calls_to_fill(turn))
            contender.rest()
        order = list(range(len(contenders)))
        shuffle = random.Random(0).shuffle
        for _ in progress.rounds(case, settings.rounds):
            if rounds and _enough(rounds, settings):
                break
            if rounds and rounds[-1].disturbed:
                patience = _wait_for_the_machine(patience)
            started = time.perf_counter()
            shuffle(order)
            seconds = [0.0] * len(contenders)
            busyness = Busyness()
            for i in order:
                if some := numbers[i] // 3:
                    contenders[i].seconds(some)
                seconds[i] = contenders[i].seconds(numbers[i])
                contenders[i].rest()
            spent = time.perf_counter() - started
            rounds.append(_Round(seconds, busyness.of_others(), spent))
    kept = _undisturbed(rounds, settings.minimum_rounds)
    timings = [
        Timing(contender.name, numbers[i], tuple(a_round.seconds[i] for a_round in kept))
        for i, contender in enumerate(contenders)
    ]
    busy = [a_round.busy_elsewhere for a_round in kept if a_round.busy_elsewhere is not None]
    return Comparison(
        case,
        timings,
        baseline,
        busy_elsewhere=fmean(busy) if busy else None,
        rounds_dropped=len(rounds) - len(kept),
    )


@dataclass(frozen=True)
class _Round:
    """Each contender's seconds per call, the share of the machine others used, and all it took."""

    seconds: list[float]
    busy_elsewhere: float | None
    spent: float

    @property
    def disturbed(self) -> bool:
        """Whether the machine was not ours."""
        return self.busy_elsewhere is not None and self.busy_elsewhere >= DISTURBED


def _enough(rounds: list[_Round], settings: Settings) -> bool:
    """Say whether the rounds wanted are there, or the time for them is spent."""
    undisturbed = sum(not a_round.disturbed for a_round in rounds)
    spent = sum(a_round.spent for a_round in rounds)
    with_another = spent + spent / len(rounds)
    out_of_time = len(rounds) >= settings.minimum_rounds and with_another > settings.budget
    return undisturbed >= settings.rounds or out_of_time


def _wait_for_the_machine(patience: float) -> float:
    """Sleep until others use little of the machine; return the patience that is left."""
    deadline = time.perf_counter() + patience
    while (left := deadline - time.perf_counter()) > 0:
        busyness = Busyness()
        time.sleep(0.25)
        share = busyness.of_others()
        if share is None or share < DISTURBED:
            return left
    return 0.0


def _undisturbed(rounds: list[_Round], minimum: int) -> list[_Round]:
    """Drop the rounds during which others used much of the machine, if enough others are left.

    What is dropped is decided without looking at a time, and for all contenders alike. It matters:
    where one of two cores is taken, a barrier of two OpenMP threads waits for the scheduler (16 ms
    for a step of 0.3 ms), so a disturbed round says nothing about a library.
    """
    quiet = [a_round for a_round in rounds if not a_round.disturbed]
    return quiet if len(quiet) >= minimum else rounds


def wait_until_quiet(limit: float = 0.2) -> None:
    """Sleep until the threads that an earlier call left spinning have gone to sleep.

    OpenBLAS, OpenMP and Eigen workers spin for up to 50 ms after their last task. On as many cores
    as threads, they were seen to slow the next contender's parallel regions forty times.
    """
    deadline = time.perf_counter() + limit
    while time.perf_counter() < deadline:
        before = time.process_time()
        time.sleep(0.002)
        if time.process_time() - before < 0.0005:
            return


@contextmanager
def fair_garbage_collection() -> Iterator[None]:
    """Keep the collector on, and what was made before (modules, data) out of its sight.

    Half a million objects of imported frameworks would otherwise make every full collection cost a
    tenth of a second, to whoever happens to trigger it.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
