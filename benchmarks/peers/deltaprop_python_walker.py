"""Ours, compiled, on the walker in Python, which is there without a C compiler."""

from __future__ import annotations

import os

from benchmarks.peers import deltaprop_compiled

NAME = "deltaprop compiled, Python walker"
os.environ["DELTAPROP_WALKER"] = "python"  # of this process, which is this contender's alone


class TrainStep(deltaprop_compiled.TrainStep):
    """The compiled step."""
