"""docs/config.md names every key of the schema, and no other."""

import re
from dataclasses import fields
from pathlib import Path

from pydantic.alias_generators import to_camel

from stacks import schema, watching
from stacks.types import Section
from tidewatch.alarms import Limits

PAGE = Path(__file__).parents[2] / "docs" / "config.md"
SECTIONS = {
    "model": schema.Model,
    "endpoint": schema.Endpoint,
    "endpoint.rollout": schema.Rollout,
    "variants.<slot>": schema.Variant,
    "rollback": schema.Rollback,
    "drift": schema.Drift,
    "slo": watching.Slo,
    "slo.availability": watching.Promise,
    "slo.latency": watching.LatencyPromise,
    "notify": watching.Notify,
    "notify.escalation": watching.Escalation,
    "notify.chat": watching.Chat,
    "registry": schema.Registry,
    "image": schema.Image,
    "logs": schema.Logs,
    "vpc": schema.Vpc,
    "access": schema.Access,
    "autoscaling": schema.Autoscaling,
}
PLAIN = {"rollbackTo", "acknowledgedIncident", "retire", "protect", "forceDestroy", "tags"}


def _keys(path: str, section: type[Section]) -> set[str]:
    return {f"{path}.{info.alias}" for info in section.model_fields.values()}


def test_every_key_of_the_schema_is_in_the_table_and_no_other() -> None:
    first_cells = re.findall(r"^\| (`[^|]+`) \|", PAGE.read_text(), re.MULTILINE)
    documented = {key for cell in first_cells for key in re.findall(r"`([^`]+)`", cell)} - {"aws:region"}
    declared = {key for path, section in SECTIONS.items() for key in _keys(path, section)} | PLAIN
    limits = {f"alarms.{to_camel(one.name)}" for one in fields(Limits)} | {"alarms.guardrails"}
    assert documented == (declared | limits) - (set(SECTIONS) & declared)
