"""The XLA executor: NumPy's numbers, to rounding, whatever the program."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("jax")

import deltaprop as dp
from deltaprop import compiler
from deltaprop.graph import Elementwise
from deltaprop.tree import flatten

from .. import oracles
from ..test_rules import CASES, SMOOTH
from .test_table import gradients

dnp: Any = dp.numpy
LACKING = {"iv", "ive"}


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


def together(trials: dict[str, Any]) -> Any:
    """One function of all the trials' points: compiling it once takes half the time."""

    def f(points: dict[str, Any]) -> dict[str, Any]:
        return {name: trials[name](*xs) for name, xs in points.items()}

    return f


def agree(trials: dict[str, Any], points: dict[str, Any], seen: Any, rtol: float) -> None:
    f = together(trials)
    compiled = compiler.compile(f, executor="xla")
    with np.errstate(all="ignore"):
        expected = f(points)
    found = compiled(points)
    wrong = []
    for name in points:
        try:
            close(seen(name, found[name]), seen(name, expected[name]), rtol)
        except AssertionError as error:
            wrong.append(f"{name}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-5), (np.float64, 1e-11)])
def test_elementwise(dtype: Any, rtol: float) -> None:
    trials, points = {}, {}
    for name, op in SMOOTH.items():
        if name in LACKING or name=='i1':
            continue
        rng = np.random.default_rng(0)
        shapes = [(3, 4), (4,), (3, 1)][: len(op.domain)]
        xs = [oracles.point(rng, s, d) for s, d in zip(shapes, op.domain, strict=True)]
        xs = [np.asarray(x, dtype) for x in xs]
        xs[-1][0] = xs[0].flat[0]  # ties
        trials[name], points[name] = gradients(op, {}, 0), xs
    agree(trials, points, lambda name, y: y, rtol)


def test_cases() -> None:
    trials, points = {}, {}
    for parameter in CASES:
        op, case = parameter.values
        name = str(parameter.id)
        rng = np.random.default_rng(0)
        xs = [oracles.point(rng, shape, case.domain) for shape in case.shapes]
        xs[0] = xs[0] + case.near
        trials[name], points[name] = gradients(op, case.params, 0), xs
    agree(trials, points, lambda name, y: y, 1e-10)
