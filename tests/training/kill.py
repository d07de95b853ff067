"""Kill a training at random instants, resume it, and compare the end with an undisturbed one's.

    python -m tests.training.kill --count 50

Each run is killed (SIGKILL) once or more, then left to end. It has everything that must be
saved: batch normalisation, dropout from two generators, shuffling, AdamW, a schedule, early
stopping and, with --stream, a generator of the data's own that makes noise. All that a run ends
with is compared bit for bit, but for the seconds.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

EPOCHS = 100
KILLED = 1 if os.name == "nt" else -signal.SIGKILL  # the exit status of who was killed


class Noisy:
    """Batches that differ in each epoch."""

    def __init__(self, X: Any, Y: Any) -> None:
        self.X, self.Y, self.rng = X, Y, np.random.default_rng(5)

    def __iter__(self) -> Any:
        for i in range(0, len(self.X), 50):
            X = self.X[i : i + 50]
            yield X + self.rng.normal(0, 0.05, X.shape), self.Y[i : i + 50]


def train(folder: Path, epochs: int, stream: bool, compiled: bool) -> None:
    """The training that is killed."""
    from deltaprop import nn, optim, training

    rng = np.random.default_rng(1)
    X = rng.normal(size=(330, 6))
    Y = np.sin(X[:, :2]) + rng.normal(0, 0.3, (330, 2))
    model = nn.Sequential(
        nn.Dense(6, 32, "relu", rng=1),
        nn.BatchNorm(32),
        nn.Dropout(0.2, rng=2),
        nn.MLP([32, 24, 2], dropout=0.1, rng=4),
    )
    optimizer = optim.AdamW(model.parameters(), lr=3e-3)
    data = Noisy(X[:300], Y[:300]) if stream else (X[:300], Y[:300])
    print("begins", flush=True)
    training.fit(
        model,
        data,
        "huber",
        optimizer,
        epochs=epochs,
        batch_size=50,
        validation=(X[300:], Y[300:]),
        metrics={"worst": lambda target, prediction: np.abs(target - prediction).max()},
        schedule=optim.ReduceOnPlateau(optimizer, patience=5, factor=0.7),
        callbacks=[
            training.Checkpoint(folder),
            training.EarlyStopping(patience=epochs // 2, min_delta=1e-4),
        ],
        rng=7,
        compiled=compiled,
        resume=True,
    )
    training.save(model, folder / "end.safetensors")


def start(folder: Path, epochs: int, stream: bool, compiled: bool) -> subprocess.Popen[str]:
    """A process that trains, when it begins to."""
    words = [sys.executable, "-m", "tests.training.kill", "--train", folder, "--epochs", epochs]
    flags = ["--stream"] * stream + ["--eager"] * (not compiled)
    process = subprocess.Popen(
        [*map(str, words), *flags],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    return process


def finish(process: subprocess.Popen[str]) -> None:
    """Let it end."""
    process.communicate(timeout=300)
    if process.returncode:
        raise RuntimeError(f"the training ended with {process.returncode}")


def outcome(folder: Path) -> dict[str, Any]:
    """All that a training left, but for the seconds, so that `==` compares it."""
    from deltaprop.training.storage import read

    left = {name: read(folder / f"{name}.safetensors") for name in ("end", "last", "best")}
    for name in ("last", "best"):
        left[name]["history"].pop("seconds")
    return _comparable(left)


def _comparable(tree: Any) -> Any:
    if isinstance(tree, np.ndarray):
        return tree.dtype.str, tree.shape, tree.tobytes()
    return {k: _comparable(v) for k, v in tree.items()} if isinstance(tree, dict) else repr(tree)


def state_of(folder: Path) -> str:
    """Where the kill found the saving."""
    if not (folder / "last.safetensors").exists():
        return "between two names" if (folder / "previous.safetensors").exists() else "at the start"
    writing = any(folder.glob("*.tmp"))
    return "while a file was written" if writing else "between saves"


def experiment(
    count: int,
    seed: int,
    epochs: int = EPOCHS,
    stream: bool = False,
    compiled: bool = True,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[int, int, Counter[str]]:
    """Kill `count` times; the runs that ended, those that ended otherwise, and kills by state."""
    rng = np.random.default_rng(seed)
    states: Counter[str] = Counter()
    runs = differing = 0
    with tempfile.TemporaryDirectory() as home:

        def begin(name: str) -> subprocess.Popen[str]:
            return start(Path(home, name), epochs, stream, compiled)

        process, began = begin("undisturbed"), time.monotonic()
        finish(process)
        seconds = time.monotonic() - began
        expected = outcome(Path(home, "undisturbed"))
        while states.total() < count:
            runs += 1
            folder = Path(home, str(runs))
            process = begin(folder.name)
            again = True
            while again and states.total() < count:
                time.sleep(rng.uniform(0, seconds))
                process.kill()
                process.communicate()
                if process.returncode == 0:
                    break  # it was through
                if process.returncode != KILLED:
                    raise RuntimeError(f"the training ended with {process.returncode}")
                states[state_of(folder)] += 1
                again = bool(rng.random() < 0.4)
                process = begin(folder.name)
            if process.returncode is None:
                finish(process)
            differing += outcome(folder) != expected
            progress(f"{states.total()} of {count} kills, {runs} runs, {differing} differ")
    return runs, differing, states


def main(argv: Sequence[str] | None = None) -> int:
    """Do the experiment, and say how it went; 1 if any run ended otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="kills (50)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--train", type=Path, help="be the training, and save here")
    parser.add_argument("--stream", action="store_true", help="batches from outside")
    parser.add_argument("--eager", action="store_true", help="not compiled")
    args = parser.parse_args(argv)
    if args.train:
        warnings.simplefilter("error")
        train(args.train, args.epochs, args.stream, not args.eager)
        return 0
    runs, differing, states = experiment(
        args.count, args.seed, args.epochs, args.stream, not args.eager, print
    )
    print(f"{states.total()} kills in {runs} runs; {differing} ended otherwise than undisturbed")
    for state, times in states.most_common():
        print(f"  {times:3} {state}")
    return int(differing > 0)


if __name__ == "__main__":
    raise SystemExit(main())
