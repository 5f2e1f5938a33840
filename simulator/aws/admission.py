"""Who may speak to the server: those who sign with a key of this run, at this machine's own name, and no web page.

A machine has other users, and a browser that reads their pages: both reach every port of loopback. What is not admitted
is answered before anything of it is read as a call.

Source: IAM user guide, "AWS Signature Version 4 for API requests"; "Common error types" of the services.
"""

from __future__ import annotations

import hmac
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core.model import OperationModel
from moto.core.request import determine_request_protocol, environ_key_for_header
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from moto.sts.models import sts_backends

from simulator.aws import control_api
from simulator.aws.identity.guard import Refused
from simulator.aws.routing import Reply
from simulator.aws.world import ACCOUNT, world
from simulator.keys import CONTROL, Key

NAMES = ("127.0.0.1", "localhost")
"""What this machine calls itself: a page that reaches the server by a name of its own is refused."""
ADMINISTRATORS_OWN = (control_api.PREFIX, "/moto-api")
"""Paths by which a simulator is controlled: no role's and no function's business."""
DRAINED = 1 << 20
"""Bytes of a refused request's body that are read, so that its sender, who writes first, hears the answer."""

_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<id>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)/"
    r"aws4_request, *SignedHeaders=(?P<headers>[^,\s]+), *Signature=(?P<signature>[0-9a-f]{64})"
)
_SIGNING_NAMES = {"monitoring": "cloudwatch"}
"""Services that sign by another name than boto3 has for them; of the rest, those without a model answer in JSON."""

Wrong = tuple[str, str, str, str]
"""A refusal: its code in S3, in query services and in those that speak JSON, and its sentence."""
_INVALID = "The security token included in the request is invalid."
NOBODY: Wrong = (
    "AccessDenied",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "Missing Authentication Token",
)
UNKNOWN_KEY: Wrong = ("InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException", _INVALID)
WRONG_TOKEN: Wrong = ("InvalidToken", "InvalidClientTokenId", "UnrecognizedClientException", _INVALID)
WRONG_SIGNATURE: Wrong = (
    "SignatureDoesNotMatch",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method.",
)


class Refusal(Exception):
    """A request that is not served, and its answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body.decode(errors="replace"))
        self.reply = reply


@dataclass(frozen=True)
class Admission:
    """The check before every request. administrator: who may do anything; in a test's own process nobody is."""

    administrator: Key | None = None

    def check(self, environ: dict[str, Any]) -> None:
        """Raises Refusal."""
        try:
            _from_this_machine(environ)
            self._signed(environ)
        except Refusal:
            environ["wsgi.input"].read(min(int(environ.get("CONTENT_LENGTH") or 0), DRAINED))
            raise

    def _signed(self, environ: dict[str, Any]) -> None:
        said = _SIGNED.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
        if said is None:
            raise Refusal(_answer(environ, "", NOBODY))
        key = self._key(said["id"])
        if key is None:
            raise Refusal(_answer(environ, said["service"], UNKNOWN_KEY))
        if not hmac.compare_digest(_signature(environ, said, key), said["signature"]):
            raise Refusal(_answer(environ, said["service"], WRONG_SIGNATURE))
        if key.token and not hmac.compare_digest(environ.get("HTTP_X_AMZ_SECURITY_TOKEN", ""), key.token):
            raise Refusal(_answer(environ, said["service"], WRONG_TOKEN))
        controls = environ.get("PATH_INFO", "").startswith(ADMINISTRATORS_OWN)
        if controls and key != self.administrator:
            raise Refusal(_sentence("Whoever has a role may not control the simulator: use the key of its run."))

    def _key(self, identifier: str) -> Key | None:
        if self.administrator is not None and identifier == self.administrator.id:
            return self.administrator
        if known := world().functions.keys.get(identifier):
            return known
        for backend in list(sts_backends[ACCOUNT].values()):
            assumed = backend.get_assumed_role_from_access_key(identifier)
            if assumed is not None:
                return Key(identifier, assumed.secret_access_key, assumed.session_token)
        return None


def unshared(start: Callable[..., Any]) -> Callable[..., Any]:
    """Begins a response without the headers by which a browser would let another site's page read it."""

    def begin(status: str, headers: Iterable[tuple[str, str]], *rest: Any) -> Any:
        kept = [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
        return start(status, kept, *rest)

    return begin


def _from_this_machine(environ: Mapping[str, Any]) -> None:
    host, own = environ.get("HTTP_HOST", ""), [f"{name}:{environ['SERVER_PORT']}" for name in NAMES]
    if host not in own:
        raise Refusal(_sentence(f"This is a simulator at {own[0]}, and {host!r} is not its name: use the address."))
    if "HTTP_ORIGIN" in environ:
        raise Refusal(_sentence("This is a simulator, which serves no web page: use an AWS client."))


def _signature(environ: dict[str, Any], said: re.Match[str], key: Key) -> str:
    """The signature that the request must have with this key."""
    names = said["headers"].split(";")
    headers = {name: environ.get(environ_key_for_header(name), "") for name in names}
    url = f"http://{environ['HTTP_HOST']}{environ['REQUEST_URI']}"
    body = b"" if "x-amz-content-sha256" in headers else _body(environ)
    request: Any = AWSRequest(environ["REQUEST_METHOD"], url, headers, body)
    request.context["timestamp"] = environ.get("HTTP_X_AMZ_DATE", said["day"])
    auth: Any = S3SigV4Auth if said["service"] == "s3" else SigV4Auth
    signer = auth(Credentials(key.id, key.secret), said["service"], said["region"])
    return str(signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request))


def _body(environ: dict[str, Any]) -> bytes:
    """The body, which stays to be read."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _answer(environ: Mapping[str, Any], signed_for: str, wrong: Wrong) -> Reply:
    """A refusal as the service has it."""
    service, (in_s3, in_query, in_json, sentence) = _SIGNING_NAMES.get(signed_for, signed_for), wrong
    if service == CONTROL or environ.get("PATH_INFO", "").startswith(ADMINISTRATORS_OWN):
        return _sentence(sentence)
    try:
        model = get_service_model(service or "s3")
        protocol = determine_request_protocol(model, environ.get("CONTENT_TYPE"))
    except Exception:  # whatever botocore makes of a name that is no service's
        return _sentence(sentence)
    code = in_s3 if model.service_name == "s3" else in_query if protocol == "query" else in_json
    serializer = get_serializer_class(model.service_name, protocol)(OperationModel({}, model))
    made = cast("dict[str, Any]", serializer.serialize(Refused(code, sentence)))
    body = made["body"]
    return Reply(403, dict(made["headers"]), body.encode() if isinstance(body, str) else body)


def _sentence(text: str) -> Reply:
    return Reply(403, {"Content-Type": "application/json"}, json.dumps({"error": text, "message": text}).encode())
