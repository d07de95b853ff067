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
COMPILED = "deltaprop compiled"


def run(settings: Settings, progress: Progress) -> WorkloadResult:
    """Check that all give the same loss and gradients, then time the same code on all."""
    case = "moons, MLP(2, [16, 16, 1]), 100 samples"
    if not settings.wants_case(case):
        return WorkloadResult(NAME, TITLE, [], [])
    contenders: list[Contender] = []
    absent: dict[str, str] = {}
    first_steps: dict[str, list[float]] = {}
    for name, make in ((MICROGRAD, micrograd), (COMPILED, compiled), (OURS, eager)):
        if not settings.wants(name, MICROGRAD):
            continue
        try:
            demo = make()
        except ImportError as error:
            absent[name] = str(error)
            continue
        first_steps[name] = demo.first_step()
        contenders.append(Contender(name, demo.step))
    check(first_steps)
    comparison = compare(case, contenders, MICROGRAD, settings, progress)
    comparison.absent.update(absent)
    return WorkloadResult(
        NAME,
        TITLE,
        [comparison],
        [
            times_faster(comparison, OURS, 8.0, MICROGRAD),
            times_faster(comparison, COMPILED, 2500.0, MICROGRAD),
        ],
        [
            "The data are Python floats; micrograd is as fast on them as on its demo's arrays.",
            "Compiled: the same step under dp.compile, recorded before it is timed; the learning"
            " rate is an argument, since it changes.",
        ],
    )


def micrograd() -> Demo:
    """Return the demo on micrograd's own classes."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    return Demo(MLP, Value)


def eager() -> Demo:
    """Return the demo on ours."""
    from deltaprop import Value
    from deltaprop.nn.scalar import ScalarMLP

    return Demo(ScalarMLP, Value)


def compiled() -> Demo:
    """Return the demo on ours, its step compiled."""
    import deltaprop as dp

    demo = eager()
    demo.descend = dp.compile(demo.descend)
    return demo


class Demo:
    """The demo with either library's MLP and Value."""

    def __init__(self, mlp: Callable[..., Any], value: Callable[..., Any]) -> None:
        self.value = value
        self.model = mlp(2, [16, 16, 1])
        draw = random.Random(1337)
        for parameter in self.model.parameters():
            parameter.data = draw.uniform(-1, 1)
        self.X, self.y = _moons(100)
        self.steps = 0
        self.descend: Callable[[float], Any] = self.descent

    def step(self) -> Any:
        """Do one step of the demo's optimisation loop."""
        total_loss = self.descend(1.0 - 0.9 * (self.steps % 100) / 100)
        self.steps += 1
        return total_loss.data

    def descent(self, learning_rate: float) -> Any:
        """Return the loss, and update the parameters."""
        total_loss = self.loss()
        for parameter in self.model.parameters():
            parameter.grad = 0
        total_loss.backward()
        for parameter in self.model.parameters():
            parameter.data -= learning_rate * parameter.grad
        return total_loss

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


def check(first_steps: dict[str, list[float]]) -> None:
    """Raise unless all contenders agree to rounding."""
    (first, reference), *others = first_steps.items()
    for name, ours in others:
        if len(ours) != len(reference) or not np.allclose(ours, reference, 1e-10, 1e-12):
            raise AssertionError(f"{name} and {first} disagree on the demo's first step")


def _moons(samples: int) -> tuple[list[list[float]], list[int]]:
    """Return two interleaved half circles with noise 0.1, and labels -1 and +1."""
    angles = np.linspace(0, np.pi, samples // 2)
    outer = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    inner = np.stack([1 - np.cos(angles), 0.5 - np.sin(angles)], axis=1)
    X = np.concatenate([outer, inner])
    X += 0.1 * np.random.default_rng(1337).standard_normal(X.shape)
    return X.tolist(), [-1] * len(outer) + [1] * len(inner)
