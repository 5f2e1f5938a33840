"""The rollback function: reads the event, drives the rollback, says what it did."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import import_module
from typing import Any, cast

from tidewatch import clock, metrics
from tidewatch.traffic import (
    Clients,
    Place,
    RollbackPlan,
    RollbackRequest,
    RollbackResult,
    TrafficController,
    drive,
)

WAIT_SECONDS = 50
"""How long an alarm's or operator's call waits for the weights, by the clock; the sweep takes over after it."""


@dataclass(frozen=True)
class Environment:
    """The function's configuration, from its environment variables."""

    model: str
    endpoint: str
    ledger: str
    control: str
    plan: RollbackPlan

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Environment:
        """Raises KeyError naming the first of MODEL, ENDPOINT, LEDGER, CONTROL and TARGET that is missing."""
        plan = RollbackPlan(
            target=variables["TARGET"],
            floor=int(variables.get("FLOOR") or 1),
            abort_alarm=variables.get("ABORT_ALARM", ""),
            monitoring_bucket=variables.get("MONITORING_BUCKET", ""),
            topic=variables.get("TOPIC", ""),
            environment=variables.get("ENVIRONMENT", ""),
        )
        return cls(
            model=variables["MODEL"],
            endpoint=variables["ENDPOINT"],
            ledger=variables["LEDGER"],
            control=variables["CONTROL"],
            plan=plan,
        )


class UnknownEventError(ValueError):
    """An event of a form that nothing of ours sends."""


@cache
def environment() -> Environment:
    return Environment.read(os.environ)


@cache
def clients() -> Clients:
    """Made once per process; boto3 is imported here, so that the module itself loads at once."""
    client = cast("Any", import_module("boto3")).client
    # A call that hangs must not use up the minute that a rollback promises, nor outlast the lease it is made under.
    config = import_module("botocore.config").Config(
        connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2}
    )
    return Clients(
        sagemaker=client("sagemaker", config=config),
        dynamodb=client("dynamodb", config=config),
        cloudwatch=client("cloudwatch", config=config),
        s3=client("s3", config=config),
        sns=client("sns", config=config),
    )


@cache
def controller() -> TrafficController:
    """Kept between calls: what it has read of the ledger never changes."""
    here = environment()
    return TrafficController(clients(), Place(here.model, here.endpoint, here.ledger, here.control))


def handler(event: Mapping[str, Any] | None, context: object = None) -> dict[str, object]:  # noqa: ARG001
    """Lambda's entry point. Events: a CloudWatch alarm's action, `{"action": "rollback", "reason", "by"}`, SageMaker's
    endpoint state change, `{"action": "sweep"}`; an empty one is an operator's request."""
    here = environment()
    request = requested(event or {})
    deadline = None
    if request.trigger in ("alarm", "operator"):
        deadline = request.requested_at + timedelta(seconds=WAIT_SECONDS)
    result = drive(request, controller(), here.plan, deadline)
    print(emitted(result, controller(), here))
    return result.to_json()


def requested(event: Mapping[str, Any]) -> RollbackRequest:
    """The request in an event. Raises UnknownEventError, so that a stray event is never taken for a rollback."""
    now = clock.current().now()
    if "alarmData" in event:
        alarm = event["alarmData"]
        state = alarm.get("state", {})
        if state.get("value") != "ALARM":
            raise UnknownEventError(
                f"Alarm {alarm.get('alarmName', '')} is {state.get('value')}: only ALARM rolls back. "
                "Take this function out of the alarm's other actions."
            )
        reason = f"Alarm {alarm.get('alarmName', '')}: {state.get('reason', '')}"
        return RollbackRequest(
            "alarm", reason, now, "", str(event.get("alarmArn", "")), str(state.get("timestamp", ""))
        )
    if event.get("detail-type") == "SageMaker Endpoint State Change":
        return RollbackRequest("event", "The endpoint changed its state.", now)
    if event.get("action") == "sweep":
        return RollbackRequest("sweep", "The sweep of each minute.", now)
    if not event or event.get("action") == "rollback":
        by = str(event.get("by") or "")
        return RollbackRequest("operator", str(event.get("reason") or "An operator asked for it."), now, by)
    raise UnknownEventError(
        "This event is no alarm, no endpoint state change, no sweep and no rollback; "
        'send {"action": "rollback"} to roll back.'
    )


def emitted(result: RollbackResult, traffic: TrafficController, here: Environment) -> str:
    """The metrics of this call, as a line of the log."""
    values = {
        **traffic.gauges(),
        metrics.ROLLBACK_DRIVEN: float(result.state in ("pending", "flipping", "observed", "blocked")),
        metrics.ROLLBACK_BLOCKED: float(result.state == "blocked"),
    }
    if result.receipt.api_accepted_s is not None:
        values[metrics.ROLLBACK_ACCEPTED] = result.receipt.api_accepted_s
    if result.receipt.weights_observed_s is not None:
        values[metrics.ROLLBACK_OBSERVED] = result.receipt.weights_observed_s
    return metrics.embedded(values, {"Endpoint": here.model}, clock.current().now())
