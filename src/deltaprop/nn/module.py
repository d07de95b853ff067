"""Module: an object with parameters and buffers, its own and those of the modules inside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, ClassVar, Self

import numpy as np

from ..data import known_dtype
from ..graph import as_array, is_complex, outside, raw
from ..habits import explain, foreign
from ..options import chosen, of_kind
from ..state import Kept, data_of
from ..value import Value

_is_training = attrgetter("_training")


class Module:
    """Base class of the layers: finds parameters among its attributes.

    A parameter is a variable `Value` that is an attribute of the module or of a module inside it,
    also in nested lists, tuples and dicts: "parts.0.key.weight" is the name of
    ``module.parts[0]["key"].weight``. A parameter that occurs twice has its first name. A buffer
    is an array or a number that belongs to the state but is not trained, such as a running mean:
    an attribute whose name the class lists in `buffers`. A buffer is replaced, never written into;
    compiled functions read it anew in each call, and replace it as well.

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
        """Whether the module is in training mode; some modules behave differently in evaluation."""
        outside().depend(_is_training, self)
        return self._training

    @training.setter
    def training(self, mode: bool) -> None:
        self._training = mode

    def __init_subclass__(cls) -> None:
        explain(cls)
        if isinstance(vars(cls).get("buffers"), str):
            raise TypeError(
                f"{cls.__name__}.buffers must be a tuple of names, got a str: write "
                f"buffers = ({cls.buffers!r},)"
            )
        for name in vars(cls).get("buffers", ()):
            setattr(cls, name, Kept(name))

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Compute the output of the module; subclasses define it."""
        name = type(self).__name__
        there = "; it has forward(): rename that" if hasattr(self, "forward") else ""
        raise TypeError(
            f"a Module that is called must define __call__(self, ...), and {name} does not{there}"
        )

    def modules(self) -> Iterator[Module]:
        """Yield this module and all modules inside it, each once."""
        return (item for _, item in self._parts() if isinstance(item, Module))

    def named_parameters(self) -> list[tuple[str, Value]]:
        """Yield names such as "layers.0.weight" with the parameters, each parameter once.

        Raises
        ------
        ValueError
            If two parameters have the same name, or the key of a dict is empty or contains a dot.
        """
        return _distinct(
            [
                (name, item)
                for name, item in self._parts()
                if isinstance(item, Value) and item.op is None and not item.is_constant
            ]
        )

    def parameters(self) -> list[Value]:
        """Return the parameters, each once, for an optimiser."""
        return [value for _, value in self.named_parameters()]

    def named_buffers(self) -> list[tuple[str, Any]]:
        """Yield names such as "norms.0.running_mean" with the buffers; do not write into these."""
        return [(name, data_of(value)) for name, value in self._buffers()]

    def _buffers(self) -> list[tuple[str, Value]]:
        """The name of each buffer, and the Value that it is kept in, once."""
        return _distinct(
            [
                (_joined(name, key), _kept(item, key))
                for name, item in self._parts()
                if isinstance(item, Module)
                for key in item.buffers
            ]
        )

    def _values(self) -> list[tuple[str, Value]]:
        """The names and the Values of parameters and buffers."""
        return [*self.named_parameters(), *self._buffers()]

    def _state(self) -> State:
        """The parameters and buffers, to be read and set again and again."""
        return State(self._values())

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters."""
        for value in self.parameters():
            value.zero_grad()

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode, or with False to evaluation mode; return the module."""
        for module in self.modules():
            module.training = chosen("mode of train()", mode, (True, False))
        return self

    def eval(self) -> Self:
        """Switch to evaluation mode, in which dropout does nothing; return the module."""
        return self.train(False)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return copies of the data of all parameters and buffers, by name."""
        return self._state().copies()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set every parameter and buffer; numbers are converted to the dtype of the old data.

        Parameters
        ----------
        state : mapping of str to array_like
            What `state_dict` returns: exactly the names of the module, exactly their shapes.

        Raises
        ------
        ValueError
            If names are missing or unexpected, shapes differ, or entries are no numbers of the
            same kind. The message lists all of these; nothing is changed then.
        """
        of_kind("the state", state, Mapping, "give what state_dict() returned")
        self._state().set(state, f"this {type(self).__name__}")

    def _parts(self) -> Iterator[tuple[str, Module | Value]]:
        """The names of this module and of the modules and Values in it, each once."""
        seen: set[int] = set()
        ahead: list[tuple[str, Any]] = [("", self)]
        while ahead:
            name, item = ahead.pop()
            entries: Any = ()
            if id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, Module | Value):
                yield name, item
            if isinstance(item, Module):
                entries = [(k, x) for k, x in vars(item).items() if not _is_kept(item, k)]
            elif not isinstance(item, Value):
                entries = item.items() if isinstance(item, dict) else enumerate(item)
            ahead += reversed([(_joined(name, k), x) for k, x in entries if isinstance(x, _PARTS)])


foreign(Module, {
    "forward": "call the module, model(X)", "predict": "write model(X).numpy()",
    "fit": "write dp.training.fit(model, (X, Y), loss, optimizer, epochs=10)",
    "save": "write dp.training.save(model, path)", "load": "write dp.training.load(model, path)",
    "register_buffer": 'list its name in the class, buffers = ("name",), and set it',
    "backward": "write loss.backward()", "compile": "write dp.compile(function)",
    "summary": "print the model, or draw it: dp.draw(loss, model=model)",
    "weights": "write model.parameters(), or layer.weight", "W": "write layer.weight",
    "weight": "write model.layers[0].weight", "b": "write layer.bias",
    "kernel": "write layer.weight", "apply": "write for module in model.modules(): ...",
    **dict.fromkeys(("to", "cpu", "cuda", "float", "double", "half"),
                    'give dtype= to the constructor; dp.compile(f, executor="xla") uses a GPU'),
})  # fmt: skip


class State:
    """Parameters and buffers by name: they are read as copies, and set all or none."""

    def __init__(self, values: Iterable[tuple[str, Value]]) -> None:
        self._values = dict(_distinct(list(values)))

    def copies(self) -> dict[str, np.ndarray]:
        """Copies of what is there now."""
        return {name: value.numpy() for name, value in self._values.items()}

    def set(self, state: Mapping[str, Any], owner: str) -> None:
        """Put copies of arrays there; a ValueError, and nothing is changed, if they do not fit."""
        arrays = {name: as_array(entry) for name, entry in state.items()}
        if problems := list(_misfits(self._values, arrays)):
            raise ValueError(
                f"the state does not fit {owner}, nothing was loaded: {'; '.join(problems)}"
            )
        for name, value in self._values.items():
            new = np.array(arrays[name], value.dtype)
            raw(value)
            value.write(new if new.ndim else new.item())


@contextmanager
def evaluation(model: Any) -> Iterator[None]:
    """Within this block, a module and all modules inside it are in evaluation mode."""
    training = [m for m in model.modules() if m.training] if isinstance(model, Module) else []
    try:
        for module in training:
            module.training = False
        yield
    finally:
        for module in training:
            module.training = True


def layer_dtype(dtype: Any) -> np.dtype[Any]:
    """Return the dtype of a layer's parameters; raise an error unless it is floating."""
    if (found := known_dtype(dtype)).kind != "f":
        raise TypeError(f"a layer's dtype must be floating, not {found}")
    return found


