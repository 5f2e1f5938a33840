"""Refuses services and operations that moto does not have, as an error of AWS and not as a page of HTML."""

from __future__ import annotations

import json
import re
from functools import wraps
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.moto_server.werkzeug_app import create_backend_app

from rehearsal.aws.inference.routing import Reply

CODE = "NotSimulated"
STATUS = 501
"""Not Implemented. SDKs and the AWS CLI try again after 500, and not after this."""
_SERVICE = re.compile(r"Credential=[^/]+/[^/]*/[^/]+/([^/]+)/")


class OperationNotSimulated(ServiceException):
    """The error of an operation that moto does not have."""


class ServiceNotSimulated(LookupError):
    """A request to a service that moto does not have."""


def describe_gap(name: str) -> str:
    """The sentence that a client shows about a service, or a service with its operation."""
    return f"The rehearsal does not simulate {name}; docs/fidelity.md lists what it simulates."


def create_service_app(service: str | None) -> Any:
    """moto's application of a service. Raises ServiceNotSimulated without one."""
    if service is None:
        raise ServiceNotSimulated
    return create_backend_app(service)  # type: ignore[arg-type]


def build_service_refusal(authorization: str) -> Reply:
    """The answer to a request with this header: JSON, since only moto knows the operation and the protocol."""
    scope = _SERVICE.search(authorization)
    message = describe_gap(f"this request to {scope[1]}" if scope else "this request")
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": CODE}
    return Reply(STATUS, headers, json.dumps({"__type": CODE, "message": message}).encode())


def install() -> None:
    """Patches every operation that moto dispatches."""
    BaseResponse.call_action = _add_refusal(BaseResponse.call_action)  # type: ignore[method-assign]


def _add_refusal(original: Any) -> Any:
    @wraps(original)
    def call_action(self: BaseResponse) -> Any:
        try:
            return original(self)
        except NotImplementedError:
            operation = self._get_action() or ""
            error = OperationNotSimulated(CODE, describe_gap(f"{self.service_name}:{operation}"))
            _, headers, body = self.serialized(ActionResult(error))
            return STATUS, {**headers, "status": str(STATUS)}, body

    return call_action
