"""The alarms of one slot: what its users and its hosts feel."""

from __future__ import annotations

from collections.abc import Sequence

from tidewatch import metrics as m
from tidewatch.alarms.expressions import asked, each, total
from tidewatch.alarms.limits import Limits
from tidewatch.alarms.reading import shown
from tidewatch.alarms.values import Alarm, Math, Missing, Severity, Stat
from tidewatch.metrics import Metric

FIVE_MINUTES = 300
MICROSECONDS = 1000
"""In a millisecond: SageMaker's latencies are in microseconds."""

_REQUESTS = Stat(m.INVOCATIONS, "Sum")
_SHARE = Stat(m.LIVE_SHARE, "Minimum")


def serving_alarms(limits: Limits) -> tuple[Alarm, ...]:
    """Of any slot with traffic. Windows of five minutes, as a canary may get few requests in one."""
    return (_server_errors(limits), _model_errors(limits), _latency(limits), _overhead(limits))


def _server_errors(limits: Limits) -> Alarm:
    parts = {"n": _REQUESTS, "w": _SHARE, "b": Stat(m.ERRORS_5XX, "Sum"), "e": Stat(m.ERRORS_5XX, "Average")}
    return Alarm(
        key="server-errors",
        title="Server errors",
        says=f"More than {limits.server_error_percent:g}% of the requests to this variant fail on our side.",
        severity=Severity.P1,
        scope="variant",
        signal=Math(f"IF({asked(limits.minimum_requests)} AND (b >= {limits.minimum_errors}), e, 0)", parts, 0, 1),
        comparison=">",
        threshold=limits.server_error_percent / 100,
        period_s=FIVE_MINUTES,
        periods=1,
        datapoints=1,
        missing=Missing.NOT_BREACHING,
        minimum_samples=limits.minimum_requests,
        # A deployment may break everything: that is no time to keep quiet about it.
        suppressed_by_deployment=False,
        parents=("endpoint-not-in-service",),
    )


def _model_errors(limits: Limits) -> Alarm:
    parts = {"n": _REQUESTS, "w": _SHARE, "b": Stat(m.MODEL_ERRORS, "Sum"), "e": Stat(m.MODEL_ERRORS, "Average")}
    return Alarm(
        key="model-errors",
        title="Model errors",
        says=f"The model does not answer more than {limits.model_error_percent:g}% of its requests with a prediction: "
        f"it refuses them, times out or breaks.",
        severity=Severity.P2,
        scope="variant",
        signal=Math(f"IF({asked(limits.minimum_requests)} AND (b >= {limits.minimum_errors}), e, 0)", parts, 0, 1),
        comparison=">",
        threshold=limits.model_error_percent / 100,
        # Two of two: periods slide with the minute, and a short burst would be two of three twice.
        period_s=FIVE_MINUTES,
        periods=2,
        datapoints=2,
        missing=Missing.NOT_BREACHING,
        minimum_samples=limits.minimum_requests,
        parents=("server-errors",),
    )


def _latency(limits: Limits) -> Alarm:
    within = f"PR(:{shown(round(limits.latency_milliseconds * MICROSECONDS))})"
    return Alarm(
        key="latency",
        title="Slow predictions",
        says=f"Fewer than {limits.latency_percent:g}% of the predictions of this variant take at most "
        f"{limits.latency_milliseconds:g} ms.",
        severity=Severity.P2,
        scope="variant",
        # The rank of the limit, where the percentile itself needs hundreds of requests a period to be evaluated.
        signal=Math(
            f"IF({asked(limits.minimum_requests)}, r, 100)",
            {"n": _REQUESTS, "w": _SHARE, "r": Stat(m.MODEL_LATENCY, within)},
            0,
            100,
        ),
        comparison="<",
        threshold=limits.latency_percent,
        period_s=FIVE_MINUTES,
        periods=2,
        datapoints=2,
        missing=Missing.NOT_BREACHING,
        minimum_samples=limits.minimum_requests,
    )


