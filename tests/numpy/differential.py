"""Every function of the namespace against NumPy's, on random arguments of every kind.

``python -m tests.numpy.differential --count 200`` asks each call so often; the test asks a few.
The same call goes to NumPy with plain arrays, and to ours with plain arrays, with constants and
with Values: where NumPy gives a value, ours is the same (entries, shape and dtype), and where
NumPy raises, ours raises an error of the same type.

Names in a call
---------------
x, y, z    arrays of one random shape and, mostly, one dtype; y and z also of broadcast shapes
v, w       vectors (v as long as the last axis of x)
m, q       matrices: m any, q square, both perhaps a stack
b          booleans of the shape of x
i, j       integers: an array, a number
A, T, K    an axis (or None), axes (or a tuple, or None), whether to keep them
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop import Value

from .calls import parsed, words

SHAPES = [(), (0,), (1,), (3,), (4,), (2, 3), (3, 2), (3, 3), (1, 3), (0, 2), (2, 0), (2, 1, 3),
          (2, 3, 2), (2, 1, 2, 3)]  # fmt: skip
DTYPES = [*["float64"] * 4, "float32", "float32", "complex128", "complex64", "int64", "int64",
          "int32", "uint8"]  # fmt: skip

UNARY = words("""
abs absolute acos acosh angle arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh
bitwise_invert bitwise_not cbrt ceil conj conjugate cos cosh deg2rad degrees exp exp2 expm1 fabs fix
floor imag invert isfinite isinf isnan isreal iscomplex isposinf isneginf log log10 log1p log2
logical_not nan_to_num negative positive rad2deg radians real real_if_close reciprocal rint round
sign signbit sin sinc sinh sqrt square tan tanh trunc atleast_1d atleast_2d atleast_3d transpose
ravel squeeze argwhere nonzero flatnonzero diagonal trace diag fliplr flipud rot90 matrix_transpose
flip tril triu unwrap ediff1d cov corrcoef unique
""")
BINARY = words("""
add arctan2 atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor copysign
divide equal float_power floor_divide fmax fmin fmod greater greater_equal heaviside hypot less
less_equal logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum multiply nextafter
not_equal pow power remainder right_shift subtract true_divide
""")
REDUCTIONS = words("""
all any amax amin max min sum prod mean std var median ptp nanmax nanmin nansum nanprod nanmean nanstd
nanvar nanmedian count_nonzero argmax argmin
""")
# ruff: noqa: E501
TEXT = """
abs: abs(x); x.real; x.imag; +x; -x; ~x; x.T; x.mT
operators: x + y; x - y; x * y; x / y; x // y; x % y; x ** y; divmod(x, y); x @ y; x & b; x < y;
   x == y; x << 1; 2 + x; 2.5 * x; x ** 2; 1 / x; x % 3; divmod(x, 2); divmod(2.5, x); y in x;
   2 in x; 7 // x; x in [x]; x @ v; v @ v
methods: x.sum(T); x.mean(axis=T, keepdims=K); x.reshape(-1); x.reshape(j, -1); x.reshape();
   x.reshape((-1,)); x.transpose(); x.transpose(T); x.swapaxes(0, -1); x.squeeze(A); x.repeat(2, A);
   x.cumsum(A); x.cumprod(A); x.max(A); x.argmax(A); x.argmin(A); x.dot(y); x.ravel(); x.flatten();
   x.clip(0, 1); x.round(1); x.diagonal(); x.trace(); x.astype('float32'); x.take(i, A);
   x.argsort(A); x.nonzero(); x.any(A); x.all(T); x.std(T); x.var(A); x.prod(A); x.min(T);
   x.tolist(); len(x); x.conj(); x.searchsorted(y); list(x); x.item(); round(x, 1); x.ndim;
   x.shape; x.size
