"""Dense, Dropout, Sequential and MLP."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop import nn, optim

from .. import oracles

X = np.random.default_rng(0).normal(size=(6, 3))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", nn.ACTIVATIONS)
def test_dense_is_f_of_xw_plus_b(activation: str, bias: bool) -> None:
    layer = nn.Dense(3, 4, activation, bias, rng=0)
    W = layer.weight.numpy()
    Z = X @ W
    if bias:
        layer.bias.assign([0.1, 0.2, 0.3, 0.4])
        Z = Z + layer.bias.numpy()
    np.testing.assert_array_equal(layer(X).numpy(), nn.ACTIVATIONS[activation](Z))
    np.testing.assert_array_equal(layer.linear(X).numpy(), Z)

    def run(x: Any, w: Any) -> Any:
        layer.weight = w
        return layer(x)

    oracles.check(run, [X, W], np.random.default_rng(1))


@pytest.mark.parametrize("shape", [(3,), (2, 3), (0, 3), (4, 2, 3)])
def test_any_number_of_leading_axes(shape: tuple[int, ...]) -> None:
    assert nn.Dense(3, 5, "tanh", rng=0)(np.ones(shape)).shape == (*shape[:-1], 5)


@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    seed=st.integers(0, 99),
    dtype=st.sampled_from([np.float32, np.float64]),
    bias=st.booleans(),
)
def test_mlp_shapes_and_dtypes(sizes: list[int], seed: int, dtype: type, bias: bool) -> None:
    mlp = nn.MLP(sizes, bias=bias, rng=seed, dtype=dtype)
    pairs = list(itertools.pairwise(sizes))
    assert [layer.weight.shape for layer in mlp.layers] == pairs
    assert [layer.bias is not None for layer in mlp.layers] == [bias] * len(pairs)
    out = mlp(np.ones((4, sizes[0])))
    assert out.shape == (4, sizes[-1])
    assert out.dtype == dtype
    out.sum().backward()
    for p in mlp.parameters():
        assert p.grad.shape == p.shape
        assert p.grad.dtype == dtype
    twin = nn.MLP(sizes, bias=bias, rng=np.random.default_rng(seed), dtype=dtype)
    np.testing.assert_array_equal(twin(np.ones((4, sizes[0]))).numpy(), out.numpy())


def test_the_gradient_of_the_input_is_asked_for_by_a_value() -> None:
    mlp = nn.MLP([3, 4, 2], rng=0)
    x = dp.Value(X)
    mlp(x).sum().backward()
    first, last = (layer.weight.numpy() for layer in mlp.layers)
    delta = last.sum(1) * (1 - np.tanh(X @ first) ** 2)
    np.testing.assert_allclose(x.grad, delta @ first.T, rtol=1e-12)


@pytest.mark.parametrize("x", [X.astype(np.float32), X.tolist(), np.ones((6, 3), int)])
def test_raw_input_takes_the_layers_dtype(x: Any) -> None:
    layer = nn.Dense(3, 2, rng=0, dtype=np.float32)
    out = layer(x)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(
        out.numpy(), np.asarray(x, np.float32) @ layer.weight.numpy() + layer.bias.numpy()
    )


def test_a_recorded_layer_does_not_see_later_writes() -> None:
    x = X.copy()
    layer = nn.Dense(3, 2, rng=0)
    loss = layer(x).sum()
    x[:] = 1e9
    loss.backward()
    np.testing.assert_allclose(layer.weight.grad, X.T @ np.ones((6, 2)))


def test_any_function_is_an_activation() -> None:
    layer = nn.Dense(3, 2, lambda z: z * z, rng=0)
    np.testing.assert_array_equal(layer(X).numpy(), layer.linear(X).numpy() ** 2)
    assert nn.Dense(3, 2, nn.relu).activation == "relu"
    assert nn.Dense(3, 2, "swish").activation == "silu"


def test_init_by_name_and_function() -> None:
    assert not np.any(nn.Dense(3, 2, init="zeros").weight.numpy())
    filled = nn.Dense(3, 2, init=lambda shape, rng, dtype: np.full(shape, 7.0, dtype))
    assert np.all(filled.weight.numpy() == 7)


def test_a_network_learns_xor() -> None:
    inputs, targets = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    mlp = nn.MLP([2, 8, 2], rng=0)
    optimizer = optim.Adam(mlp.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss = nn.softmax_cross_entropy(mlp(inputs), targets)
        loss.backward(retain_grads=False)
        optimizer.step()
    assert loss.item() < 0.01
    np.testing.assert_array_equal(mlp(inputs).numpy().argmax(1), targets)


# -- dropout, sequential


def test_dropout_keeps_the_mean() -> None:
    dropout = nn.Dropout(0.25, rng=0)
    x = dp.Value(np.ones(100_000))
    y = dropout(x)
    kept = y.numpy() != 0
    assert abs(kept.mean() - 0.75) < 0.01
    np.testing.assert_allclose(y.numpy()[kept], 1 / 0.75)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.numpy())
    np.testing.assert_array_equal(nn.Dropout(0.25, rng=0)(np.ones(100_000)), y.numpy())


def test_dropout_keeps_the_dtype_and_rests_in_evaluation() -> None:
    x = dp.Value(np.ones(5, np.float32))
    assert nn.Dropout(0.5, rng=0)(x).dtype == np.float32
    assert nn.Dropout(0.5).eval()(x) is x
    assert nn.Dropout(0.0)(x) is x
    assert nn.Dropout(0.5, rng=0)(dp.Value(2.0)).item() in (0.0, 4.0)


def test_mlp_with_dropout() -> None:
    mlp = nn.MLP([3, 50, 50, 2], dropout=0.5, rng=0)
    plain = nn.MLP([3, 50, 50, 2], rng=0)
    assert np.any(mlp(X).numpy() != mlp(X).numpy())
    np.testing.assert_array_equal(mlp.eval()(X).numpy(), plain(X).numpy())
    assert not mlp.training
    assert not mlp.dropout.training
    assert mlp.train().dropout.training


def test_sequential() -> None:
    first, last = nn.Dense(3, 4, rng=0), nn.Dense(4, 2, rng=1)
    model = nn.Sequential(first, dp.numpy.sin, last)
    expected = np.sin(X @ first.weight.numpy()) @ last.weight.numpy()
    np.testing.assert_allclose(model(X).numpy(), expected, rtol=1e-12)
    assert [name for name, _ in model.named_parameters()][::2] == [
        "layers.0.weight",
        "layers.2.weight",
    ]


# -- parameters and states


class Tied(nn.Module):
    def __init__(self) -> None:
        self.layer = nn.Dense(2, 2, rng=0)
        self.again = self.layer.weight
        self.offset = dp.Value(1.0)
        self.fixed = dp.constant([1.0])
        self.gains = [dp.Value(1.0), dp.Value([2.0])]


def test_parameters_are_found_once_and_by_name() -> None:
    names = [name for name, _ in Tied().named_parameters()]
    assert names == ["layer.weight", "layer.bias", "offset", "gains.0", "gains.1"]


def test_zero_grad() -> None:
    mlp = nn.MLP([3, 2], rng=0)
    mlp(X).sum().backward()
    mlp.zero_grad()
    assert all(p.grad is None for p in mlp.parameters())


def test_a_state_survives_the_round_trip() -> None:
    one, other = Tied(), Tied()
    for p in one.parameters():
        p.assign(p.numpy() + 1)
    state = one.state_dict()
    other.load_state_dict(state)
    for entry in state.values():
        entry *= 0  # neither module shares memory with the state
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())
        assert np.all(p.numpy() != 0)
        assert q.dtype == p.dtype
    assert type(other.offset.data) is float


def test_a_state_is_converted_to_the_parameters_dtype() -> None:
    mlp = nn.MLP([3, 2], rng=0, dtype=np.float32)
    mlp.load_state_dict(nn.MLP([3, 2], rng=1).state_dict())
    assert {p.dtype for p in mlp.parameters()} == {np.dtype(np.float32)}


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    mlp = nn.MLP([3, 4, 2], rng=0)
    before = mlp.state_dict()
    state = nn.MLP([3, 4, 2], rng=1).state_dict()
    del state["layers.0.bias"]
    state["layers.7.bias"] = np.ones(2)
    state["layers.1.weight"] = np.ones((4, 3))
    state["layers.1.bias"] = np.array(["a", "b"])
    with pytest.raises(ValueError, match="nothing was loaded") as error:
        mlp.load_state_dict(state)
    for part in (
        "missing layers.0.bias",
        "unexpected layers.7.bias",
        "layers.1.weight has shape (4, 3), expected (4, 2)",
        "layers.1.bias has dtype <U1",
    ):
        assert part in str(error.value)
    for name, entry in mlp.state_dict().items():
        np.testing.assert_array_equal(entry, before[name])


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_and_pickles(duplicate: Callable[[Any], Any]) -> None:
    mlp = nn.MLP([3, 4, 2], "relu", dropout=0.5, rng=0)
    for twin in (duplicate(mlp), duplicate(duplicate(mlp))):
        np.testing.assert_array_equal(twin.eval()(X).numpy(), mlp.eval()(X).numpy())
        twin.layers[0].weight.assign(np.zeros((3, 4)))
        assert np.any(mlp.layers[0].weight.numpy())


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (nn.Dense(3, 4), "Dense(3, 4)"),
        (nn.Dense(3, 4, "relu", False), "Dense(3, 4, activation='relu', bias=False)"),
        (nn.Dropout(0.1), "Dropout(0.1)"),
        (nn.Sequential(nn.Dense(3, 4), nn.Dropout(0.5)), "Sequential(Dense(3, 4), Dropout(0.5))"),
        (
            nn.MLP([2, 3, 1], bias=False, error_propagation="rashid", dropout=0.5),
            "MLP([2, 3, 1], activation='tanh', output='identity', bias=False, "
            "error_propagation='rashid', dropout=0.5)",
        ),
    ],
)
def test_repr(module: nn.Module, text: str) -> None:
    assert repr(module) == text


# -- bad input


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.Dense(3, 2)(np.ones((5, 4))), ValueError, r"Dense\(3, 2\).*\(N, 3\).*\(5, 4\)"),
        (lambda: nn.Dense(3, 2, bias=False)(dp.Value(np.ones((5, 4)))), ValueError, r"\(5, 4\)"),
        (lambda: nn.Dense(3, 2)(1.0), ValueError, r"this input has shape \(\)"),
        (lambda: nn.Dense(3, 2)([["a", "b", "c"]]), TypeError, "real numbers"),
        (lambda: nn.MLP([3, 4, 2])(np.ones((5, 4))), ValueError, r"Dense\(3, 4, activation='tanh'"),
        (lambda: nn.Dense(3, 0), ValueError, "n_out must be a whole number, at least 1, not 0"),
        (lambda: nn.Dense(2.5, 1), ValueError, "n_in must be a whole number, at least 1, not 2.5"),
        (lambda: nn.Dense(True, 1), ValueError, "whole number, at least 1, not True"),
        (lambda: nn.Dense(3, 2, "rleu"), ValueError, "unknown activation 'rleu'; known: identity"),
        (lambda: nn.Dense(3, 2, init="xavier"), ValueError, "unknown initialiser 'xavier'; known"),
        (lambda: nn.Dense(3, 2, dtype=int), TypeError, "must be floating, not int64"),
        (lambda: nn.Dense(3, 2, error_propagation="x"), ValueError, "known: exact, rashid, linear"),
        (
            lambda: nn.Dense(3, 2, init=lambda *_: np.ones((2, 3))),
            ValueError,
            r"\(2, 3\).*\(3, 2\)",
        ),
        (lambda: nn.MLP([3]), ValueError, r"\[n_in, \.\.\., n_out\], not \[3\]"),
        (lambda: nn.MLP([3, -1]), ValueError, "whole number, at least 1, not -1"),
        (lambda: nn.Dropout(1.0), ValueError, "below 1 and at least 0, got 1.0"),
        (lambda: nn.Dropout(float("nan")), ValueError, "below 1 and at least 0, got nan"),
        (lambda: nn.Sequential(nn.Dense(2, 2), "relu"), TypeError, "not str 'relu'"),
    ],
)
def test_bad_input(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
