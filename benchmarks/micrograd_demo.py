"""micrograd's demo step: moons, MLP(2, [16, 16, 1]) of scalar Values, max-margin loss.

The step is the one of ``demo.ipynb`` in https://github.com/karpathy/micrograd: 100 samples, hinge
losses, L2 penalty 1e-4, backward, update. In micrograd its graph has 65,818 nodes.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.progress import Progress
from benchmarks.results import WorkloadResult, times_faster
from benchmarks.timing import Contender, Settings, compare

NAME = "micrograd-demo"
TITLE = "micrograd's demo step on scalar Values: forward, backward, update"

MICROGRAD = "micrograd"
OURS = "deltaprop eager"


def run(settings: Settings, progress: Progress) -> WorkloadResult:
    """Check that both give the same loss and gradients, then time the same code on both."""
    case = "moons, MLP(2, [16, 16, 1]), 100 samples"
    if not settings.wants_case(case):
        return WorkloadResult(NAME, TITLE, [], [])
    contenders: list[Contender] = []
    absent: dict[str, str] = {}
    first_steps: dict[str, list[float]] = {}
    for name, load in ((MICROGRAD, _micrograd), (OURS, _deltaprop)):
        try:
            mlp, value = load()
        except ImportError as error:
            absent[name] = str(error)
            continue
        demo = _Demo(mlp, value)
        first_steps[name] = demo.first_step()
        contenders.append(Contender(name, demo.step))
    _check(first_steps)
    comparison = compare(case, contenders, MICROGRAD, settings, progress)
    comparison.absent.update(absent)
    return WorkloadResult(
        NAME,
        TITLE,
        [comparison],
        [times_faster(comparison, OURS, 8.0, MICROGRAD)],
        ["The data are Python floats; micrograd is as fast on them as on its demo's arrays."],
    )


def _micrograd() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from micrograd.engine import Value
    from micrograd.nn import MLP

    return MLP, Value


def _deltaprop() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from deltaprop import Value
    from deltaprop.nn.scalar import MLP

    return MLP, Value


class _Demo:
    """The demo with either library's MLP and Value."""

    def __init__(self, mlp: Callable[..., Any], value: Callable[..., Any]) -> None:
        self.value = value
        self.model = mlp(2, [16, 16, 1])
        draw = random.Random(1337)
        for parameter in self.model.parameters():
            parameter.data = draw.uniform(-1, 1)
        self.X, self.y = _moons(100)
        self.steps = 0

    def step(self) -> Any:
        """Do one step of the demo's optimisation loop."""
        total_loss = self.loss()
        for parameter in self.model.parameters():
            parameter.grad = 0
        total_loss.backward()
        learning_rate = 1.0 - 0.9 * (self.steps % 100) / 100
        for parameter in self.model.parameters():
            parameter.data -= learning_rate * parameter.grad
        self.steps += 1
        return total_loss.data

    def loss(self) -> Any:
        """Return the max-margin loss with the L2 penalty, as the demo writes it."""
        inputs = [list(map(self.value, row)) for row in self.X]
        scores = list(map(self.model, inputs))
        losses = [(1 + -yi * score).relu() for yi, score in zip(self.y, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        penalty = 1e-4 * sum(p * p for p in self.model.parameters())
        return data_loss + penalty

    def first_step(self) -> list[float]:
        """Return the loss before a step, then every parameter after it."""
        loss = self.step()
        return [float(loss), *(float(p.data) for p in self.model.parameters())]


def _check(first_steps: dict[str, list[float]]) -> None:
    """Raise unless all contenders agree to rounding."""
    if len(first_steps) < 2:
        return
    reference, ours = np.array(first_steps[MICROGRAD]), np.array(first_steps[OURS])
    if ours.shape != reference.shape or not np.allclose(ours, reference, rtol=1e-10, atol=1e-12):
        raise AssertionError("deltaprop and micrograd disagree on the demo's first step")


def _moons(samples: int) -> tuple[list[list[float]], list[int]]:
    """Return two interleaved half circles with noise 0.1, and labels -1 and +1."""
    angles = np.linspace(0, np.pi, samples // 2)
    outer = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    inner = np.stack([1 - np.cos(angles), 0.5 - np.sin(angles)], axis=1)
    X = np.concatenate([outer, inner])
    X += 0.1 * np.random.default_rng(1337).standard_normal(X.shape)
    return X.tolist(), [-1] * len(outer) + [1] * len(inner)
