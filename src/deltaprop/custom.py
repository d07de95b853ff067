"""Functions whose derivative the user writes, or that are recomputed in the backward pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeAlias, TypeVar

import numpy as np

from .calculus import shaping
from .graph import Node, Primitive, outside, raw, shape_of, verify
from .graph.cotangent import as_gradient
from .graph.modes import Mode, is_recording
from .graph.node import MODE, _serial
from .graph.primitive import kept
from .habits import explained
from .options import brief
from .transforms import Evaluation, checked, is_variable, same, zeros_of
from .tree import Structure, described, flatten, matched, paths, tree_map, unflatten
from .value import Value

Function: TypeAlias = Callable[..., Any]
P = ParamSpec("P")
R = TypeVar("R")


class _Packed:
    """A tree of results as one array, because an operation has one result."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        self.leaves, self.structure = flatten(tree)
        self.shapes = [shape_of(x) for x in self.leaves]

    @property
    def data(self) -> Any:
        if len(self.leaves) == 1:
            return self.leaves[0]
        return shaping.concatenate([shaping.ravel(x) for x in self.leaves])

    def unpacked(self, packed: Any) -> Any:
        """The tree again, of the entries of `packed`."""
        if len(self.leaves) == 1:
            return unflatten(self.structure, [packed])
        parts, start = [], 0
        for shape in self.shapes:
            stop = start + math.prod(shape)
            parts.append(shaping.reshape(packed[start:stop], shape))
            start = stop
        return unflatten(self.structure, parts)


def _recorded(op: Primitive, variables: Sequence[Node], data: Any, **params: Any) -> Any:
    """A node of one of the operations below."""
    if (mode := MODE.get()) is not None and mode.mode is not outside():
        variables = list(map(same, variables))  # as the block sees them; a recording sees all
    saved = [x._held for x in variables]
    args = tuple(
        x.snapshot() if x.op is None else kept(x, saved, i, True) for i, x in enumerate(variables)
    )
    node = variables[0].recorded(op, args, raw(data), params)
    node.saved = [x._held for x in args]
    return node


class _Watch(Mode):
    """Records nothing, and notes the variables from outside that are used."""

    def __init__(self) -> None:
        self.captured: dict[Node, None] = {}
        self.start: int = next(_serial)

    def replacement(self, x: Node) -> Node:
        if x.serial < self.start:  # made inside
            return x
        self.captured[x] = None
        return x.constant(raw(x))

    def record(self, entered: Any, primitive: Primitive, args: Any, params: Any) -> Any:
        args = [self.replacement(x) if is_variable(x) else x for x in args]
        return super().record(entered, primitive, args, params)


class _Substitute(_Watch):
    """Puts other nodes in the place of captured ones."""

    def __init__(self, places: dict[Node, Node]) -> None:
        self.places = places

    def replacement(self, x: Node) -> Node:
        return self.places.get(x, x)


def _is_same(again: Any, before: Any) -> None:
    # NumPy rounds differently from Python, and in another memory layout
    near = float(np.finfo(np.result_type(before, np.float32)).eps) ** 0.5
    if not np.allclose(again, before, near, near, equal_nan=True):
        raise RuntimeError(
            "checkpoint: the function returned a different result when it was recomputed, so its "
            "derivative is undefined. It must depend on its arguments alone: draw random "
            "numbers outside, or from a Generator that the function makes itself"
        )


class _Checkpoint(Primitive):
    """A call whose intermediate results are not stored but recomputed when they are needed."""

    def _again(self, node: Node, graph: bool) -> Evaluation:
        assert node.params is not None
        xs = node.args if graph else [x._held for x in node.args]
        with outside().again():
            run = Evaluation(node.params["call"], xs, range(len(xs)))
        verify(_is_same, raw(run.outputs[0]), raw(node), always=False)
        return run

    def vjp(self, g: Any, node: Node, graph: bool) -> Sequence[Any]:
        run = self._again(node, graph)
        return run.reverse(run.outputs[0], g, graph)

    def jvp(self, tangents: Sequence[Any], node: Node, graph: bool) -> Any:
        return self._again(node, graph).forward(tangents, graph=graph)[0]


