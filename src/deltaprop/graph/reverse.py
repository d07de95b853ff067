"""The reverse sweep: cotangents from the root back to the leaves."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

import numpy as np

from .cotangent import ZERO, accumulate, materialize
from .node import MODE, READ, Node, owner


def sweep(root: Node, seed: Any, *, graph: bool = False, retain: bool = True) -> dict[Node, Any]:
    """Carry `seed`, the cotangent of `root`, back through the graph.

    Nodes are visited newest first. A node is newer than all it depends on, so its
    cotangent is complete when its turn comes; the heap holds the frontier alone.

    Parameters
    ----------
    root : Node
    seed : array or Node
    graph : bool
        Run the rules on nodes, so that the result can be differentiated again.
    retain : bool
        Keep the cotangent of every node in its gradient, not of leaves alone.

    Returns
    -------
    dict
        The leaves reached and their cotangents, materialised.
    """
    mode = MODE.get()
    leaves: dict[Node, Any] = {}
    root = owner(root)
    pending: dict[int, Any] = {root.serial: [root, seed]}
    frontier = [root.serial]
    while frontier:
        node, g = pending.pop(heappop(frontier))
        op = node.op
        extra = node._extra
        if extra is not None:
            extra.owns_grad = False
            if extra.hooks is not None:
                g = _hooked(node, g)
        if op is None:
            leaves[node] = materialize(g, node._data)
            continue
        if not op.accepts_masks and g is not ZERO:
            g = materialize(g, node._data)
        if retain:
            kept = node._grad
            node._grad = g if kept is None else _added(kept, g, node)
        if g is ZERO:
            contributions: Any = [ZERO if isinstance(x, Node) else None for x in node.args]
        else:
            contributions = op.pull(g, node, graph)
        if mode is not None:
            mode.pulled(node, contributions)
        i = 0
        for x in node.args:
            c = contributions[i]
            i += 1
            if c is None:
                continue
            if x.op is READ:
                x = x.args[0]
            serial = x.serial
            entry = pending.get(serial)
            if entry is None:
                pending[serial] = [x, c]
                heappush(frontier, serial)
            else:
                entry[1] = accumulate(entry[1], c)
    return leaves


def _hooked(node: Node, g: Any) -> Any:
    g = materialize(g, node._data)
    for hook in tuple(node.extra.hooks.values()):  # type: ignore[union-attr]
        replaced = hook(g.copy() if isinstance(g, np.ndarray) else g)
        if replaced is not None:
            g = materialize(replaced, node._data)
    return g


def _added(kept: Any, g: Any, node: Node) -> Any:
    return materialize(kept, node._data) + materialize(g, node._data)


def backward(root: Node, seed: Any, *, graph: bool = False, retain: bool = True) -> None:
    """Sweep, and add each leaf's cotangent to its gradient."""
    with np.errstate(all="ignore"):
        for leaf, g in sweep(root, seed, graph=graph, retain=retain).items():
            if graph and not isinstance(g, Node):
                g = type(root).leaf(g, constant=True)
            kept = leaf._grad
            leaf._grad = g if kept is None else kept + g
