"""One update of the endpoint by SageMaker: requests another configuration, waits for the end and explains a failure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidewatch.traffic import guard
from tidewatch.traffic.alarm_api import describe_fired_alarms
from tidewatch.traffic.errors import DeploymentFailed, EndpointBusy, NoCapacity, SilentRollback, TrafficError
from tidewatch.traffic.models import Clients, DeploymentPolicy, EndpointState
from tidewatch.traffic.sagemaker import format_capacity_error, is_capacity_error, map_error
from tidewatch.traffic.writer import Writer

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import UpdateEndpointInputTypeDef


@dataclass(frozen=True)
class EndpointUpdate:
    """The update from one configuration to another."""

    clients: Clients
    writer: Writer
    config: str
    previous_config: str
    alarms: tuple[str, ...]
    """Alarms that stop the update; none if the set of variants changes."""

    def request(self, policy: DeploymentPolicy, guarded: bool) -> None:
        """Calls UpdateEndpoint under the lease, so that a running rollback finds the endpoint free.

        The request is recorded before the call: a writer that dies in between leaves a recorded deployment that is not
        live. After an error that is not a refusal, SageMaker may have accepted the call.
        """
        control, endpoint = self.writer.control, self.writer.resource_names.endpoint
        before = control.read_requested_config(endpoint) or self.previous_config
        request: UpdateEndpointInputTypeDef = {
            "EndpointName": endpoint,
            "EndpointConfigName": self.config,
            "RetainAllVariantProperties": True,
        }
        if guarded:
            request["DeploymentConfig"] = _build_deployment_config(policy, self.alarms)
        backoff = self.writer.start_backoff()
        while True:
            try:
                with control.hold_traffic_lease():
                    guard.require_no_active_rollback(self.writer.read_snapshot())
                    control.write_requested_config(endpoint, self.config, self.writer.heartbeat.name)
                    self.clients.sagemaker.update_endpoint(**request)
                    return
            except TrafficError:
                raise
            except Exception as error:
                problem = map_error(error, endpoint)
                if isinstance(problem, TrafficError):
                    self._withdraw_request(before)
                if not isinstance(problem, EndpointBusy) or not backoff.wait():
                    raise problem from error

    def wait(self, started: datetime) -> tuple[str, ...]:
        """Waits for the end of the deployment and returns the FailureReasons seen.

        Raises if another configuration is live.
        """
        reasons: dict[str, None] = {}
        backoff = self.writer.start_backoff()
        while True:
            state = self.writer.platform.state()
            if state.failure_reason:
                reasons[state.failure_reason] = None
            if state.is_in_service or state.status.is_unusable:
                break
            if not backoff.wait():
                raise EndpointBusy(
                    f"The deployment of {self.config} to {state.name} is still {state.status} after "
                    f"{self.writer.wait_seconds:g} s. It continues in the background; run `pulumi up` again when it "
                    "has ended."
                )
        if state.is_in_service and state.config == self.config:
            return tuple(reasons)
        raise self._build_failure(state, tuple(reasons), started)

    def _withdraw_request(self, before: str) -> None:
        """Withdraws the record of a refused request, unless the refused call repeated one that was accepted."""
        state = self.writer.platform.state()
        if self.config not in (state.config, state.deploying_config):
            self.writer.control.write_requested_config(state.name, before, self.writer.heartbeat.name)

    def _build_failure(self, state: EndpointState, reasons: tuple[str, ...], started: datetime) -> DeploymentFailed:
        reason_text = "; ".join(reasons) or "SageMaker gave no reason"
        if state.is_in_service and any(is_capacity_error(reason) for reason in reasons):
            return NoCapacity(
                f"{format_capacity_error(state.name, reason_text)} It is on {state.config}, not on {self.config}."
            )
        fired = describe_fired_alarms(self.clients.cloudwatch, self.alarms, started, self.writer.clock.now())
        if not state.is_in_service:
            return DeploymentFailed(
                f"The deployment of {self.config} left the endpoint {state.name} {state.status} (it was on "
                f"{self.previous_config}): {reason_text}; {fired}. Follow the runbook; a rollback of traffic does not "
                "help here."
            )
        return SilentRollback(
            f"SageMaker rolled the deployment of {self.config} back by itself: the endpoint {state.name} is InService "
            f"on {state.config}, not on {self.config}. Reason: {reason_text}; {fired}. Fix the model or its container "
            "and deploy again."
        )


def _build_deployment_config(policy: DeploymentPolicy, alarms: tuple[str, ...]) -> Any:
    """Returns the DeploymentConfig of UpdateEndpoint."""
    routing: dict[str, Any] = {"Type": policy.type, "WaitIntervalInSeconds": policy.wait_seconds}
    size = {"Type": "CAPACITY_PERCENT", "Value": policy.size_percent or 10}
    if policy.type == "CANARY":
        routing["CanarySize"] = size
    if policy.type == "LINEAR":
        routing["LinearStepSize"] = size
    update = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": policy.termination_wait_seconds}
    config: dict[str, Any] = {"BlueGreenUpdatePolicy": update}
    if alarms:
        config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in alarms]}
    return config
