"""The hours of a game day: what callers send and hosts capture in them, and what the drift function says of each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from rehearsal.gamedays.harness import Harness
from tidewatch.drift.storage_layout import DRIFT_PREFIX

HOUR = timedelta(hours=1)
REPORT_MINUTE = 24
"""Of an hour, by which the drift function has read the one before."""
REQUESTS_PER_HOUR, ROWS_PER_REQUEST = 40, 32
"""Of an hour: enough rows of either variant for a verdict."""
CSV, JSON = "text/csv", "application/json"

TypedBody = tuple[str, bytes]
"""A content type, and what is of it."""


def run_hour(harness: Harness) -> None:
    """An hour's requests, and its end, until the drift function has read it."""
    harness.send_requests(REQUESTS_PER_HOUR, rows_each=ROWS_PER_REQUEST)
    wait_until_read(harness)


def wait_until_read(harness: Harness) -> None:
    """Until the drift function has read this hour."""
    harness.advance_to(harness.control.get_time().replace(minute=REPORT_MINUTE, second=0, microsecond=0) + HOUR)


def send_json(harness: Harness, variant: str, body: bytes, times: int = 1) -> None:
    """Requests of a caller who writes JSON by himself."""
    for _ in range(times):
        harness.runtime.invoke_endpoint(
            EndpointName=harness.endpoint, ContentType=JSON, Body=body, TargetVariant=variant
        )["Body"].read()


def put_captured_records(harness: Harness, variant: str, exchanges: Sequence[tuple[TypedBody, TypedBody]]) -> None:
    """Puts requests and answers where the hosts put them, for a model that takes and answers what this one does not."""
    from rehearsal.aws.sagemaker.data_capture import Exchange, build_record, parse_destination

    sagemaker, now = harness.get_client("sagemaker"), harness.control.get_time()
    live = sagemaker.describe_endpoint(EndpointName=harness.endpoint)["EndpointConfigName"]
    config = sagemaker.describe_endpoint_config(EndpointConfigName=live)["DataCaptureConfig"]
    destination = parse_destination(config)
    assert destination is not None
    bucket, prefix = destination
    lines = [
        json.dumps(build_record(config, Exchange(harness.endpoint, variant, now, *request, *answer, None, None)))
        for request, answer in exchanges
    ]
    harness.get_client("s3").put_object(
        Bucket=bucket,
        Key=f"{prefix}/{harness.endpoint}/{variant}/{now:%Y/%m/%d/%H}/{now:%M-%S}-000-harm.jsonl",
        Body="".join(f"{line}\n" for line in lines).encode(),
    )


def list_captured_keys(harness: Harness, variant: str) -> list[str]:
    """The keys of what was captured of a variant in this hour, oldest first."""
    day = f"/{harness.endpoint}/{variant}/{harness.control.get_time():%Y/%m/%d/%H}/"
    pages = (
        harness.get_client("s3").get_paginator("list_objects_v2").paginate(Bucket=harness.outputs["buckets"]["capture"])
    )
    return sorted(item["Key"] for page in pages for item in page.get("Contents", ()) if day in item["Key"])


def list_hours(harness: Harness) -> Iterator[datetime]:
    """Those that the drift function must have read by now, the one in which the game day began among them."""
    hour = harness.started_at.replace(minute=0, second=0, microsecond=0)
    while hour + HOUR + timedelta(minutes=REPORT_MINUTE) <= harness.control.get_time():
        yield hour
        hour += HOUR


def read_report(harness: Harness, variant: str, hour: datetime) -> dict[str, Any]:
    """What is said of a variant's hour; empty where nothing is."""
    version = harness.outputs["traffic"]["versions"][variant]
    s3 = harness.get_client("s3")
    try:
        response = s3.get_object(
            Bucket=harness.outputs["buckets"]["monitoring"],
            Key=f"{DRIFT_PREFIX}{variant}/{hour:%Y/%m/%d/%H}/{version}.json",
        )
    except s3.exceptions.NoSuchKey:
        return {}
    return json.load(response["Body"])


def read_record_counts(harness: Harness, variant: str, hour: datetime) -> dict[str, Any]:
    """What became of the records of a variant's hour: read, parsed, rejected by reason; of none where it was not
    judged."""
    hour_report = read_report(harness, variant, hour)
    return hour_report["windows"]["hour"]["records"] if hour_report else {"read": 0, "parsed": 0, "rejected": {}}
