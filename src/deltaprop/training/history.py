"""History: losses, metrics and times of a training run, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from ..habits import foreign
from ..options import of_kind
from ..tables import cell, html

_OWN = ("epoch", "loss", "validation_loss", "learning_rate", "seconds")


@dataclass(repr=False)
class History:
    """A plain record with one entry for each epoch; ``history["loss"]`` is a column by name.

    Parameters
    ----------
    loss, validation_loss : list of float, optional
    metrics : dict of str to list, optional
    learning_rate, seconds : list of float, optional
    stopped : str or None, optional

    Attributes
    ----------
    loss : list of float
        The mean over the rows of the epoch, each measured before the step of its batch.
    validation_loss : list of float
        The validation loss at the end of the epoch; empty without validation data.
    metrics : dict of str to list
        The metrics of the validation data, or of the training data if there is none.
    learning_rate : list of float
        The learning rate at the beginning of the epoch.
    seconds : list of float
        The wall time of the epoch, validation included.
    stopped : str or None
        Why the run ended before its last epoch.

    Examples
    --------
    >>> history = History(loss=[2.0, 1.0], learning_rate=[0.1, 0.1], seconds=[0.5, 0.5])
    >>> history["loss"], len(history)
    ([2.0, 1.0], 2)
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[Any]] = field(default_factory=dict)
    learning_rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    stopped: str | None = None

    def __len__(self) -> int:
        return len(self.loss)

    def __repr__(self) -> str:
        columns = {"loss": self.loss, "validation_loss": self.validation_loss, **self.metrics}
        ends = [f"{name} {cell(x[0])} -> {cell(x[-1])}" for name, x in columns.items() if x]
        ended = [f"stopped: {self.stopped}"] if self.stopped else []
        return f"History({', '.join([f'epochs={len(self)}', *ends, *ended])})"

    def _repr_html_(self) -> str:
        """Return the first and the last epochs as a table."""
        columns = self.to_dict()
        rows: list[Any] = [*zip_longest(*columns.values())]
        if len(rows) > 10:
            rows = [*rows[:3], ["..."] * len(columns), *rows[-6:]]
        return html(f"{self!r}", [*columns], rows)

    def check(self) -> None:
        """Raise a ValueError unless the columns are lists of numbers (metrics: of anything)."""
        plain = (self.loss, self.validation_loss, self.learning_rate, self.seconds)
        columns = (*plain, *self.metrics.values())
        if not all(isinstance(column, list) and len(column) <= len(self) for column in columns):
            raise ValueError("a history must have lists for columns, none longer than the losses")
        numbers = all(isinstance(entry, int | float) for column in plain for entry in column)
        if not numbers or not isinstance(self.stopped, str | None):
            raise ValueError("a history must hold numbers, and a text or None why it stopped")

    def __getitem__(self, name: str) -> list[Any]:
        columns = self.to_dict()
        if name not in columns:
            raise KeyError(f"this history has no {name!r}; it has {', '.join(columns)}")
        return columns[name]

    def to_dict(self) -> dict[str, list[Any]]:
        """Return columns of one length by name, as pandas takes them."""
        columns: dict[str, list[Any]] = {
            "epoch": list(range(1, len(self) + 1)),
            "loss": self.loss,
            "validation_loss": self.validation_loss,
            **self.metrics,
            "learning_rate": self.learning_rate,
            "seconds": self.seconds,
        }
        return {
            name: list(column) for name, column in columns.items() if column or name in _OWN[:2]
        }

    def plot(self, path: Any = None) -> Any:
        """Draw losses and metrics by epoch, with `viz.plots.plot_history`.

        Parameters
        ----------
        path : path, optional
            Where to save the figure.
        """
        from ..viz.plots import plot_history  # a floor above: when it is asked for

        return plot_history(self, path)


foreign(History, {"history": "it is the history itself: history.loss, history.to_dict()",
                  "val_loss": "write history.validation_loss"})  # fmt: skip


def known(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the metrics; raise an error unless they have free names and can be called."""
    of_kind("metrics", metrics, Mapping, 'write {"accuracy": function of (target, prediction)}')
    for name, metric in metrics.items():
        if name in _OWN:
            raise ValueError(f"a metric cannot be named {name!r}: the history's own are {_OWN}")
        if not callable(metric):
            raise TypeError(
                f"the metric {name!r} must be a function of (target, prediction), not {metric!r}"
            )
    return metrics
