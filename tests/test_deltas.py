"""The formulas against PyTorch, finite differences and hand calculation."""

from __future__ import annotations

import ast
import dataclasses
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deltaprop.deltas import formulas, layer_deltas

ACTIVATIONS = [*formulas._ELEMENTWISE, *formulas._ROWWISE]
LOSSES = [
    "mse",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "softmax_cross_entropy",
]
MODES = ["exact", "rashid", "linear"]
EPS = np.finfo(float).eps


class Parameter:
    """As much of a Value as the formulas may look at."""

    def __init__(self, data):
        self.data, self.shape, self.dtype = data, data.shape, data.dtype

    def numpy(self):
        return self.data.copy()


def network(sizes, activation="tanh", output="identity", bias=True, seed=0, dtype=float):
    """Make what `layer_deltas` needs of an MLP, with random weights."""
    rng = np.random.default_rng(seed)

    def parameter(*shape):
        return Parameter((rng.normal(size=shape) / np.sqrt(shape[0])).astype(dtype))

    names = [activation] * (len(sizes) - 2) + [output]
    layers = [
        SimpleNamespace(weight=parameter(n, m), bias=parameter(m) if bias else None, activation=a)
        for n, m, a in zip(sizes, sizes[1:], names, strict=False)
    ]
    return SimpleNamespace(layers=layers)


def output_for(loss, activation):
    """An output layer that the loss takes, for a network of this activation."""
    return {"mse": activation, "binary_cross_entropy": "sigmoid"}.get(loss, "identity")


def data_for(loss, n_in, n_out, n=5, seed=1):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_in))
    if loss == "softmax_cross_entropy":
        return X, rng.dirichlet(np.ones(n_out), size=n)
    return X, rng.normal(size=(n, n_out)) if loss == "mse" else rng.uniform(size=(n, n_out))


def assert_close(ours, theirs, ulps=64.0):
    __tracebackhide__ = True
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=ulps * EPS * np.abs(theirs).max())


def torch_deltas(mlp, X, T, loss, mode):
    """Loss and [(Z, A, delta, dW, db)] by PyTorch, with an autograd function for a layer."""
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    own = {
        "identity": lambda z: z,
        "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
        "log_sigmoid": F.logsigmoid,
        "hard_tanh": F.hardtanh,
        "softmax": lambda z: F.softmax(z, 1),
        "log_softmax": lambda z: F.log_softmax(z, 1),
    }

    class Layer(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, W, b, f, seen):
            z = x @ W + b
            ctx.save_for_backward(x, W, z)
            ctx.f, ctx.seen = f, seen
            return f(z)

        @staticmethod
        def backward(ctx, e):
            x, W, z = ctx.saved_tensors
            with torch.enable_grad():
                z = z.detach().requires_grad_()
                (delta,) = torch.autograd.grad(ctx.f(z), z, e)
            delta, back = {"exact": (delta, delta), "rashid": (delta, e), "linear": (e, e)}[mode]
            ctx.seen.append(delta)
            return back @ W.T, x.T @ delta, delta.sum(0), None, None

    A, layers = torch.tensor(X, requires_grad=True), []
    for layer in mlp.layers:
        f = own.get(layer.activation) or getattr(F, layer.activation)
        W = torch.tensor(layer.weight.numpy(), requires_grad=True)
        b = torch.zeros(W.shape[1]).double() if layer.bias is None else layer.bias.numpy()
        b, seen, below = torch.as_tensor(b).requires_grad_(), [], A
        A = Layer.apply(A, W, b, f, seen)
        layers.append((below @ W + b, A, seen, W, b))
    T = torch.tensor(T)
    value = {
        "mse": F.mse_loss,
        "binary_cross_entropy": F.binary_cross_entropy,
        "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
        "softmax_cross_entropy": F.cross_entropy,
    }[loss](A, T)
    value.backward()
    return value.item(), [
        [t.detach().numpy() for t in (Z, A, seen[0], W.grad, b.grad)] for Z, A, seen, W, b in layers
    ]


def check_against_torch(mlp, X, T, loss, mode, ulps=64.0):
    ours = layer_deltas(mlp, X, T, loss, mode)
    value, theirs = torch_deltas(mlp, X, T, loss, mode)
    assert ours.loss == pytest.approx(value, rel=ulps * EPS)
    for layer, found, expected in zip(mlp.layers, ours.layers, theirs, strict=True):
        for name, array in zip(("Z", "A", "delta", "dW"), expected, strict=False):
            assert_close(getattr(found, name), array, ulps)
        if layer.bias is None:
            assert found.db is None
        else:
            assert_close(found.db, expected[-1], ulps)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_as_pytorch(activation, loss, bias, mode):
    mlp = network([3, 5, 4, 2], activation, output_for(loss, activation), bias)
    check_against_torch(mlp, *data_for(loss, 3, 2), loss, mode)


