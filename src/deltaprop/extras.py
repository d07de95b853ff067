"""Optional libraries, and the extra of the package that installs each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Say how to install a library that cannot be imported inside this block.

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
