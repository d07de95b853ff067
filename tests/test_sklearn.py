"""The estimators: scikit-learn's own checks, its networks number by number, and what is ours."""

from __future__ import annotations

import copy
import importlib
import pickle
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

pytest.importorskip("sklearn")

from scipy import sparse
from sklearn import config_context
from sklearn import neural_network as theirs
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import parametrize_with_checks

from deltaprop import nn
from deltaprop.sklearn import MLPClassifier, MLPRegressor

# short trainings end before they have converged, and say so
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)])
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


# -- the networks of scikit-learn


def agree(ours: Any, other: Any, X: Any, rtol: float = 1e-9) -> None:
    """Raise unless the two have become the same network by the same way."""
    for mine, its in zip(
        ours.coefs_ + ours.intercepts_, other.coefs_ + other.intercepts_, strict=True
    ):
        assert mine.dtype == its.dtype
        np.testing.assert_allclose(mine, its, rtol, rtol * np.abs(its).max())
    assert (ours.n_iter_, ours.t_, ours.n_layers_) == (other.n_iter_, other.t_, other.n_layers_)
    assert (ours.n_outputs_, ours.out_activation_) == (other.n_outputs_, other.out_activation_)
    if ours.solver != "lbfgs":
        np.testing.assert_allclose(ours.loss_curve_, other.loss_curve_, rtol)
        for name in ("best_loss_", "validation_scores_", "best_validation_score_"):
            mine, its = getattr(ours, name), getattr(other, name)
            assert (mine is None) == (its is None)
            if its is not None:
                np.testing.assert_allclose(mine, its, rtol)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        if hasattr(other, method):
            mine, its = getattr(ours, method)(X), getattr(other, method)(X)
            assert (mine.shape, mine.dtype) == (its.shape, its.dtype)
            if mine.dtype.kind == "f":
                np.testing.assert_allclose(mine, its, 10 * rtol, 10 * rtol)
            else:
                np.testing.assert_array_equal(mine, its)


def both(kind: str, **parameters: Any) -> tuple[Any, Any]:
    """Ours and scikit-learn's estimator."""
    ours = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[kind]
    return ours(**parameters), getattr(theirs, kind)(**parameters)


def data(rng: np.random.Generator, target: str, n: int, features: int) -> tuple[Any, Any]:
    X = rng.normal(size=(n, features))
    hidden = np.tanh(X @ rng.normal(size=(features, 3)) + 0.1 * rng.normal(size=(n, 3)))
    if target == "classes":
        return X, np.array(["no", "so", "yes"])[np.r_[0, 1, 2, hidden[3:].argmax(1)]]
    if target == "two classes":
        return X, np.r_[0, 1, hidden[2:, 0] > 0].astype(int)
    if target == "labels":
        return X, np.vstack([[[1, 0, 1], [0, 1, 0]], hidden[2:] > 0]).astype(int)
    return X, {"number": hidden[:, 0], "numbers": hidden, "counts": np.exp(hidden[:, 0])}[target]


