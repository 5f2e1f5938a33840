"""InvokeEndpoint of the simulator in this process, without a client's way to it, which takes ten times as long.

The answers are those that a client gets; tests of the simulator ask the one and the other.
"""

from __future__ import annotations

import io
import json
from typing import Any

from botocore.exceptions import ClientError

from simulator.aws.routing import Invocation, Reply, invoke
from simulator.aws.world import REGION, world


class LocalRuntime:
    """What a replay needs of a client of sagemaker-runtime."""

    def invoke_endpoint(
        self, *, EndpointName: str, ContentType: str, Body: bytes, TargetVariant: str | None = None,
        InferenceId: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Raises ClientError, as the client does."""
        reply = invoke(world(), Invocation(REGION, EndpointName, Body, ContentType, TargetVariant, InferenceId))
        if reply.status >= 400:
            raise _refused(reply)
        return {
            "Body": io.BytesIO(reply.body),
            "ContentType": reply.headers["Content-Type"],
            "InvokedProductionVariant": reply.headers["x-Amzn-Invoked-Production-Variant"],
        }


def _refused(reply: Reply) -> ClientError:
    told = json.loads(reply.body)
    message = told.get("message") or told.get("Message", "")
    answer: Any = {
        "Error": {"Code": reply.headers["x-amzn-ErrorType"], "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": reply.status},
    }
    return ClientError(answer, "InvokeEndpoint")
