"""The contents of a drawing: the boxes of a graph, their names and their texts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..graph import Node, raw, shape_of, topological_order
from ..graph.node import complete, parents, variable_of
from .layers import Applied, absorbed, applications, target
from .notation import applied, key, number, rows, summary, term

MOST = 2000  # boxes in a drawing: more would be unreadable
_FEW = 4  # entries of a value that is written out where there is but one line
_TITLE = 44  # characters of a formula in a box

Span = tuple[str, str]  # a CSS class, and text


@dataclass
class Box:
    """One box: a node, an array of constants, or a layer that is folded."""

    kind: str  # "variable", "constant", "result" or "layer"
    name: str
    data: Any
    node: Node | None = None
    formula: str = ""
    part_of: str = ""  # the name of the layer, if that is open
    layer: str = ""  # what it is, if it is folded
    inputs: list[int] = field(default_factory=list)
    hidden: int = 0  # inputs that the drawing leaves out
    width: int = 0  # characters, at least

    @property
    def grad(self) -> Any:
        """Return the gradient of the node, or None."""
        return raw(getattr(self.node, "grad", None))

    def lines(self) -> list[list[Span]]:
        """Return the text in the box, line by line."""
        title = self.name + (f" = {self.formula}" if self.formula else "")
        if len(title) > _TITLE:
            title = title[: _TITLE - 1] + "…"
        head: list[Span] = [("name", title)]
        if shape := np.shape(self.data):
            dtype = getattr(self.data, "dtype", None)
            plain = self.kind == "constant" or dtype == np.float64
            head.append(("shape", f"  {shape}" + ("" if plain else f" {dtype}")))
        if self.part_of:
            head.append(("shape", f"  {self.part_of}"))
        lines = [head, *([[("shape", self.layer)]] if self.layer else [])]
        lines += _labelled("data", rows(self.data))
        return lines if self.grad is None else lines + _labelled("grad", rows(self.grad))

    @property
    def label(self) -> str:
        """Return the box in one line, for trees, tooltips and screen readers."""
        said = ["".join(text for _, text in line) for line in self.lines() if line[0][0] != "label"]
        values = [("data", self.data)] + ([] if self.grad is None else [("grad", self.grad)])
        return "  ".join(said + [f"{name} {summary(value, _FEW)}" for name, value in values])

    @property
    def op(self) -> str:
        """The operation's name."""
        return self.node.op.name if self.node is not None and self.node.op else "given"


def _labelled(label: str, texts: list[str]) -> list[list[Span]]:
    return [
        [("label", f"{label if i == 0 else '':<5}"), (label, text)] for i, text in enumerate(texts)
    ]


class Names:
    """A unique name for every node and every array of constants.

    Names given by the user come first; then T for the target of a loss; then W1, b1, Z1, A1 for
    the parts of a model's dense layers; then x for variables, c for constants, and v for
    results, as in a Wengert list.
    """

    def __init__(
        self,
        order: list[Node],
        used: Sequence[Applied],
        model: Any,
        called: Sequence[tuple[Any, str]],
    ) -> None:
        self._of: dict[int, str] = {}
        self._taken: set[str] = set()
        self._counts = dict.fromkeys("xcv", 0)
        for node in order:
            if given := getattr(node, "name", None):
                self.give(node, given)
        for x, name in called:
            self.give(x, name)
        for i, a in enumerate(used, 1):
            if i == 1:
                self.give(a.X, "X")
            parts = a.layer.weight, a.layer.bias, a.Z, a.A
            for part, letter in zip(parts, "WbZA", strict=True):
                if part is not None:
                    self.give(part, f"{letter}{i}")
        for name, value in model.named_parameters() if model is not None else ():
            self.give(value, name)
        for node in order:
            self.of(node)

    def give(self, x: Any, name: str) -> None:
        """Give `x` this name, unless it has one; a name already taken gets a number."""
        known_by, wanted, n = key(x), name, 1
        if known_by in self._of:
            return
        while name in self._taken:
            n += 1
            name = f"{wanted}_{n}"
        self._taken.add(name)
        self._of[known_by] = name

    def of(self, x: Any) -> str:
        """Return the name of a node or an array; a plain number is its own name."""
        if not isinstance(x, Node) and np.ndim(x) == 0:
            return number(np.asarray(x).item())
        if key(x) not in self._of:
            letter = "c" if not isinstance(x, Node) else "v" if x.op else "x"
            self._counts[letter] += 1
            self.give(x, f"{letter}{self._counts[letter]}")
        return self._of[key(x)]


