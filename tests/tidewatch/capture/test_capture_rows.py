from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tidewatch.capture.captured_lines import (
    LAYOUT,
    TRITON,
    account,
    as_base64,
    as_json,
    bytes_elements,
    find_rejection,
    float32_tensor,
    line,
    peak,
    read,
    side,
    v2_body,
)
from tidewatch.capture.parsing import MISSING_MARKERS, parse_categories, parse_category
from tidewatch.capture.reject_reasons import RejectReason
from tidewatch.capture.rows import ColumnSpec, RecordSchema
from tidewatch.capture.scores import ScoreSelector

NUMBERS = RecordSchema((ColumnSpec("x", True), ColumnSpec("y", True)), ("x", "y"), ScoreSelector("score"))
WIDER = RecordSchema(
    (ColumnSpec("age", True), ColumnSpec("carrier", False)), ("id", "age", "note", "carrier"), ScoreSelector("score")
)


def _tensors() -> dict[str, Any]:
    parts = [float32_tensor([[30], [40.5]], "age"), float32_tensor([[1.5], [2.5]], "fare")]
    texts = {"name": "carrier", "shape": [2], "datatype": "BYTES"}
    size, body = v2_body(
        [*(tensor for tensor, _ in parts), texts], [*(raw for _, raw in parts), bytes_elements(["AA", "UA"])]
    )  # fmt: skip
    return as_base64(body, f"{TRITON};json-header-size={size}")


def _v2_json() -> dict[str, Any]:
    return as_json({"inputs": [
        {"name": "age", "shape": [2, 1], "datatype": "FP32", "data": [30, 40.5]},
        {"name": "fare", "shape": [2], "datatype": "FP64", "data": [1.5, 2.5]},
        {"name": "carrier", "shape": [2], "datatype": "BYTES", "data": ["AA", "UA"]},
    ]})  # fmt: skip


OBJECTS = [{"age": 30, "fare": 1.5, "carrier": "AA"}, {"fare": "2.5", "carrier": "UA", "age": "40.5", "x": {}}]
REQUESTS: dict[str, dict[str, Any]] = {
    "csv": side("30,1.5,AA\n40.5,2.5,UA\n"),
    "csv quoted": side('30,1.5,"AA"\r\n"40.5",2.5,UA'),
    "csv base64": as_base64("30,1.5,AA\n40.5,2.5,UA", "text/csv; charset=utf-8"),
    "objects": as_json(OBJECTS),
    "arrays": as_json([[30, 1.5, "AA"], [40.5, "2.5", "UA"]]),
    "instances": as_json({"instances": OBJECTS}),
    "columns": as_json({"inputs": {"age": [30, 40.5], "fare": [1.5, 2.5], "carrier": ["AA", "UA"]}}),
    "lines": side("\n".join(map(json.dumps, OBJECTS)), "JSON", "application/jsonlines"),
    "json base64": as_base64(json.dumps(OBJECTS), "application/json"),
    "v2": _v2_json(),
    "v2 binary": _tensors(),
}
_SCORES, _SCORES_RAW = float32_tensor([[0.25], [0.75]], "output__0")
_SIZE, _BODY = v2_body([_SCORES], [_SCORES_RAW], "outputs")
ANSWERS: dict[str, dict[str, Any]] = {
    "csv": side("0.25\n0.75\n"),
    "csv with classes": side("0.75,0.25\n0.25,0.75"),
    "csv on one line": side("0.25,0.75"),
    "csv base64": as_base64("0.25\n0.75\n", "text/csv"),
    "flat": as_json([0.25, 0.75]),
    "flat texts": as_json(["0.25", "0.75"]),
    "arrays": as_json([[0.25], [0.75]]),
    "predictions": as_json({"predictions": [{"label": 0, "score": 0.25}, {"label": 1, "score": 0.75}]}),
    "v2": as_json({"outputs": [{"name": "o", "shape": [2, 1], "datatype": "FP32", "data": [0.25, 0.75]}]}),
    "v2 of one dimension": as_json(
        {"outputs": [{"name": "o", "shape": [2], "datatype": "FP32", "data": [0.25, 0.75]}]}
    ),
    "v2 binary": as_base64(_BODY, f"{TRITON};json-header-size={_SIZE}"),
}


