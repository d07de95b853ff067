"""The engine: programs of all kinds, run by both walkers in all ways, have eager's bits.

What large arrays alone go through (they are pointed at, and not copied; regions of operations are
done tile by tile, in several threads), small ones go through here too. These tests are what the
mutants of the engine are run against; see `python -m tests.mutants --engine`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop import compiler, nn, optim
from deltaprop.compiler import lanes, numpy_executor, table, tiles
from deltaprop.compiler.boundary import Runners
from deltaprop.compiler.tiles import in_shares
from deltaprop.tree import LEAF

from . import many, random_results
from .test_table import identical

dnp: Any = dp.numpy
pytestmark = [  # the zeros and infinities are eager's too
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.filterwarnings("error::DeprecationWarning"),
]
try:
    from deltaprop.compiler.native import NativeWalker
except ImportError:  # it was not built
    WALKERS = ["python"]
else:
    WALKERS = ["c", "python"]
A = np.array([0.5, -1.5, 2.0, 0.25])
# the sizes from which on an array goes another way
SIZES = [
    (numpy_executor, "_SMALL", 0), (tiles, "_SMALLEST", 2), (tiles, "_CACHE", 512),
    (tiles, "_SHARED", 2), (tiles, "threads", lambda: 3), (table, "_WHOLE", 4),
    (lanes, "_FEWEST", 12),
]  # fmt: skip
WAYS = {
    "as they are": (),
    "as large ones": SIZES[:5],
    "as large ones, in one thread": [*SIZES[:3], (numpy_executor, "are_shared", lambda *_: False)],
    "some as large ones": [(numpy_executor, "_SMALL", 64), *SIZES[1:2], (tiles, "_CACHE", 1 << 9)],
    "as many": SIZES[5:],
}
ONE_WALKER_SUFFICES = ("as large ones, in one thread", "some as large ones")


@contextmanager
def way(walker: str, name: str) -> Iterator[None]:
    """Programs that are recorded now run like this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DELTAPROP_WALKER", walker)
        for module, attribute, value in WAYS[name]:
            patch.setattr(module, attribute, value)
        yield


@dataclass
class Program:
    """A function to compile and what it leaves behind, made anew for each use; and arguments."""

    make: Callable[[], tuple[Callable[..., Any], Callable[[], Any]]]
    arguments: Callable[[Any], tuple[Any, ...]]
    close: bool = False  # sums may be formed in another order

    def check(self, calls: int = 3, close: bool = False) -> None:
        """Call it, compiled and not: what comes, what is left, and what came before are the same.

        The owner of a result writes over it, and over an argument.
        """
        (eager, state), (function, other) = self.make(), self.make()
        compiled = compiler.compile(function)
        before: list[tuple[Any, Any]] = []
        same = near if self.close or close else identical
        for call in range(calls):
            xs, ys = [self.arguments(np.random.default_rng(call)) for _ in range(2)]
            with np.errstate(all="ignore"):
                result, came = eager(*xs), compiled(*ys)
            same(came, result)
            same(other(), state())
            identical(ys, xs)
            for x in dp.tree.flatten((xs, ys))[0]:
                if isinstance(x, np.ndarray) and x.flags.writeable:
                    x[...] = 0
            same(other(), state())
            before.append((came, result))
            for pair in before:
                same(*pair)
            for x in dp.tree.flatten(came)[0] if call == 1 else ():
                if isinstance(x, np.ndarray):
                    x[...] = 1
            if call == 1:
                before.pop()
        assert compiled.cache_info()[:2] == (calls - 1, 1)


def near(a: Any, b: Any) -> None:
    leaves, structure = dp.tree.flatten(a)
    others, other = dp.tree.flatten(b)
    assert structure == other
    for x, y in zip(leaves, others, strict=True):
        assert type(x) is type(y)
        x, y = dp.graph.raw(x), dp.graph.raw(y)
        rounding = 1e-6 if np.asarray(x).dtype == np.float32 else 1e-12
        np.testing.assert_allclose(x, y, rounding, rounding, strict=True)


def pure(f: Callable[..., Any], *shapes: Any, dtype: Any = float, close: bool = False) -> Program:
    """A function of arrays of these shapes; "T" is for one whose axes lie the other way round."""

    def arguments(draw: Any) -> tuple[Any, ...]:
        return tuple([array(draw, shape, dtype) for shape in shapes])

    return Program(lambda: (f, tuple), arguments, close)


