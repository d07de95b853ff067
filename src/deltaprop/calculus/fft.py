"""Discrete Fourier transforms, with NumPy's names, arguments and normalisations.

There are three primitives: the transform of complex numbers (whose matrix is symmetric, so it is
its own transpose), and two transforms, between real numbers and the half of their spectrum that
determines it, which are each other's transposes. Other sizes, shifts and the Hermitian pair are
composed of these.

`s` or `n` is the length of the transform: the input is cut or padded with zeros to this length.
`norm` says which transform divides by the length: "backward", "forward", or both ("ortho").
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..graph import Linear, Node, is_complex, raw, shape_of
from ..graph.batches import along
from ..graph.domains import case
from ..graph.primitive import Array
from .elementwise import conj
from .shaping import pad, roll
from .signatures import of_array

__all__ = [
    "fft", "fft2", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft",
    "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftn",
]  # fmt: skip

Norm: TypeAlias = Literal["backward", "ortho", "forward"] | None

# the norm with which the inverse transform has the same scale
_SWAPPED: dict[Any, Any] = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def _symmetric(name: str, function: Callable[..., Any]) -> Linear:
    transform: Linear = Linear(
        name,
        lambda x, axes, norm: function(x, axes=axes, norm=norm),
        lambda g, _x, axes, norm: transform(g, axes=axes, norm=norm),
        batch=along,
        cases=[
            case((5,), axes=(0,), norm="backward"),
            case((4, 3), axes=(-1,), norm="ortho"),
            case((2, 3, 4), axes=(0, -1), norm="forward"),
            case((0, 3), axes=(1,), norm="backward"),
        ],
    )
    return transform


_fft = _symmetric("fft", np.fft.fftn)
_ifft = _symmetric("ifft", np.fft.ifftn)


def _inside(spectrum: Array, weight: float, n: int, axis: int) -> Array:
    """Return half a spectrum, with weights for the frequencies that the other half mirrors."""
    m = n // 2 + 1
    weights = np.full(m, weight, raw(spectrum).real.dtype)
    weights[0] = 1
    if n % 2 == 0:
        weights[-1] = 1
    return spectrum * weights.reshape((m,) + (1,) * (raw(spectrum).ndim - 1 - axis))


def _rfft_transpose(g: Array, x: Array, axis: int, norm: Any) -> Array:
    n = shape_of(x)[axis]
    return _irfft(_inside(conj(g), 0.5, n, axis), n=n, axis=axis, norm=_SWAPPED[norm])


def _irfft_transpose(g: Array, _x: Array, n: int, axis: int, norm: Any) -> Array:
    return _inside(conj(_rfft(g, axis=axis, norm=_SWAPPED[norm])), 2.0, n, axis)


_rfft = Linear(
    "rfft",
    lambda x, axis, norm: np.fft.rfft(x, axis=axis, norm=norm),
    _rfft_transpose,
    batch=along,
    cases=[
        case((5,), axis=0, norm="backward"),
        case((3, 4), axis=1, norm="ortho"),
        case((2, 3, 1), axis=1, norm="forward"),
        case((0, 2), axis=1, norm="forward"),
        case((1,), axis=0, norm="backward"),
    ],
)
_irfft = Linear(
    "irfft",
    lambda x, n, axis, norm: np.fft.irfft(x, n, axis, norm),
    _irfft_transpose,
    batch=along,
    cases=[
        case((3,), n=5, axis=0, norm="backward"),
        case((2, 3), n=4, axis=1, norm="ortho"),
        case((2, 3, 1), n=5, axis=1, norm="forward"),
        case((0, 2), n=2, axis=1, norm="forward"),
        case((1,), n=1, axis=0, norm="backward"),
    ],
)


def _one(n: int | None) -> tuple[int, ...] | None:
    """Return the length of a transform along one axis, as `s`."""
    if n is not None and operator.index(n) < 1:
        raise ValueError(f"the length of a transform must be at least 1, got n={n}")
    return None if n is None else (n,)


def _prepared(
    x: Array, s: Sequence[int] | None, axes: Sequence[int] | None, half: bool = False
) -> tuple[Array, tuple[int, ...], int]:
    """Return the input cut or padded to `s`, the axes counted from 0, and the length of the last.

    `half`: the input is half a spectrum along the last of the axes.
    """
    x = x if isinstance(x, Node) else np.asarray(x)
    shape = shape_of(x)
    if axes is None:
        axes = range(len(shape)) if s is None else range(-len(s), 0)
    axes = tuple(normalize_axis_index(i, len(shape)) for i in axes)
    lengths = [shape[i] for i in axes]
    if half and lengths:
        lengths[-1] = 2 * (lengths[-1] - 1)
    if s is not None:
        if len(s) != len(axes):
            raise ValueError(f"s must have a length per axis, got {tuple(s)} for {len(axes)} axes")
        lengths = [n if given in (None, -1) else given for given, n in zip(s, lengths, strict=True)]
    if not lengths and not half:
        return x, (), 0
    if not lengths or min(lengths) < 1:
        raise ValueError(
            f"a transform needs at least one axis, and at least one number along each, got lengths "
            f"{tuple(lengths)} for shape {shape}"
        )
    wanted = list(shape)
    for i, n in zip(axes, lengths, strict=True):
        wanted[i] = n
    if half:
        wanted[axes[-1]] = lengths[-1] // 2 + 1
    return _resized(x, shape, wanted), axes, lengths[-1]


def _resized(x: Array, shape: Sequence[int], wanted: Sequence[int]) -> Array:
    pairs = list(zip(shape, wanted, strict=True))
    if any(n < m for m, n in pairs):
        x = x[tuple([slice(n) for n in wanted])]
    if any(n > m for m, n in pairs):
        x = pad(x, [(0, max(n - m, 0)) for m, n in pairs])
    return x


@of_array
def fftn(x: Array, s: Any = None, axes: Any = None, norm: Norm = None) -> Array:
    """Return the transform along several axes, by default all.

    The transform is linear; the gradient is the adjoint transform of the cotangent.

    Parameters
    ----------
    x : array_like or Value
    s : sequence of int, optional
        The length along each axis; `x` is cut or padded with zeros.
    axes : sequence of int, optional
        The axes.
    norm : {'backward', 'ortho', 'forward'} or None, optional
        Which direction is divided by the number of entries: the inverse one, both by its root, or
        the forward one.

    Returns
    -------
    Value or array
        Complex numbers.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([1.0, 0.0, 0.0, 0.0])
    >>> power = abs(fftn(x)) ** 2
    >>> power.data
    array([1., 1., 1., 1.])
    >>> power.sum().backward()  # Parseval: n times the squares' sum
    >>> x.grad
    array([8., 0., 0., 0.])
    """
    x, axes, _ = _prepared(x, s, axes)
    return _fft(x, axes=axes, norm=norm or "backward") if axes else x


@of_array
def ifftn(x: Array, s: Any = None, axes: Any = None, norm: Norm = None) -> Array:
    """Return the inverse of `fftn`.

    The transform is linear; the gradient is the adjoint transform of the cotangent.

    Parameters
    ----------
    x : array_like or Value
    s : sequence of int, optional
        The length along each axis; `x` is cut or padded with zeros.
    axes : sequence of int, optional
        The axes.
    norm : {'backward', 'ortho', 'forward'} or None, optional
        Which direction is divided by the number of entries: the inverse one, both by its root, or
        the forward one.

    Returns
    -------
    Value or array
        Complex numbers.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.fft.ifftn(x)
    >>> y
    Value([[ 2.5+0.j, -0.5+0.j],
           [-1. +0.j,  0. +0.j]], shape=(2, 2), dtype=complex128)
    >>> y.real[0, 1].backward()
    >>> x.grad
    array([[ 0.25, -0.25],
           [ 0.25, -0.25]])
    """
    x, axes, _ = _prepared(x, s, axes)
    return _ifft(x, axes=axes, norm=norm or "backward") if axes else x


@of_array
def rfftn(x: Array, s: Any = None, axes: Any = None, norm: Norm = None) -> Array:
    """Return `fftn` of real numbers, with only non-negative frequencies along the last axis.

    The transform is linear; the gradient is the adjoint transform of the cotangent.

    Parameters
    ----------
    x : array_like or Value
        Real numbers.
    s : sequence of int, optional
        The length along each axis; `x` is cut or padded with zeros.
    axes : sequence of int, optional
        The axes.
    norm : {'backward', 'ortho', 'forward'} or None, optional
        Which direction is divided by the number of entries: the inverse one, both by its root, or
        the forward one.

    Returns
    -------
    Value or array
        Complex numbers.

    Raises
    ------
    TypeError
        If the numbers are complex.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.fft.rfftn(x)
    >>> y
    Value([[10.+0.j, -2.+0.j],
           [-4.+0.j,  0.+0.j]], shape=(2, 2), dtype=complex128)
    >>> y.real[0, 1].backward()
    >>> x.grad
    array([[ 1., -1.],
           [ 1., -1.]])
    """
    x, axes, _ = _prepared(x, s, axes)
    if is_complex(x):
        raise TypeError(f"rfft takes real numbers, got {raw(x).dtype}: use fft, or x.real")
    *others, last = axes
    half = _rfft(x, axis=last, norm=norm or "backward")
    return _fft(half, axes=tuple(others), norm=norm or "backward") if others else half


@of_array
def irfftn(x: Array, s: Any = None, axes: Any = None, norm: Norm = None) -> Array:
    """Return the inverse of `rfftn`; the last axis has even length unless `s` says otherwise.

    The transform is linear; the gradient is the adjoint transform of the cotangent.

    Parameters
    ----------
    x : array_like or Value
    s : sequence of int, optional
        The length along each axis; `x` is cut or padded with zeros.
    axes : sequence of int, optional
        The axes.
    norm : {'backward', 'ortho', 'forward'} or None, optional
        Which direction is divided by the number of entries: the inverse one, both by its root, or
        the forward one.

    Returns
    -------
    Value or array
        Real numbers.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.fft.irfftn(x)
    >>> y
    Value([[ 2.5, -0.5],
           [-1. ,  0. ]], shape=(2, 2), dtype=float64)
    >>> y[0, 1].backward()
    >>> x.grad
    array([[ 0.25, -0.25],
           [ 0.25, -0.25]])
    """
    x, axes, n = _prepared(x, s, axes, half=True)
    *others, last = axes
    if others:
        x = _ifft(x, axes=tuple(others), norm=norm or "backward")
    return _irfft(x, n=n, axis=last, norm=norm or "backward")


@of_array
def fft(x: Array, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Return the transform along one axis: ``sum(x[j] * exp(-2j * pi * j * k / n))`` for each k.

    The transform is linear; the gradient is the adjoint transform of the cotangent.

    Parameters
    ----------
    x : array_like or Value
    n : int, optional
        The length of the transform; `x` is cut or padded with zeros.
    axis : int, optional
        The axis.
    norm : {'backward', 'ortho', 'forward'} or None, optional
        Which direction is divided by the number of entries: the inverse one, both by its root, or
        the forward one.

    Returns
    -------
    Value or array
        Complex numbers.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0, 4.0])
    >>> y = dnp.fft.fft(x)
    >>> y
    Value([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j], shape=(4,), dtype=complex128)
    >>> abs(y[1]).backward()
    >>> x.grad.round(4)
    array([-0.7071, -0.7071,  0.7071,  0.7071])
    """
    return fftn(x, _one(n), (axis,), norm)


