"""Uploads files to S3, each key only once: conditional puts, checked digests, bounded memory.

boto3's upload_file does not support IfNoneMatch, so this module has its own multipart upload.
"""

from __future__ import annotations

import hashlib
import io
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Protocol, cast

from botocore.exceptions import BotoCoreError, ClientError

from tidewatch.aws.errors import get_error_code
from tidewatch.clock import get_clock
from tidewatch.registry.errors import DigestMismatch, UploadConflict
from tidewatch.registry.manifest import StoredFile
from tidewatch.registry.s3_objects import (
    BLOCK_SIZE,
    ObjectLocation,
    ObjectMetadata,
    Progress,
    encode_checksum,
    hash_object,
    ignore_progress,
    read_metadata,
)

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

MIB = 1 << 20
MAX_SINGLE_PUT = 64 * MIB
"""Up to this number of bytes a file is one put, whose SHA-256 S3 checks as a whole."""
MIN_PART_SIZE = 16 * MIB
MAX_PARTS = 10_000
MAX_CONCURRENT_PARTS = 4
MAX_ATTEMPTS = 6
"""How often a write is tried if S3 answers with 409, with pauses of 0.2 s to 3.2 s."""


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


class ObjectExists(Exception):
    """Another write came first: the key has an object."""


class FileSlice(io.RawIOBase):
    """A part of a file that botocore can send, and resend, without loading the part into memory."""

    def __init__(self, path: Path, offset: int, length: int) -> None:
        self._source = path.open("rb")
        self._offset, self._length, self._position = offset, length, 0
        self._source.seek(offset)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        self._position = max(0, min(base + offset, self._length))
        self._source.seek(self._offset + self._position)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        remaining = self._length - self._position
        block = self._source.read(remaining if size is None or size < 0 else min(size, remaining))
        self._position += len(block)
        return block

    def close(self) -> None:
        self._source.close()
        super().close()


