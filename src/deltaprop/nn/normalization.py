"""Batch and layer normalisation: mean 0 and variance 1, then a learnt scale and offset."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..calculus.elementwise import sqrt, square
from ..calculus.reductions import mean
from ..graph import Custom, Node, as_array, raw
from ..graph.domains import case
from ..options import whole
from ..value import Value
from .module import Module, layer_dtype


def _deviation(x: Any, axis: Any) -> tuple[Any, Any, Any]:
    """The mean, the deviations from it, and their variance."""
    m = mean(x, axis, keepdims=True)
    d = x - m
    return m, d, mean(square(d), axis, keepdims=True)


def _normalize(x: Any, axis: Any, eps: float) -> Any:
    _, d, v = _deviation(x, axis)
    return d / sqrt(v + eps)


def _through(g: Any, y: Any, x: Any, axis: Any, eps: float) -> Any:
    """Either way, as it is its own transpose: equation (7) of `deltaprop.deltas`."""
    along = mean(g * y, axis, keepdims=True)
    g = g - mean(g, axis, keepdims=True) - y * along
    return g / sqrt(_deviation(x, axis)[2] + eps)


normalize: Custom = Custom(
    "normalize",
    _normalize,
    [_through],
    lambda tangents, y, x, axis, eps: _through(tangents[0], y, x, axis, eps),
    decomposed=True,
    cases=[
        case((5, 3), axis=(0,), eps=0.1),
        case((2, 4, 3), axis=(0, 1), eps=0.1),
        case((4, 5), axis=-1, eps=0.1),
    ],
)


class Normalization(Module):
    """What both kinds have: ``y = (x - m) / sqrt(v + eps) * weight + bias``, n features last."""

    def __init__(self, n: int, eps: float, affine: bool, dtype: Any) -> None:
        self.n: int = whole("the number of features", n)
        self.eps: float = eps
        if not eps > 0:
            raise ValueError(f"eps must be positive (it prevents division by 0), got {eps!r}")
        self._dtype = layer_dtype(dtype)
        self.weight: Value | None = Value(np.ones(self.n, self._dtype)) if affine else None
        self.bias: Value | None = Value(np.zeros(self.n, self._dtype)) if affine else None

    def _input(self, x: Any) -> Any:
        """x as it is, raw data in the layer's dtype."""
        x = x if isinstance(x, Node) else as_array(x, self._dtype)
        if x.shape[-1:] != (self.n,):
            raise ValueError(f"{self!r} takes inputs of shape (..., {self.n}), not {x.shape}")
        return x

    def _scaled(self, y: Any) -> Any:
        return y if self.weight is None else y * self.weight + self.bias

    def __repr__(self) -> str:
        affine = "" if self.weight is not None else ", affine=False"
        return f"{type(self).__name__}({self.n}{affine})"


class LayerNorm(Normalization):
    """Normalise each sample over its features: ``(x - mean) / sqrt(var + eps) * weight + bias``.

    Parameters
    ----------
    n : int
        The number of features: the length of the last axis of the input.
    eps : float
        A small number that is added to the variance.
    affine : bool
        Whether the layer has a weight, initially 1, and a bias, initially 0.
    dtype : dtype
        The floating dtype of the parameters.

    Attributes
    ----------
    weight, bias : Value (n,) or None

    Raises
    ------
    ValueError, TypeError
        If n is not a positive integer, eps is not positive, an input has another width, or the
        dtype is not floating.

    References
    ----------
    Ba, Kiros and Hinton, 2016: Layer normalization.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.nn.LayerNorm(2)([[0.0, 2.0], [5.0, 5.0]]).numpy().round(3)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """

    def __init__(
        self, n: int, eps: float = 1e-5, affine: bool = True, *, dtype: Any = np.float64
    ) -> None:
        super().__init__(n, eps, affine, dtype)

    def __call__(self, x: Any) -> Value:
        """Return the input normalised, with its shape (..., n)."""
        return self._scaled(normalize(self._input(x), axis=-1, eps=self.eps))


