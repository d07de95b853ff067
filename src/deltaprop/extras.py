"""Optional libraries, and how to install them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(packages: str, what: str) -> Iterator[None]:
    """Say how to install a library that cannot be imported inside this block.

    Examples
    --------
    >>> with extra("onnx onnxruntime", "networks are written by ONNX"):
    ...     import no_such_library
    Traceback (most recent call last):
    ImportError: networks are written by ONNX: pip install onnx onnxruntime
    """
    try:
        yield
    except ImportError as error:
        raise ImportError(f"{what}: pip install {packages}") from error
