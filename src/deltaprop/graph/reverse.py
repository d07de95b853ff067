"""The backward pass: cotangents from the root back to the leaves."""

from __future__ import annotations

from collections.abc import Collection
from heapq import heappop, heappush
from typing import Any

import numpy as np

from .arrays import copied
from .cotangent import ZERO, accumulate, as_gradient, is_excess, materialize
from .node import MODE, SNAPSHOT, Node, in_graph, is_complex, shape_of, variable_of


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

    Nodes are visited newest first. A node is newer than all nodes it depends on, so its cotangent
    is complete when its turn comes. A heap holds the frontier. Usually the next node to visit is
    the one recorded just before, and the heap is not needed.

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
    root = in_graph(variable_of(root))
    # the type that scalar nodes hold: floats, or what stands for floats in this mode
    number: Any = float if mode is None else mode.number
    plain = mode is None and not graph
    floats = number is not None and not graph
    leaves: dict[Node, Any] = {}
    stops = {node.serial: node for node in targets}
    oldest = max(stops, default=0)
    if root.op is None:
        return _completed({root: seed})
    serial = root.serial
    pending: dict[int, Any] = {serial: [root, seed]}
    frontier: list[int] = []
    take = pending.pop
    while pending:
        entry = take(serial, None)
        while entry is None:
            serial = heappop(frontier)
            entry = take(serial, None)
        node, g = entry
        serial += 1  # usually the next older node is the next to visit
        if stops and (node.serial in stops or node.serial > oldest):
            if node.serial in stops:
                leaves[stops[node.serial]] = g
            continue
        if node._extra is not None:
            node._extra.owns_grad = False
            if node._extra.hooks is not None:
                g = _hooked(node, g)
        args: Any = node.first
        if type(args) is tuple:
            data: Any = node._held
            kind = type(data) if plain else None
            if kind is type(g) is np.ndarray and g.shape == data.shape and g.dtype == data.dtype:
                contributions: Any = node.op.vjp(g, node, False)  # the most common case
            else:
                contributions = _vjp(node, g, graph, mode)
        else:
            args = (args,) if node.second is None else (args, node.second)
            if floats and (type(g) is float or type(g) is number):  # no shapes, no masks
                contributions = node.op.vjp_floats(node, g)
            else:
                contributions = _vjp(node, g, graph, mode)
        if retain:
            if node._grad is None and not graph:
                node._grad = g  # as it is: materialised when a user asks for it
            else:
                _retain(node, g, graph)
                if recorded is not None and not node._grad.is_constant:
                    recorded.append(node)
        i = 0
        for x in args:
            c = contributions[i]
            i += 1
            if c is None or type(x) is float:
                continue
            op = x.op
            if op is None or op is SNAPSHOT:
                leaf = x if op is None else x.first
                kept = leaves.get(leaf)
                if kept is None:
                    leaves[leaf] = c
                elif type(kept) is number is type(c):
                    leaves[leaf] = kept + c
                else:
                    leaves[leaf] = accumulate(kept, c)
                continue
            its = x.serial
            entry = pending.get(its)
            if entry is not None:
                kept = entry[1]
                entry[1] = kept + c if type(kept) is number is type(c) else accumulate(kept, c)
                continue
            pending[its] = [x, c]
            if its != serial:
                heappush(frontier, its)
    return _completed(leaves)


def _completed(leaves: dict[Node, Any]) -> dict[Node, Any]:
    """Return the leaves, with their cotangents materialised and passed through the hooks."""
    for leaf, g in leaves.items():
        extra = leaf._extra
        if extra is not None:
            extra.owns_grad = False
            if extra.hooks is not None:
                g = _hooked(leaf, g)
        leaves[leaf] = materialize(g, leaf._held)
    return leaves


def _vjp(node: Node, g: Any, graph: bool, mode: Any) -> Any:
    """Return what the rule of the node sends to its arguments."""
    op: Any = node.op
    if g is ZERO:
        return [ZERO if isinstance(x, Node) else None for x in node.args]
    if not op.accepts_masks or is_excess(g, node._held):
        g = materialize(g, node._held)
    return op.vjp(g, node, graph) if mode is None else mode.vjp(node, g, graph)


def _hooked(node: Node, g: Any) -> Any:
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


def _retain(node: Node, g: Any, graph: bool) -> None:
    kept = node._grad
    if kept is None and not graph:
        node._grad = g
        return
    g = materialize(g, node._held)
    if graph and not isinstance(g, Node):
        g = node.constant(g)
    node._grad = g if kept is None else materialize(kept, node._held) + g


@np.errstate(all="ignore")
def backward(root: Node, seed: Any, *, graph: bool = False, retain: bool = True) -> None:
    """Run the backward pass, and add the cotangent of each leaf to its gradient."""
    recorded: list[Node] | None = [] if graph else None
    for leaf, g in sweep(root, seed, graph=graph, retain=retain, recorded=recorded).items():
        if recorded:
            leaf.extra.recorded = (*leaf.extra.recorded, recorded)
        if leaf._grad is None and type(g) is np.ndarray and g.dtype.kind != "c" and not graph:
            leaf._grad = g
        else:
            _retain(leaf, as_gradient(g), graph)
