"""Rollback: a function that returns the weights to the champion, and everything that calls it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.alarm_names import build_guardrail_names
from components.dashboard_names import build_links
from components.drift_monitor import DriftMonitor
from components.lambda_function import FunctionArgs, allow_eventbridge, create_function_with_dlq
from components.policy import Statement, restrict_to_partition_keys
from components.registry_bucket import RegistryBucket
from components.sagemaker.endpoint import ServingEndpoint
from components.settings import StackSpec
from components.shared_resources import SharedResources
from components.stack_context import StackContext
from components.tables import Tables
from components.topics import Topics
from tidewatch.alarms import HEALTH_COMPOSITE
from tidewatch.naming import VARIANTS
from tidewatch.rollback import format_invocation
from tidewatch.slo import Objective
from tidewatch.traffic import LEDGER_PREFIX, build_acknowledgements_key

ALARMS_PRINCIPAL = "lambda.alarms.cloudwatch.amazonaws.com"
SWEEP_EVENT = json.dumps({"action": "sweep"})


@dataclass(frozen=True)
class RollbackArgs:
    """The arguments of the rollback function."""

    endpoint: pulumi.Input[str]
    """The physical name of the endpoint."""
    endpoint_arn: pulumi.Input[str]
    variants: Sequence[str]
    """The declared variants."""
    target: str
    """The champion."""
    floor: int
    """The number of instances that the champion never goes below."""
    abort_alarm: pulumi.Input[str]
    """The alarm that stops a running deployment."""
    abort_alarm_arn: pulumi.Input[str]
    tables: Tables
    topics: Topics
    monitoring: pulumi.Input[str]
    """The bucket of the incident documents."""
    monitoring_arn: pulumi.Input[str]
    monitoring_key: pulumi.Input[str]
    registry: RegistryBucket
    """The registry, whose bucket takes copies of the ledger because nothing in it is overwritten."""
    automatic: bool = True
    """Whether alarms may call the function."""
    guardrails: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    log_days: int = 30
    objectives: Sequence[Objective] = ()
    """The objectives promised to users; the function emits how much of their error budgets is used."""
    runbooks: str = "runbooks"
    """The folder or URL of the runbooks; each is {name}.md."""
    dashboard: pulumi.Input[str] = ""
    """The link to the on-call dashboard, "" if there is none."""
    reports: pulumi.Input[str] = ""
    """The link to the drift reports, "" if there is none."""

    @classmethod
    def from_settings(
        cls,
        context: StackContext,
        settings: StackSpec,
        shared: SharedResources,
        endpoint: ServingEndpoint,
        drift: DriftMonitor | None,
    ) -> RollbackArgs:
        tables, monitoring = shared.tables, shared.storage.monitoring
        return cls(
            endpoint=endpoint.name,
            endpoint_arn=endpoint.arn,
            variants=sorted(settings.variants),
            target=settings.champion,
            floor=settings.floor,
            abort_alarm=endpoint.abort.name,
            abort_alarm_arn=endpoint.abort.arn,
            tables=tables,
            topics=shared.topics,
            monitoring=monitoring.bucket,
            monitoring_arn=monitoring.arn,
            monitoring_key=monitoring.encryption_key,
            registry=shared.registry,
            automatic=settings.rollback.automatic,
            guardrails=build_guardrail_names(context, VARIANTS, settings.champion),
            objectives=settings.slo.objectives(),
            runbooks=settings.notify.runbooks,
            dashboard=build_links(context)["oncall"],
            reports=drift.reports if drift else "",
            log_days=settings.logs.retention_days,
        )


class RollbackFunction(pulumi.ComponentResource):
    """The rollback function with its callers: state changes of the endpoint, a sweep each minute, alarms, people.

    They are a unit because no event may be lost between them. An event that the function fails on goes to the queue,
    and the sweep continues every rollback that is still open.
    """

    def __init__(self, context: StackContext, args: RollbackArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        protected_opts = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(protect=context.protect), opts)
        super().__init__("tidewatch:components:RollbackFunction", context.name("rollback"), None, protected_opts)
        self._context, self._args = context, args
        self.function, self.dead_letter_queue = create_function_with_dlq(
            context,
            FunctionArgs(
                purpose="rollback",
                module="lambdas.rollback.handler",
                description=f"Sends all traffic of {context.model} to its champion",
                environment=self._build_environment(),
                statements=self._build_statements(),
                memory_mb=512,
                timeout_s=120,
                log_days=args.log_days,
            ),
            event_age_s=6 * 3600,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._create_state_rule()
        self._create_sweep_rule()
        # EventBridge counts a rule's matches only if the rule has a target. This target also runs the sweep at once
        # when somebody assumes the break-glass role.
        self._connect_rule(args.registry.usage_rule, "break-glass", SWEEP_EVENT)
        self.permissions = [
            self._allow_alarm(
                f"guardrail-{variant}", context.build_arn("cloudwatch", pulumi.Output.concat("alarm:", name))
            )
            for variant, name in (sorted(args.guardrails.items()) if args.automatic else ())
        ]
        self.automatic = args.automatic
        self.target = {variant: float(variant == args.target) for variant in sorted(args.variants)}
        self.command = self.function.name.apply(lambda name: format_invocation(name, context.region))
        self.register_outputs({"function": self.function.name, "command": self.command})

    def _build_environment(self) -> dict[str, pulumi.Input[str]]:
        args = self._args
        return {
            "STACK_KEY": self._context.key,
            "ENDPOINT": args.endpoint,
            "LEDGER_TABLE": args.tables.ledger.name,
            "CONTROL_TABLE": args.tables.control.name,
            "CHAMPION": args.target,
            "GUARDRAIL_ALARMS": pulumi.Output.json_dumps([name for _, name in sorted(args.guardrails.items())]),
            "FLOOR": str(args.floor),
            "MONITORING_BUCKET": args.monitoring,
            "LEDGER_COPY_BUCKET": args.registry.bucket,
            "NOTIFICATION_TOPIC": args.topics.arns["P1"],
            "ABORT_ALARM": args.abort_alarm,
            "STACK": self._context.stack,
            "AUTOMATIC": str(args.automatic).lower(),
            "SLACK_ENABLED": str(args.topics.is_posted_to_slack("P1")).lower(),
            # The composite is created after this function, because some of the alarms in its rule call the function.
            "HEALTH_ALARM": self._context.build_physical_name(HEALTH_COMPOSITE),
            "RUNBOOKS": args.runbooks,
            "DASHBOARD_URL": args.dashboard,
            "REPORTS_URL": args.reports,
            "OBJECTIVES": objectives_to_json(args.objectives),
        }

    def _build_statements(self) -> Sequence[Statement]:
        args = self._args
        return (
            Statement(
                "Flip",
                ["sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities"],
                [args.endpoint_arn],
            ),
            Statement(
                "Append",
                ["dynamodb:PutItem", "dynamodb:Query"],
                [args.tables.ledger.arn],
                condition=restrict_to_partition_keys(self._context.key),
            ),
            # Read only: the function that runs a rollback must not be able to acknowledge it.
            Statement(
                "Acknowledgements",
                ["dynamodb:Query"],
                [args.tables.ledger.arn],
                condition=restrict_to_partition_keys(build_acknowledgements_key(self._context.key)),
            ),
            Statement("Copy", ["s3:PutObject"], [pulumi.Output.concat(args.registry.arn, "/", LEDGER_PREFIX, "*")]),
            Statement(
                "Drive", ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"], [args.tables.control.arn]
            ),
            Statement("Abort", ["cloudwatch:SetAlarmState"], [args.abort_alarm_arn]),
            # GetMetricData takes no resource: IAM cannot distinguish this endpoint's metrics from others.
            Statement("ReadMetrics", ["cloudwatch:GetMetricData"], ["*"]),
            # Neither action returns composite alarms if it is allowed on fewer resources than all.
            Statement("ReadAlarms", ["cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmHistory"], ["*"]),
            Statement("Draft", ["s3:PutObject"], [pulumi.Output.concat(args.monitoring_arn, "/incidents/*")]),
            Statement("Page", ["sns:Publish"], [args.topics.arns["P1"]]),
            Statement(
                "Encrypt",
                ["kms:Decrypt", "kms:GenerateDataKey"],
                [args.monitoring_key, args.registry.key_arn, args.topics.key_arn],
            ),
        )

    def _create_state_rule(self) -> None:
        pattern = pulumi.Output.json_dumps(
            {
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker Endpoint State Change"],
                "detail": {"EndpointName": [self._args.endpoint]},
            }
        )
        rule = aws.cloudwatch.EventRule(
            self._context.name("state"),
            description=f"The endpoint of {self._context.model} changed its state",
            event_pattern=pattern,
            tags=self._context.build_tags(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._connect_rule(rule, "state")

    def _create_sweep_rule(self) -> None:
        rule = aws.cloudwatch.EventRule(
            self._context.name("sweep"),
            description="Continues an open rollback, and detects weights that nobody declared",
            schedule_expression="rate(1 minute)",
            tags=self._context.build_tags(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._connect_rule(rule, "sweep", SWEEP_EVENT)

    def _connect_rule(self, rule: aws.cloudwatch.EventRule, part: str, payload: str | None = None) -> None:
        permission = allow_eventbridge(self._context, part, self.function, rule, pulumi.ResourceOptions(parent=self))
        aws.cloudwatch.EventTarget(
            self._context.name(part),
            rule=rule.name,
            arn=self.function.arn,
            input=payload,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )

    def _allow_alarm(self, part: str, alarm: pulumi.Input[str]) -> aws.lambda_.Permission:
        return aws.lambda_.Permission(
            self._context.name(part),
            action="lambda:InvokeFunction",
            function=self.function.name,
            principal=ALARMS_PRINCIPAL,
            source_arn=alarm,
            source_account=self._context.account,
            # The permission is created and deleted with its variant, and with `automatic`.
            opts=pulumi.ResourceOptions(parent=self, protect=False),
        )


def objectives_to_json(objectives: Sequence[Objective]) -> str:
    """Returns the objectives in the JSON form that the function reads."""
    terms = ("percent", "days", "milliseconds")
    return json.dumps(
        {objective.kind: {term: getattr(objective, term) for term in terms} for objective in objectives}, sort_keys=True
    )
