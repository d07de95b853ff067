"""What the package says of itself, in pyproject.toml and in the workflows, agrees."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import deltaprop as dp

ROOT = Path(__file__).parents[1]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT, EXTRAS = CONFIG["project"], CONFIG["project"]["optional-dependencies"]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def requirements(extra: str) -> set[str]:
    """The packages that an extra installs, with those of the extras that it names."""
    found: set[str] = set()
    for line in EXTRAS[extra]:
        if named := re.fullmatch(r"deltaprop\[(.*)\]", line):
            found.update(*map(requirements, named[1].split(",")))
        else:
            found.add(re.split(r"[\[<>=~ ]", line)[0])
    return found


def asked_for() -> set[str]:
    """The packages that errors name: `extra("onnx onnxruntime", ...)`."""
    calls = [
        node
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("extra")
    ]
    return {package for call in calls for package in ast.literal_eval(call.args[0]).split()}


def test_an_extra_installs_what_errors_name() -> None:
    assert {"matplotlib", "onnxruntime", "scikit-learn", "hypothesis"} <= asked_for()
    assert asked_for() <= set().union(*map(requirements, EXTRAS))


def test_all_is_what_errors_name() -> None:
    """PyTorch is too large."""
    assert asked_for() - requirements("all") == {"torch"}


def test_the_page_of_installation_has_every_extra() -> None:
    page = (ROOT / "docs" / "install.md").read_text("utf-8")
    shown = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert shown == EXTRAS.keys() - {"all", "bench", "browser"}
    (named,) = re.findall(r"`all` installs (.*)\.", page)
    (line,) = EXTRAS["all"]
    assert re.findall(r"`(\w+)`", named) == re.findall(r"\w+", line)[1:]


def test_the_version_is_the_same_everywhere() -> None:
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert PROJECT["version"] == dp.__version__
    assert f"\nversion: {dp.__version__}\n" in citation


def test_pythons_are_the_same_everywhere() -> None:
    oldest = PROJECT["requires-python"].removeprefix(">=")
    known = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert known[0] == oldest
    assert known == [f"3.{minor}" for minor in range(11, 11 + len(known))]
    workflow = (ROOT / ".github/workflows/tests.yml").read_text("utf-8")
    assert f"python: {known}".replace("'", '"') in workflow
    assert f"cp{oldest.replace('.', '')}-*" in CONFIG["tool"]["cibuildwheel"]["build"]


def test_workflows_run_sessions_that_there_are() -> None:
    sessions = {
        node.name
        for node in ast.parse((ROOT / "noxfile.py").read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.decorator_list
    }
    workflows = "\n".join(p.read_text("utf-8") for p in (ROOT / ".github/workflows").glob("*.yml"))
    run = set(re.findall(r"nox --session ([a-z]+)", workflows))
    (others,) = re.findall(r"session: \[(.*)\]", workflows)
    assert run | set(others.split(", ")) == sessions


@pytest.mark.parametrize("name", CONFIG["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
def test_what_the_source_distribution_holds_is_there(name: str) -> None:
    assert (ROOT / name).exists()


def test_links_of_the_description_work_outside_the_repository() -> None:
    """Each names a file that is in the repository, by its address there."""
    interface = pytest.importorskip("hatchling.metadata.plugin.interface", reason="needs hatchling")
    names: dict[str, Any] = {"__name__": "hatch_build"}
    exec((ROOT / "hatch_build.py").read_text("utf-8"), names)
    assert issubclass(names["Description"], interface.MetadataHookInterface)
    metadata = dict(PROJECT)
    names["Description"](str(ROOT), {}).update(metadata)
    links = re.findall(r"\]\((.*?)\)|src=\"(.*?)\"", metadata["readme"]["text"])
    addresses = [a or b for a, b in links]
    assert len(addresses) > 10
    for address in addresses:
        assert address.startswith("https://")
        assert (ROOT / address.partition("/main/")[2]).exists()
