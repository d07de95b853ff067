"""Callbacks: what else happens during a training run; early stopping."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from ..habits import explain
from ..options import brief, chosen, number, whole
from .run import Run


class Callback:
    """Base class of what `fit` calls; each method does nothing unless a subclass overrides it.

    Each method receives the `Run`: the model, the optimiser, the history so far.
    ``run.stop(why)`` ends the training run. A callback with state from epoch to epoch must
    return this state from `state_dict`, so that checkpoints can save it.

    Examples
    --------
    >>> import deltaprop as dp
    >>> class Target(dp.training.Callback):
    ...     def on_epoch_end(self, run):
    ...         if run.history.loss[-1] < 0.1:
    ...             run.stop("good enough")
    >>> model = dp.nn.Dense(1, 1, rng=0)
    >>> optimizer = dp.optim.SGD(model.parameters(), lr=0.1)
    >>> x = [[0.0], [1.0]]
    >>> history = dp.training.fit(
    ...     model, (x, x), "mse", optimizer, epochs=1000, callbacks=[Target()]
    ... )
    >>> history.stopped, len(history) < 100
    ('good enough', True)
    """

    def __init_subclass__(cls) -> None:
        explain(cls)

    def on_train_begin(self, run: Run) -> None:
        """Called before the first epoch of a call of `fit`."""

    def on_epoch_begin(self, run: Run) -> None:
        """Called before each epoch; ``run.epoch`` is the number of epochs done."""

    def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
        """Called after each step, if overridden; `batch` is 0 for the first step of an epoch."""

    def on_epoch_end(self, run: Run) -> None:
        """Called after each epoch, whose entries are the last in ``run.history``."""

    def on_train_end(self, run: Run) -> None:
        """Called after the last epoch, but not after an error."""

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs: arrays, numbers, strings, and dicts of these."""
        return {}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        if saved:
            raise ValueError(f"{type(self).__name__} has no state, but was given {sorted(saved)}")


class Best(Callback):
    """Base class of callbacks that ask whether an epoch was the best so far.

    Parameters
    ----------
    monitor : str, optional
        A column of the history: "loss", "validation_loss" or a metric's name. By default the
        validation loss, if there is one, else the loss.
    mode : {"min", "max"}, optional
        Whether a smaller or a larger number is better; required for metrics.
    min_delta : float
        The smallest improvement that counts.
    """

    def __init__(
        self,
        monitor: str | None = None,
        mode: Literal["min", "max"] | None = None,
        min_delta: float = 0.0,
    ) -> None:
        if not isinstance(monitor, str | None):
            raise TypeError(f"monitor must be the name of a column, got {brief(monitor)}")
        if mode is None and monitor not in (None, "loss", "validation_loss"):
            raise ValueError(
                f"is less or more of {monitor!r} better? Say mode='min' or mode='max'. (The losses "
                'are called "loss" and "validation_loss".)'
            )
        if mode is not None:
            chosen("mode", mode, ("min", "max"))
        self.monitor = monitor
        self.min_delta: float = number("min_delta", min_delta)
        self.sign: float = -1.0 if mode == "max" else 1.0
        self.best: float = math.inf
        self.best_epoch: int = 0
        self.before: dict[str, np.ndarray] = {}

    def on_train_begin(self, run: Run) -> None:  # noqa: ARG002 - subclasses look at it
        """Forget earlier training runs."""
        self.best, self.best_epoch = math.inf, 0

    def on_epoch_begin(self, run: Run) -> None:
        """Keep the weights at the beginning of the epoch, if the training loss is watched."""
        self.before = run.weights() if self._watched(run) == "loss" else {}

    def measured(self, run: Run) -> dict[str, np.ndarray]:
        """Return the weights (and buffers) at which the watched number was measured.

        The training loss is measured during the epoch, each batch before its step, so its weights
        are those at the beginning of the epoch. All other numbers are measured at the end.
        """
        return self.before if self._watched(run) == "loss" else run.weights()

    def _watched(self, run: Run) -> str:
        return self.monitor or ("validation_loss" if run.history.validation_loss else "loss")

    def improved(self, run: Run) -> bool:
        """Tell whether the epoch that ends is the best so far, and remember it if it is."""
        latest = self.sign * float(run.history[self._watched(run)][-1])
        if not latest < self.best - (self.min_delta if self.best_epoch else 0.0):
            return False
        self.best, self.best_epoch = latest, run.epoch
        return True

    def state_dict(self) -> dict[str, Any]:
        """Return the best value (negative in the mode "max") and its epoch."""
        return {"best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.best, self.best_epoch = float(saved["best"]), int(saved["best_epoch"])


class EarlyStopping(Best):
    """End the training run once nothing has improved for `patience` epochs.

    However the run ends, the model then has the weights (and buffers) at which the best number
    was measured. For a validation loss and for metrics these are the weights at the end of the best
    epoch. For the training loss these are the weights at the beginning of that epoch: each batch
    is measured before its step, so that with one batch they have this loss exactly. NaN is never
    an improvement.

    Parameters
    ----------
    monitor, mode, min_delta
        What to watch, in which direction, and what counts: see `Best`.
    patience : int
        The number of epochs without improvement after which the run ends, at least 1.
    restore : bool
        Whether to restore the best weights.

    Attributes
    ----------
    best_epoch : int
        Counted from 1; 0 before the first improvement.

    References
    ----------
    Prechelt, 1998: early stopping - but when?

    Examples
    --------
    >>> import deltaprop as dp
    >>> model = dp.nn.Dense(1, 1, rng=0)
    >>> optimizer = dp.optim.SGD(model.parameters(), lr=2.0)  # too large: the loss grows
    >>> stopping = EarlyStopping(patience=2)
    >>> x = [[0.0], [1.0]]
    >>> history = dp.training.fit(model, (x, x), "mse", optimizer, epochs=99, callbacks=[stopping])
    >>> len(history), stopping.best_epoch, history.stopped
    (3, 1, 'no improvement for 2 epochs')
    """

    def __init__(
        self,
        monitor: str | None = None,
        patience: int = 10,
        min_delta: float = 0.0,
        mode: Literal["min", "max"] | None = None,
        restore: bool = True,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience: int = whole("patience", patience)
        self.restore = restore
        self.weights: dict[str, np.ndarray] = {}

    def on_train_begin(self, run: Run) -> None:
        """Forget earlier training runs."""
        super().on_train_begin(run)
        self.weights = {}

    def on_epoch_end(self, run: Run) -> None:
        """Keep the weights if they are the best; end the run when patience is exhausted."""
        if self.improved(run):
            if self.restore:
                self.weights = self.measured(run)
        elif (waited := run.epoch - self.best_epoch) >= self.patience:
            run.stop(f"no improvement for {waited} epochs")

    def on_train_end(self, run: Run) -> None:
        """Restore the best weights."""
        if self.weights:
            run.set_weights(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """Return the best value, its epoch and its weights."""
        return {**super().state_dict(), "weights": self.weights}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        super().load_state_dict(saved)
        self.weights = dict(saved["weights"])
