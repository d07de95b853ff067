"""Trees of arrays and numbers in safetensors files: written whole or not at all, never pickled.

The arrays are tensors, named by their path in the tree; all else is JSON in the file's metadata,
beside a checksum of both.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..nn import Module

_FORMAT = "1"


class CheckpointError(ValueError):
    """A file is no checkpoint of ours, or no longer whole."""


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "networks are saved as safetensors: pip install 'deltaprop[train]'"
        ) from error
    return safetensors


def write(path: Path, tree: Mapping[str, Any], before: Path | None = None) -> None:
    """Put a tree in a file: all of it, or it stays what it was, whatever happens.

    With `before`, what was there goes to that path first: at any moment one of both is whole.
    """
    tensors: dict[str, np.ndarray] = {}
    state = json.dumps(_without_arrays(tree, "", tensors), default=_listed)
    metadata = {"deltaprop": _FORMAT, "state": state, "sha256": _digest(state, tensors)}
    content = _safetensors().numpy.save(tensors, metadata)
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if before is not None and path.exists():
        os.replace(path, before)
    os.replace(temporary, path)


def read(path: Path) -> dict[str, Any]:
    """The tree in a file.

    Raises
    ------
    CheckpointError
        If it is not what `write` wrote there, to the bit.
    FileNotFoundError
        If there is none.
    """
    library = _safetensors()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with library.safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (library.SafetensorError, OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path} is no whole safetensors file: {error}") from error
    if not {"deltaprop", "state", "sha256"} <= metadata.keys():
        raise CheckpointError(
            f"{path} was not written by deltaprop: to take the weights of another's file, give "
            "safetensors.numpy.load_file(path) to model.load_state_dict"
        )
    if metadata["sha256"] != _digest(metadata["state"], tensors):
        raise CheckpointError(f"{path} is damaged: its contents do not match their checksum")
    if metadata["deltaprop"] != _FORMAT:
        raise CheckpointError(
            f"{path} is of format {metadata['deltaprop']}, this version reads {_FORMAT}"
        )
    tree: dict[str, Any] = json.loads(metadata["state"])
    for name, array in tensors.items():
        *branches, leaf = name.split("/")
        branch = tree
        for key in branches:
            branch = branch[key]
        branch[leaf] = array
    return tree


def _without_arrays(tree: Any, path: str, tensors: dict[str, np.ndarray]) -> Any:
    """The tree without its arrays, which are put among the tensors."""
    if not isinstance(tree, Mapping):
        return tree
    rest = {}
    for key, entry in tree.items():
        name = f"{path}{key}"
        if isinstance(entry, np.ndarray):
            if "/" in key:
                raise ValueError(f"the name of a saved array has no slash, but {key!r} has")
            if entry.dtype.kind == "c" or entry.dtype.itemsize > 8:
                raise TypeError(f"a safetensors file cannot hold {name!r}, of {entry.dtype}")
            tensors[name] = np.array(entry, order="C")
        else:
            rest[key] = _without_arrays(entry, f"{name}/", tensors)
    return rest


def _listed(x: Any) -> Any:
    """What JSON has no word for: NumPy's numbers, and arrays in lists."""
    if isinstance(x, np.ndarray | np.generic):
        return x.tolist()
    raise TypeError(f"a checkpoint holds arrays, numbers, strings and dicts of them, not {x!r}")


def _digest(state: str, tensors: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(state.encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def save(model: Module, path: str | os.PathLike[str]) -> None:
    """Write the parameters and buffers of a module to a safetensors file, under their names.

    Until it is all there, a file that was there stays as it is.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import tempfile
    >>> model, other = dp.nn.MLP([2, 3, 1], rng=0), dp.nn.MLP([2, 3, 1], rng=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dp.training.save(model, f"{folder}/model.safetensors")
    ...     dp.training.load(other, f"{folder}/model.safetensors")
    >>> bool((other.layers[0].weight.numpy() == model.layers[0].weight.numpy()).all())
    True
    """
    write(Path(path), model.state_dict())


def load(model: Module, path: str | os.PathLike[str]) -> None:
    """Set the parameters and buffers of a module from what `save` or a `Checkpoint` wrote.

    Raises
    ------
    CheckpointError
        If the file is damaged, or not one of ours.
    ValueError
        If it does not fit the model. Nothing is changed then, either.
    """
    tree = read(Path(path))
    model.load_state_dict(tree["model"] if isinstance(tree.get("model"), dict) else tree)
