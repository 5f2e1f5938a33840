"""The parts of the stack config that say what is watched, what is promised, and who is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field

from stacks.config import types as t
from stacks.config.types import Section
from tidewatch.alarms import Alarm, AlarmThresholds, InvalidAlarm, InvalidAlarms, parse_custom_guardrails
from tidewatch.slo import Objective

SeverityName = Literal["P1", "P2", "P3"]
ADDRESS_PATTERNS = {
    "email": re.compile(r"[!-?A-~]+@[0-9A-Za-z](-*[0-9A-Za-z])*(\.[0-9A-Za-z](-*[0-9A-Za-z])*)*"),
    "https": re.compile(r"https://[0-9A-Za-z\[][!-~]*"),
}
"""What SNS delivers to, by protocol: an address, a URL with a host. Source: SNS API reference, Subscribe."""
SEVERITY_NAMES: tuple[SeverityName, ...] = ("P1", "P2", "P3")


def _parse_recipient(value: Any) -> tuple[str, str]:
    """A protocol of SNS and an address, from an object of one key."""
    example = "use {email: oncall@example.com} or {https: https://example.com/page}"
    if not isinstance(value, Mapping) or len(cast("Mapping[str, Any]", value)) != 1:
        raise ValueError(f"{value!r} is nobody to tell; {example}")
    ((protocol, address),) = cast("Mapping[str, Any]", value).items()
    text = str(address)
    if protocol in ADDRESS_PATTERNS and ADDRESS_PATTERNS[protocol].fullmatch(text):
        return protocol, text
    raise ValueError(f"{value!r} is nobody to tell; {example}")


def _require_match(pattern: str, what: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f'"{value}" is {what}')
        return value

    return AfterValidator(check)


Recipient = Annotated[tuple[str, str], BeforeValidator(_parse_recipient)]
Minutes = Annotated[int, BeforeValidator(t.parse_int), t.require_at_least(1, 1440)]
SlackTeam = Annotated[str, _require_match("[0-9A-Z]{1,255}", "no id of a Slack workspace; use one like T0123ABCD")]
SlackChannel = Annotated[str, _require_match("[A-Za-z0-9]{1,255}", "no id of a Slack channel; use one like C0123ABCD")]
RunbookUrl = Annotated[
    str, _require_match(r"[!-~]{1,200}", "no place of runbooks; use the folder's URL, up to 200 letters")
]


class EscalationSettings(Section):
    """Who is told when nobody has acknowledged an incident for so many minutes."""

    after_minutes: Minutes = 15
    to: tuple[Recipient, ...] = Field(min_length=1)


class ChatSettings(Section):
    """A Slack channel that AWS Chatbot, authorized in the account once by hand, posts to."""

    slack_team: SlackTeam
    slack_channel: SlackChannel
    severities: tuple[SeverityName, ...] = Field(default=("P1", "P2"), min_length=1)


class NotificationSettings(Section):
    """Who is told, by severity: a page now, a ticket for today, one for this week; and where the runbooks are read."""

    p1: tuple[Recipient, ...] = Field(default=(), alias="P1")
    p2: tuple[Recipient, ...] = Field(default=(), alias="P2")
    p3: tuple[Recipient, ...] = Field(default=(), alias="P3")
    escalation: EscalationSettings | None = None
    chat: ChatSettings | None = None
    runbooks: RunbookUrl = "runbooks"

    @property
    def recipients(self) -> dict[SeverityName, tuple[tuple[str, str], ...]]:
        return {"P1": self.p1, "P2": self.p2, "P3": self.p3}

    @property
    def severities_without_recipients(self) -> tuple[SeverityName, ...]:
        """The severities that reach nobody."""
        slack_severities = self.chat.severities if self.chat else ()
        return tuple(
            severity for severity, people in self.recipients.items() if not people and severity not in slack_severities
        )


class ObjectiveSettings(Section):
    """The percent of requests that are good, over a window of days."""

    percent: t.Number
    days: Annotated[int, BeforeValidator(t.parse_int)] = 28


class LatencyObjectiveSettings(ObjectiveSettings):
    """A prediction is good that takes at most so many milliseconds."""

    milliseconds: t.Number


class SloSettings(Section):
    """What is promised to the users of the endpoint; what is left out is not watched."""

    availability: ObjectiveSettings | None = None
    latency: LatencyObjectiveSettings | None = None

    def objectives(self) -> tuple[Objective, ...]:
        """Raises InvalidAlarms, with paths like `availability.percent`."""
        found: list[Objective] = []
        mistakes: list[InvalidAlarm] = []
        for kind, settings in (("availability", self.availability), ("latency", self.latency)):
            if settings is None:
                continue
            milliseconds = settings.milliseconds if isinstance(settings, LatencyObjectiveSettings) else None
            try:
                found.append(
                    Objective(
                        cast("Literal['availability', 'latency']", kind), settings.percent, settings.days, milliseconds
                    )
                )
            except InvalidAlarms as error:
                mistakes += [mistake.with_prefix(kind) for mistake in error.mistakes]
        if mistakes:
            raise InvalidAlarms(mistakes)
        return tuple(found)


@dataclass(frozen=True)
class AlarmSettings:
    """From when something is wrong, and what else of the user's own rolls back."""

    thresholds: AlarmThresholds = field(default_factory=AlarmThresholds)
    guardrails: tuple[Alarm, ...] = ()

    @classmethod
    def from_config(cls, value: object) -> AlarmSettings:
        """The section `alarms`: limits by their names, and a list of guardrails. Raises InvalidAlarms, all mistakes."""
        if not isinstance(value, Mapping):
            raise InvalidAlarms([InvalidAlarm(f"{value!r} is not an object; nest its keys under it")])
        section = dict(cast("Mapping[str, object]", value))
        declared = section.pop("guardrails", None) or ()
        mistakes: list[InvalidAlarm] = []
        thresholds, guardrails = AlarmThresholds(), ()
        try:
            thresholds = AlarmThresholds.from_config(section)
        except InvalidAlarms as error:
            mistakes += error.mistakes
        try:
            guardrails = parse_custom_guardrails(_require_list(declared))
        except InvalidAlarms as error:
            mistakes += [mistake.with_prefix("guardrails") for mistake in error.mistakes]
        if mistakes:
            raise InvalidAlarms(mistakes)
        return cls(thresholds, guardrails)


def _require_list(value: object) -> tuple[Mapping[str, object], ...]:
    if not isinstance(value, (list, tuple)):
        raise InvalidAlarms([InvalidAlarm(f"{value!r} is not a list; begin each guardrail with a dash")])
    return tuple(cast("tuple[Mapping[str, object], ...]", value))
