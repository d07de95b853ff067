"""The table of activations: complete, honest about its names, right against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import deltaprop as dp
from deltaprop import nn

POINTS = np.array([-30.0, -2.5, -1.2, -0.3, 0.7, 1.5, 40.0])


def test_every_name_is_importable_and_found() -> None:
    for name, function in nn.ACTIVATIONS.items():
        assert getattr(nn, name) is function
        assert nn.activation(name) is function


@pytest.mark.parametrize("name", ["rleu", "", 3, None])
def test_an_unknown_name_lists_the_known(name: object) -> None:
    with pytest.raises(ValueError, match=r"unknown activation .*known: identity, sigmoid, tanh"):
        nn.activation(name)  # type: ignore[arg-type]


def test_a_function_stands_for_itself() -> None:
    assert nn.activation(np.sin) is np.sin


@pytest.mark.parametrize("name", nn.ACTIVATIONS)
def test_values_and_derivatives_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    theirs = {
        "identity": lambda z: z,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
        "swish": F.silu,
        "log_sigmoid": F.logsigmoid,
        "hard_tanh": F.hardtanh,
        "softmax": lambda z: F.softmax(z, -1),
        "log_softmax": lambda z: F.log_softmax(z, -1),
    }
    function = theirs.get(name) or getattr(F, name)
    weights = np.arange(1.0, 8.0)
    x, z = dp.Value(POINTS), torch.tensor(POINTS, requires_grad=True)
    y, t = nn.ACTIVATIONS[name](x), function(z)
    (y * weights).sum().backward()
    (t * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(y.numpy(), t.detach().numpy(), rtol=1e-12, atol=1e-190)
    np.testing.assert_allclose(x.grad, z.grad.numpy(), rtol=1e-11, atol=1e-14)
    np.testing.assert_array_equal(nn.ACTIVATIONS[name](POINTS), y.numpy())


LOGISTIC = {
    "sigmoid": lambda m, x: 1 / (1 + m.exp(-x)),
    "softplus": lambda m, x: m.log1p(m.exp(x)),
    "log_sigmoid": lambda m, x: -m.log1p(m.exp(-x)),
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", LOGISTIC)
def test_logistic_functions_in_the_whole_range(name: str, dtype: type) -> None:
    """Within 4 units in the last place, subnormal results too, and without a warning."""
    mpmath = pytest.importorskip("mpmath")
    info, f = np.finfo(dtype), nn.ACTIVATIONS[name]
    far = -float(np.log(info.smallest_subnormal))  # from -far on results are subnormal, then 0
    x = np.concatenate([np.linspace(-far, far, 501), np.geomspace(1e-3, 4.0, 50)]).astype(dtype)
    x = np.concatenate([x, -x, [-np.inf, np.inf, np.nan]], dtype=dtype)
    value = dp.Value(x)
    y = f(value)
    y.backward(np.ones(x.shape, dtype))
    assert y.dtype == value.grad.dtype == dtype
    np.testing.assert_array_equal(f(x), y.numpy())
    np.testing.assert_array_equal(dp.compile(f)(x), y.numpy())
    with mpmath.workprec(200):
        for at, found in zip(x[:-3].tolist(), y.numpy().tolist(), strict=False):
            exact = LOGISTIC[name](mpmath, mpmath.mpf(at))
            unit = np.spacing(max(abs(dtype(exact)), info.tiny))
            assert abs(exact - found) <= 4 * mpmath.mpf(float(unit)), at
    ends = {"sigmoid": [0, 1], "softplus": [0, np.inf], "log_sigmoid": [-np.inf, 0]}
    np.testing.assert_array_equal(y.numpy()[-3:], [*ends[name], np.nan])
    slopes = {"sigmoid": [0, 0], "softplus": [0, 1], "log_sigmoid": [1, 0]}
    np.testing.assert_array_equal(value.grad[-3:], [*slopes[name], np.nan])
