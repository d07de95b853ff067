"""Losses: ``loss(prediction, target, ..., reduction="mean")``.

`prediction` and `target` must have exactly the same shape: (N,) against (N, 1) is an error,
never an (N, N) array. A raw target is converted to the dtype of the prediction. With the
reduction "mean" the result is the mean over all entries, or over all rows if the loss is defined
for rows (softmax cross-entropy, Kullback-Leibler). "sum" returns their sum, "none" all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args
from warnings import warn

import numpy as np

from ..calculus.activations import relu
from ..calculus.elementwise import absolute, clip, exp, log, log1p, maximum, sigmoid, square
from ..calculus.elementwise import subtract as _subtract
from ..calculus.reductions import log_softmax
from ..calculus.reductions import mean as _mean
from ..calculus.reductions import sum as _sum
from ..calculus.shaping import astype
from ..calculus.signatures import Binary, of_two
from ..graph import Custom, Elementwise, Node, as_array, as_number, frozen, raw, shape_of, verify
from ..graph.domains import POSITIVE, Domain, case
from ..graph.primitive import added
from ..habits import explained
from ..options import by_name, chosen, number

# -- operations: fused where a chain of others would lose accuracy or, on small nets, speed

_PROBABILITY = Domain(0.0, 1.0)


_HALF = np.dtype(np.float16)


def _tiny(x: Any) -> Any:
    """Return the smallest normal number, the lower limit of a probability whose log is taken."""
    return np.finfo(np.result_type(raw(x))).tiny


def _dot(x: Any, y: Any, divisor: Any) -> Any:
    """The sum of the products over a divisor; float16 is summed in float32, as NumPy's mean."""
    if getattr(x, "dtype", None) == _HALF:
        return (np.vdot(x.astype(np.float32), y.astype(np.float32)) / divisor).astype(np.float16)
    return np.vdot(x, y) / divisor


def _mean_square(p: Any, t: Any) -> Any:
    d = p - t
    return _dot(d, d, np.size(d))


def _mean_square_slope(g: Any, _y: Any, p: Any, t: Any) -> Any:
    return (2.0 / np.size(raw(p)) * g) * (p - t)


def _mean_square_change(tangents: Any, _y: Any, p: Any, t: Any) -> Any:
    tp, tt = tangents
    change = added([tp, None if tt is None else -tt])
    return _sum((p - t) * change) * (2.0 / np.size(raw(p)))


mean_square: Custom = Custom(
    "mean_squared_error",
    _mean_square,
    [_mean_square_slope, lambda g, y, p, t: _mean_square_slope(g, y, t, p)],
    _mean_square_change,
    decomposed=True,
    cases=[case((3, 4), (3, 4)), case((), ())],
)


def _binary(p: Any, t: Any) -> Any:
    floor = np.log(_tiny(p))
    with np.errstate(divide="ignore"):
        return -(t * np.maximum(np.log(p), floor) + (1 - t) * np.maximum(np.log1p(-p), floor))


def _binary_slope(_y: Any, p: Any, t: Any) -> Any:
    return (1 - t) / maximum(1 - p, _tiny(p)) - t / maximum(p, _tiny(p))


binary: Binary = Elementwise(
    _binary,
    _binary_slope,
    lambda _y, p, _t: log1p(-p) - log(p),
    name="binary_cross_entropy",
    domain=_PROBABILITY,
)


def _binary_of_logits(z: Any, t: Any) -> Any:
    size, share = np.abs(z), np.where(z > 0, 1 - t, t)
    with np.errstate(invalid="ignore"):  # an impossible outcome adds 0, not 0 inf
        return np.where(share, size * share, share) + np.log1p(np.exp(-size))


binary_of_logits: Binary = Elementwise(
    _binary_of_logits,
    lambda _y, z, t: sigmoid(z) - t,
    lambda _y, z, _t: -z,
    name="binary_cross_entropy_with_logits",
)
relative: Binary = Elementwise(
    lambda p, t: t * (np.log(np.maximum(t, _tiny(p))) - np.log(np.maximum(p, _tiny(p)))),
    lambda _y, p, t: -t / maximum(p, _tiny(p)),
    lambda _y, p, t: log(t) - log(p) + 1,
    name="relative_entropy",
    domain=POSITIVE,
)


