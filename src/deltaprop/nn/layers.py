"""Layers and the multilayer perceptron. Rows are samples: Z = X W + b, A = f(Z)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal
from warnings import warn

import numpy as np

from ..calculus.contractions import affine_, matmul
from ..data import rectangular
from ..graph import Node, as_array, frozen, outside, raw, shape_of
from ..options import brief, by_name, chosen, generator, number, sequence, whole
from ..tables import html
from ..value import Value
from .activations import Activation, ActivationName
from .activations import activation as activation_by_name
from .initializers import Initializer, InitializerName, Rng, initializer, suited_to
from .module import Module, layer_dtype
from .normalization import NORMALIZATIONS
from .propagation import PROPAGATIONS, Propagation, activate, cut


class Dense(Module):
    """A fully connected layer, A = f(X W + b).

    Parameters
    ----------
    n_in, n_out : int
        Widths of the input and the output.
    activation : str or callable
        One of `ACTIVATIONS`, or any differentiable function of a Value.
    bias : bool
        Whether the layer has a bias b, initially zero.
    init : str or callable, optional
        One of `INITIALIZERS` or a function (shape, rng, dtype). The default suits the activation:
        He for relu and its variants, LeCun for selu, Glorot for all others.
    rng : numpy.random.Generator, int or None
        The source of the random weights; the same seed gives the same weights.
    dtype : dtype
        The floating dtype of the parameters.
    error_propagation : {"exact", "rashid", "linear"}
        What the layer sends back to its input: the gradient, or one of two pseudo-gradients that
        leave out f' (see `deltaprop.nn.propagation`).

    Attributes
    ----------
    weight : Value (n_in, n_out)
    bias : Value (n_out,) or None
    activation : str
        The activation's name.

    Raises
    ------
    ValueError, TypeError
        If a width is not a positive integer, a name is unknown, or the dtype is not floating.

    Examples
    --------
    >>> import deltaprop as dp
    >>> layer = dp.nn.Dense(3, 2, activation="tanh", rng=0)
    >>> layer([[0.0, 1.0, 2.0]]).shape
    (1, 2)
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        activation: ActivationName | Activation = "identity",
        bias: bool = True,
        init: InitializerName | Initializer | None = None,
        *,
        rng: Rng = None,
        dtype: Any = np.float64,
        error_propagation: Propagation = "exact",
    ) -> None:
        self.n_in: int = whole("n_in", n_in)
        self.n_out: int = whole("n_out", n_out)
        self._function = activation_by_name(activation)
        self.activation: str = _name(self._function)
        self.error_propagation: Any = chosen("error propagation", error_propagation, PROPAGATIONS)
        self._dtype = layer_dtype(dtype)
        draw = suited_to(self.activation) if init is None else initializer(init)
        shape = self.n_in, self.n_out
        self.weight: Value = Value(draw(shape, generator(rng), self._dtype))
        if self.weight.shape != shape:
            raise ValueError(
                f"the initialiser gave shape {self.weight.shape}, but was asked for {shape}"
            )
        self.bias: Value | Any = Value(np.zeros(self.n_out, self._dtype)) if bias else None

    def __call__(self, x: Any) -> Value:
        """A = f(X W + b), of shape (..., n_out) for X of shape (..., n_in).

        A raw X is converted to the layer's dtype, and no gradient is computed for it.
        """
        return self.activate(self.linear(x))

    def linear(self, x: Any) -> Value:
        """Z = X W + b; its gradient is the layer's delta, dL/dZ."""
        if not isinstance(x, Node):
            x = self._as_input(x)
        elif self.error_propagation == "rashid":
            x = cut(x)
        try:
            if self.bias is None:
                return matmul(x, self.weight)
            return affine_(x, self.weight, self.bias)
        except ValueError as error:
            shape = shape_of(x)
            if shape[-1:] == (self.n_in,):
                raise
            raise ValueError(
                f"{self!r} takes inputs of shape (N, {self.n_in}), as its weight has shape "
                f"{self.weight.shape}, but this input has shape {shape}"
            ) from error

    def activate(self, z: Any) -> Value:
        """Return A = f(Z), for a Z that `linear` has returned."""
        if self.error_propagation == "exact":
            return self._function(z)
        return activate(z, self._function, self.error_propagation)

    def _as_input(self, x: Any) -> Any:
        if type(x) is np.ndarray and x.dtype == self._dtype:
            return x
        given = rectangular(x)
        if given.dtype.kind not in "biuf":
            raise TypeError(
                f"{self!r} takes an array of real numbers, but the input is {brief(x)}, of dtype "
                f"{given.dtype}: convert it first"
            )
        return frozen(given.astype(self._dtype))

    def __repr__(self) -> str:
        options = [f", activation={self.activation!r}"] if self.activation != "identity" else []
        if self.bias is None:
            options.append(", bias=False")
        if self.error_propagation != "exact":
            options.append(f", error_propagation={self.error_propagation!r}")
        return f"Dense({self.n_in}, {self.n_out}{''.join(options)})"


