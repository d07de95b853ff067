"""check_grads rejects wrong gradients, accepts right ones, and says what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop.testing import GradientError, check_grads

from . import checkers
from .nasty_functions import NASTY
from .wrong_gradients import WRONG, Subject

M = np.random.default_rng(5).standard_normal((3, 4))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("subject", WRONG, ids=str)
def test_wrong_gradients_are_rejected(subject: Subject, seed: int) -> None:
    assert not checkers.deltaprop(subject, subject.arguments(np.random.default_rng(seed)), seed)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("subject", NASTY, ids=str)
def test_right_gradients_are_accepted(subject: Subject, seed: int) -> None:
    xs = subject.arguments(np.random.default_rng(seed))
    check_grads(subject.ours(), *xs, order=1, modes=("reverse",), rng=seed)


NATIVE = {
    "tanh": (lambda x: np.tanh(x), (M,)),
    "affine": (lambda p, x: x @ p["W"] + p["b"], ({"W": M.T, "b": np.ones(3)}, M)),
    "where": (lambda x: np.where(x > 0, np.log(np.abs(x)), x**2), (M,)),
    "scalars": (lambda x, y: x * np.sin(y) / y, (2.0, 3.0)),
    "indexing": (lambda x: x[[0, 0, 2]] * x[1], (M,)),
    "several outputs": (lambda x: {"a": np.exp(x), "b": (x.sum(), x.T)}, (M,)),
    # one of its derivatives is nothing but the rounding of a difference
    "cancelling": (lambda y, w: (w * y).sum() / w.sum(), (np.array([1.3]), np.array([0.7]))),
    "single": (lambda x: np.tanh(x).sum(axis=0), (M.astype(np.float32),)),
    "mixed": (lambda x, y: x * y, (M.astype(np.float32), M)),
    "off": (lambda x: 1e8 + x * x, (M,)),
    "large": (lambda x: (np.tanh(x) ** 2).sum(), (np.linspace(-2, 2, 500),)),
    "complex": (lambda z: (z * np.exp(z)).sum(), (M + 1j,)),
    "|z|": (lambda z: np.abs(z), (M - 2j,)),
    "to complex": (lambda x: np.exp(1j * x), (M,)),
    "empty": (lambda x, y: x.sum() + y, (np.zeros((0, 3)), 2.0)),
    "nothing comes out": (lambda x: x[:0], (M,)),
    "an integer besides": (lambda x: (x * x, 3), (M,)),
    "far down": (lambda x, y: x * y, (np.array([2e-281, 1.0]), np.array([1.0, 3e-290]))),
    "without influence": (lambda x, y: x * 2.0, (M, M)),
}


@pytest.mark.parametrize("name", NATIVE)
def test_both_modes_and_second_order(name: str) -> None:
    f, args = NATIVE[name]
    check_grads(f, *args)


def test_third_order() -> None:
    check_grads(lambda x: np.sin(x) * x, np.array([0.3, 2.0]), order=3)


def custom(value: Any, vjp: Any, jvp: Any = None) -> Any:
    return dp.custom_gradient(lambda x: (value(x), lambda g: vjp(g, x)), jvp=jvp)


def test_wrong_in_one_mode_alone() -> None:
    cube = custom(lambda x: x**3, lambda g, x: 3 * g * x**2, lambda xs, vs: 2 * xs[0] ** 2 * vs[0])
    check_grads(cube, M, modes=("reverse",))
    for modes in (("forward",), ("reverse", "forward")):
        with pytest.raises(
            GradientError, match=r"f by forward mode.*\n.*\n(.*\n)*.*0\.666667 times"
        ):
            check_grads(cube, M, modes=modes)


def test_wrong_in_the_second_order_alone() -> None:
    detached = custom(lambda x: x**3, lambda g, x: 3 * g * dp.stop_gradient(x) ** 2)
    check_grads(detached, M, order=1)
    with pytest.raises(GradientError, match=r"the gradient of f by (.*\n)+.*nothing flows here"):
        check_grads(detached, M)


def test_modes_that_agree_with_the_differences_but_not_with_each_other() -> None:
    relu = custom(
        lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0), lambda xs, vs: vs[0] * (xs[0] >= 0)
    )
    check_grads(relu, np.array([1.0, -1.0]), order=1)
    with pytest.raises(GradientError, match="not the transpose of forward mode"):
        check_grads(relu, np.array([1.0, 0.0]), order=1)


def test_wrong_in_single_precision_alone() -> None:
    half = custom(
        np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2) * (1 if x.dtype == float else 0.9)
    )
    check_grads(half, M, order=1)
    with pytest.raises(GradientError, match="f in float32 has a wrong derivative"):
        check_grads(half, M.astype(np.float32), order=1)


@pytest.mark.parametrize("slope", [-1.0, 0.0, 0.3, 1.0])
def test_a_kink_takes_any_slope_between_its_sides(slope: float) -> None:
    x = np.array([0.0, 2.0])
    check_grads(custom(np.abs, lambda g, x: g * np.where(x == 0, slope, 1.0)), x, order=1)


def test_a_kink_takes_no_other_slope() -> None:
    f = custom(np.abs, lambda g, x: g * np.where(x == 0, 1.2, 1.0))
    with pytest.raises(GradientError, match="there is a kink, but"):
        check_grads(f, np.array([0.0, 2.0]), order=1)


def test_a_conjugate_forgotten() -> None:
    square = lambda conj: custom(lambda z: z * z, lambda g, z: g * 2 * (z.conj() if conj else z))  # noqa: E731
    check_grads(square(True), M + 1j, order=1)
    with pytest.raises(GradientError):
        check_grads(square(False), M + 1j, order=1)


GUESSES = {
    "a factor of 2": "it is 2 times",
    "the sign": "the sign is wrong",
    "1,000 entries, one zeroed": r"only a few entries are wrong \(\[\[617\]\]\)",
    "the cotangent ignored": "a cotangent of ones",
    "nothing flows": "detached",
    "rounded to single precision": "seven digits",
    "quotient: partials swapped": r"the derivative in args\[1\]",
    "mean without 1/n": "a sum for a mean",
    "broadcast: one row, not the sum": "a broadcast is not summed over",
    "broadcast: the mean, not the sum": "a broadcast not summed",
    "matmul: result transposed": "it is transposed",
    "roll, rolled on": "in another order",
    "softmax without the sum": "off by a multiple of the output along the last axis",
    "relu's mask dropped": "a mask is missing",
}


@pytest.mark.parametrize("name", GUESSES)
def test_guess(name: str) -> None:
    (subject,) = (s for s in WRONG if s.name == name)
    xs = subject.arguments(np.random.default_rng(0))
    with pytest.raises(GradientError, match=f"perhaps .*{GUESSES[name]}"):
        check_grads(subject.ours(), *xs, order=1, modes=("reverse",))


def test_message() -> None:
    f = custom(np.sin, lambda g, x: g * np.where(x > 1, 2.0, 1.0) * np.cos(x))
    with pytest.raises(GradientError) as caught:
        check_grads(f, np.array([[0.5, 1.5]]), order=1)
    first, found, differences, wrong, x, *_ = str(caught.value).split("\n")
    assert first == "f by reverse mode: wrong derivative in args[0][0, 1]"
    ratio = float(found.split()[1]) / float(differences.split()[1])
    assert ratio == pytest.approx(2)
    assert "+-" in differences
    assert wrong.split() == ["wrong", "1", "of", "2", "entries"]
    assert x.split() == ["args[0]", "[[0.5", "1.5]]"]


@pytest.mark.parametrize("x", [np.linspace(-1, 1, 100), np.linspace(-1, 1, 100) * (1 + 1j)])
def test_the_wrong_entry_of_many_is_found(x: Any) -> None:
    f = custom(
        lambda x: x**2, lambda g, x: 2 * g * np.conj(x) * np.where(np.arange(100) == 40, 3, 1)
    )
    with pytest.raises(GradientError, match=r"args\[0\]\[40\]\n(.*\n)*.*entries looked at, of 100"):
        check_grads(f, x, order=1)


def test_a_cotangent_of_the_wrong_shape() -> None:
    f = custom(lambda x: x * np.ones((5, 3)), lambda g, x: g)
    with pytest.raises(GradientError, match=r"f by reverse mode: .*shape \(5, 3\)"):
        check_grads(f, np.ones(3))


def test_a_function_that_changes_its_mind() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(GradientError, match="different results for the same arguments"):
        check_grads(lambda x: x * rng.random(), 2.0)
    with pytest.raises(GradientError, match="differs from call to call"):
        check_grads(custom(lambda x: x**2, lambda g, x: 2 * g * x * rng.random()), 2.0)


def test_the_same_seed_gives_the_same_message() -> None:
    def message(rng: Any) -> str:
        with pytest.raises(GradientError) as caught:
            check_grads(custom(np.sin, lambda g, x: g), M, rng=rng)
        return str(caught.value)

    assert message(3) == message(3) != message(4)
    assert message(np.random.default_rng(3)) == message(np.random.default_rng(3))


def test_bad_input() -> None:
    with pytest.raises(TypeError, match=r"args\[1\] has dtype int64"):
        check_grads(lambda x, n: x * n, 2.0, 3)
    with pytest.raises(TypeError, match=r"args\[0\]\['mask'\] has dtype bool"):
        check_grads(lambda p: p["x"], {"x": 1.0, "mask": True})
    with pytest.raises(ValueError, match="the value of f is inf"):
        check_grads(lambda x: 1 / x, 0.0)
    for jumps in (np.floor, lambda x: np.where(x < 2, 0.0, x), lambda x: (x - 2) ** 1.5):
        with pytest.raises(ValueError, match=r"in args\[0\] at \[1\].* choose another point"):
            check_grads(jumps, np.array([2.5, 2.0]))
    with pytest.raises(TypeError, match="f returned nothing"):
        check_grads(lambda x: None, 1.0)
    with pytest.raises(GradientError, match="not finite in args"):
        check_grads(lambda x: np.sqrt(x), np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match="order must be a whole number, at least 1"):
        check_grads(np.sin, 1.0, order=0)
    with pytest.raises(ValueError, match=r"modes must be .* among"):
        check_grads(np.sin, 1.0, modes=("backward",))


def test_the_table_of_checkers() -> None:
    pytest.importorskip("torch")
    score = checkers.Score()
    picked = [s for s in WRONG if s.name in ("a factor of 2", "tiny and 5 times too large")]
    checkers.judge(checkers.deltaprop, picked, 1, True, score)
    checkers.judge(checkers.torch, picked, 1, True, score)
    assert score.missed == {"tiny and 5 times too large": 1}  # of the two, torch's alone
    checkers.judge(lambda *_: False, NASTY[:2], 1, False, score)
    page = checkers.table({"deltaprop check_grads": score}, 1)
    assert "| 1 of 4 | 0 of 0 | 1 of 1 | 1 of 1 |" in page


def test_arguments_may_be_values() -> None:
    x = dp.Value([0.5, 2.0])
    check_grads(lambda x: np.sum(np.sin(x)), x)
    with pytest.raises(GradientError):
        check_grads(dp.custom_gradient(lambda x: (x**2, lambda g: g * x)), x)
    assert x.grad is None


def test_a_wrong_derivative_along_the_cotangent_is_found_in_reverse_mode_alone() -> None:
    off = dp.custom_gradient(lambda x: (x, lambda g: g * 1.001))
    twice = dp.custom_gradient(lambda x: (2.0 * x, lambda g: off(g) * 2.0))
    check_grads(twice, 1.0, order=1, modes=["reverse"])
    with pytest.raises(GradientError, match="cotangent"):
        check_grads(twice, np.ones((2, 3)), modes=["reverse"])


@pytest.mark.parametrize("x", [-2.7, 0.0, 0.3, 1.0, 2.2])
def test_a_small_fast_wave_on_a_large_constant_is_no_error(x: float) -> None:
    """Large steps fall on the same phase of the wave; middling ones know better."""
    check_grads(lambda x: 1e8 + 1e-4 * np.sin(500 * x), x)
    with pytest.raises(GradientError):
        check_grads(lambda x: 1e8 + wave_wrong(x), x)


@dp.custom_gradient
def wave_wrong(x: Any) -> Any:
    return 1e-4 * np.sin(500 * x), lambda g: g * 0.06 * np.cos(500 * x)
