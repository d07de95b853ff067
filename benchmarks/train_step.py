"""A whole train step, float32, at four sizes, with sigmoids and with Adam: eager and compiled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.apart import Apart
from benchmarks.peers import by_hand
from benchmarks.problem import Array, Problem, TrainStep, case_name
from benchmarks.progress import Progress
from benchmarks.results import Comparison, Verdict, WorkloadResult, at_most, times_faster
from benchmarks.timing import Settings, compare

NAME = "train-step"
TITLE = "Whole train step: forward, backward, SGD (or Adam); float32"

OURS = "deltaprop eager"
COMPILED = "deltaprop compiled"
PYTHON = "deltaprop compiled, Python walker"
XLA = "deltaprop compiled, xla"
TORCH_USUAL = "PyTorch nn + optim"
TORCH_FASTEST = "PyTorch functions"
TORCH_COMPILED = "torch.compile"
JAX = "jax.jit"
PRODUCTS = "its matrix products alone"
PEERS = {
    "NumPy by hand": "by_hand",
    COMPILED: "deltaprop_compiled",
    PYTHON: "deltaprop_python_walker",
    XLA: "deltaprop_xla",
    OURS: "deltaprop_eager",
    "deltaprop eager, writable data": "deltaprop_writable",
    TORCH_FASTEST: "torch_functions",
    TORCH_USUAL: "torch_modules",
    TORCH_COMPILED: "torch_compiled",
    JAX: "jax_jit",
    "autograd": "hips_autograd",
    "MyGrad": "mygrad_eager",
}
SLOW_TO_COMPILE = (TORCH_COMPILED, XLA)
OF_EVERY_KIND = (by_hand.NAME, COMPILED, PYTHON, OURS, TORCH_USUAL, JAX)

Case = tuple[tuple[int, ...], int] | tuple[tuple[int, ...], int, str]

# Sizes, batch, and the targets of the project: times NumPy by hand, times faster than PyTorch.
CASES: list[tuple[tuple[int, ...], int, float, float | None]] = [
    ((2, 16, 16, 1), 32, 2.0, 3.0),
    ((64, 64, 64, 10), 64, 1.4, 2.5),
    ((784, 128, 64, 10), 128, 1.2, None),
    ((1024, 1024, 1024, 1024, 10), 512, 1.2, None),
]
# The same sizes, differing in one thing: see `Problem`.
KINDS: list[tuple[tuple[int, ...], int, str]] = [
    ((2, 16, 16, 1), 32, "sigmoid"),
    ((2, 16, 16, 1), 32, "Adam"),
    ((784, 128, 64, 10), 128, "sigmoid"),
]

# The targets of the compiled step: at most so many times the time of these.
COMPILED_TARGETS: dict[str, dict[str, float]] = {
    "2-16-16-1, batch 32": {
        by_hand.NAME: 0.15,
        JAX: 0.1,
        TORCH_USUAL: 1 / 8,
        TORCH_FASTEST: 1 / 8,
    },
    "2-16-16-1, batch 32, sigmoid": {by_hand.NAME: 0.15, JAX: 0.12},
    "2-16-16-1, batch 32, Adam": {by_hand.NAME: 0.2},
    "64-64-64-10, batch 64": {by_hand.NAME: 0.55, JAX: 0.35},
    "784-128-64-10, batch 128": {
        by_hand.NAME: 0.95,
        JAX: 0.9,
        TORCH_USUAL: 1.0,
        TORCH_FASTEST: 1.0,
    },
    "784-128-64-10, batch 128, sigmoid": {by_hand.NAME: 1.0},
    "1024-1024-1024-1024-10, batch 512": {by_hand.NAME: 1.0, PRODUCTS: 1 / 0.9},
}

# At most so many times NumPy by hand: 1.1 x what a step took when programs were source text.
PYTHON_TARGETS: dict[str, float] = {
    "2-16-16-1, batch 32": 0.73,
    "64-64-64-10, batch 64": 0.94,
    "784-128-64-10, batch 128": 1.17,
    "1024-1024-1024-1024-10, batch 512": 1.13,
}

# Rounding of float32 sums over a thousand terms reaches 1e-6; a wrong rule is off by far more.
TOLERANCE = 2e-5


def run(settings: Settings, progress: Progress) -> WorkloadResult:
    """Check that all contenders agree, then time them, each in a process of its own."""
    comparisons: list[Comparison] = []
    verdicts: list[Verdict] = []
    for sizes, batch, by_hand_factor, torch_factor in CASES:
        if not settings.wants_case(case_name(sizes, batch)):
            continue
        comparison = _compared((sizes, batch), settings, progress)
        comparisons.append(comparison)
        verdicts.append(at_most(comparison, OURS, by_hand_factor, by_hand.NAME))
        if torch_factor:
            verdicts += [
                times_faster(comparison, OURS, torch_factor, torch)
                for torch in (TORCH_USUAL, TORCH_FASTEST)
            ]
        verdicts += [at_most(comparison, OURS, 1.0, peer) for peer in ("autograd", "MyGrad")]
    for case in KINDS:
        if settings.wants_case(case_name(*case)):
            comparisons.append(_compared(case, settings, progress))
    verdicts += [
        at_most(comparison, COMPILED, factor, peer)
        for comparison in comparisons
        for peer, factor in COMPILED_TARGETS[comparison.case].items()
    ]
    verdicts += [
        at_most(comparison, PYTHON, PYTHON_TARGETS[comparison.case], by_hand.NAME)
        for comparison in comparisons
        if comparison.case in PYTHON_TARGETS
    ]
    return WorkloadResult(
        NAME,
        TITLE,
        comparisons,
        verdicts,
        [
            "One output: tanh hidden units, mean squared error; ten outputs: relu hidden units,"
            " softmax cross-entropy; sigmoid: sigmoids in their place and as the one output. Before"
            " timing, every contender's loss, gradients and updated parameters were checked against"
            " NumPy by hand in float64. Each is in a process of its own.",
            "PyTorch eager is here twice: as its tutorials write it (modules, an optimiser), and as"
            " fast as it gets (functions alone).",
            "Whatever compiles has compiled the whole step before it is timed. For torch.compile"
            " and for XLA that takes too long for a quick run.",
        ],
    )


def _compared(case: Case, settings: Settings, progress: Progress) -> Comparison:
    """Start the contenders, time those that are there, and say why the others are absent.

    Each makes the problem in its own process, from the same seed.
    """
    of_a_kind = len(case) > 2
    made: dict[str, tuple[Any, ...]] = {
        name: (_made, name, *case) for name in (OF_EVERY_KIND if of_a_kind else PEERS)
    }
    if not of_a_kind:
        made[PRODUCTS] = (_matrix_products, *case)
    contenders: list[Apart] = []
    absent: dict[str, str] = {}
    with ExitStack() as stack:
        for name, how in made.items():
            if not settings.wants(name, by_hand.NAME):
                continue
            if settings.quick and name in SLOW_TO_COMPILE:
                absent[name] = "compiling takes longer than a quick run"
                continue
            try:
                contenders.append(stack.enter_context(closing(Apart(name, *how))))
            except ImportError as error:
                absent[name] = str(error)
        comparison = compare(case_name(*case), contenders, by_hand.NAME, settings, progress)
    comparison.absent.update(absent)
    return comparison


def _made(name: str, *case: Any) -> Callable[[], object]:
    """Return the step of a contender that has been checked."""
    problem = Problem.make(*case)
    contender: TrainStep = import_module(f"benchmarks.peers.{PEERS[name]}").TrainStep(problem)
    check_first_step(problem, name, contender)
    return contender.step


def _matrix_products(*case: Any) -> Callable[[], None]:
    """Return the step's products A W, A^T delta and delta W^T into buffers: what BLAS alone does.

    The numbers are random; `A` and `delta` of a layer have the shapes that they have in the step.
    """
    problem, rng = Problem.make(*case), np.random.default_rng(0)
    A = [rng.standard_normal((len(problem.X), n), dtype=np.float32) for n in problem.sizes]
    calls = []
    for level, W in enumerate(problem.weights):
        x, delta = A[level], A[level + 1]
        calls += [(x, W, np.empty_like(delta)), (x.T, delta, np.empty_like(W))]
        if level:
            calls.append((delta, W.T, np.empty_like(x)))

    def products() -> None:
        for a, b, out in calls:
            np.matmul(a, b, out=out)

    return products


def check_first_step(problem: Problem, name: str, contender: TrainStep) -> None:
    """Compare loss, gradients and the first update with NumPy by hand in float64.

    Raises
    ------
    AssertionError
        If a contender does not compute what the others compute: its time would mean nothing.
    """
    reference = by_hand.TrainStep(_in_float64(problem))
    loss, gradients = reference.loss_and_gradients()
    its_loss, its_gradients = contender.loss_and_gradients()
    contender.step()
    after = contender.parameters()
    reference.step()
    _close(f"{name}, {problem.name}: loss", np.array(its_loss), np.array(loss))
    start = [array for layer in problem.copies() for array in layer]
    for i, (gradient, expected) in enumerate(zip(gradients, reference.parameters(), strict=True)):
        where = f"{name}, {problem.name}: {'weight' if i % 2 == 0 else 'bias'} {i // 2}"
        _close(f"{where}: gradient", its_gradients[i], gradient)
        if its_gradients[i].dtype != np.float32 or after[i].dtype != np.float32:
            raise AssertionError(f"{where}: {its_gradients[i].dtype}, not float32")
        rounding = np.finfo(np.float32).eps * np.abs(start[i]).max()
        distance = np.abs(expected - after[i]).max()
        if not distance <= rounding + 1e-3 * np.abs(expected - start[i]).max():
            raise AssertionError(f"{where}: the update is off by {distance:.3g}")


def _close(what: str, ours: Array, reference: Array) -> None:
    """Raise unless the two have one shape and differ by little, relative to the reference."""
    if ours.shape != reference.shape:
        raise AssertionError(f"{what}: shape {ours.shape}, expected {reference.shape}")
    distance = np.linalg.norm((ours - reference).ravel()) / np.linalg.norm(reference.ravel())
    if not distance <= TOLERANCE:
        raise AssertionError(f"{what}: differs from NumPy by hand by {distance:.3g} (relative)")


def _in_float64(problem: Problem) -> Problem:
    """Return the problem with the same numbers in double precision."""
    Y = problem.Y if problem.Y.dtype.kind == "i" else problem.Y.astype(np.float64)
    return Problem(
        problem.sizes,
        problem.X.astype(np.float64),
        Y,
        [W.astype(np.float64) for W in problem.weights],
        [b.astype(np.float64) for b in problem.biases],
        problem.kind,
        problem.learning_rate,
    )
