"""Ensembles: as many networks as members, each as if it were alone."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop import nn, optim

rng = np.random.default_rng(0)
TARGETS: dict[str, Callable[..., Any]] = {
    "mse": lambda r, n, width: r.normal(size=(n, width)),
    "softmax_cross_entropy": lambda r, n, width: r.integers(0, width, n),
    "binary_cross_entropy_with_logits": lambda r, n, width: r.random((n, width)),
}


def alone(members: int, sizes: list[int], seed: int, **options: Any) -> list[nn.MLP]:
    generator = np.random.default_rng(seed)
    return [nn.MLP(sizes, rng=generator, **options) for _ in range(members)]


@pytest.mark.filterwarnings("ignore:softmax")
@given(
    members=st.integers(1, 4),
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    activation=st.sampled_from(["tanh", "relu", "sigmoid", "softmax"]),
    bias=st.booleans(),
    loss=st.sampled_from(sorted(TARGETS)),
    own=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 99),
)
def test_gradients_are_those_of_separate_networks(
    members: int,
    sizes: list[int],
    activation: str,
    bias: bool,
    loss: str,
    own: bool,
    dtype: Any,
    seed: int,
) -> None:
    options = {"activation": activation, "bias": bias, "dtype": dtype}
    ensemble = nn.Ensemble(members, sizes, rng=seed, **options)  # type: ignore[arg-type]
    networks = alone(members, sizes, seed, **options)
    r, N = np.random.default_rng(seed), sizes[-1] + 6  # no target looks like another
    X = [r.normal(size=(N, sizes[0])) for _ in range(members)]
    T = [TARGETS[loss](r, N, sizes[-1]) for _ in range(members)]
    if not own:  # data of all
        X, T = X[:1] * members, T[:1] * members
    outputs = ensemble(np.stack(X) if own else X[0])
    value = ensemble.loss(loss)(outputs, np.stack(T) if own else T[0])
    value.backward()
    losses = [nn.loss(loss)(network(x), t) for network, x, t in zip(networks, X, T, strict=True)]
    eps = 40 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(value.item(), sum(x.item() for x in losses), rtol=eps)
    for k, (network, each) in enumerate(zip(networks, losses, strict=True)):
        each.backward()
        np.testing.assert_allclose(outputs.numpy()[k], network(X[k]).numpy(), rtol=eps, atol=eps)
        for layer, stack in zip(network.layers, ensemble.layers, strict=True):
            pairs = [(stack.weight.grad[k], layer.weight.grad)]
            if bias:
                pairs.append((stack.bias.grad[k, 0], layer.bias.grad))
            for ours, theirs in pairs:
                assert ours.dtype == dtype
                scale = max(1.0, float(np.abs(theirs).max()))
                np.testing.assert_allclose(ours, theirs, rtol=eps, atol=eps * scale)


@pytest.mark.parametrize("compiled", [False, True])
def test_training_is_that_of_separate_networks(compiled: bool) -> None:
    X, T = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    ensemble, networks = nn.Ensemble(3, [3, 6, 2], rng=5), alone(3, [3, 6, 2], 5)

    def training(model: Any, loss: Any) -> Any:
        optimizer = optim.Adam(model.parameters(), lr=0.01)

        def step(X: Any, T: Any) -> Any:
            value = loss(model(X), T)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            return value

        return dp.compile(step) if compiled else step

    steps = [training(ensemble, ensemble.loss("mse")), *(training(m, nn.mse) for m in networks)]
    for _ in range(5):
        total, *each = [step(X, T).item() for step in steps]
        np.testing.assert_allclose(total, sum(each), rtol=1e-12)
    for k, network in enumerate(networks):
        taken = ensemble.member(k)
        for name, entry in taken.state_dict().items():
            np.testing.assert_allclose(entry, network.state_dict()[name], rtol=1e-9)


def test_weights_of_samples_and_reductions() -> None:
    X, T, weights = rng.normal(size=(6, 3)), rng.integers(0, 2, 6), rng.random(6)
    ensemble = nn.Ensemble(3, [3, 4, 2], rng=0)
    outputs, loss = ensemble(X), ensemble.loss("softmax_cross_entropy")
    each = [ensemble.member(k)(X) for k in range(3)]
    expected = sum(nn.weighted(nn.softmax_cross_entropy, z, T, weights).item() for z in each)
    assert nn.weighted(loss, outputs, T, weights).item() == pytest.approx(expected)
    total = sum(nn.softmax_cross_entropy(z, T, "sum").item() for z in each)
    assert loss(outputs, T, reduction="sum").item() == pytest.approx(total)


@pytest.mark.parametrize("executor", ["numpy", "xla"])
def test_compiled_gradients(executor: str) -> None:
    if executor == "xla":
        pytest.importorskip("jax")
    X, T = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
    ensemble = nn.Ensemble(3, [3, 4, 1], rng=0)

    def step(X: Any, T: Any) -> Any:
        ensemble.zero_grad()
        loss = ensemble.loss("mse")(ensemble(X), T)
        loss.backward()
        return loss

    value, grads = step(X, T).item(), [p.grad for p in ensemble.parameters()]
    replay = dp.compile(step, executor=executor)
    for _ in range(2):
        np.testing.assert_allclose(replay(X, T).item(), value, rtol=1e-12)
        for p, g in zip(ensemble.parameters(), grads, strict=True):
            np.testing.assert_allclose(p.grad, g, rtol=1e-9, atol=1e-14)


def test_a_member_is_a_network_of_its_own() -> None:
    options = {"activation": "relu", "output": "sigmoid", "bias": False, "dtype": np.float32}
    ensemble = nn.Ensemble(3, [3, 4, 2], dropout=0.5, rng=1, **options).eval()  # type: ignore[arg-type]
    X = rng.normal(size=(5, 3))
    for k in (0, 2, -1):
        network = ensemble.member(k)
        assert isinstance(network, nn.MLP)
        assert network.dropout is not None
        assert not network.training
        np.testing.assert_allclose(network(X).numpy(), ensemble(X).numpy()[k], rtol=1e-6)
        network.layers[0].weight.assign(np.zeros((3, 4)))
    assert np.all(np.any(ensemble.layers[0].weight.numpy(), axis=(1, 2)))
    assert repr(ensemble).startswith("Ensemble(3, [3, 4, 2], activation='relu', output='sigmoid'")


def test_members_drop_units_each_for_itself() -> None:
    ensemble = nn.Ensemble(2, [3, 50, 50, 1], dropout=0.5, rng=1)
    for stack in ensemble.layers:
        stack.weight.assign(np.repeat(stack.weight.numpy()[:1], 2, axis=0))
    X = rng.normal(size=(5, 3))
    one, other = ensemble(X).numpy()
    assert np.any(one != other)
    one, other = ensemble.eval()(X).numpy()
    np.testing.assert_array_equal(one, other)


# -- predictions


def test_mean_spread_and_vote() -> None:
    ensemble = nn.Ensemble(7, [2, 5, 3], rng=2)
    X = rng.normal(size=(40, 2))
    Z = ensemble(X).numpy()
    P = nn.softmax(Z)
    np.testing.assert_array_equal(ensemble.predictions(X), Z)
    np.testing.assert_allclose(ensemble.mean(X, "softmax"), P.mean(0), rtol=1e-12)
    np.testing.assert_allclose(ensemble.spread(X, nn.softmax), P.std(0), rtol=1e-9)
    for row, taken in enumerate(ensemble.vote(X)):
        counts = np.bincount(Z[:, row].argmax(-1), minlength=3)
        tied = np.flatnonzero(counts == counts.max())
        assert taken == tied[Z[:, row].sum(0)[tied].argmax()]


@pytest.mark.parametrize("output", ["identity", "sigmoid"])
def test_a_vote_between_two_classes(output: str) -> None:
    ensemble = nn.Ensemble(4, [1, 1], output=output, bias=False, init="zeros")
    ensemble.layers[0].weight.assign(np.array([1.0, 2.0, 3.0, -9.0])[:, None, None])
    np.testing.assert_array_equal(ensemble.vote([[1.0], [-1.0]]), [1, 0])
    ensemble.layers[0].weight.assign(np.array([1.0, 2.0, -3.0, -9.0])[:, None, None])
    np.testing.assert_array_equal(ensemble.vote([[1.0], [-1.0]]), [0, 1])  # the sum decides


def test_states_copies_and_pickles() -> None:
    ensemble = nn.Ensemble(3, [2, 4, 1], rng=0)
    X = rng.normal(size=(5, 2))
    fresh = nn.Ensemble(3, [2, 4, 1], rng=9)
    fresh.load_state_dict(ensemble.state_dict())
    for twin in (fresh, copy.deepcopy(ensemble), pickle.loads(pickle.dumps(ensemble))):
        np.testing.assert_array_equal(twin(X).numpy(), ensemble(X).numpy())
        np.testing.assert_array_equal(twin.member(1)(X).numpy(), ensemble.member(1)(X).numpy())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nn.Ensemble(0, [2, 1]),
            ValueError,
            "members must be a whole number, at least 1, not 0",
        ),
        (lambda: nn.Ensemble(True, [2, 1]), ValueError, "at least 1, not True"),
        (lambda: nn.Ensemble(2, [2]), ValueError, "an MLP needs"),
        (lambda: nn.Ensemble(2, [2, 1]).member(2), IndexError, "2 members, and no number 2"),
        (
            lambda: nn.Ensemble(2, [3, 1])(np.ones((4, 2))),
            ValueError,
            r"of 2 members takes inputs of shape \(N, 3\), for all, or \(2, N, 3\).*\(4, 2\)",
        ),
        (lambda: nn.Ensemble(2, [3, 1])(np.ones((4, 5, 3))), ValueError, r"has shape \(4, 5, 3\)"),
        (lambda: nn.Ensemble(2, [3, 1])(np.ones(3)), ValueError, r"has shape \(3,\)"),
        (
            lambda: nn.Ensemble(2, [3, 1]).loss("mse")(np.ones((2, 4, 1)), np.ones((5, 1))),
            ValueError,
            r"\(2, 4, 1\) and target \(5, 1\)",
        ),
        (lambda: nn.Ensemble(2, [3, 1]).loss("msse"), ValueError, "unknown loss"),
        (
            lambda: dp.deltas.layer_deltas(
                nn.Ensemble(2, [3, 1]), np.ones((4, 3)), np.ones((4, 1))
            ),
            ValueError,
            r"take .member\(k\) of the ensemble",
        ),
    ],
)
def test_bad_input(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
