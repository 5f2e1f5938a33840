"""The debug page: distributions and differences, hosts, capture, functions, and what every alarm sees. A day."""

from __future__ import annotations

from itertools import pairwise

from tidewatch import console
from tidewatch import metrics as m
from tidewatch.alarms.values import CHAMPION, HOUR, Math, Stat
from tidewatch.dashboards import serving
from tidewatch.dashboards.heading import heading, section
from tidewatch.dashboards.page import Page, Row
from tidewatch.dashboards.serving import FIVE_MINUTES, MINUTE, WEEK
from tidewatch.dashboards.subject import COLORS, Subject
from tidewatch.dashboards.widgets import Graph, Line, Text
from tidewatch.metrics import Metric

LOOKS_BACK = "-P1D"
PALE = {"blue": "#aec7e8", "green": "#98df8a"}
BOUNDS_MS = (5, 10, 25, 50, 100, 250, 500, 1000)
"""Between which the distribution of latencies counts, in milliseconds."""
HOSTS: tuple[tuple[str, Metric, str], ...] = (
    ("Processors", m.CPU, ""),
    ("Memory", m.MEMORY, "memory"),
    ("Disk", m.DISK, "disk"),
)
GRAPHICS: tuple[tuple[str, Metric, str], ...] = (
    ("Graphics processors", m.GPU, "gpu-utilization"),
    ("Graphics memory", m.GPU_MEMORY, "gpu-memory"),
)
"""Title, metric, and the alarm on it."""


def debug(subject: Subject) -> Page:
    """Latency, errors, hosts, capture, functions and queues in detail. No request or prediction is shown here."""
    return Page(
        LOOKS_BACK,
        [
            [heading(subject, "debug", "Where a symptom comes from.")],
            [_samples(subject)],
            [section("Latency")],
            [_distribution(subject, slot) for slot in subject.ordered],
            [serving.latency(subject, statistic, 8) for statistic in ("p50", "p90", "p99")],
            [serving.latency(subject, statistic, metric=m.OVERHEAD_LATENCY) for statistic in ("p50", "p99")],
            [section("Errors")],
            [_errors(subject, *which) for which in ERRORS],
            *_differences(subject),
            [section("Hosts")],
            _hosts(subject),
            [serving.instances(subject, FIVE_MINUTES), _requests_an_instance(subject)],
            [section("Capture and drift")],
            _capture(subject),
            [section("Functions and queues")],
            _functions(subject),
            [section("What the alarms compare")],
            _signals(subject),
        ],
    )


ERRORS: tuple[tuple[str, Metric], ...] = (
    ("Refused requests (4xx)", m.ERRORS_4XX),
    ("Server errors (5xx)", m.ERRORS_5XX),
    ("Without a prediction", m.MODEL_ERRORS),
)


def _samples(subject: Subject) -> Text:
    bucket = console.bucket_url(subject.region, subject.capture)
    return Text(
        f"### Sample predictions\nRequests and predictions may hold personal data, so none is shown here. They are in "
        f"[{subject.capture}]({bucket}), encrypted; reading them takes the role whose name has `capture-reader` in it, "
        f"and each access is logged.",
        height=3,
    )


def _distribution(subject: Subject, slot: str) -> Graph:
    """The share of the requests within each range, as areas that add up to 100%."""
    within = [
        (f"PR(:{BOUNDS_MS[0] * 1000})", f"up to {BOUNDS_MS[0]} ms"),
        *((f"PR({low * 1000}:{high * 1000})", f"{low} to {high} ms") for low, high in pairwise(BOUNDS_MS)),
        (f"PR({BOUNDS_MS[-1] * 1000}:)", f"over {BOUNDS_MS[-1]} ms"),
    ]
    lines = [Line(subject.series(Stat(m.MODEL_LATENCY, statistic), slot), label) for statistic, label in within]
    return Graph(f"Distribution of latency: {slot}", lines, left="% of requests", most=100, stacked=True)


def _errors(subject: Subject, title: str, metric: Metric) -> Graph:
    lines = subject.computed_each(Math("100 * e", {"e": Stat(metric, "Average")}))
    return Graph(title, lines, left="% of requests", width=8)