def _overhead(limits: Limits) -> Alarm:
    return Alarm(
        key="overhead-latency",
        title="Slow around the model",
        says=f"SageMaker adds over {limits.overhead_milliseconds:g} ms to a typical request: payloads, network or "
        f"throttling, not the model.",
        severity=Severity.P3,
        scope="variant",
        signal=Math(
            f"IF({asked(limits.minimum_requests)}, o, 0)",
            {"n": _REQUESTS, "w": _SHARE, "o": Stat(m.OVERHEAD_LATENCY, "tm95")},
            0,
        ),
        comparison=">",
        threshold=limits.overhead_milliseconds * MICROSECONDS,
        period_s=FIVE_MINUTES,
        periods=3,
        datapoints=3,
        missing=Missing.NOT_BREACHING,
        minimum_samples=limits.minimum_requests,
    )


def silence(limits: Limits, slots: Sequence[str]) -> Alarm:
    """The slot gets no requests though it should; slots: all of the endpoint's.

    A slot with half of the traffic or more stands for the endpoint: no request at all. Another one is silent only
    while the endpoint has so many requests that some are due to it. What is due follows the live split, not the
    declared one: a promotion changes no alarm, and a slot that was rolled back may be silent. The sweep reports the
    split each minute and so is the clock: with datapoints of 0, none from before the silence are evaluated in the
    place of missing ones.
    """
    parts = {"n": _REQUESTS, "w": _SHARE, **each("t", m.INVOCATIONS, "Sum", slots)}
    due = f"(w >= 0.5) OR (({total('t', slots)}) * w >= {limits.minimum_requests})"
    periods = limits.silence_minutes * 60 // FIVE_MINUTES
    return Alarm(
        key="silence",
        title="No requests",
        says=f"This variant got no request for {limits.silence_minutes} minutes: callers fail before they reach it, "
        f"or nobody asks.",
        severity=Severity.P2,
        scope="variant",
        signal=Math(f"IF({due}, n + 0 * w, 1)", parts, 0),
        comparison="<",
        threshold=1,
        period_s=FIVE_MINUTES,
        periods=periods,
        datapoints=periods,
        missing=Missing.IGNORE,
    )


def host_alarms(limits: Limits, gpus: int) -> tuple[Alarm, ...]:
    """Of the slot's hosts; gpus: devices of one, whose metrics go up to 100 each, and without which there are none."""
    memory = _host("memory", "Memory nearly full", m.MEMORY, "Maximum", limits.memory_percent, Severity.P2,
                   "A host runs out of memory: its container will be killed, and requests fail.")  # fmt: skip
    disk = _host("disk", "Disk nearly full", m.DISK, "Maximum", limits.disk_percent, Severity.P2,
                 "A host's disk fills up: capture stops when it is nearly full, and drift goes unseen.")  # fmt: skip
    if not gpus:
        return (memory, disk)
    busy = _host("gpu-utilization", "Graphics processors busy", m.GPU, "Average", limits.gpu_percent * gpus,
                 Severity.P3, "The graphics processors are at their limit: more requests will queue.")  # fmt: skip
    full = _host("gpu-memory", "Graphics memory nearly full", m.GPU_MEMORY, "Maximum", limits.gpu_memory_percent * gpus,
                 Severity.P2, "The graphics memory is nearly used up: larger batches will fail.")  # fmt: skip
    return (busy, full, memory, disk)


def _host(
    key: str, title: str, metric: Metric, statistic: str, threshold: float, severity: Severity, says: str
) -> Alarm:
    return Alarm(
        key=key,
        title=title,
        says=says,
        severity=severity,
        scope="variant",
        signal=Stat(metric, statistic),
        comparison=">",
        threshold=threshold,
        period_s=FIVE_MINUTES,
        periods=3,
        datapoints=3,
        # Hosts report whether or not there is traffic: a slot without data has none, and its alarms keep quiet.
        missing=Missing.NOT_BREACHING,
    )
