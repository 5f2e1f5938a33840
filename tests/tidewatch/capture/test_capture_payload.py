from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.tidewatch.capture.captured_lines import as_base64, as_json, payload, side
from tidewatch.capture.payload import PayloadTable, read_input, read_output
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason


def _unpack(table: PayloadTable) -> tuple[tuple[str, ...] | None, list[list[object]]]:
    rows = table.rows.tolist() if isinstance(table.rows, np.ndarray) else [list(row) for row in table.rows]
    return table.names, rows


def _input(made: dict[str, Any]) -> tuple[tuple[str, ...] | None, list[list[object]]]:
    return _unpack(read_input(payload(made)))


def _output(made: dict[str, Any]) -> tuple[tuple[str, ...] | None, list[list[object]]]:
    return _unpack(read_output(payload(made)))


def _reason(made: dict[str, Any]) -> RejectReason:
    with pytest.raises(RecordRejected) as caught:
        read_input(payload(made))
    return caught.value.reason


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r"])
def test_csv_ends_with_or_without_a_newline(end: str) -> None:
    assert _input(side("1,2,AA" + end)) == (None, [["1", "2", "AA"]])


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_csv_holds_several_rows(newline: str) -> None:
    assert _input(side(f"1,2{newline}3,{newline}")) == (None, [["1", "2"], ["3", ""]])


def test_quoted_fields_hold_commas_newlines_and_quotes() -> None:
    assert _input(side('1,"a,b"\n2,"c\n\r""d"""\n')) == (None, [["1", "a,b"], ["2", 'c\n\r"d"']])


def test_a_blank_row_is_a_row_of_one_empty_field() -> None:
    assert _input(side("1\n\n2\n")) == (None, [["1"], [""], ["2"]])
    assert _input(side('"1"\n\n2\n')) == (None, [["1"], [""], ["2"]])


@pytest.mark.parametrize("data", ['1,"a', '"a"b,1', "1,2\r3,4", '"1"\r2'])
def test_csv_with_loose_quotes_or_carriage_returns_is_a_bad_payload(data: str) -> None:
    assert _reason(side(data)) is RejectReason.BAD_PAYLOAD


@pytest.mark.parametrize("blank", ["", " ", "\n", "\r\n \t"])
def test_a_blank_payload_is_empty(blank: str) -> None:
    assert _reason(side(blank)) is RejectReason.EMPTY_PAYLOAD
    assert _reason(side(blank, "JSON", "application/json")) is RejectReason.EMPTY_PAYLOAD
    assert _reason(side(blank, "JSON", "application/jsonlines")) is RejectReason.EMPTY_PAYLOAD
    assert _reason(as_base64(blank, "text/csv")) is RejectReason.EMPTY_PAYLOAD
    assert _reason(as_base64(blank, "image/png")) is RejectReason.EMPTY_PAYLOAD


