"""Run: a training run in progress, as its callbacks see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..nn.module import Module, State
from ..optim import Optimizer, Schedule
from .history import History


@dataclass(eq=False)
class Run:
    """What `fit` trains, and how far it has come.

    Attributes
    ----------
    model, loss : callable
    optimizer : Optimizer
    schedule : Schedule or None
    epochs : int
        The number of epochs to train for.
    rng : numpy.random.Generator
        The generator that shuffles.
    data : object
        The data that were given to `fit`.
    callbacks : list of Callback
    resume : bool
        Whether to resume from a checkpoint, if there is one.
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
        self.modules: list[Module]
        self.state: State
        # looked up once: in each epoch that would cost more than a step of a small network
        if isinstance(self.model, Module):
            self.modules, self._state = list(self.model.modules()), self.model._state()
        else:
            parameters = self.optimizer.parameters
            self.modules, self._state = [], State((str(i), p) for i, p in enumerate(parameters))

    @property
    def epoch(self) -> int:
        """The number of epochs done; in `on_epoch_end`, that of the current epoch, from 1."""
        return len(self.history)

    @property
    def stopped(self) -> str | None:
        """Why the run ends after this epoch; None if it goes on."""
        return self.history.stopped

    def stop(self, why: str) -> None:
        """End the training run after this epoch."""
        self.history.stopped = why

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of all parameters and buffers of the model, by name.

        If the model is no `Module`, return the optimiser's parameters by number.
        """
        return self._state.copies()

    def set_weights(self, weights: Mapping[str, Any]) -> None:
        """Set the weights that `weights` returned."""
        self._state.set(weights, "this model")

    def generators(self) -> list[np.random.Generator]:
        """Return all random generators that the run uses, each once.

        These are the generator that shuffles, and those among the attributes of the data and of
        the model's modules.
        """
        owners = [vars(owner) for owner in (self.data, *self.modules) if hasattr(owner, "__dict__")]
        held = [x for owner in owners for x in owner.values()]
        found = [self.rng, *(g for g in held if isinstance(g, np.random.Generator))]
        return list({id(g): g for g in found}.values())

    def evaluating(self, mode: bool = True) -> None:
        """Switch the model to evaluation mode, or back to training mode."""
        for module in self.modules:
            module.training = not mode
