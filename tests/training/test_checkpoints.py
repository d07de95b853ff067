"""What is saved is whole or refused, and a training goes on from it as if nothing had been."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop import nn, optim
from deltaprop.training import Callback, Checkpoint, CheckpointError, EarlyStopping, fit
from deltaprop.training.storage import read, write

from . import kill

pytest.importorskip("safetensors")

X = np.random.default_rng(0).normal(size=(50, 3))
Y = np.sin(X)


def train(
    folder: Any, epochs: int, *more: Any, bits: Any = np.random.PCG64, **options: Any
) -> tuple[Any, Any]:
    generator = np.random.Generator(bits(0))
    model = nn.Sequential(
        nn.Dense(3, 8, "tanh", rng=generator),
        nn.BatchNorm(8),
        nn.MLP([8, 5, 3], dropout=0.2, rng=generator),
    )
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    history = fit(
        model,
        (X, Y),
        "mse",
        optimizer,
        epochs=epochs,
        validation=(X[:9], Y[:9]),
        schedule=optim.CosineDecay(optimizer, steps=8),
        callbacks=[Checkpoint(folder), EarlyStopping(patience=9), *more],
        rng=np.random.Generator(bits(1)),
        **{"resume": True, **options},
    )
    return model, history


def same(one: Any, other: Any) -> None:
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


@settings(max_examples=6)
@given(
    stop=st.integers(0, 7),
    bits=st.sampled_from(
        [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64, np.random.PCG64DXSM]
    ),
    compiled=st.booleans(),
)
def test_in_parts_as_in_one(tmp_path_factory: Any, stop: int, bits: Any, compiled: bool) -> None:
    home = tmp_path_factory.mktemp("runs")
    expected, undisturbed = train(home / "a", 7, bits=bits, compiled=compiled)
    train(home / "b", stop, bits=bits, compiled=compiled)
    model, history = train(home / "b", 7, bits=bits, compiled=compiled)
    same(model, expected)
    for name in ("loss", "validation_loss", "learning_rate"):
        assert history[name] == undisturbed[name]


class Crash(Callback):
    """An error in the middle of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_batch_end(self, run: Any, batch: int, loss: float) -> None:
        if (run.epoch, batch) == (self.epoch, 1):
            raise KeyboardInterrupt


def test_an_interrupted_epoch_is_done_again(tmp_path: Path) -> None:
    expected, _ = train(tmp_path / "a", 5, Crash(-1))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "b", 5, Crash(3))
    model, _ = train(tmp_path / "b", 5, Crash(-1))
    same(model, expected)


def test_killed_and_resumed(tmp_path: Path) -> None:
    """The long form is `python -m tests.training.kill`."""
    runs, differing, states = kill.experiment(3, seed=0, epochs=20, stream=True)
    assert differing == 0
    assert runs
    assert states.total() == 3


def test_a_training_that_was_stopped_stays_so(tmp_path: Path) -> None:
    class Stop(Callback):
        def on_epoch_end(self, run: Any) -> None:
            if run.epoch == 2:
                run.stop("enough")

    train(tmp_path, 9, Stop())
    _, history = train(tmp_path, 9, Stop())
    assert (len(history), history.stopped) == (2, "enough")


def test_best_last_and_the_one_before(tmp_path: Path) -> None:
    model, history = train(tmp_path, 6)
    lengths = {
        name: len(read(tmp_path / f"{name}.safetensors")["history"]["loss"])
        for name in ("best", "last", "previous")
    }
    best = int(np.argmin(history.validation_loss)) + 1
    assert lengths == {"best": best, "last": 6, "previous": 5}
    assert sorted(os.listdir(tmp_path)) == sorted(f"{name}.safetensors" for name in lengths)
    dp.training.load(model, tmp_path / "best.safetensors")
    loss = nn.mse(model(X[:9]), Y[:9]).item()
    assert loss == pytest.approx(min(history.validation_loss), rel=1e-12)


def test_not_every_epoch(tmp_path: Path) -> None:
    model = nn.MLP([3, 2, 3], rng=0)
    saved = []

    class Look(Callback):
        def on_epoch_begin(self, run: Any) -> None:
            saved.append(len(read(tmp_path / "last.safetensors")["history"]["loss"]))

    optimizer = optim.SGD(model.parameters())
    callbacks = [Checkpoint(tmp_path, every=3), Look()]
    fit(model, (X, Y), "mse", optimizer, epochs=5, callbacks=callbacks)
    assert saved == [0, 0, 0, 3, 3]
    assert len(read(tmp_path / "last.safetensors")["history"]["loss"]) == 5


def damaged(content: bytes, at: int, how: str) -> bytes:
    if how == "cut":
        return content[: at % len(content)]
    flipped = bytearray(content)
    flipped[at % len(content)] ^= 1 << at % 8
    return bytes(flipped)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: Any) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    train(folder, 1)
    return (folder / "last.safetensors").read_bytes()


@settings(max_examples=100)
@given(at=st.integers(0, 2**20), how=st.sampled_from(["cut", "flip", "flip"]))
def test_damage_is_found(tmp_path_factory: Any, checkpoint: bytes, at: int, how: str) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    path.write_bytes(damaged(checkpoint, at, how))
    with pytest.raises(CheckpointError, match=r"damaged\.safetensors"):
        read(path)


def test_every_byte_counts(tmp_path: Path) -> None:
    """Also those of a header."""
    path = tmp_path / "damaged.safetensors"
    write(path, {"x": X[0], "history": 1})
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(damaged(whole, at, "flip"))
        with pytest.raises(CheckpointError):
            read(path)


