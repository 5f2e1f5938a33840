"""A function's LoggingConfig, which moto drops: the log group of a function, and the metrics in the log.

Source: the Lambda API reference, LoggingConfig.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import wraps
from typing import Any

from moto.awslambda.models import LambdaFunction

from rehearsal.aws.account import current_account
from rehearsal.aws.cloudwatch import embedded_metrics
from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.identity.permission import RequiredPermission
from rehearsal.aws.identity.policy_evaluation import is_role_allowed
from rehearsal.aws.lambda_.function_host import InvocationResult


def install() -> None:
    """Patches moto's functions, so that they keep the configuration."""
    create, update, describe = (
        LambdaFunction.__init__,
        LambdaFunction.update_configuration,
        LambdaFunction.get_configuration,
    )

    @wraps(create)
    def create_function(self: Any, account_id: str, spec: dict[str, Any], *rest: Any, **kwargs: Any) -> None:
        create(self, account_id, spec, *rest, **kwargs)
        _store_logging_config(self, spec)

    @wraps(update)
    def update_function(self: Any, config_updates: dict[str, Any]) -> dict[str, Any]:
        if "LoggingConfig" in config_updates:
            _store_logging_config(self, config_updates)
        return update(self, config_updates)

    @wraps(describe)
    def describe_function(self: Any, on_create: bool = False) -> dict[str, Any]:
        return {**describe(self, on_create), "LoggingConfig": self.logging_config}

    LambdaFunction.__init__ = create_function  # type: ignore[method-assign]
    LambdaFunction.update_configuration = update_function  # type: ignore[method-assign]
    LambdaFunction.get_configuration = describe_function  # type: ignore[method-assign]


def _store_logging_config(function: Any, spec: dict[str, Any]) -> None:
    default = {"LogFormat": "Text", "LogGroup": _get_default_group(function)}
    function.logging_config = {**default, **(spec.get("LoggingConfig") or {})}


def _get_default_group(function: Any) -> str:
    return f"/aws/lambda/{function.function_name}"


def save_log(function: Any, result: InvocationResult, moment: datetime) -> None:
    """Stores the log of an invocation in the function's group if its role may write there.

    A group from the configuration is not created here: the role may lack the permission. Without a log there are no
    metrics either.
    """
    logs, group = function.logs_backend, function.logging_config["LogGroup"]
    stream = f"{moment:%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"
    stream_prefix = f"arn:aws:logs:{function.region}:{ACCOUNT}:log-group:{group}:log-stream:"
    if not is_role_allowed(
        function,
        *(
            RequiredPermission(f"logs:{action}", stream_prefix + stream)
            for action in ("CreateLogStream", "PutLogEvents")
        ),
    ):
        return
    if group == _get_default_group(function) and is_role_allowed(
        function, RequiredPermission("logs:CreateLogGroup", stream_prefix)
    ):
        logs.ensure_log_group(group)
    if group not in logs.groups:
        return
    embedded_metrics.store_metrics(current_account().metrics, function.region, result.log.splitlines())
    logs.create_log_stream(group, stream)
    timestamp = int(moment.timestamp() * 1000)
    logs.put_log_events(group, stream, [{"timestamp": timestamp, "message": line} for line in result.log.splitlines()])
