"""The gradient of each sample: which samples pull a network where, and what it costs to hide them.

The gradient of a mean loss is the mean of the gradients of all samples. `dp.vmap(dp.grad(loss))`
computes the gradient of each sample, all at once. We use it on handwritten digits of 8 x 8 pixels.

1. Outliers. We give some of the training digits a wrong label, and invert a few like a negative.
   After training for a while, most gradients are small, but those of the outliers are among the
   largest. A sample with a wrong label pulls up the score of its label, and pulls down the score
   of the digit that it shows.
2. Differential privacy. A private network hardly depends on any single sample. So each gradient
   is clipped to a norm, and noise is added to the sum of all gradients. With `steps` steps, and
   noise of standard deviation sigma x the norm, let rho = steps / (2 sigma^2). For any delta, the
   network is (epsilon, delta) private with epsilon = rho + 2 sqrt(rho log(1 / delta)). Clipping
   costs accuracy, and a small epsilon costs more.
3. The Jacobian of a network: how each of the ten scores changes with each pixel. We show the mean
   of `dp.vmap(dp.jacobian(scores))` over all test images of a digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from _script import BLACK, BLUE, GREY, ORANGE, VERMILLION, figure, parser, progress, save, table

import deltaprop as dp
from deltaprop import nn

SIZES = (64, 32, 10)
EPSILONS = (8.0, 4.0, 2.0, 1.0, 0.5)
DELTA = 1e-4
COLOURS = "PuOr_r"
KINDS = {"right label": GREY, "wrong label": VERMILLION, "inverted": BLUE}


class Data(NamedTuple):
    """Images (N, 64) and their labels (N,); what each shows, and its place in KINDS."""

    X: Any
    T: Any
    shown: Any
    kind: Any


def load(rng: np.random.Generator, count: int, wrong: int, inverted: int) -> tuple[Data, Data]:
    """Return `count` training images with outliers among them, and all others for the test."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise SystemExit("the digits are scikit-learn's: pip install scikit-learn") from error
    X, T = load_digits(return_X_y=True)
    order = rng.permutation(len(X))
    X, T, kind = X[order] / 16, T[order], np.zeros(len(X), dtype=int)
    train, test = slice(count), slice(count, None)
    other = Data(X[test], T[test], T[test], kind[test])
    X, shown, kind = X[train], T[train], kind[train]
    outliers = rng.permutation(count)
    kind[outliers[:wrong]], kind[outliers[wrong : wrong + inverted]] = 1, 2
    T = np.where(kind == 1, (shown + rng.integers(1, 10, count)) % 10, shown)
    X = np.where((kind == 2)[:, None], 1 - X, X)
    return Data(X, T, shown, kind), other


# -- functions of one sample -------------------------------------------------------------------


def start(rng: np.random.Generator) -> list[Any]:
    """Return small weights, and biases of zero, of a network with one hidden layer."""
    n, hidden, classes = SIZES
    weights = [rng.normal(0, 0.3 / np.sqrt(n), shape) for shape in ((n, hidden), (hidden, classes))]
    return [weights[0], np.zeros(hidden), weights[1], np.zeros(classes)]


def scores(weights: Any, x: Any) -> Any:
    """Return the ten scores of an image."""
    W1, b1, W2, b2 = weights
    return np.tanh(x @ W1 + b1) @ W2 + b2


def loss(weights: Any, x: Any, t: Any) -> Any:
    """Return the cross-entropy of an image and its label."""
    return nn.softmax_cross_entropy(scores(weights, x), t)


def norm(gradient: Any) -> Any:
    """Return the length of a gradient, all of its arrays together."""
    return np.sqrt(sum((g * g).sum() for g in gradient))


def clipped(weights: Any, x: Any, t: Any, limit: float) -> Any:
    """Return the gradient of a sample, scaled down to the norm `limit` if it is longer."""
    gradient = dp.grad(loss)(weights, x, t)
    scale = np.minimum(1.0, limit / norm(gradient))
    return [scale * g for g in gradient]


# -- the same of all samples -------------------------------------------------------------------


def mean_loss(weights: Any, data: Data) -> Any:
    """Return the mean loss: the functions of one sample take rows of samples too."""
    return loss(weights, data.X, data.T)


def accuracy(weights: Any, data: Data) -> float:
    """Return the share of images whose highest score is that of the digit that they show."""
    return float(np.mean(scores(weights, data.X).argmax(1) == data.shown))