def _log_p(z: Any, log_p: Any) -> Any:
    return log_softmax(z) if log_p is None or isinstance(z, Node) else log_p


def _surprise(
    z: Any,
    q: Any,
    divisor: float | None,
    normal: bool,  # noqa: ARG001 - its derivative's
    log_p: Any = None,
) -> Any:
    finite = np.where(q, _log_p(z, log_p), 0)  # an impossible class that does not occur adds 0
    return -np.add.reduce(finite * q, -1) if divisor is None else -_dot(finite, q, divisor)


def _each_row(g: Any, divisor: float | None) -> Any:
    return g[..., None] if divisor is None else g / divisor


def _surprise_slope(
    g: Any, _y: Any, z: Any, q: Any, divisor: float | None, normal: bool, log_p: Any = None
) -> Any:
    p = exp(_log_p(z, log_p))
    return _each_row(g, divisor) * ((p if normal else p * _sum(q, -1, keepdims=True)) - q)


def _surprise_change(
    tangents: Any, _y: Any, z: Any, q: Any, divisor: float | None, normal: bool, log_p: Any = None
) -> Any:
    tz, tq = tangents
    change = None
    if tq is not None:
        change = cross_entropy(z, tq, divisor=divisor, normal=False, log_p=log_p)
    if tz is not None:
        by_class = _surprise_slope(1.0, None, z, q, 1.0, normal, log_p) * tz
        through_z = _sum(by_class, -1) if divisor is None else _sum(by_class) / divisor
        change = added([change, through_z])
    return change


# -sum of q log softmax(z) over the classes: of each row, or of all rows and then divided.
# `normal`: all rows of q sum to 1. `log_p`: the log softmax of z, where it is known already.
cross_entropy: Custom = Custom(
    "cross_entropy",
    _surprise,
    [
        _surprise_slope,
        lambda g, _y, z, _q, divisor, normal, log_p=None: -_each_row(g, divisor) * _log_p(z, log_p),
    ],
    _surprise_change,
    decomposed=True,
    cases=[
        case((3, 4), (3, 4), divisor=None, normal=False),
        case((2, 3, 4), (2, 3, 4), divisor=None, normal=False),
        case((3, 4), (3, 4), divisor=3.0, normal=False),
    ],
)

# -- checks


def _warn_of_shares(logits: Any, squashed: tuple[str, ...], loss: str, instead: str) -> None:
    """Warn of logits that are the result of the function that the loss applies itself."""
    op = logits.op if isinstance(logits, Node) else None
    if op is not None and op.name in squashed:
        warn(
            f"{loss} takes logits, and applies {squashed[0]} itself, got the result of {op}: give "
            f'what goes into {op} (output="identity"), or take {instead}',
            stacklevel=3,
        )


def _pair(prediction: Any, target: Any) -> tuple[Any, Any]:
    """Return both as floating data of one dtype; raise an error unless the shapes are equal."""
    p, t = raw(prediction), raw(target)
    alike = type(p) is type(t) is np.ndarray and p.shape == t.shape and p.dtype is t.dtype
    if alike and p.dtype.kind == "f" and p.size:
        return prediction, target
    if not isinstance(prediction, Node):
        p = prediction = _floating("prediction", prediction, np.float64)
    if not isinstance(target, Node):
        t = target = _floating("target", target, np.result_type(p))
    for what, x in (("prediction", p), ("target", t)):
        _refuse_complex(what, x)
    if np.shape(p) != np.shape(t):
        raise ValueError(
            f"prediction has shape {np.shape(p)} and target {np.shape(t)}; they must be equal: "
            "reshape one, nothing is broadcast here"
        )
    if not np.size(p):
        raise ValueError(
            f"a loss needs at least one entry: prediction and target have shape {np.shape(p)}"
        )
    return prediction, target


def _refuse_complex(what: str, x: Any) -> None:
    if np.iscomplexobj(x):
        raise TypeError(f"the {what} must hold real numbers, but is complex: take abs() of it")


def _floating(what: str, x: Any, dtype: Any) -> Any:
    array = as_array(x)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"the {what} must hold real numbers, but its dtype is {array.dtype}")
    if what == "prediction" and array.dtype.kind == "f":
        return array
    return array.astype(dtype, copy=False)


