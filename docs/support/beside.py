"""Tables of corresponding code: a row is run in both libraries before it is shown.

Both cells are code, and what their last lines are must be the same numbers. A row of statements
has no number to compare: there both must just run. Where the other library is not
installed, its side is shown untried, and the table says so.
"""

import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np


def table(package: str, title: str, setups: tuple[str, str], rows: Sequence[Sequence[str]]) -> str:
    """Return the table in Markdown; raise if a row does not hold.

    The setups are code that runs before every cell, theirs and ours. A row is their code, ours,
    and perhaps a remark.
    """
    installed = find_spec(package) is not None
    lines = ["::::{list-table}", ":header-rows: 1", ":widths: 40 40 20", ":class: beside", ""]
    lines += [f"* - {title}", "  - deltaprop", "  - "]
    for theirs, ours, *remark in rows:
        found = run(setups[1], ours)
        if installed and not same(expected := run(setups[0], theirs), found):
            raise AssertionError(f"{theirs}\ngives {expected}, but\n{ours}\ngives {found}")
        lines += [*cell("* - ", theirs), *cell("  - ", ours), f"  - {' '.join(remark)}"]
    tried = f"Each row was run in {title} and in deltaprop when this page was built, with equal"
    untried = f"{title} was not installed when this page was built: only deltaprop's side was run."
    return "\n".join([*lines, "::::", "", f"*{f'{tried} results.' if installed else untried}*"])


def cell(bullet: str, code: str) -> list[str]:
    """Return the lines of a cell of a list-table that shows code, except a closing None."""
    shown = ["```python", *code.removesuffix("\nNone").split("\n"), "```"]
    return [f"{bullet if i == 0 else '    '}{line}" for i, line in enumerate(shown)]


def run(setup: str, code: str) -> Any:
    """Run the code; return what its last line is, None if that is a statement."""
    with warnings.catch_warnings(action="ignore"):
        return _run(setup, code)


def _run(setup: str, code: str) -> Any:
    names: dict[str, Any] = {}
    exec(setup, names)
    *statements, last = code.split("\n")
    exec("\n".join(statements), names)
    try:
        expression = compile(last, "the table", "eval")
    except SyntaxError:
        exec(last, names)
        return None
    return eval(expression, names)


def same(a: Any, b: Any) -> bool:
    """Say whether two results are the same numbers, or both are none."""
    if a is None or b is None:
        return a is b
    a, b = numbers(a), numbers(b)
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-5, atol=1e-6)


def numbers(x: Any) -> np.ndarray:
    """Return all numbers of arrays, tensors, Values and nests of them, in a row."""
    if isinstance(x, Mapping):
        x = [x[key] for key in sorted(x)]
    if isinstance(x, tuple | list):
        return np.concatenate([[], *map(numbers, x)])
    for method in ("detach", "numpy"):  # of a PyTorch tensor, or of a Value
        x = getattr(x, method, lambda x=x: x)()
    if not isinstance(x, np.ndarray | np.generic):
        x = getattr(x, "data", x)  # of MyGrad's tensor, of micrograd's Value
    return np.ravel(np.asarray(x, complex))
