"""Batch and layer normalisation: against PyTorch, the formulas, and compiled."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop import nn, optim

torch = pytest.importorskip("torch")
KINDS = {
    "batch": (nn.BatchNorm, torch.nn.BatchNorm1d),
    "layer": (nn.LayerNorm, torch.nn.LayerNorm),
}
DTYPES = {np.float32: (torch.float32, 2e-5), np.float64: (torch.float64, 1e-12)}


def numbers(seed: int, *shape: int, dtype: Any = np.float64) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5, 2.0, shape).astype(dtype)


# -- against PyTorch


@settings(max_examples=30)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    shape=st.tuples(st.integers(2, 7), st.integers(2, 6)),
    dtype=st.sampled_from(sorted(DTYPES, key=str)),
    momentum=st.sampled_from([0.1, 0.7, 1.0, None]),
    eps=st.sampled_from([1e-5, 0.3]),
    seed=st.integers(0, 99),
)
def test_several_steps_and_evaluation_are_pytorchs(
    kind: str, shape: Any, dtype: Any, momentum: Any, eps: float, seed: int
) -> None:
    make, peer = KINDS[kind]
    options = {"eps": eps} | ({"momentum": momentum} if kind == "batch" else {})
    theirs_dtype, rtol = DTYPES[dtype]
    ours = make(shape[1], dtype=dtype, **options)
    theirs = peer(shape[1], dtype=theirs_dtype, **options)
    optimizer = optim.SGD(ours.parameters(), lr=0.1)
    for step in range(4):
        if step == 3:
            ours.eval(), theirs.eval()
        x = dp.Value(numbers(seed + step, *shape, dtype=dtype))
        their_x = torch.tensor(x.numpy(), requires_grad=True)
        g = numbers(seed + step + 200, *shape, dtype=dtype)
        y, their_y = ours(x), theirs(their_x)
        assert y.dtype == dtype
        optimizer.zero_grad(), theirs.zero_grad()
        y.backward(g), their_y.backward(torch.tensor(g))
        pairs = [(y.numpy(), their_y.detach()), (x.grad, their_x.grad)]
        pairs += [(getattr(ours, p).grad, getattr(theirs, p).grad) for p in ("weight", "bias")]
        # between two samples the gradient is what eps leaves: a difference of large numbers
        scale = float(np.abs(g).max()) * (1 + 1 / eps**0.5 if min(shape) < 3 else 30)
        for mine, other in pairs:
            np.testing.assert_allclose(mine, other.numpy(), rtol=rtol, atol=rtol * scale)
        optimizer.step()
        for p in theirs.parameters():
            p.data -= 0.1 * p.grad
        theirs_state = theirs.state_dict()
        assert theirs_state.keys() == ours.state_dict().keys()
        for name, entry in ours.state_dict().items():
            np.testing.assert_allclose(entry, theirs_state[name], rtol=rtol, atol=rtol * scale)


def test_all_axes_but_the_last_are_samples() -> None:
    x = numbers(0, 4, 3, 5)
    one, other = nn.BatchNorm(5), nn.BatchNorm(5)
    np.testing.assert_allclose(one(x).numpy().reshape(12, 5), other(x.reshape(12, 5)).numpy())
    np.testing.assert_allclose(one.running_var, other.running_var)
    y = nn.LayerNorm(5)(x).numpy()
    np.testing.assert_allclose(y[2], nn.LayerNorm(5)(x[2]).numpy())


# -- derivatives


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_both_orders_and_modes(kind: str, training: bool) -> None:
    norm = KINDS[kind][0](3).train(training)
    weights = numbers(4, 5, 3)

    def loss(x: Any, weight: Any, bias: Any) -> Any:
        norm.weight, norm.bias = weight, bias
        return (norm(x) * weights).sum()

    dp.testing.check_grads(loss, numbers(1, 5, 3), numbers(2, 3), numbers(3, 3))


@settings(max_examples=50)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    activation=st.sampled_from(["sigmoid", "tanh", "softplus"]),
    widths=st.lists(st.integers(3, 6), min_size=1, max_size=3),
    training=st.booleans(),
    dtype=st.sampled_from(sorted(DTYPES, key=str)),
    seed=st.integers(0, 99),
)
def test_the_formulas_and_autodiff_agree(
    kind: str, activation: str, widths: list[int], training: bool, dtype: Any, seed: int
) -> None:
    mlp = nn.MLP([4, *widths, 2], activation, normalization=kind, rng=seed, dtype=dtype)
    for norm in mlp.train(training).norms or ():
        norm.weight.assign(np.random.default_rng(seed).uniform(0.5, 2.0, norm.n))
        norm.bias.assign(numbers(seed + 1, norm.n))
    before = mlp.state_dict()
    found = dp.deltas.compare(mlp, numbers(seed, 30, 4), numbers(seed + 2, 30, 2))
    # where a variance is near 0, rounding costs more than the usual 16; a wrong term, millions
    assert found.largest < 5000, str(found)
    assert found.rows[0].norm is not None
    assert found.rows[-1].norm is None
    assert "norm" in str(found)
    for name, entry in mlp.state_dict().items():
        np.testing.assert_array_equal(entry, before[name])


# -- running statistics


def test_running_statistics_are_those_of_the_data() -> None:
    norm = nn.BatchNorm(2, momentum=None)
    batches = [numbers(seed, 50, 2) for seed in range(20)]
    for x in batches:
        norm(x)
    np.testing.assert_allclose(norm.running_mean, np.mean(batches, (0, 1)), rtol=1e-12)
    np.testing.assert_allclose(norm.running_var, np.var(batches, 1, ddof=1).mean(0), rtol=1e-12)
    assert norm.num_batches_tracked == 20
    before = norm.state_dict()
    with dp.no_grad():
        y = norm.eval()(batches[0])
    assert y.is_constant
    expected = (batches[0] - norm.running_mean) / np.sqrt(norm.running_var + norm.eps)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12)
    for name, entry in norm.state_dict().items():
        np.testing.assert_array_equal(entry, before[name])


@pytest.mark.parametrize("executor", ["numpy", "xla"])
@pytest.mark.parametrize("kind", KINDS)
def test_compiled_steps_track_what_eager_ones_do(kind: str, executor: str) -> None:
    if executor == "xla":
        pytest.importorskip("jax")
    made = []
    for compiled in (False, True):
        model = nn.MLP([3, 8, 8, 2], "relu", normalization=kind, rng=0)
        optimizer = optim.Adam(model.parameters(), lr=0.01)

        def step(X: Any, T: Any, model: Any = model, optimizer: Any = optimizer) -> Any:
            loss = nn.mse(model(X), T)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        made.append((model, dp.compile(step, executor=executor) if compiled else step))
    close = {"rtol": 0.0 if executor == "numpy" else 1e-12, "atol": 1e-14 * (executor == "xla")}
    held = []
    for seed in range(4):
        X, T = numbers(seed, 16, 3), numbers(seed + 50, 16, 2)
        losses = [step(X, T).item() for _, step in made]
        np.testing.assert_allclose(*losses, **close)
        states = [model.state_dict() for model, _ in made]
        for name, entry in states[0].items():
            np.testing.assert_allclose(states[1][name], entry, **close)
            assert states[1][name].dtype == entry.dtype
        held.append([(b, np.copy(b)) for _, b in made[1][0].named_buffers()])
    for buffer, copied in [pair for buffers in held for pair in buffers]:
        np.testing.assert_array_equal(buffer, copied)  # a later run wrote into no old buffer
    assert made[1][1].cache_info()[:2] == (3, 1)


def test_compiled_evaluation_reads_running_statistics_anew() -> None:
    model = nn.MLP([3, 5, 2], normalization="batch", rng=0)
    predict, X = dp.compile(lambda x: model(x)), numbers(0, 6, 3)
    first = predict(X).numpy() if model.eval() else None
    model.train()(X + 9)
    second = predict(X).numpy() if model.eval() else None
    assert np.any(first != second)
    np.testing.assert_array_equal(second, model(X).numpy())
    assert predict.cache_info().misses == 1


# -- states


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_buffers_are_copied_pickled_saved_and_loaded(duplicate: Callable[[Any], Any]) -> None:
    model = nn.MLP([3, 5, 4, 2], normalization="batch", rng=0)
    model(numbers(0, 6, 3))
    state = model.state_dict()
    assert [name for name, _ in model.named_buffers()] == [
        f"norms.{i}.{name}" for i in (0, 1) for name in nn.BatchNorm.buffers
    ]
    assert not {name for name, _ in model.named_buffers()} & dict(model.named_parameters()).keys()
    fresh = nn.MLP([3, 5, 4, 2], normalization="batch", rng=1)
    fresh.load_state_dict(state)
    for twin in (fresh, duplicate(model)):
        assert twin.state_dict().keys() == state.keys()
        for name, entry in twin.state_dict().items():
            np.testing.assert_array_equal(entry, state[name])
            assert entry.dtype == state[name].dtype
        twin(numbers(1, 6, 3))
        assert model.norms is not None
        np.testing.assert_array_equal(model.norms[0].running_mean, state["norms.0.running_mean"])
    for entry in state.values():
        entry *= 0
    assert np.any(fresh.norms[0].running_mean)  # type: ignore[index]
    assert type(fresh.norms[0].num_batches_tracked) is int  # type: ignore[index]


def test_a_state_whose_buffers_do_not_fit_changes_nothing() -> None:
    norm = nn.BatchNorm(3)
    norm(numbers(0, 6, 3))
    before = norm.state_dict()
    state = nn.BatchNorm(3).state_dict() | {"running_var": np.ones(2)}
    del state["running_mean"]
    with pytest.raises(ValueError, match=r"missing running_mean.*running_var has shape \(2,\)"):
        norm.load_state_dict(state)
    for name, entry in norm.state_dict().items():
        np.testing.assert_array_equal(entry, before[name])


def test_a_module_of_two_places_has_its_buffers_once() -> None:
    norm = nn.BatchNorm(3)
    assert len(nn.Sequential(norm, nn.relu, norm).named_buffers()) == 3


# -- in networks


def test_a_network_with_normalization() -> None:
    model = nn.MLP([3, 5, 4, 2], "relu", normalization="batch", dropout=0.5, rng=0)
    assert [layer.bias is None for layer in model.layers] == [True, True, False]
    assert repr(model).endswith("dropout=0.5, normalization='batch')")
    X, twin = numbers(0, 6, 3), nn.MLP([3, 5, 4, 2], "relu", normalization="layer", rng=0)
    assert not any(layer.bias is None for layer in twin.layers)
    by_hand: Any = X
    for layer, norm in zip(twin.layers, twin.norms or (), strict=False):
        by_hand = nn.relu(norm(layer.linear(by_hand)))
    np.testing.assert_array_equal(twin(X).numpy(), twin.layers[-1](by_hand).numpy())
    assert nn.MLP([3, 2], normalization="batch", rng=0)(X).shape == (6, 2)  # nothing is hidden


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.BatchNorm(0), ValueError, "features must be a whole number, at least 1, not 0"),
        (lambda: nn.LayerNorm(2.5), ValueError, "whole number, at least 1, not 2.5"),
        (lambda: nn.LayerNorm(2, eps=0.0), ValueError, "eps must be positive"),
        (lambda: nn.BatchNorm(2, momentum=0.0), ValueError, r"\(0, 1\], or None, not 0.0"),
        (lambda: nn.BatchNorm(2, dtype=int), TypeError, "floating, not int64"),
        (lambda: nn.BatchNorm(2)(np.ones((1, 2))), ValueError, r"two samples or more.*eval\(\)"),
        (lambda: nn.BatchNorm(2)(np.ones((4, 3))), ValueError, r"\(\.\.\., 2\), not \(4, 3\)"),
        (lambda: nn.LayerNorm(2)(1.0), ValueError, r"\(\.\.\., 2\), not \(\)"),
        (lambda: nn.MLP([2, 2], normalization="bach"), ValueError, "known: batch, layer"),
        (
            lambda: nn.MLP([2, 2, 2], normalization="layer", error_propagation="rashid"),
            ValueError,
            "goes with no normalization",
        ),
        (
            lambda: dp.deltas.layer_deltas(
                nn.MLP([2, 2, 2], normalization="layer"), [[1, 2]], [[1, 2]], "mse", "linear"
            ),
            ValueError,
            "not defined for normalised layers",
        ),
    ],
)
def test_bad_input(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("given", [np.float32, np.float64])
def test_buffers_keep_the_layers_dtype(dtype: Any, given: Any) -> None:
    eager, other = nn.BatchNorm(3, dtype=dtype), nn.BatchNorm(3, dtype=dtype)
    compiled = dp.compile(lambda x: other(x))
    for k in range(3):
        x = numbers(k, 5, 3, dtype=given)
        eager(dp.constant(x)), compiled(dp.constant(x))
        for name, entry in eager.state_dict().items():
            np.testing.assert_array_equal(other.state_dict()[name], entry, strict=True)
        assert eager.running_mean.dtype == eager.running_var.dtype == dtype
