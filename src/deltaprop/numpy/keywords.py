"""NumPy's arguments: passed on, dropped, or refused with the public name of the function.

A call of our function first runs as it is. Only a call that does not fit is compared with the
signature of NumPy's function: positions and names are translated, and defaults are dropped. Any
other argument raises a TypeError that says what to write. All ufuncs share one set of keywords,
which one function handles.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import wraps
from inspect import BoundArguments, Parameter, Signature, signature
from typing import Any

import numpy as np

from ..calculus.elementwise import kept
from ..calculus.shaping import astype
from ..graph import Elementwise, Node, Primitive, as_array, dtype_of, raw, shape_of
from ..graph.domains import Domain
from ..habits import unknown
from ..options import brief
from ..value import Value

Function = Callable[..., Any]

_MANY = 1 << 30

# arguments that ask for nothing beyond what a Value does anyhow
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "casting": ("same_kind",),
    "copy": (True,),
    "device": (None, "cpu"),
    "dtype": (None,),
    "initial": (None,),
    "keepdims": (False,),
    "like": (None,),
    "order": (None, "K", "A", "C"),
    "out": (None,),
    "overwrite_input": (True, False),
    "signature": (None,),
    "sorted": (True, False),
    "subok": (True, False),
    "where": (True,),
}

_WAYS_OUT = {
    "out": "a Value written into an array would lose its gradient: use the result, "
    "y = {name}(...), and copy y.numpy() if no gradient is needed",
    "order": "Values have no memory order: convert at the end, numpy.asarray(v.numpy(), order=...)",
    "like": "leave like= off: the result is an array or a Value already",
    "copy": "Values are not changed in place: leave copy= off and use the result",
    "signature": "use dtype=, or convert with .astype(dtype) first",
    "axes": "move the axes first, with numpy.moveaxis",
    "weights": "average with numpy.average, or sort and sum the weights with numpy.cumsum",
}
_WAY_OUT = "leave it off, or call NumPy's function on v.numpy() if no gradient is needed"


def refused(name: str, key: str, value: Any) -> TypeError:
    """Return the error for an argument that NumPy's function takes and ours does not."""
    way = _WAYS_OUT.get(key, _WAY_OUT).format(name=name)
    given = repr(value) if isinstance(value, str | int | float | None) else type(value).__name__
    return TypeError(f"{name}() takes no {key}=, got {given}: {way}")


def is_neutral(key: str, value: Any, default: Any = Parameter.empty) -> bool:
    """Return whether an argument has the same effect as its absence."""
    choices = (default, *_NEUTRAL.get(key, ()))
    if type(value) is np.bool:
        value = bool(value)
    return any(value is x or (type(value) is type(x) and value == x) for x in choices)


# -- functions ----------------------------------------------------------------------------


def public(name: str, function: Function, theirs: Any) -> Function:
    """Return our function under its public name, with the arguments of NumPy's function.

    Parameters
    ----------
    name : str
        The name in error messages, such as ``deltaprop.numpy.sum``.
    function : callable
    theirs : callable or Signature
        The NumPy function of this name.
    """
    ours = signature(function)
    known = _signature_of(theirs) or ours
    straight, renamed = compared(ours, known)

    @wraps(function)
    def call(*args: Any, **keywords: Any) -> Any:
        if len(args) <= straight and "out" not in keywords:
            try:
                if len(args) == 1 and not keywords:
                    return function(args[0])  # the most common call, in half the time
                return function(*args, **keywords)
            except (TypeError, ValueError, IndexError) as error:
                if not isinstance(error, TypeError) or _fits(ours, args, keywords):
                    if not hasattr(error, "__notes__"):
                        given = [*map(shape_or_brief, args)]
                        given += [f"{k}={shape_or_brief(x)}" for k, x in keywords.items()]
                        error.add_note(f"This was {name}({', '.join(given)}). It takes {ours}.")
                    raise
        bound = _translated(name, ours, known, renamed, args, keywords)
        return function(*bound.args, **bound.kwargs)

    call.__module__, _, call.__qualname__ = name.rpartition(".")
    return call


def shape_or_brief(x: Any) -> str:
    """Return an array as its dtype and shape, anything else as the beginning of its repr."""
    if isinstance(x, Node | np.ndarray):
        return f"<{type(x).__name__} of {dtype_of(x)}, shape {shape_of(x)}>"
    return brief(x)


def arguments(*names: str, **defaults: Any) -> Signature:
    """Return a signature: `names` have no default, and ``**name`` accepts any keyword."""
    kind = Parameter.POSITIONAL_OR_KEYWORD
    plain = [Parameter(name, kind) for name in names if name[0] != "*"]
    more = [Parameter(name, kind, default=default) for name, default in defaults.items()]
    rest = [Parameter(name[2:], Parameter.VAR_KEYWORD) for name in names if name[0] == "*"]
    return Signature([*plain, *more, *rest])


def _signature_of(theirs: Any) -> Signature | None:
    if isinstance(theirs, Signature):
        return theirs
    try:
        return signature(theirs)
    except ValueError:  # before NumPy 2.4, functions written in C have no signature
        return None


