"""The way back: a function that flips the weights to the champion, and what wakes it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.functions import FunctionArgs, permit_rule, with_failures
from components.policy import Statement, leading
from components.registry import Registry
from components.scope import Scope
from components.tables import Tables
from components.topics import Topics
from tidewatch.alarms.catalog import OVERALL
from tidewatch.slo import Objective
from tidewatch.traffic import acknowledged_key
from tidewatch.traffic import invocation as command
from tidewatch.traffic.copies import PREFIX

ALARMS = "lambda.alarms.cloudwatch.amazonaws.com"
SWEEP = json.dumps({"action": "sweep"})


@dataclass(frozen=True)
class RollbackArgs:
    """What the function needs to know.

    endpoint, endpoint_arn: the physical endpoint.
    slots: the declared slots; target: the champion; floor: instances it never goes below.
    abort_alarm, abort_alarm_arn: the alarm that stops a running deployment.
    monitoring, monitoring_arn, monitoring_key: the bucket that incident documents go to.
    registry: whose bucket takes the copies of the ledger, as nothing in it is overwritten.
    automatic: whether alarms may call the function.
    objectives: what is promised to users; the function emits what of their budgets is used.
    runbooks: the folder or URL that {name}.md is under.
    dashboard, reports: links for who is on call, "" where there is none.
    """

    endpoint: pulumi.Input[str]
    endpoint_arn: pulumi.Input[str]
    slots: Sequence[str]
    target: str
    floor: int
    abort_alarm: pulumi.Input[str]
    abort_alarm_arn: pulumi.Input[str]
    tables: Tables
    topics: Topics
    monitoring: pulumi.Input[str]
    monitoring_arn: pulumi.Input[str]
    monitoring_key: pulumi.Input[str]
    registry: Registry
    automatic: bool = True
    guardrails: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    log_days: int = 30
    objectives: Sequence[Objective] = ()
    runbooks: str = "runbooks"
    dashboard: pulumi.Input[str] = ""
    reports: pulumi.Input[str] = ""


class Rollback(pulumi.ComponentResource):
    """The rollback function with its callers: state changes of the endpoint, a sweep each minute, alarms, people.

    They are a unit because nothing may be lost between them: an event that the function fails on ends in the queue,
    and the sweep drives whatever is still open.
    """

    def __init__(self, scope: Scope, args: RollbackArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        guarded = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(protect=scope.protect), opts)
        super().__init__("tidewatch:components:Rollback", scope.name("rollback"), None, guarded)
        self._scope, self._args = scope, args
        self.function, self.failures = with_failures(
            scope,
            FunctionArgs(
                purpose="rollback",
                module="lambdas.rollback.handler",
                description=f"Flips the weights of {scope.model} back to its champion",
                environment=self._environment(),
                statements=self._statements(),
                memory_mb=512,
                timeout_s=120,
                log_days=args.log_days,
            ),
            event_age_s=6 * 3600,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._on_state_change()
        self._sweep()
        # A rule counts what it matches where it calls something: who takes break-glass is looked after at once.
        self._call(args.registry.used, "break-glass", SWEEP)
        self.permissions = [
            self._permit(f"guardrail-{slot}", scope.arn("cloudwatch", pulumi.Output.concat("alarm:", name)))
            for slot, name in (sorted(args.guardrails.items()) if args.automatic else ())
        ]
        self.automatic = args.automatic
        self.target = {slot: float(slot == args.target) for slot in sorted(args.slots)}
        self.command = self.function.name.apply(lambda name: command(name, scope.region))
        self.register_outputs({"function": self.function.name, "command": self.command})

    def _environment(self) -> dict[str, pulumi.Input[str]]:
        args = self._args
        return {
            "STACK_KEY": self._scope.key,
            "ENDPOINT": args.endpoint,
            "LEDGER": args.tables.ledger.name,
            "CONTROL": args.tables.control.name,
            "TARGET": args.target,
            "GUARDRAILS": pulumi.Output.json_dumps([name for _, name in sorted(args.guardrails.items())]),
            "FLOOR": str(args.floor),
            "MONITORING_BUCKET": args.monitoring,
            "COPIES": args.registry.bucket,
            "TOPIC": args.topics.arns["P1"],
            "ABORT_ALARM": args.abort_alarm,
            "ENVIRONMENT": self._scope.stack,
            "AUTOMATIC": str(args.automatic).lower(),
            "CHAT": str(args.topics.posted("P1")).lower(),
            # Its composite is made after this function, which some of the alarms under it call.
            "ALARM": args.tables.physical_name(OVERALL),
            "RUNBOOKS": args.runbooks,
            "DASHBOARD": args.dashboard,
            "REPORTS": args.reports,
            "OBJECTIVES": told(args.objectives),
        }

    def _statements(self) -> Sequence[Statement]:
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
                condition=leading(self._scope.key),
            ),
            # Only read: what drives a rollback cannot call it settled.
            Statement(
                "Acknowledgements",
                ["dynamodb:Query"],
                [args.tables.ledger.arn],
                condition=leading(acknowledged_key(self._scope.key)),
            ),
            Statement("Copy", ["s3:PutObject"], [pulumi.Output.concat(args.registry.arn, "/", PREFIX, "*")]),
            Statement(
                "Drive", ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"], [args.tables.control.arn]
            ),
            Statement("Abort", ["cloudwatch:SetAlarmState"], [args.abort_alarm_arn]),
            # It takes no resource: the metrics of this endpoint cannot be told from another's in IAM.
            Statement("ReadMetrics", ["cloudwatch:GetMetricData"], ["*"]),
            # Neither tells of a composite alarm where it is allowed on less than everything.
            Statement("ReadAlarms", ["cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmHistory"], ["*"]),
            Statement("Draft", ["s3:PutObject"], [pulumi.Output.concat(args.monitoring_arn, "/incidents/*")]),
            Statement("Page", ["sns:Publish"], [args.topics.arns["P1"]]),
            Statement(
                "Encrypt",
                ["kms:Decrypt", "kms:GenerateDataKey"],
                [args.monitoring_key, args.registry.key_arn, args.topics.key_arn],
            ),
        )

    def _on_state_change(self) -> None:
        pattern = pulumi.Output.json_dumps(
            {
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker Endpoint State Change"],
                "detail": {"EndpointName": [self._args.endpoint]},
            }
        )
        rule = aws.cloudwatch.EventRule(
            self._scope.name("state"),
            description=f"The endpoint of {self._scope.model} changed its state",
            event_pattern=pattern,
            tags=self._scope.tagged(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._call(rule, "state")

    def _sweep(self) -> None:
        rule = aws.cloudwatch.EventRule(
            self._scope.name("sweep"),
            description="Drives what is still open, and notices weights that nobody declared",
            schedule_expression="rate(1 minute)",
            tags=self._scope.tagged(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._call(rule, "sweep", SWEEP)

    def _call(self, rule: aws.cloudwatch.EventRule, part: str, payload: str | None = None) -> None:
        permission = permit_rule(self._scope, part, self.function, rule, pulumi.ResourceOptions(parent=self))
        aws.cloudwatch.EventTarget(
            self._scope.name(part),
            rule=rule.name,
            arn=self.function.arn,
            input=payload,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )

    def _permit(self, part: str, alarm: pulumi.Input[str]) -> aws.lambda_.Permission:
        return aws.lambda_.Permission(
            self._scope.name(part),
            action="lambda:InvokeFunction",
            function=self.function.name,
            principal=ALARMS,
            source_arn=alarm,
            source_account=self._scope.account,
            # It comes and goes with its slot, and with `automatic`.
            opts=pulumi.ResourceOptions(parent=self, protect=False),
        )


def told(objectives: Sequence[Objective]) -> str:
    """Objectives as the function reads them."""
    terms = ("percent", "days", "milliseconds")
    return json.dumps({one.kind: {term: getattr(one, term) for term in terms} for one in objectives}, sort_keys=True)
