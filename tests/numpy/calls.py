"""Calls of every function of the array API standard, as its users write them.

A line is a function and calls of it, with these names:

x, t    shape (3, 4), of the dtype in question    c   shape (2, 3, 4)
y       shape (4,), never zero                    z   shape (0, 3), empty
m       shape (4, 2)                              s   no axes
u, v    shape (5,)                                d   the dtype itself
q       shape (2, 3, 3), positive definite
i, j    integers: (3,), and of the shape of x     b   bool, of the shape of x

Which dtypes a call is for is asked of array_api_strict: those that it accepts.
"""


def words(text: str) -> list[str]:
    return text.split()


UNARY = words("""
abs acos acosh asin asinh atan atanh bitwise_invert ceil conj cos cosh exp expm1 floor imag isfinite
isinf isnan log log1p log2 log10 logical_not negative positive real reciprocal round sign signbit
sin sinh sqrt square tan tanh trunc
""")

BINARY = words("""
add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor copysign divide
equal floor_divide greater greater_equal hypot less less_equal logaddexp logical_and logical_or
logical_xor maximum minimum multiply nextafter not_equal pow remainder subtract
""")

OPERATORS = words("+ - * / // % ** & | ^ << >> < <= > >= == !=")

TEXT = {
    "creation": """
arange: arange(5, dtype=d); arange(1, 6, 2, dtype=d); arange(3); arange(0.0, 1.0, 0.25);
   arange(5, 1, -2); arange(3, 1); arange(4, device='cpu')
asarray: asarray(x); asarray([1, 2], dtype=d); asarray([[1.0, 2.0], [3.0, 4.0]]); asarray(True);
   asarray(3); asarray(2.5); asarray(1 + 2j); asarray([True, False]); asarray(x, copy=True);
   asarray(x, dtype=d, copy=False); asarray([]); asarray([x, x]); asarray(x, device='cpu');
   asarray(s)
empty: empty((2, 3), dtype=d).shape; empty(3).dtype; empty((), dtype=d).dtype
empty_like: empty_like(x).shape; empty_like(x).dtype; empty_like(x, dtype=int8).dtype
eye: eye(3); eye(2, 3, dtype=d); eye(3, 2, k=-1, dtype=d); eye(3, k=1); eye(0)
from_dlpack: from_dlpack(x); from_dlpack(s); from_dlpack(z)
full: full((2, 3), 1, dtype=d); full(2, True); full((), 2); full(3, 0.5); full((1,), 1j)
full_like: full_like(x, 1); full_like(x, 1, dtype=float32); full_like(z, 0)
linspace: linspace(0.0, 1.0, 5); linspace(0, 4, 4, endpoint=False); linspace(1, 0, 3, dtype=d);
   linspace(0, 1, 1); linspace(0, 1, 0); linspace(0, 1j, 3)
meshgrid: meshgrid(u, y); meshgrid(u, y, indexing='ij'); meshgrid(u); meshgrid(u, y, v)
ones: ones((2, 3), dtype=d); ones(3); ones(())
ones_like: ones_like(x); ones_like(x, dtype=int16); ones_like(s)
tril: tril(x); tril(c, k=1); tril(x, k=-2)
triu: triu(x); triu(c, k=1); triu(x, k=-2)
zeros: zeros((2, 3), dtype=d); zeros(3); zeros((0, 2))
zeros_like: zeros_like(x); zeros_like(x, dtype=complex64); zeros_like(s)
""",
    "data types": """
astype: astype(x, float32); astype(x, int64); astype(x, bool); astype(x, complex128);
   astype(x, d, copy=False); astype(s, d); astype(x, float64, device='cpu')
can_cast: can_cast(d, d); can_cast(x, d)
finfo: finfo(d).bits; finfo(d).eps; finfo(x).max; finfo(d).min; finfo(d).dtype;
   finfo(d).smallest_normal
iinfo: iinfo(d).max; iinfo(x).bits; iinfo(d).min; iinfo(d).dtype
isdtype: isdtype(d, 'bool'); isdtype(d, 'signed integer'); isdtype(d, 'numeric');
   isdtype(d, 'unsigned integer'); isdtype(d, 'integral'); isdtype(d, 'real floating');
   isdtype(d, 'complex floating'); isdtype(d, ('bool', float32)); isdtype(d, d)
result_type: result_type(d, d); result_type(x, s); result_type(x, x); result_type(d, x)
""",
    "elementwise": """
clip: clip(x); clip(x, 1); clip(x, max=2); clip(x, 1, 2); clip(x, min=y); clip(s, 1, 2);
   clip(x, min=t, max=t); clip(z, 0, 1)
""",
    "indexing": """
take: take(u, i); take(x, i, axis=0); take(c, i, axis=-1); take(x, i[:0], axis=1)
take_along_axis: take_along_axis(x, j); take_along_axis(x, j, axis=0);
   take_along_axis(u, i, axis=-1)
""",
    "linear algebra": """
matmul: matmul(x, m); matmul(c, m); matmul(y, m); matmul(x, y); matmul(y, y)
matrix_transpose: matrix_transpose(x); matrix_transpose(c)
tensordot: tensordot(x, m, axes=1); tensordot(c, x); tensordot(u, v, axes=0);
   tensordot(c, x, axes=((1, 2), (0, 1))); tensordot(x, x, axes=([1], [1]))
vecdot: vecdot(x, t); vecdot(c, y); vecdot(x, t, axis=-2); vecdot(u, v)
""",
    "manipulation": """
broadcast_arrays: broadcast_arrays(x, y); broadcast_arrays(s, u); broadcast_arrays(x)
broadcast_shapes: broadcast_shapes((2, 1), (3,)); broadcast_shapes((), (0, 1), (4,))
broadcast_to: broadcast_to(y, (2, 4)); broadcast_to(s, (2, 3)); broadcast_to(x, (3, 4))
concat: concat([x, x]); concat((x, t, x), axis=-1); concat([x, u], axis=None); concat([z, z]);
   concat([u])
expand_dims: expand_dims(x, axis=0); expand_dims(x, axis=-1); expand_dims(s, axis=0)
flip: flip(x); flip(x, axis=0); flip(c, axis=(0, -1)); flip(s)
moveaxis: moveaxis(c, 0, -1); moveaxis(c, (0, 1), (2, 0)); moveaxis(u, 0, 0)
permute_dims: permute_dims(x, (1, 0)); permute_dims(c, (2, 0, 1)); permute_dims(s, ())
repeat: repeat(x, 2); repeat(x, 3, axis=0); repeat(x, i, axis=0); repeat(u, 0)
reshape: reshape(x, (4, 3)); reshape(x, (2, -1)); reshape(s, (1, 1)); reshape(x, (12,));
   reshape(x, (6, 2), copy=True); reshape(x, (2, 6), copy=False); reshape(z, (3, 0))
roll: roll(x, 1); roll(x, -1, axis=0); roll(x, (1, 2), axis=(0, 1)); roll(u, 7)
squeeze: squeeze(x[None, ...], 0); squeeze(x[:, None, :, None], (1, 3)); squeeze(x, ())
stack: stack([x, t]); stack((x, t), axis=-1); stack([s, s]); stack([u, v], axis=1)
tile: tile(x, (2, 1)); tile(u, (2, 2)); tile(x, (2,)); tile(s, (3,)); tile(u, (0,))
unstack: unstack(x); unstack(x, axis=-1); unstack(c, axis=1)
""",
    "searching": """
argmax: argmax(x); argmax(x, axis=0); argmax(c, axis=-1, keepdims=True); argmax(s)
argmin: argmin(x); argmin(x, axis=0); argmin(c, axis=-1, keepdims=True); argmin(x, keepdims=True)
count_nonzero: count_nonzero(x); count_nonzero(x, axis=0); count_nonzero(z);
   count_nonzero(c, axis=(0, 2), keepdims=True)
nonzero: nonzero(x); nonzero(u)
searchsorted: searchsorted(sort(u), v); searchsorted(sort(u), v, side='right');
   searchsorted(u, v, sorter=argsort(u)); searchsorted(sort(u), x)
where: where(b, x, t); where(b, x, s); where(b, y, c); where(b[0, 0], s, s); where(b, x, 1);
   where(b, 0, x)
""",
    "sets": """
isin: isin(x, y); isin(x, 2); isin(u, u[:0])
unique_all: unique_all(x); unique_all(u); unique_all(z)
unique_counts: unique_counts(x); unique_counts(s)
unique_inverse: unique_inverse(x); unique_inverse(u)
unique_values: unique_values(x); unique_values(z)
""",
    "sorting": """
argsort: argsort(x); argsort(c, axis=1); argsort(x, descending=True);
   argsort(x, axis=0, descending=True, stable=True); argsort(z)
sort: sort(x); sort(c, axis=1); sort(x, descending=True); sort(u, stable=False);
   sort(x, axis=0, descending=True)
""",
    "statistics": """
cumulative_prod: cumulative_prod(u); cumulative_prod(x, axis=1);
   cumulative_prod(x, axis=0, include_initial=True); cumulative_prod(u, dtype=d)
cumulative_sum: cumulative_sum(u); cumulative_sum(x, axis=-1); cumulative_sum(z, axis=0);
   cumulative_sum(x, axis=1, include_initial=True); cumulative_sum(u, dtype=d)
max: max(x); max(x, axis=0); max(c, axis=(0, -1), keepdims=True); max(s)
mean: mean(x); mean(x, axis=0); mean(c, axis=(0, -1), keepdims=True); mean(s)
min: min(x); min(x, axis=0); min(c, axis=(0, -1), keepdims=True); min(s)
prod: prod(x); prod(x, axis=0); prod(c, axis=(0, -1), keepdims=True); prod(s); prod(z);
   prod(x, dtype=d); prod(z, axis=0)
std: std(x); std(x, axis=0, correction=1); std(c, axis=(0, -1), keepdims=True); std(s);
   std(x, correction=0.5)
sum: sum(x); sum(x, axis=0); sum(c, axis=(0, -1), keepdims=True); sum(s); sum(z); sum(x, dtype=d);
   sum(z, axis=0); sum(x, axis=())
var: var(x); var(x, axis=0, correction=1); var(c, axis=(0, -1), keepdims=True); var(s)
""",
    "utilities": """
all: all(x); all(x, axis=0); all(c, axis=(0, 2), keepdims=True); all(z); all(s)
any: any(x); any(x, axis=0); any(c, axis=(0, 2), keepdims=True); any(z); any(s)
diff: diff(x); diff(x, axis=0, n=2); diff(u, prepend=v, append=u); diff(x, n=0)
""",
    "the array": """
unary: -x; +x; x.__abs__()
~: ~x; ~s
@: x @ m; c @ m; y @ m; x @ y
attributes: x.dtype; x.shape; x.ndim; x.size; s.shape; z.size; x.T; c.mT
conversions: not s; int(s); float(s); complex(s); int(s) if isdtype(d, 'integral') else 0;
   u[s] if isdtype(d, 'integral') else 0
__getitem__: x[1]; x[-1, 2]; x[...]; x[..., 0]; x[::-1, 1:3]; x[:, None, 1]; x[1:1]; c[0, ..., 1];
   s[()]; s[...]; x[b]; x[i[0], :]; x[i, :]; x[:, i]; x[i, i]; x[b[:, 0]]; u[-9:9:2]; x[i, 0];
   x[0, i]
to_device: x.to_device('cpu'); x.to_device(x.device)
__array_namespace__: x.__array_namespace__() is not None
__dlpack__: x.__dlpack_device__()[1]; from_dlpack(x) + 0 if isdtype(d, 'numeric') else 0
""",
    "linalg": """
linalg.cholesky: linalg.cholesky(q); linalg.cholesky(q, upper=True)
linalg.cross: linalg.cross(q, q[0, ...]); linalg.cross(q[0, ...], q[1, ...], axis=0)
linalg.det: linalg.det(q); linalg.det(q[0, ...])
linalg.diagonal: linalg.diagonal(x); linalg.diagonal(q, offset=1); linalg.diagonal(q, offset=-1)
linalg.eigh: linalg.eigh(q).eigenvalues; linalg.eigh(q[0, ...])[0]
linalg.eigvalsh: linalg.eigvalsh(q)
linalg.inv: linalg.inv(q); linalg.inv(q[0, ...])
linalg.matmul: linalg.matmul(x, m)
linalg.matrix_norm: linalg.matrix_norm(q); linalg.matrix_norm(x, keepdims=True);
   linalg.matrix_norm(q, ord=1); linalg.matrix_norm(q, ord='nuc'); linalg.matrix_norm(q, ord=-2);
   linalg.matrix_norm(q, ord=float('inf'))
linalg.matrix_power: linalg.matrix_power(q, 3); linalg.matrix_power(q, 0);
   linalg.matrix_power(q, -2)
linalg.matrix_rank: linalg.matrix_rank(q); linalg.matrix_rank(q, rtol=1e-6)
linalg.matrix_transpose: linalg.matrix_transpose(c)
linalg.outer: linalg.outer(u, y)
linalg.pinv: linalg.pinv(q); linalg.pinv(x, rtol=1e-6)
linalg.qr: linalg.qr(q); linalg.qr(x, mode='complete').Q
linalg.slogdet: linalg.slogdet(q); linalg.slogdet(q).logabsdet
linalg.solve: linalg.solve(q, q); linalg.solve(q[0, ...], y[:3]); linalg.solve(q, m[:3, :])
linalg.svd: linalg.svd(q).S; linalg.svd(x, full_matrices=False)[1]
linalg.svdvals: linalg.svdvals(q); linalg.svdvals(x)
linalg.tensordot: linalg.tensordot(x, m, axes=1)
linalg.trace: linalg.trace(q); linalg.trace(x, offset=1); linalg.trace(x, dtype=d)
linalg.vecdot: linalg.vecdot(x, t)
linalg.vector_norm: linalg.vector_norm(x); linalg.vector_norm(x, axis=0, keepdims=True);
   linalg.vector_norm(c, axis=(0, 1), ord=1); linalg.vector_norm(x, ord=float('inf'), axis=-1);
   linalg.vector_norm(u, ord=3); linalg.vector_norm(u, ord=0)
""",
    "fft": """
fft.fft: fft.fft(x); fft.fft(u, n=7); fft.fft(x, axis=0, norm='ortho')
fft.ifft: fft.ifft(x); fft.ifft(u, n=3); fft.ifft(x, axis=0, norm='forward')
fft.fftn: fft.fftn(c); fft.fftn(c, s=(2, 5), axes=(0, 2)); fft.fftn(x, axes=(0,), norm='ortho')
fft.ifftn: fft.ifftn(c); fft.ifftn(c, axes=(1, 2))
fft.rfft: fft.rfft(x); fft.rfft(u, n=8); fft.rfft(x, axis=0, norm='ortho')
fft.irfft: fft.irfft(x); fft.irfft(u, n=7); fft.irfft(x, axis=0, norm='forward')
fft.rfftn: fft.rfftn(c); fft.rfftn(c, s=(3, 3), axes=(0, 1))
fft.irfftn: fft.irfftn(c); fft.irfftn(x, s=(3, 5), axes=(0, 1))
fft.hfft: fft.hfft(x); fft.hfft(u, n=8); fft.hfft(x, axis=0, norm='ortho')
fft.ihfft: fft.ihfft(x); fft.ihfft(u, n=6); fft.ihfft(x, axis=0, norm='forward')
fft.fftfreq: fft.fftfreq(5); fft.fftfreq(6, d=0.5); fft.fftfreq(6, dtype=float32, device='cpu')
fft.rfftfreq: fft.rfftfreq(5); fft.rfftfreq(6, d=0.5); fft.rfftfreq(6, dtype=float32)
fft.fftshift: fft.fftshift(x); fft.fftshift(x, axes=0)
fft.ifftshift: fft.ifftshift(x); fft.ifftshift(x, axes=(1,))
""",
    "inspection": """
default_dtypes: __array_namespace_info__().default_dtypes()
dtypes: __array_namespace_info__().dtypes(); __array_namespace_info__().dtypes(kind='integral');
   __array_namespace_info__().dtypes(kind=('bool', 'real floating'))
capabilities: sorted(__array_namespace_info__().capabilities())
""",
}


