"""The activations by name; `calculus` has the functions and their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isfunction
from typing import Any, Literal, TypeAlias, get_args

from ..calculus.activations import (
    elu,
    gelu,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    mish,
    relu,
    selu,
    silu,
    softplus,
    softsign,
    swish,
)
from ..calculus.elementwise import sigmoid, tanh
from ..calculus.reductions import log_softmax, softmax
from ..calculus.signatures import of_array
from ..habits import explained
from ..options import by_name

Activation: TypeAlias = Callable[[Any], Any]


@of_array
def identity(x: Any) -> Any:
    """Return x itself: the activation of a linear layer.

    The derivative is 1.

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    Value or array
        `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.nn.identity(3.0)
    3.0
    """
    return x


@of_array
def gelu_tanh(x: Any) -> Any:
    """Return the approximation of `gelu` by tanh (Hendrycks and Gimpel, 2016).

    The derivative is that of the formula with tanh.

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    Value or array
        An array of the shape and dtype of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([-1.0, 0.0, 2.0])
    >>> dp.nn.gelu_tanh(x)
    Value([-0.15880801,  0.        ,  1.95459769], shape=(3,), dtype=float64)
    >>> dp.nn.gelu_tanh(x).sum().backward()
    >>> x.grad
    array([-0.08296408,  0.5       ,  1.08609926])
    """
    return gelu(x, approximate="tanh")


ActivationName: TypeAlias = Literal[
    "identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu",
    "mish", "softplus", "softsign", "log_sigmoid", "hard_tanh", "softmax", "log_softmax", "swish",
]  # fmt: skip
for _name in get_args(ActivationName):
    if isfunction(globals()[_name]):  # an operation says itself what it takes
        globals()[_name] = explained(globals()[_name])
ACTIVATIONS: dict[str, Activation] = {name: globals()[name] for name in get_args(ActivationName)}


def activation(name: str | Activation) -> Activation:
    """Return the activation of that name; a function is returned as it is.

    Parameters
    ----------
    name : str or callable

    Returns
    -------
    callable
        A function of one array.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known names.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.nn.activation("relu") is dp.nn.relu
    True
    """
    return by_name("activation", name, ACTIVATIONS)


__all__ = [
    "ACTIVATIONS", "activation", "elu", "gelu", "gelu_tanh", "hard_tanh", "identity",
    "leaky_relu", "log_sigmoid", "log_softmax", "mish", "relu", "selu", "sigmoid", "silu",
    "softmax", "softplus", "softsign", "swish", "tanh",
]  # fmt: skip
