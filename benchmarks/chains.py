"""Operations to be chained on n x n arrays, written once for every library that is NumPy's."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy

from benchmarks.problem import Array

LENGTH = 20
SHORTEST_BURST = 0.01
"""Seconds that a burst of calls lasts at least."""

Operation = Callable[[Any, Any, "Operands"], Any]


class Operands:
    """The constant operands of the operations, for arrays of n x n."""

    def __init__(self, n: int) -> None:
        random = numpy.random.default_rng(n)
        self.n = n
        self.x = random.uniform(0.5, 1.5, (n, n))
        self.matrix = random.uniform(0.5, 1.5, (n, n))
        self.mixing = self.matrix / self.matrix.sum(0)  # its powers neither grow nor shrink
        self.system = self.mixing + 2 * numpy.eye(n)
        self.row = self.matrix[0]
        self.condition = self.matrix < 1
        self.rows, self.columns = random.integers(0, n, (2, n, n))
        self.order = random.permutation(n)


def fluid(np: Any, x: Any, c: Operands) -> Any:
    """One step of a fluid on a torus: pressure by relaxation, then advection."""
    n, y = c.n, x.T
    divergence = np.roll(x, -1, 0) - np.roll(x, 1, 0) + np.roll(y, -1, 1) - np.roll(y, 1, 1)
    pressure = numpy.zeros((n, n))
    for _ in range(10):
        neighbours = np.roll(pressure, 1, 0) + np.roll(pressure, -1, 0)
        neighbours = neighbours + np.roll(pressure, 1, 1) + np.roll(pressure, -1, 1)
        pressure = (neighbours - divergence) / 4
    x = x - (np.roll(pressure, -1, 0) - np.roll(pressure, 1, 0)) / 2
    y = y - (np.roll(pressure, -1, 1) - np.roll(pressure, 1, 1)) / 2
    rows, columns = numpy.mgrid[:n, :n]
    from_row, from_column = (rows - x).ravel(), (columns - y).ravel()
    top, left = np.floor(from_row), np.floor(from_column)
    down, right = from_row - top, from_column - left
    i, j = ((numpy.asarray(_data(at)) % n).astype(int) for at in (top, left))
    upper = (1 - right) * x[i, j] + right * x[i, (j + 1) % n]
    lower = (1 - right) * x[(i + 1) % n, j] + right * x[(i + 1) % n, (j + 1) % n]
    return np.reshape((1 - down) * upper + down * lower, (n, n))


def _data(x: Any) -> Any:
    """The array behind a traced one."""
    for name in ("data", "_value"):
        x = getattr(x, name) if not isinstance(x, numpy.ndarray) and hasattr(x, name) else x
    return x


OPERATIONS: dict[str, Operation] = {
    "-x": lambda np, x, c: -x,
    "tanh(x)": lambda np, x, c: np.tanh(x),
    "exp(-x)": lambda np, x, c: np.exp(-x),
    "log(x + 1)": lambda np, x, c: np.log(x + 1.0),
    "sqrt(x)": lambda np, x, c: np.sqrt(x),
    "abs(x)": lambda np, x, c: np.abs(x),
    "x ** 0.9": lambda np, x, c: x**0.9,
    "1 / x": lambda np, x, c: 1.0 / x,
    "x + matrix": lambda np, x, c: x + c.matrix,
    "x * x / x": lambda np, x, c: x * x / x,
    "x * row": lambda np, x, c: x * c.row,
    "x - mean of rows": lambda np, x, c: x - np.mean(x, axis=1, keepdims=True),
    "x + sum along columns": lambda np, x, c: x / 2 + np.sum(x, axis=0) / c.n,
    "x / norm": lambda np, x, c: x / np.sqrt(np.sum(x * x)),
    "x - max of rows": lambda np, x, c: x - np.max(x, axis=1, keepdims=True),
    "softmax": lambda np, x, c: _softmax(np, x),
    "maximum(x, matrix)": lambda np, x, c: np.maximum(x, c.matrix),
    "maximum(x, 0)": lambda np, x, c: np.maximum(x, 0.0),
    "clip(x, 0.6, 1.4)": lambda np, x, c: np.clip(x, 0.6, 1.4),
    "where(c, x, -x)": lambda np, x, c: np.where(c.condition, x, -x),
    "where(c, x, matrix)": lambda np, x, c: np.where(c.condition, x, c.matrix),
    "log(where(c, x, 1) + 1)": lambda np, x, c: np.log(np.where(c.condition, x, 1.0) + 1.0),
    "x.T": lambda np, x, c: x.T,
    "reshape": lambda np, x, c: np.reshape(np.reshape(x, (-1,)), (c.n, c.n)),
    "x[:, ::-1]": lambda np, x, c: x[:, ::-1],
    "x[1:] - x[:-1], padded": lambda np, x, c: np.pad(x[1:] - x[:-1], ((0, 1), (0, 0)), "constant"),
    "x[0] + x": lambda np, x, c: x[0] + x,
    "x[i, j]": lambda np, x, c: x[c.rows, c.columns],
    "x[order]": lambda np, x, c: x[c.order],
    "x[condition].sum() * x": lambda np, x, c: x[c.condition].sum() / c.n**2 * x,
    "concatenate": lambda np, x, c: np.concatenate([x[1:], x[:1]]),
    "stack": lambda np, x, c: np.reshape(np.stack([x[::2], x[1::2]]), (c.n, c.n)),
    "roll": lambda np, x, c: np.roll(x, 1, 0),
    "x @ mixing": lambda np, x, c: x @ c.mixing,
    "dot(mixing, x)": lambda np, x, c: np.dot(c.mixing, x),
    "x @ x / norm": lambda np, x, c: x @ x / c.n,
    "einsum": lambda np, x, c: np.einsum("ij,kj->ik", x, c.mixing),
    "outer": lambda np, x, c: np.outer(x[0], c.row),
    "cumsum": lambda np, x, c: np.cumsum(x, 0) / c.n,
    "sort": lambda np, x, c: np.sort(-x, axis=0),
    "diff": lambda np, x, c: np.concatenate([np.diff(x, axis=0), x[:1]]),
    "solve": lambda np, x, c: np.linalg.solve(c.system, x),
    "fluid": fluid,
}
SHORTER = {"fluid": 2}
"""Chains of fewer than `LENGTH` steps: their steps are long."""


def _softmax(np: Any, x: Any) -> Any:
    e = np.exp(x)
    return e / np.sum(e, axis=1, keepdims=True)


@cache
def gradient(library: str, operation: str, n: int) -> tuple[Callable[[Array], Array], Array]:
    """The library's gradient of a chain's sum, and a point."""
    step, operands = OPERATIONS[operation], Operands(n)
    if library == "autograd":
        import autograd.numpy as np
        from autograd import grad
    else:
        import deltaprop.numpy as np
        from deltaprop import grad

    def chain(x: Any) -> Any:
        for _ in range(SHORTER.get(operation, LENGTH)):
            x = step(np, x, operands)
        return np.sum(x * operands.matrix)

    return grad(chain), operands.x


def differentiated(library: str, operation: str, n: int) -> Array:
    """What the library's gradient is; run in the library's own process."""
    function, x = gradient(library, operation, n)
    return numpy.asarray(function(x))


def seconds(library: str, operation: str, n: int) -> float:
    """The processor's time for one gradient, the mean of a burst."""
    function, x = gradient(library, operation, n)
    calls, start = 0, time.process_time()
    while (spent := time.process_time() - start) < SHORTEST_BURST:
        function(x)
        calls += 1
    return spent / calls
