"""A loop ``for i in range(n): s = s + x[i] * x[i]`` over a tensor: its gradient's cost by n."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.problem import Array
from benchmarks.progress import Progress
from benchmarks.results import Comparison, Verdict, WorkloadResult, growth
from benchmarks.timing import Contender, Settings, compare

NAME = "index-loop"
TITLE = "for i in range(n): s = s + x[i] * x[i], differentiated; x a float64 tensor"

OURS = "deltaprop eager"
BY_HAND = "NumPy by hand"
SIZES = (1_000, 10_000, 100_000)

Gradient = Callable[[Array], Array]


def run(settings: Settings, progress: Progress) -> WorkloadResult:
    """Check the gradient 2 x, then time every library at every size that it does in seconds."""
    libraries, absent = _libraries()
    comparisons: list[Comparison] = []
    for n in SIZES[:2] if settings.quick else SIZES:
        if not settings.wants_case(case := f"n = {n:,}"):
            continue
        x = np.random.default_rng(0).standard_normal(n)
        x.setflags(write=False)
        wanted = {k: v for k, v in libraries.items() if settings.wants(k, BY_HAND)}
        chosen = {name: gradient for name, (gradient, largest) in wanted.items() if n <= largest}
        for name, gradient in chosen.items():
            if not np.allclose(gradient(x), 2 * x, rtol=1e-12, atol=0):
                raise AssertionError(f"{name}: the gradient is not 2 x")
        contenders = [Contender(name, partial(gradient, x)) for name, gradient in chosen.items()]
        comparison = compare(case, contenders, BY_HAND, settings, progress)
        comparison.size, comparison.unit = n, "step"
        comparison.absent.update(absent)
        left_out = "quadratic: it would take too long"
        comparison.absent.update({name: left_out for name in wanted if name not in chosen})
        comparisons.append(comparison)
    return WorkloadResult(
        NAME,
        TITLE,
        comparisons,
        [
            Verdict(
                f"{OURS}: time grows at most as n^1.1 (linear: 1)",
                1.1,
                growth(comparisons, OURS),
                disturbed=any(c.disturbed for c in comparisons),
            )
        ],
        ["NumPy by hand reads x[i] in the same loop and writes 2 x[i] in a second."],
    )


def _libraries() -> tuple[dict[str, tuple[Gradient, int]], dict[str, str]]:
    """Return each installed library's gradient and the largest n it is given."""
    libraries: dict[str, tuple[Gradient, int]] = {BY_HAND: (_by_hand, SIZES[-1])}
    absent: dict[str, str] = {}
    for name, load, largest in (
        (OURS, _deltaprop, 100_000),
        ("PyTorch eager", _torch, 10_000),
        ("autograd", _autograd, 1_000),
        ("MyGrad", _mygrad, 1_000),
    ):
        try:
            libraries[name] = load(), largest
        except ImportError as error:
            absent[name] = str(error)
    return libraries, absent


def _sum_of_squares(x: Any, n: int) -> Any:
    """Return the sum in the naive way whose cost is the question."""
    s = 0.0
    for i in range(n):
        s = s + x[i] * x[i]
    return s


def _by_hand(x: Array) -> Array:
    s = 0.0
    for i in range(len(x)):
        s = s + x[i] * x[i]
    gradient = np.zeros_like(x)
    for i in range(len(x)):
        gradient[i] += 2 * x[i]
    return gradient


def _deltaprop() -> Gradient:
    from deltaprop import Value

    def gradient(x: Array) -> Array:
        value = Value(x)
        _sum_of_squares(value, len(x)).backward()
        return np.asarray(value.grad)

    return gradient


def _torch() -> Gradient:
    import torch

    def gradient(x: Array) -> Array:
        tensor = torch.tensor(x, requires_grad=True)
        (result,) = torch.autograd.grad(_sum_of_squares(tensor, len(x)), tensor)
        return np.asarray(result.numpy())

    return gradient


def _autograd() -> Gradient:
    from autograd import grad

    def gradient(x: Array) -> Array:
        return np.asarray(grad(lambda v: _sum_of_squares(v, len(x)))(x))

    return gradient


def _mygrad() -> Gradient:
    import mygrad

    mg: Any = mygrad  # its type hints leave out what it exports

    def gradient(x: Array) -> Array:
        tensor = mg.tensor(x)
        with mg.mem_guard_off:
            _sum_of_squares(tensor, len(x)).backward()
        return np.asarray(tensor.grad)

    return gradient
