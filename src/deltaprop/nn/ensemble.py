"""Ensembles: K networks of one shape, computed at once, with a leading axis of length K."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..calculus.reductions import sum as _sum
from ..graph import Node, as_array, raw
from ..graph.modes import no_grad
from ..options import generator, whole
from ..value import Value
from .activations import Activation, ActivationName
from .activations import activation as activation_by_name
from .initializers import Initializer, InitializerName, Rng
from .layers import MLP
from .losses import LossName
from .losses import loss as loss_by_name


class Ensemble(MLP):
    """K multilayer perceptrons of one shape, trained at once: each from its own draw.

    One operation computes all members: small networks spend most of their time on the overhead
    of calls, which K networks then share. Each member's output depends on its own weights
    alone. Hence the gradient of the *sum* of the members' losses holds, along the first axis,
    what each would have by itself: train with `loss`.

    Parameters
    ----------
    members : int
        K.
    sizes, activation, output, bias, init, rng, dtype, dropout
        As of `MLP`; members are drawn one after the other, and drop units each for itself.

    Attributes
    ----------
    layers : list of Dense
        With weights of shape (K, n_in, n_out) and biases of shape (K, 1, n_out).

    Raises
    ------
    ValueError, TypeError
        For a K that is no positive integer, and as of `MLP`.

    References
    ----------
    Hansen and Salamon, 1990: neural network ensembles; Lakshminarayanan, Pritzel and Blundell,
    2017: simple and scalable predictive uncertainty estimation using deep ensembles.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> ensemble = dp.nn.Ensemble(5, [2, 8, 1], rng=0)
    >>> X = np.array([[0.5, -1.0], [1.0, 2.0], [0.0, 0.0]])
    >>> ensemble(X).shape, ensemble.mean(X).shape, ensemble.spread(X).shape
    ((5, 3, 1), (3, 1), (3, 1))
    >>> loss = ensemble.loss("mse")(ensemble(X), np.ones((3, 1)))
    >>> loss.backward()
    >>> ensemble.layers[0].weight.grad.shape, ensemble.member(3)
    ((5, 2, 8), MLP([2, 8, 1], activation='tanh', output='identity'))
    """

    def __init__(
        self,
        members: int,
        sizes: Sequence[int],
        activation: ActivationName | Activation = "tanh",
        output: ActivationName | Activation = "identity",
        bias: bool = True,
        init: InitializerName | Initializer | None = None,
        rng: Rng = None,
        dtype: Any = np.float64,
        dropout: float = 0.0,
    ) -> None:
        self.members: int = whole("the number of members", members)
        source = generator(rng)
        super().__init__(sizes, activation, output, bias, init, source, dtype, dropout=dropout)
        self._network = partial(MLP, sizes, activation, output, bias, dtype=dtype, dropout=dropout)
        others = [self._network(init=init, rng=source).layers for _ in range(self.members - 1)]
        for same in zip(self.layers, *others, strict=True):
            layer = same[0]
            layer.weight = Value(np.stack([each.weight.numpy() for each in same]))
            if layer.bias is not None:
                layer.bias = Value(np.zeros((self.members, 1, layer.n_out), layer.bias.dtype))

    def __call__(self, x: Any) -> Value:
        """The outputs (K, N, n_L) for X of shape (N, n_0), seen by all, or (K, N, n_0)."""
        shape, n_in = as_array(raw(x)).shape, self.sizes[0]
        if len(shape) < 2 or shape[-1] != n_in or shape[:-2] not in ((), (self.members,)):
            raise ValueError(
                f"an ensemble of {self.members} members takes inputs of shape (N, {n_in}), for "
                f"all, or ({self.members}, N, {n_in}), but this input has shape {shape}"
            )
        return super().__call__(x)

    def member(self, k: int) -> MLP:
        """The k-th network by itself, with copies of its numbers."""
        if not -self.members <= k < self.members:
            raise IndexError(f"there are {self.members} members, and no number {k}")
        network = self._network(init="zeros", rng=k % self.members).train(self.training)
        for parameter, stack in zip(network.parameters(), self.parameters(), strict=True):
            parameter.assign(raw(stack)[k].reshape(parameter.shape))
        return network

    def loss(self, loss: LossName | Callable[..., Any]) -> Callable[..., Any]:
        """The sum of the members' losses, as a function of outputs and target.

        Parameters
        ----------
        loss : str or callable
            A mean over entries or rows, such as those of `LOSSES`. The target is that of all,
            (N, n_L) or (N,), or each member's own, (K, N, n_L) or (K, N). With the reduction
            "none" the sum is that of each entry or row.
        """
        of_all = loss_by_name(loss)

        def summed(prediction: Any, target: Any, **options: Any) -> Any:
            reduction = options.get("reduction", "mean")
            given, shape = as_array(raw(target)), raw(prediction).shape
            if given.shape in (shape[1:], shape[1:-1]):
                # that of all, K times: several times quicker than np.broadcast_to
                target = target if isinstance(target, Node) else given
                target = target + np.zeros((shape[0], *[1] * given.ndim), given.dtype)
            value = of_all(prediction, target, **options)
            if reduction == "none":
                return _sum(value, 0)
            return value * float(shape[0]) if reduction == "mean" else value

        return summed

    def predictions(
        self, x: Any, activation: ActivationName | Activation = "identity"
    ) -> np.ndarray:
        """All outputs (K, N, n_L), without a graph; the activation makes logits probabilities."""
        with no_grad():
            return np.asarray(raw(activation_by_name(activation)(self(x))))

    def mean(self, x: Any, activation: ActivationName | Activation = "identity") -> np.ndarray:
        """The members' mean (N, n_L)."""
        return self.predictions(x, activation).mean(0)

    def spread(self, x: Any, activation: ActivationName | Activation = "identity") -> np.ndarray:
        """The members' standard deviation (N, n_L): how far they disagree."""
        return self.predictions(x, activation).std(0)

    def vote(self, x: Any) -> np.ndarray:
        """The class (N,) that most members take: that of their largest output.

        A single output takes class 1 where it is positive, of a sigmoid above 1/2. Of classes
        with equally many votes, the larger sum of outputs decides.
        """
        Z = self.predictions(x)
        if Z.shape[-1] == 1:
            Z = Z - (0.5 if self.layers[-1].activation == "sigmoid" else 0.0)
            Z = np.concatenate([-Z, Z], axis=-1)
        votes = (Z.argmax(-1)[..., None] == np.arange(Z.shape[-1])).sum(0)
        most = votes == votes.max(-1, keepdims=True)
        return np.where(most, Z.sum(0), -np.inf).argmax(-1)

    def __repr__(self) -> str:
        return f"Ensemble({self.members}, {super().__repr__().removeprefix('MLP(')}"


__all__ = ["Ensemble"]
