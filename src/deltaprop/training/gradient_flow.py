"""Gradient flow: how large activations and gradients are in each layer."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..graph import Node, raw, topological_order
from ..graph.node import complete, variable_of
from ..nn import Module
from ..nn.losses import LossName
from ..nn.losses import loss as loss_by_name
from .callbacks import Callback
from .run import Run


class Flow(NamedTuple):
    """The sizes in one layer, over a batch.

    `activation_mean` is that of what goes on to the next layer (of the last: the prediction),
    `activation_std` its standard deviation over the samples, averaged over units: how far the
    layer still tells inputs apart. `delta` is the mean of ``|dL/dZ|``, Z being the
    layer's result before normalisation and activation; `gradient` the mean of ``|dL/dW|``.
    """

    activation_mean: float
    activation_std: float
    delta: float
    gradient: float


def gradient_flow(
    model: Module, X: Any, T: Any, loss: LossName | Callable[..., Any] = "mse"
) -> dict[str, Flow]:
    """Return the sizes in each layer in one step of a training run, first layer first.

    A layer is what multiplies by a parameter with two axes or more. The model runs in training
    mode, as a copy: nothing in it changes.

    Parameters
    ----------
    model : Module
    X, T : array_like (N, ...)
        A batch.
    loss : str or callable
        As of `fit`.

    Returns
    -------
    dict of str to Flow
        By the layers' names in the model's state.

    Raises
    ------
    TypeError, ValueError
        If the model is no `Module`, or has no such layer.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> mlp = dp.nn.MLP([2, *[8] * 9, 1], "sigmoid", rng=0)
    >>> flow = dp.training.gradient_flow(mlp, np.eye(2), np.ones((2, 1)))
    >>> list(flow)[0], flow["layers.0"].delta < 1e-5 * flow["layers.9"].delta
    ('layers.0', True)
    """
    if not isinstance(model, Module):
        raise TypeError(f"gradient_flow looks into a dp.nn.Module such as an MLP, not {model!r}")
    twin: Any = copy.deepcopy(model).train()
    with np.errstate(all="ignore"):
        prediction = twin(X)
        value = loss_by_name(loss)(prediction, T)
        value.backward()
        layers = list(_layers(twin, [complete(node) for node in topological_order(value)]))
        if not layers:
            raise ValueError(f"{model!r} has no layer with a matrix of weights: nothing to show")
        received = [x for _, _, _, x in layers[1:]] + [prediction]
        found: dict[str, Flow] = {}
        for (name, weight, Z, _), A in zip(layers, received, strict=True):
            name = name if name not in found else f"{name} ({len(found) + 1})"
            A = raw(A)
            spread = float(np.mean(np.std(A, axis=-2 if np.ndim(A) > 1 else 0)))
            found[name] = Flow(float(np.mean(A)), spread, _size(Z), _size(weight))
    return found


def _layers(model: Module, order: list[Node]) -> Iterator[tuple[str, Any, Any, Any]]:
    """The name, the weight, the result and the input of each layer, in the order of a graph."""
    known = {
        id(p): (name.rpartition(".")[0] or name, p)
        for name, p in model.named_parameters()
        if p.ndim > 1
    }
    for node in order:
        sources = [variable_of(x) if isinstance(x, Node) else x for x in node.args]
        weights = [known[id(x)] for x in sources if id(x) in known]
        inputs = [x for x in sources if id(x) not in known]
        if weights and inputs:
            yield *weights[0], node, inputs[0]


def _size(value: Any) -> float:
    return 0.0 if value.grad is None else float(np.mean(np.abs(raw(value.grad))))


class GradientFlow(Callback):
    """Record `gradient_flow` before the training and after each epoch.

    Parameters
    ----------
    data : tuple of arrays (X, T), optional
        The batch to look at; by default the first 256 rows of the training data.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> X = np.linspace(-1, 1, 64)[:, None]
    >>> model = dp.nn.MLP([1, 8, 8, 1], rng=0)
    >>> optimizer, flow = dp.optim.Adam(model.parameters()), dp.training.GradientFlow()
    >>> history = dp.training.fit(model, (X, X**2), "mse", optimizer, epochs=3, callbacks=[flow])
    >>> sizes = flow["delta"]
    >>> list(sizes), len(sizes["layers.0"])
    (['layers.0', 'layers.1', 'layers.2'], 4)
    """

    def __init__(self, data: Any = None) -> None:
        self.data = data
        self.layers: dict[str, list[Flow]] = {}

    def __getitem__(self, size: str) -> dict[str, list[float]]:
        """For each layer "delta", "gradient", ...: entry 0 is from before the training."""
        if size not in Flow._fields:
            raise KeyError(f"there is no {size!r}; there are {', '.join(Flow._fields)}")
        return {name: [getattr(flow, size) for flow in rows] for name, rows in self.layers.items()}

    def on_train_begin(self, run: Run) -> None:
        """Forget earlier trainings, and look at the start."""
        if self.data is None and not isinstance(run.data, tuple):
            raise ValueError(
                "training on batches from outside, GradientFlow needs a batch to look at: "
                "GradientFlow((X, T))"
            )
        self.layers = {}
        self.on_epoch_end(run)

    def on_epoch_end(self, run: Run) -> None:
        """Look at the layers."""
        X, T = self.data or [x[:256] for x in run.data[:2]]
        model: Any = run.model
        for name, flow in gradient_flow(model, X, T, run.loss).items():
            self.layers.setdefault(name, []).append(flow)

    def state_dict(self) -> dict[str, Any]:
        """The sizes so far, an array (epochs + 1, 4) for each layer."""
        return {name: np.array(rows) for name, rows in self.layers.items()}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.layers = {
            name: [Flow(*row) for row in np.asarray(rows).tolist()] for name, rows in saved.items()
        }
