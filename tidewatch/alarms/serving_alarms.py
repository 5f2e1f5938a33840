"""The alarms of one variant: its errors, its latency and its hosts."""

from __future__ import annotations

from collections.abc import Sequence

from tidewatch import metrics as m
from tidewatch.alarms.expressions import build_min_requests_condition, build_sum, build_variant_stats, format_number
from tidewatch.alarms.models import FIVE_MINUTES, Alarm, MetricMath, MetricStat, MissingData, Severity
from tidewatch.alarms.thresholds import AlarmThresholds

MICROSECONDS = 1000
"""Microseconds in a millisecond. SageMaker's latencies are in microseconds."""

_REQUESTS = MetricStat(m.INVOCATIONS, "Sum")
_SHARE = MetricStat(m.LIVE_SHARE, "Minimum")


def build_serving_alarms(thresholds: AlarmThresholds) -> tuple[Alarm, ...]:
    """Returns the alarms of any variant with traffic.

    Their windows are five minutes, because a canary has few requests.
    """
    return (
        _build_server_errors_alarm(thresholds),
        _build_model_errors_alarm(thresholds),
        _build_latency_alarm(thresholds),
        _build_overhead_alarm(thresholds),
    )


def _build_server_errors_alarm(thresholds: AlarmThresholds) -> Alarm:
    condition = f"{build_min_requests_condition(thresholds.minimum_requests)} AND (b >= {thresholds.minimum_errors})"
    return Alarm(
        key="server-errors",
        title="Server errors",
        description=(
            f"More than {thresholds.server_error_percent:g}% of the requests to this variant get server errors."
        ),
        severity=Severity.P1,
        signal=MetricMath(
            f"IF({condition}, e, 0)",
            {
                "n": _REQUESTS,
                "w": _SHARE,
                "b": MetricStat(m.ERRORS_5XX, "Sum"),
                "e": MetricStat(m.ERRORS_5XX, "Average"),
            },
            0,
            1,
        ),
        comparison=">",
        threshold=thresholds.server_error_percent / 100,
        period_s=FIVE_MINUTES,
        # A deployment may break everything, so it must not silence this.
        suppressed_by_deployment=False,
        parents=("endpoint-not-in-service",),
    )


def _build_model_errors_alarm(thresholds: AlarmThresholds) -> Alarm:
    condition = f"{build_min_requests_condition(thresholds.minimum_requests)} AND (b >= {thresholds.minimum_errors})"
    return Alarm(
        key="model-errors",
        title="Model errors",
        description=f"The model does not answer more than {thresholds.model_error_percent:g}% of its requests with a "
        "prediction: it refuses them, times out or crashes.",
        severity=Severity.P2,
        signal=MetricMath(
            f"IF({condition}, e, 0)",
            {
                "n": _REQUESTS,
                "w": _SHARE,
                "b": MetricStat(m.MODEL_ERRORS, "Sum"),
                "e": MetricStat(m.MODEL_ERRORS, "Average"),
            },
            0,
            1,
        ),
        comparison=">",
        threshold=thresholds.model_error_percent / 100,
        # Two of two: periods slide with the minute, and a short burst would be in two of three twice.
        period_s=FIVE_MINUTES,
        periods=2,
        datapoints=2,
        suppressed_by_deployment=True,
        parents=("server-errors",),
    )


def _build_latency_alarm(thresholds: AlarmThresholds) -> Alarm:
    percent_rank = f"PR(:{format_number(round(thresholds.latency_milliseconds * MICROSECONDS))})"
    return Alarm(
        key="latency",
        title="Slow predictions",
        description=f"Fewer than {thresholds.latency_percent:g}% of the predictions of this variant take at most "
        f"{thresholds.latency_milliseconds:g} ms.",
        severity=Severity.P2,
        # The rank of the limit. The percentile itself needs hundreds of requests per period.
        signal=MetricMath(
            f"IF({build_min_requests_condition(thresholds.minimum_requests)}, r, 100)",
            {"n": _REQUESTS, "w": _SHARE, "r": MetricStat(m.MODEL_LATENCY, percent_rank)},
            0,
            100,
        ),
        comparison="<",
        threshold=thresholds.latency_percent,
        period_s=FIVE_MINUTES,
        periods=2,
        datapoints=2,
        suppressed_by_deployment=True,
    )