class Picture:
    """The boxes of a graph, inputs before consumers.

    Parameters are those of `draw`; `called` has names for nodes that the user did not name.
    """

    def __init__(
        self,
        root: Node,
        *,
        at: str | None = None,
        depth: int | None = None,
        model: Any = None,
        fold: Collection[str] = (),
        open: bool | Collection[str] = (),
        called: Sequence[tuple[Any, str]] = (),
    ) -> None:
        # names are those of the whole graph, whatever part of it is shown
        order = topological_order(variable_of(root))
        self.order: list[Node] = [complete(node) for node in order]
        self.used: list[Applied] = [] if model is None else applications(self.order, model)
        if (found := target(self.order)) and len(shape_of(found[1])):
            called = [*called, (found[1], "T")]
        self.names: Names = Names(self.order, self.used, model, called)
        self._only(at, depth)
        self.boxes: list[Box] = []
        self.place: dict[int, int] = {}  # of a node's serial or an array's id, in `boxes`
        self._part_of: dict[int, str] = {}
        inside: dict[int, list[Node]] = {}  # of the output that stands for them
        for output, nodes in self._folds(fold, open):
            inside[output.serial] = nodes
        folded = {node.serial for nodes in inside.values() for node in nodes} - inside.keys()
        shown = [node for node in self.order if node.serial not in folded]
        if len(shown) > MOST:
            raise ValueError(
                f"the graph has {len(shown)} nodes to draw, and a picture holds {MOST}: give a "
                "depth, fold parts of it, or draw a Value further down"
            )
        for node in shown:
            self._add(node, inside.get(node.serial))

    def _only(self, at: str | None, depth: int | None) -> None:
        """Drop the nodes that are not shown."""
        root = self.order[-1]
        if at is not None:
            named = {self.names.of(node): node for node in self.order}
            if at not in named:
                raise ValueError(f"no Value is called {at}; there are: {_some(named)}")
            root = named[at]
            self.order = topological_order(root)
        if depth is not None:
            self.order = _near(root, depth)
        shown = {node.serial for node in self.order}
        self.used = [a for a in self.used if a.Z.serial in shown and a.A.serial in shown]

    def at(self, x: Any) -> int | None:
        """Return the number of the box of a node or an array, if it is shown."""
        return self.place.get(key(x))

    def _folds(
        self, fold: Collection[str], open: bool | Collection[str]
    ) -> Iterator[tuple[Node, list[Node]]]:
        """The nodes that become one box each, and the node that stands for them."""
        titles = [a.title for a in self.used]
        named = {self.names.of(node): node for node in self.order}
        for what, given, known in (
            ("layer to open", open if not isinstance(open, bool) else (), titles),
            ("Value to fold", fold, named),
        ):
            if unknown := sorted(set(given) - set(known)):
                some = _some(known) or "none (give the model)"
                raise ValueError(f"no {what} is called {', '.join(unknown)}; there are: {some}")
        outputs = [a.A for a in self.used] + [named[name] for name in fold]
        stops = outputs + [a.X for a in self.used if isinstance(a.X, Node)]
        for a in self.used:
            nodes = absorbed(self.order, a.A, stops)
            if open is True or (open and a.title in open):
                self._part_of |= {node.serial: a.title for node in nodes}
            else:
                yield a.A, nodes
        for name in fold:
            yield named[name], absorbed(self.order, named[name], stops)

    def _add(self, node: Node, inside: list[Node] | None) -> None:
        """Add the box of a node, and before it those of the arrays that it reads."""
        args = list(node.args)
        layer = next((a for a in self.used if inside is not None and a.A is node), None)
        if inside is not None:
            own = {x.serial for x in inside}
            read = [x for part in inside for x in part.args if isinstance(x, Node) or np.ndim(x)]
            outer = [x for x in read if not isinstance(x, Node) or variable_of(x).serial not in own]
            if layer:  # its arrays are its own, but for the input
                outer = [x for x in outer if isinstance(x, Node) or x is layer.X]
            args = list({key(x): x for x in outer}.values())
        box = Box("variable" if node.op is None else "result", self.names.of(node), raw(node), node)
        box.part_of = self._part_of.get(node.serial, "")
        for x in args:
            if isinstance(x, Node):
                place = self.at(x)
            elif np.ndim(x):
                place = self._constant(x)
            else:
                continue
            if place is None:
                box.hidden += 1
            else:
                box.inputs.append(place)
        terms = [term(self.names.of(x)) for x in args]
        if inside is not None:
            box.kind = "layer"
            box.formula, _ = applied(layer.title if layer else f"{len(inside)} operations", terms)
            box.layer = layer.made_by if layer else ""
        elif node.op is not None:
            box.formula, _ = applied(node.op.name, terms, node.params)
        self.place[node.serial] = len(self.boxes)
        self.boxes.append(box)

    def _constant(self, x: Any) -> int:
        if id(x) not in self.place:
            self.place[id(x)] = len(self.boxes)
            self.boxes.append(Box("constant", self.names.of(x), np.asarray(x)))
        return self.place[id(x)]


def _some(names: Collection[str]) -> str:
    few = sorted(names)[:12]
    return ", ".join(few) + (", …" if len(few) < len(names) else "")


def _near(root: Node, depth: int) -> list[Node]:
    """The nodes at most `depth` steps from the root, inputs before consumers."""
    seen, frontier = {root.serial: root}, [root]
    for _ in range(depth):
        frontier = [x for node in frontier for x in parents(node) if x.serial not in seen]
        seen |= {x.serial: x for x in frontier}
    return [seen[serial] for serial in sorted(seen, reverse=True)]
