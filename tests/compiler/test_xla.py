"""The XLA executor: NumPy's numbers, to rounding, whatever the program."""

from __future__ import annotations

import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings

import deltaprop as dp
from deltaprop import compiler
from deltaprop.calculus import elementwise
from deltaprop.compiler import xla_executor
from deltaprop.testing import strategies as dst
from deltaprop.tree import flatten

from .. import oracles
from ..test_rules import CASES, SMOOTH, case_trial
from .interrupts import lines
from .test_forks import in_a_child
from .test_functions import DERIVATIVES, W, X
from .test_table import gradients
from .test_threads import in_threads
from .test_training import BATCHES, LOSSES, training

dnp: Any = dp.numpy
# JAX has none of these; i1's derivative asks for iv
LACKING = {
    "i1", "iv", "ive", "j0", "j1", "jv", "rgamma", "y0", "y1", "yv",
    "solve_banded", "solve_sylvester", "sqrtm",
}  # fmt: skip


QUICK = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}


def xla(f: Callable[..., Any]) -> Any:
    """Compiled, with little work on code that runs but once."""
    compiled = compiler.compile(f, executor="xla")
    compiled.executor.options = {"compiler_options": QUICK}
    return compiled


def close(a: Any, b: Any, rtol: float = 1e-11) -> None:
    """The same structure, types and dtypes, and the same numbers to rounding."""
    (leaves, structure), (others, other) = flatten(a), flatten(b)
    assert structure == other
    for x, y in zip(leaves, others, strict=True):
        assert type(x) is type(y)
        x, y = oracles.data(x), oracles.data(y)
        assert type(x) is type(y)
        assert np.result_type(x) == np.result_type(y)
        size = np.max(np.abs(y), initial=1.0, where=np.isfinite(y))
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol * size, strict=True)


class Trials:
    """Functions and their arguments; compiled as one, which is quicker than one by one."""

    def __init__(self, rtol: float) -> None:
        self.rtol = rtol
        self.functions: dict[str, Any] = {}
        self.points: dict[str, Any] = {}
        self.seen: dict[str, Any] = {}

    def add(self, name: str, f: Any, xs: Any, seen: Any = None) -> None:
        self.functions[name], self.points[name] = f, list(xs)
        self.seen[name] = seen or (lambda y: y)

    def __call__(self, points: Any) -> Any:
        return {name: self.functions[name](*xs) for name, xs in points.items()}

    def agree(self) -> None:
        with np.errstate(all="ignore"):
            expected = self(self.points)
        found = xla(self)(self.points)
        wrong = []
        for name, see in self.seen.items():
            try:
                close(see(found[name]), see(expected[name]), self.rtol)
            except AssertionError as error:
                wrong.append(f"{name}: {error}")
        assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_elementwise_operation(dtype: Any) -> None:
    trials = Trials(1e-5 if dtype == np.float32 else 1e-11)
    for name, op in SMOOTH.items():
        known = vars(elementwise).values()
        if name in LACKING or (dtype == np.float32 and all(op is not item for item in known)):
            continue
        rng = np.random.default_rng(0)
        shapes = [(3, 4), (4,), (3, 1)][: len(op.domain)]
        xs = [oracles.point(rng, s, d) for s, d in zip(shapes, op.domain, strict=True)]
        xs = [np.asarray(x, dtype) for x in xs]
        xs[-1][0] = xs[0].flat[0]  # ties
        trials.add(name, gradients(op, {}, 0), xs)
    trials.agree()


def test_every_other_operation() -> None:
    trials = Trials(1e-10)
    for parameter in CASES:
        op, case = parameter.values
        name = str(parameter.id)
        if op.name in LACKING:
            continue
        if name.endswith("-0") and np.ndim(case.near):  # type: ignore[attr-defined]
            continue  # one matrix: the next case is a stack of them
        trial = case_trial(op, case, 0)  # type: ignore[arg-type]
        f = gradients(_determined(op, trial.seen), trial.params, 0)
        trials.add(name, f, trial.xs)
    trials.agree()


def _determined(op: Any, seen: Any) -> Any:
    """The operation, without what LAPACK may choose: the phases of vectors."""
    return op if seen is None else lambda *xs, **params: seen(op(*xs, **params))


def test_derivatives_of_functions() -> None:
    trials = Trials(1e-11)
    for name in ("value_and_grad", "jacobian", "hvp", "grad of grad", "kinks", "create_graph"):
        trials.add(name, DERIVATIVES[name], (X, W))
    trials.agree()


