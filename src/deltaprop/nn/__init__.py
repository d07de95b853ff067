"""Networks: activations, initialisers, losses, layers, the MLP."""

import typing as _t
from types import ModuleType as _ModuleType

from ..habits import absent as _absent
from . import scalar as scalar
from .activations import *  # noqa: F403 - each module says in __all__ what it hands on
from .ensemble import *  # noqa: F403
from .initializers import *  # noqa: F403
from .layers import *  # noqa: F403
from .losses import *  # noqa: F403
from .module import Module as Module
from .normalization import *  # noqa: F403

if not _t.TYPE_CHECKING:  # type checkers know every name, and report any other
    __getattr__ = _absent(__name__)


def __dir__() -> list[str]:
    offered = (n for n, x in globals().items() if not isinstance(x, _ModuleType) or n == "scalar")
    return sorted(name for name in offered if name[0] != "_")
