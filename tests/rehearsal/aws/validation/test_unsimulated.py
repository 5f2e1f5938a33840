"""What the simulator does not have is refused as AWS refuses, by every protocol: a sentence, and no page of HTML."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from rehearsal.access_keys import AccessKey
from rehearsal.aws import simulate_aws
from rehearsal.aws.server import create_server
from rehearsal.aws.validation.unsimulated import CODE
from tests.aws_clients import make_client

CALLS = [
    ("cloudtrail", "lookup_events", {}, "cloudtrail:LookupEvents"),  # JSON
    ("sns", "list_origination_numbers", {}, "sns:ListOriginationNumbers"),  # query
    ("cloudwatch", "describe_anomaly_detectors", {}, "cloudwatch:DescribeAnomalyDetectors"),  # query, JSON or CBOR
    ("lambda", "get_account_settings", {}, "this request to lambda"),  # a path of REST that moto does not route
    ("freetier", "get_free_tier_usage", {}, "this request to freetier"),  # a service that moto does not have
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


def test_an_object_that_is_missing_is_still_missing(server: dict[str, Any]) -> None:
    s3 = make_client("s3", **server)
    s3.create_bucket(Bucket="here")
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="here", Key="gone.html")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="here", Key="gone.html")
