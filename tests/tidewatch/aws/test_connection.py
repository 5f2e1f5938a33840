"""The AWS provider's settings: every client follows them, or they are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pulumi_aws
import pytest
from moto import mock_aws

from tidewatch.aws import sessions
from tidewatch.aws.connection import PROVIDER_KEYS, Connection, find_config_faults

REGION = {"aws:region": "us-east-1"}
ROLE = "arn:aws:iam::111122223333:role/deployer"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A machine with credentials that lead nowhere."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "machine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "machine")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    sessions.get_session.cache_clear()
    yield
    sessions.get_session.cache_clear()


def client(service: str, **config: Any) -> Any:
    given = {**REGION, **{f"aws:{name}": value for name, value in config.items()}}
    assert not list(find_config_faults(given))
    return sessions.create_client(Connection.from_config(given), service)


def test_every_setting_of_the_provider_is_followed_not_ours_or_refused():
    declared = {name for name in vars(type(pulumi_aws.config)) if not name.startswith("_")}
    known = {key.partition(":")[2].lower() for key in PROVIDER_KEYS}
    assert {name.replace("_", "") for name in declared} <= known


def test_a_region_alone_takes_the_process_own_session():
    assert client("s3").meta.region_name == "us-east-1"


def test_keys_of_the_config_are_used():
    made = client("s3", accessKey="AKIA", secretKey="s", token="t")
    found = made._request_signer._credentials
    assert (found.access_key, found.secret_key, found.token) == ("AKIA", "s", "t")


def test_a_profile_of_other_files_is_used(tmp_path: Path):
    (tmp_path / "mine").write_text("[team]\naws_access_key_id = A1\naws_secret_access_key = s\n")
    made = client("s3", profile="team", sharedCredentialsFiles=json.dumps([str(tmp_path / "mine")]))
    assert made._request_signer._credentials.access_key == "A1"


def test_endpoints_are_used_under_the_providers_names_and_boto3s():
    listed = [{"s3": "http://127.0.0.1:1"}, {"applicationautoscaling": "http://127.0.0.1:2"}]
    assert client("s3", endpoints=json.dumps(listed)).meta.endpoint_url == "http://127.0.0.1:1"
    assert client("application-autoscaling", endpoints=listed).meta.endpoint_url == "http://127.0.0.1:2"
    assert "amazonaws.com" in client("dynamodb", endpoints=listed).meta.endpoint_url


def test_addresses_and_manners_are_the_providers():
    made = client(
        "s3",
        useFipsEndpoint="true",
        useDualstackEndpoint=True,
        maxRetries="4",
        retryMode="standard",
        httpsProxy="http://proxy:3128",
        customCaBundle="/etc/ca.pem",
        s3UsePathStyle=True,
    ).meta.config
    assert (made.use_fips_endpoint, made.use_dualstack_endpoint) == (True, True)
    assert made.retries["total_max_attempts"] == 4
    assert made.proxies == {"https": "http://proxy:3128"}
    assert made.s3["addressing_style"] == "path"


def test_sts_may_be_in_a_region_of_its_own():
    assert client("sts", stsRegion="eu-west-1").meta.region_name == "eu-west-1"
    assert client("s3", stsRegion="eu-west-1").meta.region_name == "us-east-1"


@mock_aws
def test_roles_are_taken_one_after_the_other():
    roles = [
        {"roleArn": ROLE, "sessionName": "ci", "externalId": "tidewatch", "duration": "1h", "tags": {"team": "ml"}},
        {"roleArn": ROLE.replace("111122223333", "444455556666")},
    ]
    who = client("sts", assumeRoles=json.dumps(roles)).get_caller_identity()
    assert who["Account"] == "444455556666"
    assert ":assumed-role/deployer/tidewatch" in who["Arn"]


def test_a_roles_parameters_are_those_of_the_config():
    given = {"roleArn": ROLE, "duration": "1h30m", "policyArns": ["p"], "tags": {"a": "b"}, "transitiveTagKeys": ["a"]}
    (role,) = Connection.from_config({"aws:assumeRoles": [given]}).roles
    assert json.loads(role.request) == {
        "RoleSessionName": "tidewatch",
        "DurationSeconds": 5400,
        "PolicyArns": [{"arn": "p"}],
        "Tags": [{"Key": "a", "Value": "b"}],
        "TransitiveTagKeys": ["a"],
    }


@mock_aws
def test_a_web_identity_is_taken_with_its_token(tmp_path: Path):
    (tmp_path / "token").write_text("a token")
    web = {"roleArn": ROLE, "webIdentityTokenFile": str(tmp_path / "token")}
    assert client("sts", assumeRoleWithWebIdentity=web).get_caller_identity()["Account"] == "111122223333"


@mock_aws
def test_an_account_that_the_config_does_not_allow_is_refused():
    assert boto3.client("sts", region_name="us-east-1").get_caller_identity()["Account"] == "123456789012"
    client("s3", allowedAccountIds=["123456789012"])
    with pytest.raises(sessions.AccountNotAllowed, match="aws:allowedAccountIds has 999988887777"):
        client("s3", allowedAccountIds=["999988887777"])
    with pytest.raises(sessions.AccountNotAllowed, match="aws:forbiddenAccountIds"):
        client("s3", forbiddenAccountIds=["123456789012"])


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("assumeRole", {"roleArn": ROLE}, "use assumeRoles, a list"),
        ("noProxy", "internal", "set NO_PROXY in the environment"),
        ("sharedConfigFiles", ["a", "b"], "names 2 files, but boto3 reads only one"),
        ("accessKey", "AKIA", "aws:secretKey: is missing"),
        ("secretKey", "s", "aws:accessKey: is missing"),
        ("assumeRoles", {"roleArn": ROLE}, "aws:assumeRoles: is not a list"),
        ("assumeRoles", [{"roleArn": "deployer"}], "aws:assumeRoles.0.roleArn: is not the ARN of a role"),
        ("assumeRoles", [{"roleArn": ROLE, "mfa": 1}], "aws:assumeRoles.0.mfa: unknown key"),
        ("assumeRoles", [{"roleArn": ROLE, "duration": "long"}], "aws:assumeRoles.0.duration: is not a duration"),
        ("assumeRoleWithWebIdentity", "me", "aws:assumeRoleWithWebIdentity: is not an object"),
        ("endpoints", "http://here", "aws:endpoints: is not a list of objects"),
        ("useFipsEndpoint", "perhaps", "aws:useFipsEndpoint: is neither true nor false"),
        ("maxRetries", "often", "aws:maxRetries: is not a whole number"),
        ("retryMode", "legacy", "aws:retryMode: is invalid; use one of standard, adaptive"),
        ("regoin", "us-east-1", "aws:regoin: is not a setting of the AWS provider; did you mean aws:region?"),
    ],
)
def test_what_no_client_could_follow_is_refused(name: str, value: Any, sentence: str):
    told = list(find_config_faults({**REGION, f"aws:{name}": value}))
    assert any(sentence in line for line in told), told
    if isinstance(value, (dict, list)):
        assert list(find_config_faults({**REGION, f"aws:{name}": json.dumps(value)})) == told


@pytest.mark.parametrize("name", ["defaultTags", "ignoreTags", "skipCredentialsValidation", "userAgents"])
def test_what_is_the_providers_alone_changes_no_client(name: str):
    assert Connection.from_config({**REGION, f"aws:{name}": "true"}) == Connection("us-east-1")


def test_no_secret_is_quoted():
    told = " ".join(find_config_faults({"aws:secretKey": "s3cr3t", "aws:token": "t0ken", "aws:assumeRoles": "s3cr3t"}))
    assert "s3cr3t" not in told
    assert "t0ken" not in told
