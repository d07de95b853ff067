"""``import deltaprop`` against ``import numpy``, in fresh interpreters."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from tempfile import TemporaryDirectory

from benchmarks.progress import Progress
from benchmarks.results import Comparison, WorkloadResult, at_most
from benchmarks.timing import Contender, Settings, compare

NAME = "import-time"
TITLE = "Import in a fresh interpreter"

NUMPY = "import numpy"
OURS = "import deltaprop"
ALONE = "the statement alone"
PROCESS = 'the process, python -c "import ..."'
STATEMENTS = (NUMPY, OURS, "import autograd.numpy", "import mygrad")


def run(settings: Settings, progress: Progress) -> WorkloadResult:
    """Time the statement alone, which is what the target is about, and the whole process.

    Byte code is written to, and read from, a folder of this run: a user's second import.
    """
    with TemporaryDirectory() as cache:
        return _run(settings, progress, {**_writing_byte_code(), "PYTHONPYCACHEPREFIX": cache})


def _writing_byte_code() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def _run(settings: Settings, progress: Progress, environment: dict[str, str]) -> WorkloadResult:
    chosen: list[str] = []
    absent: dict[str, str] = {}
    for statement in STATEMENTS[:2] if settings.quick else STATEMENTS:
        try:
            _seconds(environment, statement)
        except ImportError as error:
            absent[statement] = str(error)
        else:
            chosen.append(statement)
    cases = {
        ALONE: [Contender(s, partial(_seconds, environment, s), own_clock=True) for s in chosen],
        PROCESS: [Contender(s, partial(_output, environment, s)) for s in chosen],
    }
    comparisons: list[Comparison] = []
    for case, contenders in cases.items():
        if settings.wants_case(case):
            comparisons.append(compare(case, contenders, NUMPY, settings, progress))
            comparisons[-1].absent.update(absent)
    return WorkloadResult(
        NAME,
        TITLE,
        comparisons,
        [at_most(c, OURS, 1.5, NUMPY) for c in comparisons if c.case == ALONE],
        ["Every import is made in a new process; byte code is cached, files are in memory."],
    )


def _seconds(environment: dict[str, str], statement: str) -> float:
    """Return the seconds that the statement takes in a fresh interpreter, by its own clock."""
    return float(
        _output(
            environment,
            "import time; start = time.perf_counter()\n"
            f"{statement}\n"
            "print(time.perf_counter() - start)",
        )
    )


def _output(environment: dict[str, str], code: str) -> str:
    """Run the code in a fresh interpreter; a failed import is an ImportError here too."""
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    if process.returncode == 0:
        return process.stdout
    last_line = process.stderr.strip().rpartition("\n")[2]
    if last_line.startswith(("ModuleNotFoundError", "ImportError")):
        raise ImportError(last_line.partition(": ")[2])
    raise RuntimeError(f"`{code}` failed:\n{process.stderr}")
