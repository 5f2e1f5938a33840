"""Data capture in SageMaker's form in S3: JSON lines, several records in a file, minutes late.

Source: SageMaker developer guide, "Capture data from real-time endpoint"; model docs, DataCaptureConfig and
CaptureContentTypeHeader.
"""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rehearsal.aws import latencies

MAX_RECORDS = 500
"""Maximum number of records in a file."""

PutCaptureFile = Callable[[str, str, str, bytes, str | None], None]
"""Writes an object with a role: the role, bucket, key, body, KMS key."""


@dataclass(frozen=True)
class Exchange:
    """One request and its response, on a host of the endpoint."""

    endpoint: str
    variant: str
    moment: datetime
    request_type: str
    request: bytes
    response_type: str
    response: bytes
    inference_id: str | None
    custom_attributes: str | None
    role: str = ""
    """The role with which the host writes."""


@dataclass
class _File:
    role: str
    bucket: str
    folder: str
    kms_key: str | None
    opened_at: datetime
    lines: list[str] = field(default_factory=list[str])

    @property
    def key(self) -> str:
        stamp = f"{self.opened_at:%M-%S}-{self.opened_at.microsecond // 1000:03d}"
        return f"{self.folder}/{stamp}-{uuid.uuid4()}.jsonl"


@dataclass
class CaptureFiles:
    """Capture files that are not complete yet, and the numbers of written and lost records."""

    open_files: dict[tuple[str, str], _File] = field(default_factory=dict[tuple[str, str], _File])
    full_files: list[_File] = field(default_factory=list[_File])
    records_written: int = 0
    records_lost: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, config: Mapping[str, Any], exchange: Exchange) -> None:
        """Appends the exchange's record to the file of its endpoint, variant and hour."""
        destination = parse_destination(config)
        if destination is None:
            return
        bucket, prefix = destination
        parts = [part for part in (prefix, exchange.endpoint, exchange.variant) if part]
        folder = "/".join([*parts, f"{exchange.moment:%Y/%m/%d/%H}"])
        line = json.dumps(build_record(config, exchange), separators=(",", ":"))
        with self._lock:
            found = self.open_files.get((bucket, folder))
            if found is None:
                found = _File(exchange.role, bucket, folder, config.get("KmsKeyId") or None, exchange.moment)
                self.open_files[bucket, folder] = found
            found.lines.append(line)
            if len(found.lines) >= MAX_RECORDS:
                self.full_files.append(self.open_files.pop((bucket, folder)))

    def flush(self, now: datetime | None, put: PutCaptureFile) -> int:
        """Writes the files whose stated delay has passed at `now`, or all if `now` is None. Returns their number."""
        delay = timedelta(seconds=latencies.CAPTURE_DELAY_SECONDS)
        with self._lock:
            due_keys = [key for key, file in self.open_files.items() if now is None or file.opened_at + delay <= now]
            ready = [file for file in self.full_files if now is None or file.opened_at + delay <= now]
            self.full_files = [file for file in self.full_files if file not in ready]
            ready += [self.open_files.pop(key) for key in due_keys]
        for file in ready:
            self._write(file, put)
        return len(ready)

    def _write(self, file: _File, put: PutCaptureFile) -> None:
        try:
            put(file.role, file.bucket, file.key, ("\n".join(file.lines) + "\n").encode(), file.kms_key)
            self.records_written += len(file.lines)
        except Exception:
            # An endpoint continues to serve if its capture bucket is missing or denies the write.
            self.records_lost += len(file.lines)


def parse_destination(config: Mapping[str, Any]) -> tuple[str, str] | None:
    """Bucket and prefix; None if the prefix contains a double slash, with which SageMaker captures nothing."""
    bucket, _, prefix = config["DestinationS3Uri"].removeprefix("s3://").partition("/")
    if "//" in prefix or prefix.startswith("/"):
        return None
    return bucket, prefix.removesuffix("/")


def build_record(config: Mapping[str, Any], exchange: Exchange) -> dict[str, Any]:
    """The record of one exchange, in the documented form."""
    modes = {option["CaptureMode"] for option in config.get("CaptureOptions") or ()}
    both = "InputAndOutput" in modes
    data: dict[str, Any] = {}
    if both or "Input" in modes:
        data["endpointInput"] = _build_side(config, exchange.request_type, "INPUT", exchange.request)
    if both or "Output" in modes:
        data["endpointOutput"] = _build_side(config, exchange.response_type, "OUTPUT", exchange.response)
    metadata: dict[str, Any] = {"eventId": str(uuid.uuid4())}
    if exchange.custom_attributes:
        metadata["customAttributes"] = [exchange.custom_attributes]
    if exchange.inference_id:
        metadata["inferenceId"] = exchange.inference_id
    metadata["inferenceTime"] = f"{exchange.moment:%Y-%m-%dT%H:%M:%SZ}"
    return {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}


def _build_side(config: Mapping[str, Any], content_type: str, mode: str, body: bytes) -> dict[str, str]:
    encoding = choose_encoding(config, content_type)
    try:
        text = base64.b64encode(body).decode() if encoding == "BASE64" else body.decode()
    except UnicodeDecodeError:
        encoding, text = "BASE64", base64.b64encode(body).decode()
    return {"observedContentType": content_type, "mode": mode, "data": text, "encoding": encoding}


def choose_encoding(config: Mapping[str, Any], content_type: str) -> str:
    """CSV or JSON for the listed content types, ignoring parameters such as charset; BASE64 for all others."""
    content_types = config.get("CaptureContentTypeHeader") or {}
    media_type = content_type.partition(";")[0].strip().lower()
    for encoding, member in (("CSV", "CsvContentTypes"), ("JSON", "JsonContentTypes")):
        if media_type in {kind.lower() for kind in content_types.get(member) or ()}:
            return encoding
    return "BASE64"
