"""PyTorch eager as its tutorials write it: ``nn.Linear`` in ``nn.Sequential``, ``optim``."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.machine import cores
from benchmarks.problem import Array, Problem

NAME = "PyTorch nn + optim"
ACTIVATIONS: dict[str, type[torch.nn.Module]] = {
    "tanh": torch.nn.Tanh,
    "relu": torch.nn.ReLU,
    "sigmoid": torch.nn.Sigmoid,
    "identity": torch.nn.Identity,
}


class TrainStep:
    """Modules and an optimiser, with the library's defaults."""

    def __init__(self, problem: Problem) -> None:
        torch.set_num_threads(cores())
        self.X = torch.from_numpy(problem.X.copy())
        self.Y = torch.from_numpy(problem.Y.copy())
        self.linears: list[torch.nn.Linear] = []
        modules: list[torch.nn.Module] = []
        for W, b in problem.copies():
            linear = torch.nn.Linear(*W.shape)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(W.T))
                linear.bias.copy_(torch.from_numpy(b))
            self.linears.append(linear)
            modules += [linear, ACTIVATIONS[problem.activation]()]
        modules[-1] = ACTIVATIONS[problem.output]()
        self.model = torch.nn.Sequential(*modules)
        self.loss = torch.nn.MSELoss() if problem.loss == "mse" else torch.nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam if problem.adam else torch.optim.SGD
        self.optimizer = optimizer(self.model.parameters(), lr=problem.learning_rate)

    def step(self) -> torch.Tensor:
        """Forward, backward, update."""
        loss: torch.Tensor = self.loss(self.model(self.X), self.Y)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return loss

    def loss_and_gradients(self) -> tuple[float, list[Array]]:
        """Forward and backward alone."""
        loss = self.loss(self.model(self.X), self.Y)
        self.optimizer.zero_grad()
        loss.backward()
        gradients: list[Array] = []
        for linear in self.linears:
            assert linear.weight.grad is not None
            assert linear.bias.grad is not None
            gradients += [linear.weight.grad.numpy().T, linear.bias.grad.numpy()]
        return loss.item(), gradients

    def parameters(self) -> list[Array]:
        """Return [W0, b0, W1, ...]."""
        return [
            np.array(array)
            for linear in self.linears
            for array in (linear.weight.detach().numpy().T, linear.bias.detach().numpy())
        ]
