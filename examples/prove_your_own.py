"""A gradient written by hand, wrong four times, and what the checker reports.

The operation is root-mean-square normalisation with a gain (Zhang and Sennrich, 2019), applied to
each row of x:

    y = gain * x * s,    s = 1 / sqrt(mean(x^2) + e)

`dp.custom_gradient` takes its derivative from us. `check_grads` compares the derivative with finite
differences, in every entry, for a random cotangent, in both modes and up to the second order. Its
error says where the derivative is wrong, by how much, and suggests a cause. When the check passes,
Hypothesis looks for failing arguments of any shape and scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from _script import BLUE, GREEN, GREY, ORANGE, VERMILLION, figure, parser, progress, save, table

import deltaprop as dp
from deltaprop.testing import GradientError, check_grads, finite_difference

try:
    from hypothesis import given, settings
    from hypothesis import strategies as st

    from deltaprop.testing import strategies as dst
except ImportError as error:
    raise SystemExit(f"{error}: install Hypothesis: pip install hypothesis") from error

SMALL = 1e-6


def scale(x: Any) -> Any:
    """Return s, one number for each row."""
    return 1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + SMALL)


def rms_norm(x: Any, gain: Any) -> Any:
    """Return y; x and gain may be arrays or Values."""
    return gain * x * scale(x)


def operation(vjp: Callable[..., Any]) -> Callable[..., Any]:
    """Return the operation with ``vjp(g, x, gain, s)`` as its derivative."""

    @dp.custom_gradient
    def rms_norm_by_hand(x: Any, gain: Any) -> Any:
        s = scale(x)
        return gain * x * s, lambda g: vjp(g, x, gain, s)

    return rms_norm_by_hand


def no_sum(g: Any, x: Any, gain: Any, s: Any) -> Any:
    return g * gain * s, g * x * s


def s_held_fixed(g: Any, x: Any, gain: Any, s: Any) -> Any:
    return g * gain * s, np.mean(g * x * s, axis=0)


def through_s(g: Any, x: Any, gain: Any, s: Any) -> Any:
    ds = -(s**3) * x * np.mean(g * gain * x, axis=-1, keepdims=True)
    return g * gain * s + ds, np.mean(g * x * s, axis=0)


def summed(g: Any, x: Any, gain: Any, s: Any) -> Any:
    return through_s(g, x, gain, s)[0], np.sum(g * x * s, axis=0)


def s_as_a_number(g: Any, x: Any, gain: Any, s: Any) -> Any:
    return summed(g, x, gain, dp.stop_gradient(s))


ATTEMPTS: dict[str, Callable[..., Any]] = {
    "1: gain was broadcast, not summed back": no_sum,
    "2: s held fixed": s_held_fixed,
    "3: a mean over the rows for a sum": through_s,
    "4: s saved as a number": s_as_a_number,
    "5: all of it": summed,
}


def verdict(f: Callable[..., Any], *args: Any, seed: int) -> str:
    """Return the error of check_grads, or nothing if the check passes."""
    try:
        check_grads(f, *args, rng=seed)
    except GradientError as error:
        return str(error)
    return ""


def property_test(f: Callable[..., Any], examples: int, seed: int) -> int:
    """Check the gradient at random arguments of random shapes; return how many were tried."""
    tried = 0

    @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    @given(st.data(), st.integers(1, 4), st.integers(2, 4), st.integers(-2, 2))
    def holds(data: Any, rows: int, columns: int, power: int) -> None:
        nonlocal tried
        tried += 1
        x = 10.0**power * data.draw(dst.arrays(shape=(rows, columns)))
        check_grads(f, x, data.draw(dst.arrays(shape=(columns,))), rng=seed)

    holds()
    return tried


def draw(x: Any, gain: Any, w: Any) -> Any:
    """Draw differences against the step, and the attempts against differences."""
    picture = figure(11, 4.8, "A gradient by hand, against finite differences")
    left, right = picture.subplots(1, 2)
    exact = np.ravel(summed(w, x, gain, scale(x))[0])

    def loss(t: float) -> float:
        moved = x.copy()
        moved.flat[0] += t
        return float(np.sum(w * rms_norm(moved, gain)))

    steps = 4.0 ** -np.arange(1.0, 20.0)
    central = np.array([(loss(h) - loss(-h)) / (2 * h) for h in steps])
    better = central[1:] + np.diff(central) / 15  # the steps are a factor of 4 apart
    for slopes, h, colour, label in (
        (central, steps, ORANGE, "central"),
        (better, steps[1:], BLUE, "extrapolated once"),
    ):
        error = np.fmax(np.abs(slopes - exact[0]) / abs(exact[0]), 1e-17)
        left.loglog(h, error, "o-", color=colour, markersize=4, label=label)
    value, doubt = finite_difference(lambda t: loss(t), 0.0, "ridders")
    for size, style, label in (
        (abs(value - exact[0]), "-", "finite_difference"),
        (doubt, "--", "the error it estimates"),
    ):
        at = max(float(size) / abs(exact[0]), 1e-17)
        left.axhline(at, color=GREEN, linestyle=style, linewidth=1.4, label=label)
    left.set(title="one entry: curvature (right), rounding (left)")
    left.set(xlabel="step", ylabel="relative error")
    left.legend(loc="upper left")

    measured = np.ravel(finite_difference(lambda x: np.sum(w * rms_norm(x, gain)), x).value)
    ends = [measured.min(), measured.max()]
    right.plot(ends, ends, color=GREY, linewidth=1)
    for vjp, colour, marker, label in (
        (s_held_fixed, VERMILLION, "x", "2: s held fixed"),
        (summed, GREEN, "o", "5: all of it"),
    ):
        found = np.ravel(vjp(w, x, gain, scale(x))[0])
        right.plot(measured, found, marker, color=colour, markersize=6, label=label)
    right.set(title="every entry of x", xlabel="finite differences", ylabel="by hand")
    right.legend()
    return picture


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Check the attempts, print and draw; return the errors, and the number of examples."""
    options = parser(__doc__ or "")
    options.add_argument(
        "--examples", type=int, help="examples of the property test (30; quick: 5)"
    )
    args = options.parse_args(argv)
    rng = np.random.default_rng(args.seed)
    x, gain = rng.standard_normal((5, 4)), rng.uniform(0.5, 2.0, 4)

    said = {
        name: verdict(operation(vjp), x, gain, seed=args.seed)
        for name, vjp in progress(ATTEMPTS.items(), "checking")
    }
    for name, message in said.items():
        print(f"attempt {name}\n")
        for line in (message or "nothing to say: right in both modes, to the second order").split(
            "\n"
        ):
            print(f"    {line}")
        print()
    tried = property_test(operation(summed), args.examples or (5 if args.quick else 30), args.seed)
    table(
        ["attempt", "check_grads"],
        [*([name, "rejects" if message else "accepts"] for name, message in said.items())],
    )
    print(f"property test: {tried} arguments of random shapes and scales, all passed")
    save(draw(x, gain, rng.standard_normal(x.shape)), args.output, "prove_your_own")
    return {"said": said, "tried": tried}


if __name__ == "__main__":
    main()
