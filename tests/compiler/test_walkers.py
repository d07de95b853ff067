"""Which walker runs a program, and that the bits do not depend on it."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop import compiler

X = np.linspace(-1.0, 1.0, 12).reshape(3, 4)


def step(x: Any) -> Any:
    return dp.grad(lambda w: (dp.numpy.tanh(x @ w) ** 2).sum())(np.ones((4, 2)))


def built() -> bool:
    """Whether there is a walker in C."""
    return find_spec("deltaprop.compiler._walker") is not None


def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DELTAPROP_WALKER", raising=False)
    names = ["c", "python"] if built() else ["python"]
    results = []
    for name in names:
        monkeypatch.setenv("DELTAPROP_WALKER", name)
        f = compiler.compile(step)
        assert f.walker == name
        f(X)
        results.append(f(X).tobytes())
    assert {*results} == {step(X).tobytes()}
    monkeypatch.setenv("DELTAPROP_WALKER", "")
    assert f.walker == names[0]


@pytest.mark.parametrize("name", ["c", "python"])
@pytest.mark.parametrize("shape", [(3, 4), (300, 400), (5, 30, 400)])
def test_products_of_arguments(name: str, shape: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large arrays are pointed at in each call, small ones are copied."""
    monkeypatch.setenv("DELTAPROP_WALKER", name)
    if name == "c" and not built():
        pytest.skip("the walker in C was not built")
    rng = np.random.default_rng(0)

    def products(a: Any, b: Any) -> Any:
        return a @ b, (a * 2.0) @ b, a.T @ a if a.ndim == 2 else a

    f = compiler.compile(products)
    for _ in range(3):
        a, b = rng.normal(size=shape), rng.normal(size=(shape[-1], 200))
        for found, expected in zip(f(a, b), products(a, b), strict=True):
            np.testing.assert_array_equal(found, expected, strict=True)


def test_without_a_c_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deltaprop.compiler.native", None)
    monkeypatch.delenv("DELTAPROP_WALKER", raising=False)
    f = compiler.compile(step)
    assert f.walker == "python"
    np.testing.assert_array_equal(f(X), step(X), strict=True)
    monkeypatch.setenv("DELTAPROP_WALKER", "c")
    for use in (lambda: f.walker, lambda: compiler.compile(step)(X)):
        with pytest.raises(ImportError, match="not built: install deltaprop again where there is"):
            use()


def test_another_walker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELTAPROP_WALKER", "rust")
    with pytest.raises(ValueError, match="""must be "c" or "python", got 'rust'"""):
        compiler.compile(step)(X)


def test_xla() -> None:
    pytest.importorskip("jax")
    assert compiler.compile(step, executor="xla").walker == "xla"
