"""Augmentation of small images: shifted, rotated, flipped and noisy copies, batch by batch.

A transform is called with images (N, H, W) or (N, H, W, C) and a `numpy.random.Generator`. It
draws random numbers for each image separately, and returns new images of the same shape and dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ..extras import extra
from ..options import generator, number, whole

Transform: TypeAlias = "Callable[[Any, np.random.Generator], Any]"


def _checked(images: Any, floating: str = "") -> Any:
    """Images as an array; of floating numbers if there is something that only those allow."""
    images = np.asarray(images)
    if floating and images.dtype.kind in "biu":
        raise TypeError(f"{floating}, so images must be floating, not {images.dtype}")
    if images.ndim not in (3, 4) or images.dtype.kind not in "biuf":
        raise ValueError(
            "images must be numbers of shape (N, H, W) or (N, H, W, C), not of shape "
            f"{images.shape} and dtype {images.dtype}"
        )
    return images


@dataclass(frozen=True)
class Shift:
    """Move each image by whole pixels, up to `pixels` in either direction of both axes.

    Pixels that enter from outside the image have the value `fill`.

    Parameters
    ----------
    pixels : int, optional
        The largest distance.
    fill : float, optional
        The value of pixels from outside the image.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(4.0).reshape(1, 2, 2)
    >>> Shift(1)(image, np.random.default_rng(3))
    array([[[0., 2.],
            [0., 0.]]])
    """

    pixels: int = 1
    fill: float = 0.0

    def __post_init__(self) -> None:
        whole("the pixels of a shift", self.pixels, 0)

    def __call__(self, images: Any, rng: np.random.Generator) -> Any:
        """Return the images, shifted."""
        images, m = _checked(images), int(self.pixels)
        n, height, width = images.shape[:3]
        edges = ((0, 0), (m, m), (m, m)) + ((0, 0),) * (images.ndim - 3)
        framed = np.pad(images, edges, constant_values=self.fill)
        down, right = rng.integers(0, 2 * m, (2, n), endpoint=True)
        rows = down[:, None, None] + np.arange(height)[:, None]
        columns = right[:, None, None] + np.arange(width)
        return framed[np.arange(n)[:, None, None], rows, columns]


@dataclass(frozen=True)
class Rotate:
    """Turn each image about its centre, by up to `degrees` either way; linear interpolation.

    Needs SciPy (the extra `special`). Pixels that enter from outside have the value `fill`.

    Parameters
    ----------
    degrees : float, optional
        The largest angle.
    fill : float, optional
        The value of pixels from outside the image.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> image = np.arange(4.0).reshape(1, 2, 2)
    >>> dp.training.Rotate(10.0)(image, np.random.default_rng(0)).round(2)
    array([[[0.02, 1.02],
            [1.91, 2.91]]])
    """

    degrees: float = 10.0
    fill: float = 0.0

    def __post_init__(self) -> None:
        if number("degrees", self.degrees) > 180:
            raise ValueError(f"degrees must be in [0, 180], not {self.degrees!r}")

    def __call__(self, images: Any, rng: np.random.Generator) -> Any:
        """Return the images, rotated."""
        with extra("scipy", "Rotate interpolates with SciPy"):
            from scipy.ndimage import map_coordinates
        images = _checked(images, "Rotate interpolates")
        n, height, width = images.shape[:3]
        angle = np.radians(rng.uniform(-self.degrees, self.degrees, n))[:, None, None]
        # where in the old image each pixel of the new one is
        y = np.arange(height)[:, None] - (height - 1) / 2
        x = np.arange(width) - (width - 1) / 2
        i = np.cos(angle) * y + np.sin(angle) * x + (height - 1) / 2
        j = np.cos(angle) * x - np.sin(angle) * y + (width - 1) / 2
        at = [np.broadcast_to(np.arange(float(n))[:, None, None], i.shape), i, j]
        turned = np.empty_like(images)
        for channel in np.ndindex(images.shape[3:]):
            turned[(..., *channel)] = map_coordinates(
                images[(..., *channel)], at, order=1, mode="grid-constant", cval=self.fill
            )
        return turned


@dataclass(frozen=True)
class Flip:
    """Mirror each image with probability `p`: left to right, or upside down if `vertical`.

    Use it for objects whose mirror image is plausible: not for digits or letters.

    Parameters
    ----------
    p : float, optional
        The probability.
    vertical : bool, optional
        Whether the image is turned upside down instead.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> image = np.arange(4.0).reshape(1, 2, 2)
    >>> dp.training.Flip(1.0)(image, np.random.default_rng(0))
    array([[[1., 0.],
            [3., 2.]]])
    """

    p: float = 0.5
    vertical: bool = False

    def __post_init__(self) -> None:
        if number("the probability p", self.p) > 1:
            raise ValueError(f"a probability is in [0, 1], not {self.p!r}")

    def __call__(self, images: Any, rng: np.random.Generator) -> Any:
        """Return the images, some of them mirrored."""
        images = _checked(images)
        mirrored = np.flip(images, 1 if self.vertical else 2)
        chosen = rng.random((len(images), *[1] * (images.ndim - 1))) < self.p
        return np.where(chosen, mirrored, images)


@dataclass(frozen=True)
class Noise:
    """Add normal noise with standard deviation `std` to each pixel.

    Parameters
    ----------
    std : float, optional
        The standard deviation.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> image = np.arange(4.0).reshape(1, 2, 2)
    >>> dp.training.Noise(0.1)(image, np.random.default_rng(0)).round(2)
    array([[[0.01, 0.99],
            [2.06, 3.01]]])
    """

    std: float = 0.05

    def __post_init__(self) -> None:
        number("the standard deviation", self.std)

    def __call__(self, images: Any, rng: np.random.Generator) -> Any:
        """Return the images with noise added."""
        images = _checked(images, "Noise adds fractions")
        return images + rng.normal(0.0, self.std, images.shape).astype(images.dtype)


class Augmented:
    """Batches of images that are transformed anew in each epoch: data for `fit`.

    Each iteration yields every image once, in a random order, with new random transforms.

    Parameters
    ----------
    X : array_like (N, H, W), (N, H, W, C), or (N, ...) with a `shape`
    T : array_like (N, ...)
        What the images show; it is not changed.
    transforms : sequence of callable
        `Shift`, `Rotate`, `Flip`, `Noise`, or any (images, rng) -> images; in this order.
    shape : tuple of int, optional
        The shape of one image, (H, W) or (H, W, C), if the rows of X are flat; batches are then
        flat as well.
    batch_size : int
    rng : numpy.random.Generator, int or None

    Raises
    ------
    ValueError
        If the lengths of X and T differ, or `shape` does not fit the rows of X.

    Examples
    --------
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> X, T = np.random.default_rng(0).random((70, 64)), np.arange(70) % 10
    >>> moves = [dp.training.Shift(1), dp.training.Noise(0.1)]
    >>> batches = dp.training.Augmented(X, T, moves, shape=(8, 8), rng=0)
    >>> [x.shape for x, t in batches]
    [(32, 64), (32, 64), (6, 64)]
    >>> model = dp.nn.MLP([64, 10], rng=0)
    >>> optimizer = dp.optim.Adam(model.parameters())
    >>> history = dp.training.fit(model, batches, "softmax_cross_entropy", optimizer, epochs=2)
    """

    def __init__(
        self,
        X: Any,
        T: Any,
        transforms: Sequence[Transform],
        *,
        shape: tuple[int, ...] | None = None,
        batch_size: int = 32,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        self.X, self.T = np.asarray(X), np.asarray(T)
        if not len(self.X) or len(self.X) != len(self.T):
            raise ValueError(
                f"there must be equally many images and targets, and some: X has shape "
                f"{self.X.shape}, T {self.T.shape}"
            )
        self.shape: tuple[int, ...] = tuple(self.X.shape[1:] if shape is None else shape)
        if len(self.shape) not in (2, 3) or np.prod(self.shape) != np.prod(self.X.shape[1:]):
            raise ValueError(
                f"an image has a shape (H, W) or (H, W, C), but X has shape {self.X.shape} and "
                f"shape={shape}"
            )
        self.transforms: tuple[Transform, ...] = tuple(transforms)
        self.batch_size: int = whole("batch_size", batch_size)
        self.rng: np.random.Generator = generator(rng)

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-len(self.X) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        order = self.rng.permutation(len(self.X))
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            images = self.X[rows].reshape(len(rows), *self.shape)
            for transform in self.transforms:
                images = transform(images, self.rng)
            yield images.reshape(len(rows), *self.X.shape[1:]), self.T[rows]
