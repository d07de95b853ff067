"""Contractions: products of arrays, summed over shared axes.

`matmul`, `affine`, `einsum` and `convolve` are primitives. The other functions reshape their
arguments and call these. All take NumPy's arguments.
"""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.linalg import LinAlgError

from ..graph import Bilinear, Custom, Masked, conjugated, is_complex, raw, shape_of
from ..graph.batches import Level, is_of, run
from ..graph.batches import matmul as _batched_matmul
from ..graph.cotangent import ones, sum_of_rows, unbroadcast
from ..graph.domains import case
from ..graph.primitive import Array, Multilinear, added
from .elementwise import multiply, where
from .reductions import sum as _sum
from .shaping import _array, _in, expand_dims, moveaxis, ravel, reshape, transpose
from .signatures import ArrayLike, Operand, of_sequence, of_three, of_two

if TYPE_CHECKING:
    from ..value import Value

__all__ = [
    "affine", "convolve", "correlate", "dot", "einsum", "inner", "kron", "matmul", "multi_dot",
    "outer", "tensordot", "vdot", "vecdot",
]  # fmt: skip


def _rows(x: Any) -> Any:
    """Return a vector or a stack of matrices as one matrix that contains all rows."""
    *lead, n = x.shape
    return x.reshape((math.prod(lead), n))


# -- matmul -------------------------------------------------------------------------------


def _matmul(a: Any, b: Any) -> Any:
    try:
        return np.matmul(a, b)
    except ValueError:
        raise ValueError(
            f"matmul: shapes {np.shape(a)} and {np.shape(b)} do not match: the first needs as many "
            "columns as the second has rows, the axes before these must broadcast, and scalars "
            "are multiplied with *"
        ) from None


def _matmul_back_a(g: Any, _a: Any, b: Any) -> Any:
    if b.ndim == 2:
        return g @ b.T
    if b.ndim == 1:
        return g * b if _a.ndim == 1 else expand_dims(g, -1) * b
    if _a.ndim == 1:
        return unbroadcast((b @ expand_dims(g, -1))[..., 0], _a)
    # with one column nothing is summed: a product is faster than many tiny matmuls
    return unbroadcast(g * b.mT if b.shape[-1] == 1 else g @ b.mT, _a)


def _matmul_back_b(g: Any, a: Any, _b: Any) -> Any:
    if a.ndim == 2 and _b.ndim > 1:
        return a.T @ g if _b.ndim == 2 else unbroadcast(a.T @ g, _b)
    if a.ndim == 1:
        return g * a if _b.ndim == 1 else expand_dims(a, -1) * expand_dims(g, -2)
    if _b.ndim == 1:
        return g.reshape(-1) @ _rows(a)
    if _b.ndim == 2:
        return _rows(a).T @ _rows(g)
    return unbroadcast(a.mT @ g, _b)


matmul_: Bilinear = Bilinear(
    "matmul",
    _matmul,
    _matmul_back_a,
    _matmul_back_b,
    symbol="@",
    buffered=True,
    batch=_batched_matmul,
    cases=[
        case((3, 4), (4, 2)),
        case((4,), (4,)),
        case((3, 4), (4,)),
        case((4,), (4, 2)),
        case((2, 3, 4), (4,)),
        case((4,), (2, 4, 3)),
        case((2, 3, 4), (4, 2)),
        case((3, 4), (2, 4, 2)),
        case((5, 1, 3, 4), (2, 4, 2)),
        case((0, 3), (3, 2)),
        case((2, 0), (0, 3)),
    ],
)


@of_two
def matmul(a: Array, b: Array) -> Array:
    """Return the matrix product ``a @ b``; vectors and stacks of matrices as in NumPy.

    For a cotangent ``g``, the gradients are ``g @ b.mT`` and ``a.mT @ g``.

    Parameters
    ----------
    a : array_like or Value
        A vector (n,), or matrices (..., m, n).
    b : array_like or Value
        A vector (n,), or matrices (..., n, k).

    Returns
    -------
    Value or array
        An array of the shape (..., m, k), without m or k for a vector.

    Raises
    ------
    ValueError
        If the shapes do not match; the error names both.

    Examples
    --------
    >>> import deltaprop as dp
    >>> w = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> (w @ [1.0, 10.0]).sum().backward()
    >>> w.grad
    array([[ 1., 10.],
           [ 1., 10.]])
    """
    return matmul_(_array(a), _array(b))


