"""Forms: which of NumPy's functions does the work of a call, on memory that it is given.

Such a function raises no error and runs no Python code, so that a signal cannot come in between.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..calculus import reductions as _  # noqa: F401 - it registers the sum
from ..calculus.elementwise import power
from ..graph import REGISTRY, Elementwise, Selection, as_number
from .lanes import Vector
from .program import Call, Variable, alias, part

REDUCTIONS = {np.add.reduce, np.maximum.reduce, np.minimum.reduce, np.multiply.reduce}
# functions of Python's whose every bit is NumPy's
_EXACT = {math.sqrt, math.fabs, math.floor, math.ceil, math.trunc, operator.truediv}
_MATMUL, SUM, SUM_TO = REGISTRY["matmul"], REGISTRY["sum"], REGISTRY["sum_to"]
_WHERE, _ASTYPE = REGISTRY["where"], REGISTRY["astype"]
_PYTHON = {"f": float, "i": int, "c": complex}


def kind(call: Call) -> str:
    """How a call becomes rows: by which of NumPy's functions, or "python"."""
    if call.form is None:
        call.form = _kind(call)
    return call.form[0]


def succeeds(call: Call) -> bool:
    """Whether a call raises no error and runs no Python code, so that nothing can interrupt it."""
    return kind(call) != "python" and call.form != ("lanes", False)


def _kind(call: Call) -> tuple[Any, ...]:
    """The kind of a call, and what that needs: the dtypes of the loop, the axes of a sum."""
    y, function, params = call.result, call.function, call.params
    python = ("python",)
    if y.boxed or call.effect or any(x.boxed for x in call.reads):
        return python
    if isinstance(function, Vector):
        return ("lanes", all(isinstance(f, np.ufunc) for f, *_ in function.steps))
    if function is _WHERE:
        return ("where",) if not params and _chosen(call) else python
    if isinstance(function, Elementwise):
        dtypes = None if params else _loop(call)
        return python if dtypes is None else ("ufunc", *dtypes)
    if function in (as_number, alias):
        return ("copy",)
    if function is _ASTYPE:
        x = call.args[0]
        real = isinstance(x, Variable) and (x.dtype.kind in "biuf" or x.dtype.kind == y.dtype.kind)
        return ("copy",) if real and y.dtype.kind in "biufc" else python
    if function is _MATMUL:
        return ("matmul",) if y.shape and _alike(call.args, y) else python
    x = call.args[0] if call.args else None
    if not isinstance(x, Variable) or not x.shape:
        return python
    if function is np.vdot:
        plain = all(isinstance(x, Variable) and x.dense and x.size for x in call.args)
        return ("vdot",) if plain and _alike(call.args, None) and y.dtype.kind == "f" else python
    if function is SUM or function is SUM_TO or function in REDUCTIONS:
        known = params.keys() <= {"axis", "keepdims", "initial", "shape"} and len(call.args) == 1
        number = y.number and y.dtype.kind == x.dtype.kind == "f"
        if known and x.dtype.kind in "fiuc" and (y.dtype == x.dtype or number):
            axes = _reduced(call)
            return python if axes is None else ("reduce", *axes)
    return python


def _chosen(call: Call) -> bool:
    """Whether a choice between numbers of one dtype, by truth values or floats, is two copies."""
    flags, *xs = call.args
    truths = isinstance(flags, Variable) and flags.dtype.kind in "bf" and flags.shape
    dtype = call.result.dtype
    known = all(
        _is_number(x) or (isinstance(x, (Variable, np.ndarray)) and x.dtype == dtype) for x in xs
    )
    return bool(truths and known and dtype.kind == "f")


def _alike(args: Sequence[Any], y: Any) -> bool:
    """Whether all are arrays of one real or complex dtype."""
    arrays = [x for x in args if isinstance(x, (Variable, np.ndarray)) and x.shape]
    dtypes = {x.dtype for x in (*arrays, *([] if y is None else [y]))}
    return len(arrays) == len(args) and len(dtypes) == 1 and arrays[0].dtype.kind in "fc"


def _type(x: Any) -> Any:
    """What NumPy's promotion knows an operand by."""
    if isinstance(x, Variable):
        return _PYTHON.get(x.dtype.kind, x.dtype) if x.number else x.dtype
    if isinstance(x, (np.ndarray, np.generic)):
        return x.dtype
    return type(x) if type(x) in (float, int, complex) else np.result_type(x)


@lru_cache(maxsize=1 << 12)
def _resolved(ufunc: np.ufunc, types: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """The dtypes of the loop that a ufunc takes for such operands."""
    if all(isinstance(x, type) for x in types):
        types = tuple(map(np.dtype, types))
    try:
        return ufunc.resolve_dtypes((*types, None))
    except (TypeError, ValueError):
        return None


def _loop(call: Call) -> tuple[Any, ...] | None:
    """The dtypes of the loop for a call, if it can be a row."""
    ufunc, y = ufunc_of(call), call.result
    if not isinstance(ufunc, np.ufunc) or ufunc.nout != 1 or ufunc.signature:
        return None
    numbers = all(map(_is_number, call.args))
    on_floats = call.function.scalar
    if numbers and on_floats and on_floats not in _EXACT:
        return None  # the last bits of Python's functions of floats are others
    if any(isinstance(x, (list, tuple)) or x is None for x in call.args):
        return None
    dtypes = _resolved(ufunc, tuple(map(_type, call.args)))
    if dtypes is None:
        return None
    floats = all(d.kind in "fc" for d in dtypes[:-1])
    if y.number or any(_is_number(x) for x in call.args):
        # Python's integers have no limits
        if not floats or (y.number and np.dtype(_PYTHON.get(dtypes[-1].kind, bool)) != y.dtype):
            return None
    elif dtypes[-1] != y.dtype:
        return None
    sure = floats or ufunc is not np.power  # 2 ** -1 is an error
    return dtypes if sure and not any(d.hasobject for d in dtypes) else None


def ufunc_of(call: Call) -> Any:
    """The ufunc that computes an elementwise operation on arrays, if there is one."""
    if call.function is power and not (isinstance(call.args[1], Variable) and call.args[1].number):
        return np.power  # a ** 2 and the like are operations of their own in a program
    return call.function.forward


def _is_number(x: Any) -> bool:
    return x.number if isinstance(x, Variable) else type(x) in (float, int, complex)


def _reduced(call: Call) -> tuple[Any, bool] | None:
    """The axes that a reduction goes along, and whether they are kept; None for what is none."""
    x, params = call.args[0], call.params
    if call.function is not SUM_TO:
        axis = params.get("axis", 0 if call.function in REDUCTIONS else None)
        return (axis, bool(params.get("keepdims", False)))
    lead = len(x.shape) - len(params["shape"])
    if lead and x.shape[lead:] == params["shape"]:
        return (0 if lead == 1 else tuple(range(lead)), False)
    return None


def shows(call: Call) -> bool:
    """Whether the result is nothing but a view of the first argument, if that can be had."""
    function = call.function
    views = isinstance(function, Selection) and function.views
    return not call.result.number and (function is part or views)
