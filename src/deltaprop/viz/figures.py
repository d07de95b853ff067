"""The figure of the plots; imported when a plot is drawn, because it needs matplotlib."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine


class Plot(Figure):
    """A figure without pyplot, which a notebook shows nevertheless.

    Parameters
    ----------
    width, height : float
        The size in inches.
    """

    def __init__(self, width: float = 6.4, height: float = 4.8, **options: Any) -> None:
        roomy = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)
        super().__init__(figsize=(width, height), layout=roomy, **options)

    def _repr_png_(self) -> bytes:
        drawn = BytesIO()
        self.savefig(drawn, format="png")
        return drawn.getvalue()
