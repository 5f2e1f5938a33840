"""Unpacks a function's archive or layer, except packages that are compiled for another processor."""

from __future__ import annotations

import os
import re
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

LAYER_PACKAGE_DIR = "python"
"""The folder of packages in a layer. Source: Lambda developer guide, "Packaging your layer content"."""

_SHARED_LIBRARY = re.compile(r"\.so(\.\d+)*$")


@dataclass(frozen=True)
class UnpackedCode:
    """An unpacked archive or layer."""

    root: Path
    """The folder for the import path."""
    compiled_modules: frozenset[str]
    """Top-level modules that must come from the environment instead."""


def unpack(code: bytes, folder: Path, packages: str = "") -> UnpackedCode:
    """Unpacks a zip file into `folder` unless that was done before.

    `packages` is the folder in the zip file with the packages. A package that contains a shared library is left out
    completely: its many Python files may have another version than the environment's library.
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
