"""Random expressions: against PyTorch and differences, as code, and how they shrink."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

import deltaprop.numpy as dnp
from deltaprop import Value
from deltaprop.graph import REGISTRY, Elementwise, Masked, Primitive, topological_order
from deltaprop.testing import expressions as module
from deltaprop.testing.expressions import Expression, Term, index_code
from deltaprop.testing.strategies import expressions, indices

from . import many

Case = tuple[Expression, Sequence[Any]]


def used(f: Expression, xs: Sequence[Any]) -> list[Primitive]:
    """The operations that a graph of the expression records."""
    y = f(*map(Value, xs))
    return [node.op for node in topological_order(y) if node.op is not None]


@given(expressions())
def test_pytorch_and_differences_agree(case: Case) -> None:
    assert many.mismatches(*case) == []


@given(expressions())
def test_an_expression_is_its_own_code(case: Case) -> None:
    f, xs = case
    scope: dict[str, Any] = {"dnp": dnp}
    text = repr(f)
    exec(text if text.startswith("def") else f"f = {text}", scope)
    np.testing.assert_array_equal(scope["f"](*xs), f(*xs))
    assert np.all(np.abs(f(*xs)) < 1e4)
    assert len(xs) == repr(f).split(":")[0].count("x")
    np.testing.assert_allclose(f(*map(Value, xs)).numpy(), f(*xs), rtol=1e-12)


def test_code_has_the_brackets_it_needs_and_no_more() -> None:
    x = Term("", (), 1.0)
    total = Term("{} + {}", (x, x), 2.0)
    assert repr(Expression(Term("{} * {}", (total, x), 2.0))) == "lambda x0: (x0 + x0) * x0"
    assert repr(Expression(Term("dnp.sin({})", (total,), 2.0))) == "lambda x0: dnp.sin(x0 + x0)"
    assert repr(Expression(Term("-{}", (Term("{}[0]", (x,), 1.0),), 1.0))) == "lambda x0: -x0[0]"
    shared = Term("{} - {}", (total, Term("-{}", (total,), 1.0)), 1.0)
    assert repr(Expression(shared)).splitlines() == [
        "def f(x0):",
        "    y0 = x0 + x0",
        "    return y0 - (-y0)",
    ]


@given(st.data())
def test_indices_are_written_as_they_are(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([(), (3,), (2, 3), (2, 1, 3)]))
    index = data.draw(indices(shape))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    np.testing.assert_array_equal(eval(f"x[{index_code(index)}]"), x[index])


def test_the_whole_table_takes_part() -> None:
    """Every elementwise operation is offered; a sample uses every family, and shares."""
    offered = set(module.elementwise_names())
    table = {
        name
        for name, op in REGISTRY.items()
        if isinstance(op, Elementwise) and set(op.partials) != {None} and hasattr(dnp, name)
    }
    assert offered == table
    found: Counter[str] = Counter()

    def visit(f: Expression, xs: Sequence[Any]) -> None:
        found.update({str(op) for op in used(f, xs)})
        found["shared"] += repr(f).startswith("def")

    many.generate(150, 0, visit)
    families = ["sum", "getitem", "matmul", "einsum", "reshape", "transpose", "concatenate"]
    assert all(found[name] > 1 for name in ["shared", "multiply", *families]), found
    assert len(set(found) & offered) > len(offered) / 3, sorted(found)


# -- planted bugs -------------------------------------------------------------------------

SEARCH = settings(
    max_examples=500,
    phases=[Phase.generate, Phase.shrink],
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def doubled(rule: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(*args: Any, **params: Any) -> Any:
        c = rule(*args, **params)
        return Masked(2 * c.values, c.mask) if isinstance(c, Masked) else 2 * c

    return wrong


@pytest.mark.parametrize("name", ["tanh", "matmul", "cumsum"])
def test_a_planted_bug_shrinks_to_a_few_nodes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    op: Any = REGISTRY[name]
    if name == "tanh":
        monkeypatch.setattr(op, "partials", tuple(map(doubled, op.partials)))
    elif name == "matmul":
        monkeypatch.setattr(op, "transposes", (op.transposes[0], doubled(op.transposes[1])))
    else:
        monkeypatch.setattr(op, "transpose", doubled(op.transpose))

    def is_wrong(case: Case) -> bool:
        return op in used(*case) and many.mismatches(*case, differences=False) != []

    f, xs = find(expressions(), is_wrong, settings=SEARCH)
    assert len(used(f, xs)) <= 6, repr(f)
    assert sum(map(np.size, xs)) <= 12, xs
