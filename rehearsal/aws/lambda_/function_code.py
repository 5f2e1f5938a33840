"""A function's archive or layer as the simulator unpacks it: what is compiled for another processor stays packed."""

from __future__ import annotations

import os
import re
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

LAYER_PACKAGE_DIR = "python"
"""Where a layer has its packages. Source: Lambda developer guide, "Packaging your layer content"."""

_SHARED_LIBRARY = re.compile(r"\.so(\.\d+)*$")


@dataclass(frozen=True)
class UnpackedCode:
    """root: what goes on the import path. compiled: top-level modules to be taken from the environment instead."""

    root: Path
    compiled_modules: frozenset[str]


def unpack(code: bytes, folder: Path, packages: str = "") -> UnpackedCode:
    """Unpacks a zip file into `folder` unless that was done before; `packages` is the folder in it with the packages.

    A package that holds a shared library is left out as a whole: its Python files are of another version than the
    environment's library may be, and they are many.
    """
    root = folder / packages
    with zipfile.ZipFile(BytesIO(code)) as archive:
        names = archive.namelist()
        skipped = {_get_top_level(name, packages) for name in names if _SHARED_LIBRARY.search(name)}
        if not folder.is_dir():
            temporary = folder.with_suffix(f".{os.getpid()}")
            (temporary / packages).mkdir(parents=True)
            archive.extractall(temporary, [name for name in names if _get_top_level(name, packages) not in skipped])
            temporary.rename(folder)
    return UnpackedCode(root, frozenset(name.partition(".")[0] for name in skipped))


def _get_top_level(name: str, packages: str) -> str:
    return name.removeprefix(f"{packages}/" if packages else "").partition("/")[0]