def _are_shares(data: Any, what: str, advice: str = "") -> None:
    smallest, largest = np.min(data), np.max(data)
    if smallest < 0 or largest > 1:
        raise ValueError(
            f"{what} must be in [0, 1], but goes from {smallest:.6g} to {largest:.6g}{advice}"
        )


Reduction: TypeAlias = Literal["mean", "sum", "none"]
_REDUCTIONS: dict[str, Callable[[Any], Any]] = {
    "mean": _mean,
    "sum": _sum,
    "none": lambda values: values,
}


def _reduce(values: Any, reduction: str) -> Any:
    return _REDUCTIONS[chosen("reduction", reduction, _REDUCTIONS)](values)


# -- the losses


@of_two
def mse(prediction: Any, target: Any, reduction: Reduction = "mean") -> Any:
    """Return the squared error, (prediction - target)².

    The derivative of a term is ``2 * (prediction - target)``.

    Parameters
    ----------
    prediction, target : Value or array_like, of one shape
    reduction : {"mean", "sum", "none"}
        The reduction over all entries.

    Returns
    -------
    Value or array
        A number, or with 'none' one number for each row.

    Raises
    ------
    ValueError
        If the shapes differ, if there are no entries, or if the reduction is unknown.

    Examples
    --------
    >>> import deltaprop as dp
    >>> y = dp.Value([1.0, 2.0])
    >>> loss = dp.nn.mse(y, [0.0, 4.0])
    >>> loss.backward()
    >>> loss.item(), y.grad
    (2.5, array([ 1., -2.]))
    """
    prediction, target = _pair(prediction, target)
    if reduction == "mean":
        return mean_square(prediction, target)
    return _reduce(square(_subtract(prediction, target)), reduction)


@of_two
def mae(prediction: Any, target: Any, reduction: Reduction = "mean") -> Any:
    """Return the absolute error, ``|prediction - target|``.

    The derivative of a term is ``sign(prediction - target)``, 0 where both are equal.

    Parameters
    ----------
    prediction : array_like or Value
        Network outputs, of the shape (N, ...).
    target : array_like
        What they should be, of the same shape.
    reduction : {'mean', 'sum', 'none'}, optional
        What becomes of the losses of the rows.

    Returns
    -------
    Value or array
        A number, or with 'none' one number for each row.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.nn.mae(dp.Value([1.0, 2.0]), [0.0, 4.0]).item()
    1.5
    """
    return _reduce(absolute(_subtract(*_pair(prediction, target))), reduction)


@of_two
def huber(
    prediction: Any, target: Any, reduction: Reduction = "mean", *, delta: float = 1.0
) -> Any:
    """Return the Huber loss: d² / 2 for errors d up to `delta`, and the tangent of it beyond.

    Errors are those of `mse`; `delta` must be positive.

    The derivative of a term is ``clip(d, -delta, delta)``.

    Parameters
    ----------
    prediction : array_like or Value
        Network outputs, of the shape (N, ...).
    target : array_like
        What they should be, of the same shape.
    reduction : {'mean', 'sum', 'none'}, optional
        What becomes of the losses of the rows.
    delta : float, optional
        The error at which the parabola ends.

    Returns
    -------
    Value or array
        A number, or with 'none' one number for each row.

    References
    ----------
    Huber, 1964: robust estimation of a location parameter.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.nn.huber(dp.Value([1.0, 2.0]), [0.0, 5.0], reduction="none").numpy()
    array([0.5, 2.5])
    """
    if not number("huber's delta", delta) > 0:
        raise ValueError(f"huber's delta must be positive, not {delta!r}")
    d = _subtract(*_pair(prediction, target))
    near = clip(d, -delta, delta)
    return _reduce(near * (d - 0.5 * near), reduction)


