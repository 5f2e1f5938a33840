"""EventBridge's schedules. Source: EventBridge user guide, "Cron expressions reference" and "Rate expressions"."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.aws.events.rules import MAX_CATCH_UP
from rehearsal.aws.events.schedules import list_due_times, parse_schedule
from tests.rehearsal.aws.account import Account

MONDAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def first(expression: str, count: int = 2, days: int = 40) -> list[str]:
    """The first times that an expression fires after Monday morning, within so many days."""
    schedule = parse_schedule(expression)
    assert schedule is not None
    found = list_due_times(schedule, MONDAY, MONDAY, MONDAY + timedelta(days=days))
    return [f"{moment:%m-%d %H:%M}" for moment in found[:count]]


@pytest.mark.parametrize(
    ("expression", "fires"),
    [
        ("cron(20 * * * ? *)", ["01-05 09:20", "01-05 10:20"]),
        ("cron(0 9 * * ? *)", ["01-06 09:00", "01-07 09:00"]),
        ("cron(0 10 * * ? *)", ["01-05 10:00", "01-06 10:00"]),
        ("cron(15 12 * * ? *)", ["01-05 12:15", "01-06 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["01-05 18:00", "01-06 18:00"]),
        ("cron(0 8 1 * ? *)", ["02-01 08:00"]),
        ("cron(0/15 * * * ? *)", ["01-05 09:15", "01-05 09:30"]),
        ("cron(1/10 * * * ? *)", ["01-05 09:01", "01-05 09:11"]),
        ("cron(0/5 8-17 ? * 2-6 *)", ["01-05 09:05", "01-05 09:10"]),
        ("cron(30 0,12-13 ? FEB,MAR 1 2026)", ["02-01 00:30", "02-01 12:30"]),
        ("cron(0 0 * * ? 2027)", []),
        ("rate(1 hour)", ["01-05 10:00", "01-05 11:00"]),
        ("rate(2 days)", ["01-07 09:00", "01-09 09:00"]),
    ],
)
def test_a_schedule_fires_when_it_says(expression: str, fires: list[str]) -> None:
    assert first(expression) == fires


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 9 * * * *)",
        "cron(0 9 ? * ? *)",
        "cron(0 9 * * ?)",
        "cron(60 9 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 9 ? * 0 *)",
        "cron(0/0 9 * * ? *)",
        "cron(17-8 9 * * ? *)",
        "cron(a 9 * * ? *)",
        "cron(? 9 * * ? *)",
        "cron( )",
    ],
)
def test_a_rule_with_a_schedule_that_is_none_is_refused(account: Account, expression: str) -> None:
    with pytest.raises(ClientError, match="Parameter ScheduleExpression is not valid"):
        account.client("events").put_rule(Name="rule", ScheduleExpression=expression)


@pytest.mark.parametrize("days", ["L * ?", "3W * ?", "? * 6L", "? * 3#2"])
def test_what_the_simulator_never_fires_is_kept(account: Account, days: str) -> None:
    expression = f"cron(0 9 {days} *)"
    account.client("events").put_rule(Name="rule", ScheduleExpression=expression)
    assert account.client("events").describe_rule(Name="rule")["ScheduleExpression"] == expression
    account.clock.advance(40 * 86400)


@given(
    st.lists(st.integers(1, 200_000), min_size=1, max_size=8),
    st.sampled_from(["cron(20 * * * ? *)", "rate(7 minutes)"]),
)
def test_however_the_clock_is_moved_each_time_comes_once(steps: list[int], expression: str) -> None:
    schedule = parse_schedule(expression)
    assert schedule is not None
    at, found = MONDAY, []
    for step in steps:
        until = at + timedelta(seconds=step)
        found += list_due_times(schedule, MONDAY, at, until)
        at = until
    assert found == list_due_times(schedule, MONDAY, MONDAY, at)
    assert found == sorted(set(found))


def test_a_jump_over_many_hours_fires_the_newest_times_only(account: Account) -> None:
    url = account.client("sqs").create_queue(QueueName="seen")["QueueUrl"]
    account.client("events").put_rule(Name="rule", ScheduleExpression="cron(20 * * * ? *)")
    arn = "arn:aws:sqs:us-east-1:123456789012:seen"
    account.let_events(arn)
    account.client("events").put_targets(Rule="rule", Targets=[{"Id": "1", "Arn": arn, "InputPath": "$.time"}])
    account.clock.advance(60)
    account.clock.advance(200 * 3600)

    told = account.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    last = datetime(2026, 1, 13, 16, 20, tzinfo=UTC)
    expected = {f'"{last - timedelta(hours=back):%Y-%m-%dT%H:%M:%SZ}"' for back in range(MAX_CATCH_UP)}
    assert {one["Body"] for one in told} == expected