@given(dst.expressions(max_steps=8))
@settings(max_examples=8)
def test_random_expressions(case: Any) -> None:
    f, xs = case
    gradient = dp.value_and_grad(lambda *xs: dnp.sum(f(*xs)), tuple(range(len(xs))))
    try:
        found = xla(gradient)(*xs)
    except NotImplementedError as error:
        assert any(repr(name) in str(error) for name in LACKING)  # noqa: PT017
        return
    close(found, gradient(*xs), 1e-9)


TRAINING = {
    "mse": {"optimizer": "sgd", "loss": "mse"},
    "adam": {"optimizer": "adam", "loss": "classes", "dropout": 0.3, "dtype": np.float32},
    "checked": {"optimizer": "nesterov", "loss": "kl", "activation": "relu"},
}


@pytest.mark.parametrize("name", TRAINING)
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "donated"])
def test_training_steps(name: str, shared: bool) -> None:
    """`shared` is how a CPU works, else memory of the devices is written over in each step."""
    options = TRAINING[name]
    eager, one, rule = training(**options)
    replayed, other, same_rule = training(**options)
    compiled = xla(replayed)
    compiled.executor.shared = shared
    rtol = 1e-5 if "dtype" in options else 1e-11
    target = LOSSES[str(options["loss"])][1]
    for k, x in enumerate(BATCHES):
        for model, r in ((one, rule), (other, same_rule)):
            r.lr = 0.05 / (k + 1)
            if k == 1:
                model.layers[0].weight.data[0] *= 0.5
                model.layers[1].weight.assign(np.ones(model.layers[1].weight.shape))
        close(compiled(x, target), eager(x, target), rtol)
        close([p.grad for p in other.parameters()], [p.grad for p in one.parameters()], rtol)
    assert compiled.cache_info()[:2] == (len(BATCHES) - 1, 1)
    close(other.state_dict(), one.state_dict(), rtol)
    close(same_rule.state_dict()["state"], rule.state_dict()["state"], rtol)
    before = other.state_dict()
    eager(BATCHES[0], target)
    replayed(BATCHES[0], target)  # and on with NumPy, on what XLA left
    close(other.state_dict(), one.state_dict(), rtol)
    assert not np.array_equal(before["layers.0.weight"], other.state_dict()["layers.0.weight"])


@pytest.mark.parametrize("shared", [True, False])
def test_a_wrong_target_changes_nothing(shared: bool) -> None:
    step, model, _ = training()
    compiled = xla(step)
    compiled.executor.shared = shared
    compiled(X[:, :5], np.arange(6) % 3)
    before = model.state_dict()
    with pytest.raises(ValueError, match="classes must be in 0 to 2"):
        compiled(X[:, :5], np.arange(6))
    close(model.state_dict(), before)
    w = dp.Value([0.5, 0.5])

    @xla
    def checked(x: Any) -> Any:
        loss = dp.nn.binary_cross_entropy(w * x, np.ones(2))  # what it checks is computed
        w.zero_grad()
        loss.backward()
        w.data -= 0.1 * w.grad
        return loss

    checked.executor.shared = shared
    for k in range(3):
        before = w.numpy()
        checked(np.ones(2))
        assert not np.array_equal(w.numpy(), before)
        before = w.numpy()
        with pytest.raises(ValueError, match="must be in"):
            checked(np.array([1.0, 4.0 + k]))
        close(w.numpy(), before)


@pytest.mark.parametrize("shared", [True, False])
def test_signatures_share_what_is_on_the_devices(shared: bool) -> None:
    """What travels together is what one wrote and the other reads, also where a user writes."""
    eager, one, rule = training(optimizer="adam")
    replayed, other, same_rule = training(optimizer="adam")
    compiled = xla(replayed)
    compiled.executor.shared = shared
    for k, n in enumerate((6, 6, 4, 6, 4, 4)):
        for model, r in ((one, rule), (other, same_rule)):
            r.lr = 1 if k == 2 else 0.1  # no float
            if k == 3:
                model.layers[0].bias.data[1] = 2.0
        held = [p.grad for p in other.parameters()] if k else []
        before = [g.copy() for g in held]
        for f in (compiled, eager):
            f(X[:n, :5] + k, np.arange(n) % 3)
        close(held, before)
        close([p.numpy() for p in other.parameters()], [p.numpy() for p in one.parameters()], 1e-9)
    close(same_rule.state_dict()["state"], rule.state_dict()["state"], 1e-9)
    assert compiled.cache_info()[:2] == (4, 2)


def test_positions_out_of_bounds_are_an_error() -> None:
    f = xla(lambda x, i: x[1:, i])
    close(f(X, np.array([0, -1])), X[1:, [0, -1]])
    for i in (5, -6):
        with pytest.raises(IndexError, match="axis 1 with size 5"):
            f(X, np.array([0, i]))


