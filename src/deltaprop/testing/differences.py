"""Derivatives by finite differences, each with an estimate of its error.

A derivative is estimated from a whole ladder of steps. Large steps are wrong because the
function is curved, small steps because it is rounded. Extrapolation removes most of the
error of curvature; the scatter of the *smaller* steps tells the error of rounding. So a
large step is trusted only where the small steps agree with it, within their scatter. A
ladder that begins far too high, as on sin(500 x), costs time but not accuracy.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from .. import tree
from ..habits import explained
from ..options import chosen

EPS = float(np.finfo(np.float64).eps)
METHODS = ("auto", "central", "complex", "ridders")
RUNGS, COLUMNS = 14, 4  # steps for each scale, a factor of 4 apart; times extrapolated
Function = Callable[[Sequence[np.ndarray]], np.ndarray]
Direction = dict[int, np.ndarray]  # by the place of the array it moves


class Difference(NamedTuple):
    """A Jacobian by finite differences: its `value`, and the estimated `error` of each entry."""

    value: Any
    error: Any


class Slopes(NamedTuple):
    """Derivatives along directions: for each output the value, its error and half its jump.

    At a kink the slopes on the left and on the right are ``value - jump`` and ``value + jump``;
    elsewhere `jump` is 0. Where the function is discontinuous or undefined, the error is infinite.
    """

    value: np.ndarray
    error: np.ndarray
    jump: np.ndarray


@explained
def finite_difference(
    f: Callable[[Any], Any],
    x: Any,
    method: Literal["auto", "central", "complex", "ridders"] = "auto",
) -> Difference:
    """Return the Jacobian of `f` at `x` by finite differences, computed in double precision.

    Parameters
    ----------
    f : callable
        A function from plain numbers or arrays to a number or an array. It is called in
        float64 (or complex128), also for a float32 `x`.
    x : float, array_like or tree of them
        Floating or complex.
    method : {"auto", "central", "complex", "ridders"}
        "central": central differences. "ridders": central differences, extrapolated to step zero
        (Ridders 1982). "complex": the complex step (Squire and Trapp 1998), exact where `f` is
        analytic and wrong elsewhere. "auto": the complex step where it agrees with the
        extrapolation, and the extrapolation elsewhere.

    Returns
    -------
    Difference
        `value` and `error` of shape ``f(x).shape + x.shape``, in a tree like `x`. For a
        complex `x` and a real `f` the value is df/dRe + i df/dIm, the direction of
        steepest ascent; for a complex `f` it is Wirtinger's df/dx.

    Raises
    ------
    TypeError
        If `x` is not floating, or if `method` is "complex" and `f` takes no complex numbers.
    ValueError
        If `f(x)` is not finite, or if the method is unknown or unsuitable for a complex `x`.

    Examples
    --------
    >>> value, error = finite_difference(lambda x: x**3, 2.0)
    >>> bool(abs(value - 12) <= error < 1e-11)
    True
    """
    chosen("method", method, METHODS)
    leaves, structure = tree.flatten(x)
    points = [doubled(x, name) for x, name in zip(leaves, tree.paths(structure, "x"), strict=True)]

    def g(at: Sequence[np.ndarray]) -> np.ndarray:
        plain = [a if np.ndim(x) else a.item() for a, x in zip(at, leaves, strict=True)]
        # copied, because f may return a view of an array that it goes on changing
        return np.array(f(tree.unflatten(structure, plain)))

    parts = [_jacobian(g, points, i, method) for i in range(len(points))]
    value, error = zip(*parts, strict=True) if parts else ((), ())
    return Difference(tree.unflatten(structure, value), tree.unflatten(structure, error))


def doubled(x: Any, name: str) -> np.ndarray:
    """Return a copy of `x` in double precision."""
    array = np.asarray(x)
    if array.dtype.kind not in "fc":
        raise TypeError(
            f"{name} has dtype {array.dtype}, which is not differentiable: convert it to a "
            "floating dtype, or close the function over it if it is a constant"
        )
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def finite(y: np.ndarray, what: str) -> np.ndarray:
    """Return `y`; raise an error unless all its numbers are finite."""
    if y.dtype.kind not in "fciub":
        raise TypeError(f"{what} must be a number or an array of numbers; it is {y!r}")
    if not np.all(np.isfinite(y)):
        index = tuple(map(int, np.argwhere(~np.isfinite(y))[0]))
        raise ValueError(
            f"{what} is {y[index]} at index {index}; a function must be finite to have a "
            "derivative to check: choose another point"
        )
    return y


def _jacobian(g: Function, points: list[np.ndarray], i: int, method: str) -> tuple[Any, Any]:
    """Return the Jacobian of g with respect to its i-th point, and its error."""
    x, y = points[i], finite(g(points), "f(x)")
    plane, complex_y = x.dtype.kind == "c", y.dtype.kind == "c"
    if method == "complex" and (plane or complex_y):
        raise ValueError("the complex step is for real x and f(x); use method='ridders'")
    value = np.zeros((x.size, y.size), complex if plane or complex_y else float)
    error = np.zeros(value.shape)
    for turn in (1, 1j) if plane else (1,):
        directions = [{i: turn * d} for d in units(x, range(x.size))]
        part, doubt = _by_method(g, points, directions, y, method)
        if complex_y:
            part, doubt = part.view(complex), np.hypot(doubt[:, ::2], doubt[:, 1::2])
        # a real f: dRe + i dIm; a complex f: (dRe - i dIm) / 2
        weight = (turn.conjugate() / 2 if complex_y else turn) if plane else 1
        value += weight * part
        error += abs(weight) * doubt
    shape = y.shape + x.shape
    return value.T.reshape(shape)[()], error.T.reshape(shape)[()]


def _by_method(
    g: Function, points: list[np.ndarray], directions: list[Direction], y: np.ndarray, method: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivatives along some directions by a method, and their errors."""
    if method == "complex":
        exact = _complex_steps(g, points, directions, y)
        return exact, 8 * EPS * np.abs(exact)
    value, error, _ = slopes(g, points, directions, 1 if method == "central" else COLUMNS)
    if method == "auto" and "c" not in {a.dtype.kind for a in (y, *points)}:
        try:
            exact = _complex_steps(g, points, directions, y)
        except (TypeError, ValueError, ArithmeticError):
            return value, error  # f does not accept complex numbers
        agrees = np.abs(exact - value) <= 2 * error
        sharper = np.minimum(error, 1e3 * EPS * np.max(np.abs(exact), initial=0))
        return np.where(agrees, exact, value), np.where(agrees, sharper, error)
    return value, error


