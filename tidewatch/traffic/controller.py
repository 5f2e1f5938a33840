"""The one interface to an endpoint's traffic, for the dynamic resources, the rollback and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from tidewatch import clock as clocks
from tidewatch.aws.cloudwatch import list_in_alarm
from tidewatch.clock import Clock
from tidewatch.traffic import guard, ledger_copies, out_of_band, preview
from tidewatch.traffic.control_table import ControlTable
from tidewatch.traffic.deletion import EndpointDeletion
from tidewatch.traffic.deployment import ConfigDeployer
from tidewatch.traffic.drain import Drain
from tidewatch.traffic.errors import EndpointMissing
from tidewatch.traffic.first_endpoint import FirstEndpoint, has_never_served
from tidewatch.traffic.gauges import Gauges, read_gauges
from tidewatch.traffic.heartbeat import Heartbeat
from tidewatch.traffic.incident_replay import Incident, Quarantine, TrafficSnapshot, replay_incidents
from tidewatch.traffic.ledger import Ledger, LedgerEntry, replay_split
from tidewatch.traffic.models import (
    Clients,
    DeployedModel,
    DeploymentPolicy,
    DeploymentRecord,
    EndpointState,
    EndpointStatus,
    Receipt,
    ResourceNames,
)
from tidewatch.traffic.platform import Platform
from tidewatch.traffic.preview import Declaration, UpdateCheck
from tidewatch.traffic.sagemaker import SageMakerEndpoint, is_config_complete
from tidewatch.traffic.split import Split
from tidewatch.traffic.writer import Writer

REREAD_INTERVAL = timedelta(hours=1)
"""The longest time for which gauges may rest on a cached ledger."""


class TrafficController:
    """The traffic of one endpoint. It is cheap to create and not thread-safe.

    `wait_seconds` bounds the wait for a busy endpoint; `guardrails` maps each variant to the name of its guardrail.
    """

    def __init__(
        self,
        clients: Clients,
        resource_names: ResourceNames,
        clock: Clock | None = None,
        wait_seconds: float = 3600,
        guardrails: Mapping[str, str] | None = None,
        platform: Platform | None = None,
    ) -> None:
        self.clients = clients
        self.resource_names = resource_names
        self.clock = clock or clocks.get_clock()
        self.guardrails = dict(guardrails or {})
        self.platform = platform or SageMakerEndpoint(clients.sagemaker, clients.cloudwatch, resource_names.endpoint)
        self.control = ControlTable(clients.dynamodb, resource_names.control, resource_names.key, self.clock)
        self.ledger = Ledger(
            clients.dynamodb,
            resource_names.ledger,
            resource_names.key,
            resource_names.endpoint,
            lambda key: ledger_copies.read_copied_up_to(self.control, key),
        )
        self._last_full_read = self.clock.now()
        heartbeat = Heartbeat(self.control, self.clock)
        self.writer = Writer(
            self.platform, self.ledger, self.control, self.clock, resource_names, wait_seconds, heartbeat
        )
        self._deletion = EndpointDeletion(self.writer)
        self._drain = Drain(self.writer, self.guardrails, self._list_firing_guardrails)

    def state(self) -> EndpointState:
        """Returns the state of the endpoint. Raises EndpointMissing."""
        return self.platform.state()

    @property
    def split(self) -> Split | None:
        """The live split, or None while no variant has weight. Raises EndpointMissing."""
        return self.platform.state().split

    def live_models(self) -> dict[str, DeployedModel]:
        """Returns what the variants of the live configuration hold, empty if that is not recorded."""
        return self.control.read_models(self.platform.state().config) or {}

    def entries(self) -> tuple[LedgerEntry, ...]:
        """Returns all entries of the ledger, in order."""
        return self.ledger.entries()

    def find_tampering(self) -> tuple[str, ...]:
        """Returns where the ledger was changed: broken links, and entries that differ from their copies."""
        self.ledger.entries()
        return ledger_copies.find_tampering(self.ledger, self.control)

    def open_incidents(self) -> tuple[Incident, ...]:
        """Returns the open incidents, oldest first."""
        return self._read_ledger_snapshot().open_incidents

    def get_incident(self, incident_id: str) -> Incident:
        """Returns one incident, open or not. Raises UnknownIncident."""
        guard.require_known_incident(self._read_ledger_snapshot(), incident_id)
        return next(incident for incident in self._read_ledger_snapshot().incidents if incident.id == incident_id)

    def read_gauges(self) -> Gauges:
        """Returns the endpoint's state as numbers for alarms; see `tidewatch.traffic.gauges`.

        Describes the endpoint once.

        Records each version that a variant holds for the first time. Reads the whole ledger again once an hour: a
        function lives for hours and would not notice that an entry it has cached was changed.
        """
        if (now := self.clock.now()) - self._last_full_read >= REREAD_INTERVAL:
            self.ledger.forget()
            self._last_full_read = now
        return read_gauges(self.writer, self._read_snapshot)

    def has_never_served(self) -> bool:
        """Whether the endpoint exists but has not served yet. Raises EndpointMissing."""
        return has_never_served(self.platform.state(), self.ledger.entries())

    def has_served(self) -> bool:
        """Whether the ledger has a split of this endpoint."""
        endpoint = self.resource_names.endpoint
        return bool(endpoint) and replay_split(self.ledger.entries(), endpoint) is not None

    def require_endpoint(self) -> None:
        """Raises EndpointMissing if an endpoint that has served is missing or being deleted.

        A first endpoint may be created again.
        """
        if self.has_served() and self.platform.state().status == EndpointStatus.DELETING:
            raise EndpointMissing(
                f"The endpoint {self.resource_names.endpoint} is being deleted: wait until it is gone, then run "
                "`pulumi up --refresh` to create it again."
            )

    def requested_endpoint(self) -> str:
        """Returns the physical endpoint of the last requested configuration, or "" if none is recorded."""
        return self.control.read_requested_endpoint()

    def requested_config(self) -> str | None:
        """Returns the configuration that was requested last, or None if none is recorded."""
        return self.control.read_requested_config(self.resource_names.endpoint)

    def is_config_complete(self, config: str) -> bool:
        """Whether a configuration exists with all its models, so that nobody has to create another like it."""
        return is_config_complete(self.clients.sagemaker, config)

    def quarantines(self) -> tuple[Quarantine, ...]:
        """Returns the quarantines of incidents that are not acknowledged."""
        return self._read_ledger_snapshot().quarantines

    def require_update_allowed(
        self,
        *,
        declared: Split,
        previous: Split | None,
        models: Mapping[str, DeployedModel],
        acknowledged_incident: str | None = None,
        champion: str | None = None,
        previous_champion: str | None = None,
        config: str | None = None,
        instances: Mapping[str, int] | None = None,
        restores_split: bool = False,
    ) -> None:
        """Checks everything that `pulumi up` must not do. Changes nothing.

        Raises ArtifactQuarantined if a variant that the declaration gives traffic holds what was rolled back. Raises
        IncidentOpen if the declared split changed while an incident is open. Raises ChangeRefused if the declaration
        raises a variant whose guardrail is in ALARM, or changes the champion or the previous champion (if named) while
        another variant serves. Raises UnknownIncident if `acknowledged_incident` is no incident of this model. Also
        raises what a later step of the same `up` would raise. Tables that do not exist yet quarantine nothing.
        `tidewatch.traffic.preview.Declaration` explains the other parameters.
        """
        snapshot = self._read_snapshot(frozenset(filter(None, (acknowledged_incident,))))
        snapshot = out_of_band.add_missing_entry(self.writer, snapshot)
        if self.resource_names.ledger:
            guard.require_known_incident(snapshot, acknowledged_incident or "", is_declared=True)
        declaration = Declaration(
            declared, previous, models, champion, previous_champion, config, instances or {}, restores_split
        )
        UpdateCheck(self.control, self._drain).require_allowed(snapshot, declaration)

    def acknowledge(self, incident_id: str, who: str) -> None:
        """Closes an incident for good and ends its quarantines. It is idempotent. Raises UnknownIncident."""
        snapshot = self._read_ledger_snapshot()
        guard.require_known_incident(snapshot, incident_id, is_declared=True)

        def compose(entries: tuple[LedgerEntry, ...]) -> LedgerEntry | None:
            if any(entry.kind == "acknowledgement" and entry.incident == incident_id for entry in entries):
                return None
            return LedgerEntry("acknowledgement", who, self.clock.now(), incident=incident_id)

        self.ledger.append(compose)

    def apply(self, declared: Split, *, who: str, why: str, models: Mapping[str, DeployedModel]) -> Receipt | None:
        """Applies the declared split: waits for its turn, changes the weights and waits for the result.

        Returns None if the split is live already. Raises IncidentOpen, ArtifactQuarantined, TargetUnavailable,
        ChangeRefused, EndpointMissing, EndpointBusy, EndpointUnusable, TrafficError.
        """

        def decide(snapshot: TrafficSnapshot) -> Split | None:
            state = snapshot.state
            if state is None or (declared.is_close_to(state.split) and declared.is_close_to(state.desired_split)):
                return None
            # Check what is live: a declared version may not have been deployed.
            live_models = preview.merge_live_models(models, self.control.read_models(snapshot.config) or {})
            guard.require_not_quarantined(snapshot, declared.serving, live_models)
            guard.require_no_open_incident(snapshot)
            if self.detect_out_of_band():
                guard.require_no_open_incident(self._read_ledger_snapshot())
            guard.require_variants_ready(declared, state, live_models)
            guard.require_guardrails_ok(
                guard.find_increased_variants(declared, state.split), self.guardrails, self._list_firing_guardrails()
            )
            return declared.restrict_to(state.variants)

        receipt = self.writer.change(decide, who=who, why=why)
        self._drain.forget()
        if receipt is None and replay_split(self.ledger.entries(), self.resource_names.endpoint) is None:
            self.detect_out_of_band()
        return receipt

    def claim_deletion(self, owner: str) -> None:
        """Records `owner` as the owner of the endpoint's deletion, in place of any earlier one."""
        self._deletion.claim(owner)

    def is_deletion_owner(self, owner: str) -> bool:
        """Whether `owner` owns the deletion of the endpoint. True if no owner is recorded."""
        return self._deletion.is_owner(owner)

    def delete_endpoint(self, owner: str, *, who: str) -> bool:
        """Deletes the endpoint and waits until it is gone.

        Returns False if it is missing or `owner` does not own its deletion.

        Raises EndpointBusy, EndpointUnusable, TrafficError.
        """
        return self._deletion.delete(owner, who=who)

    def apply_after_deployment(
        self, declared: Split, models: Mapping[str, DeployedModel], who: str = "pulumi"
    ) -> Receipt | None:
        """Applies the declared split after the deployment of another model.

        While an incident is open, it restores the split from before the drain instead, without the share of any variant
        whose model has changed. Such a variant gets no traffic until somebody acknowledges the incident; the drain's
        record keeps that, and `describe_withheld_variants` reports it.
        """
        if self._read_snapshot().open_incidents:
            self._drain.restore(models)
            return None
        return self.apply(declared, who=who, why="The declared split, after a deployment.", models=models)

    def finish_drain(self, declared: Split, models: Mapping[str, DeployedModel]) -> None:
        """Ends a recorded drain although the declaration was not edited, for an `up` with `has_pending_drain`.

        If a drained variant holds another model by now, it applies the declared split. Otherwise it restores the split
        from before the drain: the declared split was not edited and may never have been live.
        """
        if self._drain.find_replaced_variants():
            self.apply_after_deployment(declared, models)
        else:
            self._drain.restore(models)

    def describe_withheld_variants(self, declared: Split) -> str:
        """Returns a sentence about the variants that get no traffic while an incident is open, or "" if none do.

        Raises EndpointMissing.
        """
        return self._drain.describe_withheld_variants(declared, self._read_ledger_snapshot().open_incidents)

    def has_pending_drain(self, acknowledged_incident: str | None = None) -> bool:
        """Whether a drained variant awaits its share and no incident but the acknowledged one withholds it."""
        if not self._drain.is_pending():
            return False
        return not replace(
            self._read_ledger_snapshot(), acknowledged_incidents=frozenset(filter(None, (acknowledged_incident,)))
        ).open_incidents

    def has_unfinished_deployment(self, config: str) -> bool:
        """Whether a deployment was begun that this configuration, although not edited, has to end.

        That is so if another configuration was requested last, whether or not it went live, or if autoscaling is still
        removed from a variant.
        """
        return self.requested_config() not in (None, config) or self.has_suspended_scaling()

    def finish_abandoned_drain(self) -> None:
        """Advances by one step a drain that its writer abandoned, for the sweep. Raises TrafficError."""
        self._drain.finish_abandoned()

    def deploy(
        self,
        config: str,
        *,
        models: Mapping[str, DeployedModel],
        content: str,
        changed_variants: frozenset[str],
        abort_alarm: str | None = None,
        instances: Mapping[str, int] | None = None,
        policy: DeploymentPolicy | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> DeploymentRecord:
        """Deploys an endpoint configuration and keeps weights and counts.

        It drains the variants in `changed_variants` and those that are removed, updates the endpoint, waits and
        compares the result with the request. While an incident is open it ends on the split from before the drain, else
        on the drained split; `apply_after_deployment` then applies the declared one. A deployment that fails restores
        its drain.

        A first endpoint that is Failed and never served is created again with this configuration and `tags`. `content`
        is the hash of what the configuration declares; an equal hash means that another configuration is no change.
        `instances` are the counts of variants that join.

        Raises SilentRollback, NoCapacity, DeploymentFailed, ChangeRefused (no variant can take the drained traffic),
        IncidentOpen (a rollback is running), EndpointMissing, EndpointBusy, EndpointUnusable.
        """
        # One heartbeat from the first wait on: creating an endpoint again takes as long as any deployment.
        with self.writer.heartbeat.keep_alive():
            FirstEndpoint(self.clients.sagemaker, self.writer).ensure_started(config, models, tags or {})
            self.detect_out_of_band()
            return ConfigDeployer(self.clients, self.writer, self._drain).deploy(
                config,
                models=models,
                content=content,
                changed_variants=changed_variants,
                abort_alarm=abort_alarm,
                instances=instances or {},
                policy=policy or DeploymentPolicy(),
            )

    def has_suspended_scaling(self) -> bool:
        """Whether a deployment removed autoscaling from a variant and died before it restored it."""
        return ConfigDeployer(self.clients, self.writer, self._drain).has_suspended_scaling

    def set_capacity(self, variant: str, instances: int) -> None:
        """Sets a variant's instance count and waits until the instances run.

        Raises TargetUnavailable, EndpointMissing, EndpointBusy, EndpointUnusable, NoCapacity.
        """
        self.writer.set_capacity(variant, instances)

    def detect_out_of_band(self) -> Incident | None:
        """Records a live split that no entry explains. Returns the incident that it opened, or None.

        Raises EndpointMissing.
        """
        entry = out_of_band.reconcile_ledger(self.writer)
        if entry is None or entry.kind != "out_of_band" or not entry.incident:
            return None
        return next(iter(replay_incidents([entry])))

    def _list_firing_guardrails(self) -> frozenset[str]:
        return list_in_alarm(self.clients.cloudwatch, self.guardrails.values())

    def _read_ledger_snapshot(self) -> TrafficSnapshot:
        run = self.control.read_run()
        return TrafficSnapshot(self.ledger.entries(), run, None, key=self.writer.resource_names.key)

    def _read_snapshot(self, acknowledged_incidents: frozenset[str] = frozenset()) -> TrafficSnapshot:
        run = self.control.read_run()
        try:
            state = self.platform.state()
        except EndpointMissing:
            state = None
        entries = self.ledger.entries()
        if state is not None and has_never_served(state, entries):
            state = None
        return TrafficSnapshot(entries, run, state, acknowledged_incidents, self.writer.resource_names.key)
