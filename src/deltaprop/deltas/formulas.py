"""The closed-form layer deltas of a multilayer perceptron, in plain NumPy.

Rows are samples. Layer l turns A_(l-1) into A_l, starting from A_0 = X:

    Z_l = A_(l-1) W_l + b_l               A_l = f_l(Z_l)

With e_l = dL/dA_l, the error at the output of layer l, and delta_l = dL/dZ_l, the backward pass is

    e_L     = dL/dA_L                     the derivative of the loss            (1)
    delta_l = e_l * f_l'(Z_l)             back through the activation           (2)
    dW_l    = A_(l-1)^T delta_l           what each weight did to the loss      (3)
    db_l    = sum of delta_l over rows    what each bias did                    (4)
    e_(l-1) = delta_l W_l^T               back through the weights              (5)

(1) and (2) merge if the loss fits the activation: sigmoid + binary cross-entropy, and softmax +
cross-entropy, give delta_L = (A_L - T) / count, without an f' that could vanish.

The f' of the sigmoid, s (1 - s), is at most 1/4 (at z = 0): (2) shrinks the error at every layer.
`error_propagation` says what to compute instead:

- "exact":  the equations above, which give the gradient;
- "rashid": (5) becomes e_(l-1) = e_l W_l^T, but the update of each layer, (2)-(4), keeps its f';
- "linear": (2) becomes delta_l = e_l as well, and no f' is left.

If a hidden layer is normalised, A_l = f_l(Y_l) with Y_l = gamma N_l + beta and
N_l = (Z_l - mean) / s, s = sqrt(var + eps). Each mean and variance is over a column of the batch
or over a row of units. Then (2) gives the error u = dL/dY_l, and

    dgamma = sum of u * N_l,  dbeta = sum of u           over rows                              (6)
    delta_l = (h - mean of h - N_l * mean of (h * N_l)) / s   with h = u * gamma                (7)

where means run over the same axis as those of Z. Batch normalisation in evaluation divides by a
constant: delta_l = h / s.

With dropout, the next layer takes A_l * M_l, where an entry of the mask M_l is 0 or 1 / (1 - p).
Then (3) has A_(l-1) * M_(l-1) in place of A_(l-1), and (5) is

    e_(l-1) = (delta_l W_l^T) * M_(l-1)                                                         (8)

The formulas share no code with autodiff; otherwise `deltaprop.deltas.compare` would show nothing.

Sources: Rumelhart, Hinton and Williams (Nature 323, 1986); Bishop, "Pattern Recognition and
Machine Learning" (2006), 5.3; for "rashid", T. Rashid, "Make Your Own Neural Network" (2016);
for (6) and (7), Ioffe and Szegedy, "Batch normalization" (2015), section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # the formulas need only NumPy to run
    from .. import nn
    from ..nn.losses import LossName
    from ..nn.propagation import Propagation

Array = npt.NDArray[Any]
Binary = Callable[[Array, Array], Any]
Table = dict[str, tuple[Callable[[Array], Any], Binary]]
_erfc = np.vectorize(math.erfc, otypes=[np.float64])
_SELU, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _sigmoid(z: Array) -> Any:
    """Return 1 / (1 + exp(-z)) as t / (1 + t), t = exp(z): it is 1 long before exp overflows."""
    t = np.exp(np.minimum(z, 11 if z.dtype == np.float16 else 80))
    return t / (1 + t)


def _normal_cdf(z: Array) -> Any:
    return np.asarray(_erfc(z * -math.sqrt(0.5)) / 2, z.dtype)


def _gelu_tanh(z: Array) -> Any:
    """Return (1 + tanh(u)) / 2, which replaces the normal cdf in gelu_tanh."""
    return 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z * z * z)))


def _gelu_tanh_slope(z: Array, a: Array) -> Any:
    s = _gelu_tanh(z)
    return s + a * (1 - s) * 2 * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * z * z)


def _mish_slope(z: Array, _a: Array) -> Any:
    t = np.tanh(np.logaddexp(z, 0))
    return t + z * (1 - t * t) * _sigmoid(z)


def _softmax(z: Array) -> Any:
    t = np.exp(z - z.max(axis=1, keepdims=True))
    return t / t.sum(axis=1, keepdims=True)


def _log_softmax(z: Array) -> Any:
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


# name: (f(z), f'(z, a)) with a = f(z). At a kink, f' is the one-sided derivative of least norm.
# Only hard_tanh' is 1 at both of its bounds, so that a unit at a bound can still move inward.
_ELEMENTWISE: Table = {
    "identity": (lambda z: z, lambda z, a: np.ones_like(z)),
    "sigmoid": (_sigmoid, lambda z, a: a * (1 - a)),  # at most 1/4
    "tanh": (np.tanh, lambda z, a: 1 - a * a),
    "relu": (lambda z: np.maximum(z, 0), lambda z, a: z > 0),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z, a: np.where(z > 0, 1, 0.01)),
    "elu": (  # Clevert et al., 2015, with alpha = 1
        lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        lambda z, a: np.exp(np.minimum(z, 0)),
    ),
    "selu": (  # Klambauer et al., 2017
        lambda z: _SELU * np.where(z > 0, z, _SELU_ALPHA * np.expm1(np.minimum(z, 0))),
        lambda z, a: _SELU * np.where(z >= 0, 1, _SELU_ALPHA * np.exp(np.minimum(z, 0))),
    ),
    "gelu": (  # Hendrycks and Gimpel, 2016: z Phi(z), and its approximation by tanh
        lambda z: z * _normal_cdf(z),
        lambda z, a: _normal_cdf(z) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi),
    ),
    "gelu_tanh": (lambda z: z * _gelu_tanh(z), _gelu_tanh_slope),
    "silu": (lambda z: z * _sigmoid(z), lambda z, a: _sigmoid(z) + a * _sigmoid(-z)),
    "mish": (lambda z: z * np.tanh(np.logaddexp(z, 0)), _mish_slope),  # Misra, 2019
    "softplus": (lambda z: np.logaddexp(z, 0), lambda z, a: _sigmoid(z)),
    "softsign": (lambda z: z / (1 + np.abs(z)), lambda z, a: 1 / (1 + np.abs(z)) ** 2),
    "log_sigmoid": (
        lambda z: np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z))),
        lambda z, a: _sigmoid(-z),
    ),
    "hard_tanh": (lambda z: np.clip(z, -1, 1), lambda z, a: np.abs(z) <= 1),
}

# name: (f(z), J^T e) for activations that mix the units of a row: their derivative is a matrix J.
_ROWWISE: Table = {
    "softmax": (_softmax, lambda e, a: a * (e - (e * a).sum(axis=1, keepdims=True))),
    "log_softmax": (_log_softmax, lambda e, a: e - np.exp(a) * e.sum(axis=1, keepdims=True)),
}


def _activate(name: str, Z: Array) -> Any:
    return (_ELEMENTWISE.get(name) or _ROWWISE[name])[0](Z).astype(Z.dtype, copy=False)


def _through_activation(name: str, e: Array, Z: Array, A: Array) -> Any:
    """Return dL/dZ, given dL/dA: equation (2)."""
    if name in _ROWWISE:
        return _ROWWISE[name][1](e, A)
    return e * _ELEMENTWISE[name][1](Z, A).astype(Z.dtype, copy=False)


def _cross_entropy(A: Array, T: Array) -> Any:
    """Return -T log A - (1 - T) log(1 - A), where a factor of zero drops its term."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.where(T > 0, T * np.log(A), 0) - np.where(T < 1, (1 - T) * np.log1p(-A), 0)


