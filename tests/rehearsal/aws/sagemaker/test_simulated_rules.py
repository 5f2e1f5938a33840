"""What SageMaker refuses, with its code and its words. Each test names the document its rule comes from."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.rehearsal.aws.account import ROLE, Account, scalable, session, variant

SERVERLESS = {"MemorySizeInMB": 2048, "MaxConcurrency": 1}


def expect_refusal(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**given)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    return error.value.response["Error"]["Message"]


@pytest.fixture
def unchecked_client(account: Account) -> Any:
    """A client that leaves all checks to the service."""
    account.model("one")
    return session().client("sagemaker", config=Config(parameter_validation=False))


def refuse_config(client: Any, *variants: dict[str, Any], name: str = "c", **fields: Any) -> str:
    return expect_refusal(
        client.create_endpoint_config, EndpointConfigName=name, ProductionVariants=list(variants), **fields
    )


def guard(kind: str, wait: int = 0, alarms: int = 1, **routing: Any) -> dict[str, Any]:
    shift = {"Type": kind, "WaitIntervalInSeconds": wait, **routing}
    names = [{"AlarmName": f"a{number}"} for number in range(alarms)]
    return {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": shift},
        "AutoRollbackConfiguration": {"Alarms": names},
    }


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def refuse_update(account: Account, config: str = "second", **fields: Any) -> str:
    return expect_refusal(
        account.sagemaker.update_endpoint, EndpointName="flights", EndpointConfigName=config, **fields
    )


def test_a_name_is_used_once(endpoint: Account) -> None:
    """Source: model docs, CreateEndpointInput.EndpointName ("must be unique"), SageMaker's message."""
    sagemaker = endpoint.sagemaker
    model = {"ModelName": "one", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "i"}}
    config = {"EndpointConfigName": "first", "ProductionVariants": [variant("blue")]}
    given = {"EndpointName": "FLIGHTS", "EndpointConfigName": "first"}

    assert expect_refusal(sagemaker.create_model, **model).startswith("Cannot create already existing model")
    assert expect_refusal(sagemaker.create_endpoint_config, **config).startswith(
        "Cannot create already existing endpoint configuration"
    )
    assert expect_refusal(sagemaker.create_endpoint, **given).startswith("Cannot create already existing endpoint")


@pytest.mark.parametrize("name", ["-flights", "flights_2", "flights-", "f" * 64])
def test_a_name_follows_the_pattern(unchecked_client: Any, name: str) -> None:
    """Source: model, EndpointConfigName pattern and max 63."""
    assert "'endpointConfigName' failed to satisfy constraint" in refuse_config(
        unchecked_client, variant("blue"), name=name
    )


def test_there_are_at_most_ten_variants(unchecked_client: Any) -> None:
    """Source: model, ProductionVariantList max 10."""
    many = [variant(f"v{number}") for number in range(11)]
    assert "length less than or equal to 10" in refuse_config(unchecked_client, *many)


def test_a_weight_is_not_negative(unchecked_client: Any) -> None:
    """Source: model, VariantWeight min 0."""
    assert "'productionVariants.1.member.initialVariantWeight'" in refuse_config(unchecked_client, variant("blue", -1))


def test_some_weight_is_positive(unchecked_client: Any) -> None:
    """Source: model docs, ProductionVariant.InitialVariantWeight: a ratio to the sum of all weights."""
    assert "sum of the weights" in refuse_config(unchecked_client, variant("blue", 0), variant("green", 0))


def test_an_instance_type_is_one_of_those_for_hosting(unchecked_client: Any) -> None:
    """Source: model, ProductionVariantInstanceType enum."""
    assert "enum value set" in refuse_config(unchecked_client, variant("blue", InstanceType="ml.g5.tiny"))


def test_variant_names_differ(unchecked_client: Any) -> None:
    """Source: model docs: TargetVariant and DesiredWeightAndCapacity address a variant by name."""
    assert "non-unique" in refuse_config(unchecked_client, variant("blue"), variant("blue"))


def test_a_shadow_stands_beside_exactly_one_variant(unchecked_client: Any) -> None:
    """Source: model docs, CreateEndpointConfigInput.ShadowProductionVariants."""
    message = refuse_config(
        unchecked_client, variant("blue"), variant("green"), ShadowProductionVariants=[variant("shadow")]
    )
    assert "one variant for ShadowProductionVariants" in message


