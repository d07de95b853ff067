"""How Sphinx builds these pages: `python -m sphinx -E -W -j auto -b html docs docs/_build/html`."""

import atexit
import multiprocessing
import os
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import deltaprop

HERE = Path(__file__).parent
URLS = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
sys.path.insert(0, str(HERE / "support"))
# the kernels that run the cells find `support` and the examples, too
PATHS = [HERE / "support", HERE.parent / "examples", os.environ.get("PYTHONPATH", "")]
os.environ["PYTHONPATH"] = os.pathsep.join(str(path) for path in PATHS if str(path))
os.environ["TQDM_DISABLE"] = "1"
os.environ.update(JAX_PLATFORMS="cpu", TF_CPP_MIN_LOG_LEVEL="3")  # no word of accelerators
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"


@atexit.register
def end_helpers() -> None:
    """After an error `-j` would wait for ever for processes that still wait to be heard."""
    for process in multiprocessing.active_children():
        process.terminate()


project = "deltaprop"
author = "the deltaprop authors"
project_copyright = "the deltaprop authors, MIT licence"
release = version = deltaprop.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "sphinx_copybutton",
    "formulas",
    "outputs",
    "namespace",
    "gallery",
]
exclude_patterns = ["_build", "support", "gallery/cards.md", "**.ipynb_checkpoints"]
templates_path = ["_templates"]
nitpicky = False
default_role = "code"

# every cell runs, and one that fails is an error
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_execution_show_tb = True
nb_render_markdown_format = "myst"
nb_merge_streams = True
nb_ipywidgets_js = {}  # nothing is fetched by a reader, also if ipywidgets is installed here
nb_output_stderr = "warn"  # a stray warning of a cell is one of the build, and so an error
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist", "attrs_inline", "substitution"]
myst_heading_anchors = 3
myst_dmath_double_inline = False

autosummary_generate = True
autodoc_typehints = "none"
autodoc_mock_imports = [name for name in ("jax", "torch") if find_spec(name) is None]  # large
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_use_plots = False

html_theme = "pydata_sphinx_theme"
html_title = "deltaprop"
html_static_path = ["_static"]
html_css_files = ["deltaprop.css"]
html_logo = html_favicon = "_static/delta.svg"
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": []}
html_context = {
    "default_mode": "auto",  # otherwise the theme complains in the console
    "edit_page_url_template": f"{URLS['Repository']}/edit/main/docs/{{{{ file_name }}}}",
    "edit_page_provider_name": "GitHub",
}
html_theme_options = {
    "logo": {"text": "deltaprop"},
    "navbar_align": "left",
    "show_prev_next": True,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "secondary_sidebar_items": ["page-toc", "edit-this-page"],
    "use_edit_page_button": True,
    "icon_links": [
        {"name": "Source code", "url": URLS["Repository"], "icon": "fa-brands fa-github"},
    ],
}


def setup(app: Any) -> None:
    app.connect("html-page-context", no_edit_button)


def no_edit_button(_app: Any, page: str, _template: str, context: Any, _tree: Any) -> None:
    """A page that is made at build has no source to edit."""
    if page.startswith(("gallery/", "reference/generated/")):
        context["theme_use_edit_page_button"] = False
