"""The record of a drain in the control table, and what of the traffic makes it old or confirms it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidewatch.aws.dynamodb import require_text_fields
from tidewatch.traffic.incident_replay import TrafficSnapshot
from tidewatch.traffic.models import DeployedModel
from tidewatch.traffic.split import Split


@dataclass(frozen=True)
class DrainedVariant:
    """What a variant held before the drain."""

    config: str
    """The configuration that was live."""
    model: DeployedModel | None = None
    """None if nothing recorded what the variant held."""

    @classmethod
    def from_item(cls, found: Mapping[str, Any]) -> DrainedVariant:
        model = found.get("model")
        drained_variant = cls(found["config"], None if model is None else DeployedModel.from_json(model))
        require_text_fields(drained_variant, "config")
        return drained_variant

    def to_item(self) -> dict[str, object]:
        return {"config": self.config, "model": self.model.to_json() if self.model else None}


@dataclass(frozen=True)
class DrainRecord:
    """What a drain needs to be continued or undone."""

    before: Split
    """The split before the drain."""
    sequence: int
    """The number of the ledger's last entry before the drain."""
    config: str
    """The configuration that the drain makes way for."""
    writer: str = ""
    """The writer that drains, as its heartbeat names it."""
    variants: Mapping[str, DrainedVariant] = field(default_factory=dict[str, DrainedVariant])
    """The drained variants by name."""

    @classmethod
    def from_item(cls, found: Mapping[str, Any]) -> DrainRecord:
        """Returns the record of an item. Raises ValueError, TypeError, or what reading a malformed item raises."""
        if type(found["sequence"]) is not int:
            raise TypeError("Its ledger entry is not a whole number.")
        variants = {name: DrainedVariant.from_item(variant) for name, variant in found.get("variants", {}).items()}
        record = cls(Split.of(found["before"]), found["sequence"], found["config"], found.get("writer", ""), variants)
        require_text_fields(record, "config")
        return record

    def to_item(self) -> dict[str, object]:
        return {
            "before": self.before.to_json(),
            "sequence": self.sequence,
            "config": self.config,
            "writer": self.writer,
            "variants": {name: variant.to_item() for name, variant in self.variants.items()},
        }

    def is_superseded(self, snapshot: TrafficSnapshot) -> bool:
        """Whether something later replaces what was recorded.

        An incident that was opened since owns the traffic, even if it was acknowledged. A split that another writer
        applied since is the newer decision.
        """
        has_newer_incident = any(
            incident.sequence > self.sequence or incident.sequence == 0 for incident in snapshot.incidents
        )
        return has_newer_incident or any(
            entry.sequence > self.sequence
            and entry.kind in ("outcome", "out_of_band")
            and entry.after is not None
            and entry.who != "drain"
            for entry in snapshot.entries
        )

    def is_confirmed_by_ledger(self, snapshot: TrafficSnapshot) -> bool:
        """Whether the ledger confirms the record.

        A drain appends its intent before it changes weights, and a drain that changed nothing has nothing to restore.
        A record that neither confirms is forged and moves no traffic.
        """
        return self.before.is_close_to(snapshot.live_split) or any(
            entry.kind == "intent"
            and entry.who == "drain"
            and entry.sequence > self.sequence
            and self.before.is_close_to(entry.before)
            for entry in snapshot.entries
        )
