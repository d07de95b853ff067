"""What gradient checkers think of wrong and of right gradients; prints and writes a table.

    python -m tests.testing.checkers --seeds 5 --output docs/checkers.md

Every checker runs with its own defaults, at first order, in reverse mode, on the same
functions, gradients and arguments: those of `wrong_gradients` and `nasty_functions`.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deltaprop.testing import GradientError, check_grads

from .nasty_functions import NASTY
from .wrong_gradients import WRONG, Arrays, Subject

Checker = Callable[[Subject, Arrays, int], bool]


def deltaprop(subject: Subject, xs: Arrays, seed: int) -> bool:
    try:
        check_grads(subject.ours(), *xs, order=1, modes=("reverse",), rng=seed)
    except GradientError:
        return False
    return True


def torch(subject: Subject, xs: Arrays, seed: int, fast: bool = False) -> bool:
    import torch

    class Judged(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            ctx.save_for_backward(*tensors)
            y = subject.function(*[t.detach().numpy() for t in tensors])
            return torch.as_tensor(np.array(y))

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            arrays = [t.detach().numpy() for t in ctx.saved_tensors]
            cotangents = subject.vjp(g.numpy(), *arrays)
            return tuple(
                torch.as_tensor(np.array(c, x.dtype))
                for c, x in zip(cotangents, arrays, strict=True)
            )

    torch.manual_seed(seed)
    tensors = [torch.tensor(x, requires_grad=True) for x in xs]
    return bool(
        torch.autograd.gradcheck(Judged.apply, tensors, fast_mode=fast, raise_exception=False)
    )


def torch_fast(subject: Subject, xs: Arrays, seed: int) -> bool:
    return torch(subject, xs, seed, fast=True)


def jax(subject: Subject, xs: Arrays, seed: int) -> bool:
    import jax
    from jax.test_util import check_grads as check

    jax.config.update("jax_enable_x64", True)
    dtype = xs[0].dtype
    like = jax.ShapeDtypeStruct(np.shape(subject.function(*xs)), dtype)

    def on_host(function: Callable[..., Any], shape: Any, *args: Any) -> Any:
        def run(*given: Any) -> Any:
            found = function(*map(np.asarray, given))
            return jax.tree.map(lambda s, a: np.asarray(a, s.dtype), shape, found)

        return jax.pure_callback(run, shape, *args)

    @jax.custom_vjp
    def judged(*args: Any) -> Any:
        return on_host(subject.function, like, *args)

    shapes = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in xs)
    judged.defvjp(
        lambda *args: (judged(*args), args),
        lambda args, g: on_host(subject.vjp, shapes, g, *args),
    )
    try:
        check(judged, xs, order=1, modes=["rev"])
    except AssertionError:
        return False
    return True


def autograd(subject: Subject, xs: Arrays, seed: int) -> bool:
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads as check

    @primitive
    def judged(*args: Any) -> Any:
        return subject.function(*args)

    def of(i: int) -> Any:
        return lambda y, *args: lambda g: np.array(subject.vjp(np.asarray(g), *args)[i])

    defvjp(judged, *map(of, range(len(xs))))
    np.random.seed(seed)  # noqa: NPY002 - where autograd takes its directions from
    try:
        check(judged, tuple(range(len(xs))), modes=["rev"], order=1)(*xs)
    except AssertionError:
        return False
    return True


def scipy(subject: Subject, xs: Arrays, seed: int) -> bool:
    """It gives a number; here below 1e-5 of the gradient's norm is taken for a yes."""
    from scipy.optimize import check_grad

    shapes, ends = [x.shape for x in xs], np.cumsum([x.size for x in xs])
    w = np.random.default_rng(seed).standard_normal(np.shape(subject.function(*xs)))

    def parts(row: np.ndarray) -> list[np.ndarray]:
        pieces = np.split(row.astype(xs[0].dtype), ends[:-1])
        return [piece.reshape(s) for piece, s in zip(pieces, shapes, strict=True)]

    def value(row: np.ndarray) -> float:
        return float(np.sum(w * subject.function(*parts(row))))

    def gradient(row: np.ndarray) -> np.ndarray:
        return np.concatenate([np.ravel(c) for c in subject.vjp(w, *parts(row))]).astype(float)

    row = np.concatenate([x.ravel() for x in xs])
    distance = check_grad(value, gradient, row)
    return bool(np.isfinite(distance) and distance <= 1e-5 * np.linalg.norm(gradient(row)))


CHECKERS: dict[str, tuple[str, Checker]] = {
    "deltaprop check_grads": ("deltaprop", deltaprop),
    "torch gradcheck": ("torch", torch),
    "torch gradcheck, fast_mode": ("torch", torch_fast),
    "jax check_grads": ("jax", jax),
    "autograd check_grads": ("autograd", autograd),
    "scipy check_grad": ("scipy", scipy),
}


