"""Hypothesis draws the same examples each time, unless a seed or another profile is asked for."""

import hypothesis
import pytest

hypothesis.settings.register_profile(
    "same", derandomize=True, deadline=None, max_examples=40, print_blob=True
)
hypothesis.settings.register_profile("random", deadline=None, max_examples=40, print_blob=True)
hypothesis.settings.load_profile("same")


def pytest_configure(config: pytest.Config) -> None:
    seed, profile = "--hypothesis-seed", "--hypothesis-profile"
    if config.getoption(seed) is not None and config.getoption(profile) is None:
        hypothesis.settings.load_profile("random")  # a derandomised run ignores the seed
