"""Initialisers of weights. Each is a function ``init(shape, rng, dtype) -> ndarray``.

`rng` is a `numpy.random.Generator`, a seed for one, or None for an unpredictable one; NumPy's
global state is never used. Numbers are drawn in float64 and rounded, so that a seed gives the
same start in every dtype. The last axis of a shape counts outputs, the other axes count inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from ..options import by_name, generator, is_integer

Shape: TypeAlias = tuple[int, ...]
# in quotes, as NumPy loads its random module on first use, which takes longer than this package
Rng: TypeAlias = "np.random.Generator | int | None"
Initializer: TypeAlias = Callable[..., Any]


def zeros(shape: Shape, rng: Rng = None, dtype: Any = np.float64) -> Any:  # noqa: ARG001
    """Return zeros, for biases. (Weights that start equal would stay equal.)

    Parameters
    ----------
    shape : tuple of int
        The shape, (n_in, n_out) for a layer.
    rng : Generator, int or None, optional
        The source of randomness, or its seed.
    dtype : dtype, optional

    Returns
    -------
    array
        The weights, of this shape and dtype.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.nn.zeros((3,))
    array([0., 0., 0.])
    """
    return np.zeros(*_checked(shape, dtype))


def constant(
    shape: Shape,
    rng: Rng = None,  # noqa: ARG001
    dtype: Any = np.float64,
    value: float = 1.0,
) -> Any:
    """Return entries equal to `value`; choose it with ``functools.partial(constant, value=0.1)``.

    Parameters
    ----------
    shape : tuple of int
        The shape, (n_in, n_out) for a layer.
    rng : Generator, int or None, optional
        The source of randomness, or its seed.
    dtype : dtype, optional
    value : float, optional

    Returns
    -------
    array
        The weights, of this shape and dtype.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.nn.constant((2, 2), value=0.5)
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    shape, dtype = _checked(shape, dtype)
    return np.full(shape, value, dtype)


def uniform(
    shape: Shape, rng: Rng = None, dtype: Any = np.float64, low: float = -1.0, high: float = 1.0
) -> Any:
    """Draw from the uniform distribution in [low, high).

    Parameters
    ----------
    shape : tuple of int
        The shape, (n_in, n_out) for a layer.
    rng : Generator, int or None, optional
        The source of randomness, or its seed.
    dtype : dtype, optional
    low, high : float, optional

    Returns
    -------
    array
        The weights, of this shape and dtype.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.nn.uniform((2, 2), rng=0).round(4)
    array([[ 0.2739, -0.4604],
           [-0.9181, -0.9669]])
    """
    shape, dtype = _checked(shape, dtype)
    return generator(rng).uniform(low, high, shape).astype(dtype)


def normal(
    shape: Shape, rng: Rng = None, dtype: Any = np.float64, mean: float = 0.0, std: float = 1.0
) -> Any:
    """Draw from the normal distribution with this mean and standard deviation.

    Parameters
    ----------
    shape : tuple of int
        The shape, (n_in, n_out) for a layer.
    rng : Generator, int or None, optional
        The source of randomness, or its seed.
    dtype : dtype, optional
    mean, std : float, optional

    Returns
    -------
    array
        The weights, of this shape and dtype.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.nn.normal((2, 2), rng=0).round(4)
    array([[ 0.1257, -0.1321],
           [ 0.6404,  0.1049]])
    """
    shape, dtype = _checked(shape, dtype)
    return generator(rng).normal(mean, std, shape).astype(dtype)


def orthogonal(shape: Shape, rng: Rng = None, dtype: Any = np.float64, gain: float = 1.0) -> Any:
    """Return `gain` times a random matrix with orthonormal columns, or rows if fewer.

    Parameters
    ----------
    shape : tuple of int
        The shape, (n_in, n_out) for a layer.
    rng : Generator, int or None, optional
        The source of randomness, or its seed.
    dtype : dtype, optional
    gain : float, optional
        The factor.

    Returns
    -------
    array
        The weights, of this shape and dtype.

    References
    ----------
    Saxe, McClelland and Ganguli, 2014: exact solutions to the nonlinear dynamics of learning;
    Mezzadri, 2007: how to generate random matrices (why R's signs are multiplied in).

    Examples
    --------
    >>> import deltaprop as dp
    >>> W = dp.nn.orthogonal((3, 2), rng=0)
    >>> (W.T @ W).round(10)
    array([[ 1., -0.],
           [-0.,  1.]])
    """
    n_in, n_out = _fans(shape)
    shape, dtype = _checked(shape, dtype)
    Q, R = np.linalg.qr(normal((max(n_in, n_out), min(n_in, n_out)), rng))
    Q *= gain * np.copysign(1.0, np.diagonal(R))
    return (Q if n_in >= n_out else Q.T).reshape(shape).astype(dtype)


