"""Requests are held to botocore's models at every depth, and to the services' documentation where these say nothing.

Each test names the rule's source: the model's shape, or the page of request_rules.py and bucket_rules.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as some

from rehearsal.aws.validation import model_constraints
from rehearsal.aws.validation.java_regex import compile_pattern
from rehearsal.aws.validation.request_checks import SERVICES
from tests.rehearsal.aws.account import ROLE, Account, scalable, session, variant, zip_function

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
SERVICES_OF_ROLES = ["lambda.amazonaws.com", "sagemaker.amazonaws.com", "chatbot.amazonaws.com"]
LAMBDA = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": SERVICES_OF_ROLES}, "Action": "sts:AssumeRole"}],
    }
)
SCALED = scalable("blue")
ALARM = {"EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold", "Period": 60}


def client(service: str) -> Any:
    """One that leaves all checks to the service."""
    simulated: Any = session()
    return simulated.client(service, config=Config(parameter_validation=False, retries={"total_max_attempts": 1}))


def expect_refusal(call: Callable[..., Any], **params: Any) -> tuple[str, str]:
    """The code and text of a refusal."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def model(account: Account, **container: Any) -> tuple[str, str]:
    del account
    given = {"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/triton:1", **container}
    return expect_refusal(
        client("sagemaker").create_model, ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer=given
    )


@pytest.mark.parametrize(
    ("environment", "constraint"),
    [
        ({"1ST": "x"}, "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: "),
        ({"a-b": "x"}, "Map keys must satisfy constraint"),
        ({"A" * 1025: "x"}, "Map keys must satisfy constraint: [Member must have length less than or equal to 1024]"),
        ({"A": "x" * 1025}, "Map value must satisfy constraint: [Member must have length less than or equal to 1024]"),
        ({f"A{n}": "x" for n in range(101)}, "Member must have length less than or equal to 100"),
    ],
)
def test_the_keys_values_and_number_of_a_map_are_checked(
    account: Account, environment: dict[str, str], constraint: str
) -> None:
    """SageMaker's EnvironmentMap, EnvironmentKey, EnvironmentValue."""
    code, text = model(account, Environment=environment)
    assert code == "ValidationException"
    assert "at 'primaryContainer.environment' failed to satisfy constraint" in text
    assert constraint in text


def test_all_that_a_model_refuses_is_told_at_once(account: Account) -> None:
    """SageMaker's ContainerImage and Url."""
    code, text = model(account, Image="a b", ModelDataUrl="nowhere")
    assert (code, text.split(":")[0]) == ("ValidationException", "2 validation errors detected")
    assert "'primaryContainer.image'" in text
    assert "'primaryContainer.modelDataUrl'" in text


def test_ids_and_arns_follow_their_patterns_in_lists_too(account: Account) -> None:
    """SageMaker's RoleArn, SecurityGroupId, Subnets (max 16), VpcSecurityGroupIds (max 5)."""
    del account
    sagemaker, container = client("sagemaker"), {"Image": "image"}
    network = {"SecurityGroupIds": ["sg_1"], "Subnets": [f"subnet-{n}" for n in range(17)]}
    code, text = expect_refusal(
        sagemaker.create_model,
        ModelName="m",
        ExecutionRoleArn="arn:aws:iam::1:role/x",
        PrimaryContainer=container,
        VpcConfig=network,
    )
    assert code == "ValidationException"
    for place in ("'executionRoleArn'", "'vpcConfig.securityGroupIds.1.member'", "'vpcConfig.subnets'"):
        assert f"at {place} failed to satisfy constraint" in text


