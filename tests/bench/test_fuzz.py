"""The fuzzer finds what it looks for: planted faults of the reader, and only those."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from bench.fuzz import __main__ as command
from bench.fuzz import giants, mutations, reading
from bench.fuzz.campaign import Batch, examples_of, plan
from bench.fuzz.corpus import models, packed, sound
from bench.fuzz.reading import RECORDS, REFERENCES, STREAMS, Fault, read_all, read_one, smaller
from tidewatch.capture import rows
from tidewatch.capture.record import Record, decode
from tidewatch.drift import counting, strict
from tidewatch.drift.reference import Counts

KNOWN = models()
MODEL = KNOWN[0]


def _lines(count: int) -> list[bytes]:
    rng = random.Random(1)
    return [mutations.line(MODEL, rng) for _ in range(count)]


def test_the_same_seed_makes_the_same_examples_and_another_one_others() -> None:
    batch = Batch(7, 3, RECORDS, 20)
    assert examples_of(batch, KNOWN) == examples_of(batch, models())
    assert examples_of(batch, KNOWN) != examples_of(Batch(8, 3, RECORDS, 20), KNOWN)


def test_a_plan_holds_as_many_examples_as_were_asked_for() -> None:
    assert sum(batch.size for batch in plan(10_001, 1)) == 10_001


@pytest.mark.parametrize("what", [RECORDS, STREAMS, REFERENCES])
def test_mutated_examples_are_read_without_a_fault(what: str) -> None:
    make = {RECORDS: mutations.line, STREAMS: mutations.stream, REFERENCES: mutations.reference}[what]
    for model in KNOWN:
        rng = random.Random(2)
        assert read_all(model, what, [make(model, rng) for _ in range(40)]).fault == ""


def test_sound_records_of_every_form_are_read() -> None:
    rng = random.Random(3)
    found = read_all(MODEL, RECORDS, [packed(sound(MODEL, rng)) for _ in range(200)])
    assert (found.fault, found.read) == ("", 200)
    assert found.parsed > 100


def test_a_giant_is_no_longer_than_the_reader_takes_as_a_rule() -> None:
    rng = random.Random(4)
    assert all(giants.LEAST // 2 < len(giants.line(MODEL, rng)) < 4 * giants.MOST for _ in range(3))


def test_an_exception_of_the_reader_is_a_fault_that_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> str:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(rows, "category", fails)
    assert "planted" in read_all(MODEL, RECORDS, _lines(50)).fault


def test_an_exception_outside_of_any_record_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> str:
        raise KeyError("planted")

    monkeypatch.setattr(counting.BlockCounter, "_learn", fails)
    assert "planted" in read_all(MODEL, RECORDS, _lines(50)).fault


def test_a_record_that_is_lost_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting.BlockCounter, "count", lambda *_: None)
    assert read_all(MODEL, RECORDS, _lines(5)).kind == "records lost"


def test_a_record_that_takes_too_long_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_SECONDS", -1.0)
    assert read_one(MODEL, RECORDS, _lines(1)[0]).kind == "too slow"


def test_a_record_that_takes_too_much_memory_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bytes] = []

    def greedy(*given: Counts) -> Counts:
        held.append(b"x" * (300 << 20))
        return given[2]

    monkeypatch.setattr(counting.BlockCounter, "_learn", greedy)
    monkeypatch.setattr(reading, "MOST_SECONDS", 60.0)
    assert read_one(MODEL, RECORDS, _lines(1)[0]).kind == "too large"


def test_a_reader_whose_process_ends_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting.BlockCounter, "_learn", lambda *_: os._exit(9))
    assert read_all(MODEL, RECORDS, _lines(5)).fault == "the reader's process ended: 9"


def test_what_a_fault_does_not_need_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(line: bytes, *, is_open: bool = False) -> Record:
        if b"planted" in line:
            raise ZeroDivisionError
        return decode(line, is_open=is_open)

    monkeypatch.setattr(strict, "decode", fails)
    monkeypatch.setattr(reading, "SHRINK_TRIES", 12)
    data = b"x" * 4000 + b"planted" + b"y" * 4000
    kind = read_one(MODEL, RECORDS, data).kind
    shrunk = smaller(MODEL, RECORDS, data, kind)
    assert b"planted" in shrunk
    assert len(shrunk) < len(data) / 2


def test_a_fault_is_written_down_and_read_again_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "OUT", tmp_path)
    file = command._saved(Fault(RECORDS, "too slow", "too slow: 2 s", _lines(1)[0], model=2))
    assert command.main([str(file)]) == 0
    monkeypatch.setattr(reading, "MOST_SECONDS", -1.0)
    assert command.main([str(file)]) == 1
    assert "too slow" in capsys.readouterr().out


def test_a_short_run_says_what_it_read_and_what_the_costliest_took(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--examples", "200", "--seed", "5", "--processes", "1"]) == 0
    told = capsys.readouterr().out
    assert "seed 5: 197 records" in told
    assert "slowest: " in told
