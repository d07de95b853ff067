"""fit: a training run, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Literal
from warnings import warn

import numpy as np

from ..compiler import TraceError
from ..compiler import compile as compiled_function
from ..graph import raw
from ..graph.modes import no_grad
from ..habits import explained
from ..nn import Ensemble, Module
from ..nn.losses import LossName, weighted
from ..nn.losses import loss as loss_by_name
from ..optim import Optimizer, Schedule, clip_grad_norm
from ..options import brief, chosen, generator, of_kind, sequence, whole
from ..value import Value
from .batches import Rows, Stream, source
from .callbacks import Callback
from .checkpoints import Checkpoint
from .history import History, known
from .progress import Bar
from .run import Run

_DIVERGED = 1e6  # how many times its first value the loss may be
_EVALUATED = 1024  # rows at a time, where no gradients are needed


@partial(explained, write="fit(model, (X, Y), loss, optimizer, epochs=10)")
def fit(
    model: Callable[..., Any],
    data: Any,
    loss: LossName | Callable[..., Any],
    optimizer: Optimizer,
    *more: Any,
    epochs: int | None = None,
    batch_size: int = 32,
    validation: Any = None,
    callbacks: Callback | Iterable[Callback] = (),
    metrics: Mapping[str, Callable[[Any, Any], Any]] | None = None,
    schedule: Schedule | None = None,
    schedule_per: Literal["epoch", "batch"] = "epoch",
    sample_weight: Any = None,
    class_weight: Any = None,
    clip_norm: float | None = None,
    shuffle: bool | Literal["balanced"] = True,
    drop_last: bool = False,
    rng: np.random.Generator | int | None = None,
    compiled: bool = True,
    executor: str = "numpy",
    progress: bool | None = None,
    resume: bool = False,
) -> History:
    """Train a model and return the history.

    Parameters
    ----------
    model : callable
        A `Module`, or any function of a batch X.
    data : tuple of arrays, or batches
        (X, Y): inputs (N, ...) and targets (N, ...). Or batches (X, Y), preferably of one length:
        a list, any other iterable that can be iterated again in each epoch, or a function that
        returns an iterator. With (X, Y, weights) each row has a weight.
    loss : str or callable
        One of `nn.LOSSES`, or a function of (prediction, target) that returns one number.
    optimizer : Optimizer
    epochs : int
        The number of passes through the data, including those before a resume. Required.
    batch_size : int
        Rows for one step; the last batch of an epoch may have fewer. Ignored if `data` comes
        in batches.
    validation : tuple of arrays, or batches, optional
        Data as in `data`, whose loss and metrics are recorded after each epoch.
    callbacks : Callback, or iterable of them
        Called in the given order, but checkpoints last.
    metrics : dict of str to callable, optional
        Functions of two arrays, (target, prediction), such as scikit-learn's. For metrics of
        class numbers see `of_classes`. Computed on the validation data, or on `data` if there is
        none.
    schedule : Schedule, optional
        Its `step` is called after each epoch, or after each batch if `schedule_per` is "batch",
        with the validation loss. Without validation, and per batch, it gets the training loss.
    sample_weight : array_like (N,), optional
        The weight of each row in the loss. Weights are scaled to the mean 1 over the data,
        so that a batch's mean loss does not depend on which rows it happens to contain.
    class_weight : "balanced", dict or sequence, optional
        A weight for each class in Y (class numbers, a column of 0 and 1, or one-hot rows).
        "balanced": all classes have the same total weight.
    clip_norm : float, optional
        The largest allowed norm of all gradients together: see `clip_grad_norm`.
    shuffle : bool or "balanced"
        Whether each epoch has its own random order. "balanced": an epoch has as many rows as the
        data, equally many of each class, so that rows of small classes are repeated.
    drop_last : bool
        Whether to leave out the rows of each epoch that do not fill a batch.
    rng : numpy.random.Generator, int or None
        For shuffling.
    compiled : bool
        Whether steps are compiled by `compile`. The numbers are the same.
    executor : {"numpy", "xla"}
        The executor of compiled steps: see `compile`.
    progress : bool, optional
        Whether to show a progress bar of tqdm. By default it is shown in terminals and
        notebooks, if tqdm is installed.
    resume : bool
        Whether to resume from the `Checkpoint` among the callbacks, if it has saved a run.

    Returns
    -------
    History

    Raises
    ------
    ValueError, TypeError
        If the data do not fit together, or an argument is out of range.
    FloatingPointError
        If the loss becomes NaN or infinite. The model then has its weights from before that
        epoch.
    TraceError
        If the model cannot be compiled.

    Notes
    -----
    The model is switched to training mode; for validation and at the end it is switched to
    evaluation mode. Each call of `fit` compiles the step again, which takes as long as 2 to 30
    steps.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> X = np.linspace(-1, 1, 64)[:, None]
    >>> model = dp.nn.MLP([1, 16, 1], rng=0)
    >>> optimizer = dp.optim.Adam(model.parameters(), lr=0.03)
    >>> history = dp.training.fit(model, (X, X**2), dp.nn.mse, optimizer, epochs=100, rng=0)
    >>> len(history), history.loss[-1] < 0.01 < history.loss[0]
    (100, True)
    """
    if more or isinstance(data, np.ndarray | Value):
        raise TypeError(
            "fit takes four arguments by position: the model, the data, the loss, the optimizer; "
            f"the data must be one pair (X, Y) or batches, got {len(more)} more and a "
            f"{type(data).__name__} as data: write fit(model, (X, Y), loss, optimizer, epochs=10)"
        )
    if epochs is None:
        raise TypeError("fit needs the number of epochs: write fit(..., epochs=10)")
    epochs, batch_size = whole("epochs", epochs, 0), whole("batch_size", batch_size)
    chosen("shuffle", shuffle, (True, False, "balanced"))
    chosen("schedule_per", schedule_per, ("epoch", "batch"))
    _fits(model, optimizer, schedule)
    train = source(data, "data")
    if isinstance(train, Rows):
        if sample_weight is not None or class_weight is not None:
            train.weigh(sample_weight, class_weight)
        if drop_last:
            train.drop(batch_size)
    elif sample_weight is not None or class_weight is not None or shuffle == "balanced":
        raise TypeError(
            "sample_weight, class_weight and shuffle='balanced' need data as arrays (X, Y); "
            "give weights with the batches, (X, Y, weights)"
        )
    called = _in_order(callbacks, resume)
    rng = generator(rng)
    run = Run(model, loss_by_name(loss), optimizer, schedule, epochs, rng, data, called, resume)
    judged = train if validation is None else source(validation, "validation data")
    prepare = partial(compiled_function, executor=executor) if compiled else lambda step: step
    judge = Judge(run, judged, known(metrics or {}), validation is not None, prepare)
    steps = Steps(run, train, batch_size, shuffle, schedule_per, clip_norm, prepare)
    optimizer._told = True  # here the loss is watched
    try:
        _epochs(run, steps, judge, progress)
    except TraceError as error:
        raise TraceError(
            f"{error}\nfit compiles the model and the loss: to run them as they are, pass "
            "compiled=False"
        ) from error
    finally:
        optimizer._told = False
        run.evaluating()
    return run.history


def _fits(model: Any, optimizer: Any, schedule: Any) -> None:
    """Raise an error if model, optimiser and schedule do not belong together."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"the optimizer must be one of dp.optim, not {brief(optimizer)}: write "
            "fit(model, data, loss, dp.optim.Adam(model.parameters()), epochs=10)"
        )
    if not callable(model):
        raise TypeError(f"the model must be a Module or a function of X, not {brief(model)}")
    if schedule is not None:
        of_kind("the schedule", schedule, Schedule, "write dp.optim.StepDecay(optimizer, 10)")
    if schedule is not None and schedule.optimizer is not optimizer:
        raise ValueError(
            "the schedule belongs to another optimizer than the one that is given: make it of this"
        )
    moved = {id(p) for p in optimizer.parameters}
    if isinstance(model, Module) and moved.isdisjoint(map(id, model.parameters())):
        raise ValueError(
            "the optimizer holds none of this model's parameters, so the model would not learn: "
            "was the model "
            "re-created after the optimizer? Make the optimizer of model.parameters()"
        )


