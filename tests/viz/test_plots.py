"""Plots show the numbers that they were given, and leave matplotlib as they found it."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop.viz import (
    plot_confusion_matrix,
    plot_decision_boundary,
    plot_deltas,
    plot_gradient_flow,
    plot_history,
)

from .graphs import T, X, sigmoid_mlp

HISTORY = {
    "epoch": [1, 2, 3, 4],
    "loss": [4.0, 1.0, 0.2, 0.05],
    "validation_loss": [4.0, 2.0, 1.0, 1.5],
    "accuracy": [0.5, 0.6, 0.9, 0.8],
    "seconds": [1.0, 1.0, 1.0, 1.0],
    "learning_rate": [0.1, 0.1, 0.1, 0.1],
}


def curves(panel) -> dict[str, list[float]]:
    return {line.get_label(): np.asarray(line.get_ydata()).tolist() for line in panel.lines}


def test_history_draws_losses_best_epoch_and_metrics():
    losses, metrics = plot_history(HISTORY).axes
    assert curves(losses) == {
        "training": HISTORY["loss"],
        "validation": HISTORY["validation_loss"],
        "best: 1, epoch 3": [1.0],
    }
    assert curves(metrics) == {"accuracy": HISTORY["accuracy"]}
    assert losses.get_yscale() == "log"
    assert metrics.get_yscale() == "linear"
    assert losses.lines[0].get_xdata().tolist() == [1, 2, 3, 4]
    assert {losses.get_xlabel(), metrics.get_xlabel()} == {"epoch"}
    assert (losses.get_ylabel(), metrics.get_ylabel()) == ("loss", "accuracy")


def test_history_takes_what_has_to_dict_and_odd_columns():
    class History:
        def to_dict(self):
            return {"loss": [0.0, np.nan], "per class": [[1, 2], [3, 4]], "validation_loss": []}

    (panel,) = plot_history(History()).axes
    assert list(curves(panel)) == ["training"]
    assert plot_history({"loss": [1.0]}).axes[0].lines[0].get_marker() == "o"


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_saved_by_one_call(tmp_path, ending):
    path = tmp_path / f"history.{ending}"
    plot_history(HISTORY, path)
    assert path.stat().st_size > 3000


def test_notebooks_show_it_and_it_can_be_pickled():
    figure = plot_history(HISTORY)
    assert figure._repr_png_().startswith(b"\x89PNG")
    again = pickle.loads(pickle.dumps(figure))
    assert curves(again.axes[0]) == curves(figure.axes[0])


def test_panels_of_ones_own():
    from matplotlib.figure import Figure

    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert plot_history(HISTORY, axes=left) is figure
    assert (len(left.lines), len(right.lines)) == (3, 0)
    with pytest.raises(ValueError, match="give a path or axes"):
        plot_history(HISTORY, "x.png", axes=left)
    with pytest.raises(ValueError, match="fills 2 axes, but was given 1"):
        plot_deltas(dp.deltas.compare(sigmoid_mlp(), X, T), axes=[left])


def boundary_of(figure) -> np.ndarray:
    """The points of the solid line."""
    black = [c for c in figure.axes[0].collections if c.get_edgecolor().tolist() == [[0, 0, 0, 1]]]
    line = next(c for c in black if c.get_linestyle()[0][1] is None)
    return np.concatenate([path.vertices for path in line.get_paths()])


def test_the_boundary_is_where_the_score_is_at_its_level():
    points = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    y = (points[:, 0] > points[:, 1]).astype(int)

    def score(P):
        return P[:, 0] - P[:, 1]

    def logistic(P):
        return dp.Value(1 / (1 + np.exp(-score(P)[:, None])))

    def two(P):
        return np.stack([-score(P), score(P)], axis=1)

    for model in (score, logistic, two):
        line = boundary_of(plot_decision_boundary(model, points, y))
        np.testing.assert_allclose(line[:, 0], line[:, 1], atol=1e-6)
    line = boundary_of(plot_decision_boundary(score, points, y, levels=[0.5]))
    np.testing.assert_allclose(line[:, 0] - line[:, 1], 0.5, atol=1e-6)
    panel = plot_decision_boundary(score, points, y, levels=[0, -0.5, 0.5]).axes[0]
    assert sorted(t.get_text() for t in panel.texts) == ["0", "0.5", "−0.5"]
    assert [t.get_text() for t in panel.get_legend().texts] == ["0", "1"]


def test_the_points_are_those_of_their_classes():
    y = np.array(["b", "a", "b"])
    panel = plot_decision_boundary(lambda P: P @ np.eye(2, 3), X, y).axes[0]
    shown = {c.get_label(): c.get_offsets().tolist() for c in panel.collections}
    assert shown["a"] == [X[1].tolist()]
    assert shown["b"] == X[[0, 2]].tolist()


def test_a_module_is_evaluated_and_then_as_before():
    mlp = dp.nn.MLP([2, 8, 1], "tanh", dropout=0.5, rng=0, dtype=np.float32)
    plain = [p.data.copy() for p in mlp.parameters()]
    one, two = (plot_decision_boundary(mlp, X, T) for _ in range(2))
    np.testing.assert_array_equal(boundary_of(one), boundary_of(two))
    assert mlp.training
    assert all(np.array_equal(a, p.data) for a, p in zip(plain, mlp.parameters(), strict=True))


def test_estimators():
    from sklearn.linear_model import LogisticRegression, RidgeClassifier
    from sklearn.neighbors import NearestCentroid

    points = np.array([[0.0, 0], [1, 0], [0, 1], [0.1, 0.1], [0.9, 0], [0, 0.8]])
    for model in (LogisticRegression(), RidgeClassifier(), NearestCentroid()):
        for y in (["u", "v", "u", "u", "v", "u"], ["u", "v", "w", "u", "v", "w"]):
            figure = plot_decision_boundary(model.fit(points, y), points, y)
            assert figure.axes[0].collections


def test_gradient_flow_one_network_and_several():
    flow = {"1": [1e-5, 1e-6], "2": [1e-2, 1e-2], "dead": [0.0, 0.0]}
    (panel,) = plot_gradient_flow(flow, quantity="rms of dL/dW").axes
    assert curves(panel)["1"] == flow["1"]
    assert np.isnan(curves(panel)["dead: zero"]).all()
    assert panel.get_ylabel() == "rms of dL/dW"
    assert [t.get_text() for t in panel.get_legend().texts] == ["dead: zero", "2", "1"]
    figure = plot_gradient_flow({"sigmoid": flow, "relu": {"1": [0.1], "2": [0.1]}})
    assert [a.get_title(loc="left") for a in figure.axes] == ["sigmoid", "relu"]
    assert {a.get_yscale() for a in figure.axes} == {"log"}
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_what_trainings_record():
    flow = dp.training.GradientFlow()
    mlp = sigmoid_mlp()
    optimizer = dp.optim.SGD(mlp.parameters(), lr=0.1)
    history = dp.training.fit(mlp, (X, T), "mse", optimizer, epochs=3, validation=(X, T),
                              callbacks=[flow], rng=0, progress=False)  # fmt: skip
    shown = curves(plot_history(history).axes[0])
    assert shown["training"] == history["loss"]
    assert shown["validation"] == history["validation_loss"]
    (panel,) = plot_gradient_flow(flow["delta"]).axes
    assert curves(panel) == flow["delta"]
    assert panel.lines[0].get_xdata().tolist() == [0, 1, 2, 3]


def test_deltas_both_ways():
    mlp = dp.nn.MLP([2, 3, 1], activation="sigmoid", output="sigmoid", bias=False, rng=0)
    comparison = dp.deltas.compare(mlp, X, T)
    size, apart = plot_deltas(comparison).axes
    shown = curves(size)
    for part, label in (("delta", "dE/dZ"), ("dW", "dE/dW")):
        for way, found in (("formula", "formulas"), ("autodiff", "autodiff")):
            layers = getattr(comparison, found).layers
            rms = [np.sqrt(np.mean(getattr(layer, part) ** 2)) for layer in layers]
            assert shown[f"{label}, {way}"] == pytest.approx(rms)
        assert curves(apart)[label] == [getattr(row, part) for row in comparison.rows]
    assert "dE/db, formula" not in shown
    assert apart.get_title(loc="left") == "the two ways agree"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_confusion_counts(pairs):
    truth, seen = np.array(pairs).T
    panel = plot_confusion_matrix(truth, seen, labels=range(4)).axes[0]
    shown = {(t.get_position()[1], t.get_position()[0]): int(t.get_text()) for t in panel.texts}
    assert shown == {(i, j): pairs.count((i, j)) for i, j in set(pairs)}
    right = sum(i == j for i, j in pairs) / len(pairs)
    assert panel.get_title(loc="left") == f"accuracy {right:.1%}"


def test_confusion_names():
    panel = plot_confusion_matrix(["cat", "dog"], ["dog", "dog"]).axes[0]
    assert [t.get_text() for t in panel.get_xticklabels()] == ["cat", "dog"]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("predicted", "true")


def test_clear_errors():
    with pytest.raises(TypeError, match="takes a History or a mapping, not list"):
        plot_history([1.0])
    with pytest.raises(ValueError, match="nothing to plot: the history has seconds"):
        plot_history({"seconds": [1.0]})
    with pytest.raises(ValueError, match=r"X must have shape \(N, 2\)"):
        plot_decision_boundary(sum, np.ones((3, 4)), [0, 1, 1])
    with pytest.raises(ValueError, match="class of each of 3 points"):
        plot_decision_boundary(sum, X, [0, 1])
    with pytest.raises(ValueError, match=r"for each of 40000 points, .* gave shape \(\)"):
        plot_decision_boundary(np.sum, X, [0, 1, 1])
    with pytest.raises(ValueError, match="the mapping of layers is empty"):
        plot_gradient_flow({})
    with pytest.raises(ValueError, match=r"layer '1' must have a number an epoch.*\(1, 2\)"):
        plot_gradient_flow({"1": [[1.0, 2.0]]})
    with pytest.raises(TypeError, match=r"takes what dp.deltas.compare gives, not int"):
        plot_deltas(1)
    with pytest.raises(ValueError, match="as many classes, but have 2 and 1"):
        plot_confusion_matrix([0, 1], [0])
    with pytest.raises(ValueError, match="lacks the class 2, which occurs"):
        plot_confusion_matrix([0, 2], [0, 2], labels=[0, 1])


def test_no_global_state_and_no_matplotlib_until_it_is_needed():
    code = """
import sys
from deltaprop import viz
assert "matplotlib" not in sys.modules
import matplotlib
before = matplotlib.rcParams.copy()
viz.plot_history({"loss": [1.0, 2.0]})
viz.plot_confusion_matrix([0, 1], [0, 1])
assert matplotlib.rcParams.copy() == before
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "deltaprop.viz.figures", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        plot_history(HISTORY)
