"""Fills moto's gaps in place, once per process: attributes are set on its classes before anything is served."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path

from moto.s3.models import s3_backends

from simulator.aws import (
    alarm_evaluation,
    alarms,
    answers,
    api_faults,
    bucket_policy,
    bucket_rules,
    chatbot_api,
    cloudwatch_api,
    dashboards,
    events,
    function_logging,
    gaps,
    identity,
    lambda_api,
    object_checks,
    object_locks,
    platform_metrics,
    requests,
    sagemaker_api,
    scaling_api,
    table_policy,
)
from simulator.aws.functions import FunctionHost
from simulator.aws.identity import serving
from simulator.aws.world import ACCOUNT, World, world
from simulator.clock import ManualClock, SharedClock


@cache
def fill_gaps() -> None:
    """Sets everything; a second call does nothing."""
    for part in (
        gaps,
        alarms,
        answers,
        api_faults,
        bucket_policy,
        bucket_rules,
        chatbot_api,
        cloudwatch_api,
        dashboards,
        events,
        function_logging,
        lambda_api,
        object_checks,
        object_locks,
        sagemaker_api,
        scaling_api,
        table_policy,
        requests,
        identity,  # the last: S3's answers that others replaced are asked for through it
    ):
        part.install()


def new_world(clock: ManualClock | SharedClock, clock_path: Path, home: Path, address: Callable[[], str]) -> World:
    """An empty world around a clock. `address` gives the URL that functions call AWS at."""
    functions = FunctionHost(home, clock_path, address, clock.now)
    created = World(clock, home, clock_path, functions)

    def kill_after(name: str) -> int | None:
        fault = created.faults.take("function_killed", function=name)
        return int(fault.number("calls", 1)) if fault else None

    functions.kill_after = kill_after
    # What is measured each minute first: alarms are evaluated on it.
    created.watchers += [platform_metrics.sample, alarm_evaluation.run_due]
    # Capture first: a function that a jump of the clock starts must find the files that were due before it.
    created.settlers += [_flush_capture, events.deliver, events.fire_schedules, lambda_api.retry_due]
    return created


def _flush_capture(here: World, now: datetime) -> None:
    if here.capture.open_files or here.capture.full:
        here.capture.flush(now, put_object)


def put_object(role: str, bucket: str, key: str, body: bytes, kms_key: str | None) -> None:
    """Writes a capture file as the model's role does. Raises PermissionError where it may not, and moto's error where
    the bucket is missing."""
    if not serving.captures(world(), role, bucket, key, kms_key):
        raise PermissionError(f"{role} may not write captured records into {bucket}")
    encryption = "aws:kms" if kms_key else None
    s3_backends[ACCOUNT]["aws"].put_object(bucket, key, body, encryption=encryption, kms_key_id=kms_key)
