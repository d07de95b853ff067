"""State dicts to and from PyTorch, whose linear layers keep their weights as (n_out, n_in).

Modules are recognised by their entries: a weight with two axes and a bias belong to a linear layer,
running statistics to batch normalisation, and so on. The k-th module of a kind here corresponds to
the k-th of that kind in PyTorch, whatever their names are: ``layers.1.weight`` of an `MLP` is
``2.weight`` of a ``torch.nn.Sequential`` that counts its activations, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .extras import extra
from .habits import absent
from .nn import Module
from .options import of_kind


def load_state_dict(model: Module, state: Any) -> None:
    """Set the parameters and buffers of a module to those of a PyTorch module.

    Parameters
    ----------
    model : Module
    state : torch.nn.Module or mapping of str to tensor or array_like
        A PyTorch module of the same architecture, or its state dict, e.g. read from a file.

    Raises
    ------
    ValueError
        If the two differ in their layers or in a shape; nothing is changed then.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> import deltaprop as dp
    >>> from deltaprop.torch import load_state_dict
    >>> theirs = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    >>> mlp = dp.nn.MLP([2, 3, 1], activation="tanh", dtype=np.float32)
    >>> load_state_dict(mlp, theirs)
    >>> x = np.ones((4, 2), np.float32)
    >>> np.allclose(mlp(x).numpy(), theirs(torch.from_numpy(x)).detach(), atol=1e-6)
    True
    """
    of_kind("the model", model, Module, "write load_state_dict(model, torch.load(path))")
    ours, theirs = model.state_dict(), _arrays(state)
    pairs = _paired(ours, theirs)
    model.load_state_dict({name: _turned(name, theirs[pairs[name]]) for name in ours})


def state_dict(model: Module, like: Any = None) -> dict[str, Any]:
    """Return the parameters and buffers of a module for PyTorch's ``load_state_dict``.

    Parameters
    ----------
    model : Module
    like : torch.nn.Module or mapping, optional
        The PyTorch module that will load the state, or its state dict: its names and dtypes are
        used. Without `like`, names and dtypes are those of `model`.

    Returns
    -------
    dict of str to torch.Tensor
        Copies of the data.

    Raises
    ------
    ValueError
        If `like` differs in its layers or in a shape.

    Examples
    --------
    >>> import torch
    >>> import deltaprop as dp
    >>> from deltaprop.torch import state_dict
    >>> theirs = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    >>> theirs.load_state_dict(state_dict(dp.nn.MLP([2, 3, 1]), like=theirs))
    <All keys matched successfully>
    """
    of_kind("the model", model, Module, "write state_dict(model)")
    with extra("torch", "tensors need PyTorch"):
        import torch
    ours = {name: _turned(name, array) for name, array in model.state_dict().items()}
    if like is None:
        return {name: torch.from_numpy(array.copy()) for name, array in ours.items()}
    theirs = like.state_dict() if hasattr(like, "state_dict") else like
    pairs = {there: here for here, there in _paired(ours, _arrays(like)).items()}
    found = {}
    for name, tensor in theirs.items():
        array = ours[pairs[name]]
        if array.shape != tuple(tensor.shape):
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)} in PyTorch, but {pairs[name]} has "
                f"{array.shape} here (a weight turned to (n_out, n_in))"
            )
        found[name] = torch.from_numpy(array.copy()).to(tensor.dtype)
    return found


def _arrays(state: Any) -> dict[str, np.ndarray]:
    """The entries of a state dict as arrays."""
    if hasattr(state, "state_dict"):
        state = state.state_dict()
    of_kind("the state", state, Mapping, "give a PyTorch module, or what torch.load(path) returns")
    return {name: _array(entry) for name, entry in state.items()}


def _array(entry: Any) -> np.ndarray:
    if not hasattr(entry, "detach"):
        return np.asarray(entry)
    entry = entry.detach().cpu()
    # NumPy has no bfloat16
    narrow = entry.is_floating_point() and entry.element_size() < 4
    return np.asarray((entry.float() if narrow else entry).numpy())


def _turned(name: str, array: np.ndarray) -> np.ndarray:
    """The entry as the other side keeps it."""
    return array.T if array.ndim == 2 and name.rpartition(".")[2] == "weight" else array


def _kinds(state: Mapping[str, np.ndarray]) -> dict[Any, list[str]]:
    """The modules of each kind, in order: the names and axes of what they hold."""
    modules: dict[str, dict[str, int]] = {}
    for key, array in state.items():
        module, _, name = key.rpartition(".")
        modules.setdefault(module, {})[name] = array.ndim
    kinds: dict[Any, list[str]] = {}
    for module, entries in modules.items():
        kinds.setdefault(tuple(sorted(entries.items())), []).append(module)
    return kinds


def _paired(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> dict[str, str]:
    """The name in PyTorch of each of our entries."""
    if ours.keys() == theirs.keys():
        return {name: name for name in ours}
    here, there = _kinds(ours), _kinds(theirs)
    counts = [{kind: len(modules) for kind, modules in side.items()} for side in (here, there)]
    if counts[0] != counts[1]:
        raise ValueError(
            f"the layers differ: {_counted(here)} here, but {_counted(there)} in PyTorch; build "
            "one like the other (bias=, normalization=, affine=)"
        )
    return {
        f"{mine}.{name}".lstrip("."): f"{other}.{name}".lstrip(".")
        for kind, modules in here.items()
        for mine, other in zip(modules, there[kind], strict=True)
        for name, _ in kind
    }


def _counted(kinds: Mapping[Any, list[str]]) -> str:
    return ", ".join(
        f"{len(modules)} with {' and '.join(f'{name} ({axes}-D)' for name, axes in kind)}"
        for kind, modules in kinds.items()
    )


__all__ = ["load_state_dict", "state_dict"]

if not TYPE_CHECKING:  # type checkers know every name, and report any other
    __getattr__ = absent(__name__)


def __dir__() -> list[str]:
    return __all__
