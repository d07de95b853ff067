"""Activations: the functions between the layers of neural networks, in the same kind of table.

`elementwise` says how to write an entry. The logistic function is there, too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph import Elementwise, raw
from ..graph.domains import NONZERO, POSITIVE, UNIT
from . import libm
from .elementwise import (
    _bell,
    _bounded_exp,
    _logistic,
    _sigmoid,
    _sign,
    absolute,
    clip,
    erfc,
    exp,
    expm1,
    sigmoid,
    square,
    tanh,
    where,
)
from .signatures import Binary, Unary, of_array

__all__ = [
    "elu", "gelu", "hard_tanh", "leaky_relu", "log_sigmoid", "mish", "relu", "selu", "silu",
    "softplus", "softsign", "swish",
]  # fmt: skip

SQRT_HALF, INV_SQRT_2PI = math.sqrt(0.5), 1.0 / math.sqrt(2.0 * math.pi)
SQRT_2_OVER_PI = math.sqrt(2.0 / math.pi)
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _relu(x: Any) -> Any:
    """max(x, 0)."""
    return np.maximum(x, 0)


def _relu_float(x: float) -> float:
    return 0.0 if x <= 0 else x


def _softplus(x: Any) -> Any:
    """log(1 + exp(x)), without overflow."""
    if np.iscomplexobj(x):
        raise TypeError("softplus takes real numbers, got complex ones")
    return np.maximum(np.log1p(_bounded_exp(x)), x)


def _softplus_float(x: float) -> float:
    return max(math.log1p(math.exp(min(x, 80.0))), x)


def _softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    return x / (1 + np.abs(x))


def _silu(x: Any) -> Any:
    """x sigmoid(x), also called swish."""
    return x * _sigmoid(x)


def _mish(x: Any) -> Any:
    """x tanh(softplus(x))."""
    return x * np.tanh(_softplus(x))


def _log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)), without overflow."""
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


def _on_left(x: Any, slope: Any) -> Any:
    """Return a mask: where a function of slope 1 for x > 0 has its derivatives from the left.

    At 0 the derivatives are those of least norm: from the left, if that slope is from 0 to 1.
    """
    x, slope = raw(x), raw(slope)
    return (x < 0) | ((x == 0) & (slope >= 0) & (slope <= 1))


def _slope_of_pieces(x: Any, slope: Any, left: Any) -> Any:
    least = (raw(x) == 0) & (raw(slope) < 0)  # a kink from a negative slope to slope 1 is a minimum
    return where(least, 0.0, where(_on_left(x, slope), left, 1.0))


def _silu_slope(y: Any, x: Any) -> Any:
    s = sigmoid(x)
    return s + y * (1 - s)


def _mish_slope(_y: Any, x: Any) -> Any:
    t = tanh(softplus(x))
    return t + x * (1 - t * t) * sigmoid(x)


relu: Unary = Elementwise(
    _relu, lambda y, _x: _sign(y), domain=NONZERO, decomposed=True, scalar=_relu_float
)
"""Return the rectified linear unit, ``max(x, 0)``.

The derivative is ``where(x > 0, 1, 0)``. At the kink, x = 0, it is 0.
"""

_leaky_relu: Binary = Elementwise(
    lambda x, slope: np.where(x > 0, x, slope * x),
    lambda _y, x, slope: _slope_of_pieces(x, slope, slope),
    lambda _y, x, slope: where(_on_left(x, slope), x, 0.0),
    name="leaky_relu",
    domain=(NONZERO, UNIT),
    decomposed=True,
)
softplus: Unary = Elementwise(
    _softplus, lambda _y, x: _logistic(x), decomposed=True, scalar=_softplus_float
)
"""Return the softplus function, ``log(1 + exp(x))``, without overflow.

The derivative is ``sigmoid(x)``.
"""

softsign: Unary = Elementwise(_softsign, lambda _y, x: 1 / square(1 + absolute(x)), decomposed=True)
"""Return the softsign function, ``x / (1 + abs(x))``.

The derivative is ``1 / (1 + absolute(x))**2``.
"""

log_sigmoid: Unary = Elementwise(_log_sigmoid, lambda _y, x: _logistic(-x), decomposed=True)
"""Return ``log(sigmoid(x))``, without overflow.

The derivative is ``sigmoid(-x)``.
"""

silu: Unary = Elementwise(_silu, _silu_slope, decomposed=True)
"""Return the sigmoid linear unit ``x * sigmoid(x)``, also called swish.

The derivative is ``sigmoid(x) * (1 + x * sigmoid(-x))``.
"""

mish: Unary = Elementwise(_mish, _mish_slope, decomposed=True)
"""Return the activation mish, ``x * tanh(softplus(x))``.

The derivative is ``tanh(softplus(x)) + x * sigmoid(x) * (1 - tanh(softplus(x))**2)``.
"""

