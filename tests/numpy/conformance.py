"""The array API standard, function by function and rule by rule.

``python -m tests.numpy.conformance`` prints the score. The judge of signatures, dtypes,
shapes, values and refusals is array_api_strict, which does what the standard says and no
more: each call of the table runs in both namespaces. The special cases of floating-point
functions are judged by the standard's own tables.
"""

from __future__ import annotations

import inspect
import itertools
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import array_api_strict as strict
import numpy as np

import deltaprop.numpy as dnp
from deltaprop import Value

from .. import oracles
from . import special_cases
from .calls import CALLS, ERRORS, MIXED, NUMBERED, OPERATORS, words

DTYPES = words("""
bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128
""")
SHAPES = {
    **{"x": (3, 4), "t": (3, 4), "c": (2, 3, 4), "y": (4,), "m": (4, 2)},
    **{"z": (0, 3), "s": (), "u": (5,), "v": (5,), "q": (2, 3, 3)},
}
NUMBERS = {"b": True, "i": 2, "u": 2, "f": 2.5, "c": 1.5 + 0.5j}
BUILTINS = {"int": int, "float": float, "complex": complex, "sorted": sorted}


@dataclass(frozen=True)
class Check:
    """That a function obeys a rule: `run` raises if it does not."""

    chapter: str
    function: str
    rule: str
    run: Callable[[], None]

    def __str__(self) -> str:
        return f"{self.function}-{self.rule}"


class Names(dict[str, Any]):
    """The names in a call: arrays, and else what is in the namespace."""

    def __init__(self, xp: Any, arrays: dict[str, Any]) -> None:
        super().__init__(BUILTINS | arrays)
        self.xp = xp

    def __missing__(self, name: str) -> Any:
        return getattr(self.xp, name)


def evaluate(line: str, xp: Any, arrays: dict[str, Any]) -> Any:
    with np.errstate(all="ignore"):
        return eval(line.strip(), {"__builtins__": {}}, Names(xp, arrays))


def numbers(rng: np.random.Generator, name: str, dtype: Any) -> np.ndarray:
    """Entries for an array of the table; zeros and negative ones in `x`, `c`, `m`, `u` alone."""
    shape, kind = SHAPES[name], np.dtype(dtype).kind
    low = 1 if name in "tys" else -3
    if kind == "b":
        return rng.integers(0, 2, shape).astype(bool) | np.full(shape, name == "s")
    if kind in "iu":
        return (
            np.abs(rng.integers(low, 4, shape), dtype=int).astype(dtype)
            if kind == "u"
            else (rng.integers(low, 4, shape).astype(dtype))
        )
    x = rng.uniform(low, 3, shape) + (1j * rng.uniform(-2, 2, shape) if kind == "c" else 0)
    if name == "q":
        x = x @ np.conj(np.swapaxes(x, -1, -2)) + np.eye(3)
    return np.asarray(x).astype(dtype)


