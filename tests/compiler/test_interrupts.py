"""Interrupts and errors leave all as it was, or all as it should be: see `interrupts`."""

from __future__ import annotations

import gc
import signal
import threading
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop.compiler import tiles, turns

from . import interrupts
from .test_walkers import native

WALKERS = ["python", *["c"] * native()]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers")
@pytest.mark.parametrize("walker", WALKERS)
def test_all_is_old_or_all_is_new(walker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short version of ``python -m tests.compiler.interrupts``."""
    monkeypatch.setenv("DELTAPROP_WALKER", walker)
    done = interrupts.run(100, seed=1, fits=1)
    assert {name.split(",")[0] for name in done} == {"first", "replay", "fit"}


@pytest.mark.parametrize("name", ["sgd", "indexed"])
def test_an_interrupt_at_each_line_that_puts_back(name: str) -> None:
    """The lines of turns.py, and of all that is called from there."""
    total, k = 1, 0
    while k < total:
        subject = interrupts.Training(interrupts.STEPS[name])
        old = subject.state()
        seen = 0

        def trace(frame: Any, event: str, _: Any, k: int = k) -> Any:
            nonlocal seen
            here = frame.f_code.co_filename == turns.__file__
            called = frame.f_back is not None and frame.f_back.f_code.co_name == "_undo"
            if not here and not called:
                return inner if frame.f_code.co_filename.startswith(interrupts.PACKAGE) else None
            if event == "line":
                if seen == k:
                    interrupts.sys.settrace(None)
                    seen += 1
                    raise KeyboardInterrupt
                seen += 1
            return trace

        inner = trace
        interrupts.sys.settrace(trace)
        try:
            subject.call()
            came = False
        except KeyboardInterrupt:
            came = True
        finally:
            interrupts.sys.settrace(None)
        state = subject.state()
        assert interrupts.settings() == interrupts.SETTINGS, k
        if came and state != old:
            subject = interrupts.Training(interrupts.STEPS[name])
            subject.call()
            assert subject.state() == state, k
        total, k = (k + 2, k + 1) if came else (total, total)
    assert k > 20


def test_a_row_of_tiles_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the main thread while others compute: they are waited for, twice if need be."""
    ended: list[int] = []
    begin = threading.Event()

    def work(first: int, _: int) -> None:
        if first:
            begin.wait(5.0)
            ended.append(first)
        else:
            begin.set()
            raise KeyboardInterrupt

    monkeypatch.setattr("deltaprop.compiler.tiles.threads", lambda: 4)
    with pytest.raises(KeyboardInterrupt):
        tiles.in_shares(work, 1 << 20, (1 << 13,), True)
    assert len(ended) == 3


def test_what_is_done_steadily_is_not_interrupted() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    ended: list[bool] = []

    def work() -> None:
        signal.raise_signal(signal.SIGINT)  # the handler runs in the main thread
        ended.append(threading.current_thread() is not threading.main_thread())

    try:
        with pytest.raises(KeyboardInterrupt):
            turns.steadily(work)
            for _ in range(100):
                pass
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == [True]


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_rests_only_in_between(enabled: bool) -> None:
    seen: list[bool] = []

    def f(x: Any) -> Any:
        seen.append(gc.isenabled())
        return x * 2.0

    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        dp.compile(f)(np.ones(2))
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()
    assert seen == [False]


def test_what_undoes_is_called_backwards_and_twice_if_need_be() -> None:
    came: list[int] = []

    def put_back(i: int) -> None:
        came.append(i)
        if came == [2, 1]:
            raise KeyboardInterrupt

    def change() -> None:
        for i in range(3):
            turns.afterwards(put_back, i)

    with pytest.raises(KeyboardInterrupt):
        turns.exclusively(turns.undone, change)
    assert came == [2, 1, 2, 1, 0]


def test_a_generator_outside_is_put_back() -> None:
    """One that the recording knows nothing of: an error comes, and it draws the same again."""
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state

    def f(x: Any) -> Any:
        rng.normal()
        raise KeyError(x)

    with pytest.raises(KeyError):
        dp.compile(f)(1.0)
    assert rng.bit_generator.state == state
