"""What an account must have for a stack: credentials, region, quota, image; and what the hosts will cost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cli.aws import Session
from cli.finding import Check, Finding, missing
from cli.outputs import ROOT
from stacks.settings import Settings
from tidewatch import ecr
from tidewatch.registry import Registry

PRICES_REGION = "us-east-1"
"""Where the price list is asked for, whatever the region. Source: Billing user guide, "AWS Price List Query API"."""


def tools() -> Iterator[Finding]:
    if shutil.which("pulumi"):
        yield Finding("pulumi", "ok", "the Pulumi CLI is on PATH")
    else:
        yield Finding(
            "pulumi",
            "warn",
            "the Pulumi CLI is not on PATH: only rehearsals work without it",
            "install it: https://www.pulumi.com/docs/install/",
        )
    if list(ROOT.glob("build/layers/drift-*.zip")):
        yield Finding("layer", "ok", "the packages of the drift function are built")
    else:
        yield Finding(
            "layer",
            "warn",
            "the packages of the drift function are not built yet: the first `up` does it",
            "make install",
        )


def credentials(session: Session) -> Finding:
    """Without them nothing else can be asked."""
    try:
        who = session.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        return Finding(
            "credentials",
            "fail",
            str(error),
            "log in (`aws sso login`, or set AWS_PROFILE), or name `aws:profile` in the stack config",
        )
    return Finding("credentials", "ok", f"account {who['Account']}, as {who['Arn']}")


def region(session: Session) -> Finding:
    if not session.region:
        return Finding("region", "fail", "no region is named", "set `aws:region` in the stack config, or AWS_REGION")
    return Finding("region", "ok", session.region)


def checks(session: Session, settings: Settings, registry: Registry | None) -> list[Check]:
    """What depends on the stack's config. registry: where its versions are; None before its first `up`."""
    host = settings.endpoint.instance_type
    if session.simulated:
        return [Check("account", lambda: _simulated(host))]
    found = [
        Check("quota", lambda: _quota(session, settings), "servicequotas:ListServiceQuotas"),
        Check("price", lambda: _price(session, settings), "pricing:GetProducts"),
    ]
    if registry is not None:
        found.append(Check("image", lambda: _images(session, settings, registry), "ecr:BatchGetImage"))
    return found


def _simulated(host: str) -> Iterator[Finding]:
    yield Finding(
        "account",
        "warn",
        f"a rehearsal has no quota and no price of {host}, and pulls no image",
        "ask for a stack that is deployed to AWS",
    )


def hosts(settings: Settings) -> int:
    """Instances of all slots; as many again are there while a new endpoint configuration takes over."""
    return sum(variant.instances for variant in settings.variants.values()) or 1


def _quota(session: Session, settings: Settings) -> Iterator[Finding]:
    host, wanted = settings.endpoint.instance_type, hosts(settings)
    name = f"{host} for endpoint usage"
    quota = _find_quota(session, name)
    if quota is None:
        yield Finding(
            "quota",
            "warn",
            f"no quota is called {name!r}",
            f"look for {host} in the Service Quotas console, under Amazon SageMaker",
        )
        return
    allowed = int(quota["Value"])
    says = f"{name}: {allowed} in this account and region, {wanted} declared here"
    ask = (
        f"aws service-quotas request-service-quota-increase --service-code sagemaker "
        f"--quota-code {quota['QuotaCode']} --desired-value {2 * wanted} --region {session.region}"
    )
    if allowed < wanted:
        yield Finding("quota", "fail", says, ask)
    elif allowed < 2 * wanted:
        yield Finding("quota", "warn", f"{says}; a deployment needs as many again for a while", ask)
    else:
        yield Finding("quota", "ok", says)


def _find_quota(session: Session, name: str) -> dict[str, Any] | None:
    """The one that applies; where the account has none of its own, the default."""
    quotas = session.client("service-quotas")
    for listing in ("list_service_quotas", "list_aws_default_service_quotas"):
        for page in quotas.get_paginator(listing).paginate(ServiceCode="sagemaker"):
            for quota in page["Quotas"]:
                if quota["QuotaName"] == name:
                    return quota
    return None


def _price(session: Session, settings: Settings) -> Iterator[Finding]:
    host, declared, wanted = settings.endpoint.instance_type, settings.endpoint.hourly_price, hosts(settings)
    price = _find_price(session, host)
    if price is None:
        yield Finding(
            "price",
            "warn",
            f"unknown: the price list has no {host} for hosting in {session.region}",
            "look at https://aws.amazon.com/sagemaker/pricing/",
        )
        return
    says = f"{host} costs {price:g} USD an hour in {session.region}: {price * wanted:.2f} USD for {wanted}"
    if declared is not None and abs(declared - price) > 0.005 * price:
        yield Finding(
            "price",
            "warn",
            f"{says}; the config says {declared:g}",
            f"pulumi config set --path tidewatch:endpoint.hourlyPrice {price:g}, unless yours is a discount",
        )
    else:
        yield Finding("price", "ok", says)


def _find_price(session: Session, host: str) -> float | None:
    """USD an hour on demand, without discounts."""
    wanted = {"instanceName": host, "regionCode": session.region}
    pages = (
        session.client("pricing", PRICES_REGION)
        .get_paginator("get_products")
        .paginate(
            ServiceCode="AmazonSageMaker",
            Filters=[{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()],
        )
    )
    products = [json.loads(product) for page in pages for product in page["PriceList"]]
    prices = [price for product in products if _hosting(product) for price in _on_demand(product)]
    return min((price for price in prices if price > 0), default=None)


def _hosting(product: dict[str, Any]) -> bool:
    attributes = product["product"]["attributes"]
    return "Hosting" in (attributes.get("component"), attributes.get("platoinstancetype"))


def _on_demand(product: dict[str, Any]) -> Iterator[float]:
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            yield float(dimension["pricePerUnit"].get("USD", 0))


def _images(session: Session, settings: Settings, registry: Registry) -> Iterator[Finding]:
    if not settings.variants:
        yield Finding("image", "ok", "no variant is set, so none is needed")
    for slot, variant in sorted(settings.variants.items()):
        version = f"{registry.name}/{variant.version}"
        image = registry.manifest(str(variant.version)).image
        place = ecr.image(image)
        if place is None:
            yield Finding(
                "image",
                "warn",
                f"{slot}: the image of {version} is not in ECR: {image}",
                "SageMaker pulls from ECR; publish a version with an image there, by `--image`",
            )
        elif place.region != settings.region:
            yield Finding(
                "image",
                "fail",
                f"{slot}: the image of {version} is in {place.region}, and SageMaker pulls from {settings.region} only",
                "push it there, and publish a version with it, by `--image`",
            )
        elif _pulled(session, place):
            yield Finding("image", "ok", f"{slot}: the image of {version} is there, {place.digest[:19]}")
        else:
            yield Finding(
                "image",
                "fail",
                f"{slot}: the image of {version} is not there: {image}",
                "push it again under the same digest, or publish a version with another, by `--image`",
            )


def _pulled(session: Session, place: ecr.Image) -> bool:
    try:
        answer = session.client("ecr", place.region).batch_get_image(
            registryId=place.account, repositoryName=place.repository, imageIds=[{"imageDigest": place.digest}]
        )
    except ClientError as error:
        if missing(error):
            return False
        raise
    return bool(answer.get("images"))
