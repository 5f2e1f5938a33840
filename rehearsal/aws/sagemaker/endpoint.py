"""A SageMaker endpoint as a timed state machine, updated from the simulated clock before every access."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from rehearsal.aws import latencies
from rehearsal.aws.sagemaker.fleet import Fleet, to_float32
from rehearsal.aws.sagemaker.operations import Operation
from rehearsal.aws.sagemaker.validation import count_traffic_shifts


@dataclass
class SimulatedEndpoint:
    """One endpoint. Only `settle` changes `fleet` and `operation`."""

    endpoint_name: str
    arn: str
    region: str
    fleet: Fleet
    """The fleet that answers."""
    creation_time: datetime
    on_status_change: Callable[[SimulatedEndpoint], None]
    """Called for every new status."""
    health_check: Callable[[Fleet], str | None]
    """Returns why a fleet cannot start, or None."""
    has_configuration: Callable[[str], bool]
    """Whether an endpoint configuration still exists."""
    tags: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    endpoint_status: str = "Creating"
    failure_reason: str | None = None
    last_modified_time: datetime = field(init=False)
    operation: Operation | None = None
    """The operation that runs."""
    target: Fleet | None = None
    deployment_config: Mapping[str, Any] | None = None
    is_deleted: bool = False

    def __post_init__(self) -> None:
        self.last_modified_time = self.creation_time

    @property
    def endpoint_config_name(self) -> str:
        return self.fleet.configuration.endpoint_config_name

    def start_operation(self, operation: Operation, status: str, target: Fleet | None = None) -> None:
        """Starts an operation: the status changes now, the fleet at its end."""
        self.operation, self.target = operation, target
        self._set_status(status, operation.started_at)

    def settle(self, now: datetime) -> None:
        """Finishes everything that is over at `now`, each step at its own time."""
        while self.operation is not None and now >= self.operation.ends_at:
            self._finish(self.operation)

    def trip(self, alarm: str, now: datetime) -> None:
        """Rolls back a running deployment from now on if it lists this alarm, which went to ALARM."""
        operation = self.operation
        if operation is not None and operation.kind == "update" and alarm in self.rollback_alarms():
            reason = f"One or more configured alarm(s) for deployment are in ALARM state: [{alarm}]."
            self._roll_back(operation, now, reason)

    def rollback_alarms(self) -> frozenset[str]:
        """The alarms of the current deployment's auto-rollback configuration."""
        rollback = (self.deployment_config or {}).get("AutoRollbackConfiguration") or {}
        return frozenset(alarm["AlarmName"] for alarm in rollback.get("Alarms") or ())

    def force_status(self, status: str, reason: str | None, operation: Operation | None, now: datetime) -> None:
        """Sets a status that only the platform can cause."""
        self.failure_reason = reason
        self.operation, self.target = operation, None
        self._set_status(status, now)

    def _finish(self, operation: Operation) -> None:
        moment = operation.ends_at
        if operation.kind in ("rollback", "change_rollback"):
            self._end_rollback(operation, moment)
            return
        if operation.kind == "delete":
            operation.close("deleted", moment)
            self.operation, self.is_deleted = None, True
            return
        failure = operation.failure or (
            self.health_check(self.target) if operation.is_deployment and self.target else None
        )
        if failure is None:
            operation.close("done", moment)
            self.fleet = (self.target or self.fleet).commit_desired()
            self.operation = self.target = None
            self._set_status("InService", moment)
        elif operation.kind == "create":
            operation.close("failed", moment)
            self.operation = self.target = None
            self.failure_reason = failure
            self._set_status("Failed", moment)
        else:
            self._roll_back(operation, moment, failure)

    def _roll_back(self, operation: Operation, moment: datetime, reason: str) -> None:
        operation.close("rolled back", moment)
        self.failure_reason = reason
        self.target = None
        self.fleet = self.fleet.discard_desired()
        deploys = operation.kind == "update"
        kind, seconds = (
            ("rollback", latencies.ROLLBACK_SECONDS)
            if deploys
            else ("change_rollback", latencies.WEIGHTS_ROLLBACK_SECONDS)
        )
        self.operation = operation.create_rollback(kind, moment, seconds)
        self._set_status("RollingBack", moment)

    def _end_rollback(self, operation: Operation, moment: datetime) -> None:
        self.operation = None
        if operation.kind == "rollback" and not self.has_configuration(self.endpoint_config_name):
            operation.close("rollback failed", moment)
            missing = self.endpoint_config_name
            self.failure_reason = f'Could not find endpoint configuration "{missing}" to roll back to.'
            self._set_status("UpdateRollbackFailed", moment)
            return
        operation.close("done", moment)
        if not operation.keeps_reason:
            self.failure_reason = None
        self._set_status("InService", moment)

    def _set_status(self, status: str, moment: datetime) -> None:
        self.endpoint_status = status
        self.last_modified_time = moment
        self.on_status_change(self)

    def summary(self) -> dict[str, Any]:
        """The entry in ListEndpoints."""
        return {
            "EndpointName": self.endpoint_name,
            "EndpointArn": self.arn,
            "CreationTime": self.creation_time,
            "LastModifiedTime": self.last_modified_time,
            "EndpointStatus": self.endpoint_status,
        }

    def description(self) -> dict[str, Any]:
        """The response of DescribeEndpoint."""
        answer = {**self.summary(), "EndpointConfigName": self.endpoint_config_name}
        # An endpoint that was never in service has no variants yet: they are in PendingDeploymentSummary.
        if self.endpoint_status != "Creating":
            answer["ProductionVariants"] = [variant.description() for variant in self.fleet.variants]
            if self.fleet.shadows:
                answer["ShadowProductionVariants"] = [variant.description() for variant in self.fleet.shadows]
        capture = self.fleet.configuration.fields.get("DataCaptureConfig")
        if capture:
            answer["DataCaptureConfig"] = _summarize_capture(capture)
        if self.failure_reason:
            answer["FailureReason"] = self.failure_reason
        if self.deployment_config:
            answer["LastDeploymentConfig"] = self.deployment_config
        if self.operation is not None and self.operation.is_deployment and self.target is not None:
            answer["PendingDeploymentSummary"] = {
                "EndpointConfigName": self.target.configuration.endpoint_config_name,
                "ProductionVariants": [variant.pending_description() for variant in self.target.variants],
                "StartTime": self.operation.started_at,
            }
        return answer


