"""The array namespace in PyTorch: what an expression means in another framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional


class Tensor(torch.Tensor):
    """A tensor that takes NumPy's indices: steps backwards, nested lists, ints beside lists."""

    def __getitem__(self, index: Any) -> Any:
        entries = index if isinstance(index, tuple) else (index,)
        axes = sum(_axes_of(i) for i in entries if i is not Ellipsis)
        lists = any(isinstance(i, list) for i in entries)
        x, axis, taken = self, 0, []
        for i in entries:
            if i is Ellipsis:
                axis += self.ndim - axes
            elif isinstance(i, slice) and (i.step or 1) < 0:
                places = torch.arange(self.shape[axis])[list(range(self.shape[axis]))[i]]
                x, i = torch.index_select(x, axis, places), slice(None)
            if lists and isinstance(i, int):
                i = [i]
            taken.append(torch.tensor(i) if isinstance(i, list) else i)
            axis += 0 if i is Ellipsis else _axes_of(i)
        return super(Tensor, x).__getitem__(tuple(taken))

    def __matmul__(self, other: Any) -> Any:
        return _promoted(torch.matmul)(self, other)


def _promoted(f: Callable[..., Any]) -> Callable[..., Any]:
    """A contraction of two tensors that may differ in dtype."""

    def contract(a: Any, b: Any, *rest: Any) -> Any:
        dtype = torch.promote_types(a.dtype, b.dtype)
        return f(a.to(dtype), b.to(dtype), *rest)

    return contract


def _copy(x: Any) -> Any:
    return x.clone(memory_format=torch.contiguous_format)


def _axes_of(i: Any) -> int:
    if i is None:
        return 0
    return np.ndim(i) if isinstance(i, list) and np.asarray(i).dtype == bool else 1


def _dims(x: Any, axis: Any) -> tuple[int, ...]:
    return tuple(range(x.ndim)) if axis is None else np.atleast_1d(axis).tolist()


def _over(f: Callable[..., Any]) -> Callable[..., Any]:
    """A reduction of PyTorch's that takes several axes."""
    return lambda x, axis=None, keepdims=False: f(x, _dims(x, axis), keepdim=keepdims)


