"""Code by others, for NumPy or the array API standard, runs on Values and differentiates.

einops, SciPy, scikit-learn, array-api-compat, NumPy's own polynomials: none of them knows
deltaprop. Each function is compared with finite differences of itself on plain arrays.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import array_api_compat
import numpy as np
import pytest
import scipy.special
from einops import array_api as einops

import deltaprop as dp
import deltaprop.numpy as dnp

from .. import oracles

polynomial = np.polynomial
C = [0.5, -1.0, 2.0, 0.3]

CODE: dict[str, Callable[[Any], Any]] = {
    "einops rearrange": lambda x: einops.rearrange(x, "a b c -> b (a c)"),
    "einops split": lambda x: einops.rearrange(x, "a b (c d) -> c a d b", d=2),
    "einops mean": lambda x: einops.reduce(x, "a b c -> b", "mean"),
    "einops sum": lambda x: einops.reduce(x, "a b c -> a 1 c", "sum"),
    "einops prod": lambda x: einops.reduce(x, "a b c -> a", "prod"),
    "einops pooling": lambda x: einops.reduce(x, "a b (c d) -> a b c", "max", d=2),
    "einops repeat": lambda x: einops.repeat(x, "a b c -> a (b r) c", r=2),
    "einops pack": lambda x: einops.pack([x, x[:, 0, 0]], "a *")[0],
    "einops unpack": lambda x: einops.unpack(x, [(1,), (2,)], "a * c")[1],
    "polynomial": lambda x: polynomial.polynomial.polyval(x, C),
    "Chebyshev": lambda x: polynomial.chebyshev.chebval(x, C),
    "Legendre": lambda x: polynomial.legendre.legval(x, C),
    "Hermite": lambda x: polynomial.hermite.hermval(x, C),
    "Laguerre": lambda x: polynomial.laguerre.lagval(x, C),
    "np.trapezoid": lambda x: np.trapezoid(x, np.arange(4.0) ** 2),
    "np.einsum": lambda x: np.einsum("abc,adc->bd", x, x),
    "np.linalg.norm": lambda x: np.linalg.norm(x, axis=1),
    "np.linalg.inv": lambda x: np.linalg.inv(x[:, :2, :2] + np.eye(2)),
    "np.fft.rfft": lambda x: np.fft.rfft(x),
    "np.cumulative_sum": lambda x: np.cumulative_sum(x, axis=1, include_initial=True),
    "np.unique": lambda x: np.unique(x),
    "scipy.special.gammaln": lambda x: scipy.special.gammaln(x),
    "scipy.special.xlogy": lambda x: scipy.special.xlogy(x, 2 * x),
    "array_api_compat": lambda x: standard_deviations(x),
}


def standard_deviations(x: Any) -> Any:
    """A library's way: whatever the array, its own namespace."""
    xp = array_api_compat.array_namespace(x)
    n = array_api_compat.size(x[0, ...])
    x = x - xp.mean(x, axis=(1, 2), keepdims=True)
    return xp.sqrt(xp.sum(x * x, axis=(1, 2)) / xp.asarray(n - 1, dtype=x.dtype))


@pytest.mark.parametrize("code", CODE.values(), ids=list(CODE))
def test_others_code(code: Callable[[Any], Any]) -> None:
    rng = np.random.default_rng(0)
    x = oracles.point(rng, (2, 3, 4)) / 8 + 0.5
    y = code(dp.Value(x))
    assert not y.is_constant, "the gradient got lost"
    np.testing.assert_allclose(y.data, code(x), rtol=1e-12)
    oracles.check(code, [x], rng, second=False)


def test_code_for_any_namespace_takes_values_for_arrays() -> None:
    v = dp.Value([1.0, 2.0])
    assert array_api_compat.array_namespace(v, dp.constant(1)) is dnp
    assert array_api_compat.is_array_api_obj(v)
    assert array_api_compat.device(v) == "cpu"
    assert array_api_compat.to_device(v, "cpu") is v
    assert not array_api_compat.is_numpy_array(v)


@pytest.mark.skipif(
    np.lib.NumpyVersion(scipy.__version__) < "1.17.0",
    reason="since SciPy 1.17 more functions take any array",
)
def test_scipy_and_scikit_learn() -> None:
    """In a process of its own: what the switch is set to, SciPy reads when it is imported."""
    command = [sys.executable, "-m", "tests.numpy.others"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "SCIPY_ARRAY_API": "1"}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=root, env=env, timeout=120, check=False
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(lines) >= 25
    assert all(line.startswith("ok ") for line in lines), done.stdout
