"""The actions of alarms: notifies topics and calls functions for an alarm's new state.

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

from rehearsal.aws.account import SimulatedAccount
from rehearsal.aws.cloudwatch.alarm_history import ACTION
from rehearsal.aws.cloudwatch.alarm_notifications import (
    AlarmState,
    build_function_event,
    build_notification,
    build_subject,
)
from rehearsal.aws.cloudwatch.history_item import HistoryItem
from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.identity import service_principals
from rehearsal.aws.identity.permission import RequiredPermission
from rehearsal.aws.lambda_ import api as lambda_api

PRINCIPAL = "lambda.alarms.cloudwatch.amazonaws.com"


class ActionFailed(RuntimeError):
    """An action failed; the alarm's history has the reason."""


def execute_actions(
    account: SimulatedAccount, alarm: Alarm, state: AlarmState, previous: AlarmState, moment: datetime
) -> None:
    """Executes the actions of an alarm's state and records each in its history.

    A failed action does not stop the others.
    """
    if not alarm.actions_enabled:
        return
    kind = "MetricAlarm" if alarm.rule is None else "CompositeAlarm"
    for action in _list_actions(alarm, state["value"]):
        data = {"actionState": "Succeeded", "notificationResource": action, "stateUpdateTimestamp": state["timestamp"]}
        summary = f"Successfully executed action {action}"
        try:
            _execute_action(account, alarm, action, state, previous, moment)
        except (ActionFailed, ServiceException) as error:
            data |= {"actionState": "Failed", "error": str(error)}
            summary = f'Failed to execute action {action}. Received error: "{error}"'
        account.alarm_history.append(HistoryItem(alarm.region_name, alarm.name, kind, moment, ACTION, summary, data))


def _list_actions(alarm: Alarm, state: str) -> list[str]:
    actions_by_state = {
        "ALARM": alarm.alarm_actions,
        "OK": alarm.ok_actions,
        "INSUFFICIENT_DATA": alarm.insufficient_data_actions,
    }
    return actions_by_state[state] or []


def _execute_action(
    account: SimulatedAccount, alarm: Alarm, action: str, state: AlarmState, previous: AlarmState, moment: datetime
) -> None:
    parts = action.split(":")
    service, region = (parts[2], parts[3]) if len(parts) > 5 else ("", "")
    if service == "sns":
        topics = sns_backends[ACCOUNT][region]
        if action not in topics.topics:
            raise ActionFailed("Topic does not exist")
        if not service_principals.is_allowed(
            service_principals.ALARMS, RequiredPermission("sns:Publish", action), alarm.alarm_arn
        ):
            raise ActionFailed("CloudWatch Alarms is not authorized to publish to the topic, or to use its key")
        topics.publish(
            message=build_notification(alarm, state, previous), arn=action, subject=build_subject(alarm, state)
        )
    elif service == "lambda":
        name = lambda_api.parse_function_name(action)
        _require_permission(region, name, alarm)
        event = build_function_event(alarm, state, previous, moment)
        lambda_api.invoke_async(account, region, name, json.dumps(event).encode())
    else:
        raise ActionFailed("The simulator executes actions on topics and functions only")


def _require_permission(region: str, name: str, alarm: Alarm) -> None:
    try:
        function = lambda_backends[ACCOUNT][region].get_function(name, None)
    except Exception as error:
        # moto raises a different class for each form of the name.
        raise ActionFailed(f"Function not found: {name}") from error
    statements: Sequence[Mapping[str, Any]] = function.policy.statements if function.policy else []
    if not any(_can_invoke(statement, alarm.alarm_arn) for statement in statements):
        raise ActionFailed(f"CloudWatch Alarms ({PRINCIPAL}) is not authorized to perform lambda:InvokeFunction")


def _can_invoke(statement: Mapping[str, Any], alarm: str) -> bool:
    principal = statement.get("Principal")
    service = principal.get("Service") if isinstance(principal, dict) else principal
    if statement.get("Effect") != "Allow" or service != PRINCIPAL:
        return False
    condition: Mapping[str, Mapping[str, str]] = statement.get("Condition") or {}
    source = (condition.get("ArnLike") or {}).get("AWS:SourceArn")
    account = (condition.get("StringEquals") or {}).get("AWS:SourceAccount")
    return account in (None, ACCOUNT) and (source is None or fnmatch.fnmatchcase(alarm, source))