def _complex_steps(
    g: Function, points: list[np.ndarray], directions: list[Direction], y: np.ndarray
) -> np.ndarray:
    """Return derivatives by an imaginary step, so small that the real part does not change."""
    step = 1e-100
    rows = np.zeros((len(directions), y.size))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # if a cast drops the imaginary part, the value shows it
        for row, d in zip(rows, directions, strict=True):
            row[:] = np.imag(moved(g, points, d, 1j * step)).ravel() / step
    return rows


def units(x: np.ndarray, places: Iterable[int]) -> list[np.ndarray]:
    """Return the unit directions of some entries of `x`, given by their flat indices."""
    directions = []
    for place in places:
        d = np.zeros(x.shape, x.dtype)
        d.flat[place] = 1
        directions.append(d)
    return directions


def moved(g: Function, points: Sequence[np.ndarray], direction: Direction, t: Any) -> np.ndarray:
    """Return g at the points, some of them moved by t times their direction."""
    return g([p + t * direction[i] if i in direction else p.copy() for i, p in enumerate(points)])


def ladder(points: Sequence[np.ndarray], direction: Direction) -> tuple[float, ...]:
    """Return steps from large to small, for each plausible scale of the moving entries.

    The scales are: the smallest and the largest of the entries, the scale of their array, and 1.
    The results show which scale fits the function. A scale is rounded up to a power of 64, so
    that most entries share their ladder.
    """
    scales, largest = [1.0], 0.0
    for i, d in direction.items():
        moving = np.abs(points[i][d != 0])
        largest = max(largest, float(np.max(moving, initial=0)))
        whole = float(np.max(np.abs(points[i]), initial=0))
        scales += [whole, largest, float(np.min(moving, initial=largest, where=moving > 0))]
    powers = {3 * math.ceil(math.log2(max(s, 1e-280)) / 6) for s in scales if s}
    rungs = {p - k for p in powers for k in range(1, RUNGS + 1)}
    finest = 4 * np.spacing(largest)
    return tuple(h for p in sorted(rungs, reverse=True) if (h := 4.0**p) >= finest)