angle: angle(x, deg=True)
append: append(x, y); append(x, y, A); append(x, 2.0); append([x], [y])
argsort: take_along_axis(x, argsort(x, A), A)
argpartition: argpartition(v, 1).shape
array_split: array_split(x, 2); array_split(x, 3, A); array_split(x, [1], -1)
array_equal: array_equal(x, y); array_equal(x, x); array_equiv(x, y); array_equiv(x, x); allclose(x, x)
asarray: asarray(x); array(x); asarray(x, dtype='float32'); asarray([x, y]); array([x, x])
astype: astype(x, 'float32'); astype(x, 'int64'); astype(x, 'complex128')
at least: atleast_1d(x, y); atleast_2d(x, 2.0); atleast_3d(x, y)
average: average(x); average(x, A); average(x, A, abs(y)); average(x, T, weights=abs(y)); average(v)
bincount: bincount(i); bincount(i, [1.0] * len(i)); bincount(i, minlength=5); bincount(x)
block: block([x, y]); block([[x, y], [y, x]]); block(x)
broadcast: broadcast_to(x, (2, 3)); broadcast_to(x, x.shape); broadcast_arrays(x, y);
   broadcast_to(x, 3); broadcast_arrays(x); broadcast_arrays()
clip: clip(x, 0, 1); clip(x, y, z); clip(x, None, 1); clip(x, 1, 0); clip(x, y, None); clip(x, 0.5, 2.5)
column_stack: column_stack([x, y]); column_stack([v, v]); column_stack([]); row_stack([x, y])
compress: compress([True, False], x); compress([True, False], x, A); extract(b, x)
concatenate: concatenate([x, y]); concatenate([x, y], A); concatenate([x, y], -1); concatenate([]);
   concat([x, x], axis=0); concatenate(x); concatenate([x, y], axis=None)
convolve: convolve(v, w); convolve(v, w, 'same'); convolve(v, w, 'valid'); convolve(x, y);
   correlate(v, w); correlate(v, w, 'full'); correlate(v, w, 'same')
cross: cross(x, y); cross(v, v); cross(x, y, axis=0)
cumsum: cumsum(x); cumsum(x, A); cumprod(x); cumprod(x, A); cumsum(x, (0, 1)); cumprod(x, (0, 1));
   cumulative_sum(x, axis=A); cumulative_prod(x, axis=A, include_initial=True)
delete: delete(x, 0); delete(x, [0, -1], A); delete(x, slice(1)); delete(v, 1)
diag: diag(x, 1); diag(v, -1); diagonal(x, 1); diagonal(m, 0, -1, -2); trace(m, 1); trace(x)
diff: diff(x); diff(x, 2); diff(x, axis=A); diff(x, 1, -1, 0.0); diff(x, 0); diff(x, prepend=x, append=1)
digitize: digitize(v, [0.0, 1.0]); digitize(x, [0.0, 1.0, 2.0]); digitize(x, [0.0, 1.0], True)
dot: dot(x, y); dot(m, v); dot(x, 2.0); inner(x, y); inner(m, v); vdot(x, y); outer(x, y); kron(x, y);
   matmul(x, y); matmul(q, q); vecdot(x, y); vecdot(x, y, axis=0); matvec(q, v); vecmat(v, q);
   tensordot(x, y, 0); tensordot(x, y, 1); tensordot(x, y); tensordot(q, q, ([0], [1])); inner(2, v);
   dot(q, q); kron(v, 2.0)
dstack: dstack([x, y]); hstack([x, y]); vstack([x, y]); stack([x, y]); stack([x, y], A); stack([x, x], -1);
   stack([]); hstack([]); vstack([]); hstack([x, 2.0]); dstack([v, v]); stack([x, 2.0])
ediff1d: ediff1d(x, 1); ediff1d(x, to_begin=[1, 2])
einsum: einsum('ij,jk', m, m); einsum('...i,...i', x, x); einsum('ii', q); einsum('...ii->...i', q);
   einsum('ij->', x); einsum('i,j', v, w); einsum(x, [0], [0]); einsum('i->', x); einsum('...', x)
expand_dims: expand_dims(x, 0); expand_dims(x, A); expand_dims(x, (0, -1))
flip: flip(x, A); flip(x, T); fliplr(x); flipud(x); rot90(x, 2); rot90(x, -1)
full_like: full_like(x, 2); zeros_like(x); ones_like(x); full((2,), 1.5); full_like(x, 2.5)
gradient: gradient(x); gradient(v); gradient(v, 0.5); gradient(x, axis=A); gradient(v, edge_order=2);
   gradient(v, w); gradient(x, 2.0)
heaviside: heaviside(x, 0.5)
histogram: histogram(x); histogram(v, 3); histogram(v, [0.0, 1.0, 2.0]); histogram_bin_edges(v)
hsplit: hsplit(x, 2); hsplit(x, 1); vsplit(x, 1); vsplit(x, 2); dsplit(x, 1); dsplit(x, 2); split(x, 1);
   split(x, 3); split(x, [1, 2], A); split(x, 0); array_split(x, 0); hsplit(v, [1])
