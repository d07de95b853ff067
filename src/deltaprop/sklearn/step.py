"""A training step in scikit-learn's terms: penalty, weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import nn, optim
from ..compiler import compile  # noqa: A004
from ..transforms import stop_gradient

# Recording a step takes as long as this many compiled steps save. Rare batch sizes (the rest of the
# samples in a short training run, parts of varying sizes) are not worth compiling.
WORTH_COMPILING = 20
_BEFORE_COMPILING = 5  # if the number of batches of a size is not known in advance
_SIZES = 16  # batch sizes that are compiled; more would evict each other from the cache


class Step:
    """The step on a batch, compiled once batches of its size have come several times.

    Parameters
    ----------
    network : MLP
    criterion : callable
        A function of the output of the network and the targets. It returns the losses of rows or
        of entries, or one number for the batch.
    optimizer : Optimizer, optional
        The optimiser to step. Without one, a step only computes gradients.
    outputs : int
        The number that the reported loss is divided by; the differentiated loss is not.

    Attributes
    ----------
    sizes : set of int
        The batch sizes that are compiled. Add sizes that are sure to come often.
    """

    def __init__(
        self,
        network: nn.MLP,
        criterion: Callable[[Any, Any], Any],
        optimizer: optim.Optimizer | None,
        outputs: int = 1,
    ) -> None:
        parameters = network.parameters()
        weights = [layer.weight for layer in network.layers]

        def step(X: Any, T: Any, decay: Any, share: Any = None) -> Any:
            losses = criterion(network(X), T)
            if share is None:
                loss = losses.sum() / len(T) if losses.ndim else losses
            elif losses.ndim:
                loss = (share @ losses).sum()
            else:
                raise ValueError(
                    "with weights, the loss must return one number per row or per entry, got "
                    "one number for the batch"
                )
            # with one factor of each square held fixed: half of the gradient, at less cost
            rows = [w.ravel() for w in weights]
            penalty = decay * sum(row @ stop_gradient(row) for row in rows)
            for p in parameters:
                p.zero_grad()
            (loss + 2 * penalty).backward(retain_grads=False)
            if optimizer is not None:
                optimizer.step()
            return loss / outputs + penalty

        self.plain: Callable[..., Any] = step
        self.compiled: Callable[..., Any] = compile(step, maxsize=2 * _SIZES)
        self.seen: Counter[int] = Counter()
        self.sizes: set[int] = set()

    def __call__(self, X: Any, T: Any, alpha: float, weight: Any = None) -> float:
        """Return the loss plus the penalty: alpha / 2 times the squared weights, per sample."""
        size = len(T)
        total = float(size if weight is None else weight.sum())
        decay = np.array(0.5 * alpha / total, T.dtype)
        self.seen[size] += 1
        if self.seen[size] > _BEFORE_COMPILING and len(self.sizes) < _SIZES:
            self.sizes.add(size)
        run = self.compiled if size in self.sizes else self.plain
        batch = (X, T, decay) if weight is None else (X, T, decay, weight / total)
        return float(run(*batch).item())