@lru_cache(1000)
def arguments(xp: Any, first: str, second: str | None = None, seed: int = 0) -> dict[str, Any]:
    """The arrays that the table names, in a namespace; `t` and `y` may be of another dtype."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, Any] = {}
    for name in SHAPES:
        arrays[name] = numbers(rng, name, second if second and name in "ty" else first)
    arrays["i"] = rng.integers(0, 3, 3)
    arrays["j"] = rng.integers(0, 3, SHAPES["x"])
    arrays["b"] = rng.integers(0, 2, SHAPES["x"]).astype(bool)
    made = {name: xp.asarray(np.asarray(array)) for name, array in arrays.items()}
    return made | {"d": getattr(xp, first)}


def plain(result: Any) -> Any:
    """What a call gave, in terms that do not depend on the namespace."""
    if isinstance(result, Value):
        assert result.is_constant, "constants went in, so a constant must come out"
        return np.asarray(result.numpy())
    if isinstance(result, type(strict.zeros(1))):
        return np.asarray(result)
    assert not isinstance(result, np.ndarray | np.generic), "a raw array came out"
    if isinstance(result, tuple | list):
        return [*getattr(result, "_fields", ()), *map(plain, result)]
    if isinstance(result, dict):
        return {key: plain(item) for key, item in result.items()}
    if isinstance(result, np.dtype) or (
        isinstance(result, type) and issubclass(result, np.generic)
    ):
        return np.dtype(result).name
    name = str(result).rpartition(".")[2]
    return name if name in DTYPES else result


def same(ours: Any, theirs: Any) -> None:
    assert type(ours) is type(theirs), f"{ours!r}, not {theirs!r}"
    if isinstance(ours, list):
        assert len(ours) == len(theirs), f"{ours}, not {theirs}"
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    elif isinstance(ours, np.ndarray):
        assert ours.dtype == theirs.dtype, f"dtype {ours.dtype}, not {theirs.dtype}"
        assert ours.shape == theirs.shape, f"shape {ours.shape}, not {theirs.shape}"
        exact = ours.dtype.kind not in "fc"
        rtol = 0.0 if exact else 8 * float(np.finfo(ours.dtype).eps)
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol)
    else:
        assert ours == theirs or ours != ours, f"{ours!r}, not {theirs!r}"


def accepted(line: str, *dtypes: str) -> bool:
    """Whether the standard has this call for arrays of these dtypes."""
    try:
        evaluate(line, strict, arguments(strict, *dtypes))
    except (TypeError, ValueError, IndexError, OverflowError):
        return False
    return True


def agree_on(calls: list[tuple[str, ...]], seeds: Sequence[int] = (0, 1)) -> None:
    """Each call, of arrays of one or two dtypes, gives the same in both namespaces."""
    for seed, (call, *dtypes) in itertools.product(seeds, calls):
        try:
            theirs = plain(evaluate(call, strict, arguments(strict, *dtypes, seed=seed)))
        except ValueError:
            continue  # a negative power of an integer
        try:
            same(plain(evaluate(call, dnp, arguments(dnp, *dtypes, seed=seed))), theirs)
        except Exception as error:
            error.add_note(f"in {call} of {' and '.join(dtypes)}")
            raise


def found(xp: Any, name: str) -> Any:
    for part in name.split("."):
        xp = getattr(xp, part, None)
    return xp


def signature_agrees(name: str) -> None:
    """Arguments are taken by the standard's positions and names, with its defaults."""
    ours = list(inspect.signature(found(dnp, name)).parameters.values())
    theirs = list(inspect.signature(found(strict, name)).parameters.values())
    by_name = {p.name: p for p in ours}
    for place, wanted in enumerate(theirs):
        if wanted.kind is wanted.VAR_POSITIONAL:
            assert ours[place].kind is wanted.kind
            continue
        if wanted.kind is wanted.POSITIONAL_ONLY:
            mine = ours[place]
            assert mine.kind in (mine.POSITIONAL_ONLY, mine.POSITIONAL_OR_KEYWORD), mine
        else:
            assert wanted.name in by_name, f"no argument {wanted.name}"
            mine = by_name[wanted.name]
            assert mine.kind is not mine.POSITIONAL_ONLY, mine
            if wanted.kind is wanted.POSITIONAL_OR_KEYWORD:
                assert ours.index(mine) == place, f"{mine} is not at place {place}"
        if type(wanted.default) in (int, float, bool, str, type(None)):
            assert mine.default is not mine.empty, f"{mine} must be given"
            default = "backward" if mine.name == "norm" else mine.default  # None, in NumPy
            assert default == wanted.default, f"{mine}, not {wanted}"
    known = {p.name for p in theirs}
    for place, p in enumerate(ours):
        required = p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        assert not required or place < len(theirs) or p.name in known, f"{p} must be given"


def refused(line: str) -> None:
    for xp in (strict, dnp):
        try:
            result = evaluate(line, xp, arguments(xp, "float64"))
        except Exception:
            continue
        raise AssertionError(f"{xp.__name__} gives {result!r} for {line.strip()}")


# which functions give floating numbers that depend on none of the inputs
FLAT = {"empty_like", "from_dlpack", "full_like", "ones_like", "zeros_like", "__dlpack__"}
# at a jump; and what a raw number has no index for, where differences are taken
UNFIT = {"floor_divide(s, s)", "remainder(s, s)", "s // s", "s % s", "s[()]", "s[...]"}


def differentiates(function: str, calls: list[str]) -> None:
    """Reverse and forward mode of every call with a floating result agree with differences."""
    for line in calls:
        names = [n for n in SHAPES if re.search(rf"\b{n}\b", line)]
        rng = np.random.default_rng(5)
        points = [oracles.point(rng, SHAPES[n]) / 8 + 0.5 + (function == "acosh") for n in names]
        static = arguments(dnp, "float64")

        def f(*xs: Any, line: str = line, names: Any = names, static: Any = static) -> Any:
            result = evaluate(line, dnp, static | dict(zip(names, xs, strict=True)))
            parts = result if isinstance(result, tuple | list) else [result]
            floats = [p for p in parts if np.asarray(oracles.data(p)).dtype.kind in "fc"]
            assert floats, "no floating result"
            return dnp.concat([dnp.reshape(p, (-1,)) for p in floats])

        try:
            assert not f(*oracles.leaves_of(points)).is_constant, "the gradient got lost"
            oracles.check(f, points, rng, second=False)
        except Exception as error:
            error.add_note(f"in {line}")
            raise


