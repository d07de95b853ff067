"""A step of training in scikit-learn's terms: the update rules, the penalty, the weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .. import nn, optim
from .. import numpy as dnp
from ..compiler import compile  # noqa: A004
from ..optim import Optimizer, State
from ..transforms import stop_gradient

# Recording a step takes as long as so many steps on Values save: what comes seldom (the rest of
# the samples in a short training, parts of ever other sizes) is not worth it.
WORTH_COMPILING = 20
_BEFORE_COMPILING = 5  # where it is not known how many will come
_SIZES = 16  # of batches that are compiled; of ever other sizes none would stay in the cache


class Adam(Optimizer):
    """Adam whose eps is added before the bias is undone (Kingma and Ba's remark in section 2).

    The running sums g + beta g_before + ... are kept in place of the means: the factors
    1 - beta between them, and those that undo the bias, are the same for all parameters, so
    they are left to the rate and to eps.
    """

    slots: ClassVar[tuple[str, ...]] = ("sum", "sum_of_squares")
    count: int = 0

    @staticmethod
    def update(
        p: Any,
        g: Any,
        state: State,
        lr: Any,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> tuple[Any, State]:
        """The new p and state."""
        first, second = betas[0] * state[0] + g, betas[1] * state[1] + g * g
        eps = eps / (1 - betas[1]) ** 0.5
        return p - lr * first / (dnp.sqrt(second) + eps), (first, second)

    def prepare(self, rate: float) -> None:
        """Set what the next step takes for the learning rate `rate`."""
        self.count += 1
        first, second = self.options["betas"]
        self.lr = rate * (1 - first) / (1 - first**self.count)
        self.lr *= ((1 - second**self.count) / (1 - second)) ** 0.5


class Step:
    """The step on a batch: on Values at first, compiled when batches of that size come again.

    Parameters
    ----------
    network : MLP
    criterion : callable
        Of the network's output and the targets; returns the losses of rows or of entries, or
        one number for the batch.
    optimizer : Optimizer, optional
        Without it the gradients are all that a step leaves.
    outputs : int
        What the loss is divided by where it is reported, and not where it is differentiated.

    Attributes
    ----------
    sizes : set of int
        Those of batches that are compiled; add one that is sure to come often.
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
                    "where samples or classes have weights, the loss must return a number for "
                    "each row or entry, but it returned one for the batch"
                )
            # one factor of the squares is held fixed: that is half of the gradient, for less
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
        """The loss, with its penalty of alpha / 2 times the squared weights' sum per sample."""
        size = len(T)
        total = float(size if weight is None else weight.sum())
        decay = np.array(0.5 * alpha / total, T.dtype)
        self.seen[size] += 1
        if self.seen[size] > _BEFORE_COMPILING and len(self.sizes) < _SIZES:
            self.sizes.add(size)
        run = self.compiled if size in self.sizes else self.plain
        batch = (X, T, decay) if weight is None else (X, T, decay, weight / total)
        return float(run(*batch).item())
