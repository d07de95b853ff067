"""deltaprop: gradients of NumPy code, proven."""

from __future__ import annotations

import typing as _t
from importlib import import_module as _import_module
from types import ModuleType as _ModuleType

from . import deltas as deltas
from . import nn as nn
from . import numpy as numpy
from . import optim as optim
from .batching import vmap as vmap
from .custom import checkpoint as checkpoint
from .custom import custom_gradient as custom_gradient
from .graph.batches import BatchError as BatchError
from .graph.modes import AnomalyError as AnomalyError
from .graph.modes import detect_anomaly as detect_anomaly
from .graph.modes import no_grad as no_grad
from .habits import lacking as _lacking
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

if _t.TYPE_CHECKING:
    from . import onnx as onnx
    from . import scipy as scipy
    from . import sklearn as sklearn
    from . import testing as testing
    from . import torch as torch
    from . import training as training
    from . import viz as viz
    from .compiler import TraceError as TraceError
    from .compiler import compile as compile  # noqa: A004
    from .versions import show_versions as show_versions
    from .viz import draw as draw
    from .viz import play as play


def _mimebundle(value: Value, **_formats: _t.Any) -> _t.Any:
    """Return what Jupyter shows of a Value: a drawing of the graph, unless it is large."""
    from .viz.drawing import mimebundle

    return mimebundle(value)


Value._repr_mimebundle_ = _mimebundle

__version__ = "0.1.0"
_MODULES = {"deltas", "nn", "numpy", "optim"}

# imported when first used, so that importing deltaprop is fast
_LAZY = {
    "TraceError": ".compiler",
    "compile": ".compiler",
    "draw": ".viz",
    "play": ".viz",
    "show_versions": ".versions",
    **{
        name: f".{name}"
        for name in ("onnx", "scipy", "sklearn", "testing", "torch", "training", "viz")
    },
}


if not _t.TYPE_CHECKING:  # type checkers know every name, and report any other

    def __getattr__(name: str) -> _t.Any:
        if name not in _LAZY:
            raise _lacking(__name__, name)
        try:
            found = _import_module(_LAZY[name], __name__)
        except ImportError as error:  # so hasattr and dir treat the module as missing
            raise AttributeError(f"deltaprop.{name} cannot be imported: {error}") from error
        value = globals()[name] = found if _LAZY[name] == f".{name}" else getattr(found, name)
        return value


def __dir__() -> list[str]:
    modules = {n for n, x in globals().items() if isinstance(x, _ModuleType)}
    hidden = {n for n in globals() if n[0] == "_"} | modules | {"annotations"}
    return sorted(globals().keys() - hidden | _MODULES | _LAZY.keys() | {"__version__"})