def floating(line: str) -> bool:
    """Whether the call is of floating arrays, and gives some."""
    if not re.search(r"\b[xtcymuvsq]\b", line) or "float32" in line or line in UNFIT:
        return False
    if not accepted(line, "float64"):
        return False
    result = plain(evaluate(line, strict, arguments(strict, "float64")))
    parts = result if isinstance(result, list) else [result]
    return any(isinstance(p, np.ndarray) and p.dtype.kind in "fc" for p in parts)


def in_place(op: str) -> None:
    """``v += w`` gives the name a new Value, and leaves the old as it was."""
    for dtype in DTYPES:
        line = f"x {op} t"
        if op in ("<", "<=", ">", ">=", "==", "!=") or not accepted(line, dtype):
            continue
        arrays = arguments(dnp, dtype)
        before = arrays["x"].numpy()
        names = {"v": arrays["x"], "w": arrays["t"]}
        with np.errstate(all="ignore"):
            exec(f"v {op}= w", names)
        same(plain(names["v"]), plain(evaluate(line, dnp, arrays)))
        same(plain(arrays["x"]), before)


def checks() -> Iterator[Check]:
    for chapter, functions in CALLS.items():
        for name, calls in functions.items():
            yield from of_function(chapter, name, calls)
    yield from mixed()
    yield from with_numbers()
    for op in OPERATORS[:12]:
        yield Check("the array", f"{op}=", "in place", partial(in_place, op))
    for call in ERRORS.split(";"):
        yield Check("errors", call.strip(), "refused", partial(refused, call.strip()))
    for row in special_cases.rows():
        yield Check("special cases", row.function, str(row), row.check)


def of_function(chapter: str, name: str, calls: list[str]) -> Iterator[Check]:
    if inspect.isfunction(found(strict, name)):
        yield Check(chapter, name, "signature", partial(signature_agrees, name))
    fixed = not any(re.search(r"\b[xtcymzsuvqd]\b", call) for call in calls)
    for dtype in ["float64"] if fixed else DTYPES:
        mine = [call for call in calls if accepted(call, dtype)]
        if mine:
            yield Check(chapter, name, dtype, partial(agree_on, [(call, dtype) for call in mine]))
    plain_arrays = chapter != "linalg"  # whose gradients have tests of their own
    smooth = [c for c in calls if plain_arrays and name not in FLAT and floating(c)]
    if smooth:
        yield Check(chapter, name, "gradient", partial(differentiates, name, smooth))


def mixed() -> Iterator[Check]:
    for name, call in MIXED.items():
        pairs = [p for p in itertools.permutations(DTYPES, 2) if accepted(call, *p)]
        if pairs:
            run = partial(agree_on, [(call, *pair) for pair in pairs])
            yield Check("promotion", name, "two dtypes", run)


def with_numbers() -> Iterator[Check]:
    for name, calls in NUMBERED.items():
        wanted = []
        for dtype, call in itertools.product(DTYPES, calls):
            kind = np.dtype(dtype).kind
            for number in {"f": "if", "c": "ifc"}.get(kind, kind):
                filled = re.sub(r"\bn\b", repr(NUMBERS[number]), call)
                if accepted(filled, dtype):
                    wanted.append((filled, dtype))
        if wanted:
            yield Check("promotion", name, "a Python number", partial(agree_on, wanted))


def main() -> None:
    passed, total = Counter[str](), Counter[str]()
    for check in checks():
        total[check.chapter] += 1
        try:
            check.run()
            passed[check.chapter] += 1
        except Exception as error:
            said = " ".join(str(error).split())[:160]
            print(f"{check}: {said} {' '.join(getattr(error, '__notes__', []))}")
    for chapter, count in total.items():
        print(f"{chapter:20} {passed[chapter]:5} of {count}")
    print(f"{'all':20} {passed.total():5} of {total.total()}")
    sys.exit(passed.total() != total.total())


if __name__ == "__main__":
    main()
