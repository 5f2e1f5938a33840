"""Opens sources of captured bytes: files, folders of files, objects in S3."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tidewatch.capture.capture_keys import CAPTURE_SUFFIXES
from tidewatch.capture.line_reader import Stream

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class SourceMissing(Exception):
    """A path that does not exist, or a folder without capture files."""


def open_file(path: Path | str) -> IO[bytes]:
    """Opens the file as bytes, unbuffered because it is read in blocks. Raises OSError."""
    return Path(path).open("rb", buffering=0)


def list_capture_files(paths: Iterable[Path | str]) -> tuple[Path, ...]:
    """Returns every path that is a file, whatever its name, and the .jsonl and .jsonl.gz files under every folder.

    They are sorted within a folder and each is returned once. Raises SourceMissing.
    """
    found: dict[Path, Path] = {}
    for path in map(Path, paths):
        for file in _list_files(path):
            found.setdefault(file.resolve(), file)
    return tuple(found.values())


def _list_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise SourceMissing(f"{path} is neither a file nor a folder; name capture files, or a folder of them")
    files = sorted(file for file in path.rglob("*") if file.name.endswith(CAPTURE_SUFFIXES) and file.is_file())
    if not files:
        raise SourceMissing(f"no file under {path} ends in {' or '.join(CAPTURE_SUFFIXES)}; name the files themselves")
    return files


def open_object(s3: S3Client, bucket: str, key: str) -> Stream:
    """Returns the object's body as a stream of bytes. Raises what the client raises."""
    return s3.get_object(Bucket=bucket, Key=key)["Body"]
