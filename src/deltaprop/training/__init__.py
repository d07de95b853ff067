"""Training: `fit`, its callbacks and history, checkpoints, classes that are out of balance."""

from .callbacks import Callback as Callback
from .callbacks import EarlyStopping as EarlyStopping
from .checkpoints import Checkpoint as Checkpoint
from .fit import fit as fit
from .history import History as History
from .imbalance import balanced_weights as balanced_weights
from .imbalance import of_classes as of_classes
from .run import Run as Run
from .storage import CheckpointError as CheckpointError
from .storage import load as load
from .storage import save as save
