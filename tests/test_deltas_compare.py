"""Autodiff beside the formulas: an MLP of tensor Values, and one of scalar Values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop.deltas import compare, formulas, layer_deltas
from deltaprop.deltas.comparison import ulps_apart

ACTIVATIONS = [*formulas._ELEMENTWISE, *formulas._ROWWISE]
LOSSES = list(formulas._LOSSES)
MODES = ["exact", "rashid", "linear"]


def output_for(loss, activation):
    """An output layer that the loss takes, for a network of this activation."""
    return {"mse": activation, "binary_cross_entropy": "sigmoid"}.get(loss, "identity")


def data_for(loss, n_in, n_out, n=6, seed=1):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_in))
    if loss == "softmax_cross_entropy":
        return X, rng.integers(n_out, size=n)
    return X, rng.normal(size=(n, n_out)) if loss == "mse" else rng.integers(2, size=(n, n_out))


def assert_agree(comparison):
    __tracebackhide__ = True
    assert comparison.agree, f"\n{comparison}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_agree(activation, loss, bias, dtype):
    output = output_for(loss, activation)
    mlp = dp.nn.MLP(
        [3, 6, 5, 4], activation=activation, output=output, bias=bias, rng=0, dtype=dtype
    )
    comparison = compare(mlp, *data_for(loss, 3, 4), loss)
    assert_agree(comparison)
    assert comparison.formulas.layers[0].dW.dtype == dtype
    assert comparison.autodiff.loss == pytest.approx(comparison.formulas.loss, rel=1e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ["sigmoid", "relu", "gelu", "softmax"])
def test_agree_whatever_the_error_propagation(activation, loss, mode):
    output = output_for(loss, activation)
    mlp = dp.nn.MLP(
        [3, 6, 5, 4], activation=activation, output=output, rng=0, error_propagation=mode
    )
    comparison = compare(mlp, *data_for(loss, 3, 4), loss)
    assert_agree(comparison)
    asked = layer_deltas(mlp, *data_for(loss, 3, 4), loss, mode)
    assert np.array_equal(comparison.formulas.layers[0].dW, asked.layers[0].dW)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "silu", "gelu"])
def test_agree_at_depth_12_and_width_512(activation, dtype):
    sizes = [64, *[512] * 11, 10]
    mlp = dp.nn.MLP(sizes, activation=activation, rng=0, dtype=dtype)
    assert_agree(compare(mlp, *data_for("mse", 64, 10, n=32)))


# At most 16 ulp is what roundings come to as a rule, not a bound: where all of A - T or of a sum
# over the samples cancels, there are more. So T is far from A, layers have 4 units or more,
# and the examples are the same in every run.
@given(
    sizes=st.lists(st.integers(4, 32), min_size=2, max_size=13),
    n=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
    activation=st.sampled_from(list(formulas._ELEMENTWISE)),
    loss=st.sampled_from(["mse", "binary_cross_entropy", "binary_cross_entropy_with_logits"]),
    dtype=st.sampled_from([np.float32, np.float64]),
    mode=st.sampled_from(MODES),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_agree_for_any_mlp(sizes, n, seed, activation, loss, dtype, mode):
    output = {"binary_cross_entropy": "sigmoid"}.get(loss, "identity")
    mlp = dp.nn.MLP(
        sizes, activation=activation, output=output, rng=seed, dtype=dtype, error_propagation=mode
    )
    X, T = data_for(loss, sizes[0], sizes[-1], n, seed)
    assert_agree(compare(mlp, X, T + 9 if loss == "mse" else T, loss))


def scalar_network(mlp, activation):
    """The MLP's weights and biases as scalar Values, and a function of lists made of them."""
    weights = [
        [[dp.Value(w) for w in row] for row in p.weight.numpy().tolist()] for p in mlp.layers
    ]
    biases = [[dp.Value(b) for b in layer.bias.numpy().tolist()] for layer in mlp.layers]
    f = getattr(dp.nn, activation)

    def network(x):
        for W, b in zip(weights, biases, strict=True):
            x = [sum((xi * w[j] for xi, w in zip(x, W, strict=True)), b[j]) for j in range(len(b))]
            x = x if W is weights[-1] else [f(z) for z in x]
        return x[0]

    return weights, biases, network


def micrograd_network(mlp, activation):
    """The same with the MLP of `nn.scalar`."""
    weights, biases, _ = scalar_network(mlp, activation)
    network = dp.nn.scalar.ScalarMLP(mlp.sizes[0], mlp.sizes[1:], nonlin=activation == "relu")
    for W, b, layer in zip(weights, biases, network.layers, strict=True):
        for j, neuron in enumerate(layer.neurons):
            neuron.w, neuron.b = [row[j] for row in W], b[j]
    return weights, biases, network