# -- affine: the forward pass of a dense layer --------------------------------------------


def _affine(x: Any, w: Any, b: Any) -> Any:
    try:
        y = x @ w
        fits = w.ndim > 1 and b.shape[-1] == y.shape[-1]
        if y.dtype == b.dtype and type(y) is type(b):
            y += b
        else:
            shape = y.shape
            y = y + b
            fits = fits and y.shape == shape
    except (ValueError, TypeError, IndexError, AttributeError):  # a number has no shape
        fits = False
    if fits:
        return y
    raise ValueError(
        "affine expects x (..., n_in), w (..., n_in, n_out) and b (..., n_out) that broadcasts to "
        f"the shape of x @ w, got shapes {np.shape(x)}, {np.shape(w)} and {np.shape(b)}"
    )


def _affine_back_b(g: Any, _y: Any, _x: Any, _w: Any, _b: Any) -> Any:
    if type(g) is np.ndarray and g.ndim == 2 and _b.ndim == 1:
        return sum_of_rows(g)
    if _b.ndim > 1 == _b.shape[-2] and g.dtype.kind == "f":
        g = ones(g.shape[-2], g.dtype)[None] @ g  # the sum over rows, several times faster
    return unbroadcast(g, _b)


def _affine_jvp(tangents: Sequence[Any], _y: Any, x: Any, w: Any, _b: Any) -> Any:
    dx, dw, db = tangents
    return added([None if dx is None else dx @ w, None if dw is None else x @ dw, db])


affine_: Custom = Custom(
    "affine",
    _affine,
    [
        lambda g, _y, _x, w, _b: matmul_.transposes[0](g, _x, w),
        lambda g, _y, x, _w, _b: matmul_.transposes[1](g, x, _w),
        _affine_back_b,
    ],
    _affine_jvp,
    decomposed=True,
    cases=[
        case((5, 3), (3, 2), (2,)),
        case((3,), (3, 2), (2,)),
        case((4, 5, 3), (3, 2), (2,)),
        case((0, 3), (3, 2), (2,)),
        case((5, 3), (4, 3, 2), (4, 1, 2)),
        case((4, 5, 3), (4, 3, 2), (4, 1, 2)),
        case((4, 5, 3), (4, 3, 1), (4, 1, 1)),
        case((3,), (4, 3, 2), (4, 2)),
        case((5, 3), (3, 2), (5, 2)),
    ],
)


@of_three
def affine(x: Array, w: Array, b: Array) -> Array:
    """Return ``x @ w + b`` in one operation, the forward pass of a dense layer.

    Leading axes stack matrices, as in `matmul`: one operation computes several layers of one
    shape, each with its own weights.

    Parameters
    ----------
    x : array_like of shape (..., n_in)
    w : array_like of shape (..., n_in, n_out)
    b : array_like of shape (..., n_out)
        The biases, in a shape that broadcasts to the shape of ``x @ w``.

    Returns
    -------
    Value or array
        An array of the shape (..., n_out).

    Raises
    ------
    ValueError
        If the shapes do not match.

    Examples
    --------
    >>> import deltaprop as dp
    >>> b = dp.Value([0.0, 0.0])
    >>> affine(np.ones((3, 2)), np.eye(2), b).sum().backward()
    >>> b.grad
    array([3., 3.])
    """
    return affine_(_array(x), _array(w), _array(b))


# -- einsum: one multilinear rule ---------------------------------------------------------


