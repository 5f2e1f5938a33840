"""What a slot holds: a registry version as a SageMaker model, and the role its containers run as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.policy import Statement, document, trust
from components.scope import Scope
from tidewatch import ecr
from tidewatch.content import content_hash, fingerprint
from tidewatch.log_group import OF_ENDPOINTS
from tidewatch.traffic import Held

TRITON = {"SAGEMAKER_TRITON_LOG_VERBOSE": "false"}


@dataclass(frozen=True)
class Slot:
    """A slot as declared: a verified registry version, and the instances that serve it.

    artifact_url: s3:// of model.tar.gz; artifact: its sha256, hex. image: the container image by digest.
    environment: what the container reads besides Triton's own; secrets: the names of those that are secret.
    floor: instances it needs to take traffic.
    """

    name: str
    version: str
    artifact_url: str
    artifact: str
    image: str
    weight: float
    instances: int
    floor: int = 1
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    secrets: frozenset[str] = frozenset()

    def content(self, model: str, network: Network | None) -> str:
        """The hash of what is declared about the model in the slot: no weight and no count.

        It holds all that its role's policy is made of, the registry's bucket too: under a name of the old hash stays
        what a model that is kept needs.
        """
        return content_hash(
            {
                "version": self.version,
                "artifact": self.artifact,
                "bucket": self.bucket,
                "image": self.image,
                "environment": self._told(model),
                "network": network.declared if network else None,
            }
        )

    @property
    def bucket(self) -> str:
        """The bucket that the artifact is in."""
        return self.artifact_url.removeprefix("s3://").partition("/")[0]

    def variables(self, model: str) -> dict[str, str]:
        """The container's environment: Triton serves the model of this name, and logs no request."""
        return {"SAGEMAKER_TRITON_DEFAULT_MODEL_NAME": model, **TRITON, **self.environment}

    def container(self, model: str) -> dict[str, pulumi.Input[str]]:
        """The variables as the container gets them, secret where the config's are."""
        variables = self.variables(model).items()
        return {name: pulumi.Output.secret(value) if name in self.secrets else value for name, value in variables}

    def _told(self, model: str) -> dict[str, str]:
        """The variables as a hash may name them that stands in names, tags and the ledger."""
        variables = self.variables(model)
        secret = {name: value for name, value in variables.items() if name in self.secrets}
        if not secret:
            return variables
        stands_for = fingerprint(json.dumps(secret, sort_keys=True), f"{model}/{self.artifact}")
        return {name: value for name, value in variables.items() if name not in secret} | {"": stands_for}

    def held(self, model: str, network: Network | None) -> Held:
        """The slot as the ledger knows it."""
        return Held(
            version=self.version,
            artifact=self.artifact,
            image=self.image.rpartition("@")[2],
            content=self.content(model, network),
            floor=self.floor,
        )


@dataclass(frozen=True)
class Network:
    """The subnets and security groups that the containers run in: ids, or ARNs of what another account shares."""

    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]

    @property
    def declared(self) -> dict[str, list[str]]:
        return {"subnets": sorted(self.subnets), "securityGroups": sorted(self.security_groups)}

    @property
    def subnet_ids(self) -> list[str]:
        """As SageMaker takes them."""
        return [_id(one) for one in self.subnets]

    @property
    def group_ids(self) -> list[str]:
        """As SageMaker takes them."""
        return [_id(one) for one in self.security_groups]


def _id(place: str) -> str:
    return place.rpartition("/")[2]


@dataclass(frozen=True)
class SlotArgs:
    """A slot, and what its role may reach.

    registry_key: what the artifact is encrypted with. capture_arn, capture_key: where records go.
    """

    slot: Slot
    registry_key: pulumi.Input[str]
    capture_arn: pulumi.Input[str]
    capture_key: pulumi.Input[str]
    network: Network | None = None


class SlotModel(pulumi.ComponentResource):
    """The model and its role, which lives and stays with it: a retained model whose role is gone cannot be served.

    Named by content and retained, because a rollback may need it after the slot has moved on.
    """

    name: pulumi.Output[str]

    def __init__(self, scope: Scope, args: SlotArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        slot = args.slot
        content = slot.content(scope.model, args.network)
        named = scope.name("model", slot.name, content)
        super().__init__("tidewatch:sagemaker:SlotModel", named, None, opts)
        self.content = content
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        tags = scope.tagged(slot=slot.name, version=slot.version, content=content)
        role = aws.iam.Role(
            scope.name("role", slot.name, content),
            description=f"Serves version {slot.version} of {scope.model} in {slot.name}",
            assume_role_policy=trust("sagemaker.amazonaws.com", scope.account),
            tags=tags,
            opts=kept,
        )
        permissions = aws.iam.RolePolicy(
            scope.name("role", slot.name, content),
            role=role.name,
            policy=document(*_statements(scope, args)),
            opts=kept,
        )
        network = args.network
        self.model = aws.sagemaker.Model(
            named,
            execution_role_arn=role.arn,
            primary_container=aws.sagemaker.ModelPrimaryContainerArgs(
                image=slot.image, model_data_url=slot.artifact_url, environment=slot.container(scope.model)
            ),
            enable_network_isolation=True,
            vpc_config=network
            and aws.sagemaker.ModelVpcConfigArgs(subnets=network.subnet_ids, security_group_ids=network.group_ids),
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True, depends_on=[permissions]),
        )
        self.name = self.model.name
        self.register_outputs({"name": self.name})


def _statements(scope: Scope, args: SlotArgs) -> list[Statement]:
    slot = args.slot
    artifact = f":s3:::{slot.bucket}/models/{scope.model}/{slot.version}/*"
    groups = f"log-group:{OF_ENDPOINTS}{scope.own_name('*')}"
    return [
        Statement("ReadModel", ["s3:GetObject"], [pulumi.Output.concat("arn:", scope.partition, artifact)]),
        Statement("OpenModel", ["kms:Decrypt"], [args.registry_key]),
        Statement(
            "Capture",
            ["s3:PutObject"],
            # Under whatever prefix: a kept model serves on when the prefix is edited.
            [pulumi.Output.concat(args.capture_arn, f"/*/{slot.name}/*")],
        ),
        Statement("SealCapture", ["kms:Decrypt", "kms:GenerateDataKey"], [args.capture_key]),
        *_pull(scope, slot.image),
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
