"""The two estimators: their targets, losses and predictions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from .. import nn
from .. import numpy as dnp
from ..nn.losses import binary_of_logits
from ..options import by_name
from .perceptron import Function, Perceptron

_OUTPUTS: dict[str, Function] = {
    "identity": nn.identity,
    "logistic": nn.sigmoid,
    "softmax": nn.softmax,
    "exp": dnp.exp,
}


def _is_stochastic(estimator: Any) -> bool:
    if estimator.solver == "lbfgs":
        raise AttributeError("partial_fit needs solver='sgd' or 'adam', got 'lbfgs'")
    return True


def _has_probabilities(estimator: Any) -> bool:
    if estimator.loss == "hinge":
        raise AttributeError(
            "predict_proba is not available with the hinge loss: choose another loss"
        )
    return True


def _one_by_one(*names: str) -> dict[str, Function]:
    return {name: partial(nn.LOSSES[name], reduction="none") for name in names}


@dataclass(repr=False, eq=False, kw_only=True)
class MLPClassifier(ClassifierMixin, Perceptron):  # type: ignore[misc]
    """`sklearn.neural_network.MLPClassifier`, trained on compiled steps.

    Parameters
    ----------
    loss : str or callable
        "log_loss" uses softmax, or the sigmoid for two classes and for multi-label targets.
        "hinge" trains each class against the rest and gives no probabilities. "mse", "mae",
        "huber" and "binary_cross_entropy" compare the probabilities with one-hot targets. A
        callable takes probabilities and targets, both of shape (n, n_outputs). It returns the
        losses of rows or of entries or, without weights, one number.
    class_weight : dict, list of dict, "balanced" or None
        Weights of the classes, by which the weights of the samples are multiplied, as in
        scikit-learn's other classifiers.
    dropout : float
        The probability of dropping a hidden unit in training, in [0, 1).
    activation : str or callable
        scikit-learn's "logistic", or a name in `deltaprop.nn.ACTIVATIONS`, or a function.
    hidden_layer_sizes, solver, alpha, ... : optional
        All other parameters are scikit-learn's, with the same defaults. `momentum` must be
        below 1.

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
    coefs_, intercepts_ : list of ndarray
        The weights (inputs, outputs) and the biases of each layer. Assign arrays to them to
        start from other weights.
    loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, n_iter_, t_, \
    n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    A sparse X becomes dense batch by batch (for lbfgs: all of it at once). A pickle does not
    contain compiled programs; they are compiled again.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from deltaprop.sklearn import MLPClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> network = MLPClassifier((8,), activation="tanh", solver="lbfgs", random_state=0)
    >>> make_pipeline(StandardScaler(), network).fit(X, y).score(X, y)
    1.0
    """

    loss: Any = "log_loss"
    class_weight: Any = None

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train from the start or, with `warm_start`, from the end of the last training run.

        Parameters
        ----------
        X : array_like or sparse matrix (n_samples, n_features)
        y : array_like (n_samples,) or (n_samples, n_labels)
            Class labels; or, for several labels, zeros and ones in a column for each label.
        sample_weight : array_like (n_samples,), optional

        Raises
        ------
        ValueError
            If parameters or data are invalid, or if the training run diverged.
        """
        return self._fit(X, y, sample_weight)

    @available_if(_is_stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train for one epoch; the first call must list all `classes`."""
        if not hasattr(self, "classes_"):
            if classes is None:
                raise ValueError("the first call of partial_fit needs classes=, all class labels")
            labels = y if type_of_target(y).startswith("multilabel") else classes
            self._binarizer = LabelBinarizer().fit(labels)
            self.classes_ = self._binarizer.classes_
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(
                f"classes must be those of the first call, {self.classes_}, got {classes!r}"
            )
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row, or its labels as zeros and ones."""
        return self._predicted(self._output(X))

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes, or of the labels, in the order of `classes_`."""
        Z = self._output(X)
        P = _OUTPUTS[self.out_activation_](Z)
        if len(self.classes_) == 1:
            return np.ones_like(P)
        return np.hstack([1 - P, P]) if self.n_outputs_ == 1 else P

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the log-probabilities, finite even where a probability underflows to 0."""
        Z = self._output(X)
        if len(self.classes_) == 1:
            return np.zeros_like(Z)
        if self.out_activation_ == "softmax":
            return nn.log_softmax(Z)
        return nn.log_sigmoid(np.hstack([-Z, Z]) if self.n_outputs_ == 1 else Z)

    def _predicted(self, Z: np.ndarray) -> np.ndarray:
        return self._binarizer.inverse_transform(Z, threshold=0)

    def _targets(self, y: Any, incremental: bool) -> np.ndarray:
        check_classification_targets(y)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._binarizer.classes_
        found = unique_labels(y)
        new = np.setdiff1d(found, self.classes_)
        if len(new) or (self.warm_start and not incremental and len(found) < len(self.classes_)):
            raise ValueError(
                f"y must have the classes of the network, {self.classes_}, got {found}"
            )
        return self._binarizer.transform(y)

    def _out_activation(self) -> str:
        if self.loss == "hinge":
            return "identity"
        return "softmax" if self._binarizer.y_type_ == "multiclass" else "logistic"

    def _criterion(self) -> Function:
        log_loss = _cross_entropy if self.out_activation_ == "softmax" else binary_of_logits
        of_logits = {"log_loss": log_loss, "hinge": lambda Z, T: nn.hinge(Z, 2 * T - 1, "none")}
        if self.loss in of_logits:
            return of_logits[self.loss]
        of_probabilities = _one_by_one("mse", "mae", "huber", "binary_cross_entropy")
        loss = by_name("loss", self.loss, {**of_logits, **of_probabilities})
        activation = _OUTPUTS[self.out_activation_]
        return lambda Z, T: loss(activation(Z), T)

    def _score(self, X: Any, T: Any, sample_weight: Any) -> float:
        truth = self._binarizer.inverse_transform(T)
        return accuracy_score(truth, self._predicted(self._forward(X)), sample_weight=sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


@dataclass(repr=False, eq=False, kw_only=True)
class MLPRegressor(RegressorMixin, Perceptron):  # type: ignore[misc]
    """`sklearn.neural_network.MLPRegressor`, trained on compiled steps.

    Parameters
    ----------
    loss : str or callable
        "squared_error" is half the squared error. "poisson" is half the deviance, with the
        exponential as the last activation. A name in `deltaprop.nn.LOSSES` is applied to the
        outputs as they are. A callable takes outputs and targets, both of shape (n, n_outputs).
        It returns the losses of rows or of entries or, without weights, one number.
    dropout, activation, ... : optional
        As in `MLPClassifier`. `loss` is keyword-only here; in scikit-learn it comes first.

    Attributes
    ----------
    coefs_, intercepts_, loss_, ...
        As in `MLPClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> from deltaprop.sklearn import MLPRegressor
    >>> X = np.linspace(-3, 3, 50)[:, None]
    >>> network = MLPRegressor((10,), activation="tanh", solver="lbfgs", random_state=0)
    >>> bool(network.fit(X, np.sin(X[:, 0])).score(X, np.sin(X[:, 0])) > 0.99)
    True
    """

    loss: Any = "squared_error"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train from the start or, with `warm_start`, from the end of the last training run.

        Parameters
        ----------
        X : array_like or sparse matrix (n_samples, n_features)
        y : array_like (n_samples,) or (n_samples, n_outputs)
        sample_weight : array_like (n_samples,), optional

        Raises
        ------
        ValueError
            If parameters or data are invalid, or if the training run diverged.
        """
        return self._fit(X, y, sample_weight)

    @available_if(_is_stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch."""
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> np.ndarray:
        """Return the outputs, (n_samples,) or (n_samples, n_outputs)."""
        return self._predicted(self._output(X))

    def _predicted(self, Z: np.ndarray) -> np.ndarray:
        Y = _OUTPUTS[self.out_activation_](Z)
        return Y.ravel() if self.n_outputs_ == 1 else Y

    def _targets(self, y: Any, incremental: bool) -> np.ndarray:  # noqa: ARG002
        y = y.reshape(len(y), -1)
        if self.loss == "poisson" and y.min() < 0:
            raise ValueError(f"the loss 'poisson' needs y >= 0, got {y.min():g}")
        return y

    def _out_activation(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _criterion(self) -> Function:
        own = {"squared_error": _half_square, "poisson": _half_deviance}
        return by_name("loss", self.loss, {**own, **_one_by_one(*nn.LOSSES)})

    def _score(self, X: Any, T: Any, sample_weight: Any) -> float:
        Y = self._predicted(self._forward(X))
        return r2_score(T, Y, sample_weight=sample_weight) if np.isfinite(Y).all() else np.nan

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _cross_entropy(Z: Any, T: Any) -> Any:
    """Return `nn.softmax_cross_entropy` by entries, for targets that are valid already."""
    return -(T * nn.log_softmax(Z))


def _half_square(Y: Any, T: Any) -> Any:
    return 0.5 * dnp.square(Y - T)


def _half_deviance(Z: Any, T: Any) -> Any:
    """Return T log(T / Y) - T + Y for Y = exp(Z)."""
    return dnp.special.xlogy(T, T) - T * Z - T + dnp.exp(Z)


__all__ = ["MLPClassifier", "MLPRegressor"]