@pytest.mark.parametrize("hosts", [[], ["InstanceType", "ServerlessConfig"]])
def test_a_variant_runs_on_instances_or_is_serverless(unchecked_client: Any, hosts: list[str]) -> None:
    """Source: model docs, ProductionVariant.ServerlessConfig ("instead of an instance-based endpoint
    configuration")."""
    given = {**variant("blue"), "ServerlessConfig": SERVERLESS}
    kept = {key: value for key, value in given.items() if key in hosts or key in ("VariantName", "ModelName")}
    assert "exactly one of InstanceType" in refuse_config(unchecked_client, kept)


@pytest.mark.parametrize("others", ["a second variant", "capture", "a VPC", "nothing"])
def test_a_serverless_variant_stands_alone_without_capture_or_vpc(unchecked_client: Any, others: str) -> None:
    """Source: developer guide, "Deploy models with Amazon SageMaker Serverless Inference", feature exclusions."""
    serverless = {"VariantName": "blue", "ModelName": "one", "ServerlessConfig": SERVERLESS}
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://captured/capture",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    fields: dict[str, dict[str, Any]] = {
        "capture": {"DataCaptureConfig": capture},
        "a VPC": {"VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}},
    }
    variants = [serverless, variant("green")] if others == "a second variant" else [serverless]
    if others == "nothing":
        unchecked_client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=variants)
        return
    assert "serverless endpoint takes a single" in refuse_config(unchecked_client, *variants, **fields.get(others, {}))


def test_a_configuration_names_models_that_exist(unchecked_client: Any) -> None:
    """Source: SageMaker's message for CreateEndpointConfig."""
    assert refuse_config(unchecked_client, variant("blue", model="none")).startswith("Could not find model")


def test_what_is_required_is_asked_for(unchecked_client: Any) -> None:
    """Source: model, required members."""
    assert "Member must not be null" in expect_refusal(unchecked_client.create_endpoint, EndpointName="flights")


def test_a_missing_endpoint_is_named(account: Account) -> None:
    """Source: SageMaker's message."""
    message = expect_refusal(account.sagemaker.describe_endpoint, EndpointName="none")
    assert message == 'Could not find endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/none".'


def test_a_busy_endpoint_is_not_updated(endpoint: Account) -> None:
    """Source: SageMaker's message; model docs, UpdateEndpoint: only InService can be updated."""
    endpoint.sagemaker.update_endpoint(EndpointName="flights", EndpointConfigName="second")
    change = {"EndpointName": "flights", "DesiredWeightsAndCapacities": [{"VariantName": "blue", "DesiredWeight": 1}]}

    assert refuse_update(endpoint).startswith("Cannot update in-progress endpoint")
    assert expect_refusal(endpoint.sagemaker.update_endpoint_weights_and_capacities, **change).startswith(
        "Cannot update in-"
    )
    assert expect_refusal(endpoint.sagemaker.delete_endpoint, EndpointName="flights").startswith(
        "Cannot update in-progress"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([{"VariantName": "red", "DesiredWeight": 1}], "not present within endpoint configuration"),
        ([{"VariantName": "blue", "DesiredWeight": 0}, {"VariantName": "green", "DesiredWeight": 0}], "sum of the"),
        ([{"VariantName": "blue", "DesiredWeight": 1}, {"VariantName": "blue", "DesiredWeight": 2}], "non-unique"),
        (
            [{"VariantName": "blue", "DesiredInstanceCount": 1}, {"VariantName": "green", "DesiredInstanceCount": 1}],
            "only one variant",
        ),
    ],
)
def test_a_change_of_weights_names_variants_once_and_leaves_some_weight(
    endpoint: Account, changes: list[dict[str, Any]], words: str
) -> None:
    """Source: model docs, UpdateEndpointWeightsAndCapacities: weights of one or more, or the capacity of one."""
    call = endpoint.sagemaker.update_endpoint_weights_and_capacities
    assert words in expect_refusal(call, EndpointName="flights", DesiredWeightsAndCapacities=changes)


def test_guardrails_need_the_same_variants_on_both_sides(endpoint: Account) -> None:
    """Source: developer guide, "Deployment guardrails", page "Exclusions": the variant names must be the same."""
    endpoint.config("third", variant("blue"), variant("red"))
    for config in (
        guard("CANARY", CanarySize=percent(50)),
        guard("ALL_AT_ONCE"),
        {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}},
    ):
        assert "same variant names" in refuse_update(endpoint, "third", DeploymentConfig=config)


