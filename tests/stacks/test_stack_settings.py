"""The stack config: what is accepted, and every mistake reported at once with its path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.drift_monitor import build_drift_thresholds
from stacks.config.settings import SettingsError, load
from tidewatch.aws import instance_types
from tidewatch.drift.statistics import Thresholds

ROOT = Path(__file__).resolve().parents[2]

CONFIG: dict[str, Any] = {
    "aws:region": "us-east-1",
    "tidewatch:model": {"name": "flights", "owner": "a@example.com", "oncall": "b@example.com", "escalation": "c"},
    "tidewatch:endpoint": {"platform": "sagemaker", "instanceType": "ml.g5.xlarge"},
    "tidewatch:variants": {
        "blue": {"version": "3", "weight": 95, "instances": 2},
        "green": {"version": "4", "weight": 5, "instances": 2},
    },
    "tidewatch:rollbackTo": "blue",
}


KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def change_config(path: str, value: Any) -> dict[str, Any]:
    """The config with one value set; `path` is dotted below its top-level key."""
    config = json.loads(json.dumps(CONFIG))
    key, *inside = path.split(".")
    if not inside:
        return {**config, key: value}
    place = config.setdefault(key, {})
    for part in inside[:-1]:
        place = place.setdefault(part, {})
    place[inside[-1]] = value
    return config


def mistakes(config: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        load(config)
    return refused.value.mistakes


def test_a_complete_config_is_read_into_values():
    settings = load(CONFIG)
    assert settings.model.name == "flights"
    assert settings.shares == {"blue": 0.95, "green": 0.05}
    assert (settings.champion, settings.floor) == ("blue", 2)
    assert settings.rollback.automatic


def test_without_variants_there_is_no_champion():
    settings = load({**CONFIG, "tidewatch:variants": {}, "tidewatch:rollbackTo": ""})
    assert settings.variants == {}
    assert settings.rollback_to is None


def test_values_may_be_json_text_and_empty_as_pulumi_hands_them_over():
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in CONFIG.items()}
    empty = {"tidewatch:vpc": "{}", "tidewatch:autoscaling": "{}", "tidewatch:protect": "false", "tidewatch:tags": "{}"}
    assert load({**text, **empty, "tidewatch:acknowledgedIncident": ""}) == load(CONFIG)


@pytest.mark.parametrize(("written", "read"), [(10, 10.0), ("0.5", 0.5), (2.5, 2.5), ("10", 10.0)])
def test_a_weight_may_be_a_number_or_its_text(written: Any, read: float):
    assert load(change_config("tidewatch:variants.green.weight", written)).variants["green"].weight == read


@pytest.mark.parametrize("written", [3, "3", 3.0])
def test_a_version_may_be_written_as_a_whole_number(written: Any):
    assert load(change_config("tidewatch:variants.green.version", written)).variants["green"].version == "3"


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_shares_sum_to_one(blue: int, green: int):
    config = change_config("tidewatch:variants.blue.weight", blue)
    config["tidewatch:variants"]["green"]["weight"] = str(green)
    assert sum(load(config).shares.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("tidewatch:varaints", {}, "tidewatch:varaints: unknown key; did you mean variants?"),
        (
            "tidewatch:variants.green.wieght",
            1,
            "tidewatch:variants.green.wieght: unknown key; did you mean weight?",
        ),
        (
            "tidewatch:variants.red",
            {"version": 1, "weight": 1},
            "tidewatch:variants.red: is not a variant; the variants are",
        ),
        ("tidewatch:variants.green.weight", -1, "tidewatch:variants.green.weight: -1 is negative; use 0 or more"),
        ("tidewatch:variants.green.weight", "much", "tidewatch:variants.green.weight: 'much' is not a number"),
        ("tidewatch:variants.green.weight", "nan", "'nan' is not a finite number"),
        ("tidewatch:variants.green.weight", True, "True is not a number"),
        ("tidewatch:variants.green.instances", 0, "0 is too small; use 1 or more"),
        ("tidewatch:variants.green.instances", 1.5, "1.5 is not a whole number"),
        ("tidewatch:variants.green.version", "latest", '"latest" is not a fixed version'),
        ("tidewatch:variants.green.version", 1.1, "1.1 is a number, so 1.10 and 1.1 would be the same"),
        ("tidewatch:variants.green.version", "a b", '"a b" is not a version'),
        ("tidewatch:variants.green.version", None, "tidewatch:variants.green.version: None is not a version"),
        (
            "tidewatch:rollbackTo",
            "red",
            'tidewatch:rollbackTo: "red" is not a variant; the variants are blue and green',
        ),
        (
            "tidewatch:rollbackTo",
            "",
            "tidewatch:rollbackTo: is missing; name the variant that a rollback sends all traffic to",
        ),
        ("tidewatch:rollback.floor", 3, "tidewatch:rollbackTo: blue has 2 instances, fewer than its floor of 3"),
        ("tidewatch:rollback.automatic", "perhaps", "'perhaps' is neither true nor false"),
        ("tidewatch:endpoint.instanceType", "ml.g5.xlrge", "use one it offers, like ml.g5.xlarge"),
        ("tidewatch:endpoint.capturePrefix", "a//b", '"a//b" has an empty part, so SageMaker would capture nothing'),
        ("tidewatch:endpoint.capturePrefix", "/a", '"/a" has an empty part'),
        ("tidewatch:endpoint.captureSampling", 101, "101 is too large; use 100 or less"),
        ("tidewatch:endpoint.platform", "eks", "eks is not in this version; use sagemaker"),
        ("tidewatch:endpoint.jsonContentTypes", ["application/json;a"], "use one without + or ;"),
        ("tidewatch:endpoint.volumeKey", KEY, "ml.g5.xlarge keeps its data on local disks"),
        ("tidewatch:model.name", "f" * 64, "is 64 characters long; SageMaker allows 63"),
        ("tidewatch:model.name", "fl_ights", '"fl_ights" is not a valid SageMaker name'),
        ("tidewatch:model.name", "flights-", '"flights-" is not a valid SageMaker name'),
        ("tidewatch:model.owner", "", "tidewatch:model.owner: is empty; name a contact"),
        ("tidewatch:model", {}, "tidewatch:model: is missing; declare it"),
        ("tidewatch:model", "flights", "tidewatch:model: 'flights' is not an object"),
        ("tidewatch:autoscaling", {"maximum": 1, "invocationsPerInstance": 9}, "1 is below the 2 instances of blue"),
        ("tidewatch:drift.enabled", "perhaps", "tidewatch:drift.enabled: 'perhaps' is neither true nor false"),
        ("tidewatch:drift.lagMinutes", 4, "tidewatch:drift.lagMinutes: 4 is too small; use 5 or more"),
        ("tidewatch:drift.lagMinutes", 2.5, "2.5 is not a whole number"),
        ("tidewatch:drift.lookBackHours", 0, "0 is too small; use 1 or more"),
        ("tidewatch:drift.lookBackHours", 337, "337 is too large; use 336 or less"),
        (
            "tidewatch:drift.psi",
            0.1,
            "tidewatch:drift.psi: 0.1 is not a pair; give the values from which it is a warning",
        ),
        ("tidewatch:drift.psi", [0.1], "[0.1] is not a pair"),
        ("tidewatch:drift.psi", "0.1, 0.2", "'0.1, 0.2' is not a pair"),
        ("tidewatch:drift.psi", [0.2, 0.1], "warns from 0.2, which is above the 0.1 of drift; put the smaller one"),
        ("tidewatch:drift.psi", [0, 0.1], "0 is out of range; use more than 0 and at most 10, like [0.1, 0.2]"),
        ("tidewatch:drift.psi", ["much", 1], "tidewatch:drift.psi: 'much' is not a number"),
        ("tidewatch:drift.share", [5, 101], "101 is out of range; use more than 0 and at most 100, like [5, 10]"),
        ("tidewatch:drift.rate", [-2, 5], "-2 is out of range"),
        ("tidewatch:drift.falseDiscoveryRate", 0, "0 is out of range; use more than 0 and at most 1"),
        ("tidewatch:drift.falseDiscoveryRate", "nan", "'nan' is not a finite number"),
        ("tidewatch:drift.ticketShare", 101, "101 is out of range; use more than 0 and at most 100"),
        ("tidewatch:drift.ticketShare", 40, "tidewatch:drift.ticketShare: 40 is above the 30 of pageShare"),
        ("tidewatch:drift.pageShares", 40, "tidewatch:drift.pageShares: unknown key; did you mean pageShare?"),
        ("tidewatch:logs.retentionDays", 8, "tidewatch:logs.retentionDays: 8 is invalid"),
        ("aws:region", "", "aws:region: is missing; set it"),
        ("aws:region", "mars", 'aws:region: "mars" is not a region'),
    ],
)
def test_a_mistake_is_a_sentence_with_its_path(path: str, value: Any, sentence: str):
    told = mistakes(change_config(path, value))
    assert any(sentence in line for line in told), told
    assert all(line.startswith(("tidewatch:", "aws:")) for line in told)


def test_without_a_word_about_drift_its_thresholds_are_the_domains():
    found: Any = build_drift_thresholds(load(CONFIG).drift)
    assert Thresholds(**found) == Thresholds()


def test_points_and_percent_reach_the_function_as_fractions():
    drift = {"psi": ["0.15", 0.3], "share": [4, 12.5], "rate": [1, 3], "ticketShare": 20, "pageShare": 50}
    arguments: Any = build_drift_thresholds(load({**CONFIG, "tidewatch:drift": drift}).drift)
    found = Thresholds(**arguments)
    assert (found.psi_warn, found.psi_drift) == (0.15, 0.3)
    assert (found.share_warn, found.share_drift) == (0.04, 0.125)
    assert (found.rate_warn, found.rate_drift) == (0.01, 0.03)
    assert (found.ticket_share, found.page_share) == (0.2, 0.5)


@given(st.data())
def test_whatever_the_config_accepts_the_domain_accepts(data: st.DataObject):
    def pair(most: float) -> list[float]:
        return sorted(data.draw(st.lists(st.floats(1e-6, most), min_size=2, max_size=2)))

    tickets, pages = pair(100)
    drift = {"psi": pair(10), "share": pair(100), "rate": pair(100), "ticketShare": tickets, "pageShare": pages}
    drift["falseDiscoveryRate"] = data.draw(st.floats(1e-9, 1))
    arguments: Any = build_drift_thresholds(load({**CONFIG, "tidewatch:drift": drift}).drift)
    Thresholds(**arguments)


def test_all_weights_zero_is_refused():
    config = change_config("tidewatch:variants.blue.weight", 0)
    config["tidewatch:variants"]["green"]["weight"] = "0"
    assert mistakes(config) == (
        "tidewatch:variants: every weight is 0, so no variant would get traffic; give one variant more than 0",
    )


def test_the_champion_must_hold_a_variant():
    config = change_config("tidewatch:rollbackTo", "green")
    del config["tidewatch:variants"]["green"]
    assert mistakes(config) == ('tidewatch:rollbackTo: "green" is not a declared variant; the variants are blue',)


def test_a_fleet_that_is_taken_over_in_steps_needs_two_instances():
    config = change_config("tidewatch:endpoint.rollout", {"strategy": "canary"})
    config["tidewatch:variants"]["green"]["instances"] = 1
    assert "tidewatch:variants.green.instances: 1 cannot be deployed in steps" in mistakes(config)[0]


def test_every_mistake_is_reported_at_once():
    config = change_config("tidewatch:variants.green.weight", -1)
    config["tidewatch:model"]["name"] = "-"
    config["tidewatch:rolback"] = {}
    config["tidewatch:endpoint"]["instanceType"] = "ml.none"
    del config["aws:region"]
    assert [line.split(": ")[0] for line in mistakes(config)] == [
        "aws:region",
        "tidewatch:rolback",
        "tidewatch:model.name",
        "tidewatch:endpoint.instanceType",
        "tidewatch:variants.green.weight",
    ]


@pytest.mark.parametrize("stack", ["dev", "staging", "prod", "rehearsal"])
def test_the_stack_files_are_right_and_serve_nothing_before_something_is_published(stack: str):
    settings = load(yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"])
    assert settings.variants == {}


def test_environments_differ_where_it_matters():
    dev, prod = (
        load(yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"], stack) for stack in ("dev", "prod")
    )
    assert prod.protect
    assert not dev.protect
    assert prod.registry.object_lock_days > dev.registry.object_lock_days == 0
    assert prod.endpoint.capture_retention_days > dev.endpoint.capture_retention_days
    assert (dev.rollback.floor, prod.rollback.floor) == (1, 2)


def test_pulumi_declares_every_key_with_an_empty_default():
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    known = load(CONFIG)
    assert len(declared) == len(type(known).model_fields) - 3  # region and profile are the aws provider's
    assert all(entry["default"] in ({}, "", False) for entry in declared.values())


def test_instance_types_are_those_of_the_service_model():
    offered = instance_types.list_instance_types()
    assert all(len(one.split(".")) == 3 and one.startswith("ml.") for one in offered)
    assert {"ml.g5.xlarge", "ml.g4dn.xlarge"} <= offered


@pytest.mark.parametrize(
    ("instance_type", "local"),
    [
        ("ml.g5.xlarge", True),
        ("ml.g4dn.xlarge", True),
        ("ml.p4d.24xlarge", True),
        ("ml.m5d.large", True),
        ("ml.m5.large", False),
        ("ml.inf1.xlarge", False),
    ],
)
def test_families_with_local_disks_are_known(instance_type: str, local: bool):
    assert instance_types.has_local_nvme(instance_type) is local