def compute_part_size(size: int) -> int:
    """Returns the bytes per part, in whole MiB, so that `size` bytes are at most 10,000 parts, S3's limit.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
    """
    needed = -(-size // MAX_PARTS)
    return max(MIN_PART_SIZE, -(-needed // MIB) * MIB)


def put_bytes(
    location: ObjectLocation, content: bytes, content_type: str, metadata: Mapping[str, str] | None = None
) -> StoredFile:
    """Writes a new object whose digest S3 checks. Raises ObjectExists if the key has an object."""
    digest = hashlib.sha256(content)
    checksum = encode_checksum(digest.digest())
    for attempt in range(MAX_ATTEMPTS):
        try:
            answer = location.s3.put_object(
                Bucket=location.bucket, Key=location.key, Body=content, ContentType=content_type,
                ChecksumSHA256=checksum, IfNoneMatch="*", Metadata=metadata or {},
            )  # fmt: skip
        except ClientError as error:
            _raise_unless_retryable(error, location)
            _wait_before_retry(attempt)
            continue
        return StoredFile(
            sha256=digest.hexdigest(), size=len(content), checksum=answer.get("ChecksumSHA256", checksum),
            etag=answer.get("ETag"), version_id=answer.get("VersionId"),
        )  # fmt: skip
    raise _build_conflict(location)


def put_file(
    location: ObjectLocation, path: Path, content_type: str, progress: Progress = ignore_progress
) -> StoredFile:
    """Writes a file as a new object. Above 64 MiB it uploads parts, and reads the object back to hash it.

    Raises ObjectExists if the key has an object, UploadConflict if S3 answered 409 too often, DigestMismatch if the
    file changed meanwhile or S3 has different bytes.
    """
    size = path.stat().st_size
    if size > MAX_SINGLE_PUT:
        return _put_parts(location, path, size, content_type, progress)
    stored = put_bytes(location, path.read_bytes(), content_type)
    progress("upload", stored.size, stored.size)
    return stored


def _put_parts(location: ObjectLocation, path: Path, size: int, content_type: str, progress: Progress) -> StoredFile:
    for attempt in range(MAX_ATTEMPTS):
        if attempt and read_metadata(location) is not None:
            raise ObjectExists(location.url)
        upload = _MultipartUpload.create(location, path, size, content_type)
        try:
            sha256, parts = upload.send(progress)
            stored = upload.complete(parts)
        except BaseException as error:
            upload.abort()
            if not isinstance(error, ClientError):
                raise
            _raise_unless_retryable(error, location)
            _wait_before_retry(attempt)
            continue
        found, length = hash_object(location, stored.version_id, progress)
        if (found, length) != (sha256, size):
            raise DigestMismatch(
                f"S3 holds different bytes under {location.url} than were sent (sha256 {found}, sent {sha256}): "
                "publish under another version, and report it"
            )
        return StoredFile(
            sha256=sha256, size=size, checksum=stored.checksum, etag=stored.etag, version_id=stored.version_id
        )
    raise _build_conflict(location)


@dataclass(frozen=True)
class _MultipartUpload:
    location: ObjectLocation
    path: Path
    size: int
    upload_id: str

    @classmethod
    def create(cls, location: ObjectLocation, path: Path, size: int, content_type: str) -> _MultipartUpload:
        answer = location.s3.create_multipart_upload(
            Bucket=location.bucket, Key=location.key, ContentType=content_type, ChecksumAlgorithm="SHA256"
        )
        return cls(location, path, size, answer["UploadId"])

    def send(self, progress: Progress) -> tuple[str, list[CompletedPartTypeDef]]:
        """Returns the sha256 of the whole file, and the parts. A part is hashed while earlier ones are sent."""
        file_digest, chunk_size = hashlib.sha256(), compute_part_size(self.size)
        completed: list[CompletedPartTypeDef] = []
        pending: deque[Future[CompletedPartTypeDef]] = deque()

        def collect_part() -> None:
            completed.append(pending.popleft().result())
            progress("upload", min(len(completed) * chunk_size, self.size), self.size)

        with ThreadPoolExecutor(MAX_CONCURRENT_PARTS) as pool, self.path.open("rb") as source:
            try:
                for number, offset in enumerate(range(0, self.size, chunk_size), start=1):
                    length = min(chunk_size, self.size - offset)
                    checksum = _hash_part(source, length, file_digest, self.path)
                    if len(pending) == MAX_CONCURRENT_PARTS:
                        collect_part()
                    pending.append(pool.submit(self._send_part, number, offset, length, checksum))
                while pending:
                    collect_part()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return file_digest.hexdigest(), completed

    def _send_part(self, number: int, offset: int, length: int, checksum: str) -> CompletedPartTypeDef:
        with FileSlice(self.path, offset, length) as body:
            answer = self.location.s3.upload_part(
                Bucket=self.location.bucket, Key=self.location.key, UploadId=self.upload_id, PartNumber=number,
                Body=cast("IO[bytes]", body), ContentLength=length, ChecksumSHA256=checksum,
            )  # fmt: skip
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}

    def complete(self, parts: list[CompletedPartTypeDef]) -> ObjectMetadata:
        self.location.s3.complete_multipart_upload(
            Bucket=self.location.bucket, Key=self.location.key, UploadId=self.upload_id,
            MultipartUpload={"Parts": parts}, IfNoneMatch="*",
        )  # fmt: skip
        stored = read_metadata(self.location)
        if stored is None:
            raise _build_conflict(self.location)
        return stored

    def abort(self) -> None:
        """Frees the storage of the parts. If that fails, the bucket's lifecycle rule does it later."""
        with suppress(ClientError, BotoCoreError):
            self.location.s3.abort_multipart_upload(
                Bucket=self.location.bucket, Key=self.location.key, UploadId=self.upload_id
            )


def _hash_part(source: BinaryIO, length: int, file_digest: _Digest, path: Path) -> str:
    part, remaining = hashlib.sha256(), length
    while remaining:
        block = source.read(min(BLOCK_SIZE, remaining))
        if not block:
            raise DigestMismatch(f"{path} became shorter while it was being published: publish it again")
        part.update(block)
        file_digest.update(block)
        remaining -= len(block)
    return encode_checksum(part.digest())


def _raise_unless_retryable(error: ClientError, location: ObjectLocation) -> None:
    """Returns if a retry is right. Otherwise raises ObjectExists, DigestMismatch or the error itself.

    412 means that the key has an object. 409 means that another conditional write or a delete of it is running; S3 asks
    for a retry, of a multipart upload from its start. NoSuchUpload means that a response was lost and the upload has
    ended. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    code = get_error_code(error)
    if code in {"PreconditionFailed", "412"}:
        raise ObjectExists(location.url) from error
    if code in {"BadDigest", "XAmzContentChecksumMismatch"}:
        raise DigestMismatch(
            f"the bytes that reached {location.url} are not those that were sent: "
            "the file changed while it was being published, or the network damaged it; publish it again"
        ) from error
    if code not in {"ConditionalRequestConflict", "409", "NoSuchUpload"}:
        raise error


def _wait_before_retry(attempt: int) -> None:
    if attempt + 1 < MAX_ATTEMPTS:
        get_clock().sleep(0.1 * 2 ** (attempt + 1))


def _build_conflict(location: ObjectLocation) -> UploadConflict:
    return UploadConflict(
        f"S3 answered {MAX_ATTEMPTS} times that another request is writing {location.url}: find out who else "
        "publishes this version, then publish again"
    )
