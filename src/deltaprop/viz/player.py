"""The backprop player: a page that steps through a graph, forward and backward.

The backward steps are those of the real backward pass, which is watched while it runs. The
formulas are what the rules record when they run on nodes. So the page shows what the code does.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from ..calculus.elementwise import real
from ..graph import Bilinear, Custom, Elementwise, Linear, Masked, Node, raw
from ..graph.cotangent import ZERO, Scattered, is_excess, materialize
from ..graph.modes import Mode
from ..graph.node import variable_of
from ..habits import explained
from ..value import Value
from .cards import Card, cards
from .drawing import asset, plain, svg
from .notation import applied, brief, formula, key, number, operations, rows, summary, term
from .picture import Picture

_WRITTEN = 6  # contributions of one step that are written out
_GAP = 88.0  # between columns: room for the numbers that travel
_LISTED = 12  # gradients at the end
_LONG = 9  # operations: a longer formula is not

Step = dict[str, Any]


@explained
def play(loss: Value, path: str | Path = "backprop.html", model: Any = None) -> Page:
    """Write a page that plays the forward pass and the backward pass, node by node.

    Every step shows the rule that is applied, with the numbers of the real backward pass. The
    page is one file that needs no network; a link to page.html#7 opens it at step 7.
    Gradients that the graph has are kept.

    Parameters
    ----------
    loss : Value
        A real scalar; its gradients may exist already or not.
    path : str or Path
        The HTML file to write.
    model : nn.MLP, optional
        The network that computed `loss` in one call, with a loss that `dp.deltas` knows. The
        layer-delta formulas are then shown beside the steps that they describe.

    Returns
    -------
    Page
        The path; in Jupyter the page itself is shown.

    Examples
    --------
    >>> import tempfile
    >>> import deltaprop as dp
    >>> a, b = dp.Value(2.0, name="a"), dp.Value(-3.0, name="b")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dp.play((a * b).tanh(), f"{folder}/backprop.html").name
    'backprop.html'
    """
    _check(loss)
    picture = Picture(loss, model=model, open=True, called=[(loss, "L")])
    sweep = Sweep(picture)
    beside = {} if model is None else cards(picture, model)
    steps = [*_forward(picture), *_reverse(picture, sweep, beside)]
    with _having(picture.order, sweep.grads):
        boxes = [
            {"name": box.name, "data": exact(box.data), "grad": exact(box.grad)}
            for box in picture.boxes
        ]
        drawn = svg(picture, style=False, gap=_GAP)
    story = {"root": picture.boxes[-1].name, "boxes": boxes, "steps": steps}
    page = Page(path)
    page.write_text(_page(drawn, story), encoding="utf-8")
    return page


def _check(loss: Any) -> None:
    if not isinstance(loss, Value):
        raise TypeError(
            f"play takes the loss, a Value, not {type(loss).__name__}: write play(loss, path)"
        )
    if loss.op is None:
        raise ValueError("play takes a loss that was computed; this Value has no graph behind it")
    if loss.shape or np.iscomplexobj(loss._held):
        raise ValueError(
            f"play takes a real scalar, but this Value has shape {loss.shape} and dtype "
            f"{loss.dtype}: reduce it first, e.g. with .sum()"
        )


def exact(data: Any) -> str | None:
    """Return all digits of a small value, as text, because JSON has no NaN."""
    return None if data is None or np.size(data) > 16 else repr(np.asarray(data).tolist())


class Page(type(Path())):  # type: ignore[misc]
    """The path of a page; a notebook shows the page itself."""

    def _repr_html_(self) -> str | None:
        """Return the page in a sandboxed frame, from which its script reaches nothing else."""
        if not self.is_file():
            return None
        page = escape(self.read_text(encoding="utf-8"), {'"': "&quot;"})
        return (
            f'<iframe srcdoc="{page}" sandbox="allow-scripts" title="Backpropagation, step by '
            'step" style="width: 100%; height: 700px; border: 0"></iframe>'
        )


def _page(drawn: str, story: dict[str, Any]) -> str:
    """Fill the template in one pass: names may contain anything, and are escaped."""
    data = json.dumps(story, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    style, script = asset("drawing.css") + asset("player.css"), asset("player.js")
    parts = {
        "root": escape(story["root"]),
        "style": style,
        "style_hash": _hash(style),
        "graph": drawn,
        "story": data,
        "script": script,
        "script_hash": _hash(script),
    }
    return plain(re.sub(r"\{\{(\w+)\}\}", lambda mark: parts[mark[1]], asset("player.html")))


def _hash(text: str) -> str:
    """Return the hash by which the page's policy allows its one script or style."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


