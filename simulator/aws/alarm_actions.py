"""The actions of alarms: topics and functions, for the state that an alarm has come to.

Source: CloudWatch user guide, "Alarm actions" and "Invoke a Lambda function from an alarm": the call is asynchronous,
and the function's resource policy must allow the principal lambda.alarms.cloudwatch.amazonaws.com.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.cloudwatch.models import Alarm
from moto.core.exceptions import ServiceException
from moto.sns.models import sns_backends

from simulator.aws import lambda_api
from simulator.aws.alarm_history import ACTION, HistoryItem
from simulator.aws.alarm_messages import State, function_event, notification, subject
from simulator.aws.identity import services
from simulator.aws.identity.need import Need
from simulator.aws.world import ACCOUNT, World

PRINCIPAL = "lambda.alarms.cloudwatch.amazonaws.com"


class ActionFailed(RuntimeError):
    """An action that could not be executed; the alarm's history says why."""


def perform(here: World, alarm: Alarm, state: State, before: State, moment: datetime) -> None:
    """Executes the actions of an alarm's state, and notes each in its history. One that fails stops no other."""
    if not alarm.actions_enabled:
        return
    kind = "MetricAlarm" if alarm.rule is None else "CompositeAlarm"
    for action in _actions(alarm, state["value"]):
        data = {"actionState": "Succeeded", "notificationResource": action, "stateUpdateTimestamp": state["timestamp"]}
        summary = f"Successfully executed action {action}"
        try:
            _execute(here, alarm, action, state, before, moment)
        except (ActionFailed, ServiceException) as failed:
            data |= {"actionState": "Failed", "error": str(failed)}
            summary = f'Failed to execute action {action}. Received error: "{failed}"'
        here.alarm_history.append(HistoryItem(alarm.region_name, alarm.name, kind, moment, ACTION, summary, data))


def _actions(alarm: Alarm, state: str) -> list[str]:
    every = {
        "ALARM": alarm.alarm_actions,
        "OK": alarm.ok_actions,
        "INSUFFICIENT_DATA": alarm.insufficient_data_actions,
    }
    return every[state] or []


def _execute(here: World, alarm: Alarm, action: str, state: State, before: State, moment: datetime) -> None:
    parts = action.split(":")
    service, region = (parts[2], parts[3]) if len(parts) > 5 else ("", "")
    if service == "sns":
        topics = sns_backends[ACCOUNT][region]
        if action not in topics.topics:
            raise ActionFailed("Topic does not exist")
        if not services.lets(services.ALARMS, Need("sns:Publish", action), alarm.alarm_arn):
            raise ActionFailed("CloudWatch Alarms is not authorized to publish to the topic, or to use its key")
        topics.publish(message=notification(alarm, state, before), arn=action, subject=subject(alarm, state))
    elif service == "lambda":
        name = lambda_api.function_name(action)
        _check_permission(region, name, alarm)
        event = function_event(alarm, state, before, moment)
        lambda_api.invoke_later(here, region, name, json.dumps(event).encode())
    else:
        raise ActionFailed("The simulator executes actions on topics and functions only")


def _check_permission(region: str, name: str, alarm: Alarm) -> None:
    try:
        function = lambda_backends[ACCOUNT][region].get_function(name, None)
    except Exception as missing:
        # moto raises a different class for each way to ask.
        raise ActionFailed(f"Function not found: {name}") from missing
    statements: Sequence[Mapping[str, Any]] = function.policy.statements if function.policy else []
    if not any(_allows(statement, alarm.alarm_arn) for statement in statements):
        raise ActionFailed(f"CloudWatch Alarms ({PRINCIPAL}) is not authorized to perform lambda:InvokeFunction")


def _allows(statement: Mapping[str, Any], alarm: str) -> bool:
    principal = statement.get("Principal")
    service = principal.get("Service") if isinstance(principal, dict) else principal
    if statement.get("Effect") != "Allow" or service != PRINCIPAL:
        return False
    wanted: Mapping[str, Mapping[str, str]] = statement.get("Condition") or {}
    source = (wanted.get("ArnLike") or {}).get("AWS:SourceArn")
    account = (wanted.get("StringEquals") or {}).get("AWS:SourceAccount")
    return account in (None, ACCOUNT) and (source is None or fnmatch.fnmatchcase(alarm, source))
