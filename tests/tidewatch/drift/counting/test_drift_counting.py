"""The reader of many lines at once counts exactly what the strict reader counts, whatever the lines are."""

import base64
import io
import json
import os
import re
from typing import cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tidewatch.drift.drift_records import CARRIERS, line, plain_lines, reference
from tidewatch.capture.line_reader import Block, read_blocks
from tidewatch.capture.reject_reasons import RejectReason
from tidewatch.drift.counting.line_counter import BlockCounter, StrictLineCounter, create_counter
from tidewatch.drift.counting.record_counter import RecordCounter
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference
from tidewatch.drift.statistics import Verdict, judge_profile
from tidewatch.drift.training.reference_builder import build_reference

REFERENCE = reference()
FUZZ = settings(
    max_examples=int(os.environ.get("TIDEWATCH_FUZZ_EXAMPLES", "60")),
    suppress_health_check=cast("list[HealthCheck]", list(HealthCheck)),
)


def count_bytes(data: bytes, against: Reference = REFERENCE, size: int = 1 << 20) -> Profile:
    """Both readers' profile, which must be one."""
    profiles = []
    for made in (BlockCounter(against), StrictLineCounter(against)):
        for block in read_blocks(io.BytesIO(data), size):
            made.count(block, "a.jsonl")
        profiles.append(made.profile())
    fast, strict = profiles
    assert fast == strict
    return fast


def among_plain(*odd: bytes) -> bytes:
    """Lines among enough plain ones for their form to be learned."""
    plain = plain_lines(24)
    return b"\n".join([*plain[:16], *odd, *plain[16:]]) + b"\n"


