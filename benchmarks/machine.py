"""What the numbers depend on: processor, threads, versions, command, date."""

from __future__ import annotations

import datetime
import importlib.metadata
import multiprocessing
import os
import platform
import re
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any

DISTRIBUTIONS = (
    "deltaprop",
    "numpy",
    "torch",
    "jax",
    "jaxlib",
    "autograd",
    "mygrad",
    "micrograd",
    "scikit-learn",
    "scipy",
)


def cores() -> int:
    """Return how many cores this process may use; every contender gets as many threads."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe(arguments: list[str]) -> dict[str, Any]:
    """Return the facts that belong beside every number."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "cores_of_the_machine": os.cpu_count(),
        "blas": _blas(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in DISTRIBUTIONS},
        "revision": _revision(),
        "command": shlex.join(["python", "-m", "benchmarks", *arguments]),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "load_average_at_start": _load(),
        "thread_variables": {k: v for k, v in os.environ.items() if k.endswith("_NUM_THREADS")},
    }


class Busyness:
    """Watches, from its making on, how much others use the cores that this process may use."""

    def __init__(self) -> None:
        self._start = _core_seconds()

    def of_others(self) -> float | None:
        """Return the share of these cores' time used by other processes and virtual machines.

        None where the system does not tell (it is read from Linux's ``/proc/stat``).
        """
        end = _core_seconds()
        if self._start is None or end is None:
            return None
        total, busy, own = (b - a for a, b in zip(self._start, end, strict=True))
        return max(0.0, (busy - own) / total) if total > 0 else None


def _core_seconds() -> tuple[float, float, float] | None:
    """Return the seconds that passed on our cores, were used at all, and used by this run."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
        ours = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    except (OSError, AttributeError):
        return None
    total = idle = 0
    for name, *numbers in (line.split() for line in lines):
        if name in ours:
            ticks = [int(number) for number in numbers[:8]]
            total += sum(ticks)  # user nice system idle iowait irq softirq steal
            idle += ticks[3] + ticks[4]
    tick = 1 / os.sysconf("SC_CLK_TCK")
    children = os.times()
    own = time.process_time() + children.children_user + children.children_system
    own += sum(_used(child.pid) for child in multiprocessing.active_children()) * tick
    return total * tick, (total - idle) * tick, own


def _used(pid: int | None) -> int:
    """Return the ticks that a living process has used; 0 for one that has just ended."""
    try:
        numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(numbers[11]) + int(numbers[12])  # user system


def _processor() -> str:
    """Return the processor's name; with family, model and stepping where Linux tells them."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(re.findall(r"^([\w ]+?)\s*: (.+)$", text.partition("\n\n")[0], re.MULTILINE))
    if "model name" not in facts:
        return platform.processor() or platform.machine()
    keys = ("cpu family", "model", "stepping")
    details = ", ".join(f"{key} {facts[key]}" for key in keys if key in facts)
    return f"{facts['model name']} ({details})"


def _blas() -> str:
    """Return which BLAS NumPy uses, and its threads where threadpoolctl is installed to ask."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "unknown (threadpoolctl is not installed)"
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return "; ".join(
        f"{pool['internal_api']} {pool['version']}, {pool['num_threads']} threads,"
        f" {pool.get('architecture', 'unknown kernels')}"
        for pool in pools
    )


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _revision() -> str | None:
    """Return the commit that is measured, marked where files differ from it."""
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _load() -> list[float] | None:
    return [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None
