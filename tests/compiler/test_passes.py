"""Each pass: what it changes, and that the answer stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop import compiler
from deltaprop.compiler.lanes import lanes
from deltaprop.compiler.memory import Memory
from deltaprop.compiler.passes import (
    checks_first,
    common_subexpressions,
    dead_code,
    other_names,
    powers,
    rectified,
    simplified,
)
from deltaprop.compiler.program import Program, run, substituted
from deltaprop.compiler.recording import record
from deltaprop.compiler.tiles import are_shared, in_shares, regions
from deltaprop.graph import REGISTRY
from deltaprop.tree import flatten

from .test_table import identical

dnp: Any = dp.numpy
X = np.random.default_rng(0).standard_normal((4, 3))


def recorded(f: Callable[..., Any], *args: Any) -> Program:
    leaves, structure = flatten((args, {}))
    return record(f, structure, leaves).program


def interpreted(program: Program, inputs: Sequence[Any]) -> list[Any]:
    known = dict(zip(program.inputs, inputs, strict=True))
    for call in program.calls:
        args, params = substituted(call.args, known), substituted(call.params, known)
        known[call.result] = run(call.function, args, params, call.item)
    return [substituted(x, known) for x in program.outputs]


def names(program: Program) -> list[str]:
    return [call.name for call in program.calls]


def unchanged(before: Program, after: Program, *inputs: Any) -> None:
    identical(interpreted(before, inputs), interpreted(after, inputs))


def test_dead_code() -> None:
    rng = np.random.default_rng(0)

    def f(x: Any, draws: Any) -> Any:
        draws.random()
        dnp.exp(x)
        return x + 1.0

    program = recorded(f, X, rng)
    assert names(program) == ["random", "add"]  # a draw counts, though nobody uses it
    program = recorded(lambda x: (dnp.exp(x), dnp.sin(x)), X)
    program.outputs.pop()
    assert names(dead_code(program)) == ["exp"]
    unchanged(program, dead_code(program), X)


def test_common_subexpressions() -> None:
    def f(x: Any) -> Any:
        return dnp.exp(x) * dnp.exp(x) + x[0] * x[0:1] + x * 0.0 + x * -0.0

    before = recorded(f, X)
    after = simplified(before, common_subexpressions)
    assert names(before).count("exp") == 2
    assert names(after).count("exp") == 1
    assert names(after).count("getitem") == 2
    assert names(after).count("multiply") == names(before).count("multiply")
    unchanged(before, after, X)
    draws = recorded(lambda x, r: r.random() + r.random() + x, X, np.random.default_rng(0))
    assert names(simplified(draws, common_subexpressions)) == names(draws)


def test_other_names() -> None:
    v = dp.Value(X)
    before = recorded(lambda x: v.data * x + v.data, X)
    after = simplified(before, other_names)
    assert names(before) == ["alias", "multiply", "alias", "add"]
    assert names(after) == ["multiply", "add"]
    unchanged(before, after, X, X)


def test_rectified() -> None:
    before = recorded(lambda x: dnp.sign(dnp.maximum(x, 0)) + dnp.sign(x), X)
    after = simplified(before, rectified)
    assert names(after) == ["maximum", "ceil", "minimum", "sign", "add"]
    for values in ([1e-300, -1.0, np.inf], [np.nan, -np.inf, 0.0], [-0.0, 7.0, 1.0]):
        unchanged(before, after, np.array([values]))


def test_powers() -> None:
    def f(x: Any) -> Any:
        return [x**p for p in (2, 2.0, 0.5, -1, 3, 1.0, -2.0)], 2.0**x

    before = recorded(f, X)
    after = simplified(before, powers)
    work = ["square", "square", "sqrt", "reciprocal", "power", "positive", "power", "power"]
    assert names(after) == work
    with np.errstate(all="ignore"):
        for x in (X, X.astype(np.float32)):
            unchanged(before, after, x)


def test_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Regions of large arrays, in one thread and in several: the same bits, less memory."""
    shape = (3, 70_001)
    draw = np.random.default_rng(0)
    x, y = draw.standard_normal(shape), draw.standard_normal(shape)

    def f(x: Any, y: Any, scale: float) -> Any:
        a = np.sin(x) * np.exp(-y * y) + scale
        b = np.abs(a - x) * a.sum()
        return a, np.maximum(b, 0.0) / (1.0 + np.square(y)), b.T > 0.5

    program = recorded(f, x, y, 2.0)
    found = regions(program)
    assert [len(r.calls) for r in found] == [8, 5]
    assert [len(r.inside) for r in found] == [6, 3]
    for threads in (1, 3):
        monkeypatch.setattr("deltaprop.compiler.tiles.threads", lambda n=threads: n)
        compiled = compiler.compile(f)
        for scale in (2.0, -1.0):
            identical(compiled(x, y, scale), f(x, y, scale))
        identical(compiled(y, y, 0.5), f(y, y, 0.5))
    p, q = dp.Value(x), dp.Value(x)
    rules = [dp.optim.Adam([v], lr=0.1) for v in (p, q)]

    def step(v: dp.Value, rule: Any, y: Any) -> Any:
        loss = (np.tanh(v * y) + v).sum()
        rule.zero_grad()
        loss.backward()
        rule.step()
        return loss

    compiled = compiler.compile(lambda y: step(p, rules[0], y))
    for _ in range(3):
        identical(compiled(y), step(q, rules[1], y))
    identical(p.numpy(), q.numpy())