@of_array
def ifft(x: Array, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Return the inverse of `fft`.

    The transform is linear; the gradient is the adjoint transform of the cotangent.

    Parameters
    ----------
    x : array_like or Value
    n : int, optional
        The length of the transform; `x` is cut or padded with zeros.
    axis : int, optional
        The axis.
    norm : {'backward', 'ortho', 'forward'} or None, optional
        Which direction is divided by the number of entries: the inverse one, both by its root, or
        the forward one.

    Returns
    -------
    Value or array
        Complex numbers.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0, 4.0])
    >>> y = dnp.fft.ifft(x)
    >>> y
    Value([ 2.5+0.j , -0.5-0.5j, -0.5+0.j , -0.5+0.5j], shape=(4,), dtype=complex128)
    >>> y.real.sum().backward()
    >>> x.grad
    array([1., 0., 0., 0.])
    """
    return ifftn(x, _one(n), (axis,), norm)


@of_array
def rfft(x: Array, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Return `fft` of real numbers: the non-negative frequencies, which determine the others.

    The transform is linear; the gradient is the adjoint transform of the cotangent.

    Parameters
    ----------
    x : array_like or Value
        Real numbers.
    n : int, optional
        The length of the transform; `x` is cut or padded with zeros.
    axis : int, optional
        The axis.
    norm : {'backward', 'ortho', 'forward'} or None, optional
        Which direction is divided by the number of entries: the inverse one, both by its root, or
        the forward one.

    Returns
    -------
    Value or array
        Complex numbers, n // 2 + 1 along the axis.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0, 4.0])
    >>> y = dnp.fft.rfft(x)
    >>> y
    Value([10.+0.j, -2.+2.j, -2.+0.j], shape=(3,), dtype=complex128)
    >>> abs(y[1]).backward()
    >>> x.grad.round(4)
    array([-0.7071, -0.7071,  0.7071,  0.7071])
    """
    return rfftn(x, _one(n), (axis,), norm)


