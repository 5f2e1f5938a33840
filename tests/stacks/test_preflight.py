"""What is read before the first resource: versions are found and unchanged, or nothing is touched."""

from __future__ import annotations

from collections.abc import Mapping

import boto3
import pytest

from stacks.config.settings import load
from stacks.preflight import PreflightClients, PreflightError, resolve
from tests.stacks.deployed_program import DeployedProgram
from tidewatch.registry import ResolvedVersion

HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


def resolve_versions(stack: DeployedProgram) -> Mapping[str, ResolvedVersion]:
    readers = PreflightClients(boto3.client("ssm"), boto3.client("s3"), boto3.client("resourcegroupstaggingapi"))
    return resolve(load(stack.config), "tidewatch", "rehearsal", readers).versions


def test_without_variants_no_version_is_looked_for(stack: DeployedProgram):
    assert resolve_versions(stack) == {}


def test_another_name_for_the_model_is_refused_before_the_first_resource(published_stack: DeployedProgram):
    published_stack.config["tidewatch:model"]["name"] = "trains"
    with pytest.raises(
        PreflightError,
        match=r"This stack is that of flights: .* create a separate stack for trains: run `pulumi stack init`",
    ):
        resolve_versions(published_stack)


def test_without_a_registry_it_says_what_comes_first(stack: DeployedProgram):
    with pytest.raises(PreflightError, match=r"This stack has no registry .* publish a version") as said:
        resolve_versions(stack.serve(blue=("1", 100)))
    for key in ("variants", "rollbackTo", "retire", "acknowledgedIncident"):
        assert f"tidewatch:{key}" in str(said.value)


def test_a_version_is_resolved_to_its_artifact_and_image(published_stack: DeployedProgram):
    found = resolve_versions(published_stack.serve(blue=("1", 100)))
    assert found["blue"].artifact_url.endswith("models/flights/1/model.tar.gz")
    assert found["blue"].image.endswith("@" + found["blue"].image_digest)


@pytest.mark.parametrize("listed", ["triton", "*"])
def test_an_image_from_a_listed_repository_is_served(published_stack: DeployedProgram, listed: str):
    published_stack.serve(blue=("1", 100)).set(image={"repositories": [f"{HOST}/other", f"{HOST}/{listed}"]})
    assert resolve_versions(published_stack)["blue"].image.startswith(f"{HOST}/triton@")


@pytest.mark.parametrize("listed", [f"{HOST}/trit", f"{HOST}/triton/*", f"{HOST}.cn/triton", f"2{HOST[1:]}/*"])
def test_an_image_from_elsewhere_is_refused_in_the_preview(published_stack: DeployedProgram, listed: str):
    published_stack.serve(blue=("1", 90), green=("2", 10)).set(image={"repositories": [listed]})
    with pytest.raises(PreflightError) as refused:
        resolve_versions(published_stack)
    blue, green = refused.value.mistakes
    assert blue.startswith(f"tidewatch:variants.blue.version: the image of flights/1, {HOST}/triton@sha256:")
    assert f"in none of the repositories of tidewatch:image.repositories, {listed}; publish a version" in green


def test_every_version_that_cannot_be_deployed_is_named_at_once(published_stack: DeployedProgram):
    bucket = published_stack.outputs()["registry"]["bucket"]
    s3 = boto3.client("s3")
    s3.delete_bucket_policy(Bucket=bucket)
    s3.put_object(
        Bucket=bucket, Key="models/flights/1/model.tar.gz", Body=b"something else", ChecksumAlgorithm="SHA256"
    )
    with pytest.raises(PreflightError) as refused:
        resolve_versions(published_stack.serve(blue=("1", 90), green=("9", 10)))
    changed, missing = refused.value.mistakes
    assert changed.startswith(
        "tidewatch:variants.blue.version: model.tar.gz of flights/1 changed after it was published"
    )
    assert missing.startswith("tidewatch:variants.green.version: ")
    assert "is not in the registry" in missing
