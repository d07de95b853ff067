"""A Sphinx extension: formulas become drawings as the pages are built.

No script has to run in the reader's browser, and nothing is fetched: each formula is an SVG
of glyph outlines, in the colour and size of the text around it, with its LaTeX as a label.
"""

import re
from functools import cache
from html import escape
from typing import Any
from xml.etree import ElementTree

import ziamath
from docutils import nodes
from sphinx.application import Sphinx

SIZE = 20.0  # of drawing; on the page all is in em
SCALE = 1.12  # its letters look smaller than the sans-serif text's


@cache
def drawn(latex: str, inline: bool) -> str:
    """Return the formula as an SVG element that stands on the line of the text."""
    signed = re.sub(r"(^|[=(,&]\s*)-(?=[\d\\\w])", r"\1{-}", latex)  # not a subtraction
    svg = ziamath.Latex(signed, size=SIZE, color="currentColor", inline=inline).svgxml()
    _, top, width, height = map(float, svg.get("viewBox", "").split())
    em = SCALE / SIZE
    svg.set("width", f"{width * em:.3f}em")
    svg.set("height", f"{height * em:.3f}em")
    svg.set("style", f"vertical-align: {-(top + height) * em:.3f}em")
    svg.set("role", "img")
    svg.set("aria-label", latex)
    return ElementTree.tostring(svg, encoding="unicode")


def visit_inline(self: Any, node: nodes.math) -> None:
    self.body.append(f'<span class="inline-formula">{drawn(node.astext().strip(), True)}</span>')
    raise nodes.SkipNode


def visit_block(self: Any, node: nodes.math_block) -> None:
    number = f'<span class="number">({escape(node["number"])})</span>' if node["number"] else ""
    anchor = f' id="{node["ids"][0]}"' if node["ids"] else ""
    picture = drawn(node.astext().strip(), False)
    self.body.append(f'<div class="formula"{anchor} tabindex="0">{picture}{number}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("drawn", (visit_inline, None), (visit_block, None))
    app.config.html_math_renderer = "drawn"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