@given(st.data())
def test_training_is_scikit_learns(data_: st.DataObject) -> None:
    draw = data_.draw
    target = draw(
        st.sampled_from(["classes", "two classes", "labels", "number", "numbers", "counts"])
    )
    kind = "MLPRegressor" if target in ("number", "numbers", "counts") else "MLPClassifier"
    parameters = {
        "hidden_layer_sizes": draw(st.lists(st.integers(1, 6), max_size=2)),
        "activation": draw(st.sampled_from(["identity", "logistic", "tanh", "relu"])),
        "solver": draw(st.sampled_from(["sgd", "adam"])),
        "alpha": draw(st.sampled_from([0.0, 0.01, 1.0])),
        "batch_size": draw(st.sampled_from(["auto", 4, 7])),
        "learning_rate": draw(st.sampled_from(["constant", "invscaling", "adaptive"])),
        "learning_rate_init": draw(st.sampled_from([0.001, 0.02])),
        "power_t": draw(st.sampled_from([0.5, 0.1])),
        "max_iter": draw(st.integers(1, 12)),
        "shuffle": draw(st.booleans()),
        "random_state": draw(st.integers(0, 99)),
        "tol": draw(st.sampled_from([1e-4, 0.1])),
        "momentum": draw(st.sampled_from([0.0, 0.5, 0.9])),
        "nesterovs_momentum": draw(st.booleans()),
        "beta_1": draw(st.sampled_from([0.0, 0.9])),
        "n_iter_no_change": draw(st.integers(1, 3)),
        "epsilon": draw(st.sampled_from([1e-8, 1e-3])),
    }
    if kind == "MLPRegressor":
        parameters["loss"] = "poisson" if target == "counts" else "squared_error"
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    X, y = data(rng, target, draw(st.integers(8, 30)), draw(st.integers(1, 4)))
    weights = {"sample_weight": rng.random(len(y))} if draw(st.booleans()) else {}
    ours, other = both(kind, **parameters)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        try:
            other.fit(X, y, **weights)
        except ValueError:
            reject()  # a step too large for these data
    assume(other.loss_ < 100)
    agree(ours.fit(X, y, **weights), other, X)


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("weighted", [False, True])
def test_early_stopping_is_scikit_learns(kind: str, weighted: bool) -> None:
    rng = np.random.default_rng(0)
    X, y = data(rng, "classes" if kind == "MLPClassifier" else "numbers", 80, 3)
    weights = {"sample_weight": rng.random(80)} if weighted else {}
    ours, other = both(
        kind, early_stopping=True, n_iter_no_change=3, learning_rate_init=0.02, random_state=1
    )
    agree(ours.fit(X, y, **weights), other.fit(X, y, **weights), X)
    assert ours.n_iter_ > 4
    assert max(ours.validation_scores_) == ours.best_validation_score_


@pytest.mark.parametrize("target", ["classes", "two classes", "labels", "number", "counts"])
def test_lbfgs_is_scikit_learns(target: str) -> None:
    rng = np.random.default_rng(1)
    X, y = data(rng, target, 40, 3)
    kind = "MLPRegressor" if target in ("number", "counts") else "MLPClassifier"
    loss = {"loss": "poisson"} if target == "counts" else {}
    ours, other = both(kind, solver="lbfgs", max_iter=12, alpha=0.1, random_state=0, **loss)
    w = rng.random(40)
    # the searches go the same way for as long as rounding has not grown
    agree(ours.fit(X, y, sample_weight=w), other.fit(X, y, sample_weight=w), X, rtol=1e-5)


def test_compiled_steps_are_scikit_learns() -> None:
    X, y = load_digits(return_X_y=True)
    X, y = X[:500] / 16, y[:500]
    ours, other = both("MLPClassifier", max_iter=15, random_state=0, tol=0.0)
    agree(ours.fit(X, y), other.fit(X, y), X)
    assert ours._step.compiled.cache_info().misses == 2  # batches of 200, and of the other 100


def test_a_few_sizes_of_batches_are_compiled() -> None:
    X, y = data(np.random.default_rng(22), "number", 30, 2)
    ours, other = both("MLPRegressor", random_state=0, hidden_layer_sizes=3)
    for n in list(range(10, 30)) * 6:
        for each in (ours, other):
            each.partial_fit(X[:n], y[:n])
    agree(ours, other, X)
    assert ours._step.compiled.cache_info().misses == 16


def test_float32_is_trained_in_float32() -> None:
    X, y = data(np.random.default_rng(0), "classes", 30, 4)
    X = X.astype(np.float32)
    ours, other = both("MLPClassifier", max_iter=8, random_state=0)
    agree(ours.fit(X, y), other.fit(X, y), X, rtol=1e-4)