insert: insert(x, 0, 2.0); insert(x, 1, 2.0, A); insert(v, [0, 1], [5, 6])
interp: interp(x, [0.0, 1.0, 2.0], [1.0, 3.0, 2.0]); interp(0.5, [0.0, 1.0], [1.0, 2.0]);
   interp(x, [0.0, 1.0], [1.0, 2.0], left=0.0, right=5.0); interp(x, [0.0, 1.0], [1.0, 2.0], period=2.0);
   interp(x, [1.0], [2.0])
isin: isin(x, y); isin(x, [1, 2]); isin(v, v)
linspace: linspace(x, 1.0, 4); linspace(0.0, x, 3); linspace(x, y, 3, axis=-1); linspace(0, 2, 3);
   linspace(x, y, 1); linspace(x, y, 0); linspace(0, x, 3, endpoint=False)
meshgrid: meshgrid(v, w); meshgrid(v, w, indexing='ij'); meshgrid(x, y); meshgrid(v, w, sparse=True);
   meshgrid(x); meshgrid()
moveaxis: moveaxis(x, 0, -1); moveaxis(x, A, 0); moveaxis(x, (0, 1), (1, 0)); swapaxes(x, 0, 1);
   swapaxes(x, -1, 0); rollaxis(x, 1); rollaxis(x, -1, 1); rollaxis(x, 0, 2); permute_dims(x, (1, 0));
   transpose(x, (1, 0)); transpose(x, T)
nan_to_num: nan_to_num(x, nan=2.0); nan_to_num(x, posinf=1.0, neginf=-1.0)
pad: pad(x, 1); pad(x, (1, 2)); pad(x, 1, 'edge'); pad(x, 1, 'reflect'); pad(x, 1, 'wrap');
   pad(v, (2, 1), 'symmetric'); pad(x, 1, constant_values=3); pad(x, 0)
partition: partition(x, 0).shape; partition(v, 1)[1]
percentile: percentile(x, 30); percentile(x, [10, 50], A); quantile(x, 0.3, T); quantile(x, 0.5, A, keepdims=True);
   quantile(x, [0.25, 1.0], method='nearest'); quantile(x, 1.5); percentile(x, -1); quantile(v, 0.5, method='lower')
piecewise: piecewise(x, [x < 1], [2, 3]); piecewise(x, [b], [lambda t: t * t, lambda t: -t])
polyval: polyval(v, x); polyval([], x); polyval([1.0, 2.0], x); polyval(v, 2.0); polyval([3], x)
repeat: repeat(x, 2); repeat(x, 2, A); repeat(x, [1, 2, 0], A); repeat(x, 0); repeat(x, -1);
   repeat(v, i); repeat(x, [2], 0); repeat(x, 3, 0)
reshape: reshape(x, -1); reshape(x, (1, -1)); reshape(x, (2, 2)); reshape(x, (), order='F'); reshape(x, (-1, -1));
   reshape(x, (-1, 1), order='F'); reshape(x, x.shape[::-1], order='A'); reshape(x, (-1,), copy=True);
   ravel(x, 'F'); ravel(x, 'A'); ravel(x, 'K'); ravel([x, y])
resize: expand_dims(x, 2)
roll: roll(x, 1); roll(x, -2, A); roll(x, (1, 2), (0, 1)); roll(x, 1, (0, 1)); roll(x, j, 0); roll(x, (1, 2));
   roll(x, (1, 2), 0)
rot90: rot90(x, 1, (0, 2)); rot90(x, 3, (1, 0)); rot90(x, 1, (0, 0))
round: round(x, 1); round(x, -1); round(x, decimals=2); around(x, 1)
searchsorted: searchsorted([0.0, 1.0, 2.0], x); searchsorted(v, x, side='right'); searchsorted(x, y)
select: select([b, ~b], [x, y]); select([b], [x], 7); select([], []); select([x], [x])
sort: sort(x); sort(x, A); sort(x, 0); sort(x, None)
squeeze: squeeze(x, A); squeeze(x, T); squeeze(x, 0)
take: take(x, i); take(x, 0); take(x, i, A); take(x, [0, 5], mode='clip'); take(x, [0, -5], mode='wrap');
   take(x, []); take(x, i, 0, mode='wrap'); take(x, 7); take_along_axis(x, argsort(x, -1), -1);
   take_along_axis(x, i, None); take(x, j, -1)
