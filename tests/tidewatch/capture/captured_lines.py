"""Capture lines as SageMaker writes them, and what the strict path makes of them."""

from __future__ import annotations

import base64
import io
import json
import struct
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tidewatch.capture.accounting import Accounting, AccountingBuilder
from tidewatch.capture.line_reader import read_blocks
from tidewatch.capture.payload import Payload
from tidewatch.capture.record import decode_record
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason
from tidewatch.capture.rows import ColumnSpec, RecordRows, RecordSchema, extract_rows
from tidewatch.capture.scores import ScoreSelector

FEATURES = (ColumnSpec("age", True), ColumnSpec("fare", True), ColumnSpec("carrier", False))
LAYOUT = RecordSchema(FEATURES, ("age", "fare", "carrier"), ScoreSelector("score", -1))
TRITON = "application/vnd.sagemaker-triton.binary+json"


def side(data: str, encoding: str = "CSV", content_type: str = "text/csv") -> dict[str, Any]:
    return {"observedContentType": content_type, "mode": "INPUT", "data": data, "encoding": encoding}


def as_json(value: object, content_type: str = "application/json") -> dict[str, Any]:
    return side(json.dumps(value), "JSON", content_type)


def as_base64(body: bytes | str, content_type: str) -> dict[str, Any]:
    raw = body.encode() if isinstance(body, str) else body
    return side(base64.b64encode(raw).decode(), "BASE64", content_type)


def line(request: dict[str, Any] | str, answer: dict[str, Any] | str | None = "0.25", **metadata: object) -> bytes:
    """A line of a capture file without its newline; text stands for a CSV body."""
    data = {"endpointInput": side(request) if isinstance(request, str) else request}
    if answer is not None:
        data["endpointOutput"] = side(answer) if isinstance(answer, str) else answer
    told = {"eventId": "e-1", "inferenceTime": "2013-07-01T10:20:30Z", **metadata}
    return json.dumps({"captureData": data, "eventMetadata": told, "eventVersion": "0"}).encode()


def payload(made: dict[str, Any]) -> Payload:
    return Payload(made["data"], made["encoding"], made["observedContentType"])


def read(captured: bytes, layout: RecordSchema = LAYOUT) -> RecordRows:
    return extract_rows(decode_record(captured), layout)


def find_rejection(
    captured: bytes, layout: RecordSchema = LAYOUT, *, is_open: bool = False
) -> tuple[RejectReason, str | None]:
    """Why the line is rejected, and by which column."""
    try:
        extract_rows(decode_record(captured, is_open=is_open), layout)
    except RecordRejected as unreadable:
        return unreadable.reason, unreadable.column
    raise AssertionError(f"{captured[:200]!r} was read")


def account(data: bytes, layout: RecordSchema = LAYOUT, source: str = "a.jsonl") -> Accounting:
    """Reads a whole file and counts what became of each record."""
    tally = AccountingBuilder()
    for block in read_blocks(io.BytesIO(data)):
        if block.reject_reason is not None:
            tally.reject(source, block.offset, block.reject_reason)
        for offset, raw, is_open in block.iter_lines():
            try:
                extract_rows(decode_record(raw, is_open=is_open), layout)
                tally.add_parsed()
            except RecordRejected as unreadable:
                tally.reject(source, offset, unreadable.reason, unreadable.column)
    return tally.build()


def v2_body(tensors: Sequence[dict[str, Any]], raw: Sequence[bytes], key: str = "inputs") -> tuple[int, bytes]:
    """The length of the JSON part, and a binary V2 body of tensors with these bytes."""
    described = [
        {**tensor, "parameters": {"binary_data_size": len(each)}} for tensor, each in zip(tensors, raw, strict=True)
    ]
    header = json.dumps({key: described}).encode()
    return len(header), header + b"".join(raw)


def float32_tensor(rows: Sequence[Sequence[float]], name: str = "input__0") -> tuple[dict[str, Any], bytes]:
    data = np.array(rows, "<f4")
    return {"name": name, "shape": list(data.shape), "datatype": "FP32"}, data.tobytes()


def bytes_elements(texts: Sequence[str]) -> bytes:
    return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)


def peak(work: Callable[[], object]) -> int:
    """Bytes that Python held at most while it did the work."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
