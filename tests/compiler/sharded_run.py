"""Trains a network with its batches split over devices: one process of a run, for `test_sharding`.

python sharded_run.py FOLDER PROCESSES INDEX PORT LAST [DIES_AT]

prints the loss of each step up to LAST, from the checkpoint in FOLDER on; process 0 writes one
after each step. In step DIES_AT the last process kills itself.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

import deltaprop as dp

BATCH = 16


def problem() -> tuple[Any, Any, Any]:
    """A training step that draws random numbers, the network and its optimiser."""
    model = dp.nn.MLP([6, 8, 3], rng=0)
    optimizer = dp.optim.Adam(model.parameters(), lr=0.01)

    def step(batch: Any, rng: Any) -> Any:
        noise = 0.1 * rng.standard_normal(batch["X"].shape)
        loss = dp.nn.softmax_cross_entropy(model(batch["X"] + noise), batch["Y"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step, model, optimizer


def batch(k: int, size: int = BATCH) -> dict[str, Any]:
    rng = np.random.default_rng(k)
    return {"X": rng.standard_normal((size, 6)), "Y": rng.integers(0, 3, size)}


def save(path: Path, step: int, model: Any, optimizer: Any) -> None:
    """All that a run depends on, in a file that is whole or not there at all."""
    state = optimizer.state_dict()["state"]
    arrays = {f"p.{name}": x for name, x in model.state_dict().items()}
    arrays |= {f"s.{name}": x for name, x in state.items()}
    part = path.with_suffix(".part.npz")
    np.savez(part, step=step, **arrays)
    os.replace(part, path)


def load(path: Path, model: Any, optimizer: Any) -> int:
    """The number of the step to go on with."""
    if not path.exists():
        return 0
    saved = np.load(path)
    model.load_state_dict({k[2:]: x for k, x in saved.items() if k.startswith("p.")})
    state = {k[2:]: x for k, x in saved.items() if k.startswith("s.")}
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
    return int(saved["step"])


def main(folder: str, *numbers: str) -> None:
    processes, index, port, last, *dies = map(int, numbers)
    if processes > 1:
        from deltaprop.compiler.sharding import join

        join(f"127.0.0.1:{port}", processes, index, timeout=20)
    step, model, optimizer = problem()
    compiled = dp.compile(step, executor="xla", shard={"batch": 0})
    path = Path(folder) / "checkpoint.npz"
    for k in range(load(path, model, optimizer), last):
        if dies == [k] and index == processes - 1:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        try:
            loss = compiled(batch(k), np.random.default_rng(k)).item()
            print("loss", k, loss, flush=True)
        except RuntimeError as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)  # at once: JAX would wait for the others
        if index == 0:
            save(path, k + 1, model, optimizer)


if __name__ == "__main__":
    main(*sys.argv[1:])