def _summarize_capture(capture: Mapping[str, Any]) -> dict[str, Any]:
    enabled = bool(capture.get("EnableCapture"))
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
        "DestinationS3Uri": capture["DestinationS3Uri"],
        "KmsKeyId": capture.get("KmsKeyId", ""),
    }


def apply_desired(fleet: Fleet, changes: list[Mapping[str, Any]]) -> Fleet:
    """The fleet with the desired values of UpdateEndpointWeightsAndCapacities; an omitted field keeps its value."""
    changed_variants = {}
    for change in changes:
        live = fleet.find_variant(change["VariantName"])
        if live is None:
            continue
        weight = to_float32(float(change["DesiredWeight"])) if "DesiredWeight" in change else live.desired_weight
        count = change.get("DesiredInstanceCount", live.desired_instances)
        changed_variants[live.name] = replace(live, desired_weight=weight, desired_instances=count)
    return fleet.replace_variants(changed_variants)


def compute_deployment_seconds(config: Mapping[str, Any] | None) -> float:
    """Stated seconds of UpdateEndpoint: a new fleet, plus the waits of its deployment configuration."""
    policy = (config or {}).get("BlueGreenUpdatePolicy")
    if not policy:
        rolling = (config or {}).get("RollingUpdatePolicy") or {}
        return latencies.UPDATE_SECONDS + rolling.get("WaitIntervalInSeconds", 0)
    routing = policy["TrafficRoutingConfiguration"]
    waits = count_traffic_shifts(routing) * routing["WaitIntervalInSeconds"] + policy.get("TerminationWaitInSeconds", 0)
    return latencies.UPDATE_SECONDS + waits
