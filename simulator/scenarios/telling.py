"""From what a scene has seen to what is told of it: the timeline, the times, the verdict."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from simulator.report.values import Mark, Outcome, Series, Span, Timeline
from simulator.scenarios.alarms import KINDS, every_alarm
from simulator.scenarios.scene import MINUTE, Scene

WELL = 0.01
"""Share of failed requests of a minute below which the endpoint is well again."""
_METRICS = {
    "requests": ("Invocations", "Sum"),
    "errors": ("Invocation5XXErrors", "Average"),
    "latency": ("ModelLatency", "tm95"),
}


def told(name: str, states: str, expected: str, scene: Scene) -> Outcome:
    """The outcome of a scenario that was played."""
    measured = _measured(scene)
    spans = tuple(_spans(scene))
    scene.marks += [*_incident_marks(scene), *_pages(scene)]
    if _first(scene.marks, "alarm") is None:
        scene.marks += _alarm_marks(scene, spans)
    recovered = _recovered(scene, measured)
    if recovered is not None and (flip := _first(scene.marks, "flipped")) is not None:
        # A minute's requests are sent at once, once what its beginning started is done: after the flip, in its minute.
        recovered = max(recovered, flip)
    if recovered is not None:
        scene.marks.append(Mark(recovered, "requests are answered again", "recovered"))
    failed = [one.text for one in scene.expectations if not one.met]
    failed += [f"its role allows what a function asks: {text}" for text in dict.fromkeys(scene.control.refusals())]
    seen = "; ".join([*scene.seen, *(f"NOT SO: {text}" for text in failed)])
    bad = _first(scene.marks, "bad")
    flipped = _first(scene.marks, "flipped")
    return Outcome(
        scenario=name,
        states=states,
        expected=expected,
        seen=seen,
        passed=bool(scene.expectations) and not failed,
        detect_s=_between(bad, _first(scene.marks, "alarm")),
        decide_s=_between(bad, _first(scene.marks, "asked")),
        flip_s=_between(bad, flipped),
        recover_s=_between(bad, recovered),
        platform_s=_platform_seconds(scene, bad, flipped),
        own_s=_own_seconds(scene) if flipped is not None else None,
        timeline=_timeline(name, scene, measured, spans),
    )


def _timeline(name: str, scene: Scene, measured: dict[str, tuple[Series, ...]], spans: tuple[Span, ...]) -> Timeline:
    slots = sorted({slot for _, live in scene.shares for slot in live})
    shares = tuple(
        Series(slot, tuple(at for at, _ in scene.shares), tuple(live.get(slot, 0.0) for _, live in scene.shares))
        for slot in slots
    )
    return Timeline(
        title=name,
        starts_at=scene.began,
        length_s=scene.elapsed,
        requests=measured["requests"],
        error_share=measured["errors"],
        latency_ms=measured["latency"],
        shares=shares,
        alarms=spans,
        marks=tuple(scene.marks),
    )


def _measured(scene: Scene) -> dict[str, tuple[Series, ...]]:
    """What CloudWatch shows of each slot, minute by minute: what the alarms have seen."""
    queries = [
        {
            "Id": f"{part}_{slot}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/SageMaker",
                    "MetricName": metric,
                    "Dimensions": [
                        {"Name": "EndpointName", "Value": scene.endpoint},
                        {"Name": "VariantName", "Value": slot},
                    ],
                },
                "Period": MINUTE,
                "Stat": stat,
            },
        }
        for slot in sorted(scene.outputs["traffic"]["versions"])
        for part, (metric, stat) in _METRICS.items()
    ]
    pages = (
        scene.client("cloudwatch")
        .get_paginator("get_metric_data")
        .paginate(
            MetricDataQueries=queries, StartTime=scene.began, EndTime=scene.control.clock(), ScanBy="TimestampAscending"
        )
    )
    found: dict[str, list[tuple[float, float]]] = {query["Id"]: [] for query in queries}
    for page in pages:
        for one in page["MetricDataResults"]:
            times = [(at - scene.began).total_seconds() for at in one["Timestamps"]]
            found[one["Id"]] += zip(times, one["Values"], strict=True)
    scale = {"requests": 1.0, "errors": 1.0, "latency": 1e-3}
    return {
        part: tuple(
            Series(
                slot,
                tuple(at for at, _ in found[f"{part}_{slot}"]),
                tuple(value * scale[part] for _, value in found[f"{part}_{slot}"]),
            )
            for slot in sorted(scene.outputs["traffic"]["versions"])
        )
        for part in _METRICS
    }


def _spans(scene: Scene) -> Iterator[Span]:
    """How long each alarm was in ALARM, by its history, what it says, and who heard it."""
    keys = {name: key for key, name in scene.outputs["alarms"]["names"].items()}
    open_since: dict[str, float] = {}
    stays: list[tuple[str, float, float | None]] = []
    for at, name, state in _transitions(scene):
        if name not in keys:
            continue
        if state == "ALARM":
            open_since.setdefault(name, at)
        elif name in open_since:
            stays.append((name, open_since.pop(name), at))
    stays += [(name, since, None) for name, since in open_since.items()]
    found = {alarm["AlarmName"]: alarm for alarm in every_alarm(scene.client("cloudwatch"))} if stays else {}
    heard = [_heard(scene, _spokesman(name, found), since, until) for name, since, until in stays]
    loud = [stay for stay, who in zip(stays, heard, strict=True) if who and not who.startswith("nobody")]
    for (name, since, until), who in zip(stays, heard, strict=True):
        says = found.get(name, {}).get("AlarmDescription", "").partition(" What to do is in ")[0]
        meanwhile = [one for one in loud if _overlap(one[1:], (since, until))]
        told = who or _kept_quiet(_spokesman(name, found), found, meanwhile, keys)
        yield Span(keys[name], "ALARM", since, until, _kind(scene, name), says, told)


def _spokesman(name: str, found: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """A metric alarm that has to keep quiet at times speaks through a composite over it alone."""
    alarm = found.get(name, {})
    return next((one for one in found.values() if one.get("AlarmRule") == f'ALARM("{name}")'), alarm)


def _heard(scene: Scene, alarm: Mapping[str, Any], since: float, until: float | None) -> str:
    """Whom an alarm told while it was in ALARM, by its history; empty where others kept it quiet."""
    if not alarm.get("AlarmActions"):
        return "nobody: it is a part of others"
    end = scene.control.clock() if until is None else scene.began + timedelta(seconds=until)
    items = scene.client("cloudwatch").describe_alarm_history(
        AlarmName=alarm["AlarmName"], AlarmTypes=KINDS, HistoryItemType="Action",
        StartDate=scene.began + timedelta(seconds=since), EndDate=end,
    )["AlarmHistoryItems"]  # fmt: skip
    done = [json.loads(one["HistoryData"]) for one in items]
    told = [each["notificationResource"] for each in done if each["actionState"] == "Succeeded"]
    return ", ".join(sorted({_listener(arn) for arn in told}))


def _kept_quiet(
    alarm: Mapping[str, Any],
    found: Mapping[str, Mapping[str, Any]],
    meanwhile: Sequence[tuple[str, float, float | None]],
    keys: Mapping[str, str],
) -> str:
    """Why an alarm told nobody: its suppressor looks at some that did tell somebody meanwhile."""
    suppressor = alarm.get("ActionsSuppressor", "").rpartition(":")[2]
    rule = found.get(suppressor, {}).get("AlarmRule", "") or f'"{suppressor}"'
    others = dict.fromkeys(keys[name] for name, *_ in meanwhile if f'"{name}"' in rule)
    return f"nobody: {', '.join(others) or 'another'} said it"


def _overlap(one: tuple[float, float | None], other: tuple[float, float | None]) -> bool:
    """Whether two stays in ALARM have a second in common; the end of one that goes on is None."""
    ends = [math.inf if end is None else end for _, end in (one, other)]
    return max(one[0], other[0]) <= min(ends)


def _listener(arn: str) -> str:
    """A topic by the urgency it stands for; a function by its purpose."""
    service, name = arn.split(":")[2], arn.rpartition(":")[2]
    return name.split("-")[-2] if service == "sns" else "the rollback function"


def _kind(scene: Scene, name: str) -> Literal["metric", "composite", "guardrail"]:
    if name in scene.outputs["alarms"]["guardrails"].values():
        return "guardrail"
    return "composite" if "burn" in name or "budget" in name else "metric"


def _transitions(scene: Scene) -> list[tuple[float, str, str]]:
    """Seconds, alarm and new state, in the order of time."""
    return [((one.at - scene.began).total_seconds(), one.alarm, one.state) for one in scene.alarm_changes()]


def _incident_marks(scene: Scene) -> Iterator[Mark]:
    """The alarm that decided, and what the incident's document says of the flip."""
    guards = set(scene.outputs["alarms"]["guardrails"].values())
    fired = next((at for at, name, state in _transitions(scene) if name in guards and state == "ALARM"), None)
    if fired is not None:
        yield Mark(fired, "the guardrail is in ALARM", "alarm")
    for incident in scene.incidents()[:1]:
        if incident.kind != "rollback":
            continue
        opened = (incident.opened_at - scene.began).total_seconds()
        by = "the alarm" if incident.alarm else incident.who
        yield Mark(opened, f"rollback asked for by {by}", "asked")
        receipt = scene.document(incident.id).get("receipt") or {}
        for key, kind, label in (
            ("api_accepted_s", "accepted", "SageMaker accepted the weights"),
            ("weights_observed_s", "flipped", "the weights are flipped"),
        ):
            if receipt.get(key) is not None:
                yield Mark(opened + float(receipt[key]), label, kind)  # type: ignore[arg-type]


