"""May backpropagation leave out sigmoid', because it only scales the error?

Some authors argue: sigmoid' lies between 0 and 1/2 and only makes the steps smaller, so leave it
out and let the learning rate make up for it. In fact sigmoid'(z) = s (1 - s) is at most 1/4 (at
z = 0), and it differs for every unit and every sample. This example measures what happens without
it:

    "exact"      delta_l = e_l * sigmoid'(Z_l),  e_(l-1) = delta_l W_l^T    the true gradient
    "rashid"     delta_l = e_l * sigmoid'(Z_l),  e_(l-1) = e_l W_l^T        not passed back
    "linear"     delta_l = e_l,                  e_(l-1) = e_l W_l^T        left out everywhere
    "layerwise"  as "exact", but a layer's learning rate is 4 times that of the next layer

with dW_l = A_(l-1)^T delta_l in all variants. Students of the same data (see teacher_student.py)
train by plain gradient descent on all data with each variant, from the same initial weights, at
many learning rates. Along the way, the step g of each variant is compared with the true gradient t
at the same weights: the angle between them, and the factor c = g.t / t.t for which c t is nearest
to g. If only the learning rate were rescaled, the angle would be 0 and c would be the same number
for all layers and epochs. The share of g that no c explains is |g - c t|^2 / |g|^2 = 1 - cos^2.
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
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    figure,
    parser,
    progress,
    save,
    table,
)
from teacher_student import points, random_teacher

from deltaprop import deltas, nn, optim

STUDENT = [2, 12, 12, 1]
MODES = {
    "exact": (BLUE, "-"),
    "rashid": (ORANGE, "--"),
    "linear": (VERMILLION, "-."),
    "layerwise": (GREY, ":"),
}
LAYERS = {
    "layer 1": (GREEN, "-"),
    "layer 2": (PURPLE, "--"),
    "layer 3": (SKY, "-."),
    "all": (BLACK, ":"),
}


class Run(NamedTuple):
    """The measurements of one training run, one row for each time."""

    loss: Any  # E / variance of T: 1 is no better than the mean of T, 0 is perfect
    cosine: Any  # of the angle between g and t: of each layer, then of all together
    factor: Any  # c, likewise
    slope: Any  # the largest sigmoid' of all units and samples


def data(seed: int) -> tuple[Any, Any]:
    """Return 200 points and the outputs of a random teacher."""
    rng = np.random.default_rng([seed, 0])
    teacher = random_teacher([5], rng)
    X = points(rng, 200)
    return X, teacher(X).numpy()


def learn(mode: str, rate: float, seed: int, times: Sequence[int]) -> Run:
    """Train a student whose initial weights depend only on the seed; measure at these epochs."""
    X, T = data(seed)
    boost, way = (4, "exact") if mode == "layerwise" else (1, mode)
    rng = np.random.default_rng([seed, 1])
    student = nn.MLP(STUDENT, "sigmoid", "sigmoid", rng=rng, error_propagation=way)
    optimizers = [
        optim.SGD(layer.parameters(), lr=rate * boost**k)
        for k, layer in enumerate(reversed(student.layers))
    ]
    rows = []
    for epoch in range(times[-1] + 1):
        student.zero_grad()
        E = nn.mse(student(X), T)
        E.backward()
        if epoch in times:
            rows.append((E.item() / T.var(), *measure(student, X, T)))
        for optimizer in optimizers:
            optimizer.step()
    return Run(*map(np.array, zip(*rows, strict=True)))


def measure(student: nn.MLP, X: Any, T: Any) -> tuple[list[float], list[float], float]:
    """Compare the student's .grad with the true gradient; see Run."""
    truth = deltas.layer_deltas(student, X, T, loss="mse", error_propagation="exact").layers
    true = [np.append(layer.dW, layer.db) for layer in truth]
    ours = [np.append(layer.weight.grad, layer.bias.grad) for layer in student.layers]
    pairs = [*zip(ours, true, strict=True), (np.concatenate(ours), np.concatenate(true))]
    with np.errstate(all="ignore"):  # a saturated student has no gradient, nor angle: NaN
        cosine = [g @ t / (np.linalg.norm(g) * np.linalg.norm(t)) for g, t in pairs]
        factor = [g @ t / (t @ t) for g, t in pairs]
    return cosine, factor, max(np.max(layer.A * (1 - layer.A)) for layer in truth)


