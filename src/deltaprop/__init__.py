"""deltaprop: gradients of NumPy code, proven."""

from . import deltas as deltas
from . import nn as nn
from . import numpy as numpy
from . import optim as optim
from .compiler import TraceError as TraceError
from .compiler import compile as compile  # noqa: A004
from .custom import checkpoint as checkpoint
from .custom import custom_gradient as custom_gradient
from .graph.modes import AnomalyError as AnomalyError
from .graph.modes import detect_anomaly as detect_anomaly
from .graph.modes import no_grad as no_grad
from .transforms import grad as grad
from .transforms import hessian as hessian
from .transforms import hvp as hvp
from .transforms import jacobian as jacobian
from .transforms import jvp as jvp
from .transforms import stop_gradient as stop_gradient
from .transforms import value_and_grad as value_and_grad
from .transforms import vjp as vjp
from .value import Value as Value
from .value import constant as constant

__version__ = "0.1.0"
