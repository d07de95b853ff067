"""How the plots on these pages look: drawn in the page's own colours, light or dark."""

from typing import Any

import matplotlib.pyplot as plt
from matplotlib_inline.backend_inline import set_matplotlib_formats
from outputs import INK

# Okabe and Ito's palette, but for black: told apart by readers of every kind of colour vision,
# on white and on near black
ORANGE, SKY, GREEN, BLUE = "#E69F00", "#56B4E9", "#009E73", "#0072B2"
VERMILLION, PURPLE, GREY = "#D55E00", "#CC79A7", "#888888"

set_matplotlib_formats("svg")
plt.rcParams.update(
    {
        "figure.figsize": (7.2, 3.2),
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "legend.framealpha": 0,
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": GREY,
        "grid.alpha": 0.3,
        "lines.linewidth": 2,
        "svg.hashsalt": "deltaprop",
        "axes.prop_cycle": plt.cycler(color=[SKY, VERMILLION, GREEN, ORANGE, PURPLE]),
        **dict.fromkeys(
            ["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"], INK
        ),
    }
)


def panels(*shape: int, **options: Any) -> Any:
    """Return axes to draw on, as `plt.subplots` would, without the figure."""
    return plt.subplots(*shape, **options)[1]