@of_two
def binary_cross_entropy(prediction: Any, target: Any, reduction: Reduction = "mean") -> Any:
    """Return the binary cross-entropy, -t log p - (1 - t) log(1 - p), of probabilities p.

    Probabilities are kept away from 0 and 1 by the smallest normal number of their dtype, so that
    loss and gradient stay finite. With a target of exactly 0 or 1, the term of the impossible
    outcome adds nothing to either.

    The derivative of a term is ``(p - t) / (p * (1 - p))``.

    Parameters
    ----------
    prediction, target : Value or array_like, of one shape, entries in [0, 1]
    reduction : {"mean", "sum", "none"}
        The reduction over all entries.

    Returns
    -------
    Value or array
        A number, or with 'none' one number for each row.

    Raises
    ------
    ValueError
        If the shapes differ, if there are no entries, or if entries lie outside [0, 1].

    Examples
    --------
    >>> import deltaprop as dp
    >>> p = dp.Value([0.0, 1.0])
    >>> loss = dp.nn.binary_cross_entropy(p, [0, 1])
    >>> loss.backward()
    >>> loss.item(), p.grad
    (0.0, array([ 0.5, -0.5]))
    """
    prediction, target = _pair(prediction, target)
    advice = ": for logits use binary_cross_entropy_with_logits"
    verify(_are_shares, raw(prediction), "probabilities", advice)
    verify(_are_shares, raw(target), "targets")
    return _reduce(binary(prediction, target), reduction)


@of_two
def binary_cross_entropy_with_logits(
    prediction: Any, target: Any, reduction: Reduction = "mean"
) -> Any:
    """Return the binary cross-entropy of p = sigmoid(logits), accurate for logits of any size.

    Its derivative with respect to a logit is p - t, without a factor sigmoid' that could vanish.
    Parameters and errors as in `binary_cross_entropy`, except that a prediction may be any number.

    Parameters
    ----------
    prediction : array_like or Value
        Logits, of the shape (N, ...).
    target : array_like or Value
        Probabilities or 0 and 1, of the same shape.
    reduction : {'mean', 'sum', 'none'}, optional
        What becomes of the losses of the rows.

    Returns
    -------
    Value or array
        A number, or with 'none' one number for each row.

    Examples
    --------
    >>> import deltaprop as dp
    >>> z = dp.Value([0.0, 100.0])
    >>> dp.nn.binary_cross_entropy_with_logits(z, [1, 0], reduction="sum").backward()
    >>> z.grad
    array([-0.5,  1. ])
    """
    _warn_of_shares(
        prediction, ("sigmoid",), "binary_cross_entropy_with_logits", "binary_cross_entropy"
    )
    prediction, target = _pair(prediction, target)
    verify(_are_shares, raw(target), "targets")
    return _reduce(binary_of_logits(prediction, target), reduction)


@of_two
def hinge(prediction: Any, target: Any, reduction: Reduction = "mean") -> Any:
    """Return the hinge loss, max(0, 1 - t y), of scores y and targets t of -1 and 1.

    The derivative of a term is -t where t y < 1, else 0, also at the kink.

    Parameters
    ----------
    prediction : array_like or Value
        Network outputs, of the shape (N, ...).
    target : array_like
        What they should be, of the same shape.
    reduction : {'mean', 'sum', 'none'}, optional
        What becomes of the losses of the rows.

    Returns
    -------
    Value or array
        A number, or with 'none' one number for each row.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.nn.hinge(dp.Value([0.5, 3.0]), [-1, 1]).item()
    0.75
    """
    prediction, target = _pair(prediction, target)
    verify(_are_signs, raw(target))
    return _reduce(relu(1.0 - prediction * target), reduction)


def _are_signs(target: Any) -> None:
    if np.any(np.abs(target) != 1):
        raise ValueError(
            f"hinge takes targets of -1 and 1, but got {np.unique(target)[:5]}: "
            "for 0 and 1 give it 2 * target - 1"
        )


@of_two
def kl_divergence(prediction: Any, target: Any, reduction: Reduction = "mean") -> Any:
    """Return the Kullback-Leibler divergence of rows: the sum of t log(t / p).

    The derivative of a term is ``-t / p``.

    Parameters
    ----------
    prediction, target : Value or array_like (..., C), entries in [0, 1]
        Probabilities (not their logarithms). A prediction is at least the smallest normal
        number.
    reduction : {"mean", "sum", "none"}
        The reduction over rows.

    Returns
    -------
    Value or array
        A number, or with 'none' one number for each row.

    Raises
    ------
    ValueError
        If the shapes differ, if there are no entries, or if entries lie outside [0, 1].

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.nn.kl_divergence(dp.Value([[0.5, 0.5]]), [[0.0, 1.0]]).item()
    0.6931471805599453
    """
    prediction, target = _pair(prediction, target)
    verify(_are_shares, raw(prediction), "probabilities", ": put them through softmax")
    verify(_are_shares, raw(target), "targets")
    return _reduce(_sum(relative(prediction, target), axis=-1), reduction)


