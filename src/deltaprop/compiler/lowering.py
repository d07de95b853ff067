"""Lowering: the operations of a program in JAX's terms.

Most need no words. The NumPy code of an operation runs as it is, on `Lowered` arrays: NumPy's
protocols hand them its functions, and JAX's of the same names do the work, in the dtypes that
NumPy would compute in. `TABLE` has what is written for NumPy's arrays alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..calculus.activations import SQRT_HALF
from ..calculus.linalg import _without
from ..calculus.special import SQRT_PI
from ..graph import REGISTRY, DuckArray, Primitive
from ..graph.arrays import ducks_in, mapped
from ..graph.modes import Mode
from ..graph.node import MODE
from .lanes import Vector, entry, scalar_entry
from .program import Call

special = jax.scipy.special
_SPACES = {"numpy": jnp, "numpy.linalg": jnp.linalg, "numpy.fft": jnp.fft}
_STATIC = {
    np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj, np.can_cast,
}  # fmt: skip
_PYTHON: dict[str, Any] = {"f": float, "c": complex, "i": int}


def lacks(name: str) -> NotImplementedError:
    """The error for what JAX cannot do."""
    return NotImplementedError(
        f"JAX has no counterpart of the operation {name!r}: compile this function with "
        "executor='numpy', or keep the operation out of it"
    )


class Lowered(DuckArray):
    """An array of JAX's that NumPy takes for one of its own, or (`number`) a Python number."""

    __slots__ = ("array", "number")

    def __init__(self, array: Any, number: bool = False) -> None:
        self.array: Any = array
        self.number: bool = number

    def __getattr__(self, name: str) -> Any:
        if name[0] == "_":
            raise AttributeError(name)
        found = getattr(self.array, name)
        if not callable(found):
            return _wrapped(found)
        return lambda *args, **params: _wrapped(found(*_arrays(args), **_arrays(params)))

    def astype(self, dtype: Any, copy: bool = True) -> Lowered:  # noqa: ARG002 - nothing is shared
        """The entries converted."""
        return Lowered(self.array.astype(dtype))

    def as_number(self) -> Lowered:
        """The same as a Python number."""
        return Lowered(self.array, True)

    def __getitem__(self, index: Any) -> Lowered:
        return Lowered(self.array[_index(index, self.array.shape)])

    def operate(self, ufunc: np.ufunc, args: Any) -> Any:
        """What an operator gives."""
        return _called(ufunc, args)

    def __array_ufunc__(
        self, ufunc: Any, method: str, *args: Any, out: Any = None, **params: Any
    ) -> Any:
        y = _called(ufunc, args) if method == "__call__" else _reduced(ufunc, method, args, params)
        if out is not None:  # y += b
            out[0].array = y.array.astype(out[0].dtype)
        return y if out is None else out[0]

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in _STATIC:
            return function(*mapped(args, _like), **mapped(kwargs, _like))
        theirs = getattr(_SPACES.get(function.__module__), function.__name__, None)
        if theirs is None:
            raise lacks(function.__name__)
        if function in _TRIANGLES:
            kwargs = {**kwargs, "symmetrize_input": False}
        strong = [x.dtype for x in ducks_in((args, kwargs)) if not x.number]
        args, kwargs = (
            mapped(x, lambda s: _settled(s, strong) if s.number else s.array)
            for x in (args, kwargs)
        )
        return _wrapped(theirs(*args, **kwargs))

    def _refused(self, *_: Any, **__: Any) -> Any:
        raise lacks("that asks for an array's numbers in Python (float(), np.asarray(), if)")

    __bool__ = __float__ = __int__ = __index__ = __complex__ = __array__ = __len__ = _refused


# they read one triangle of a matrix; JAX takes the mean of both unless told not to
_TRIANGLES = {np.linalg.cholesky, np.linalg.eigh, np.linalg.eigvalsh}


def _arrays(x: Any) -> Any:
    """`x` with JAX's arrays in place of the lowered ones in it."""
    return mapped(x, lambda symbol: symbol.array)


def _wrapped(y: Any) -> Any:
    if isinstance(y, jax.Array):
        return Lowered(y)
    if isinstance(y, tuple) and any(isinstance(item, jax.Array) for item in y):
        items = [_wrapped(item) for item in y]
        return type(y)(*items) if hasattr(y, "_fields") else tuple(items)
    return y


def _like(x: Lowered) -> Any:
    """Something with the shape and dtype of `x`, for functions that ask for no more."""
    one = np.zeros((), x.dtype)
    return one.item() if x.number else np.broadcast_to(one, x.shape)


