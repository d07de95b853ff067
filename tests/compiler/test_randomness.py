"""Random numbers in compiled functions: drawn in every call, or refused where they are drawn."""
# ruff: noqa: NPY002 - the old generators are what is tested

from __future__ import annotations

import functools
import random
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.random import standard_normal

from deltaprop import TraceError, compiler

from .test_table import identical

legacy, own = np.random.RandomState(0), random.Random(0)
twister = np.random.Generator(np.random.MT19937(0))


def helper(x: Any) -> Any:
    return x * legacy.normal()


class Noisy:
    def __init__(self) -> None:
        self.rng = np.random.RandomState(1)
        self.parts = {"rng": np.random.default_rng(0)}

    def __call__(self, x: Any) -> Any:
        return x + self.rng.normal()

    def method(self, x: Any) -> Any:
        return x + self.parts["rng"].normal()


inside = np.random.RandomState(2)

DRAWS: dict[str, Callable[[Any], Any]] = {
    "np.random": lambda x: x + np.random.normal(),
    "np.random by name": lambda x: x + standard_normal(),
    "np.random.rand": lambda x: x * np.random.rand(3)[0],
    "random": lambda x: x + random.random(),
    "random.gauss": lambda x: x + random.gauss(0.0, 1.0),
    "random.choice": lambda x: x * random.choice([1.0, 2.0, 3.0]),
    "a RandomState": lambda x: x + legacy.normal(),
    "a Random": lambda x: x + own.random(),
    "a Generator of another kind": lambda x: x + twister.normal(),
    "closed over": lambda x, g=inside: x + g.normal(),
    "a function of a function": lambda x: helper(x) + 1.0,
    "an instance": Noisy(),
    "a method": Noisy().method,
    "a partial": functools.partial(lambda g, x: x + g.normal(), np.random.RandomState(3)),
}  # fmt: skip


def states() -> Any:
    return (
        np.random.get_state()[1].tolist(), random.getstate(), legacy.get_state()[1].tolist(),
        own.getstate(), twister.bit_generator.state["state"]["pos"],
    )  # fmt: skip


@pytest.mark.parametrize("name", DRAWS)
def test_what_would_be_the_same_in_each_call_is_refused(name: str) -> None:
    DRAWS[name](1.0)
    before = states()
    with pytest.raises(TraceError, match=r"random numbers were drawn from.*Pass the") as error:
        compiler.compile(DRAWS[name])(1.0)
    assert f"{__file__}:" in str(error.value)
    assert states() == before


@pytest.mark.parametrize("source", [np.random.RandomState(0), random.Random(0)])
def test_other_generators_as_arguments_are_refused(source: Any) -> None:
    @compiler.compile
    def f(x: Any, g: Any) -> Any:
        y = x * 2.0
        return y + (g.random() if isinstance(g, random.Random) else g.normal())

    with pytest.raises(TraceError, match=r"Pass the generator.*as an argument") as error:
        f(1.0, source)
    line = f.function.__code__.co_firstlineno + 3
    assert f"{__file__}:{line} in f" in str(error.value)


def test_those_that_are_not_drawn_from_are_no_matter() -> None:
    kept = np.random.RandomState(0)
    identical(compiler.compile(lambda x, g: x * 2.0 if kept else g)(1.5, random.Random(0)), 3.0)


def test_what_other_threads_draw_is_no_matter() -> None:
    stop = threading.Event()

    def draw() -> None:
        while not stop.is_set():
            np.random.normal()
            random.random()

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        for k in range(5):
            f = compiler.compile(lambda x, k=k: np.sin(x * k) + np.cos(x))
            identical(f(np.ones(3)), np.sin(np.ones(3) * k) + np.cos(np.ones(3)))
    finally:
        stop.set()
        thread.join()


IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "shuffle": lambda x, g: g.shuffle(np.zeros(3)),
    "shuffle of an argument": lambda x, g: g.shuffle(x),
    "out": lambda x, g: g.random(out=np.zeros(3)),
    "out by position": lambda x, g: g.standard_normal(None, np.float64, np.zeros(3)),
    "permuted": lambda x, g: g.permuted(x, out=x),
    "bytes": lambda x, g: g.bytes(3),
    "spawn": lambda x, g: g.spawn(1)[0].normal(),
    "bit_generator": lambda x, g: g.bit_generator.random_raw(),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_draws_into_arrays_are_refused(name: str) -> None:
    IN_PLACE[name](np.arange(3.0), np.random.default_rng(0))
    with pytest.raises(TraceError, match="of a recorded generator") as error:
        compiler.compile(lambda x, g: (IN_PLACE[name](x, g), x)[1])(
            np.arange(3.0), np.random.default_rng(0)
        )
    assert f"{__file__}:" in str(error.value)


GIVEN: dict[str, Callable[..., Any]] = {
    "in order": lambda x, g: (g.normal(), g.random(3), x * g.integers(0, 10, 3)),
    "some unused": lambda x, g: (g.normal(), g.permutation(x))[1],
    "choice": lambda x, g: (g.choice(x, 2), g.permuted(x), g.multivariate_normal(x, np.eye(3))),
    "parameters": lambda x, g: g.normal(x, x + 1.0),
    "what it is": lambda x, g: x * g.random() if isinstance(g, np.random.Generator) else x,
}


@pytest.mark.parametrize("name", GIVEN)
def test_generators_as_arguments_are_drawn_from_in_each_call(name: str) -> None:
    compiled = compiler.compile(GIVEN[name])
    a, b = np.random.default_rng(7), np.random.default_rng(7)
    x = np.array([1.0, 2.0, 3.0])
    came = [compiled(x * k, a) for k in range(1, 4)]
    for k in range(1, 4):
        identical(came[k - 1], GIVEN[name](x * k, b))
    assert a.bit_generator.state == b.bit_generator.state
