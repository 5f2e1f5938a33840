"""Decodes a JSON payload, and rejects a text that model servers read in different ways."""

from __future__ import annotations

import json
from typing import cast

import msgspec

from tidewatch.capture.csv_format import WHITESPACE
from tidewatch.capture.limits import is_text, require_readable_json
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason


def decode_json(text: str) -> object:
    """Decodes a JSON value, with NaN and Infinity as Python writes them.

    Half of a surrogate pair is no character and cannot be sent to a model server, so a text with one is rejected. So is
    an object with a repeated key, of which some servers read the first value and others the last. Raises
    RecordRejected: empty_payload, bad_payload, ambiguous_payload, too_large.
    """
    require_readable_json(text)
    try:
        value = msgspec.json.decode(text)
        return value if _has_unique_keys(text, value) else _DECODER.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    if not text.strip(WHITESPACE):
        raise RecordRejected(RejectReason.EMPTY_PAYLOAD)
    try:
        value = _DECODER.decode(text)
        if "\\u" not in text or is_text(_ENCODER.encode(value)):
            return value
    except (ValueError, RecursionError) as error:
        raise RecordRejected(RejectReason.BAD_PAYLOAD) from error
    raise RecordRejected(RejectReason.BAD_PAYLOAD)


def _has_unique_keys(text: str, value: object) -> bool:
    """Whether no object in a text has a key twice, without a slow parser.

    A dropped pair also drops its colon, unless a colon is escaped in a string.
    """
    if not isinstance(value, dict | list):
        return True
    colons = text.count(":")
    if colons == _count_keys(cast("dict[str, object] | list[object]", value)):
        return True
    return "\\u003" not in text and colons == msgspec.json.encode(value).count(b":")


def _count_keys(value: dict[str, object] | list[object]) -> int:
    """Counts the keys of an object or of a list's objects, with those of lists directly below.

    Most bodies have no others.
    """
    if isinstance(value, list):
        return sum(map(len, cast("list[dict[str, object]]", value))) if _is_object_list(value) else 0
    return len(value) + sum(
        _count_keys(cast("list[object]", element)) for element in value.values() if isinstance(element, list)
    )


def _is_object_list(values: list[object]) -> bool:
    return bool(values) and type(values[0]) is dict and set(map(type, values)) == {dict}


def _build_unique_dict(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RecordRejected(RejectReason.AMBIGUOUS_PAYLOAD)
    return found


_DECODER, _ENCODER = json.JSONDecoder(object_pairs_hook=_build_unique_dict), json.JSONEncoder(ensure_ascii=False)
"""Created once, because creating one takes longer than decoding a line."""
