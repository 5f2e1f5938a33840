"""docs/config.md and the editors' schema name every key of the models, and no other."""

import json
import re
import sys
from dataclasses import fields
from pathlib import Path

import jsonschema
import pytest
from pydantic.alias_generators import to_camel
from ruamel.yaml import YAML

from stacks.config import governance, monitoring, reference, schema
from stacks.config.alarm_settings import GuardrailSettings
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
    "governance": governance.GovernanceSettings,
    "governance.signatures": governance.SignatureSettings,
    "image": schema.ImageSettings,
    "logs": schema.LogSettings,
    "vpc": schema.VpcSettings,
    "access": schema.AccessSettings,
    "autoscaling": schema.AutoscalingSettings,
}
PLAIN = {"policies", "rollbackTo", "acknowledgedIncident", "retire", "protect", "forceDestroy", "tags"}


def _keys(path: str, section: type[Section]) -> set[str]:
    return {f"{path}.{info.alias}" for info in section.model_fields.values()}


def test_every_key_of_the_schema_is_in_the_table_and_no_other() -> None:
    first_cells = re.findall(r"^\| (`[^|]+`) \|", PAGE.read_text(), re.MULTILINE)
    documented = {key for cell in first_cells for key in re.findall(r"`([^`]+)`", cell)} - {"aws:region"}
    declared = {key for path, section in SECTIONS.items() for key in _keys(path, section)} | PLAIN
    limits = {f"alarms.{to_camel(one.name)}" for one in fields(AlarmThresholds)} | {"alarms.guardrails"}
    assert documented == (declared | limits) - (set(SECTIONS) & declared)


def test_the_page_and_the_schema_are_what_the_models_say() -> None:
    assert reference.PAGE.read_text() == reference.render_page(reference.PAGE.read_text())
    assert reference.SCHEMA.read_text() == reference.render_schema()


def test_every_key_says_what_it_is() -> None:
    assert [key for key, info in reference.list_keys() if not info.description] == []
    assert [name for name, info in GuardrailSettings.model_fields.items() if not info.description] == []


def test_a_file_that_is_not_current_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference, "ROOT", tmp_path)
    monkeypatch.setattr(reference, "SCHEMA", tmp_path / "pulumi-stack.schema.json")
    page = tmp_path / "config.md"
    page.write_text(PAGE.read_text())
    monkeypatch.setattr(reference, "PAGE", page)
    monkeypatch.setattr(sys, "argv", ["reference", "--check"])
    assert reference.main() == 1
    assert "pulumi-stack.schema.json does not match" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["reference"])
    assert reference.main() == 0
    monkeypatch.setattr(sys, "argv", ["reference", "--check"])
    assert reference.main() == 0


@pytest.mark.parametrize("path", sorted(PAGE.parents[1].glob("Pulumi.*.yaml")), ids=lambda path: path.name)
def test_each_stack_names_the_schema_that_its_keys_are_in(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# yaml-language-server: $schema=docs/pulumi-stack.schema.json\n")
    schema = json.loads(reference.SCHEMA.read_text())
    config = YAML(typ="safe").load(text)["config"]
    jsonschema.validate({"config": config}, schema)
    for mistake in ({"tidewatch:variant": {}}, {"tidewatch:drift": {"pageShares": 30}}, {"tidewatch:protect": "maybe"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"config": {**config, **mistake}}, schema)