@pytest.mark.parametrize("request_form", REQUESTS)
@pytest.mark.parametrize("answer_form", ANSWERS)
def test_every_form_of_request_and_answer_gives_the_same_rows(request_form: str, answer_form: str) -> None:
    rows = read(line(REQUESTS[request_form], ANSWERS[answer_form]))
    assert len(rows) == 2
    assert rows.numbers.tolist() == [[30, 1.5], [40.5, 2.5]]
    assert rows.numbers.dtype == np.float64
    assert rows.categories == (["AA", "UA"],)
    assert rows.scores is not None
    assert rows.scores.tolist() == [0.25, 0.75]
    assert rows.scores.dtype == np.float64


@pytest.mark.parametrize("text", ["", "nan", "NaN", "NA", "null", "None"])
def test_texts_for_missing_are_missing(text: str) -> None:
    for captured in (
        line(f"{text}, {text} ,{text}"),
        line(as_json({"age": text, "fare": f" {text}", "carrier": text})),
    ):
        rows = read(captured)
        assert np.isnan(rows.numbers).all()
        assert rows.categories == ([None],)


def test_null_nan_and_absent_keys_of_json_are_missing() -> None:
    rows = read(
        line(
            side('[{"age": null, "fare": NaN}, {"carrier": "AA"}, {"carrier": NaN}]', "JSON", "application/json"),
            "1\n2\n3",
        )
    )
    assert np.isnan(rows.numbers).all()
    assert rows.categories == ([None, "AA", None],)


def test_absent_keys_are_missing_also_where_the_rest_is_a_matrix() -> None:
    rows = read(line(as_json({"fare": 2, "carrier": 7})))
    assert np.isnan(rows.numbers[0, 0])
    assert (rows.numbers[0, 1], rows.categories) == (2, (["7"],))
    rows = read(line(as_json({"age": 2})))
    assert rows.categories == ([None],)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+1.5", 1.5),
        (".5", 0.5),
        ("5.", 5),
        ("1e-3", 0.001),
        ("007.25", 7.25),
        (" 2.5 ", 2.5),
        ("1E+2", 100),
        ("-0", 0),
    ],
)
def test_numbers_as_text_are_numbers(text: str, expected: float) -> None:
    assert read(line(f"{text},1,AA")).numbers[0, 0] == expected
    assert read(line(as_json({"age": text, "fare": 1}))).numbers[0, 0] == expected


@pytest.mark.parametrize(
    "text",
    ["abc", "1_000", "0x10", "1,5", "1 2", "\t1", "１", "-nan", "nAn", "1e", "e5", ".", "+", "--1", "1f", "True"],
)
def test_other_text_in_a_numeric_column_is_rejected_with_its_column(text: str) -> None:
    assert find_rejection(line(f'1,"{text}",AA')) == (RejectReason.NOT_A_NUMBER, "fare")
    assert find_rejection(line(as_json([[1, 2, "AA"], [1, text, "AA"]]), "1\n2")) == (RejectReason.NOT_A_NUMBER, "fare")


@pytest.mark.parametrize("value", [True, False, [], [1], {}, {"a": 1}])
def test_a_numeric_column_whose_type_changed_is_rejected_with_its_column(value: object) -> None:
    assert find_rejection(line(as_json({"age": value, "fare": 1, "carrier": "AA"}))) == (
        RejectReason.NOT_A_NUMBER,
        "age",
    )


def test_a_boolean_tensor_in_a_numeric_column_is_rejected_with_its_column() -> None:
    age, raw = float32_tensor([[1]], "age")
    size, body = v2_body([age, {"name": "fare", "shape": [1], "datatype": "BOOL"}], [raw, b"\x01"])
    made = as_base64(body, f"{TRITON};json-header-size={size}")
    assert find_rejection(line(made)) == (RejectReason.NOT_A_NUMBER, "fare")


