"""Interrupts at random instants of first calls, replays and `fit`: all is old, or all is new.

    python -m tests.compiler.interrupts --count 5000 --walker c

A signal comes at the k-th line of the package that runs, or after some microseconds. Then the
variables, their gradients, what optimisers and layers keep and the generators of random numbers
are those from before the call, or those from after it; nothing is written any more; nothing that
a recording changes for a while stays changed; and the next call does what it should.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import deltaprop as dp
from deltaprop import nn, optim
from deltaprop.compiler import turns
from deltaprop.compiler.traced import Number
from deltaprop.graph import REGISTRY, Elementwise
from deltaprop.graph.node import MODE

PACKAGE = str(Path(dp.__file__).parent)
X = np.random.default_rng(0).normal(size=(6, 4))

_by_hand = Elementwise(lambda x: np.array(x), lambda _y, x: 0 * x + 1.0, name="by_hand")
REGISTRY.pop("by_hand")  # the table is for what everybody may use


class Interrupted(KeyboardInterrupt):
    """A Ctrl-C."""


class TooLateError(TimeoutError):
    """What the handler of an alarm raises: an error like others."""


# -- when it comes -------------------------------------------------------------------------------


def lines(
    call: Callable[[], Any],
    k: int = -1,
    kind: type[BaseException] = Interrupted,
    only: Callable[[Any], bool] = lambda frame: True,
) -> int:
    """Call, and raise at the k-th line of the package, of those in `only` these frames.

    Return how many lines ran.
    """
    seen = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal seen
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line" and only(frame):
            seen += 1
            if seen == k:
                sys.settrace(None)
                raise kind
        return trace

    outer = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except kind:
        pass
    finally:
        sys.settrace(outer)
    return seen


def alarm(call: Callable[[], Any], seconds: float, kind: type[BaseException] = Interrupted) -> None:
    """Call, and raise after so many seconds."""
    armed = True

    def handler(*_: Any) -> None:
        if armed:
            raise kind

    before = signal.signal(signal.SIGALRM, handler)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
            call()
        finally:
            armed = False
            signal.setitimer(signal.ITIMER_REAL, 0.0)
    except kind:
        pass
    finally:
        signal.signal(signal.SIGALRM, before)


# -- what is interrupted -------------------------------------------------------------------------


class Training:
    """A compiled step, and all that it changes."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.parameters, self.rules, self.kept, self.generators, step, self.args = make()
        self.step = dp.compile(step)

    def call(self) -> None:
        """Run a step."""
        self.step(*self.args)

    def state(self) -> tuple[Any, ...]:
        """All that a step changes."""
        state = [x for rule in self.rules for x in rule.state_dict()["state"].values()]
        return (
            *[p.numpy().tobytes() for p in self.parameters],
            *[None if p.grad is None else np.array(p.grad).tobytes() for p in self.parameters],
            *[np.asarray(x).tobytes() for x in state],
            *[np.asarray(x).tobytes() for m in self.kept for _, x in m.named_buffers()],
            *[repr(g.bit_generator.state) for g in self.generators],
        )


def _network(sizes: list[int], rule: Callable[..., Any], **options: Any) -> Any:
    def make() -> Any:
        model = nn.MLP(sizes, rng=0, **options)
        optimizer = rule(model.parameters(), lr=0.01)

        def step(x: Any) -> Any:
            loss = nn.mse(model(x), x[:, : sizes[-1]])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        generators = [model.dropout.rng] if options.get("dropout") else []
        kept = [model] if options.get("normalization") == "batch" else []
        return model.parameters(), [optimizer], kept, generators, step, (X,)

    return make