class _Watch(Mode):
    """Notes what each rule sends to its arguments, at once, because sums are made in place."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.watched = {node.serial for node in nodes}
        self.seen: list[tuple[Node, list[Any]]] = []

    def after_vjp(self, node: Node, contributions: Sequence[Any]) -> None:
        if node.serial not in self.watched:
            return  # of a sweep within a rule: a checkpoint's
        sent = [
            None if c is None or not isinstance(x, Node) else np.array(materialize(c, raw(x)))[()]
            for x, c in zip(node.args, contributions, strict=True)
        ]
        self.seen.append((node, sent))


@contextmanager
def _having(nodes: Iterable[Node], grads: Mapping[int, Any]) -> Iterator[None]:
    """Within this block the nodes have these gradients, by serial number."""
    kept = [(node, node._grad) for node in nodes]
    try:
        for node, _ in kept:
            node._grad = grads.get(node.serial)
        yield
    finally:
        for node, grad in kept:
            node._grad = grad


class Sweep:
    """One backward pass, watched.

    Attributes
    ----------
    seen : list of (Node, list)
        The nodes in the order of the pass, and what each sent to its arguments.
    grads : dict
        The gradients of the pass, by serial number, not conjugated.
    """

    def __init__(self, picture: Picture) -> None:
        nodes, watch = picture.order, _Watch(picture.order)
        with _having(nodes, {}):
            with watch:
                nodes[-1].backward()  # type: ignore[attr-defined]
            graded = [node for node in nodes if node._grad is not None]
            self.grads: dict[int, Any] = {
                node.serial: materialize(node._grad, node._held) for node in graded
            }
        self.seen: list[tuple[Node, list[Any]]] = watch.seen


def _edges(picture: Picture) -> list[int]:
    """The number of the first edge that enters each box."""
    return [0, *accumulate(len(box.inputs) for box in picture.boxes)]


def _forward(picture: Picture) -> list[Step]:
    first, names = _edges(picture), picture.names.of
    given = [i for i, box in enumerate(picture.boxes) if box.kind != "result"]
    steps: list[Step] = [{"phase": "forward", "at": given, "rule": "Inputs and parameters"}]
    for i, box in enumerate(picture.boxes):
        node = box.node
        if node is None or node.op is None:
            continue
        texts = [brief(x) for x in node.operands(False)]
        numbers, _ = applied(node.op.name, [term(t) for t in texts], node.params)
        steps.append({
            "phase": "forward",
            "at": [i],
            "op": node.op.name,
            "edges": list(range(first[i], first[i + 1])),
            "rule": f"{names(node)} = {box.formula}",
            "numbers": numbers if len(texts) <= _WRITTEN else "",
            "result": summary(box.data),
        })  # fmt: skip
    return steps


def _reverse(picture: Picture, sweep: Sweep, beside: dict[int, Card]) -> list[Step]:
    first, root = _edges(picture), picture.order[-1]
    at, name = picture.at, picture.names.of(root)
    waiting: Counter[Any] = Counter()
    for node, sent in sweep.seen:
        waiting.update(at(x) for x, c in zip(node.args, sent, strict=True) if c is not None)
    seed = {"to": at(root), "rule": f"d{name}/d{name} = 1", "rows": ["1"], "done": True}
    steps: list[Step] = [{"phase": "reverse", "at": [at(root)], "lines": [seed]}]
    totals: dict[int, Any] = {}
    for node, sent in sweep.seen:
        here = at(node)
        assert here is not None
        step: Step = {"phase": "reverse", "at": [here], "lines": []}
        assert node.op is not None
        step["op"] = node.op.name
        texts = rules(picture, node, sweep.grads[node.serial])
        edge = first[here]
        for k, (x, c) in enumerate(zip(node.args, sent, strict=True)):
            drawn = isinstance(x, Node) or np.ndim(x)
            edge += bool(drawn)
            place = at(x) if c is not None else None
            if c is None or place is None:
                continue
            before = totals.get(place)
            totals[place] = c if before is None else before + c
            waiting[place] -= 1
            line: Step = {"to": place, "edge": edge - 1, "rows": rows(totals[place])}
            line["load"] = (
                number(np.ravel(c)[0]) if np.size(c) == 1 else "×".join(map(str, c.shape))
            )
            box = picture.boxes[place]  # what it shows on the way may be longer than at the end
            box.width = max(box.width, *(5 + len(text) for text in line["rows"]))
            if len(step["lines"]) < _WRITTEN:
                line |= {"rule": texts[k][0], "numbers": texts[k][1], "result": summary(c)}
                if before is not None:
                    line["total"] = summary(totals[place])
            if not waiting[place]:
                line["done"] = True
                if variable_of(x).serial in beside:
                    line["card"] = beside[variable_of(x).serial].compared(totals[place])
            step["lines"].append(line)
        steps.append(step)
    given = [box.node for box in picture.boxes if box.node is not None and box.node.op is None]
    grads = [
        {"rule": f"d{name}/d{picture.names.of(x)}", "result": summary(sweep.grads[x.serial])}
        for x in given
        if x.serial in sweep.grads
    ]
    end = {"phase": "reverse", "at": [], "rule": "All gradients are complete"}
    return [*steps, end | {"totals": grads[:_LISTED]}]


def rules(picture: Picture, node: Node, g: Any) -> list[tuple[str, str]]:
    """For each argument what the node's rule says, in symbols and in numbers.

    The rule is run on nodes; what it records is the formula.
    """
    of, root = picture.names.of, picture.names.of(picture.order[-1])
    y, op = of(node), node.op
    g_name = f"d{root}/d{y}"
    if not isinstance(op, Elementwise | Linear | Bilinear | Custom):
        return [(f"d{root}/d{of(x)} += vjp of {op} at {g_name}", "") for x in node.args]
    cotangent, stand_in = Value.leaf(g), _with_nodes(node)
    symbols: dict[int, str] = {cotangent.serial: g_name, stand_in.serial: y}
    numbers = {cotangent.serial: brief(g), stand_in.serial: brief(node._held)}
    for x, z, data in zip(node.args, stand_in.args, node.operands(False), strict=True):
        if isinstance(x, Node) or np.ndim(x):
            symbols[key(z)], numbers[key(z)] = of(x), brief(data)
    with np.errstate(all="ignore"):
        contributions = op.vjp(cotangent, stand_in, True)
    found = []
    for x, c in zip(node.args, contributions, strict=True):
        if c is None or not isinstance(x, Node):
            found.append(("", ""))
            continue
        into = f"d{root}/d{of(x)}"
        if isinstance(c, Scattered):
            index, c = c.parts[0]
            into, _ = applied("getitem", [term(into)], {"index": index})
        if is_excess(c, x._held):  # the sweep takes the real part for a real argument
            c = real(c.values if isinstance(c, Masked) else c)
        texts = _written(c, symbols, numbers, f"∂{y}/∂{of(x)}")
        found.append((f"{into} += {texts[0]}", texts[1]))
    return found


def _with_nodes(node: Node) -> Node:
    """The node with variables for arrays of constants: what a rule does to them is recorded."""
    args = [
        Value.leaf(x) if isinstance(x, np.ndarray) and x.dtype.kind in "fc" else x
        for x in node.args
    ]
    twin = node.recorded(node.op, tuple(args), node._held, node.params)  # type: ignore[arg-type]
    twin.saved = node.operands(False)
    return twin


def _written(c: Any, symbols: Any, numbers: Any, slope: str) -> tuple[str, str]:
    if c is ZERO:
        return "0", ""
    c = c.values if isinstance(c, Masked) else c
    if operations(c, symbols) > _LONG:
        g = next(iter(symbols.values()))
        if c.op.name != "multiply" or symbols.get(key(c.args[0])) != g:
            return f"({slope})ᵀ @ {g}", ""
        # the local derivative is too long to read: it gets a name
        inner = c.args[1]
        symbols = symbols | {key(inner): slope}
        numbers = numbers | {key(inner): brief(raw(inner))}
    return formula(c, symbols)[0], formula(c, numbers)[0]
