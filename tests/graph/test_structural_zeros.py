"""A branch not taken sends back exactly nothing; a numeric zero stays an honest number.

Wherever an output does not depend on an entry at all, no inf or NaN of the entry's own
derivatives may show in its gradient, whatever operations lie between.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop import Value
from deltaprop.graph import REGISTRY, Elementwise, Masked
from deltaprop.graph.cotangent import materialize, restrict


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


# y = fill(mask, x): x where the mask holds, and elsewhere a 0 that does not depend on x
FILL: dict[str, Callable[[Any, Any], Any]] = {
    "where": lambda m, x: dnp.where(m, x, 0.0),
    "select": lambda m, x: dnp.select([~m], [0.0], x),
    "set": lambda m, x: x.at[~m].set(0.0),
    "set in constants": lambda m, x: dnp.zeros(m.shape).at[m].set(x[m]),
    "maximum": lambda m, x: dnp.maximum(dnp.where(m, x, x - 9.0), 0.0),
    "clip": lambda m, x: dnp.clip(dnp.where(m, x, x - 9.0), 0.0, 9.0),
    "moved": lambda m, x: dnp.roll(dnp.where(m, x, 0.0).T.ravel(), 1),
    "scaled": lambda m, x: -(dnp.where(m, x, 0.0) * -2.0) / 2.0,
    "two of them": lambda m, x: dnp.where(m, x, 0.0) * 3.0 - 2.0 * dnp.where(m, x, 0.0),
    "padded": lambda m, x: dnp.pad(dnp.where(m, x, 0.0), 1),
    "joined": lambda m, x: dnp.concatenate([np.zeros(2), dnp.where(m, x, 0.0).ravel()]),
    "stacked": lambda m, x: dnp.stack([np.zeros(m.shape), dnp.where(m, x, 0.0)]),
    "on the diagonal": lambda m, x: dnp.diag(dnp.where(m, x, 0.0).ravel()),
    "summed": lambda m, x: dnp.stack([dnp.where(m, x, 0.0), np.zeros(m.shape)]).sum(0),
    "as float64": lambda m, x: dnp.where(m, x, 0.0).astype(np.float64),
    "chosen again": lambda m, x: dnp.where(m, dnp.where(m, x, 0.0), np.zeros(m.shape)),
}

# functions whose value or derivative at 0 is infinite or NaN, and that at x > 0
BAD: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "log": (dnp.log, lambda x: 1 / x),
    "sqrt": (dnp.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "1/x": (lambda x: 1 / x, lambda x: -1 / x**2),
    "x**-2": (lambda x: x**-2, lambda x: -2 / x**3),
    "x**0.5": (lambda x: x**0.5, lambda x: 0.5 / np.sqrt(x)),
    "x*log(x)": (lambda x: x * dnp.log(x), lambda x: np.log(x) + 1),
    "log(log(1+x))": (
        lambda x: dnp.log(dnp.log1p(x)),
        lambda x: 1 / (np.log1p(x) * (1 + x)),
    ),
    "sqrt(x)/x": (lambda x: dnp.sqrt(x) / x, lambda x: -0.5 * x**-1.5),
    "arccosh(1+x)": (lambda x: dnp.arccosh(1 + x), lambda x: 1 / np.sqrt(x * (x + 2))),
    "log2, scaled": (lambda x: -3 * dnp.log2(x) + 1, lambda x: -3 / (x * np.log(2))),
    "log of exp of log": (lambda x: dnp.log(dnp.exp(dnp.log(x))), lambda x: 1 / x),
}


def spread(m: Any, z: Any) -> Any:
    """z, broadcast to the shape of the mask by an elementwise operation."""
    return z + np.zeros(np.shape(m), z.dtype)


# y = select(mask, z): equals z where the mask holds and is independent of it elsewhere
SELECT: dict[str, Callable[[Any, Any], Any]] = {
    "where": lambda m, z: dnp.where(m, z, 0.0),
    "where, other branch": lambda m, z: dnp.where(~m, np.ones(np.shape(m)), z),
    "where in where": lambda m, z: dnp.where(m, dnp.where(m, z, 1 / z), dnp.where(m, z, 3.0)),
    "where twice": lambda m, z: dnp.where(m, dnp.where(m, z, 5.0) * 1.0 + 0.0, 0.0),
    "np.where": lambda m, z: np.where(m, z, 0.0),
    "select": lambda m, z: dnp.select([m, ~m], [z, 2.0]),
    "boolean index": lambda m, z: spread(m, z)[m],
    "integer index": lambda m, z: spread(m, z)[np.nonzero(m)],
    "take": lambda m, z: dnp.take(spread(m, z), np.flatnonzero(m)),
    "at": lambda m, z: spread(m, z).at[~m].set(1.0),
    "two consumers": lambda m, z: dnp.where(m, z, 0.0) * 3.0 - 2.0 * dnp.where(m, z, 1.0),
    "indexed and masked": lambda m, z: (
        0.5 * dnp.where(m, z, 0.0).sum() + 0.5 * spread(m, z)[m].sum()
    ),
    "moved": lambda m, z: dnp.where(m.T.ravel(), spread(m, z).T.ravel(), 0.0),
    "rows": lambda m, z: dnp.stack(
        [dnp.where(row, spread(m, z)[i], 0.0) for i, row in enumerate(m)] or [dnp.zeros(m.shape)]
    ),
    "rows, twice": lambda m, z: dnp.where(m, spread(m, z)[:][::-1][::-1], 0.0),
    "stacked": lambda m, z: dnp.where(
        np.stack([m, m & False]), dnp.stack([spread(m, z), spread(m, z)]), 0.0
    ),
}


def summed_to(a: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    for _ in range(a.ndim - len(shape)):
        a = a.sum(0)
    for axis, n in enumerate(shape):
        a = a.sum(axis, keepdims=True) if n == 1 else a
    return a


@st.composite
def masked_points(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A mask, and points of a shape that broadcasts to it: 0 where nothing is selected."""
    shapes = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3)
    sx, sm = draw(shapes).input_shapes
    shape = np.broadcast_shapes(sx, sm)
    mask = np.broadcast_to(draw(hnp.arrays(bool, sm)), shape)
    used = summed_to(mask.astype(float), sx)
    x = np.linspace(0.5, 2.0, used.size).reshape(sx)
    return mask, np.asarray(np.where(used > 0, x, 0.0))