@pytest.mark.parametrize("text", ["inf", "Infinity", "-Infinity", "+INF", " inf ", "1e999", "-1e400"])
def test_infinity_is_rejected_with_its_column(text: str) -> None:
    assert find_rejection(line(f"1,{text},AA")) == (RejectReason.NOT_FINITE, "fare")
    assert find_rejection(line(as_json({"fare": text}))) == (RejectReason.NOT_FINITE, "fare")


@pytest.mark.parametrize("text", ["Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_infinite_json_numbers_are_rejected_with_their_column(text: str) -> None:
    for body in (f'{{"age": 1, "fare": {text}}}', f'[1, {text}, "AA"]', f"[[1, {text}, 3]]"):
        assert find_rejection(line(side(body, "JSON", "application/json"))) == (RejectReason.NOT_FINITE, "fare")


def test_an_infinite_tensor_is_rejected_with_its_column() -> None:
    described, raw = float32_tensor([[1, 2], [1, math.inf]])
    size, body = v2_body([described], [raw])
    captured = line(as_base64(body, f"{TRITON};json-header-size={size}"), "1\n2")
    assert find_rejection(captured, NUMBERS) == (RejectReason.NOT_FINITE, "y")


def test_an_infinite_category_is_rejected_with_its_column() -> None:
    assert find_rejection(line(as_json([1, 2, math.inf]))) == (RejectReason.NOT_FINITE, "carrier")
    assert find_rejection(
        line(side('[1, 2, "a", 1e999]', "JSON", "application/json")),
        RecordSchema(
            (ColumnSpec("a", True), ColumnSpec("b", True), ColumnSpec("c", False), ColumnSpec("d", False)),
            ("a", "b", "c", "d"),
        ),
    ) == (RejectReason.NOT_FINITE, "d")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("AA", "AA"), (" AA", " AA"), ("true", "true"), ("True", "true"), ("False", "false"), (True, "true"),
        (3, "3"), (3.0, "3"), (-0.0, "0"), (2.5, "2.5"), ("3", "3"), ("3.0", "3"), ("-0.0", "0"), ("3.10", "3.10"),
        ("007", "007"), ("1e5", "1e5"), (1e300, "1e+300"), (2**53 + 1, "9007199254740993"), ("ZZ,\n", "ZZ,\n"),
    ],
)  # fmt: skip
def test_categories_are_told_the_same_whatever_they_came_as(value: object, expected: str) -> None:
    assert read(line(as_json([1, 2, value]))).categories == ([expected],)
    assert read(line(as_json({"age": 1, "carrier": value}))).categories == ([expected],)
    if isinstance(value, str):
        assert read(line(f'1,2,"{value}"')).categories == ([expected],)


@pytest.mark.parametrize("value", [[], ["AA"], {}])
def test_a_category_that_is_no_scalar_is_rejected_with_its_column(value: object) -> None:
    assert find_rejection(line(as_json({"age": 1, "carrier": value}))) == (RejectReason.BAD_PAYLOAD, "carrier")


def test_rows_of_the_requests_columns_leave_out_those_that_are_no_features() -> None:
    for captured in (line("a,30,b,AA"), line("30,AA"), line(as_json({"id": 1, "age": 30, "carrier": "AA"}))):
        rows = read(captured, WIDER)
        assert (rows.numbers.tolist(), rows.categories) == ([[30]], (["AA"],))


def test_a_matrix_of_the_requests_columns_leaves_out_those_that_are_no_features() -> None:
    rows = read(line(as_json([[9, 30, 9, 5], [9, 31, 9, 6.5]]), "1\n2"), WIDER)
    assert (rows.numbers.tolist(), rows.categories) == ([[30], [31]], (["5", "6.5"],))


@pytest.mark.parametrize(
    ("width", "reason"),
    [(1, RejectReason.MISSING_COLUMNS), (3, RejectReason.EXTRA_COLUMNS), (5, RejectReason.EXTRA_COLUMNS)],
)
def test_positional_rows_of_another_width_are_rejected(width: int, reason: RejectReason) -> None:
    assert find_rejection(line(",".join(["1"] * width)), WIDER) == (reason, None)
    assert find_rejection(line(as_json([[1] * width])), WIDER) == (reason, None)
    assert find_rejection(line(as_json([["1"] * width])), WIDER) == (reason, None)


