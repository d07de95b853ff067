"""Plots of training runs, networks and gradients, by matplotlib (the extra `viz`).

Each function returns the figure that it drew, and a notebook shows the figure. With a `path` the
figure is saved, in the format of the file's ending. With `axes` the function draws into these axes
of your own figure. Neither pyplot nor matplotlib's settings are touched. Colours are Okabe and
Ito's, or perceptually uniform colormaps, and never the only thing that tells two lines apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import nn
from ..deltas.comparison import LIMIT, Comparison
from ..extras import extra
from ..graph import raw
from ..graph.modes import no_grad
from ..habits import explained
from ..nn.module import evaluation
from ..options import of_kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#777777"
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, BLACK)
_STYLES = ("-", "--", "-.", ":")
_MARKERS = "os^DvPX"
_NO_CURVE = ("epoch", "seconds", "learning_rate")
_SIDE = 200  # points along each side of the plane
_WIDE = 30.0  # the ratio from which on positive numbers are drawn on a log scale


def _panels(axes: Any, count: int, width: float, height: float, **options: Any) -> tuple[Any, Any]:
    """Return a new figure with panels in a row, or the axes that were given."""
    if axes is not None:
        given = np.atleast_1d(axes).ravel()
        if len(given) != count:
            raise ValueError(f"this plot fills {count} axes, but was given {len(given)}")
        return given[0].get_figure(), given
    with extra("matplotlib", "plots are drawn by matplotlib"):
        from .figures import Plot
    figure = Plot(width, height)
    panels = figure.subplots(1, count, squeeze=False, **options)[0]
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(alpha=0.25)
    return figure, panels


def _finished(figure: Any, path: str | Path | None, axes: Any) -> Any:
    if path is not None:
        if axes is not None:
            raise ValueError("give a path or axes, not both: with axes, save the figure yourself")
        figure.savefig(path, dpi=150)
    return figure


def _titled(panel: Any, title: str, x: str, y: str) -> None:
    panel.set_title(title, loc="left", fontsize=11)
    panel.set(xlabel=x, ylabel=y)


def _log_if_wide(panel: Any, curves: Sequence[Any]) -> None:
    """Use a log scale for positive numbers of very different sizes."""
    values = np.concatenate([np.ravel(c) for c in curves])
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > _WIDE * values.min():
        panel.set_yscale("log")


@explained
def plot_history(
    history: Any, path: str | Path | None = None, *, axes: Axes | None = None
) -> Figure:
    """Plot training and validation loss by epoch, and the metrics, if any, beside them.

    Parameters
    ----------
    history : training.History, or mapping of str to sequence
        Columns with one entry for each epoch: "loss", "validation_loss" and metrics of any name.
    path : path, optional
        The file to save.
    axes : matplotlib.axes.Axes, optional
        A panel to draw the losses into, and no metrics.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = plot_history({"loss": [2.0, 0.5, 0.1], "accuracy": [0.4, 0.8, 0.9]})
    >>> [panel.get_title(loc="left") for panel in figure.axes]
    ['loss', 'metrics']
    """
    columns = history.to_dict() if hasattr(history, "to_dict") else history
    if not isinstance(columns, Mapping):
        raise TypeError(f"plot_history takes a History or a mapping, not {type(history).__name__}")
    curves = {
        name: np.asarray(column, float)
        for name, column in columns.items()
        if name not in _NO_CURVE and len(column) and np.ndim(column) == 1
    }
    losses = {k: v for k, v in curves.items() if k in ("loss", "validation_loss")}
    metrics = {k: v for k, v in curves.items() if k not in losses}
    if axes is not None:
        metrics = {}
    if not losses and not metrics:
        raise ValueError(f"nothing to plot: the history has {', '.join(columns) or 'no columns'}")
    parts = [(n, part) for n, part in (("loss", losses), ("metrics", metrics)) if part]
    figure, panels = _panels(axes, len(parts), 6 * len(parts), 4)
    for panel, (title, part) in zip(panels, parts, strict=True):
        _draw_curves(panel, part)
        _titled(
            panel, title, "epoch", title if title == "loss" or len(part) > 1 else next(iter(part))
        )
    return _finished(figure, path, axes)


def _draw_curves(panel: Any, curves: Mapping[str, Any]) -> None:
    named = {"loss": ("training", BLUE, "-"), "validation_loss": ("validation", VERMILLION, "--")}
    for i, (name, column) in enumerate(curves.items()):
        plain = (name, _COLOURS[i % len(_COLOURS)], _STYLES[i % len(_STYLES)])
        label, colour, style = named.get(name, plain)
        epochs = np.arange(1, len(column) + 1)
        # a single epoch is a point
        dot = "o" if len(column) == 1 else None
        panel.plot(epochs, column, style, color=colour, linewidth=1.8, label=label, marker=dot)
        if name == "validation_loss" and np.isfinite(column).any():
            best = int(np.nanargmin(column))
            text = f"best: {column[best]:.4g}, epoch {best + 1}"
            panel.plot(epochs[best], column[best], "o", color=colour, label=text)
    panel.xaxis.get_major_locator().set_params(integer=True)
    _log_if_wide(panel, list(curves.values()))
    panel.legend(framealpha=0.75, edgecolor="none")


@explained
def plot_decision_boundary(
    model: Any,
    X: Any,
    y: Any,
    path: str | Path | None = None,
    *,
    levels: Sequence[float] = (),
    axes: Axes | None = None,
) -> Figure:
    """Plot the scores of a model over the plane, its decision boundary, and the data points.

    Parameters
    ----------
    model : nn.Module, estimator or callable
        A function of points, shape (M, 2), that returns a score for each, shape (M,) or (M, 1),
        or the scores of K classes, (M, K). An estimator is called by `predict_proba`, or else
        by `decision_function` or `predict`. A module is in evaluation mode: no dropout.
    X : array_like, shape (N, 2)
    y : array_like, shape (N,) or (N, 1)
        The classes of the points. In sorted order they belong to scores 0 to K - 1.
    path : path, optional
        The file to save.
    levels : sequence of float, optional
        The score at the boundary, and other scores to be drawn dotted, such as margins. By
        default the boundary is 1/2 if all scores lie between 0 and 1, and 0 otherwise.
    axes : matplotlib.axes.Axes, optional
        A panel to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> X = [[0.0, 0.0], [1.0, 0.5], [0.2, 0.9]]
    >>> figure = plot_decision_boundary(lambda P: P[:, 0] - P[:, 1], X, [0, 1, 0])
    """
    X, y = np.asarray(X, float), np.asarray(y)
    if X.ndim != 2 or X.shape[1] != 2 or len(X) == 0:
        raise ValueError(f"X must have shape (N, 2) with N >= 1, but it has {X.shape}")
    if y.size != len(X):
        raise ValueError(f"y must name the class of each of {len(X)} points, but it has {y.shape}")
    classes, of = np.unique(y.reshape(-1), return_inverse=True)
    margin = 0.15 * np.maximum(np.ptp(X, axis=0), 1e-9)
    sides = np.linspace(X.min(0) - margin, X.max(0) + margin, _SIDE).T
    grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    scores = _scores(model, grid, classes)
    if scores.shape[1] == 2:  # of two classes the second's probability says all
        scores = scores[:, 1:] if _within_unit(scores) else scores[:, 1:] - scores[:, :1]
    plane = scores.T.reshape(-1, _SIDE, _SIDE)
    figure, (panel,) = _panels(axes, 1, 6.4, 4.8)
    if len(plane) == 1:
        _draw_score(panel, sides, plane[0], levels)
    else:
        _draw_regions(panel, sides, plane)
    for k, name in enumerate(classes):
        colour, marker = _COLOURS[k % len(_COLOURS)], _MARKERS[k % len(_MARKERS)]
        panel.scatter(*X[of == k].T, c=colour, marker=marker, s=28, edgecolors="white",
                      linewidths=0.7, label=str(name))  # fmt: skip
    _titled(panel, "decision boundary", "x₁", "x₂")
    panel.grid(False)
    panel.legend(title="class", framealpha=0.85, edgecolor="none")
    return _finished(figure, path, axes)


def _scores(model: Any, points: Any, classes: Any) -> Any:
    """Return the scores of the points, shape (M, K)."""
    methods = ("predict_proba", "decision_function", "predict")
    method = next((name for name in methods if hasattr(model, name)), "")
    asked: Callable[..., Any] = getattr(model, method) if method else model
    if isinstance(model, nn.Module):
        points = points.astype(model.parameters()[0].dtype)
    with evaluation(model), no_grad():
        said = asked(points)
    said = np.asarray(raw(said))
    if method == "predict":
        said = said.reshape(-1, 1) == classes
    if said.shape[:1] != (len(points),) or said.ndim > 2:
        raise ValueError(
            f"the model must give a score or a row of scores for each of {len(points)} points, "
            f"but for points of shape {points.shape} it gave shape {said.shape}"
        )
    return said.reshape(len(points), -1).astype(float)


def _within_unit(scores: Any) -> bool:
    return bool(np.all((scores >= 0) & (scores <= 1)))


def _draw_score(panel: Any, sides: Any, scores: Any, levels: Sequence[float]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    middle, *others = levels or ((0.5,) if _within_unit(scores) else (0.0,))
    # far away a score says no more than that it is sure: the colours are for the neighbourhood
    near = np.quantile(np.abs(scores - middle), 0.6)
    reach = 0.5 if _within_unit(scores) else 1.5 * max([near, *np.abs(np.subtract(others, middle))])
    steps = middle + float(f"{reach or 1:.1g}") * np.linspace(-1, 1, 25)
    colours = LinearSegmentedColormap.from_list("score", ["#A3D5F2", "white", "#F0CC7A"])
    shown = np.clip(scores, steps[0], steps[-1])
    shades = panel.contourf(*sides, shown, steps, cmap=colours)
    panel.get_figure().colorbar(shades, ax=panel, label="score", ticks=steps[::6])
    for values, style, width in (([middle], "-", 1.8), (sorted(others), ":", 1.3)):
        inside = [v for v in values if scores.min() < v < scores.max()]
        if inside:
            lines = panel.contour(*sides, scores, inside, colors=BLACK, linestyles=style,
                                  linewidths=width)  # fmt: skip
            if others:
                panel.clabel(lines, fmt=lambda v: f"{v:g}".replace("-", "−"))


def _draw_regions(panel: Any, sides: Any, plane: Any) -> None:
    from matplotlib.colors import ListedColormap

    count = len(plane)
    colours = ListedColormap([_COLOURS[k % len(_COLOURS)] for k in range(count)])
    panel.pcolormesh(*sides, plane.argmax(axis=0), cmap=colours, vmin=-0.5, vmax=count - 0.5,
                     alpha=0.25, rasterized=True)  # fmt: skip
    for k in range(count):
        lead = plane[k] - np.delete(plane, k, axis=0).max(axis=0)
        if lead.min() < 0 < lead.max():
            panel.contour(*sides, lead, [0], colors=BLACK, linewidths=0.9)


@explained
def plot_gradient_flow(
    flow: Mapping[str, Any],
    path: str | Path | None = None,
    *,
    quantity: str = "size of the gradient",
    axes: Any = None,
) -> Figure:
    """Plot the size of the gradients (or activations) of each layer, epoch by epoch.

    Parameters
    ----------
    flow : mapping of str to array_like, or mapping of str to such mappings
        For each layer, from the first to the last, the size before training and after each
        epoch, shape (1 + E,), as recorded by `training.GradientFlow`. Or several networks by
        name, to be compared panel by panel on one scale.
    path : path, optional
        The file to save.
    quantity : str
        The label of the sizes.
    axes : sequence of matplotlib.axes.Axes, optional
        Panels to draw into, one for each network.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = plot_gradient_flow({"1": [1e-6, 1e-5], "2": [1e-3, 1e-3], "3": [0.1, 0.05]})
    >>> figure.axes[0].get_yscale()
    'log'

    Recorded during a training run::

        flow = dp.training.GradientFlow()
        dp.training.fit(model, data, "mse", optimizer, epochs=20, callbacks=[flow])
        plot_gradient_flow(flow["delta"], "flow.png", quantity="mean of |dE/dZ|")
    """
    of_kind("flow", flow, Mapping, 'give GradientFlow()["delta"], recorded by fit')
    if not flow:
        raise ValueError("nothing to plot: the mapping of layers is empty")
    several = all(isinstance(part, Mapping) for part in flow.values())
    networks = dict(flow) if several else {"": flow}
    sizes = {
        title: {str(layer): np.asarray(column, float) for layer, column in part.items()}
        for title, part in networks.items()
    }
    for layer, column in [item for part in sizes.values() for item in part.items()]:
        if column.ndim != 1 or not len(column):
            raise ValueError(
                f"layer {layer!r} must have a number an epoch, but its shape is {column.shape}"
            )
    figure, panels = _panels(axes, len(sizes), 1.5 + 4.5 * len(sizes), 4.2, sharey=True)
    for panel, (title, layers) in zip(panels, sizes.items(), strict=True):
        _draw_layers(panel, layers)
        _titled(panel, title or "gradient flow", "epoch", quantity if panel is panels[0] else "")
        if panel is panels[-1] or list(layers) != list(next(iter(sizes.values()))):
            _beside(panel, "layer")
    _log_if_wide(panels[0], [c[c > 0] for part in sizes.values() for c in part.values()])
    for panel in panels[1:]:
        panel.set_yscale(panels[0].get_yscale())
    return _finished(figure, path, axes)


def _draw_layers(panel: Any, layers: Mapping[str, Any]) -> None:
    from matplotlib import colormaps

    # dark is near the input, and the markers differ too
    shades = colormaps["viridis"](np.linspace(0, 0.85, len(layers)))
    longest = max(map(len, layers.values()))
    for k, (layer, column) in enumerate(layers.items()):
        panel.plot(np.where(column > 0, column, np.nan),
                   color=shades[k], marker=_MARKERS[k % len(_MARKERS)], markersize=4.5,
                   markevery=max(1, longest // 12),
                   label=layer if np.any(column > 0) else f"{layer}: zero")  # fmt: skip
    panel.xaxis.get_major_locator().set_params(integer=True)


def _beside(panel: Any, title: str) -> None:
    """Put a legend outside the panel, in the order in which most of the lines lie."""
    handles, labels = panel.get_legend_handles_labels()
    few = slice(None, None, -max(1, len(labels) // 12))  # of many every second, or third, ...
    panel.legend(handles[few], labels[few], title=title, fontsize=8, edgecolor="none",
                 loc="center left", bbox_to_anchor=(1, 0.5))  # fmt: skip


@explained
def plot_deltas(
    comparison: Comparison, path: str | Path | None = None, *, axes: Any = None
) -> Figure:
    """Plot the layer deltas by the formulas and by autodiff, and the distance of the two.

    Parameters
    ----------
    comparison : deltas.Comparison
        The result of `dp.deltas.compare`.
    path : path, optional
        The file to save.
    axes : sequence of two matplotlib.axes.Axes, optional
        Axes for the sizes, and for the differences.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import deltaprop as dp
    >>> mlp = dp.nn.MLP([2, 3, 1], activation="sigmoid", rng=0)
    >>> figure = plot_deltas(dp.deltas.compare(mlp, [[0.0, 1.0]], [[1.0]]))
    """
    if not isinstance(comparison, Comparison):
        raise TypeError(
            f"plot_deltas takes what dp.deltas.compare gives, not {type(comparison).__name__}"
        )
    figure, (size, apart) = _panels(axes, 2, 11, 4)
    layers = np.arange(1, len(comparison.rows) + 1)
    shapes = {"delta": ("dE/dZ", BLUE, "o"), "dW": ("dE/dW", VERMILLION, "s")}
    shapes["db"] = ("dE/db", GREEN, "^")
    ours, theirs = comparison.formulas.layers, comparison.autodiff.layers
    for shift, (part, (label, colour, marker)) in zip(
        (-0.15, 0, 0.15), shapes.items(), strict=True
    ):
        known = [k for k, layer in enumerate(ours) if getattr(layer, part) is not None]
        if not known:
            continue
        at = layers[known] + shift
        for found, style in ((ours, {"ms": 11, "mfc": "none"}), (theirs, {"ms": 5})):
            way = "formula" if found is ours else "autodiff"
            rms = [np.sqrt(np.mean(np.square(getattr(found[k], part)))) for k in known]
            size.plot(at, rms, marker, color=colour, label=f"{label}, {way}", **style)
        ulps = [getattr(comparison.rows[k], part) for k in known]
        apart.plot(at, ulps, marker, color=colour, label=label)
    _titled(size, "gradients, computed both ways", "layer", "root mean square")
    _log_if_wide(size, [line.get_ydata() for line in size.lines])
    apart.axhline(LIMIT, color=GREY, linestyle="--", label=f"limit: {LIMIT}")
    verdict = "agree" if comparison.agree else "DISAGREE"
    _titled(apart, f"the two ways {verdict}", "layer", "difference in ulp")
    apart.set_ylim(-0.8, None)  # nought is worth seeing
    for panel in (size, apart):
        panel.set(xticks=layers, xlim=(0.5, len(layers) + 0.5))
        panel.legend(fontsize=8, framealpha=0.75, edgecolor="none")
    return _finished(figure, path, axes)


@explained
def plot_confusion_matrix(
    y_true: Any,
    y_pred: Any,
    path: str | Path | None = None,
    *,
    labels: Sequence[Any] | None = None,
    axes: Axes | None = None,
) -> Figure:
    """Plot the confusion matrix: one row for each true class, one column for each predicted one.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (N,)
        The true and the predicted classes.
    path : path, optional
        The file to save.
    labels : sequence, optional
        All classes, in the order of the rows; by default those that occur, sorted.
    axes : matplotlib.axes.Axes, optional
        A panel to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = plot_confusion_matrix(["cat", "dog", "dog"], ["cat", "dog", "cat"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '1', '1']
    """
    truth, seen = np.asarray(y_true).reshape(-1), np.asarray(y_pred).reshape(-1)
    if truth.shape != seen.shape or not len(truth):
        raise ValueError(
            f"y_true and y_pred must name as many classes, but have {len(truth)} and {len(seen)}"
        )
    found = np.unique(np.concatenate([truth, seen]))
    names = list(found if labels is None else labels)
    place = {name: k for k, name in enumerate(names)}
    if missing := [str(name) for name in found if name not in place]:
        raise ValueError(f"labels lacks the class {', '.join(missing)}, which occurs")
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, ([place[t] for t in truth], [place[s] for s in seen]), 1)
    side = 2.2 + 0.42 * len(names)
    figure, (panel,) = _panels(axes, 1, side + 0.6, side)
    # shares of each row, so that a rare class is as visible as a common one
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    panel.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1)
    for i, j in zip(*counts.nonzero(), strict=True):
        colour = "white" if share[i, j] > 0.4 else VERMILLION if i != j else BLACK
        panel.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour, weight="bold")
    correct = np.trace(counts) / len(truth)
    _titled(panel, f"accuracy {correct:.1%}", "predicted", "true")
    texts = [str(name) for name in names]
    panel.set_xticks(range(len(names)), texts, rotation=45 if max(map(len, texts)) > 3 else 0)
    panel.set_yticks(range(len(names)), texts)
    panel.grid(False)
    return _finished(figure, path, axes)
