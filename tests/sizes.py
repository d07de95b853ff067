"""How many lines of code each part of the package has: a number that may only fall.

    python -m tests.sizes

Blank lines, comments and docstrings do not count. `tests/test_house.py` says how many lines a
part may have.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "deltaprop"
# whose rows are sums: the floors of the house, from the ground up
FLOORS = {
    "core": ("graph", "calculus", "value", "numpy", "transforms"),
    "engine": ("engine",),
    "school": ("nn", "optim", "deltas", "training"),
    "annexes": ("functions", "xla", "testing", "viz", "bridges"),
}
# files and folders that are no part by their name
_PARTS = {
    "value.py": "value", "protocols.py": "value", "data.py": "value", "options.py": "value",
    "habits.py": "value", "tables.py": "value", "versions.py": "value", "__main__.py": "value",
    "extras.py": "value", "state.py": "value", "__init__.py": "value",
    "files.py": "training", "tree.py": "transforms", "custom.py": "transforms",
    "batching.py": "transforms",
    "calculus/special.py": "functions", "calculus/linalg.py": "functions",
    "calculus/factorisations.py": "functions", "calculus/fft.py": "functions",
    "calculus/samples.py": "functions", "numpy/special.py": "functions",
    "numpy/linalg.py": "functions", "numpy/fft.py": "functions",
    "compiler/xla_executor.py": "xla", "compiler/lowering.py": "xla",
    "compiler/sharding.py": "xla", "compiler": "engine",
    "sklearn": "bridges", "scipy.py": "bridges", "onnx.py": "bridges", "torch.py": "bridges",
}  # fmt: skip
_NOTHING = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENCODING, tokenize.ENDMARKER,
}  # fmt: skip


def code_lines(source: str) -> int:
    """How many lines of a module are code.

    Examples
    --------
    >>> code_lines('"What it is."\\n\\n# why\\nx = (\\n    1  # one\\n)\\n')
    3
    """
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NOTHING:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        text = node.value if isinstance(node, ast.Expr) else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            lines.difference_update(range(text.lineno, (text.end_lineno or 0) + 1))
    return len(lines)


def part_of(path: Path) -> str:
    """The part of the package that a file belongs to."""
    name = path.relative_to(SOURCE).as_posix()
    top = name.split("/")[0]
    return _PARTS.get(name) or _PARTS.get(top) or top.removesuffix(".py")


def sizes() -> dict[str, int]:
    """The code lines of each part, of each floor, and of everything."""
    parts: Counter[str] = Counter()
    for path in sorted(SOURCE.rglob("*.py")):
        parts[part_of(path)] += code_lines(path.read_text("utf-8"))
    whole = {floor: sum(parts[part] for part in names) for floor, names in FLOORS.items()}
    known = {part: parts[part] for names in FLOORS.values() for part in names}
    assert known.keys() == parts.keys(), f"no floor has {parts.keys() - known.keys()}"
    return {**known, **whole, "everything": sum(parts.values())}


def main() -> None:
    found = sizes()
    for floor, names in FLOORS.items():
        print(f"{floor:<16}{found[floor]:>8,}")
        for name in names if len(names) > 1 else ():
            print(f"    {name:<12}{found[name]:>8,}")
    print(f"{'everything':<16}{found['everything']:>8,}")


if __name__ == "__main__":
    main()
