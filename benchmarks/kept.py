"""What of a run is kept in `results/`: a line of numbers for each contender, a table for people.

Both files hold every workload at its latest run: saving a run of some workloads leaves the others.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import report
from benchmarks.results import WorkloadResult

RESULTS = Path(__file__).parent / "results"
NUMBERS, TABLE, FIGURE = (RESULTS / name for name in ("results.csv", "table.md", "figure.svg"))
TITLE = "# Benchmarks\n"


class Row(NamedTuple):
    """One contender of a case: seconds per call and ratio to the baseline, medians of rounds."""

    workload: str
    case: str
    contender: str
    seconds: float
    ratio: float | None

    def cells(self) -> list[str]:
        """Return it as text, numbers with three digits."""
        ratio = "" if self.ratio is None else f"{self.ratio:.3g}"
        return [self.workload, self.case, self.contender, f"{self.seconds:.3g}", ratio]


def rows(results: Iterable[WorkloadResult]) -> list[Row]:
    """Return the numbers of a run that are kept; of many comparisons the worst."""
    found = []
    for result in results:
        shown = [c for case in report.shown(result) for c in case]
        for c in shown:
            for timing in c.timings:
                ratio = c.ratio(timing.contender, c.baseline)
                median = None if ratio is None else ratio.median
                name = timing.contender
                found.append(Row(result.name, c.case, name, timing.spread.median, median))
    return found


def save(results: Sequence[WorkloadResult], machine: dict[str, Any], order: Sequence[str]) -> None:
    """Replace what is kept of these workloads; `order` is that of all workloads."""
    new = {result.name for result in results}
    kept = {name: fact for name, fact in facts().items() if name not in new}
    kept |= dict.fromkeys(new, "; ".join(report.facts(machine)))
    numbers = [row for row in read() if row.workload not in new] + rows(results)
    tables = sections() | {r.name: report.as_markdown(r, machine) for r in results}
    known = [name for name in order if name in tables]
    text = io.StringIO()
    for name in known:
        text.write(f"# {name}: {kept[name]}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows(row.cells() for name in known for row in numbers if row.workload == name)
    NUMBERS.write_text(text.getvalue(), "utf-8")
    parts = [f"<!-- {name} -->\n{tables[name].strip()}\n" for name in known]
    TABLE.write_text("\n".join([TITLE, *parts]), "utf-8")


def read(path: Path = NUMBERS) -> list[Row]:
    """Return the rows that are kept."""
    lines = [line for line in _lines(path) if not line.startswith("#")]
    return [
        Row(*names, float(seconds), float(ratio) if ratio else None)
        for *names, seconds, ratio in list(csv.reader(lines))[1:]
    ]


def facts(path: Path = NUMBERS) -> dict[str, str]:
    """Return for each workload the machine, the versions, the command, the revision, the date."""
    lines = [line[2:].strip() for line in _lines(path) if line.startswith("# ")]
    return dict(line.split(": ", 1) for line in lines)


def sections(path: Path = TABLE) -> dict[str, str]:
    """Return for each workload its part of the table for people."""
    _, *parts = "".join(_lines(path)).split("<!-- ")
    return dict(part.split(" -->\n", 1) for part in parts)


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
