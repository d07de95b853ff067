"""The common part of the two estimators: parameters, training, early stopping."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import chain, pairwise
from typing import Any, Self, TypeAlias

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_consistent_length, check_random_state, gen_batches
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from .. import nn, optim
from ..graph.modes import no_grad
from ..options import chosen
from .step import WORTH_COMPILING, Step

Function: TypeAlias = Callable[..., Any]

_ROWS = 1000  # rows of a sparse matrix that are dense at a time in prediction


@dataclass(repr=False, eq=False)
class Perceptron(BaseEstimator):  # type: ignore[misc]
    """The common part of both estimators: parameters, training, outputs of the network."""

    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"
    _: KW_ONLY
    loss: Any = None
    solver: str = "adam"
    alpha: float = 0.0001
    batch_size: Any = "auto"
    learning_rate: str = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: bool = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    max_fun: int = 15000
    dropout: float = 0.0

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The weights of each layer, (inputs, outputs); writable."""
        return [layer.weight.data for layer in self._network.layers]

    @coefs_.setter
    def coefs_(self, arrays: Sequence[Any]) -> None:
        for layer, array in zip(self._network.layers, arrays, strict=True):
            layer.weight.assign(array)

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The biases of each layer; writable."""
        return [layer.bias.data for layer in self._network.layers if layer.bias is not None]

    @intercepts_.setter
    def intercepts_(self, arrays: Sequence[Any]) -> None:
        for layer, array in zip(self._network.layers, arrays, strict=True):
            assert layer.bias is not None
            layer.bias.assign(array)

    # -- what each estimator defines

    def _targets(self, y: Any, incremental: bool) -> np.ndarray:
        """Return the targets of the outputs, (n_samples, n_outputs)."""
        raise NotImplementedError

    def _out_activation(self) -> str:
        """Return the name of the activation of the last layer."""
        raise NotImplementedError

    def _criterion(self) -> Function:
        """Return the loss, a function of (Z, targets) with one result per row or per entry."""
        raise NotImplementedError

    def _score(self, X: Any, y: Any, sample_weight: Any) -> float:
        """Return the score that early stopping watches."""
        raise NotImplementedError

    # -- training

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool = False) -> Self:
        self._check_parameters()
        first = not hasattr(self, "_network") or not (self.warm_start or incremental)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=(np.float64, np.float32),
            order="C",
            multi_output=True,
            y_numeric=isinstance(self, RegressorMixin),
            reset=first,
        )
        weight = self._weights(X, y, sample_weight, incremental)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        T = self._targets(y, incremental)
        rng = check_random_state(self.random_state)
        if first:
            self._start(X, T, rng)
        T = T.astype(self._network.layers[0].weight.dtype)
        if self.solver == "lbfgs":
            self._minimize(X, T, weight)
        else:
            self._descend(X, T, weight, rng, incremental)
        self._network.eval()
        if not all(np.isfinite(p.numpy()).all() for p in self._network.parameters()):
            raise ValueError(
                "training diverged to parameters that are not finite: scale the input, whose "
                f"largest absolute value is {abs(X).max():.3g}, or lower learning_rate_init"
            )
        return self

    def _check_parameters(self) -> None:
        """Raise an error for parameters that neither the network nor the optimiser checks."""
        for name, known in (
            ("solver", ("lbfgs", "sgd", "adam")),
            ("learning_rate", ("constant", "invscaling", "adaptive")),
        ):
            chosen(name, getattr(self, name), known)
        if self.dropout and self.solver == "lbfgs":
            raise ValueError("dropout needs solver='sgd' or 'adam': lbfgs needs a fixed loss")
        least = {"alpha": 0, "power_t": 0, "tol": 0, "max_iter": 1, "max_fun": 1}
        least["n_iter_no_change"] = 1
        if self.batch_size != "auto":
            least["batch_size"] = 1
        for name, low in least.items():
            given = getattr(self, name)
            if not isinstance(given, float | int | np.number) or not given >= low:
                raise ValueError(f"{name} must be a number >= {low}, got {given!r}")

    def _weights(self, X: Any, y: Any, given: Any, incremental: bool) -> np.ndarray | None:
        """Return the weights of the samples in the dtype of X, or None if all are equal."""
        weight: Any = None
        if given is not None:
            given = np.full(X.shape[0], given) if isinstance(given, float | int) else given
            weight = check_array(given, ensure_2d=False, dtype=X.dtype, input_name="sample_weight")
            if weight.ndim != 1:
                raise ValueError(f"sample_weight must have one axis, got shape {weight.shape}")
            check_consistent_length(X, weight)
        class_weight = getattr(self, "class_weight", None)
        if class_weight is not None:
            if incremental and class_weight == "balanced":
                raise ValueError(
                    "partial_fit does not see all samples, so class_weight cannot be 'balanced': "
                    "pass a dict, e.g. from sklearn.utils.class_weight.compute_class_weight"
                )
            factor = compute_sample_weight(class_weight, y).astype(X.dtype)
            weight = factor if weight is None else weight * factor
        if weight is not None and (weight.min() < 0 or not weight.any()):
            raise ValueError("weights of samples must be non-negative and not all zero")
        return weight

    def _start(self, X: Any, T: np.ndarray, rng: Any) -> None:
        """Create the network and reset the results of training."""
        hidden = self.hidden_layer_sizes
        hidden = list(hidden) if np.iterable(hidden) else [hidden]
        sizes = [X.shape[1], *hidden, T.shape[1]]
        # the network draws from the random state only if there is dropout
        seed = rng.randint(2**31) if self.dropout else 0
        self._network = nn.MLP(
            sizes,
            "sigmoid" if self.activation == "logistic" else self.activation,
            init="zeros",
            rng=np.random.default_rng(seed),
            dtype=X.dtype,
            dropout=self.dropout,
        )
        # Glorot and Bengio, 2010; the biases are drawn like the weights
        factor = 2.0 if self.activation == "logistic" else 6.0
        limits = [(factor / sum(pair)) ** 0.5 for pair in pairwise(sizes)]
        for layer, limit in zip(self._network.layers, limits, strict=True):
            for p in layer.parameters():
                p.assign(rng.uniform(-limit, limit, p.shape))
        self.n_layers_: int = len(sizes)
        self.n_outputs_: Any = sizes[-1]
        self.out_activation_: str = self._out_activation()
        self.n_iter_ = self.t_ = 0
        for name in ("_step", "_optimizer"):
            self.__dict__.pop(name, None)
        if self.solver == "lbfgs":
            return
        self.loss_curve_: list[float] = []
        self.best_loss_ = None if self.early_stopping else np.inf
        self.validation_scores_: Any = [] if self.early_stopping else None
        self.best_validation_score_: Any = -np.inf if self.early_stopping else None
        self._best = self._network.state_dict()
        self._no_improvement_count = 0

    def _made_step(self, optimizer: optim.Optimizer | None) -> Step:
        return Step(
            self._network,
            self._criterion(),
            optimizer,
            # scikit-learn differentiates the sum over the outputs, but reports the mean
            self.n_outputs_ if self.loss == "squared_error" and optimizer else 1,
        )

    def _made_optimizer(self) -> optim.Optimizer:
        parameters, rate = self._network.parameters(), self.learning_rate_init
        if self.solver == "adam":
            betas = self.beta_1, self.beta_2
            return optim.Adam(parameters, rate, betas=betas, eps=0.0, eps_hat=self.epsilon)
        nesterov = bool(self.nesterovs_momentum and self.momentum)
        return optim.SGD(parameters, rate, momentum=self.momentum, nesterov=nesterov)

    def _minimize(self, X: Any, T: np.ndarray, weight: np.ndarray | None) -> None:
        """Minimise the loss of all samples with L-BFGS."""
        parameters = self._network.train().parameters()
        cuts = np.cumsum([p.size for p in parameters])[:-1]
        step = self._made_step(None)
        step.sizes.add(len(T))
        batch = _dense(X), T, self.alpha, weight

        def loss_and_gradient(v: np.ndarray) -> tuple[float, np.ndarray]:
            for p, entries in zip(parameters, np.split(v, cuts), strict=True):
                p.assign(entries.reshape(p.shape))
            loss = step(*batch)
            return loss, np.concatenate([p.grad for p in parameters], None, dtype=np.float64)

        def told(intermediate_result: Any) -> None:
            print(f"loss = {intermediate_result.fun:.8f}")

        found = minimize(
            loss_and_gradient,
            np.concatenate([p.numpy() for p in parameters], None, dtype=np.float64),
            method="L-BFGS-B",
            jac=True,
            callback=told if self.verbose else None,
            options={"maxfun": self.max_fun, "maxiter": self.max_iter, "gtol": self.tol},
        )
        self.loss_, self.n_iter_ = loss_and_gradient(found.x)[0], found.nit
        if found.status:
            warnings.warn(
                f"lbfgs stopped after {found.nit} iterations: {found.message}",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _descend(
        self, X: Any, T: np.ndarray, weight: np.ndarray | None, rng: Any, incremental: bool
    ) -> None:
        """Train epochs of sgd or adam until the score or the loss no longer improves."""
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        validation = None
        if self.early_stopping:
            X, T, weight, validation = self._split(X, T, weight, rng)
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer = self._made_optimizer()
            self.__dict__.pop("_step", None)
        if self.solver == "adam":
            self._optimizer.lr = self.learning_rate_init
        if not hasattr(self, "_step"):
            self._step = self._made_step(self._optimizer)
        size = min(200, len(T)) if self.batch_size == "auto" else self.batch_size
        if size > len(T):
            warnings.warn(
                f"batch_size={size} is more than the {len(T)} samples there are: all make a batch",
                stacklevel=4,
            )
            size = len(T)
        if not incremental and self.max_iter * (len(T) // size) >= WORTH_COMPILING:
            self._step.sizes.add(size)
        order = np.arange(len(T)) if self.shuffle else None
        self.n_iter_ = 0
        try:
            while self.n_iter_ < self.max_iter:
                self._epoch(X, T, weight, order, rng, size)
                if validation is not None:
                    self._validate(*validation)
                if self._stops() or incremental:
                    break
            else:
                warnings.warn(
                    f"training ended at max_iter={self.max_iter} epochs, but has not converged yet",
                    ConvergenceWarning,
                    stacklevel=4,
                )
        except KeyboardInterrupt:
            warnings.warn("training was interrupted: the network keeps its weights", stacklevel=4)
        if self.early_stopping:
            self._network.load_state_dict(self._best)

    def _split(self, X: Any, T: Any, weight: Any, rng: Any) -> tuple[Any, Any, Any, Any]:
        """Set samples aside for early stopping."""
        given = [X, T] if weight is None else [X, T, weight]
        single = isinstance(self, ClassifierMixin) and T.shape[1] == 1
        parts = train_test_split(
            *given,
            random_state=rng,
            test_size=self.validation_fraction,
            stratify=T if single else None,
        )
        if len(parts[3]) < 2:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} leaves only {len(parts[3])} of "
                f"{len(T)} samples for validation: at least 2 are needed"
            )
        train, held = [*parts[::2], None][:3], [*parts[1::2], None][:3]
        return *train, held

    def _epoch(self, X: Any, T: Any, weight: Any, order: Any, rng: Any, size: int) -> None:
        """Train on all samples once."""
        self._network.train()
        if order is not None:
            rng.shuffle(order)
        total = 0.0
        for start in range(0, len(T), size):
            rows: Any = slice(start, start + size)
            rows = rows if order is None else order[rows]
            x, t = _taken(X, rows), _taken(T, rows)
            w = None if weight is None else _taken(weight, rows)
            if w is not None and not w.any():
                continue
            total += self._step(x, t, self.alpha, w) * len(t)
        self.n_iter_ += 1
        self.t_ += len(T)
        self.loss_ = total / len(T)
        self.loss_curve_.append(self.loss_)
        if self.verbose:
            print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")

    def _validate(self, X: Any, T: Any, weight: Any) -> None:
        """Record the validation score, and the network if it is the best so far."""
        self._network.eval()
        score = float(self._score(X, T, weight))
        self.validation_scores_.append(score)
        if self.verbose:
            print(f"Validation score: {score:f}")
        self._count(score < self.best_validation_score_ + self.tol)
        if score > self.best_validation_score_:
            self.best_validation_score_, self._best = score, self._network.state_dict()

    def _count(self, worse: bool) -> None:
        self._no_improvement_count = self._no_improvement_count + 1 if worse else 0

    def _stops(self) -> bool:
        """Return whether training ends; set the learning rate of the next epoch."""
        if not self.early_stopping:
            assert self.best_loss_ is not None
            self._count(self.loss_ > self.best_loss_ - self.tol)
            self.best_loss_ = min(self.best_loss_, self.loss_)
        optimizer, changes = self._optimizer, self.solver == "sgd"
        if changes and self.learning_rate == "invscaling":
            self._set_rate(self.learning_rate_init / (self.t_ + 1) ** self.power_t)
        if self._no_improvement_count <= self.n_iter_no_change:
            return False
        what = "validation score" if self.early_stopping else "training loss"
        message = f"{what} did not improve by {self.tol:g} in {self.n_iter_no_change} epochs"
        if not changes or self.learning_rate != "adaptive" or optimizer.lr <= 1e-6:
            if self.verbose:
                print(f"{message}: stopping")
            return True
        self._set_rate(optimizer.lr / 5)
        self._no_improvement_count = 0
        if self.verbose:
            print(f"{message}: the learning rate is now {optimizer.lr:g}")
        return False

    def _set_rate(self, rate: float) -> None:
        """Set the learning rate, and rescale the velocity, which contains the old rate."""
        optimizer = self._optimizer
        for velocity in chain(*optimizer.state):
            velocity.assign(velocity.numpy() * (optimizer.lr / rate))
        optimizer.lr = rate

    # -- output

    def _output(self, X: Any) -> np.ndarray:
        """Return the Z of the last layer, for samples not checked yet."""
        check_is_fitted(self)
        floating = (np.float64, np.float32)
        X = validate_data(self, X, accept_sparse="csr", dtype=floating, reset=False)
        return self._forward(X)

    def _forward(self, X: Any) -> np.ndarray:
        if sparse.issparse(X):
            parts = gen_batches(X.shape[0], _ROWS)
            return np.concatenate([self._forward(_dense(X[rows])) for rows in parts])
        with no_grad():
            return np.asarray(self._network(X).numpy())

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the step, whose programs are compiled again."""
        state: dict[str, Any] = super().__getstate__()
        return {name: entry for name, entry in state.items() if name != "_step"}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _taken(array: Any, rows: Any) -> np.ndarray:
    """Return these rows as a dense array; `rows` is a slice or an array of indices."""
    if isinstance(rows, slice) or sparse.issparse(array):
        return _dense(array[rows])
    return array.take(rows, 0)


def _dense(X: Any) -> np.ndarray:
    return X.toarray() if sparse.issparse(X) else X
