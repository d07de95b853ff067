"""Compiled functions in several threads, with first calls, and called while they run."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop import nn, optim
from deltaprop.compiler import TraceError, turns
from deltaprop.graph import REGISTRY, Elementwise

from .test_state import WALKERS

THREADS, TIMES = 4, 500
X = np.linspace(-1.0, 1.0, 12).reshape(3, 4)


@pytest.fixture(autouse=True)
def _often() -> Iterator[None]:
    """Threads take turns often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(autouse=True, params=WALKERS)
def _walker(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELTAPROP_WALKER", request.param)


def in_threads(*calls: Callable[[], Any], times: int = TIMES) -> None:
    """Each call so often in a thread of its own, all of which begin at once."""
    wrong: list[BaseException] = []
    barrier = threading.Barrier(len(calls))

    def work(call: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            for _ in range(times):
                call()
        except BaseException as error:
            wrong.append(error)

    started = [threading.Thread(target=work, args=(call,), daemon=True) for call in calls]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join(100.0)
        assert not thread.is_alive(), "a thread hangs"
    if wrong:
        raise wrong[0]
    assert not turns._changed
    assert not turns._Turn.lock._is_owned()


def custom(name: str, work: Callable[[], Any]) -> Elementwise:
    """An operation that does something else meanwhile."""

    def forward(x: Any) -> Any:
        work()
        return np.array(x)

    made = Elementwise(forward, lambda _y, x: 0 * x + 1.0, name=name)
    REGISTRY.pop(name)  # the table is for what everybody may use
    return made


def test_a_function_of_arrays() -> None:
    f = dp.compile(lambda x: np.tanh(x @ x.T).sum(0) * 2.0)
    inputs = [X + i for i in range(THREADS)]
    right = [np.tanh(x @ x.T).sum(0) * 2.0 for x in inputs]

    def call(i: int) -> Any:
        np.testing.assert_array_equal(f(inputs[i]), right[i])

    in_threads(*[lambda i=i: call(i) for i in range(THREADS)])
    assert f.cache_info().misses == 1


def test_a_function_of_arrays_that_computes_in_several_threads() -> None:
    xs = [np.linspace(i, i + 1.0, 1 << 18) for i in range(THREADS)]
    f = dp.compile(lambda x: np.sin(np.tanh(x * 2.0 + 1.0) * 3.0))
    right = [np.sin(np.tanh(x * 2.0 + 1.0) * 3.0) for x in xs]
    calls = [lambda i=i: np.testing.assert_array_equal(f(xs[i]), right[i]) for i in range(THREADS)]
    in_threads(*calls, times=8)


@pytest.mark.parametrize("start", [2.0, [2.0, 3.0]], ids=["scalar", "array"])
def test_a_function_over_a_variable(start: Any) -> None:
    w = dp.Value(start)
    f = dp.compile(lambda x: (w * x + 1.0) * w)
    right = (w * 3.0 + 1.0) * w
    in_threads(*[lambda: np.testing.assert_array_equal(f(3.0).data, right.data)] * THREADS)
    assert f.cache_info().misses == 1


@pytest.mark.parametrize("start", [0.0, [0.0, 0.0]], ids=["scalar", "array"])
def test_a_counter(start: Any) -> None:
    w = dp.Value(start)

    def count() -> None:
        w.data += 1.0

    f = dp.compile(count)
    in_threads(*[f] * THREADS)
    assert (w.numpy() == THREADS * TIMES).all()
    assert f.cache_info().misses == 1


@pytest.mark.parametrize("rule", [optim.SGD, optim.Adam])
@pytest.mark.parametrize("shared", [True, False], ids=["one function", "two functions"])
def test_train_steps(rule: Any, shared: bool) -> None:
    """As many steps as calls, whoever makes them, with first calls among them."""

    def made() -> Any:
        model = nn.MLP([4, 5, 1], rng=0)
        optimizer = rule(model.parameters(), lr=1e-3)

        def step() -> None:
            optimizer.zero_grad()
            (model(X) ** 2).mean().backward()
            optimizer.step()

        return model, optimizer, step

    model, optimizer, step = made()
    steps = [dp.compile(step)] * 2 if shared else [dp.compile(step), dp.compile(lambda: step())]
    in_threads(*steps, *steps)
    twin, other, once = made()
    once = dp.compile(once)
    for _ in range(THREADS * TIMES):
        once()
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
        np.testing.assert_array_equal(a.grad, b.grad)
    for a, b in zip(*[x.state_dict()["state"].values() for x in (optimizer, other)], strict=True):
        np.testing.assert_array_equal(a, b)
    assert [f.cache_info().misses for f in steps] == [1, 1]


def test_first_calls_of_many_functions_over_one_variable() -> None:
    """No recording reads what another one puts in place of data; no update is lost."""
    w, count = dp.Value([1.0, 2.0]), dp.Value(0.0)

    def call() -> None:
        f = dp.compile(lambda x: (w * x).sum())
        assert f(np.ones(2)).item() == 3.0

    def step() -> None:
        count.data += 1.0

    f = dp.compile(step)
    in_threads(call, f, call, f, times=60)
    assert count.item() == 120.0


def test_signatures_and_a_small_cache() -> None:
    f = dp.compile(lambda x: x * 2.0 + 1.0, maxsize=2)

    def call(k: int) -> None:
        for n in range(1 + k, 5 + k):
            np.testing.assert_array_equal(f(np.ones(n)), np.full(n, 3.0))

    in_threads(*[lambda k=k: call(k) for k in range(THREADS)], times=15)
    assert f.cache_info().currsize == 2


def test_random_draws_are_all_different() -> None:
    rng, drawn = np.random.default_rng(0), []
    f = dp.compile(lambda x, g: x * g.random())
    in_threads(*[lambda: drawn.append(f(1.0, rng))] * THREADS, times=200)
    assert sorted(drawn) == sorted(np.random.default_rng(0).random(len(drawn)).tolist())


def test_fallbacks_take_turns_too() -> None:
    """A gradient of 0 is not what was recorded: the function runs as it is."""
    w, count = dp.Value(2.0), dp.Value(0.0)

    def step(x: Any) -> None:
        w.zero_grad()
        (w * x).backward()
        w.grad = w.grad * 0.5
        before = count.data
        time.sleep(1e-5)
        count.data = before + 1.0

    f = dp.compile(step)
    f(1.0)
    in_threads(*[lambda: f(0.0), lambda: f(1.0)] * 2, times=100)
    assert count.item() == 401.0


# -- eager code in other threads ------------------------------------------------------------------

EAGER: dict[str, Callable[[dp.Value, Any, Any], Any]] = {
    "read": lambda w, y, rule: w.data,
    "numpy": lambda w, y, rule: w.numpy(),
    "detach": lambda w, y, rule: w.detach(),
    "assign": lambda w, y, rule: w.assign(w.numpy() * 0.0),
    "zero_grad": lambda w, y, rule: w.zero_grad(),
    "read grad": lambda w, y, rule: w.grad,
    "set grad": lambda w, y, rule: setattr(w, "grad", np.ones(w.shape)),
    "backward": lambda w, y, rule: y.backward(),
    "step": lambda w, y, rule: rule.step(),
    "load": lambda w, y, rule: rule.load_state_dict(rule.state_dict()),
    "compute": lambda w, y, rule: w * 2.0,
}


@pytest.mark.parametrize("zeroed", [False, True])
@pytest.mark.parametrize("start", [2.0, [1.0, 2.0]], ids=["scalar", "array"])
@pytest.mark.parametrize("name", EAGER)
def test_eager_code_during_a_recording_is_an_error(name: str, start: Any, zeroed: bool) -> None:
    w = dp.Value(start)
    before = (w * w).sum()
    rule = optim.Adam([w])
    came: list[Any] = []

    def elsewhere() -> None:
        try:
            EAGER[name](w, before, rule)
        except TraceError as error:
            came.append(str(error))
        else:
            came.append("no error")

    def f(x: Any) -> Any:
        y = (w * x).sum()
        if zeroed:
            rule.zero_grad()
        rule.step()
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return y

    dp.compile(f)(2.0)
    assert came
    for message in came:
        assert message.startswith("a variable is used in one thread while another one records")
    np.testing.assert_array_equal(w.numpy(), start)
    assert w.grad is None


# -- called while it runs -------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 3])
def test_a_function_of_arrays_that_calls_itself(times: int) -> None:
    inner: list[Any] = []
    depth = [times]

    def again() -> None:
        if depth[0] < times:
            depth[0] += 1
            inner.append(f(np.full(2, 10.0)))

    operation = custom("calls_again", again)
    f = dp.compile(lambda x: operation(x * 2.0) + x)
    np.testing.assert_array_equal(f(np.ones(2)), np.full(2, 3.0))
    depth[0] = 0
    np.testing.assert_array_equal(f(np.ones(2)), np.full(2, 3.0))
    np.testing.assert_array_equal(inner, np.full((times, 2), 30.0))


def test_a_function_of_a_variable_that_calls_itself_and_others() -> None:
    w, active = dp.Value([1.0, 2.0]), [False]
    inner: list[Any] = []

    def again() -> None:
        if active[0]:
            active[0] = False
            inner.append(f(np.full(2, 10.0)).data)
            inner.append(dp.compile(lambda x: w * x)(np.ones(2)).data)  # a first call

    operation = custom("calls_again_and_others", again)

    def step(x: Any) -> Any:
        y = operation(w * x) + w
        w.data += 1.0
        return y

    f = dp.compile(step)
    f(np.ones(2))
    np.testing.assert_array_equal(w.data, [2.0, 3.0])
    active[0] = True
    # what comes after the inner call reads what that has left
    np.testing.assert_array_equal(f(np.ones(2)).data, [5.0, 7.0])
    np.testing.assert_array_equal(inner[0], [22.0, 33.0])
    np.testing.assert_array_equal(inner[1], [3.0, 4.0])
    np.testing.assert_array_equal(w.data, [4.0, 5.0])


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers")
def test_a_signal_handler_may_call_it() -> None:
    model = nn.MLP([4, 16, 16, 1], rng=0)
    rule = optim.SGD(model.parameters(), lr=1e-3)

    def step(x: Any) -> Any:
        rule.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        rule.step()
        return loss

    step, judge = dp.compile(step), dp.compile(lambda x: (model(x) ** 2).mean())
    losses: list[float] = []

    def handler(*_: Any) -> None:
        losses.append(judge(X).item())

    step(X), judge(X)
    before = signal.signal(signal.SIGALRM, handler)
    expected = set()
    try:
        for k in range(500):
            signal.setitimer(signal.ITIMER_REAL, 1e-6 * (1 + k % 100))
            expected.add(step(X).item())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert len(losses) > 100
    # each is the loss of whole parameters
    assert {*losses} <= {*expected, step(X).item()}


def test_other_threads_go_on_while_one_is_in_a_long_call() -> None:
    """A function of arrays alone waits for nobody."""
    begun, end = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert end.wait(20.0)

    operation = custom("waits", wait)
    w = dp.Value([1.0, 2.0])
    f, g = dp.compile(lambda x: operation(w * x)), dp.compile(lambda x: x * 2.0)
    end.set()
    f(np.ones(2)), g(np.ones(2))
    end.clear(), begun.clear()
    thread = threading.Thread(target=f, args=(np.ones(2),))
    thread.start()
    assert begun.wait(20.0)
    np.testing.assert_array_equal(g(np.ones(2)), [2.0, 2.0])
    end.set()
    thread.join()


def test_state_is_never_copied_in_a_replay() -> None:
    """Its arrays stay where they are, on every Python: nothing is told by counts of references."""
    model = nn.MLP([4, 5, 2], normalization="batch", rng=0)
    rule = optim.Adam(model.parameters(), lr=0.01)

    def step(x: Any) -> Any:
        rule.zero_grad()
        loss = nn.mse(model(x), x[:, :2])
        loss.backward()
        rule.step()
        return loss

    f = dp.compile(step)
    f(X)
    values = [*model.parameters(), *[v for kept in rule.state for v in kept]]
    values += [v for _, v in model._buffers() if v.shape]
    places = [v._held.ctypes.data for v in values]
    addresses = [p.data.ctypes.data for p in model.parameters()]
    for _ in range(20):
        f(X)
        assert [v._held.ctypes.data for v in values] == places
        assert [p.data.ctypes.data for p in model.parameters()] == addresses