def _settled(x: Lowered, others: Sequence[Any]) -> Any:
    """A Python number in the dtype that NumPy gives it next to arrays of others."""
    return x.array.astype(np.result_type(*others, _like(x)))


def _kind(x: Any) -> Any:
    """What `ufunc.resolve_dtypes` wants to know of an argument."""
    if isinstance(x, Lowered):
        return _PYTHON.get(x.dtype.kind, x.dtype) if x.number else x.dtype
    return type(x) if type(x) in (float, int, complex) else np.asarray(x).dtype


def _ours(ufunc: Any) -> Any:
    """JAX's function of that name: of NumPy's ufuncs, and of SciPy's."""
    name = "digamma" if ufunc.__name__ == "psi" else ufunc.__name__
    found = getattr(jnp, name, None) or getattr(special, name, None)
    if found is None:
        raise lacks(name)
    return found


def _called(ufunc: Any, args: Sequence[Any]) -> Any:
    loop = ufunc.resolve_dtypes((*map(_kind, args), *[None] * ufunc.nout))
    xs = [jnp.asarray(_arrays(x), dtype) for x, dtype in zip(args, loop, strict=False)]
    ys = _ours(ufunc)(*xs)
    number = all(type(x) in (float, int, complex) or getattr(x, "number", False) for x in args)
    if ufunc.nout == 1:
        return Lowered(ys.astype(loop[-1]), number)
    return tuple([Lowered(y.astype(d)) for y, d in zip(ys, loop[ufunc.nin :], strict=True)])


def _reduced(ufunc: Any, method: str, args: Any, params: dict[str, Any]) -> Lowered:
    x, *rest = _arrays(tuple(args))
    if method in ("reduce", "accumulate"):
        x = jnp.asarray(x, ufunc.resolve_dtypes((None, x.dtype, None), reduction=True)[1])
    found = getattr(_ours(ufunc), method, None)
    if found is None:
        raise lacks(f"{ufunc.__name__}.{method}")
    return Lowered(found(x, *rest, **params))


class Lowering(Mode):
    """A `with` block in which operations on lowered arrays are JAX's.

    `faults` has messages, and arrays that are true where something is wrong with the data.
    """

    def __init__(self) -> None:
        self.faults: list[tuple[str, Any]] = []

    def record(self, entered: Any, primitive: Primitive, args: Any, params: Any) -> Any:  # noqa: ARG002
        if next(ducks_in((tuple(args), params)), None) is None:
            return primitive.apply(args, params)
        return applied(primitive, args, params)


def applied(function: Any, args: Any, params: dict[str, Any]) -> Any:
    """The result of a function of the table, or of NumPy's, on lowered arrays."""
    if isinstance(function, Vector):
        return _in_lanes(function, args)
    rule = TABLE.get(function) or getattr(function, "forward", function)
    return rule(*args, **params)


def lowered(call: Call, args: Any, params: Any) -> Any:
    """The result of a call of a program, of the dtype that it was recorded with."""
    try:
        y = applied(call.function, args, params)
    except (jax.errors.JAXTypeError, TypeError) as error:
        raise lacks(call.name) from error
    if call.result.dtype is None:
        return y
    array = y.array if isinstance(y, Lowered) else jnp.asarray(y)
    assert array.shape == call.result.shape, f"{call.name}: {array.shape}, {call.result.shape}"
    return Lowered(array.astype(call.result.dtype), call.result.number)


# -- what is written for NumPy's arrays alone ---------------------------------------------


def _index(index: Any, shape: tuple[int, ...]) -> Any:
    """An index in JAX's terms; recorded positions in it are checked when the program has run."""
    entries = index if isinstance(index, tuple) else (index,)
    entries = tuple([np.asarray(i) if isinstance(i, list) else i for i in entries])
    if next(ducks_in(entries), None) is None:
        return entries
    wide = [i for i in entries if i is not None and i is not Ellipsis]
    missing = len(shape) - sum([_width(i) for i in wide])
    axis = 0
    for i in entries:
        if isinstance(i, Lowered):
            n = shape[axis]
            text = f"an index is out of bounds for axis {axis} with size {n}"
            MODE.get().mode.faults.append((text, ((i.array < -n) | (i.array >= n)).any()))
        axis += missing if i is Ellipsis else 0 if i is None else _width(i)
    return _arrays(entries)


def _width(i: Any) -> int:
    """How many axes an entry of an index takes."""
    return i.ndim if isinstance(i, np.ndarray) and i.dtype == bool else 1


def _array(x: Any) -> Any:
    return jnp.asarray(_arrays(x))


def _set(x: Any, new: Any, index: Any, dtype: Any) -> Lowered:
    x = _array(x).astype(dtype)
    return Lowered(x.at[_index(index, x.shape)].set(_array(new).astype(dtype)))


