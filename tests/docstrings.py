"""Walks everything public, and counts what its docstring and the reference say.

    python -m tests.docstrings
    python -m tests.docstrings --missing
    python -m tests.docstrings --inventory docs/_build/html/objects.inv

The second form names what is missing; the third asks the documentation as it was built, instead of
the pages that it is built from.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
NAMESPACES = (
    "deltaprop", "deltaprop.numpy", "deltaprop.numpy.linalg", "deltaprop.numpy.fft",
    "deltaprop.numpy.special", "deltaprop.nn", "deltaprop.nn.scalar", "deltaprop.deltas",
    "deltaprop.optim", "deltaprop.training", "deltaprop.viz", "deltaprop.testing",
    "deltaprop.testing.strategies", "deltaprop.sklearn", "deltaprop.scipy", "deltaprop.onnx",
    "deltaprop.torch",
)  # fmt: skip
# public names of modules that are not offered as a whole
ALSO = {
    "deltaprop.graph": ("Elementwise", "Linear", "Bilinear", "Custom"),
    "deltaprop.compiler.sharding": ("join",),
}
METHODS = "methods: a docstring"
ENTRY = "an entry in the reference"
SECTIONS = ("Parameters", "Returns", "Examples")


@dataclass(frozen=True)
class Entry:
    """A public callable under one of its names."""

    path: str
    thing: Any

    @cached_property
    def doc(self) -> str:
        """Its own docstring, neither inherited nor the signature that a dataclass gets."""
        doc = self.thing.__doc__ or ""
        if inspect.isclass(self.thing) and not vars(self.thing).get("__doc__"):
            return ""
        return "" if doc.startswith(f"{self.name}(") else inspect.cleandoc(doc)

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    def has(self, section: str) -> bool:
        """Whether the docstring has a section, or does not need it."""
        if re.search(rf"^{section}\n---", self.doc, re.MULTILINE):
            return True
        if section == "Examples":
            return ">>>" in self.doc
        if section == "Returns":  # a class returns its objects
            return inspect.isclass(self.thing) or self.returns in (None, "None")
        return not self.parameters

    @property
    def returns(self) -> Any:
        """What it returns, as far as its annotations say."""
        return inspect.signature(self.thing).return_annotation

    @property
    def parameters(self) -> list[str]:
        """What it can be called with, as far as Python knows."""
        if inspect.isclass(self.thing) and issubclass(self.thing, BaseException):
            return []
        return [n for n in inspect.signature(self.thing).parameters if n not in ("args", "kwargs")]


def walked() -> Iterator[Entry]:
    """Everything public, each name of it."""
    for namespace in (*NAMESPACES, *ALSO):
        try:
            module = importlib.import_module(namespace)
        except ImportError:  # of an extra that is not installed
            continue
        for name in ALSO.get(namespace, getattr(module, "__all__", None) or dir(module)):
            thing = getattr(module, name)
            home = getattr(thing, "__module__", "") or ""
            if name[0] != "_" and callable(thing) and home.split(".")[0] == "deltaprop":
                yield Entry(f"{namespace}.{name}", thing)


def unique() -> list[Entry]:
    """Everything public, once: under its first name."""
    found: dict[int, Entry] = {}
    for entry in walked():
        found.setdefault(id(entry.thing), entry)
    return list(found.values())


def methods() -> list[Entry]:
    """The public methods and properties that public classes define, without those of a kind."""
    found = []
    for entry in unique():
        defined = vars(entry.thing) if inspect.isclass(entry.thing) else {}
        for name, member in defined.items():
            function = getattr(member, "fget", getattr(member, "__func__", member))
            if name[0] != "_" and callable(function):
                found.append(Entry(f"{entry.path}.{name}", function))
    return [e for e in found if not e.path.startswith("deltaprop.graph.")]


def in_reference() -> set[str]:
    """The names that the reference has an entry for, by the pages that it is built from."""
    sys.path.append(str(DOCS / "support"))
    import namespace

    found = {path for family in namespace.families() for path in family.things}
    page = (DOCS / "reference" / "index.md").read_text("utf-8")
    for home, listed in re.findall(r"currentmodule:: (\S+)\n((?:(?!.. currentmodule).|\n)*)", page):
        names = re.findall(r"^(?:   |.. py:\w+:: )(\w+)(?:$|\()", listed, re.MULTILINE)
        found |= {f"{home}.{name}" for name in names}
    return found


def inventory(path: Path) -> set[str]:
    """The names in an inventory of Sphinx, by which intersphinx finds them."""
    *_, packed = path.read_bytes().split(b"\n", 4)
    return {line.split(" ")[0] for line in zlib.decompress(packed).decode().splitlines()}


def missing(reference: set[str]) -> dict[str, list[str]]:
    """What has no docstring of its own, no section, no entry."""
    entries, every = unique(), list(walked())
    lacking = {"a docstring of its own": [e.path for e in entries if not e.doc]}
    lacking[METHODS] = [e.path for e in methods() if not e.doc]
    lacking |= {section: [e.path for e in entries if not e.has(section)] for section in SECTIONS}
    lacking[ENTRY] = [e.path for e in every if e.path not in reference]
    return lacking


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--missing", action="store_true", help="name what is missing")
    parser.add_argument("--inventory", type=Path, help="an objects.inv, instead of the pages")
    options = parser.parse_args()
    reference = inventory(options.inventory) if options.inventory else in_reference()
    entries, names = len(unique()), len(list(walked()))
    print(f"{entries} public callables, with {names} names")
    for what, lacking in missing(reference).items():
        count = {ENTRY: names, METHODS: len(methods())}.get(what, entries)
        print(f"{what:<26}{count - len(lacking):>5} of {count}  {1 - len(lacking) / count:.1%}")
        if options.missing:
            print("    without:", ", ".join(lacking))


if __name__ == "__main__":
    main()
