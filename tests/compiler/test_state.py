"""What lies outside a compiled function is read and written in each call, as in eager mode."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop import nn, optim
from deltaprop.graph import REGISTRY, Elementwise

from .test_table import identical
from .test_walkers import built

EXECUTORS = ["numpy", "xla"]
WALKERS = ["python", *["c"] * built()]
OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.5),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.1, momentum=0.5),
    "adam": lambda p: optim.Adam(p, lr=0.1),
    "adamw": lambda p: optim.AdamW(p, lr=0.1),
}


def alike(run: Callable[[Callable[..., Any]], Any]) -> None:
    """`run` gives the same whether the functions in it are compiled or not."""
    identical(run(dp.compile), run(lambda f: f))


# -- variables that something else than an operation meets first ---------------------------------


@dp.custom_gradient
def _cubed(x: Any) -> Any:
    return x**3, lambda g: 3 * g * x**2


MEETINGS: dict[str, Callable[[Any, Any], Any]] = {
    "checkpoint of an argument": lambda w, x: dp.checkpoint(np.sin)(w) * x,
    "checkpoint of a closure": lambda w, x: dp.checkpoint(lambda y: np.sin(w) * y)(x),
    "custom_gradient": lambda w, x: _cubed(w) * x,
    "custom_gradient inside checkpoint": lambda w, x: dp.checkpoint(_cubed)(w) * x,
    "grad": lambda w, x: dp.grad(lambda v: (v**3 * x).sum())(w),
    "detach": lambda w, x: w.detach() * x,
    "a constant": lambda w, x: dp.constant(w.detach()) * x,
    "assign": lambda w, x: dp.Value(x).assign(w) * 2.0,
    "numpy's asarray": lambda w, x: dp.numpy.asarray(w, copy=True) * x,
}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("start", [2.0, [2.0, 3.0]], ids=["scalar", "array"])
@pytest.mark.parametrize("meet", MEETINGS.values(), ids=MEETINGS)
def test_a_variable_is_read_in_each_call(meet: Any, start: Any, executor: str) -> None:
    w = dp.Value(start)
    compiled = dp.compile(lambda x: meet(w, x), executor=executor)
    for k in range(3):
        x = np.array(start) + k
        w.data = w.data + k
        expected = meet(w, x)
        np.testing.assert_allclose(compiled(x).numpy(), expected.numpy(), rtol=1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_steps_through_a_checkpoint_train(optimizer: Any) -> None:
    def run(compiled: Any) -> Any:
        mlp = nn.MLP([2, 3, 1], rng=0)
        rule = optimizer(mlp.parameters())

        def step(X: Any) -> Any:
            loss = nn.mse(dp.checkpoint(mlp)(X), X[:, :1])
            rule.zero_grad()
            loss.backward()
            rule.step()
            return loss

        step = compiled(step)
        X = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        return [step(X).item() for _ in range(4)], mlp.state_dict(), rule.state_dict()["state"]

    alike(run)


def test_constants_times_variables() -> None:
    def run(compiled: Any) -> Any:
        w = dp.Value(2.0)

        def f(x: Any) -> Any:
            w.zero_grad()
            y = w.detach() * w * x + dp.stop_gradient(w) / w - dp.stop_gradient(w) ** 2 * w
            y.backward()
            return y.detach(), w.grad

        f = compiled(f)
        found = []
        for k in range(3):
            found.append(f(1.0 + k))
            w.data = 3.0 + k
        return found

    alike(run)


@pytest.mark.parametrize("late", [False, True])
def test_data_that_are_kept_over_a_write_are_refused(late: bool) -> None:
    """In eager mode they are the variable's memory, and hold the new numbers."""
    w, v = dp.Value([1.0, 2.0]), dp.Value([3.0, 4.0])

    def f(x: Any) -> Any:
        old = w.data
        y = old * 2.0
        if not late:
            w.data = w.data * x
        v.data = old
        w.data = w.data * x
        return y, w.data

    compiled = dp.compile(f)
    if late:
        for _ in range(3):
            before = w.numpy()
            y, now = compiled(np.ones(2) * 3.0)
            identical([y, now, v.numpy()], [before * 2.0, before * 3.0, before])
    else:
        with pytest.raises(dp.TraceError, match=r"used after v was written.*v\.detach\(\)"):
            compiled(np.ones(2))


