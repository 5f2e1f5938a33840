"""Values between Pulumi's spelling and the API's, and what a preview knows."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from conftest import Aws
from hypothesis import given
from hypothesis import strategies as st
from pulumi import AssetArchive, FileArchive, StringAsset
from pulumi.output import Unknown

from simulator.provider import Settings, Unsupported, aws_type, known, whole
from simulator.provider.archives import zipped
from simulator.provider.values import answer, camel, differ, request, same

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def shape(service: str, operation: str) -> Any:
    client = boto3.client(service, region_name="us-east-1")
    return client.meta.service_model.operation_model(operation).input_shape


def test_members_are_spelled_as_the_api_spells_them() -> None:
    given = {
        "productionVariants": [{"volumeSizeInGb": 30, "routingConfigs": [{"routingStrategy": "RANDOM"}]}],
        "kmsKeyArn": "arn:key",
    }
    renames = {"routingConfigs": "RoutingConfig", "kmsKeyArn": "KmsKeyId"}
    assert request(shape("sagemaker", "CreateEndpointConfig"), given, renames) == {
        "ProductionVariants": [{"VolumeSizeInGB": 30, "RoutingConfig": {"RoutingStrategy": "RANDOM"}}],
        "KmsKeyId": "arn:key",
    }


def test_keys_of_maps_are_data_and_stay() -> None:
    given = {"environment": {"variables": {"someName": "x", "N": 1}}}
    assert request(shape("lambda", "CreateFunction"), given) == {
        "Environment": {"Variables": {"someName": "x", "N": "1"}}
    }


def test_a_member_the_api_lacks_is_never_dropped() -> None:
    with pytest.raises(Unsupported, match=r"'environment.color'"):
        request(shape("lambda", "CreateFunction"), {"environment": {"color": "red"}})


@pytest.mark.parametrize(
    ("member", "name"),
    [
        ("SSEAlgorithm", "sseAlgorithm"),
        ("KMSMasterKeyID", "kmsMasterKeyId"),
        ("VolumeSizeInGB", "volumeSizeInGb"),
        ("ID", "id"),
        ("DestinationS3Uri", "destinationS3Uri"),
        ("EndpointName", "endpointName"),
    ],
)
def test_acronyms_become_words(member: str, name: str) -> None:
    assert camel(member) == name


def test_an_answer_reads_back_what_was_asked() -> None:
    given = {"productionVariants": [{"variantName": "blue", "initialVariantWeight": 0.5}]}
    asked = shape("sagemaker", "CreateEndpointConfig")
    assert answer(asked, request(asked, given)) == given


def test_whole_numbers_come_back_from_doubles() -> None:
    assert whole({"a": [1.0, 2.5, True], "b": "1.0"}) == {"a": [1, 2.5, True], "b": "1.0"}
    assert isinstance(whole(3.0), int)


@given(JSON)
def test_anything_is_the_same_as_itself(value: Any) -> None:
    assert same(value, value)
    assert not differ(value, value)


@given(JSON, JSON)
def test_difference_has_no_direction(one: Any, other: Any) -> None:
    assert differ(one, other) == differ(other, one)


def test_policies_are_compared_by_meaning() -> None:
    assert same('{"a": 1, "b": [2]}', '{"b":[2],"a":1}')
    assert not same('{"a": 1}', '{"a": 2}')


def test_an_unknown_is_found_however_deep_it_hides() -> None:
    assert known({"a": [{"b": 1}]})
    assert not known({"a": [{"b": Unknown()}]})


def test_a_preview_knows_inputs_but_no_outputs_before_creation() -> None:
    topic = aws_type("aws:sns/topic:Topic", Settings(), "t")
    inputs = topic.check({}, {"tags": {"a": "b"}}).inputs
    foreseen = topic.preview(None, inputs)
    assert foreseen["name"] == inputs["name"]
    assert foreseen["tagsAll"] == {"a": "b"}
    assert isinstance(foreseen["arn"], Unknown)


def test_a_preview_of_an_update_keeps_what_stays_and_hides_what_moves(aws: Aws) -> None:
    parameter = aws.made("aws:ssm/parameter:Parameter", name="/p", type="String", value="1")
    foreseen = parameter.type.preview(parameter.outs, {**parameter.inputs, "value": "2"})
    assert foreseen["arn"] == parameter.outs["arn"]
    assert isinstance(foreseen["version"], Unknown)
    assert parameter.type.preview(parameter.outs, parameter.inputs)["version"] == 1


def test_an_archive_depends_on_its_content_alone(tmp_path: Any) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "m.py").write_text("x = 1\n")
        (tmp_path / name / "a.py").write_text("y = 2\n")
    (tmp_path / "two" / "a.py").chmod(0o700)
    one, two = (zipped(AssetArchive({"lib": FileArchive(str(tmp_path / n))})) for n in ("one", "two"))
    assert one == two
    listed = {"lib/deep/m.py": StringAsset("x = 1\n"), "lib/a.py": StringAsset("y = 2\n")}
    assert zipped(AssetArchive(dict(listed))) == one


def test_an_archive_that_is_missing_says_where_it_was_looked_for(tmp_path: Any) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist, seen from"):
        zipped(FileArchive(str(tmp_path / "nowhere")))