TAGGED: dict[str, tuple[str, str, Callable[[list[tuple[str, str]]], dict[str, Any]]]] = {
    "sagemaker": ("create_endpoint_config", "ValidationException", lambda t: {
        "EndpointConfigName": "c", "ProductionVariants": [variant("blue")], "Tags": build_tag_list(t)}),
    "iam": ("create_role", "InvalidInput", lambda t: {
        "RoleName": "r", "AssumeRolePolicyDocument": TRUST, "Tags": build_tag_list(t)}),
    "sns": ("create_topic", "InvalidParameter", lambda t: {"Name": "t", "Tags": build_tag_list(t)}),
    "sqs": ("create_queue", "InvalidParameterValue", lambda t: {"QueueName": "q", "tags": dict(t)}),
    "kms": ("create_key", "TagException", lambda t: {"Tags": build_tag_list(t, "TagKey", "TagValue")}),
    "dynamodb": ("create_table", "ValidationException", lambda t: {
        "TableName": "table", "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}], "BillingMode": "PAY_PER_REQUEST",
        "Tags": build_tag_list(t)}),
    "events": ("put_rule", "ValidationException", lambda t: {
        "Name": "r", "ScheduleExpression": "rate(1 hour)", "Tags": build_tag_list(t)}),
    "logs": ("create_log_group", "InvalidParameterException", lambda t: {"logGroupName": "g", "tags": dict(t)}),
    "ssm": ("put_parameter", "ValidationException", lambda t: {
        "Name": "/p", "Value": "v", "Type": "String", "Tags": build_tag_list(t)}),
    "lambda": ("create_function", "InvalidParameterValueException", lambda t: {
        "FunctionName": "f", "Role": ROLE, "Runtime": "python3.11", "Handler": "a.b",
        "Code": {"ZipFile": zip_function({"a.py": ""})}, "Tags": dict(t)}),
    "cloudwatch": ("put_metric_alarm", "InvalidParameterValue", lambda t: {
        **ALARM, "AlarmName": "a", "Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Tags": build_tag_list(t)}),
    "application-autoscaling": ("register_scalable_target", "ValidationException", lambda t: {
        **SCALED, "MinCapacity": 1, "MaxCapacity": 2, "Tags": dict(t)}),
}  # fmt: skip
"""Of each service the call that makes a tagged thing, and the code of a wrong tag."""