class _CustomGradient(Primitive):
    """A call whose derivative the user has written."""

    def vjp(self, g: Any, node: Node, graph: bool) -> Sequence[Any]:
        assert node.params is not None
        pullback = node.params["pullback"]
        if graph:
            _, pullback = node.params["call"](*node.operands(True))
        found = pullback(as_gradient(g))
        for i, (c, x) in enumerate(zip(found, node.args, strict=True)):
            if c is not None and shape_of(c) not in ((), shape_of(x)):
                raise ValueError(
                    f"the vjp of a custom_gradient gave a cotangent of shape {shape_of(c)} "
                    f"for variable {i}, of shape {shape_of(x)}; they must be equal"
                )
        return [None if c is None else as_gradient(c) for c in found]

    def jvp(self, tangents: Sequence[Any], node: Node, graph: bool) -> Any:
        assert node.params is not None
        xs = node.operands(graph)
        vs = [zeros_of(x) if t is None else t for x, t in zip(xs, tangents, strict=True)]
        if node.params["jvp"] is not None:
            return node.params["jvp"](xs, vs)
        # the vjp is linear in the cotangent: its own derivative along v is the jvp
        _, pullback = node.params["call"](*xs)

        def pulled(g: Any) -> list[Any]:
            found = zip(xs, pullback(g), strict=True)
            return [zeros_of(x) if c is None else c for x, c in found]

        run = Evaluation(pulled, (zeros_of(node),), (0,))
        total = run.reverse(run.outputs[0], as_gradient(vs[0]), graph)
        for y, v in zip(run.outputs[1:], vs[1:], strict=True):
            more = run.reverse(y, as_gradient(v), graph)
            total = [a + b for a, b in zip(total, more, strict=True)]
        return as_gradient(total[0])


_checkpoint = _Checkpoint("checkpoint", lambda *xs, call: call(*xs))
_custom_gradient = _CustomGradient("custom_gradient", lambda *xs, call: call(*xs)[0])


def checkpoint(f: Callable[P, R]) -> Callable[P, R]:
    """Wrap f so that its intermediate results are recomputed in the backward pass, not stored.

    The backward pass calls f a second time. For a chain of n such pieces, memory drops from
    all intermediate results to the n inputs and the intermediate results of one piece; the
    price is about one more forward pass. Variables that f closes over get gradients as well.
    f must return the same result when it is called again; otherwise a RuntimeError says so.

    Parameters
    ----------
    f : callable
        The function; it must return the same result each time.

    Returns
    -------
    callable
        A function of the same arguments, with the same result and derivatives.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import numpy as np
    >>> layer = dp.checkpoint(lambda x, w: np.tanh(x * w))
    >>> dp.grad(lambda w: layer(layer(1.0, w), w))(0.0)
    0.0
    """

    checked(f, "checkpoint")

    @wraps(f)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = flatten((args, kwargs))
        variables = [x for x in leaves if is_variable(x)]
        watch = _Watch()
        constants = [x.constant(raw(x)) if is_variable(x) else x for x in leaves]
        with watch:
            args, kwargs = unflatten(structure, constants)
            packed = _Packed(f(*args, **kwargs))
        known = {id(x) for x in variables}
        captured = [x for x in watch.captured if id(x) not in known]
        if not packed.leaves or not is_recording() or not (variables or captured):
            return packed.tree

        def call(*values: Any) -> Any:
            inputs = iter(values)
            again = [next(inputs) if is_variable(x) else x for x in leaves]
            args, kwargs = unflatten(structure, again)
            with _Substitute(dict(zip(captured, inputs, strict=True))):
                return _Packed(f(*args, **kwargs)).data

        nodes = variables + captured
        return packed.unpacked(_recorded(_checkpoint, nodes, packed.data, call=call))

    return checkpointed