def array(draw: Any, shape: Any, dtype: Any) -> Any:
    if shape is float:
        return float(draw.standard_normal())
    if shape and shape[0] == "T":
        return array(draw, shape[:0:-1], dtype).T
    if shape and shape[0] == "strided":
        return array(draw, (*shape[1:-1], 2 * shape[-1]), dtype)[..., ::2]
    if shape and shape[0] == "reversed":
        return array(draw, shape[1:], dtype)[::-1]
    x = draw.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * draw.standard_normal(shape)
    return np.asarray(x > 0 if dtype is bool else x * 3 if dtype is int else x).astype(dtype)


def trained(
    make: Callable[[], tuple[Any, Any, Callable[..., Any]]], arguments: Callable[[Any], Any]
) -> Program:
    """A step of training: `make` gives parameters, an optimiser and what gives the loss."""

    def whole() -> tuple[Callable[..., Any], Callable[[], Any]]:
        parameters, rule, loss_of = make()

        def step(*xs: Any) -> Any:
            loss = loss_of(*xs)
            rule.zero_grad()
            loss.backward()
            rule.step()
            return loss

        def state() -> Any:
            return [
                [p.numpy() if p.shape else p.item() for p in parameters],
                [np.array(p.grad) for p in parameters],
                rule.state_dict(),
            ]

        return step, state

    return Program(whole, arguments)


def network(
    widths: list[int],
    rule: Any,
    dtype: Any = float,
    rows: int = 4,
    layers: Any = (),
    **options: Any,
) -> Program:
    def make() -> Any:
        mlp = nn.MLP(widths, rng=0, dtype=dtype, **options)
        extra = [layer() for layer in layers]
        parameters = [*mlp.parameters(), *[p for x in extra for p in x.parameters()]]

        def loss(x: Any, y: Any) -> Any:
            for layer in extra:
                x = layer(x)
            return ((mlp(x) - y) ** 2).mean()

        return parameters, rule(parameters), loss

    def arguments(draw: Any) -> Any:
        return array(draw, (rows, widths[0]), dtype), array(draw, (rows, widths[-1]), dtype)

    return trained(make, arguments)


def of_state(
    f: Callable[..., Any], *starts: Any, arguments: Callable[[Any], Any] = lambda _: ()
) -> Program:
    """A function of variables."""

    def make() -> tuple[Callable[..., Any], Callable[[], Any]]:
        values = [dp.Value(np.array(x) if np.shape(x) else x) for x in starts]
        views = [v.data for v in values]

        def state() -> Any:
            return [(v.numpy() if v.shape else v.item(), v.grad) for v in values], views

        return lambda *xs: f(*values, *xs), state

    return Program(make, arguments)


def _gradients(f: Callable[..., Any]) -> Callable[..., Any]:
    def run(*xs: Any) -> Any:
        values = [dp.Value(x) for x in xs]
        y = f(*values)
        y.backward(dnp.cos(y.data) if y.shape else None)
        return y, [v.grad for v in values]

    return run


def _moved(v: Any, w: Any) -> Any:
    """What goes from one place to another, and what was there before is wanted."""
    old = v.detach()
    total = (v * w).sum()
    v.zero_grad(), w.zero_grad()
    total.backward()
    v.data, w.data = w.data + 0.5 * v.grad, v.data * 2.0 - w.grad
    return old, total, v.grad


def _swapped(v: Any, w: Any) -> Any:
    v.data, w.data = w.detach().data, v.detach().data
    return v * 1.0


def _turned(v: Any) -> Any:
    v.data = v.data.T * 0.5 + v.data
    return v.detach(), (v * v).sum()


def _written_late(v: Any, w: Any, x: Any) -> Any:
    v.data -= 0.5 * x
    w.data = np.tanh(v.data * w.data) + x[::-1]
    return v.data * 1.0, np.sort(w.data)


def _numbers(*args: Any) -> Any:
    """Many operations on single numbers."""
    *vs, x = args
    loss: Any = 0.0
    for i, v in enumerate(vs):
        u = (v * x + vs[i - 1] * 0.5 - 2.0).tanh() ** 2 + (v * v + 1.0) ** 0.5
        loss = loss + u / (1.0 + x * x) + (v + 0.2 * i).relu() + 1.0 / (v * v + 2.0)
        loss = loss + dnp.exp(-v) ** x
    for v in vs:
        v.zero_grad()
    loss.backward()
    for v in vs:
        v.data -= 0.01 * v.grad
    return loss, -vs[0], x * 3.0


