"""EventBridge: rules deliver to functions, topics and queues, by event pattern and by schedule.

Source: EventBridge user guide, "Event patterns", "Input transformation", "Schedule rules" (rules of a pattern and rules
of a schedule are told apart).
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime
from functools import wraps
from typing import Any

from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend, Rule, events_backends

from simulator.aws import lambda_api
from simulator.aws.identity import services
from simulator.aws.identity.need import Need
from simulator.aws.schedules import newest, schedule_of
from simulator.aws.world import ACCOUNT, PlatformEvent, World, world

MOST_CATCH_UP = 3
"""Firings of one rule made up for after a jump of the clock; the older ones are left out."""
_ACTIONS = {"lambda": "lambda:InvokeFunction", "sns": "sns:Publish", "sqs": "sqs:SendMessage"}
"""The service of a target -> what its resource's own policy must allow EventBridge."""
_HERE = frozenset(_ACTIONS)


def install() -> None:
    """Sets delivery on moto's rules, and the refusal of schedules that EventBridge refuses."""
    Rule.send_to_targets = _send_to_targets(Rule.send_to_targets)  # type: ignore[method-assign]
    EventsBackend.put_rule = _put_rule(EventsBackend.put_rule)  # type: ignore[method-assign]


def _put_rule(original: Any) -> Any:
    @wraps(original)
    def put_rule(self: EventsBackend, *given: Any, scheduled_expression: str | None = None, **named: Any) -> Rule:
        if scheduled_expression:
            try:
                schedule_of(scheduled_expression)
            except ValueError:
                raise ValidationException("Parameter ScheduleExpression is not valid.") from None
        return original(self, *given, scheduled_expression=scheduled_expression, **named)

    return put_rule


def _send_to_targets(original: Any) -> Any:
    def send_to_targets(self: Rule, original_event: Any, transform_input: bool = True) -> None:
        if self.state != "ENABLED" or not self.event_pattern.get_pattern():
            return
        if self.event_pattern.matches_event(original_event):
            _matched(world(), self)
            event = {key: value for key, value in original_event.items() if key != "ingestion-time"}
            if isinstance(event["time"], int | float):
                event["time"] = _stamp(world().now())
            mine = [target for target in self.targets if _service(target) in _HERE]
            for target in mine:
                if _let(world(), self, target):
                    lambda_api.send(world(), target["Arn"], message_for(target, event))
            others = [target for target in self.targets if target not in mine]
            if others:
                _with_targets(self, others, lambda: original(self, original_event, transform_input))

    return send_to_targets


def _matched(here: World, rule: Rule) -> None:
    """Source: EventBridge user guide, "EventBridge metrics", TriggeredRules."""
    series = here.metrics.metric(rule.arn.split(":")[3], "AWS/Events", "TriggeredRules", {"RuleName": rule.name})
    series.unit = "Count"
    with here.metrics.lock:
        series.at(here.now().timestamp()).add(1)


def _with_targets(rule: Rule, targets: list[Any], call: Any) -> None:
    every, rule.targets = rule.targets, targets
    try:
        call()
    finally:
        rule.targets = every


def _let(here: World, rule: Rule, target: dict[str, Any]) -> bool:
    """Whether the target's own policy lets the rule's events in: where it does not, they fail and nobody is told.

    Source: EventBridge user guide, "Using resource-based policies for Amazon EventBridge".
    """
    action = _ACTIONS.get(_service(target), "")
    if not action or services.lets(services.EVENTS, Need(action, target["Arn"]), rule.arn):
        return True
    here.refused.append(f"{services.EVENTS} may not {action} on {target['Arn']} for {rule.arn}")
    return False


def _service(target: dict[str, Any]) -> str:
    return target["Arn"].split(":")[2]


def message_for(target: dict[str, Any], event: dict[str, Any]) -> str:
    """What a target gets: its constant Input, the part under InputPath, its transformed input, or the event."""
    if "Input" in target:
        return target["Input"]
    if "InputPath" in target:
        return json.dumps(_at(event, target["InputPath"]))
    transformer = target.get("InputTransformer")
    if not transformer:
        return json.dumps(event)
    values = {name: _at(event, path) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    return _transformed(transformer["InputTemplate"], values)


def _transformed(template: str, values: dict[str, Any]) -> str:
    """A placeholder within a JSON string is text there; anywhere else it is a JSON value."""

    def inside(match: re.Match[str]) -> str:
        return re.sub(r"<([\w.-]+)>", lambda hole: _as_text(values.get(hole[1], "")), match[0])

    quoted = re.sub(r'"(?:\\.|[^"\\])*"', inside, template)
    return re.sub(r"<([\w.-]+)>", lambda hole: json.dumps(values.get(hole[1])), quoted)


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return json.dumps(text)[1:-1]


def _at(event: Any, path: str) -> Any:
    found = event
    for part in path.removeprefix("$").split("."):
        if not part:
            continue
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return found


def deliver(here: World, _now: datetime) -> None:
    """Delivers the events that AWS itself has put, oldest first."""
    while here.events:
        try:
            event = here.events.popleft()
        except IndexError:
            return
        message = _message(event)
        bus = events_backends[ACCOUNT][event.region].event_buses["default"]
        for rule in list(bus.rules.values()):
            rule.send_to_targets(message)


def _message(event: PlatformEvent) -> Any:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": event.detail_type,
        "source": event.source,
        "account": ACCOUNT,
        "time": _stamp(event.time),
        "region": event.region,
        "resources": list(event.resources),
        "detail": dict(event.detail),
    }


def fire_schedules(here: World, now: datetime) -> None:
    """Fires the schedules that the clock has passed, each due time once, the newest few of them after a jump."""
    for region, backend in list(events_backends[ACCOUNT].items()):
        for rule in list(backend.event_buses["default"].rules.values()):
            if rule.scheduled_expression and rule.state == "ENABLED":
                _fire(here, region, rule, _due(here, rule, now))


def _due(here: World, rule: Rule, now: datetime) -> list[datetime]:
    schedule = schedule_of(rule.scheduled_expression)
    with here.lock:
        _, made, fired = here.schedules.get(id(rule), (rule, now, now))
        here.schedules[id(rule)] = (rule, made, now)
    return newest(schedule, made, fired, now, MOST_CATCH_UP) if schedule else []


def _fire(here: World, region: str, rule: Rule, due: list[datetime]) -> None:
    if not due:
        return
    events = [PlatformEvent(region, "aws.events", "Scheduled Event", {}, (rule.arn,), moment) for moment in due]
    for target in list(rule.targets):
        messages = [message_for(target, _message(event)) for event in events]
        if not _let(here, rule, target):
            continue
        if _service(target) == "lambda":
            # One after the other, as the minutes were that the clock has jumped over.
            name = lambda_api.function_name(target["Arn"])
            lambda_api.invoke_in_turn(here, region, name, [message.encode() for message in messages])
        else:
            for message in messages:
                lambda_api.send(here, target["Arn"], message)


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
