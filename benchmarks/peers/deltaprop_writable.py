"""Ours, eager, on writable data: recording copies what a later write could change."""

from __future__ import annotations

from benchmarks.peers import deltaprop_eager
from benchmarks.problem import Problem

NAME = "deltaprop eager, writable data"


class TrainStep(deltaprop_eager.TrainStep):
    """The same step on arrays that NumPy lets anyone write to."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.X, self.Y = problem.X.copy(), problem.Y.copy()
