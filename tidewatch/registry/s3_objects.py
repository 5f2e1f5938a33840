"""S3 objects of the registry: their metadata and their content's digest."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tidewatch.aws.errors import get_error_code
from tidewatch.registry.errors import FileTooLarge, RegistryError, UploadInterrupted

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BLOCK_SIZE = 1 << 20
"""How many bytes are in memory while a file or an object is hashed."""

Progress = Callable[[str, int, int], None]
"""Called with the stage ("upload" or "verify"), the bytes done and the bytes in total."""


MAX_SMALL_FILE = 64 << 20
"""In bytes, for files that are read whole: manifest, card, reference. A thousand numeric features are some 40 MB."""


def ignore_progress(stage: str, done: int, total: int) -> None:
    """Does nothing, for callers without progress."""


@dataclass(frozen=True)
class ObjectLocation:
    """The location of one object."""

    s3: S3Client
    bucket: str
    key: str

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class ObjectMetadata:
    """The metadata of an object from HeadObject; None if unknown."""

    size: int
    """In bytes."""
    checksum: str | None
    etag: str | None
    version_id: str | None

    @property
    def sha256(self) -> str | None:
        """The content's digest that S3 computed, in hex. None if the upload had parts (`...-N`) or no SHA-256.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
        """
        if self.checksum is None or "-" in self.checksum:
            return None
        return base64.b64decode(self.checksum).hex()


def read_small_object(location: ObjectLocation) -> bytes:
    """Returns the content of a file other than the artifact. Raises FileTooLarge before reading it, and S3's errors."""
    answer = location.s3.get_object(Bucket=location.bucket, Key=location.key)
    if answer["ContentLength"] > MAX_SMALL_FILE:
        raise FileTooLarge(f"{location.url} has {answer['ContentLength']} bytes; at most {MAX_SMALL_FILE} are allowed")
    return answer["Body"].read()


def read_metadata(location: ObjectLocation) -> ObjectMetadata | None:
    """Returns the metadata of the object, or None if it does not exist."""
    try:
        answer = location.s3.head_object(Bucket=location.bucket, Key=location.key, ChecksumMode="ENABLED")
    except ClientError as error:
        if get_error_code(error) in {"404", "NoSuchKey", "NotFound"}:
            return None
        raise
    return ObjectMetadata(
        answer["ContentLength"], answer.get("ChecksumSHA256"), answer.get("ETag"), answer.get("VersionId")
    )  # fmt: skip


def hash_object(
    location: ObjectLocation, version_id: str | None, progress: Progress = ignore_progress
) -> tuple[str, int]:
    """Reads the object and returns its sha256 in hex and its size in bytes. It keeps one block in memory."""
    if version_id is None:
        answer = location.s3.get_object(Bucket=location.bucket, Key=location.key)
    else:
        answer = location.s3.get_object(Bucket=location.bucket, Key=location.key, VersionId=version_id)
    digest, size, total = hashlib.sha256(), 0, answer["ContentLength"]
    with answer["Body"] as body:
        while block := body.read(BLOCK_SIZE):
            digest.update(block)
            size += len(block)
            progress("verify", size, total)
    return digest.hexdigest(), size


def hash_file(path: Path) -> str:
    """Returns the sha256 of a file in hex."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def compute_content_sha256(
    location: ObjectLocation, stored: ObjectMetadata, expected: str, progress: Progress = ignore_progress
) -> str:
    """Returns the sha256 of the stored content in hex.

    If S3 reports the expected one, that is enough: S3 checked the bytes against it at the upload. Otherwise the object
    is read, because a checksum of another kind is no evidence of a change.
    """
    return expected if stored.sha256 == expected else hash_object(location, stored.version_id, progress)[0]


def encode_checksum(digest: bytes) -> str:
    """Returns a digest as S3's headers spell it."""
    return base64.b64encode(digest).decode()


@contextmanager
def translate_s3_errors(bucket: str, action: str, *, writing: bool = False) -> Generator[None]:
    """Turns errors of S3 and of the connection into sentences. `action` completes "could not ...".

    Raises UploadInterrupted for a broken connection while writing, RegistryError otherwise.
    """
    try:
        yield
    except ClientError as error:
        raise RegistryError(_format_error(bucket, action, get_error_code(error), str(error))) from error
    except BotoCoreError as error:
        if writing:
            raise UploadInterrupted(
                f"the connection to S3 broke, so tidewatch could not {action} ({error}). A version is visible only "
                "once its manifest is written: run the same command again to complete it, or to see that it exists"
            ) from error
        raise RegistryError(f"could not {action}: {error}") from error


def _format_error(bucket: str, action: str, code: str, message: str) -> str:
    if code == "NoSuchBucket":
        return f"could not {action}: the bucket {bucket} does not exist; deploy the stack first with `pulumi up`"
    if code in {"AccessDenied", "403", "Forbidden"}:
        return (
            f"could not {action}: S3 denies it in the bucket {bucket}; "
            f"use credentials that may read and publish there ({message})"
        )
    return f"could not {action}: {message}"
