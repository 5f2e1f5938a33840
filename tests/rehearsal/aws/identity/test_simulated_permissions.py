"""What a role may do: nothing that none of its statements allows, and what AWS says then.

Source: IAM user guide, "Policy evaluation logic", "Troubleshoot access denied error messages".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.identity import act_as, record_permissions
from tests.rehearsal.aws.account import ANYTHING, Account, pack_model, scalable, variant

ACCOUNT = "123456789012"


def allow(actions: str | list[str], resource: str | list[str], **conditions: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": "Allow", "Action": actions, "Resource": resource}
    return {**found, "Condition": conditions} if conditions else found


def expect_refusal(call: Any, **given: Any) -> dict[str, Any]:
    """The answer to a call that is refused."""
    with pytest.raises(ClientError) as failed:
        call(**given)
    return failed.value.response  # type: ignore[return-value]


def read_refusal_message(call: Any, **given: Any) -> str:
    return expect_refusal(call, **given)["Error"]["Message"]


class Person:
    """Clients of somebody with a role of these statements."""

    def __init__(self, account: Account, *statements: dict[str, Any], name: str = "person") -> None:
        self.account, self.role = account, account.role(name, *statements)

    def client(self, service: str) -> Any:
        return self.account.as_role(self.role, service)


def keyed_table(account: Account) -> str:
    """The ARN of a new table "t" of items by their key "k"."""
    return account.client("dynamodb").create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )["TableDescription"]["TableArn"]


def test_what_nothing_allows_is_denied_in_awss_words(endpoint: Account) -> None:
    person = Person(endpoint, allow("sagemaker:DescribeEndpoint", "*"))
    sagemaker = person.client("sagemaker")

    assert sagemaker.describe_endpoint(EndpointName="flights")["EndpointStatus"] == "InService"
    answer = expect_refusal(sagemaker.delete_endpoint, EndpointName="flights")
    assert answer["Error"] == {
        "Code": "AccessDeniedException",
        "Message": (
            f"User: arn:aws:sts::{ACCOUNT}:assumed-role/person/me is not authorized to perform: "
            f"sagemaker:DeleteEndpoint on resource: arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/flights "
            "because no identity-based policy allows the sagemaker:DeleteEndpoint action"
        ),
    }
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert endpoint.endpoint()["EndpointStatus"] == "InService"


def test_actions_have_wildcards_without_case_and_resources_with_case(endpoint: Account) -> None:
    arn = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/fl?ght*"
    person = Person(endpoint, allow("SageMaker:describe*", arn))

    person.client("sagemaker").describe_endpoint(EndpointName="flights")
    other = Person(endpoint, allow("sagemaker:*", arn.replace("fl?ght", "FL?GHT")), name="other")
    assert "no identity-based policy" in read_refusal_message(
        other.client("sagemaker").describe_endpoint, EndpointName="flights"
    )


def test_an_explicit_deny_of_the_roles_own_wins(endpoint: Account) -> None:
    deny = {**allow("sagemaker:DescribeEndpoint", "*"), "Effect": "Deny"}
    person = Person(endpoint, ANYTHING, deny)

    assert read_refusal_message(person.client("sagemaker").describe_endpoint, EndpointName="flights").endswith(
        "with an explicit deny in an identity-based policy"
    )


def test_a_condition_that_does_not_hold_allows_nothing(account: Account) -> None:
    bus = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"
    person = Person(account, allow("events:PutEvents", bus, StringEquals={"events:source": "tidewatch"}))
    entry = {"Source": "tidewatch", "DetailType": "t", "Detail": "{}"}
    events = person.client("events")

    events.put_events(Entries=[entry])
    assert "events:PutEvents" in read_refusal_message(events.put_events, Entries=[{**entry, "Source": "aws.fake"}])


def test_of_all_values_of_a_key_that_is_absent_none_is_another(account: Account) -> None:
    """Source: IAM user guide, "Set operators for multivalued context keys"."""
    keyed_table(account)
    all_values, any_value = "ForAllValues:StringEquals", "ForAnyValue:StringEquals"
    for name, operator in (("all", all_values), ("any", any_value)):
        statement = allow("dynamodb:Scan", "*", **{operator: {"dynamodb:LeadingKeys": ["own"]}})
        dynamodb = Person(account, statement, name=name).client("dynamodb")
        if operator == all_values:
            dynamodb.scan(TableName="t")
        else:
            assert "dynamodb:Scan" in read_refusal_message(dynamodb.scan, TableName="t")


def test_a_boundary_limits_what_the_own_policies_allow(account: Account) -> None:
    iam = account.client("iam")
    policy = {"Version": "2012-10-17", "Statement": [allow("sqs:*", "*")]}
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(policy))["Policy"]["Arn"]
    arn = iam.create_role(RoleName="bound", AssumeRolePolicyDocument="{}", PermissionsBoundary=boundary)["Role"]["Arn"]
    everything = json.dumps({"Version": "2012-10-17", "Statement": [ANYTHING]})
    iam.put_role_policy(RoleName="bound", PolicyName="own", PolicyDocument=everything)

    account.as_role(arn, "sqs").create_queue(QueueName="q")
    assert "because no permissions boundary allows the sns:CreateTopic action" in read_refusal_message(
        account.as_role(arn, "sns").create_topic, Name="t"
    )


def test_an_attached_policy_counts_like_an_own_one(account: Account) -> None:
    policy = {"Version": "2012-10-17", "Statement": [allow("sns:CreateTopic", "*")]}
    iam = account.client("iam")
    arn = iam.create_policy(PolicyName="topics", PolicyDocument=json.dumps(policy))["Policy"]["Arn"]
    role = account.role("person")
    iam.attach_role_policy(RoleName="person", PolicyArn=arn)

    account.as_role(role, "sns").create_topic(Name="t")


def test_a_resources_own_policy_may_allow_a_role_by_name_and_not_the_account(account: Account) -> None:
    """Source: IAM user guide, "Policy evaluation for requests within a single account"."""
    role, topic = account.role("person"), account.client("sns").create_topic(Name="t")["TopicArn"]
    sns = account.as_role(role, "sns")

    def policy(principal: str) -> None:
        statement = {**allow("sns:Publish", topic), "Principal": {"AWS": principal}}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        account.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document)

    policy(f"arn:aws:iam::{ACCOUNT}:root")
    assert expect_refusal(sns.publish, TopicArn=topic, Message="m")["Error"]["Code"] == "AuthorizationError"
    policy(role)
    sns.publish(TopicArn=topic, Message="m")


def test_a_functions_own_policy_may_allow_a_role_by_name(account: Account) -> None:
    arn = account.function("named", "def handler(event, context):\n    return 1\n")
    person, other = Person(account), Person(account, name="other")
    account.client("lambda").add_permission(
        FunctionName="named", StatementId="one", Action="lambda:InvokeFunction", Principal=person.role
    )

    person.client("lambda").invoke(FunctionName="named", InvocationType="DryRun")
    assert f"lambda:InvokeFunction on resource: {arn}" in read_refusal_message(
        other.client("lambda").invoke, FunctionName="named"
    )


def test_a_table_and_a_bucket_may_allow_a_role_by_name(account: Account) -> None:
    dynamodb, s3, person = account.client("dynamodb"), account.client("s3"), Person(account)
    table = keyed_table(account)
    s3.create_bucket(Bucket="objects")

    def build_policy(actions: str, resource: str) -> str:
        statement = {**allow(actions, resource), "Principal": {"AWS": person.role}}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    dynamodb.put_resource_policy(ResourceArn=table, Policy=build_policy("dynamodb:PutItem", table))
    s3.put_bucket_policy(Bucket="objects", Policy=build_policy("s3:PutObject", "arn:aws:s3:::objects/*"))

    person.client("dynamodb").put_item(TableName="t", Item={"k": {"S": "1"}})
    person.client("s3").put_object(Bucket="objects", Key="k", Body=b"")
    assert "dynamodb:DeleteItem" in read_refusal_message(
        person.client("dynamodb").delete_item, TableName="t", Key={"k": {"S": "1"}}
    )


def test_a_key_needs_the_keys_policy_too(account: Account) -> None:
    """Source: KMS developer guide, "Key policies": IAM policies count only where the key's policy lets the account."""
    kms, person = account.client("kms"), Person(account, allow("kms:*", "*"))
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    person.client("kms").describe_key(KeyId=key)
    nobody = {**allow("kms:*", "*"), "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [nobody]})
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document)

    assert "because no resource-based policy allows the kms:DescribeKey action" in read_refusal_message(
        person.client("kms").describe_key, KeyId=key
    )


