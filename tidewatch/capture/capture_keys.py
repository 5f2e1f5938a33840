"""Parses the key of a capture file: the configuration, endpoint and variant that answered, and the hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

CAPTURE_SUFFIXES = (".jsonl", ".jsonl.gz")


@dataclass(frozen=True, order=True)
class CaptureKey:
    """The parts of a key."""

    configuration: str
    """The hash that identifies the model version of each variant."""
    endpoint: str
    variant: str
    hour: datetime


def parse_key(key: str, prefix: str) -> CaptureKey | None:
    """Parses PREFIX/{configuration}/{endpoint}/{variant}/yyyy/mm/dd/hh/{file}.jsonl. Returns None for any other key.

    SageMaker defines the part from the endpoint on, with the hour in UTC:
    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
    """
    start = prefix.rstrip("/") + "/" if prefix else ""
    segments = key.removeprefix(start).split("/")
    if (
        not key.startswith(start)
        or len(segments) != 8
        or not all(segments)
        or not segments[-1].endswith(CAPTURE_SUFFIXES)
    ):
        return None
    configuration, endpoint, variant, *date_parts, _ = segments
    if [len(segment) for segment in date_parts] != [4, 2, 2, 2] or not all(
        part.isascii() and part.isdigit() for part in date_parts
    ):
        return None
    try:
        hour = datetime(*(int(segment) for segment in date_parts), tzinfo=UTC)  # pyright: ignore[reportArgumentType]
    except ValueError:
        return None
    return CaptureKey(configuration, endpoint, variant, hour)
