"""`vmap`: a function of one sample becomes a function of a batch of samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, get_args

import numpy as np

from .calculus import shaping
from .graph import DATA, Node, as_array, copied, raw, shape_of
from .graph.batches import Level, is_of, refuse_leaks
from .graph.batching import Batching, Randomness, batch, unbatch
from .habits import explained
from .options import is_integer
from .transforms import MUST_RETURN_NUMBERS, called, checked, checked_chunk, is_variable, named_of
from .tree import Structure, described, flatten, paths, unflatten
from .value import Value

P = ParamSpec("P")


@explained
def vmap(
    f: Callable[P, Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    chunk_size: int | None = None,
    randomness: Randomness = "error",
) -> Callable[P, Any]:
    """Return a function that maps f over a batch: f sees one sample, but runs once, on all.

    Inside f, shapes and axes are those of one sample. The result equals that of a loop over the
    samples whose results are stacked, and has its derivatives: the transforms, `compile` and
    `backward()` work inside and outside. Arrays and Values that f closes over are the same for all
    samples; a variable gets the sum of the gradients of all samples.

    Parameters
    ----------
    f : callable
        A function of numbers, arrays, Values, or trees of them.
    in_axes : int, None or a tuple of these
        The axis of the samples in each positional argument: one for all, or one for each; a tree
        for an argument that is a tree. None means that an argument is the same for all samples.
        Keyword arguments are mapped along their first axis.
    out_axes : int, None or a tree of these
        The axis of the samples in the results; None for a result that is the same for all samples.
    chunk_size : int, optional
        How many samples to compute at once, against a lack of memory; by default all.
    randomness : {"error", "same", "different"}
        What layers do that draw random numbers, such as `Dropout`: raise an error, draw the same
        for all samples, or draw for each. A generator that f itself draws from draws once for all
        samples.

    Returns
    -------
    callable
        A function with the arguments of f, each with one more axis. Its results are Values if an
        argument is a Value, or if they depend on a variable.

    Raises
    ------
    ValueError
        If an axis does not exist, if the batches differ in size, or if the axes have another
        structure than the arguments or the results.
    BatchError
        If f asks for a number that differs between the samples: in a branch, by `item()`, or by
        writing it into an array. BatchError is a TypeError.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import numpy as np
    >>> X, w = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, -1.0])
    >>> dp.vmap(lambda x: np.sum(x * w))(X)
    array([-1., -1.])

    The gradient of each sample:

    >>> loss = lambda w, x: (x @ w) ** 2
    >>> dp.vmap(dp.grad(loss), in_axes=(None, 0))(w, X)
    array([[-2., -4.],
           [-6., -8.]])
    """
    checked(f, "vmap")
    if randomness not in get_args(Randomness):
        raise ValueError(f"randomness must be 'error', 'same' or 'different', got {randomness!r}")
    checked_chunk(chunk_size)

    @wraps(f)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = flatten((args, kwargs))
        positional, named = structure.children
        names = paths(positional, "argument ") + paths(named, "keyword argument ")
        axes = [*_axes("in_axes", in_axes, positional), *_axes("in_axes", 0, named)]
        for k, (axis, x, name) in enumerate(zip(axes, leaves, names, strict=True)):
            axes[k] = _counted(axis, len(shape_of(x)), f"{name} has shape {shape_of(x)}")
        size = _size(axes, leaves, names)
        step = min(chunk_size or size, size) or 1
        pieces: list[Any] = []
        drawn: list[Any] = []
        for start in range(0, max(size, 1), step):
            stop = min(start + step, size)
            pairs = zip(leaves, axes, strict=True)
            part = [_part(x, axis, start, stop) if step < size else x for x, axis in pairs]
            with Batching(stop - start, randomness, drawn) as block:
                try:
                    pieces.append(_run(f, structure, part, axes, block.level, out_axes))
                finally:
                    block.level.ended = True
        (results, shape, places), *_ = pieces
        for k, axis in enumerate(places if len(pieces) > 1 else ()):
            if axis is not None:
                results[k] = shaping.concatenate([rows[k] for rows, _, _ in pieces], axis)
        return unflatten(shape, results)

    return mapped


def _axes(what: str, axes: Any, structure: Structure) -> list[int | None]:
    """Return an axis for each leaf, given one axis for a whole tree or one for each child."""
    if axes is None or is_integer(axes):
        return [None if axes is None else int(axes)] * len(paths(structure, ""))
    kind, keys = structure.kind or int, structure.keys
    children: Any = None
    if isinstance(axes, dict) and issubclass(kind, dict) and axes.keys() == set(keys):
        children = [axes[key] for key in keys]
    elif isinstance(axes, tuple | list) and issubclass(kind, tuple | list):
        children = axes if len(axes) == len(keys) else None
    if children is None:
        raise ValueError(
            f"vmap: {what} must be an int, None, or have the structure of the "
            f"{'arguments' if what == 'in_axes' else 'results'}, {described(structure)}, "
            f"got {axes!r}"
        )
    pairs = zip(children, structure.children, strict=True)
    return [axis for child, part in pairs for axis in _axes(what, child, part)]


def _counted(axis: int | None, ndim: int, what: str) -> int | None:
    """Return an axis counted from 0."""
    if axis is None or -ndim <= axis < ndim:
        return axis if axis is None else axis % ndim
    raise ValueError(
        f"vmap: {what}, and so no axis {axis} for the samples: name another axis, or None for what "
        "is the same for all samples"
    )


def _size(axes: Sequence[int | None], leaves: Sequence[Any], names: Sequence[str]) -> int:
    rows = zip(axes, leaves, names, strict=True)
    sizes = {name: shape_of(x)[axis] for axis, x, name in rows if axis is not None}
    if len(set(sizes.values())) == 1:
        return next(iter(sizes.values()))
    found = ", ".join(f"{name}: {n}" for name, n in sizes.items())
    raise ValueError(
        f"vmap: all arguments with an axis in in_axes must have as many samples, got {found}"
        if sizes
        else "vmap: no argument has an axis in in_axes, so there are no samples"
    )


def _part(x: Any, axis: int | None, start: int, stop: int) -> Any:
    if axis is None:
        return x
    x = x if isinstance(x, Node) else as_array(x)
    return x[(slice(None),) * axis + (slice(start, stop),)]


def _own(y: Any, held: Sequence[Any]) -> Any:
    """Return an array that the caller may write to: a copy, unless nobody else holds it."""
    new = type(y) is np.ndarray and y.flags.owndata and y.flags.writeable
    return y if new and all(y is not x for x in held) else copied(y)


def _run(
    f: Callable[..., Any],
    structure: Structure,
    leaves: Sequence[Any],
    axes: Sequence[int | None],
    level: Level,
    out_axes: Any,
) -> tuple[list[Any], Structure, list[int | None]]:
    """Return the results, their structure, and the axis of the samples in each."""

    def sample(x: Any, axis: int | None) -> Any:
        if axis is None:  # an array as a constant, which takes samples as an index
            numbers = isinstance(x, np.ndarray) and x.dtype.kind in "biufc"
            return Value.leaf(x, constant=True) if numbers else x
        inner = batch(x if is_variable(x) else as_array(raw(x)), axis=axis, level=level)
        return inner if isinstance(inner, Node) else Value.leaf(inner, constant=True)

    wrap = any(isinstance(x, Node) for x in leaves)
    args, kwargs = unflatten(structure, list(map(sample, leaves, axes)))
    outputs, shape = flatten(called(f, args, kwargs))
    places = _axes("out_axes", out_axes, shape)
    for k, (y, axis) in enumerate(zip(outputs, places, strict=True)):
        if not isinstance(raw(y), DATA):
            raise TypeError(f"vmap: {named_of(f)} {MUST_RETURN_NUMBERS}, got {y!r}")
        if axis is not None:
            ndim = len(shape_of(y)) + 1
            places[k] = axis = _counted(axis, ndim, f"result {k} has {ndim} axes with the samples'")
            y = unbatch(y, axis=axis, level=level)
        elif is_of(raw(y), level):
            raise ValueError(
                f"vmap: out_axes is None for result {k}, but it differs between the samples: name "
                "an axis"
            )
        refuse_leaks(raw(y))
        if not is_variable(y):
            held = [raw(y)] if axis is None else [*leaves, *outputs[:k]]
            y = Value.leaf(raw(y), constant=True) if wrap else _own(raw(y), held)
        outputs[k] = y
    return outputs, shape, places