def _mixed_numbers(u: Any, a: Any, b: Any, v: Any, c: Any, d: Any, x: Any) -> Any:
    """Numbers that are fetched one by one, at once, and between arrays."""
    total: Any = (u * u).sum() * d
    partial: list[Any] = []
    for y in (a, b, c, a * b, b * c, a - c):
        partial.append(y * x + 1.0 + y * y + (y * 2.0).tanh())
        total = total + partial[-1]
    total = total + (u * v).sum()
    for p in (u, a, b, v, c, d):
        p.zero_grad()
    total.backward()
    for p in (u, a, b, c, d):
        p.data = p.data - 0.01 * p.grad
    return total, partial, u * 1.0


W, V = np.linspace(-1.0, 1.0, 12).reshape(3, 4), np.linspace(2.0, 0.5, 12).reshape(3, 4)


def _wide(x: Any, y: Any, b: Any, c: Any, s: Any) -> Any:
    """Operations on entries: broadcast, in turn, on what is read again and what is not."""
    z = np.sin(x) * y - b
    u = np.exp(-z * z) / (c * c + 1.0) + s * x
    m = np.maximum(u, z) - np.minimum(b, s) + np.maximum(u, 0.25)
    t = np.sqrt(np.abs(m)) * 2.0 - x / (np.abs(y) + 0.5)
    return z, m * t, (t > m) & (z <= u), -t, np.where(t > m, t, u), np.where(z > 0.0, 1.0, m)


def _mixed(x: Any, n: Any, flags: Any) -> Any:
    """Dtypes that meet."""
    y = x.astype(np.float32)
    z = y * x + n
    return (
        z, y + np.float32(1.5), y * 2.0, y + 1, flags * x, flags * y, flags.astype(float) + x,
        flags.astype(np.float32), n.astype(float) / 2, n // 2, n * n, z.astype(np.float32) - y,
        np.float64(0.5) * y, n + True, (x > 0).astype(int), x.astype(np.complex128) * 1j,
        ~flags, np.isfinite(y), (y * y).astype(float), np.power(y, 2), np.arctan2(x, y),
    )  # fmt: skip


def _sums(x: Any, t: Any) -> Any:
    return (
        x.sum(0), x.sum(1), x.sum(), x.sum(-1, keepdims=True), x.max(1), x.max(), x.min(0),
        np.prod(x, 1), t.sum(0), t.sum(2), t.sum((0, 2)), t.sum(1, keepdims=True), t.max((1, 2)),
        np.add.reduce(x), np.maximum.reduce(x, axis=1), t.T.sum(0), x.mean(0), x.std(1),
        np.max(x, initial=0.5), np.sum(x, 1, initial=2.0), np.max(x, 1, initial=0.25),
        (x > 0).sum(), x[:, :2].max(-1), x.T.sum(0), x[::-1].sum(1), t[1:].max(-1),
    )  # fmt: skip


def _sums_of_values(x: Any, t: Any) -> Any:
    x, t = dp.constant(x) * 2.0, dp.constant(t)
    return (
        x.sum(0), x.sum(1), x.sum(), x.sum(-1, keepdims=True), x.max(1), dnp.max(x), x.min(0),
        dnp.prod(x, 1), t.sum(0), t.sum(2), t.sum((0, 2)), t.sum(1, keepdims=True), t.max((1, 2)),
        t.T.sum(0), x.mean(0), dnp.std(x, 1), dnp.sum(x, 1, initial=2.0), (x.T * 2.0).sum(0),
        (x[:, :2] * 1.5).sum(1), (x * x).max(1, keepdims=True), dnp.vdot(x, x + 1.0), x.sum() * 2.0,
        np.maximum.reduce(x.data, 1), np.add.reduce(t.data, (0, 1)), np.multiply.reduce(x.data),
    )  # fmt: skip


# since NumPy 2.3, matmul forms sums in the same order however its arguments lie
ALIKE = np.lib.NumpyVersion(np.__version__) >= "2.3.0"


def _products(a: Any, b: Any, v: Any, w: Any) -> Any:
    return (
        a @ b, v @ a, b @ v, v @ v, a.T @ w, w @ b.T @ b, a[:, ::2] @ b[::2], a[::-1] @ b,
        (a @ b) @ a, a[None] @ np.stack([b, 2.0 * b, -b]), np.stack([a, a * 2]) @ b[:, 0],
        (v[:3] * 2.0) @ a, a @ b[:, :1], a[:1] @ b, np.vdot(a, a * 2.0), np.stack([b, -b]).mT @ b,
        np.stack([b, b * 2])[:, None] @ np.stack([a, a * 3, a, -a]), v @ np.stack([b.T, -b.T]),
    )  # fmt: skip


