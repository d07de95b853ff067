"""Interrupts and errors leave all as it was, or all as it should be: see `interrupts`."""

from __future__ import annotations

import gc
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop.compiler import tiles, turns

from . import interrupts
from .test_state import WALKERS


# a signal may come while Python frees something: then Python says so, and goes on
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("walker", WALKERS)
def test_all_is_old_or_all_is_new(walker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short version of ``python -m tests.compiler.interrupts``."""
    monkeypatch.setenv("DELTAPROP_WALKER", walker)
    done = interrupts.run(100, seed=1, fits=1)
    assert {name.split(",")[0] for name in done} == {"first", "replay", "fit"}


pytestmark = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="this system has no timers"
)


def _puts_back(frame: Any) -> bool:
    """Whether it is a line of turns.py, or of what is called from there to put something back."""
    back = frame.f_back
    return frame.f_code.co_filename == turns.__file__ or (
        back is not None and back.f_code.co_name == "_undo"
    )


@pytest.mark.parametrize("name", ["sgd", "indexed"])
def test_an_interrupt_at_each_line_that_puts_back(name: str) -> None:
    new = interrupts.Training(interrupts.STEPS[name])
    old = new.state()
    new.call()
    k, came = 0, True
    while came:
        subject = interrupts.Training(interrupts.STEPS[name])
        came = interrupts.lines(subject.call, k + 1, only=_puts_back) == k + 1
        k += 1
        assert subject.state() in (old, new.state()), k
        assert interrupts.settings() == interrupts.SETTINGS, k
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


def test_a_signal_while_others_are_waited_for() -> None:
    ended: list[bool] = []

    def handler(*_: Any) -> None:
        raise KeyboardInterrupt

    def task() -> None:
        time.sleep(0.3)
        ended.append(True)

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            turns.beside([(task,), (task,)], int)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert ended == [True, True]


def test_what_is_done_steadily_is_not_interrupted() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    ended: list[bool] = []

    def work() -> None:
        signal.raise_signal(signal.SIGINT)  # the handler runs in the main thread
        ended.append(threading.current_thread() is not threading.main_thread())

    try:
        with pytest.raises(KeyboardInterrupt):
            turns.steadily(work)
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
