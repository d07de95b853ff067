"""Tables as HTML, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any


def html(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table; names that look like HTML are shown as they are.

    Examples
    --------
    >>> html("run <1>", ["loss"], [[0.25]])
    '<table><caption>run &lt;1&gt;</caption><tr><th>loss</th></tr><tr><td>0.25</td></tr></table>'
    """

    def row(cells: Iterable[Any], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell(x))}</{tag}>" for x in cells) + "</tr>"

    body = "".join([row(header, "th"), *(row(cells, "td") for cells in rows)])
    return f"<table><caption>{escape(title)}</caption>{body}</table>"


def cell(x: Any) -> str:
    """Return an entry in a few characters."""
    return "-" if x is None else f"{x:.4g}" if isinstance(x, float) else str(x)
