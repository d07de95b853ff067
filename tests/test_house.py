"""The house: a file imports from floors below it alone, and no part grows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .sizes import SOURCE, code_lines, sizes

# The most code lines that a part may have: see `python -m tests.sizes`. A row goes down with its
# part; it goes up only in a commit that says why.
ROWS = {
    "core": 7_847, "graph": 2_566, "calculus": 2_474, "value": 1_069, "numpy": 777,
    "transforms": 961,
    "engine": 2_923,
    "school": 3_180, "nn": 1_187, "optim": 460, "deltas": 343, "training": 1_190,
    "annexes": 5_511, "functions": 1_335, "xla": 605, "testing": 1_071, "viz": 1_396,
    "bridges": 1_104,
    "everything": 19_461,
}  # fmt: skip

SLACK = 0.02  # how much a part may fall before its row must follow


def test_imports_keep_the_contract(capfd: pytest.CaptureFixture[str]) -> None:
    """The floors are in pyproject.toml; `lint-imports` says the same."""
    checker = pytest.importorskip("importlinter.cli", reason="needs import-linter")
    config = str(Path(__file__).parents[1] / "pyproject.toml")
    assert checker.lint_imports(config, cache_dir=None, no_cache=True) == 0, capfd.readouterr().out


def test_no_part_grows() -> None:
    grown = {part: n for part, n in sizes().items() if n > ROWS[part]}
    assert not grown, f"more lines than their rows allow: {grown}; take as many away elsewhere"


def test_rows_follow_what_has_become_smaller() -> None:
    loose = {part: n for part, n in sizes().items() if n < (1 - SLACK) * ROWS[part]}
    assert not loose, f"lower the rows of what has become smaller: {loose}"


@given(st.sampled_from(sorted(SOURCE.rglob("*.py"))))
def test_what_is_for_people_costs_nothing(path: Path) -> None:
    source = path.read_text("utf-8")
    told = '"""What it is."""\n\n# why\n\n' + source.replace("\nimport", "\n\n# because\nimport")
    assert code_lines(told) == code_lines(source)
    assert code_lines(source + "\nx = 1\n") == code_lines(source) + 1
