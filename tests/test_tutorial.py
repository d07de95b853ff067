"""The framework of the tutorial's last chapter: its lines, and its gradients beside deltaprop's."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

PAGE = Path(__file__).parents[1] / "docs" / "tutorial" / "9-framework.md"
CELLS = re.findall(
    r"^```{code-cell} ipython3\n(?::[^\n]*\n)*(.*?)^```$",
    PAGE.read_text("utf-8"),
    re.DOTALL | re.MULTILINE,
)
FRAMEWORK = [cell for cell in CELLS if cell.startswith("# part ")]


@cache
def names() -> dict[str, Any]:
    """What the page defines, once all of its cells have run."""
    found: dict[str, Any] = {}
    for i, cell in enumerate(CELLS, 1):
        exec(compile(cell, f"{PAGE.name}, cell {i}", "exec"), found)
    return found


def test_the_page_runs_and_prints(capsys: pytest.CaptureFixture[str]) -> None:
    names.cache_clear()
    names()
    told = capsys.readouterr().out
    assert "Node(2, grad=16) Node(-3, grad=-16)" in told
    assert "tree=('tanh', 'x')" in told  # the smallest expression that shows the broken rule


def test_the_framework_has_fewer_than_100_lines() -> None:
    assert len(FRAMEWORK) == 3
    lines = [line.strip() for cell in FRAMEWORK for line in cell.splitlines()]
    assert len([line for line in lines if line and not line.startswith("#")]) < 100


def test_random_expressions() -> None:
    """More of them than the page has time for, and with all settings of this suite."""
    page = names()

    @settings(max_examples=1000)
    @given(page["trees"], page["points"], page["points"])
    def agree(tree: Any, x: float, y: float) -> None:
        page["agree"](tree, x, y)

    agree()


def test_every_rule_is_drawn() -> None:
    assert {*names()["ONE"], *names()["TWO"]} == names()["RULES"].keys()