def test_random_numbers_are_those_of_numpy() -> None:
    def noisy(x: Any, rng: Any) -> Any:
        y = x * 2.0
        return y + rng.normal(y.mean(), 2.0, size=x.shape), rng.permutation(4)

    f = xla(noisy)
    a, b = np.random.default_rng(5), np.random.default_rng(5)
    for _ in range(2):
        close(f(X, a), noisy(X, b))


@pytest.mark.parametrize("n", [3, 30, 300])
def test_results_are_the_callers_own(n: int) -> None:
    big = np.ones((n, n))
    f = xla(lambda x: (x + 1.0, x, np.ones(3), x * 2.0, (x * 2.0)[0], x.sum(), dp.constant(x)))
    first = f(big)
    kept = [np.array(oracles.data(y)) for y in first]
    big += 1.0
    f(big)
    for y, before in zip(first, kept, strict=True):
        np.testing.assert_array_equal(oracles.data(y), before)
    for y in first[:5]:
        y[...] = 0.0
    close(f(big - 1.0)[:5], tuple(kept[:5]))


@pytest.mark.parametrize("shared", [True, False])
def test_places_may_hold_the_same(shared: bool) -> None:
    p, q = dp.Value([1.0, 2.0]), dp.Value([3.0, 4.0])

    @xla
    def both(x: Any) -> None:
        p.data = q.data = p.data + q.data * x

    both.executor.shared = shared
    for x in (1.0, 2.0, 3.0):
        both(np.array(x))
    close([p.numpy(), q.numpy()], [np.array([48.0, 72.0])] * 2)


def test_what_cannot_change_is_sent_once() -> None:
    compiled = xla(lambda x: x * 2.0)
    base = X.copy()
    view = base[:]
    view.setflags(write=False)
    fixed, other = X.copy(), X + 1.0
    fixed.setflags(write=False)
    other.setflags(write=False)
    for x in (fixed, fixed, fixed, other, fixed, view, base, view):
        close(compiled(x), x * 2.0)
        base += 1.0  # which shows in the view
    sent: list[Any] = []
    placed = compiled.executor.layout.placed
    compiled.executor.layout.placed = lambda x, at: (sent.append(x), placed(x, at))[1]
    for x in (other, other, other, view, view, base, base, other):
        compiled(x)
    assert len(sent) == 1
    assert sent[0] is other


def test_variables_that_are_read_stay_on_the_devices() -> None:
    w = dp.Value(np.ones((5, 3)))
    f = xla(lambda x: x @ w)
    sent: list[Any] = []
    placed = f.executor.layout.placed
    f.executor.layout.placed = lambda x, at: (sent.append(x), placed(x, at))[1]
    for _ in range(4):
        close(f(X), X @ w)
    assert len(sent) == 1
    for write in (lambda: w.assign(2.0 * W), lambda: w.data.sort(), lambda: w.data.fill(3.0)):
        for _ in range(3):
            close(f(X), X @ w)
        write()
        close(f(X), X @ w)


def test_places_may_swap() -> None:
    p, q = dp.Value([1.0, 2.0]), dp.Value([3.0, 4.0])
    seen = p.data

    @xla
    def swap(x: Any) -> None:
        p.data, q.data = q.data * x, p.detach().data

    for _ in range(3):
        swap(np.array(2.0))
    close([p.numpy(), q.numpy()], [np.array([12.0, 16.0]), np.array([2.0, 4.0])])
    assert seen is p.data


def test_graphs_of_single_numbers() -> None:
    def f(*xs: float) -> Any:
        leaves = [dp.Value(x) for x in xs]
        y = leaves[0]
        for k in range(100):
            y = (y * leaves[k % 3] + leaves[k % 2] * 0.5).tanh()
        y.backward()
        return y, [leaf.grad for leaf in leaves]

    close(xla(f)(0.3, -0.7, 1.1), f(0.3, -0.7, 1.1))


def test_graphs_of_many_numbers_in_lanes() -> None:
    def f(*xs: float) -> Any:
        leaves = [dp.Value(x) for x in xs]
        y = sum([(a * b + 0.5).tanh() * a for a in leaves for b in leaves[:8]])
        y.backward()
        return y, [leaf.grad for leaf in leaves]

    xs = np.linspace(-1.0, 1.0, 40).tolist()
    compiled = xla(f)
    close(compiled(*xs), f(*xs))
    assert "lanes" in compiled.program(*xs)