def _in_order(callbacks: Callback | Iterable[Callback], resume: bool) -> list[Callback]:
    """Return the callbacks, checkpoints last: they save what the other callbacks have done."""
    alone = isinstance(callbacks, Callback)
    write = "write [EarlyStopping(patience=5), ...], instances of Callback"
    found = [callbacks] if alone else sequence("callbacks", callbacks, Callback, write)
    if resume and not any(isinstance(callback, Checkpoint) for callback in found):
        raise ValueError("resume=True needs a Checkpoint among the callbacks, to resume from")
    return sorted(found, key=lambda callback: isinstance(callback, Checkpoint))


def _epochs(run: Run, steps: Steps, judge: Judge, progress: bool | None) -> None:
    for callback in run.callbacks:
        callback.on_train_begin(run)
    history, told = run.history, False
    with Bar(progress, run.epochs, run.epoch, steps.batches_per_epoch) as bar:
        while run.epoch < run.epochs and run.stopped is None:
            start = perf_counter()
            for callback in run.callbacks:
                callback.on_epoch_begin(run)
            rate = run.optimizer.lr
            run.evaluating(False)
            loss = steps.epoch(bar)
            validation_loss, metrics = judge()
            if run.schedule is not None and steps.schedule_per == "epoch":
                run.schedule.step(loss if validation_loss is None else validation_loss)
            history.loss.append(loss)
            if loss > _DIVERGED * abs(history.loss[0]) and not told:
                told = True
                warn(
                    f"the loss has grown from {history.loss[0]:.3g} to {loss:.3g} in epoch "
                    f"{len(history)}: the training run diverges. Lower the learning rate "
                    f"({rate:g}), or clip the gradients (clip_norm=1.0)",
                    RuntimeWarning,
                    stacklevel=4,
                )
            if validation_loss is not None:
                history.validation_loss.append(validation_loss)
            for name, metric in metrics.items():
                history.metrics.setdefault(name, []).append(metric)
            history.learning_rate.append(rate)
            history.seconds.append(perf_counter() - start)
            bar.epoch(loss, validation_loss)
            for callback in run.callbacks:
                callback.on_epoch_end(run)
    for callback in run.callbacks:
        callback.on_train_end(run)


