"""fit is the loop that one would write by hand, compiled or not, and says what is wrong."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop import nn, optim
from deltaprop.training import Callback, History, fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 4))
Y = X[:, :2] ** 2
CLASSES = RNG.integers(0, 3, 70)


def network(**options: Any) -> nn.MLP:
    return nn.MLP([4, 8, options.pop("out", 2)], rng=0, **options)


def by_hand(
    model: Any, data: Any, loss: Any, optimizer: Any, epochs: int, size: int, seed: int
) -> list[float]:
    """What `fit` does, in as few words as possible."""
    rng = np.random.default_rng(seed)
    losses = []
    for _ in range(epochs):
        rows, total = rng.permutation(len(data[0])), 0.0
        for i in range(0, len(rows), size):
            batch = rows[i : i + size]
            value = loss(model(data[0][batch]), data[1][batch])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            total += value.item() * len(batch)
        losses.append(total / len(rows))
    return losses


@settings(max_examples=20)
@given(
    compiled=st.booleans(),
    size=st.integers(1, 80),
    epochs=st.integers(0, 3),
    rule=st.sampled_from([optim.SGD, optim.Adam]),
    dtype=st.sampled_from([np.float64, np.float32]),
    dropout=st.sampled_from([0.0, 0.4]),
    seed=st.integers(0, 9),
)
def test_as_by_hand(
    compiled: bool, size: int, epochs: int, rule: Any, dtype: Any, dropout: float, seed: int
) -> None:
    data = X[:20].astype(dtype), Y[:20].astype(dtype)
    one, other = (network(dtype=dtype, dropout=dropout) for _ in range(2))
    history = fit(
        one,
        data,
        "mse",
        rule(one.parameters(), lr=0.01),
        epochs=epochs,
        batch_size=size,
        rng=seed,
        compiled=compiled,
    )
    rule = rule(other.parameters(), lr=0.01)
    expected = by_hand(other, data, nn.mse, rule, epochs, size, seed)
    assert history.loss == expected
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


@pytest.mark.parametrize("compiled", [True, False])
def test_validation_metrics_and_schedule(compiled: bool) -> None:
    model = network(out=3, dropout=0.5)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    shapes = []

    def right(target: Any, prediction: Any) -> Any:
        shapes.append((target.shape, prediction.shape))
        return np.float64(np.mean(prediction.argmax(1) == target))

    history = fit(
        model,
        (X, CLASSES),
        nn.softmax_cross_entropy,
        optimizer,
        epochs=3,
        validation=(X[:30], CLASSES[:30]),
        metrics={"right": right},
        schedule=optim.ExponentialDecay(optimizer, 0.5),
        rng=0,
        compiled=compiled,
    )
    assert shapes == [((30,), (30, 3))] * 3
    assert history.learning_rate == [0.1, 0.05, 0.025]
    assert optimizer.lr == 0.0125
    assert not model.training  # so that what it says now is what was measured
    said = model(X[:30])
    assert history["right"][-1] == np.mean(said.numpy().argmax(1) == CLASSES[:30])
    loss = nn.softmax_cross_entropy(said, CLASSES[:30]).item()
    assert history.validation_loss[-1] == pytest.approx(loss, rel=1e-12)


def test_metrics_without_validation_are_of_the_data() -> None:
    model = network()
    optimizer = optim.SGD(model.parameters())
    rows = {"rows": lambda target, prediction: len(prediction)}
    history = fit(model, (X, Y), "mse", optimizer, epochs=1, metrics=rows)
    assert history.metrics == {"rows": [70.0]}
    assert not history.validation_loss


def test_the_loss_of_the_validation_data_is_a_mean_over_rows() -> None:
    """However many batches they make."""
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.0)
    many = np.tile(X, (30, 1)), np.tile(Y, (30, 1)) + np.arange(2100)[:, None]
    history = fit(model, (X, Y), "mse", optimizer, epochs=1, validation=many)
    assert history.validation_loss[0] == pytest.approx(nn.mse(model(many[0]), many[1]).item())


def test_plateau_gets_the_validation_loss() -> None:
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=1e-9)
    schedule = optim.ReduceOnPlateau(optimizer, patience=0, factor=0.5)
    history = fit(
        model, (X, Y), "mse", optimizer, epochs=4, validation=(X, Y + 1), schedule=schedule
    )
    assert schedule.best == history.validation_loss[0]
    assert optimizer.lr == 1e-9 / 8


def test_a_schedule_per_batch() -> None:
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    schedule = optim.StepDecay(optimizer, every=1, factor=0.5)
    options: dict[str, Any] = {"schedule": schedule, "schedule_per": "batch"}
    history = fit(model, (X, Y / 100), "mse", optimizer, epochs=2, **options)
    assert history.learning_rate == [1.0, 0.125]  # three batches of 32, 32 and 6


def test_batches_from_outside() -> None:
    chunks = [(X[i : i + 7], Y[i : i + 7]) for i in range(0, 70, 7)]

    def generator() -> Iterator[Any]:
        yield from chunks

    found = []
    for data in (chunks, generator, (X, Y)):
        model = network()
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        options: dict[str, Any] = {"batch_size": 7, "shuffle": False, "validation": data}
        found.append(fit(model, data, "mse", optimizer, epochs=3, **options))
    assert found[0].loss == found[1].loss == found[2].loss
    np.testing.assert_allclose(found[0].validation_loss, found[2].validation_loss, rtol=1e-14)


def test_batches_with_weights() -> None:
    model = network()
    weights = np.arange(70) % 3.0
    optimizer = optim.SGD(model.parameters(), lr=0.0)
    history = fit(model, [(X, Y, weights)], "mse", optimizer, epochs=1)
    errors = np.mean((model(X).numpy() - Y) ** 2, axis=1)
    assert history.loss[0] == pytest.approx(np.mean(weights * errors))


def test_weights_of_a_tuple_are_scaled() -> None:
    model, weights = network(), np.arange(70) % 3.0
    optimizer = optim.SGD(model.parameters(), lr=0.0)
    data = X, Y, weights
    history = fit(model, data, "mse", optimizer, epochs=1, validation=data)
    errors = np.mean((model(X).numpy() - Y) ** 2, axis=1)
    expected = np.average(errors, weights=weights)
    assert history.loss[0] == pytest.approx(expected)
    assert history.validation_loss[0] == pytest.approx(expected)


def test_parameters_that_the_optimiser_does_not_have_stay() -> None:
    model = network()
    last = model.layers[-1]
    before = model.layers[0].weight.numpy()
    fit(model, (X, Y), "mse", optim.SGD(last.parameters(), lr=0.1), epochs=2)
    np.testing.assert_array_equal(model.layers[0].weight.numpy(), before)
    assert np.any(last.weight.numpy() != network().layers[-1].weight.numpy())
    # and their gradients are those of one step, not of all together
    fit(model, (X, Y), "mse", optim.SGD(last.parameters(), lr=0.0), epochs=3, batch_size=70)
    found = model.layers[0].weight.grad
    model.zero_grad()
    nn.mse(model(X), Y).backward()
    np.testing.assert_allclose(found, model.layers[0].weight.grad, rtol=1e-9)


@pytest.mark.parametrize("shuffle", [True, False, "balanced"])
def test_the_last_rows_may_be_dropped(shuffle: Any) -> None:
    model = nn.Sequential(nn.Dense(4, 8, rng=0), nn.BatchNorm(8), nn.Dense(8, 3, rng=0))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    sizes = []

    class Count(Callback):
        def on_batch_end(self, run: Any, batch: int, loss: float) -> None:
            sizes.append(model.layers[1].num_batches_tracked)

    data = X, CLASSES
    options: dict[str, Any] = {"epochs": 2, "batch_size": 23, "shuffle": shuffle}
    with pytest.raises(ValueError, match="two samples or more"):  # 3 batches of 23 and a row
        fit(model, data, "softmax_cross_entropy", optimizer, **options)
    model = nn.Sequential(nn.Dense(4, 8, rng=0), nn.BatchNorm(8), nn.Dense(8, 3, rng=0))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    options |= {"drop_last": True, "callbacks": [Count()]}
    history = fit(model, data, "softmax_cross_entropy", optimizer, **options)
    assert sizes == [1, 2, 3, 4, 5, 6]
    assert history.loss[1] < history.loss[0]
    with pytest.raises(ValueError, match="do not fill one batch"):
        fit(model, data, "mse", optimizer, epochs=1, batch_size=99, drop_last=True)


@pytest.mark.parametrize("weight", [None, np.arange(70) % 4.0])
def test_ensembles(weight: Any) -> None:
    """Each member as by itself, also with weights; metrics see all members."""
    ensemble = nn.Ensemble(3, [4, 6, 2], rng=0)
    alone = ensemble.member(1)
    shapes = []
    for model, loss in ((ensemble, ensemble.loss("mse")), (alone, nn.mse)):
        fit(
            model,
            (np.tile(X, (20, 1)), np.tile(Y, (20, 1))),
            loss,
            optim.Adam(model.parameters(), lr=0.01),
            epochs=1,
            batch_size=70,
            sample_weight=None if weight is None else np.tile(weight, 20),
            metrics={"shape": lambda t, p: shapes.append((t.shape, p.shape)) or 0},
            rng=0,
        )
    assert shapes == [((1400, 2), (3, 1400, 2)), ((1400, 2), (1400, 2))]
    for p, q in zip(ensemble.member(1).parameters(), alone.parameters(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-9)


def test_gradients_are_clipped() -> None:
    model = network()
    before = model.state_dict()
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    fit(model, (X, 1e3 * Y), "mse", optimizer, epochs=1, batch_size=70, clip_norm=0.5)
    moved = [model.state_dict()[name] - p for name, p in before.items()]
    assert np.sqrt(sum(np.sum(d * d) for d in moved)) == pytest.approx(0.5)


def test_on_xla() -> None:
    pytest.importorskip("jax")
    losses = []
    for executor in ("numpy", "xla"):
        model = network(dropout=0.2)
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        options: dict[str, Any] = {"validation": (X, Y), "executor": executor, "rng": 0}
        history = fit(model, (X, Y), "mse", optimizer, epochs=2, **options)
        losses.append([*history.loss, *history.validation_loss])
    np.testing.assert_allclose(*losses, rtol=1e-9)
    with pytest.raises(ValueError, match="'numpy' or 'xla'"):
        fit(model, (X, Y), "mse", optimizer, epochs=1, executor="cuda")


def test_any_function_can_be_trained() -> None:
    slope, offset = dp.Value(0.0), dp.Value(0.0)
    optimizer = optim.SGD([slope, offset], lr=0.1)
    x = np.linspace(-1, 1, 20)
    fit(lambda x: slope * x + offset, (x, 3 * x - 1), "mse", optimizer, epochs=300, rng=0)
    assert (slope.item(), offset.item()) == pytest.approx((3, -1), abs=1e-3)


def test_history_is_plain() -> None:
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    history = fit(model, (X, Y), "mse", optimizer, epochs=2, metrics={"two": lambda t, p: [1, 2]})
    assert pickle.loads(pickle.dumps(history)) == history
    columns = history.to_dict()
    assert json.loads(json.dumps(columns)) == columns
    assert [*columns] == ["epoch", "loss", "two", "learning_rate", "seconds"]
    assert {len(column) for column in columns.values()} == {2}
    assert History().to_dict() == {"epoch": [], "loss": []}
    with pytest.raises(KeyError, match=r"no 'accuracy'; it has epoch, loss, two"):
        history["accuracy"]


def test_history_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    history = History(loss=[2.0, 1.0], validation_loss=[2.0, 1.5], metrics={"right": [0.5, 0.7]})
    assert len(history.plot(tmp_path / "history.png").axes) == 2
    assert (tmp_path / "history.png").stat().st_size > 1000


class Diary(Callback):
    def __init__(self) -> None:
        self.lines: list[Any] = []

    def on_train_begin(self, run: Any) -> None:
        self.lines.append("begin")

    def on_epoch_begin(self, run: Any) -> None:
        self.lines.append(("epoch", run.epoch))

    def on_batch_end(self, run: Any, batch: int, loss: float) -> None:
        self.lines.append((batch, loss))

    def on_epoch_end(self, run: Any) -> None:
        self.lines.append(("done", run.epoch))
        if run.epoch == 2:
            run.stop("enough")

    def on_train_end(self, run: Any) -> None:
        self.lines.append("end")


def test_callbacks() -> None:
    model, diary = network(), Diary()
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    history = fit(model, (X, Y), "mse", optimizer, epochs=9, batch_size=40, callbacks=diary, rng=0)
    assert history.stopped == "enough"
    losses = [line[1] for line in diary.lines if isinstance(line[0], int)]
    assert history.loss[0] == pytest.approx((40 * losses[0] + 30 * losses[1]) / 70)
    shown = [line if isinstance(line, str) else line[0] for line in diary.lines]
    epoch = ["epoch", 0, 1, "done"]
    assert shown == ["begin", *epoch, *epoch, "end"]


@pytest.mark.parametrize("compiled", [True, False])
def test_a_loss_that_is_no_number_ends_it(compiled: bool) -> None:
    model = nn.Sequential(nn.Dense(4, 8, rng=0), nn.BatchNorm(8), nn.Dense(8, 2, rng=0))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    bad = Y.copy()
    bad[65] = np.nan
    options: dict[str, Any] = {"shuffle": False, "compiled": compiled}
    fit(model, (X[:60], Y[:60]), "mse", optimizer, epochs=1, **options)
    before, state = model.state_dict(), optimizer.state_dict()
    with pytest.raises(FloatingPointError, match=r"nan in epoch 1, batch 3\..*detect_anomaly"):
        fit(model, (X, bad), "mse", optimizer, epochs=3, **options)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    for name, array in optimizer.state_dict()["state"].items():
        np.testing.assert_array_equal(array, state["state"][name])
    with pytest.raises(dp.graph.modes.AnomalyError), dp.detect_anomaly():
        fit(model, (X, bad), "mse", optimizer, epochs=3, **options)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"data": (X, Y[:9])}, ValueError, r"\(70, 4\) and \(9, 2\)"),
        ({"data": (X[:0], Y[:0])}, ValueError, "empty"),
        ({"data": (X, 3.0)}, ValueError, "a row for each sample"),
        ({"data": (X,)}, ValueError, "not 1 parts"),
        ({"data": X.astype(str)}, TypeError, "batches"),
        ({"data": (X.astype(str), Y)}, TypeError, "must hold numbers"),
        ({"data": 7}, TypeError, "tuple of arrays"),
        ({"data": iter([(X, Y)])}, TypeError, "give the function that makes it"),
        ({"data": []}, ValueError, "no batches"),
        ({"validation": (X, Y[:9])}, ValueError, "validation data"),
        ({"batch_size": 0}, ValueError, "batch_size must be a whole number, at least 1, not 0"),
        ({"epochs": -1}, ValueError, "epochs must be a whole number, at least 0, not -1"),
        ({"loss": "mes"}, ValueError, "unknown loss 'mes'; known: mse"),
        ({"optimizer": "sgd"}, TypeError, r"one of dp\.optim"),
        ({"shuffle": "often"}, ValueError, "unknown shuffle 'often'; known: True, False, balanced"),
        ({"schedule_per": "step"}, ValueError, "unknown schedule_per 'step'; known: epoch, batch"),
        ({"metrics": {"loss": len}}, ValueError, "cannot be named"),
        ({"metrics": {"r2": "r2"}}, TypeError, "'r2' must be a function"),
        ({"sample_weight": np.ones(3)}, ValueError, r"shape \(70,\)"),
        ({"sample_weight": -np.ones(70)}, ValueError, "none negative"),
        ({"sample_weight": np.zeros(70)}, ValueError, "not all zero"),
        ({"data": [(X, Y)], "sample_weight": np.ones(70)}, TypeError, "data as arrays"),
        ({"resume": True}, ValueError, "needs a Checkpoint"),
        ({"callbacks": [Callback]}, TypeError, "instances of Callback"),
        ({"optimizer": optim.SGD(network().parameters())}, ValueError, "re-created after"),
        (
            {"schedule": optim.CosineDecay(optim.SGD(network().parameters()), 3)},
            ValueError,
            "belongs to another optimizer",
        ),
    ],
)
def test_errors(options: dict[str, Any], error: Any, match: str) -> None:
    model = network()
    before = model.state_dict()
    given: dict[str, Any] = {
        "data": (X, Y),
        "loss": "mse",
        "optimizer": optim.SGD(model.parameters()),
        "epochs": 1,
    }
    with pytest.raises(error, match=match):
        fit(model, **(given | options))
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_what_cannot_be_recorded() -> None:
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.01)

    def branching(x: Any) -> Any:
        y = model(x)
        return y if y.sum().item() > 0 else -y

    with pytest.raises(dp.TraceError, match="compiled=False"):
        fit(branching, (X, Y), "mse", optimizer, epochs=1)
    assert len(fit(branching, (X, Y), "mse", optimizer, epochs=1, compiled=False)) == 1


class Noisy(nn.Module):
    """It draws behind the recording's back."""

    def __init__(self) -> None:
        self.inner, self.rng = network(), np.random.default_rng(0)

    def __call__(self, x: Any) -> Any:
        return self.inner(x) + self.rng.normal()


@pytest.mark.parametrize("depth", [0, 9])
def test_draws_that_would_be_repeated_are_an_error(depth: int) -> None:
    model: Any = Noisy()
    for _ in range(depth):
        model = nn.Sequential(model)
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    with pytest.raises(dp.TraceError, match="random numbers"):
        fit(model, (X, Y), "mse", optimizer, epochs=1)
    assert len(fit(model, (X, Y), "mse", optimizer, epochs=1, compiled=False)) == 1


def test_bar(capsys: Any) -> None:
    pytest.importorskip("tqdm")
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    fit(model, (X, Y), "mse", optimizer, epochs=2, progress=True, validation=(X, Y))
    shown = capsys.readouterr().err
    assert "6/6" in shown
    assert "validation=" in shown
    fit(model, [(X, Y)], "mse", optimizer, epochs=2, progress=True)
    assert "2/2" in capsys.readouterr().err
    fit(model, (X, Y), "mse", optimizer, epochs=2)
    assert not capsys.readouterr().err  # no terminal, no bar
