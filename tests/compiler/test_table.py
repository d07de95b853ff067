"""Every operation of the table, recorded with its derivatives and replayed: the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop import compiler
from deltaprop.graph import Primitive
from deltaprop.tree import flatten

from .. import oracles
from ..test_rules import CASES, SMOOTH, case_trial


def gradients(op: Any, params: dict[str, Any], seed: int) -> Any:
    """A function of raw arrays: the operation's value and the gradients of its arguments."""
    fixed = [p is None for p in getattr(op, "partials", ())]

    def f(*xs: Any) -> Any:
        leaves = [x if any(fixed[i : i + 1]) else dp.Value(x) for i, x in enumerate(xs)]
        y = op(*leaves, **params)
        if not isinstance(y, dp.Value) or y.is_constant:
            return y, None
        w = np.random.default_rng(seed).standard_normal(y.shape).astype(y.dtype)
        y.backward(w)
        return y, [leaf.grad for leaf in leaves if isinstance(leaf, dp.Value)]

    return f


def identical(a: Any, b: Any, signs: bool = True) -> None:
    """The same structure, types and bits (but for the signs of zeros, if not `signs`)."""
    leaves, structure = flatten(a)
    others, other = flatten(b)
    assert structure == other
    for x, y in zip(leaves, others, strict=True):
        assert type(x) is type(y)
        x, y = oracles.data(x), oracles.data(y)
        assert type(x) is type(y)
        if isinstance(x, str):
            assert x == y
            continue
        assert np.result_type(x) == np.result_type(y)
        np.testing.assert_array_equal(x, y, strict=True)
        if signs:
            assert bits(x) == bits(y)


def bits(x: Any) -> bytes:
    """The bits of the numbers; all NaN are one, since NumPy's own loops differ in their signs."""
    return np.where(np.equal(x, x), x, np.nan).tobytes()


def agrees(f: Any, points: list[list[Any]]) -> None:
    compiled = compiler.compile(f)
    for xs in points:
        with np.errstate(all="ignore"):
            identical(compiled(*xs), f(*xs))
    assert compiled.cache_info()[:2] == (len(points) - 1, 1)


@pytest.mark.parametrize("op", SMOOTH.values(), ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_elementwise(op: Primitive, dtype: Any) -> None:
    shapes = [(3, 4), (4,), (3, 1)][: len(op.domain)]
    points = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        xs = [oracles.point(rng, s, d) for s, d in zip(shapes, op.domain, strict=True)]
        points.append([np.asarray(x, dtype) for x in xs])
    points[1][-1][0] = points[1][0].flat[0]  # ties
    points[2][0][0] = 0.0
    agrees(gradients(op, {}, 0), points)


@pytest.mark.parametrize("op", SMOOTH.values(), ids=str)
def test_elementwise_of_numbers(op: Primitive) -> None:
    rng = np.random.default_rng(0)
    points = [[oracles.point(rng, (), d) for d in op.domain] for _ in range(2)]
    agrees(gradients(op, {}, 0), points)


@pytest.mark.parametrize(("op", "case"), CASES)
def test_case(op: Primitive, case: Any) -> None:
    points = [case_trial(op, case, seed).xs for seed in range(2)]
    agrees(gradients(op, case.params, 0), points)
