"""One line of a capture file to a record: the two bodies, and what identifies the inference.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from tidewatch.capture.limits import MARK, check_json, is_text
from tidewatch.capture.payload import Payload
from tidewatch.capture.reasons import Reason, Unreadable

STATUS = frozenset({"status", "statusCode", "status_code", "code"})
"""Keys that the status of an answer stands under."""
SHORTEST = len('{"captureData":{"endpointInput":{"data":""}}}')
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
class _Side(msgspec.Struct, rename="camel", gc=False):
    data: str
    encoding: Any = None
    observed_content_type: Any = None


class _Data(msgspec.Struct, rename="camel", gc=False):
    endpoint_input: _Side
    endpoint_output: Any = None


class _Line(msgspec.Struct, rename="camel", gc=False):
    capture_data: _Data
    event_metadata: Any = None


_DECODER = msgspec.json.Decoder(_Line)


def decode(line: bytes, *, is_open: bool = False) -> Record:
    """The record in a line without its newline; keys that are not known are ignored.

    is_open: the file ends within the line, so that what is no JSON was cut off. Raises Unreadable: not_utf8, not_json,
    truncated, not_a_record, too_large.
    """
    found = _line(line, is_open)
    asked, answer = found.capture_data.endpoint_input, _mapping(found.capture_data.endpoint_output)
    metadata = _mapping(found.event_metadata)
    event_id, inference_id, time = metadata.get("eventId"), metadata.get("inferenceId"), metadata.get("inferenceTime")
    answered = answer.get("data")
    return Record(
        _payload(asked.data, asked.encoding, asked.observed_content_type),
        _payload(answered, answer.get("encoding"), answer.get("observedContentType"))
        if isinstance(answered, str)
        else None,
        event_id if isinstance(event_id, str) and is_text(event_id) else "",
        inference_id if isinstance(inference_id, str) and is_text(inference_id) else None,
        _moment(time) if isinstance(time, str) else None,
        is_failure(metadata) or is_failure(answer),
        found.capture_data.endpoint_output is not None,
    )


def is_failure(told: Mapping[str, object]) -> bool:
    """Whether a status among what is told is that of an error: 4xx and 5xx. Source: RFC 9110, 15.5 and 15.6."""
    if STATUS.isdisjoint(told):
        return False
    statuses = (told.get(name) for name in STATUS)
    return any(isinstance(status, int | float) and 400 <= status < 600 for status in statuses)


def _line(line: bytes, is_open: bool) -> _Line:
    check_json(line, payloads=2)
    if not line.isascii():
        _check_utf8(line, is_open)
        line = line.removeprefix(MARK.encode())
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError):
        # What json reads and msgspec refuses is a record all the same: NaN, lone surrogates, numbers out of range.
        pass
    try:
        return msgspec.convert(json.loads(line.decode()), _Line)
    except msgspec.ValidationError as error:
        raise Unreadable(Reason.NOT_A_RECORD) from error
    except (ValueError, RecursionError) as error:
        raise Unreadable(Reason.TRUNCATED if is_open else Reason.NOT_JSON) from error


def _check_utf8(line: bytes, is_open: bool) -> None:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        # A character that the end of the file cuts in two is part of the cut.
        cut = is_open and error.reason == "unexpected end of data"
        raise Unreadable(Reason.TRUNCATED if cut else Reason.NOT_UTF8) from error


def _mapping(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _payload(data: str, encoding: object, content_type: object) -> Payload:
    return Payload(
        data, encoding if isinstance(encoding, str) else "", content_type if isinstance(content_type, str) else ""
    )


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
