"""Dropout: a network that memorises mislabelled digits, and what dropout does about it.

A wide network trains on four hundred handwritten digits, and one in five of them has a wrong
label. Without dropout the network soon memorises all labels, the wrong ones too, and its accuracy
on unseen digits drops. In each training step, dropout sets each hidden unit to zero with the
probability p (and scales the others by 1 / (1 - p)), so that no unit can rely on certain others.
The network then learns what many units agree on, and single exceptions are hard to memorise. In
evaluation all units are used, which approximates a mean over all the thinned networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from _script import BLUE, GREEN, ORANGE, PURPLE, VERMILLION, figure, parser, progress, save, table

from deltaprop import nn, optim
from deltaprop.training import History, fit, of_classes

RATES = (0.0, 0.25, 0.5, 0.75)
COLOURS = dict(zip(RATES, (VERMILLION, ORANGE, BLUE, PURPLE), strict=True))
STYLES = dict(zip(RATES, ("-", "--", "-.", ":"), strict=True))
WRONG = 0.2  # of the labels


def load(count: int, seed: int) -> tuple[tuple[Any, Any], Any, tuple[Any, Any]]:
    """Return `count` images with labels, their true digits, and all other images."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, T = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    X, test_X, T, test_T = train_test_split(X, T, train_size=count, stratify=T, random_state=seed)
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(count) < WRONG * count
    labels = np.where(wrong, (T + rng.integers(1, 10, count)) % 10, T)
    return (X, labels), T, (test_X, test_T)


def train(p: float, data: Any, test: Any, epochs: int, seed: int) -> tuple[nn.MLP, History]:
    """Train with dropout p; the history has the loss and accuracy on the other images."""
    network = nn.MLP([64, 128, 128, 10], "relu", dropout=p, rng=seed, dtype=np.float32)
    history = fit(
        network,
        data,
        nn.softmax_cross_entropy,
        optim.Adam(network.parameters(), lr=2e-3),
        epochs=epochs,
        validation=test,
        metrics={"accuracy": of_classes(lambda true, seen: np.mean(true == seen))},
        rng=seed,
        progress=False,
    )
    return network, history


def memorised(networks: Sequence[nn.MLP], X: Any, labels: Any, true: Any) -> tuple[float, float]:
    """Return the shares of mislabelled images classified as labelled, and as the true digit."""
    wrong = labels != true
    seen = np.array([network(X[wrong]).numpy().argmax(1) for network in networks])
    return float(np.mean(seen == labels[wrong])), float(np.mean(seen == true[wrong]))


def draw_learning(panels: Any, runs: dict[float, list[History]]) -> None:
    """Draw loss and accuracy on unseen images by epoch: mean and range over the seeds."""
    loss, accuracy = panels
    for p, histories in runs.items():
        epochs = np.arange(1, len(histories[0]) + 1)
        for axes, name, scale in ((loss, "validation_loss", 1), (accuracy, "accuracy", 100)):
            curves = scale * np.array([history[name] for history in histories])
            look = {"color": COLOURS[p], "linestyle": STYLES[p], "label": f"p = {p:g}"}
            axes.plot(epochs, curves.mean(0), **look)
            axes.fill_between(epochs, curves.min(0), curves.max(0), color=COLOURS[p], alpha=0.15)
    best = min(np.mean([h.validation_loss[-1] for h in histories]) for histories in runs.values())
    loss.set(title="loss on unseen digits", xlabel="epoch", ylabel="cross-entropy")
    loss.set(ylim=(0.7 * best, 4 * best))
    accuracy.set(title="accuracy on unseen digits", xlabel="epoch", ylabel="%", ylim=(55, 97))
    for axes in panels:
        axes.legend()


def draw_mislabelled(axes: Any, kept: dict[float, tuple[float, float]]) -> None:
    """Draw how the mislabelled digits are classified."""
    places, shares = np.arange(len(kept)), 100 * np.array([*kept.values()]).T
    for shift, share, colour, label in (
        (-0.2, shares[0], VERMILLION, "classified as labelled: memorised"),
        (0.2, shares[1], GREEN, "classified as the true digit"),
    ):
        bars = axes.bar(places + shift, share, 0.38, color=colour, label=label)
        axes.bar_label(bars, fmt="%.0f", padding=2)
    axes.set(title="mislabelled training digits", ylabel="%", ylim=(0, 125))
    axes.set_xticks(places, [f"p = {p:g}" for p in kept])
    axes.set_yticks(range(0, 101, 20))
    axes.legend(loc="upper center")


def main(argv: Sequence[str] | None = None) -> dict[float, dict[str, float]]:
    """Train with each p, print and draw; return losses and accuracies on unseen digits."""
    options = parser(__doc__ or "")
    options.add_argument("--epochs", type=int, help="number of epochs (60; quick: 25)")
    options.add_argument("--starts", type=int, help="seeds for each p (3; quick: 1)")
    options.add_argument("--samples", type=int, default=400, help="training digits (400)")
    args = options.parse_args(argv)
    epochs = args.epochs or (25 if args.quick else 60)
    starts = args.starts or (1 if args.quick else 3)

    data, true, test = load(args.samples, args.seed)
    print(f"{len(data[0])} training digits, {len(test[0])} unseen; seeds for each p: {starts}\n")
    rates = RATES[::2] if args.quick else RATES
    runs: dict[float, list[History]] = {p: [] for p in rates}
    networks: dict[float, list[nn.MLP]] = {p: [] for p in rates}
    for p, start in progress([(p, start) for p in rates for start in range(starts)], "training"):
        network, history = train(p, data, test, epochs, args.seed + start)
        runs[p].append(history)
        networks[p].append(network)

    kept = {p: memorised(networks[p], *data, true) for p in rates}
    rows, found = [], {}
    for p, histories in runs.items():
        loss = np.mean([history.validation_loss[-1] for history in histories])
        right = np.mean([history["accuracy"][-1] for history in histories])
        numbers = [f"{loss:.3f}", f"{right:.1%}", *(f"{share:.0%}" for share in kept[p])]
        rows.append([f"p = {p:g}", *numbers])
        found[p] = {"loss": float(loss), "accuracy": float(right)}
    header = ["dropout", "unseen: loss", "accuracy", "mislabelled: as labelled", "as true digit"]
    table(header, rows)
    picture = figure(14, 4.6, "Dropout: one in five training digits is mislabelled")
    *learning, mislabelled = picture.subplots(1, 3)
    draw_learning(learning, runs)
    draw_mislabelled(mislabelled, kept)
    save(picture, args.output, "dropout")
    return found


if __name__ == "__main__":
    main()
