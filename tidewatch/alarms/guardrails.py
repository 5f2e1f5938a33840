"""What rolls back: the alarms that compare a challenger with the champion. They alone are part of that composite.

A minute each, two of three: from the first bad datapoint to ALARM it takes one more. No percentiles, which a slot with
little traffic neither reaches nor leaves, and no FILL, which would put a guess in the place of a late datapoint.
"""

from __future__ import annotations

from tidewatch import metrics as m
from tidewatch.alarms.expressions import enough, excess
from tidewatch.alarms.limits import Limits
from tidewatch.alarms.reading import shown
from tidewatch.alarms.values import CHAMPION, Alarm, Math, Missing, Severity, Stat
from tidewatch.alarms.variants import MICROSECONDS
from tidewatch.metrics import Metric

MINUTE = 60
PERIODS, DATAPOINTS = 3, 2


def guardrails(limits: Limits) -> tuple[Alarm, ...]:
    """The built-in ones of a slot that is not the champion."""
    return (_errors(limits), _model_errors(limits), _latency(limits))


def _errors(limits: Limits) -> Alarm:
    return _guardrail(
        "guardrail-errors",
        "Challenger fails",
        f"The challenger fails {limits.guardrail_error_points:g} points more of its requests than the champion would.",
        Math(f"IF({_enough(limits)}, {excess()}, 0)", _compared(m.ERRORS_5XX), -1, 1),
        limits.guardrail_error_points / 100,
        limits.minimum_requests,
    )


def _model_errors(limits: Limits) -> Alarm:
    """Refused requests too, but only beside a champion with traffic: callers send bad requests to any model."""
    beside = f"{_enough(limits)} AND (k >= {limits.minimum_requests})"
    return _guardrail(
        "guardrail-model-errors",
        "Challenger refuses",
        f"The challenger leaves {limits.guardrail_error_points:g} points more of its requests without a prediction "
        f"than the champion would: often it expects other features.",
        Math(f"IF({beside}, {excess()}, 0)", _compared(m.MODEL_ERRORS), -1, 1),
        limits.guardrail_error_points / 100,
        limits.minimum_requests,
        runbook="guardrail-errors",
    )


def _enough(limits: Limits) -> str:
    return enough(limits.minimum_requests, limits.minimum_errors)


def _compared(errors: Metric) -> dict[str, Stat]:
    """Requests and bad ones: n and b of the slot, k and d of the champion."""
    return {
        "n": Stat(m.INVOCATIONS, "Sum"),
        "k": Stat(m.INVOCATIONS, "Sum", CHAMPION),
        "b": Stat(errors, "Sum"),
        "d": Stat(errors, "Sum", CHAMPION),
    }


def _latency(limits: Limits) -> Alarm:
    """A ratio of trimmed means; against the absolute limit while the champion has too few requests to compare with.

    Metric math knows no standard deviation, so nothing is taken off for chance as it is of errors: of few requests with
    a long tail the means alone differ by half, every few hours. It asks for more requests instead.
    """
    least, ratio = limits.guardrail_latency_requests, limits.guardrail_latency_ratio
    instead = round(limits.latency_milliseconds * MICROSECONDS / ratio)
    differs = f"((t - c) > {shown(round(limits.guardrail_latency_milliseconds * MICROSECONDS))})"
    parts = {
        "n": Stat(m.INVOCATIONS, "Sum"),
        "k": Stat(m.INVOCATIONS, "Sum", CHAMPION),
        "t": Stat(m.MODEL_LATENCY, "tm95"),
        "c": Stat(m.MODEL_LATENCY, "tm95", CHAMPION),
    }
    return _guardrail(
        "guardrail-latency",
        "Challenger is slow",
        f"The challenger takes over {ratio:g} times as long as the champion.",
        Math(f"IF((n >= {least}) AND {differs}, t / IF((n >= {least}) AND (k >= {least}), c, {instead}), 0)", parts, 0),
        ratio,
        least,
    )


def _guardrail(
    key: str, title: str, says: str, signal: Math, threshold: float, minimum: int, runbook: str = ""
) -> Alarm:
    return Alarm(
        key=key,
        title=title,
        says=says,
        severity=Severity.P1,
        scope="variant",
        signal=signal,
        comparison=">",
        threshold=threshold,
        period_s=MINUTE,
        periods=PERIODS,
        datapoints=DATAPOINTS,
        missing=Missing.NOT_BREACHING,
        minimum_samples=minimum,
        guardrail=True,
        suppressed_by_deployment=False,
        runbook=runbook,
    )
