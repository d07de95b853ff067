"""A scalar's dtype comes back where scalars become arrays; in arithmetic a scalar is weak."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop import Value, nn

NARROW = [np.float16, np.float32, np.complex64]

# what makes arrays of the 0-d results of an array of two entries
JOINED: dict[str, Callable[[Any], Any]] = {
    "stack of entries": lambda v: dnp.stack([v[0], v[1]]),
    "asarray": lambda v: dnp.asarray([[v[1], v.sum()], [v.mean(), v.prod()]]),
    "hstack": lambda v: dnp.hstack([v[1], v.sum()]),
    "reshape": lambda v: dnp.reshape(v.sum(), (1,)),
    "expand_dims": lambda v: dnp.expand_dims(v.mean(), 0),
    "atleast_1d": lambda v: dnp.atleast_1d(v[0]),
    "None": lambda v: v[1][None],
    "broadcast_to": lambda v: dnp.broadcast_to(v[0], (3,)),
    "full": lambda v: dnp.full((2, 2), v[1]),
    "tile": lambda v: dnp.tile(v.sum(), 3),
    "repeat": lambda v: dnp.repeat(v[0], 2),
    "ravel": lambda v: dnp.concatenate([dnp.ravel(v[0]), v]),
    "outer": lambda v: dnp.outer(v[0], v),
    "where": lambda v: dnp.where(np.array([True, False]), v[0], v[1]),
    "at": lambda v: v.at[0].set(v[1]),
    "products": lambda v: dnp.stack([dnp.dot(v, v), dnp.vdot(v, v), dnp.einsum("i,i", v, v)]),
    "a function of one": lambda v: dnp.stack([dnp.exp(v[0]), dnp.sin(v[1])]),
}
REAL: dict[str, Callable[[Any], Any]] = {
    "extrema": lambda v: dnp.stack([v.max(), v.min(), dnp.maximum(v[0], v[1])]),
    "norm": lambda v: dnp.stack([dnp.linalg.norm(v), v.std(), dnp.median(v)]),
    "a range": lambda v: dnp.stack([dnp.ptp(v), dnp.ptp(v, 0)]),
    "a loss": lambda v: dnp.stack([nn.mse(v, np.zeros(2, v.dtype)), v.var()]),
}


@pytest.mark.parametrize("dtype", NARROW)
def test_numpy_gives_a_scalar_in_its_dtype(dtype: Any) -> None:
    v = Value(np.array([1.5, 2.5], dtype))
    for scalar in (v[0], v.sum(), v[1].detach(), Value(1.5, dtype=dtype)):
        assert scalar.numpy().dtype == scalar.dtype == dtype
        assert scalar.numpy().flags.writeable


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("name", [*JOINED, *REAL])
def test_scalars_of_an_array_are_joined_in_its_dtype(name: str, dtype: Any) -> None:
    if name in REAL and dtype is np.complex64:
        pytest.skip("of real numbers")
    f = (JOINED | REAL)[name]
    x = np.array([1.5, 2.5], dtype)
    v = Value(x)
    y = f(v)
    assert y.dtype == dtype
    wide = Value(x.astype(np.result_type(dtype, np.float64)))
    np.testing.assert_allclose(y.numpy(), f(wide).numpy(), 1e-3 if dtype is np.float16 else 1e-5)
    w = np.linspace(1, 2, y.size, dtype=np.float16).reshape(y.shape).astype(dtype)
    y.backward(w)
    f(wide).backward(w)
    assert v.grad.dtype == dtype
    np.testing.assert_allclose(v.grad, wide.grad, 1e-3 if dtype is np.float16 else 1e-5)
    again = Value(x)
    (f(again) * w).sum().backward(w[(0,) * w.ndim] * 0 + 1, create_graph=True)
    np.testing.assert_allclose(again.grad.numpy(), v.grad, 1e-3)
    compiled = dp.compile(lambda: f(v))
    for _ in range(2):
        z = compiled()
        assert z.dtype == dtype
        np.testing.assert_array_equal(z.numpy(), y.numpy())


@pytest.mark.parametrize("dtype", NARROW)
def test_a_scalar_knows_the_dtype_it_was_given(dtype: Any) -> None:
    for v in (Value(0.1, dtype=dtype), Value(dtype(0.1)), Value(np.array(0.1, dtype))):
        assert v.dtype == dtype
        assert v.data == dtype(0.1)
        assert type(v.data) in (float, complex)
        twins = [copy.copy(v), copy.deepcopy(v), pickle.loads(pickle.dumps(v)), v.detach()]
        with dp.no_grad():
            twins += [dnp.stack([v, v]).sum(), v.detach()]
        for twin in twins:
            assert twin.dtype == dtype
            assert dnp.stack([twin, v]).dtype == dtype
        assert dnp.stack([v, Value(1.0)]).dtype == np.result_type(dtype, np.float64)
        assert dnp.zeros_like(v).dtype == dtype
        v.assign(0.2)
        assert v.data == dtype(0.2)
        (v * v).backward(1.0, create_graph=True)
        assert v.grad.item() == pytest.approx(2 * dtype(0.2))
    assert Value(0.1).dtype == Value(2).dtype == Value(np.float64(2)).dtype == np.float64


def test_scalars_stay_weak_in_arithmetic() -> None:
    s = Value(np.ones(2, np.float32)).sum()
    t = Value(0.1, dtype=np.float32)
    for x in (s, t, t.detach()):
        assert (x * np.ones(2)).dtype == np.float64
        assert (x * np.ones(2, np.float32)).dtype == np.float32
        assert (x * np.ones(2, np.float16)).dtype == np.float16
        assert (x * Value(3.0)).item() == x.item() * 3.0
    assert dnp.abs(Value(3 + 4j, dtype=np.complex64)).dtype == np.float64


def test_transforms_and_compiled_functions_keep_it() -> None:
    seen = []

    def f(x: Any) -> Any:
        y = dnp.stack([x, x * 1.0, x])
        seen.append((x.dtype, dnp.stack([x, x]).dtype))
        return y.sum()

    assert dp.grad(f)(np.float32(2)) == 3.0
    assert dp.grad(dp.grad(lambda x: f(x) * x))(np.float32(2)) == 6.0
    assert seen == [(np.float32, np.float32)] * 2
    x = np.ones(3, np.float32)
    for g in (lambda x: Value(x).sum(), lambda x: Value(x)[1], lambda x: Value(x.mean())):
        compiled = dp.compile(g)
        assert compiled(x).dtype == compiled(x).dtype == g(x).dtype == np.float32


def test_a_state_dict_has_it() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            self.scale = Value(0.1, dtype=np.float32)

    state = Scaled().state_dict()
    assert state["scale"].dtype == np.float32
    other = Scaled()
    other.load_state_dict({"scale": np.float32(0.3)})
    assert other.scale.data == np.float32(0.3)
    assert other.scale.dtype == np.float32


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_jacobian_has_the_dtype_of_what_it_joins(mode: Any) -> None:
    x, s = np.array([1.0, 2.0], np.float32), np.float32(3.0)
    for jacobian in (dp.jacobian, lambda f, **how: dp.compile(dp.jacobian(f, **how))):
        assert jacobian(lambda x: (x * x).sum(), mode=mode)(x).dtype == np.float32
        assert jacobian(lambda s: s * x, mode=mode)(s).dtype == np.float32
    empty = dp.jacobian(lambda x: x[:0], mode=mode)(x), dp.jacobian(np.sum, mode=mode)(x[:0])
    assert [(j.shape, j.dtype) for j in empty] == [((0, 2), np.float32), ((0,), np.float32)]
