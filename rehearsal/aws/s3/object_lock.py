"""S3 Object Lock: retention that cannot be shortened, and a required digest for every locked upload.

moto locks only empty buckets, ignores a bucket's default retention when a multipart upload completes, and lets
everybody shorten or remove a retention. Source: S3 user guide, "Locking objects with Object Lock", "Configuring S3
Object Lock" (on existing buckets), "S3 Object Lock considerations" (versioning stays on); API reference, PutObject,
UploadPart, PutObjectRetention, PutObjectLockConfiguration.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import wraps
from typing import Any

from moto.core.responses import ActionResult
from moto.s3.exceptions import InvalidArgumentError, LockNotEnabled, MissingKey
from moto.s3.models import FakeBucket, FakeKey, S3Backend
from moto.s3.responses import S3Response

from rehearsal.aws.account import current_account
from rehearsal.aws.s3.write_checks import S3RequestError, read_declared_digest

_MODE = "x-amz-object-lock-mode"
_UNTIL = "x-amz-object-lock-retain-until-date"
_HOLD = "x-amz-object-lock-legal-hold"
_BYPASS = "x-amz-bypass-governance-retention"


class InvalidBucketState(S3RequestError):
    """The bucket is not in the state that the request requires."""

    status = 409
    code = "InvalidBucketState"


class MissingDigest(S3RequestError):
    """An upload to be locked has no digest of its body."""

    code = "InvalidRequest"
    message = (
        "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters"
    )


class ObjectLocked(S3RequestError):
    """The retention of the version forbids the request."""

    status = 403
    code = "AccessDenied"
    message = "Access Denied because object protected by object lock."


class NoSuchObjectLockConfiguration(S3RequestError):
    """The version has no retention."""

    status = 404
    code = "NoSuchObjectLockConfiguration"
    message = "The specified object does not have a ObjectLock configuration"


class MalformedXML(S3RequestError):
    """The body does not match the schema."""

    code = "MalformedXML"
    message = "The XML you provided was not well-formed or did not validate against our published schema"


def install() -> None:
    """Patches moto's S3 with object locks."""
    S3Response._key_response_put = _key_response_put  # type: ignore[method-assign]
    S3Response._key_response_get = _add_get_retention(S3Response._key_response_get)  # type: ignore[method-assign]
    S3Response.put_object_retention = _add_retention_check(S3Response.put_object_retention)  # type: ignore[method-assign]
    S3Backend.put_object_lock_configuration = put_object_lock_configuration  # type: ignore[method-assign]
    S3Backend.get_object_lock_configuration = _omit_unset_period(S3Backend.get_object_lock_configuration)  # type: ignore[method-assign]
    S3Backend.put_bucket_versioning = _require_versioning(S3Backend.put_bucket_versioning)  # type: ignore[method-assign]
    S3Backend.complete_multipart_upload = _apply_default_retention(S3Backend.complete_multipart_upload)  # type: ignore[method-assign]
    S3Backend.delete_object = _parse_bypass(S3Backend.delete_object)  # type: ignore[method-assign]


def _key_response_put(self: S3Response, query: dict[str, Any], key_name: str) -> Any:
    """moto's dispatch of a PUT, which requires a digest only for an upload."""
    self._set_action("KEY", "PUT", query)
    self._authenticate_and_authorize_s3_action(bucket_name=self.bucket_name, key_name=key_name)
    is_copy = "x-amz-copy-source" in self.headers
    is_part = bool(query.get("uploadId") and query.get("partNumber"))
    if is_part and is_copy:
        return self.upload_part_copy()
    for name in () if is_part else ("retention", "legal-hold", "acl", "tagging"):
        if name in query:
            return getattr(self, f"put_object_{name.replace('-', '_')}")()
    bucket = self.backend.get_bucket(self.bucket_name)
    requests_lock = any(self.headers.get(header) for header in (_MODE, _UNTIL)) or self.headers.get(_HOLD) == "ON"
    if requests_lock and not bucket.object_lock_enabled:
        raise LockNotEnabled
    if requests_lock and not is_part:
        _require_valid_retention(self.headers.get(_MODE), self.headers.get(_UNTIL))
    digest = self.headers.get("Content-MD5") or read_declared_digest(self)[0]
    if (requests_lock or bucket.has_default_lock) and not is_copy and not digest:
        raise MissingDigest
    if is_part:
        return self.upload_part()
    return self.copy_object() if is_copy else self.put_object()


def _require_valid_retention(mode: str | None, until: str | None) -> None:
    """Requires a mode and a date together, and a date in the future."""
    if bool(mode) != bool(until):
        raise InvalidArgumentError(f"{_UNTIL} and {_MODE} must both be supplied", "ObjectLockMode", str(mode or until))
    if mode not in (None, "GOVERNANCE", "COMPLIANCE"):
        raise InvalidArgumentError("Unknown wormMode directive.", _MODE, str(mode))
    if until and _parse_moment(until) <= current_account().now():
        raise InvalidArgumentError("The retain until date must be in the future!", _UNTIL, until)


