"""Where the time of a compiled train step goes: ``python -m benchmarks.calls``.

Each line of the program is timed alone, in the time of the processor, so that others on the
machine count little. Set OPENBLAS_NUM_THREADS=1: the threads of BLAS count while they wait.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from keyword import iskeyword
from typing import Any

import numpy as np

from benchmarks.peers import by_hand, deltaprop_compiled
from benchmarks.problem import Problem, case_name
from benchmarks.train_step import CASES

REST = "the rest: views, numbers, checks, variables"


def main() -> None:
    """Print, for each size, what the lines of its program take."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=__doc__)
    parser.add_argument("--case", default="", help="only cases whose name has this in it")
    parser.add_argument("--lines", action="store_true", help="every line, not their kinds alone")
    arguments = parser.parse_args()
    for sizes, batch, *_ in CASES:
        if arguments.case in case_name(sizes, batch):
            report(Problem.make(sizes, batch), arguments.lines)


def report(problem: Problem, lines: bool) -> None:
    """Print what the lines of a problem's program take, and the whole step beside NumPy's."""
    step = deltaprop_compiled.TrainStep(problem)
    number = max(2, int(1e8 / sum(2.0 * len(problem.X) * W.size for W in problem.weights)))
    number = min(number, 1000)
    ours, theirs = step.step, by_hand.TrainStep(problem).step
    ours(), theirs()
    pairs = [(seconds(ours, number), seconds(theirs, number)) for _ in range(9)]
    ratio, mine = np.median([a / b for a, b in pairs]), np.median([a for a, _ in pairs])
    print(f"\n{problem.name}: {mine * 1e6:.1f} us, {ratio:.2f} x NumPy by hand")
    kinds: dict[str, list[float]] = defaultdict(list)
    for line, kind, spent in timed_lines(step, problem, number):
        kinds[kind].append(spent)
        if lines:
            print(f"{spent * 1e6:10.2f} us  {line.splitlines()[0]}")
    for kind, spents in sorted(kinds.items(), key=lambda item: -sum(item[1])):
        share = sum(spents) / mine
        print(f"{sum(spents) * 1e6:10.1f} us {share:6.0%}  {len(spents):3} x {kind}")


def timed_lines(step: Any, problem: Problem, number: int) -> list[tuple[str, str, float]]:
    """Return the lines of the program, what kind of work they are, and their seconds."""
    from deltaprop.compiler.numpy_executor import _Writer
    from deltaprop.compiler.passes import optimised
    from deltaprop.compiler.recording import record
    from deltaprop.tree import flatten

    leaves, structure = flatten(((problem.X, problem.Y), {}))
    recorded = record(step.uncompiled_step, structure, leaves)
    recorded.program = optimised(recorded.program)
    writer = _Writer(recorded)
    space: dict[str, Any] = {**writer.space, "x0": problem.X, "x1": problem.Y}
    found = []
    for line in writer.lines[:-1]:  # the last one returns
        with np.errstate(all="ignore"):
            exec(line, space)
        known = [name for name in space if name.isidentifier() and not iskeyword(name)]
        names = "global " + ", ".join(known)
        body = line.replace("\n            ", "\n        ").replace("\n", "\n    ")
        exec(f"def only():\n    {names}\n    {body}", space)
        # numbers change from run to run, and may end up out of bounds
        with np.errstate(all="ignore"):
            spent = min(seconds(space["only"], number) for _ in range(5))
        found.append((line, _kind(line, space), spent))
    return found


def _kind(line: str, space: dict[str, Any]) -> str:
    function = space.get(line.split("(")[0].split("= ")[-1])
    if function is np.dot or function is np.matmul:
        return "matrix products"
    if isinstance(function, np.ufunc):
        return "elementwise"
    name = getattr(function, "__name__", "")
    return {"reduce": "sums and maxima", "tiled": "tiles"}.get(name, REST)


def seconds(call: Callable[[], object], number: int) -> float:
    """Return the processor's mean seconds of `number` calls."""
    start = time.process_time_ns()
    for _ in range(number):
        call()
    return (time.process_time_ns() - start) / number * 1e-9


if __name__ == "__main__":
    main()
