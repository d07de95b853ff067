"""Classic wrong gradients: each a function, and what its author made of the right cotangents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import deltaprop as dp

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Subject:
    """A function with a vjp in plain NumPy, to be judged by any checker.

    `arguments` makes its arguments from a generator; `vjp(g, *xs)` gives their cotangents.
    """

    name: str
    function: Callable[..., Any]
    arguments: Callable[[np.random.Generator], Arrays]
    vjp: Callable[..., Arrays]

    def __str__(self) -> str:
        return self.name

    def ours(self) -> Callable[..., Any]:
        """The function with its vjp, for deltaprop."""

        @dp.custom_gradient
        def judged(*xs: Any) -> Any:
            xs = tuple(map(np.asarray, xs))
            return self.function(*xs), lambda g: self.vjp(np.asarray(g), *xs)

        return judged


def right_vjp(function: Callable[..., Any]) -> Callable[..., Arrays]:
    def vjp(g: Any, *xs: Any) -> Arrays:
        y, pullback = dp.vjp(function, *xs)
        return tuple(np.asarray(c) for c in pullback(g if np.shape(y) else float(g)))

    return vjp


def normal(*shapes: tuple[int, ...]) -> Callable[[np.random.Generator], Arrays]:
    return lambda rng: tuple(rng.standard_normal(shape) for shape in shapes)


def positive(*shapes: tuple[int, ...]) -> Callable[[np.random.Generator], Arrays]:
    return lambda rng: tuple(rng.uniform(0.5, 3.0, shape) for shape in shapes)


WRONG: list[Subject] = []


def wrong(
    name: str,
    function: Callable[..., Any],
    arguments: Callable[[np.random.Generator], Arrays],
    mistake: Callable[..., Any],
) -> None:
    """Enter a gradient; `mistake(cs, g, *xs)` makes it from the right cotangents cs."""
    exact = right_vjp(function)

    def vjp(g: Any, *xs: Any) -> Arrays:
        cs = mistake(exact(g, *xs), g, *xs)
        return tuple(np.asarray(c) for c in (cs if isinstance(cs, tuple) else (cs,)))

    WRONG.append(Subject(name, function, arguments, vjp))


def softmax(x: Any) -> Any:
    e = np.exp(x)
    return e / np.sum(e, axis=-1, keepdims=True)


def layer_norm(x: Any) -> Any:
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + 1e-5)


def changed(c: np.ndarray, place: Any, value: Any) -> np.ndarray:
    c = c.copy()
    c.flat[place] = value
    return c


def assigned(g: np.ndarray, index: Any, n: int) -> np.ndarray:
    out = np.zeros(n)
    out[index] = g  # a repeated index counts once
    return out


M, V = (3, 4), (6,)
INDEX = np.array([0, 2, 2, 1])
sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731 - the table's own names
largest = lambda x: np.max(x, axis=-1)  # noqa: E731

# of any function
wrong("a factor of 2", np.tanh, normal(M), lambda cs, g, x: 2 * cs[0])
wrong("a factor of 1/2", np.exp, normal(M), lambda cs, g, x: cs[0] / 2)
wrong("the sign", np.cos, normal(M), lambda cs, g, x: -cs[0])
wrong("all entries 1 % off", np.sinh, normal(M), lambda cs, g, x: 1.01 * cs[0])
wrong("all entries 0.01 % off", np.sinh, normal(M), lambda cs, g, x: 1.0001 * cs[0])
wrong(
    "1,000 entries 1 % off",
    lambda x: np.sum(np.tanh(x)),
    normal((1000,)),
    lambda cs, g, x: 1.01 * cs[0],
)
wrong(
    "1,000 entries, one zeroed",
    lambda x: np.sum(np.sin(x)),
    normal((1000,)),
    lambda cs, g, x: changed(cs[0], 617, 0),
)
wrong(
    "1,000 outputs, one off by 10 %",
    np.tanh,
    normal((1000,)),
    lambda cs, g, x: changed(cs[0], 2, 1.1 * cs[0].flat[2]),
)
wrong("the first entry", np.sin, normal(V), lambda cs, g, x: changed(cs[0], 0, 0))
wrong("the last entry", np.sin, normal(V), lambda cs, g, x: changed(cs[0], -1, 0))
wrong(
    "the cotangent ignored",
    np.exp,
    normal(M),
    lambda cs, g, x: np.exp(x),
)
wrong(
    "the cotangent's sign dropped",
    np.tanh,
    normal(M),
    lambda cs, g, x: abs(g) * (1 - np.tanh(x) ** 2),
)
wrong("the cotangent squared", np.tanh, normal(M), lambda cs, g, x: g * cs[0])
wrong(
    "the cotangent averaged",
    np.tanh,
    normal(M),
    lambda cs, g, x: np.mean(g) * (1 - np.tanh(x) ** 2),
)
wrong("nothing flows", np.tanh, normal(M), lambda cs, g, x: 0 * cs[0])
wrong("NaN in an entry", np.tanh, normal(M), lambda cs, g, x: changed(cs[0], 5, np.nan))
wrong("an infinite entry", np.tanh, normal(M), lambda cs, g, x: changed(cs[0], 5, np.inf))
wrong(
    "rounded to single precision",
    np.exp,
    normal(M),
    lambda cs, g, x: cs[0].astype(np.float32).astype(float),
)
wrong(
    "tiny and 5 times too large", lambda x: 1e-8 * np.tanh(x), normal(M), lambda cs, g, x: 5 * cs[0]
)
wrong("huge and 1 % off", lambda x: 1e12 * np.tanh(x), normal(M), lambda cs, g, x: 1.01 * cs[0])
wrong(
    "wrong for x > 1 only",
    np.sin,
    lambda rng: (rng.uniform(0, 1.2, (20,)),),
    lambda cs, g, x: np.where(x > x.max() - 1e-9, 1.5 * cs[0], cs[0]),
)
wrong(
    "a stale input", lambda x, y: x * y, normal(M, M), lambda cs, g, x, y: (g * (y - 0.01), cs[1])
)
# of elementwise functions
wrong("the chain's inner factor", lambda x: np.sin(3 * x), normal(M), lambda cs, g, x: cs[0] / 3)
wrong("a detached term", lambda x: x * np.sin(x), normal(M), lambda cs, g, x: g * x * np.cos(x))
wrong("of the input, not the output", np.tanh, normal(M), lambda cs, g, x: g * (1 - x**2))
wrong("sigmoid: y (1 + y)", sigmoid, normal(M), lambda cs, g, x: g * sigmoid(x) * (1 + sigmoid(x)))
wrong("power: n x^n", lambda x: x**3, normal(M), lambda cs, g, x: 3 * g * x**3)
wrong(
    "quotient: no square",
    lambda x, y: x / y,
    positive(M, M),
    lambda cs, g, x, y: (cs[0], -g * x / y),
)
wrong(
    "quotient: partials swapped", lambda x, y: x / y, positive(M, M), lambda cs, g, x, y: cs[::-1]
)
wrong("relu's mask inverted", lambda x: np.maximum(x, 0), normal(M), lambda cs, g, x: g * (x < 0))
wrong("relu's mask dropped", lambda x: np.maximum(x, 0), normal(M), lambda cs, g, x: g)
wrong("abs without the sign", np.abs, normal(M), lambda cs, g, x: g)
# of broadcasting, reductions and products
wrong(
    "broadcast: one row, not the sum",
    lambda x, b: x * b,
    normal(M, (4,)),
    lambda cs, g, x, b: (cs[0], (g * x)[0]),
)
wrong(
    "broadcast: the mean, not the sum",
    lambda x, b: x + b,
    normal(M, (4,)),
    lambda cs, g, x, b: (cs[0], g.mean(axis=0)),
)
wrong("mean without 1/n", lambda x: np.mean(x, axis=0), normal(M), lambda cs, g, x: 3 * cs[0])
wrong(
    "sum along the other axis",
    lambda x: np.sum(x, axis=0),
    normal((4, 4)),
    lambda cs, g, x: cs[0].T,
)
wrong("max: to every entry", largest, normal(M), lambda cs, g, x: np.broadcast_to(g[:, None], M))
wrong("softmax without the sum", softmax, normal(M), lambda cs, g, x: g * softmax(x))
wrong(
    "softmax along the other axis",
    softmax,
    normal(M),
    lambda cs, g, x: softmax(x) * (g - np.sum(g * softmax(x), axis=0)),
)
wrong(
    "layer norm: mean held fixed",
    layer_norm,
    normal(M),
    lambda cs, g, x: cs[0] + 0.1 * g.mean(axis=-1, keepdims=True),
)
wrong("norm, not divided", lambda x: np.sqrt(np.sum(x * x)), normal(V), lambda cs, g, x: g * x)
wrong(
    "matmul: b, not b's transpose",
    lambda a, b: a @ b,
    normal((4, 4), (4, 4)),
    lambda cs, g, a, b: (g @ b, cs[1]),
)
wrong(
    "matmul: result transposed",
    lambda a, b: a @ b,
    normal((4, 4), (4, 4)),
    lambda cs, g, a, b: (cs[0].T, cs[1]),
)
wrong("outer: factors exchanged", np.outer, normal((4,), (4,)), lambda cs, g, a, b: (cs[1], cs[0]))
# of moving entries
wrong("cumsum, not reversed", lambda x: np.cumsum(x), normal(V), lambda cs, g, x: np.cumsum(g))
wrong(
    "sort, not put back",
    lambda x: np.sort(x),
    lambda rng: (rng.permutation(np.linspace(3, 1, 6)),),
    lambda cs, g, x: g if np.any(g != cs[0]) else g[::-1],
)
wrong("flip, not flipped back", lambda x: np.flip(x, 0), normal(V), lambda cs, g, x: g)
wrong("roll, rolled on", lambda x: np.roll(x, 1), normal(V), lambda cs, g, x: np.roll(g, 1))
wrong(
    "reshape in the other order",
    lambda x: np.reshape(x, (12,)),
    normal(M),
    lambda cs, g, x: g.reshape(M, order="F"),
)
wrong(
    "a repeated index counted once",
    lambda x: x[INDEX],
    normal((4,)),
    lambda cs, g, x: assigned(g, INDEX, 4),
)
wrong("a slice off by one", lambda x: x[1:4] ** 2, normal(V), lambda cs, g, x: np.roll(cs[0], 1))
