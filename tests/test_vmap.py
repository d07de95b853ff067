"""`vmap` as its users meet it: the loop over the samples is always right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop.calculus.indexing import At
from deltaprop.graph import raw
from deltaprop.graph.cotangent import broadcast_to, restrict, scatter, sum_to

from .graph.batches_many import mismatches
from .testing.drawn import generate

RNG = np.random.default_rng(0)
X, ROWS = RNG.normal(size=(3, 4, 5)), RNG.normal(size=(3, 5))
SQUARES = RNG.normal(size=(3, 4, 4)) + 4 * np.eye(4)
PLACES = np.array([[1, 1, 2], [0, 3, 3], [4, 4, 4]])


def leaves(tree: Any) -> list[Any]:
    found = dp.tree.flatten(tree)[0]
    return [x.data if isinstance(x, dp.Value) else x for x in found]


def looped(f: Callable[..., Any], xs: Any, axes: Any) -> list[Any]:
    size = next(np.shape(x)[axis] for x, axis in zip(xs, axes, strict=True) if axis is not None)
    rows = [
        f(*[x if axis is None else np.take(x, i, axis) for x, axis in zip(xs, axes, strict=True)])
        for i in range(size)
    ]
    return [np.stack(column) for column in zip(*map(leaves, rows), strict=True)]


def is_the_loop(f: Callable[..., Any], *xs: Any, axes: Any = None, rtol: float = 1e-9) -> None:
    axes = axes or (0,) * len(xs)
    with np.errstate(all="ignore"):
        expected, got = looped(f, xs, axes), leaves(dp.vmap(f, axes)(*xs))
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol, 1e-12)


def total(f: Callable[..., Any]) -> Callable[..., Any]:
    """A number that depends on all that a function returns."""

    def number(*xs: Any) -> Any:
        ys = [y for y in dp.tree.flatten(f(*xs))[0] if np.result_type(y).kind in "fc"]
        return sum(dnp.sum(dnp.sin(dnp.real(y) + 2 * dnp.imag(y))) for y in ys)

    return number


def is_the_loop_with_derivatives(f: Callable[..., Any], *xs: Any, **how: Any) -> None:
    is_the_loop(f, *xs, **how)
    is_the_loop(dp.grad(total(f)), *xs, **how)
    is_the_loop(dp.jacobian(f), *xs, **how)
    is_the_loop(dp.hessian(total(f)), *xs, **how)


UPDATES: dict[str, Callable[..., Any]] = {
    name: lambda x, i, name=name: getattr(dnp.asarray(x).at[i], name)(x[:3] ** 2)
    for name in ("set", "add", "subtract", "multiply", "divide", "power", "min", "max")
}


@pytest.mark.parametrize("name", UPDATES)
def test_updates_at_positions_of_each_sample(name: str) -> None:
    """Also where a sample names an entry several times, and the next one does not."""
    f = UPDATES[name]
    is_the_loop_with_derivatives(f, ROWS, PLACES)
    is_the_loop_with_derivatives(f, ROWS, PLACES[0], axes=(0, None))
    is_the_loop(lambda i: f(ROWS[0], i), PLACES)
    x = dp.Value(ROWS[0])
    compiled = dp.compile(lambda i: f(x, i))
    for i in PLACES:
        with np.errstate(invalid="ignore"):
            np.testing.assert_allclose(compiled(i).data, f(x, i).data, 1e-14)
    is_the_loop_with_derivatives(
        lambda x, i: getattr(dnp.asarray(x).at[i], name)(2.0), ROWS, PLACES[:, 0]
    )


def test_an_update_keeps_the_dtype() -> None:
    one = PLACES[:, 0]
    is_the_loop(lambda x, i: dnp.asarray(x).at[i].multiply(2.5), ROWS.astype(np.float32), one)
    is_the_loop(lambda i, x: dnp.asarray(i).at[0].set(x[1]), PLACES, ROWS)
    is_the_loop(lambda x: dnp.asarray(x).at[0].add(1j * x[1]), ROWS)


OF_SAMPLES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "convolve": (lambda x, y: np.convolve(x, y, "same"), (ROWS, SQUARES[:, 0])),
    "correlate": (lambda x, y: np.correlate(x, y, "full"), (ROWS, SQUARES[:, 0])),
    "nanmean": (np.nanmean, (X,)),
    "nanstd": (lambda x: np.nanstd(x, 1), (X,)),
    "average": (lambda x: np.average(x, weights=np.abs(x)), (X,)),
    "sums of parts": (lambda x: np.add.reduceat(dp.stop_gradient(x), [0, 2]), (ROWS,)),
    "a place beside places": (lambda x, i: x[i[0] % 4, i] * x[i[1] % 4, i[:, None]], (X, PLACES)),
    "a new axis and a place": (lambda x, i: x[None, ..., i] + x[..., None, i], (X, PLACES)),
    "a place before the rest": (lambda x, i: x[i % 4, ..., None], (X, PLACES)),
    "a matrix of places behind a slice": (lambda x, i: x[:, np.stack([i, 4 - i])], (X, PLACES)),
    "arrays on both sides of a slice": (
        lambda x, i: np.expand_dims(x, 0)[i - i, :, i % 5],
        (X, PLACES),
    ),
    "a ufunc with a dtype": (
        lambda x: np.add(raw(x), 1.5, dtype=np.float32, casting="unsafe"),
        (X,),
    ),
    "unwrap": (lambda x: np.unwrap(9 * x), (X,)),
    "det": (np.linalg.det, (SQUARES,)),
    "inv": (np.linalg.inv, (SQUARES,)),
    "slogdet": (lambda a: np.linalg.slogdet(a)[1], (SQUARES,)),
    "singular values": (lambda a: np.linalg.svd(a, compute_uv=False), (X,)),
    "eigh": (lambda a: np.linalg.eigh(a + a.T), (SQUARES,)),
    "solve a vector": (np.linalg.solve, (SQUARES, SQUARES[:, 0])),
    "cholesky": (lambda a: np.linalg.cholesky(a @ a.T), (SQUARES,)),
    "prod": (np.prod, (X,)),
    "cumprod": (lambda x: np.cumprod(x, 0), (X,)),
    "logsumexp": (dnp.logsumexp, (X,)),
    "cov": (np.cov, (X,)),
}


@pytest.mark.parametrize("name", OF_SAMPLES)
@pytest.mark.filterwarnings("ignore:.*plain data that")  # on raw data, on purpose
def test_functions_of_a_sample(name: str) -> None:
    f, xs = OF_SAMPLES[name]
    is_the_loop_with_derivatives(f, *xs, rtol=1e-7)


def test_a_sample_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    def f(x: Any) -> Any:
        print(x, f"{x}", repr(x[0]), dp.grad(np.sum)(x))
        return x.sum()

    is_the_loop(f, X)
    assert "<3 samples of shape (4, 5), float64>" in capsys.readouterr().out


def test_a_checkpoint_of_a_derivative() -> None:
    def g(x: Any) -> Any:
        return dnp.sum(dp.grad(lambda x: dnp.sum(np.tanh(x) * x[0]))(x) ** 2)

    for f in (g, dp.grad(g), dp.hessian(g)):
        is_the_loop(f, ROWS)
    np.testing.assert_allclose(dp.checkpoint(g)(ROWS[0]), g(ROWS[0]))
    np.testing.assert_allclose(dp.grad(dp.checkpoint(g))(ROWS[0]), dp.grad(g)(ROWS[0]))


HELPERS: dict[str, list[tuple[Callable[..., Any], tuple[Any, ...]]]] = {
    "sum_to": [
        (lambda x, shape=shape: sum_to(x, shape=shape), (X,))
        for shape in ((), (5,), (1, 5), (4, 1), (1, 1))
    ],
    "broadcast_to": [
        (lambda x, shape=shape: broadcast_to(x, shape=shape), (ROWS[:, :1],))
        for shape in ((4,), (3, 1), (2, 3))
    ],
    "restrict": [
        (lambda x, mask: restrict(x, mask=raw(mask)), (X, X > 0)),
        (lambda x, mask: restrict(x, mask=raw(mask)), (X, ROWS > 0)),
        (lambda x, mask: restrict(x, mask=raw(mask)), (ROWS, X > 0)),
        (lambda x: restrict(x, mask=X[0] > 0), (ROWS,)),
        (lambda mask: restrict(X[0], mask=raw(mask)), (ROWS > 0,)),
    ],
    "scatter": [
        (lambda v, i: scatter(v[:3], indices=(raw(i),), shape=(6,), dtype=v.dtype), (ROWS, PLACES)),
        (lambda v: scatter(v, indices=((1, slice(5)),), shape=(2, 6), dtype=v.dtype), (ROWS,)),
        (lambda i: scatter(ROWS[0, :3], indices=(raw(i),), shape=(6,), dtype=float), (PLACES,)),
        (
            lambda v, i: scatter(
                v[0], v[1, 0], indices=((raw(i), 0), (1, raw(i)[0])), shape=(6, 6), dtype=v.dtype
            ),
            (X[:, :, :3], PLACES),
        ),
    ],
}


@pytest.mark.parametrize("name", HELPERS)
def test_helpers_of_the_kinds(name: str) -> None:
    for f, xs in HELPERS[name]:
        if any(np.issubdtype(x.dtype, np.inexact) for x in xs):
            is_the_loop(dp.jacobian(f), *xs)
        is_the_loop(f, *xs)


class Pair(NamedTuple):
    a: Any
    b: Any


def test_axes() -> None:
    w = RNG.normal(size=(5, 3))
    for axis, given in ((0, X), (1, X.transpose(1, 0, 2)), (-1, np.moveaxis(X, 0, -1))):
        for out, place in ((0, 0), (1, 1), (-1, -1), (np.int64(2), 2)):
            got = dp.vmap(lambda x: x @ w, axis, out)(given)
            np.testing.assert_allclose(got, np.moveaxis(X @ w, 0, place))
    twice = dp.vmap(dp.vmap(lambda x: np.cumsum(x) * x[0], -1, -1), 0, -1)(X)
    expected = [[np.cumsum(x[:, k]) * x[0, k] for k in range(5)] for x in X]
    np.testing.assert_allclose(twice, np.transpose(expected, (2, 1, 0)))
    of_both = dp.vmap(lambda x: dp.vmap(lambda y: x * y.sum(), out_axes=1)(X[0]))(ROWS)
    np.testing.assert_allclose(of_both, ROWS[:, :, None] * X[0].sum(-1))
    got = dp.vmap(lambda x, y=1.0, **more: x * y + more["z"])(ROWS, y=ROWS[:, 0], z=ROWS)
    np.testing.assert_allclose(got, ROWS * ROWS[:, :1] + ROWS)


def test_trees() -> None:
    tree = {"x": ROWS.T, "p": Pair(X, [ROWS[:, 0], 2.0])}
    axes = {"x": 1, "p": Pair(0, [0, None])}
    f = lambda t: Pair({"s": t["x"] * t["p"].a.sum()}, [t["p"].b[0] * t["p"].b[1], 7.0])  # noqa: E731
    got = dp.vmap(f, (axes,), Pair({"s": 1}, [0, None]))(tree)
    assert type(got) is Pair
    np.testing.assert_allclose(got.a["s"], (ROWS * X.sum((1, 2))[:, None]).T)
    np.testing.assert_allclose(got.b[0], 2 * ROWS[:, 0])
    assert got.b[1] == 7.0
    for wrong, words in (
        ((axes, 0), "in_axes"), (({"y": 0, "p": 0},), "in_axes"), (1.0, "in_axes"),
        (True, "in_axes"), (None, "no samples"), (({"x": 2, "p": axes["p"]},), "axis 2"),
        (({"x": -3, "p": axes["p"]},), "axis -3"),
        (({"x": 0, "p": axes["p"]},), r"\['x'\]: 5.*\['p'\].*: 3"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            dp.vmap(f, wrong)(tree)
    for wrong, words in (
        ((0, 0), "out_axes"), (None, "out_axes is None"), (3, "no axis 3"), (-4, "no axis -4"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            dp.vmap(lambda x: 2 * x, out_axes=wrong)(X)
    with pytest.raises(ValueError, match="chunk_size"):
        dp.vmap(np.sin, chunk_size=0)
    with pytest.raises(ValueError, match="randomness"):
        dp.vmap(np.sin, randomness="none")  # type: ignore[arg-type]


@pytest.mark.parametrize("chunk_size", [None, 1, 2])
@pytest.mark.parametrize("axis", [0, 2])
def test_variables_from_outside_and_inside(axis: int, chunk_size: int | None) -> None:
    """A variable from outside gets the sum over the samples, the batch its own gradients."""
    w, b, x = dp.Value(RNG.normal(size=5)), dp.Value(0.5), dp.Value(np.moveaxis(X, 0, axis))
    y = dp.vmap(lambda x: np.tanh(x @ w) * b, axis, 1, chunk_size=chunk_size)(x)
    again = [dp.Value(w.data), dp.Value(0.5), dp.Value(x.data)]
    rows = [again[2][i] if axis == 0 else again[2][..., i] for i in range(3)]
    z = dnp.stack([np.tanh(row @ again[0]) * again[1] for row in rows], 1)
    np.testing.assert_allclose(y.data, z.data)
    g = RNG.normal(size=y.shape)
    y.backward(g, create_graph=True)
    z.backward(g, create_graph=True)
    for v, u in zip((w, b, x), again, strict=True):
        np.testing.assert_allclose(v.grad.data, u.grad.data)
    squares = [sum(dnp.sum(v.grad**2) for v in vs) for vs in ((w, b, x), again)]
    for v in (w, b, x, *again):
        v.grad = None
    for square in squares:
        square.backward()
    for v, u in zip((w, b, x), again, strict=True):
        np.testing.assert_allclose(v.grad, u.grad, 1e-9)


def test_a_variable_that_is_written_inside_has_its_new_data_after() -> None:
    w = dp.Value(np.ones(5))

    def f(x: Any) -> Any:
        before = x @ w
        w.data = 3 * w.data
        return before, x @ w

    before, after = dp.vmap(f)(ROWS)
    np.testing.assert_allclose(before.data, ROWS.sum(1))
    np.testing.assert_allclose(after.data, 3 * ROWS.sum(1))


@pytest.mark.parametrize("size", [0, 1])
def test_small_batches(size: int) -> None:
    x = RNG.normal(size=(size, 4))
    for f in (
        np.sin, np.sum, dp.grad(dnp.logsumexp), dp.jacobian(np.cumprod), np.sort, np.median,
        lambda x: (x[1], x @ np.ones((4, 2))), lambda x: np.convolve(x, x), lambda x: 1.0,
        lambda x: np.linalg.slogdet(np.outer(x, x) + np.eye(4))[1],
    ):  # fmt: skip
        got, like = leaves(dp.vmap(f)(x)), leaves(f(x[0] if size else np.ones(4)))
        for a, b in zip(got, like, strict=True):
            assert a.shape == (size, *np.shape(b))
            assert not size or np.allclose(a[0], b)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16", "i4", "i8", "u1", "?"])
def test_dtypes(dtype: str) -> None:
    """Those of the loop, of samples that are numbers, too."""
    for x in ((3 * ROWS).astype(dtype), (3 * ROWS[:, 0]).astype(dtype)):
        for f in (
            lambda x: x * 0.5, lambda x: x + 1, np.sin, np.sum, np.mean, lambda x: x > 0.5,
            lambda x: x * np.float64(2), lambda x: x + np.ones(5, "f4"), np.abs, lambda x: x * 1j,
            lambda x: dnp.stack([x, x]), lambda x: dnp.where(x > 0, x, 0), lambda x: 3,
        ):  # fmt: skip
            got = dp.vmap(f)(x)
            rows = np.stack([np.asarray(leaves(f(dp.constant(row)))[0]) for row in x])
            assert got.dtype == rows.dtype
            np.testing.assert_allclose(got, rows, 1e-6)


MISTAKES: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "a negative axis that only the batch has": (
        lambda x: x.sum(axis=-2), np.exceptions.AxisError, "axis -2 is out of bounds.*dimension 1",
    ),
    **{
        f"{name}, axis {axis}": (
            lambda x, f=f, axis=axis: f(x, axis=axis),
            np.exceptions.AxisError, f"axis {axis} is out of bounds for array of dimension 1",
        )
        for name, f in (
            ("mean", np.mean), ("var", np.var), ("max", np.max), ("prod", np.prod),
            ("softmax", dnp.softmax), ("sort", np.sort), ("cumsum", np.cumsum), ("fft", np.fft.fft),
            ("any", lambda x, axis: np.any(x > 0, axis=axis)), ("flip", np.flip),
            ("roll", lambda x, axis: np.roll(x, 1, axis)), ("median", np.median),
            ("argsort", np.argsort), ("reduce", np.add.reduce),
            ("data", lambda x, axis: np.sum(x.data, axis=axis)),
        )
        for axis in (1, -2)
    },
    "an index": (lambda x: x[5], IndexError, "index 5 is out of bounds for axis 0 with size 5"),
    "an index too many": (lambda x: x[0, 0], IndexError, "array is 1-dimensional, but 2 were"),
    "shapes": (lambda x: x + np.ones(3), ValueError, r"shapes \(5,\) \(3,\)"),
    "a new shape": (lambda x: x.reshape(2, 2), ValueError, "array of size 5"),
    "a product": (lambda x: x @ np.ones(3), ValueError, r"\(5,\) and \(3,\)"),
    "a branch": (lambda x: x if x[0] > 0 else -x, dp.BatchError, "branches on <3 samples.*where"),
    "a loop": (lambda x: range(x[0].astype(int)), dp.BatchError, "each sample has its own"),
    "item()": (lambda x: x[0].item(), dp.BatchError, "each sample has its own"),
    "float()": (lambda x: float(x[0]), dp.BatchError, "each sample has its own"),
    "an array": (lambda x: np.array([x[0], x[1]]), dp.BatchError, "each sample has its own"),
    "an entry of an array": (
        lambda x: np.zeros(2).__setitem__(0, x[0]), dp.BatchError, "each sample has its own",
    ),
    "in place": (lambda x: x.data.__setitem__(0, 1.0), dp.BatchError, r"x.at\[index\].set"),
    "truth values as an index": (lambda x: x[x > 0], dp.BatchError, "truth values.*where"),
    "shapes that differ": (lambda x: np.nonzero(x > 0), dp.BatchError, "another shape for each"),
    "text": (lambda x: "a", TypeError, "must return numbers and arrays.*got 'a'"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_in_the_words_of_one_sample(name: str) -> None:
    f, kind, words = MISTAKES[name]
    with pytest.raises(kind, match=words):
        dp.vmap(f)(ROWS)
    assert dp.grad(lambda x: x * x)(3.0) == 6.0  # nothing is left behind
    np.testing.assert_array_equal(dp.vmap(np.sin)(ROWS), np.sin(ROWS))


def test_results_are_the_callers_own() -> None:
    """Nobody else holds them: not the arguments, nor another result, nor what f closes over."""
    given, closed = ROWS.copy(), ROWS.copy()
    x, part, y, z, c, d = dp.vmap(
        lambda x: (x, x[1:], y := 2 * x, y, closed, closed[0]), out_axes=(0, 0, 0, 0, None, 0)
    )(given)
    results = [x, part, y, z, c, d]
    for i, array in enumerate(results):
        assert array.flags.writeable
        for other in (given, closed, *results[:i]):
            assert not np.shares_memory(array, other)


def test_the_sum_of_the_gradients_is_not_taken_for_that_of_one_sample() -> None:
    w = dp.Value(np.ones(5))

    def backward(x: Any) -> Any:
        w.zero_grad()
        (x @ w).backward()
        return x

    def read(x: Any) -> Any:
        return backward(x) * w.grad

    w.grad = np.full(5, 2.0)
    np.testing.assert_array_equal(dp.vmap(lambda x: x * w.grad)(ROWS), 2.0 * ROWS)
    with pytest.raises(dp.BatchError, match="the sum over all samples"):
        dp.vmap(read)(ROWS)
    with pytest.raises(dp.BatchError, match="the sum over all samples"):
        dp.vmap(lambda x: dp.vmap(lambda y: y)(x) + w.grad if backward(x) is not None else x)(ROWS)
    dp.vmap(backward)(ROWS)
    np.testing.assert_allclose(w.grad, ROWS.sum(0))
    is_the_loop(lambda x: [v := dp.Value(x), (v @ v).backward(), v.grad][2], ROWS)


def test_each_sample_can_train_variables_of_its_own() -> None:
    def trained(x: Any) -> Any:
        u = dp.Value(np.ones(5))
        for _ in range(3):
            u.zero_grad()
            (np.tanh(u @ x) ** 2).backward()
            u.data = u.data - 0.1 * u.grad
        return u.data

    def stepped(x: Any) -> Any:
        u, v = dp.Value(np.ones(5)), dp.Value(x)
        optimizer = dp.optim.Adam([u, v], lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            (np.tanh(u @ v) ** 2).backward()
            optimizer.step()
        return u.data, v.data

    is_the_loop(trained, ROWS)
    is_the_loop(stepped, ROWS)


def test_what_is_the_same_for_all_takes_places_of_each() -> None:
    is_the_loop(lambda a, i: a[i] * a[i[0]], ROWS[0], PLACES, axes=(None, 0))
    is_the_loop(lambda a, i: a[:, i], X[0], PLACES, axes=(None, 0))


def test_numbers_stay_numbers_beside_narrow_arrays() -> None:
    ones = np.ones(2, np.float32)
    is_the_loop(lambda x: dp.vjp(lambda x: x * ones, x)[0], ROWS[:, 0])
    is_the_loop(lambda x: dp.jvp(lambda x: ones / (x + 9), (x,), (1.0,)), ROWS[:, 0])


def test_the_batch_of_a_batch_crosses_along_its_own_axis() -> None:
    given = np.moveaxis(X, 0, 1)
    is_the_loop(lambda x: dp.jacobian(dp.vmap(np.cumsum, 1, 1))(x), given)
    found = dp.jacobian(lambda x: dp.vmap(np.tanh, 1, -1)(x))(ROWS)
    slopes = np.einsum("ij,jk,il->jikl", 1 - np.tanh(ROWS) ** 2, np.eye(5), np.eye(3))
    np.testing.assert_allclose(np.moveaxis(found, 1, 0), np.moveaxis(slopes, (2, 3), (3, 2)))


def test_checks_look_at_each_sample() -> None:
    weights = np.array([[1.0, 2.0], [1.0, -1.0]])
    with pytest.raises(ZeroDivisionError, match="sum to zero"):
        dp.vmap(lambda w: np.average(np.ones(2), weights=w))(weights)
    with pytest.raises(TypeError, match="vmap takes a function"):
        dp.vmap(3.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("chunk_size", [None, 1, 2, 3])
def test_randomness(chunk_size: int | None) -> None:
    drop, ones = dp.nn.Dropout(0.5, rng=0), np.ones((3, 40))
    with pytest.raises(dp.BatchError, match="randomness='different'"):
        dp.vmap(drop)(ones)
    same = dp.vmap(lambda x: drop(x) + 3 * drop(x), chunk_size=chunk_size, randomness="same")(ones)
    assert (same[0] == same).all()
    assert len(np.unique(same[0])) == 4  # two draws
    differ = dp.vmap(drop, chunk_size=chunk_size, randomness="different")(ones)
    assert len(np.unique(differ, axis=0)) == 3
    mapped = dp.vmap(drop, chunk_size=chunk_size, randomness="different")
    slope = dp.grad(lambda x: mapped(x).sum())(ones)
    assert set(np.unique(slope)) == {0.0, 2.0}
    drop.eval()
    np.testing.assert_array_equal(dp.vmap(drop)(ones), ones)


def test_a_layer_that_would_keep_statistics_of_each_sample_keeps_none() -> None:
    norm = dp.nn.BatchNorm(4)
    before = norm.state_dict()
    with pytest.raises(dp.BatchError, match="written to a variable from outside"):
        dp.vmap(norm)(SQUARES)
    for name, data in norm.state_dict().items():
        np.testing.assert_array_equal(data, before[name])
    is_the_loop(norm.eval(), SQUARES)


NESTED: dict[str, Callable[..., Any]] = {
    "grad": dp.grad,
    "jacobian": dp.jacobian,
    "hessian": dp.hessian,
    "jvp": lambda f: lambda x: dp.jvp(f, (x,), (2 * x,))[1],
    "vjp": lambda f: lambda x: dp.vjp(f, x)[1](3.0)[0],
    "hvp": lambda f: lambda x: dp.hvp(f, (x,), (x,)),
    "vmap": lambda f: lambda x: dp.vmap(lambda y: f(y * x))(x),
    "compile": dp.compile,
    "checkpoint": dp.checkpoint,
}
OF_NESTED: dict[str, Callable[..., Any]] = {
    "tanh": lambda x: dnp.sum(np.tanh(x) * x[0]),
    "sort": lambda x: dnp.sum(np.sort(x) ** 3 * np.arange(4)),
    "places": lambda x: dnp.sum(np.take_along_axis(x, np.argsort(-x), 0) ** 3),
    "updates": lambda x: dnp.sum(At(x)[np.argmax(dp.stop_gradient(x))].multiply(x[0]) ** 2),
    "prod": lambda x: np.prod(x) * dnp.norm(x) ** 2,
    "matrix": lambda x: np.linalg.slogdet(np.outer(x, x) + np.diag(np.arange(1.0, 5.0)))[1] ** 2,
    "branch": lambda x: dnp.sum(dnp.where(x > 0, dnp.log(x) * x, x**3)),
}


@pytest.mark.parametrize("outer", NESTED)
@pytest.mark.parametrize("inner", NESTED)
def test_transforms_nest_in_any_order(inner: str, outer: str) -> None:
    places = [list(NESTED).index(name) for name in (inner, outer)]
    f = [*OF_NESTED.values()][sum(places) % len(OF_NESTED)]

    def nested(x: Any) -> Any:
        with np.errstate(invalid="ignore"):
            return NESTED[outer](lambda x: dnp.sum(NESTED[inner](f)(x)))(x)

    rows = RNG.normal(size=(2, 4))
    is_the_loop(nested, rows, rtol=1e-7)
    with np.errstate(invalid="ignore"):
        mapped = dp.compile(dp.vmap(nested))(rows)
    np.testing.assert_allclose(mapped, dp.vmap(nested)(rows), 1e-9, 1e-12)


def test_recorded_arrays_beside_samples() -> None:
    """A rule asks for the common dtype of both, and computes with both."""

    def f(x: Any, low: Any) -> Any:
        return dnp.clip(x, low, 0.5 + low**2).sum()

    slopes = dp.vmap(dp.grad(f, (0, 1)), (None, 0))
    for a, b in zip(dp.compile(slopes)(ROWS[0], ROWS), slopes(ROWS[0], ROWS), strict=True):
        np.testing.assert_array_equal(a, b)
    added = dp.vmap(lambda x, y: np.logaddexp(y, x) + np.logaddexp(x, y), (0, None))
    np.testing.assert_array_equal(dp.compile(added)(ROWS, ROWS[0]), added(ROWS, ROWS[0]))


@pytest.mark.parametrize("seed", range(4))
def test_random_expressions(seed: int) -> None:
    """Against the loop, compiled and as they are; `python -m tests.graph.batches_many` has more."""
    found: list[str] = []

    def visit(f: Any, xs: Any) -> None:
        found.extend([f"{f!r} at {xs}: {x}" for x in mismatches(f, xs, jax=False)])

    generate(15, seed, visit)
    assert not found, "\n".join(found)


def test_random_expressions_against_jax() -> None:
    pytest.importorskip("jax")
    found: list[str] = []
    generate(5, 9, lambda f, xs: found.extend(mismatches(f, xs)), max_steps=5)
    assert not found, "\n".join(found)


def test_a_sample_that_was_kept_is_an_error_once_the_batch_has_ended() -> None:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        kept.append(x)
        return x

    dp.vmap(f)(np.ones((3, 2)))
    with pytest.raises(dp.BatchError, match="kept from inside"):
        dp.grad(lambda w: dnp.sum(w), has_aux=False)(kept[0])
    with pytest.raises(dp.BatchError, match="kept from inside"):
        dp.vmap(lambda y: y * kept[0])(np.ones((4, 2)))
