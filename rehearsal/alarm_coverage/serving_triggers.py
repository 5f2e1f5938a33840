"""Triggers for the alarms of the variants, of their hosts and of the objectives."""

from __future__ import annotations

from datetime import timedelta

from rehearsal.alarm_coverage.trigger import ENOUGH_REQUESTS, AlarmTrigger, wait_for_alarm, wait_for_ok
from rehearsal.aws.sagemaker.host_metrics import ACCUMULATING_METRICS
from rehearsal.aws.sagemaker.replay import replay
from rehearsal.gamedays.harness import Harness
from tidewatch.naming import VARIANTS
from tidewatch.slo import BURN_RATE_ALERTS, STILL_BURNING

ALARM_KEY_BY_HOST_METRIC = {
    "GPUUtilization": "gpu-utilization",
    "GPUMemoryUtilization": "gpu-memory",
    "MemoryUtilization": "memory",
    "DiskUtilization": "disk",
}
LOAD_PER_MINUTE, LOAD_OVERALL = 20, 2
"""Percentage points of load that a request costs its host.

The first is load of one minute, like a busy device; the second stays, like leaked memory.
"""
SLOW_SECONDS = 0.8
ENDPOINT_AGE = timedelta(days=4)
"""Minimum age of the endpoint: a younger one has used almost none of a four-week error budget."""
OBJECTIVE_WINDOW_PASSED = timedelta(days=29)
"""After this time, today's requests are outside the window of an objective."""
MAX_SILENT_MINUTES = 25


def _variant_alarm_keys(*keys: str) -> tuple[str, ...]:
    return tuple(f"{key}-{variant}" for key in keys for variant in VARIANTS)


def _objective_alarm_keys(kind: str) -> tuple[str, ...]:
    """The alarms of an objective: the composites and their members."""
    window_keys = [
        f"{kind}-{burn.name}-{window}" for burn in (*BURN_RATE_ALERTS, STILL_BURNING) for window in ("long", "short")
    ]
    return (
        *window_keys,
        *(f"{kind}-{burn.name}" for burn in BURN_RATE_ALERTS),
        f"{kind}-budget-used",
        f"{kind}-budget",
    )


ERROR_ALARMS = (*_variant_alarm_keys("server-errors", "model-errors"), *_objective_alarm_keys("availability"))
LATENCY_ALARMS = (*_variant_alarm_keys("latency", "overhead-latency"), *_objective_alarm_keys("latency"))
HOST_ALARMS = _variant_alarm_keys(*ALARM_KEY_BY_HOST_METRIC.values())
HEALTH_ALARMS = (*_variant_alarm_keys("variant"), "endpoint")


def _inject_errors(harness: Harness) -> None:
    harness.advance_to(harness.control.get_time() + ENDPOINT_AGE)
    faults = [harness.control.inject("variant_errors", variant=variant, rate=0.5) for variant in VARIANTS]
    _exhaust_error_budget(harness, faults, ERROR_ALARMS)


def _inject_latency(harness: Harness) -> None:
    harness.advance_to(harness.control.get_time() + ENDPOINT_AGE)
    faults = [
        harness.control.inject("variant_latency", variant=variant, seconds=SLOW_SECONDS, overhead=SLOW_SECONDS)
        for variant in VARIANTS
    ]
    _exhaust_error_budget(harness, faults, LATENCY_ALARMS)


def _exhaust_error_budget(harness: Harness, faults: list[int], keys: tuple[str, ...]) -> None:
    """Waits until all alarms fire; the alarms of the four-week budget clear after four weeks."""
    wait_for_alarm(harness, *keys)
    for fault in faults:
        harness.control.clear(fault)
    harness.run_minutes(requests=ENOUGH_REQUESTS)
    harness.advance_to(harness.control.get_time() + OBJECTIVE_WINDOW_PASSED)
    wait_for_ok(harness, *keys)


def _load_hosts(harness: Harness) -> None:
    faults = [
        harness.control.inject(
            "load", metric=metric, percent=LOAD_OVERALL if metric in ACCUMULATING_METRICS else LOAD_PER_MINUTE
        )
        for metric in ALARM_KEY_BY_HOST_METRIC
    ]
    wait_for_alarm(harness, *HOST_ALARMS, *HEALTH_ALARMS)
    for fault in faults:
        harness.control.clear(fault)
    wait_for_ok(harness, *HOST_ALARMS, *HEALTH_ALARMS)


def _stop_requests(harness: Harness) -> None:
    """Callers that name the champion's variant leave the other one without requests; then all requests stop."""
    champion, challenger = f"silence-{harness.champion}", f"silence-{harness.challenger}"
    for _ in range(MAX_SILENT_MINUTES):
        if harness.is_in_alarm(challenger):
            break
        replay(
            harness.runtime,
            harness.endpoint,
            harness.rows[:ENOUGH_REQUESTS],
            rows_per_request=1,
            threads=1,
            target_variant=harness.champion,
        )
        harness.run_minutes(requests=0)
    wait_for_alarm(harness, challenger, most=0)
    wait_for_alarm(harness, champion, most=MAX_SILENT_MINUTES, requests=0)
    wait_for_ok(harness, champion, challenger)


SERVING_TRIGGERS = (
    AlarmTrigger(
        "errors",
        "Half of both variants' answers fail for minutes; four weeks pass after the last of them.",
        ERROR_ALARMS,
        _inject_errors,
    ),
    AlarmTrigger(
        "slowness",
        "Answers of both variants take 0.8 s more in the model, and as much around it; four weeks pass afterwards.",
        LATENCY_ALARMS,
        _inject_latency,
    ),
    AlarmTrigger(
        "full-hosts",
        "Requests keep graphics processors busy, and containers keep memory and disk of each; then they are mended.",
        (*HOST_ALARMS, *HEALTH_ALARMS),
        _load_hosts,
    ),
    AlarmTrigger(
        "silence",
        "Callers ask for the champion's variant only, then for nothing at all, then for both again.",
        _variant_alarm_keys("silence"),
        _stop_requests,
    ),
)
