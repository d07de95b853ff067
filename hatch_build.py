"""Builds the C walker where there is a C compiler; without one the package is Python alone.

Also makes the description of the package from the README, with links that work anywhere.
"""

from __future__ import annotations

import os
import re
import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface
from setuptools import Distribution, Extension

MODULE = "deltaprop.compiler._walker"
SOURCE = "src/deltaprop/compiler/_walker.c"
# one binary for this Python and all later ones; a free-threaded one has a binary of its own
STABLE = not sysconfig.get_config_var("Py_GIL_DISABLED")
SINCE = (3, 11)


class Description(MetadataHookInterface):
    """The README, for pages outside the repository: its links and pictures become absolute."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the description."""
        text = Path(self.root, "README.md").read_text("utf-8")
        files = f"{metadata['urls']['Repository']}/blob/main/"
        pictures = files.replace("github.com", "raw.githubusercontent.com").replace("/blob/", "/")
        text = re.sub(r"\]\((?!https?:|#)", f"]({files}", text)
        text = re.sub(r'src="(?!https?:)', f'src="{pictures}', text)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


class Walker(BuildHookInterface):
    """Puts the extension into a wheel, or for an editable install beside its source."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build; the wheel is for this platform alone if it has the extension, else for any."""
        editable = version == "editable"
        limited = [("Py_LIMITED_API", f"0x{SINCE[0]:02X}{SINCE[1]:02X}0000")] if STABLE else []
        extension = Extension(
            MODULE,
            [SOURCE],
            include_dirs=[np.get_include()],
            define_macros=limited,
            py_limited_api=STABLE,
            optional=True,
        )
        build = Distribution({"ext_modules": [extension], "package_dir": {"": "src"}})
        command: Any = build.get_command_obj("build_ext")
        self.folder = TemporaryDirectory()
        command.build_temp = command.build_lib = self.folder.name
        command.inplace, command.force = editable, True
        command.ensure_finalized()
        file = Path(command.get_ext_fullpath(MODULE))
        file.unlink(missing_ok=True)  # of an earlier editable install
        command.run()
        if not file.exists():
            print(f"{MODULE} was not built: compiled functions use the walker in Python")
        elif not editable:
            name, build_data["pure_python"], build_data["infer_tag"] = file.name, False, not STABLE
            if STABLE:
                name = "_walker.pyd" if os.name == "nt" else "_walker.abi3.so"  # of every Python
                platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
                build_data["tag"] = f"cp{SINCE[0]}{SINCE[1]}-abi3-{platform}"
            build_data["force_include"][str(file)] = f"deltaprop/compiler/{name}"

    def finalize(self, *_: Any) -> None:
        """Remove what was built on the way."""
        self.folder.cleanup()
