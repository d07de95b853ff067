"""The gradient of sum(sin(x) exp(-x^2) + log1p(x^2)): what fusing elementwise operations gains."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.machine import cores
from benchmarks.problem import Array
from benchmarks.progress import Progress
from benchmarks.results import Comparison, Verdict, WorkloadResult, at_most, times_faster
from benchmarks.timing import Contender, Settings, compare

NAME = "elementwise-gradient"
TITLE = "Gradient of sum(sin(x) exp(-x^2) + log1p(x^2)); x of float64"

BY_HAND = "NumPy by hand"
COMPILED = "deltaprop compiled"
XLA = "deltaprop compiled, xla"
TORCH, TORCH_COMPILED, JAX = "PyTorch eager", "torch.compile", "jax.jit"
JAX_NUMPY = "jax.jit, from and to NumPy"
FLOOR = "sin, cos and exp alone"
SMALL, LARGE = 1_000, 1_000_000

Gradient = Callable[[], Any]


def run(settings: Settings, progress: Progress) -> WorkloadResult:
    """Check every contender against NumPy by hand, then time them, at both sizes."""
    comparisons: list[Comparison] = []
    verdicts: list[Verdict] = []
    for n in (SMALL, LARGE):
        if not settings.wants_case(case := f"n = {n:,}"):
            continue
        contenders, absent = _contenders(n, settings)
        comparison = compare(case, contenders, BY_HAND, settings, progress)
        comparison.absent.update(absent)
        comparisons.append(comparison)
        verdicts += _verdicts(n, comparison)
    return WorkloadResult(
        NAME,
        TITLE,
        comparisons,
        verdicts,
        [
            "By hand: the derivative alone, in one expression of NumPy; the others may leave the"
            " sum out as well where they compile. x is where each library wants it: PyTorch's and"
            f" JAX's tensors are made before; ours and '{JAX_NUMPY}' take and give NumPy arrays.",
            f"{FLOOR}: the three functions that nobody can do without, by NumPy, in one thread.",
        ],
    )


def _verdicts(n: int, comparison: Comparison) -> list[Verdict]:
    over_xla = at_most(comparison, XLA, 1.1, JAX)
    if n == SMALL:
        return [at_most(comparison, COMPILED, 0.75, BY_HAND), over_xla]
    return [
        times_faster(comparison, COMPILED, 2.0, BY_HAND),
        at_most(comparison, COMPILED, 1.0, TORCH),
        over_xla,
    ]


def _contenders(n: int, settings: Settings) -> tuple[list[Contender], dict[str, str]]:
    """Return the checked contenders, and why the others are absent."""
    x = np.random.default_rng(0).standard_normal(n)
    x.setflags(write=False)
    expected = _by_hand(x)
    contenders: list[Contender] = []
    absent: dict[str, str] = {}
    for name, prepare in (
        (BY_HAND, lambda x: partial(_by_hand, x)),
        (COMPILED, _compiled),
        (FLOOR, _floor),
        (XLA, _xla),
        ("deltaprop eager", _eager),
        (TORCH, _torch),
        (TORCH_COMPILED, _torch_compiled),
        (JAX, _jax),
        (JAX_NUMPY, _jax_numpy),
        ("autograd", _autograd),
    ):
        if not settings.wants(name, BY_HAND):
            continue
        if settings.quick and name == TORCH_COMPILED:
            absent[name] = "compiling takes longer than a quick run"
            continue
        try:
            gradient = prepare(x)
        except ImportError as error:
            absent[name] = str(error)
            continue
        found = expected if name == FLOOR else np.asarray(gradient())
        if found.dtype != np.float64 or not np.allclose(found, expected, rtol=1e-11, atol=1e-13):
            raise AssertionError(f"{name}, n = {n}: not the gradient that NumPy by hand computes")
        contenders.append(Contender(name, gradient))
    return contenders, absent


def _by_hand(x: Array) -> Array:
    squares = x * x
    return np.asarray(np.exp(-squares) * (np.cos(x) - 2 * x * np.sin(x)) + 2 * x / (1 + squares))


def _floor(x: Array) -> Gradient:
    """Return what NumPy at least takes: no derivative, but three of its functions."""
    out, squares = np.empty_like(x), -x * x

    def functions() -> None:
        np.sin(x, out)
        np.cos(x, out)
        np.exp(squares, out)

    return functions


def _total(np: Any, x: Any) -> Any:
    """Return the sum, with the functions of any namespace."""
    return (np.sin(x) * np.exp(-(x**2)) + np.log1p(x**2)).sum()


def _eager(x: Array) -> Gradient:
    import deltaprop as dp

    return partial(dp.grad(partial(_total, np)), x)


def _compiled(x: Array, executor: str = "numpy") -> Gradient:
    import deltaprop as dp

    return partial(dp.compile(dp.grad(partial(_total, np)), executor=executor), x)


def _xla(x: Array) -> Gradient:
    return _compiled(x, "xla")


def _torch(x: Array) -> Gradient:
    import torch

    torch.set_num_threads(cores())
    tensor = torch.tensor(x, requires_grad=True)
    return lambda: torch.autograd.grad(_total(torch, tensor), tensor)[0]


def _torch_compiled(x: Array) -> Gradient:
    import torch

    from benchmarks.peers.torch_compiled import require_compiler

    require_compiler()
    gradient = torch.func.grad(partial(_total, torch))
    return partial(torch.compile(gradient, fullgraph=True, dynamic=False), torch.tensor(x))


def _jax(x: Array) -> Gradient:
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        gradient = jax.jit(jax.grad(partial(_total, jnp)))
        compiled = gradient.lower(array := jnp.array(x)).compile()
    return lambda: compiled(array).block_until_ready()


def _jax_numpy(x: Array) -> Gradient:
    import jax
    import jax.numpy as jnp

    gradient = jax.jit(jax.grad(partial(_total, jnp)))

    def called() -> Any:
        with jax.enable_x64(True):
            return np.array(gradient(x))

    return called


def _autograd(x: Array) -> Gradient:
    import autograd.numpy as anp
    from autograd import grad

    return partial(grad(partial(_total, anp)), x)
