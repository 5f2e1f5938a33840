"""What suppresses the actions of a composite alarm, and when they are taken after all."""

from __future__ import annotations

import pytest

from tests.rehearsal.aws.account import Account
from tests.rehearsal.aws.alarm_history import (
    TOPIC,
    children,
    describe_alarm,
    mailbox,
    put_composite,
    receive_messages,
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
def suppressed_account(account: Account) -> Account:
    """A composite alarm on `a`, suppressed by `deploying`: 2 units of wait, 3 of extension, of 60 seconds each.

    The alarms under it are composite too, so that they stay as they are set.
    """
    mailbox(account)
    children(account, "m")
    for name in ("a", "deploying"):
        put_composite(account, name, "ALARM(m)")
    put_composite(account, "all", "ALARM(a)", AlarmActions=[TOPIC], OKActions=[TOPIC], **suppressor())
    account.clock.advance(180)
    receive_messages(account)
    return account


def at(account: Account, unit: int) -> None:
    """Moves the clock to a unit of time of the guide's examples, of 60 seconds; the fixture ends at 4 of ours."""
    start = account.clock.now().replace(hour=9, minute=4, second=0)
    account.clock.advance((start - account.clock.now()).total_seconds() + 60 * unit)


def read_sent_subjects(account: Account) -> list[str]:
    return [str(message["Subject"]) for message in receive_messages(account)]


def read_suppressor(account: Account) -> str | None:
    return describe_alarm(account, "all").get("ActionsSuppressedBy")


def test_example_1_actions_are_not_suppressed_after_the_wait_period(suppressed_account: Account) -> None:
    """Source, of all six: user guide, "Suppressing composite alarm actions"."""
    at(suppressed_account, 2)
    set_state(suppressed_account, "ALARM", "a")
    waiting, early = read_suppressor(suppressed_account), read_sent_subjects(suppressed_account)
    suppressed_account.clock.advance(119)
    late = read_sent_subjects(suppressed_account)
    suppressed_account.clock.advance(1)

    assert (waiting, early, late) == ("WaitPeriod", [], [])
    assert (read_suppressor(suppressed_account), read_sent_subjects(suppressed_account)) == (None, [SUBJECTS["ALARM"]])


def test_example_2_actions_are_suppressed_by_the_alarm_before_the_wait_period_expires(
    suppressed_account: Account,
) -> None:
    at(suppressed_account, 2)
    set_state(suppressed_account, "ALARM", "a")
    at(suppressed_account, 3)
    set_state(suppressed_account, "ALARM", "deploying")
    at(suppressed_account, 20)

    assert (read_suppressor(suppressed_account), read_sent_subjects(suppressed_account)) == ("Alarm", [])
    assert describe_alarm(suppressed_account, "all")["ActionsSuppressedReason"] == "Actions suppressed by Alarm"


def test_example_3_a_change_within_the_wait_period_begins_another(suppressed_account: Account) -> None:
    at(suppressed_account, 2)
    set_state(suppressed_account, "ALARM", "a")
    at(suppressed_account, 3)
    set_state(suppressed_account, "OK", "a")
    at(suppressed_account, 4)
    waiting, early = read_suppressor(suppressed_account), read_sent_subjects(suppressed_account)
    at(suppressed_account, 5)

    assert (waiting, early) == ("WaitPeriod", [])
    assert (read_suppressor(suppressed_account), read_sent_subjects(suppressed_account)) == (None, [SUBJECTS["OK"]])


def test_example_4_a_change_under_the_suppressor_takes_no_actions(suppressed_account: Account) -> None:
    set_state(suppressed_account, "ALARM", "deploying")
    at(suppressed_account, 2)
    set_state(suppressed_account, "ALARM", "a")
    at(suppressed_account, 20)

    assert (
        read_suppressor(suppressed_account),
        read_sent_subjects(suppressed_account),
        state(suppressed_account, "all"),
    ) == ("Alarm", [], "ALARM")


def test_example_5_actions_are_taken_after_the_extension_period(suppressed_account: Account) -> None:
    at(suppressed_account, 2)
    set_state(suppressed_account, "ALARM", "a")
    at(suppressed_account, 3)
    set_state(suppressed_account, "ALARM", "deploying")
    at(suppressed_account, 6)
    set_state(suppressed_account, "OK", "deploying")
    extending = read_suppressor(suppressed_account)
    suppressed_account.clock.advance(179)
    early = read_sent_subjects(suppressed_account)
    at(suppressed_account, 9)

    assert (extending, early) == ("ExtensionPeriod", [])
    assert (read_suppressor(suppressed_account), read_sent_subjects(suppressed_account)) == (None, [SUBJECTS["ALARM"]])


def test_example_6_a_change_within_the_extension_period_begins_a_wait_period(suppressed_account: Account) -> None:
    at(suppressed_account, 2)
    set_state(suppressed_account, "ALARM", "a")
    at(suppressed_account, 3)
    set_state(suppressed_account, "ALARM", "deploying")
    at(suppressed_account, 6)
    set_state(suppressed_account, "OK", "deploying")
    at(suppressed_account, 7)
    set_state(suppressed_account, "OK", "a")
    waiting = read_suppressor(suppressed_account)
    at(suppressed_account, 9)

    assert waiting == "WaitPeriod"
    assert (read_suppressor(suppressed_account), read_sent_subjects(suppressed_account)) == (None, [SUBJECTS["OK"]])


def test_a_suppressor_that_comes_and_goes_without_a_change_of_state_causes_no_actions(
    suppressed_account: Account,
) -> None:
    set_state(suppressed_account, "ALARM", "deploying")
    at(suppressed_account, 2)
    set_state(suppressed_account, "OK", "deploying")
    at(suppressed_account, 20)

    assert (read_suppressor(suppressed_account), read_sent_subjects(suppressed_account)) == (None, [])


def test_another_suppressor_discards_the_period_that_runs(suppressed_account: Account) -> None:
    """Source: the same page: "any active WaitPeriod or ExtensionPeriod is discarded"."""
    set_state(suppressed_account, "ALARM", "a")
    put_composite(suppressed_account, "other", "FALSE")
    put_composite(suppressed_account, "all", "ALARM(a)", AlarmActions=[TOPIC], **suppressor("other"))
    at(suppressed_account, 20)

    assert (
        read_suppressor(suppressed_account),
        read_sent_subjects(suppressed_account),
        state(suppressed_account, "all"),
    ) == (None, [], "ALARM")


def test_all_periods_that_a_jump_of_the_clock_passes_end_at_their_own_moments(suppressed_account: Account) -> None:
    set_state(suppressed_account, "ALARM", "a")
    suppressed_account.clock.advance(3600)
    (message,) = receive_messages(suppressed_account)

    assert '"StateChangeTime": "2026-01-05T09:06:00.000+0000"' in str(message["Message"])
