"""Changes of alarms' states and all that follows: history, event, actions, deployments, composite alarms, suppressors.

Source: CloudWatch user guide, "Alarm events and EventBridge", "Create a composite alarm"; API reference,
PutCompositeAlarm (a composite alarm is INSUFFICIENT_DATA only until it is first evaluated).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import Alarm, CloudWatchBackend, cloudwatch_backends

from simulator.aws import composites
from simulator.aws.alarm_actions import perform
from simulator.aws.alarm_history import LONGEST_DATA, STATE_UPDATE, HistoryItem
from simulator.aws.alarm_messages import State, configuration_of, stamp, state_of
from simulator.aws.alarm_rules import ALARM, OK
from simulator.aws.suppression import Suppression
from simulator.aws.world import ACCOUNT, PlatformEvent, World

LONGEST_REASON, LONGEST_REASON_DATA = 1023, 4000


def kind_of(alarm: Alarm) -> str:
    """MetricAlarm or CompositeAlarm."""
    return "MetricAlarm" if alarm.rule is None else "CompositeAlarm"


def move(
    here: World, backend: CloudWatchBackend, alarm: Alarm, state: str, reason: str, data: str, at: datetime
) -> None:
    """Gives an alarm another state from a moment on: history, event, actions, deployments. `follow` comes after."""
    before = state_of(alarm)
    alarm.state_value, alarm.state_reason = state, reason[:LONGEST_REASON]
    alarm.state_reason_data = data if len(data) <= LONGEST_REASON_DATA else "{}"
    alarm.state_updated_timestamp = alarm.StateTransitionedTimestamp = at  # type: ignore[attr-defined]
    held: Suppression | None = getattr(alarm, "suppression", None)
    acts = held is None or held.state_changed(_suppressing(backend, held), at)
    show(alarm)
    after = state_of(alarm)
    _note(here, alarm, before, after, at)
    if acts:
        perform(here, alarm, after, before, at)
    if state == ALARM:
        _trip_deployments(here, alarm.region_name, alarm.name, at)


def follow(here: World, backend: CloudWatchBackend, changed: Collection[str], at: datetime) -> None:
    """Tells suppressed and composite alarms of alarms that changed, children before parents."""
    every = set(changed)
    for name in sorted(every):
        _tell_suppressed(here, backend, name, at)
    rules = rules_of(backend)
    for name, _ in sorted(composites.depths(rules).items(), key=lambda item: (item[1], item[0])):
        fresh = [child for child in rules[name].children if child in every]
        if fresh and _evaluate(here, backend, backend.alarms[name], _transition(backend, fresh), fresh, at):
            every.add(name)
            _tell_suppressed(here, backend, name, at)


def evaluate_composite(here: World, backend: CloudWatchBackend, alarm: Alarm, why: str, at: datetime) -> None:
    """Evaluates a composite alarm that was created or updated; on a circle it is not."""
    rules = rules_of(backend)
    if composites.circular(alarm.name, rules):
        return
    state = ALARM if rules[alarm.name].holds(_states(backend)) else OK
    reason = f"{alarm.alarm_arn} was {why} and its alarm rule evaluates to {state}"
    if _evaluate(here, backend, alarm, reason, rules[alarm.name].children, at):
        follow(here, backend, {alarm.name}, at)


def expire(here: World, backend: CloudWatchBackend, at: datetime) -> None:
    """Ends the wait and extension periods that are over; actions they held back are taken, for the state that is."""
    for alarm in list(backend.alarms.values()):
        held: Suppression | None = getattr(alarm, "suppression", None)
        if held is None:
            continue
        before = state_of(alarm)
        if held.expired(at):
            _resume(here, alarm, before, at)
        show(alarm)


def next_expiry() -> float | None:
    """When the next wait or extension period ends, in seconds since the epoch."""
    alarms = (alarm for backend in list(cloudwatch_backends[ACCOUNT].values()) for alarm in backend.alarms.values())
    periods = (getattr(alarm, "suppression", None) for alarm in list(alarms))
    ends = [held.until.timestamp() for held in periods if held is not None and held.until is not None]
    return min(ends, default=None)


def rules_of(backend: CloudWatchBackend) -> dict[str, composites.Rule]:
    """The rules of composite alarms by name."""
    return {name: composites.parse(alarm.rule) for name, alarm in list(backend.alarms.items()) if alarm.rule}


def _states(backend: CloudWatchBackend) -> dict[str, str]:
    return {name: alarm.state_value for name, alarm in list(backend.alarms.items())}


def _evaluate(
    here: World, backend: CloudWatchBackend, alarm: Alarm, reason: str, triggering: Collection[str], at: datetime
) -> bool:
    rule = composites.parse(str(alarm.rule))
    state = ALARM if rule.holds(_states(backend)) else OK
    if state == alarm.state_value:
        return False
    children = [backend.alarms[name] for name in triggering if name in backend.alarms]
    data: dict[str, Any] = {
        "triggeringAlarms": [
            {
                "arn": child.alarm_arn,
                "state": {"value": child.state_value, "timestamp": stamp(child.state_updated_timestamp)},
            }
            for child in children
        ]
    }
    move(here, backend, alarm, state, reason, json.dumps(data), at)
    return True


def _transition(backend: CloudWatchBackend, children: list[str]) -> str:
    child = backend.alarms[children[-1]]
    moment = child.state_updated_timestamp
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{child.alarm_arn} transitioned to {child.state_value} at {aware:%A %d %B, %Y %H:%M:%S} UTC"


_FRAME = '{"version": "1.0", "type": "Update"}'


def _note(here: World, alarm: Alarm, before: State, after: State, at: datetime) -> None:
    """The history's entry and the event."""
    states = {"oldState": _told(before), "newState": _told(after)}
    if len(json.dumps(states)) > LONGEST_DATA - len(_FRAME):
        for one in states.values():
            one.pop("stateReasonData", None)
    summary = f"Alarm updated from {before['value']} to {after['value']}"
    data = {"type": "Update", **states}
    here.alarm_history.append(
        HistoryItem(alarm.region_name, alarm.name, kind_of(alarm), at, STATE_UPDATE, summary, data)
    )
    _emit(here, alarm, before, after, at)


