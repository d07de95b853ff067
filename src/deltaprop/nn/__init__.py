"""Networks: activations, initialisers, losses, layers, the MLP."""

from . import scalar as scalar
from .activations import *  # noqa: F403 - each module says in __all__ what it hands on
from .ensemble import *  # noqa: F403
from .initializers import *  # noqa: F403
from .layers import *  # noqa: F403
from .losses import *  # noqa: F403
from .module import Module as Module
from .normalization import *  # noqa: F403
