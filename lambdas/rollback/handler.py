"""The rollback function: parses the event, runs the rollback and emits metrics."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from tidewatch import clock, metrics
from tidewatch.aws.embedded_metrics import format_embedded_metrics
from tidewatch.aws.errors import summarize_error
from tidewatch.incidents import IncidentSettings
from tidewatch.rollback import (
    DEFAULT_REASON,
    RollbackPlan,
    RollbackRequest,
    RollbackResult,
    format_invocation,
    run_rollback,
)
from tidewatch.text import sanitize
from tidewatch.traffic import Clients, LedgerCopies, ResourceNames, TrafficController

if TYPE_CHECKING:
    from tidewatch.slo.error_budget import ErrorBudgets

LOGGER = logging.getLogger(__name__)

WAIT_SECONDS = 50
"""How long a call of an alarm or an operator waits for the weights. The sweep continues after it."""


@dataclass(frozen=True)
class RollbackEnvironment:
    """The function's configuration, from its environment variables."""

    key: str
    endpoint: str
    ledger: str
    control: str
    plan: RollbackPlan
    copy_bucket: str = ""
    """The bucket that the ledger is copied to; "" if there is none."""
    objectives: str = ""
    """The objectives as JSON by kind; "" or {} means none."""

    @classmethod
    def from_variables(cls, variables: Mapping[str, str]) -> RollbackEnvironment:
        """Reads the variables. STACK_KEY, ENDPOINT, LEDGER_TABLE, CONTROL_TABLE and CHAMPION are required.

        Raises KeyError for the first one that is missing.
        """
        plan = RollbackPlan(
            target=variables["CHAMPION"],
            floor=int(variables.get("FLOOR") or 1),
            guardrails=tuple(json.loads(variables.get("GUARDRAIL_ALARMS") or "[]")),
            abort_alarm=variables.get("ABORT_ALARM", ""),
            automatic=variables.get("AUTOMATIC", "true") != "false",
            command=_build_command(variables),
            incidents=IncidentSettings(
                stack=variables.get("STACK", ""),
                topic=variables.get("NOTIFICATION_TOPIC", ""),
                posts_to_slack=variables.get("SLACK_ENABLED") == "true",
                monitoring_bucket=variables.get("MONITORING_BUCKET", ""),
                health_alarm=variables.get("HEALTH_ALARM", ""),
                runbooks=variables.get("RUNBOOKS") or "runbooks",
                dashboard=variables.get("DASHBOARD_URL", ""),
                reports=variables.get("REPORTS_URL", ""),
            ),
        )
        return cls(
            key=variables["STACK_KEY"],
            endpoint=variables["ENDPOINT"],
            ledger=variables["LEDGER_TABLE"],
            control=variables["CONTROL_TABLE"],
            plan=plan,
            copy_bucket=variables.get("LEDGER_COPY_BUCKET", ""),
            objectives=variables.get("OBJECTIVES", ""),
        )


def _build_command(variables: Mapping[str, str]) -> str:
    """Returns the command that calls this function. Lambda sets its name: a function cannot be an input of itself."""
    name, region = variables.get("AWS_LAMBDA_FUNCTION_NAME"), variables.get("AWS_REGION")
    return format_invocation(name, region) if name and region else ""


class UnknownRollbackEvent(ValueError):
    """An event that no part of the stack sends."""


@cache
def get_environment() -> RollbackEnvironment:
    return RollbackEnvironment.from_variables(os.environ)


@cache
def get_clients() -> Clients:
    """Creates the clients once per process. boto3 is imported here, so that the module loads fast."""
    client = cast("Any", import_module("boto3")).client
    # A hanging call must not use up the minute that a rollback promises, nor outlast its lease.
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
def get_controller() -> TrafficController:
    """Returns the controller of this process. It is kept between calls because ledger entries never change."""
    env = get_environment()
    return TrafficController(get_clients(), ResourceNames(env.key, env.endpoint, env.ledger, env.control))


def handler(event: Mapping[str, Any] | None, context: object = None) -> dict[str, object]:  # noqa: ARG001
    """Handles an event of Lambda.

    Events are a CloudWatch alarm's action, `{"action": "rollback", "reason", "requested_by"}`, SageMaker's endpoint
    state change and `{"action": "sweep"}`. An empty event is an operator's request.
    """
    env = get_environment()
    request = parse_event(event or {})
    deadline = None
    if request.trigger in ("alarm", "operator"):
        deadline = request.requested_at + timedelta(seconds=WAIT_SECONDS)
    result = run_rollback(request, get_controller(), env.plan, deadline)
    try:
        for line in format_metrics(result, get_controller(), env):
            print(line)
    except Exception as error:
        # The requester of a rollback still gets its result, but a sweep without metrics has failed.
        if deadline is None:
            raise
        LOGGER.warning("The metrics of this call were not emitted: %s", summarize_error(error))
    if request.trigger == "sweep" and result.state in ("no_incident", "closed"):
        copy_ledger(env)
        emit_error_budgets(env, clock.get_clock().now())
    return result.to_json()


