"""micrograd's demo: two moons, classified by a network of scalar Values.

There are no arrays: every weight is a number, and every sum and every product is a node of the
graph that `backward()` visits. The network MLP(2, [16, 16, 1]) with relu gives a score s for a
point. The point is assigned to the moon y = +1 if s > 0, and to y = -1 otherwise. The loss is

    mean of max(0, 1 - y s)  +  1e-4 * sum of all parameters squared

the max-margin loss of a support vector machine, plus a penalty that keeps the weights small.
After the demo of A. Karpathy's micrograd, https://github.com/karpathy/micrograd.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from _script import BLUE, ORANGE, figure, parser, progress, save, table

from deltaprop.nn.scalar import ScalarMLP
from deltaprop.viz import plot_decision_boundary


def load(samples: int, seed: int) -> tuple[list[list[float]], list[float]]:
    """Return the points as pairs of numbers, and the moon of each: -1 or 1."""
    from sklearn.datasets import make_moons

    X, y = make_moons(samples, noise=0.1, random_state=seed)
    return X.tolist(), (2 * y - 1).tolist()


def loss(model: ScalarMLP, X: Sequence[Sequence[float]], y: Sequence[float]) -> tuple[Any, float]:
    """Return the loss, a scalar Value, and the accuracy."""
    scores = [model(point) for point in X]
    margin = sum((1 - yi * si).relu() for yi, si in zip(y, scores, strict=True)) / len(y)
    penalty = 1e-4 * sum(p * p for p in model.parameters())
    right = [(yi > 0) == (si.data > 0) for yi, si in zip(y, scores, strict=True)]
    return margin + penalty, sum(right) / len(y)


def draw(model: ScalarMLP, X: Any, y: Any, history: Sequence[tuple[float, float]]) -> Any:
    """Draw the score over the plane with the points, and loss and accuracy by step."""
    picture = figure(12, 5, "micrograd's demo: two moons, a network of scalar Values")
    plane, curves = picture.subplots(1, 2, width_ratios=[1.25, 1])
    # the same neurons take arrays instead of numbers, so one call computes the plane
    plot_decision_boundary(lambda points: model(points.T), X, y, levels=[0, -1, 1], axes=plane)
    plane.set(title="decision boundary (score 0) and margins (−1, 1)")

    losses, right = np.array(history).T
    curves.plot(losses, color=BLUE, label="loss")
    curves.plot(right, "--", color=ORANGE, label="accuracy")
    curves.set(title="training", xlabel="step", ylim=(0, None))
    curves.legend(loc="center right")
    return picture


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print and draw; return the last loss, the accuracy and the seconds per step."""
    options = parser(__doc__ or "")
    options.add_argument("--steps", type=int, help="steps of gradient descent (100; quick: 15)")
    args = options.parse_args(argv)
    steps = args.steps or (15 if args.quick else 100)

    X, y = load(100, args.seed)
    model = ScalarMLP(2, [16, 16, 1], rng=args.seed)
    print(f"{len(X)} points, {len(model.parameters())} parameters\n")
    history, seconds = [], []
    for k in progress(range(steps), "learning"):
        begin = time.perf_counter()
        total, right = loss(model, X, y)
        model.zero_grad()
        total.backward()
        rate = 1.0 - 0.9 * k / steps
        for p in model.parameters():
            p.data -= rate * p.grad
        seconds.append(time.perf_counter() - begin)
        history.append((total.item(), right))
    total, right = loss(model, X, y)
    history.append((total.item(), right))

    shown = sorted({*range(0, steps, max(1, steps // 10)), steps})
    rows = [[str(k), f"{history[k][0]:.4f}", f"{history[k][1]:.0%}"] for k in shown]
    table(["step", "loss", "accuracy"], rows)
    step = float(np.median(seconds))
    print(f"{1000 * step:.0f} ms per step: forward, backward and update (the median)")
    save(draw(model, X, y, history), args.output, "micrograd_moons")
    return {"loss": history[-1][0], "accuracy": right, "seconds": step}


if __name__ == "__main__":
    main()