class Einsum(Multilinear):
    """The products of any number of arrays, summed over the indices that the result lacks.

    The cotangent of an argument is an einsum too: of the cotangent of the result and the other
    arguments. If an index occurs in none of these, it was summed over in the argument alone, so the
    cotangent is constant along it. If an index repeats within the argument, the cotangent is zero
    off the diagonal.
    """

    def transpose(self, g: Array, i: int, xs: Sequence[Array], **params: Any) -> Any:
        """Return the cotangent of argument `i`, in a shape that broadcasts to the argument's."""
        optimize, others = params["optimize"], (*xs[:i], *xs[i + 1 :], g)
        shape, shapes = shape_of(xs[i]), tuple(map(shape_of, others))
        expression, mine, first = _transposed(params["subscripts"], i, shape, shapes)
        path = optimize if isinstance(optimize, bool | str) else True
        c = self(g, *others[:-1], subscripts=expression, optimize=path)
        if shape_of(c):
            lengths = dict(zip(_terms(expression)[1], shape_of(c), strict=True))
            own = tuple([lengths.get(s, 1) if f else 1 for s, f in zip(mine, first, strict=True)])
            c = c if shape_of(c) == own else reshape(c, own)
        return c if all(first) else _on_diagonal(c, mine, shape)


@lru_cache(1 << 10)
def _transposed(
    subscripts: str, i: int, shape: tuple[int, ...], others: tuple[tuple[int, ...], ...]
) -> tuple[str, str, list[bool]]:
    """Return the expression of a cotangent, the argument's labels, and which of these are new."""
    inputs, output = _terms(subscripts)
    mine = inputs.pop(i)
    size = dict(zip(mine, shape, strict=True))
    # an axis of length 1 that was broadcast is summed back
    stretched = {
        label
        for term, lengths in zip((*inputs, output), others, strict=True)
        for label, n in zip(term, lengths, strict=True)
        if size.get(label) == 1 != n
    }
    present = set(output).union(*inputs) - stretched
    kept = "".join(label for label in size if label in present)
    first = [mine.index(label) == at for at, label in enumerate(mine)]
    return ",".join([output, *inputs]) + "->" + kept, mine, first


def _on_diagonal(c: Any, labels: str, shape: tuple[int, ...]) -> Masked:
    """Return `c` where the coordinates of equal labels are equal, structural zeros elsewhere."""
    mask = np.ones(shape, bool)
    places = np.ogrid[tuple(map(slice, shape))]
    for label, place in zip(labels, places, strict=True):
        mask &= place == places[labels.index(label)]
    return Masked(where(mask, c, 0.0), mask)


def _einsum(*xs: Any, subscripts: str, optimize: Any) -> Any:
    dtype = np.result_type(*xs)  # a Python float gives way to the dtype of arrays
    xs = tuple(np.asarray(x, dtype) if isinstance(x, float) else x for x in xs)
    return np.einsum(subscripts, *xs, optimize=optimize)


def _with_letter(op: Any, level: Level, data: Any, params: Any) -> Any:
    inputs, output = _terms(params["subscripts"])
    letter = next(c for c in _LETTERS if c not in params["subscripts"])
    own = [is_of(x, level) for x in data]
    terms = [letter * mine + term for term, mine in zip(inputs, own, strict=True)]
    expression = f"{','.join(terms)}->{letter}{output}"
    wholes = [x.whole if mine else x for x, mine in zip(data, own, strict=True)]
    return level.samples(run(op, *wholes, subscripts=expression, optimize=params["optimize"]))


einsum_: Einsum = Einsum(
    "einsum",
    _einsum,
    batch=_with_letter,
    cases=[
        case((3, 4), (4, 2), subscripts="ab,bc->ac", optimize=False),
        case((3, 4), subscripts="ab->ba", optimize=False),
        case((3, 4), subscripts="ab->b", optimize=False),
        case((3, 3), subscripts="aa->", optimize=False),
        case((3, 2, 3), subscripts="aba->ab", optimize=False),
        case((2, 3), (2, 3), (3,), (2,), subscripts="ab,ab,b,a->b", optimize=True),
        case((2, 1), (2, 3), subscripts="ab,ab->a", optimize=False),
        case((3,), (2,), subscripts="a,b->", optimize=False),
        case((3,), (), subscripts="a,->a", optimize=False),
        case((2, 3, 2), (2,), subscripts="aba,a->b", optimize=False),
        case((0, 3), (3,), subscripts="ab,b->a", optimize=False),
    ],
)

_LETTERS = string.ascii_uppercase + string.ascii_lowercase


def _terms(subscripts: str) -> tuple[list[str], str]:
    inputs, output = subscripts.split("->")
    return inputs.split(","), output


