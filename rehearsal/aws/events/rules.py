"""EventBridge: rules deliver to functions, topics and queues, by event pattern and by schedule.

Source: EventBridge user guide, "Event patterns", "Input transformation", "Schedule rules" (a rule has either a pattern
or a schedule).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import wraps
from typing import Any

from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend, Rule, events_backends

from rehearsal.aws.account import SimulatedAccount, current_account
from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.events.platform_event import PlatformEvent
from rehearsal.aws.events.schedules import SHORTEST_PERIOD, list_due_times, parse_schedule
from rehearsal.aws.identity import service_principals
from rehearsal.aws.identity.permission import RequiredPermission
from rehearsal.aws.lambda_ import api as lambda_api
from rehearsal.aws.lambda_ import function_metrics

MAX_CATCH_UP = 3
"""Firings of a rule that are made up for after a jump of the clock; older ones only count in the functions' metrics."""
_ACTIONS = {"lambda": "lambda:InvokeFunction", "sns": "sns:Publish", "sqs": "sqs:SendMessage"}
"""Service of a target -> the action that the resource's own policy must allow EventBridge."""
_HANDLED_SERVICES = frozenset(_ACTIONS)


def install() -> None:
    """Patches the delivery of moto's rules, and refuses the schedules that EventBridge refuses."""
    Rule.send_to_targets = _add_delivery(Rule.send_to_targets)  # type: ignore[method-assign]
    EventsBackend.put_rule = _add_schedule_check(EventsBackend.put_rule)  # type: ignore[method-assign]


def _add_schedule_check(original: Any) -> Any:
    @wraps(original)
    def put_rule(self: EventsBackend, *args: Any, scheduled_expression: str | None = None, **kwargs: Any) -> Rule:
        if scheduled_expression:
            try:
                parse_schedule(scheduled_expression)
            except ValueError:
                raise ValidationException("Parameter ScheduleExpression is not valid.") from None
        return original(self, *args, scheduled_expression=scheduled_expression, **kwargs)

    return put_rule


def _add_delivery(original: Any) -> Any:
    def send_to_targets(self: Rule, original_event: Any, transform_input: bool = True) -> None:
        if self.state != "ENABLED" or not self.event_pattern.get_pattern():
            return
        if self.event_pattern.matches_event(original_event):
            _count_match(current_account(), self)
            event = {key: value for key, value in original_event.items() if key != "ingestion-time"}
            if isinstance(event["time"], int | float):
                event["time"] = _format_time(current_account().now())
            handled = [target for target in self.targets if _get_service(target) in _HANDLED_SERVICES]
            for target in handled:
                if _allow_or_record(current_account(), self, target):
                    lambda_api.send_message(current_account(), target["Arn"], build_message(target, event))
            others = [target for target in self.targets if target not in handled]
            if others:
                _call_with_targets(self, others, lambda: original(self, original_event, transform_input))

    return send_to_targets


def _count_match(account: SimulatedAccount, rule: Rule) -> None:
    """Counts a matched rule. Source: EventBridge user guide, "EventBridge metrics", TriggeredRules."""
    series = account.metrics.get_series(rule.arn.split(":")[3], "AWS/Events", "TriggeredRules", {"RuleName": rule.name})
    series.unit = "Count"
    with account.metrics.lock:
        series.get_minute(account.now().timestamp()).add(1)


def _call_with_targets(rule: Rule, targets: list[Any], call: Any) -> None:
    all_targets, rule.targets = rule.targets, targets
    try:
        call()
    finally:
        rule.targets = all_targets


def _is_allowed(rule: Rule, target: dict[str, Any]) -> bool:
    """Whether the target's own policy allows the rule's events; otherwise they fail silently.

    Source: EventBridge user guide, "Using resource-based policies for Amazon EventBridge".
    """
    action = _ACTIONS.get(_get_service(target), "")
    return not action or service_principals.is_allowed(
        service_principals.EVENTS, RequiredPermission(action, target["Arn"]), rule.arn
    )


def _allow_or_record(account: SimulatedAccount, rule: Rule, target: dict[str, Any]) -> bool:
    """Whether an event may be delivered; records the denial if not."""
    if _is_allowed(rule, target):
        return True
    action = _ACTIONS[_get_service(target)]
    account.access_denials.append(f"{service_principals.EVENTS} may not {action} on {target['Arn']} for {rule.arn}")
    return False


def _get_service(target: dict[str, Any]) -> str:
    return target["Arn"].split(":")[2]


