"""Finds the runbook of an alarm, by the alarm's key or by the name that a page of CloudWatch shows."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cli.errors import UserError
from tidewatch import slo
from tidewatch.alarms import (
    ALARM_RUNBOOKS,
    AlarmThresholds,
    build_endpoint_alarms,
    build_guardrail_composite,
    build_variant_alarms,
)
from tidewatch.alarms.custom_guardrails import KEY_PREFIX as OWN_GUARDRAIL
from tidewatch.naming import VARIANTS


@dataclass(frozen=True)
class RunbookMatch:
    """A runbook for the requested alarm."""

    key: str
    """The runbook's key."""
    requested_name: str
    """The name that the user typed."""
    variant: str = ""
    """The variant in that name, or ""."""


def find_runbook(alarm: str) -> RunbookMatch:
    """Returns the runbook of an alarm, by its key, or by the name or ARN that CloudWatch shows. Raises UserError."""
    requested_name = alarm.strip().rpartition(":")[2].removesuffix(".md")
    runbooks = runbooks_by_alarm()
    if requested_name in runbooks:
        return RunbookMatch(runbooks[requested_name], requested_name)
    words = requested_name.lower().split("-")
    best_match = max(_find_matches(words, runbooks), default=None)
    if best_match is None:
        nearest = _find_nearest(words, runbooks)
        suggestion = f", did you mean {nearest}" if nearest else ""
        raise UserError(
            f"no alarm is called {alarm}{suggestion}; the runbooks are {', '.join(sorted(set(runbooks.values())))}"
        )
    _, length, start, key = best_match
    neighbours = [*words[start + length :], *words[max(start - 1, 0) : start]]
    variant = next((word for word in neighbours if word in VARIANTS), "")
    return RunbookMatch(runbooks[key], requested_name, variant)


@functools.cache
def runbooks_by_alarm() -> Mapping[str, str]:
    """Returns the runbook of each alarm by the alarm's key, and each runbook by its own name."""
    objectives = (slo.Objective("availability", 99.9), slo.Objective("latency", 99, milliseconds=200))
    found = {
        **_variant_runbooks(),
        **{alarm.key: alarm.runbook for alarm in build_endpoint_alarms(AlarmThresholds(), VARIANTS)},
    }
    for objective in objectives:
        found |= {alarm.key: alarm.runbook for alarm in slo.build_slo_alarms(objective, VARIANTS)}
        found |= {alarm.key: alarm.runbook for alarm in slo.build_slo_composites(objective)}
    return found | {name: name for name in (*ALARM_RUNBOOKS, *slo.RUNBOOK_BY_KIND.values())}


def is_about_variant(key: str) -> bool:
    """Whether a runbook is of an alarm that is about one variant."""
    return key in _variant_runbooks().values()


@functools.cache
def _variant_runbooks() -> Mapping[str, str]:
    """Returns the runbook of each alarm that is about one variant."""
    champion, challenger = VARIANTS
    variants: dict[str, float] = {champion: 95, challenger: 5}
    alarms_by_variant = build_variant_alarms(AlarmThresholds(), variants, champion)
    composite = build_guardrail_composite(alarms_by_variant[challenger])
    alarms = [*alarms_by_variant[champion], *alarms_by_variant[challenger], *([composite] if composite else [])]
    return {alarm.key: alarm.runbook for alarm in alarms}


def _find_matches(words: list[str], keys: Mapping[str, str]) -> Iterator[tuple[bool, int, int, str]]:
    """Yields alarms whose keys are words of a name, as tuples whose maximum is the best match.

    The user's own guardrail comes first, because its name may be another alarm's key; then the longest key; then the
    last one, because the model's name precedes the key.
    """
    for key in keys:
        parts = key.split("-")
        for start in range(len(words) - len(parts) + 1):
            if words[start : start + len(parts)] == parts:
                yield key == OWN_GUARDRAIL, len(parts), start, key


def _find_nearest(words: list[str], keys: Iterable[str]) -> str:
    """Returns the alarm that is most similar to words of a name; "" if none is similar."""
    best, nearest = 0.6, ""
    for key in sorted(keys):
        length = len(key.split("-"))
        for start in range(max(len(words) - length, 0) + 1):
            phrase = "-".join(words[start : start + length])
            likeness = difflib.SequenceMatcher(None, phrase, key).ratio()
            if likeness > best:
                best, nearest = likeness, key
    return nearest