def test_tiles_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bias goes along with each tile; what tiles need is not overwritten by other tiles."""
    draw = np.random.default_rng(0)
    x, w = draw.standard_normal((250, 300)), draw.standard_normal((300, 300))
    b = draw.standard_normal(300)

    def f(x: Any, b: Any) -> Any:
        for scale in (1.0, 2.0, 0.5):
            z = x @ w
            x = np.maximum(z * scale + b, 0.0) - np.minimum(b * z, 1.0)
            x = (x + b) * np.minimum(x, 0.5) / 300.0
        return x.sum(0), x[:, :50] - x.max(1)[:, None]

    program = recorded(f, x, b)
    assert [len(r.calls) for r in regions(program)] == [10, 10, 10]
    assert all(len(r.rows) == 1 and r.row == 300 for r in regions(program))
    for threads in (1, 3):
        monkeypatch.setattr("deltaprop.compiler.tiles.threads", lambda n=threads: n)
        compiled = compiler.compile(f)
        for scale in (1.0, -2.0):
            identical(compiled(x * scale, b), f(x * scale, b))


def test_no_tile_overwrites_what_another_one_needs() -> None:
    x = np.zeros((250, 300))

    def f(x: Any) -> Any:
        a, b, c = x @ x.T @ x, x.sum(0) + x, np.exp(x @ x.T) @ x
        flags = (a > 0.0) & (b > 0.0)  # a and b are not read again
        return np.where(flags, c, 0.0) @ x.T

    program = dead_code(recorded(f, x))
    found = regions(program)
    buffers = Memory(program, regions=found).laid()
    pairs = 0
    for region in found:
        results = {call.result for call in region.calls} & buffers.keys()
        for x in {x for call in region.calls for x in call.reads} & buffers.keys() - results:
            for y in results:
                apart = buffers[x].ctypes.data != buffers[y].ctypes.data or x.nbytes != y.nbytes
                pairs += apart
                assert not (apart and np.shares_memory(buffers[x], buffers[y]))
    assert pairs > 1


def test_tiles_leave_the_cores_to_products() -> None:
    for width, expected in ((20, True), (400, False)):
        x, w = np.zeros((400, width)), np.zeros((width, 400))
        program = recorded(lambda x, w: np.tanh(np.sin(x @ w) * 2.0) * 3.0, x, w)
        assert are_shared(regions(program), program) is expected


def test_an_error_in_a_tile_is_raised() -> None:
    def fails(first: int, last: int) -> None:
        if first:
            raise MemoryError

    with pytest.raises(MemoryError):
        in_shares(fails, 1 << 20, (1 << 13,), True)


def test_a_product_with_an_array_on_the_left_is_that_of_the_table() -> None:
    assert [c.function for c in recorded(lambda x: np.ones((2, 4)) @ x, X).calls] == [
        REGISTRY["matmul"]
    ]


def scalar_network(weights: Sequence[Any], rows: Sequence[Sequence[float]]) -> Any:
    loss: Any = 0.0
    for a, b in rows:
        hidden = [(w * a + v * b + 1.0).relu() for w, v in pairwise(weights)]
        loss = loss + (sum(hidden) / len(hidden) - a) ** 2 + (0.3 * b * weights[0]).tanh()
    return loss


def test_lanes() -> None:
    rng = np.random.default_rng(0)
    rows, start = rng.standard_normal((30, 2)).tolist(), rng.standard_normal(8).tolist()

    def training() -> tuple[Callable[..., Any], list[dp.Value]]:
        weights = [dp.Value(w) for w in start]

        def step(lr: float) -> Any:
            loss = scalar_network(weights, rows)
            for w in weights:
                w.grad = 0
            loss.backward()
            for w in weights:
                w.data -= lr * w.grad
            return loss

        return step, weights

    (eager, ones), (replayed, others) = training(), training()
    compiled = compiler.compile(replayed)
    for lr in (0.1, 0.05, 0.1):
        np.testing.assert_allclose(compiled(lr).item(), eager(lr).item(), rtol=1e-13)
    for a, b in zip(ones, others, strict=True):
        np.testing.assert_allclose(b.data, a.data, rtol=1e-12)
        np.testing.assert_allclose(b.grad, a.grad, rtol=1e-12)
    assert compiled.cache_info().misses == 1
    program = recorded(replayed, 0.1)
    after = lanes(program)
    assert len(program.calls) > 2000
    assert len(after.calls) < 2 * len(others) + 4
    (vector,) = [call.function for call in after.calls if call.name == "lanes"]
    assert len(vector.steps) < 40


def test_lanes_leave_what_depends_on_arrays() -> None:
    """Numbers before and after an operation on arrays, and too few of them."""

    def f(x: float, y: float) -> Any:
        for _ in range(150):
            x = x * y + 0.5
        total = dnp.sum(dnp.stack([x, y, 1.0]))
        for _ in range(150):
            y = y * 0.9 + total
        return x, y, total

    def values(*xs: float) -> Any:
        return [v.item() for v in f(*map(dp.Value, xs))]

    program = recorded(lambda x, y: f(dp.Value(x), dp.Value(y)), 0.5, 0.25)
    after = lanes(program)
    assert names(after).count("lanes") == 1
    assert names(after).count("multiply") == 149  # the first one depends on no array
    compiled = compiler.compile(lambda x, y: f(dp.Value(x), dp.Value(y)))
    for xs in ((0.5, 0.25), (0.1, -0.75)):
        np.testing.assert_allclose([v.item() for v in compiled(*xs)], values(*xs), rtol=1e-13)
    few = recorded(lambda x: dp.Value(x) * 2.0 + 1.0, 0.5)
    assert names(lanes(few)) == names(few)


def test_memory_is_used_again() -> None:
    def f(x: Any) -> Any:
        y = x * 2.0
        for _ in range(10):
            y = dnp.tanh(y) @ np.eye(3) + x
        return y.sum()

    program = recorded(f, X)
    memory = Memory(program)
    assert memory.asked == X.nbytes * 32 + 8
    assert memory.taken <= 4 * 128  # cache lines begin where buffers do
    identical(compiler.compile(f)(X), f(X))


def test_gradients_are_room_for_what_comes_before_them() -> None:
    mlp = dp.nn.MLP([30, 40, 40, 5], activation="relu", output="identity", rng=0)
    optimizer = dp.optim.SGD(mlp.parameters(), lr=0.1)
    draw = np.random.default_rng(0)
    X, Y = draw.standard_normal((20, 30)), draw.integers(5, size=20)

    def step(X: Any, Y: Any) -> Any:
        loss = dp.nn.softmax_cross_entropy(mlp(X), Y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    size = sum(p.numpy().nbytes for p in mlp.parameters())
    compiled = compiler.compile(step)
    taken = re.search(r"buffers of ([\d,]+) B", compiled.program(X, Y))
    assert taken is not None
    assert int(taken[1].replace(",", "")) < 2.2 * size  # gradients, and the update
    compiled(X, Y)
    held = [np.array(p._grad) for p in mlp.parameters()]
    with pytest.raises(ValueError, match="classes must be in 0 to 4"):
        compiled(X, Y + 1)
    identical([p.grad for p in mlp.parameters()], held)


def test_a_checkpoint_computes_again() -> None:
    draw = np.random.default_rng(0)
    ws = [draw.standard_normal((20, 20)) / 5.0 for _ in range(36)]
    x = draw.standard_normal((300, 20))

    def part(x: Any, ws: Any) -> Any:
        for w in ws:
            x = np.tanh(x @ w)
        return x

    def taken(piece: Any) -> tuple[int, Any]:
        def total(ws: Any) -> Any:
            y: Any = x
            for i in range(0, len(ws), 6):
                y = piece(y, ws[i : i + 6])
            return y.sum()

        gradient = dp.grad(total)
        program = dead_code(simplified(recorded(gradient, ws), common_subexpressions))
        # what a piece gives is not computed again
        assert names(program).count("tanh") == (36 if piece is part else 36 + 6 * 5)
        return Memory(program).taken, compiler.compile(gradient)(ws)

    (plain, expected), (less, found) = taken(part), taken(dp.checkpoint(part))
    identical(found, expected)
    assert less < 0.5 * plain


def test_checks_come_first() -> None:
    def f(x: Any, y: Any, draws: Any = None) -> Any:
        loss = dp.nn.softmax_cross_entropy(np.tanh(x @ x.T), y)
        return loss if draws is None else loss * draws.random()

    x, y = X, np.arange(4)
    before = recorded(f, x, y)
    after = checks_first(before)
    assert names(after)[:3] == ["getitem", "equal", "_are_classes"]
    assert sorted(names(after)) == sorted(names(before))
    unchanged(before, after, x, y)
    late = recorded(lambda x, y, r: f(x + r.random(), y), x, y, np.random.default_rng(0))
    assert names(checks_first(late)) == names(late)


@pytest.mark.parametrize("order", ["C", "F"])
def test_buffers_lie_as_results_lay(order: Any) -> None:
    x = np.asarray(X, order=order)
    f = compiler.compile(lambda x: np.exp(x) + 1.0)
    assert f(x).strides == (np.exp(x) + 1.0).strides
    identical(compiler.compile(lambda x: np.exp(x).sum(0))(x), np.exp(x).sum(0))


def test_constant_arrays_of_one_entry_are_not_packed() -> None:
    def f(x: Any, y: Any) -> Any:
        return dp.Value(x) * np.array([2.0]) + 1.0, dp.Value(y) * np.array([3.0]) + 1.0

    xs = np.array([1.5]), np.array([2.5])
    identical(compiler.compile(f)(*xs), tuple(y.detach() for y in f(*xs)))
