"""Errors that the server answers before or instead of moto, in the form of the service that a request is for."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from moto.core.exceptions import ServiceException
from moto.core.model import OperationModel, ServiceModel
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import HTTPException

from rehearsal.aws.inference.routing import Reply

_SERVICE_NAMES = {"monitoring": "cloudwatch"}
"""Services that sign with another name than boto3's."""


@dataclass(frozen=True)
class RequestedService:
    """The service that a request is for, and the protocol of the request."""

    model: ServiceModel
    protocol: str

    @classmethod
    def find(cls, environ: Mapping[str, Any], name: str) -> RequestedService | None:
        """The service of this name, boto3's or the one it signs with; None for a service without a model."""
        try:
            model = get_service_model(_SERVICE_NAMES.get(name, name))
            return cls(model, determine_request_protocol(model, environ.get("CONTENT_TYPE")))
        except Exception:  # botocore's errors for an unknown service have no common class
            return None

    @property
    def name(self) -> str:
        return self.model.service_name

    def find_operation(self, environ: Mapping[str, Any]) -> str | None:
        """The operation that a request's path and headers ask for; None if they name none."""
        # Without the body, which may be read and closed by now.
        request = Request({**environ, "wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0"})
        try:
            operation, _ = get_service_router(self.name).match(request)
        except (HTTPException, NotImplementedError):
            return None
        return operation.name

    def serialize_error(self, status: int, error: ServiceException) -> Reply:
        """An error as the service answers it."""
        serializer = get_serializer_class(self.name, self.protocol)(OperationModel({}, self.model))
        response = cast("dict[str, Any]", serializer.serialize(error))
        body = response["body"]
        return Reply(status, dict(response["headers"]), body.encode() if isinstance(body, str) else body)


def build_json_error(status: int, code: str, message: str) -> Reply:
    """An error of a service without a model."""
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    return Reply(status, headers, json.dumps({"__type": code, "message": message}).encode())
