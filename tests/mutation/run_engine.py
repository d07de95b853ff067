"""Runs mutants of the engine or of batches: each in its own process, tests collected once."""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest

from .equivalent_batches import EQUIVALENT as BATCHES
from .equivalent_engine import EQUIVALENT
from .mutants import Mutant

# quickest to notice first
KILLERS = [
    "tests/compiler/test_engine.py",
    "tests/compiler/test_passes.py",
]
_STRIDE = 37
SECONDS = 60  # of computing
_BYTES = 8 << 30  # of memory


class Engine:
    """A plugin of pytest's that runs the tests collected once for each mutant."""

    def __init__(self, mutants: Sequence[Mutant], jobs: int, progress: bool = False) -> None:
        self.mutants = mutants
        self.jobs = jobs
        self.progress = progress
        self.verdicts: dict[str, str] = {}  # how each dies; "" if it does not
        self.seconds: dict[str, float] = {}

    def pytest_runtestloop(self, session: Any) -> bool:
        running: dict[int, tuple[str, int, float]] = {}  # by its pipe: name, process, start
        waiting = [None, *self.mutants]
        while waiting or running:
            while waiting and len(running) < self.jobs:
                mutant = waiting.pop(0)
                name = mutant.name if mutant else ""
                pipe, process = _started(session, mutant)
                running[pipe] = name, process, time.perf_counter()
            for pipe in select.select([*running], [], [], 1.0)[0]:
                name, process, start = running.pop(pipe)
                self.seconds[name] = time.perf_counter() - start
                self.verdicts[name] = _verdict(pipe, process)
                if not name and self.verdicts.pop(""):
                    raise pytest.UsageError("the tests fail without a mutant")
                if name and not self.verdicts[name] and name not in EQUIVALENT | BATCHES:
                    print(f"\nSURVIVES    {name}", flush=True)
                if self.progress:
                    dead = sum(map(bool, self.verdicts.values()))
                    print(f"\r{len(self.verdicts)} run, {dead} dead", end="", file=sys.stderr)
        return True


def _started(session: Any, mutant: Mutant | None) -> tuple[int, int]:
    """A process that runs the tests, and the pipe through which it tells how."""
    reads, writes = os.pipe()
    process = os.fork()
    if process:
        os.close(writes)
        return reads, process
    status = b"the tests did not end"
    try:
        os.close(reads)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
        signal.alarm(10 * SECONDS)
        null = os.open(os.devnull, os.O_RDWR)
        for file in (0, 1, 2):
            os.dup2(null, file)
        if mutant:
            mutant.apply()
        status = next(_failures(session, mutant), "").encode()
    except BaseException as error:
        status = f"{type(error).__name__}".encode()
    finally:
        os.write(writes, status[:400] + b"\n")
        os._exit(0)


def _failures(session: Any, mutant: Mutant | None) -> Iterator[str]:
    """The tests that fail; far ones in the file come one after the other, to notice soon."""
    part = mutant.name.partition(".")[0] if mutant else ""
    wanted = [x for x in session.items if _concerns(x.name, part)]
    if mutant and mutant.operations:
        wanted = [x for x in wanted if x.name.endswith(tuple(f"[{n}]" for n in mutant.operations))]
    items = [item for k in range(_STRIDE) for item in wanted[k::_STRIDE]]
    for item, after in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        if session.testsfailed:
            yield item.name


def _concerns(test: str, part: str) -> bool:
    """Whether a test can notice what is wrong in a part; all can, if no part is named."""
    if part in ("batches", "batching"):
        return "random" not in test and "nest" not in test  # which take long
    if part == "native":
        return "python" not in test
    if part == "walkers":
        return "python" in test or "large" in test
    if part == "lanes":
        return "many" in test or "lanes" in test or "numbers" in test
    if part == "tiles":
        return "large" in test or "tile" in test or "larger" in test
    if part in ("passes", "program", "compiled"):
        return "large" not in test and "python" not in test
    return "python" not in test or "as large ones" in test


def _verdict(pipe: int, process: int) -> str:
    with open(pipe, "rb") as file:
        told = file.read().decode()
    _, status = os.waitpid(process, 0)
    return told.strip() if told else f"signal {status & 127}"


def verdicts(
    mutants: Sequence[Mutant],
    jobs: int = 2,
    progress: bool = False,
    killers: Sequence[str] = KILLERS,
) -> Engine:
    """Run the tests for each mutant."""
    engine = Engine(mutants, jobs, progress)
    options = [
        "-q",
        "-x",
        "-p",
        "no:xdist",
        "-p",
        "no:cacheprovider",
        "--no-header",
        "-W",
        "ignore",
    ]
    code = pytest.main([*options, *killers], plugins=[engine])
    if code not in (0, 5) and not engine.verdicts:
        raise RuntimeError(f"pytest ended with {code!r}")
    return engine
