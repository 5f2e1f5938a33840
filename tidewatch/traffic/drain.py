"""The drain: takes all traffic from a variant while its model changes, and can restore the previous split.

The previous split is recorded before the drain. If a deployment dies, the next `up` or, once the writer is dead, the
sweep continues or undoes it, whatever is declared by then. If a variant got another model while an incident was open,
the record stays until the incident is acknowledged: nothing else shows that the variant is still to get its share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tidewatch.naming import format_command
from tidewatch.traffic import guard
from tidewatch.traffic.drain_record import DrainedVariant, DrainRecord
from tidewatch.traffic.errors import ChangeRefused
from tidewatch.traffic.incident_replay import Incident, TrafficSnapshot, find_quarantine
from tidewatch.traffic.models import DeployedModel, EndpointState
from tidewatch.traffic.split import Split
from tidewatch.traffic.writer import Writer

DRAIN_KEY = "drain"
RESTORE_REASON = "The split from before the drain."


@dataclass(frozen=True)
class Drain:
    """Drains the variants of one endpoint."""

    writer: Writer
    guardrails: Mapping[str, str]
    list_firing: Callable[[], frozenset[str]]

    def get_split_before(self, live: Split | None) -> Split | None:
        """Returns the split before the running drain, or the live split if there is none."""
        record = self._read_active_record()
        return record.before if record else live

    def _read_record(self) -> DrainRecord | None:
        """Returns the record of a drain."""
        return self.writer.control.read(DRAIN_KEY, DrainRecord.from_item)

    def _read_active_record(self) -> DrainRecord | None:
        """Returns the record of a drain that is not superseded."""
        record = self._read_record()
        if record is None:
            return None
        run = self.writer.control.read_run()
        return None if record.is_superseded(TrafficSnapshot(self.writer.ledger.entries(), run, None)) else record

    def _write_record(self, record: DrainRecord) -> None:
        self.writer.control.put(DRAIN_KEY, record.to_item())

    def find_replaced_variants(self) -> frozenset[str]:
        """Returns the variants of the active record that hold another model by now. Raises EndpointMissing."""
        record = self._read_active_record()
        return self._find_replaced(record, self.writer.platform.state()) if record else frozenset()

    def describe_withheld_variants(self, declared: Split, open_incidents: Sequence[Incident]) -> str:
        """Returns a sentence about the variants that get no traffic because of these incidents, or "".

        These are the variants of the active record whose model changed while the incident was open: they get their
        declared share once it is acknowledged. What a rollback took away does not count. Raises EndpointMissing.
        """
        variants = sorted(self.find_replaced_variants() & declared.serving)
        if not variants or not open_incidents:
            return ""
        key = self.writer.resource_names.key
        ids = ", ".join(incident.id for incident in open_incidents)
        if len(open_incidents) == 1:
            subject, remedy = f"incident {ids} is", open_incidents[0].describe_remedy(key)
        else:
            command = format_command("acknowledge INCIDENT", key)
            subject, remedy = f"incidents {ids} are", f"read them and acknowledge each with `{command}`"
        return (
            f"Variant {', '.join(variants)} gets no traffic while {subject} open: {remedy}; the next `pulumi up` "
            "then applies the declared split."
        )

    def take_over(self, config: str) -> None:
        """Makes this writer the owner of a drain that another writer left behind."""
        if record := self._read_active_record():
            self._write_record(replace(record, config=config, writer=self.writer.heartbeat.name))

    def start(self, variants: frozenset[str], models: Mapping[str, DeployedModel], config: str) -> None:
        """Takes the traffic from these variants. Raises ChangeRefused if no other variant can take it.

        While an incident is open, variants without traffic are recorded too: their new model gets none until it is
        acknowledged.
        """
        snapshot = self.writer.read_snapshot()
        if snapshot.state is None or snapshot.state.split is None:
            return
        serving = variants & snapshot.state.serving
        if serving:
            self._compute_drained_split(snapshot, variants, models)
        recorded_variants = serving | (variants & models.keys()) if snapshot.open_incidents else serving
        if recorded_variants:
            self._record_drain(recorded_variants, snapshot.state, snapshot.state.split, config)
        if not serving:
            return

        def decide(snapshot: TrafficSnapshot) -> Split | None:
            if snapshot.state is None or snapshot.state.split is None or not variants & snapshot.state.serving:
                return None
            # A running rollback owns the traffic, so this drain must not empty its target.
            if snapshot.active_run and snapshot.active_run.target in variants:
                raise ChangeRefused(
                    f"Variant {snapshot.active_run.target} is the target of the rollback "
                    f"{snapshot.active_run.incident}."
                )
            return self._compute_drained_split(snapshot, variants, models)

        names = ", ".join(sorted(variants))
        self.writer.change(decide, who="drain", why=f"{names} is drained for the deployment of {config}.")

    def _record_drain(self, variants: frozenset[str], state: EndpointState, live: Split, config: str) -> None:
        """Records what these variants hold now. An active record keeps its entries and gets the new ones added."""
        entries = self.writer.ledger.entries()
        record = self._read_active_record()
        if record is None or not record.is_confirmed_by_ledger(TrafficSnapshot(entries, None, state)):
            record = DrainRecord(live, entries[-1].sequence if entries else 0, config)
        live_models = self.writer.control.read_models(state.config) or {}
        current = {variant: DrainedVariant(state.config, live_models.get(variant)) for variant in variants}
        self._write_record(
            replace(record, config=config, writer=self.writer.heartbeat.name, variants={**current, **record.variants})
        )

    def _compute_drained_split(
        self, snapshot: TrafficSnapshot, variants: frozenset[str], models: Mapping[str, DeployedModel]
    ) -> Split:
        assert snapshot.state is not None
        excluded = self.find_replaced_variants() if snapshot.open_incidents else frozenset[str]()
        return guard.compute_drained_split(
            snapshot, snapshot.state, variants, models, self.guardrails, self.list_firing, excluded
        )

    def restore(self, models: Mapping[str, DeployedModel]) -> None:
        """Restores the previous split and waits for it; `_compute_restored_split` has the exceptions."""
        record = self._read_record()
        if record is None:
            return
        snapshot = self.writer.read_snapshot()
        if record.is_superseded(snapshot):
            self.forget()
            return
        if not record.is_confirmed_by_ledger(snapshot):
            return
        self.writer.change(
            lambda fresh: self._compute_restored_split(fresh, record, models), who="drain", why=RESTORE_REASON
        )
        if not self._find_replaced(record, self.writer.platform.state()):
            self.forget()

    def finish_abandoned(self) -> None:
        """Undoes, as one step of the sweep, a drain whose writer is dead, if its variants hold the same models.

        A variant that holds another model by now stays empty and recorded: the next `up` decides on its share.
        """
        record = self._read_record()
        if record is None or self.writer.heartbeat.is_other_alive(record.writer):
            return
        snapshot = self.writer.read_snapshot()
        if snapshot.state is None or not snapshot.state.is_in_service or snapshot.active_run:
            return
        if record.is_superseded(snapshot):
            self._forget_record(record)
            return
        if not record.is_confirmed_by_ledger(snapshot):
            # People see the whole item, also what the record does not know.
            self.writer.control.set_aside(DRAIN_KEY, self.writer.control.get(DRAIN_KEY) or record.to_item())
            return
        if self._find_replaced(record, snapshot.state):
            return
        models = self.writer.control.read_models(snapshot.state.config) or {}
        if self._compute_restored_split(snapshot, record, models) is None:
            self._forget_record(record)
            return
        # The next sweep appends the outcome: it finds the split live and deletes the record.
        self.writer.submit(
            lambda fresh: (
                self._compute_restored_split(fresh, record, models) if self._read_record() == record else None
            ),
            who="drain",
            why=f"{RESTORE_REASON} Its writer had died.",
        )

    def _compute_restored_split(
        self, snapshot: TrafficSnapshot, record: DrainRecord, models: Mapping[str, DeployedModel]
    ) -> Split | None:
        """Returns the previous split as far as it may be restored, or None if there is nothing to do.

        Nothing is restored if an incident was opened since the drain. A quarantined variant gets nothing, and neither
        does a variant that holds another model by now: its share belonged to the old one.
        """
        if snapshot.active_run or record.is_superseded(snapshot) or snapshot.state is None:
            return None
        previous_split = record.before
        quarantined_variants = {
            variant
            for variant in previous_split.serving
            if find_quarantine(variant, models.get(variant), snapshot.quarantines, snapshot.config)
        }
        excluded = (
            quarantined_variants
            | (previous_split.serving - snapshot.state.variants.keys())
            | self._find_replaced(record, snapshot.state)
        )
        if not previous_split.serving - excluded:
            return None
        restored_split = previous_split.exclude(excluded).restrict_to(snapshot.state.variants)
        return None if restored_split.is_close_to(snapshot.live_split) else restored_split

    def _find_replaced(self, record: DrainRecord, state: EndpointState) -> frozenset[str]:
        """Returns the drained variants that hold another model than before, or are gone."""
        live_models = self.writer.control.read_models(state.config) or {}

        return frozenset(
            name
            for name, variant in record.variants.items()
            if variant.config != state.config
            and not (variant.model and variant.model.is_same_model(live_models.get(name)))
        )

    def is_pending(self) -> bool:
        """Whether a drained variant still awaits its share and nothing has superseded the record."""
        return self._read_active_record() is not None

    def forget(self) -> None:
        """Ends the drain: the traffic is as somebody wants it now."""
        if self.writer.control.get(DRAIN_KEY) is not None:
            self.writer.control.delete(DRAIN_KEY)

    def _forget_record(self, record: DrainRecord) -> None:
        """Deletes this record, unless another writer has begun or taken over a drain meanwhile."""
        self.writer.control.delete_if(DRAIN_KEY, sequence=record.sequence, config=record.config)
