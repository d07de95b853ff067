"""Code written for micrograd runs with only the import changed, and its numbers are right.

The two programs use what micrograd's `Value` offers, and nothing else: arithmetic with
numbers on either side, powers, relu, shared parts. Their derivatives were worked out in
exact fractions, and PyTorch's tensors run the same code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deltaprop import Value


def one_input(a: Any, b: Any) -> Any:
    """Fan-out, relu on both sides of 0, a part used three times."""
    doubled = 2 * a + 3 + a
    gated = doubled.relu() + a * doubled
    squared = (doubled * doubled).relu()
    return gated * a + gated + squared + 0 * b


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


NUMBERS = [
    (one_input, (-4.0, 2.0), -27.0, (45.0, 0.0)),
    (one_input, (0.5, 0.25), 243 / 8, (47.25, 0.0)),
    (
        two_inputs,
        (-4.0, 2.0),
        1045323205867209 / 373651880120,
        (-432.50624646659463, 6304.928038229537),
    ),
    (
        two_inputs,
        (0.5, 0.25),
        -6814968601 / 2302840320,
        (-94.20009348372952, -97.7755094322351),
    ),
]


@pytest.mark.parametrize(("program", "inputs", "result", "slopes"), NUMBERS)
def test_programs(program: Callable[..., Any], inputs: Any, result: float, slopes: Any) -> None:
    values = [Value(x) for x in inputs]
    y = program(*values)
    y.backward()
    assert y.data == pytest.approx(result, rel=1e-13)
    assert [v.grad for v in values] == pytest.approx(list(slopes), rel=1e-13)
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in inputs]
    program(*tensors).backward()
    theirs = [t.grad.item() for t in tensors]
    assert theirs == pytest.approx([v.grad for v in values], rel=1e-12)


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
    assert [w.data, b.data] == pytest.approx([3.0, -1.0])


def test_a_second_backward_adds_the_same_again() -> None:
    """micrograd gives 324 here: it never clears the gradients inside the graph."""
    x = Value(3.0)
    y = x**2
    z = y * y
    z.backward()
    assert x.grad == 108.0
    z.backward()
    assert x.grad == 216.0
