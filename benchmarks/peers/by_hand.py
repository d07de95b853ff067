"""NumPy written by hand: the backward pass of the MLP derived on paper, in place where natural."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from benchmarks.problem import Array, Problem

NAME = "NumPy by hand"


class TrainStep:
    """What a careful NumPy user writes; temporaries are allocated as usual, no ``out=`` buffers."""

    def __init__(self, problem: Problem) -> None:
        self.layers = problem.copies()
        self.X, self.Y = problem.X, problem.Y
        self.learning_rate = problem.learning_rate
        self.activate, self.slope = _ACTIVATIONS[problem.activation]
        self.sigmoid_output = problem.output == "sigmoid"
        self.adam = problem.adam
        self.moments = [
            [(np.zeros_like(x), np.zeros_like(x)) for x in layer] for layer in self.layers
        ]
        self.count = 0
        self.output_delta = _mse if problem.loss == "mse" else _softmax_cross_entropy

    def step(self) -> float:
        """Forward, backward, and the update in place as soon as a layer's gradient is there."""
        layers, rate = self.layers, self.learning_rate
        activations = self._forward()
        loss, delta = self._backward_from(activations.pop())
        self.count += 1
        for level in reversed(range(len(layers))):
            W, b = layers[level]
            A = activations[level]
            dW = A.T @ delta
            db = delta.sum(0)
            if level:
                delta = delta @ W.T
                delta *= self.slope(A)
            if self.adam:
                for p, g, moments in zip((W, b), (dW, db), self.moments[level], strict=True):
                    _adam(p, g, *moments, rate, self.count)
                continue
            dW *= rate
            W -= dW
            db *= rate
            b -= db
        return loss

    def loss_and_gradients(self) -> tuple[float, list[Array]]:
        """Forward and backward alone, in the numbers' own precision."""
        activations = self._forward()
        loss, delta = self._backward_from(activations.pop())
        gradients: list[Array] = []
        for level in reversed(range(len(self.layers))):
            A = activations[level]
            gradients[:0] = [A.T @ delta, delta.sum(0)]
            if level:
                delta = delta @ self.layers[level][0].T
                delta *= self.slope(A)
        return loss, gradients

    def parameters(self) -> list[Array]:
        """Return [W0, b0, W1, ...]."""
        return [array.copy() for layer in self.layers for array in layer]

    def _forward(self) -> list[Array]:
        """Return the input and every layer's activation, the output's last."""
        activations = [self.X]
        last = len(self.layers) - 1
        for level, (W, b) in enumerate(self.layers):
            Z = activations[-1] @ W
            Z += b
            if level < last:
                self.activate(Z)
            activations.append(Z)
        if self.sigmoid_output:
            _sigmoid(Z)
        return activations

    def _backward_from(self, A: Array) -> tuple[float, Array]:
        """Return the loss, and its derivative by what the output's activation is given."""
        loss, delta = self.output_delta(A, self.Y)
        if self.sigmoid_output:
            delta *= A * (1 - A)
        return loss, delta


def _tanh(Z: Array) -> None:
    np.tanh(Z, out=Z)


def _relu(Z: Array) -> None:
    np.maximum(Z, 0, out=Z)


def _sigmoid(Z: Array) -> None:
    np.negative(Z, out=Z)
    np.exp(Z, out=Z)
    Z += 1
    np.reciprocal(Z, out=Z)


# each in place, and its derivative in terms of its result
_ACTIVATIONS: dict[str, tuple[Callable[[Array], None], Callable[[Array], Array]]] = {
    "tanh": (_tanh, lambda A: 1 - A * A),
    "relu": (_relu, lambda A: A > 0),
    "sigmoid": (_sigmoid, lambda A: A * (1 - A)),
}


def _adam(p: Array, g: Array, mean: Array, square: Array, rate: float, count: int) -> None:
    """Update a parameter and its moments; the gradient is overwritten."""
    mean *= 0.9
    mean += 0.1 * g
    g *= g
    g *= 0.001
    square *= 0.999
    square += g
    change = np.sqrt(square)
    change *= 1 / math.sqrt(1 - 0.999**count)
    change += 1e-8
    np.divide(mean, change, out=change)
    change *= rate / (1 - 0.9**count)
    p -= change


def _mse(prediction: Array, target: Array) -> tuple[float, Array]:
    """Return the mean squared error and its derivative by the prediction."""
    delta = prediction - target
    flat = delta.ravel()
    loss = float(flat @ flat) / delta.size
    delta *= 2 / delta.size
    return loss, delta


def _softmax_cross_entropy(logits: Array, target: Array) -> tuple[float, Array]:
    """Return the mean cross-entropy and its derivative by the logits, which are overwritten."""
    rows = np.arange(len(target))
    logits -= logits.max(1, keepdims=True)
    picked = logits[rows, target]
    delta = np.exp(logits, out=logits)
    normalisers = delta.sum(1, keepdims=True)
    loss = float(np.log(normalisers).sum() - picked.sum()) / len(target)
    delta /= normalisers
    delta[rows, target] -= 1
    delta /= len(target)
    return loss, delta
