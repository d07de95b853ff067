"""Initialisers: their moments, their dependence on seed and dtype alone."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltaprop import nn

# name: the variance for n_in = 300 and n_out = 200
VARIANCES = {"glorot": 2 / 500, "he": 2 / 300, "lecun": 1 / 300}


@pytest.mark.parametrize("kind", ["uniform", "normal"])
@pytest.mark.parametrize("name", VARIANCES)
def test_mean_and_variance(name: str, kind: str) -> None:
    W = nn.initializer(f"{name}_{kind}")((300, 200), 0, np.float64)
    n, variance = W.size, VARIANCES[name]
    assert abs(W.mean()) < 5 * np.sqrt(variance / n)
    assert abs(W.var() / variance - 1) < 5 * np.sqrt(2 / n)
    if kind == "uniform":
        assert np.abs(W).max() <= np.sqrt(3 * variance)


@pytest.mark.parametrize("name", nn.INITIALIZERS)
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    seed=st.integers(0, 2**32),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_shape_dtype_and_seed(name: str, shape: tuple[int, int], seed: int, dtype: type) -> None:
    init = nn.INITIALIZERS[name]
    before = np.random.get_state(legacy=False)["state"]["pos"]  # noqa: NPY002 - it must not move
    W = init(shape, seed, dtype)
    assert W.shape == shape
    assert W.dtype == dtype
    np.testing.assert_array_equal(W, init(shape, np.random.default_rng(seed), dtype))
    np.testing.assert_array_equal(W, init(shape, seed, np.float64).astype(dtype))
    after = np.random.get_state(legacy=False)["state"]["pos"]  # noqa: NPY002
    assert before == after


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (2, 3, 4)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    W = nn.orthogonal(shape, 0, gain=2.0).reshape(-1, shape[-1])
    gram = W.T @ W if W.shape[0] >= W.shape[1] else W @ W.T
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_constants() -> None:
    np.testing.assert_array_equal(partial(nn.constant, value=0.1)((2,)), [0.1, 0.1])
    np.testing.assert_array_equal(nn.zeros((2,)), [0.0, 0.0])
    W = nn.uniform((1000,), 0, low=2.0, high=3.0)
    assert W.min() >= 2
    assert W.max() < 3


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"unknown initialiser 'xavier'; known: glorot_uniform"):
        nn.initializer("xavier")
    with pytest.raises(ValueError, match=r"needs a shape \(n_in, n_out\), not \(3,\)"):
        nn.glorot_uniform((3,))


@pytest.mark.parametrize(
    ("activation", "variance"), [("relu", 2 / 300), ("selu", 1 / 300), ("tanh", 2 / 500)]
)
def test_a_layer_takes_what_suits_its_activation(activation: str, variance: float) -> None:
    W = nn.Dense(300, 200, activation, rng=0).weight.numpy()
    assert abs(W.var() / variance - 1) < 0.05


@pytest.mark.parametrize("name", nn.INITIALIZERS)
def test_a_negative_size_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=r"0 or more, got \(-1, 2\)"):
        nn.INITIALIZERS[name]((-1, 2), 0)
