"""Assets and archives as bytes: equal content gives equal bytes, wherever and whenever it was packed."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

from pulumi import AssetArchive, FileArchive, FileAsset, StringAsset

from rehearsal.engine.providers.properties import Unsupported

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time in a zip file."""


def read_asset(asset: Any) -> bytes:
    """An asset's bytes."""
    if isinstance(asset, StringAsset):
        return asset.text.encode()
    if isinstance(asset, FileAsset):
        return Path(asset.path).read_bytes()
    raise Unsupported(f"the simulator reads files and strings as assets, not {type(asset).__name__}")


def build_zip(archive: Any) -> bytes:
    """An archive's zip file. A FileArchive that is already a file is used as it is."""
    if isinstance(archive, FileArchive) and Path(archive.path).is_file():
        return Path(archive.path).read_bytes()
    if isinstance(archive, FileAsset | StringAsset):
        return read_asset(archive)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive_file:
        for name, data in sorted(_collect_files(archive, "").items()):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive_file.writestr(info, data, compresslevel=1)
    return buffer.getvalue()


def _collect_files(node: Any, prefix: str) -> dict[str, bytes]:
    if isinstance(node, AssetArchive):
        found: dict[str, bytes] = {}
        for name, child in node.assets.items():
            found |= _collect_files(child, f"{prefix}/{name}" if prefix else name)
        return found
    if isinstance(node, FileArchive):
        return _read_files(Path(node.path), prefix)
    return {prefix: read_asset(node)}


def _read_files(path: Path, prefix: str) -> dict[str, bytes]:
    if path.is_file():
        with zipfile.ZipFile(path) as archive_file:
            contents = {name: archive_file.read(name) for name in archive_file.namelist() if not name.endswith("/")}
    elif path.is_dir():
        contents = {p.relative_to(path).as_posix(): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}
    else:
        raise FileNotFoundError(f"{path} does not exist, seen from {Path.cwd()}")
    return {f"{prefix}/{name}" if prefix else name: data for name, data in contents.items()}


def hash_code(data: bytes) -> str:
    """The base64 SHA-256 that Lambda reports as CodeSha256."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
