"""Enforces bucket policies with their conditions.

moto ignores conditions, so that a TLS-only Deny blocks everything. Source: S3 user guide, "Enforce conditional writes
on Amazon S3 buckets" (s3:if-none-match, s3:ObjectCreationOperation); API reference, "Amazon S3 Signature Version 4
Authentication Specific Policy Keys" (s3:authType: by header, query string or form).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import BucketAccessDeniedError, S3ClientError
from moto.s3.models import FakeBucket, S3Backend
from moto.s3.responses import S3Response

from rehearsal.aws.identity import enforcement, policies, request_signature, s3_permissions

_thread_state = threading.local()
_READ_ACTIONS = {"acl": "GetObjectAcl", "tagging": "GetObjectTagging", "versionId": "GetObjectVersion"}
_PUT_ACTIONS = {
    "acl": "PutObjectAcl",
    "tagging": "PutObjectTagging",
    "retention": "PutObjectRetention",
    "legal-hold": "PutObjectLegalHold",
}
_DELETE_ACTIONS = {
    "uploadId": "AbortMultipartUpload",
    "tagging": "DeleteObjectTagging",
    "versionId": "DeleteObjectVersion",
}


def install() -> None:
    """Patches moto's S3 with the enforcement of policies."""
    S3Response._bucket_response = _enforce_bucket_policy(S3Response._bucket_response)  # type: ignore[method-assign]
    S3Response._key_response = _enforce_object_policy(S3Response._key_response)  # type: ignore[method-assign]
    S3Backend.put_bucket_policy = _require_supported_policy(S3Backend.put_bucket_policy)  # type: ignore[method-assign]
    FakeBucket.get_permission = _get_permission  # type: ignore[method-assign]


def _require_supported_policy(original: Any) -> Any:
    def put_bucket_policy(self: S3Backend, bucket_name: str, policy: bytes) -> None:
        unknown = policies.list_unsupported_operators(policy.decode() if isinstance(policy, bytes) else policy)
        if unknown:
            raise S3ClientError("MalformedPolicy", f"The simulator does not evaluate {', '.join(unknown)}.")
        original(self, bucket_name, policy)

    return put_bucket_policy


def _enforce_bucket_policy(original: Any) -> Any:
    def _bucket_response(self: S3Response, request: Any, full_url: str) -> Any:
        name, query = self.parse_bucket_name_from_url(request, full_url), s3_permissions.parse_query(full_url)
        if name and request_signature.is_form_upload(request.method, query):
            keys = {"s3:objectcreationoperation": "true"}
            _require_not_denied(
                self, name, "s3:PutObject", f"arn:aws:s3:::{name}/{request_signature.read_form_key(self)}", keys
            )
        elif name and (action := s3_permissions.resolve_bucket_action(request.method, query)):
            _require_not_denied(self, name, f"s3:{action}", f"arn:aws:s3:::{name}", {})
        with _remember_response(self):
            return original(self, request, full_url)

    return _bucket_response


def _enforce_object_policy(original: Any) -> Any:
    def _key_response(self: S3Response, request: Any, full_url: str) -> Any:
        name, key = self.parse_bucket_name_from_url(request, full_url), self.parse_key_name()
        action, creates = _resolve_object_action(request, s3_permissions.parse_query(full_url))
        keys = {} if creates is None else {"s3:objectcreationoperation": str(creates).lower()}
        if action:
            _require_not_denied(self, name, f"s3:{action}", f"arn:aws:s3:::{name}/{key}", keys)
        return original(self, request, full_url)

    return _key_response


def _resolve_object_action(request: Any, query: Mapping[str, object]) -> tuple[str | None, bool | None]:
    """The IAM action of an object request, and whether it creates an object (None if that does not apply)."""
    method = request.method
    if method in ("GET", "HEAD"):
        return next((_READ_ACTIONS[part] for part in query if part in _READ_ACTIONS), "GetObject"), None
    if method == "DELETE":
        return next((_DELETE_ACTIONS[part] for part in query if part in _DELETE_ACTIONS), "DeleteObject"), None
    if method == "PUT":
        other = next((_PUT_ACTIONS[part] for part in query if part in _PUT_ACTIONS), None)
        return (other, None) if other else ("PutObject", "uploadId" not in query)
    if method == "POST" and ("uploads" in query or "uploadId" in query):
        return "PutObject", "uploadId" in query
    return None, None


def _require_not_denied(self: S3Response, bucket: str, action: str, resource: str, keys: Mapping[str, str]) -> None:
    if _is_denied(self, bucket, action, resource, keys):
        self.data["Action"] = action.removeprefix("s3:")
        raise BucketAccessDeniedError(bucket=bucket)


def _is_denied(self: S3Response, bucket: str, action: str, resource: str, keys: Mapping[str, str]) -> bool:
    found = self.backend.buckets.get(bucket)
    if found is None or not found.policy:
        return False
    principal = enforcement.find_principal(request_signature.read_credential(self))
    # The connection stays on this machine and counts as TLS, so that the deployed policy is the tested one.
    context = {"aws:principalarn": principal, "aws:securetransport": "true", "s3:tlsversion": "1.3", **keys}
    if kind := request_signature.read_auth_type(self):
        context["s3:authtype"] = kind
    for header in ("If-None-Match", "If-Match"):
        if self.headers.get(header) is not None:
            context[f"s3:{header.lower()}"] = self.headers[header]
    for header, value in self.headers.items():
        if header.lower().startswith("x-amz-"):
            context[f"s3:{header.lower()}"] = value
    return policies.is_denied(found.policy, policies.PolicyRequest(principal, action, resource, context))


@contextmanager
def _remember_response(self: S3Response) -> Iterator[None]:
    _thread_state.response = self
    try:
        yield
    finally:
        _thread_state.response = None


def _get_permission(self: FakeBucket, action: str, resource: str) -> PermissionResult:
    """moto calls this for each key of DeleteObjects; all other requests are decided earlier."""
    response: S3Response | None = getattr(_thread_state, "response", None)
    if response is not None and action == "s3:DeleteObject":
        for delete_action in (action, "s3:DeleteObjectVersion"):
            if _is_denied(response, self.name, delete_action, resource, {}):
                return PermissionResult.DENIED
        if enforcement.is_delete_denied(response, resource):
            return PermissionResult.DENIED
    return PermissionResult.NEUTRAL
