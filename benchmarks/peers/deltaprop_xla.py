"""Ours, compiled by XLA: the same recording, lowered to JAX."""

from __future__ import annotations

import jax  # noqa: F401 - without it this contender is absent

from benchmarks.peers import deltaprop_compiled

NAME = "deltaprop compiled, xla"


class TrainStep(deltaprop_compiled.TrainStep):
    """The compiled step, run by the executor `xla`."""

    executor = "xla"
