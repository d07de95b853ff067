"""A Sphinx extension: what becomes of the outputs of cells.

Drawings become part of the page, and follow its theme: an SVG in an `<img>` knows the system's
colours but not the page's switch between light and dark. The names of temporary files that kernels
give to cells become "the cell". A cell that is to show an error must have raised one.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

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
            block.rawsource = CELL.sub(r"line \1 of the cell", block.astext())
            block.children = [nodes.Text(block.rawsource)]


def must_raise(_app: Sphinx, tree: nodes.document) -> None:
    """Stop the build if a cell with the tag `raises-exception` raised none."""
    for cell in tree.findall(nodes.container):
        tags = cell.get("cell_metadata", {}).get("tags", ())
        shown = cell.findall(
            lambda node: "traceback" in getattr(node, "attributes", {}).get("classes", ())
        )
        if "raises-exception" in tags and not any(shown):
            raise ExtensionError(f"no exception in {tree['source']}, in:\n{cell.astext()}")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", name_cells)
    app.connect("doctree-read", must_raise)
    app.connect("doctree-resolved", put_inline)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
