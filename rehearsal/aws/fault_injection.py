"""Injects errors into any AWS API: the call is refused before it is served."""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.s3.responses import S3Response

from rehearsal.aws.account import current_account, is_simulating


class InjectedError(ServiceException):
    """The error of a fault, with the fault's code."""


def install() -> None:
    """Patches every operation that moto dispatches with the injection."""
    BaseResponse.call_action = _inject_faults(BaseResponse.call_action)  # type: ignore[method-assign]
    S3Response._key_response = _inject_s3_faults(S3Response._key_response)  # type: ignore[method-assign]
    S3Response._bucket_response = _inject_s3_faults(S3Response._bucket_response)  # type: ignore[method-assign]


def _inject_faults(original: Any) -> Any:
    def call_action(self: BaseResponse) -> Any:
        if is_simulating() and current_account().faults.pending and self.service_name:
            fault = current_account().faults.take("api", service=self.service_name, action=self._get_action() or "")
            if fault is not None:
                error = InjectedError(
                    fault.get_text("code", "ServiceUnavailable"), fault.get_text("message", "Injected.")
                )
                _, headers, body = self.serialized(ActionResult(error))
                status = int(fault.get_number("status", 500))
                return status, {**headers, "status": str(status)}, body
        return original(self)

    return call_action


def _inject_s3_faults(original: Any) -> Any:
    actions = {"PUT": "PutObject", "GET": "GetObject", "DELETE": "DeleteObject", "HEAD": "HeadObject", "POST": "Post"}

    def respond(self: S3Response, request: Any, full_url: str) -> Any:
        if is_simulating() and current_account().faults.pending:
            fault = current_account().faults.take("api", service="s3", action=actions.get(request.method, ""))
            if fault is not None:
                error = InjectedError(fault.get_text("code", "SlowDown"), fault.get_text("message", "Injected."))
                _, headers, body = self.serialized(ActionResult(error))
                return int(fault.get_number("status", 503)), headers, body
        return original(self, request, full_url)

    return respond
