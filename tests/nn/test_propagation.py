"""The three ways to carry an error back, against their formulas written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop import deltas, nn

MODES = ["exact", "rashid", "linear"]
X = np.random.default_rng(0).normal(size=(6, 3))
E = np.random.default_rng(1).normal(size=(6, 4))


def slope(layer: nn.Dense, Z: Any, e: Any) -> Any:
    """e * f'(Z) (or e J for softmax), by autodiff of f alone."""
    z = dp.Value(Z)
    nn.ACTIVATIONS[layer.activation](z).backward(e)
    return z.grad


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "softmax", "identity"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("chained", [True, False])
def test_the_formulas(activation: str, mode: str, bias: bool, chained: bool) -> None:
    layer = nn.Dense(3, 4, activation, bias, rng=0, error_propagation=mode)
    x = dp.Value(X)
    if chained:
        Z = layer.linear(x)
        A = layer.activate(Z)
    else:
        A = layer(x)
    np.testing.assert_array_equal(A.numpy(), nn.Dense(3, 4, activation, bias, rng=0)(X).numpy())
    A.backward(E)

    W = layer.weight.numpy()
    delta = E if mode == "linear" else slope(layer, X @ W, E)
    if chained:
        np.testing.assert_allclose(Z.grad, delta, rtol=1e-13)
    np.testing.assert_allclose(layer.weight.grad, X.T @ delta, rtol=1e-13, atol=1e-15)
    if bias:
        np.testing.assert_allclose(layer.bias.grad, delta.sum(0), rtol=1e-13, atol=1e-15)
    handed_back = E if mode == "rashid" else delta
    np.testing.assert_allclose(x.grad, handed_back @ W.T, rtol=1e-13, atol=1e-15)


@given(
    sizes=st.lists(st.integers(1, 4), min_size=2, max_size=6),
    seed=st.integers(0, 99),
    mode=st.sampled_from(MODES),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_whole_networks(sizes: list[int], seed: int, mode: str, dtype: type) -> None:
    rng = np.random.default_rng(seed)
    mlp = nn.MLP(sizes, "sigmoid", "sigmoid", rng=seed, dtype=dtype, error_propagation=mode)
    x, t = rng.normal(size=(5, sizes[0])), rng.uniform(size=(5, sizes[-1]))
    for loss in ("mse", "binary_cross_entropy"):
        result = deltas.compare(mlp, x, t, loss)
        for ours, theirs in zip(result.formulas.layers, result.autodiff.layers, strict=True):
            # sums over samples may cancel: the unit is what was summed, not what is left
            unit = np.finfo(dtype).eps * np.abs(ours.delta).sum() * max(1, np.abs(x).max())
            for name in ("delta", "dW", "db"):
                one, other = getattr(ours, name), getattr(theirs, name)
                np.testing.assert_allclose(one, other, rtol=0, atol=16 * unit)


def test_a_raw_input_gets_nothing_and_all_else_is_the_same() -> None:
    grads = []
    for x in (X, dp.Value(X)):
        layer = nn.Dense(3, 4, "tanh", rng=0, error_propagation="rashid")
        layer(x).backward(E)
        grads.append(layer.weight.grad)
    np.testing.assert_array_equal(*grads)


def test_exact_is_the_gradient_where_f_is_the_identity() -> None:
    grads = []
    for mode in MODES:
        mlp = nn.MLP([3, 4, 2], "identity", rng=0, error_propagation=mode)
        nn.mse(mlp(X), np.ones((6, 2))).backward()
        grads.append(np.concatenate([p.grad.ravel() for p in mlp.parameters()]))
    np.testing.assert_allclose(grads[1], grads[0], rtol=1e-12)
    np.testing.assert_allclose(grads[2], grads[0], rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_an_activation_of_any_other_value_is_plain(mode: str) -> None:
    layer = nn.Dense(3, 4, "tanh", rng=0, error_propagation=mode)
    np.testing.assert_array_equal(layer.activate(E), np.tanh(E))
    expected = np.ones_like(E) if mode == "linear" else 1 - np.tanh(E) ** 2
    for z in (dp.Value(E), -dp.Value(-E), dp.Value(E) + 0.0):
        layer.activate(z).sum().backward()
        np.testing.assert_allclose(z.grad, expected)
    with dp.no_grad():
        np.testing.assert_array_equal(layer(X).numpy(), np.tanh(X @ layer.weight.numpy()))


@pytest.mark.parametrize("mode", MODES)
def test_later_writes_change_nothing(mode: str) -> None:
    layer = nn.Dense(3, 4, "sigmoid", rng=0, error_propagation=mode)
    W = layer.weight.numpy()
    x = dp.Value(X)
    A = layer(x)
    x.data[:] = 1e9
    layer.weight.data[:] = 1e9
    A.backward(E)
    delta = E if mode == "linear" else slope(layer, X @ W, E)
    np.testing.assert_allclose(layer.weight.grad, X.T @ delta, rtol=1e-13)
    np.testing.assert_allclose(x.grad, (E if mode == "rashid" else delta) @ W.T, rtol=1e-13)


@pytest.mark.parametrize("mode", MODES)
def test_writes_to_an_exposed_input_change_nothing(mode: str) -> None:
    layer = nn.Dense(3, 4, "identity", rng=0, error_propagation=mode)
    x = dp.Value(X)
    buffer = x.data  # from now on the user may write to the memory of x at any time
    A = layer(x)
    buffer[:] = 1e9
    A.backward(E)
    np.testing.assert_allclose(layer.weight.grad, X.T @ E, rtol=1e-13)
    np.testing.assert_array_equal(A.numpy(), X @ layer.weight.numpy())


@pytest.mark.parametrize("mode", MODES)
def test_second_order_is_that_of_the_formulas(mode: str) -> None:
    """The derivative of |dW|^2 / 2 by W, by differences of dW's formula."""
    x, w0 = dp.Value(X), nn.Dense(3, 4, "sigmoid", rng=0).weight.numpy()

    def dW(W: Any) -> Any:
        s = 1 / (1 + np.exp(-X @ W))
        return X.T @ (E if mode == "linear" else E * s * (1 - s))

    layer = nn.Dense(3, 4, "sigmoid", bias=False, rng=0, error_propagation=mode)
    (layer(x) * E).sum().backward(create_graph=True)
    first = layer.weight.grad
    layer.weight.zero_grad()
    V = np.random.default_rng(2).normal(size=w0.shape)
    numeric = sum((dW(w0 + 1e-6 * V) - dW(w0 - 1e-6 * V)).ravel() * dW(w0).ravel()) / 2e-6
    if mode == "linear":
        assert numeric == 0
        return
    (first * first).sum().backward()
    assert np.sum(layer.weight.grad * V) / 2 == pytest.approx(numeric, rel=1e-5)
