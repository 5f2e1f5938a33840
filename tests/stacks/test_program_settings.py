"""What the settings promise of the program: its own tags and variables, and where declared values go."""

from __future__ import annotations

import json
from typing import Any

import boto3

from stacks.config.conflicts import OWN_TAG_COUNT, OWN_VARIABLES
from tests.stacks.deployed_program import DESCRIPTION, IMAGE, DeployedProgram


def resources(stack: DeployedProgram) -> list[dict[str, Any]]:
    return [one for one in json.loads((stack.folder / "state.json").read_text())["resources"] if "inputs" in one]


def test_no_resource_has_more_tags_of_this_program_than_the_settings_leave_room_for(canary: DeployedProgram):
    theirs = canary.config["tidewatch:tags"]
    counts = [len(one["inputs"]["tags"].keys() - theirs) for one in resources(canary) if one["inputs"].get("tags")]
    assert counts
    assert max(counts) <= OWN_TAG_COUNT


def test_the_variables_that_are_set_where_the_config_names_none_are_those_that_the_settings_count(
    canary: DeployedProgram,
):
    models = [one for one in resources(canary) if one["type"] == "aws:sagemaker/model:Model"]
    assert models
    for model in models:
        assert set(model["inputs"]["primaryContainer"]["environment"]) == set(OWN_VARIABLES)


def test_the_machine_image_reaches_the_hosts_as_a_new_configuration(canary: DeployedProgram):
    sagemaker = boto3.client("sagemaker")
    before = canary.endpoint()["EndpointConfigName"]
    canary.config["tidewatch:endpoint"]["inferenceAmiVersion"] = "al2-ami-sagemaker-inference-gpu-3-1"
    canary.up()
    after = canary.endpoint()["EndpointConfigName"]
    assert after != before
    variants = sagemaker.describe_endpoint_config(EndpointConfigName=after)["ProductionVariants"]
    assert {one["InferenceAmiVersion"] for one in variants} == {"al2-ami-sagemaker-inference-gpu-3-1"}
    old = sagemaker.describe_endpoint_config(EndpointConfigName=before)["ProductionVariants"]
    assert not [one for one in old if "InferenceAmiVersion" in one]


def test_an_image_of_another_region_is_refused_before_anything_is_touched(canary: DeployedProgram):
    elsewhere = IMAGE.replace("us-east-1", "eu-west-1")
    canary.registry.publish("ireland", canary.folder / "3.tar.gz", DESCRIPTION, image=elsewhere)
    refusal = canary.serve(blue=("1", 95), green=("ireland", 5)).refusal()
    assert "tidewatch:variants.green.version: the image of flights/ireland is in eu-west-1" in refusal
    assert "SageMaker pulls images only from" in refusal
