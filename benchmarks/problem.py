"""The train step's problem: an architecture, its data and the start that all contenders share."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def case_name(sizes: tuple[int, ...], batch: int, *kind: str) -> str:
    """Return the name of an architecture, a batch and a kind: ``"2-16-16-1, batch 32"``."""
    return ", ".join(["-".join(map(str, sizes)), f"batch {batch}", *kind])


@dataclass(frozen=True)
class Problem:
    """A multilayer perceptron, a batch and a learning rate.

    With one output: tanh hidden units, identity output, mean squared error. With more: relu hidden
    units and softmax cross-entropy of integer classes, averaged over the batch. A kind differs in
    one thing: ``"sigmoid"`` has sigmoids in place of tanh and relu, and as the one output;
    ``"Adam"`` is updated by Adam in place of SGD.

    Attributes
    ----------
    sizes : tuple of int
        Units of each layer, the input first.
    X : ndarray, shape (batch, sizes[0]), float32, read-only
    Y : ndarray, shape (batch, 1), float32, or (batch,), int64; read-only
    weights : list of ndarray, shapes (sizes[l], sizes[l + 1]), float32
    biases : list of ndarray, shapes (sizes[l + 1],), float32
    learning_rate : float
        Small, so that thousands of timed steps stay far from saturated units and denormal numbers.
    """

    sizes: tuple[int, ...]
    X: Array
    Y: Array
    weights: list[Array]
    biases: list[Array]
    kind: str = ""
    learning_rate: float = 0.002

    @property
    def loss(self) -> Literal["mse", "softmax_cross_entropy"]:
        """The loss that the number of outputs asks for."""
        return "mse" if self.sizes[-1] == 1 else "softmax_cross_entropy"

    @property
    def activation(self) -> Literal["tanh", "relu", "sigmoid"]:
        """The hidden units' activation."""
        if self.kind == "sigmoid":
            return "sigmoid"
        return "tanh" if self.loss == "mse" else "relu"

    @property
    def output(self) -> Literal["identity", "sigmoid"]:
        """The activation of the output."""
        return "sigmoid" if self.kind == "sigmoid" and self.loss == "mse" else "identity"

    @property
    def adam(self) -> bool:
        """Whether Adam updates, with the decay rates 0.9 and 0.999 and eps = 1e-8; else SGD."""
        return self.kind == "Adam"

    @property
    def name(self) -> str:
        """Architecture and batch, as the reports name the case."""
        return case_name(self.sizes, len(self.X), *filter(None, [self.kind]))

    def copies(self) -> list[tuple[Array, Array]]:
        """Return fresh copies of (weight, bias) of each layer, for a contender to train."""
        return [(W.copy(), b.copy()) for W, b in zip(self.weights, self.biases, strict=True)]

    @staticmethod
    def make(sizes: tuple[int, ...], batch: int, kind: str = "", seed: int = 0) -> Problem:
        """Draw the data and a Glorot (one output) or He start from a seed.

        A sample that brings a relu unit within rounding of its kink is drawn again: there rounding
        decides the side, and the contenders' gradients would rightly differ by a whole sample.
        """
        rng = np.random.default_rng(seed)
        regression = sizes[-1] == 1
        weights, biases = [], []
        for n_in, n_out in pairwise(sizes):
            scale = np.float32(np.sqrt(2 / (n_in + n_out) if regression else 2 / n_in))
            weights.append(scale * rng.standard_normal((n_in, n_out), dtype=np.float32))
            biases.append(np.float32(0.1) * rng.standard_normal(n_out, dtype=np.float32))
        X = rng.standard_normal((batch, sizes[0]), dtype=np.float32)
        Y: Array
        if regression:
            Y = rng.standard_normal((batch, 1), dtype=np.float32)
        else:
            Y = rng.integers(sizes[-1], size=batch)
            while (near := _near_a_kink(X, weights, biases)).any():
                X[near] = rng.standard_normal((near.sum(), sizes[0]), dtype=np.float32)
        X.setflags(write=False)
        Y.setflags(write=False)
        return Problem(sizes, X, Y, weights, biases, kind)


def _near_a_kink(X: Array, weights: list[Array], biases: list[Array]) -> Array:
    """Return which samples bring any hidden relu unit within 1e-5 of zero, in float64."""
    A = X.astype(np.float64)
    near = np.zeros(len(X), dtype=bool)
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        Z = A @ W + b
        near |= (np.abs(Z) < 1e-5).any(axis=1)
        A = np.maximum(Z, 0)
    return near


class TrainStep(Protocol):
    """What a contender of the train step offers. The constructor takes a `Problem`."""

    def loss_and_gradients(self) -> tuple[float, list[Array]]:
        """Return the loss and its gradients [dW0, db0, dW1, ...] of the shapes in `Problem`."""

    def step(self) -> object:
        """Do what is timed: forward, backward, update; return the loss."""

    def parameters(self) -> list[Array]:
        """Return the present [W0, b0, W1, ...] as arrays of the shapes in `Problem`."""