def _cross_entropy_slope(A: Array, T: Array) -> Any:
    """Return (A - T) / (A (1 - A)) as two terms, where a factor of zero drops its term."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(T < 1, (1 - T) / (1 - A), 0) - np.where(T > 0, T / A, 0)


# name: (terms, their derivative with respect to A); the loss is the sum of the terms / count.
# The last two take logits, the A = Z of an identity layer, and apply sigmoid or softmax themselves.
# (A row of T sums to 1 only approximately in float32, so the sum stays as a factor.)
_LOSSES: dict[str, tuple[Binary, Binary]] = {
    "mse": (lambda A, T: (A - T) ** 2, lambda A, T: 2 * (A - T)),
    "binary_cross_entropy": (_cross_entropy, _cross_entropy_slope),
    "binary_cross_entropy_with_logits": (
        lambda A, T: np.logaddexp(A, 0) - T * A,
        lambda A, T: _sigmoid(A) - T,
    ),
    "softmax_cross_entropy": (
        lambda A, T: -T * _log_softmax(A),
        lambda A, T: T.sum(axis=1, keepdims=True) * _softmax(A) - T,
    ),
}
_APPLIES = {"binary_cross_entropy_with_logits": "sigmoid", "softmax_cross_entropy": "softmax"}


class _Normalized:
    """Y = gamma N + beta for the Z of a layer, and its backward pass."""

    def __init__(self, norm: Any, Z: Array) -> None:
        axis = 0 if hasattr(norm, "running_mean") else 1
        self.axis = None if axis == 0 and not norm.training else axis  # the axis of the means
        if self.axis is None:
            mean, var = norm.running_mean, norm.running_var
        else:
            mean, var = Z.mean(axis, keepdims=True), Z.var(axis, keepdims=True)
        self.s = np.sqrt(var + norm.eps)
        self.N = (Z - mean) / self.s
        self.gamma = norm.weight.numpy()
        self.Y = self.gamma * self.N + norm.bias.numpy()

    def back(self, u: Array) -> tuple[Array, Array, Array]:
        """Return dL/dZ, dgamma and dbeta, given u = dL/dY: equations (6) and (7)."""
        h = u * self.gamma
        if self.axis is not None:
            along = (h * self.N).mean(self.axis, keepdims=True)
            h = h - h.mean(self.axis, keepdims=True) - self.N * along
        return h / self.s, (u * self.N).sum(axis=0), u.sum(axis=0)


@dataclass(frozen=True, eq=False, repr=False)
class LayerDeltas:
    """Z, A and delta (N, n_out), dW (n_in, n_out) and db (n_out,) or None, of one layer.

    If the layer is normalised, dgamma and dbeta (n_out,) are the gradients of the scale and the
    offset of its normalisation.

    Parameters
    ----------
    Z : array
        The pre-activations (N, n_out).
    A : array
        The activations (N, n_out).
    delta : array
        The derivative of the loss with respect to Z (N, n_out).
    dW : array
        The gradient of the weights (n_in, n_out).
    db : array or None
        The gradient of the bias (n_out,).
    dgamma : array or None, optional
        The gradient of the scale (n_out,).
    dbeta : array or None, optional
        The gradient of the offset (n_out,).

    Examples
    --------
    >>> import deltaprop as dp
    >>> mlp = dp.nn.MLP([2, 1], activation="sigmoid", output="sigmoid", rng=0)
    >>> layer = dp.deltas.layer_deltas(mlp, [[0.0, 1.0]], [[1.0]]).layers[0]
    >>> layer.delta.shape, layer.dW.shape, layer.db.shape
    ((1, 1), (2, 1), (1,))
    """

    Z: Array
    A: Array
    delta: Array
    dW: Array  # noqa: N815 - the formulas' name
    db: Array | None
    dgamma: Array | None = None
    dbeta: Array | None = None

    def __repr__(self) -> str:
        shapes = [f"{k} {x.shape}" for k, x in vars(self).items() if x is not None]
        return f"LayerDeltas({', '.join(shapes)})"


@dataclass(frozen=True, eq=False, repr=False)
class Deltas:
    """The loss of a batch, and the `LayerDeltas` of every layer, first layer first.

    Parameters
    ----------
    loss : float
        The loss.
    layers : tuple of LayerDeltas
        The layers, first layer first.

    Examples
    --------
    >>> import deltaprop as dp
    >>> mlp = dp.nn.MLP([2, 1], activation="sigmoid", output="sigmoid", rng=0)
    >>> deltas = dp.deltas.layer_deltas(mlp, [[0.0, 1.0]], [[1.0]])
    >>> round(deltas.loss, 4), len(deltas.layers)
    (0.432, 1)
    """

    loss: float
    layers: tuple[LayerDeltas, ...]

    def __repr__(self) -> str:
        return f"Deltas(loss {self.loss:.6g}, layers {[layer.dW.shape for layer in self.layers]})"


def layer_deltas(
    mlp: nn.MLP,
    X: Any,
    T: Any,
    loss: LossName = "mse",
    error_propagation: Propagation = "exact",
    *,
    masks: Sequence[Any] = (),
) -> Deltas:
    """Compute Z, A, delta, dW and db of every layer by the formulas.

    The arrays have the dtype of the first weight.

    Parameters
    ----------
    mlp : nn.MLP
        The network. The formulas read only its `.layers` (their `.weight`, `.bias` and the name of
        the `.activation`) and its `.norms`.
    X : array_like (N, n_0)
        The inputs, one row per sample.
    T : array_like (N, n_L)
        The targets; for "softmax_cross_entropy" also class labels, integers of shape (N,).
    loss : str
        "mse", "binary_cross_entropy" (of probabilities A) and "binary_cross_entropy_with_logits"
        are means over all entries. "softmax_cross_entropy" (of logits) is a mean over rows.
    error_propagation : {"exact", "rashid", "linear"}
        The error propagation, described at the top of this file. With a sigmoid output and
        "binary_cross_entropy", "exact" and "rashid" use the short form for delta_L, which
        includes f'. "rashid" propagates e_L = dL/dA_L = (A - T) / (A (1 - A)) / count, and
        "linear" uses e_L as delta_L.
    masks : sequence of ndarray (N, n_l)
        The masks of dropout that the hidden layers were multiplied by; by default no dropout.

    Returns
    -------
    Deltas
        The loss, and one `LayerDeltas` for each layer.

    Examples
    --------
    >>> import deltaprop as dp
    >>> mlp = dp.nn.MLP([2, 3, 1], activation="sigmoid", output="sigmoid", rng=0)
    >>> X, T = [[0.0, 1.0], [1.0, 1.0]], [[1.0], [0.0]]
    >>> last = dp.deltas.layer_deltas(mlp, X, T, loss="binary_cross_entropy").layers[-1]
    >>> bool((last.delta == (last.A - T) / 2).all())  # the short form
    True
    """
    _known("error propagation", error_propagation, ("exact", "rashid", "linear"))
    X, T = checked(mlp, X, T, loss)
    norms = dict(enumerate(getattr(mlp, "norms", None) or ()))
    if norms and error_propagation != "exact":
        raise ValueError(f"{error_propagation!r} is not defined for normalised layers: use 'exact'")
    W = [layer.weight.numpy() for layer in mlp.layers]

    inputs, A, Z, Y, normalized = [X], [], [], [], {}  # layer k turns inputs[k] into A[k]
    for k, layer in enumerate(mlp.layers):
        product = inputs[k] @ W[k]
        Z.append(product if layer.bias is None else product + layer.bias.numpy())
        if k in norms:
            normalized[k] = _Normalized(norms[k], Z[k])
        Y.append(normalized[k].Y if k in norms else Z[k])
        A.append(_activate(layer.activation, Y[k]))
        inputs.append(A[k] * masks[k] if k < len(masks) else A[k])
    output = A[-1]
    if loss == "binary_cross_entropy" and np.any((output < 0) | (output > 1)):
        raise ValueError(
            f"{loss} takes probabilities, but the output has {output.min():.3g} to "
            f"{output.max():.3g}: use output='sigmoid', or 'identity' and {loss}_with_logits"
        )
    terms, slope = _LOSSES[loss]
    count = len(output) if loss == "softmax_cross_entropy" else output.size
    short_form = loss == "binary_cross_entropy" and mlp.layers[-1].activation == "sigmoid"
    e = slope(output, T) * (1 / count)
    found: list[LayerDeltas] = []
    for k, layer in reversed(list(enumerate(mlp.layers))):
        if error_propagation == "linear":
            delta = e
        elif short_form and not found:
            delta = (output - T) / count
        else:
            delta = _through_activation(layer.activation, e, Y[k], A[k])
        delta, *of_norm = normalized[k].back(delta) if k in norms else (delta,)
        db = None if layer.bias is None else np.dot(np.ones(len(delta), delta.dtype), delta)
        found.append(LayerDeltas(Z[k], A[k], delta, inputs[k].T @ delta, db, *of_norm))
        if k > 0:
            e = (e if error_propagation == "rashid" else delta) @ W[k].T
            e = e * masks[k - 1] if k <= len(masks) else e
    return Deltas(float(terms(output, T).sum() / count), tuple(reversed(found)))


def _known(what: str, name: Any, known: Iterable[str]) -> None:
    if name not in (names := list(known)):
        raise ValueError(f"unknown {what} {name!r}; known: {', '.join(names)}")


def checked(mlp: nn.MLP, X: Any, T: Any, loss: str) -> tuple[Array, Array]:
    """Return X and T in the dtype of the model, with class labels as one-hot rows."""
    _known("loss", loss, _LOSSES)
    if not all(hasattr(layer, "activation") for layer in getattr(mlp, "layers", [None])):
        raise TypeError(f"the model must be an MLP, got {mlp!r}: write layer_deltas(mlp, X, T)")
    for layer in mlp.layers:
        _known("activation", layer.activation, [*_ELEMENTWISE, *_ROWWISE])
    if (output := mlp.layers[-1].activation) == _APPLIES.get(loss):
        raise ValueError(f"{loss} takes logits: use output='identity', got {output!r}")
    first, last = mlp.layers[0].weight, mlp.layers[-1].weight
    if len(first.shape) != 2:
        raise ValueError("the formulas need a single network: take .member(k) of the ensemble")
    n_in, n_out = first.shape[0], last.shape[1]
    X, T = np.asarray(X), np.asarray(T)
    for name, array in (("X", X), ("T", T)):
        if array.dtype.kind not in "iuf":
            raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if X.ndim != 2 or X.shape[1] != n_in or len(X) == 0:
        raise ValueError(f"X must have shape (N, {n_in}) with N >= 1, got {X.shape}")
    if T.shape[:1] != X.shape[:1]:
        raise ValueError(f"X and T must have the same length, got shapes {X.shape}, {T.shape}")
    if loss == "softmax_cross_entropy" and T.ndim == 1:
        if T.dtype.kind == "f" or T.min() < 0 or T.max() >= n_out:
            raise ValueError(
                f"class labels must be integers from 0 to {n_out - 1}, got dtype "
                f"{T.dtype} and values from {T.min()} to {T.max()}"
            )
        T = np.eye(n_out)[T]
    if T.shape != (len(X), n_out):
        raise ValueError(f"T must have shape {(len(X), n_out)}, got {T.shape}: reshape it")
    if loss != "mse" and not np.all((T >= 0) & (T <= 1)):
        raise ValueError(f"{loss} takes targets from 0 to 1, got {T.min()} to {T.max()}")
    if loss == "softmax_cross_entropy" and np.any(np.abs(T.sum(axis=1) - 1) > 1e-3):
        raise ValueError("each row of T must be one-hot, or probabilities that sum to 1")
    return X.astype(first.dtype), T.astype(first.dtype)


__all__ = ["Deltas", "LayerDeltas", "layer_deltas"]
