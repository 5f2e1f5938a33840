"""What SageMaker does with a model's role: it fetches the artifact and the image, joins the network, writes logs,
metrics and captured records.

Source: SageMaker developer guide, "How to use SageMaker AI execution roles", "CreateModel API: Execution Role
Permissions", "Give SageMaker AI hosted endpoints access to resources in your Amazon VPC" and "Capture data from
real-time endpoint"; its messages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simulator.aws.identity import facts, services
from simulator.aws.identity.decision import Caller, refusal
from simulator.aws.identity.need import EVERYTHING, Need
from simulator.aws.world import ACCOUNT, World
from tidewatch import ecr

LOGS = "/aws/sagemaker/Endpoints/"
_SEEN = (
    "DescribeDhcpOptions",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVpcs",
)
_USED = ("CreateNetworkInterfacePermission", "DeleteNetworkInterface", "DeleteNetworkInterfacePermission")


def why_not(region: str, role: str, fields: Mapping[str, Any], container: Mapping[str, Any]) -> str | None:
    """Why hosts cannot start a model with its role, in SageMaker's words; None where they can, or there is no such
    role to ask."""
    if services.role(role) is None:
        return None
    url = str(container.get("ModelDataUrl") or "")
    if not services.takes(services.SAGEMAKER, role) or _refused(role, _fetches(url)):
        return (
            f'Could not access model data at {url}. Please ensure that the role "{role}" exists and that its trust '
            'relationship policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com"'
            f'. Also ensure that the role has "s3:GetObject" permissions and that the object is located in {region}.'
        )
    image = str(container.get("Image") or "")
    if _refused(role, _pulls(image)):
        return (
            f"The repository of the image {image} does not grant ecr:GetDownloadUrlForLayer, ecr:BatchGetImage, "
            "ecr:BatchCheckLayerAvailability permission to sagemaker.amazonaws.com service principal."
        )
    if said := _refused(role, _joins(region, fields.get("VpcConfig") or {})):
        return f"The role {role} may not make the network interfaces of its hosts: {said}"
    return None


def tells(here: World, region: str, role: str, endpoint: str) -> None:
    """What hosts write while they serve. What is refused of it is missing, and nothing fails: it is noted."""
    if services.role(role) is not None:
        here.refused += [said for need in _writes(region, endpoint) if (said := _refused(role, [need]))]


def captures(here: World, role: str, bucket: str, key: str, sealed: str | None) -> bool:
    """Whether hosts may put captured records into a bucket, sealed with a key; a refusal is noted."""
    if services.role(role) is None:
        return True
    said = _refused(role, _puts(bucket, key, sealed))
    here.refused += [said] if said else []
    return not said


def _refused(role: str, needs: Iterator[Need] | list[Need]) -> str | None:
    caller = Caller(role, "SageMaker")
    return next((said for need in needs if (said := refusal(caller, need)) is not None), None)


def _fetches(url: str) -> Iterator[Need]:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url:
        return
    yield Need("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
    if sealed := facts.object_key(bucket, key):
        yield Need("kms:Decrypt", sealed, facts.tag_keys(sealed))


def _pulls(address: str) -> Iterator[Need]:
    image = ecr.image(address)
    if image is None:
        return
    yield Need("ecr:GetAuthorizationToken", EVERYTHING)
    repository = f"arn:aws:ecr:{image.region}:{image.account}:repository/{image.repository}"
    for action in ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer"):
        yield Need(f"ecr:{action}", repository)


def _joins(region: str, network: Mapping[str, Any]) -> Iterator[Need]:
    if not network:
        return
    interface = f"arn:aws:ec2:{region}:{ACCOUNT}:network-interface/eni-0123456789abcdef0"
    yield Need("ec2:CreateNetworkInterface", interface)
    yield from (Need(f"ec2:{action}", interface) for action in _USED)
    yield from (Need(f"ec2:{action}", EVERYTHING) for action in _SEEN)


def _writes(region: str, endpoint: str) -> Iterator[Need]:
    group = f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{LOGS}{endpoint}"
    yield Need("logs:CreateLogGroup", group)
    for action in ("CreateLogStream", "PutLogEvents"):
        yield Need(f"logs:{action}", f"{group}:log-stream:blue/i-0123456789abcdef0")
    yield Need("cloudwatch:PutMetricData", EVERYTHING, {"cloudwatch:namespace": LOGS.rstrip("/")})


def _puts(bucket: str, key: str, sealed: str | None) -> Iterator[Need]:
    yield Need("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
    if own := facts.any_region(sealed) or facts.bucket_key(bucket):
        yield from (Need(action, own, facts.tag_keys(own)) for action in ("kms:GenerateDataKey", "kms:Decrypt"))
