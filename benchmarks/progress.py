"""A progress bar on standard error where tqdm is installed, silence where it is not."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable


class Progress:
    """Draws one bar per comparison; knows the workload that is running."""

    def __init__(self) -> None:
        self.workload = ""

    def rounds(self, case: str, number: int) -> Iterable[int]:
        """Yield 0, 1, 2 ... for as long as the caller likes; the bar is full at `number`."""
        try:
            from tqdm import tqdm
        except ImportError:
            return itertools.count()
        bar: Iterable[int] = tqdm(
            itertools.count(),
            total=number,
            desc=f"{self.workload}: {case}",
            unit="round",
            leave=False,
            file=sys.stderr,
            disable=None,
        )
        return bar
