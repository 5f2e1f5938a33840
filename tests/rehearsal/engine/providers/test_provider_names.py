"""Names: Pulumi's automatic ones, their lengths, and what is refused before any call."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.engine.providers import SPECS, Autonaming, Naming, ProviderSettings, Unsupported, invoke, resolve_type
from tests.rehearsal.engine.providers.conftest import Aws

LIMITS = {
    "aws:lambda/function:Function": 64,
    "aws:iam/role:Role": 64,
    "aws:sagemaker/endpoint:Endpoint": 63,
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": 63,
    "aws:sagemaker/model:Model": 63,
    "aws:dynamodb/table:Table": 255,
    "aws:sqs/queue:Queue": 80,
    "aws:sns/topic:Topic": 256,
    "aws:cloudwatch/eventRule:EventRule": 64,
    "aws:s3/bucket:Bucket": 63,
    "aws:cloudwatch/metricAlarm:MetricAlarm": 255,
}


def resolve_name(token: str, logical: str, olds: dict[str, str] | None = None, **news: str) -> str:
    naming = SPECS[token].naming
    assert naming
    return resolve_type(token, ProviderSettings(), logical).check(olds or {}, dict(news)).inputs[naming.key]


@pytest.mark.parametrize("token", LIMITS)
def test_a_name_is_the_logical_one_and_seven_hex_digits(token: str) -> None:
    assert re.fullmatch(r"flights-cfg-a1-[0-9a-f]{7}", resolve_name(token, "flights-cfg-a1"))


def test_a_bucket_is_named_in_lower_case() -> None:
    assert resolve_name("aws:s3/bucket:Bucket", "Registry").startswith("registry-")


def test_an_alias_of_a_key_begins_as_aliases_do() -> None:
    assert re.fullmatch(r"alias/registry-[0-9a-f]{7}", resolve_name("aws:kms/alias:Alias", "registry"))


def test_a_fifo_queue_is_named_as_one() -> None:
    inputs = resolve_type("aws:sqs/queue:Queue", ProviderSettings(), "jobs").check({}, {"fifoQueue": True}).inputs
    assert re.fullmatch(r"jobs-[0-9a-f]{7}\.fifo", inputs["name"])


def test_an_automatic_name_is_kept_on_update_and_new_on_replacement() -> None:
    token = "aws:iam/role:Role"
    first = resolve_name(token, "role")
    assert resolve_name(token, "role", {"name": first}) == first
    assert resolve_name(token, "role") != first


def test_an_explicit_name_that_is_taken_out_gives_way_to_an_automatic_one() -> None:
    assert re.fullmatch(r"role-[0-9a-f]{7}", resolve_name("aws:iam/role:Role", "role", {"name": "chosen"}))


@pytest.mark.parametrize(("token", "limit"), LIMITS.items())
def test_a_logical_name_that_leaves_no_room_is_refused_in_the_bridges_words(token: str, limit: int) -> None:
    fits, too_long = "a" * (limit - 8), "a" * (limit - 7)
    assert len(resolve_name(token, fits)) == limit
    refused = resolve_type(token, ProviderSettings(), too_long).check({}, {}).failures
    sentence = f"name '{too_long}-' plus 7 random chars is longer than maximum length {limit}"
    assert sentence in [f.reason for f in refused]


def test_an_explicit_name_that_aws_would_not_take_is_refused_with_the_rule() -> None:
    failures = (
        resolve_type("aws:sagemaker/endpoint:Endpoint", ProviderSettings(), "e")
        .check({}, {"name": "under_score"})
        .failures
    )
    assert [f.reason for f in failures] == [
        "\"name\" takes only letters, digits and hyphens, and no hyphen at its ends: 'under_score'"
    ]


def test_the_same_seed_gives_the_same_name() -> None:
    role = resolve_type("aws:iam/role:Role", ProviderSettings(), "role")
    assert role.check({}, {}, b"seed").inputs["name"] == role.check({}, {}, b"seed").inputs["name"]


def test_the_clis_own_naming_is_followed() -> None:
    role = resolve_type("aws:iam/role:Role", ProviderSettings(), "role")
    assert role.check({}, {}, autonaming=Autonaming("dev-role", "ENFORCE")).inputs["name"] == "dev-role"
    off = role.check({}, {}, autonaming=Autonaming(mode="DISABLE")).failures
    assert any("required" in f.reason for f in off)


def test_a_replacement_under_an_explicit_name_deletes_first() -> None:
    role = resolve_type("aws:iam/role:Role", ProviderSettings(), "role")
    assert role.should_delete_first({"name": "chosen"}, {"name": "chosen"})
    assert not role.should_delete_first({"name": "chosen"}, {"name": "other"})
    assert not role.should_delete_first({"name": "role-0123abc"}, {"name": "role-0123abc"})


@given(st.from_regex(r"[a-z][a-z0-9]{0,30}", fullmatch=True), st.text("0123456789abcdef", min_size=7, max_size=7))
def test_what_is_proposed_is_never_faulty(stem: str, suffix: str) -> None:
    naming = Naming()
    assert naming.validate(naming.propose(stem, suffix)) == ""


def test_what_is_not_there_is_said_by_name() -> None:
    with pytest.raises(Unsupported, match="the simulator has no aws:kinesis/stream:Stream"):
        resolve_type("aws:kinesis/stream:Stream", ProviderSettings(), "s")
    with pytest.raises(Unsupported, match="the simulator has no aws:ec2/getVpc:getVpc"):
        invoke("aws:ec2/getVpc:getVpc", ProviderSettings(), {})


def test_an_argument_that_would_be_dropped_is_refused() -> None:
    refused = (
        resolve_type("aws:s3/bucket:Bucket", ProviderSettings(), "b")
        .check({}, {"website": {"indexDocument": "x"}})
        .failures
    )
    assert [f.reason for f in refused] == [
        "the simulator's aws:s3/bucket:Bucket does not take 'website': leave it out, or rehearse without this resource"
    ]


def test_default_tags_reach_what_can_be_tagged(aws: Aws) -> None:
    settings = ProviderSettings.from_config(
        {"region": "us-east-1", "defaultTags": '{"tags": {"team": "ml", "stage": "dev"}}'}
    )
    topic = resolve_type("aws:sns/topic:Topic", settings, "t")
    inputs = topic.check({}, {"tags": {"stage": "prod"}}).inputs
    assert inputs["tags"] == {"team": "ml", "stage": "prod"}
    outs = topic.create(inputs).outs
    assert outs
    assert outs["tagsAll"] == inputs["tags"]
    said = aws.client("sns").list_tags_for_resource(ResourceArn=outs["arn"])["Tags"]
    assert {t["Key"]: t["Value"] for t in said} == inputs["tags"]
