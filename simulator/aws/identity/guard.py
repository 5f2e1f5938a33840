"""The check before every call that the simulator serves, whichever service and protocol it is of."""

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

from simulator.aws import trail
from simulator.aws.identity import calls, s3, signing
from simulator.aws.identity.decision import Caller, refusal
from simulator.aws.identity.need import Call, Need, NoRule
from simulator.aws.identity.recording import recorders
from simulator.aws.world import ACCOUNT, running, world

ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT}:user/rehearsal"
"""Who calls, where a request's credentials belong to no role."""
_KEY = re.compile(r"Credential=([^/]+)/")
_FORBIDDEN = {"sns": "AuthorizationError", "sqs": "AccessDenied", "iam": "AccessDenied", "cloudwatch": "AccessDenied"}
"""Services whose code is another than AccessDeniedException."""
_AS_400 = frozenset({"dynamodb", "events", "kms", "logs", "sagemaker", "ssm", "application-autoscaling"})
"""Services that refuse with 400 instead of 403."""


class Refused(ServiceException):
    """The refusal of a call, whose code is the service's."""


class ForbiddenInS3(S3ClientError):
    """S3's refusal."""

    code = "AccessDenied"

    def __init__(self, text: str) -> None:
        super().__init__(self.code, text)


def install() -> None:
    """Sets the check on moto's dispatch; it must be set after everything that replaces S3's own."""
    BaseResponse._dispatch = _dispatch  # type: ignore[method-assign]
    S3Response._bucket_response = _checked_bucket(S3Response._bucket_response)  # type: ignore[method-assign]
    S3Response._key_response = _checked_key(S3Response._key_response)  # type: ignore[method-assign]


_acting: list[Caller] = []


@contextmanager
def acting(role: str) -> Iterator[None]:
    """Whoever calls in this process, functions excepted, does so with a role, to the end of the block."""
    one = Caller(role, "acting")
    _acting.append(one)
    try:
        yield
    finally:
        _acting.remove(one)


def principal_of(authorization: str | None) -> str:
    """The ARN under aws:PrincipalArn for a request's Authorization header: an assumed role's is the role's."""
    who = caller(authorization)
    return who.role if who is not None else ADMINISTRATOR


def caller(authorization: str | None) -> Caller | None:
    """The role behind a request's credentials; None for keys of no role: they are an administrator's."""
    match = _KEY.search(authorization or "")
    if match is None:
        return None
    role = world().functions.roles.get(match[1])
    if role is not None:
        return Caller(role, world().functions.sessions[match[1]])
    if _acting:
        return _acting[-1]
    for backend in list(sts_backends[ACCOUNT].values()):
        assumed = backend.get_assumed_role_from_access_key(match[1])
        if assumed is not None:
            return Caller(assumed.role_arn, assumed.session_name)
    return None


def _dispatch(self: BaseResponse, request: Any, full_url: str | None = None, headers: Any = None) -> Any:
    self.setup_class(request, full_url, headers)
    if not running():
        return self.call_action()
    who = caller(self.headers.get("Authorization"))
    if who is not None or recorders():
        text = _refused(who, lambda: calls.needs(_call(self)), f"{self.boto3_service_name} {self._get_action()}")
        if text is not None:
            return _answer(self, text)
    answer = self.call_action()
    if (self.boto3_service_name, self._get_action()) == ("sts", "AssumeRole"):
        taken = {name: self._get_param(name[:1].upper() + name[1:]) for name in ("roleArn", "roleSessionName")}
        trail.called("sts", "AssumeRole", taken, who, self.region)
    return answer


def _refused(who: Caller | None, ask: Any, what: str) -> str | None:
    try:
        needed: Iterable[Need] = list(ask())
    except NoRule as unknown:
        for recorded in recorders():
            recorded.unknown.add(what)
        return str(unknown) if who is not None else None
    if who is None or who in _acting:  # what a function calls is not its caller's need
        for recorded in recorders():
            for need in needed:
                recorded.add(need)
    if who is None:
        return None
    text = next((text for need in needed if (text := refusal(who, need)) is not None), None)
    if text is not None:
        world().refused.append(text)
    return text


def _call(self: BaseResponse) -> Call:
    service, operation = self.boto3_service_name, self._get_action()
    return Call(service, operation, _params(self, service, operation), self.region)


def _params(self: BaseResponse, service: str, operation: str) -> Mapping[str, Any]:
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


def _answer(self: BaseResponse, text: str) -> Any:
    service = self.boto3_service_name
    refused = Refused(_FORBIDDEN.get(service, "AccessDeniedException"), text)
    _, headers, body = self.serialized(ActionResult(refused))
    status = 400 if service in _AS_400 else 403
    return status, {**headers, "status": str(status)}, body


def _checked_bucket(original: Any) -> Any:
    def _bucket_response(self: S3Response, request: Any, full_url: str) -> Any:
        name, query = self.parse_bucket_name_from_url(request, full_url), s3.query(full_url)
        form = signing.is_form(request.method, query)

        def ask() -> Iterator[Need]:
            if form:
                return s3.of_form(f"{name}/{signing.form_key(self)}", self.region)
            return s3.of_bucket(request.method, name or "", query, self.region)

        action = s3.bucket_action(request.method, query) if name and not form else None
        with trail.of_bucket(action, name or "", caller(signing.credential(self)), self.region):
            _check_s3(self, ask, f"s3 {request.method} {sorted(query)}")
            return original(self, request, full_url)

    return _bucket_response


def _checked_key(original: Any) -> Any:
    def _key_response(self: S3Response, request: Any, full_url: str) -> Any:
        name, key, query = self.parse_bucket_name_from_url(request, full_url), self.parse_key_name(), s3.query(full_url)
        headers = {str(k).lower(): str(v) for k, v in self.headers.items()}
        _check_s3(
            self,
            lambda: s3.of_object(request.method, name, key, query, headers, self.region),
            f"s3 {request.method} of an object, {sorted(query)}",
        )
        return original(self, request, full_url)

    return _key_response


def _check_s3(self: S3Response, ask: Any, what: str) -> None:
    who = caller(signing.credential(self))
    if who is None and not recorders():
        return
    text = _refused(who, ask, what)
    if text is not None:
        raise ForbiddenInS3(text)


def refused_delete(self: S3Response, resource: str) -> bool:
    """Whether the caller may not delete one of the objects, or versions, that DeleteObjects names."""
    who = caller(signing.credential(self))
    if who is None and not recorders():
        return False
    versions = b"<VersionId>" in (self.raw_body or b"")
    action = "s3:DeleteObjectVersion" if versions else "s3:DeleteObject"
    return _refused(who, lambda: [Need(action, resource)], "s3 DeleteObjects") is not None


def refused_invocation(authorization: str | None, region: str, endpoint: str) -> str | None:
    """Why the caller may not call a model; None where it may."""
    who = caller(authorization)
    if who is None and not recorders():
        return None
    call = Call("sagemaker-runtime", "InvokeEndpoint", {"EndpointName": endpoint}, region)
    return _refused(who, lambda: calls.needs(call), "sagemaker-runtime InvokeEndpoint")
