"""An epoch on the digits: ours against scikit-learn's, the same network, batch and Adam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.problem import Array
from benchmarks.progress import Progress
from benchmarks.results import Comparison, Verdict, WorkloadResult, at_most
from benchmarks.timing import Contender, Settings, compare

NAME = "digits-epoch"
TITLE = "An epoch on the digits (1,437 pictures of 8 x 8): relu, softmax, Adam; float32"

SKLEARN = "MLPClassifier"
COMPILED = "deltaprop compiled"
EAGER = "deltaprop eager"
RATE = 1e-3

# Hidden layers and batch: MLPClassifier's defaults, and those of the example digits.py; and the
# target of the compiled epoch, in times of MLPClassifier's.
CASES: list[tuple[tuple[int, ...], int, float]] = [((100,), 200, 0.7), ((128, 64), 32, 0.2)]


class Part(NamedTuple):
    """Pictures, one a row of 64 numbers from 0 to 1, and the digits that they show."""

    X: Array
    T: Array


def run(settings: Settings, progress: Progress) -> WorkloadResult:
    """Check that all do the same epoch, time epochs, then compare what training has learned."""
    try:
        train, test = _load()
    except ImportError as error:
        nobody = Comparison("the digits", [], SKLEARN, absent={SKLEARN: str(error)})
        return WorkloadResult(NAME, TITLE, [nobody], [])
    comparisons: list[Comparison] = []
    verdicts: list[Verdict] = []
    notes = [
        "A batch is a slice of the pictures, which are shuffled once an epoch. Before timing, all"
        " did one epoch from the same start in the same order in float64: same parameters."
    ]
    starts, epochs = (1, 10) if settings.quick else (5, 40)
    for hidden, batch, factor in CASES:
        case = f"{'-'.join(map(str, (64, *hidden, 10)))}, batch {batch}"
        if not settings.wants_case(case):
            continue
        _check(train, hidden, batch)
        networks: dict[str, Callable[[int], Any]] = {
            SKLEARN: lambda seed, h=hidden, b=batch: Theirs(h, b, seed),
            COMPILED: lambda seed, h=hidden, b=batch: Ours(h, b, seed),
            EAGER: lambda seed, h=hidden, b=batch: Ours(h, b, seed, compiled=False),
        }
        contenders = []
        for name, make in networks.items():
            network = make(0)
            network.epoch(train)
            contenders.append(Contender(name, lambda network=network: network.epoch(train)))
        comparison = compare(case, contenders, SKLEARN, settings, progress)
        comparisons.append(comparison)
        verdicts.append(at_most(comparison, COMPILED, factor, SKLEARN))
        read = {
            name: _accuracy(networks[name], train, test, starts, epochs)
            for name in (SKLEARN, COMPILED)
        }
        verdicts.append(
            Verdict(
                f"{case}: share of test pictures read right, {COMPILED},"
                f" at least that of {SKLEARN}, {read[SKLEARN]:.4f}",
                read[SKLEARN],
                read[COMPILED],
                at_least=True,
            )
        )
    notes.append(f"Test pictures read right: the mean of {starts} starts of {epochs} epochs each.")
    return WorkloadResult(NAME, TITLE, comparisons, verdicts, notes)


class Ours:
    """Our MLP and Adam; an epoch shuffles, and calls the step on slices."""

    def __init__(
        self,
        hidden: tuple[int, ...],
        batch: int,
        seed: int,
        *,
        compiled: bool = True,
        dtype: type = np.float32,
        eps: float = 1e-8,
    ) -> None:
        import deltaprop as dp

        self.batch = batch
        self.rng = np.random.default_rng(seed)
        self.model = dp.nn.MLP([64, *hidden, 10], "relu", rng=self.rng, dtype=dtype)
        self.optimizer = dp.optim.Adam(self.model.parameters(), lr=RATE, eps=eps)
        self.loss = dp.nn.softmax_cross_entropy
        self.step = dp.compile(self.uncompiled_step) if compiled else self.uncompiled_step

    def epoch(self, train: Part) -> None:
        """Learn from each picture once."""
        order = self.rng.permutation(len(train.X))
        self.batches(Part(train.X[order], train.T[order]))

    def batches(self, train: Part) -> None:
        """Learn from the pictures in their order."""
        for start in range(0, len(train.X), self.batch):
            rows = slice(start, start + self.batch)
            self.step(train.X[rows], train.T[rows])

    def uncompiled_step(self, X: Any, T: Any) -> Any:
        """Do a step on a batch, and return its loss."""
        loss = self.loss(self.model(X), T)
        self.optimizer.zero_grad()
        loss.backward(retain_grads=False)
        self.optimizer.step()
        return loss

    def read(self, X: Array) -> Array:
        """Return the digits of the largest logits."""
        return np.asarray(self.model(X).numpy().argmax(axis=1))


class Theirs:
    """scikit-learn's network; ``partial_fit`` does one epoch."""

    def __init__(self, hidden: tuple[int, ...], batch: int, seed: int, **options: Any) -> None:
        from sklearn.neural_network import MLPClassifier

        options = {"learning_rate_init": RATE, "alpha": 0.0, **options}
        self.model = MLPClassifier(hidden, batch_size=batch, random_state=seed, **options)

    def epoch(self, train: Part) -> None:
        """Learn from each picture once."""
        self.model.partial_fit(train.X, train.T, classes=range(10))

    def read(self, X: Array) -> Array:
        """Return the most probable digits."""
        return np.asarray(self.model.predict(X))


def _load() -> tuple[Part, Part]:
    """Return four fifths of the pictures to learn from, and the rest to test with."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, T = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)  # a pixel is a whole number from 0 to 16
    X, test_X, T, test_T = train_test_split(X, T, test_size=0.2, stratify=T, random_state=0)
    for array in (X, T):
        array.setflags(write=False)
    return Part(X, T), Part(test_X, test_T)


def _check(train: Part, hidden: tuple[int, ...], batch: int) -> None:
    """Raise unless an epoch in float64 from one start and in one order ends at one place."""
    train = Part(train.X.astype(np.float64), train.T)
    train.X.setflags(write=False)
    # Adam's eps stands elsewhere in theirs, so it is next to nothing here. So is a rate that
    # leaves the random start where it is.
    eps = 1e-15
    start = Theirs(hidden, batch, 0, shuffle=False, learning_rate_init=1e-30)
    theirs = Theirs(hidden, batch, 0, shuffle=False, epsilon=eps)
    for network in (start, theirs):
        network.epoch(train)
    for name, compiled in ((COMPILED, True), (EAGER, False)):
        ours = Ours(hidden, batch, 0, compiled=compiled, dtype=np.float64, eps=eps)
        layers = ours.model.layers
        for layer, W, b in zip(layers, start.model.coefs_, start.model.intercepts_, strict=True):
            layer.weight.assign(W)
            layer.bias.assign(b)
        ours.batches(train)
        for layer, before, after in zip(
            layers, start.model.coefs_, theirs.model.coefs_, strict=True
        ):
            moved = np.linalg.norm(after - before)
            if not np.linalg.norm(layer.weight.numpy() - after) <= 1e-5 * moved:
                raise AssertionError(f"{name}: an epoch of {hidden} differs from {SKLEARN}'s")


def _accuracy(
    make: Callable[[int], Any], train: Part, test: Part, starts: int, epochs: int
) -> float:
    """Return the share of the test pictures read right, on average over the starts."""
    shares = []
    for seed in range(starts):
        network = make(seed)
        for _ in range(epochs):
            network.epoch(train)
        shares.append(np.mean(network.read(test.X) == test.T))
    return float(np.mean(shares))
