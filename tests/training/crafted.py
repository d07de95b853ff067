"""Checkpoints that were damaged or crafted, resumed from: ``python -m tests.training.crafted``.

Each is a whole file to which something was done: bytes flipped, cut, doubled, exchanged; or
entries of its tree or header, under a right checksum. Resuming from it must raise a
CheckpointError and change nothing, or continue where nothing that counts was touched.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from deltaprop import nn, optim
from deltaprop.training import Checkpoint, CheckpointError, fit
from deltaprop.training.storage import read, write

X = np.linspace(-1, 1, 12).reshape(6, 2)
JUNK: list[Any] = [
    None, True, -1, 0, 1.5, float("nan"), float("inf"), 10**30, "", "text", "\ud800", [], [1], [[]],
    {}, {"a": 1}, np.ones(2), np.ones((2, 2), np.float16), np.array(3), np.zeros((0, 5)),
]  # fmt: skip


def training(folder: Path, epochs: int = 1) -> Any:
    model = nn.MLP([2, 3, 2], dropout=0.5, rng=0)
    optimizer = optim.Adam(model.parameters())
    return model, optimizer, lambda: fit(
        model, (X, X), "mse", optimizer, epochs=epochs, rng=np.random.default_rng(0),
        schedule=optim.StepDecay(optimizer, 2), callbacks=[Checkpoint(folder)], resume=True,
        compiled=False, progress=False,
    )  # fmt: skip


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all entries of dicts and lists in a tree."""
    if isinstance(tree, dict):
        entries = list(tree.items())
    else:
        entries = list(enumerate(tree)) if isinstance(tree, list) else []
    return [p for key, entry in entries for p in [(*path, key), *places(entry, (*path, key))]]


def changed(tree: Any, rng: np.random.Generator) -> Any:
    """The tree with one entry gone, new or another."""
    found = places(tree)
    *branches, leaf = found[rng.integers(len(found))]
    branch = tree
    for key in branches:
        branch = branch[key]
    how = rng.integers(4)
    if how == 0:
        del branch[leaf]
    elif how == 1 and isinstance(branch, dict):
        branch["more"] = JUNK[rng.integers(len(JUNK))]
    else:
        branch[leaf] = JUNK[rng.integers(len(JUNK))]
    return tree


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    at, end = sorted(int(k) for k in rng.integers(len(content), size=2))
    how = rng.integers(5)
    if how == 0:
        return content[:at]
    if how == 1:
        return content[:at] + content[end:]
    if how == 2:
        return content[:end] + content[at:]
    if how == 3:
        return content[:at] + rng.bytes(end - at) + content[end:]
    at = int(rng.integers(2000 if rng.integers(2) else len(content))) % len(content)
    return content[:at] + bytes([content[at] ^ (1 << int(rng.integers(8)))]) + content[at + 1 :]


def run(home: Path, count: int, seed: int) -> tuple[int, list[str]]:
    """How many files were tried, and what was wrong."""
    rng, wrong, tried = np.random.default_rng(seed), [], 0
    training(home / "whole")[2]()
    whole = (home / "whole" / "last.safetensors").read_bytes()
    folder, path = home / "crafted", home / "crafted" / "last.safetensors"
    folder.mkdir()
    for number in range(count):
        path.write_bytes(whole)
        crafted = number % 3 > 0
        if crafted:
            try:
                write(path, changed(read(path), rng))
            except (ValueError, TypeError):
                continue  # no file of this can be made
        else:
            path.write_bytes(damaged(whole, rng))
        if path.read_bytes() == whole:
            continue
        tried += 1
        model, optimizer, go_on = training(folder, epochs=2)
        before = state(model, optimizer)
        try:
            history = go_on()
        except CheckpointError:
            if state(model, optimizer) != before:
                wrong.append(f"{number}: half of it was loaded")
        except Exception as error:
            wrong.append(f"{number}: {type(error).__name__}: {error}")
        else:
            if not crafted:
                wrong.append(f"{number}: it was taken for whole")
            elif len(history) < 2 and history.stopped is None:
                wrong.append(f"{number}: {len(history)} epochs")
        for left in folder.iterdir():
            left.unlink()
    return tried, wrong


def state(model: Any, optimizer: Any) -> str:
    saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    return json.dumps(saved, default=lambda array: np.asarray(array).tolist())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tried, wrong = run(Path(folder), args.count, args.seed)
    print("\n".join(wrong))
    print(f"{tried} files, {len(wrong)} wrong")
