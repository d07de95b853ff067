"""The NumPy executor: a program as a Python function of calls that write to buffers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import lru_cache
from itertools import groupby
from math import prod
from sys import getrefcount
from threading import Lock
from typing import Any

import numpy as np

from ..graph import REGISTRY, Elementwise, Node, Primitive, Selection, as_number
from ..graph.cotangent import adds_by_product, ones
from ..tree import LEAF, unflatten
from ..value import Value
from .arena import Arena, lay
from .lanes import Vector, entry
from .memory import CONSTANT, Abilities, Memory
from .passes import dead_code, optimised
from .program import Call, Variable, flops, listed, part, symbols_in
from .recording import Place, Recorded
from .tiles import Region, are_shared, regions, scratch_places, tile_shape, tiled
from .together import together
from .traced import is_number

_REDUCTIONS = {np.add.reduce, np.maximum.reduce, np.minimum.reduce, np.multiply.reduce}
_LITERALS = {"None": None, "False": False, "True": True, "0": 0, "1": 1}
# how a variable `p` gets new data and a new gradient `x`
_PUT = {
    "_held": "if p._held is not x: p.write(x)",
    "_grad": "if p._grad is not x: p._grad = x; p._extra.owns_grad = False",
}
_WHOLE = 1 << 14  # entries of constants that are written out
_SURE = {"as_number", "entry", "pack", "scalar_entry", "vdot"}


def _raises_nothing(function: Any) -> bool:
    """Whether a function of numbers is NumPy's or this package's: it raises no errors."""
    package = __name__.partition(".")[0]
    known = str(getattr(function, "__module__", "")).partition(".")[0]
    return isinstance(function, np.ufunc) or known == package


def _fills(call: Call) -> bool:
    function = call.function
    if not call.result.shape:
        return False
    if function in _REDUCTIONS:
        return call.params.keys() <= {"axis", "keepdims", "initial"} and "axis" in call.params
    return isinstance(function, Primitive) and function.buffered


def _views(call: Call) -> bool:
    # a Python number is no view
    function = call.function
    shows = isinstance(function, Selection) and function.views
    return function is part or (shows and not call.result.number)


def _succeeds(call: Call) -> bool:
    function = call.function
    if isinstance(function, Vector):
        return all(_raises_nothing(f) for f, *_ in function.steps)
    integers = call.result.dtype is not None and call.result.dtype.kind in "iu"  # 2 ** -1
    sure = isinstance(function, Elementwise) and _raises_nothing(function.forward) and not integers
    sure = sure or call.name in _SURE
    moved = isinstance(function, Selection) and next(symbols_in(call.params), None) is None
    return not call.effect and (sure or moved or _fills(call) or _views(call))


ABILITIES = Abilities(
    fill=_fills,
    overwrite=lambda call: isinstance(call.function, Elementwise),
    view=_views,
    succeed=_succeeds,
)


def _parts(line: str) -> list[str]:
    """The function and the arguments of a line that is a call; one of other lines is no name."""
    return line.removesuffix(")").replace("(", ", ", 1).split(", ")


class _SourceWriter:
    """Writes the source of the function, and collects what it refers to."""

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self.program = recorded.program
        results = self.program.outputs[: len(recorded.wrapped)]
        self.moved = homes = _homes(recorded)
        leaving = self.leaving(results)
        filled = {c.result for c in self.program.calls if _fills(c)} - leaving
        packable = filled.union(homes.values())
        self.program = together(self.program, packable.__contains__)
        self.program = dead_code(self.program)
        self.names: dict[Variable, str] = {}
        self.space: dict[str, Any] = {
            "as_number": as_number, "leaf": Value.leaf, "lock": Lock(), "unflatten": unflatten,
            "copyto": np.copyto, "getrefcount": getrefcount, "arena": None, "seen": 0, "nodes": (),
            **_LITERALS,
        }  # fmt: skip
        self.lines: list[str] = []
        self.copies = 0
        self.rows: dict[str, list[list[str]]] = {}
        self.constants: dict[int, str] = {}
        found = regions(self.program, leaving)
        self.regions = {region.calls[0]: region for region in found}
        self.shared = bool(found) and are_shared(found, self.program)
        kept = self.gradients() - leaving
        self.memory = Memory(self.program, ABILITIES, leaving, homes, found, kept)
        self.done = set(self.memory.views)
        self.inputs = set(self.program.inputs)
        for i, x in enumerate(self.program.inputs):
            self.names[x] = f"x{i}"
        self.homes = {x: self.constant(self.memory.buffers[x], "h") for x in homes.values()}
        for x, array in self.memory.buffers.items():
            self.names[x] = self.constant(array, "b")
        self.nodes: dict[str, Node] = {}  # the variables that hold homes, by these homes' names
        for place, x in recorded.reads:
            self.read(place, x)
        self.check()
        for i, call in enumerate(self.program.calls):
            self.call(i, call)
        self.lines.append(f"result = {self.returned(results)}")
        self.write()
        self.lines.append("return result")

    def leaving(self, results: Sequence[Any]) -> set[Variable]:
        """What must be in memory of its own: results, and gradients that are read again."""
        kept = {x for x in results if isinstance(x, Variable)}
        if any(place.name == "_grad" for place, _ in self.recorded.reads):
            kept |= self.gradients()
        return kept

    def gradients(self) -> set[Variable]:
        """What becomes the gradients of variables."""
        left = [new for place, new in self.recorded.writes if place.name == "_grad"]
        return set(symbols_in(left))

    def source(self) -> str:
        """The whole function."""
        given = len(self.program.inputs) - len(self.recorded.reads)
        args = ", ".join([f"x{i}" for i in range(given)])
        lines: list[str] = []
        for known, group in groupby(self.lines, lambda line: self.space.keys() >= {*_parts(line)}):
            calls = [*group]
            if known and len(calls) > 2:  # as many lines would take Python long to compile
                calls = [self.loop("f, a", [*map(_parts, calls)], "f(*a)")]
            lines += calls
        body = "\n        ".join(lines)
        return f"def run({args}):\n    with lock:\n        {body}\n"

    def loop(self, names: str, rows: list[list[str]], body: str) -> str:
        """A line that does the same with each row: its first name, and a tuple of the rest."""
        self.rows[f"rows{len(self.rows)}"] = rows
        return f"for {names} in rows{len(self.rows) - 1}:\n            {body}"

    # -- names ---------------------------------------------------------------------------

    def constant(self, x: Any, prefix: str = "c") -> str:
        """A name for an object."""
        if x is None or type(x) is int or type(x) is bool:
            return repr(x)
        name = self.constants.get(id(x))
        if name is None:
            name = self.constants[id(x)] = f"{prefix}{len(self.constants)}"
            self.space[name] = x
        return name

    def named(self, x: Any) -> str:
        """The expression for an argument: variables may be nested in it."""
        if isinstance(x, Variable):
            return self.names[x]
        if type(x) is float and np.isfinite(x):
            return repr(x)
        if isinstance(x, slice):
            return f"slice({self.named(x.start)}, {self.named(x.stop)}, {self.named(x.step)})"
        if type(x) in (list, tuple):
            inner = "".join([f"{self.named(item)}, " for item in x])
            return f"[{inner}]" if type(x) is list else f"({inner})"
        return self.constant(x)

    # -- inputs --------------------------------------------------------------------------

    def read(self, place: Place, x: Variable) -> None:
        """Fetch what is outside, but for variables' data that should be at home."""
        if x in self.homes:
            self.nodes[self.homes[x]] = place.owner
        else:
            owner = self.constant(place.owner, "p")
            self.lines.append(f"{self.names[x]} = {owner}.{place.name}")

    def check(self) -> None:
        """Lines that copy what is elsewhere, or seen by others, to its home."""
        if not self.homes:
            return
        arena = self.constant(Arena(self.memory, self.names, self.rows, self.nodes), "p")
        self.lines.append("moved = getrefcount(arena) != seen")
        self.lines.append(
            "for p, h, n in nodes:\n"
            "            if p._held is not h or getrefcount(h) != n: moved = True"
        )
        self.lines.append(f"if moved: p = h = None; {arena}.adopt(globals())")

    # -- calls ---------------------------------------------------------------------------

    def call(self, i: int, call: Call) -> None:
        """A line for a call."""
        y = call.result
        if call in self.regions:
            self.region(i, self.regions[call])
        if call in self.done:
            return
        filled = y in self.memory.filled
        into = self.names.get(y) if filled else None
        name = self.names.setdefault(y, f"v{i}")
        if not filled:
            self.lines.append(f"{name} = {self.made(call)}")
        elif into:
            self.lines.append(self.filled(call, into))
        else:
            self.lines.append(f"{name} = {self.filled(call, 'None')}")

    def region(self, i: int, region: Region) -> None:
        """A function of a tile, and the call that does all of them."""
        results = [call.result for call in region.calls]
        used = [x for call in region.calls for x in (*call.reads, call.result) if x.shape]
        arrays = [x for x in dict.fromkeys(used) if x not in region.inside]
        for k, x in enumerate(results):
            if x not in region.inside and x not in self.names:
                self.names[x] = f"v{i + k}"
                shape, dtype = self.named(x.shape), self.constant(x.dtype)
                self.lines.append(f"{self.names[x]} = {self.constant(np.empty)}({shape}, {dtype})")
        outer = dict(self.names)
        row = region.row
        shape = "-1" if row == 1 else f"-1, {row}"
        cut = {self.names[x]: x.dtype for x in arrays if x not in region.rows}
        self.lines += [f"{name}f = {name}.reshape({shape})" for name in cut]
        body = [f"{name}t = {name}f[i]" for name in cut]
        self.names.update({x: f"{self.names[x]}t" for x in arrays if x not in region.rows})
        places, scratch = scratch_places(region)
        self.names.update({x: f"s[{k}]" for x, k in places.items()})
        tile = tile_shape(results[0].size, row, [*cut.values(), *scratch])
        body += [self.filled(call, self.names[call.result], tile) for call in region.calls]
        self.names = {**outer, **dict.fromkeys(region.inside, "")}
        self.done.update(region.calls)
        self.lines.append(f"def tile{i}(i, s):\n            " + "\n            ".join(body))
        how = (
            f"{results[0].size // row}, {tile}, {self.constant(tuple(scratch), 't')}, {self.shared}"
        )
        self.lines.append(f"{self.constant(tiled)}(tile{i}, {how})")

    def filled(self, call: Call, into: str, tile: tuple[int, ...] = ()) -> str:
        """A call that writes to a buffer; None stands for a new array.

        `tile` is the shape of tiles, if it is on one of these.
        """
        y, ufunc = call.result, getattr(call.function, "forward", None)
        if not isinstance(ufunc, np.ufunc):
            by_name = {"sum": self.summed, "sum_to": self.summed, "matmul": self.product}
            return by_name.get(call.name, self.reduced)(call, into)
        # NumPy will not have the output of these two as a positional argument
        chooses = ufunc is np.maximum or ufunc is np.minimum
        shape: tuple[int, ...] = ()
        if chooses and (tile or (y.size <= _WHOLE and y.dense)):
            shape = tile or y.shape
        cut = "[: i.stop - i.start]" if tile and shape else ""
        args = ", ".join([self.operand(x, y.dtype, shape, cut) for x in call.args])
        return f"{self.constant(ufunc)}({args}, {'out=' if chooses else ''}{into})"

    def operand(self, x: Any, dtype: Any, shape: tuple[int, ...], cut: str) -> str:
        """An argument of a ufunc; a constant number as an array, which NumPy takes faster.

        The larger of two it finds three times as fast if it has a number for each entry.
        """
        if type(x) not in (float, int) or dtype.kind != "f" or not np.isfinite(x):
            return self.named(x)
        key = f"f{abs(hash((dtype, repr(x), shape)))}"
        if key not in self.space:
            size = prod(shape)
            whole = _written_out(repr(x), dtype, _WHOLE if 1 < size <= _WHOLE else size)
            self.space[key] = whole[:size].reshape(shape)
        return key + cut

    def product(self, call: Call, into: str) -> str:
        """A matrix product; np.dot is the quicker way to the same routine."""
        a, b = call.args
        plain = all(isinstance(x, (Variable, np.ndarray)) and len(x.shape) == 2 for x in (a, b))
        same = plain and a.dtype == b.dtype == call.result.dtype and a.dtype.kind in "fc"
        dense = same and call.result.strides[-1] == call.result.dtype.itemsize
        function = np.dot if dense and call.result.size else np.matmul
        return f"{self.constant(function)}({self.named(a)}, {self.named(b)}, {into})"

    def summed(self, call: Call, into: str) -> str:
        """A sum along axes."""
        x, params = call.args[0], call.params
        if call.name == "sum":
            axis, keep = params["axis"], params["keepdims"]
        else:
            lead = len(x.shape) - len(params["shape"])
            if x.shape[lead:] != params["shape"]:
                text = self.made(call)
                return text if into == "None" else f"copyto({into}, {text})"
            if adds_by_product(x):
                row = self.constant(ones(x.shape[0], x.dtype))
                return f"{self.constant(np.dot)}({row}, {self.named(x)}, {into})"
            axis, keep = 0 if lead == 1 else tuple(range(lead)), False
        reduce = self.constant(np.add.reduce)
        return f"{reduce}({self.named(x)}, {self.named(axis)}, None, {into}, {keep})"

    def reduced(self, call: Call, into: str) -> str:
        """A ufunc's reduction along the last axis; the largest of each row is faster found
        where the rows' entries lie side by side, so they are copied there.
        """
        x, params = call.args[0], call.params
        if call.function == np.maximum.reduce and len(x.shape) == 2 and 1 < x.shape[1] < 64:
            aside = self.constant(np.empty(x.shape[::-1], x.dtype).T, "s")
            self.lines.append(f"copyto({aside}, {self.named(x)})")
        else:
            aside = self.named(x)
        initial = f", {self.named(params['initial'])}" if "initial" in params else ""
        axis, keep = self.named(params["axis"]), params.get("keepdims", False)
        return f"{self.constant(call.function)}({aside}, {axis}, None, {into}, {keep}{initial})"

    def made(self, call: Call) -> str:
        """The expression of a call that makes its result, or a view, anew."""
        if isinstance(call.function, Elementwise) and all(map(_is_scalar, call.args)):
            text = self.operated(call)
            if text:
                return text
        first = call.args[0] if call.args else None
        array = call.result.shape and isinstance(first, Variable) and first.shape
        if array and call.function is REGISTRY["transpose"]:
            axes = call.params["axes"]
            how = "T" if axes == (1, 0) else f"transpose({self.named(axes)})"
            return f"{self.named(first)}.{how}"
        if array and call.function is REGISTRY["getitem"]:
            return f"{self.named(first)}[{self.named(call.params['index'])}]"
        if call.function is entry:
            return f"{self.named(first)}[{call.args[1]}]"
        function = self.constant(getattr(call.function, "evaluate", call.function))
        args = [self.named(x) for x in call.args]
        args += [f"{key}={self.named(x)}" for key, x in call.params.items()]
        text = f"{function}({', '.join(args)})"
        return f"as_number({text})" if call.item else text

    def operated(self, call: Call) -> str:
        """Python's operator on scalars, where it does what the operation does; else nothing."""
        args = [self.named(x) for x in call.args]
        arrays = [x for x in call.args if isinstance(x, Variable) and not x.number]
        if not arrays and not (call.item or call.result.number):
            return ""  # of Python's numbers the operation makes one of NumPy's
        symbol: str = call.function.symbol  # type: ignore[attr-defined]
        # Python's numbers would not divide by zero
        if symbol not in ("+", "-", "*") and (symbol != "/" or is_number(call.args[0])):
            return ""
        text = f" {symbol} ".join(args) if len(args) > 1 else f"{symbol}{args[0]}"
        return f"as_number({text})" if call.item and arrays else text

    # -- outputs -------------------------------------------------------------------------

    def write(self) -> None:
        """Lines that leave outside what the function leaves there."""
        writes = self.recorded.writes
        before = {id(place): x for place, x in self.recorded.reads}
        late: list[str] = []
        gradients: list[Variable] = []
        values: list[str] = []
        for place, x in writes:
            if place.name == "_grad":
                text = f"{self.named(x)}.copy()" if self.is_seen(x, gradients) else self.named(x)
                gradients += symbols_in(x)
            elif (
                isinstance(x, Variable)
                and x in self.moved
                and self.moved[x] is before.get(id(place))
            ):
                text = self.homes[self.moved[x]]
                if not self.at_home(x):
                    late.append(f"copyto({text}, {self.now(f'{self.named(x)}.copy()')})")
            else:
                text = self.owned(x)
            values.append(self.now(text))
        self.lines += late
        grads: list[list[str]] = []
        for (place, _), value in zip(writes, values, strict=True):
            if place.name == "_grad" and value in self.space:
                grads.append([self.constant(place.owner, "p"), value])
            elif value not in self.nodes:
                self.lines.append(f"p, x = {self.constant(place.owner, 'p')}, {value}")
                self.lines.append(_PUT[place.name])
        if grads:
            self.lines.append(self.loop("p, (x,)", grads, _PUT["_grad"]))
        if self.nodes:  # what was at home is there still
            self.lines.append("if moved:\n            for p, h, n in nodes: p.write(h)")

    def now(self, text: str) -> str:
        """The expression; a copy is made before anything outside is written that it may be of."""
        if not text.endswith(".copy()"):
            return text
        self.copies += 1
        self.lines.append(f"r{self.copies} = {text}")
        return f"r{self.copies}"

    def is_seen(self, x: Any, others: Sequence[Variable]) -> bool:
        """Whether an array is the caller's too, or shares its memory with others."""
        if not isinstance(x, Variable):
            return isinstance(x, np.ndarray)
        owners, buffers = self.memory.owners, self.memory.buffers
        if CONSTANT in owners[x]:
            return True
        for y in (*self.inputs, *self.moved, *others):
            if owners[y].isdisjoint(owners[x]):
                continue
            apart = x in buffers and y in buffers and not np.shares_memory(buffers[x], buffers[y])
            if not apart:
                return not x.number
        return False

    def at_home(self, x: Variable) -> bool:
        mine, home = self.memory.buffers.get(x), self.memory.buffers[self.moved[x]]
        return mine is not None and mine.ctypes.data == home.ctypes.data

    def returned(self, results: Sequence[Any]) -> str:
        """The expression for the results."""
        texts = [self.now(self.owned(x)) for x in results]
        for i, wrapped in enumerate(self.recorded.wrapped):
            if wrapped:
                texts[i] = wrapped.format(texts[i])
        if self.recorded.structure is LEAF:
            return texts[0]
        made = f"({', '.join(texts)},)" if texts else "()"
        return f"unflatten({self.constant(self.recorded.structure)}, {made})"

    def owned(self, x: Any) -> str:
        """What leaves the program, in memory that nobody else holds."""
        if not isinstance(x, Variable):
            return f"{self.named(x)}.copy()" if isinstance(x, np.ndarray) else self.named(x)
        once = sum([y is x for y in self.program.outputs]) == 1
        mine = x not in self.memory.buffers and self.memory.owners[x] == {x}
        no_array = x.number or x.dtype is None
        made = no_array or (mine and once and x not in self.inputs)
        return self.names[x] if made else f"{self.names[x]}.copy()"


