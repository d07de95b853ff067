"""Who tests the tests: a sample of the mutants of `python -m tests.mutants`, each must die."""

from __future__ import annotations

import random
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from . import test_rules
from .compiler.test_engine import PROGRAMS, way
from .mutants import killed, stands
from .mutation import batches
from .mutation.engine import engine
from .mutation.equivalent import EQUIVALENT
from .mutation.equivalent_batches import EQUIVALENT as EQUIVALENT_BATCHES
from .mutation.mutants import Mutant, generate

pytest.importorskip("scipy")  # the special functions have mutants too
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mutants need Linux's limits")
PARTS = 8
ROOT = Path(__file__).parents[1]


@cache
def sample() -> list[Mutant]:
    """The same few hundred of all mutants in every run."""
    return [m for m in random.Random(1).sample(generate(), 400) if m.name not in EQUIVALENT]


@pytest.mark.parametrize("part", range(PARTS))
def test_mutants_die(part: int) -> None:
    chosen = sample()[part::PARTS]
    alive = [m.name for m in chosen if killed(m) is None]
    assert not alive, f"no generated test notices {alive}"
    names = {name for m in chosen for name in m.operations}
    assert [wrong for wrong in map(stands, sorted(names)) if wrong] == [], "over is over"


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


def test_listed_mutants_exist() -> None:
    gone = EQUIVALENT.keys() - {m.name for m in generate()}
    assert not gone, f"take from tests/mutation/equivalent.py what is no longer there: {gone}"


def test_changes_of_rows_are_noticed() -> None:
    """In a process of its own: mutants fork, which this one may not where JAX has threads."""
    pytest.importorskip("deltaprop.compiler._walker", reason="the walker in C was not built")
    code = (
        "from tests.mutation import rows\n"
        "print([m.name for m in rows.mutants(count=20) if rows.survives(m)])"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.stdout.strip() == "[]", f"no program notices {ran.stdout} {ran.stderr}"


def test_memory_that_is_free_too_early_is_noticed() -> None:
    """A mutant of the engine; `python -m tests.mutants --engine` runs many."""
    early = "memory.Memory._last_uses: last[root] = i -> last[root] = i - 1"
    (mutant,) = [m for m in engine(["memory"]) if m.name == early]
    with way("python", "as they are"):
        PROGRAMS["entries"].check()
        with mutant.alive(), pytest.raises(AssertionError, match="not equal"):
            PROGRAMS["entries"].check()


def test_listed_mutants_of_batches_exist() -> None:
    names = {m.name for m in (*batches.words(), *batches.parts())}
    gone = EQUIVALENT_BATCHES.keys() - names
    assert not gone, f"take from equivalent_batches.py what is no longer there: {gone}"