def _pages(scene: Scene) -> Iterator[Mark]:
    """What P1's topic told whoever is on call."""
    for one in scene.messages():
        if one["topic"] == "P1":
            yield Mark((one["at"] - scene.began).total_seconds(), f"page, by the topic P1: {one['subject']}", "page")


def _alarm_marks(scene: Scene, spans: Sequence[Span]) -> Iterator[Mark]:
    """Where nothing rolls back: the alarm of which somebody must hear."""
    bad = _first(scene.marks, "bad")
    told = [one for one in spans if one.label in scene.awaited and bad is not None and one.start_s >= bad]
    for one in sorted(told, key=lambda each: each.start_s)[:1]:
        yield Mark(one.start_s, f"{one.label} is in ALARM", "alarm")


def _recovered(scene: Scene, measured: dict[str, tuple[Series, ...]]) -> float | None:
    """The begin of the first minute after the first bad one in which nearly every request is answered, for good.

    Where none failed, as those that were slow: the first without requests to the challenger, once it was rolled back.
    """
    bad, errors = _first(scene.marks, "bad"), measured["errors"]
    if bad is None:
        return None
    if not any(share >= WELL for series in errors for share in series.values):
        return _left(scene, measured["requests"]) if _first(scene.marks, "flipped") is not None else None
    worst: dict[float, float] = {}
    for series in errors:
        for at, share in zip(series.times, series.values, strict=True):
            worst[at] = max(worst.get(at, 0.0), share)
    ill = [at for at, share in worst.items() if at >= bad and share >= WELL]
    after = [at for at in worst if at > max(ill, default=-1.0)]
    return min(after) if ill and after else None