@explained
def custom_gradient(f: Function, *, jvp: Function | None = None) -> Function:
    """Return a function with a derivative of your own.

    Parameters
    ----------
    f : callable
        Receives plain arrays (or trees of them) and returns ``(value, vjp)``:
        ``vjp(cotangent)`` returns the cotangent of its argument, or a tuple of them, one
        for each; None is the cotangent 0. Cotangents of dicts are matched by key. Keyword
        arguments are constants and have no cotangents. For higher orders f is called with
        Values, and both must record.
    jvp : callable, optional
        ``jvp(primals, tangents)`` returns the tangent of the value; both are sequences
        with the arrays in f's arguments. Without it forward mode transposes the vjp, which
        must then record.

    Returns
    -------
    callable
        A function of the same arguments, which returns the value alone.

    Raises
    ------
    ValueError
        If the vjp returns cotangents of another structure than the arguments, or one of the wrong
        shape.
    TypeError
        If f returns anything else, or if a keyword argument is a variable.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import numpy as np
    >>> @dp.custom_gradient
    ... def clipped(x):
    ...     return x, lambda g: np.clip(g, -1.0, 1.0)
    >>> dp.grad(lambda x: 5 * clipped(x))(2.0)
    1.0
    """

    checked(f, "custom_gradient")
    if jvp is not None:
        checked(jvp, "custom_gradient(f, jvp=...)")

    @wraps(f)
    def custom(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = flatten(args)
        places = [i for i, x in enumerate(leaves) if is_variable(x)]
        constants = _constants(f, kwargs)

        def call(*values: Any) -> tuple[Any, Function]:
            again = [raw(x) for x in leaves]
            for i, x in zip(places, values, strict=True):
                again[i] = x
            result = f(*unflatten(structure, again), **constants)
            if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
                raise TypeError(
                    "a custom_gradient returns (value, vjp), the value and a function of its "
                    f"cotangent, not {brief(result)}"
                )
            packed = _Packed(result[0])

            def pullback(g: Any) -> list[Any]:
                found = _cotangents(result[1](packed.unpacked(g)), structure, f)
                return [found[i] for i in places]

            return packed, pullback

        packed, pullback = call(*[raw(leaves[i]) for i in places])
        if not packed.leaves or not places or not is_recording():
            wrap = any(isinstance(x, Node) for x in leaves)
            return tree_map(_constant, packed.tree) if wrap else packed.tree
        variables = [leaves[i] for i in places]
        along = jvp and _along(jvp, leaves, places)
        params = {"call": call, "pullback": pullback, "jvp": along}
        return packed.unpacked(_recorded(_custom_gradient, variables, packed.data, **params))

    return custom


def _constant(x: Any) -> Any:
    return x if isinstance(x, Node) else Value.leaf(x, constant=True)


def _constants(f: Function, kwargs: dict[str, Any]) -> Any:
    """Keyword arguments as plain data."""
    if kwargs and is_recording():
        leaves, structure = flatten(kwargs)
        for x, name in zip(leaves, paths(structure, "keyword arguments"), strict=True):
            if is_variable(x):
                raise TypeError(
                    f"{f.__name__} is a custom_gradient, whose keyword arguments must be "
                    f"constants, but {name} is a variable: pass it by position, and return its "
                    "cotangent from the vjp"
                )
    return tree_map(raw, kwargs)


def _cotangents(found: Any, structure: Structure, f: Function) -> list[Any]:
    """What a vjp returned, a cotangent (or None) for each array in f's arguments."""
    rows = list(found) if type(found) in (tuple, list) else []
    # one for each argument, or the only argument's itself
    for row in (rows, [found]):
        if len(row) != len(structure.children):
            continue
        parts = [
            [None] * len(paths(part, "")) if c is None else matched(c, part)
            for c, part in zip(row, structure.children, strict=True)
        ]
        if None not in parts:
            return [c for part in parts for c in part or ()]
    given, nested = flatten(found)
    arrays = paths(structure, "")
    raise ValueError(
        f"the vjp of {f.__name__} returned {len(given)} cotangents ({described(nested)}) for "
        f"{len(arrays)} arrays ({described(structure)}); they must be nested alike"
    )


def _along(jvp: Function, leaves: Sequence[Any], places: Sequence[int]) -> Function:
    """The user's jvp of all arguments as one of the variables among them."""

    def along(values: Sequence[Any], changes: Sequence[Any]) -> Any:
        primals = [raw(x) for x in leaves]
        tangents = [zeros_of(x) for x in leaves]
        for i, x, t in zip(places, values, changes, strict=True):
            primals[i], tangents[i] = x, t
        return _Packed(jvp(primals, tangents)).data

    return along
