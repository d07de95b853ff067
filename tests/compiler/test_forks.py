"""A child process may replay and compile, whatever the threads of its parent did meanwhile."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop.compiler import turns

from .interrupts import SETTINGS, settings
from .test_state import WALKERS
from .test_threads import custom

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
    pytest.mark.skipif(
        sys.platform == "darwin", reason="Apple's BLAS may not be used after a fork"
    ),
    pytest.mark.parametrize("walker", WALKERS),
]
X = np.linspace(-1.0, 1.0, 12).reshape(3, 4)


@pytest.fixture(autouse=True)
def _walker(walker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELTAPROP_WALKER", walker)


def in_a_child(work: Callable[[], Any]) -> None:
    """Do the work in a child process; what it raises is an error here."""
    sys.stdout.flush(), sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this process has threads
        child = os.fork()
    if not child:
        code = 1
        try:
            signal.alarm(20)  # ends a child that hangs
            work()
            code = 0
        except BaseException as error:
            os.write(2, f"in the child: {type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def made() -> Any:
    """A step over a variable, and a function of arrays."""
    w = dp.Value([1.0, 2.0, 3.0, 4.0])

    def step(x: Any) -> Any:
        y = (w * x).sum()
        w.zero_grad()
        y.backward()
        w.data -= 0.1 * w.grad
        return y

    return w, dp.compile(step), dp.compile(lambda x: np.tanh(x) * 2.0)


def verify(w: Any, step: Any, f: Any, inside: bool = False) -> None:
    """Both are right, and so is what is compiled anew."""
    twin, again, _ = made()
    twin.data = w.numpy()
    for _ in range(2):
        np.testing.assert_array_equal(step(X).data, again(X).data)
        np.testing.assert_array_equal(w.numpy(), twin.numpy())
        np.testing.assert_array_equal(w.grad, twin.grad)
        np.testing.assert_array_equal(f(X), np.tanh(X) * 2.0)
    assert inside or settings() == SETTINGS


def during(begin: Callable[[Callable[[], None]], Any], work: Callable[[], Any]) -> None:
    """Fork while another thread is inside `begin`, which calls what it is given."""
    inside, end = threading.Event(), threading.Event()

    def wait() -> None:
        inside.set()
        assert end.wait(30.0)

    thread = threading.Thread(target=begin, args=(wait,))
    thread.start()
    try:
        assert inside.wait(30.0)
        in_a_child(work)
    finally:
        end.set()
        thread.join()


def test_after_calls() -> None:
    w, step, f = made()
    step(X), f(X)
    in_a_child(lambda: verify(w, step, f))
    verify(w, step, f)


def test_before_calls() -> None:
    w, step, f = made()
    in_a_child(lambda: verify(w, step, f))
    verify(w, step, f)


def test_during_a_replay() -> None:
    w, step, f = made()
    step(X), f(X)
    waits: list[Any] = [lambda: None]
    operation = custom("waits_in_a_replay", lambda: waits[0]())
    g = dp.compile(lambda x: operation(w * x) * 2.0)
    g(X)

    def begin(wait: Callable[[], None]) -> None:
        waits[0] = wait
        g(X)

    def work() -> None:
        waits[0] = lambda: None
        np.testing.assert_array_equal(g(X).data, w.data * X * 2.0)
        verify(w, step, f)

    during(begin, work)
    waits[0] = lambda: None
    work()


def test_during_a_recording() -> None:
    """The other thread will not put back what it has changed: the child does."""
    w, step, f = made()
    rng = np.random.default_rng(0)
    step(X), f(X)
    drawn = np.random.default_rng(0).random(3)

    def begin(wait: Callable[[], None]) -> None:
        def g(x: Any, rng: Any) -> Any:
            y = (w * x).sum() * rng.random()
            w.data = w.data * 0.0
            wait()
            return y

        dp.compile(g)(X, rng)

    before = w.numpy()

    def work() -> None:
        np.testing.assert_array_equal(w.numpy(), before)
        np.testing.assert_array_equal(rng.random(3), drawn)
        verify(w, step, f)

    during(begin, work)
    assert (w.numpy() == 0.0).all()
    w.data = before
    verify(w, step, f)


def test_by_a_thread_that_is_in_a_call() -> None:
    """A recording and a replay that fork go on in both processes."""
    w, step, f = made()
    step(X), f(X)
    forks = [False]

    def fork() -> None:
        if forks[0]:
            forks[0] = False
            in_a_child(lambda: verify(w, step, f, inside=True))

    operation = custom("forks", fork)
    g = dp.compile(lambda x: operation(w * x) * 2.0)
    g(X)
    forks[0] = True
    np.testing.assert_array_equal(g(X).data, w.data * X * 2.0)
    verify(w, step, f)


def test_by_a_recording() -> None:
    """It goes on in both processes; in the child Python has seeded its generator meanwhile."""
    w, step, f = made()
    children: list[int] = []

    def recorded(x: Any) -> Any:
        y = w * x
        if not children:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                children.append(os.fork())
            if not children[0]:
                signal.alarm(20)
        return y

    code = 1
    try:
        g = dp.compile(recorded)
        try:
            g(X)
        except dp.TraceError:
            if children[0]:
                raise
        np.testing.assert_array_equal(g(X).data, w.data * X)
        verify(w, step, f)
        code = 0
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        raise
    finally:
        if not children[0]:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0


def test_large_arrays_in_both() -> None:
    """The threads that share the work are those of each process."""
    x = np.linspace(0.0, 1.0, 1 << 18)
    w = dp.Value(np.ones(1 << 18))
    f = dp.compile(lambda x: np.exp(np.tanh(x * w + 1.0) * 0.5))
    right = f(x).numpy()
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            f(x)

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        for _ in range(3):
            time.sleep(0.005)
            in_a_child(lambda: np.testing.assert_array_equal(f(x).numpy(), right))
    finally:
        stop.set()
        thread.join()
    np.testing.assert_array_equal(f(x).numpy(), right)
    assert not turns._Turn.lock._is_owned()
