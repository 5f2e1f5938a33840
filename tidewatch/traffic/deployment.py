"""The fleet: deploys another endpoint configuration without changing the traffic, and checks which one is live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidewatch.aws.errors import summarize_error
from tidewatch.traffic import guard
from tidewatch.traffic.alarm_api import describe_fired_alarms
from tidewatch.traffic.autoscaling import ScalableTargets
from tidewatch.traffic.drain import Drain
from tidewatch.traffic.errors import (
    DeploymentFailed,
    EndpointBusy,
    NoCapacity,
    SilentRollback,
    TrafficError,
)
from tidewatch.traffic.incident_replay import find_quarantine
from tidewatch.traffic.ledger import LedgerEntry, replay_split
from tidewatch.traffic.models import Clients, DeployedModel, DeploymentPolicy, DeploymentRecord, EndpointState
from tidewatch.traffic.sagemaker import format_capacity_error, is_capacity_error, map_error
from tidewatch.traffic.writer import Writer

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import UpdateEndpointInputTypeDef


@dataclass(frozen=True)
class ConfigDeployer:
    """Deploys configurations to one endpoint."""

    clients: Clients
    writer: Writer
    drain: Drain

    def deploy(
        self,
        config: str,
        *,
        models: Mapping[str, DeployedModel],
        content: str,
        changed_variants: frozenset[str],
        abort_alarm: str | None,
        instances: Mapping[str, int],
        policy: DeploymentPolicy,
    ) -> DeploymentRecord:
        """See `TrafficController.deploy`."""
        self.writer.control.write_models(config, models, content)
        return self._deploy_config(config, models, changed_variants, abort_alarm, instances, policy)

    def _deploy_config(
        self,
        config: str,
        models: Mapping[str, DeployedModel],
        changed_variants: frozenset[str],
        abort_alarm: str | None,
        instances: Mapping[str, int],
        policy: DeploymentPolicy,
    ) -> DeploymentRecord:
        started = self.writer.clock.now()
        state = self._wait_until_ready()
        before = self.drain.get_split_before(state.split)
        scaling = self._create_scaling()
        reasons: tuple[str, ...] = ()
        previous_config = state.config
        if state.config == config:
            self.writer.control.write_requested_config(state.name, config, self.writer.heartbeat.name)
        else:
            changed_variants = self._find_replaced_variants(previous_config, models, changed_variants)
            removed_variants = frozenset(state.variants) - models.keys()
            guard.require_no_active_rollback(self.writer.read_snapshot())
            self._require_no_new_traffic(config, state, models)
            self.drain.take_over(config)
            self.drain.start((changed_variants & state.variants.keys()) | removed_variants, models, config)
            guarded = models.keys() == state.variants.keys()
            alarms = tuple(filter(None, (abort_alarm, *policy.alarms))) if guarded else ()
            if scaling:
                scaling.suspend(removed_variants | self._find_retyped_variants(state, config))
            try:
                self._update_endpoint(config, previous_config, policy, alarms, guarded)
                reasons = self._wait_for_deployment(config, previous_config, alarms, started)
            except TrafficError as failure:
                problems = self._undo_failed_deployment(scaling, models)
                if not problems:
                    raise
                raise type(failure)(" ".join((str(failure), *problems))) from failure
        notes = scaling.resume(models, forget_others=True) if scaling else ()
        self._set_joined_capacity(state, instances)
        self._record_split(config, previous_config)
        if self.writer.read_snapshot().open_incidents:
            self.drain.restore(models)
        after = self.writer.platform.state().split
        seconds = (self.writer.clock.now() - started).total_seconds()
        return DeploymentRecord(config, previous_config != config, before, after, seconds, reasons, notes)

    def _wait_until_ready(self) -> EndpointState:
        """Returns the endpoint once nothing is in progress, even if that is a deployment of this configuration."""
        state = self.writer.wait_until_stable()
        state.require_updatable()
        return state

    def _find_replaced_variants(
        self, previous_config: str, models: Mapping[str, DeployedModel], fallback: frozenset[str]
    ) -> frozenset[str]:
        """Returns the variants whose live model would change.

        It compares with the live models, because the previous declaration may never have been deployed. A quarantined
        variant whose model stays and only runs differently counts too: that must not bypass a quarantine. Returns
        `fallback` if nothing records what is live.
        """
        live_models = self.writer.control.read_models(previous_config)
        if live_models is None:
            return fallback
        edited = {
            variant
            for variant in models.keys() & live_models.keys()
            if not models[variant].is_same_declaration(live_models[variant])
        }
        quarantines = self.writer.read_snapshot().quarantines
        return frozenset(
            variant
            for variant in edited
            if not models[variant].is_same_model(live_models[variant])
            or find_quarantine(variant, models[variant], quarantines)
        )

    def _require_no_new_traffic(self, config: str, state: EndpointState, models: Mapping[str, DeployedModel]) -> None:
        """Raises if a joining variant, with its weight from the configuration, would serve what a rollback removed."""
        weights = {
            name: float(variant.get("InitialVariantWeight", 1.0))
            for name, variant in self._describe_variants(config).items()
        }
        joining = frozenset(
            variant for variant, weight in weights.items() if variant not in state.variants and weight > 0
        )
        guard.require_joinable(self.writer.read_snapshot(), state, joining, models)

    def _find_retyped_variants(self, state: EndpointState, config: str) -> frozenset[str]:
        new, old = self._describe_variants(config), self._describe_variants(state.config)
        return frozenset(
            variant
            for variant in new.keys() & old.keys()
            if new[variant].get("InstanceType") != old[variant].get("InstanceType")
        )

    def _describe_variants(self, config: str) -> dict[str, Mapping[str, Any]]:
        try:
            found = self.clients.sagemaker.describe_endpoint_config(EndpointConfigName=config)
        except Exception as error:
            raise map_error(error, self.writer.resource_names.endpoint) from error
        return {variant["VariantName"]: dict(variant) for variant in found["ProductionVariants"]}

    def _update_endpoint(
        self, config: str, previous_config: str, policy: DeploymentPolicy, alarms: tuple[str, ...], guarded: bool
    ) -> None:
        """Calls UpdateEndpoint under the lease, so that a running rollback finds the endpoint free.

        The request is recorded before the call: a writer that dies in between leaves a recorded deployment that is not
        live. After an error that is not a refusal, SageMaker may have accepted the call.
        """
        control, endpoint = self.writer.control, self.writer.resource_names.endpoint
        before = control.read_requested_config(endpoint) or previous_config
        request: UpdateEndpointInputTypeDef = {
            "EndpointName": endpoint,
            "EndpointConfigName": config,
            "RetainAllVariantProperties": True,
        }
        if guarded:
            request["DeploymentConfig"] = build_deployment_config(policy, alarms)
        backoff = self.writer.start_backoff()
        while True:
            try:
                with control.hold_traffic_lease():
                    guard.require_no_active_rollback(self.writer.read_snapshot())
                    control.write_requested_config(endpoint, config, self.writer.heartbeat.name)
                    self.clients.sagemaker.update_endpoint(**request)
                    return
            except TrafficError:
                raise
            except Exception as error:
                problem = map_error(error, endpoint)
                if isinstance(problem, TrafficError):
                    self._withdraw_request(config, before)
                if not isinstance(problem, EndpointBusy) or not backoff.wait():
                    raise problem from error

    def _withdraw_request(self, config: str, before: str) -> None:
        """Withdraws the record of a refused request, unless the refused call repeated one that was accepted."""
        state = self.writer.platform.state()
        if config not in (state.config, state.deploying_config):
            self.writer.control.write_requested_config(state.name, before, self.writer.heartbeat.name)

    def _wait_for_deployment(
        self, config: str, previous_config: str, alarms: tuple[str, ...], started: datetime
    ) -> tuple[str, ...]:
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
                    f"The deployment of {config} to {state.name} is still {state.status} after "
                    f"{self.writer.wait_seconds:g} s. It continues in the background; run `pulumi up` again when it "
                    "has ended."
                )
        if state.is_in_service and state.config == config:
            return tuple(reasons)
        raise self._build_failure(config, previous_config, state, tuple(reasons), alarms, started)

    def _build_failure(
        self,
        config: str,
        previous_config: str,
        state: EndpointState,
        reasons: tuple[str, ...],
        alarms: tuple[str, ...],
        started: datetime,
    ) -> DeploymentFailed:
        reason_text = "; ".join(reasons) or "SageMaker gave no reason"
        if state.is_in_service and any(is_capacity_error(reason) for reason in reasons):
            return NoCapacity(
                f"{format_capacity_error(state.name, reason_text)} It is on {state.config}, not on {config}."
            )
        fired = describe_fired_alarms(self.clients.cloudwatch, alarms, started, self.writer.clock.now())
        if not state.is_in_service:
            return DeploymentFailed(
                f"The deployment of {config} left the endpoint {state.name} {state.status} (it was on "
                f"{previous_config}): {reason_text}; {fired}. Follow the runbook; a rollback of traffic does not "
                "help here."
            )
        return SilentRollback(
            f"SageMaker rolled the deployment of {config} back by itself: the endpoint {state.name} is InService on "
            f"{state.config}, not on {config}. Reason: {reason_text}; {fired}. Fix the model or its container and "
            "deploy again."
        )

    def _undo_failed_deployment(
        self, scaling: ScalableTargets | None, models: Mapping[str, DeployedModel]
    ) -> tuple[str, ...]:
        """Restores autoscaling and the traffic after a failed deployment, if the endpoint allows it.

        Returns sentences about what was not restored; the failure itself is reported first. Records of both stay for
        the next deployment.
        """
        try:
            state = self.writer.platform.state()
        except Exception as error:
            return (
                f"The present status of {self.writer.resource_names.endpoint} could not be read "
                f"({summarize_error(error)}).",
            )
        return (*self._resume_scaling(scaling, state), *self._restore_split(state, models))

    def _resume_scaling(self, scaling: ScalableTargets | None, state: EndpointState) -> tuple[str, ...]:
        try:
            return scaling.resume(state.variants) if scaling else ()
        except Exception as error:
            return (
                f"Automatic scaling could not be restored ({summarize_error(error)}): the next `pulumi up` "
                "restores it.",
            )

    def _restore_split(self, state: EndpointState, models: Mapping[str, DeployedModel]) -> tuple[str, ...]:
        try:
            if state.is_in_service:
                self.drain.restore(self.writer.control.read_models(state.config) or models)
        except Exception as error:
            message = str(error) if isinstance(error, TrafficError) else summarize_error(error)
            return (f"The previous split could not be restored: {message}",)
        return ()

    def _set_joined_capacity(self, before: EndpointState, instances: Mapping[str, int]) -> None:
        """Sets the declared count of each variant that joined: its configuration may have an old one."""
        state = self.writer.platform.state()
        for variant in sorted(state.variants.keys() & instances.keys() - before.variants.keys()):
            if state.variants[variant].desired_instances != instances[variant]:
                self.writer.platform.set_capacity(variant, instances[variant])
                self.writer.wait_until_stable().require_usable()

    def _record_split(self, config: str, previous_config: str) -> None:
        """Records the split if the set of variants changed, or if the ledger has no split yet."""
        writer = self.writer

        def compose(entries: tuple[LedgerEntry, ...]) -> LedgerEntry | None:
            live = writer.platform.state().split
            recorded_split = replay_split(entries, writer.resource_names.endpoint)
            has_joined = (
                recorded_split is not None and live is not None and bool(live.serving - recorded_split.shares.keys())
            )
            if live is None or live.is_close_to(recorded_split) or (recorded_split is not None and not has_joined):
                return None
            why = (
                f"The endpoint's first split, on {config}."
                if recorded_split is None
                else f"The deployment of {config} after {previous_config}."
            )
            return LedgerEntry(
                "outcome", "pulumi", writer.clock.now(), why, before=recorded_split, after=live, config=config
            )

        writer.ledger.append(compose)

    @property
    def has_suspended_scaling(self) -> bool:
        """Whether a deployment removed autoscaling from a variant and did not restore it."""
        scaling = self._create_scaling()
        return scaling is not None and scaling.is_suspended

    def _create_scaling(self) -> ScalableTargets | None:
        autoscaling, writer = self.clients.autoscaling, self.writer
        if autoscaling is None:
            return None
        return ScalableTargets(
            autoscaling, self.clients.cloudwatch, writer.control, writer.resource_names.endpoint, writer.clock
        )


def build_deployment_config(policy: DeploymentPolicy, alarms: tuple[str, ...]) -> Any:
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
