"""A function's archive or layer as the simulator unpacks it: what is compiled for another processor stays packed."""

from __future__ import annotations

import os
import re
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

LAYER_PACKAGES = "python"
"""Where a layer has its packages. Source: Lambda developer guide, "Packaging your layer content"."""

_COMPILED = re.compile(r"\.so(\.\d+)*$")


@dataclass(frozen=True)
class Code:
    """root: what goes on the import path. compiled: top-level modules to be taken from the environment instead."""

    root: Path
    compiled: frozenset[str]


def unpacked(code: bytes, folder: Path, packages: str = "") -> Code:
    """Unpacks a zip file into `folder` unless that was done before; `packages` is the folder in it with the packages.

    A package that holds a shared library is left out as a whole: its Python files are of another version than the
    environment's library may be, and they are many.
    """
    root = folder / packages
    with zipfile.ZipFile(BytesIO(code)) as archive:
        names = archive.namelist()
        left_out = {_top(name, packages) for name in names if _COMPILED.search(name)}
        if not folder.is_dir():
            fresh = folder.with_suffix(f".{os.getpid()}")
            (fresh / packages).mkdir(parents=True)
            archive.extractall(fresh, [name for name in names if _top(name, packages) not in left_out])
            fresh.rename(folder)
    return Code(root, frozenset(name.partition(".")[0] for name in left_out))


def _top(name: str, packages: str) -> str:
    return name.removeprefix(f"{packages}/" if packages else "").partition("/")[0]