@pytest.mark.parametrize("select", SELECT.values(), ids=SELECT.keys())
@given(points=masked_points(), f=st.sampled_from(sorted(BAD)), single=st.booleans())
def test_a_branch_not_taken_sends_back_nothing(
    select: Any, points: Any, f: str, single: bool
) -> None:
    mask, x0 = points
    if not mask.ndim:
        mask, x0 = mask[None], x0[None]
    function, slope = BAD[f]
    x = Value(np.asarray(x0, np.float32 if single else np.float64))
    y = select(mask, function(x))
    y.sum().backward()
    used = summed_to(mask.astype(float), x0.shape)
    want = np.where(used > 0, used * slope(np.where(used > 0, x0, 1.0)), 0.0)
    np.testing.assert_allclose(x.grad, want, rtol=1e-4 if single else 1e-12)


@pytest.mark.parametrize("fill", FILL.values(), ids=FILL.keys())
@given(
    mask=hnp.arrays(bool, hnp.array_shapes(max_dims=2, max_side=3)),
    f=st.sampled_from(sorted(BAD)),
    single=st.booleans(),
)
def test_what_comes_from_nowhere_has_no_tangent(fill: Any, mask: Any, f: str, single: bool) -> None:
    """Forward mode has the zeros of reverse mode: what x cannot move does not change."""
    function, slope = BAD[f]
    dtype = np.float32 if single else np.float64
    x, v = np.linspace([0.5, 0.3], [2.0, 0.7], mask.size, axis=1).reshape(2, *mask.shape)
    want = np.where(mask, slope(x), 0.0)

    def y(x: Any) -> Any:
        return function(fill(mask, x))

    x, v, tolerance = x.astype(dtype), v.astype(dtype), 1e-4 if single else 1e-11
    leaf = Value(x)
    y(leaf).sum().backward()
    np.testing.assert_allclose(leaf.grad, want, rtol=tolerance)
    tangent = dp.jvp(y, (x,), (v,))[1]
    assert np.isfinite(tangent).all()
    np.testing.assert_allclose(np.sum(tangent), np.sum(want * v), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("fill", FILL.values(), ids=FILL.keys())
@pytest.mark.parametrize("power", [1.5, 2.5])
def test_hessians_of_what_comes_from_nowhere(fill: Any, power: float) -> None:
    """Forward over reverse, reverse over reverse and forward over forward."""
    x, v = np.array([0.3, 0.5, 2.0]), np.array([-0.4, 0.7, 0.1])
    mask = np.array([False, True, True])

    def f(x: Any) -> Any:
        return (fill(mask, x) ** power).sum()

    second = np.where(mask, power * (power - 1) * x ** (power - 2), 0.0)
    np.testing.assert_allclose(dp.hvp(f, (x,), (v,)), second * v)
    np.testing.assert_allclose(dp.grad(lambda x: (dp.grad(f)(x) * v).sum())(x), second * v)
    along = dp.jvp(lambda x: dp.jvp(f, (x,), (v,))[1], (x,), (v,))[1]
    np.testing.assert_allclose(along, np.sum(second * v * v))


@given(
    mask=hnp.arrays(bool, 3),
    zero=hnp.arrays(bool, 3),
    f=st.sampled_from(sorted(BAD)),
    fill=st.sampled_from(sorted(FILL)),
    select=st.sampled_from(sorted(SELECT)),
)
def test_jacobians_of_both_modes_have_the_same_zeros(
    mask: Any, zero: Any, f: str, fill: str, select: str
) -> None:
    """One entry's infinite derivative hides nothing of the others', in rows or in columns."""
    x = np.where(zero, 0.0, [0.3, 0.5, 2.0])

    def picked(x: Any) -> Any:
        return SELECT[select](mask, BAD[f][0](x))

    def filled(x: Any) -> Any:
        return BAD[f][0](FILL[fill](mask, x)).ravel()

    for y in (BAD[f][0], picked, filled):
        rows, columns = (dp.jacobian(y, mode=mode)(x) for mode in ("reverse", "forward"))
        known = np.isfinite(rows)  # infinities may meet, in one mode or the other
        np.testing.assert_array_equal(known, np.isfinite(columns))
        np.testing.assert_allclose(rows[known], columns[known], rtol=1e-12)
        assert known[..., ~zero].all()
        unrelated = dp.jacobian(y)(np.full(3, 0.7)) == 0
        assert not rows[unrelated].any()
        assert not columns[unrelated].any()


@pytest.mark.parametrize("f", [dnp.sqrt, dnp.cbrt, lambda x: x**0.5])
def test_the_tangent_of_a_numeric_zero_hides_nothing(f: Any) -> None:
    assert np.isnan(dp.jvp(f, (0.0,), (0.0,))[1])
    assert np.isnan(
        dp.jvp(lambda x: f(dnp.triu(x * x)), (np.zeros((2, 2)),), (np.ones((2, 2)),))[1][0, 0]
    )
    tangent = dp.jvp(lambda x: f(dnp.triu(x)), (np.zeros((2, 2)),), (np.ones((2, 2)),))[1]
    np.testing.assert_array_equal(tangent, [[np.inf, np.inf], [0.0, np.inf]])


@pytest.mark.parametrize("select", ["where", "where in where", "boolean index", "two consumers"])
@pytest.mark.parametrize("f", ["log", "sqrt", "1/x", "x*log(x)", "sqrt(x)/x"])
def test_second_order_through_a_choice(select: str, f: str) -> None:
    x0 = np.array([0.0, 0.5, 2.0])
    function, slope = BAD[f]
    x = Value(x0)
    SELECT[select](x0 > 0, function(x)).sum().backward(create_graph=True)
    g = x.grad
    np.testing.assert_allclose(g.numpy(), [0, *slope(x0[1:])], rtol=1e-12)
    x.zero_grad()
    g.sum().backward()
    h = 1e-6
    second = (slope(x0[1:] + h) - slope(x0[1:] - h)) / (2 * h)
    np.testing.assert_allclose(x.grad, [0, *second], rtol=1e-6)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: dnp.maximum(dnp.log(x), -5.0),
        lambda x: dnp.minimum(-dnp.log(x), 5.0),
        lambda x: dnp.fmax(dnp.log(x), -5.0),
        lambda x: dnp.clip(dnp.log(x), -5.0, 5.0),
        lambda x: dnp.clip(dnp.log(x), -5.0, None),
        lambda x: dnp.maximum(dnp.maximum(dnp.log(x), -5.0), dnp.log(x) - 1),
        lambda x: dnp.nan_to_num(dnp.log(x)),
        lambda x: dnp.piecewise(x, [x > 0], [dnp.log, 1.0]),
        lambda x: dnp.max(dnp.stack([dnp.log(x), x * 0 - 5.0]), axis=0),
        lambda x: dnp.where(x > 0, dnp.log(x).reshape(-1, 1).T.reshape(-1), 0.0),
        lambda x: dnp.where(x > 0, dnp.concatenate([dnp.log(x[:1]), dnp.log(x[1:])]), 0.0),
        lambda x: dnp.sort(dnp.log(x))[1:],
        lambda x: dnp.log(x)[1:] + dnp.where(x > 0, dnp.log(x), 0.0)[1:] * 0.0,
        lambda x: dnp.max(dnp.log(x)) + dnp.log(x)[1] * 1.0,
    ],
)
@pytest.mark.parametrize("order", [1, 2])
def test_operations_that_choose(f: Any, order: int) -> None:
    """At 0 the gradient is exactly 0, and elsewhere what it is without the 0."""
    x = Value([0.0, 0.5, 2.0])
    f(x).sum().backward(create_graph=order == 2)
    first = np.asarray(x.grad if order == 1 else x.grad.numpy())
    assert first[0] == 0.0
    assert np.isfinite(first).all()
    assert (first[1:] != 0).any()
    if order == 2:
        g = x.grad
        x.zero_grad()
        g.sum().backward()
        assert x.grad[0] == 0.0
        assert np.isfinite(x.grad).all()


