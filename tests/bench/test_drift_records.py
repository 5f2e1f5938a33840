"""The records that the drift benchmark is run on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench.drift import dataset


def write_lines(count: int, seed: int = dataset.SEED) -> bytes:
    return b"".join(dataset.generate_lines(count, seed))


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert write_lines(200) == write_lines(200)
    assert write_lines(200) != write_lines(200, seed=dataset.SEED + 1)


def test_each_line_is_a_captured_record_of_every_feature_and_a_score() -> None:
    lines = write_lines(300).splitlines()
    assert len(lines) == 300
    for line in lines:
        capture = json.loads(line)["captureData"]
        fields = capture["endpointInput"]["data"].removesuffix("\n").split(",")
        assert len(fields) == len(dataset.COLUMNS)
        assert [float(field) for field in fields[:20] if field]
        assert all(value in known for value, known in zip(fields[20:], dataset.CATEGORIES.values(), strict=True))
        assert 0 <= float(capture["endpointOutput"]["data"]) <= 1


def test_event_ids_differ_and_times_lie_in_one_hour() -> None:
    events = [json.loads(line)["eventMetadata"] for line in write_lines(300).splitlines()]
    assert len({event["eventId"] for event in events}) == 300
    assert {event["inferenceTime"][:13] for event in events} == {"2026-01-01T00"}


def test_the_stated_share_of_values_is_missing() -> None:
    rows = dataset.draw_rows(np.random.default_rng(3), 50_000)
    missing = np.isnan(rows.numeric).mean(0)
    for at, name in enumerate(dataset.NUMERIC):
        assert missing[at] == pytest.approx(dataset.MISSING.get(name, 0.0), abs=0.003)


def test_a_file_is_made_once_and_left_as_it_is(tmp_path) -> None:
    made = dataset.provide_captured_file(50, tmp_path)
    assert len(made.read_bytes().splitlines()) == 50
    made.write_bytes(b"kept")
    assert dataset.provide_captured_file(50, tmp_path).read_bytes() == b"kept"


def test_a_run_that_was_stopped_leaves_nothing_that_looks_complete(tmp_path, monkeypatch) -> None:
    def break_off(_count: int):
        yield b"half a file"
        raise KeyboardInterrupt

    monkeypatch.setattr(dataset, "generate_lines", break_off)
    with pytest.raises(KeyboardInterrupt):
        dataset.provide_captured_file(50, tmp_path)
    monkeypatch.undo()
    assert len(dataset.provide_captured_file(50, tmp_path).read_bytes().splitlines()) == 50


def test_the_training_file_holds_the_training_rows(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(dataset, "TRAINING_ROWS", 100)
    with np.load(dataset.provide_training_file(tmp_path)) as arrays:
        np.testing.assert_array_equal(arrays["numeric"], dataset.draw_training_rows().numeric)
        assert arrays["codes"].shape == (100, 4)
        assert arrays["score"].shape == (100,)
