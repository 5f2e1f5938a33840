"""The permissions of a model's role, with which SageMaker starts and runs hosts.

SageMaker fetches the artifact and the image, joins the network, and writes logs, metrics and captured records. Source:
SageMaker developer guide, "How to use SageMaker AI execution roles", "CreateModel API: Execution Role Permissions",
"Give SageMaker AI hosted endpoints access to resources in your Amazon VPC" and "Capture data from real-time endpoint";
the messages are SageMaker's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rehearsal.aws.account import SimulatedAccount
from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.identity import resource_lookup, service_principals
from rehearsal.aws.identity.permission import ALL_RESOURCES, RequiredPermission
from rehearsal.aws.identity.policy_evaluation import Caller, explain_denial
from tidewatch.aws import ecr

LOGS = "/aws/sagemaker/Endpoints/"
_NETWORK_READ_ACTIONS = (
    "DescribeDhcpOptions",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVpcs",
)
_INTERFACE_ACTIONS = ("CreateNetworkInterfacePermission", "DeleteNetworkInterface", "DeleteNetworkInterfacePermission")


def explain_start_denial(region: str, role: str, fields: Mapping[str, Any], container: Mapping[str, Any]) -> str | None:
    """Why hosts cannot start a model with its role, in SageMaker's words; None if they can or the role is unknown."""
    if service_principals.find_role(role) is None:
        return None
    url = str(container.get("ModelDataUrl") or "")
    if not service_principals.can_assume_role(service_principals.SAGEMAKER, role) or _find_denial(
        role, _list_artifact_permissions(url)
    ):
        return (
            f'Could not access model data at {url}. Please ensure that the role "{role}" exists and that its trust '
            'relationship policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com"'
            f'. Also ensure that the role has "s3:GetObject" permissions and that the object is located in {region}.'
        )
    image = str(container.get("Image") or "")
    if _find_denial(role, _list_image_permissions(image)):
        return (
            f"The repository of the image {image} does not grant ecr:GetDownloadUrlForLayer, ecr:BatchGetImage, "
            "ecr:BatchCheckLayerAvailability permission to sagemaker.amazonaws.com service principal."
        )
    if denial := _find_denial(role, _list_network_permissions(region, fields.get("VpcConfig") or {})):
        return f"The role {role} may not make the network interfaces of its hosts: {denial}"
    return None


def record_log_denials(account: SimulatedAccount, region: str, role: str, endpoint: str) -> None:
    """Records the denied writes of serving hosts. Such a write is missing, and nothing fails."""
    if service_principals.find_role(role) is not None:
        account.access_denials += [
            denial
            for permission in _list_log_permissions(region, endpoint)
            if (denial := _find_denial(role, [permission]))
        ]


def can_capture(account: SimulatedAccount, role: str, bucket: str, key: str, kms_key: str | None) -> bool:
    """Whether hosts may put captured records, encrypted with a key, into a bucket; records a denial."""
    if service_principals.find_role(role) is None:
        return True
    denial = _find_denial(role, _list_capture_permissions(bucket, key, kms_key))
    account.access_denials += [denial] if denial else []
    return not denial


def _find_denial(role: str, permissions: Iterator[RequiredPermission] | list[RequiredPermission]) -> str | None:
    caller = Caller(role, "SageMaker")
    return next((denial for need in permissions if (denial := explain_denial(caller, need)) is not None), None)


def _list_artifact_permissions(url: str) -> Iterator[RequiredPermission]:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url:
        return
    yield RequiredPermission("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
    if encryption_key := resource_lookup.find_object_key(bucket, key):
        yield RequiredPermission("kms:Decrypt", encryption_key, resource_lookup.read_tag_keys(encryption_key))


def _list_image_permissions(address: str) -> Iterator[RequiredPermission]:
    image = ecr.parse_image(address)
    if image is None:
        return
    yield RequiredPermission("ecr:GetAuthorizationToken", ALL_RESOURCES)
    repository = f"arn:aws:ecr:{image.region}:{image.account}:repository/{image.repository}"
    for action in ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer"):
        yield RequiredPermission(f"ecr:{action}", repository)


def _list_network_permissions(region: str, network: Mapping[str, Any]) -> Iterator[RequiredPermission]:
    if not network:
        return
    interface = f"arn:aws:ec2:{region}:{ACCOUNT}:network-interface/eni-0123456789abcdef0"
    yield RequiredPermission("ec2:CreateNetworkInterface", interface)
    yield from (RequiredPermission(f"ec2:{action}", interface) for action in _INTERFACE_ACTIONS)
    yield from (RequiredPermission(f"ec2:{action}", ALL_RESOURCES) for action in _NETWORK_READ_ACTIONS)


def _list_log_permissions(region: str, endpoint: str) -> Iterator[RequiredPermission]:
    group = f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{LOGS}{endpoint}"
    yield RequiredPermission("logs:CreateLogGroup", group)
    for action in ("CreateLogStream", "PutLogEvents"):
        yield RequiredPermission(f"logs:{action}", f"{group}:log-stream:blue/i-0123456789abcdef0")
    yield RequiredPermission("cloudwatch:PutMetricData", ALL_RESOURCES, {"cloudwatch:namespace": LOGS.rstrip("/")})


def _list_capture_permissions(bucket: str, key: str, kms_key: str | None) -> Iterator[RequiredPermission]:
    yield RequiredPermission("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
    if encryption_key := resource_lookup.find_key_in_any_region(kms_key) or resource_lookup.find_bucket_key(bucket):
        yield from (
            RequiredPermission(action, encryption_key, resource_lookup.read_tag_keys(encryption_key))
            for action in ("kms:GenerateDataKey", "kms:Decrypt")
        )
