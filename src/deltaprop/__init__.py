"""deltaprop: gradients of NumPy code, proven."""

from . import deltas as deltas
from . import nn as nn
from . import numpy as numpy
from . import optim as optim
from .graph.modes import AnomalyError as AnomalyError
from .graph.modes import detect_anomaly as detect_anomaly
from .graph.modes import no_grad as no_grad
from .value import Value as Value
from .value import constant as constant

__version__ = "0.1.0"
