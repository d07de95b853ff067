"""Ours, compiled: the eager step under `deltaprop.compile`, recorded before it is timed."""

from __future__ import annotations

from typing import Any

import numpy as np

import deltaprop as dp
from benchmarks.peers import deltaprop_eager
from benchmarks.problem import Array, Problem

NAME = "deltaprop compiled"


class TrainStep(deltaprop_eager.TrainStep):
    """The same lines, recorded once and replayed by NumPy; the batch is an argument."""

    executor = "numpy"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.compiled_step = dp.compile(self.uncompiled_step, executor=self.executor)
        self.compiled_gradients = dp.compile(self._forward_backward, executor=self.executor)

    def step(self) -> Any:
        """Forward, backward, update."""
        return self.compiled_step(self.X, self.Y)

    def loss_and_gradients(self) -> tuple[float, list[Array]]:
        """Forward and backward alone, compiled too."""
        loss = self.compiled_gradients(self.X, self.Y)
        return loss.item(), [np.array(value.grad) for value in self._values()]

    def uncompiled_step(self, X: Any, Y: Any) -> Any:
        """Do what is compiled: forward, backward, update."""
        loss = self._forward_backward(X, Y)
        self.optimizer.step()
        return loss

    def _forward_backward(self, X: Any, Y: Any) -> Any:
        loss = self.loss(self.model(X), Y)
        self.optimizer.zero_grad()
        loss.backward(retain_grads=False)
        return loss
