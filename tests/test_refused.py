"""Masked arrays, times, objects and text: refused wherever data can come in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop import Value, nn
from deltaprop.training import fit

HIDDEN = np.ma.array([1.0, 2.0, 1.0], mask=[0, 1, 0])
INTEGERS = np.ma.array([1, 2, 1], mask=[0, 1, 0])
ROWS = np.ma.array(np.ones((3, 2)), mask=np.eye(3, 2))


def v() -> Value:
    return Value([1.0, 2.0, 3.0])


def trained(X: Any, Y: Any, **options: Any) -> Any:
    model = nn.MLP([2, 1], rng=0)
    optimizer = dp.optim.SGD(model.parameters(), lr=0.1)
    return fit(model, (X, Y), loss="mse", optimizer=optimizer, epochs=1, **options)


def with_hook(returned: Any) -> None:
    x = v()
    x.register_hook(lambda g: returned)
    x.sum().backward()


MASKED: dict[str, Callable[[], Any]] = {
    "Value": lambda: Value(HIDDEN),
    "Value of a list": lambda: Value([HIDDEN, HIDDEN]),
    "adopted": lambda: Value(HIDDEN, copy=False),
    "constant": lambda: dp.constant(HIDDEN),
    "asarray": lambda: dnp.asarray(HIDDEN),
    "asarray of a list": lambda: dnp.asarray([[HIDDEN], [HIDDEN]]),
    "assign": lambda: v().assign(HIDDEN),
    "data": lambda: setattr(v(), "data", HIDDEN),
    "grad": lambda: setattr(v(), "grad", HIDDEN),
    "backward": lambda: (v() * 2).backward(HIDDEN),
    "a hook": lambda: with_hook(HIDDEN),
    "v * m": lambda: v() * HIDDEN,
    "m * v": lambda: HIDDEN * v(),
    "m * constant": lambda: HIDDEN * dp.constant(3.0),
    "v - [m]": lambda: v() - [HIDDEN],
    "m / v": lambda: HIDDEN / v(),
    "m ** v": lambda: HIDDEN ** v(),
    "v @ m": lambda: v() @ HIDDEN,
    "m @ v": lambda: HIDDEN @ v(),
    "v < m": lambda: v() < HIDDEN,
    "m < v": lambda: v() > HIDDEN,
    "m += v": lambda: HIDDEN.copy().__iadd__(v()),
    "np.add": lambda: np.add(HIDDEN, v()),
    "np.arctan2": lambda: np.arctan2(v(), HIDDEN),
    "np.dot": lambda: np.dot(HIDDEN, v()),
    "concatenate": lambda: np.concatenate([v(), HIDDEN]),
    "where": lambda: np.where(HIDDEN > 1, v(), 0.0),
    "average": lambda: np.average(v(), weights=HIDDEN),
    "index": lambda: v()[INTEGERS],
    "mask as index": lambda: v()[HIDDEN > 1],
    "at": lambda: v().at[:].set(HIDDEN),
    "at a place": lambda: v().at[INTEGERS].set(0.0),
    "dnp of plain data": lambda: dnp.logsumexp(HIDDEN),
    "mse": lambda: nn.mse(v(), HIDDEN),
    "classes": lambda: nn.softmax_cross_entropy(Value(np.eye(3)), INTEGERS),
    "probabilities": lambda: nn.binary_cross_entropy(v() / 4, HIDDEN - 1),
    "a layer": lambda: nn.Dense(2, 1, rng=0)(ROWS),
    "grad of a function": lambda: dp.grad(lambda x: (x * x).sum())(HIDDEN),
    "vjp": lambda: dp.vjp(lambda x: x * x, np.ones(3))[1](HIDDEN),
    "jvp": lambda: dp.jvp(lambda x: x * x, (np.ones(3),), (HIDDEN,)),
    "compile": lambda: dp.compile(lambda x: (x * x).sum())(HIDDEN),
    "load_state_dict": lambda: nn.MLP([2, 1], rng=0).load_state_dict(
        {"0.weight": ROWS[:2, :1], "0.bias": np.zeros(1)}
    ),
    "fit": lambda: trained(ROWS, np.ones((3, 1))),
    "fit's targets": lambda: trained(np.ones((3, 2)), ROWS[:, :1]),
    "fit's weights": lambda: trained(np.ones((3, 2)), np.ones((3, 1)), sample_weight=HIDDEN),
    "fit's batches": lambda: trained_on_batches(),
}


def trained_on_batches() -> Any:
    model = nn.MLP([2, 1], rng=0)
    optimizer = dp.optim.SGD(model.parameters(), lr=0.1)
    return fit(model, [(ROWS, np.ones((3, 1)))], loss="mse", optimizer=optimizer, epochs=1)


@pytest.mark.parametrize("name", MASKED)
def test_masked_arrays(name: str) -> None:
    with pytest.raises(TypeError, match=r"mask.*fill.*index"):
        MASKED[name]()


def _functions_of_ma() -> dict[str, Any]:
    found = {name: getattr(np.ma, name) for name in dir(np.ma) if name[0] != "_"}
    return {
        name: f
        for name, f in found.items()
        if callable(f) and not isinstance(f, type) and f is not getattr(np, name, None)
    }


@pytest.mark.parametrize("name", _functions_of_ma())
@pytest.mark.parametrize("data", [2.0, [1.0, 2.0, 3.0], [[1.0, 2.0], [3.0, 4.0]]])
def test_numpy_ma_gives_no_data_without_a_gradient(name: str, data: Any) -> None:
    """With one Value or more, each of its functions raises, gives Values, or depends on none."""
    f = _functions_of_ma()[name]

    def result(shift: float, args: tuple[int, ...]) -> Any:
        x = Value(np.add(data, shift))
        try:
            got = f(*[np.ones(x.shape) if i else x for i in args])
            got = list(got) if isinstance(got, Iterator) else got
        except Exception as error:  # of whatever kind np.ma makes of it
            return type(error)
        return None if isinstance(got, Value) and not got.is_constant else got

    for args in [(0,), (0, 1), (1, 0), (0, 0), (1, 0, 0), (0, 1, 1), (0, 0, 1), (0, 0, 0)]:
        assert repr(result(0.0, args)) == repr(result(0.25, args)), args


def test_no_way_to_what_was_recorded() -> None:
    w = v()
    y = w * 2.0
    z = (y * y).sum()
    for x in (w, y, dp.constant([1.0])):
        with pytest.raises(TypeError, match="mask"):
            np.ma.getdata(x)
    z.backward()
    np.testing.assert_array_equal(w.grad, [8.0, 16.0, 24.0])


# -- times, objects, text ------------------------------------------------------------------------

_NO_NUMBERS = {
    "timedelta64": np.array([3, 4, 5], "m8[D]"),
    "datetime64": np.array([3, 4, 5], "M8[D]"),
    "one timedelta64": np.timedelta64(3, "s"),
    "objects": np.array([1, 2.0, 3], object),
    "Values": None,
    "text": np.array(["1", "2", "3"]),
    "bytes": np.array([b"1", b"2", b"3"]),
    "structures": np.zeros(3, "i4,f8"),
    "strings": np.array(["1", "2", "3"], np.dtypes.StringDType()),
    "a list of text": ["1", "2", "3"],
}


def _no_numbers(kind: str) -> Any:
    if kind != "Values":
        return _NO_NUMBERS[kind]
    made = np.empty(3, object)
    made[:] = [Value(1.0), Value(2.0), Value(3.0)]
    return made


_CALLS: dict[str, Callable[[Any], Any]] = {
    "*": lambda x: v() * x,
    "reflected *": lambda x: x * v(),
    "+": lambda x: v() + x,
    "/": lambda x: v() / x,
    "**": lambda x: v() ** x,
    "<": lambda x: v() < x,
    "==": lambda x: v() == x,
    "@": lambda x: v() @ x,
    "maximum": lambda x: np.maximum(v(), x),
    "where": lambda x: np.where([True, False, True], v(), x),
    "concatenate": lambda x: np.concatenate([v(), np.atleast_1d(x)]),
    "dot": lambda x: np.dot(x, v()),
    "a float": lambda x: Value(2.0) * x,
    "at": lambda x: v().at[:].set(x),
    "mse": lambda x: nn.mse(v(), x),
    "assign": lambda x: v().assign(x),
}


@pytest.mark.parametrize("kind", _NO_NUMBERS)
@pytest.mark.parametrize("call", _CALLS)
def test_what_is_no_number(call: str, kind: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        _CALLS[call](_no_numbers(kind))


@pytest.mark.parametrize(
    "call",
    [
        lambda v: np.full_like(np.ones(2), v),
        lambda v: np.copyto(np.ones(2), v),
        lambda v: np.nan_to_num(np.array([np.nan]), nan=v),
        lambda v: np.geomspace(1.0, v, 3),
    ],
)
def test_what_has_no_rule_names_the_ways_out(call: Any) -> None:
    with pytest.raises(TypeError, match=r"v\.item\(\), v\.numpy\(\) or v\.detach\(\)"):
        call(dp.Value(2.0))
