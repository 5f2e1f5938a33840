"""Fills the gaps of moto, once per process: sets attributes of its classes before anything is served."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path

from moto.s3.models import s3_backends

from rehearsal.aws import call_overhead, fault_injection, identity, moto_patches
from rehearsal.aws.account import SimulatedAccount, current_account
from rehearsal.aws.autoscaling import api as autoscaling_api
from rehearsal.aws.chatbot import api as chatbot_api
from rehearsal.aws.cloudwatch import alarm_api, alarm_evaluation, dashboards, metric_api, platform_metrics
from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.dynamodb import table_policy
from rehearsal.aws.events import rules
from rehearsal.aws.identity import execution_role
from rehearsal.aws.kms import signing
from rehearsal.aws.lambda_ import api as lambda_api
from rehearsal.aws.lambda_ import function_logging
from rehearsal.aws.lambda_.function_host import FunctionHost
from rehearsal.aws.s3 import bucket_policy, naming_and_tags, object_lock, write_checks
from rehearsal.aws.sagemaker import endpoint_api
from rehearsal.aws.validation import request_checks, unsimulated
from rehearsal.simulated_clock import ManualClock, SharedClock


@cache
def apply_patches() -> None:
    """Installs all patches; a second call does nothing."""
    for module in (
        moto_patches,
        unsimulated,  # the first, since it wraps moto's own dispatch
        alarm_api,
        call_overhead,
        fault_injection,
        bucket_policy,
        naming_and_tags,
        chatbot_api,
        metric_api,
        dashboards,
        rules,
        function_logging,
        lambda_api,
        write_checks,
        object_lock,
        endpoint_api,
        autoscaling_api,
        table_policy,
        signing,
        request_checks,
        identity,  # the last, since it wraps S3 responses that others replaced
    ):
        module.install()


def create_account(
    clock: ManualClock | SharedClock, clock_path: Path, directory: Path, address: Callable[[], str]
) -> SimulatedAccount:
    """An empty account with this clock. `address` returns the URL at which functions call AWS."""
    functions = FunctionHost(directory, clock_path, address, clock.now)
    account = SimulatedAccount(clock, directory, clock_path, functions)

    def take_kill_fault(name: str) -> int | None:
        fault = account.faults.take("function_killed", function=name)
        return int(fault.get_number("calls", 1)) if fault else None

    functions.kill_after = take_kill_fault
    # Metrics first: alarms are evaluated on them.
    account.pre_settle_hooks += [
        platform_metrics.sample_gauges,
        rules.count_skipped_firings,
        alarm_evaluation.evaluate_due,
    ]
    # Capture first: a function that a jump of the clock starts must find the files due before it.
    account.post_settle_hooks += [
        _flush_capture,
        rules.deliver_events,
        rules.fire_schedules,
        lambda_api.start_due_retries,
    ]
    return account


def _flush_capture(account: SimulatedAccount, now: datetime) -> None:
    if account.capture_files.open_files or account.capture_files.full_files:
        account.capture_files.flush(now, put_capture_file)


def put_capture_file(role: str, bucket: str, key: str, body: bytes, kms_key: str | None) -> None:
    """Writes a capture file with the model's role.

    Raises PermissionError if the role may not, and moto's error if the bucket is missing.
    """
    if not execution_role.can_capture(current_account(), role, bucket, key, kms_key):
        raise PermissionError(f"{role} may not write captured records into {bucket}")
    encryption = "aws:kms" if kms_key else None
    s3_backends[ACCOUNT]["aws"].put_object(bucket, key, body, encryption=encryption, kms_key_id=kms_key)