@pytest.mark.parametrize(
    ("move", "like"),
    [
        (lambda z: z.reshape(2, 2).T.reshape(4), None),
        (lambda z: dnp.roll(z, 1)[::-1], None),
        (lambda z: dnp.concatenate([z[2:], z[:2]]), None),
        (lambda z: dnp.stack([z, z], axis=1), None),
        (lambda z: dnp.flip(z).astype(np.float32).astype(np.float64), None),
        (lambda z: z.at[0].set(1.0), lambda x: x.at[0].set(1.0)),
        (lambda z: dnp.diag(dnp.diag(z)), None),
        (lambda z: dnp.tril(dnp.stack([z] * 4)), lambda x: dnp.tril(dnp.stack([x] * 4))),
        (lambda z: dnp.sort(z), None),
        (lambda z: dnp.broadcast_to(z, (3, 4)), None),
        (lambda z: dnp.tile(z, 2), None),
        (lambda z: dnp.repeat(z, 2), None),
        (lambda z: dnp.pad(z, 1, constant_values=1.0), None),
        (lambda z: dnp.split(z, 2)[0], None),
    ],
)
def test_masks_travel_with_entries_that_only_move(move: Any, like: Any) -> None:
    x0 = np.array([0.5, 0.0, 2.0, 0.0])
    x, positions = Value(x0), Value(x0)
    mask = (like or move)(positions).numpy() > 0
    z = move(dnp.log(x))
    dnp.where(mask, z, 0.0).sum().backward()
    count = move(positions)
    count.backward(mask * 1.0)
    want = np.where(x0 > 0, positions.grad / np.where(x0 > 0, x0, 1.0), 0.0)
    np.testing.assert_allclose(x.grad, want)


