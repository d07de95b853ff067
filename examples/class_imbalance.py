"""Class imbalance: of a hundred points five are ill, and nobody finds them.

Two classes overlap; the class that matters is rare. A network that is trained as always, to make
the mean loss small, does well to call almost everything healthy: 95 % accuracy, and most of the
ill are missed. Two remedies, each one argument of `fit`:

    class_weight="balanced"   the loss of each point is weighed, so that each class as a whole
                              weighs the same
    shuffle="balanced"        each epoch has equally many points of each class; those of the rare
                              one come again and again

Both move the boundary to where the classes, not the points, are told apart best. What accuracy
hides, other measures show: the share of each class that is found, and its mean, the balanced
accuracy; of those called ill, how many are (precision); and F1, the harmonic mean of precision
and share found. Which remedy is right depends on what a mistake costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from _script import figure, parser, progress, save, table

from deltaprop import nn, optim
from deltaprop.training import EarlyStopping, fit, of_classes
from deltaprop.viz import plot_confusion_matrix, plot_decision_boundary

RARE = 0.05
WAYS: dict[str, dict[str, Any]] = {
    "as always": {},
    "class weights": {"class_weight": "balanced"},
    "balanced draws": {"shuffle": "balanced"},
}


class Data(NamedTuple):
    """Points (N, 2), and their classes (N,): 0 is common, 1 is rare."""

    X: Any
    T: Any


def sample(count: int, rng: np.random.Generator) -> Data:
    """Return points of which exactly a share RARE is of the rare class."""
    T = rng.permutation(np.arange(count) < RARE * count).astype(int)
    angle = rng.uniform(0.15 * np.pi, 0.85 * np.pi, count)
    arc = np.stack([2.2 * np.cos(angle), 2.6 * np.sin(angle) - 1.2], axis=1)
    blob = np.array([0.0, 0.1])
    return Data(np.where(T[:, None] == 1, blob, arc) + rng.normal(0, 0.55, (count, 2)), T)


def measures() -> dict[str, Any]:
    """Return scikit-learn's metrics, made to take a network's logits."""
    from sklearn import metrics

    return {
        "accuracy": of_classes(metrics.accuracy_score),
        "balanced accuracy": of_classes(metrics.balanced_accuracy_score),
        "found": of_classes(metrics.recall_score),
        "precision": of_classes(lambda t, p: metrics.precision_score(t, p, zero_division=0)),
        "F1": of_classes(metrics.f1_score),
    }


def train(train: Data, validation: Data, way: dict[str, Any], epochs: int, seed: int) -> nn.MLP:
    """Train one way; the epoch that balances best on the validation points is kept."""
    network = nn.MLP([2, 16, 16, 2], "tanh", rng=seed)
    fit(
        network,
        tuple(train),
        nn.softmax_cross_entropy,
        optim.Adam(network.parameters(), lr=0.003),
        epochs=epochs,
        batch_size=64,
        validation=tuple(validation),
        callbacks=[EarlyStopping(patience=30)],
        rng=seed,
        progress=False,
        **way,
    )
    return network


def draw(networks: dict[str, nn.MLP], points: Data, test: Data) -> Any:
    """Draw each network's boundary, and below it what it takes for what."""
    picture = figure(13.5, 8.6, f"Class imbalance: {RARE:.0%} of the points are of class 1")
    panels = picture.subplots(2, len(networks), height_ratios=[1.15, 1])
    for (above, below), (name, network) in zip(panels.T, networks.items(), strict=True):
        plot_decision_boundary(network, *points, axes=above)
        above.set(title=name)
        seen = network(test.X).numpy().argmax(1)
        plot_confusion_matrix(test.T, seen, axes=below)
        right, found = np.mean(seen == test.T), np.mean(seen[test.T == 1])
        title = f"test points: {right:.1%} right, {found:.0%} of class 1 found"
        below.set(title=title, xlabel="taken for", ylabel="is of class")
    return picture


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """Train each way, print and draw; return the measures on test points."""
    options = parser(__doc__ or "")
    options.add_argument("--epochs", type=int, help="at most (200; quick: 60)")
    options.add_argument("--samples", type=int, default=1000, help="training points (1000)")
    args = options.parse_args(argv)
    epochs = args.epochs or (60 if args.quick else 200)

    rng = np.random.default_rng(args.seed)
    points, validation, test = (sample(n, rng) for n in (args.samples, args.samples, 10_000))
    networks = {
        name: train(points, validation, WAYS[name], epochs, args.seed)
        for name in progress(WAYS, "training")
    }
    found = {
        name: {what: f(test.T, network(test.X).numpy()) for what, f in measures().items()}
        for name, network in networks.items()
    }
    header = ["test points", *measures()]
    table(header, [[name, *(f"{x:.1%}" for x in row.values())] for name, row in found.items()])
    save(draw(networks, points, test), args.output, "class_imbalance")
    return found


if __name__ == "__main__":
    main()
