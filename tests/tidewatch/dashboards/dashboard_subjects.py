"""Stacks that dashboards are about."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from tests.tidewatch.alarms.alarm_datapoints import custom_guardrail
from tidewatch.alarms import (
    AlarmThresholds,
    DimensionResolver,
    build_endpoint_alarms,
    build_variant_alarms,
)
from tidewatch.dashboards import DashboardContext
from tidewatch.slo import Objective

REGION = "eu-central-1"
AVAILABILITY = Objective("availability", 99.9)
LATENCY = Objective("latency", 99, 28, 200)

PROMISES = ((), (AVAILABILITY,), (LATENCY,), (AVAILABILITY, LATENCY), (Objective("availability", 50),))


def subject(
    variants: tuple[str, ...] = ("blue", "green"),
    *,
    gpus: int = 1,
    drift: bool = True,
    capture_percent: float = 100,
    objectives: tuple[Objective, ...] = (AVAILABILITY, LATENCY),
    custom: int = 1,
    alarms: int = 30,
    price: float | None = 0.736,
) -> DashboardContext:
    """A stack; blue is its champion."""
    guardrails = [
        custom_guardrail(threshold=0.02, minimumSamples=30, name=f"conversion-{number}") for number in range(custom)
    ]
    purposes = ("drift", "rollback") if drift else ("rollback",)
    return DashboardContext(
        region=REGION,
        names=DimensionResolver(
            "tidewatch/dev/flights",
            "flights-4b53caf",
            "blue",
            {purpose: f"flights-{purpose}-1f" for purpose in purposes},
            {purpose: f"flights-{purpose}-failures-2f" for purpose in purposes},
            {"break-glass": "flights-break-glass-6f"},
        ),
        variants=build_variant_alarms(AlarmThresholds(), variants, "blue", gpu_count=gpus, custom=guardrails),
        endpoint=build_endpoint_alarms(
            AlarmThresholds(), variants, drift=drift, capture_percent=capture_percent, escalation_minutes=15
        ),
        objectives=objectives,
        alarm_arns={f"a-{n:03}": f"arn:aws:cloudwatch:{REGION}:123456789012:alarm:a-{n:03}" for n in range(alarms)},
        log_group="flights-rollback-1f0c3a2",
        runbooks="https://github.com/me/flights/blob/main/runbooks",
        ledger="flights-ledger-4f",
        capture_bucket="flights-capture-5f",
        monitoring_bucket="flights-monitoring-3f",
        instance_type="ml.g4dn.xlarge",
        reports="s3://flights-monitoring-3f/drift/" if drift else "",
        price_per_hour=price,
        links={page: f"https://{REGION}.console.aws.amazon.com/{page}" for page in ("debug", "executive", "oncall")},
    )


@st.composite
def subjects(draw: st.DrawFn) -> DashboardContext:
    """Any stack: one or two variants, any hosts, with or without drift, objectives, prices, guardrails of its own."""
    made = subject(
        draw(st.sampled_from([("blue",), ("blue", "green")])),
        gpus=draw(st.integers(0, 8)),
        drift=draw(st.booleans()),
        capture_percent=draw(st.sampled_from([0, 0.5, 100])),
        objectives=draw(st.sampled_from(PROMISES)),
        custom=draw(st.integers(0, 3)),
        alarms=draw(st.sampled_from([0, 1, 100, 101, 250])),
        price=draw(st.sampled_from([None, 0.0, 0.115, 37.688])),
    )
    return replace(made, runbooks=draw(st.sampled_from(["runbooks", made.runbooks])))
