"""The drain: takes all traffic from a variant while its model changes, and can restore the previous split.

The previous split is recorded before the drain. If a deployment dies, the next `up` or, once the writer is dead, the
sweep continues or undoes it, whatever is declared by then. If a variant got another model while an incident was open,
the record stays until the incident is acknowledged: nothing else shows that the variant is still to get its share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidewatch.naming import format_command
from tidewatch.traffic import guard
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
        kept = self._read_active_record()
        return Split.of(kept["before"]) if kept else live

    def _read_record(self) -> dict[str, Any] | None:
        """Returns the record of a drain."""
        return self.writer.control.read(DRAIN_KEY, _validate_record)

    def _read_active_record(self) -> dict[str, Any] | None:
        """Returns the record of a drain that is not superseded."""
        kept = self._read_record()
        if kept is None:
            return None
        run = self.writer.control.read_run()
        return (
            None if is_superseded(TrafficSnapshot(self.writer.ledger.entries(), run, None), kept["sequence"]) else kept
        )

    def find_replaced_variants(self) -> frozenset[str]:
        """Returns the variants of the active record that hold another model by now. Raises EndpointMissing."""
        kept = self._read_active_record()
        return self._find_replaced(kept, self.writer.platform.state()) if kept else frozenset()

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
        if kept := self._read_active_record():
            self.writer.control.put(DRAIN_KEY, {**kept, "config": config, "writer": self.writer.heartbeat.name})

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
        active_record = self._read_active_record()
        if active_record is not None and not is_confirmed_by_ledger(
            TrafficSnapshot(entries, None, state), active_record
        ):
            active_record = None
        kept = active_record or {
            "before": live.to_json(),
            "sequence": entries[-1].sequence if entries else 0,
            "variants": {},
        }
        live_models = self.writer.control.read_models(state.config) or {}
        current = {
            variant: {
                "config": state.config,
                "model": live_models[variant].to_json() if variant in live_models else None,
            }
            for variant in variants
        }
        changes = {
            "variants": {**current, **kept.get("variants", {})},
            "config": config,
            "writer": self.writer.heartbeat.name,
        }
        self.writer.control.put(DRAIN_KEY, {**kept, **changes})

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
        kept = self._read_record()
        if kept is None:
            return
        snapshot = self.writer.read_snapshot()
        if is_superseded(snapshot, kept["sequence"]):
            self.forget()
            return
        if not is_confirmed_by_ledger(snapshot, kept):
            return
        self.writer.change(
            lambda fresh: self._compute_restored_split(fresh, kept, models), who="drain", why=RESTORE_REASON
        )
        if not self._find_replaced(kept, self.writer.platform.state()):
            self.forget()

    def finish_abandoned(self) -> None:
        """Undoes, as one step of the sweep, a drain whose writer is dead, if its variants hold the same models.

        A variant that holds another model by now stays empty and recorded: the next `up` decides on its share.
        """
        kept = self._read_record()
        if kept is None or self.writer.heartbeat.is_other_alive(str(kept.get("writer", ""))):
            return
        snapshot = self.writer.read_snapshot()
        if snapshot.state is None or not snapshot.state.is_in_service or snapshot.active_run:
            return
        if is_superseded(snapshot, kept["sequence"]):
            self._forget_record(kept)
            return
        if not is_confirmed_by_ledger(snapshot, kept):
            self.writer.control.set_aside(DRAIN_KEY, kept)
            return
        if self._find_replaced(kept, snapshot.state):
            return
        models = self.writer.control.read_models(snapshot.state.config) or {}
        if self._compute_restored_split(snapshot, kept, models) is None:
            self._forget_record(kept)
            return
        # The next sweep appends the outcome: it finds the split live and deletes the record.
        self.writer.submit(
            lambda fresh: self._compute_restored_split(fresh, kept, models) if self._read_record() == kept else None,
            who="drain",
            why=f"{RESTORE_REASON} Its writer had died.",
        )

    def _compute_restored_split(
        self, snapshot: TrafficSnapshot, kept: Mapping[str, Any], models: Mapping[str, DeployedModel]
    ) -> Split | None:
        """Returns the previous split as far as it may be restored, or None if there is nothing to do.

        Nothing is restored if an incident was opened since the drain. A quarantined variant gets nothing, and neither
        does a variant that holds another model by now: its share belonged to the old one.
        """
        if snapshot.active_run or is_superseded(snapshot, kept["sequence"]) or snapshot.state is None:
            return None
        previous_split = Split.of(kept["before"])
        quarantined_variants = {
            variant
            for variant in previous_split.serving
            if find_quarantine(variant, models.get(variant), snapshot.quarantines, snapshot.config)
        }
        excluded = (
            quarantined_variants
            | (previous_split.serving - snapshot.state.variants.keys())
            | self._find_replaced(kept, snapshot.state)
        )
        if not previous_split.serving - excluded:
            return None
        restored_split = previous_split.exclude(excluded).restrict_to(snapshot.state.variants)
        return None if restored_split.is_close_to(snapshot.live_split) else restored_split

    def _find_replaced(self, kept: Mapping[str, Any], state: EndpointState) -> frozenset[str]:
        """Returns the drained variants that hold another model than before, or are gone."""
        live_models = self.writer.control.read_models(state.config) or {}

        def is_same_model(variant: str, previous: Mapping[str, Any]) -> bool:
            model_json = previous.get("model")
            return model_json is not None and DeployedModel.from_json(model_json).is_same_model(
                live_models.get(variant)
            )

        return frozenset(
            variant
            for variant, previous in kept.get("variants", {}).items()
            if previous["config"] != state.config and not is_same_model(variant, previous)
        )

    def is_pending(self) -> bool:
        """Whether a drained variant still awaits its share and nothing has superseded the record."""
        return self._read_active_record() is not None

    def forget(self) -> None:
        """Ends the drain: the traffic is as somebody wants it now."""
        if self.writer.control.get(DRAIN_KEY) is not None:
            self.writer.control.delete(DRAIN_KEY)

    def _forget_record(self, kept: Mapping[str, Any]) -> None:
        """Deletes this record, unless another writer has begun or taken over a drain meanwhile."""
        self.writer.control.delete_if(DRAIN_KEY, sequence=kept["sequence"], config=kept["config"])


def is_confirmed_by_ledger(snapshot: TrafficSnapshot, kept: Mapping[str, Any]) -> bool:
    """Whether the ledger confirms the record of a drain.

    A drain appends its intent before it changes weights, and a drain that changed nothing has nothing to restore. A
    record that neither confirms is forged and moves no traffic.
    """
    before = Split.of(kept["before"])
    return before.is_close_to(snapshot.live_split) or any(
        entry.kind == "intent"
        and entry.who == "drain"
        and entry.sequence > kept["sequence"]
        and before.is_close_to(entry.before)
        for entry in snapshot.entries
    )


def _validate_record(kept: dict[str, Any]) -> dict[str, Any]:
    """Returns the record if it is valid. Raises ValueError, TypeError, or what reading a bad record raises."""
    Split.of(kept["before"])
    if type(kept["sequence"]) is not int:
        raise TypeError("Its ledger entry is not a whole number.")
    drained = kept.get("variants", {})
    for previous in drained.values():
        if previous.get("model") is not None:
            DeployedModel.from_json(previous["model"])
    texts = (kept["config"], kept.get("writer", ""), *(previous["config"] for previous in drained.values()))
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("Its configuration or writer is not text.")
    return kept


def is_superseded(snapshot: TrafficSnapshot, sequence: int) -> bool:
    """Whether something later replaces what was recorded at that entry.

    An incident that was opened since owns the traffic, even if it was acknowledged. A split that another writer applied
    since is the newer decision.
    """
    has_newer_incident = any(incident.sequence > sequence or incident.sequence == 0 for incident in snapshot.incidents)
    return has_newer_incident or any(
        entry.sequence > sequence
        and entry.kind in ("outcome", "out_of_band")
        and entry.after is not None
        and entry.who != "drain"
        for entry in snapshot.entries
    )
