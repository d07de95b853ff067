"""The backward pass: cotangents from the root back to the leaves."""

from __future__ import annotations

from collections.abc import Collection
from heapq import heappop, heappush
from typing import Any

import numpy as np

from .arrays import copied
from .cotangent import ZERO, accumulate, as_gradient, is_excess, materialize
from .node import MODE, SNAPSHOT, Node, in_graph, is_complex, shape_of


def sweep(
    root: Node,
    seed: Any,
    *,
    graph: bool = False,
    retain: bool = True,
    targets: Collection[Node] = (),
    recorded: list[Node] | None = None,
) -> dict[Node, Any]:
    """Carry `seed`, the cotangent of `root`, back through the graph.

    Nodes are visited newest first: the frontier is a heap of serial numbers. A node is newer than
    all nodes it depends on, so its cotangent is complete when its turn comes. Leaves and targets
    are not visited. Their cotangents are what is left at the end.

    Parameters
    ----------
    root : Node
    seed : array or Node
    graph : bool
        Whether to run the rules on nodes, so that the result can be differentiated again.
    retain : bool
        Whether to keep the cotangent of every node in its gradient, not only of leaves.
    targets : collection of Node
        The nodes to stop at, instead of the leaves; no node older than all of them is visited.
    recorded : list of Node, optional
        A list to which the nodes that keep a recorded gradient are appended.

    Returns
    -------
    dict
        The cotangents of the leaves or targets that were reached, materialised.
    """
    mode = MODE.get()
    # the type that stands for a float in this mode; None if the rules must run on nodes
    number: Any = None if graph else float if mode is None else mode.number
    stops = {node.serial: node for node in targets}
    oldest = max(stops, default=0)
    pending: dict[int, Any] = {}  # for each serial number [node, its cotangent so far]
    frontier: list[int] = []
    args: Any = (in_graph(root),)
    contributions: Any = (seed,)
    while True:
        i = 0  # enumerate and zip would cost a tenth of the sweep
        for x in args:
            c = contributions[i]
            i += 1
            if c is None or type(x) is float:
                continue
            op = x.op
            if op is SNAPSHOT:
                x, op = x.first, None
            serial = x.serial
            entry = pending.get(serial)
            if entry is not None:
                kept = entry[1]
                entry[1] = kept + c if type(kept) is float is type(c) else accumulate(kept, c)
                continue
            pending[serial] = [x, c]
            if op is not None and (not stops or (serial <= oldest and serial not in stops)):
                heappush(frontier, serial)
        if not frontier:
            break
        node, g = pending.pop(heappop(frontier))
        if node._extra is not None and node._extra.hooks:
            g = _hooked(node, g)
        args, short = node.first, False
        if type(args) is not tuple:
            args = (args,) if node.second is None else (args, node.second)
            short = type(g) is number
        contributions = node.op.vjp_floats(node, g) if short else _vjp(node, g, graph, mode)
        if retain:
            if node._grad is None and not graph:
                node._grad = g
            else:
                _retain(node, g, graph, recorded)
    found: dict[Node, Any] = {}
    for serial, (x, g) in pending.items():
        if x.op is None or serial in stops:
            if x._extra is not None and x._extra.hooks:
                g = _hooked(x, g)
            found[stops.get(serial, x)] = materialize(g, x._held)
    return found


def _vjp(node: Node, g: Any, graph: bool, mode: Any) -> Any:
    """Return what the rule of the node sends to its arguments."""
    op: Any = node.op
    data = node._held
    if not type(g) is type(data) is np.ndarray or g.dtype != data.dtype or g.shape != data.shape:
        if g is ZERO:
            return [ZERO if isinstance(x, Node) else None for x in node.args]
        if not op.accepts_masks or is_excess(g, data):
            g = materialize(g, data)
    return op.vjp(g, node, graph) if mode is None else mode.vjp(node, g, graph)


def _hooked(node: Node, g: Any) -> Any:
    """Return the cotangent of a node as its hooks leave it."""
    for hook in tuple(node.extra.hooks.values()):  # type: ignore[union-attr]
        full = as_gradient(materialize(g, node._held))
        replaced = hook(copied(full))
        if replaced is not None:
            g = as_gradient(_checked(replaced, node))
    return g


def _checked(replaced: Any, node: Node) -> Any:
    if shape_of(replaced) != shape_of(node):
        raise ValueError(
            f"a hook must return a gradient with the shape of its Value, {shape_of(node)}, got "
            f"{shape_of(replaced)}"
        )
    if is_complex(replaced) and not is_complex(node):
        raise TypeError("a hook must return a real gradient for a real Value, got a complex one")
    g = materialize(replaced, node._held)
    return copied(g)


def _retain(node: Node, g: Any, graph: bool, recorded: list[Node] | None = None) -> None:
    """Add a cotangent to the gradient of a node: as it is, until a user asks for it."""
    kept = node._grad
    if kept is None and not graph:
        node._grad = g
        return
    g = materialize(g, node._held)
    if graph and not isinstance(g, Node):
        g = node.constant(g)
    node._grad = g if kept is None else materialize(kept, node._held) + g
    if recorded is not None and not node._grad.is_constant:
        recorded.append(node)


@np.errstate(all="ignore")
def backward(root: Node, seed: Any, *, graph: bool = False, retain: bool = True) -> None:
    """Run the backward pass, and add the cotangent of each leaf to its gradient."""
    recorded: list[Node] | None = [] if graph else None
    for leaf, g in sweep(root, seed, graph=graph, retain=retain, recorded=recorded).items():
        if recorded:
            leaf.extra.recorded = (*leaf.extra.recorded, recorded)
        leaf.verify_own()
        if leaf._grad is None and type(g) is np.ndarray and g.dtype.kind != "c" and not graph:
            leaf._grad = g
        else:
            _retain(leaf, as_gradient(g), graph)
        if (mode := MODE.get()) is not None:
            mode.outside.gradient_added(leaf)