def test_a_copy_of_data_stays_what_it_was() -> None:
    w = dp.Value([1.0, 2.0])

    @dp.compile
    def f(x: Any) -> Any:
        old = w.data.copy()
        w.data = w.data + x
        return old

    for _ in range(2):
        before = w.numpy()
        identical([f(np.ones(2)), w.numpy()], [before, before + 1.0])


def test_a_number_is_assigned_as_eagerly() -> None:
    """It is rounded to the dtype of a scalar of float32."""
    results = []
    for how in (dp.compile, lambda f: f):
        w = dp.Value(np.float32(0.5))

        def f(x: Any, w: dp.Value = w) -> None:
            w.assign(x.sum())

        how(f)(np.array([0.1, 0.2]))
        results.append(w.item())
    assert results[0] == results[1] == float(np.float32(0.1 + 0.2))


def test_truth_values_are_no_variables() -> None:
    with pytest.raises(TypeError, match=r"a Value holds floating numbers, got .*, of dtype bool"):
        dp.compile(lambda x: dp.Value(x > 0) * 2.0)(np.ones(2))


def test_a_graph_of_data_from_before_a_write_is_differentiated() -> None:
    def run(compiled: Any) -> Any:
        w, v = dp.Value([1.0, 2.0]), dp.Value([3.0, 4.0])

        def f(x: Any) -> Any:
            w.zero_grad(), v.zero_grad()
            y = (v * w.data * x + np.sin(w.data) * v).sum()
            v.data = w.data
            w.data = w.data * 2.0
            y.backward()
            return v.grad

        f = compiled(f)
        return [f(np.ones(2) + k) for k in range(3)]

    alike(run)


# -- gradients -----------------------------------------------------------------------------------


def _halved(ws: list[dp.Value]) -> None:
    for w in ws:
        if w.grad is not None:
            w.grad = w.grad * 0.5


CLIPS: dict[str, Callable[..., Any]] = {
    "norm": lambda ws, _: optim.clip_grad_norm(ws, 1.0),
    "value": lambda ws, _: optim.clip_grad_value(ws, 3.0),
    "by hand": lambda ws, _: _halved(ws),
    "zero_grad": lambda _, rule: rule.zero_grad(),
    "step": lambda _, rule: rule.step(),
}


@pytest.mark.parametrize("clip", CLIPS.values(), ids=CLIPS)
def test_gradients_met_first_are_read_in_each_call(clip: Any) -> None:
    def run(compiled: Any) -> Any:
        ws = [dp.Value([3.0, 4.0]), dp.Value(2.0), dp.Value([1.0])]
        rule = optim.SGD(ws, lr=0.1)
        f = compiled(lambda: clip(ws, rule))
        found = []
        for k in range(1, 4):
            ws[0].grad = np.array([3.0, 4.0]) * k
            ws[1].grad = 2.0 * k
            ws[2].grad = None if k == 2 else np.ones(1)
            found.append([f(), *[w.grad for w in ws], *[w.numpy() for w in ws]])
        return found

    alike(run)


@pytest.mark.parametrize("start", [1.0, [1.0, 2.0]], ids=["scalar", "array"])
def test_gradients_add_up_around_a_zero_grad_outside(start: Any) -> None:
    def run(compiled: Any) -> Any:
        w, v = dp.Value(start), dp.Value(start)
        f = compiled(lambda x: (w * x + v).sum().backward())
        found = []
        for k in range(8):
            if k in (2, 3, 6):
                w.zero_grad()
            if k in (3, 5):
                v.grad = None
            f(np.array(start) + k)
            found.append((w.grad, v.grad))
        return found

    alike(run)


def test_a_branch_on_a_gradient_is_taken_anew() -> None:
    def run(compiled: Any) -> Any:
        w = dp.Value([1.0, 2.0])
        f = compiled(lambda x: x * 0.0 if w.grad is None else x * 1.0)
        found = []
        for g in (np.ones(2), None, np.ones(2), None):
            w.grad = g
            found.append(f(np.ones(2)))
        return found

    alike(run)


