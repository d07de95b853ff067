"""Early stopping: a network that trains for too long learns the noise.

Points inside a bean-shaped region are of class 1, the others of class 0, and one label in seven is
wrong. The network has far more parameters than there are points. Its loss on the training points
keeps falling. Its loss on other points falls only at first and then rises, while the network draws
an island round each wrong label. So a part of the data, the validation points, is kept from the
training and decides when to stop: when their loss has not improved for `patience` epochs. Then the
weights of the best epoch are restored.

The best epoch was chosen with the validation points. The result is measured on test points, which
had no part in the choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from _script import BLACK, BLUE, GREEN, GREY, VERMILLION, figure, parser, progress, save, table

from deltaprop import nn, optim
from deltaprop.training import EarlyStopping, History, fit
from deltaprop.viz import plot_decision_boundary

WRONG = 1 / 7  # of the labels


class Run(NamedTuple):
    """A trained network, its history, and the epoch whose weights it has."""

    network: nn.MLP
    history: History
    kept: int


def inside(X: Any) -> Any:
    """Return the true classes, (N, 1): whether points lie in the region."""
    x, y = X[:, :1], X[:, 1:]
    return (0.4 * x**2 + (y + 0.5 * x**2 - 0.6) ** 2 < 1.2).astype(float)


def sample(count: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return points (count, 2) and labels, one in seven of which is wrong, (count, 1)."""
    X = rng.uniform(-2, 2, (count, 2))
    T, wrong = inside(X), rng.permutation(count) < WRONG * count
    return X, np.where(wrong[:, None], 1 - T, T)


def error(Z: Any, T: Any) -> float:
    """Return the mean cross-entropy of the logits Z for the labels T."""
    return nn.binary_cross_entropy_with_logits(Z, T).item()


def train(data: Any, validation: Any, epochs: int, patience: int | None, seed: int) -> Run:
    """Train, with early stopping if there is a patience."""
    network = nn.MLP([2, 64, 64, 1], "relu", rng=seed)
    stopping = EarlyStopping(patience=patience or epochs, restore=patience is not None)
    history = fit(
        network,
        data,
        nn.binary_cross_entropy_with_logits,
        optim.Adam(network.parameters(), lr=0.002),
        epochs=epochs,
        batch_size=50,
        validation=validation,
        callbacks=[stopping],
        rng=seed,
        progress=False,
    )
    return Run(network, history, stopping.best_epoch if patience else epochs)


def draw(data: Any, long: Run, stopped: Run, patience: int) -> Any:
    """Draw the losses by epoch, and both networks."""
    picture = figure(16, 4.9, "Early stopping")
    losses, *planes = picture.subplots(1, 3, width_ratios=[1, 1, 1])
    epochs, history = np.arange(1, len(long.history) + 1), long.history
    best, end = stopped.kept, len(stopped.history)
    losses.loglog(epochs, history.loss, color=BLUE, label="training points")
    losses.loglog(
        epochs, history.validation_loss, "--", color=VERMILLION, label="validation points"
    )
    losses.axvspan(best, end, color=GREEN, alpha=0.2, label=f"{patience} epochs of patience")
    lowest = history.validation_loss[best - 1]
    losses.plot(best, lowest, "o", color=GREEN, markersize=9, label=f"best: epoch {best}")
    losses.set(title="loss, by epoch", xlabel="epoch", ylabel="cross-entropy")
    losses.legend(loc="lower left")

    side = np.linspace(-2.3, 2.3, 200)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    for axes, run, when in ((planes[0], long, "at the end"), (planes[1], stopped, "stopped")):
        plot_decision_boundary(run.network, data[0], data[1].astype(int), axes=axes)
        true = inside(grid).reshape(len(side), -1)
        axes.contour(side, side, true, [0.5], colors=GREY, linestyles="--", linewidths=2.2)
        axes.set(title=f"{when}: weights of epoch {run.kept}", aspect="equal")
        axes.plot([], [], color=BLACK, label="boundary")
        axes.plot([], [], "--", color=GREY, linewidth=2.2, label="true boundary")
        axes.legend(ncols=2, fontsize=8, loc="lower left")
    return picture


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train twice, print and draw; return the test losses, and the best epoch."""
    options = parser(__doc__ or "")
    options.add_argument("--epochs", type=int, help="largest number of epochs (1000; quick: 300)")
    options.add_argument("--patience", type=int, default=80, help="epochs to wait (80)")
    options.add_argument(
        "--samples", type=int, default=200, help="training points, and as many for validation (200)"
    )
    args = options.parse_args(argv)
    epochs = args.epochs or (300 if args.quick else 1000)

    rng = np.random.default_rng(args.seed)
    data, validation, (test_X, test_T) = (
        sample(n, rng) for n in (args.samples, args.samples, 5000)
    )
    long, stopped = (
        train(data, validation, epochs, patience, args.seed)
        for patience in progress([None, args.patience], "training")
    )
    rows, found = [], {}
    for name, run in (("to the end", long), ("early stopping", stopped)):
        sets = (data, validation, (test_X, test_T))
        losses = [error(run.network(X), T) for X, T in sets]
        right = np.mean((run.network(test_X).numpy() > 0) == inside(test_X))
        rows.append([name, f"{len(run.history)}", f"{run.kept}", *(f"{x:.3f}" for x in losses)])
        rows[-1].append(f"{right:.1%}")
        found[name] = losses[-1]
    header = ["", "epochs", "best epoch", "training loss", "validation loss", "test loss"]
    header.append("test accuracy (clean labels)")
    table(header, rows)
    save(draw(data, long, stopped, args.patience), args.output, "early_stopping")
    return {**found, "kept": stopped.kept}


if __name__ == "__main__":
    main()
