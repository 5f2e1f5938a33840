"""The role of the containers that serve models, with the access that they need and no more."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.policy import Statement, build_service_trust_policy, render_policy
from components.sagemaker.variant_model import Network
from components.stack_context import StackContext
from tidewatch.aws import ecr
from tidewatch.aws.log_group import ENDPOINT_LOG_GROUP_PREFIX
from tidewatch.content_hash import compute_content_hash


@dataclass(frozen=True)
class ServingArgs:
    """What the serving role may access."""

    registry: str
    """The bucket of the artifacts."""
    image: str
    """The containers' image."""
    registry_key: pulumi.Input[str]
    """The key that encrypts the artifacts."""
    capture_arn: pulumi.Input[str]
    """The ARN of the bucket that receives the captured records."""
    capture_key: pulumi.Input[str]
    """The key of the capture bucket."""
    network: Network | None = None

    @property
    def access_hash(self) -> str:
        """The hash of what the role may access, as far as the config names it.

        Another bucket, repository or network gives another role, and a retained model keeps the role that it was
        created with.
        """
        repository = self.image.partition("@")[0]
        network = self.network.hash_inputs if self.network else None
        return compute_content_hash({"registry": self.registry, "repository": repository, "network": network})


class ServingRole(pulumi.ComponentResource):
    """The role of all models with the same bucket, image repository and network.

    The next version needs no new role, and its preview shows no policy. The role is retained with the models, because a
    model without its role cannot be served. Containers have none of its rights, since they run without network.
    """

    arn: pulumi.Output[str]

    def __init__(self, context: StackContext, args: ServingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        name = context.name("serving", args.access_hash)
        super().__init__("tidewatch:sagemaker:ServingRole", name, None, opts)
        retained_opts = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        role = aws.iam.Role(
            name,
            description=f"Serves the versions of {context.model}",
            assume_role_policy=build_service_trust_policy("sagemaker.amazonaws.com", context.account),
            tags=context.build_tags(),
            opts=retained_opts,
        )
        permissions = aws.iam.RolePolicy(
            name, role=role.name, policy=render_policy(*_build_statements(context, args)), opts=retained_opts
        )
        # The role is of no use without its policy, so users of the ARN wait for both.
        self.arn = pulumi.Output.all(role.arn, permissions.id).apply(lambda outputs: outputs[0])
        self.register_outputs({"arn": self.arn})


def _build_statements(context: StackContext, args: ServingArgs) -> list[Statement]:
    artifacts = f":s3:::{args.registry}/models/{context.model}/*"
    groups = f"log-group:{ENDPOINT_LOG_GROUP_PREFIX}{context.build_unique_name('*')}"
    return [
        Statement("ReadModel", ["s3:GetObject"], [pulumi.Output.concat("arn:", context.partition, artifacts)]),
        Statement("OpenModel", ["kms:Decrypt"], [args.registry_key]),
        Statement(
            "Capture",
            ["s3:PutObject"],
            # Any prefix, because a retained model still serves after the prefix is edited.
            [pulumi.Output.concat(args.capture_arn, "/*")],
        ),
        Statement("SealCapture", ["kms:Decrypt", "kms:GenerateDataKey"], [args.capture_key]),
        *_allow_pull(context, args.image),
        Statement(
            "Measure",
            ["cloudwatch:PutMetricData"],
            ["*"],  # takes no resource; the namespace limits it
            condition={"StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]}},
        ),
        Statement(
            "Log",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            [context.build_arn("logs", groups)],
        ),
        # For composites the action takes no resource, and a retained role cannot be changed when a guardrail becomes
        # one.
        Statement("WatchDeployment", ["cloudwatch:DescribeAlarms"], ["*"]),
        *(_allow_network(context, args.network) if args.network else []),
    ]


def _allow_pull(context: StackContext, image: str) -> list[Statement]:
    """Allows pulling this one image; an image outside ECR needs no permission."""
    ecr_image = ecr.parse_image(image)
    if ecr_image is None:
        return []
    repository = pulumi.Output.concat(
        "arn:", context.partition, f":ecr:{ecr_image.region}:{ecr_image.account}:repository/{ecr_image.repository}"
    )
    return [
        Statement(
            "PullImage",
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [repository],
        ),
        Statement("EnterRegistry", ["ecr:GetAuthorizationToken"], ["*"]),  # takes no resource
    ]


def _allow_network(context: StackContext, network: Network) -> list[Statement]:
    """Allows network interfaces in the VPC.

    Interfaces belong to this account; the subnets of a shared VPC belong to the account that shares them.
    """
    interfaces = context.build_arn("ec2", "network-interface/*")
    network_arns = [
        *(_to_arn(context, "subnet", subnet) for subnet in network.subnets),
        *(_to_arn(context, "security-group", group) for group in network.security_groups),
    ]
    return [
        Statement("MakeInterfaces", ["ec2:CreateNetworkInterface"], [interfaces, *network_arns]),
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
            ["*"],  # none of these actions takes a resource
        ),
    ]


def _to_arn(context: StackContext, kind: str, id_or_arn: str) -> pulumi.Input[str]:
    return id_or_arn if id_or_arn.startswith("arn:") else context.build_arn("ec2", f"{kind}/{id_or_arn}")
