"""What algebra proves of the elementwise table, and that it notices what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sympy

from .mutation.mutants import generate
from .symbolic import BY_NUMBERS, FORMULAS, cases, exact, page, provable, prove, unproven

OPERATIONS = {op.name: op for op in provable()}
REGIONS = {
    "cbrt", "copysign", "elu", "erfcinv", "erfcx", "erfinv", "kl_div", "leaky_relu", "ndtri",
    "rel_entr", "relu", "rgamma", "sign", "sinc",
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_partial_is_proven_as_far_as_the_page_says(name: str) -> None:
    expected = (
        "by numbers" if name in BY_NUMBERS else "on a region" if name in REGIONS else "everywhere"
    )
    assert prove(OPERATIONS[name]).where == expected


def test_every_operation_has_a_formula_or_a_reason() -> None:
    assert set(OPERATIONS) <= set(FORMULAS) | set(BY_NUMBERS)
    assert set(BY_NUMBERS) <= set(OPERATIONS)


def test_a_rule_is_run_once_for_each_answer_to_its_questions() -> None:
    x = sympy.Symbol("x", real=True)
    found = {str(result) for _, result in cases(OPERATIONS["sinc"].partials[0], [x, x])}
    assert len(found) == 2


def test_floats_stand_for_exact_numbers() -> None:
    x = sympy.Symbol("x")
    assert exact(0.6931471805599453 * x + 0.25) == sympy.log(2) * x + sympy.Rational(1, 4)


# without guards of singular points, of which algebra says nothing
PLAIN = [
    "multiply", "divide", "reciprocal", "square", "sqrt", "tan", "tanh", "arctan", "arcsin",
    "arccosh", "arctanh", "arctan2", "sigmoid", "logistic", "silu", "mish", "gamma", "log2",
    "exp2", "hypot", "logit", "entr", "root",
]  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_algebra_refutes_every_broken_partial(name: str) -> None:
    for mutant in generate([name]):
        if "partial" in mutant.name and "unneeded" not in mutant.name:
            with mutant.alive():
                assert not proven(name), mutant.name


def proven(name: str) -> bool:
    op = OPERATIONS[name]
    xs = [sympy.Symbol(n, real=True) for n in "xy"[: len(op.partials)]]
    try:
        return all(unproven(op, i, xs) == [] for i in range(len(xs)))
    except (TypeError, KeyError, RecursionError):  # what is no formula at all
        return False


def test_the_page_lists_every_operation_once(monkeypatch: Any) -> None:
    some = ["multiply", "relu", "floor"]
    monkeypatch.setattr("tests.symbolic.provable", lambda: [OPERATIONS[n] for n in some])
    text = page()
    assert [text.count(f"`{n}`") for n in some] == [1, 1, 1]
    assert all(where in text for where in ("everywhere: 1", "on a region: x > 0; x < 0", "a step"))


def test_the_readme_counts_what_is_proven() -> None:
    proven, rules = len(OPERATIONS) - len(BY_NUMBERS), len(OPERATIONS)
    readme = " ".join((Path(__file__).parents[1] / "README.md").read_text("utf-8").split())
    assert f"proves {proven} of the {rules} derivative rules" in readme
    assert f"The other {len(BY_NUMBERS)} are" in readme
