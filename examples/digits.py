"""Handwritten digits: scikit-learn's 1797 images of 8 x 8 pixels, ten classes.

The images are split into three parts with equal shares of every digit. Networks of three sizes
train on the training part, where half of the images are shifted by up to a pixel. The validation
part decides which network is chosen. The chosen network sees the test part once, at the end. Each
network is trained from several random seeds.

The last layer gives ten logits Z, softmax turns them into probabilities, and the loss is -log of
the probability of the true digit T. The delta of the last layer then has the short form

    dE/dZ = (softmax(Z) - T) / number of images
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from _script import BLUE, VERMILLION, figure, parser, progress, save, table

from deltaprop import nn, optim, training
from deltaprop.viz import plot_confusion_matrix

CANDIDATES = [(64,), (128, 64), (128, 128, 64)]  # widths of the hidden layers
DROPOUT = 0.1


class Part(NamedTuple):
    """Images, each a row of 64 numbers from 0 to 1, and the digits that they show."""

    X: Any
    T: Any


class Run(NamedTuple):
    """A trained network, and the history of its training."""

    network: nn.MLP
    history: training.History


def load(seed: int) -> tuple[Part, Part, Part]:
    """Return the training, validation and test parts: 60, 20 and 20 percent."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, T = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)  # a pixel is a whole number from 0 to 16

    def split(X: Any, T: Any, share: float) -> list[Any]:
        return train_test_split(X, T, test_size=share, stratify=T, random_state=seed)

    X, test_X, T, test_T = split(X, T, 0.2)
    X, validation_X, T, validation_T = split(X, T, 0.25)
    return Part(X, T), Part(validation_X, validation_T), Part(test_X, test_T)


def half_shifted(images: Any, rng: np.random.Generator) -> Any:
    """Return half of the images as they are, and the others shifted by up to a pixel."""
    kept = rng.random(len(images)) < 0.5
    return np.where(kept[:, None, None], images, training.Shift(1)(images, rng))


def predicted(network: nn.MLP, X: Any) -> Any:
    """Return the predicted digits: those of the largest logits."""
    return network(X).numpy().argmax(axis=1)


def accuracy(network: nn.MLP, part: Part) -> float:
    """Return the share of images that are classified correctly."""
    return float(np.mean(predicted(network, part.X) == part.T))


def learn(
    hidden: Sequence[int], train: Part, validation: Part, epochs: int, rng: np.random.Generator
) -> Run:
    """Train a network in float32, in batches of 32 images."""
    network = nn.MLP([64, *hidden, 10], "relu", dropout=DROPOUT, rng=rng, dtype=np.float32)
    optimizer = optim.AdamW(network.parameters(), lr=3e-3)
    history = training.fit(
        network,
        training.Augmented(train.X, train.T, [half_shifted], shape=(8, 8), rng=rng),
        "softmax_cross_entropy",
        optimizer,
        epochs=epochs,
        validation=validation,
        metrics={"accuracy": lambda T, Z: np.mean(Z.argmax(axis=1) == T)},
        schedule=optim.CosineDecay(optimizer, steps=epochs),
        progress=False,
    )
    return Run(network, history)


def draw_learning(axes: Any, runs: Sequence[Run]) -> None:
    """Draw the losses by epoch, one line for each seed."""
    epochs = np.arange(1, len(runs[0].history) + 1)
    for column, label, colour, style in (
        ("loss", "training, with shifts and dropout", BLUE, "-"),
        ("validation_loss", "validation", VERMILLION, "--"),
    ):
        losses = np.transpose([run.history[column] for run in runs])
        lines = axes.semilogy(epochs, losses, style, color=colour, alpha=0.7, linewidth=1.2)
        lines[0].set_label(label)
    axes.set(title=f"loss, {len(runs)} seeds", xlabel="epoch", ylabel="cross-entropy")
    axes.legend(loc="upper right")


def draw_misclassified(panels: Any, X: Any, truth: Any, seen: Any) -> None:
    """Draw the misclassified images, those with the most misclassifications first."""
    times = np.sum(seen != truth, axis=0)
    order = np.argsort(-times, kind="stable")
    for axes, i in zip(panels.ravel(), order, strict=False):
        axes.axis("off")
        if times[i]:
            axes.imshow(X[i].reshape(8, 8), cmap="gray_r")
            wrong = ", ".join(str(d) for d in np.unique(seen[:, i]) if d != truth[i])
            title = f"{truth[i]} taken for {wrong}\nby {times[i]} of {len(seen)}"
            axes.set_title(title, fontsize=9, loc="center")


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Choose, test, print and draw; return the widths chosen and the test accuracies."""
    options = parser(__doc__ or "")
    options.add_argument("--starts", type=int, help="random seeds (5; quick: 2)")
    options.add_argument("--epochs", type=int, help="number of epochs (60; quick: 15)")
    args = options.parse_args(argv)
    starts = args.starts or (2 if args.quick else 5)
    epochs = args.epochs or (15 if args.quick else 60)

    train, validation, test = load(args.seed)
    parts = f"{len(train.X)} training, {len(validation.X)} validation, {len(test.X)} test images"
    print(f"{parts}; {starts} seeds, {epochs} epochs\n")
    runs: dict[tuple[int, ...], list[Run]] = {hidden: [] for hidden in CANDIDATES}
    for hidden, start in progress([(h, s) for h in runs for s in range(starts)], "learning"):
        rng = np.random.default_rng([args.seed, start])
        runs[hidden].append(learn(hidden, train, validation, epochs, rng))

    # the choice: the best mean accuracy on the validation part
    score = {h: np.mean([r.history["accuracy"][-1] for r in each]) for h, each in runs.items()}
    chosen = max(score, key=lambda hidden: score[hidden])
    table(
        ["network", "training accuracy", "validation accuracy", ""],
        [
            [
                f"{each[0].network.sizes}",
                f"{np.mean([accuracy(run.network, train) for run in each]):.2%}",
                f"{score[hidden]:.2%}",
                "chosen" if hidden == chosen else "",
            ]
            for hidden, each in runs.items()
        ],
    )
    tested = [accuracy(run.network, test) for run in runs[chosen]]
    table(
        ["chosen network, seed", "test accuracy"],
        [*([str(k), f"{a:.2%}"] for k, a in enumerate(tested)), ["mean", f"{np.mean(tested):.2%}"]],
    )

    seen = np.array([predicted(run.network, test.X) for run in runs[chosen]])
    wrong = int(np.sum(np.any(seen != test.T, axis=0)))
    print(f"{wrong} of {len(test.T)} test images were misclassified by at least one run")
    picture = figure(15, 5, f"Handwritten digits, network {runs[chosen][0].network.sizes}")
    left, right = picture.subfigures(1, 2, width_ratios=[2.1, 1])
    panels = left.subplots(1, 2)
    draw_learning(panels[0], runs[chosen])
    plot_confusion_matrix(np.broadcast_to(test.T, seen.shape), seen, axes=panels[1])
    panels[1].set_title(f"test images, {starts} seeds")
    right.suptitle(f"misclassified by any run: {wrong} of {len(test.T)}", fontsize=11)
    draw_misclassified(right.subplots(3, 4), test.X, test.T, seen)
    save(picture, args.output, "digits")
    return {"chosen": chosen, "test": tested}


if __name__ == "__main__":
    main()
