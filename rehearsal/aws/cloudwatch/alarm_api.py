"""CloudWatch's alarm API, in place of moto's: metric and composite alarms, their states, their history.

Source: CloudWatch API reference, PutMetricAlarm, PutCompositeAlarm, DescribeAlarms, DeleteAlarms, SetAlarmState,
EnableAlarmActions, DisableAlarmActions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import wraps
from typing import Any

from moto.cloudwatch.exceptions import InvalidFormat, ResourceNotFound, ValidationError
from moto.cloudwatch.models import Alarm, CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult

from rehearsal.aws.account import current_account
from rehearsal.aws.cloudwatch import alarm_transitions, composite_rules
from rehearsal.aws.cloudwatch.action_suppression import SUPPRESSOR, Suppression
from rehearsal.aws.cloudwatch.alarm_definitions import check_actions, parse_definition
from rehearsal.aws.cloudwatch.alarm_history import CONFIGURATION_UPDATE, describe_alarm_history, paginate
from rehearsal.aws.cloudwatch.alarm_transitions import get_alarm_type
from rehearsal.aws.cloudwatch.history_item import HistoryItem
from rehearsal.aws.cloudwatch.threshold_rules import STATES

MAX_DELETED = 100
_PERIODS = ("ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
_RETAINED_FIELDS = (
    "state_value",
    "state_reason",
    "state_reason_data",
    "state_updated_timestamp",
    "StateTransitionedTimestamp",
)
_moto_put_metric_alarm = CloudWatchResponse.put_metric_alarm


def install() -> None:
    """Patches the alarm operations of moto's CloudWatch."""
    for operation in (
        put_metric_alarm,
        put_composite_alarm,
        describe_alarms,
        delete_alarms,
        set_alarm_state,
    ):
        setattr(CloudWatchResponse, operation.__name__, _run_exclusively(operation))
    CloudWatchResponse.describe_alarm_history = describe_alarm_history  # type: ignore[attr-defined]
    CloudWatchBackend.put_metric_alarm = _retain_state(CloudWatchBackend.put_metric_alarm)  # type: ignore[method-assign]


def _run_exclusively(operation: Any) -> Any:
    """Locks an operation against the evaluation of alarms."""

    @wraps(operation)
    def call_exclusively(self: CloudWatchResponse) -> Any:
        account = current_account()
        with account.settle_lock:
            account.settle()
            response = operation(self)
            account.alarm_clock.next_wakeup = alarm_transitions.find_next_expiry()
            account.settle()
        return response

    return call_exclusively


def _retain_state(original: Any) -> Any:
    """A new alarm is INSUFFICIENT_DATA; "when you update an existing alarm, its state is left unchanged"."""

    def put_metric_alarm(self: CloudWatchBackend, name: str, **kwargs: Any) -> Alarm:
        previous, statistic = self.alarms.get(name), kwargs.pop("extended_statistic", None)
        alarm = original(self, name=name, **kwargs)
        # moto supports only percentiles; alarms also have trimmed means and percentile ranks.
        alarm.extended_statistic = statistic
        alarm.state_value = "INSUFFICIENT_DATA"
        alarm.state_updated_timestamp = current_account().now()
        _set_fields(alarm, StateTransitionedTimestamp=current_account().now())
        alarm.configuration_updated_timestamp = current_account().now()
        if previous is not None:
            _set_fields(
                alarm, **{member: vars(previous)[member] for member in _RETAINED_FIELDS if member in vars(previous)}
            )
        return alarm

    return put_metric_alarm


def put_metric_alarm(self: CloudWatchResponse) -> ActionResult:
    """PutMetricAlarm: creates or replaces; the first evaluation is at the next whole minute."""
    definition = parse_definition(self.region, self.params)
    previous = _find_replaced(self, "MetricAlarm")
    response = _moto_put_metric_alarm(self)
    alarm = _record_update(self, previous)
    _set_fields(alarm, definition=definition, request_params=dict(self.params))
    current_account().alarm_clock.step_seconds = min(
        current_account().alarm_clock.step_seconds, definition.step_seconds
    )
    return response


