"""custom_gradient and checkpoint: any order, any mode, trees, and what they refuse."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop.graph import REGISTRY, Elementwise
from deltaprop.graph.domains import REAL
from deltaprop.testing import check_grads

A, B = np.array([1.0, 2.0, -0.5]), np.array([3.0, -1.0, 0.25])
W = dp.Value(np.random.default_rng(0).normal(size=(3, 3)))


@dp.custom_gradient
def product(a: Any, b: Any) -> Any:
    return {"p": a * b, "s": [a + b]}, lambda g: (g["p"] * b + g["s"][0], g["p"] * a + g["s"][0])


def through(f: Any) -> Any:
    def loss(a: Any, b: Any) -> Any:
        r = f(a, b)
        return np.sum(r["p"] ** 2 * np.tanh(r["s"][0]))

    return loss


CUSTOM, PLAIN = through(product), through(lambda a, b: {"p": a * b, "s": [a + b]})


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: dp.grad(f, (0, 1))(A, B),
        lambda f: dp.hessian(f, (0, 1))(A, B),
        lambda f: dp.jvp(f, (A, B), (B, A)),
        lambda f: dp.hvp(f, (A, B), (B, A)),
        lambda f: dp.jacobian(dp.grad(f), 1, mode="forward")(A, B),
        lambda f: dp.jacobian(dp.jacobian(f, mode="forward"), mode="forward")(A, B),
    ],
)
@pytest.mark.parametrize("own", [CUSTOM, through(dp.checkpoint(lambda a, b: product(a, b)))])
def test_any_transform_of_a_right_custom_gradient_is_the_plain_one(
    own: Any, transform: Any
) -> None:
    for ours, plain in zip(
        dp.tree.flatten(transform(own))[0], dp.tree.flatten(transform(PLAIN))[0], strict=True
    ):
        np.testing.assert_allclose(ours, plain, rtol=1e-12, atol=1e-12)


def test_the_users_derivative_is_the_one_used() -> None:
    @dp.custom_gradient
    def wrong(x: Any) -> Any:
        return x * x, lambda g: 100.0 * g

    x = dp.Value(3.0)
    (2 * wrong(x)).backward()
    assert x.grad == 200.0
    assert dp.jvp(wrong, (3.0,), (1.0,)) == (9.0, 100.0)


def test_a_jvp_of_ones_own() -> None:
    seen = []

    def along(primals: Any, tangents: Any) -> Any:
        seen.append(len(primals))
        return 2 * primals[0] * tangents[0]

    def square(x: Any, _k: int) -> Any:
        return np.asarray(x) ** 2, lambda g: (2 * g * np.asarray(x), None)

    f = dp.custom_gradient(lambda x: (x * x, lambda g: 2 * g * x), jvp=along)
    assert dp.jvp(f, (3.0,), (1.0,)) == (9.0, 6.0)
    assert dp.hvp(f, (3.0,), (1.0,)) == 2.0
    assert seen == [1]


def test_constants_among_the_arguments_stay_constants() -> None:
    assert dp.grad(lambda a: np.sum(product(a, B)["p"]))(A) == pytest.approx(B)
    plain = product(A, B)
    assert type(plain["p"]) is np.ndarray
    assert product(dp.constant(A), B)["p"].is_constant
    with dp.no_grad():
        assert product(dp.Value(A), B)["p"].is_constant


def test_a_custom_gradient_of_a_complex_function() -> None:
    own = dp.custom_gradient(lambda z: (z * z, lambda g: g * 2 * np.conj(z)))
    z = 1.5 - 0.5j
    assert dp.grad(lambda z: abs(own(z)) ** 2)(z) == pytest.approx(
        dp.grad(lambda z: abs(z * z) ** 2)(z)
    )


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (lambda x: x * x, TypeError, r"\(value, vjp\)"),
        (lambda x: (x, lambda g: (g, g)), ValueError, r"2 cotangents.*1 arrays"),
        (lambda x: (x, lambda g: np.ones(2)), ValueError, r"shape \(2,\).*\(3,\)"),
    ],
)
def test_a_custom_gradient_that_does_not_fit(f: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        dp.grad(lambda x: np.sum(dp.custom_gradient(f)(x)))(A)


def layer(x: Any) -> Any:
    return np.tanh(x @ W)


@pytest.mark.parametrize("f", [layer, dp.checkpoint(layer)])
def test_a_checkpoint_differentiates_in_what_it_closes_over(f: Any) -> None:
    W.zero_grad()
    x = dp.Value(np.ones((2, 3)))
    np.sum(f(f(x)) ** 2).backward()
    expected = dp.grad(lambda W: np.sum(np.tanh(np.tanh(np.ones((2, 3)) @ W) @ W) ** 2))(W.numpy())
    np.testing.assert_allclose(W.grad, expected, rtol=1e-13)


def test_a_checkpoint_differentiates_what_was_recorded() -> None:
    w = dp.Value(A)
    y = np.sum(dp.checkpoint(lambda x: x * w * w)(B))
    w.data -= 100.0
    y.backward()
    np.testing.assert_array_equal(w.grad, 2 * A * B)


def test_a_checkpoint_passes_keywords_trees_and_constants() -> None:
    f = dp.checkpoint(lambda t, *, k: {"u": [t["x"] * k], "n": 3})
    assert f({"x": 2.0}, k=3) == {"u": [6.0], "n": 3}
    assert dp.grad(lambda x: f({"x": x}, k=3)["u"][0])(2.0) == 3.0
    with dp.no_grad():
        assert f({"x": dp.Value(2.0)}, k=3)["u"][0].is_constant


def test_a_checkpoint_of_a_random_function_is_refused() -> None:
    rng = np.random.default_rng(0)
    noisy = dp.checkpoint(lambda x: x * rng.normal(size=3))
    with pytest.raises(RuntimeError, match="Generator that the function makes itself"):
        dp.grad(lambda x: np.sum(noisy(x)))(A)


def test_a_checkpoint_of_numbers_is_the_same_function() -> None:
    """A constant is a number of NumPy's, whose tanh differs from Python's in the last bit."""
    w = dp.Value(0.7)
    layer = dp.checkpoint(lambda a: dp.numpy.tanh(a * w))
    for x in np.random.default_rng(0).standard_normal(50):
        w.zero_grad()
        layer(x).backward()
        np.testing.assert_allclose(w.grad, x / np.cosh(0.7 * x) ** 2, rtol=1e-12)


def test_a_checkpoint_frees_the_insides() -> None:
    def block(x: Any) -> Any:
        for _ in range(8):
            x = np.tanh(x * 1.01)
        return x

    def peak(f: Any) -> int:
        gc.collect()
        tracemalloc.start()
        x = dp.Value(np.ones(20_000))
        y = x
        for _ in range(8):
            y = f(y)
        np.sum(y).backward(retain_grads=False)
        high = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return high

    assert peak(dp.checkpoint(block)) < 0.4 * peak(block)


def test_keyword_arguments_pass_on_as_constants() -> None:
    seen: list[Any] = []

    @dp.custom_gradient
    def scaled(x: Any, *, by: Any = 2.0, how: str = "times") -> Any:
        seen.append((by, how))
        return x * by, lambda g: g * by

    assert dp.grad(lambda x: scaled(x, by=3.0))(1.0) == 3.0
    assert dp.grad(lambda x: scaled(x, by=dp.constant(3.0), how="so"))(1.0) == 3.0
    assert dp.hessian(lambda x: scaled(x, by=3.0) ** 2)(1.0) == 18.0
    assert dp.jvp(lambda x: scaled(x, by=3.0), (1.0,), (1.0,)) == (3.0, 3.0)
    assert dp.compile(dp.grad(lambda x: scaled(x, by=3.0)))(1.0) == 3.0
    assert all(type(by) is float for by, _ in seen)
    assert (3.0, "so") in seen
    with pytest.raises(TypeError, match=r"scaled.*keyword.*\['by'\] is a variable.*by position"):
        scaled(1.0, by=dp.Value(3.0))
    with dp.no_grad():
        assert scaled(2.0, by=dp.Value(3.0)) == 6.0


@pytest.mark.parametrize(
    ("vjp", "right"),
    [
        (lambda g, d, x: ({"a": g * x, "b": 2.0 * g}, g * d["a"]), (5.0, 2.0, 3.0)),
        (lambda g, d, x: ({"b": 2.0 * g, "a": g * x}, g * d["a"]), (5.0, 2.0, 3.0)),
        (lambda g, d, x: [{"b": 2.0 * g, "a": g * x}, g * d["a"]], (5.0, 2.0, 3.0)),
        (lambda g, d, x: (None, g * d["a"]), (0.0, 0.0, 3.0)),
        (lambda g, d, x: ({"b": 2.0 * g, "a": g * x}, None), (5.0, 2.0, 0.0)),
    ],
)
def test_cotangents_are_matched_to_the_arguments(vjp: Any, right: Any) -> None:
    @dp.custom_gradient
    def own(d: Any, x: Any) -> Any:
        return d["a"] * x + 2.0 * d["b"], lambda g: vjp(g, d, x)

    found, slope = dp.grad(own, (0, 1))({"a": 3.0, "b": 4.0}, 5.0)
    assert (found["a"], found["b"], slope) == right
    _, along = dp.jvp(own, ({"a": 3.0, "b": 4.0}, 5.0), ({"b": 10.0, "a": 1.0}, 100.0))
    assert along == right[0] + 10 * right[1] + 100 * right[2]


def test_cotangents_of_one_tuple_and_of_lists() -> None:
    bare = dp.custom_gradient(lambda p: (p[0] * p[1], lambda g: (g * p[1], g * p[0])))
    nested = dp.custom_gradient(lambda p: (p[0] * p[1], lambda g: ((g * p[1], g * p[0]),)))
    assert dp.grad(bare)((2.0, 3.0)) == dp.grad(nested)((2.0, 3.0)) == (3.0, 2.0)
    of_list = dp.custom_gradient(lambda p: (p[0] * p[1], lambda g: [g * p[1], g * p[0]]))
    assert dp.grad(of_list)([2.0, 3.0]) == [3.0, 2.0]


def test_cotangents_of_other_keys_are_refused() -> None:
    wrong = dp.custom_gradient(lambda d: (d["a"] * d["b"], lambda g: {"a": g, "c": g}))
    with pytest.raises(ValueError, match=r"'c'.*'b'.*nested alike"):
        dp.grad(wrong)({"a": 1.0, "b": 2.0})


@pytest.mark.parametrize(
    "made",
    [
        lambda: Elementwise("cube_for_tests", lambda x: x**3, lambda _y, x: 3.0 * x**2),
        lambda: Elementwise(
            lambda x: x**3, lambda _y, x: 3.0 * x**2, name="cube_for_tests", domain=REAL
        ),
    ],
    ids=["name first", "name="],
)
def test_an_operation_says_its_name_first_or_by_keyword(made: Any) -> None:
    cube = made()
    try:
        assert (repr(cube), cube.count) == ("cube_for_tests", 1)
        check_grads(cube, np.array([1.0, -2.0]), order=3)
        with pytest.raises(ValueError, match="'cube_for_tests' exists already"):
            made()
    finally:
        del REGISTRY["cube_for_tests"]


def test_an_operation_of_a_lambda_needs_a_name() -> None:
    with pytest.raises(TypeError, match="pass name="):
        Elementwise(lambda x: x, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Elementwise("wrong", lambda x: x), "needs a partial for each input.*got \\[\\]"),
        (lambda: Elementwise("wrong", lambda x: x, 7), "needs a partial.*got \\[7\\]"),
        (lambda: Elementwise("wrong", 5, 1), "'wrong' needs a function of arrays, got 5"),
        (lambda: Elementwise(5, 1), "an operation needs a function of arrays, got 5"),
        (lambda: Elementwise("wrong", abs, 1, domain=3), "domain of .*must be a Domain.*got 3"),
    ],
)
def test_what_is_no_operation_takes_no_name(wrong: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        wrong()
    assert "wrong" not in REGISTRY
