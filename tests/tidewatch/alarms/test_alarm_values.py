"""An alarm that CloudWatch would refuse, or that could never fire or clear, is refused when it is made."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal.aws.cloudwatch import metric_statistics
from tidewatch import metrics
from tidewatch.alarms import Alarm, DimensionResolver, InvalidAlarm, MetricMath, MetricStat, MissingData, Severity
from tidewatch.alarms import statistics as statistics

RATE = MetricStat(metrics.ERRORS_5XX, "Average")
LATENCY = MetricStat(metrics.MODEL_LATENCY, "tm95")


def make_alarm(**changed: Any) -> Alarm:
    given: dict[str, Any] = {
        "key": "server-errors",
        "title": "Server errors",
        "description": "Requests fail.",
        "severity": Severity.P1,
        "signal": RATE,
        "comparison": ">",
        "threshold": 0.02,
        "period_s": 60,
        "periods": 3,
        "datapoints": 2,
        "missing": MissingData.NOT_BREACHING,
    }
    return Alarm(**given | changed)


def expect_invalid_alarm(**changed: Any) -> InvalidAlarm:
    with pytest.raises(InvalidAlarm) as found:
        make_alarm(**changed)
    return found.value


def test_an_alarm_names_its_own_runbook_unless_another_serves_it() -> None:
    assert make_alarm().runbook == "server-errors"
    assert make_alarm(runbook="errors").runbook == "errors"


@pytest.mark.parametrize(
    ("signal", "comparison", "threshold"),
    [
        (RATE, ">", 1),
        (RATE, ">=", 0),
        (RATE, ">", 5),
        (RATE, "<", 0),
        (RATE, "<=", 1),
        (RATE, "<", -1),
        (MetricStat(metrics.DISK, "Maximum"), ">", 100),
        (MetricStat(metrics.MODEL_LATENCY, "PR(:200000)"), "<", 101),
        (MetricStat(metrics.MODEL_LATENCY, "tm95"), ">", 60e6),
        (MetricStat(metrics.INVOCATIONS, "Sum"), ">=", 0),
        (MetricMath("IF(n >= 3, n, 0)", {"n": MetricStat(metrics.INVOCATIONS, "Sum")}, 0, 1), ">", 1),
        (RATE, ">", float("inf")),
        (RATE, ">", float("nan")),
    ],
)
def test_a_threshold_that_would_hold_always_or_never_is_refused(signal: Any, comparison: str, threshold: float) -> None:
    assert expect_invalid_alarm(signal=signal, comparison=comparison, threshold=threshold).path == "threshold"


@pytest.mark.parametrize(
    ("signal", "comparison", "threshold"),
    [
        (RATE, ">", 0),
        (RATE, ">=", 1),
        (MetricStat(metrics.ERRORS_5XX, "Sum"), ">", 100),
        (MetricStat(metrics.ROLLBACK_BLOCKED, "Maximum"), ">=", 1),
        (MetricStat(metrics.MODEL_LATENCY, "PR(:200000)"), "<", 95),
        (MetricStat(metrics.MODEL_LATENCY, "TC(200:)"), ">", 1000),
    ],
)
def test_a_threshold_at_the_edge_of_its_range_is_taken(signal: Any, comparison: str, threshold: float) -> None:
    assert make_alarm(signal=signal, comparison=comparison, threshold=threshold).threshold == threshold


@pytest.mark.parametrize(
    ("window", "path"),
    [
        ({"period_s": 0}, "period"),
        ({"period_s": 45}, "period"),
        ({"period_s": 90}, "period"),
        ({"periods": 0, "datapoints": 0}, "periods"),
        ({"period_s": 60, "periods": 1441}, "periods"),
        ({"period_s": 1800, "periods": 49}, "periods"),
        ({"period_s": 3600, "periods": 169}, "periods"),
        ({"period_s": 604_860, "periods": 1, "datapoints": 1}, "period"),
        ({"datapoints": 4}, "datapoints"),
        ({"datapoints": 0}, "datapoints"),
    ],
)
def test_a_window_that_cloudwatch_rejects_is_refused(window: dict[str, int], path: str) -> None:
    assert expect_invalid_alarm(**window).path == path


@pytest.mark.parametrize(
    ("period", "periods"), [(10, 3), (60, 1440), (1800, 48), (3600, 168), (86_400, 7), (604_800, 1)]
)
def test_the_longest_windows_that_cloudwatch_takes_are_taken(period: int, periods: int) -> None:
    assert make_alarm(period_s=period, periods=periods, datapoints=1).periods == periods


STATISTICS = [
    "Average", "Sum", "IQM", "p99", "p99.9", "p100", "tm95", "TM(2%:98%)", "TM(10:)", "PR(:300)", "PR(1:2)", "wm98",
    "TC(0.005:0.030)", "TC(:5%)",
    "", "average", "p101", "P99", "median", "p", "PR(:5%)", "PR(:)", "TM(98%:2%)", "TM(2%:98)", "tm95%", "Sum ",
]  # fmt: skip


@pytest.mark.parametrize("name", STATISTICS)
def test_the_statistics_are_those_of_the_simulated_cloudwatch(name: str) -> None:
    try:
        metric_statistics.require_known_statistic(name)
        there = True
    except metric_statistics.UnknownStatistic:
        there = False
    assert statistics.is_known_statistic(name) is there


def test_a_statistic_that_cloudwatch_does_not_have_is_refused() -> None:
    assert expect_invalid_alarm(signal=MetricStat(metrics.MODEL_LATENCY, "median")).path == "statistic"
    assert (
        expect_invalid_alarm(signal=MetricMath("m", {"m": MetricStat(metrics.MODEL_LATENCY, "p101")}), threshold=5).path
        == "statistic"
    )


def test_a_guardrail_on_a_percentile_is_refused_as_a_canary_would_neither_fire_nor_clear_it() -> None:
    mistake = expect_invalid_alarm(
        signal=MetricStat(metrics.MODEL_LATENCY, "p99"), threshold=5, guardrail=True, suppressed_by_deployment=False
    )
    assert "tm95" in mistake.sentence


@pytest.mark.parametrize("changed", [{"missing": MissingData.BREACHING}, {"suppressed_by_deployment": True}])
def test_a_guardrail_that_would_not_clear_or_could_be_suppressed_is_refused(changed: dict[str, Any]) -> None:
    expect_invalid_alarm(**{"guardrail": True, "suppressed_by_deployment": False} | changed)


@pytest.mark.parametrize("part", ["N", "1n", "_n", "n-1", "", "é"])
def test_ids_that_cloudwatch_does_not_take_are_refused(part: str) -> None:
    assert expect_invalid_alarm(signal=MetricMath(part, {part: LATENCY}), threshold=5).path == "expression"


def test_an_expression_names_what_it_reads_and_reads_what_it_names() -> None:
    for expression in ("a + c", "a"):
        mistake = expect_invalid_alarm(signal=MetricMath(expression, {"a": LATENCY, "b": LATENCY}), threshold=5)
        assert mistake.path == "expression"
    make_alarm(signal=MetricMath("IF((a > 5) AND (b > 3), a / b)", {"a": LATENCY, "b": LATENCY}), threshold=5)


def test_at_most_ten_metrics_are_read() -> None:
    parts = {f"m{place}": LATENCY for place in range(11)}
    assert expect_invalid_alarm(signal=MetricMath(" + ".join(parts), parts), threshold=5).path == "expression"
    parts.pop("m10")
    make_alarm(signal=MetricMath(" + ".join(parts), parts), threshold=5)


def test_an_expression_of_over_2048_characters_is_refused() -> None:
    assert expect_invalid_alarm(signal=MetricMath("a" + " + a" * 600, {"a": LATENCY}), threshold=5).path == "expression"


@pytest.mark.parametrize("key", ["", "Server", "server errors", "-a", "a--b", "a-"])
def test_a_key_that_could_not_name_a_file_is_refused(key: str) -> None:
    assert expect_invalid_alarm(key=key).path == "name"


def test_a_mistake_tells_the_alarm_the_value_and_what_would_be_right() -> None:
    mistake = expect_invalid_alarm(threshold=2)
    assert str(mistake).startswith("server-errors.threshold: 2 is outside")
    assert "0 to 1" in mistake.sentence


def test_a_statistic_that_does_not_tell_whose_it_is_is_refused() -> None:
    names = DimensionResolver("tidewatch/dev/flights", "flights-1", "blue", {}, {})
    with pytest.raises(InvalidAlarm, match="FunctionName"):
        names.resolve(MetricStat(metrics.CALLS, "Sum", "drift"))
    with pytest.raises(InvalidAlarm, match="VariantName"):
        names.resolve(RATE)
    assert names.resolve(RATE, "green") == {"EndpointName": "flights-1", "VariantName": "green"}
