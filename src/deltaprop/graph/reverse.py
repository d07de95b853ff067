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
    root = owner(root)
    leaves: dict[Node, Any] = {}
    pending: dict[int, Any] = {}
    frontier: list[int] = []
    if root.op is None:
        leaves[root] = seed
    else:
        pending[root.serial] = [root, seed]
        frontier.append(root.serial)
    while frontier:
        node, g = pending.pop(heappop(frontier))
        op = node.op
        extra = node._extra
        if extra is not None:
            extra.owns_grad = False
            if extra.hooks is not None:
                g = _hooked(node, g)
        if g is ZERO:
            contributions: Any = [ZERO if isinstance(x, Node) else None for x in node.args]
        else:
            if not op.accepts_masks:
                g = materialize(g, node._data)
            contributions = op.pull(g, node, graph)
        if retain:
            kept = node._grad
            node._grad = g if kept is None else _added(kept, g, node)
        if mode is not None:
            mode.pulled(node, contributions)
        args = node.args
        i = 0
        for c in contributions:
            if c is not None:
                x = args[i]
                if x.op is READ:
                    x = x.args[0]
                    leaves[x] = accumulate(leaves[x], c) if x in leaves else c
                else:
                    serial = x.serial
                    if serial in pending:
                        entry = pending[serial]
                        entry[1] = accumulate(entry[1], c)
                    else:
                        pending[serial] = [x, c]
                        heappush(frontier, serial)
            i += 1  # noqa: SIM113 - enumerate's tuples cost a tenth of the sweep
    for leaf, g in leaves.items():
        extra = leaf._extra
        extra.owns_grad = False  # type: ignore[union-attr]
        leaves[leaf] = materialize(g, leaf._data) if extra.hooks is None else _hooked(leaf, g)  # type: ignore[union-attr]
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
