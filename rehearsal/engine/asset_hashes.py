"""Compares assets and archives by the hash of their content, without path, time or mode."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rehearsal.engine.results import EngineError
from rehearsal.engine.serialization import ARCHIVE, ASSETS, SIGNATURE, PropertyMap

_BLOCK, _NAME, _PREFIX = 512, 100, 155
"""Bytes of a tar block, and of its two fields for a file's name."""


class AssetHasher:
    """Adds the hash of its content, as the CLI computes it, to every asset in a property map.

    It reads each path once in a run. Source: pulumi/pulumi, sdk/go/common/resource, asset/asset.go and
    archive/archive.go, `EnsureHashWithWD`: the SHA-256 of the bytes; for an archive that is not a file, of the tar with
    its members.
    """

    def __init__(self) -> None:
        self._hashes_by_path: dict[str, str] = {}

    def hash_assets(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.hash_assets(v) for v in value]
        if not isinstance(value, dict):
            return value
        value = {k: self.hash_assets(v) for k, v in value.items()}
        if value.get(SIGNATURE) in ASSETS:
            value["hash"] = self._hash_asset(value)
        return value

    def _hash_asset(self, asset: PropertyMap) -> str:
        if "path" in asset:
            key = str(Path(asset["path"]).resolve())
            if key not in self._hashes_by_path:
                self._hashes_by_path[key] = _hash_chunks(_iter_content(asset))
            return self._hashes_by_path[key]
        return _hash_chunks(_iter_content(asset))


def to_comparable(value: Any) -> Any:
    """The value with each asset replaced by its hash, so that equal content at different paths is equal."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) in ASSETS and "hash" in value:
            return f"sha256:{value['hash']}"
        return {k: to_comparable(v) for k, v in value.items()}
    return [to_comparable(v) for v in value] if isinstance(value, list) else value


def _iter_content(asset: PropertyMap) -> Iterator[bytes]:
    """The bytes of an asset; for an archive that is not a file, the bytes of its tar."""
    if "text" in asset:
        yield asset["text"].encode()
    elif "path" in asset and (path := _require_path(asset["path"])).is_file():
        yield path.read_bytes()
    else:
        for name, content in _iter_members(asset):
            yield _build_tar_header(name, len(content)) + content + bytes(-len(content) % _BLOCK)
        yield bytes(2 * _BLOCK)


def _iter_members(archive: PropertyMap) -> Iterator[tuple[str, bytes]]:
    """The files of an archive with their names in it, in their order."""
    if "path" in archive:
        folder = Path(archive["path"])
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            yield file.relative_to(folder).as_posix(), file.read_bytes()
    elif "assets" in archive:
        for name, member in sorted(archive["assets"].items()):
            if member[SIGNATURE] == ARCHIVE:
                yield from ((f"{name}/{inner_name}", content) for inner_name, content in _iter_members(member))
            else:
                yield name, b"".join(_iter_content(member))
    else:
        raise EngineError("the rehearsal's engine has no assets from a URI: give a path or the text")


def _require_path(name: str) -> Path:
    path = Path(name)
    if not path.exists():
        raise EngineError(
            f"{path} does not exist, seen from {Path.cwd()}: name a file or folder under the program's root"
        )
    return path


def _build_tar_header(name: str, size: int) -> bytes:
    """A file's tar header as Go's archive/tar writes it: USTAR, without owner and time, mode 0600."""
    prefix = name[: _PREFIX + 1].rpartition("/")[0] if len(name.encode()) > _NAME else ""
    base_name = name[len(prefix) + 1 :] if prefix else name
    fields = [
        base_name.encode().ljust(_NAME, b"\0"), *(_encode_octal(value, 8) for value in (0o600, 0, 0)),
        _encode_octal(size, 12),
        _encode_octal(0, 12), b" " * 8, b"0", bytes(100), b"ustar\00000", bytes(64),
        _encode_octal(0, 8), _encode_octal(0, 8),
        prefix.encode().ljust(_PREFIX, b"\0"), bytes(12),
    ]  # fmt: skip
    header = b"".join(fields)
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


def _encode_octal(value: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, value)


def _hash_chunks(chunks: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