def _add_get_retention(original: Any) -> Any:
    """GetObjectRetention, which moto lacks."""

    @wraps(original)
    def _key_response_get(self: S3Response, query: dict[str, Any], key_name: str) -> Any:
        if "retention" not in query:
            return original(self, query, key_name)
        key = self.backend.get_object(self.bucket_name, key_name, version_id=self._get_param("versionId"))
        if not isinstance(key, FakeKey):
            raise MissingKey(key=key_name)
        if not key.lock_mode or not key.lock_until:
            raise NoSuchObjectLockConfiguration
        self.data["Action"] = "GetObjectRetention"
        retention = {"Mode": key.lock_mode, "RetainUntilDate": _parse_moment(key.lock_until)}
        return self.serialized(ActionResult({"Retention": retention}))

    return _key_response_get


def _add_retention_check(original: Any) -> Any:
    """PutObjectRetention: may always extend; may loosen governance mode with the bypass, compliance mode never."""

    @wraps(original)
    def put_object_retention(self: S3Response) -> Any:
        mode, until = self._mode_until_from_body() if self.body else (None, None)
        if bool(mode) != bool(until):
            raise MalformedXML
        if until and _parse_moment(until) <= current_account().now():
            raise InvalidArgumentError("The retain until date must be in the future!", "RetainUntilDate", until)
        version = self._get_param("versionId")
        key = self.backend.get_object(self.bucket_name, self.parse_key_name(), version_id=version)
        if isinstance(key, FakeKey) and _is_loosening(key, mode, until):
            bypass = self.headers.get(_BYPASS, "").lower() == "true"
            if key.lock_mode == "COMPLIANCE" or not bypass:
                raise ObjectLocked
        return original(self)

    return put_object_retention


def _is_loosening(key: FakeKey, mode: str | None, until: str | None) -> bool:
    if not key.lock_mode or not key.lock_until or _parse_moment(key.lock_until) <= current_account().now():
        return False
    if not until or _parse_moment(until) < _parse_moment(key.lock_until):
        return True
    return key.lock_mode == "COMPLIANCE" and mode != "COMPLIANCE"


def put_object_lock_configuration(
    self: S3Backend,
    bucket_name: str,
    lock_enabled: bool,
    mode: str | None = None,
    days: int | None = None,
    years: int | None = None,
) -> None:
    """PutObjectLockConfiguration: on any versioned bucket, also a used one.

    The lock is never removed, only its default retention.
    """
    bucket = self.get_bucket(bucket_name)
    if bucket.versioning_status != "Enabled":
        raise InvalidBucketState("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
    if not lock_enabled:
        raise MalformedXML
    if mode and bool(days) == bool(years):
        raise MalformedXML
    bucket.object_lock_enabled = True
    bucket.default_lock_mode, bucket.default_lock_days, bucket.default_lock_years = mode, days or 0, years or 0


def _omit_unset_period(original: Any) -> Any:
    """GetObjectLockConfiguration: returns days or years, whichever is set."""

    @wraps(original)
    def get_object_lock_configuration(self: S3Backend, bucket_name: str) -> Any:
        enabled, mode, days, years = original(self, bucket_name)
        return enabled, mode, days or None, years or None

    return get_object_lock_configuration


def _require_versioning(original: Any) -> Any:
    @wraps(original)
    def put_bucket_versioning(self: S3Backend, bucket_name: str, status: str) -> None:
        if self.get_bucket(bucket_name).object_lock_enabled and status != "Enabled":
            raise InvalidBucketState(
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
            )
        original(self, bucket_name, status)

    return put_bucket_versioning


def _apply_default_retention(original: Any) -> Any:
    """CompleteMultipartUpload: the object gets the bucket's default retention, from now on."""

    @wraps(original)
    def complete_multipart_upload(self: S3Backend, bucket_name: str, *args: Any, **kwargs: Any) -> Any:
        key, bucket = original(self, bucket_name, *args, **kwargs), self.get_bucket(bucket_name)
        if key is not None and bucket.has_default_lock:
            _lock_object(key, bucket)
        return key

    return complete_multipart_upload


def _lock_object(key: FakeKey, bucket: FakeBucket) -> None:
    key.lock_mode, key.lock_until = bucket.default_lock_mode, bucket.default_retention()


def _parse_bypass(original: Any) -> Any:
    """DeleteObject: the header bypasses governance retention only if it is true; moto accepts any text."""

    @wraps(original)
    def delete_object(
        self: S3Backend, bucket_name: str, key_name: str, version_id: str | None = None, bypass: Any = False
    ) -> Any:
        return original(self, bucket_name, key_name, version_id, str(bypass).lower() == "true")

    return delete_object


def _parse_moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
