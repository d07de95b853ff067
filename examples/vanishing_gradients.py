"""Why deep networks are hard to train: gradients vanish or explode on the way back.

Backpropagation passes the deltas from layer to layer,

    delta_l = (delta_(l+1) W_(l+1)^T) * f'(Z_l)

so each layer multiplies them by about (size of the weights) x (size of f'). The f' of a sigmoid is
at most 1/4, so after 12 layers a delta almost vanishes, and the first layers do not learn. With
relu and weights that are twice too large, it grows a thousandfold, and the first step makes the
loss diverge. A factor near 1 avoids both: an activation whose derivative is near 1, weights drawn
to fit it, or normalised layers. The forward pass has the same problem: the activations of different
inputs become equal, or grow.

Every network has the same depth, width, data and learning rate.
`deltaprop.training.GradientFlow` measures the deltas before the training and after each epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from _script import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
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

DEPTH, WIDTH = 12, 32  # hidden layers, and units in each
LR = 0.01


class Case(NamedTuple):
    """An activation, the factor of its usual initial weights, and a normalisation."""

    activation: str
    scale: float = 1.0
    normalization: str | None = None
    colour: str = BLACK
    style: str = "-"


CASES = {
    "sigmoid": Case("sigmoid", colour=VERMILLION),
    "sigmoid, batch norm": Case("sigmoid", normalization="batch", colour=VERMILLION, style="--"),
    "tanh, half the weights": Case("tanh", 0.5, colour=GREEN),
    "tanh, half the weights, layer norm": Case("tanh", 0.5, "layer", GREEN, "--"),
    "relu, twice the weights": Case("relu", 2.0, colour=PURPLE),
    "relu, twice the weights, batch norm": Case("relu", 2.0, "batch", PURPLE, "--"),
    "tanh, Glorot's weights": Case("tanh", colour=BLACK),
    "relu, He's weights": Case("relu", colour=BLUE),
}


class Run(NamedTuple):
    """The sizes in each layer before the training and after each epoch, and the losses."""

    flow: GradientFlow
    loss: list[float]


def ring(rng: np.random.Generator, count: int) -> tuple[Any, Any]:
    """Return points of a square, and whether each is inside a ring."""
    X = rng.uniform(-1, 1, (count, 2))
    radius = np.hypot(*X.T)
    return X / X.std(), ((radius > 0.4) & (radius < 0.85)).astype(float)[:, None]


def network(case: Case, seed: int) -> nn.MLP:
    """Return a deep network with the usual initial weights of its activation, scaled."""
    suited = nn.initializer("he_normal" if case.activation == "relu" else "glorot_uniform")
    return nn.MLP(
        [2, *[WIDTH] * DEPTH, 1],
        case.activation,
        init=lambda shape, rng, dtype: case.scale * suited(shape, rng, dtype),
        normalization=case.normalization,
        rng=seed,
    )


def train(case: Case, X: Any, T: Any, epochs: int, seed: int) -> Run:
    """Train by gradient descent with momentum, to the end or until the loss is not finite."""
    model, flow = network(case, seed), GradientFlow()
    optimizer = optim.SGD(model.parameters(), lr=LR, momentum=0.9)
    losses: list[float] = []
    loss = "binary_cross_entropy_with_logits"
    try:
        history = fit(model, (X, T), loss, optimizer, epochs=epochs, callbacks=[flow], rng=seed)
        losses = history.loss
    except FloatingPointError:  # the loss became NaN or infinite
        pass
    return Run(flow, losses)


def draw_layers(panel: Any, runs: dict[str, Run], size: str, title: str) -> None:
    """Draw a size by layer, before the training."""
    for name, run in runs.items():
        case, sizes = CASES[name], [column[0] for column in run.flow[size].values()]
        layers = np.arange(1, len(sizes) + 1)
        panel.semilogy(layers, sizes, case.style, color=case.colour, marker=".", label=name)
    panel.set(title=title, xlabel=f"layer ({DEPTH + 1}: the output)", xticks=layers[::2])


def draw_losses(panel: Any, runs: dict[str, Run]) -> None:
    """Draw the losses by epoch, and name the networks whose loss diverged."""
    panel.axhline(np.log(2), color=GREY, linewidth=1)
    diverged = [(CASES[name].colour, name) for name, run in runs.items() if not run.loss]
    for k, (colour, name) in enumerate(diverged):
        text = f"diverged in the first epoch:\n{name}"
        place = {"transform": panel.transAxes, "va": "bottom", "fontsize": 9}
        panel.text(0.03, 0.03 + 0.12 * k, text, color=colour, **place)
    for name, run in runs.items():
        panel.plot(
            np.arange(1, len(run.loss) + 1), run.loss, CASES[name].style, color=CASES[name].colour
        )
    panel.set(title="loss (grey line: guessing)", xlabel="epoch", ylim=(0, 0.85))


def main(argv: Sequence[str] | None = None) -> dict[str, Run]:
    """Train each network, print and draw; return the runs."""
    options = parser(__doc__ or "")
    options.add_argument("--epochs", type=int, help="number of epochs (60; quick: 6)")
    args = options.parse_args(argv)
    epochs = args.epochs or (6 if args.quick else 60)
    X, T = ring(np.random.default_rng(args.seed), 512)

    runs = {
        name: train(case, X, T, epochs, args.seed)
        for name, case in progress(CASES.items(), "networks")
    }
    rows = []
    for name, run in runs.items():
        deltas = [column[0] for column in run.flow["delta"].values()]
        first, last = deltas[0], deltas[-2]  # of the hidden layers
        loss = f"{run.loss[-1]:.3f}" if run.loss else "diverged"
        rows.append([name, f"{first:.1e}", f"{last:.1e}", f"{first / last:.1e}", loss])
    print(f"{DEPTH} hidden layers of {WIDTH} units; mean |delta| before the training")
    table(["network", "layer 1", f"layer {DEPTH}", "ratio", f"loss after {epochs}"], rows)

    picture = figure(15, 5.6, f"Gradients through {DEPTH} layers")
    panels = picture.subplots(1, 3)
    draw_layers(
        panels[0], runs, "activation_std", "activations A: standard deviation over the data"
    )
    draw_layers(panels[1], runs, "delta", "deltas dL/dZ: mean size")
    draw_losses(panels[2], runs)
    picture.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    save(picture, args.output, "vanishing_gradients")
    return runs


if __name__ == "__main__":
    main()
