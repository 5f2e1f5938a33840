"""Lambda's Invoke in place of moto's, which needs Docker: synchronous and asynchronous, with retries and destinations.

Source: Lambda developer guide, "Asynchronous invocation" (two retries, on-failure destination) and "Invoke" API.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from moto.awslambda.models import LambdaBackend, LambdaFunction, lambda_backends
from moto.awslambda.responses import LambdaResponse
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from simulator.aws import durations, function_logging, function_metrics
from simulator.aws.functions import Outcome
from simulator.aws.identity.decision import may
from simulator.aws.identity.need import Need
from simulator.aws.world import ACCOUNT, World, world

_SENDS = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "lambda": "lambda:InvokeFunction"}
"""The service of a destination -> what the function's role must be allowed on it."""
LARGEST_PAYLOADS = {"RequestResponse": 6 << 20, "Event": 1 << 20}
"""Bytes. Source: Lambda API reference, "Invoke"."""


@dataclass(frozen=True)
class Delivery:
    """An asynchronous invocation that is to be made, or made again, at `due`."""

    region: str
    function: str
    payload: bytes
    due: datetime
    accepted: datetime
    attempt: int = 1
    throttles: int = 0
    wall_due: float = 0.0


def install() -> None:
    """Sets Invoke on moto's Lambda."""
    LambdaResponse.invoke = invoke  # type: ignore[method-assign]
    LambdaFunction._invoke_lambda = _invoke_lambda  # type: ignore[method-assign]
    LambdaBackend.send_sns_message = _send_sns_message  # type: ignore[method-assign]


def invoke(self: LambdaResponse) -> Any:
    """Invoke: RequestResponse waits for the function, Event is accepted and run beside, DryRun runs nothing."""
    function = self.backend.get_function(unquote(self.path.rsplit("/", 2)[-2]), self._get_param("qualifier"))
    payload = self.raw_body or b"null"
    try:
        json.loads(payload)
    except (ValueError, RecursionError):
        body = {"Type": "User", "message": "Could not parse request body into json"}
        return 400, {"x-amzn-ErrorType": "InvalidRequestContentException", "status": 400}, json.dumps(body)
    kind = self.headers.get("X-Amz-Invocation-Type") or "RequestResponse"
    if (largest := LARGEST_PAYLOADS.get(kind)) and len(payload) > largest:
        return _too_large(len(payload), kind, largest)
    if kind == "DryRun":
        return 204, {"status": 204}, ""
    if kind == "Event":
        invoke_later(world(), self.region, function.function_name, payload)
        return 202, {"status": 202}, ""
    if function_metrics.throttled(world(), function):
        body = {"Type": "User", "Reason": "ConcurrentInvocationLimitExceeded", "message": "Rate Exceeded."}
        return 429, {"x-amzn-ErrorType": "TooManyRequestsException", "status": 429}, json.dumps(body)
    outcome = run(world(), function, payload)
    headers = {"content-type": "application/json", "X-Amz-Executed-Version": "$LATEST", "status": 200}
    if outcome.error:
        headers["X-Amz-Function-Error"] = outcome.error
    if self.headers.get("X-Amz-Log-Type") == "Tail":
        headers["X-Amz-Log-Result"] = base64.b64encode(outcome.log.encode()[-4096:]).decode()
    return 200, headers, outcome.payload


def _too_large(size: int, kind: str, largest: int) -> Any:
    message = f"{size} byte payload is too large for the {kind} invocation type (limit {largest} bytes)"
    body = json.dumps({"Type": "User", "message": message})
    return 413, {"x-amzn-ErrorType": "RequestEntityTooLargeException", "status": 413}, body


def run(here: World, function: Any, payload: bytes) -> Outcome:
    """Runs a function and puts its log where CloudWatch Logs keeps it, and its metrics beside."""
    began = here.now()
    outcome = here.functions.run(function, payload)
    function_metrics.ran(here, function, outcome, began)
    function_logging.save(function, outcome, here.now())
    return outcome


def invoke_later(here: World, region: str, function: str, payload: bytes) -> None:
    """Accepts an asynchronous invocation; it starts at once, in a thread of its own."""
    _start(here, _accepted(here, region, function, payload))


def invoke_in_turn(here: World, region: str, function: str, payloads: list[bytes]) -> None:
    """Accepts several asynchronous invocations that run one after the other."""

    def deliver() -> None:
        for payload in payloads:
            _deliver(here, _accepted(here, region, function, payload))

    _run_beside(here, deliver)


def _accepted(here: World, region: str, function: str, payload: bytes) -> Delivery:
    now = here.now()
    return Delivery(region, function, payload, now, now)


def retry_due(here: World, now: datetime) -> None:
    """Starts the retries whose time has come."""
    with here.lock:
        due = [delivery for delivery in here.retries if delivery.due <= now]
        here.retries = [delivery for delivery in here.retries if delivery.due > now]
    for delivery in due:
        _start(here, delivery)


def _start(here: World, delivery: Delivery) -> None:
    _run_beside(here, lambda: _deliver(here, delivery))


def _run_beside(here: World, work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work, daemon=True)
    here.running.append(thread)
    here.running[:] = [one for one in here.running if one is thread or one.is_alive()]
    thread.start()


