"""Drift monitoring: a function that reads the captured records of each hour, and its schedule."""

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
from components.settings import DriftSpec, StackSpec
from components.shared_resources import SharedResources
from components.stack_context import StackContext
from components.storage import Storage
from components.tables import Tables
from tidewatch.drift.storage_layout import DEPLOYMENTS_PREFIX, DRIFT_PREFIX, EVENT_SOURCE, build_control_key

LAYER = "drift"
"""The layer with the packages that the function imports; components.lambda_layer builds it."""


@dataclass(frozen=True)
class DriftArgs:
    """The arguments of the drift function."""

    endpoint: pulumi.Input[str]
    """The physical name of the endpoint."""
    capture_prefix: str
    """The prefix of the endpoint's records in the capture bucket."""
    storage: Storage
    registry: RegistryBucket
    tables: Tables
    thresholds: Mapping[str, float]
    """The thresholds by the names of tidewatch.drift.statistics.verdict.Thresholds, with shares and rates as fractions.
    """
    lag_minutes: int = 20
    """How many minutes after its end an hour is read."""
    look_back_hours: int = 72
    """How many hours back missed hours are caught up on."""
    log_days: int = 30

    @classmethod
    def from_settings(cls, settings: StackSpec, shared: SharedResources, endpoint: ServingEndpoint) -> DriftArgs:
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


def build_drift_thresholds(drift: DriftSpec) -> dict[str, float]:
    """Returns the drift thresholds by the domain's names, with percentage points and percents as fractions."""
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
    """The drift function with its layer, its schedule and a dead-letter queue.

    They are a unit because each hour must be read once, late enough, and not be lost. The schedule leaves time for late
    files, a run catches up on hours that earlier runs missed, and events that finally failed go to the queue. A lease
    in the control table keeps overlapping runs apart, so no concurrency is reserved.
    """

    def __init__(self, context: StackContext, args: DriftArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tidewatch:components:DriftMonitor", context.name("drift"), None, opts)
        self._context, self._args = context, args
        self.function, self.dead_letter_queue = create_function_with_dlq(
            context,
            FunctionArgs(
                purpose="drift",
                module="lambdas.drift.handler",
                description=f"Compares the requests to {context.model} with its training data",
                environment=self._build_environment(),
                statements=self._build_statements(),
                memory_mb=1024,
                timeout_s=900,
                log_days=args.log_days,
                layers=[self._create_layer().arn],
            ),
            # The next hour's run catches up on what this one could not do.
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
            description=f"Packages of the drift function of {self._context.model}",
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
            # Without ListBucket, S3 answers 403 for a missing object. The permission cannot be limited by prefix,
            # because a read has no prefix to match.
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
            # Only the drift function's own items of the control table: those that control the traffic have another key.
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
    """Returns a cron expression: each hour, at the first minute when an hour has ended `lag_minutes` ago."""
    return f"cron({lag_minutes % 60} * * * ? *)"
