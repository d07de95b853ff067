"""What the examples have in common as scripts: options, a progress bar, a table, a figure."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

try:
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from PIL import Image
    from tqdm import tqdm
except ImportError as error:
    raise SystemExit(
        f"the examples need matplotlib and tqdm: {error}.\n"
        "Install both, and scikit-learn for the data sets: pip install matplotlib tqdm scikit-learn"
    ) from error

# Okabe and Ito's palette: told apart by readers of every kind of colour vision.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#777777"

matplotlib.rcParams.update(
    {
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.25,
        "legend.framealpha": 0.75,
        "legend.edgecolor": "none",
        "lines.linewidth": 1.8,
    }
)


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the options that every example has."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--seed", type=int, default=0, help="random seed (default 0)")
    options.add_argument("--quick", action="store_true", help="a smaller run that takes seconds")
    options.add_argument(
        "--output", type=Path, default=Path("figures"), help="folder for the figure (figures)"
    )
    return options


def progress(items: Iterable[Any], label: str) -> Any:
    """Iterate with a bar on the standard error, if that is a terminal."""
    return tqdm(items, desc=label, file=sys.stderr, disable=None, leave=False)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns as wide as they need: the first to the left, the others to the right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    for first, *others in lines:
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *cells]).rstrip())
    print()


def figure(width: float, height: float, title: str) -> Figure:
    """Return an empty figure; width and height are in inches."""
    roomy = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)
    picture = Figure(figsize=(width, height), layout=roomy)
    picture.suptitle(title, fontsize=13, fontweight="bold")
    return picture


def save(picture: Figure, folder: Path, name: str) -> Path:
    """Save the figure as <folder>/<name>.png, and print the path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    picture.savefig(path, dpi=130)
    with Image.open(path) as drawn:  # a palette does for flat colours, in a third of the size
        small = drawn.convert("RGB").quantize(256)
    small.save(path, optimize=True)
    print(f"figure: {path}")
    return path
