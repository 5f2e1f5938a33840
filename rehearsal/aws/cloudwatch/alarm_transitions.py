"""Changes of alarms' states and their effects: history, events, actions, deployments, composites and suppressors.

Source: CloudWatch user guide, "Alarm events and EventBridge", "Create a composite alarm"; API reference,
PutCompositeAlarm (a composite alarm is INSUFFICIENT_DATA only until its first evaluation).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import Alarm, CloudWatchBackend, cloudwatch_backends

from rehearsal.aws.account import SimulatedAccount
from rehearsal.aws.cloudwatch import composite_rules
from rehearsal.aws.cloudwatch.action_suppression import Suppression
from rehearsal.aws.cloudwatch.alarm_actions import execute_actions
from rehearsal.aws.cloudwatch.alarm_history import STATE_UPDATE
from rehearsal.aws.cloudwatch.alarm_notifications import (
    AlarmState,
    describe_configuration,
    describe_state,
    format_timestamp,
)
from rehearsal.aws.cloudwatch.history_item import MAX_DATA_LENGTH, HistoryItem
from rehearsal.aws.cloudwatch.threshold_rules import ALARM, OK
from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.events.platform_event import PlatformEvent

MAX_REASON_LENGTH, MAX_REASON_DATA_LENGTH = 1023, 4000


def get_alarm_type(alarm: Alarm) -> str:
    """MetricAlarm or CompositeAlarm."""
    return "MetricAlarm" if alarm.rule is None else "CompositeAlarm"


def change_state(
    account: SimulatedAccount,
    backend: CloudWatchBackend,
    alarm: Alarm,
    state: str,
    reason: str,
    data: str,
    moment: datetime,
) -> None:
    """Changes an alarm's state, with history, event, actions and deployments. Then call `propagate_changes`."""
    previous = describe_state(alarm)
    alarm.state_value, alarm.state_reason = state, reason[:MAX_REASON_LENGTH]
    alarm.state_reason_data = data if len(data) <= MAX_REASON_DATA_LENGTH else "{}"
    alarm.state_updated_timestamp = alarm.StateTransitionedTimestamp = moment  # type: ignore[attr-defined]
    suppression: Suppression | None = getattr(alarm, "suppression", None)
    should_act = suppression is None or suppression.on_state_change(_is_suppressor_active(backend, suppression), moment)
    set_suppression_fields(alarm)
    current = describe_state(alarm)
    _record_change(account, alarm, previous, current, moment)
    if should_act:
        execute_actions(account, alarm, current, previous, moment)
    if state == ALARM:
        _trip_deployments(account, alarm.region_name, alarm.name, moment)


def propagate_changes(
    account: SimulatedAccount, backend: CloudWatchBackend, changed: Collection[str], moment: datetime
) -> None:
    """Updates suppressed and composite alarms after changes of alarms, children before parents."""
    changed_names = set(changed)
    for name in sorted(changed_names):
        _update_suppressed(account, backend, name, moment)
    rules = parse_rules(backend)
    for name, _ in sorted(composite_rules.compute_depths(rules).items(), key=lambda item: (item[1], item[0])):
        changed_children = [child for child in rules[name].children if child in changed_names]
        if changed_children and _evaluate_rule(
            account,
            backend,
            backend.alarms[name],
            _format_transition(backend, changed_children),
            changed_children,
            moment,
        ):
            changed_names.add(name)
            _update_suppressed(account, backend, name, moment)


def evaluate_composite(
    account: SimulatedAccount, backend: CloudWatchBackend, alarm: Alarm, cause: str, moment: datetime
) -> None:
    """Evaluates a composite alarm that was created or updated, unless it is part of a cycle."""
    rules = parse_rules(backend)
    if composite_rules.is_circular(alarm.name, rules):
        return
    state = ALARM if rules[alarm.name].evaluate(_read_states(backend)) else OK
    reason = f"{alarm.alarm_arn} was {cause} and its alarm rule evaluates to {state}"
    if _evaluate_rule(account, backend, alarm, reason, rules[alarm.name].children, moment):
        propagate_changes(account, backend, {alarm.name}, moment)


def end_expired_suppressions(account: SimulatedAccount, backend: CloudWatchBackend, moment: datetime) -> None:
    """Ends expired wait and extension periods, and takes the suppressed actions for the current state."""
    for alarm in list(backend.alarms.values()):
        suppression: Suppression | None = getattr(alarm, "suppression", None)
        if suppression is None:
            continue
        previous = describe_state(alarm)
        if suppression.end_expired_period(moment):
            _run_suppressed_actions(account, alarm, previous, moment)
        set_suppression_fields(alarm)


def find_next_expiry() -> float | None:
    """When the next wait or extension period ends, in seconds since the epoch."""
    alarms = (alarm for backend in list(cloudwatch_backends[ACCOUNT].values()) for alarm in backend.alarms.values())
    periods = (getattr(alarm, "suppression", None) for alarm in list(alarms))
    ends = [
        suppression.suppressed_until.timestamp()
        for suppression in periods
        if suppression is not None and suppression.suppressed_until is not None
    ]
    return min(ends, default=None)