@lru_cache(maxsize=32)
def _written_out(number: str, dtype: Any, size: int) -> np.ndarray:
    """A number many times: for all programs, since -0.0 == 0.0 by its text."""
    return np.full(size, float(number), dtype)


def _homes(recorded: Recorded) -> dict[Variable, Variable]:
    """Arrays that a place outside holds at the end, and those that it held before."""
    before = {id(place): x for place, x in recorded.reads}
    homes: dict[Variable, Variable] = {}
    for place, y in recorded.writes:
        x = before.get(id(place))
        if place.name == "_grad" or x is None or not isinstance(y, Variable):
            continue
        if (x.shape, x.dtype) == (y.shape, y.dtype) and x.shape and x is not y and y not in homes:
            homes[y] = x
    return homes


def _is_scalar(x: Any) -> bool:
    real = isinstance(x, Variable) and not x.shape and x.dtype is not None and x.dtype.kind == "f"
    return real or type(x) in (float, int)


def executable(recorded: Recorded, *_: Any) -> Callable[[Sequence[Any]], Any]:
    """The program as a function of a sequence of inputs."""
    recorded.program = optimised(recorded.program)
    writer = _SourceWriter(recorded)
    source, space = writer.source(), writer.space
    if not writer.homes:
        lay(writer.rows, space)
    # a program counts who holds its arrays
    writer.memory.forget()
    del writer
    exec(compile(source, "<deltaprop program>", "exec"), space)
    context = copy_context()  # in which NumPy does not warn
    context.run(np.seterr, all="ignore")
    inner, enter = space.pop("run"), context.run
    return lambda inputs: enter(inner, *inputs)


def listing(recorded: Recorded, *_: Any) -> str:
    """The program, for people to read."""
    recorded.program = optimised(recorded.program)
    writer = _SourceWriter(recorded)
    return listed(writer.program, input_names(recorded), writer.memory.offsets, _totals(writer))


def input_names(recorded: Recorded) -> dict[Variable, str]:
    names = {x: f"input {i}" for i, x in enumerate(recorded.program.inputs)}
    leaves: dict[int, str] = {}
    for place, x in recorded.reads:
        own = place.owner._extra.name if place.owner._extra else None
        names[x] = leaves.setdefault(id(place.owner), own or f"variable {len(leaves)}")
        names[x] += ".grad" if place.name == "_grad" else ""
    return names


def _totals(writer: _SourceWriter) -> str:
    memory, calls = writer.memory, writer.program.calls
    return (
        f"{len(calls)} calls, {sum(map(flops, calls)):,} flops; buffers of {memory.taken:,} B in "
        f"place of {memory.asked:,} B, {memory.arena.nbytes:,} B for variables"
    )