def _scatter(*values: Any, indices: Any, shape: Any, dtype: Any) -> Lowered:
    out = jnp.zeros(shape, dtype)
    for index, value in zip(indices, values, strict=True):
        place = out.at[_index(index, shape)]
        out = place.max(value) if dtype == np.bool_ else place.add(_array(value).astype(dtype))
    return Lowered(out)


def _cofactors(a: Any) -> Any:
    u, s, vh = np.linalg.svd(a)
    phase = np.linalg.det(u) * np.linalg.det(vh)
    return (u.conj() * (phase[..., None] * _without(s))[..., None, :]) @ vh.conj()


def _expm(a: Any) -> Any:
    """As in `linalg`; JAX has one too, but it was measured to be right to nine digits only."""
    size = jnp.abs(a).sum(-2).max(-1, initial=0)
    times = jnp.maximum(jnp.frexp(size / 5.37)[1], 0)[..., None, None]
    a = a * jnp.ldexp(jnp.ones((), a.real.dtype), -times)
    one, two = jnp.eye(a.shape[-1], dtype=a.dtype), a @ a
    even = odd = jnp.zeros_like(a)
    for k in range(12, -1, -2):
        low, high = (math.comb(13, i) / math.perm(26, i) for i in (k, k + 1))
        even, odd = even @ two + low * one, odd @ two + high * one
    y = jnp.linalg.solve(even - a @ odd, even + a @ odd)
    return jax.lax.fori_loop(
        0, times.max(initial=0), lambda i, y: jnp.where(times > i, y @ y, y), y
    )


def _erfcx(x: Any) -> Any:
    """exp(x**2) erfc(x); far out its asymptotic series, in 1 / (2 x**2): DLMF 7.12.1."""
    series: Any = 1.0
    near, far = np.minimum(x, 8.0), np.maximum(x, 8.0)
    for k in range(39, 0, -2):
        series = 1 - k * (0.5 / (far * far)) * series
    inside = np.exp(near * near) * Lowered(special.erfc(near.array))
    return np.where(x > 8.0, series / (SQRT_PI * far), inside)


def _logit(x: Any) -> Any:
    centred = 2 * x - 1
    near = np.abs(centred) < 0.5
    return np.where(near, 2 * np.arctanh(np.where(near, centred, 0)), np.log(x / (1 - x)))


def _in_lanes(vector: Vector, inputs: Sequence[Any]) -> Lowered:
    """What `Vector` does, on an array of JAX's."""
    numbers = jnp.asarray(vector.numbers)
    if inputs:
        numbers = numbers.at[: vector.inputs].set(jnp.stack([_array(x) for x in inputs]))
    for function, args, out, starts in vector.steps:
        xs: list[Any] = [Lowered(numbers[x]) if type(x) is not float else x for x in args]
        if starts is None:
            y = _array(function(*xs))
        else:
            lengths = np.diff([*starts, xs[0].size])
            segments = np.repeat(np.arange(len(starts)), lengths)
            y = jax.ops.segment_sum(xs[0].array, segments, len(starts), indices_are_sorted=True)
        # XLA would compute again and again what it fuses; this keeps the steps apart
        apart: Any = jax.lax.optimization_barrier
        numbers = apart(numbers.at[out].set(y))
    return Lowered(numbers)


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of JAX's arrays as one of lowered ones."""
    return lambda *xs, **params: Lowered(function(*[_array(x) for x in xs], **params))


_BY_NAME: dict[str, Callable[..., Any]] = {
    "astype": _plain(lambda x, dtype: x.astype(dtype)),
    "cofactor": _cofactors,
    "erf": _plain(special.erf),
    "erfc": _plain(special.erfc),
    "erfcinv": lambda x: _plain(special.ndtri)(x / 2) * -SQRT_HALF,
    "erfcx": _erfcx,
    "expm": _plain(_expm),
    "gelu": lambda x: 0.5 * x * _plain(special.erfc)(x * -SQRT_HALF),
    "getitem": lambda x, index: Lowered(_array(x)[_index(index, np.shape(x))]),
    "logit": _logit,
    "reshape": _plain(lambda x, shape, order: jnp.reshape(x, shape, order)),
    "scatter": _scatter,
    "set": _set,
    "transpose": _plain(lambda x, axes: jnp.transpose(x, axes)),
    "zeta": _plain(special.zeta),
}
TABLE: dict[Any, Callable[..., Any]] = {
    **{REGISTRY[name]: rule for name, rule in _BY_NAME.items()},
    np.generic.astype: _BY_NAME["astype"],
    **dict.fromkeys((entry, scalar_entry), lambda numbers, i: numbers[i]),
}
