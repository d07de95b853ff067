"""What transforms cost: a Hessian-vector product in gradients, `checkpoint` in time and memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.memory import traced_bytes
from benchmarks.progress import Progress
from benchmarks.results import Comparison, Verdict, WorkloadResult, at_most
from benchmarks.timing import Contender, Settings, compare

NAME = "transforms"
TITLE = "Transforms: dp.hvp against dp.grad, dp.checkpoint against storing everything"

GRADIENT, PRODUCT = "gradient", "Hessian-vector product"
STORED, CHECKPOINTED = "everything stored", "checkpointed"
SIZES = [64, 64, 64, 10]
LAYERS, SEGMENT, WIDTH = 64, 8, 1024


def run(settings: Settings, progress: Progress) -> WorkloadResult:
    """Time both; trace the memory of the second."""
    comparisons, verdicts = [], []
    if settings.wants_case(case := f"MLP {'-'.join(map(str, SIZES))}, batch 64: hvp"):
        comparison = compare(case, _hvp_contenders(), GRADIENT, settings, progress)
        comparisons.append(comparison)
        verdicts.append(at_most(comparison, PRODUCT, 4.0, GRADIENT))
    width = WIDTH // 4 if settings.quick else WIDTH
    if settings.wants_case(case := f"{LAYERS} layers of {width} x {width}: checkpoint"):
        comparison = _checkpoint(case, width, settings, progress)
        comparisons.append(comparison)
        verdicts.append(at_most(comparison, CHECKPOINTED, 1.5, STORED))
        peaks = {name: b["peak"] for name, b in comparison.bytes_per_unit.items()}
        verdicts.append(
            Verdict(
                f"{case}: peak memory at least 4 x less",
                4.0,
                peaks[STORED] / peaks[CHECKPOINTED],
                at_least=True,
            )
        )
    notes = [
        "hvp: sum of tanh MLP's squared errors, in all weights; forward over reverse.",
        f"checkpoint: tanh(x @ W) {LAYERS} times, float32, differentiated in x;"
        f" {LAYERS // SEGMENT} pieces of {SEGMENT} layers. Bytes are traced in an untimed pass.",
    ]
    return WorkloadResult(NAME, TITLE, comparisons, verdicts, notes)


def _hvp_contenders() -> list[Contender]:
    import deltaprop as dp

    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((a, b)) / np.sqrt(a) for a, b in itertools.pairwise(SIZES)]
    direction = [rng.standard_normal(w.shape) for w in weights]
    x, y = rng.standard_normal((64, SIZES[0])), rng.standard_normal((64, SIZES[-1]))

    def loss(weights: Any) -> Any:
        a = x
        for w in weights[:-1]:
            a = np.tanh(a @ w)
        return np.sum((a @ weights[-1] - y) ** 2)

    gradient = dp.grad(loss)
    product = dp.hvp(loss, (weights,), (direction,))
    h = 1e-5
    ahead, behind = (
        gradient([w + s * d for w, d in zip(weights, direction, strict=True)]) for s in (h, -h)
    )
    for p, a, b in zip(product, ahead, behind, strict=True):
        if not np.allclose(p, (a - b) / (2 * h), rtol=1e-5, atol=1e-4):
            raise AssertionError("the Hessian-vector product is not the change of the gradient")
    return [
        Contender(GRADIENT, partial(gradient, weights)),
        Contender(PRODUCT, partial(dp.hvp, loss, (weights,), (direction,))),
    ]


def _checkpoint(case: str, width: int, settings: Settings, progress: Progress) -> Comparison:
    import deltaprop as dp

    rng = np.random.default_rng(0)
    w = (rng.standard_normal((width, width)) / np.sqrt(width)).astype(np.float32)
    x = rng.standard_normal((width, width)).astype(np.float32)
    w.setflags(write=False)
    x.setflags(write=False)

    def piece(a: Any) -> Any:
        for _ in range(SEGMENT):
            a = np.tanh(a @ w)
        return a

    def gradient(piece: Callable[[Any], Any]) -> Any:
        def loss(a: Any) -> Any:
            for _ in range(LAYERS // SEGMENT):
                a = piece(a)
            return np.sum(a)

        return dp.grad(loss)(x)

    calls = {
        STORED: partial(gradient, piece),
        CHECKPOINTED: partial(gradient, dp.checkpoint(piece)),
    }
    stored, again = (call() for call in calls.values())
    if not np.array_equal(stored, again):
        raise AssertionError("checkpointing changed the gradient")
    contenders = [Contender(name, call) for name, call in calls.items()]
    comparison = compare(case, contenders, STORED, settings, progress)
    for name, call in calls.items():
        _, peak = traced_bytes(call, lambda _: None)
        comparison.bytes_per_unit[name] = {"peak": float(peak)}
    return comparison
