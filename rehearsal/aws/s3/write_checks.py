"""S3's checks of a write in addition to its body: preconditions, and the digest of the sent bytes.

moto requires a digest for an object lock only with the header `x-amz-sdk-checksum-algorithm`, verifies none, and lets a
conditional copy overwrite. Source: S3 API reference, PutObject, CopyObject, UploadPart and CompleteMultipartUpload;
user guide, "Add preconditions to S3 operations with conditional requests", "Enforce conditional writes on Amazon S3
buckets", "Checking object integrity for data uploads".
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from moto.s3.exceptions import MissingKey, PreconditionFailed, S3ClientError
from moto.s3.models import FakeKey
from moto.s3.responses import S3Response
from moto.s3.utils import compute_checksum

from rehearsal.aws.account import current_account

ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
_TRAILER = re.compile(rb"x-amz-checksum-(\w+):([A-Za-z0-9+/]+=*)")
_CONDITION_KEYS = ("s3:if-none-match", "s3:if-match")


class S3RequestError(S3ClientError):
    """An error of S3 that moto lacks, with its HTTP status."""

    status = 400


class ConditionalRequestConflict(S3RequestError):
    """Two conditional writes of one key collided."""

    status = 409
    code = "ConditionalRequestConflict"
    message = "The conditional request cannot succeed due to a conflicting operation against this resource."


class NotImplementedByS3(S3RequestError):
    """A header that the operation does not support."""

    status = 501
    code = "NotImplemented"
    message = "A header you provided implies functionality that is not implemented"


class BadDigest(S3RequestError):
    """The received bytes differ from the sent ones."""

    code = "BadDigest"


class InvalidDigest(S3RequestError):
    """A Content-MD5 that is not valid."""

    code = "InvalidDigest"
    message = "The Content-MD5 you specified is not valid."


def install() -> None:
    """Patches moto's S3 with preconditions and digests."""
    S3Response.serialized = _add_status(S3Response.serialized)  # type: ignore[method-assign]
    S3Response._get_checksum = _verify_checksum  # type: ignore[method-assign]
    S3Response.put_object = _add_precondition_check(_add_content_md5_check(S3Response.put_object))  # type: ignore[method-assign]
    S3Response.upload_part = _add_content_md5_check(S3Response.upload_part)  # type: ignore[method-assign]
    S3Response.copy_object = _add_precondition_check(_add_copy_check(S3Response.copy_object))  # type: ignore[method-assign]
    S3Response._key_response_post = _add_completion_check(S3Response._key_response_post)  # type: ignore[method-assign]


def _add_status(original: Any) -> Any:
    @wraps(original)
    def serialize(self: S3Response, action_result: Any) -> Any:
        status, headers, body = original(self, action_result)
        return getattr(action_result.result, "status", status), headers, body

    return serialize


def read_declared_digest(self: S3Response) -> tuple[str, str | None]:
    """The algorithm that a request names, and the digest from a header or a trailer; ("", None) without."""
    for algorithm in ALGORITHMS:
        if digest := self.headers.get(f"x-amz-checksum-{algorithm.lower()}"):
            return algorithm, str(digest)
    header = self.headers.get("x-amz-sdk-checksum-algorithm") or self.headers.get("x-amz-trailer") or ""
    algorithm = str(header).rsplit("x-amz-checksum-", 1)[-1].upper()
    trailer = _TRAILER.search(self.raw_body) if algorithm and isinstance(self.raw_body, bytes) else None
    return algorithm, trailer[2].decode() if trailer and self.headers.get("x-amz-trailer") else None


def _verify_checksum(self: S3Response, response_headers: dict[str, Any]) -> tuple[str, str | None]:
    """The digest that S3 stores and returns: its own, which must equal the sent one."""
    algorithm, declared = read_declared_digest(self)
    if algorithm not in ALGORITHMS:
        return "", None
    computed = compute_checksum(_read_bytes(self), algorithm=algorithm).decode()
    if declared is not None and declared != computed and algorithm in ("CRC32", "SHA1", "SHA256"):
        raise BadDigest(f"The {algorithm} you specified did not match the calculated checksum.")
    digest = declared or computed
    response_headers[f"x-amz-checksum-{algorithm.lower()}"] = digest
    return algorithm, digest


