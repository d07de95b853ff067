"""Transforms: functions that turn a function into a function of its derivatives.

Each transform calls the function with `Value`s instead of its arguments. This call records a
graph, and the transform differentiates the graph by a backward or forward pass. Arguments and
results are numbers, arrays and `Value`s, or trees of these (see `deltaprop.tree`). Plain
arguments give plain results. If an argument is a variable `Value`, or inside another transform,
the derivative is recorded too, so transforms nest in any order. Two levels are never confused,
because each backward pass ends at exactly the nodes of its own transform.

Complex numbers follow PyTorch: the gradient of a real function is the direction of steepest
ascent, which is the conjugate of the derivative. `vjp` takes and returns cotangents in this
convention. A tangent is the plain differential.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, TypeAlias, TypeVar, overload
from warnings import warn

import numpy as np

from .calculus import shaping
from .graph import (
    DATA,
    Masked,
    Node,
    Selection,
    as_array,
    as_held,
    as_number,
    copied,
    dtype_of,
    is_complex,
    narrow,
    raw,
    shape_of,
)
from .graph.batches import BatchError, by_entry, refuse_leaks
from .graph.batching import Batching, unbatch
from .graph.cotangent import as_gradient
from .graph.domains import case
from .graph.forward import forward_sweep
from .graph.modes import depth, is_recording, recording, running
from .graph.node import _serial, parents, topological_order
from .graph.reverse import sweep
from .habits import explained
from .options import brief, is_integer
from .protocols import LostGradient
from .tree import Structure, described, flatten, matched, paths, tree_map, unflatten
from .value import Value

Function: TypeAlias = Callable[..., Any]
P = ParamSpec("P")
R = TypeVar("R")
X = TypeVar("X", bound=Any)  # Any lets type checkers accept any lambda
Aux = TypeVar("Aux")

# separates the argument of a transform from the function, so that a pass knows where to end
same: Selection = Selection(
    "same",
    lambda x: x.view() if isinstance(x, np.ndarray) else x,
    lambda g, x: g,
    batch=by_entry,
    cases=[case((2, 3)), case(())],
)


class Evaluation:
    """One recorded call of a function, and the derivatives computed from its graph.

    Parameters
    ----------
    function : callable
    args : sequence
        All positional arguments of the function.
    where : sequence of int
        The positions of the arguments to differentiate with respect to.
    kwargs : dict
    has_aux : bool
        Whether the function returns a pair whose second member is returned as it is.
    """

    def __init__(
        self,
        function: Function,
        args: Sequence[Any],
        where: Sequence[int],
        kwargs: dict[str, Any] | None = None,
        has_aux: bool = False,
    ) -> None:
        chosen = [args[i] for i in where]
        self.structure: Structure
        leaves, self.structure = flatten(chosen)
        self.names: list[str] = [
            name
            for i, child in zip(where, self.structure.children, strict=True)
            for name in paths(child, f"argument {i}")
        ]
        self.function = function
        self.wrap: bool = any(isinstance(x, Node) for x in leaves)
        self.inner: bool = any(map(is_variable, leaves))  # derivatives of these may be asked for
        surrounded = depth() > 0
        self.start: int = next(_serial)
        with running(), recording():
            self.inputs: list[Node] = [
                _variable(x, n) for x, n in zip(leaves, self.names, strict=True)
            ]
            given = list(args)
            for i, x in zip(where, unflatten(self.structure, self.inputs), strict=True):
                given[i] = x
            result = called(function, given, kwargs or {})
        self.aux: Any = None
        if has_aux:
            if not isinstance(result, tuple) or len(result) != 2:
                raise TypeError(
                    f"{named_of(function)} must return a pair (value, aux) with has_aux=True, "
                    f"got {result!r}"
                )
            result, self.aux = result
        self.outputs: list[Any]
        self.result_structure: Structure
        self.outputs, self.result_structure = flatten(result)
        for y in self.outputs:
            if not isinstance(raw(y), DATA):
                raise TypeError(
                    f"{named_of(function)} {MUST_RETURN_NUMBERS}, got {y!r}"
                    + ("" if has_aux else ": return anything else as aux, with has_aux=True")
                )
        found = [*self.outputs, *flatten(self.aux)[0]]
        self.nested: bool = is_recording() and (
            self.inner or (surrounded and bool(_outward(found, self.start)))
        )

    def value(self) -> Any:
        """Return the value of the function."""
        return unflatten(self.result_structure, self.out(self.outputs))

    def auxiliary(self) -> Any:
        """Return the auxiliary result of the function."""
        leaves, structure = flatten(self.aux)
        return unflatten(
            structure, [self.out([x])[0] if isinstance(x, Node) else x for x in leaves]
        )

    def out(self, leaves: Sequence[Any]) -> list[Any]:
        """Return results as the caller expects them.

        A result that depends on an outer variable is a Value with its gradient. Any other result
        is plain data that the caller may change, or a constant if the arguments were Values.
        """
        for x in leaves:
            refuse_leaks(raw(x))
        if self.nested and not self.inner:
            outward = _outward(leaves, self.start)
        return [
            x
            if self.nested and is_variable(x) and (self.inner or x.serial in outward)
            else Value.leaf(raw(x), constant=True)
            if self.wrap
            else copied(raw(x))
            for x in leaves
        ]

    def reverse(self, root: Any, seed: Any, graph: bool | None = None) -> list[Any]:
        """Return the cotangent of every input, given the cotangent `seed` of `root`."""
        found: dict[Node, Any] = {}
        graph = self.nested if graph is None else graph
        if is_variable(root):
            with np.errstate(all="ignore"), running() if graph else nullcontext(), recording():
                found = sweep(root, seed, graph=graph, retain=False, targets=self.inputs)
        return [found[x] if x in found else zeros_of(x) for x in self.inputs]

    def forward(
        self,
        tangents: Sequence[Any],
        outputs: Sequence[Any] | None = None,
        graph: bool | None = None,
    ) -> list[Any]:
        """Return the tangents of all outputs (or of other nodes), given these of the inputs."""
        outputs = self.outputs if outputs is None else outputs
        graph = self.nested if graph is None else graph
        given = {x: t for x, t in zip(self.inputs, tangents, strict=True) if t is not None}
        roots = [y for y in outputs if is_variable(y)]
        with np.errstate(all="ignore"), running() if graph else nullcontext(), recording():
            known = dict(zip(roots, forward_sweep(roots, given, graph=graph), strict=True))
        found = [known.get(y) if isinstance(y, Node) else None for y in outputs]
        return [zeros_of(y) if t is None else t for t, y in zip(found, outputs, strict=True)]

    def like_inputs(self, leaves: Sequence[Any]) -> list[Any]:
        """Return one result for each argument differentiated with respect to."""
        trees: list[Any] = unflatten(self.structure, self.out(leaves))
        return trees

    def warn_of_plain(self) -> None:
        """Warn of results that are no Values, whose derivatives are zero."""
        ys = self.outputs
        if ys and self.inputs and not [y for y in ys if isinstance(y, Node)]:
            warn(
                f"{named_of(self.function)} returned {brief(self.outputs[0])}, plain data that "
                "depend on no argument: the derivative is 0. Compute with the arguments "
                "themselves, without .item(), .numpy() and .data",
                stacklevel=4,
            )

    def scalar(self, what: str) -> Any:
        """Return the result of the function, which must be one real number."""
        self.warn_of_plain()
        (y, *more) = self.outputs or [None]
        if more or y is None or shape_of(y) != () or self.result_structure.kind is not None:
            leaf = self.result_structure.kind is None
            got = f"shape {shape_of(y)}" if leaf else described(self.result_structure)
            raise TypeError(
                f"{what} needs a function that returns one real number, but this function returned "
                f"{got}: reduce it, e.g. with .sum(), or use jacobian or vjp"
                + ("; has_aux=True expects a pair (value, aux)" if len(self.outputs) > 1 else "")
            )
        kind = dtype_of(y).kind
        if kind == "c":
            raise TypeError(
                f"{what} needs a real function, but this function returned a complex number: "
                "return abs(y), y.real or y.imag"
            )
        if kind not in "fiu":
            raise TypeError(f"{what} needs a function that returns one real number, got {y!r}")
        return y


def called(function: Function, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Return the result of a call, whose errors are those of Values that became numbers."""
    try:
        return function(*args, **kwargs)
    except ValueError as error:  # raised by NumPy where a Value was written into an array
        if isinstance(error.__cause__, LostGradient | BatchError):
            raise error.__cause__ from None
        raise
    except TypeError as error:
        for i, x in enumerate(args):
            if isinstance(x, list | None):
                error.add_note(
                    f"Argument {i} of {named_of(function)} is {brief(x)}, passed on as it is: for "
                    "an array write numpy.array([...])"
                )
        raise