def _checked(shape: Any, dtype: Any) -> tuple[Shape, Any]:
    """A tuple of sizes and a dtype of real or complex numbers, or a TypeError."""
    sizes = tuple(shape) if isinstance(shape, tuple | list) else ()
    whole = all(is_integer(n) for n in sizes)
    if not isinstance(shape, tuple | list) or not whole:
        raise TypeError(
            f"the shape must be a tuple of integers, such as (n_in, n_out), got {shape!r}: write "
            "init((3, 4), rng)"
        )
    if any(n < 0 for n in sizes):
        raise ValueError(f"the sizes in a shape must be 0 or more, got {shape!r}")
    if np.dtype(dtype).kind not in "fc":
        raise TypeError(
            f"the dtype of what is trained must be a floating or complex one, got "
            f"{np.dtype(dtype)}: take np.float64 or np.float32"
        )
    return sizes, dtype


def _fans(shape: Shape) -> tuple[int, int]:
    """Return the number of inputs of each output, and of outputs of each input."""
    shape, _ = _checked(shape, np.float64)
    if len(shape) < 2 or 0 in shape:
        raise ValueError(
            f"this initialiser depends on the numbers of inputs and outputs: it needs a shape "
            f"(n_in, n_out), not {shape}; for a vector take zeros, constant, uniform or normal"
        )
    return math.prod(shape[:-1]), shape[-1]


def _scaling(
    name: str, formula: str, variance: Callable[[int, int], float]
) -> tuple[Initializer, Initializer]:
    """A uniform and a normal initialiser with mean 0 and a variance that fits the shape."""

    def uniform_(shape: Shape, rng: Rng = None, dtype: Any = np.float64) -> Any:
        limit = math.sqrt(3.0 * variance(*_fans(shape)))
        return uniform(shape, rng, dtype, -limit, limit)

    def normal_(shape: Shape, rng: Rng = None, dtype: Any = np.float64) -> Any:
        return normal(shape, rng, dtype, std=math.sqrt(variance(*_fans(shape))))

    for function, kind in ((uniform_, "uniform"), (normal_, "normal")):
        function.__name__ = function.__qualname__ = f"{name}_{kind}"
        what = f"Draw from the {kind} distribution with mean 0 and variance {formula}."
        example = f">>> dp.nn.{name}_{kind}((2, 3), rng=0).shape\n    (2, 3)\n    "
        sections = (zeros.__doc__ or "").partition("\n\n")[2].partition(">>> dp.nn.")[0]
        function.__doc__ = f"{what}\n\n{sections}{example}"
    return uniform_, normal_


# Glorot and Bengio, 2010: understanding the difficulty of training deep feedforward networks
glorot_uniform: Initializer
glorot_normal: Initializer
glorot_uniform, glorot_normal = _scaling(
    "glorot", "2 / (n_in + n_out)", lambda n_in, n_out: 2 / (n_in + n_out)
)
# He, Zhang, Ren and Sun, 2015: delving deep into rectifiers (relu halves the second moment)
he_uniform: Initializer
he_normal: Initializer
he_uniform, he_normal = _scaling("he", "2 / n_in", lambda n_in, _: 2 / n_in)
# LeCun, Bottou, Orr and Müller, 1998: efficient backprop
lecun_uniform: Initializer
lecun_normal: Initializer
lecun_uniform, lecun_normal = _scaling("lecun", "1 / n_in", lambda n_in, _: 1 / n_in)

InitializerName: TypeAlias = Literal[
    "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal",
    "orthogonal", "zeros", "constant", "uniform", "normal",
]  # fmt: skip
INITIALIZERS: dict[str, Initializer] = {name: globals()[name] for name in get_args(InitializerName)}
_LIKE_RELU = {"relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu", "swish", "mish"}


def initializer(name: str | Initializer) -> Initializer:
    """Return the initialiser of that name; a function is returned as it is.

    Parameters
    ----------
    name : str or callable

    Returns
    -------
    callable
        A function of shape, rng and dtype.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known names.

    Examples
    --------
    >>> import deltaprop as dp
    >>> W = dp.nn.initializer("glorot_uniform")((3, 5), rng=0)
    >>> W.shape, bool(abs(W).max() <= (6 / (3 + 5)) ** 0.5)
    ((3, 5), True)
    """
    return by_name("initialiser", name, INITIALIZERS)


def suited_to(activation: str) -> Initializer:
    """Return the usual initialiser of weights before an activation.

    Examples
    --------
    >>> suited_to("relu").__name__, suited_to("selu").__name__, suited_to("tanh").__name__
    ('he_normal', 'lecun_normal', 'glorot_uniform')
    """
    if activation in _LIKE_RELU:
        return he_normal
    return lecun_normal if activation == "selu" else glorot_uniform


__all__ = [
    "INITIALIZERS", "constant", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform",
    "initializer", "lecun_normal", "lecun_uniform", "normal", "orthogonal", "uniform", "zeros",
]  # fmt: skip
