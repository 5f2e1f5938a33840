"""The hours of a game day: the requests that callers send, the captured records, and the drift reports on them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from rehearsal.gamedays.harness import Harness
from tidewatch.drift.job.archive import build_report_key

HOUR = timedelta(hours=1)
REPORT_MINUTE = 24
"""Minute of an hour by which the drift function has read the previous hour."""
REQUESTS_PER_HOUR, ROWS_PER_REQUEST = 40, 32
"""Requests in an hour and rows in a request: enough rows of either variant for a verdict."""
CSV, JSON = "text/csv", "application/json"

TypedBody = tuple[str, bytes]
"""A content type and a body of that type."""


def run_hour(harness: Harness) -> None:
    """Sends an hour's requests and waits until the drift function has read the hour."""
    harness.send_requests(REQUESTS_PER_HOUR, rows_each=ROWS_PER_REQUEST)
    wait_until_read(harness)


def wait_until_read(harness: Harness) -> None:
    """Moves the clock until the drift function has read this hour."""
    harness.advance_to(harness.control.get_time().replace(minute=REPORT_MINUTE, second=0, microsecond=0) + HOUR)


def send_json(harness: Harness, variant: str, body: bytes, times: int = 1) -> None:
    """Sends requests of a caller who builds the JSON without a client library."""
    for _ in range(times):
        harness.runtime.invoke_endpoint(
            EndpointName=harness.endpoint, ContentType=JSON, Body=body, TargetVariant=variant
        )["Body"].read()


def put_captured_records(harness: Harness, variant: str, exchanges: Sequence[tuple[TypedBody, TypedBody]]) -> None:
    """Writes capture files as the hosts do, for requests and answers that this model does not support."""
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
    """The keys of a variant's capture files of this hour, oldest first."""
    day = f"/{harness.endpoint}/{variant}/{harness.control.get_time():%Y/%m/%d/%H}/"
    pages = (
        harness.get_client("s3").get_paginator("list_objects_v2").paginate(Bucket=harness.outputs["buckets"]["capture"])
    )
    return sorted(item["Key"] for page in pages for item in page.get("Contents", ()) if day in item["Key"])


def list_hours(harness: Harness) -> Iterator[datetime]:
    """The hours that the drift function must have read by now, including the one in which the game day began."""
    hour = harness.started_at.replace(minute=0, second=0, microsecond=0)
    while hour + HOUR + timedelta(minutes=REPORT_MINUTE) <= harness.control.get_time():
        yield hour
        hour += HOUR


def read_report(harness: Harness, variant: str, hour: datetime) -> dict[str, Any]:
    """The report on a variant's hour; empty if there is none."""
    version = harness.outputs["traffic"]["versions"][variant]
    s3 = harness.get_client("s3")
    try:
        response = s3.get_object(
            Bucket=harness.outputs["buckets"]["monitoring"],
            Key=build_report_key(variant, version, hour),
        )
    except s3.exceptions.NoSuchKey:
        return {}
    return json.load(response["Body"])


def read_record_counts(harness: Harness, variant: str, hour: datetime) -> dict[str, Any]:
    """The counts of a variant's records in an hour: read, parsed, rejected by reason; zeros without a report."""
    hour_report = read_report(harness, variant, hour)
    return hour_report["windows"]["hour"]["records"] if hour_report else {"read": 0, "parsed": 0, "rejected": {}}
