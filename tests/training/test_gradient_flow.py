"""Gradient flow: the sizes in each layer are those of the formulas, and nothing is changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop import nn, optim
from deltaprop.training import GradientFlow, fit, gradient_flow

rng = np.random.default_rng(0)
X, T = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))


@given(
    widths=st.lists(st.integers(2, 6), max_size=4),
    activation=st.sampled_from(["sigmoid", "tanh", "relu", "gelu"]),
    normalization=st.sampled_from([None, "batch", "layer"]),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_sizes_are_those_of_the_formulas(
    widths: list[int], activation: str, normalization: Any, bias: bool, seed: int
) -> None:
    mlp = nn.MLP([3, *widths, 2], activation, bias=bias, rng=seed, normalization=normalization)
    expected = dp.deltas.layer_deltas(mlp, X, T)
    found = gradient_flow(mlp, X, T)
    assert list(found) == [f"layers.{k}" for k in range(len(widths) + 1)]
    for flow, layer in zip(found.values(), expected.layers, strict=True):
        sizes = layer.A.mean(), layer.A.std(0).mean(), abs(layer.delta).mean(), abs(layer.dW).mean()
        np.testing.assert_allclose(flow, sizes, rtol=1e-6, atol=1e-12)


def test_nothing_changes() -> None:
    mlp = nn.MLP([3, 5, 5, 2], dropout=0.5, normalization="batch", rng=0).eval()
    before, generator = mlp.state_dict(), copy.deepcopy(mlp.dropout.rng)  # type: ignore[union-attr]
    mlp(X).sum().backward()
    grads = [np.copy(p.grad) for p in mlp.parameters()]
    first = gradient_flow(mlp, X, T)
    assert first == gradient_flow(mlp, X, T)
    assert not mlp.training
    for name, entry in mlp.state_dict().items():
        np.testing.assert_array_equal(entry, before[name])
    for p, g in zip(mlp.parameters(), grads, strict=True):
        np.testing.assert_array_equal(p.grad, g)
    assert mlp.dropout is not None
    assert mlp.dropout.rng.random() == generator.random()


def test_networks_of_other_kinds() -> None:
    tied = nn.Dense(3, 3, rng=0)
    model = nn.Sequential(tied, nn.tanh, nn.BatchNorm(3), tied, nn.LayerNorm(3))
    flow = gradient_flow(model, X, X)
    assert list(flow) == ["layers.0", "layers.0 (2)"]
    assert flow["layers.0"].activation_std == pytest.approx(1, abs=1e-3)  # normalised
    ensemble = nn.Ensemble(3, [3, 4, 2], rng=0)
    found = gradient_flow(ensemble, X, T, ensemble.loss("mse"))
    deltas = [gradient_flow(ensemble.member(k), X, T)["layers.0"].delta for k in range(3)]
    assert list(found) == ["layers.0", "layers.1"]
    assert found["layers.0"].delta == pytest.approx(np.mean(deltas))

    class Own(nn.Module):
        def __init__(self) -> None:
            self.W, self.fixed = dp.Value(rng.normal(size=(3, 2))), dp.Value(1.0)

        def __call__(self, x: Any) -> Any:
            return dp.numpy.einsum("ij,jk->ik", x, self.W) * self.fixed

    assert list(gradient_flow(Own(), X, T)) == ["W"]


def test_what_explodes_is_said_and_not_warned_about() -> None:
    mlp = nn.MLP([3, *[9] * 40, 2], "relu", init=lambda *a: 1e9 * nn.he_normal(*a), rng=0)
    flow = list(gradient_flow(mlp, X, T).values())
    assert not np.isfinite(flow[0].delta)


@pytest.mark.parametrize("compiled", [True, False])
def test_the_callback_looks_before_and_after_each_epoch(compiled: bool) -> None:
    def train(callbacks: list[Any]) -> Any:
        mlp = nn.MLP([3, 5, 2], dropout=0.3, normalization="batch", rng=0)
        fit(
            mlp, (X, T), "mse", optim.Adam(mlp.parameters()), epochs=3, batch_size=10, rng=0,
            callbacks=callbacks, compiled=compiled,
        )  # fmt: skip
        return mlp

    flow, start = GradientFlow(), nn.MLP([3, 5, 2], dropout=0.3, normalization="batch", rng=0)
    mlp, plain = train([flow]), train([])
    for name, entry in plain.state_dict().items():  # looking changes nothing
        np.testing.assert_array_equal(entry, mlp.state_dict()[name])
    sizes = flow["delta"]
    assert {name: len(column) for name, column in sizes.items()} == dict.fromkeys(
        ["layers.0", "layers.1"], 4
    )
    assert sizes["layers.1"][0] == gradient_flow(start, X, T)["layers.1"].delta
    assert sizes["layers.1"][-1] == gradient_flow(mlp, X, T)["layers.1"].delta
    again = GradientFlow()
    again.load_state_dict(flow.state_dict())
    assert again.layers == flow.layers


def test_batches_from_outside_need_one_to_look_at() -> None:
    mlp = nn.MLP([3, 2], rng=0)
    optimizer = optim.SGD(mlp.parameters(), lr=0.1)
    flow = GradientFlow((X[:4], T[:4]))
    fit(mlp, [(X, T)], "mse", optimizer, epochs=1, callbacks=[flow])
    assert flow["delta"]["layers.0"][-1] == gradient_flow(mlp, X[:4], T[:4])["layers.0"].delta
    with pytest.raises(ValueError, match=r"GradientFlow\(\(X, T\)\)"):
        fit(mlp, [(X, T)], "mse", optimizer, epochs=1, callbacks=[GradientFlow()])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gradient_flow(nn.tanh, X, T), TypeError, "looks into a dp.nn.Module"),
        (lambda: gradient_flow(nn.BatchNorm(3), X, X), ValueError, "no layer with a matrix"),
        (lambda: GradientFlow()["deltas"], KeyError, "there are activation_mean"),
    ],
)
def test_bad_input(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
