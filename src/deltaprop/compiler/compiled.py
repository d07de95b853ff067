"""`compile`: functions that are recorded once per signature, and replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, update_wrapper
from itertools import chain, count, starmap
from operator import attrgetter, call
from typing import (
    Any,
    Concatenate,
    Generic,
    Literal,
    NamedTuple,
    ParamSpec,
    Protocol,
    Self,
    TypedDict,
    TypeVar,
    Unpack,
    overload,
)

import numpy as np

from ..graph import Node, refuse_masks
from ..graph.node import MODE
from ..habits import explained
from ..transforms import checked
from ..tree import Structure, flatten
from . import numpy_executor
from .recording import Recorded, Static, record
from .traced import UnfitError
from .turns import consume, exclusively, uncollected, undone

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
_UNFIT: Any = object()
_clock = count()
_used = attrgetter("used")
_KEPT = (np.ndarray, np.generic, float, complex, np.random.Generator, Node, Static)


class CacheInfo(NamedTuple):
    """The result of `cache_info()`, with the names of `functools.lru_cache`."""

    hits: int
    misses: int
    maxsize: int
    currsize: int


class Executor(Protocol):
    """What runs recorded programs; `function` was called with ``unflatten(structure, leaves)``."""

    def executable(
        self, recorded: Recorded, function: Any, structure: Structure, leaves: Sequence[Any]
    ) -> Callable[[Sequence[Any]], Any]:
        """Return the program as a function of the inputs of a call."""

    def listing(
        self, recorded: Recorded, function: Any, structure: Structure, leaves: Sequence[Any]
    ) -> str:
        """Return the program as text for readers."""

    def walker(self) -> Any:
        """Return what runs the rows of programs; its `name` says which it is."""


class Replay:
    """A recorded call: ``replay(inputs)`` repeats it, or gives _UNFIT if it does not fit any more.

    Attributes
    ----------
    key : hashable
        The signature of the call.
    used : int
        When it was looked for last.
    """

    def __init__(self, key: Any, recorded: Recorded, run: Callable[[Sequence[Any]], Any]) -> None:
        self.key = key
        self.used: int = next(_clock)
        self._run = run
        guards = [*zip(*recorded.guards, strict=True)] or [(), (), ()]
        self._looks, self._owners, self._expected = *guards[:2], [*guards[2]]
        self._alone = recorded.alone
        self._drawn = recorded.drawn
        self._generators = recorded.generators

    def __call__(self, inputs: Sequence[Any]) -> Any:
        return exclusively(self._fitting, inputs) if self._alone else self._fitting(inputs)

    def _fitting(self, inputs: Sequence[Any]) -> Any:
        if [*map(call, self._looks, self._owners)] != self._expected:
            return _UNFIT
        return self._drawing(inputs) if self._generators else self._run(inputs)

    def _drawing(self, inputs: Sequence[Any]) -> Any:
        """Run; an error leaves the generators of random numbers as they were."""
        drawn, given = self._drawn, self._generators
        sources: list[Any] = [inputs[x] if type(x) is int else x for x in given]
        bits = [x.bit_generator for x in sources]
        drawn[:] = [(setattr, x, "state", x.state) for x in bits]
        try:
            try:
                return self._run(inputs)
            finally:
                consume(starmap(call, drawn))
        finally:
            consume(starmap(call, drawn))  # again, if a signal came before


class Compiled(Generic[P, R]):
    """A function that is recorded at its first call for each signature; see `compile`."""

    def __init__(
        self,
        function: Callable[P, R],
        static: Iterable[Any],
        maxsize: int,
        executor: Executor,
    ) -> None:
        update_wrapper(self, function)
        self.executor = executor
        self.function = function
        self.static: frozenset[Any] = frozenset(static)
        self.maxsize = maxsize
        self._replays: dict[Any, list[Replay]] = {}  # never changed, but replaced
        self._quick: dict[Any, Replay] = {}
        self._hits = self._misses = 0
        self._signature: Callable[[Any], Any] = numpy_executor.walker().signature

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if MODE.get() is not None:
            return self.function(*args, **kwargs)  # inside another mode
        try:
            return self._replayed(args, kwargs)
        except UnfitError:
            # nothing has been changed yet
            return exclusively(partial(self.function, *args, **kwargs))

    def _replayed(self, args: Any, kwargs: Any) -> Any:
        # the most common case, only arrays: only their signature matters
        quick = None if kwargs or self.static else self._signature(args)
        replay = self._quick.get(quick)
        if replay is not None:
            result = replay(args)
            if result is not _UNFIT:
                self._hits += 1
                replay.used = next(_clock)
                return result
        structure, leaves = self._leaves(args, kwargs)
        if any(isinstance(x, Node) and not x.is_constant for x in leaves):
            return self.function(*args, **kwargs)  # gradients flow through the function
        key = _key(structure, leaves)
        replay, result = self._found(key, leaves)
        if replay is None:
            replay, result = exclusively(self._first, key, structure, leaves)
        if quick is not None:
            self._quick[quick] = replay
        return result

    @overload
    def __get__(self, instance: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(
        self: Compiled[Concatenate[Any, Q], R], instance: Any, owner: Any = None
    ) -> Callable[Q, R]: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else lambda *args, **kw: self(instance, *args, **kw)

    def _leaves(self, args: Any, kwargs: Any) -> tuple[Structure, list[Any]]:
        if self.static:
            args = tuple([Static(x) if i in self.static else x for i, x in enumerate(args)])
            kwargs = {k: Static(x) if k in self.static else x for k, x in kwargs.items()}
        leaves, structure = flatten((args, kwargs))
        return structure, [x if isinstance(x, _KEPT) else Static(x) for x in leaves]

    def _found(self, key: Any, leaves: list[Any]) -> tuple[Any, Any]:
        """A program that fits, and its result; None if there is none."""
        for replay in self._replays.get(key, ()):
            result = replay(_inputs(leaves))
            if result is not _UNFIT:
                self._hits += 1
                replay.used = next(_clock)
                return replay, result
        return None, None

    def _first(self, key: Any, structure: Structure, leaves: list[Any]) -> tuple[Any, Any]:
        """A program that is recorded, unless another thread has done so; and its result."""
        replay, result = self._found(key, leaves)
        if replay is None:
            replay = undone(uncollected, self._recorded, key, structure, leaves)
            result = replay(_inputs(leaves))
        return replay, result

    def _recorded(self, key: Any, structure: Structure, leaves: list[Any]) -> Replay:
        self._misses += 1
        recorded = record(self.function, structure, leaves)
        run = self.executor.executable(recorded, self.function, structure, leaves)
        replay = Replay(key, recorded, run)
        kept = [*chain(*self._replays.values()), replay]
        while len(kept) > self.maxsize:
            kept.remove(min(kept, key=_used))
            self._quick = {}
        replays: dict[Any, list[Replay]] = {}
        for each in kept:
            replays.setdefault(each.key, []).append(each)
        self._replays = replays
        return replay

    @property
    def walker(self) -> Literal["c", "python", "xla"]:
        """What runs the programs: a walker in C or in Python, or XLA."""
        return self.executor.walker().name

    def program(self, *args: Any, **kwargs: Any) -> str:
        """Return the program for these arguments: shapes, bytes, flops, buffers of each operation.

        The function is recorded, but not run.
        """
        return exclusively(self._listing, *self._leaves(args, kwargs))

    def _listing(self, structure: Structure, leaves: list[Any]) -> str:
        key = _key(structure, leaves)
        if key not in self._replays:
            undone(uncollected, self._recorded, key, structure, leaves)
        # the executable cannot be listed, so the function is recorded again
        recorded = record(self.function, structure, leaves)
        return self.executor.listing(recorded, self.function, structure, leaves)

    def __repr__(self) -> str:
        hits, misses, _, size = self.cache_info()
        name = getattr(self.function, "__qualname__", repr(self.function))
        calls = f"programs={size}, calls={hits + misses}"
        return f"<compiled {name}: {calls}, walker {self.walker!r}>"

    def cache_info(self) -> CacheInfo:
        """Return the hits, the misses and the number of programs kept."""
        size = sum(map(len, self._replays.values()))
        return CacheInfo(self._hits, self._misses, self.maxsize, size)

    def cache_clear(self) -> None:
        """Drop all programs."""
        self._replays, self._quick = {}, {}
        self._hits = self._misses = 0


def _key(structure: Structure, leaves: Iterable[Any]) -> Any:
    return structure, tuple([_signature(x) for x in leaves])


def _inputs(leaves: Iterable[Any]) -> list[Any]:
    return [x._held if isinstance(x, Node) else x for x in leaves if not isinstance(x, Static)]


def _signature(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        refuse_masks(x)
        return x.shape, x.dtype, x.strides
    if isinstance(x, Node):
        return Node, _signature(x._held)
    if isinstance(x, Static):
        try:
            hash(x.value)
        except TypeError:
            raise TypeError(
                "a compiled function takes numbers, arrays, trees of these and hashable static "
                f"arguments, got {type(x.value).__name__}"
            ) from None
        return _same(x.value)
    return type(x)


def _same(x: Any) -> Any:
    """What is equal for the same static value alone: 1 == True and 0.0 == -0.0 are not."""
    if type(x) is tuple:
        return tuple, *map(_same, x)
    return type(x), x.hex() if type(x) is float else x


class Options(TypedDict, total=False):
    """The options of `compile`."""

    static: Iterable[int | str]
    maxsize: int
    executor: Literal["numpy", "xla"]
    shard: Mapping[str, int] | None


@overload
def compile(function: Callable[P, R], **options: Unpack[Options]) -> Compiled[P, R]: ...
@overload
def compile(
    function: None = None, **options: Unpack[Options]
) -> Callable[[Callable[P, R]], Compiled[P, R]]: ...
@explained
def compile(
    function: Callable[..., Any] | None = None,
    *,
    static: Iterable[int | str] = (),
    maxsize: int = 16,
    executor: Literal["numpy", "xla"] = "numpy",
    shard: Mapping[str, int] | None = None,
) -> Any:
    """Return the function recorded once for each signature, and replayed as a flat program.

    A signature consists of the shapes, dtypes and memory layouts of arrays, the structure of
    nested arguments, and the values of static arguments: bools, ints, strings, None, functions, ...
    Floats and arrays are inputs. Each call reads the variables that the function closes over, and
    writes back the new variables, gradients and optimiser state. Each call draws new random
    numbers for layers, and for generators passed as arguments. If a call raises an error, all of
    these stay as they were.

    Everything else is frozen when the function is recorded; Python side effects happen only
    then.

    Any thread may call a compiled function, the first call included: threads take turns where
    variables or generators are concerned. During a first call, another thread that uses the same
    variables by itself gets a `TraceError`. A program writes state where it lies: another thread
    that reads a parameter during a call may see it old in part and new in part, as in PyTorch.

    NumPy programs run on a walker in C if one was built, which takes a C compiler where deltaprop
    is installed from source, and else on a walker in Python, with the same bits. ``walker`` says
    which; the environment variable ``DELTAPROP_WALKER``, "c" or "python", chooses.

    Results are bit-identical to those of the function, except for sums and products that meet
    another memory layout, and for the signs of zeros. Results are constants, so compute gradients
    inside the function. Inside another mode, or with variables as arguments, the function itself
    runs.

    Parameters
    ----------
    function : callable, optional
        The function; without one, `compile` returns a decorator.
    static : iterable of int or str
        The positions and names of arguments that are static, whatever their type.
    maxsize : int
        The number of programs kept; the oldest program is dropped first.
    executor : {"numpy", "xla"}
        The executor of the program: NumPy, or JAX (the extra `jax`) on the devices that JAX
        finds. The results of JAX equal those of NumPy up to rounding.
    shard : dict of str to int, optional
        For `xla`: the axis of samples, by name of the argument. The arrays of these arguments
        are split along the axis over all devices of all processes joined by `jax.distributed`.
        Everything else is on every device. Every process makes the same calls.

    Returns
    -------
    Compiled
        The function, with ``cache_info()``, ``cache_clear()``, ``program(*args)`` and ``walker``.

    Raises
    ------
    TraceError
        At the first call, if the function's course depends on data. The message names the line
        and a way out.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import numpy as np
    >>> from deltaprop.compiler import compile
    >>> w = dp.Value([1.0, 2.0])
    >>> @compile
    ... def step(x):
    ...     loss = ((w * x - 1.0) ** 2).sum()
    ...     w.zero_grad()
    ...     loss.backward()
    ...     w.data -= 0.1 * w.grad
    ...     return loss
    >>> [round(step(np.array([1.0, 2.0])).item(), 3) for _ in range(3)]
    [9.0, 0.36, 0.014]
    >>> step.cache_info()
    CacheInfo(hits=2, misses=1, maxsize=16, currsize=1)
    """
    if function is None:
        return lambda f: compile(f, static=static, maxsize=maxsize, executor=executor, shard=shard)
    checked(function, "compile")
    return Compiled(function, static, maxsize, _executor(executor, shard or {}))


def _executor(executor: str, shard: Mapping[str, int]) -> Executor:
    """Return the executor of this name."""
    if executor == "xla":
        try:
            from .xla_executor import Xla
        except ModuleNotFoundError as error:
            raise ImportError("executor='xla' runs programs on JAX: pip install jax") from error
        return Xla(shard)
    if executor != "numpy":
        raise ValueError(f"executor must be 'numpy' or 'xla', got {executor!r}")
    if shard:
        raise ValueError("shard needs executor='xla', because NumPy runs on a single processor")
    return numpy_executor
