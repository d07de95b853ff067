"""Which function of ours stands for which of NumPy's, when NumPy is handed a Value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..calculus import contractions, elementwise, indexing, reductions, shaping
from ..graph import raw
from ..value import Value


def register() -> None:
    """Tell NumPy's protocols which function of ours stands for which of NumPy's."""
    table = Value._functions
    for module in (elementwise, reductions, contractions, shaping, indexing):
        for name in module.__all__:
            theirs = getattr(np, name, None)
            if callable(theirs):
                table[theirs] = getattr(module, name)
    for name in ("matmul", "multi_dot", "outer", "tensordot", "vecdot"):
        table[getattr(np.linalg, name)] = getattr(contractions, name)
    table[np.linalg.norm] = reductions.norm
    # in np.linalg these two are about the last axes, in np about the first
    table[np.linalg.diagonal] = lambda x, *, offset=0: shaping.diagonal(x, offset, -2, -1)
    table[np.linalg.trace] = lambda x, *, offset=0: shaping.trace(x, offset, -2, -1)
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


register()
