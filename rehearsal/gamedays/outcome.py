"""Builds the outcome of a game day from its records: the timeline, the times, the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from rehearsal.charts.timeline import AlarmSpan, GameDayOutcome, Mark, Timeline, VariantSeries
from rehearsal.gamedays.alarm_spans import collect_spans, list_transitions
from rehearsal.gamedays.harness import MINUTE, Harness

RECOVERED_ERROR_SHARE = 0.01
"""The endpoint has recovered in a minute whose share of failed requests is below this."""
_METRICS = {
    "requests": ("Invocations", "Sum"),
    "errors": ("Invocation5XXErrors", "Average"),
    "latency": ("ModelLatency", "tm95"),
}


def build_outcome(name: str, requirement: str, expected_result: str, harness: Harness) -> GameDayOutcome:
    """The outcome of a scenario that ran."""
    metrics = _read_metrics(harness)
    spans = tuple(collect_spans(harness))
    harness.marks += [*_create_incident_marks(harness), *_create_page_marks(harness)]
    if _find_first_mark(harness.marks, "alarm") is None:
        harness.marks += _create_alarm_marks(harness, spans)
    recovered = _find_recovery(harness, metrics)
    if recovered is not None and (flip := _find_first_mark(harness.marks, "flipped")) is not None:
        # The harness sends a minute's requests at its beginning, after the functions have ended: a recovery in the
        # minute of the flip comes after the flip.
        recovered = max(recovered, flip)
    if recovered is not None:
        harness.marks.append(Mark(recovered, "requests are answered again", "recovered"))
    failed = [expectation.text for expectation in harness.expectations if not expectation.is_met]
    failed += [
        f"the role allows the function's calls: {text}" for text in dict.fromkeys(harness.control.access_denials())
    ]
    observed_result = "; ".join([*harness.observations, *(f"NOT MET: {text}" for text in failed)])
    bad = _find_first_mark(harness.marks, "degraded")
    flipped = _find_first_mark(harness.marks, "flipped")
    return GameDayOutcome(
        scenario=name,
        requirement=requirement,
        expected_result=expected_result,
        observed_result=observed_result,
        passed=bool(harness.expectations) and not failed,
        detect_s=_seconds_between(bad, _find_first_mark(harness.marks, "alarm")),
        decide_s=_seconds_between(bad, _find_first_mark(harness.marks, "requested")),
        flip_s=_seconds_between(bad, flipped),
        recover_s=_seconds_between(bad, recovered),
        platform_s=_sum_platform_seconds(harness, bad, flipped),
        own_s=_read_own_seconds(harness) if flipped is not None else None,
        timeline=_build_timeline(name, harness, metrics, spans),
    )


def _build_timeline(
    name: str, harness: Harness, metrics: dict[str, tuple[VariantSeries, ...]], spans: tuple[AlarmSpan, ...]
) -> Timeline:
    variants = sorted({variant for _, live in harness.shares for variant in live})
    shares = tuple(
        VariantSeries(
            variant, tuple(at for at, _ in harness.shares), tuple(live.get(variant, 0.0) for _, live in harness.shares)
        )
        for variant in variants
    )
    return Timeline(
        title=name,
        starts_at=harness.started_at,
        length_s=harness.elapsed_seconds,
        requests=metrics["requests"],
        error_share=metrics["errors"],
        latency_ms=metrics["latency"],
        shares=shares,
        alarms=spans,
        marks=tuple(harness.marks),
    )


def _read_metrics(harness: Harness) -> dict[str, tuple[VariantSeries, ...]]:
    """CloudWatch's metrics of each variant by minute, which the alarms read too."""
    queries = [
        {
            "Id": f"{kind}_{variant}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/SageMaker",
                    "MetricName": metric,
                    "Dimensions": [
                        {"Name": "EndpointName", "Value": harness.endpoint},
                        {"Name": "VariantName", "Value": variant},
                    ],
                },
                "Period": MINUTE,
                "Stat": stat,
            },
        }
        for variant in sorted(harness.outputs["traffic"]["versions"])
        for kind, (metric, stat) in _METRICS.items()
    ]
    pages = (
        harness.get_client("cloudwatch")
        .get_paginator("get_metric_data")
        .paginate(
            MetricDataQueries=queries,
            StartTime=harness.started_at,
            EndTime=harness.control.get_time(),
            ScanBy="TimestampAscending",
        )
    )
    datapoints: dict[str, list[tuple[float, float]]] = {query["Id"]: [] for query in queries}
    for page in pages:
        for result in page["MetricDataResults"]:
            times = [(at - harness.started_at).total_seconds() for at in result["Timestamps"]]
            datapoints[result["Id"]] += zip(times, result["Values"], strict=True)
    scale = {"requests": 1.0, "errors": 1.0, "latency": 1e-3}
    return {
        kind: tuple(
            VariantSeries(
                variant,
                tuple(at for at, _ in datapoints[f"{kind}_{variant}"]),
                tuple(value * scale[kind] for _, value in datapoints[f"{kind}_{variant}"]),
            )
            for variant in sorted(harness.outputs["traffic"]["versions"])
        )
        for kind in _METRICS
    }