def copy_ledger(env: RollbackEnvironment) -> None:
    """Copies the new entries of the ledger. An error is logged, and a later sweep retries."""
    s3, traffic = get_clients().s3, get_controller()
    if not env.copy_bucket or s3 is None:
        return
    try:
        LedgerCopies(s3, env.copy_bucket).copy_new_entries(traffic.ledger, traffic.control)
    except Exception as error:
        LOGGER.warning("The ledger was not copied: %s", summarize_error(error))


def parse_event(event: Mapping[str, Any]) -> RollbackRequest:
    """Returns the request of an event.

    Raises UnknownRollbackEvent for any other event, so that none is mistaken for a rollback.
    """
    now = clock.get_clock().now()
    if "alarmData" in event:
        alarm = event["alarmData"]
        state = alarm.get("state", {})
        if state.get("value") != "ALARM":
            raise UnknownRollbackEvent(
                f"Alarm {sanitize(str(alarm.get('alarmName', '')))} is {sanitize(str(state.get('value')))}: only "
                "ALARM triggers a rollback. Remove this function from the alarm's other actions."
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
        requested_by = str(event.get("requested_by") or "")
        return RollbackRequest("operator", str(event.get("reason") or DEFAULT_REASON), now, requested_by)
    raise UnknownRollbackEvent(
        'This event is not an alarm, an endpoint state change, a sweep or a rollback; send {"action": "rollback"} to '
        "roll back."
    )


@cache
def get_error_budgets() -> ErrorBudgets | None:
    """Returns the error budgets, or None without objectives.

    Only a sweep that has time creates them, so that no rollback waits for the import.
    """
    env = get_environment()
    if env.objectives in ("", "{}"):
        return None
    from tidewatch.slo.error_budget import ErrorBudgets, parse_objectives

    return ErrorBudgets(parse_objectives(env.objectives), env.endpoint, list_variants())


def list_variants() -> list[str]:
    """Returns every variant that exists or existed: what a removed one did to users still counts."""
    env = get_environment()
    splits = [split for entry in get_controller().entries() for split in (entry.before, entry.after) if split]
    return sorted({env.plan.target, *(variant for split in splits for variant in split.shares)})


def emit_error_budgets(env: RollbackEnvironment, now: datetime) -> None:
    """Emits the used share of each error budget every five minutes. An error is logged."""
    try:
        error_budgets = get_error_budgets()
        if error_budgets is None or not error_budgets.is_due(now):
            return
        # A variant that was added since the last reading counts from now on.
        error_budgets.variants = list_variants()
        for kind, used_share in error_budgets.read_used_shares(get_clients().cloudwatch, now).items():
            dimensions = {"Stack": env.key, "Objective": kind}
            print(format_embedded_metrics({metrics.BUDGET_USED: used_share}, dimensions, now))
    except Exception as error:
        LOGGER.warning("The error budgets were not read: %s", summarize_error(error))


def format_metrics(result: RollbackResult, traffic: TrafficController, env: RollbackEnvironment) -> Iterator[str]:
    """Yields the metrics of this call as log lines: those of the endpoint, then those of each variant."""
    now, gauges = clock.get_clock().now(), traffic.read_gauges()
    values = {
        **gauges.endpoint,
        metrics.ROLLBACK_RUNNING: float(result.state in ("pending", "flipping", "rolled_back", "blocked")),
        metrics.ROLLBACK_BLOCKED: float(result.state == "blocked"),
    }
    if result.receipt.api_accepted_s is not None:
        values[metrics.ROLLBACK_ACCEPTED] = result.receipt.api_accepted_s
    if result.receipt.weights_observed_s is not None:
        values[metrics.ROLLBACK_OBSERVED] = result.receipt.weights_observed_s
    yield format_embedded_metrics(values, {"Stack": env.key}, now)
    for variant, share in gauges.shares.items():
        properties = {"Role": "champion" if variant == env.plan.target else "challenger"}
        if variant in gauges.served_versions:
            properties |= {
                "Version": gauges.served_versions[variant].version,
                "Since": gauges.served_versions[variant].since,
            }
        yield format_embedded_metrics(
            {metrics.LIVE_SHARE: share}, {"Stack": env.key, "Variant": variant}, now, properties
        )
