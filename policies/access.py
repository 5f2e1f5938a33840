"""What roles may do: no wildcard in actions or resources but where an action takes no resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from pulumi_policy import ResourceValidationArgs, Severity

from policies.definition import Metadata, Settings, define_resource_policy
from policies.policy_documents import PolicyStatement, parse_statements
from policies.resource_types import IDENTITY_POLICIES, ROLE, read_list

WITHOUT_RESOURCE: Mapping[str, str] = MappingProxyType(
    {
        "cloudwatch:DescribeAlarmHistory": "returns composite alarms only if allowed on all resources",
        "cloudwatch:DescribeAlarms": "returns composite alarms only if allowed on all resources",
        "cloudwatch:GetMetricData": "takes no resource",
        "cloudwatch:GetMetricStatistics": "takes no resource",
        "cloudwatch:ListMetrics": "takes no resource",
        "cloudwatch:PutMetricData": "takes no resource; a condition on cloudwatch:namespace limits it",
        "ec2:CreateNetworkInterface": "SageMaker's and Lambda's hosts in a VPC need it on all, as their guides say",
        "ec2:CreateNetworkInterfacePermission": "as ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface": "as ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterfacePermission": "as ec2:CreateNetworkInterface",
        "ec2:DescribeDhcpOptions": "takes no resource",
        "ec2:DescribeNetworkInterfaces": "takes no resource",
        "ec2:DescribeSecurityGroups": "takes no resource",
        "ec2:DescribeSubnets": "takes no resource",
        "ec2:DescribeVpcs": "takes no resource",
        "ecr:GetAuthorizationToken": "takes no resource",
        "xray:PutTelemetryRecords": "takes no resource",
        "xray:PutTraceSegments": "takes no resource",
    }
)
"""The actions that may be allowed on every resource, and why. Source: Service Authorization Reference."""
_ALLOWED = {action.lower() for action in WITHOUT_RESOURCE}


def _list_allowed(args: ResourceValidationArgs) -> Iterator[PolicyStatement]:
    """Yields the statements that allow, of a policy or of a role's inline policies."""
    documents = [args.props.get("policy")]
    if args.resource_type == ROLE:
        documents = [each.get("policy") for each in read_list(args.props, "inlinePolicies")]
    for document in documents:
        yield from (each for each in parse_statements(document) if each.effect == "Allow")


def _check_actions(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    del settings
    for statement in _list_allowed(args):
        wide = [action for action in statement.actions if "*" in action]
        if wide or statement.is_inverted:
            what = ", ".join(wide) or "all but what it names"
            yield f"Its {statement.name} allows {what}."


no_wildcard_actions = define_resource_policy(
    Metadata(
        "no-wildcard-actions",
        "A role may do what is listed, action by action.",
        Severity.HIGH,
        "List the actions that are called.",
        ("IAM.21", "CKV_AWS_63"),
    ),
    IDENTITY_POLICIES | {ROLE},
    _check_actions,
)


def _check_resources(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    del settings
    for statement in _list_allowed(args):
        if "*" not in statement.resources:
            continue
        wide = [action for action in statement.actions if action.lower() not in _ALLOWED]
        if wide:
            yield f"Its {statement.name} allows {', '.join(wide)} on every resource."


no_wildcard_resources = define_resource_policy(
    Metadata(
        "no-wildcard-resources",
        "A role may act on named resources, unless the action takes none.",
        Severity.HIGH,
        "Name the ARNs; actions without a resource are listed in policies/access.py with the reason.",
        ("IAM.1", "CKV_AWS_355", "CKV_AWS_290"),
    ),
    IDENTITY_POLICIES | {ROLE},
    _check_resources,
)

POLICIES = (no_wildcard_actions, no_wildcard_resources)
