"""``python -m benchmarks``: run the workloads, print tables, write what was asked for."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import (
    batching,
    compile_cost,
    digits_epoch,
    elementwise_gradient,
    ensemble,
    estimators,
    figure,
    fit,
    gradient_memory,
    import_time,
    index_loop,
    kept,
    machine,
    micrograd_demo,
    operations,
    report,
    scalar_chain,
    train_step,
    transforms,
)
from benchmarks.progress import Progress
from benchmarks.results import WorkloadResult
from benchmarks.timing import Settings

WORKLOADS: dict[str, Callable[[Settings, Progress], WorkloadResult]] = {
    workload.NAME: workload.run
    for workload in (
        train_step,
        micrograd_demo,
        elementwise_gradient,
        digits_epoch,
        ensemble,
        fit,
        estimators,
        compile_cost,
        scalar_chain,
        index_loop,
        gradient_memory,
        operations,
        transforms,
        batching,
        import_time,
    )
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; the exit status says nothing about times."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    options = parser.parse_args(given)
    if options.save and (options.quick or options.case or options.contender):
        parser.error("--save keeps whole workloads: leave out --quick, --case and --contender")
    settings = Settings.full() if options.save or not options.only else Settings.some()
    settings = Settings.short() if options.quick else settings
    settings = replace(settings, case=options.case, contenders=tuple(options.contender))
    if options.patience is not None:
        settings = replace(settings, patience=options.patience)
    facts = machine.describe(given)
    print("\n".join(report.facts(facts)))
    progress = Progress()
    results: list[WorkloadResult] = []
    for name in options.only or WORKLOADS:
        progress.workload = name
        result = WORKLOADS[name](settings, progress)
        if result.comparisons:
            results.append(result)
            print(report.as_text(result), flush=True)
    if options.json:
        _write(options.json, json.dumps(_as_json(results, facts, options.quick), indent=1) + "\n")
    if options.save:
        kept.save(results, facts, list(WORKLOADS))
        figure.save()
        print(f"wrote {kept.NUMBERS}, {kept.TABLE} and {kept.FIGURE}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time deltaprop and the installed peers, interleaved in one run."
        " A peer that is not installed is reported as absent.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="about twenty seconds: fewer rounds and smaller cases"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=WORKLOADS,
        metavar="NAME",
        help="these workloads alone, and with fewer rounds unless they are saved:"
        f" {', '.join(WORKLOADS)}",
    )
    parser.add_argument(
        "--case", metavar="TEXT", default="", help="only cases whose name has TEXT in it: 64-64"
    )
    parser.add_argument(
        "--contender",
        nargs="+",
        metavar="TEXT",
        default=(),
        help="only contenders whose name has a TEXT in it (case ignored), and the baseline",
    )
    parser.add_argument(
        "--patience",
        type=float,
        metavar="SECONDS",
        help="how long each case may wait for other processes to leave the machine"
        " (30; only some workloads: 3; quick: 0)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number as JSON")
    parser.add_argument(
        "--save",
        action="store_true",
        help=f"keep the run in {kept.RESULTS.name}/: numbers, table and figure; with --only, what"
        " is kept of other workloads stays",
    )
    return parser


def _as_json(results: list[WorkloadResult], facts: dict[str, Any], quick: bool) -> dict[str, Any]:
    return {
        "machine": facts,
        "quick": quick,
        "workloads": [result.as_json() for result in results],
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
