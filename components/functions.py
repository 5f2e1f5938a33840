"""A Lambda function as every function here is: its own role and log group, traced, on Graviton, its code staged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.archive import archive
from components.policy import Statement, document, trust
from components.scope import Scope

RUNTIME = "python3.12"


@dataclass(frozen=True)
class FunctionArgs:
    """What differs between functions.

    purpose: the word in its name. module: the handler's module, whose `handler` is called. description: a sentence.
    environment: what it reads at start. statements: what it may do besides logging and tracing.
    memory_mb, timeout_s: its bounds. log_days: how long its log is kept. layers: the packages it imports beside ours.
    """

    purpose: str
    module: str
    description: str
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    statements: Sequence[Statement] = ()
    memory_mb: int = 512
    timeout_s: int = 60
    log_days: int = 30
    layers: Sequence[pulumi.Input[str]] = ()


class Function(pulumi.ComponentResource):
    """The function with its log group and its role: the role names the log group, and nothing else uses either."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, scope: Scope, args: FunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        name = scope.name(args.purpose)
        super().__init__("tidewatch:components:Function", name, None, opts)
        inside, tags = pulumi.ResourceOptions(parent=self), scope.tagged(purpose=args.purpose)
        logs = aws.cloudwatch.LogGroup(name, retention_in_days=args.log_days, tags=tags, opts=inside)
        self.role = aws.iam.Role(
            name,
            description=args.description,
            assume_role_policy=trust("lambda.amazonaws.com"),
            tags=tags,
            opts=inside,
        )
        permissions = aws.iam.RolePolicy(
            name,
            role=self.role.name,
            policy=document(
                Statement(
                    "Log",
                    ["logs:CreateLogStream", "logs:PutLogEvents"],
                    [pulumi.Output.concat(logs.arn, ":log-stream:*")],
                ),
                Statement("Trace", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"]),
                *args.statements,
            ),
            opts=inside,
        )
        self.function = aws.lambda_.Function(
            name,
            description=args.description,
            role=self.role.arn,
            runtime=RUNTIME,
            architectures=["arm64"],
            handler=f"{args.module}.handler",
            code=archive(args.module),
            layers=list(args.layers) or None,
            memory_size=args.memory_mb,
            timeout=args.timeout_s,
            environment={"variables": dict(args.environment)},
            logging_config={"log_format": "JSON", "log_group": logs.name},
            tracing_config={"mode": "Active"},
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permissions]),
        )
        self.name, self.arn = self.function.name, self.function.arn
        self.register_outputs({"name": self.name, "arn": self.arn})
