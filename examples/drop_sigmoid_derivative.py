"""May sigmoid' be left out of backpropagation, as it only scales the error?

Some write: sigmoid' lies between 0 and 1/2, it only makes the steps smaller, so leave it out and
let the learning rate make up for it. In truth sigmoid'(z) = s (1 - s) is at most 1/4 (at z = 0),
and it is another number for every unit and every sample. What happens without it is measured here:

    "exact"   delta_l = e_l * sigmoid'(Z_l),   e_(l-1) = delta_l W_l^T     the gradient
    "rashid"  delta_l = e_l * sigmoid'(Z_l),   e_(l-1) = e_l W_l^T         not carried back
    "linear"  delta_l = e_l,                   e_(l-1) = e_l W_l^T         nowhere at all

with dW_l = A_(l-1)^T delta_l in all three. Students of the same data (see teacher_student.py) learn
by plain gradient descent on all data, in each of the three ways, from the same starts, at many
learning rates. On the way the step g of each is compared with the true gradient t at the same
weights: the angle between them, and the factor c for which c t is nearest to g, c = g.t / t.t.
If only the learning rate were rescaled, the angle would be 0, and c one number for all layers and
epochs. The part of g that no c explains is |g - c t|^2 / |g|^2 = 1 - cos^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from _script import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION, figure, parser, progress
from _script import save, table
from teacher_student import points, random_teacher

from deltaprop import deltas, nn, optim

MODES = {"exact": BLUE, "rashid": ORANGE, "linear": VERMILLION}
STYLES = {"exact": "-", "rashid": "--", "linear": "-."}
LAYERS = {"layer 1": GREEN, "layer 2": PURPLE, "layer 3": GREY, "all layers": "#000000"}
STUDENT = [2, 12, 12, 1]


class Run(NamedTuple):
    """What was measured while one student learned, a row for each time."""

    loss: Any  # E / variance of T: 1 is no better than always saying the mean, 0 is perfect
    cosine: Any  # of the angle between step and gradient: of each layer, then of all together
    factor: Any  # c, likewise
    slope: Any  # sigmoid' of all units and samples: the largest, the mean


def data(seed: int) -> tuple[Any, Any]:
    """Return 200 points and what a random teacher says about them."""
    rng = np.random.default_rng([seed, 0])
    teacher = random_teacher([5], rng)
    X = points(rng, 200)
    return X, teacher(X).numpy()


def learn(mode: str, rate: float, seed: int, times: Sequence[int]) -> Run:
    """Train a student; its start depends on the seed alone. Measure at these epochs."""
    X, T = data(seed)
    rng = np.random.default_rng([seed, 1])
    student = nn.MLP(STUDENT, "sigmoid", "sigmoid", rng=rng, error_propagation=mode)
    optimizer = optim.SGD(student.parameters(), lr=rate)
    rows = []
    for epoch in range(times[-1] + 1):
        optimizer.zero_grad()
        E = nn.mse(student(X), T)
        E.backward()
        if epoch in times:
            rows.append((E.item() / T.var(), *measure(student, X, T)))
        optimizer.step()
    return Run(*map(np.array, zip(*rows, strict=True)))


def measure(student: nn.MLP, X: Any, T: Any) -> tuple[list[float], list[float], list[float]]:
    """Compare what autodiff left in the student's .grad with the true gradient; see Run."""
    truth = deltas.layer_deltas(student, X, T, loss="mse", error_propagation="exact").layers
    true = [np.append(layer.dW, layer.db) for layer in truth]
    ours = [np.append(layer.weight.grad, layer.bias.grad) for layer in student.layers]
    pairs = [*zip(ours, true, strict=True), (np.concatenate(ours), np.concatenate(true))]
    cosine = [g @ t / np.sqrt((g @ g) * (t @ t)) for g, t in pairs]
    factor = [g @ t / (t @ t) for g, t in pairs]
    slopes = np.concatenate([(layer.A * (1 - layer.A)).ravel() for layer in truth])
    return cosine, factor, [slopes.max(), slopes.mean()]