def median(runs: Sequence[Run], field: str) -> Any:
    """Return the median over the seeds, at each time."""
    return np.median([getattr(run, field) for run in runs], axis=0)


def angle(cosine: Any) -> Any:
    """Return the angle in degrees; rounding may have moved the cosine past 1."""
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def report(best: dict[str, float], taken: dict[str, list[Run]]) -> None:
    """Print the loss of each variant, and how its steps compare with the true gradient."""
    rows = []
    for mode, runs in taken.items():
        last = [run.loss[-1] for run in runs]
        rows.append([mode, f"{best[mode]:.3g}", *(f"{f(last):.4f}" for f in (np.median, min, max))])
    print("Final loss, E / variance of T, each variant at its best rate:")
    table(["variant", "rate", "median", "smallest", "largest"], rows)

    rows = []
    for mode in ("rashid", "linear"):
        cosine, factor = median(taken[mode], "cosine"), median(taken[mode], "factor")
        for k, layer in enumerate(LAYERS):
            for when, i in (("start", 0), ("end", -1)):
                c, cos = factor[i, k], cosine[i, k]
                numbers = [f"{angle(cos):.1f}", f"{c:.3g}", f"{max(0.0, 1 - cos**2):.1%}"]
                rows.append([f"{mode}, {layer}", when, *numbers])
    print("Each variant's step g compared with the true gradient t, at its best rate (medians):")
    table(
        ["variant, layer", "when", "angle, degrees", "best c", "share of g that no c explains"],
        rows,
    )


def versus(ours: Sequence[Run], theirs: Sequence[Run]) -> tuple[float, str]:
    """Return the median ratio of the last losses, and its meaning in words."""
    ratio = np.array([a.loss[-1] / b.loss[-1] for a, b in zip(ours, theirs, strict=True)])
    better = int(np.sum(ratio < 1))
    word = {0: "worse", len(ratio): "better"}.get(better, "no clear difference")
    middle = float(np.median(ratio))
    return middle, f"{word} (final loss x {middle:.2g}, lower in {better} of {len(ratio)} runs)"


def conclude(taken: dict[str, list[Run]]) -> dict[str, dict[str, float]]:
    """Print a summary of the measurements, and return its numbers."""
    slope = max(run.slope.max() for runs in taken.values() for run in runs)
    print(f"sigmoid' was at most {slope:.6f}: its bound is 1/4, not 1/2.\n")
    found = {"sigmoid'": {"most": float(slope)}}
    for mode in ("rashid", "linear"):
        cosine, factor = median(taken[mode], "cosine"), median(taken[mode], "factor")
        unexplained = np.max(1 - cosine**2, axis=0)  # of each layer, then of all
        one_c = np.ptp(factor[:, :-1]) < 0.1 * np.abs(factor[:, :-1]).min()
        uphill = float(np.mean([run.cosine[:, -1] < 0 for run in taken[mode]]))
        ratio, to_exact = versus(taken[mode], taken["exact"])
        _, to_layerwise = versus(taken[mode], taken["layerwise"])
        layers = ", ".join(f"{c:.3g}" for c in factor[0, :-1])
        print(f"{mode}: is only the learning rate rescaled?", end=" ")
        print("Yes." if unexplained[-1] < 0.01 and one_c else "No.")
        print(
            f"  Best c at the start, layer by layer: {layers}. A learning rate is a single factor."
        )
        print(f"  No c explains up to {unexplained[-1]:.0%} of the whole step,", end=" ")
        print(f"and up to {unexplained[:-1].max():.0%} of the step of one layer.")
        print(f"  {uphill:.0%} of the steps point uphill.")
        print(f"  Compared with the exact gradient: {to_exact}.")
        print(f"  Compared with the exact gradient, layerwise: {to_layerwise}.")
        if to_exact.startswith("better") and not to_layerwise.startswith("better"):
            print("  With its own rate for each layer, the exact gradient does as well.")
        print()
        found[mode] = {"unexplained": unexplained[-1], "uphill": uphill, "ratio": ratio}
    return found


