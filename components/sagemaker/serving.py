"""The role that the containers of models are served with: what it reaches, and no more."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.policy import Statement, document, trust
from components.sagemaker.slots import Network
from components.scope import Scope
from tidewatch import ecr
from tidewatch.content import content_hash
from tidewatch.log_group import OF_ENDPOINTS


@dataclass(frozen=True)
class ServingArgs:
    """What a role that serves models reaches.

    registry: the bucket of the artifacts; image: that of the containers. registry_key: what artifacts are encrypted
    with. capture_arn, capture_key: where records go.
    """

    registry: str
    image: str
    registry_key: pulumi.Input[str]
    capture_arn: pulumi.Input[str]
    capture_key: pulumi.Input[str]
    network: Network | None = None

    @property
    def reach(self) -> str:
        """The hash of what the config names of it: with another bucket, repository or network it is another role, and a
        retained model keeps the one that it was made with."""
        repository = self.image.partition("@")[0]
        network = self.network.declared if self.network else None
        return content_hash({"registry": self.registry, "repository": repository, "network": network})


class ServingRole(pulumi.ComponentResource):
    """The role of all models that are read, pulled and connected in the same way: the next version needs no other, and
    its preview shows no policy.

    It is retained with the models: one whose role is gone cannot be served. Containers have none of its rights, for
    they run without network.
    """

    arn: pulumi.Output[str]

    def __init__(self, scope: Scope, args: ServingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        named = scope.name("serving", args.reach)
        super().__init__("tidewatch:sagemaker:ServingRole", named, None, opts)
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        role = aws.iam.Role(
            named,
            description=f"Serves the versions of {scope.model}",
            assume_role_policy=trust("sagemaker.amazonaws.com", scope.account),
            tags=scope.tagged(),
            opts=kept,
        )
        permissions = aws.iam.RolePolicy(named, role=role.name, policy=document(*_statements(scope, args)), opts=kept)
        # Only with its policy is it of use: whoever takes its name waits for both.
        self.arn = pulumi.Output.all(role.arn, permissions.id).apply(lambda made: made[0])
        self.register_outputs({"arn": self.arn})


def _statements(scope: Scope, args: ServingArgs) -> list[Statement]:
    artifacts = f":s3:::{args.registry}/models/{scope.model}/*"
    groups = f"log-group:{OF_ENDPOINTS}{scope.own_name('*')}"
    return [
        Statement("ReadModel", ["s3:GetObject"], [pulumi.Output.concat("arn:", scope.partition, artifacts)]),
        Statement("OpenModel", ["kms:Decrypt"], [args.registry_key]),
        Statement(
            "Capture",
            ["s3:PutObject"],
            # Under whatever prefix: a kept model serves on when the prefix is edited.
            [pulumi.Output.concat(args.capture_arn, "/*")],
        ),
        Statement("SealCapture", ["kms:Decrypt", "kms:GenerateDataKey"], [args.capture_key]),
        *_pull(scope, args.image),
        Statement(
            "Measure",
            ["cloudwatch:PutMetricData"],
            ["*"],  # takes no resource: its namespace bounds it
            condition={"StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]}},
        ),
        Statement(
            "Log",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            [scope.arn("logs", groups)],
        ),
        # On composites the action takes no resource, and a retained role cannot be mended when a guardrail becomes one.
        Statement("WatchDeployment", ["cloudwatch:DescribeAlarms"], ["*"]),
        *(_join(scope, args.network) if args.network else []),
    ]


def _pull(scope: Scope, image: str) -> list[Statement]:
    """Pulling the one image; from a registry that is not ECR there is nothing to permit."""
    found = ecr.image(image)
    if found is None:
        return []
    repository = pulumi.Output.concat(
        "arn:", scope.partition, f":ecr:{found.region}:{found.account}:repository/{found.repository}"
    )
    return [
        Statement(
            "PullImage",
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [repository],
        ),
        Statement("EnterRegistry", ["ecr:GetAuthorizationToken"], ["*"]),  # takes no resource
    ]


def _join(scope: Scope, network: Network) -> list[Statement]:
    """Interfaces are this account's own; the subnets of a shared VPC stay those of the account that shares them."""
    interfaces = scope.arn("ec2", "network-interface/*")
    places = [
        *(_owned(scope, "subnet", subnet) for subnet in network.subnets),
        *(_owned(scope, "security-group", group) for group in network.security_groups),
    ]
    return [
        Statement("MakeInterfaces", ["ec2:CreateNetworkInterface"], [interfaces, *places]),
        Statement(
            "UseInterfaces",
            [
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterface",
                "ec2:DeleteNetworkInterfacePermission",
            ],
            [interfaces],
        ),
        Statement(
            "SeeNetwork",
            [
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            ["*"],  # none of them takes a resource
        ),
    ]


def _owned(scope: Scope, kind: str, place: str) -> pulumi.Input[str]:
    return place if place.startswith("arn:") else scope.arn("ec2", f"{kind}/{place}")
