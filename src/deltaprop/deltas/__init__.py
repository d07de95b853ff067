"""Layer deltas: the closed-form formulas of backpropagation, compared with autodiff."""

from typing import TYPE_CHECKING

from ..habits import absent
from .comparison import Comparison as Comparison
from .comparison import Row as Row
from .comparison import compare as compare
from .formulas import Deltas as Deltas
from .formulas import LayerDeltas as LayerDeltas
from .formulas import layer_deltas as layer_deltas

__all__ = ["Comparison", "Deltas", "LayerDeltas", "Row", "compare", "layer_deltas"]

if not TYPE_CHECKING:  # type checkers know every name, and report any other
    __getattr__ = absent(__name__)


def __dir__() -> list[str]:
    return __all__