def train(weights: Any, data: Data, steps: int, rate: float = 1.0) -> Any:
    """Descend along the mean gradient."""
    step = dp.compile(dp.grad(lambda weights: mean_loss(weights, data)))
    for _ in range(steps):
        weights = [w - rate * g for w, g in zip(weights, step(weights), strict=True)]
    return weights


def train_privately(
    weights: Any, data: Data, steps: int, epsilon: float, rng: np.random.Generator
) -> Any:
    """Descend along the sum of clipped gradients and noise."""
    limit, rate = 1.0, 1.0

    @dp.compile
    def total(weights: Any, X: Any, T: Any) -> Any:
        gradients = dp.vmap(clipped, in_axes=(None, 0, 0, None))(weights, X, T, limit)
        return [g.sum(0) for g in gradients]

    sigma = noise(epsilon, steps) * limit
    for _ in range(steps):
        sums = total(weights, data.X, data.T)
        noisy = [g + sigma * rng.standard_normal(g.shape) for g in sums]
        weights = [w - rate / len(data.X) * g for w, g in zip(weights, noisy, strict=True)]
    return weights


def noise(epsilon: float, steps: int) -> float:
    """Return the sigma that makes `steps` steps (epsilon, DELTA) private."""
    log = np.log(1 / DELTA)
    rho = (np.sqrt(log + epsilon) - np.sqrt(log)) ** 2
    return float(np.sqrt(steps / (2 * rho)))


class Pulls(NamedTuple):
    """Of each sample: the norm of its gradient, and the change of each score that it asks for."""

    norm: Any
    scores: Any


def pulls(weights: Any, data: Data) -> Pulls:
    """Return the pull of each sample. The bias of a score changes as the score does."""
    gradients = dp.vmap(dp.grad(loss), in_axes=(None, 0, 0))(weights, data.X, data.T)
    return Pulls(dp.vmap(norm)(gradients), -gradients[-1])


# -- pictures ----------------------------------------------------------------------------------


def draw_norms(axes: Any, data: Data, found: Pulls, looked_at: int) -> None:
    """Draw each sample at the norm of its gradient, one row for each kind."""
    rng = np.random.default_rng(0)
    for k, (name, colour) in enumerate(KINDS.items()):
        of_kind = found.norm[data.kind == k]
        height = -k + rng.uniform(-0.3, 0.3, len(of_kind))
        axes.semilogx(of_kind, height, ".", color=colour, alpha=0.25 if k == 0 else 0.9, ms=8)
        axes.text(0.01, -k + 0.36, f"{name}: {len(of_kind)}", color=colour, fontweight="bold",
                  transform=axes.get_yaxis_transform())  # fmt: skip
    least = np.sort(found.norm)[-looked_at]
    axes.axvspan(least, found.norm.max() * 1.3, color=ORANGE, alpha=0.18, zorder=0)
    axes.text(least / 1.1, -2.47, f"the {looked_at} largest:", ha="right", color=BLACK)
    axes.set(title="1. The norm of each sample's gradient", xlabel="norm", yticks=[])
    axes.set(ylim=(-2.55, 0.62), xlim=(None, found.norm.max() * 1.3))


def draw_pulls(axes: Any, data: Data, found: Pulls, count: int) -> None:
    """Draw the images with the largest gradients, and where each pulls the ten scores."""
    largest = np.argsort(-found.norm)[:count]
    axes.imshow(found.scores[largest], cmap=COLOURS, vmin=-1, vmax=1, extent=(-0.5, 9.5, count, 0))
    for row, i in enumerate(largest):
        place = (-1.6, -0.7, row + 0.95, row + 0.05)
        axes.imshow(data.X[i].reshape(8, 8), cmap="gray_r", extent=place)
        colour = list(KINDS.values())[data.kind[i]]
        text = f"labelled {data.T[i]}"
        weight = "bold" if data.kind[i] else "normal"
        axes.text(-1.8, row + 0.5, text, ha="right", va="center", color=colour, fontweight=weight)
    axes.set(xlim=(-1.7, 9.5), ylim=(count, 0), xticks=range(10), yticks=[])
    axes.set_xlabel("score of digit")
    axes.set_title(f"Where the {count} largest pull: up (orange), down (violet)")
    axes.grid(False)
    axes.spines[:].set_visible(False)


