"""One line of a capture file to a record: the two bodies, and what identifies the inference.

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
"""Bytes that a record has at least."""


# One is made for each line: a struct costs a seventh of what a frozen dataclass does.
class Record(msgspec.Struct, frozen=True, gc=False):
    """A captured inference.

    output: None where none was captured. event_id: "" where there is none. time: of the inference, in UTC; None where
    it is absent or unreadable, which costs no record. failed: whether the record itself tells of a failure. answered:
    whether an answer was captured, be it one that cannot be read.
    """

    input: Payload
    output: Payload | None
    event_id: str
    inference_id: str | None
    time: datetime | None
    failed: bool = False
    answered: bool = True


# Only what a record cannot do without has a type here: the rest is looked at afterwards, and forgiven.
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
    """The record in a line without its newline; keys that are not known are ignored.

    is_open: the file ends within the line, so that what is no JSON was cut off. Raises Unreadable: not_utf8, not_json,
    truncated, not_a_record, too_large.
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
        # What json reads and msgspec refuses is a record all the same: NaN, lone surrogates, numbers out of range.
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
        # A character that the end of the file cuts in two is part of the cut.
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
