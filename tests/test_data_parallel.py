"""The example of several devices runs, and its losses do not depend on how many there are."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from .test_examples import run as run

pytest.importorskip("jax")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="JAX joins no processes on Windows")


def test_losses_do_not_depend_on_the_number_of_devices(run: Any, capsys: Any) -> None:
    found = run("data_parallel", capsys, "--devices", "1", "2", "--rows", "64")
    assert found["devices"] == [1, 2]
    one, two = found["losses"]
    np.testing.assert_allclose(two, one, rtol=1e-5)
    assert one[-1] < one[0]