def test_contributions_of_a_masked_and_a_plain_consumer_add_up() -> None:
    x = Value([0.5, 2.0, 4.0])
    z = dnp.log(x)
    (dnp.where(x > 1, z, 0.0) + z).sum().backward()
    np.testing.assert_allclose(x.grad, [2.0, 1.0, 0.5])
    x.zero_grad()
    (dnp.where(x > 1, z, 0.0).sum() + z[0] + z[[0, 2]].sum()).backward()
    np.testing.assert_allclose(x.grad, [4.0, 0.5, 0.5])
    bad = Value([0.0, 2.0])
    z = dnp.log(bad)
    (dnp.where(bad > 1, z, 0.0).sum() + z[1] * 2.0).backward()
    np.testing.assert_array_equal(bad.grad, [0.0, 1.5])


@pytest.mark.parametrize(
    "condition", [False, np.False_, np.array(False), np.array([False, False]), [False]]
)
def test_a_scalar_behind_a_mask(condition: Any) -> None:
    x, w = Value(0.0), Value(3.0)
    y = dnp.where(np.asarray(condition), dnp.log(x) + 1 / x, w * 1.0)
    y.sum().backward()
    assert x.grad == 0.0
    assert w.grad == np.size(condition)


def test_a_hook_that_only_looks_changes_nothing() -> None:
    x = Value([0.0, 2.0])
    z = dnp.log(x)
    seen: list[Any] = []
    z.register_hook(lambda g: seen.append(g))
    dnp.where(x > 0, z, 0.0).sum().backward()
    np.testing.assert_array_equal(seen[0], [0.0, 1.0])
    np.testing.assert_array_equal(x.grad, [0.0, 0.5])
    np.testing.assert_array_equal(z.grad, [0.0, 1.0])


