"""What gradients are compared with: finite differences, and points to take them at."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deltaprop.graph import Node, reverse
from deltaprop.graph.domains import REAL, Domain
from deltaprop.graph.forward import forward_sweep
from deltaprop.value import Value


def slope(phi: Callable[[float], float]) -> tuple[float, float]:
    """phi'(0) by central differences, extrapolated on a ladder of steps, and its error.

    The step is the one where three neighbours on the ladder agree best: two may by chance, as
    where phi jumps twice within one step and once within its half. That they agree in spite of
    the rounding errors of phi, which small steps magnify, counts for nothing.
    """
    steps = [2.0**-k for k in range(4, 17)]
    ends = [(phi(h), phi(-h)) for h in steps]
    central = [(a - b) / (2 * h) for (a, b), h in zip(ends, steps, strict=True)]
    better = [(4 * b - a) / 3 for a, b in itertools.pairwise(central)]
    rounding = 4 * np.finfo(float).eps * np.nanmax(np.abs(ends))
    gaps = [
        abs(b - a) + rounding / h
        for (a, b), h in zip(itertools.pairwise(better), steps[2:], strict=True)
    ]
    gaps = [max(pair) for pair in itertools.pairwise(gaps)]
    best = int(np.nanargmin(gaps))
    return better[best + 1], gaps[best]


def point(
    rng: np.random.Generator, shape: tuple[int, ...], domain: Domain = REAL, *, plane: bool = False
) -> Any:
    """Random numbers well inside a domain, away from its ends, its kinks and each other.

    With `plane` they are complex: off the real axis by up to a half.
    """
    if plane:
        x = point(rng, shape, domain) + 1j * rng.uniform(-0.5, 0.5, shape)
        return np.asarray(x) if shape else complex(x)
    low = max(domain.low, -3.0) if domain.high > -3.0 else domain.high - 2.0
    high = min(domain.high, low + 4.0 if domain.low > 3.0 else max(3.0, low + 2.0))
    n = max(1, math.prod(shape))
    places = rng.permutation(n)[: math.prod(shape)] + rng.uniform(0.25, 0.75, math.prod(shape))
    x = low + (high - low) * (0.08 + 0.84 * ((places + rng.uniform(0, n)) % n / n).reshape(shape))
    for kink in domain.kinks:
        near = np.abs(x - kink) < 0.2
        x = np.where(near, kink + np.where(x < kink, -1, 1) * (np.abs(x - kink) + 0.2), x)
    return np.asarray(x) if shape else float(x)


def inner(a: Any, b: Any) -> float:
    """What a cotangent a says of a tangent b; of complex ones the real part, no conjugate."""
    return float(np.sum(np.asarray(a) * np.asarray(b), dtype=complex).real)


def direction(rng: np.random.Generator, like: Any) -> Any:
    """A random cotangent or tangent of `like`: complex if that is."""
    like = np.asarray(data(like))
    v = rng.standard_normal(like.shape)
    return v + 1j * rng.standard_normal(like.shape) if like.dtype.kind == "c" else v


def data(x: Any) -> Any:
    return x._held if isinstance(x, Node) else x


def leaves_of(xs: Sequence[Any]) -> list[Value]:
    return [Value(np.asarray(x)) for x in xs]


def check(
    f: Callable[..., Any],
    xs: Sequence[Any],
    rng: np.random.Generator,
    *,
    second: bool = True,
    rtol: float = 1e-6,
) -> None:
    """f's reverse and forward derivatives at xs, first and second order, are right.

    One random cotangent w and one random direction v: <w, J v> by reverse mode, by
    forward mode and by differences of f; then the same for the gradient <w, J> itself.
    """
    leaves = leaves_of(xs)
    y = f(*leaves)
    w = direction(rng, y)
    vs = [direction(rng, x) for x in xs]

    def phi(h: float) -> float:
        moved = [np.asarray(x) + h * v for x, v in zip(xs, vs, strict=True)]
        return inner(w, data(f(*[m if m.ndim else m.item() for m in moved])))

    with np.errstate(all="ignore"):
        grads = gradients(y, w, leaves)
        reverse_slope = sum(inner(g, v) for g, v in zip(grads, vs, strict=True))
        (tangent,) = forward_sweep([y], dict(zip(leaves, map(_as_cotangent, vs), strict=True)))
        numeric, error = slope(phi)
    scale = sum(float(np.sum(np.abs(g * v))) for g, v in zip(grads, vs, strict=True))
    noise = 1e-11 * float(np.sum(np.abs(w * data(y))))  # of f itself, through the smallest step
    bound = rtol * max(scale, abs(numeric)) + 10 * error + noise
    assert all(np.all(np.isfinite(g)) for g in grads), f"gradient not finite: {grads}"
    assert abs(reverse_slope - numeric) <= bound, (
        f"reverse {reverse_slope}, differences {numeric} +- {error}"
    )
    forward_slope = 0.0 if tangent is None else inner(w, tangent)
    assert abs(forward_slope - reverse_slope) <= 1e-11 * max(scale, abs(forward_slope)), (
        f"forward {forward_slope}, reverse {reverse_slope}"
    )
    if second:

        def gradient(*points: Any) -> list[Any]:
            inputs = leaves_of(points)
            return gradients(f(*inputs), w, inputs)

        check_second(f, xs, w, vs, gradient, rng, rtol)


def check_second(
    f: Callable[..., Any],
    xs: Sequence[Any],
    w: Any,
    vs: Sequence[Any],
    gradient: Callable[..., list[Any]],
    rng: np.random.Generator,
    rtol: float,
) -> None:
    us = [direction(rng, x) for x in xs]
    leaves = leaves_of(xs)
    with np.errstate(all="ignore"):
        recorded = reverse.sweep(f(*leaves), _as_cotangent(w), graph=True)
        total: Any = 0.0
        for leaf, u in zip(leaves, us, strict=True):
            g = recorded.get(leaf, 0.0)
            total = total + (g * u).sum() if isinstance(g, Node) else total
        seconds = gradients(total, 1.0, leaves)

    def phi(h: float) -> float:
        grads = gradient(*[np.asarray(x) + h * v for x, v in zip(xs, vs, strict=True)])
        return sum(inner(g, u) for g, u in zip(grads, us, strict=True))

    with np.errstate(all="ignore"):
        numeric, error = slope(phi)
        first = sum(float(np.sum(np.abs(g * u))) for g, u in zip(gradient(*xs), us, strict=True))
    found = sum(inner(g, v) for g, v in zip(seconds, vs, strict=True))
    scale = sum(float(np.sum(np.abs(g * v))) for g, v in zip(seconds, vs, strict=True))
    bound = rtol * max(scale, abs(numeric)) + 10 * error + 1e-11 * first
    assert abs(found - numeric) <= bound, f"second {found}, differences {numeric} +- {error}"
    over_forward = reverse_over_forward(f, xs, w, us)
    again = sum(inner(g, v) for g, v in zip(over_forward, vs, strict=True))
    assert abs(again - found) <= 1e-9 * max(scale, abs(found)) + 1e-11 * first, (
        f"second, reverse over forward {again}, over reverse {found}"
    )


def reverse_over_forward(
    f: Callable[..., Any], xs: Sequence[Any], w: Any, us: Sequence[Any]
) -> list[Any]:
    """The gradient of <w, J u>, J u by a forward sweep that is recorded."""
    leaves = leaves_of(xs)
    with np.errstate(all="ignore"):
        tangents = dict(zip(leaves, map(_as_cotangent, us), strict=True))
        (t,) = forward_sweep([f(*leaves)], tangents, graph=True)
        return gradients(0.0 if t is None else (t * w).sum(), 1.0, leaves)


def _as_cotangent(w: Any) -> Any:
    return np.asarray(w).item() if np.ndim(w) == 0 else np.asarray(w)


def gradients(y: Any, w: Any, leaves: Sequence[Value]) -> list[Any]:
    """The cotangents of the leaves for the cotangent w of y; zeros where there is no path."""
    if not isinstance(y, Node) or y.is_constant:
        return [np.zeros(leaf.shape) for leaf in leaves]
    found = reverse.sweep(y, _as_cotangent(w))
    return [found.get(leaf, np.zeros(leaf.shape)) for leaf in leaves]


def parameter_names(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)
