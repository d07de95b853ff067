"""PyTorch eager at its fastest: tensors and functions, ``autograd.grad``, an in-place update."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.machine import cores
from benchmarks.problem import Array, Problem

NAME = "PyTorch functions"


class TrainStep:
    """No modules and no optimiser: measured to take 0.6 of their time on the small nets."""

    def __init__(self, problem: Problem) -> None:
        torch.set_num_threads(cores())
        self.X = torch.from_numpy(problem.X.copy())
        self.Y = torch.from_numpy(problem.Y.copy())
        self.layers = [
            (torch.from_numpy(W).requires_grad_(), torch.from_numpy(b).requires_grad_())
            for W, b in problem.copies()
        ]
        self.flat = [tensor for layer in self.layers for tensor in layer]
        self.activation = torch.tanh if problem.activation == "tanh" else torch.relu
        functional = torch.nn.functional
        self.loss = functional.mse_loss if problem.loss == "mse" else functional.cross_entropy
        self.learning_rate = problem.learning_rate

    def step(self) -> torch.Tensor:
        """Forward, backward, update."""
        loss = self._forward()
        gradients = torch.autograd.grad(loss, self.flat)
        with torch.no_grad():
            for parameter, gradient in zip(self.flat, gradients, strict=True):
                parameter.sub_(gradient, alpha=self.learning_rate)
        return loss

    def loss_and_gradients(self) -> tuple[float, list[Array]]:
        """Forward and backward alone."""
        loss = self._forward()
        return loss.item(), [g.numpy() for g in torch.autograd.grad(loss, self.flat)]

    def parameters(self) -> list[Array]:
        """Return [W0, b0, W1, ...]."""
        return [np.array(parameter.detach().numpy()) for parameter in self.flat]

    def _forward(self) -> torch.Tensor:
        A = self.X
        for W, b in self.layers[:-1]:
            A = self.activation(torch.addmm(b, A, W))
        W, b = self.layers[-1]
        return self.loss(torch.addmm(b, A, W), self.Y)
