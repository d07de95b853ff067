"""Find the part of a graph that a dense layer recorded.

Nothing is noted while a layer runs. Exactly one operation reads its weight: the one that makes
Z. The number of operations of the activation is found by recording the activation again.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import nn
from ..graph import Node, topological_order
from ..graph.node import parents, variable_of
from ..value import Value

# the operation that a loss records with its target, and what `deltaprop.deltas` calls the loss
_LOSSES = {
    "mean_squared_error": "mse",
    "binary_cross_entropy": "binary_cross_entropy",
    "binary_cross_entropy_with_logits": "binary_cross_entropy_with_logits",
    "cross_entropy": "softmax_cross_entropy",
}


@dataclass(frozen=True)
class Applied:
    """A dense layer, and the nodes of Z and A of one application of it to X."""

    title: str
    made_by: str
    layer: nn.Dense
    X: Any
    Z: Node
    A: Node


def applications(order: list[Node], model: Any) -> list[Applied]:
    """Return where the dense layers of a model were applied in a graph, inputs first."""
    dense = _dense(model)
    of_weight = {layer.weight.serial: (title, layer) for title, layer in dense}
    norms = {
        id(layer): norm
        for mlp in model.modules()
        if isinstance(mlp, nn.MLP)
        for layer, norm in zip(mlp.layers, mlp.norms or (), strict=False)
    }  # what normalises Z before the activation
    found = []
    for at, node in enumerate(order):
        weight = node.args[1] if len(node.args) > 1 else None
        known = of_weight.get(variable_of(weight).serial) if isinstance(weight, Node) else None
        if known and node.op is not None and node.op.name in ("affine", "matmul"):
            title, layer = known
            X = node.args[0]
            if isinstance(X, Node) and X.op is not None and X.op.name == "cut":
                X = X.args[0]  # see `nn.propagation`
            norm = norms.get(id(layer))
            made_by = repr(layer) if norm is None else f"{layer!r}, {norm!r}"
            found.append(Applied(title, made_by, layer, X, node, _end(order[at:], layer, norm)))
    return found


def _dense(model: Any) -> list[tuple[str, nn.Dense]]:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a dp.nn.Module such as an MLP, not {model!r}")
    layers = [m for m in model.modules() if isinstance(m, nn.Dense)]
    names = {id(value): name for name, value in model.named_parameters()}
    return [(names[id(m.weight)].rpartition(".")[0] or "layer", m) for m in layers]


def _end(since: list[Node], layer: nn.Dense, norm: Any) -> Node:
    """Return the node of A, if the operations after Z are those of norm and activation."""
    reached, chain = {since[0].serial}, [since[0]]
    for node in since[1:]:
        if any(x.serial in reached for x in parents(node)):
            reached.add(node.serial)
            chain.append(node)
    x = np.zeros((2, layer.n_in), layer.weight.dtype)
    norm = copy.deepcopy(norm)  # otherwise recording it again would count as a batch
    for X in (Value(x), x):  # a layer may record less for a raw X
        tried = layer(X) if norm is None else layer.activate(norm(layer.linear(X)))
        made = [node.op for node in topological_order(tried) if node.op is not None]
        wanted = made[made.index(since[0].op) :]
        if [node.op for node in chain[: len(wanted)]] == wanted:
            return chain[len(wanted) - 1]
    return since[0]


def absorbed(order: list[Node], output: Node, stops: Iterable[Node]) -> list[Node]:
    """Return `output` and all nodes that only `output` needs, back to the `stops`."""
    consumers: dict[int, list[int]] = {}
    for node in order:
        for x in parents(node):
            consumers.setdefault(x.serial, []).append(node.serial)
    inside, outside = {output.serial}, {node.serial for node in stops}
    for node in reversed(order):
        users = consumers.get(node.serial)
        if users and node.serial not in outside and all(u in inside for u in users):
            inside.add(node.serial)
    return [node for node in order if node.serial in inside]


def target(order: list[Node]) -> tuple[str, Any] | None:
    """Return the name of the loss and its target, if the formulas know the loss."""
    for node in order:
        if node.op is not None and node.op.name in _LOSSES:
            return _LOSSES[node.op.name], node.args[1]
    return None
