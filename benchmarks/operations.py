"""The gradients of chains of 20 operations against autograd's: which operations are slower."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import islice, product
from multiprocessing import get_context
from unittest.mock import patch

import numpy as np

from benchmarks import chains
from benchmarks.progress import Progress
from benchmarks.results import Comparison, Timing, Verdict, WorkloadResult
from benchmarks.timing import Settings

NAME = "operations"
TITLE = f"Gradient of {chains.LENGTH} chained operations on n x n arrays of float64"

OURS, AUTOGRAD = "deltaprop", "autograd"
SIZES = (10, 50, 110, 300)
WORST = 10


def run(settings: Settings, progress: Progress) -> WorkloadResult:
    """Check that both libraries agree, then time every operation at every size."""
    rounds = 3 if settings.quick else 9
    comparisons: list[Comparison] = []
    verdicts: list[Verdict] = []
    notes = [
        "Each library has a process of its own, with one thread, whose C library keeps freed memory"
        " for the next array (glibc; without that, who holds more arrays pays for more new pages)."
        " Times are the processor's."
    ]
    with ExitStack() as stack:
        workers = {name: stack.enter_context(_worker()) for name in (OURS, AUTOGRAD)}
        for n in SIZES[:2] if settings.quick else SIZES:
            of_size: list[Comparison] = []
            for operation in chains.OPERATIONS:
                if not settings.wants_case(case := f"n = {n}: {operation}"):
                    continue
                try:
                    _check(workers, operation, n)
                except (ImportError, NotImplementedError) as error:
                    notes.append(f"{case}: not here: {error}")
                    continue
                seconds: dict[str, list[float]] = {name: [] for name in workers}
                for _, name in product(islice(progress.rounds(case, rounds), rounds), workers):
                    burst = workers[name].submit(chains.seconds, name, operation, n)
                    seconds[name].append(burst.result())
                timings = [Timing(name, 1, tuple(spent)) for name, spent in seconds.items()]
                of_size.append(Comparison(case, timings, AUTOGRAD))
            comparisons += of_size
            ratios = [ratio.median for c in of_size if (ratio := c.ratio(OURS, AUTOGRAD))]
            if ratios:
                every = f"n = {n}: {OURS} at most 1 x the time of {AUTOGRAD}, every operation"
                verdicts.append(Verdict(every, 1.0, max(ratios)))
                slower = sum(ratio > 1 for ratio in ratios)
                middle = f"median {np.median(ratios):.2f}, {slower} above 1"
                notes.append(f"n = {n}: {len(ratios)} operations, {middle}.")
    return WorkloadResult(NAME, TITLE, comparisons, verdicts, notes, worst=WORST)


@contextmanager
def _worker() -> Iterator[ProcessPoolExecutor]:
    """A process of its own, with one thread for BLAS, that keeps freed memory."""
    settings = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "MKL", "OMP")}
    settings |= {f"MALLOC_{name}_THRESHOLD_": str(1 << 30) for name in ("MMAP", "TRIM")}
    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        with patch.dict(os.environ, settings):
            executor.submit(os.getpid).result()
        yield executor


def _check(workers: dict[str, ProcessPoolExecutor], operation: str, n: int) -> None:
    """Raise unless the libraries' gradients are equal up to rounding."""
    ours, theirs = (
        worker.submit(chains.differentiated, name, operation, n).result()
        for name, worker in workers.items()
    )
    if not np.allclose(ours, theirs, rtol=1e-8, atol=1e-11):
        raise AssertionError(f"{operation}, n = {n}: the libraries' gradients differ")
