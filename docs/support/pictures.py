"""A Sphinx extension: drawings that cells return become part of the page, and follow its theme.

An SVG in an `<img>` knows the system's colours but not the page's switch between light and dark.
In what cells print, the names of temporary files that kernels give to cells become "the cell".
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

INK = "#123456"  # `figures` draws text and axes in it, to be the colour of the text here


def put_inline(app: Sphinx, tree: nodes.document, _name: str) -> None:
    """Replace the images that cells made by what is in their files."""
    for image in list(tree.findall(nodes.image)):
        path = Path(app.srcdir, image["uri"])
        if path.suffix != ".svg" or "jupyter_execute" not in path.parts:
            continue
        svg = path.read_text(encoding="utf-8")
        svg = re.sub(r"^.*?(?=<svg)", "", svg, flags=re.DOTALL).replace(INK, "currentColor")
        image.replace_self(nodes.raw("", f'<div class="drawing">{svg}</div>', format="html"))


CELL = re.compile(r"\S*ipykernel_\d+/\d+\.py:(\d+)")


def name_cells(_app: Sphinx, tree: nodes.document) -> None:
    """Replace names of temporary files in the outputs."""
    for block in tree.findall(nodes.literal_block):
        if CELL.search(block.astext()):
            text = CELL.sub(r"line \1 of the cell", block.astext())
            block.children = [nodes.Text(text)]
            block.rawsource = text


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", name_cells)
    app.connect("doctree-resolved", put_inline)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
