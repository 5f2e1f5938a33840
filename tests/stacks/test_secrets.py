"""What is secret in the config stays secret: in state, names, tags, ledger, documents and sentences."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from components.sagemaker.variant_model import ProductionVariant
from stacks.config.settings import SettingsError, load
from tests.aws_clients import make_client
from tests.stacks.deployed_program import DeployedProgram, changes
from tests.stacks.stack_image import StackImage, prepare_program
from tests.stacks.test_stack_settings import CONFIG, change_config
from tidewatch.content_hash import compute_content_hash, fingerprint_secret

TOKEN, HOOK = "tok-4f9a7c1e", "https://hooks.example.com/services/T0/B0/s3cr3t"
RUNBOOKS = "https://wiki.example.com/flights"
SECRETS = frozenset({"tidewatch:endpoint", "tidewatch:notify"})


@pytest.fixture(scope="module")
def told_image(tmp_path_factory: pytest.TempPathFactory) -> StackImage:
    """One variant with a variable, and a webhook, that `pulumi config set --secret` put into the config."""
    with prepare_program(tmp_path_factory.mktemp("secrets")) as one:
        one.config["tidewatch:endpoint"]["environment"] = {"TOKEN": TOKEN, "MODE": "fast"}
        one.config["tidewatch:notify"]["P1"] = [{"https": HOOK}]
        one.config["tidewatch:notify"]["runbooks"] = RUNBOOKS
        one.secrets = SECRETS
        one.up()
        one.publish("1")
        one.serve(blue=("1", 100)).up(preview=True)
        return StackImage.take(one)


@pytest.fixture
def secretive_stack(told_image: StackImage, tmp_path: Path) -> Iterator[DeployedProgram]:
    with told_image.restore(tmp_path) as one:
        yield one


def test_the_state_holds_no_secret_in_clear_and_neither_do_its_outputs(secretive_stack: DeployedProgram):
    written = "".join(one.read_text() for one in secretive_stack.folder.glob("state.json*"))
    marked = _secrets(json.loads((secretive_stack.folder / "state.json").read_text()))
    assert TOKEN in marked
    assert HOOK in marked
    assert written.count(TOKEN) == marked.count(TOKEN)
    assert written.count(HOOK) == marked.count(HOOK)
    assert TOKEN not in json.dumps(secretive_stack.outputs())
    assert HOOK not in json.dumps(secretive_stack.outputs())


def _secrets(value: Any) -> list[str]:
    """Every text that lies inside a secret of the state."""
    if isinstance(value, dict):
        if "4dabf18193072939515e22adb298388d" in value:
            return [value["value"]] if isinstance(value.get("value"), str) else []
        return [found for one in value.values() for found in _secrets(one)]
    return [found for one in value for found in _secrets(one)] if isinstance(value, list) else []


def test_they_reach_what_they_are_for(secretive_stack: DeployedProgram):
    sagemaker = boto3.client("sagemaker")
    live = sagemaker.describe_endpoint_config(EndpointConfigName=secretive_stack.endpoint()["EndpointConfigName"])
    for variant in live["ProductionVariants"]:
        container = sagemaker.describe_model(ModelName=variant["ModelName"])["PrimaryContainer"]
        assert container["Environment"]["TOKEN"] == TOKEN
    subscribed = boto3.client("sns").list_subscriptions_by_topic(TopicArn=secretive_stack.outputs()["topics"]["P1"])
    assert HOOK in {one["Endpoint"] for one in subscribed["Subscriptions"]}


@pytest.mark.usefixtures("secretive_stack")
def test_nothing_that_others_read_in_the_account_holds_them():
    dynamodb, s3, cloudwatch = (make_client(one) for one in ("dynamodb", "s3", "cloudwatch"))
    tables = [dynamodb.scan(TableName=name)["Items"] for name in dynamodb.list_tables()["TableNames"]]
    objects = [
        s3.get_object(Bucket=bucket["Name"], Key=one["Key"])["Body"].read().decode(errors="replace")
        for bucket in s3.list_buckets()["Buckets"]
        for one in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", [])
    ]
    read = json.dumps([tables, objects, cloudwatch.describe_alarms()], default=str)
    assert TOKEN not in read
    assert HOOK not in read


def test_a_second_up_changes_nothing(secretive_stack: DeployedProgram):
    assert changes(secretive_stack.up()) == set()


def variant(**secret: str) -> ProductionVariant:
    return ProductionVariant(
        "blue", "1", "s3://b/k", "ab" * 32, "image@sha256:1", 1, 1, environment=secret, secrets=frozenset(secret)
    )


def test_the_content_changes_with_a_secret_and_is_no_plain_hash_of_it():
    first, second = variant(PIN="1234"), variant(PIN="1235")
    assert first.compute_content("flights", None) != second.compute_content("flights", None)
    assert first.compute_content("flights", None) == variant(PIN="1234").compute_content("flights", None)
    plain = ProductionVariant("blue", "1", "s3://b/k", "ab" * 32, "image@sha256:1", 1, 1, environment={"PIN": "1234"})
    assert first.compute_content("flights", None) != plain.compute_content("flights", None)


def test_a_fingerprint_is_of_one_value_in_one_place():
    assert fingerprint_secret("1234", "flights/a") != fingerprint_secret("1234", "flights/b")
    assert fingerprint_secret("1234", "flights/a") == fingerprint_secret("1234", "flights/a")
    assert compute_content_hash(fingerprint_secret("1234", "a")) != compute_content_hash("1234")


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ("tidewatch:endpoint.environment", {"TOKEN": "x" * 2000}, "tidewatch:endpoint"),
        ("tidewatch:endpoint.environment", {"TOKEN": [TOKEN]}, "tidewatch:endpoint"),
        ("tidewatch:endpoint.environment", TOKEN, "tidewatch:endpoint"),
        ("tidewatch:notify.P1", [{"http": "http://hooks.example.com/s3cr3t"}], "tidewatch:notify"),
        ("tidewatch:notify.P1", 'it\'s "s3cr3t"', "tidewatch:notify"),
        ("tidewatch:notify.chat.slackTeam", "t0-s3cr3t", "tidewatch:notify"),
    ],
)
@pytest.mark.parametrize("as_text", [True, False])
def test_a_mistake_in_what_is_secret_is_told_without_it(path: str, value: Any, key: str, as_text: bool):
    config = change_config(path, value)
    if as_text:
        config[key] = json.dumps(config[key])
    with pytest.raises(SettingsError) as refused:
        load(config, secret_keys=[key])
    assert any(line.startswith(path.split(".")[0]) for line in refused.value.mistakes)
    for secret in (TOKEN, "s3cr3t", "x" * 2000):
        assert secret not in str(refused.value)


@pytest.mark.parametrize("key", ["aws:region", "aws:defaultTags"])
def test_a_mistake_in_a_secret_of_the_aws_provider_is_told_without_it(key: str):
    with pytest.raises(SettingsError) as refused:
        load({**CONFIG, key: TOKEN}, secret_keys=[key])
    assert f"{key}: " in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_what_becomes_names_and_tags_cannot_be_secret():
    with pytest.raises(SettingsError) as refused:
        load(CONFIG, secret_keys=["tidewatch:model", "aws:secretKey"])
    (told,) = refused.value.mistakes
    assert told.startswith(
        "tidewatch:model: is secret, but becomes part of names, tags or texts that everybody can read"
    )
    assert "endpoint.environment" in told
    assert "the addresses under notify, and its Slack team and channel" in told


def test_of_notify_the_addresses_are_kept_and_the_place_of_the_runbooks_is_a_text(secretive_stack: DeployedProgram):
    state = json.loads((secretive_stack.folder / "state.json").read_text())
    sealed = _secrets(state)
    read = json.dumps(boto3.client("cloudwatch").describe_alarms(), default=str)
    assert RUNBOOKS in read
    assert not any(RUNBOOKS in one for one in sealed)
    assert any(HOOK in one for one in sealed)