def _left(scene: Scene, requests: Sequence[Series]) -> float | None:
    """When the last minute with requests to the challenger was over."""
    times = [at for series in requests if series.slot == scene.challenger for at in series.times]
    return max(times) + MINUTE if times else None


def _platform_seconds(scene: Scene, bad: float | None, flipped: float | None) -> float | None:
    """Of the time to the flip, what AWS is stated to take: a metric until it can be read, and its operations."""
    if bad is None or flipped is None:
        return None
    begin, end = (scene.began + timedelta(seconds=at) for at in (bad, flipped))
    spent = float(scene.control.stated()["METRIC_DELAY_SECONDS"])
    for one in scene.control.operations():
        started, ended = datetime.fromisoformat(one["started"]), datetime.fromisoformat(one["ended"])
        spent += max((min(ended, end) - max(started, begin)).total_seconds(), 0.0)
    return spent


def _own_seconds(scene: Scene) -> float:
    """Wall seconds that the rollback function worked for the flip: the longest of its calls that waited for it."""
    name = scene.outputs["rollback"]["function"]
    waited: list[dict[str, Any]] = [
        one
        for one in scene.control.function_timings()
        if one["function"] == name and one["error"] is None and datetime.fromisoformat(one["started"]) >= scene.began
    ]
    longest = [one["own_seconds"] for one in waited if one["slept_seconds"] > 0] or [
        one["own_seconds"] for one in waited
    ]
    return max(longest, default=0.0)


def _first(marks: Sequence[Mark], kind: str) -> float | None:
    return min((mark.at_s for mark in marks if mark.kind == kind), default=None)


def _between(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None or end < begin else end - begin
