"""Records: a graph keeps the arrays that a rule reads, and shows all the others as before."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop import Value
from deltaprop.compiler import recording
from deltaprop.graph import node, primitive, topological_order
from deltaprop.graph.forward import forward_sweep

from .test_reverse import naive, programs, run, tangent_agrees

MODULES = node, recording  # where it is known from how many bytes on a result is large


@pytest.fixture(autouse=True)
def _small_is_large(monkeypatch: Any) -> None:
    for module in MODULES:
        monkeypatch.setattr(module, "LARGE", 0)


def with_records_of_all(test: Callable[[], None]) -> None:
    """Run a test for which even the smallest result is large."""
    with pytest.MonkeyPatch.context() as patch:
        for module in MODULES:
            patch.setattr(module, "LARGE", 0)
        test()


# -- what it saves -----------------------------------------------------------------------------

ROUNDS, SIZE = 20, 100_000


def rounds(x: Any) -> Any:
    for _ in range(ROUNDS):
        x = np.tanh(x) * 0.9 + 0.1
    return np.sum(x)


def by_backward(x: np.ndarray) -> Any:
    v = Value(x)
    rounds(v).backward(retain_grads=False)
    return v.grad


def by_a_first_call(x: np.ndarray) -> Any:
    return dp.compile(dp.grad(rounds))(x)


def peak(function: Callable[[], Any]) -> int:
    """The most bytes that are in use while the function runs."""
    gc.collect()
    tracemalloc.start()
    function()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


@pytest.mark.parametrize("gradient", [dp.grad(rounds), by_backward, by_a_first_call])
def test_a_gradient_keeps_the_arrays_that_rules_read_and_no_others(gradient: Any) -> None:
    x = np.linspace(-1.0, 1.0, SIZE)
    assert peak(lambda: gradient(x)) < (ROUNDS + 6) * x.nbytes


def test_small_results_need_no_record(monkeypatch: Any) -> None:
    for module in MODULES:
        monkeypatch.setattr(module, "LARGE", 65)
    x = Value(np.ones((2, 8)))
    y = x + 1.0  # of 128 bytes
    z = y[0] + 1.0  # of 64
    (z + 1.0).sum()
    assert (z.record() is z, y.record() is y) == (True, False)


# -- what is the same as before ----------------------------------------------------------------

relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@relaxed
@given(program=programs(), graph=st.booleans())
def test_any_program_has_the_gradient_of_the_naive_reference(program: Any, graph: bool) -> None:
    inputs, steps = program
    want, places = naive(inputs, steps)
    leaves = [Value(x) for x in inputs]
    y = run(list(leaves), steps, 0)
    w = np.linspace(0.5, 2.0, y.size).reshape(y.shape)
    for _ in range(2):
        y.backward(w, create_graph=graph)
    for leaf, place in zip(leaves, places, strict=True):
        expected = np.tensordot(w, want.jacobian[..., place], w.ndim).reshape(leaf.shape)
        found = 0.0 if leaf.grad is None else leaf.grad
        found = found.numpy() if isinstance(found, Value) else found
        np.testing.assert_allclose(found, 2 * expected, rtol=1e-13, atol=1e-13)


@relaxed
@given(program=programs(), hold=st.booleans(), retain=st.booleans())
def test_every_value_shows_its_data_and_gradient_held_or_not(
    program: Any, hold: bool, retain: bool
) -> None:
    inputs, steps = program
    seen = []
    for large in (0, 1 << 30):
        with pytest.MonkeyPatch.context() as patch:
            for module in MODULES:
                patch.setattr(module, "LARGE", large)
            held = [Value(x) for x in inputs]
            y = run(held, steps, 0)
            if not hold:
                held.clear()
            y.backward(np.ones(y.shape), retain_grads=retain)
            seen.append([*shown(y)])
    for a, b in zip(*seen, strict=True):
        np.testing.assert_array_equal(a, b)


def shown(root: Value) -> list[Any]:
    """The data and gradients of all Values behind the root, as a user walks to them."""
    values, known, stack = [], {root.serial}, [root]
    while stack:
        value = stack.pop()
        values += [value.data, np.nan if value.grad is None else value.grad]
        new = {x.serial: x for x in value.inputs if x.serial not in known}
        known |= new.keys()
        stack += new.values()
    return values


@relaxed
@given(program=programs())
def test_forward_and_reverse_agree_on_any_program(program: Any) -> None:
    tangent_agrees(program)


def test_a_value_that_a_record_stands_for_may_be_differentiated() -> None:
    x = Value(np.ones(10_000))  # large enough for a record
    a = x * 3.0
    y = a + 1.0  # from here a record stands for `a`
    a.backward(np.full(10_000, 2.0))
    for value, slope in ((a, 2.0), (y.inputs[0], 2.0), (x, 6.0)):
        np.testing.assert_array_equal(value.grad, np.full(10_000, slope))
    assert y.grad is None


def test_the_inputs_are_the_very_values_that_the_user_holds() -> None:
    x = Value([1.0, 2.0])
    a = x * 3.0
    b = a + 1.0
    c = np.tanh(b)
    assert c.inputs[0] is b
    assert b.inputs[0] is a
    del b
    again = c.inputs[0]
    np.testing.assert_array_equal(again.data, [4.0, 7.0])
    assert c.inputs[0] is again
    assert again.inputs[0] is a
    (again * again).sum().backward()
    np.testing.assert_array_equal(x.grad, [24.0, 42.0])


def test_gradients_hooks_and_names_are_those_of_the_value_whoever_asks() -> None:
    x = Value([1.0, 2.0])
    a = x + 1.0
    a.backward([1.0, 1.0])
    y = a + 1.0  # from here a record stands for `a`
    np.testing.assert_array_equal(a.grad, [1.0, 1.0])
    a.name = "a"
    a.register_hook(lambda g: 10 * g)
    (y * a).sum().backward()
    np.testing.assert_array_equal(a.grad, 1.0 + 10 * (2 * a.data + 1.0))
    assert y.inputs[0].name == "a"
    a.grad[0] = 5.0
    assert y.inputs[0].grad[0] == 5.0
    a.zero_grad()
    assert a.grad is None
    a.grad = [3.0, 4.0]
    del a
    np.testing.assert_array_equal(y.inputs[0].grad, [3.0, 4.0])
    y.inputs[0].grad = None
    assert y.inputs[0].grad is None


def test_a_result_is_its_own_root_after_others_have_used_it() -> None:
    x = Value([1.0, 2.0])
    a = x + 1.0
    b = a + 1.0
    a.register_hook(lambda g: 2 * g)
    a.backward([1.0, 1.0])
    b.backward([1.0, 1.0])
    np.testing.assert_array_equal(x.grad, [4.0, 4.0])
    np.testing.assert_array_equal(a.grad, [4.0, 4.0])
    (found,) = forward_sweep([a], {x: np.array([1.0, 2.0])})
    np.testing.assert_array_equal(found, [1.0, 2.0])
    assert [n.serial for n in topological_order(a)] == [x.serial, a.serial]


@pytest.mark.parametrize("dtype", [np.int64, np.complex64, np.float16, np.longdouble])
def test_a_result_of_any_dtype_has_a_record(dtype: Any, monkeypatch: Any) -> None:
    monkeypatch.delitem(primitive.REGISTRY, "cast for records", raising=False)
    cast = primitive.Linear("cast for records", lambda x: x.astype(dtype), lambda g, x: g)
    x = Value([0.0, 1.0])
    y = cast(x) * np.array([2.0, 3.0])
    np.testing.assert_array_equal(y.inputs[0].data, np.array([0, 1], dtype))
    assert y.inputs[0].dtype == dtype
    y.real.sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0, 3.0])


def test_a_step_of_descent_on_a_result_that_others_have_used_is_an_error() -> None:
    w = Value([1.0, 2.0]) * 1.0
    (w + 1.0).sum().backward()
    with pytest.raises(TypeError, match="must be a variable to be updated"):
        w -= 0.1 * w.grad


@pytest.mark.parametrize("constant", [True, False])
def test_what_is_computed_again_is_what_it_was_whatever_is_written(constant: bool) -> None:
    x, c = Value([1.0, 2.0]), np.array([10.0, 20.0])
    p = Value([10.0, 20.0])
    p.data -= 0.0  # the user holds its buffer
    y = np.tanh(x * 0.5 + (c if constant else p))
    if constant:
        c[:] = 0.0
    else:
        p.data[:] = 0.0
    np.testing.assert_array_equal(y.inputs[0].data, [10.5, 21.0])
    x.data = [7.0, 7.0]
    np.testing.assert_array_equal(y.inputs[0].inputs[0].data, [0.5, 1.0])


def test_what_was_writable_when_an_operation_ran_is_not_read_again() -> None:
    c = np.array([10.0, 20.0])
    a = Value([1.0, 2.0]) + c
    c[:] = 0.0
    c.flags.writeable = False  # too late: `a` was computed before
    y = np.tanh(a)
    del a
    np.testing.assert_array_equal(y.inputs[0].data, [11.0, 22.0])


@pytest.mark.parametrize("f", [np.multiply, np.matmul, lambda a, b: np.matmul(b, a)])
def test_a_graph_keeps_no_factor_of_a_constant(f: Any) -> None:
    a = Value([[1.0, 2.0], [3.0, 4.0]]) * 2.0
    y, z = f(a, np.eye(2)), f(a, a)
    assert [node.is_absent(x) for x in y.saved] == [isinstance(x, Value) for x in y.args]
    assert not any(map(node.is_absent, z.saved))


def test_what_is_exposed_after_an_operation_ran_costs_no_memory() -> None:
    p = Value([1.0, 2.0])
    a = p + 1.0
    p.data[:] = 0.0
    y = np.tanh(a)
    assert node.is_absent(y.args[0]._held)
    del a
    np.testing.assert_array_equal(y.inputs[0].data, [2.0, 3.0])


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "norm": lambda x: dnp.norm(x * 2.0) * 3.0,
    "moved norms": lambda x: (2.0 * dnp.norm(x.reshape(2, 2), axis=-1) ** 2).sum(),
    "of squares": lambda x: ((-np.abs(x) * 3.0 / 2.0) ** 2).sum(),
    "hypot": lambda x: (np.hypot(x[:2], x[2:] * 2.0) ** 2).sum() + np.std(x) ** 2,
    "choices": lambda x: np.sum(np.where(x > 0, np.log(np.abs(x) + 1.0), x * x) * np.sort(x)),
    "matrices": lambda x: dnp.linalg.solve(x.reshape(2, 2) + np.eye(2) * 4.0, x[:2]).sum(),
    "contractions": lambda x: np.einsum("i,j->ij", x + 1.0, x * x)[1:].max() + (x @ x) ** 2,
    "checkpoint": lambda x: dp.checkpoint(lambda z: np.tanh(z) * z)(x + 1.0).sum(),
    "custom": lambda x: (custom(x + 1.0) * 2.0).sum(),
    "losses": lambda x: dp.nn.softmax_cross_entropy(x.reshape(2, 2) * 2.0, np.eye(2)),
    "inputs": lambda x: (np.sin(x + 1.0).inputs[0] ** 3).sum(),
}


@dp.custom_gradient
def custom(x: Any) -> Any:
    return x * x * x, lambda g: g * 3 * x * x


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_transforms_give_what_they_give_without_records(f: Any, monkeypatch: Any) -> None:
    x, v = np.array([0.5, -1.5, 2.0, 3.5]), np.array([1.0, -2.0, 0.5, 0.25])

    def derivatives() -> list[Any]:
        return [
            *dp.value_and_grad(f)(x),
            *dp.jvp(f, (x,), (v,)),
            dp.hessian(f)(x),
            dp.hvp(f, (x,), (v,)),
            dp.grad(lambda z: (dp.grad(f)(z) * v).sum())(x),
            dp.jacobian(lambda z: dp.jvp(f, (z,), (v,))[1])(x),
            dp.vjp(f, x)[1](2.0)[0],
        ]

    found = derivatives()
    for module in MODULES:
        monkeypatch.setattr(module, "LARGE", 1 << 30)
    for a, b in zip(found, derivatives(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_compiled_gradients_are_those_of_eager_calls(f: Any) -> None:
    x = np.array([0.5, -1.5, 2.0, 3.5])
    compiled = dp.compile(dp.value_and_grad(f))
    for z in (x, x + 1.0):
        for a, b in zip(compiled(z), dp.value_and_grad(f)(z), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)


def test_values_kept_from_inside_a_transform_stay_usable() -> None:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        kept[:] = [x, x * 2.0]
        return (np.tanh(kept[1]) + kept[1]).sum()

    want = dp.grad(f)(np.array([0.0, 0.5]))
    x, a = kept
    np.testing.assert_array_equal(a.data, [0.0, 1.0])
    (np.tanh(a) + a).sum().backward()
    np.testing.assert_array_equal(x.grad, want)


def test_a_pullback_can_be_called_again() -> None:
    _, pullback = dp.vjp(lambda x: np.tanh(x * 2.0) + 1.0, np.array([0.0, 1.0]))
    for g in ([1.0, 1.0], [2.0, 3.0], [1.0, 1.0]):
        slope = 2 * (1 - np.tanh([0.0, 2.0]) ** 2)
        np.testing.assert_allclose(pullback(np.array(g))[0], g * slope, rtol=1e-15)


def test_anomalies_are_named_and_pictures_show_numbers() -> None:
    x = Value([1.0, 4.0], name="x")
    y = np.sqrt(x * 2.0 - 2.0) + 1.0
    text = repr(dp.draw(y.sum()))
    assert "nan" not in text.lower()
    with dp.detect_anomaly(), pytest.raises(FloatingPointError, match="derivative of sqrt"):
        (np.sqrt(x * 2.0 - 2.0) + 1.0).sum().backward()


@pytest.mark.parametrize("second", [False, True])
def test_a_transform_keeps_no_result_that_no_rule_reads(second: bool) -> None:
    n, steps = 1 << 17, 12
    matrix = np.ones(n)

    def chain(x: Any) -> Any:
        for _ in range(steps):
            x = x + matrix
        return np.sum(x * x) if second else np.sum(x)

    assert peak(lambda: dp.grad(chain)(np.ones(n))) < 6 * 8 * n


def test_a_result_that_was_not_kept_and_may_have_changed_is_an_error() -> None:
    n, kept = 1 << 14, []
    matrix = np.ones(n)

    def f(x: Any) -> Any:
        y = (x + matrix) * 2.0
        kept.append(y)
        return np.sum(y)

    dp.grad(f)(np.ones(n))
    matrix[0] = 5.0
    with pytest.raises(RuntimeError, match="did not keep the result of add"):
        kept[0].inputs[0].data  # noqa: B018
