"""micrograd's network of scalar Values."""

from __future__ import annotations

import numpy as np
import pytest

import deltaprop as dp
from deltaprop import deltas, nn
from deltaprop.nn import scalar


def load(model: scalar.ScalarMLP, mlp: nn.MLP) -> None:
    """Give the scalar network the numbers of the tensor network."""
    for layer, dense in zip(model.layers, mlp.layers, strict=True):
        W, b = dense.weight.numpy(), dense.bias.numpy()
        for j, neuron in enumerate(layer.neurons):
            neuron.b.assign(b[j])
            for w, entry in zip(neuron.w, W[:, j], strict=True):
                w.assign(entry)


@pytest.mark.parametrize("sizes", [[2, 1], [3, 4, 1], [3, 4, 4, 2], [2, 1, 3]])
def test_scalars_tensors_and_formulas_agree(sizes: list[int]) -> None:
    rng = np.random.default_rng(0)
    mlp = nn.MLP(sizes, "relu", rng=0)
    for layer in mlp.layers:
        layer.bias.assign(rng.normal(size=layer.bias.shape))
    X, T = rng.normal(size=(5, sizes[0])), rng.normal(size=(5, sizes[-1]))
    model = scalar.ScalarMLP(sizes[0], sizes[1:])
    load(model, mlp)

    loss = 0.0
    for x, t in zip(X.tolist(), T.tolist(), strict=True):
        out = model(x)
        out = out if isinstance(out, list) else [out]
        loss = loss + sum((o - ti) ** 2 for o, ti in zip(out, t, strict=True))
    loss = loss / T.size
    loss.backward()
    found = deltas.layer_deltas(mlp, X, T)
    tensor = nn.mse(mlp(X), T)
    tensor.backward()

    assert loss.item() == pytest.approx(found.loss, rel=1e-12)
    assert tensor.item() == pytest.approx(found.loss, rel=1e-12)
    for layer, dense, formula in zip(model.layers, mlp.layers, found.layers, strict=True):
        dW = np.array([[w.grad for w in neuron.w] for neuron in layer.neurons]).T
        db = np.array([neuron.b.grad for neuron in layer.neurons])
        np.testing.assert_allclose(dW, formula.dW, rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(db, formula.db, rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(dense.weight.grad, formula.dW, rtol=1e-11, atol=1e-14)


def test_micrograds_api() -> None:
    model = scalar.ScalarMLP(3, [4, 4, 1], rng=0)
    assert len(model.parameters()) == 41
    assert repr(model).startswith("MLP of [Layer of [ReLUNeuron(3), ReLUNeuron(3)")
    assert repr(model.layers[-1]) == "Layer of [LinearNeuron(4)]"
    out = model([1.0, 2.0, dp.Value(3.0)])
    assert isinstance(out, dp.Value)
    out.backward()
    model.zero_grad()
    assert all(not p.grad for p in model.parameters())
    assert isinstance(scalar.ScalarMLP(3, [2], rng=0)([1.0, 2.0, 3.0]), list)
    assert scalar.ScalarModule().parameters() == []


def test_training_micrograds_way() -> None:
    model = scalar.ScalarMLP(2, [8, 1], rng=0)
    xs, ys = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
    losses = []
    for _ in range(150):
        loss = sum((model(x) - y) ** 2 for x, y in zip(xs, ys, strict=True))
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= 0.05 * p.grad
        losses.append(loss.data)
    assert losses[-1] < 0.05 * losses[0]


def test_the_seed_decides() -> None:
    one, same, other = (scalar.ScalarMLP(2, [3, 1], rng=s) for s in (1, 1, 2))
    assert [p.data for p in one.parameters()] == [p.data for p in same.parameters()]
    assert [p.data for p in one.parameters()] != [p.data for p in other.parameters()]
    assert all(-1 <= p.data < 1 for p in one.parameters())


def test_nonlin_false_is_linear() -> None:
    model = scalar.ScalarMLP(1, [3, 1], nonlin=False, rng=0)
    a, b, c = (model([x]).data for x in (0.0, 1.0, 2.0))
    assert c - b == pytest.approx(b - a)


def test_a_wrong_number_of_inputs() -> None:
    with pytest.raises(ValueError, match=r"ReLUNeuron\(3\) takes 3 inputs, but got 2"):
        scalar.ScalarMLP(3, [2, 1])([1.0, 2.0])


def test_the_names_are_micrograds() -> None:
    assert (scalar.MLP, scalar.Module) == (scalar.ScalarMLP, scalar.ScalarModule)
    assert isinstance(scalar.MLP(2, [3, 1], rng=0), scalar.Module)