@of_two
def softmax_cross_entropy(
    logits: Any,
    target: Any,
    reduction: Reduction = "mean",
    *,
    label_smoothing: float = 0.0,
    class_weights: Any = None,
) -> Any:
    """Return the cross-entropy of each row, -sum of q log softmax(logits) over the classes.

    The distribution q of a row is 1 at its class and 0 elsewhere, or the row of `target`. The
    derivative with respect to the logits of a row is ``softmax(logits) - q``.

    Parameters
    ----------
    logits : Value or array_like (..., C)
    target : array_like of int (...,), or Value or array_like (..., C)
        The class number of each row, from 0 to C - 1; or one-hot rows, or probabilities.
    reduction : {"mean", "sum", "none"}
        The reduction over rows. With class weights, "mean" divides by the sum of the weights of
        the targets (as PyTorch does for class numbers; here one-hot rows give the same).
    label_smoothing : float
        The share of q, in [0, 1], that is spread evenly over the classes.
    class_weights : array_like (C,), optional
        The factor of each class's term, not negative.

    Returns
    -------
    Value or array
        A number, or with 'none' one number for each row.

    Raises
    ------
    ValueError
        If shapes do not fit, if classes lie outside 0 to C - 1, if rows are no probabilities, or
        if a parameter is out of range.
    TypeError
        If class numbers are not integers.

    References
    ----------
    Szegedy et al., 2016: rethinking the Inception architecture (label smoothing).

    Examples
    --------
    >>> import deltaprop as dp
    >>> z = dp.Value([[0.0, 0.0], [0.0, 0.0]])
    >>> loss = dp.nn.softmax_cross_entropy(z, [0, 1])
    >>> loss.backward()
    >>> loss.item(), z.grad
    (0.6931471805599453, array([[-0.25,  0.25],
           [ 0.25, -0.25]]))
    """
    chosen("reduction", reduction, _REDUCTIONS)
    if not isinstance(logits, Node):
        logits = _floating("prediction", logits, np.float64)
    _refuse_complex("prediction", raw(logits))
    _warn_of_shares(logits, ("softmax", "log_softmax"), "softmax_cross_entropy", "kl_divergence")
    q = _distribution(logits, target)
    if raw(logits).shape[-1:] == (1,):
        warn(
            "softmax_cross_entropy of one class is always 0: give logits of shape (N, 2) or more, "
            "or take binary_cross_entropy_with_logits",
            stacklevel=2,
        )
    shape = raw(logits).shape
    divisor: Any = float(math.prod(shape[:-1])) if reduction == "mean" else 1.0
    weight = None
    if class_weights is not None:
        weight = _class_weights(class_weights, shape[-1], raw(logits).dtype)
        if reduction == "mean":
            counted = q * weight
            divisor = _sum(astype(counted, np.float32) if raw(counted).dtype == _HALF else counted)
            verify(_is_positive, raw(divisor))
    normal = weight is None and not label_smoothing and len(shape_of(target)) < len(shape)
    if label_smoothing:
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"label_smoothing must be in [0, 1], not {label_smoothing!r}")
        q = (1.0 - label_smoothing) * q + label_smoothing / shape[-1]
    if weight is not None:
        q = q * weight
    log_p = log_softmax(raw(logits))
    if reduction == "none" and len(shape) > 1:
        return cross_entropy(logits, q, divisor=None, normal=normal, log_p=log_p)
    if isinstance(divisor, Node):
        return cross_entropy(logits, q, divisor=1.0, normal=normal, log_p=log_p) / divisor
    return cross_entropy(logits, q, divisor=as_number(divisor), normal=normal, log_p=log_p)


def _is_positive(total: Any) -> None:
    if not total > 0:
        raise ValueError("no mean: the class weights of all these targets are zero")