def _told(state: State) -> dict[str, Any]:
    """A state in the history. Source: the AWS CLI's example of describe-alarm-history, whose states have their data."""
    told: dict[str, Any] = {"stateValue": state["value"], "stateReason": state["reason"]}
    if data := state.get("reasonData"):
        told["stateReasonData"] = json.loads(data)
    return told


def _emit(here: World, alarm: Alarm, before: State, after: State, at: datetime) -> None:
    detail: dict[str, object] = {
        "alarmName": alarm.name,
        "state": after,
        "previousState": before,
        "configuration": configuration_of(alarm),
    }
    where = (alarm.alarm_arn,)
    here.events.append(
        PlatformEvent(alarm.region_name, "aws.cloudwatch", "CloudWatch Alarm State Change", detail, where, at)
    )


def _suppressing(backend: CloudWatchBackend, held: Suppression) -> bool:
    suppressor = backend.alarms.get(held.suppressor)
    return suppressor is not None and suppressor.state_value == ALARM


def _tell_suppressed(here: World, backend: CloudWatchBackend, name: str, at: datetime) -> None:
    for alarm in list(backend.alarms.values()):
        held: Suppression | None = getattr(alarm, "suppression", None)
        if held is None or held.suppressor != name:
            continue
        before = state_of(alarm)
        if held.suppressor_changed(_suppressing(backend, held), at):
            _resume(here, alarm, before, at)
        show(alarm)


def _resume(here: World, alarm: Alarm, before: State, at: datetime) -> None:
    """Actions that were held back are taken: the state is told again, as it was and as it is without suppression."""
    alarm.state_updated_timestamp = at
    show(alarm)
    after = state_of(alarm)
    _emit(here, alarm, before, after, at)
    perform(here, alarm, after, before, at)


def show(alarm: Alarm) -> None:
    """Puts what DescribeAlarms tells of the suppression on a composite alarm."""
    held: Suppression | None = getattr(alarm, "suppression", None)
    if held is not None:
        reason = f"Actions suppressed by {held.by}" if held.by else None
        alarm.ActionsSuppressedBy, alarm.ActionsSuppressedReason = held.by, reason  # type: ignore[attr-defined]


def _trip_deployments(here: World, region: str, alarm: str, at: datetime) -> None:
    here.settle_endpoints(at)
    with here.lock:
        for (where, _), endpoint in list(here.endpoints.items()):
            if where == region:
                endpoint.trip(alarm, at)
