"""What CloudWatch's alarm API refuses, and what it returns."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.aws.account import Account
from tests.rehearsal.aws.alarm_history import put_alarm, stat

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"DatapointsToAlarm": 2}, "DatapointsToAlarm must be less than or equal to EvaluationPeriods"),
    ({"Period": 300, "EvaluationPeriods": 289}, "across more than a day"),
    ({"Period": 3600, "EvaluationPeriods": 169}, "across more than 7 days"),
    ({"Period": 90}, "multiple of 60"),
    ({"ExtendedStatistic": "q99"}, "q99"),
    ({"ExtendedStatistic": "PR(10%:90%)"}, "PR"),
    ({"TreatMissingData": "zero"}, "zero"),
    ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "anomaly"),
    ({"AlarmActions": ["arn:aws:sns:us-east-1:123456789012:t"] * 6}, "less than or equal to 5"),
    ({"Metrics": [stat("a", "a"), stat("b", "b")]}, "Exactly one element of the metrics list should return data."),
    ({"Metrics": [stat("a", "a"), {"Id": "e", "Expression": "SUM(a)"}]}, "not a time series"),
    ({"Metrics": [stat("a", "a"), {"Id": "e", "Expression": "[a, a]"}]}, "several time series"),
    ({"Metrics": [stat("a", "a"), {"Id": "e", "Expression": "a +"}]}, "Error in expression 'e'"),
    ({"Metrics": [stat("a", "a"), {"Id": "e", "Expression": "b"}]}, "no query 'b'"),
    ({"Metrics": [stat("a", "a"), {"Id": "e", "Expression": "e + a"}]}, "itself"),
    ({"Metrics": [stat("A", "a"), {"Id": "e", "Expression": "1"}]}, "pattern"),
    ({"Metrics": [stat("a", "a"), stat("b", "b", period=300), {"Id": "e", "Expression": "a+b"}]}, "same Period"),
    (
        {"Metrics": [*(stat(f"m{n}", f"m{n}") for n in range(11)), {"Id": "e", "Expression": "SUM(METRICS())"}]},
        "at most 10 metrics and 10 expressions",
    ),
    ({"Metrics": [stat("a", "a"), {"Id": "e", "Expression": "a"}], "Statistic": "Sum"}, "should not be set"),
]


@pytest.mark.parametrize(("fields", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_put_metric_alarm_refuses(account: Account, fields: dict[str, Any], words: str) -> None:
    """Source: API reference, PutMetricAlarm and MetricDataQuery."""
    with pytest.raises(ClientError, match="ValidationError") as refused:
        put_alarm(account, **fields)
    assert words in str(refused.value)


def test_describe_alarms_tells_metric_alarms_alone_unless_it_is_asked_and_a_hundred_at_once(account: Account) -> None:
    """Source: API reference, DescribeAlarms, AlarmTypes and MaxRecords."""
    cloudwatch = account.client("cloudwatch")
    for number in range(101):
        put_alarm(account, f"a{number}")
    cloudwatch.put_composite_alarm(AlarmName="all", AlarmRule="ALARM(a1) OR ALARM(a2)")

    first = cloudwatch.describe_alarms()
    rest = cloudwatch.describe_alarms(NextToken=first["NextToken"])
    children = cloudwatch.describe_alarms(ChildrenOfAlarmName="all")["MetricAlarms"]
    parents = cloudwatch.describe_alarms(ParentsOfAlarmName="a1")["CompositeAlarms"]
    asked = cloudwatch.describe_alarms(AlarmNames=["all"])
    assert (len(first["MetricAlarms"]), len(rest["MetricAlarms"]), first["CompositeAlarms"]) == (100, 1, [])
    assert [one["AlarmName"] for one in children] == ["a1", "a2"]
    assert [one["AlarmName"] for one in parents] == ["all"]
    assert asked["CompositeAlarms"] == []
