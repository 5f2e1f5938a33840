"""Which number of an answer is the score: what its form says, and no guess."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.tidewatch.capture.captured_lines import (
    FEATURES,
    TRITON,
    as_base64,
    as_json,
    find_rejection,
    float32_tensor,
    line,
    read,
    side,
    v2_body,
)
from tidewatch.capture.reject_reasons import RejectReason
from tidewatch.capture.rows import RecordSchema
from tidewatch.capture.scores import ScoreSelector

ONE, TWO = "1,2,AA", "1,2,AA\n3,4,UA"


def asking(output: int | str | None = None, name: str = "score") -> RecordSchema:
    return RecordSchema(FEATURES, ("age", "fare", "carrier"), ScoreSelector(name, output))


def scores(answer: Any, output: int | str | None = None, request: str = ONE) -> list[float]:
    found = read(line(request, answer), asking(output)).scores
    assert found is not None
    return found.tolist()


def tensors(**named: list[Any]) -> dict[str, Any]:
    return as_json({"outputs": [
        {"name": name, "shape": list(np.shape(data)), "datatype": "FP64", "data": data} for name, data in named.items()
    ]})  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        as_json({"predictions": [{"score": 0.31, "predicted_label": 0}]}),
        as_json({"predictions": [{"predicted_label": 0, "score": 0.31}]}),
        as_json({"score": 0.31, "model_version": 7}),
        as_json({"model_version": 7, "score": [0.31]}),
        as_json([{"id": 4, "score": "0.31"}]),
        as_json({"outputs": {"label": [1], "score": [0.31]}}),
        as_json({"score": 0.31, "message": "ok", "code": 200}),
        side('{"score": 0.31, "id": 1}', "JSON", "application/jsonlines"),
        tensors(label=[1], score=[0.31]),
        tensors(label=[[1]], score=[[0.31]]),
        as_json({"score": [[0.31]]}),
        side("score\n0.31\n"),
        side("label,score\n1,0.31\n"),
    ],
)
def test_an_answer_that_names_the_score_is_read_by_its_name(answer: dict[str, Any]) -> None:
    assert scores(answer) == [0.31]


@pytest.mark.parametrize(
    "answer",
    [
        as_json({"predictions": [{"score": 0.1, "label": 0}, {"label": 1, "score": 0.9}]}),
        as_json({"score": [0.1, 0.9], "model_version": 7}),
        as_json({"outputs": {"label": [0, 1], "score": [0.1, 0.9]}}),
        side('{"score": 0.1, "id": 1}\n{"id": 2, "score": 0.9}\n', "JSON", "application/jsonlines"),
        tensors(label=[1, 0], score=[0.1, 0.9]),
        as_json({"score": [[0.1], [0.9]]}),
        side("score\n0.1\n0.9\n"),
    ],
)
def test_the_scores_of_several_rows_are_read_by_name(answer: dict[str, Any]) -> None:
    assert scores(answer, request=TWO) == [0.1, 0.9]


@pytest.mark.parametrize(
    "answer", [as_json({"p": 0.31, "label": "a"}), as_json([["a", 0.31]]), as_json({"p": "0.31"}), side("a,0.31")]
)
def test_the_only_number_of_an_answer_is_the_score_whatever_it_is_called(answer: dict[str, Any]) -> None:
    assert scores(answer) == [0.31]


@pytest.mark.parametrize(
    "answer",
    [
        side("0.1,0.9"), side("1,0.9"), as_json([0.1, 0.9]), as_json({"predictions": [[0.1, 0.9]]}),
        as_json({"p": 0.3, "model_version": 7}), as_json({"score": [0.1, 0.9]}), as_json({"classes": [0.1, 0.9]}),
        tensors(score=[[0.1, 0.9]]), tensors(label=[1], score=[[0.1, 0.9]]), tensors(a=[1], b=[2]),
        as_json({"score": [[0.1, 0.9]]}),
    ],
)  # fmt: skip
def test_of_several_numbers_none_is_guessed(answer: dict[str, Any]) -> None:
    assert find_rejection(line(ONE, answer), asking()) == (RejectReason.AMBIGUOUS_SCORE, None)


@pytest.mark.parametrize(
    ("answer", "output"),
    [
        (side("0.1,0.9"), 1), (side("0.1,0.9"), -1), (as_json({"score": [0.1, 0.9]}), 1),
        (tensors(score=[[0.1, 0.9]]), 1),
        (as_json({"score": [0.1, 0.9], "label": 1}), 1), (tensors(label=[1], score=[[0.1, 0.9]]), -1),
        (as_json({"p": 0.9, "score": 0.1}), "p"), (as_json({"predictions": [{"id": 1, "p": 0.9}]}), "p"),
        (tensors(label=[1], p=[0.9]), "p"), (as_json({"a": 0.1, "b": 0.9}), 1), ("0.9", "p"),
        (as_json({"label": "a", "p": [0.1, 0.9]}), "p:1"), (as_json({"p": [[0.1, 0.9]]}), "p:-1"),
        (tensors(label=[1], p=[[0.1, 0.9]]), "p:1"), (tensors(p=[[0.1, 0.9]]), "p:1"),
        (as_json({"p:0": 0.9, "p": 0.1}), "p:0"), (side("p,q\n0.9,0.1\n"), "p"),
    ],
)  # fmt: skip
def test_the_references_output_tells_which(answer: Any, output: int | str) -> None:
    assert scores(answer, output) == [0.9]


def test_the_classes_of_several_rows_go_by_class() -> None:
    answer = as_json({"predictions": [{"score": [0.1, 0.2, 0.7]}, {"score": [0.5, 0.3, 0.2]}]})
    assert scores(answer, 1, TWO) == [0.2, 0.3]
    assert scores(as_json({"score": [[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]}), 1, TWO) == [0.2, 0.3]
    label, score = float32_tensor([[2], [0]], "label"), float32_tensor([[0.125, 0.25], [0.5, 0.375]], "score")
    size, body = v2_body([label[0], score[0]], [label[1], score[1]], "outputs")
    assert scores(as_base64(body, f"{TRITON};json-header-size={size}"), 1, TWO) == [0.25, 0.375]


def test_a_status_is_no_score() -> None:
    for answer in ({"statusCode": 200, "body": "ok"}, {"status": 200}, {"status": 200, "code": 0}):
        assert find_rejection(line(ONE, as_json(answer)), asking()) == (RejectReason.BAD_OUTPUT, None)
    assert scores(as_json({"statusCode": 200, "p": 0.31})) == [0.31]


def test_a_header_of_an_answer_that_is_no_name_of_the_score_is_no_header() -> None:
    assert find_rejection(line(ONE, side("p\n0.31\n")), asking()) == (RejectReason.ROW_COUNT_MISMATCH, None)


def test_a_name_that_an_answer_does_not_hold_is_told() -> None:
    assert find_rejection(line(ONE, as_json({"q": 0.9})), asking("p")) == (RejectReason.BAD_OUTPUT, None)


@pytest.mark.parametrize(
    "answer",
    [
        {"message": "bad", "code": 400}, {"error": "busy"}, {"error": {"code": 3}}, {"detail": [{"loc": ["body"]}]},
        {"code": 503, "type": "InternalServerException", "message": "Worker died."}, {"errorMessage": "x", "p": 0.1},
        {"error_code": "BAD_REQUEST", "message": "no"}, {"ErrorCode": "X", "OriginalStatusCode": 500}, {"status": 500},
        {"statusCode": 404, "body": "?"}, {"predictions": [{"error": "row"}]}, {"message": "bad", "request_id": 7},
    ],
)  # fmt: skip
def test_an_answer_that_is_an_error_is_no_score(answer: dict[str, Any]) -> None:
    assert find_rejection(line(ONE, as_json(answer)), asking()) == (RejectReason.ERROR_RESPONSE, None)
    assert find_rejection(line(TWO, as_json(answer)), asking()) == (RejectReason.ERROR_RESPONSE, None)


@pytest.mark.parametrize("where", ["endpointOutput", "eventMetadata"])
@pytest.mark.parametrize("status", ["statusCode", "status"])
def test_a_record_that_tells_a_failure_has_no_score(where: str, status: str) -> None:
    captured = json.loads(line(ONE))
    place = captured["captureData"] if where == "endpointOutput" else captured
    for code, reason in ((200, None), (503, RejectReason.ERROR_RESPONSE)):
        place[where][status] = code
        raw = json.dumps(captured).encode()
        assert reason is None or find_rejection(raw, asking()) == (reason, None)
        assert reason is not None or read(raw, asking()).scores is not None


def test_no_error_is_seen_where_there_is_none() -> None:
    assert scores(as_json({"error": None, "p": 0.25})) == [0.25]
    assert scores(as_json({"p": 0.25, "message": ""})) == [0.25]
