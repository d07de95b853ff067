"""Random arguments: arrays in their domains, shapes that fit, axes, indices, einsum calls."""

from __future__ import annotations

import itertools
import math
import string
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ..graph import Elementwise, Primitive
from ..graph.domains import REAL, Domain

Shape: TypeAlias = tuple[int, ...]
Strategy: TypeAlias = st.SearchStrategy[Any]

SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, max_side=3)


# -- arrays -------------------------------------------------------------------------------


def pieces(domain: Domain) -> list[tuple[float, float]]:
    """Return the open intervals between a domain's ends, its kinks and 0, highest first."""
    low = max(domain.low, min(-3.0, domain.high - 3.0))
    high = min(domain.high, max(3.0, domain.low + 3.0))
    ends = [low, *(k for k in sorted({0.0, *domain.kinks}) if low < k < high), high]
    return [(a + 0.1 * (b - a), b - 0.1 * (b - a)) for a, b in itertools.pairwise(ends)][::-1]


def _edges(domain: Domain, dtype: Any) -> list[float]:
    """Return numbers at which numerical code breaks, if they lie in the domain's closure."""
    info = np.finfo(dtype)
    sizes = [0.0, float(info.tiny), float(info.eps), 1.0, float(info.max) ** 0.5, float(info.max)]
    ends = [x for x in (domain.low, domain.high, *domain.kinks) if math.isfinite(x)]
    values = [*ends, *(sign * x for x in sizes for sign in (1.0, -1.0))]
    return [x for x in values if domain.low <= x <= domain.high]


@st.composite
def arrays(
    draw: st.DrawFn,
    domain: Domain = REAL,
    shape: Shape | Strategy = SHAPES,
    *,
    dtype: Any = np.float64,
    edges: bool = False,
) -> Any:
    """Generate arrays in a domain, away from its ends, its kinks and 0; floats for the shape ().

    Parameters
    ----------
    domain : Domain
    shape : tuple of int or strategy
    dtype : dtype
        float32 or float64. Subnormal numbers are never drawn.
    edges : bool
        Whether to draw hard cases as well: the ends and the kinks, 0, -0, the smallest normal
        number, epsilon, the square root of the largest number, and that number.

    Returns
    -------
    strategy
        It generates arrays of the shape and dtype.

    Examples
    --------
    >>> from hypothesis import given
    >>> from deltaprop.testing import strategies as dst
    >>> @given(dst.arrays(dst.Domain(0.0), (2, 3)))
    ... def test(x):
    ...     assert (x > 0).all()
    >>> test()
    """
    kind = np.dtype(dtype)
    width: Any = 8 * kind.itemsize
    numbers = [
        st.floats(float(kind.type(a)), float(kind.type(b)), allow_subnormal=False, width=width)
        for a, b in pieces(domain)
    ]
    if edges:
        numbers.append(st.sampled_from(_edges(domain, kind)))
    size = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    x = draw(hnp.arrays(kind, size, elements=st.one_of(numbers)))
    return x if size else x.item()


@st.composite
def broadcastable(
    draw: st.DrawFn, domains: int | Sequence[Domain] = 2, *, dtype: Any = np.float64
) -> tuple[Any, ...]:
    """Generate tuples of arrays that broadcast, given their number or a domain for each.

    Parameters
    ----------
    domains : int or sequence of Domain, optional
        The number of arrays, or a domain for each.
    dtype : dtype, optional

    Returns
    -------
    strategy
        It generates tuples of arrays and floats.

    Examples
    --------
    >>> from hypothesis import given
    >>> from deltaprop.testing import strategies as dst
    >>> @given(dst.broadcastable(2))
    ... def test(xs):
    ...     np.add(*xs)
    >>> test()
    """
    each = [REAL] * domains if isinstance(domains, int) else list(domains)
    shapes = hnp.mutually_broadcastable_shapes(num_shapes=len(each), max_dims=3, max_side=3)
    found = draw(shapes).input_shapes
    return tuple(draw(arrays(d, s, dtype=dtype)) for d, s in zip(each, found, strict=True))


