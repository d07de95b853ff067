"""The closed-form formulas compared with autodiff, layer by layer."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np

from .. import nn
from ..habits import explained, foreign
from ..nn.losses import LossName
from ..nn.propagation import Propagation
from ..options import of_kind
from ..tables import html
from .formulas import Array, Deltas, LayerDeltas, checked, layer_deltas

LIMIT = 16  # units in the last place up to which the formulas and autodiff agree


class Row(NamedTuple):
    """The differences between autodiff and the formulas in one layer, in ulp (last places).

    Parameters
    ----------
    layer : str
    delta, dW : float
    db : float or None
        None without a bias.
    norm : float or None, optional
        None without a normalisation.

    Examples
    --------
    >>> import deltaprop as dp
    >>> mlp = dp.nn.MLP([2, 1], activation="sigmoid", output="sigmoid", rng=0)
    >>> comparison = dp.deltas.compare(mlp, [[0.0, 1.0]], [[1.0]])
    >>> row = comparison.rows[0]
    >>> row.delta, row.dW, row.db
    (0.0, 0.0, 0.0)
    """

    layer: str
    delta: float
    dW: float  # noqa: N815
    db: float | None
    norm: float | None = None  # the larger of dgamma and dbeta


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Formulas compared with autodiff: `str()` is a table of `rows`; `agree` says if they match.

    One ulp is eps of the dtype x the largest absolute entry of the array of the formulas. Near a
    minimum, A - T is small compared with A. The formulas and autodiff agree there only if both
    compute A bit for bit alike, which they do if both make the same calls of NumPy.

    Parameters
    ----------
    title : str
        The first line of the table.
    formulas : Deltas
        What the formulas give.
    autodiff : Deltas
        What autodiff gives.
    rows : tuple of Row
        The differences, one row for each layer.

    Examples
    --------
    >>> import deltaprop as dp
    >>> mlp = dp.nn.MLP([2, 1], activation="sigmoid", output="sigmoid", rng=0)
    >>> comparison = dp.deltas.compare(mlp, [[0.0, 1.0]], [[1.0]])
    >>> comparison.agree, len(comparison.rows)
    (True, 1)
    """

    title: str
    formulas: Deltas
    autodiff: Deltas
    rows: tuple[Row, ...]

    @property
    def largest(self) -> float:
        """The largest difference in the table; NaN if any is."""
        return float(np.max([ulps for row in self.rows for ulps in row[1:] if ulps is not None]))

    @property
    def agree(self) -> bool:
        """Whether no difference is larger than 16 ulp."""
        return self.largest <= LIMIT

    def __str__(self) -> str:
        dtype = self.formulas.layers[0].dW.dtype
        lines = [
            f"{self.title}: loss {self.formulas.loss:.6g}, by autodiff {self.autodiff.loss:.6g}",
            f"largest difference in ulp, where 1 ulp = eps of {dtype} x largest absolute entry",
            f"{'layer':<32}{'delta':>10}{'dW':>10}{'db':>10}",
        ]
        if normalized := any(row.norm is not None for row in self.rows):
            lines[-1] += f"{'norm':>10}"
        for layer, *ulps in self.rows:
            cells = ["-" if x is None else f"{x:.2g}" for x in ulps[: 3 + normalized]]
            lines.append(f"{layer:<32}" + "".join(f"{cell:>10}" for cell in cells))
        return "\n".join([*lines, self._verdict()])

    def _verdict(self) -> str:
        verdict = "agree" if self.agree else "DISAGREE"
        return f"{verdict}: {self.largest:.2g} ulp at most; the limit is {LIMIT}"

    def __repr__(self) -> str:
        return f"Comparison({self.title}, {len(self.rows)} layers {self._verdict()})"

    def _repr_html_(self) -> str:
        normalized = any(row.norm is not None for row in self.rows)
        header = [*Row._fields[: 4 + normalized]]
        rows = [[row[0], *row[1 : 4 + normalized]] for row in self.rows]
        return html(f"{self.title}, differences in ulp; {self._verdict()}", header, rows)


def _shown(found: Deltas) -> str:
    """Return the sizes of the deltas and gradients as a table, for notebooks."""
    parts = [(layer.delta, layer.dW, layer.db) for layer in found.layers]
    rows = [
        [k + 1, dW.shape, *(None if x is None else float(np.abs(x).max()) for x in (delta, dW, db))]
        for k, (delta, dW, db) in enumerate(parts)
    ]
    header = ["layer", "shape of W", "largest |delta|", "largest |dW|", "largest |db|"]
    return html(f"loss {found.loss:.6g}", header, rows)