tile: tile(x, 2); tile(x, (2, 1)); tile(x, (1, 2, 1)); tile(x, 0); tile(x, ()); tile(x, j)
trapezoid: trapezoid(x); trapezoid(v, w); trapezoid(x, dx=0.5); trapezoid(x, axis=0); trapezoid(x, x)
tril: tril(x, 1); triu(x, -1); tril(v); triu(q, 1)
unique: unique(x, return_counts=True); unique(x, return_index=True, return_inverse=True); unique(v, axis=0);
   unique(m, axis=0); unique_counts(x); unique_all(x); unique_inverse(x)
unstack: unstack(x); unstack(x, axis=-1)
unwrap: unwrap(x); unwrap(v * 3); unwrap(x, axis=0)
vander: vander(v); vander(v, 2); vander(x); vander(v, increasing=True)
where: where(b, x, y); where(b, x, 0); where(b); where(x); where(x > 0); where(b, 1, x); where(x, x, y);
   where(True, x, 2.5); where(b, x)
getitem: x[0]; x[-1]; x[...]; x[None]; x[1:]; x[::-1]; x[..., 0]; x[b]; x[i]; x[[0, 1]]; x[0, 0]; x[:, 0];
   x[(b, 0)]; x[()]; x[True]; x[[]]; x[9]; x[0, None]; x[1.0]; x['a']; x[j]; x[[True, False]]; x[i, 0]; x[:, i]
lists: mean([x, y]); sum([x, y]); max([x, y]); min([x, y], 0); prod([x, y]); std([x, y]); var([x, x]); median([x, y]);
   sort([x, y]); cumsum([x, y]); transpose([x, y]); reshape([x, y], -1); ravel([x, y]); nansum([x, y]); exp([x, y]);
   maximum([x, y], x); add([x, y], 1.0); dot([x, y], [y, x]); where([b, b], [x, y], 0); mean([[x, 1.0], [2.0, y]]);
   flip([x, y]); roll([x, y], 1); squeeze([x, y]); argmax([x, y]); any([x, y]); all([x, y]); diff([x, y]);
   linalg.norm([x, y]); outer([x, y], [1.0, 2.0]); matmul([[x, y], [y, x]], [1.0, 2.0]); clip([x, y], 0, 1);
   take([x, y], 0); repeat([x, y], 2); tile([x, y], 2); pad([x, y], 1); concatenate([[x, y], [y, x]]); shape([x, y]);
   einsum('i,i', [x, y], [x, y]); ptp([x, y]); average([x, y]); quantile([x, y], 0.5); interp([x, y], [0., 1.], [1., 2.]);
   trace([[x, y], [y, x]]); linalg.det([[x, y], [y, x + 3]]); linalg.inv([[x + 3, y], [y, x - 4]]); diag([x, y]);
   isnan([x, y]); isreal([x, y]); count_nonzero([x, y]); stack([[x, y], [y, x]]); expand_dims([x, y], 0);
   swapaxes([[x, y]], 0, 1); moveaxis([[x, y]], 0, 1); hstack([[x, y], [y]]); vstack([[x, y], [y, x]]);
   broadcast_to([x, y], (3, 2)); atleast_2d([x, y]); nan_to_num([x, y]); cov([x, y]);
   argsort([x, y], 0).shape; searchsorted([0., 1.], [x, y]); bincount([0, 1], [x, y]); gradient([x, y]); kron([x, y], [1., 2.]);
   convolve([x, y], [1., 2.]); inner([x, y], [x, y]); vdot([x, y], [x, y]); tensordot([x, y], [x, y], 1); polyval([x, y], 2.0);
   select([[True, False]], [[x, y]], 0.0); delete([x, y], 0); insert([x, y], 0, y); append([x, y], y); rot90([[x, y]]);
   tril([[x, y], [y, x]]); meshgrid([x, y], [1.0, 2.0]); trapezoid([x, y]); ediff1d([x, y]); unwrap([x, y]); linalg.solve([[x + 3, y], [y, x - 4]], [x, y])
norm: linalg.norm(x); linalg.norm(x, O); linalg.norm(x, O, A); linalg.norm(x, O, T, K); linalg.norm(m, 'nuc');
   linalg.norm(m, 2); linalg.norm(v, O); linalg.norm(x, 'fro'); linalg.norm(v, 'nuc'); linalg.vector_norm(x, ord=O);
   linalg.vector_norm(x, axis=A, ord=O); linalg.matrix_norm(m, ord=O); linalg.norm(x, O, (0, 1))
