"""Newton's method on Rosenbrock's valley, without forming a Hessian.

The function sum (1 - x_i)^2 + 100 (x_{i+1} - x_i^2)^2 has a curved, nearly flat valley. The
gradient points across the valley, so gradient descent is slow. Newton's step p solves

    H p = -g

and points along the valley. Conjugate gradients solve this equation with products H v alone, and
`dp.hvp` computes a product for the cost of a few gradients, forward over reverse. Far from the
minimum, and along directions of negative curvature, the CG iteration stops early (Newton-CG;
Nocedal and Wright, 2006, algorithm 7.1). So a thousand variables are as easy as two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from _script import BLUE, GREY, VERMILLION, figure, parser, progress, save, table

import deltaprop as dp

START = np.array([-1.2, 1.0])


class Step(NamedTuple):
    """The state after an iteration, and its cost."""

    x: Any
    value: float
    slope: float
    products: int


def rosenbrock(x: Any) -> Any:
    """The function of two or more variables; its minimum is 0, at (1, 1, ...)."""
    return np.sum((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2)


def solve(product: Callable[[Any], Any], g: Any, tolerance: float) -> tuple[Any, int]:
    """Conjugate gradients on H p = -g; returns p and how many products H v it took."""
    p, r = np.zeros_like(g), g.copy()
    d, rr = -r, g @ g
    for count in range(1, 10 * g.size + 1):
        Hd = product(d)
        curvature = d @ Hd
        if curvature <= 0:  # negative curvature: no minimum in this direction
            return (d if count == 1 else p), count
        alpha = rr / curvature
        p = p + alpha * d
        r = r + alpha * Hd
        before, rr = rr, r @ r
        if np.sqrt(rr) <= tolerance:
            break
        d = -r + (rr / before) * d
    return p, count


def backtrack(x: Any, p: Any, value: float, slope: float) -> Any:
    """The longest of x + p, x + p/2, ... that decreases f enough (Armijo's rule)."""
    rate = 1.0
    while rosenbrock(x + rate * p) > value + 1e-4 * rate * slope:
        rate /= 2
    return x + rate * p


def newton(x: Any, most: int = 1000) -> list[Step]:
    """The path of Newton-CG down to a gradient of 1e-9."""
    value_and_gradient = dp.value_and_grad(rosenbrock)
    value, g = value_and_gradient(x)
    path, products = [Step(x, value, np.linalg.norm(g), 0)], 0
    while path[-1].slope > 1e-9 and len(path) <= most:
        size = np.linalg.norm(g)
        p, count = solve(
            lambda v, x=x: dp.hvp(rosenbrock, (x,), (v,)), g, min(0.01, np.sqrt(size)) * size
        )
        products += count
        x = backtrack(x, p, value, g @ p)
        value, g = value_and_gradient(x)
        path.append(Step(x, value, np.linalg.norm(g), products))
    return path


def descend(x: Any, steps: int) -> list[Step]:
    """The path of gradient descent, each step as long as backtracking allows."""
    value_and_gradient = dp.value_and_grad(rosenbrock)
    path = []
    for _ in progress(range(steps), "gradient descent"):
        value, g = value_and_gradient(x)
        path.append(Step(x, value, np.linalg.norm(g), 0))
        x = backtrack(x, -g, value, -(g @ g))
    return path


def draw(slow: Sequence[Step], quick: Sequence[Step]) -> Any:
    """Draw both paths in the valley, and f by step."""
    picture = figure(12, 5.2, "Rosenbrock's valley: gradient descent and Newton's method")
    left, right = picture.subplots(1, 2)
    a, b = np.meshgrid(np.linspace(-1.7, 1.5, 300), np.linspace(-0.6, 1.9, 300))
    height = (1 - a) ** 2 + 100 * (b - a**2) ** 2
    left.contour(a, b, height, np.logspace(-1, 3.2, 12), colors=GREY, linewidths=0.6, alpha=0.7)
    for path, colour, label in (
        (slow, VERMILLION, f"gradient descent: {len(slow) - 1} steps"),
        (quick, BLUE, f"Newton-CG: {len(quick) - 1} steps"),
    ):
        x = np.array([step.x for step in path])
        size = 2.5 if colour == VERMILLION else 6
        left.plot(x[:, 0], x[:, 1], "o-", color=colour, markersize=size, linewidth=1, label=label)
        right.semilogy([max(step.value, 1e-32) for step in path], color=colour, label=label)
    left.plot(1, 1, "*", color="black", markersize=14, zorder=5, label="minimum")
    left.grid(visible=False)
    left.set(title="paths from (−1.2, 1)", xlabel="x₁", ylabel="x₂")
    right.set(title="height above the minimum", xlabel="step (log)", ylabel="f(x)", xscale="symlog")
    left.legend(loc="upper center")
    right.legend(loc="lower left")
    return picture


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Run both methods, then Newton-CG in many variables; return the results."""
    options = parser(__doc__ or "")
    options.add_argument(
        "--variables", type=int, default=1000, help="variables of the large problem (1000)"
    )
    args = options.parse_args(argv)
    size = min(args.variables, 50) if args.quick else args.variables

    slow = descend(START, 300 if args.quick else 2000)
    quick = newton(START)
    table(
        ["method", "steps", "f(x)", "|gradient|", "distance to (1, 1)"],
        [
            [
                name,
                str(len(path) - 1),
                *(f"{n:.1e}" for n in path[-1][1:3]),
                f"{np.linalg.norm(path[-1].x - 1):.1e}",
            ]
            for name, path in (("gradient descent", slow), ("Newton-CG", quick))
        ],
    )
    start = np.random.default_rng(args.seed).uniform(-1.0, 2.0, size)
    began = time.perf_counter()
    large = newton(start)
    seconds = time.perf_counter() - began
    print(
        f"{size} variables from a random start: f = {large[-1].value:.1e} after "
        f"{len(large) - 1} steps with {large[-1].products} products H v in {seconds:.1f} s; "
        f"the Hessian itself would have {size**2:,} entries.\n"
    )
    save(draw(slow, quick), args.output, "rosenbrock_newton")
    return {"newton": quick[-1], "descent": slow[-1], "large": large[-1], "steps": len(quick) - 1}


if __name__ == "__main__":
    main()
