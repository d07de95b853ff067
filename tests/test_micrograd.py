"""Code written for micrograd runs with only the import changed, and its numbers are right.

The two programs below use what micrograd's `Value` offers, and nothing else: arithmetic
with numbers on either side, powers, relu, shared parts. Each runs on our Values, on
PyTorch's tensors, and on exact fractions.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from deltaprop import Value


class Exact:
    """A fraction and its exact derivatives in two inputs."""

    def __init__(self, value: Any, slopes: Any = (0, 0)) -> None:
        self.value = Fraction(value)
        self.slopes = tuple(map(Fraction, slopes))

    def _with(self, other: Any, value: Any, left: Any, right: Any) -> Exact:
        pairs = zip(self.slopes, other.slopes, strict=True)
        return Exact(value, [left * a + right * b for a, b in pairs])

    def __add__(self, other: Any) -> Exact:
        other = other if isinstance(other, Exact) else Exact(other)
        return self._with(other, self.value + other.value, 1, 1)

    def __mul__(self, other: Any) -> Exact:
        other = other if isinstance(other, Exact) else Exact(other)
        return self._with(other, self.value * other.value, other.value, self.value)

    def __pow__(self, n: int) -> Exact:
        return self._with(self, self.value**n, n * self.value ** (n - 1), 0)

    def relu(self) -> Exact:
        return self * int(self.value > 0)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Exact:
        return self * -1

    def __sub__(self, other: Any) -> Exact:
        return self + -other

    def __rsub__(self, other: Any) -> Exact:
        return -self + other

    def __truediv__(self, other: Any) -> Exact:
        other = other if isinstance(other, Exact) else Exact(other)
        return self * other**-1

    def __rtruediv__(self, other: Any) -> Exact:
        return self**-1 * other


def one_input(a: Any, _b: Any) -> Any:
    """Fan-out, relu on both sides of 0, a part used three times."""
    doubled = 2 * a + 3 + a
    gated = doubled.relu() + a * doubled
    squared = (doubled * doubled).relu()
    return gated * a + gated + squared


def two_inputs(a: Any, b: Any) -> Any:
    """Every operator, in place and reflected."""
    c = a - b
    d = a * b - b**3
    c += c + 2
    c = c + 1 - c * a
    d += d * 2 + (a + b).relu()
    d = d + 3 * d - (b - a).relu() / 4
    e = 5 / (c - d)
    f = e**2 + -d
    g = f / 2.0 + 10.0 / f
    return g * e**-1


PROGRAMS = [one_input, two_inputs]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(("a", "b"), [(-4.0, 2.0), (3.0, -1.5), (0.5, 0.25)])
def test_the_derivatives_are_the_exact_ones(program: Callable[..., Any], a: float, b: float) -> None:
    x, y = Value(a), Value(b)
    result = program(x, y)
    result.backward()
    want = program(Exact(a, (1, 0)), Exact(b, (0, 1)))
    assert result.data == pytest.approx(float(want.value), rel=1e-12)
    assert x.grad == pytest.approx(float(want.slopes[0]), rel=1e-12)
    assert (y.grad or 0.0) == pytest.approx(float(want.slopes[1]), rel=1e-12)


@pytest.mark.parametrize("program", PROGRAMS)
def test_and_those_of_torch(program: Callable[..., Any]) -> None:
    torch = pytest.importorskip("torch")
    ours = [Value(-4.0), Value(2.0)]
    theirs = [torch.tensor(v.data, dtype=torch.float64, requires_grad=True) for v in ours]
    found, want = program(*ours), program(*theirs)
    found.backward()
    want.backward()
    assert found.data == pytest.approx(want.item(), rel=1e-12)
    for v, t in zip(ours, theirs, strict=True):
        assert (v.grad or 0.0) == pytest.approx(0.0 if t.grad is None else t.grad.item(), rel=1e-12)


def test_known_numbers() -> None:
    """x = -4 in one_input, by hand: doubled -9, gated 36, squared 81, result -27."""
    x = Value(-4.0)
    y = one_input(x, None)
    y.backward()
    assert (y.data, x.grad) == (-27.0, 45.0)


def test_a_training_loop_as_micrograd_users_write_it() -> None:
    w, b = Value(0.0), Value(0.0)
    for _ in range(200):
        errors = [(w * x + b - (3 * x - 1)) ** 2 for x in (-1.0, 0.0, 2.0)]
        loss = sum(errors) * (1.0 / len(errors))
        for p in (w, b):
            p.grad = 0
        loss.backward()
        for p in (w, b):
            p.data -= 0.2 * p.grad
    assert w.data == pytest.approx(3.0)
    assert b.data == pytest.approx(-1.0)


def test_a_second_backward_adds_the_same_again() -> None:
    """micrograd gives 324 here: it never clears the gradients inside the graph."""
    x = Value(3.0)
    y = x**2
    z = y * y
    z.backward()
    assert x.grad == 108.0
    z.backward()
    assert x.grad == 216.0
