"""JAX: the whole step under ``jax.jit``, compiled before it is timed, parameters donated."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.problem import Array, Problem

NAME = "jax.jit"
ACTIVATIONS: dict[str, Any] = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
    "identity": lambda Z: Z,
}


class TrainStep:
    """One compiled call per step; every result is waited for."""

    def __init__(self, problem: Problem) -> None:
        self.layers = [(jnp.array(W), jnp.array(b)) for W, b in problem.copies()]
        self.X, self.Y = jnp.array(problem.X), jnp.array(problem.Y)
        activation, output = ACTIVATIONS[problem.activation], ACTIVATIONS[problem.output]
        mean_squared = problem.loss == "mse"
        rate = problem.learning_rate

        def loss_of(layers: Any, X: jax.Array, Y: jax.Array) -> jax.Array:
            A = X
            for W, b in layers[:-1]:
                A = activation(A @ W + b)
            W, b = layers[-1]
            Z = output(A @ W + b)
            if mean_squared:
                return jnp.mean((Z - Y) ** 2)
            log_probabilities = jax.nn.log_softmax(Z)
            return -jnp.mean(jnp.take_along_axis(log_probabilities, Y[:, None], axis=1))

        def updated(
            layers: Any, moments: Any, X: jax.Array, Y: jax.Array
        ) -> tuple[jax.Array, Any, Any]:
            loss, gradients = jax.value_and_grad(loss_of)(layers, X, Y)
            if not problem.adam:
                return loss, jax.tree.map(lambda p, g: p - rate * g, layers, gradients), moments
            mean, square, count = moments
            count = count + 1
            mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradients)
            square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, gradients)

            def stepped(p: jax.Array, m: jax.Array, s: jax.Array) -> jax.Array:
                scale = jnp.sqrt(s / (1 - 0.999**count)) + 1e-8
                return p - rate / (1 - 0.9**count) * m / scale

            layers = jax.tree.map(stepped, layers, mean, square)
            return loss, layers, (mean, square, count)

        zeros = [jax.tree.map(jnp.zeros_like, self.layers) for _ in range(2)]
        self.moments: Any = (*zeros, jnp.zeros(())) if problem.adam else ()
        self.value_and_grad = jax.jit(jax.value_and_grad(loss_of))
        self.updated = jax.jit(updated, donate_argnums=(0, 1))

    def step(self) -> Any:
        """Forward, backward, update."""
        loss, self.layers, self.moments = self.updated(self.layers, self.moments, self.X, self.Y)
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
