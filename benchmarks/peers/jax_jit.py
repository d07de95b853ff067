"""JAX: the whole step under ``jax.jit``, compiled before it is timed, parameters donated."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.problem import Array, Problem

NAME = "jax.jit"


class TrainStep:
    """One compiled call per step; every result is waited for."""

    def __init__(self, problem: Problem) -> None:
        self.layers = [(jnp.array(W), jnp.array(b)) for W, b in problem.copies()]
        self.X, self.Y = jnp.array(problem.X), jnp.array(problem.Y)
        activation = jnp.tanh if problem.activation == "tanh" else jax.nn.relu
        mean_squared = problem.loss == "mse"
        rate = problem.learning_rate

        def loss_of(layers: Any, X: jax.Array, Y: jax.Array) -> jax.Array:
            A = X
            for W, b in layers[:-1]:
                A = activation(A @ W + b)
            W, b = layers[-1]
            Z = A @ W + b
            if mean_squared:
                return jnp.mean((Z - Y) ** 2)
            log_probabilities = jax.nn.log_softmax(Z)
            return -jnp.mean(jnp.take_along_axis(log_probabilities, Y[:, None], axis=1))

        def updated(layers: Any, X: jax.Array, Y: jax.Array) -> tuple[jax.Array, Any]:
            loss, gradients = jax.value_and_grad(loss_of)(layers, X, Y)
            return loss, jax.tree.map(lambda p, g: p - rate * g, layers, gradients)

        self.value_and_grad = jax.jit(jax.value_and_grad(loss_of))
        self.updated = jax.jit(updated, donate_argnums=0)

    def step(self) -> Any:
        """Forward, backward, update."""
        loss, self.layers = self.updated(self.layers, self.X, self.Y)
        for array in (loss, *(array for layer in self.layers for array in layer)):
            array.block_until_ready()
        return loss

    def loss_and_gradients(self) -> tuple[float, list[Array]]:
        """Forward and backward alone."""
        loss, gradients = self.value_and_grad(self.layers, self.X, self.Y)
        return float(loss), [np.asarray(array) for layer in gradients for array in layer]

    def parameters(self) -> list[Array]:
        """Return [W0, b0, W1, ...]."""
        return [np.array(array) for layer in self.layers for array in layer]
