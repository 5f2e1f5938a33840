"""Parses a captured payload into rows.

The content type determines the format, as it did for the server. Without a known one, the encoding does, and for BASE64
the first bytes. Source: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html:
bodies of the content types that the endpoint lists are captured as CSV or JSON, all others as BASE64.
"""

from __future__ import annotations

import base64
import json
import re
from enum import StrEnum

import msgspec

from tidewatch.capture import json_formats
from tidewatch.capture.csv_format import WHITESPACE, read_csv
from tidewatch.capture.limits import BYTE_ORDER_MARK, is_text, require_readable_json
from tidewatch.capture.parsing import Scalar
from tidewatch.capture.payload_table import Matrix, PayloadTable
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason
from tidewatch.capture.unsupported_formats import classify_unsupported_body

__all__ = ["Matrix", "Payload", "PayloadTable", "Scalar", "read_input", "read_output"]

_TRITON = "application/vnd.sagemaker-triton.binary+json"
_BINARY_TYPES = frozenset({"application/octet-stream", _TRITON})
_HEADER_SIZE_PARAMETERS = ("json-header-size", "inference-header-content-length")
_JSON_LINES_TYPES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl", "application/x-ndjson")
_NUMERIC_LINES = re.compile(rb"[0-9eE.+\-\r\n]+")
"""An answer of numbers only, one per line."""
_CHARSETS = {
    "utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "ascii", "ascii": "ascii", "iso-8859-1": "latin-1",
    "latin1": "latin-1", "windows-1252": "cp1252",
}  # fmt: skip


class _BodyFormat(StrEnum):
    """The format of a body. SageMaker also uses CSV and JSON as encodings of captured text."""

    CSV = "CSV"
    JSON = "JSON"
    LINES = "lines"
    V2 = "tensors"


_FORMAT_BY_TYPE = {
    "text/csv": _BodyFormat.CSV,
    "application/json": _BodyFormat.JSON,
    _TRITON: _BodyFormat.V2,
    **dict.fromkeys(_JSON_LINES_TYPES, _BodyFormat.LINES),
}
"""By content type."""


class Payload(msgspec.Struct, frozen=True, gc=False):
    """One side of a record as it was captured."""

    data: str
    encoding: str
    content_type: str
    """As observed, with parameters; "" if it was not observed."""


def read_input(payload: Payload) -> PayloadTable:
    """Returns the rows of a request. Raises RecordRejected."""
    return _read_payload(payload, json_formats.REQUEST_KEYS)


def read_output(payload: Payload) -> PayloadTable:
    """Returns the rows of an answer. Blank CSV is one row with one missing value. Raises RecordRejected.

    Scores in one line of CSV, in a flat array or in a tensor of shape (n,) are one row here: only the request shows
    whether they belong to several rows.
    """
    if payload.data.count("\n") < 2 and not payload.data.strip(WHITESPACE) and is_csv(payload):
        return PayloadTable(None, [[""]])
    return _read_payload(payload, json_formats.ANSWER_KEYS)


def is_csv(payload: Payload) -> bool:
    """Whether it is parsed as CSV."""
    return payload.encoding == "CSV" and _detect_format(_parse_content_type(payload.content_type)[0]) in (
        None,
        _BodyFormat.CSV,
    )


def _read_payload(payload: Payload, keys: tuple[str, str]) -> PayloadTable:
    text = payload.data
    if not text.isascii():
        if not is_text(text):
            raise RecordRejected(RejectReason.BAD_PAYLOAD)
        text = text.removeprefix(BYTE_ORDER_MARK)
    kind, parameters = _parse_content_type(payload.content_type)
    if payload.encoding in ("CSV", "JSON"):
        return _read_text(text, _detect_format(kind) or _BodyFormat(payload.encoding), keys)
    if payload.encoding != "BASE64":
        raise RecordRejected(RejectReason.BAD_ENCODING)
    try:
        body = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise RecordRejected(RejectReason.BAD_ENCODING) from error
    return _read_body(body.removeprefix(BYTE_ORDER_MARK.encode()), kind, parameters, keys)


