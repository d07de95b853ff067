"""What compiling costs: the first call in eager steps, and the memory of a replay."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import micrograd_demo, train_step
from benchmarks.memory import traced_repeats
from benchmarks.problem import Problem, case_name
from benchmarks.progress import Progress
from benchmarks.results import Comparison, Verdict, WorkloadResult, at_most
from benchmarks.timing import Contender, Settings, compare

NAME = "compile-cost"
TITLE = "What compiling a train step costs: time of the first call, memory of a replay"

EAGER, RECORDED, FIRST, REPLAY = "eager step", "recording", "first call", "replay"
SMALLEST = case_name(*train_step.CASES[0][:2])
DEMO = "micrograd's demo, 65,614 scalar nodes"


def run(settings: Settings, progress: Progress) -> WorkloadResult:
    """Time eager steps, first calls and replays; trace the memory of the steps."""
    comparisons: list[Comparison] = []
    verdicts: list[Verdict] = []
    sizes = [(sizes, batch) for sizes, batch, *_ in train_step.CASES]
    for case in sizes[:2] if settings.quick else sizes:
        if settings.wants_case(case_name(*case)):
            comparison = _train_step(Problem.make(*case), settings, progress)
            comparisons.append(comparison)
            verdicts += _verdicts(comparison)
    if settings.wants_case(DEMO) and not settings.quick:
        comparison = _demo(settings, progress)
        comparisons.append(comparison)
        verdicts += _verdicts(comparison)
        verdicts.append(at_most(comparison, RECORDED, 3.0, EAGER))
    notes = [
        "The first call records the step, optimises the program, lays out its table and runs it;"
        " recording is the first part of it. Each is a new dp.compile of the same step.",
        "Bytes are traced by tracemalloc in an untimed pass, everything from the model on:"
        " parameters, gradients, graph or program, and buffers. 'held' is between two steps,"
        " 'peak' the most within one; the peak's target is for arrays, so the demo has none.",
    ]
    return WorkloadResult(NAME, TITLE, comparisons, verdicts, notes)


def _verdicts(comparison: Comparison) -> list[Verdict]:
    """Judge the first call, and the peak where both were traced."""
    first, memory = (15.0, 1.0) if comparison.case == SMALLEST else (20.0, 0.6)
    verdicts = [at_most(comparison, FIRST, first, EAGER)]
    held = comparison.bytes_per_unit
    if comparison.case != DEMO:
        ratio = held[REPLAY]["peak"] / held[EAGER]["peak"]
        statement = f"{comparison.case}: peak memory of a replay at most {memory} x an eager step's"
        verdicts.append(Verdict(statement, memory, ratio))
    return verdicts


def _train_step(problem: Problem, settings: Settings, progress: Progress) -> Comparison:
    import deltaprop as dp
    from benchmarks.peers import deltaprop_compiled, deltaprop_eager

    eager = deltaprop_eager.TrainStep(problem)
    train_step.check_first_step(problem, REPLAY, compiled := deltaprop_compiled.TrainStep(problem))
    arguments = problem.X, problem.Y
    comparison = compare(
        problem.name,
        [
            Contender(EAGER, eager.step),
            Contender(RECORDED, partial(_record, compiled.uncompiled_step, arguments)),
            Contender(FIRST, lambda: dp.compile(compiled.uncompiled_step)(*arguments)),
            Contender(REPLAY, compiled.step),
        ],
        EAGER,
        settings,
        progress,
    )
    _trace(comparison, lambda: deltaprop_eager.TrainStep(problem).step, EAGER)
    _trace(comparison, lambda: deltaprop_compiled.TrainStep(problem).step, REPLAY)
    return comparison


def _demo(settings: Settings, progress: Progress) -> Comparison:
    import deltaprop as dp

    eager, replay, plain = micrograd_demo.eager(), micrograd_demo.compiled(), micrograd_demo.eager()
    micrograd_demo.check({EAGER: eager.first_step(), REPLAY: replay.first_step()})
    comparison = compare(
        DEMO,
        [
            Contender(EAGER, eager.step),
            Contender(RECORDED, partial(_record, plain.descent, (0.1,))),
            Contender(FIRST, lambda: dp.compile(plain.descent)(0.1)),
            Contender(REPLAY, replay.step),
        ],
        EAGER,
        settings,
        progress,
    )
    _trace(comparison, lambda: micrograd_demo.eager().step, EAGER)
    _trace(comparison, lambda: micrograd_demo.compiled().step, REPLAY)
    return comparison


def _record(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Record a call as a first call does, without garbage collection, and do nothing with it."""
    from deltaprop.compiler.recording import record
    from deltaprop.tree import flatten

    leaves, structure = flatten((arguments, {}))
    record(function, structure, leaves)


def _trace(comparison: Comparison, make: Callable[[], Callable[[], object]], name: str) -> None:
    held, peak = traced_repeats(make)
    comparison.bytes_per_unit[name] = {"held": float(held), "peak": float(peak)}