def parsed(text: str) -> dict[str, list[str]]:
    """The calls of each function; a line that begins with a space continues the one before."""
    entries = text.replace("\n ", "").strip().splitlines()
    named = [entry.partition(":") for entry in entries]
    return {name: [call.strip() for call in calls.split(";")] for name, _, calls in named}


# chapter: function: calls
CALLS = {chapter: parsed(text) for chapter, text in TEXT.items()}
CALLS["elementwise"] |= {f: [f"{f}({a})" for a in "xszc"] for f in UNARY}
for _f in BINARY:
    CALLS["elementwise"][_f] = [f"{_f}({a}, {b})" for a, b in ("xt", "yx", "cy", "sx", "ss", "zz")]
for _op in OPERATORS:
    CALLS["the array"][_op] = [f"{a} {_op} {b}" for a, b in ("xt", "yx", "cy", "sx", "ss")]
CALLS["constants"] = {name: [name] for name in ("e", "inf", "nan", "newaxis", "pi")}

# a Python number n beside an array takes its dtype, on either side
NUMBERED = {f: [f"{f}(x, n)", f"{f}(n, x)"] for f in BINARY if f != "nextafter"}
NUMBERED |= {op: [f"x {op} n", f"n {op} x"] for op in OPERATORS}

# where arrays of two dtypes meet
MIXED = {f: f"{f}(x, t)" for f in BINARY} | {op: f"x {op} t" for op in OPERATORS}
MIXED |= {"where": "where(b, x, t)", "concat": "concat([x, t])", "stack": "stack([x, t])"}
MIXED |= {"result_type": "result_type(x, t)", "vecdot": "vecdot(x, t)", "@": "x @ y"}
MIXED |= {"matmul": "matmul(x, y)", "tensordot": "tensordot(x, y, axes=1)"}

