"""The endpoint on SageMaker: its identity, fleet and capacity. traffic.py moves its traffic afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.sagemaker.autoscaling import TargetTracking, VariantScaling
from components.sagemaker.capacity import VariantCapacity
from components.sagemaker.configuration import (
    Configuration,
    create_endpoint_configuration,
    read_content_tag,
)
from components.sagemaker.deployment import EndpointDeployment
from components.sagemaker.gate import Gate
from components.sagemaker.logs import EndpointLogs
from components.sagemaker.serving_role import ServingArgs, ServingRole
from components.sagemaker.variant_model import Network, ProductionVariant, create_variant_model
from components.settings import RolloutSpec, StackSpec
from components.shared_resources import SharedResources
from components.stack_context import StackContext
from tidewatch import metrics
from tidewatch.registry import ResolvedVersion
from tidewatch.traffic import DeploymentPolicy


@dataclass(frozen=True)
class EndpointArgs:
    """An endpoint as declared."""

    gate: Gate
    """The gate that must accept the declaration first."""
    variants: Mapping[str, ProductionVariant]
    """One or two variants, by name."""
    configuration: Configuration
    """The variants with their hosts, capture and champion; the traffic inputs declare its content too."""
    acknowledged: str
    """The incident that the config acknowledges, or ""."""
    policy: DeploymentPolicy
    registry_key: pulumi.Input[str]
    """The key that encrypts the artifacts."""
    capture_bucket: pulumi.Input[str]
    """The bucket of the captured records."""
    capture_arn: pulumi.Input[str]
    capture_key: pulumi.Input[str]
    monitoring: pulumi.Input[str]
    """The bucket of the deployment records."""
    log_days: int
    """How many days the containers' logs are kept."""
    network: Network | None = None
    scaling: TargetTracking | None = None
    """Target tracking; None for constant counts."""

    @classmethod
    def from_settings(
        cls, settings: StackSpec, versions: Mapping[str, ResolvedVersion], shared: SharedResources
    ) -> EndpointArgs:
        """Returns the endpoint that the config declares, with the resolved versions."""
        capture, variants = shared.storage.capture, ProductionVariant.from_settings(settings, versions)
        return cls(
            gate=shared.gate,
            variants=variants,
            configuration=Configuration.from_settings(settings, variants),
            acknowledged=settings.acknowledged_incident,
            policy=_build_deployment_policy(settings.endpoint.rollout),
            registry_key=shared.registry.key_arn,
            capture_bucket=capture.bucket,
            capture_arn=capture.arn,
            capture_key=capture.encryption_key,
            monitoring=shared.storage.monitoring.bucket,
            log_days=settings.logs.retention_days,
            network=Network.from_settings(settings),
            scaling=TargetTracking.from_settings(settings),
        )


def _build_deployment_policy(rollout: RolloutSpec) -> DeploymentPolicy:
    """Returns the policy for how a new fleet replaces the old one."""
    if rollout.strategy == "allAtOnce":
        return DeploymentPolicy(termination_wait_seconds=rollout.termination_wait_seconds)
    return DeploymentPolicy(
        type="CANARY" if rollout.strategy == "canary" else "LINEAR",
        size_percent=rollout.step_percent,
        wait_seconds=rollout.wait_seconds,
        termination_wait_seconds=rollout.termination_wait_seconds,
    )