def _create_incident_marks(harness: Harness) -> Iterator[Mark]:
    """The marks of the guardrail that fired and of the flip, from the incident's document."""
    guardrails = set(harness.outputs["alarms"]["guardrails"].values())
    fired_at_s = next(
        (at for at, name, state in list_transitions(harness) if name in guardrails and state == "ALARM"), None
    )
    if fired_at_s is not None:
        yield Mark(fired_at_s, "the guardrail is in ALARM", "alarm")
    for incident in harness.incidents()[:1]:
        if incident.kind != "rollback":
            continue
        opened = (incident.opened_at - harness.started_at).total_seconds()
        by = "the alarm" if incident.alarm else incident.who
        yield Mark(opened, f"rollback requested by {by}", "requested")
        receipt = harness.read_incident_document(incident.id).get("receipt") or {}
        for key, kind, label in (
            ("api_accepted_s", "accepted", "SageMaker accepted the weights"),
            ("weights_observed_s", "flipped", "the weights are flipped"),
        ):
            if receipt.get(key) is not None:
                yield Mark(opened + float(receipt[key]), label, kind)  # type: ignore[arg-type]


def _create_page_marks(harness: Harness) -> Iterator[Mark]:
    """The marks of the pages that the topic P1 sent."""
    for message in harness.messages():
        if message["topic"] == "P1":
            yield Mark(
                (message["at"] - harness.started_at).total_seconds(),
                f"page, by the topic P1: {message['subject']}",
                "page",
            )


def _create_alarm_marks(harness: Harness, spans: Sequence[AlarmSpan]) -> Iterator[Mark]:
    """The mark of the expected alarm, for a scenario without a rollback."""
    bad = _find_first_mark(harness.marks, "degraded")
    expected_spans = [
        span for span in spans if span.label in harness.expected_alarms and bad is not None and span.start_s >= bad
    ]
    for span in sorted(expected_spans, key=lambda each: each.start_s)[:1]:
        yield Mark(span.start_s, f"{span.label} is in ALARM", "alarm")


def _find_recovery(harness: Harness, metrics: dict[str, tuple[VariantSeries, ...]]) -> float | None:
    """The beginning of the first minute after the last bad one, in seconds from the start.

    If no request failed, as with slow answers, the first minute without requests to the challenger after its rollback.
    """
    bad, errors = _find_first_mark(harness.marks, "degraded"), metrics["errors"]
    if bad is None:
        return None
    if not any(share >= RECOVERED_ERROR_SHARE for series in errors for share in series.values):
        return (
            _find_traffic_end(harness, metrics["requests"])
            if _find_first_mark(harness.marks, "flipped") is not None
            else None
        )
    worst: dict[float, float] = {}
    for series in errors:
        for at, share in zip(series.times, series.values, strict=True):
            worst[at] = max(worst.get(at, 0.0), share)
    bad_minutes = [at for at, share in worst.items() if at >= bad and share >= RECOVERED_ERROR_SHARE]
    later_minutes = [at for at in worst if at > max(bad_minutes, default=-1.0)]
    return min(later_minutes) if bad_minutes and later_minutes else None


def _find_traffic_end(harness: Harness, requests: Sequence[VariantSeries]) -> float | None:
    """The end of the last minute with requests to the challenger."""
    times = [at for series in requests if series.variant == harness.challenger for at in series.times]
    return max(times) + MINUTE if times else None


def _sum_platform_seconds(harness: Harness, bad: float | None, flipped: float | None) -> float | None:
    """The platform's stated seconds within the time to the flip: the delay of metrics, and operations."""
    if bad is None or flipped is None:
        return None
    begin, end = (harness.started_at + timedelta(seconds=at) for at in (bad, flipped))
    seconds = float(harness.control.stated_durations()["METRIC_DELAY_SECONDS"])
    for operation in harness.control.operations():
        started, ended = datetime.fromisoformat(operation["started"]), datetime.fromisoformat(operation["ended"])
        seconds += max((min(ended, end) - max(started, begin)).total_seconds(), 0.0)
    return seconds


def _read_own_seconds(harness: Harness) -> float:
    """Wall seconds of the rollback function for the flip: the longest of its calls that waited for it."""
    return find_longest_own_seconds(
        timing
        for timing in harness.control.function_timings()
        if timing["function"] == harness.outputs["rollback"]["function"]
        and timing["error"] is None
        and datetime.fromisoformat(timing["started"]) >= harness.started_at
    )


def find_longest_own_seconds(timings: Iterable[Mapping[str, Any]]) -> float:
    """Returns the wall seconds of the longest call that waited, or of any call if none had to; 0 without a call.

    On a slow machine the platform may be done before the function looks for the first time.
    """
    calls = list(timings)
    waited = [timing["own_seconds"] for timing in calls if timing["slept_seconds"] > 0]
    return max(waited or [timing["own_seconds"] for timing in calls], default=0.0)


def _find_first_mark(marks: Sequence[Mark], kind: str) -> float | None:
    return min((mark.at_s for mark in marks if mark.kind == kind), default=None)


def _seconds_between(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None or end < begin else end - begin
