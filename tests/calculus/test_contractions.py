"""Contractions: NumPy's values for every form of the arguments, and right derivatives."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from numpy.testing import assert_allclose, assert_array_equal

import deltaprop as dp
from deltaprop.calculus import contractions as c
from deltaprop.graph import forward

from .. import oracles

NAN = np.nan
SEEDS = st.integers(0, 2**32 - 1)


def agree(
    ours: Callable[..., Any], theirs: Callable[..., Any], xs: Sequence[Any], rng: Any = None
) -> None:
    """Ours gives NumPy's values, on Values and on raw arrays, and the right derivatives."""
    expected = np.asarray(theirs(*xs))
    for got in (ours(*map(dp.Value, xs)).numpy(), ours(*xs)):
        assert np.shape(got) == expected.shape
        assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    oracles.check(ours, xs, rng or np.random.default_rng(0))


def normals(rng: np.random.Generator, *shapes: tuple[int, ...]) -> list[Any]:
    return [oracles.point(rng, shape) for shape in shapes]


# -- matmul -------------------------------------------------------------------------------


@st.composite
def matmul_shapes(draw: Any) -> list[tuple[int, ...]]:
    """Shapes that `@` takes: vectors, matrices, and stacks that broadcast."""
    side = st.integers(0, 4)
    m, n, p = draw(side), draw(side), draw(side)
    lead = draw(st.lists(st.integers(0, 3), max_size=2))
    stacks = [
        tuple(1 if draw(st.booleans()) else k for k in lead[draw(st.integers(0, len(lead))) :])
        for _ in "ab"
    ]
    a = (n,) if draw(st.booleans()) else (*stacks[0], m, n)
    b = (n,) if draw(st.booleans()) else (*stacks[1], n, p)
    return [a, b]


