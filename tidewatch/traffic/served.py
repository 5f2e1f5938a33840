"""Which version each slot serves and since when, as it is found live: a declaration tells neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from tidewatch.items import refuse_odd_time, refuse_other_types
from tidewatch.traffic.control import Control
from tidewatch.traffic.values import Held

ITEM = "served"


@dataclass(frozen=True)
class Served:
    """A version, the content hash of its model as declared, and since when, ISO 8601: to the minute of the sweep."""

    version: str
    content: str
    since: str

    @classmethod
    def of(cls, one: Mapping[str, Any]) -> Served:
        served = cls(one["version"], one["content"], one["since"])
        refuse_other_types(served, "version", "content", "since")
        refuse_odd_time(datetime.fromisoformat(served.since))
        return served


def served(control: Control, held: Mapping[str, Held], now: datetime) -> dict[str, Served]:
    """What the slots of the live configuration hold, and since when it is so; what is new is written down."""
    before = _known(control)
    found = {slot: _of(one, before.get(slot), now) for slot, one in sorted(held.items())}
    if found != before:
        control.put(ITEM, {"slots": {slot: asdict(one) for slot, one in found.items()}})
    return found


def _known(control: Control) -> dict[str, Served]:
    return control.read(ITEM, lambda found: {slot: Served.of(one) for slot, one in found["slots"].items()}) or {}


def _of(held: Held, before: Served | None, now: datetime) -> Served:
    if before and (before.version, before.content) == (held.version, held.content):
        return before
    return Served(held.version, held.content, now.isoformat(timespec="seconds"))
