"""Batches split over devices and processes: the losses of one process, and what fails says so."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop import compiler
from deltaprop.compiler.sharding import Layout

from . import sharded_run

pytestmark = pytest.mark.skipif(os.name == "nt", reason="JAX joins no processes on Windows")
ROOT = Path(__file__).parents[2]
STEPS = 6


@pytest.fixture(scope="module")
def expected() -> list[float]:
    """The losses of a run without devices, processes, or an end before its time."""
    step, _, _ = sharded_run.problem()
    return [step(sharded_run.batch(k), np.random.default_rng(k)).item() for k in range(STEPS)]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def start(command: list[Any], devices: int = 1) -> subprocess.Popen[str]:
    flags = f"--xla_force_host_platform_device_count={devices}"
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, last: int, *dies: int) -> list[tuple[int, str, str]]:
    """Two processes to their end: exit status, output and errors of each."""
    port = free_port()
    workers = [
        start([sharded_run.__file__, folder, 2, index, port, last, *dies]) for index in range(2)
    ]
    ends = [worker.communicate(timeout=60) for worker in workers]
    return [(w.returncode, *end) for w, end in zip(workers, ends, strict=True)]


def losses(output: str) -> dict[int, float]:
    lines = [line.split() for line in output.splitlines() if line.startswith("loss ")]
    return {int(k): float(x) for _, k, x in lines}


IN_ONE_PROCESS = """
import sys
import numpy as np
import deltaprop as dp
from deltaprop.compiler.sharding import Layout
from tests.compiler.sharded_run import batch, main, problem

main(sys.argv[1], "1", "0", "0", sys.argv[2])
layout = Layout({"batch": 0})
part = layout.placed(batch(0)["X"], layout.sharding(0)).addressable_shards
assert [shard.data.shape for shard in part] == [(2, 6)] * 8
step, model, _ = problem()
before = model.state_dict()
try:
    dp.compile(step, executor="xla", shard={"batch": 0})(batch(0, 12), np.random.default_rng(0))
except ValueError as error:
    print(error, file=sys.stderr)
assert all(np.array_equal(x, before[name]) for name, x in model.state_dict().items())
"""


def test_eight_devices_in_one_process(tmp_path: Path, expected: list[float]) -> None:
    worker = start(["-c", IN_ONE_PROCESS, tmp_path, STEPS], devices=8)
    output, errors = worker.communicate(timeout=60)
    assert worker.returncode == 0, errors
    np.testing.assert_allclose(list(losses(output).values()), expected, rtol=1e-12)
    assert "of shape (12, 6) cannot be split along axis 0 over 8 devices" in errors
    assert "Leave out the last 4" in errors


def test_two_processes_one_is_killed_and_the_run_goes_on(
    tmp_path: Path, expected: list[float]
) -> None:
    dies_at = 3
    began = time.monotonic()
    (status, output, errors), (killed, _, _) = run(tmp_path, STEPS, dies_at)
    assert time.monotonic() - began < 45
    assert (status, killed) == (1, -9)
    assert "process 0 of 2 cannot go on: another one has died" in errors
    assert "from the last checkpoint" in errors
    before = losses(output)
    assert sorted(before) == list(range(dies_at))
    # again, both of them; from the last checkpoint on, not from the start
    ends = run(tmp_path, STEPS)
    for status, output, errors in ends:
        assert status == 0, errors
        after = losses(output)
        assert sorted(after) == list(range(dies_at, STEPS))
        found = [(before | after)[k] for k in range(STEPS)]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_an_argument_that_cannot_be_split_is_named() -> None:
    x = np.ones((4, 2))
    f = compiler.compile(lambda X, s: X * s, executor="xla", shard={"X": 0, "Y": 0})
    with pytest.raises(ValueError, match="names the argument 'Y', but there are X, s"):
        f(x, 1.0)
    f = compiler.compile(lambda X, s: X * s, executor="xla", shard={"X": 2})
    with pytest.raises(ValueError, match=r"'X' of shape \(4, 2\) has no axis 2"):
        f(x, 1.0)
    with pytest.raises(ValueError, match="shard needs executor='xla'"):
        compiler.compile(lambda X: X, shard={"X": 0})


def test_one_device_is_a_mesh_too() -> None:
    w = dp.Value(np.ones(2))

    @compiler.compile(executor="xla", shard={"X": -2, "s": 0})
    def f(X: Any, s: Any = (), *, flag: bool = True) -> Any:
        y = (w * X).sum()
        y.backward()
        return y if flag else X

    X = np.arange(8.0).reshape(4, 2)
    for k in range(3):
        assert f(X, flag=True).item() == X.sum()
        np.testing.assert_allclose(w.grad, (k + 1) * X.sum(0))
    np.testing.assert_array_equal(f(X, flag=False), X)
    assert str(Layout({"X": 0})) == "for 1 devices of 1 processes"
