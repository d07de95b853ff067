"""Where the time of a compiled train step goes: ``python -m benchmarks.calls``.

Each row of the program's table is repeated alone, by every walker there is, in the time of the
processor, so that others on the machine count little. Set OPENBLAS_NUM_THREADS=1: the threads of
BLAS count while they wait.
"""

from __future__ import annotations

import argparse
import copy
import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.peers import by_hand
from benchmarks.peers.deltaprop_compiled import TrainStep
from benchmarks.problem import Problem, case_name
from benchmarks.train_step import CASES, KINDS
from deltaprop.compiler.boundary import Runners
from deltaprop.compiler.compiled import Compiled
from deltaprop.compiler.numpy_executor import Plan, Runner, listing, walker
from deltaprop.compiler.passes import optimised
from deltaprop.compiler.recording import Recorded

WALKERS = [*dict.fromkeys([walker().name, "python"])]


def main() -> None:
    """Print, for each size, what the rows of its program take."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=__doc__)
    parser.add_argument("--case", default="", help="only cases whose name has this in it")
    parser.add_argument("--rows", action="store_true", help="every row, not their kinds alone")
    arguments = parser.parse_args()
    cases: list[Any] = [*[case[:2] for case in CASES], *KINDS]
    for case in cases:
        if arguments.case in case_name(*case):
            report(Problem.make(*case), arguments.rows)


def report(problem: Problem, rows: bool) -> None:
    """Print what a step takes by each walker, and of it the calls of each function."""
    number = int(np.clip(1e7 / sum(len(problem.X) * W.size for W in problem.weights), 1, 200))
    made = [_compiled(problem, name) for name in WALKERS]
    steps, runners = [step for step, _ in made], [runner for _, runner in made]
    hand, *whole = _least([by_hand.TrainStep(problem).step, *steps], number)
    columns = "".join(f"{f'walker {name} / by hand':>24}" for name in WALKERS)
    print(f"\n{problem.name + f': {hand * 1e6:.1f} us by hand':48}{columns}")

    def line(what: str, spent: Sequence[float]) -> None:
        print(f"{what:48}", *[f"{s * 1e6:12.2f} us {s / hand:7.3f}" for s in spent])

    line("a step", whole)
    kinds: dict[str, list[Any]] = defaultdict(list)
    for i, row in enumerate(runners[0].table.rows):
        alone = [_alone(step, runner, i, number) for step, runner in made]
        kinds[_name(row)].append([spent / number for spent in _least(alone, 1)])
        if rows:
            line(f"        {_name(row)}", kinds[_name(row)][-1])
    line("  the rows of its table", np.sum([row for each in kinds.values() for row in each], 0))
    for name, spent in sorted(kinds.items(), key=lambda item: -np.sum(item[1])):
        line(f"{len(spent):7} x {name}", np.sum(spent, 0))
    for runner in runners:
        runner.walk = _walk(runner, [], runner.ends)
    line("  all else: signature, inputs, results", _least(steps, number))


def _compiled(problem: Problem, name: str) -> tuple[Callable[[], object], Any]:
    """Return a step that has been compiled for a walker, and what runs it."""
    os.environ["DELTAPROP_WALKER"] = name
    seen = _Seen()
    step = Compiled(TrainStep(problem).uncompiled_step, (), 1, seen)
    step(problem.X, problem.Y)
    return lambda: step(problem.X, problem.Y), seen.runner


class _Seen:
    """The NumPy executor; what it makes of a program can be looked at."""

    listing, walker = staticmethod(listing), staticmethod(walker)

    def executable(self, recorded: Recorded, *_: Any) -> Any:
        recorded.program = optimised(recorded.program)
        self.runner = _Runner(Plan(recorded))
        return Runners(lambda: self.runner, recorded.structure).run


class _Runner(Runner):
    """One whose plan can be looked at."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.table, self.ends = plan.table, plan.ends


def _walk(runner: Any, rows: list[Any], ends: Any = ((), (), ())) -> Callable[[], object]:
    """Return a walker of the same kind, of some rows alone."""
    table = copy.copy(runner.table)
    table.rows, table.sure = rows, 0
    walk: Callable[[], object] = type(runner.walker)(table, *ends).walk
    return walk


def _alone(step: Any, runner: Any, i: int, number: int) -> Callable[[], object]:
    """Run a step up to a row; return the walk of this row, repeated."""
    *rows, row = runner.table.rows[: i + 1]
    runner.walk = _walk(runner, rows, ((), (), runner.ends[2]))
    step()
    if isinstance(row[0], np.ufunc) and isinstance(row[-1], np.ndarray):
        row = (*row[:-1], np.empty_like(row[-1]))  # in place the numbers would run away
    return _walk(runner, [row] * number)


def _name(row: tuple[Any, ...]) -> str:
    """Return which function a row calls."""
    function: Any = getattr(row[0], "call", row[0])
    name: Any = getattr(function, "name", None) or getattr(function, "__name__", "tiles")
    owner = getattr(function, "__self__", None)
    return f"{owner.__name__}.{name}" if isinstance(owner, np.ufunc) else name


def _least(calls: Sequence[Callable[[], object]], number: int) -> list[float]:
    """Return the least mean seconds of `number` calls of each, of several in turns."""
    turns = [[_seconds(call, number) for call in calls] for _ in range(9)]
    return [min(spent) for spent in zip(*turns, strict=True)]


def _seconds(call: Callable[[], object], number: int) -> float:
    start = time.process_time_ns()
    for _ in range(number):
        call()
    return (time.process_time_ns() - start) / number * 1e-9


if __name__ == "__main__":
    main()
