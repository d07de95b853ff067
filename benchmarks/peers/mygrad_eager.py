"""MyGrad, with its memory guard off, as its manual advises where speed counts."""

from __future__ import annotations

from typing import Any

import mygrad
import numpy as np
from mygrad.nnet.activations import relu
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.problem import Array, Problem

NAME = "MyGrad"

mg: Any = mygrad  # its type hints leave out what it exports


class TrainStep:
    """Tensors, ``backward()``, an in-place update of their data."""

    def __init__(self, problem: Problem) -> None:
        self.layers = [(mg.tensor(W), mg.tensor(b)) for W, b in problem.copies()]
        self.flat = [tensor for layer in self.layers for tensor in layer]
        self.X, self.Y = problem.X, problem.Y
        self.learning_rate = np.float32(problem.learning_rate)
        self.activation = mg.tanh if problem.activation == "tanh" else relu
        self.mean_squared = problem.loss == "mse"

    def step(self) -> Any:
        """Forward, backward, update."""
        with mg.mem_guard_off:
            loss = self._forward()
            loss.backward()
        for tensor in self.flat:
            tensor.data -= self.learning_rate * tensor.grad
        return loss

    def loss_and_gradients(self) -> tuple[float, list[Array]]:
        """Forward and backward alone."""
        loss = self._forward()
        loss.backward()
        return loss.item(), [tensor.grad.copy() for tensor in self.flat]

    def parameters(self) -> list[Array]:
        """Return [W0, b0, W1, ...]."""
        return [tensor.data.copy() for tensor in self.flat]

    def _forward(self) -> Any:
        A: Any = self.X
        for W, b in self.layers[:-1]:
            A = self.activation(A @ W + b)
        W, b = self.layers[-1]
        Z = A @ W + b
        if self.mean_squared:
            return mg.mean((Z - self.Y) ** 2)
        return softmax_crossentropy(Z, self.Y)