@dataclass
class Score:
    """How often a checker erred, by the name of the gradient; and how long it took."""

    runs: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def in_single(subject: Subject) -> Subject:
    def arguments(rng: np.random.Generator) -> Arrays:
        return tuple(x.astype(np.float32) for x in subject.arguments(rng))

    return Subject(f"{subject.name}, float32", subject.function, arguments, subject.vjp)


def kind_of(subject: Subject) -> str:
    return "single" if subject.name.endswith("float32") else "double"


def judge(
    checker: Checker, subjects: Sequence[Subject], seeds: int, wrong: bool, to: Score
) -> None:
    for subject in subjects:
        for seed in range(seeds):
            xs = subject.arguments(np.random.default_rng(seed))
            start = time.perf_counter()
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                accepted = checker(subject, xs, seed)
            to.seconds += time.perf_counter() - start
            to.runs[f"{'wrong' if wrong else 'right'} {kind_of(subject)}"] += 1
            if accepted == wrong:
                (to.missed if wrong else to.alarms)[subject.name] += 1


def scores(seeds: int, names: Sequence[str] = tuple(CHECKERS)) -> dict[str, Score]:
    # rounding to single precision is no mistake in single precision
    single = [in_single(s) for s in WRONG if s.name != "rounded to single precision"]
    found = {}
    for name in names:
        score = found[name] = Score()
        judge(CHECKERS[name][1], [*WRONG, *single], seeds, True, score)
        judge(CHECKERS[name][1], NASTY, seeds, False, score)
        print(f"{name}: {score.seconds:.0f} s", file=sys.stderr)
    return found


def cell(errors: Counter[str], runs: int, kind: str) -> str:
    wrong = sum(n for name, n in errors.items() if name.endswith("float32") == (kind == "single"))
    return f"{wrong} of {runs}"


def table(found: dict[str, Score], seeds: int) -> str:
    """The page, in Markdown."""
    (first, *_) = found.values()
    wrong, wrong_single, right, right_single = (
        first.runs[f"{what} {kind}"] // seeds
        for what in ("wrong", "right")
        for kind in ("double", "single")
    )
    total = sum(first.runs.values())
    lines = [
        "# Gradient checkers compared",
        "",
        "<!-- written by `python -m tests.testing.checkers` -->",
        "",
        f"We ran gradient checkers on {wrong} wrong gradients, {wrong_single} of them also in "
        f"float32, and on {right} correct gradients of difficult functions, {right_single} of them "
        f"also in float32. Each has {seeds} random arguments, so there are {total} runs. We chose "
        "the functions. Every checker has its default settings and checks reverse mode at first "
        "order. It should reject the wrong gradients and accept the correct ones.",
        "",
        "An error of 0.01 %, or of rounding to single precision, is within the default tolerance "
        "of some checkers. SciPy's `check_grad` returns a number instead of a verdict: below 1e-5 "
        "of the gradient's norm it counts as accepted here.",
        "",
        "| checker | wrong verdicts | wrong, accepted | in float32 | correct, rejected "
        "| in float32 | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, s in found.items():
        cells = [
            cell(errors, s.runs[f"{what} {kind}"], kind)
            for what, errors in (("wrong", s.missed), ("right", s.alarms))
            for kind in ("double", "single")
        ]
        version = importlib.metadata.version(CHECKERS[name][0]) if name[:5] != "delta" else ""
        mistakes = f"{s.missed.total() + s.alarms.total()} of {total}"
        lines.append(
            f"| {name} {version}".rstrip() + f" | {mistakes} | {' | '.join(cells)} | "
            f"{s.seconds:.0f} |"
        )
    for title, pick in (
        ("Wrong gradients accepted", "missed"),
        ("Correct gradients rejected", "alarms"),
    ):
        errors = {name: getattr(s, pick) for name, s in found.items()}
        lines += ["", f"## {title}", "", f"Of {seeds} runs each; an empty cell is 0.", ""]
        lines += [f"| function | {' | '.join(errors)} |", "|---" * (len(errors) + 1) + "|"]
        for what in dict.fromkeys(what for e in errors.values() for what in e):
            lines.append(f"| {what} | {' | '.join(str(e[what] or '') for e in errors.values())} |")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--seeds", type=int, default=5, help="arguments for each (5)")
    options.add_argument("--output", type=Path, help="where to write the page")
    options.add_argument("--only", nargs="+", choices=CHECKERS, default=list(CHECKERS))
    args = options.parse_args(argv)
    page = table(scores(args.seeds, args.only), args.seeds)
    print(page)
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