def test_partial_fit_and_warm_start_are_scikit_learns() -> None:
    X, y = data(np.random.default_rng(2), "classes", 50, 3)
    for solver in ("adam", "sgd"):
        ours, other = both("MLPClassifier", solver=solver, random_state=3, batch_size=16)
        for rows in (slice(20), slice(20, 50), slice(17)):
            for each in (ours, other):
                each.partial_fit(X[rows], y[rows], classes=["no", "so", "yes"])
        agree(ours, other, X)
    ours, other = both("MLPClassifier", warm_start=True, max_iter=3, random_state=3)
    for _ in range(3):
        agree(ours.fit(X, y), other.fit(X, y), X)
    with pytest.raises(ValueError, match="must have the classes of the network"):
        ours.fit(X[y != "so"], y[y != "so"])


def test_weights_can_be_set() -> None:
    X, y = data(np.random.default_rng(4), "number", 30, 2)
    ours, other = both("MLPRegressor", warm_start=True, max_iter=4, random_state=0, shuffle=False)
    rng = np.random.default_rng(0)
    for each in (ours, other):
        each.fit(X, y)
    coefs, intercepts = (
        [rng.normal(size=w.shape) for w in ws] for ws in (other.coefs_, other.intercepts_)
    )
    ours.coefs_, ours.intercepts_ = coefs, intercepts
    other.coefs_, other.intercepts_ = [w.copy() for w in coefs], [b.copy() for b in intercepts]
    np.testing.assert_allclose(ours.predict(X), other.predict(X))
    agree(ours.fit(X, y), other.fit(X, y), X)
    ours.coefs_[0][...] = 0.0  # they are no copies
    assert np.ptp(ours.predict(X)) < 1e-12


# -- as other estimators


def test_fit_is_partial_fits() -> None:
    X, y = data(np.random.default_rng(5), "numbers", 30, 2)
    parameters = {"shuffle": False, "random_state": 0, "batch_size": 8, "tol": 0.0}
    whole = MLPRegressor(max_iter=9, **parameters).fit(X, y)
    parts = MLPRegressor(**parameters)
    for _ in range(9):
        parts.partial_fit(X, y)
    assert all(map(np.array_equal, whole.coefs_, parts.coefs_))
    assert whole.loss_curve_ == parts.loss_curve_


@pytest.mark.parametrize("copied", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy])
def test_a_copy_goes_on_alike(copied: Any) -> None:
    X, y = data(np.random.default_rng(6), "two classes", 40, 3)
    first = MLPClassifier(max_iter=10, random_state=0, dropout=0.3).fit(X, y)
    second = copied(first)
    assert "_step" not in vars(second)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    for each in (first, second):
        for _ in range(3):
            each.partial_fit(X, y)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


def test_clones_are_not_trained() -> None:
    X, y = data(np.random.default_rng(6), "two classes", 20, 2)
    trained = MLPClassifier(activation=nn.gelu, class_weight={0: 2.0}, max_iter=2).fit(X, y)
    fresh = clone(trained)
    assert fresh.get_params() == trained.get_params()
    with pytest.raises(NotFittedError):
        fresh.predict(X)


def test_sparse_is_dense() -> None:
    X, y = data(np.random.default_rng(7), "classes", 40, 6)
    X[abs(X) < 0.7] = 0
    dense = MLPClassifier(max_iter=5, random_state=0).fit(X, y)
    for kind in (sparse.csr_array, sparse.csc_array):
        thin = MLPClassifier(max_iter=5, random_state=0).fit(kind(X), y)
        np.testing.assert_array_equal(dense.predict_proba(X), thin.predict_proba(kind(X)))


def test_names_of_features() -> None:
    pandas = pytest.importorskip("pandas")
    X, y = data(np.random.default_rng(8), "number", 20, 2)
    frame = pandas.DataFrame(X, columns=["left", "right"])
    network = MLPRegressor(max_iter=2).fit(frame, y)
    assert list(network.feature_names_in_) == ["left", "right"]
    with pytest.raises(ValueError, match="names"):
        network.predict(frame[["right", "left"]])


