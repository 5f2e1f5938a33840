"""What AWS refuses, the settings refuse before anything is touched: and what they accept, AWS's models take."""

from __future__ import annotations

import json
import re
from typing import Any

import botocore.loaders
import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from components.sagemaker.variant_model import Network
from stacks.config import regions
from stacks.config.conflicts import OWN_TAG_COUNT
from stacks.config.settings import SettingsError, load
from tests.stacks.test_stack_settings import CONFIG, KEY, change_config, mistakes
from tidewatch.aws import instance_types, tags

SUBNET, GROUP = "subnet-0a1b2c3d4e5f60718", "sg-0a1b2c3d4e5f60718"
SHARED = "arn:aws:ec2:us-east-1:999988887777:subnet/subnet-0fedcba9876543210"
ADA = "arn:aws:iam::111122223333:user/ada"
ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


def subnets(many: int) -> list[str]:
    return [f"subnet-{number:017x}" for number in range(many)]


def vpc(**changes: Any) -> dict[str, Any]:
    return {"subnets": [SUBNET], "securityGroups": [GROUP], **changes}


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("aws:region", "us-esat-1", 'aws:region: "us-esat-1" is not a region; use one like us-'),
        ("aws:region", "aws-global", 'aws:region: "aws-global" is not a region'),
        ("tidewatch:model.owner", "ML <ml@example.com>", "tidewatch:model.owner: 'ML <ml@example.com>' has '<' '>'"),
        ("tidewatch:model.owner", "o" * 257, "tidewatch:model.owner: is not one line"),
        ("tidewatch:model.oncall", "one\ntwo", "tidewatch:model.oncall: is not one line of at most 256 characters"),
        ("tidewatch:model.escalation", "e" * 257, "tidewatch:model.escalation: is not one line"),
        ("tidewatch:model.approvers", [""], "tidewatch:model.approvers.0: is empty"),
        ("tidewatch:tags", {"a,b": "c"}, "tidewatch:tags.a,b: 'a,b' has ','"),
        ("tidewatch:tags", {"k": "v" * 257}, "tidewatch:tags.k: "),
        ("tidewatch:tags", {"k" * 129: "v"}, "has 129 characters: a tag's key has at most 128"),
        ("tidewatch:tags", {"AWS:team": "v"}, "begins with 'AWS:', which AWS reserves"),
        ("tidewatch:tags", {"tidewatch:owner": "me"}, "begins like the tags of this program"),
        ("tidewatch:tags", {"Team": "a", "team": "b"}, "tidewatch:tags: Team, team differ only in capitals"),
        ("tidewatch:tags", {f"t{n}": "v" for n in range(51 - OWN_TAG_COUNT)}, "are 51 on one resource; AWS allows 50"),
        ("aws:defaultTags", "team", "aws:defaultTags: 'team' is not an object of tags"),
        ("aws:defaultTags", {"tags": {"a": "<b>"}}, "aws:defaultTags.tags: the value of 'a' has '<' '>'"),
        ("aws:defaultTags", {"tags": {f"t{n}": "" for n in range(11)}}, "there are 11 tags: AWS allows at most 10"),
        (
            "tidewatch:endpoint.environment",
            {"1A": "b"},
            "tidewatch:endpoint.environment.1A: '1A' is not a variable's name",
        ),
        ("tidewatch:endpoint.environment", {"A-B": "b"}, "'A-B' is not a variable's name"),
        (
            "tidewatch:endpoint.environment",
            {"A" * 1025: "b"},
            "has 1025 characters; a variable's name has at most 1024",
        ),
        ("tidewatch:endpoint.environment", {"A": "é" * 513}, "has 1026 bytes; a variable's value has at most 1024"),
        ("tidewatch:endpoint.environment", {"A": "\0"}, "holds a zero byte"),
        ("tidewatch:endpoint.environment", {"A": 0.5}, "0.5 is not text; put it in quotes"),
        (
            "tidewatch:endpoint.environment",
            {f"A{n}": "" for n in range(99)},
            "101 variables, including those of this program",
        ),
        ("tidewatch:endpoint.environment", {f"A{n}": "v" * 1024 for n in range(40)}, "bytes of names and values"),
        ("tidewatch:endpoint.volumeKey", "1234abcd-12ab-34cd-56ef-1234567890ab", "is not the ARN of a key"),
        ("tidewatch:endpoint.volumeKey", "alias/volumes", '"alias/volumes" is not the ARN of a key'),
        ("tidewatch:endpoint.volumeKey", "arn:aws:s3:::bucket", "is not the ARN of a key"),
        (
            "tidewatch:endpoint.inferenceAmiVersion",
            "gpu-4",
            'no machine image "gpu-4" for inference; use one that it offers',
        ),
        (
            "tidewatch:endpoint.inferenceAmiVersion",
            "al2-ami-sagemaker-inference-neuron-2",
            "al2-ami-sagemaker-inference-neuron-2 has no drivers for ml.g5.xlarge",
        ),
        (
            "tidewatch:endpoint.rollout",
            {"strategy": "linear", "stepPercent": 10, "waitSeconds": 1400},
            "10 steps of 1400 s, 300 s before the old fleet is removed and 1500 s to start are 15800 s",
        ),
        ("tidewatch:variants.green.environment", {"A-B": "b"}, "tidewatch:variants.green.environment.A-B: 'A-B' is no"),
        (
            "tidewatch:variants.green.environment",
            {f"A{n}": "" for n in range(99)},
            "tidewatch:variants.green.environment: with endpoint.environment, 101 variables",
        ),
        ("tidewatch:variants.green.environment", {f"A{n}": "" for n in range(99)}, "101 variables"),
        (
            "tidewatch:endpoint.csvContentTypes",
            [f"text/a{n}" for n in range(11)],
            "SageMaker allows at most 10 content types",
        ),
        ("tidewatch:endpoint.jsonContentTypes", ["a/" + "b" * 255], "has a content type of 257 characters"),
        ("tidewatch:notify.P1", [{"email": "oncall@-"}], "is not a recipient"),
        ("tidewatch:notify.P1", [{"https": "https://"}], "is not a recipient"),
        ("tidewatch:vpc", vpc(subnets=["subnet-" + "0" * 26]), "is not a subnet"),
        ("tidewatch:vpc", vpc(subnets=[]), "tidewatch:vpc.subnets: is empty"),
        (
            "tidewatch:vpc",
            vpc(subnets=["subnet_1"]),
            'tidewatch:vpc.subnets.0: "subnet_1" is not a subnet; use an id like',
        ),
        ("tidewatch:vpc", vpc(subnets=subnets(17)), "names 17; SageMaker allows at most 16 subnets"),
        ("tidewatch:vpc", vpc(subnets=[SUBNET, SUBNET]), f"{SUBNET} appears twice"),
        ("tidewatch:vpc", vpc(subnets=[SHARED, SHARED.rpartition("/")[2]]), "appears twice"),
        ("tidewatch:model.name", "xn--flights", "begins in a way that bucket names may not"),
        ("tidewatch:model.name", "Sthree-flights", "begins in a way that bucket names may not"),
        ("tidewatch:variants.green.instances", 2**31, "2147483648 is too large"),
        ("tidewatch:vpc", vpc(securityGroups=["vpc-1"]), '"vpc-1" is not a security-group'),
        (
            "tidewatch:vpc",
            vpc(securityGroups=[f"sg-{n:08x}" for n in range(6)]),
            "SageMaker allows at most 5 security groups",
        ),
        ("tidewatch:vpc", vpc(subnets=[SHARED.replace("us-east-1", "eu-west-1")]), "is in eu-west-1, and the stack in"),
        ("tidewatch:vpc", vpc(subnets=[SHARED.replace("subnet/", "vpc/")]), "is not a subnet"),
        (
            "tidewatch:access.breakGlass",
            ["ada@example.com with spaces"],
            "is nobody; use the ARN of an IAM user or role",
        ),
        ("tidewatch:access.breakGlass", ["arn:aws:iam::111122223333:group/ops"], "is nobody"),
        ("tidewatch:access.breakGlass", [ADA, ADA], "appears twice"),
        ("tidewatch:access.breakGlass", ["arn:aws:iam::111122223333:role/*/ada"], "is nobody"),
        (
            "tidewatch:access.breakGlass",
            [ADA.replace("aws", "aws-cn")],
            "is in the partition aws-cn, and us-east-1 is in",
        ),
        (
            "tidewatch:access.captureReaders",
            ["arn:aws:sts::111122223333:assumed-role/r/s"],
            "is a session, which expires",
        ),
        ("tidewatch:access.captureReaders", [f"{ADA}{n}" for n in range(60)], "and IAM allows 2048"),
        ("tidewatch:image.repositories", ["triton"], "is not an ECR repository; use one like"),
        ("tidewatch:image.repositories", [f"{ECR}/triton:latest"], "is not an ECR repository"),
        ("tidewatch:image.repositories", [f"{ECR}/tri*"], "is not an ECR repository"),
        ("tidewatch:image.repositories", [f"{ECR}/"], "is not an ECR repository"),
        ("tidewatch:image.repositories", ["*.dkr.ecr.us-east-1.amazonaws.com/*"], "is not an ECR repository"),
        ("tidewatch:image.repositories", [f"{ECR}/a/../b"], "is not an ECR repository"),
        ("tidewatch:image.repositories", [f"{ECR}/a", f"{ECR}/a"], "appears twice"),
        ("tidewatch:access.deployers", ["arn:aws:iam::111122223333:root"], "is a whole account; name the role"),
        ("tidewatch:access.deployers", ["arn:aws:sts::111122223333:assumed-role/r/s"], "is a session, which expires"),
        ("tidewatch:access.deployers", [f"{ADA}{n}" for n in range(300)], "and S3 allows 20480"),
        ("tidewatch:access.deployers", [ADA.replace("aws", "aws-cn")], "is in the partition aws-cn"),
    ],
)
def test_what_aws_refuses_is_refused_with_its_path(path: str, value: Any, sentence: str):
    told = mistakes(change_config(path, value))
    assert any(sentence in line for line in told), told
    assert all(line.startswith(("tidewatch:", "aws:")) for line in told)
    assert len([line for line in told if sentence in line]) == 1, told


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("aws:region", "eusc-de-east-1"),
        ("tidewatch:model.owner", "Équipe données - ml@example.com"),
        ("tidewatch:model.oncall", "#ml-oncall <Slack>"),
        ("tidewatch:tags", {"cost center": "42", "équipe": ""}),
        ("aws:defaultTags", json.dumps({"tags": {"team": "ml"}})),
        ("aws:defaultTags", {}),
        ("tidewatch:endpoint.environment", {"_a1": "x" * 1024, "PORT": 8080}),
        ("tidewatch:endpoint.rollout", {"strategy": "linear", "stepPercent": 10, "waitSeconds": 1200}),
        ("tidewatch:endpoint.csvContentTypes", []),
        (
            "tidewatch:notify.P1",
            [{"email": "on.call+ml@mail.example.com"}, {"https": "https://user:pw@h.example.com/x"}],
        ),
        ("tidewatch:endpoint.inferenceAmiVersion", "al2023-ami-sagemaker-inference-gpu-4-1"),
        ("tidewatch:vpc", vpc(subnets=[*subnets(15), SHARED])),
        ("tidewatch:image", {"repositories": [f"{ECR}/ml/triton-2.x_y", f"{ECR}/ml/*", f"{ECR}/*", f"{ECR}.cn/a"]}),
        ("tidewatch:access", {"deployers": [ADA, "Deployer"]}),
        (
            "tidewatch:access",
            {"breakGlass": [ADA, "OnCall"], "captureReaders": ["arn:aws:iam::111122223333:role/ml/r"]},
        ),
    ],
)
def test_what_aws_takes_is_accepted(path: str, value: Any):
    load(change_config(path, value))


