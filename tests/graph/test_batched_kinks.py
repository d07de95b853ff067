"""At the kinks, a batch takes the sides that the loop takes, whatever the other samples do."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
import deltaprop.numpy as dnp

from .. import test_kinks, test_second_order
from ..calculus import test_special
from . import test_structural_zeros as zeros


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def the_loop(g: Callable[..., Any], samples: list[tuple[Any, ...]], rtol: float = 1e-12) -> None:
    """Compare a function's batch with its loop: the same numbers, and NaN at the same entries."""
    rows = [dp.tree.flatten(g(*sample))[0] for sample in samples]
    mapped = dp.vmap(g)(*[np.stack(column) for column in zip(*samples, strict=True)])
    for got, *expected in zip(dp.tree.flatten(mapped)[0], *rows, strict=True):
        np.testing.assert_allclose(got, np.stack(expected), rtol, 1e-300)


def derivatives(f: Callable[..., Any], count: int) -> list[Callable[..., Any]]:
    """The first and the second derivatives of the sum of a function, in several ways."""
    argnums = tuple(range(count))

    def total(*xs: Any) -> Any:
        return dnp.sum(f(*xs))

    gradient = dp.grad(total, argnums)

    def ones(xs: Any) -> list[Any]:
        return [np.ones(np.shape(x), np.result_type(x)) if np.ndim(x) else 1.0 for x in xs]

    return [
        gradient,
        lambda *xs: dp.jvp(f, xs, ones(xs)),
        lambda *xs: dp.jacobian(f, argnums)(*xs),
        lambda *xs: dp.jvp(lambda *xs: gradient(*xs), xs, ones(xs))[1],
        dp.grad(lambda *xs: sum(dnp.sum(g) for g in gradient(*xs)), argnums),
    ]


def numbers(x: Any) -> Any:
    return np.asarray(x, float) if np.ndim(x) else float(x)


@pytest.mark.parametrize("kind", ["scalars", "tensors"])
@pytest.mark.parametrize("r", [*test_kinks.ROWS, *test_special.ROWS], ids=lambda r: r.case)
def test_kink(r: test_kinks.Row, kind: str) -> None:
    at = tuple([numbers(x) if kind == "scalars" else np.zeros(2) + x if np.ndim(x) == 0
                else numbers(x) for x in r.at])  # fmt: skip
    beside = [tuple([x + d for x in at]) for d in (0.25, -0.125)]
    for derivative in derivatives(r.f, len(at)):
        the_loop(derivative, [beside[0], at, beside[1]])
        the_loop(derivative, [at])
    # through the boundary: the batch is the variable
    samples = [beside[0], at]
    given = [np.stack(column) for column in zip(*samples, strict=True)]
    argnums = tuple(range(len(at)))
    got = dp.grad(lambda *xs: dnp.sum(dp.vmap(r.f)(*xs)), argnums)(*given)
    for i, sample in enumerate(samples):
        expected = dp.grad(lambda *xs: dnp.sum(r.f(*xs)), argnums)(*sample)
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(a[i], b, 1e-12)


SECOND = {
    **{name: entry[:2] for name, entry in test_second_order.SQUARES.items()},
    **{name: entry[:2] for name, entry in test_second_order.THERE_IS_NONE.items()},
    **{name: entry[:2] for name, entry in test_second_order.RIGHT_OR_NAN.items()},
}


@pytest.mark.parametrize("name", SECOND)
def test_second_order(name: str) -> None:
    f, at = SECOND[name]
    rng = np.random.default_rng(0)
    x = numbers(at)
    beside = x + rng.normal(size=np.shape(x)) if np.ndim(x) else x + 0.5
    for g in (dp.grad(f), dp.hessian(f), lambda x: dp.hvp(f, (x,), (x + 1,))):
        the_loop(g, [(x,)], 1e-9)
        the_loop(g, [(beside,), (x,)], 1e-7)


MASKS = np.array([[[1, 0, 0], [0, 1, 0]], [[1, 1, 1], [1, 1, 1]], [[0, 0, 0], [0, 1, 1]]], bool)
UNSHAPED = {"boolean index", "integer index", "take", "at", "indexed and masked", "rows"}


@pytest.mark.parametrize("bad", zeros.BAD)
@pytest.mark.parametrize("select", zeros.SELECT)
def test_structural_zeros(select: str, bad: str) -> None:
    choose, (function, _) = zeros.SELECT[select], zeros.BAD[bad]
    points = np.where(MASKS, np.linspace(0.5, 2.0, 6).reshape(2, 3), 0.0)
    shared = MASKS[0]

    def of_each(x: Any, mask: Any) -> Any:
        return dnp.sum(choose(mask, function(x)))

    def of_all(x: Any) -> Any:
        return of_each(x, shared)

    for g in (dp.grad, lambda f: dp.jacobian(f, mode="forward"), dp.hessian):
        the_loop(g(of_all), [(x,) for x in points])
    if select in UNSHAPED:
        return
    for g in (dp.grad(of_each), dp.hessian(of_each), dp.jacobian(of_each, mode="forward")):
        the_loop(g, list(zip(points, MASKS, strict=True)))


@pytest.mark.parametrize("fill", zeros.FILL)
def test_what_comes_from_nowhere(fill: str) -> None:
    points = np.where(MASKS, np.linspace(0.5, 2.0, 6).reshape(2, 3), 0.0)

    def f(x: Any, mask: Any = MASKS[0]) -> Any:
        filled = zeros.FILL[fill](mask, dp.constant(x) if not isinstance(x, dp.Value) else x)
        return dnp.sum(dnp.sqrt(filled))

    for g in (dp.grad(f), dp.jacobian(f, mode="forward"), dp.hessian(f)):
        the_loop(g, [(x,) for x in points])
        if fill not in ("set", "set in constants"):
            the_loop(g, list(zip(points, MASKS, strict=True)))
