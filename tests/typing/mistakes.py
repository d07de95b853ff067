"""Mistakes that type checkers and editors must find: read by them, never run.

A line with a mistake ends with ``# wrong``; the others are right.
"""

from __future__ import annotations

import numpy as np

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop import Value


def names(v: Value) -> None:
    v.bakward()  # wrong
    v.summ()  # wrong
    v.grad.shpe  # wrong
    v.sum(axes=0)  # wrong
    dp.valu_and_grad  # wrong
    dp.training.fitt  # wrong
    dnp.sinn(v)  # wrong
    dnp.linalg.solv(v, v)  # wrong
    dnp.fft.fft(v)
    dp.viz.draw(v)
    dp.draw(v)
    dp.testing.check_grads(dnp.sin, v)


def arguments(v: Value, a: np.ndarray) -> None:
    dnp.sin(v, v)  # wrong
    dnp.sin(v, out=a)  # wrong
    dnp.sum(v, axi=0)  # wrong
    dnp.linalg.solve(v)  # wrong
    dnp.concatenate([v, v], axi=0)  # wrong
    dnp.pad(v, 1, mode="wrp")  # wrong
    v.at[0].sett(1.0)  # wrong


def literals(v: Value, a: np.ndarray) -> None:
    model = dp.nn.MLP([2, 1], activation="rlu")  # wrong
    dp.nn.Dense(2, 1, init="he")  # wrong
    dp.nn.MLP([2, 1], normalization="btch")  # wrong
    dp.nn.mse(v, a, reduction="avg")  # wrong
    dp.training.fit(model, (a, a), "msee", dp.optim.SGD([v]), epochs=1)  # wrong
    dp.deltas.compare(model, a, a, loss="msee")  # wrong
    dp.optim.SGD([v], momentom=0.9)  # wrong
    dp.optim.Adam([v], momentum=0.9)  # wrong
    dp.optim.ReduceOnPlateau(dp.optim.SGD([v]), mode="x")  # wrong
    dp.jacobian(energy, mode="x")  # wrong
    dp.compile(energy, executor="x")  # wrong
    dp.testing.check_grads(energy, a, modes=["x"])  # wrong


def energy(x: np.ndarray, n: int = 2) -> np.ndarray:
    return dnp.sum(x**n)


def transforms(a: np.ndarray) -> None:
    dp.grad(energy)("text")  # wrong
    dp.grad(energy)(a, m=2)  # wrong
    dp.value_and_grad(energy)(a, 2, 3)  # wrong
    dp.compile(energy)(a, m=2)  # wrong
    dp.checkpoint(energy)()  # wrong
