"""Deep graphs, memory that is freed at once, and loops over entries that stay linear."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop import Value
from deltaprop.graph import cotangent, topological_order
from deltaprop.graph.forward import forward_sweep

# -- depth -------------------------------------------------------------------------------------


def test_a_million_nodes_record_differentiate_and_are_freed() -> None:
    n = 10**6
    x = Value(1.0)
    y: Any = x
    for _ in range(n):
        y = y + x
    y.backward(retain_grads=False)
    assert (y.data, x.grad) == (n + 1.0, n + 1.0)
    interior = weakref.ref(y.inputs[0])
    del y
    assert interior() is None


def test_every_walk_over_a_deep_graph_is_a_loop() -> None:
    n = 20_000
    x = Value(np.array([0.5, 1.0]))
    y: Any = x
    for i in range(n):
        y = dnp.sin(y) if i % 2 else y * 1.001
    assert len(topological_order(y)) == n + 1
    assert repr(y)
    (tangent,) = forward_sweep([y], {x: np.ones(2)})
    y.backward(np.ones(2))
    np.testing.assert_allclose(x.grad, tangent, rtol=1e-9)
    x.zero_grad()
    y.backward(np.ones(2), create_graph=True, retain_grads=False)
    (x.grad.sum() * 0.0).backward(retain_grads=False)


def test_a_wide_fan_in_and_out() -> None:
    x = Value(1.0)
    parts = [x * float(k) for k in range(10_000)]
    total = dnp.stack(parts).sum() + sum(parts)
    total.backward()
    assert x.grad == 10_000 * 9_999.0


# -- memory ------------------------------------------------------------------------------------


@pytest.fixture
def _counted_references_only() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def hooked(x: Value) -> Any:
    y = x * x
    y.register_hook(lambda g: 2 * g)
    return y


def written(x: Value) -> Any:
    y = x * x
    x.data = x.data + 1
    return y * x


def under_detect_anomaly(x: Value) -> Any:
    with dp.detect_anomaly():
        return dnp.exp(x * x)


GRAPHS: dict[str, Callable[[Value], Any]] = {
    "arithmetic": lambda x: x * x + x / 2.0,
    "views": lambda x: x.reshape(-1).T * 2.0,
    "indexing": lambda x: x[..., None][..., 0] * x,
    "choices": lambda x: dnp.where(x > 0, dnp.maximum(x, 1.0), x * x),
    "reductions": lambda x: x.max() * x.std() + dnp.norm(x) * dnp.softmax(x.reshape(1, -1)),
    "hooks": hooked,
    "writes": written,
    "read data": lambda x: [x.data, x * x][1],
    "anomaly": under_detect_anomaly,
    "several": lambda x: dnp.concatenate([x.reshape(-1), dnp.stack([x.sum()] * 3)]),
    "updates": lambda x: x.reshape(-1).at[[0, 0]].add(1.0),
}


@pytest.mark.usefixtures("_counted_references_only")
@pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS.keys())
@pytest.mark.parametrize("sweeps", [0, 1, 2])
@pytest.mark.parametrize("shape", [(), (4,)])
def test_a_graph_is_freed_the_moment_its_root_goes(build: Any, sweeps: int, shape: Any) -> None:
    x = Value(np.full(shape, 1.5) + np.arange(np.prod(shape, dtype=int)).reshape(shape))
    root = build(x)
    interior = [weakref.ref(node) for node in topological_order(root) if node is not x]
    for _ in range(sweeps):
        root.backward(np.ones(root.shape))
    assert interior
    assert (x.grad is None) == (root.grad is None) == (sweeps == 0)
    del root
    assert [node() for node in interior if node() is not None] == []
    leaf = weakref.ref(x)
    del x
    assert leaf() is None
    assert gc.collect() == 0


@pytest.mark.usefixtures("_counted_references_only")
def test_recorded_gradients_are_freed_when_they_are_cleared() -> None:
    x = Value([1.0, 2.0])
    y = x * x * x
    y.sum().backward(create_graph=True, retain_grads=False)
    interior, leaf = weakref.ref(y), weakref.ref(x)
    del y
    x.zero_grad()
    assert interior() is None
    del x
    assert leaf() is None
    assert gc.collect() == 0


# -- entries in a loop -------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["leaf", "result", "rows"])
def test_entries_in_a_loop_are_scattered_once(monkeypatch: Any, source: str) -> None:
    """The reverse sweep makes one buffer for all contributions, not one for each."""
    made: list[int] = []
    evaluate = cotangent.scatter.evaluate

    def counted(*values: Any, **params: Any) -> Any:
        if params["dtype"] != np.bool_:  # those of masks aside
            made.append(len(values))
        return evaluate(*values, **params)

    monkeypatch.setattr(cotangent.scatter, "evaluate", counted)
    n = 300
    x = Value(np.linspace(1, 2, n))
    z = x if source == "leaf" else x * 1.0 if source == "result" else x.reshape(n, 1)
    s: Any = Value(0.0)
    for i in range(n):
        entry = z[i] if source != "rows" else z[i, 0]
        s = s + entry * entry
    s.backward()
    np.testing.assert_allclose(x.grad, 2 * np.linspace(1, 2, n))
    assert made == [n]


@pytest.mark.parametrize("touched", [False, True])
def test_entries_in_a_loop_take_linear_memory(touched: bool) -> None:
    """Also of a variable whose data was read or stepped, as in every training loop."""
    n = 2000
    x = Value(np.ones(n))
    if touched:
        x.data -= 0.0
    tracemalloc.start()
    entries = [x[i] for i in range(n)]
    sum(entries).backward()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(x.grad, np.ones(n))
    assert peak < 3000 * n, f"{peak / n:.0f} bytes an entry"


def test_a_scalar_node_is_small() -> None:
    n = 20_000
    x = Value(1.0)
    tracemalloc.start()
    y: Any = x
    for _ in range(n):
        y = y * x
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 250 * n


# -- create_graph ------------------------------------------------------------------------------


def clear_grad(x: Value) -> None:
    x.grad = None


def clear_with_0(x: Value) -> None:
    x.grad = 0


CLEARS = [
    Value.zero_grad, clear_grad, clear_with_0, lambda x: dp.optim.SGD([x], lr=0.1).zero_grad(),
]  # fmt: skip


def hooked(x: Value) -> Value:
    y = x * x
    y.register_hook(lambda g: g * 2.0)
    return (y * y).sum()


RECORDED_TWICE: list[Callable[[Value], Value]] = [
    lambda x: (np.tanh(x) ** 2).sum(),
    lambda x: (x + 1.0).sum(),
    lambda x: (np.sin(x) * np.exp(np.sin(x))).sum() * np.sum(x),
    lambda x: np.sum(np.where(x > 0, x, 0.0) ** 3) + np.sum(x[..., None] @ x[..., None, :]),
    hooked,
]


@pytest.mark.parametrize("clear", CLEARS)
@pytest.mark.parametrize("graph", RECORDED_TWICE)
@pytest.mark.parametrize("data", [[0.5, -1.0, 2.0], [[0.5, 1.5]]])
def test_clearing_the_gradient_frees_a_recorded_backward_without_a_collection(
    clear: Any, graph: Any, data: Any
) -> None:
    x = Value(data)
    with uncollected() as alive:
        loss = graph(x)
        loss.backward(create_graph=True)
        loss.backward(create_graph=True)
        penalty = (x.grad * x.grad).sum()
        clear(x)
        (loss + penalty).backward()
        clear(x)
        del loss, penalty
        assert alive() == 0


def test_a_scalar_graph_is_freed_too() -> None:
    x, w = Value(0.5), Value(2.0)
    with uncollected() as alive:
        loss = (x * w).tanh() ** 2.0 + x * x * w
        loss.backward(create_graph=True)
        (x.grad * w.grad).backward(create_graph=True)
        del loss
        x.zero_grad()
        w.zero_grad()
        assert alive() == 0


@contextmanager
def uncollected() -> Iterator[Callable[[], int]]:
    """Without the collector: how many Values there are more than at the start."""
    gc.collect()
    gc.disable()
    try:
        before = {id(v) for v in values()}
        yield lambda: len([v for v in values() if id(v) not in before])
    finally:
        gc.enable()


def values() -> list[Value]:
    # by type: isinstance asks a proxy of what is gone for its class
    return [v for v in gc.get_objects() if issubclass(type(v), Value)]


def test_intermediates_keep_recorded_gradients_until_a_leaf_forgets_its_own() -> None:
    x, w = Value([1.0, 2.0]), Value([3.0, 4.0])
    y = x * w
    z = y * y
    z.sum().backward(create_graph=True)
    np.testing.assert_array_equal(y.grad.numpy(), 2 * y.data)
    np.testing.assert_array_equal(z.grad.numpy(), [1.0, 1.0])
    kept = y.grad
    w.zero_grad()
    assert y.grad is None
    assert x.grad is not None
    kept.sum().backward()  # whoever holds a gradient has all of it
    np.testing.assert_array_equal(w.grad, 2 * x.data)
    np.testing.assert_array_equal(y.grad, [2.0, 2.0])
