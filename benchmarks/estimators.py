"""Our estimators against scikit-learn's of the same parameters: time to fit, and scores."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks.problem import Array
from benchmarks.progress import Progress
from benchmarks.results import Comparison, Verdict, WorkloadResult, at_most
from benchmarks.timing import Contender, Settings, compare

NAME = "estimators"
TITLE = "Estimators: fitting, from the data to the trained network, and scores of 5 folds"

SKLEARN = "scikit-learn"
OURS = "deltaprop.sklearn"

# Settings of a fit on the digits, and the dtype of the pictures; what is not said is the default:
# one hidden layer of 100, batches of 200, Adam, at most 200 epochs.
FITS: dict[str, tuple[dict[str, Any], type]] = {
    "digits, defaults": ({}, np.float64),
    "digits, defaults, float32": ({}, np.float32),
    "digits, 64-32, batch 32": (
        {"hidden_layer_sizes": (64, 32), "batch_size": 32, "max_iter": 50},
        np.float64,
    ),
    "digits, sgd, early stopping": (
        {"solver": "sgd", "learning_rate_init": 0.1, "early_stopping": True},
        np.float64,
    ),
    "digits, lbfgs": ({"solver": "lbfgs"}, np.float64),
}
# The scale of diabetes' target asks for more than the default rate.
SETS: dict[str, dict[str, Any]] = {
    "digits": {},
    "breast_cancer": {},
    "wine": {},
    "diabetes": {"learning_rate_init": 0.02, "alpha": 1.0},
}


class Problem(NamedTuple):
    """Standardised rows, their targets, and the name of the estimators for them."""

    X: Array
    y: Array
    kind: str


def run(settings: Settings, progress: Progress) -> WorkloadResult:
    """Check that both end at one network, time fits, then compare scores."""
    try:
        digits = _load("digits")
    except ImportError as error:
        nobody = Comparison("the digits", [], SKLEARN, absent={SKLEARN: str(error)})
        return WorkloadResult(NAME, TITLE, [nobody], [])
    comparisons: list[Comparison] = []
    verdicts: list[Verdict] = []
    notes = [
        "Before timing, both were seen to end at the same network, to rounding. A fit includes"
        " checks of the data and the compilation of steps."
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of 200 epochs that did not suffice
        for case, (parameters, dtype) in FITS.items():
            if not settings.wants_case(case):
                continue
            parameters = {"random_state": 0, **parameters}
            if settings.quick:
                parameters["max_iter"] = 20
            _check(digits, parameters)
            X = digits.X.astype(dtype)
            contenders = [
                Contender(
                    name, lambda m=make, p=parameters, X=X: m(digits.kind, p).fit(X, digits.y)
                )
                for name, make in ((SKLEARN, _theirs), (OURS, _ours))
            ]
            comparison = compare(case, contenders, SKLEARN, settings, progress)
            comparisons.append(comparison)
            if "defaults" in case and not settings.quick:
                verdicts.append(at_most(comparison, OURS, 0.7, SKLEARN))
        if not settings.case:
            for name in SETS:
                verdict, note = _scores(name, settings, progress)
                verdicts.append(verdict)
                notes.append(note)
    return WorkloadResult(NAME, TITLE, comparisons, verdicts, notes)


def _ours(kind: str, parameters: dict[str, Any]) -> Any:
    from deltaprop import sklearn

    return getattr(sklearn, kind)(**parameters)


def _theirs(kind: str, parameters: dict[str, Any]) -> Any:
    from sklearn import neural_network

    return getattr(neural_network, kind)(**parameters)


def _load(name: str) -> Problem:
    from sklearn import datasets
    from sklearn.preprocessing import StandardScaler

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    kind = "MLPRegressor" if name == "diabetes" else "MLPClassifier"
    return Problem(StandardScaler().fit_transform(X), y, kind)


def _check(problem: Problem, parameters: dict[str, Any]) -> None:
    """Raise unless a few epochs in float64 end at one network."""
    few = {**parameters, "max_iter": 5}
    ours, theirs = (make(problem.kind, few).fit(problem.X, problem.y) for make in (_ours, _theirs))
    for mine, its in zip(ours.coefs_, theirs.coefs_, strict=True):
        if not np.allclose(mine, its, 1e-6, 1e-6 * np.abs(its).max()):
            raise AssertionError(f"{OURS} and {SKLEARN} differ after 5 epochs of {parameters}")


def _scores(name: str, settings: Settings, progress: Progress) -> tuple[Verdict, str]:
    """Compare the mean scores of 5 folds, from several seeds; say how much they spread."""
    seeds = 1 if settings.quick else 3
    found: dict[str, list[float]] = {OURS: [], SKLEARN: []}
    jobs = [(seed, maker) for seed in range(seeds) for maker in ((OURS, _ours), (SKLEARN, _theirs))]
    rounds = iter(progress.rounds(f"scores, {name}", len(jobs)))
    for seed, (who, make) in jobs:
        next(rounds)
        parameters = {"random_state": seed, **SETS[name]}
        if settings.quick:
            parameters["max_iter"] = 20
        found[who] += _of_folds(_load(name), make, parameters, seed)
    mine, its = np.array(found[OURS]), np.array(found[SKLEARN])
    what = "R2" if name == "diabetes" else "accuracy"
    apart = np.count_nonzero(mine != its)
    note = (
        f"{name}: {what} {mine.mean():.4f} ± {mine.std():.4f} (over {seeds} seeds x 5 folds), of"
        f" {SKLEARN} {its.mean():.4f} ± {its.std():.4f}; {apart} of {len(mine)} scores differ, by"
        f" {np.abs(mine - its).max():.1e} at most."
    )
    # one seed's rounding may turn one sample over, for better or worse: no difference
    noise = float((mine - its).std()) / len(mine) ** 0.5
    statement = f"{name}: {what} of {OURS} at least that of {SKLEARN} (less its noise, {noise:.1e})"
    bound = float(its.mean()) - noise - 1e-9
    return Verdict(statement, bound, float(mine.mean()), at_least=True), note


def _of_folds(problem: Problem, make: Any, parameters: dict[str, Any], seed: int) -> list[float]:
    return [
        make(problem.kind, parameters).fit(X, y).score(test_X, test_y)
        for X, y, test_X, test_y in _folds(problem, seed)
    ]


def _folds(problem: Problem, seed: int) -> Iterator[tuple[Array, Array, Array, Array]]:
    """Five parts of the data to test with, scaled as the rest says."""
    from sklearn.model_selection import KFold, StratifiedKFold
    from sklearn.preprocessing import StandardScaler

    kinds = {"MLPRegressor": KFold, "MLPClassifier": StratifiedKFold}
    folds = kinds[problem.kind](5, shuffle=True, random_state=seed)
    for train, test in folds.split(problem.X, problem.y):
        scaler = StandardScaler().fit(problem.X[train])
        yield (
            *(scaler.transform(problem.X[train]), problem.y[train]),
            *(scaler.transform(problem.X[test]), problem.y[test]),
        )
