"""Records made to cost their reader far more than their size: each is rejected, or read, before that happens."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pytest

from tests.tidewatch.capture.captured_lines import account, as_base64, as_json, find_rejection, line, peak, read, side
from tidewatch.capture import json_formats, limits, parsing, rows
from tidewatch.capture.line_reader import FREE_EXPANSION, read_blocks
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason
from tidewatch.capture.rows import ColumnSpec, RecordSchema

MIB = 1 << 20
HUGE = 2**63 - 1


def _tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "x", "shape": [1], "datatype": "FP32", "data": [1], **changes}


def _json(text: str) -> dict[str, Any]:
    return side(text, "JSON", "application/json")


@pytest.mark.parametrize(
    ("request_side", "reason"),
    [
        (_json('{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":"\\ud800"}]}'), RejectReason.BAD_PAYLOAD),
        (_json('[{"age":1,"fare":2,"carrier":"\\ud800"}]'), RejectReason.BAD_PAYLOAD),
        (_json('[{"age":1,"\\udfff":2}]'), RejectReason.BAD_PAYLOAD),
        (side("1,2,\ud800"), RejectReason.BAD_PAYLOAD),
        (side('1,2,"\ud800"'), RejectReason.BAD_PAYLOAD),
    ],
)
def test_half_a_surrogate_pair_is_no_text(request_side: dict[str, Any], reason: RejectReason) -> None:
    assert find_rejection(line(request_side)) == (reason, None)


def test_half_a_surrogate_pair_in_an_answer_costs_its_record_alone() -> None:
    bad = line("1,2,AA", _json('["\\ud800"]'))
    total = account(b"\n".join([line("1,2,AA"), bad, line("1,2,AA")]))
    assert (total.parsed, dict(total.rejected)) == (2, {RejectReason.BAD_OUTPUT: 1})


def test_half_a_surrogate_pair_in_an_id_costs_no_record() -> None:
    raw = json.loads(line("1,2,AA"))
    raw["eventMetadata"] = {"eventId": "\ud800", "inferenceId": "\udc00"}
    assert account(json.dumps(raw).encode()).parsed == 1


@pytest.mark.parametrize("digits", [20_000, 80_000, 3_000_000])
@pytest.mark.parametrize("end", ["x", ".x", "ex", ".5"])
def test_a_cell_of_many_digits_is_no_number(digits: int, end: str) -> None:
    assert find_rejection(line("1" * digits + f"{end},2,AA")) == (RejectReason.NOT_A_NUMBER, "age")


def test_a_number_of_many_digits_beside_tensors_is_not_read_for_ever() -> None:
    body = {"inputs": [_tensor(shape=[1, 3], data=[1, 2, 3])], "instances": [["1" * 80_000 + "x", 2, "AA"]]}
    assert find_rejection(line(as_json(body))) is not None


@pytest.mark.parametrize(
    "body",
    [
        [{f"k{at}": 1} for at in range(10_000)],
        {"inputs": [_tensor(name="n" * 100_000, shape=[1, 12_000], data=[0] * 12_000), _tensor()]},
        {"inputs": {"n" * 100_000: [[0] * 12_000]}},
        {"inputs": [_tensor(shape=[HUGE] * 100_000)]},
        {"inputs": [_tensor(shape=[HUGE] * 100_000), _tensor(name="y")]},
        {"inputs": [_tensor(shape=[1, *[HUGE] * 100_000])]},
    ],
    ids=["a key each", "name times width", "name times width by column", "shape", "shape of several", "width"],
)
def test_what_multiplies_is_refused_before_it_is_made(body: object) -> None:
    raw = line(as_json(body))
    assert find_rejection(raw) == (RejectReason.TOO_LARGE, None)
    assert peak(lambda: find_rejection(raw)) < 16 * len(raw) + 4 * MIB


@pytest.mark.parametrize("shape", [[-1, *[HUGE] * 1000], [HUGE, -HUGE] * 1000])
def test_a_negative_dimension_is_refused_first(shape: list[int]) -> None:
    assert find_rejection(line(as_json({"inputs": [_tensor(shape=shape)]}))) == (RejectReason.BAD_PAYLOAD, None)


def test_one_null_among_many_numbers_leaves_them_rounded() -> None:
    data = [0.1, 2, 3] * 100_000
    body = {"inputs": [_tensor(shape=[100_000, 3], data=[*data[:-2], None, 3])]}
    found = read(line(as_json(body), "0.5\n" * 100_000))
    assert found.numbers[0, 0] == pytest.approx(0.1, abs=1e-8)
    assert found.numbers[0, 0] != 0.1, "as float32 has it"
    assert found.numbers[-1, 1] != found.numbers[-1, 1]


@pytest.mark.parametrize(
    "text",
    ["[" + "[],\n" * 1_100_000 + "[]]", "[" + "{}, " * 1_100_000 + "{}]", "[" + "1,\t" * 1_100_000 + "1]"],
    ids=["lists", "objects", "numbers"],
)
def test_json_of_more_places_than_are_read_is_not_parsed(text: str) -> None:
    raw = line(_json(text))
    assert find_rejection(raw) == (RejectReason.TOO_LARGE, None)
    assert peak(lambda: find_rejection(raw)) < 5 * len(raw)
    sniffed = line(as_base64(b'{"a":' + text.encode() + b"}", ""))
    assert find_rejection(sniffed) == (RejectReason.TOO_LARGE, None)


def test_metadata_of_more_places_than_are_read_is_not_parsed() -> None:
    raw = line("1,2,AA").replace(b'"eventVersion"', b'"other":[' + b"[]," * 2_100_000 + b'[]],"eventVersion"')
    assert find_rejection(raw) == (RejectReason.TOO_LARGE, None)


@pytest.mark.parametrize("text", ["1\n" * 1_000_001, "1," * 1_000_001, '"1"\n' * 1_000_001])
def test_csv_of_more_values_than_are_read_is_not_split(text: str) -> None:
    assert find_rejection(line(text)) == (RejectReason.TOO_LARGE, None)


def test_rows_without_most_features_are_counted_by_what_they_are_read_into() -> None:
    assert find_rejection(line(as_json([{"age": 1}] * 400_000))) == (RejectReason.TOO_LARGE, None)


def test_a_value_of_a_category_counts_for_three() -> None:
    only = RecordSchema((ColumnSpec("carrier", False),), ("carrier",), None)
    most = limits.MAX_RECORD_VALUES // limits.CATEGORY_COST
    assert len(read(line("".join(f"c{at}\n" for at in range(most))), only)) == most
    assert find_rejection(line("AA\n" * (most + 1)), only) == (RejectReason.TOO_LARGE, None)


def test_lines_of_json_are_counted_before_they_are_parsed() -> None:
    most = limits.MAX_RECORD_VALUES // limits.LINE_COST
    assert len(json_formats.read_json_lines("NaN\n" * (most - 1), json_formats.ANSWER_KEYS).rows) == most - 1
    with pytest.raises(RecordRejected, match="too_large"):
        json_formats.read_json_lines("NaN\n" * most, json_formats.ANSWER_KEYS)


def test_categories_that_were_met_are_looked_up_and_never_walked_through() -> None:
    """Each chunk of rows would otherwise take as long as all those before it."""

    class Known(dict[str, str | None]):
        def keys(self) -> Any:
            raise AssertionError("every category that was met is walked through")

        __iter__ = items = values = keys

    known = Known(AA="AA")
    assert rows._parse_category_column(["AA", "b", "3.0", "", "b"], "carrier", known) == ["AA", "b", "3", None, "b"]
    assert rows._parse_category_column(["b", "AA"], "carrier", known) == ["b", "AA"]


@pytest.mark.parametrize("odd", [" 2 ", "NaN", "null", "", "  ", "None"])
def test_a_column_with_odd_cells_holds_the_same_numbers(odd: str) -> None:
    cells = [f"{at}.5" for at in range(6000)]
    cells[10] = cells[5000] = odd
    found = read(line("".join(f"{cell},1,AA\n" for cell in cells), "0.5\n" * 5999 + odd + "\n"))
    expected = parsing.parse_number(odd)
    assert found.numbers[[9, 11, 4999, 5001], 0].tolist() == [9.5, 11.5, 4999.5, 5001.5]
    assert found.scores is not None
    for number in (found.numbers[10, 0], found.numbers[5000, 0], found.scores[-1]):
        assert number == expected or (number != number and expected != expected)


@pytest.mark.parametrize("odd", ["x", "1_0", "1 5", "٣", "0x1"])
def test_a_column_with_a_word_that_is_no_number_is_told(odd: str) -> None:
    cells = ["1"] * 5000 + [" 1", odd]
    assert find_rejection(line("".join(f"2,{cell},AA\n" for cell in cells))) == (RejectReason.NOT_A_NUMBER, "fare")
    answer = "".join(f"{cell}\n" for cell in cells)
    assert find_rejection(line("2,1,AA\n" * 5002, answer)) == (RejectReason.BAD_OUTPUT, None)


def test_many_binary_tensors_share_their_bytes() -> None:
    count, rest = 20_000, 900_000
    tensors = [
        {"name": f"t{at}", "shape": [1], "datatype": "UINT8", "parameters": {"binary_data_size": 1}}
        for at in range(count)
    ]
    last = {"name": "z", "shape": [rest], "datatype": "UINT8", "parameters": {"binary_data_size": rest}}
    head = json.dumps({"inputs": [*tensors, last]}).encode()
    body = head + bytes(count + rest)
    raw = line(as_base64(body, f"application/octet-stream;json-header-size={len(head)}"))
    assert find_rejection(raw) == (RejectReason.BAD_PAYLOAD, None)


@pytest.mark.parametrize("text", [b"\n", b"x\n", b" \n", b"xxxxxxxx\n", b"{}\n"])
def test_gzip_that_unpacks_to_a_thousand_times_itself_is_left_early(text: bytes) -> None:
    packed = gzip.compress(text * (120 * MIB // len(text)))
    found = list(read_blocks(io.BytesIO(packed)))
    assert found[-1].reject_reason is RejectReason.TOO_LARGE
    assert sum(len(block.data) for block in found) < FREE_EXPANSION + 201 * len(packed)


def test_gzip_of_records_alike_is_read_whole() -> None:
    raw = b"".join(line(f"{at},1.5,AA") + b"\n" for at in range(60_000))
    assert len(raw) > FREE_EXPANSION
    found = list(read_blocks(io.BytesIO(gzip.compress(raw))))
    assert b"".join(block.data for block in found) == raw