def _outward(roots: Sequence[Any], start: int) -> set[int]:
    """Return the serial numbers of nodes that depend on a variable older than `start`."""
    found: set[int] = set()
    for node in topological_order(*filter(is_variable, roots), since=start):
        if node.serial > start or any(
            x.serial in found or (x.serial > start and not x.is_constant) for x in parents(node)
        ):
            found.add(node.serial)
    return found


MUST_RETURN_NUMBERS = (
    "must return numbers and arrays, or lists, tuples, dicts and dataclasses of them"
)


def named_of(function: Any) -> str:
    return getattr(function, "__name__", None) or repr(function)


def checked(function: Any, what: str) -> None:
    """Raise a TypeError unless the function can be called."""
    if not callable(function):
        raise TypeError(
            f"{what} takes a function, got {brief(function)}: pass the function itself, {what}(f), "
            "not its result"
        )


def is_variable(x: Any) -> bool:
    return isinstance(x, Node) and not x.is_constant


_OURS = (Node, *DATA)


def _variable(x: Any, name: str) -> Node:
    """Return a variable with the data of `x`, recorded as a copy of `x` if `x` is a variable."""
    if is_variable(x):
        node: Node = same(x)
        return node
    foreign = not isinstance(x, _OURS) and hasattr(type(x), "__dlpack__")
    data = as_array(x) if foreign else raw(x)
    kind = as_array(data).dtype.kind
    if kind not in "fc":
        raise TypeError(
            f"cannot differentiate with respect to {name}, which is {_described(data, kind)}: only "
            "floating and complex numbers have derivatives; convert it, or leave it out of argnums"
        )
    leaf = Value.leaf(as_number(data))
    leaf.extra.argument = True
    if not np.shape(data):
        leaf.extra.dtype = x.dtype if isinstance(x, Value) else narrow(data)
    return leaf


