"""Data augmentation: noisy, rotated and shifted copies of handwritten digits.

A 3 that is rotated a little is still a 3. `deltaprop.training.Augmented` passes such knowledge to
a network: it changes the training images in a new way in each epoch. Rotation and noise improve
the accuracy on new digits somewhat, because people write at an angle and with shaky strokes. But
scikit-learn's digits are all centred in their 8 x 8 pixels. A network also trained on shifted
digits does worse on centred ones, but is the only one that reads shifted ones. Which changes are
right depends on the data. (Mirrored digits are not digits.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from _script import BLUE, GREY, ORANGE, figure, parser, progress, save, table

from deltaprop import nn, optim
from deltaprop.training import Augmented, Noise, Rotate, Shift, fit

MILD = [Noise(0.1), Rotate(10)]
CHANGES = {
    "none": [],
    "noise, rotation": MILD,
    "noise, rotation, shift": [*MILD, Shift(1)],
}
LOOKS = {
    "none": (GREY, "o"),
    "noise, rotation": (BLUE, "s"),
    "noise, rotation, shift": (ORANGE, "D"),
}
TESTS = ("centred", "shifted by a pixel")


def digits(count: int, seed: int) -> Any:
    """Return `count` training images, equally many of each digit, and the others as test images."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, T = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)  # a pixel is a whole number from 0 to 16
    X, test_X, T, test_T = train_test_split(X, T, train_size=count, stratify=T, random_state=seed)
    return (X, T), (test_X, test_T)


def accuracies(changes: Any, count: int, epochs: int, seed: int) -> list[float]:
    """Train on changed images; return the accuracies on test images and on shifted test images."""
    (X, T), (test_X, test_T) = digits(count, seed)
    model = nn.MLP([64, 64, 10], "relu", rng=seed, dtype=np.float32)
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    schedule = optim.CosineDecay(optimizer, steps=epochs)
    batches = Augmented(X, T, changes, shape=(8, 8), rng=seed)
    fit(model, batches, "softmax_cross_entropy", optimizer, epochs=epochs, schedule=schedule)
    shifted = Shift(1)(test_X.reshape(-1, 8, 8), np.random.default_rng(seed)).reshape(-1, 64)
    read = [model(pictures).numpy().argmax(1) for pictures in (test_X, shifted)]
    return [float(np.mean(digit == test_T)) for digit in read]


def draw_copies(panels: Any, seed: int) -> None:
    """Draw a few digits, each beside some of its changed copies."""
    (X, T), _ = digits(10, seed)
    rng = np.random.default_rng(seed)
    for row, digit in zip(panels, (2, 3, 5, 7, 8), strict=True):
        image = X[digit == T][:1].reshape(1, 8, 8)
        for k, panel in enumerate(row):
            shown = image
            for change in CHANGES["noise, rotation, shift"] if k else ():
                shown = change(shown, rng)
            panel.imshow(shown[0], cmap="gray_r", vmin=0, vmax=1)
            panel.set(xticks=[], yticks=[])
            panel.grid(False)
            for spine in panel.spines.values():
                spine.set(visible=True, color=GREY if k else BLUE, linewidth=1 if k else 2.5)
    panels[0][0].set_title("original")
    panels[0][1].set_title("copies")


def draw_accuracies(panels: Any, found: dict[str, Any]) -> None:
    """Draw the accuracies by the number of training images: mean and standard deviation."""
    for test, panel in enumerate(panels):
        for k, (name, by_count) in enumerate(found.items()):
            colour, marker = LOOKS[name]
            counts = np.array(list(by_count))
            runs = 100 * np.array(list(by_count.values()))[..., test]
            panel.errorbar(
                counts * 1.03 ** (k - 1), runs.mean(1), runs.std(1), marker=marker,
                color=colour, capsize=2, label=name,
            )  # fmt: skip
        panel.set(xscale="log", xticks=counts, xticklabels=counts, xlabel="training images")
        panel.set(title=f"test digits: {TESTS[test]}")
        panel.minorticks_off()
    panels[0].set(ylabel="accuracy, %")
    panels[0].legend(title="change", loc="lower right")


def main(argv: Sequence[str] | None = None) -> dict[str, dict[int, list[list[float]]]]:
    """Train each way, print and draw; return the accuracies by change and number of images."""
    options = parser(__doc__ or "")
    options.add_argument("--epochs", type=int, help="number of epochs (200; quick: 60)")
    options.add_argument("--repeats", type=int, help="random choices of images (5; quick: 1)")
    args = options.parse_args(argv)
    epochs = args.epochs or (60 if args.quick else 200)
    repeats = args.repeats or (1 if args.quick else 5)
    counts = [150] if args.quick else [50, 150, 450]

    found: dict[str, Any] = {name: {n: [] for n in counts} for name in CHANGES}
    runs = [(name, n, r) for name in CHANGES for n in counts for r in range(repeats)]
    for name, n, repeat in progress(runs, "networks"):
        found[name][n].append(accuracies(CHANGES[name], n, epochs, args.seed + repeat))
    for test, where in enumerate(TESTS):
        rows = []
        for name, by_count in found.items():
            percent = [100 * np.array(a)[:, test] for a in by_count.values()]
            rows.append([name, *(f"{a.mean():.1f} ± {a.std():.1f} %" for a in percent)])
        print(
            f"test digits {where}: accuracy by number of training images ({repeats} random choices)"
        )
        table(["change", *map(str, counts)], rows)

    picture = figure(15, 5, "Few images, and changed copies of them")
    left, right = picture.subfigures(1, 2, width_ratios=[1, 1.2])
    draw_copies(left.subplots(5, 7), args.seed)
    draw_accuracies(right.subplots(1, 2, sharey=True), found)
    save(picture, args.output, "augmentation")
    return found


if __name__ == "__main__":
    main()
