"""Several devices: a batch split over all devices of all processes that JAX has joined.

The named arguments are split along their axis of samples; everything else is on every device. The
partitioner of XLA finds where numbers have to be summed over the devices: in the gradients. Every
process calls the compiled function with the same arguments, and keeps only the part of split
arguments that belongs to its own devices.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ..tree import Structure, flatten, unflatten
from .recording import Static


class Layout:
    """Where arrays lie: those of the arguments in `shard` are split along an axis.

    Parameters
    ----------
    shard : mapping of str to int
        Names of arguments, and the axis along which all arrays in them are split.
    """

    def __init__(self, shard: Mapping[str, int]) -> None:
        self.shard: dict[str, int] = dict(shard)

    @cached_property
    def mesh(self) -> Any:
        """All devices, in a row; None: just one is asked for."""
        return Mesh(np.array(jax.devices()), ("batch",)) if self.shard else None

    def __str__(self) -> str:
        if not self.shard:
            return "for one device"
        return f"for {jax.device_count()} devices of {jax.process_count()} processes"

    def axes(
        self, function: Callable[..., Any], structure: Structure, leaves: Sequence[Any]
    ) -> list[int | None]:
        """For each argument that is no static one, the axis it is split along."""
        found: list[int | None] = [None] * len(leaves)
        if not self.shard:
            return found
        args, kwargs = unflatten(structure, range(len(leaves)))
        known = inspect.signature(function)
        given = known.bind(*args, **kwargs).arguments
        for name, axis in self.shard.items():
            if name not in known.parameters:
                names = ", ".join(known.parameters)
                raise ValueError(f"shard names the argument {name!r}, but there are {names}")
            for i in flatten(given.get(name))[0]:
                if not isinstance(leaves[i], Static):
                    found[i] = self._divided(name, axis, leaves[i])
        return [at for at, x in zip(found, leaves, strict=True) if not isinstance(x, Static)]

    def _divided(self, name: str, axis: int, x: Any) -> int:
        shape, n = np.shape(getattr(x, "_held", x)), jax.device_count()
        if not -len(shape) <= axis < len(shape):
            raise ValueError(f"argument {name!r} of shape {shape} has no axis {axis} to split")
        if shape[axis] % n:
            raise ValueError(
                f"argument {name!r} of shape {shape} cannot be split along axis {axis} over {n} "
                f"devices: {shape[axis]} is no multiple of {n}. Leave out the last "
                f"{shape[axis] % n}, or choose another size of the batch"
            )
        return axis % len(shape)

    def sharding(self, axis: int | None) -> Any:
        """Of an array that is split along an axis, or (None) is on every device."""
        if self.mesh is None:
            return None
        split = () if axis is None else (*[None] * axis, "batch")
        return NamedSharding(self.mesh, PartitionSpec(*split))  # type: ignore[no-untyped-call]

    def options(self, shardings: Sequence[Any]) -> dict[str, Any]:
        """What `jax.jit` has to know: all results are on every device."""
        if self.mesh is None:
            return {}
        return {"in_shardings": tuple(shardings), "out_shardings": self.sharding(None)}

    def placed(self, x: Any, sharding: Any) -> Any:
        """The data of this process's devices, there."""
        with jax.enable_x64(True):
            if sharding is None:
                return jax.device_put(x)
            return jax.make_array_from_callback(x.shape, sharding, lambda part: x[part])

    def explained(self, error: Exception) -> Exception:
        """What an error in a computation of several processes most likely means."""
        if jax.process_count() == 1:
            return error
        return RuntimeError(
            f"process {jax.process_index()} of {jax.process_count()} cannot go on: another one has "
            "died, or cannot be reached. Nothing was written in this step. Start all of them "
            f"again, from the last checkpoint. ({str(error).splitlines()[0]})"
        )


def join(coordinator: str, processes: int, index: int, *, timeout: int = 30) -> None:
    """Join this process to others, with `jax.distributed.initialize`, before it computes anything.

    Parameters
    ----------
    coordinator : str
        The address of process 0, "host:port".
    processes, index : int
        The number of processes, and the number of this process.
    timeout : int
        Seconds to wait for the other processes to join, and later between heartbeats. If a
        process is lost, the others are terminated with an error, and what was computed since
        the last checkpoint is lost.
    """
    jax.distributed.initialize(
        coordinator,
        processes,
        index,
        initialization_timeout=timeout,
        heartbeat_timeout_seconds=timeout,
        shutdown_timeout_seconds=timeout,
    )
