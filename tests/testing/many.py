"""Random expressions against PyTorch and finite differences: ``python -m tests.testing.many``.

For each expression: its value; the gradient by the plain sweep, by the recorded sweep and
by forward mode; the gradient of the gradient; in float64 and float32. A difference that
rounding does not explain is a mismatch; the expressions are printed.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from deltaprop import Value
from deltaprop.graph import Node, topological_order
from deltaprop.graph.forward import forward_sweep
from deltaprop.testing.expressions import Expression

from . import in_torch
from .drawn import generate

TOLERANCE: dict[Any, float] = {np.float64: 1e-9, np.float32: 2e-3}
STEPS = [2.0**-k for k in range(4, 20)]


# -- derivatives, ours and theirs ---------------------------------------------------------


class Derivatives:
    """Value, gradient along a cotangent w, and the gradient of <gradient, u>.

    `sizes` are the largest cotangents met in the two sweeps: what errors are relative to.
    """

    def __init__(self, f: Expression, xs: Sequence[Any], w: Any, us: Sequence[Any], dtype: Any):
        self.leaves = [Value(np.asarray(x, dtype) if np.ndim(x) else x) for x in xs]
        y = f(*self.leaves)
        self.result = y
        self.value = y.numpy()
        y.backward(np.asarray(w, y.dtype))
        self.gradient = [_grad(x) for x in self.leaves]
        self.sizes = [_largest(y), 0.0]
        self.noise = [_rounding(y), 0.0]
        for node in topological_order(y):
            node.zero_grad()  # type: ignore[attr-defined]
        y.backward(np.asarray(w, y.dtype), create_graph=True)
        grads = [x.grad for x in self.leaves]
        self.recorded = [_data(g, x) for g, x in zip(grads, self.leaves, strict=True)]
        total: Any = 0.0
        for g, u in zip(grads, us, strict=True):
            total = total + (g * u).sum() if isinstance(g, Node) else total
        for node in topological_order(y):
            node.zero_grad()  # type: ignore[attr-defined]
        if isinstance(total, Value) and not total.is_constant:
            total.backward()
            self.sizes[1], self.noise[1] = _largest(total), _rounding(total)
        self.second = [_grad(x) for x in self.leaves]


def _grad(x: Any) -> np.ndarray:
    return np.zeros(x.shape, x.dtype) if x.grad is None else np.asarray(x.grad)


def _data(g: Any, x: Any) -> np.ndarray:
    return np.zeros(x.shape, x.dtype) if g is None else np.asarray(g._held)


def _largest(root: Any) -> float:
    """The largest entry of any cotangent in the sweep from `root`."""
    return max(float(np.max(np.abs(g), initial=0.0)) for _, g in _swept(root))


def _rounding(root: Any) -> float:
    """A bound, to first order, for what rounding makes of `root`'s inner product with its seed.

    Each node's rounding error is at most a few units of its data, times its cotangent.
    """
    return 4 * np.finfo(float).eps * sum(float(np.sum(np.abs(x * g))) for x, g in _swept(root))


def _swept(root: Any) -> Iterator[tuple[Any, Any]]:
    """Data and cotangent of each node; behind a structural zero they may be no numbers."""
    for node in topological_order(root):
        g = node.grad  # type: ignore[attr-defined]
        if g is not None:
            x = node._held
            yield np.where(np.isfinite(x), x, 0.0), np.where(np.isfinite(g), g, 0.0)


def in_pytorch(
    f: Expression, xs: Sequence[Any], w: Any, us: Sequence[Any], dtype: Any
) -> tuple[Any, list[Any], list[Any]]:
    """Value, gradient and gradient of the gradient as PyTorch has them."""
    kind = torch.float64 if dtype is np.float64 else torch.float32
    leaves = [in_torch.tensor(x, kind) for x in xs]
    y = f.on(in_torch.NAMESPACE)(*leaves)
    first = _torch_gradient((y * torch.as_tensor(w)).sum(), leaves)
    total = sum((g * torch.as_tensor(u)).sum() for g, u in zip(first, us, strict=True))
    second = _torch_gradient(total, leaves)
    return y.detach().numpy(), [_plain(g) for g in first], [_plain(g) for g in second]


def _torch_gradient(y: Any, leaves: Sequence[Any]) -> list[Any]:
    if not y.requires_grad:
        return [torch.zeros_like(x) for x in leaves]
    found = torch.autograd.grad(y, leaves, create_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, leaves, strict=True)]


def _plain(tensor: Any) -> np.ndarray:
    # a copy: PyTorch has zero tensors without memory, which NumPy would read all the same
    return np.asarray(tensor.detach().as_subclass(torch.Tensor).clone().numpy())


# -- comparisons --------------------------------------------------------------------------


def mismatches(f: Expression, xs: Sequence[Any], *, differences: bool = True) -> list[str]:
    """What is wrong with the derivatives of `f` at `xs`; nothing, it is to be hoped."""
    rng = np.random.default_rng(0)
    w = rng.uniform(0.5, 1.5, np.shape(f(*xs)))
    us, vs = ([rng.uniform(-1.0, 1.0, np.shape(x)) for x in xs] for _ in range(2))
    found: list[str] = []
    with np.errstate(all="ignore"):
        for dtype, tolerance in TOLERANCE.items():
            ours = Derivatives(f, xs, w, us, dtype)
            value, first, second = in_pytorch(f, xs, w, us, dtype)
            size = tolerance * max(1.0, ours.sizes[0])
            size_2 = tolerance * max(1.0, *ours.sizes)
            where = f"in {np.dtype(dtype)}"
            found += _apart(f"value {where}", [ours.value], [value], tolerance)
            found += _apart(f"gradient {where}", ours.gradient, first, size)
            found += _apart(f"recorded gradient {where}", ours.recorded, ours.gradient, size)
            found += _apart(f"second order {where}", ours.second, second, size_2)
            found += _forward(ours, w, vs, size)
            found += _dtypes(ours, dtype)
            if dtype is np.float64 and differences:
                found += _against_differences(f, xs, w, us, vs, ours)
    return found


def _apart(what: str, ours: Sequence[Any], theirs: Sequence[Any], size: float) -> list[str]:
    """Entries that differ by more than `size`, or relatively; NaN never agrees."""
    return [
        f"{what}, argument {i}: {a} here, {b} there"
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True))
        if np.shape(a) != np.shape(b) or not np.all(np.abs(a - b) <= size * (1 + np.abs(b)))
    ]


def _forward(ours: Derivatives, w: Any, vs: Sequence[Any], size: float) -> list[str]:
    tangents = {
        x: v.astype(x.dtype) if x.shape else float(v) for x, v in zip(ours.leaves, vs, strict=True)
    }
    (tangent,) = forward_sweep([ours.result], tangents)
    forward = 0.0 if tangent is None else float(np.sum(w * np.asarray(tangent)))
    backward = _inner(ours.gradient, vs)
    bound = size * sum(np.size(v) for v in vs)
    return [] if abs(forward - backward) <= bound else [f"forward {forward}, reverse {backward}"]


def _dtypes(ours: Derivatives, dtype: Any) -> list[str]:
    return [
        f"a gradient of {np.dtype(dtype)} came as {g.dtype}"
        for g, x in zip(ours.gradient, ours.leaves, strict=True)
        if x.shape and g.dtype != dtype
    ]


def _against_differences(
    f: Expression, xs: Sequence[Any], w: Any, us: Sequence[Any], vs: Sequence[Any], d: Derivatives
) -> list[str]:
    def moved(h: float) -> list[Any]:
        return [x + h * v if np.ndim(x) else float(x + h * v) for x, v in zip(xs, vs, strict=True)]

    def phi(h: float) -> float:
        return float(np.sum(w * f(*moved(h))))

    def slope(h: float) -> float:
        leaves = [Value(x) for x in moved(h)]
        y = f(*leaves)
        y.backward(w if y.shape else float(w), retain_grads=False)
        return _inner([_grad(x) for x in leaves], us)

    found = []
    for order, curve, grads in ((1, phi, d.gradient), (2, slope, d.second)):
        exact = _inner(grads, vs)
        scale = sum(float(np.sum(np.abs(g * v))) for g, v in zip(grads, vs, strict=True))
        bound = 1e-5 * scale + 1e-12 * max(1.0, *d.sizes)
        if not confirmed(curve, exact, bound, d.noise[order - 1]):
            found.append(f"order {order}: {exact}, differences {[_slope(curve, h) for h in STEPS]}")
    return found


def confirmed(curve: Callable[[float], float], exact: float, bound: float, noise: float) -> bool:
    """Whether some step of a ladder gives `exact` as the slope of the curve at 0.

    Rounding errors of the curve's values, `noise`, are as much larger as the step is small.
    """
    return any(abs(_slope(curve, h) - exact) <= bound + noise / h for h in STEPS)


def _slope(curve: Callable[[float], float], h: float) -> float:
    """Richardson's extrapolation of central differences of steps h and 2 h."""
    near, far = ((curve(s) - curve(-s)) / (2 * s) for s in (h, 2 * h))
    return (4 * near - far) / 3


def _inner(a: Sequence[Any], b: Sequence[Any]) -> float:
    return sum(float(np.sum(x * y)) for x, y in zip(a, b, strict=True))


# -- many of them -------------------------------------------------------------------------


def _chunk(job: tuple[int, int]) -> dict[str, list[str]]:
    """Some expressions, as text, and what is wrong with each."""
    torch.set_num_threads(1)
    found: dict[str, list[str]] = {}

    def visit(f: Expression, xs: Sequence[Any]) -> None:
        text = f"{f!r}  # at {xs}"
        if text not in found:
            found[text] = mismatches(f, xs)

    generate(*job, visit)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many, all different")
    parser.add_argument("--seed", type=int, default=0)
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
            jobs = [(100, next(seeds)) for _ in range(4 * options.processes)]
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
