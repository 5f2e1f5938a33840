"""Game days of harmful data: requests and published files that are made to disable the drift monitoring.

Each failure stays isolated: the champion is judged every hour, and an alarm reports the records that could not be
counted.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from rehearsal.gamedays import checks, manual_changes
from rehearsal.gamedays.drift_hours import (
    CSV,
    JSON,
    TypedBody,
    list_captured_keys,
    list_hours,
    put_captured_records,
    read_record_counts,
    read_report,
    run_hour,
    send_json,
)
from rehearsal.gamedays.harness import Harness
from rehearsal.gamedays.scenario import Scenario
from rehearsal.gamedays.scenarios.challenger import WARMUP_MINUTES

POISONED_REQUESTS = 60
"""Unreadable requests in an hour: more than one in a hundred, which is the threshold of the alarm."""
DIGIT_COUNT, DIMENSION_COUNT = 80_000, 100_000
SLOW_SHAPE_COUNT = 3
RECOVERY_HOURS = 3
"""Hours in which an alarm over two hours clears, and in which an hour that failed twice is retried."""
LONE_SURROGATE = b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":"\\ud800"}]}'
"""71 bytes: valid JSON with a lone surrogate."""
REQUEST: TypedBody = (CSV, b"1,2,3\n")
ANSWER: TypedBody = (CSV, b"0.5\n")


def _run_poisoned_record(harness: Harness) -> None:
    """A caller of the challenger sends a lone surrogate, and the model answers.

    Further records hold it in a tensor that the model does not read, and in the answer of another kind of model.
    """
    before = _start(harness, "a caller sends half of a surrogate pair")
    send_json(harness, harness.challenger, _encode_request(harness, id="\ud800"), POISONED_REQUESTS)
    put_captured_records(
        harness, harness.challenger, [((JSON, LONE_SURROGATE), ANSWER), (REQUEST, (JSON, b'["\\ud800"]'))]
    )
    run_hour(harness)
    _expect_rejects_and_ticket(harness, POISONED_REQUESTS + 2)
    checks.expect_no_rollback(harness, before)


def _run_slow_record(harness: Harness) -> None:
    """Records that once took minutes to read: a number of 80,000 digits, and the product of a long shape."""
    before = _start(harness, "a caller sends records that take minutes to read")
    digits = "1" * DIGIT_COUNT + "x"
    send_json(harness, harness.challenger, _encode_request(harness, instances=[[digits]]), POISONED_REQUESTS)
    endless = {"name": "x", "shape": [2**63 - 1] * DIMENSION_COUNT, "datatype": "FP32", "data": [0]}
    # A server with declared inputs refuses an additional one; others pass it on.
    shapes = [((JSON, _encode_request(harness, extra_tensors=[endless])), ANSWER)] * SLOW_SHAPE_COUNT
    put_captured_records(harness, harness.challenger, [((CSV, f"{digits},2,3\n".encode()), ANSWER), *shapes])
    run_hour(harness)
    _expect_rejects_and_ticket(harness, POISONED_REQUESTS + 1 + SLOW_SHAPE_COUNT)
    checks.expect_runs_within_timeout(harness, harness.outputs["drift"]["function"])
    checks.expect_no_rollback(harness, before)


def _run_unreadable_object(harness: Harness) -> None:
    """Reads of one captured object among many are denied; its hour is read again after the denial."""
    before = _start(harness, "one captured object may not be read")
    bucket = harness.outputs["buckets"]["capture"]
    key, hour = list_captured_keys(harness, harness.challenger)[0], harness.started_at.replace(minute=0)
    policy = manual_changes.deny_reads(harness, bucket, key)
    for _ in range(2):
        run_hour(harness)
    checks.expect_alarm(harness, "P2", "hours-failing")
    report_document = read_report(harness, harness.challenger, hour)
    harness.expect(
        f"its hour names only this object: {report_document.get('unreadable')}",
        report_document.get("unreadable_objects") == [f"s3://{bucket}/{key}"],
    )
    partial_count = read_record_counts(harness, harness.challenger, hour)["read"]
    harness.expect(f"its hour counts the other objects: {partial_count} records", partial_count > 0)
    harness.get_client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    harness.add_mark("note", "the object may be read again")
    for _ in range(RECOVERY_HOURS):
        run_hour(harness)
    checks.expect_alarm_cleared(harness, "hours-failing")
    checks.expect_hourly_verdicts(harness, harness.champion)
    checks.expect_hourly_verdicts(harness, harness.challenger)
    full_count = read_record_counts(harness, harness.challenger, hour)["read"]
    harness.expect(
        f"then its hour counts every object: {full_count} records after {partial_count}", full_count > partial_count
    )
    checks.expect_no_rollback(harness, before)


def _run_wild_reference(harness: Harness) -> None:
    """A reference with negative counts, which publish refuses.

    A role that may delete and put wrote it, with its digest.
    """
    before = _start(harness, "the challenger's reference has counts below zero")
    version = harness.outputs["traffic"]["versions"][harness.challenger]
    folder = f"{harness.outputs['registry']['prefix']}{version}/"
    valid_reference, manifest = (_read_stored(harness, f"{folder}{name}.json") for name in ("reference", "manifest"))
    invalid_reference = json.loads(valid_reference)
    numeric = next(feature for feature in invalid_reference["features"] if feature["kind"] == "numeric")
    numeric["counts"] = [-count for count in numeric["counts"]]
    _replace_reference(harness, folder, json.dumps(invalid_reference).encode(), manifest)
    for _ in range(2):
        run_hour(harness)
    checks.expect_alarm(harness, "P2", "hours-failing")
    hours_without_report = [hour for hour in list_hours(harness) if not read_report(harness, harness.challenger, hour)]
    harness.expect(
        f"no report on the challenger uses it: {len(hours_without_report)} hours",
        hours_without_report == list(list_hours(harness)),
    )
    _replace_reference(harness, folder, valid_reference, manifest)
    harness.add_mark("note", "the right reference is back")
    for _ in range(RECOVERY_HOURS):
        run_hour(harness)
    checks.expect_alarm_cleared(harness, "hours-failing")
    checks.expect_hourly_verdicts(harness, harness.champion)
    checks.expect_hourly_verdicts(harness, harness.challenger)
    checks.expect_no_rollback(harness, before)


def _start(harness: Harness, label: str) -> dict[str, float]:
    before = harness.live_shares()
    harness.run_minutes(WARMUP_MINUTES)
    harness.add_mark("fault", label)
    harness.add_mark("degraded", "first hour in which it is there")
    return before


def _expect_rejects_and_ticket(harness: Harness, harmful_count: int) -> None:
    """Expects rejects in the first hour, a ticket about them, and normal hours after it."""
    checks.expect_alarm(harness, "P2", "records-rejected")
    record_counts = read_record_counts(harness, harness.challenger, next(list_hours(harness)))
    rejected = sum(record_counts["rejected"].values())
    harness.expect(
        f"each of {harmful_count} is a counted reject: {record_counts}",
        rejected == harmful_count == record_counts["read"] - record_counts["parsed"],
    )
    harness.expect("none was a fault of the reader", "internal_error" not in record_counts["rejected"])
    for _ in range(2):
        run_hour(harness)
    checks.expect_alarm_cleared(harness, "records-rejected")
    checks.expect_hourly_verdicts(harness, harness.champion)
    checks.expect_hourly_verdicts(harness, harness.challenger)
    checks.expect_no_alarm(harness, "hours-failing", "drift-failed", "drift-late")


def _encode_request(harness: Harness, extra_tensors: list[dict[str, Any]] | None = None, **others: object) -> bytes:
    """A request that the model answers, with fields that it does not read. `extra_tensors` are further inputs."""
    row = harness.rows[:1]
    tensor = {"name": "input__0", "shape": list(row.shape), "datatype": "FP32", "data": row.ravel().tolist()}
    return json.dumps({"inputs": [tensor, *(extra_tensors or ())], **others}).encode()


def _read_stored(harness: Harness, key: str) -> bytes:
    return harness.get_client("s3").get_object(Bucket=harness.outputs["registry"]["bucket"], Key=key)["Body"].read()


def _replace_reference(harness: Harness, folder: str, reference: bytes, manifest: bytes) -> None:
    """Deletes reference and manifest with the registry's break-glass role, and puts others, each once."""
    manifest_document = json.loads(manifest)
    manifest_document["files"]["reference.json"] |= {
        "sha256": hashlib.sha256(reference).hexdigest(),
        "size": len(reference),
    }
    bucket, s3 = harness.outputs["registry"]["bucket"], harness.get_client("s3")
    break_glass_s3 = harness.create_role_client("break-glass", "s3")
    for name, body in (("reference.json", reference), ("manifest.json", json.dumps(manifest_document).encode())):
        break_glass_s3.delete_object(Bucket=bucket, Key=f"{folder}{name}")
        s3.put_object(Bucket=bucket, Key=f"{folder}{name}", Body=body, IfNoneMatch="*")


HOSTILE_DATA = (
    Scenario(
        "poisoned-record",
        "A poisoned record",
        "A caller sends half of a character, and a model answers it: each is a counted reject, a ticket reports them, "
        "and the champion is judged every hour.",
        "rejects, a ticket",
        _run_poisoned_record,
    ),
    Scenario(
        "slow-record",
        "Records that took minutes to read",
        "A caller sends numbers and shapes that once took a reader minutes: each is a counted reject, and no run of "
        "the drift function comes near its time limit.",
        "rejects, a ticket",
        _run_slow_record,
    ),
    Scenario(
        "unreadable-object",
        "An object that may not be read",
        "S3 denies one captured object: the rest of its hour, other hours and the champion are judged, and the "
        "object is read once access returns.",
        "a ticket, then all is read",
        _run_unreadable_object,
    ),
    Scenario(
        "wild-reference",
        "An invalid reference",
        "The challenger's reference holds counts below zero: the champion is judged every hour, a ticket reports the "
        "challenger's hours, which are read once the right one is back.",
        "a ticket, then all is read",
        _run_wild_reference,
    ),
)
