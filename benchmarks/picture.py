"""The run as a picture: a panel of bars per comparison, lines where cost is shown against size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import duration
from benchmarks.results import Comparison, WorkloadResult

# Okabe and Ito's palette, told apart by readers of every kind of colour vision; names are written
# beside every bar and every line too.
COLOURS = {
    "deltaprop": "#D55E00",
    "by hand": "#000000",
    "PyTorch": "#0072B2",
    "jax": "#009E73",
    "autograd": "#CC79A7",
    "MyGrad": "#E69F00",
    "micrograd": "#56B4E9",
}
OTHER = "#999999"
HATCHES = {"writable": "////", "nn + optim": "////", "compile": "...."}
MARKERS = "osD^vPX"


def save(results: Sequence[WorkloadResult], machine: dict[str, Any], path: Path) -> None:
    """Draw every workload and write the picture.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    panels: list[tuple[str, list[Comparison]]] = []
    for result in results:
        if result.worst or not any(c.timings for c in result.comparisons):
            continue
        if all(comparison.size > 1 for comparison in result.comparisons):
            panels.append((result.title, result.comparisons))
        else:
            panels += [(f"{result.name}: {c.case}", [c]) for c in result.comparisons if c.timings]
    columns = 2 if len(panels) > 1 else 1
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(7.5 * columns, 3.2 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[len(panels) :]:
        axis.remove()
    for axis, (title, comparisons) in zip(axes, panels, strict=False):
        disturbed = any(comparison.disturbed for comparison in comparisons)
        axis.set_title(f"{title} (disturbed)" if disturbed else title, fontsize=9)
        if comparisons[0].size > 1:
            _lines(axis, comparisons)
        else:
            _bars(axis, comparisons[0])
    figure.suptitle(
        f"{machine['processor']}, {machine['cores']} cores; {machine['command']};"
        f" {machine['date'][:10]}",
        fontsize=8,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _bars(axis: Any, comparison: Comparison) -> None:
    """Draw medians on a logarithmic scale, whiskers to the quartiles, the ratio beside each."""
    for place, timing in enumerate(comparison.timings):
        seconds = timing.spread.scaled(1e6)
        axis.barh(
            place,
            seconds.median,
            color=_colour(timing.contender),
            hatch=next((h for key, h in HATCHES.items() if key in timing.contender), None),
            edgecolor="white",
            xerr=[[seconds.median - seconds.low], [seconds.high - seconds.median]],
            ecolor="#777777",
        )
        ratio = comparison.ratio(timing.contender, comparison.baseline)
        label = duration(timing.spread.median)
        if ratio is not None and timing.contender != comparison.baseline:
            label += f"   {ratio.median:.2f} x"
        axis.annotate(
            label,
            (max(seconds.high, seconds.median), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axis.set_yticks(
        range(len(comparison.timings)), [t.contender for t in comparison.timings], fontsize=8
    )
    axis.invert_yaxis()
    axis.set_xscale("log")
    medians = [timing.spread.median * 1e6 for timing in comparison.timings]
    axis.set_xlim(min(medians) / 5, max(medians) * 8)
    axis.minorticks_off()
    axis.set_xlabel(f"microseconds per call (x: against {comparison.baseline})", fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def _lines(axis: Any, comparisons: Sequence[Comparison]) -> None:
    """Draw time per node or step against size: a horizontal line is linear cost."""
    contenders = dict.fromkeys(t.contender for c in comparisons for t in c.timings)
    for marker, contender in zip(MARKERS, contenders, strict=False):
        points = [
            (c.size, timing.spread.scaled(1e6 / c.size))
            for c in comparisons
            if (timing := c.timing(contender)) is not None
        ]
        sizes = [size for size, _ in points]
        colour = _colour(contender)
        axis.plot(sizes, [s.median for _, s in points], marker=marker, color=colour, markersize=5)
        axis.fill_between(
            sizes, [s.low for _, s in points], [s.high for _, s in points], color=colour, alpha=0.2
        )
        axis.annotate(
            contender,
            (sizes[-1], points[-1][1].median),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=colour,
        )
    axis.set_xscale("log")
    axis.set_yscale("log")
    low, high = comparisons[0].size, comparisons[-1].size
    axis.set_xlim(low / 1.5, high * 1.5 * (high / low if high > low else 4) ** 0.35)
    axis.set_xlabel("n", fontsize=8)
    axis.set_ylabel(f"microseconds per {comparisons[0].unit}", fontsize=8)
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)


def _colour(contender: str) -> str:
    return next((colour for key, colour in COLOURS.items() if key in contender), OTHER)
