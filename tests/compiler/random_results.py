"""Random functions with views, pieces and nested results, compiled: what eager gives, and keeps.

    python -m tests.compiler.random_results --count 10000

Every result, gradient and variable is compared with eager's after its own call and again after the
last one; results are written over in between, as their owner may do.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

import deltaprop as dp
from deltaprop import compiler
from deltaprop.tree import flatten

dnp: Any = dp.numpy
SHAPES = [(), (0,), (1,), (3,), (3, 3), (2, 3), (3, 1), (1, 1), (2, 1, 3)]
DTYPES = [np.float64] * 4 + [np.float32, np.float32, np.complex128, np.int64, np.bool_]
LAYOUTS = ["C"] * 3 + ["F", "strided", "negative", "read-only", "broadcast", "offset"]
NOTHING = "a step that does not fit these shapes and dtypes"


def square(x: Any) -> Any:
    """A matrix as it is: of another shape NumPy's einsum may read beyond its end."""
    if len({*np.shape(x)}) != 1:
        raise ValueError("no square")
    return x


VIEWS: dict[str, Callable[[Any], Any]] = {
    "ravel": lambda x: x.ravel(),
    "reshape": lambda x: x.reshape(-1),
    "reshape to none": lambda x: x.reshape(()),
    "T": lambda x: x.T,
    "reversed": lambda x: x[::-1],
    "last": lambda x: x[..., -1],
    "first": lambda x: x[0],
    "part": lambda x: x[1:],
    "none of it": lambda x: x[:0],
    "new axis": lambda x: x[None],
    "ellipsis": lambda x: x[..., 0:1],
    "all": lambda x: x[...],
    "squeeze": np.squeeze,
    "swapaxes": lambda x: np.swapaxes(x, 0, -1),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, *np.shape(x))),
    "diagonal": np.diagonal,
    "real": np.real,
    "imag": np.imag,
    "moveaxis": lambda x: np.moveaxis(x, -1, 0),
    "expand_dims": lambda x: np.expand_dims(x, -1),
    "atleast_1d": np.atleast_1d,
    "atleast_3d": np.atleast_3d,
    "flip": np.flip,
    "view": lambda x: x.view(),
    "einsum view": lambda x: np.einsum("...i->i...", x),
    "einsum diagonal": lambda x: np.einsum("ii->i", square(x)),
    "transpose": lambda x: np.transpose(x),
    "split": lambda x: np.split(x, 3)[1],
    "array_split": lambda x: np.array_split(x, 2)[0],
    "unstack": lambda x: np.unstack(x)[-1],
    "take": lambda x: np.take(x, [0, 0], -1),
    "fancy": lambda x: x[np.array([0, -1])],
    "copy": lambda x: x.copy(),
    "sliding": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, -1),
}
UNARY: dict[str, Callable[[Any], Any]] = {
    "sin": np.sin, "tanh": np.tanh, "negative": np.negative, "absolute": np.absolute,
    "square": lambda x: np.sin(x) ** 2, "conj": np.conj, "isfinite": np.isfinite,
    "half": lambda x: x * 0.5, "plus": lambda x: x + 1, "cosh": lambda x: np.cosh(np.tanh(x)),
    "invert": lambda x: ~x, "float32": lambda x: x.astype(np.float32), "positive": lambda x: +x,
    "modf": lambda x: np.modf(x)[0], "frexp": lambda x: np.frexp(x)[1], "abs": abs,
    "sort": np.sort, "cumsum": np.cumsum, "clip": lambda x: np.clip(x, -0.5, 0.5),
    "nan_to_num": np.nan_to_num, "gradient": np.gradient, "roll": lambda x: np.roll(x, 1),
    "constant": lambda x: dp.constant(x) * 2, "Value": lambda x: dnp.tanh(dp.constant(x)),
    "data": lambda x: dp.Value(x).data, "tril": np.tril, "repeat": lambda x: np.repeat(x, 2),
    "Value.T": lambda x: dp.constant(x).T, "one of a Value": lambda x: dp.constant(x)[0],
    "squeezed Value": lambda x: dnp.squeeze(dp.constant(x)),
    "split Value": lambda x: dnp.split(dp.constant(x), 3)[1],
}  # fmt: skip
REDUCING: dict[str, Callable[[Any], Any]] = {
    "sum": np.sum, "mean": np.mean, "max": np.max, "sum of rows": lambda x: x.sum(-1),
    "keep": lambda x: x.sum(axis=0, keepdims=True), "any": np.any, "std": lambda x: x.std(),
    "prod": lambda x: np.prod(np.tanh(x)), "norm": np.linalg.norm, "all": lambda x: (x == x).all(),
    "add.reduce": np.add.reduce, "ptp": np.ptp, "trace": np.trace, "size": np.size,
    "Value.sum": lambda x: dp.constant(x).sum(), "count": np.count_nonzero,
}  # fmt: skip
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y, "multiply": lambda x, y: x * y, "subtract": lambda x, y: x - y,
    "maximum": np.maximum, "where": lambda x, y: np.where(x > y, x, y), "inner": np.inner,
    "tensordot": lambda x, y: np.tensordot(x, y, 1), "matmul": lambda x, y: x @ y, "dot": np.dot,
    "outer": np.outer, "broadcast_arrays": lambda x, y: np.broadcast_arrays(x, y)[0],
    "concatenate": lambda x, y: np.concatenate([x, y]), "stack": lambda x, y: np.stack([x, y, x]),
    "less": lambda x, y: x < y, "tanh of the sum": lambda x, y: np.tanh(x + y),
    "einsum": lambda x, y: np.einsum("...,...->...", x, y), "vdot": np.vdot,
    "meshgrid": lambda x, y: np.meshgrid(x, y, copy=False)[1], "hypot": np.hypot,
    "Value.add": lambda x, y: dp.constant(x) + y, "power": lambda x, y: np.abs(x) ** np.tanh(y),
    "divmod": lambda x, y: divmod(x, abs(y) + 1)[1],
}  # fmt: skip


