"""Composite alarms as values: rules over the keys of other alarms.

Source: CloudWatch API reference, PutCompositeAlarm (100 children, 10,240 characters).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tidewatch.alarms.errors import InvalidAlarm
from tidewatch.alarms.models import KEY_PATTERN, Severity

MAX_CHILDREN = 100
MAX_RULE_LENGTH = 10_240

Rule: TypeAlias = "str | BooleanRule"


@dataclass(frozen=True)
class BooleanRule:
    """Rules of which all must hold (AND), or at least one (OR)."""

    operator: Literal["AND", "OR"]
    rules: tuple[Rule, ...]


def all_of(*rules: Rule) -> BooleanRule:
    return BooleanRule("AND", rules)


def any_of(*rules: Rule) -> BooleanRule:
    return BooleanRule("OR", rules)


def list_referenced_alarms(rule: Rule) -> tuple[str, ...]:
    """Returns the keys of the alarms in a rule, each once, in their order."""
    if isinstance(rule, str):
        return (rule,)
    return tuple(dict.fromkeys(key for operand in rule.rules for key in list_referenced_alarms(operand)))


def render_rule(rule: Rule, name: Callable[[str], str]) -> str:
    """Returns a rule in CloudWatch's syntax. `name` maps keys to alarm names. Raises InvalidAlarm if it is too long."""
    text = _render(rule, name)
    if len(text) > MAX_RULE_LENGTH:
        raise InvalidAlarm(f"its rule has {len(text)} characters; CloudWatch allows {MAX_RULE_LENGTH}", "rule")
    return text


def _render(rule: Rule, name: Callable[[str], str]) -> str:
    if isinstance(rule, str):
        return f'ALARM("{name(rule)}")'
    rendered_operands = (_render(operand, name) for operand in rule.rules)
    return f" {rule.operator} ".join(
        f"({rendered})" if isinstance(operand, BooleanRule) and len(operand.rules) > 1 else rendered
        for operand, rendered in zip(rule.rules, rendered_operands, strict=True)
    )


@dataclass(frozen=True, kw_only=True)
class CompositeAlarm:
    """An alarm on the states of other alarms. Fields that Alarm has mean the same here. Raises InvalidAlarm."""

    key: str
    description: str
    severity: Severity
    rule: Rule
    runbook: str = ""
    notifies: bool = True
    parents: tuple[str, ...] = ()
    lookback_s: int = 0
    """How long the shortest window under it still contains what has ended."""

    def __post_init__(self) -> None:
        if not KEY_PATTERN.fullmatch(self.key):
            raise InvalidAlarm("is not a valid key; use words of a-z and 0-9 joined by dashes", "name", self.key)
        object.__setattr__(self, "runbook", self.runbook or self.key)
        if not 1 <= len(self.children) <= MAX_CHILDREN:
            raise InvalidAlarm(f"has {len(self.children)} child alarms; CloudWatch allows 1 to 100", "rule", self.key)

    @property
    def children(self) -> tuple[str, ...]:
        """The keys of the alarms under it."""
        return list_referenced_alarms(self.rule)
