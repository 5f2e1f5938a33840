"""One cause that makes some alarms fire, and its end that clears them; and how a trigger waits for both."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from rehearsal.gamedays.harness import MAX_WAIT_MINUTES, Harness

ENOUGH_REQUESTS = 40
"""Requests a minute that are enough for alarms of five minutes, also of a variant with 30% of them."""


class AlarmTimeout(Exception):
    """An alarm did not do in time what its cause, or the end of it, must make it do."""


@dataclass(frozen=True)
class AlarmTrigger:
    """name: in words of a-z joined by dashes. cause: what is done, a sentence. alarm_keys: the alarms that
    fire by it and clear again, of those that are not made of others alone. run: does it, and puts no metric or state.
    """

    name: str
    cause: str
    alarm_keys: tuple[str, ...]
    run: Callable[[Harness], None]


def parse_alarm_key(harness: Harness, name: str) -> str:
    """The key of an alarm of the stack, with its variant, in its physical name: this begins as the ledger's does."""
    prefix = harness.outputs["ledger"].rpartition("-ledger-")[0]
    return name.removeprefix(f"{prefix}-").rpartition("-")[0]


def wait_for_alarm(harness: Harness, *keys: str, most: int = MAX_WAIT_MINUTES, requests: int = ENOUGH_REQUESTS) -> None:
    """Minutes of traffic until all of these are in ALARM. Raises AlarmTimeout."""
    _wait_for_state(harness, "ALARM", keys, most, requests)


def wait_for_ok(harness: Harness, *keys: str, most: int = MAX_WAIT_MINUTES, requests: int = ENOUGH_REQUESTS) -> None:
    """Minutes of traffic until all of these are OK. Raises AlarmTimeout."""
    _wait_for_state(harness, "OK", keys, most, requests)


def _wait_for_state(harness: Harness, state: str, keys: Collection[str], most: int, requests: int) -> None:
    def find_pending() -> dict[str, str]:
        states = {
            parse_alarm_key(harness, alarm["AlarmName"]): alarm["StateValue"] for alarm in harness.list_stack_alarms()
        }
        return {key: states.get(key, "not there") for key in keys if states.get(key) != state}

    if not harness.run_until(lambda: not find_pending(), most, requests=requests):
        raise AlarmTimeout(f"not {state} at {harness.control.get_time():%d %B %H:%M}: {find_pending()}")
