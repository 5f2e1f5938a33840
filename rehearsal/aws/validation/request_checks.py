"""Checks every request before it is served, against the service's model and its documented rules.

A request of any protocol is parsed with its model first. A violation has the service's own error code. S3's requests,
whose model has few constraints, are checked in s3/naming_and_tags.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.awslambda.responses import LambdaResponse
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.exceptions import ServiceException
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import get_service_model
from moto.dynamodb.responses import DynamoHandler
from moto.events.responses import EventsHandler
from moto.iam.responses import IamResponse
from moto.kms.responses import KmsResponse
from moto.logs.responses import LogsResponse
from moto.sagemaker.responses import SageMakerResponse
from moto.sns.responses import SNSResponse
from moto.sqs.responses import SQSResponse
from moto.ssm.responses import SimpleSystemManagerResponse
from moto.sts.responses import TokenResponse

from rehearsal.aws.chatbot.api import ChatbotResponse
from rehearsal.aws.validation import documented_rules, model_constraints


@dataclass(frozen=True)
class CheckedService:
    """A service whose requests are checked."""

    name: str
    code: str = "ValidationException"
    """The error code for violations of its model."""


SERVICES: Mapping[type[BaseResponse], CheckedService] = {
    ApplicationAutoScalingResponse: CheckedService("application-autoscaling"),
    ChatbotResponse: CheckedService("chatbot", "InvalidParameterException"),
    CloudWatchResponse: CheckedService("cloudwatch", "ValidationError"),
    DynamoHandler: CheckedService("dynamodb"),
    EventsHandler: CheckedService("events"),
    IamResponse: CheckedService("iam", "ValidationError"),
    KmsResponse: CheckedService("kms"),
    LambdaResponse: CheckedService("lambda"),
    LogsResponse: CheckedService("logs", "InvalidParameterException"),
    SNSResponse: CheckedService("sns", "ValidationError"),
    SQSResponse: CheckedService("sqs", "InvalidParameterValue"),
    SageMakerResponse: CheckedService("sagemaker"),
    SimpleSystemManagerResponse: CheckedService("ssm"),
    TokenResponse: CheckedService("sts", "ValidationError"),
}


class RequestRejected(ServiceException):
    """A violation, with the service's error code."""


def install() -> None:
    """Patches every operation of the services with the check, after all other patches of them."""
    for response, service in SERVICES.items():
        response.call_action = _add_check(service, response.call_action)  # type: ignore[method-assign]


def _add_check(service: CheckedService, original: Any) -> Any:
    @wraps(original)
    def call_action(self: BaseResponse) -> Any:
        operation = self._get_action()
        params = parse_params(self, service.name, operation)
        rejection = _find_rejection(service, operation, params)
        if rejection is None:
            return original(self)
        status, headers, body = self.serialized(ActionResult(rejection))
        return status, {**headers, "status": str(status)}, body

    return call_action


def _find_rejection(service: CheckedService, operation: str, params: Mapping[str, Any]) -> RequestRejected | None:
    if message := model_constraints.describe_violations(service.name, operation, params):
        return RequestRejected(service.code, message)
    violation = documented_rules.find_violation(service.name, operation, params)
    return RequestRejected(violation.code, violation.text) if violation else None


def parse_params(self: BaseResponse, service: str, operation: str) -> Mapping[str, Any]:
    """A request's parameters, with the model's names; a blob that moto has not decoded stays as it was sent."""
    if self.automated_parameter_parsing:
        return self.params
    model, request = get_service_model(service), self.normalized_request
    parser = PROTOCOL_PARSERS[determine_request_protocol(model, request.content_type)]
    return parser(model.operation_model(operation), blob_parser=_keep_blob).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": self.uri_match,
        }
    )


def _keep_blob(value: Any) -> Any:
    """Keeps a blob encoded: an archive of megabytes is not decoded only to learn its length."""
    return value
