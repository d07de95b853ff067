"""What a compiled function promises its caller: signatures, memory, errors."""

from __future__ import annotations

import gc
from collections.abc import Callable
from threading import Thread
from typing import Any, NamedTuple

import numpy as np
import pytest

import deltaprop as dp
from deltaprop import TraceError, compiler
from deltaprop.compiler.program import Call

from .test_table import identical

dnp: Any = dp.numpy
X = np.random.default_rng(0).standard_normal((4, 3))


class Pair(NamedTuple):
    left: Any
    right: Any


def test_a_program_for_each_signature() -> None:
    f = compiler.compile(lambda x, power=2: (x * 1.0) ** power)
    for x in (X, X + 1, X.astype(np.float32), X[:2], np.asfortranarray(X), X[::2]):
        identical(f(x), (x * 1.0) ** 2)
    assert f.cache_info() == (1, 5, 16, 5)
    identical(f(X, power=3), (X * 1.0) ** 3)
    identical(f(X, 2.0), (X * 1.0) ** 2.0)
    identical(f(X, 3.0), (X * 1.0) ** 3.0)
    assert f.cache_info() == (2, 7, 16, 7)
    f.cache_clear()
    assert f.cache_info() == (0, 0, 16, 0)


def test_the_cache_is_bounded() -> None:
    f = compiler.compile(lambda x: x + 1.0, maxsize=2)
    for n in (1, 2, 3, 3, 1):
        identical(f(X[:n]), X[:n] + 1.0)
    assert f.cache_info() == (1, 4, 2, 2)


def test_trees_go_in_and_out() -> None:
    @compiler.compile
    def f(tree: Any, *, flag: bool) -> Any:
        a, (b, c) = tree["a"], tree["more"]
        return {"sum": Pair(a + b, [c * 2]), "flag": flag, "none": None, "x": tree["a"]}

    tree = {"a": X, "more": (1.5, X[0])}
    for _ in range(2):
        result = f(tree, flag=True)
        assert result["flag"] is True
        assert result["none"] is None
        identical(result["sum"], Pair(X + 1.5, [X[0] * 2]))
        assert not np.shares_memory(result["x"], X)


def test_static_arguments_are_known() -> None:
    def f(x: Any, n: float, mode: str = "sum") -> Any:
        return (x * n).sum() if n > 1 and mode == "sum" else x

    compiled = compiler.compile(f, static=(1, "mode"))
    for n in (2.0, 0.5, 2.0):
        identical(compiled(X, n), f(X, n))
    identical(compiled(X, 2.0, mode="none"), X)
    assert compiled.cache_info()[:2] == (1, 3)
    with pytest.raises(TypeError, match="hashable static arguments, got set"):
        compiled(X, {1})


def test_results_are_the_callers_own() -> None:
    f = compiler.compile(lambda x: (x + 1.0, x.T, x, np.ones(3), (x * 2).reshape(-1)))
    x = X.copy()
    first = f(x)
    kept = [np.array(y) for y in first]
    x[...] = 7.0
    second = f(x)
    for y, before in zip(first, kept, strict=True):
        np.testing.assert_array_equal(y, before)
    for y in second:
        y[...] = 0.0
    for y, expected in zip(f(X), kept, strict=True):
        np.testing.assert_array_equal(y, expected)


def test_aliased_and_overlapping_arguments() -> None:
    x, twin = X.copy(), dp.Value(X)
    p = dp.Value(x, copy=False)

    @compiler.compile
    def f(a: Any, b: Any) -> Any:
        y = (p * a * b).sum()
        p.zero_grad()
        y.backward()
        p.data -= p.grad + a
        return y, b * 1.0

    for _ in range(3):
        before = x.copy()
        y, b = f(x, x)
        identical(b, before)
        np.testing.assert_allclose(y.item(), (before**3).sum())
        twin.assign(before - (before * before + before))
        identical(x, twin.numpy())


def test_constants_are_taken_as_they_were() -> None:
    data, scale = X.copy(), dp.constant(np.arange(3.0))
    f = compiler.compile(lambda x: (x * data + scale, dp.constant(x) * 2))
    expected = X * X + np.arange(3.0)
    f(X)
    data[...] = 0.0
    y, c = f(X)
    assert c.is_constant
    identical(y.numpy(), expected)


def test_random_numbers_are_drawn_in_each_run() -> None:
    def noisy(x: Any, rng: Any) -> Any:
        return x + rng.normal(0.0, 2.0, size=x.shape), rng.permutation(4)

    f = compiler.compile(noisy)
    a, b = np.random.default_rng(5), np.random.default_rng(5)
    for _ in range(3):
        identical(f(X, a), noisy(X, b))
    identical(f(X, np.random.default_rng(5)), noisy(X, np.random.default_rng(5)))
    assert f.cache_info().misses == 1
    captured = np.random.default_rng(0)
    state = captured.bit_generator.state
    with pytest.raises(TraceError, match="Pass the generator"):
        compiler.compile(lambda x: x + captured.random())(X)
    assert captured.bit_generator.state == state


