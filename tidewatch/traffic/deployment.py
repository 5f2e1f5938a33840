"""The fleet: deploys another endpoint configuration without changing the traffic, and checks which one is live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidewatch.aws.errors import summarize_error
from tidewatch.traffic import guard
from tidewatch.traffic.autoscaling import ScalableTargets
from tidewatch.traffic.drain import Drain
from tidewatch.traffic.endpoint_update import EndpointUpdate
from tidewatch.traffic.errors import TrafficError
from tidewatch.traffic.incident_replay import find_quarantine
from tidewatch.traffic.ledger import LedgerEntry, replay_split
from tidewatch.traffic.models import Clients, DeployedModel, DeploymentPolicy, DeploymentRecord, EndpointState
from tidewatch.traffic.sagemaker import map_error
from tidewatch.traffic.writer import Writer


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
            update = EndpointUpdate(self.clients, self.writer, config, previous_config, alarms)
            if scaling:
                scaling.suspend(removed_variants | self._find_retyped_variants(state, config))
            try:
                update.request(policy, guarded)
                reasons = update.wait(started)
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
