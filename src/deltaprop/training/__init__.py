"""Training: `fit`, its callbacks and history, checkpoints, classes that are out of balance."""

from typing import TYPE_CHECKING

from ..habits import absent as _absent
from .augmentation import Augmented as Augmented
from .augmentation import Flip as Flip
from .augmentation import Noise as Noise
from .augmentation import Rotate as Rotate
from .augmentation import Shift as Shift
from .callbacks import Callback as Callback
from .callbacks import EarlyStopping as EarlyStopping
from .checkpoints import Checkpoint as Checkpoint
from .fit import fit as fit
from .gradient_flow import GradientFlow as GradientFlow
from .gradient_flow import gradient_flow as gradient_flow
from .history import History as History
from .imbalance import balanced_weights as balanced_weights
from .imbalance import of_classes as of_classes
from .run import Run as Run
from .storage import CheckpointError as CheckpointError
from .storage import load as load
from .storage import save as save

__all__ = [
    "Augmented", "Callback", "Checkpoint", "CheckpointError", "EarlyStopping", "Flip",
    "GradientFlow", "History", "Noise", "Rotate", "Run", "Shift", "balanced_weights", "fit",
    "gradient_flow", "load", "of_classes", "save",
]  # fmt: skip

if not TYPE_CHECKING:  # type checkers know every name, and report any other
    __getattr__ = _absent(__name__)


def __dir__() -> list[str]:
    return __all__
