"""Triggers for the alarms of the rollback, of deployments, and of out-of-band changes."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from rehearsal.alarm_coverage.trigger import AlarmTrigger, wait_for_alarm, wait_for_ok
from rehearsal.gamedays.harness import FEW_REQUESTS, REQUESTS_PER_MINUTE, Harness
from rehearsal.gamedays.manual_changes import clone_endpoint_config, forge_rollback, update_endpoint
from tidewatch.traffic import Clients, DeploymentFailed, ResourceNames, TrafficController

GUARDRAIL_ALARMS = (
    "guardrail-errors-green",
    "guardrail-model-errors-green",
    "guardrail-latency-green",
    "guardrail-green",
)
ROLLBACK_ALARMS = ("rollback-blocked", "rollback-pending", "endpoint-not-in-service")
OPERATOR = "somebody@example.com"


def _block_rollback(harness: Harness) -> None:
    """The challenger fails and is slow; the endpoint goes out of service before its guardrails fire."""
    faults = _degrade_challenger(harness)
    harness.run_minutes(2)
    harness.control.inject("status", endpoint=harness.endpoint, status="OutOfService")
    wait_for_alarm(harness, *GUARDRAIL_ALARMS, most=3, requests=REQUESTS_PER_MINUTE)
    wait_for_alarm(harness, *ROLLBACK_ALARMS, requests=FEW_REQUESTS)
    for fault in faults:
        harness.control.clear(fault)
    harness.control.inject("status", endpoint=harness.endpoint, status="InService")
    wait_for_ok(harness, *GUARDRAIL_ALARMS, *ROLLBACK_ALARMS, requests=FEW_REQUESTS)
    wait_for_alarm(harness, "unacknowledged", requests=FEW_REQUESTS)
    _acknowledge(harness)
    wait_for_ok(harness, "unacknowledged", requests=FEW_REQUESTS)


def _degrade_challenger(harness: Harness) -> list[int]:
    """Injects slow answers and 50% failures of the challenger. Returns the faults."""
    return [
        harness.control.inject("variant_errors", variant=harness.challenger, rate=0.5),
        harness.control.inject("variant_latency", variant=harness.challenger, seconds=0.4),
    ]


def _acknowledge(harness: Harness) -> None:
    for incident in harness.incidents():
        harness.traffic().acknowledge(incident.id, OPERATOR)


def _throttle_rollback_function(harness: Harness) -> None:
    fault = harness.control.inject("function_throttled", function=harness.outputs["rollback"]["function"])
    wait_for_alarm(harness, "rollback-failed", requests=FEW_REQUESTS)
    harness.control.clear(fault)
    wait_for_ok(harness, "rollback-failed", requests=FEW_REQUESTS)


def _set_weights_out_of_band(harness: Harness) -> None:
    """Sets undeclared weights as in the console; the operator who finds them acknowledges."""
    harness.get_client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=harness.endpoint,
        DesiredWeightsAndCapacities=[
            {"VariantName": variant, "DesiredWeight": weight}
            for variant, weight in ((harness.champion, 0.5), (harness.challenger, 0.5))
        ],
    )
    wait_for_alarm(harness, "traffic-changed", requests=FEW_REQUESTS)
    _acknowledge(harness)
    wait_for_ok(harness, "traffic-changed", requests=FEW_REQUESTS)


def _forge_rollback(harness: Harness) -> None:
    """Somebody writes a rollback to the challenger into the control table; its alarm clears after half an hour."""
    before = harness.live_shares()
    forge_rollback(harness)
    wait_for_alarm(harness, "records-refused", requests=FEW_REQUESTS)
    harness.expect(f"the traffic stays where it was: {harness.live_shares()}", harness.live_shares() == before)
    wait_for_ok(harness, "records-refused", most=40, requests=FEW_REQUESTS)


def _assume_break_glass_role(harness: Harness) -> None:
    """Somebody takes the break-glass role, which may delete from the registry."""
    policy = harness.get_client("s3").get_bucket_policy(Bucket=harness.outputs["registry"]["bucket"])["Policy"]
    (role,) = (
        statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"]
        for statement in json.loads(policy)["Statement"]
        if statement["Sid"] == "NeverDelete"
    )
    harness.get_client("sts").assume_role(RoleArn=role, RoleSessionName="drill")
    wait_for_alarm(harness, "break-glass", requests=FEW_REQUESTS)
    wait_for_ok(harness, "break-glass", requests=FEW_REQUESTS)


def _fail_deployment(harness: Harness) -> None:
    """SageMaker silently undoes a deployment of the program; the next one succeeds."""
    harness.control.inject("deployment_fails", endpoint=harness.endpoint, reason="health_check")
    with suppress(DeploymentFailed):
        _deploy(harness, "undone")
    wait_for_alarm(harness, "deployment-rolled-back", requests=FEW_REQUESTS)
    _deploy(harness, "mended")
    wait_for_ok(harness, "deployment-rolled-back", requests=FEW_REQUESTS)


def _update_during_errors(harness: Harness) -> None:
    """An update of the whole endpoint runs while its challenger is bad: the rollback stops it."""
    faults = _degrade_challenger(harness)
    harness.run_minutes(2)
    update_endpoint(harness)
    wait_for_alarm(harness, "deployment-running", "abort", requests=REQUESTS_PER_MINUTE)
    for fault in faults:
        harness.control.clear(fault)
    wait_for_ok(harness, "deployment-running", "abort", requests=FEW_REQUESTS)


@dataclass(frozen=True)
class _HarnessClock:
    """A clock for code that waits for a deployment: its sleeps run minutes of the game day, with all functions."""

    harness: Harness

    def now(self) -> datetime:
        return self.harness.control.get_time()

    def sleep(self, seconds: float) -> None:
        until = self.now() + timedelta(seconds=seconds)
        while self.now() < until:
            self.harness.run_minutes(requests=FEW_REQUESTS)


def _deploy(harness: Harness, name: str) -> None:
    """Deploys as the program's provider does."""
    clients = Clients(harness.get_client("sagemaker"), harness.get_client("dynamodb"), harness.get_client("cloudwatch"))
    resources = ResourceNames(
        harness.outputs["key"], harness.endpoint, harness.outputs["ledger"], harness.control_table()
    )
    controller = TrafficController(clients, resources, _HarnessClock(harness))
    controller.deploy(
        clone_endpoint_config(harness, name), models=controller.live_models(), content="", changed_variants=frozenset()
    )


