"""The watch on the data: a function that reads what the endpoint captured, hour by hour, and what wakes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.lambda_function import EVENTBRIDGE, RUNTIME, FunctionArgs, allow_eventbridge, create_function_with_dlq
from components.lambda_layer import build_layer
from components.policy import Statement, render_policy, restrict_to_partition_keys
from components.registry_bucket import RegistryBucket
from components.sagemaker.endpoint import ServingEndpoint
from components.settings import DriftSettings, StackSettings
from components.shared_resources import SharedResources
from components.stack_context import StackContext
from components.storage import Storage
from components.tables import Tables
from tidewatch.drift.storage_layout import DEPLOYMENTS_PREFIX, DRIFT_PREFIX, EVENT_SOURCE, build_control_key

LAYER = "drift"
"""Whose packages the function imports: components.lambda_layer builds them."""


@dataclass(frozen=True)
class DriftArgs:
    """What the function needs to know.

    endpoint: the physical endpoint. capture_prefix: where its records go in the capture bucket.
    thresholds: by the names of tidewatch.drift.statistics.verdict.Thresholds, shares and rates as fractions.
    lag_minutes: an hour is read that long after its end. look_back_hours: how far back missed hours are made up for.
    """

    endpoint: pulumi.Input[str]
    capture_prefix: str
    storage: Storage
    registry: RegistryBucket
    tables: Tables
    thresholds: Mapping[str, float]
    lag_minutes: int = 20
    look_back_hours: int = 72
    log_days: int = 30

    @classmethod
    def from_settings(cls, settings: StackSettings, shared: SharedResources, endpoint: ServingEndpoint) -> DriftArgs:
        return cls(
            endpoint=endpoint.name,
            capture_prefix=settings.endpoint.capture_prefix,
            storage=shared.storage,
            registry=shared.registry,
            tables=shared.tables,
            thresholds=build_drift_thresholds(settings.drift),
            lag_minutes=settings.drift.lag_minutes,
            look_back_hours=settings.drift.look_back_hours,
            log_days=settings.logs.retention_days,
        )


def build_drift_thresholds(drift: DriftSettings) -> dict[str, float]:
    """What counts as drift, by the names that the domain has for it: points and percent as fractions."""
    return {
        "psi_warn": drift.psi[0],
        "psi_drift": drift.psi[1],
        "share_warn": drift.share[0] / 100,
        "share_drift": drift.share[1] / 100,
        "rate_warn": drift.rate[0] / 100,
        "rate_drift": drift.rate[1] / 100,
        "false_discovery_rate": drift.false_discovery_rate,
        "ticket_share": drift.ticket_share / 100,
        "page_share": drift.page_share / 100,
    }


class DriftMonitor(pulumi.ComponentResource):
    """The drift function with its packages, its schedule, and the queue for what neither could do.

    They are a unit because an hour must be read once, late enough, and not be lost: the schedule leaves time for late
    files, a run makes up for the hours that earlier ones missed, and what failed for good ends in the queue. Runs that
    overlap exclude each other by a lease in the control table, so no concurrency is reserved.
    """

    def __init__(self, context: StackContext, args: DriftArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tidewatch:components:Drift", context.name("drift"), None, opts)
        self._context, self._args = context, args
        self.function, self.dead_letter_queue = create_function_with_dlq(
            context,
            FunctionArgs(
                purpose="drift",
                module="lambdas.drift.handler",
                description=f"Tells whether the requests to {context.model} still look like its training data",
                environment=self._build_environment(),
                statements=self._build_statements(),
                memory_mb=1024,
                timeout_s=900,
                log_days=args.log_days,
                layers=[self._create_layer().arn],
            ),
            # The next hour's run does what this one could not.
            event_age_s=3600,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.schedule = build_schedule(args.lag_minutes)
        self._create_schedule()
        self.reports = pulumi.Output.concat("s3://", args.storage.monitoring.bucket, "/", DRIFT_PREFIX)
        self.register_outputs({"function": self.function.name, "reports": self.reports})

    def _create_layer(self) -> aws.lambda_.LayerVersion:
        return aws.lambda_.LayerVersion(
            self._context.name("drift"),
            layer_name=self._context.build_unique_name("drift"),
            description=f"What the drift function of {self._context.model} imports beside its own code",
            code=pulumi.FileArchive(str(build_layer(LAYER))),
            compatible_architectures=["arm64"],
            compatible_runtimes=[RUNTIME],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _build_environment(self) -> dict[str, pulumi.Input[str]]:
        args = self._args
        return {
            "STACK_KEY": self._context.key,
            "MODEL": self._context.model,
            "ENDPOINT": args.endpoint,
            "CAPTURE_BUCKET": args.storage.capture.bucket,
            "CAPTURE_PREFIX": args.capture_prefix,
            "MONITORING_BUCKET": args.storage.monitoring.bucket,
            "REGISTRY_BUCKET": args.registry.bucket,
            "CONTROL_TABLE": args.tables.control.name,
            "THRESHOLDS": pulumi.Output.json_dumps(dict(sorted(args.thresholds.items()))),
            "LAG_MINUTES": str(args.lag_minutes),
            "LOOK_BACK_HOURS": str(args.look_back_hours),
        }

    def _build_statements(self) -> Sequence[Statement]:
        args, storage = self._args, self._args.storage
        capture_pattern, version_pattern = f"{args.capture_prefix}/*", f"/{args.registry.prefix}*"
        monitoring, registry = storage.monitoring.arn, args.registry.arn
        return (
            Statement(
                "ReadCapture", ["s3:GetObject"], [pulumi.Output.concat(storage.capture.arn, "/", capture_pattern)]
            ),
            # Not by prefix: without leave to list, S3 says of a missing object that it is forbidden, and a read has no
            # prefix that could be allowed.
            Statement("List", ["s3:ListBucket"], [storage.capture.arn, monitoring, registry]),
            Statement(
                "ReadReference",
                ["s3:GetObject"],
                [
                    pulumi.Output.concat(registry, f"{version_pattern}/manifest.json"),
                    pulumi.Output.concat(registry, f"{version_pattern}/reference.json"),
                ],
            ),
            Statement(
                "ReadDeployment", ["s3:GetObject"], [pulumi.Output.concat(monitoring, f"/{DEPLOYMENTS_PREFIX}*")]
            ),
            Statement(
                "Report", ["s3:GetObject", "s3:PutObject"], [pulumi.Output.concat(monitoring, f"/{DRIFT_PREFIX}*")]
            ),
            Statement("Decrypt", ["kms:Decrypt"], [storage.capture.encryption_key, args.registry.key_arn]),
            Statement("Encrypt", ["kms:Decrypt", "kms:GenerateDataKey"], [storage.monitoring.encryption_key]),
            # Of the control table its own items alone: what steers the traffic is under another key.
            Statement(
                "OneAtATime",
                ["dynamodb:PutItem", "dynamodb:DeleteItem"],
                [args.tables.control.arn],
                condition=restrict_to_partition_keys(build_control_key(self._context.key)),
            ),
            Statement(
                "Announce",
                ["events:PutEvents"],
                [self._context.build_arn("events", "event-bus/default")],
                condition={"StringEquals": {"events:source": EVENT_SOURCE}},
            ),
        )

    def _create_schedule(self) -> None:
        context, child_opts = self._context, pulumi.ResourceOptions(parent=self)
        rule = aws.cloudwatch.EventRule(
            context.name("drift"),
            description=f"Reads the hour that ended {self._args.lag_minutes} minutes ago",
            schedule_expression=self.schedule,
            tags=context.build_tags(),
            opts=child_opts,
        )
        permission = allow_eventbridge(context, "drift", self.function, rule, child_opts)
        aws.cloudwatch.EventTarget(
            context.name("drift"),
            rule=rule.name,
            arn=self.function.arn,
            input="{}",
            retry_policy={"maximum_event_age_in_seconds": 3600, "maximum_retry_attempts": 10},
            dead_letter_config={"arn": self.dead_letter_queue.arn},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission, self._create_dlq_policy(rule)]),
        )

    def _create_dlq_policy(self, rule: aws.cloudwatch.EventRule) -> aws.sqs.QueuePolicy:
        statement = Statement(
            "Undelivered",
            ["sqs:SendMessage"],
            [self.dead_letter_queue.arn],
            principal={"Service": EVENTBRIDGE},
            condition={"ArnEquals": {"aws:SourceArn": rule.arn}},
        )
        return aws.sqs.QueuePolicy(
            self._context.name("drift-failures"),
            queue_url=self.dead_letter_queue.url,
            policy=render_policy(statement),
            opts=pulumi.ResourceOptions(parent=self),
        )


def build_schedule(lag_minutes: int) -> str:
    """Each hour, at the first minute at which another hour has ended `lag_minutes` ago."""
    return f"cron({lag_minutes % 60} * * * ? *)"
