"""HIPS autograd: ``value_and_grad`` of the loss of a list of parameters, an in-place update."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import value_and_grad

from benchmarks.problem import Array, Problem

NAME = "autograd"


class TrainStep:
    """A function of the parameters, differentiated."""

    def __init__(self, problem: Problem) -> None:
        self.parameter_list = [array for layer in problem.copies() for array in layer]
        self.learning_rate = np.float32(problem.learning_rate)
        X, Y = problem.X, problem.Y
        rows = np.arange(len(X))
        tanh = problem.activation == "tanh"
        mean_squared = problem.loss == "mse"

        def loss_of(parameters: Any) -> Any:
            A = X
            for level in range(0, len(parameters) - 2, 2):
                Z = anp.dot(A, parameters[level]) + parameters[level + 1]
                A = anp.tanh(Z) if tanh else anp.maximum(Z, 0)
            Z = anp.dot(A, parameters[-2]) + parameters[-1]
            if mean_squared:
                return anp.mean((Z - Y) ** 2)
            Z = Z - np.max(Z._value, axis=1, keepdims=True)
            return anp.mean(anp.log(anp.sum(anp.exp(Z), axis=1)) - Z[rows, Y])

        self.value_and_grad = value_and_grad(loss_of)

    def step(self) -> Any:
        """Forward, backward, update."""
        loss, gradients = self.value_and_grad(self.parameter_list)
        for parameter, gradient in zip(self.parameter_list, gradients, strict=True):
            parameter -= self.learning_rate * gradient
        return loss

    def loss_and_gradients(self) -> tuple[float, list[Array]]:
        """Forward and backward alone."""
        loss, gradients = self.value_and_grad(self.parameter_list)
        return float(loss), list(gradients)

    def parameters(self) -> list[Array]:
        """Return [W0, b0, W1, ...]."""
        return [array.copy() for array in self.parameter_list]
