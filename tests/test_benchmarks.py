"""What the benchmarks keep: small files, which a run of some workloads replaces in part."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import figure, kept
from benchmarks.__main__ import WORKLOADS
from benchmarks.results import Comparison, Timing, WorkloadResult

MACHINE = {
    "processor": "A CPU (model 1)", "cores": 2, "cores_of_the_machine": 2, "blas": "blas",
    "versions": {"numpy": "2.4.6"}, "python": "3.11.7", "system": "Linux", "command": "python",
    "revision": "abc", "date": "2026-11-25T18:57:30+00:00",
}  # fmt: skip


def result(name: str, *cases: tuple[str, float], worst: int = 0) -> WorkloadResult:
    """A workload in which ours takes so many times as long as by hand."""
    comparisons = [
        Comparison(
            case,
            [Timing("deltaprop", 1, (2e-6 * ratio,) * 3), Timing("by hand", 1, (2e-6,) * 3)],
            "by hand",
        )
        for case, ratio in cases
    ]
    return WorkloadResult(name, f"About {name}", comparisons, [], worst=worst)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, path in (("NUMBERS", "results.csv"), ("TABLE", "table.md")):
        monkeypatch.setattr(kept, name, tmp_path / path)
    for function, path in (
        (kept.read, "NUMBERS"),
        (kept.facts, "NUMBERS"),
        (kept.sections, "TABLE"),
    ):
        monkeypatch.setattr(function, "__defaults__", (getattr(kept, path),))
    return tmp_path


def test_what_is_saved_is_read(folder: Path) -> None:
    kept.save([result("b", ("one, two", 1.5), ("three", 0.123456))], MACHINE, ["a", "b"])
    assert kept.read() == [
        kept.Row("b", "one, two", "deltaprop", 3e-6, 1.5),
        kept.Row("b", "one, two", "by hand", 2e-6, 1.0),
        kept.Row("b", "three", "deltaprop", 2.47e-7, 0.123),
        kept.Row("b", "three", "by hand", 2e-6, 1.0),
    ]
    assert "revision abc" in kept.facts()["b"]
    assert kept.sections()["b"].startswith("## About b\n")


def test_a_run_of_some_workloads_leaves_the_others(folder: Path) -> None:
    order = ["a", "b", "c"]
    kept.save([result(name, ("case", 2.0)) for name in ("c", "a")], MACHINE, order)
    before = {row for row in kept.read() if row.workload != "c"}
    kept.save([result("c", ("case", 3.0)), result("b", ("case", 1.0))], MACHINE, order)
    rows = kept.read()
    assert [row.workload for row in rows[::2]] == order
    assert before < {*rows}
    assert rows[4].ratio == 3.0
    assert [*kept.sections()] == order
    text = kept.TABLE.read_text("utf-8")
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        f"## About {name}" for name in order
    ]
    kept.save([result("b", ("case", 1.0))], MACHINE, order)
    assert kept.TABLE.read_text("utf-8") == text  # as if nothing had happened


def test_of_many_comparisons_the_worst_are_kept(folder: Path) -> None:
    cases = [("sums: a", 1.0), ("sums: b", 3.0), ("sums: c", 2.0), ("products: d", 0.5)]
    kept.save([result("a", *cases, worst=2)], MACHINE, ["a"])
    assert [row.case for row in kept.read()[::2]] == ["sums: b", "sums: c", "products: d"]


def test_what_is_committed_is_small_and_drawn() -> None:
    assert kept.NUMBERS.stat().st_size < 50_000
    assert kept.FIGURE.stat().st_size < 20_000
    assert kept.facts().keys() == kept.sections().keys() <= WORKLOADS.keys()
    rows, fact = kept.read(), figure.measured(kept.facts()[figure.STEP])
    assert kept.FIGURE.read_text("utf-8") == figure.draw(rows, fact), "python -m benchmarks.figure"


def test_the_figure_shows_every_ratio() -> None:
    drawn = figure.draw(kept.read(), "here")
    texts = [element.text for element in ElementTree.fromstring(drawn).iter() if element.text]
    assert texts.count("–") == 1  # MyGrad is not asked for the formula
    assert {*figure.ROWS, figure.TITLE, "here"} <= {*texts}
    found = {row[:3]: row for row in kept.read()}
    for workload, case, *_ in figure.COLUMNS:
        ratio: Any = found[workload, case, "deltaprop compiled"].ratio
        assert f"{ratio:.2f}" in texts
    assert doctest.testmod(figure).failed == 0
