"""Early stopping ends where it should, with the weights of the best epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deltaprop import nn, optim
from deltaprop.training import Callback, Checkpoint, EarlyStopping, fit, load

X = np.random.default_rng(0).normal(size=(8, 2))


def follow(values: list[float], **options: Any) -> tuple[Any, Any, Any, list[Any]]:
    """Train while a metric has these values, one an epoch; the weights after each, too."""
    model = nn.Dense(2, 2, rng=0)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    stopping, weights = EarlyStopping("score", **options), []

    class Keep(Callback):
        def on_epoch_end(self, run: Any) -> None:
            weights.append(model.weight.numpy())

    told = iter(values)
    history = fit(
        model,
        (X, X),
        "mse",
        optimizer,
        epochs=len(values),
        metrics={"score": lambda target, prediction: next(told)},
        callbacks=[Keep(), stopping],
    )
    return model, history, stopping, weights


@settings(max_examples=30)
@given(
    values=st.lists(st.integers(0, 6).map(float), min_size=1, max_size=12),
    patience=st.integers(1, 4),
    min_delta=st.sampled_from([0.0, 1.5]),
    mode=st.sampled_from(["min", "max"]),
)
def test_it_ends_where_nothing_improves(
    values: list[float], patience: int, min_delta: float, mode: Any
) -> None:
    model, history, stopping, weights = follow(
        values, patience=patience, min_delta=min_delta, mode=mode
    )
    # the same in words of its own: go on until `patience` epochs after the last record
    sign = 1 if mode == "min" else -1
    record, at, ends = sign * values[0], 1, len(values)
    for epoch, value in enumerate(values, 1):
        if epoch > 1 and sign * value < record - min_delta:
            record, at = sign * value, epoch
        if epoch - at == patience:
            ends = epoch
            break
    assert (len(history), stopping.best_epoch) == (ends, at)
    assert (history.stopped is not None) == (ends - at == patience)
    np.testing.assert_array_equal(model.weight.numpy(), weights[at - 1])


@pytest.mark.parametrize("lr", [0.1, 3.0])
@pytest.mark.parametrize("monitor", [None, "loss"])
@pytest.mark.parametrize("compiled", [False, True])
def test_the_weights_have_the_loss_that_was_watched(
    tmp_path: Path, lr: float, monitor: Any, compiled: bool
) -> None:
    """Whether the loss falls or, with too large a rate, grows."""
    pytest.importorskip("safetensors")
    model = nn.Dense(2, 2, rng=0)
    optimizer = optim.SGD(model.parameters(), lr=lr)
    stopping, saving = EarlyStopping(monitor, patience=2), Checkpoint(tmp_path, monitor=monitor)
    options: Any = {"validation": (X[:2], X[:2] + 9)} if monitor else {}
    history = fit(
        model, (X, X), "mse", optimizer, epochs=6, callbacks=[stopping, saving],
        compiled=compiled, **options,
    )  # fmt: skip
    best = min(history.loss)
    assert stopping.best_epoch == history.loss.index(best) + 1
    assert nn.mse(model(X), X).item() == pytest.approx(best, rel=1e-14)
    other = nn.Dense(2, 2, rng=1)
    load(other, tmp_path / "best.safetensors")
    np.testing.assert_array_equal(other.weight.numpy(), model.weight.numpy())


def test_of_several_batches_the_weights_are_those_of_the_beginning() -> None:
    model, starts = nn.Dense(2, 2, rng=0), []

    class Keep(Callback):
        def on_epoch_begin(self, run: Any) -> None:
            starts.append(model.weight.numpy())

    optimizer = optim.SGD(model.parameters(), lr=0.1)
    stopping = EarlyStopping("loss", patience=2)
    fit(model, (X, X), "mse", optimizer, epochs=4, batch_size=3, callbacks=[Keep(), stopping])
    np.testing.assert_array_equal(model.weight.numpy(), starts[stopping.best_epoch - 1])


def test_nan_is_no_improvement() -> None:
    _, history, stopping, _ = follow([np.nan, 3.0, np.nan, 2.0, np.nan], patience=9, mode="min")
    assert (len(history), stopping.best_epoch) == (5, 4)


def test_the_weights_may_stay() -> None:
    model, _, _, weights = follow([1.0, 2.0, 3.0], patience=2, mode="min", restore=False)
    np.testing.assert_array_equal(model.weight.numpy(), weights[-1])


def test_it_can_be_used_again() -> None:
    model = nn.Dense(2, 2, rng=0)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    stopping = EarlyStopping(patience=2)
    for _ in range(2):
        fit(model, (X, X), "mse", optimizer, epochs=3, callbacks=[stopping])
        assert stopping.best_epoch == 3


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"monitor": "accuracy"}, "is less or more of 'accuracy' better"),
        ({"mode": "auto"}, "unknown mode 'auto'; known: min, max"),
        ({"patience": 0}, "at least 1, not 0"),
        ({"min_delta": -1.0}, "at least 0, got -1.0"),
    ],
)
def test_errors(options: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        EarlyStopping(**options)


def test_what_is_not_recorded_cannot_be_watched() -> None:
    model = nn.Dense(2, 2, rng=0)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(KeyError, match="no 'validation_loss'; it has epoch, loss"):
        fit(model, (X, X), "mse", optimizer, epochs=1, callbacks=[EarlyStopping("validation_loss")])
