"""The parts of the stack config that say what is watched, what is promised, and who is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field

from stacks import types as t
from stacks.types import Section
from tidewatch.alarms import Alarm, InvalidAlarm, InvalidAlarms, Limits, custom_guardrails
from tidewatch.slo import Objective

Severity = Literal["P1", "P2", "P3"]
ADDRESSES = {
    "email": re.compile(r"[!-?A-~]+@[0-9A-Za-z](-*[0-9A-Za-z])*(\.[0-9A-Za-z](-*[0-9A-Za-z])*)*"),
    "https": re.compile(r"https://[0-9A-Za-z\[][!-~]*"),
}
"""What SNS delivers to, by protocol: an address, a URL with a host. Source: SNS API reference, Subscribe."""
SEVERITIES: tuple[Severity, ...] = ("P1", "P2", "P3")


def _recipient(value: Any) -> tuple[str, str]:
    """A protocol of SNS and an address, from an object of one key."""
    example = "use {email: oncall@example.com} or {https: https://example.com/page}"
    if not isinstance(value, Mapping) or len(cast("Mapping[str, Any]", value)) != 1:
        raise ValueError(f"{value!r} is nobody to tell; {example}")
    ((protocol, address),) = cast("Mapping[str, Any]", value).items()
    text = str(address)
    if protocol in ADDRESSES and ADDRESSES[protocol].fullmatch(text):
        return protocol, text
    raise ValueError(f"{value!r} is nobody to tell; {example}")


def _matches(pattern: str, what: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f'"{value}" is {what}')
        return value

    return AfterValidator(check)


Recipient = Annotated[tuple[str, str], BeforeValidator(_recipient)]
Minutes = Annotated[int, BeforeValidator(t.whole), t.at_least(1, 1440)]
SlackTeam = Annotated[str, _matches("[0-9A-Z]{1,255}", "no id of a Slack workspace; use one like T0123ABCD")]
SlackChannel = Annotated[str, _matches("[A-Za-z0-9]{1,255}", "no id of a Slack channel; use one like C0123ABCD")]
RunbookPlace = Annotated[
    str, _matches(r"[!-~]{1,200}", "no place of runbooks; use the folder's URL, up to 200 letters")
]


class Escalation(Section):
    """Who is told when nobody has acknowledged an incident for so many minutes."""

    after_minutes: Minutes = 15
    to: tuple[Recipient, ...] = Field(min_length=1)


class Chat(Section):
    """A Slack channel that AWS Chatbot, authorized in the account once by hand, posts to."""

    slack_team: SlackTeam
    slack_channel: SlackChannel
    severities: tuple[Severity, ...] = Field(default=("P1", "P2"), min_length=1)


class Notify(Section):
    """Who is told, by severity: a page now, a ticket for today, one for this week; and where the runbooks are read."""

    p1: tuple[Recipient, ...] = Field(default=(), alias="P1")
    p2: tuple[Recipient, ...] = Field(default=(), alias="P2")
    p3: tuple[Recipient, ...] = Field(default=(), alias="P3")
    escalation: Escalation | None = None
    chat: Chat | None = None
    runbooks: RunbookPlace = "runbooks"

    @property
    def recipients(self) -> dict[Severity, tuple[tuple[str, str], ...]]:
        return {"P1": self.p1, "P2": self.p2, "P3": self.p3}

    @property
    def unheard(self) -> tuple[Severity, ...]:
        """The severities that reach nobody."""
        posted = self.chat.severities if self.chat else ()
        return tuple(one for one, people in self.recipients.items() if not people and one not in posted)


class Promise(Section):
    """The percent of requests that are good, over a window of days."""

    percent: t.Number
    days: Annotated[int, BeforeValidator(t.whole)] = 28


class LatencyPromise(Promise):
    """A prediction is good that takes at most so many milliseconds."""

    milliseconds: t.Number


class Slo(Section):
    """What is promised to the users of the endpoint; what is left out is not watched."""

    availability: Promise | None = None
    latency: LatencyPromise | None = None

    def objectives(self) -> tuple[Objective, ...]:
        """Raises InvalidAlarms, with paths like `availability.percent`."""
        found: list[Objective] = []
        mistakes: list[InvalidAlarm] = []
        for kind, promise in (("availability", self.availability), ("latency", self.latency)):
            if promise is None:
                continue
            within = promise.milliseconds if isinstance(promise, LatencyPromise) else None
            try:
                found.append(
                    Objective(cast("Literal['availability', 'latency']", kind), promise.percent, promise.days, within)
                )
            except InvalidAlarms as wrong:
                mistakes += [mistake.under(kind) for mistake in wrong.mistakes]
        if mistakes:
            raise InvalidAlarms(mistakes)
        return tuple(found)


@dataclass(frozen=True)
class Watched:
    """From when something is wrong, and what else of the user's own rolls back."""

    limits: Limits = field(default_factory=Limits)
    guardrails: tuple[Alarm, ...] = ()

    @classmethod
    def read(cls, given: object) -> Watched:
        """The section `alarms`: limits by their names, and a list of guardrails. Raises InvalidAlarms, all mistakes."""
        if not isinstance(given, Mapping):
            raise InvalidAlarms([InvalidAlarm(f"{given!r} is not an object; nest its keys under it")])
        section = dict(cast("Mapping[str, object]", given))
        declared = section.pop("guardrails", None) or ()
        mistakes: list[InvalidAlarm] = []
        limits, guardrails = Limits(), ()
        try:
            limits = Limits.read(section)
        except InvalidAlarms as wrong:
            mistakes += wrong.mistakes
        try:
            guardrails = custom_guardrails(_listed(declared))
        except InvalidAlarms as wrong:
            mistakes += [mistake.under("guardrails") for mistake in wrong.mistakes]
        if mistakes:
            raise InvalidAlarms(mistakes)
        return cls(limits, guardrails)


def _listed(value: object) -> tuple[Mapping[str, object], ...]:
    if not isinstance(value, (list, tuple)):
        raise InvalidAlarms([InvalidAlarm(f"{value!r} is not a list; begin each guardrail with a dash")])
    return tuple(cast("tuple[Mapping[str, object], ...]", value))