def _build_overhead_alarm(thresholds: AlarmThresholds) -> Alarm:
    return Alarm(
        key="overhead-latency",
        title="Slow around the model",
        description=f"SageMaker adds over {thresholds.overhead_milliseconds:g} ms to a typical request: payloads, "
        f"network or throttling, not the model.",
        severity=Severity.P3,
        signal=MetricMath(
            f"IF({build_min_requests_condition(thresholds.minimum_requests)}, o, 0)",
            {"n": _REQUESTS, "w": _SHARE, "o": MetricStat(m.OVERHEAD_LATENCY, "tm95")},
            0,
        ),
        comparison=">",
        threshold=thresholds.overhead_milliseconds * MICROSECONDS,
        period_s=FIVE_MINUTES,
        periods=3,
        datapoints=3,
        suppressed_by_deployment=True,
    )


def build_silence_alarm(thresholds: AlarmThresholds, variants: Sequence[str]) -> Alarm:
    """Returns the alarm on a variant that gets no requests although it should.

    A variant with at least half of the traffic stands for the endpoint: any period without a request counts. Another
    variant is silent only while the endpoint has so many requests that some are due to it. What is due follows the live
    split, not the declared one: a promotion changes no alarm, and a variant that was rolled back may be silent. The
    sweep reports the split each minute and so is the clock: the silence has datapoints of 0, and CloudWatch does not
    use older ones in their place. `variants` are all of the endpoint's.
    """
    stats = {"n": _REQUESTS, "w": _SHARE, **build_variant_stats("t", m.INVOCATIONS, "Sum", variants)}
    is_expected = f"(w >= 0.5) OR (({build_sum('t', variants)}) * w >= {thresholds.minimum_requests})"
    periods = thresholds.silence_minutes * 60 // FIVE_MINUTES
    return Alarm(
        key="silence",
        title="No requests",
        description=f"This variant got no request for {thresholds.silence_minutes} minutes: callers fail before they "
        "reach it, or nobody sends requests.",
        severity=Severity.P2,
        signal=MetricMath(f"IF({is_expected}, n + 0 * w, 1)", stats, 0),
        comparison="<",
        period_s=FIVE_MINUTES,
        periods=periods,
        datapoints=periods,
        missing=MissingData.IGNORE,
        suppressed_by_deployment=True,
    )


def build_host_alarms(thresholds: AlarmThresholds, gpu_count: int) -> tuple[Alarm, ...]:
    """Returns the alarms of the variant's hosts.

    `gpu_count` is the number of devices of one host, whose metrics go up to 100 each; 0 means no alarms on them. Hosts
    report even without traffic: a variant without data has no hosts, and its alarms stay quiet.
    """
    return (
        *(_build_gpu_alarms(thresholds, gpu_count) if gpu_count else ()),
        Alarm(
            key="memory",
            title="Memory nearly full",
            description="A host is running out of memory: its container will be killed, and requests will fail.",
            severity=Severity.P2,
            signal=MetricStat(m.MEMORY, "Maximum"),
            comparison=">",
            threshold=thresholds.memory_percent,
            period_s=FIVE_MINUTES,
            periods=3,
            datapoints=3,
            suppressed_by_deployment=True,
        ),
        Alarm(
            key="disk",
            title="Disk nearly full",
            description="A host's disk is filling up: capture stops when it is nearly full, and drift goes unseen.",
            severity=Severity.P2,
            signal=MetricStat(m.DISK, "Maximum"),
            comparison=">",
            threshold=thresholds.disk_percent,
            period_s=FIVE_MINUTES,
            periods=3,
            datapoints=3,
            suppressed_by_deployment=True,
        ),
    )


def _build_gpu_alarms(thresholds: AlarmThresholds, gpu_count: int) -> tuple[Alarm, Alarm]:
    return (
        Alarm(
            key="gpu-utilization",
            title="Graphics processors busy",
            description="The graphics processors are at their limit: more requests will queue.",
            severity=Severity.P3,
            signal=MetricStat(m.GPU, "Average"),
            comparison=">",
            threshold=thresholds.gpu_percent * gpu_count,
            period_s=FIVE_MINUTES,
            periods=3,
            datapoints=3,
            suppressed_by_deployment=True,
        ),
        Alarm(
            key="gpu-memory",
            title="Graphics memory nearly full",
            description="The graphics memory is nearly full: larger batches will fail.",
            severity=Severity.P2,
            signal=MetricStat(m.GPU_MEMORY, "Maximum"),
            comparison=">",
            threshold=thresholds.gpu_memory_percent * gpu_count,
            period_s=FIVE_MINUTES,
            periods=3,
            datapoints=3,
            suppressed_by_deployment=True,
        ),
    )
