"""The rollback function: reads the event, drives the rollback, says what it did."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from tidewatch import clock, metrics
from tidewatch.items import described
from tidewatch.text import logged, plain
from tidewatch.traffic import (
    Clients,
    Copies,
    Place,
    RollbackPlan,
    RollbackRequest,
    RollbackResult,
    TrafficController,
    drive,
    invocation,
)

if TYPE_CHECKING:
    from tidewatch.budget import Budgets

WAIT_SECONDS = 50
"""How long an alarm's or operator's call waits for the weights, by the clock; the sweep takes over after it."""


@dataclass(frozen=True)
class Environment:
    """The function's configuration, from its environment variables."""

    key: str
    endpoint: str
    ledger: str
    control: str
    plan: RollbackPlan
    copies: str = ""
    """The bucket that the ledger is copied to; "" where there is none."""
    objectives: str = ""
    """What is promised to users, as JSON by kind; "" or {} is nothing."""

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Environment:
        """Raises KeyError naming the first of STACK_KEY, ENDPOINT, LEDGER, CONTROL and TARGET that is missing."""
        plan = RollbackPlan(
            target=variables["TARGET"],
            floor=int(variables.get("FLOOR") or 1),
            guardrails=tuple(json.loads(variables.get("GUARDRAILS") or "[]")),
            abort_alarm=variables.get("ABORT_ALARM", ""),
            monitoring_bucket=variables.get("MONITORING_BUCKET", ""),
            topic=variables.get("TOPIC", ""),
            environment=variables.get("ENVIRONMENT", ""),
            alarm=variables.get("ALARM", ""),
            runbooks=variables.get("RUNBOOKS") or "runbooks",
            dashboard=variables.get("DASHBOARD", ""),
            reports=variables.get("REPORTS", ""),
            chat=variables.get("CHAT") == "true",
            automatic=variables.get("AUTOMATIC", "true") != "false",
            command=_command(variables),
        )
        return cls(
            key=variables["STACK_KEY"],
            endpoint=variables["ENDPOINT"],
            ledger=variables["LEDGER"],
            control=variables["CONTROL"],
            plan=plan,
            copies=variables.get("COPIES", ""),
            objectives=variables.get("OBJECTIVES", ""),
        )


def _command(variables: Mapping[str, str]) -> str:
    """The call of this very function: its name is Lambda's to tell, as it cannot be an input of itself."""
    name, region = variables.get("AWS_LAMBDA_FUNCTION_NAME"), variables.get("AWS_REGION")
    return invocation(name, region) if name and region else ""


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
    return TrafficController(clients(), Place(here.key, here.endpoint, here.ledger, here.control))


def handler(event: Mapping[str, Any] | None, context: object = None) -> dict[str, object]:  # noqa: ARG001
    """Lambda's entry point. Events: a CloudWatch alarm's action, `{"action": "rollback", "reason", "by"}`, SageMaker's
    endpoint state change, `{"action": "sweep"}`; an empty one is an operator's request."""
    here = environment()
    request = requested(event or {})
    deadline = None
    if request.trigger in ("alarm", "operator"):
        deadline = request.requested_at + timedelta(seconds=WAIT_SECONDS)
    result = drive(request, controller(), here.plan, deadline)
    try:
        for line in emitted(result, controller(), here):
            print(line)
    except Exception as error:
        # Who asked for a rollback gets its answer; a sweep that cannot say how things stand has failed.
        if deadline is None:
            raise
        print(logged(f"The metrics of this call were not emitted: {described(error)}"))
    if request.trigger == "sweep" and result.state in ("nothing", "closed"):
        keep_copies(here)
        emit_budgets(here, clock.current().now())
    return result.to_json()


def keep_copies(here: Environment) -> None:
    """Copies the ledger's new entries. What fails is a line of the log, and done by a later sweep."""
    s3, traffic = clients().s3, controller()
    if not here.copies or s3 is None:
        return
    try:
        Copies(s3, here.copies).keep(traffic.ledger, traffic.control)
    except Exception as error:
        print(logged(f"The ledger was not copied: {described(error)}"))


def requested(event: Mapping[str, Any]) -> RollbackRequest:
    """The request in an event. Raises UnknownEventError, so that a stray event is never taken for a rollback."""
    now = clock.current().now()
    if "alarmData" in event:
        alarm = event["alarmData"]
        state = alarm.get("state", {})
        if state.get("value") != "ALARM":
            raise UnknownEventError(
                f"Alarm {plain(str(alarm.get('alarmName', '')))} is {plain(str(state.get('value')))}: only ALARM rolls "
                "back. Take this function out of the alarm's other actions."
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


@cache
def budgets() -> Budgets | None:
    """Made by the first sweep that has time for it; None without objectives. A rollback waits for no import of it."""
    here = environment()
    if here.objectives in ("", "{}"):
        return None
    from tidewatch.budget import Budgets, objectives

    return Budgets(objectives(here.objectives), here.endpoint, slots())


def slots() -> list[str]:
    """Every slot there is or was: what one that is gone did to users still counts."""
    here = environment()
    splits = [split for entry in controller().entries() for split in (entry.before, entry.after) if split]
    return sorted({here.plan.target, *(slot for split in splits for slot in split.shares)})


def emit_budgets(here: Environment, now: datetime) -> None:
    """Emits what of the error budgets is used, every five minutes. What fails is a line of the log."""
    try:
        promised = budgets()
        if promised is None or not promised.due(now):
            return
        # One that was added since the last reading is counted from now on.
        promised.slots = slots()
        for kind, used in promised.used(clients().cloudwatch, now).items():
            dimensions = {"Endpoint": here.key, "Objective": kind}
            print(metrics.embedded({metrics.BUDGET_USED: used}, dimensions, now))
    except Exception as error:
        print(logged(f"The error budgets were not read: {described(error)}"))


def emitted(result: RollbackResult, traffic: TrafficController, here: Environment) -> Iterator[str]:
    """The metrics of this call, as lines of the log: the endpoint's, and those of each slot."""
    now, gauges = clock.current().now(), traffic.gauges()
    values = {
        **gauges.endpoint,
        metrics.ROLLBACK_DRIVEN: float(result.state in ("pending", "flipping", "observed", "blocked")),
        metrics.ROLLBACK_BLOCKED: float(result.state == "blocked"),
    }
    if result.receipt.api_accepted_s is not None:
        values[metrics.ROLLBACK_ACCEPTED] = result.receipt.api_accepted_s
    if result.receipt.weights_observed_s is not None:
        values[metrics.ROLLBACK_OBSERVED] = result.receipt.weights_observed_s
    yield metrics.embedded(values, {"Endpoint": here.key}, now)
    for slot, share in gauges.shares.items():
        said = {"Role": "champion" if slot == here.plan.target else "challenger"}
        if slot in gauges.served:
            said |= {"Version": gauges.served[slot].version, "Since": gauges.served[slot].since}
        yield metrics.embedded({metrics.LIVE_SHARE: share}, {"Endpoint": here.key, "Variant": slot}, now, said)
