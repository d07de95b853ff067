"""PyTorch compiled: forward, backward and the update in one ``torch.compile``."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import torch

from benchmarks.machine import cores
from benchmarks.peers import torch_functions
from benchmarks.problem import Array, Problem

NAME = "torch.compile"


class TrainStep(torch_functions.TrainStep):
    """One graph: ``torch.func`` differentiates inside the compiled function."""

    def __init__(self, problem: Problem) -> None:
        require_compiler()
        super().__init__(problem)
        # an earlier case must not make the sizes of this one symbols
        self.compiled = partial(torch.compile, fullgraph=True, dynamic=False)
        self.flat = [tensor.detach() for tensor in self.flat]
        self.compiled_step = self.compiled(self._step)

    def step(self) -> torch.Tensor:
        """Forward, backward, update."""
        loss: torch.Tensor = self.compiled_step(self.flat)
        return loss

    def loss_and_gradients(self) -> tuple[float, list[Array]]:
        """Forward and backward alone, by autograd through the compiled loss."""
        gradients, loss = self.compiled(torch.func.grad_and_value(self._loss))(self.flat)
        return loss.item(), [gradient.numpy() for gradient in gradients]

    def _step(self, flat: list[torch.Tensor]) -> Any:
        gradients, loss = torch.func.grad_and_value(self._loss)(flat)
        for parameter, gradient in zip(flat, gradients, strict=True):
            parameter.sub_(gradient, alpha=self.learning_rate)
        return loss

    def _loss(self, flat: list[torch.Tensor]) -> torch.Tensor:
        A = self.X
        for W, b in zip(flat[:-2:2], flat[1:-2:2], strict=True):
            A = self.activation(torch.addmm(b, A, W))
        return self.loss(torch.addmm(flat[-1], A, flat[-2]), self.Y)


@cache
def require_compiler() -> None:
    """Compile a small function.

    Raises
    ------
    ImportError
        Where that fails, most often for want of a C++ compiler: the contender is absent.
    """
    torch.set_num_threads(cores())
    try:
        torch.compile(lambda x: x.sin() + 1)(torch.ones(3))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise ImportError(f"torch.compile fails here: {reason}") from error