def _indexed() -> Any:
    """With rows in Python: indices, draws of a generator that is given, an operation by hand."""
    w, v, rng = dp.Value(X), dp.Value(2.0), np.random.default_rng(1)
    rules = [optim.Adam([w], lr=0.1), optim.SGD([v], lr=0.1, momentum=0.5)]
    rows = np.array([0, 2, 2, 5])

    def step(x: Any, g: Any) -> Any:
        loss = (_by_hand(w[rows] * x[:4]) * v * g.normal(size=4)).sum()
        for rule in rules:
            rule.zero_grad()
        loss.backward()
        rules[0].step()
        again = _by_hand(w * 1.0).sum()
        rules[1].step()
        return loss + again

    return [w, v], rules, [], [rng], step, (X, rng)


def _numbers() -> Any:
    """Scalars, updated by hand; a count; gradients that add up."""
    ws, count = [dp.Value(0.1 * i) for i in range(6)], dp.Value(0.0)

    def step(x: Any) -> Any:
        loss = sum(((w * x + 1.0) ** 2 for w in ws), 0.0)
        loss.backward()
        for w in ws:
            w.data = w.data - 0.01 * w.grad
        count.data = count.data + 1.0
        return loss

    return [*ws, count], [], [], [], step, (0.5,)


STEPS: dict[str, Callable[[], Any]] = {
    "sgd": _network([4, 8, 8, 2], optim.SGD),
    "adam": _network([4, 8, 8, 2], optim.Adam, normalization="batch"),
    "dropout": _network([4, 8, 8, 2], optim.RMSprop, dropout=0.3),
    "indexed": _indexed,
    "numbers": _numbers,
    "large": _network([4, 600, 600, 2], optim.Adam),
}


class Fit:
    """A run of `fit`, and all states that it goes through."""

    def __init__(self, compiled: bool = True) -> None:
        self.model = nn.MLP([4, 8, 2], normalization="batch", dropout=0.2, rng=0)
        self.rule = optim.Adam(self.model.parameters(), lr=0.01)
        self.rng = np.random.default_rng(0)
        self.compiled = compiled

    def call(self) -> None:
        """Train for three epochs of two steps."""
        dp.training.fit(
            self.model, (X, X[:, :2]), "mse", self.rule, epochs=3, batch_size=3, rng=self.rng,
            compiled=self.compiled, progress=False, validation=(X[:2], X[:2, :2]),
        )  # fmt: skip

    def state(self) -> tuple[Any, ...]:
        """All that a step changes."""
        return (
            *[x.tobytes() for x in self.model.state_dict().values()],
            *[None if p.grad is None else p.grad.tobytes() for p in self.model.parameters()],
            *[x.tobytes() for x in self.rule.state_dict()["state"].values()],
        )


# -- what must be --------------------------------------------------------------------------------


def settings() -> Any:
    """What a recording changes for a while."""
    guards = [vars(Number).get(name) for name in ("dtype", "ndim", "shape", "size", "strides")]
    return (
        gc.isenabled(), MODE.get(), np.geterr(), sys.getswitchinterval(), guards,
        turns._changed, turns._Turn.lock._is_owned(),
    )  # fmt: skip


Training(STEPS["sgd"]).call()  # the guards have been set once
SETTINGS = settings()


def verify(subject: Any, allowed: list[Any], where: str) -> int:
    """Return which of the states it is in, and fail if it is in none, or leaves it."""
    assert settings() == SETTINGS, f"{where}: changed settings {settings()}"
    state = subject.state()
    if state not in allowed:
        moved = [[int(a != b) for a, b in zip(state, x, strict=True)] for x in allowed]
        raise AssertionError(f"{where}: neither old nor new, different are {moved}")
    time.sleep(1e-4)
    assert subject.state() == state, f"{where}: it changes after the exception"
    return allowed.index(state)


def interrupted(
    draw: random.Random, name: str, call: Callable[[], Any], total: int, seconds: float
) -> str:
    """Call with an interrupt, and return when it came."""
    kind = draw.choice([Interrupted, TooLateError])
    if draw.random() < 0.5:
        k = draw.randrange(total)
        lines(call, k, kind)
        return f"{name}, {kind.__name__} at line {k} of {total}"
    late = draw.random() * 1.1 * seconds
    alarm(call, late, kind)
    return f"{name}, {kind.__name__} after {late * 1e6:.0f} us"