def parse_rules(backend: CloudWatchBackend) -> dict[str, composite_rules.CompositeRule]:
    """The rules of composite alarms, by name."""
    return {name: composite_rules.parse_rule(alarm.rule) for name, alarm in list(backend.alarms.items()) if alarm.rule}


def _read_states(backend: CloudWatchBackend) -> dict[str, str]:
    return {name: alarm.state_value for name, alarm in list(backend.alarms.items())}


def _evaluate_rule(
    account: SimulatedAccount,
    backend: CloudWatchBackend,
    alarm: Alarm,
    reason: str,
    triggering: Collection[str],
    moment: datetime,
) -> bool:
    rule = composite_rules.parse_rule(str(alarm.rule))
    state = ALARM if rule.evaluate(_read_states(backend)) else OK
    if state == alarm.state_value:
        return False
    children = [backend.alarms[name] for name in triggering if name in backend.alarms]
    data: dict[str, Any] = {
        "triggeringAlarms": [
            {
                "arn": child.alarm_arn,
                "state": {"value": child.state_value, "timestamp": format_timestamp(child.state_updated_timestamp)},
            }
            for child in children
        ]
    }
    change_state(account, backend, alarm, state, reason, json.dumps(data), moment)
    return True


def _format_transition(backend: CloudWatchBackend, children: list[str]) -> str:
    child = backend.alarms[children[-1]]
    moment = child.state_updated_timestamp
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{child.alarm_arn} transitioned to {child.state_value} at {aware:%A %d %B, %Y %H:%M:%S} UTC"


_HISTORY_ENVELOPE = '{"version": "1.0", "type": "Update"}'


def _record_change(
    account: SimulatedAccount, alarm: Alarm, previous: AlarmState, current: AlarmState, moment: datetime
) -> None:
    """Records the change in the history and emits the event."""
    states = {"oldState": _format_history_state(previous), "newState": _format_history_state(current)}
    if len(json.dumps(states)) > MAX_DATA_LENGTH - len(_HISTORY_ENVELOPE):
        for state in states.values():
            state.pop("stateReasonData", None)
    summary = f"Alarm updated from {previous['value']} to {current['value']}"
    data = {"type": "Update", **states}
    account.alarm_history.append(
        HistoryItem(alarm.region_name, alarm.name, get_alarm_type(alarm), moment, STATE_UPDATE, summary, data)
    )
    _emit_event(account, alarm, previous, current, moment)


def _format_history_state(state: AlarmState) -> dict[str, Any]:
    """A state in the history.

    Source: the AWS CLI's example of describe-alarm-history, whose states have their data.
    """
    fields: dict[str, Any] = {"stateValue": state["value"], "stateReason": state["reason"]}
    if data := state.get("reasonData"):
        fields["stateReasonData"] = json.loads(data)
    return fields


def _emit_event(
    account: SimulatedAccount, alarm: Alarm, previous: AlarmState, current: AlarmState, moment: datetime
) -> None:
    detail: dict[str, object] = {
        "alarmName": alarm.name,
        "state": current,
        "previousState": previous,
        "configuration": describe_configuration(alarm),
    }
    resources = (alarm.alarm_arn,)
    account.events.append(
        PlatformEvent(alarm.region_name, "aws.cloudwatch", "CloudWatch Alarm State Change", detail, resources, moment)
    )


def _is_suppressor_active(backend: CloudWatchBackend, suppression: Suppression) -> bool:
    suppressor = backend.alarms.get(suppression.suppressor)
    return suppressor is not None and suppressor.state_value == ALARM


def _update_suppressed(account: SimulatedAccount, backend: CloudWatchBackend, name: str, moment: datetime) -> None:
    for alarm in list(backend.alarms.values()):
        suppression: Suppression | None = getattr(alarm, "suppression", None)
        if suppression is None or suppression.suppressor != name:
            continue
        previous = describe_state(alarm)
        if suppression.on_suppressor_change(_is_suppressor_active(backend, suppression), moment):
            _run_suppressed_actions(account, alarm, previous, moment)
        set_suppression_fields(alarm)


def _run_suppressed_actions(account: SimulatedAccount, alarm: Alarm, previous: AlarmState, moment: datetime) -> None:
    """Takes suppressed actions: emits the state once more, before and after the end of the suppression."""
    alarm.state_updated_timestamp = moment
    set_suppression_fields(alarm)
    current = describe_state(alarm)
    _emit_event(account, alarm, previous, current, moment)
    execute_actions(account, alarm, current, previous, moment)


def set_suppression_fields(alarm: Alarm) -> None:
    """Sets the fields of a composite alarm's suppression that DescribeAlarms returns."""
    suppression: Suppression | None = getattr(alarm, "suppression", None)
    if suppression is not None:
        reason = f"Actions suppressed by {suppression.suppressed_by}" if suppression.suppressed_by else None
        alarm.ActionsSuppressedBy, alarm.ActionsSuppressedReason = suppression.suppressed_by, reason  # type: ignore[attr-defined]


def _trip_deployments(account: SimulatedAccount, region: str, alarm: str, moment: datetime) -> None:
    account.settle_endpoints(moment)
    with account.lock:
        for (endpoint_region, _), endpoint in list(account.endpoints.items()):
            if endpoint_region == region:
                endpoint.trip(alarm, moment)
