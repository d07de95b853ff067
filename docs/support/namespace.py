"""A Sphinx extension: a page of reference for each family of functions, made at build.

A function is shown with its docstring, whose formulas of derivatives are set as formulas. Another
name of the same function refers to it.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from deltaprop import nn
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
from deltaprop.graph import Elementwise
from deltaprop.numpy import creation, dtypes, fft, linalg, special, standard

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FAMILIES: list[tuple[str, str, ModuleType, str]] = [
    ("numpy-elementwise", "Elementwise functions", elementwise, "deltaprop.numpy"),
    ("numpy-activations", "Activations", activations, "deltaprop.numpy"),
    ("numpy-reductions", "Reductions and running totals", reductions, "deltaprop.numpy"),
    ("numpy-contractions", "Products and contractions", contractions, "deltaprop.numpy"),
    ("numpy-shaping", "Shapes and joining", shaping, "deltaprop.numpy"),
    ("numpy-indexing", "Indexing, sorting, searching", indexing, "deltaprop.numpy"),
    ("numpy-composed", "Composed of others", composed, "deltaprop.numpy"),
    ("numpy-samples", "Samples of functions and variables", samples, "deltaprop.numpy"),
    ("numpy-creation", "Making arrays", creation, "deltaprop.numpy"),
    ("numpy-standard", "The standard's own names", standard, "deltaprop.numpy"),
    ("numpy-dtypes", "Dtypes", dtypes, "deltaprop.numpy"),
    ("numpy-linalg", "Linear algebra", linalg, "deltaprop.numpy.linalg"),
    ("numpy-fft", "Fourier transforms", fft, "deltaprop.numpy.fft"),
    ("numpy-special", "Special functions", special, "deltaprop.numpy.special"),
    ("nn-activations", "Activations of layers", nn.activations, "deltaprop.nn"),
]


class Family(NamedTuple):
    """A page of functions and classes, by their full names."""

    stem: str
    title: str
    namespace: str
    things: dict[str, Any]


@cache
def families() -> list[Family]:
    """Return the pages; a name has one entry, on the first page with it."""
    found: list[Family] = []
    for stem, title, module, namespace in FAMILIES:
        home: Any = sys.modules[namespace]
        names = sorted({n for n in getattr(module, "__all__", vars(module)) if n[0] != "_"})
        things = {f"{namespace}.{name}": getattr(home, name, None) for name in names}
        earlier = {path for family in found for path in family.things}
        ours = {p: x for p, x in things.items() if p not in earlier and is_ours(x)}
        found.append(Family(stem, title, namespace, ours))
    return found


def is_ours(thing: Any) -> bool:
    return callable(thing) and (getattr(thing, "__module__", "") or "").startswith("deltaprop")


@cache
def canonical() -> dict[int, str]:
    """Return the name that each function is shown under: its own, on the first page with it."""
    named = [pair for family in families() for pair in family.things.items()]
    named.sort(key=lambda pair: not pair[0].endswith(f".{pair[1].__name__}"))
    return {id(thing): path for path, thing in reversed(named)}


def page(family: Family) -> Iterator[str]:
    """Yield the lines of a page in reStructuredText: a table, then every function."""
    yield from (family.title, "=" * len(family.title), "")
    yield from (f".. currentmodule:: {family.namespace}", "")
    yield from (".. list-table::", "   :widths: 25 75", "")
    for path, thing in family.things.items():
        name = path.rpartition(".")[2]
        # |x| would be a substitution of reStructuredText
        sentence = (thing.__doc__ or "").partition("\n\n")[0].replace("\n", " ").replace("|", r"\|")
        yield from (f"   * - :obj:`{name} <{path}>`", f"     - {sentence}")
    yield ""
    for path, thing in family.things.items():
        kind = "class" if inspect.isclass(thing) else "function"
        shown = canonical()[id(thing)]
        if shown == path:
            yield from (f".. auto{kind}:: {path}", "")
        else:
            name = path.rpartition(".")[2]
            yield from (f".. py:{kind}:: {name}{signature(thing)}", "")
            yield from (f"   The same as :obj:`{shown}`.", "")


def signature(thing: Any) -> str:
    known = inspect.signature(thing)
    parameters = [p.replace(annotation=p.empty) for p in known.parameters.values()]
    return str(known.replace(parameters=parameters, return_annotation=known.empty))


def write(app: Sphinx) -> None:
    folder = Path(app.srcdir, "reference", "generated")
    folder.mkdir(parents=True, exist_ok=True)
    for family in families():
        text = "\n".join(page(family)) + "\n"
        path = folder / f"{family.stem}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def with_formulas(
    _app: Sphinx, what: str, _name: str, thing: Any, _options: Any, lines: list[str]
) -> None:
    """Set the derivatives of a docstring as formulas."""
    if isinstance(thing, Elementwise) and what != "function":  # a method
        lines[:] = [f"The same as :obj:`deltaprop.numpy.{thing.name}` of this Value."]
        return
    # Sphinx takes the docstring below an entry of the table for the whole docstring
    whole = thing.__doc__ if isinstance(thing, Elementwise) else "\n".join(lines)
    lines[:] = SENTENCE.sub(drawn, whole or "").split("\n")


# the sentence that says what the derivatives are
SENTENCE = re.compile(
    r"^(The (derivative|gradient)|For a cotangent).+?(\.\s|\.$|\Z)", re.DOTALL | re.MULTILINE
)
CODE = re.compile("``(.+?)``", re.DOTALL)


def drawn(said: re.Match[str]) -> str:
    """Return a sentence with its code as formulas; as it is, if some of the code is no formula."""
    try:
        return CODE.sub(lambda code: f":math:`{latex(' '.join(code[1].split()))}`", said[0])
    except (AttributeError, SyntaxError, TypeError):  # code of matrices, not of numbers
        return said[0]


def latex(code: str) -> str:
    """Return a formula in LaTeX, given as code of numbers."""
    import sympy

    from tests.symbolic import FORMULAS

    tree = ast.fix_missing_locations(_MinusFirst().visit(ast.parse(code, mode="eval")))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call)}  # type: ignore[attr-defined]
    known = {name: sympy.Symbol(upright(name, "mathrm"), real=True) for name in names - called}
    known |= {name: sympy.Function(upright(name, "operatorname"), real=True) for name in called}
    known |= {name: FORMULAS[name] for name in names & set(FORMULAS) & EXPANDED}
    known |= {
        "cbrt": lambda x: x ** sympy.Rational(1, 3),
        "where": lambda c, x, y: sympy.Piecewise((x, c), (y, True)),
        "pi": sympy.pi,
    }
    with sympy.evaluate(False):
        formula = sympy.latex(eval(compile(tree, "", "eval"), known), order="none")
    return rf"\displaystyle {formula}" if "frac" in formula else str(formula)


# functions that have a sign of their own, by the name of the sign; any other keeps its name
SYMBOLS = {"sigmoid": "sigma", "psi": "psi", "beta": "Beta", "alpha": "alpha", "delta": "delta"}
EXPANDED = {
    "absolute", "cos", "cosh", "exp", "gamma", "hypot", "i0", "i1", "iv", "j0", "j1", "jv", "log",
    "sin", "sinh", "sqrt", "tan", "tanh", "y0", "y1", "yv", "zeta",
}  # fmt: skip


def upright(name: str, how: str) -> str:
    """Return a name in LaTeX: a letter, perhaps with a number, or a word in upright letters."""
    word = re.fullmatch(r"\w\d?", name) is None and name not in SYMBOLS
    return rf"\{how}{{{name}}}" if word else SYMBOLS.get(name, name)


class _MinusFirst(ast.NodeTransformer):
    """Changes (-a) * b into -(a * b), which has one minus sign before it."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        product = isinstance(node.op, ast.Mult | ast.Div)
        if not (product and isinstance(node.left, ast.UnaryOp)):
            return node
        return ast.UnaryOp(node.left.op, ast.BinOp(node.left.operand, node.op, node.right))


def skipped(_app: Any, _what: Any, name: str, _thing: Any, skip: bool, _options: Any) -> bool:
    """Leave out what scikit-learn adds to estimators for the routing of metadata."""
    return skip or (name.startswith("set_") and name.endswith("_request"))


def without_links_back(_app: Any, name: str, _with: Any, context: Any, _tree: Any) -> None:
    """Drop viewcode's links from source to documentation: to names re-exported they are wrong."""
    if name.startswith("_modules/") and "body" in context:
        context["body"] = re.sub(r'<a class="viewcode-back".*?</a>', "", context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    sys.path.append(str(Path(__file__).parents[2]))  # the formulas of `tests.symbolic`
    app.connect("builder-inited", write)
    app.connect("autodoc-process-docstring", with_formulas, priority=400)  # before numpydoc
    app.connect("autodoc-skip-member", skipped)
    app.connect("html-page-context", without_links_back)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
