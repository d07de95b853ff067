"""Optimisers and schedules against formulas written out, and against PyTorch's numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop import optim

START = np.random.default_rng(0).normal(size=(3, 2))
SCALE = np.random.default_rng(1).uniform(0.1, 3.0, size=(3, 2))


def loss_of(w: Any, b: Any, exp: Callable[[Any], Any]) -> Any:
    """Something convex, with a scalar parameter."""
    return ((w * SCALE) ** 2).sum() + exp(0.3 * w).sum() + (b - w.sum()) ** 2


# name: (ours, PyTorch's options)
CASES: dict[str, tuple[Callable[..., optim.Optimizer], str, dict[str, Any]]] = {
    "sgd": (lambda p: optim.SGD(p, lr=0.01), "SGD", {"lr": 0.01}),
    "momentum": (
        lambda p: optim.SGD(p, lr=0.01, momentum=0.9),
        "SGD",
        {"lr": 0.01, "momentum": 0.9},
    ),
    "nesterov": (
        lambda p: optim.SGD(p, lr=0.01, momentum=0.8, nesterov=True, weight_decay=0.1),
        "SGD",
        {"lr": 0.01, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
    ),
    "rmsprop": (lambda p: optim.RMSprop(p, lr=0.001), "RMSprop", {"lr": 0.001}),
    "rmsprop with all": (
        lambda p: optim.RMSprop(p, lr=0.001, decay=0.9, momentum=0.5, eps=1e-6, weight_decay=0.1),
        "RMSprop",
        {"lr": 0.001, "alpha": 0.9, "momentum": 0.5, "eps": 1e-6, "weight_decay": 0.1},
    ),
    "adam": (lambda p: optim.Adam(p, lr=0.05), "Adam", {"lr": 0.05}),
    "adam with all": (
        lambda p: optim.Adam(p, lr=0.05, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.1),
        "Adam",
        {"lr": 0.05, "betas": (0.8, 0.9), "eps": 1e-4, "weight_decay": 0.1},
    ),
    "adamw": (
        lambda p: optim.AdamW(p, lr=0.05, weight_decay=0.1),
        "AdamW",
        {"lr": 0.05, "weight_decay": 0.1},
    ),
}
MAKERS = {name: ours for name, (ours, _, _) in CASES.items()}


def variables(dtype: Any = np.float64) -> tuple[dp.Value, dp.Value]:
    return dp.Value(START.astype(dtype)), dp.Value(0.5)


def train(w: dp.Value, b: dp.Value, optimizer: optim.Optimizer, steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(w, b, dp.numpy.exp).backward()
        optimizer.step()


@pytest.mark.parametrize("name", CASES)
def test_a_hundred_steps_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    make, theirs, options = CASES[name]
    w, b = variables()
    train(w, b, make([w, b]), 100)
    tw = torch.tensor(START, requires_grad=True)
    tb = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, theirs)([tw, tb], **options)
    scale = torch.tensor(SCALE)
    for _ in range(100):
        optimizer.zero_grad()
        (((tw * scale) ** 2).sum() + torch.exp(0.3 * tw).sum() + (tb - tw.sum()) ** 2).backward()
        optimizer.step()
    np.testing.assert_allclose(w.numpy(), tw.detach().numpy(), rtol=1e-12, atol=1e-12)
    assert b.item() == pytest.approx(tb.item(), rel=1e-12)


COMPLEX = np.array([[1 + 2j, -0.5 + 0.1j], [3 - 1j, 0.2j]])
TARGET = np.array([[0.3 - 0.7j, 1j], [0j, 2 + 2j]])


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
@pytest.mark.parametrize("name", CASES)
def test_complex_parameters_move_as_pytorchs(name: str, dtype: Any, compiled: bool) -> None:
    torch = pytest.importorskip("torch")
    make, theirs, options = CASES[name]
    z, c = dp.Value(COMPLEX.astype(dtype)), dp.Value(1 + 0j)
    ours = make([z, c])

    def step(target: Any) -> Any:
        loss = (abs(z - target) ** 2).sum() + abs(c - 1j) ** 2
        ours.zero_grad()
        loss.backward()
        ours.step()
        return loss

    step = dp.compile(step) if compiled else step
    tz = torch.tensor(COMPLEX.astype(dtype), requires_grad=True)
    tc = torch.tensor(1 + 0j, dtype=torch.complex128, requires_grad=True)
    optimizer = getattr(torch.optim, theirs)([tz, tc], **options)
    target = TARGET.astype(dtype)
    rtol = 1e-12 if dtype == np.complex128 else 1e-4
    for _ in range(20):
        step(target)
        optimizer.zero_grad()
        ((tz - torch.tensor(target)).abs().square().sum() + (tc - 1j).abs().square()).backward()
        optimizer.step()
        np.testing.assert_allclose(z.numpy(), tz.detach().numpy(), rtol=rtol, atol=rtol)
        assert c.item() == pytest.approx(tc.item(), rel=1e-12)
    assert z.dtype == dtype
    saved = ours.state_dict()
    twin = make([dp.Value(z.numpy()), dp.Value(c.item())])
    twin.load_state_dict(saved)
    assert repr(twin.state_dict()) == repr(saved)


@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_complex_gradients_are_clipped_as_pytorchs(max_norm: float) -> None:
    torch = pytest.importorskip("torch")
    z, x, c = dp.Value(COMPLEX.astype(np.complex64)), dp.Value([1.0, -2.0]), dp.Value(1j)
    ((abs(z) ** 2).sum() + (x * x).sum() + abs(c) ** 2).backward()
    tensors = [torch.zeros(p.shape, dtype=torch.complex128) for p in (z, x, c)]
    for tensor, p in zip(tensors, (z, x, c), strict=True):
        tensor.grad = torch.tensor(p.grad, dtype=torch.complex128)
    wanted = torch.nn.utils.clip_grad_norm_(tensors, max_norm).item()
    assert optim.clip_grad_norm([z, x, c], max_norm) == pytest.approx(wanted, rel=1e-6)
    for tensor, p in zip(tensors, (z, x, c), strict=True):
        np.testing.assert_allclose(p.grad, tensor.grad.numpy(), rtol=1e-5)
    assert z.grad.dtype == np.complex64
    assert type(c.grad) is complex


def test_the_parts_of_complex_gradients_are_limited_apart() -> None:
    z, c = dp.Value(np.array([3 - 4j, 0.125 + 2j], np.complex64)), dp.Value(0.25 - 4j)
    ((abs(z) ** 2).sum() + abs(c) ** 2).backward()
    optim.clip_grad_value([z, c], 1.0)
    np.testing.assert_array_equal(z.grad, np.array([1 - 1j, 0.25 + 1j], np.complex64))
    assert c.grad == 0.5 - 1j


# -- the formulas, for a parameter x and gradients g_1, g_2, ... that do not depend on it


def by_sgd(x: float, gs: list[float], lr: float, momentum: float, nesterov: bool) -> float:
    velocity = 0.0
    for g in gs:
        velocity = momentum * velocity + g
        x -= lr * (g + momentum * velocity if nesterov else velocity)
    return x


def by_rmsprop(x: float, gs: list[float], lr: float, decay: float, eps: float) -> float:
    for t in range(1, len(gs) + 1):
        s = sum((1 - decay) * decay ** (t - i) * gs[i - 1] ** 2 for i in range(1, t + 1))
        x -= lr * gs[t - 1] / (math.sqrt(s) + eps)
    return x


def by_adam(
    x: float, gs: list[float], lr: float, betas: tuple[float, float], eps: float, decay: float
) -> float:
    b1, b2 = betas
    for t in range(1, len(gs) + 1):
        m = sum((1 - b1) * b1 ** (t - i) * gs[i - 1] for i in range(1, t + 1)) / (1 - b1**t)
        s = sum((1 - b2) * b2 ** (t - i) * gs[i - 1] ** 2 for i in range(1, t + 1)) / (1 - b2**t)
        x -= lr * decay * x
        x -= lr * m / (math.sqrt(s) + eps)
    return x


unit = st.floats(0.05, 0.95)
gradients = st.lists(st.floats(-5, 5).filter(lambda g: abs(g) > 1e-3), min_size=1, max_size=8)


@given(gs=gradients, lr=unit, a=unit, b=unit, flag=st.booleans())
def test_the_formulas(gs: list[float], lr: float, a: float, b: float, flag: bool) -> None:
    for make, expected in [
        (
            lambda p: optim.SGD(p, lr, momentum=a, nesterov=flag),
            by_sgd(1.0, gs, lr, a, flag),
        ),
        (lambda p: optim.RMSprop(p, lr, decay=a, eps=1e-6), by_rmsprop(1.0, gs, lr, a, 1e-6)),
        (lambda p: optim.Adam(p, lr, betas=(a, b)), by_adam(1.0, gs, lr, (a, b), 1e-8, 0.0)),
        (
            lambda p: optim.AdamW(p, lr, betas=(a, b), weight_decay=0.5),
            by_adam(1.0, gs, lr, (a, b), 1e-8, 0.5),
        ),
    ]:
        x, v = dp.Value(1.0), dp.Value([1.0, 1.0])
        optimizer = make([x, v])
        for g in gs:
            x.grad, v.grad = g, np.array([g, g])
            optimizer.step()
        assert x.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)
        np.testing.assert_allclose(v.numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", MAKERS)
def test_the_rules_take_values_too(name: str) -> None:
    """A step on Values gives the eager step's numbers, and can be differentiated."""
    w, b = variables()
    optimizer = MAKERS[name]([w, b])
    train(w, b, optimizer, 3)
    loss_of(w, b, dp.numpy.exp).backward()
    p, g = dp.Value(w.numpy()), dp.Value(w.grad)
    before = tuple(dp.constant(s) for s in optimizer.state[0])
    rates: Any = optimizer.lr
    if optimizer.rates is not None:
        rates = optimizer.rates(optimizer.lr, 4.0, **optimizer.options)
    new, state = optimizer.update(p, g, before, rates, **optimizer.options)
    g_before = w.grad
    b.zero_grad()
    optimizer.step()
    np.testing.assert_allclose(new.numpy(), w.numpy(), rtol=1e-15)
    assert len(state) == len(before)
    new.sum().backward()
    assert p.grad.shape == w.shape
    assert np.all(g.grad != 0)
    np.testing.assert_array_equal(g_before, w.grad)


