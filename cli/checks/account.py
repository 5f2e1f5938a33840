"""What an account must have for a stack: credentials, region, quota, image; and what the hosts will cost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cli.aws_session import Session
from cli.checks.result import Check, CheckResult, is_not_found
from cli.project import ROOT
from stacks.config.settings import StackSettings
from tidewatch.aws import ecr
from tidewatch.registry import ModelRegistry

PRICE_LIST_REGION = "us-east-1"
"""The region of the price list API, for all regions. Source: Billing user guide, "AWS Price List Query API"."""


def check_tools() -> Iterator[CheckResult]:
    if shutil.which("pulumi"):
        yield CheckResult("pulumi", "ok", "the Pulumi CLI is on PATH")
    else:
        yield CheckResult(
            "pulumi",
            "warn",
            "the Pulumi CLI is not on PATH: only rehearsals work without it",
            "install it: https://www.pulumi.com/docs/install/",
        )
    if list(ROOT.glob("build/layers/drift-*.zip")):
        yield CheckResult("layer", "ok", "the packages of the drift function are built")
    else:
        yield CheckResult(
            "layer",
            "warn",
            "the packages of the drift function are not built yet: the first `up` builds them",
            "make install",
        )


def check_credentials(session: Session) -> CheckResult:
    """Checks the credentials first, because every other check needs them."""
    try:
        identity = session.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        return CheckResult(
            "credentials",
            "fail",
            str(error),
            "log in (`aws sso login`, or set AWS_PROFILE), or set `aws:profile` in the stack config",
        )
    return CheckResult("credentials", "ok", f"account {identity['Account']}, as {identity['Arn']}")


def check_region(session: Session) -> CheckResult:
    if not session.region:
        return CheckResult("region", "fail", "no region is set", "set `aws:region` in the stack config, or AWS_REGION")
    return CheckResult("region", "ok", session.region)


def build_checks(session: Session, settings: StackSettings, registry: ModelRegistry | None) -> list[Check]:
    """Returns the checks that depend on the stack's config. `registry` has its versions; None before the first `up`."""
    host = settings.endpoint.instance_type
    if session.is_simulated:
        return [Check("account", lambda: _check_simulated_account(host))]
    found = [
        Check("quota", lambda: _check_quota(session, settings), "servicequotas:ListServiceQuotas"),
        Check("price", lambda: _check_price(session, settings), "pricing:GetProducts"),
    ]
    if registry is not None:
        found.append(Check("image", lambda: _check_images(session, settings, registry), "ecr:BatchGetImage"))
    return found


def _check_simulated_account(host: str) -> Iterator[CheckResult]:
    yield CheckResult(
        "account",
        "warn",
        f"a rehearsal has no quota or price for {host} and pulls no image",
        "name a stack that is deployed to AWS",
    )


def count_instances(settings: StackSettings) -> int:
    """Returns the instances of all variants; a new endpoint configuration needs as many again while it takes over."""
    return sum(variant.instances for variant in settings.variants.values()) or 1


def _check_quota(session: Session, settings: StackSettings) -> Iterator[CheckResult]:
    host, instance_count = settings.endpoint.instance_type, count_instances(settings)
    name = f"{host} for endpoint usage"
    quota = _find_quota(session, name)
    if quota is None:
        yield CheckResult(
            "quota",
            "warn",
            f"no quota is called {name!r}",
            f"look for {host} in the Service Quotas console, under Amazon SageMaker",
        )
        return
    allowed = int(quota["Value"])
    message = f"{name}: {allowed} in this account and region, {instance_count} declared here"
    request_command = (
        f"aws service-quotas request-service-quota-increase --service-code sagemaker "
        f"--quota-code {quota['QuotaCode']} --desired-value {2 * instance_count} --region {session.region}"
    )
    if allowed < instance_count:
        yield CheckResult("quota", "fail", message, request_command)
    elif allowed < 2 * instance_count:
        yield CheckResult(
            "quota", "warn", f"{message}; a deployment needs as many again while it runs", request_command
        )
    else:
        yield CheckResult("quota", "ok", message)


