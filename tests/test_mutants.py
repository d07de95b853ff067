"""Who tests the tests: a sample of the mutants of `python -m tests.mutants`, each must die."""

from __future__ import annotations

import random

import pytest

from deltaprop.graph import Elementwise

from . import test_rules
from .mutants import killed, stands
from .mutation.equivalent import EQUIVALENT
from .mutation.mutants import generate

NAMES = sorted(
    name for name, op in test_rules.OWN.items() if not isinstance(op, Elementwise) or op.domain
)
SAMPLE = random.Random(1).sample(NAMES, 12)


@pytest.mark.parametrize("name", SAMPLE)
def test_mutants_die(name: str) -> None:
    mutants = generate([name])
    chosen = random.Random(0).sample(mutants, min(8, len(mutants)))
    alive = [m.name for m in chosen if m.name not in EQUIVALENT and not killed(m)]
    assert not alive, f"no generated test notices {alive}"
    assert stands(name) is None, "and a mutant that is over is over"


def test_a_mutant_changes_what_is_computed() -> None:
    """The machinery itself: alive the derivative is another, and afterwards what it was."""
    (mutant,) = [m for m in generate(["square"]) if m.name == "square, partial 0: 2 -> 3"]
    rule = test_rules.SMOOTH["square"].partials[0]
    assert callable(rule)
    with mutant.alive():
        assert rule(None, 5.0) == 15.0
    assert rule(None, 5.0) == 10.0


def test_the_list_of_equivalent_mutants_gives_reasons() -> None:
    assert all(reason.strip() for reason in EQUIVALENT.values())