@pytest.fixture
def bucket_key(account: Account) -> str:
    """The key of a bucket `sealed` that holds `k`; the bucket has a key of its own."""
    key = account.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3 = account.client("s3")
    s3.create_bucket(Bucket="sealed")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket="sealed", ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_object(Bucket="sealed", Key="k", Body=b"v")
    return key


def test_a_sealed_object_is_read_and_written_with_its_key_only(account: Account, bucket_key: str) -> None:
    """Source: S3 user guide, "Using server-side encryption with AWS KMS keys"."""
    objects = allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::sealed/*")
    person = Person(account, objects)
    s3 = person.client("s3")
    assert "kms:Decrypt" in read_refusal_message(s3.get_object, Bucket="sealed", Key="k")
    assert "kms:GenerateDataKey" in read_refusal_message(s3.put_object, Bucket="sealed", Key="k", Body=b"w")
    assert s3.head_object(Bucket="sealed", Key="k")["ContentLength"] == 1

    via = allow(["kms:Decrypt"], bucket_key, StringEquals={"kms:ViaService": "s3.us-east-1.amazonaws.com"})
    reader = account.role("reader", objects, via)
    assert account.as_role(reader, "s3").get_object(Bucket="sealed", Key="k")["Body"].read() == b"v"


def test_a_missing_object_is_told_of_to_those_alone_who_may_list(account: Account) -> None:
    """Source: S3 API reference, GetObject: without s3:ListBucket "Amazon S3 returns an HTTP status code 403"."""
    account.client("s3").create_bucket(Bucket="objects")
    blind = Person(account, allow("s3:GetObject", "arn:aws:s3:::objects/*"))
    assert expect_refusal(blind.client("s3").get_object, Bucket="objects", Key="k")["Error"]["Code"] == "AccessDenied"

    listing = allow("s3:ListBucket", "arn:aws:s3:::objects")
    seeing = account.role("seeing", allow("s3:GetObject", "arn:aws:s3:::objects/*"), listing)
    s3 = account.as_role(seeing, "s3")
    assert expect_refusal(s3.get_object, Bucket="objects", Key="k")["Error"]["Code"] == "NoSuchKey"


def test_deleting_many_objects_is_decided_key_by_key(account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="objects")
    for key in ("mine/1", "other/1"):
        s3.put_object(Bucket="objects", Key=key, Body=b"")
    person = Person(account, allow("s3:DeleteObject", "arn:aws:s3:::objects/mine/*"))

    keys = [{"Key": "mine/1"}, {"Key": "other/1"}]
    answer = person.client("s3").delete_objects(Bucket="objects", Delete={"Objects": keys})

    assert [one["Key"] for one in answer["Deleted"]] == ["mine/1"]
    assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [("other/1", "AccessDenied")]


def test_a_role_is_passed_by_those_who_may_pass_it_to_that_service(account: Account) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/flights"
    making = allow("sagemaker:CreateModel", "*")
    given = {"ModelName": "m", "ExecutionRoleArn": role, "PrimaryContainer": {"Image": "example@sha256:1"}}
    to_lambda = allow("iam:PassRole", role, StringEquals={"iam:PassedToService": "lambda.amazonaws.com"})
    person = Person(account, making, to_lambda)
    assert f"iam:PassRole on resource: {role}" in read_refusal_message(person.client("sagemaker").create_model, **given)

    passing = account.role("passing", making, allow("iam:PassRole", role))
    account.as_role(passing, "sagemaker").create_model(**given)


def test_an_endpoint_with_a_volume_key_needs_a_grant_on_it(account: Account) -> None:
    """Source: SageMaker developer guide, "Amazon SageMaker AI API Permissions": kms:CreateGrant for CreateEndpoint."""
    key = account.client("kms").create_key()["KeyMetadata"]["Arn"]
    account.model("one")
    account.config("sealed", variant("blue"), KmsKeyId=key)
    person = Person(account, allow("sagemaker:CreateEndpoint", "*"))

    given = {"EndpointName": "flights", "EndpointConfigName": "sealed"}
    assert f"kms:CreateGrant on resource: {key}" in read_refusal_message(
        person.client("sagemaker").create_endpoint, **given
    )


def test_a_queue_is_named_by_its_url_and_a_call_to_a_model_needs_the_endpoint(endpoint: Account) -> None:
    url = endpoint.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    queue, model = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q", f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/flights"
    person = Person(endpoint, allow("sqs:SendMessage", queue))

    person.client("sqs").send_message(QueueUrl=url, MessageBody="m")
    assert f"sagemaker:InvokeEndpoint on resource: {model}" in read_refusal_message(
        person.client("sagemaker-runtime").invoke_endpoint, EndpointName="flights", Body=b"[]"
    )


def test_a_write_in_a_transaction_needs_what_it_needs_alone(account: Account) -> None:
    """Source: DynamoDB developer guide, "IAM for transactions"."""
    arn = keyed_table(account)
    person = Person(account, allow("dynamodb:PutItem", arn))
    put, key = {"TableName": "t", "Item": {"k": {"S": "1"}}}, {"TableName": "t", "Key": {"k": {"S": "1"}}}

    dynamodb = person.client("dynamodb")
    dynamodb.transact_write_items(TransactItems=[{"Put": put}])
    assert "dynamodb:DeleteItem" in read_refusal_message(dynamodb.transact_write_items, TransactItems=[{"Delete": key}])


@pytest.mark.parametrize(
    "lacking", ["sagemaker:DescribeEndpoint", "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"]
)
def test_what_scales_is_changed_by_those_alone_who_may_change_the_endpoint_and_its_alarms(
    endpoint: Account, lacking: str
) -> None:
    """Source: Application Auto Scaling user guide, "Permissions validation for Application Auto Scaling API calls on
    target resources"."""
    place = scalable("blue")
    policy = {"PolicyName": "p", "PolicyType": "TargetTrackingScaling"}
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    tracking = {"TargetValue": 100.0, "PredefinedMetricSpecification": metric}
    actions = {
        "sagemaker:DescribeEndpoint",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:DeleteAlarms",
    }
    via = {"StringEquals": {"aws:CalledViaLast": "application-autoscaling.amazonaws.com"}}
    whole = Person(endpoint, allow("application-autoscaling:*", "*"), allow(sorted(actions), "*"))
    thin = Person(
        endpoint, allow("application-autoscaling:*", "*"), allow(sorted(actions - {lacking}), "*"), name="thin"
    )
    only_via = Person(endpoint, allow("cloudwatch:PutMetricAlarm", "*", **via), name="by-hand")

    def steps(person: Person) -> Iterator[Callable[[], object]]:
        client = person.client("application-autoscaling")
        yield lambda: client.register_scalable_target(**place, MinCapacity=1, MaxCapacity=2)
        yield lambda: client.put_scaling_policy(**place, **policy, TargetTrackingScalingPolicyConfiguration=tracking)
        yield lambda: client.delete_scaling_policy(**place, PolicyName="p")

    for allowed, denied in zip(steps(whole), steps(thin), strict=True):
        assert lacking in read_refusal_message(denied)
        allowed()
    assert "PutMetricAlarm" in read_refusal_message(
        only_via.client("cloudwatch").put_metric_alarm,
        AlarmName="TargetTracking-endpoint/other",
        MetricName="m",
        Namespace="n",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )


@pytest.mark.parametrize("way", ["put", "delete", "transacted", "batch", "asked in a batch"])
def test_a_role_that_has_one_partition_reaches_no_other_in_whatever_request(account: Account, way: str) -> None:
    """Source: DynamoDB developer guide, "Using IAM policy conditions for fine-grained access control": the keys of all
    items of a request are compared."""
    arn = keyed_table(account)
    own = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["own"]}}
    actions = ["PutItem", "DeleteItem", "ConditionCheckItem", "BatchWriteItem", "BatchGetItem"]
    dynamodb = Person(account, allow([f"dynamodb:{one}" for one in actions], arn, **own)).client("dynamodb")

    def reach(*keys: str) -> None:
        items = [{"k": {"S": key}} for key in keys]
        if way == "put":
            dynamodb.put_item(TableName="t", Item=items[-1])
        elif way == "delete":
            dynamodb.delete_item(TableName="t", Key=items[-1])
        elif way == "transacted":
            first, *rest = ({"TableName": "t", "Key": one} for one in items)
            check = {**first, "ConditionExpression": "attribute_not_exists(never)"}
            puts = [{"Put": {"TableName": "t", "Item": one["Key"]}} for one in rest]
            dynamodb.transact_write_items(TransactItems=[*puts, {"ConditionCheck": check}])
        elif way == "batch":
            first, *rest = items
            puts = [{"PutRequest": {"Item": one}} for one in rest]
            dynamodb.batch_write_item(RequestItems={"t": [{"DeleteRequest": {"Key": first}}, *puts]})
        else:
            dynamodb.batch_get_item(RequestItems={"t": {"Keys": items}})

    reach("own")
    refusals = [("another",)] if way in ("put", "delete") else [("another",), ("own", "another"), ("another", "own")]
    for keys in refusals:
        assert expect_refusal(lambda keys=keys: reach(*keys))["Error"]["Code"] == "AccessDeniedException"


SOURCE = """
import boto3
def handler(event, context):
    print("asked")
    return boto3.client("sqs").list_queues().get("QueueUrls", [])
"""


def test_a_function_may_do_what_its_role_may_and_its_log_is_its_roles_to_write(account: Account) -> None:
    """Source: Lambda developer guide, "Defining Lambda function permissions with an execution role"."""
    account.function("bare", SOURCE, Role=account.role("bare"))
    failed = json.load(account.invoke("bare")["Payload"])
    assert "assumed-role/bare/bare is not authorized to perform: sqs:ListQueues" in failed["errorMessage"]
    assert account.client("logs").describe_log_groups()["logGroups"] == []

    account.function("able", SOURCE)
    assert json.load(account.invoke("able")["Payload"]) == []
    assert [one["logGroupName"] for one in account.client("logs").describe_log_groups()["logGroups"]] == [
        "/aws/lambda/able"
    ]


def test_what_a_role_may_not_send_to_is_no_destination(account: Account) -> None:
    url = account.client("sqs").create_queue(QueueName="failures")["QueueUrl"]
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:failures"
    account.function("bare", "def handler(event, context):\n    raise ValueError\n", Role=account.role("bare"))
    account.client("lambda").put_function_event_invoke_config(
        FunctionName="bare", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": queue}}
    )
    account.invoke("bare", InvocationType="Event")
    account.control.wait_for_functions()

    assert "Messages" not in account.client("sqs").receive_message(QueueUrl=url)


def test_an_operation_without_a_rule_is_refused_to_a_role_and_noted_for_others(account: Account) -> None:
    person = Person(account, ANYTHING)
    assert "does not know what sqs ListDeadLetterSourceQueues needs" in read_refusal_message(
        person.client("sqs").list_dead_letter_source_queues, QueueUrl="https://sqs/123456789012/q"
    )
    account.client("sqs").create_queue(QueueName="q")
    with record_permissions() as recorded:
        account.client("sqs").list_dead_letter_source_queues(QueueUrl=f"https://sqs/{ACCOUNT}/q")
    assert recorded.unknown_operations == {"sqs ListDeadLetterSourceQueues"}


def test_a_recording_holds_every_need_once(account: Account) -> None:
    s3 = account.client("s3")
    with record_permissions() as recorded:
        s3.create_bucket(Bucket="objects")
        for _ in range(2):
            s3.put_object(Bucket="objects", Key="k", Body=pack_model({}))

    assert [(need.action, need.resource) for need in recorded.permissions.values()] == [
        ("s3:CreateBucket", "arn:aws:s3:::objects"),
        ("s3:PutObject", "arn:aws:s3:::objects/k"),
    ]


@pytest.mark.parametrize("name", ["IpAddress", "ForAnyValue:DateGreaterThan", "StringEqualsIfExists", "Null"])
def test_a_condition_that_is_not_evaluated_is_refused_where_it_is_put(account: Account, name: str) -> None:
    iam, known = account.client("iam"), name in ("StringEqualsIfExists", "Null")
    role = account.role("person", ANYTHING).rpartition("/")[2]
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:*", "*", **{name: {"aws:SourceIp": "a"}})]})
    policy = iam.create_policy(
        PolicyName="known",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:*", "*")]}),
    )["Policy"]["Arn"]
    puts = [
        (iam.put_role_policy, {"RoleName": role, "PolicyName": "p", "PolicyDocument": document}),
        (iam.create_policy, {"PolicyName": "p", "PolicyDocument": document}),
        (iam.create_policy_version, {"PolicyArn": policy, "PolicyDocument": document}),
    ]
    for put, given in puts:
        if known:
            put(**given)
        else:
            assert read_refusal_message(put, **given) == f"The simulator does not evaluate {name}."


def test_a_bucket_denies_a_role_that_acts_as_what_it_is(account: Account) -> None:
    s3, role = account.client("s3"), account.role("person", ANYTHING)
    s3.create_bucket(Bucket="registry")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::registry/*"}
    for operator, denied in (("ArnEquals", True), ("ArnNotEquals", False)):
        statement = {**deny, "Condition": {operator: {"aws:PrincipalArn": role}}}
        s3.put_bucket_policy(Bucket="registry", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        with act_as(role):
            if denied:
                assert (
                    expect_refusal(s3.put_object, Bucket="registry", Key="k", Body=b"v")["Error"]["Code"]
                    == "AccessDenied"
                )
            else:
                s3.put_object(Bucket="registry", Key="k", Body=b"v")