def _find_quota(session: Session, name: str) -> dict[str, Any] | None:
    """Returns the quota that applies; the default if the account has none of its own."""
    quotas = session.client("service-quotas")
    for listing in ("list_service_quotas", "list_aws_default_service_quotas"):
        for page in quotas.get_paginator(listing).paginate(ServiceCode="sagemaker"):
            for quota in page["Quotas"]:
                if quota["QuotaName"] == name:
                    return quota
    return None


def _check_price(session: Session, settings: StackSettings) -> Iterator[CheckResult]:
    host, declared, instance_count = (
        settings.endpoint.instance_type,
        settings.endpoint.hourly_price,
        count_instances(settings),
    )
    price = _find_price(session, host)
    if price is None:
        yield CheckResult(
            "price",
            "warn",
            f"unknown: the price list has no {host} for hosting in {session.region}",
            "see https://aws.amazon.com/sagemaker/pricing/",
        )
        return
    message = (
        f"{host} costs {price:g} USD an hour in {session.region}: {price * instance_count:.2f} USD for {instance_count}"
    )
    if declared is not None and abs(declared - price) > 0.005 * price:
        yield CheckResult(
            "price",
            "warn",
            f"{message}; the config says {declared:g}",
            f"pulumi config set --path tidewatch:endpoint.hourlyPrice {price:g}, unless you have a discount",
        )
    else:
        yield CheckResult("price", "ok", message)


def _find_price(session: Session, host: str) -> float | None:
    """Returns USD per hour on demand, without discounts."""
    fields = {"instanceName": host, "regionCode": session.region}
    pages = (
        session.client("pricing", PRICE_LIST_REGION)
        .get_paginator("get_products")
        .paginate(
            ServiceCode="AmazonSageMaker",
            Filters=[{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()],
        )
    )
    products = [json.loads(product) for page in pages for product in page["PriceList"]]
    prices = [price for product in products if _is_hosting(product) for price in _find_on_demand_prices(product)]
    return min((price for price in prices if price > 0), default=None)


def _is_hosting(product: dict[str, Any]) -> bool:
    attributes = product["product"]["attributes"]
    return "Hosting" in (attributes.get("component"), attributes.get("platoinstancetype"))


def _find_on_demand_prices(product: dict[str, Any]) -> Iterator[float]:
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            yield float(dimension["pricePerUnit"].get("USD", 0))


def _check_images(session: Session, settings: StackSettings, registry: ModelRegistry) -> Iterator[CheckResult]:
    if not settings.variants:
        yield CheckResult("image", "ok", "no variant is set, so no image is needed")
    for name, variant in sorted(settings.variants.items()):
        version = f"{registry.name}/{variant.version}"
        image = registry.read_manifest(str(variant.version)).image
        ecr_image = ecr.parse_image(image)
        if ecr_image is None:
            yield CheckResult(
                "image",
                "warn",
                f"{name}: the image of {version} is not in ECR: {image}",
                "SageMaker pulls from ECR; publish a version with an image in ECR (`--image`)",
            )
        elif ecr_image.region != settings.region:
            yield CheckResult(
                "image",
                "fail",
                f"{name}: the image of {version} is in {ecr_image.region}, and SageMaker pulls from "
                f"{settings.region} only",
                "push it there, then publish a version with it (`--image`)",
            )
        elif _has_image(session, ecr_image):
            yield CheckResult("image", "ok", f"{name}: the image of {version} exists, {ecr_image.digest[:19]}")
        else:
            yield CheckResult(
                "image",
                "fail",
                f"{name}: the image of {version} does not exist: {image}",
                "push it again under the same digest, or publish a version with another image (`--image`)",
            )


def _has_image(session: Session, ecr_image: ecr.EcrImage) -> bool:
    try:
        answer = session.client("ecr", ecr_image.region).batch_get_image(
            registryId=ecr_image.account,
            repositoryName=ecr_image.repository,
            imageIds=[{"imageDigest": ecr_image.digest}],
        )
    except ClientError as error:
        if is_not_found(error):
            return False
        raise
    return bool(answer.get("images"))
