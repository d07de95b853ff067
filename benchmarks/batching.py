"""Batches: Jacobians, Hessians and the gradients of all samples in one sweep, and plain `vmap`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks.machine import cores
from benchmarks.problem import Array
from benchmarks.progress import Progress
from benchmarks.results import Comparison, Verdict, WorkloadResult, at_most
from benchmarks.timing import Contender, Settings, compare

NAME = "batching"
TITLE = "Batches: Jacobian, Hessian, the gradient of each sample, elementwise code; float64"

EAGER, COMPILED, LOOP = "deltaprop eager", "deltaprop compiled", "deltaprop, a loop"
XLA = "deltaprop compiled, xla"
TORCH, JAX, JIT, AUTOGRAD = "torch.func", "jax", "jax.jit", "autograd"
BY_HAND, HAND_COMPILED = "NumPy by hand", "by hand, deltaprop compiled"
JACOBIAN, HESSIAN = "Jacobian, 100 -> 100", "Hessian, 100 variables"
SAMPLES = "gradients of 64 samples, 100 x 100 layer"
WIDTH, COUNT, ENTRIES = 100, 64, 10


class Work(NamedTuple):
    """What is computed: its arguments, and how each library computes it.

    Attributes
    ----------
    arguments : tuple of arrays
    ways : mapping
        For each contender a function of a namespace (`numpy`, `torch`, ...) and of its transforms
        that returns the function to time; for the loop, the function itself.
    """

    arguments: tuple[Array, ...]
    ways: dict[str, Callable[[Any, Any], Callable[..., Any]]]


def run(settings: Settings, progress: Progress) -> WorkloadResult:
    """Check that all contenders agree, then time them."""
    comparisons: list[Comparison] = []
    verdicts: list[Verdict] = []
    for case, make in _cases(settings).items():
        if not settings.wants_case(case):
            continue
        baseline = BY_HAND if "elementwise" in case else EAGER
        contenders, absent = _contenders(case, make(), baseline, settings)
        comparison = compare(case, contenders, baseline, settings, progress)
        comparison.absent.update(absent)
        comparisons.append(comparison)
        verdicts += _verdicts(comparison)
    notes = [
        f"Jacobian of tanh(tanh(x W1) W2); Hessian of the sum of its squares; {COUNT} gradients of"
        " the squared error of tanh(x W + b) in W and b; vmap of sin(x) exp(-x^2) + log1p(x^2) over"
        f" samples of {ENTRIES} entries. By hand: the same code, called with all samples.",
        "Arrays are where each library wants them: PyTorch's and JAX's tensors are made before."
        f" '{JAX}' is not compiled as a whole.",
    ]
    return WorkloadResult(NAME, TITLE, comparisons, verdicts, notes)


def _cases(settings: Settings) -> dict[str, Callable[[], Work]]:
    sizes = (10**3, 10**5) if settings.quick else (10**3, 10**4, 10**5, 10**6)
    return {
        JACOBIAN: _jacobian,
        HESSIAN: _hessian,
        SAMPLES: _samples,
        **{f"elementwise, {n:,} entries": partial(_elementwise, n) for n in sizes},
    }


def _verdicts(comparison: Comparison) -> list[Verdict]:
    if comparison.baseline == BY_HAND:
        return [
            at_most(comparison, EAGER, 1.3, BY_HAND),
            at_most(comparison, COMPILED, 1.0, HAND_COMPILED),
        ]
    if comparison.case == SAMPLES:
        mine = comparison.timing(EAGER)
        measured = None if mine is None else mine.spread.median * 1e3
        statement = f"{comparison.case}: {EAGER} at most 1 ms"
        return [
            Verdict(statement, 1.0, measured, disturbed=comparison.disturbed),
            at_most(comparison, COMPILED, 1.0, JIT),
        ]
    factor = 1.0 if comparison.case == JACOBIAN else 0.3
    return [at_most(comparison, EAGER, factor, TORCH), at_most(comparison, COMPILED, 2.0, JIT)]


# -- the work: a function of a namespace, and what is done with it ---------------------------


def _network() -> tuple[Array, ...]:
    rng = np.random.default_rng(0)
    W1, W2 = rng.standard_normal((2, WIDTH, WIDTH)) / np.sqrt(WIDTH)
    return rng.standard_normal(WIDTH), W1, W2


def _outputs(xp: Any, x: Any, W1: Any, W2: Any) -> Any:
    return xp.tanh(xp.tanh(x @ W1) @ W2)


def _squares(xp: Any, x: Any, W1: Any, W2: Any) -> Any:
    return (_outputs(xp, x, W1, W2) ** 2).sum()


def _error(xp: Any, W: Any, b: Any, x: Any, t: Any) -> Any:
    return ((xp.tanh(x @ W + b) - t) ** 2).sum()


def _formula(xp: Any, x: Any) -> Any:
    return xp.sin(x) * xp.exp(-(x**2)) + xp.log1p(x**2)


def _jacobian() -> Work:
    def derived(xp: Any, jacobian: Any) -> Any:
        return jacobian(partial(_outputs, xp))

    return Work(
        _network(),
        {
            EAGER: lambda xp, dp: derived(xp, dp.jacobian),
            TORCH: lambda xp, func: derived(xp, func.jacrev),
            JAX: lambda xp, jax: derived(xp, jax.jacrev),
            AUTOGRAD: lambda xp, autograd: derived(xp, autograd.jacobian),
        },
    )


def _hessian() -> Work:
    def derived(xp: Any, transforms: Any) -> Any:
        return transforms.hessian(partial(_squares, xp))

    return Work(_network(), dict.fromkeys((EAGER, TORCH, JAX, AUTOGRAD), derived))


def _samples() -> Work:
    _, W, _ = _network()
    rng = np.random.default_rng(1)
    b, X, T = np.zeros(WIDTH), *rng.standard_normal((2, COUNT, WIDTH))
    axes = (None, None, 0, 0)

    def gradients(xp: Any, transforms: Any) -> Any:
        gradient = transforms.grad(partial(_error, xp), (0, 1))
        return transforms.vmap(gradient, axes)

    def loop(xp: Any, transforms: Any) -> Any:
        gradient = transforms.grad(partial(_error, xp), (0, 1))

        def each(W: Any, b: Any, X: Any, T: Any) -> Any:
            found = [gradient(W, b, x, t) for x, t in zip(X, T, strict=True)]
            return tuple(np.stack(column) for column in zip(*found, strict=True))

        return each

    ways = dict.fromkeys((EAGER, TORCH, JAX), gradients)
    return Work((W, b, X, T), {**ways, LOOP: loop, AUTOGRAD: loop})


def _elementwise(n: int) -> Work:
    X = np.random.default_rng(0).standard_normal((n // ENTRIES, ENTRIES))

    def mapped(xp: Any, transforms: Any) -> Any:
        return transforms.vmap(partial(_formula, xp))

    def by_hand(xp: Any, _: Any) -> Any:
        return partial(_formula, xp)

    return Work((X,), {BY_HAND: by_hand, **dict.fromkeys((EAGER, TORCH, JAX), mapped)})


# -- the contenders ----------------------------------------------------------------------------


def _contenders(
    case: str, work: Work, baseline: str, settings: Settings
) -> tuple[list[Contender], dict[str, str]]:
    """Return the checked contenders, and why the others are absent."""
    for x in work.arguments:
        x.setflags(write=False)
    expected: Any = None
    contenders: list[Contender] = []
    absent: dict[str, str] = {}
    for name, (way, prepare) in _PREPARED.items():
        if way not in work.ways or not settings.wants(name, baseline):
            continue
        try:
            call = prepare(work.ways[way], work.arguments)
        except ImportError as error:
            absent[name] = str(error)
            continue
        found = [np.asarray(x) for x in _several(call())]
        expected = expected or found
        for ours, theirs in zip(expected, found, strict=True):
            agree = ours.shape == theirs.shape and np.allclose(ours, theirs, 1e-10, 1e-12)
            if not agree or theirs.dtype != np.float64:
                raise AssertionError(f"{name}, {case}: not what the first contender computes")
        contenders.append(Contender(name, call))
    return contenders, absent


def _several(found: Any) -> Any:
    return found if isinstance(found, tuple) else (found,)


Way = Callable[[Any, Any], Callable[..., Any]]


def _eager(way: Way, arguments: tuple[Array, ...]) -> Callable[[], Any]:
    import deltaprop as dp

    return partial(way(np, dp), *arguments)


def _compiled(way: Way, arguments: tuple[Array, ...], executor: str = "numpy") -> Callable[[], Any]:
    import deltaprop as dp

    return partial(dp.compile(way(np, dp), executor=executor), *arguments)


def _xla(way: Way, arguments: tuple[Array, ...]) -> Callable[[], Any]:
    return _compiled(way, arguments, "xla")


def _torch(way: Way, arguments: tuple[Array, ...]) -> Callable[[], Any]:
    import torch

    torch.set_num_threads(cores())
    return partial(way(torch, torch.func), *map(torch.tensor, arguments))


def _jax(way: Way, arguments: tuple[Array, ...]) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        function, arrays = way(jnp, jax), [jnp.array(x) for x in arguments]

    def call() -> Any:
        with jax.enable_x64(True):
            return jax.block_until_ready(function(*arrays))

    return call


def _jit(way: Way, arguments: tuple[Array, ...]) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        arrays = [jnp.array(x) for x in arguments]
        compiled = jax.jit(way(jnp, jax)).lower(*arrays).compile()
    return lambda: jax.block_until_ready(compiled(*arrays))


class _Autograd(NamedTuple):
    """autograd's transforms in one namespace; its `grad` takes its positions as we do."""

    jacobian: Any
    hessian: Any
    grad: Any


def _autograd(way: Way, arguments: tuple[Array, ...]) -> Callable[[], Any]:
    import autograd
    import autograd.numpy as anp

    return partial(way(anp, _Autograd(autograd.jacobian, autograd.hessian, autograd.grad)),
                   *arguments)  # fmt: skip


# for each name: whose way of doing the work it times, and what makes the call of it
_PREPARED: dict[str, tuple[str, Callable[[Way, tuple[Array, ...]], Callable[[], Any]]]] = {
    BY_HAND: (BY_HAND, _eager),
    EAGER: (EAGER, _eager),
    COMPILED: (EAGER, _compiled),
    XLA: (EAGER, _xla),
    HAND_COMPILED: (BY_HAND, _compiled),
    LOOP: (LOOP, _eager),
    TORCH: (TORCH, _torch),
    JAX: (JAX, _jax),
    JIT: (JAX, _jit),
    AUTOGRAD: (AUTOGRAD, _autograd),
}