det: linalg.det(q); linalg.det(x); linalg.inv(q); linalg.inv(x); linalg.slogdet(q); linalg.solve(q, v); linalg.solve(q, q);
   linalg.solve(x, y); linalg.matrix_power(q, 2); linalg.matrix_power(q, -1); linalg.matrix_power(q, 0); linalg.matrix_power(x, 3);
   linalg.cond(m); linalg.cond(q, 1); linalg.cond(x); linalg.matrix_rank(m); linalg.matrix_rank(x); linalg.eigvalsh(q);
   linalg.eigvalsh(q, 'U'); linalg.svdvals(m); linalg.svd(m, compute_uv=False); linalg.pinv(m); linalg.pinv(q, hermitian=True);
   linalg.multi_dot([q, q]); linalg.multi_dot([m]); linalg.multi_dot([]); linalg.multi_dot([v, w]); linalg.multi_dot([x, y, x]);
   linalg.cross(x, y); linalg.outer(v, w); linalg.outer(x, y); linalg.trace(x); linalg.diagonal(x); linalg.tensorinv(x, ind=1);
   linalg.cholesky(q); linalg.eigvals(x).shape; linalg.qr(x, 'r').shape; linalg.tensorsolve(x, y); linalg.lstsq(m, v)[0];
   linalg.matmul(x, y); linalg.vecdot(x, y); linalg.tensordot(x, y, axes=1); linalg.matrix_transpose(x); linalg.lstsq(x, y)[0];
   linalg.svd(x)[1]; linalg.eigh(x)[0]; linalg.cholesky(x); linalg.pinv(x); linalg.cond(q, O)
fft: fft.fft(x); fft.ifft(x); fft.rfft(x); fft.irfft(x); fft.fft(x, 3, A); fft.fft2(x); fft.fftn(x); fft.rfftn(x);
   fft.irfftn(x); fft.hfft(x); fft.ihfft(x); fft.fftshift(x); fft.ifftshift(x, A); fft.fft(x, 0); fft.fft(x, norm='ortho');
   fft.ifftn(x, axes=T); fft.rfft(x, 4, 0); fft.fft(x, norm='no'); fft.irfft(x, 5); fft.rfft2(x); fft.irfft2(x)
