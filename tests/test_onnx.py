"""Networks as ONNX files: run by ONNX Runtime, they give the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop import nn
from deltaprop.nn import ACTIVATIONS
from deltaprop.onnx import export

DTYPES = [np.float32, np.float64]


def ran(path: Path, x: np.ndarray) -> np.ndarray:
    """What ONNX Runtime makes of an input."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"input": x})
    return y


def agrees(model: Any, path: Path, x: np.ndarray) -> None:
    """The file computes what the model does, for any number of samples, to rounding."""
    training = getattr(model, "training", None)
    proto = export(model, path, x)
    assert getattr(model, "training", None) == training
    onnx.checker.check_model(onnx.load(path), full_check=True)
    assert proto == onnx.load(path)
    if isinstance(model, nn.Module):
        model.eval()
    for sample in (x, x[:1], np.concatenate([x, 3 * x])):
        ours, theirs = dnp.asarray(model(sample)).numpy(), ran(path, sample)
        assert theirs.dtype == ours.dtype
        size = 100 * np.finfo(x.dtype).eps
        np.testing.assert_allclose(theirs, ours, rtol=size, atol=size)


def inputs(dtype: Any, width: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 2, (9, width)).astype(dtype)


CASES = [
    (name, dtype)
    for name in ACTIVATIONS
    for dtype in DTYPES
    if (name, dtype) != ("gelu", np.float64)
]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_every_activation(name: str, dtype: Any, tmp_path: Path) -> None:
    mlp = nn.MLP([3, 5, 4, 2], activation=name, output=name, rng=0, dtype=dtype)
    agrees(mlp, tmp_path / "mlp.onnx", inputs(dtype))
    tensors = onnx.load(tmp_path / "mlp.onnx").graph.initializer
    assert [t.name for t in tensors if "constant" not in t.name] == list(mlp.state_dict())


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_activations_far_out_and_near_zero(name: str, dtype: Any, tmp_path: Path) -> None:
    """The file's own words for what ONNX has not overflow nowhere, and keep small results."""
    x = np.array([[-800.0, -90.0, -20.0, -1.0, -1e-9, 0.0, 1e-9, 1.0, 20.0, 90.0, 800.0]], dtype)
    export(ACTIVATIONS[name], tmp_path / "f.onnx", x)
    y = ran(tmp_path / "f.onnx", x)
    with np.errstate(all="ignore"):
        want = ACTIVATIONS[name](x)
    # of what ONNX Runtime computes as it likes, small results have their absolute error
    coarse = name in ("sigmoid", "gelu", "gelu_tanh", "softmax")
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(y, want, rtol=200 * eps, atol=20 * eps if coarse else 1e-37)


@pytest.mark.parametrize("dtype", DTYPES)
def test_layers(dtype: Any, tmp_path: Path) -> None:
    norm = nn.BatchNorm(4, dtype=dtype)
    model = nn.Sequential(
        nn.Dense(3, 4, "relu", rng=0, dtype=dtype),
        norm,
        nn.Dropout(0.5, rng=0),
        nn.LayerNorm(4, dtype=dtype),
        nn.Dense(4, 4, bias=False, rng=1, dtype=dtype),
        nn.BatchNorm(4, affine=False, dtype=dtype),
        lambda x: dnp.where(x > 0.1, x * x, np.sin(x) - 0.25),
        nn.Dense(4, 2, "softmax", rng=2, dtype=dtype),
    )
    for _ in range(3):
        model(inputs(dtype))  # running statistics that are not those of the start
    state = model.state_dict()
    agrees(model, tmp_path / "model.onnx", inputs(dtype))
    for name, entry in model.state_dict().items():
        np.testing.assert_array_equal(entry, state[name])
    names = {t.name for t in onnx.load(tmp_path / "model.onnx").graph.initializer}
    assert {"layers.0.weight", "layers.1.running_mean", "layers.7.bias"} <= names