@pytest.fixture
def strictly(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The lines that are read one by one."""
    read: list[bytes] = []
    original = RecordCounter.count_line

    def spy(self: RecordCounter, raw: bytes, *args: object, **named: object) -> object:
        read.append(raw)
        return original(self, raw, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(RecordCounter, "count_line", spy)
    return read


def test_plain_lines_are_read_together(strictly: list[bytes]) -> None:
    made = create_counter(REFERENCE)
    for _ in range(3):
        made.count(Block(0, b"\n".join(plain_lines(500)) + b"\n", False), "a.jsonl")
    assert made.profile().rows == 1500
    assert len(strictly) == 1


@pytest.mark.parametrize("against", [REFERENCE, build_reference({"x": np.arange(9.0)})], ids=["scored", "unscored"])
def test_lines_too_short_for_a_record_are_read_once(strictly: list[bytes], against: Reference) -> None:
    """A gzip stream of a few kilobytes holds a million of them."""
    made = create_counter(against)
    made.count(Block(0, b"{}\n" * 5000, False), "a.jsonl")
    assert (made.profile().accounting.rejected, strictly) == ({RejectReason.NOT_A_RECORD: 5000}, [])


ROWS = [
    "100.5,AA,", ",AA,1.5", ",,", ", AA,1", " 100.5 ,AA, -2.5 ", "100.5,ZZ,1", "100.5,København,1",
    "100.5,a carrier of a long name,1", "100.5,a carrier that nobody has ever seen,1", "1e3,AA,1E-2", "+1.5,AA,.5",
    "5.,AA,007.25", "1e400,AA,1", "inf,AA,1", "NaN,AA,1", "nan,NA,null", "abc,AA,1", "[1],AA,1", "1,[2],3", "true,AA,1",
    "null,AA,None", "100.5,AA", "100.5,AA,1,9", "12345678901234567.25,AA,0.1234567890123456789", "-0.0,AA,-0",
    '"100.5","AA",1', '100.5,"A,A",1', '1,"A""A",2', "1,AA,2\n3,DL,4", "1,AA,2\r\n", "1,AA,2\r", "1\t,AA,2", "",
    "1.7976931348623157e308,AA,", "1.7976931348623157e308,AA,1.7976931348623157e308", "1 5,AA,2", "1,AA,2\n\n",
    "1,3.0,2", "1,True,2", "0x10,AA,1", "1_000,AA,1", "٣,AA,1", "1,\x7f,1", "1,AA,{}", '1,AA,"2"',
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=repr)
@pytest.mark.parametrize("ending", ["", "\n"], ids=["bare", "ended"])
def test_an_odd_row_among_plain_ones_is_counted_as_the_strict_reader_counts_it(row: str, ending: str) -> None:
    count_bytes(among_plain(line(row + ending)))
    count_bytes(among_plain(*[line(row + ending)] * 12))


@pytest.mark.parametrize(
    "answer",
    ["", "x", "0.5\n", "0.5,0.6", "1e-2", "NaN", "inf", " 0.5", "0.5 ", "[0.5]", "0.12345678901234567890123"],
)
def test_an_odd_answer_among_plain_ones_is_counted_as_the_strict_reader_counts_it(answer: str) -> None:
    count_bytes(among_plain(*[line("1.5,AA,2\n", answer)] * 12))


def test_lines_that_are_no_records_are_rejected_one_by_one() -> None:
    good = line("1.5,AA,2\n")
    event = good.index(b'"eventId":"') + len(b'"eventId":"')
    odd = [
        good[:40], b"not json", b"{}", b"[]", b"null", b'{"captureData":null}', b"\x00\xff\xfe", good[:-1] + b",}",
        good.replace(b'"CSV"', b'"JSON"', 1), good.replace(b'"0"}', b"0}"), good + b" ", b" " + good, good[:-1],
        good[:event] + b'"' + good[event + 1 :], good[:event] + b"\\" + good[event + 1 :],
        good[:event] + b"\t" + good[event + 1 :], good[:event] + b"\xe9" + good[event + 1 :],
        good[:event] + "é".encode() + good[event + 2 :], good.replace(b"2026", b"20\x0126"),
    ]  # fmt: skip
    profile = count_bytes(among_plain(*odd))
    assert profile.accounting.read == 24 + len(odd)
    assert profile.accounting.parsed + profile.accounting.rejected_total == profile.accounting.read
    for each in odd:
        count_bytes(among_plain(*[each] * 12))


def test_blank_lines_are_no_records_and_a_cut_line_is_truncated() -> None:
    plain = plain_lines(12)
    profile = count_bytes(b"\n\n \t\r\n" + b"\n".join(plain) + b"\n\r\n" + plain[0][:50])
    assert (profile.accounting.read, profile.accounting.parsed) == (13, 12)
    assert profile.accounting.rejected == {RejectReason.TRUNCATED: 1}


def test_a_last_line_without_newline_is_a_record() -> None:
    assert count_bytes(b"\n".join(plain_lines(12))).rows == 12


def test_inference_ids_of_any_length_do_not_matter() -> None:
    lines = [line("1.5,AA,2\n", inference="i" * (1 + at % 20)) for at in range(200)]
    assert count_bytes(b"\n".join(lines) + b"\n").rows == 200


def test_other_forms_among_plain_ones_are_counted_too() -> None:
    as_json = json.dumps([{"distance": 3.5, "carrier": "DL", "delay": None}, {"distance": "4.5", "carrier": "UA"}])
    record = json.loads(line("", "0.1\n0.2\n"))
    record["captureData"]["endpointInput"] |= {
        "data": as_json,
        "encoding": "JSON",
        "observedContentType": "application/json",
    }
    encoded = json.loads(line("", "0.3"))
    encoded["captureData"]["endpointInput"] |= {"data": base64.b64encode(b"1,AA,2\n").decode(), "encoding": "BASE64"}
    profile = count_bytes(among_plain(json.dumps(record).encode(), json.dumps(encoded).encode()))
    assert (profile.rows, profile.accounting.rejected_total) == (24 + 3, 0)


@pytest.mark.parametrize("order", [
    ["id", "distance", "carrier", "delay"],
    ["distance", "id", "carrier", "delay"],
    ["distance", "carrier", "delay", "id"],
], ids=["first", "middle", "last"])  # fmt: skip
@pytest.mark.parametrize("value", ["7", "", "a,b", 'say "hi"', "back\\slash", "naïve", "\x01", "[", "a b"])
def test_a_column_that_is_no_feature_is_passed_over(order: list[str], value: str) -> None:
    against = reference(order=order)
    quoted = '"' + value.replace('"', '""') + '"' if any(mark in value for mark in ',"') else value
    lines = [
        line(",".join({"id": quoted, "distance": "10.5", "carrier": "AA", "delay": f"{at}.5"}[name] for name in order))
        for at in range(20)
    ]
    plain = [line(",".join({"id": "7"}.get(name, "1") for name in order)) for _ in range(20)]
    profile = count_bytes(b"\n".join([*plain, *lines]) + b"\n", against)
    assert profile.accounting.read == 40
    assert count_bytes(b"\n".join([*lines, *plain]) + b"\n", against) == profile
    broken = lines[0].replace(b"10.5", b"10.5", 1).replace(b'"data":"', b'"data":"\xff', 1)
    count_bytes(b"\n".join([*plain, broken]) + b"\n", against)


@pytest.mark.parametrize("names", ["ab", "cd", "abcd", "a", "c"])
def test_any_mix_of_numbers_and_categories_is_counted(names: str) -> None:
    rows = 60
    kinds = {"a": [1.5] * 30 + [2.5] * 30, "b": list(map(float, range(rows))), "c": ["x"] * rows, "d": ["y", "z"] * 30}
    columns = {name: np.array(kinds[name]) if name in "ab" else kinds[name] for name in names}
    against = build_reference(columns, score=("p", np.linspace(0, 1, rows)))
    row = ",".join({"a": "1.5", "b": "17", "c": "x", "d": "z"}[name] for name in names)
    assert count_bytes(b"\n".join([line(row)] * 20) + b"\n", against).rows == 20


def test_without_a_score_the_answer_is_not_read() -> None:
    against = build_reference({"distance": np.arange(100.0)})
    profile = count_bytes(b"\n".join([line(f"{at}", "no number") for at in range(20)]), against)
    assert (profile.rows, profile.accounting.rejected_total) == (20, 0)


def test_unseen_and_other_categories_have_counts_of_their_own() -> None:
    many = [f"v{at:03d}" for at in range(200) for _ in range(1 + (at < 50))]
    against = build_reference({"c": many}, score=("p", np.linspace(0, 1, len(many))))
    lines = [line(value) for value in ["v000", "v001", "v150", "v151", "new", "nan", "NA"] * 4]
    profile = count_bytes(b"\n".join(lines), against)
    others, unseen, missing = profile.counts[0][50:-2], *profile.counts[0][-2:]
    assert (int(others.sum()), int(unseen), int(missing)) == (8, 4, 8)


def test_a_record_that_could_not_be_held_is_accounted_for() -> None:
    for made in (BlockCounter(REFERENCE), StrictLineCounter(REFERENCE)):
        made.count(Block(5, b"", False, RejectReason.TOO_LONG), "a.jsonl")
        assert made.profile().accounting.rejected == {RejectReason.TOO_LONG: 1}


@FUZZ
@given(st.integers(50, 5000))
def test_where_blocks_are_cut_does_not_matter(size: int) -> None:
    data = among_plain(*[line(row) for row in ROWS[:20]])
    assert count_bytes(data, size=size) == count_bytes(data)


def mutate(draw: st.DrawFn, raw: bytes) -> bytes:
    kind = draw(st.sampled_from(["flip", "cut", "insert", "double", "number", "swap", "drop"]))
    at = draw(st.integers(0, len(raw) - 1))
    if kind == "flip":
        return raw[:at] + bytes([draw(st.integers(0, 255))]) + raw[at + 1 :]
    if kind == "cut":
        return raw[:at]
    if kind == "insert":
        return raw[:at] + draw(st.binary(max_size=6)) + raw[at:]
    if kind == "double":
        return raw[:at] + raw[max(0, at - draw(st.integers(1, 60))) :]
    if kind == "drop":
        return raw[:at] + raw[at + draw(st.integers(1, 30)) :]
    tokens = [
        "1e5",
        "-",
        "",
        "null",
        "[]",
        "{}",
        '\\"',
        "\\n",
        "\\u0041",
        ",",
        "NaN",
        "Infinity",
        " ",
        "é",
        "0x1",
        "1e999",
    ]
    numbers = list(re.finditer(rb"-?\d+\.?\d*|AA|DL|UA", raw))
    span = draw(st.sampled_from(numbers)).span() if numbers else (at, at)
    token = draw(st.sampled_from(tokens)) if kind == "number" else draw(st.sampled_from(CARRIERS))
    return raw[: span[0]] + token.encode() + raw[span[1] :]


@FUZZ
@given(st.data())
def test_mutated_records_never_break_the_accounting_nor_part_the_readers(data: st.DataObject) -> None:
    plain = plain_lines(14)

    @st.composite
    def draw_mutated(draw: st.DrawFn) -> bytes:
        raw = draw(st.sampled_from(plain))
        for _ in range(draw(st.integers(1, 3))):
            raw = mutate(draw, raw) or b"x"
        return raw

    strange = data.draw(st.lists(draw_mutated(), min_size=1, max_size=8))
    place = data.draw(st.integers(0, len(plain)))
    account = count_bytes(b"\n".join([*plain[:place], *strange, *plain[place:]])).accounting
    assert account.read == account.parsed + account.rejected_total >= len(plain)


def test_input_only_capture_is_judged_on_its_features() -> None:
    captured = [json.loads(each) for each in plain_lines(300)]
    for each in captured:
        del each["captureData"]["endpointOutput"]
    profile = count_bytes(b"\n".join(json.dumps(each).encode() for each in captured) + b"\n")
    assert (profile.accounting.parsed, profile.rows) == (300, 300)
    judged = {each.name: each for each in judge_profile(REFERENCE, profile).features}
    assert judged["p"].verdict is Verdict.INSUFFICIENT
    assert judged["p"].reasons == ("no answer was captured, so the score is not compared",)
    assert judged["distance"].psi is not None
