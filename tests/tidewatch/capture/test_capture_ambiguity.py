"""A body of which the server may read other rows than the watch counts is counted by nobody."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.tidewatch.capture.captured_lines import TRITON, as_base64, as_json, find_rejection, line, read, side
from tidewatch.capture.reject_reasons import RejectReason

SEEN, COUNTED = [[30, 7, "AA"]], [[90, 1, "UA"]]
TENSOR = {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}
KEYS = [
    {"inputs": SEEN, "instances": COUNTED},
    {"instances": COUNTED, "inputs": {"age": [30], "fare": [7], "carrier": ["AA"]}},
    {"instances": COUNTED, "inputs": [TENSOR]},
    {"instances": COUNTED, "inputs": {"age": 30}},
    {"instances": {"age": 30}, "inputs": COUNTED},
    {"instances": COUNTED, "dataframe_split": {"columns": ["age"], "data": [[30]]}},
    {"inputs": COUNTED, "dataframe_records": [{"age": 30}]},
    {"instances": COUNTED, "features": SEEN[0]},
    {"features": SEEN[0], "data": {"features": COUNTED[0]}},
    {"instances": [{"features": COUNTED[0], "data": {"features": {"values": SEEN[0]}}}]},
]
BESIDE = [
    {"age": 30, "fare": 7, "carrier": "AA", "instances": COUNTED},
    {"carrier": "AA", "inputs": [{**TENSOR, "datatype": "FP64"}]},
    {"instances": [{"features": COUNTED[0], "age": 30}]},
]
TWICE = [
    '{"instances": [[90, 1, "UA"]], "instances": [[30, 7, "AA"]]}',
    '{"inputs": [[90, 1, "UA"]], "inp\\u0075ts": [[30, 7, "AA"]]}',
    '{"age": 90, "age": 30, "fare": 1, "carrier": "AA"}',
    '{"age": 90, "age": 30, "fare": 1, "carrier": "a\\u003ab"}',
    '[{"age": 90, "fare": NaN, "age": 30, "carrier": "AA"}]',
    '{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3], "data": [4, 5, 6]}]}',
]
KINDS = ["application/json", "application/jsonlines", "application/x-json"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [*KEYS, *BESIDE])
def test_rows_under_several_keys_are_rejected(value: Any, kind: str) -> None:
    for made in (as_json(value, kind), as_base64(json.dumps(value), kind), as_base64(json.dumps(value), "")):
        assert find_rejection(line(made)) == (RejectReason.AMBIGUOUS_PAYLOAD, None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", TWICE)
def test_a_key_that_stands_twice_is_rejected(text: str, kind: str) -> None:
    for made in (side(text, "JSON", kind), as_base64(text, kind)):
        assert find_rejection(line(made)) == (RejectReason.AMBIGUOUS_PAYLOAD, None)


@pytest.mark.parametrize(
    "answer", ['{"predictions": [0.1], "outputs": [[0.9]]}', '{"predictions": [0.1], "predictions": [0.9]}']
)
def test_an_answer_that_says_its_score_twice_is_rejected(answer: str) -> None:
    assert find_rejection(line("1,2,AA", side(answer, "JSON", "application/json"))) == (
        RejectReason.AMBIGUOUS_PAYLOAD,
        None,
    )


@pytest.mark.parametrize(
    "value",
    [
        {"id": "7", "parameters": {"a": "b:c"}, "inputs": SEEN, "outputs": [{"name": "score"}]},
        {"signature_name": "serving_default", "instances": SEEN},
        {"instances": SEEN, "inputs": None},
        {"configuration": {"k": 1}, "instances": [{"age": 30, "fare": 7, "carrier": "AA", "features": None}]},
        {"features": SEEN[0], "id": 3},
    ],
)
def test_what_a_server_takes_beside_rows_is_no_second_row(value: Any) -> None:
    rows = read(line(as_json(value)))
    assert np.array_equal(rows.numbers, [[30, 7]])
    assert rows.categories == (["AA"],)


def test_a_server_of_tensors_reads_nothing_else() -> None:
    tensor = {**TENSOR, "datatype": "BYTES", "data": ["30", "7", "AA"]}
    both = {"inputs": [tensor], "instances": COUNTED, "age": 90}
    for made in (as_base64(json.dumps(both), TRITON), as_json(both, TRITON)):
        assert read(line(made)).categories == (["AA"],)
    assert find_rejection(line(as_base64(json.dumps({"instances": COUNTED}), TRITON))) == (
        RejectReason.BAD_PAYLOAD,
        None,
    )
    assert find_rejection(line(as_base64(json.dumps({"inputs": SEEN}), TRITON))) == (RejectReason.BAD_PAYLOAD, None)


def test_the_content_type_tells_the_form_whatever_it_was_captured_as() -> None:
    value = json.dumps({"age": 30, "fare": 7, "carrier": "AA"})
    assert read(line(side(value, "CSV", "application/json"))).categories == (["AA"],)
    assert read(line(side("30,7,AA", "JSON", "text/csv"))).categories == (["AA"],)
    assert read(line(side("30,7,AA", "CSV", "application/x-flights"))).categories == (["AA"],)
