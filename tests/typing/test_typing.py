"""Types for people: mypy and pyright know what `revealed.py` says, and find what is wrong in
`mistakes.py`."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"
FILES = [HERE / "revealed.py", HERE / "mistakes.py"]


def run(*command: str) -> str:
    env = os.environ | {"PYTHONPATH": str(SOURCE), "MYPYPATH": str(SOURCE)}
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, env=env, cwd=HERE
    )
    assert done.stdout, done.stderr
    return done.stdout


def by_mypy() -> set[tuple[str, int]]:
    """The file and the line of everything that mypy finds wrong."""
    text = run("mypy", "--strict", "--cache-dir", os.devnull, "--config-file=", *map(str, FILES))
    found = re.findall(r"(?m)^(\S+?):(\d+): error: ", text)
    assert found, text
    return {(Path(file).name, int(line)) for file, line in found}


def by_pyright() -> set[tuple[str, int]]:
    """The same of pyright."""
    text = run("pyright", "--pythonpath", sys.executable, "--outputjson", *map(str, FILES))
    return {
        (Path(found["file"]).name, found["range"]["start"]["line"] + 1)
        for found in json.loads(text)["generalDiagnostics"]
        if found["severity"] == "error"
    }


@pytest.mark.parametrize("checker", [by_mypy, by_pyright])
def test_types_are_known_and_mistakes_are_found(checker: object) -> None:
    assert callable(checker)
    wrong = {
        (file.name, i)
        for file in FILES
        for i, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if line.endswith("# wrong")
    }
    assert checker() == wrong


def test_public_types_are_complete() -> None:
    text = run("pyright", "--verifytypes", "deltaprop", "--ignoreexternal", "--outputjson")
    report = json.loads(text)["typeCompleteness"]
    unknown = [s["name"] for s in report["symbols"] if s["isExported"] and not s["isTypeKnown"]]
    assert report["completenessScore"] >= 0.98, unknown


MODULES = (
    "numpy numpy.linalg numpy.fft numpy.special nn nn.scalar optim training testing viz deltas"
)


def test_every_public_name_is_known(tmp_path: Path) -> None:
    lines = ["import deltaprop"]
    for module in ["deltaprop", *(f"deltaprop.{name}" for name in MODULES.split())]:
        names = dir(importlib.import_module(module))
        lines += [f"{module}.{name}" for name in names if name[0] != "_"]
    file = tmp_path / "names.py"
    file.write_text("\n".join(lines), "utf-8")
    text = run(
        "mypy", "--cache-dir", os.devnull, "--config-file=", "--follow-imports=silent", str(file)
    )
    assert text.startswith("Success"), text
    text = run("pyright", "--pythonpath", sys.executable, "--outputjson", str(file))
    assert json.loads(text)["summary"]["errorCount"] == 0, text
