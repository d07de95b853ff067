"""Transforms: against each other, PyTorch's, closed forms; nesting; and what they refuse."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
import deltaprop.numpy as dnp

RNG = np.random.default_rng(7)
X = RNG.normal(size=5)
V = RNG.normal(size=5)
W = RNG.normal(size=(5, 3))


def rich(x: Any) -> Any:
    """where, indexing, einsum, a reduction, fan-out: smooth at X."""
    y = np.where(x > 0, np.log(np.abs(x) + 1.0), x**3)
    z = np.einsum("i,ij,j->", y, W, np.tanh(x[:3])) + np.sum(x[[0, 0, 2]] * y[::-1][:3])
    return z * z + np.prod(np.sin(x))


def rich_torch(torch: Any, x: Any) -> Any:
    y = torch.where(x > 0, torch.log(torch.abs(x) + 1.0), x**3)
    z = torch.einsum("i,ij,j->", y, torch.tensor(W), torch.tanh(x[:3]))
    z = z + torch.sum(x[[0, 0, 2]] * y.flip(0)[:3])
    return z * z + torch.prod(torch.sin(x))


def close(a: Any, b: Any, rtol: float = 1e-11) -> None:
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.max(np.abs(b), initial=0.0))


def test_gradient_hessian_and_products_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    t = torch.tensor(X)
    F, theirs = torch.autograd.functional, partial(rich_torch, torch)
    hessian = F.hessian(theirs, t).numpy()
    close(dp.grad(rich)(X), F.jacobian(theirs, t).numpy())
    close(dp.hessian(rich)(X), hessian)
    close(dp.hvp(rich, (X,), (V,)), hessian @ V)
    close(dp.jvp(rich, (X,), (V,))[1], F.jacobian(theirs, t).numpy() @ V)


NESTS = {
    "reverse over reverse": lambda f: dp.jacobian(dp.grad(f), mode="reverse"),
    "forward over reverse": lambda f: dp.jacobian(dp.grad(f), mode="forward"),
    "reverse over forward": lambda f: dp.jacobian(dp.jacobian(f, mode="forward"), mode="reverse"),
    "forward over forward": lambda f: dp.jacobian(dp.jacobian(f, mode="forward"), mode="forward"),
    "of vjp": lambda f: dp.jacobian(lambda x: dp.vjp(f, x)[1](1.0)[0]),
}


@pytest.mark.parametrize("nest", NESTS)
def test_every_nesting_gives_the_same_hessian(nest: str) -> None:
    close(NESTS[nest](rich)(X), dp.hessian(rich)(X), 1e-10)


def test_third_order_in_any_mix_of_modes() -> None:
    def f(x: Any) -> Any:
        return np.sin(x) * np.exp(0.5 * x)

    def along(g: Any) -> Any:
        return lambda x: dp.jvp(g, (x,), (1.0,))[1]

    expected = dp.grad(dp.grad(dp.grad(f)))(0.7)
    exact = ((0.5 + 1j) ** 3 * np.exp((0.5 + 1j) * 0.7)).imag
    assert expected == pytest.approx(exact, rel=1e-13)
    for mixed in (along(along(along(f))), along(dp.grad(along(f))), dp.grad(along(dp.grad(f)))):
        assert mixed(0.7) == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize(
    "inner",
    [lambda f, y: dp.grad(f)(y), lambda f, y: dp.jvp(f, (y,), (1.0,))[1]],
    ids=["reverse", "forward"],
)
@pytest.mark.parametrize(
    "outer",
    [lambda f, y: dp.grad(f)(y), lambda f, y: dp.jvp(f, (y,), (1.0,))[1]],
    ids=["reverse", "forward"],
)
def test_perturbations_are_not_confused(outer: Any, inner: Any) -> None:
    # d/dx x * (d/dy (x + y)) = 1; who confuses x's and y's perturbation gets 2
    assert outer(lambda x: x * inner(lambda y: x + y, 1.0), 1.0) == 1.0
    # d/dx x * d/dy (x * y) = 2x
    assert outer(lambda x: x * inner(lambda y: x * y, 1.0), 3.0) == 6.0
    # the same variable at both levels: d/dx (x * d/dx x^2) = 4x
    assert outer(lambda x: x * inner(lambda y: y * y, x), 3.0) == 12.0


class Point(NamedTuple):
    x: Any
    y: Any


@dataclass
class Model:
    weight: Any
    bias: Any


def test_trees_in_and_out() -> None:
    tree = {"p": Point(np.ones(2), 2.0), "m": [Model(np.eye(2), np.zeros(2)), None]}

    def f(t: Any) -> Any:
        return {"out": t["m"][0].weight @ t["p"].x * t["p"].y + t["m"][0].bias}

    g = dp.grad(lambda t: np.sum(f(t)["out"] ** 2))(tree)
    assert isinstance(g["p"], Point)
    assert isinstance(g["m"][0], Model)
    assert g["m"][1] is None
    close(g["p"].x, [8.0, 8.0])
    close(g["p"].y, 8.0)
    y, pullback = dp.vjp(f, tree)
    close(y["out"], [2.0, 2.0])
    (back,) = pullback({"out": np.array([1.0, 0.0])})
    close(back["m"][0].weight, [[2.0, 2.0], [0.0, 0.0]])
    jacobian = dp.jacobian(f)(tree)
    close(jacobian["out"]["m"][0].bias, np.eye(2))
    close(jacobian["out"]["p"].y, [1.0, 1.0])
    _, change = dp.jvp(f, (tree,), (back,))
    close(change["out"], [14.0, 1.0])  # weight 8, x 4, y and bias 1 each


def test_argnums_keywords_and_aux() -> None:
    def f(a: Any, b: Any, *, scale: float) -> Any:
        return scale * a * b**2, {"a": a, "note": "kept", "n": 3}

    assert dp.grad(f, argnums=(0, -1), has_aux=True)(2.0, 3.0, scale=10.0)[0] == (90.0, 120.0)
    (value, aux), g = dp.value_and_grad(f, 1, has_aux=True)(2.0, 3.0, scale=1.0)
    assert (value, g, aux) == (18.0, 12.0, {"a": 2.0, "note": "kept", "n": 3})
    assert dp.grad(lambda a, n: a**n)(2.0, 3) == 12.0  # an integer beside may stay one
    value, _, aux = dp.vjp(lambda x: (x * x, x + 1.0), 3.0, has_aux=True)
    assert (value, aux) == (9.0, 4.0)


@pytest.mark.parametrize(("n_in", "n_out"), [(1, 4), (4, 1), (3, 2)])
def test_both_modes_give_the_same_jacobian(n_in: int, n_out: int) -> None:
    A = RNG.normal(size=(n_out, n_in))

    def f(x: Any) -> Any:
        return np.tanh(A @ x)

    x = RNG.normal(size=n_in)
    forward, reverse = (dp.jacobian(f, mode=mode)(x) for mode in ("forward", "reverse"))
    close(forward, reverse)
    close(reverse, (1 - np.tanh(A @ x) ** 2)[:, None] * A)
    assert np.array_equal(dp.jacobian(f)(x), forward if n_in < n_out else reverse)


def test_a_wide_or_tall_jacobian_takes_one_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    from deltaprop import transforms

    sweeps, pushes = [], []
    sweep, forward_sweep = transforms.sweep, transforms.forward_sweep
    monkeypatch.setattr(transforms, "sweep", lambda *a, **k: sweeps.append(1) or sweep(*a, **k))
    monkeypatch.setattr(
        transforms, "forward_sweep", lambda *a, **k: pushes.append(1) or forward_sweep(*a, **k)
    )
    x = np.linspace(0.0, 1.0, 50)
    close(dp.jacobian(lambda v: np.sum(v**2))(x), 2 * x)
    assert (len(sweeps), len(pushes)) == (1, 0)
    close(dp.jacobian(lambda t: t * x)(2.0), x)
    assert (len(sweeps), len(pushes)) == (1, 1)


@given(
    st.sampled_from([np.float32, np.float64]),
    st.lists(st.integers(0, 3), max_size=2),
)
def test_dtypes_and_shapes_are_the_arguments(dtype: Any, shape: list[int]) -> None:
    x = np.ones((*shape, 2), dtype)
    value, g = dp.value_and_grad(lambda x: np.sum(x * x))(x)
    assert g.dtype == dtype
    assert g.shape == x.shape
    assert isinstance(g, np.ndarray)
    assert isinstance(value, float)
    y, dy = dp.jvp(np.sin, (x,), (x,))
    assert y.dtype == dy.dtype == dtype
    assert dp.jacobian(np.sin)(x).shape == x.shape * 2


def test_plain_data_comes_out_where_plain_data_went_in() -> None:
    captured = dp.Value([1.0, 2.0])
    g = dp.grad(lambda x: np.sum(captured * x))(np.ones(2))
    assert type(g) is np.ndarray
    assert captured.grad is None
    g[0] = 100.0
    close(captured.numpy(), [1.0, 2.0])


def test_a_variable_gives_a_recorded_derivative() -> None:
    v = dp.Value(2.0)
    g = dp.grad(lambda x: x**3)(v)
    assert g.item() == 12.0
    g.backward()
    assert v.grad == 12.0
    constant = dp.grad(lambda x: x**3)(dp.constant(2.0))
    assert isinstance(constant, dp.Value)
    assert constant.is_constant


def test_a_captured_variable_is_differentiated_by_the_outer_transform() -> None:
    assert dp.grad(lambda y: dp.grad(lambda x: x * x * y)(3.0))(2.0) == 6.0


def test_no_grad_is_about_recording_not_about_transforms() -> None:
    v = dp.Value(2.0)
    with dp.no_grad():
        assert dp.grad(lambda x: x**3)(2.0) == 12.0
        assert dp.grad(dp.grad(lambda x: x**3))(2.0) == 12.0
        assert dp.grad(lambda x: x**3)(v).is_constant

    def partly(x: Any) -> Any:
        with dp.no_grad():
            factor = x * x
        return factor * x

    assert dp.grad(partly)(3.0) == 9.0


def test_anomalies_are_found_inside_transforms() -> None:
    with dp.detect_anomaly(), dp.no_grad(), pytest.raises(dp.AnomalyError, match="log"):
        dp.grad(lambda x: np.log(x))(0.0)
    assert dp.grad(lambda x: x)(1.0) == 1.0


def test_where_the_result_does_not_depend_on_the_argument() -> None:
    with pytest.warns(UserWarning, match="returned 3.0, plain data.*derivative is 0"):
        assert dp.grad(lambda x: 3.0)(2.0) == 0.0
    close(dp.grad(lambda x: np.sum(dp.stop_gradient(x)))(np.ones(3)), np.zeros(3))
    y, dy = dp.jvp(lambda x: {"c": np.ones(2), "x": x}, (1.0,), (5.0,))
    close(y["c"], np.ones(2))
    close(dy["c"], np.zeros(2))
    assert dy["x"] == 5.0
    with pytest.warns(UserWarning, match="plain data"):
        close(dp.jacobian(lambda x: np.ones(2))(np.ones(3)), np.zeros((2, 3)))
    assert dp.jacobian(lambda x: x[:0])(np.ones(3)).shape == (0, 3)
    close(dp.hessian(lambda x: np.sum(x))(np.ones(2)), np.zeros((2, 2)))
    value, pullback = dp.vjp(lambda x: x, 2.0)
    assert (value, pullback(3.0)) == (2.0, (3.0,))


def test_a_pullback_serves_again_and_for_values() -> None:
    _, pullback = dp.vjp(lambda x: np.sin(x), X)
    close(pullback(V)[0], V * np.cos(X))
    close(pullback(2 * V)[0], 2 * V * np.cos(X))
    close(dp.grad(lambda v: np.sum(pullback(v)[0] ** 2))(V), 2 * V * np.cos(X) ** 2)


def test_stop_gradient_takes_trees() -> None:
    g = dp.grad(lambda t: t["a"] * dp.stop_gradient(t)["a"])({"a": 3.0})
    assert g == {"a": 3.0}


def test_methods_of_a_class_are_functions_too() -> None:
    class Parabola:
        def __call__(self, x: Any) -> Any:
            return (x + 2.0) ** 2

    assert dp.grad(Parabola().__call__)(0.0) == 4.0
    assert dp.grad(Parabola().__call__)(-4.0) == -4.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: dp.grad(lambda x: x)(np.ones(2)), r"one real number.*shape \(2,\).*jacobian"),
        (lambda: dp.grad(lambda x: (x, x))(1.0), r"one real number.*\(\*, \*\)"),
        (lambda: dp.grad(lambda x: None)(1.0), "one real number"),
        (lambda: dp.grad(lambda x: x * 1j)(1.0), "real function.*abs"),
        (lambda: dp.grad(lambda x: x)(2), r"argument 0.*an integer \(2\).*convert"),
        (lambda: dp.grad(lambda x: x)(True), r"argument 0.*bool"),
        (
            lambda: dp.grad(lambda x: x)({"a": [1.0, np.arange(3)]}),
            r"argument 0\['a'\]\[1\].*int64",
        ),
        (lambda: dp.grad(lambda x: x)("text"), r"argument 0.*str"),
        (lambda: dp.grad(lambda x: x, 1)(2.0), "argument 1.*1 positional argument"),
        (lambda: dp.grad(lambda x: x, "x")(2.0), "argnums must be the position.*'x'"),
        (lambda: dp.grad(lambda x: x, 0.0)(2.0), "argnums must be the position.*0.0"),
        (lambda: dp.grad(lambda x: "high")(1.0), "must return numbers and arrays.*'high'"),
        (lambda: dp.grad(lambda x: x > 0)(1.0), "one real number, got"),
        (
            lambda: dp.jvp(np.sin, 1.0, (1.0,)),
            r"jvp takes tuples, jvp\(f, \(x,\), \(v,\)\), got 1.0",
        ),
        (lambda: dp.jvp(np.sin, (1.0,), 1.0), "jvp takes tuples"),
        (lambda: dp.hvp(np.sin, X, (X,)), "hvp takes tuples"),
        (lambda: dp.value_and_grad(lambda x: x, has_aux=True)(1.0), r"\(value, aux\)"),
        (lambda: dp.jvp(np.sin, (1.0,), (1j,)), r"must be real \(float64\)"),
        (lambda: dp.jacobian(np.sin)(1j), "from complex to complex"),
        (lambda: dp.grad(lambda x: np.modf(x)[0])(1.0), "modf.*custom_gradient"),
    ],
)
def test_type_errors_say_what_to_do(call: Any, words: str) -> None:
    with pytest.raises(TypeError, match=f"(?s){words}"):
        call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: dp.vjp(lambda x: {"a": x}, 1.0)[1](1.0), r"structure \*.*\{'a': \*\}"),
        (lambda: dp.vjp(np.sin, X)[1](np.ones(4)), r"shape \(5,\), got \(4,\)"),
        (lambda: dp.jvp(np.sin, (X,), (1.0,)), r"shape \(5,\), got \(\)"),
        (lambda: dp.jvp(np.add, (1.0, 2.0), (1.0,)), r"structure \[\*\].*\[\*, \*\]"),
        (lambda: dp.jacobian(np.sin, mode="both"), "auto.*'both'"),
    ],
)
def test_value_errors_say_what_to_do(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_an_error_inside_leaves_no_trace() -> None:
    def broken(x: Any) -> Any:
        raise KeyError("oops")

    with pytest.raises(KeyError, match="oops"):
        dp.grad(broken)(1.0)
    assert type(dp.grad(lambda x: x * x)(3.0)) is float  # not taken for a nested one


def test_operations_from_outside_come_in_the_same_kinds() -> None:
    from deltaprop.graph import Elementwise

    cube = Elementwise(lambda x: x**3, lambda _y, x: 3 * x * x, name="test_cube")
    assert dp.grad(dp.grad(cube))(2.0) == 12.0
    close(dp.jvp(cube, (X,), (V,))[1], 3 * X**2 * V)
    close(dp.hvp(lambda x: dnp.sum(cube(x)), (X,), (V,)), 6 * X * V)


# -- dicts, and containers of subclasses -------------------------------------------------------


class Settings(dict):
    def __init__(self, note: str, entries: Any) -> None:
        super().__init__(entries)
        self.note = note


def growing(entries: Any) -> Any:
    made: Any = defaultdict(float)
    made.update(entries)
    return made


DICTS: list[Any] = [dict, OrderedDict, growing, lambda entries: Settings("mine", entries)]
KEYS = st.permutations(["w", "b", "a"])


def by_order(d: Any) -> Any:
    first, second, third = d.values()
    return first**2 * 100 + second**2 * 10 + third**2


def by_order_itself(d: Any) -> Any:
    weights = dict(zip(d, (200, 20, 2), strict=True))
    return by_order(d), lambda g: {key: g * weights[key] * d[key] for key in sorted(d)}


IN_ORDER: dict[str, Any] = {
    "grad": lambda d: dp.grad(by_order)(d),
    "value_and_grad": lambda d: dp.value_and_grad(by_order)(d)[1],
    "vjp": lambda d: dp.vjp(by_order, d)[1](1.0)[0],
    "jacobian": lambda d: dp.jacobian(by_order)(d),
    "jacobian forward": lambda d: dp.jacobian(by_order, mode="forward")(d),
    "hvp": lambda d: dp.hvp(by_order, (d,), (dict(sorted(d.items())),)),
    "checkpoint": lambda d: dp.grad(dp.checkpoint(by_order))(d),
    "custom_gradient": lambda d: dp.grad(dp.custom_gradient(by_order_itself))(d),
    "compiled": lambda d: dp.compile(dp.grad(by_order))(d),
}


@pytest.mark.parametrize("make", DICTS)
@pytest.mark.parametrize("transform", list(IN_ORDER))
@given(keys=KEYS)
def test_a_dict_reaches_the_function_in_its_order_and_comes_back(
    make: Any, transform: str, keys: Any
) -> None:
    d = make(dict(zip(keys, (1.0, 2.0, 3.0), strict=True)))
    found = IN_ORDER[transform](d)
    assert type(found) is type(d)
    assert list(found.items()) == list(zip(keys, (200.0, 40.0, 6.0), strict=True))
    if isinstance(d, Settings):
        assert found.note == "mine"


@given(keys=KEYS)
def test_a_hessian_has_the_order_of_the_dict(keys: Any) -> None:
    d = dict(zip(keys, (1.0, 2.0, 3.0), strict=True))
    rows = dp.hessian(by_order)(d)
    assert list(rows) == keys
    assert [[rows[i][j] for j in keys] for i in keys] == np.diag([200.0, 20.0, 2.0]).tolist()


@given(keys=KEYS, others=KEYS)
def test_tangents_and_cotangents_are_matched_by_key(keys: Any, others: Any) -> None:
    d = {key: float(i) for i, key in enumerate(keys)}
    change = {key: float(ord(key)) for key in others}
    y, along = dp.jvp(lambda x: {key: 2 * x[key] for key in others}, (d,), (change,))
    assert along == {key: 2.0 * ord(key) for key in keys}
    assert list(along) == list(y) == others
    (back,) = dp.vjp(lambda x: {key: 2 * x[key] for key in keys}, d)[1](change)
    assert back == {key: 2.0 * ord(key) for key in keys}
    assert list(back) == keys


def test_a_compiled_function_tells_dicts_of_another_order_apart() -> None:
    compiled = dp.compile(by_order)
    for d in ({"a": 1.0, "b": 2.0, "c": 3.0}, {"c": 3.0, "a": 1.0, "b": 2.0}) * 2:
        assert compiled(d) == by_order(d)
    assert compiled.cache_info().misses == 2
    ordered = dp.compile(lambda **kw: by_order(kw))
    assert ordered(a=1.0, b=2.0, c=3.0) == 149.0
    assert ordered(c=3.0, b=2.0, a=1.0) == 941.0


# -- inside another transform ------------------------------------------------------------------


def kinds_inside(inner: Any) -> Any:
    """What `inner` gives in a transform, in the kinds of its leaves."""
    seen: list[Any] = []

    def f(a: Any) -> Any:
        found = inner(a)
        seen.append([isinstance(x, dp.Value) for x in dp.tree.flatten(found)[0]])
        return a * 1.0

    assert dp.grad(f)(2.0) == 1.0
    dp.jvp(f, (2.0,), (1.0,))
    dp.hessian(f)(2.0)
    assert seen.count(seen[0]) == len(seen)
    return seen[0]


@pytest.mark.parametrize(
    ("inner", "kinds"),
    [
        (lambda a: dp.grad(lambda x: x * x)(3.0), [False]),
        (lambda a: dp.value_and_grad(lambda x: x * x)(3.0), [False, False]),
        (lambda a: dp.value_and_grad(lambda x: x * x + a)(3.0), [True, False]),
        (lambda a: dp.value_and_grad(lambda x: x * x * a)(3.0), [True, True]),
        (
            lambda a: dp.grad(lambda d: d["x"] * a + d["y"] ** 2)({"y": 1.0, "x": 2.0}),
            [False, True],
        ),
        (lambda a: dp.grad(lambda x: (x, a), has_aux=True)(3.0), [False, True]),
        (lambda a: dp.jacobian(lambda x: x * x)(X), [False]),
        (lambda a: dp.jacobian(lambda x: x * a, mode="forward")(X), [True]),
        (lambda a: dp.hessian(lambda x: np.sum(x**3))(X), [False]),
        (lambda a: dp.hessian(lambda x: np.sum(x**3) * a)(X), [True]),
        (lambda a: dp.jvp(np.sin, (X,), (V,)), [False, False]),
        (lambda a: dp.jvp(lambda x: x * a, (1.0,), (1.0,)), [True, True]),
        (lambda a: dp.hvp(lambda x: x**3, (1.0,), (1.0,)), [False]),
        (lambda a: dp.vjp(np.sin, 1.0)[1](1.0), [False]),
        (lambda a: dp.vjp(np.sin, 1.0)[1](a), [True]),
        (lambda a: dp.grad(lambda x: dp.grad(lambda y: y**3 * x)(2.0) * x)(3.0), [False]),
        (lambda a: dp.grad(lambda x: dp.grad(lambda y: y**3 * a)(2.0) * x)(3.0), [True]),
        (lambda a: dp.grad(dp.checkpoint(lambda x: x * x))(3.0), [False]),
    ],
)
def test_what_depends_on_nothing_outside_is_plain(inner: Any, kinds: Any) -> None:
    assert kinds_inside(inner) == kinds


def test_the_gradient_through_an_inner_transform_is_whole() -> None:
    def f(a: Any) -> Any:
        value, slope = dp.value_and_grad(lambda x: x**2 * 3.0 + a)(a.item())
        inner = dp.grad(lambda d: d["x"] * a**2 + d["y"])({"y": 1.0, "x": 2.0})
        return value * slope + inner["x"] * inner["y"]

    assert dp.grad(f)(2.0) == 12.0 + 4.0


def test_a_custom_gradient_receives_plain_numbers_in_any_transform() -> None:
    seen: list[Any] = []

    def solve(x: Any) -> Any:
        seen.append(type(x))
        slope = dp.grad(lambda z: z**3)(x)
        return slope, lambda g: g * 6.0 * x

    own = dp.custom_gradient(solve)
    assert dp.grad(own)(2.0) == 12.0
    assert dp.jvp(own, (2.0,), (1.0,)) == (12.0, 12.0)
    assert dp.vjp(own, 2.0)[1](1.0) == (12.0,)
    assert seen[:2] == [float, float]
    assert dp.hessian(lambda x: own(x) * x)(2.0) == 36.0
    assert dp.grad(lambda a: a * dp.grad(own)(2.0))(1.0) == 12.0


# -- what transforms refuse --------------------------------------------------------------------


@pytest.mark.parametrize("what", [3.0, {}, dp.Value(2.0), np.ones(2), "f", [np.sin]])
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("grad", lambda f: dp.grad(f)),
        ("value_and_grad", lambda f: dp.value_and_grad(f)),
        ("jacobian", lambda f: dp.jacobian(f)),
        ("hessian", lambda f: dp.hessian(f)),
        ("vjp", lambda f: dp.vjp(f, 1.0)),
        ("jvp", lambda f: dp.jvp(f, (1.0,), (1.0,))),
        ("hvp", lambda f: dp.hvp(f, (1.0,), (1.0,))),
        ("checkpoint", lambda f: dp.checkpoint(f)),
        ("custom_gradient", lambda f: dp.custom_gradient(f)),
        ("compile", lambda f: dp.compile(f)),
    ],
)
def test_what_cannot_be_called_is_refused_at_once(name: str, call: Any, what: Any) -> None:
    with pytest.raises(TypeError, match=rf"{name} takes a function, got .*{name}\(f\)"):
        call(what)


@pytest.mark.parametrize("transform", [dp.grad, dp.value_and_grad, dp.jacobian, dp.hessian])
@pytest.mark.parametrize(
    ("argnums", "error", "words"),
    [
        (True, TypeError, "must be the position.*True"),
        ((0, False), TypeError, "must be the position.*False"),
        (1.0, TypeError, "must be the position.*1.0"),
        ("0", TypeError, "must be the position.*'0'"),
        (None, TypeError, "must be the position.*None"),
        ((0, None), TypeError, "must be the position"),
        (2, TypeError, "argument 2.*2 positional arguments"),
        ((0, -3), TypeError, "argument -3.*2 positional arguments"),
        ((0, 0), ValueError, "each argument once"),
        ((0, -2), ValueError, "each argument once"),
    ],
)
def test_argnums_that_do_not_fit(transform: Any, argnums: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=rf"{transform.__name__}: .*{words}"):
        transform(lambda x, y: x * y, argnums)(1.0, 2.0)


def test_argnums_of_numpy_and_none_at_all() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * y

    assert dp.grad(f, np.int64(1))(2.0, 3.0) == 2.0
    assert dp.grad(f, np.array([1, 0]))(2.0, 3.0) == (2.0, 3.0)
    assert dp.grad(f, [-1])(2.0, 3.0) == (2.0,)
    assert dp.grad(f, ())(2.0, 3.0) == ()


@pytest.mark.parametrize("returned", [3.0, None, (1.0,), (1.0, 2.0, 3.0), [1.0, 2.0]])
def test_a_result_that_is_no_pair_is_refused_with_has_aux(returned: Any) -> None:
    for transform in (dp.grad, dp.value_and_grad):
        with pytest.raises(TypeError, match=r"pair \(value, aux\).*got"):
            transform(lambda x: returned, has_aux=True)(1.0)
    with pytest.raises(TypeError, match=r"pair \(value, aux\).*got"):
        dp.vjp(lambda x: returned, 1.0, has_aux=True)


def test_what_a_function_returns_besides_may_be_anything() -> None:
    aux = {"note": "text", "n": 3, "none": None, "set": {1}}
    assert dp.grad(lambda x: (x * x, aux), has_aux=True)(1.0) == (2.0, aux)
    assert dp.vjp(lambda x: (x * x, aux), 1.0, has_aux=True)[2] == aux
    assert dp.vjp(lambda x: (x * x, aux), dp.Value(1.0), has_aux=True)[2] == aux


@pytest.mark.parametrize("returned", ["text", {1.0}, object(), range(2), b"x"])
def test_a_result_that_is_no_number_is_refused(returned: Any) -> None:
    for call in (
        lambda f: dp.vjp(f, 1.0),
        lambda f: dp.jvp(f, (1.0,), (1.0,)),
        lambda f: dp.jacobian(f)(1.0),
        lambda f: dp.grad(f)(1.0),
    ):
        with pytest.raises(TypeError, match="must return numbers and arrays"):
            call(lambda x: returned)
        with pytest.raises(TypeError, match="must return numbers and arrays"):
            call(lambda x: [x, returned])


def test_functions_that_return_nothing_or_lists() -> None:
    y, pullback = dp.vjp(lambda x: None, X)
    assert y is None
    close(pullback(None)[0], np.zeros(5))
    assert dp.jvp(lambda x: [], (1.0,), (1.0,)) == ([], [])
    assert dp.jacobian(lambda x: None)(1.0) is None
    assert dp.jacobian(lambda x: [x, [x * x, None]])(3.0) == [1.0, [6.0, None]]
    assert dp.checkpoint(lambda x: None)(dp.Value(1.0)) is None
    assert dp.custom_gradient(lambda x: (None, lambda g: 0.0))(dp.Value(1.0)) is None
    with pytest.raises(TypeError, match=r"one real number, but this function returned None"):
        dp.grad(lambda x: None)(1.0)
    with pytest.raises(TypeError, match=r"\[\*, \*\].*has_aux"):
        dp.grad(lambda x: [x, x])(1.0)
