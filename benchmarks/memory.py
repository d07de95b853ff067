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