class ServingEndpoint(pulumi.ComponentResource):
    """The models, their configuration, the endpoint, its deployment and its instances, created in this order.

    They are a unit because each exists for the next. docs/adr/0001 lists the owner of each part at run time. `alarms`
    has every alarm that is created here.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, context: StackContext, args: EndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tidewatch:sagemaker:ServingEndpoint", context.name("endpoint"), None, opts)
        self._context, self._args = context, args
        self.gate, self.traffic_inputs = args.gate, args.gate.traffic_inputs
        self.abort = self._create_abort_alarm()
        self.alarms = (self.abort,)
        models = self._create_models()
        self.identity, configuration = self._create_endpoint(models)
        self.name, self.arn = self.identity.name, self.identity.arn
        EndpointLogs(
            context,
            endpoint=self.name,
            days=args.log_days,
            tags=self.identity.tags_all,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=context.retains_data),
        )
        self.deployment = EndpointDeployment(
            context.name("deployment"),
            self.traffic_inputs,
            endpoint=self.name,
            acknowledged=args.acknowledged,
            config=configuration.name,
            content=read_content_tag(configuration),
            physical_names={
                "bucket": args.capture_bucket,
                "key": args.capture_key,
                **{f"role-{variant}": model.execution_role_arn for variant, model in models.items()},
            },
            instances={name: variant.instances for name, variant in args.variants.items()},
            abort_alarm=self.abort.name,
            policy=args.policy,
            tags=self.identity.tags_all,
            opts=self._make_child_opts(self.gate, self.identity),
        )
        self.capacity = self._create_scalings(args.scaling) if args.scaling else self._create_capacities()
        self.register_outputs({"name": self.name, "arn": self.arn})

    def _make_child_opts(self, *depends_on: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(depends_on) or None)

    def _create_abort_alarm(self) -> aws.cloudwatch.MetricAlarm:
        """Creates the alarm that the rollback function sets to stop a running deployment; it never fires by itself."""
        return aws.cloudwatch.MetricAlarm(
            self._context.name("abort"),
            alarm_description=f"Stops a running deployment of {self._context.model}: set by its rollback function",
            namespace=metrics.DEPLOYMENT_ABORT.namespace,
            metric_name=metrics.DEPLOYMENT_ABORT.name,
            dimensions=metrics.DEPLOYMENT_ABORT.build_dimensions(Stack=self._context.key),
            statistic="Maximum",
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=1,
            period=60,
            evaluation_periods=1,
            treat_missing_data="notBreaching",
            tags=self._context.build_tags(),
            opts=pulumi.ResourceOptions(parent=self, protect=self._context.protect),
        )

    def _create_endpoint(
        self, models: Mapping[str, aws.sagemaker.Model]
    ) -> tuple[aws.sagemaker.Endpoint, aws.sagemaker.EndpointConfiguration]:
        context, args, declared = self._context, self._args, self._args.configuration
        configuration = create_endpoint_configuration(
            context,
            declared,
            models=models,
            capture_bucket=args.capture_bucket,
            capture_key=args.capture_key,
            parent=self,
        )
        record = aws.s3.BucketObjectv2(
            context.name("deployed"),
            bucket=args.monitoring,
            key=f"deployments/{declared.content}.json",
            content=json.dumps(declared.build_record(context.model), sort_keys=True),
            content_type="application/json",
            # The stack outputs show the versions.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True, hide_diffs=["content"]),
        )
        endpoint = aws.sagemaker.Endpoint(
            context.build_unique_name(),
            endpoint_config_name=configuration.name,
            tags=context.build_tags(),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=context.protect,
                ignore_changes=["endpointConfigName", "deploymentConfig"],
                depends_on=[self.gate, record],
            ),
        )
        return endpoint, configuration

    def _create_models(self) -> dict[str, aws.sagemaker.Model]:
        """Creates the variants' models and their roles.

        There is one role, unless the variants need access to different resources.
        """
        context, args = self._context, self._args
        serving_args = {name: self._build_serving_args(variant) for name, variant in sorted(args.variants.items())}
        args_by_access_hash = {role_args.access_hash: role_args for role_args in serving_args.values()}
        roles = {
            access_hash: ServingRole(context, role_args, pulumi.ResourceOptions(parent=self))
            for access_hash, role_args in args_by_access_hash.items()
        }
        return {
            name: create_variant_model(
                context, args.variants[name], role=roles[role_args.access_hash].arn, network=args.network, parent=self
            )
            for name, role_args in serving_args.items()
        }

    def _build_serving_args(self, variant: ProductionVariant) -> ServingArgs:
        args = self._args
        return ServingArgs(
            registry=variant.bucket,
            image=variant.image,
            registry_key=args.registry_key,
            capture_arn=args.capture_arn,
            capture_key=args.capture_key,
            network=args.network,
        )

    def _create_capacities(self) -> list[pulumi.Resource]:
        """Creates the capacities one after the other, because the endpoint takes one change at a time."""
        capacities: list[pulumi.Resource] = []
        for name, variant in sorted(self._args.variants.items()):
            capacities.append(
                VariantCapacity(
                    self._context.name("capacity", name),
                    self.traffic_inputs,
                    endpoint=self.name,
                    variant=name,
                    instances=variant.instances,
                    opts=self._make_child_opts(self.deployment, *capacities),
                )
            )
        return capacities

    def _create_scalings(self, tracking: TargetTracking) -> list[pulumi.Resource]:
        return [
            VariantScaling(
                self._context,
                tracking,
                endpoint=self.name,
                variant=name,
                minimum=variant.floor if name == self._args.configuration.champion else variant.instances,
                opts=self._make_child_opts(self.deployment),
            )
            for name, variant in sorted(self._args.variants.items())
        ]
