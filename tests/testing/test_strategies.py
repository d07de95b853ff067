"""The strategies draw what they promise, and enough of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from deltaprop import Value
from deltaprop.calculus.contractions import einsum
from deltaprop.graph import REGISTRY, Elementwise, Primitive
from deltaprop.graph.domains import NONZERO, POSITIVE, REAL, UNIT
from deltaprop.testing import strategies as dst

from .. import oracles

DOMAINS = [REAL, POSITIVE, NONZERO, UNIT, dst.Domain(1.0), dst.Domain(100.0), dst.Domain(-9, -8)]
SEARCH = settings(
    max_examples=2000, phases=[Phase.generate], database=None, deadline=None, derandomize=True
)
TESTABLE = [
    op for op in REGISTRY.values() if op.cases or (isinstance(op, Elementwise) and op.domain)
]


def some(strategy: Any, condition: Callable[[Any], Any]) -> Any:
    """An example of a strategy; an error if it draws none."""
    return find(strategy, lambda x: bool(condition(x)), settings=SEARCH)


# -- arrays -------------------------------------------------------------------------------


@given(st.sampled_from(DOMAINS), st.sampled_from([np.float32, np.float64]), st.data())
def test_arrays_lie_within_the_domain(domain: dst.Domain, dtype: Any, data: Any) -> None:
    x = data.draw(dst.arrays(domain, (2, 3), dtype=dtype))
    assert x.dtype == dtype
    assert x.shape == (2, 3)
    ends = [e for e in (domain.low, domain.high, *domain.kinks) if np.isfinite(e)]
    assert np.all((domain.low < x) & (x < domain.high))
    assert all(np.all(np.abs(x - end) > 0.05) for end in (0.0, *ends))
    assert isinstance(data.draw(dst.arrays(domain, (), dtype=dtype)), float)


def test_edges_come_on_request() -> None:
    huge, tiny = np.finfo(float).max, np.finfo(float).tiny
    for edge in (0.0, tiny, -tiny, huge, -huge):
        some(dst.arrays(REAL, (3,), edges=True), lambda x, edge=edge: np.any(x == edge))
    assert some(dst.arrays(UNIT, (3,), edges=True), lambda x: np.any(x == -1)).min() == -1
    some(dst.arrays(NONZERO, (2,), edges=True), lambda x: np.any(np.signbit(x) & (x == 0)))


@given(dst.arrays(POSITIVE, edges=True, dtype=np.float32))
def test_edges_are_in_the_closure_and_normal(x: Any) -> None:
    assert np.all((np.asarray(x) == 0) | (np.asarray(x) >= np.finfo(np.float32).tiny))


@given(dst.broadcastable([REAL, POSITIVE, UNIT]))
def test_broadcastable(xs: tuple[Any, ...]) -> None:
    np.broadcast_shapes(*map(np.shape, xs))
    assert np.all(np.asarray(xs[1]) > 0)
    assert np.all(np.abs(xs[2]) < 1)


def test_broadcastable_shapes_differ() -> None:
    some(dst.broadcastable(2), lambda xs: np.ndim(xs[0]) > np.ndim(xs[1]))
    some(dst.broadcastable(2), lambda xs: np.shape(xs[0])[-1:] == (1,) < np.shape(xs[1])[-1:])


@given(st.sampled_from(TESTABLE), st.data())
def test_operands_suit_their_operation(op: Primitive, data: st.DataObject) -> None:
    xs, params = data.draw(dst.operands(op))
    y = op(*xs, **params)
    assert np.all(np.isfinite(y)), f"{op} at {xs} with {params} is {y}"


def test_an_operation_that_names_no_cases_is_an_error() -> None:
    with pytest.raises(ValueError, match="restrict names no cases: declare it"):
        some(dst.operands(REGISTRY["restrict"]), lambda x: True)


# -- axes, indices, einsum ----------------------------------------------------------------


@given(st.integers(0, 3), st.data())
def test_axes(ndim: int, data: st.DataObject) -> None:
    np.ones((2,) * ndim).sum(data.draw(dst.axes(ndim)))
    if ndim:
        assert isinstance(data.draw(dst.axes(ndim, none=False, several=False)), int)


def test_axes_of_every_kind() -> None:
    for wanted in (None, -2, 1, (), (-1, 0)):
        assert some(dst.axes(2), lambda axis, wanted=wanted: axis == wanted) == wanted


@given(st.data())
def test_indices_fit(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([(), (3,), (2, 3), (3, 1, 2), (0, 2)]))
    x = np.ones(shape)
    np.testing.assert_array_equal(
        Value(x)[index := data.draw(dst.indices(shape))].numpy(), x[index]
    )


def test_indices_of_every_kind() -> None:
    def holds(*kinds: Any) -> Callable[[Any], bool]:
        return lambda i: isinstance(i, tuple) and all(any(k(e) for e in i) for k in kinds)

    def integers(e: Any) -> bool:
        return isinstance(e, np.ndarray) and e.dtype.kind == "i"

    def mask(e: Any) -> bool:
        return isinstance(e, np.ndarray) and e.dtype.kind == "b"

    some(dst.indices((2, 3)), mask)
    some(dst.indices((2, 3)), holds(integers, lambda e: isinstance(e, slice)))
    some(dst.indices((2, 3)), holds(mask, lambda e: isinstance(e, int)))
    some(dst.indices((2, 3)), holds(integers, lambda e: e is None))
    some(dst.indices((2, 3)), holds(lambda e: e is Ellipsis))
    some(dst.indices((2, 3)), holds(lambda e: isinstance(e, slice) and (e.step or 1) < 0))
    some(dst.indices((2, 3)), lambda i: isinstance(i, tuple) and sum(map(integers, i)) == 2)


@given(dst.einsums())
def test_einsums_fit(call: tuple[str, tuple[Any, ...]]) -> None:
    subscripts, xs = call
    expected = np.einsum(subscripts, *xs)
    np.testing.assert_allclose(einsum(subscripts, *map(Value, xs)).numpy(), expected, rtol=1e-12)
    rng = np.random.default_rng(0)
    oracles.check(lambda *xs: einsum(subscripts, *xs), xs, rng, second=False)


def test_einsums_of_every_kind() -> None:
    def first(subscripts: str) -> str:
        return subscripts.replace("...", "").split("->")[0].split(",")[0]

    some(dst.einsums(), lambda call: first(call[0])[:1] in first(call[0])[1:] != "")
    some(dst.einsums(), lambda call: "..." in call[0] and "->" not in call[0])
    some(dst.einsums(), lambda call: call[0].count(",") == 2 and "->" in call[0])


# -- networks -----------------------------------------------------------------------------


@given(dst.mlps())
def test_mlps_are_smooth_where_they_are(problem: dst.Problem) -> None:
    parameters = problem.mlp.parameters()
    start = [p.numpy() for p in parameters]

    def loss(*values: Any) -> Any:
        for p, value in zip(parameters, values, strict=True):
            p.assign(value)
        return problem()

    problem().backward()
    rng = np.random.default_rng(0)
    vs = [rng.uniform(-1.0, 1.0, p.shape) for p in parameters]
    exact = sum(oracles.inner(p.grad, v) for p, v in zip(parameters, vs, strict=True))

    def along(h: float) -> float:
        return float(loss(*(x + h * v for x, v in zip(start, vs, strict=True))).item())

    numeric, error = oracles.slope(along)
    scale = sum(float(np.sum(np.abs(p.grad * v))) for p, v in zip(parameters, vs, strict=True))
    assert abs(exact - numeric) <= 1e-6 * scale + 10 * error + 1e-10


def test_mlps_of_every_kind() -> None:
    some(dst.mlps(), lambda p: len(p.mlp.layers) == 3 and p.loss == "kl_divergence")
    some(dst.mlps(), lambda p: p.mlp.layers[0].bias is None and len(p.X) == 3)
    some(dst.mlps(dtype=np.float32), lambda p: p().dtype == np.float32 == p.T.dtype)
