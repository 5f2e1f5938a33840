"""SageMaker's errors, with its codes and messages."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class ValidationException(ServiceException):
    """SageMaker's code for nearly all refusals; a client can distinguish them only by the message."""

    code = "ValidationException"


class ResourceLimitExceeded(ServiceException):
    """SageMaker's error for a quota."""

    code = "ResourceLimitExceeded"