def _from_lists(args: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """Return the expression and the operands of ``einsum(x, [0, 1], y, [1, 2], [0, 2])``."""

    def term(labels: Any) -> str:
        return "".join("..." if i is Ellipsis else _LETTERS[i] for i in labels)

    count = len(args) // 2
    expression = ",".join(term(labels) for labels in args[1 : 2 * count : 2])
    if len(args) % 2:
        expression += "->" + term(args[-1])
    return expression, args[0 : 2 * count : 2]


@lru_cache(1 << 10)
def _explicit(expression: str, shapes: tuple[tuple[int, ...], ...]) -> str:
    """Return the expression with an explicit output, and letters for each ellipsis."""
    given = expression.replace(" ", "")
    left, arrow, output = given.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(shapes):
        raise ValueError(f"einsum {expression!r} needs {len(inputs)} operands, got {len(shapes)}")
    unused = [c for c in _LETTERS if c not in given]
    dots = [
        len(shape) - len(term.replace("...", "")) if "..." in term else 0
        for term, shape in zip(inputs, shapes, strict=True)
    ]
    ellipsis = "".join(unused[: max(dots)])
    if not arrow:
        letters = left.replace("...", "").replace(",", "")
        output = "..." + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    elif ellipsis and "..." not in output:
        raise ValueError(f"einsum {expression!r}: the output must contain '...' too")
    for i, (n, shape) in enumerate(zip(dots, shapes, strict=True)):
        inputs[i] = inputs[i].replace("...", ellipsis[len(ellipsis) - n :] if n > 0 else "")
        if len(inputs[i]) != len(shape):
            raise ValueError(f"einsum {expression!r}: operand {i} has shape {shape}")
    return ",".join(inputs) + "->" + output.replace("...", ellipsis)


@overload
def einsum(  # type: ignore[overload-overlap]
    *args: ArrayLike | str, optimize: Any = False, dtype: Any = None, casting: Any = "safe"
) -> np.ndarray: ...
@overload
def einsum(
    *args: Operand | str, optimize: Any = False, dtype: Any = None, casting: Any = "safe"
) -> Value: ...
def einsum(*args: Any, optimize: Any = False, dtype: Any = None, casting: Any = "safe") -> Any:
    """Return an Einstein sum: products summed over the indices that the output does not contain.

    Parameters
    ----------
    *args
        An expression and its operands, ``einsum("ij,jk->ik", a, b)``, or operands and lists
        of ints, ``einsum(a, [0, 1], b, [1, 2], [0, 2])``. All of `numpy.einsum` is supported: an
        implicit output, ellipses, an index repeated in one operand.
    optimize : bool, str or path
        The order of the products, as in `numpy.einsum`. A path applies to the forward pass only.
    dtype, casting
        The dtype that the operands are converted to, and the casting rule.

    Returns
    -------
    Value or array
        One axis for each index of the output.

    Raises
    ------
    ValueError
        If the expression does not match the operands.

    Examples
    --------
    >>> import deltaprop as dp
    >>> a = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> einsum("ii", a).backward()
    >>> a.grad
    array([[1., 0.],
           [0., 1.]])
    """
    expression, xs = (args[0], args[1:]) if isinstance(args[0], str) else _from_lists(args)
    xs = _in(dtype, casting, xs) if dtype is not None else [_array(x) for x in xs]
    path = tuple(optimize) if isinstance(optimize, list) else optimize
    return einsum_(*xs, subscripts=_explicit(expression, tuple(map(shape_of, xs))), optimize=path)


# -- composed of these --------------------------------------------------------------------


@of_two
def dot(a: Array, b: Array) -> Array:
    """Return the product over the last axis of `a` and the last but one of `b`.

    For vectors it is the inner product, for matrices the matrix product, for a scalar `*`.

    For vectors, the gradients are ``b`` and ``a``.

    Parameters
    ----------
    a, b : array_like or Value

    Returns
    -------
    Value or array
        An array of the shape of `a` without its last axis, followed by that of `b` without its last
        axis but one.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> a, b = dp.Value([1.0, 2.0]), dp.Value([3.0, 4.0])
    >>> y = dnp.dot(a, b)
    >>> y
    Value(data=11.0, grad=None)
    >>> y.backward()
    >>> a.grad, b.grad
    (array([3., 4.]), array([1., 2.]))
    """
    a, b = _array(a), _array(b)
    m, n = len(shape_of(a)), len(shape_of(b))
    if not m or not n:
        return multiply(a, b)
    return matmul(a, b) if n == 1 or max(m, n) == 2 else tensordot(a, b, (-1, -2))


@of_two
def inner(a: Array, b: Array) -> Array:
    """Return the product over the last axis of both arrays.

    For vectors, the gradients are ``b`` and ``a``.

    Parameters
    ----------
    a, b : array_like or Value

    Returns
    -------
    Value or array
        An array of the shape of `a` without its last axis, followed by that of `b` without its last
        axis.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> a = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> dnp.inner(a, [1.0, 10.0])
    Value([21., 43.], shape=(2,), dtype=float64)
    >>> dnp.inner(a, [1.0, 10.0]).sum().backward()
    >>> a.grad
    array([[ 1., 10.],
           [ 1., 10.]])
    """
    a, b = _array(a), _array(b)
    if not shape_of(a) or not shape_of(b):
        return multiply(a, b)
    return tensordot(a, b, (-1, -1))


@of_two
def vdot(a: Array, b: Array) -> Array:
    """Return the inner product of all entries of `a` (conjugated, if complex) and of `b`.

    The gradients are ``b`` and ``a``.

    Parameters
    ----------
    a, b : array_like or Value
        Flattened.

    Returns
    -------
    Value or number
        A number.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> a, b = dp.Value([[1.0, 2.0]]), dp.Value([[3.0, 4.0]])
    >>> y = dnp.vdot(a, b)
    >>> y
    Value(data=11.0, grad=None)
    >>> y.backward()
    >>> a.grad, b.grad
    (array([[3., 4.]]), array([[1., 2.]]))
    """
    a = ravel(a)
    return matmul(conjugated(a), ravel(b))


@of_two
def vecdot(a: Array, b: Array, axis: int = -1) -> Array:
    """Return the inner products of the vectors along one axis; other axes broadcast.

    For a cotangent ``g``, the gradients are ``g * b`` and ``g * a``, with ``g`` broadcast along the
    axis. If complex, `a` is conjugated.

    Parameters
    ----------
    a, b : array_like or Value
    axis : int, optional
        The axis of the vectors.

    Returns
    -------
    Value or array
        The broadcast shape without the axis.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> a = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> dnp.vecdot(a, [1.0, 10.0])
    Value([21., 43.], shape=(2,), dtype=float64)
    >>> dnp.vecdot(a, [1.0, 10.0]).sum().backward()
    >>> a.grad
    array([[ 1., 10.],
           [ 1., 10.]])
    """
    a, b = _array(a), _array(b)
    if not shape_of(a) or not shape_of(b):
        raise ValueError(f"vecdot needs an axis in both, got {shape_of(a)} and {shape_of(b)}")
    a, b = (moveaxis(x, axis, -1) for x in (a, b))
    if shape_of(a)[-1] != shape_of(b)[-1]:
        raise ValueError(
            f"vecdot: vectors must have one length, got {shape_of(a)[-1]} and {shape_of(b)[-1]}"
        )
    products = conjugated(a) * b
    return _sum(products, -1, np.result_type(raw(products)))


@of_two
def outer(a: Array, b: Array) -> Array:
    """Return the products of each entry of `a` with each entry of `b`, as a matrix.

    For a cotangent ``g``, the gradients are ``g @ b`` and ``g.T @ a``.

    Parameters
    ----------
    a, b : array_like or Value
        Flattened.

    Returns
    -------
    Value or array
        An array of the shape (a.size, b.size).

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> a = dp.Value([1.0, 2.0])
    >>> dnp.outer(a, [1.0, 10.0])
    Value([[ 1., 10.],
           [ 2., 20.]], shape=(2, 2), dtype=float64)
    >>> dnp.outer(a, [1.0, 10.0]).sum().backward()
    >>> a.grad
    array([11., 11.])
    """
    return matmul(reshape(a, (-1, 1)), reshape(b, (1, -1)))


@of_two
def tensordot(a: Array, b: Array, axes: Any = 2) -> Array:
    """Return the product over several axes.

    `axes` is a number of axes (last of `a`, first of `b`) or a list of axes for each array.

    For a cotangent ``g``, the gradients are its products with the other array over the axes that
    are left.

    Parameters
    ----------
    a, b : array_like or Value
    axes : int or pair of sequences of int, optional
        The number of axes, the last of `a` and the first of `b`; or the axes of each.

    Returns
    -------
    Value or array
        The axes of `a` that are left, then those of `b`.

    Raises
    ------
    ValueError
        If the axes differ in length; the error names both shapes.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> tensordot(dp.Value(np.ones((2, 3, 4))), np.ones((4, 3, 5)), ([1, 2], [1, 0])).shape
    (2, 5)
    """
    a, b = _array(a), _array(b)
    m, n = len(shape_of(a)), len(shape_of(b))
    if np.ndim(axes) == 0:
        axes = range(m - axes, m), range(axes)
    left, right = (
        normalize_axis_tuple(tuple(np.atleast_1d(list(i) if np.iterable(i) else i)), k)
        for i, k in zip(axes, (m, n), strict=True)
    )
    shared = tuple(shape_of(a)[i] for i in left)
    if shared != tuple(shape_of(b)[i] for i in right):
        raise ValueError(
            f"tensordot of shapes {shape_of(a)} and {shape_of(b)}: axes {left} of the first must "
            f"be as long as axes {right} of the second"
        )
    a = transpose(a, tuple(i for i in range(m) if i not in left) + left)
    b = transpose(b, right + tuple(i for i in range(n) if i not in right))
    outside = shape_of(a)[: m - len(left)] + shape_of(b)[len(left) :]
    k = math.prod(shared)
    rows, columns = (math.prod(s) for s in (shape_of(a)[: m - len(left)], shape_of(b)[len(left) :]))
    return reshape(matmul(reshape(a, (rows, k)), reshape(b, (k, columns))), outside)


@of_two
def kron(a: Array, b: Array) -> Array:
    """Return the Kronecker product: each entry of `a` multiplied by the whole of `b`.

    The derivative of the entry ``a[i] * b[j]`` is ``b[j]`` with respect to ``a[i]``.

    Parameters
    ----------
    a, b : array_like or Value

    Returns
    -------
    Value or array
        Each axis has the product of the lengths in `a` and `b`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> a = dp.Value([1.0, 2.0])
    >>> dnp.kron(a, [1.0, 10.0])
    Value([ 1., 10.,  2., 20.], shape=(4,), dtype=float64)
    >>> dnp.kron(a, [1.0, 10.0]).sum().backward()
    >>> a.grad
    array([11., 11.])
    """
    a, b = _array(a), _array(b)
    ndim = max(len(shape_of(a)), len(shape_of(b)))
    m, n = ((1,) * (ndim - len(shape_of(x))) + shape_of(x) for x in (a, b))
    blocks = reshape(a, [k for i in m for k in (i, 1)]) * reshape(b, [k for i in n for k in (1, i)])
    return reshape(blocks, [i * j for i, j in zip(m, n, strict=True)])


@of_sequence
def multi_dot(arrays: Sequence[Array]) -> Array:
    """Return the product of several matrices, in the order with the fewest multiplications.

    The first argument may be a vector (a row), and so may the last (a column).

    For a cotangent ``g``, the gradient of a matrix is ``left.mT @ g @ right.mT``, with the products
    on both sides.

    Parameters
    ----------
    arrays : sequence of array_like or Value
        At least two matrices; the first and the last may be vectors.

    Returns
    -------
    Value or array
        A matrix, a vector or a number.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> A = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    >>> y = dnp.multi_dot([[1.0, 1.0], A, [1.0, 10.0]])
    >>> y
    Value(data=64.0, grad=None)
    >>> y.backward()
    >>> A.grad
    array([[ 1., 10.],
           [ 1., 10.]])
    """
    xs = [_array(x) for x in arrays]
    if len(xs) < 2:
        raise ValueError(f"multi_dot needs at least two arrays, got {len(xs)}")
    if len(xs) == 2:
        return dot(*xs)
    for i, x in enumerate(xs):
        if len(shape_of(x)) != 2 and (len(shape_of(x)) != 1 or 0 < i < len(xs) - 1):
            raise LinAlgError(f"multi_dot takes matrices (vectors at the ends), got {shape_of(x)}")
        if i and shape_of(xs[i - 1])[-1] != shape_of(x)[0]:
            raise ValueError(
                f"multi_dot: shapes {shape_of(xs[i - 1])} and {shape_of(x)} do not match"
            )
    terms = [_LETTERS[i : i + 2] for i in range(len(xs))]
    terms[0] = terms[0][-len(shape_of(xs[0])) :]
    terms[-1] = terms[-1][: len(shape_of(xs[-1]))]
    return einsum(",".join(terms), *xs, optimize="optimal")


# -- convolution --------------------------------------------------------------------------

# with the longer sequence first, the two modes are each other's transpose: "valid" gathers what
# "full" spreads over the ends
convolve_: Bilinear = Bilinear(
    "convolve",
    lambda a, v, mode: np.convolve(a, v, mode),
    lambda g, _a, v, mode: convolve_(g, v[::-1], mode="valid" if mode == "full" else "full"),
    lambda g, a, _v, mode: (
        convolve_(g, a[::-1], mode="valid")
        if mode == "full"
        else convolve_(a, g[::-1], mode="valid")[::-1]
    ),
    cases=[case(a, v, mode=m) for a, v in (((5,), (3,)), ((3,), (3,))) for m in ("full", "valid")],
)


@of_two
def convolve(a: Array, v: Array, mode: Literal["full", "same", "valid"] = "full") -> Array:
    """Return the discrete convolution of two sequences.

    Parameters
    ----------
    a : array_like of shape (n,)
    v : array_like of shape (m,)
    mode : {'full', 'same', 'valid'}
        The part to return: all n + m - 1 numbers, the middle max(n, m) of these, or the numbers
        where both sequences overlap completely.

    Returns
    -------
    Value or array
        One axis, of a length that `mode` says.

    Raises
    ------
    ValueError
        If a sequence is empty, or if the mode is unknown.

    Examples
    --------
    >>> import deltaprop as dp
    >>> v = dp.Value([1.0, 0.5])
    >>> convolve([1.0, 2.0, 3.0], v).sum().backward()
    >>> v.grad
    array([6., 6.])
    """
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"convolve: mode must be 'full', 'same' or 'valid', got {mode!r}")
    a, v = (reshape(x, -1) if not shape_of(x) else x for x in map(_array, (a, v)))
    if len(shape_of(a)) != 1 or len(shape_of(v)) != 1 or not raw(a).size or not raw(v).size:
        raise ValueError(
            f"convolve needs two non-empty sequences, got shapes {shape_of(a)} and {shape_of(v)}"
        )
    if shape_of(a) < shape_of(v):
        a, v = v, a
    if mode != "same":
        return convolve_(a, v, mode=mode)
    start = (shape_of(v)[0] - 1) // 2
    return convolve_(a, v, mode="full")[start : start + shape_of(a)[0]]


