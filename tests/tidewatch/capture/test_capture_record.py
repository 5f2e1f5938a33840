from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from rehearsal.aws.sagemaker.data_capture import Exchange
from rehearsal.aws.sagemaker.data_capture import build_record as captured_by_simulator
from tests.tidewatch.capture.captured_lines import find_rejection, line
from tidewatch.capture.payload import Payload
from tidewatch.capture.record import decode_record
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason


def _reason(raw: bytes, *, is_open: bool = False) -> RejectReason:
    with pytest.raises(RecordRejected) as caught:
        decode_record(raw, is_open=is_open)
    return caught.value.reason


def test_a_record_of_sagemaker_is_read() -> None:
    raw = line("1,2,AA\n", "0.5", inferenceId="flight-1")
    assert decode_record(raw).input == Payload("1,2,AA\n", "CSV", "text/csv")
    assert decode_record(raw).output == Payload("0.5", "CSV", "text/csv")
    assert (decode_record(raw).event_id, decode_record(raw).inference_id) == ("e-1", "flight-1")
    assert decode_record(raw).time == datetime(2013, 7, 1, 10, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize("request_type", ["text/csv", "application/json", "image/png"])
def test_what_the_simulator_captures_is_read(request_type: str) -> None:
    config = {
        "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
    }
    moment = datetime(2013, 1, 2, 3, 4, 5, tzinfo=UTC)
    exchange = Exchange("flights", "blue", moment, request_type, b"[1]", "text/csv", b"0.1", "id-1", None)
    found = decode_record(json.dumps(captured_by_simulator(config, exchange)).encode())
    assert found.output == Payload("0.1", "CSV", "text/csv")
    assert found.input.encoding == {"text/csv": "CSV", "application/json": "JSON"}.get(request_type, "BASE64")
    assert (found.inference_id, found.time) == ("id-1", moment)


@pytest.mark.parametrize(
    "raw",
    [
        b"[]", b"null", b"1", b'"captureData"', b"{}", b'{"captureData":null}', b'{"captureData":[]}',
        b'{"captureData":{}}', b'{"captureData":{"endpointInput":null}}', b'{"captureData":{"endpointInput":{}}}',
        b'{"captureData":{"endpointInput":{"data":5,"encoding":"CSV"}}}',
        b'{"captureData":{"endpointOutput":{"data":"5","encoding":"CSV"}}}',
    ],
)  # fmt: skip
def test_json_of_another_kind_is_not_a_record(raw: bytes) -> None:
    assert _reason(raw) is RejectReason.NOT_A_RECORD


@pytest.mark.parametrize("raw", [b"not json", b"{", b"\x00\x01", line("1") + b",", line("1") + line("2"), b"[" * 99999])
def test_text_that_is_no_json_is_told(raw: bytes) -> None:
    assert _reason(raw) is RejectReason.NOT_JSON


def test_a_line_that_is_not_utf8_is_told() -> None:
    assert _reason(line("1").replace(b"e-1", b"e-\xff")) is RejectReason.NOT_UTF8
    assert _reason(bytes(range(128, 256)), is_open=True) is RejectReason.NOT_UTF8


def test_a_last_line_that_was_cut_is_truncated_wherever_it_was_cut() -> None:
    raw = line("1,2,København")
    raw = json.dumps(json.loads(raw), ensure_ascii=False).encode()
    assert {_reason(raw[:at], is_open=True) for at in range(1, len(raw))} == {RejectReason.TRUNCATED}


def test_a_last_line_that_is_whole_needs_no_newline() -> None:
    assert decode_record(line("1"), is_open=True) == decode_record(line("1"))


def test_a_last_line_that_is_json_is_not_truncated() -> None:
    assert _reason(b"[]", is_open=True) is RejectReason.NOT_A_RECORD


def test_spaces_other_keys_and_carriage_returns_change_nothing() -> None:
    plain = json.loads(line("1"))
    wide = json.dumps({"note": [1, {"x": "y"}], **plain}, indent=1).replace("\n", " ").encode() + b"\r"
    assert decode_record(wide) == decode_record(line("1"))


def test_what_python_writes_as_json_is_a_record() -> None:
    odd = b'{"a":NaN,"b":"\\ud800","c":1e999,' + line("1")[1:]
    assert decode_record(odd) == decode_record(line("1"))


@pytest.mark.parametrize("time", ["yesterday", "", 5, None, "2013-13-01T00:00:00Z", "0001-01-01T00:00:00+23:00"])
def test_an_unreadable_time_costs_no_record(time: object) -> None:
    assert decode_record(line("1", inferenceTime=time)).time is None


def test_a_time_with_an_offset_is_told_in_utc() -> None:
    found = decode_record(line("1", inferenceTime="2013-07-01T10:00:00+02:00")).time
    assert found == datetime(2013, 7, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize("metadata", [None, [], "x", {"eventId": 7, "inferenceId": {}}])
def test_odd_metadata_costs_no_record(metadata: object) -> None:
    raw = json.loads(line("1"))
    raw["eventMetadata"] = metadata
    found = decode_record(json.dumps(raw).encode())
    assert (found.event_id, found.inference_id, found.time) == ("", None, None)


@pytest.mark.parametrize("output", [[], "x", {}, {"data": 5, "encoding": "CSV"}])
def test_an_odd_output_is_none(output: object) -> None:
    raw = json.loads(line("1,2,AA"))
    raw["captureData"]["endpointOutput"] = output
    assert decode_record(json.dumps(raw).encode()).output is None
    assert find_rejection(json.dumps(raw).encode()) == (RejectReason.NO_OUTPUT, None)


@pytest.mark.parametrize("encoding", [None, "", "csv", "XML", 5])
def test_an_encoding_that_is_none_is_told(encoding: object) -> None:
    raw = json.loads(line("1,2,AA"))
    raw["captureData"]["endpointInput"]["encoding"] = encoding
    assert find_rejection(json.dumps(raw).encode()) == (RejectReason.BAD_ENCODING, None)
