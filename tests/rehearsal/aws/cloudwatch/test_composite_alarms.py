"""Composite alarms: their rules, their children, their circles."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.cloudwatch.composite_rules import InvalidRule, is_circular, parse_rule
from tests.rehearsal.aws.account import Account
from tests.rehearsal.aws.alarm_history import (
    children,
    describe_alarm,
    measure,
    put_alarm,
    put_composite,
    set_state,
    state,
    states,
)

SUPPRESSED = {"ActionsSuppressorWaitPeriod": 60, "ActionsSuppressorExtensionPeriod": 60}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("ALARM(a)", True),
        ('ALARM("a")', True),
        ("OK(a)", False),
        ("ALARM(arn:aws:cloudwatch:us-east-1:123456789012:alarm:a)", True),
        ("INSUFFICIENT_DATA(c)", True),
        ("NOT ALARM(a)", False),
        ("NOT(OK(a))", True),
        ("ALARM(a) AND OK(b)", True),
        ("ALARM(b) OR ALARM(a) AND OK(b)", True),
        ("ALARM(a) OR ALARM(b) AND ALARM(b)", True),
        ("(ALARM(a) OR ALARM(b)) AND ALARM(b)", False),
        ("NOT ALARM(b) AND ALARM(a)", True),
        ("alarm(a) and not false", True),
        ("TRUE", True),
        ("FALSE", False),
        ('OK("with spaces (and more)")', True),
    ],
)
def test_rules(rule: str, holds: bool) -> None:
    """Source: API reference, PutCompositeAlarm, AlarmRule."""
    states_of = {"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA", "with spaces (and more)": "OK"}
    assert parse_rule(rule).evaluate(states_of) is holds


@pytest.mark.parametrize(
    "rule",
    [
        "",
        " ALARM(a)",
        "ALARM(a) ",
        "ALARM a",
        "ALARM()",
        "ALARM(a) ALARM(b)",
        "ALARM(a) AND",
        "(ALARM(a)",
        "NOT",
        "FIRING(a)",
        "ALARM(a) XOR OK(b)",
        " OR ".join(f"ALARM(a{number})" for number in range(101)),
        " OR ".join(["TRUE"] * 501),
        f'ALARM("{"a" * 10_240}")',
    ],
)
def test_what_is_no_rule(rule: str) -> None:
    """Source: API reference, PutCompositeAlarm; user guide, "Create a composite alarm": 100 children, 500 elements,
    10,240 characters."""
    with pytest.raises(InvalidRule):
        parse_rule(rule)


def test_circles_are_found_along_the_whole_path() -> None:
    rules = {
        "a": parse_rule("ALARM(b)"),
        "b": parse_rule("ALARM(c)"),
        "c": parse_rule("OK(b)"),
        "d": parse_rule("ALARM(m) OR ALARM(e)"),
    }
    rules["e"] = parse_rule("ALARM(m)")
    assert [name for name in rules if is_circular(name, rules)] == ["a", "b", "c"]


def test_a_composite_alarm_is_evaluated_when_it_is_made_and_when_a_child_changes(account: Account) -> None:
    """Source: API reference, PutCompositeAlarm."""
    children(account, "a", "b")
    put_composite(account, "all", "ALARM(a) AND ALARM(b)")
    made = describe_alarm(account, "all")
    set_state(account, "ALARM", "a")
    one = state(account, "all")
    set_state(account, "ALARM", "b")
    both = describe_alarm(account, "all")
    account.clock.advance(60)

    assert (made["StateValue"], one, both["StateValue"]) == ("OK", "OK", "ALARM")
    assert made["StateReason"].endswith(":alarm:all was created and its alarm rule evaluates to OK")
    assert both["StateReason"].endswith(":alarm:b transitioned to ALARM at Monday 05 January, 2026 09:01:00 UTC")
    assert states(account, "all") == ["OK", "ALARM", "OK"]


def test_composite_alarms_of_composite_alarms_change_in_the_same_moment(account: Account) -> None:
    children(account, "a")
    put_composite(account, "z-child", "ALARM(a)")
    put_composite(account, "a-parent", 'ALARM("z-child")')
    set_state(account, "ALARM", "a")

    assert state(account, "a-parent") == "ALARM"


def test_children_that_change_places_within_a_minute_do_not_make_their_parent_flap(account: Account) -> None:
    for name in ("a", "b"):
        put_alarm(account, name, MetricName=name, Period=60, TreatMissingData="notBreaching")
    measure(account, 5, name="a")
    measure(account, 0, name="b")
    account.clock.advance(60)
    put_composite(account, "all", "ALARM(a) OR ALARM(b)")
    measure(account, 0, name="a")
    measure(account, 5, name="b")
    account.clock.advance(60)

    assert (state(account, "a"), state(account, "b")) == ("OK", "ALARM")
    assert states(account, "all") == ["ALARM"]


def test_a_composite_alarm_set_by_hand_stays_until_a_child_changes(account: Account) -> None:
    """Source: API reference, SetAlarmState: "only once any of its children alarms change state"."""
    children(account, "a")
    put_composite(account, "all", "ALARM(a)")
    set_state(account, "ALARM", "all")
    account.clock.advance(600)
    after = state(account, "all")
    set_state(account, "INSUFFICIENT_DATA", "a")

    assert (after, state(account, "all")) == ("ALARM", "OK")


def test_unknown_children_and_suppressors_are_refused(account: Account) -> None:
    children(account, "a")
    with pytest.raises(ClientError, match=r"alarms \[b, c\] in the alarm rule do not exist"):
        put_composite(account, "all", "ALARM(a) OR ALARM(b) OR ALARM(c)")
    with pytest.raises(ClientError, match="suppressor"):
        put_composite(account, "all", "ALARM(a)", **SUPPRESSED, ActionsSuppressor="gone")
    with pytest.raises(ClientError, match="ActionsSuppressorWaitPeriod"):
        put_composite(account, "all", "ALARM(a)", ActionsSuppressor="a")


def test_an_alarm_that_a_composite_alarm_names_cannot_be_deleted_before_it(account: Account) -> None:
    """The wording is CloudWatch's. Source: API reference, DeleteAlarms: one composite alarm in a call."""
    children(account, "a")
    put_composite(account, "all", "ALARM(a)")
    put_composite(account, "more", "TRUE")
    cloudwatch = account.client("cloudwatch")
    with pytest.raises(ClientError, match=r"Cannot delete a as there are composite alarm\(s\) depending on it"):
        cloudwatch.delete_alarms(AlarmNames=["a"])
    with pytest.raises(ClientError, match="one composite alarm"):
        cloudwatch.delete_alarms(AlarmNames=["all", "more"])
    cloudwatch.delete_alarms(AlarmNames=["a", "all"])

    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_a_circle_stops_the_evaluation_and_the_deletion_until_it_is_broken(account: Account) -> None:
    """Source: API reference, PutCompositeAlarm, on loops and cycles."""
    children(account, "a")
    put_composite(account, "one", "ALARM(a)")
    put_composite(account, "two", "ALARM(one)")
    put_composite(account, "one", "ALARM(a) OR ALARM(two)")
    set_state(account, "ALARM", "a")
    stopped = state(account, "one"), state(account, "two")
    with pytest.raises(ClientError, match="Cannot delete two"):
        account.client("cloudwatch").delete_alarms(AlarmNames=["two"])
    put_composite(account, "two", "FALSE")
    put_composite(account, "one", "ALARM(a) OR ALARM(two)")

    assert stopped == ("OK", "OK")
    assert state(account, "one") == "ALARM"
