"""Files into S3, each key written once and only once: conditional puts, digests checked, memory bounded.

boto3's own upload_file takes no IfNoneMatch, hence the multipart upload here.
"""

from __future__ import annotations

import hashlib
import io
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Protocol, cast

from botocore.exceptions import BotoCoreError, ClientError

from tidewatch.clock import current
from tidewatch.items import error_code
from tidewatch.registry.errors import DigestMismatch, UploadConflict
from tidewatch.registry.manifest import StoredFile
from tidewatch.registry.objects import BLOCK, Progress, Stored, Target, base64_sha256, hash_object, head, silent

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

MIB = 1 << 20
SINGLE_PUT = 64 * MIB
"""Up to this many bytes a file is one put, whose SHA-256 S3 checks as a whole."""
PART = 16 * MIB
MAX_PARTS = 10_000
PARTS_AT_ONCE = 4
ATTEMPTS = 6
"""How often a write is tried that S3 answers with 409, with 0.2 s to 3.2 s between."""


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


class KeyTaken(Exception):
    """Another write came first: the key holds an object."""


class Slice(io.RawIOBase):
    """A part of a file that botocore can send, and send again, without the part ever being in memory."""

    def __init__(self, path: Path, offset: int, length: int) -> None:
        self._source = path.open("rb")
        self._offset, self._length, self._at = offset, length, 0
        self._source.seek(offset)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = max(0, min(base + offset, self._length))
        self._source.seek(self._offset + self._at)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        left = self._length - self._at
        block = self._source.read(left if size is None or size < 0 else min(size, left))
        self._at += len(block)
        return block

    def close(self) -> None:
        self._source.close()
        super().close()