def test_dtypes_are_numpys_and_the_users_setting_stays() -> None:
    def f(x: Any, n: Any, s: float) -> Any:
        return x * s, n / 2, n + x, np.add.reduce(n), s * 0.1, x > s, abs(1j * x)

    args = X.astype(np.float32), np.arange(5, dtype=np.int32), 0.3
    close(xla(f)(*args), f(*args), 1e-6)
    assert jax.numpy.asarray(X).dtype == np.float32
    with pytest.raises(TypeError, match="JAX has no arrays of"):
        xla(lambda x: x + 1)(np.ones(2, np.longdouble))


def counter() -> tuple[Any, Any, Any, Any]:
    """A step that counts in variables of each kind: of those, one is held by the user."""
    seen, unseen, number = dp.Value([0.0, 0.0]), dp.Value(np.zeros((3, 3))), dp.Value(0.0)
    rng = np.random.default_rng(0)
    held = seen.data

    @xla
    def step(x: Any, rng: Any) -> Any:
        loss = sum((v * x).sum() for v in (seen, unseen, number))
        loss = loss + rng.integers(10)
        for v in (seen, unseen, number):
            v.zero_grad()
        loss.backward()
        seen.data += 1.0
        unseen.data += 1.0
        number.data += 1.0
        return loss

    def state() -> Any:
        assert held is seen.data
        counts = {float(x) for v in (seen, unseen, number) for x in np.ravel(v.numpy())}
        (count,) = counts
        grads = [v.grad for v in (seen, unseen, number)]
        return count, grads, rng.bit_generator.state["state"]

    return step, state, rng, held


def test_threads_take_turns() -> None:
    step, state, rng, _ = counter()
    in_threads(*[lambda: step(2.0, rng)] * 4, times=25)
    assert state()[0] == 100.0
    f = xla(lambda x: (x + 1.0, x.sum()))
    xs = [np.full((40 * k, 40), float(k)) for k in (1, 2, 2, 3)]
    in_threads(*[lambda x=x: close(f(x), (x + 1.0, x.sum())) for x in xs], times=25)


def test_an_interrupt_leaves_all_old_or_all_new() -> None:
    step, state, rng, _ = counter()
    step(2.0, rng)
    last = lines(lambda: step(3.0, rng))
    assert last > 50
    for k in range(1, last + 1):
        before = state()
        lines(lambda k=k: step(float(k), rng), k)
        count, grads, drawn = state()
        if count == before[0]:
            close(grads, before[1])
            assert drawn == before[2]
        else:
            assert count == before[0] + 1.0
            assert float(grads[2]) == k
            assert drawn != before[2]
    before = state()[0]
    step(1.0, rng)
    assert state()[0] == before + 1.0


def test_what_is_left_outside_is_written_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line of Python runs between the first that is written and the last, so no signal comes."""
    step, _, rng, held = counter()
    step(2.0, rng)
    consume, seen = xla_executor.consume, []

    def last(rows: Any) -> None:
        before = held.copy()
        ran = lines(lambda: consume(rows))
        if not np.array_equal(held, before):
            seen.append(ran)

    monkeypatch.setattr(xla_executor, "consume", last)
    step(2.0, rng)
    assert seen == [0]


def test_nothing_is_kept_of_results() -> None:
    f = xla(lambda x: (x + 1.0, x[0]))
    for n in (3, 300):
        y = f(np.ones((n, n)))
        kept = [weakref.ref(a) for a in y]
        del y
        assert all(a() is None for a in kept)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_is_told_that_jax_does_not_work_there() -> None:
    f = xla(lambda x: x + 1.0)
    f(X)

    def work() -> None:
        for x in (X, X[0]):
            with pytest.raises(RuntimeError, match=r"forked after JAX began.*executor='numpy'"):
                f(x)

    in_a_child(work)
    close(f(X), X + 1.0)


def test_what_jax_lacks_is_named() -> None:
    with pytest.raises(NotImplementedError, match=r"'iv'.*executor='numpy'"):
        xla(lambda x: dnp.special.iv(1.0, x))(X)
    with pytest.raises(ValueError, match="'numpy' or 'xla', got 'torch'"):
        compiler.compile(np.sin, executor="torch")


def test_without_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    monkeypatch.delitem(sys.modules, "deltaprop.compiler.xla_executor")
    with pytest.raises(ImportError, match="pip install jax"):
        xla(np.sin)


def test_jax_is_imported_by_those_who_ask_for_it() -> None:
    code = "import sys, deltaprop.compiler; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_program_can_be_read() -> None:
    text = xla(lambda x: np.tanh(x @ W)).program(X)
    assert "matmul(input 0, float64[5, 3])" in text
    assert "compiled by XLA for one device" in text