@of_array
def irfft(x: Array, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Return the inverse of `rfft`, of even length unless `n` says otherwise.

    The transform is linear; the gradient is the adjoint transform of the cotangent.

    Parameters
    ----------
    x : array_like or Value
    n : int, optional
        The length of the transform; `x` is cut or padded with zeros.
    axis : int, optional
        The axis.
    norm : {'backward', 'ortho', 'forward'} or None, optional
        Which direction is divided by the number of entries: the inverse one, both by its root, or
        the forward one.

    Returns
    -------
    Value or array
        Real numbers.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([10.0, -2.0, -2.0])
    >>> y = dnp.fft.irfft(x)
    >>> y
    Value([1., 3., 3., 3.], shape=(4,), dtype=float64)
    >>> y[0].backward()
    >>> x.grad
    array([0.25, 0.5 , 0.25])
    """
    return irfftn(x, _one(n), (axis,), norm)


@of_array
def hfft(x: Array, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Return the real transform of half a signal; the other half is its conjugate.

    The transform is linear; the gradient is the adjoint transform of the cotangent.

    Parameters
    ----------
    x : array_like or Value
    n : int, optional
        The length of the transform; `x` is cut or padded with zeros.
    axis : int, optional
        The axis.
    norm : {'backward', 'ortho', 'forward'} or None, optional
        Which direction is divided by the number of entries: the inverse one, both by its root, or
        the forward one.

    Returns
    -------
    Value or array
        Real numbers.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0])
    >>> y = dnp.fft.hfft(x)
    >>> y
    Value([ 8., -2.,  0., -2.], shape=(4,), dtype=float64)
    >>> y[0].backward()
    >>> x.grad
    array([1., 2., 1.])
    """
    return irfft(conj(x), n, axis, _SWAPPED[norm or "backward"])


@of_array
def ihfft(x: Array, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Return the inverse of `hfft`.

    The transform is linear; the gradient is the adjoint transform of the cotangent.

    Parameters
    ----------
    x : array_like or Value
        Real numbers.
    n : int, optional
        The length of the transform; `x` is cut or padded with zeros.
    axis : int, optional
        The axis.
    norm : {'backward', 'ortho', 'forward'} or None, optional
        Which direction is divided by the number of entries: the inverse one, both by its root, or
        the forward one.

    Returns
    -------
    Value or array
        Complex numbers.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0, 4.0])
    >>> y = dnp.fft.ihfft(x)
    >>> y
    Value([ 2.5-0.j , -0.5-0.5j, -0.5-0.j ], shape=(3,), dtype=complex128)
    >>> y[0].real.backward()
    >>> x.grad
    array([0.25, 0.25, 0.25, 0.25])
    """
    return conj(rfft(x, n, axis, _SWAPPED[norm or "backward"]))


@of_array
def fft2(x: Array, s: Any = None, axes: Any = (-2, -1), norm: Norm = None) -> Array:
    """Return `fftn` of the last two axes.

    The transform is linear; the gradient is the adjoint transform of the cotangent.

    Parameters
    ----------
    x : array_like or Value
    s : sequence of int, optional
        The length along each axis; `x` is cut or padded with zeros.
    axes : sequence of int, optional
        The axes.
    norm : {'backward', 'ortho', 'forward'} or None, optional
        Which direction is divided by the number of entries: the inverse one, both by its root, or
        the forward one.

    Returns
    -------
    Value or array
        Complex numbers.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.fft.fft2(x)
    >>> y
    Value([[10.+0.j, -2.+0.j],
           [-4.+0.j,  0.+0.j]], shape=(2, 2), dtype=complex128)
    >>> y.real[0, 1].backward()
    >>> x.grad
    array([[ 1., -1.],
           [ 1., -1.]])
    """
    return fftn(x, s, axes, norm)


@of_array
def ifft2(x: Array, s: Any = None, axes: Any = (-2, -1), norm: Norm = None) -> Array:
    """Return `ifftn` of the last two axes.

    The transform is linear; the gradient is the adjoint transform of the cotangent.

    Parameters
    ----------
    x : array_like or Value
    s : sequence of int, optional
        The length along each axis; `x` is cut or padded with zeros.
    axes : sequence of int, optional
        The axes.
    norm : {'backward', 'ortho', 'forward'} or None, optional
        Which direction is divided by the number of entries: the inverse one, both by its root, or
        the forward one.

    Returns
    -------
    Value or array
        Complex numbers.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.fft.ifft2(x)
    >>> y
    Value([[ 2.5+0.j, -0.5+0.j],
           [-1. +0.j,  0. +0.j]], shape=(2, 2), dtype=complex128)
    >>> y.real[0, 1].backward()
    >>> x.grad
    array([[ 0.25, -0.25],
           [ 0.25, -0.25]])
    """
    return ifftn(x, s, axes, norm)


@of_array
def rfft2(x: Array, s: Any = None, axes: Any = (-2, -1), norm: Norm = None) -> Array:
    """Return `rfftn` of the last two axes.

    The transform is linear; the gradient is the adjoint transform of the cotangent.

    Parameters
    ----------
    x : array_like or Value
        Real numbers.
    s : sequence of int, optional
        The length along each axis; `x` is cut or padded with zeros.
    axes : sequence of int, optional
        The axes.
    norm : {'backward', 'ortho', 'forward'} or None, optional
        Which direction is divided by the number of entries: the inverse one, both by its root, or
        the forward one.

    Returns
    -------
    Value or array
        Complex numbers.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.fft.rfft2(x)
    >>> y
    Value([[10.+0.j, -2.+0.j],
           [-4.+0.j,  0.+0.j]], shape=(2, 2), dtype=complex128)
    >>> y.real[0, 1].backward()
    >>> x.grad
    array([[ 1., -1.],
           [ 1., -1.]])
    """
    return rfftn(x, s, axes, norm)


@of_array
def irfft2(x: Array, s: Any = None, axes: Any = (-2, -1), norm: Norm = None) -> Array:
    """Return `irfftn` of the last two axes.

    The transform is linear; the gradient is the adjoint transform of the cotangent.

    Parameters
    ----------
    x : array_like or Value
    s : sequence of int, optional
        The length along each axis; `x` is cut or padded with zeros.
    axes : sequence of int, optional
        The axes.
    norm : {'backward', 'ortho', 'forward'} or None, optional
        Which direction is divided by the number of entries: the inverse one, both by its root, or
        the forward one.

    Returns
    -------
    Value or array
        Real numbers.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.fft.irfft2(x)
    >>> y
    Value([[ 2.5, -0.5],
           [-1. ,  0. ]], shape=(2, 2), dtype=float64)
    >>> y[0, 1].backward()
    >>> x.grad
    array([[ 0.25, -0.25],
           [ 0.25, -0.25]])
    """
    return irfftn(x, s, axes, norm)


def _shifted(x: Array, axes: Any, turn: Callable[[int], int]) -> Array:
    shape = shape_of(x)
    axes = normalize_axis_tuple(range(len(shape)) if axes is None else axes, len(shape))
    return roll(x, [turn(shape[i]) for i in axes], axes)


@of_array
def fftshift(x: Array, axes: Any = None) -> Array:
    """Return `x` with frequency zero moved to the middle.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    axes : int, sequence of int or None, optional
        The axes; None, the default, means all.

    Returns
    -------
    Value or array
        An array of the shape of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0, 4.0])
    >>> dnp.fft.fftshift(x)
    Value([3., 4., 1., 2.], shape=(4,), dtype=float64)
    >>> dnp.fft.fftshift(x)[0].backward()
    >>> x.grad
    array([0., 0., 1., 0.])
    """
    return _shifted(x, axes, lambda n: n // 2)


@of_array
def ifftshift(x: Array, axes: Any = None) -> Array:
    """Return the inverse of `fftshift`.

    The gradient moves back with the entries.

    Parameters
    ----------
    x : array_like or Value
    axes : int, sequence of int or None, optional
        The axes; None, the default, means all.

    Returns
    -------
    Value or array
        An array of the shape of `x`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> x = dp.Value([1.0, 2.0, 3.0])
    >>> dnp.fft.ifftshift(x)
    Value([2., 3., 1.], shape=(3,), dtype=float64)
    >>> dnp.fft.ifftshift(x)[0].backward()
    >>> x.grad
    array([0., 1., 0.])
    """
    return _shifted(x, axes, lambda n: -(n // 2))
