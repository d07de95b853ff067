"""Numbers and formulas as text: of a value, of an operation, of a derivative rule.

The formula of a rule is not written a second time for display. A rule that runs on nodes records
what it computes, and this small graph, printed, is the formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..graph import REGISTRY, Node, raw, shape_of
from ..graph.node import SNAPSHOT, variable_of

# how Python's operators are written, and how tightly they bind
_INFIX = {"+": ("+", 1), "-": ("−", 1), "*": ("·", 2), "/": ("/", 2), "@": ("@", 2)}
_INFIX |= {"%": ("%", 2), "**": ("^", 4)}
_UNARY, _TIGHT = 3, 9
_COLUMNS = 6  # entries in a line

Term = tuple[str, int]  # a text, and how tightly its outermost operation binds


def number(x: Any) -> str:
    """Return a number with four significant digits and a typographic minus sign."""
    if isinstance(x, bool | np.bool_):
        return str(x)
    text = f"{x + 0:.4g}".replace("-", "−")  # + 0: a negative zero would only confuse the reader
    return f"({text})" if isinstance(x, complex) else text


def entries(data: Any) -> str:
    """Return all entries in brackets, like a nested list."""
    if np.ndim(data):
        return f"[{', '.join(entries(row) for row in data)}]"
    return number(np.asarray(data).item())


def rows(data: Any, most: int = 12) -> list[str]:
    """Return a value in a few lines: all entries if it is small, else range and mean."""
    size = np.size(data)
    if not size:
        return ["no entries"]
    wide = np.ndim(data) == 2 and np.shape(data)[1] > _COLUMNS
    if size > most or np.ndim(data) > 2 or wide:
        array = np.asarray(data)
        if array.dtype.kind == "c":
            return [f"largest |z| {number(np.abs(array).max())}"]
        return [f"{number(array.min())} … {number(array.max())}, mean {number(array.mean())}"]
    if np.ndim(data) == 0:
        return [entries(data)]
    texts = [number(x) for x in np.ravel(data).tolist()]
    n = min(np.shape(data)[-1], _COLUMNS)
    table = [texts[i : i + n] for i in range(0, size, n)]
    widths = [max(len(line[k]) for line in table if k < len(line)) for k in range(n)]
    lines = [", ".join(map(str.rjust, line, widths)) for line in table]
    start, between, end = ("[", ",\n ", "]") if np.ndim(data) == 1 else ("[[", "],\n [", "]]")
    return (start + between.join(lines) + end).split("\n")


def summary(data: Any, most: int = 12) -> str:
    """Return a value in one line."""
    lines = rows(data, most)
    return lines[0] if len(lines) == 1 else entries(data)


def brief(data: Any) -> str:
    """Return a value within a formula: its entries, or its shape if there are many."""
    if np.size(data) <= 12 and np.ndim(data) <= 2:
        return entries(data)
    return f"({'×'.join(map(str, np.shape(data)))})"


def applied(name: str, args: list[Term], params: dict[str, Any] | None = None) -> Term:
    """Return the text of an operation, given the texts of its operands."""
    texts = [text for text, _ in args]
    symbol = getattr(REGISTRY.get(name), "symbol", "")
    if symbol and len(args) == 2:
        sign, binds = _INFIX[symbol]
        left, right = _tight(args[0], binds), _tight(args[1], binds + 1)
        right = f"({right})" if right.startswith("−") else right
        return f"{left}{sign}{right}" if sign == "^" else f"{left} {sign} {right}", binds
    if symbol:
        return f"−{_tight(args[0], _UNARY + 1)}", _UNARY
    if name == "affine":
        return applied("add", [applied("matmul", args[:2]), args[2]])
    params = params or {}
    axes = params.get("axes")
    if name == "transpose" and list(axes or ()) == [1, 0]:
        return f"{_tight(args[0], _TIGHT)}ᵀ", _TIGHT
    if name == "getitem":
        return f"{_tight(args[0], _TIGHT)}[{_index(params['index'])}]", _TIGHT
    shown = [
        f"{k}={v}"
        for k, v in params.items()
        if isinstance(v, str | int | float | tuple) and len(str(v)) <= 24
        if v is not False and k != "dtype"
    ]
    return f"{name}({', '.join(texts + shown)})", _TIGHT


def _tight(term: Term, binds: int) -> str:
    text, mine = term
    return text if mine >= binds else f"({text})"


def _index(index: Any) -> str:
    def one(i: Any) -> str:
        if isinstance(i, slice):
            ends = ["" if e is None else str(e) for e in (i.start, i.stop)]
            return ":".join([*ends, str(i.step)] if i.step else ends)
        many = np.size(i) > 6
        return "…" if i is Ellipsis else "indices" if many else str(np.asarray(i).tolist())

    return ", ".join(map(one, index if isinstance(index, tuple) else (index,)))


def term(text: str) -> Term:
    """A name or a number, as an operand."""
    return text, _UNARY if text.startswith("−") else _TIGHT


def key(x: Any) -> int:
    """Return the key of a node or an array in a table of texts."""
    # serial numbers are 0 and below, the ids of objects above
    return variable_of(x).serial if isinstance(x, Node) else id(x)


def formula(x: Any, known: Mapping[int, str]) -> Term:
    """Return the formula of `x`, down to the nodes that `known` has a text for, by `key`."""
    if key(x) in known:
        return term(known[key(x)])
    if not isinstance(x, Node) or x.op is None:
        return term(brief(raw(x)))
    if x.op is SNAPSHOT:
        return formula(x.first, known)
    name, args = x.op.name, list(x.args)
    if x.op.silent:
        return formula(args[0], known)
    if name == "where" and (np.all(raw(args[0])) or not np.any(raw(args[0]))):
        return formula(args[1] if np.all(raw(args[0])) else args[2], known)
    ones = getattr(x.op, "ones", ())  # a factor, exponent or divisor of one
    rest = [
        a for i, a in enumerate(args) if not (i in ones and isinstance(a, float | int) and a == 1)
    ]
    if ones and len(rest) == 1:
        return formula(rest[0], known)
    terms = [formula(a, known) for a in args]
    if name == "restrict":
        mask = (x.params or {})["mask"]
        return applied("multiply", [*terms, term("mask" if np.ndim(mask) else str(int(mask)))])
    if name == "sum_to":  # what undoes broadcasting, mostly along the leading axes
        shape, whole = np.shape(x._held), shape_of(args[0])
        lead = tuple(range(len(whole) - len(shape)))
        if not shape or whole[len(lead) :] == shape:
            axis = {"axis": lead[0] if len(lead) == 1 else lead} if shape else {}
            return applied("sum", terms, axis)
    return applied(name, terms, x.params)


def operations(x: Any, known: Mapping[int, str]) -> int:
    """Return the number of operations that `formula` would write."""
    total, stack = 0, [x]
    while stack and total < 100:
        x = stack.pop()
        if isinstance(x, Node) and x.op is not None and key(x) not in known:
            total += x.op is not SNAPSHOT and not x.op.silent
            stack += [x.first] if x.op is SNAPSHOT else x.args
    return total