def _described(data: Any, kind: str) -> str:
    what = {"b": "bool", "i": "an integer", "u": "an integer"}.get(kind, type(data).__name__)
    return f"{what} ({data!r})" if np.ndim(data) == 0 else f"an array of {data.dtype}"


def zeros_of(like: Any) -> Any:
    data = as_array(raw(like))
    return np.zeros(data.shape, data.dtype) if data.ndim else data.dtype.type(0).item()


Positions: TypeAlias = int | tuple[int, ...]


def _positions(argnums: Any, what: str) -> Positions:
    """Return the argument `argnums` of a transform: one position or several."""
    several = np.ndim(argnums) > 0 if not isinstance(argnums, set | dict) else True
    given = list(argnums) if several else [argnums]
    for i in given:
        if not is_integer(i):
            raise TypeError(
                f"{what}: argnums must be the position of an argument or a sequence of positions, "
                f"got {argnums!r}"
            )
    return tuple(map(int, given)) if several else int(argnums)


def _argnums(argnums: Positions, args: Sequence[Any], what: str) -> list[int]:
    where = [argnums] if isinstance(argnums, int) else list(argnums)
    for i in where:
        if not -len(args) <= i < len(args):
            raise TypeError(
                f"{what}: argnums names argument {i}, but the function was called with "
                f"{len(args)} positional argument{'s' * (len(args) != 1)}: pass it by position"
            )
    where = [i % len(args) for i in where]
    if len(set(where)) < len(where):
        raise ValueError(f"{what}: argnums must name each argument once, got {argnums}")
    return where


def _one_or_all(argnums: Positions, results: Sequence[Any]) -> Any:
    return results[0] if isinstance(argnums, int) else tuple(results)


