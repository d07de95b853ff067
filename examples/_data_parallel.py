"""One process of `data_parallel`: trains a network on its part of each batch, and takes the time.

python _data_parallel.py INDEX PROCESSES PORT TASK
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import deltaprop as dp

SIZES = [64, 256, 256, 10]


def batch(rows: int, seed: int) -> tuple[Any, Any]:
    """Return random images and classes."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, SIZES[0])).astype(np.float32)
    return X, rng.integers(0, SIZES[-1], rows)


def train(rows: int, steps: int, seed: int) -> dict[str, Any]:
    """Train with the batch split over all devices; return the seconds of a step and the losses."""
    network = dp.nn.MLP(SIZES, "relu", rng=seed, dtype=np.float32)
    optimizer = dp.optim.SGD(network.parameters(), lr=0.1)

    @dp.compile(executor="xla", shard={"X": 0, "T": 0})
    def step(X: Any, T: Any) -> Any:
        error = dp.nn.softmax_cross_entropy(network(X), T)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        return error

    X, T = batch(rows, seed)
    losses, seconds = [step(X, T).item()], []  # the first step is recorded and compiled
    for _ in range(steps):
        start = time.perf_counter()
        losses.append(step(X, T).item())
        seconds.append(time.perf_counter() - start)
    return {"seconds": statistics.median(seconds), "losses": losses}


def work(index: int, devices: int, port: int, task: dict[str, Any]) -> None:
    """Be one of the processes; the first one reports what was measured."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[index % len(cores)]})
    if devices > 1:
        from deltaprop.compiler.sharding import join

        join(f"127.0.0.1:{port}", devices, index)
    found = [train(rows, task["steps"], task["seed"]) for rows in task["rows"]]
    if index == 0:
        Path(task["report"]).write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    work(*map(int, sys.argv[1:4]), json.loads(sys.argv[4]))
