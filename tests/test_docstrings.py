"""Everything public says what it is; formulas and examples of operations are true."""

from __future__ import annotations

import doctest
import operator
import re
from math import pi
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop.graph import Elementwise

from .docstrings import ENTRY, METHODS, in_reference, methods, missing, unique, walked

OPERATIONS = {e.thing.name: e.thing for e in unique() if isinstance(e.thing, Elementwise)}
SMOOTH = [name for name, op in OPERATIONS.items() if set(op.partials) != {None}]
# how much of what is public may lack it
ALLOWED = {
    "a docstring of its own": 0.05,
    METHODS: 0.05,
    "Parameters": 0.05,
    "Returns": 0.05,
    "Examples": 0.1,
    ENTRY: 0.0,
}


def test_everything_public_is_documented() -> None:
    every = {ENTRY: len(list(walked())), METHODS: len(methods())}
    for what, names in missing(in_reference()).items():
        assert len(names) <= ALLOWED[what] * every.get(what, len(unique())), (what, names)


def formulas(function: Any) -> list[str]:
    """The derivatives of a function, as its docstring says them."""
    text = " ".join((function.__doc__ or "").partition("Parameters\n")[0].split())
    said = re.search(
        r"[Tt]he (?:derivative|gradient)s? .*?(?:is|are) (.*?)(?:, where.*|, with.*)?\.(?= |$)",
        text,
    )
    return re.findall("``(.*?)``", said[1]) if said else []


@pytest.mark.parametrize("name", SMOOTH)
def test_each_formula_is_the_derivative(name: str) -> None:
    operation, rng = OPERATIONS[name], np.random.default_rng(0)
    lows = [max(domain.low, -3.0) for domain in operation.domain]
    xs = [
        rng.uniform(low, min(low + 6.0, domain.high), 20)
        for low, domain in zip(lows, operation.domain, strict=True)
    ]
    moving = [p is not None for p in operation.partials]
    values = [dp.Value(x) if m else x for x, m in zip(xs, moving, strict=True)]
    operation(*values).sum().backward()
    known = vars(dnp) | vars(dnp.special) | {"pi": pi}
    known |= dict(zip(operation.operands, xs, strict=True))
    said = [np.full(20, eval(code, known)) for code in formulas(operation)]
    found = [value.grad for value in values if isinstance(value, dp.Value)]
    np.testing.assert_allclose(said, found, rtol=1e-9, atol=1e-12)


X, Y = np.array([-1.5, 0.25, 2.0]), np.array([0.5, 1.0, -2.0])
A, B = np.array([[2.0, 1.0, 0.5], [0.3, 3.0, -1.0], [1.0, 0.0, 1.5]]), np.diag(X) + 1.0
# functions with a formula, and what they are called with
CALLS = {
    "conj": {"x": X + 1j * Y},
    "cross": {"a": X, "b": Y},
    "dot": {"a": X, "b": Y},
    "elu": {"x": X, "alpha": np.array(0.5)},
    "gelu": {"x": X},
    "leaky_relu": {"x": X, "slope": np.array(0.1)},
    "linalg.det": {"a": A},
    "linalg.inv": {"a": A},
    "linalg.norm": {"x": X},
    "linalg.vector_norm": {"x": X},
    "log_softmax": {"x": X},
    "matmul": {"a": A, "b": B},
    "matvec": {"x1": A, "x2": X},
    "mean": {"x": X},
    "outer": {"a": X, "b": Y},
    "softmax": {"x": X},
    "special.ndtr": {"x": X},
    "std": {"x": X},
    "var": {"x": X},
    "vdot": {"a": X, "b": Y},
    "vecdot": {"a": X, "b": Y},
    "vecmat": {"x1": X, "x2": A},
}


@pytest.mark.parametrize("name", CALLS)
def test_each_formula_of_a_function_is_its_gradient(name: str) -> None:
    function, given = operator.attrgetter(name)(dnp), CALLS[name]
    values = [dp.Value(x) for x in given.values()]
    y = function(*values)
    codes = formulas(function)
    assert len(codes) == len(values)
    known = vars(dnp) | vars(dnp.special) | vars(dnp.linalg) | given
    cotangent = np.cos(np.arange(y.size)).reshape(y.shape).astype(y.dtype)
    g = cotangent if "``g``" in function.__doc__ else np.ones(y.shape)
    known |= {"g": g, "n": X.size, "pi": pi, "y": y.data}
    y.backward(g)
    for code, value in zip(codes, values, strict=True):
        expected = np.broadcast_to(eval(code, known), X.shape if not value.shape else value.shape)
        expected = expected if value.shape else expected.sum()
        np.testing.assert_allclose(value.grad, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_composed_example_runs(name: str) -> None:
    said: list[str] = []
    text = OPERATIONS[name].__doc__ or ""
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    assert runner.run(test, out=said.append).failed == 0, "".join(said)
    assert test.examples
