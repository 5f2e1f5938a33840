"""A simulated account as tests use it, and small things to put into it."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from rehearsal.aws import REGION
from rehearsal.control_client import ControlClient
from rehearsal.simulated_clock import ManualClock

ROLE = "arn:aws:iam::123456789012:role/flights"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {
                    "Service": ["lambda.amazonaws.com", "sagemaker.amazonaws.com"],
                    "AWS": "arn:aws:iam::123456789012:root",
                },
            }
        ],
    }
)
"""Who may take a test's role."""
ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
TINY_MODEL = (Path(__file__).parent / "tiny_model.txt").read_text()
"""A LightGBM model of three trees on three features."""
CONFIG = """
name: "flights"
backend: "fil"
max_batch_size: 1024
input [ { name: "input__0" data_type: TYPE_FP32 dims: [ 3 ] } ]
output [ { name: "output__0" data_type: TYPE_FP32 dims: [ 2 ] } ]
parameters [
  { key: "model_type" value: { string_value: "lightgbm" } },
  { key: "predict_proba" value: { string_value: "true" } }
]
"""
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://captured/capture/abc",
    "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
}
BODY = b'{"inputs":[{"name":"input__0","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}'
"""A request to the tiny model."""
LAYOUT = {"flights/config.pbtxt": CONFIG, "flights/1/model.txt": TINY_MODEL}


def scalable(variant: str) -> dict[str, Any]:
    """A variant of the endpoint `flights` as Application Auto Scaling calls it."""
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/flights/variant/{variant}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


def pack_model(files: Mapping[str, str]) -> bytes:
    """A model.tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def zip_function(files: Mapping[str, str]) -> bytes:
    """A function's archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


@dataclass(frozen=True)
class Account:
    """The clock and control of a simulated account, with clients and shorthands."""

    clock: ManualClock
    control: ControlClient

    def client(self, service: str, retries: int | None = None, **credentials: str) -> Any:
        """A client; with `retries`, one that tries a failed call again only so often."""
        return _client(service, retries, tuple(credentials.items()))

    @property
    def sagemaker(self) -> Any:
        return self.client("sagemaker")

    def model(self, name: str, files: Mapping[str, str] | None = None, **container: Any) -> None:
        """A model; with files, of an artifact in S3."""
        given: dict[str, Any] = {"Image": "example@sha256:1", **container}
        if files is not None:
            self.client("s3").create_bucket(Bucket="registry")
            self.client("s3").put_object(Bucket="registry", Key=f"{name}/model.tar.gz", Body=pack_model(files))
            given["ModelDataUrl"] = f"s3://registry/{name}/model.tar.gz"
            given.setdefault("Environment", {"SAGEMAKER_TRITON_DEFAULT_MODEL_NAME": "flights"})
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=given)

    def config(self, name: str, *variants: dict[str, Any], **fields: Any) -> None:
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=list(variants), **fields)

    def serving(self, name: str = "flights", config: str = "first") -> None:
        """An endpoint that is in service."""
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        self.clock.advance(300)
        assert self.endpoint(name)["EndpointStatus"] == "InService"

    def endpoint(self, name: str = "flights") -> dict[str, Any]:
        return self.sagemaker.describe_endpoint(EndpointName=name)

    def weights(self, name: str = "flights") -> dict[str, float]:
        return {one["VariantName"]: one["CurrentWeight"] for one in self.endpoint(name)["ProductionVariants"]}

    def role(self, name: str, *statements: Mapping[str, Any], trust: str = TRUST) -> str:
        """A role with these statements as its own policy; its ARN."""
        iam = self.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        if statements:
            policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
        return arn

    def as_role(self, role: str, service: str) -> Any:
        """A client of somebody who has taken a role."""
        found = self.client("sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
        names = {"aws_access_key_id": "AccessKeyId", "aws_secret_access_key": "SecretAccessKey"}
        given = tuple((key, found[name]) for key, name in {**names, "aws_session_token": "SessionToken"}.items())
        return _client(service, None, given)

    def function(self, name: str, source: str, files: Mapping[str, str] | None = None, **fields: Any) -> str:
        """A function whose module handler.py is the source; it may do anything, unless `Role` is another."""
        answer = self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler="handler.handler",
            Code={"ZipFile": zip_function({"handler.py": source, **(files or {})})},
            **{"Role": fields.get("Role") or self.role(f"{name}-role", ANYTHING), **fields},
        )
        return answer["FunctionArn"]

    def let_events(self, arn: str) -> None:
        """Lets EventBridge send to a queue, or call a function."""
        name = arn.rsplit(":", 1)[-1]
        if ":sqs:" in arn:
            self.client("sqs").set_queue_attributes(QueueUrl=name, Attributes={"Policy": from_events(arn)})
        else:
            self.client("lambda").add_permission(
                FunctionName=name,
                StatementId="events",
                Action="lambda:InvokeFunction",
                Principal="events.amazonaws.com",
            )

    def invoke(self, name: str, event: object = None, **fields: Any) -> dict[str, Any]:
        return self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode(), **fields)


def from_events(queue: str) -> str:
    """The policy of a queue that EventBridge may send to."""
    service = {"Service": "events.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": service, "Action": "sqs:SendMessage", "Resource": queue}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@cache
def session() -> boto3.Session:
    # One for all tests: a session parses each service's model once, and SageMaker's takes a good part of a second.
    return boto3.Session("simulated", "simulated", region_name=REGION)


@cache
def _client(service: str, retries: int | None, credentials: tuple[tuple[str, str], ...]) -> Any:
    config = None if retries is None else Config(retries={"total_max_attempts": retries + 1})
    return session().client(service, config=config, **dict(credentials))  # type: ignore[call-overload]


def variant(name: str, weight: float = 1.0, model: str = "one", instances: int = 2, **fields: Any) -> dict[str, Any]:
    """A production variant."""
    return {
        "VariantName": name,
        "ModelName": model,
        "InstanceType": "ml.g5.xlarge",
        "InitialInstanceCount": instances,
        "InitialVariantWeight": weight,
        **fields,
    }
