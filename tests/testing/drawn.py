"""Many random expressions, always the same for a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings

from deltaprop.testing.expressions import Expression, expressions


def generate(
    count: int, seed: int, visit: Callable[[Expression, Sequence[Any]], None], max_steps: int = 12
) -> None:
    """Visit so many random expressions."""

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(expressions(max_steps=max_steps))
    def run(case: tuple[Expression, Sequence[Any]]) -> None:
        visit(*case)

    run()
