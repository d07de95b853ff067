"""One training step on several devices: each has a part of the batch, and all the parameters.

The loss is a mean over the N rows of the batch, so its gradient is the mean of the gradients of
the D parts. Each device computes the deltas of its own rows. Then an all-reduce sums dE/dW over
the devices, and every device takes the same step. A device computes 6 P N / D operations per step
(P parameters of dense layers; two matrix products backward for each one forward). It sends and
receives 2 b P (D - 1) / D bytes (b = 4 for float32). At R operations and B bytes per second, the
share of the time spent on computation is

    efficiency = 1 / (1 + b R (D - 1) / (3 B N))

P cancels, so only the number of rows counts. Here each device is a process on its own core, and
the processes talk over the loopback interface as hosts do over a network.
Strong scaling: the same batch on more devices. Weak scaling: one batch per device.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from _data_parallel import SIZES
from _script import BLUE, GREY, VERMILLION, figure, parser, progress, save, table


def measure(devices: int, task: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the task with one process per device; return the measurements of the first process."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        task = task | {"report": f"{folder}/report.json"}
        environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
        command = [sys.executable, Path(__file__).with_name("_data_parallel.py")]
        workers = [
            subprocess.Popen(
                [*command, str(i), str(devices), str(port), json.dumps(task)],
                env=environment | {"JAX_PLATFORMS": "cpu"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for i in range(devices)
        ]
        errors = [worker.communicate()[1] for worker in workers]
        for worker, error in zip(workers, errors, strict=True):
            if worker.returncode:
                raise SystemExit(f"a process ended with status {worker.returncode}:\n{error}")
        return list(json.loads(Path(task["report"]).read_text("utf-8")))


def report(found: dict[int, Any], rows: int) -> None:
    """Print the scaling, and how much each step computes and sends."""
    parameters = sum((m + 1) * n for m, n in pairwise(SIZES))
    one = found[1]["strong"]["seconds"]
    table(
        ["devices", "rows each", "ms a step", "speedup", "weak: rows", "ms a step", "efficiency"],
        [
            [
                f"{devices}",
                f"{rows // devices}",
                f"{1e3 * run['strong']['seconds']:.1f}",
                f"{one / run['strong']['seconds']:.2f}",
                f"{rows * devices}",
                f"{1e3 * run['weak']['seconds']:.1f}",
                f"{one / run['weak']['seconds']:.0%}",
            ]
            for devices, run in found.items()
        ],
    )
    most = max(found)
    flops, sent = 6 * parameters * rows / most, 8 * parameters * (most - 1) / most
    print(
        f"{parameters:,} parameters; on {most} devices each computes {flops / 1e9:.2f} Gflop "
        f"per step, and sends and receives {sent / 1e6:.2f} MB"
    )


def draw(found: dict[int, Any]) -> Any:
    """Draw speedup and efficiency against the number of devices."""
    devices = list(found)
    one = found[1]["strong"]["seconds"]
    picture = figure(9, 3.8, "A batch on several devices, each a process on its own core")
    left, right = picture.subplots(1, 2)
    left.plot(devices, devices, "--", color=GREY, label="perfect")
    speed = [one / run["strong"]["seconds"] for run in found.values()]
    left.plot(devices, speed, "o-", color=BLUE, label="measured")
    left.set(title="strong: one batch, shared", xlabel="devices", ylabel="speedup")
    kept = [100 * one / run["weak"]["seconds"] for run in found.values()]
    right.plot(devices, [100] * len(devices), "--", color=GREY, label="perfect")
    right.plot(devices, kept, "o-", color=VERMILLION, label="measured")
    right.set(title="weak: one batch per device", xlabel="devices", ylabel="efficiency, %")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.set_xticks(devices)
        axes.legend()
    return picture


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print and draw; return the losses of the same batch on each number of devices."""
    options = parser(__doc__ or "")
    options.add_argument(
        "--devices", type=int, nargs="+", help="numbers of devices (1, 2, ... cores)"
    )
    options.add_argument("--rows", type=int, help="rows of the batch (8192; quick: 1024)")
    args = options.parse_args(argv)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    counts = args.devices or [2**k for k in range(max(cores or 1, 2).bit_length())]
    rows = args.rows or (1024 if args.quick else 8192)
    found = {}
    for devices in progress(sorted({1, *counts}), "measuring"):
        sizes = [rows, rows * devices] if devices > 1 else [rows]
        task = {"rows": sizes, "steps": 5 if args.quick else 30, "seed": args.seed}
        runs = measure(devices, task)
        found[devices] = {"strong": runs[0], "weak": runs[-1]}
    report(found, rows)
    losses = np.array([run["strong"]["losses"] for run in found.values()])
    apart = np.max(np.abs(losses / losses[0] - 1))
    print(
        f"for the same batch on 1 to {max(found)} devices, the losses differ by {apart:.0e} at most"
    )
    save(draw(found), args.output, "data_parallel")
    return {"losses": losses, "devices": list(found)}


if __name__ == "__main__":
    main()
