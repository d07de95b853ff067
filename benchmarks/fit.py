"""What `training.fit` costs, against the loop that one would write by hand."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

import deltaprop as dp
from benchmarks.problem import case_name
from benchmarks.progress import Progress
from benchmarks.results import Comparison, WorkloadResult, at_most
from benchmarks.timing import Contender, Settings, compare

NAME = "fit"
TITLE = "Five epochs, by training.fit and by hand: SGD, mean squared error, float32"

CASES = [((2, 16, 16, 1), 1000, 32), ((64, 64, 64, 10), 1797, 64), ((2, 8, 1), 32, 32)]
EPOCHS = 6
FIT, HAND = "fit", "by hand"
FACTOR = 1.1  # the target: at most so many times the time of the loop by hand


def run(settings: Settings, progress: Progress) -> WorkloadResult:
    """Check that both learn the same, then time all epochs but the first, which compiles."""
    comparisons: list[Comparison] = []
    verdicts = []
    baseline = f"{HAND}, compiled"
    for sizes, rows, batch in CASES:
        count = (EPOCHS - 1) * -(-rows // batch)
        case = f"{case_name(sizes, batch)}: {count} batches"
        if not settings.wants_case(case):
            continue
        contenders = []
        for how, compiled in (("compiled", True), ("eager", False)):
            ways = _ways(sizes, rows, batch, compiled)
            if ways[FIT]()[1] != ways[HAND]()[1]:
                raise AssertionError("fit and the loop by hand have different losses")
            contenders += [
                Contender(f"{name}, {how}", lambda way=way: way()[0], own_clock=True)
                for name, way in ways.items()
            ]
        comparison = compare(case, contenders, baseline, settings, progress)
        comparisons.append(comparison)
        if rows > batch:
            verdicts.append(at_most(comparison, f"{FIT}, compiled", FACTOR, baseline))
    return WorkloadResult(
        NAME,
        TITLE,
        comparisons,
        verdicts,
        [
            "The last case has one batch an epoch: there, what fit does once an epoch shows, a copy"
            " of all weights for the case that the loss becomes NaN, and the history."
        ],
    )


def _ways(
    sizes: tuple[int, ...], rows: int, batch: int, compiled: bool
) -> dict[str, Callable[[], tuple[float, list[float]]]]:
    """Functions that train from the start; they return the seconds that count, and the losses."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, sizes[0]), dtype=np.float32)
    T = rng.standard_normal((rows, sizes[-1]), dtype=np.float32)

    def network() -> tuple[Any, Any]:
        model = dp.nn.MLP(sizes, rng=0, dtype=np.float32)
        return model, dp.optim.SGD(model.parameters(), lr=0.01)

    def by_fit() -> tuple[float, list[float]]:
        model, optimizer = network()
        history = dp.training.fit(
            model,
            (X, T),
            dp.nn.mse,
            optimizer,
            epochs=EPOCHS,
            batch_size=batch,
            rng=0,
            compiled=compiled,
            progress=False,
        )
        return sum(history.seconds[1:]), history.loss

    def by_hand() -> tuple[float, list[float]]:
        model, optimizer = network()

        def step(X: Any, T: Any) -> Any:
            loss = dp.nn.mse(model(X), T)
            optimizer.zero_grad()
            loss.backward(retain_grads=False)
            optimizer.step()
            return loss

        trained = dp.compile(step) if compiled else step
        order, seconds, losses = np.random.default_rng(0), [], []
        for _ in range(EPOCHS):
            start, total = perf_counter(), 0.0
            permutation = order.permutation(rows)
            for i in range(0, rows, batch):
                chosen = permutation[i : i + batch]
                total += trained(X[chosen], T[chosen]).item() * len(chosen)
            losses.append(total / rows)
            seconds.append(perf_counter() - start)
        return sum(seconds[1:]), losses

    return {FIT: by_fit, HAND: by_hand}