def _positional(known: Signature) -> list[Parameter]:
    return [p for p in known.parameters.values() if p.kind < Parameter.KEYWORD_ONLY]


def compared(ours: Signature, theirs: Signature) -> tuple[int, dict[str, str]]:
    """Return how many positions mean the same in both, and our names by the names of theirs."""
    renamed: dict[str, str] = {}
    mine, given = _positional(ours), _positional(theirs)
    for i, (p, q) in enumerate(zip(mine, given, strict=False)):
        if p.kind is Parameter.VAR_POSITIONAL:
            renamed[q.name] = p.name
            return _MANY, renamed
        if p.name != q.name:
            meant = q.name in ours.parameters or q.name in _NEUTRAL  # meant by this name only
            if meant or p.name in theirs.parameters:
                return i, renamed
            renamed[q.name] = p.name
    return (_MANY if len(given) <= len(mine) else len(mine)), renamed


def _fits(ours: Signature, args: Any, keywords: dict[str, Any]) -> bool:
    try:
        ours.bind(*args, **keywords)
    except TypeError:
        return False
    return True


def _translated(
    name: str,
    ours: Signature,
    theirs: Signature,
    renamed: dict[str, str],
    args: Any,
    keywords: dict[str, Any],
) -> BoundArguments:
    """Return a call of NumPy's function as a call of ours."""
    own = {k: v for k, v in keywords.items() if k in ours.parameters and k not in theirs.parameters}
    rest = {k: v for k, v in keywords.items() if k not in own}
    try:
        bound = theirs.bind_partial(*args, **rest)
    except TypeError as error:
        names = dict.fromkeys((*theirs.parameters, *ours.parameters))
        for key in rest:
            if key not in names:
                raise unknown(name, key, [n for n in names if n not in renamed]) from None
        raise TypeError(f"{name}(): {error}; its signature is {theirs}") from None
    found = dict(own)
    given: list[tuple[str, Any, Any]] = []
    for key, value in bound.arguments.items():
        if theirs.parameters[key].kind is Parameter.VAR_KEYWORD:
            given += [(k, v, Parameter.empty) for k, v in value.items()]
        else:
            given.append((key, value, theirs.parameters[key].default))
    takes_any = [p.name for p in ours.parameters.values() if p.kind is Parameter.VAR_KEYWORD]
    for key, value, default in given:
        mine = renamed.get(key, key)
        if value is np._NoValue:
            continue
        if mine in ours.parameters:
            found[mine] = value
        elif takes_any and key in _UFUNC:
            found.setdefault(takes_any[0], {})[key] = value
        elif not is_neutral(key, value, default):
            raise refused(name, key, value)
    ordered = OrderedDict((key, found[key]) for key in ours.parameters if key in found)
    try:
        return ours.bind(*(b := BoundArguments(ours, ordered)).args, **b.kwargs)
    except TypeError as error:
        raise TypeError(f"{name}(): {error}; its signature is {ours}") from None


# -- ufuncs -------------------------------------------------------------------------------

_UFUNC = ("out", "where", "casting", "order", "dtype", "subok", "signature")
_OF_SEVERAL_AXES = ("axes", "axis", "keepdims")  # of matmul and similar ufuncs


def public_ufunc(name: str, function: Function, theirs: np.ufunc) -> Function:
    """Return our function for a ufunc, with the keywords of ufuncs."""

    @wraps(function)
    def call(*args: Any, **keywords: Any) -> Any:
        if not keywords and len(args) == theirs.nin:
            return function(*args)
        return called(name, function, theirs, args, keywords)

    call.__module__, _, call.__qualname__ = name.rpartition(".")
    if isinstance(function, Primitive):
        call.__dict__["__signature__"] = signature(function.forward)
    return call


def of_operation(operation: Elementwise, args: Any, keywords: dict[str, Any]) -> Any:
    """Return an elementwise operation called with more than its operands."""
    theirs = getattr(np, operation.name, operation.forward)
    ufunc = theirs if isinstance(theirs, np.ufunc) else len(operation.partials)
    space = "" if operation.name in vars(Value._namespace) else "special."
    name = f"deltaprop.numpy.{space}{operation.name}"
    return called(name, operation, ufunc, args, keywords, operation.domain)


