"""Whatever a capture file holds, a record is parsed or rejected for a reason, and every one is accounted for.

TIDEWATCH_FUZZ_EXAMPLES sets how many examples are tried; the suite's default keeps it short.
"""

from __future__ import annotations

import gzip
import json
import os
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tidewatch.capture.captured_lines import (
    LAYOUT,
    TRITON,
    account,
    as_base64,
    as_json,
    float32_tensor,
    line,
    side,
    v2_body,
)
from tidewatch.capture.record import decode_record
from tidewatch.capture.reject_reasons import RecordRejected
from tidewatch.capture.rows import extract_rows

FUZZ = settings(
    max_examples=int(os.environ.get("TIDEWATCH_FUZZ_EXAMPLES", "300")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_TENSOR, _RAW = float32_tensor([[1, 2, 3], [4, 5, 6]])
_SIZE, _BODY = v2_body([_TENSOR], [_RAW])
_NAMED = {"age": 30, "fare": "1.5", "carrier": "AA"}
_V2 = {"inputs": [{"name": "a", "shape": [2, 3], "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6]}]}

REQUESTS = [
    side("30,1.5,AA\n"), side('1,2,"A,A"\n3,,"B\n"'), as_json(_NAMED), as_json([_NAMED, {"age": None}]),
    as_json([[1, 2, "AA"], [3, 4, 5]]), as_json({"instances": [_NAMED]}),
    as_json({"inputs": {"age": [1, 2], "fare": [3, 4]}}), as_json(_V2), as_base64("1,2,AA\n", "text/csv"),
    as_base64(json.dumps([_NAMED]), "application/json"),
    as_base64(_BODY, f"{TRITON};json-header-size={_SIZE}"), as_base64(_BODY, "application/octet-stream"),
    side('{"age": 1}\n{"age": 2}', "JSON", "application/jsonlines"),
]  # fmt: skip
ANSWERS = [
    side("0.5"), side("0.1,0.9\n0.2,0.8"), as_json([0.1, 0.2]), as_json({"predictions": [[0.1], [0.2]]}),
    as_json({"outputs": [{"name": "o", "shape": [2, 1], "datatype": "FP32", "data": [0.1, 0.2]}]}), None,
]  # fmt: skip

_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["", "NaN", "inf", "1e999", "-1", "AA", "3.0", 10**400, 2**63, -0.0, "\ud800", "1\r2", '"'])
)  # fmt: skip
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["age", "fare", "carrier", "instances", "inputs", "outputs", "predictions", "features", "data", "values",
             "name", "shape", "datatype", "parameters", "binary_data_size"]
        ) | st.text(max_size=3),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
_TYPES = st.sampled_from(
    ["text/csv", "application/json", "application/jsonlines", "application/octet-stream", TRITON, "", "image/png",
     f"{TRITON};json-header-size={_SIZE}", f"{TRITON};json-header-size=2", "text/csv; charset=latin1", ";;=;"]
)  # fmt: skip


def _paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(each for key, inner in pairs for each in _paths(inner, (*path, key)))]


def _replace_at(value: Any, path: tuple[Any, ...], new: object) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _replace_at(copy[path[0]], path[1:], new)
    return copy


@st.composite
def _swap_value(draw: st.DrawFn) -> bytes:
    """A record with one of its values, or one in a JSON body, replaced by another of any type."""
    made: Any = json.loads(line(draw(st.sampled_from(REQUESTS)), draw(st.sampled_from(ANSWERS))))
    request = made["captureData"]["endpointInput"]
    if request["encoding"] == "JSON" and "\n" not in request["data"] and draw(st.booleans()):
        body = json.loads(request["data"])
        request["data"] = json.dumps(_replace_at(body, draw(st.sampled_from(_paths(body))), draw(_JSON)))
        return json.dumps(made).encode()
    return json.dumps(_replace_at(made, draw(st.sampled_from(_paths(made))), draw(_JSON))).encode()


@st.composite
def _bodies(draw: st.DrawFn) -> bytes:
    """A record whose request is any body under any content type."""
    body = draw(
        st.binary(max_size=80)
        | _JSON.map(lambda value: json.dumps(value).encode())
        | st.tuples(st.integers(0, len(_BODY)), st.binary(max_size=4)).map(
            lambda cut: _BODY[: cut[0]] + cut[1] + _BODY[cut[0] :]
        )
    )  # fmt: skip
    return line(as_base64(body, draw(_TYPES)), draw(st.sampled_from(ANSWERS)))


@st.composite
def _damage_bytes(draw: st.DrawFn) -> bytes:
    """A record with bytes cut off, flipped, or put in."""
    raw = bytearray(line(draw(st.sampled_from(REQUESTS)), draw(st.sampled_from(ANSWERS))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(raw) - 1))
        raw[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(raw[: draw(st.integers(0, len(raw)))] if draw(st.booleans()) else raw)


MUTATED = _swap_value() | _bodies() | _damage_bytes() | st.binary(max_size=60)


@FUZZ
@given(MUTATED, st.booleans())
def test_a_mutated_record_is_read_or_rejected_for_a_reason(captured: bytes, is_open: bool) -> None:
    try:
        record = decode_record(captured, is_open=is_open)
        rows = extract_rows(record, LAYOUT)
    except RecordRejected:
        return
    assert rows.numbers.shape == (len(rows), 2)
    assert len(rows) > 0
    assert not np.isinf(rows.numbers).any()
    assert [len(column) for column in rows.categories] == [len(rows)]
    assert {type(value) for column in rows.categories for value in column} <= {str, type(None)}
    assert (rows.scores is not None) == record.answered
    assert rows.scores is None or rows.scores.shape == (len(rows),)
    assert rows.scores is None or not np.isinf(rows.scores).any()


@FUZZ
@given(st.lists(MUTATED, max_size=5), st.sampled_from(["plain", "gzip", "broken gzip"]), st.booleans())
def test_a_file_of_mutated_records_is_accounted_for(records: list[bytes], form: str, ended: bool) -> None:
    data = b"\n".join(records) + (b"\n" if ended else b"")
    lines = [each for each in data.split(b"\n") if each.strip(b" \t\r")]
    plain = account(data) if not data.startswith(b"\x1f\x8b") else None
    if form == "plain":
        assert plain is None or plain.read == len(lines)
        return
    packed = gzip.compress(data, mtime=0)
    if form == "gzip":
        assert account(packed).read == len(lines)
        assert plain is None or account(packed) == plain
        return
    total = account(packed[: len(packed) - 9])
    assert total.read == total.parsed + total.rejected_total
    assert total.read <= len(lines) + 1
