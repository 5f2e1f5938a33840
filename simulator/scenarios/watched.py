"""The hours of a game day: what callers send and hosts capture in them, and what the drift function says of each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from simulator.scenarios.scene import Scene
from tidewatch.drift.layout import ROOT

HOUR = timedelta(hours=1)
READ_MINUTE = 24
"""Of an hour, by which the drift function has read the one before."""
REQUESTS, ROWS_EACH = 40, 32
"""Of an hour: enough rows of either variant for a verdict."""
CSV, JSON = "text/csv", "application/json"

Body = tuple[str, bytes]
"""A content type, and what is of it."""


def hour_passes(scene: Scene) -> None:
    """An hour's requests, and its end, until the drift function has read it."""
    scene.send(REQUESTS, rows_each=ROWS_EACH)
    until_read(scene)


def until_read(scene: Scene) -> None:
    """Until the drift function has read this hour."""
    scene.pass_to(scene.control.clock().replace(minute=READ_MINUTE, second=0, microsecond=0) + HOUR)


def ask(scene: Scene, variant: str, body: bytes, times: int = 1) -> None:
    """Requests of a caller who writes JSON by himself."""
    for _ in range(times):
        scene.runtime.invoke_endpoint(EndpointName=scene.endpoint, ContentType=JSON, Body=body, TargetVariant=variant)[
            "Body"
        ].read()


def capture(scene: Scene, variant: str, exchanges: Sequence[tuple[Body, Body]]) -> None:
    """Puts requests and answers where the hosts put them, for a model that takes and answers what this one does not."""
    from simulator.aws.capture import Exchange, destination_of, record  # the names of scenarios are asked for without

    sagemaker, now = scene.client("sagemaker"), scene.control.clock()
    live = sagemaker.describe_endpoint(EndpointName=scene.endpoint)["EndpointConfigName"]
    config = sagemaker.describe_endpoint_config(EndpointConfigName=live)["DataCaptureConfig"]
    destination = destination_of(config)
    assert destination is not None
    bucket, prefix = destination
    lines = [
        json.dumps(record(config, Exchange(scene.endpoint, variant, now, *request, *answer, None, None)))
        for request, answer in exchanges
    ]
    scene.client("s3").put_object(
        Bucket=bucket,
        Key=f"{prefix}/{scene.endpoint}/{variant}/{now:%Y/%m/%d/%H}/{now:%M-%S}-000-harm.jsonl",
        Body="".join(f"{line}\n" for line in lines).encode(),
    )


def captured(scene: Scene, variant: str) -> list[str]:
    """The keys of what was captured of a variant in this hour, oldest first."""
    day = f"/{scene.endpoint}/{variant}/{scene.control.clock():%Y/%m/%d/%H}/"
    pages = scene.client("s3").get_paginator("list_objects_v2").paginate(Bucket=scene.outputs["buckets"]["capture"])
    return sorted(one["Key"] for page in pages for one in page.get("Contents", ()) if day in one["Key"])


def hours(scene: Scene) -> Iterator[datetime]:
    """Those of the scene that the drift function must have read by now, the one in which it began among them."""
    hour = scene.began.replace(minute=0, second=0, microsecond=0)
    while hour + HOUR + timedelta(minutes=READ_MINUTE) <= scene.control.clock():
        yield hour
        hour += HOUR


def report(scene: Scene, variant: str, hour: datetime) -> dict[str, Any]:
    """What is said of a variant's hour; empty where nothing is."""
    version = scene.outputs["traffic"]["versions"][variant]
    s3 = scene.client("s3")
    try:
        stored = s3.get_object(
            Bucket=scene.outputs["buckets"]["monitoring"], Key=f"{ROOT}{variant}/{hour:%Y/%m/%d/%H}/{version}.json"
        )
    except s3.exceptions.NoSuchKey:
        return {}
    return json.load(stored["Body"])


def records(scene: Scene, variant: str, hour: datetime) -> dict[str, Any]:
    """What became of the records of a variant's hour: read, parsed, rejected by reason; of none where it was not
    judged."""
    found = report(scene, variant, hour)
    return found["windows"]["hour"]["records"] if found else {"read": 0, "parsed": 0, "rejected": {}}
