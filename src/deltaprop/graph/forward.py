"""Forward mode: tangents from the leaves up to the roots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .cotangent import Masked, materialize
from .node import Node, topological_order, variable_of


def forward_sweep(
    roots: Sequence[Node], tangents: Mapping[Node, Any], *, graph: bool = False
) -> list[Any]:
    """Carry the tangents of some leaves up through the graph.

    Parameters
    ----------
    roots : sequence of Node
    tangents : mapping
        The tangents, by leaf (or other node to start from), each with the shape of its leaf.
    graph : bool
        Whether to run the rules on nodes, so that the result can be differentiated again.

    Returns
    -------
    list
        The tangent of each root, or None if the root depends on none of the leaves.
    """
    known: dict[int, Any] = {leaf.serial: t for leaf, t in tangents.items()}
    # a node older than all of these depends on none of them
    for node in topological_order(*map(variable_of, roots), since=max(known, default=0)):
        op = node.op
        if op is None or node.serial in known:
            continue
        given: list[Any] = []
        reached = False
        for x in node.args:
            t = known.get(variable_of(x).serial) if isinstance(x, Node) else None
            if t is not None:
                reached = True
                if type(t) is Masked and not op.accepts_masks:
                    t = t.values
            given.append(t)
        if not reached:
            continue
        t = op.jvp(given, node, graph)
        if type(t) is Masked:
            known[node.serial] = Masked(materialize(t.values, node._held), t.lazy)
        elif t is not None:
            known[node.serial] = materialize(t, node._held)
    found = [known.get(variable_of(root).serial) for root in roots]
    return [t.values if type(t) is Masked else t for t in found]