def _views(x: Any) -> Any:
    """Parts of what was computed, that are results, or computed with."""
    y = np.tanh(x) * 2.0
    z = y[1:, ::-1] + 1.0
    u = y.T[::2] * x.T[::2]
    y3 = y.reshape(2, 3, -1)
    w = (y[:, 1] + 1.0) * y[:, 1] - y[:, 0]
    return (
        w,
        y[1:],
        y.T,
        z,
        u[:, 0],
        y[:, 1] * y[0, 0],
        y3[:, 1] - y3[1, 2],
        y3.swapaxes(0, 2) + 1.0,
    )


def _axes(x: Any, y: Any) -> Any:
    """More axes than loops; axes that lie in another order."""
    z = x * 2.0 + y.transpose(4, 1, 2, 3, 0)
    return (
        z,
        np.sin(z[:, :, 1]),
        z.transpose(1, 0, 4, 3, 2) + y[0, 0, 0, 0],
        z[0] + y[..., 0].T,
        z[..., ::2].sum((0, 3)) - y[0, 0, 0, 0],
    )


def _same_twice(x: Any) -> Any:
    """What is equal and not the same, and what is the same."""
    y = np.sin(x)
    return (
        np.copysign(y, 0.0), np.copysign(y, -0.0), y * 1, y * True, y + 1.0, y + True,
        y.sum(0), y.sum(1), y.sum(0, keepdims=True), y**2, y**2.0, y**0.5, y**-1, y**-1.0,
        np.arctan2(y, 0.0), np.arctan2(y, -0.0), np.sign(np.maximum(y, 0)), np.sign(y), y[0:1],
        y[0:2], np.std(y, axis=1), np.std(y, ddof=1), y * np.float32(2), y * np.float64(2),
        1.0 * y, 1 * y, y / 1.0, np.maximum(y, -0.0),
        np.sin(x) + y,
    )  # fmt: skip


MIXED = [((3, 4), float), ((4,), int), ((3, 4), bool)]
SEED = np.random.default_rng(5)
PROGRAMS: dict[str, Program] = {
    "entries": pure(_wide, (3, 4), (3, 4), (4,), (3, 1), float),
    "entries of rows": pure(_wide, (4, 3), (4, 3), (3,), (3,), float),
    "entries of one shape": pure(_wide, (5, 4), (5, 4), (5, 4), (5, 4), float),
    "entries, single": pure(_wide, (3, 4), (3, 4), (4,), (3, 1), (), dtype=np.float32),
    "entries that lie otherwise": pure(
        _wide, ("T", 3, 4), ("strided", 3, 4), ("reversed", 4), (3, 1), ()
    ),
    "entries, all turned": pure(_wide, *[("T", 5, 4)] * 4, float),
    "no entries": pure(_wide, (0, 4), (0, 4), (4,), (0, 1), float),
    "one entry": pure(_wide, (1, 1), (1,), (), (1, 1), float),
    "many entries": pure(_wide, (40, 60), (40, 60), (60,), (60,), float),
    "dtypes": Program(
        lambda: (_mixed, tuple),
        lambda draw: tuple([array(draw, shape, d) for shape, d in MIXED]),
    ),
    "sums": pure(_sums, (3, 4), (2, 3, 4)),
    "sums, single": pure(_sums, (5, 2), (2, 1, 4), dtype=np.float32),
    "sums of Values": pure(_sums_of_values, (3, 4), (2, 3, 4)),
    "sums of Values, single": pure(_sums_of_values, (5, 2), (2, 1, 4), dtype=np.float32),
    "sums of Values that lie otherwise": pure(_sums_of_values, ("T", 3, 4), (2, 3, 4), close=True),
    "products": pure(_products, (3, 4), (4, 3), (3,), (3, 3), close=not ALIKE),
    "products, single": pure(
        _products, (3, 4), (4, 3), (3,), (3, 3), dtype=np.float32, close=not ALIKE
    ),
    "products of complex numbers": pure(
        lambda a, b: (a @ b, a * b[:, 0], (a @ b).sum(0), a.T.conj() @ a), (3, 3), (3, 3),
        dtype=complex,
    ),
    "products that lie otherwise": pure(
        _products, ("T", 3, 4), ("T", 4, 3), ("reversed", 3), ("strided", 3, 3), close=True
    ),
    "large products": pure(lambda a, b: np.tanh(a @ b.T) @ a, (50, 40), (50, 40)),
    "views": pure(_views, (6, 4)),
    "views, turned": pure(_views, ("T", 6, 4)),
    "axes": pure(_axes, (2, 3, 2, 3, 4), (4, 3, 2, 3, 2)),
    "equal, not the same": pure(_same_twice, (3, 4)),
    "gradients": pure(
        _gradients(lambda a, b, c: (dnp.tanh(a @ b + c) * a[:, :3]).sum(1)), (4, 5), (5, 3), (3,)
    ),
    "gradients of broadcasts": pure(
        _gradients(lambda a, b, c, d: ((a + b) * c - d / (1.0 + b * b)).sum((0, 1))),
        (2, 3, 4), (3, 4), (1, 4), (2, 1, 1),
    ),
    "gradients of a softmax": pure(
        _gradients(lambda a: (nn.softmax(a) * dnp.arange(6.0)).sum(0) + dnp.max(a, 0)), (4, 6)
    ),
    "moved": of_state(_moved, W, V),
    "swapped": of_state(_swapped, W, V),
    "turned": of_state(_turned, SEED.standard_normal((3, 3))),
    "written late": of_state(
        _written_late, V[0], W[1], arguments=lambda draw: (array(draw, (4,), float),)
    ),
    "numbers": of_state(
        _numbers, *SEED.standard_normal(9).tolist(), arguments=lambda draw: (draw.uniform(1, 2),)
    ),
    "mixed numbers": of_state(
        _mixed_numbers, W, 0.5, -1.25, V, 2.0, 0.75, arguments=lambda draw: (draw.uniform(1, 2),)
    ),
    "few numbers": of_state(
        _numbers, *SEED.standard_normal(3).tolist(), arguments=lambda draw: (draw.uniform(1, 2),)
    ),
    "SGD": network([3, 5, 2], lambda p: optim.SGD(p, lr=0.1), activation="tanh"),
    "momentum": network(
        [3, 4, 4, 1], lambda p: optim.SGD(p, lr=0.1, momentum=0.9), activation="sigmoid"
    ),
    "Adam": network([4, 3, 3], lambda p: optim.Adam(p, lr=0.1), activation="relu"),
    "Adam, single": network([4, 3, 3], optim.Adam, dtype=np.float32, activation="tanh", rows=5),
    "layers": network(
        [3, 4, 1], optim.AdamW, activation="softplus", rows=6,
        layers=[lambda: nn.LayerNorm(3), lambda: nn.Dropout(0.4, 3), lambda: nn.BatchNorm(3)],
    ),
}  # fmt: skip