def _differences(subject: Subject) -> list[Row]:
    """Each challenger less the champion. One without requests would count as 0, so both must have some."""
    rows: list[Row] = []
    for slot in subject.challengers:
        slower = [_less(subject, slot, m.MODEL_LATENCY, each, "/ 1000", each) for each in ("p50", "tm95", "p99")]
        worse = [_less(subject, slot, metric, "Average", "* 100", title) for title, metric in ERRORS]
        rows += [
            [section(f"{slot}, less the champion")],
            [
                Graph("Latency, difference", _all(slower), left="ms", least=None),
                Graph("Errors, difference", _all(worse), left="percentage points", least=None),
            ],
        ]
    return rows


def _less(subject: Subject, slot: str, metric: Metric, statistic: str, scale: str, label: str) -> list[Line]:
    parts = {
        "n": Stat(metric, "SampleCount"),
        "k": Stat(metric, "SampleCount", CHAMPION),
        "t": Stat(metric, statistic),
        "c": Stat(metric, statistic, CHAMPION),
    }
    prefix = f"{metric.name[0].lower()}{metric.name[1:]}{statistic}"
    return subject.computed(Math(f"IF(n > 0, IF(k > 0, (t - c) {scale}))", parts), slot, prefix, label)


def _hosts(subject: Subject) -> Row:
    """The mean and the busiest of a slot's hosts; on graphics processors where an alarm watches them."""
    graphs: list[Graph] = []
    for title, metric, key in (*HOSTS, *(GRAPHICS if subject.watches("gpu-utilization") else ())):
        lines = [
            subject.line(metric, statistic, slot, label=f"{slot} {word}", color=colors.get(slot, ""))
            for slot in subject.ordered
            for statistic, word, colors in (("Maximum", "most", COLORS), ("Average", "mean", PALE))
        ]
        graphs.append(Graph(title, lines, thresholds=subject.thresholds(key), left="%", width=8))
    return graphs


def _requests_an_instance(subject: Subject) -> Graph:
    minutes = FIVE_MINUTES // MINUTE
    parts = {"n": Stat(m.INVOCATIONS, "Sum"), "h": Stat(m.CPU, "SampleCount")}
    lines = subject.computed_each(Math(f"n / (h / {minutes})", parts))
    return Graph(f"Requests an instance in {minutes} minutes", lines, left="requests")


def _capture(subject: Subject) -> Row:
    if not subject.drift:
        return [Text("The drift function counts captured records, and this stack has it switched off.", height=2)]
    drawn = (
        ("Records read", m.RECORDS_READ, "records of an hour"),
        ("Records rejected", m.RECORDS_REJECTED, "records of an hour"),
        ("Too little data for a verdict", m.DRIFT_INSUFFICIENT, "1 is too little"),
        ("Features checked", m.FEATURES_CHECKED, "features"),
    )
    return [
        Graph(title, subject.each(metric, "Maximum"), HOUR, left=unit, start=WEEK, width=6)
        for title, metric, unit in drawn
    ]


def _functions(subject: Subject) -> Row:
    drawn = (
        ("Calls", m.CALLS, "Sum", "calls"),
        ("Failed calls", m.CALL_ERRORS, "Sum", "calls"),
        ("Throttled calls", m.CALL_THROTTLES, "Sum", "calls"),
        ("Longest call", m.CALL_DURATION, "Maximum", "ms"),
    )
    graphs: list[Graph] = []
    for title, metric, statistic, unit in drawn:
        lines = [subject.line(metric, statistic, of=purpose, label=purpose) for purpose in subject.purposes]
        graphs.append(Graph(title, lines, left=unit, width=8))
    queues = [subject.line(m.MESSAGES, "Maximum", of=purpose, label=purpose) for purpose in subject.queues]
    speed = [
        subject.line(m.ROLLBACK_ACCEPTED, "Maximum", label="until it was accepted"),
        subject.line(m.ROLLBACK_OBSERVED, "Maximum", label="until the weights were read back"),
    ]
    return [
        *graphs,
        Graph("Undelivered events in queues", queues, left="messages", width=8),
        Graph("What rollbacks took", speed, MINUTE, left="seconds", start=WEEK, width=8),
    ]


def _signals(subject: Subject) -> Row:
    alarms = [*(alarm for slot in subject.ordered for alarm in subject.slots[slot]), *subject.endpoint]
    return [serving.watched(subject, key) for key in dict.fromkeys(alarm.key for alarm in alarms)]


def _all(groups: list[list[Line]]) -> list[Line]:
    return [line for group in groups for line in group]