@pytest.mark.parametrize("how", ["cut", "flip", "foreign", "gone"])
def test_the_one_before_takes_the_place(tmp_path: Path, how: str) -> None:
    from safetensors.numpy import save_file

    expected, _ = train(tmp_path / "a", 6)
    train(tmp_path / "b", 4)
    last = tmp_path / "b" / "last.safetensors"
    if how == "gone":
        last.unlink()
        model, _ = train(tmp_path / "b", 6)
    else:
        if how == "foreign":
            save_file({"weight": X}, last)
        else:
            last.write_bytes(damaged(last.read_bytes(), 4321, how))
        with pytest.warns(UserWarning, match=r"last\.safetensors (is|was).*previous\.safetensors"):
            model, _ = train(tmp_path / "b", 6)
        assert (tmp_path / "b" / "damaged.safetensors").exists()
    same(model, expected)


def test_nothing_whole_is_an_error(tmp_path: Path) -> None:
    train(tmp_path, 3)
    for name in ("last", "previous"):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(path.read_bytes()[:-1])
    with (
        pytest.warns(UserWarning, match="goes on from"),
        pytest.raises(CheckpointError, match="previous"),
    ):
        train(tmp_path, 5)


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    train(tmp_path, 2)
    before = (tmp_path / "last.safetensors").read_bytes()
    with pytest.raises(FileExistsError, match="resume=True"):
        train(tmp_path, 2, resume=False)
    assert (tmp_path / "last.safetensors").read_bytes() == before


def test_another_training_is_refused_whole(tmp_path: Path) -> None:
    train(tmp_path, 2)

    def like(width: int, dropout: float) -> Any:
        return nn.Sequential(
            nn.Dense(3, width), nn.BatchNorm(width), nn.MLP([width, 5, 3], dropout=dropout)
        )

    cases: list[tuple[Any, Any, list[Any]]] = [
        (like(9, 0.1), optim.Adam, [EarlyStopping()]),
        (like(8, 0.1), optim.SGD, [EarlyStopping()]),
        (like(8, 0.1), optim.Adam, []),
        (like(8, 0.0), optim.Adam, [EarlyStopping()]),
    ]
    for model, rule, callbacks in cases:
        optimizer = rule(model.parameters())
        before, generator = model.state_dict(), np.random.default_rng(0)
        with pytest.raises(ValueError, match="another training"):
            fit(
                model,
                (X, Y),
                "mse",
                optimizer,
                epochs=3,
                schedule=optim.CosineDecay(optimizer, steps=8),
                callbacks=[*callbacks, Checkpoint(tmp_path)],
                rng=generator,
                resume=True,
            )
        for name, array in model.state_dict().items():
            np.testing.assert_array_equal(array, before[name])
        assert generator.random() == np.random.default_rng(0).random()


def test_a_function_without_a_module(tmp_path: Path) -> None:
    def go(epochs: int) -> float:
        slope = dp.Value(0.0)
        optimizer = optim.SGD([slope], lr=0.1)
        data = X[:, 0], 2 * X[:, 0]
        fit(
            lambda x: slope * x,
            data,
            "mse",
            optimizer,
            epochs=epochs,
            rng=0,
            callbacks=[Checkpoint(tmp_path), EarlyStopping()],
            resume=True,
        )
        return slope.item()

    assert abs(go(3) - 2) > abs(go(9) - 2) > 0


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["f2", "f4", "f8", "i8", "u1", "?"]),
            st.lists(st.integers(0, 3), max_size=3),
            st.booleans(),
        ),
        max_size=4,
    )
)
def test_trees_come_back(tmp_path_factory: Any, kinds: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "tree.safetensors"
    rng = np.random.default_rng(0)
    arrays = {}
    for i, (dtype, shape, fortran) in enumerate(kinds):
        array = rng.integers(0, 2, shape).astype(dtype)
        arrays[f"a.{i}"] = np.asfortranarray(array) if fortran and array.ndim else array
    tree = {"inner": {"deep": arrays, "none": None}, "x": 0.1, "big": 2**100, "list": [1, "é"]}
    write(path, tree)
    back = read(path)
    found = back["inner"].pop("deep")
    assert back == {"inner": {"none": None}, "x": 0.1, "big": 2**100, "list": [1, "é"]}
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_what_cannot_be_saved_is_an_error_and_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = nn.MLP([3, 2, 1], rng=0)
    dp.training.save(model, path)
    before = path.read_bytes()
    for bad in ({"z": np.zeros(2, complex)}, {"z": np.zeros(2, np.longdouble)}, {"z": object()}):
        with pytest.raises(TypeError, match=r"holds bools|holds arrays"):
            write(path, bad)
    with pytest.raises(ValueError, match="no slash"):
        write(path, {"a/b": np.zeros(2)})
    assert path.read_bytes() == before


def test_models_alone(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    path = tmp_path / "model.safetensors"
    model, other = (nn.MLP([3, 2, 1], rng=seed) for seed in (0, 1))
    dp.training.save(model, path)
    assert load_file(path).keys() == model.state_dict().keys()  # plain for others, too
    dp.training.load(other, path)
    same(model, other)
    with pytest.raises(ValueError, match="nothing was loaded"):
        dp.training.load(nn.MLP([3, 3, 1]), path)
    with pytest.raises(FileNotFoundError, match="no file"):
        dp.training.load(other, tmp_path / "none.safetensors")
    save_file({"weight": X}, path)
    with pytest.raises(CheckpointError, match="not written by deltaprop"):
        dp.training.load(other, path)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="no whole safetensors file"):
        dp.training.load(other, path)
