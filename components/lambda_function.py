"""The Lambda function component: its own role and log group, traced, on Graviton, with only the code it imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pulumi
import pulumi_aws as aws

from components.lambda_package import build_archive
from components.policy import Statement, build_service_trust_policy, render_policy
from components.stack_context import StackContext

RUNTIME = "python3.12"
EVENTBRIDGE = "events.amazonaws.com"


@dataclass(frozen=True)
class FunctionArgs:
    """What differs between functions."""

    purpose: str
    """The part of the name that distinguishes the function."""
    module: str
    """The handler's module; Lambda calls its `handler`."""
    description: str
    """A sentence."""
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    """The environment variables that the function reads at start."""
    statements: Sequence[Statement] = ()
    """What the function may do besides logging and tracing."""
    memory_mb: int = 512
    """The memory, in MB."""
    timeout_s: int = 60
    """The longest run, in seconds."""
    log_days: int = 30
    """How many days the log is kept."""
    layers: Sequence[pulumi.Input[str]] = ()
    """The ARNs of the layers with packages from outside this repository."""


class Function(pulumi.ComponentResource):
    """A function with its log group and its role.

    They are a unit because the role names the log group and nothing else uses either.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    log_group: pulumi.Output[str]

    def __init__(self, context: StackContext, args: FunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        name = context.name(args.purpose)
        super().__init__("tidewatch:components:Function", name, None, opts)
        child_opts, tags = pulumi.ResourceOptions(parent=self), context.build_tags(purpose=args.purpose)
        logs = aws.cloudwatch.LogGroup(name, retention_in_days=args.log_days, tags=tags, opts=child_opts)
        self.role = aws.iam.Role(
            name,
            description=args.description,
            assume_role_policy=build_service_trust_policy("lambda.amazonaws.com"),
            tags=tags,
            opts=child_opts,
        )
        permissions = aws.iam.RolePolicy(
            name,
            role=self.role.name,
            policy=render_policy(
                Statement(
                    "Log",
                    ["logs:CreateLogStream", "logs:PutLogEvents"],
                    [pulumi.Output.concat(logs.arn, ":log-stream:*")],
                ),
                Statement("Trace", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"]),
                *args.statements,
            ),
            opts=child_opts,
        )
        self.function = aws.lambda_.Function(
            name,
            description=args.description,
            role=self.role.arn,
            runtime=RUNTIME,
            architectures=["arm64"],
            handler=f"{args.module}.handler",
            code=build_archive(args.module),
            layers=list(args.layers) or None,
            memory_size=args.memory_mb,
            timeout=args.timeout_s,
            environment={"variables": dict(args.environment)},
            logging_config={"log_format": "JSON", "log_group": logs.name},
            tracing_config={"mode": "Active"},
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permissions]),
        )
        self.name, self.arn, self.log_group = self.function.name, self.function.arn, logs.name
        self.register_outputs({"name": self.name, "arn": self.arn})


def create_function_with_dlq(
    context: StackContext, args: FunctionArgs, event_age_s: int, opts: pulumi.ResourceOptions
) -> tuple[Function, aws.sqs.Queue]:
    """Creates a function that is called asynchronously, and a queue for the events that it finally failed on.

    Lambda retries an event for `event_age_s` seconds.
    """
    dead_letter_queue = aws.sqs.Queue(
        context.name(f"{args.purpose}-failures"),
        sqs_managed_sse_enabled=True,
        message_retention_seconds=14 * 24 * 3600,
        tags=context.build_tags(),
        opts=opts,
    )
    send_statement = Statement("Fail", ["sqs:SendMessage"], [dead_letter_queue.arn])
    function = Function(context, replace(args, statements=(*args.statements, send_statement)), opts)
    aws.lambda_.FunctionEventInvokeConfig(
        context.name(args.purpose),
        function_name=function.name,
        maximum_event_age_in_seconds=event_age_s,
        maximum_retry_attempts=2,
        destination_config={"on_failure": {"destination": dead_letter_queue.arn}},
        opts=opts,
    )
    return function, dead_letter_queue


def allow_eventbridge(
    context: StackContext, part: str, function: Function, rule: aws.cloudwatch.EventRule, opts: pulumi.ResourceOptions
) -> aws.lambda_.Permission:
    """Lets a rule call a function.

    There is no condition on the source account: EventBridge does not send it, and the rule would fail silently. The
    rule's ARN names the account.
    """
    return aws.lambda_.Permission(
        context.name(part),
        action="lambda:InvokeFunction",
        function=function.name,
        principal=EVENTBRIDGE,
        source_arn=rule.arn,
        opts=opts,
    )