# what must be refused
ERRORS = """
add(x, u); x + u; broadcast_to(x, (3, 5)); concat([x, c]); concat([x, m], axis=0);
concat([x, x], axis=2); expand_dims(x, axis=3); expand_dims(x, axis=-4); flip(x, axis=2);
matmul(x, x); matmul(s, x); matrix_transpose(u); max(x, axis=2); max(z); min(z, axis=0);
permute_dims(x, (0,)); permute_dims(x, (0, 0)); reshape(x, (5, 5)); squeeze(x, 0); squeeze(x, 2);
stack([x, c]); stack([x, x], axis=3); sum(x, axis=(0, 0)); take(x, i, axis=2); unstack(x, axis=2);
x[3]; x[0, 0, 0]; x[u > 0]; x[1.0]; cumulative_sum(x); cumulative_prod(x); argmax(x, axis=2);
sort(x, axis=2); not x; int(x); float(x); asarray([1, 2], copy=False);
asarray([[1.0], [2.0, 3.0]]); from_dlpack(1.0); zeros(3, device='gpu'); x.to_device('gpu');
isdtype(float32, 'number'); broadcast_shapes((2,), (3,));
x.__array_namespace__(api_version='2020.01'); nonzero(s); full(-1, 0); arange(0, 1, 0)
"""