def draw_accuracy(axes: Any, found: dict[str, list[float]]) -> None:
    """Draw the accuracy at each epsilon, and without privacy."""
    values = np.array([found[f"{e:g}"] for e in EPSILONS])
    axes.fill_between(EPSILONS, values.min(1), values.max(1), color=ORANGE, alpha=0.3)
    axes.semilogx(EPSILONS, values.mean(1), "o-", color=ORANGE, label="clipped, with noise")
    for name, style in (("clipped", "--"), ("neither", "-")):
        axes.axhline(np.mean(found[name]), color=BLACK, linestyle=style, label=name)
    axes.set(title="2. What privacy costs", xlabel="epsilon: smaller is more private",
             ylabel="accuracy on test images")  # fmt: skip
    axes.set_xticks(EPSILONS, [f"{e:g}" for e in EPSILONS])
    axes.minorticks_off()
    axes.legend(loc="lower right", reverse=True)


def draw_jacobian(panels: Any, jacobian: Any, image: Any, digit: int) -> None:
    """Draw a mean image, and the derivative of each score with respect to its pixels."""
    limit = np.abs(jacobian).max()
    first, *others = panels
    first.imshow(image.reshape(8, 8), cmap="gray_r")
    first.set_title(f"mean of all {digit}", fontsize=10)
    for c, axes in enumerate(others):
        axes.imshow(jacobian[c].reshape(8, 8), cmap=COLOURS, vmin=-limit, vmax=limit)
        axes.set_title(f"score of {c}", fontsize=10, fontweight="bold" if c == digit else "normal")
    for axes in panels:
        axes.set(xticks=[], yticks=[])
        axes.grid(False)


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Find outliers, train privately, draw; return the share of outliers found, and accuracies."""
    options = parser(__doc__ or "")
    options.add_argument("--steps", type=int, default=100, help="of each training run (100)")
    options.add_argument("--starts", type=int, help="private training runs (3; quick: 1)")
    options.add_argument("--digit", type=int, default=3, help="whose Jacobian is drawn (3)")
    args = options.parse_args(argv)
    steps = args.steps
    starts = args.starts or (1 if args.quick else 3)

    rng = np.random.default_rng(args.seed)
    data, _ = load(rng, 500, 15, 5)
    weights = train(start(rng), data, steps)
    found = pulls(weights, data)
    outliers = np.flatnonzero(data.kind)
    looked_at = np.argsort(-found.norm)[: len(data.X) // 20]
    share = np.isin(outliers, looked_at).mean()
    print(f"Of {len(outliers)} outliers, {share:.0%} are among the {len(looked_at)} largest"
          f" gradients of {len(data.X)}.\n")  # fmt: skip
    median = {
        name: [f"{np.sum(data.kind == k)}", f"{np.median(found.norm[data.kind == k]):.2g}"]
        for k, name in enumerate(KINDS)
    }
    table(["", "samples", "median norm"], [[name, *cells] for name, cells in median.items()])

    clean, test = load(rng, 1297, 0, 0)
    reached: dict[str, list[float]] = {}
    for seed in progress(range(starts), "training"):
        first = start(np.random.default_rng(seed))
        trained = train(first, clean, steps)
        reached.setdefault("neither", []).append(accuracy(trained, test))
        for epsilon in (np.inf, *EPSILONS):
            name = "clipped" if epsilon == np.inf else f"{epsilon:g}"
            private = train_privately(first, clean, steps, epsilon, np.random.default_rng(seed))
            reached.setdefault(name, []).append(accuracy(private, test))
    table(["epsilon", "sigma", "accuracy"], [
        ["neither", "", f"{np.mean(reached['neither']):.1%}"],
        ["clipped", "0", f"{np.mean(reached['clipped']):.1%}"],
        *([f"{e:g}", f"{noise(e, steps):.1f}", f"{np.mean(reached[f'{e:g}']):.1%}"]
          for e in EPSILONS)])  # fmt: skip

    of_digit = test.X[test.shown == args.digit]
    jacobians = dp.vmap(dp.jacobian(partial(scores, trained)))(of_digit)

    picture = figure(15.5, 9.2, "The gradient of each sample")
    above, below = picture.subfigures(2, 1, height_ratios=[3.1, 1.1])
    left, middle, right = above.subplots(1, 3, width_ratios=[1, 1.25, 1])
    draw_norms(left, data, found, len(looked_at))
    draw_pulls(middle, data, found, 12)
    draw_accuracy(right, reached)
    title = "3. The Jacobian: which pixels raise a score (orange), and which lower it (violet)"
    below.suptitle(title, fontsize=11, x=0.007, ha="left")
    draw_jacobian(below.subplots(1, 11), jacobians.mean(0), of_digit.mean(0), args.digit)
    save(picture, args.output, "per_sample_gradients")
    return {"share": share, "norms": found.norm, "kind": data.kind, **reached}


if __name__ == "__main__":
    main()