NAMED = (("age", "carrier"), [[1, "AA"]])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"age": 1, "carrier": "AA"}, NAMED),
        ([{"age": 1, "carrier": "AA"}], NAMED),
        ({"instances": [{"age": 1, "carrier": "AA"}]}, NAMED),
        ({"signature_name": "x", "instances": [[1, "AA"], [2, None]]}, (None, [[1, "AA"], [2, None]])),
        ({"instances": [1, 2, 3]}, (None, [[1], [2], [3]])),
        ({"instances": [[1, 2], [3, 4.5]]}, (None, [[1, 2], [3, 4.5]])),
        ({"inputs": {"age": [1, 2], "carrier": ["AA", "UA"]}}, (("age", "carrier"), [[1, "AA"], [2, "UA"]])),
        ({"inputs": {"age": [[1], [2]], "x": [[3, 4], [5, 6]]}}, (("age", "x__0", "x__1"), [[1, 3, 4], [2, 5, 6]])),
        ({"inputs": {"age": 1, "carrier": "AA"}}, NAMED),
        ({"inputs": [[1, 2], [3, 4]]}, (None, [[1, 2], [3, 4]])),
        ({"instances": [{"features": [1, 2]}, {"features": [3, 4]}]}, (None, [[1, 2], [3, 4]])),
        ({"instances": [{"data": {"features": {"values": [1, 2]}}}]}, (None, [[1, 2]])),
        ([1, "AA", None, True], (None, [[1, "AA", None, True]])),
        ([[1, "AA"]], (None, [[1, "AA"]])),
        (7, (None, [[7]])),
        ([{"a": 1}, {"b": 2, "a": 3}], (("a", "b"), [[1, None], [3, 2]])),
        ([{"a": 1, "b": 2}, {"b": 4, "a": 3}], (("a", "b"), [[1, 2], [3, 4]])),
        ({"instances": "text", "age": 1}, (("instances", "age"), [["text", 1]])),
        ({"age": {"deep": [1]}, "carrier": [1]}, (("age", "carrier"), [[{"deep": [1]}, [1]]])),
    ],
)
def test_each_form_of_json_is_read(value: object, expected: object) -> None:
    assert _input(as_json(value)) == expected
    assert _input(as_json(value, "application/json; charset=utf-8")) == expected
    assert _input(as_base64(json.dumps(value), "Application/JSON ;charset=UTF-8")) == expected


@pytest.mark.parametrize(
    "value", [[], {}, None, {"instances": []}, {"inputs": {}}, {"inputs": []}, {"inputs": {"a": []}}]
)
def test_json_without_rows_is_empty(value: object) -> None:
    assert _reason(as_json(value)) is RejectReason.EMPTY_PAYLOAD


@pytest.mark.parametrize(
    "value",
    [
        [1, [2]], [{"a": 1}, [1]], {"instances": [1, {"a": 2}]}, {"inputs": {"a": [1, 2], "b": [1]}},
        {"inputs": {"a": [[1, 2], [3]]}}, {"inputs": {"a": [[], []]}},
    ],
)  # fmt: skip
def test_json_that_mixes_forms_is_a_bad_payload(value: object) -> None:
    assert _reason(as_json(value)) is RejectReason.BAD_PAYLOAD


@pytest.mark.parametrize("text", ["{", "[1,]", "nul", "[" * 99999, "[1] [2]", "1" * 5000])
def test_text_that_is_no_json_is_a_bad_payload(text: str) -> None:
    assert _reason(side(text, "JSON", "application/json")) is RejectReason.BAD_PAYLOAD


def test_rows_of_numbers_alone_are_a_matrix() -> None:
    matrix = read_input(payload(as_json([[1, 2.5], [3, 4]]))).matrix
    assert matrix is not None
    assert (matrix.shape, matrix.dtype) == ((2, 2), np.float64)


def test_whole_numbers_that_float64_would_round_stay_whole() -> None:
    assert _input(as_json([[2**53 + 1, 1]])) == (None, [[2**53 + 1, 1]])
    assert _input(as_json([[10**400, 1]])) == (None, [[10**400, 1]])


def test_python_writes_nan_and_infinity_in_json() -> None:
    matrix = read_input(payload(side("[NaN, Infinity, -Infinity]", "JSON", "application/json"))).matrix
    assert matrix is not None
    np.testing.assert_array_equal(matrix, [[np.nan, np.inf, -np.inf]])


@pytest.mark.parametrize("kind", ["application/jsonlines", "application/x-jsonlines; charset=utf-8"])
def test_json_lines_are_rows(kind: str) -> None:
    assert _input(side('{"a":1}\n{"a":2}\n', "JSON", kind)) == (("a",), [[1], [2]])
    assert _input(as_base64("[1,2]\r\n\n[3,4]", kind)) == (None, [[1, 2], [3, 4]])
    assert _input(as_base64('{"instances": [[1, 2]]}', kind)) == (None, [[1, 2]])