@given(
    # at least 2: a single class is certain, and the gradient nothing but rounding
    sizes=st.lists(st.integers(2, 8), min_size=2, max_size=6),
    n=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
    activation=st.sampled_from(ACTIVATIONS),
    loss=st.sampled_from(LOSSES),
    bias=st.booleans(),
    mode=st.sampled_from(MODES),
)
@settings(max_examples=60, deadline=None)
def test_as_pytorch_for_any_shape(sizes, n, seed, activation, loss, bias, mode):
    mlp = network(sizes, activation, output_for(loss, activation), bias, seed)
    X, T = data_for(loss, sizes[0], sizes[-1], n, seed)
    if loss == "binary_cross_entropy":
        A = layer_deltas(mlp, X, T, loss, mode).layers[-1].A
        assume(np.min(A * (1 - A)) > 1e-11)  # PyTorch divides by 1e-12 at least
    check_against_torch(mlp, X, T, loss, mode, ulps=1e7)  # where A - T is small, so many


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_exact_is_the_gradient_by_finite_differences(activation, loss, bias):
    mlp = network([2, 3, 2], activation, output_for(loss, activation), bias)
    X, T = data_for(loss, 2, 2)
    found = layer_deltas(mlp, X, T, loss)
    for layer, ours in zip(mlp.layers, found.layers, strict=True):
        pairs = [(layer.weight, ours.dW)] + ([(layer.bias, ours.db)] if bias else [])
        for parameter, gradient in pairs:
            numeric = np.empty_like(gradient)
            for i in np.ndindex(parameter.shape):
                middle, values = parameter.data[i], []
                for step in (1e-5, -1e-5):
                    parameter.data[i] = middle + step
                    values.append(layer_deltas(mlp, X, T, loss).loss)
                parameter.data[i] = middle
                numeric[i] = (values[0] - values[1]) / 2e-5
            np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_delta_of_a_sample_is_its_db_alone(activation, loss):
    mlp = network([3, 4, 2], activation, output_for(loss, activation))
    X, T = data_for(loss, 3, 2)
    together = layer_deltas(mlp, X, T, loss)
    for i in range(len(X)):
        alone = layer_deltas(mlp, X[[i]], T[[i]], loss)
        for batch, sample in zip(together.layers, alone.layers, strict=True):
            np.testing.assert_allclose(batch.delta[i], sample.db / len(X), rtol=1e-11)


SELU = 1.0507009873554805