def _deliver(here: World, delivery: Delivery) -> None:
    try:
        function = lambda_backends[ACCOUNT][delivery.region].get_function(delivery.function, None)
    except Exception:
        # The function was deleted meanwhile: moto raises a different class for each way to ask.
        return
    if delivery.attempt == 1 and not delivery.throttles:
        function_metrics.counted(here, function, "AsyncEventsReceived")
        if here.faults.take("delivered_twice", function=delivery.function) is not None:
            _start(here, delivery)
    config = function.event_invoke_config[-1].config if function.event_invoke_config else {}
    if function_metrics.throttled(here, function):
        _wait_for_concurrency(here, function, delivery, config)
        return
    outcome = run(here, function, delivery.payload)
    if not outcome.error:
        return
    waits = durations.EVENT_RETRY_SECONDS[: int(config.get("MaximumRetryAttempts", 2))]
    if delivery.attempt <= len(waits):
        _later(here, replace(delivery, attempt=delivery.attempt + 1), waits[delivery.attempt - 1])
        return
    _give_up(here, function, delivery, config, outcome)


def _later(here: World, delivery: Delivery, wait: float) -> None:
    due, wall_due = here.now() + timedelta(seconds=wait), time.monotonic() + wait * here.clock.pace
    with here.lock:
        here.retries.append(replace(delivery, due=due, wall_due=wall_due))


def _wait_for_concurrency(here: World, function: Any, delivery: Delivery, config: Mapping[str, Any]) -> None:
    """Throttled attempts are no attempts. Source: developer guide, "How Lambda handles errors and retries with
    asynchronous invocation": back in the queue "for up to 6 hours by default", after 1 second at first, then
    exponentially longer up to 5 minutes."""
    age = (here.now() - delivery.accepted).total_seconds()
    if age >= int(config.get("MaximumEventAgeInSeconds") or durations.EVENT_AGE_SECONDS):
        _give_up(here, function, delivery, config, None)
        return
    wait = min(2.0**delivery.throttles, durations.THROTTLE_WAIT_SECONDS)
    _later(here, replace(delivery, throttles=delivery.throttles + 1), wait)


def _give_up(
    here: World, function: Any, delivery: Delivery, config: Mapping[str, Any], outcome: Outcome | None
) -> None:
    target = ((config.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    if target:
        try:
            sent = may(function, Need(_SENDS[target.split(":")[2]], target))
            if sent:
                send(here, target, _record(here, function, delivery, outcome))
        except Exception:
            sent = False
        if not sent:
            # moto raises a class of its own for each kind of destination that is not there.
            function_metrics.counted(here, function, "DestinationDeliveryFailures")
    function_metrics.counted(here, function, "AsyncEventsDropped")


def _record(here: World, function: Any, delivery: Delivery, outcome: Outcome | None) -> str:
    """The record of a given-up invocation; outcome: None where it never ran. Source: Lambda developer guide, "Adding
    a destination"."""
    context = {
        "requestId": outcome.request_id if outcome else str(uuid.uuid4()),
        "functionArn": f"{function.function_arn}:$LATEST",
        "condition": "RetriesExhausted" if outcome else "EventAgeExceeded",
        "approximateInvokeCount": delivery.attempt if outcome else delivery.attempt - 1,
    }
    record: dict[str, Any] = {"version": "1.0", "timestamp": here.now().isoformat(), "requestContext": context}
    record["requestPayload"] = json.loads(delivery.payload)
    if outcome:
        record["responseContext"] = {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": outcome.error,
        }
        record["responsePayload"] = json.loads(outcome.payload)
    return json.dumps(record)


def send(here: World, target: str, message: str, subject: str | None = None) -> None:
    """Sends a message to the queue, topic or function of an ARN. Raises ValueError on any other target."""
    service, region, name = target.split(":")[2], target.split(":")[3], target.split(":")[-1]
    if service == "sqs":
        sqs_backends[ACCOUNT][region].send_message(name, message)
    elif service == "sns":
        sns_backends[ACCOUNT][region].publish(message=message, arn=target, subject=subject)
    elif service == "lambda":
        invoke_later(here, region, function_name(target), message.encode())
    else:
        raise ValueError(f"The simulator delivers to queues, topics and functions, not to {target}.")


def function_name(arn: str) -> str:
    """The name in a function's ARN, qualified or not."""
    return arn.split(":function:")[1].partition(":")[0]


def _invoke_lambda(self: Any, event: Any = None) -> tuple[str, bool, str]:
    """What moto's own callers (queues, streams, log subscriptions) use."""
    payload = event if isinstance(event, str) else json.dumps(event)
    outcome = run(world(), self, payload.encode())
    return outcome.payload.decode(), outcome.error is not None, outcome.log


def _send_sns_message(
    self: LambdaBackend, function_name: str, message: str, subject: str | None = None, qualifier: str | None = None
) -> None:
    """A topic calls a function asynchronously; moto would run it within the publish."""
    function = self.get_function(function_name, qualifier)
    sns = {"Type": "Notification", "MessageId": str(uuid.uuid4()), "Subject": subject, "Message": message}
    event = {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": sns}]}
    invoke_later(world(), self.region_name, function.function_name, json.dumps(event).encode())
