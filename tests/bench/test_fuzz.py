"""The fuzzer finds what it looks for: planted faults of the reader, and only those."""

from __future__ import annotations

import io
import os
import random
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from bench.fuzz import __main__ as command
from bench.fuzz import large_records, mutations, oracle
from bench.fuzz.campaign import ExampleBatch, generate_examples, plan_batches
from bench.fuzz.corpus import build_models, draw_record, encode_line
from bench.fuzz.oracle import RECORDS, REFERENCES, STREAMS, FuzzFault, read_all, read_one, shrink
from tests.bench.fuzzer_process import FuzzerProcess, start_fuzzer_process
from tidewatch.arrays import Counts
from tidewatch.capture import rows
from tidewatch.capture.record import Record, decode_record
from tidewatch.drift.counting import line_counter, record_counter

KNOWN = build_models()
MODEL = KNOWN[0]


@pytest.fixture(scope="module")
def fuzzer() -> Iterator[FuzzerProcess]:
    with start_fuzzer_process() as process:
        yield process


def _lines(count: int) -> list[bytes]:
    rng = random.Random(1)
    return [mutations.mutate_line(MODEL, rng) for _ in range(count)]


def test_the_same_seed_makes_the_same_examples_and_another_one_others() -> None:
    batch = ExampleBatch(7, 3, RECORDS, 20)
    assert generate_examples(batch, KNOWN) == generate_examples(batch, build_models())
    assert generate_examples(batch, KNOWN) != generate_examples(ExampleBatch(8, 3, RECORDS, 20), KNOWN)


def test_a_plan_holds_as_many_examples_as_were_asked_for() -> None:
    assert sum(batch.size for batch in plan_batches(10_001, 1)) == 10_001


@pytest.mark.parametrize("what", [RECORDS, STREAMS, REFERENCES])
def test_mutated_examples_are_read_without_a_fault(fuzzer: FuzzerProcess, what: str) -> None:
    make = {RECORDS: mutations.mutate_line, STREAMS: mutations.mutate_stream, REFERENCES: mutations.mutate_reference}[
        what
    ]
    for model in KNOWN:
        rng = random.Random(2)
        assert fuzzer.call(read_all, model, what, [make(model, rng) for _ in range(40)]).fault == ""


def test_sound_records_of_every_form_are_read(fuzzer: FuzzerProcess) -> None:
    rng = random.Random(3)
    found = fuzzer.call(read_all, MODEL, RECORDS, [encode_line(draw_record(MODEL, rng)) for _ in range(200)])
    assert (found.fault, found.read) == ("", 200)
    assert found.parsed > 100


def test_a_giant_is_no_longer_than_the_reader_takes_as_a_rule() -> None:
    rng = random.Random(4)
    assert all(
        large_records.MIN_BODY_BYTES // 2 < len(large_records.build_line(MODEL, rng)) < 4 * large_records.MAX_BODY_BYTES
        for _ in range(3)
    )


def _raise_zero_division(*_: object) -> str:
    raise ZeroDivisionError("planted")


def _raise_key_error(*_: object) -> str:
    raise KeyError("planted")


def _raise_in_a_record(patches: pytest.MonkeyPatch) -> None:
    patches.setattr(rows, "parse_category", _raise_zero_division)


def _raise_outside_of_records(patches: pytest.MonkeyPatch) -> None:
    patches.setattr(line_counter.BlockCounter, "_learn_templates", _raise_key_error)


def _lose_records(patches: pytest.MonkeyPatch) -> None:
    patches.setattr(line_counter.BlockCounter, "count", lambda *_: None)


def _allow_no_time(patches: pytest.MonkeyPatch) -> None:
    patches.setattr(oracle, "MAX_SECONDS", -1.0)


def _take_memory(patches: pytest.MonkeyPatch) -> None:
    held: list[bytes] = []

    def greedy(*given: Counts) -> Counts:
        held.append(b"x" * (300 << 20))
        return given[2]

    patches.setattr(line_counter.BlockCounter, "_learn_templates", greedy)
    patches.setattr(oracle, "MAX_SECONDS", 60.0)


def _end_process(patches: pytest.MonkeyPatch) -> None:
    patches.setattr(line_counter.BlockCounter, "_learn_templates", lambda *_: os._exit(9))


def _raise_at_one_word(patches: pytest.MonkeyPatch) -> None:
    def fails(line: bytes, *, is_open: bool = False) -> Record:
        if b"planted" in line:
            raise ZeroDivisionError
        return decode_record(line, is_open=is_open)

    patches.setattr(record_counter, "decode_record", fails)
    patches.setattr(oracle, "SHRINK_TRIES", 12)


def test_an_exception_of_the_reader_is_a_fault_that_tells_it(fuzzer: FuzzerProcess) -> None:
    assert "planted" in fuzzer.call(read_all, MODEL, RECORDS, _lines(50), plant=_raise_in_a_record).fault


def test_an_exception_outside_of_any_record_is_a_fault(fuzzer: FuzzerProcess) -> None:
    assert "planted" in fuzzer.call(read_all, MODEL, RECORDS, _lines(50), plant=_raise_outside_of_records).fault


def test_a_record_that_is_lost_is_a_fault(fuzzer: FuzzerProcess) -> None:
    assert fuzzer.call(read_all, MODEL, RECORDS, _lines(5), plant=_lose_records).kind == "records lost"


def test_a_record_that_takes_too_long_is_a_fault(fuzzer: FuzzerProcess) -> None:
    assert fuzzer.call(read_one, MODEL, RECORDS, _lines(1)[0], plant=_allow_no_time).kind == "too slow"


def test_a_record_that_takes_too_much_memory_is_a_fault(fuzzer: FuzzerProcess) -> None:
    assert fuzzer.call(read_one, MODEL, RECORDS, _lines(1)[0], plant=_take_memory).kind == "too large"


def test_a_reader_whose_process_ends_is_at_fault(fuzzer: FuzzerProcess) -> None:
    found = fuzzer.call(read_all, MODEL, RECORDS, _lines(5), plant=_end_process)
    assert found.fault == "the reader's process ended: 9"


def test_what_a_fault_does_not_need_is_left_out(fuzzer: FuzzerProcess) -> None:
    data = b"x" * 4000 + b"planted" + b"y" * 4000
    kind = fuzzer.call(read_one, MODEL, RECORDS, data, plant=_raise_at_one_word).kind
    shrunk = fuzzer.call(shrink, MODEL, RECORDS, data, kind, plant=_raise_at_one_word)
    assert b"planted" in shrunk
    assert len(shrunk) < len(data) / 2


def _run_command(*arguments: str) -> tuple[int, str]:
    """Returns the command's exit code and what it printed."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        return command.main(arguments), printed.getvalue()


def test_a_fault_is_written_down_and_read_again_by_its_name(
    fuzzer: FuzzerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "OUT", tmp_path)
    file = command._save_example(FuzzFault(RECORDS, "too slow", "too slow: 2 s", _lines(1)[0], model=2))
    assert fuzzer.call(_run_command, str(file))[0] == 0
    code, printed = fuzzer.call(_run_command, str(file), plant=_allow_no_time)
    assert code == 1
    assert "too slow" in printed


def test_a_short_run_says_what_it_read_and_what_the_costliest_took(fuzzer: FuzzerProcess) -> None:
    code, printed = fuzzer.call(_run_command, "--examples", "200", "--seed", "5", "--processes", "1")
    assert code == 0
    assert "seed 5: 197 records" in printed
    assert "slowest: " in printed