@pytest.mark.parametrize(
    ("activation", "z", "slope"),
    [
        ("relu", 0.0, 0.0),
        ("leaky_relu", 0.0, 0.01),
        ("elu", 0.0, 1.0),
        ("selu", 0.0, SELU),
        ("hard_tanh", 1.0, 1.0),
        ("hard_tanh", -1.0, 1.0),
        ("hard_tanh", 1.0000001, 0.0),
        ("sigmoid", 0.0, 0.25),
        ("sigmoid", 1000.0, 0.0),
        ("sigmoid", -1000.0, 0.0),
        ("tanh", 0.0, 1.0),
        ("softsign", 0.0, 1.0),
        ("softplus", 1000.0, 1.0),
        ("softplus", -1000.0, 0.0),
        ("log_sigmoid", -1000.0, 1.0),
        ("gelu", -1000.0, 0.0),
        ("gelu", 1000.0, 1.0),
        ("gelu_tanh", 1000.0, 1.0),
        ("silu", -1000.0, 0.0),
        ("mish", 1000.0, 1.0),
        ("elu", 1000.0, 1.0),
        ("selu", 1000.0, SELU),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_slope_at_kinks_and_far_out(activation, z, slope, dtype):
    one = SimpleNamespace(weight=Parameter(np.ones((1, 1), dtype)), bias=None)
    mlp = SimpleNamespace(layers=[SimpleNamespace(**vars(one), activation=activation)])
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        layer = layer_deltas(mlp, [[z]], [[-3.0]]).layers[0]
    np.testing.assert_allclose(layer.delta, 2 * (layer.A + 3) * dtype(slope), rtol=1e-6)
    assert layer.delta.dtype == layer.A.dtype == dtype


def test_sigmoid_cross_entropy_has_the_short_form():
    mlp = network([3, 4, 2], "tanh", "sigmoid")
    X, T = data_for("binary_cross_entropy", 3, 2)
    last = layer_deltas(mlp, X, T, "binary_cross_entropy").layers[-1]
    assert np.array_equal(last.delta, (last.A - T) / 10)
    mlp.layers[-1].bias.data[:] = 1000.0  # saturated and wrong: f' = 0, yet delta is not
    last = layer_deltas(mlp, X, np.zeros((5, 2)), "binary_cross_entropy").layers[-1]
    assert np.array_equal(last.delta, np.full((5, 2), 1 / 10))


def test_softmax_cross_entropy_has_the_short_form_and_takes_labels():
    mlp = network([3, 4, 3])
    X, labels = np.random.default_rng(0).normal(size=(4, 3)), [2, 0, 1, 2]
    found = layer_deltas(mlp, X, labels, "softmax_cross_entropy")
    Z = found.layers[-1].Z
    softmax = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    assert_close(found.layers[-1].delta, (softmax - np.eye(3)[labels]) / 4)
    assert found.loss == pytest.approx(-np.log(softmax[range(4), labels]).mean())
    one_hot = layer_deltas(mlp, X, np.eye(3)[labels], "softmax_cross_entropy")
    assert np.array_equal(one_hot.layers[0].dW, found.layers[0].dW)
    mlp.layers[-1].bias.data[:] = [1e4, 0, -1e4]  # far out, without overflow
    far = layer_deltas(mlp, X, labels, "softmax_cross_entropy").layers[-1]
    np.testing.assert_allclose(far.delta, (np.eye(3)[[0] * 4] - np.eye(3)[labels]) / 4)


def test_binary_cross_entropy_of_certain_and_right_outputs():
    mlp = SimpleNamespace(
        layers=[SimpleNamespace(weight=Parameter(np.eye(1)), bias=None, activation="identity")]
    )
    found = layer_deltas(mlp, [[0.0], [1.0]], [[0.0], [1.0]], "binary_cross_entropy")
    assert found.loss == 0
    assert np.array_equal(found.layers[0].delta, [[0.5], [-0.5]])


def test_three_error_propagations_by_hand():
    mlp = network([2, 3, 2, 1], "sigmoid", "sigmoid")
    X, T = data_for("mse", 2, 1)
    _, W2, W3 = (layer.weight.data for layer in mlp.layers)
    exact, rashid, linear = (layer_deltas(mlp, X, T, "mse", mode).layers for mode in MODES)
    slopes = [layer.A * (1 - layer.A) for layer in exact]
    e3 = 2 * (exact[2].A - T) / 5
    delta2 = e3 * slopes[2] @ W3.T * slopes[1]
    assert_close(exact[0].delta, delta2 @ W2.T * slopes[0])
    assert_close(rashid[0].delta, e3 @ W3.T @ W2.T * slopes[0])
    assert_close(rashid[0].dW, X.T @ (e3 @ W3.T @ W2.T * slopes[0]))
    assert_close(rashid[2].dW, exact[2].dW)
    assert_close(linear[0].delta, e3 @ W3.T @ W2.T)
    assert_close(linear[2].db, e3.sum(axis=0))


@pytest.mark.parametrize("loss", sorted(set(LOSSES) - {"binary_cross_entropy"}))
def test_error_propagation_makes_no_difference_without_slopes(loss):
    mlp = network([3, 4, 4, 2], "identity", "identity")
    X, T = data_for(loss, 3, 2)
    exact, *others = (layer_deltas(mlp, X, T, loss, mode).layers for mode in MODES)
    for other in others:
        for a, b in zip(exact, other, strict=True):
            assert np.array_equal(a.dW, b.dW)
            assert np.array_equal(a.delta, b.delta)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_sigmoid_lets_through_a_quarter_at_most(seed):
    mlp = network([3, 4, 4, 1], "sigmoid", "sigmoid", seed=seed)
    layers = layer_deltas(mlp, *data_for("mse", 3, 1, seed=seed)).layers
    for below, above, W in zip(layers, layers[1:], mlp.layers[1:], strict=False):
        e = above.delta @ W.weight.data.T
        assert np.all(np.abs(below.delta) <= np.abs(e) / 4)
        assert np.any(below.delta)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_float32_stays_float32(activation, loss):
    output = output_for(loss, activation)
    X, T = data_for(loss, 3, 2)
    single = layer_deltas(network([3, 4, 2], activation, output, dtype=np.float32), X, T, loss)
    double = layer_deltas(network([3, 4, 2], activation, output), X, T, loss)
    assert single.loss == pytest.approx(double.loss, rel=1e-5)
    for a, b in zip(single.layers, double.layers, strict=True):
        for field in dataclasses.fields(a):
            short, long = getattr(a, field.name), getattr(b, field.name)
            if long is None:  # of a normalisation
                continue
            assert short.dtype == np.float32
            np.testing.assert_allclose(short, long, rtol=0, atol=2e-6 * np.abs(long).max())


def test_no_code_is_shared_with_autodiff():
    """The file of the formulas imports NumPy alone, but for the annotations."""
    tree = ast.parse(Path(formulas.__file__).read_text("utf-8"))
    tree.body = [x for x in tree.body if not ast.unparse(x).startswith("if TYPE_CHECKING")]
    imported = {
        alias.name if isinstance(node, ast.Import) else f"{'.' * node.level}{node.module or ''}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported - sys.stdlib_module_names - {"collections.abc"} == {"numpy", "numpy.typing"}


def test_every_activation_and_loss_is_there():
    assert " ".join(ACTIVATIONS) == (
        "identity sigmoid tanh relu leaky_relu elu selu gelu gelu_tanh silu mish softplus "
        "softsign log_sigmoid hard_tanh softmax log_softmax"
    )
    assert list(formulas._LOSSES) == LOSSES


def test_nan_is_not_hidden():
    mlp = network([2, 3, 1], "relu")
    found = layer_deltas(mlp, [[np.nan, 1.0], [1.0, 1.0]], [[0.0], [0.0]])
    assert np.isnan(found.loss)
    assert np.isnan(found.layers[0].dW).any()


def test_nothing_is_changed_and_results_are_frozen():
    mlp, (X, T) = network([2, 3, 1]), data_for("mse", 2, 1)
    before = [X.copy(), T.copy(), *(layer.weight.numpy() for layer in mlp.layers)]
    found = layer_deltas(mlp, X, T)
    after = [X, T, *(layer.weight.data for layer in mlp.layers)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.layers[0].delta = X


BAD = [
    ({"loss": "mae"}, ValueError, "unknown loss 'mae'; known: mse, binary_cross_entropy"),
    ({"error_propagation": "none"}, ValueError, "known: exact, rashid, linear"),
    ({"activation": "cube"}, ValueError, "unknown activation 'cube'; known: identity, sigmoid"),
    ({"T": np.zeros((4, 2))}, ValueError, r"the same length, got shapes \(3, 2\), \(4, 2\)"),
    ({"T": 1.0}, ValueError, "the same length"),
    ({"X": np.zeros((3, 5))}, ValueError, r"X must have shape \(N, 2\).*\(3, 5\)"),
    ({"X": np.zeros(2)}, ValueError, "X must have shape"),
    ({"X": np.zeros((0, 2)), "T": np.zeros((0, 2))}, ValueError, "N >= 1"),
    ({"X": np.zeros((3, 2), bool)}, TypeError, "X must hold real numbers, got dtype bool"),
    ({"T": np.full((3, 2), "a")}, TypeError, "T must hold real numbers"),
    ({"X": np.zeros((3, 2), complex)}, TypeError, "complex128"),
    ({"X": [[1.0, 2.0], [1.0]]}, ValueError, "inhomogeneous"),
    ({"T": np.zeros(3)}, ValueError, r"T must have shape \(3, 2\), got \(3,\)"),
    ({"T": np.zeros((3, 1))}, ValueError, r"T must have shape \(3, 2\), got \(3, 1\)"),
    ({"loss": "binary_cross_entropy"}, ValueError, "takes probabilities, but the output has"),
    ({"loss": LOSSES[2], "T": np.full((3, 2), 1.5)}, ValueError, "from 0 to 1, got 1.5"),
    ({"loss": LOSSES[2], "T": np.full((3, 2), np.nan)}, ValueError, "from 0 to 1"),
    ({"loss": LOSSES[2], "output": "sigmoid"}, ValueError, "output='identity', got 'sigmoid'"),
    ({"loss": LOSSES[3], "output": "softmax"}, ValueError, "output='identity', got 'softmax'"),
    ({"loss": LOSSES[3], "T": [0, 1, 2]}, ValueError, "integers from 0 to 1.*from 0 to 2"),
    ({"loss": LOSSES[3], "T": [0, -1, 1]}, ValueError, "from -1 to 1"),
    ({"loss": LOSSES[3], "T": [0.0, 1.0, 1.0]}, ValueError, "got dtype float64"),
    ({"loss": LOSSES[3], "T": np.ones((3, 2))}, ValueError, "each row of T must be one-hot"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_input_gets_an_error_in_words(change, error, message):
    given = {"X": -np.ones((3, 2)), "T": np.zeros((3, 2)), "activation": "tanh"} | change
    mlp = network([2, 3, 2], given.pop("activation"), given.pop("output", "identity"))
    with pytest.raises(error, match=message):
        layer_deltas(mlp, **given)