def test_base64_of_csv_is_csv() -> None:
    assert _input(as_base64('1,"a,b"\n', "text/csv; header=absent")) == (None, [["1", "a,b"]])
    assert _input(as_base64("1,København", "text/csv")) == (None, [["1", "København"]])
    assert _input(as_base64("1,Köln".encode("latin-1"), "text/csv; charset=ISO-8859-1")) == (None, [["1", "Köln"]])


def test_base64_of_an_unknown_type_is_told_by_its_beginning() -> None:
    assert _input(as_base64('{"age": 1, "carrier": "AA"}', "")) == NAMED
    assert _input(as_base64("[[1,2]]", "application/octet-stream")) == (None, [[1, 2]])


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("image/png", RejectReason.IMAGE),
        ("multipart/form-data; boundary=x", RejectReason.IMAGE),
        ("text/libsvm", RejectReason.LIBSVM),
        ("text/x-libsvm", RejectReason.LIBSVM),
        ("application/x-npy", RejectReason.NUMPY),
        ("", RejectReason.UNKNOWN_FORMAT),
        ("application/x-recordio-protobuf", RejectReason.UNKNOWN_FORMAT),
        ("text/csv; charset=x", RejectReason.UNKNOWN_FORMAT),
    ],
)
def test_a_format_that_is_not_read_is_told(kind: str, reason: RejectReason) -> None:
    assert _reason(as_base64("1 2:3", kind)) is reason


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (as_base64(b"\x93NUMPY\x01\0v\0{}", ""), RejectReason.NUMPY),
        (as_base64(b"\x89PNG\r\n", ""), RejectReason.IMAGE),
    ],
)
def test_a_body_that_holds_no_rows_is_told_for_what_it_is(made: dict[str, Any], reason: RejectReason) -> None:
    assert _reason(made) is reason


@pytest.mark.parametrize("data", ["!!!!", "MSw", "MSwyé", "MSwy\n"])
def test_base64_that_is_none_is_a_bad_encoding(data: str) -> None:
    assert _reason(side(data, "BASE64", "text/csv")) is RejectReason.BAD_ENCODING


@pytest.mark.parametrize("kind", ["text/csv", "application/json"])
def test_a_body_that_is_not_utf8_is_a_bad_payload(kind: str) -> None:
    assert _reason(as_base64(b"\xff\xfe1", kind)) is RejectReason.BAD_PAYLOAD


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (side("0.5"), (None, [["0.5"]])),
        (side("0.1,0.9\n0.2,0.8\n"), (None, [["0.1", "0.9"], ["0.2", "0.8"]])),
        (as_json(0.5), (None, [[0.5]])),
        (as_json([0.1, 0.2]), (None, [[0.1, 0.2]])),
        (as_json([[0.1], [0.2]]), (None, [[0.1], [0.2]])),
        (as_json({"predictions": [0.1, 0.2]}), (None, [[0.1], [0.2]])),
        (as_json({"predictions": [[0.1, 0.9]]}), (None, [[0.1, 0.9]])),
        (as_json({"predictions": [{"label": 1, "score": 0.9}]}), (("label", "score"), [[1, 0.9]])),
        (as_json({"label": "late", "score": 0.9}), (("label", "score"), [["late", 0.9]])),
        (as_json({"outputs": [[0.1], [0.2]]}), (None, [[0.1], [0.2]])),
        (as_json({"outputs": {"score": [0.1, 0.2]}}), (("score",), [[0.1], [0.2]])),
        (as_json({"instances": 0.5}), (("instances",), [[0.5]])),
        (as_base64("0.5\n", "text/csv"), (None, [["0.5"]])),
    ],
)
def test_each_form_of_an_answer_is_read(made: dict[str, Any], expected: object) -> None:
    assert _output(made) == expected


def test_a_blank_csv_answer_is_one_missing_score() -> None:
    assert _output(side("")) == (None, [[""]])
    assert _output(side("\n")) == (None, [[""]])