@pytest.mark.parametrize("start", [0.0, [0.0, 1.0]])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: dnp.log(x) * 0.0,
        lambda x: 1 / (1 / x),
        lambda x: dnp.sqrt(x * x),
        lambda x: dnp.where(x >= 0, dnp.sqrt(x * x), 0.0),
        lambda x: dnp.where(x > 0, dnp.log(x), 0.0) + 0.0 * dnp.log(x),
        lambda x: dnp.maximum(dnp.log(x), -np.inf) * 0.0,
    ],
)
def test_a_numeric_zero_hides_nothing(f: Any, start: Any) -> None:
    x = Value(start)
    f(x).sum().backward()
    assert np.isnan(np.ravel(x.grad)[0])


def test_a_numeric_zero_that_is_let_through_stays_a_number() -> None:
    """restrict's own reverse masks by the mask, not by what happens to be 0."""
    x = Value([0.0, 0.0])
    restrict(dnp.sqrt(x), mask=np.array([True, False])).backward([0.0, 1.0])
    np.testing.assert_array_equal(x.grad, [np.nan, 0.0])


def test_a_mask_that_broadcasts() -> None:
    column = np.array([[False], [True], [True]])
    x = Value([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]])
    dnp.where(column, dnp.log(x).ravel().reshape(3, 2), 0.0).sum().backward()
    np.testing.assert_array_equal(x.grad, [[0.0, 0.0], [1.0, 0.5], [0.5, 0.25]])
    row = Value([0.0, 1.0])
    dnp.where(column & False, dnp.log(row), 0.0).sum().backward()
    np.testing.assert_array_equal(row.grad, [0.0, 0.0])


def test_a_masked_partial_of_a_wider_type() -> None:
    """The gradient has its variable's dtype, whatever a user's own rule gives."""
    mask = np.array([True, False])
    x = Value(np.array([1.0, 2.0], np.float32))
    wide = Elementwise(
        lambda x: x * 2,
        lambda _y, _x: Masked(np.array([2.0, 0.0]), mask),
        name="wide",
        chooses=True,
    )
    try:
        wide(x).sum().backward()
    finally:
        del REGISTRY["wide"]
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, [2.0, 0.0])


def test_masked_cotangents_have_the_dtype_of_what_they_belong_to() -> None:
    y = dnp.where([True, False], Value(np.array([1.0, 2.0], np.float32)), 0)
    assert y.op.vjp(0.1, y, False)[1].values.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whatever_holds_a_cotangent_its_full_form_fits_what_it_belongs_to(dtype: type) -> None:
    like, mask = np.zeros((2, 3), dtype), np.eye(2, 3) > 0
    for g in (1.0, np.float32(1.0), np.ones(3), np.ones((2, 3)), Masked(np.ones((2, 3)), mask)):
        full = materialize(g, like)
        assert (full.shape, full.dtype) == (like.shape, like.dtype)
