"""The activations by name; the functions and their derivatives are those of `calculus`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

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
from ..options import by_name

Activation: TypeAlias = Callable[[Any], Any]


def identity(x: Any) -> Any:
    """x itself: the activation of a linear layer."""
    return x


def gelu_tanh(x: Any) -> Any:
    """The approximation of gelu by tanh (Hendrycks and Gimpel, 2016)."""
    return gelu(x, approximate="tanh")


ACTIVATIONS: dict[str, Activation] = {
    "identity": identity,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "silu": silu,
    "swish": swish,
    "mish": mish,
    "softplus": softplus,
    "softsign": softsign,
    "log_sigmoid": log_sigmoid,
    "hard_tanh": hard_tanh,
    "softmax": softmax,
    "log_softmax": log_softmax,
}


def activation(name: str | Activation) -> Activation:
    """The activation of that name; a function stands for itself.

    Raises
    ------
    ValueError
        For an unknown name, listing the known ones.

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