@pytest.mark.parametrize("name", MAKERS)
def test_float32_stays(name: str) -> None:
    w, b = variables(np.float32)
    optimizer = MAKERS[name]([w, b])
    optimizer.lr = np.float64(0.01)  # type: ignore[assignment]
    train(w, b, optimizer, 3)
    assert w.dtype == np.float32
    assert all(getattr(s, "dtype", np.float32) == np.float32 for s in optimizer.state[0])
    assert type(b.data) is float


@pytest.mark.parametrize("name", MAKERS)
def test_a_state_continues_where_it_was_taken(name: str) -> None:
    w, b = variables()
    optimizer = MAKERS[name]([w, b])
    train(w, b, optimizer, 5)
    saved = optimizer.state_dict()
    w2, b2 = dp.Value(w.numpy()), dp.Value(b.item())
    twin = type(optimizer)([w2, b2], **{k: saved["options"][k] for k in saved["options"]})
    twin.load_state_dict(saved)
    train(w, b, optimizer, 5)
    train(w2, b2, twin, 5)
    assert twin.lr == optimizer.lr
    np.testing.assert_array_equal(w.numpy(), w2.numpy())
    assert b.item() == b2.item()


def with_entry(optimizer: optim.Optimizer, name: str, entry: Any) -> dict[str, Any]:
    saved = optimizer.state_dict()
    return {**saved, "state": {**saved["state"], name: entry}}


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    w, b = variables()
    adam = optim.Adam([w, b])
    before = repr(adam.state_dict())
    for saved, error in [
        (optim.Adam([b, w]).state_dict(), ValueError),
        (optim.Adam([w]).state_dict(), ValueError),
        (optim.SGD([w, b]).state_dict(), ValueError),
        (optim.AdamW([w, b]).state_dict(), ValueError),
        ({"lr": 0.1}, ValueError),
        ({**adam.state_dict(), "options": {"betas": (2.0, 0.9)}}, ValueError),
        ({**adam.state_dict(), "lr": -1.0}, ValueError),
        *[(with_entry(adam, name, entry), ValueError) for name, entry in [
            ("count", -1.0), ("count", 0.5), ("count", np.nan), ("count", np.ones(2)),
            ("1.count", 0.0),
            ("0.mean", np.ones((3, 2), complex)), ("0.mean", np.full((3, 2), "a")),
            ("0.mean", np.ones((2, 3))), ("1.mean_square", None), ("2.mean", 0.0),
        ]],
    ]:  # fmt: skip
        with pytest.raises(error):
            adam.load_state_dict(saved)
        assert repr(adam.state_dict()) == before


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_a_state_with_a_count_of_each_parameter_is_read(name: str) -> None:
    """As they were saved when each parameter had its own."""
    w, b = variables()
    optimizer = MAKERS[name]([w, b])
    train(w, b, optimizer, 3)
    saved = optimizer.state_dict()
    count = saved["state"].pop("count")
    saved["state"] |= {"0.count": count, "1.count": count}
    train(w, b, optimizer, 3)
    optimizer.load_state_dict(saved)
    assert optimizer.state_dict()["state"]["count"] == 3.0
    saved["state"]["1.count"] = count - 1.0
    with pytest.raises(ValueError, match=r"0\.count, 1\.count, count"):
        optimizer.load_state_dict(saved)


