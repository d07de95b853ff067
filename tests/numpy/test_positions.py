"""A Value in every place of every function of NumPy: its gradient is right, or there is an error.

Or the result does not depend on it, by finite differences: an index, a comparison, a dtype.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deltaprop import Value
from tests.numpy.positions import calls, functions

STEP = 1e-6


def _numbers(result: Any) -> list[Any]:
    """The numbers and arrays of numbers in a result; of a Value too, as it is."""
    if isinstance(result, list | tuple):
        return [x for item in result for x in _numbers(item)]
    if isinstance(result, dict):
        return _numbers(list(result.values()))
    kind = np.asarray(result.data if isinstance(result, Value) else result).dtype.kind
    return [result] if kind in "biufc" else []


def as_it_is(x: Any) -> Any:
    return x


@pytest.mark.parametrize("others", [as_it_is, Value])
@pytest.mark.parametrize("name", functions())
def test_no_place_loses_a_gradient(name: str, others: Any) -> None:
    if name.endswith("tensorsolve") and np.lib.NumpyVersion(np.__version__) < "2.2.0":
        pytest.skip("NumPy's tensorsolve takes numbers since 2.2")
    rng = np.random.default_rng(0)
    parts = None if others is as_it_is else 1  # nothing is written into Values
    for call in calls(name):
        x = np.asarray(call.x, float) if np.ndim(call.x) else call.x
        v = Value(x)
        try:
            result = call(v, others)[:parts]
        except (TypeError, ValueError, IndexError, AttributeError):
            continue
        t = rng.normal(size=np.shape(x))
        above, below = [_numbers(call(x + h * t)[:parts]) for h in (STEP, -STEP)]
        found = _numbers(result)
        assert len(found) == len(above) == len(below), call
        for y, up, down in zip(found, above, below, strict=True):
            up, down = np.asarray(up), np.asarray(down)
            if up.dtype.kind not in "fc" or not np.all(np.isfinite(up) & np.isfinite(down)):
                continue  # steps have no derivative; outside of the domain there is none
            assert np.shape(y) == up.shape, call
            slope = (up - down) / (2 * STEP)
            if not isinstance(y, Value) or y.is_constant:
                np.testing.assert_allclose(slope, 0, atol=1e-8, err_msg=f"{call} is lost")
                continue
            w = rng.normal(size=y.shape)
            v.zero_grad()
            y.backward(w)
            gradient = np.zeros(v.shape) if v.grad is None else v.grad
            np.testing.assert_allclose(
                np.sum(gradient * t), np.sum(w * slope).real, 1e-4, 1e-5, err_msg=str(call)
            )
