"""Which function of ours stands for which of NumPy's, when that is handed a Value."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from types import ModuleType
from typing import Any

import numpy as np

from ..calculus import contractions, elementwise, indexing, reductions
from ..graph import Elementwise, Primitive, raw
from ..value import Value
from . import fft, linalg, special


def register(namespace: ModuleType) -> None:
    """Tell Values what to answer: their namespace, and our function for each of the others'."""
    Value._namespace = namespace
    for primitive in vars(namespace).values():
        if isinstance(primitive, Primitive):
            count = len(primitive.partials) if isinstance(primitive, Elementwise) else 1
            primitive.__dict__["__signature__"] = _signature(count)
    Value._of_scipy = staticmethod(special.of_scipy)
    table = Value._functions
    for theirs, ours in ((np, namespace), (np.linalg, linalg), (np.fft, fft)):
        for name, function in vars(ours).items():
            known = getattr(theirs, name, None)
            if callable(known) and not isinstance(known, type):
                table[known] = function
    table[np.i0] = special.i0
    table[np.add, "reduce"] = _reduce(reductions.sum)
    table[np.multiply, "reduce"] = _reduce(reductions.prod)
    table[np.maximum, "reduce"] = _reduce(reductions.max)
    table[np.minimum, "reduce"] = _reduce(reductions.min)
    table[np.multiply, "outer"] = lambda a, b: contractions.tensordot(a, b, 0)
    table[np.where] = _where
    table[np.clip] = _clip
    table[np.around] = elementwise.round
    for name in _QUESTIONS:
        table[getattr(np, name)] = _of_data(getattr(np, name))


def _signature(count: int) -> Signature:
    """That of an operation on so many arrays, for `help` and `inspect.signature`."""
    names = ["x"] if count == 1 else [f"x{i + 1}" for i in range(count)]
    return Signature([Parameter(name, Parameter.POSITIONAL_ONLY) for name in names])


def _where(condition: Any, *branches: Any) -> Any:
    return elementwise.where(condition, *branches) if branches else indexing.nonzero(condition)


def _clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    return elementwise.clip(x, a_min if min is None else min, a_max if max is None else max)


def _reduce(function: Callable[..., Any]) -> Callable[..., Any]:
    """A reduction as a ufunc's method: along the first axis unless said otherwise."""
    return lambda x, axis=0, keepdims=False: function(x, axis, keepdims=keepdims)


# functions whose answers have no derivative
_QUESTIONS = (
    "allclose",
    "array_equal",
    "full_like",
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
    """NumPy's own function, on the data of Values."""

    def on_data(*args: Any, **kwargs: Any) -> Any:
        result = function(*[raw(x) for x in args], **{k: raw(v) for k, v in kwargs.items()})
        wrap = isinstance(result, np.ndarray)
        return Value.leaf(result, constant=True) if wrap else result

    return on_data
