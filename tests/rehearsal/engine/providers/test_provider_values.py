"""Values between Pulumi's spelling and the API's, and what a preview knows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi import AssetArchive, FileArchive, StringAsset
from pulumi.output import Unknown

from rehearsal.engine.providers import ProviderSettings, Unsupported, is_known, resolve_type, restore_integers
from rehearsal.engine.providers.archives import build_zip
from rehearsal.engine.providers.properties import from_response, is_different, is_same, to_camel_case, to_request
from tests.aws_clients import make_client
from tests.rehearsal.engine.providers.conftest import Aws

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def shape(service: str, operation: str) -> Any:
    client = make_client(service, region_name="us-east-1")
    return client.meta.service_model.operation_model(operation).input_shape


def test_members_are_spelled_as_the_api_spells_them() -> None:
    given = {
        "productionVariants": [{"volumeSizeInGb": 30, "routingConfigs": [{"routingStrategy": "RANDOM"}]}],
        "kmsKeyArn": "arn:key",
    }
    renames = {"routingConfigs": "RoutingConfig", "kmsKeyArn": "KmsKeyId"}
    assert to_request(shape("sagemaker", "CreateEndpointConfig"), given, renames) == {
        "ProductionVariants": [{"VolumeSizeInGB": 30, "RoutingConfig": {"RoutingStrategy": "RANDOM"}}],
        "KmsKeyId": "arn:key",
    }


def test_keys_of_maps_are_data_and_stay() -> None:
    given = {"environment": {"variables": {"someName": "x", "N": 1}}}
    assert to_request(shape("lambda", "CreateFunction"), given) == {
        "Environment": {"Variables": {"someName": "x", "N": "1"}}
    }


def test_a_member_the_api_lacks_is_never_dropped() -> None:
    with pytest.raises(Unsupported, match=r"'environment.color'"):
        to_request(shape("lambda", "CreateFunction"), {"environment": {"color": "red"}})


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
    assert to_camel_case(member) == name


def test_an_answer_reads_back_what_was_asked() -> None:
    given = {"productionVariants": [{"variantName": "blue", "initialVariantWeight": 0.5}]}
    asked = shape("sagemaker", "CreateEndpointConfig")
    assert from_response(asked, to_request(asked, given)) == given


def test_whole_numbers_come_back_from_doubles() -> None:
    assert restore_integers({"a": [1.0, 2.5, True], "b": "1.0"}) == {"a": [1, 2.5, True], "b": "1.0"}
    assert isinstance(restore_integers(3.0), int)


@given(JSON)
def test_anything_is_the_same_as_itself(value: Any) -> None:
    assert is_same(value, value)
    assert not is_different(value, value)


@given(JSON, JSON)
def test_difference_has_no_direction(one: Any, other: Any) -> None:
    assert is_different(one, other) == is_different(other, one)


def test_policies_are_compared_by_meaning() -> None:
    assert is_same('{"a": 1, "b": [2]}', '{"b":[2],"a":1}')
    assert not is_same('{"a": 1}', '{"a": 2}')


def test_an_unknown_is_found_however_deep_it_hides() -> None:
    assert is_known({"a": [{"b": 1}]})
    assert not is_known({"a": [{"b": Unknown()}]})


def test_a_preview_knows_inputs_but_no_outputs_before_creation() -> None:
    topic = resolve_type("aws:sns/topic:Topic", ProviderSettings(), "t")
    inputs = topic.check({}, {"tags": {"a": "b"}}).inputs
    foreseen = topic.preview(None, inputs)
    assert foreseen["name"] == inputs["name"]
    assert foreseen["tagsAll"] == {"a": "b"}
    assert isinstance(foreseen["arn"], Unknown)


def test_a_preview_of_an_update_keeps_what_stays_and_hides_what_moves(aws: Aws) -> None:
    parameter = aws.create_resource("aws:ssm/parameter:Parameter", name="/p", type="String", value="1")
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
    one, two = (build_zip(AssetArchive({"lib": FileArchive(str(tmp_path / n))})) for n in ("one", "two"))
    assert one == two
    listed = {"lib/deep/m.py": StringAsset("x = 1\n"), "lib/a.py": StringAsset("y = 2\n")}
    assert build_zip(AssetArchive(dict(listed))) == one


def test_an_archive_that_is_missing_says_where_it_was_looked_for(tmp_path: Any) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist, seen from"):
        build_zip(FileArchive(str(tmp_path / "nowhere")))
