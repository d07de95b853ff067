"""The layer-delta formulas of an MLP, beside the steps of the backward pass that equal them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import deltas, nn
from ..deltas.comparison import LIMIT, ulps_apart
from ..graph import Node, raw
from .layers import target
from .notation import brief, summary
from .picture import Picture

# dL/dA of the last layer; of the last two losses, made for logits, dL/dZ
_LAST = {
    "mse": "2 · ({A} − {T}) / {n}",
    "binary_cross_entropy": "((1 − {T}) / (1 − {A}) − {T} / {A}) / {n}",
    "binary_cross_entropy_with_logits": "(sigmoid({Z}) − {T}) / {n}",
    "softmax_cross_entropy": "(softmax({Z}) − {T}) / {n}",
}


@dataclass(frozen=True)
class Card:
    """One formula: in symbols, with its numbers, and its result."""

    rule: str
    numbers: str
    value: Any

    def compared(self, sweep: Any) -> dict[str, Any]:
        """Return the formula, and how far the number of the backward pass is from it."""
        value = np.asarray(self.value)
        distance = ulps_apart(value, np.asarray(sweep, value.dtype))
        return {
            "rule": self.rule,
            "numbers": self.numbers,
            "result": summary(value),
            "ulps": f"{distance:.2g}",
            "agree": distance <= LIMIT,
        }


def cards(picture: Picture, model: Any) -> dict[int, Card]:
    """Return the formulas for delta, dW and db of each layer, by the serials of Z, W and b."""
    order, used = picture.order, picture.used
    found, loss = target(order), float(raw(order[-1]))
    if not isinstance(model, nn.MLP) or [a.layer for a in used] != model.layers:
        raise ValueError(
            "the layer-delta formulas are those of an nn.MLP that was applied once: give play an "
            "MLP that the loss was computed with, or no model"
        )
    propagation: Any = model.layers[0].error_propagation
    masks = [mask for a in used[1:] if (mask := _mask(a.X)) is not None]
    name: Any = found[0] if found else None
    by_formula = found and deltas.layer_deltas(
        model, raw(used[0].X), raw(found[1]), name, propagation, masks=masks
    )
    if not found or not by_formula or not np.isclose(by_formula.loss, loss):
        raise ValueError(
            f"the layer-delta formulas know the losses {', '.join(_LAST)}, as the mean over a "
            "batch, with nothing added; this loss is another, or the model has changed since, for "
            "example by .eval(): give play no model"
        )
    return _LineWriter(picture, found, by_formula, model).cards


def _mask(x: Any) -> Any:
    """Return the mask of dropout by which an activation was multiplied, or None."""
    dropped = isinstance(x, Node) and x.op is not None and x.op.name == "multiply"
    return x.args[1] if dropped and isinstance(x.args[1], np.ndarray) else None


class _LineWriter:
    """Writes each formula twice, with names and with numbers."""

    def __init__(self, picture: Picture, loss: Any, found: deltas.Deltas, model: nn.MLP) -> None:
        self.cards: dict[int, Card] = {}
        self.used, (self.loss, T) = picture.used, loss
        self.mode = model.layers[0].error_propagation
        self.norms = dict(enumerate(model.norms or ()))
        layers, of = found.layers, picture.names.of
        rows, count = layers[-1].A.shape[0], layers[-1].A.size
        n = str(rows if self.loss == "softmax_cross_entropy" else count)
        self.names: dict[str, str] = {"T": of(T), "n": n}
        self.numbers: dict[str, str] = {"T": brief(raw(T)), "n": n}
        for k, (a, d) in enumerate(zip(self.used, layers, strict=True)):
            for letter, name, data in (
                ("Z", of(a.Z), d.Z),
                ("A", of(a.A), d.A),
                ("X", of(a.X), raw(a.X)),
                ("W", of(a.layer.weight), raw(a.layer.weight)),
                ("delta", f"δ{k + 1}", d.delta),
                ("mask", of(_mask(a.X)) if _mask(a.X) is not None else "", _mask(a.X)),
            ):
                self.names[f"{letter}_{k}"] = name
                self.numbers[f"{letter}_{k}"] = "" if data is None else brief(data)
        for k, (a, d) in enumerate(zip(self.used, layers, strict=True)):
            if k in self.norms:
                self._normalized(k, a.Z, d)
            else:
                self._add(a.Z, f"δ{k + 1}", self._delta(k), d.delta)
            self._add(a.layer.weight, f"dW{k + 1}", f"{{X_{k}}}ᵀ @ {{delta_{k}}}", d.dW)
            if a.layer.bias is not None:
                self._add(a.layer.bias, f"db{k + 1}", f"sum over rows of {{delta_{k}}}", d.db)

    def _normalized(self, k: int, Z: Node, d: deltas.LayerDeltas) -> None:
        """Add the formulas of a normalised layer: equations (6) and (7) of `deltas.formulas`."""
        n, norm = k + 1, self.norms[k]
        u = self._delta(k).replace(f"{{Z_{k}}}", f"Y{n}").format_map(self.names)
        with_u = f"h{n} = γ{n} ⊙ u{n}, u{n} = {u}"
        moved = f"h{n} − mean(h{n}) − N{n} ⊙ mean(h{n} ⊙ N{n})"
        if hasattr(norm, "running_mean") and not norm.training:
            moved = f"h{n}"
        for node, rule, value in (
            (Z, f"δ{n} = ({moved}) / s{n}, where {with_u}", d.delta),
            (norm.weight, f"dγ{n} = sum over rows of u{n} ⊙ N{n}", d.dgamma),
            (norm.bias, f"dβ{n} = sum over rows of u{n}", d.dbeta),
        ):
            self.cards[node.serial] = Card(rule, "", value)

    def _add(self, node: Node, left: str, right: str, value: Any) -> None:
        rule = f"{left} = {right.format_map(self.names)}"
        self.cards[node.serial] = Card(rule, right.format_map(self.numbers), value)

    def _error(self, k: int) -> str:
        """dL/dA of layer k, or what the mode of propagation takes for it."""
        if k + 1 == len(self.used):
            letters = {c: f"{{{c}_{k}}}" for c in "AZ"} | {c: f"{{{c}}}" for c in "Tn"}
            return _LAST[self.loss].format_map(letters)
        after = f"({self._error(k + 1)})" if self.mode == "rashid" else f"{{delta_{k + 1}}}"
        error = f"{after} @ {{W_{k + 1}}}ᵀ"
        return f"({error}) ⊙ {{mask_{k + 1}}}" if self.names[f"mask_{k + 1}"] else error

    def _delta(self, k: int) -> str:
        layer, last = self.used[k].layer, k + 1 == len(self.used)
        plain = layer.activation == "identity" or self.mode == "linear"
        if last and not plain and (self.loss, layer.activation) == (
            "binary_cross_entropy", "sigmoid"
        ):  # fmt: skip
            return f"({{A_{k}}} − {{T}}) / {{n}}"
        error = self._error(k)
        return error if plain else f"({error}) ⊙ {layer.activation}′({{Z_{k}}})"
