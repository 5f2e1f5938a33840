"""Checks every member of a model.tar.gz before anything is unpacked.

SageMaker unpacks the archive on the host of the model server, with a tool of its choice. So every path in the archive
must mean the same place to every tool. The archive is treated as hostile: both the bytes read at once and the unpacked
bytes are bounded. Source: Python's documentation, "tarfile", "Extraction filters"; POSIX, "pax".
"""

from __future__ import annotations

import gzip
import io
import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tidewatch.registry.errors import InvalidArchive

MAX_MEMBERS = 100_000
MAX_HEADER_BYTES = 1 << 20
"""The limit for the bytes that describe one member, such as a long name."""
MAX_UNPACK_RATIO, FREE_UNPACKED_BYTES = 200, 1 << 30
"""How many bytes one packed byte may become, in addition to one GiB. Weights shrink to a tenth at best."""
_BLOCK_SIZE = 1 << 20
_TRAILER = 16
"""How many zeros at the end are kept: more than a gzip stream may end with, which has its last code, checksum and size
there (RFC 1952)."""


def read_members(path: Path) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Yields the members of a gzipped tar one by one, each with the archive, which can then read only that member.

    Raises InvalidArchive for the first forbidden member, and errors of tarfile and gzip for other files.
    """
    max_unpacked = path.stat().st_size * MAX_UNPACK_RATIO + FREE_UNPACKED_BYTES
    with path.open("rb") as packed, gzip.open(_TrimmedFile(packed), "rb") as unpacked:
        stream = _ForwardStream(unpacked)
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            contents = _ArchiveContents(path)
            for number, member in enumerate(archive, start=1):
                if number > MAX_MEMBERS:
                    raise InvalidArchive(f"{path} holds more than {MAX_MEMBERS} members: pack fewer, larger files")
                contents.add(member)
                if member.offset_data + member.size > max_unpacked:
                    raise InvalidArchive(
                        f"{path} would unpack to more than {MAX_UNPACK_RATIO} times its size at {member.name}, "
                        "unlike any model: pack its files again"
                    )
                yield archive, member
            contents.require_resolved_links()
            if not stream.is_at_end(max_unpacked):
                raise InvalidArchive(f"{path} has data after its end: pack the model's files into one archive")


@dataclass
class _ArchiveContents:
    """The members of an archive so far, by normalized names."""

    archive: Path
    files: set[str] = field(default_factory=set[str])
    folders: set[str] = field(default_factory=set[str])
    links: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, member: tarfile.TarInfo) -> None:
        """Adds a member. Raises InvalidArchive if it is not allowed."""
        name = self._normalize_name(member)
        self._require_real_parents(name, member)
        if member.isdir():
            if name in self.files or name in self.links:
                raise self._build_error(member, "which is also a file in it: pack each path once")
            self.folders.add(name)
            return
        if name in self.files or name in self.links or name in self.folders:
            raise self._build_error(member, "a second time: pack each path once")
        if member.issym():
            self.links[name] = self._resolve_link(name, member)
        elif member.islnk():
            if str(PurePosixPath(member.linkname)) not in self.files:
                raise self._build_error(
                    member, f"a hard link to {member.linkname!r}, which is not an earlier file: pack the file itself"
                )
            self.files.add(name)
        elif member.isreg() and not member.issparse():
            self.files.add(name)
        else:
            raise self._build_error(member, "which is not a file, a folder or a link: leave it out")

    def require_resolved_links(self) -> None:
        """Raises InvalidArchive if a symbolic link leads to anything but a file of the archive."""
        for name, target in self.links.items():
            if target not in self.files:
                raise InvalidArchive(
                    f"{self.archive} holds {name}, a link to {target}, which is not a file in it: pack the file itself"
                )

    def _normalize_name(self, member: tarfile.TarInfo) -> str:
        path = PurePosixPath(member.name)
        if not member.name.isprintable():
            raise self._build_error(member, "a name that is not text: rename it")
        if path.is_absolute() or ".." in path.parts:
            raise self._build_error(member, "which lies outside of it: pack it with relative paths")
        if not path.parts and not member.isdir():
            raise self._build_error(member, "a name that is empty: rename it")
        if member.name.rpartition("/")[2] in ("", ".") and not member.isdir():
            raise self._build_error(member, "a file by the name of a folder: rename it")
        return str(path)

    def _require_real_parents(self, name: str, member: tarfile.TarInfo) -> None:
        for parent in PurePosixPath(name).parents:
            if str(parent) in self.links:
                raise self._build_error(member, f"which leads through the link {parent}: pack it where it belongs")
            if str(parent) in self.files:
                raise self._build_error(member, f"which lies in the file {parent}: pack each path once")
            if parent.parts:
                self.folders.add(str(parent))

    def _resolve_link(self, name: str, member: tarfile.TarInfo) -> str:
        """Returns the target of a symbolic link.

        Links lead only to files, so the target does not depend on other links.
        """
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
        if posixpath.isabs(member.linkname) or target == ".." or target.startswith("../"):
            raise self._build_error(member, f"a link to {member.linkname!r} outside of it: pack the file itself")
        return target

    def _build_error(self, member: tarfile.TarInfo, reason: str) -> InvalidArchive:
        name = member.name if member.name.isprintable() else ascii(member.name)
        return InvalidArchive(f"{self.archive} holds {name}, {reason}")


class _TrimmedFile:
    """The methods of a file that gzip uses, without most zeros at the end, which gzip would read one at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._end = file, _find_end(file)

    def seek(self, offset: int) -> int:
        return self._file.seek(offset)

    def read(self, size: int) -> bytes:
        return self._file.read(max(min(size, self._end - self._file.tell()), 0))


def _find_end(file: BinaryIO) -> int:
    """Returns where a file ends without its final zeros, except those that may belong to the stream."""
    size = end = file.seek(0, io.SEEK_END)
    while end:
        begin = max(end - _BLOCK_SIZE, 0)
        file.seek(begin)
        content = file.read(end - begin).rstrip(b"\0")
        if content:
            end = begin + len(content)
            break
        end = begin
    file.seek(0)
    return min(end + _TRAILER, size)


class _ForwardStream(io.RawIOBase):
    """An unpacked stream that is read forward in small steps: a header sets the distance and may be wrong."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream
        self._last = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < self._stream.tell():
            raise tarfile.ReadError("a member lies before the one before it")
        return self._stream.seek(offset)

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"the header of a member is larger than {MAX_HEADER_BYTES} bytes")
        self._last = self._stream.read(size)
        return self._last

    def is_at_end(self, limit: int) -> bool:
        """Whether only zeros follow, and the last block that was read has only zeros."""
        if self._last.strip(b"\0"):
            return False
        while block := self._stream.read(_BLOCK_SIZE):
            if block.strip(b"\0") or self._stream.tell() > limit:
                return False
        return True