@of_two
def correlate(a: Array, v: Array, mode: Literal["full", "same", "valid"] = "valid") -> Array:
    """Return the cross-correlation of two sequences, ``sum(a[n + k] * v[n])`` for each shift k.

    Shapes, modes and errors are those of `convolve`.

    For a cotangent ``g``, the gradients are correlations and convolutions of ``g`` with the other
    sequence.

    Parameters
    ----------
    a : array_like or Value
        A sequence.
    v : array_like or Value
        The sequence that is shifted; conjugated if complex.
    mode : {'full', 'same', 'valid'}, optional
        Which part of the result: all overlaps, as many as the longer sequence has entries, or only
        full overlaps.

    Returns
    -------
    Value or array
        One axis, of a length that `mode` says.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop.numpy as dnp
    >>> a = dp.Value([1.0, 2.0, 3.0])
    >>> dnp.correlate(a, [1.0, 0.5])
    Value([2. , 3.5], shape=(2,), dtype=float64)
    >>> dnp.correlate(a, [1.0, 0.5]).sum().backward()
    >>> a.grad
    array([1. , 1.5, 0.5])
    """
    a, v = _array(a), _array(v)
    if is_complex(v):
        v = v.conj()
    if shape_of(a) < shape_of(v):
        return convolve(v, a[::-1], mode)[::-1]
    return convolve(a, v[::-1], mode)