def draw(
    rates: Any, runs: dict[tuple[str, float], list[Run]], taken: dict[str, list[Run]], times: Any
) -> Any:
    """Draw the losses by learning rate and by epoch, the angles and the factors by epoch."""
    picture = figure(15, 8.5, f"Backpropagation with and without sigmoid', student {STUDENT}")
    (by_rate, *angles), (by_epoch, *factors) = picture.subplots(2, 3)
    for mode, (colour, style) in MODES.items():
        last = np.array([[run.loss[-1] for run in runs[mode, rate]] for rate in rates])
        loss = np.array([run.loss for run in taken[mode]]).T
        for axes, x, y in ((by_rate, rates, last), (by_epoch, times, loss)):
            axes.plot(x, np.median(y, axis=1), style, color=colour, label=mode)
            axes.fill_between(x, y.min(axis=1), y.max(axis=1), color=colour, alpha=0.12, lw=0)
    for axes in (by_rate, by_epoch):
        axes.set(yscale="log", ylabel="E / variance of T")
        axes.legend(title="median, range of the seeds", loc="lower left")
    by_rate.set(xscale="log", title=f"after {times[-1]} epochs", xlabel="learning rate")
    by_epoch.set(title="each at its best rate")

    for mode, of_angle, of_factor in zip(("rashid", "linear"), angles, factors, strict=True):
        cosine, factor = median(taken[mode], "cosine"), median(taken[mode], "factor")
        for k, (layer, (colour, style)) in enumerate(LAYERS.items()):
            of_angle.plot(times, angle(cosine[:, k]), style, color=colour, label=layer)
            of_factor.plot(times, factor[:, k], style, color=colour, label=layer)
        of_angle.axhline(90, color=VERMILLION, linewidth=1)
        of_angle.text(times[-1], 92, "beyond 90°: uphill", color=VERMILLION, ha="right")
        of_angle.set(title=f"{mode}: angle to the true gradient", ylabel="degrees")
        of_angle.set(ylim=(-3, 140), yticks=range(0, 136, 45))
        of_factor.set(
            title=f"{mode}: best c (a single flat line if only the rate changed)", ylabel="c"
        )
        of_factor.set_yscale("symlog", linthresh=1)
        of_angle.legend(loc="upper left", ncols=2)
    for axes in (by_epoch, *angles, *factors):
        axes.set_xscale("symlog", linthresh=1)
        axes.set(xlabel="epoch", xlim=(0, times[-1]))
    return picture


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """Train with every variant, print, draw; return the numbers of the conclusion."""
    options = parser(__doc__ or "")
    options.add_argument("--starts", type=int, help="seeds of students and teachers (5; quick: 2)")
    options.add_argument("--epochs", type=int, help="steps of gradient descent (1000; quick: 150)")
    args = options.parse_args(argv)
    starts = range(args.seed, args.seed + (args.starts or (2 if args.quick else 5)))
    epochs = args.epochs or (150 if args.quick else 1000)
    rates = np.geomspace(0.01, 30, 4 if args.quick else 11)
    times = np.unique(np.geomspace(1, epochs + 1, 40).round().astype(int)) - 1

    runs: dict[tuple[str, float], list[Run]] = {(mode, r): [] for mode in MODES for r in rates}
    for key, start in progress([(key, s) for key in runs for s in starts], "learning"):
        runs[key].append(learn(*key, start, times))
    best = {m: min(rates, key=lambda r, m=m: median(runs[m, r], "loss")[-1]) for m in MODES}
    taken = {mode: runs[mode, rate] for mode, rate in best.items()}

    report(best, taken)
    found = conclude(taken)
    save(draw(rates, runs, taken, times), args.output, "drop_sigmoid_derivative")
    return found


if __name__ == "__main__":
    main()
