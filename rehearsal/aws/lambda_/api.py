"""Lambda's Invoke, synchronous and asynchronous, with retries and destinations; moto's needs Docker.

Source: Lambda developer guide, "Asynchronous invocation" (two retries, on-failure destination) and "Invoke" API.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from moto.awslambda.models import LambdaBackend, LambdaFunction, lambda_backends
from moto.awslambda.responses import LambdaResponse
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from rehearsal.aws import latencies
from rehearsal.aws.account import SimulatedAccount, current_account
from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.identity.permission import RequiredPermission
from rehearsal.aws.identity.policy_evaluation import is_role_allowed
from rehearsal.aws.lambda_ import function_logging, function_metrics
from rehearsal.aws.lambda_.async_invocation import AsyncInvocation
from rehearsal.aws.lambda_.function_host import InvocationResult

_DESTINATION_ACTIONS = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "lambda": "lambda:InvokeFunction"}
"""Service of a destination -> the action that the function's role needs on it."""
MAX_PAYLOAD_BYTES = {"RequestResponse": 6 << 20, "Event": 1 << 20}
"""Bytes. Source: Lambda API reference, "Invoke"."""


def install() -> None:
    """Patches Invoke of moto's Lambda."""
    LambdaResponse.invoke = invoke_function  # type: ignore[method-assign]
    LambdaFunction._invoke_lambda = _invoke_lambda  # type: ignore[method-assign]
    LambdaBackend.send_sns_message = _send_sns_message  # type: ignore[method-assign]


def invoke_function(self: LambdaResponse) -> Any:
    """Invoke: RequestResponse waits for the function, Event starts it in a thread, DryRun runs nothing."""
    function = self.backend.get_function(unquote(self.path.rsplit("/", 2)[-2]), self._get_param("qualifier"))
    payload = self.raw_body or b"null"
    try:
        json.loads(payload)
    except (ValueError, RecursionError):
        body = {"Type": "User", "message": "Could not parse request body into json"}
        return 400, {"x-amzn-ErrorType": "InvalidRequestContentException", "status": 400}, json.dumps(body)
    invocation_type = self.headers.get("X-Amz-Invocation-Type") or "RequestResponse"
    if (limit := MAX_PAYLOAD_BYTES.get(invocation_type)) and len(payload) > limit:
        return _build_too_large_error(len(payload), invocation_type, limit)
    if invocation_type == "DryRun":
        return 204, {"status": 204}, ""
    if invocation_type == "Event":
        invoke_async(current_account(), self.region, function.function_name, payload)
        return 202, {"status": 202}, ""
    if function_metrics.is_throttled(current_account(), function):
        body = {"Type": "User", "Reason": "ConcurrentInvocationLimitExceeded", "message": "Rate Exceeded."}
        return 429, {"x-amzn-ErrorType": "TooManyRequestsException", "status": 429}, json.dumps(body)
    result = run_function(current_account(), function, payload)
    headers = {"content-type": "application/json", "X-Amz-Executed-Version": "$LATEST", "status": 200}
    if result.error:
        headers["X-Amz-Function-Error"] = result.error
    if self.headers.get("X-Amz-Log-Type") == "Tail":
        headers["X-Amz-Log-Result"] = base64.b64encode(result.log.encode()[-4096:]).decode()
    return 200, headers, result.payload


def _build_too_large_error(size: int, invocation_type: str, limit: int) -> Any:
    message = f"{size} byte payload is too large for the {invocation_type} invocation type (limit {limit} bytes)"
    body = json.dumps({"Type": "User", "message": message})
    return 413, {"x-amzn-ErrorType": "RequestEntityTooLargeException", "status": 413}, body


def run_function(account: SimulatedAccount, function: Any, payload: bytes) -> InvocationResult:
    """Runs a function, and stores its log and its metrics."""
    started = account.now()
    result = account.functions.run(function, payload)
    function_metrics.record_invocation(account, function, result, started)
    function_logging.save_log(function, result, account.now())
    return result


def invoke_async(account: SimulatedAccount, region: str, function: str, payload: bytes) -> None:
    """Accepts an asynchronous invocation, which starts at once in its own thread."""
    _start_delivery(account, _accept(account, region, function, payload))


def invoke_sequentially(account: SimulatedAccount, region: str, function: str, payloads: list[bytes]) -> None:
    """Accepts several asynchronous invocations, which run one after the other."""

    def deliver_all() -> None:
        for payload in payloads:
            _deliver(account, _accept(account, region, function, payload))

    _run_in_thread(account, deliver_all)


def _accept(account: SimulatedAccount, region: str, function: str, payload: bytes) -> AsyncInvocation:
    now = account.now()
    return AsyncInvocation(region, function, payload, now, now)


def start_due_retries(account: SimulatedAccount, now: datetime) -> None:
    """Starts the retries that are due."""
    with account.lock:
        due = [delivery for delivery in account.retries if delivery.due_at <= now]
        account.retries = [delivery for delivery in account.retries if delivery.due_at > now]
    for delivery in due:
        _start_delivery(account, delivery)


def _start_delivery(account: SimulatedAccount, delivery: AsyncInvocation) -> None:
    _run_in_thread(account, lambda: _deliver(account, delivery))


def _run_in_thread(account: SimulatedAccount, work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work, daemon=True)
    account.invocation_threads.append(thread)
    account.invocation_threads[:] = [
        other for other in account.invocation_threads if other is thread or other.is_alive()
    ]
    thread.start()