"""


def calls() -> list[tuple[str, str]]:
    """Pairs of a function and a call of it."""
    table = parsed(TEXT)
    found = [(name, call) for name, lines in table.items() for call in lines]
    found += [(name, f"{name}(x)") for name in UNARY]
    found += [(name, f"{name}({a})") for name in BINARY for a in ("x, y", "x, 2", "2.5, x")]
    found += [(name, f"{name}({a})") for name in REDUCTIONS for a in
              ("x", "x, axis=A", "x, axis=T", "x, axis=T, keepdims=K", "v, axis=0")]  # fmt: skip
    return found


Rng = np.random.Generator


def numbers(rng: Rng, shape: tuple[int, ...], dtype: str, special: bool) -> np.ndarray:
    """Halves between -2 and 3, so that ties and zeros come; in all layouts; perhaps NaN and inf."""
    kind = np.dtype(dtype).kind
    if kind in "bu":
        return np.asarray(rng.integers(0, 2 if kind == "b" else 4, shape)).astype(dtype)
    x = np.asarray(rng.integers(-4, 7, shape))
    if kind == "i":
        return np.asarray(x // 2).astype(dtype)
    x = x / 2 + (1j * rng.integers(-2, 3, shape) / 2 if kind == "c" else 0)
    x = np.array(x, dtype)
    if special and x.size:
        where = rng.integers(0, 6, shape) == 0
        x[where] = rng.choice([np.nan, np.inf, -np.inf])
    order = rng.integers(0, 3)
    if order == 1:
        return np.asfortranarray(x) if x.ndim else x
    if order == 2 and x.ndim:
        return np.repeat(x, 2, -1)[..., ::2]
    return x


def drawn(rng: Rng, finite: bool = False) -> dict[str, Any]:
    """What the names stand for."""

    def one(shape: tuple[int, ...]) -> np.ndarray:
        own = dtype if rng.random() < 0.85 else str(rng.choice(DTYPES))
        return numbers(rng, shape, own, special)

    shape = SHAPES[rng.integers(len(SHAPES))]
    dtype = str(rng.choice(DTYPES))
    special = rng.random() < 0.2 and not finite
    second = tuple([1 if rng.random() < 0.15 else n for n in shape])
    if rng.random() < 0.2:
        second = second[rng.integers(0, 2) :]
    n = int(rng.integers(0, 4)) if not shape or rng.random() < 0.2 else shape[-1]
    k = int(rng.integers(1, 4))
    stack = [(), (2,), (0,)][rng.choice([0, 0, 0, 1, 2])]
    axis = [None, 0, -1, 1, -2, 2][rng.integers(6)]
    axes = [None, 0, -1, (0, 1), (0, -1), (), (1,), (0, 0), (2, 0)][rng.integers(9)]
    return {
        "x": one(shape), "y": one(second), "z": one(shape),
        "v": one((n,)), "w": one((n if rng.random() < 0.7 else 2,)),
        "m": one((*stack, k, n)), "q": one((*stack, n, n)),
        "b": rng.integers(0, 2, shape).astype(bool) if shape else np.bool_(True),
        "i": rng.integers(0, 3, int(rng.integers(0, 4))), "j": np.asarray(rng.integers(0, 3)),
        "A": axis, "T": axes, "K": bool(rng.integers(2)),
        "O": [None, 1, -1, 2, -2, 0, 3, 0.5, np.inf, -np.inf, "fro", "nuc"][rng.integers(12)],
    }  # fmt: skip


class Names(dict[str, Any]):
    def __init__(self, module: Any, arguments: dict[str, Any]) -> None:
        super().__init__(arguments)
        self.module = module

    def __missing__(self, name: str) -> Any:
        if name in BUILTINS:
            return BUILTINS[name]
        return getattr(self.module, name)


BUILTINS = {f.__name__: f for f in (len, list, divmod, slice)}


def outcome(call: str, module: Any, arguments: dict[str, Any]) -> Any:
    """What the call gives, or the error that it raises."""
    names = Names(module, arguments)
    code = compile(call, call, "eval")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return eval(code, {}, names)
        except Exception as error:
            return error


FAMILIES = (TypeError, IndexError, ValueError, ZeroDivisionError, AttributeError, OverflowError)


def difference(ours: Any, theirs: Any, weak: bool, single: bool = False) -> str | None:
    """How two outcomes differ; None: they do not."""
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        if not isinstance(theirs, Exception):
            return f"{type(ours).__name__}: {ours}; NumPy gives {theirs!r}"
        family = tuple(f for f in FAMILIES if isinstance(theirs, f)) or (type(theirs),)
        if not isinstance(ours, family):
            return f"{type(ours).__name__} {ours!r}; NumPy raises {type(theirs).__name__}: {theirs}"
        return None
    if isinstance(theirs, tuple | list):
        if not isinstance(ours, tuple | list) or len(ours) != len(theirs):
            return f"{ours!r}, not {theirs!r}"
        found = [difference(a, b, weak, single) for a, b in zip(ours, theirs, strict=True)]
        return next((item for item in found if item), None)
    a = np.asarray(ours.numpy() if isinstance(ours, Value) else ours)
    b = np.asarray(theirs)
    if a.shape != b.shape:
        return f"shape {a.shape}, not {b.shape}"
    if a.dtype != b.dtype and not (weak and np.result_type(a.dtype, b.dtype).kind == b.dtype.kind):
        return f"dtype {a.dtype}, not {b.dtype}"
    if b.dtype.kind not in "fc":
        return None if np.array_equal(a, b) else f"{ours!r}, not {theirs!r}"
    single = single or "float32" in (a.dtype, b.dtype) or "complex64" in (a.dtype, b.dtype)
    size = np.max(np.abs(b), initial=0.0, where=np.isfinite(b))
    rtol = 1e-4 if single or b.dtype == np.float16 else 1e-9
    if np.allclose(a, b, rtol, rtol * max(size, 1e-3), equal_nan=True):
        return None
    return f"{ours!r}, not {theirs!r}"


def differentiable(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind in "fc"


# NumPy's function does not see Values in lists, nor in these
UNSEEN = {"lists", "asarray"}
# float32 stays float32 here, where NumPy converts
SINGLE = {"cov", "corrcoef", "interp", "vander", "gradient", "lists",
          "percentile", "polyval"}  # fmt: skip
# calls that answer otherwise, and why
EXCUSED: dict[str, str] = {
    r"x\.(dot|searchsorted)\(y\)": "an ndarray's method does not ask a Value",
    r"asarray\(\[x, y\]\)": "ragged lists are a TypeError here",
    r"bincount\(i, \[1.0\] \* len\(i\)\)": "NumPy forgets the weights' dtype where there are none",
    r"bincount\(\[0, 1\], \[x, y\]\)": "NumPy drops imaginary parts of lists",
    r"interp\(.*": "complex places are refused always, by NumPy unless they are empty or in a list",
    r"tensordot\(x, y\)|gradient\(v, w\)|linalg.cross\(x, y\)": "an IndexError by accident",
    r"(percentile|quantile)\(x, .*": "no entries and a bad q; an infinity between two equal ones",
    r"(x\.)?(a?round)\(.*": "complex infinities",
    r"take\(x, (i, A|j, -1)\)": "NumPy looks at no index where there is nothing to take",
    r"nan_to_num\(\[x, y\]\)": "numbers in a list are float64",
    r"(nan)?(mean|std)\(x, axis=A\)": "a number has an axis 0 for sums, and so for means",
    r"average\(x, A\)": "0 / 0 over no entries",
    r"vecdot\(x, y, axis=0\)|nextafter\(x, 2\)": "complex infinities; numbers are float64",
    r"median\(x, axis=T.*": "NumPy fails for no axes",
    r"(nanvar|nanstd)\(x, axis=(A|T|T, keepdims=K)\)": "a number has no axis 0 to vary along",
    r"fft\.(i?rfft(n|2))\(x\)": "a ValueError where there is nothing to transform",
    r"linalg.pinv\(.*": "NumPy leaves empty integer matrices as they are",
    r"linalg.(tensorsolve|tensorinv)\(.*": "NumPy solves for no unknowns, and fails for numbers",
}
if np.lib.NumpyVersion(np.__version__) < "2.4.4":
    EXCUSED[r"linalg.(cond|lstsq|norm)\(.*"] = "older NumPys fail for no entries; a norm's dtype"
if np.lib.NumpyVersion(np.__version__) >= "2.5.0":
    EXCUSED[r"cross\(.*"] = "of vectors in a plane, too, as in older NumPys"
MODES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "arrays": (dnp, lambda x: x),
    "constants": (dnp, lambda x: dp.constant(x) if isinstance(x, np.ndarray) else x),
    "Values": (dnp, lambda x: Value(x) if differentiable(x) else x),
    "NumPy's function": (np, lambda x: Value(x) if differentiable(x) else x),
}


def differences(name: str, call: str, seed: int) -> Iterator[str]:
    """How our outcomes of a call differ from NumPy's."""
    rng = np.random.default_rng([seed, zlib.crc32(call.encode())])
    arguments = drawn(rng, finite="linalg" in call)  # LAPACK may hang on infinities
    theirs = outcome(call, np, arguments)
    single = any(getattr(x, "dtype", None) in ("float32", "complex64") for x in arguments.values())
    for mode, (module, convert) in MODES.items():
        given = {name: convert(x) for name, x in arguments.items()}
        if mode == "NumPy's function" and (name in UNSEEN or "[x" in call):
            continue
        if mode != "arrays" and not any(isinstance(x, dp.Value) for x in given.values()):
            continue
        weak = mode != "arrays" or name in SINGLE
        if re.search("'numpy.*' has no attribute", str(theirs)):
            continue  # a function of older or newer NumPys
        if any(re.fullmatch(pattern, call) for pattern in EXCUSED):
            continue
        found = difference(outcome(call, module, given), theirs, weak, single)
        if found:
            used = {k: v for k, v in arguments.items() if k in names_in(call)}
            yield f"{call} of {mode}, seed {seed}: {found}\n        {used}"


def names_in(call: str) -> set[str]:
    return set(compile(call, call, "eval").co_names)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("-k", default="")
    options = parser.parse_args(arguments)
    wrong = 0
    for name, call in calls():
        if options.k not in call:
            continue
        for seed in range(options.first, options.first + options.count):
            found = next(differences(name, call, seed), None)
            if found:
                wrong += 1
                print(" ".join(found.split())[:400])
                break
    print(f"{wrong} calls differ")
    return wrong


if __name__ == "__main__":
    sys.exit(bool(main()))
