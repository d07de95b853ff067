"""Optional libraries: which extra of the package installs one that is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Say how to install what cannot be imported in here.

    Examples
    --------
    >>> with extra("onnx", "networks are written by ONNX"):
    ...     import no_such_library
    Traceback (most recent call last):
    ImportError: networks are written by ONNX: pip install 'deltaprop[onnx]'
    """
    try:
        yield
    except ImportError as error:
        raise ImportError(f"{what}: pip install 'deltaprop[{name}]'") from error
