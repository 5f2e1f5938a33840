"""Checks the permissions of every call to the simulator, for all services and protocols."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import get_service_model
from moto.s3.exceptions import S3ClientError
from moto.s3.responses import S3Response
from moto.sts.models import sts_backends

from rehearsal.aws.account import current_account, is_simulating
from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.events import cloudtrail
from rehearsal.aws.identity import request_signature, required_permissions, s3_permissions
from rehearsal.aws.identity.permission import ApiCall, RequiredPermission, UnknownOperation
from rehearsal.aws.identity.policy_evaluation import Caller, explain_denial
from rehearsal.aws.identity.recording import active_records

ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT}:user/rehearsal"
"""The caller of a request whose credentials belong to no role."""
_ACCESS_KEY = re.compile(r"Credential=([^/]+)/")
_DENIAL_CODES = {
    "sns": "AuthorizationError",
    "sqs": "AccessDenied",
    "iam": "AccessDenied",
    "cloudwatch": "AccessDenied",
}
"""Services whose error code is not AccessDeniedException."""
_DENIED_WITH_400 = frozenset({"dynamodb", "events", "kms", "logs", "sagemaker", "ssm", "application-autoscaling"})
"""Services that deny with 400 instead of 403."""


class AccessDenied(ServiceException):
    """The denial of a call, with the service's code."""


class S3AccessDenied(S3ClientError):
    """The denial of a call to S3."""

    code = "AccessDenied"

    def __init__(self, text: str) -> None:
        super().__init__(self.code, text)


def install() -> None:
    """Patches moto's dispatch with the check, after all other patches of S3."""
    BaseResponse._dispatch = _dispatch  # type: ignore[method-assign]
    S3Response._bucket_response = _add_bucket_check(S3Response._bucket_response)  # type: ignore[method-assign]
    S3Response._key_response = _add_object_check(S3Response._key_response)  # type: ignore[method-assign]


_acting_callers: list[Caller] = []


@contextmanager
def act_as(role: str) -> Iterator[None]:
    """Makes all calls in this process, except those of functions, with a role until the end of the block."""
    caller = Caller(role, "test")
    _acting_callers.append(caller)
    try:
        yield
    finally:
        _acting_callers.remove(caller)


def find_principal(authorization: str | None) -> str:
    """The ARN under aws:PrincipalArn for a request's Authorization header; for an assumed role the role's."""
    caller = find_caller(authorization)
    return caller.role if caller is not None else ADMINISTRATOR


def find_caller(authorization: str | None) -> Caller | None:
    """The role of a request's credentials; None for an administrator's keys, which belong to no role."""
    match = _ACCESS_KEY.search(authorization or "")
    if match is None:
        return None
    role = current_account().functions.roles.get(match[1])
    if role is not None:
        return Caller(role, current_account().functions.sessions[match[1]])
    if _acting_callers:
        return _acting_callers[-1]
    for backend in list(sts_backends[ACCOUNT].values()):
        assumed = backend.get_assumed_role_from_access_key(match[1])
        if assumed is not None:
            return Caller(assumed.role_arn, assumed.session_name)
    return None


def _dispatch(self: BaseResponse, request: Any, full_url: str | None = None, headers: Any = None) -> Any:
    self.setup_class(request, full_url, headers)
    if not is_simulating():
        return self.call_action()
    caller = find_caller(self.headers.get("Authorization"))
    if caller is not None or active_records():
        text = _find_denial(
            caller,
            lambda: required_permissions.list_permissions(_build_call(self)),
            f"{self.boto3_service_name} {self._get_action()}",
        )
        if text is not None:
            return _build_denial(self, text)
    response = self.call_action()
    if (self.boto3_service_name, self._get_action()) == ("sts", "AssumeRole"):
        parameters = {name: self._get_param(name[:1].upper() + name[1:]) for name in ("roleArn", "roleSessionName")}
        cloudtrail.record_call("sts", "AssumeRole", parameters, caller, self.region)
    return response


