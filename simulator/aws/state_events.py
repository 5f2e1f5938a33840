"""The event that SageMaker sends to EventBridge whenever an endpoint's status changes.

Source: SageMaker developer guide, "Events that Amazon SageMaker AI sends to Amazon EventBridge", "SageMaker endpoint
state change".
"""

from __future__ import annotations

import re

from simulator.aws.endpoint import Endpoint
from simulator.aws.world import PlatformEvent, World


def status_changed(here: World, endpoint: Endpoint) -> None:
    """Queues the event; it is delivered once nothing is locked."""
    detail: dict[str, object] = {
        "EndpointName": endpoint.endpoint_name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": endpoint.endpoint_config_name,
        "EndpointStatus": event_status(endpoint.endpoint_status),
        "CreationTime": int(endpoint.creation_time.timestamp() * 1000),
        "LastModifiedTime": int(endpoint.last_modified_time.timestamp() * 1000),
        "Tags": {tag["Key"]: tag["Value"] for tag in endpoint.tags},
    }
    if endpoint.failure_reason:
        detail["FailureReason"] = endpoint.failure_reason
    here.events.append(
        PlatformEvent(
            endpoint.region,
            "aws.sagemaker",
            "SageMaker Endpoint State Change",
            detail,
            (endpoint.arn,),
            endpoint.last_modified_time,
        )
    )


def event_status(status: str) -> str:
    """A status as events write it: InService -> IN_SERVICE."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", status).upper()
