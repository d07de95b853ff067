"""The message of a failed check: where the derivative is wrong, by how much, and a guess why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


class GradientError(AssertionError):
    """A derivative is wrong or not finite.

    Examples
    --------
    >>> import deltaprop as dp
    >>> from deltaprop.testing import check_grads
    >>> wrong = dp.custom_gradient(lambda x: (x * x, lambda g: g * x))
    >>> check_grads(wrong, 3.0)
    Traceback (most recent call last):
        ...
    deltaprop.testing.diagnosis.GradientError: ... wrong derivative in args[0]
    ...
    """


@dataclass(frozen=True)
class Comparison:
    """The derivatives of a function with respect to one argument, one entry at a time.

    Attributes
    ----------
    title, name : str
        The function with the mode of differentiation, and the name of the argument.
    x, ys : ndarray, list of ndarray
        The argument and the outputs.
    labels : list
        The index of the entry for each number below.
    found, numeric, error, bound, exact : ndarray
        The derivative under test, the derivative by differences, the estimated error of the
        latter, the distance allowed between the two, and the distance allowed between the
        derivatives of the two modes.
    jump : ndarray
        Half of the jump of the slope at the point itself.
    columns, w : ndarray
        The derivative of each output by differences, and the cotangent:
        ``numeric = columns @ w``.
    """

    title: str
    name: str
    x: np.ndarray
    ys: list[np.ndarray]
    labels: list[tuple[int, ...]]
    found: np.ndarray
    numeric: np.ndarray
    error: np.ndarray
    bound: np.ndarray
    exact: np.ndarray
    jump: np.ndarray
    columns: np.ndarray
    w: np.ndarray

    @property
    def gap(self) -> np.ndarray:
        return np.asarray(np.abs(self.found - self.numeric))

    @property
    def wrong(self) -> np.ndarray:
        return np.asarray(~(self.gap <= self.bound))  # NaN does not agree with anything

    @property
    def distance(self) -> np.ndarray:
        """The gaps, in units of the allowed distance."""
        gap = np.where(np.isnan(self.gap), np.inf, self.gap)
        return np.asarray(gap / np.fmax(self.bound, 1e-300))

    @property
    def whole(self) -> bool:
        """Whether every entry of a real argument was checked."""
        return len(self.labels) == self.x.size == len(self.found)

    def explained(self, guess: Any) -> bool:
        """Check whether a guess reproduces what was found, where the differences do not."""
        slack = 10 * self.bound + 1e-4 * (np.abs(guess) + self.gap)
        return bool(np.any(self.wrong) and np.all(np.abs(self.found - guess) <= slack))


def report(c: Comparison, others: dict[str, np.ndarray]) -> str:
    """Return the message for an argument; `others` are the other gradients, by differences."""
    k = int(np.argmax(c.distance))
    index = f"[{', '.join(map(str, c.labels[k]))}]" if c.labels[k] else ""
    times = c.gap[k] / c.error[k] if c.error[k] else np.inf
    lines = [
        f"{c.title}: wrong derivative in {c.name}{index}",
        f"  {'found':14} {c.found[k]:.12g}",
        f"  {'differences':14} {c.numeric[k]:.12g} +- {c.error[k]:.1g}, "
        f"off by {times:.1g} times that",
        f"  {'wrong':14} {c.wrong.sum()} of {len(c.found)} entries"
        + ("" if c.whole else f" looked at, of {c.x.size}"),
        f"  {c.name:14} {np.array2string(c.x, threshold=20, edgeitems=3, prefix=' ' * 17)}",
    ]
    for guess in causes(c, k, others):
        return "\n".join([*lines, f"  {'perhaps':14} {guess}"])
    return "\n".join(lines)


def causes(c: Comparison, k: int, others: dict[str, np.ndarray]) -> Iterator[str]:
    """Return guesses that explain the numbers, the likeliest first; k is the worst entry."""
    found, numeric = c.found, c.numeric
    if c.jump[k]:
        left, right = numeric[k] - c.jump[k], numeric[k] + c.jump[k]
        yield f"there is a kink, but the derivative is not between {left:.6g} and {right:.6g}"
    if not np.any(found):
        yield "nothing flows here: a path is detached, or its cotangent is dropped"
    square = float(numeric @ numeric)
    factor = float(found @ numeric) / square if square else 0.0
    if np.all(c.gap <= 1e-6 * np.abs(numeric)):
        yield "it is right to seven digits: rounded to single precision on the way"
    elif factor and c.explained(factor * numeric):
        yield _factor(factor, c)
    for what, w in (("ones", np.ones_like(c.w)), ("its absolute value", np.abs(c.w))):
        if c.explained(c.columns @ w):
            yield f"this is the gradient for a cotangent of {what}: the given one is not used"
    for name, other in others.items():
        if other.shape == found.shape and c.explained(other):
            yield f"this is the derivative in {name}"
    yield from _partial_sums(c)
    if c.whole and not np.iscomplexobj(c.x):
        yield from _rearranged(c)
        yield from _missing_term(c)
    if not np.any(numeric[c.wrong]):
        yield "it flows to entries that the function does not depend on: a mask is missing"
    if len(found) > 2 and c.wrong.sum() <= len(found) / 4:
        bad = [list(c.labels[i]) for i in np.flatnonzero(c.wrong)[:5]]
        yield f"only a few entries are wrong ({bad}): an index, a border or a special case"


def _factor(factor: float, c: Comparison) -> str:
    if abs(factor + 1) < 1e-3:
        return "the sign is wrong"
    text = f"it is {factor:.6g} times what it should be"
    size = abs(factor) if abs(factor) > 1 else 1 / abs(factor)
    lengths = {n for shape in (c.x.shape, *(y.shape for y in c.ys)) for n in shape}
    lengths |= {c.x.size, *(y.size for y in c.ys)}
    if any(abs(size - n) < 1e-3 * n for n in lengths if n > 1):
        what = (
            "a sum for a mean" if abs(factor) > 1 else "a mean for a sum, or a broadcast not summed"
        )
        return f"{text}; {size:.0f} is one of the dimensions: {what}?"
    return f"{text}: a factor is {'too many' if abs(factor) > 1 else 'missing'}"


def _partial_sums(c: Comparison) -> Iterator[str]:
    """Check whether the cotangent of one slice of an output explains all that was found."""
    start = 0
    for y in c.ys:
        count = y.size * (2 if y.dtype.kind == "c" else 1)
        for axis, n in enumerate(y.shape if count == y.size else ()):
            for at in (0, n - 1) if n > 1 else ():
                mask = np.zeros(c.w.shape)
                part = mask[start : start + count].reshape(y.shape)
                np.moveaxis(part, axis, 0)[at] = 1
                if c.explained(c.columns @ (mask * c.w)):
                    yield (
                        f"only the output's slice {at} along axis {axis} is counted: "
                        "a broadcast is not summed over"
                    )
        start += count


def _rearranged(c: Comparison) -> Iterator[str]:
    if c.x.ndim > 1 and c.explained(c.numeric.reshape(c.x.shape).T.ravel()):
        yield "it is transposed"
    shuffled = np.empty_like(c.numeric)
    shuffled[np.argsort(c.found)] = np.sort(c.numeric)
    if c.explained(shuffled):
        yield "the numbers are right, but in another order: an index, an axis or a permutation"


def _missing_term(c: Comparison) -> Iterator[str]:
    """Check whether the gap is constant, or a multiple of the argument or of an output."""
    terms = [("the same number", np.ones(c.x.shape)), ("a multiple of the argument", c.x)]
    terms += [("a multiple of the output", y) for y in c.ys if y.shape == c.x.shape]
    off = (c.found - c.numeric).reshape(c.x.shape)
    for axis in (None, -1) if c.x.ndim > 1 and c.x.shape[-1] > 2 else (None,):
        for what, term in terms if c.x.size > 2 else ():
            square = np.sum(term**2, axis=axis, keepdims=True)
            part = np.sum(off * term, axis=axis, keepdims=True) / np.where(square, square, 1)
            if c.explained(c.numeric + (part * term).ravel()):
                along = "" if axis is None else " along the last axis"
                yield f"each entry is off by {what}{along}: a term is dropped or too many"
