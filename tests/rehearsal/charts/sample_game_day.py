"""A game day made up for tests: errors from minute 5, the alarm at minute 6, the flip 20 seconds after it."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np

from rehearsal.charts.timeline import AlarmSpan, GameDayOutcome, Mark, Timeline, VariantSeries

START = datetime(2013, 5, 14, 12, tzinfo=UTC)
EVIL = "<script>alert('x')</script>&\"\u202e\x00"


def spike(seed: int = 7, minutes: int = 15, title: str = "Error spike in the challenger") -> Timeline:
    random = np.random.default_rng(seed)
    bad, flip = 300.0, 380.0
    times = tuple(60.0 * at for at in range(minutes))
    blue = random.poisson([540 if at < flip else 600 for at in times])
    green = random.poisson([60 if at < flip - 60 else 20 if at < flip else 0 for at in times])
    errors = [
        (0.42 + 0.1 * random.random() if bad <= at < flip else 0.0) if count else math.nan
        for at, count in zip(times, green, strict=True)
    ]
    return Timeline(
        title=title,
        starts_at=START,
        length_s=60.0 * minutes,
        requests=(
            VariantSeries("blue", times, tuple(map(float, blue))),
            VariantSeries("green", times, tuple(map(float, green))),
        ),
        error_share=(
            VariantSeries("blue", times, tuple(float(each) for each in random.random(minutes) * 0.004)),
            VariantSeries(
                "green", times, tuple(each if count else math.nan for each, count in zip(errors, green, strict=True))
            ),
        ),
        latency_ms=(
            VariantSeries("blue", times, tuple(float(each) for each in random.normal(42, 2, minutes))),
            VariantSeries(
                "green",
                tuple(at for at in times if at < flip),
                tuple(float(each) for each in random.normal(61, 4, sum(at < flip for at in times))),
            ),
        ),
        shares=(VariantSeries("blue", (0.0, flip), (0.9, 1.0)), VariantSeries("green", (0.0, flip), (0.1, 0.0))),
        alarms=(
            AlarmSpan("flights-prod-server-errors-green", "ALARM", 360, 540, "metric"),
            AlarmSpan("flights-prod-guardrail-errors-green-against-champion", "ALARM", 360, 540, "metric"),
            AlarmSpan("flights-prod-guardrail-green", "ALARM", 361, 545, "guardrail"),
            AlarmSpan("flights-prod-endpoint", "ALARM", 361, None, "composite"),
            AlarmSpan("flights-prod-silence-green", "INSUFFICIENT_DATA", 480, 700, "metric"),
            AlarmSpan("flights-prod-silence-green", "ALARM", 700, None, "metric"),
        ),
        marks=(
            Mark(30, "green takes 10% of the traffic", "deploy"),
            Mark(290, "the challenger's model starts to raise on half of the requests", "fault"),
            Mark(bad, "first bad datapoint of green", "degraded"),
            Mark(360, "flights-prod-server-errors-green", "alarm"),
            Mark(361, "flights-prod-guardrail-green", "alarm"),
            Mark(361.4, "rollback requested by the guardrail", "requested"),
            Mark(362.1, "UpdateEndpointWeightsAndCapacities accepted", "accepted"),
            Mark(flip, "no request reaches green", "flipped"),
            Mark(440, "errors are back at the champion's", "recovered"),
            Mark(500, "incident document written", "note"),
        ),
    )


def outcome(timeline: Timeline | None = None, scenario: str = "error-spike", *, passed: bool = True) -> GameDayOutcome:
    return GameDayOutcome(
        scenario=scenario,
        requirement="When the challenger fails, the guardrail fires and the traffic returns to the champion, once.",
        expected_result="rolled back to blue, one incident",
        observed_result="rolled back to blue, one incident" if passed else "no rollback",
        passed=passed,
        detect_s=60.0,
        decide_s=61.4 if passed else None,
        flip_s=80.0 if passed else None,
        recover_s=140.0 if passed else None,
        platform_s=15.0 if passed else None,
        own_s=4.27 if passed else None,
        timeline=timeline or spike(),
    )
