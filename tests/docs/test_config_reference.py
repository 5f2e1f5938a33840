"""docs/config.md names every key of the schema, and no other."""

import re
from pathlib import Path

from pydantic.alias_generators import to_camel

from stacks import schema
from stacks.types import Section

PAGE = Path(__file__).parents[2] / "docs" / "config.md"
SECTIONS = {
    "model": schema.Model,
    "endpoint": schema.Endpoint,
    "endpoint.rollout": schema.Rollout,
    "variants.<slot>": schema.Variant,
    "rollback": schema.Rollback,
    "drift": schema.Drift,
    "registry": schema.Registry,
    "logs": schema.Logs,
    "vpc": schema.Vpc,
    "autoscaling": schema.Autoscaling,
}
PLAIN = {"rollbackTo", "acknowledgedIncident", "protect", "forceDestroy", "tags"}


def _keys(path: str, section: type[Section]) -> set[str]:
    return {f"{path}.{to_camel(name)}" for name in section.model_fields}


def test_every_key_of_the_schema_is_in_the_table_and_no_other() -> None:
    first_cells = re.findall(r"^\| (`[^|]+`) \|", PAGE.read_text(), re.MULTILINE)
    documented = {key for cell in first_cells for key in re.findall(r"`([^`]+)`", cell)} - {"aws:region"}
    declared = {key for path, section in SECTIONS.items() for key in _keys(path, section)} | PLAIN
    assert documented == declared - {"endpoint.rollout"}