foreign(Deltas, dict.fromkeys(("delta", "dW", "db", "Z", "A"), "write .layers[k].delta, .dW, ..."))
Deltas._repr_html_ = _shown  # type: ignore[attr-defined]  # the formulas need only NumPy


@explained
def compare(
    mlp: nn.MLP,
    X: Any,
    T: Any,
    loss: LossName = "mse",
    error_propagation: Propagation | None = None,
) -> Comparison:
    """Run the formulas and autodiff, and compare delta, dW and db layer by layer.

    Arguments and errors are those of `layer_deltas`. `error_propagation` must be the one that the
    model was built with, which is the default. The gradients and buffers of the model stay as
    they are.

    Parameters
    ----------
    mlp : nn.MLP
        The network.
    X : array_like
        The inputs (N, n_0).
    T : array_like
        The targets (N, n_L).
    loss : str, optional
    error_propagation : {'exact', 'rashid', 'linear'}, optional
        That of the model, by default.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> import deltaprop as dp
    >>> mlp = dp.nn.MLP([2, 3, 1], activation="sigmoid", output="sigmoid", rng=0)
    >>> comparison = dp.deltas.compare(mlp, [[0.0, 1.0], [1.0, 1.0]], [[1.0], [0.0]])
    >>> comparison.agree
    True
    """
    of_kind("the model", mlp, nn.MLP, "write compare(mlp, X, T)")
    built_with = mlp.layers[0].error_propagation
    if error_propagation not in (None, built_with):
        raise ValueError(
            f"the model was built with error_propagation={built_with!r}, so autodiff cannot use "
            f"{error_propagation!r}: build it with nn.MLP(..., error_propagation=...)"
        )
    formulas = layer_deltas(mlp, X, T, loss, built_with)
    autodiff = _autodiff(mlp, *checked(mlp, X, T, loss), loss)
    rows: list[Row] = []
    for layer, ours, theirs in zip(mlp.layers, formulas.layers, autodiff.layers, strict=True):
        name = "{}: {} -> {} {}".format(len(rows) + 1, *ours.dW.shape, layer.activation)
        pairs = [*zip(vars(ours).values(), vars(theirs).values(), strict=True)][2:]  # not Z, A
        apart: list[Any] = [None if x is None else ulps_apart(x, y) for x, y in pairs]
        of_norm = [x for x in apart[3:] if x is not None]
        rows.append(Row._make([name, *apart[:3], max(of_norm, default=None)]))
    return Comparison(f"{loss}, {built_with}", formulas, autodiff, tuple(rows))


def ulps_apart(ours: Array, theirs: Any) -> float:
    """Return the largest difference, in units in the last place of the largest entry of `ours`."""
    if np.shape(theirs) != ours.shape or theirs.dtype != ours.dtype:
        return math.inf  # NumPy would broadcast or promote, and hide the difference
    info = np.finfo(ours.dtype)
    ulp = max(float(info.eps) * float(np.abs(ours).max()), float(info.smallest_subnormal))
    return float(np.abs(ours.astype(np.float64) - theirs).max()) / ulp


def _autodiff(mlp: nn.MLP, X: Array, T: Array, loss: str) -> Deltas:
    """Run a forward and a backward pass of autodiff, and return the same quantities."""
    mlp = copy.deepcopy(mlp)  # a copy, so that the model keeps its gradients and buffers
    A: Any = X
    passed = []
    for k, layer in enumerate(mlp.layers):
        Z = layer.linear(A)
        A = layer.activate(mlp.normalized(k, Z))
        passed.append((layer, Z, A))
    value = nn.LOSSES[loss](A, T)
    value.backward()
    found = []
    for (layer, Z, A), norm in zip_longest(passed, mlp.norms or ()):
        db = None if layer.bias is None else layer.bias.grad
        of_norm = () if norm is None else (norm.weight.grad, norm.bias.grad)
        found.append(LayerDeltas(Z.numpy(), A.numpy(), Z.grad, layer.weight.grad, db, *of_norm))
    return Deltas(value.item(), tuple(found))


__all__ = ["Comparison", "Row", "compare"]
