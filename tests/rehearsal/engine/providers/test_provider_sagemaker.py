"""Models, endpoint configurations, endpoints and the scaling of their variants."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rehearsal.engine.providers.errors import InitFailed, NotFound
from tests.rehearsal.engine.providers.conftest import Aws, Resource
from tidewatch.clock import get_clock

ENDPOINT = "aws:sagemaker/endpoint:Endpoint"
CONFIGURATION = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/triton@sha256:" + "0" * 64


@pytest.fixture
def model(aws: Aws) -> Resource:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = aws.create_resource("aws:iam/role:Role", "model", assumeRolePolicy=policy)
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    may = [{"Effect": "Allow", "Action": [*pull, "ecr:GetAuthorizationToken"], "Resource": "*"}]
    aws.create_resource(
        "aws:iam/rolePolicy:RolePolicy",
        "model",
        role=role.outs["name"],
        policy=json.dumps({"Version": "2012-10-17", "Statement": may}),
    )
    return aws.create_resource(
        "aws:sagemaker/model:Model",
        "flights-model-blue-a1",
        executionRoleArn=role.outs["arn"],
        enableNetworkIsolation=True,
        primaryContainer={"image": IMAGE, "environment": {"SAGEMAKER_TRITON_DEFAULT_MODEL_NAME": "flights"}},
    )


def variants(model: Resource, **weights: float) -> list[dict[str, Any]]:
    return [
        {
            "variantName": name,
            "modelName": model.id,
            "instanceType": "ml.m5.large",
            "initialInstanceCount": 1.0,
            "initialVariantWeight": weight,
        }
        for name, weight in weights.items()
    ]


@pytest.fixture
def configuration(aws: Aws, model: Resource) -> Resource:
    return aws.create_resource(CONFIGURATION, "flights-cfg-a1", productionVariants=variants(model, blue=1.0))


@pytest.fixture
def endpoint(aws: Aws, configuration: Resource) -> Resource:
    return aws.create_resource(ENDPOINT, "flights", endpointConfigName=configuration.id)


def test_a_model_changes_in_nothing_but_its_tags(aws: Aws, model: Resource) -> None:
    assert model.read().inputs is None
    other = {"image": IMAGE, "environment": {}}
    given = {k: model.inputs[k] for k in ("executionRoleArn", "enableNetworkIsolation", "primaryContainer")}
    assert model.replaced_by(**{**given, "primaryContainer": other}) == ["primaryContainer"]
    assert model.replaced_by(**{**given, "enableNetworkIsolation": False}) == ["enableNetworkIsolation"]
    model.update(**given, tags={"owner": "ml"})
    said = aws.client("sagemaker").list_tags(ResourceArn=model.outs["arn"])["Tags"]
    assert said == [{"Key": "owner", "Value": "ml"}]
    model.delete()
    assert not model.exists()
    model.delete()


def test_every_property_of_a_configuration_replaces_it(configuration: Resource, model: Resource) -> None:
    assert configuration.replaced_by(productionVariants=variants(model, blue=2.0)) == ["productionVariants"]
    same = variants(model, blue=1.0)
    assert configuration.replaced_by(productionVariants=same, kmsKeyArn="arn:key") == ["kmsKeyArn"]
    assert configuration.replaced_by(productionVariants=same, tags={"a": "b"}) == []


def test_a_weight_is_one_and_capture_is_off_unless_said_otherwise(aws: Aws, model: Resource) -> None:
    variant = variants(model, blue=1.0)[0]
    del variant["initialVariantWeight"]
    capture = {
        "destinationS3Uri": "s3://capture/a1",
        "initialSamplingPercentage": 100.0,
        "captureOptions": [{"captureMode": "Input"}],
    }
    made = aws.create_resource(CONFIGURATION, productionVariants=[variant], dataCaptureConfig=capture)
    said = aws.client("sagemaker").describe_endpoint_config(EndpointConfigName=made.id)
    assert said["ProductionVariants"][0]["InitialVariantWeight"] == 1
    assert said["DataCaptureConfig"]["EnableCapture"] is False


def test_an_endpoint_is_there_when_it_is_in_service_and_gone_when_it_is_gone(aws: Aws, endpoint: Resource) -> None:
    sagemaker = aws.client("sagemaker")
    assert sagemaker.describe_endpoint(EndpointName=endpoint.id)["EndpointStatus"] == "InService"
    endpoint.delete()
    assert sagemaker.list_endpoints()["Endpoints"] == []
    endpoint.delete()


def test_another_configuration_is_an_update_that_is_waited_for(aws: Aws, endpoint: Resource, model: Resource) -> None:
    other = aws.create_resource(
        CONFIGURATION, "flights-cfg-b2", productionVariants=variants(model, blue=1.0, green=1.0)
    )
    endpoint.update(endpointConfigName=other.id)
    said = aws.client("sagemaker").describe_endpoint(EndpointName=endpoint.id)
    assert (said["EndpointStatus"], said["EndpointConfigName"]) == ("InService", other.id)


def test_a_name_and_the_presence_of_auto_rollback_replace_an_endpoint(endpoint: Resource) -> None:
    name = endpoint.inputs["endpointConfigName"]
    assert endpoint.replaced_by(endpointConfigName=name, name="other") == ["name"]

    def rolling(alarm: str) -> dict[str, Any]:
        return {"autoRollbackConfiguration": {"alarms": [{"alarmName": alarm}]}}

    assert endpoint.replaced_by(endpointConfigName=name, deploymentConfig=rolling("a")) == ["deploymentConfig"]
    endpoint.inputs = {**endpoint.inputs, "deploymentConfig": rolling("a")}
    assert endpoint.replaced_by(endpointConfigName=name, deploymentConfig=rolling("b")) == []
    assert endpoint.replaced_by(endpointConfigName=name) == ["deploymentConfig"]


def test_a_change_of_tags_leaves_the_live_weights_alone(aws: Aws, model: Resource) -> None:
    configuration = aws.create_resource(CONFIGURATION, productionVariants=variants(model, blue=1.0, green=1.0))
    endpoint = aws.create_resource(ENDPOINT, "flights", endpointConfigName=configuration.id)
    sagemaker = aws.client("sagemaker")
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=endpoint.id,
        DesiredWeightsAndCapacities=[
            {"VariantName": "blue", "DesiredWeight": 1.0},
            {"VariantName": "green", "DesiredWeight": 0.0},
        ],
    )
    endpoint.update(endpointConfigName=configuration.id, tags={"a": "b"})
    said = sagemaker.describe_endpoint(EndpointName=endpoint.id)["ProductionVariants"]
    assert {v["VariantName"]: v["DesiredWeight"] for v in said} == {"blue": 1.0, "green": 0.0}


def test_a_refresh_sees_the_live_configuration(aws: Aws, endpoint: Resource, model: Resource) -> None:
    other = aws.create_resource(CONFIGURATION, "flights-cfg-b2", productionVariants=variants(model, blue=1.0))
    aws.client("sagemaker").update_endpoint(EndpointName=endpoint.id, EndpointConfigName=other.id)
    get_clock().sleep(600)
    assert endpoint.read().inputs["endpointConfigName"] == other.id


def test_an_endpoint_that_cannot_serve_is_kept_with_sagemakers_reason(aws: Aws, model: Resource) -> None:
    container = {"image": IMAGE, "modelDataUrl": "s3://nowhere/model.tar.gz"}
    broken = aws.create_resource(
        "aws:sagemaker/model:Model",
        "broken",
        executionRoleArn=model.inputs["executionRoleArn"],
        primaryContainer=container,
    )
    configuration = aws.create_resource(CONFIGURATION, productionVariants=variants(broken, blue=1.0))
    endpoint = aws.resource(ENDPOINT, "flights")
    with pytest.raises(InitFailed, match=r"unexpected state 'Failed', wanted target 'InService'. last error: .+"):
        endpoint.create(endpointConfigName=configuration.id, tags={"a": "b"})
    (found,) = aws.client("sagemaker").list_endpoints()["Endpoints"]
    assert (endpoint.id, found["EndpointStatus"]) == (found["EndpointName"], "Failed")
    assert "arn" not in endpoint.outs
    assert endpoint.outs["tagsAll"] == {"a": "b"}
    assert endpoint.update(**endpoint.inputs)["arn"] == found["EndpointArn"]
    assert aws.client("sagemaker").describe_endpoint(EndpointName=endpoint.id)["EndpointStatus"] == "Failed"
    endpoint.delete()
    with pytest.raises(NotFound, match="did not exist while updating"):
        endpoint.update(**endpoint.inputs)


def test_a_variant_scales_within_bounds(aws: Aws, endpoint: Resource) -> None:
    where = {
        "serviceNamespace": "sagemaker",
        "resourceId": f"endpoint/{endpoint.id}/variant/blue",
        "scalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    target = aws.create_resource(
        "aws:appautoscaling/target:Target", **where, minCapacity=1.0, maxCapacity=3.0, tags={"a": "1"}
    )
    assert target.id == where["resourceId"]
    assert target.read().inputs is None
    target.update(**where, minCapacity=2.0, maxCapacity=4.0, tags={"b": "2"})
    assert target.read().outs["tags"] == {"b": "2"}
    scaling = aws.client("application-autoscaling")
    said = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert [(t["MinCapacity"], t["MaxCapacity"]) for t in said] == [(2, 4)]
    tracking = {
        "targetValue": 70.0,
        "predefinedMetricSpecification": {"predefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    }
    policy = aws.create_resource(
        "aws:appautoscaling/policy:Policy",
        **where,
        policyType="TargetTrackingScaling",
        targetTrackingScalingPolicyConfiguration=tracking,
    )
    assert policy.exists()
    policy.delete()
    target.delete()
    assert not policy.exists()
    assert not target.exists()
    target.delete()