@given(gs=gradients, lr=unit, a=unit, b=unit, eps=st.floats(1e-8, 1.0))
def test_eps_hat_is_scikit_learns_epsilon(
    gs: list[float], lr: float, a: float, b: float, eps: float
) -> None:
    networks = pytest.importorskip("sklearn.neural_network._stochastic_optimizers")
    x = dp.Value(1.0)
    optimizer = optim.Adam([x], lr, betas=(a, b), eps=0.0, eps_hat=eps)
    theirs = [np.array([1.0])]
    adam = networks.AdamOptimizer(theirs, lr, a, b, eps)
    for g in gs:
        x.grad = g
        optimizer.step()
        adam.update_params(theirs, [np.array([g])])
    assert x.item() == pytest.approx(theirs[0][0], rel=1e-9, abs=1e-12)


def test_what_has_no_gradient_stays() -> None:
    w, b = variables()
    optimizer = optim.Adam([w, b], lr=0.1)
    (w * w).sum().backward()
    optimizer.step()
    assert b.item() == 0.5
    assert np.all(w.numpy() != START)
    assert not any(entry.item() for entry in optimizer.state[1])
    optimizer.zero_grad()
    assert w.grad is None


def test_a_graph_recorded_before_a_step_keeps_its_gradient() -> None:
    w = dp.Value([1.0, 2.0])
    loss = (w * w).sum()
    optimizer = optim.SGD([w], lr=0.5)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    np.testing.assert_array_equal(w.grad, [2.0, 4.0])
    np.testing.assert_array_equal(w.numpy(), [0.0, 0.0])