def _find_denial(caller: Caller | None, list_permissions: Any, label: str) -> str | None:
    try:
        permissions: Iterable[RequiredPermission] = list(list_permissions())
    except UnknownOperation as error:
        for record in active_records():
            record.unknown_operations.add(label)
        return str(error) if caller is not None else None
    if caller is None or caller in _acting_callers:  # a function's calls are not the caller's need
        for record in active_records():
            for permission in permissions:
                record.add(permission)
    if caller is None:
        return None
    text = next((text for need in permissions if (text := explain_denial(caller, need)) is not None), None)
    if text is not None:
        current_account().access_denials.append(text)
    return text


def _build_call(self: BaseResponse) -> ApiCall:
    service, operation = self.boto3_service_name, self._get_action()
    return ApiCall(service, operation, _parse_params(self, service, operation), self.region)


def _parse_params(self: BaseResponse, service: str, operation: str) -> Mapping[str, Any]:
    model = get_service_model(service)
    request = self.normalized_request
    parser = PROTOCOL_PARSERS[determine_request_protocol(model, request.content_type)](model.operation_model(operation))
    return parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": self.uri_match,
        }
    )


def _build_denial(self: BaseResponse, text: str) -> Any:
    service = self.boto3_service_name
    error = AccessDenied(_DENIAL_CODES.get(service, "AccessDeniedException"), text)
    _, headers, body = self.serialized(ActionResult(error))
    status = 400 if service in _DENIED_WITH_400 else 403
    return status, {**headers, "status": str(status)}, body


def _add_bucket_check(original: Any) -> Any:
    def _bucket_response(self: S3Response, request: Any, full_url: str) -> Any:
        name, query = self.parse_bucket_name_from_url(request, full_url), s3_permissions.parse_query(full_url)
        form = request_signature.is_form_upload(request.method, query)

        def list_permissions() -> Iterator[RequiredPermission]:
            if form:
                return s3_permissions.list_form_permissions(
                    f"{name}/{request_signature.read_form_key(self)}", self.region
                )
            return s3_permissions.list_bucket_permissions(request.method, name or "", query, self.region)

        action = s3_permissions.resolve_bucket_action(request.method, query) if name and not form else None
        with cloudtrail.record_bucket_call(
            action, name or "", find_caller(request_signature.read_credential(self)), self.region
        ):
            _require_allowed(self, list_permissions, f"s3 {request.method} {sorted(query)}")
            return original(self, request, full_url)

    return _bucket_response


def _add_object_check(original: Any) -> Any:
    def _key_response(self: S3Response, request: Any, full_url: str) -> Any:
        name, key, query = (
            self.parse_bucket_name_from_url(request, full_url),
            self.parse_key_name(),
            s3_permissions.parse_query(full_url),
        )
        headers = {str(k).lower(): str(v) for k, v in self.headers.items()}
        _require_allowed(
            self,
            lambda: s3_permissions.list_object_permissions(request.method, name, key, query, headers, self.region),
            f"s3 {request.method} of an object, {sorted(query)}",
        )
        return original(self, request, full_url)

    return _key_response


def _require_allowed(self: S3Response, list_permissions: Any, label: str) -> None:
    caller = find_caller(request_signature.read_credential(self))
    if caller is None and not active_records():
        return
    text = _find_denial(caller, list_permissions, label)
    if text is not None:
        raise S3AccessDenied(text)


def is_delete_denied(self: S3Response, resource: str) -> bool:
    """Whether the caller may not delete one of the objects, or versions, in a DeleteObjects request."""
    caller = find_caller(request_signature.read_credential(self))
    if caller is None and not active_records():
        return False
    versions = b"<VersionId>" in (self.raw_body or b"")
    action = "s3:DeleteObjectVersion" if versions else "s3:DeleteObject"
    return _find_denial(caller, lambda: [RequiredPermission(action, resource)], "s3 DeleteObjects") is not None


def explain_invocation_denial(authorization: str | None, region: str, endpoint: str) -> str | None:
    """Why the caller may not invoke a model; None if it may."""
    caller = find_caller(authorization)
    if caller is None and not active_records():
        return None
    call = ApiCall("sagemaker-runtime", "InvokeEndpoint", {"EndpointName": endpoint}, region)
    return _find_denial(caller, lambda: required_permissions.list_permissions(call), "sagemaker-runtime InvokeEndpoint")