def _read_body(body: bytes, kind: str, parameters: dict[str, str], keys: tuple[str, str]) -> PayloadTable:
    size = next((parameters[name] for name in _HEADER_SIZE_PARAMETERS if name in parameters), None)
    if size is not None:
        return _read_binary(body, size, keys)
    if not body.strip(WHITESPACE.encode()):
        raise RecordRejected(RejectReason.EMPTY_PAYLOAD)
    body_format = _detect_format(kind)
    if body_format is None or body_format is _BodyFormat.V2:
        return _sniff(body, kind, keys)
    return _read_text(_decode_text(body, parameters), body_format, keys)


def _read_text(text: str, body_format: _BodyFormat, keys: tuple[str, str]) -> PayloadTable:
    if body_format is _BodyFormat.JSON:
        return json_formats.read_json(text, keys)
    if body_format is _BodyFormat.CSV:
        return read_csv(text, answer=keys == json_formats.ANSWER_KEYS)
    return (
        json_formats.read_json_lines(text, keys)
        if body_format is _BodyFormat.LINES
        else json_formats.read_v2(text, keys[1])
    )


def _detect_format(kind: str) -> _BodyFormat | None:
    """Returns the format of a content type, or None if it has none."""
    return _FORMAT_BY_TYPE.get(kind) or (_BodyFormat.JSON if kind.startswith("application/x-json") else None)


def _parse_content_type(text: str) -> tuple[str, dict[str, str]]:
    """Returns the type without parameters, and the parameters by name, both in lower case (RFC 9110, 8.3.1)."""
    if text in _FORMAT_BY_TYPE:
        return text, {}
    if ";" not in text:
        return text.strip().lower(), {}
    kind, *rest = text.split(";")
    pairs = (part.partition("=") for part in rest)
    return kind.strip().lower(), {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _decode_text(body: bytes, parameters: dict[str, str]) -> str:
    charset = _CHARSETS.get(parameters.get("charset", "utf-8").lower())
    if charset is None:
        raise RecordRejected(RejectReason.UNKNOWN_FORMAT)
    try:
        return body.decode(charset)
    except UnicodeDecodeError as error:
        raise RecordRejected(RejectReason.BAD_PAYLOAD) from error


def _sniff(body: bytes, kind: str, keys: tuple[str, str]) -> PayloadTable:
    """Parses a body by its beginning: JSON, or the JSON object before binary tensors, whose length is unknown."""
    if body[:1] == b"{":
        try:
            # latin-1 has one character per byte, so the object's end is a position in the body. Its text is decoded
            # properly below.
            text = body.decode("latin-1")
            require_readable_json(text)
            _, end = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError) as error:
            raise RecordRejected(
                RejectReason.BAD_PAYLOAD if kind in _BINARY_TYPES else RejectReason.UNKNOWN_FORMAT
            ) from error
        if body[end:].strip(WHITESPACE.encode()):
            return _read_binary(body, str(end), keys)
    if body[:1] in (b"{", b"["):
        return _read_text(_decode_text(body, {}), _detect_format(kind) or _BodyFormat.JSON, keys)
    if keys == json_formats.ANSWER_KEYS and _is_default_type(kind) and _NUMERIC_LINES.fullmatch(body):
        return read_csv(body.decode(), answer=True)
    raise RecordRejected(classify_unsupported_body(body, kind) or RejectReason.UNKNOWN_FORMAT)


def _is_default_type(kind: str) -> bool:
    """Whether servers use this content type for text by default."""
    return kind in ("", "application/octet-stream") or kind.startswith("text/")


def _read_binary(body: bytes, size: str, keys: tuple[str, str]) -> PayloadTable:
    """Returns the rows of V2 tensors whose JSON part is the body's first `size` bytes."""
    if not (size.isascii() and size.isdigit()) or len(size) > 9 or int(size) > len(body):
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    return json_formats.read_v2(_decode_text(body[: int(size)], {}), keys[1], body[int(size) :])
