"""NumPy written by hand: the backward pass of the MLP derived on paper, in place where natural."""

from __future__ import annotations

import numpy as np

from benchmarks.problem import Array, Problem

NAME = "NumPy by hand"


class TrainStep:
    """What a careful NumPy user writes; temporaries are allocated as usual, no ``out=`` buffers."""

    def __init__(self, problem: Problem) -> None:
        self.layers = problem.copies()
        self.X, self.Y = problem.X, problem.Y
        self.learning_rate = problem.learning_rate
        self.tanh = problem.activation == "tanh"
        self.output_delta = _mse if problem.loss == "mse" else _softmax_cross_entropy

    def step(self) -> float:
        """Forward, backward, and the update in place as soon as a layer's gradient is there."""
        layers, rate = self.layers, self.learning_rate
        activations = self._forward()
        loss, delta = self.output_delta(activations.pop(), self.Y)
        for level in reversed(range(len(layers))):
            W, b = layers[level]
            A = activations[level]
            dW = A.T @ delta
            db = delta.sum(0)
            if level:
                delta = delta @ W.T
                delta *= 1 - A * A if self.tanh else A > 0
            dW *= rate
            W -= dW
            db *= rate
            b -= db
        return loss

    def loss_and_gradients(self) -> tuple[float, list[Array]]:
        """Forward and backward alone, in the numbers' own precision."""
        activations = self._forward()
        loss, delta = self.output_delta(activations.pop(), self.Y)
        gradients: list[Array] = []
        for level in reversed(range(len(self.layers))):
            A = activations[level]
            gradients[:0] = [A.T @ delta, delta.sum(0)]
            if level:
                delta = delta @ self.layers[level][0].T
                delta *= 1 - A * A if self.tanh else A > 0
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
                if self.tanh:
                    np.tanh(Z, out=Z)
                else:
                    np.maximum(Z, 0, out=Z)
            activations.append(Z)
        return activations


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