def test_a_gradient_of_zero_is_as_in_eager_mode() -> None:
    def run(compiled: Any) -> Any:
        w = dp.Value(2.0)
        rule = optim.SGD([w], lr=0.1, momentum=0.5)

        def f(x: Any) -> None:
            w.zero_grad()
            (w * x).backward()
            w.grad = w.grad * 0.5  # of 0 it is none
            rule.step()

        f = compiled(f)
        found = []
        for x in (0.0, 1.0, 0.0, 2.0):
            f(x)
            found.append((w.grad, w.item(), rule.state_dict()["state"]))
        return found

    alike(run)


def test_a_graph_left_in_a_gradient_is_refused() -> None:
    w = dp.Value(1.0)

    def f() -> None:
        (w * w).backward(create_graph=True)

    with pytest.raises(dp.TraceError, match=r"left in \.grad.*zero_grad\(\) before the last"):
        dp.compile(f)()
    assert w.grad is None


def test_the_numbers_of_a_recorded_gradient_may_stay() -> None:
    def run(compiled: Any) -> Any:
        w = dp.Value([1.0, 2.0])

        def f(x: Any) -> Any:
            w.zero_grad()
            (w**3 * x).sum().backward(create_graph=True)
            penalty = (w.grad**2).sum()
            w.zero_grad()
            penalty.backward()
            return penalty.detach(), w.grad

        f = compiled(f)
        return [f(np.array([1.0, k])) for k in range(3)]

    alike(run)


def test_a_recorded_gradient_from_outside_is_added_to_as_in_eager_mode() -> None:
    def run(compiled: Any) -> Any:
        w = dp.Value(3.0)
        f = compiled(lambda x: (w * x).backward())
        f(1.0)
        w.zero_grad()
        (w**3).backward(create_graph=True)
        f(2.0)
        (w.grad * 1.0).backward()  # the graph is there still
        return w.grad.item()

    alike(run)


def test_hooks_of_variables_count_when_they_are_there() -> None:
    def run(compiled: Any) -> Any:
        w = dp.Value([1.0, 2.0])

        def f(x: Any) -> Any:
            w.zero_grad()
            (w * x).sum().backward()
            return w.grad

        f = compiled(f)
        found = [f(np.ones(2))]
        remove = w.register_hook(lambda g: 10 * g)
        found += [f(np.ones(2)), f(np.ones(2))]
        remove()
        return [*found, f(np.ones(2))]

    alike(run)