def called(
    name: str,
    function: Function,
    ufunc: np.ufunc | int,
    args: Sequence[Any],
    keywords: dict[str, Any],
    domain: Sequence[Domain] = (),
) -> Any:
    """Call a ufunc with keywords: `dtype` and `casting` convert operands, `where` skips entries.

    Parameters
    ----------
    name : str
    function : callable
        Our function, which takes the operands alone.
    ufunc : ufunc or int
        NumPy's ufunc, or the number of operands.
    args, keywords
        The arguments of the call.
    domain : sequence of Domain
        The domains of the operands: skipped entries are computed there.
    """
    nin, gufunc = (ufunc, False) if isinstance(ufunc, int) else (ufunc.nin, bool(ufunc.signature))
    several = _OF_SEVERAL_AXES if gufunc else ()
    names = (*(key for key in _UFUNC if not (gufunc and key == "where")), *several)
    if len(args) == nin + 1:
        keywords = {"out": args[nin], **keywords}
    if len(args) not in (nin, nin + 1):
        raise TypeError(f"{name}() takes {nin} operands, got {len(args)}")
    own = signature(function).parameters if gufunc else {}
    passed: dict[str, Any] = {}
    for key, value in keywords.items():
        if key not in names:
            raise unknown(name, key, [*(f"x{i + 1}" for i in range(nin)), *names])
        if key in own:
            passed[key] = value
        elif key not in ("where", "dtype", "casting") and not (
            is_neutral(key, value) or value is np._NoValue
        ):
            raise refused(name, key, value)
    xs: Sequence[Any] = args[:nin]
    dtype, casting = keywords.get("dtype"), keywords.get("casting", "same_kind")
    loops: Sequence[Any] = ()
    if dtype is not None or casting != "same_kind":
        xs, loops = _converted(name, ufunc, xs, dtype, casting)
    where = keywords.get("where", True)
    if where is not True:
        xs = [_left_out(where, x, domain[i : i + 1]) for i, x in enumerate(xs)]

    def finished(y: Any, i: int = 0) -> Any:
        if where is not True:
            y = kept(where, y, dtype_of(y).type(0))
        return y if dtype is None else astype(y, loops[i], copy=False)

    y = function(*xs, **passed)
    return tuple(map(finished, y, range(len(y)))) if isinstance(y, tuple) else finished(y)


def _is_weak(x: Any) -> bool:
    """Return whether the dtype of `x` gives way to the dtypes of other operands."""
    return type(raw(x)) in (int, float, complex)


def _converted(
    name: str, ufunc: np.ufunc | int, xs: Sequence[Any], dtype: Any, casting: Any
) -> tuple[list[Any], Sequence[Any]]:
    """Return the operands in the dtypes of NumPy's loop, and the dtypes of its results."""
    kinds = [type(raw(x)) if _is_weak(x) else dtype_of(x) for x in xs]
    wanted = None if dtype is None else np.dtype(dtype)
    if isinstance(ufunc, int):
        wanted = wanted or np.result_type(*map(raw, xs))
        bad = [k for k in kinds if isinstance(k, np.dtype) and not np.can_cast(k, wanted, casting)]
        if bad:
            raise TypeError(f"{name}() cannot cast {bad[0]} to {wanted} with casting {casting!r}")
        loops: Sequence[Any] = [wanted] * (len(xs) + 1)
    else:
        chosen = (*[None] * ufunc.nin, *[wanted] * ufunc.nout)
        try:
            loops = ufunc.resolve_dtypes(
                (*kinds, *[None] * ufunc.nout), signature=chosen, casting=casting
            )
        except TypeError as error:
            raise TypeError(f"{name}(): {error}: take another dtype, or x.astype(dtype)") from None
    given = [astype(x, to, copy=False) for x, to in zip(xs, loops, strict=False)]
    return given, loops[len(xs) :]


def _left_out(mask: Any, x: Any, domain: Sequence[Domain]) -> Any:
    """Return an operand with a harmless number in the entries that the mask excludes."""
    if _is_weak(x) or not len(shape_of(x)):
        return x
    kind = dtype_of(x)
    number = _inside(domain[0]) if domain and kind.kind in "fc" else 1
    return kept(mask, x, kind.type(number))


def _inside(domain: Domain) -> float:
    low, high = domain.low, domain.high
    if np.isfinite(low):
        return (low + high) / 2 if np.isfinite(high) else low + 1
    return high - 1 if np.isfinite(high) else 1.0


# -- methods of ufuncs --------------------------------------------------------------------


_REDUCE = arguments(
    "array", axis=0, dtype=None, out=None, keepdims=False, initial=np._NoValue, where=True
)
_ACCUMULATE = arguments("array", axis=0, dtype=None, out=None)


def reduces(ufunc: np.ufunc, function: Function) -> Function:
    """Return a reduction as a method of a ufunc, along the first axis by default."""

    @wraps(function)
    def along_first(x: Any, axis: Any = 0, *further: Any, **keywords: Any) -> Any:
        return function(x, axis, *further, **keywords)

    mine = signature(function)
    first = [p.replace(default=0) if p.name == "axis" else p for p in mine.parameters.values()]
    along_first.__dict__["__signature__"] = mine.replace(parameters=first)
    return public(f"numpy.{ufunc.__name__}.reduce", along_first, _REDUCE)


def accumulates(ufunc: np.ufunc, function: Function) -> Function:
    """Return a running total as a method of a ufunc."""

    def running(x: Any, axis: int = 0, dtype: Any = None) -> Any:
        return function(x, axis, dtype)

    return public(f"numpy.{ufunc.__name__}.accumulate", running, _ACCUMULATE)


def outer(function: Function) -> Function:
    """Return a ufunc's method for each entry of one array with each entry of another."""

    def every(a: Any, b: Any, /, **keywords: Any) -> Any:
        a = a if isinstance(a, Node) else as_array(a)
        shape = shape_of(a) + (1,) * len(shape_of(b))
        return function(a if shape == shape_of(a) else a.reshape(shape), b, **keywords)

    return every
