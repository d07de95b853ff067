"""A Sphinx extension: a page of reference for each family of `deltaprop.numpy`, made at build.

A function is shown with its docstring. An elementwise operation is shown with its rule, out of
the very lines of the table that computes it.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx

import deltaprop.numpy as dnp
from deltaprop import calculus
from deltaprop.calculus import (
    activations,
    composed,
    contractions,
    elementwise,
    indexing,
    reductions,
    samples,
    shaping,
)
from deltaprop.graph import Elementwise, Primitive
from deltaprop.numpy import creation, dtypes, fft, linalg, special, standard

FAMILIES: list[tuple[str, str, ModuleType, str]] = [
    ("elementwise", "Elementwise functions", elementwise, "deltaprop.numpy"),
    ("activations", "Activations", activations, "deltaprop.numpy"),
    ("reductions", "Reductions and running totals", reductions, "deltaprop.numpy"),
    ("contractions", "Products and contractions", contractions, "deltaprop.numpy"),
    ("shaping", "Shapes and joining", shaping, "deltaprop.numpy"),
    ("indexing", "Indexing, sorting, searching", indexing, "deltaprop.numpy"),
    ("composed", "Composed of others", composed, "deltaprop.numpy"),
    ("samples", "Samples of functions and variables", samples, "deltaprop.numpy"),
    ("creation", "Making arrays", creation, "deltaprop.numpy"),
    ("standard", "The standard's own names", standard, "deltaprop.numpy"),
    ("dtypes", "Dtypes", dtypes, "deltaprop.numpy"),
    ("linalg", "Linear algebra", linalg, "deltaprop.numpy.linalg"),
    ("fft", "Fourier transforms", fft, "deltaprop.numpy.fft"),
    ("special", "Special functions", special, "deltaprop.numpy.special"),
]


def rules(module: ModuleType) -> dict[str, list[str]]:
    """Return the partials of the module's elementwise operations, as they are written in it."""
    body = ast.parse(inspect.getsource(module)).body
    makers = {f.name: f for f in body if isinstance(f, ast.FunctionDef)}
    found = {}
    for node in body:
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call)):
            continue
        operation = getattr(module, getattr(node.target, "id", ""), None)
        if isinstance(operation, Elementwise):
            call, maker = node.value, makers.get(getattr(node.value.func, "id", ""))
            if maker:  # of several operations: the rules are in it, or among its arguments
                call = next(filter(_states_rules, ast.walk(maker)), call)
            found[operation.name] = [written(partial) for partial in call.args[1:]]
    return found


def _states_rules(node: ast.AST) -> bool:
    made = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Elementwise"
    return made and any(isinstance(x, ast.Lambda) for x in node.args)


def written(partial: ast.expr) -> str:
    """Return a partial as `(y, x): 2 * x`; what has a name of its own stays a name."""
    if not isinstance(partial, ast.Lambda):
        return ast.unparse(partial)
    names = ", ".join(argument.arg.lstrip("_") for argument in partial.args.args)
    return f"({names}): {ast.unparse(partial.body)}"


def names_of(module: ModuleType) -> list[str]:
    return sorted({n for n in getattr(module, "__all__", vars(module)) if n[0] != "_"})


def page(title: str, module: ModuleType, namespace: str) -> Iterator[str]:
    """Yield the lines of a page in reStructuredText."""
    yield from (title, "=" * len(title), "", f".. currentmodule:: {namespace}", "")
    written_rules = {name: rule for m in SOURCES for name, rule in rules(m).items()}
    rows, functions = [], []
    for name in names_of(module):
        thing: Any = getattr(module, name)
        if isinstance(thing, Elementwise):
            rows.append((name, thing))
        elif inspect.isfunction(thing) or isinstance(thing, Primitive):
            functions.append(name)
    if rows:
        yield from (".. list-table::", "   :header-rows: 1", "   :widths: 20 40 40", "")
        yield from ("   * - function", "     - what it is", "     - partial in each argument")
        for name, operation in rows:
            partials = written_rules.get(operation.name, [])
            alias = "" if operation.name == name else f" (``{operation.name}``)"
            rule = " |br| ".join(f"``{p}``" for p in partials)
            if set(partials) == {"None"}:
                rule = "a constant"
            # |x| would be a substitution of reStructuredText
            what = (operation.__doc__ or "").partition("\n")[0].replace("|", r"\|")
            yield from (f"   * - ``{name}``{alias}", f"     - {what}", f"     - {rule}")
        yield from ("", ".. |br| raw:: html", "", "   <br>", "")
    for name in functions:
        yield from (f".. autofunction:: {namespace}.{name}", "")


SOURCES = (elementwise, activations, calculus.special)


def write(app: Sphinx) -> None:
    folder = Path(app.srcdir, "reference", "generated")
    folder.mkdir(parents=True, exist_ok=True)
    for stem, title, module, namespace in FAMILIES:
        text = "\n".join(page(title, module, namespace)) + "\n"
        path = folder / f"numpy-{stem}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def shortened(
    _app: Sphinx, _what: str, _name: str, thing: Any, _options: Any, lines: list[str]
) -> None:
    """Put a line in the place of the docstrings that operations take over from NumPy."""
    if isinstance(thing, Elementwise):
        lines[:] = [f"The function ``deltaprop.numpy.{thing.name}`` of this."]


def skipped(_app: Any, _what: Any, name: str, _thing: Any, skip: bool, _options: Any) -> bool:
    """Leave out what scikit-learn adds to estimators for the routing of metadata."""
    return skip or (name.startswith("set_") and name.endswith("_request"))


def without_links_back(_app: Any, name: str, _with: Any, context: Any, _tree: Any) -> None:
    """Drop viewcode's links from source to documentation: to names re-exported they are wrong."""
    if name.startswith("_modules/") and "body" in context:
        context["body"] = re.sub(r'<a class="viewcode-back".*?</a>', "", context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write)
    app.connect("autodoc-process-docstring", shortened)
    app.connect("autodoc-skip-member", skipped)
    app.connect("html-page-context", without_links_back)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


__all__ = ["FAMILIES", "dnp", "names_of", "rules", "setup"]