@pytest.mark.parametrize(
    ("widths", "reason"),
    [
        ((3, 2), RejectReason.MISSING_COLUMNS),
        ((3, 4), RejectReason.EXTRA_COLUMNS),
        ((3, 0), RejectReason.MISSING_COLUMNS),
    ],
)
def test_one_row_of_another_width_rejects_the_record(widths: tuple[int, ...], reason: RejectReason) -> None:
    assert find_rejection(line(as_json([[1] * width for width in widths]), "1\n2")) == (reason, None)


def test_a_csv_row_joined_to_the_next_is_rejected() -> None:
    assert find_rejection(line("1,2,AA3,4,UA", "1\n2")) == (RejectReason.EXTRA_COLUMNS, None)


def test_an_object_with_none_of_the_models_columns_is_rejected() -> None:
    assert find_rejection(line(as_json({"rows": [[1, 2, "AA"]]}))) == (RejectReason.MISSING_COLUMNS, None)


def test_a_model_without_numeric_features_has_rows_of_no_numbers() -> None:
    only = RecordSchema((ColumnSpec("carrier", False),), ("carrier",), ScoreSelector("score"))
    rows = read(line("AA\nUA", "1\n2"), only)
    assert (rows.numbers.shape, rows.categories) == ((2, 0), (["AA", "UA"],))
    assert read(line(as_json([[1], [2]]), "1\n2"), only).categories == (["1", "2"],)


def test_an_answer_is_not_read_where_no_score_is_asked_for() -> None:
    layout = RecordSchema(LAYOUT.features, LAYOUT.columns, None)
    for answer in (None, "x", "1\n2\n3", side("?", "XML")):
        assert read(line("1,2,AA", answer), layout).scores is None


def test_a_blank_score_is_missing() -> None:
    scores = read(line("1,2,AA", "")).scores
    assert scores is not None
    assert np.isnan(scores).all()


@pytest.mark.parametrize(
    "answer", [as_json([]), as_json(None), side("", "JSON", "application/json"), as_base64("", "text/csv")]
)
def test_an_answer_that_is_none_is_told(answer: dict[str, Any]) -> None:
    assert find_rejection(line("1,2,AA", answer)) == (RejectReason.NO_OUTPUT, None)


def test_a_request_whose_answer_was_not_captured_is_read_without_a_score() -> None:
    found = read(line("1,2,AA", None))
    assert (found.numbers.tolist(), found.categories, found.scores) == ([[1, 2]], (["AA"],), None)


@pytest.mark.parametrize(
    "answer",
    [
        side("late"), side("inf"), side("1e999"), side("0.5", "XML"), side("{", "JSON", "application/json"),
        as_json([True]), as_json([math.inf]), as_json([[[0.5]]]),
        as_base64("0.5", "image/png"), side("0.5;"),
    ],
)  # fmt: skip
def test_an_answer_without_a_number_is_told(answer: dict[str, Any]) -> None:
    assert find_rejection(line("1,2,AA", answer)) == (RejectReason.BAD_OUTPUT, None)


@pytest.mark.parametrize("answer", ["0.5\n0.5", as_json({"predictions": [1, 2]}), as_json([[1], [2], [3]])])
def test_an_answer_of_other_rows_is_told(answer: Any) -> None:
    assert find_rejection(line("1,2,AA", answer)) == (RejectReason.ROW_COUNT_MISMATCH, None)


def test_one_line_of_scores_that_is_not_as_long_as_the_request_is_told() -> None:
    assert find_rejection(line("1,2,AA\n3,4,UA", "0.1,0.2,0.3")) == (RejectReason.ROW_COUNT_MISMATCH, None)
    assert find_rejection(line("1,2,AA\n3,4,UA", as_json({"a": 1, "b": 2}))) == (RejectReason.ROW_COUNT_MISMATCH, None)


@pytest.mark.parametrize(("which", "expected"), [(0, 0.1), (1, 0.9), (-1, 0.9), (-2, 0.1)])
def test_the_score_is_the_output_of_the_reference(which: int, expected: float) -> None:
    layout = RecordSchema(LAYOUT.features, LAYOUT.columns, ScoreSelector("score", which))
    for answer in ("0.1,0.9", as_json([0.1, 0.9]), as_json({"predictions": [["0.1", 0.9]]})):
        scores = read(line("1,2,AA", answer), layout).scores
        assert scores is not None
        assert scores.tolist() == [expected]


