"""Values and derivatives of elementwise functions over all floating-point numbers: a sample.

`python -m tests.accuracy` asks at many more points, and writes the list of exceptions.
"""

from __future__ import annotations

import math

import pytest
from mpmath import mpf, workprec

from .accuracy import LIMIT, TRUTHS, holds, parts, ulps
from .accuracy_exceptions import EXCEPTIONS
from .test_rules import SMOOTH

# right by construction: no arithmetic, or one operation of others in the table
NO_ARITHMETIC = {
    "ceil", "clip", "floor", "floor_divide", "fmax", "fmin", "heaviside", "imag", "maximum",
    "minimum", "nextafter", "real", "rint", "sign", "trunc", "where",
}  # fmt: skip
# losses and SciPy's functions, whose accuracy is not the table's own; what ends a p-norm
ELSEWHERE = {
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "relative_entropy",
    "root_of_power",
}  # fmt: skip


@pytest.mark.parametrize("name", TRUTHS)
def test_accuracy(name: str) -> None:
    holds(name, 16)


def test_every_function_has_a_truth() -> None:
    known = {name.split()[0] for name in TRUTHS}
    special = {name for name in SMOOTH if name in special_functions()}
    missing = set(SMOOTH) - known - NO_ARITHMETIC - ELSEWHERE - special
    assert not missing, f"no formula for mpmath in tests/accuracy.py for {sorted(missing)}"


def special_functions() -> set[str]:
    """What SciPy computes; its tests compare it with mpmath where it is used."""
    from deltaprop.calculus import special

    return {op.name for op in SMOOTH.values() if op in vars(special).values()}


def test_exceptions_are_of_functions_that_exist() -> None:
    known = {(name, part) for name, truth in TRUTHS.items() for part in parts(truth)}
    assert set(EXCEPTIONS) <= known
    assert all(allowed > LIMIT and reason for allowed, reason in EXCEPTIONS.values())


@workprec(200)
def test_an_error_is_measured_in_units_of_the_last_place() -> None:
    assert ulps(1.0, mpf(1)) == 0
    assert ulps(1.0 + 2.0**-52, mpf(1)) == 1
    assert ulps(1.0, mpf(1) + mpf(2) ** -54) == 0.25
    assert ulps(math.nan, mpf(1)) == math.inf
    assert ulps(1e-300, mpf(0)) == math.inf
