"""Assets and archives by the hash of their content: not by path, time or mode."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.engine.report import Refused
from simulator.engine.wire import ARCHIVE, ASSETS, SIGNATURE, Wire

_BLOCK, _NAME, _PREFIX = 512, 100, 155
"""Bytes of a tar's block, and of its two fields that hold a file's name."""


class Hashes:
    """Adds to every asset in a bag the hash of its content, as the CLI has it. A path is read once in a run.

    Source: pulumi/pulumi, sdk/go/common/resource, asset/asset.go and archive/archive.go, `EnsureHashWithWD`: the
    SHA-256 of the bytes; of an archive that is none yet, of the tar that holds its members.
    """

    def __init__(self) -> None:
        self._of_path: dict[str, str] = {}

    def added(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.added(v) for v in value]
        if not isinstance(value, dict):
            return value
        value = {k: self.added(v) for k, v in value.items()}
        if value.get(SIGNATURE) in ASSETS:
            value["hash"] = self._hash(value)
        return value

    def _hash(self, asset: Wire) -> str:
        if "path" in asset:
            key = str(Path(asset["path"]).resolve())
            if key not in self._of_path:
                self._of_path[key] = _digest(_content(asset))
            return self._of_path[key]
        return _digest(_content(asset))


def comparable(value: Any) -> Any:
    """The value with each asset as its hash, so that equal content is equal wherever it lies."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) in ASSETS and "hash" in value:
            return f"sha256:{value['hash']}"
        return {k: comparable(v) for k, v in value.items()}
    return [comparable(v) for v in value] if isinstance(value, list) else value


def _content(asset: Wire) -> Iterator[bytes]:
    """The bytes of an asset; of an archive that is no file, those of its tar."""
    if "text" in asset:
        yield asset["text"].encode()
    elif "path" in asset and (path := _found(asset["path"])).is_file():
        yield path.read_bytes()
    else:
        for name, content in _members(asset):
            yield _header(name, len(content)) + content + bytes(-len(content) % _BLOCK)
        yield bytes(2 * _BLOCK)


def _members(archive: Wire) -> Iterator[tuple[str, bytes]]:
    """The files of an archive by their names in it, in their order."""
    if "path" in archive:
        folder = Path(archive["path"])
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            yield file.relative_to(folder).as_posix(), file.read_bytes()
    elif "assets" in archive:
        for name, member in sorted(archive["assets"].items()):
            if member[SIGNATURE] == ARCHIVE:
                yield from ((f"{name}/{inside}", content) for inside, content in _members(member))
            else:
                yield name, b"".join(_content(member))
    else:
        raise Refused("the rehearsal's engine has no assets from a URI: give a path or the text")


def _found(name: str) -> Path:
    path = Path(name)
    if not path.exists():
        raise Refused(f"{path} does not exist, seen from {Path.cwd()}: name a file or folder under the program's root")
    return path


def _header(name: str, size: int) -> bytes:
    """A file's header in a tar as Go's archive/tar writes it: USTAR, of nobody and no time, mode 0600."""
    prefix = name[: _PREFIX + 1].rpartition("/")[0] if len(name.encode()) > _NAME else ""
    placed = name[len(prefix) + 1 :] if prefix else name
    fields = [
        placed.encode().ljust(_NAME, b"\0"), *(_octal(value, 8) for value in (0o600, 0, 0)), _octal(size, 12),
        _octal(0, 12), b" " * 8, b"0", bytes(100), b"ustar\00000", bytes(64), _octal(0, 8), _octal(0, 8),
        prefix.encode().ljust(_PREFIX, b"\0"), bytes(12),
    ]  # fmt: skip
    whole = b"".join(fields)
    return whole[:148] + b"%06o\0 " % sum(whole) + whole[156:]


def _octal(value: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, value)


def _digest(parts: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
