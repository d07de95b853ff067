"""SciPy's optimisers: exact derivatives, trees, and no point visited twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

import deltaprop as dp
from deltaprop.scipy import least_squares, minimize, root

WITH_GRADIENT = ["CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP"]
WITH_PRODUCTS = ["Newton-CG", "trust-ncg", "trust-krylov", "trust-constr"]
WITH_HESSIAN = ["dogleg", "trust-exact"]
WITHOUT = ["Nelder-Mead", "Powell", "COBYLA", "COBYQA"]
# as close as each comes with what it is given by default
LOOSE = {"Powell": 1e-3, "COBYLA": 5e-2, "COBYQA": 1e-3, "Nelder-Mead": 1e-3, "TNC": 1e-3}


class Counted:
    """A function that remembers where it was called, and whether it was recorded."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = f
        self.points: list[bytes] = []
        self.recorded = 0

    def __call__(self, x: Any, *args: Any) -> Any:
        self.points.append(np.asarray(x.numpy() if isinstance(x, dp.Value) else x).tobytes())
        self.recorded += isinstance(x, dp.Value)
        return self.f(x, *args)


def rosenbrock(x: Any) -> Any:
    return np.sum((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2)


def bowl(x: Any, centre: Any = 0.5) -> Any:
    """Convex everywhere, as dogleg wants it; its minimum is at `centre`."""
    return np.sum(np.cosh(x - centre)) + np.sum(x - centre) ** 2


# -- minimize ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [None, *WITH_GRADIENT, *WITH_PRODUCTS, "trust-exact"])
@pytest.mark.parametrize("compile", [False, True])
def test_every_method_with_derivatives_finds_rosenbrocks_minimum(
    method: Any, compile: bool
) -> None:
    found = minimize(
        rosenbrock,
        [-1.2, 1.0, 0.7],
        method=method,
        compile=compile,
        tol=1e-10 if method == "SLSQP" else None,
        options={"maxfun": 2000} if method == "TNC" else None,
    )
    assert found.success
    np.testing.assert_allclose(found.x, 1.0, atol=LOOSE.get(method, 1e-4))


@pytest.mark.parametrize("method", [*WITH_GRADIENT, *WITH_PRODUCTS, *WITH_HESSIAN, *WITHOUT])
def test_every_method_finds_what_it_finds_with_scipys_own_derivatives(method: str) -> None:
    start = np.array([1.0, -0.5])
    known: dict[str, Any] = {
        "jac": None if method in WITHOUT else optimize.rosen_der,
        "hess": optimize.rosen_hess if method in WITH_HESSIAN + WITH_PRODUCTS else None,
    }
    if method in ("dogleg", *WITHOUT):  # the Hessian must be positive definite; the way is long
        theirs = optimize.minimize(
            bowl,
            start,
            method=method,
            jac=known["jac"] and (lambda x: np.sinh(x - 0.5) + 2 * np.sum(x - 0.5)),
            hess=known["hess"] and (lambda x: np.diag(np.cosh(x - 0.5)) + 2),
        )
        ours = minimize(bowl, start, method=method)
    else:
        theirs = optimize.minimize(optimize.rosen, start, method=method, **known)
        ours = minimize(rosenbrock, start, method=method)
    assert ours.success == theirs.success
    np.testing.assert_allclose(ours.x, theirs.x, atol=LOOSE.get(method, 1e-6))
    assert abs(ours.nfev - theirs.nfev) <= 0.1 * theirs.nfev


@pytest.mark.parametrize("method", [*WITH_GRADIENT, *WITH_PRODUCTS, *WITH_HESSIAN])
def test_no_point_is_visited_twice_in_a_row(method: str) -> None:
    f = Counted(bowl)
    found = minimize(f, np.array([1.0, -0.5]), method=method)
    np.testing.assert_allclose(found.x, 0.5, atol=1e-4)
    assert all(a != b for a, b in zip(f.points, f.points[1:], strict=False))
    assert len(f.points) == f.recorded <= found.nfev
    if method != "trust-constr":  # which asks for its Hessian where it has been before
        assert len(set(f.points)) == len(f.points)


@pytest.mark.parametrize("method", WITHOUT)
def test_methods_without_derivatives_record_nothing(method: str) -> None:
    f = Counted(lambda x: float(np.sum((x - 0.5) ** 2)))  # not to be differentiated at all
    np.testing.assert_allclose(minimize(f, [0.0, 1.0], method=method).x, 0.5, atol=1e-2)
    assert not f.recorded


@pytest.mark.parametrize("method", WITH_PRODUCTS)
def test_products_come_without_a_hessian(method: str) -> None:
    """In 500 variables the Hessian would take 500 sweeps; a point costs one call of f."""
    f = Counted(bowl)
    found = minimize(f, np.zeros(500), method=method, options={"maxiter": 20})
    assert len(f.points) <= 2 * found.nit + 5
    np.testing.assert_allclose(found.x, 0.5, atol=1e-2)


@given(
    st.lists(st.floats(-3, 3), min_size=2, max_size=4),
    st.sampled_from(["BFGS", "Newton-CG", "trust-exact", "trust-ncg", "SLSQP"]),
)
def test_a_quadratic_forms_minimum_solves_its_equations(b: list[float], method: str) -> None:
    n = len(b)
    A = np.random.default_rng(n).normal(size=(n, n))
    A = A @ A.T + np.eye(n)

    def f(x: Any) -> Any:
        return 0.5 * x @ A @ x - np.array(b) @ x

    found = minimize(f, np.ones(n), method=method, options={"maxiter": 500})
    np.testing.assert_allclose(found.x, np.linalg.solve(A, b), atol=1e-3)


class Pair(NamedTuple):
    slope: Any
    offset: Any


@dataclass
class Model:
    weight: Any
    bias: Any


TREES: list[tuple[Any, Callable[[Any], list[Any]]]] = [
    ({"b": np.zeros((2, 3)), "a": 1.0}, lambda t: [t["b"], t["a"]]),
    ([np.zeros(2), (np.ones((1, 1)), 3)], lambda t: [t[0], t[1][0], t[1][1]]),
    (Pair(0.0, np.zeros(3, np.float32)), lambda t: [t.slope, t.offset]),
    (Model(np.zeros((3, 2)), np.zeros(2)), lambda t: [t.weight, t.bias]),
    (np.zeros((2, 2)), lambda t: [t]),
    (0.0, lambda t: [t]),
    ((1, 2), lambda t: [t[0], t[1]]),
]


@pytest.mark.parametrize(("x0", "parts"), TREES)
@pytest.mark.parametrize("compile", [False, True])
def test_trees(x0: Any, parts: Any, compile: bool) -> None:
    seen: list[Any] = []

    def f(t: Any) -> Any:
        return sum(np.sum((p - 1.5 - i) ** 2) for i, p in enumerate(parts(t)))

    found = minimize(f, x0, compile=compile, callback=seen.append)
    for tree in (found.x, seen[-1]):
        assert type(tree) is type(x0) or isinstance(tree, np.ndarray | np.float64)
        for i, (p, like) in enumerate(zip(parts(tree), parts(x0), strict=True)):
            assert np.shape(p) == np.shape(like)
            single = np.result_type(like) == np.float32
            assert np.result_type(p) == (np.float32 if single else np.float64)
            np.testing.assert_allclose(p, 1.5 + i, atol=1e-4)


def test_arguments_and_callbacks() -> None:
    steps: list[Any] = []
    found = minimize(bowl, np.zeros(2), (np.array([1.0, 2.0]),), "BFGS", callback=steps.append)
    np.testing.assert_allclose(found.x, [1.0, 2.0], atol=1e-5)
    assert len(steps) == found.nit

    results: list[Any] = []

    def look(intermediate_result: Any) -> None:
        results.append(intermediate_result)
        if len(results) == 2:
            raise StopIteration

    stopped = minimize(lambda t: bowl(t["x"]), {"x": np.ones(2)}, method="BFGS", callback=look)
    assert len(results) == stopped.nit == 2
    assert results[-1].x.keys() == {"x"}
    np.testing.assert_array_equal(results[-1].x["x"], stopped.x["x"])

    states: list[Any] = []
    minimize(
        bowl, np.zeros(2), method="trust-constr", callback=lambda x, state: states.append(state)
    )
    assert states


def test_bounds() -> None:
    for method in ("L-BFGS-B", "TNC", "SLSQP", "trust-constr"):
        x = minimize(bowl, [0.0, 0.2], method=method, bounds=[(0, 0.3), (None, 9)]).x
        theirs = optimize.minimize(bowl, [0.0, 0.2], method=method, bounds=[(0, 0.3), (None, 9)]).x
        np.testing.assert_allclose(x, theirs, atol=1e-3)
    x0 = {"b": np.zeros(2), "a": 0.0}
    lower, upper = {"a": -1.0, "b": -np.inf}, {"a": 9.0, "b": np.array([0.25, 9.0])}

    def f(t: Any) -> Any:
        return (t["a"] + 2) ** 2 + np.sum((t["b"] - 1) ** 2)

    found = minimize(f, x0, bounds=(lower, upper)).x
    np.testing.assert_allclose([found["a"], *found["b"]], [-1.0, 0.25, 1.0], atol=1e-5)
    fit = least_squares(lambda t: [t["a"] + 2, t["b"] - 1], x0, bounds=(lower, upper)).x
    np.testing.assert_allclose([fit["a"], *fit["b"]], [-1.0, 0.25, 1.0], atol=1e-5)
    # two variables in a tuple: pairs, as in SciPy
    found = minimize(
        lambda t: (t[0] - 2) ** 2 + (t[1] + 2) ** 2,
        (np.array(0.0), np.array(0.5)),
        bounds=((0, 1), (0.25, 1)),
    ).x
    np.testing.assert_allclose(found, [1.0, 0.25])
    with pytest.raises(ValueError, match=r"bounds must be nested as x0 is, \{'b': \*, 'a': \*\}"):
        minimize(f, x0, bounds=({"a": 0.0}, {"a": 1.0}))


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr", "COBYLA", "COBYQA"])
def test_constraints_get_their_jacobians(method: str) -> None:
    """The point of the unit circle's upper half nearest to (2, 2), along a line and off it."""
    circle = Counted(lambda x: [x[0] ** 2 + x[1] ** 2])
    constraints = [
        optimize.NonlinearConstraint(circle, -np.inf, 1.0),
        {"type": "ineq", "fun": lambda x, least: x[1] - least, "args": (0.8,)},
    ]
    if method == "trust-constr":
        constraints[1] = optimize.LinearConstraint([[0.0, 1.0]], 0.8, np.inf)
    found = minimize(
        lambda x: np.sum((x - 2) ** 2), [0.0, 0.9], method=method, constraints=constraints
    )
    np.testing.assert_allclose(found.x, [0.6, 0.8], atol=2e-3)
    if method in ("SLSQP", "trust-constr"):
        assert circle.recorded == len(circle.points) <= 3 * found.nit + 5


def test_constraints_of_trees() -> None:
    found = minimize(
        lambda t: t["x"] ** 2 + t["y"] ** 2,
        {"x": 1.0, "y": 1.0},
        constraints={"type": "eq", "fun": lambda t: [t["x"] + 2 * t["y"] - 5]},
    )
    np.testing.assert_allclose([found.x["x"], found.x["y"]], [1.0, 2.0], atol=1e-6)


def test_a_hessian_of_scipys_own() -> None:
    found = minimize(bowl, np.zeros(2), method="trust-constr", hess=optimize.BFGS())
    np.testing.assert_allclose(found.x, 0.5, atol=1e-4)


def test_compiled_functions_are_called_once() -> None:
    f = Counted(lambda x: np.sum((x - 1) ** 4 + x**2))
    once = Counted(f.f)
    for method in ("BFGS", "Newton-CG"):
        ours = minimize(f, np.zeros(3), method=method)
        replayed = minimize(
            lambda x: once.f(once.points.append(b"") or x), np.zeros(3), method=method, compile=True
        )
        np.testing.assert_allclose(replayed.x, ours.x, rtol=1e-9)
        assert len(once.points) == {"BFGS": 1, "Newton-CG": 3}[method]


# -- root and least_squares ----------------------------------------------------------------


def system(x: Any, c: float = 2.0) -> Any:
    return [x[0] + x[1] - 3.0, x[0] * x[1] - c]


@pytest.mark.parametrize("method", ["hybr", "lm", "broyden1", "anderson", "krylov", "df-sane"])
def test_roots(method: str) -> None:
    f = Counted(system)
    found = root(f, [0.5, 2.7], method=method)
    theirs = optimize.root(system, [0.5, 2.7], method=method)
    assert found.success
    np.testing.assert_allclose(found.x, theirs.x, atol=1e-4)
    np.testing.assert_allclose(found.x, [1.0, 2.0], atol=1e-4)
    if method in ("hybr", "lm"):
        assert f.recorded == len(f.points)
        assert all(a != b for a, b in zip(f.points, f.points[1:], strict=False))
    else:
        assert not f.recorded


def test_roots_of_trees_with_arguments() -> None:
    found = root(
        lambda t, c: {"p": t["x"] + t["y"] - 3.0, "q": t["x"] * t["y"] - c},
        {"x": 0.5, "y": 2.7},
        (2.0,),
    )
    np.testing.assert_allclose([found.x["x"], found.x["y"]], [1.0, 2.0])
    moved: list[Any] = []
    root(system, [0.5, 2.7], method="broyden1", callback=lambda x, f: moved.append(x))
    assert moved


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
@pytest.mark.parametrize("loss", ["linear", "soft_l1"])
def test_curves_are_fitted(method: str, loss: str) -> None:
    t = np.linspace(0, 4, 20)
    y = 2.5 * np.exp(-1.3 * t) + 0.1 + 0.01 * np.sin(40 * t)

    def residuals(p: Any, scale: float, shift: float = 0.0) -> Any:
        return (p["a"] * np.exp(-p["k"] * t) + p["c"] - y) * scale + shift

    if method == "lm" and loss != "linear":
        with pytest.raises(ValueError, match="supports only 'linear' loss"):
            least_squares(
                residuals, {"a": 1.0, "k": 1.0, "c": 0.0}, args=(1.0,), method=method, loss=loss
            )
        return
    calls = Counted(lambda v: v)
    found = least_squares(
        lambda p, *a, **k: calls.f(calls.points.append(str(p).encode())) or residuals(p, *a, **k),
        {"a": 1.0, "k": 1.0, "c": 0.0},
        args=(2.0,),
        kwargs={"shift": 0.0},
        method=method,
        loss=loss,
    )
    theirs = optimize.least_squares(
        lambda p: residuals({"a": p[0], "c": p[1], "k": p[2]}, 2.0),
        [1.0, 0.0, 1.0],
        method=method,
        loss=loss,
    )
    np.testing.assert_allclose([found.x[k] for k in "ack"], theirs.x, rtol=1e-4)
    assert len(calls.points) <= found.nfev + 1 + (method == "lm")


def test_fits_that_are_long_or_wide() -> None:
    rng = np.random.default_rng(0)
    A, b = rng.normal(size=(30, 4)), rng.normal(size=30)
    for M, c in ((A, b), (A.T, b[:4])):
        x = least_squares(lambda x, M=M, c=c: M @ x - c, np.zeros(M.shape[1])).x
        np.testing.assert_allclose(x, np.linalg.lstsq(M, c)[0], atol=1e-7)


# -- what bad input gets -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x0", "error", "says"),
    [
        (lambda x: x * x, [1.0, 2.0], TypeError, r"returned shape \(2,\), float64: reduce it"),
        (lambda x: {"a": x[0]}, [1.0], TypeError, r"returned \{'a': \*\}"),
        (lambda x: None, [1.0], TypeError, "returned None"),
        (lambda x: "high", [1.0], TypeError, "one real number"),
        (lambda x: x[0] * 1j, [1.0], TypeError, "complex128"),
        (lambda x: float(x[0] ** 2), [1.0], TypeError, r"cannot become a float.*v\.item\(\)"),
        (
            lambda x: (x[0] ** 2).item(),
            [1.0],
            TypeError,
            r"does not depend on x.*without \.item\(\)",
        ),
        (np.sum, [1j], TypeError, "x0 must hold real numbers, not complex128"),
        (np.sum, ["a"], TypeError, "x0 must hold real numbers, not <U1"),
        (np.sum, {"a": True}, TypeError, "x0 must hold real numbers, not bool"),
        (np.sum, [], ValueError, "x0 holds no numbers to vary"),
        (np.sum, {}, ValueError, "x0 holds no numbers to vary"),
        (np.sum, np.zeros((0, 3)), ValueError, "x0 holds no numbers to vary"),
    ],
)
def test_bad_input_is_named(f: Any, x0: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        minimize(f, x0, method="BFGS")


def test_more_bad_input() -> None:
    with pytest.raises(TypeError, match="must return numbers, but returned None"):
        root(lambda x: None, [1.0])
    with pytest.raises(TypeError, match="does not depend on x"):
        least_squares(lambda x: [x[0].item()], [1.0])
    with pytest.raises(dp.TraceError, match="where"):
        minimize(lambda x: x[0] if x[0] > 0 else -x[0], [1.0], method="BFGS", compile=True)
    # a hinge written in Python: flat beyond, which is no mistake once the way has begun
    found = minimize(lambda x: max(x[0] - 1.0, 0.0), [3.0], method="CG")
    assert found.x[0] <= 1.0


# -- inside a transform ------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["BFGS", "Nelder-Mead", "Newton-CG", "trust-exact", "SLSQP"])
@pytest.mark.parametrize("compile", [False, True])
def test_what_depends_on_nothing_outside_is_found_inside_a_transform(
    method: str, compile: bool
) -> None:
    def f(a: Any) -> Any:
        x = minimize(lambda y: np.sum((y - 1) ** 2), np.zeros(2), method=method, compile=compile).x
        assert type(x) is np.ndarray
        return a * a * x[0]

    assert dp.grad(f)(2.0) == pytest.approx(4.0, abs=1e-3)
    assert dp.hessian(f)(2.0) == pytest.approx(2.0, abs=1e-3)
    assert dp.jvp(f, (2.0,), (1.0,))[1] == pytest.approx(4.0, abs=1e-3)


def test_roots_and_fits_are_found_inside_a_transform() -> None:
    def f(a: Any) -> Any:
        found = root(lambda y: [y[0] - 2.0], [0.0]).x[0]
        fit = least_squares(lambda p: {"r": p["k"] - np.ones(3)}, {"k": np.zeros(3)}).x
        return a * found * fit["k"][0]

    assert dp.grad(f)(2.0) == pytest.approx(2.0)


@pytest.mark.parametrize("method", ["BFGS", "Nelder-Mead", "Newton-CG", "Powell"])
@pytest.mark.parametrize("compile", [False, True])
def test_what_depends_on_a_variable_around_is_refused(method: str, compile: bool) -> None:
    def f(a: Any) -> Any:
        def bowl(y: Any) -> Any:
            return np.sum((y - a) ** 2)

        return minimize(bowl, np.zeros(2), method=method, compile=compile).x[0]

    with pytest.raises(TypeError, match="bowl depends on a variable of the transform around"):
        dp.grad(f)(2.0)
    with pytest.raises(TypeError, match="variable of the transform around"):
        dp.grad(lambda a: root(lambda y: [y[0] - a], [0.0]).x[0])(2.0)
    with pytest.raises(TypeError, match="variable of the transform around"):
        dp.grad(lambda a: least_squares(lambda y: [y[0] - a], [0.0]).x[0])(2.0)


def test_an_own_derivative_around_an_optimiser() -> None:
    @dp.custom_gradient
    def smallest(a: Any) -> Any:
        x = minimize(lambda y: (y[0] ** 2 - a) ** 2, [1.0], tol=1e-12).x[0]
        return x, lambda g: g / (2 * x)

    assert dp.grad(smallest)(4.0) == pytest.approx(0.25, rel=1e-4)
