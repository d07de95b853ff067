"""Losses: formulas written out, PyTorch's numbers, the corners, and what bad input gets."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import deltaprop as dp
from deltaprop import nn

from .. import oracles

RNG = np.random.default_rng(0)
P, T = RNG.uniform(0.4, 0.6, (5, 4)), RNG.uniform(0.4, 0.6, (5, 4))
ROWS_T = T / T.sum(1, keepdims=True)
ODD = np.arange(20).reshape(5, 4) % 2 == 1
APART = T + np.where(ODD, 0.5, -2.5)  # away from the kinks of mae and huber
CLASSES = np.array([0, 3, 3, 1, 2])
WEIGHTS = np.array([0.5, 2.0, 0.0, 1.5])


def log_softmax(z: np.ndarray) -> np.ndarray:
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


# name: (formula for every entry or row, prediction, target)
FORMULAS: dict[str, tuple[Callable[[Any, Any], Any], Any, Any]] = {
    "mse": (lambda p, t: (p - t) ** 2, P, T),
    "mae": (lambda p, t: abs(p - t), APART, T),
    "huber": (
        lambda p, t: np.where(abs(p - t) < 1, (p - t) ** 2 / 2, abs(p - t) - 0.5),
        APART,
        T,
    ),
    "binary_cross_entropy": (lambda p, t: -t * np.log(p) - (1 - t) * np.log(1 - p), P, T),
    "binary_cross_entropy_with_logits": (
        lambda z, t: np.log(1 + np.exp(z)) - t * z,
        40 * P - 20,
        T,
    ),
    "softmax_cross_entropy": (lambda z, t: -(t * log_softmax(z)).sum(-1), 40 * P, ROWS_T),
    "hinge": (lambda y, t: np.maximum(0, 1 - t * y), np.where(ODD, 2.5, -0.5), np.sign(T - 0.5)),
    "kl_divergence": (lambda p, t: (t * np.log(t / p)).sum(-1), P, ROWS_T),
}


def test_the_table_is_complete() -> None:
    assert set(FORMULAS) == set(nn.LOSSES)
    for name, function in nn.LOSSES.items():
        assert getattr(nn, name) is function
        assert nn.loss(name) is function
    with pytest.raises(ValueError, match="unknown loss 'msse'; known: mse, mae, huber"):
        nn.loss("msse")


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_formula_and_derivatives(name: str, reduction: str) -> None:
    formula, p, t = FORMULAS[name]
    each = formula(p, t)
    expected = {"mean": each.mean(), "sum": each.sum(), "none": each}[reduction]
    loss = nn.LOSSES[name]
    np.testing.assert_allclose(loss(p, t, reduction), expected, rtol=1e-12)
    np.testing.assert_allclose(
        loss(dp.Value(p), t, reduction=reduction).numpy(), expected, rtol=1e-12
    )
    oracles.check(lambda x: loss(x, t, reduction=reduction), [p], np.random.default_rng(1))


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "binary_cross_entropy_with_logits"])
def test_the_target_is_differentiated_too(name: str) -> None:
    oracles.check(nn.LOSSES[name], FORMULAS[name][1:], np.random.default_rng(1))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_distribution_is_differentiated_too(
    smoothing: float, weights: Any, reduction: str
) -> None:
    def loss(z: Any, t: Any) -> Any:  # softmax: moved by differences, t must still sum to 1
        return nn.softmax_cross_entropy(
            z,
            dp.numpy.exp(nn.log_softmax(t)),
            reduction,
            label_smoothing=smoothing,
            class_weights=weights,
        )

    oracles.check(loss, [40 * P, T], np.random.default_rng(2))


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_float32_stays(name: str, reduction: str) -> None:
    _, p, t = FORMULAS[name]
    x = dp.Value(p.astype(np.float32))
    loss = nn.LOSSES[name](x, t, reduction=reduction)
    assert not loss.shape or loss.dtype == np.float32
    loss.backward(np.ones(loss.shape, np.float32) if loss.shape else None)
    assert x.grad.dtype == np.float32


def torch_loss(name: str, torch: Any) -> Callable[..., Any]:
    F = torch.nn.functional
    named = {
        "mse": F.mse_loss,
        "mae": F.l1_loss,
        "huber": F.huber_loss,
        "softmax_cross_entropy": F.cross_entropy,
    }
    return named.get(name) or getattr(F, name)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", [n for n in FORMULAS if n not in ("hinge", "kl_divergence")])
def test_pytorch_agrees(name: str, reduction: str) -> None:
    torch = pytest.importorskip("torch")
    _, p, t = FORMULAS[name]
    agree(
        nn.LOSSES[name](x := dp.Value(p), t, reduction=reduction),
        torch_loss(name, torch)(
            z := torch.tensor(p, requires_grad=True), torch.tensor(t), reduction=reduction
        ),
        x,
        z,
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_pytorch_agrees_on_classes(reduction: str, smoothing: float, weights: Any) -> None:
    torch = pytest.importorskip("torch")
    x, z = dp.Value(40 * P), torch.tensor(40 * P, requires_grad=True)
    ours = nn.softmax_cross_entropy(
        x, CLASSES, reduction, label_smoothing=smoothing, class_weights=weights
    )
    theirs = torch.nn.functional.cross_entropy(
        z,
        torch.tensor(CLASSES),
        None if weights is None else torch.tensor(weights),
        reduction=reduction,
        label_smoothing=smoothing,
    )
    agree(ours, theirs, x, z)


def agree(ours: Any, theirs: Any, x: Any, z: Any) -> None:
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-12)
    ours.sum().backward()
    theirs.sum().backward()
    np.testing.assert_allclose(x.grad, z.grad.numpy(), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_class_numbers_are_one_hot_rows(reduction: str, smoothing: float, weights: Any) -> None:
    def run(target: Any) -> tuple[Any, Any]:
        z = dp.Value(P)
        loss = nn.softmax_cross_entropy(
            z, target, reduction, label_smoothing=smoothing, class_weights=weights
        )
        loss.sum().backward()
        return loss.numpy(), z.grad

    for one, other in zip(run(CLASSES), run(np.eye(4, dtype=int)[CLASSES]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_derivative_is_softmax_minus_target() -> None:
    z = dp.Value(P)
    nn.softmax_cross_entropy(z, CLASSES).backward()
    expected = (np.exp(log_softmax(P)) - np.eye(4)[CLASSES]) / 5
    np.testing.assert_allclose(z.grad, expected, rtol=1e-13, atol=1e-17)


@given(
    batch=hnp.array_shapes(min_dims=0, max_dims=3, max_side=3),
    classes=st.integers(2, 4),
    seed=st.integers(0, 99),
)
def test_any_number_of_leading_axes(batch: tuple[int, ...], classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    z, t = rng.normal(size=(*batch, classes)), rng.integers(classes, size=batch)
    each = -np.take_along_axis(log_softmax(z), t[..., None], -1)[..., 0]
    for reduction in ("mean", "sum", "none"):
        x = dp.Value(z)
        loss = nn.softmax_cross_entropy(x, t, reduction)
        expected = {"mean": each.mean(), "sum": each.sum(), "none": each}[reduction]
        np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-12, atol=1e-13)
        loss.sum().backward()
        count = each.size if reduction == "mean" else 1
        delta = (np.exp(log_softmax(z)) - np.eye(classes)[t]) / count
        np.testing.assert_allclose(x.grad, delta, rtol=1e-11, atol=1e-13)


# -- corners


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_of_exactly_0_and_1(dtype: type) -> None:
    p = dp.Value(np.array([0, 1, 0, 1], dtype))
    loss = nn.binary_cross_entropy(p, [0, 1, 1, 0], reduction="none")
    loss.backward(np.ones(4, dtype))
    floor = -np.log(np.finfo(dtype).tiny)
    np.testing.assert_allclose(loss.numpy(), [0, 0, floor, floor], rtol=1e-6)
    assert np.all(np.isfinite(p.grad))
    np.testing.assert_array_equal(np.sign(p.grad), [1, -1, -1, 1])
    np.testing.assert_array_equal(p.grad[:2], [1, -1])


def test_small_probabilities_are_not_rounded_away() -> None:
    p = dp.Value([1e-300, 1e-20])
    loss = nn.binary_cross_entropy(p, [1, 0], reduction="none")
    np.testing.assert_allclose(loss.numpy(), [-np.log(1e-300), 1e-20], rtol=1e-14)


def test_logits_of_any_size() -> None:
    z = dp.Value([-1000.0, -40.0, 40.0, 1000.0])
    loss = nn.binary_cross_entropy_with_logits(z, [0, 0, 1, 0], reduction="none")
    np.testing.assert_allclose(loss.numpy(), [0, np.exp(-40.0), np.exp(-40.0), 1000], rtol=1e-12)
    loss.sum().backward()
    np.testing.assert_allclose(z.grad, [0, np.exp(-40.0), -np.exp(-40.0), 1], atol=1e-16)


def test_huge_and_impossible_logits() -> None:
    z = dp.Value([[1000.0, -1000.0, -np.inf], [0.0, 0.0, -np.inf]])
    for target in ([1, 0], [[0, 1, 0], [1, 0, 0]]):
        z.zero_grad()
        loss = nn.softmax_cross_entropy(z, np.array(target), reduction="none")
        np.testing.assert_allclose(loss.numpy(), [2000, np.log(2)])
        loss.sum().backward()
        np.testing.assert_allclose(z.grad, [[1, -1, 0], [-0.5, 0.5, 0]])


def test_a_class_that_does_not_occur_adds_nothing() -> None:
    p = dp.Value([[0.0, 1.0]])
    loss = nn.kl_divergence(p, [[0.0, 1.0]])
    loss.backward()
    assert loss.item() == 0
    np.testing.assert_array_equal(p.grad, [[0.0, -1.0]])


def test_scalars() -> None:
    x = dp.Value(3.0)
    loss = nn.mse(x, 1)
    loss.backward()
    assert loss.item() == 4
    assert x.grad == 4
    assert nn.mae(x, 1.0).item() == 2


def test_nan_is_not_hidden() -> None:
    for name, (_, p, t) in FORMULAS.items():
        bad = p.copy()
        bad[0, 0] = np.nan
        with np.errstate(invalid="ignore"):
            assert np.isnan(nn.LOSSES[name](dp.Value(bad), t).item()), name


def test_unsigned_integers_do_not_wrap() -> None:
    x, t = np.array([1], np.uint8), np.array([3], np.uint8)
    assert nn.mse(x, t) == 4


def test_a_recorded_loss_does_not_see_later_writes() -> None:
    t = np.array([1.0, 2.0])
    x = dp.Value([0.0, 0.0])
    loss = nn.mse(x, t)
    t[:] = 100
    loss.backward()
    np.testing.assert_array_equal(x.grad, [-1, -2])


# -- bad input


@pytest.mark.parametrize("name", [name for name in nn.LOSSES if name != "softmax_cross_entropy"])
@pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), (4, 1)), ((4,), ()), ((2, 3), (3, 2))])
def test_shapes_must_be_equal(name: str, shapes: Any) -> None:
    p, t = shapes
    message = re.escape(f"prediction has shape {p} and target {t}; they must be equal")
    with pytest.raises(ValueError, match=message):
        nn.LOSSES[name](dp.Value(np.ones(p)), np.ones(t))


@pytest.mark.parametrize("name", nn.LOSSES)
def test_an_unknown_reduction_lists_the_known(name: str) -> None:
    _, p, t = FORMULAS[name]
    with pytest.raises(ValueError, match="unknown reduction 'average'; known: mean, sum, none"):
        nn.LOSSES[name](p, t, "average")


@pytest.mark.parametrize("name", nn.LOSSES)
def test_a_loss_of_nothing(name: str) -> None:
    with pytest.raises(ValueError, match=r"\(0, 3\)"):
        nn.LOSSES[name](dp.Value(np.ones((0, 3))), np.ones((0, 3)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.binary_cross_entropy([1.5], [1.0]), ValueError, "for logits use"),
        (lambda: nn.binary_cross_entropy([0.5], [2.0]), ValueError, r"targets must be in \[0, 1\]"),
        (lambda: nn.binary_cross_entropy_with_logits([0.5], [-1.0]), ValueError, "targets must"),
        (lambda: nn.kl_divergence([[2.0]], [[1.0]]), ValueError, "softmax"),
        (lambda: nn.hinge([0.5], [0.0]), ValueError, "targets of -1 and 1"),
        (lambda: nn.huber([0.5], [0.0], delta=-1), ValueError, "delta must be a number"),
        (lambda: nn.softmax_cross_entropy(P, [0, 1, 2, 3, 4]), ValueError, "0 to 3.*from 0 to 4"),
        (lambda: nn.softmax_cross_entropy(P, [0, 1, 2, -1, 0]), ValueError, "from -1 to 2"),
        (lambda: nn.softmax_cross_entropy(P, np.zeros(5)), TypeError, "must be integers"),
        (
            lambda: nn.softmax_cross_entropy(P, [0, 1]),
            ValueError,
            r"\(5, 4\) and the target \(2,\)",
        ),
        (lambda: nn.softmax_cross_entropy(P, P), ValueError, "sum 1"),
        (lambda: nn.softmax_cross_entropy(P, -ROWS_T), ValueError, "target probabilities"),
        (lambda: nn.softmax_cross_entropy(P, ROWS_T, label_smoothing=2), ValueError, r"\[0, 1\]"),
        (lambda: nn.softmax_cross_entropy(P, ROWS_T, class_weights=[1]), ValueError, "4 finite"),
        (lambda: nn.softmax_cross_entropy(P, CLASSES, class_weights=-WEIGHTS), ValueError, "4 fin"),
        (lambda: nn.softmax_cross_entropy(3.0, 0), ValueError, r"\(\.\.\., C\)"),
        (lambda: nn.mse(["a"], [1.0]), TypeError, "real numbers"),
        (lambda: nn.mse([1.0], [None]), TypeError, "real numbers"),
    ],
)
def test_bad_input(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


# -- many rows, few digits, infinite logits


def many(name: str, rows: int, dtype: Any) -> tuple[Any, Any]:
    """A prediction and a target of which the mean is representable, their sums are not."""
    P, T = np.full((rows, 2), 4.0, dtype), np.zeros((rows, 2), dtype)
    if name in ("binary_cross_entropy", "kl_divergence"):
        P, T = np.full((rows, 2), 0.5, dtype), np.tile(np.array([1, 0], dtype), (rows, 1))
    elif name == "hinge":
        T = T - 1
    elif name == "softmax_cross_entropy":
        return P * np.array([1, -1], dtype), np.ones(rows, int)
    return P, T


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("rows", [5_000, 70_000])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("name", nn.LOSSES)
def test_many_rows_do_not_overflow(name: str, dtype: Any, rows: int, compiled: bool) -> None:
    P, T = many(name, rows, dtype)
    found = []
    for p in (dp.Value(P), dp.Value(P.astype(float))):
        loss = nn.LOSSES[name]
        loss = dp.compile(loss) if compiled else loss
        found.append(loss(p, T if T.dtype == int else T.astype(p.dtype)).item())
    assert found[0] == pytest.approx(found[1], rel=2e-3)
    p = dp.Value(P)
    nn.LOSSES[name](p, T).backward()
    assert p.grad.dtype == dtype
    assert np.isfinite(p.grad).all()


def test_class_weights_of_many_rows_do_not_overflow() -> None:
    z = dp.Value(np.zeros((70_000, 2), np.float16))
    target = np.zeros(70_000, int)
    loss = nn.softmax_cross_entropy(z, target, class_weights=[2.0, 1.0])
    assert loss.item() == pytest.approx(np.log(2), rel=1e-3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_infinite_logits_that_are_right_cost_nothing(dtype: Any, reduction: Any) -> None:
    loss = nn.binary_cross_entropy_with_logits
    z = dp.Value(np.array([np.inf, -np.inf], dtype))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for target, value, slope in [([1, 0], 0.0, [0, 0]), ([0, 1], np.inf, [1, -1]),
                                     ([0.5, 0.5], np.inf, [0.5, -0.5])]:  # fmt: skip
            found = loss(z, target, reduction)
            z.zero_grad()
            found.sum().backward()
            assert np.all(found.numpy() == value)
            divisor = 2 if reduction == "mean" else 1
            np.testing.assert_array_equal(z.grad, np.array(slope, dtype) / divisor)
    for infinite, target in ((np.inf, 1.0), (-np.inf, 0.0)):
        scalar = dp.Value(infinite)
        found = loss(scalar, target)
        found.backward()
        assert (found.item(), scalar.grad) == (0.0, 0.0)
    assert np.isnan(loss(dp.Value(np.nan), 1.0).item())


def test_classes_that_cannot_be() -> None:
    """A logit of minus infinity: no loss where the class is another, infinite where it is this."""
    z = dp.Value(np.array([[-np.inf, 0.0], [0.0, -np.inf]]))
    for target in ([1, 0], [[0.0, 1.0], [1.0, 0.0]]):
        for weights in (None, [1.0, 2.0]):
            z.zero_grad()
            loss = nn.softmax_cross_entropy(z, target, class_weights=weights)
            loss.backward()
            assert loss.item() == 0
            np.testing.assert_array_equal(z.grad, 0)
    z.zero_grad()
    loss = nn.softmax_cross_entropy(z, [0, 0], "sum")
    loss.backward()
    assert loss.item() == np.inf
    np.testing.assert_array_equal(z.grad, [[-1.0, 1.0], [0.0, 0.0]])


@pytest.mark.parametrize("name", nn.LOSSES)
def test_complex_numbers_are_refused(name: str) -> None:
    half, one = np.full((2, 2), 0.5), np.array([[1.0, 0.0], [0.0, 1.0]])
    for p in (half + 0j, dp.Value(half + 0j)):
        with pytest.raises(TypeError, match="prediction must hold real numbers"):
            nn.LOSSES[name](p, [0, 1] if name.startswith("softmax") else one)
    if name.startswith("softmax"):
        with pytest.raises(TypeError, match="class numbers must be integers"):
            nn.LOSSES[name](dp.Value(half), np.array([0j, 1]))
    else:
        for t in (one + 0j, dp.Value(one + 0j)):
            with pytest.raises(TypeError, match="target must hold real numbers"):
                nn.LOSSES[name](dp.Value(half), t)