@st.composite
def operands(
    draw: st.DrawFn, operation: Primitive, *, dtype: Any = np.float64
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Generate arguments and parameters with which an operation of the table can be tested.

    They come from its entry: the `domain` of an elementwise operation, the `cases` of any other.

    Parameters
    ----------
    operation : Primitive
        The operation.
    dtype : dtype, optional

    Returns
    -------
    strategy
        It generates pairs of a tuple of arguments and a dict of parameters.

    Examples
    --------
    >>> from hypothesis import given
    >>> import deltaprop.numpy as dnp
    >>> @given(operands(dnp.arctanh))
    ... def test(arguments):
    ...     xs, params = arguments
    ...     assert np.isfinite(dnp.arctanh(*xs, **params)).all()
    >>> test()
    """
    if isinstance(operation, Elementwise):
        return draw(broadcastable(operation.domain, dtype=dtype)), {}
    if not operation.cases:
        raise ValueError(f"{operation} names no cases: declare it with cases=[case((3, 4)), ...]")
    case = draw(st.sampled_from(operation.cases))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    # any numbers, but no equal ones: the cases are smooth at generic points
    ends = np.array(pieces(case.domain))
    xs: list[Any] = []
    for shape in case.shapes:
        low, high = np.moveaxis(ends[rng.integers(len(ends), size=shape)], -1, 0)
        x = np.asarray(rng.uniform(low, high) + (0.0 if xs else case.near), dtype)
        xs.append(x if shape else x.item())
    return tuple(xs), case.params


# -- axes and indices ---------------------------------------------------------------------


def axes(ndim: int, *, none: bool = True, several: bool = True) -> Strategy:
    """Generate an `axis` for an array of `ndim` axes: None, an int or a tuple, also negative.

    Parameters
    ----------
    ndim : int
        The number of axes.
    none : bool, optional
        Whether None is among them.
    several : bool, optional
        Whether tuples of several axes are among them.

    Returns
    -------
    strategy
        It generates None, integers and tuples of integers.

    Examples
    --------
    >>> from hypothesis import given
    >>> from deltaprop.testing import strategies as dst
    >>> @given(dst.axes(2))
    ... def test(axis):
    ...     np.sum(np.ones((2, 3)), axis)
    >>> test()
    """
    kinds: list[Strategy] = [st.none()] if none else []
    if ndim:
        kinds.append(st.integers(-ndim, ndim - 1))
    if several:
        kinds.append(hnp.valid_tuple_axes(ndim))
    return st.one_of(kinds)


def indices(shape: Shape) -> Strategy:
    """Generate anything that NumPy takes as an index: basic, integer arrays, a mask, or a mix.

    Parameters
    ----------
    shape : tuple of int
        The shape of the array.

    Returns
    -------
    strategy
        It generates indices of an array of the shape.

    Examples
    --------
    >>> from hypothesis import given
    >>> from deltaprop.testing import strategies as dst
    >>> @given(dst.indices((2, 3)))
    ... def test(index):
    ...     np.ones((2, 3))[index]
    >>> test()
    """
    kinds: list[Strategy] = [hnp.basic_indices(shape, allow_newaxis=True), hnp.arrays(bool, shape)]
    if shape and all(shape):
        kinds += [hnp.integer_array_indices(shape), _mixed(shape)]
    return st.one_of(kinds)


@st.composite
def _mixed(draw: st.DrawFn, shape: Shape) -> tuple[Any, ...]:
    """Generate for each axis an int, a slice, a list of ints or (once) a mask; None between."""
    mask = draw(st.none() | hnp.arrays(bool, draw(st.sampled_from(shape))))
    count = draw(st.integers(1, 3)) if mask is None else int(mask.sum())
    index: list[Any] = []
    for n in shape:
        place = st.integers(-n, n - 1)
        if mask is not None and len(mask) == n and draw(st.booleans()):
            index.append(mask)
            mask = None
        else:
            several = st.lists(place, min_size=count, max_size=count).map(np.array)
            kinds = [place, st.slices(n)] if not count else [place, st.slices(n), several]
            index.append(draw(st.one_of(kinds)))
    if draw(st.booleans()):
        index.insert(draw(st.integers(0, len(index))), None)
    return tuple(index)


# -- einsum -------------------------------------------------------------------------------


@st.composite
def einsums(draw: st.DrawFn, max_operands: int = 3) -> tuple[str, tuple[Any, ...]]:
    """Generate an einsum expression and operands that fit it.

    An index may repeat within an operand (a diagonal, a trace), be summed over in a single
    operand, or be part of an ellipsis whose axes broadcast. The output may be implicit.

    Parameters
    ----------
    max_operands : int, optional
        The largest number of operands.

    Returns
    -------
    strategy
        It generates pairs of a string and a tuple of arrays.

    Examples
    --------
    >>> from hypothesis import given
    >>> @given(einsums())
    ... def test(call):
    ...     subscripts, xs = call
    ...     np.einsum(subscripts, *xs)
    >>> test()
    """
    letters = string.ascii_lowercase[:4]
    sizes = {c: draw(st.integers(1, 3)) for c in letters}
    count = draw(st.integers(1, max_operands))
    dots = draw(st.booleans())
    terms = [draw(st.text(letters, max_size=3)) for _ in range(count)]
    lead = hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=2, max_side=3)
    leads = draw(lead).input_shapes if dots else ((),) * count
    xs = [
        draw(arrays(REAL, (*first, *(sizes[c] for c in term))))
        for first, term in zip(leads, terms, strict=True)
    ]
    ellipsis = "..." if dots else ""
    subscripts = ",".join(ellipsis + term for term in terms)
    if draw(st.booleans()):
        output = draw(st.lists(st.sampled_from(letters), unique=True, max_size=3))
        subscripts += "->" + ellipsis + "".join(c for c in output if c in subscripts)
    return subscripts, tuple(xs)
