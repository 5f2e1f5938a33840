"""Authentication of requests: they need a key of this run, this machine's own host name, and no web page as sender.

Other users of the machine, and the browser with the pages that it shows, can reach every port of the loopback
interface. A refused request is answered before it is parsed as a call.

Source: IAM user guide, "AWS Signature Version 4 for API requests"; "Common error types" of the services.
"""

from __future__ import annotations

import hmac
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core.request import environ_key_for_header
from moto.sts.models import sts_backends

from rehearsal.access_keys import CONTROL_SERVICE, AccessKey
from rehearsal.aws import control_api
from rehearsal.aws.account import current_account
from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.error_replies import RequestedService
from rehearsal.aws.identity.enforcement import AccessDenied
from rehearsal.aws.inference.routing import Reply

LOOPBACK_HOSTS = ("127.0.0.1", "localhost")
"""Names of this machine: a page that reaches the server under another name is refused."""
ADMINISTRATOR_PATHS = (control_api.PREFIX, "/moto-api")
"""Paths that control a simulator: roles and functions may not use them."""
MAX_DRAINED_BYTES = 1 << 20
"""Bytes of a refused request's body that are read, so that a sender that writes first receives the answer."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<id>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)/"
    r"aws4_request, *SignedHeaders=(?P<headers>[^,\s]+), *Signature=(?P<signature>[0-9a-f]{64})"
)

ErrorCodes = tuple[str, str, str, str]
"""A refusal: its code in S3, in query services and in JSON services, and its message."""
_INVALID = "The security token included in the request is invalid."
MISSING_TOKEN: ErrorCodes = (
    "AccessDenied",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "Missing Authentication Token",
)
UNKNOWN_KEY: ErrorCodes = ("InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException", _INVALID)
WRONG_TOKEN: ErrorCodes = ("InvalidToken", "InvalidClientTokenId", "UnrecognizedClientException", _INVALID)
WRONG_SIGNATURE: ErrorCodes = (
    "SignatureDoesNotMatch",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method.",
)


class AuthenticationError(Exception):
    """A request that is refused, with its answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body.decode(errors="replace"))
        self.reply = reply


@dataclass(frozen=True)
class RequestAuthenticator:
    """The check before every request."""

    administrator: AccessKey | None = None
    """The key with all permissions; None in a test's own process."""

    def check(self, environ: dict[str, Any]) -> None:
        """Raises AuthenticationError for a request that is not authenticated."""
        try:
            _require_loopback_host(environ)
            self._require_valid_signature(environ)
        except AuthenticationError:
            environ["wsgi.input"].read(min(int(environ.get("CONTENT_LENGTH") or 0), MAX_DRAINED_BYTES))
            raise

    def _require_valid_signature(self, environ: dict[str, Any]) -> None:
        authorization = _AUTHORIZATION.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
        if authorization is None:
            raise AuthenticationError(_serialize_error(environ, "", MISSING_TOKEN))
        key = self._find_key(authorization["id"])
        if key is None:
            raise AuthenticationError(_serialize_error(environ, authorization["service"], UNKNOWN_KEY))
        if not hmac.compare_digest(_compute_signature(environ, authorization, key), authorization["signature"]):
            raise AuthenticationError(_serialize_error(environ, authorization["service"], WRONG_SIGNATURE))
        if key.token and not hmac.compare_digest(environ.get("HTTP_X_AMZ_SECURITY_TOKEN", ""), key.token):
            raise AuthenticationError(_serialize_error(environ, authorization["service"], WRONG_TOKEN))
        is_control_path = environ.get("PATH_INFO", "").startswith(ADMINISTRATOR_PATHS)
        if is_control_path and key != self.administrator:
            raise AuthenticationError(
                _build_json_error("A role may not control the simulator: use the key of its run.")
            )

    def _find_key(self, identifier: str) -> AccessKey | None:
        if self.administrator is not None and identifier == self.administrator.id:
            return self.administrator
        if function_key := current_account().functions.keys.get(identifier):
            return function_key
        for backend in list(sts_backends[ACCOUNT].values()):
            assumed_role = backend.get_assumed_role_from_access_key(identifier)
            if assumed_role is not None:
                return AccessKey(identifier, assumed_role.secret_access_key, assumed_role.session_token)
        return None


def strip_cors_headers(start: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps `start`; removes the headers that let a browser show the response to another site's page."""

    def start_response(status: str, headers: Iterable[tuple[str, str]], *rest: Any) -> Any:
        remaining = [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
        return start(status, remaining, *rest)

    return start_response


def _require_loopback_host(environ: Mapping[str, Any]) -> None:
    host, local_hosts = environ.get("HTTP_HOST", ""), [f"{name}:{environ['SERVER_PORT']}" for name in LOOPBACK_HOSTS]
    if host not in local_hosts:
        raise AuthenticationError(
            _build_json_error(
                f"This is a simulator at {local_hosts[0]}, and {host!r} is not its name: use the address."
            )
        )
    if "HTTP_ORIGIN" in environ:
        raise AuthenticationError(
            _build_json_error("This is a simulator, which serves no web page: use an AWS client.")
        )


def _compute_signature(environ: dict[str, Any], authorization: re.Match[str], key: AccessKey) -> str:
    """The signature that the request must have with this key."""
    names = authorization["headers"].split(";")
    headers = {name: environ.get(environ_key_for_header(name), "") for name in names}
    url = f"http://{environ['HTTP_HOST']}{environ['REQUEST_URI']}"
    body = b"" if "x-amz-content-sha256" in headers else _read_body(environ)
    request: Any = AWSRequest(environ["REQUEST_METHOD"], url, headers, body)
    request.context["timestamp"] = environ.get("HTTP_X_AMZ_DATE", authorization["day"])
    auth: Any = S3SigV4Auth if authorization["service"] == "s3" else SigV4Auth
    signer = auth(Credentials(key.id, key.secret), authorization["service"], authorization["region"])
    return str(signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request))


def _read_body(environ: dict[str, Any]) -> bytes:
    """The body, which stays readable."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _serialize_error(environ: Mapping[str, Any], signing_name: str, codes: ErrorCodes) -> Reply:
    """A refusal in the form of the service."""
    in_s3, in_query, in_json, sentence = codes
    if signing_name == CONTROL_SERVICE or environ.get("PATH_INFO", "").startswith(ADMINISTRATOR_PATHS):
        return _build_json_error(sentence)
    service = RequestedService.find(environ, signing_name or "s3")
    if service is None:
        return _build_json_error(sentence)
    code = in_s3 if service.name == "s3" else in_query if service.protocol == "query" else in_json
    return service.serialize_error(403, AccessDenied(code, sentence))


def _build_json_error(text: str) -> Reply:
    return Reply(403, {"Content-Type": "application/json"}, json.dumps({"error": text, "message": text}).encode())