class Program:
    """A random function of three arguments and a variable; and arguments for it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        rng = np.random.default_rng(seed)
        self.kinds = [
            (SHAPES[rng.integers(len(SHAPES))], DTYPES[rng.integers(len(DTYPES))],
             LAYOUTS[rng.integers(len(LAYOUTS))])
            for _ in range(2)
        ]  # fmt: skip
        self.kinds.append(((), float, "number" if rng.random() < 0.7 else "C"))
        self.trains = rng.random() < 0.5
        self.start = rng.standard_normal(3) if rng.random() < 0.7 else 0.75
        self.constants = [rng.standard_normal(3), rng.standard_normal((3, 3)).T, 0.5]
        self.steps: list[tuple[Any, int, int]] = []
        w, xs = self.variable(), self.arguments(0)
        known = self.known(w, xs)
        length = rng.integers(3, 25)
        while len(self.steps) < length:
            table = (VIEWS, VIEWS, UNARY, REDUCING, BINARY, BINARY)[rng.integers(6)]
            name = list(table)[rng.integers(len(table))]
            i, j = rng.integers(len(known), size=2)
            i = i if rng.random() < 0.5 else len(known) - 1
            y = self.applied(table, name, known[i], known[j])
            if y is not NOTHING and np.size(dp.graph.raw(y)) < 2000:
                known.append(y)
                self.steps.append(((table, name), int(i), int(j)))
        coarse = [dtype for _, dtype, _ in self.kinds if dtype is np.float32]
        coarse += [name for (_, name), _, _ in self.steps if name == "float32"]
        self.close = 2e-4 if coarse else 1e-9
        picks = rng.integers(len(known), size=rng.integers(1, 7)).tolist()
        self.picks = [*picks, len(known) - 1]
        self.shape = str(rng.choice(["tuple", "dict", "nested", "one"]))

    def variable(self) -> Any:
        return dp.Value(self.start)

    def known(self, w: Any, xs: Any) -> list[Any]:
        return [*xs, *self.constants, w] if self.trains else [*xs, *self.constants]

    @staticmethod
    def applied(table: Any, name: str, x: Any, y: Any) -> Any:
        """The result of a step, if it has one."""
        if name in ("all", "ellipsis", "new axis") and isinstance(x, np.generic):
            return NOTHING  # entries of NumPy's scalars are refused
        try:
            made = table[name](x, y) if table is BINARY else table[name](x)
        except (TypeError, ValueError, IndexError, AttributeError, np.exceptions.AxisError):
            return NOTHING
        data = dp.graph.raw(made)
        fits = isinstance(data, (np.ndarray, np.generic, float, complex)) and type(data) is not int
        return made if fits and not isinstance(data, bool) else NOTHING

    def arguments(self, call: int) -> list[Any]:
        """Those of a call: other numbers, the same layout."""
        rng = np.random.default_rng([self.seed, call])
        return [_array(rng, *kind) for kind in self.kinds]

    def function(self, w: Any) -> Callable[..., Any]:
        """It, on a variable."""

        def run(*xs: Any) -> Any:
            known = self.known(w, xs)
            for (table, name), i, j in self.steps:
                step = table[name]
                known.append(step(known[i], known[j]) if table is BINARY else step(known[i]))
            found = [known[i] for i in self.picks]
            if self.trains:
                w.zero_grad()
                total = (w * 1.5).sum() + sum([_part(y) for y in known[len(xs) :]])
                total.backward()
                found += [w.grad, total]
                w.data -= 0.01 * np.tanh(w.grad)
            return self.packed(found)

        return run

    def packed(self, found: list[Any]) -> Any:
        if self.shape == "one":
            return found[-1]
        if self.shape == "dict":
            return {f"k{i}": x for i, x in enumerate(found)}
        if self.shape == "nested":
            return found[0], [found[1:], {"a": found[0]}, ()], None
        return tuple(found)

    def __str__(self) -> str:
        lines = [f"seed {self.seed}: {self.kinds}, trains: {self.trains}, start {self.start!r}"]
        count = len(self.known(None, [0, 0, 0]))
        for k, ((_, name), i, j) in enumerate(self.steps):
            lines.append(f"  {count + k} = {name}({i}, {j})")
        return "\n".join([*lines, f"  {self.shape} of {self.picks}"])


def _part(y: Any) -> Any:
    """What of a result a gradient flows from."""
    if not isinstance(y, dp.Value) or y.is_constant or y.dtype.kind != "f":
        return 0.0
    return dnp.tanh(y).sum()


def _array(rng: Any, shape: Any, dtype: Any, layout: str) -> Any:
    if layout == "number":
        return float(rng.standard_normal())
    if layout == "strided":
        big = rng.standard_normal([2 * n for n in shape])
        x = big[tuple([slice(None, None, 2)] * len(shape))]
    elif layout == "offset":
        x = rng.standard_normal([n + 1 for n in shape])[tuple([slice(1, None)] * len(shape))]
    else:
        x = rng.standard_normal(shape)
    x = np.asarray(x)
    if dtype is np.complex128:
        x = x + 1j * rng.standard_normal(x.shape)
    elif dtype is np.bool_:
        x = x > 0
    elif dtype is np.int64:
        x = (x * 3).astype(np.int64)
    if layout not in ("strided", "offset") or dtype is np.float32:
        x = np.array(x, dtype)
    if layout == "F":
        return np.asfortranarray(x)
    if layout == "negative" and x.ndim:
        return x[::-1]
    if layout == "broadcast" and x.ndim:
        return np.broadcast_to(x[:1], x.shape)
    if layout == "read-only":
        x.flags.writeable = False
    return x


def kept(x: Any) -> list[Any]:
    """The leaves, and copies of what is in them now."""
    return [(type(leaf), np.array(dp.graph.raw(leaf))) for leaf in flatten(x)[0]]


def compare(came: Any, expected: list[Any], close: float) -> None:
    leaves = flatten(came)[0]
    assert len(leaves) == len(expected)
    for x, (kind, data) in zip(leaves, expected, strict=True):
        assert type(x) is kind, f"{type(x)}, right {kind}"
        y = np.asarray(dp.graph.raw(x))
        assert (y.dtype, y.shape) == (data.dtype, data.shape), f"{y!r}, right {data!r}"
        if y.dtype.kind in "fc":
            np.testing.assert_allclose(y, data, rtol=close, atol=close)
        else:
            np.testing.assert_array_equal(y, data)


def check(seed: int, calls: int = 4) -> None:
    """Compare a random function's calls, compiled, with eager's."""
    with np.errstate(all="ignore"):
        program = Program(seed)
    try:
        _check(program, calls)
    except Exception as error:
        error.add_note(str(program))
        raise


def _check(program: Program, calls: int) -> None:
    with np.errstate(all="ignore"):
        w, twin = program.variable(), program.variable()
        eager, compiled = program.function(twin), compiler.compile(program.function(w))
        before: list[tuple[Any, list[Any]]] = []
        for call in range(calls):
            xs, ys = program.arguments(call), program.arguments(call)
            if call == 2 and program.kinds[0] == program.kinds[1]:
                xs[1], ys[1] = xs[0], ys[0]
            result = eager(*ys)
            expected = kept([result, twin.data, twin.grad])
            came = compiled(*xs)
            assert flatten(came)[1] == flatten(result)[1]
            compare([came, w.data, w.grad], expected, program.close)
            compare(xs, kept(ys), 0.0)
            for old, then in before:
                compare(old, then, program.close)
            if call == 1:
                for x in flatten(came)[0]:
                    if isinstance(x, np.ndarray) and x.flags.writeable:
                        x[...] = 1
            else:
                before.append((came, kept(result)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    wrong = 0
    for seed in range(given.first, given.first + given.count):
        try:
            check(seed)
        except Exception as error:
            wrong += 1
            print("\n".join(error.__notes__))
            last = traceback.extract_tb(error.__traceback__)[-1]
            print(f"  {type(error).__name__} {last.filename}:{last.lineno}: {str(error)[:600]}")
    print(f"{wrong} of {given.count} differ")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
