"""Assets and archives as bytes: equal content gives equal bytes, wherever and whenever it was packed."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

from pulumi import AssetArchive, FileArchive, FileAsset, StringAsset

from simulator.provider.values import Unsupported

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip file can hold."""


def content(asset: Any) -> bytes:
    """An asset's bytes."""
    if isinstance(asset, StringAsset):
        return asset.text.encode()
    if isinstance(asset, FileAsset):
        return Path(asset.path).read_bytes()
    raise Unsupported(f"the simulator reads files and strings as assets, not {type(asset).__name__}")


def zipped(archive: Any) -> bytes:
    """An archive's zip file. A FileArchive that is a file already is taken as it is."""
    if isinstance(archive, FileArchive) and Path(archive.path).is_file():
        return Path(archive.path).read_bytes()
    if isinstance(archive, FileAsset | StringAsset):
        return content(archive)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, data in sorted(_files(archive, "").items()):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            packed.writestr(info, data, compresslevel=1)
    return buffer.getvalue()


def _files(node: Any, at: str) -> dict[str, bytes]:
    if isinstance(node, AssetArchive):
        found: dict[str, bytes] = {}
        for name, child in node.assets.items():
            found |= _files(child, f"{at}/{name}" if at else name)
        return found
    if isinstance(node, FileArchive):
        return _unpacked(Path(node.path), at)
    return {at: content(node)}


def _unpacked(path: Path, at: str) -> dict[str, bytes]:
    if path.is_file():
        with zipfile.ZipFile(path) as packed:
            inner = {name: packed.read(name) for name in packed.namelist() if not name.endswith("/")}
    elif path.is_dir():
        inner = {p.relative_to(path).as_posix(): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}
    else:
        raise FileNotFoundError(f"{path} does not exist, seen from {Path.cwd()}")
    return {f"{at}/{name}" if at else name: data for name, data in inner.items()}


def code_hash(data: bytes) -> str:
    """The base64 SHA-256 that Lambda reports as CodeSha256."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
