"""InvokeEndpoint of the simulator in this process, without the overhead of a client, which takes ten times as long.

The responses are the same as a client's; tests of the simulator use both.
"""

from __future__ import annotations

import io
import json
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.aws.account import current_account
from rehearsal.aws.constants import REGION
from rehearsal.aws.inference.routing import Invocation, Reply, handle_invocation


class LocalRuntime:
    """The part of a sagemaker-runtime client that a replay uses."""

    def invoke_endpoint(
        self, *, EndpointName: str, ContentType: str, Body: bytes, TargetVariant: str | None = None,
        InferenceId: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Raises ClientError, as the client does."""
        reply = handle_invocation(
            current_account(), Invocation(REGION, EndpointName, Body, ContentType, TargetVariant, InferenceId)
        )
        if reply.status >= 400:
            raise _to_client_error(reply)
        return {
            "Body": io.BytesIO(reply.body),
            "ContentType": reply.headers["Content-Type"],
            "InvokedProductionVariant": reply.headers["x-Amzn-Invoked-Production-Variant"],
        }


def _to_client_error(reply: Reply) -> ClientError:
    body = json.loads(reply.body)
    message = body.get("message") or body.get("Message", "")
    response: Any = {
        "Error": {"Code": reply.headers["x-amzn-ErrorType"], "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": reply.status},
    }
    return ClientError(response, "InvokeEndpoint")
