"""`vmap`: a function of one sample becomes a function of a batch of samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, get_args

import numpy as np

from .calculus import shaping
from .graph import DATA, Node, as_array, copied, raw, shape_of
from .graph.batching import Batching, Randomness, batch, is_of, unbatch
from .transforms import checked, checked_chunk, is_variable
from .tree import Structure, described, flatten, paths, unflatten
from .value import Value

P = ParamSpec("P")


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
        if isinstance(in_axes, list):
            raise TypeError(f"in_axes must be an int, None or a tuple, got the list {in_axes!r}")
        axes = [*_axes("in_axes", in_axes, positional), *_axes("in_axes", 0, named)]
        axes = [_checked(*item) for item in zip(axes, leaves, names, strict=True)]
        size = _size(axes, leaves, names)
        step = max(size if chunk_size is None else chunk_size, 1)
        pieces = []
        for start in range(0, max(size, 1), step):
            rows = slice(start, min(start + step, size))
            part = leaves
            if step < size:
                part = [_part(x, axis, rows) for x, axis in zip(leaves, axes, strict=True)]
            count = rows.stop - rows.start
            pieces.append(_run(f, structure, part, axes, count, randomness, out_axes))
        structures, results, places = zip(*pieces, strict=True)
        columns = list(zip(*results, strict=True))
        if len(pieces) > 1:
            columns = [
                column if axis is None else (shaping.concatenate(column, axis),)
                for column, axis in zip(columns, places[0], strict=True)
            ]
        return unflatten(structures[0], [column[0] for column in columns])

    return mapped


def _axes(what: str, axes: Any, structure: Structure) -> list[int | None]:
    """Return an axis for each leaf, given one axis for a whole tree or one for each child."""
    if axes is None or (isinstance(axes, int | np.integer) and not isinstance(axes, bool)):
        return [None if axes is None else int(axes)] * len(paths(structure, ""))
    kind, keys = structure.kind, structure.keys
    if kind is not None and isinstance(axes, dict) and issubclass(kind, dict):
        children = [axes[key] for key in keys] if axes.keys() == set(keys) else None
    elif kind is not None and isinstance(axes, tuple | list) and issubclass(kind, tuple | list):
        children = list(axes) if len(axes) == len(keys) else None
    else:
        children = None
    if children is None:
        raise ValueError(
            f"{what} must be an int, None, or have the structure of "
            f"{'the arguments' if what == 'in_axes' else 'the results'}, {described(structure)}; "
            f"got {axes!r}"
        )
    pairs = zip(children, structure.children, strict=True)
    return [axis for child, part in pairs for axis in _axes(what, child, part)]


def _checked(axis: int | None, x: Any, name: str) -> int | None:
    """Return the axis of an argument, counted from 0."""
    if axis is None:
        return None
    ndim = len(shape_of(x))
    if not -ndim <= axis < ndim:
        raise ValueError(
            f"vmap: {name} has shape {shape_of(x)}, and so no axis {axis} to map over; name "
            "another axis in in_axes, or None if the argument is the same for all samples"
        )
    return axis % ndim


def _size(axes: Sequence[int | None], leaves: Sequence[Any], names: Sequence[str]) -> int:
    sizes = {
        name: shape_of(x)[axis]
        for axis, x, name in zip(axes, leaves, names, strict=True)
        if axis is not None
    }
    if not sizes:
        raise ValueError("vmap: no argument is mapped over: give one an axis in in_axes")
    (first, size), *others = sizes.items()
    for name, other in others:
        if other != size:
            raise ValueError(
                f"vmap: all arguments must have as many samples, but {first} has {size} and "
                f"{name} has {other}, along the axes that in_axes names"
            )
    return size


def _part(x: Any, axis: int | None, rows: slice) -> Any:
    if axis is None:
        return x
    x = x if isinstance(x, Node) else as_array(x)
    return x[(slice(None),) * axis + (rows,)]


def _own(y: Any, inputs: Sequence[Any]) -> Any:
    """Return an array that the caller may write to: a copy, unless it is a new one."""
    new = type(y) is np.ndarray and y.flags.owndata and y.flags.writeable
    return y if new and all(y is not x for x in inputs) else copied(y)


def _run(
    f: Callable[..., Any],
    structure: Structure,
    leaves: Sequence[Any],
    axes: Sequence[int | None],
    size: int,
    randomness: Randomness,
    out_axes: Any,
) -> tuple[Structure, list[Any], list[int | None]]:
    """Return the structure of the results, their leaves, and the axis of the samples in each."""
    wrap = any(isinstance(x, Node) for x in leaves)
    with Batching(size, randomness) as mode:
        level = mode.level

        def sample(x: Any, axis: int | None) -> Any:
            if axis is None:
                return x
            if is_variable(x):
                return batch(x, axis=axis, level=level)
            return Value.leaf(batch(as_array(raw(x)), axis=axis, level=level), constant=True)

        args, kwargs = unflatten(structure, list(map(sample, leaves, axes)))
        outputs, shape = flatten(f(*args, **kwargs))
        places = _axes("out_axes", out_axes, shape)
        results = []
        for i, (y, axis) in enumerate(zip(outputs, places, strict=True)):
            data = raw(y)
            if not isinstance(data, DATA):
                raise TypeError(
                    f"vmap: the function must return numbers and arrays, or lists, tuples, dicts "
                    f"and dataclasses of them, got {y!r}"
                )
            if axis is None:
                if is_of(data, level):
                    raise ValueError(
                        f"vmap: out_axes is None for result {i}, but it differs between the "
                        "samples: give it an axis"
                    )
            else:
                ndim = len(shape_of(y)) + 1
                if not -ndim <= axis < ndim:
                    raise ValueError(
                        f"vmap: out_axes names axis {axis}, but result {i} has shape "
                        f"{shape_of(y)} for each sample: the axis must be in [{-ndim}, {ndim})"
                    )
                places[i] = axis % ndim
                y = unbatch(y, axis=axis % ndim, level=level)
            if not is_variable(y):
                y = Value.leaf(raw(y), constant=True) if wrap else _own(raw(y), leaves)
            results.append(y)
    return shape, results, places
