"""Who is served by a simulator on a machine that others use too: other users, and pages in a browser."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from rehearsal.access_keys import AccessKey
from rehearsal.control_client import ControlClient, ControlError
from rehearsal.simulator_process import SimulatorProcess
from tests.rehearsal.aws.account import ANYTHING, TRUST, zip_function

STRANGER = AccessKey.of_administrator()
"""A key of another run."""


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    with SimulatorProcess(tmp_path_factory.mktemp("rehearsal")) as started:
        yield started


def _client(rehearsal: SimulatorProcess, service: str, **other: str) -> Any:
    given = {
        "aws_access_key_id": rehearsal.env["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": rehearsal.env["AWS_SECRET_ACCESS_KEY"],
        **other,
    }
    return boto3.client(service, endpoint_url=rehearsal.url, region_name="us-east-1", **given)  # type: ignore[call-overload]


def _send_request(
    rehearsal: SimulatorProcess,
    path: str,
    *,
    method: str = "POST",
    service: str = "sts",
    body: bytes = b"",
    **headers: str,
) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of a request; signed with the run's key unless a header says otherwise."""
    at = urlsplit(rehearsal.url)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"http://{names.get('Host', at.netloc)}{path}"
    request = AWSRequest(method, url, {"Content-Type": "application/x-www-form-urlencoded"}, body)
    key = Credentials(rehearsal.env["AWS_ACCESS_KEY_ID"], rehearsal.env["AWS_SECRET_ACCESS_KEY"])
    SigV4Auth(key, service, "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection(at.hostname or "", at.port)
    try:
        connection.request(method, path, body, {**dict(request.headers.items()), **names})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


WHO = b"Action=GetCallerIdentity&Version=2011-06-15"


def test_the_run_s_own_key_is_served(rehearsal: SimulatorProcess) -> None:
    status, headers, text = _send_request(rehearsal, "/", body=WHO)
    assert (status, "GetCallerIdentityResult" in text) == (200, True)
    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize("host", ["evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}"])
def test_a_name_that_is_not_the_machine_s_own_is_refused(host: str, rehearsal: SimulatorProcess) -> None:
    """A page may have a name of its own resolved to this machine, and would then be of the same origin."""
    named = host.format(port=urlsplit(rehearsal.url).port)
    status, _, text = _send_request(rehearsal, "/", body=WHO, Host=named)
    assert (status, "use the address" in text) == (403, True)


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "GET"])
@pytest.mark.parametrize("origin", ["null", "http://evil.example", "http://localhost"])
def test_a_page_in_a_browser_is_refused_and_may_read_nothing(
    method: str, origin: str, rehearsal: SimulatorProcess
) -> None:
    status, headers, _ = _send_request(rehearsal, "/", method=method, body=WHO, Origin=origin)
    assert status == 403
    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "path", ["/", "/tidewatch/advance", "/tidewatch/reset", "/moto-api/reset", "/latest/meta-data/"]
)
@pytest.mark.parametrize("authorization", ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=rehearsal/20260101/us-east-1"])
def test_nobody_is_served_without_a_signature(path: str, authorization: str, rehearsal: SimulatorProcess) -> None:
    before = rehearsal.control.get_time()
    status, _, _ = _send_request(rehearsal, path, body=b'{"seconds": 86400}', Authorization=authorization)
    assert status == 403
    assert (rehearsal.control.get_time() - before).total_seconds() < 3600


def test_the_control_of_another_run_is_refused(rehearsal: SimulatorProcess) -> None:
    with pytest.raises(ControlError, match="security token included in the request is invalid"):
        ControlClient(rehearsal.url, STRANGER).get_time()
    forged = AccessKey(rehearsal.env["AWS_ACCESS_KEY_ID"], STRANGER.secret)
    with pytest.raises(ControlError, match="signature we calculated does not match"):
        ControlClient(rehearsal.url, forged).advance(60)


@pytest.mark.parametrize(
    ("service", "call", "unknown", "forged"),
    [
        ("s3", "list_buckets", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
        ("sts", "get_caller_identity", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("iam", "list_roles", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("sns", "list_topics", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("sqs", "list_queues", "UnrecognizedClientException", "InvalidSignatureException"),
        ("cloudwatch", "list_metrics", "UnrecognizedClientException", "InvalidSignatureException"),
        ("dynamodb", "list_tables", "UnrecognizedClientException", "InvalidSignatureException"),
        ("lambda", "list_functions", "UnrecognizedClientException", "InvalidSignatureException"),
        ("sagemaker", "list_endpoints", "UnrecognizedClientException", "InvalidSignatureException"),
        ("events", "list_rules", "UnrecognizedClientException", "InvalidSignatureException"),
    ],
)
def test_a_wrong_key_is_refused_as_the_service_does(
    service: str, call: str, unknown: str, forged: str, rehearsal: SimulatorProcess
) -> None:
    other_key = {"aws_access_key_id": STRANGER.id, "aws_secret_access_key": STRANGER.secret}
    for code, given in ((unknown, other_key), (forged, {"aws_secret_access_key": STRANGER.secret})):
        with pytest.raises(ClientError) as refused:
            getattr(_client(rehearsal, service, **given), call)()
        assert refused.value.response["Error"]["Code"] == code
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_code_that_a_stranger_uploads_does_not_run(rehearsal: SimulatorProcess, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    code = {"ZipFile": zip_function({"handler.py": f"open({str(ran)!r}, 'w')\ndef handler(e, c): pass\n"})}
    wanted = {"FunctionName": "theirs", "Runtime": "python3.12", "Handler": "handler.handler", "Code": code}
    role = "arn:aws:iam::123456789012:role/any"
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        _client(rehearsal, "lambda", aws_access_key_id="rehearsal", aws_secret_access_key="rehearsal").create_function(
            Role=role, **wanted
        )
    assert not ran.exists()
    assert _client(rehearsal, "lambda").list_functions()["Functions"] == []


@pytest.mark.parametrize("key", ["a b/ü+?&=%20.txt", "x//y", "a/../b", "~-_.!*'()"])
def test_every_name_of_an_object_can_be_signed(key: str, rehearsal: SimulatorProcess) -> None:
    s3 = _client(rehearsal, "s3")
    s3.create_bucket(Bucket="names")
    s3.put_object(Bucket="names", Key=key, Body=b"it", Metadata={"with_underscore": "a  b"})
    assert s3.get_object(Bucket="names", Key=key)["Body"].read() == b"it"
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="names", Prefix=key)["Contents"]] == [key]


def test_whoever_takes_a_role_signs_with_all_of_its_session_and_controls_nothing(rehearsal: SimulatorProcess) -> None:
    iam, policy = _client(rehearsal, "iam"), {"Version": "2012-10-17", "Statement": [ANYTHING]}
    role = iam.create_role(RoleName="taken", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    iam.put_role_policy(RoleName="taken", PolicyName="own", PolicyDocument=json.dumps(policy))
    taken = _client(rehearsal, "sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    key = AccessKey(taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"])
    given = {"aws_access_key_id": key.id, "aws_secret_access_key": key.secret}

    assert _client(rehearsal, "sqs", **given, aws_session_token=key.token).list_queues()
    with pytest.raises(ClientError, match="security token included in the request is invalid"):
        _client(rehearsal, "sqs", **given).list_queues()
    with pytest.raises(ControlError, match="may not control the simulator"):
        ControlClient(rehearsal.url, key).reset()