TRAFFIC_TRIGGERS = (
    AlarmTrigger(
        "cannot-roll-back",
        "The challenger fails and is slow while the endpoint is out of service; it is in service again, the rollback "
        "comes, and its incident is acknowledged after a quarter of an hour.",
        (*GUARDRAIL_ALARMS, *ROLLBACK_ALARMS, "unacknowledged"),
        _block_rollback,
    ),
    AlarmTrigger(
        "updated",
        "Somebody updates the endpoint while its challenger fails; the rollback stops the update, which ends.",
        ("deployment-running", "abort"),
        _update_during_errors,
    ),
    AlarmTrigger(
        "deployment-undone",
        "The program deploys a configuration that SageMaker rolls back, then one that stays.",
        ("deployment-rolled-back",),
        _fail_deployment,
    ),
    AlarmTrigger(
        "weights-by-hand",
        "Somebody sets other weights past the program, and the incident of it is acknowledged.",
        ("traffic-changed",),
        _set_weights_out_of_band,
    ),
    AlarmTrigger(
        "forged-rollback-run",
        "Somebody writes a rollback to the challenger into the control table; then half an hour passes.",
        ("records-refused",),
        _forge_rollback,
    ),
    AlarmTrigger(
        "break-glass-assumed",
        "Somebody takes the role of break-glass, and does no more with it.",
        ("break-glass",),
        _assume_break_glass_role,
    ),
    AlarmTrigger(
        "rollback-throttled",
        "The rollback function finds no free concurrency for minutes, then it does.",
        ("rollback-failed",),
        _throttle_rollback_function,
    ),
)