def build_tag_list(tags: list[tuple[str, str]], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return [{key: k, value: v} for k, v in tags]


@pytest.mark.parametrize("service", sorted(TAGGED))
def test_tags_are_held_to_the_rules_of_tags(endpoint: Account, service: str) -> None:
    """Tagging AWS Resources guide, "Tag naming limits and requirements": characters, `aws:`, lengths, 50 a resource."""
    endpoint.client("iam").create_role(RoleName="flights", AssumeRolePolicyDocument=LAMBDA)
    call, code, params = TAGGED[service]
    make = getattr(client(service), call)
    by_the_model = {SERVICES[response].code for response in SERVICES if SERVICES[response].name == service}
    many = [(f"k{n}", "v") for n in range(51)]
    for tags in ([("team", "ML <ml@example.com>")], [("team#", "v")], [("team", "v" * 257)], [("k" * 129, "v")]):
        assert expect_refusal(make, **params(tags))[0] in {code, *by_the_model}, tags
    assert expect_refusal(make, **params([("AWS:team", "v")]))[0] == code
    expect_refusal(make, **params(many))
    make(**params([("team", "Équipe ML: a_b.c/d=e+f-g@h"), ("", "")][:1]))


def test_keys_that_differ_in_capitals_are_one_to_iam_alone(endpoint: Account) -> None:
    """IAM user guide, "Tags for AWS Identity and Access Management resources": keys are not case sensitive."""
    del endpoint
    for service, both in (("iam", False), ("sns", True), ("dynamodb", True)):
        call, code, params = TAGGED[service]
        make = getattr(client(service), call)
        tags = [("Team", "a"), ("team", "b")]
        if both:
            make(**params(tags))
        else:
            assert expect_refusal(make, **params(tags))[0] == code
    twice = [("team", "a"), ("team", "b")]
    assert expect_refusal(client("sns").create_topic, **TAGGED["sns"][2](twice))[0] == "InvalidParameter"


def test_a_buckets_and_an_objects_tags(account: Account) -> None:
    """S3 user guide, "Categorizing your objects using tags" (10), "Using cost allocation S3 bucket tags" (50)."""
    del account
    s3 = client("s3")
    s3.create_bucket(Bucket="flights")

    def build_tag_set(count: int) -> dict[str, Any]:
        return {"TagSet": build_tag_list([(f"k{n}", "v") for n in range(count)])}

    s3.put_object(Bucket="flights", Key="k", Body=b"", Tagging="team=ml-platform%40example.com&n=2")
    s3.put_object_tagging(Bucket="flights", Key="k", Tagging=build_tag_set(10))
    s3.put_bucket_tagging(Bucket="flights", Tagging=build_tag_set(50))
    assert (
        expect_refusal(s3.put_object_tagging, Bucket="flights", Key="k", Tagging=build_tag_set(11))[0] == "BadRequest"
    )
    assert expect_refusal(s3.put_bucket_tagging, Bucket="flights", Tagging=build_tag_set(51))[0] == "BadRequest"
    eleven = "&".join(f"k{n}=v" for n in range(11))
    assert expect_refusal(s3.put_object, Bucket="flights", Key="k", Body=b"", Tagging=eleven)[0] == "BadRequest"
    assert expect_refusal(s3.put_object, Bucket="flights", Key="k", Body=b"", Tagging="a=%3Cb%3E")[0] == "InvalidTag"
    for wrong in ([("a", "<b>")], [("aws:a", "b")], [("a", "1"), ("a", "2")]):
        tags = {"TagSet": build_tag_list(wrong)}
        assert expect_refusal(s3.put_bucket_tagging, Bucket="flights", Tagging=tags)[0] == "InvalidTag"
        assert expect_refusal(s3.put_object_tagging, Bucket="flights", Key="k", Tagging=tags)[0] == "InvalidTag"


def test_the_names_of_buckets_and_objects(account: Account) -> None:
    """S3 user guide, "General purpose bucket naming rules", "Naming Amazon S3 objects" (1,024 bytes of UTF-8)."""
    del account
    s3 = client("s3")
    for name in ("Flights", "ab", "192.168.5.4", "sthree-a", "a-s3alias", "a_b", "abc-"):
        assert expect_refusal(s3.create_bucket, Bucket=name)[0] == "InvalidBucketName", name
    s3.create_bucket(Bucket="flights")
    s3.put_object(Bucket="flights", Key="k" * 1024, Body=b"")
    assert expect_refusal(s3.put_object, Bucket="flights", Key="é" * 513, Body=b"")[0] == "KeyTooLongError"


def test_a_functions_environment(account: Account) -> None:
    """Lambda developer guide, "Lambda environment variables": names, Lambda's own names, 4 KB in all."""
    account.client("iam").create_role(RoleName="flights", AssumeRolePolicyDocument=LAMBDA)
    make = client("lambda").create_function
    base = TAGGED["lambda"][2]([("team", "ml")])

    def environment(**variables: str) -> tuple[str, str]:
        return expect_refusal(make, **base, Environment={"Variables": variables})

    assert environment(AWS_REGION="x")[0] == "InvalidParameterValueException"
    assert "4KB" in environment(**{f"A{n}": "x" * 1000 for n in range(5)})[1]
    code, text = expect_refusal(make, **base, Environment={"Variables": {"_A": "x"}})
    assert code == "ValidationException"
    assert "at 'environment.variables' failed to satisfy constraint: Map keys" in text
    make(**base, Environment={"Variables": {"AB": "x" * 4000}})


TOPIC = "arn:aws:sns:us-east-1:123456789012:t"
METRIC = {**ALARM, "AlarmName": "a", "Namespace": "N", "MetricName": "M", "Statistic": "Sum"}
HOURLY = {"ScheduleExpression": "rate(1 hour)"}
TARGETS = [{"Id": str(number), "Arn": "arn:aws:sqs:us-east-1:123456789012:q"} for number in range(6)]


def datum(name: str, value: str) -> dict[str, Any]:
    return {"Namespace": "N", "MetricData": [{"MetricName": "M", "Value": 1, "Dimensions": [dimension(name, value)]}]}


def dimension(name: str, value: str) -> dict[str, str]:
    return {"Name": name, "Value": value}


def parameter(name: str = "/a", value: str = "v") -> dict[str, str]:
    return {"Name": name, "Value": value, "Type": "String"}


WRONG: list[tuple[str, str, dict[str, Any]]] = [
    ("sns create_topic", "InvalidParameter", {"Name": "a b"}),
    ("sns publish", "InvalidParameter", {"TopicArn": TOPIC, "Message": "m", "Subject": "a\nb"}),
    ("sns publish", "InvalidParameter", {"TopicArn": TOPIC, "Message": "m", "Subject": "s" * 101}),
    ("sns publish", "InvalidParameter", {"TopicArn": TOPIC, "Message": ""}),
    ("sqs create_queue", "InvalidParameterValue", {"QueueName": "a.b"}),
    ("sqs create_queue", "InvalidAttributeValue", {"QueueName": "a", "Attributes": {"DelaySeconds": "901"}}),
    ("ssm put_parameter", "ValidationException", parameter("/a b")),
    ("ssm put_parameter", "ValidationException", parameter(value="v" * 4097)),
    ("ssm put_parameter", "AccessDeniedException", parameter("/aws/a")),
    ("ssm put_parameter", "HierarchyLevelLimitExceededException", parameter("/1" * 16)),
    ("cloudwatch put_dashboard", "InvalidParameterValue", {"DashboardName": "a b", "DashboardBody": "{}"}),
    ("cloudwatch put_metric_alarm", "ValidationError", {**METRIC, "AlarmName": "a\nb"}),
    ("cloudwatch put_metric_alarm", "ValidationError", {**METRIC, "AlarmName": "a" * 256}),
    ("cloudwatch put_metric_alarm", "ValidationError", {**METRIC, "AlarmDescription": "d" * 1025}),
    ("cloudwatch put_metric_alarm", "ValidationError", {**METRIC, "AlarmActions": ["arn"] * 6}),
    ("cloudwatch put_metric_alarm", "InvalidParameterValue", {**METRIC, "Dimensions": [dimension("a", " ")]}),
    ("cloudwatch put_metric_data", "InvalidParameterValue", datum(":a", "b")),
    ("cloudwatch put_metric_data", "InvalidParameterValue", datum("a", "é")),
    ("logs put_retention_policy", "InvalidParameterException", {"logGroupName": "g", "retentionInDays": 31}),
    ("logs create_log_group", "InvalidParameterException", {"logGroupName": "a b"}),
    ("events put_rule", "ValidationException", {"Name": "a b", **HOURLY}),
    ("events put_rule", "ValidationException", {"Name": "a"}),
    ("events put_rule", "LimitExceededException", {"Name": "a", "EventPattern": "{" + " " * 2047 + "}"}),
    ("events put_targets", "LimitExceededException", {"Rule": "r", "Targets": TARGETS}),
    ("events put_targets", "ValidationException", {"Rule": "r", "Targets": [
        {**TARGETS[0], "Input": "{}", "InputPath": "$.a"}]}),
    ("iam create_role", "ValidationError", {
        "RoleName": "r", "AssumeRolePolicyDocument": TRUST, "Description": "one → two"}),
    ("iam put_role_policy", "LimitExceeded", {
        "RoleName": "r", "PolicyName": "p", "PolicyDocument": "{" + "x" * 10240 + "}"}),
    ("kms create_key", "ValidationException", {"Description": "d" * 8193}),
    ("kms create_key", "LimitExceededException", {"Policy": "{" + "x" * 32768 + "}"}),
    ("dynamodb create_table", "ValidationException", {
        "TableName": "a b", "KeySchema": [], "AttributeDefinitions": []}),
    ("application-autoscaling register_scalable_target", "ValidationException", {
        **SCALED, "ServiceNamespace": "sage", "MinCapacity": 1, "MaxCapacity": 2}),
    ("application-autoscaling tag_resource", "ValidationException", {"ResourceARN": TOPIC, "Tags": {"a": "b"}}),
]  # fmt: skip
"""Requests that AWS refuses, with the code it has for them. Source: request_rules.py's docstrings; the models."""


@pytest.mark.parametrize(("call", "code", "params"), WRONG)
def test_what_a_service_documents_it_refuses(endpoint: Account, call: str, code: str, params: dict[str, Any]) -> None:
    del endpoint
    service, operation = call.split()
    assert expect_refusal(getattr(client(service), operation), **params)[0] == code


def test_every_pattern_of_the_models_is_understood() -> None:
    loader = botocore.session.get_session()
    for service in {one.name for one in SERVICES.values()}:
        described = loader.get_service_model(service)
        for name in described.shape_names:
            pattern = described.shape_for(name).metadata.get("pattern")
            if pattern:
                compile_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "taken", "refused"),
    [
        (r"[\w-_]*", "a-b_c", "a b"),
        (r"\p{Alnum}+", "a1", "é"),
        (r"\p{Print}+", "a b", "a\tb"),
        (r"\A\S[\p{Print}]*\z", "a b", " a"),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "é 東-1@", "a,b"),
        (r"[\p{L}\p{M}\p{Z}\p{N}\p{P}]{0,1024}", "a, b! c\u0301", "a+b"),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "a\n𝄞", "a\x00"),
        (r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)", "/a/", "/a"),
    ],
)  # fmt: skip
def test_javas_expressions_are_pythons(pattern: str, taken: str, refused: str) -> None:
    """Source: java.util.regex.Pattern."""
    assert compile_pattern(pattern).fullmatch(taken)
    assert not compile_pattern(pattern).fullmatch(refused)


@given(some.dictionaries(some.text(max_size=5), some.text(max_size=5), max_size=3))
def test_a_map_is_refused_exactly_where_a_key_or_value_is(environment: dict[str, str]) -> None:
    params = {
        "ModelName": "m",
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {"Image": "image", "Environment": environment},
    }
    right = all(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", key) for key in environment)
    assert (model_constraints.describe_violations("sagemaker", "CreateModel", params) == "") == right
