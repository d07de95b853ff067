"""What cannot be tried here, for want of a package, of a compiler or of an operating system."""

from __future__ import annotations

from collections.abc import Generator
from doctest import UnexpectedException
from importlib.util import find_spec
from typing import Any

import pytest

# Without the walker in C, two modules cannot be imported to look for doctests in them.
BUILT = find_spec("deltaprop.compiler._walker") is not None
collect_ignore = [] if BUILT else ["src/deltaprop/compiler/native.py", "tests/mutation/rows.py"]

# what tests may import and users need not have: the extras, and a module that is not Windows's
EXTRAS = {
    "array_api_compat", "array_api_strict", "autograd", "einops", "importlinter", "jax",
    "matplotlib", "mpmath", "onnx", "onnxruntime", "pandas", "playwright", "resource",
    "safetensors", "scipy", "sklearn", "sympy", "torch", "tqdm",
}  # fmt: skip


def _not_here(error: BaseException | None) -> str | None:
    """What is not installed, if that is what an error says: an extra, and nothing else."""
    while error is not None:
        name = (getattr(error, "name", None) or "").partition(".")[0]
        if isinstance(error, ModuleNotFoundError) and name in EXTRAS:
            return f"needs {name}, which is not installed"
        error = error.__cause__
    return None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skip a file that imports an extra which is not installed; other errors stay errors."""
    report = yield
    call: Any = report.call  # type: ignore[attr-defined]
    if report.failed and (reason := _not_here(call.excinfo.value)):
        report.outcome, report.longrepr = "skipped", (str(collector.path), None, reason)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    """Skip what deltaprop says needs an extra, and a docstring's example that imports one."""
    try:
        return (yield)
    except (ImportError, UnexpectedException) as error:
        example = isinstance(error, UnexpectedException)
        raised = error.exc_info[1] if example else error
        if (example or type(raised) is ImportError) and (reason := _not_here(raised)):
            pytest.skip(reason)
        raise