def slopes(
    g: Function,
    points: Sequence[np.ndarray],
    directions: Sequence[Direction],
    columns: int = COLUMNS,
) -> Slopes:
    """Return the derivatives of g along directions; a complex output counts as two real ones."""
    here = reals(g(points))
    found = np.zeros((3, len(directions), here.size))
    groups: dict[tuple[float, ...], list[int]] = {}
    for k, d in enumerate(directions):
        groups.setdefault(ladder(points, d), []).append(k)
    few = max(1, 100_000 // max(here.size, 1))  # at a time, for the memory's sake
    for steps, members in groups.items():
        for start in range(0, len(members), few):
            some = members[start : start + few]
            with np.errstate(all="ignore"):
                up, down = (
                    np.array(
                        [
                            [_tried(g, points, directions[k], s * h, here) for k in some]
                            for h in steps
                        ]
                    )
                    for s in (1, -1)
                )
                found[:, some] = _read_off(up, down, here, steps, columns)
    return Slopes(*found)


def reals(y: Any) -> np.ndarray:
    """Return a flat array of real numbers; a complex number becomes two."""
    flat = np.asarray(y).ravel()
    return flat.view(np.float64) if flat.dtype.kind == "c" else flat.astype(np.float64)


def _tried(
    g: Function, points: Sequence[np.ndarray], direction: Direction, t: float, here: np.ndarray
) -> np.ndarray:
    """Return the outputs at a step, NaN where the function is undefined."""
    try:
        return reals(moved(g, points, direction, t))
    except (ArithmeticError, ValueError):
        return np.full(here.shape, np.nan)


def _read_off(
    up: np.ndarray, down: np.ndarray, here: np.ndarray, steps: tuple[float, ...], columns: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return value, error and jump, from the outputs on both sides at each step."""
    h = np.array(steps)[:, None, None]
    for side in (up, down):  # outputs beyond the end of the domain are ignored
        side[::-1][np.logical_or.accumulate(~np.isfinite(side[::-1]))] = np.nan
    size = np.fmax(np.fmax(np.abs(up), np.abs(down)), np.abs(here))
    odd = up - down
    noise = EPS * np.fmax.accumulate(size[::-1])[::-1] + 1e-320  # where numbers are subnormal
    noise = np.fmax(noise, _quantum(np.abs(odd), size))
    value, error = _limit(odd / (2 * h), h, noise, 2, columns)
    error[_jumps(np.abs(odd), size)] = np.inf
    jump, doubt = _limit((up - here - (here - down)) / (2 * h), h, noise, 1, 2)
    return value, error, np.where(np.abs(jump) > 2 * doubt, np.abs(jump), 0.0)


def _jumps(odd: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Tell which outputs change by as much at the finest steps as at larger ones."""
    same = np.ptp(odd[-4:], axis=0) < 0.01 * odd[-1]
    large = np.fmax(
        1e-3 * np.fmax.reduce(odd), 1e4 * EPS * np.max(size[-1], axis=-1, keepdims=True, initial=0)
    )
    return np.asarray(same & (odd[-1] > large))


def _quantum(odd: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return how coarsely the outputs are rounded, if small steps do not change them.

    This is the first change of an output, if it is small enough to be one rounding (in single
    precision, or where large numbers cancel). Otherwise, an output that does not change is flat.
    """
    first = np.argmax(odd[::-1] > 0, axis=0)[None]
    change = np.take_along_axis(odd[::-1], first, axis=0)[0]
    return np.where((first[0] > 0) & (change < 1e-6 * np.fmax.reduce(size)), change, 0.0)


def _limit(
    rows: np.ndarray, h: np.ndarray, noise: np.ndarray, power: int, columns: int
) -> tuple[np.ndarray, np.ndarray]:
    """Extrapolate rows, a series in h**power, to step zero; return the limit and its error.

    The error of an entry of the tableau is the larger of two numbers: its distance to its
    neighbour (the error of curvature that remains), and the rounding error that smaller steps
    have shown. An entry must agree with every smaller step, within the curvature and rounding
    errors of that step, and with the finest steps, within their scatter.
    """
    best, least = np.zeros(rows.shape[1:]), np.full(rows.shape[1:], np.inf)
    fine = rows[-3:]
    center, spread = np.median(fine, axis=0), np.ptp(fine, axis=0)
    spread = np.where(spread > 0, 3 * spread + noise[-3] / h[-1], np.inf)
    table = rows
    for c in range(min(columns, len(h) - 3)):
        if c:
            table = table[1:] + np.diff(table, axis=0) / ((h[:-c] / h[c:]) ** (power * c) - 1)
        gap = np.abs(np.diff(table, axis=0))
        rounding = np.fmax(gap * h[c + 1 :], noise[c:-1])
        rounding = np.fmax.accumulate(rounding[::-1])[::-1]
        rounding[:-1] = np.fmax(rounding[1:], noise[c:-2])
        error = np.fmax(gap, rounding / h[c:-1])
        if not c:
            reach = 2 * gap + 4 * rounding / h[:-1]
            reach[-3:] = np.inf  # a few may agree by chance
            above, below = table[:-1] + reach, table[:-1] - reach
            above = np.fmin.accumulate(above[::-1])[::-1]
            below = np.fmax.accumulate(below[::-1])[::-1]
        error[:-1] += np.fmax(np.fmax(table[:-2] - above[c + 1 :], below[c + 1 :] - table[:-2]), 0)
        error += np.fmax(np.abs(table[:-1] - center) - spread, 0)
        # exactly the same slope at a few small steps: multiples of one rounding error
        same = np.logical_and.accumulate(gap[::-1] == 0)[::-1] & (table[:-1] != 0)
        error[(same & (same.sum(axis=0) < 4)) | np.isnan(gap)] = np.inf
        error[-2:] = np.inf  # too few smaller steps to tell chance from agreement
        k = np.argmin(error, axis=0)[None]
        found = np.take_along_axis(error, k, axis=0)[0]
        best = np.where(found < least, np.take_along_axis(table, k, axis=0)[0], best)
        least = np.fmin(least, found)
    return best, 2 * least
