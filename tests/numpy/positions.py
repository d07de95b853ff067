"""Calls of NumPy's functions, found by trying: numbers and arrays in every place they may stand in.

A call is a function, its arguments and keywords, and the place of one real argument in them.
"""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

# read or write files, print, test, or ask about NumPy itself
_OUTSIDE = {
    *("save", "savez", "savez_compressed", "savetxt", "load", "loadtxt", "fromfile", "genfromtxt"),
    *("memmap", "fromregex", "info", "show_config", "show_runtime", "test", "set_printoptions"),
    *("get_printoptions", "printoptions", "seterr", "seterrcall", "geterr", "geterrcall"),
    *("setbufsize", "getbufsize", "get_include", "errstate", "open_memmap", "set_string_function"),
    *("from_dlpack", "frompyfunc", "vectorize", "apply_over_axes", "piecewise", "fromfunction"),
    *("empty", "empty_like", "ndarray", "frombuffer", "fromstring", "apply_along_axis"),
    *("require", "iterable", "typename", "mintypecode", "bitwise_count", "bmat"),
}
_NO_NUMBERS = {"out", "dtype", "order", "like", "casting", "subok", "signature", "device", "ndmin"}
_NO_NUMBERS |= {"copy", "indexing", "mode", "method", "optimize", "n_outputs", "bias", "aweights"}

_POOL: list[Any] = [
    np.array([[2.3, 0.4, 0.7], [0.6, 1.9, 0.2], [0.1, 0.8, 3.1]]),
    np.array([0.31, 0.74, 1.13]),
    0.37,
    1,
    np.array([0, 2, 1]),
    (2, 3),
]
_KEYWORDS: list[Any] = [0.37, np.array([0.31, 0.74, 1.13]), [0.31, 0.74]]


class Call(NamedTuple):
    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    place: int | str

    def __call__(self, x: Any, of_others: Callable[[Any], Any] = lambda a: a) -> Any:
        """What the function gives, and what it leaves in the arrays it was given.

        `of_others` makes what it is given of the real arguments in other places.
        """
        args = [a.copy() if isinstance(a, np.ndarray) else a for a in self.args]
        args = [of_others(a) if _is_real(a) else a for a in args]
        keywords = dict(self.keywords)
        x = x.copy() if isinstance(x, np.ndarray) else x
        if isinstance(self.place, int):
            args[self.place] = x
        else:
            keywords[self.place] = x
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = self.function(*args, **keywords)
            if inspect.isgenerator(result) or type(result).__name__ in ("nditer", "flatiter"):
                result = list(result)
        changed = [a for i, a in enumerate(args) if isinstance(a, np.ndarray) and i != self.place]
        return result, changed

    @property
    def x(self) -> Any:
        return self.args[self.place] if isinstance(self.place, int) else self.keywords[self.place]

    def __repr__(self) -> str:
        def shown(a: Any) -> str:
            return f"{a.dtype.kind}{a.shape}" if isinstance(a, np.ndarray) else repr(a)

        parts = [*map(shown, self.args), *(f"{k}={shown(a)}" for k, a in self.keywords.items())]
        return f"{self.name}({', '.join(parts)}) in {self.place!r}"


def functions() -> dict[str, Callable[..., Any]]:
    """NumPy's functions, ufuncs' methods and arrays' methods."""
    found: dict[str, Callable[..., Any]] = {}
    for space, names in (
        (np, np.__all__),
        (np.linalg, np.linalg.__all__),
        (np.fft, np.fft.__all__),
    ):
        for name in sorted(names):  # a list made of a set, in another order each time
            f = getattr(space, name)
            if callable(f) and not isinstance(f, type) and name not in _OUTSIDE:
                prefix = space.__name__ + "."
                found[prefix + name] = f
    for ufunc in (np.add, np.multiply, np.maximum, np.subtract):
        for name in ("reduce", "accumulate", "reduceat", "outer", "at"):
            found[f"numpy.{ufunc.__name__}.{name}"] = getattr(ufunc, name)
    for name in dir(np.ndarray):
        if name[0] != "_" and callable(getattr(np.ndarray, name)) and name not in _METHODS_OUTSIDE:
            found[f"numpy.ndarray.{name}"] = getattr(np.ndarray, name)
    for name in ("__setitem__", "__iadd__", "__imul__", "__matmul__", "__pow__", "__divmod__"):
        found[f"numpy.ndarray.{name}"] = getattr(np.ndarray, name)
    for kind in (np.float64, np.float32, np.complex128, np.int64, np.bool_):
        found[f"numpy.{kind.__name__}"] = kind
    return found


_METHODS_OUTSIDE = {"tofile", "dump", "dumps", "tobytes", "resize", "setflags", "view", "getfield"}
_METHODS_OUTSIDE |= {"to_device", "setfield"}


def calls(name: str, most: int = 5) -> Iterator[Call]:
    """At most so many calls with each number of arguments, and one for each keyword."""
    f = functions()[name]
    bases: list[tuple[Any, ...]] = []
    for count in (1, 2, 3):
        choices = [[_moved(a, i) for a in _POOL] for i in range(count)]
        if name.startswith("numpy.ndarray."):
            choices[0] = choices[0][:2]
        worked = 0
        for args in itertools.product(*choices):
            if worked == most or not _works(f, args, {}):
                continue
            reals = [i for i, a in enumerate(args) if _is_real(a)]
            if name.startswith("numpy.ndarray."):
                reals = [i for i in reals if i]
            bases.append(args)
            worked += bool(reals)
            yield from (Call(name, f, args, {}, i) for i in reals)
    for keyword in _keywords(f):
        for args, x in itertools.product(bases[:12], _KEYWORDS):
            if _works(f, args, {keyword: x}):
                yield Call(name, f, args, {keyword: x}, keyword)
                break


def _moved(a: Any, place: int) -> Any:
    """Other real numbers in each place, or there were ties."""
    return a * 0.9**place if _is_real(a) else a


def _is_real(x: Any) -> bool:
    return type(x) is float or (isinstance(x, np.ndarray) and x.dtype.kind == "f")


def _works(f: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    try:
        Call("", f, args, keywords, -1)(args[-1])
    except Exception:
        return False
    return True


def _keywords(f: Callable[..., Any]) -> list[str]:
    try:
        names = list(inspect.signature(f).parameters)
    except ValueError:
        names = ["initial", "where", "axis", "correction", "ddof", "min", "max"]
    return [n for n in [*names, "initial"] if n not in _NO_NUMBERS and n not in ("args", "kwargs")]
