"""Trees of arrays and numbers in safetensors files: written completely or not at all, no pickle.

Each array is a tensor, named by its path in the tree. All other data are JSON in the metadata of
the file, together with a checksum of both.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..extras import extra
from ..files import replacing
from ..habits import explained
from ..nn import Module
from ..options import of_kind

M = TypeVar("M", bound=Module)
_FORMAT = "1"
_HEADER = 100_000_000  # bytes: what safetensors reads


class CheckpointError(ValueError):
    """A file is damaged, is no checkpoint of deltaprop, or belongs to something else.

    Examples
    --------
    >>> import tempfile
    >>> import deltaprop as dp
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     dp.training.load(dp.nn.MLP([1, 1]), file.name)
    Traceback (most recent call last):
        ...
    deltaprop.training.storage.CheckpointError: ... is no whole safetensors file of ours ...
    """


def _safetensors() -> Any:
    with extra("safetensors", "networks are saved as safetensors"):
        import safetensors.numpy
    return safetensors


def write(path: Path, tree: Mapping[str, Any], before: Path | None = None) -> None:
    """Write a tree to a file. If anything goes wrong, the old file stays as it was.

    With `before`, the old file is moved to that path first: at any moment one of the two files is
    complete.
    """
    tensors: dict[str, np.ndarray] = {}
    state = json.dumps(_without_arrays(tree, "", tensors), default=_listed)
    metadata = {"deltaprop": _FORMAT, "state": state, "sha256": _digest(state, tensors)}
    content = _safetensors().numpy.save(tensors, metadata)
    if int.from_bytes(content[:8], "little") > _HEADER:
        raise ValueError(
            f"the names and numbers beside the arrays must fit into {_HEADER:,} bytes of a "
            f"safetensors file, got {int.from_bytes(content[:8], 'little'):,}"
        )
    with replacing(path, before) as file:
        file.write(content)


def read(path: Path) -> dict[str, Any]:
    """Return the tree that is stored in a file.

    Raises
    ------
    CheckpointError
        If the file is not, bit for bit, what `write` wrote there.
    FileNotFoundError
        If the file does not exist.
    """
    library = _safetensors()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path} (the current folder is {Path.cwd()})")
    path.open("rb").close()  # errors of the system are no sign of damage
    try:
        with library.safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # an AttributeError of NumPy's for 8-bit floats, ...
        raise CheckpointError(
            f"{path} is no whole safetensors file of ours ({error}): give a file that save or "
            "Checkpoint wrote; dp.torch.load_state_dict takes what torch.load gives"
        ) from error
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
    try:
        return _with_arrays(json.loads(metadata["state"], object_pairs_hook=_once), tensors)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} holds no tree of ours: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) < len(pairs):
        raise ValueError("a name is there twice")
    return tree


def _with_arrays(tree: Any, tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the tree with the tensors in their places."""
    if not isinstance(tree, dict):
        raise ValueError(f"it must be an object, got {type(tree).__name__}")
    for name, array in tensors.items():
        *branches, leaf = name.split("/")
        branch: Any = tree
        for key in branches:
            branch = branch.get(key)
            if not isinstance(branch, dict):
                raise ValueError(f"there is no place for the tensor {name!r}")
        if leaf in branch:
            raise ValueError(f"the place of the tensor {name!r} is taken")
        branch[leaf] = array
    return tree


def _without_arrays(tree: Any, path: str, tensors: dict[str, np.ndarray]) -> Any:
    """Return the tree without its arrays, and put the arrays among the tensors."""
    if not isinstance(tree, Mapping):
        return tree
    rest = {}
    for key, entry in tree.items():
        if not isinstance(key, str):
            raise TypeError(f"what is saved must have names that are str, got {key!r}")
        name = f"{path}{key}"
        if isinstance(entry, np.ndarray):
            if name == "__metadata__" or any("\ud800" <= c <= "\udfff" for c in name):
                raise ValueError(f"{name!r} cannot be the name of a saved array: choose another")
            if entry.dtype.kind not in "biuf" or entry.dtype.itemsize > 8:
                raise TypeError(
                    f"a safetensors file holds bools, integers and real numbers of up to 8 bytes, "
                    f"got {name!r} of {entry.dtype}: write numpy.savez(path, "
                    "**model.state_dict()) and read model.load_state_dict(numpy.load(path))"
                )
            tensors[name] = np.array(entry, entry.dtype.newbyteorder("="), order="C")
        else:
            rest[key] = _without_arrays(entry, f"{name}/", tensors)
        if "/" in key and any(tensor.startswith(name) for tensor in tensors):
            raise ValueError(f"the name of a saved array has no slash, but {key!r} has")
    return rest


def _listed(x: Any) -> Any:
    """Convert what JSON does not know: NumPy scalars, and arrays in lists."""
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


@explained
def save(model: Module, path: str | os.PathLike[str]) -> None:
    """Write the parameters and buffers of a module to a safetensors file, under their names.

    An existing file stays as it is until the new one is complete; the new file keeps its mode.
    If the path is a symbolic link, the file that the link leads to is replaced.

    Parameters
    ----------
    model : Module
    path : str or path

    Raises
    ------
    OSError
        If the file cannot be written: FileNotFoundError if its folder does not exist, other
        errors for a folder, a device or a pipe at the path. Nothing is left behind.
    ValueError, TypeError
        For names and dtypes (complex ones) that a safetensors file cannot hold.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import tempfile
    >>> model, other = dp.nn.MLP([2, 3, 1], rng=0), dp.nn.MLP([2, 3, 1], rng=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dp.training.save(model, f"{folder}/model.safetensors")
    ...     loaded = dp.training.load(other, f"{folder}/model.safetensors")
    >>> bool((other.layers[0].weight.numpy() == model.layers[0].weight.numpy()).all())
    True
    """
    of_kind("the model", model, Module, "write save(model, path)")
    write(Path(path), model.state_dict())


@explained
def load(model: M, path: str | os.PathLike[str]) -> M:
    """Set the parameters and buffers of a module from a file that `save` or `Checkpoint` wrote.

    Parameters
    ----------
    model : Module
    path : str or path

    Returns
    -------
    Module
        The model that was given.

    Raises
    ------
    CheckpointError
        If the file is damaged, is no checkpoint of deltaprop, or does not fit the model. The
        model is then unchanged.
    FileNotFoundError
        If the file does not exist.

    Examples
    --------
    >>> import tempfile
    >>> import deltaprop as dp
    >>> model, other = dp.nn.MLP([2, 1], rng=0), dp.nn.MLP([2, 1], rng=1)
    >>> folder = tempfile.TemporaryDirectory()
    >>> file = f"{folder.name}/model.safetensors"
    >>> dp.training.save(model, file)
    >>> dp.training.load(other, file)
    MLP([2, 1], activation='identity', output='identity')
    >>> bool((other.layers[0].weight.numpy() == model.layers[0].weight.numpy()).all())
    True
    >>> folder.cleanup()
    """
    of_kind("the model", model, Module, "write load(model, path)")
    path = Path(path)
    tree = read(path)
    weights = tree["model"] if isinstance(tree.get("model"), dict) else tree
    if others := [name for name, entry in weights.items() if not isinstance(entry, np.ndarray)]:
        raise CheckpointError(f"{path} must hold arrays alone for a model, got {others[:5]}")
    try:
        model.load_state_dict(weights)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error
    return model
