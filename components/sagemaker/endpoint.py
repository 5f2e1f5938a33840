"""The endpoint on SageMaker: its identity, its fleet and its capacity. traffic.py moves its traffic afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.sagemaker.autoscaling import Scaling, SlotScaling
from components.sagemaker.capacity import VariantCapacity
from components.sagemaker.configuration import Capture, Configuration, Hosting, content_of, endpoint_configuration
from components.sagemaker.deployment import EndpointDeployment
from components.sagemaker.gate import Gate
from components.sagemaker.logs import EndpointLogs
from components.sagemaker.serving import ServingArgs, ServingRole
from components.sagemaker.slots import Network, Slot, slot_model
from components.scope import Scope
from tidewatch import metrics
from tidewatch.traffic import DeploymentPolicy


@dataclass(frozen=True)
class EndpointArgs:
    """An endpoint as declared.

    gate: what lets its declaration pass. slots: one or two; champion: the one a rollback goes back to. acknowledged:
    the incident the config names, or "".
    registry_key: what artifacts are encrypted with. capture_*, monitoring: where captured records and deployment
    records are.
    log_days: how long what its containers write is kept.
    scaling: target tracking, or None for constant counts.
    """

    gate: Gate
    slots: Mapping[str, Slot]
    champion: str
    acknowledged: str
    hosting: Hosting
    capture: Capture
    policy: DeploymentPolicy
    registry_key: pulumi.Input[str]
    capture_bucket: pulumi.Input[str]
    capture_arn: pulumi.Input[str]
    capture_key: pulumi.Input[str]
    monitoring: pulumi.Input[str]
    log_days: int
    network: Network | None = None
    scaling: Scaling | None = None


class Endpoint(pulumi.ComponentResource):
    """The models, their configuration, the endpoint, its deployment and its instances, in that order.

    They are a unit because each exists for the next; who owns what of it at run time is in docs/adr/0001.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, scope: Scope, args: EndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tidewatch:sagemaker:Endpoint", scope.name("endpoint"), None, opts)
        self._scope, self._args = scope, args
        self.gate, self.declaration = args.gate, args.gate.declaration
        self.abort = self._abort_alarm()
        models = self._models()
        self.identity, configuration = self._identity(models)
        self.name, self.arn = self.identity.name, self.identity.arn
        EndpointLogs(
            scope,
            endpoint=self.name,
            days=args.log_days,
            tags=self.identity.tags_all,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=scope.keeps_data),
        )
        self.deployment = EndpointDeployment(
            scope.name("deployment"),
            self.declaration,
            endpoint=self.name,
            acknowledged=args.acknowledged,
            config=configuration.name,
            content=content_of(configuration),
            cloud_made={
                "bucket": args.capture_bucket,
                "key": args.capture_key,
                **{f"role-{slot}": model.execution_role_arn for slot, model in models.items()},
            },
            instances={name: slot.instances for name, slot in args.slots.items()},
            abort_alarm=self.abort.name,
            policy=args.policy,
            tags=self.identity.tags_all,
            opts=self._child(self.gate, self.identity),
        )
        self.capacity = self._scaled(args.scaling) if args.scaling else self._counted()
        self.register_outputs({"name": self.name, "arn": self.arn})

    def _child(self, *depends_on: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(depends_on) or None)

    def _abort_alarm(self) -> aws.cloudwatch.MetricAlarm:
        """Never fires by itself: the rollback function sets it, which stops a running deployment."""
        return aws.cloudwatch.MetricAlarm(
            self._scope.name("abort"),
            alarm_description=f"Stops a running deployment of {self._scope.model}: set by its rollback function",
            namespace=metrics.DEPLOYMENT_ABORT.namespace,
            metric_name=metrics.DEPLOYMENT_ABORT.name,
            dimensions=metrics.DEPLOYMENT_ABORT.of(Endpoint=self._scope.key),
            statistic="Maximum",
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=1,
            period=60,
            evaluation_periods=1,
            treat_missing_data="notBreaching",
            tags=self._scope.tagged(),
            opts=pulumi.ResourceOptions(parent=self, protect=self._scope.protect),
        )

    def _identity(
        self, models: Mapping[str, aws.sagemaker.Model]
    ) -> tuple[aws.sagemaker.Endpoint, aws.sagemaker.EndpointConfiguration]:
        scope, args = self._scope, self._args
        declared = Configuration(
            slots=[args.slots[name] for name in sorted(args.slots)],
            contents={name: slot.content(scope.model, args.network) for name, slot in args.slots.items()},
            hosting=args.hosting,
            capture=args.capture,
            champion=args.champion,
        )
        configuration = endpoint_configuration(
            scope,
            declared,
            models=models,
            capture_bucket=args.capture_bucket,
            capture_key=args.capture_key,
            parent=self,
        )
        record = aws.s3.BucketObjectv2(
            scope.name("deployed"),
            bucket=args.monitoring,
            key=f"deployments/{declared.content}.json",
            content=json.dumps(declared.document(scope.model), sort_keys=True),
            content_type="application/json",
            # The outputs tell the versions.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True, hide_diffs=["content"]),
        )
        endpoint = aws.sagemaker.Endpoint(
            scope.own_name(),
            endpoint_config_name=configuration.name,
            tags=scope.tagged(),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=scope.protect,
                ignore_changes=["endpointConfigName", "deploymentConfig"],
                depends_on=[self.gate, record],
            ),
        )
        return endpoint, configuration

    def _models(self) -> dict[str, aws.sagemaker.Model]:
        """The slots' models, and the roles that they are run as: one, unless the slots reach different things."""
        scope, args = self._scope, self._args
        reached = {name: self._reached(slot) for name, slot in sorted(args.slots.items())}
        roles = {
            reach: ServingRole(scope, one, pulumi.ResourceOptions(parent=self))
            for reach, one in {one.reach: one for one in reached.values()}.items()
        }
        return {
            name: slot_model(scope, args.slots[name], role=roles[one.reach].arn, network=args.network, parent=self)
            for name, one in reached.items()
        }

    def _reached(self, slot: Slot) -> ServingArgs:
        args = self._args
        return ServingArgs(
            registry=slot.bucket,
            image=slot.image,
            registry_key=args.registry_key,
            capture_arn=args.capture_arn,
            capture_key=args.capture_key,
            network=args.network,
        )

    def _counted(self) -> list[pulumi.Resource]:
        """One slot after the other: the endpoint takes one change at a time."""
        done: list[pulumi.Resource] = []
        for name, slot in sorted(self._args.slots.items()):
            done.append(
                VariantCapacity(
                    self._scope.name("capacity", name),
                    self.declaration,
                    endpoint=self.name,
                    slot=name,
                    instances=slot.instances,
                    opts=self._child(self.deployment, *done),
                )
            )
        return done

    def _scaled(self, scaling: Scaling) -> list[pulumi.Resource]:
        return [
            SlotScaling(
                self._scope,
                scaling,
                endpoint=self.name,
                slot=name,
                minimum=slot.floor if name == self._args.champion else slot.instances,
                opts=self._child(self.deployment),
            )
            for name, slot in sorted(self._args.slots.items())
        ]
