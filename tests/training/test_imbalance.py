"""Weights do what repeating rows would do; balanced draws are balanced."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltaprop import nn, optim
from deltaprop.training import balanced_weights, fit, of_classes
from deltaprop.training.imbalance import balanced_rows, class_weights, classes_of

labels = st.lists(st.integers(-2, 3), min_size=1, max_size=40).map(np.array)


@given(labels)
def test_balanced_weights(target: Any) -> None:
    weights = balanced_weights(target)
    totals = [weights[target == k].sum() for k in np.unique(target)]
    np.testing.assert_allclose(totals, len(target) / len(totals))


def test_they_are_those_of_scikit_learn() -> None:
    known = pytest.importorskip("sklearn.utils.class_weight")
    target = np.array([0, 3, 3, 3, 1, 3])
    expected = known.compute_sample_weight("balanced", target)
    np.testing.assert_allclose(balanced_weights(target), expected)


@given(labels, st.integers(0, 99))
def test_balanced_draws(target: Any, seed: int) -> None:
    rows = balanced_rows(target, np.random.default_rng(seed))
    assert len(rows) == len(target)
    names = np.unique(target)
    share = len(target) / len(names)
    for k in names:
        drawn = np.bincount(rows[target[rows] == k], minlength=len(target))[target == k]
        assert abs(drawn.sum() - share) < 1
        assert drawn.max() - drawn.min() <= 1  # every row of the class as often as the others


def test_all_rows_get_their_turn() -> None:
    """Also those of a class that is too large for all to be there at once."""
    rng = np.random.default_rng(0)
    drawn = [balanced_rows(np.repeat([0, 1], [20, 2]), rng) for _ in range(30)]
    assert {*np.concatenate(drawn).tolist()} == {*range(22)}


def weigh(network: Any, data: Any, **options: Any) -> Any:
    """The weights after a step with all rows."""
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    fit(model, data, optimizer=optimizer, epochs=1, batch_size=10**6, shuffle=False, **options)
    return [p.numpy() for p in model.parameters()]


@pytest.mark.parametrize("loss", [*nn.LOSSES])
def test_a_weight_is_a_repetition(loss: str) -> None:
    """Of any loss: weights k mean that a row is there k times."""
    rng = np.random.default_rng(0)
    X, times = rng.normal(size=(12, 3)), rng.integers(0, 4, 12)
    rows = np.repeat(np.arange(12), times)
    if loss == "softmax_cross_entropy":
        Y: Any = rng.integers(0, 2, 12)
    elif loss == "hinge":
        Y = rng.choice([-1.0, 1.0], (12, 2))
    else:
        Y = rng.dirichlet(np.ones(2), 12)
    output = "sigmoid" if loss in ("binary_cross_entropy", "kl_divergence") else "identity"

    def network() -> Any:
        return nn.MLP([3, 4, 2], output=output, rng=1)

    weighted = weigh(network, (X, Y), loss=loss, sample_weight=times)
    repeated = weigh(network, (X[rows], Y[rows]), loss=loss)
    for p, q in zip(weighted, repeated, strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_class_weights_are_those_of_their_rows(compiled: bool, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    X, T = rng.normal(size=(30, 3)).astype(dtype), np.repeat([0, 1, 2], [20, 8, 2])

    def network() -> Any:
        return nn.MLP([3, 4, 3], rng=1, dtype=dtype)

    common: Any = {"loss": "softmax_cross_entropy", "compiled": compiled}
    one = weigh(network, (X, T), class_weight={0: 0.5, 1: 1.25, 2: 5.0}, **common)
    row = np.array([0.5, 1.25, 5.0])[T]
    ways = [{"sample_weight": row}, {"class_weight": "balanced"}, {"class_weight": [2, 5, 20]}]
    for options in ways:
        for p, q in zip(one, weigh(network, (X, T), **options, **common), strict=True):
            assert p.dtype == dtype
            np.testing.assert_allclose(p, q, rtol=1e-5)
    for p, q in zip(
        one, weigh(network, (X, np.eye(3)[T]), class_weight="balanced", **common), strict=True
    ):
        np.testing.assert_allclose(p, q, rtol=1e-5)
    # the loss's own class weights divide by those of the batch: of all rows, that is the same
    own = lambda z, t: nn.softmax_cross_entropy(z, t, class_weights=[0.5, 1.25, 5.0])  # noqa: E731
    for p, q in zip(one, weigh(network, (X, T), loss=own, compiled=compiled), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-5)


def test_both_weights_multiply() -> None:
    X, T = np.eye(3), np.array([0, 1, 1])
    network = lambda: nn.Dense(3, 2, rng=0)  # noqa: E731
    common: Any = {"loss": "softmax_cross_entropy"}
    both = weigh(network, (X, T), sample_weight=[1, 2, 3], class_weight=[2, 1], **common)
    for p, q in zip(both, weigh(network, (X, T), sample_weight=[2, 2, 3], **common), strict=True):
        np.testing.assert_allclose(p, q)


def test_balanced_epochs() -> None:
    seen: list[Any] = []

    def model(x: Any) -> Any:
        seen.extend(x[:, 0])
        return layer(x)

    layer = nn.Dense(1, 2, rng=0)
    T = np.repeat([0, 1], [36, 4])
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    fit(
        model,
        (T[:, None] * 1.0, T),
        "softmax_cross_entropy",
        optimizer,
        epochs=2,
        batch_size=10,
        shuffle="balanced",
        compiled=False,
    )
    assert len(seen) == 80
    assert np.mean(seen) == 0.5


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"class_weight": "even"}, "'balanced', a dict or a sequence"),
        ({"class_weight": {0: 1.0}}, r"no entry for class \[1, 2\]"),
        ({"class_weight": [1.0, 2.0]}, r"no entry for class \[2\]"),
    ],
)
def test_errors(options: Any, match: str) -> None:
    model = nn.Dense(1, 3)
    optimizer = optim.SGD(model.parameters())
    data = np.zeros((3, 1)), np.array([0, 1, 2])
    with pytest.raises(ValueError, match=match):
        fit(model, data, "softmax_cross_entropy", optimizer, epochs=1, **options)


def test_weights_need_the_loss_of_each_row() -> None:
    model = nn.Dense(1, 1)
    optimizer = optim.SGD(model.parameters())
    data = np.zeros((3, 1)), np.zeros((3, 1))
    with pytest.raises(TypeError, match="reduction='none'"):
        fit(
            model,
            data,
            lambda p, t: nn.mse(p, t),
            optimizer,
            epochs=1,
            sample_weight=[1, 1, 1],
        )
    with pytest.raises(ValueError, match=r"weights must have shape \(3,\)"):
        nn.weighted(nn.mse, np.zeros((3, 1)), np.zeros((3, 1)), [1, 2])
    with pytest.raises(ValueError, match="one-hot"):
        classes_of(np.zeros((2, 2, 2)))


def test_metrics_of_classes() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    z = np.array([[0.1, 2.0], [3.0, 0.0], [1.0, 0.5], [0.0, 9.0]])
    t = np.array([1, 0, 1, 1])
    assert of_classes(metrics.accuracy_score)(t, z) == 0.75
    assert of_classes(metrics.balanced_accuracy_score)(np.eye(2)[t], z) == (2 / 3 + 1) / 2
    difference = z[:, 1:] - z[:, :1]
    expected = metrics.f1_score(t, [1, 0, 0, 1])
    assert of_classes(metrics.f1_score)(t[:, None], difference) == expected
    probability = 1 / (1 + np.exp(-difference[:, 0]))
    assert of_classes(metrics.f1_score, threshold=0.5)(t, probability) == expected
    matrix = of_classes(metrics.confusion_matrix)(t, z)
    assert matrix.tolist() == [[1, 0], [1, 2]]
    assert of_classes(metrics.f1_score).__name__ == "f1_score"
    np.testing.assert_allclose(class_weights(t, {0: 1, 1: 2}), [2, 1, 2, 2])