def test_weights_are_routed() -> None:
    X, y = data(np.random.default_rng(23), "two classes", 40, 2)
    w = np.linspace(0, 1, 40)
    with config_context(enable_metadata_routing=True):
        network = MLPClassifier(max_iter=3, random_state=0).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        routed = make_pipeline(scaler, network).fit(X, y, sample_weight=w)[-1]
    by_hand = MLPClassifier(max_iter=3, random_state=0)
    by_hand.fit(StandardScaler().fit_transform(X), y, sample_weight=w)
    assert all(map(np.array_equal, routed.coefs_, by_hand.coefs_))


def test_in_a_pipeline_and_searched_in_two_processes() -> None:
    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    network = make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=12, random_state=0))
    grid = {
        "mlpclassifier__activation": ["relu", "gelu", "logistic"],
        "mlpclassifier__alpha": [0.0, 0.1],
        "mlpclassifier__learning_rate_init": [0.001, 0.02],
    }
    search = GridSearchCV(network, grid, cv=2, n_jobs=2, error_score="raise").fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert scores.shape == (12,)
    assert search.best_params_["mlpclassifier__learning_rate_init"] == 0.02
    best = cross_val_score(search.best_estimator_, X, y, cv=2)
    assert best.mean() == pytest.approx(scores.max())  # a clone does the same


# -- what is ours


def test_every_activation_learns() -> None:
    X, y = data(np.random.default_rng(9), "two classes", 60, 2)
    for name in nn.ACTIVATIONS:
        network = MLPClassifier((8,), name, solver="lbfgs", max_iter=40, random_state=0)
        assert network.fit(X, y).score(X, y) > 0.85, name


@pytest.mark.parametrize("target", ["classes", "two classes", "labels"])
@pytest.mark.parametrize("loss", ["hinge", "mse", "mae", "huber", "binary_cross_entropy"])
def test_losses_of_classifiers(target: str, loss: str) -> None:
    X, y = data(np.random.default_rng(10), target, 60, 3)
    network = MLPClassifier((16,), loss=loss, learning_rate_init=0.02, max_iter=60, random_state=0)
    assert network.fit(X, y).score(X, y) > 0.8
    assert hasattr(network, "predict_proba") == (loss != "hinge")


def test_a_loss_of_ones_own() -> None:
    X, y = data(np.random.default_rng(11), "numbers", 40, 2)

    def half_square(output: Any, target: Any) -> Any:
        return 0.5 * (output - target) ** 2

    def mean_of_batch(output: Any, target: Any) -> Any:
        return half_square(output, target).sum() / len(target)

    parameters = {"max_iter": 10, "random_state": 0, "alpha": 0.0}
    known = MLPRegressor(**parameters).fit(X, y)
    for loss in (half_square, mean_of_batch):
        own = MLPRegressor(loss=loss, **parameters).fit(X, y)
        for mine, its in zip(own.coefs_, known.coefs_, strict=True):
            np.testing.assert_allclose(mine, its, 1e-9)
        # reported is the sum over the outputs, as it is differentiated
        np.testing.assert_allclose(own.loss_curve_, 3 * np.array(known.loss_curve_))
    with pytest.raises(ValueError, match="one number for the batch"):
        MLPRegressor(loss=mean_of_batch, **parameters).fit(X, y, sample_weight=np.ones(40))


def test_other_losses_of_regressors() -> None:
    X, y = data(np.random.default_rng(12), "number", 60, 2)
    y[:3] += 100  # what a loss that does not grow as a square makes little of
    fits = {
        loss: MLPRegressor((16,), loss=loss, solver="lbfgs", max_iter=200, random_state=0).fit(X, y)
        for loss in ("squared_error", "huber")
    }
    off = {loss: np.median(abs(fit.predict(X) - y)) for loss, fit in fits.items()}
    assert off["huber"] < 0.5 * off["squared_error"]


