"""What suppresses the actions of a composite alarm, and when they are taken after all."""

from __future__ import annotations

import pytest

from tests.rehearsal.aws.account import Account
from tests.rehearsal.aws.alarm_history import (
    TOPIC,
    children,
    described,
    mailbox,
    put_composite,
    received,
    set_state,
    state,
)

SUBJECTS = {"ALARM": 'ALARM: "all" in US East (N. Virginia)', "OK": 'OK: "all" in US East (N. Virginia)'}


def suppressor(name: str = "deploying", wait: int = 120, extension: int = 180) -> dict[str, object]:
    return {
        "ActionsSuppressor": name,
        "ActionsSuppressorWaitPeriod": wait,
        "ActionsSuppressorExtensionPeriod": extension,
    }


@pytest.fixture
def suppressed(account: Account) -> Account:
    """A composite alarm on `a`, suppressed by `deploying`: 2 units of wait, 3 of extension, of 60 seconds each.

    The alarms under it are composite too, so that they stay as they are set.
    """
    mailbox(account)
    children(account, "m")
    for name in ("a", "deploying"):
        put_composite(account, name, "ALARM(m)")
    put_composite(account, "all", "ALARM(a)", AlarmActions=[TOPIC], OKActions=[TOPIC], **suppressor())
    account.clock.advance(180)
    received(account)
    return account


def at(account: Account, unit: int) -> None:
    """Moves the clock to a unit of time of the guide's examples, of 60 seconds; the fixture ends at 4 of ours."""
    start = account.clock.now().replace(hour=9, minute=4, second=0)
    account.clock.advance((start - account.clock.now()).total_seconds() + 60 * unit)


def sent(account: Account) -> list[str]:
    return [str(message["Subject"]) for message in received(account)]


def held(account: Account) -> str | None:
    return described(account, "all").get("ActionsSuppressedBy")


def test_example_1_actions_are_not_suppressed_after_the_wait_period(suppressed: Account) -> None:
    """Source, of all six: user guide, "Suppressing composite alarm actions"."""
    at(suppressed, 2)
    set_state(suppressed, "ALARM", "a")
    waiting, early = held(suppressed), sent(suppressed)
    suppressed.clock.advance(119)
    late = sent(suppressed)
    suppressed.clock.advance(1)

    assert (waiting, early, late) == ("WaitPeriod", [], [])
    assert (held(suppressed), sent(suppressed)) == (None, [SUBJECTS["ALARM"]])


def test_example_2_actions_are_suppressed_by_the_alarm_before_the_wait_period_expires(suppressed: Account) -> None:
    at(suppressed, 2)
    set_state(suppressed, "ALARM", "a")
    at(suppressed, 3)
    set_state(suppressed, "ALARM", "deploying")
    at(suppressed, 20)

    assert (held(suppressed), sent(suppressed)) == ("Alarm", [])
    assert described(suppressed, "all")["ActionsSuppressedReason"] == "Actions suppressed by Alarm"


def test_example_3_a_change_within_the_wait_period_begins_another(suppressed: Account) -> None:
    at(suppressed, 2)
    set_state(suppressed, "ALARM", "a")
    at(suppressed, 3)
    set_state(suppressed, "OK", "a")
    at(suppressed, 4)
    waiting, early = held(suppressed), sent(suppressed)
    at(suppressed, 5)

    assert (waiting, early) == ("WaitPeriod", [])
    assert (held(suppressed), sent(suppressed)) == (None, [SUBJECTS["OK"]])


def test_example_4_a_change_under_the_suppressor_takes_no_actions(suppressed: Account) -> None:
    set_state(suppressed, "ALARM", "deploying")
    at(suppressed, 2)
    set_state(suppressed, "ALARM", "a")
    at(suppressed, 20)

    assert (held(suppressed), sent(suppressed), state(suppressed, "all")) == ("Alarm", [], "ALARM")


def test_example_5_actions_are_taken_after_the_extension_period(suppressed: Account) -> None:
    at(suppressed, 2)
    set_state(suppressed, "ALARM", "a")
    at(suppressed, 3)
    set_state(suppressed, "ALARM", "deploying")
    at(suppressed, 6)
    set_state(suppressed, "OK", "deploying")
    extending = held(suppressed)
    suppressed.clock.advance(179)
    early = sent(suppressed)
    at(suppressed, 9)

    assert (extending, early) == ("ExtensionPeriod", [])
    assert (held(suppressed), sent(suppressed)) == (None, [SUBJECTS["ALARM"]])


def test_example_6_a_change_within_the_extension_period_begins_a_wait_period(suppressed: Account) -> None:
    at(suppressed, 2)
    set_state(suppressed, "ALARM", "a")
    at(suppressed, 3)
    set_state(suppressed, "ALARM", "deploying")
    at(suppressed, 6)
    set_state(suppressed, "OK", "deploying")
    at(suppressed, 7)
    set_state(suppressed, "OK", "a")
    waiting = held(suppressed)
    at(suppressed, 9)

    assert waiting == "WaitPeriod"
    assert (held(suppressed), sent(suppressed)) == (None, [SUBJECTS["OK"]])


def test_a_suppressor_that_comes_and_goes_without_a_change_of_state_causes_no_actions(suppressed: Account) -> None:
    set_state(suppressed, "ALARM", "deploying")
    at(suppressed, 2)
    set_state(suppressed, "OK", "deploying")
    at(suppressed, 20)

    assert (held(suppressed), sent(suppressed)) == (None, [])


def test_another_suppressor_discards_the_period_that_runs(suppressed: Account) -> None:
    """Source: the same page: "any active WaitPeriod or ExtensionPeriod is discarded"."""
    set_state(suppressed, "ALARM", "a")
    put_composite(suppressed, "other", "FALSE")
    put_composite(suppressed, "all", "ALARM(a)", AlarmActions=[TOPIC], **suppressor("other"))
    at(suppressed, 20)

    assert (held(suppressed), sent(suppressed), state(suppressed, "all")) == (None, [], "ALARM")


def test_all_periods_that_a_jump_of_the_clock_passes_end_at_their_own_moments(suppressed: Account) -> None:
    set_state(suppressed, "ALARM", "a")
    suppressed.clock.advance(3600)
    (message,) = received(suppressed)

    assert '"StateChangeTime": "2026-01-05T09:06:00.000+0000"' in str(message["Message"])