class Interrupts:
    """Interrupts of one kind of subject; `done` counts what came of them."""

    def __init__(self, name: str, draw: random.Random) -> None:
        self.name, self.draw = name, draw
        self.done: Counter[str] = Counter()
        self.make = STEPS[name]
        # the states after each call, of one that nobody interrupts
        self.twin = Training(self.make)
        self.states = [self.twin.state()]
        self.subject = Training(self.make)
        self.total = lines(self.subject.call)
        start = time.perf_counter()
        Training(self.make).call()
        self.first_seconds = time.perf_counter() - start
        self.at = 1
        self.again = lines(self.subject.call)
        self.at += 1
        start = time.perf_counter()
        self.subject.call()
        self.seconds = time.perf_counter() - start
        self.at += 1

    def expected(self, i: int) -> Any:
        """The state after so many calls."""
        while len(self.states) <= i:
            self.twin.call()
            self.states.append(self.twin.state())
        return self.states[i]

    def first(self) -> None:
        """Interrupt a first call."""
        subject = Training(self.make)
        name = f"first call of {self.name}"
        where = interrupted(self.draw, name, subject.call, self.total, self.first_seconds)
        found = verify(subject, [self.expected(0), self.expected(1)], where)
        self.done[f"first, {'new' if found else 'old'}"] += 1
        subject.call()
        verify(subject, [self.expected(found + 1)], f"{where}, the next call")

    def replay(self) -> None:
        """Interrupt a replay."""
        name = f"replay of {self.name}"
        where = interrupted(self.draw, name, self.subject.call, self.again, self.seconds)
        old, new = self.expected(self.at), self.expected(self.at + 1)
        found = verify(self.subject, [old, new], where)
        self.done[f"replay, {'new' if found else 'old'}"] += 1
        self.at += found
        if self.draw.random() < 0.2:
            self.subject.call()
            self.at += 1
            verify(self.subject, [self.expected(self.at)], f"{where}, the next call")


class Fits:
    """Interrupts of `fit`."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.done: Counter[str] = Counter()
        twin = Fit(compiled=False)
        self.states = [twin.state()]
        step = twin.rule.step

        def watched() -> None:
            step()
            self.states.append(twin.state())

        twin.rule.step = watched  # type: ignore[method-assign]
        twin.call()
        start = time.perf_counter()
        Fit().call()
        self.seconds = time.perf_counter() - start
        self.total = lines(Fit().call)

    def run(self) -> None:
        """Interrupt a run."""
        subject = Fit()
        where = interrupted(self.draw, "fit", subject.call, self.total, self.seconds)
        found = verify(subject, self.states, where)
        self.done[f"fit, {found} steps"] += 1
        subject.call()
        assert all(np.isfinite(x).all() for x in subject.model.state_dict().values())


# how many of a thousand each gets; the rest are runs of `fit`
SHARES = {"sgd": 200, "adam": 200, "dropout": 200, "indexed": 200, "numbers": 130, "large": 50}


def run(count: int, seed: int = 0, fits: int | None = None) -> Counter[str]:
    """So many interrupts; return what came of them."""
    draw = random.Random(seed)
    done: Counter[str] = Counter()
    for name, share in SHARES.items():
        interrupts = Interrupts(name, draw)
        for i in range(count * share // 1000):
            first = i % 10 == 0 if name == "large" else i % 2 == 0
            interrupts.first() if first else interrupts.replay()
        done += interrupts.done
    fitting = Fits(draw)
    for _ in range(count * 20 // 1000 if fits is None else fits):
        fitting.run()
    return done + fitting.done


def main() -> None:
    """Run as many interrupts as the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--walker", choices=["c", "python"])
    given = parser.parse_args()
    if given.walker:
        os.environ["DELTAPROP_WALKER"] = given.walker
    start = time.monotonic()
    done = run(given.count, given.seed)
    for what, n in sorted(done.items()):
        print(f"{n:6} {what}")
    print(f"{done.total()} interrupts, all whole, in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
