"""What `tidewatch doctor` finds in an account, by its answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from cli.checks import account
from cli.checks.result import Check, CheckResult, run_check
from stacks.config.settings import StackSettings, load
from tests.cli.scripted_account import Account, refusal
from tests.stacks.deployed_program import IMAGE, rehearsal_config

HOST = "ml.g5.xlarge"


def _settings(**endpoint: Any) -> StackSettings:
    config = rehearsal_config()
    config["tidewatch:endpoint"] = {**config["tidewatch:endpoint"], **endpoint}
    config["tidewatch:variants"] = {
        "blue": {"version": "1", "weight": 95, "instances": 2},
        "green": {"version": "2", "weight": 5, "instances": 1},
    }
    config["tidewatch:rollbackTo"] = "blue"
    return load(config, "rehearsal")


def _of(name: str, session: Any, settings: StackSettings | None = None, registry: Any = None) -> list[CheckResult]:
    checks = account.build_checks(session, settings or _settings(), registry)
    return [finding for check in checks if check.name == name for finding in run_check(check)]


@pytest.mark.parametrize(
    ("allowed", "state", "told"),
    [(2, "fail", "2 in this account and region, 3 declared"), (3, "warn", "as many again"), (6, "ok", "6 in this")],
)
def test_a_quota_must_hold_the_hosts_and_for_a_deployment_as_many_again(allowed: int, state: str, told: str) -> None:
    quotas = [
        {"Quotas": [{"QuotaName": "ml.g5.2xlarge for endpoint usage", "Value": 99.0, "QuotaCode": "L-1"}]},
        {"Quotas": [{"QuotaName": f"{HOST} for endpoint usage", "Value": float(allowed), "QuotaCode": "L-2"}]},
    ]
    (found,) = _of("quota", Account(service_quotas=quotas))
    assert (found.state, told in found.message) == (state, True)
    if state != "ok":
        assert "--quota-code L-2 --desired-value 6 --region eu-central-1" in found.remedy


def test_a_quota_that_nobody_lists_is_a_warning() -> None:
    (found,) = _of("quota", Account(service_quotas=[{"Quotas": []}]))
    assert found.state == "warn"
    assert HOST in found.remedy


@pytest.mark.parametrize(
    ("check", "permission"),
    [("quota", "servicequotas:ListServiceQuotas"), ("price", "pricing:GetProducts"), ("image", "ecr:BatchGetImage")],
)
def test_who_is_denied_is_told_what_to_allow(check: str, permission: str) -> None:
    denied = refusal("AccessDeniedException")
    (found, *_) = _of(check, Account(service_quotas=denied, pricing=denied, ecr=denied), registry=_Versions(IMAGE))
    assert (found.state, found.remedy) == ("warn", f"allow {permission}")


def _product(usd: str, **attributes: str) -> str:
    terms = {"OnDemand": {"t": {"priceDimensions": {"d": {"unit": "Hrs", "pricePerUnit": {"USD": usd}}}}}}
    return json.dumps({"product": {"attributes": attributes}, "terms": terms})


PRICES = [
    {"PriceList": [_product("9.99", component="Training"), _product("0.0", component="Hosting")]},
    {"PriceList": [_product("1.408", component="Hosting")]},
]


def test_the_price_is_that_of_hosting_asked_for_where_price_lists_are() -> None:
    session = Account(pricing=PRICES)
    (found,) = _of("price", session)
    assert (found.state, found.message) == ("ok", f"{HOST} costs 1.408 USD an hour in eu-central-1: 4.22 USD for 3")
    ((_, region, given),) = session.asked
    assert region == "us-east-1"
    assert {each["Field"]: each["Value"] for each in given["Filters"]} == {
        "instanceName": HOST,
        "regionCode": "eu-central-1",
    }


@pytest.mark.parametrize(("declared", "state"), [(1.408, "ok"), (1.2, "warn")])
def test_a_price_in_the_config_is_compared(declared: float, state: str) -> None:
    (found,) = _of("price", Account(pricing=PRICES), _settings(hourlyPrice=declared))
    assert found.state == state


def test_a_price_that_is_not_listed_is_unknown() -> None:
    (found,) = _of("price", Account(pricing=[{"PriceList": []}]))
    assert found.state == "warn"
    assert found.message.startswith("unknown")


class _Versions:
    """A registry whose versions all have one image."""

    name = "flights"

    def __init__(self, image: str) -> None:
        self.image = image

    def read_manifest(self, version: str) -> _Versions:  # noqa: ARG002
        return self


@pytest.mark.parametrize(
    ("image", "answer", "state", "told"),
    [
        (IMAGE, {"images": [{}]}, "ok", "exists"),
        (IMAGE, {"images": [], "failures": [{"failureCode": "ImageNotFound"}]}, "fail", "does not exist"),
        (IMAGE, refusal("RepositoryNotFoundException"), "fail", "does not exist"),
        ("nvcr.io/nvidia/tritonserver@sha256:" + "ab" * 32, {}, "warn", "is not in ECR"),
    ],
)
def test_the_image_of_each_version_is_looked_for_in_its_own_region(
    image: str, answer: Any, state: str, told: str
) -> None:
    session = Account(ecr=answer)
    found = _of("image", session, registry=_Versions(image))
    assert [one.state for one in found] == [state, state]
    assert all(told in one.message for one in found)
    assert {region for _, region, _ in session.asked} <= {"us-east-1"}


def test_a_rehearsal_is_not_asked_for_what_it_does_not_simulate() -> None:
    session = Account()
    session.is_simulated = True
    (check,) = account.build_checks(session, _settings(), _Versions(IMAGE))  # type: ignore[arg-type]
    assert [one.state for one in run_check(check)] == ["warn"]


@pytest.mark.parametrize("error", [NoCredentialsError(), refusal("ExpiredToken")])
def test_without_credentials_it_says_how_to_log_in(error: Exception) -> None:
    found = account.check_credentials(Account(sts=error))  # type: ignore[arg-type]
    assert found.state == "fail"
    assert "aws sso login" in found.remedy


def test_what_aws_answers_otherwise_is_a_warning() -> None:
    def look() -> Iterator[CheckResult]:
        raise refusal("InternalFailure")

    (found,) = run_check(Check("part", look, "a:B"))
    assert (found.check, found.state) == ("part", "warn")
    assert "InternalFailure it says" in found.message
