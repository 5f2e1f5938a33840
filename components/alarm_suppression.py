"""Which alarm keeps quiet while which other is in ALARM, as values: the suppressors, their rules and their times."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from components.alarm_order import AlarmId, to_name_parts
from tidewatch.alarms import GUARDRAIL_COMPOSITE, Alarm, CompositeAlarm
from tidewatch.alarms.control_plane_alarms import DEPLOYMENT_RUNNING

WAIT_SECONDS = 60
"""How long a notification waits for its suppressor: one evaluation of a metric that the sweep emits."""
EXTENSION_SECONDS = 300
"""The least time that a notification stays suppressed afterwards, since the alarm's window still covers what ended."""
SUSTAINED = ("model-errors", "latency")
"""Alarms of a variant that take ten minutes to fire. By then its guardrail has rolled it back, or cannot."""


@dataclass(frozen=True)
class Suppression:
    """The suppressors among the alarms of an endpoint."""

    alarm_ids: frozenset[AlarmId]
    """The alarms that exist; no other suppresses."""
    variants: Collection[str]
    champion: str
    has_automatic_rollback: bool
    """Without it no function notifies, so guardrails suppress nothing."""

    def find_suppressors(self, alarm_id: AlarmId, alarm: Alarm | CompositeAlarm) -> frozenset[AlarmId]:
        """Returns the suppressors of an alarm: other alarms that report the same incident.

        They are an alarm that reports it with more urgency, a challenger's guardrail, whose rollback notifies, and, for
        a challenger, the champion's alarm with the same key.
        """
        variant, key = alarm_id
        if isinstance(alarm, Alarm) and alarm.escalates:
            return frozenset()
        owners = ("", variant) if variant else ("", *self.variants)
        parents = [(owner, parent) for parent in alarm.parents for owner in owners]
        rolled_back = self.variants if self.has_automatic_rollback else ()
        guardrail_ids = [(owner, GUARDRAIL_COMPOSITE) for owner in rolled_back if variant in (owner, "")]
        champion_counterpart = [(self.champion, key)] if variant != self.champion else []
        is_composite = isinstance(alarm, CompositeAlarm)
        deploying = [("", DEPLOYMENT_RUNNING)] if not is_composite and alarm.suppressed_by_deployment else []
        user_facing = bool(variant) or is_composite
        found = (
            *parents,
            *deploying,
            *(guardrail_ids if user_facing else ()),
            *(champion_counterpart if variant else ()),
        )
        return frozenset(suppressor for suppressor in found if suppressor in self.alarm_ids)


@dataclass(frozen=True)
class CombinedSuppressor:
    """The composite that stands for several suppressors, since an alarm takes a single one."""

    suppressors: Sequence[AlarmId]
    """In the order of their ids."""

    @property
    def alarm_id(self) -> AlarmId:
        """The composite's own id, the same for the same suppressors."""
        return "", "while-" + "-or-".join("-".join(to_name_parts(alarm_id)) for alarm_id in self.suppressors)

    @property
    def rule_alarms(self) -> list[AlarmId]:
        """The alarms that the rule refers to."""
        guarded = [variant for variant, key in self.suppressors if key == GUARDRAIL_COMPOSITE]
        return [*self.suppressors, *((variant, key) for variant in guarded for key in SUSTAINED)]

    def build_rule(self, names: Mapping[AlarmId, str]) -> str:
        """Returns the rule that is true while any of the alarms suppresses.

        A guardrail suppresses only while its rollback can still come.
        """
        terms = [
            _build_rollback_rule(variant, names)
            if key == GUARDRAIL_COMPOSITE
            else build_any_rule([(variant, key)], names)
            for variant, key in self.suppressors
        ]
        return " OR ".join(terms)


def combine_suppressors(suppressors: frozenset[AlarmId]) -> CombinedSuppressor | None:
    """Returns the composite for these suppressors, or None where a single alarm, or none, suppresses as it is."""
    has_guardrail = any(key == GUARDRAIL_COMPOSITE for _, key in suppressors)
    if len(suppressors) < 2 and not has_guardrail:
        return None
    return CombinedSuppressor(sorted(suppressors))


def build_any_rule(alarm_ids: Sequence[AlarmId], names: Mapping[AlarmId, str]) -> str:
    """Returns the rule that is true while any of the alarms is in ALARM, of whichever variant."""
    return " OR ".join(f'ALARM("{names[alarm_id]}")' for alarm_id in alarm_ids)


def compute_extension(look_back_s: int) -> int:
    """Returns how long an alarm that looks back so far stays suppressed after its suppressor, in seconds."""
    return max(look_back_s, EXTENSION_SECONDS)


def _build_rollback_rule(variant: str, names: Mapping[AlarmId, str]) -> str:
    sustained_names = [names[variant, key] for key in SUSTAINED]
    conditions = "".join(f' AND NOT ALARM("{name}")' for name in sustained_names)
    return f'(ALARM("{names[variant, GUARDRAIL_COMPOSITE]}"){conditions})'