@overload
def value_and_grad(  # type: ignore[overload-overlap]
    f: Callable[Concatenate[X, P], R], argnums: Literal[0] = 0, *, has_aux: bool = False
) -> Callable[Concatenate[X, P], tuple[R, X]]: ...
@overload
def value_and_grad(
    f: Callable[P, R], argnums: int | Sequence[int], *, has_aux: bool = False
) -> Callable[P, tuple[R, Any]]: ...
@explained
def value_and_grad(
    f: Function, argnums: int | Sequence[int] = 0, *, has_aux: bool = False
) -> Function:
    """Return a function that computes the value of f and its gradient.

    Parameters
    ----------
    f : callable
        The function. It returns one real number, or a pair if `has_aux`.
    argnums : int or sequence of int
        The positions of the arguments to differentiate with respect to; a sequence gives a tuple
        of gradients.
    has_aux : bool
        Whether f returns ``(value, aux)``; the result is then ``((value, aux), gradient)``.

    Returns
    -------
    callable
        A function of the arguments of f. It returns ``(value, gradient)``, the latter with the
        structure, shapes and dtypes of the argument.

    Raises
    ------
    TypeError
        If f returns anything else, or if `argnums` names a missing or an integer argument.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import numpy as np
    >>> dp.value_and_grad(lambda p: np.sum(p["w"] ** 2))({"w": np.array([1.0, 2.0])})
    (5.0, {'w': array([2., 4.])})
    """

    return _value_and_grad("value_and_grad", f, argnums, has_aux)


def _value_and_grad(
    what: str, f: Function, argnums: int | Sequence[int], has_aux: bool
) -> Function:
    checked(f, what)
    positions = _positions(argnums, what)

    @wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        where = _argnums(positions, args, what)
        run = Evaluation(f, args, where, kwargs, has_aux)
        y = run.scalar(what)
        found = [as_gradient(g) for g in run.reverse(y, 1.0)]
        gradient = _one_or_all(positions, run.like_inputs(found))
        return ((run.value(), run.auxiliary()) if has_aux else run.value()), gradient

    return value_and_gradient


@overload
def grad(
    f: Callable[Concatenate[X, P], Any], argnums: Literal[0] = 0, *, has_aux: Literal[False] = False
) -> Callable[Concatenate[X, P], X]: ...
@overload
def grad(
    f: Callable[Concatenate[X, P], tuple[Any, Aux]],
    argnums: Literal[0] = 0,
    *,
    has_aux: Literal[True],
) -> Callable[Concatenate[X, P], tuple[X, Aux]]: ...
@overload
def grad(
    f: Callable[P, Any], argnums: int | Sequence[int], *, has_aux: bool = False
) -> Callable[P, Any]: ...
@explained
def grad(f: Function, argnums: int | Sequence[int] = 0, *, has_aux: bool = False) -> Function:
    """Return a function that computes the gradient of f.

    Parameters and errors are those of `value_and_grad`. With `has_aux`, the function returns
    ``(gradient, aux)``.

    Parameters
    ----------
    f : callable
        The function. It returns one real number.
    argnums : int or sequence of int, optional
        The positions of the arguments to differentiate with respect to; a sequence gives a tuple.
    has_aux : bool, optional
        Whether f returns a pair ``(value, aux)``.

    Returns
    -------
    callable
        A function of the arguments of f. It returns the gradient, with the structure, shapes and
        dtypes of the argument; with `has_aux`, ``(gradient, aux)``.

    Examples
    --------
    >>> import deltaprop as dp
    >>> cube = lambda x: x**3
    >>> dp.grad(cube)(2.0), dp.grad(dp.grad(cube))(2.0), dp.grad(dp.grad(dp.grad(cube)))(2.0)
    (12.0, 12.0, 6.0)
    """
    both = _value_and_grad("grad", f, argnums, has_aux)

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def _like(tree: Any, leaves: Sequence[Any], structure: Structure, what: str) -> list[Any]:
    """Return the leaves of a tree of (co)tangents, checked against the leaves they belong to."""
    given = matched(tree, structure)
    if given is None:
        raise ValueError(
            f"{what} have the structure {described(flatten(tree)[1])}, but their arguments have "
            f"the structure {described(structure)}; the two must be equal"
        )
    out = []
    for t, x in zip(given, leaves, strict=True):
        shape, data = shape_of(x), as_array(raw(x))
        if shape_of(t) != shape:
            raise ValueError(f"{what} must have shape {shape}, got {shape_of(t)}")
        if not is_variable(t):
            if is_complex(t) and data.dtype.kind != "c":
                raise TypeError(f"{what} must be real ({data.dtype}), got complex ones")
            kind = data.dtype if data.dtype.kind in "fc" else np.dtype(float)
            t = as_held(raw(t), kind)
        out.append(t)
    return out