def put_composite_alarm(self: CloudWatchResponse) -> EmptyResult:
    """PutCompositeAlarm: creates or replaces, and evaluates at once."""
    account, alarms = current_account(), self.cloudwatch_backend.alarms
    suppression = _parse_suppression(self, alarms)
    try:
        rule = composite_rules.parse_rule(self.params["AlarmRule"])
    except composite_rules.InvalidRule as error:
        raise ValidationError(str(error)) from error
    if missing := [name for name in rule.children if name not in alarms]:
        raise ValidationError(
            f"Could not save the composite alarm as alarms [{', '.join(missing)}] in the alarm rule do not exist"
        )
    previous = _find_replaced(self, "CompositeAlarm")
    _moto_put_metric_alarm(self)
    alarm = _record_update(self, previous)
    previous_suppression: Suppression | None = getattr(previous, "suppression", None)
    if suppression and previous_suppression and previous_suppression.suppressor == suppression.suppressor:
        # Another suppressor discards a running period; with the same one it continues.
        suppression.suppressed_by, suppression.suppressed_until, suppression.pending = (
            previous_suppression.suppressed_by,
            previous_suppression.suppressed_until,
            previous_suppression.pending,
        )
    members = {member: self.params.get(member) for member in ("ActionsSuppressor", *_PERIODS)}
    _set_fields(alarm, **members, request_params=dict(self.params), suppression=suppression)
    if suppression and suppression.suppressed_by is None and alarms[suppression.suppressor].state_value == "ALARM":
        suppression.suppressed_by = SUPPRESSOR
    alarm_transitions.set_suppression_fields(alarm)
    cause = "created" if previous is None else "updated"
    alarm_transitions.evaluate_composite(account, self.cloudwatch_backend, alarm, cause, account.now())
    return EmptyResult()


def _set_fields(alarm: Alarm, **members: Any) -> None:
    """Sets our fields on moto's alarm; DescribeAlarms returns those in CloudWatch's spelling."""
    for name, value in members.items():
        setattr(alarm, name, value)


def _parse_suppression(self: CloudWatchResponse, alarms: Mapping[str, Alarm]) -> Suppression | None:
    reference = self.params.get("ActionsSuppressor")
    if not reference:
        return None
    for member in _PERIODS:
        if self.params.get(member) is None:
            raise ValidationError(f"{member} must not be null if ActionsSuppressor is set")
    name = composite_rules.parse_alarm_name(reference)
    if name not in alarms:
        raise ValidationError(f"Could not save the composite alarm as its suppressor alarm [{name}] does not exist")
    wait, extension = (int(self.params[member]) for member in _PERIODS)
    return Suppression(name, wait, extension)


def _find_replaced(self: CloudWatchResponse, kind: str) -> Alarm | None:
    """The existing alarm with the request's name, which is unique within a region for all types."""
    check_actions(self.params)
    name = self.params["AlarmName"]
    previous = self.cloudwatch_backend.alarms.get(name)
    if previous is not None and get_alarm_type(previous) != kind:
        raise ValidationError(f"An alarm named {name} exists already, of type {get_alarm_type(previous)}")
    return previous


def _record_update(self: CloudWatchResponse, previous: Alarm | None) -> Alarm:
    account, alarm = current_account(), self.cloudwatch_backend.alarms[self.params["AlarmName"]]
    type_, summary = ("Create", f'Alarm "{alarm.name}" created')
    if previous is not None:
        type_, summary = "Update", f'Alarm "{alarm.name}" updated'
    item = HistoryItem(
        self.region, alarm.name, get_alarm_type(alarm), account.now(), CONFIGURATION_UPDATE, summary, {"type": type_}
    )
    account.alarm_history.append(item)
    return alarm


