"""SageMaker's refusals, with the code and wording it uses."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class ValidationException(ServiceException):
    """SageMaker's one code for nearly every refusal; a client can tell them apart by the message only."""

    code = "ValidationException"


class ResourceLimitExceeded(ServiceException):
    """The error SageMaker declares for a quota."""

    code = "ResourceLimitExceeded"