class Dropout(Module):
    """Zero each entry with probability `p` while training, and scale the rest by 1 / (1 - p).

    The scale keeps the expected value ("inverted" dropout), so evaluation does nothing.

    Parameters
    ----------
    p : float
        In [0, 1).
    rng : numpy.random.Generator, int or None

    References
    ----------
    Srivastava et al., 2014: Dropout: a simple way to prevent neural networks from overfitting.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dropout = dp.nn.Dropout(0.5, rng=0)
    >>> dropout.eval()(dp.Value([1.0, 2.0])).numpy()
    array([1., 2.])
    """

    def __init__(self, p: float = 0.5, rng: Rng = None) -> None:
        self.p: float = number("the probability of dropping", p, below=1.0)
        self.rng: np.random.Generator = generator(rng)

    def __call__(self, x: Any) -> Any:
        """Return x with some entries zeroed, or x itself in evaluation mode."""
        if not self.training or not self.p:
            return x
        data, rng = as_array(raw(x)), outside().generator(self.rng)
        factor = (rng.random(data.shape) >= self.p).astype(np.result_type(data, 0.0))
        return x * frozen(factor * (1 / (1 - self.p)))

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


class Sequential(Module):
    """Layers, or any functions of a Value, one after the other.

    Parameters
    ----------
    *layers : callable
        Layers, or other functions of a Value.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.nn.Sequential(dp.nn.Dense(2, 3, rng=0), dp.nn.softplus, dp.nn.Dense(3, 1, rng=1))
    Sequential(Dense(2, 3), softplus, Dense(3, 1))
    """

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        for layer in layers:
            if not callable(layer):
                raise TypeError(
                    "Sequential takes layers and functions, Sequential(Dense(2, 3), nn.relu, ...), "
                    f"not {brief(layer)}"
                )
        self.layers: list[Callable[[Any], Any]] = list(layers)

    def __call__(self, x: Any) -> Any:
        """Return the output of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __repr__(self) -> str:
        names = [repr(f) if isinstance(f, Module) else _name(f) for f in self.layers]
        return f"Sequential({', '.join(names)})"


class MLP(Module):
    """A multilayer perceptron: dense layers, one activation for the hidden ones.

    Parameters
    ----------
    sizes : sequence of int
        [n_0, n_1, ..., n_L]: the width of the input, of each hidden layer, of the output.
    activation, output : str or callable
        The activation of the hidden layers, and that of the last layer.
    bias : bool
        Whether the layers have biases.
    init : str or callable, optional
        The initialiser of every weight; the default suits the activation.
    rng : numpy.random.Generator, int or None
        The source of weights and dropout masks; the same seed gives the same network.
    dtype : dtype
        The floating dtype of the parameters.
    error_propagation : {"exact", "rashid", "linear"}
        See `Dense`.
    dropout : float
        Probability of dropping a hidden unit while training.
    normalization : {None, "batch", "layer"}
        Normalisation of the Z of hidden layers, before their activation. Batch normalisation
        cancels the biases of these layers, so they have none; it has its own.

    Attributes
    ----------
    layers : list of Dense
    norms : list of BatchNorm or LayerNorm, or None
        The normalisation of each hidden layer.

    Examples
    --------
    >>> import deltaprop as dp
    >>> mlp = dp.nn.MLP([2, 16, 1], activation="tanh", rng=0)
    >>> mlp
    MLP([2, 16, 1], activation='tanh', output='identity')
    >>> mlp([[0.5, -1.0], [1.0, 2.0]]).shape
    (2, 1)
    >>> [name for name, _ in mlp.named_parameters()]
    ['layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias']
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: ActivationName | Activation = "tanh",
        output: ActivationName | Activation = "identity",
        bias: bool = True,
        init: InitializerName | Initializer | None = None,
        rng: Rng = None,
        dtype: Any = np.float64,
        error_propagation: Propagation = "exact",
        dropout: float = 0.0,
        normalization: Literal["batch", "layer"] | None = None,
    ) -> None:
        widths = sequence("sizes [n_in, ..., n_out]", sizes, write="write MLP([2, 4, 1])")
        self.sizes: list[int] = [whole("a width", n) for n in widths]
        if len(self.sizes) < 2:
            raise ValueError(f"an MLP needs the widths [n_in, ..., n_out], not {widths}")
        source = generator(rng)
        last = len(self.sizes) - 2
        self.layers: list[Dense] = [
            Dense(
                self.sizes[i],
                self.sizes[i + 1],
                output if i == last else activation,
                chosen("bias", bias, (True, False)) and (i == last or normalization != "batch"),
                init,
                rng=source,
                dtype=dtype,
                error_propagation=error_propagation,
            )
            for i in range(last + 1)
        ]
        if self.sizes[-1] == 1 and output in ("softmax", "log_softmax"):
            warn(f"{output} of one output never changes: take sigmoid, or 2 outputs", stacklevel=3)
        self.dropout: Dropout | None = Dropout(dropout, rng=source) if dropout else None
        self.normalization: str | None = normalization
        self.norms: list[Any] | None = None
        if normalization is not None:
            kind: Any = by_name("normalization", normalization, NORMALIZATIONS)
            if error_propagation != "exact":
                raise ValueError(
                    f"error_propagation={error_propagation!r} leaves out derivatives of plain "
                    "layers: it goes with no normalization"
                )
            self.norms = [kind(n, dtype=dtype) for n in self.sizes[1:-1]]

    def __call__(self, x: Any) -> Value:
        """Return the output A_L of shape (N, n_L) for X of shape (N, n_0)."""
        last = len(self.layers) - 1
        for k, layer in enumerate(self.layers):
            if self.norms and k < last:
                x = layer.activate(self.norms[k](layer.linear(x)))
            else:
                x = layer(x)
            if self.dropout is not None and k < last:
                x = self.dropout(x)
        return x

    def normalized(self, k: int, z: Any) -> Any:
        """Return Z as normalised for the activation of layer k, counted from 0."""
        return self.norms[k](z) if self.norms and k < len(self.norms) else z

    def _repr_html_(self) -> str:
        """Return the layers as a table."""
        norms: list[Any] = [*(self.norms or ()), *[None] * len(self.layers)]
        sizes = [sum(p.size for p in layer.parameters()) for layer in self.layers]
        rows = [
            [f"layers.{k}", layer.weight.shape, layer.activation, norm, n]
            for k, (layer, norm, n) in enumerate(zip(self.layers, norms, sizes, strict=False))
        ]
        total = sum(p.size for p in self.parameters())
        header = ["layer", "weight", "activation", "normalization", "parameters"]
        return html(f"{self!r}: {total:,} parameters", header, rows)

    def __repr__(self) -> str:
        hidden, last = self.layers[0], self.layers[-1]
        text = f"MLP({self.sizes}, activation={hidden.activation!r}, output={last.activation!r}"
        if last.bias is None:
            text += ", bias=False"
        if last.error_propagation != "exact":
            text += f", error_propagation={last.error_propagation!r}"
        if self.dropout:
            text += f", dropout={self.dropout.p}"
        if self.normalization:
            text += f", normalization={self.normalization!r}"
        return text + ")"


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


__all__ = ["MLP", "Dense", "Dropout", "Sequential"]
