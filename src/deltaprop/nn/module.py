"""Module: what has parameters and buffers, its own or those of the modules it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import Any, ClassVar, Self

import numpy as np

from ..graph import as_array, raw, tracing
from ..value import Value

_is_training = attrgetter("_training")


class Module:
    """Base of the layers: finds parameters among its attributes.

    A parameter is a variable `Value` that is an attribute of the module, of a module among
    its attributes, or of a module in a list or tuple among them. A buffer is an array or a
    number that belongs to the state but is not trained, such as a running mean: an attribute
    whose name the class lists in `buffers`. It is replaced and never written into.

    Examples
    --------
    >>> import deltaprop as dp
    >>> class Line(dp.nn.Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = dp.Value(2.0), dp.Value(1.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.offset
    >>> [name for name, _ in Line().named_parameters()]
    ['slope', 'offset']
    """

    buffers: ClassVar[tuple[str, ...]] = ()
    _training = True

    @property
    def training(self) -> bool:
        """Whether the module is being trained: some act otherwise in evaluation."""
        if (trace := tracing()) is not None:
            trace.depend(_is_training, self)
        return self._training

    @training.setter
    def training(self, mode: bool) -> None:
        self._training = mode

    def modules(self) -> Iterator[Module]:
        """This module and all those in it."""
        yield self
        for _, item in self._members():
            if isinstance(item, Module):
                yield from item.modules()

    def named_parameters(self) -> list[tuple[str, Value]]:
        """Names such as "layers.0.weight" and parameters, each parameter once."""
        found: dict[int, tuple[str, Value]] = {}
        for name, item in self._members():
            if isinstance(item, Value):
                if item.op is None and not item.is_constant:
                    found.setdefault(id(item), (name, item))
            else:
                for inner, value in item.named_parameters():
                    found.setdefault(id(value), (f"{name}.{inner}", value))
        return list(found.values())

    def parameters(self) -> list[Value]:
        """The parameters, each once: what an optimiser takes."""
        return [value for _, value in self.named_parameters()]

    def named_buffers(self) -> list[tuple[str, Any]]:
        """Names such as "norms.0.running_mean" and the buffers: not to be written into."""
        return [(name, getattr(owner, key)) for name, owner, key in self._buffers()]

    def _buffers(self) -> list[tuple[str, Module, str]]:
        """The name of each buffer, once, its module and what that calls it."""
        found = {(id(self), key): (key, self, key) for key in self.buffers}
        for name, item in self._members():
            if isinstance(item, Module):
                for inner, owner, key in item._buffers():
                    found.setdefault((id(owner), key), (f"{name}.{inner}", owner, key))
        return list(found.values())

    def buffer(self, name: str) -> Any:
        """A buffer of this module to compute with: what compiles reads it anew in each run."""
        if (trace := tracing()) is not None:
            trace.hold(vars(self), name)
        return getattr(self, name)

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters."""
        for value in self.parameters():
            value.zero_grad()

    def train(self, mode: bool = True) -> Self:
        """Switch to training (dropout drops), or with False to evaluation; returns itself."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch to evaluation: dropout does nothing; returns the module itself."""
        return self.train(False)

    def state_dict(self) -> dict[str, np.ndarray]:
        """The names of the parameters and buffers, and copies of their data."""
        state = {name: np.array(raw(value)) for name, value in self.named_parameters()}
        return state | {name: np.array(entry) for name, entry in self.named_buffers()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set every parameter and buffer; numbers are converted to the dtype that is there.

        Parameters
        ----------
        state : mapping of str to array_like
            As from `state_dict`: exactly the module's names, exactly their shapes.

        Raises
        ------
        ValueError
            If names are missing or unexpected, shapes differ or entries are no numbers of the kind,
            all of them listed; nothing is changed then.
        """
        parameters, buffers = self.named_parameters(), self._buffers()
        here = {name: raw(value) for name, value in parameters} | dict(self.named_buffers())
        arrays = {name: as_array(entry) for name, entry in state.items()}
        if problems := list(_misfits(here, arrays)):
            raise ValueError(
                f"the state does not fit this {type(self).__name__}, nothing was loaded: "
                + "; ".join(problems)
            )
        # array() copies: the state must not share memory with the module
        new = {name: np.array(arrays[name], np.result_type(held)) for name, held in here.items()}
        new |= {name: array.item() for name, array in new.items() if not array.ndim}
        for name, value in parameters:
            value.write(new[name])
        for name, owner, key in buffers:
            setattr(owner, key, new[name])

    def _members(self) -> Iterator[tuple[str, Module | Value]]:
        """The attributes that are values or modules, those in lists and tuples numbered."""
        for name, item in vars(self).items():
            numbered = enumerate(item) if isinstance(item, list | tuple) else ()
            for key, part in [(name, item), *((f"{name}.{i}", part) for i, part in numbered)]:
                if isinstance(part, Module | Value):
                    yield key, part


def _misfits(here: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Iterator[str]:
    if missing := [name for name in here if name not in arrays]:
        yield f"missing {', '.join(missing)}"
    if unexpected := [str(name) for name in arrays if name not in here]:
        yield f"unexpected {', '.join(unexpected)}"
    for name, held in here.items():
        if name not in arrays:
            continue
        array = arrays[name]
        if array.shape != np.shape(held):
            yield f"{name} has shape {array.shape}, expected {np.shape(held)}"
        elif array.dtype.kind not in ("iufc" if np.iscomplexobj(held) else "iuf"):
            number = "numbers" if np.iscomplexobj(held) else "real numbers"
            yield f"{name} has dtype {array.dtype}, expected {number}"
