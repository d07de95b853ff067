"""Random multilayer perceptrons with data and a loss."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from .. import nn


@dataclass(frozen=True)
class Problem:
    """A multilayer perceptron, a batch and a loss; a call returns the loss as a Value.

    Parameters
    ----------
    mlp : nn.MLP
        The network.
    X : array
        The inputs (N, n_0).
    T : array
        The targets (N, n_L).
    loss : str
        The name of the loss.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> mlp = dp.nn.MLP([1, 1], rng=0)
    >>> from deltaprop.testing.strategies import Problem
    >>> problem = Problem(mlp, np.ones((2, 1)), np.zeros((2, 1)), "mse")
    >>> round(problem().item(), 4)
    0.2251
    """

    mlp: nn.MLP
    X: np.ndarray
    T: np.ndarray
    loss: str

    def __call__(self) -> Any:
        return nn.loss(self.loss)(self.mlp(self.X), self.T)


# the range of outputs and targets that a loss needs; other losses take any number
_OUTPUTS = {"binary_cross_entropy": "sigmoid", "kl_divergence": "softmax"}
_KINKS = dict.fromkeys(("relu", "leaky_relu", "elu", "selu"), (0.0,)) | {"hard_tanh": (-1.0, 1.0)}


def _target(loss: str, Y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if loss in ("kl_divergence", "softmax_cross_entropy"):
        return np.asarray(rng.dirichlet(np.ones(Y.shape[1]), len(Y)), Y.dtype)
    if loss.startswith("binary"):
        return np.asarray(rng.random(Y.shape), Y.dtype)
    if loss == "hinge":
        return np.asarray(rng.choice([-1.0, 1.0], Y.shape), Y.dtype)
    far = rng.uniform(0.2, 0.8, Y.shape) + rng.integers(0, 2, Y.shape)
    return np.asarray(Y + rng.choice([-1.0, 1.0], Y.shape) * far, Y.dtype)


def _near_a_kink(problem: Problem) -> bool:
    """Tell whether a step of a finite difference could cross a kink."""
    A: Any = problem.X
    for layer in problem.mlp.layers:
        Z = (A @ layer.weight._held) + (0.0 if layer.bias is None else layer.bias._held)
        if any(np.any(np.abs(Z - k) < 0.01) for k in _KINKS.get(str(layer.activation), ())):
            return True
        A = nn.activation(layer.activation)(Z)
    return problem.loss == "hinge" and bool(np.any(np.abs(A * problem.T - 1) < 0.01))


@st.composite
def mlps(
    draw: st.DrawFn,
    *,
    max_layers: int = 3,
    max_width: int = 4,
    max_batch: int = 3,
    activations: Sequence[str] = tuple(nn.ACTIVATIONS),
    losses: Sequence[str] = tuple(nn.LOSSES),
    dtype: Any = np.float64,
) -> Problem:
    """Generate random networks with data: widths, activations, bias, loss and batch.

    Pre-activations and errors keep away from the kinks of the activation and the loss.

    Parameters
    ----------
    max_layers : int, optional
        The largest number of layers.
    max_width : int, optional
        The largest number of units of a layer.
    max_batch : int, optional
        The largest number of rows.
    activations : sequence of str, optional
        The activations to choose from.
    losses : sequence of str, optional
        The losses to choose from.
    dtype : dtype, optional

    Returns
    -------
    strategy
        It generates `Problem` objects.

    Examples
    --------
    >>> from hypothesis import given
    >>> @given(mlps(activations=["tanh"], losses=["mse"]))
    ... def test(problem):
    ...     problem().backward()
    ...     assert problem.mlp.layers[0].weight.grad is not None
    >>> test()
    """
    sizes = draw(st.lists(st.integers(1, max_width), min_size=2, max_size=max_layers + 1))
    activation: Any = draw(st.sampled_from(activations))
    loss = draw(st.sampled_from(losses))
    output: Any = _OUTPUTS.get(loss) or draw(st.sampled_from(["identity", activation]))
    if "softmax" in output or "softmax" in loss:
        sizes[-1] = max(sizes[-1], 2)  # softmax of one entry never changes
    bias, batch = draw(st.booleans()), draw(st.integers(1, max_batch))
    for seed in itertools.count(draw(st.integers(0, 999))):
        rng = np.random.default_rng(seed)
        mlp = nn.MLP(sizes, activation, output, bias, rng=rng, dtype=dtype)
        for p in mlp.parameters():
            p.assign(rng.uniform(-1.0, 1.0, p.shape))
        X = rng.uniform(-2.0, 2.0, (batch, sizes[0])).astype(dtype)
        problem = Problem(mlp, X, _target(loss, mlp(X).numpy(), rng), loss)
        if not _near_a_kink(problem):
            return problem
    raise AssertionError("unreachable: seeds do not end")