def describe_alarms(self: CloudWatchResponse) -> ActionResult:
    """DescribeAlarms: only metric alarms by default, at most 100 a page."""
    params, backend = self.params, self.cloudwatch_backend
    found = list(backend.alarms.values())
    if parent := params.get("ChildrenOfAlarmName"):
        children = (
            composite_rules.parse_rule(backend.alarms[parent].rule or "FALSE").children
            if parent in backend.alarms
            else ()
        )
        found = [alarm for alarm in found if alarm.name in children]
    elif child := params.get("ParentsOfAlarmName"):
        found = [
            backend.alarms[name]
            for name, rule in alarm_transitions.parse_rules(backend).items()
            if child in rule.children
        ]
    else:
        kinds = params.get("AlarmTypes") or ["MetricAlarm"]
        found = [alarm for alarm in found if get_alarm_type(alarm) in kinds and _is_requested(alarm, params)]
    page, token = paginate(found, params)
    alarms_by_type = {
        kind: [alarm for alarm in page if get_alarm_type(alarm) == kind] for kind in ("MetricAlarm", "CompositeAlarm")
    }
    return ActionResult(
        {"MetricAlarms": alarms_by_type["MetricAlarm"], "CompositeAlarms": alarms_by_type["CompositeAlarm"], **token}
    )


def _is_requested(alarm: Alarm, params: Mapping[str, Any]) -> bool:
    names, prefix, action = params.get("AlarmNames"), params.get("AlarmNamePrefix"), params.get("ActionPrefix")
    actions = [*(alarm.alarm_actions or []), *(alarm.ok_actions or []), *(alarm.insufficient_data_actions or [])]
    return (
        (not names or alarm.name in names)
        and (not prefix or alarm.name.startswith(prefix))
        and params.get("StateValue") in (None, alarm.state_value)
        and (not action or any(action_arn.startswith(action) for action_arn in actions))
    )


def delete_alarms(self: CloudWatchResponse) -> EmptyResult:
    """DeleteAlarms: skips unknown names, and keeps an alarm that a composite alarm names."""
    backend, names = self.cloudwatch_backend, self.params.get("AlarmNames") or []
    existing = [name for name in names if name in backend.alarms]
    if len(names) > MAX_DELETED or sum(backend.alarms[name].rule is not None for name in existing) > 1:
        raise ValidationError(f"At most {MAX_DELETED} alarms, one composite alarm among them, can be deleted at once")
    rules = alarm_transitions.parse_rules(backend)
    referenced = {
        child for name, rule in rules.items() if name not in names or name in rule.children for child in rule.children
    }
    if still_referenced := [name for name in existing if name in referenced]:
        them = "it" if len(still_referenced) == 1 else "them"
        raise ValidationError(
            f"Cannot delete {','.join(still_referenced)} as there are composite alarm(s) depending on {them}."
        )
    for name in existing:
        alarm = backend.alarms.pop(name)
        summary, kind = f'Alarm "{name}" deleted', get_alarm_type(alarm)
        current_account().alarm_history.append(
            HistoryItem(
                self.region, name, kind, current_account().now(), CONFIGURATION_UPDATE, summary, {"type": "Delete"}
            )
        )
    return EmptyResult()


def set_alarm_state(self: CloudWatchResponse) -> EmptyResult:
    """SetAlarmState: sets a state for a drill and runs its actions.

    The next evaluation resets a metric alarm; the next change of a child resets a composite alarm.
    """
    account, params, backend = current_account(), self.params, self.cloudwatch_backend
    alarm, state = backend.alarms.get(params["AlarmName"]), params["StateValue"]
    if alarm is None:
        raise ResourceNotFound("Unknown")
    if state not in STATES:
        raise ValidationError(
            f"1 validation error detected: Value '{state}' at 'stateValue' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(sorted(STATES))}]"
        )
    data = params.get("StateReasonData") or "{}"
    if not _is_json(data):
        raise InvalidFormat("Unknown")
    if state == alarm.state_value:
        alarm.state_reason, alarm.state_updated_timestamp = params["StateReason"], account.now()
        return EmptyResult()
    alarm_transitions.change_state(account, backend, alarm, state, params["StateReason"], data, account.now())
    alarm_transitions.propagate_changes(account, backend, {alarm.name}, account.now())
    return EmptyResult()


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
