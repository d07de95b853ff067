"""What runs: versions, BLAS, the walker of compiled programs, extras; and a check of gradients."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from . import __version__, deltas, nn
from .compiler import compile as compiled
from .testing import check_grads

_EXTRAS = (
    "scipy", "scikit-learn", "matplotlib", "tqdm", "safetensors", "onnx", "jax", "torch",
    "hypothesis",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Return what runs, by name: versions, the BLAS of NumPy, the walker, and the extras found."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    found = {
        "deltaprop": __version__,
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "platform": platform.platform(),
        "NumPy": np.__version__,
        "BLAS": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
        "walker": f"{compiled(np.sin).walker} (of compiled programs)",
    }
    for name in _EXTRAS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def show_versions() -> None:
    """Print what runs, as a report of an error needs it.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.show_versions()
    deltaprop     0.1.0
    Python        3...
    """
    for name, what in versions().items():
        print(f"{name:<14}{what}")


def check() -> None:
    """Check gradients against finite differences, formulas and compiled steps.

    Raises
    ------
    AssertionError
        If any of them differ.
    """
    rng = np.random.default_rng(0)
    W, X, T = rng.normal(size=(2, 1)), rng.normal(size=(8, 2)), rng.normal(size=(8, 1))
    check_grads(lambda w: np.mean((np.tanh(X @ w) - T) ** 2), W, order=2)
    mlp = nn.MLP([2, 8, 1], rng=0)
    comparison = deltas.compare(mlp, X, T)
    if not comparison.agree:
        raise AssertionError(str(comparison))
    eager, once = nn.mse(mlp(X), T).item(), compiled(lambda x: nn.mse(mlp(x), T))(X).item()
    if not abs(once - eager) <= 1e-12 * abs(eager):
        raise AssertionError(f"a compiled loss is {once!r}, an eager one {eager!r}")