def test_other_models(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    x = inputs(np.float32)
    agrees(nn.MLP([3, 4, 2], dropout=0.5, rng=0, dtype=np.float32), path, x)
    agrees(nn.MLP([3, 4, 4, 2], normalization="batch", rng=0, dtype=np.float32), path, x)
    for propagation in ("rashid", "linear"):
        mlp = nn.MLP([3, 4, 2], rng=0, dtype=np.float32, error_propagation=propagation)
        agrees(mlp, path, x)
    agrees(nn.Ensemble(4, [3, 5, 1], rng=0, dtype=np.float32), path, x)
    assert ran(path, x).shape == (4, 9, 1)
    ensemble = nn.Ensemble(4, [3, 5, 1], rng=0, dtype=np.float32)
    agrees(lambda x: dnp.mean(ensemble(x), axis=0), path, x)
    scale = dp.Value(2.5)  # a number beside arrays of single precision
    agrees(lambda x: scale * x / (1 + np.abs(x).sum(-1, keepdims=True)), path, x)
    images = np.random.default_rng(0).normal(size=(6, 4, 5))
    agrees(lambda x: dnp.reshape(x, (len(x), 20)).max(-1) + x.mean((1, 2)), path, images)
    agrees(lambda x: dnp.concat([dnp.permute_dims(x, (0, 2, 1)), x.mT], axis=-1), path, images)
    agrees(lambda x: x, path, x)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=4),
    activation=st.sampled_from(sorted({*ACTIVATIONS} - {"gelu"})),
    bias=st.booleans(),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 99),
)
def test_any_mlp(
    sizes: Any, activation: str, bias: bool, dtype: Any, seed: int, tmp_path: Path
) -> None:
    mlp = nn.MLP(sizes, activation, bias=bias, rng=seed, dtype=dtype)
    x = np.random.default_rng(seed).normal(size=(4, sizes[0])).astype(dtype)
    export(mlp, tmp_path / "mlp.onnx")
    size = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(ran(tmp_path / "mlp.onnx", x), mlp(x).numpy(), rtol=size, atol=size)


def test_trained_weights_and_no_memory_shared(tmp_path: Path) -> None:
    mlp = nn.MLP([3, 2], rng=0)
    proto = export(mlp, tmp_path / "mlp.onnx")
    before = mlp(inputs(float)).numpy()
    mlp.layers[0].weight.data[...] = 0
    np.testing.assert_allclose(ran(tmp_path / "mlp.onnx", inputs(float)), before)
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"


@pytest.mark.parametrize(
    ("model", "example", "error", "says"),
    [
        (np.tanh, None, ValueError, "give an example"),
        (nn.MLP([3, 2], "gelu", "gelu"), None, NotImplementedError, "'gelu_tanh'"),
        (np.tanh, np.ones((2, 3), int), TypeError, "floating numbers with samples"),
        (np.tanh, np.float64(1.0), TypeError, "floating numbers with samples"),
        (lambda x: [x, x], np.ones((2, 3)), TypeError, "returns one array"),
        (lambda x: 1.0, np.ones((2, 3)), TypeError, "returns one array"),
        (lambda x: np.fft.fft(x).real, np.ones((2, 3)), NotImplementedError, "counterpart"),
        (lambda x: x if x[0, 0] > 0 else -x, np.ones((2, 3)), dp.TraceError, "where"),
        (lambda x: x * len(x), np.ones((2, 3)), ValueError, "the number of samples"),
        (lambda x: x + np.ones((len(x), 1)), np.ones((2, 3)), ValueError, "number of samples"),
        (lambda x: x if len(x) > 4 else -x, np.ones((2, 3)), ValueError, "number of samples"),
        (
            lambda x: x * dp.nn.Dropout(0.5)(x),
            np.ones((2, 3)),
            NotImplementedError,
            "random or stateful",
        ),
    ],
)
def test_what_cannot_be_exported_is_named_and_no_file_written(
    model: Any, example: Any, error: Any, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("before", "utf-8")
    with pytest.raises(error, match=says):
        export(model, path, example)
    assert path.read_text("utf-8") == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    mlp = nn.MLP([3, 2], rng=0, dropout=0.5)
    with pytest.raises(FileNotFoundError):
        export(mlp, tmp_path / "nowhere" / "mlp.onnx")
    assert all(module.training for module in mlp.modules())