def test_what_the_user_holds_is_updated_in_place() -> None:
    w = dp.Value([1.0, 2.0])
    held = w.data
    (w * w).sum().backward()
    optim.SGD([w], lr=0.5).step()
    np.testing.assert_array_equal(held, [0.0, 0.0])


def test_repr() -> None:
    text = repr(optim.SGD([dp.Value(0.0)], lr=0.1, momentum=0.9))
    assert text == "SGD(parameters=1 of 1 entries, lr=0.1, momentum=0.9)"


# -- clipping


@given(
    entries=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5),
    max_norm=st.floats(0.01, 1e6),
)
def test_clip_grad_norm(entries: list[float], max_norm: float) -> None:
    v, x, unused = dp.Value(np.zeros(len(entries))), dp.Value(0.0), dp.Value(0.0)
    v.grad, x.grad = np.array(entries), 3.0
    whole = np.append(entries, 3.0)
    norm = optim.clip_grad_norm([v, x, unused], max_norm)
    assert norm == pytest.approx(np.linalg.norm(whole))
    expected = whole * min(1.0, max_norm / norm)
    np.testing.assert_allclose(np.append(v.grad, x.grad), expected, rtol=1e-12)
    assert type(x.grad) is float
    assert unused.grad is None


@pytest.mark.filterwarnings("error")
def test_gradients_of_zero_are_not_scaled() -> None:
    v = dp.Value([1.0, 2.0])
    (v * 0.0).sum().backward()
    assert optim.clip_grad_norm([v], 1.0) == 0.0
    np.testing.assert_array_equal(v.grad, 0.0)