def build_message(target: dict[str, Any], event: dict[str, Any]) -> str:
    """The message for a target: its constant Input, the part at InputPath, its transformed input, or the event."""
    if "Input" in target:
        return target["Input"]
    if "InputPath" in target:
        return json.dumps(_extract_path(event, target["InputPath"]))
    transformer = target.get("InputTransformer")
    if not transformer:
        return json.dumps(event)
    values = {name: _extract_path(event, path) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    return _render_template(transformer["InputTemplate"], values)


def _render_template(template: str, values: dict[str, Any]) -> str:
    """Fills a template: a placeholder within a JSON string becomes text, any other a JSON value."""

    def fill_string(match: re.Match[str]) -> str:
        return re.sub(r"<([\w.-]+)>", lambda hole: _to_json_text(values.get(hole[1], "")), match[0])

    quoted = re.sub(r'"(?:\\.|[^"\\])*"', fill_string, template)
    return re.sub(r"<([\w.-]+)>", lambda hole: json.dumps(values.get(hole[1])), quoted)


def _to_json_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return json.dumps(text)[1:-1]


def _extract_path(event: Any, path: str) -> Any:
    found = event
    for part in path.removeprefix("$").split("."):
        if not part:
            continue
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return found


def deliver_events(account: SimulatedAccount, _now: datetime) -> None:
    """Delivers the events that AWS itself has put, oldest first."""
    while account.events:
        try:
            event = account.events.popleft()
        except IndexError:
            return
        message = _build_event(event)
        bus = events_backends[ACCOUNT][event.region].event_buses["default"]
        for rule in list(bus.rules.values()):
            rule.send_to_targets(message)


def _build_event(event: PlatformEvent) -> Any:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": event.detail_type,
        "source": event.source,
        "account": ACCOUNT,
        "time": _format_time(event.time),
        "region": event.region,
        "resources": list(event.resources),
        "detail": dict(event.detail),
    }


def count_skipped_firings(account: SimulatedAccount, now: datetime) -> None:
    """Counts all firings of a jump of the clock but the newest as invocations that end like the function's last one.

    Otherwise the jump would look to alarms as if each scheduled function had stopped. The few that `fire_schedules`
    makes up for run at the end of the jump, and count there once more. A schedule of uneven times is left out.
    """
    skipped: dict[tuple[str, str], list[datetime]] = {}
    for region, rule in _list_scheduled_rules():
        if now - _find_times(account, rule, now)[1] <= MAX_CATCH_UP * SHORTEST_PERIOD:
            continue
        moments = _list_due_times(account, rule, now)
        if len(moments) <= MAX_CATCH_UP or not _is_even(moments):
            continue
        for target in list(rule.targets):
            if _get_service(target) == "lambda" and _is_allowed(rule, target):
                skipped[region, lambda_api.parse_function_name(target["Arn"])] = moments[:-1]
    for (region, function), moments in skipped.items():
        function_metrics.repeat_last_invocation(account, region, function, moments)


def _is_even(moments: Sequence[datetime]) -> bool:
    return moments[-1] - moments[0] == (len(moments) - 1) * (moments[1] - moments[0])


def fire_schedules(account: SimulatedAccount, now: datetime) -> None:
    """Fires the schedules that are due, each due time once; after a jump only the newest few."""
    for region, rule in _list_scheduled_rules():
        due = _list_due_times(account, rule, now)[-MAX_CATCH_UP:]
        _mark_fired(account, rule, now)
        _fire(account, region, rule, due)


def _list_scheduled_rules() -> list[tuple[str, Rule]]:
    """The enabled rules with a schedule, and their regions."""
    return [
        (region, rule)
        for region, backend in list(events_backends[ACCOUNT].items())
        for rule in list(backend.event_buses["default"].rules.values())
        if rule.scheduled_expression and rule.state == "ENABLED"
    ]


def _list_due_times(account: SimulatedAccount, rule: Rule, now: datetime) -> list[datetime]:
    schedule = parse_schedule(rule.scheduled_expression)
    created, last_fired = _find_times(account, rule, now)
    return list_due_times(schedule, created, last_fired, now) if schedule else []


def _find_times(account: SimulatedAccount, rule: Rule, now: datetime) -> tuple[datetime, datetime]:
    """When the rule was first seen and when its schedule last fired; both now for a new one."""
    _, created, last_fired = account.schedules.get(id(rule), (rule, now, now))
    return created, last_fired


def _mark_fired(account: SimulatedAccount, rule: Rule, now: datetime) -> None:
    account.schedules[id(rule)] = (rule, _find_times(account, rule, now)[0], now)


def _fire(account: SimulatedAccount, region: str, rule: Rule, due: list[datetime]) -> None:
    if not due:
        return
    events = [PlatformEvent(region, "aws.events", "Scheduled Event", {}, (rule.arn,), moment) for moment in due]
    for target in list(rule.targets):
        messages = [build_message(target, _build_event(event)) for event in events]
        if not _allow_or_record(account, rule, target):
            continue
        if _get_service(target) == "lambda":
            # One after the other, like the minutes over which the clock has jumped.
            name = lambda_api.parse_function_name(target["Arn"])
            lambda_api.invoke_sequentially(account, region, name, [message.encode() for message in messages])
        else:
            for message in messages:
                lambda_api.send_message(account, target["Arn"], message)


def _format_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
