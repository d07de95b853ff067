"""check_grads: the derivatives of a function against finite differences and each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..graph import raw
from ..habits import explained
from ..options import whole
from ..transforms import checked, jvp, vjp
from ..tree import flatten, paths, unflatten
from ..value import constant
from .diagnosis import Comparison, GradientError, report
from .differences import EPS, Direction, doubled, finite, reals, slopes, units

MODES: Sequence[Literal["reverse", "forward"]] = ("reverse", "forward")
# arrays of at most so many entries are checked entry by entry, larger ones along so many
# random directions; in the first order, and in the higher ones, which cost more
ENTRIES, DIRECTIONS = (64, 4), (8, 4)


@explained
def check_grads(
    f: Callable[..., Any],
    *args: Any,
    order: int = 2,
    modes: Sequence[Literal["reverse", "forward"]] = MODES,
    rtol: float | None = None,
    rng: Any = 0,
) -> None:
    """Check the derivatives of `f` at `args`; raise a GradientError if one is wrong.

    The gradient for one random cotangent is compared with finite differences and with forward
    mode: entry by entry in a small array, along random directions of +1 and -1 in a large one.
    For higher orders the derivatives are checked in the same way. All checks run in double
    precision; a gradient in single precision is then compared with the one in double precision.
    Tolerances are relative to the numbers compared, plus the estimated errors of differences
    and rounding. At a kink, any number between the slopes of the two sides is accepted, and
    second derivatives are not checked.

    Parameters
    ----------
    f : callable
        A function from numbers, arrays and trees of them to the same. It is called with Values.
    *args
        The point at which to check; floating or complex.
    order : int
        The highest order of derivative to check.
    modes : sequence of {"reverse", "forward"}
    rtol : float, optional
        The relative tolerance; 1e-8 by default, 1e-4 for single precision.
    rng : seed or numpy.random.Generator
        The source of the random cotangents and directions.

    Raises
    ------
    GradientError
        If a derivative is wrong or not finite. The message says where, by how much, and
        guesses why.
    TypeError, ValueError
        If an argument is not floating, if `f` is not finite or not continuous there, or if an
        option is unknown.

    Examples
    --------
    >>> import deltaprop as dp
    >>> @dp.custom_gradient
    ... def cube(x):
    ...     return x**3, lambda g: g * x**2
    >>> check_grads(cube, 2.0)
    Traceback (most recent call last):
    ...
    deltaprop.testing.diagnosis.GradientError: f by reverse mode: wrong derivative in args[0]
    ...
    """
    checked(f, "check_grads")
    whole("order", order)
    if isinstance(modes, str) or not modes or not set(modes) <= set(MODES):
        raise ValueError(f"modes must be a tuple of names among {MODES}, got {modes!r}")
    if not args:
        raise TypeError("check_grads takes the arguments of f too, got none: check_grads(f, x)")
    leaves, structure = flatten(args)
    names = paths(structure, "args")
    leaves = [raw(x) for x in leaves]
    points = [doubled(x, name) for x, name in zip(leaves, names, strict=True)]

    def flat(*xs: Any) -> tuple[Any, ...]:
        return tuple(flatten(f(*unflatten(structure, xs)))[0])

    if not isinstance(rng, np.random.Generator):
        # another stream than that of arguments that were drawn with the same seed
        rng = np.random.default_rng([rng, 1986])
    with np.errstate(all="ignore"):
        first = Check(Subject(flat, points, names), modes, 1e-8 if rtol is None else rtol, rng)
        first.run(0)
        singles = [np.asarray(x) for x in leaves]
        if any(x.real.dtype.itemsize < 8 for x in singles):
            first.in_single(singles, 1e-4 if rtol is None else rtol)
        pending = [(first, order)]
        while pending:
            check, left = pending.pop()
            for mode in modes if left > 1 else ():
                deeper = Check(check.derivative(mode), modes, check.rtol, rng)
                deeper.run(1)
                pending.append((deeper, left - 1))


@dataclass(frozen=True)
class Subject:
    """A function from arrays to a tuple of arrays, and where its derivatives are checked."""

    function: Callable[..., Any]
    points: list[np.ndarray]
    names: list[str]
    title: str = "f"

    def value(self, points: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return copies of the outputs: the function may return a view of what it changes."""
        ys = self.function(*[constant(_plain(p)) for p in points])
        return [np.array(raw(y)) for y in ys]

    def outputs(self, points: Sequence[np.ndarray]) -> np.ndarray:
        return _row(self.value(points))

    def gradient(self, points: Sequence[np.ndarray], ws: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the cotangents of the points for cotangents of the outputs, by reverse mode."""
        _, pullback = vjp(self.function, *points)
        return [np.asarray(g) for g in pullback(tuple(map(_plain, ws)))]

    def tangent(self, points: Sequence[np.ndarray], direction: Direction) -> np.ndarray:
        """Return the derivative of the outputs along a direction, by forward mode."""
        vs = [np.zeros_like(p) for p in points]
        for i, d in direction.items():
            vs[i] = d.astype(points[i].dtype)
        return _row(jvp(self.function, tuple(points), tuple(map(_plain, vs)))[1])


class Check:
    """The checks of one function, all with the same random cotangent."""

    def __init__(
        self, subject: Subject, modes: Sequence[str], rtol: float, rng: np.random.Generator
    ) -> None:
        self.subject: Subject = subject
        self.modes: Sequence[str] = modes
        self.rtol: float = rtol
        self.rng: np.random.Generator = rng
        self.ys: list[np.ndarray] = subject.value(subject.points)
        ys = self.ys
        if not ys:
            raise TypeError(f"{subject.title} returned nothing to differentiate")
        for y in ys:
            finite(y, f"the value of {subject.title}")
        if any(map(np.any, map(np.not_equal, ys, subject.value(subject.points)))):
            raise GradientError(f"{subject.title} gives different results for the same arguments")
        self.ws: list[np.ndarray] = _cotangents(ys, rng)
        self.w: np.ndarray = _row(self.ws)
        self.scale: float = float(np.abs(self.w) @ np.abs(_row(ys)))
        self.g: list[np.ndarray] | None = self._gradient() if "reverse" in modes else None

    def _gradient(self) -> list[np.ndarray]:
        title, points = self.subject.title, self.subject.points
        try:
            gs, again = (self.subject.gradient(points, self.ws) for _ in range(2))
        except (AssertionError, ValueError) as error:
            raise GradientError(f"{title} by reverse mode: {error}") from error
        for g, name, other in zip(gs, self.subject.names, again, strict=True):
            if not np.all(np.isfinite(g)):
                raise GradientError(f"{title} by reverse mode: not finite in {name}:\n{g}")
            if not np.array_equal(g, other):
                raise GradientError(f"{title} by reverse mode: differs from call to call in {name}")
        return gs

    def run(self, higher: int) -> None:
        """Check both modes with respect to every argument, and that the modes agree."""
        for i, x in enumerate(self.subject.points):
            if not x.size:
                continue
            directions = _directions(i, x, self.rng, ENTRIES[higher], DIRECTIONS[higher])
            found = self.compare(i, directions)
            if not higher:
                self._conclusive(next(iter(found.values())))
            for mode, c in found.items():
                if np.any(c.wrong):
                    if x.size > ENTRIES[higher]:
                        c = self.compare(i, self._suspects(i, mode))[mode]
                    raise GradientError(report(c, self._others(i, c)))
            if len(found) == 2:
                _agree(found["reverse"], found["forward"])

    def _conclusive(self, c: Comparison) -> None:
        """Raise a ValueError unless the function is continuous on both sides of the point."""
        if not np.all(np.isfinite(c.error)):
            k = int(np.argmax(c.error))
            raise ValueError(
                f"{self.subject.title} is discontinuous, or undefined, in {c.name} at "
                f"{list(c.labels[k])}, so there are no finite differences to compare with; choose "
                "another point"
            )

    def compare(self, i: int, directions: list[Direction]) -> dict[str, Comparison]:
        """Compare the derivatives with respect to one argument, by each mode and by differences."""
        subject, w = self.subject, self.w
        ds = np.stack([reals(d[i]) for d in directions])
        measured = slopes(subject.outputs, subject.points, directions)
        numeric, error = measured.value @ w, measured.error @ np.abs(w)
        jump, size = measured.jump @ np.abs(w), np.abs(numeric)
        found = {}
        if self.g is not None:
            g = reals(self.g[i])
            found["reverse"] = ds @ g
            size = np.fmax(size, np.linalg.norm(ds * g, axis=1))
        if "forward" in self.modes:
            changes = np.stack([subject.tangent(subject.points, d) for d in directions])
            found["forward"] = changes @ w
        # what rounding does to numbers of the size of the largest here
        rounding = 64 * EPS * max(np.abs(a).max() for a in (numeric, *found.values()))
        exact = 1e-11 * size + np.fmin(5 * error, 1e-10 * self.scale) + rounding
        bound = self.rtol * size + 5 * error + jump + rounding
        apart = np.ptp(list(found.values()), axis=0) if found else np.zeros(1)
        off = [not np.all(np.abs(slope - numeric) <= bound) for slope in found.values()]
        if any(off) or not np.all(apart <= exact):
            # what rounding does inside the function is estimated only where it matters
            each = self.unsteadiness(i, EPS)
            each = np.fmin(each, 1e-4 * np.max(size))  # a larger error is no excuse
            unsteady = np.array([np.sum(np.abs(d[i]) * each) for d in directions])
            bound, exact = bound + unsteady, exact + unsteady
        return {
            mode: Comparison(
                title=f"{subject.title} by {mode} mode",
                name=subject.names[i],
                x=subject.points[i],
                ys=self.ys,
                labels=[tuple(map(int, np.argwhere(d[i])[0])) for d in directions],
                found=slope,
                numeric=numeric,
                error=error,
                bound=bound,
                exact=exact,
                jump=jump,
                columns=measured.value,
                w=w,
            )
            for mode, slope in found.items()
        }

    def _suspects(self, i: int, mode: str) -> list[Direction]:
        """Return some entries of a large argument; bisection has found the first one wrong."""
        x = self.subject.points[i]
        signs, suspects = _signs(x, self.rng), np.arange(x.size)
        while suspects.size > 1:
            halves = np.array_split(suspects, 2)
            directions: list[Direction] = []
            for half in halves:
                d = np.zeros_like(signs)
                d.flat[half] = signs.flat[half]
                directions.append({i: d})
            c = self.compare(i, directions)[mode]
            suspects = halves[int(np.argmax(c.distance))]
        more = self.rng.choice(x.size, min(x.size, 20), replace=False)
        each = [int(suspects[0]), *(int(k) for k in more if k != suspects[0])]
        return [{i: d} for d in units(x, each)]

    def _others(self, i: int, c: Comparison) -> dict[str, np.ndarray]:
        """Return the gradients of other arguments by differences, if they could be confused."""
        subject, found = self.subject, {}
        for k, x in enumerate(subject.points):
            if k != i and c.whole and x.shape == c.x.shape and x.dtype == c.x.dtype:
                directions = _directions(k, x, self.rng, x.size)
                columns = slopes(subject.outputs, subject.points, directions).value
                found[subject.names[k]] = columns @ self.w
        return found

    def unsteadiness(self, i: int, eps: float) -> np.ndarray:
        """Return how far the gradient moves if the arguments are rounded to a precision."""
        points, size = self.subject.points, np.zeros(self.subject.points[i].shape)
        if self.g is None:
            return size
        for _ in range(3):
            near = [p * (1 + 4 * eps * _signs(p, self.rng).real) for p in points]
            moved = self.subject.gradient(near, self.ws)[i]
            size = np.fmax(size, np.abs(moved - self.g[i]))
        return 8 * size

    def in_single(self, leaves: list[np.ndarray], rtol: float) -> None:
        """Compare the gradient in the precision of the arguments with that in double precision."""
        if self.g is None:
            return
        eps = float(np.finfo(np.float32).eps)
        for i, g in enumerate(self.subject.gradient(leaves, self.ws)):
            x, name = np.abs(leaves[i]).astype(float), self.subject.names[i]
            if not x.size:
                continue
            # rounding of the outputs alone hides slopes smaller than this
            hidden = 16 * eps * self.scale / np.where(x > 0, x, x.max() or 1.0)
            size = np.abs(self.g[i])
            bound = rtol * size + hidden + 64 * eps * size.max() + self.unsteadiness(i, eps)
            gap = np.abs(g - self.g[i])
            if not np.all(gap <= bound):
                index = tuple(map(int, np.argwhere(~(gap <= bound))[0]))
                raise GradientError(
                    f"{self.subject.title} in {leaves[i].dtype} has a wrong derivative by reverse "
                    f"mode in {name}{list(index) or ''}\n  {leaves[i].dtype} gives "
                    f"{g[index]:.9g}, {self.g[i].dtype} gives {self.g[i][index]:.9g}, differing by "
                    f"more than {bound[index]:.1g}, what rounding explains"
                )

    def derivative(self, mode: str) -> Subject:
        """Return one derivative of the function, as a function."""
        function, points = self.subject.function, self.subject.points
        ws = tuple(map(_plain, self.ws))
        vs = tuple(_plain(_signs(p, self.rng)) for p in points)

        if mode == "reverse" and "forward" not in self.modes:
            # forward mode alone would notice an error along the cotangent
            count, names = len(points), [f"cotangent[{i}]" for i in range(len(ws))]
            title = f"the gradient of {self.subject.title}"

            def pulled(*xs: Any) -> Any:
                return vjp(function, *xs[:count])[1](xs[count:])

            return Subject(pulled, [*points, *self.ws], [*self.subject.names, *names], title)

        def derived(*xs: Any) -> Any:
            return vjp(function, *xs)[1](ws) if mode == "reverse" else jvp(function, xs, vs)[1]

        name = {"reverse": "gradient", "forward": "tangent"}[mode]
        title = f"the {name} of {self.subject.title}"
        return Subject(derived, points, self.subject.names, title)


def _agree(back: Comparison, forth: Comparison) -> None:
    """Check that <g, d> by reverse mode equals <w, J d> by forward mode, up to rounding."""
    gap = np.abs(back.found - forth.found)
    if not np.all(gap <= back.exact):
        k = int(np.argmax(gap - back.exact))
        raise GradientError(
            f"{back.title} is not the transpose of forward mode in {back.name}: <g, d> = "
            f"{back.found[k]:.16g} but <w, J d> = {forth.found[k]:.16g}"
        )


def _row(ys: Sequence[Any]) -> np.ndarray:
    """Return all numbers in one flat array of real numbers."""
    return np.concatenate([np.zeros(0), *map(reals, ys)])


def _plain(x: np.ndarray) -> Any:
    return x if x.ndim else x.item()


def _signs(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random direction of +1 and -1; of +-1 +-i for complex numbers."""
    signs = rng.choice([-1.0, 1.0], (2, *x.shape))
    return np.asarray(signs[0] + 1j * signs[1] if x.dtype.kind == "c" else signs[0])


def _directions(
    i: int, x: np.ndarray, rng: np.random.Generator, entries: int, count: int = 0
) -> list[Direction]:
    if x.size > entries:
        return [{i: _signs(x, rng)} for _ in range(count)]
    turns = (1, 1j) if x.dtype.kind == "c" else (1,)
    return [{i: turn * d} for turn in turns for d in units(x, range(x.size))]


def _cotangents(ys: Sequence[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Return random cotangents that give each output the same weight, whatever its scale.

    The cotangents are numbers of single precision. An output that is tiny beside the others may
    be the rounding error of a sum that cancels, so it is not scaled up to their size.
    """
    sizes = [float(np.sqrt(np.mean(np.abs(y) ** 2))) if y.size else 0.0 for y in ys]
    least = 2.0**-12 * max(sizes)
    ws = []
    for y, size in zip(ys, sizes, strict=True):
        w = rng.standard_normal((2, *y.shape)).astype(np.float32).astype(np.float64)
        size = max(size, least)
        power = np.clip(np.round(np.log2(size)), -60, 60) if size else 0.0
        ws.append(np.asarray((w[0] + 1j * w[1] if y.dtype.kind == "c" else w[0]) * 2.0**-power))
    return ws
