"""Gradient checks: finite differences, `check_grads`, and Hypothesis strategies."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ..habits import lacking
from .diagnosis import GradientError as GradientError
from .differences import finite_difference as finite_difference
from .gradients import check_grads as check_grads

if TYPE_CHECKING:
    from . import strategies as strategies
else:

    def __getattr__(name: str) -> Any:
        if name == "strategies":  # on demand, because they need Hypothesis
            return importlib.import_module(".strategies", __name__)
        raise lacking(__name__, name)


__all__ = ["GradientError", "check_grads", "finite_difference", "strategies"]


def __dir__() -> list[str]:
    return __all__