def test_clip_grad_norm_does_not_overflow() -> None:
    v = dp.Value(np.zeros(2, np.float32))
    v.grad = np.array([3e30, 4e30], np.float32)
    assert optim.clip_grad_norm([v], 1.0) == pytest.approx(5e30)
    np.testing.assert_allclose(v.grad, [0.6, 0.8], rtol=1e-6)
    assert v.grad.dtype == np.float32


@pytest.mark.parametrize("entries", [2, 20_000])  # a record stands for large results
def test_the_gradient_of_a_result_is_clipped(entries: int) -> None:
    x = dp.Value(np.ones(entries))
    a = x * 2.0
    (a * 3.0).sum().backward()
    assert optim.clip_grad_norm([a], 1.0) == pytest.approx(3.0 * entries**0.5)
    np.testing.assert_allclose(np.linalg.norm(a.grad), 1.0)
    optim.clip_grad_value([a], 1e-3)
    np.testing.assert_array_equal(a.grad, 1e-3)


def test_clip_grad_value() -> None:
    v, x = dp.Value([0.0, 0.0, 0.0]), dp.Value(0.0)
    v.grad, x.grad = np.array([-3.0, 0.5, 3.0]), -7.0
    optim.clip_grad_value([v, x, dp.Value(0.0)], 1.0)
    np.testing.assert_array_equal(v.grad, [-1.0, 0.5, 1.0])
    assert x.grad == -1.0


# -- schedules


def rates(schedule: optim.Schedule, steps: int, metrics: list[float] | None = None) -> list[float]:
    found = [schedule.optimizer.lr]
    for i in range(steps):
        schedule.step(None if metrics is None else metrics[i])
        found.append(schedule.optimizer.lr)
    return found


def sgd(lr: float = 0.4) -> optim.SGD:
    return optim.SGD([dp.Value(0.0)], lr=lr)


