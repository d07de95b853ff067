"""Checkpoints: a run that is killed repeatedly still ends with bit-identical results.

The training runs in its own process, with dropout, shuffled batches, Adam, a schedule and early
stopping. The process is killed (kill -9) at random moments, even while it writes a file, and
started again with `resume=True`. A checkpoint holds the complete training state: parameters,
Adam's means, the schedule, the states of the random generators, the states of the callbacks, the
history. So the final weights are bit-identical to those of an uninterrupted run.

The files have the safetensors format: they hold numbers and no code. A file is only ever replaced
by a complete file, and a checksum detects damage: at the end, this example flips one bit of the
latest checkpoint, and the checkpoint before it takes its place.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _script import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    figure,
    parser,
    progress,
    save,
    table,
)

from deltaprop import nn, optim
from deltaprop.training import Callback, Checkpoint, EarlyStopping, fit
from deltaprop.training import load as load_weights

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION)


class Part(NamedTuple):
    """The epochs of a process, and whether it was killed."""

    epochs: list[int]
    losses: list[float]
    killed: bool


class Tell(Callback):
    """Print each epoch, for the process that watches."""

    def __init__(self, watched: bool) -> None:
        self.watched = watched

    def on_epoch_end(self, run: Any) -> None:
        """Print its number and loss."""
        if self.watched:
            print(run.epoch, run.history.loss[-1], flush=True)


def network(seed: int) -> nn.MLP:
    """Return the network at its start."""
    return nn.MLP([2, 48, 48, 1], "tanh", dropout=0.1, rng=seed)


def train(folder: Path, epochs: int, seed: int, tell: bool = True) -> nn.MLP:
    """Train, or resume the run in the folder; return the network of the best epoch."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (600, 2))
    Y = np.sin(3 * X[:, :1]) * np.cos(2 * X[:, 1:]) + rng.normal(0, 0.1, (600, 1))
    model = network(seed)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    fit(
        model,
        (X[:500], Y[:500]),
        "mse",
        optimizer,
        epochs=epochs,
        validation=(X[500:], Y[500:]),
        schedule=optim.CosineDecay(optimizer, steps=epochs),
        callbacks=[Tell(tell), EarlyStopping(patience=epochs), Checkpoint(folder)],
        rng=seed,
        progress=False,
        resume=True,
    )
    return model


def run(folder: Path, epochs: int, seed: int, seconds: float | None) -> Part:
    """Train in a separate process, and kill it this long after its first output."""
    words = ["--train", folder, "--epochs", epochs, "--seed", seed]
    process = subprocess.Popen(
        [sys.executable, __file__, *map(str, words)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    text = process.stdout.readline()
    if seconds is not None:
        time.sleep(seconds)
        process.kill()
    text += process.communicate()[0]
    killed = process.returncode == (1 if os.name == "nt" else -9)
    if process.returncode and not killed:
        raise RuntimeError(f"the training ended with {process.returncode}")
    # what comes after the last line break is a line that was cut
    told = [line.split() for line in text.split("\n")[:-1]]
    return Part([int(k) for k, _ in told], [float(x) for _, x in told], killed)


def damaged(folder: Path, epochs: int, seed: int) -> tuple[str, nn.MLP]:
    """Flip a bit of the latest checkpoint and resume; return the warning and the network."""
    last = folder / "last.safetensors"
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = train(folder, epochs, seed, tell=False)
    return str(caught[0].message).replace(f"{folder}/", ""), model


def same(one: nn.MLP, other: nn.MLP) -> bool:
    """Return whether all weights are bit-identical."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(p.tobytes() == q.tobytes() for p, q in pairs)


def draw(uninterrupted: Part, parts: Sequence[Part]) -> Any:
    """Draw the loss by epoch, and which process did which epochs."""
    picture = figure(11, 6.2, f"A training run that was killed {len(parts) - 1} times")
    losses, turns = picture.subplots(2, 1, height_ratios=[2.4, 1], sharex=True)
    losses.semilogy(*uninterrupted[:2], color=GREY, linewidth=7, alpha=0.35, label="uninterrupted")
    for k, part in enumerate(parts):
        colour = COLOURS[k % len(COLOURS)]
        if part.epochs:
            losses.semilogy(*part[:2], color=colour, label=f"process {k + 1}")
            start, end = part.epochs[0] - 1, part.epochs[-1]
            turns.barh(k + 1, end - start, left=start, color=colour, height=0.6)
            if part.killed:
                losses.plot(end, part.losses[-1], "X", color=BLACK, markersize=9)
                turns.plot(end, k + 1, "X", color=BLACK, markersize=9)
    losses.plot([], [], "X", color=BLACK, markersize=9, linestyle="none", label="killed")
    losses.set(title="loss: the lines coincide", ylabel="mean squared error")
    losses.legend(ncols=2)
    turns.set(
        title="epochs of each process",
        xlabel="epoch",
        ylabel="process",
        ylim=(len(parts) + 0.7, 0.3),
    )
    turns.set(yticks=range(1, len(parts) + 1))
    return picture


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Kill, resume, print and draw; return whether the results are the same."""
    options = parser(__doc__ or "")
    options.add_argument("--epochs", type=int, help="number of epochs (200; quick: 40)")
    options.add_argument("--kills", type=int, help="how often the run is killed (5; quick: 2)")
    options.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    args = options.parse_args(argv)
    epochs = args.epochs or (40 if args.quick else 200)
    kills = args.kills or (2 if args.quick else 5)
    if args.train:
        train(args.train, epochs, args.seed)
        return {}

    rng = np.random.default_rng(args.seed)
    with tempfile.TemporaryDirectory() as home:
        left, right = Path(home, "uninterrupted"), Path(home, "killed")
        start = time.monotonic()
        uninterrupted = run(left, epochs, args.seed, None)
        seconds = time.monotonic() - start
        parts = [
            # no longer than leaves some for the others
            run(right, epochs, args.seed, rng.uniform(0, seconds / kills))
            for _ in progress(range(kills), "killing")
        ]
        parts.append(run(right, epochs, args.seed, None))
        rows = [
            [
                f"{k + 1}",
                f"{part.epochs[0]} to {part.epochs[-1]}" if part.epochs else "none",
                "was killed" if part.killed else "ended",
            ]
            for k, part in enumerate(parts)
        ]
        table(["process", "epochs", ""], rows)

        one, other = network(args.seed), network(args.seed)
        load_weights(one, left / "best.safetensors")
        load_weights(other, right / "best.safetensors")
        found = {"same": same(one, other)}
        print(f"the weights of both runs are: {'identical' if found['same'] else 'DIFFERENT'}")
        message, model = damaged(right, epochs, args.seed)
        found["mended"] = same(model, one)
        print(f"after a bit was flipped: {message}")
        print(f"after recovery, the weights are: {'identical' if found['mended'] else 'DIFFERENT'}")
    save(draw(uninterrupted, parts), args.output, "checkpoints")
    return {**found, "killed": sum(part.killed for part in parts)}


if __name__ == "__main__":
    main()
