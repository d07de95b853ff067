"""Drawings: a graph as SVG, or as an indented tree in a terminal."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from ..files import replacing
from ..graph import Node
from ..graph.node import variable_of
from ..habits import explained
from ..options import brief, whole
from .layout import GAP_X, layered
from .picture import Box, Picture

_CHARACTER, _LINE, _PAD, _MARGIN = 7.4, 16, 8, 12
_TREE_LINES = 200
_FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SHOWN_BY_ITSELF = 60  # nodes: a larger graph is drawn only by `draw`


@cache
def asset(name: str) -> str:
    """Return the text of a file in this folder."""
    return (files(__package__) / name).read_text(encoding="utf-8")


@explained
def draw(
    value: Node,
    depth: int | None = None,
    *,
    at: str | None = None,
    model: Any = None,
    fold: Collection[str] = (),
    open: bool | Collection[str] = (),
) -> Drawing:
    """Draw the graph that computed a Value.

    Parameters
    ----------
    value : Value
        The result whose graph is drawn.
    depth : int, optional
        How many operations back the picture goes.
    at : str, optional
        The name of a Value, yours or one like v12 from a drawing: draw only what was computed
        for this Value.
    model : nn.Module, optional
        Each of its dense layers becomes one box, with parts named W1, b1, Z1, A1, ...
    fold : collection of str
        Names of Values; each becomes one box that includes everything needed for it alone.
    open : collection of str, or True
        Layers of the model (as in "layers.0") to show in full; True: all of them.

    Returns
    -------
    Drawing
        Jupyter shows it; `.svg` is its text, `.save(path)` writes a file, and `str()` returns an
        indented tree.

    Examples
    --------
    >>> import deltaprop as dp
    >>> a, b = dp.Value(2.0, name="a"), dp.Value(-3.0, name="b")
    >>> c = a * b + a
    >>> c.backward()
    >>> print(dp.draw(c))
    v2 = v1 + a  data −4  grad 1
    ├─ v1 = a · b  data −6  grad 1
    │  ├─ a  data 2  grad −2
    │  └─ b  data −3  grad 2
    └─ a (above)
    """
    if not isinstance(value, Node):
        raise TypeError(f"draw takes a Value, not {brief(value)}: write draw(loss)")
    if depth is not None:
        whole("depth", depth, 0)
    return Drawing(Picture(value, at=at, depth=depth, model=model, fold=fold, open=open))


class Drawing:
    """A picture of a graph, see `draw`.

    Parameters
    ----------
    picture : Picture
        What `draw` has laid out.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value(2.0, name="x")
    >>> drawing = dp.draw(x * x)
    >>> type(drawing).__name__
    'Drawing'
    """

    def __init__(self, picture: Picture) -> None:
        self.picture = picture

    @property
    def svg(self) -> str:
        """The picture as an SVG document."""
        return svg(self.picture, style=True)

    def save(self, path: str | Path) -> None:
        """Write the SVG to a file."""
        with replacing(Path(path)) as file:
            file.write(self.svg.encode())

    def __str__(self) -> str:
        return "\n".join(_tree(self.picture.boxes))

    def __repr__(self) -> str:
        return f"<drawing of {len(self.picture.boxes)} boxes: .svg, .save(path), print()>"

    def _repr_mimebundle_(self, **_formats: Any) -> dict[str, str]:
        return {"image/svg+xml": _fitting(self.svg), "text/plain": str(self)}


def mimebundle(value: Node) -> dict[str, str] | None:
    """Return what Jupyter shows of a Value: its repr, and its graph unless it is large."""
    seen, stack = {value.serial}, [value]
    while stack and len(seen) <= _SHOWN_BY_ITSELF:
        for x in stack.pop().args:
            if isinstance(x, Node) and variable_of(x).serial not in seen:
                seen.add(variable_of(x).serial)
                stack.append(variable_of(x))
    if value.op is None or len(seen) > _SHOWN_BY_ITSELF:
        return None
    return {"image/svg+xml": _fitting(draw(value).svg), "text/plain": repr(value)}


def _fitting(svg: str) -> str:
    """Return the picture such that it is no wider than the cell of a notebook."""
    return svg.replace("<svg ", '<svg style="max-width: 100%; height: auto" ', 1)


def svg(picture: Picture, *, style: bool, gap: float = GAP_X) -> str:
    """The picture; its boxes have the ids n0, n1, ... and its edges e0, e1, ..."""
    boxes = picture.boxes
    ends = [(u, v) for v, box in enumerate(boxes) for u in box.inputs]
    texts = [box.lines() for box in boxes]
    sizes = [_size(box, lines) for box, lines in zip(boxes, texts, strict=True)]
    plan = layered(sizes, ends, gap)
    width, height = plan.width + 2 * _MARGIN, plan.height + 2 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="dp" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="{-_MARGIN} {-_MARGIN} {width:.0f} {height:.0f}" '
        f'role="img" aria-label="Graph of {escape(boxes[-1].name, {chr(34): "&quot;"})}, '
        f'{len(boxes)} boxes">',
        f"<style>{asset('drawing.css')}</style>" if style else "",
        '<defs><marker id="dp-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" '
        'markerHeight="9" markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
        '<path class="tip" d="M0,0L8,4L0,8z"/></marker></defs>',
        f'<rect class="paper" x="{-_MARGIN}" y="{-_MARGIN}" width="100%" height="100%"/>',
    ]
    for i, ((u, v), path) in enumerate(zip(ends, plan.paths, strict=True)):
        parts.append(
            f'<path class="edge" id="e{i}" data-from="{u}" data-to="{v}" d="{path}" '
            'marker-end="url(#dp-tip)"/>'
        )
    for i, (box, lines) in enumerate(zip(boxes, texts, strict=True)):
        parts.append(_drawn(i, box, lines, plan.corners[i], sizes[i]))
    return plain("\n".join([*parts, "</svg>"]))


def plain(text: str) -> str:
    """Return the text without control characters and lone surrogates, which XML forbids."""
    return _FORBIDDEN.sub("\ufffd", text)


def _size(box: Box, lines: list[list[tuple[str, str]]]) -> tuple[float, float]:
    longest = max(sum(len(text) for _, text in line) for line in lines)
    return max(longest, box.width) * _CHARACTER + 2 * _PAD, len(lines) * _LINE + _PAD


def _drawn(
    i: int,
    box: Box,
    lines: list[list[tuple[str, str]]],
    corner: tuple[float, float],
    size: tuple[float, float],
) -> str:
    (x, y), (w, h) = corner, size
    texts = []
    for k, line in enumerate(lines):
        spans = "".join(f'<tspan class="{css}">{escape(text)}</tspan>' for css, text in line)
        texts.append(f'<text x="{_PAD}" y="{_LINE * (k + 1)}">{spans}</text>')
    if box.hidden:
        texts.append(f'<text class="label" x="-16" y="{h / 2 + 4:.0f}">⋯</text>')
    return (
        f'<g class="node {box.kind}" id="n{i}" transform="translate({x:.0f},{y:.0f})">'
        f"<title>{escape(f'{box.kind} {box.label} ({box.op})')}</title>"
        f'<rect class="box" width="{w:.0f}" height="{h:.0f}" rx="{5 if box.inputs else 14}"/>'
        f"{''.join(texts)}</g>"
    )


def _tree(boxes: list[Box]) -> list[str]:
    """Return the tree as text: below each box its inputs; a box shown above is only named."""
    found: list[str] = []
    shown: set[int] = set()
    stack = [(len(boxes) - 1, "", "")]
    while stack:
        i, before, below = stack.pop()
        if len(found) == _TREE_LINES:
            found.append(f"… {len(boxes) - len(shown)} more: draw(value, depth=...)")
            break
        box = boxes[i]
        if i in shown:
            found.append(f"{before}{box.name} (above)")
            continue
        shown.add(i)
        found.append(before + box.label)
        more = [(j, f"{below}├─ ", f"{below}│  ") for j in box.inputs]
        if box.hidden:
            found += [f"{below}{'├' if more else '└'}─ ⋯"]
        if more:
            more[-1] = (more[-1][0], f"{below}└─ ", f"{below}   ")
        stack += reversed(more)
    return found
