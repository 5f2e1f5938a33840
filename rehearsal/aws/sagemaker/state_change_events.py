"""The event that SageMaker sends to EventBridge when an endpoint's status changes.

Source: SageMaker developer guide, "Events that Amazon SageMaker AI sends to Amazon EventBridge", "SageMaker endpoint
state change".
"""

from __future__ import annotations

import re

from rehearsal.aws.account import SimulatedAccount
from rehearsal.aws.events.platform_event import PlatformEvent
from rehearsal.aws.sagemaker.endpoint import SimulatedEndpoint


def emit_status_change(account: SimulatedAccount, endpoint: SimulatedEndpoint) -> None:
    """Queues the event; it is delivered when no lock is held."""
    detail: dict[str, object] = {
        "EndpointName": endpoint.endpoint_name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": endpoint.endpoint_config_name,
        "EndpointStatus": to_event_status(endpoint.endpoint_status),
        "CreationTime": int(endpoint.creation_time.timestamp() * 1000),
        "LastModifiedTime": int(endpoint.last_modified_time.timestamp() * 1000),
        "Tags": {tag["Key"]: tag["Value"] for tag in endpoint.tags},
    }
    if endpoint.failure_reason:
        detail["FailureReason"] = endpoint.failure_reason
    account.events.append(
        PlatformEvent(
            endpoint.region,
            "aws.sagemaker",
            "SageMaker Endpoint State Change",
            detail,
            (endpoint.arn,),
            endpoint.last_modified_time,
        )
    )


def to_event_status(status: str) -> str:
    """A status in the form of events: InService -> IN_SERVICE."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", status).upper()
