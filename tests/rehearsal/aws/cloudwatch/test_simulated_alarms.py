"""Metric alarms of the simulated CloudWatch: evaluated on its metrics, by the moved clock."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.cloudwatch import alarm_evaluation
from tests.rehearsal.aws.account import Account
from tests.rehearsal.aws.alarm_history import (
    describe_alarm,
    history,
    measure,
    minutes,
    put_alarm,
    set_state,
    stat,
    state,
    states,
)


def test_a_new_alarm_has_insufficient_data_until_the_next_whole_minute(account: Account) -> None:
    """Source: API reference, PutMetricAlarm."""
    measure(account, 5)
    account.clock.advance(90)
    put_alarm(account)
    new = state(account)
    account.clock.advance(29)
    late = state(account)
    account.clock.advance(1)

    assert (new, late, state(account)) == ("INSUFFICIENT_DATA", "INSUFFICIENT_DATA", "ALARM")
    assert describe_alarm(account)["StateReason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints [5.0 ")


def test_m_of_n_datapoints_take_an_alarm_there_and_back(account: Account) -> None:
    """Source: user guide, "Alarm evaluation"."""
    put_alarm(account, EvaluationPeriods=3, DatapointsToAlarm=2, TreatMissingData="notBreaching")
    seen = []
    for value in (0, 2, 0, 2, 0, 0, 0):
        minutes(account, [value])
        seen.append(state(account))

    assert seen == ["OK", "OK", "OK", "ALARM", "OK", "OK", "OK"]
    assert states(account) == ["OK", "ALARM", "OK"]


def test_a_longer_period_slides_by_the_minute(account: Account) -> None:
    """Source: user guide, "Alarm evaluation": "minutes 1 to 5 ... minutes 2 to 6"."""
    put_alarm(account, Period=300, Threshold=4, TreatMissingData="notBreaching")
    seen = []
    for value in (1, 1, 1, 1, 1, 0, 0):
        minutes(account, [value])
        seen.append(state(account))

    assert seen == ["OK", "OK", "OK", "OK", "ALARM", "OK", "OK"]


def test_real_datapoints_from_before_the_evaluation_periods_are_used_before_missing_ones_are_filled(
    account: Account,
) -> None:
    """Source: user guide, "How alarm state is evaluated when data is missing"."""
    put_alarm(account, TreatMissingData="breaching")
    minutes(account, [0])
    seen = []
    for _ in range(3):
        minutes(account, [None])
        seen.append(state(account))

    assert seen == ["OK", "OK", "ALARM"]


@pytest.mark.parametrize(
    ("treatment", "after"),
    [("missing", "INSUFFICIENT_DATA"), ("ignore", "ALARM"), ("breaching", "ALARM"), ("notBreaching", "OK")],
)
def test_when_data_ends_the_treatment_decides(account: Account, treatment: str, after: str) -> None:
    put_alarm(account, TreatMissingData=treatment)
    minutes(account, [5, *[None] * 4])

    assert state(account) == after


def test_an_alarm_that_would_have_fired_within_a_jump_of_the_clock_has_fired(account: Account) -> None:
    put_alarm(account, TreatMissingData="notBreaching")
    measure(account, 5)
    before = account.clock.now()
    account.clock.advance(30 * 86_400)

    items = account.client("cloudwatch").describe_alarm_history(AlarmName="errors", HistoryItemType="StateUpdate")
    moments = [(item["Timestamp"] - before).total_seconds() for item in reversed(items["AlarmHistoryItems"])]
    assert states(account) == ["ALARM", "OK"]
    # In the range of 3 datapoints for 1 period the breaching one is used until the fourth minute.
    assert moments == [60, 240]


def test_the_rest_of_a_jump_of_more_than_six_hours_is_evaluated_every_quarter_of_an_hour(account: Account) -> None:
    put_alarm(account, Period=86_400, TreatMissingData="notBreaching")
    measure(account, 5)
    before = account.clock.now()
    account.clock.advance(5 * 86_400 + 60)

    items = account.client("cloudwatch").describe_alarm_history(AlarmName="errors", HistoryItemType="StateUpdate")
    moments = [(item["Timestamp"] - before).total_seconds() for item in reversed(items["AlarmHistoryItems"])]
    assert moments == [60, 3 * 86_400 + 900]


def test_the_metrics_of_an_endpoint_are_seen_a_minute_late(endpoint: Account) -> None:
    """As docs/fidelity.md states METRIC_DELAY_SECONDS."""
    runtime = endpoint.client("sagemaker-runtime")
    endpoint.client("cloudwatch").put_metric_alarm(
        AlarmName="errors",
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[{"Name": "EndpointName", "Value": "flights"}, {"Name": "VariantName", "Value": "blue"}],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.5,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    with pytest.raises(ClientError):
        runtime.invoke_endpoint(EndpointName="flights", TargetVariant="blue", Body=b"{}")
    seen = []
    for _ in range(2):
        endpoint.clock.advance(60)
        seen.append(state(endpoint))

    assert seen == ["OK", "ALARM"]


@pytest.mark.parametrize(
    ("statistic", "values", "threshold", "expected"),
    [
        ("p99", range(1, 101), 98.5, "ALARM"),
        ("p50", range(1, 101), 98.5, "OK"),
        ("tm90", [*[1] * 9, 1000], 2, "OK"),
        ("TM(0%:100%)", [*[1] * 9, 1000], 2, "ALARM"),
        ("PR(:5)", range(1, 11), 49, "ALARM"),
        ("PR(5:)", range(1, 11), 50, "OK"),
        ("TC(5:)", range(1, 11), 4, "ALARM"),
        ("IQM", [1, 1, 2, 2, 2, 2, 100, 100], 2, "OK"),
    ],
)
def test_percentiles_trimmed_means_and_ranks(
    account: Account, statistic: str, values: Any, threshold: float, expected: str
) -> None:
    """Source: user guide, "CloudWatch statistics definitions"."""
    put_alarm(account, ExtendedStatistic=statistic, Threshold=threshold)
    measure(account, *values)
    account.clock.advance(60)

    assert state(account) == expected


def test_a_percentile_of_few_samples_neither_fires_nor_clears_when_they_are_ignored(account: Account) -> None:
    """Source: user guide, "Percentile-based CloudWatch alarms and low data samples": 200 for p95."""
    put_alarm(account, ExtendedStatistic="p95", EvaluateLowSampleCountPercentile="ignore")
    minutes(account, [5])
    few = state(account)
    measure(account, *[5] * 200)
    account.clock.advance(60)
    many = state(account)
    minutes(account, [0])

    assert (few, many, state(account)) == ("INSUFFICIENT_DATA", "ALARM", "ALARM")


def test_a_percentile_of_few_samples_is_evaluated_otherwise(account: Account) -> None:
    put_alarm(account, ExtendedStatistic="p95")
    minutes(account, [5])

    assert state(account) == "ALARM"


def test_an_alarm_on_metric_math_compares_two_metrics_behind_a_gate(account: Account) -> None:
    """Source: user guide, "Using IF expressions"."""
    rate = {"Id": "rate", "Expression": "IF(requests >= 10, 100 * errors / requests)", "ReturnData": True}
    queries = [stat("errors", "e"), stat("requests", "r"), rate]
    put_alarm(account, Metrics=queries, Threshold=20, TreatMissingData="notBreaching")
    seen = []
    for errors, requests in ((3, 5), (3, 10), (1, 10)):
        measure(account, errors, name="e")
        measure(account, requests, name="r")
        account.clock.advance(60)
        seen.append(state(account))

    assert seen == ["OK", "ALARM", "OK"]


def test_an_expression_may_name_another(account: Account) -> None:
    queries = [
        {"Id": "double", "Expression": "sum * 2", "ReturnData": True},
        {"Id": "sum", "Expression": 'SUM(METRICS("m"))', "ReturnData": False},
        stat("m1", "a"),
        stat("m2", "b"),
    ]
    put_alarm(account, Metrics=queries, Threshold=9)
    measure(account, 2, name="a")
    measure(account, 3, name="b")
    account.clock.advance(60)

    assert state(account) == "ALARM"


def test_a_period_below_a_minute_is_evaluated_every_ten_seconds(account: Account) -> None:
    """Source: user guide, "Alarm evaluation"."""
    put_alarm(account, Period=10, TreatMissingData="notBreaching")
    account.clock.advance(10)
    measure(account, 5, StorageResolution=1)
    account.clock.advance(9)
    early = state(account)
    account.clock.advance(1)

    assert (early, state(account)) == ("OK", "ALARM")


def test_set_alarm_state_lasts_until_the_next_evaluation(account: Account) -> None:
    """Source: API reference, SetAlarmState: "Temporarily sets the state of an alarm for testing purposes"."""
    put_alarm(account, TreatMissingData="notBreaching")
    account.clock.advance(90)
    set_state(account, "ALARM")
    during = state(account)
    account.clock.advance(30)

    assert (during, state(account)) == ("ALARM", "OK")
    assert states(account) == ["OK", "ALARM", "OK"]


def test_the_history_tells_updates_of_the_configuration_too_and_outlives_the_alarm(account: Account) -> None:
    """Source: API reference, DescribeAlarmHistory."""
    put_alarm(account)
    put_alarm(account, Threshold=2)
    account.client("cloudwatch").delete_alarms(AlarmNames=["errors", "unknown"])

    assert history(account, kind="ConfigurationUpdate") == [
        'Alarm "errors" created',
        'Alarm "errors" updated',
        'Alarm "errors" deleted',
    ]


def test_an_alarm_that_is_put_again_keeps_its_state_and_is_judged_by_its_new_threshold(account: Account) -> None:
    put_alarm(account)
    minutes(account, [5])
    put_alarm(account, Threshold=9)
    kept = state(account)
    account.clock.advance(60)

    assert (kept, state(account)) == ("ALARM", "OK")


def test_of_a_jump_in_which_no_alarm_can_change_only_the_end_is_evaluated(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        put_alarm(account, f"a{number}", TreatMissingData="notBreaching")
    steps: list[float] = []
    step = alarm_evaluation.evaluate_at
    monkeypatch.setattr(alarm_evaluation, "evaluate_at", lambda here, at: steps.append(at) or step(here, at))
    account.clock.advance(30)
    idle = len(steps)
    account.clock.advance(7 * 86_400)

    assert idle == 0
    # One that changes the states, one that finds nothing left to change, and the end.
    assert len(steps) == 3
    assert states(account, "a59") == ["OK"]
