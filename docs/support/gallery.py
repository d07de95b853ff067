"""A Sphinx extension: every example runs at build, and gets a page with its figure and source.

sphinx-gallery would want the examples written in its own form. Ours are scripts with options, so
this runs them as a reader does, with `--quick`.
"""

import ast
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

EXAMPLES = Path(__file__).parents[2] / "examples"
GROUPS = {
    "From a slope to a student": [
        "gradient_descent",
        "step_through",
        "teacher_student",
        "drop_sigmoid_derivative",
    ],
    "Data and networks": [
        "digits",
        "micrograd_moons",
        "estimators",
        "ensembles",
        "augmentation",
        "class_imbalance",
    ],
    "Training deep networks": [
        "vanishing_gradients",
        "initialization",
        "normalization",
        "dropout",
        "early_stopping",
        "checkpoints",
    ],
    "Derivatives and devices": [
        "prove_your_own",
        "rosenbrock_newton",
        "per_sample_gradients",
        "data_parallel",
    ],
}


class Example(NamedTuple):
    """A script: its first sentence, the rest of its docstring, and what it prints."""

    name: str
    title: str
    told: str
    printed: str


def run(name: str, folder: Path) -> Example:
    """Run an example, which saves its figure in the folder."""
    script = EXAMPLES / f"{name}.py"
    title, _, told = (ast.get_docstring(ast.parse(script.read_text("utf-8"))) or "").partition(
        "\n\n"
    )
    done = subprocess.run(
        [sys.executable, script, "--quick", "--output", folder],
        capture_output=True,
        text=True,
        env=os.environ | {"MPLBACKEND": "Agg"},
    )
    printed = done.stdout.replace(f"{folder}{os.sep}", "figures/")
    if done.returncode and "No module named" in done.stderr:
        printed = f"It was not run here: {done.stderr.strip().splitlines()[-1]}"
    elif done.returncode:
        raise ExtensionError(f"{script} fails:\n{done.stderr}")
    return Example(name, " ".join(title.split()).rstrip("."), told, printed.strip())


def page(example: Example, figure: str) -> str:
    """Return the page of an example, in Markdown."""
    return f"""# {example.title}

{figure}

{example.told}

`python examples/{example.name}.py` makes this figure. Here it ran with `--quick`, and printed:

```text
{example.printed}
```

## Source

{{download}}`{example.name}.py <../../examples/{example.name}.py>`

```{{literalinclude}} ../../examples/{example.name}.py
```
"""


def card(example: Example, image: str) -> list[str]:
    """Return the lines of a card that leads to the page of an example."""
    return [
        f":::{{grid-item-card}} {example.title}",
        f":link: gallery/{example.name}",
        ":link-type: doc",
        *(
            [f":img-top: gallery/{image}", f":img-alt: Figure of {example.name}.py"]
            if image
            else []
        ),
        "",
        f"`{example.name}.py`",
        ":::",
    ]


def make(app: Sphinx) -> None:
    """Run all examples, as many at once as there are cores, and write their pages."""
    names = [name for group in GROUPS.values() for name in group]
    there = {path.stem for path in EXAMPLES.glob("[a-z]*.py")}
    if set(names) != there:
        raise ExtensionError(f"the gallery and examples/ differ in {set(names) ^ there}")
    folder = Path(app.srcdir, "gallery")
    folder.mkdir(exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(names, pool.map(lambda name: run(name, folder), names), strict=True))
    lines = []
    for title, group in GROUPS.items():
        lines += [f"## {title}", "", "::::{grid} 1 2 3 3", ":gutter: 3", ""]
        for example in map(found.get, group):
            image = f"{example.name}.png" if (folder / f"{example.name}.png").is_file() else ""
            figure = f"![Figure of {example.name}.py]({image}){{.example}}" if image else ""
            (folder / f"{example.name}.md").write_text(page(example, figure), encoding="utf-8")
            lines += card(example, image)
        lines += ["::::", ""]
    pages = [f"{name}.py <gallery/{name}>" for name in names]
    lines += ["```{toctree}", ":hidden:", "", *pages, "```", ""]
    (folder / "cards.md").write_text("\n".join(lines), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", make)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
