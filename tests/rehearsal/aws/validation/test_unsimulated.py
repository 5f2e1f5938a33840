"""What the simulator does not have is refused as AWS refuses, by every protocol: a sentence, and no page of HTML."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.core.responses import BaseResponse
from moto.s3.responses import S3Response
from moto.sns.responses import SNSResponse
from moto.sqs.responses import SQSResponse

from rehearsal.access_keys import AccessKey
from rehearsal.aws import simulate_aws
from rehearsal.aws.server import create_server
from rehearsal.aws.validation.unsimulated import CODE, FAILURE_CODE
from tests.aws_clients import make_client

CALLS = [
    ("cloudtrail", "lookup_events", {}, "cloudtrail:LookupEvents"),  # JSON
    ("sns", "list_origination_numbers", {}, "sns:ListOriginationNumbers"),  # query
    ("cloudwatch", "describe_anomaly_detectors", {}, "cloudwatch:DescribeAnomalyDetectors"),  # query, JSON or CBOR
    ("lambda", "get_account_settings", {}, "lambda:GetAccountSettings"),  # a path of REST that moto does not route
    ("route53", "list_traffic_policies", {}, "route53:ListTrafficPolicies"),  # the same in XML
    ("freetier", "get_free_tier_usage", {}, "freetier:GetFreeTierUsage"),  # a service that moto does not have
    (
        "sagemaker-runtime",  # a service that signs with another's name
        "invoke_endpoint_with_response_stream",
        {"EndpointName": "flights", "Body": b"{}"},
        "sagemaker:InvokeEndpointWithResponseStream",
    ),
]


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, Any]]:
    """How a client reaches a server of this process."""
    key = AccessKey.of_administrator()
    with simulate_aws():
        server = create_server(0, key)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {
            "endpoint_url": f"http://127.0.0.1:{server.server_port}",
            "region_name": "us-east-1",
            "aws_access_key_id": key.id,
            "aws_secret_access_key": key.secret,
        }
        server.shutdown()
        server.server_close()


@pytest.mark.filterwarnings("ignore:Exception")
@pytest.mark.parametrize(("service", "operation", "parameters", "named"), CALLS)
def test_what_moto_does_not_have_is_an_error_that_says_so(
    server: dict[str, Any], service: str, operation: str, parameters: dict[str, Any], named: str
) -> None:
    client = make_client(service, config=Config(retries={"total_max_attempts": 3}), **server)
    with pytest.raises(ClientError) as refused:
        getattr(client, operation)(**parameters)
    assert refused.value.response["Error"]["Code"] == CODE
    assert f"does not simulate {named};" in refused.value.response["Error"]["Message"]
    assert refused.value.response["ResponseMetadata"]["RetryAttempts"] == 0


@pytest.mark.parametrize(
    ("service", "operation", "response", "method", "named"),
    [
        ("sqs", "list_queues", SQSResponse, "list_queues", "sqs:ListQueues"),  # JSON
        ("sns", "list_topics", SNSResponse, "list_topics", "this request to sns"),  # query: the body has the operation
        ("s3", "list_buckets", S3Response, "_bucket_response", "s3:ListBuckets"),  # REST in XML
    ],
)
@pytest.mark.filterwarnings("ignore:Exception")
def test_a_failure_in_moto_is_an_internal_failure_of_aws_and_is_logged(
    server: dict[str, Any],
    service: str,
    operation: str,
    response: type[BaseResponse],
    method: str,
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(response, method, lambda *_: {}["no such key"])
    client = make_client(service, config=Config(retries={"total_max_attempts": 1}), **server)
    with pytest.raises(ClientError) as failed:
        getattr(client, operation)()
    error = failed.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (FAILURE_CODE, 500)
    assert f"failed at {named}: " in error["Error"]["Message"]
    assert "KeyError: 'no such key'" in capsys.readouterr().err


def test_an_object_that_is_missing_is_still_missing(server: dict[str, Any]) -> None:
    s3 = make_client("s3", **server)
    s3.create_bucket(Bucket="here")
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="here", Key="gone.html")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="here", Key="gone.html")
