"""The sections of the stack config about objectives and notifications."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self, cast

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from stacks.config import types as t
from stacks.config.types import Section
from tidewatch.alarms import InvalidAlarms, Severity
from tidewatch.slo import Objective

ADDRESS_PATTERNS = {
    "email": re.compile(r"[!-?A-~]+@[0-9A-Za-z](-*[0-9A-Za-z])*(\.[0-9A-Za-z](-*[0-9A-Za-z])*)*"),
    "https": re.compile(r"https://[0-9A-Za-z\[][!-~]*"),
}
"""What SNS delivers to, by protocol: an address, or a URL with a host. Source: SNS API reference, Subscribe."""


def _parse_recipient(value: Any) -> tuple[str, str]:
    """Parses an SNS protocol and an address from an object with one key."""
    example = "use {email: oncall@example.com} or {https: https://example.com/page}"
    if not isinstance(value, Mapping) or len(cast("Mapping[str, Any]", value)) != 1:
        raise ValueError(f"{value!r} is not a recipient; {example}")
    ((protocol, address),) = cast("Mapping[str, Any]", value).items()
    text = str(address)
    if protocol in ADDRESS_PATTERNS and ADDRESS_PATTERNS[protocol].fullmatch(text):
        return protocol, text
    raise ValueError(f"{value!r} is not a recipient; {example}")


def _require_match(pattern: str, what: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f'"{value}" is {what}')
        return value

    return AfterValidator(check)


Recipient = Annotated[
    tuple[str, str],
    BeforeValidator(_parse_recipient),
    WithJsonSchema({"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False,
                    "properties": {protocol: {"type": "string"} for protocol in ADDRESS_PATTERNS}}),
]  # fmt: skip
Minutes = Annotated[int, BeforeValidator(t.parse_int), t.require_at_least(1, 1440)]
SlackTeam = Annotated[str, _require_match("[0-9A-Z]{1,255}", "not the id of a Slack workspace; use one like T0123ABCD")]
SlackChannel = Annotated[
    str, _require_match("[A-Za-z0-9]{1,255}", "not the id of a Slack channel; use one like C0123ABCD")
]
RunbookUrl = Annotated[
    str, _require_match(r"[!-~]{1,200}", "not the URL of a runbook folder; use one of up to 200 letters")
]


class EscalationSettings(Section):
    """Who is called when nobody has acknowledged an incident."""

    after_minutes: Minutes = Field(default=15, description="minutes without an acknowledgement, at most a day")
    to: tuple[Recipient, ...] = Field(min_length=1, description="who is notified then, written as in `notify.P1`")


class ChatSettings(Section):
    """A Slack channel that AWS Chatbot posts to."""

    slack_team: SlackTeam = Field(description="the id of the workspace; authorize AWS Chatbot for it once, by hand")
    slack_channel: SlackChannel = Field(description="the id of the channel, one channel per stack")
    severities: tuple[Severity, ...] = Field(
        default=(Severity.P1, Severity.P2), min_length=1, description="the severities to post"
    )


class NotificationSettings(Section):
    """Who is notified, by severity, and where the runbooks are read."""

    p1: tuple[Recipient, ...] = Field(
        default=(),
        alias="P1",
        description="who is paged: `{email: ...}` or `{https: ...}`; in production each severity needs somebody",
    )
    p2: tuple[Recipient, ...] = Field(default=(), alias="P2", description="who gets a ticket for today")
    p3: tuple[Recipient, ...] = Field(default=(), alias="P3", description="who gets a ticket for this week")
    escalation: EscalationSettings | None = Field(
        default=None, description="who is notified when nobody acknowledges an incident"
    )
    chat: ChatSettings | None = Field(default=None, description="a Slack channel")
    runbooks: RunbookUrl = Field(
        default="runbooks", description="the URL of the runbooks' folder, which alarms link to"
    )

    @property
    def recipients(self) -> dict[Severity, tuple[tuple[str, str], ...]]:
        return {Severity.P1: self.p1, Severity.P2: self.p2, Severity.P3: self.p3}

    @property
    def severities_without_recipients(self) -> tuple[Severity, ...]:
        """The severities that notify nobody."""
        slack_severities = self.chat.severities if self.chat else ()
        return tuple(
            severity for severity, people in self.recipients.items() if not people and severity not in slack_severities
        )


class ObjectiveSettings(Section):
    """The percent of requests that are good, over a window of days."""

    percent: t.Number = Field(description="percent of the requests that are answered, 50 to 99.9999")
    days: t.WholeNumber = Field(default=28, description="the window of the objective: 28 or 30")

    @model_validator(mode="after")
    def _require_objective(self) -> Self:
        try:
            self.to_objective()
        except InvalidAlarms as error:
            t.raise_mistakes((mistake.path, mistake.sentence) for mistake in error.mistakes)
        return self

    def to_objective(self) -> Objective:
        """Returns the objective as the domain's value."""
        return Objective("availability", self.percent, self.days)


class LatencyObjectiveSettings(ObjectiveSettings):
    """A prediction is good that takes at most so many milliseconds."""

    percent: t.Number = Field(description="percent of the predictions within that time, 50 to 99.9999")
    milliseconds: t.Number = Field(description="how long a prediction may take")

    def to_objective(self) -> Objective:
        return Objective("latency", self.percent, self.days, self.milliseconds)


class SloSettings(Section):
    """What is promised to the users of the endpoint; what is left out is not watched."""

    availability: ObjectiveSettings | None = Field(default=None, description="the objective for answered requests")
    latency: LatencyObjectiveSettings | None = Field(default=None, description="the objective for fast predictions")

    def objectives(self) -> tuple[Objective, ...]:
        """Returns the objectives as the domain's values."""
        return tuple(objective.to_objective() for objective in (self.availability, self.latency) if objective)
