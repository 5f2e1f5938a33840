"""The whole program before anything is served: what the first `up` makes, and what it refuses."""

from __future__ import annotations

import boto3
import pytest

from tests.stacks.deployed_program import CONTRACT, DeployedProgram, changes


def test_without_variants_the_registry_and_the_shared_parts_are_made(stack: DeployedProgram):
    stack.up()
    outputs = stack.outputs()
    assert outputs.keys() == {*CONTRACT, "key", "model", "region", "prefix", "ledger", "slo"}
    assert {key: set(outputs[key]) for key in CONTRACT} == CONTRACT
    for part in ("endpoint", "traffic", "drift", "rollback", "dashboards"):
        assert set(outputs[part].values()) == {None}
    assert outputs["registry"]["prefix"] == "models/flights/"
    assert changes(stack.up()) == set()


def test_a_mistake_in_the_config_touches_nothing(stack: DeployedProgram):
    said = stack.set(variants={"red": {"version": "latest", "weight": -1}}, rollbackTo="blue").refusal()
    assert "The config of rehearsal is invalid:" in said
    assert all(f"tidewatch:variants.red{rest}" in said for rest in (":", ".version:", ".weight:"))
    assert boto3.client("s3").list_buckets()["Buckets"] == []


@pytest.mark.parametrize("name", ["f", "F" * 63, "a-" * 31 + "b"])
def test_names_stay_within_aws_limits(stack: DeployedProgram, name: str):
    stack.config["tidewatch:model"]["name"] = name
    stack.up()
    assert changes(stack.up()) == set()
