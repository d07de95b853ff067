"""The docstrings of elementwise operations, composed when somebody asks for them.

The docstring below an entry of `calculus` says what the operation is, and its derivatives. The
parameters, the result and an example follow from the entry: from its operands, partials and domain.
"""

from __future__ import annotations

import ast
import inspect
import math
from contextlib import suppress
from contextvars import Context
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from ..calculus import activations, elementwise, special
from ..graph import Elementwise
from ..graph.domains import Domain
from ..value import Value

_ENTRIES = (elementwise, activations, special)
_DOCSTRING = """{text}

Parameters
----------
{operands} : array_like or Value
where, casting, dtype : optional
    As in NumPy. The entries that `where` leaves out are 0, without a derivative.

Returns
-------
{result}

Examples
--------
>>> import deltaprop as dp
>>> import deltaprop.numpy as dnp
{example}
"""
_VALUE = "Value or array\n    A Value if an operand is one, with {shape}. A floating dtype is kept."
_CONSTANT = (
    "array or constant\n    Of {shape}, with NumPy's dtype; a constant if an operand is a Value."
)


def of_operation(operation: Elementwise) -> str | None:
    """Return the docstring of an operation, with all sections if the operation is public."""
    text, names = written().get(operation.name, operation.doc), operation.operands
    home: Any = next((m for m in _ENTRIES if operation.name in m.__all__), None)
    if home is None or text is None:
        return text
    text, _, example = text.partition("\n\nExamples\n--------\n")
    shape = f"the shape of `{names[0]}`" if len(names) == 1 else "the broadcast shape"
    with suppress(ImportError):  # without SciPy, its functions have no example
        example = example or Context().run(_example, operation, "special." * (home is special))
    result = _CONSTANT if set(operation.partials) == {None} else _VALUE
    return _DOCSTRING.format(
        text=text,
        operands=", ".join(names),
        result=result.format(shape=shape),
        example=example,
    )


@cache
def written() -> dict[str, str]:
    """Return the docstrings that stand below the entries, by the name of the operation."""
    found = {}
    for module in _ENTRIES:
        with suppress(OSError):  # without its source, a module has no text
            for pair in pairwise(ast.parse(inspect.getsource(module)).body):
                match pair:
                    case ast.AnnAssign(ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                        found[getattr(module, name).name] = inspect.cleandoc(text)
    return found


@np.errstate(all="ignore")
def _example(operation: Elementwise, namespace: str) -> str:
    """Return code that calls an operation and differentiates it, with what Python prints."""
    names, function = operation.operands, f"dnp.{namespace}{operation.name}"
    if not operation.domain:  # an operation on bits or truths
        bits = ([1, 2, 5], [3, 2, 1])[: len(names)]
        return f">>> {function}({', '.join(map(str, bits))})\n{operation(*bits)!r}"
    for kinks in (True, False):  # at a kink, if everything is finite there
        points = [_points(domain, kinks) for domain in operation.domain]
        points[1:] = [x[::-1] for x in points[1:]]
        pairs = zip(points, operation.partials, strict=True)
        xs = [x[0] if p is None else Value(x) for x, p in pairs]
        y = operation(*xs)
        y.sum().backward()
        gradients = {
            f"{n}.grad": x.grad for n, x in zip(names, xs, strict=True) if type(x) is Value
        }
        if np.isfinite([y.data, *gradients.values()]).all():
            break
    given = [f"dp.Value({x.data.tolist()})" if type(x) is Value else str(x) for x in xs]
    made = (
        f">>> {', '.join(names)} = {', '.join(given)}\n>>> result = {function}({', '.join(names)})"
    )
    shown = [f">>> {name}\n{gradient!r}" for name, gradient in gradients.items()]
    return "\n".join([f"{made}\n>>> result\n{y!r}\n>>> result.sum().backward()", *shown])


def _points(domain: Domain, kinks: bool) -> list[float]:
    """Return three points of a domain, the middle one at a kink if there is one."""
    low, high = domain.low, domain.high
    points = [low + 0.5, low + 1.0, low + 2.0]
    if math.isinf(low):
        points = [-1.0, 0.5, 2.0]
    elif not math.isinf(high):
        points = [low + (high - low) * part for part in (0.25, 0.5, 0.75)]
    return [points[0], domain.kinks[0], points[2]] if kinks and domain.kinks else points
