"""Files that are replaced as a whole: the old one is there until the new one is complete."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path, before: Path | None = None) -> Iterator[BinaryIO]:
    """Open a new file, which replaces the one at the path once the new file is complete.

    If the path is a symbolic link, the file that the link leads to is replaced. The mode of the
    old file is kept.
    """
    target = Path(os.path.realpath(path))
    mode = _mode(path, target)
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:  # a new file, or an error
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, mode)
            if before is not None:
                os.replace(target, before)
        os.replace(temporary, target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None  # the path that the user gave
        raise


def _mode(path: Path, target: Path) -> int | None:
    """Return the mode of the file that is to be replaced, or None if there is none."""
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {target.parent}: make it before saving {path}")
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"the path of a saved file must lead to no folder, got {path}")
    if not stat.S_ISREG(mode):
        raise FileExistsError(
            f"the path of a saved file must lead to a file or to nothing, got a device, a pipe or "
            f"a socket: choose another than {path}"
        )
    return stat.S_IMODE(mode)
