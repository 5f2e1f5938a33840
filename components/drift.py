"""The watch on the data: a function that reads what the endpoint captured, hour by hour, and what wakes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.functions import EVENTS, RUNTIME, FunctionArgs, permit_rule, with_failures
from components.layer import layer
from components.policy import Statement, document, leading
from components.registry import Registry
from components.scope import Scope
from components.storage import Storage
from components.tables import Tables
from tidewatch.drift.layout import DEPLOYMENTS, ROOT, SOURCE, control_key

LAYER = "drift"
"""Whose packages the function imports: components.layer builds them."""


@dataclass(frozen=True)
class DriftArgs:
    """What the function needs to know.

    endpoint: the physical endpoint. capture_prefix: where its records go in the capture bucket.
    thresholds: by the names of tidewatch.drift.verdict.Thresholds, shares and rates as fractions.
    lag_minutes: an hour is read that long after its end. look_back_hours: how far back missed hours are made up for.
    """

    endpoint: pulumi.Input[str]
    capture_prefix: str
    storage: Storage
    registry: Registry
    tables: Tables
    thresholds: Mapping[str, float]
    lag_minutes: int = 20
    look_back_hours: int = 72
    log_days: int = 30


class Drift(pulumi.ComponentResource):
    """The drift function with its packages, its schedule, and the queue for what neither could do.

    They are a unit because an hour must be read once, late enough, and not be lost: the schedule leaves time for late
    files, a run makes up for the hours that earlier ones missed, and what failed for good ends in the queue. Runs that
    overlap exclude each other by a lease in the control table, so no concurrency is reserved.
    """

    def __init__(self, scope: Scope, args: DriftArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tidewatch:components:Drift", scope.name("drift"), None, opts)
        self._scope, self._args = scope, args
        self.function, self.failures = with_failures(
            scope,
            FunctionArgs(
                purpose="drift",
                module="lambdas.drift.handler",
                description=f"Tells whether the requests to {scope.model} still look like its training data",
                environment=self._environment(),
                statements=self._statements(),
                memory_mb=1024,
                timeout_s=900,
                log_days=args.log_days,
                layers=[self._packages().arn],
            ),
            # The next hour's run does what this one could not.
            event_age_s=3600,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.schedule = schedule(args.lag_minutes)
        self._hourly()
        self.reports = pulumi.Output.concat("s3://", args.storage.monitoring.bucket, "/", ROOT)
        self.register_outputs({"function": self.function.name, "reports": self.reports})

    def _packages(self) -> aws.lambda_.LayerVersion:
        return aws.lambda_.LayerVersion(
            self._scope.name("drift"),
            layer_name=self._scope.own_name("drift"),
            description=f"What the drift function of {self._scope.model} imports beside its own code",
            code=pulumi.FileArchive(str(layer(LAYER))),
            compatible_architectures=["arm64"],
            compatible_runtimes=[RUNTIME],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _environment(self) -> dict[str, pulumi.Input[str]]:
        args = self._args
        return {
            "STACK_KEY": self._scope.key,
            "MODEL": self._scope.model,
            "ENDPOINT": args.endpoint,
            "CAPTURE_BUCKET": args.storage.capture.bucket,
            "CAPTURE_PREFIX": args.capture_prefix,
            "MONITORING_BUCKET": args.storage.monitoring.bucket,
            "REGISTRY_BUCKET": args.registry.bucket,
            "CONTROL": args.tables.control.name,
            "THRESHOLDS": pulumi.Output.json_dumps(dict(sorted(args.thresholds.items()))),
            "LAG_MINUTES": str(args.lag_minutes),
            "LOOK_BACK_HOURS": str(args.look_back_hours),
        }

    def _statements(self) -> Sequence[Statement]:
        args, storage = self._args, self._args.storage
        captured, versions = f"{args.capture_prefix}/*", f"/{args.registry.prefix}*"
        monitoring, registry = storage.monitoring.arn, args.registry.arn
        return (
            Statement("ReadCapture", ["s3:GetObject"], [pulumi.Output.concat(storage.capture.arn, "/", captured)]),
            # Not by prefix: without leave to list, S3 says of a missing object that it is forbidden, and a read has no
            # prefix that could be allowed.
            Statement("List", ["s3:ListBucket"], [storage.capture.arn, monitoring, registry]),
            Statement(
                "ReadReference",
                ["s3:GetObject"],
                [
                    pulumi.Output.concat(registry, f"{versions}/manifest.json"),
                    pulumi.Output.concat(registry, f"{versions}/reference.json"),
                ],
            ),
            Statement("ReadDeployment", ["s3:GetObject"], [pulumi.Output.concat(monitoring, f"/{DEPLOYMENTS}*")]),
            Statement("Report", ["s3:GetObject", "s3:PutObject"], [pulumi.Output.concat(monitoring, f"/{ROOT}*")]),
            Statement("Decrypt", ["kms:Decrypt"], [storage.capture.encryption_key, args.registry.key_arn]),
            Statement("Encrypt", ["kms:Decrypt", "kms:GenerateDataKey"], [storage.monitoring.encryption_key]),
            # Of the control table its own items alone: what steers the traffic is under another key.
            Statement(
                "OneAtATime",
                ["dynamodb:PutItem", "dynamodb:DeleteItem"],
                [args.tables.control.arn],
                condition=leading(control_key(self._scope.key)),
            ),
            Statement(
                "Announce",
                ["events:PutEvents"],
                [self._scope.arn("events", "event-bus/default")],
                condition={"StringEquals": {"events:source": SOURCE}},
            ),
        )

    def _hourly(self) -> None:
        scope, inside = self._scope, pulumi.ResourceOptions(parent=self)
        rule = aws.cloudwatch.EventRule(
            scope.name("drift"),
            description=f"Reads the hour that ended {self._args.lag_minutes} minutes ago",
            schedule_expression=self.schedule,
            tags=scope.tagged(),
            opts=inside,
        )
        permission = permit_rule(scope, "drift", self.function, rule, inside)
        aws.cloudwatch.EventTarget(
            scope.name("drift"),
            rule=rule.name,
            arn=self.function.arn,
            input="{}",
            retry_policy={"maximum_event_age_in_seconds": 3600, "maximum_retry_attempts": 10},
            dead_letter_config={"arn": self.failures.arn},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission, self._keep_undelivered(rule)]),
        )

    def _keep_undelivered(self, rule: aws.cloudwatch.EventRule) -> aws.sqs.QueuePolicy:
        statement = Statement(
            "Undelivered",
            ["sqs:SendMessage"],
            [self.failures.arn],
            principal={"Service": EVENTS},
            condition={"ArnEquals": {"aws:SourceArn": rule.arn}},
        )
        return aws.sqs.QueuePolicy(
            self._scope.name("drift-failures"),
            queue_url=self.failures.url,
            policy=document(statement),
            opts=pulumi.ResourceOptions(parent=self),
        )


def schedule(lag_minutes: int) -> str:
    """Each hour, at the first minute at which another hour has ended `lag_minutes` ago."""
    return f"cron({lag_minutes % 60} * * * ? *)"
