"""Initialisation: six ways to draw the initial weights of a deep network, compared.

In a layer Z = A W each Z is a sum of n_in terms, so its variance is n_in x (variance of W) x (mean
of A squared). The variance stays the same from layer to layer if W has the variance 1 / n_in
(LeCun). On the way back the deltas are sums of n_out terms, and the variance 2 / (n_in + n_out) is
a compromise (Glorot). relu sets half of the Z to 0, and the variance 2 / n_in makes up for it (He).
An orthogonal W keeps the length of the vectors that it multiplies. If the weights are too small or
too large, activations and deltas shrink or grow by a factor in each layer.

Each network classifies scikit-learn's handwritten digits with 10 hidden layers of 64 units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from _script import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    VERMILLION,
    figure,
    parser,
    progress,
    save,
    table,
)  # fmt: skip

from deltaprop import nn, optim
from deltaprop.training import GradientFlow, fit

DEPTH, WIDTH = 10, 64  # hidden layers, and units in each
GAIN = {"tanh": 1.0, "relu": math.sqrt(2)}  # of orthogonal weights: relu halves the mean square


class Way(NamedTuple):
    """How the weights are drawn, by activation; and the line style in the figure."""

    draw: Any
    colour: str
    style: str = "-"


WAYS = {
    "too small: 0.3 of LeCun's": Way(
        lambda _: lambda *given: 0.3 * nn.lecun_normal(*given), VERMILLION, "--"
    ),
    "LeCun: 1 / n_in": Way(lambda _: nn.lecun_normal, ORANGE),
    "Glorot: 2 / (n_in + n_out)": Way(lambda _: nn.glorot_normal, GREEN),
    "He: 2 / n_in": Way(lambda _: nn.he_normal, BLUE),
    "orthogonal": Way(lambda name: partial(nn.orthogonal, gain=GAIN[name]), BLACK),
    "too large: 3 x LeCun's": Way(
        lambda _: lambda *given: 3 * nn.lecun_normal(*given), PURPLE, "--"
    ),
}


class Run(NamedTuple):
    """The sizes in each layer before the training and after each epoch, and the losses."""

    flow: GradientFlow
    loss: list[float]


def digits(count: int | None) -> tuple[Any, Any]:
    """Return images, each a row of 64 numbers (mean 0 and variance 1), and their digits."""
    from sklearn.datasets import load_digits

    X, T = load_digits(return_X_y=True)
    return ((X - X.mean()) / X.std()).astype(np.float32)[:count], T[:count]


def train(activation: str, way: Way, data: Any, epochs: int, seed: int) -> Run:
    """Train by gradient descent with momentum, to the end or until the loss is not finite."""
    model = nn.MLP(
        [64, *[WIDTH] * DEPTH, 10],
        activation,
        init=way.draw(activation),
        rng=seed,
        dtype=np.float32,
    )
    flow, optimizer = GradientFlow(), optim.SGD(model.parameters(), lr=0.003, momentum=0.9)
    losses: list[float] = []
    try:
        history = fit(
            model, data, "softmax_cross_entropy", optimizer,
            epochs=epochs, callbacks=[flow], rng=seed,
        )  # fmt: skip
        losses = history.loss
    except FloatingPointError:  # the loss became NaN or infinite
        pass
    return Run(flow, losses)


def draw(panels: Any, activation: str, runs: dict[str, Run]) -> None:
    """Draw activations and deltas by layer before the training, and losses by epoch."""
    sizes, deltas, losses = panels
    for name, run in runs.items():
        look = {"color": WAYS[name].colour, "linestyle": WAYS[name].style}
        for panel, size in ((sizes, "activation_std"), (deltas, "delta")):
            column = [rows[0] for rows in run.flow[size].values()]
            layers = np.arange(1, len(column) + 1)
            panel.semilogy(layers, column, marker=".", label=name, **look)
            panel.set(xlabel="layer", xticks=layers[::2])
        losses.semilogy(np.arange(1, len(run.loss) + 1), run.loss, **look)
    sizes.set(title=f"{activation}: activations, std over the data")
    deltas.set(title=f"{activation}: deltas dL/dZ, mean size")
    diverged = [name for name, run in runs.items() if not run.loss]
    if diverged:
        text = f"diverged in the first epoch: {', '.join(diverged)}"
        losses.text(0.03, 0.03, text, transform=losses.transAxes, fontsize=9)
    losses.set(title=f"{activation}: loss", xlabel="epoch")
    losses.xaxis.get_major_locator().set_params(integer=True)


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, Run]]:
    """Train each network, print and draw; return the runs by activation and way."""
    options = parser(__doc__ or "")
    options.add_argument("--epochs", type=int, help="number of epochs (20; quick: 2)")
    args = options.parse_args(argv)
    epochs = args.epochs or (2 if args.quick else 20)
    data = digits(300 if args.quick else None)

    runs: dict[str, dict[str, Run]] = {"tanh": {}, "relu": {}}
    for activation, name in progress([(a, n) for a in runs for n in WAYS], "networks"):
        runs[activation][name] = train(activation, WAYS[name], data, epochs, args.seed)
    for activation, found in runs.items():
        rows = []
        for name, run in found.items():
            spread = [column[0] for column in run.flow["activation_std"].values()][DEPTH - 1]
            deltas = [column[0] for column in run.flow["delta"].values()]
            loss = f"{run.loss[-1]:.4f}" if run.loss else "diverged"
            ratio = deltas[0] / deltas[DEPTH - 1]
            rows.append([name, f"{spread:.1e}", f"{ratio:.1e}", loss])
        print(f"{activation}: before the training, and the loss after {epochs} epochs")
        table(
            ["variance of the weights", f"std, layer {DEPTH}", "delta 1 / delta 10", "loss"], rows
        )

    picture = figure(15, 9, f"Initial weights, {DEPTH} hidden layers")
    panels = picture.subplots(2, 3)
    for row, (activation, found) in zip(panels, runs.items(), strict=True):
        draw(row, activation, found)
    picture.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
    save(picture, args.output, "initialization")
    return runs


if __name__ == "__main__":
    main()
