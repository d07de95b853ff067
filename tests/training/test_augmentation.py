"""Augmentation: what each transform may do to an image, and batches of them."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltaprop import nn, optim
from deltaprop.training import (
    Augmented,
    Checkpoint,
    Flip,
    GradientFlow,
    Noise,
    Rotate,
    Shift,
    fit,
)

EACH: dict[str, Callable[[], Any]] = {
    "shift": lambda: Shift(2),
    "rotate": lambda: Rotate(30),
    "flip": Flip,
    "upside down": lambda: Flip(vertical=True),
    "noise": Noise,
}


def pictures(seed: int, *shape: int, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(seed).random(shape).astype(dtype)


@given(
    name=st.sampled_from(sorted(EACH)),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 6)),
    channels=st.sampled_from([(), (1,), (3,)]),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 99),
)
def test_shape_dtype_and_seed(name: str, shape: Any, channels: Any, dtype: Any, seed: int) -> None:
    if name == "rotate":
        pytest.importorskip("scipy")
    images = pictures(seed, *shape, *channels, dtype=dtype)
    before = images.copy()
    one, same = (EACH[name]()(images, np.random.default_rng(seed)) for _ in range(2))
    assert one.shape == images.shape
    assert one.dtype == dtype
    np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(images, before)


@given(pixels=st.integers(0, 3), seed=st.integers(0, 99), fill=st.sampled_from([0.0, 7.0]))
def test_a_shift_is_a_window_of_the_framed_image(pixels: int, seed: int, fill: float) -> None:
    images = pictures(seed, 6, 4, 5, 2)
    moved = Shift(pixels, fill)(images, np.random.default_rng(seed))
    for image, found in zip(images, moved, strict=True):
        framed = np.pad(image, ((pixels,) * 2, (pixels,) * 2, (0, 0)), constant_values=fill)
        windows = [
            framed[i : i + 4, j : j + 5]
            for i in range(2 * pixels + 1)
            for j in range(2 * pixels + 1)
        ]
        assert sum(np.array_equal(window, found) for window in windows) == 1


def test_every_shift_happens() -> None:
    images = np.zeros((2000, 5, 5))
    images[:, 2, 2] = 1
    moved = Shift(2)(images, np.random.default_rng(0)).mean(0)
    np.testing.assert_allclose(moved, 1 / 25, atol=0.02)


def test_rotation_is_scipys() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    images, generator = pictures(0, 4, 6, 7), np.random.default_rng(3)
    turned = Rotate(40, fill=0.5)(images, generator)
    angles = np.random.default_rng(3).uniform(-40, 40, 4)
    for image, found, angle in zip(images, turned, angles, strict=True):
        expected = ndimage.rotate(
            image, angle, reshape=False, order=1, mode="grid-constant", cval=0.5
        )
        np.testing.assert_allclose(found, expected, atol=1e-12)
    coloured = np.stack([images, 1 - images], axis=-1)
    both = Rotate(40, fill=0.5)(coloured, np.random.default_rng(3))
    np.testing.assert_allclose(both[..., 0], turned, atol=1e-12)
    np.testing.assert_allclose(both[..., 1], 1 - turned, atol=1e-12)
    np.testing.assert_array_equal(Rotate(0)(images, generator), images)


def test_flips_are_mirror_images() -> None:
    images = pictures(0, 500, 3, 4)
    for vertical, axis in ((False, 2), (True, 1)):
        found = Flip(0.3, vertical)(images, np.random.default_rng(0))
        mirrored = np.all(found == np.flip(images, axis), axis=(1, 2))
        np.testing.assert_array_equal(found[~mirrored], images[~mirrored])
        assert 0.2 < mirrored.mean() < 0.4


def test_noise() -> None:
    images = pictures(0, 50, 20, 20)
    noise = Noise(0.2)(images, np.random.default_rng(0)) - images
    assert noise.std() == pytest.approx(0.2, rel=0.02)
    assert abs(noise.mean()) < 0.01


# -- batches


@pytest.mark.parametrize("flat", [True, False])
def test_each_epoch_has_every_image_once(flat: bool) -> None:
    X = np.arange(10.0)[:, None, None] + np.zeros((10, 3, 4))
    data = X.reshape(10, 12) if flat else X
    batches = Augmented(data, np.arange(10), [Flip()], shape=(3, 4), batch_size=4, rng=0)
    orders = []
    for _ in range(2):
        found = list(batches)
        assert len(found) == len(batches) == 3
        assert [len(x) for x, _ in found] == [4, 4, 2]
        images, T = (np.concatenate(parts) for parts in zip(*found, strict=True))
        assert images.shape == data.shape
        np.testing.assert_array_equal(images, data[T])
        orders.append(T.tolist())
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(10))
    assert orders[0] != orders[1]


def test_transforms_follow_one_another_and_are_drawn_anew() -> None:
    def brighter(images: Any, rng: np.random.Generator) -> Any:
        return images + 100

    X = pictures(0, 8, 3, 3)
    batches = Augmented(X, np.arange(8), [Noise(0.1), brighter], batch_size=8, rng=0)
    (one, order), (other, again) = next(iter(batches)), next(iter(batches))
    assert np.all(one > 90)
    assert np.any(one[np.argsort(order)] != other[np.argsort(again)])


def test_training_on_them() -> None:
    X, T = pictures(0, 40, 16, dtype=np.float32), np.arange(40) % 2
    losses = []
    for _ in range(2):
        model = nn.MLP([16, 8, 2], rng=0, dtype=np.float32)
        batches = Augmented(X, T, [Shift(1)], shape=(4, 4), batch_size=10, rng=3)
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        history = fit(model, batches, "softmax_cross_entropy", optimizer, epochs=3)
        losses.append(history.loss)
    assert losses[0] == losses[1]
    assert len(set(losses[0])) == 3


def test_a_resumed_training_sees_what_an_undisturbed_one_does(tmp_path: Any) -> None:
    pytest.importorskip("safetensors")
    X, T = pictures(0, 40, 16), np.arange(40) % 2

    def train(path: Any, *epochs: int) -> Any:
        for upto in epochs:  # each time from scratch, as a new process would
            model = nn.MLP([16, 8, 2], normalization="batch", rng=0)
            batches = Augmented(X, T, [Shift(1), Noise()], shape=(4, 4), batch_size=10, rng=3)
            optimizer, flow = optim.Adam(model.parameters(), lr=0.01), GradientFlow((X, T))
            fit(
                model, batches, "softmax_cross_entropy", optimizer, epochs=upto, resume=True,
                callbacks=[flow, Checkpoint(path)],
            )  # fmt: skip
        return model.state_dict(), flow

    (state, flow), (resumed, resumed_flow) = train(tmp_path / "a", 4), train(tmp_path / "b", 2, 4)
    for name, entry in state.items():
        np.testing.assert_array_equal(resumed[name], entry)
    assert resumed_flow.layers == flow.layers
    assert len(flow["delta"]["layers.0"]) == 5


def test_without_scipy(monkeypatch: Any) -> None:
    found = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("scipy"):
            raise ImportError(name)
        return found(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match="pip install scipy"):
        Rotate()(pictures(0, 2, 3, 3), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Shift(0.5), ValueError, "whole number, at least 0, not 0.5"),  # type: ignore[arg-type]
        (lambda: Rotate(200), ValueError, r"\[0, 180\], not 200"),
        (lambda: Flip(1.5), ValueError, r"\[0, 1\], not 1.5"),
        (lambda: Noise(-1.0), ValueError, "at least 0, got -1.0"),
        (lambda: Shift()(np.ones((3, 4)), None), ValueError, r"of shape \(3, 4\)"),
        (lambda: Noise()(np.ones((2, 3, 4), int), None), TypeError, "must be floating, not int"),
        (lambda: Rotate()(np.ones((2, 3, 4), int), None), TypeError, "must be floating, not int"),
        (lambda: Augmented(np.ones((3, 2, 2)), [1, 2], []), ValueError, "equally many"),
        (lambda: Augmented(np.ones((3, 4)), [1, 2, 3], []), ValueError, r"shape \(H, W\)"),
        (
            lambda: Augmented(np.ones((3, 4)), [1, 2, 3], [], shape=(2, 3)),
            ValueError,
            r"\(3, 4\) and shape=\(2, 3\)",
        ),
        (
            lambda: Augmented(np.ones((3, 2, 2)), [1, 2, 3], [], batch_size=0),
            ValueError,
            "batch_size must be a whole number, at least 1, not 0",
        ),
    ],
)
def test_bad_input(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