def test_capture_cannot_be_left_out_of_what_is_retained(endpoint: Account) -> None:
    """Source: model docs, VariantProperty: DataCaptureConfig is not currently supported."""
    excluded = [{"VariantPropertyType": "DataCaptureConfig"}]
    message = refuse_update(endpoint, RetainAllVariantProperties=True, ExcludeRetainedVariantProperties=excluded)
    assert "not currently supported" in message


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (guard("CANARY", CanarySize=percent(51)), "at most 50%"),
        (guard("LINEAR", LinearStepSize=percent(9)), "10-50%"),
        (guard("LINEAR", LinearStepSize=percent(60)), "10-50%"),
        (guard("LINEAR"), "LinearStepSize is required"),
        (guard("ALL_AT_ONCE", wait=3601), "less than or equal to 3600"),
        (guard("ALL_AT_ONCE", alarms=11), "length less than or equal to 10"),
    ],
)
def test_guardrails_keep_their_limits(endpoint: Account, config: dict[str, Any], words: str) -> None:
    """Source: model docs, TrafficRoutingConfig, WaitIntervalInSeconds max 3600, AlarmList max 10."""
    assert words in refuse_update(endpoint, DeploymentConfig=config)


def test_a_deployment_may_take_longer_than_it_waits(endpoint: Account) -> None:
    """Source: model docs, BlueGreenUpdatePolicy.MaximumExecutionTimeoutInSeconds: larger than the total of
    TerminationWaitInSeconds and WaitIntervalInSeconds."""
    config = guard("ALL_AT_ONCE", wait=400)
    policy = config["BlueGreenUpdatePolicy"]
    policy.update(TerminationWaitInSeconds=300, MaximumExecutionTimeoutInSeconds=700)
    assert "larger than the total waiting time" in refuse_update(endpoint, DeploymentConfig=config)
    policy.update(MaximumExecutionTimeoutInSeconds=701)
    endpoint.sagemaker.update_endpoint(EndpointName="flights", EndpointConfigName="second", DeploymentConfig=config)


def test_a_deployment_follows_one_update_policy(endpoint: Account) -> None:
    """Source: model docs, DeploymentConfig.BlueGreenUpdatePolicy ("Only one update policy should be used")."""
    rolling = {"MaximumBatchSize": percent(50), "WaitIntervalInSeconds": 0}
    both = {**guard("ALL_AT_ONCE"), "RollingUpdatePolicy": rolling}
    assert "Only one update policy" in refuse_update(endpoint, DeploymentConfig=both)


def test_a_canary_needs_two_instances(account: Account) -> None:
    """Source: model docs, CanarySize is a part of the variant's instances: of one instance there is no part."""
    account.model("one")
    account.config("first", variant("blue", instances=1))
    account.config("second", variant("blue", instances=1))
    account.serving()
    assert "at least 2 instances" in refuse_update(account, DeploymentConfig=guard("CANARY", CanarySize=percent(50)))


def test_a_rolling_update_is_for_one_variant(endpoint: Account) -> None:
    """Source: developer guide, "Rolling deployments": multi-variant endpoints are excluded."""
    policy = {"RollingUpdatePolicy": {"MaximumBatchSize": percent(50), "WaitIntervalInSeconds": 0}}
    assert "multiple production variants" in refuse_update(endpoint, DeploymentConfig=policy)


@pytest.mark.parametrize("change", ["removed", "another type"])
def test_a_scaled_variant_neither_goes_nor_changes_its_instance_type(endpoint: Account, change: str) -> None:
    """Source: developer guide, "Update or delete endpoints that use automatic scaling"."""
    scaling, target = endpoint.client("application-autoscaling"), scalable("green")
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=4)
    other = [] if change == "removed" else [variant("green", InstanceType="ml.g5.2xlarge")]
    endpoint.config("third", variant("blue"), *other)

    assert "deregister it first" in refuse_update(endpoint, "third")
    scaling.deregister_scalable_target(**target)
    endpoint.sagemaker.update_endpoint(EndpointName="flights", EndpointConfigName="third")


def test_a_model_is_described_as_it_was_created(account: Account) -> None:
    """Source: model docs, DescribeModelOutput."""
    vpc = {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    account.sagemaker.create_model(
        ModelName="one",
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": "i"},
        VpcConfig=vpc,
        EnableNetworkIsolation=True,
    )
    described = account.sagemaker.describe_model(ModelName="one")

    assert described["EnableNetworkIsolation"] is True
    assert described["VpcConfig"] == vpc
