"""The run as tables: plain text for the terminal, Markdown for the results folder."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from benchmarks.results import Comparison, Spread, WorkloadResult

Row = tuple[str, ...]


def facts(machine: dict[str, Any]) -> list[str]:
    """Return the machine, the versions, the command and the date, a line each."""
    cores = f"{machine['cores']} of {machine['cores_of_the_machine']} cores"
    versions = ", ".join(f"{name} {v}" for name, v in machine["versions"].items() if v)
    return [
        f"{machine['processor']}, {cores}; {machine['blas']}",
        f"Python {machine['python']}, {versions}; {machine['system']}",
        f"{machine['command']}; revision {machine['revision']}; {machine['date']}",
    ]


def as_text(result: WorkloadResult) -> str:
    """Return one workload's tables and verdicts for a terminal."""
    lines = ["", result.title, "=" * len(result.title)]
    for caption, rows, remarks in _tables(result):
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += ["", caption]
        for name, *cells in rows:
            aligned = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
            lines.append("   ".join(["  " + name.ljust(widths[0]), *aligned]).rstrip())
        lines += [f"  {remark}" for remark in remarks]
    lines += ["", *(f"  {line}" for line in _verdicts(result))]
    lines += [f"  ({note})" for note in result.notes]
    return "\n".join(lines)


def as_markdown(result: WorkloadResult, machine: dict[str, Any]) -> str:
    """Return one workload as a section of a Markdown page."""
    lines = [f"## {result.title}", "", *(f"- {fact}" for fact in facts(machine))]
    lines += [line for note in result.notes for line in ("", note)]
    for caption, (header, *rows), remarks in _tables(result):
        lines += ["", f"**{caption}**", "", _markdown(header)]
        lines.append("|---" + "|---:" * (len(header) - 1) + "|")
        lines += [_markdown(row) for row in rows]
        lines += [line for remark in remarks for line in ("", remark)]
    lines += ["", *(f"- {line}" for line in _verdicts(result))]
    return "\n".join(lines) + "\n"


def shown(result: WorkloadResult) -> list[list[Comparison]]:
    """Return the comparisons that are shown, a list for each table: all, or the worst of a kind."""
    if not result.worst:
        return [[comparison] for comparison in result.comparisons]
    groups = groupby(result.comparisons, lambda c: c.case.partition(": ")[0])
    return [
        sorted(members, key=_ratio_of_first, reverse=True)[: result.worst] for _, members in groups
    ]


UNITS = (("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9))


def duration(seconds: float) -> str:
    """Write a time with three digits, in the unit that suits it."""
    unit, factor = _unit(seconds)
    return f"{_digits(seconds * factor)} {unit}"


def _tables(result: WorkloadResult) -> list[tuple[str, list[Row], list[str]]]:
    """Return each table with its caption and remarks: one a comparison, or one of the worst."""
    if not result.worst:
        return [(c.case, _table(c), _remarks(c)) for c in result.comparisons]
    tables: list[tuple[str, list[Row], list[str]]] = []
    for ranked in shown(result):
        group = ranked[0].case.partition(": ")[0]
        rows: list[Row] = [("case", ranked[0].timings[0].contender, ranked[0].baseline, "ratio")]
        for comparison in ranked:
            first, second = (duration(timing.spread.median) for timing in comparison.timings)
            name = comparison.case.partition(": ")[2]
            rows.append((name, first, second, f"{_ratio_of_first(comparison):.2f}"))
        tables.append((f"{group}, the worst {len(ranked)}", rows, []))
    return tables


def _ratio_of_first(comparison: Comparison) -> float:
    ratio = comparison.ratio(comparison.timings[0].contender, comparison.baseline)
    return ratio.median if ratio else 0.0


def _table(comparison: Comparison) -> list[Row]:
    """Return the header and a row for each contender."""
    per_unit = comparison.size > 1
    amounts = sorted({amount for held in comparison.bytes_per_unit.values() for amount in held})
    header = ["contender", "median", "quartiles", f"/ {comparison.baseline}", "quartiles"]
    if per_unit:
        header.append(f"per {comparison.unit}")
    header += [f"bytes per {comparison.unit}, {amount}" for amount in amounts]
    rows: list[Row] = [tuple(header)]
    for timing in comparison.timings:
        seconds = timing.spread
        ratio = comparison.ratio(timing.contender, comparison.baseline)
        row = [timing.contender, duration(seconds.median), _durations(seconds)]
        if ratio is None:
            row += ["-", "-"]
        else:
            row += [f"{ratio.median:.3g}", f"{ratio.low:.3g} .. {ratio.high:.3g}"]
        if per_unit:
            row.append(duration(seconds.median / comparison.size))
        held = comparison.bytes_per_unit.get(timing.contender, {})
        row += [f"{held[amount]:.0f}" if amount in held else "-" for amount in amounts]
        rows.append(tuple(row))
    return rows


def _remarks(comparison: Comparison) -> list[str]:
    """Return who is absent, and whether the machine was busy with something else."""
    remarks = [f"not here: {name} ({reason})" for name, reason in comparison.absent.items()]
    if comparison.rounds_dropped:
        kept = min(len(timing.seconds) for timing in comparison.timings)
        remarks.append(
            f"{comparison.rounds_dropped} rounds left out, others used the cores; {kept} kept"
        )
    if comparison.disturbed:
        remarks.append(
            f"DISTURBED: others used {comparison.busy_elsewhere:.0%} of the cores all along;"
            " do not trust these times"
        )
    return remarks


def _verdicts(result: WorkloadResult) -> list[str]:
    """Return the project's targets, each met, missed or not measured."""
    lines = [
        f"{verdict.word}: {verdict.statement}: {verdict.measured:.3g}"
        for verdict in result.verdicts
        if verdict.measured is not None
    ]
    if open_ones := len(result.verdicts) - len(lines):
        lines.append(f"not measured: {open_ones} of {len(result.verdicts)} targets")
    return lines


def _markdown(row: Row) -> str:
    return "| " + " | ".join(row) + " |"


def _durations(seconds: Spread) -> str:
    """Write the quartiles in the unit of the median."""
    unit, factor = _unit(seconds.median)
    return f"{_digits(seconds.low * factor)} .. {_digits(seconds.high * factor)} {unit}"


def _unit(seconds: float) -> tuple[str, float]:
    return next((unit for unit in UNITS if seconds * unit[1] >= 1), UNITS[-1])


def _digits(number: float) -> str:
    """Write three digits, or all before the point."""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"