def test_class_weights_are_sample_weights() -> None:
    X, y = make_classification(
        150, 5, n_informative=3, weights=[0.93], class_sep=0.6, random_state=0
    )
    parameters = {"max_iter": 60, "random_state": 0, "learning_rate_init": 0.01}
    balanced = MLPClassifier(class_weight="balanced", **parameters).fit(X, y)
    by_hand = MLPClassifier(**parameters).fit(
        X, y, sample_weight=compute_sample_weight("balanced", y)
    )
    assert all(map(np.array_equal, balanced.coefs_, by_hand.coefs_))
    plain = MLPClassifier(**parameters).fit(X, y)
    scores = [balanced_accuracy_score(y, each.predict(X)) for each in (balanced, plain)]
    assert scores[0] > scores[1]
    halves = MLPClassifier(class_weight={1: 3.0}, **parameters).fit(X, y, sample_weight=y + 0.5)
    wanted = MLPClassifier(**parameters).fit(X, y, sample_weight=np.where(y, 4.5, 0.5))
    assert all(map(np.array_equal, halves.coefs_, wanted.coefs_))


def test_dropout_is_of_training_alone() -> None:
    X, y = data(np.random.default_rng(13), "number", 60, 2)
    parameters = {"max_iter": 30, "random_state": 0, "learning_rate_init": 0.01}
    dropped, again, kept = (
        MLPRegressor(dropout=p, **parameters).fit(X, y) for p in (0.5, 0.5, 0.0)
    )
    np.testing.assert_array_equal(dropped.predict(X), dropped.predict(X))
    np.testing.assert_array_equal(dropped.predict(X), again.predict(X))
    assert dropped.loss_ > kept.loss_


def test_batches_of_no_weight_are_passed_over() -> None:
    X, y = data(np.random.default_rng(14), "number", 20, 2)
    w = np.r_[np.zeros(10), np.ones(10)]
    parameters = {"shuffle": False, "max_iter": 3, "random_state": 0, "batch_size": 10}
    whole = MLPRegressor(**parameters).fit(X, y, sample_weight=w)
    half = MLPRegressor(**parameters).fit(X[10:], y[10:])
    for mine, its in zip(whole.coefs_, half.coefs_, strict=True):
        np.testing.assert_allclose(mine, its)


def test_labels_of_one_class() -> None:
    X, _ = data(np.random.default_rng(15), "number", 10, 2)
    network = MLPClassifier(max_iter=2).fit(X, ["only"] * 10)
    assert set(network.predict(X)) == {"only"}
    np.testing.assert_array_equal(network.predict_proba(X), np.ones((10, 1)))
    np.testing.assert_array_equal(network.predict_log_proba(X), np.zeros((10, 1)))


def test_log_probabilities_stay_finite() -> None:
    X, y = data(np.random.default_rng(16), "classes", 30, 2)
    network = MLPClassifier(max_iter=3, random_state=0).fit(X, y)
    far = 1e6 * X
    assert network.predict_proba(far).min() == 0
    assert np.isfinite(network.predict_log_proba(far)).all()


def test_it_says_how_it_goes(capsys: Any) -> None:
    X, y = data(np.random.default_rng(17), "number", 30, 2)
    network = MLPRegressor(
        solver="sgd", learning_rate="adaptive", tol=1.0, n_iter_no_change=1, verbose=True,
        max_iter=500, random_state=0,
    )  # fmt: skip
    network.fit(X, y)
    told = capsys.readouterr().out
    assert told.count("Iteration") == network.n_iter_ < 60
    assert "the learning rate is now 0.0002" in told
    assert told.rstrip().endswith("stopping")
    MLPRegressor(solver="lbfgs", verbose=True, max_iter=3).fit(X, y)
    assert capsys.readouterr().out.count("loss = ") == 3
    MLPRegressor(early_stopping=True, verbose=True, max_iter=3).fit(X, y)
    assert capsys.readouterr().out.count("Validation score: ") == 3


