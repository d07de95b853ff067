"""Right gradients of functions that are hard on a checker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .wrong_gradients import Arrays, Subject, layer_norm, normal, positive, right_vjp, softmax

NASTY: list[Subject] = []


def nasty(
    name: str,
    function: Callable[..., Any],
    arguments: Callable[[np.random.Generator], Arrays],
    *,
    single: bool = True,
) -> None:
    """Enter a function in double and, unless that overflows, in single precision."""
    NASTY.append(Subject(name, function, arguments, right_vjp(function)))
    if single:

        def in_single(rng: np.random.Generator) -> Arrays:
            return tuple(x.astype(np.float32) for x in arguments(rng))

        NASTY.append(Subject(f"{name}, float32", function, in_single, right_vjp(function)))


def well_apart(rng: np.random.Generator) -> Arrays:
    """Both sides of zero, some of it 1e-6 away: near a kink but not on it."""
    return (rng.choice([-1, 1], 8) * 10.0 ** rng.integers(-6, 1, 8),)


def wide(rng: np.random.Generator) -> Arrays:
    """Numbers of very different scales."""
    return (rng.choice([-1, 1], 6) * 10.0 ** np.arange(-8.0, 4.0, 2.0),)


def ill_conditioned(rng: np.random.Generator) -> Arrays:
    """A matrix of condition 1e4, and a right-hand side."""
    q, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    return q @ np.diag([1.0, 1e-2, 1e-4]) @ q.T, rng.standard_normal(3)


M, V = (3, 4), (6,)

nasty("sin(500 x)", lambda x: np.sin(500 * x), normal(V))
nasty("sin(1e4 x)", lambda x: np.sin(1e4 * x), normal(V))
nasty("1e8 + x^2", lambda x: 1e8 + x**2, normal(V))
nasty("1e6 + sum x^2", lambda x: 1e6 + np.sum(x**2), normal(V))
nasty("(1e8 + x^2) - 1e8", lambda x: (1e8 + x**2) - 1e8, normal(V), single=False)
nasty("x^20", lambda x: x**20, positive(V))
nasty("exp(50 x)", lambda x: np.exp(50 * x), normal(V), single=False)
nasty("exp(-50 x^2)", lambda x: np.exp(-50 * x**2), normal(V))
nasty("1e-8 tanh", lambda x: 1e-8 * np.tanh(x), normal(M))
nasty("1e-30 tanh", lambda x: 1e-30 * np.tanh(x), normal(M))
nasty("1e30 tanh", lambda x: 1e30 * np.tanh(x), normal(M))
nasty("tanh, saturated", np.tanh, lambda rng: (rng.uniform(8, 12, V),))
nasty("1 / x near 0", lambda x: 1 / x, lambda rng: (rng.uniform(1e-4, 2e-4, V),))
nasty("log near 0", np.log, lambda rng: (rng.uniform(1e-9, 2e-9, V),))
nasty("sqrt near 0", np.sqrt, lambda rng: (rng.uniform(1e-8, 2e-8, V),))
nasty("arcsin near 1", np.arcsin, lambda rng: (1 - rng.uniform(1e-5, 1e-4, V),), single=False)
nasty("x of many scales", lambda x: np.sin(x) * x, wide)
nasty("x about 1e6", lambda x: np.sin(x), lambda rng: (1e6 + rng.uniform(0, 1, V),))
nasty("x about 1e-12", lambda x: np.expm1(x), lambda rng: (1e-12 * rng.uniform(1, 2, V),))
nasty("relu near its kink", lambda x: np.maximum(x, 0), well_apart)
nasty("abs near its kink", np.abs, well_apart)
nasty("relu on its kink", lambda x: np.maximum(x, 0.0), lambda rng: (np.array([0.0, 1.0, -1.0]),))
nasty("max with a tie", lambda x: np.max(x), lambda rng: (np.array([2.0, 2.0, 1.0]),))
nasty(
    "a cliff nearby",
    lambda x: np.where(x > 1, x + 5, x**2),
    lambda rng: (np.array([0.9999, 1.0001]),),
)
nasty("norm near 0", lambda x: np.sqrt(np.sum(x * x)), lambda rng: (1e-6 * rng.standard_normal(V),))
nasty("layer norm", layer_norm, normal((4, 8)))
nasty("layer norm of 100 + x", layer_norm, lambda rng: (100 + rng.standard_normal((2, 8)),))
nasty("std", lambda x: np.std(x, axis=0), normal((5, 3)))
nasty("std of 1e3 + x", lambda x: np.std(x), lambda rng: (1e3 + rng.standard_normal(8),))
nasty("softmax, peaked", lambda x: softmax(10 * x), normal(M))
nasty("a sum whose gradient is 0", lambda x: np.sum(softmax(x)), normal(M))
nasty("a constant", lambda x: 0 * x + 3.0, normal(V))
nasty("cumprod", lambda x: np.cumprod(x), normal((8,)))
nasty("prod with a zero", lambda x: np.prod(x), lambda rng: (np.array([0.0, 2.0, -3.0]),))
nasty("outputs 1e10 apart", lambda x: np.stack([1e10 * np.sin(x), np.cos(x)]), normal(V))
nasty(
    "logsumexp of large x",
    lambda x: np.log(np.sum(np.exp(x - 700))),
    lambda rng: (700 + rng.standard_normal(V),),
    single=False,
)
nasty("division that cancels", lambda x: (1 - np.cos(x)) / x**2, positive(V))
nasty("1,000 entries", lambda x: np.sum(np.tanh(x) ** 2), normal((1000,)))
nasty("1,000 outputs", lambda x: np.tanh(x) * x, normal((1000,)))
nasty("matmul, 30 x 30", lambda a, b: np.tanh(a @ b), normal((30, 30), (30, 30)))
