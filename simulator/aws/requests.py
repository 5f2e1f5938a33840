"""The check of every request before it is served: what the service's model refuses, and what its documentation does.

A request of any protocol is read by its model first. What is refused is told with the code that the service has for
it. S3's requests, whose model says little, are checked in bucket_rules.py.
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

from simulator.aws import request_rules, shapes
from simulator.aws.chatbot_api import ChatbotResponse


@dataclass(frozen=True)
class Service:
    """A service whose requests are checked: the code of what its model refuses."""

    name: str
    code: str = "ValidationException"


SERVICES: Mapping[type[BaseResponse], Service] = {
    ApplicationAutoScalingResponse: Service("application-autoscaling"),
    ChatbotResponse: Service("chatbot", "InvalidParameterException"),
    CloudWatchResponse: Service("cloudwatch", "ValidationError"),
    DynamoHandler: Service("dynamodb"),
    EventsHandler: Service("events"),
    IamResponse: Service("iam", "ValidationError"),
    KmsResponse: Service("kms"),
    LambdaResponse: Service("lambda"),
    LogsResponse: Service("logs", "InvalidParameterException"),
    SNSResponse: Service("sns", "ValidationError"),
    SQSResponse: Service("sqs", "InvalidParameterValue"),
    SageMakerResponse: Service("sagemaker"),
    SimpleSystemManagerResponse: Service("ssm"),
    TokenResponse: Service("sts", "ValidationError"),
}


class Refused(ServiceException):
    """A refusal, whose code is the service's."""


def install() -> None:
    """Sets the check before every operation of the services; it must be set after what replaces their own."""
    for response, service in SERVICES.items():
        response.call_action = _checked(service, response.call_action)  # type: ignore[method-assign]


def _checked(service: Service, original: Any) -> Any:
    @wraps(original)
    def call_action(self: BaseResponse) -> Any:
        operation = self._get_action()
        params = given(self, service.name, operation)
        refused = _refusal(service, operation, params)
        if refused is None:
            return original(self)
        status, headers, body = self.serialized(ActionResult(refused))
        return status, {**headers, "status": str(status)}, body

    return call_action


def _refusal(service: Service, operation: str, params: Mapping[str, Any]) -> Refused | None:
    if told := shapes.refusal(service.name, operation, params):
        return Refused(service.code, told)
    broken = request_rules.broken(service.name, operation, params)
    return Refused(broken.code, broken.text) if broken else None


def given(self: BaseResponse, service: str, operation: str) -> Mapping[str, Any]:
    """A request's parameters by the names of the model; a blob that moto has not read yet stays as it was sent."""
    if self.automated_parameter_parsing:
        return self.params
    model, request = get_service_model(service), self.normalized_request
    parser = PROTOCOL_PARSERS[determine_request_protocol(model, request.content_type)]
    return parser(model.operation_model(operation), blob_parser=_unread).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": self.uri_match,
        }
    )


def _unread(value: Any) -> Any:
    """An archive of megabytes is not decoded to learn its length."""
    return value
