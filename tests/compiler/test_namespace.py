"""Every function and method of NumPy's, given recorded arrays: the eager result, or a TraceError.

What a function is called with is found by trying: the first arguments that it takes eagerly,
from a list for all of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from deltaprop import TraceError, compiler

SPACES = {"": np, "linalg.": np.linalg, "fft.": np.fft}
# ask the machine, or read and write files
NOT_OF_DATA = {
    "fromfile", "genfromtxt", "get_include", "getbufsize", "geterr", "geterrcall", "info", "load",
    "loadtxt", "memmap", "open_memmap", "save", "savetxt", "savez", "savez_compressed",
    "setbufsize", "set_printoptions", "seterr", "seterrcall", "show_config", "show_runtime", "test",
    # want a buffer (before NumPy 2.3 fromstring, too), which nothing can stand for
    "frombuffer", "fromstring",
    # what they give depends on where arrays lie, or is garbage
    "empty", "empty_like",
}  # fmt: skip


def vectors(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(0.1, 0.9, 4), rng.uniform(0.1, 0.9, 4)


def matrices(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(0.1, 0.9, (4, 4)) + np.eye(4), rng.uniform(0.1, 0.9, (4, 4))


def numbers(seed: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    return rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9)


def integers(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4, 4), rng.integers(1, 4, 4)


# how two arrays are given to a function
PATTERNS: dict[str, Callable[..., Any]] = {
    "f(x)": lambda f, x, y: f(x),
    "f(x, y)": lambda f, x, y: f(x, y),
    "f([x, y])": lambda f, x, y: f([x, y]),
    "f(x, 2)": lambda f, x, y: f(x, 2),
    "f(x, 0.3, 0.6)": lambda f, x, y: f(x, 0.3, 0.6),
    "f(x, y, x + y)": lambda f, x, y: f(x, y, x + y),
    "f(x, (2, 2))": lambda f, x, y: f(x, (2, 2)),
    "f(2, x)": lambda f, x, y: f(2, x),
    "f('...', x, y)": lambda f, x, y: f("...,...->...", x, y),
    "f(x > y, x, y)": lambda f, x, y: f(x > y, x, y),
    "f([x > y], [x])": lambda f, x, y: f([x > y], [x]),
    "f(x, 1, 0)": lambda f, x, y: f(x, 1, 0),
    "f(sum, x)": lambda f, x, y: f(np.sum, 0, x),
}
# what a list of arrays becomes, or whether a number of them is known, is another matter
DIRECT = [PATTERNS["f(x)"], PATTERNS["f(x, y)"]]
KINDS = {"vectors": vectors, "matrices": matrices, "numbers": numbers, "integers": integers}


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for prefix, space in SPACES.items():
        for name in sorted(dir(space)):
            found = getattr(space, name)
            if name[0] != "_" and name not in NOT_OF_DATA and callable(found):
                if isinstance(found, type) and not issubclass(found, (np.number, np.bool)):
                    continue
                yield prefix + name, found
    for ufunc in ("add", "multiply", "maximum", "logaddexp"):
        for method in ("reduce", "accumulate", "outer"):
            yield f"{ufunc}.{method}", getattr(getattr(np, ufunc), method)


def methods(kind: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in sorted(dir(kind)):
        if (name[0] != "_" and name not in NOT_OF_IT) or name in SPECIAL:
            yield f"{kind.__name__}.{name}", method(name)


# they give text, a number for Python, memory or how many there are of something; or write
REFUSED = {
    "__bool__", "__ceil__", "__contains__", "__float__", "__floor__", "__int__", "__round__",
    "__str__", "__trunc__", "arange", "argwhere", "array", "array2string", "array_repr",
    "array_str", "asanyarray", "asarray", "asarray_chkfinite", "ascontiguousarray",
    "asfortranarray", "asmatrix", "bartlett", "base", "base_repr", "blackman", "broadcast_shapes",
    "byteswap", "compress", "copyto", "diag_indices", "extract", "fill_diagonal", "flatnonzero",
    "format_float_positional", "format_float_scientific", "from_dlpack", "hamming", "hanning",
    "hex", "indices", "isfortran", "kaiser", "may_share_memory", "mintypecode", "nonzero", "ones",
    "partition", "require", "resize", "setflags", "shares_memory", "sort", "tolist", "tri",
    "tril_indices", "trim_zeros", "triu_indices", "unique", "unique_all", "unique_counts",
    "unique_inverse", "unique_values", "zeros",
}  # fmt: skip
NOT_OF_IT = {"dump", "tofile", "from_number"}  # methods that write, or ask nothing of the number
OF_METHODS = ("f(x)", "f(x, y)", "f(x, 2)", "f(x, 0.3, 0.6)", "f(x, (2, 2))", "f(x, 1, 0)")
SPECIAL = {
    "__abs__", "__add__", "__and__", "__bool__", "__ceil__", "__complex__", "__contains__",
    "__copy__", "__divmod__", "__eq__", "__float__", "__floor__", "__floordiv__", "__format__",
    "__ge__", "__getitem__", "__gt__", "__index__", "__int__", "__invert__", "__iter__", "__le__",
    "__len__", "__lshift__", "__lt__", "__matmul__", "__mod__", "__mul__", "__ne__", "__neg__",
    "__or__", "__pos__", "__pow__", "__radd__", "__rdivmod__", "__rfloordiv__", "__rmatmul__",
    "__rmod__", "__rmul__", "__round__", "__rpow__", "__rshift__", "__rsub__", "__rtruediv__",
    "__str__", "__sub__", "__truediv__", "__trunc__", "__xor__",
}  # fmt: skip


def method(name: str) -> Callable[..., Any]:
    def call(x: Any, *args: Any) -> Any:
        found = getattr(x, name)
        made = found(*args) if callable(found) else found
        return list(made) if name == "__iter__" else made

    call.__name__ = name

    return call


def is_data(y: Any) -> bool:
    if isinstance(y, (tuple, list)):
        return all(map(is_data, y))
    return y is None or isinstance(y, (np.ndarray, np.generic, int, float, complex, str))


def copied(x: Any) -> Any:
    return x.copy() if isinstance(x, np.ndarray) else x


def same(a: Any, b: Any) -> None:
    """The same types and numbers, to the rounding of another memory layout."""
    assert type(a) is type(b)
    if isinstance(a, (tuple, list)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, (np.ndarray, np.generic)):
        assert a.dtype == b.dtype
        if a.dtype.kind in "fc":
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14, strict=True)
        else:
            np.testing.assert_array_equal(a, b, strict=True)
    elif isinstance(a, (float, complex)):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    else:
        assert a == b


def attempt(run: Callable[..., Any], xs: tuple[Any, ...]) -> Any:
    """What a call gives, and what it leaves in its arguments; or the error."""
    xs = tuple(map(copied, xs))
    try:
        return run(*xs), xs
    except Exception as error:
        return error


def cases(entries: Iterator[tuple[str, Any]], kinds: Any, patterns: Any = PATTERNS) -> Any:
    """Each function with the kinds of arguments, and the first patterns of them, that it takes."""
    for name, function in entries:
        for kind in kinds:
            taken = []
            for call in [PATTERNS[pattern] for pattern in patterns]:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    came = attempt(lambda *xs: call(function, *xs), KINDS[kind](0))  # noqa: B023
                if len(taken) < 3 and not isinstance(came, Exception) and is_data(came[0]):
                    taken.append(call)
            if taken:
                yield pytest.param(function, taken, kind, id=f"{name} of {kind}")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("function", "calls", "kind"),
    [
        *cases(functions(), KINDS),
        *cases(methods(np.ndarray), ["vectors", "matrices", "integers"], OF_METHODS),
        *cases(methods(float), ["numbers"], OF_METHODS),
    ],
)
def test_numpy(function: Callable[..., Any], calls: Any, kind: str) -> None:
    """Compiled, it does what it does eagerly, in every call; what it gave before stays."""
    for call in calls:
        refused = agrees(function, call, kind)
        plain = call is calls[0] in DIRECT and not isinstance(function, type)
        assert not refused or not plain or function.__name__ in REFUSED


def agrees(function: Callable[..., Any], call: Callable[..., Any], kind: str) -> bool:
    """Whether it is refused; if not, it gives what it does eagerly."""

    def run(x: Any, y: Any) -> Any:
        # results of operations lie in buffers, which the operations around it use too
        u, v = x * 1.0 if kind != "integers" else x * 1, y + y
        return call(function, u, v), call(function, x, y), np.exp(-(u + 1)) * np.sin(v)

    compiled = compiler.compile(run)
    kept: list[tuple[Any, Any]] = []
    for seed in (0, 1, 2):
        with np.errstate(all="ignore"):
            expected = attempt(run, KINDS[kind](seed))
            came = attempt(compiled, KINDS[kind](seed))
        if isinstance(came, TraceError):
            assert seed == 0
            assert f"{__file__}:" in str(came)
            return True
        if isinstance(came, Exception) or isinstance(expected, Exception):
            assert type(came) is type(expected), came
        else:
            kept.append((came, expected))
    for came, expected in kept:
        same(came, expected)
    return False
