"""May sigmoid' be left out of backpropagation, as it only scales the error?

Some write: sigmoid' lies between 0 and 1/2, it only makes the steps smaller, so leave it out and
let the learning rate make up for it. In truth sigmoid'(z) = s (1 - s) is at most 1/4 (at z = 0),
and it is another number for every unit and every sample. What happens without it is measured here:

    "exact"      delta_l = e_l * sigmoid'(Z_l),  e_(l-1) = delta_l W_l^T    the true gradient
    "rashid"     delta_l = e_l * sigmoid'(Z_l),  e_(l-1) = e_l W_l^T        not carried back
    "linear"     delta_l = e_l,                  e_(l-1) = e_l W_l^T        nowhere at all
    "layerwise"  as "exact", but a layer's learning rate is 4 times that of the layer after it

with dW_l = A_(l-1)^T delta_l in all. Students of the same data (see teacher_student.py) learn by
plain gradient descent on all data, in each of these ways, from the same starts, at many learning
rates. On the way the step g of each is compared with the true gradient t at the same weights: the
angle between them, and the factor c for which c t is nearest to g, c = g.t / t.t. If only the
learning rate were rescaled, the angle would be 0, and c one number for all layers and epochs. The
part of g that no c explains is |g - c t|^2 / |g|^2 = 1 - cos^2.
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
    """What was measured while one student learned, a row for each time."""

    loss: Any  # E / variance of T: 1 is no better than always saying the mean, 0 is perfect
    cosine: Any  # of the angle between g and t: of each layer, then of all together
    factor: Any  # c, likewise
    slope: Any  # the largest sigmoid' of all units and samples


def data(seed: int) -> tuple[Any, Any]:
    """Return 200 points and what a random teacher says about them."""
    rng = np.random.default_rng([seed, 0])
    teacher = random_teacher([5], rng)
    X = points(rng, 200)
    return X, teacher(X).numpy()


def learn(mode: str, rate: float, seed: int, times: Sequence[int]) -> Run:
    """Train a student, whose start depends on the seed alone; measure at these epochs."""
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
    """Compare what autodiff left in the student's .grad with the true gradient; see Run."""
    truth = deltas.layer_deltas(student, X, T, loss="mse", error_propagation="exact").layers
    true = [np.append(layer.dW, layer.db) for layer in truth]
    ours = [np.append(layer.weight.grad, layer.bias.grad) for layer in student.layers]
    pairs = [*zip(ours, true, strict=True), (np.concatenate(ours), np.concatenate(true))]
    with np.errstate(all="ignore"):  # a saturated student has no gradient, nor angle: NaN
        cosine = [g @ t / (np.linalg.norm(g) * np.linalg.norm(t)) for g, t in pairs]
        factor = [g @ t / (t @ t) for g, t in pairs]
    return cosine, factor, max(np.max(layer.A * (1 - layer.A)) for layer in truth)


def median(runs: Sequence[Run], field: str) -> Any:
    """Return the median over the starts, at each time."""
    return np.median([getattr(run, field) for run in runs], axis=0)


def angle(cosine: Any) -> Any:
    """Return the angle in degrees; rounding may have carried the cosine past 1."""
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def report(best: dict[str, float], taken: dict[str, list[Run]]) -> None:
    """Print how well each mode learned, and how its steps compare with the true gradient."""
    rows = []
    for mode, runs in taken.items():
        last = [run.loss[-1] for run in runs]
        rows.append([mode, f"{best[mode]:.3g}", *(f"{f(last):.4f}" for f in (np.median, min, max))])
    print("What is left to learn, E / variance of T, each at the rate that is best for it:")
    table(["mode", "rate", "median", "least", "most"], rows)

    rows = []
    for mode in ("rashid", "linear"):
        cosine, factor = median(taken[mode], "cosine"), median(taken[mode], "factor")
        for k, layer in enumerate(LAYERS):
            for when, i in (("start", 0), ("end", -1)):
                c, cos = factor[i, k], cosine[i, k]
                numbers = [f"{angle(cos):.1f}", f"{c:.3g}", f"{1 - cos**2:.1%}"]
                rows.append([f"{mode}, {layer}", when, *numbers])
    print("The step g beside the true gradient t, there (medians over the starts):")
    table(["mode, layer", "when", "angle, degrees", "best c", "of g no c explains"], rows)


def versus(ours: Sequence[Run], theirs: Sequence[Run]) -> tuple[float, str]:
    """Return the median ratio of the last losses, and what it says in words."""
    ratio = np.array([a.loss[-1] / b.loss[-1] for a, b in zip(ours, theirs, strict=True)])
    better = int(np.sum(ratio < 1))
    word = {0: "worse", len(ratio): "better"}.get(better, "no clear difference")
    middle = float(np.median(ratio))
    return middle, f"{word} (E times {middle:.2g}, lower from {better} of {len(ratio)} starts)"


def conclude(taken: dict[str, list[Run]]) -> dict[str, dict[str, float]]:
    """Say what the numbers say, and return those it is said of."""
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
        print(f"  Best c at the start, layer by layer: {layers}. A learning rate has but one.")
        print(f"  No c explains up to {unexplained[-1]:.0%} of the whole step,", end=" ")
        print(f"and up to {unexplained[:-1].max():.0%} of a layer's.")
        print(f"  Of the steps {uphill:.0%} lead uphill.")
        print(f"  Beside the true gradient it learns: {to_exact}.")
        print(f"  Beside the true gradient, layerwise: {to_layerwise}.")
        if to_exact.startswith("better") and not to_layerwise.startswith("better"):
            print("  What it gains, the true gradient gains too if each layer has its own rate.")
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
        axes.legend(title="median, range of the starts", loc="lower left")
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
        of_factor.set(title=f"{mode}: best c (one flat line, if only a rate)", ylabel="c")
        of_factor.set_yscale("symlog", linthresh=1)
        of_angle.legend(loc="upper left", ncols=2)
    for axes in (by_epoch, *angles, *factors):
        axes.set_xscale("symlog", linthresh=1)
        axes.set(xlabel="epoch", xlim=(0, times[-1]))
    return picture


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """Train in every way, print, draw; return what the conclusion is drawn from."""
    options = parser(__doc__ or "")
    options.add_argument("--starts", type=int, help="random starts and teachers (5; quick: 2)")
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