class BatchNorm(Normalization):
    """Normalise each feature over the batch: ``(x - mean) / sqrt(var + eps) * weight + bias``.

    In training, mean and variance are those of the batch, and gradients flow through them.
    Running averages of both are kept, and used in evaluation:

        running = (1 - momentum) running + momentum (of this batch)

    (Inside `checkpoint` the layer is computed twice, and so adds each batch twice.)

    Parameters
    ----------
    n : int
        The number of features: the length of the last axis of the input. All other axes
        count as samples.
    eps : float
        A small number that is added to the variance.
    momentum : float or None
        The weight of the latest batch, in (0, 1]. None: all batches have the same weight.
    affine : bool
        Whether the layer has a weight, initially 1, and a bias, initially 0.
    dtype : dtype
        The floating dtype of the parameters and buffers.

    Attributes
    ----------
    weight, bias : Value (n,) or None
    running_mean, running_var : ndarray (n,)
        Buffers, initially 0 and 1. The variance is divided by N - 1, as in PyTorch.
    num_batches_tracked : int
        A buffer: the number of batches seen.

    Raises
    ------
    ValueError, TypeError
        If n is not a positive integer, eps is not positive, the momentum is out of range, an input
        has another width, a training batch has one sample only (its variance would be 0), or the
        dtype is not floating.

    References
    ----------
    Ioffe and Szegedy, 2015: Batch normalization: accelerating deep network training by reducing
    internal covariate shift; the names and defaults are those of PyTorch's BatchNorm1d.

    Examples
    --------
    >>> import deltaprop as dp
    >>> norm = dp.nn.BatchNorm(1)
    >>> norm([[0.0], [2.0]]).numpy().round(3).tolist()
    [[-1.0], [1.0]]
    >>> norm.running_mean, norm.running_var
    (array([0.1]), array([1.1]))
    >>> norm.eval()([[0.1]]).numpy()          # one sample is enough here
    array([[0.]])
    """

    buffers: ClassVar[tuple[str, ...]] = ("running_mean", "running_var", "num_batches_tracked")

    def __init__(
        self,
        n: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        *,
        dtype: Any = np.float64,
    ) -> None:
        super().__init__(n, eps, affine, dtype)
        if momentum is not None and not 0 < momentum <= 1:
            raise ValueError(f"momentum must be in (0, 1], or None, not {momentum!r}")
        self.momentum = momentum
        self.running_mean: Any = np.zeros(self.n, self._dtype)
        self.running_var: Any = np.ones(self.n, self._dtype)
        self.num_batches_tracked: Any = 0

    def __call__(self, x: Any) -> Value:
        """Return the input normalised, with its shape (..., n)."""
        x = self._input(x)
        if not self.training:
            s = np.sqrt(self.running_var + self.eps)
            return self._scaled((x - self.running_mean) / s)
        count = x.size // self.n
        if count < 2:
            raise ValueError(
                f"{self!r} needs two samples or more to train on, but the input has shape "
                f"{x.shape}: skip such a partial batch (fit: drop_last=True), or call eval() to "
                "use the running statistics"
            )
        axes = tuple(range(x.ndim - 1))
        m, _, v = _deviation(raw(x), axes)
        self._track(m.reshape(self.n), v.reshape(self.n) * (count / (count - 1)))
        return self._scaled(normalize(x, axis=axes, eps=self.eps))

    def _track(self, m: Any, v: Any) -> None:
        count = self.num_batches_tracked + 1
        new = 1 / count if self.momentum is None else self.momentum
        mean = (1 - new) * self.running_mean + new * m
        var = (1 - new) * self.running_var + new * v
        # in the dtype of the layer, whatever the dtype of the batch
        self.running_mean = mean.astype(self._dtype, copy=False)
        self.running_var = var.astype(self._dtype, copy=False)
        self.num_batches_tracked = count


NORMALIZATIONS: dict[str, type[BatchNorm] | type[LayerNorm]] = {
    "batch": BatchNorm,
    "layer": LayerNorm,
}

__all__ = ["NORMALIZATIONS", "BatchNorm", "LayerNorm"]