def _add_content_md5_check(original: Any) -> Any:
    """PutObject and UploadPart: Content-MD5 must match the body."""

    @wraps(original)
    def call_checked(self: S3Response) -> Any:
        if content_md5 := self.headers.get("Content-MD5"):
            try:
                expected = base64.b64decode(content_md5, validate=True)
            except ValueError:
                expected = b""
            if len(expected) != hashlib.md5(usedforsecurity=False).digest_size:
                raise InvalidDigest
            if expected != hashlib.md5(_read_bytes(self), usedforsecurity=False).digest():
                raise BadDigest("The Content-MD5 you specified did not match what we received.")
        return original(self)

    return call_checked


def _read_bytes(self: S3Response) -> bytes:
    body = self.body or b""
    return body if isinstance(body, bytes) else str(body).encode()


def _add_precondition_check(original: Any) -> Any:
    """PutObject and CopyObject with If-None-Match or If-Match."""

    @wraps(original)
    def write(self: S3Response) -> Any:
        with _claim_key(self):
            _require_preconditions(self)
            return original(self)

    return write


def _add_completion_check(original: Any) -> Any:
    """CompleteMultipartUpload with the same conditions; the repetition of a completed one is not a write."""

    @wraps(original)
    def post(self: S3Response, request: Any, body: bytes, bucket_name: str, query: Any, key_name: str) -> Any:
        upload = (query.get("uploadId") or [None])[0]
        found = _find_current(self) if upload else None
        is_repeat = found is not None and found.multipart is not None and found.multipart.id == upload
        if not upload or is_repeat:
            return original(self, request, body, bucket_name, query, key_name)
        with _claim_key(self):
            _require_preconditions(self)
            return original(self, request, body, bucket_name, query, key_name)

    return post


def _require_preconditions(self: S3Response) -> None:
    """Raises 412 for a failed condition, 404 if If-Match finds no object, 501 for unsupported conditions."""
    none_match, match = self.headers.get("If-None-Match"), self.headers.get("If-Match")
    if (none_match is not None and (none_match != "*" or match is not None)) or match == "*":
        raise NotImplementedByS3
    found = _find_current(self) if none_match or match else None
    if none_match and found is not None:
        raise PreconditionFailed("If-None-Match")
    if match and found is None:
        raise MissingKey(key=self.parse_key_name())
    if match and found is not None and match.strip('"') != found.etag.strip('"'):
        raise PreconditionFailed("If-Match")


def _find_current(self: S3Response) -> FakeKey | None:
    found = self.backend.get_object(self.bucket_name, self.parse_key_name())
    return found if isinstance(found, FakeKey) else None


def _add_copy_check(original: Any) -> Any:
    """CopyObject: refused if a policy enforces conditions; checks the conditions on its source."""

    @wraps(original)
    def copy_object(self: S3Response) -> Any:
        is_conditional = any(self.headers.get(header) is not None for header in ("If-None-Match", "If-Match"))
        policy = self.backend.get_bucket(self.bucket_name).policy
        text = (policy.decode() if isinstance(policy, bytes) else policy or "").lower()
        if is_conditional and any(key in text for key in _CONDITION_KEYS):
            raise NotImplementedByS3
        _require_source_precondition(self)
        return original(self)

    return copy_object


def _require_source_precondition(self: S3Response) -> None:
    if (expected_etag := self.headers.get("x-amz-copy-source-if-match")) is None:
        return
    bucket, _, rest = self.headers["x-amz-copy-source"].lstrip("/").partition("/")
    key, _, version = rest.partition("?versionId=")
    source = self.backend.get_object(bucket, key, version_id=version or None)
    if source is not None and expected_etag.strip('"') != source.etag.strip('"'):
        raise PreconditionFailed("x-amz-copy-source-If-Match")


_keys_being_written: set[tuple[str, str]] = set()
_writing_lock = threading.Lock()


@contextmanager
def _claim_key(self: S3Response) -> Iterator[None]:
    """Raises 409 while another conditional write of the key runs, or because of a fault."""
    if self.headers.get("If-None-Match") is None and self.headers.get("If-Match") is None:
        yield
        return
    object_key = (self.bucket_name, self.parse_key_name())
    if current_account().faults.take("put_conflict", bucket=object_key[0], key=object_key[1]) is not None:
        raise ConditionalRequestConflict
    with _writing_lock:
        if object_key in _keys_being_written:
            raise ConditionalRequestConflict
        _keys_being_written.add(object_key)
    try:
        yield
    finally:
        with _writing_lock:
            _keys_being_written.discard(object_key)
