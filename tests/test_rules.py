"""Every operation of the table, tested from its own entry: nobody writes these by hand.

An entry names where it is smooth (an elementwise operation's `domain`) or what it is
called with (`cases`); from that come random points, broadcast shapes and cotangents.
"""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop.graph import REGISTRY, Elementwise, Primitive
from deltaprop.value import Value

from . import oracles

OWN = {name: op for name, op in REGISTRY.items() if not name.startswith("test")}
SMOOTH = {
    name: op
    for name, op in OWN.items()
    if isinstance(op, Elementwise) and any(p is not None for p in op.partials)
}
OTHER = {name: op for name, op in OWN.items() if not isinstance(op, Elementwise)}
CASES = [
    pytest.param(op, case, id=f"{name}-{i}")
    for name, op in OTHER.items()
    for i, case in enumerate(op.cases)
]
# the plumbing of the elementwise kind is exercised by every elementwise operation
PLUMBING = {"sum_to", "broadcast_to", "restrict", "scatter"}


def test_every_operation_says_where_it_is_tested() -> None:
    missing = [name for name, op in SMOOTH.items() if len(op.domain) != len(op.partials)]
    missing += [name for name, op in OTHER.items() if not op.cases and name not in PLUMBING]
    assert not missing, f"no domain, or no cases, for {missing}"


def elementwise_points(op: Elementwise, seed: int, shapes: Any) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [oracles.point(rng, s, d) for s, d in zip(shapes, op.domain, strict=True)]


@pytest.mark.parametrize("op", SMOOTH.values(), ids=str)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_elementwise(op: Elementwise, data: st.DataObject, seed: int) -> None:
    shapes = data.draw(
        hnp.mutually_broadcastable_shapes(
            num_shapes=len(op.domain), max_dims=3, max_side=3, min_side=0
        )
    ).input_shapes
    xs = elementwise_points(op, seed, shapes)
    fixed = [x if p is None else None for x, p in zip(xs, op.partials, strict=True)]

    def f(*args: Any) -> Any:
        given_args = iter(args)
        return op(*[next(given_args) if c is None else c for c in fixed])

    oracles.check(f, [x for x, c in zip(xs, fixed, strict=True) if c is None], rng_of(seed))


@pytest.mark.parametrize(("op", "case"), CASES)
@given(seed=st.integers(0, 2**32 - 1))
def test_case(op: Primitive, case: Any, seed: int) -> None:
    rng = rng_of(seed)
    xs = [oracles.point(rng, shape, case.domain) for shape in case.shapes]
    oracles.check(lambda *args: op(*args, **case.params), xs, rng)


@pytest.mark.parametrize("op", SMOOTH.values(), ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_elementwise_keeps_the_dtype(op: Elementwise, dtype: Any) -> None:
    xs = [np.asarray(x, dtype) for x in elementwise_points(op, 0, [(2, 3)] * len(op.domain))]
    keeps_the_dtype(lambda *args: op(*args), xs, dtype)


@pytest.mark.parametrize(("op", "case"), CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_case_keeps_the_dtype(op: Primitive, case: Any, dtype: Any) -> None:
    if "dtype" in case.params or () in case.shapes:
        dtype = np.float64  # it says its own dtype, or is made of a scalar, a Python float
    xs = [np.asarray(oracles.point(rng_of(0), s, case.domain), dtype) for s in case.shapes]
    keeps_the_dtype(lambda *args: op(*args, **case.params), xs, dtype)


def keeps_the_dtype(f: Any, xs: list[np.ndarray], dtype: Any) -> None:
    """Results and gradients have the inputs' dtype; nobody's memory is touched or shared."""
    before = [x.copy() for x in xs]
    leaves = [Value(x) for x in xs]
    y = f(*leaves)
    if y.is_constant:
        return
    if y.shape:
        assert y.dtype == dtype
    w = np.asarray(np.random.default_rng(1).standard_normal(y.shape), y.dtype)
    y.backward(w)
    for x, old, leaf in zip(xs, before, leaves, strict=True):
        np.testing.assert_array_equal(x, old)
        np.testing.assert_array_equal(leaf.numpy(), old)
        if leaf.grad is not None and leaf.shape:
            assert leaf.grad.dtype == dtype
            assert leaf.grad.shape == leaf.shape
            assert not any(np.shares_memory(leaf.grad, x) for x in (*xs, w, y._data))
    grads = [leaf.grad for leaf in leaves if leaf.grad is not None and leaf.shape]
    for i, g in enumerate(grads):
        assert not any(np.shares_memory(g, other) for other in grads[:i])


@pytest.mark.parametrize("op", SMOOTH.values(), ids=str)
def test_a_value_said_to_be_unneeded_is_unneeded(op: Elementwise) -> None:
    """Arguments whose names begin with an underscore may change after the recording."""
    rng = rng_of(3)
    xs = [oracles.point(rng, (4,), d) for d in op.domain]
    y = np.asarray(op(*xs))
    for p in op.partials:
        if not callable(p):
            continue
        names = list(oracles.parameter_names(p))
        args = [y, *xs]
        hidden = [
            np.full_like(np.asarray(a, np.float64), np.nan) if n.startswith("_") else a
            for n, a in zip(names, args, strict=True)
        ]
        np.testing.assert_array_equal(plain(p(*args)), plain(p(*hidden)))


def plain(p: Any) -> Any:
    return getattr(p, "values", p)


def rng_of(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_namespace_offers_every_public_operation() -> None:
    assert dp.numpy.sin is REGISTRY["sin"]
