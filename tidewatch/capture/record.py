"""Decodes one line of a capture file into a record: the two bodies and the identity of the inference.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from tidewatch.capture.limits import BYTE_ORDER_MARK, is_text, require_readable_json
from tidewatch.capture.payload import Payload
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason
from tidewatch.capture.status import is_failure

MIN_RECORD_BYTES = len('{"captureData":{"endpointInput":{"data":""}}}')
"""The least number of bytes in a record."""


# Created for each line: a struct costs a seventh of a frozen dataclass.
class Record(msgspec.Struct, frozen=True, gc=False):
    """A captured inference."""

    input: Payload
    output: Payload | None
    """None if none was captured."""
    event_id: str
    """"" if there is none."""
    inference_id: str | None
    time: datetime | None
    """The time of the inference in UTC. None if it is absent or unreadable, which does not reject the record."""
    failed: bool = False
    """Whether the record itself reports a failure."""
    answered: bool = True
    """Whether an answer was captured, even an unreadable one."""


# Only required fields have types here. The others are checked later and may be invalid.
class _CapturedPayload(msgspec.Struct, rename="camel", gc=False):
    data: str
    encoding: Any = None
    observed_content_type: Any = None


class _CaptureData(msgspec.Struct, rename="camel", gc=False):
    endpoint_input: _CapturedPayload
    endpoint_output: Any = None


class _CaptureLine(msgspec.Struct, rename="camel", gc=False):
    capture_data: _CaptureData
    event_metadata: Any = None


_DECODER = msgspec.json.Decoder(_CaptureLine)


def decode_record(line: bytes, *, is_open: bool = False) -> Record:
    """Decodes a line without its newline. Unknown keys are ignored.

    `is_open` is whether the file ends within the line; invalid JSON was then cut off. Raises RecordRejected: not_utf8,
    not_json, truncated, not_a_record, too_large.
    """
    capture_line = _decode_line(line, is_open)
    request, answer = capture_line.capture_data.endpoint_input, _to_mapping(capture_line.capture_data.endpoint_output)
    metadata = _to_mapping(capture_line.event_metadata)
    event_id, inference_id, time = metadata.get("eventId"), metadata.get("inferenceId"), metadata.get("inferenceTime")
    answer_data = answer.get("data")
    return Record(
        _build_payload(request.data, request.encoding, request.observed_content_type),
        _build_payload(answer_data, answer.get("encoding"), answer.get("observedContentType"))
        if isinstance(answer_data, str)
        else None,
        event_id if isinstance(event_id, str) and is_text(event_id) else "",
        inference_id if isinstance(inference_id, str) and is_text(inference_id) else None,
        _parse_time(time) if isinstance(time, str) else None,
        is_failure(metadata) or is_failure(answer),
        capture_line.capture_data.endpoint_output is not None,
    )


def _decode_line(line: bytes, is_open: bool) -> _CaptureLine:
    require_readable_json(line, payloads=2)
    if not line.isascii():
        _require_utf8(line, is_open)
        line = line.removeprefix(BYTE_ORDER_MARK.encode())
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError):
        # json accepts some records that msgspec rejects: NaN, lone surrogates, numbers out of range.
        pass
    try:
        return msgspec.convert(json.loads(line.decode()), _CaptureLine)
    except msgspec.ValidationError as error:
        raise RecordRejected(RejectReason.NOT_A_RECORD) from error
    except (ValueError, RecursionError) as error:
        raise RecordRejected(RejectReason.TRUNCATED if is_open else RejectReason.NOT_JSON) from error


def _require_utf8(line: bytes, is_open: bool) -> None:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        # The end of the file may cut a character in two.
        is_cut = is_open and error.reason == "unexpected end of data"
        raise RecordRejected(RejectReason.TRUNCATED if is_cut else RejectReason.NOT_UTF8) from error


def _to_mapping(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _build_payload(data: str, encoding: object, content_type: object) -> Payload:
    return Payload(
        data, encoding if isinstance(encoding, str) else "", content_type if isinstance(content_type, str) else ""
    )


def _parse_time(text: str) -> datetime | None:
    try:
        parsed_time = datetime.fromisoformat(text)
        return parsed_time.replace(tzinfo=UTC) if parsed_time.tzinfo is None else parsed_time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