Pullback: TypeAlias = Callable[[Any], tuple[Any, ...]]


@overload
def vjp(
    f: Callable[..., R], *primals: Any, has_aux: Literal[False] = False
) -> tuple[R, Pullback]: ...
@overload
def vjp(
    f: Callable[..., tuple[R, Aux]], *primals: Any, has_aux: Literal[True]
) -> tuple[R, Pullback, Aux]: ...
@explained
def vjp(f: Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Return f(primals) and its pullback, the function that maps cotangents backward.

    Parameters
    ----------
    f : callable
        A function of numbers, arrays or trees of them.
    *primals : array_like or tree
        The arguments of f.
    has_aux : bool, optional
        Whether f returns a pair ``(value, aux)``.

    Returns
    -------
    value, pullback[, aux]
        ``pullback(cotangent)`` takes a cotangent with the structure and shapes of `value`, and
        returns a tuple with the cotangent of each primal. It can be called again.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import numpy as np
    >>> y, pullback = dp.vjp(np.multiply, 2.0, 3.0)
    >>> y, pullback(1.0)
    (6.0, (3.0, 2.0))
    """
    checked(f, "vjp")
    if not primals:
        raise TypeError("vjp takes the arguments of f too, got none: write vjp(f, x)")
    run = Evaluation(f, primals, range(len(primals)), has_aux=has_aux)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        gs = _like(cotangent, run.outputs, run.result_structure, "the cotangents")
        graph = is_recording() and (run.nested or any(map(is_variable, gs)))
        rows = []
        for y, g in zip(run.outputs, gs, strict=True):
            seed = as_gradient(g.snapshot() if isinstance(g, Node) and g.op is None else g)
            rows.append([as_gradient(c) for c in run.reverse(y, seed, graph)])
        totals = [
            sum(column[1:], column[0]) if column else zeros_of(x)
            for x, *column in zip(run.inputs, *rows, strict=True)
        ]
        if graph:
            return tuple(unflatten(run.structure, totals))
        return tuple(run.like_inputs(totals))

    more = (run.auxiliary(),) if has_aux else ()
    return run.value(), pullback, *more


def _arguments(
    f: Function, primals: Any, tangents: Any, what: str
) -> tuple[Function, Sequence[Any], range]:
    """Return the function, all its arguments and their positions."""
    checked(f, what)
    for given in (primals, tangents):
        if not isinstance(given, list | tuple):
            raise TypeError(f"{what} takes tuples, {what}(f, (x,), (v,)), got {given!r}")
    return f, primals, range(len(primals))


@explained
def jvp(f: Callable[..., R], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[R, R]:
    """Return the value of f at `primals` and its change along `tangents`, by a forward pass.

    Parameters
    ----------
    f : callable
        A function of numbers, arrays or trees of them.
    primals : sequence
        The arguments of f.
    tangents : sequence
        Their directions, of the same shapes.

    Returns
    -------
    value, tangent
        Both with the structure and shapes of the result of f.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import numpy as np
    >>> dp.jvp(np.sin, (0.0,), (2.0,))
    (0.0, 2.0)
    """
    run = Evaluation(*_arguments(f, primals, tangents, "jvp"))
    vs = _like(list(tangents), run.inputs, run.structure, "the tangents")
    changes = run.forward(vs)
    return run.value(), unflatten(run.result_structure, run.out(changes))


@overload
def hvp(f: Callable[[X], Any], primals: tuple[X], tangents: Sequence[Any]) -> X: ...
@overload
def hvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any: ...
@explained
def hvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Return the Hessian of f times a vector, forward over reverse, without forming the Hessian.

    `primals` and `tangents` are tuples of the arguments of f and of their directions. The result
    is a tuple too, unless f has only one argument.

    Parameters
    ----------
    f : callable
        The function. It returns one real number.
    primals : sequence
        The arguments of f.
    tangents : sequence
        Their directions, of the same shapes.

    Returns
    -------
    array or tree
        The product, with the structure and shapes of the arguments.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import numpy as np
    >>> dp.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    array([6., 0.])
    """
    run = Evaluation(*_arguments(f, primals, tangents, "hvp"))
    vs = _like(list(tangents), run.inputs, run.structure, "the tangents")
    gradient = [as_gradient(g) for g in run.reverse(run.scalar("hvp"), 1.0, graph=True)]
    products = run.like_inputs(run.forward(vs, gradient))
    return products[0] if len(products) == 1 else tuple(products)


@explained
def jacobian(
    f: Callable[P, Any],
    argnums: int | Sequence[int] = 0,
    *,
    mode: Literal["auto", "reverse", "forward"] = "auto",
    chunk_size: int | None = None,
) -> Callable[P, Any]:
    """Return a function that computes the Jacobian of f.

    A result of shape S and an argument of shape T give an array of shape S + T. For trees, the
    Jacobian is the tree of the results with the tree of the arguments at each leaf.

    Parameters
    ----------
    mode : {"auto", "reverse", "forward"}
        "reverse" computes a row for each entry of the results, "forward" a column for each entry
        of the arguments; "auto" takes the mode with fewer of them. A complex result needs real
        arguments and forward mode; complex arguments need a real result and reverse mode.
    chunk_size : int, optional
        How many rows or columns one pass carries. By default so many that none of the arrays of a
        pass is larger than 64 MiB, unless it is so for one row; a pass holds a few of them.

    Returns
    -------
    callable
        A function of the arguments of f. It returns an array, or a tree of arrays.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import numpy as np
    >>> dp.jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    if mode not in ("auto", "reverse", "forward"):
        raise ValueError(f"mode must be 'auto', 'reverse' or 'forward', got {mode!r}")
    return _jacobian("jacobian", f, argnums, mode, chunk_size)


def _jacobian(
    what: str, f: Function, argnums: int | Sequence[int], mode: str, chunk_size: int | None
) -> Function:
    checked(f, what)
    checked_chunk(chunk_size)
    positions = _positions(argnums, what)

    @wraps(f)
    def derivatives(*args: Any, **kwargs: Any) -> Any:
        where = _argnums(positions, args, what)
        run = Evaluation(f, args, where, kwargs)
        run.warn_of_plain()
        found = jacobians(run, mode, chunk_size)
        rows = [_one_or_all(positions, run.like_inputs(row)) for row in found]
        return unflatten(run.result_structure, rows)

    return derivatives


def jacobians(
    run: Evaluation, mode: str = "auto", chunk_size: int | None = None
) -> list[list[Any]]:
    """Return a row for each output: its derivatives with respect to each input."""
    if chunk_size is None:
        order = topological_order(*filter(is_variable, run.outputs))
        largest = max((getattr(x._held, "nbytes", 8) for x in order), default=8)
        chunk_size = max(_LARGEST // max(largest, 1), 1)
    return (_rows if _in_reverse(run, mode) else _columns)(run, chunk_size)


_LARGEST = 1 << 26  # bytes of an array that a pass carries


def checked_chunk(chunk_size: Any) -> None:
    """Raise a ValueError unless `chunk_size` is a positive integer or None."""
    if chunk_size is not None and not (is_integer(chunk_size) and chunk_size > 0):
        raise ValueError(f"chunk_size must be a positive integer or None, got {chunk_size!r}")


def _in_reverse(run: Evaluation, mode: str) -> bool:
    complex_in = any(is_complex(x) for x in run.inputs)
    complex_out = any(is_complex(y) for y in run.outputs)
    if (complex_in and (complex_out or mode == "forward")) or (complex_out and mode == "reverse"):
        raise TypeError(
            "jacobian does not support functions from complex to complex numbers: use real "
            "arguments (forward mode) or real results (reverse mode). Or take real and imaginary "
            "parts, or use vjp and jvp"
        )
    if complex_in or complex_out or mode != "auto":
        return complex_in or (not complex_out and mode == "reverse")
    size_in = sum(np.size(raw(x)) for x in run.inputs)
    return sum(np.size(raw(y)) for y in run.outputs) <= size_in


Pass: TypeAlias = Callable[[Any], Sequence[Any]]


def _swept(like: Any, chunk_size: int, sweep: Pass, axis: int) -> list[list[Any]]:
    """Return the results of a pass along each entry of an array, by chunks, joined along `axis`.

    A pass carries a batch of arrays, each 1 at its entry and a structural zero elsewhere.
    """
    zeros = np.asarray(zeros_of(like))
    if not zeros.ndim:
        return [[x] for x in sweep(zeros.dtype.type(1).item())]
    pieces = []
    for start in range(0, max(zeros.size, 1), chunk_size):
        count = min(chunk_size, zeros.size - start)
        units = np.eye(count, zeros.size, start, zeros.dtype).reshape((count, *zeros.shape))
        with Batching(count) as block:
            level = block.level
            unit = Masked(level.samples(units), level.samples(units != 0))
            pieces.append([unbatch(x, axis=axis % (len(shape_of(x)) + 1), level=level)
                           for x in sweep(unit)])  # fmt: skip
    return [list(column) for column in zip(*pieces, strict=True)]


def _assembled(pieces: Sequence[Any], of: Any, by: Any, axis: int) -> Any:
    """Return the derivatives of `of` by `by`, from what passes along entries have given."""
    shape = (*shape_of(of), *shape_of(by))
    like = by if axis == 0 else of
    dtype = like.dtype if isinstance(like, Value) else dtype_of(like)
    joined = pieces[0] if len(pieces) == 1 else shaping.concatenate(pieces, axis)
    if shape_of(joined) != shape:
        joined = shaping.reshape(joined, shape)
    if not shape or dtype_of(joined) == dtype:
        return joined
    return shaping.astype(joined, dtype)


def _rows(run: Evaluation, chunk_size: int) -> list[list[Any]]:
    rows = []
    for y in run.outputs:

        def back(g: Any, y: Any = y) -> Sequence[Any]:
            return list(map(as_gradient, run.reverse(y, g)))

        swept = _swept(y, chunk_size, back, 0)
        rows.append([_assembled(p, y, x, 0) for p, x in zip(swept, run.inputs, strict=True)])
    return rows


def _columns(run: Evaluation, chunk_size: int) -> list[list[Any]]:
    columns = []
    for i, x in enumerate(run.inputs):

        def ahead(t: Any, i: int = i) -> Sequence[Any]:
            return run.forward([t if k == i else None for k in range(len(run.inputs))])

        swept = _swept(x, chunk_size, ahead, -1)
        columns.append([_assembled(p, y, x, -1) for p, y in zip(swept, run.outputs, strict=True)])
    return [list(row) for row in zip(*columns, strict=True)]


@explained
def hessian(
    f: Callable[P, Any], argnums: int | Sequence[int] = 0, *, chunk_size: int | None = None
) -> Callable[P, Any]:
    """Return a function that computes the Hessian of f, forward over reverse.

    `chunk_size` is that of `jacobian`: how many columns one forward pass carries.

    Parameters
    ----------
    f : callable
        The function. It returns one real number.
    argnums : int or sequence of int, optional
        The positions of the arguments to differentiate with respect to; a sequence gives a tuple.
    chunk_size : int, optional
        How many columns one forward pass carries.

    Returns
    -------
    callable
        A function of the arguments of f. For an argument of shape T it returns an array of shape T
        + T, or a tree of arrays.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import numpy as np
    >>> dp.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    gradient = _value_and_grad("hessian", f, argnums, False)

    @wraps(f)
    def found(*args: Any, **kwargs: Any) -> Any:
        return gradient(*args, **kwargs)[1]

    return _jacobian("hessian", found, argnums, "forward", chunk_size)


def stop_gradient(x: R) -> R:
    """Return the same values as constants: no derivative flows through them.

    Parameters
    ----------
    x : array_like, Value or tree of them

    Returns
    -------
    Value or array
        The same numbers, as a constant if `x` is a Value.

    Examples
    --------
    >>> import deltaprop as dp
    >>> dp.grad(lambda x: x * dp.stop_gradient(x))(3.0)
    3.0
    """
    if callable(x) and flatten(x)[1].kind is None:  # no tree that can be called
        raise TypeError(f"stop_gradient takes values, got {brief(x)}: write stop_gradient(f(x))")
    return tree_map(lambda leaf: leaf.detach() if isinstance(leaf, Value) else leaf, x)
