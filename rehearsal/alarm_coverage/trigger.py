"""The definition of an alarm trigger, and the waits for its alarms to fire and to clear."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from rehearsal.gamedays.harness import MAX_WAIT_MINUTES, Harness

ENOUGH_REQUESTS = 40
"""Requests a minute that are enough for alarms over five minutes, even of a variant with a share of 30%."""


class AlarmTimeout(Exception):
    """An alarm did not fire or clear in time."""


@dataclass(frozen=True)
class AlarmTrigger:
    """A cause that makes alarms fire, with the end that clears them."""

    name: str
    """Words of a-z joined by dashes."""
    cause: str
    """The cause, as a sentence."""
    alarm_keys: tuple[str, ...]
    """The alarms that fire and clear; composites of other alarms alone are left out."""
    run: Callable[[Harness], None]
    """Runs the cause and its end; puts no metric and sets no state."""


def parse_alarm_key(harness: Harness, name: str) -> str:
    """The key of an alarm, with its variant, from its physical name, which has the ledger's prefix."""
    prefix = harness.outputs["ledger"].rpartition("-ledger-")[0]
    return name.removeprefix(f"{prefix}-").rpartition("-")[0]


def wait_for_alarm(harness: Harness, *keys: str, most: int = MAX_WAIT_MINUTES, requests: int = ENOUGH_REQUESTS) -> None:
    """Sends traffic until all of these are in ALARM. Raises AlarmTimeout."""
    _wait_for_state(harness, "ALARM", keys, most, requests)


def wait_for_ok(harness: Harness, *keys: str, most: int = MAX_WAIT_MINUTES, requests: int = ENOUGH_REQUESTS) -> None:
    """Sends traffic until all of these are OK. Raises AlarmTimeout."""
    _wait_for_state(harness, "OK", keys, most, requests)


def _wait_for_state(harness: Harness, state: str, keys: Collection[str], most: int, requests: int) -> None:
    def find_pending() -> dict[str, str]:
        states = {
            parse_alarm_key(harness, alarm["AlarmName"]): alarm["StateValue"] for alarm in harness.list_stack_alarms()
        }
        return {key: states.get(key, "not there") for key in keys if states.get(key) != state}

    if not harness.run_until(lambda: not find_pending(), most, requests=requests):
        raise AlarmTimeout(f"not {state} at {harness.control.get_time():%d %B %H:%M}: {find_pending()}")
