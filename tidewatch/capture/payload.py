"""A captured payload to rows: by its content type, where that tells a form, as its server went by it; else by its
encoding, and in BASE64 by its first bytes.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html: bodies of the content
types that the endpoint lists are captured as CSV or JSON, every other as BASE64.
"""

from __future__ import annotations

import base64
import json
import re
from enum import StrEnum

import msgspec

from tidewatch.capture import forms
from tidewatch.capture.delimited import BLANK, read_csv
from tidewatch.capture.foreign import foreign_body
from tidewatch.capture.limits import MARK, check_json, is_text
from tidewatch.capture.reasons import Reason, Unreadable
from tidewatch.capture.scalars import Scalar
from tidewatch.capture.table import Matrix, Table

__all__ = ["Matrix", "Payload", "Scalar", "Table", "read_input", "read_output"]

_TRITON = "application/vnd.sagemaker-triton.binary+json"
_BINARY = frozenset({"application/octet-stream", _TRITON})
_HEADER_SIZE = ("json-header-size", "inference-header-content-length")
_LINES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl", "application/x-ndjson")
_NUMBERS = re.compile(rb"[0-9eE.+\-\r\n]+")
"""An answer of numbers alone, one a line."""
_CHARSETS = {
    "utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "ascii", "ascii": "ascii", "iso-8859-1": "latin-1",
    "latin1": "latin-1", "windows-1252": "cp1252",
}  # fmt: skip


class _Form(StrEnum):
    """What a body is read as; CSV and JSON are also the encodings that SageMaker captures text in."""

    CSV = "CSV"
    JSON = "JSON"
    LINES = "lines"
    V2 = "tensors"


_FORMS = {
    "text/csv": _Form.CSV,
    "application/json": _Form.JSON,
    _TRITON: _Form.V2,
    **dict.fromkeys(_LINES, _Form.LINES),
}
"""By content type."""


class Payload(msgspec.Struct, frozen=True, gc=False):
    """One side of a record as it was captured. content_type: as observed, with parameters; "" where it was not."""

    data: str
    encoding: str
    content_type: str


def read_input(payload: Payload) -> Table:
    """The rows of a request. Raises Unreadable."""
    return _read(payload, forms.REQUEST)


def read_output(payload: Payload) -> Table:
    """The rows of an answer; blank CSV is one row of one missing value. Raises Unreadable.

    Scores in one line of CSV, in a flat array or in a tensor of shape (n,) are one row here: only the request tells
    whether they are several rows' scores.
    """
    if payload.data.count("\n") < 2 and not payload.data.strip(BLANK) and is_csv(payload):
        return Table(None, [[""]])
    return _read(payload, forms.ANSWER)


def is_csv(payload: Payload) -> bool:
    """Whether it is read as CSV."""
    return payload.encoding == "CSV" and _form(_content_type(payload.content_type)[0]) in (None, _Form.CSV)


def _read(payload: Payload, keys: tuple[str, str]) -> Table:
    text = payload.data
    if not text.isascii():
        if not is_text(text):
            raise Unreadable(Reason.BAD_PAYLOAD)
        text = text.removeprefix(MARK)
    kind, parameters = _content_type(payload.content_type)
    if payload.encoding in ("CSV", "JSON"):
        return _read_text(text, _form(kind) or _Form(payload.encoding), keys)
    if payload.encoding != "BASE64":
        raise Unreadable(Reason.BAD_ENCODING)
    try:
        body = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Unreadable(Reason.BAD_ENCODING) from error
    return _read_body(body.removeprefix(MARK.encode()), kind, parameters, keys)


def _read_body(body: bytes, kind: str, parameters: dict[str, str], keys: tuple[str, str]) -> Table:
    size = next((parameters[name] for name in _HEADER_SIZE if name in parameters), None)
    if size is not None:
        return _read_binary(body, size, keys)
    if not body.strip(BLANK.encode()):
        raise Unreadable(Reason.EMPTY_PAYLOAD)
    form = _form(kind)
    if form is None or form is _Form.V2:
        return _sniff(body, kind, keys)
    return _read_text(_text(body, parameters), form, keys)


def _read_text(text: str, form: _Form, keys: tuple[str, str]) -> Table:
    if form is _Form.JSON:
        return forms.read_json(text, keys)
    if form is _Form.CSV:
        return read_csv(text, answer=keys == forms.ANSWER)
    return forms.read_lines(text, keys) if form is _Form.LINES else forms.read_v2(text, keys[1])


def _form(kind: str) -> _Form | None:
    """The form that a content type tells; None where it tells none."""
    return _FORMS.get(kind) or (_Form.JSON if kind.startswith("application/x-json") else None)


def _content_type(text: str) -> tuple[str, dict[str, str]]:
    """The bare type in lower case, and its parameters by name in lower case (RFC 9110, 8.3.1)."""
    if text in _FORMS:
        return text, {}
    if ";" not in text:
        return text.strip().lower(), {}
    kind, *rest = text.split(";")
    pairs = (part.partition("=") for part in rest)
    return kind.strip().lower(), {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _text(body: bytes, parameters: dict[str, str]) -> str:
    charset = _CHARSETS.get(parameters.get("charset", "utf-8").lower())
    if charset is None:
        raise Unreadable(Reason.UNKNOWN_FORMAT)
    try:
        return body.decode(charset)
    except UnicodeDecodeError as error:
        raise Unreadable(Reason.BAD_PAYLOAD) from error


def _sniff(body: bytes, kind: str, keys: tuple[str, str]) -> Table:
    """Reads a body by its beginning: JSON, or the JSON object before binary tensors, whose length nobody told."""
    if body[:1] == b"{":
        try:
            # One character a byte, so that the object's end is a place in the body; its text is decoded properly below.
            text = body.decode("latin-1")
            check_json(text)
            _, end = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError) as error:
            raise Unreadable(Reason.BAD_PAYLOAD if kind in _BINARY else Reason.UNKNOWN_FORMAT) from error
        if body[end:].strip(BLANK.encode()):
            return _read_binary(body, str(end), keys)
    if body[:1] in (b"{", b"["):
        return _read_text(_text(body, {}), _form(kind) or _Form.JSON, keys)
    if keys == forms.ANSWER and _says_little(kind) and _NUMBERS.fullmatch(body):
        return read_csv(body.decode(), answer=True)
    raise Unreadable(foreign_body(body, kind) or Reason.UNKNOWN_FORMAT)


def _says_little(kind: str) -> bool:
    """Whether a content type is one that servers give to text when nobody chose one."""
    return kind in ("", "application/octet-stream") or kind.startswith("text/")


def _read_binary(body: bytes, size: str, keys: tuple[str, str]) -> Table:
    """V2 tensors whose JSON part is the body's first `size` bytes."""
    if not (size.isascii() and size.isdigit()) or len(size) > 9 or int(size) > len(body):
        raise Unreadable(Reason.BAD_PAYLOAD)
    return forms.read_v2(_text(body[: int(size)], {}), keys[1], body[int(size) :])
