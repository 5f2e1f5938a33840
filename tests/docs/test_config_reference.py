"""docs/config.md names every key of the schema, and no other."""

import re
from dataclasses import fields
from pathlib import Path

from pydantic.alias_generators import to_camel

from stacks.config import monitoring, schema
from stacks.config.types import Section
from tidewatch.alarms import AlarmThresholds

PAGE = Path(__file__).parents[2] / "docs" / "config.md"
SECTIONS = {
    "model": schema.ModelSettings,
    "endpoint": schema.EndpointSettings,
    "endpoint.rollout": schema.RolloutSettings,
    "variants.<variant>": schema.VariantSettings,
    "rollback": schema.RollbackSettings,
    "drift": schema.DriftSettings,
    "slo": monitoring.SloSettings,
    "slo.availability": monitoring.ObjectiveSettings,
    "slo.latency": monitoring.LatencyObjectiveSettings,
    "notify": monitoring.NotificationSettings,
    "notify.escalation": monitoring.EscalationSettings,
    "notify.chat": monitoring.ChatSettings,
    "registry": schema.RegistrySettings,
    "image": schema.ImageSettings,
    "logs": schema.LogSettings,
    "vpc": schema.VpcSettings,
    "access": schema.AccessSettings,
    "autoscaling": schema.AutoscalingSettings,
}
PLAIN = {"rollbackTo", "acknowledgedIncident", "retire", "protect", "forceDestroy", "tags"}


def _keys(path: str, section: type[Section]) -> set[str]:
    return {f"{path}.{info.alias}" for info in section.model_fields.values()}


def test_every_key_of_the_schema_is_in_the_table_and_no_other() -> None:
    first_cells = re.findall(r"^\| (`[^|]+`) \|", PAGE.read_text(), re.MULTILINE)
    documented = {key for cell in first_cells for key in re.findall(r"`([^`]+)`", cell)} - {"aws:region"}
    declared = {key for path, section in SECTIONS.items() for key in _keys(path, section)} | PLAIN
    limits = {f"alarms.{to_camel(one.name)}" for one in fields(AlarmThresholds)} | {"alarms.guardrails"}
    assert documented == (declared | limits) - (set(SECTIONS) & declared)
