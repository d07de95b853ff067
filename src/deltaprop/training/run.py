"""Run: a training in progress, as its callbacks see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..nn import Module
from ..optim import Optimizer, Schedule
from .history import History


@dataclass(eq=False)
class Run:
    """What `fit` trains, and how far it is.

    Attributes
    ----------
    model, loss : callable
    optimizer : Optimizer
    schedule : Schedule or None
    epochs : int
        How many are asked for.
    rng : numpy.random.Generator
        That shuffles.
    data : object
        As `fit` was given them.
    callbacks : list of Callback
    resume : bool
        Whether to go on from a checkpoint, if there is one.
    history : History
        Its length is the number of epochs done.
    """

    model: Callable[..., Any]
    loss: Callable[..., Any]
    optimizer: Optimizer
    schedule: Schedule | None
    epochs: int
    rng: np.random.Generator
    data: Any
    callbacks: Sequence[Any]
    resume: bool = False
    history: History = field(default_factory=History)

    def __post_init__(self) -> None:
        # looked up once: in each epoch that would cost more than a step of a small network
        self.modules: list[Module] = []
        if isinstance(self.model, Module):
            self.modules += self.model.modules()

    @property
    def epoch(self) -> int:
        """How many epochs are done: in `on_epoch_end`, the number of this one from 1 on."""
        return len(self.history)

    @property
    def stopped(self) -> str | None:
        """Why it ends after this epoch, if it does."""
        return self.history.stopped

    def stop(self, why: str) -> None:
        """End the training after this epoch."""
        self.history.stopped = why

    def weights(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers of the model, by name.

        If the model is no `Module`, those are the optimiser's parameters, by number.
        """
        if isinstance(self.model, Module):
            return self.model.state_dict()
        return {str(i): np.array(p._held, p.dtype) for i, p in enumerate(self.optimizer.parameters)}

    def set_weights(self, weights: Mapping[str, Any]) -> None:
        """Set what `weights` gave."""
        if isinstance(self.model, Module):
            self.model.load_state_dict(weights)
            return
        parameters = self.optimizer.parameters
        if weights.keys() != {str(i) for i in range(len(parameters))}:
            raise ValueError(
                f"the optimiser has {len(parameters)} parameters, the weights are of "
                f"{len(weights)}: {', '.join(weights)}"
            )
        for i, p in enumerate(parameters):
            p.assign(weights[str(i)])

    def generators(self) -> list[np.random.Generator]:
        """All generators of random numbers that take part, each once.

        That of shuffling, and those among the attributes of the data and the model's modules.
        """
        owners = [self.data, *self.modules]
        found = [self.rng, *(g for owner in owners for g in _generators(owner))]
        return list({id(g): g for g in found}.values())

    def evaluating(self, mode: bool = True) -> None:
        """Switch the model to evaluation, or back to training."""
        for module in self.modules:
            module.training = not mode


def _generators(owner: Any) -> Iterator[np.random.Generator]:
    for item in getattr(owner, "__dict__", {}).values():
        if isinstance(item, np.random.Generator):
            yield item
