"""The drain: a variant whose model changes serves nobody meanwhile, and what was live before can be brought back.

What was live before is written down before the drain, so a deployment that died is continued or undone, whatever is
declared by then: by the next `up`, or by the sweep once the writer is dead. Where another model came into a variant
over an open incident, the record stays until the incident is acknowledged: it alone says that the variant is owed its
share.
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
    """Drains the variants of one endpoint. `alarmed` answers which of the guardrails are in ALARM."""

    writer: Writer
    guardrails: Mapping[str, str]
    list_firing: Callable[[], frozenset[str]]

    def get_split_before(self, live: Split | None) -> Split | None:
        """The split before the drain that is under way, or the live one where none is."""
        kept = self._read_active_record()
        return Split.of(kept["before"]) if kept else live

    def _read_record(self) -> dict[str, Any] | None:
        """What was written down of a drain."""
        return self.writer.control.read(DRAIN_KEY, _validate_record)

    def _read_active_record(self) -> dict[str, Any] | None:
        """The same, where it still stands."""
        kept = self._read_record()
        if kept is None:
            return None
        run = self.writer.control.read_run()
        return (
            None if is_superseded(TrafficSnapshot(self.writer.ledger.entries(), run, None), kept["sequence"]) else kept
        )

    def find_replaced_variants(self) -> frozenset[str]:
        """The variants of the standing record that hold another model by now. Raises EndpointMissing."""
        kept = self._read_active_record()
        return self._find_replaced(kept, self.writer.platform.state()) if kept else frozenset()

    def describe_withheld_variants(self, declared: Split, open_incidents: Sequence[Incident]) -> str:
        """Which variants get nothing because of these incidents, as a sentence; "" where there is none.

        By the record: a variant whose model came over the open incident, and nothing else, gets its declared share once
        that is acknowledged. What a rollback took away is not withheld. Raises EndpointMissing.
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
            f"Variant {', '.join(variants)} gets nothing while {subject} open: {remedy}, and the next `pulumi up` "
            "brings the declared split."
        )

    def take_over(self, config: str) -> None:
        """Makes a drain that another writer left behind this writer's."""
        if kept := self._read_active_record():
            self.writer.control.put(DRAIN_KEY, {**kept, "config": config, "writer": self.writer.heartbeat.name})

    def start(self, variants: frozenset[str], models: Mapping[str, DeployedModel], config: str) -> None:
        """Takes the traffic from these variants; raises Refused where no other variant can take it.

        Over an open incident a variant without traffic is written down too: its new model gets nothing until then.
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
            # A rollback under way owns the traffic; what it flips to is no variant that this drain may empty.
            if snapshot.active_run and snapshot.active_run.target in variants:
                raise ChangeRefused(
                    f"Variant {snapshot.active_run.target} is the target of the rollback "
                    f"{snapshot.active_run.incident}."
                )
            return self._compute_drained_split(snapshot, variants, models)

        names = ", ".join(sorted(variants))
        self.writer.change(decide, who="drain", why=f"{names} is drained for the deployment of {config}.")

    def _record_drain(self, variants: frozenset[str], state: EndpointState, live: Split, config: str) -> None:
        """Writes down what these variants hold now; a record that stands keeps what it says, and is added to."""
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
        """Brings back what was live before, and waits for it; see `_back` for what does not come back."""
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
        """One step of the sweep: undoes a drain whose writer is dead, where its models are still the same.

        A variant that holds another model by now stays empty, and written down: what it is to get is for an `up` to
        say.
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
        # The answer is appended by the next sweep, which finds the split live and forgets the drain.
        self.writer.submit(
            lambda fresh: self._compute_restored_split(fresh, kept, models) if self._read_record() == kept else None,
            who="drain",
            why=f"{RESTORE_REASON} Its writer had gone.",
        )

    def _compute_restored_split(
        self, snapshot: TrafficSnapshot, kept: Mapping[str, Any], models: Mapping[str, DeployedModel]
    ) -> Split | None:
        """The split from before, as far as it may come back; None where there is nothing to do.

        Not over an incident that was opened since; nothing for what is quarantined, and nothing for a variant that
        holds another model than then: what it had was another's.
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
        """The drained variants that hold another model than they held before, or are gone."""
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
        """Whether what was drained has not got its share back yet, and nobody decided otherwise since."""
        return self._read_active_record() is not None

    def forget(self) -> None:
        """Ends the drain: the traffic is as somebody wants it now."""
        if self.writer.control.get(DRAIN_KEY) is not None:
            self.writer.control.delete(DRAIN_KEY)

    def _forget_record(self, kept: Mapping[str, Any]) -> None:
        """Not the drain that somebody else began, or took over, meanwhile."""
        self.writer.control.delete_if(DRAIN_KEY, sequence=kept["sequence"], config=kept["config"])


def is_confirmed_by_ledger(snapshot: TrafficSnapshot, kept: Mapping[str, Any]) -> bool:
    """Whether the ledger knows the drain that this was written down of, whose intent comes before its weights; one that
    drained nothing has nothing to bring back. Otherwise it was forged, and moves no traffic."""
    before = Split.of(kept["before"])
    return before.is_close_to(snapshot.live_split) or any(
        entry.kind == "intent"
        and entry.who == "drain"
        and entry.sequence > kept["sequence"]
        and before.is_close_to(entry.before)
        for entry in snapshot.entries
    )


def _validate_record(kept: dict[str, Any]) -> dict[str, Any]:
    """Itself, if it is what is written down of a drain: raises ValueError, TypeError or what reading it raises."""
    Split.of(kept["before"])
    if type(kept["sequence"]) is not int:
        raise TypeError("It names the entry that it stands behind by what is no whole number.")
    drained = kept.get("variants", {})
    for previous in drained.values():
        if previous.get("model") is not None:
            DeployedModel.from_json(previous["model"])
    texts = (kept["config"], kept.get("writer", ""), *(previous["config"] for previous in drained.values()))
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("It names a configuration or a writer by what is no text.")
    return kept


def is_superseded(snapshot: TrafficSnapshot, sequence: int) -> bool:
    """Whether what was kept at that entry no longer stands.

    An incident opened since owns the traffic, also when it was acknowledged, and a split that somebody else brought
    about since is the newer word.
    """
    has_newer_incident = any(incident.sequence > sequence or incident.sequence == 0 for incident in snapshot.incidents)
    return has_newer_incident or any(
        entry.sequence > sequence
        and entry.kind in ("outcome", "out_of_band")
        and entry.after is not None
        and entry.who != "drain"
        for entry in snapshot.entries
    )
