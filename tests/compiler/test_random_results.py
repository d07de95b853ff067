"""Random functions with views and pieces, compiled; see `random_results`."""

from __future__ import annotations

import pytest

from .random_results import check


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("first", range(0, 400, 50))
def test_random_functions(first: int) -> None:
    for seed in range(first, first + 50):
        check(seed)