def _deliver(account: SimulatedAccount, delivery: AsyncInvocation) -> None:
    try:
        function = lambda_backends[ACCOUNT][delivery.region].get_function(delivery.function, None)
    except Exception:
        # The function has been deleted: moto raises a different class for each form of the name.
        return
    if delivery.attempt == 1 and not delivery.throttles:
        function_metrics.count_async_event(account, function, "AsyncEventsReceived")
        if account.faults.take("delivered_twice", function=delivery.function) is not None:
            _start_delivery(account, delivery)
    config = function.event_invoke_config[-1].config if function.event_invoke_config else {}
    if function_metrics.is_throttled(account, function):
        _wait_for_concurrency(account, function, delivery, config)
        return
    result = run_function(account, function, delivery.payload)
    if not result.error:
        return
    waits = latencies.EVENT_RETRY_SECONDS[: int(config.get("MaximumRetryAttempts", 2))]
    if delivery.attempt <= len(waits):
        _schedule_retry(account, replace(delivery, attempt=delivery.attempt + 1), waits[delivery.attempt - 1])
        return
    _give_up(account, function, delivery, config, result)


def _schedule_retry(account: SimulatedAccount, delivery: AsyncInvocation, wait: float) -> None:
    due_at, wall_due = account.now() + timedelta(seconds=wait), time.monotonic() + wait * account.clock.pace
    with account.lock:
        account.retries.append(replace(delivery, due_at=due_at, wall_due=wall_due))


def _wait_for_concurrency(
    account: SimulatedAccount, function: Any, delivery: AsyncInvocation, config: Mapping[str, Any]
) -> None:
    """Schedules a throttled event again, without counting the attempt.

    Source: developer guide, "How Lambda handles errors and retries with asynchronous invocation": back in the queue
    "for up to 6 hours by default", after 1 second at first, then exponentially longer up to 5 minutes.
    """
    age = (account.now() - delivery.accepted_at).total_seconds()
    if age >= int(config.get("MaximumEventAgeInSeconds") or latencies.EVENT_AGE_SECONDS):
        _give_up(account, function, delivery, config, None)
        return
    wait = min(2.0**delivery.throttles, latencies.THROTTLE_WAIT_SECONDS)
    _schedule_retry(account, replace(delivery, throttles=delivery.throttles + 1), wait)


def _give_up(
    account: SimulatedAccount,
    function: Any,
    delivery: AsyncInvocation,
    config: Mapping[str, Any],
    result: InvocationResult | None,
) -> None:
    target = ((config.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    if target:
        try:
            sent = is_role_allowed(function, RequiredPermission(_DESTINATION_ACTIONS[target.split(":")[2]], target))
            if sent:
                send_message(account, target, _build_destination_record(account, function, delivery, result))
        except Exception:
            sent = False
        if not sent:
            # moto raises a different class for each kind of missing destination.
            function_metrics.count_async_event(account, function, "DestinationDeliveryFailures")
    function_metrics.count_async_event(account, function, "AsyncEventsDropped")


def _build_destination_record(
    account: SimulatedAccount, function: Any, delivery: AsyncInvocation, result: InvocationResult | None
) -> str:
    """The record of a failed invocation; a `result` of None means that it never ran.

    Source: Lambda developer guide, "Adding a destination".
    """
    context = {
        "requestId": result.request_id if result else str(uuid.uuid4()),
        "functionArn": f"{function.function_arn}:$LATEST",
        "condition": "RetriesExhausted" if result else "EventAgeExceeded",
        "approximateInvokeCount": delivery.attempt if result else delivery.attempt - 1,
    }
    record: dict[str, Any] = {"version": "1.0", "timestamp": account.now().isoformat(), "requestContext": context}
    record["requestPayload"] = json.loads(delivery.payload)
    if result:
        record["responseContext"] = {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": result.error,
        }
        record["responsePayload"] = json.loads(result.payload)
    return json.dumps(record)


def send_message(account: SimulatedAccount, target: str, message: str, subject: str | None = None) -> None:
    """Sends a message to the queue, topic or function of an ARN. Raises ValueError for any other target."""
    service, region, name = target.split(":")[2], target.split(":")[3], target.split(":")[-1]
    if service == "sqs":
        sqs_backends[ACCOUNT][region].send_message(name, message)
    elif service == "sns":
        sns_backends[ACCOUNT][region].publish(message=message, arn=target, subject=subject)
    elif service == "lambda":
        invoke_async(account, region, parse_function_name(target), message.encode())
    else:
        raise ValueError(f"The simulator delivers to queues, topics and functions, not to {target}.")


def parse_function_name(arn: str) -> str:
    """The name in a function's ARN, qualified or not."""
    return arn.split(":function:")[1].partition(":")[0]


def _invoke_lambda(self: Any, event: Any = None) -> tuple[str, bool, str]:
    """The invocation by moto's own callers: queues, streams, log subscriptions."""
    payload = event if isinstance(event, str) else json.dumps(event)
    result = run_function(current_account(), self, payload.encode())
    return result.payload.decode(), result.error is not None, result.log


def _send_sns_message(
    self: LambdaBackend, function_name: str, message: str, subject: str | None = None, qualifier: str | None = None
) -> None:
    """Invokes a function asynchronously for a topic; moto would run it during the publish."""
    function = self.get_function(function_name, qualifier)
    sns = {"Type": "Notification", "MessageId": str(uuid.uuid4()), "Subject": subject, "Message": message}
    event = {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": sns}]}
    invoke_async(current_account(), self.region_name, function.function_name, json.dumps(event).encode())
