"""A student network learns the function of a teacher network, from examples alone.

The teacher is a multilayer perceptron with random weights. Its outputs T at random points X are
the data. The student has a different depth, different widths and its own random weights. For its
layers l = 1 ... L, from A_0 = X:

    forward   Z_l = A_(l-1) W_l + b_l,   A_l = sigmoid(Z_l)
    error     E = mean of (A_L - T)^2
    deltas    delta_L = dE/dA_L * sigmoid'(Z_L)
              delta_l = (delta_(l+1) W_(l+1)^T) * sigmoid'(Z_l)
    gradient  dE/dW_l = A_(l-1)^T delta_l,   dE/db_l = sum of the rows of delta_l
    update    W_l <- W_l - alpha dE/dW_l,    b_l <- b_l - alpha dE/db_l

Autodiff uses none of these formulas: it records the forward pass and differentiates it, one
operation after the other. `deltaprop.deltas` uses only these formulas. The two are compared, layer
by layer, before and after the training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from _script import BLUE, GREY, figure, parser, save, table

from deltaprop import deltas, nn, optim, training
from deltaprop.viz import plot_deltas, plot_history

WEIGHT_SCALE = 4.0  # of the teacher: with small weights a sigmoid network is almost a plane


class Lesson(NamedTuple):
    """The history of a training run, and the comparisons of the deltas."""

    history: training.History
    start: deltas.Comparison
    end: deltas.Comparison


def points(rng: np.random.Generator, count: int) -> Any:
    """Return inputs: points (x1, x2) of the square from -1 to 1."""
    return rng.uniform(-1, 1, (count, 2))


def random_teacher(hidden: Sequence[int], rng: np.random.Generator) -> nn.MLP:
    """Return a network whose output is far from constant."""
    teacher = nn.MLP(
        [2, *hidden, 1],
        activation="sigmoid",
        output="sigmoid",
        init=lambda shape, rng, dtype: rng.normal(0, WEIGHT_SCALE, shape).astype(dtype),
        rng=rng,
    )
    A = points(rng, 1000)
    for layer in teacher.layers:
        # let each unit's Z = 0, where the sigmoid is steepest, run through one of the points
        Z = layer.linear(A).numpy()
        chosen = rng.integers(len(Z), size=layer.n_out)
        layer.bias.assign(-Z[chosen, np.arange(layer.n_out)])
        A = layer(A).numpy()
    return teacher


def teach(
    student: nn.MLP, X: Any, T: Any, held_out: Any, epochs: int, alpha: float, rng: Any
) -> Lesson:
    """Train the student on X and T, in batches of 100 that are drawn again in each epoch."""
    # Adam scales each weight's step by its past gradients (Kingma, Ba 2015)
    optimizer = optim.Adam(student.parameters(), lr=alpha)
    start = deltas.compare(student, X, T, loss="mse")
    # for each batch: forward; E; dE/dW and dE/db by the chain rule; W <- W - alpha dE/dW
    history = training.fit(
        student,
        (X, T),
        "mse",
        optimizer,
        epochs=epochs,
        batch_size=100,
        validation=held_out,
        schedule=optim.CosineDecay(optimizer, steps=epochs),
        rng=rng,
    )
    return Lesson(history, start, deltas.compare(student, X, T, loss="mse"))


def error(student: nn.MLP, X: Any, T: Any) -> float:
    """Return E of all rows."""
    return float(np.mean((student(X).numpy() - T) ** 2))


def draw_functions(panels: Any, teacher: nn.MLP, student: nn.MLP) -> None:
    """Draw the outputs of teacher and student over the square, and their difference."""
    side = np.linspace(-1, 1, 121)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    said = [network(grid).numpy().reshape(len(side), -1) for network in (teacher, student)]
    for axes, Z, network in zip(panels, said, (teacher, student), strict=False):
        shades = axes.contourf(side, side, Z, np.linspace(0, 1, 21), cmap="cividis")
        axes.contour(side, side, Z, [0.5], colors="white", linewidths=1.2)
        who = "teacher" if network is teacher else "student"
        axes.set(title=f"{who} {network.sizes}")
    axes.figure.colorbar(shades, ax=panels[:2], ticks=[0, 0.5, 1], shrink=0.9, pad=0.02)
    difference = said[1] - said[0]
    most = np.abs(difference).max()
    steps = np.linspace(-most, most, 22)  # white around 0
    shades = panels[2].contourf(side, side, difference, steps, cmap="PuOr")
    ticks = [-most, 0, most]
    axes.figure.colorbar(shades, ax=panels[2], ticks=ticks, format="%.2g", shrink=0.9, pad=0.02)
    panels[2].set(title=f"student − teacher: at most {most:.2g}")
    for axes in panels:
        axes.set(xlabel="x₁", ylabel="x₂", aspect="equal")
        axes.grid(False)


def draw_lesson(panels: Any, lesson: Lesson, said: Any, T: Any) -> None:
    """Draw the error by epoch, outputs against targets, and the deltas computed both ways."""
    loss, fit, *deltas_by_both_ways = panels
    plot_history(lesson.history, axes=loss)
    loss.set(title="error E", ylabel="mean of (A − T)²")

    fit.plot([0, 1], [0, 1], color=GREY, linewidth=1)
    fit.plot(T, said, ".", color=BLUE, alpha=0.4, markersize=4)
    fit.set(title="held-out points", xlabel="teacher", ylabel="student", aspect="equal")

    plot_deltas(lesson.end, axes=deltas_by_both_ways)


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train, print and draw; return R² on held-out points and whether the deltas agree."""
    options = parser(__doc__ or "")
    widths: dict[str, Any] = {"type": int, "nargs": "+", "metavar": "WIDTH"}
    options.add_argument("--teacher", default=[8, 6, 4], help="hidden widths (8 6 4)", **widths)
    options.add_argument("--student", default=[32, 24], help="hidden widths (32 24)", **widths)
    options.add_argument("--epochs", type=int, help="number of epochs (300; quick: 150)")
    options.add_argument("--rate", type=float, default=0.03, help="alpha at the start (0.03)")
    options.add_argument("--samples", type=int, help="training points (2000; quick: 1000)")
    args = options.parse_args(argv)
    epochs = args.epochs or (150 if args.quick else 300)
    samples = args.samples or (1000 if args.quick else 2000)

    rng = np.random.default_rng(args.seed)
    teacher = random_teacher(args.teacher, rng)
    X, held_out_X = points(rng, samples), points(rng, 1000)
    T, held_out_T = teacher(X).numpy(), teacher(held_out_X).numpy()
    student = nn.MLP([2, *args.student, 1], activation="sigmoid", output="sigmoid", rng=rng)
    print(f"teacher: {teacher.sizes}; standard deviation of its output: {T.std():.2f}")
    print(f"student: {student.sizes}, {epochs} epochs of {samples} points\n")

    held_out = held_out_X, held_out_T
    before = error(student, X, T), error(student, *held_out)
    lesson = teach(student, X, T, held_out, epochs, args.rate, rng)
    print(f"At the start: {lesson.start}\n\nAt the end: {lesson.end}\n")

    # R², the explained variance: 1 is perfect, 0 is no better than the mean of the targets
    after = error(student, X, T), error(student, *held_out)
    rows = [
        [name, f"{first:.6f}", f"{last:.6f}", f"{1 - last / target.var():.5f}"]
        for name, first, last, target in zip(
            ("training", "held out"), before, after, (T, held_out_T), strict=True
        )
    ]
    table(["points", "E at the start", "E at the end", "R²"], rows)

    picture = figure(15, 8, "A student learns its teacher")
    above, below = picture.subfigures(2, 1)
    draw_functions(above.subplots(1, 3), teacher, student)
    draw_lesson(below.subplots(1, 4), lesson, student(held_out_X).numpy(), held_out_T)
    save(picture, args.output, "teacher_student")
    return {
        "r2": 1 - after[1] / held_out_T.var(),
        "agree": lesson.start.agree and lesson.end.agree,
    }


if __name__ == "__main__":
    main()
