"""Every example runs, saves its figure, and reaches the figures that it claims."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py") if not path.stem.startswith("_"))


@pytest.fixture
def run(monkeypatch: Any, tmp_path: Path) -> Any:
    """Run an example quickly; check its figure and that it prints the path."""
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def runs(name: str, capsys: Any, *more: str) -> Any:
        found = importlib.import_module(name).main(["--quick", "--output", str(tmp_path), *more])
        picture = tmp_path / f"{name}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
        printed = capsys.readouterr()
        assert f"figure: {picture}" in printed.out
        assert not printed.err  # no progress bar off a terminal
        return found

    return runs


def test_descent_ends_at_the_lowest_point_unless_it_overshoots(run: Any, capsys: Any) -> None:
    ends = run("gradient_descent", capsys)
    for start in (0.0, -4.0):
        assert ends[start, 0.2] == pytest.approx(-2, abs=1e-4)
        assert ends[start, 0.9] == pytest.approx(-2, abs=1e-2)
        assert abs(ends[start, 1.05] + 2) > 20


def test_pages_and_drawings_are_written(run: Any, capsys: Any, tmp_path: Path) -> None:
    found = run("step_through", capsys)
    assert found["loss"] == pytest.approx(0.25, abs=0.05)
    assert found["ulps"] <= 16
    for name in ("step_through.svg", "layers.svg", "step_through.html", "micrograd.html"):
        assert (tmp_path / name).stat().st_size > 3000


def test_student_learns_its_teacher_and_the_deltas_agree(run: Any, capsys: Any) -> None:
    found = run("teacher_student", capsys)
    assert found["agree"]
    assert found["r2"] > 0.9


def test_student_of_any_depth(run: Any, capsys: Any) -> None:
    found = run("teacher_student", capsys, "--student", "6", "5", "4", "3", "--epochs", "2")
    assert found["agree"]


def test_digits_are_read(run: Any, capsys: Any) -> None:
    pytest.importorskip("sklearn")
    found = run("digits", capsys)
    assert min(found["test"]) > 0.92


def test_estimators_are_searched_and_compared(run: Any, capsys: Any) -> None:
    pytest.importorskip("sklearn")
    found = run("estimators", capsys)
    assert found["settings"] == 12
    assert found["accuracy"] > 0.9
    assert found["apart"] < 1e-9


def test_moons_are_told_apart(run: Any, capsys: Any) -> None:
    pytest.importorskip("sklearn")
    found = run("micrograd_moons", capsys)
    assert found["accuracy"] > 0.85
    assert found["loss"] < 0.5


def test_dropping_the_derivative_is_no_matter_of_the_learning_rate(run: Any, capsys: Any) -> None:
    found = run("drop_sigmoid_derivative", capsys)
    assert found["sigmoid'"]["most"] <= 0.25
    for mode in ("rashid", "linear"):
        assert found[mode]["unexplained"] > 0.3


def test_newton_arrives_where_descent_crawls(run: Any, capsys: Any) -> None:
    found = run("rosenbrock_newton", capsys)
    assert found["newton"].value < 1e-20
    assert found["large"].value < 1e-15
    assert found["descent"].value > 1e-5
    assert found["steps"] < 40


def test_a_gradient_by_hand_is_proven(run: Any, capsys: Any) -> None:
    pytest.importorskip("hypothesis")
    found = run("prove_your_own", capsys)
    assert [bool(message) for message in found["said"].values()] == [True] * 4 + [False]
    assert "a term is dropped" in found["said"]["2: s held fixed"]
    assert found["tried"] >= 5


def test_stopping_early_is_better_than_going_on(run: Any, capsys: Any) -> None:
    found = run("early_stopping", capsys)
    assert 20 < found["kept"] < 200
    assert found["early stopping"] < 0.9 * found["to the end"]


def test_dropout_keeps_from_learning_by_heart(run: Any, capsys: Any) -> None:
    pytest.importorskip("sklearn")
    found = run("dropout", capsys)
    assert found[0.5]["accuracy"] > found[0.0]["accuracy"] + 0.03


def test_a_training_that_is_killed_ends_as_if_not(run: Any, capsys: Any) -> None:
    pytest.importorskip("safetensors")
    found = run("checkpoints", capsys)
    assert found["same"]
    assert found["mended"]


def test_a_rare_class_is_found(run: Any, capsys: Any) -> None:
    pytest.importorskip("sklearn")
    found = run("class_imbalance", capsys)
    for way in ("class weights", "balanced draws"):
        assert found[way]["recall"] > 0.7 > found["no remedy"]["recall"] + 0.1
        assert found[way]["balanced accuracy"] > found["no remedy"]["balanced accuracy"] + 0.1
        assert found[way]["accuracy"] < found["no remedy"]["accuracy"]


def test_gradients_vanish_and_explode(run: Any, capsys: Any) -> None:
    found = run("vanishing_gradients", capsys)
    ratio = {}
    for name, this in found.items():
        deltas = [column[0] for column in this.flow["delta"].values()]
        ratio[name] = deltas[0] / deltas[-2]
    assert ratio["sigmoid"] < 1e-6
    assert ratio["relu, twice the weights"] > 1e3
    assert 0.1 < ratio["relu, He's weights"] < 10
    assert not found["relu, twice the weights"].loss
    assert found["relu, He's weights"].loss[-1] < found["sigmoid"].loss[-1]


def test_suited_weights_keep_activations_and_deltas(run: Any, capsys: Any) -> None:
    pytest.importorskip("sklearn")
    found = run("initialization", capsys)["relu"]
    spread = {k: list(v.flow["activation_std"].values())[9][0] for k, v in found.items()}
    assert 0.05 < spread["He: 2 / n_in"] < 1
    assert 0.05 < spread["orthogonal"] < 1
    assert spread["too small: 0.3 of LeCun's"] < 1e-5
    assert spread["too large: 3 x LeCun's"] > 50
    losses = {name: this.loss[-1] if this.loss else 99 for name, this in found.items()}
    assert min(losses, key=lambda name: losses[name]) in ("He: 2 / n_in", "orthogonal")


def test_normalised_networks_learn_where_others_do_not(run: Any, capsys: Any) -> None:
    pytest.importorskip("sklearn")
    found = run("normalization", capsys)
    assert found["batch", 0.1].accuracy > 0.7
    assert found["none", 0.1].accuracy < 0.5


def test_an_ensemble_beats_its_members(run: Any, capsys: Any) -> None:
    found = run("ensembles", capsys)
    assert found["mean of all members"] > found["one member, on average"] + 0.005
    assert found["vote of all members"] > found["one member, on average"] + 0.005


def test_augmentation_teaches_what_it_shows(run: Any, capsys: Any) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("scipy")
    found = run("augmentation", capsys)
    middle, shifted = (
        {name: by_count[150][0][test] for name, by_count in found.items()} for test in (0, 1)
    )
    assert middle["none"] > 0.85
    assert shifted["noise, rotation, shift"] > shifted["none"] + 0.15


def test_outliers_have_large_gradients_and_privacy_costs_accuracy(run: Any, capsys: Any) -> None:
    pytest.importorskip("sklearn")
    found = run("per_sample_gradients", capsys)
    assert found["share"] >= 0.7
    right, wrong, inverted = (np.median(found["norms"][found["kind"] == k]) for k in range(3))
    assert min(wrong, inverted) > 5 * right
    assert found["neither"][0] > 0.93
    assert found["neither"][0] > found["8"][0] + 0.01 > found["0.5"][0] + 0.1


@pytest.mark.parametrize("name", NAMES)
def test_help(name: str) -> None:
    script = [sys.executable, EXAMPLES / f"{name}.py", "--help"]
    done = subprocess.run(script, capture_output=True, text=True, check=True)
    for option in ("--seed", "--quick", "--output"):
        assert option in done.stdout
