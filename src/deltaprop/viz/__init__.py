"""Drawings of graphs (`draw`), pages that play backpropagation (`play`), and plots."""

from typing import TYPE_CHECKING

from ..habits import absent as _absent
from .drawing import Drawing as Drawing
from .drawing import draw as draw
from .player import play as play
from .plots import plot_confusion_matrix as plot_confusion_matrix
from .plots import plot_decision_boundary as plot_decision_boundary
from .plots import plot_deltas as plot_deltas
from .plots import plot_gradient_flow as plot_gradient_flow
from .plots import plot_history as plot_history

__all__ = [
    "Drawing", "draw", "play", "plot_confusion_matrix", "plot_decision_boundary", "plot_deltas",
    "plot_gradient_flow", "plot_history",
]  # fmt: skip

if not TYPE_CHECKING:  # type checkers know every name, and report any other
    __getattr__ = _absent(__name__)


def __dir__() -> list[str]:
    return __all__
