"""A function's LoggingConfig, which moto drops: where its log goes; and the metrics in the log.

Source: the Lambda API reference, LoggingConfig.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import wraps
from typing import Any

from moto.awslambda.models import LambdaFunction

from simulator.aws import embedded_metrics
from simulator.aws.functions import Outcome
from simulator.aws.identity.decision import may
from simulator.aws.identity.need import Need
from simulator.aws.world import ACCOUNT, world


def install() -> None:
    """Keeps the configuration on moto's functions."""
    create, update, describe = (
        LambdaFunction.__init__,
        LambdaFunction.update_configuration,
        LambdaFunction.get_configuration,
    )

    @wraps(create)
    def created(self: Any, account_id: str, spec: dict[str, Any], *rest: Any, **named: Any) -> None:
        create(self, account_id, spec, *rest, **named)
        _keep(self, spec)

    @wraps(update)
    def updated(self: Any, config_updates: dict[str, Any]) -> dict[str, Any]:
        if "LoggingConfig" in config_updates:
            _keep(self, config_updates)
        return update(self, config_updates)

    @wraps(describe)
    def described(self: Any, on_create: bool = False) -> dict[str, Any]:
        return {**describe(self, on_create), "LoggingConfig": self.logging_config}

    LambdaFunction.__init__ = created  # type: ignore[method-assign]
    LambdaFunction.update_configuration = updated  # type: ignore[method-assign]
    LambdaFunction.get_configuration = described  # type: ignore[method-assign]


def _keep(function: Any, given: dict[str, Any]) -> None:
    default = {"LogFormat": "Text", "LogGroup": _own_group(function)}
    function.logging_config = {**default, **(given.get("LoggingConfig") or {})}


def _own_group(function: Any) -> str:
    return f"/aws/lambda/{function.function_name}"


def save(function: Any, outcome: Outcome, moment: datetime) -> None:
    """Puts the log of an invocation into the function's group, if its role may write there. A group that was named for
    it is not made here: its role need not be allowed to create it. What is not logged gives no metrics either."""
    logs, group = function.logs_backend, function.logging_config["LogGroup"]
    stream = f"{moment:%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"
    place = f"arn:aws:logs:{function.region}:{ACCOUNT}:log-group:{group}:log-stream:"
    if not may(function, *(Need(f"logs:{action}", place + stream) for action in ("CreateLogStream", "PutLogEvents"))):
        return
    if group == _own_group(function) and may(function, Need("logs:CreateLogGroup", place)):
        logs.ensure_log_group(group)
    if group not in logs.groups:
        return
    embedded_metrics.take(world().metrics, function.region, outcome.log.splitlines())
    logs.create_log_stream(group, stream)
    stamp = int(moment.timestamp() * 1000)
    logs.put_log_events(group, stream, [{"timestamp": stamp, "message": line} for line in outcome.log.splitlines()])
