"""Random expressions, batched: ``python -m tests.graph.batches_many``.

For each expression, with samples along random axes: its gradients under `vmap` against the loop
over the samples and against `jax.vmap(jax.grad(f))`; in float32 and at second order against the
loop; the gradient of all samples through `vmap`; and `vmap(grad(f))` compiled, by both walkers.
A difference that rounding does not explain is a mismatch; the expressions are printed.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from typing import Any

import numpy as np

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop.testing.expressions import Expression

from ..testing.drawn import generate

SIZE = 3
UNKNOWN = ("nextafter",)  # JAX has no derivative of these
WALKERS = ["python", "c"][: 1 + (find_spec("deltaprop.compiler._walker") is not None)]


class Trial:
    """An expression, its samples and where they are."""

    def __init__(self, f: Expression, xs: Sequence[Any]) -> None:
        rng = np.random.default_rng(zlib.crc32(repr(f).encode()))
        self.f = f
        self.weights = rng.uniform(0.5, 1.5, np.shape(f(*xs)))
        self.argnums = tuple(range(len(xs)))
        places = [int(rng.integers(-np.ndim(x) - 1, np.ndim(x) + 1)) for x in xs]
        own = [rng.random() < 0.7 for _ in xs]
        own[rng.integers(len(xs))] = True
        self.axes = tuple([p if mine else None for p, mine in zip(places, own, strict=True)])
        rows = [
            x + 0.005 * rng.uniform(-1, 1, (SIZE, *np.shape(x)))
            if mine
            else np.broadcast_to(x, (SIZE, *np.shape(x)))
            for x, mine in zip(xs, own, strict=True)
        ]
        self.samples = list(zip(*rows, strict=True))
        self.given = [
            row[0] if axis is None else np.moveaxis(row, 0, axis)
            for row, axis in zip(rows, self.axes, strict=True)
        ]
        self.directions = [rng.uniform(-1, 1, np.shape(x)) for x in xs]

    def loss(self, f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *xs: (self.weights * f(*xs)).sum()

    def looped(self, g: Callable[..., Any], dtype: Any = float) -> list[Any]:
        rows = [g(*[_of(x, dtype) for x in sample]) for sample in self.samples]
        return [np.stack(column) for column in zip(*rows, strict=True)]


def _of(x: Any, dtype: Any) -> Any:
    return np.asarray(x, dtype) if np.ndim(x) else dtype(x)


def _apart(what: str, ours: Sequence[Any], theirs: Sequence[Any], tolerance: float) -> list[str]:
    """Entries that differ, relatively to the largest; where both are NaN, they do not."""
    found = []
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        size = tolerance * (1.0 + np.max(np.abs(b), initial=0.0, where=np.isfinite(b)))
        if np.shape(a) != np.shape(b) or not np.allclose(a, b, tolerance, size, equal_nan=True):
            found.append(f"{what}, argument {i}: {a} here, {b} there")
        elif "loop" in what and np.asarray(a).dtype != np.asarray(b).dtype:
            found.append(f"{what}, argument {i}: {a.dtype} here, {b.dtype} there")
    return found


def mismatches(f: Expression, xs: Sequence[Any], *, jax: bool = True) -> list[str]:
    """What is wrong with the batches of `f`; nothing, it is to be hoped."""
    trial = Trial(f, xs)
    ours = dp.grad(trial.loss(f), trial.argnums)

    def second(*xs: Any) -> Any:
        found = dp.hvp(trial.loss(f), xs, trial.directions)
        return found if isinstance(found, tuple) else (found,)

    found: list[str] = []
    with np.errstate(all="ignore"):
        mapped = dp.vmap(ours, trial.axes)
        batched, looped = mapped(*trial.given), trial.looped(ours)
        found += _apart("the loop", batched, looped, 1e-9)
        narrow = mapped(*[np.asarray(x, np.float32) for x in trial.given])
        found += _apart("the loop in float32", narrow, trial.looped(ours, np.float32), 2e-3)
        twice = dp.vmap(second, trial.axes)(*trial.given)
        found += _apart("the loop, second order", twice, trial.looped(second), 1e-8)
        whole = dp.grad(lambda *xs: dnp.sum(dp.vmap(trial.loss(f), trial.axes)(*xs)), trial.argnums)
        expected = [
            row.sum(0) if axis is None else np.moveaxis(row, 0, axis)
            for row, axis in zip(looped, trial.axes, strict=True)
        ]
        found += _apart("all samples", whole(*trial.given), expected, 1e-9)
        for walker in WALKERS:
            os.environ["DELTAPROP_WALKER"] = walker
            compiled = dp.compile(mapped)(*trial.given)
            found += _apart(f"compiled, walker {walker}", compiled, batched, 1e-10)
        if jax and not any(name in repr(f) for name in UNKNOWN):
            # at the kinks of ours, such as the deviation of one entry, JAX has NaN
            theirs = zip(_in_jax(trial), looped, strict=True)
            known = [np.where(np.isnan(a), b, a) for a, b in theirs]
            found += _apart("JAX", batched, known, 1e-8)
    return found


def _in_jax(trial: Trial) -> list[Any]:
    import jax

    from ..testing.in_jax import in_jax

    with jax.enable_x64(True):  # here alone: the setting is the whole process's
        gradient = jax.grad(trial.loss(in_jax(trial.f)), trial.argnums)
        return list(map(np.asarray, jax.jit(jax.vmap(gradient, trial.axes))(*trial.given)))


# -- many of them -------------------------------------------------------------------------


def _chunk(job: tuple[int, int, int]) -> dict[str, list[str]]:
    """Some expressions, as text, and what is wrong with each."""
    found: dict[str, list[str]] = {}

    def visit(f: Expression, xs: Sequence[Any]) -> None:
        text = f"{f!r}  # at {xs}"
        if text not in found:
            try:
                found[text] = mismatches(f, xs)
            except Exception as error:
                found[text] = [f"{type(error).__name__}: {error}"]

    count, seed, max_steps = job
    generate(count, seed, visit, max_steps)
    return found


def main() -> int:
    from tqdm import tqdm

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000, help="how many, all different")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=12, help="the longest expression")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    seeds = itertools.count(1_000_000 * options.seed)
    found: dict[str, list[str]] = {}
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(options.processes, mp_context=context) as pool,
        tqdm(total=options.count) as bar,
    ):
        while len(found) < options.count:
            jobs = [(25, next(seeds), options.steps) for _ in range(4 * options.processes)]
            for chunk in pool.map(_chunk, jobs):
                for text, problems in chunk.items():
                    if problems and text not in found:
                        bar.write("\n    ".join([text, *problems]))
                found |= chunk
                bar.update(min(len(found), options.count) - bar.n)
                bar.set_postfix(mismatches=sum(map(bool, found.values())))
    wrong = sum(map(bool, found.values()))
    print(f"{len(found)} different expressions, {wrong} with mismatches")
    return min(wrong, 1)


if __name__ == "__main__":
    raise SystemExit(main())
