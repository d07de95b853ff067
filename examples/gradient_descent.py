"""Gradient descent on y = (x + 2)^2, whose minimum is at x = -2.

The slope says which way y rises, so x moves the other way:

    x <- x - rate * dy/dx

At x = 0 the slope is 4, positive: x must fall. At x = -4 the slope is -4, negative: x must rise.
The learning rate decides how far a step goes, and a step may go too far. Because dy/dx = 2 (x + 2),
each step multiplies the distance to -2 by 1 - 2 rate. Above rate = 1/2 this factor is negative, so
x jumps from one side to the other. Above rate = 1 it is below -1, so each jump is longer than the
one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from _script import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILLION,
    figure,
    parser,
    progress,
    save,
    table,
)

import deltaprop as dp

LOWEST = -2.0
STARTS = {0.0: BLUE, -4.0: VERMILLION}
SWINGS, DIVERGES = 0.9, 1.05


class Step(NamedTuple):
    """A step: x before it, the slope there, and x after it."""

    x: float
    slope: float
    next_x: float


def curve(x: Any) -> Any:
    """Return y; x may be a number, an array or a Value."""
    return (x + 2) ** 2


def descend(start: float, rate: float, steps: int) -> list[Step]:
    """Return the steps of gradient descent from `start`."""
    x = dp.Value(start)
    path = []
    for _ in range(steps):
        x.zero_grad()
        curve(x).backward()  # leaves dy/dx in x.grad
        before, slope = x.item(), x.grad
        x.data -= rate * slope
        path.append(Step(before, slope, x.item()))
    return path


def show(path: Sequence[Step]) -> None:
    """Print the first steps and the last step."""
    start = path[0]
    verb = "fall" if start.slope > 0 else "rise"
    print(f"From x = {start.x:g} the slope is {start.slope:g}: x must {verb}.")
    shown = [*enumerate(path[:5], 1), (len(path), path[-1])]
    table(
        ["step", "x", "slope", "next x"],
        [[str(k), *(f"{number:.6f}" for number in step)] for k, step in shown],
    )


def draw_path(axes: Any, path: Sequence[Step], colour: str, label: str) -> None:
    """Draw the steps from point to point on the curve, the first point large."""
    x = np.array([path[0].x, *(step.next_x for step in path)])
    axes.plot(x, curve(x), "o-", color=colour, label=label, markersize=5, linewidth=1)
    axes.plot(x[0], curve(x[0]), "o", color=colour, markersize=10)


def draw_slope(axes: Any, start: Step, colour: str) -> None:
    """Draw the tangent where a path starts, and whether x must rise or fall."""
    ends = np.array([start.x - 0.9, start.x + 0.9])
    tangent = curve(start.x) + start.slope * (ends - start.x)
    axes.plot(ends, tangent, "--", color=colour, linewidth=1.2)
    falls = start.slope > 0
    text = f"slope {start.slope:+g}:\nx must {'fall' if falls else 'rise'}"
    x = start.x + (0.35 if falls else -0.35)
    side = "left" if falls else "right"
    axes.text(x, curve(start.x) - 0.6, text, color=colour, ha=side, va="center")


def draw(paths: dict[tuple[float, float], list[Step]], rate: float) -> Any:
    """Draw three learning rates on the curve, and the distance to the minimum by step."""
    picture = figure(11, 8.5, "Gradient descent: x ← x − rate · dy/dx")
    panels = picture.subplots(2, 2).ravel()
    titles = {rate: "converges", SWINGS: "overshoots, converges", DIVERGES: "diverges"}
    for axes, (each, title) in zip(panels, titles.items(), strict=False):
        drawn = {start: path[:8] for (start, r), path in paths.items() if r == each}
        reach = 1.1 * max(abs(s.next_x - LOWEST) for path in drawn.values() for s in path)
        x = np.linspace(LOWEST - max(reach, 3.4), LOWEST + max(reach, 3.4), 200)
        axes.plot(x, curve(x), color=GREY, zorder=0)
        for start, path in drawn.items():
            draw_path(axes, path, STARTS[start], f"from x = {start:g}")
            if each == rate:
                draw_slope(axes, path[0], STARTS[start])
        axes.plot(LOWEST, 0, "*", color="black", markersize=13, zorder=5, label="minimum")
        axes.set(title=f"rate {each:g}: {title}", xlabel="x", ylabel="y = (x + 2)²")
        axes.legend(loc="upper center")

    *_, axes = panels
    styles = {rate: (GREEN, "o"), SWINGS: (ORANGE, "s"), DIVERGES: (PURPLE, "^")}
    for each, (colour, marker) in styles.items():
        distance = [abs(step.x - LOWEST) for step in paths[0.0, each]]
        label = f"rate {each:g}: times |1 − 2 · {each:g}| = {abs(1 - 2 * each):.3g} per step"
        axes.semilogy(distance, marker, ls="-", color=colour, markersize=4, label=label)
    axes.set(title="distance to the minimum", xlabel="step", ylabel="|x + 2|")
    axes.legend()
    return picture


def main(argv: Sequence[str] | None = None) -> dict[tuple[float, float], float]:
    """Descend, print and draw; return where x ended for each start and rate."""
    options = parser(__doc__ or "")
    options.add_argument("--rate", type=float, default=0.2, help="learning rate (0.2)")
    args = options.parse_args(argv)
    steps = 25 if args.quick else 40

    runs = [(start, rate) for rate in (args.rate, SWINGS, DIVERGES) for start in STARTS]
    paths = {run: descend(*run, steps) for run in progress(runs, "descending")}

    for start in STARTS:
        show(paths[start, args.rate])
    table(
        ["from x", "rate", "1 - 2 rate", f"x after {steps} steps"],
        [
            [f"{start:g}", f"{rate:g}", f"{1 - 2 * rate:g}", f"{path[-1].next_x:.6f}"]
            for (start, rate), path in paths.items()
        ],
    )
    save(draw(paths, args.rate), args.output, "gradient_descent")
    return {run: path[-1].next_x for run, path in paths.items()}


if __name__ == "__main__":
    main()
