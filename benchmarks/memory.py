"""Memory that Python objects and NumPy arrays hold, in a pass of its own (tracing slows timing)."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable


def traced_bytes(record: Callable[[], object], then: Callable[[object], object]) -> tuple[int, int]:
    """Return the bytes that ``record()`` leaves held, and the peak during ``record`` and ``then``.

    Frameworks that allocate outside Python's allocators (PyTorch, JAX) cannot be measured so.
    """
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        recorded = record()
        held, _ = tracemalloc.get_traced_memory()
        then(recorded)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return held - before, peak - before


def traced_repeats(make: Callable[[], Callable[[], object]]) -> tuple[int, int]:
    """Return the bytes held between calls of what ``make()`` returns, and the peak during one.

    All that was made from ``make()`` on counts. The first call, which may compile, is over before.
    """
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        call = make()
        call()
        call()
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        call()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return held - before, peak - before
