"""How other libraries see a Value: as a number, a NumPy array, a standard array, by DLPack.

No conversion here turns a Value that carries a gradient into plain data silently, because the
gradient would be lost: each conversion raises an error that says what to write. `item()` and
`numpy()` are the ways out that a user chooses.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from .data import shown
from .graph import Node, is_array, raw
from .graph.arrays import MASKED
from .graph.modes import is_recording
from .options import is_integer


class LostGradient(TypeError):  # noqa: N818 - users see its base, TypeError
    """A Value with a gradient was about to become plain data."""


class ArrayProtocols(Node):
    """A node that NumPy and the libraries of the array API standard take for an array."""

    __slots__ = ()
    __array_priority__: float = 1000.0

    # which function of ours stands for which of others', and the namespace of them all:
    # they live on higher floors, and `deltaprop.numpy.dispatch` sets them here
    _functions: ClassVar[dict[Any, Callable[..., Any]]] = {}
    _of_scipy: ClassVar[Any] = staticmethod(lambda ufunc: None)
    _namespace: ClassVar[Any] = None

    # -- as a number ---------------------------------------------------------------------

    def item(self) -> Any:
        """Return the one entry as a Python number.

        Raises
        ------
        ValueError
            If the Value does not have exactly one entry.
        """
        held = raw(self)
        if np.size(held) != 1:
            raise ValueError(f"item() needs one entry; this Value has shape {np.shape(held)}")
        return held.item() if hasattr(held, "item") else held

    def __float__(self) -> float:
        return float(self._number("a float"))

    def __int__(self) -> int:
        return int(self._number("an int"))

    __trunc__ = __int__

    def __index__(self) -> int:
        number = self._number("an index")
        if not is_integer(number):
            raise TypeError(f"an index must be an integer, got {self!r}")
        return operator.index(number)

    def __complex__(self) -> complex:
        return complex(self._number("a complex"))

    def __bool__(self) -> bool:
        try:
            return bool(raw(self))
        except ValueError:
            raise ValueError(
                f"the truth value of a Value of shape {np.shape(raw(self))} is ambiguous: write "
                "v.any() or v.all(), deltaprop.numpy.where or maximum to choose entries, & for "
                "`and`, and `is` to ask whether two names mean one Value"
            ) from None

    @property
    def _carries_gradient(self) -> bool:
        """Tell whether plain data instead of this Value would lose a gradient."""
        return not self.is_constant and is_recording()

    def _keep_gradient(self, what: str) -> None:
        """Raise a LostGradient if plain data instead of this Value would lose a gradient."""
        if self._carries_gradient:
            raise LostGradient(
                f"a Value with a gradient cannot become {what}: the gradient would be lost. "
                f"{self._of_scipys()}"
                "Compute with functions of deltaprop.numpy, join Values with "
                "deltaprop.numpy.stack, or take v.item(), v.numpy() or v.data for the data alone"
            )

    @classmethod
    def _of_scipys(cls) -> str:
        """What to call in place of the function of SciPy's that is running, if it is one."""
        frame: Any = sys._getframe(2)
        found = None
        while frame is not None:
            module = frame.f_globals.get("__name__", "")
            code = frame.f_code
            if module.startswith("scipy.") and not code.co_name.startswith(("_", "<")):
                inner = [frame.f_locals.get(free) for free in code.co_freevars]  # a decorator's
                whole = [(f.__module__, f.__name__) for f in inner if callable(f)]
                found = [*whole, (module, code.co_name)][0]
            frame = frame.f_back
        if found is None:
            return ""
        module, name = found
        ours = cls._namespace
        for part in ("special", "linalg", "fft", ""):
            if module.startswith(f"scipy.{part}") and hasattr(getattr(ours, part, ours), name):
                return f"Call deltaprop.numpy.{part + '.' * bool(part)}{name} for SciPy's {name}. "
        return f"SciPy's {name} knows no gradients. "

    def _number(self, what: str) -> Any:
        self._keep_gradient(what)
        return self.item()

    # -- as an array of NumPy's ----------------------------------------------------------

    @property
    def _data(self) -> Any:
        """What `np.ma` looks for in an operand: it would drop the gradient, or the mask."""
        raise TypeError(f"np.ma does not know gradients: {MASKED}")

    def _plain(self, what: str) -> Any:
        """Return the data, read-only; raise a LostGradient if a gradient would be lost."""
        self._keep_gradient(what)
        return shown(np.asarray(raw(self)))

    # of a dtype that checkers do not know: if they took it for numbers, `array * value` would be
    # an array to them, and not what `Value.__rmul__` returns
    def __array__(
        self, dtype: Any = None, copy: bool | None = None
    ) -> np.ndarray[Any, np.dtype[np.generic]]:
        data = self._plain("an ndarray")
        if not copy and (dtype is None or dtype == data.dtype):
            return data
        return np.array(data, dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if kwargs.get("out") is not None:
            raise TypeError(
                f"numpy.{ufunc.__name__}() cannot write a Value into an array (out=, or += on an "
                "array): its gradient would be lost. Write a = a + v"
            )
        function = self._functions.get(ufunc if method == "__call__" else (ufunc, method))
        if function is None and method == "__call__":
            function = self._of_scipy(ufunc)
        if function is not None:
            return function(*inputs, **kwargs)
        name = ufunc.__name__ if method == "__call__" else f"numpy.{ufunc.__name__}.{method}"
        if method == "at" and any(isinstance(x, Node) and not x.is_constant for x in inputs):
            raise TypeError(
                f"{name} writes in place, which would lose the gradient of a Value: take what "
                "x.at[index].add(v) returns, where x is a Value (deltaprop.numpy.asarray(a) makes "
                "one), or give v.numpy() if no gradient is needed"
            )
        return self._on_constants(getattr(ufunc, method), name, inputs, kwargs)

    def __array_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        function = self._functions.get(func)
        if function is not None:
            return function(*args, **kwargs)
        return self._on_constants(func, func.__name__, args, kwargs)

    @classmethod
    def _on_constants(
        cls, function: Callable[..., Any], name: str, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Call NumPy's own function, if no variable is among the arguments."""

        def strip(x: Any) -> Any:
            if isinstance(x, Node):
                if x._carries_gradient:  # type: ignore[attr-defined]
                    raise TypeError(
                        f"{name} has no derivative rule here: give it v.item(), v.numpy() or "
                        "v.detach() if no gradient is needed, write it with functions of "
                        "deltaprop.numpy, or define the operation and its rule with "
                        "deltaprop.custom_gradient"
                    )
                return shown(raw(x))
            if isinstance(x, list | tuple):
                return type(x)(strip(item) for item in x)
            return x

        def wrap(result: Any) -> Any:
            if type(result) is tuple or type(result) is list:
                return type(result)(wrap(item) for item in result)
            return cls.leaf(result, constant=True) if is_array(result) else result

        return wrap(function(*strip(tuple(args)), **{k: strip(v) for k, v in kwargs.items()}))

    # -- as an array of the standard's ---------------------------------------------------

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """`deltaprop.numpy`, in one of the versions of the array API standard.

        Raises
        ------
        ValueError
            If the version is unknown.
        """
        versions = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")
        if api_version not in (None, *versions):
            raise ValueError(
                f"the array API standard is here in the versions {', '.join(versions)}, "
                f"not {api_version!r}"
            )
        return self._namespace

    @property
    def device(self) -> str:
        """The device of the data: always "cpu"."""
        return "cpu"

    def to_device(self, device: Any, /, *, stream: Any = None) -> Self:
        """Return the Value itself: its device is the only one.

        Raises
        ------
        ValueError
            If `device` is not "cpu", or a stream is named.
        """
        if device != "cpu" or stream is not None:
            raise ValueError(f"there is only the device 'cpu', without streams; not {device!r}")
        return self

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: Any = None,
        dl_device: Any = None,
        copy: bool | None = None,
    ) -> Any:
        data, where = self._plain("a DLPack tensor"), {"stream": stream, "dl_device": dl_device}
        if max_version is None or max_version < (1, 0):
            if copy is False:
                raise BufferError("before version 1.0, DLPack cannot say that data is read-only")
            return data.copy().__dlpack__(**where)
        return data.__dlpack__(max_version=max_version, copy=copy, **where)

    def __dlpack_device__(self) -> tuple[int, int]:
        return np.asarray(self._held).__dlpack_device__()