def test_a_volume_key_is_one_of_the_stacks_region():
    config = change_config("tidewatch:endpoint", {"instanceType": "ml.m5.large", "volumeKey": KEY})
    assert load(config).endpoint.volume_key == KEY
    config["tidewatch:endpoint"]["volumeKey"] = KEY.replace("us-east-1", "eu-west-1")
    assert mistakes(config) == (
        f"tidewatch:endpoint.volumeKey: {config['tidewatch:endpoint']['volumeKey']} is in eu-west-1, and the stack in "
        "us-east-1; use a key in the stack's region",
    )


def test_tags_are_counted_with_those_that_the_provider_adds():
    own = {f"own{n}": "v" for n in range(50 - OWN_TAG_COUNT - 8)}
    added = {**{f"added{n}": "v" for n in range(8)}, "own0": "counted once"}
    config = {**change_config("tidewatch:tags", own), "aws:defaultTags": {"tags": added}}
    load(config)
    config["tidewatch:tags"]["one-more"] = "v"
    (told,) = mistakes(config)
    assert told.startswith(f"tidewatch:tags: {len(own)} here, 9 in aws:defaultTags and up to {OWN_TAG_COUNT} of this")


def test_every_mistake_of_every_kind_is_told_at_once():
    config = {**CONFIG, "aws:region": "us-esat-1", "aws:defaultTags": {"tags": {"a": "<"}}}
    config["tidewatch:model"] = {**CONFIG["tidewatch:model"], "owner": "<me>"}
    config["tidewatch:vpc"] = {"subnets": ["one"], "securityGroups": ["two"]}
    config["tidewatch:tags"] = {"aws:a": "b"}
    config["tidewatch:access"] = {"breakGlass": ["not a person"]}
    told = {line.split(": ")[0] for line in mistakes(config)}
    assert told == {
        "aws:region",
        "aws:defaultTags.tags",
        "tidewatch:model.owner",
        "tidewatch:vpc.subnets.0",
        "tidewatch:vpc.securityGroups.0",
        "tidewatch:tags.aws:a",
        "tidewatch:access.breakGlass.0",
    }