def test_an_interrupt_ends_training(monkeypatch: Any) -> None:
    X, y = data(np.random.default_rng(18), "number", 30, 2)
    losses = iter([3.0, 2.0, 1.0])

    def step(*_: Any) -> float:
        for loss in losses:
            return loss
        raise KeyboardInterrupt

    monkeypatch.setattr("deltaprop.sklearn.step.Step.__call__", step)
    with pytest.warns(UserWarning, match="interrupted"):
        network = MLPRegressor(random_state=0).fit(X, y)
    assert network.loss_curve_ == [3.0, 2.0, 1.0]
    assert np.isfinite(network.predict(X)).all()


def test_trainings_that_end_early_warn() -> None:
    X, y = data(np.random.default_rng(19), "number", 30, 2)
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        MLPRegressor(max_iter=2).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="lbfgs stopped after 2"):
        MLPRegressor(max_iter=2, solver="lbfgs").fit(X, y)
    with pytest.warns(UserWarning, match="batch_size=99 is more than the 30"):
        MLPRegressor(max_iter=2, batch_size=99).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "newton"}, "unknown solver 'newton'; known: lbfgs, sgd, adam"),
        ({"learning_rate": "fast"}, "unknown learning_rate"),
        ({"alpha": -1}, "alpha must be a number >= 0, got -1"),
        ({"max_iter": 0}, "max_iter must be a number >= 1"),
        ({"batch_size": 0}, "batch_size must be a number >= 1"),
        ({"hidden_layer_sizes": (5, 0)}, "whole number, at least 1"),
        ({"activation": "logistik"}, "unknown activation 'logistik'; known: .*sigmoid"),
        ({"loss": "log"}, "unknown loss 'log'; known: log_loss, hinge, mse"),
        ({"momentum": 1.0, "solver": "sgd"}, "momentum must be a number, below 1"),
        ({"dropout": 1.0}, "below 1 and at least 0, got 1.0"),
        ({"dropout": 0.5, "solver": "lbfgs"}, "lbfgs needs a fixed loss"),
        ({"learning_rate_init": 1e300, "max_iter": 3, "solver": "sgd"}, "not finite"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_parameters_out_of_range(parameters: dict[str, Any], message: str) -> None:
    X, y = data(np.random.default_rng(20), "two classes", 20, 2)
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**parameters).fit(X, y)


def test_calls_that_cannot_be() -> None:
    X, y = data(np.random.default_rng(21), "two classes", 20, 2)
    assert not hasattr(MLPClassifier(solver="lbfgs"), "partial_fit")
    with pytest.raises(ValueError, match="first call of partial_fit needs classes="):
        MLPClassifier().partial_fit(X, y)
    network = MLPClassifier().partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="must be those of the first call"):
        network.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="must have the classes"):
        network.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="does not support early_stopping"):
        MLPClassifier(early_stopping=True).partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="cannot be 'balanced'"):
        MLPClassifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="must be non-negative and not all zero"):
        MLPClassifier().fit(X, y, sample_weight=-np.ones(20))
    with pytest.raises(ValueError, match="one axis"):
        MLPClassifier().fit(X, y, sample_weight=np.ones((20, 2)))
    with pytest.raises(ValueError, match="leaves only 1 of 20 samples"):
        MLPRegressor(early_stopping=True, validation_fraction=0.05).fit(X, y)
    with pytest.raises(ValueError, match="needs y >= 0, got -1"):
        MLPRegressor(loss="poisson").fit(X, y - 1.0)


def test_labels_may_be_sparse() -> None:
    X, Y = make_multilabel_classification(30, 5, n_classes=3, random_state=0)
    dense = MLPClassifier(max_iter=5, random_state=0).fit(X, Y)
    thin = MLPClassifier(max_iter=5, random_state=0).fit(X, sparse.csr_array(Y))
    np.testing.assert_array_equal(dense.predict(X), thin.predict(X).toarray())


def test_without_scikit_learn(monkeypatch: Any) -> None:
    import deltaprop.sklearn

    monkeypatch.setitem(sys.modules, "sklearn.utils.validation", None)
    with pytest.raises(ImportError, match="pip install scikit-learn"):
        importlib.reload(deltaprop.sklearn)