# -- optimisers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_loaded_state_is_continued(optimizer: Any, executor: str) -> None:
    def run(compiled: Any) -> Any:
        ps = [dp.Value([1.0, -2.0]), dp.Value(3.0)]
        rule = optimizer(ps)

        def step(a: Any) -> None:
            rule.zero_grad()
            (ps[0] * ps[0] * a * ps[1]).sum().backward()
            rule.step()

        step = compiled(step)
        found, saved = [], rule.state_dict()
        for k in range(6):
            step(np.ones(2))
            if k == 1:
                saved = rule.state_dict()
            if k in (2, 4):
                rule.load_state_dict(saved)
            found.append((ps[0].numpy(), ps[1].item(), rule.state_dict()["state"]))
        return found

    expected = run(lambda f: f)
    found = run(lambda f: dp.compile(f, executor=executor))
    if executor == "numpy":
        identical(found, expected)
    for came, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(came[0], right[0], rtol=1e-12, atol=1e-15)
        assert came[2].keys() == right[2].keys()
        for name, entry in right[2].items():
            np.testing.assert_allclose(came[2][name], entry, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_checkpoint_of_compiled_steps_goes_on_in_steps_compiled_before(
    name: str, executor: str
) -> None:
    """What is saved is true, and what is loaded is seen: also layers' running statistics."""

    def made(seed: int) -> Any:
        model = nn.MLP([3, 4, 2], normalization="batch", rng=seed)
        rule = OPTIMIZERS[name](model.parameters())

        def step(X: Any) -> Any:
            rule.zero_grad()
            loss = nn.mse(model(X), X[:, :2])
            loss.backward()
            rule.step()
            return loss

        return model, rule, dp.compile(step, executor=executor)

    Xs = np.random.default_rng(0).normal(size=(7, 8, 3))
    model, rule, step = made(0)
    rule.lr = 0.03
    for X in Xs[:4]:
        step(X)
    saved = copy.deepcopy((model.state_dict(), rule.state_dict()))
    other, again, resumed = made(1)
    for X in Xs[:2]:
        resumed(X)
    other.load_state_dict(saved[0])
    again.load_state_dict(saved[1])
    identical((other.state_dict(), again.state_dict()), saved)
    if again.rates is not None:
        assert saved[1]["state"]["count"] == 4.0
    for X in Xs[4:]:
        identical(resumed(X), step(X))
    assert other.norms[0].num_batches_tracked == 7
    identical(
        (other.state_dict(), again.state_dict()["state"]),
        (model.state_dict(), rule.state_dict()["state"]),
    )
    assert (again.lr, resumed.cache_info().misses) == (0.03, 1)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_optimisers_of_ones_own_are_compiled(executor: str) -> None:
    class Signs(optim.Optimizer):
        slots = ()

        @staticmethod
        def update(p: Any, g: Any, state: Any, lr: Any, *, power: float = 1.0) -> Any:
            return p - lr * np.sign(g) * np.abs(g) ** power, state

    class Average(optim.Optimizer):
        """The mean of all p, by their number."""

        slots = ("mean",)

        @staticmethod
        def rates(lr: Any, count: Any, **_: Any) -> Any:
            return lr / count, 1.0 / count

        @staticmethod
        def update(p: Any, g: Any, state: Any, rates: Any) -> Any:
            p = p - rates[0] * g
            return p, [state[0] + rates[1] * (p - state[0])]

    def run(compiled: Any) -> Any:
        w, v = dp.Value([1.0, -2.0]), dp.Value(3.0)
        rules = [Signs([w], lr=0.1, power=0.5), Average([w, v], lr=0.1)]

        def step(x: Any) -> Any:
            for rule in rules:
                rule.zero_grad()
            (w * w * x * v).sum().backward()
            for rule in rules:
                rule.step()

        step = compiled(step)
        ws = []
        for k in range(4):
            step(np.array([1.0, k]))
            ws.append((w.numpy(), v.item()))
        assert np.allclose(rules[1].state_dict()["state"]["0.mean"], np.mean([w for w, _ in ws], 0))
        return ws, [rule.state_dict()["state"] for rule in rules]

    found, expected = run(lambda f: dp.compile(f, executor=executor)), run(lambda f: f)
    if executor == "numpy":
        identical(found, expected)
    assert expected[1][1]["count"] == found[1][1]["count"] == 4.0
    np.testing.assert_allclose(found[0][-1][0], expected[0][-1][0], rtol=1e-12)


def test_a_step_without_a_gradient_does_not_count() -> None:
    def run(compiled: Any) -> Any:
        w, v = dp.Value([1.0, 2.0]), dp.Value(1.0)
        rule = optim.Adam([w, v], lr=0.1)
        step = compiled(rule.step)
        found = []
        for k in range(6):
            w.grad = np.ones(2) if k in (1, 2, 4) else None
            v.grad = 2.0 if k in (2, 5) else None
            step()
            found.append((w.numpy(), v.item(), rule.state_dict()["state"]))
        assert found[-1][2]["count"] == 4.0
        return found

    alike(run)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_buffers_of_ones_own_are_read_and_replaced(executor: str) -> None:
    class Scaled(nn.Module):
        buffers = ("largest", "seen")

        def __init__(self) -> None:
            self.largest: Any = np.zeros(3)
            self.seen: Any = 0.0

        def __call__(self, x: Any) -> Any:
            self.seen = self.seen + 1.0
            self.largest = np.maximum(self.largest, abs(x).max(0))
            return x / self.largest * self.seen

    class More(Scaled):
        buffers = ("last",)  # what is no longer listed is no parameter

        def __init__(self) -> None:
            super().__init__()
            self.last: Any = dp.Value(3.0)  # its data count

    model, twin = Scaled(), Scaled()
    f = dp.compile(lambda x: model(x), executor=executor)
    for k in range(5):
        x = np.random.default_rng(k).normal(size=(4, 3))
        np.testing.assert_allclose(f(x), twin(x), rtol=1e-15)
        if k == 2:
            for each in (model, twin):
                each.load_state_dict({"largest": np.full(3, 0.1), "seen": 7.0})
    assert model.seen == twin.seen == 9.0
    np.testing.assert_array_equal(model.largest, twin.largest)
    assert model.state_dict().keys() == {"largest", "seen"}
    assert (More().parameters(), More().state_dict()) == ([], {"last": 3.0})
    assert not hasattr(More.__new__(More), "last")


OPTIONS: dict[str, dict[str, Any]] = {
    "momentum": {"momentum": 0.9, "weight_decay": 0.1, "nesterov": True},
    "rmsprop": {"decay": 0.5, "eps": 0.1},
    "adam": {"betas": (0.5, 0.6), "eps": 0.1, "weight_decay": 0.1},
    "adamw": {"weight_decay": 0.5},
}


@pytest.mark.parametrize("written", [False, True], ids=["loaded", "written"])
@pytest.mark.parametrize("name", OPTIONS)
def test_options_that_change_are_used(name: str, written: bool) -> None:
    def run(compiled: Any) -> Any:
        p = dp.Value([1.0, -2.0])
        rule = OPTIMIZERS[name]([p])

        def step() -> None:
            rule.zero_grad()
            (p * p).sum().backward()
            rule.step()

        step = compiled(step)
        found = []
        for k in range(4):
            step()
            found.append(p.numpy())
            if k == 1 and written:
                rule.options.update(OPTIONS[name])
            elif k == 1:
                saved = rule.state_dict()
                saved["options"] |= OPTIONS[name]
                saved["lr"] = 0.01
                rule.load_state_dict(saved)
        return found

    alike(run)


def test_a_momentum_is_loaded_only_where_there_is_one() -> None:
    rule = optim.SGD([dp.Value([1.0])], lr=0.1)
    saved = rule.state_dict()
    saved["options"]["momentum"] = 0.9
    with pytest.raises(ValueError, match="must have a momentum if and only if"):
        rule.load_state_dict(saved)
    assert rule.options["momentum"] == 0.0


def test_a_learning_rate_that_the_function_reads_is_that_of_each_call() -> None:
    def run(compiled: Any) -> Any:
        w = dp.Value([1.0, 2.0])
        rule = optim.SGD([w], lr=0.5)
        schedule = optim.ExponentialDecay(rule, 0.5)

        def f(x: Any) -> None:
            w.zero_grad()
            (w * w * x).sum().backward()
            w.data = w.data - rule.lr * w.grad

        f = compiled(f)
        found = []
        for _ in range(3):
            f(np.ones(2))
            found.append(w.numpy())
            schedule.step()
        return found

    alike(run)


# -- random numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("dead", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_masks_are_drawn_in_order(shared: bool, dead: bool, executor: str) -> None:
    def run(compiled: Any) -> Any:
        draw = np.random.default_rng(0)
        w = dp.Value(draw.standard_normal((4, 3)))
        generator = np.random.default_rng(1)
        norms = nn.BatchNorm(3), nn.LayerNorm(3)
        drops = [nn.Dropout(p, generator if shared else k) for k, p in enumerate((0.4, 0.5, 0.6))]
        rule = optim.SGD([w, *norms[0].parameters(), *norms[1].parameters()], lr=0.003)

        def step(g: Any) -> Any:
            a, b = drops[0](norms[0](w)), drops[1](norms[0](w))
            if dead:
                drops[0](w * 2.0 + a)
                g.normal(a.detach().data)
            c = drops[2](norms[1](a + b)) * g.normal(size=3)
            rule.zero_grad()
            (a.sum() + (b**2).sum() + c.sum()).backward()
            rule.step()
            return a.detach(), b.detach(), c.detach()

        step, g = compiled(step), np.random.default_rng(3)
        found = [[x.numpy() for x in step(g)] for _ in range(3)]
        return found, w.numpy(), g.random(), [drop.rng.random() for drop in drops]

    came = run(lambda f: dp.compile(f, executor=executor))
    expected = run(lambda f: f)
    assert came[2:] == expected[2:]
    for a, b in zip(came[0], expected[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(came[1], expected[1], rtol=1e-9)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_generators_that_are_one_and_then_two(executor: str) -> None:
    def run(compiled: Any) -> Any:
        own = np.random.default_rng(0)
        drop = nn.Dropout(0.5, rng=own)
        f = compiled(lambda x, g, h: (drop(x), x * g.random(3), x * h.random(3)))
        one, two = np.random.default_rng(1), np.random.default_rng(2)
        calls = [(one, one), (one, two), (own, one), (two, own)]
        return [[np.asarray(y) for y in f(np.ones(3), g, h)] for g, h in calls]

    identical(run(lambda f: dp.compile(f, executor=executor)), run(lambda f: f))


# -- errors --------------------------------------------------------------------------------------

_fails: list[bool] = [False]


def _forward(x: Any) -> Any:
    if _fails[0]:
        raise RuntimeError("the last operation fails")
    return np.array(x)


_last = Elementwise(_forward, lambda _y, x: 0 * x + 1.0, name="fails_at_will")
REGISTRY.pop("fails_at_will")  # the table is for what everybody may use


@pytest.mark.parametrize("where", ["forward", "between", "end"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("walker", WALKERS)
def test_an_error_in_a_replay_changes_nothing(
    optimizer: Any, where: str, walker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DELTAPROP_WALKER", walker)
    model = nn.MLP([3, 4, 4, 2], dropout=0.3, rng=0)
    norm = nn.BatchNorm(2)
    scalar = dp.Value(2.0)
    parameters = [*model.parameters(), *norm.parameters(), scalar]
    rules = [optimizer(parameters[:3]), optimizer(parameters[3:])]
    given = np.random.default_rng(5)

    def fails(x: Any, here: str) -> Any:
        return _last(x * 1.0) if here == where else x

    def step(X: Any, g: Any) -> Any:
        y = fails(norm(model(X * g.random(3))), "forward")
        loss = nn.mse(y * scalar, X[:, :2])
        for rule in rules:
            rule.zero_grad()
        loss.backward()
        rules[0].step()
        again = fails((parameters[0] * 2.0).sum(), "between")
        rules[1].step()
        return fails(loss * 1.0 + again, "end")

    def state() -> Any:
        return (
            model.state_dict(),
            norm.state_dict(),
            # a gradient that was looked at is a copy
            [(p.numpy(), np.array(p._grad)) for p in parameters],
            [rule.state_dict()["state"] for rule in rules],
            [repr(g.bit_generator.state) for g in (model.dropout.rng, given)],
        )

    compiled = dp.compile(step)
    X = np.random.default_rng(0).standard_normal((5, 3))
    for _ in range(3):
        compiled(X, given)
        before = state()
        _fails[0] = True
        try:
            with pytest.raises(RuntimeError, match="the last operation fails"):
                compiled(X, given)
        finally:
            _fails[0] = False
        identical(state()[:-1], before[:-1])
        assert state()[-1] == before[-1]


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_wrong_target_changes_nothing(optimizer: Any, executor: str) -> None:
    """It is found late: the classes depend on what was drawn and computed before."""
    model, norm = nn.MLP([3, 4, 3], dropout=0.3, rng=0), nn.BatchNorm(3)
    parameters = [*model.parameters(), *norm.parameters()]
    rule, given = optimizer(parameters), np.random.default_rng(5)

    def step(X: Any, classes: Any, g: Any) -> Any:
        rule.zero_grad()
        nn.softmax_cross_entropy(norm(model(X * g.random(3))), [0, 1, 2, 0, 1]).backward()
        rule.step()
        w = parameters[0].data.sum() * 0.0
        return nn.softmax_cross_entropy(X, (classes + w).astype(int))

    def state() -> Any:
        return (
            model.state_dict(),
            norm.state_dict(),
            [(p.numpy(), p.grad) for p in parameters],
            rule.state_dict()["state"],
            [np.array(g.random(9)) for g in copies(given, model.dropout.rng)],
        )

    compiled = dp.compile(step, executor=executor)
    X = np.random.default_rng(0).standard_normal((5, 3))
    right, wrong = np.array([0.0, 1, 2, 0, 1]), np.array([0.0, 1, 3, 0, 1])
    for _ in range(3):
        compiled(X, right, given)
        before = state()
        with pytest.raises((ValueError, IndexError)):
            compiled(X, wrong, given)
        identical(state(), before)


def copies(*generators: np.random.Generator) -> list[np.random.Generator]:
    return [copy.deepcopy(g) for g in generators]