@given(shapes=matmul_shapes(), seed=SEEDS)
def test_matmul(shapes: list[tuple[int, ...]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    agree(c.matmul, np.matmul, normals(rng, *shapes), rng)


def test_the_matmul_of_matrices_goes_the_short_way() -> None:
    class Seen(np.ndarray):
        def reshape(self, *shape: Any, **kw: Any) -> Any:
            raise AssertionError("no shape is changed on the way")

    a, b, g = (np.ones(s).view(Seen) for s in ((2, 3), (3, 4), (2, 4)))
    assert c.matmul_.transposes[0](g, a, b).shape == (2, 3)
    assert c.matmul_.transposes[1](g, a, b).shape == (3, 4)


@pytest.mark.parametrize(
    ("a", "b"), [((2, 3), (2, 3)), ((3,), (2,)), ((2, 3, 4), (3, 4, 2)), ((), (2,)), ((2, 2), ())]
)
def test_a_matmul_that_does_not_fit_names_both_shapes(a: Any, b: Any) -> None:
    with pytest.raises(ValueError, match="do not match") as error:
        dp.Value(np.ones(a)) @ np.ones(b)
    assert str(a) in str(error.value)
    assert str(b) in str(error.value)


def test_nan_and_infinity_are_not_hidden() -> None:
    a, b = dp.Value([[0.0, 0.0]]), np.array([[np.inf], [NAN]])
    with np.errstate(invalid="ignore"):
        y = a @ b
        y.backward([[1.0]])
    assert np.isnan(y.numpy()).all()
    assert_array_equal(a.grad, [[np.inf, NAN]])


@pytest.mark.parametrize("name", ["matmul", "dot", "affine"])
def test_float32_stays(name: str) -> None:
    xs = [dp.Value(np.ones((2, 2), np.float32)) for _ in "ab"]
    if name == "affine":
        xs.append(dp.Value(np.ones(2, np.float32)))
    y = getattr(c, name)(*xs)
    y.backward(np.ones((2, 2)))
    assert {y.dtype, *(x.grad.dtype for x in xs)} == {np.dtype(np.float32)}


# -- affine -------------------------------------------------------------------------------


@given(
    lead=mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3),
    rows=st.none() | st.integers(0, 3),
    own=st.sampled_from(["one", "each", "row"]),
    n=st.integers(0, 4),
    m=st.integers(0, 4),
    seed=SEEDS,
)
def test_affine(lead: Any, rows: int | None, own: str, n: int, m: int, seed: int) -> None:
    """A bias may be one for all, one for each matrix of weights or one for each row."""
    rng = np.random.default_rng(seed)
    of_x, of_w = lead.input_shapes
    x_shape = (n,) if rows is None else (*of_x, rows, n)
    y_shape = np.empty(x_shape, bool) @ np.empty((*of_w, n, m), bool)
    b_shape = {
        "one": (m,), "each": (*of_w, *[1] * (rows is not None), m), "row": y_shape.shape
    }[own]  # fmt: skip
    xs = normals(rng, x_shape, (*of_w, n, m), b_shape)
    agree(c.affine, lambda x, w, b: x @ w + b, xs, rng)


def test_affine_is_one_node_and_adds_to_no_one_elses_array() -> None:
    x, w, b = dp.Value(np.ones((2, 3))), dp.Value(np.ones((3, 2))), dp.Value(np.ones(2))
    y = c.affine(x, w, b)
    assert y.op.name == "affine"
    assert y.inputs == (x, w, b)
    assert_array_equal(b.numpy(), [1, 1])


def test_affine_of_mixed_dtypes_promotes() -> None:
    x = np.ones((2, 3), np.float32)
    y = c.affine(x, np.ones((3, 2), np.float32), np.ones(2))
    assert y.dtype == np.float64
    assert c.affine(np.ones((2, 3), int), dp.Value(np.ones((3, 2))), np.ones(2, int)).shape == (
        2,
        2,
    )


@pytest.mark.parametrize(
    ("x", "w", "b"),
    [
        ((2, 3), (2, 3), (3,)),
        ((2, 3), (3, 4), (3,)),
        ((2, 3), (3, 4), (1,)),
        ((2, 3), (3, 4), (3, 4)),
        ((2, 3), (3, 4), (5, 1, 4)),
        ((3,), (5, 3, 4), (5, 1, 4)),
        ((2, 3), (5, 3, 4), (5, 1, 1)),
        ((6, 2, 3), (5, 3, 4), (5, 1, 4)),
        ((2, 3), (3,), (3,)),
        ((2, 3), (3, 4), ()),
        ((), (3, 4), (4,)),
    ],
)
def test_an_affine_that_does_not_fit_names_all_shapes(x: Any, w: Any, b: Any) -> None:
    with pytest.raises(ValueError, match="n_in") as error:
        c.affine(*(dp.Value(np.ones(s)) for s in (x, w, b)))
    assert all(str(s) in str(error.value) for s in (x, w, b))


# -- einsum -------------------------------------------------------------------------------

EINSUMS: list[tuple[str, list[tuple[int, ...]]]] = [
    ("i,i", [(3,), (3,)]),
    ("i,j", [(3,), (2,)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("ij,jk->ki", [(2, 3), (3, 4)]),
    ("ba", [(2, 3)]),
    ("ij->", [(2, 3)]),
    ("ij->i", [(2, 3)]),
    ("->", [()]),
    (",", [(), ()]),
    (",i->i", [(), (3,)]),
    ("ii", [(3, 3)]),
    ("ii->i", [(3, 3)]),
    ("iii->i", [(2, 2, 2)]),
    ("iij,jkk->ik", [(2, 2, 3), (3, 4, 4)]),
    ("iji,i->j", [(2, 3, 2), (2,)]),
    ("ii,jj->", [(2, 2), (3, 3)]),
    ("ij,kj,kl->il", [(2, 3), (4, 3), (4, 2)]),
    ("a,ab,abc->abc", [(2,), (2, 3), (2, 3, 4)]),
    ("i,i,i,i->i", [(3,)] * 4),
    ("ij,kl->ij", [(2, 3), (2, 2)]),
    ("...", [(2, 3)]),
    ("...->...", [()]),
    ("...ij,...jk->...ik", [(5, 2, 3), (5, 3, 2)]),
    ("...ij,...jk->...ik", [(2, 3), (5, 3, 2)]),
    ("...ij,...jk->...ik", [(5, 1, 2, 3), (4, 3, 2)]),
    ("i...,...->...i", [(2, 3), (3,)]),
    ("...i,...i", [(4, 1, 3), (2, 3)]),
    ("...ii->...i", [(2, 3, 3)]),
    ("ij...,jk...->ik...", [(2, 3, 4), (3, 2, 1)]),
    (" i j , j k -> i k ", [(2, 3), (3, 4)]),
    ("ij,jk->ik", [(2, 1), (3, 4)]),  # an axis of length 1 stretches
    ("ij,ij->", [(2, 1), (2, 3)]),
    ("i,i->i", [(1,), (4,)]),
    ("ii,i->i", [(1, 1), (3,)]),
    ("i,i,i->", [(1,), (1,), (3,)]),
    ("ij,jk->ik", [(0, 3), (3, 2)]),
    ("ij,jk->ik", [(2, 0), (0, 2)]),
    ("ii->i", [(0, 0)]),
    ("zA,Ab->bz", [(2, 3), (3, 4)]),
]


@pytest.mark.parametrize("optimize", [False, True, "greedy"])
@pytest.mark.parametrize(("expression", "shapes"), EINSUMS)
def test_einsum(expression: str, shapes: Any, optimize: Any) -> None:
    xs = normals(np.random.default_rng(0), *shapes)
    agree(
        lambda *args: c.einsum(expression, *args, optimize=optimize),
        lambda *args: np.einsum(expression, *args),
        xs,
    )


@st.composite
def einsum_calls(draw: Any) -> tuple[str, list[tuple[int, ...]]]:
    """Any expression over at most four letters, with repeats, ellipses and stretched axes."""
    letters = string.ascii_lowercase[:4]
    size = {letter: draw(st.integers(1, 3)) for letter in letters}
    lead = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    terms, shapes = [], []
    for _ in range(draw(st.integers(1, 3))):
        term = "".join(draw(st.lists(st.sampled_from(letters), max_size=3)))
        ones = {s for s in term if term.count(s) == 1 and draw(st.integers(0, 4)) == 0}
        shape = tuple(1 if s in ones else size[s] for s in term)
        if draw(st.booleans()):
            dots = tuple(draw(st.sampled_from([1, k])) for k in lead[draw(st.integers(0, 2)) :])
            at = draw(st.integers(0, len(term)))
            term, shape = term[:at] + "..." + term[at:], shape[:at] + dots + shape[at:]
        terms.append(term)
        shapes.append(shape)
    expression = ",".join(terms)
    used = sorted({s for s in expression if s.isalpha()})
    if draw(st.booleans()):
        kept = draw(st.permutations(used))[: draw(st.integers(0, len(used)))]
        at = draw(st.integers(0, len(kept)))
        dots_out = ["..."] if "..." in expression else []
        expression += "->" + "".join([*kept[:at], *dots_out, *kept[at:]])
    return expression, shapes


@given(call=einsum_calls(), seed=SEEDS)
def test_any_einsum(call: tuple[str, list[tuple[int, ...]]], seed: int) -> None:
    expression, shapes = call
    rng = np.random.default_rng(seed)
    xs = normals(rng, *shapes)
    agree(
        lambda *args: c.einsum(expression, *args),
        lambda *args: np.einsum(expression, *args),
        xs,
        rng,
    )


@pytest.mark.parametrize(
    "lists",
    [
        ([0, 1], [1, 2], [0, 2]),
        ([0, 1], [1, 2], None),
        ([5, 30], [30, 2], [2, 5]),
        ([Ellipsis, 0], [0, 1], [1, Ellipsis]),
    ],
)
def test_einsum_of_lists(lists: Any) -> None:
    x, y = normals(np.random.default_rng(0), (2, 3), (3, 4))
    end = [] if lists[2] is None else [lists[2]]
    agree(
        lambda u, v: c.einsum(u, lists[0], v, lists[1], *end),
        lambda u, v: np.einsum(u, lists[0], v, lists[1], *end),
        [x, y],
    )


def test_einsum_takes_a_path() -> None:
    xs = normals(np.random.default_rng(0), (2, 3), (3, 4), (4, 2))
    path = np.einsum_path("ij,jk,kl->il", *xs)[0]
    agree(
        lambda *args: c.einsum("ij,jk,kl->il", *args, optimize=path),
        lambda *args: np.einsum("ij,jk,kl->il", *args),
        xs,
    )


def test_off_a_diagonal_is_a_structural_zero() -> None:
    x = dp.Value([[4.0, 0.0], [0.0, 9.0]])
    with np.errstate(all="ignore"):
        c.einsum("ii->", dp.numpy.sqrt(x)).backward()
    assert_allclose(x.grad, [[1 / 4, 0], [0, 1 / 6]])


def test_einsum_of_scalars_and_float32_is_float32() -> None:
    x, s = dp.Value(np.ones(3, np.float32)), dp.Value(2.0)
    y = c.einsum("i,->i", x, s)
    y.backward(np.ones(3))
    assert (y.dtype, x.grad.dtype, s.grad) == (np.float32, np.float32, 3.0)


@pytest.mark.parametrize(
    ("expression", "shapes", "says"),
    [
        ("ij,jk", [(2, 3)], "needs 2 operands, got 1"),
        ("ij", [(2,)], r"operand 0 has shape \(2,\)"),
        ("i...j", [(2,)], r"operand 0 has shape \(2,\)"),
        ("i...->i", [(2, 3)], "the output must contain"),
        ("ij,jk->ik", [(2, 3), (4, 2)], "could not be broadcast"),
        ("ij->ik", [(2, 3)], "'k'"),
    ],
)
def test_bad_einsums(expression: str, shapes: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        c.einsum(expression, *(dp.Value(np.ones(s)) for s in shapes))


# -- written with these -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("dot", [(), ()]),
        ("dot", [(), (2, 3)]),
        ("dot", [(3,), (3,)]),
        ("dot", [(2, 3), (3,)]),
        ("dot", [(3,), (3, 2)]),
        ("dot", [(2, 3), (3, 2)]),
        ("dot", [(2, 3, 4), (4,)]),
        ("dot", [(4,), (2, 4, 3)]),
        ("dot", [(2, 3, 4), (5, 4, 2)]),
        ("dot", [(0,), (0,)]),
        ("inner", [(3,), (3,)]),
        ("inner", [(2, 3), (4, 3)]),
        ("inner", [(2, 3, 4), (4,)]),
        ("inner", [(), (2, 3)]),
        ("vdot", [(3,), (3,)]),
        ("vdot", [(2, 3), (3, 2)]),
        ("vdot", [(), ()]),
        ("vecdot", [(2, 3), (2, 3)]),
        ("vecdot", [(5, 1, 3), (2, 3)]),
        ("outer", [(3,), (2,)]),
        ("outer", [(2, 2), ()]),
        ("outer", [(0,), (2,)]),
        ("kron", [(2,), (3,)]),
        ("kron", [(2, 3), (2, 2)]),
        ("kron", [(2,), (2, 3, 1)]),
        ("kron", [(), (2, 3)]),
        ("tensordot", [(2, 3, 4), (3, 4, 5)]),
    ],
)
def test_products(name: str, shapes: Any) -> None:
    agree(getattr(c, name), getattr(np, name), normals(np.random.default_rng(0), *shapes))


@pytest.mark.parametrize(
    ("shapes", "axes"),
    [
        ([(2, 3), (4,)], 0),
        ([(2, 3), (3, 4)], 1),
        ([(2, 3, 4), (4, 3, 5)], ([1, 2], [1, 0])),
        ([(2, 3, 4), (3, 2)], ((0, -2), (-1, 0))),
        ([(2, 3), (2, 5)], (0, 0)),
        ([(2, 3), (2, 3)], 2),
        ([(0, 3), (3, 2)], 1),
        ([(2, 0), (0, 2)], 1),
    ],
)
def test_tensordot(shapes: Any, axes: Any) -> None:
    xs = normals(np.random.default_rng(0), *shapes)
    agree(lambda a, b: c.tensordot(a, b, axes), lambda a, b: np.tensordot(a, b, axes), xs)


def test_a_tensordot_that_does_not_fit_names_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(4, 5\)"):
        c.tensordot(dp.Value(np.ones((2, 3))), np.ones((4, 5)), 1)


@pytest.mark.parametrize(
    "shapes",
    [[(2, 3), (3, 4)], [(2, 3), (3, 4), (4, 2)], [(3,), (3, 4), (4, 2), (2,)], [(3,), (3, 2)]],
)
def test_multi_dot(shapes: Any) -> None:
    xs = normals(np.random.default_rng(0), *shapes)
    agree(lambda *a: c.multi_dot(a), lambda *a: np.linalg.multi_dot(a), xs)


@pytest.mark.parametrize("name", ["convolve", "correlate"])
@given(
    n=st.integers(1, 7),
    m=st.integers(1, 7),
    mode=st.sampled_from(["full", "same", "valid"]),
    seed=SEEDS,
)
def test_convolutions(name: str, n: int, m: int, mode: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ours, theirs = getattr(c, name), getattr(np, name)
    agree(
        lambda a, v: ours(a, v, mode),
        lambda a, v: theirs(a, v, mode),
        normals(rng, (n,), (m,)),
        rng,
    )


def test_default_modes_are_numpys() -> None:
    a, v = [1.0, 2.0, 3.0], [0.0, 1.0, 0.5]
    assert_array_equal(c.convolve(a, v), np.convolve(a, v))
    assert_array_equal(c.correlate(a, v), np.correlate(a, v))
    assert_array_equal(c.convolve(3, [1, 2]), np.convolve(3, [1, 2]))


def test_bad_convolutions() -> None:
    with pytest.raises(ValueError, match="got 'half'"):
        c.convolve([1.0], [1.0], "half")
    with pytest.raises(ValueError, match=r"\(2, 2\) and \(3,\)"):
        c.convolve(dp.Value(np.ones((2, 2))), np.ones(3))
    with pytest.raises(ValueError, match="non-empty"):
        c.convolve(dp.Value(np.ones(0)), np.ones(3))


@pytest.mark.parametrize("name", ["matmul", "dot", "inner", "outer", "vdot", "kron"])
def test_numpys_own_functions_take_values_on_either_side(name: str) -> None:
    x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.5, 1.0], [2.0, 3.0]])
    f = getattr(np, name)
    for got in (f(dp.Value(x), y), f(x, dp.Value(y)), getattr(c, name)(x, y)):
        assert_array_equal(got.numpy() if isinstance(got, dp.Value) else got, f(x, y))
    assert_array_equal((x @ dp.Value(y)).numpy(), x @ y)


