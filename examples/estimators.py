"""Networks as estimators: scikit-learn's tools around deltaprop's networks.

The data are the handwritten digits of digits.py. scikit-learn provides the tools:

    Pipeline        scales the pixels, then trains the network
    GridSearchCV    tries twelve settings of the network on folds of the training images

The figure shows the scores of the settings, the training losses of a relu network and of
scikit-learn's network from the same seed, and the confusion matrix of the best network on the test
images. `deltaprop.sklearn.MLPClassifier` has the parameters of scikit-learn's MLPClassifier and
trains to the same network. Some activations, such as silu, exist only in deltaprop.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
from _script import BLUE, GREY, ORANGE, figure, parser, progress, save, table
from sklearn import neural_network as theirs
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deltaprop.sklearn import MLPClassifier
from deltaprop.viz import plot_confusion_matrix

GRID = {
    "mlpclassifier__activation": ["relu", "tanh", "silu"],
    "mlpclassifier__alpha": [1e-4, 1.0],
    "mlpclassifier__learning_rate_init": [1e-3, 1e-2],
}


def pipeline(make: Any, epochs: int, seed: int, **settings: Any) -> Any:
    """Return a network behind a scaler of the pixels."""
    return make_pipeline(
        StandardScaler(), make((64,), max_iter=epochs, random_state=seed, **settings)
    )


def named(settings: dict[str, Any]) -> tuple[str, float, float]:
    """Return activation, alpha and learning rate."""
    return tuple(settings[name] for name in GRID)


def draw_search(axes: Any, results: dict[str, Any], folds: int) -> None:
    """Draw each setting's mean score and the scores of its folds, best first."""
    order = np.argsort(results["mean_test_score"], kind="stable")
    scores = 100 * np.array([results[f"split{k}_test_score"] for k in range(folds)])[:, order]
    rows = np.arange(len(order))
    for fold in scores:
        axes.plot(fold, rows, "o", color=GREY, alpha=0.45, markersize=4)
    axes.plot(scores.mean(0), rows, "D", color=BLUE, markersize=6, label="mean of the folds")
    axes.plot([], [], "o", color=GREY, alpha=0.45, markersize=4, label="one fold")
    labels = [named(results["params"][i]) for i in order]
    axes.set_yticks(rows, [f"{name},  alpha {a:g},  rate {rate:g}" for name, a, rate in labels])
    axes.set(title=f"{len(order)} settings, {folds} folds each", xlabel="accuracy, %")
    axes.set_ylim(-0.6, len(order) + 0.6)  # room for the legend
    axes.legend(loc="upper left", ncols=2)


def draw_learning(axes: Any, ours: Any, its: Any) -> None:
    """Draw both losses by epoch; the lines coincide, so one is wide."""
    axes.plot(its.loss_curve_, color=ORANGE, linewidth=5, alpha=0.6, label="scikit-learn")
    axes.plot(ours.loss_curve_, color=BLUE, linewidth=1.5, label="deltaprop.sklearn")
    axes.set(
        title="relu: training loss of both, from one seed",
        xlabel="epoch",
        ylabel="loss",
        yscale="log",
    )
    axes.legend()


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Search, test, print and draw; return the test accuracy and the difference of the losses."""
    options = parser(__doc__ or "")
    options.add_argument("--jobs", type=int, default=1, help="processes of the search (1)")
    args = options.parse_args(argv)
    epochs, folds, share = (12, 2, 0.35) if args.quick else (60, 5, 0.8)
    warnings.simplefilter("ignore", ConvergenceWarning)  # of epochs that could have gone on

    X, T = load_digits(return_X_y=True)
    X, test_X, T, test_T = train_test_split(
        X, T, train_size=share, test_size=0.2, stratify=T, random_state=args.seed
    )
    print(f"{len(X)} training images, {len(test_X)} test images; {epochs} epochs\n")
    network = pipeline(MLPClassifier, epochs, args.seed)
    search = GridSearchCV(network, GRID, cv=folds, n_jobs=args.jobs).fit(X, T)
    results = search.cv_results_
    table(
        ["activation", "alpha", "rate", "accuracy", "std over folds", "seconds"],
        [
            [
                named(results["params"][i])[0],
                *(f"{number:g}" for number in named(results["params"][i])[1:]),
                f"{results['mean_test_score'][i]:.2%}",
                f"{results['std_test_score'][i]:.2%}",
                f"{results['mean_fit_time'][i]:.2f}",
            ]
            for i in np.argsort(-results["mean_test_score"], kind="stable")
        ],
    )
    seen = search.predict(test_X)
    accuracy = float(np.mean(seen == test_T))
    print(
        "best setting:",
        ", ".join(f"{n.partition('__')[2]} {v}" for n, v in search.best_params_.items()),
    )
    print(f"test accuracy: {accuracy:.2%}\n")

    # both networks from the same seed, with the settings that both have
    fitted, seconds = [], []
    for make in progress((MLPClassifier, theirs.MLPClassifier), "comparing"):
        start = perf_counter()
        fitted.append(pipeline(make, epochs, args.seed, activation="relu").fit(X, T)[-1])
        seconds.append(perf_counter() - start)
    ours, its = fitted
    apart = float(np.abs(np.array(ours.loss_curve_) / its.loss_curve_ - 1).max())
    print(f"relu, both from seed {args.seed}: maximum relative difference in loss {apart:.1e};")
    print(f"deltaprop took {seconds[0] / seconds[1]:.2f} times as long as scikit-learn")

    picture = figure(16, 5.2, "Networks as estimators: handwritten digits")
    left, middle, right = picture.subplots(1, 3, width_ratios=[1.05, 0.9, 1])
    draw_search(left, results, folds)
    draw_learning(middle, ours, its)
    plot_confusion_matrix(test_T, seen, axes=right)
    save(picture, args.output, "estimators")
    return {"accuracy": accuracy, "apart": apart, "settings": len(results["params"])}


if __name__ == "__main__":
    main()