@pytest.mark.parametrize(
    ("scalar", "activation"),
    [
        (scalar_network, "tanh"),
        (scalar_network, "sigmoid"),
        (scalar_network, "relu"),
        (micrograd_network, "relu"),
        (micrograd_network, "identity"),
    ],
)
def test_three_way(scalar, activation):
    """An MLP of scalar Values, the tensor MLP and the formulas give the same gradients."""
    mlp = dp.nn.MLP([2, 4, 3, 1], activation=activation, rng=0)
    X, T = data_for("mse", 2, 1)
    T = T + 9  # far off: the scalar sums are rounded in another order
    comparison = compare(mlp, X, T)
    assert_agree(comparison)
    weights, biases, network = scalar(mlp, activation)
    errors = [(network(x) - t) ** 2 for x, (t,) in zip(X.tolist(), T.tolist(), strict=True)]
    (sum(errors) / len(X)).backward()
    for W, b, layer in zip(weights, biases, comparison.formulas.layers, strict=True):
        assert ulps_apart(layer.dW, np.array([[w.grad for w in row] for row in W])) <= 16
        assert ulps_apart(layer.db, np.array([v.grad for v in b])) <= 16


def test_the_gradients_of_the_model_are_left_alone():
    mlp, (X, T) = dp.nn.MLP([2, 3, 1], rng=0), data_for("mse", 2, 1)
    compare(mlp, X, T)
    assert all(p.grad is None for p in mlp.parameters())
    dp.nn.mse(mlp(X), T).backward()
    before = [np.copy(p.grad) for p in mlp.parameters()]
    first = compare(mlp, X, T)
    assert_agree(first)  # nothing was added to what was there
    with pytest.raises(ValueError, match="unknown loss"):
        compare(mlp, X, T, "mae")
    for p, gradient in zip(mlp.parameters(), before, strict=True):
        assert np.array_equal(p.grad, gradient)


def test_the_gradients_are_left_alone_when_autodiff_fails(monkeypatch):
    def broken(prediction, target):
        raise RuntimeError("broken loss")

    mlp, (X, T) = dp.nn.MLP([2, 3, 1], rng=0), data_for("mse", 2, 1)
    dp.nn.mse(mlp(X), T).backward()
    before = [np.copy(p.grad) for p in mlp.parameters()]
    monkeypatch.setitem(dp.nn.LOSSES, "mse", broken)
    with pytest.raises(RuntimeError, match="broken loss"):
        compare(mlp, X, T)
    for p, gradient in zip(mlp.parameters(), before, strict=True):
        assert np.array_equal(p.grad, gradient)


def test_only_the_error_propagation_that_the_model_was_built_with():
    mlp = dp.nn.MLP([2, 3, 1], rng=0, error_propagation="rashid")
    X, T = data_for("mse", 2, 1)
    assert_agree(compare(mlp, X, T, error_propagation="rashid"))
    with pytest.raises(ValueError, match=r"built with error_propagation='rashid'.*'exact'"):
        compare(mlp, X, T, error_propagation="exact")


@pytest.mark.parametrize("bias", [True, False])
def test_table(bias):
    mlp = dp.nn.MLP([2, 3, 1], activation="relu", bias=bias, rng=0, dtype=np.float32)
    comparison = compare(mlp, *data_for("mse", 2, 1))
    title, unit, head, first, second, verdict = str(comparison).splitlines()
    assert title.startswith("mse, exact: loss ")
    assert "1 ulp = eps of float32 x largest absolute entry" in unit
    assert head.split() == ["layer", "delta", "dW", "db"]
    assert first.startswith("1: 2 -> 3 relu ")
    assert second.startswith("2: 3 -> 1 identity ")
    assert first.endswith(" -") != bias
    assert verdict == f"agree: {comparison.largest:.2g} ulp at most; the limit is 16"
    assert repr(comparison) == f"Comparison(mse, exact, 2 layers {verdict})"
    assert [row.db is None for row in comparison.rows] == [not bias] * 2


@pytest.mark.parametrize("factor", [1 + 1e-12, 0.0, math.nan])
def test_a_wrong_derivative_is_noticed(monkeypatch, factor):
    f, slope = formulas._ELEMENTWISE["tanh"]
    wrong = (f, lambda z, a: factor * slope(z, a))
    monkeypatch.setitem(formulas._ELEMENTWISE, "tanh", wrong)
    comparison = compare(dp.nn.MLP([2, 3, 1], rng=0), *data_for("mse", 2, 1))
    assert not comparison.agree
    assert str(comparison).splitlines()[-1].startswith("DISAGREE: ")
    assert comparison.rows[1].dW <= 16  # the last layer has no tanh
    assert not comparison.rows[0].dW <= 16


@pytest.mark.parametrize(
    ("ours", "theirs", "ulps"),
    [
        (np.array([1.0, -4.0]), np.array([1.0, -4.0]), 0),
        (np.array([1.0, -4.0]), np.array([1.0 + 2.0**-50, -4.0]), 1),  # in units of the 4
        (np.array([1.0, 4.0], np.float32), np.array([1.0, 4.0 - 2.0**-20], np.float32), 2),
        (np.zeros(2), np.zeros(2), 0),
        (np.zeros(2), np.array([0.0, 5e-324]), 1),
        (np.ones((2, 1)), np.ones(2), math.inf),
        (np.ones(2, np.float32), np.ones(2), math.inf),
        (np.ones(2), None, math.inf),
        (np.ones(2), np.array([1.0, math.nan]), math.nan),
        (np.array([1.0, math.nan]), np.array([1.0, math.nan]), math.nan),
    ],
)
def test_units_in_the_last_place(ours, theirs, ulps):
    assert ulps_apart(ours, theirs) == pytest.approx(ulps, abs=0, nan_ok=True)
