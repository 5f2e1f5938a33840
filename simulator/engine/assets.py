"""Assets and archives by the hash of their content: not by path, time or mode."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.engine.report import Refused
from simulator.engine.wire import ASSETS, SIGNATURE, Wire


class Hashes:
    """Adds to every asset in a bag the hash of its content. A path is read once in a run."""

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
        if "text" in asset:
            return hashlib.sha256(asset["text"].encode()).hexdigest()
        if "assets" in asset:
            members = ((name, member["hash"]) for name, member in sorted(asset["assets"].items()))
            return _digest(f"{name}\0{digest}\0".encode() for name, digest in members)
        if "path" in asset:
            return self._path(asset["path"])
        raise Refused("the rehearsal's engine has no assets from a URI: give a path or the text")

    def _path(self, path: str) -> str:
        key = str(Path(path).resolve())
        if key not in self._of_path:
            self._of_path[key] = _digest(_content(Path(path)))
        return self._of_path[key]


def comparable(value: Any) -> Any:
    """The value with each asset as its hash, so that equal content is equal wherever it lies."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) in ASSETS and "hash" in value:
            return f"sha256:{value['hash']}"
        return {k: comparable(v) for k, v in value.items()}
    return [comparable(v) for v in value] if isinstance(value, list) else value


def _content(path: Path) -> Iterator[bytes]:
    if not path.exists():
        raise Refused(f"{path} does not exist, seen from {Path.cwd()}: name a file or folder under the program's root")
    if path.is_file():
        yield path.read_bytes()
        return
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        yield file.relative_to(path).as_posix().encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest()


def _digest(parts: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
