"""Refuses services and operations that moto does not have, as an error of AWS and not as a page of HTML."""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.moto_server.werkzeug_app import create_backend_app

from rehearsal.aws.error_replies import RequestedService, build_json_error
from rehearsal.aws.inference.routing import Reply

CODE = "NotSimulated"
STATUS = 501
"""Not Implemented. SDKs and the AWS CLI try again after 500, and not after this."""
FAILURE_CODE = "InternalFailure"
"""AWS's code for an error of its own. Source: "Common error types" of the services."""


class OperationNotSimulated(ServiceException):
    """The error of an operation that moto does not have."""


class SimulatorFailure(ServiceException):
    """The error of an operation in which moto raised an exception."""


class ServiceNotSimulated(LookupError):
    """A request to a service that moto does not have."""


def describe_gap(name: str) -> str:
    """The sentence that a client shows about a service, or a service with its operation."""
    return f"The rehearsal does not simulate {name}; docs/fidelity.md lists what it simulates."


def describe_failure(name: str) -> str:
    """The sentence that a client shows about an operation that failed in the simulator."""
    return f"The rehearsal failed at {name}: out/rehearsal/simulator/server.log has the error."


def create_service_app(service: str | None) -> Any:
    """moto's application of a service. Raises ServiceNotSimulated without one."""
    if service is None:
        raise ServiceNotSimulated
    return create_backend_app(service)  # type: ignore[arg-type]


def build_refusal(environ: Mapping[str, Any], signed_for: str | None) -> Reply:
    """The answer to a request for which moto has no service or no path; `signed_for` is the signature's service."""
    service, name = _identify_request(environ, signed_for)
    return _serialize(service, STATUS, OperationNotSimulated(CODE, describe_gap(name)))


def build_failure(environ: Mapping[str, Any], signed_for: str | None) -> Reply:
    """The answer to a request in which moto raised an exception; `signed_for` is the signature's service."""
    service, name = _identify_request(environ, signed_for)
    return _serialize(service, 500, SimulatorFailure(FAILURE_CODE, describe_failure(name)))


def install() -> None:
    """Patches every operation that moto dispatches."""
    BaseResponse.call_action = _add_refusal(BaseResponse.call_action)  # type: ignore[method-assign]


def _identify_request(environ: Mapping[str, Any], signed_for: str | None) -> tuple[RequestedService | None, str]:
    """The service of a request, and the request's name, `service:Operation` where the operation is known.

    The runtime of a service, like SageMaker's, signs with the service's name.
    """
    if signed_for is None:
        return None, "this request"
    first = RequestedService.find(environ, signed_for)
    for service in (first, RequestedService.find(environ, f"{signed_for}-runtime")):
        operation = service.find_operation(environ) if service else None
        if operation:
            return service, f"{first.name if first else signed_for}:{operation}"
    return first, f"this request to {signed_for}"


def _serialize(service: RequestedService | None, status: int, error: ServiceException) -> Reply:
    return service.serialize_error(status, error) if service else build_json_error(status, error.code, error.message)


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