def test_the_two_modes_are_each_others_transposes() -> None:
    """<g, J v> by forward mode is <J^T g, v> by reverse mode, through a chain of products."""
    rng = np.random.default_rng(0)
    x, w, b = (dp.Value(rng.standard_normal(s)) for s in ((4, 3), (3, 2), (2,)))
    y = c.einsum("ij,kj->ik", c.affine(x, w, b), c.tensordot(x, w, 1))
    g, vs = rng.standard_normal((4, 4)), [rng.standard_normal(leaf.shape) for leaf in (x, w, b)]
    (tangent,) = forward.forward_sweep([y], dict(zip((x, w, b), vs, strict=True)))
    y.backward(g)
    back = sum(np.vdot(leaf.grad, v) for leaf, v in zip((x, w, b), vs, strict=True))
    assert np.vdot(g, tangent) == pytest.approx(back, rel=1e-12)


TORCH: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[tuple[int, ...]]]] = {
    "matmul": (c.matmul, lambda t, a, b: a @ b, [(5, 1, 2, 3), (4, 3, 2)]),
    "affine": (
        c.affine,
        lambda t, x, w, b: t.nn.functional.linear(x, w.T, b),
        [(4, 3), (3, 2), (2,)],
    ),
    "einsum": (
        lambda *a: c.einsum("bij,bjk,ik->bi", *a),
        lambda t, *a: t.einsum("bij,bjk,ik->bi", *a),
        [(2, 3, 4), (2, 4, 5), (3, 5)],
    ),
    "diagonal": (
        lambda *a: c.einsum("iij,j->i", *a),
        lambda t, *a: t.einsum("iij,j->i", *a),
        [(3, 3, 4), (4,)],
    ),
    "tensordot": (
        lambda a, b: c.tensordot(a, b, ([0, 2], [1, 0])),
        lambda t, a, b: t.tensordot(a, b, ([0, 2], [1, 0])),
        [(2, 3, 4), (4, 2, 5)],
    ),
    "kron": (c.kron, lambda t, a, b: t.kron(a, b), [(2, 3), (2, 2)]),
    "outer": (c.outer, lambda t, a, b: t.outer(a, b), [(3,), (4,)]),
}


@pytest.mark.parametrize("name", TORCH)
def test_torch_agrees(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs, shapes = TORCH[name]
    rng = np.random.default_rng(0)
    data = [rng.standard_normal(s) for s in shapes]
    xs, ts = [*map(dp.Value, data)], [torch.tensor(d, requires_grad=True) for d in data]
    y, u = ours(*xs), theirs(torch, *ts)
    w = rng.standard_normal(y.shape)
    y.backward(w)
    u.backward(torch.tensor(w))
    assert_allclose(y.numpy(), u.detach().numpy(), rtol=1e-12)
    for x, t in zip(xs, ts, strict=True):
        assert_allclose(x.grad, t.grad.numpy(), rtol=1e-12)
