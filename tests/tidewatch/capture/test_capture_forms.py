"""Requests in the forms that people send, whose own words about their rows are used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.tidewatch.capture.captured_lines import LAYOUT, account, as_base64, as_json, find_rejection, line, read, side
from tidewatch.capture.reject_reasons import RejectReason
from tidewatch.capture.rows import ColumnSpec, RecordSchema
from tidewatch.capture.unsupported_formats import explain_unsupported_file

COLUMNS = ["age", "fare", "carrier"]
ROWS = [[30, 7.5, "AA"], [40, None, "UA"]]
BY_COLUMN = {"age": [30, 40], "fare": [7.5, None], "carrier": ["AA", "UA"]}
INDEXED = {name: {"0": column[0], "1": column[1]} for name, column in BY_COLUMN.items()}
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
TURNED = {"columns": ["carrier", "age", "fare"], "index": [7, 9], "data": [["AA", 30, 7.5], ["UA", 40, None]]}


@pytest.mark.parametrize(
    "value",
    [
        BY_COLUMN, INDEXED, RECORDS, {"dataframe_split": TURNED}, TURNED, {"columns": COLUMNS, "data": ROWS},
        {"dataframe_records": RECORDS}, {"inputs": BY_COLUMN}, {"dataframe_split": TURNED, "params": {"k": 1}},
        {"instances": [{"data": {"features": {"keys": [2, 0, 1], "values": ["AA", 30, 7.5], "shape": [3]}}},
                       {"data": {"features": {"keys": [0, 2], "values": [40, "UA"], "shape": [3]}}}]},
        {"instances": [{"features": {"keys": [1, 2, 0], "values": [7.5, "AA", 30]}},
                       {"features": {"values": [40, None, "UA"]}}]},
    ],
)  # fmt: skip
def test_rows_stand_where_their_form_says(value: Any) -> None:
    rows = read(line(as_json(value), "0.5\n0.5"))
    assert np.array_equal(rows.numbers, [[30, 7.5], [40, np.nan]], equal_nan=True)
    assert rows.categories == (["AA", "UA"],)


@pytest.mark.parametrize(
    "features",
    [
        {"keys": [0, 0, 1], "values": [1, 2, "AA"], "shape": [3]},
        {"keys": [0, 1, 3], "values": [1, 2, "AA"], "shape": [3]},
        {"keys": [0, 1], "values": [1, 2, "AA"], "shape": [3]},
        {"keys": [-1, 0, 1], "values": [1, 2, "AA"], "shape": [3]},
        {"keys": ["a", "b", "c"], "values": [1, 2, "AA"], "shape": [3]},
        {"keys": [0], "values": [1], "shape": [-3]},
    ],
)
def test_keys_that_do_not_place_their_values_are_a_bad_payload(features: Any) -> None:
    assert find_rejection(line(as_json({"instances": [{"features": features}]}))) == (RejectReason.BAD_PAYLOAD, None)


def test_keys_cannot_ask_for_more_places_than_are_read() -> None:
    huge = {"keys": [2**62], "values": [1]}
    for features in (huge, {**huge, "shape": [2**62]}):
        assert find_rejection(line(as_json({"instances": [{"features": features}]}))) == (RejectReason.TOO_LARGE, None)


@pytest.mark.parametrize(
    "value",
    [
        {"dataframe_split": {"columns": COLUMNS, "data": [[1, 2]]}}, {"dataframe_split": {"columns": COLUMNS}},
        {"columns": ["age", "age", "carrier"], "data": [[1, 2, "AA"]]}, {"columns": [1, 2, 3], "data": [[1, 2, "AA"]]},
    ],
)  # fmt: skip
def test_a_split_table_that_does_not_fit_its_columns_is_a_bad_payload(value: Any) -> None:
    assert find_rejection(line(as_json(value))) == (RejectReason.BAD_PAYLOAD, None)


CATEGORIES = RecordSchema((ColumnSpec("colour", False), ColumnSpec("size", False)), ("id", "colour", "size"))


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n\n"])
@pytest.mark.parametrize(
    "rows", ["colour,size\nred,S\nblue,M", "id,colour,size\n1,red,S\n2,blue,M", '"colour","size"\nred,S\nblue,M']
)
def test_a_row_of_the_columns_names_is_a_header(rows: str, end: str) -> None:
    found = read(line(rows.replace("\n", end if end == "\r\n" else "\n") + end), CATEGORIES)
    assert (found.headers, found.categories) == (1, (["red", "blue"], ["S", "M"]))


def test_a_row_of_other_columns_names_is_data() -> None:
    found = read(line("size,colour\nred,S"), CATEGORIES)
    assert (found.headers, found.categories) == (0, (["size", "red"], ["colour", "S"]))


def test_a_header_without_rows_is_an_empty_payload() -> None:
    assert find_rejection(line("colour,size\n"), CATEGORIES) == (RejectReason.EMPTY_PAYLOAD, None)


def test_a_header_over_numbers_is_one_and_its_answer_has_a_row_less() -> None:
    found = read(line("age,fare,carrier\n30,7.5,AA", "0.5"))
    assert (found.headers, found.numbers.tolist()) == (1, [[30, 7.5]])


@pytest.mark.parametrize("end", ["\n", "\n\n", "\r\n\r\n", "\n\r\n\n"])
def test_blank_lines_behind_the_rows_are_none(end: str) -> None:
    assert len(read(line("1,2,AA\n3,4,UA" + end, "0.5\n0.5" + end[:1]))) == 2
    assert len(read(line("1" + end), RecordSchema((ColumnSpec("x", True),), ("x",)))) == 1


@pytest.mark.parametrize("kind", ["", "text/plain", "text/html; charset=utf-8", "application/octet-stream"])
def test_an_answer_that_is_a_bare_number_is_the_score(kind: str) -> None:
    for body, request in (("0.25", "1,2,AA"), ("0.25\n", "1,2,AA"), ("0.25\n0.25\n", "1,2,AA\n3,4,UA")):
        scores = read(line(request, as_base64(body, kind))).scores
        assert scores is not None
        assert set(scores.tolist()) == {0.25}


@pytest.mark.parametrize(
    ("name", "head", "told"),
    [
        ("m.jsonl", '[{"prefix": "s3://b/in/"}, "a.csv"]', "a batch transform's manifest"),
        ("m.jsonl", '[\n  {"prefix":"s3://b/in/"},\n  "a.csv"\n]', "a batch transform's manifest"),
        ("part.csv.out", "0.1\n0.2\n", "the output of a batch transform"),
        ("p.jsonl", '{\n  "captureData": {}\n}\n', "JSON over several lines"),
        ("p.jsonl", '[{"captureData": {}}]', "JSON over several lines"),
        ("c.jsonl", '{"captureData": {}}{"captureData": {}}\n', "several records in one line"),
    ],
)
def test_a_file_of_another_kind_is_told_for_what_it_is(name: str, head: str, told: str) -> None:
    said = explain_unsupported_file(name, head.encode())
    assert said is not None
    assert said.startswith(name)
    assert told in said


@pytest.mark.parametrize("head", [b"", line("1,2,AA"), line("1,2,AA") + b"\n" + line("1,2,AA"), b"\xff\xfe", b"x"])
def test_captured_records_and_rubbish_are_no_other_kind(head: bytes) -> None:
    assert explain_unsupported_file("a.jsonl", head) is None


def test_headers_are_counted_apart() -> None:
    captured = [line("age,fare,carrier\n1,2,AA"), line("1,2,AA"), line(side("age,fare,carrier"))]
    total = account(b"\n".join(captured), LAYOUT)
    assert (total.read, total.parsed, dict(total.rejected)) == (3, 2, {RejectReason.EMPTY_PAYLOAD: 1})


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (side("0 1:0.5 7:2\n1 2:1\n"), RejectReason.LIBSVM), (as_base64("1 2:3", "text/csv"), RejectReason.LIBSVM),
        (as_json({"prompt": "a poem"}), RejectReason.CHAT),
        (as_json({"messages": [{"role": "user", "content": "hi"}]}), RejectReason.CHAT),
        (as_json({"inputs": "a poem", "parameters": {"temperature": 1}}), RejectReason.CHAT),
    ],
)  # fmt: skip
def test_rows_of_another_kind_of_model_are_told_for_what_they_are(made: dict[str, Any], reason: RejectReason) -> None:
    assert find_rejection(line(made)) == (reason, None)


def test_a_feature_may_be_called_prompt_and_a_category_may_look_like_libsvm() -> None:
    prompt = RecordSchema((ColumnSpec("prompt", False),), ("prompt",))
    for made in (as_json({"prompt": "room 2:30"}), side("room 2:30")):
        assert read(line(made), prompt).categories == (["room 2:30"],)


def test_a_header_hides_no_values_beside_the_rows() -> None:
    body = {"age": 30, "instances": [["age", "fare", "carrier"], [90, 1, "UA"]]}
    assert find_rejection(line(as_json(body))) == (RejectReason.AMBIGUOUS_PAYLOAD, None)


@pytest.mark.parametrize(("head", "each"), [("[\n  {", "'.[]'"), ("{\n", "'.'")])
def test_what_is_advised_for_json_over_several_lines_writes_its_records(head: str, each: str) -> None:
    assert f"`jq -c {each} p.jsonl`" in str(explain_unsupported_file("p.jsonl", head.encode()))
