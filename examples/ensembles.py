"""Ensembles: sixteen networks trained at once, their mean, their vote, and where they disagree.

The members of an ensemble have the same shape. Each member has its own initial weights, and here
also its own sample of the training points, drawn with replacement (bagging). All members learn what
the points show clearly. They differ in what depends on chance, and the mean evens this out. The
standard deviation over the members is large where they disagree: between the classes, around wrong
labels, and where the boundary continues beyond the points. (Deep inside a class all members agree,
even far from the data.) `nn.Ensemble` trains all members at once: a weight has the shape
(K, n_in, n_out).

The points are two interleaved half moons with noise, and some labels are wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from _script import BLACK, BLUE, GREY, ORANGE, figure, parser, progress, save, table

from deltaprop import nn, optim
from deltaprop.training import fit


def moons(rng: np.random.Generator, count: int, wrong: float = 0.0) -> tuple[Any, Any]:
    """Return points of two half moons and their labels; a share of the labels is wrong."""
    T = rng.integers(0, 2, count)
    angle = rng.uniform(0, np.pi, count)
    X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    X = np.where(T[:, None] == 1, np.array([1, 0.5]) - X, X) + rng.normal(0, 0.15, X.shape)
    return X, np.where(rng.random(count) < wrong, 1 - T, T)


def train(members: int, X: Any, T: Any, epochs: int, rng: np.random.Generator) -> nn.Ensemble:
    """Train all members, each on its own sample of the points."""
    ensemble = nn.Ensemble(members, [2, 32, 32, 2], rng=rng)
    optimizer = optim.Adam(ensemble.parameters(), lr=0.01)
    own = rng.integers(0, len(X), (members, len(X)))  # the points of each member

    def batches() -> Any:
        order = rng.permutation(len(X))
        for part in np.array_split(order, max(1, len(X) // 32)):
            yield X[own[:, part]], T[own[:, part]]  # of shape (K, batch, 2) and (K, batch)

    fit(ensemble, batches, ensemble.loss("softmax_cross_entropy"), optimizer, epochs=epochs)
    return ensemble


def draw(picture: Any, ensemble: nn.Ensemble, X: Any, T: Any) -> None:
    """Draw the members' boundaries, their mean, and their standard deviation."""
    sides = np.linspace(-2.2, 3.2, 151), np.linspace(-1.9, 2.4, 121)
    grid = np.stack(np.meshgrid(*sides), axis=-1)
    P = ensemble.predictions(grid.reshape(-1, 2), "softmax")[..., 1]
    P = P.reshape(-1, *grid.shape[:2])
    panels = picture.subplots(1, 3, sharey=True)
    for member in P:
        panels[0].contour(*sides, member, [0.5], colors=GREY, linewidths=0.8)
    panels[0].contour(*sides, P.mean(0), [0.5], colors=BLACK, linewidths=2.2)
    panels[0].plot([], [], color=GREY, linewidth=0.8, label=f"boundaries of {len(P)} members")
    panels[0].plot([], [], color=BLACK, linewidth=2.2, label="boundary of their mean")
    panels[0].set(title="boundaries")
    for panel, shown, most, colours, title in (
        (panels[1], P.mean(0), 1.0, "cividis", "mean probability of class 1"),
        (panels[2], P.std(0), 0.5, "magma", "standard deviation over members"),
    ):
        shades = panel.contourf(*sides, shown, np.linspace(0, most, 21), cmap=colours)
        picture.colorbar(shades, ax=panel, shrink=0.9, pad=0.02, ticks=[0, most / 2, most])
        panel.set(title=title)
    for panel in panels:
        for label, colour, marker in ((0, ORANGE, "o"), (1, BLUE, "s")):
            points = X[label == T].T
            panel.scatter(
                *points, 12, c=colour, marker=marker, edgecolors="white", linewidths=0.4,
                label=f"class {label} as labelled",
            )  # fmt: skip
        panel.set(aspect="equal", xlabel="x₁")
        panel.grid(False)
    panels[0].set(ylabel="x₂")
    picture.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train, print and draw; return accuracies, and the standard deviations near and far."""
    options = parser(__doc__ or "")
    options.add_argument("--members", type=int, default=16, help="number of networks (16)")
    options.add_argument("--epochs", type=int, help="number of epochs (150; quick: 50)")
    options.add_argument("--repeats", type=int, help="number of data sets (10; quick: 2)")
    args = options.parse_args(argv)
    epochs = args.epochs or (50 if args.quick else 150)
    repeats = args.repeats or (2 if args.quick else 10)

    found: dict[str, list[Any]] = {"member": [], "mean": [], "vote": [], "near": [], "far": []}
    for repeat in progress(range(repeats), "data sets"):
        rng = np.random.default_rng([args.seed, repeat])
        X, T = moons(rng, 200, wrong=0.1)
        test_X, test_T = moons(rng, 5000)
        ensemble = train(args.members, X, T, epochs, rng)
        Z = ensemble.predictions(test_X)
        found["member"].append(np.mean(Z.argmax(-1) == test_T, axis=1))
        found["mean"].append(np.mean(ensemble.mean(test_X, "softmax").argmax(-1) == test_T))
        found["vote"].append(np.mean(ensemble.vote(test_X) == test_T))
        found["near"].append(ensemble.spread(test_X, "softmax").mean())
        far = 6 * np.exp(2j * np.pi * rng.random(500))
        found["far"].append(ensemble.spread(np.stack([far.real, far.imag], 1), "softmax").mean())
        if repeat == 0:
            first = ensemble, X, T

    members = np.array(found["member"])
    each = {
        "one member, on average": members.mean(1),
        "best member, chosen on test points": members.max(1),
        "mean of all members": np.array(found["mean"]),
        "vote of all members": np.array(found["vote"]),
    }
    print(f"test accuracy, {repeats} data sets of 200 points with 10 % wrong labels")
    rows = [[name, f"{100 * a.mean():.1f} %", f"{100 * a.std():.1f} %"] for name, a in each.items()]
    table(["classifier", "accuracy", "std over data sets"], rows)
    near, far = np.mean(found["near"]), np.mean(found["far"])
    print(f"std over members: {near:.2f} at test points, {far:.2f} far from all points\n")

    picture = figure(15, 5, f"An ensemble of {args.members} networks on two moons")
    draw(picture, *first)
    save(picture, args.output, "ensembles")
    return {**{name: float(a.mean()) for name, a in each.items()}, "near": near, "far": far}


if __name__ == "__main__":
    main()
