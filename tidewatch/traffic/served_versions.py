"""Which version each variant serves live, and since when. The declaration shows neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from tidewatch.aws.dynamodb import require_plausible_time, require_text_fields
from tidewatch.traffic.control_table import ControlTable
from tidewatch.traffic.models import DeployedModel

SERVED_KEY = "served-versions"


@dataclass(frozen=True)
class ServedVersion:
    """A version that a variant serves."""

    version: str
    content: str
    """The content hash of its model as declared."""
    since: str
    """When the sweep first saw it, ISO 8601, to the minute."""

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> ServedVersion:
        version = cls(item["version"], item["content"], item["since"])
        require_text_fields(version, "version", "content", "since")
        require_plausible_time(datetime.fromisoformat(version.since))
        return version


def track_served_versions(
    control: ControlTable, models: Mapping[str, DeployedModel], now: datetime
) -> dict[str, ServedVersion]:
    """Returns what the variants of the live configuration hold and since when, and records what is new."""
    before = _read_versions(control)
    found = {variant: _update_version(model, before.get(variant), now) for variant, model in sorted(models.items())}
    if found != before:
        control.put(SERVED_KEY, {"variants": {variant: asdict(version) for variant, version in found.items()}})
    return found


def _read_versions(control: ControlTable) -> dict[str, ServedVersion]:
    return (
        control.read(
            SERVED_KEY,
            lambda found: {variant: ServedVersion.from_item(item) for variant, item in found["variants"].items()},
        )
        or {}
    )


def _update_version(model: DeployedModel, before: ServedVersion | None, now: datetime) -> ServedVersion:
    if before and (before.version, before.content) == (model.version, model.content):
        return before
    return ServedVersion(model.version, model.content, now.isoformat(timespec="seconds"))