def part_size(size: int) -> int:
    """Bytes a part, in whole MiB, so that `size` bytes are at most 10,000 parts, S3's limit.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
    """
    needed = -(-size // MAX_PARTS)
    return max(PART, -(-needed // MIB) * MIB)


def put_bytes(target: Target, content: bytes, content_type: str) -> StoredFile:
    """Writes a new object. S3 checks the digest; KeyTaken where the key holds one already."""
    digest = hashlib.sha256(content)
    checksum = base64_sha256(digest.digest())
    for attempt in range(ATTEMPTS):
        try:
            answer = target.s3.put_object(
                Bucket=target.bucket, Key=target.key, Body=content, ContentType=content_type,
                ChecksumSHA256=checksum, IfNoneMatch="*",
            )  # fmt: skip
        except ClientError as error:
            _taken_or_conflict(error, target)
            _pause(attempt)
            continue
        return StoredFile(
            sha256=digest.hexdigest(), size=len(content), checksum=answer.get("ChecksumSHA256", checksum),
            etag=answer.get("ETag"), version_id=answer.get("VersionId"),
        )  # fmt: skip
    raise _conflict(target)


def put_file(target: Target, path: Path, content_type: str, progress: Progress = silent) -> StoredFile:
    """Writes a file as a new object, in parts above 64 MiB, which are then read back and hashed.

    Raises KeyTaken where the key holds an object already, UploadConflict where S3 answered 409 too often,
    DigestMismatch where the file changed meanwhile or S3 holds other bytes.
    """
    size = path.stat().st_size
    if size > SINGLE_PUT:
        return _put_parts(target, path, size, content_type, progress)
    stored = put_bytes(target, path.read_bytes(), content_type)
    progress("upload", stored.size, stored.size)
    return stored


def _put_parts(target: Target, path: Path, size: int, content_type: str, progress: Progress) -> StoredFile:
    for attempt in range(ATTEMPTS):
        if attempt and head(target) is not None:
            raise KeyTaken(target.url)
        upload = _Multipart.begin(target, path, size, content_type)
        try:
            sha256, parts = upload.send(progress)
            stored = upload.complete(parts)
        except BaseException as error:
            upload.abort()
            if not isinstance(error, ClientError):
                raise
            _taken_or_conflict(error, target)
            _pause(attempt)
            continue
        found, length = hash_object(target, stored.version_id, progress)
        if (found, length) != (sha256, size):
            raise DigestMismatch(
                f"S3 holds other bytes under {target.url} than were sent (sha256 {found}, sent {sha256}): "
                "publish under another version, and report it"
            )
        return StoredFile(
            sha256=sha256, size=size, checksum=stored.checksum, etag=stored.etag, version_id=stored.version_id
        )
    raise _conflict(target)


@dataclass(frozen=True)
class _Multipart:
    target: Target
    path: Path
    size: int
    upload_id: str

    @classmethod
    def begin(cls, target: Target, path: Path, size: int, content_type: str) -> _Multipart:
        answer = target.s3.create_multipart_upload(
            Bucket=target.bucket, Key=target.key, ContentType=content_type, ChecksumAlgorithm="SHA256"
        )
        return cls(target, path, size, answer["UploadId"])

    def send(self, progress: Progress) -> tuple[str, list[CompletedPartTypeDef]]:
        """The sha256 of the whole file, and the parts. A part is hashed while those before it are on their way."""
        whole, step = hashlib.sha256(), part_size(self.size)
        sent: list[CompletedPartTypeDef] = []
        on_their_way: deque[Future[CompletedPartTypeDef]] = deque()

        def settle() -> None:
            sent.append(on_their_way.popleft().result())
            progress("upload", min(len(sent) * step, self.size), self.size)

        with ThreadPoolExecutor(PARTS_AT_ONCE) as pool, self.path.open("rb") as source:
            try:
                for number, offset in enumerate(range(0, self.size, step), start=1):
                    length = min(step, self.size - offset)
                    checksum = _hash_part(source, length, whole, self.path)
                    if len(on_their_way) == PARTS_AT_ONCE:
                        settle()
                    on_their_way.append(pool.submit(self._send_part, number, offset, length, checksum))
                while on_their_way:
                    settle()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return whole.hexdigest(), sent

    def _send_part(self, number: int, offset: int, length: int, checksum: str) -> CompletedPartTypeDef:
        with Slice(self.path, offset, length) as body:
            answer = self.target.s3.upload_part(
                Bucket=self.target.bucket, Key=self.target.key, UploadId=self.upload_id, PartNumber=number,
                Body=cast("IO[bytes]", body), ContentLength=length, ChecksumSHA256=checksum,
            )  # fmt: skip
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}

    def complete(self, parts: list[CompletedPartTypeDef]) -> Stored:
        self.target.s3.complete_multipart_upload(
            Bucket=self.target.bucket, Key=self.target.key, UploadId=self.upload_id,
            MultipartUpload={"Parts": parts}, IfNoneMatch="*",
        )  # fmt: skip
        stored = head(self.target)
        if stored is None:
            raise _conflict(self.target)
        return stored

    def abort(self) -> None:
        """Frees what the parts take up. Where even that fails, the bucket's lifecycle rule does it later."""
        with suppress(ClientError, BotoCoreError):
            self.target.s3.abort_multipart_upload(
                Bucket=self.target.bucket, Key=self.target.key, UploadId=self.upload_id
            )


def _hash_part(source: BinaryIO, length: int, whole: _Digest, path: Path) -> str:
    part, left = hashlib.sha256(), length
    while left:
        block = source.read(min(BLOCK, left))
        if not block:
            raise DigestMismatch(f"{path} became shorter while it was being published: publish it again")
        part.update(block)
        whole.update(block)
        left -= len(block)
    return base64_sha256(part.digest())


def _taken_or_conflict(error: ClientError, target: Target) -> None:
    """Returns where trying again is right; raises KeyTaken, DigestMismatch or the error itself otherwise.

    412: the key holds an object. 409: another conditional write of it is under way, or a delete; S3 asks to try
    again, a multipart upload from its start. NoSuchUpload: an answer was lost and the upload ended meanwhile.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    code = error_code(error)
    if code in {"PreconditionFailed", "412"}:
        raise KeyTaken(target.url) from error
    if code in {"BadDigest", "XAmzContentChecksumMismatch"}:
        raise DigestMismatch(
            f"the bytes that reached {target.url} are not those that were sent: "
            "the file changed while it was being published, or the network damaged it; publish it again"
        ) from error
    if code not in {"ConditionalRequestConflict", "409", "NoSuchUpload"}:
        raise error


def _pause(attempt: int) -> None:
    if attempt + 1 < ATTEMPTS:
        current().sleep(0.1 * 2 ** (attempt + 1))


def _conflict(target: Target) -> UploadConflict:
    return UploadConflict(
        f"S3 answered {ATTEMPTS} times that another request is writing {target.url}: "
        "see who else publishes this version, then publish again"
    )
