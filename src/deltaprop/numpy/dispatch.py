"""The table of our functions, by the NumPy function that is called with a Value."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np

from ..calculus import elementwise, reductions, shaping
from ..graph import DuckArray, Elementwise, gathered, holds_nodes, is_array, raw
from ..value import Value
from . import docstrings, fft, keywords, linalg, special

_NOT_GIVEN = object()


def register(namespace: ModuleType) -> None:
    """Tell Values their namespace, and our function for each function of NumPy and SciPy."""
    Value._namespace = namespace
    Elementwise.with_keywords = staticmethod(keywords.of_operation)
    Elementwise.documented = staticmethod(docstrings.of_operation)
    Value._of_scipy = staticmethod(special.of_scipy)
    table = Value._functions
    by_rule: dict[Any, Any] = {}  # the public function, by the function that computes it
    for theirs, ours in ((np, namespace), (np.linalg, linalg), (np.fft, fft)):
        for name, function in list(vars(ours).items()):
            known = getattr(theirs, name, None)
            if callable(known) and not isinstance(known, type):
                spoken = _public(f"{ours.__name__}.{name}", function, known)
                if function not in by_rule or name == function.__name__:
                    by_rule[function] = spoken
                table[known] = spoken
                setattr(ours, name, spoken)
    by_rule[shaping.astype] = keywords.public("deltaprop.numpy.astype", shaping.astype, _ASTYPE)
    for name, method in list(vars(Value).items()):
        if callable(method) and method in by_rule:
            setattr(Value, name, by_rule[method])
    for kind in reversed(Value.__mro__):
        DuckArray.methods.update({n: x for n, x in vars(kind).items() if n not in _OF_VALUES})
    table[np.i0] = special.i0
    table[np.linalg.pinv] = _pinv
    # ndarray.clip calls this ufunc
    table[np._core.umath.clip] = table[np.clip]  # type: ignore[attr-defined]
    for ufunc, function in list(table.items()):
        if isinstance(ufunc, np.ufunc) and ufunc.nin == 2 and not ufunc.signature:
            table[ufunc, "outer"] = keywords.outer(function)
    for ufunc, function in _REDUCTIONS.items():
        table[ufunc, "reduce"] = keywords.reduces(ufunc, function)
    for ufunc, function in _RUNNING.items():
        table[ufunc, "accumulate"] = keywords.accumulates(ufunc, function)
    for ufunc, method in [key for key in table if isinstance(key, tuple)]:
        setattr(table[ufunc], method, table[ufunc, method])  # add.reduce, add.outer, ...
    for name in _QUESTIONS:
        table[getattr(np, name)] = _of_data(getattr(np, name))


# what Values have, and data do not
_OF_VALUES = {
    "assign", "at", "backward", "data", "detach", "grad", "inputs", "is_constant", "name",
    "register_hook", "zero_grad",
}  # fmt: skip
_REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: reductions.sum,
    np.multiply: reductions.prod,
    np.maximum: reductions.max,
    np.minimum: reductions.min,
    np.logaddexp: reductions.logsumexp,
}
_RUNNING = {np.add: reductions.cumsum, np.multiply: reductions.cumprod}


def _public(name: str, function: Any, theirs: Any) -> Any:
    """Return the public form of our function, which takes the arguments of NumPy's `theirs`."""
    if function is elementwise.clip:
        return keywords.public(name, _clip, _CLIP)
    if isinstance(function, Elementwise) or function is theirs:
        return function
    if isinstance(theirs, np.ufunc):
        return keywords.public_ufunc(name, function, theirs)
    return keywords.public(name, function, theirs)


@wraps(elementwise.clip)
def _clip(x: Any, min: Any = None, max: Any = None, **how: Any) -> Any:
    if how:
        min, max = how.pop("a_min", min), how.pop("a_max", max)
    if not how:
        return elementwise.clip(x, min, max)
    bounds = {key: bound for key, bound in (("min", min), ("max", max)) if bound is not None}

    def clip(x: Any, *given: Any) -> Any:
        return elementwise.clip(x, **dict(zip(bounds, given, strict=True)))

    operands = (x, *bounds.values())
    return keywords.called("deltaprop.numpy.clip", clip, len(operands), operands, how)


del _clip.__wrapped__  # _clip has its own signature
_CLIP = keywords.arguments("a", "**kwargs", a_min=None, a_max=None, out=None)
# the method of an array takes more arguments than NumPy's function of this name
_ASTYPE = keywords.arguments("x", "dtype", order="K", casting="unsafe", subok=True, copy=True)


def _pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = _NOT_GIVEN) -> Any:
    """Return `pinv`, with NumPy's tolerance as default."""
    if rcond is None:
        rcond = 1e-15 if rtol is _NOT_GIVEN else rtol
    return linalg.pinv(a, rcond, hermitian)


# functions whose results have no derivative
_QUESTIONS = (
    "allclose",
    "array_equal",
    "isclose",
    "iscomplexobj",
    "isrealobj",
    "ndim",
    "ones_like",
    "result_type",
    "shape",
    "size",
    "zeros_like",
)


def _of_data(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return NumPy's own function, applied to the data of Values."""

    def on_data(*args: Any, **kwargs: Any) -> Any:
        args = tuple([gathered(x) if holds_nodes(x) and isinstance(x, list) else x for x in args])
        result = function(*[raw(x) for x in args], **{k: raw(v) for k, v in kwargs.items()})
        return Value.leaf(result, constant=True) if is_array(result) and np.ndim(result) else result

    return on_data