_elu: Binary = Elementwise(
    lambda x, alpha: np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0)),
    lambda _y, x, alpha: _slope_of_pieces(x, alpha, alpha * exp(x)),
    lambda _y, x, alpha: expm1(where(_on_left(x, alpha), x, 0.0)),
    name="elu",
    domain=(NONZERO, POSITIVE),
    decomposed=True,
)
_gelu: Unary = Elementwise(
    lambda x: 0.5 * x * libm.erfc(x * -SQRT_HALF),
    lambda _y, x: 0.5 * erfc(x * -SQRT_HALF) + x * _bell(x, 0.5) * INV_SQRT_2PI,
    name="gelu",
)


@of_array
def leaky_relu(x: Any, slope: Any = 0.01) -> Any:
    """Return x where x is positive, else slope * x; the slope may be a Value.

    The derivatives are ``where(x > 0, 1, slope)`` and ``where(x > 0, 0, x)``. At the kink, x = 0,
    the first is the smaller of `slope` and 1, but not below 0.

    Parameters
    ----------
    x : array_like or Value
    slope : float, array_like or Value, optional
        The derivative for negative numbers.

    Returns
    -------
    Value or array
        An array of the shape and dtype of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([-1.0, 0.0, 2.0])
    >>> dnp.leaky_relu(x)
    Value([-0.01,  0.  ,  2.  ], shape=(3,), dtype=float64)
    >>> dnp.leaky_relu(x).sum().backward()
    >>> x.grad
    array([0.01, 0.01, 1.  ])
    """
    return _leaky_relu(x, slope)


@of_array
def elu(x: Any, alpha: Any = 1.0) -> Any:
    """Return x where x is positive, else alpha * (exp(x) - 1).

    The derivatives are ``where(x > 0, 1, alpha * exp(x))`` and ``where(x > 0, 0, exp(x) - 1)``. At
    the kink, x = 0, the first is the smaller of `alpha` and 1, but not below 0.

    Parameters
    ----------
    x : array_like or Value
    alpha : float, array_like or Value, optional
        The negative of the limit for x to -inf.

    Returns
    -------
    Value or array
        An array of the shape and dtype of `x`.

    References
    ----------
    Clevert, Unterthiner and Hochreiter, 2016: exponential linear units.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([-1.0, 0.0, 2.0])
    >>> dnp.elu(x)
    Value([-0.63212056,  0.        ,  2.        ], shape=(3,), dtype=float64)
    >>> dnp.elu(x).sum().backward()
    >>> x.grad
    array([0.36787944, 1.        , 1.        ])
    """
    return _elu(x, alpha)


@of_array
def selu(x: Any) -> Any:
    """Return the scaled elu that keeps mean 0 and variance 1 through layers.

    The derivative is ``where(x > 0, s, s * a * exp(x))`` with s = 1.0507 and a = 1.6733. At the
    kink, x = 0, it is 1.0507.

    Parameters
    ----------
    x : array_like or Value

    Returns
    -------
    Value or array
        An array of the shape and dtype of `x`.

    References
    ----------
    Klambauer et al., 2017: self-normalizing neural networks.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([-1.0, 0.0, 2.0])
    >>> dnp.selu(x)
    Value([-1.11133074,  0.        ,  2.10140197], shape=(3,), dtype=float64)
    >>> dnp.selu(x).sum().backward()
    >>> x.grad
    array([0.6467686 , 1.05070099, 1.05070099])
    """
    return SELU_SCALE * _elu(x, SELU_ALPHA)


@of_array
def gelu(x: Any, approximate: str = "none") -> Any:
    """Return x times the normal distribution function at x.

    The derivative is ``ndtr(x) + x * exp(-x**2 / 2) / sqrt(2 * pi)``.

    Parameters
    ----------
    x : array_like or Value
    approximate : {"none", "tanh"}
        Whether to compute erfc exactly, or the usual approximation with tanh.

    Returns
    -------
    Value or array
        An array of the shape and dtype of `x`.

    References
    ----------
    Hendrycks and Gimpel, 2016: Gaussian error linear units.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([-1.0, 0.0, 2.0])
    >>> dnp.gelu(x)
    Value([-0.15865525,  0.        ,  1.95449974], shape=(3,), dtype=float64)
    >>> dnp.gelu(x).sum().backward()
    >>> x.grad
    array([-0.08331547,  0.5       ,  1.0852318 ])
    """
    if approximate == "tanh":
        return 0.5 * x * (1 + tanh(SQRT_2_OVER_PI * (x + 0.044715 * x * x * x)))
    if approximate != "none":
        raise ValueError(f"approximate must be 'none' or 'tanh', got {approximate!r}")
    return _gelu(x)


@of_array
def hard_tanh(x: Any) -> Any:
    """Return x clipped to [-1, 1].

    The derivative is 1 from -1 to 1, also at these kinks, and 0 elsewhere.

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
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([-2.0, 0.5, 1.0])
    >>> dnp.hard_tanh(x)
    Value([-1. ,  0.5,  1. ], shape=(3,), dtype=float64)
    >>> dnp.hard_tanh(x).sum().backward()
    >>> x.grad
    array([0., 1., 1.])
    """
    return clip(x, -1.0, 1.0)


swish: Unary = silu
