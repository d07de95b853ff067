"""State dicts to and from PyTorch: the same architecture computes the same."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deltaprop import nn
from deltaprop.torch import load_state_dict, state_dict

ACTIVATIONS: dict[str, Any] = {
    "identity": None,
    "tanh": torch.nn.Tanh,
    "sigmoid": torch.nn.Sigmoid,
    "relu": torch.nn.ReLU,
    "leaky_relu": torch.nn.LeakyReLU,
    "elu": torch.nn.ELU,
    "selu": torch.nn.SELU,
    "gelu": torch.nn.GELU,
    "silu": torch.nn.SiLU,
    "mish": torch.nn.Mish,
    # theirs is the identity from 20 on, if not told otherwise
    "softplus": lambda: torch.nn.Softplus(threshold=40),
}
NORMS: dict[Any, Any] = {
    None: None,
    "batch": torch.nn.BatchNorm1d,
    "layer": torch.nn.LayerNorm,
}


def in_torch(
    sizes: list[int], activation: str, bias: bool, norm: str | None, dtype: Any
) -> torch.nn.Sequential:
    """What the MLP of these arguments is in PyTorch."""
    layers: list[Any] = []
    for i, (n, m) in enumerate(pairwise(sizes)):
        last = i == len(sizes) - 2
        # before batch normalisation a bias would be subtracted again, and an MLP has none
        layers.append(torch.nn.Linear(n, m, bias=bias and (last or norm != "batch")))
        if not last:
            layers += [NORMS[norm](m)] if norm else []
            layers += [ACTIVATIONS[activation]()] if ACTIVATIONS[activation] else []
    kind = torch.float32 if dtype == np.float32 else torch.float64
    return torch.nn.Sequential(*layers).to(kind)


def scrambled(model: Any, seed: int) -> None:
    """Random numbers in every place, running statistics as well."""
    generator = torch.Generator().manual_seed(seed)
    for entry in model.state_dict().values():
        if entry.is_floating_point():
            entry.copy_(torch.rand(entry.shape, generator=generator) + 0.1)
        else:
            entry.fill_(7)


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    bias=st.booleans(),
    norm=st.sampled_from([None, "batch", "layer"]),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 1000),
)
def test_the_same_network_there_and_here(
    sizes: Any, activation: Any, bias: Any, norm: Any, dtype: Any, seed: int
) -> None:
    theirs = in_torch(sizes, activation, bias, norm, dtype)
    scrambled(theirs, seed)
    mlp = nn.MLP(sizes, activation, bias=bias, rng=seed, dtype=dtype, normalization=norm)
    x = np.random.default_rng(seed).normal(size=(6, sizes[0])).astype(dtype)
    tolerance = 1e-4 if dtype == np.float32 else 1e-11

    load_state_dict(mlp, theirs)
    want = theirs.eval()(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(mlp.eval()(x).numpy(), want, rtol=tolerance, atol=tolerance)

    back = in_torch(sizes, activation, bias, norm, dtype)
    back.load_state_dict(state_dict(mlp, like=back))
    for name, entry in theirs.state_dict().items():
        assert torch.equal(back.state_dict()[name], entry)
        assert back.state_dict()[name].dtype == entry.dtype


def test_own_names_and_other_models() -> None:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList([torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)])

    net, mlp = Net().double(), nn.MLP([3, 4, 2], rng=0)
    net.load_state_dict(state_dict(mlp))  # the names are the same
    assert torch.equal(net.layers[0].weight, torch.from_numpy(mlp.layers[0].weight.numpy().T))
    model = nn.Sequential(
        nn.Dense(3, 4, "relu", rng=0), nn.BatchNorm(4, affine=False), nn.Dropout(0.5),
        nn.Dense(4, 4, bias=False, rng=1), nn.LayerNorm(4), nn.BatchNorm(4), nn.Dense(4, 2, rng=2),
    )  # fmt: skip
    theirs = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.BatchNorm1d(4, affine=False),
        torch.nn.Dropout(0.5), torch.nn.Linear(4, 4, bias=False), torch.nn.LayerNorm(4),
        torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2),
    ).double().eval()  # fmt: skip
    scrambled(theirs, 3)
    load_state_dict(model.eval(), theirs.state_dict())
    x = np.random.default_rng(0).normal(size=(5, 3))
    want = theirs(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(model(x).numpy(), want, rtol=1e-12)
    layer, single = nn.Dense(3, 2, rng=0), torch.nn.Linear(3, 2).double()
    load_state_dict(layer, single)
    np.testing.assert_array_equal(layer.weight.numpy(), single.weight.detach().numpy().T)


def test_dtypes_and_sources() -> None:
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 2)).bfloat16()
    mlp = nn.MLP([3, 2], rng=0)
    load_state_dict(mlp, theirs)
    np.testing.assert_array_equal(
        mlp.layers[0].weight.numpy(), theirs[0].weight.detach().double().numpy().T
    )
    assert state_dict(mlp, like=theirs)["0.weight"].dtype == torch.bfloat16
    load_state_dict(mlp, dict(theirs.named_parameters()))  # which require gradients
    arrays = {"0.weight": np.arange(6.0).reshape(2, 3), "0.bias": [1, 2]}
    load_state_dict(mlp, arrays)
    np.testing.assert_array_equal(mlp.layers[0].weight.numpy(), arrays["0.weight"].T)
    given = state_dict(mlp)["layers.0.weight"]
    given.zero_()
    assert mlp.layers[0].weight.numpy().any(), "copies are given"
    arrays["0.weight"][:] = 0
    assert mlp.layers[0].weight.numpy().any(), "copies are kept"


def test_what_does_not_fit_is_named_and_nothing_changes() -> None:
    mlp = nn.MLP([3, 4, 2], rng=0)
    before = mlp.state_dict()
    for sizes, bias, norm, says in [
        ([3, 4, 3, 2], True, None, r"2 with bias \(1-D\) and weight \(2-D\) here, but 3 with"),
        ([3, 4, 2], False, None, r"but 2 with weight \(2-D\) in PyTorch"),
        ([3, 4, 2], True, "batch", "running_mean"),
        ([3, 5, 2], True, None, r"layers.0.weight has shape \(3, 5\), expected \(3, 4\)"),
        ([4, 4, 2], True, None, r"layers.0.weight has shape \(4, 4\), expected \(3, 4\)"),
    ]:
        theirs = in_torch(sizes, "tanh", bias, norm, np.float64)
        with pytest.raises(ValueError, match=says):
            load_state_dict(mlp, theirs)
    for name, entry in mlp.state_dict().items():
        np.testing.assert_array_equal(entry, before[name])
    with pytest.raises(ValueError, match=r"0.weight has shape \(5, 3\) in PyTorch, but layers.0"):
        state_dict(mlp, like=in_torch([3, 5, 2], "tanh", True, None, np.float64))
