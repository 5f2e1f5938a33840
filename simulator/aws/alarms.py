"""CloudWatch's alarm API in place of moto's: metric and composite alarms, their states, their history.

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

from simulator.aws import alarm_states, composites
from simulator.aws.alarm_definitions import check_actions, definition
from simulator.aws.alarm_history import CONFIGURATION_UPDATE, HistoryItem, describe_alarm_history, paged
from simulator.aws.alarm_rules import STATES
from simulator.aws.alarm_states import kind_of
from simulator.aws.suppression import SUPPRESSOR, Suppression
from simulator.aws.world import world

MOST_DELETED = 100
_PERIODS = ("ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
_KEPT = ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp", "StateTransitionedTimestamp")
_put = CloudWatchResponse.put_metric_alarm


def install() -> None:
    """Sets alarms on moto's CloudWatch."""
    for operation in (
        put_metric_alarm,
        put_composite_alarm,
        describe_alarms,
        delete_alarms,
        set_alarm_state,
    ):
        setattr(CloudWatchResponse, operation.__name__, _one_at_a_time(operation))
    CloudWatchResponse.describe_alarm_history = describe_alarm_history  # type: ignore[attr-defined]
    CloudWatchBackend.put_metric_alarm = _keeping_state(CloudWatchBackend.put_metric_alarm)  # type: ignore[method-assign]


def _one_at_a_time(operation: Any) -> Any:
    """Nothing is evaluated while an alarm is changed by a call, and the other way round."""

    @wraps(operation)
    def alone(self: CloudWatchResponse) -> Any:
        here = world()
        with here.settling:
            here.settle()
            answer = operation(self)
            here.alarm_clock.wake = alarm_states.next_expiry()
            here.settle()
        return answer

    return alone


def _keeping_state(original: Any) -> Any:
    """A new alarm is INSUFFICIENT_DATA; "when you update an existing alarm, its state is left unchanged"."""

    def put_metric_alarm(self: CloudWatchBackend, name: str, **given: Any) -> Alarm:
        before, statistic = self.alarms.get(name), given.pop("extended_statistic", None)
        alarm = original(self, name=name, **given)
        # moto knows percentiles only; trimmed means and percent ranks are statistics of alarms too.
        alarm.extended_statistic = statistic
        alarm.state_value = "INSUFFICIENT_DATA"
        alarm.state_updated_timestamp = world().now()
        _set(alarm, StateTransitionedTimestamp=world().now())
        alarm.configuration_updated_timestamp = world().now()
        if before is not None:
            _set(alarm, **{member: vars(before)[member] for member in _KEPT if member in vars(before)})
        return alarm

    return put_metric_alarm


def put_metric_alarm(self: CloudWatchResponse) -> ActionResult:
    """PutMetricAlarm: created or replaced; evaluated from the next whole minute on."""
    made = definition(self.region, self.params)
    before = _replaceable(self, "MetricAlarm")
    answer = _put(self)
    alarm = _stored(self, before)
    _set(alarm, watching=made, given=dict(self.params))
    world().alarm_clock.step = min(world().alarm_clock.step, made.step)
    return answer


def put_composite_alarm(self: CloudWatchResponse) -> EmptyResult:
    """PutCompositeAlarm: created or replaced, and evaluated at once."""
    here, alarms = world(), self.cloudwatch_backend.alarms
    held = _suppression(self, alarms)
    try:
        rule = composites.parse(self.params["AlarmRule"])
    except composites.InvalidRule as wrong:
        raise ValidationError(str(wrong)) from wrong
    if missing := [name for name in rule.children if name not in alarms]:
        raise ValidationError(
            f"Could not save the composite alarm as alarms [{', '.join(missing)}] in the alarm rule do not exist"
        )
    before = _replaceable(self, "CompositeAlarm")
    _put(self)
    alarm = _stored(self, before)
    former: Suppression | None = getattr(before, "suppression", None)
    if held and former and former.suppressor == held.suppressor:
        # Another suppressor discards a period that runs; the same one goes on.
        held.by, held.until, held.pending = former.by, former.until, former.pending
    members = {member: self.params.get(member) for member in ("ActionsSuppressor", *_PERIODS)}
    _set(alarm, **members, given=dict(self.params), suppression=held)
    if held and held.by is None and alarms[held.suppressor].state_value == "ALARM":
        held.by = SUPPRESSOR
    alarm_states.show(alarm)
    why = "created" if before is None else "updated"
    alarm_states.evaluate_composite(here, self.cloudwatch_backend, alarm, why, here.now())
    return EmptyResult()


def _set(alarm: Alarm, **members: Any) -> None:
    """Puts members of ours on moto's alarm; those in CloudWatch's spelling are told by DescribeAlarms."""
    for name, value in members.items():
        setattr(alarm, name, value)


def _suppression(self: CloudWatchResponse, alarms: Mapping[str, Alarm]) -> Suppression | None:
    reference = self.params.get("ActionsSuppressor")
    if not reference:
        return None
    for member in _PERIODS:
        if self.params.get(member) is None:
            raise ValidationError(f"{member} must not be null if ActionsSuppressor is set")
    name = composites.alarm_name(reference)
    if name not in alarms:
        raise ValidationError(f"Could not save the composite alarm as its suppressor alarm [{name}] does not exist")
    wait, extension = (int(self.params[member]) for member in _PERIODS)
    return Suppression(name, wait, extension)


