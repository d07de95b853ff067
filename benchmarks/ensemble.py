"""Eight small networks trained at once as one batched network, against one of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

import deltaprop as dp
from benchmarks.problem import case_name
from benchmarks.progress import Progress
from benchmarks.results import Comparison, WorkloadResult, at_most
from benchmarks.timing import Contender, Settings, compare

NAME = "ensemble"
TITLE = "K = 8 networks at once: forward, backward, SGD; float32, mean squared error"

MEMBERS, BATCH = 8, 32
CASES = [((2, 16, 16, 1), "tanh"), ((64, 32, 10), "relu")]
ONE, ALL, IN_TURN = "one network", "8 networks at once", "8 networks in turn"
PRODUCTS = "matrix products alone"
FACTOR = 2.0  # the target: at most so many times the time of one

Step = Callable[[], Any]


def run(settings: Settings, progress: Progress) -> WorkloadResult:
    """Check that the ensemble's loss is the sum of its members', then time all of them."""
    comparisons: list[Comparison] = []
    verdicts = []
    for sizes, activation in CASES:
        if not settings.wants_case(case := case_name(sizes, BATCH)):
            continue
        steps = _ours(sizes, activation) | _products(sizes)
        theirs, absent = _torch(sizes, activation)
        contenders = [
            Contender(name, step)
            for name, step in (steps | theirs).items()
            if settings.wants(name, f"{ONE}, compiled")
        ]
        comparison = compare(case, contenders, f"{ONE}, compiled", settings, progress)
        comparison.absent.update(absent)
        comparisons.append(comparison)
        verdicts += [
            at_most(comparison, f"{ALL}, {how}", FACTOR, f"{ONE}, {how}")
            for how in ("compiled", "eager")
        ]
    return WorkloadResult(
        NAME,
        TITLE,
        comparisons,
        verdicts,
        [
            "Eight networks have eight times the arithmetic of one. What they save is calls: where"
            " the matrix products of one take a large part of its step, as from 64 inputs on, no"
            " batching brings eight of them near twice its time."
        ],
    )


def _ours(sizes: tuple[int, ...], activation: str) -> dict[str, Step]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((BATCH, sizes[0]), dtype=np.float32)
    T = rng.standard_normal((BATCH, sizes[-1]), dtype=np.float32)
    X.flags.writeable = T.flags.writeable = False
    options: Any = {"activation": activation, "dtype": np.float32}

    def step(model: Any, loss: Any) -> Any:
        optimizer = dp.optim.SGD(model.parameters(), lr=0.01)

        def trained(X: Any, T: Any) -> Any:
            value = loss(model(X), T)
            optimizer.zero_grad()
            value.backward(retain_grads=False)
            optimizer.step()
            return value

        return trained

    def of(compiled: bool) -> dict[str, Step]:
        generator = np.random.default_rng(0)
        members = [dp.nn.MLP(sizes, rng=generator, **options) for _ in range(MEMBERS)]
        ensemble = dp.nn.Ensemble(MEMBERS, sizes, rng=0, **options)
        steps = [step(member, dp.nn.mse) for member in members]
        together = step(ensemble, ensemble.loss("mse"))
        if compiled:
            steps, together = [dp.compile(s) for s in steps], dp.compile(together)
        total, losses = together(X, T).item(), [s(X, T).item() for s in steps]
        if not np.isclose(total, sum(losses), rtol=1e-5):
            raise AssertionError(f"the ensemble's loss is {total}, its members' are {losses}")
        how = "compiled" if compiled else "eager"
        return {
            f"{ONE}, {how}": lambda: steps[0](X, T),
            f"{ALL}, {how}": lambda: together(X, T),
            f"{IN_TURN}, {how}": lambda: [s(X, T) for s in steps],
        }

    return of(True) | of(False)


def _products(sizes: tuple[int, ...]) -> dict[str, Step]:
    """The products A W, A^T delta and delta W^T of a step, of one network and of all."""

    def products(*lead: int) -> Step:
        rng = np.random.default_rng(0)
        calls: list[Any] = []
        for level, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
            W = rng.standard_normal((*lead, n_in, n_out), dtype=np.float32)
            rows = (BATCH, n_in) if level == 0 else (*lead, BATCH, n_in)
            x = rng.standard_normal(rows, dtype=np.float32)
            delta = rng.standard_normal((*lead, BATCH, n_out), dtype=np.float32)
            calls += [(x, W, np.empty_like(delta)), (x.mT, delta, np.empty_like(W))]
            if level:
                calls.append((delta, W.mT, np.empty_like(x)))

        def multiply() -> None:
            for a, b, out in calls:
                np.matmul(a, b, out=out)

        return multiply

    return {f"{ONE}, {PRODUCTS}": products(), f"{ALL}, {PRODUCTS}": products(MEMBERS)}


def _torch(sizes: tuple[int, ...], activation: str) -> tuple[dict[str, Step], dict[str, str]]:
    try:
        import torch
    except ImportError as error:
        return {}, {"PyTorch": str(error)}

    def trained(*lead: int) -> Step:
        X, T = torch.randn(BATCH, sizes[0]), torch.randn(*lead, BATCH, sizes[-1])
        X = X.expand(*lead, *X.shape)
        parameters = []
        for n_in, n_out in itertools.pairwise(sizes):
            parameters.append(torch.randn(*lead, n_in, n_out).div_(n_in**0.5).requires_grad_())
            parameters.append(torch.zeros(*lead, 1, n_out, requires_grad=True))
        f = getattr(torch, activation)
        affine = torch.baddbmm if lead else torch.addmm
        optimizer = torch.optim.SGD(parameters, lr=0.01)

        def step() -> None:
            A = X
            for i in range(0, len(parameters), 2):
                Z = affine(parameters[i + 1], A, parameters[i])
                A = f(Z) if i < len(parameters) - 2 else Z
            loss = ((A - T) ** 2).mean() * (lead[0] if lead else 1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return step

    return {f"{ONE}, PyTorch eager": trained(), f"{ALL}, PyTorch eager": trained(MEMBERS)}, {}