def _distribution(logits: Any, target: Any) -> Any:
    """Return the target as rows of probabilities: class numbers become one-hot rows."""
    z = raw(logits)
    shape = np.shape(z)
    if not shape or not z.size:
        raise ValueError(f"logits must have shape (..., C) and entries, but have shape {shape}")
    t = as_array(raw(target))
    if t.shape == shape:
        if not isinstance(target, Node):
            t = target = _floating("target", t, z.dtype)
        verify(_are_shares, raw(t), "target probabilities")
        verify(_are_rows, t)
        return target
    if t.shape != shape[:-1]:
        raise ValueError(
            f"logits have shape {shape} and the target {t.shape}; it must hold a class number "
            f"for each row, {shape[:-1]}, or a row of probabilities for each, {shape}"
        )
    if t.dtype.kind not in "iu":
        raise TypeError(
            f"class numbers must be integers, but the target's dtype is {t.dtype}: if they are "
            "whole, convert them with .astype(int)"
        )
    hits = t[..., None] == np.arange(shape[-1])
    verify(_are_classes, hits, t, shape)
    return frozen(hits.astype(z.dtype))


def _are_rows(t: Any) -> None:
    if np.any(np.abs(t.sum(-1, dtype=np.float64) - 1) > 1e-3):
        raise ValueError("each row of the target must be one-hot, or probabilities of sum 1")


def _are_classes(hits: Any, t: Any, shape: tuple[int, ...]) -> None:
    if np.count_nonzero(hits) != t.size:
        raise ValueError(
            f"classes must be in 0 to {shape[-1] - 1}, as logits have shape {shape}, but the "
            f"target goes from {t.min()} to {t.max()}"
        )


def _class_weights(given: Any, classes: int, dtype: Any) -> Any:
    weight = _floating("class weights", given, np.float64).astype(dtype)
    if weight.shape != (classes,) or not np.all((weight >= 0) & np.isfinite(weight)):
        raise ValueError(
            f"class_weights must be {classes} finite numbers, none negative, but are {given!r}"
        )
    return weight


@explained
def weighted(loss: Callable[..., Any], prediction: Any, target: Any, weights: Any) -> Any:
    """Return the mean of a loss, with each row multiplied by its weight.

    Parameters
    ----------
    loss : callable
        A loss of this module, or any function with the parameter `reduction`.
    prediction, target : Value or array_like (N, ...)
    weights : array_like (N,)
        If the weights average 1 over the data, losses with and without weights have the same
        scale.

    Returns
    -------
    Value or number
        The weighted mean of the losses.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.nn.weighted(dp.nn.mse, dp.Value([[1.0], [3.0]]), [[0.0], [0.0]], [2.0, 0.0]).item()
    1.0
    """
    function = by_name("loss", loss, LOSSES)
    try:
        values = function(prediction, target, reduction="none")
    except TypeError as error:
        raise TypeError(
            f"weights need the loss of each row, but {loss!r}(..., reduction='none') fails: {error}"
        ) from error
    shape, weights = shape_of(values), as_array(raw(weights), raw(values).dtype)
    if np.shape(weights) != shape[:1] or not shape:
        raise ValueError(
            f"weights must have shape {shape[:1]}, a number for each row, but have "
            f"{np.shape(weights)}"
        )
    return _mean(values * weights.reshape(shape[:1] + (1,) * (len(shape) - 1)))


LossName: TypeAlias = Literal[
    "mse", "mae", "huber", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "softmax_cross_entropy", "hinge", "kl_divergence",
]  # fmt: skip
LOSSES: dict[str, Callable[..., Any]] = {name: globals()[name] for name in get_args(LossName)}


def loss(name: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return the loss of that name; a function is returned as it is.

    Parameters
    ----------
    name : str or callable

    Returns
    -------
    callable
        A function of prediction and target.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known names.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.nn.loss("mse") is dp.nn.mse
    True
    """
    return by_name("loss", name, LOSSES)


__all__ = [
    "LOSSES", "binary_cross_entropy", "binary_cross_entropy_with_logits", "hinge", "huber",
    "kl_divergence", "loss", "mae", "mse", "softmax_cross_entropy", "weighted",
]  # fmt: skip