def _classes() -> Program:
    def make() -> Any:
        mlp = nn.MLP([3, 4, 5], rng=0, activation="tanh", output="identity")
        parameters = mlp.parameters()
        rule = optim.SGD(parameters, lr=0.5, momentum=0.5, nesterov=True)
        return parameters, rule, lambda x, y: nn.softmax_cross_entropy(mlp(x), y)

    return trained(make, lambda draw: (array(draw, (6, 3), float), draw.integers(5, size=6)))


PROGRAMS["classes"] = _classes()
PROGRAMS["numbers"].close = True


RUNS = [(w, how) for w in WALKERS for how in WAYS if w == "c" or how not in ONE_WALKER_SUFFICES]


@pytest.mark.parametrize(("walker", "how"), RUNS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_as_in_eager_mode(name: str, walker: str, how: str) -> None:
    with way(walker, how):
        PROGRAMS[name].check(close=how == "as many" and "numbers" in name)


@pytest.mark.parametrize(("walker", "how"), RUNS)
def test_random_programs(walker: str, how: str) -> None:
    first = 12 * RUNS.index((walker, how))
    with way(walker, how):
        if how != "as many":  # sums of numbers are formed in another order
            found = [many.wrong(seed) for seed in range(first, first + 3)]
            assert not any(found), "\n".join(found)
        for seed in range(first, first + 12):
            random_results.check(seed, calls=3)


@pytest.mark.parametrize(("walker", "how"), RUNS)
def test_an_error_changes_nothing(walker: str, how: str) -> None:
    """What is written outside is written after all that may fail."""
    v, w, drop = dp.Value(W.copy()), dp.Value(0.5), nn.Dropout(0.3, 1)
    rule = optim.SGD([v, w], lr=0.5, momentum=0.5)

    def step(x: Any) -> Any:
        loss = (drop(dnp.tanh(v)) * w).sum()
        rule.zero_grad()
        loss.backward()
        rule.step()
        v.data = v.data * 2.0
        w.data = w.data + 1.0
        return np.linalg.inv(x) + w.data, v.data * 1.0, loss

    with way(walker, how):
        compiled = compiler.compile(step)
        compiled(np.eye(3))
        for _ in range(2):
            before = [v.numpy(), v.grad.copy(), w.item(), w.grad, rule.state_dict()]
            drawn = drop.rng.bit_generator.state
            with pytest.raises(np.linalg.LinAlgError):
                compiled(np.zeros((3, 3)))
            identical([v.numpy(), v.grad, w.item(), w.grad, rule.state_dict()], before)
            assert drop.rng.bit_generator.state == drawn
            compiled(2.0 * np.eye(3))
            assert w.item() != before[2]


# of each program: how many rows are no inner loops of NumPy's, as it is and as a large one; bytes
# of the block; how many variables are computed where they lie
FIGURES: dict[str, tuple[int, int, int, int]] = {
    "entries": (0, 0, 972, 0),
    "entries of rows": (0, 0, 972, 0),
    "entries of one shape": (0, 0, 1428, 0),
    "entries, single": (0, 0, 524, 0),
    "entries that lie otherwise": (0, 0, 972, 0),
    "entries, all turned": (0, 0, 1428, 0),
    "no entries": (0, 0, 72, 0),
    "one entry": (0, 0, 513, 0),
    "many entries": (0, 0, 79232, 0),
    "dtypes": (11, 11, 1968, 0),
    "sums": (26, 26, 2016, 0),
    "sums, single": (26, 26, 1696, 0),
    "sums of Values": (23, 23, 1984, 0),
    "sums of Values, single": (23, 23, 1640, 0),
    "sums of Values that lie otherwise": (25, 25, 2080, 0),
    "products": (7, 7, 3584, 0),
    "products, single": (7, 7, 2112, 0),
    "products of complex numbers": (2, 2, 976, 0),
    "products that lie otherwise": (8, 8, 3584, 0),
    "large products": (0, 0, 52032, 0),
    "views": (1, 1, 816, 0),
    "views, turned": (1, 1, 816, 0),
    "axes": (2, 2, 4736, 0),
    "equal, not the same": (5, 5, 2440, 0),
    "gradients": (2, 2, 864, 0),
    "gradients of broadcasts": (5, 5, 1312, 0),
    "gradients of a softmax": (9, 9, 736, 0),
    "moved": (1, 1, 800, 1),
    "swapped": (0, 0, 224, 1),
    "turned": (1, 1, 136, 1),
    "written late": (1, 1, 160, 0),
    "numbers": (51, 51, 3976, 0),
    "mixed numbers": (8, 8, 2184, 1),
    "few numbers": (43, 43, 2305, 0),
    "SGD": (1, 1, 1056, 4),
    "momentum": (1, 1, 1344, 12),
    "Adam": (3, 3, 1120, 12),
    "Adam, single": (3, 3, 764, 12),
    "layers": (11, 11, 2432, 24),
    "classes": (3, 3, 1968, 8),
}  # fmt: skip


@pytest.mark.parametrize(("walker", "how"), RUNS)
def test_gradients_belong_to_those_who_read_them(walker: str, how: str) -> None:
    u, v, w = dp.Value(W), dp.Value(W), dp.Value(W)

    def step(x: Any, y: Any) -> Any:
        for p in (u, v, w):
            p.zero_grad()
        (u + v).backward(x)
        (w * 1.0).backward(y)
        return x * 1.0, u.grad

    with way(walker, how):
        compiled = compiler.compile(step)
        for scale in (1.0, 2.0, 3.0):
            x, y = scale * V, scale * W
            given, of_u = compiled(x, y)
            identical([p.grad for p in (u, v, w)], [scale * V, scale * V, scale * W])
            for z in (x, y, u.grad, u.data):
                z *= 8.0
            expected = [scale * V, scale * V, 8.0 * scale * V, scale * V, scale * W]
            identical([given, of_u, u.grad, v.grad, w.grad], expected)


def laid_out(name: str) -> tuple[numpy_executor.Plan, numpy_executor.Runner]:
    """A program as it was laid out, and what runs it."""
    made: list[tuple[numpy_executor.Plan, numpy_executor.Runner]] = []

    class Noted(numpy_executor.Runner):
        def __init__(self, plan: Any) -> None:
            super().__init__(plan)
            made.append((plan, self))

    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(numpy_executor, "Runner", Noted)
        compiler.compile(PROGRAMS[name].make()[0])(
            *PROGRAMS[name].arguments(np.random.default_rng(0))
        )
    return made[0]


def figures(name: str) -> tuple[int, int, int, int]:
    calls: list[int] = []

    class Counted(NativeWalker):
        def _call(self, function: Any, args: Any) -> bytes:
            calls[-1] += function is not in_shares
            return super()._call(function, args)

    for how in ("as large ones", "as they are"):
        with way("c", how), pytest.MonkeyPatch.context() as patch:
            calls.append(0)
            patch.setattr(numpy_executor, "walker", lambda: Counted)
            plan, _ = laid_out(name)
        inside = {x for region in plan.regions for x in region.inside}
        assert inside.isdisjoint(plan.memory.offsets)  # it needs no memory
    return calls[1], calls[0], plan.memory.taken, len(plan.memory.at_home)


@pytest.mark.skipif("c" not in WALKERS, reason="the walker in C was not built")
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_no_slower_and_no_larger(name: str) -> None:
    calls, calls_as_large, taken, at_home = figures(name)
    most, most_as_large, room, least = FIGURES[name]
    assert (calls <= most, calls_as_large <= most_as_large) == (True, True)
    assert taken <= 1.2 * room + 64
    assert at_home >= least


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_written_outside_is_written_by_no_python_code(name: str) -> None:
    """So no signal comes in between."""
    with way("python", "as they are"):
        walker: Any = laid_out(name)[1].walker
    functions = [getattr(row[0], "func", row[0]) for row in walker._tail]
    assert not any(isinstance(f, FunctionType | MethodType) for f in functions)


DIFFERENT: dict[str, list[tuple[Any, ...]]] = {
    "dtypes": [(A,), (A.astype(np.float32),), (A.astype(int),), (A.astype(complex),), (A > 0,)],
    "orders of bytes": [(A,), (A.astype(">f8"),), (A.astype(">i4"),), (A.astype("<i4"),)],
    "shapes": [(A,), (A[:2],), (A[None],), (A.reshape(2, 2),), (A[0, ...],)],
    "layouts": [(A.reshape(2, 2),), (A.reshape(2, 2).T,), (np.repeat(A, 2).reshape(2, 4)[:, ::2],)],
    "kinds": [(0.5,), (np.float64(0.5),), (np.float32(0.5),), (np.array(0.5),), (0.5j,)],
    "structures": [((A, A),), ([A, A],), ({"a": A, "b": A},), ({"b": A, "c": A},), ((A, (A,)),)],
    "numbers of arguments": [(A,), (A, A), (A, A, A), (A,) * 30, (A,) * 31, ()],
    "static values": [(A, 1), (A, 2), (A, True), (A, "1"), (A, None), (A, (1,)), (A, (True,))],
    "variables": [(A,), (dp.constant(A),), (dp.constant(A.astype(np.float32)),)],
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_signatures(name: str) -> None:
    """Each has a program of its own, which is found again, among all the others."""

    def f(*xs: Any) -> Any:
        leaves = dp.tree.flatten(xs)[0]
        arrays = [x for x in leaves if not isinstance(x, (int, str)) and x is not None]
        return [x * 2 for x in arrays], [x for x in leaves if isinstance(x, (int, str))]

    compiled = compiler.compile(f)
    for misses, hits in ((1, 0), (0, 1)):
        for xs in DIFFERENT[name]:
            before = compiled.cache_info()
            identical(compiled(*xs), f(*xs))
            after = compiled.cache_info()
            assert (after.misses - before.misses, after.hits - before.hits) == (misses, hits)
    assert compiled.cache_info() == (
        len(DIFFERENT[name]),
        len(DIFFERENT[name]),
        16,
        len(DIFFERENT[name]),
    )
    compiled.cache_clear()
    assert compiled.cache_info() == (0, 0, 16, 0)
    compiled(*DIFFERENT[name][0])
    assert compiled.cache_info() == (0, 1, 16, 1)


def test_the_program_that_was_not_called_for_longest_is_dropped() -> None:
    compiled = compiler.compile(lambda x: x + 1.0, maxsize=2)
    calls = [(A, "miss"), (A[:2], "miss"), (A, "hit"), (A[:1], "miss"), (A, "hit"), (A[:2], "miss")]
    for x, expected in calls:
        before = compiled.cache_info()
        identical(compiled(x), x + 1.0)
        after = compiled.cache_info()
        assert (after.misses > before.misses) is (expected == "miss")
        assert after.currsize <= 2


def test_static_arguments() -> None:
    def f(x: Any, scale: Any, *, power: Any = 1.0) -> Any:
        return x * scale**power if scale > 1.0 else x - power  # a branch on a number

    compiled = compiler.compile(f, static=iter((1, "power")))
    for scale, power in ((2.0, 2.0), (0.5, 2.0), (2.0, 3.0), (2.0, 2.0)):
        identical(compiled(A, scale, power=power), f(A, scale, power=power))
    assert compiled.cache_info()[:2] == (1, 3)
    copysign = compiler.compile(lambda x, s: (np.copysign(x, s[0]), x * s[1]), static=(1,))
    for s in ((0.0, 1), (-0.0, 1), (0.0, True), (0.0, 1.0), (0.0, 1)):
        identical(copysign(A, s), (np.copysign(A, s[0]), A * s[1]))
    assert copysign.cache_info()[:2] == (1, 4)
    with pytest.raises(TypeError, match="hashable static arguments, got set"):
        compiled(A, {1})


def test_what_a_recording_depends_on() -> None:
    drop, v = nn.Dropout(0.5, 0), dp.Value(A)
    compiled = compiler.compile(lambda x: drop(x))
    identical([drop.eval(), compiled(A)][1], A)
    drop.train()
    assert 0.0 in compiled(A) or 0.0 in compiled(A)
    drop.eval()
    identical(compiled(A), A)
    assert compiled.cache_info()[:2] == (1, 2) or compiled.cache_info()[1] == 2
    f = compiler.compile(lambda x: (v * x).sum())
    y = f(v)  # variables as arguments: the function itself runs
    y.backward()
    identical(v.grad, 2.0 * A)
    v.zero_grad()
    g = dp.grad(lambda x: f(x))(dp.Value(A))
    identical(dp.graph.raw(g), A)


@pytest.mark.parametrize(("walker", "how"), RUNS)
def test_a_power_of_integers_may_be_an_error(walker: str, how: str) -> None:
    v = dp.Value(A.copy())

    def step(n: Any, m: Any) -> Any:
        v.data = v.data * 2.0
        return n**m

    n, m = np.array([2, 3]), np.array([1, 2])
    with way(walker, how):
        compiled = compiler.compile(step)
        identical(compiled(n, m), n**m)
        with pytest.raises(ValueError, match="negative integer powers"):
            compiled(n, -m)
        identical(v.numpy(), 2.0 * A)


@pytest.mark.parametrize("walker", WALKERS)
@pytest.mark.parametrize("base", [0.9, 2.0, 1.0, 0.0, -0.0, -2.0, np.inf, np.nan])
def test_powers_of_a_number(base: float, walker: str) -> None:
    with way(walker, "as they are"), np.errstate(all="ignore"):
        compiled = compiler.compile(lambda x: (dnp.power(base, x), dnp.power(x, base)))
        for x in (3.0, 0.5, -1.0, 0.0, 1e6, -1e6, -np.inf, np.nan):
            expected = dnp.power(base, x), dnp.power(x, base)
            found = compiled(x)
            assert [*map(type, found)] == [*map(type, expected)]
            identical(found, expected)


def test_a_result_of_another_dtype_is_that_of_the_function() -> None:
    compiled = compiler.compile(lambda x: np.linalg.eigvals(x) * 2.0)
    for x in (np.diag([1.0, 2.0]), np.array([[0.0, -1.0], [1.0, 0.0]]), np.diag([3.0, 2.0])):
        identical(compiled(x), np.linalg.eigvals(x) * 2.0)


class _Method:
    scale = 3.0

    @compiler.compile
    def scaled(self, x: Any) -> Any:
        return x * self.scale

    __hash__ = object.__hash__


def test_methods() -> None:
    one, other = _Method(), _Method()
    identical(one.scaled(A), 3.0 * A)
    identical(other.scaled(x=A), 3.0 * A)
    assert _Method.scaled.cache_info().misses == 2


def test_gradients_of_large_arrays_add_up() -> None:
    """Where the gradients of before lie, the next step computes other things first."""
    x = np.random.default_rng(0).standard_normal((60, 60))

    def make() -> tuple[Callable[..., Any], list[dp.Value]]:
        weights = [dp.Value(np.random.default_rng(i).normal(size=(60, 60)) / 8) for i in range(3)]

        def step(y: Any) -> Any:
            for w in weights:
                y = np.tanh(y @ w)
            loss = (y * y).sum()
            loss.backward()
            return loss

        return step, weights

    (eager, ones), (replayed, others) = make(), make()
    compiled = compiler.compile(replayed)
    for _ in range(4):
        identical(compiled(x), eager(x))
    identical([w.grad for w in others], [w.grad for w in ones])


class _Runner:
    inputs: Any

    def fetch(self, inputs: Any) -> bool:
        self.inputs = inputs
        return True

    def walk(self) -> list[Any]:
        return [self.inputs]


def test_a_program_is_laid_out_once() -> None:
    made: list[_Runner] = []

    def make() -> _Runner:
        made.append(_Runner())
        return made[-1]

    runners = Runners(make, LEAF)
    assert [runners.run(k) for k in range(3)] == [0, 1, 2]
    assert runners.idle == made
    assert len(made) == 1