def test_machine_images_are_those_of_the_service_model():
    assert all(re.match(r"al\d*-ami-sagemaker-", version) for version in instance_types.list_ami_versions())
    assert "al2-ami-sagemaker-inference-gpu-3-1" in instance_types.list_ami_versions()


def test_regions_are_those_of_botocores_partitions():
    session = botocore.session.get_session()
    expected = {
        region: partition
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("s3", partition)
    }
    assert expected.items() <= regions.partitions().items()


MODEL = botocore.session.get_session().get_service_model("sagemaker")


def validate_call(operation: str, **params: Any) -> str:
    """What botocore has against a call; botocore itself checks no pattern, so the test does."""
    shape = MODEL.operation_model(operation).input_shape
    assert shape is not None
    return ParamValidator().validate(params, shape).generate_report()


words = st.text(st.sampled_from("aZ09_-é .:/=+@<>,\n\0"), max_size=12)


@given(
    environment=st.dictionaries(st.one_of(words, st.just("A" * 1024)), words, max_size=4),
    owner=words,
    own=st.dictionaries(words, words, max_size=3),
    places_=st.lists(st.sampled_from([SUBNET, SHARED, "subnet_1", "vpc-0a1b2c3d4e5f60718"]), max_size=3),
)
def test_whatever_the_settings_accept_the_service_models_take(
    environment: dict[str, str], owner: str, own: dict[str, str], places_: list[str]
):
    config = change_config("tidewatch:endpoint.environment", environment)
    config["tidewatch:model"]["owner"] = owner
    config["tidewatch:tags"] = own
    config["tidewatch:vpc"] = {"subnets": places_, "securityGroups": [GROUP]}
    try:
        settings = load(config)
    except SettingsError:
        return
    network = Network.from_settings(settings)
    assert network is not None
    assert not list(tags.find_tag_faults({**settings.tags, "tidewatch:owner": settings.model.owner}))
    shapes = botocore.loaders.create_loader().load_service_model("sagemaker", "service-2")["shapes"]
    for shape, values in (("EnvironmentKey", environment), ("SubnetId", network.subnet_ids)):
        assert all(_matches(shapes[shape], value) for value in values)
    assert not validate_call(
        "CreateModel",
        ModelName="flights",
        PrimaryContainer={"Image": "image", "Environment": dict(settings.endpoint.environment)},
        VpcConfig={"Subnets": network.subnet_ids, "SecurityGroupIds": network.group_ids},
        Tags=[{"Key": key, "Value": value} for key, value in settings.tags.items()],
    )


def _matches(shape: dict[str, Any], value: str) -> bool:
    import re

    return len(value) <= shape["max"] and re.fullmatch(shape["pattern"], value) is not None
