"""Class imbalance: five of every hundred cases are positive, and the network misses most of them.

Two classes overlap, and the class that matters is rare. A network trained as usual, for a small
mean loss, calls almost every case negative: it has an accuracy of 95 % and misses most positives.
There are two remedies, each one argument of `fit`:

    class_weight="balanced"   the losses are weighted, so both classes have the same total weight
    shuffle="balanced"        each epoch has equally many points of each class; points of the rare
                              class are repeated

Both move the boundary to where it separates the classes best. Accuracy hides the problem; other
measures show it: the recall of each class (the share that is found) and its mean, the balanced
accuracy; precision, the share of true positives among the predicted ones; and F1, the harmonic
mean of precision and recall. Which remedy is right depends on the cost of each mistake.
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
    "no remedy": {},
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
        "recall": of_classes(metrics.recall_score),
        "precision": of_classes(lambda t, p: metrics.precision_score(t, p, zero_division=0)),
        "F1": of_classes(metrics.f1_score),
    }


def train(train: Data, validation: Data, way: dict[str, Any], epochs: int, seed: int) -> nn.MLP:
    """Train one way; keep the weights with the best balanced accuracy on the validation points."""
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
    """Draw each network's boundary, and its confusion matrix below."""
    picture = figure(13.5, 8.6, f"Class imbalance: {RARE:.0%} of the points are of class 1")
    panels = picture.subplots(2, len(networks), height_ratios=[1.15, 1])
    for (above, below), (name, network) in zip(panels.T, networks.items(), strict=True):
        plot_decision_boundary(network, *points, axes=above)
        above.set(title=name)
        seen = network(test.X).numpy().argmax(1)
        plot_confusion_matrix(test.T, seen, axes=below)
        right, found = np.mean(seen == test.T), np.mean(seen[test.T == 1])
        title = f"test: accuracy {right:.1%}, recall of class 1 {found:.0%}"
        below.set(title=title, xlabel="predicted class", ylabel="true class")
    return picture


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """Train each way, print and draw; return the measures on test points."""
    options = parser(__doc__ or "")
    options.add_argument("--epochs", type=int, help="largest number of epochs (200; quick: 60)")
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
