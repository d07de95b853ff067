"""Imbalanced classes: weights, balanced sampling, and metrics of class numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..options import brief


def classes_of(target: Any) -> np.ndarray:
    """Return each row's class, (N,), from class numbers, a column of 0 and 1, or one-hot rows."""
    target = np.asarray(target)
    if target.dtype.kind == "f" and np.any(target % 1):
        raise ValueError(
            f"classes must be whole numbers or one-hot rows, got numbers such as "
            f"{target[target % 1 != 0].flat[0]:.6g}: weights and metrics of classes are for classes"
        )
    if target.ndim == 2 and target.shape[1] > 1:
        return target.argmax(1)
    if target.ndim > 2:
        raise ValueError(
            f"class numbers (N,), a column (N, 1) or one-hot rows (N, C) say which class a row "
            f"is of, but the targets have shape {target.shape}"
        )
    return target.reshape(len(target))


def balanced_weights(target: Any) -> np.ndarray:
    """Return a weight for each row, (N,), so that every class has the same total; the mean is 1.

    With C classes, each row of a class with n of the N rows has the weight N / (C n), as with
    scikit-learn's "balanced".

    Parameters
    ----------
    target : array_like
        Class numbers (N,), or rows of probabilities (N, C).

    Returns
    -------
    array
        The weights (N,).

    Examples
    --------
    >>> balanced_weights([0, 0, 0, 1]).round(2)
    array([0.67, 0.67, 0.67, 2.  ])
    """
    _, which, counts = np.unique(classes_of(target), return_inverse=True, return_counts=True)
    return (len(which) / (len(counts) * counts))[which]


def class_weights(target: Any, given: str | Mapping[Any, float] | Any) -> np.ndarray:
    """Return the weight of each row's class, from "balanced", a dict by class, or a sequence."""
    if isinstance(given, str):
        if given != "balanced":
            raise ValueError(f"class_weight is 'balanced', a dict or a sequence, not {given!r}")
        return balanced_weights(target)
    names, which = np.unique(classes_of(target), return_inverse=True)
    weights = given if isinstance(given, Mapping) else dict(enumerate(np.asarray(given).tolist()))
    if missing := [name for name in names.tolist() if name not in weights]:
        raise ValueError(f"class_weight has no entry for class {missing}, only for {[*weights]}")
    return np.array([weights[name] for name in names.tolist()], float)[which]


def balanced_rows(target: Any, rng: np.random.Generator) -> np.ndarray:
    """Draw N rows, (N,), in random order, N / C of each class.

    Rows of a small class are repeated (counts differ by at most one); some rows of a large
    class are left out.
    """
    names, which = np.unique(classes_of(target), return_inverse=True)
    share, rest = divmod(len(which), len(names))
    extra = rng.permutation(len(names)) < rest  # which classes have one more
    drawn = []
    for k in range(len(names)):
        own = np.flatnonzero(which == k)
        wanted = share + int(extra[k])
        rounds = [rng.permutation(own) for _ in range(-(-wanted // len(own)))]
        drawn.append(np.concatenate([own[:0], *rounds])[:wanted])
    return rng.permutation(np.concatenate(drawn))


def of_classes(metric: Callable[[Any, Any], Any], threshold: float = 0.0) -> Any:
    """Wrap a metric of class numbers, such as scikit-learn's, so that it takes network outputs.

    Parameters
    ----------
    metric : callable
        A function of (true classes, predicted classes), both (N,).
    threshold : float
        A row of several numbers is assigned to the class of the largest one. A single number
        above the threshold means class 1: use 0 for logits, 0.5 for probabilities.

    Returns
    -------
    callable
        A function of (target, network output).

    Examples
    --------
    >>> import numpy as np
    >>> share_right = of_classes(lambda true, predicted: float(np.mean(true == predicted)))
    >>> share_right(np.array([0, 1]), np.array([[2.0, -1.0], [0.5, 0.0]]))
    0.5
    """

    if not callable(metric):
        raise TypeError(f"of_classes takes a function of (true, predicted), not {brief(metric)}")

    def judged(target: Any, prediction: Any) -> Any:
        single = prediction.ndim == 1 or prediction.shape[1] == 1
        found = (prediction.reshape(-1) > threshold) if single else prediction.argmax(1)
        return metric(classes_of(target), found.astype(int))

    judged.__name__ = getattr(metric, "__name__", "metric")
    return judged