@dataclass
class Steps:
    """Runs the steps of an epoch: forward, backward and update for each batch."""

    run: Run
    rows: Rows | Stream
    batch_size: int
    shuffle: bool | str
    schedule_per: str
    clip_norm: float | None
    prepare: Callable[[Any], Any]

    def __post_init__(self) -> None:
        run = self.run
        self.batches_per_epoch: int | None = self.rows.batch_count(self.batch_size)
        moved = {id(p) for p in run.optimizer.parameters}
        has = run.model.parameters() if isinstance(run.model, Module) else ()
        others = [p for p in has if id(p) not in moved]
        self.step: Any = self.prepare(partial(_step, run, others, self.clip_norm))
        self.hooks: list[Any] = [
            callback.on_batch_end
            for callback in run.callbacks
            if type(callback).on_batch_end is not Callback.on_batch_end
        ]

    def epoch(self, bar: Bar) -> float:
        """Train for one epoch and return the mean loss of its rows."""
        run, step = self.run, self.step
        per_batch = run.schedule if self.schedule_per == "batch" else None
        before = run.weights(), run.optimizer.state_dict()
        order = self.rows.order(self.shuffle, run.rng) if isinstance(self.rows, Rows) else None
        total, count = 0.0, 0
        for number, batch in enumerate(bar(self.rows.batches(self.batch_size, order))):
            value = step(*batch).item()
            if not math.isfinite(value):
                run.set_weights(before[0])
                run.optimizer.load_state_dict(before[1])
                raise FloatingPointError(
                    f"the loss is {value} in epoch {run.epoch + 1}, batch {number + 1}. The model "
                    "has the weights from before this epoch. Lower the learning rate, clip the "
                    "gradients (clip_norm=1.0), or look for the operation that made it: "
                    "with dp.detect_anomaly(): fit(...)"
                )
            rows = len(batch[0])
            total += rows * value
            count += rows
            if per_batch is not None:
                per_batch.step(value)
            for hook in self.hooks:
                hook(run, number, value)
        return total / count


def _forward(run: Run, X: Any, Y: Any, weights: Any) -> tuple[Any, Any]:
    """The prediction and the loss."""
    prediction = run.model(X)
    if weights is None:
        loss = run.loss(prediction, Y)
    else:
        loss = weighted(run.loss, prediction, Y, weights)
    if not isinstance(loss, Value):
        raise TypeError(
            f"the loss must be a Value, computed from what the model returns, got {brief(loss)}: "
            "compute with the prediction itself, without .item(), .numpy() and .data"
        )
    return prediction, loss


# The run is an argument, bound by `partial`: through it `compile` sees each module's generators.
def _step(
    run: Run, others: Iterable[Value], clip_norm: float | None, X: Any, Y: Any, weights: Any = None
) -> Any:
    _, value = _forward(run, X, Y, weights)
    run.optimizer.zero_grad()
    for p in others:
        p.zero_grad()
    value.backward(retain_grads=False)
    if clip_norm is not None:
        clip_grad_norm(run.optimizer.parameters, clip_norm)
    run.optimizer.step()
    return value


@dataclass
class Judge:
    """Computes the loss and the metrics of some data, in evaluation mode."""

    run: Run
    rows: Rows | Stream
    metrics: Mapping[str, Any]
    loss: bool
    prepare: Callable[[Any], Any]

    def __post_init__(self) -> None:
        run, loss = self.run, self.loss

        def judge(X: Any, Y: Any, weights: Any = None) -> Any:
            with no_grad():
                return _forward(run, X, Y, weights) if loss else (run.model(X), 0.0)

        self.judge: Any = self.prepare(judge)

    def __call__(self) -> tuple[float | None, dict[str, Any]]:
        """Return the mean loss, if it is wanted, and the metrics."""
        if not self.loss and not self.metrics:
            return None, {}
        self.run.evaluating()
        total, count = 0.0, 0
        predictions, targets = [], []
        for batch in self.rows.batches(_EVALUATED):
            prediction, value = self.judge(*batch)
            rows = len(batch[0])
            total += rows * float(raw(value))
            count += rows
            if self.metrics:
                predictions.append(prediction.numpy())
                targets.append(batch[1])
        found = {}
        if self.metrics:
            of_ensemble = isinstance(self.run.model, Ensemble)  # the first axis is the members'
            prediction = np.concatenate(predictions, 1 if of_ensemble else 0)
            target = np.concatenate(targets)
            found = {name: _plain(f(target, prediction)) for name, f in self.metrics.items()}
        return total / count if self.loss else None, found


def _plain(metric: Any) -> Any:
    """Return a number as a Python float, an array as nested lists: what JSON can hold."""
    array = np.asarray(metric)
    return array.tolist() if array.ndim else float(array)