def _over_flat(f: Callable[[Any], Any]) -> Callable[..., Any]:
    """A reduction over the last axis, made one over any."""

    def reduce(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        dims = [d % x.ndim for d in _dims(x, axis)]
        kept = [d for d in range(x.ndim) if d not in dims]
        y = f(x.permute(*kept, *dims).reshape(*(x.shape[d] for d in kept), -1))
        for d in sorted(dims) if keepdims else ():
            y = y.unsqueeze(d)
        return y

    return reduce


def _std(x: Any, dims: Any, keepdim: bool) -> Any:
    """As torch.std, whose second derivative is NaN where all entries are equal."""
    v = torch.var(x, dims, correction=0, keepdim=keepdim)
    return torch.where(v == 0, 0.0, torch.sqrt(torch.where(v == 0, 1.0, v)))


def _sinc(x: Any) -> Any:
    """As torch.sinc, whose second derivative is NaN at 0; there the beginning of its series."""
    near = 1 - (torch.pi * x) ** 2 / 6
    return torch.where(x == 0, near, torch.sinc(torch.where(x == 0, 1.0, x)))


def _median(x: Any) -> Any:
    n = x.shape[-1]
    middle = torch.sort(x, -1)[0].narrow(-1, (n - 1) // 2, 2 - n % 2)
    return middle.mean(-1)


def _convolve(a: Any, v: Any, mode: str) -> Any:
    if len(v) > len(a):
        a, v = v, a
    full = functional.conv1d(a[None, None], v.flip(0)[None, None], padding=len(v) - 1)[0, 0]
    if mode == "full":
        return full
    first, count = ((len(v) - 1) // 2, len(a)) if mode == "same" else (len(v) - 1, None)
    return full.narrow(0, first, len(a) - len(v) + 1 if count is None else count)


def _fixed(f: Callable[..., Any]) -> Callable[..., Any]:
    """A step: its derivative is zero, and PyTorch does not always know."""
    return lambda *xs: f(*(x.detach() for x in xs))


def _elu(x: Any, alpha: Any) -> Any:
    return torch.where(x > 0, x, alpha * torch.expm1(torch.clamp(x, max=0.0)))


SPECIAL: dict[str, Callable[..., Any]] = {
    "sum": _over(torch.sum),
    "mean": _over(torch.mean),
    "max": _over(torch.amax),
    "min": _over(torch.amin),
    "logsumexp": _over(torch.logsumexp),
    "prod": _over_flat(lambda x: torch.prod(x, -1)),
    "var": _over(lambda x, d, keepdim: torch.var(x, d, correction=0, keepdim=keepdim)),
    "std": _over(_std),
    "ptp": _over(lambda x, d, keepdim: torch.amax(x, d, keepdim) - torch.amin(x, d, keepdim)),
    "norm": _over(lambda x, d, keepdim: torch.linalg.vector_norm(x, 2, d, keepdim)),
    "median": _over_flat(_median),
    "cumsum": lambda x, axis: torch.cumsum(x, axis),
    "cumprod": lambda x, axis: torch.cumprod(x, axis),
    "softmax": lambda x, axis: torch.softmax(x, axis),
    "log_softmax": lambda x, axis: torch.log_softmax(x, axis),
    "sort": lambda x, axis: torch.sort(x, axis)[0],
    "flip": lambda x, axis: torch.flip(x, [axis]),
    "diff": lambda x, axis: torch.diff(x, dim=axis),
    "transpose": lambda x, axes: x.permute(axes),
    "expand_dims": torch.unsqueeze,
    "roll": lambda x, shift, axis: torch.roll(x, shift, axis),
    "repeat": lambda x, n, axis: torch.repeat_interleave(x, n, axis),
    "tile": lambda x, n: x.repeat(*(1,) * (x.ndim - 1), n),
    "pad": lambda x, n: functional.pad(x, (n, n) * x.ndim),
    "concatenate": lambda xs, axis: torch.cat(xs, axis),
    "stack": lambda xs, axis: torch.stack(xs, axis),
    "trace": lambda x: torch.diagonal(x).sum(-1),
    "outer": lambda a, b: a.reshape(-1, 1) * b.reshape(-1),
    "vecdot": lambda a, b: (a * b).sum(-1),
    "tensordot": lambda a, b, axes: _promoted(torch.tensordot)(a, b, axes),
    "einsum": lambda s, a, b: _promoted(lambda a, b: torch.einsum(s, a, b))(a, b),
    "inner": _promoted(torch.inner),
    # copies: kron views its arguments, and refuses some strides that contiguous() lets pass
    "kron": _promoted(lambda a, b: torch.kron(_copy(a), _copy(b))),
    "convolve": _promoted(_convolve),
    "where": lambda c, a, b: torch.where(c, a, b),
    "reciprocal": torch.reciprocal,
    "sinc": _sinc,
    "cbrt": lambda x: torch.sign(x) * torch.abs(x) ** (1 / 3),
    # clamp's own second derivative fails where the bounds broadcast (2.13)
    "clip": lambda x, low, high: torch.minimum(torch.maximum(x, low), high),
    "rint": torch.round,
    "fabs": torch.abs,
    "heaviside": _fixed(_promoted(torch.heaviside)),
    "floor_divide": _fixed(torch.floor_divide),
    "nextafter": lambda x, y: x + (torch.nextafter(x, y) - x).detach(),
    "imag": torch.zeros_like,
    "relu": torch.relu,
    "leaky_relu": lambda x, slope: torch.where(x > 0, x, slope * x),
    "elu": _elu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "mish": functional.mish,
    # theirs is the identity from 20 on, if not told otherwise
    "softplus": lambda x: functional.softplus(x, threshold=40),
    "softsign": functional.softsign,
    "log_sigmoid": functional.logsigmoid,
}


class _Namespace:
    """NumPy's name of a function to PyTorch's, where the two differ."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        f = SPECIAL.get(name) or getattr(torch, name, None) or getattr(torch.special, name)
        return f  # type: ignore[no-any-return]


NAMESPACE = _Namespace()


def tensor(x: Any, dtype: Any) -> Tensor:
    """A leaf that wants a gradient; numbers stay of double precision, as they do here."""
    given = torch.tensor(x, dtype=dtype if np.ndim(x) else torch.float64)
    return given.as_subclass(Tensor).requires_grad_()  # type: ignore[no-any-return]
