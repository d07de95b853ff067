"""A progress bar for terminals and notebooks."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from typing import Any, Self

from ..extras import extra


class Bar:
    """A tqdm bar over all batches of all epochs, or over epochs if batches cannot be counted.

    Parameters
    ----------
    show : bool or None
        None: show it in a terminal or a notebook, if tqdm is installed.
    epochs, done : int
        The number of all epochs, and of those that an earlier run has done.
    batches : int or None
        The number of batches in an epoch.
    """

    def __init__(self, show: bool | None, epochs: int, done: int, batches: int | None) -> None:
        self.bar: Any = None
        self.per_batch: bool = batches is not None
        # a notebook shows stderr in red
        file = sys.stdout if "ipykernel" in sys.modules else sys.stderr
        if not (file is sys.stdout or file.isatty() if show is None else show):
            return
        try:
            with (
                extra("tqdm", "progress=True shows a bar of tqdm"),
                warnings.catch_warnings(action="ignore"),  # without ipywidgets it is text
            ):
                from tqdm.auto import tqdm
        except ImportError:
            if show:
                raise
            return
        unit = "batch" if self.per_batch else "epoch"
        each = batches or 1
        self.bar = tqdm(total=epochs * each, initial=done * each, unit=unit, file=file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Yield the batches, and advance the bar by one for each."""
        if self.bar is None or not self.per_batch:
            return batches
        return self._counted(batches)

    def _counted(self, batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            yield batch
            self.bar.update()

    def epoch(self, loss: float, validation_loss: float | None) -> None:
        """Show the losses of an epoch."""
        if self.bar is None:
            return
        if not self.per_batch:
            self.bar.update()
        shown = {"loss": f"{loss:.4g}"}
        if validation_loss is not None:
            shown["validation"] = f"{validation_loss:.4g}"
        self.bar.set_postfix(shown, refresh=False)
