"""Checkpoint: the whole state of a training run on disk, after each epoch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from .callbacks import Best
from .history import History
from .run import Run
from .storage import CheckpointError, read, write


class Checkpoint(Best):
    """Save everything that the rest of a training run depends on, and resume from it.

    A run may be killed at any instant. If the same code starts it again with ``fit(...,
    resume=True)``, the run ends with the weights and the history (except for the times) of an
    uninterrupted run, bit for bit, on the same machine and versions. Saved are: parameters,
    buffers, optimiser, schedule, the states of all random generators, the other callbacks, and
    the history. A file is replaced only by a complete one; if the last file is damaged, the one
    before is used.

    Parameters
    ----------
    folder : path
        For ``last.safetensors``, ``previous.safetensors`` and, of the best epoch so far,
        ``best.safetensors``, whose model has the weights that were measured (see
        `EarlyStopping`). The folder is created if needed. A folder that already contains a
        training run is refused unless that run is resumed.
    every : int
        Epochs between two saves. The last epoch and the state at the start are saved as well.
    monitor, mode, min_delta
        Which epoch is the best: see `Best`.
    generators : list of numpy.random.Generator
        Other generators that the run uses. The generator of `fit`, and those among the attributes
        of modules and of the data, are found automatically.

    Examples
    --------
    >>> import tempfile
    >>> import deltaprop as dp
    >>> def train(epochs, folder):
    ...     model = dp.nn.MLP([1, 4, 1], dropout=0.5, rng=0)
    ...     optimizer = dp.optim.Adam(model.parameters())
    ...     x = [[0.0], [1.0], [2.0]]
    ...     saving = dp.training.Checkpoint(folder)
    ...     return dp.training.fit(model, (x, x), "mse", optimizer, epochs=epochs, batch_size=2,
    ...                            rng=0, callbacks=[saving], resume=True)
    >>> with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
    ...     undisturbed = train(5, a)
    ...     interrupted = train(2, b)
    ...     resumed = train(5, b)
    >>> resumed.loss == undisturbed.loss
    True
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: int = 1,
        monitor: str | None = None,
        mode: Literal["min", "max"] | None = None,
        min_delta: float = 0.0,
        generators: Any = (),
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if every < 1:
            raise ValueError(f"a checkpoint every {every!r} epochs: say 1 or more")
        self.folder: Path = Path(folder)
        self.every: int = every
        self.generators: list[Any] = list(generators)
        self.last: Path = self.folder / "last.safetensors"
        self.previous: Path = self.folder / "previous.safetensors"
        self.best_file: Path = self.folder / "best.safetensors"

    def on_train_begin(self, run: Run) -> None:
        """Resume the run, or save its start."""
        super().on_train_begin(run)
        self.folder.mkdir(parents=True, exist_ok=True)
        present = [path for path in (self.last, self.previous) if path.exists()]
        if present and not run.resume:
            raise FileExistsError(
                f"{self.folder} already contains a training run: resume it (fit(..., "
                "resume=True)), choose another folder, or delete it"
            )
        if present:
            self._resume(run, present)
        else:
            self._save(run)

    def on_epoch_end(self, run: Run) -> None:
        """Save, best weights first: if killed in between, the epoch is repeated."""
        improved = self.improved(run)
        if improved:
            write(self.best_file, {**self._state(run), "model": self.measured(run)})
        if run.epoch % self.every == 0 or run.epoch == run.epochs or run.stopped is not None:
            self._save(run)

    def _save(self, run: Run) -> None:
        write(self.last, self._state(run), before=self.previous)

    def _all_generators(self, run: Run) -> list[Any]:
        return list({id(g): g for g in [*run.generators(), *self.generators]}.values())

    def _state(self, run: Run) -> dict[str, Any]:
        return {
            "model": run.weights(),
            "optimizer": run.optimizer.state_dict(),
            "schedule": None if run.schedule is None else run.schedule.state_dict(),
            "generators": [g.bit_generator.state for g in self._all_generators(run)],
            "callbacks": {
                f"{i}.{type(callback).__name__}": callback.state_dict()
                for i, callback in enumerate(run.callbacks)
            },
            "history": asdict(run.history),
        }

    def _resume(self, run: Run, present: list[Path]) -> None:
        for path in present:
            try:
                state = read(path)
            except CheckpointError as error:
                if path is present[-1]:
                    raise
                # otherwise the next save would put the damaged file in the place of the good one
                os.replace(path, damaged := path.with_stem("damaged"))
                warnings.warn(
                    f"{error}; it is now {damaged}, and the training goes on from {present[-1]}",
                    stacklevel=2,
                )
            else:
                before = self._state(run)
                try:
                    self._restore(run, state, path)
                except Exception as error:  # whatever a crafted state can cause
                    self._restore(run, before, path)
                    raise CheckpointError(
                        f"{path} is of another training: {type(error).__name__}: {error}"
                    ) from error
                return

    def _restore(self, run: Run, state: Mapping[str, Any], path: Path) -> None:
        generators = self._all_generators(run)
        if "history" not in state:
            raise CheckpointError(f"{path} holds a model, and no training to resume")
        here, there = _outline(self._state(run)), _outline(state)
        if here != there:
            raise ValueError(f"it has {there}, this has {here}")
        history = History(**state["history"])
        history.check()
        run.set_weights(state["model"])
        run.optimizer.load_state_dict(state["optimizer"])
        if run.schedule is not None:
            run.schedule.load_state_dict(state["schedule"])
        for generator, saved in zip(generators, state["generators"], strict=True):
            generator.bit_generator.state = saved
        for callback, saved in zip(run.callbacks, state["callbacks"].values(), strict=True):
            callback.load_state_dict(saved)
        run.history = history


def _outline(state: Mapping[str, Any]) -> dict[str, Any]:
    """What two states must have in common for one to go on as the other."""
    return {
        "schedule": state["schedule"] is not None,
        "generators": len(state["generators"]),
        "callbacks": [*state["callbacks"]],
    }