def _replaceable(self: CloudWatchResponse, kind: str) -> Alarm | None:
    """The alarm of that name that is there. An alarm's name is unique within a region, whatever its type."""
    check_actions(self.params)
    name = self.params["AlarmName"]
    before = self.cloudwatch_backend.alarms.get(name)
    if before is not None and kind_of(before) != kind:
        raise ValidationError(f"An alarm named {name} exists already, of type {kind_of(before)}")
    return before


def _stored(self: CloudWatchResponse, before: Alarm | None) -> Alarm:
    here, alarm = world(), self.cloudwatch_backend.alarms[self.params["AlarmName"]]
    type_, summary = ("Create", f'Alarm "{alarm.name}" created')
    if before is not None:
        type_, summary = "Update", f'Alarm "{alarm.name}" updated'
    item = HistoryItem(
        self.region, alarm.name, kind_of(alarm), here.now(), CONFIGURATION_UPDATE, summary, {"type": type_}
    )
    here.alarm_history.append(item)
    return alarm


def describe_alarms(self: CloudWatchResponse) -> ActionResult:
    """DescribeAlarms: metric alarms alone unless AlarmTypes says otherwise, at most 100 a page."""
    given, backend = self.params, self.cloudwatch_backend
    found = list(backend.alarms.values())
    if parent := given.get("ChildrenOfAlarmName"):
        children = composites.parse(backend.alarms[parent].rule or "FALSE").children if parent in backend.alarms else ()
        found = [alarm for alarm in found if alarm.name in children]
    elif child := given.get("ParentsOfAlarmName"):
        found = [
            backend.alarms[name] for name, rule in alarm_states.rules_of(backend).items() if child in rule.children
        ]
    else:
        kinds = given.get("AlarmTypes") or ["MetricAlarm"]
        found = [alarm for alarm in found if kind_of(alarm) in kinds and _asked_for(alarm, given)]
    page, token = paged(found, given)
    told = {kind: [alarm for alarm in page if kind_of(alarm) == kind] for kind in ("MetricAlarm", "CompositeAlarm")}
    return ActionResult({"MetricAlarms": told["MetricAlarm"], "CompositeAlarms": told["CompositeAlarm"], **token})


def _asked_for(alarm: Alarm, given: Mapping[str, Any]) -> bool:
    names, prefix, action = given.get("AlarmNames"), given.get("AlarmNamePrefix"), given.get("ActionPrefix")
    actions = [*(alarm.alarm_actions or []), *(alarm.ok_actions or []), *(alarm.insufficient_data_actions or [])]
    return (
        (not names or alarm.name in names)
        and (not prefix or alarm.name.startswith(prefix))
        and given.get("StateValue") in (None, alarm.state_value)
        and (not action or any(one.startswith(action) for one in actions))
    )


def delete_alarms(self: CloudWatchResponse) -> EmptyResult:
    """DeleteAlarms: unknown names are passed over; an alarm that a composite alarm names is kept."""
    backend, names = self.cloudwatch_backend, self.params.get("AlarmNames") or []
    known = [name for name in names if name in backend.alarms]
    if len(names) > MOST_DELETED or sum(backend.alarms[name].rule is not None for name in known) > 1:
        raise ValidationError(f"At most {MOST_DELETED} alarms, one composite alarm among them, can be deleted at once")
    rules = alarm_states.rules_of(backend)
    needed = {
        child for name, rule in rules.items() if name not in names or name in rule.children for child in rule.children
    }
    if kept := [name for name in known if name in needed]:
        them = "it" if len(kept) == 1 else "them"
        raise ValidationError(f"Cannot delete {','.join(kept)} as there are composite alarm(s) depending on {them}.")
    for name in known:
        alarm = backend.alarms.pop(name)
        summary, kind = f'Alarm "{name}" deleted', kind_of(alarm)
        world().alarm_history.append(
            HistoryItem(self.region, name, kind, world().now(), CONFIGURATION_UPDATE, summary, {"type": "Delete"})
        )
    return EmptyResult()


def set_alarm_state(self: CloudWatchResponse) -> EmptyResult:
    """SetAlarmState: a state for a drill, with its actions. A metric alarm's next evaluation puts it back, a composite
    alarm's children do when they change."""
    here, given, backend = world(), self.params, self.cloudwatch_backend
    alarm, state = backend.alarms.get(given["AlarmName"]), given["StateValue"]
    if alarm is None:
        raise ResourceNotFound("Unknown")
    if state not in STATES:
        raise ValidationError(
            f"1 validation error detected: Value '{state}' at 'stateValue' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(sorted(STATES))}]"
        )
    data = given.get("StateReasonData") or "{}"
    if not _is_json(data):
        raise InvalidFormat("Unknown")
    if state == alarm.state_value:
        alarm.state_reason, alarm.state_updated_timestamp = given["StateReason"], here.now()
        return EmptyResult()
    alarm_states.move(here, backend, alarm, state, given["StateReason"], data, here.now())
    alarm_states.follow(here, backend, {alarm.name}, here.now())
    return EmptyResult()


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
