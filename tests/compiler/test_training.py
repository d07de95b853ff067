"""Whole training steps, compiled: the same bits as eager ones, in parameters and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop import compiler, nn, optim

from .test_table import identical

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((16, 5)), rng.standard_normal((16, 3))
CLASSES = rng.integers(0, 3, 16)

OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "sgd": lambda p: dp.optim.SGD(p, lr=0.1),
    "nesterov": lambda p: dp.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "rmsprop": lambda p: dp.optim.RMSprop(p, lr=0.01, momentum=0.5),
    "adam": lambda p: dp.optim.Adam(p, lr=0.01),
    "adamw": lambda p: dp.optim.AdamW(p, lr=0.01),
}
LOSSES: dict[str, tuple[Any, Any, str]] = {
    "mse": (dp.nn.mse, Y, "identity"),
    "mae": (dp.nn.mae, Y, "identity"),
    "huber": (dp.nn.huber, Y, "identity"),
    "binary": (dp.nn.binary_cross_entropy, (Y > 0) * 1.0, "sigmoid"),
    "logits": (dp.nn.binary_cross_entropy_with_logits, (Y > 0) * 1.0, "identity"),
    "hinge": (dp.nn.hinge, np.sign(Y), "identity"),
    "kl": (dp.nn.kl_divergence, np.eye(3)[CLASSES], "softmax"),
    "classes": (dp.nn.softmax_cross_entropy, CLASSES, "identity"),
    "rows": (dp.nn.softmax_cross_entropy, np.eye(3)[CLASSES], "identity"),
    "weighted": (
        lambda z, t: dp.nn.softmax_cross_entropy(
            z, t, label_smoothing=0.1, class_weights=[1.0, 2.0, 3.0]
        ),
        CLASSES,
        "identity",
    ),
}


def training(
    optimizer: str = "sgd", loss: str = "classes", **options: Any
) -> tuple[Callable[..., Any], Any, Any]:
    """A training step of a fresh network, the network and its optimiser."""
    error, _, output = LOSSES[loss]
    model = dp.nn.MLP([5, 7, 3], output=output, rng=0, **options)
    rule = OPTIMIZERS[optimizer](model.parameters())

    def step(x: Any, y: Any) -> Any:
        value = error(model(x), y)
        rule.zero_grad()
        value.backward()
        rule.step()
        return value

    return step, model, rule


def trains_alike(batches: list[Any], target: Any, **options: Any) -> None:
    eager, one, rule = training(**options)
    replayed, other, same_rule = training(**options)
    compiled = compiler.compile(replayed)
    for x in batches:
        identical(compiled(x, target), eager(x, target))
    assert compiled.cache_info()[:2] == (len(batches) - 1, 1)
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        identical(p.numpy(), q.numpy())
        identical(p.grad, q.grad)
    identical(rule.state_dict()["state"], same_rule.state_dict()["state"])


BATCHES = [X, X + 0.1, -X]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers(optimizer: str) -> None:
    trains_alike(BATCHES, CLASSES, optimizer=optimizer)


@pytest.mark.parametrize("loss", LOSSES)
def test_losses(loss: str) -> None:
    trains_alike(BATCHES, LOSSES[loss][1], loss=loss)


@pytest.mark.parametrize("activation", dp.nn.ACTIVATIONS)
def test_activations(activation: str) -> None:
    trains_alike(BATCHES, CLASSES, activation=activation)


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": np.float32},
        {"bias": False},
        {"dropout": 0.3},
        {"error_propagation": "rashid"},
        {"error_propagation": "linear"},
    ],
    ids=str,
)
def test_networks(options: dict[str, Any]) -> None:
    trains_alike(BATCHES, CLASSES, optimizer="adam", **options)


def test_the_learning_rate_is_read_in_each_call() -> None:
    eager, one, rule = training()
    replayed, other, same_rule = training()
    compiled = compiler.compile(replayed)
    schedules = [dp.optim.ExponentialDecay(r, 0.5) for r in (rule, same_rule)]
    for _ in range(3):
        identical(compiled(X, CLASSES), eager(X, CLASSES))
        for schedule in schedules:
            schedule.step()
    identical(one.state_dict(), other.state_dict())
    assert compiled.cache_info().misses == 1


def test_a_learning_rate_set_inside_is_refused() -> None:
    step, _, rule = training()
    schedule = dp.optim.ExponentialDecay(rule, 0.5)

    @compiler.compile
    def scheduled(x: Any) -> Any:
        step(x, CLASSES)
        schedule.step()

    with pytest.raises(TypeError, match="change it outside"):
        scheduled(X)
    assert rule.lr == 0.1


def test_evaluation_and_training_have_programs_of_their_own() -> None:
    model = dp.nn.MLP([5, 7, 3], dropout=0.5, rng=0)
    compiled = compiler.compile(lambda x: model(x))
    twin = dp.nn.MLP([5, 7, 3], dropout=0.5, rng=0)
    for mode in (True, False, True, False):
        identical(
            compiled(X) if model.train(mode) else None,
            twin(X).detach() if twin.train(mode) else None,
        )
    assert compiled.cache_info() == (2, 2, 16, 2)


def test_graphs_and_views_from_before_keep_their_numbers() -> None:
    step, model, _ = training()
    compiled = compiler.compile(step)
    compiled(X, CLASSES)
    weight = model.layers[0].weight
    before = weight.numpy()
    y = model(X).sum()
    compiled(X, CLASSES)
    assert not np.array_equal(weight.numpy(), before)
    twin = training()[1]
    twin.load_state_dict(model.state_dict())
    y.backward()
    assert weight.grad is not None


def test_what_is_written_between_calls_counts() -> None:
    eager, one, _ = training(optimizer="nesterov")
    replayed, other, _ = training(optimizer="nesterov")
    compiled = compiler.compile(replayed)
    for k in range(4):
        for model in (one, other):
            weight = model.layers[0].weight
            if k == 1:
                weight.assign(np.ones(weight.shape))
            if k > 1:
                weight.data[0] *= 0.5
        identical(compiled(X, CLASSES), eager(X, CLASSES))
        identical(one.state_dict(), other.state_dict())
    buffer = other.layers[0].weight.data
    compiled(X, CLASSES)
    assert buffer is other.layers[0].weight.data
    eager(X, CLASSES)
    identical(buffer, one.layers[0].weight.data)


def test_batches_of_two_sizes() -> None:
    eager, one, _ = training(optimizer="adam")
    replayed, other, _ = training(optimizer="adam")
    compiled = compiler.compile(replayed)
    for n in (16, 5, 16, 5, 16):
        identical(compiled(X[:n], CLASSES[:n]), eager(X[:n], CLASSES[:n]))
    identical(one.state_dict(), other.state_dict())
    assert compiled.cache_info() == (3, 2, 16, 2)


def test_a_wrong_target_is_an_error_in_each_run_and_changes_nothing() -> None:
    step, model, _ = training()
    compiled = compiler.compile(step)
    compiled(X, CLASSES)
    before = model.state_dict()
    with pytest.raises(ValueError, match="classes must be in 0 to 2"):
        compiled(X, CLASSES + 1)
    identical(model.state_dict(), before)
    step, model, _ = training(loss="binary")
    with pytest.raises(ValueError, match="targets must be in"):
        compiler.compile(step)(X, Y)


def test_gradients_add_up_without_zero_grad() -> None:
    def make() -> tuple[Any, Any]:
        p = dp.Value([1.0, 2.0])

        def f(x: Any) -> Any:
            y = (p * x * x).sum()
            y.backward()
            return y, p.grad

        return f, p

    (eager, p), (replayed, q) = make(), make()
    compiled = compiler.compile(replayed)
    kept = []
    for k in range(4):
        x = np.array([1.0, 3.0]) + k
        result = compiled(x)
        kept.append((result, eager(x)))
        identical(q.grad, p.grad)
    for result, expected in kept:
        identical(result, expected)
    # one program for a variable without a gradient, one for what has one to add to
    assert compiled.cache_info().misses == 2


def test_updates_by_hand() -> None:
    def make() -> tuple[Any, Any, Any]:
        p, q = dp.Value([1.0, 2.0]), dp.Value(3.0)

        def f(x: Any, lr: float) -> Any:
            p.grad = 0
            q.zero_grad()
            y = (p * x * x * q).sum()
            y.backward()
            p.data -= lr * p.grad
            q.data -= lr * q.grad
            p.assign(p.data / 2)
            return {"y": y, "inner": (y.data, x.T)}

        return f, p, q

    (eager, *ps), (replayed, *qs) = make(), make()
    compiled = compiler.compile(replayed)
    for k in range(4):
        x = np.array([1.0, 3.0]) + k
        identical(compiled(x, 0.01 * k), eager(x, 0.01 * k))
        for p, q in zip(ps, qs, strict=True):
            identical(p.numpy(), q.numpy())
            identical(p.grad, q.grad)


def test_variables_can_swap() -> None:
    p, q = dp.Value([1.0, 2.0]), dp.Value([3.0, 4.0])

    @compiler.compile
    def swap(x: Any) -> None:
        p.data, q.data = q.data * x, p.detach().data

    for _ in range(2):
        swap(np.array(1.0))
    np.testing.assert_array_equal(p.numpy(), [1.0, 2.0])
    swap(np.array(10.0))
    np.testing.assert_array_equal(p.numpy(), [30.0, 40.0])
    np.testing.assert_array_equal(q.numpy(), [1.0, 2.0])


@pytest.mark.parametrize("max_norm", [0.3, 1e9])
def test_gradients_are_clipped_inside(max_norm: float) -> None:
    """And the norm that comes back is that of eager mode."""
    X, T = np.ones((4, 3), np.float32), np.full((4, 1), 5.0, np.float32)

    def trained(compiled: bool) -> tuple[list[float], list[Any]]:
        model = nn.MLP([3, 4, 1], rng=0, dtype=np.float32)
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def step(X: Any, T: Any) -> Any:
            optimizer.zero_grad()
            nn.mse(model(X), T).backward()
            norm = optim.clip_grad_norm(optimizer.parameters, max_norm)
            optimizer.step()
            return norm

        run = dp.compile(step) if compiled else step
        return [float(run(X, T)) for _ in range(3)], [p.numpy() for p in model.parameters()]

    norms, parameters = trained(compiled=True)
    expected_norms, expected = trained(compiled=False)
    assert norms == expected_norms
    for p, q in zip(parameters, expected, strict=True):
        np.testing.assert_array_equal(p, q)
        assert p.dtype == np.float32


SUMS: dict[str, Callable[..., Any]] = {
    "an argument": lambda a, b, x: ((a + b) * x).sum(),
    "a constant": lambda a, b, x: (a + b).sum() + x.sum(),
    "one for two": lambda a, b, x: ((a + b) * x * x).sum(),
    "a view": lambda a, b, x: ((a + b.T) * x * x).sum(),
    "each other": lambda a, b, x: (a * b).sum() + x.sum(),
    "nothing": lambda a, _b, x: (a * x).sum(),
}


@pytest.mark.parametrize("learns", [False, True])
@pytest.mark.parametrize("executor", ["numpy", "xla"])
@pytest.mark.parametrize("f", SUMS.values(), ids=SUMS)
def test_gradients_that_are_something_else_too(f: Any, executor: str, learns: bool) -> None:
    def fresh() -> tuple[list[Any], Callable[..., Any]]:
        both = [dp.Value(Y[:3] * factor) for factor in (1.0, 2.0)]
        rule = optim.SGD(both, lr=0.1)

        def step(x: Any) -> Any:
            loss = f(*both, x)
            rule.zero_grad()
            loss.backward()
            if learns:
                rule.step()
            return loss

        return both, step

    (mine, eager), (theirs, replayed) = fresh(), fresh()
    compiled = compiler.compile(replayed, executor=executor)
    for k in range(3):
        x = X[k : k + 3, :3].copy()
        np.testing.assert_allclose(compiled(x).item(), eager(x).item(), rtol=1e-12)
        x[:] = 0.0
        for p, q in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(q.numpy(), p.numpy(), rtol=1e-12)
            assert (p.grad is None) == (q.grad is None)
            if p.grad is not None:
                np.testing.assert_allclose(q.grad, p.grad, rtol=1e-12)


def _keeps_the_old(a: Any, b: Any, x: Any) -> None:
    b.data = a.data
    a.data = a.data * 0.5 + x


def _of_two(a: Any, b: Any, x: Any) -> None:
    a.data = a.data * 0.5 + x
    b.data = a.data


def _crosses(a: Any, b: Any, x: Any) -> None:
    y = a.data * 0.5
    a.data = b.data + x
    b.data = y


def _argument(a: Any, b: Any, x: Any) -> None:
    a.data = x
    b.data = x.T


def _view(a: Any, b: Any, x: Any) -> None:
    b.data = a.data.T
    a.data = a.data * 2.0 + x


def _constant(a: Any, b: Any, x: Any) -> None:
    b.data = a.data + x
    a.data = np.ones((3, 3))


@pytest.mark.parametrize("executor", ["numpy", "xla"])
@pytest.mark.parametrize("move", [_keeps_the_old, _of_two, _crosses, _argument, _view, _constant])
def test_data_that_goes_to_another_place(move: Any, executor: str) -> None:
    mine, theirs = ([dp.Value(Y[:3]), dp.Value(Y[3:6])] for _ in range(2))

    def step(x: Any) -> Any:
        move(*theirs, x)
        return (theirs[0] * x).sum()

    compiled = compiler.compile(step, executor=executor)
    for k in range(3):
        x = X[k : k + 3, :3].copy()
        move(*mine, x)
        np.testing.assert_allclose(compiled(x).item(), (mine[0] * x).sum().item(), rtol=1e-12)
        x[:] = 0.0
        for p, q in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(q.numpy(), p.numpy(), rtol=1e-12)


def test_a_branch_on_a_missing_gradient_is_not_taken_for_another() -> None:
    def fresh() -> tuple[list[Any], Callable[..., Any]]:
        a, b = dp.Value(Y[:3]), dp.Value(Y[3:6])

        def step(x: Any) -> Any:
            if a.grad is not None:
                b.data = a.grad
            else:
                a.grad = a.data * x
            b.data = x  # nothing that depended on the gradient is left
            return b.sum()

        return [a, b], step

    (mine, eager), (theirs, replayed) = fresh(), fresh()
    compiled = compiler.compile(replayed)
    for k in range(3):
        x = X[k : k + 3, :3].copy()
        identical(compiled(x), eager(x))
        for p, q in zip(mine, theirs, strict=True):
            identical(q.numpy(), p.numpy())
            identical(q.grad, p.grad)


def test_constant_data_are_replaced_by_data_that_are_not() -> None:
    a = dp.Value([1.0, 2.0])

    @compiler.compile
    def step(x: float) -> Any:
        a.data = np.array([5.0, 6.0])
        a.data = a.data * x
        return a.sum()

    assert step(2.0).item() == 22.0
    assert step(3.0).item() == 33.0
    identical(a.numpy(), np.array([15.0, 18.0]))