METRICS = [3.0, 2.0, 2.5, 2.0, 1.99999, 1.5, 1.6, 1.7, 1.8, 1.9, float("nan"), 1.0]
SCHEDULES: dict[str, tuple[Callable[[Any], optim.Schedule], str, dict[str, Any]]] = {
    "step": (
        lambda o: optim.StepDecay(o, every=3, factor=0.5),
        "StepLR",
        {"step_size": 3, "gamma": 0.5},
    ),
    "exponential": (
        lambda o: optim.ExponentialDecay(o, factor=0.9),
        "ExponentialLR",
        {"gamma": 0.9},
    ),
    "cosine": (
        lambda o: optim.CosineDecay(o, steps=12, final=0.1),
        "CosineAnnealingLR",
        {"T_max": 12, "eta_min": 0.1},
    ),
    "one-cycle": (
        lambda o: optim.OneCycle(o, peak=2.0, steps=13),
        "OneCycleLR",
        {"max_lr": 2.0, "total_steps": 13, "cycle_momentum": False},
    ),
    "plateau": (
        lambda o: optim.ReduceOnPlateau(o, factor=0.5, patience=2, final=0.05),
        "ReduceLROnPlateau",
        {"factor": 0.5, "patience": 2, "min_lr": 0.05},
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    make, theirs, options = SCHEDULES[name]
    metrics = METRICS if name == "plateau" else None
    found = rates(make(sgd()), 12, metrics)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    schedule = getattr(torch.optim.lr_scheduler, theirs)(optimizer, **options)
    expected = [optimizer.param_groups[0]["lr"]]
    for i in range(12):
        optimizer.step()
        schedule.step(*([] if metrics is None else [metrics[i]]))
        expected.append(optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_schedules_by_their_formulas() -> None:
    assert rates(optim.StepDecay(sgd(1.0), 2, 0.5), 4) == [1, 1, 0.5, 0.5, 0.25]
    assert rates(optim.ExponentialDecay(sgd(1.0), 0.5), 3) == [1, 0.5, 0.25, 0.125]
    cosine = rates(optim.CosineDecay(sgd(1.0), 2, 0.2), 4)
    np.testing.assert_allclose(cosine, [1, 0.6, 0.2, 0.2, 0.2])
    cycle = rates(optim.OneCycle(sgd(), peak=1.0, steps=10), 12)
    assert max(cycle) == cycle[2] == 1
    assert cycle[0] == 1 / 25
    np.testing.assert_allclose(cycle[9:], 1e-4 / 25)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_continues_where_it_was_taken(name: str) -> None:
    make = SCHEDULES[name][0]
    metrics = METRICS if name == "plateau" else None
    whole = rates(make(sgd()), 12, metrics)
    first = make(sgd())
    rates(first, 5, metrics)
    second = make(sgd(9.0))
    second.load_state_dict(first.state_dict())
    assert rates(second, 7, None if metrics is None else metrics[5:]) == whole[5:]


def test_a_schedule_of_another_kind_or_damaged_changes_nothing() -> None:
    schedule = optim.StepDecay(sgd(), 2)
    before, rate = schedule.state_dict(), schedule.optimizer.lr
    for saved, message in [
        (optim.CosineDecay(sgd(), 2).state_dict(), r"kind StepDecay .*, got kind CosineDecay"),
        (optim.ExponentialDecay(sgd(), 0.5).state_dict(), "got kind ExponentialDecay"),
        ({}, "got kind None"),
        ({**before, "count": "many"}, "count='many'"),
        ({**before, "base": float("nan")}, "base=nan"),
        ({**before, "factor": float("inf")}, "factor=inf"),
    ]:
        with pytest.raises(ValueError, match=message):
            schedule.load_state_dict(saved)
        assert (schedule.state_dict(), schedule.optimizer.lr) == (before, rate)


@pytest.mark.parametrize("mode", ["min", "max"])
@given(
    metrics=st.lists(st.sampled_from([1.0, 1.00005, 1.1, 2.0, np.inf, math.nan]), max_size=15),
    patience=st.integers(0, 2),
)
def test_a_plateau_is_pytorchs(mode: Any, metrics: list[float], patience: int) -> None:
    torch = pytest.importorskip("torch")
    options = {"factor": 0.5, "patience": patience, "mode": mode}
    schedule = optim.ReduceOnPlateau(sgd(1.0), **options)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    for metric in metrics:
        schedule.step(metric)
        theirs.step(metric)
        assert schedule.optimizer.lr == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-7)


@given(
    metrics=st.lists(st.sampled_from([-1.0, -0.99999, -0.5, 0.0, 0.5, 0.50001, 1.0, math.nan])),
    threshold=st.sampled_from([0.0, 1e-4, 0.6]),
)
def test_a_plateau_of_negative_metrics(metrics: list[float], threshold: float) -> None:
    """The mode "max" of a metric is the mode "min" of its negative."""
    down = optim.ReduceOnPlateau(sgd(1.0), 0.5, 1, threshold)
    up = optim.ReduceOnPlateau(sgd(1.0), 0.5, 1, threshold, mode="max")
    best, waited, rate = math.inf, 0, 1.0
    for metric in metrics:
        down.step(metric)
        up.step(-metric)
        bound = best - threshold * abs(best) if best < math.inf else best
        best, waited = (metric, 0) if metric < bound else (best, waited + 1)
        if waited > 1:
            rate, waited = rate / 2, 0
        assert down.optimizer.lr == up.optimizer.lr == rate
        assert down.best == -up.best == best


# -- bad input


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: optim.SGD([p], lr=-0.1), ValueError, "learning rate .* got -0.1"),
        (lambda p: optim.SGD([p], lr=float("nan")), ValueError, "learning rate .* got nan"),
        (lambda p: optim.Adam([p], lr=float("inf")), ValueError, "learning rate .* got inf"),
        (lambda p: setattr(optim.SGD([p], lr=0.1), "lr", -1), ValueError, "got -1"),
        (lambda p: optim.SGD([p], lr=0.1, momentum=1.0), ValueError, "momentum .* below 1"),
        (lambda p: optim.SGD([p], lr=0.1, nesterov=True), ValueError, "needs a momentum"),
        (lambda p: optim.SGD([p], lr=0.1, weight_decay=-1), ValueError, "weight_decay"),
        (
            lambda p: optim.SGD([p], lr=0.1, dampening=1),
            TypeError,
            "no argument .dampening.; its arguments are",
        ),
        (lambda p: optim.Adam([p], betas=(0.9, 1.0)), ValueError, "a beta .* below 1"),
        (lambda p: optim.Adam([p], betas=(-0.1, 0.9)), ValueError, "a beta .* got -0.1"),
        (lambda p: optim.RMSprop([p], decay=1.5), ValueError, "decay .* got 1.5"),
        (lambda p: optim.SGD([], lr=0.1), ValueError, "no parameters"),
        (lambda p: optim.SGD([p, p], lr=0.1), ValueError, "twice"),
        (lambda p: optim.SGD(p, lr=0.1), TypeError, r"write \[value\]"),
        (lambda p: optim.SGD([p * 2], lr=0.1), TypeError, "must be variables"),
        (lambda p: optim.SGD([dp.constant(1.0)], lr=0.1), TypeError, "must be variables"),
        (lambda p: optim.SGD([np.ones(3)], lr=0.1), TypeError, "got one with ndarray"),
        (lambda p: optim.SGD(dp.nn.MLP([1, 1]), lr=0.1), TypeError, r"write model.parameters\(\)"),
        (lambda p: optim.SGD(3, lr=0.1), TypeError, "must be a list of Values, got 3"),
        (
            lambda p: optim.ReduceOnPlateau(sgd(), mode="up"),
            ValueError,
            "unknown mode 'up'; known: min, max",
        ),
        (lambda p: optim.clip_grad_norm([p], -1), ValueError, "max_norm"),
        (lambda p: optim.clip_grad_value([p], -1), ValueError, "max_value"),
        (
            lambda p: optim.StepDecay(sgd(), every=0),
            ValueError,
            "every must be a whole number, at least 1",
        ),
        (
            lambda p: optim.CosineDecay(sgd(), steps=2.5),
            ValueError,
            "steps must be a whole number, at least 1, not 2.5",
        ),
        (lambda p: optim.ExponentialDecay(sgd(), -1), ValueError, "factor"),
        (lambda p: optim.OneCycle(sgd(), 1.0, steps=2), ValueError, "no rising or no falling"),
        (lambda p: optim.ReduceOnPlateau(sgd()).step(), TypeError, "needs the metric"),
        (lambda p: optim.ReduceOnPlateau(sgd(), factor=1.0), ValueError, "factor .* below 1"),
    ],
)
def test_bad_input(call: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(dp.Value([1.0]))
