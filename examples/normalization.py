"""Batch and layer normalisation: a deep network learns at rates that break other networks.

Both bring the Z of a layer to mean 0 and variance 1 before the activation, and then apply a scale
and an offset, which are learned:

    Y = gamma * (Z - mean) / sqrt(variance + eps) + beta

Batch normalisation takes the mean and variance of each unit over the batch, layer normalisation
those of each sample over the units. At inference there may be no batch, so batch normalisation
keeps running averages and uses them (`model.eval()`).

Each network classifies scikit-learn's handwritten digits with 8 hidden layers of 32 units. The
standard deviation of the initial weights is half of what suits relu.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from _script import BLUE, GREY, ORANGE, VERMILLION, figure, parser, progress, save, table

from deltaprop import nn, optim
from deltaprop.training import fit, of_classes

DEPTH, WIDTH = 8, 32  # hidden layers, and units in each
KINDS = {"none": (GREY, "o"), "batch": (BLUE, "s"), "layer": (ORANGE, "D")}


class Run(NamedTuple):
    """A trained network, its loss by epoch, and its test accuracy."""

    model: nn.MLP
    loss: list[float]
    accuracy: float


def digits(seed: int, count: int | None) -> Any:
    """Return training and test images (X, T), with mean 0 and variance 1."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, T = load_digits(return_X_y=True)
    X = ((X - X.mean()) / X.std()).astype(np.float32)
    X, test_X, T, test_T = train_test_split(X, T, test_size=0.3, stratify=T, random_state=seed)
    return (X[:count], T[:count]), (test_X, test_T)


def learn(kind: str, lr: float, train: Any, test: Any, epochs: int, seed: int) -> Run:
    """Train by gradient descent with momentum, to the end or until the loss is not finite."""
    model = nn.MLP(
        [64, *[WIDTH] * DEPTH, 10],
        "relu",
        init=lambda *given: 0.5 * nn.he_normal(*given),
        normalization=None if kind == "none" else kind,
        rng=seed,
        dtype=np.float32,
    )
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    accuracy = {"accuracy": of_classes(lambda target, read: np.mean(target == read))}
    try:
        history = fit(
            model, train, "softmax_cross_entropy", optimizer,
            epochs=epochs, validation=test, metrics=accuracy, rng=seed,
        )  # fmt: skip
    except FloatingPointError:  # the loss became NaN or infinite
        return Run(model, [], 0.1)
    return Run(model, history.loss, history["accuracy"][-1])


def draw(panels: Any, runs: dict[tuple[str, float], Run], rates: Sequence[float]) -> None:
    """Draw accuracies by learning rate, and losses by epoch at each network's best rate."""
    for kind, (colour, marker) in KINDS.items():
        accuracies = [100 * runs[kind, rate].accuracy for rate in rates]
        best = rates[int(np.argmax(accuracies))]
        panels[0].semilogx(rates, accuracies, color=colour, marker=marker, label=kind)
        loss = runs[kind, best].loss
        label = f"{kind}, at its best rate {best:g}"
        panels[1].semilogy(
            np.arange(1, len(loss) + 1), loss, color=colour, marker=marker, label=label
        )
    panels[0].axhline(10, color=VERMILLION, linewidth=1, linestyle=":", label="guessing")
    panels[0].set(title="test accuracy, %", xlabel="learning rate", ylim=(0, 102))
    panels[1].set(title="training loss", xlabel="epoch")
    panels[1].xaxis.get_major_locator().set_params(integer=True)
    for panel, corner in zip(panels, ("center left", "lower left"), strict=True):
        panel.legend(title="normalisation", loc=corner)


def main(argv: Sequence[str] | None = None) -> dict[tuple[str, float], Run]:
    """Train each network at each rate, print and draw; return the runs by kind and rate."""
    options = parser(__doc__ or "")
    options.add_argument("--epochs", type=int, help="number of epochs (15; quick: 3)")
    args = options.parse_args(argv)
    epochs = args.epochs or (3 if args.quick else 15)
    rates = [0.01, 0.1, 1.0] if args.quick else [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
    train, test = digits(args.seed, 512 if args.quick else None)

    runs = {
        (kind, rate): learn(kind, rate, train, test, epochs, args.seed)
        for kind, rate in progress([(k, r) for k in KINDS for r in rates], "networks")
    }
    print(f"test accuracy after {epochs} epochs, by learning rate")
    rows = [[k, *(f"{100 * runs[k, rate].accuracy:.1f} %" for rate in rates)] for k in KINDS]
    table(["normalisation", *map(str, rates)], rows)

    # with the running statistics, the output for one image does not depend on the batch
    model, images = runs["batch", 0.1].model, test[0]
    alone = np.concatenate([model(image[None]).numpy() for image in images[:20]])
    together = model(images).numpy()[:20]
    same = np.allclose(alone, together, rtol=1e-3, atol=1e-3)
    print(f"evaluation does not depend on the rest of the batch: {same}")

    picture = figure(11, 4.6, f"{DEPTH} hidden layers, with and without normalisation")
    draw(picture.subplots(1, 2), runs, rates)
    save(picture, args.output, "normalization")
    return runs


if __name__ == "__main__":
    main()
