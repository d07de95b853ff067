"""Module: what has parameters, its own or those of the modules it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from ..graph import tracing
from ..value import Value


class Module:
    """Base of the layers: finds parameters among its attributes.

    A parameter is a variable `Value` that is an attribute of the module, of a module among
    its attributes, or of a module in a list or tuple among them.

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

    _training = True

    @property
    def training(self) -> bool:
        """Whether the module is being trained: some act otherwise in evaluation."""
        if (trace := tracing()) is not None:
            trace.depend(self, "_training")
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
        """The parameters' names and copies of their data."""
        return {name: np.array(value._data) for name, value in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set every parameter; the state's numbers are converted to the parameter's dtype.

        Parameters
        ----------
        state : mapping of str to array_like
            As from `state_dict`: exactly the module's names, exactly their shapes.

        Raises
        ------
        ValueError
            If names are missing or unexpected, shapes differ or entries are no real numbers,
            all of them listed; no parameter is changed then.
        """
        parameters = dict(self.named_parameters())
        arrays = {name: np.asarray(entry) for name, entry in state.items()}
        if problems := list(_misfits(parameters, arrays)):
            raise ValueError(
                f"the state does not fit this {type(self).__name__}, nothing was loaded: "
                + "; ".join(problems)
            )
        for name, value in parameters.items():
            # array() copies: the state must not share memory with the parameter
            data = np.array(arrays[name], np.result_type(value._data))
            value.write(data if value.shape else data.item())

    def _members(self) -> Iterator[tuple[str, Module | Value]]:
        """The attributes that are values or modules, those in lists and tuples numbered."""
        for name, item in vars(self).items():
            numbered = enumerate(item) if isinstance(item, list | tuple) else ()
            for key, part in [(name, item), *((f"{name}.{i}", part) for i, part in numbered)]:
                if isinstance(part, Module | Value):
                    yield key, part


def _misfits(parameters: Mapping[str, Value], arrays: Mapping[str, np.ndarray]) -> Iterator[str]:
    if missing := [name for name in parameters if name not in arrays]:
        yield f"missing {', '.join(missing)}"
    if unexpected := [str(name) for name in arrays if name not in parameters]:
        yield f"unexpected {', '.join(unexpected)}"
    for name, value in parameters.items():
        if name not in arrays:
            continue
        array = arrays[name]
        if array.shape != value.shape:
            yield f"{name} has shape {array.shape}, expected {value.shape}"
        elif array.dtype.kind not in "iuf":
            yield f"{name} has dtype {array.dtype}, expected real numbers"
