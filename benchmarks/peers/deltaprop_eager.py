"""Ours, eager: `deltaprop.nn.MLP`, `backward()` and `deltaprop.optim.SGD`."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.problem import Array, Problem
from deltaprop.nn import MLP, mse, softmax_cross_entropy
from deltaprop.optim import SGD, Adam

NAME = "deltaprop eager"


class TrainStep:
    """The step as the README writes it; the leaves' gradients alone are kept."""

    def __init__(self, problem: Problem) -> None:
        self.model = MLP(
            list(problem.sizes),
            activation=problem.activation,
            output=problem.output,
            rng=0,
            dtype=np.float32,
        )
        for layer, (W, b) in zip(self.model.layers, problem.copies(), strict=True):
            assert layer.bias is not None
            layer.weight.assign(W)
            layer.bias.assign(b)
        self.loss = mse if problem.loss == "mse" else softmax_cross_entropy
        optimizer = Adam if problem.adam else SGD
        self.optimizer = optimizer(self.model.parameters(), lr=problem.learning_rate)
        self.X, self.Y = problem.X, problem.Y

    def step(self) -> Any:
        """Forward, backward, update."""
        loss = self.loss(self.model(self.X), self.Y)
        self.optimizer.zero_grad()
        loss.backward(retain_grads=False)
        self.optimizer.step()
        return loss

    def loss_and_gradients(self) -> tuple[float, list[Array]]:
        """Forward and backward alone."""
        loss = self.loss(self.model(self.X), self.Y)
        self.optimizer.zero_grad()
        loss.backward(retain_grads=False)
        return loss.item(), [np.array(value.grad) for value in self._values()]

    def parameters(self) -> list[Array]:
        """Return [W0, b0, W1, ...]."""
        return [np.array(value.numpy()) for value in self._values()]

    def _values(self) -> list[Any]:
        return [value for layer in self.model.layers for value in (layer.weight, layer.bias)]
