"""Peak memory of a gradient: a long chain on large arrays, each contender in its own process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.progress import Progress
from benchmarks.results import Comparison, Timing, Verdict, WorkloadResult
from benchmarks.timing import Settings

NAME = "memory"
TITLE = "Peak memory of the gradient of 40 rounds of x = tanh(x) * 0.9 + 0.1, 10^6 float64 entries"
ROUNDS, SIZE = 40, 10**6

AUTOGRAD = "autograd"
OURS = "dp.grad"
LEAN = ".backward(retain_grads=False)"
FIRST = "dp.compile(dp.grad(f)), first call"
# of each contender, how many times the peak of another it may be
TARGETS = {OURS: (1.2, AUTOGRAD), LEAN: (2.0, AUTOGRAD), FIRST: (1.5, OURS)}
PEAK = "peak"


def run(settings: Settings, progress: Progress) -> WorkloadResult:
    """Run each contender in processes of its own, and judge the peaks."""
    timings: list[Timing] = []
    absent: dict[str, str] = {}
    peaks: dict[str, dict[str, float]] = {}
    for _, name in zip(progress.rounds(NAME, len(CONTENDERS)), CONTENDERS, strict=False):
        if not settings.wants(name, AUTOGRAD):
            continue
        try:
            runs = [_in_a_process(name) for _ in range(1 if settings.quick else 3)]
        except ImportError as error:
            absent[name] = str(error)
            continue
        timings.append(Timing(name, 1, tuple(seconds for seconds, _ in runs)))
        peaks[name] = {PEAK: min(peak for _, peak in runs)}
    comparison = Comparison("one gradient", timings, AUTOGRAD, absent, bytes_per_unit=peaks)
    notes = [
        "The peak is what a call adds to the resident memory of its process (Linux's VmHWM),"
        " after a call on a small array; an array has 8,000,000 bytes, and the rules need 40.",
        "The time is that of this first call on large arrays, with the memory it asks for.",
    ]
    return WorkloadResult(NAME, TITLE, [comparison], _verdicts(peaks), notes)


def _verdicts(peaks: dict[str, dict[str, float]]) -> list[Verdict]:
    verdicts = []
    for name, (bound, against) in TARGETS.items():
        known = name in peaks and against in peaks
        ratio = peaks[name][PEAK] / peaks[against][PEAK] if known else None
        statement = f"peak memory of {name} at most {bound} x that of {against}"
        verdicts.append(Verdict(statement, bound, ratio))
    return verdicts


def _in_a_process(name: str) -> tuple[float, float]:
    """Return the seconds and the bytes that the contender's gradient takes."""
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.gradient_memory", name], capture_output=True, text=True
    )
    if process.returncode:
        last_line = process.stderr.strip().rpartition("\n")[2]
        if last_line.startswith(("ModuleNotFoundError", "ImportError")):
            raise ImportError(last_line.partition(": ")[2])
        raise RuntimeError(f"{name} failed:\n{process.stderr}")
    seconds, peak = map(float, process.stdout.split())
    return seconds, peak


def chain(xp: Any, x: Any) -> Any:
    """Return the sum of the last of the rounds."""
    for _ in range(ROUNDS):
        x = xp.tanh(x) * 0.9 + 0.1
    return xp.sum(x)


def _autograd() -> Callable[[Any], Any]:
    from autograd import grad

    return grad(lambda x: chain(import_module("autograd.numpy"), x))


def _grad() -> Callable[[Any], Any]:
    import deltaprop as dp

    return dp.grad(lambda x: chain(np, x))


def _backward(**options: Any) -> Callable[[Any], Any]:
    import deltaprop as dp

    def gradient(x: Any) -> Any:
        v = dp.Value(x, copy=False)
        chain(np, v).backward(**options)
        return v.grad

    return gradient


def _compiled() -> Callable[[Any], Any]:
    import deltaprop as dp

    return dp.compile(_grad())


def _torch() -> Callable[[Any], Any]:
    import torch

    def gradient(x: Any) -> Any:
        v = torch.from_numpy(x).requires_grad_()
        chain(torch, v).backward()
        return v.grad.numpy()

    return gradient


def _jax(jit: bool) -> Callable[[Any], Any]:
    import jax

    jax.config.update("jax_enable_x64", True)
    gradient = jax.grad(lambda x: chain(jax.numpy, x))
    if not jit:
        return gradient
    return jax.jit(gradient).lower(jax.ShapeDtypeStruct((SIZE,), "float64")).compile()


CONTENDERS: dict[str, Callable[[], Callable[[Any], Any]]] = {
    AUTOGRAD: _autograd,
    OURS: _grad,
    LEAN: lambda: _backward(retain_grads=False),
    ".backward()": _backward,
    FIRST: _compiled,
    "PyTorch": _torch,
    "JAX": lambda: _jax(jit=False),
    "jax.jit, compiled before": lambda: _jax(jit=True),
}


def _highest() -> int:
    """Return the largest resident memory that this process has had, in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def measured(name: str) -> tuple[float, int]:
    """Return the seconds and the bytes that one gradient takes; run in its own process."""
    gradient = CONTENDERS[name]()
    x = np.linspace(-1.0, 1.0, SIZE)
    if name != "jax.jit, compiled before":
        gradient(x[:1000].copy())
    before, start = _highest(), time.perf_counter()
    found = np.asarray(gradient(x))
    seconds, peak = time.perf_counter() - start, _highest() - before
    want: Any = 1.0
    for _ in range(ROUNDS):
        want = want * 0.9 * (1 - np.tanh(x[::1000]) ** 2)
        x = np.tanh(x) * 0.9 + 0.1
    np.testing.assert_allclose(found[::1000], want, rtol=1e-9)
    return seconds, peak


if __name__ == "__main__":
    print(*measured(sys.argv[1]))
