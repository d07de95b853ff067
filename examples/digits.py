"""Reading handwritten digits: scikit-learn's 1797 pictures of 8 x 8 pixels, ten classes.

The pictures are split in three, each part with its share of every digit. Networks learn from the
training part, whose pictures are moved about by a pixel; the validation part says which network
to take; the test part is looked at once, at the end, by the network that was taken. Each network
is trained from several random starts.

The last layer gives ten logits Z, softmax makes them probabilities, and the error is -log of the
probability of the true digit T. The delta of the last layer then has the short form

    dE/dZ = (softmax(Z) - T) / number of pictures
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from _script import BLUE, VERMILLION, figure, parser, progress, save, table

from deltaprop import nn, optim
from deltaprop.viz import plot_confusion_matrix

CANDIDATES = [(64,), (128, 64), (128, 128, 64)]  # widths of the hidden layers
DROPOUT = 0.1


class Part(NamedTuple):
    """Pictures, one a row of 64 numbers from 0 to 1, and the digits that they show."""

    X: Any
    T: Any


class Run(NamedTuple):
    """A trained network, and its accuracies after each epoch."""

    network: nn.MLP
    train: list[float]
    validation: list[float]


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


def moved(X: Any, rng: np.random.Generator) -> Any:
    """Return the pictures moved by up to a pixel each way: they still show the same digits."""
    framed = np.pad(X.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    down, right = rng.binomial(2, 0.5, 2)  # 1 is where they were
    return framed[:, down : down + 8, right : right + 8].reshape(-1, 64)


def read(network: nn.MLP, X: Any) -> Any:
    """Return the digits that the network sees: those of the largest logits."""
    return network.eval()(X).numpy().argmax(axis=1)


def accuracy(network: nn.MLP, part: Part) -> float:
    """Return the share of pictures that are read right."""
    return float(np.mean(read(network, part.X) == part.T))


def learn(
    hidden: Sequence[int], train: Part, validation: Part, epochs: int, rng: np.random.Generator
) -> Run:
    """Train a network in float32, in batches of about 32 pictures."""
    network = nn.MLP([64, *hidden, 10], "relu", dropout=DROPOUT, rng=rng, dtype=np.float32)
    optimizer = optim.AdamW(network.parameters(), lr=3e-3)
    schedule = optim.CosineDecay(optimizer, steps=epochs)
    run = Run(network, [], [])
    for _ in range(epochs):
        network.train()  # dropout on
        for rows in np.array_split(rng.permutation(len(train.X)), len(train.X) // 32):
            optimizer.zero_grad()
            Z = network(moved(train.X[rows], rng))
            nn.softmax_cross_entropy(Z, train.T[rows]).backward()
            optimizer.step()
        schedule.step()
        run.train.append(accuracy(network, train))
        run.validation.append(accuracy(network, validation))
    return run


def draw_learning(axes: Any, runs: Sequence[Run]) -> None:
    """Draw the accuracies by epoch, a line for each start."""
    epochs = np.arange(1, len(runs[0].train) + 1)
    for part, colour, style in (("train", BLUE, "-"), ("validation", VERMILLION, "--")):
        percent = 100 * np.array([getattr(run, part) for run in runs])
        lines = axes.plot(epochs, percent.T, style, color=colour, alpha=0.7, linewidth=1.2)
        lines[0].set_label(part)
    axes.set(title="learning, from each start", xlabel="epoch", ylabel="read right, %")
    axes.set(ylim=(89.5, 100.5))
    axes.legend(loc="lower right")


def draw_misread(panels: Any, X: Any, truth: Any, seen: Any) -> None:
    """Draw pictures that were misread, first those by most starts."""
    times = np.sum(seen != truth, axis=0)
    order = np.argsort(-times, kind="stable")
    for axes, i in zip(panels.ravel(), order, strict=False):
        axes.axis("off")
        if times[i]:
            axes.imshow(X[i].reshape(8, 8), cmap="gray_r")
            wrong = ", ".join(str(d) for d in np.unique(seen[:, i]) if d != truth[i])
            title = f"{truth[i]} read as {wrong}\nby {times[i]} of {len(seen)}"
            axes.set_title(title, fontsize=9, loc="center")


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Choose, test, print and draw; return the widths chosen and the test accuracies."""
    options = parser(__doc__ or "")
    options.add_argument("--starts", type=int, help="random starts (5; quick: 2)")
    options.add_argument("--epochs", type=int, help="times through the data (60; quick: 15)")
    args = options.parse_args(argv)
    starts = args.starts or (2 if args.quick else 5)
    epochs = args.epochs or (15 if args.quick else 60)

    train, validation, test = load(args.seed)
    parts = f"{len(train.X)} to learn from, {len(validation.X)} to choose by, {len(test.X)} to test"
    print(f"{parts}; {starts} starts, {epochs} epochs\n")
    runs: dict[tuple[int, ...], list[Run]] = {hidden: [] for hidden in CANDIDATES}
    for hidden, start in progress([(h, s) for h in runs for s in range(starts)], "learning"):
        rng = np.random.default_rng([args.seed, start])
        runs[hidden].append(learn(hidden, train, validation, epochs, rng))

    # the choice: the best on the validation part, in the mean over the starts
    score = {h: np.mean([run.validation[-1] for run in each]) for h, each in runs.items()}
    chosen = max(score, key=lambda hidden: score[hidden])
    table(
        ["network", "training", "validation", ""],
        [
            [
                f"{each[0].network.sizes}",
                f"{np.mean([run.train[-1] for run in each]):.2%}",
                f"{score[hidden]:.2%}",
                "chosen" if hidden == chosen else "",
            ]
            for hidden, each in runs.items()
        ],
    )
    tested = [accuracy(run.network, test) for run in runs[chosen]]
    table(
        ["the chosen, start", "test"],
        [*([str(k), f"{a:.2%}"] for k, a in enumerate(tested)), ["mean", f"{np.mean(tested):.2%}"]],
    )

    seen = np.array([read(run.network, test.X) for run in runs[chosen]])
    wrong = int(np.sum(np.any(seen != test.T, axis=0)))
    print(f"of {len(test.T)} test pictures, {wrong} were misread from at least one start")
    picture = figure(15, 5, f"Handwritten digits, network {runs[chosen][0].network.sizes}")
    left, right = picture.subfigures(1, 2, width_ratios=[2.1, 1])
    panels = left.subplots(1, 2)
    draw_learning(panels[0], runs[chosen])
    plot_confusion_matrix(np.broadcast_to(test.T, seen.shape), seen, axes=panels[1])
    panels[1].set_title(f"test pictures, {starts} starts")
    right.suptitle(f"misread from any start: {wrong} of {len(test.T)}", fontsize=11)
    draw_misread(right.subplots(3, 4), test.X, test.T, seen)
    save(picture, args.output, "digits")
    return {"chosen": chosen, "test": tested}


if __name__ == "__main__":
    main()