_PARTS = (Module, Value, dict, list, tuple)
_UNFIT = "\0"  # around a key that cannot be part of a name


def _is_kept(module: Module, name: str) -> bool:
    return type(getattr(type(module), name, None)) is Kept


def _kept(module: Module, name: str) -> Value:
    if name not in vars(module):
        raise AttributeError(
            f"the buffer {name!r} of {type(module).__name__} is not set: set self.{name} = ... in "
            "__init__"
        )
    value: Value = vars(module)[name]
    return value


def _joined(name: str, key: Any) -> str:
    key = str(key)
    if not key or "." in key or _UNFIT in key:
        key = f"{_UNFIT}{key}{_UNFIT}"
    return f"{name}.{key}" if name else key


def _distinct(found: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The same, if a state dict can hold it."""
    names: set[str] = set()
    for name, _ in found:
        if _UNFIT in name:
            raise ValueError(
                "the key of a dict becomes part of the names of the parameters in it, and must "
                f"be neither empty nor have a dot in it, got {name.split(_UNFIT)[1]!r}: rename it"
            )
        if name in names:
            raise ValueError(
                f"every parameter and buffer must have a name of its own, and two are {name!r}: "
                "rename an attribute or a key"
            )
        names.add(name)
    return found


def _misfits(here: Mapping[str, Value], arrays: Mapping[str, np.ndarray]) -> Iterator[str]:
    if missing := [name for name in here if name not in arrays]:
        yield f"missing {', '.join(missing)}"
    if unexpected := [str(name) for name in arrays if name not in here]:
        yield f"unexpected {', '.join(unexpected)}"
    for name, held in here.items():
        if name not in arrays:
            continue
        array = arrays[name]
        if array.shape != held.shape:
            yield f"{name} has shape {array.shape}, expected {held.shape}"
        elif array.dtype.kind not in ("iufc" if is_complex(held) else "iuf"):
            number = "numbers" if is_complex(held) else "real numbers"
            yield f"{name} has dtype {array.dtype}, expected {number}"
