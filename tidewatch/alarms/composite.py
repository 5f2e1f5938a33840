"""Composite alarms as values: rules over the keys of other alarms.

Source: CloudWatch API reference, PutCompositeAlarm (100 children, 10,240 characters).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tidewatch.alarms.errors import InvalidAlarm
from tidewatch.alarms.values import KEY, Scope, Severity

MOST_CHILDREN = 100
LONGEST_RULE = 10_240

Rule: TypeAlias = "str | Joined"


@dataclass(frozen=True)
class Joined:
    """Rules that must all hold, or one of which must."""

    by: Literal["AND", "OR"]
    rules: tuple[Rule, ...]


def all_of(*rules: Rule) -> Joined:
    return Joined("AND", rules)


def any_of(*rules: Rule) -> Joined:
    return Joined("OR", rules)


def keys(rule: Rule) -> tuple[str, ...]:
    """The alarms that a rule looks at, each once, in their order."""
    if isinstance(rule, str):
        return (rule,)
    return tuple(dict.fromkeys(key for one in rule.rules for key in keys(one)))


def holds(rule: Rule, in_alarm: Iterable[str]) -> bool:
    """Whether a rule holds while these alarms are in ALARM."""
    firing = set(in_alarm)
    if isinstance(rule, str):
        return rule in firing
    return (all if rule.by == "AND" else any)(holds(one, firing) for one in rule.rules)


def written(rule: Rule, name: Callable[[str], str]) -> str:
    """A rule as CloudWatch reads it; `name` gives an alarm's name for its key. Raises InvalidAlarm: it is too long."""
    text = _written(rule, name)
    if len(text) > LONGEST_RULE:
        raise InvalidAlarm(f"its rule has {len(text)} characters; CloudWatch allows {LONGEST_RULE}", "rule")
    return text


def _written(rule: Rule, name: Callable[[str], str]) -> str:
    if isinstance(rule, str):
        return f'ALARM("{name(rule)}")'
    parts = (_written(one, name) for one in rule.rules)
    return f" {rule.by} ".join(
        f"({part})" if isinstance(one, Joined) and len(one.rules) > 1 else part
        for one, part in zip(rule.rules, parts, strict=True)
    )


@dataclass(frozen=True)
class Composite:
    """An alarm on the states of others; its members mean what they mean in Alarm. Raises InvalidAlarm."""

    key: str
    title: str
    says: str
    severity: Severity
    scope: Scope
    rule: Rule
    suppressed_by_deployment: bool = True
    runbook: str = ""
    notifies: bool = True
    parents: tuple[str, ...] = ()
    looks_back_s: int = 0
    """How long what has ended still shows in the shortest window under it."""

    def __post_init__(self) -> None:
        if not KEY.fullmatch(self.key):
            raise InvalidAlarm("is not a key; use words of a-z and 0-9 joined by dashes", "name", self.key)
        object.__setattr__(self, "runbook", self.runbook or self.key)
        if not 1 <= len(self.children) <= MOST_CHILDREN:
            raise InvalidAlarm(
                f"has {len(self.children)} alarms under it; CloudWatch allows 1 to 100", "rule", self.key
            )

    @property
    def children(self) -> tuple[str, ...]:
        """The keys of the alarms under it."""
        return keys(self.rule)