def test_inside_other_things_the_function_itself_runs() -> None:
    w = dp.Value(X)
    f = compiler.compile(lambda x: (x * x).sum())
    f(w).backward()
    np.testing.assert_array_equal(w.grad, 2 * X)
    identical(dp.grad(f)(X), 2 * X)
    outer = compiler.compile(lambda x: f(x) + 1)
    identical(outer(X), (X * X).sum() + 1)
    with dp.no_grad():
        assert f(w).is_constant
    assert f.cache_info().misses == 0
    assert f(dp.constant(X)).is_constant


def test_methods_can_be_compiled() -> None:
    class Model:
        def __init__(self, scale: float) -> None:
            self.scale = scale

        @compiler.compile
        def __call__(self, x: Any) -> Any:
            return x * self.scale

    two, three = Model(2.0), Model(3.0)
    identical(two(X), X * 2.0)
    identical(three(X), X * 3.0)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x if x.sum() > 0 else -x, "branches on a recorded value.*where"),
        (lambda x: float(x.sum()), "asked for as a number.*Return the value"),
        (lambda x: dp.constant(x).sum().item(), "asked for as a number"),
        (lambda x: dp.Value(x).numpy(), "asked for as a number"),
        (lambda x: [0] * int(x.sum()), "asked for as a number"),
        (lambda x: captured.__setitem__(0, x[0, 0]), "written into a NumPy array"),
        (lambda x: np.add(captured, 1.0, out=x), "writes into an array"),
        (lambda x: x.__setitem__(0, 0.0), r"x.at\[index\].set"),
        (lambda x: x[x > 0], "indexed with recorded truth values.*where"),
        (lambda x: np.nonzero(x), "the shape of what nonzero gives depends on the data"),
        (lambda x: np.unique(x), "the shape of what unique gives"),
        (lambda x: np.add(x, w), None),
    ],
)
def test_what_cannot_be_recorded(f: Callable[..., Any], message: str | None) -> None:
    compiled = compiler.compile(f)
    before, gradient = w.numpy(), w.grad
    if message is None:
        identical(compiled(X).numpy(), X + w.numpy())
    else:
        with pytest.raises(TraceError, match=message) as error:
            compiled(X)
        assert "test_compiled.py:" in str(error.value)
    identical(w.numpy(), before)
    assert w.grad is gradient
    assert captured[0] == 0.0


captured, w = np.zeros(3), dp.Value(X)


def test_an_error_in_the_middle_restores_everything() -> None:
    optimizer = dp.optim.Adam([w], lr=0.1)
    state, before = optimizer.state_dict(), w.numpy()

    @compiler.compile
    def step(x: Any) -> Any:
        (w * x).sum().backward()
        optimizer.step()
        raise KeyError("x")

    with pytest.raises(KeyError):
        step(X)
    identical(optimizer.state_dict(), state)
    identical(w.numpy(), before)
    assert w.grad is None


def test_a_value_kept_from_inside_says_so() -> None:
    kept = []

    @compiler.compile
    def f(x: Any) -> Any:
        kept.append(x)
        return x + 1.0

    f(X)
    with pytest.raises(TraceError, match="kept from inside a compiled function"):
        kept[0] + 1.0
    with pytest.raises(TraceError, match="kept from an earlier call"):
        compiler.compile(lambda x: x + kept[0])(X)


@pytest.mark.parametrize("start", [2.0, [1.0, 2.0]])
def test_threads_do_not_get_into_each_others_recordings(start: Any) -> None:
    w = dp.Value(start)
    outcomes: list[Any] = []

    def elsewhere() -> None:
        for work in (lambda: w * 2.0, lambda: w * w, lambda: np.exp(w), lambda: w - 1):
            with pytest.raises(TraceError, match="in one thread while another one records") as e:
                work()
            outcomes.append(e)

    def f(x: Any) -> Any:
        y = w * x
        thread = Thread(target=elsewhere)
        thread.start()
        thread.join()
        return y

    program = compiler.compile(f)
    np.testing.assert_array_equal(program(3.0).data, np.multiply(start, 3.0))
    assert len(outcomes) == 4
    assert "1 calls" in program.program(3.0)


def test_the_program_can_be_read() -> None:
    w = dp.Value(np.ones((3, 2)), name="w")
    f = compiler.compile(lambda x: np.tanh(x @ w) + 1.0)
    text = f.program(X)
    assert "w: float64[3, 2]" in text
    assert "matmul(input 0, w)" in text
    assert "48 flops" in text
    assert "2 calls" not in text
    assert "3 calls" in text
    assert f.cache_info() == (0, 1, 16, 1)


def test_no_warnings_from_within() -> None:
    f = compiler.compile(lambda x: np.log(x) / (x * 0.0))
    assert not np.isfinite(f(np.zeros(3))).any()


def test_what_was_recorded_is_let_go_once_lanes_took_its_place() -> None:
    def f(x: Any) -> Any:
        return sum([dnp.sin(x * float(i)) for i in range(400)])

    compiled = compiler.compile(f)
    before = calls()
    assert compiled(0.5) == pytest.approx(f(0.5))
    assert calls() - before < 10


def calls() -> int:
    """How many calls there are in all the programs that are kept."""
    gc.collect()
    return sum([type(x) is Call for x in gc.get_objects()])
