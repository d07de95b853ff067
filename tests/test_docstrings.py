"""Everything public says what it is; formulas and examples of operations are true."""

from __future__ import annotations

import doctest
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
    said = re.search(r"The (?:derivative|gradient)s? .*?(?:is|are) (.*?)\.(?= |$)", text)
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


# functions with a formula of numbers, and what they are called with
X = np.array([-1.5, 0.25, 2.0, 0.75])
CALLS = {
    "elu": {"x": X, "alpha": np.array(0.5)},
    "gelu": {"x": X},
    "leaky_relu": {"x": X, "slope": np.array(0.1)},
    "ndtr": {"x": X},
    "mean": {"x": X},
    "std": {"x": X},
    "var": {"x": X},
}


@pytest.mark.parametrize("name", CALLS)
def test_each_formula_of_a_function_is_the_derivative(name: str) -> None:
    function = getattr(dnp, name, None) or getattr(dnp.special, name)
    values = [dp.Value(x) for x in CALLS[name].values()]
    dnp.sum(function(*values)).backward()
    known = vars(dnp) | vars(dnp.special) | CALLS[name] | {"pi": pi, "n": X.size}
    for code, value in zip(formulas(function), values, strict=True):
        expected = np.broadcast_to(eval(code, known), X.shape)
        np.testing.assert_allclose(
            expected if value.shape else expected.sum(), value.grad, rtol=1e-12
        )


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_composed_example_runs(name: str) -> None:
    said: list[str] = []
    text = OPERATIONS[name].__doc__ or ""
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    assert runner.run(test, out=said.append).failed == 0, "".join(said)
    assert test.examples