@pytest.mark.parametrize("which", [2, -3])
def test_a_score_that_the_answer_does_not_have_is_told(which: int) -> None:
    layout = RecordSchema(LAYOUT.features, LAYOUT.columns, ScoreSelector("score", which))
    assert find_rejection(line("1,2,AA", "0.1,0.9"), layout) == (RejectReason.BAD_OUTPUT, None)
    assert find_rejection(line("1,2,AA", as_json([0.1, 0.9])), layout) == (RejectReason.BAD_OUTPUT, None)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_of_everything_is_accounted_for(pack: Callable[[bytes], bytes]) -> None:
    records = [
        line("1,2,AA"), b" \r", b"\x00\xff\xfe", b"not json", b"", line("x,2,AA"), line("1,y,AA"),
        line("1,2,AA\n3,4,UA", "1,2"), b"[]", line("1,inf,AA"), line("1,2"), line("1,2,3,4"),
        line("1,2,AA", as_json([])), line(as_json({"age": 1})) + b"\r",
    ]  # fmt: skip
    data = b"\n".join(records)
    total = account(pack(data + b"\n" + line("1,2,AA")[:-30]))
    assert (total.read, total.parsed) == (13, 3)
    assert total.rejected == {
        RejectReason.NOT_UTF8: 1,
        RejectReason.NOT_JSON: 1,
        RejectReason.NOT_A_NUMBER: 2,
        RejectReason.NOT_A_RECORD: 1,
        RejectReason.NOT_FINITE: 1,
        RejectReason.MISSING_COLUMNS: 1,
        RejectReason.EXTRA_COLUMNS: 1,
        RejectReason.NO_OUTPUT: 1,
        RejectReason.TRUNCATED: 1,
    }
    assert total.rejected_by_column == {"age": 1, "fare": 2}
    assert [each.offset for each in total.examples if each.reason is RejectReason.TRUNCATED] == [len(data) + 1]
    for each in total.examples:
        assert (data + b"\n")[each.offset - 1 : each.offset] in (b"", b"\n")


def test_an_empty_file_and_one_of_blank_lines_hold_no_records() -> None:
    assert account(b"").read == account(b"\n \n\r\n").read == account(gzip.compress(b"")).read == 0


def test_gzip_that_breaks_off_counts_what_came_and_one_record_lost() -> None:
    data = b"".join(line(f"{n},{n * n},AA") + b"\n" for n in range(3000))
    packed = gzip.compress(data)
    total = account(packed[: len(packed) * 2 // 3])
    assert total.parsed > 1000
    assert total.rejected == {RejectReason.TRUNCATED: 1}


def test_a_line_of_50_mb_is_one_reject_and_the_next_line_is_read() -> None:
    total = account(line("1" * (50 << 20)) + b"\n" + line("1,2,AA") + b"\n")
    assert (total.parsed, dict(total.rejected)) == (1, {RejectReason.TOO_LONG: 1})


def test_a_row_of_many_values_is_refused_without_holding_them() -> None:
    captured = line("12," * 900_000)
    assert find_rejection(captured) == (RejectReason.EXTRA_COLUMNS, None)
    assert peak(lambda: find_rejection(captured)) < 8 * len(captured)


def test_many_rows_of_one_record_are_held_as_text_and_numbers() -> None:
    captured = line("12,1.5,AA\n" * 200_000, "0.5\n" * 200_000)
    assert len(read(captured)) == 200_000
    assert peak(lambda: read(captured)) < 16 * len(captured)


@given(
    st.sets(
        st.sampled_from([*MISSING_MARKERS, "True", "False", "true"])
        | st.from_regex(r"-?[0-9]{0,3}(\.0)?", fullmatch=True)
        | st.text()
    )
)
def test_many_texts_are_the_categories_that_each_is(texts: set[str]) -> None:
    assert parse_categories(texts) == {text: parse_category(text) for text in texts}
